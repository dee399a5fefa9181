"""Populations of atoms in float64: the exact result up to rounding, with rare atoms too."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import sgdvar as sv
from sgdvar.exact import linear_regression
from sgdvar.moments import gradient_moments

QUANTITIES = (sv.gradient_variance, sv.full_gradient_variance, sv.gradient_second_moment, sv.expected_loss)
ROUTES = ["rows", "fourth moments"]


def force(route: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the engine take one route through the atoms, whatever it would choose."""
    monkeypatch.setattr(
        linear_regression,
        "gradient_moments",
        lambda data, arithmetic, **_: gradient_moments(data, arithmetic, route=route),
    )


def pair(q: int | None, weight_decay: Fraction, atoms: int) -> tuple[sv.SGD, sv.SGD]:
    """The same process in Fractions and in floats, with numbers that floats represent exactly."""
    rng = np.random.default_rng(7)
    X = [[Fraction(int(v), 64) for v in row] for row in rng.integers(-99, 99, size=(atoms, 3))]
    y = [[Fraction(int(v), 64) for v in row] for row in rng.integers(-99, 99, size=(atoms, q or 1))]
    counts = rng.integers(1, 2**20 // atoms, size=atoms)
    counts[-1] = 2**20 - counts[:-1].sum()  # one heavy atom
    probabilities = [Fraction(int(v), 2**20) for v in counts]
    start: Any = [[Fraction(1, 4)] * 3] * (q or 1)
    if q is None:
        y, start = [row[0] for row in y], start[0]  # type: ignore[assignment]

    def make(convert: Any) -> sv.SGD:
        data = sv.DiscretePopulation(convert(X), convert(y), convert(probabilities))
        return sv.SGD(sv.LinearRegression(data, convert(weight_decay)), convert(start), convert(Fraction(1, 8)))

    return make(lambda v: v), make(lambda v: float(v) if isinstance(v, Fraction) else np.array(v, dtype=float))


@pytest.mark.parametrize("atoms", [30, 1500])  # fewer and more than a block of rows
@pytest.mark.parametrize("q", [None, 2])
@pytest.mark.parametrize("weight_decay", [Fraction(0), Fraction(1, 4)])
@pytest.mark.parametrize("route", ROUTES)
def test_floats_agree_with_the_exact_coefficients(
    route: Any, weight_decay: Fraction, q: int | None, atoms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact, floats = pair(q, weight_decay, atoms)
    force(route, monkeypatch)
    for quantity in QUANTITIES:
        expected, found = quantity(exact, step=3), quantity(floats, step=3)
        assert not found.is_exact
        assert np.allclose(found.c_coefficients, [float(v) for v in expected.c_coefficients], rtol=1e-12, atol=0)
    for array in (sv.mean_weights, sv.mean_gradient, sv.weight_covariance):
        for approximate, true in zip(array(floats, step=3).flat, array(exact, step=3).flat, strict=True):
            scale = max(abs(float(v)) for v in true.c_coefficients)
            difference = np.subtract(approximate.c_coefficients, [float(v) for v in true.c_coefficients])
            assert np.abs(difference).max() <= 1e-12 * scale


@pytest.mark.parametrize("route", ROUTES)
def test_a_rare_and_extreme_atom_keeps_the_relative_accuracy(route: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    force(route, monkeypatch)
    rare = Fraction(1, 2**40)
    X, y, probabilities = [[1, 0], [1, 1], [2**18, 3]], [0, 1, -(2**17)], [Fraction(1, 2), Fraction(1, 2) - rare, rare]
    exact = sv.SGD(sv.LinearRegression(sv.DiscretePopulation(X, y, probabilities)), [1, 2], Fraction(1, 4))
    data = sv.DiscretePopulation(X, y, [float(v) for v in probabilities])
    floats = sv.SGD(sv.LinearRegression(data), [1.0, 2.0], 0.25)
    for quantity in QUANTITIES:
        expected = [float(v) for v in quantity(exact, step=3).c_coefficients]
        assert np.allclose(quantity(floats, step=3).c_coefficients, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("route", ROUTES)
def test_small_residuals_keep_their_relative_accuracy(route: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The origin is at the weighted fit: about one that a rare outlier pulls aside, rounding hides the rest."""
    force(route, monkeypatch)
    rare = Fraction(1, 2**40)
    X, probabilities = [[1, 0], [1, 1], [2, -1], [1, -3]], [Fraction(5, 8), Fraction(1, 4), Fraction(1, 8) - rare, rare]
    y = [2 * x[0] - x[1] for x in X[:3]] + [100]
    exact = sv.SGD(sv.LinearRegression(sv.DiscretePopulation(X, y, probabilities)), [0, 0], Fraction(1, 2))
    data = sv.DiscretePopulation(X, y, [float(v) for v in probabilities])
    floats = sv.SGD(sv.LinearRegression(data), [0.0, 0.0], 0.5)
    for quantity in (sv.gradient_variance, sv.expected_loss):
        late, true = quantity(floats, step=80)(64), float(quantity(exact, step=80)(64))
        assert 0 < true < 1e-7
        assert abs(late / true - 1) < 1e-11


def test_float_probabilities_that_sum_to_one_up_to_rounding_are_normalised() -> None:
    X, y = [[1.0], [2.0], [4.0]], [1.0, 0.0, 3.0]
    thirds = sv.DiscretePopulation(X, y, [0.3333333333] * 3)
    found = sv.SGD(sv.LinearRegression(thirds), [1.0], 0.125)
    expected = sv.SGD(sv.LinearRegression(sv.Dataset(X, y)), [1.0], 0.125, sv.WithReplacement())
    for quantity in QUANTITIES:
        assert np.allclose(quantity(found, 2).c_coefficients, quantity(expected, 2).c_coefficients, rtol=1e-12, atol=0)


def test_rounding_never_makes_a_variance_negative() -> None:
    """With one feature of values +-x and targets 0 all examples have the same gradient: the variance is 0."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        X, weights = rng.standard_normal() * rng.choice([-1.0, 1.0], size=(9, 1)), rng.random(9) + 0.1
        data = sv.DiscretePopulation(X, np.zeros(9), weights / weights.sum())
        coefficients = sv.gradient_variance(sv.SGD(sv.LinearRegression(data), [1.0], 0.1), step=0).c_coefficients
        assert min(coefficients) >= 0
        assert max(coefficients) < 1e-12


@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_stable_step_size_of_one_feature_has_the_closed_form(batch_size: int) -> None:
    """E (1 - a s)^2 < 1 for the batch mean s of x^2."""
    data = sv.DiscretePopulation([[1], [2], [5]], [1, 0, 1], [Fraction(3, 4), Fraction(3, 16), Fraction(1, 16)])
    sgd = sv.SGD(sv.LinearRegression(data), [0], Fraction(1, 8))
    h, fourth = 3 / 4 + 4 * 3 / 16 + 25 / 16, 3 / 4 + 16 * 3 / 16 + 625 / 16
    expected = 2 * h / (h**2 + (fourth - h**2) / batch_size)
    assert abs(sv.stable_step_size(sgd, batch_size) / expected - 1) < 1e-12


def test_the_stable_step_size_of_repeated_examples_is_that_of_their_atoms() -> None:
    X, y, counts = [[1, 0], [1, 2], [-2, 3]], [1, 0, 2], [5, 2, 1]
    data = sv.Dataset(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    repeated = sv.SGD(sv.LinearRegression(data), [0, 0], 1, sv.WithReplacement())
    atoms = sv.SGD(sv.LinearRegression(sv.DiscretePopulation(X, y, [Fraction(c, 8) for c in counts])), [0, 0], 1)
    assert abs(sv.stable_step_size(atoms, 2) / sv.stable_step_size(repeated, 2) - 1) < 1e-12
