"""The control variate of linear regression leaves estimates unbiased, and takes off what is linear in the weights."""

from __future__ import annotations

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sgdvar as sv
from sgdvar.loading import load_diabetes
from sgdvar.monte_carlo import estimation
from sgdvar.monte_carlo.control import linear
from sgdvar.monte_carlo.control.linear import linear_controls
from sgdvar.monte_carlo.estimation import requested_run
from sgdvar.monte_carlo.quantities import expected_loss_of, gradient_variance_of
from tests.statistical.brute_force import example_chances

RNG = np.random.default_rng(11)
X, Y = RNG.normal(size=(5, 2)), RNG.normal(size=(5, 2))
START, STEP_SIZES = [[0.8, -0.3], [0.4, 1.0]], [0.15, 0.1]
DATA, OTHER = sv.Dataset(X, Y), sv.Dataset(RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2)))
ATOMS = sv.DiscretePopulation(X, Y, [0.4, 0.3, 0.1, 0.1, 0.1])
POPULATION = sv.GaussianPopulation(
    RNG.normal(size=(2, 2)), input_factor=RNG.normal(size=(2, 3)), noise_factor=RNG.normal(size=(2, 1))
)
MATRIX = RNG.normal(size=(3, 4))


def regression(data, sampling=None, step_sizes=STEP_SIZES):
    return sv.SGD(sv.LinearRegression(data, weight_decay=0.2), START, step_sizes, sampling)


PROCESSES = {
    "without replacement": regression(DATA),
    "with replacement": regression(DATA, sv.WithReplacement()),
    "atoms": regression(ATOMS),
    "Gaussian": regression(POPULATION),
    "one output": sv.SGD(sv.LinearRegression(sv.Dataset(X, Y[:, 0])), [0.0, 0.0], 0.1),
}
QUANTITIES = {
    "gradient_variance": {},
    "gradient_variance, matrix": {"matrix": True},
    "gradient_second_moment": {},
    "full_gradient_variance": {},
    "expected_loss": {},
    "expected_loss, other data": {"data": OTHER},
    "mean_gradient": {},
    "mean_weights": {},
}


def arguments(sgd, quantity):
    how, q = dict(QUANTITIES[quantity]), sgd.problem.data.outputs
    if "matrix" in how:
        how["matrix"] = MATRIX[:, : sgd.weight_count]
    if "data" in how and q is None:
        how["data"] = sv.Dataset(OTHER.X, OTHER.y[:, 0])
    return quantity.partition(",")[0], how


def estimated(sgd, quantity, step, batch_sizes, replicates=8192, **options):
    name, how = arguments(sgd, quantity)
    found = getattr(sv, f"estimate_{name}")(sgd, step, batch_sizes, replicates=replicates, **how, **options)
    assert not any("left out" in text for text in found.warnings)
    return found


def exact(sgd, quantity, step, batch_size):
    name, how = arguments(sgd, quantity)
    found = getattr(sv, name)(sgd, step, **how)
    return np.vectorize(lambda value: float(value(batch_size)))(found)


@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_controlled_estimates_are_what_the_exact_recursion_gives(name, quantity, judge):
    sgd = PROCESSES[name]
    found = estimated(sgd, quantity, 2, [1, 3], seed=801, control_variate=True)
    assert found.controlled
    for i, b in enumerate((1, 3)):
        judge.agree(found.value[i], exact(sgd, quantity, 2, b), found.standard_error[i])


@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.parametrize("quantity", ["mean_gradient", "mean_weights"])
def test_what_is_linear_in_the_weights_has_no_error_left(name, quantity):
    found = estimated(PROCESSES[name], quantity, 2, [1], replicates=64, seed=802, control_variate=True)
    np.testing.assert_allclose(found.standard_error, 0, atol=1e-12)


def test_another_mean_would_be_seen(judge, monkeypatch):
    """The power of the comparisons above: gradient descent that is one step ahead, and what the estimate says of it."""
    sgd, descent = PROCESSES["with replacement"], linear._descent
    monkeypatch.setattr(linear, "_descent", lambda sgd, step: descent(sgd, step - 1))
    ask = partial(sv.estimate_gradient_variance, sgd, 2, [3], replicates=4096, seed=801, control_variate=True)
    (warning,) = ask().warnings
    assert warning.startswith(
        "at b = 3 the control variate is left out: its mean or its variance over 4,096 replicates"
    )
    monkeypatch.setattr(estimation, "has_missed", lambda *known: False)
    found = ask()
    judge.disagree(found.value[0], exact(sgd, "gradient_variance", 2, 3), found.standard_error[0])


