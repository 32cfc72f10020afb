"""The figure of `trcaugment osim ik`: distances between the model's markers and the measured ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trcaugment.osim.ik import MAX_LIMIT_M, RMS_LIMIT_M, MarkerErrors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_RMS_COLOR = "#2b5fa8"
_MAX_COLOR = "#e9a23b"
_LIMIT_COLOR = "#d1495b"


def draw_ik_errors(errors: MarkerErrors, title: str) -> Figure:
    """Draw RMS and maximum error of every marker and of every frame, with OpenSim's recommended limits.

    Args:
        errors: marker errors of one trial.
        title: name of the trial.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6.5), layout="constrained")
    bars, frames = figure.subplots(2, 1, height_ratios=[3, 2])
    x = np.arange(len(errors.names))
    bars.bar(x, 1000 * errors.marker_rms_m, color=_RMS_COLOR, label="RMS")
    bars.plot(x, 1000 * errors.marker_max_m, "_", color=_MAX_COLOR, ms=9, mew=2.5, label="maximum")
    bars.set_xticks(x, [name.removesuffix("_study") for name in errors.names], rotation=60, ha="right", fontsize=8)
    bars.set_xlim(-0.7, len(x) - 0.3)
    # NaN breaks the curves where frames were left out.
    steps_s = np.diff(errors.time_s, prepend=errors.time_s[:1])
    gaps = np.flatnonzero(steps_s > 1.5 * np.median(steps_s))
    time_s = np.insert(errors.time_s, gaps, np.nan)
    frames.plot(time_s, np.insert(1000 * errors.frame_rms_m, gaps, np.nan), color=_RMS_COLOR, lw=1.2)
    largest_mm = 1000 * np.nanmax(errors.distance_m, axis=1)
    frames.plot(time_s, np.insert(largest_mm, gaps, np.nan), color=_MAX_COLOR, lw=1.2)
    frames.set_xlabel("time (s)")
    for axes in (bars, frames):
        axes.axhline(1000 * RMS_LIMIT_M, color=_LIMIT_COLOR, lw=0.8, ls="--", label="limit of the RMS")
        axes.axhline(1000 * MAX_LIMIT_M, color=_LIMIT_COLOR, lw=0.8, label="limit of the maximum")
        axes.set_ylim(bottom=0)
        axes.set_ylabel("marker error (mm)")
        axes.grid(axis="y", color="#dddddd", lw=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    bars.legend(frameon=False, ncols=4, loc="upper left", bbox_to_anchor=(0, 1.14), fontsize=8)
    figure.suptitle(f"{title}: inverse kinematics, RMS {1000 * errors.rms_m:.1f} mm", fontsize=11)
    return figure
