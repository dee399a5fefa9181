"""No batch sequence exceeds the bounds on replicates, which are reached where nothing but the data decides."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import sgdvar as sv
from sgdvar.monte_carlo.dynamics.chain import GradientMap
from sgdvar.monte_carlo.statistics.bounds import (
    full_gradient_pair_bound,
    gradient_pair_bound,
    gradient_square_bound,
    loss_bound,
)
from sgdvar.monte_carlo.statistics.enclosure import Batches, enclosure
from sgdvar.monte_carlo.statistics.intervals import empirical_bernstein
from tests.statistical.brute_force import example_chances, flat, outcomes

RNG = np.random.default_rng(0)
X, Y, Z = RNG.normal(size=(4, 2)), RNG.normal(size=4), RNG.normal(size=(4, 2))
CHANCES = [0.1, 0.2, 0.3, 0.4]
LAYERS = [RNG.normal(size=(2, 2)), RNG.normal(size=(1, 2))]
DEEP = [RNG.normal(size=(2, 2)), RNG.normal(size=(2, 2)), RNG.normal(size=(2, 2))]


def regression(data, start, **arguments):
    decay = arguments.pop("weight_decay", 0)
    return sv.SGD(sv.LinearRegression(data, weight_decay=decay), start=start, **arguments)


PROCESSES = {
    "without replacement": regression(sv.Dataset(X, Y), RNG.normal(size=2), step_size=0.3, weight_decay=0.2),
    "unstable": regression(sv.Dataset(X, Y), RNG.normal(size=2), step_size=2.0),
    "negative steps": regression(sv.Dataset(X, Y), RNG.normal(size=2), step_size=[-0.2, 0.1, -0.3], weight_decay=3.0),
    "with replacement, two outputs": regression(
        sv.Dataset(X, Z), RNG.normal(size=(2, 2)), step_size=0.2, sampling=sv.WithReplacement()
    ),
    "atoms": regression(sv.DiscretePopulation(X, Y, CHANCES), RNG.normal(size=2), step_size=0.5, weight_decay=0.1),
    "network": sv.SGD(sv.DeepLinearNetwork(sv.Dataset(X, Y), weight_decay=0.5), start=LAYERS, step_size=0.1),
    "network, negative steps": sv.SGD(sv.DeepLinearNetwork(sv.Dataset(X, Y)), start=LAYERS, step_size=-0.2),
    "three layers, with replacement": sv.SGD(
        sv.DeepLinearNetwork(sv.Dataset(X, Z)), start=DEEP, step_size=0.05, sampling=sv.WithReplacement()
    ),
    "three layers, atoms": sv.SGD(
        sv.DeepLinearNetwork(sv.DiscretePopulation(X, Z, CHANCES), weight_decay=0.1), start=DEEP, step_size=0.02
    ),
}
MOST = 600  # batch sequences whose pairs are compared
QUANTITIES = [
    "pairs",
    "conditional pairs",
    "full gradient pairs",
    "squares",
    "conditional squares",
    "loss",
    "other loss",
]


def largest_distance(rows):
    return ((rows[:, None] - rows) ** 2).sum(axis=2).max()


def replicates(sgd, step, batch_size, matrix=None, layer=None):
    """The largest replicate (or pair) of each quantity over all batch sequences, or over many of them."""
    known, data, problem = outcomes(sgd, step, batch_size), sgd.problem.data, sgd.problem
    A, chances = GradientMap.of(sgd, matrix, layer), example_chances(data)
    which = np.random.default_rng(530).permutation(len(known.weights))[:MOST]
    full, noise, losses, others = [], [], [], []
    for weights in known.weights[which]:
        layers = sgd.shaped(weights)
        examples = flat(problem.example_gradients(layers, data.X, data.y), len(data.X))
        deviations = A(examples - chances @ examples)
        full.append(chances @ examples)
        noise.append(float(sgd.design.variance_factor(batch_size)) * (chances @ (deviations**2).sum(axis=1)))
        penalty = float(problem.weight_decay) / 2 * (weights**2).sum()
        losses.append(chances @ problem.example_losses(layers, data.X, data.y) + penalty)
        others.append(problem.example_losses(layers, 2 * X, data.y + 1).mean() + penalty)
    g, h, s = A(known.gradients[which]), A(np.array(full)), np.array(noise)
    offsets = (s[:, None] + s) / 2
    pairs = offsets + ((h[:, None] - h) ** 2).sum(axis=2) / 2
    squares = [(g**2).sum(axis=1).max(), (s + (h**2).sum(axis=1)).max()]
    values = [largest_distance(g) / 2, pairs.max(), largest_distance(h) / 2, *squares, max(losses), max(others)]
    return dict(zip(QUANTITIES, values, strict=True))


def bounds(sgd, step, batch_size, matrix=None, layer=None):
    A, data = GradientMap.of(sgd, matrix, layer), sgd.problem.data
    other, where = sv.Dataset(2 * X, data.y + 1), (sgd, step, batch_size)
    values = [
        gradient_pair_bound(*where, A, conditional=False),
        gradient_pair_bound(*where, A, conditional=True),
        full_gradient_pair_bound(*where, A),
        gradient_square_bound(*where, A, conditional=False),
        gradient_square_bound(*where, A, conditional=True),
        loss_bound(*where),
        loss_bound(*where, other),
    ]
    assert not any(bound.reason for bound in values)
    return {name: bound.value for name, bound in zip(QUANTITIES, values, strict=True)}


CASES = [(0, 1), (0, 3), (1, 1), (1, 2), (2, 1), (3, 1)]
MORE = [(1, 4), (2, 3)]  # too many batches with replacement to enumerate


@pytest.mark.parametrize(
    ("name", "step", "batch_size"),
    [(name, *case) for name, sgd in PROCESSES.items() for case in CASES + MORE * sgd.design.is_without_replacement],
)
def test_no_batch_sequence_exceeds_the_bounds(name, step, batch_size):
    sgd = PROCESSES[name]
    seen, allowed = replicates(sgd, step, batch_size), bounds(sgd, step, batch_size)
    assert not {
        quantity: (seen[quantity], allowed[quantity]) for quantity in seen if seen[quantity] > allowed[quantity]
    }


@pytest.mark.parametrize("name", ["without replacement", "with replacement, two outputs", "network"])
@pytest.mark.parametrize("layer", [None, 1])
@pytest.mark.parametrize("step", [0, 1, 2])
def test_no_batch_sequence_exceeds_the_bounds_under_a_matrix(name, layer, step):
    sgd = PROCESSES[name]
    d = sgd.weight_count if layer is None else sgd.layers[0].size
    matrix = np.arange(2.0 * d).reshape(2, d) - d
    seen, allowed = replicates(sgd, step, 1, matrix, layer), bounds(sgd, step, 1, matrix, layer)
    assert all(seen[quantity] <= allowed[quantity] for quantity in seen)


def test_no_batch_sequence_exceeds_the_bounds_in_one_layer():
    for layer in (1, 2):
        sgd = PROCESSES["network"]
        seen, allowed = replicates(sgd, 1, 2, layer=layer), bounds(sgd, 1, 2, layer=layer)
        assert all(seen[quantity] <= allowed[quantity] for quantity in seen)


@pytest.mark.parametrize("name", PROCESSES)
def test_at_the_start_the_bounds_are_reached(name):
    """Two batches of one example each are as far apart as examples are; what depends on no batch is what it is."""
    sgd = PROCESSES[name]
    seen, allowed = replicates(sgd, 0, 1), bounds(sgd, 0, 1)
    for quantity in ("pairs", "conditional pairs", "conditional squares", "loss", "other loss"):
        np.testing.assert_allclose(allowed[quantity], seen[quantity], rtol=1e-9)
    assert allowed["full gradient pairs"] < 1e-18 * allowed["pairs"]
    assert allowed["squares"] < 2.5 * seen["squares"]


def test_batches_that_share_examples_are_closer():
    """Without replacement two batches of n - 1 examples differ in one: the distance is that of examples over n - 1."""
    sgd = PROCESSES["without replacement"]
    one, most = (bounds(sgd, 0, b)["pairs"] for b in (1, 3))
    np.testing.assert_allclose(most, one / 9, rtol=1e-9)
    np.testing.assert_allclose(most, replicates(sgd, 0, 3)["pairs"], rtol=1e-9)


@pytest.mark.parametrize("name", ["without replacement", "unstable", "network"])
def test_whole_batches_leave_nothing_but_rounding(name):
    allowed = bounds(PROCESSES[name], 3, 4)
    assert 0 < allowed["pairs"] < 1e-15 * allowed["squares"]


def test_linear_regression_is_bounded_alike_as_a_network_of_one_layer():
    sgd = PROCESSES["without replacement"]
    network = sv.SGD(sv.DeepLinearNetwork(sgd.problem.data, weight_decay=0.2), start=[sgd.start[None]], step_size=0.3)
    assert bounds(sgd, 3, 2) == bounds(network, 3, 2)


def test_stable_steps_add_up_and_do_not_multiply():
    """With alpha max ||x||^2 < 2 the ball grows by no more than each step's noise."""
    sgd = regression(sv.Dataset(X, Y), np.zeros(2), step_size=1.9 / (X**2).sum(axis=1).max())
    radii = np.array([enclosure(sgd, t, 1).radii[0] for t in range(31)])
    noise = np.array([enclosure(sgd, t, 1).layer_noise[0] for t in range(30)]) * sgd.step_size
    np.testing.assert_allclose(np.diff(radii), noise, rtol=1e-9)


