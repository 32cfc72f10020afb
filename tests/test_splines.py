"""Splines of our own beside scipy's, whose import takes half of a prediction."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator, make_interp_spline

from trcaugment.chain.splines import cubic_spline, pchip

SIZES = (2, 3, 4, 5, 6, 7, 8, 9, 64, 601)


def samples(n, seed=0):
    """Uneven places, values of a random walk with a rest in it, and places between and at the samples."""
    random = np.random.default_rng(seed)
    x = np.cumsum(random.uniform(0.01, 1.0, n))
    y = np.cumsum(random.normal(size=(n, 2, 3)), axis=0)
    y[n // 2 : n // 2 + 3] = y[n // 2]
    return x, y, np.sort(np.concatenate([x, random.uniform(x[0], x[-1], 5 * n)]))


@pytest.mark.parametrize("n", SIZES)
def test_the_cubic_spline_is_that_of_scipy(n):
    x, y, new = samples(n)
    expected = make_interp_spline(x, y, k=min(3, n - 1))(new)
    np.testing.assert_allclose(cubic_spline(x, y, new), expected, atol=1e-10)


@pytest.mark.parametrize("n", SIZES)
def test_pchip_is_that_of_scipy(n):
    x, y, new = samples(n)
    np.testing.assert_allclose(pchip(x, y[:, 0], new), PchipInterpolator(x, y[:, 0])(new), atol=1e-12)


@given(st.integers(4, 40), st.integers(0, 1000), st.floats(-5, 5), st.floats(-5, 5))
def test_a_cubic_spline_gives_any_parabola_back(n, seed, slope, bend):
    x, _, new = samples(n, seed)
    np.testing.assert_allclose(
        cubic_spline(x, slope * x + bend * x**2, new), slope * new + bend * new**2, atol=1e-9 * (1 + new[-1] ** 2)
    )


@given(st.integers(2, 40), st.integers(0, 1000))
def test_pchip_stays_between_neighboring_samples(n, seed):
    x, y, new = samples(n, seed)
    k = np.clip(np.searchsorted(x, new) - 1, 0, n - 2)
    low, high = np.minimum(y[k, 0], y[k + 1, 0]), np.maximum(y[k, 0], y[k + 1, 0])
    values = pchip(x, y[:, 0], new)
    assert (values >= low - 1e-9).all()
    assert (values <= high + 1e-9).all()
