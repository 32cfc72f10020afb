"""Interpolation through samples: cubic splines and PCHIP, as scipy's, whose import alone takes half of a prediction.

Both are Hermite cubics between samples; they differ in the slopes there. `tests/test_splines.py` compares them with
`scipy.interpolate.make_interp_spline` and `PchipInterpolator`.
"""

from __future__ import annotations

import numpy as np

from trcaugment.markers import FloatArray

_NUMBERS_AT_ONCE = 500_000  # so that an hour of video needs little memory


def cubic_spline(x: FloatArray, y: FloatArray, new: FloatArray) -> FloatArray:
    """Values of the cubic spline through samples at new places.

    Second derivatives are continuous, and third ones at the second and the last but one sample ("not a knot"; de Boor,
    A Practical Guide to Splines, 2001, chapter IV). Two samples give a line, three a parabola.

    Args:
        x: increasing places of the samples, (n,), two or more.
        y: values without NaN, (n, ...).
        new: new places, (n_new,).

    Returns:
        (n_new, ...).
    """
    flat = y.reshape(len(y), -1)
    values = np.empty((len(new), flat.shape[1]))
    n = max(1, _NUMBERS_AT_ONCE // max(len(x), len(new)))
    for first in range(0, flat.shape[1], n):
        some = np.ascontiguousarray(flat[:, first : first + n])
        values[:, first : first + n] = _between(x, some, _smooth_slopes(x, some), new)
    return values.reshape(len(new), *y.shape[1:])


def pchip(x: FloatArray, y: FloatArray, new: FloatArray) -> FloatArray:
    """Values of the monotone cubic through samples at new places: it overshoots nowhere.

    Slopes are weighted harmonic means of those beside (Fritsch & Butland 1984, doi 10.1137/0905021). Two samples give
    a line. Arguments as for `cubic_spline`, with y (n, k).
    """
    steps = np.diff(x)[:, None]
    rises = np.diff(y, axis=0) / steps
    slopes = np.zeros_like(y)
    if len(x) == 2:
        slopes[:] = rises
    else:
        before, after = 2 * steps[1:] + steps[:-1], steps[1:] + 2 * steps[:-1]
        monotone = rises[1:] * rises[:-1] > 0
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # where a rise is zero, or nearly so
            mean = (before + after) / (before / rises[:-1] + after / rises[1:])
        slopes[1:-1] = np.where(monotone, mean, 0.0)
        slopes[0] = _end_slope(steps[0], steps[1], rises[0], rises[1])
        slopes[-1] = _end_slope(steps[-1], steps[-2], rises[-1], rises[-2])
    return _between(x, y, slopes, new)


def _end_slope(step: FloatArray, next_step: FloatArray, rise: FloatArray, next_rise: FloatArray) -> FloatArray:
    """Slope at an end by three points, made smaller where it would overshoot."""
    slope = ((2 * step + next_step) * rise - step * next_rise) / (step + next_step)
    slope = np.where(np.sign(slope) == np.sign(rise), slope, 0.0)
    steep = (np.sign(rise) != np.sign(next_rise)) & (np.abs(slope) > 3 * np.abs(rise))
    return np.where(steep, 3 * rise, slope)


def _between(x: FloatArray, y: FloatArray, slopes: FloatArray, new: FloatArray) -> FloatArray:
    """Hermite cubics of samples, (n, k), with these slopes at new places, (n_new, k)."""
    k = np.clip(np.searchsorted(x, new, side="right") - 1, 0, len(x) - 2)
    step = x[k + 1] - x[k]
    t = (new - x[k]) / step
    rest = 1 - t
    parts = (
        ((1 + 2 * t) * rest**2, y[k]),
        (t**2 * (3 - 2 * t), y[k + 1]),
        (t * rest**2 * step, slopes[k]),
        (-(t**2) * rest * step, slopes[k + 1]),
    )
    values = np.zeros((len(new), y.shape[1]))
    for weight, of in parts:
        values += weight[:, None] * of
    return values


def _smooth_slopes(x: FloatArray, y: FloatArray) -> FloatArray:
    """Slopes at the samples, (n, k), with which second derivatives are continuous."""
    steps = np.diff(x)
    rises = np.diff(y, axis=0) / steps[:, None]
    if len(x) == 2:
        return np.repeat(rises, 2, axis=0)
    if len(x) == 3:
        bend = (rises[1] - rises[0]) / (x[2] - x[0])
        return np.stack([rises[0] - steps[0] * bend, rises[0] + steps[0] * bend, rises[1] + steps[1] * bend])
    # Equations of de Boor's program CUBSPL: lower, main and upper diagonal, and right side.
    lower, main, upper = (np.empty(len(x)) for _ in range(3))
    right = np.empty_like(y)
    lower[1:-1], main[1:-1], upper[1:-1] = steps[1:], 2 * (steps[:-1] + steps[1:]), steps[:-1]
    right[1:-1] = 3 * (steps[1:, None] * rises[:-1] + steps[:-1, None] * rises[1:])
    lower[0] = upper[-1] = 0.0
    main[0], upper[0], right[0] = _not_a_knot(steps[0], steps[1], rises[0], rises[1])
    main[-1], lower[-1], right[-1] = _not_a_knot(steps[-1], steps[-2], rises[-1], rises[-2])
    return _solve(lower, main, upper, right)


def _not_a_knot(
    step: float, next_step: float, rise: FloatArray, next_rise: FloatArray
) -> tuple[float, float, FloatArray]:
    """Main and other coefficient, and right side, of the equation of an end."""
    both = step + next_step
    return next_step, both, ((step + 2 * both) * next_step * rise + step**2 * next_rise) / both


def _solve(lower: FloatArray, main: FloatArray, upper: FloatArray, right: FloatArray) -> FloatArray:
    """Solve a tridiagonal system by cyclic reduction (Hockney 1965, doi 10.1145/321250.321259), without pivots.

    Every second unknown is eliminated at once, until one is left.

    Args:
        lower: coefficients of the unknowns before, (n,), the first of them zero.
        main: those of the unknowns themselves.
        upper: those of the unknowns after, the last of them zero.
        right: right sides, (n, k).
    """
    n = len(main)
    if n == 1:
        return right / main[:, None]
    odd, even = slice(1, None, 2), slice(0, None, 2)
    back = -lower[odd] / main[even][: n // 2]
    ahead = np.zeros(n // 2)
    m = (n - 1) // 2  # odd ones that have one after
    ahead[:m] = -upper[odd][:m] / main[even][1:]
    new_main = main[odd] + back * upper[even][: n // 2]
    new_main[:m] += ahead[:m] * lower[even][1:]
    new_upper = np.zeros(n // 2)
    new_upper[:m] = ahead[:m] * upper[even][1:]
    new_right = right[odd] + back[:, None] * right[even][: n // 2]
    new_right[:m] += ahead[:m, None] * right[even][1:]
    solved = np.empty_like(right)
    solved[odd] = _solve(back * lower[even][: n // 2], new_main, new_upper, new_right)
    rest = right[even].copy()
    rest[1:] -= lower[even][1:, None] * solved[odd][: len(rest) - 1]
    rest[: n // 2] -= upper[even][: n // 2, None] * solved[odd]
    solved[even] = rest / main[even][:, None]
    return solved
