"""The variance of squared deviations is known where a sample of ordinary size would miss most of it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import sgdvar as sv
from sgdvar.monte_carlo.dynamics.chain import GradientMap
from sgdvar.monte_carlo.statistics.tails import reweighted_squares_variance, squares_variances
from tests.statistical.brute_force import outcomes

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2))
LAYERS = [[[0.8, -0.3], [0.4, 1.0]], [[0.5, 0.2], [-0.6, 0.9]]]
DATA, ATOMS = sv.Dataset(X, Y), sv.DiscretePopulation(X, Y, [0.5, 0.3, 0.2])
PROCESSES = {
    "without replacement": sv.SGD(sv.DeepLinearNetwork(DATA, weight_decay=3.0), LAYERS, [0.15, 0.1]),
    "with replacement": sv.SGD(sv.DeepLinearNetwork(DATA), LAYERS, 0.1, sv.WithReplacement()),
    "atoms": sv.SGD(sv.DeepLinearNetwork(ATOMS), LAYERS, 0.1),
    "linear regression": sv.SGD(sv.LinearRegression(ATOMS), np.zeros((2, 2)), 0.1),
}
SEEDS = 40


def rare_pairs(chance=Fraction(1, 100)):
    """At step 1 nearly all variance comes from runs that drew the rare atom twice, one in 10,000."""
    data = sv.DiscretePopulation([[1], [10]], [0, 0], [1 - chance, chance])
    return sv.SGD(sv.DeepLinearNetwork(data), [[[1]], [[1]]], Fraction(1, 20))


def estimates(sgd, step, batch_size, matrix=None):
    apply = GradientMap.of(sgd, matrix, None)
    return np.array([reweighted_squares_variance(sgd, step, batch_size, apply, seed) for seed in range(SEEDS)])


@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.parametrize(("step", "batch_size"), [(0, 1), (0, 2), (1, 1), (1, 2), (2, 2)])
def test_the_reweighted_simulation_estimates_the_variance_of_squared_deviations(name, step, batch_size, judge):
    sgd = PROCESSES[name]
    seen, rows = outcomes(sgd, step, batch_size), RNG.normal(size=(3, sgd.weight_count))
    for matrix in (None, rows):
        mapped = seen.gradients if matrix is None else seen.gradients @ rows.T
        squares = ((mapped - seen.chances @ mapped) ** 2).sum(axis=1)
        expected = seen.chances @ squares**2 - (seen.chances @ squares) ** 2
        found = estimates(sgd, step, batch_size, matrix)
        judge.agree(found.mean(), expected, found.std() / np.sqrt(SEEDS))


@pytest.mark.parametrize("batch_size", [1, 8])
def test_rare_pairs_of_draws_are_not_missed(batch_size, judge):
    sgd = rare_pairs()
    V, fourth = sv.gradient_variance(sgd, 1)(batch_size), sv.gradient_fourth_moment(sgd, 1)(batch_size)
    found = estimates(sgd, 1, batch_size)
    judge.agree(found.mean(), float(fourth - V**2), found.std() / np.sqrt(SEEDS))
    assert found.std() < 0.5 * found.mean()  # any one of them will do


def test_the_exact_fourth_moment_is_used_where_it_is_in_reach():
    sgd = rare_pairs()
    V, fourth = sv.gradient_variance(sgd, 1), sv.gradient_fourth_moment(sgd, 1)
    expected = {b: float(fourth(b) - V(b) ** 2) for b in (1, 8)}
    assert squares_variances(sgd, 1, [1, 8], matrix=None, layer=None, seed=0) == expected
    population = sv.SGD(sv.DeepLinearNetwork(sv.GaussianPopulation([1])), [[[1]], [[2]]], Fraction(1, 4))
    own = sv.gradient_fourth_moment(population, 1, layer=2)(3) - sv.gradient_variance(population, 1, layer=2)(3) ** 2
    assert squares_variances(population, 1, [3], matrix=None, layer=2, seed=0) == {3: float(own)}


def test_floats_are_simulated_and_floats_of_a_gaussian_population_are_left_to_the_sample():
    sgd = PROCESSES["atoms"]
    found = squares_variances(sgd, 1, [2], matrix=None, layer=2, seed=5)[2]
    assert found == reweighted_squares_variance(sgd, 1, 2, GradientMap.of(sgd, None, 2), 5) > 0
    population = sv.SGD(sv.DeepLinearNetwork(sv.GaussianPopulation([1.0])), [[[1]], [[2]]], 0.1)
    assert squares_variances(population, 1, [2], matrix=None, layer=None, seed=5) == {2: 0}


def test_the_squared_deviations_of_two_equally_likely_gradients_do_not_vary():
    data = sv.Dataset([[1.0], [2.0]], [1.0, 0.0])
    sgd = sv.SGD(sv.LinearRegression(data), [1.0], 0.1, sampling=sv.WithReplacement())
    one, two = squares_variances(sgd, 0, [1, 2], matrix=None, layer=None, seed=0).values()
    assert one < 0.01 < 3.5 < two < 4.5  # exactly 0 and 4


def test_where_nothing_is_random_nothing_varies():
    assert squares_variances(PROCESSES["without replacement"], 1, [3], matrix=None, layer=None, seed=0) == {3: 0}


def test_runs_that_overflow_vary_without_bound():
    sgd = sv.SGD(sv.DeepLinearNetwork(sv.DiscretePopulation(X, Y, [0.5, 0.3, 0.2])), LAYERS, 1e9)
    assert squares_variances(sgd, 8, [1], matrix=None, layer=None, seed=0) == {1: np.inf}