def test_layers_of_one_positive_weight_each_move_gradients_as_far_as_the_ball_allows():
    inputs, targets, weights, radii = (
        np.array([[1.0], [2.0], [0.5]]),
        -np.ones(3),
        np.array([2.0, 0.5, 1.5]),
        [0.3, 0.2, 0.1],
    )
    sgd = sv.SGD(sv.DeepLinearNetwork(sv.Dataset(inputs, targets)), start=weights[:, None, None], step_size=0.1)
    ball = replace(enclosure(sgd, 0, 1), radii=tuple(radii))

    def gradients(w):
        return (w.prod() * inputs[:, 0] - targets) * inputs[:, 0] * w.prod() / w[:, None]

    np.testing.assert_allclose(ball.ranges.gradients, gradients(weights + radii) - gradients(weights))
    np.testing.assert_allclose(ball.ranges.product, (weights + radii).prod() - weights.prod())
    moved = ball.after(0.1).radii
    noise = [np.abs(row - row.mean()).max() for row in gradients(weights)]
    expected = radii + 0.1 * (ball.ranges.gradients.max(axis=1) + noise)
    np.testing.assert_allclose(moved, expected)


@pytest.mark.parametrize("layers", [[[[1.0]]], [[[1.0]], [[2.0]]]])
@pytest.mark.parametrize("step_size", [-0.3, 0.3, 1.5])
def test_weight_decay_alone_scales_the_ball(layers, step_size):
    problem = sv.DeepLinearNetwork(sv.Dataset([[0.0]], [0.0]), weight_decay=2.0)
    ball = enclosure(sv.SGD(problem, start=layers, step_size=step_size), 0, 1)
    ball = replace(ball, radii=(0.5,) * len(layers))
    np.testing.assert_allclose(ball.after(step_size).radii, abs(1 - 2 * step_size) * 0.5)


