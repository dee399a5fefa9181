"""What estimates are made of: control variates, nested batches, intervals and warnings, by the public functions."""

from __future__ import annotations

from functools import cache, partial

import numpy as np
import pytest

import sgdvar as sv

rng = np.random.default_rng(11)
X, Y = rng.normal(size=(12, 3)), rng.normal(size=12)
DATA = sv.Dataset(X, Y)
SGD = sv.SGD(sv.LinearRegression(DATA, 0.1), [1.0, -0.5, 0.2], 0.1)
EXACT = sv.Dataset(sv.rationalize(X.round(1)), sv.rationalize(Y.round(1)))
START = [[[0.5, -0.3, 0.2], [0.4, 0.6, -0.1]], [[0.7, -0.4]]]
NETWORK = sv.SGD(sv.DeepLinearNetwork(EXACT), sv.rationalize(START), sv.rationalize(0.1))
ESTIMATES = {
    "gradient_variance": partial(sv.estimate_gradient_variance, NETWORK, 1),
    "second layer": partial(sv.estimate_gradient_variance, NETWORK, 1, layer=2),
    "full_gradient_variance": partial(sv.estimate_full_gradient_variance, NETWORK, 1),
    "gradient_second_moment": partial(sv.estimate_gradient_second_moment, NETWORK, 1),
    "expected_loss": partial(sv.estimate_expected_loss, NETWORK, 1),
    "mean_gradient": partial(sv.estimate_mean_gradient, NETWORK, 1),
    "mean_weights": partial(sv.estimate_mean_weights, NETWORK, 1),
}


def exact(name, b):
    if name == "second layer":
        return float(sv.gradient_variance(NETWORK, 1, layer=2)(b))
    found = getattr(sv, name)(NETWORK, 1)
    if not isinstance(found, tuple):
        return float(found(b))
    return np.concatenate([np.vectorize(lambda V: float(V(b)))(part).ravel() for part in found])


# --- control variates -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ESTIMATES)
def test_controlled_estimates_are_unbiased_and_sharper(name, judge):
    estimate = ESTIMATES[name]([3, 12], replicates=20_000, seed=21, control_variate=True)
    plain = ESTIMATES[name]([3, 12], replicates=20_000, seed=22, control_variate=False)
    assert estimate.controlled
    assert not plain.controlled
    judge.agree(estimate.value[0], exact(name, 3), estimate.standard_error[0])
    judge.agree(estimate.value[1], exact(name, 12), np.zeros_like(estimate.value[1]))
    assert (estimate.standard_error[0] < plain.standard_error[0] / 3).all()


def test_controlled_standard_errors_are_the_spread_over_seeds(judge):
    estimates = [ESTIMATES["gradient_variance"]([3], replicates=512, seed=s, control_variate=True) for s in range(60)]
    judge.spread_is([e.value[0] for e in estimates], [e.standard_error[0] for e in estimates])


def test_a_controlled_estimate_does_not_depend_on_other_batch_sizes_and_says_what_it_is():
    among, alone = (ESTIMATES["gradient_variance"](b, replicates=3000, control_variate=True) for b in ([5, 3], [3]))
    assert (among.value[1], among.standard_error[1]) == (alone.value[0], alone.standard_error[0])
    assert "with a control variate" in str(alone)


def test_what_a_control_variate_needs_before_the_run_is_forecast():
    long = sv.SGD(NETWORK.problem, NETWORK.start, sv.rationalize(0.001))
    with pytest.raises(sv.BudgetExceededError, match="what control_variate=True needs before the run must take"):
        sv.estimate_gradient_variance(long, 200_000, [3], replicates=100, control_variate=True, time_budget=1)


def test_atoms_are_as_rare_in_single_precision():
    atoms = sv.DiscretePopulation([[1.0], [2.0]], [0.0, 0.0], [0.3, 0.7])
    sgd = sv.SGD(sv.LinearRegression(atoms), [1.0], 0.0)
    how = {"replicates": 20_000, "conditional": False}
    single, double = (
        sv.estimate_gradient_variance(sgd, 0, [7, 10**8], precision=precision, **how).value
        for precision in ("float32", "float64")
    )
    np.testing.assert_allclose(single, double, rtol=0.02)


