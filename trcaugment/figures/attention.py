"""A heat map of attention weights: keypoints by time, like figure 4 of the CS230 report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from trcaugment.markers import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_attention(weights: FloatArray, time_s: FloatArray, names: Sequence[str]) -> Figure:
    """Draw attention weights, with keypoints across and time downward. Frames without weights stay grey.

    Args:
        weights: attention weights, NaN in frames without prediction, (n_frames, n_keypoints).
        time_s: increasing time stamps in s, (n_frames,).
        names: names of the keypoints, (n_keypoints,).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 7), layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor("#bbbbbb")
    half_s = np.diff(time_s) / 2 if len(time_s) > 1 else np.array([0.5])
    between_s = time_s[:-1] + half_s[: len(time_s) - 1]
    edges_s = np.concatenate([time_s[:1] - half_s[0], between_s, time_s[-1:] + half_s[-1]])
    columns = np.arange(len(names) + 1) - 0.5
    mesh = axes.pcolormesh(columns, edges_s, np.ma.masked_invalid(weights), cmap="viridis", rasterized=True)
    axes.invert_yaxis()  # time runs downward, as in the report
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right")
    axes.set_ylabel("time (s)")
    bar = figure.colorbar(mesh, ax=axes)
    bar.set_label(f"attention weight (even attention: {1 / len(names):.3f})")
    axes.set_title("Spatial attention; the weights of every frame sum to one", fontsize=10)
    return figure
