"""`trcaugment live`: markers while a trial is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trcaugment.cli.options import Seconds, model_option, subject_options
from trcaugment.cli.outputs import STANDARD, check_outputs, write_output
from trcaugment.cli.screen import counted, say
from trcaugment.errors import TrcAugmentError

if TYPE_CHECKING:
    from trcaugment.live.lines import Open
    from trcaugment.markers import Markers
    from trcaugment.subject import Subject

_REASONS_SHOWN = 3


@click.command(short_help="Predict markers while a trial is recorded.")
@click.argument("keypoints", required=False, metavar="[KEYPOINTS]", type=click.Path(path_type=Path, dir_okay=False))
@subject_options
@click.option("--port", type=click.IntRange(0, 65535), help="Take frames over TCP at this port; 0 for a free one.")
@click.option("--udp", type=click.IntRange(0, 65535), help="Take frames in UDP datagrams at this port.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen at; the default is this machine."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="TRC or C3D file, written at the end."
)
@click.option("--overwrite", is_flag=True, help="Replace the output if it exists.")
@click.option("--delay", "delay_s", type=Seconds(0, 60), default=1.0, show_default=True, metavar="SECONDS",
              help="How long after a frame its markers come; from 1 s on they are those of predict.")  # fmt: skip
@click.option("--wait", "patience_s", type=Seconds(0.1), default=5.0, show_default=True, metavar="SECONDS",
              help="The trial is over when the file has not grown for this long.")  # fmt: skip
@model_option
def live(
    keypoints: Path | None,
    subject: Subject,
    port: int | None,
    udp: int | None,
    host: str,
    output: Path | None,
    overwrite: bool,
    delay_s: float,
    patience_s: float,
    model_name: str | None,
) -> None:
    """Predict markers while a trial is recorded: of a growing TRC file, or of frames that come over a socket.

    Without --output and with a socket, frames come and go as lines of JSON. Ctrl-C ends the trial.
    """
    from trcaugment.live.stream import Stream
    from trcaugment.model.card import DEFAULT_MODEL
    from trcaugment.model.folder import load_model

    if (keypoints is not None) + (port is not None) + (udp is not None) != 1:
        raise click.UsageError("expected one of a TRC file, --port and --udp")
    if output is not None and keypoints is None:
        raise click.UsageError("--output is for a TRC file; over a socket the markers go back to the client")
    try:
        model = load_model(DEFAULT_MODEL if model_name is None else model_name)
    except TrcAugmentError as error:
        raise click.UsageError(str(error)) from error

    def open_stream(names: Sequence[str]) -> Stream:
        return Stream(model, subject, names, delay_s=delay_s)

    if keypoints is not None:
        if output is not None:
            check_outputs([output], [keypoints], overwrite)
        _follow(keypoints, output, patience_s, open_stream)
    else:
        _serve(host, port, udp, open_stream)


class _LeftOut:
    """Frames that are left out: the first reasons are shown, the others counted, as a wrong unit is wrong in each."""

    def __init__(self) -> None:
        self.n = 0

    def add(self, reason: str) -> None:
        self.n += 1
        if self.n <= _REASONS_SHOWN:
            say(reason, err=True)

    def show_rest(self) -> None:
        if self.n > _REASONS_SHOWN:
            say(f"left out in all: {self.n} frames", err=True)


def _follow(keypoints: Path, output: Path | None, patience_s: float, open_stream: Open) -> None:
    """Write markers as they come to standard output, or at the end into a file."""
    from trcaugment.live.follow import ending_on_ctrl_c, follow
    from trcaugment.live.lines import as_lines

    given: list[Markers] = []
    left_out = _LeftOut()
    try:
        with ending_on_ctrl_c() as is_over:
            for each in follow(keypoints, patience_s, open_stream, left_out.add, is_over):
                given.append(each)
                if output is None:
                    say("\n".join(line.decode() for line in as_lines(each)))
    except TrcAugmentError as error:
        raise _failed(error.brief) from error
    left_out.show_rest()
    if not given:
        raise _failed(f"{keypoints}: expected frames, found none that can be used")
    if not any(map(_shows_something, given)):
        raise _failed(f"{keypoints}: expected keypoints, found no frame with enough of them to predict a marker")
    if output is not None:
        _write(given, keypoints, output)
    if left_out.n:
        raise SystemExit(1)


def _failed(reason: str) -> SystemExit:
    say(f"{click.style('failed', fg='red')}: {reason}", err=True)
    return SystemExit(1)


def _write(given: Sequence[Markers], keypoints: Path, output: Path) -> None:
    from trcaugment.formats.trials import format_trial

    whole = _joined(given)
    try:
        write_output(output, b"".join(format_trial(output, whole, unit=whole.unit)))
    except TrcAugmentError as error:
        raise click.ClickException(str(error)) from error
    say(f"{keypoints} -> {output} ({counted(whole.n_frames, 'frame')})", err=output == STANDARD)


def _shows_something(markers: Markers) -> bool:
    import numpy as np

    return bool(np.isfinite(markers.positions).any())


def _joined(parts: Sequence[Markers]) -> Markers:
    import numpy as np

    time_s = np.concatenate([each.time_s for each in parts])
    return replace(parts[0], positions=np.concatenate([each.positions for each in parts]), time_s=time_s)


def _serve(host: str, port: int | None, udp: int | None, open_stream: Open) -> None:
    """Serve until Ctrl-C."""
    from trcaugment.live.server import TcpServer, UdpServer

    def note(text: str) -> None:
        say(text, err=True)

    kind = TcpServer if udp is None else UdpServer
    chosen = port if udp is None else udp
    if not host:  # to a socket, that means every network
        raise click.UsageError("--host is empty: name an address of this machine, or 0.0.0.0 to listen on all networks")
    assert chosen is not None
    try:
        server = kind((host, chosen), open_stream, note)
    except (OSError, TypeError, UnicodeError) as error:  # the last two of a host name that none can have
        why = getattr(error, "strerror", None) or error
        raise click.UsageError(f"cannot listen at {host}:{chosen} ({why})") from error
    with server:
        say(f"listening at {host}:{server.server_address[1]}, {'TCP' if udp is None else 'UDP'}; Ctrl-C ends it")
        try:
            server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            say("stopped")