def test_a_layer_is_bounded_as_by_the_matrix_that_selects_it():
    sgd = PROCESSES["network"]
    for layer, rows in ((1, np.eye(6)[:4]), (2, np.eye(6)[4:])):
        chosen, mapped = bounds(sgd, 2, 1, layer=layer), bounds(sgd, 2, 1, matrix=rows)
        np.testing.assert_allclose(list(chosen.values()), list(mapped.values()), rtol=1e-9)


@pytest.mark.parametrize("total", [None, 6])
def test_batch_means_are_bounded_by_all_batches(total):
    rng = np.random.default_rng(531)
    vectors = rng.normal(size=(6, 2))
    vectors -= vectors.mean(axis=0)
    norms = np.linalg.norm(vectors, axis=1)
    for b in range(1, 7):
        batches = Batches(b, total)
        draws = [rng.permutation(6)[:b] if total else rng.integers(0, 6, b) for _ in range(300)]
        means = np.array([vectors[draw].mean(axis=0) for draw in draws])
        assert np.linalg.norm(means, axis=1).max() <= batches.noise(norms) + 1e-12
        assert max(norms[draw].mean() for draw in draws) <= batches.mean(norms) + 1e-12
        assert largest_distance(means) <= (batches.exchanged * math.sqrt(largest_distance(vectors)) + 1e-12) ** 2


