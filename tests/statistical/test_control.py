"""Control variates have mean 0, leave estimates unbiased, and divide their variance."""

from __future__ import annotations

from functools import cache, partial

import jax
import numpy as np
import pytest

import sgdvar as sv
from sgdvar.monte_carlo.control import variates as control_module
from sgdvar.monte_carlo.control.linearised import linearised_moments, linearised_operations
from sgdvar.monte_carlo.control.variates import ControlVariates, coefficients, control_variates
from sgdvar.monte_carlo.dynamics.chain import GradientMap
from sgdvar.monte_carlo.dynamics.controlled import controlled_dynamics_of
from sgdvar.monte_carlo.landscapes.moments import batch_moments, landscape_of
from sgdvar.monte_carlo.running.trajectories import Record, Trajectories
from sgdvar.monte_carlo.statistics.summaries import Functional, summarise_mean, summarise_variance
from tests.statistical.brute_force import linearised_outcomes, outcomes

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2))
STEP_SIZES = [0.15, 0.1]
START = {
    1: [[[0.8, -0.3], [0.4, 1.0]]],
    2: [[[0.8, -0.3], [0.4, 1.0]], [[0.5, 0.2], [-0.6, 0.9]]],
    3: [[[0.8, -0.3]], [[1.1]], [[0.5], [-0.6]]],
}
DATA, ATOMS = sv.Dataset(X, Y), sv.DiscretePopulation(X, Y, [0.5, 0.3, 0.2])
POPULATION = sv.GaussianPopulation(
    RNG.normal(size=(2, 2)), input_factor=RNG.normal(size=(2, 3)), noise_factor=RNG.normal(size=(2, 1))
)


def variance_ratio(influences, features, beta):
    """The factor by which features divide the variance of an estimate, in replicates that ``beta`` has not seen."""
    left = influences - np.tensordot(features, beta, 1)
    before, after = (float(values.var(axis=0).sum()) for values in (influences, left))
    return before / after if 0 < after < np.inf else 1.0


def network(data, depth=2, sampling=None, step_sizes=STEP_SIZES):
    return sv.SGD(sv.DeepLinearNetwork(data, weight_decay=0.2), START[depth], step_sizes, sampling)


PROCESSES = {
    "without replacement": network(DATA),
    "with replacement": network(DATA, sampling=sv.WithReplacement()),
    "atoms": network(ATOMS),
    "one layer": network(DATA, 1),
    "three layers": network(DATA, 3, sv.WithReplacement()),
}


@partial(jax.jit, static_argnames="shapes")
def differentiated(weights, inputs, targets, decay, shapes):
    """Every example's gradient and Hessian in the weights of all layers, by automatic differentiation."""

    def losses(weights):
        outputs, rest = inputs, weights
        for rows, columns in shapes:
            outputs, rest = outputs @ rest[: rows * columns].reshape(rows, columns).T, rest[rows * columns :]
        return ((outputs - targets) ** 2).sum(axis=1) / 2 + decay / 2 * (weights**2).sum()

    return jax.jacobian(losses)(weights), jax.hessian(losses)(weights)


def derivatives(sgd, weights):
    data, shapes = sgd.problem.data, tuple(layer.shape for layer in sgd.layers)
    with jax.enable_x64(True):
        return tuple(map(np.asarray, differentiated(weights, data.X, data.y, sgd.problem.weight_decay, shapes)))


