"""Reads the pages of the documentation: their commands, why some are not run, and the numbers that have a record.

A comment before a block says what is special about it:

    <!-- not run: hours -->     the block is checked for its spelling only; the word is one of REASONS
    <!-- continues -->          the block goes on in the working folder of the block before
    <!-- without: a b -->       these files and folders are not there before
    <!-- numbers: NAME -->      every row's numbers stand in one line of docs/numbers/NAME.txt, in this order; of text,
                                which may tell of several lines, each number stands in one
    <!-- constants: a b -->     each number with decimals stands in the source of one of these files and folders
"""

from __future__ import annotations

import re
import shlex
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "docs" / "numbers"
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md"), *ROOT.glob("models/*/*.md")]
)
REASONS = {
    "install": "installs software or fetches it; .ci/run and the release do so in fresh environments",
    "recordings": "needs recordings of people that are no part of the repository",
    "others": "needs files or programs of others: OpenSim models, OpenSim's own commands, pose estimators",
    "hours": "takes from minutes to a night",
    "waits": "waits for another program",
    "gpu": "needs a graphics card",
    "macos": "needs a Mac",
    "cluster": "needs a cluster",
}
_BLOCK = re.compile(r"((?:^<!--.*?-->\n+)*)^```(bash|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_NUMBERED = re.compile(r"^[ ]*<!-- numbers: ([\w-]+) -->\n\s*?(^```.*?^```|.*?)(?:\n\n|\Z)", re.DOTALL | re.MULTILINE)
_CONSTANTS = re.compile(r"^<!-- constants: ([^>]+) -->\n+((?:^\|.*\n)+)", re.MULTILINE)
_NUMBER = re.compile(r"(?<![\w.])[-+−]?\d[\d,]*(?:\.\d+)?")
_ENDS = {"|", "&&", ";", ">", ">>", "<", "||"}


@dataclass(frozen=True)
class Block:
    """A block of commands of a page."""

    page: Path
    line: int
    language: str  # bash or python
    script: str
    reason: str | None  # why it is not run
    continues: bool
    without: tuple[str, ...] = ()  # what is not in the working folder before

    @property
    def place(self) -> str:
        """Where the block stands, as in an editor."""
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """The blocks marked bash or python of a page, in its order."""
    text = page.read_text(encoding="utf-8")
    blocks = []
    for match in _BLOCK.finditer(text):
        comments, language, script = match.groups()
        reason = re.search(r"not run: ([\w-]+)", comments)
        line = text.count("\n", 0, match.start(2)) + 1
        continues = "<!-- continues -->" in comments
        without = re.search(r"without: ([^>]*?) -->", comments)
        absent = tuple(without[1].split()) if without else ()
        blocks.append(Block(page, line, language, script, reason[1] if reason else None, continues, absent))
    return blocks


def commands_of(script: str) -> list[list[str]]:
    """The simple commands of a shell script, word by word, without comments and redirections."""
    commands = []
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word in _ENDS:
                commands += [words] if words else []
                words = []
            else:
                words.append(word)
    return commands


def numbered(page: Path) -> list[tuple[int, str, list[str]]]:
    """What of a page has a record: line, name of the record, and the lines that must agree with it."""
    text = page.read_text(encoding="utf-8")
    return [
        (text.count("\n", 0, match.start()) + 1, match[1], match[2].splitlines()) for match in _NUMBERED.finditer(text)
    ]


def claims(rows: list[str]) -> list[tuple[list[str], str]]:
    """The numbers that must stand together in a line of the record, each with the row that claims so."""
    if rows[0].startswith(("```", "|")):
        return [(numbers_in(row), row) for row in rows if row[:3] != "```"]
    return [([number], row) for row in rows for number in numbers_in(row)]


def numbers_in(text: str) -> list[str]:
    """The numbers of a line as they are written, thousands without commas; of names such as v0.3 none."""
    return [number.replace(",", "").replace("−", "-").lstrip("+") for number in _NUMBER.findall(text)]


def constants(page: Path) -> list[tuple[str, set[str]]]:
    """Numbers with decimals of tables that say what the code has, each with the numbers in the named sources."""
    found = []
    for places, rows in _CONSTANTS.findall(page.read_text(encoding="utf-8")):
        files = [
            file
            for place in places.split()
            for file in ((ROOT / place).glob("*.py") if (ROOT / place).is_dir() else [ROOT / place])
        ]
        known = {_short(number) for file in files for number in numbers_in(file.read_text(encoding="utf-8"))}
        found += [(number, known) for number in _measured(rows)]
    return found


def _short(number: str) -> str:
    return f"{abs(float(number)):g}"


def _measured(text: str) -> list[str]:
    """Numbers with decimals; of names such as Apache-2.0, of versions and of code none."""
    words = re.sub(r"`[^`]*`|\b(?:[A-Z]\w+ \d|[A-Za-z])\S*|\d+\.\d+\.\d+", "", text)
    return [_short(number) for number in numbers_in(words) if "." in number]


def record_of(name: str) -> list[str]:
    """The lines that a recorded command printed, below the line with the command and that with the date."""
    command, made, *lines = (RECORDS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    assert command.startswith("$ ") and re.match(r"# \d{4}-\d\d-\d\d", made), (
        f"{name}.txt: no command or no date on top"
    )
    return lines


def stands_in(numbers: list[str], row: list[str]) -> bool:
    """Do the numbers stand in the row in this order, perhaps rounded?"""
    left = iter(row)
    return all(any(_same(number, other) for other in left) for number in numbers)


def _same(number: str, recorded: str) -> bool:
    decimals = len(number.partition(".")[2])
    return number == recorded or (
        len(recorded.partition(".")[2]) > decimals and f"{float(recorded):.{decimals}f}" == number
    )


def coverage() -> Iterator[str]:
    """Say how many commands run in tests and how many not, and how many numbers of tables have a record."""
    counts = Counter[str]()
    for block in (block for page in PAGES for block in blocks_of(page)):
        n = len(commands_of(block.script)) if block.language == "bash" else 1
        counts[block.reason or "run"] += n
        if block.reason:
            yield f"{block.place}: {n} not run: {block.reason}"
    for reason, n in counts.items():
        yield f"{n:4} commands: {REASONS.get(reason, 'run by pytest -m slow')}"
    checked, of_code, others = 0, 0, 0
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        checked += sum(len(numbers) for _, _, rows in numbered(page) for numbers, _ in claims(rows))
        of_code += len(constants(page))
        rest = _CONSTANTS.sub("", _BLOCK.sub("", _NUMBERED.sub("", text)))
        others += sum(len(_measured(row)) for row in rest.splitlines() if row.startswith("|"))
    yield f"{checked:4} numbers are compared with what a command printed"
    yield f"{of_code:4} numbers are compared with the code"
    yield f"{others:4} numbers with decimals stand in tables without a record"


if __name__ == "__main__":
    sys.stdout.write("\n".join([*coverage(), ""]))