@pytest.mark.parametrize(
    ("sgd", "wanted", "error", "message"),
    [
        (NETWORK, "yes", TypeError, "control_variate must be True or False, got 'yes'"),
        (
            sv.SGD(NETWORK.problem, NETWORK.start, 10**6),
            True,
            ValueError,
            "control_variate must be False where the linearised SGD diverges",
        ),
    ],
)
def test_a_control_variate_that_there_is_not_is_refused(sgd, wanted, error, message):
    with pytest.raises(error, match=message):
        sv.estimate_gradient_variance(sgd, 40, [3], replicates=100, control_variate=wanted)


# --- differences ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("sgd", [SGD, NETWORK], ids=["regression", "network"])
def test_differences_are_unbiased_and_sharper_than_two_estimates(sgd, conditional, judge):
    V, sizes = sv.gradient_variance(sgd, 2 if sgd is SGD else 1), [2, 3, 12]
    step = 2 if sgd is SGD else 1
    estimate = sv.estimate_difference(sgd, step, sizes, replicates=20_000, seed=23, conditional=conditional)
    assert estimate.batch_sizes.tolist() == [[2, 3], [3, 12]]
    expected = [float(V(2) - V(3)), float(V(3) - V(12))]
    judge.agree(estimate.value, expected, estimate.standard_error)
    alone = sv.estimate_gradient_variance(
        sgd, step, sizes, replicates=20_000, seed=24, conditional=conditional, control_variate=False
    )
    separate = np.hypot(alone.standard_error[:-1], alone.standard_error[1:])
    np.testing.assert_allclose(estimate.gain, (separate / estimate.standard_error) ** 2, rtol=0.2)
    assert estimate.gain[0] > (2 if conditional else 1.2)


def test_standard_errors_of_differences_are_the_spread_over_seeds(judge):
    estimates = [sv.estimate_difference(SGD, 2, [4, 5], replicates=256, seed=s) for s in range(100)]
    judge.spread_is([e.value[0] for e in estimates], [e.standard_error[0] for e in estimates])


def test_a_difference_reaches_its_relative_error():
    estimate = sv.estimate_difference(SGD, 2, [4, 5], relative_error=0.02, seed=25)
    assert estimate.relative_error[0] < 0.025


@pytest.mark.parametrize("sizes", [[3], [3, 3], [4, 3], []])
def test_differences_need_ascending_batch_sizes(sizes):
    with pytest.raises(ValueError, match="batch_sizes must "):
        sv.estimate_difference(SGD, 2, sizes)


# --- intervals and warnings -----------------------------------------------------------------------------------------


SEEDS = 250  # the night counts 1,000


@cache
def coverage():
    """How often intervals at 0.9 cover, over seeds: asymptotic and finite-sample, plain and conditional."""
    V = np.array([float(sv.gradient_variance(SGD, 2)(b)) for b in (2, 6)])
    counts = np.zeros((2, 2, 2), dtype=int)
    for seed in range(SEEDS):
        for k, conditional in enumerate((False, True)):
            estimate = sv.estimate_gradient_variance(
                SGD, 2, [2, 6], replicates=1000, seed=seed, conditional=conditional
            )
            for m, method in enumerate(("asymptotic", "finite-sample")):
                low, high = estimate.interval(0.9, method)
                counts[k, m] += (low <= V) & (high >= V)
    return counts


def test_intervals_cover_as_they_say(judge):
    """The bounds are 0.27 and 0.31 missed: intervals of half the width miss 0.41."""
    for missed in SEEDS - coverage()[:, 1].ravel():
        judge.at_most(int(missed), SEEDS, 0.1)
    for missed in SEEDS - coverage()[:, 0].ravel():  # nominal: 0.1 plus what skewness takes at 1,000 replicates
        judge.at_most(int(missed), SEEDS, 0.13)


