"""Ranges of frames on the screen: what all keypoints lack is told once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from short_trials import WALK

from trcaugment import read_trc, write_trc
from trcaugment.cli import main
from trcaugment.cli.frame_ranges import by_ranges, common, others

FRAMES = st.frozensets(st.integers(1, 12))


def ranges(frames: frozenset[int]) -> tuple[tuple[int, int], ...]:
    firsts = [k for k in sorted(frames) if k - 1 not in frames]
    lasts = [k for k in sorted(frames) if k + 1 not in frames]
    return tuple(zip(firsts, lasts, strict=True))


@given(st.dictionaries(st.sampled_from("abc"), FRAMES, min_size=1))
def test_common_frames_and_the_others_are_those_of_sets(gaps: dict[str, frozenset[int]]) -> None:
    shown = {name: ranges(frames) for name, frames in gaps.items()}
    everywhere = frozenset.intersection(*gaps.values())
    assert common(shown, gaps.keys()) == ranges(everywhere)
    assert common(shown, [*gaps, "d"]) == ()
    for name, frames in gaps.items():
        assert others(shown[name], ranges(everywhere)) == ranges(frames - everywhere)
    assert {name for names, _ in by_ranges(shown) for name in names} == {name for name in gaps if gaps[name]}


def test_a_person_who_leaves_the_scene_is_one_short_line(tmp_path: Path) -> None:
    walk = read_trc(WALK)
    positions = walk.positions[:120].copy()
    positions[80:] = np.nan
    positions[20:50, walk.names.index("RSmallToe")] = np.nan
    write_trc(tmp_path / "left.trc", replace(walk, positions=positions, time_s=walk.time_s[:120], notes=()))
    words = ["predict", tmp_path / "left.trc", "--height", 1.584, "--mass", 58.32, "-o", tmp_path / "out.trc"]
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[2:] == [
        "  predicted in 80 of 120 frames, NaN in the others",
        "  no keypoint, left as NaN: 40 frames (81-120)",
        "  missing, most likely place instead: RSmallToe in 30 frames (21-50)",
    ]
