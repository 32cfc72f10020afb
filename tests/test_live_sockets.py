"""`trcaugment live`: frames over TCP and UDP, garbage among them, and a file that grows."""

import json
import signal
import socket
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from short_trials import HEIGHT_M, MASS_KG, short_walk

from trcaugment.cli import main
from trcaugment.formats.trc import format_trc, read_trc, write_trc
from trcaugment.formats.trials import read_trial
from trcaugment.live import follow as following
from trcaugment.live import server as servers
from trcaugment.live.follow import follow_trc
from trcaugment.live.lines import LineSession
from trcaugment.live.server import TcpServer, UdpServer
from trcaugment.live.stream import Stream
from trcaugment.model.folder import load_model
from trcaugment.subject import Subject

MODEL, PERSON = load_model(), Subject(HEIGHT_M, MASS_KG)
TRIAL = short_walk(0, 6)
CLIENT = Path(__file__).parents[1] / "examples" / "live_client.py"
PATIENCE_S = 300  # with a machine that does much else
WHO = ("--height", str(HEIGHT_M), "--mass", str(MASS_KG))


def open_stream(names):
    return Stream(MODEL, PERSON, names, delay_s=0.0)


def line(k, **also):
    places = dict(zip(TRIAL.names, TRIAL.positions[k].tolist(), strict=True))
    return json.dumps({"time": float(TRIAL.time_s[k]), "keypoints": places | also}).encode() + b"\n"


@contextmanager
def running(kind):
    said = []
    with kind(("127.0.0.1", 0), open_stream, said.append) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1], said
        finally:
            server.shutdown()
            thread.join()


def test_frames_over_tcp_are_answered_and_garbage_is_named():
    with (
        running(TcpServer) as (port, said),
        closing(socket.create_connection(("127.0.0.1", port), PATIENCE_S)) as client,
    ):
        lines = client.makefile("rwb")
        lines.write(line(0) + b"not json\n\xff\xfe\n" + line(0) + line(1, LWaist=[0, 0, 0]) + b'{"end": true}\n')
        lines.flush()
        client.shutdown(socket.SHUT_WR)
        answers = [json.loads(each) for each in lines]
    assert [sorted(answer) for answer in answers] == [
        *(["markers", "time"], ["error"], ["error"], ["error"]),
        *(["markers", "time"], ["error"]),
    ]
    assert "line of JSON" in answers[1]["error"]
    assert "late frame" in answers[3]["error"]
    assert "LWaist: not used" in answers[5]["error"]
    knee = open_stream(TRIAL.names).push(TRIAL.time_s[0], TRIAL.positions[0]).select(["r_knee_study"])[0, 0]
    np.testing.assert_allclose(answers[0]["markers"]["r_knee_study"], knee, atol=1e-6)
    assert any("is done" in each for each in said)


def test_a_client_that_goes_away_or_never_ends_a_line_ends_only_its_own_trial(monkeypatch):
    monkeypatch.setattr(servers, "MAX_LINE_BYTES", 4000)
    with running(TcpServer) as (port, said):
        with closing(socket.create_connection(("127.0.0.1", port), PATIENCE_S)) as endless:
            endless.sendall(b"x" * 5000)
            assert endless.recv(100) in (b"",)
        with closing(socket.create_connection(("127.0.0.1", port), PATIENCE_S)) as gone:
            gone.sendall(line(0)[:100])
        with closing(socket.create_connection(("127.0.0.1", port), PATIENCE_S)) as client:
            client.sendall(line(0))
            assert b"r_knee_study" in client.makefile("rb").readline()
    assert any("4,000 bytes" in each for each in said)


def test_datagrams_have_a_trial_for_each_sender_and_the_most_silent_makes_room(monkeypatch):
    monkeypatch.setattr(servers, "MAX_SENDERS", 1)
    with running(UdpServer) as (port, said):
        for k in (0, 0):
            with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
                sender.settimeout(PATIENCE_S)
                sender.sendto(line(k), ("127.0.0.1", port))
                assert "markers" in json.loads(sender.recv(65_535))
                sender.sendto(b"\x00garbage", ("127.0.0.1", port))
                assert "error" in json.loads(sender.recv(65_535))
    assert sum("trial is forgotten" in each for each in said) == 1


def test_keypoints_that_the_model_needs_are_asked_for_and_the_next_frame_may_start():
    session = LineSession(open_stream)
    (answer,) = session.take(b'{"time": 0, "keypoints": {"Neck": [0, 1, 0]}}')
    assert "RHip" in json.loads(answer)["error"]
    assert "markers" in json.loads(session.take(line(0))[0])
    assert "time in s" in json.loads(session.take(b'{"keypoints": {}}')[0])["error"]


def append(file, piece):
    with file.open("ab") as end:
        end.write(piece)


def test_a_file_is_followed_while_it_grows(tmp_path):
    data = b"".join(format_trc(tmp_path / "walk.trc", TRIAL, unit="mm"))
    file = tmp_path / "walk.trc"
    pieces = [data[:100], data[100:900], data[900:-700], data[-700:-10], data[-10:]]
    seen = []
    grown = follow_trc(file, PATIENCE_S)
    file.write_bytes(b"")
    writer = threading.Thread(target=lambda: [append(file, piece) for piece in pieces])
    writer.start()
    while sum(part.n_frames for part in seen) < TRIAL.n_frames:
        seen.append(next(grown))
    writer.join()
    np.testing.assert_allclose(np.concatenate([part.positions for part in seen]), TRIAL.positions, atol=1e-5)
    file.write_bytes(data[:50])
    with pytest.raises(Exception, match="shorter"):
        next(grown)


