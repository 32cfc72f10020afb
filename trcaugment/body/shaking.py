"""Drift and noise of simulated detectors."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trcaugment.markers import RATE_HZ, SMALL_NOISE_M, smoothing_hz

_REACH = 14  # frames: the response of the strongest smoothing is below 1 % beyond it
# Shares of windows whose noise is at most a tenth of the largest, and whose noise a pipeline has low-passed.
_SMALL_SHARE, _FILTERED_SHARE = 0.25, 0.5


def uniform(n: int, generator: torch.Generator) -> Tensor:
    """Even from 0 to 1, (n, 1, 1, 1): a value for each window."""
    return torch.rand(n, 1, 1, 1, generator=generator)


def drift(largest_m: float, like: Tensor, generator: torch.Generator) -> Tensor:
    """A constant and a slow wave, different for every keypoint and axis."""
    n, n_frames, n_keypoints, _ = like.shape
    size = largest_m * uniform(n, generator)
    shape = (n, 1, n_keypoints, 3)
    constant, wave = torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)
    phase, period = 6.2832 * torch.rand(shape, generator=generator), 30 + 120 * torch.rand(shape, generator=generator)
    time = torch.arange(n_frames).view(1, n_frames, 1, 1)
    drift: Tensor = size * (0.7 * constant + wave * torch.sin(6.2832 * time / period + phase))
    return drift


def noise(largest_m: float, like: Tensor, generator: torch.Generator) -> Tensor:
    """Noise as the network gets it, small in most windows.

    In some windows it was low-passed before, by pipelines that filter. In the others it is white, and prediction
    smooths it if it is large (`trcaugment.chain.noise`).
    """
    n, n_frames, n_keypoints, _ = like.shape
    size = largest_m * uniform(n, generator) ** 2
    size = torch.where(uniform(n, generator) < _SMALL_SHARE, 0.1 * size, size)
    white = torch.randn(n, n_frames + 2 * _REACH, n_keypoints, 3, generator=generator)
    lag = torch.arange(-_REACH, _REACH + 1).view(1, -1, 1, 1)
    filtered = torch.exp(-0.5 * (lag / (0.8 + 1.7 * uniform(n, generator))) ** 2)
    taps = torch.where(uniform(n, generator) < _FILTERED_SHARE, filtered, _smoothing_taps(size, lag))
    taps = taps / taps.sum(dim=1, keepdim=True)
    left = torch.zeros_like(like)
    for k in range(2 * _REACH + 1):
        left += taps[:, k : k + 1] * white[:, k : k + n_frames]
    return size * left


def _smoothing_taps(noise_m: Tensor, lag: Tensor) -> Tensor:
    """Impulse response of the smoothing of noise of these sizes, (n, n_lags, 1, 1); 1 at lag 0 alone where it stays.

    The response to the gain 1 / (1 + (f / f_c)^4) is exp(-a |t|) (cos a t + sin a |t|) with a = 2 pi f_c / sqrt 2.
    """
    cutoff_hz = torch.from_numpy(smoothing_hz(noise_m.clamp(min=SMALL_NOISE_M).numpy()))
    turn = math.sqrt(2) * math.pi / RATE_HZ * cutoff_hz * lag.abs()
    smoothed = torch.exp(-turn) * (torch.cos(turn) + torch.sin(turn))
    return torch.where(noise_m > SMALL_NOISE_M, smoothed, (lag == 0).to(smoothed))
