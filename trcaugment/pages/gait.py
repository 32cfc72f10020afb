"""Gait cycles from heel markers: Zeni, Richards and Higginson (2008), Gait & Posture 27, 710-714.

A heel strikes where it is farthest before the pelvis. Cycles count only if the other heel strikes about halfway, as in
walking and running, and the hips stay high; squats, jumps and lying down have none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.signal import find_peaks

from trcaugment.chain.signals import BoolArray
from trcaugment.markers import FloatArray, Markers, usual_step_s

N_POINTS = 101  # of a cycle: 0 to 100 %
_HEELS = (("r_calc_study", "L_calc_study"), ("RHeel", "LHeel"))
_HIPS = (("RHJC_study", "LHJC_study"), ("r.ASIS_study", "L.ASIS_study"), ("RHip", "LHip"))
_CYCLE_S = (0.5, 2.0)
_LEAST_SWING_M = 0.15  # from behind to before the pelvis; a slow step is twice as long
_HALFWAY = (0.35, 0.65)
_LEAST_SEEN = 0.8  # share of frames
_LEAST_HEIGHT = 0.7  # of the hips above the lower heel within a cycle, as a share of the greatest in the trial

Cycle = tuple[float, float]  # from one strike of a heel to the next, in s


def find_cycles(markers: Markers) -> dict[str, list[Cycle]]:
    """Gait cycles of each side, "right" and "left", with Y up; empty lists if the person does not walk."""
    heels, hips = (next((pair for pair in pairs if set(pair) <= set(markers.names)), None) for pairs in (_HEELS, _HIPS))
    if heels is None or hips is None or markers.n_frames < 4:
        return {"right": [], "left": []}
    before = _before_pelvis(markers.select(heels), markers.select(hips))
    strikes = [_strikes(own, markers.time_s) for own in before.T]
    low_s = markers.time_s[_are_low(markers.select(heels), markers.select(hips))]
    return {
        side: [(start, end) for start, end in _cycles(*each) if not ((low_s >= start) & (low_s <= end)).any()]
        for side, each in (("right", strikes), ("left", strikes[::-1]))
    }


def over_cycles(values: FloatArray, time_s: FloatArray, cycles: Sequence[Cycle]) -> FloatArray:
    """A curve over each cycle from 0 to 100 %, (n_cycles, 101); cycles in which a value is missing are left out.

    Args:
        values: (n_frames,), NaN where missing.
        time_s: (n_frames,).
        cycles: begins and ends.
    """
    rows = []
    for start, end in cycles:
        inside = (time_s >= start - 0.1) & (time_s <= end + 0.1)
        if time_s[0] <= start and end <= time_s[-1] and np.isfinite(values[inside]).all():
            rows.append(np.interp(np.linspace(start, end, N_POINTS), time_s, values))
    return np.array(rows).reshape(-1, N_POINTS)


def _before_pelvis(heels: FloatArray, hips: FloatArray) -> FloatArray:
    """How far each heel is before the middle of the hips, in m, (n_frames, 2), from (n_frames, 2, 3) each."""
    across = hips[:, 0] - hips[:, 1]
    forward = np.stack([across[:, 2], np.zeros(len(across)), -across[:, 0]], axis=1)  # up × right
    forward /= np.maximum(np.linalg.norm(forward, axis=1, keepdims=True), 1e-9)
    return np.asarray(((heels - hips.mean(axis=1, keepdims=True)) * forward[:, None]).sum(axis=2))


def _are_low(heels: FloatArray, hips: FloatArray) -> BoolArray:
    """Frames in which the hips are not high above the lower heel, as in kneeling or lying, (n_frames,)."""
    height_m = hips[:, :, 1].mean(axis=1) - heels[:, :, 1].min(axis=1)
    return np.asarray(height_m < _LEAST_HEIGHT * np.nanmax(height_m, initial=0.0))


def _strikes(before_m: FloatArray, time_s: FloatArray) -> FloatArray:
    """Times at which a heel strikes."""
    seen = np.isfinite(before_m)
    if seen.mean() < _LEAST_SEEN:
        return np.empty(0)
    filled = np.interp(time_s, time_s[seen], before_m[seen])
    distance = max(1, round(_CYCLE_S[0] / usual_step_s(time_s)))
    peaks, _ = find_peaks(filled, prominence=_LEAST_SWING_M, distance=distance)
    return np.asarray(time_s[peaks[seen[peaks]]])


def _cycles(strikes: FloatArray, others: FloatArray) -> list[Cycle]:
    """From strike to strike, where the other heel strikes once, about halfway."""
    found = []
    for start, end in zip(strikes[:-1].tolist(), strikes[1:].tolist(), strict=True):
        between = (others[(others > start) & (others < end)] - start) / (end - start)
        alternate = len(between) == 1 and _HALFWAY[0] <= between[0] <= _HALFWAY[1]
        if alternate and _CYCLE_S[0] <= end - start <= _CYCLE_S[1]:
            found.append((start, end))
    return found