def test_controlled_estimates_scatter_over_seeds_as_their_standard_errors_say(judge):
    found = [
        estimated(PROCESSES["without replacement"], "gradient_variance", 2, [2], 512, seed=seed, control_variate=True)
        for seed in range(810, 850)
    ]
    judge.spread_is([float(one.value[0]) for one in found], [float(one.standard_error[0]) for one in found])


def controls(sgd, step, quantity, batch_sizes=(2,)):
    return linear_controls(requested_run(sgd, step, batch_sizes, None, 2, 0, {}), quantity)


@pytest.mark.parametrize("name", PROCESSES)
def test_the_coefficients_of_the_loss_are_its_gradient_and_the_centre_is_the_mean(name):
    sgd = PROCESSES[name]
    known = controls(sgd, 2, expected_loss_of(sgd, 2, None))
    means = [float(value(2)) for value in sv.mean_weights(sgd, 2).ravel()]
    gradient = [float(value(2)) for value in sv.mean_gradient(sgd, 2).ravel()]
    np.testing.assert_allclose(known.mean, means, rtol=1e-12)
    np.testing.assert_allclose(known.slopes[2], gradient, rtol=1e-9)


@pytest.mark.parametrize("name", ["without replacement", "atoms", "one output"])
def test_the_coefficients_of_the_noise_are_its_derivatives(name):
    sgd, matrix = PROCESSES[name], MATRIX[:, : PROCESSES[name].weight_count]
    data, known = sgd.problem.data, controls(sgd, 2, gradient_variance_of(sgd, 2, matrix, None, True))

    def noise(weights):
        residuals = data.X @ weights.reshape(-1, 2).T - data.y.reshape(len(data.X), -1)
        gradients = (residuals[:, :, None] * data.X[:, None, :]).reshape(len(data.X), -1) @ matrix.T
        deviations = gradients - example_chances(data) @ gradients
        return example_chances(data) @ jnp.sum(deviations**2, axis=1)

    with jax.enable_x64(True):
        expected = float(sgd.design.variance_factor(2)) * jax.grad(noise)(jnp.asarray(known.mean))
    np.testing.assert_allclose(known.slopes[2], expected, rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_coefficients_do_not_depend_on_the_units_of_the_data(scale):
    """Inputs in other units, and with them weights and step size."""
    unit = sv.SGD(sv.LinearRegression(DATA), np.zeros((2, 2)), 0.1)
    other = sv.SGD(sv.LinearRegression(sv.Dataset(X * scale, Y)), np.zeros((2, 2)), 0.1 / scale**2)
    found = [controls(sgd, 3, expected_loss_of(sgd, 3, None)).slopes[2] for sgd in (unit, other)]
    np.testing.assert_allclose(found[1], scale * found[0], rtol=1e-9)


def test_coefficients_are_the_same_in_portions(monkeypatch):
    sgd = PROCESSES["without replacement"]
    whole = controls(sgd, 2, gradient_variance_of(sgd, 2, None, None, True)).slopes[2]
    monkeypatch.setattr(linear, "_NUMBERS", 12)
    parts = controls(sgd, 2, gradient_variance_of(sgd, 2, None, None, True)).slopes[2]
    np.testing.assert_allclose(parts, whole, rtol=1e-12)


def test_the_time_for_coefficients_is_forecast(monkeypatch):
    monkeypatch.setattr(linear, "_NUMBERS", 4)  # one coefficient at a time
    with pytest.raises(sv.BudgetExceededError, match=r"^what control_variate=True needs before the run must take no"):
        estimated(PROCESSES["with replacement"], "expected_loss", 2, [2], control_variate=True, time_budget=1e-6)


def test_start_and_best_fit_may_be_zero():
    sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1.0], [2.0]], [0.0, 0.0])), [0.0], 0.1)
    assert controls(sgd, 1, expected_loss_of(sgd, 1, None), (1,)).slopes[1].tolist() == [0.0]


def test_the_control_divides_the_replicates_needed_on_the_diabetes_data():
    sgd = sv.SGD(sv.LinearRegression(load_diabetes()), [0] * 10, sv.rationalize(0.03))
    plain, found = (
        sv.estimate_gradient_variance(sgd, 3, [8], replicates=8192, seed=803, control_variate=is_controlled)
        for is_controlled in (False, True)
    )
    ratio = float(plain.standard_error[0] / found.standard_error[0]) ** 2
    assert ratio > 5
    np.testing.assert_allclose(found.gain[0] / plain.gain[0], ratio, rtol=1e-6)


