"""Help by purpose, bars, and completion of what one types."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from trcaugment.cli import main
from trcaugment.cli.screen import progress, track


@pytest.mark.parametrize("words", [["predict"], ["batch"], ["osim", "ik"]], ids=" ".join)
def test_every_option_stands_under_a_heading(words: list[str]) -> None:
    text = CliRunner().invoke(main, [*words, "--help"], terminal_width=80).output
    headings = [line[:-1] for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings[0] == "Person"
    assert headings[-1] == "Other options"
    other = text[text.index("Other options:") :].split("\n", 1)[1]
    assert other.split() == ["-h,", "--help", "Show", "this", "message", "and", "exit."]
    for option in ("--quiet", "--json", "--overwrite", "--names"):
        assert text.count(option) == 1
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("words", [[], ["osim"], ["data"], ["experiment"]], ids=" ".join)
def test_lists_of_commands_say_in_a_whole_sentence_what_each_is_for(words: list[str]) -> None:
    text = CliRunner().invoke(main, [*words, "--help"], terminal_width=80).output
    lines = text[text.index("Commands:") :].splitlines()[1:]
    assert len(lines) >= 2
    assert [line for line in lines if not line.endswith(".") or line.endswith("...")] == []


def test_bars_hand_on_what_they_get_and_show_nothing_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track("Counting")(range(3))) == [0, 1, 2]
    with progress("Counting", 2) as step:
        step()
    assert capsys.readouterr() == ("", "")


def test_every_option_says_what_it_is_for() -> None:
    def options(command: click.Command, context: click.Context) -> Iterator[click.Option]:
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                yield from options(below, click.Context(below, context, name))
        yield from (each for each in command.params if isinstance(each, click.Option))

    without = [each.opts for each in options(main, click.Context(main, **main.context_settings)) if not each.help]
    assert without == []


def test_completion_knows_the_commands() -> None:
    names = {"COMP_WORDS": "trcaugment pre", "COMP_CWORD": "1", "_TRCAUGMENT_COMPLETE": "bash_complete"}
    done = CliRunner().invoke(main, [], env=names, prog_name="trcaugment")
    assert done.output.strip() == "plain,predict"


@pytest.mark.parametrize("value", ["nan", "inf", "0", "-6", "0.006"])
def test_a_low_pass_that_leaves_no_motion_is_wrong_usage(value):
    arguments = ["predict", "examples/walk.trc", "--height", "1.584", "--mass", "58", "-o", "x.trc", "--lowpass", value]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert "0.5 Hz or more" in done.output


@pytest.mark.parametrize("option", ["--max-gap", "--from"])
def test_nan_is_no_number_of_seconds(option: str) -> None:
    arguments = ["predict", "examples/walk.trc", "--height", "1.584", "--mass", "58", "-o", "x.trc", option, "nan"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert "found nan" in done.output