@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.parametrize("step", [0, 1, 2])
def test_moments_are_those_of_every_sequence_of_batches(name, step):
    sgd, sizes = PROCESSES[name], [1, 2]
    known = linearised_moments(sgd, step, sizes)
    for b, covariance in zip(sizes, known.covariance, strict=True):
        path, hessian, chances, deviations = linearised_outcomes(sgd, step, b, derivatives)
        np.testing.assert_allclose(known.weights, path, rtol=1e-12)
        np.testing.assert_allclose(known.hessian, hessian, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(chances @ deviations, 0, atol=1e-14)
        expected = (deviations * chances[:, None]).T @ deviations
        np.testing.assert_allclose(covariance, expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("data", [DATA, ATOMS, POPULATION, sv.Dataset([[1, 2], [0, 1], [1, 1]], [1, 0, 3])], ids=str)
@pytest.mark.parametrize("decay", [0, 0.3])
def test_linear_regression_is_its_own_linearisation(data, decay):
    shape = (2,) if data.outputs is None else (2, 2)
    start, decay = (np.ones(shape, dtype=int), 0) if data.kind == "integer" else (np.ones(shape), decay)
    step_sizes = [1, 2, -1] if data.kind == "integer" else [0.1, 0.2, 0.05]
    sgd = sv.SGD(sv.LinearRegression(data, weight_decay=decay), start, step_sizes)
    known, sizes = linearised_moments(sgd, 3, [1, 2, 3]), [1, 2, 3]
    covariance, mean = sv.weight_covariance(sgd, 3), sv.mean_weights(sgd, 3).ravel()
    np.testing.assert_allclose(known.weights, [float(value(1)) for value in mean], rtol=1e-10)
    for b, found in zip(sizes, known.covariance, strict=True):
        expected = [[float(entry(b)) for entry in row] for row in covariance]
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12 * (1 + np.abs(expected).max()))


@cache
def simulated(sgd, step, batch_size, replicates, *, seed, is_pilot=False, precision="float64"):
    """Records of controlled replicates joined to one."""
    trajectories = Trajectories(sgd, controlled_dynamics_of(sgd), (step,), seed, precision)
    chunks = trajectories.chunks(trajectories.blocks(batch_size, replicates, is_pilot=is_pilot))
    records = [record for chunk in chunks for (record,) in trajectories.simulate(chunk)]
    return Record(*(np.concatenate(arrays) for arrays in zip(*records, strict=True)))


def features_of(sgd, step, batch_size, record):
    return control_variates(sgd, step, [batch_size], 1e16)[batch_size](record)


def means(values):
    return values.mean(axis=0), values.std(axis=0) / np.sqrt(len(values))


SIMULATED = PROCESSES | {
    "Gaussian, fewer examples than features": network(POPULATION),
    "Gaussian, three layers": network(POPULATION, 3),
    "Gaussian, one output": sv.SGD(
        sv.DeepLinearNetwork(sv.GaussianPopulation([0.5, -1.0], noise_factor=0.5)), [START[2][0], [[0.5, 0.2]]], 0.2
    ),
}


@pytest.mark.parametrize("name", SIMULATED)
def test_simulated_features_have_mean_zero(name, judge):
    sgd, step, batch_size = SIMULATED[name], 2, 2
    record = simulated(sgd, step, batch_size, 8192, seed=701)
    d, known = sgd.weight_count, linearised_moments(sgd, step, [batch_size])
    np.testing.assert_allclose(record.weights[:, 2 * d :], np.tile(known.weights, (8192, 1)), rtol=1e-12)
    features = features_of(sgd, step, batch_size, record)
    assert features.shape[1] > 0
    mean, error = means(features)
    judge.agree(mean, 0, error)


def test_the_covariance_of_another_batch_size_would_be_seen(judge):
    """The power of the comparisons above."""
    sgd = SIMULATED["Gaussian, fewer examples than features"]
    mean, error = means(features_of(sgd, 2, 3, simulated(sgd, 2, 2, 8192, seed=701)))
    judge.disagree(mean, 0, error)


@pytest.mark.parametrize(("room", "count"), [(14, 7 + 6 + 3), (8, 4 + 3 + 3), (256, 7 + 28)])
def test_forms_stand_for_coordinates_and_products_that_are_too_many(room, count, judge, monkeypatch):
    monkeypatch.setattr(control_module, "_FEATURES", room)
    sgd = PROCESSES["with replacement"]
    features = features_of(sgd, 2, 2, simulated(sgd, 2, 2, 8192, seed=701))
    assert features.shape[1] == count
    mean, error = means(features)
    judge.agree(mean, 0, error)


def test_single_precision_moves_features_by_no_more_than_rounding(judge):
    sgd = PROCESSES["without replacement"]
    mean, error = means(features_of(sgd, 2, 2, simulated(sgd, 2, 2, 8192, seed=703, precision="float32")))
    judge.agree(mean, 0, error + 1e-4)


def measured(sgd, quantity, record, batch_size):
    """Offsets and vectors of a conditional estimate; None where it has none."""
    landscape = landscape_of(sgd)
    gradients, noise = batch_moments(sgd, GradientMap.of(sgd, None, None))(record, batch_size)
    return {
        "gradient_variance": (noise, gradients),
        "full_gradient_variance": (np.zeros(len(gradients)), gradients),
        "gradient_second_moment": (noise + (gradients**2).sum(axis=1), None),
        "expected_loss": (landscape.loss(record.weights), None),
        "mean_gradient": (gradients, None),
        "mean_weights": (record.weights, None),
    }[quantity]


def network_part(variates, record):
    return record.part(slice(len(variates.whitening)))


@cache
def fitted(sgd, quantity, step, batch_size):
    """The control variates, and their coefficients from a pilot."""
    variates = control_variates(sgd, step, [batch_size], 1e16)[batch_size]
    pilot = simulated(sgd, step, batch_size, 4096, seed=701, is_pilot=True)
    seen = Functional.of(*measured(sgd, quantity, network_part(variates, pilot), batch_size)).influence
    return variates, variates.fit(pilot, seen)


def estimated(sgd, quantity, step, batch_size, replicates, *, seed):
    """A controlled estimate, the same replicates without control, and the variance ratio."""
    variates, beta = fitted(sgd, quantity, step, batch_size)
    record = simulated(sgd, step, batch_size, replicates, seed=seed)
    offsets, vectors = measured(sgd, quantity, network_part(variates, record), batch_size)
    own = (offsets, offsets - variates.correction(record, beta))
    plain, controlled = (summarise_mean(s) if vectors is None else summarise_variance(vectors, s) for s in own)
    return controlled, plain, variance_ratio(Functional.of(offsets, vectors).influence, variates(record), beta)


@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.parametrize(
    "quantity",
    [
        "gradient_variance",
        "full_gradient_variance",
        "gradient_second_moment",
        "expected_loss",
        "mean_gradient",
        "mean_weights",
    ],
)
def test_estimates_with_and_without_control_are_what_enumeration_gives(name, quantity, judge):
    sgd, step, batch_size = PROCESSES[name], 2, 2
    expected = outcomes(sgd, step, batch_size).quantity(quantity)
    controlled, plain, ratio = estimated(sgd, quantity, step, batch_size, 8192, seed=701)
    judge.agree(plain.value, expected, plain.standard_error)
    judge.agree(controlled.value, expected, controlled.standard_error)
    assert ratio > 2


def test_controlled_estimates_scatter_over_seeds_as_their_standard_errors_say(judge):
    sgd = PROCESSES["without replacement"]
    seeds = range(710, 750)
    found = [estimated(sgd, "gradient_variance", 2, 2, 512, seed=seed)[0] for seed in seeds]
    judge.spread_is([float(one.value) for one in found], [float(one.standard_error) for one in found])


@pytest.mark.parametrize(
    "data",
    [
        sv.Dataset(RNG.normal(size=(60, 4)), RNG.normal(size=60)),
        sv.GaussianPopulation([0.4, -0.2, 0.35, 0.1], noise_factor=0.5),
    ],
    ids=str,
)
def test_control_divides_the_standard_error_on_a_4_4_1_network(data):
    start = [np.eye(4) + 0.3 * RNG.normal(size=(4, 4)), 0.5 * RNG.normal(size=(1, 4))]
    sgd = sv.SGD(sv.DeepLinearNetwork(data), start, 0.05)
    controlled, plain, ratio = estimated(sgd, "gradient_variance", 5, 8, 4096, seed=705)
    assert ratio > 100
    np.testing.assert_allclose((plain.standard_error / controlled.standard_error) ** 2, ratio, rtol=0.2)


def test_where_nothing_is_random_there_is_no_feature():
    for sgd, step, b in (
        (PROCESSES["with replacement"], 0, 1),
        (PROCESSES["without replacement"], 2, 3),
        (network(sv.Dataset(X[:1], Y[:1])), 2, 1),
    ):
        record = simulated(sgd, step, b, 64, seed=706)
        features = features_of(sgd, step, b, record)
        assert features.shape == (64, 0)
        assert coefficients(record.weights, features).shape == (0, 3 * sgd.weight_count)


def test_a_linearisation_that_diverges_is_no_control():
    sgd = network(DATA, step_sizes=[30.0] * 40)
    assert control_variates(sgd, 1, [1, 2], 1e16) is not None
    assert control_variates(sgd, 40, [1, 2], 1e16) is None


def test_one_rare_large_example_is_enough_to_have_no_control():
    """Gradient descent contracts by 0.9, and the mean square of SGD grows 808-fold in each step."""
    data = sv.DiscretePopulation([[1.0], [30.0]], [1.0, 0.0], [0.999, 0.001])
    sgd = sv.SGD(sv.LinearRegression(data), [1.0], 1.0)
    assert linearised_moments(sgd, 12, [1]).weights.max() < 2
    assert control_variates(sgd, 1, [1], 1e16) is not None
    assert control_variates(sgd, 12, [1], 1e16) is None


def test_deviations_that_a_pilot_does_not_see_are_no_control():
    """One example in a million carries nine tenths of the variance."""
    data = sv.DiscretePopulation([[1.0], [1e3]], [[1.0], [0.0]], [1 - 1e-6, 1e-6])
    sgd = sv.SGD(sv.DeepLinearNetwork(data), [[[1.0]], [[0.9]]], 0.01)
    variates = control_variates(sgd, 2, [1], 1e16)[1]
    record = simulated(sgd, 2, 1, 4096, seed=708)
    assert np.square(variates(record)[:, 0]).mean() < 1e-3
    assert not variates.fit(record, record.weights[:, 0] + RNG.normal(size=4096)).any()


@pytest.mark.parametrize("room", [14, 256])
def test_a_correction_is_the_sum_of_the_features_times_their_coefficients(room, monkeypatch):
    monkeypatch.setattr(control_module, "_FEATURES", room)
    root = RNG.normal(size=(8, 5))
    variates = ControlVariates.of(root @ root.T, np.diag(np.arange(8.0)))
    record = Record(*RNG.normal(size=(2, 6, 24)))
    features = variates(record)
    beta = RNG.normal(size=(features.shape[1], 2))
    expected = features @ beta
    np.testing.assert_allclose(variates.correction(record, beta), expected, rtol=1e-12)
    np.testing.assert_allclose(variates.correction(record, beta[:, 1]), expected[:, 1], rtol=1e-10)


def test_coefficients_are_zero_where_anything_is_not_finite():
    values, features = np.array([1.0, np.inf, 2.0]), np.array([[1.0], [2.0], [4.0]])
    assert coefficients(values, features).tolist() == [0.0]
    assert coefficients(features[:, 0], values[:, None]).tolist() == [0.0]
    np.testing.assert_allclose(coefficients(3 * features + 1, features), [[3.0]])


def test_coefficients_of_noise_gain_nothing_in_other_replicates():
    rng = np.random.default_rng(707)
    values, features = rng.normal(size=2000), rng.normal(size=(2000, 100))
    beta = coefficients(values[:1000], features[:1000])
    assert variance_ratio(values[:1000], features[:1000], beta) > 1.05
    assert variance_ratio(values[1000:], features[1000:], beta) < 1
    assert variance_ratio(np.zeros(1000), features[1000:], 0 * beta) == 1


def test_features_are_orthonormal_coordinates_and_their_products():
    root = RNG.normal(size=(5, 3))
    variates = ControlVariates.of(root @ root.T, np.eye(5))
    assert variates.whitening.shape == (5, 3)
    np.testing.assert_allclose(variates.whitening.T @ root @ root.T @ variates.whitening, np.eye(3), atol=1e-10)
    weights = np.hstack([np.zeros((4, 5)), RNG.normal(size=(4, 3)) @ root.T, np.zeros((4, 5))])
    features, z = variates(Record(weights, weights)), weights[:, 5:10] @ variates.whitening
    np.testing.assert_allclose(features[:, :3], z, rtol=1e-12)
    np.testing.assert_allclose(features[:, 3], z[:, 0] ** 2 - 1, rtol=1e-12)
    np.testing.assert_allclose(features[:, 4], z[:, 0] * z[:, 1], rtol=1e-12)


def test_the_cost_of_moments_is_forecast():
    def shaped(p, hidden, q):
        data = sv.GaussianPopulation(np.ones((q, p)))
        return sv.SGD(sv.DeepLinearNetwork(data), [np.ones((hidden, p)), np.ones((q, hidden))], 0.1)

    small, large = shaped(4, 4, 1), shaped(100, 100, 10)
    assert linearised_operations(small, 20, [8]) < 1e7
    assert linearised_operations(large, 20, [8]) > 1e13
    assert linearised_operations(small, 20, range(1, 101)) > 40 * linearised_operations(small, 20, [8])


def test_coefficients_that_do_not_pay_are_zero():
    """A network that diverges at b = 1: coefficients from one half of the pilot lose in the other."""
    rng = np.random.default_rng(0)
    data = sv.Dataset(rng.normal(size=(30, 3)), rng.normal(size=30))
    sgd = sv.SGD(sv.DeepLinearNetwork(data), [rng.normal(size=(2, 3)), rng.normal(size=(1, 2))], 0.3)
    found = sv.estimate_gradient_variance(sgd, 3, [1], replicates=1000, control_variate=True, conditional=True)
    without = sv.estimate_gradient_variance(sgd, 3, [1], replicates=1000)
    assert found.gain[0] > without.gain[0] / 10


def test_a_step_size_beyond_all_bounds_is_refused():
    sgd = sv.SGD(sv.DeepLinearNetwork(sv.Dataset([[1.0], [2.0]], [1.0, 0.0])), [[[1.0]], [[1.0]]], 1e200)
    with pytest.raises(ValueError, match="control_variate must be False where the linearised SGD diverges"):
        sv.estimate_gradient_variance(sgd, 3, [1], replicates=100, control_variate=True)