def test_where_nothing_is_random_there_is_no_coefficient():
    sgd = PROCESSES["without replacement"]
    assert not controls(sgd, 2, expected_loss_of(sgd, 2, None), (5,)).slopes
    found = sv.estimate_gradient_variance(sgd, 2, [5], relative_error=0.1, control_variate=True)
    assert found.value[0] < 1e-25
    assert found.standard_error[0] < 1e-25


def test_single_precision_moves_estimates_by_no_more_than_rounding(judge):
    sgd = PROCESSES["without replacement"]
    found = estimated(sgd, "gradient_variance", 2, [3], seed=804, control_variate=True, precision="float32")
    judge.agree(found.value[0], exact(sgd, "gradient_variance", 2, 3), found.standard_error[0] + 1e-5)


@pytest.mark.parametrize("quantity", ["gradient_variance", "gradient_second_moment", "mean_gradient"])
def test_plain_trajectories_have_no_such_control(quantity):
    sgd = PROCESSES["without replacement"]
    with pytest.raises(ValueError, match=r"^conditional must be True with control_variate=True for a LinearRegression"):
        estimated(sgd, quantity, 2, [3], conditional=False, control_variate=True)


def test_gradient_descent_that_diverges_is_refused():
    sgd = regression(DATA, step_sizes=[1e9] * 40)
    assert sv.estimate_gradient_variance(sgd, 1, [2], replicates=8, control_variate=True).controlled
    with pytest.raises(ValueError, match=r"^control_variate must be False where gradient descent diverges, got True"):
        sv.estimate_gradient_variance(sgd, 40, [2], replicates=8, control_variate=True)


# --- rare examples --------------------------------------------------------------------------------------------------


@cache
def rare(n):
    """A data set in which one example of n is large."""
    rng = np.random.default_rng(0)
    X, y = 0.3 * rng.normal(size=(n, 2)), 0.3 * rng.normal(size=n)
    X[0], y[0] = [3, 2], 40
    sgd = sv.SGD(sv.LinearRegression(sv.Dataset(X, y)), np.ones(2), 0.05)
    return sgd, float(sv.gradient_variance(sgd, 4)(1))


@pytest.mark.parametrize("n", [3000, 20_000])
def test_a_control_variate_that_misses_rare_examples_is_left_out_with_a_warning(n):
    """At 1,024 replicates of four batches of one: standard errors would be a millionth of the value otherwise."""
    sgd, exact = rare(n)
    found = [
        sv.estimate_gradient_variance(sgd, 4, [1], replicates=1024, seed=s, control_variate=True) for s in range(8)
    ]
    without = [sv.estimate_gradient_variance(sgd, 4, [1], replicates=1024, seed=s) for s in range(8)]
    warned = [any("the control variate is left out" in text for text in one.warnings) for one in found]
    assert any(warned)
    assert [one.left_out for one in found] == [(1,) if is_out else () for is_out in warned]
    for one, plain, is_out in zip(found, without, warned, strict=True):
        assert not is_out or one.standard_error == plain.standard_error
        assert is_out or abs(one.value[0] - exact) < 4 * one.standard_error[0]


def test_the_variance_that_a_control_variate_must_have_is_a_bound_that_is_nearly_reached():
    rng = np.random.default_rng(7)
    sgd = sv.SGD(sv.LinearRegression(sv.Dataset(rng.normal(size=(12, 3)), rng.normal(size=12))), [0.5, -1.0, 0.2], 0.05)
    run = requested_run(sgd, 3, [2], None, 4096, 0, {})
    controls = linear_controls(run, gradient_variance_of(sgd, 3, None, None, True))
    exact = np.array([[float(entry(2)) for entry in row] for row in sv.weight_covariance(sgd, 3)])
    variance = float(controls.slopes[2] @ exact @ controls.slopes[2])
    assert 0.9 * variance < controls.least_variance(2) <= variance


def test_options_of_other_estimates_are_refused_without_advice_to_give_them():
    with pytest.raises(TypeError) as caught:
        sv.estimate_weight_covariance(PROCESSES["one output"], 1, [2], control_variate=True)
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("name", ["gradient_variance", "expected_loss"])
def test_rounding_is_not_taken_for_rare_examples(name, precision):
    """Without noise, from the optimum or near it, all that deviates is rounding."""
    rng = np.random.default_rng(0)
    X, w = rng.normal(size=(40, 3)), rng.normal(size=3)
    for start in (w, w + 1e-9):
        sgd = sv.SGD(sv.LinearRegression(sv.Dataset(X, X @ w)), start, 0.1)
        found = estimated(sgd, name, 5, [2, 39], replicates=5000, precision=precision, control_variate=True)
        assert found.replicates.tolist() == [5000, 5000]
