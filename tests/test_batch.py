"""`trcaugment batch`: one bad trial stops no other, and kills at any moment lose, repeat or half-write nothing."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType, SimpleNamespace

import poisoned
import psutil
import pytest
from click.testing import CliRunner, Result
from short_trials import contents, conversions_of, freeze, short_walk, write_cohort, write_tiny_model
from tiny_models import CARD, random_network

import trcaugment.conversion.angles
import trcaugment.conversion.pools
import trcaugment.conversion.run
from trcaugment.cli import main
from trcaugment.cli.batch_progress import BatchProgress
from trcaugment.conversion.angles import find_angles
from trcaugment.conversion.folder import claimed
from trcaugment.conversion.ik import Person
from trcaugment.conversion.people import PlannedPerson
from trcaugment.conversion.pools import _check_workers, local_pool
from trcaugment.conversion.report import Angles
from trcaugment.conversion.run import Work, loaded_model, run
from trcaugment.conversion.sidecar import this_tool
from trcaugment.conversion.trials import Conversion, Outcome, Settings
from trcaugment.errors import ClusterError
from trcaugment.formats.trc import write_trc
from trcaugment.model.folder import save_model
from trcaugment.subject import Subject

TESTS = Path(__file__).parent
PATHS = os.pathsep.join(map(str, (TESTS, TESTS.parent)))  # for other processes
RESUME = Settings(resume=True)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, model: Path) -> dict[str, object]:
    """What a batch makes of `write_cohort`."""
    folder = tmp_path_factory.mktemp("undisturbed")
    result = batch(write_cohort(folder / "in"), "-o", folder / "out", "--model", model)
    assert result.exit_code == 0, result.output
    return contents(folder / "out")


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    return write_cohort(tmp_path / "in")


def batch(*arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "250"}).invoke(main, ["batch", *map(str, arguments)])


def rows(outputs: Path) -> dict[str, dict[str, str]]:
    """The report, by trial."""
    with (outputs / "batch_report.csv").open() as file:
        return {row["trial"]: row for row in csv.DictReader(file)}


def results(outputs: Path) -> dict[str, str]:
    return {name: row["result"] for name, row in rows(outputs).items()}


# One bad trial, and going on


def test_a_bad_trial_fails_alone_and_the_rest_is_kept(
    tmp_path: Path, cohort: Path, model: Path, undisturbed: dict[str, object]
) -> None:
    good = (cohort / "anna" / "t01.trc").read_bytes()
    (cohort / "anna" / "t01.trc").write_bytes(good[:300])
    result = batch(cohort, "-o", tmp_path / "out", "--model", model)
    assert result.exit_code == 1, result.output
    assert results(tmp_path / "out") == {
        name: "failed" if name == "anna/t01.trc" else "converted" for name in undisturbed if name.endswith("trc")
    }
    assert "t01.trc" in rows(tmp_path / "out")["anna/t01.trc"]["reason"]
    assert "5 converted, 1 failed" in result.output
    (cohort / "anna" / "t01.trc").write_bytes(good)
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("t*.*")}
    result = batch(cohort, "-o", tmp_path / "out", "--model", model)
    assert result.exit_code == 0, result.output
    assert "1 converted, 5 kept" in result.output
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert contents(tmp_path / "out") == undisturbed
    report = json.loads((tmp_path / "out" / "batch_report.json").read_bytes())
    assert report["counts"] == {"converted": 1, "kept": 5}
    assert [row["trial"] for row in report["trials"]] == sorted(results(tmp_path / "out"))


def test_a_dry_run_shows_the_plan_and_does_nothing(tmp_path: Path, cohort: Path) -> None:
    (cohort / "stranger.trc").write_bytes((cohort / "anna" / "t00.trc").read_bytes())
    result = batch(cohort, "-o", tmp_path / "out", "--dry-run")
    assert result.exit_code == 1
    (line,) = (line for line in result.output.splitlines() if "anna/t00.trc" in line)
    assert "1.584 m" in line
    assert "58.32 kg" in line
    assert "subjects.csv, line 2" in line
    assert "6 trials to convert, 1 that cannot be" in result.output
    assert not (tmp_path / "out").exists()


def test_the_report_lists_findings_and_strict_refuses_them(tmp_path: Path, cohort: Path, model: Path) -> None:
    write_trc(cohort / "bert" / "t03.trc", freeze(short_walk(n_frames=60), "LAnkle", 10))
    for strict, expected in (([], "converted"), (["--strict"], "failed"), ([], "kept")):
        result = batch(cohort, "-o", tmp_path / "out", "--model", model, *strict)
        row = rows(tmp_path / "out")["bert/t03.trc"]
        assert row["result"] == expected
        assert result.exit_code == (expected == "failed")
        text = row["reason"] if strict else (tmp_path / "out" / "batch_findings.csv").read_text()
        assert "LAnkle (30 of 60 frames)" in text
        assert bool(int(row["n_findings"])) != bool(strict)  # other guards may find more
        assert ("an earlier output is still there" in row["reason"]) == bool(strict)


def test_a_second_batch_on_one_folder_is_refused(
    tmp_path: Path, cohort: Path, model: Path, undisturbed: dict[str, object]
) -> None:
    outputs = tmp_path / "out"
    batch(cohort, "-o", outputs, "--model", model)
    (outputs / "anna" / "t00.trc").unlink()
    before = contents(outputs)
    hold = (
        "import sys\nfrom pathlib import Path\nfrom trcaugment.conversion.folder import claimed\n"
        "with claimed(Path(sys.argv[1]), []):\n    print('held', flush=True)\n    sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, outputs], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        result = batch(cohort, "-o", outputs, "--model", model)
        assert result.exit_code == 2
        assert "another batch is filling this folder" in result.output
        assert contents(outputs) == before
        other.kill()  # the claim ends with it
    assert batch(cohort, "-o", outputs, "--model", model).exit_code == 0
    assert contents(outputs) == undisturbed


def test_what_killed_batches_left_is_cleared_when_it_is_old(tmp_path: Path) -> None:
    old, young = (tmp_path / "out" / f".{name}.trcaugment.tmp" for name in ("old", "young"))
    with claimed(tmp_path / "out", [tmp_path / "out" / "S1"]):
        old.touch()
        young.touch()
    os.utime(old, (0, time.time() - 100))
    with claimed(tmp_path / "out", []):
        assert not old.exists()
        assert young.exists()


# Processes that are killed


def test_processes_that_are_killed_lose_no_trial_but_the_one_that_kills_them(
    tmp_path: Path, model: Path, cohort: Path, undisturbed: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trcaugment.conversion.run, "_do", poisoned.do)
    for name in ("killed_once", "killed", "raises"):
        write_trc(cohort / "anna" / f"{name}.trc", short_walk())
    conversions = conversions_of(cohort, tmp_path / "out")
    with local_pool(2) as pool:
        outcomes = list(run(conversions, Work(str(model), "cpu", RESUME), pool, 2))
    assert not multiprocessing.active_children()
    assert sorted(str(each.conversion.source) for each in outcomes) == sorted(str(each.source) for each in conversions)
    failures = {each.conversion.source.stem: each.failure for each in outcomes if each.failure}
    assert failures.keys() == {"killed", "raises"}
    assert "the process that worked on it died" in failures["killed"]
    assert "KeyError: 'nobody foresaw this'" in failures["raises"]
    found = contents(tmp_path / "out")
    assert {name: found[name] for name in undisturbed} == undisturbed
    assert found.keys() - undisturbed == {"anna/killed_once.trc", "anna/killed_once.json"}


def test_a_killed_process_is_replaced_and_harms_no_other_task(tmp_path: Path) -> None:
    with local_pool(1, apart=True) as pool:
        first = pool.submit(os.getpid).result()
        assert first != os.getpid()
        assert isinstance(pool.submit(poisoned.die).exception(), BrokenProcessPool)
        assert pool.submit(os.getpid).result() not in (first, os.getpid())
    with local_pool(1) as pool:
        assert pool.submit(os.getpid).result() == os.getpid()


def wait_for(path: Path) -> int:
    """The number of a process that tells it in a file."""
    until_s = time.monotonic() + 600
    while not path.exists() and time.monotonic() < until_s:
        time.sleep(0.02)
    return int(path.read_text())


def test_a_model_that_was_replaced_is_loaded_again(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path)
    first = loaded_model(str(folder), "cpu")
    assert loaded_model(str(folder), "cpu") is first
    shutil.rmtree(folder)
    network = random_network()
    network.deviation.mul_(2)
    save_model(folder, CARD, network)
    assert loaded_model(str(folder), "cpu").card.sha256 != first.card.sha256


def test_processes_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, poisoned\nfrom pathlib import Path\nfrom trcaugment.conversion.pools import local_pool\n"
        "if __name__ == '__main__':\n    with local_pool(1, apart=True) as pool:\n"
        "        pool.submit(poisoned.tell_and_sleep, Path(sys.argv[1])).result()\n"
    )
    (tmp_path / "parent.py").write_text(program)
    command = [sys.executable, tmp_path / "parent.py", tmp_path / "pid"]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": PATHS}, start_new_session=True) as parent:
        child = psutil.Process(wait_for(tmp_path / "pid"))
        parent.kill()
    _, alive = psutil.wait_procs([child], timeout=120)
    assert not alive


def test_ctrl_c_ends_all_in_one_line(
    tmp_path: Path, cohort: Path, model: Path, undisturbed: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trcaugment.conversion.run, "_do", poisoned.do)
    monkeypatch.setattr(trcaugment.conversion.run, "useful_jobs", lambda _, jobs: jobs)
    monkeypatch.setattr(trcaugment.conversion.pools, "_GRACE_S", 0.1)
    write_trc(cohort / "bert" / "sleeps.trc", short_walk())
    add = BatchProgress.add

    def interrupt(self: BatchProgress, outcome: object) -> None:
        add(self, outcome)  # type: ignore[arg-type]
        if outcome.conversion.source.stem == "t05":  # type: ignore[attr-defined]
            wait_for(cohort / "bert" / "sleeps.pid")
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(BatchProgress, "add", interrupt)
    begun_s = time.monotonic()
    result = batch(cohort, "-o", tmp_path / "out", "--model", model, "--jobs", "2")
    assert time.monotonic() - begun_s < 300  # it does not wait for the one that sleeps
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "Interrupted; the same command goes on."
    assert "Traceback" not in result.output
    assert not multiprocessing.active_children()
    assert results(tmp_path / "out")["bert/sleeps.trc"] == "not reached"
    assert "1 not reached" in result.output
    assert contents(tmp_path / "out") == undisturbed


# On a Dask cluster


@pytest.fixture
def scheduler() -> Iterator[str]:
    from distributed import LocalCluster

    with LocalCluster(n_workers=0, processes=True, dashboard_address=None, silence_logs=50) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def workers(tmp_path: Path, scheduler: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two, which run in a folder of their own."""
    from distributed import Client

    (tmp_path / "workers").mkdir()
    options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", tmp_path / "workers"]
    command = [sys.executable, "-m", "distributed.cli.dask_worker", scheduler, *options]
    env = {**os.environ, "PYTHONPATH": PATHS}
    with (tmp_path / "workers" / "log").open("wb") as log:
        both = [subprocess.Popen(command, env=env, cwd=tmp_path / "workers", stderr=log) for _ in range(2)]
        with Client(scheduler, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=600)  # on a busy machine, longer than a batch waits
        yield both
        for worker in both:
            worker.terminate()
            worker.wait()