def test_late_frames_of_a_file_are_left_out_and_named(tmp_path, monkeypatch):
    monkeypatch.setattr(following, "follow_trc", lambda *_: iter([short_walk(0, 4), short_walk(2, 4)]))
    refused = []
    parts = list(following.follow(tmp_path / "walk.trc", 0.1, open_stream, refused.append, lambda: False))
    assert sum(part.n_frames for part in parts) == 6
    assert ["late frame" in each for each in refused] == [True, True]


def test_the_command_writes_a_trc_file_or_lines(tmp_path):
    file, output = tmp_path / "walk.trc", tmp_path / "walk_aug.trc"
    write_trc(file, TRIAL)
    done = CliRunner().invoke(main, ["live", str(file), *WHO, "--wait", "0.1", "-o", str(output)])
    assert done.exit_code == 0, done.output
    assert read_trc(output).n_frames == TRIAL.n_frames
    again = CliRunner().invoke(main, ["live", str(file), *WHO, "--wait", "0.1", "-o", str(output)])
    assert again.exit_code == 2
    again = CliRunner().invoke(main, ["live", str(file), *WHO, "--wait", "0.1", "-o", str(output), "--overwrite"])
    assert again.exit_code == 0
    lines = CliRunner().invoke(main, ["live", str(file), *WHO, "--wait", "0.1"])
    assert len([each for each in lines.output.splitlines() if '"markers"' in each]) == TRIAL.n_frames


def test_ctrl_c_ends_a_trial_whose_markers_are_written(tmp_path, monkeypatch):
    push = Stream.push

    def stopped_within(self, time_s, positions):
        if time_s == TRIAL.time_s[2]:
            signal.raise_signal(signal.SIGINT)
        return push(self, time_s, positions)

    monkeypatch.setattr(Stream, "push", stopped_within)
    write_trc(tmp_path / "walk.trc", TRIAL)
    output = tmp_path / ("a.trc" if find_spec("ezc3d") is None else "a.c3d")
    done = CliRunner().invoke(main, ["live", str(tmp_path / "walk.trc"), *WHO, "-o", str(output)])
    assert done.exit_code == 0, done.output
    assert read_trial(output).n_frames == 3
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "one of"),
        (["a.trc", "--port", "0"], "one of"),
        (["--port", "0", "-o", "a.trc"], "--output is for a TRC file"),
        (["--port", "0", "--host", "no such host"], "cannot listen"),
        (["--port", "0", "--host="], "--host is empty"),
        (["--port", "0", "--host", "ü" * 80], "cannot listen"),
        (["--port", "0", "--delay", "nan"], "found nan"),
    ],
)
def test_wrong_usage(arguments, said):
    done = CliRunner().invoke(main, ["live", *arguments, *WHO])
    assert done.exit_code == 2
    assert said in done.output


def test_a_file_that_never_comes_and_one_that_is_no_trc(tmp_path):
    done = CliRunner().invoke(main, ["live", str(tmp_path / "none.trc"), *WHO, "--wait", "0.1"])
    assert done.exit_code == 1
    assert "found nothing" in done.output
    (tmp_path / "text.trc").write_text("a\nb\nc\nd\ne\nf\ng\n", encoding="utf-8")
    done = CliRunner().invoke(main, ["live", str(tmp_path / "text.trc"), *WHO, "--wait", "0.1"])
    assert done.exit_code == 1


def test_a_file_without_a_frame_of_use_fails_in_a_few_lines(tmp_path):
    def live(trial, unit="m"):
        file = tmp_path / "walk.trc"
        file.write_bytes(b"".join(format_trc(file, trial, unit="mm")).replace(b"\tmm\t", f"\t{unit}\t".encode()))
        done = CliRunner().invoke(main, ["live", str(file), *WHO, "--wait", "0.1", "-o", str(tmp_path / "out.trc")])
        assert done.exit_code == 1
        assert not (tmp_path / "out.trc").exists()
        return done.output.splitlines()

    wrong_unit = live(TRIAL)
    assert len(wrong_unit) == 5
    assert all("write mm under Units" in each for each in wrong_unit[:3])
    assert wrong_unit[3] == f"left out in all: {TRIAL.n_frames} frames"
    nobody = replace(TRIAL, positions=np.full_like(TRIAL.positions, np.nan))
    assert live(nobody, "mm")[0].endswith("found no frame with enough of them to predict a marker")
    names = tuple(name.replace("Knee", "Bend") for name in TRIAL.names)
    (unknown,) = live(replace(TRIAL, names=names), "mm")
    assert unknown.endswith("2 cannot be taken from this file: RKnee, LKnee")


def test_the_example_client(tmp_path):
    write_trc(tmp_path / "walk.trc", TRIAL)
    with running(TcpServer) as (port, _):
        done = subprocess.run(
            [sys.executable, CLIENT, str(port), tmp_path / "walk.trc"], check=False, capture_output=True, text=True
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("right knee at") == TRIAL.n_frames
