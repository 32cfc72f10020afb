"""The documentation keeps its word: commands are spelled right and run, numbers are those that commands printed."""

from __future__ import annotations

import doctest
import re
import shutil
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import click
import pytest
from docs_pages import (
    PAGES,
    REASONS,
    ROOT,
    Block,
    blocks_of,
    claims,
    commands_of,
    constants,
    numbered,
    numbers_in,
    record_of,
    stands_in,
)
from docs_world import make_world, run_block

from trcaugment.cli import main

BLOCKS = [block for page in PAGES for block in blocks_of(page)]
RUN = [block for block in BLOCKS if block.reason is None]


def _command(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that the words name, and its arguments."""
    command: click.Command = main
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"there is no command {words[0]}"
        command, words = found, words[1:]
    return command, words


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "bash"], ids=lambda block: block.place)
def test_commands_are_spelled_as_the_command_line_knows_them(block: Block) -> None:
    assert block.reason is None or block.reason in REASONS
    for words in commands_of(block.script):
        if words[0] == "trcaugment":
            command, arguments = _command(words[1:])
            # A command remembers its help option from the first context it meets, so it must be the group's.
            context = click.Context(command, **main.context_settings)
            given, _, _ = command.make_parser(context).parse_args(arguments)
            assert "help" in given or all(
                given.get(each.name) not in (None, ()) for each in command.params if each.required
            ), f"an argument or option is missing: {' '.join(words)}"
        elif words[:1] == ["python"] and words[1].endswith(".py"):
            assert (ROOT / words[1]).is_file() or (ROOT / "examples" / words[1]).is_file(), words[1]


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_to_headings_lead_to_headings(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text(encoding="utf-8")):
        assert anchor in _anchors(page.parent / target if target else page), f"{page.name} links to {target}#{anchor}"


def test_pages_of_models_link_to_pages_of_the_site_which_holds_them() -> None:
    for page in ROOT.glob("models/*/*.md"):
        for link in re.findall(r"\]\(([^)#:]+)", page.read_text(encoding="utf-8")):
            assert link.startswith("../../docs/"), f"{page.parent.name} links to {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_stand_in_blocks_that_are_marked_as_such(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    for before, line in pairwise(lines):
        assert not (line.startswith("    trcaugment ") and not before.endswith("\\")), (
            f"{page.name}: mark it bash: {line}"
        )
        assert not (line.startswith("trcaugment ") and before == "```"), f"{page.name}: mark it bash: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_numbers_are_those_that_their_command_printed(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(numbered(page)) == len(re.findall("(?m)^ *<!-- numbers:", text)), "a mark without a block below it"
    for line, name, rows in numbered(page):
        printed = [numbers_in(row) for row in record_of(name)]
        for numbers, row in claims(rows):
            assert any(stands_in(numbers, each) for each in printed), (
                f"{page.name}:{line}: docs/numbers/{name}.txt has no line with {numbers}\n{row}"
            )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_numbers_of_the_code_stand_in_the_code(page: Path) -> None:
    assert "<!-- constants:" not in page.read_text(encoding="utf-8") or constants(page)
    for number, known in constants(page):
        assert number in known, f"{page.name}: the files named have no {number}"


@pytest.mark.parametrize("module", ["markers", "subject", "formats.trc", "model.card", "chain.augmentation"])
def test_examples_in_docstrings_print_what_they_say(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    ran = doctest.testmod(import_module(f"trcaugment.{module}"), optionflags=doctest.ELLIPSIS)
    assert ran.attempted >= 2
    assert ran.failed == 0


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, opensim: object) -> Path:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def places() -> dict[Path, Path]:
    """The working folder of each page's last block."""
    return {}


@pytest.mark.slow
@pytest.mark.parametrize("block", RUN, ids=lambda block: block.place)
def test_commands_run(block: Block, world: Path, places: dict[Path, Path], tmp_path: Path) -> None:
    folder = places[block.page] if block.continues else tmp_path / "here"
    if not block.continues:
        shutil.copytree(world, folder, symlinks=True)
    run_block(block, folder)
    places[block.page] = folder
