from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from trcaugment import read_trc

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md"), *ROOT.glob("models/*/*.md")]
)


def test_the_examples_are_a_trial_and_its_true_markers() -> None:
    """The files are of the generator of version 0.2.0; the script makes others of today's people, in the same form."""
    make = runpy.run_path(str(EXAMPLES / "make_examples.py"))
    keypoints, markers = make["trial"]("squat", 3.0, seed=5)
    for made, name in ((make["with_gaps"](keypoints), "squat_mm_with_gaps"), (markers, "squat_mm_with_gaps_markers")):
        stored = read_trc(EXAMPLES / f"{name}.trc")
        assert (stored.names, stored.unit, made.positions.shape) == (made.names, "mm", stored.positions.shape)
        np.testing.assert_array_equal(np.isnan(stored.positions), np.isnan(made.positions))
        np.testing.assert_allclose(stored.time_s, made.time_s, atol=1e-5)
    walk, truth = (read_trc(EXAMPLES / f"{name}.trc") for name in ("walk", "walk_markers"))
    apart_m = np.linalg.norm(walk.select(["RAnkle"]) - truth.select(["r_ankle_study"]), axis=-1)
    assert 0.01 < apart_m.mean() < 0.08  # the keypoint lies in the joint, the marker on the skin of the same ankle


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / link).exists(), f"{path.name} links to {link}"
