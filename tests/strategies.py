"""Hypothesis strategies shared by the tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from trcaugment.markers import Markers

marker_names = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp", "Zs"]) | st.just(" "),
    min_size=1,
    max_size=12,
).filter(lambda name: name == name.strip())
coordinates_m = st.floats(-50, 50, width=32)


@st.composite
def markers(draw: st.DrawFn, max_frames: int = 8, max_markers: int = 5) -> Markers:
    """Trials with steady or irregular time stamps and missing samples."""
    names = draw(st.lists(marker_names, min_size=1, max_size=max_markers, unique=True))
    n_frames = draw(st.integers(1, max_frames))
    positions = draw(npst.arrays(np.float64, (n_frames, len(names), 3), elements=coordinates_m))
    positions[draw(npst.arrays(bool, (n_frames, len(names))))] = np.nan
    steps_s = draw(npst.arrays(np.float64, n_frames, elements=st.floats(1e-4, 1)))
    return Markers(tuple(names), positions, draw(st.floats(-10, 1000)) + np.cumsum(steps_s))
