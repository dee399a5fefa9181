"""Normal and chi-square variates have exactly the distributions that are stated."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from sgdvar.monte_carlo.samplers.variates import _cubic_excess, chi_squares, normals

COUNT = 100_000
BINS = 40
DTYPES = [jnp.float64, jnp.float32]
DEGREES = [1, 2, 3, 4, 7, 100, 10**6, 2**31 - 1]


@partial(jax.jit, static_argnames=("shape", "dtype"))
def normal_numbers(key, shape, dtype):
    return normals(key, shape, dtype)


@partial(jax.jit, static_argnames=("count", "dtype"))
def chi_square_numbers(key, degrees, count, dtype):
    return chi_squares(key, degrees, count, dtype)


def draw_normals(key, shape, dtype):
    with jax.enable_x64(True):
        numbers = normal_numbers(jax.random.key(key), shape, dtype)
    assert numbers.dtype == dtype
    assert numbers.shape == shape
    return np.asarray(numbers, dtype=np.float64)


def draw_chi_squares(key, degrees, count, dtype):
    with jax.enable_x64(True):
        numbers = chi_square_numbers(jax.random.key(key), jnp.array(degrees, jnp.int32), count, dtype)
    assert numbers.dtype == dtype
    assert numbers.shape == (len(degrees), count)
    return np.asarray(numbers, dtype=np.float64)


def follow(numbers, distribution, judge):
    """Asserts that numbers fall equally often between the quantiles of a distribution."""
    edges = distribution.ppf(np.linspace(0, 1, BINS + 1)[1:-1])
    judge.uniform(np.bincount(np.searchsorted(edges, numbers), minlength=BINS))


def have_moments(numbers, moments, judge):
    """Asserts the mean of each power."""
    for power, expected in moments.items():
        powers = numbers**power
        judge.agree(powers.mean(), expected, powers.std() / np.sqrt(len(numbers)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_normal_numbers_have_a_normal_distribution_and_its_moments(dtype, judge):
    numbers = draw_normals(201, (COUNT,), dtype)
    follow(numbers, stats.norm, judge)
    have_moments(numbers, {1: 0, 2: 1, 3: 0, 4: 3, 5: 0, 6: 15}, judge)
    assert np.isfinite(numbers).all()
    assert len(np.unique(np.abs(numbers))) > 0.98 * COUNT


@pytest.mark.parametrize("dtype", DTYPES)
def test_tails_of_normal_numbers_are_as_heavy_as_stated(dtype, judge):
    numbers = draw_normals(202, (5_000_000,), dtype)
    for bound in (3.0, 4.0, 4.5):
        for sign in (-1, 1):
            chance = stats.norm.sf(bound)
            judge.agree((sign * numbers > bound).mean(), chance, np.sqrt(chance / len(numbers)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_both_normal_numbers_of_a_pair_are_independent_and_turn_evenly(dtype, judge):
    x, y = draw_normals(203, (2, COUNT), dtype)
    follow(np.arctan2(y, x), stats.uniform(-np.pi, 2 * np.pi), judge)
    follow(x**2 + y**2, stats.chi2(2), judge)
    for a, b in ((x, y), (x**2 - 1, y**2 - 1), (x, y**2 - 1), (x**3, y)):
        judge.agree((a * b).mean(), 0, (a * b).std() / np.sqrt(COUNT))
    angle, square = np.arctan2(y, x), x**2 + y**2 - 2
    for multiple in (1, 2, 4, 8):
        product = np.cos(multiple * angle) * square
        judge.agree(product.mean(), 0, product.std() / np.sqrt(COUNT))


@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (3, 5), (2, 3, 4)])
def test_normal_numbers_have_the_shape_that_is_asked_for_and_are_distinct(shape):
    numbers = draw_normals(204, shape, jnp.float64)
    assert len(np.unique(np.abs(numbers))) == numbers.size


def test_numbers_depend_on_the_key_alone():
    assert (draw_normals(205, (9,), jnp.float64) == draw_normals(205, (9,), jnp.float64)).all()
    assert (draw_normals(205, (9,), jnp.float64) != draw_normals(206, (9,), jnp.float64)).all()
    assert (draw_chi_squares(205, [5], 9, jnp.float64) != draw_chi_squares(206, [5], 9, jnp.float64)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("degrees", DEGREES)
def test_chi_square_numbers_have_a_chi_square_distribution(degrees, dtype, judge):
    numbers = draw_chi_squares(211 + DEGREES.index(degrees), [degrees], COUNT, dtype)[0]
    if degrees == 2**31 - 1 and dtype == jnp.float32:
        gaps = np.spacing(numbers.astype(np.float32))  # as wide as a bin's error may be
        numbers = numbers + np.random.default_rng(0).uniform(-0.5, 0.5, COUNT) * gaps
    follow(numbers, stats.chi2(degrees), judge)
    scaled = (numbers - degrees) / np.sqrt(2 * degrees)
    have_moments(scaled, {1: 0, 2: 1, 3: np.sqrt(8 / degrees), 4: 3 + 12 / degrees}, judge)


@pytest.mark.parametrize("dtype", DTYPES)
def test_several_degrees_are_drawn_together_and_independently(dtype, judge):
    degrees = [0, 1, 2, 3, 2, 50]
    numbers = draw_chi_squares(221, degrees, COUNT, dtype)
    assert not numbers[0].any()
    for row, degree in zip(numbers[1:], degrees[1:], strict=True):
        follow(row, stats.chi2(degree), judge)
    scaled = (numbers[1:] - np.array(degrees[1:])[:, None]) / np.sqrt(2 * np.array(degrees[1:]))[:, None]
    products = scaled[:, None] * scaled[None]
    judge.agree(products.mean(axis=2), np.eye(5), products.std(axis=2) / np.sqrt(COUNT))
    neighbours = scaled[:, :-1] * scaled[:, 1:]
    judge.agree(neighbours.mean(axis=1), 0, neighbours.std(axis=1) / np.sqrt(COUNT))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_acceptance_of_a_chi_square_number_is_computed_without_cancellation(dtype):
    exponents = np.linspace(-8, 2, 201)
    s = np.concatenate([10.0**exponents, -(10.0 ** exponents[exponents < -0.1])]).astype(dtype)
    with jax.enable_x64(True):
        found = np.asarray(_cubic_excess(jnp.asarray(s)), dtype=np.float64)
    exact = s.astype(np.longdouble)
    expected = np.log1p(exact) - exact + exact**2 / 2 - exact**3 / 3
    series = sum((-1) ** (k + 1) * exact**k / k for k in range(4, 40))
    expected = np.where(np.abs(exact) < 0.1, series, expected).astype(np.float64)
    np.testing.assert_allclose(found, expected, rtol=1e5 * np.finfo(dtype).eps if dtype == jnp.float64 else 2e-2)
