"""Missing keypoints in training windows: removed in patterns of real files, and filled as in prediction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from trcaugment.body.windows import Windows
from trcaugment.chain.arms import fold
from trcaugment.chain.filling import carry, most_likely
from trcaugment.chain.signals import BoolArray
from trcaugment.marker_sets import ARM_KEYPOINTS, KEYPOINTS, SIDES, Side
from trcaugment.markers import RATE_HZ, FloatArray

_LONGEST_GAP = 60  # frames; twice a window
_APART_S = 1000.0  # time between windows, so that `carry` does not carry anything from one to the next


def _named(side: Side, *parts: str) -> tuple[str, ...]:
    return tuple(KEYPOINTS.named(part, side) for part in parts)


def _foot(side: Side, *others: str) -> tuple[str, ...]:
    return _named(side, "Heel", "SmallToe", "BigToe", *others)


# Groups of keypoints that go missing together, with relative frequencies: pose models without small toes (BlazePose) or
# feet (COCO_17), feet and legs out of view or hidden, and single keypoints.
_GROUPS: dict[tuple[str, ...], float] = {
    **{(name,): 1.0 for name in KEYPOINTS},
    ("RSmallToe", "LSmallToe"): 6.0,
    _foot("right") + _foot("left"): 4.0,
    **{
        group: 0.5
        for side in SIDES
        for group in (_named(side, "SmallToe", "BigToe"), (*_named(side, "Shoulder"), "Neck"))
    },
    **{_foot(side): 1.0 for side in SIDES},
    **{_foot(side, "Ankle"): 0.5 for side in SIDES},
    **{_foot(side, "Ankle", "Knee"): 0.5 for side in SIDES},
}
_MISSING = np.stack([np.isin(KEYPOINTS.names, group) for group in _GROUPS])


def lose_keypoints(windows: Windows, rate: float, generator: torch.Generator) -> Windows:
    """Remove a group of keypoints from some windows, and fill them with their most likely positions.

    In half of these windows the keypoints are missing from the whole trial. In the other half they have a gap of up to
    1 s, of which the window may show only a part, and are seen before and after it.

    Args:
        windows: windows with all keypoints.
        rate: share of windows that lose keypoints.
        generator: source of all randomness; not used if the rate is 0.
    """
    if not rate:
        return windows
    if windows.keypoint_set is ARM_KEYPOINTS:
        return _lose_arms(windows, rate, generator)
    n, n_frames = windows.keypoints.shape[:2]
    lost = torch.rand(n, generator=generator) < rate
    group = torch.multinomial(torch.tensor(list(_GROUPS.values())), n, replacement=True, generator=generator)
    absent = torch.rand(n, generator=generator) < 0.5
    inside = absent[:, None] | _gaps(n, n_frames, generator)
    keypoints = windows.keypoints.clone()
    for k in sorted(set(group[lost].tolist())):
        chosen = torch.nonzero(lost & (group == k))[:, 0]
        of_group = (values[chosen].numpy() for values in (windows.keypoints, windows.height_m, inside, absent))
        keypoints[chosen] = torch.from_numpy(fill_windows(_MISSING[k], *of_group)).to(keypoints)
    return replace(windows, keypoints=keypoints)


def _lose_arms(windows: Windows, rate: float, generator: torch.Generator) -> Windows:
    """Remove one arm from some windows, in half of them from all frames, as prediction treats missing arms."""
    n, n_frames = windows.keypoints.shape[:2]
    lost = torch.rand(n, generator=generator) < rate
    right = torch.rand(n, generator=generator) < 0.5
    absent = torch.rand(n, generator=generator) < 0.5
    inside = (absent[:, None] | _gaps(n, n_frames, generator)) & lost[:, None]
    gone = torch.stack([inside & right[:, None], inside & ~right[:, None]], dim=2)
    return replace(windows, keypoints=torch.from_numpy(fold(windows.keypoints.numpy(), gone.numpy())))


def _gaps(n: int, n_frames: int, generator: torch.Generator) -> Tensor:
    """Mask of one gap in every window, which may begin before or end after the window, (n, n_frames)."""
    length = torch.randint(1, _LONGEST_GAP + 1, (n, 1), generator=generator)
    start = (torch.rand(n, 1, generator=generator) * (n_frames + length - 1)).long() - length + 1
    frame = torch.arange(n_frames)
    return (frame >= start) & (frame < start + length)


def fill_windows(
    missing: BoolArray, keypoints: FloatArray, height_m: FloatArray, inside: BoolArray, absent: BoolArray
) -> FloatArray:
    """Fill a group of keypoints inside gaps, as prediction fills them.

    Args:
        missing: mask of the group, (15,).
        keypoints: keypoint positions in m, (n_windows, n_frames, 15, 3).
        height_m: height of every window's subject in m, (n_windows,).
        inside: mask of the frames in gaps, (n_windows, n_frames).
        absent: mask of windows whose keypoints are missing from the whole trial, (n_windows,).
    """
    n, n_frames = inside.shape
    frames = keypoints.reshape(-1, len(missing), 3).astype(np.float64)
    likely = most_likely(frames, missing, np.repeat(height_m.astype(np.float64), n_frames))
    own = likely.difference(frames[:, missing])
    # In prediction the rest of the trial gives the usual difference; here the removed frames stand in for it.
    usual = np.median(own.reshape(n, n_frames, -1, 3), axis=1) * ~absent[:, None, None]
    usual = np.repeat(usual, n_frames, axis=0)
    time_s = (np.arange(n_frames) / RATE_HZ + _APART_S * np.arange(n)[:, None]).ravel()
    wanted = inside.ravel()
    carried = own.copy()
    for k in range(own.shape[1]):
        carried[wanted, k] = carry(own[~wanted, k], time_s[~wanted], time_s[wanted], usual[wanted, k])
    filled = frames.copy()
    filled[:, missing] = likely.moved(carried)
    return np.where(inside[:, :, None, None], filled.reshape(keypoints.shape), keypoints)