def test_a_worker_of_a_cluster_that_is_killed_loses_nothing(  # noqa: PLR0913
    tmp_path: Path,
    cohort: Path,
    model: Path,
    undisturbed: dict[str, object],
    scheduler: str,
    workers: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trcaugment.conversion.run, "_do", poisoned.do)
    monkeypatch.chdir(tmp_path)  # the workers run elsewhere
    (cohort / "anna" / "killed_once.trc").write_bytes((cohort / "anna" / "t00.trc").read_bytes())
    result = batch("in", "-o", "out", "--model", model, "--dask", scheduler)
    assert result.exit_code == 0, result.output
    assert "7 converted" in result.output
    assert all("frames" in line for line in result.stderr.splitlines()), result.stderr  # nothing but progress
    assert sorted(worker.poll() or 0 for worker in workers) == [-signal.SIGKILL, 0]
    found = contents(tmp_path / "out")
    assert {name: found[name] for name in undisturbed} == undisturbed
    assert found["anna/killed_once.json"]["input"] == found["anna/t00.json"]["input"]  # type: ignore[index]


@pytest.mark.parametrize("address", ["nonsense", "http://localhost:1", "tcp://127.0.0.1:1"])
def test_a_scheduler_that_is_not_there_is_wrong_usage(
    tmp_path: Path, cohort: Path, model: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(trcaugment.conversion.pools, "_CONNECT_TIMEOUT_S", 0.5)
    result = batch(cohort, "-o", tmp_path / "out", "--model", model, "--dask", address)
    assert result.exit_code == 2
    assert f"expected a Dask scheduler at {address}, found none" in result.output
    assert not contents(tmp_path / "out")


def test_a_scheduler_that_is_lost_is_reported_in_one_line(
    tmp_path: Path, cohort: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(conversions: list[Conversion], *_: object) -> Iterator[Outcome]:
        yield Outcome(conversions[0], failure="a reason")
        raise CancelledError  # as futures of a lost scheduler do

    monkeypatch.setattr(trcaugment.conversion.run, "run", lost)
    monkeypatch.setattr(trcaugment.conversion.pools, "dask_pool", lambda _: nullcontext((None, 1)))
    result = batch(cohort, "-o", tmp_path / "out", "--model", model, "--dask", "tcp://here:1")
    assert result.exit_code == 1
    assert result.stderr == "The Dask scheduler at tcp://here:1 was lost; the same command goes on.\n"
    assert [row["result"] for row in rows(tmp_path / "out").values()] == ["failed", *["not reached"] * 5]


def test_without_dask_the_extra_is_named(
    tmp_path: Path, cohort: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed.client", None)
    result = batch(cohort, "-o", tmp_path / "out", "--model", model, "--dask", "tcp://127.0.0.1:1")
    assert result.exit_code == 2
    assert 'pip install "trcaugment[cluster]"' in result.output


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        ({"tcp://a:1": "trcaugment 0.0.1", "tcp://b:1": this_tool()}, "found trcaugment 0.0.1, trcaugment"),
        (ModuleNotFoundError("No module named 'trcaugment'"), "need this package too"),
        (TimeoutError(), "has no workers"),
    ],
)
def test_workers_need_the_same_package(answer: object, part: str) -> None:
    def reply(_: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    client = SimpleNamespace(wait_for_workers=lambda *_, **__: None, run=reply)
    with pytest.raises(ClusterError, match=part):
        _check_workers(client, "tcp://here:1")


# Joint angles


def test_angles_are_found_per_subject_and_kept(
    tmp_path: Path, opensim: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    # OpenSim in a process of its own takes seconds to load.
    monkeypatch.setattr(trcaugment.conversion.pools, "local_pool", lambda jobs, apart=False: ThreadPoolExecutor(jobs))
    cohort, outputs = write_cohort(tmp_path / "in", n_trials=2), tmp_path / "out"
    (outputs / "anna" / "ik_anna").mkdir(parents=True)
    (outputs / "anna" / "ik_anna" / "precious.txt").touch()
    result = batch(cohort, "-o", outputs, "--ik", "--jobs", "1")
    assert result.exit_code == 1
    found = rows(outputs)
    assert found["anna/t00.trc"]["angles"] == "failed"
    assert "ik_anna is in the way: it holds files that were not made here" in found["anna/t00.trc"]["angles_reason"]
    assert found["bert/t01.trc"]["angles"] == "solved"
    rms_m = found["bert/t01.trc"]["ik_marker_rms_m"]
    assert 0 < float(rms_m) <= float(found["bert/t01.trc"]["ik_marker_max_m"])
    assert results(outputs) == {"anna/t00.trc": "converted", "bert/t01.trc": "converted"}
    assert (outputs / "bert" / "ik_bert" / "t01.mot").read_text().count("\n") > 41
    (outputs / "anna" / "ik_anna" / "precious.txt").unlink()
    (outputs / "bert" / "ik_bert" / ".ab12_xyz").mkdir()  # of a batch that was killed
    result = batch(cohort, "-o", outputs, "--ik", "--jobs", "1")
    assert result.exit_code == 0, result.output
    found = rows(outputs)
    assert found["anna/t00.trc"]["angles"] == "solved"
    assert (found["bert/t01.trc"]["angles"], found["bert/t01.trc"]["ik_marker_rms_m"]) == ("kept", rms_m)
    assert results(outputs) == {"anna/t00.trc": "kept", "bert/t01.trc": "kept"}
    assert not list(outputs.rglob(".ab12_xyz"))
    assert not list(tmp_path.rglob("opensim.log"))


def test_ctrl_c_among_the_angles_is_reported_too(
    tmp_path: Path, cohort: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(everybody: list[PlannedPerson], *_: object) -> Iterator[tuple[Path, Angles]]:
        yield next(iter(everybody[0].person.trials.values())), Angles(angles="kept")
        raise KeyboardInterrupt

    monkeypatch.setattr(trcaugment.conversion.angles, "find_angles", interrupted)
    result = batch(cohort, "-o", tmp_path / "out", "--model", model, "--ik")
    assert result.exit_code == 1
    assert "Interrupted; the same command goes on." in result.stderr
    assert [row["angles"] for row in rows(tmp_path / "out").values()] == ["kept", *["not reached"] * 5]


def test_without_opensim_the_reason_is_reported_and_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opensim", None)
    write_trc(tmp_path / "t.trc", short_walk())
    person = Person(tmp_path / "ik_anna", Subject(1.6, 60), {"t": tmp_path / "t.trc"})
    with ThreadPoolExecutor(1) as pool:
        ((path, angles),) = find_angles([PlannedPerson(person, {"t": "0"})], False, pool, 1)
    assert path == tmp_path / "t.trc"
    assert angles.angles == "failed"
    assert str(angles.angles_reason).startswith("this needs the package opensim")
