"""What interpolated joint angles cost: gaps in generated motions, filled by three ways, with and without noise.

Prints the RMS error over all coordinates that markers show, in degrees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.interpolate import Akima1DInterpolator, PchipInterpolator, make_interp_spline

from trcaugment.body.procedural import make_motion
from trcaugment.body.skeleton import COORDINATES
from trcaugment.markers import RATE_HZ

WAYS: dict[str, Callable[..., Any]] = {
    "Akima": Akima1DInterpolator,
    "PCHIP": PchipInterpolator,
    "spline": make_interp_spline,
}
STILL = ("arm_", "elbow", "pro_sup", "mtp")
N_TRIALS = 6
AROUND = 20  # frames on each side
EVERY = 7


def main() -> None:
    """Print the table."""
    shown = [k for k, each in enumerate(COORDINATES) if each.rotational and not each.name.startswith(STILL)]
    print(f"{'':14}{'gap (s)':>8}{'noise (deg)':>12}" + "".join(f"{way:>8}" for way in WAYS))
    for activity in ("walk", "squat", "run", "jump", "sit_to_stand"):
        for n_frames, noise_deg in ((6, 0.0), (11, 0.0), (6, 0.5)):
            rng = np.random.default_rng(0)
            squares: dict[str, list[float]] = {way: [] for way in WAYS}
            for _ in range(N_TRIALS):
                truth = np.rad2deg(make_motion(activity, rng)[:, shown])
                angles = truth + noise_deg * rng.standard_normal(truth.shape)
                time_s = np.arange(len(truth)) / RATE_HZ
                for first in range(AROUND, len(truth) - n_frames - AROUND, EVERY):
                    gap = np.arange(first, first + n_frames)
                    seen = np.r_[first - AROUND : first, first + n_frames : first + n_frames + AROUND]
                    for way, make in WAYS.items():
                        made = make(time_s[seen], angles[seen])(time_s[gap])
                        squares[way].append(float(np.mean((made - truth[gap]) ** 2)))
            errors = "".join(f"{np.sqrt(np.mean(each)):8.2f}" for each in squares.values())
            print(f"{activity:14}{n_frames / RATE_HZ:8.2f}{noise_deg:12.1f}{errors}")


if __name__ == "__main__":
    main()
