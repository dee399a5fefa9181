"""The float64 path: close to the exact one, non-negative, and not cancelling where textbook formulas do."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import sgdvar as sv
from sgdvar.arithmetic import FloatArithmetic
from sgdvar.exact import linear_regression
from sgdvar.moments import gradient_moments

QUANTITIES = (sv.gradient_variance, sv.full_gradient_variance, sv.gradient_second_moment, sv.expected_loss)


def dyadic_pair(q: int | None, weight_decay: Fraction, offset: int) -> tuple[sv.SGD, sv.SGD]:
    """The same problem in Fractions and in floats, with numbers that floats represent exactly."""
    rng = np.random.default_rng(7)
    X = [[Fraction(int(v) + offset, 64) for v in row] for row in rng.integers(-99, 99, size=(30, 3))]
    y = [[Fraction(int(v), 64) for v in row] for row in rng.integers(-99, 99, size=(30, q or 1))]
    start = [[Fraction(1, 4)] * 3] * (q or 1)
    if q is None:
        y, start = [row[0] for row in y], start[0]  # type: ignore[assignment]

    def make(convert: Any) -> sv.SGD:
        data = sv.Dataset(convert(X), convert(y))
        return sv.SGD(sv.LinearRegression(data, convert(weight_decay)), convert(start), convert(Fraction(1, 8)))

    return make(lambda v: v), make(lambda v: float(v) if isinstance(v, Fraction) else np.array(v, dtype=float))


def force(route: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the engine take one route through the data, whatever it would choose."""
    monkeypatch.setattr(
        linear_regression,
        "gradient_moments",
        lambda data, arithmetic, **_: gradient_moments(data, arithmetic, route=route),
    )


