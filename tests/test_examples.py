from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from trcaugment import read_trc

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("models/*/*.md")])


def test_the_example_files_are_what_their_script_makes() -> None:
    make = runpy.run_path(str(EXAMPLES / "make_examples.py"))
    keypoints, markers = make["trial"]("squat", 3.0, seed=5)
    for made, name in ((make["with_gaps"](keypoints), "squat_mm_with_gaps"), (markers, "squat_mm_with_gaps_markers")):
        stored = read_trc(EXAMPLES / f"{name}.trc")
        assert stored.names == made.names
        # Other processors round single precision otherwise.
        np.testing.assert_allclose(stored.positions, made.positions, atol=1e-5)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / link).exists(), f"{path.name} links to {link}"
