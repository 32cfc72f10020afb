"""Missing keypoints in training windows: lost as in real files, filled as prediction fills them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from trcaugment.body.windows import Windows
from trcaugment.chain.filling import carry, most_likely
from trcaugment.chain.signals import BoolArray
from trcaugment.marker_sets import KEYPOINTS, SIDES, Side
from trcaugment.markers import RATE_HZ, FloatArray

_LONGEST_GAP = 60  # frames; twice a window
_APART_S = 1000.0  # between windows, so that nothing is carried from one to the next


def _named(side: Side, *parts: str) -> tuple[str, ...]:
    return tuple(KEYPOINTS.named(part, side) for part in parts)


def _foot(side: Side, *others: str) -> tuple[str, ...]:
    return _named(side, "Heel", "SmallToe", "BigToe", *others)


# What goes missing together, and how often: pose models without small toes (BlazePose) or feet (COCO_17), feet and legs
# out of the picture or behind something, and every keypoint alone.
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
    """Windows of which some have lost keypoints, with most likely places instead of them.

    Half of these know nothing of the person's own keypoints, as where a file lacks them altogether. The other half have
    a gap of up to 1 s, or a part of one, before and after which they are seen.

    Args:
        windows: windows with all keypoints.
        rate: share of windows that lose some.
        generator: source of all randomness; not used where the rate is 0.
    """
    if not rate:
        return windows
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


def _gaps(n: int, n_frames: int, generator: torch.Generator) -> Tensor:
    """A run of frames in every window, cut off by its ends, (n, n_frames)."""
    length = torch.randint(1, _LONGEST_GAP + 1, (n, 1), generator=generator)
    start = (torch.rand(n, 1, generator=generator) * (n_frames + length - 1)).long() - length + 1
    frame = torch.arange(n_frames)
    return (frame >= start) & (frame < start + length)


def fill_windows(
    missing: BoolArray, keypoints: FloatArray, height_m: FloatArray, inside: BoolArray, absent: BoolArray
) -> FloatArray:
    """Windows with a group of keypoints filled inside gaps, as prediction would fill them.

    Args:
        missing: the group, (15,).
        keypoints: in m, (n_windows, n_frames, 15, 3).
        height_m: (n_windows,).
        inside: frames of the gaps, (n_windows, n_frames).
        absent: windows of people whose missing keypoints were never seen, (n_windows,).
    """
    n, n_frames = inside.shape
    frames = keypoints.reshape(-1, len(missing), 3).astype(np.float64)
    likely = most_likely(frames, missing, np.repeat(height_m.astype(np.float64), n_frames))
    own = likely.difference(frames[:, missing])
    # The rest of the trial would tell it; the window's own hidden frames do as well.
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