@pytest.mark.parametrize("q", [None, 2])
@pytest.mark.parametrize("weight_decay", [Fraction(0), Fraction(1, 4)])
@pytest.mark.parametrize("offset", [0, 640])
@pytest.mark.parametrize("route", ["rows", "fourth moments"])
def test_floats_agree_with_the_exact_coefficients(
    q: int | None, weight_decay: Fraction, offset: int, route: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact, floats = dyadic_pair(q, weight_decay, offset)
    force(route, monkeypatch)
    for quantity in QUANTITIES:
        expected = quantity(exact, step=4)
        found = quantity(floats, step=4)
        assert expected.is_exact
        assert not found.is_exact
        assert np.allclose(found.c_coefficients, [float(v) for v in expected.c_coefficients], rtol=1e-9, atol=0)
    for array in (sv.mean_weights, sv.mean_gradient, sv.weight_covariance):
        for approximate, true in zip(array(floats, step=4).flat, array(exact, step=4).flat, strict=True):
            scale = max(abs(float(v)) for v in true.c_coefficients)
            difference = np.subtract(approximate.c_coefficients, [float(v) for v in true.c_coefficients])
            assert np.abs(difference).max() <= 1e-9 * scale


def test_coefficients_are_never_negative() -> None:
    rng = np.random.default_rng(3)
    X = np.repeat(rng.standard_normal((3, 4)), 5, axis=0)  # rank deficient
    sgd = sv.SGD(sv.LinearRegression(sv.Dataset(X, X @ np.ones(4))), np.zeros(4), 0.1)
    for step in (0, 1, 5):
        assert min(sv.gradient_variance(sgd, step).c_coefficients) >= 0
        assert min(sv.full_gradient_variance(sgd, step).c_coefficients) >= 0


@pytest.mark.parametrize("route", ["rows", "fourth moments"])
def test_rounding_never_makes_a_variance_negative(route: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one feature of values +-x and targets 0 all examples have the same gradient: the variance is 0."""
    force(route, monkeypatch)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal() * rng.choice([-1.0, 1.0], size=(9, 1))
        sgd = sv.SGD(sv.LinearRegression(sv.Dataset(X, np.zeros(9))), rng.standard_normal(1), 0.1)
        coefficients = sv.gradient_variance(sgd, step=0).c_coefficients
        assert min(coefficients) >= 0
        assert max(coefficients) < 1e-12


def test_nothing_cancels_near_b_equal_n() -> None:
    exact, floats = dyadic_pair(None, Fraction(0), 0)
    V, U = sv.gradient_variance(exact, step=5), sv.gradient_variance(floats, step=5)
    assert U(30) == 0.0
    assert abs(U(29) / float(V(29)) - 1) < 1e-11


def test_small_residuals_keep_their_relative_accuracy() -> None:
    """At noise-free data the variance falls like rho^t; uncentred fourth moments would stop at rounding."""
    teacher = np.array([1.0, -2.0, 0.5])
    sgd = sv.SGD(sv.LinearRegression(sv.GaussianPopulation(teacher=teacher)), start=np.zeros(3), step_size=0.25)
    exact = sv.SGD(
        sv.LinearRegression(sv.GaussianPopulation(teacher=sv.rationalize(teacher))),
        start=[0, 0, 0],
        step_size=Fraction(1, 4),
    )
    late, true = sv.gradient_variance(sgd, step=60)(64), sv.gradient_variance(exact, step=60)(64)
    assert float(true) < 1e-11
    assert abs(late / float(true) - 1) < 1e-9


def test_a_large_mean_does_not_swallow_a_small_spread() -> None:
    rng = np.random.default_rng(11)
    X = 1.0 + np.round(rng.standard_normal((50, 2)), 1) * 2.0**-20
    y = np.round(rng.standard_normal(50), 2) * 2.0**-20
    exact = sv.SGD(
        sv.LinearRegression(sv.Dataset([[Fraction(v) for v in row] for row in X], [Fraction(v) for v in y])), [1, 1], 0
    )
    true = float(sv.gradient_variance(exact, step=0).c_coefficients[1])
    for route in ("rows", "fourth moments"):
        sgd = sv.SGD(sv.LinearRegression(sv.Dataset(X, y)), [1, 1], 0)
        moments = gradient_moments(sgd.problem.data, FloatArithmetic(), route=route)  # type: ignore[arg-type]
        start = linear_regression.SecondMoments.of(sgd, FloatArithmetic(), 0).start()
        assert abs(np.trace(moments.covariance(start)[0]) / true - 1) < 1e-6


@pytest.mark.parametrize(("factor", "expected"), [([[1.0]], 2 / 3), ([[2.0]], 1 / 6)])
def test_stable_step_size_of_one_gaussian_feature(factor: Any, expected: float) -> None:
    sgd = sv.SGD(sv.LinearRegression(sv.GaussianPopulation([0.0], input_factor=factor)), [0.0], 1.0)
    assert abs(sv.stable_step_size(sgd, 1) - expected) < 1e-12


def test_stable_step_size_separates_growth_from_decay() -> None:
    _, sgd = dyadic_pair(None, Fraction(0), 0)
    for b in (1, 5, 30):
        limit = sv.stable_step_size(sgd, b)
        for factor, grows in ((0.97, False), (1.03, True)):
            trial = sv.SGD(sgd.problem, sgd.start, limit * factor)
            late, later = (
                sum(abs(sv.weight_covariance(trial, t)[i, i](b)) for i in range(3))
                + sum(w(b) ** 2 for w in sv.mean_weights(trial, t))
                for t in (150, 300)
            )
            assert (later > 2 * late) == grows


def test_stable_step_size_at_the_full_batch_is_two_over_the_largest_eigenvalue() -> None:
    _, sgd = dyadic_pair(None, Fraction(1, 4), 0)
    H = sgd.problem.data.X.T @ sgd.problem.data.X / 30 + 0.25 * np.eye(3)
    assert abs(sv.stable_step_size(sgd, 30) * np.linalg.eigvalsh(H)[-1] / 2 - 1) < 1e-9
    flat = sv.SGD(sv.LinearRegression(sv.Dataset(np.zeros((2, 1)), np.ones(2))), [0.0], 1.0)
    assert sv.stable_step_size(flat, 1) == np.inf


def test_loss_and_second_moment_keep_their_accuracy_at_large_feature_means() -> None:
    X = np.array([[1e8 + 1, 1e8], [1e8 + 3, 1e8 + 1], [1e8, 1e8 + 5], [1e8 + 2, 1e8 + 2]])
    y = X @ [1, -1] + np.array([1, -1, 1, 0]) * 2.0**-10
    floats = sv.SGD(sv.LinearRegression(sv.Dataset(X, y)), [1.0, -1.0], 0.0)
    exact = sv.SGD(
        sv.LinearRegression(sv.Dataset([[Fraction(v) for v in row] for row in X], [Fraction(v) for v in y])), [1, -1], 0
    )
    for quantity, tolerance in (
        (sv.expected_loss, 1e-4),
        (sv.gradient_second_moment, 1e-3),
        (sv.gradient_variance, 1e-4),
    ):
        assert abs(quantity(floats, 0)(2) / float(quantity(exact, 0)(2)) - 1) < tolerance
    other = sv.Dataset(X[:2], y[:2])
    assert abs(sv.expected_loss(floats, 0, data=other)(2) * 2**21 - 1) < 1e-4


def test_divergence_beyond_the_range_of_floats_is_an_error() -> None:
    sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1.0], [2.0]], [1.0, 0.0])), [0.0], 5.0)
    with pytest.raises(OverflowError, match="the process diverges; use smaller step sizes, or exact numbers"):
        sv.gradient_variance(sgd, step=400)
    assert sv.gradient_variance(sgd, step=3)(1) > 0


@pytest.mark.parametrize("scale", [1e100, 1e-90])
def test_data_whose_fourth_powers_are_no_floats_are_an_error(scale: float) -> None:
    sgd = sv.SGD(sv.LinearRegression(sv.Dataset(scale * np.array([[1.0], [2.0]]), [1.0, 0.0])), [0.0], 1.0)
    for call in (lambda: sv.gradient_variance(sgd, step=1), lambda: sv.stable_step_size(sgd, 1)):
        with pytest.raises(OverflowError, match="rescale the data, or use exact numbers"):
            call()
    huge = sv.SGD(sv.LinearRegression(sv.Dataset([[10**400]], [1])), [0], 1)
    with pytest.raises(OverflowError, match="within the range of floats"):
        sv.stable_step_size(huge, 1)


def test_the_covariance_of_the_gradient_in_floats_says_so():
    sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1.0], [2.0]], [1.0, 0.0])), [1.0], 0.25)
    (entry,) = sv.gradient_covariance(sgd, 1).ravel()
    assert not entry.is_exact
    assert entry(1) == pytest.approx(59 / 16, rel=1e-12)