@pytest.mark.parametrize(("dtype", "unit_roundoff"), [(np.float64, 2.0**-53), (np.float32, 2.0**-24)])
def test_rounding_in_any_order_of_summation_is_within_the_bound(dtype, unit_roundoff):
    """At b = n trajectories differ by rounding alone; the terms are large, and cancel."""
    rng = np.random.default_rng(532)
    inputs, targets = (
        rng.normal(size=(200, 3)).astype(dtype) + dtype(10),
        rng.normal(size=200).astype(dtype) + dtype(100),
    )
    sgd = regression(sv.Dataset(inputs, targets), np.full(3, 50.0), step_size=1 / 400)
    weights = np.full((20, 3), 50, dtype=dtype)
    for t in range(20):
        gradients = []
        for w in weights:
            order = rng.permutation(200)
            rows = inputs[order] * (inputs[order] @ w - targets[order])[:, None]
            gradients.append(rows.cumsum(axis=0, dtype=dtype)[-1] / dtype(200))
        seen = largest_distance(np.array(gradients, dtype=float)) / 2
        A, ball = GradientMap.of(sgd, None, None), enclosure(sgd, t, 200, unit_roundoff=unit_roundoff)
        assert np.linalg.norm(weights - ball.centre[0], axis=1).max() <= ball.radii[0]
        bound = gradient_pair_bound(sgd, t, 200, A, conditional=False, unit_roundoff=unit_roundoff).value
        assert seen <= bound
        assert dtype is np.float32 or bound < 1e-6
        weights -= dtype(1 / 400) * np.array(gradients)
    assert seen > 0


def test_a_gaussian_population_has_no_bound_and_says_why():
    sgd = regression(sv.GaussianPopulation([1.0, 2.0]), np.zeros(2), step_size=0.1)
    bound = gradient_pair_bound(sgd, 1, 1, GradientMap.of(sgd, None, None), conditional=True)
    assert (bound.value, bound.reason) == (math.inf, "replicates are unbounded, because the inputs are Gaussian")


def test_a_model_of_which_nothing_is_known_has_no_bound():
    problem = sv.DifferentiableModel(sv.Dataset(X, Y), predict=lambda w, x: w @ x)
    bound = loss_bound(sv.SGD(problem, start=np.zeros(2), step_size=0.1), 1, 1)
    assert (bound.value, bound.reason) == (math.inf, "no bound is known for the gradients of a DifferentiableModel")


@pytest.mark.parametrize("step_size", [1e200, 30.0])
def test_a_bound_beyond_floats_is_none(step_size):
    sgd = sv.SGD(sv.DeepLinearNetwork(sv.Dataset(X, Z)), start=DEEP, step_size=step_size)
    for bound in (
        gradient_pair_bound(sgd, 9, 1, GradientMap.of(sgd, None, None), conditional=False),
        loss_bound(sgd, 9, 1),
    ):
        assert bound.value == math.inf
        assert bound.reason == "the bound on what batches can do in 9 steps is beyond floating-point numbers"


@pytest.mark.parametrize(("step", "pairs"), [(0, 1300), (1, 1500), (3, 2000)])
def test_the_bound_is_of_use_on_the_diabetes_data(step, pairs):
    """With this many pairs at b = 8 the interval tells the variance from 0, although batches can do their worst."""
    datasets = pytest.importorskip("sklearn.datasets")
    inputs, targets = datasets.load_diabetes(return_X_y=True)
    inputs, targets = inputs * math.sqrt(len(inputs)), (targets - targets.mean()) / targets.std()
    sgd = regression(sv.Dataset(inputs, targets), np.zeros(10), step_size=0.002)
    bound = gradient_pair_bound(sgd, step, 8, GradientMap.of(sgd, None, None), conditional=False).value
    variance = float(sv.gradient_variance(sgd, step)(8))
    interval = empirical_bernstein(variance, variance**2, pairs, bound, 0.95)
    assert interval.excludes_zero
    assert not interval.is_vacuous
