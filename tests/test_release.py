"""What a release says of itself: one version, in every place that people look at."""

import re
import tomllib
from pathlib import Path

import yaml

import trcaugment

ROOT = Path(__file__).parents[1]


def test_package_citation_and_changelog_name_the_same_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == "trcaugment/__init__.py"
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", changelog, flags=re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1] == f"{trcaugment.__version__} - {citation['date-released']}"
    assert citation["version"] == trcaugment.__version__