def test_asymptotic_intervals_are_not_wide():
    assert (coverage()[:, 0] < 0.98 * SEEDS).all()  # intervals of 1.5 times the width cover 0.986


def test_a_guaranteed_interval_knows_its_bound_and_gaussian_data_have_none():
    estimate = sv.estimate_gradient_variance(SGD, 1, [3], replicates=50_000, conditional=False)
    (known,) = estimate.bounded_intervals(0.99)
    assert known.excludes_zero
    assert not known.is_vacuous
    assert estimate.bound(3).value == known.upper_bound > known.upper
    gaussian = sv.SGD(sv.LinearRegression(sv.GaussianPopulation([1.0])), [0.0], 0.1)
    unbounded = sv.estimate_gradient_variance(gaussian, 1, [3], replicates=100)
    assert unbounded.bounded_intervals()[0].is_vacuous
    assert "Gaussian" in unbounded.bound(3).reason
    with pytest.raises(ValueError, match="a finite-sample interval must be of a quantity"):
        sv.estimate_mean_weights(SGD, 1, [3], replicates=100).interval(0.9, "finite-sample")
    with pytest.raises(ValueError, match='method must be "asymptotic" or "finite-sample", got \'exact\''):
        estimate.interval(0.9, "exact")


def test_rare_examples_that_decide_the_error_are_warned_of():
    rare = sv.DiscretePopulation([[1.0], [100.0]], [0.0, 5.0], [0.9999, 0.0001])
    sgd = sv.SGD(sv.LinearRegression(rare), [1.0], 1e-5)
    (warning,) = sv.estimate_gradient_variance(sgd, 2, [1], replicates=5000, conditional=False).warnings
    assert warning.startswith("at b = 1 one of 5,000 replicates carries ")
    estimate = sv.estimate_gradient_variance(SGD, 1, [3, 12], replicates=5000, conditional=False)
    assert estimate.warnings == ()  # at b = n there is nothing to warn of


def test_single_precision_says_where_it_may_matter():
    targets = X @ [1.0, 2.0, 3.0]
    for size, matters in ((1.0, False), (1e-6, True)):
        data = sv.Dataset(X, targets + size * Y)
        sgd = sv.SGD(sv.LinearRegression(data), [1.0, 2.0, 3.0], 0.05)
        how = {"replicates": 4096, "conditional": False}
        single = sv.estimate_gradient_variance(sgd, 3, [3], precision="float32", **how)
        assert any("float32" in text for text in single.warnings) == matters
        double = sv.estimate_gradient_variance(sgd, 3, [3], **how)
        assert not double.warnings
        if not matters:
            np.testing.assert_allclose(single.value, double.value, rtol=1e-5)
            assert single.value.dtype == np.float64


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"replicate": 5}, TypeError, "options must be among time_budget, .*, got replicate"),
        ({"precision": "float16"}, ValueError, 'precision must be "float64" or "float32", got \'float16\''),
        ({"chunk_size": 0}, ValueError, "chunk_size must be at least 1, got 0"),
        ({"chunk_size": 1.5}, TypeError, "chunk_size must be an integer"),
        ({"chunk_size": 10**13}, sv.BudgetExceededError, "must fit into memory"),
        ({"checkpoint": 3}, TypeError, "checkpoint must be a path, got int"),
        ({"progress": 3}, TypeError, "progress must be True, False or a function, got 3"),
        ({"conditional": "no"}, TypeError, "conditional must be True or False, got 'no'"),
        ({"replicates": None, "relative_error": 1e-300}, ValueError, "relative_error must be at least 1e-09"),
        ({"time_budget": "1"}, TypeError, "time_budget must be a number, got '1'"),
    ],
)
def test_bad_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        sv.estimate_gradient_variance(SGD, 1, [3], **{"replicates": 100, **options})
