"""Simulated deep linear networks do what enumeration says, and one layer is linear regression."""

from __future__ import annotations

import numpy as np
import pytest

import sgdvar as sv
from tests.statistical.brute_force import outcomes

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2))
STEP_SIZES = [0.15, 0.1]
START = {2: [[[0.8, -0.3], [0.4, 1.0]], [[0.5, 0.2], [-0.6, 0.9]]], 3: [[[0.8, -0.3]], [[1.1]], [[0.5], [-0.6]]]}


def network(data, depth=2, sampling=None):
    return sv.SGD(sv.DeepLinearNetwork(data, weight_decay=0.2), START[depth], STEP_SIZES, sampling)


DATA, ATOMS = sv.Dataset(X, Y), sv.DiscretePopulation(X, Y, [0.5, 0.3, 0.2])
PROCESSES = {
    "without replacement": network(DATA),
    "with replacement": network(DATA, sampling=sv.WithReplacement()),
    "atoms": network(ATOMS),
    "three layers": network(DATA, 3, sv.WithReplacement()),
}
CONDITIONAL = ("gradient_variance", "gradient_second_moment", "mean_gradient")
QUANTITIES = (*CONDITIONAL, "full_gradient_variance", "expected_loss", "mean_weights", "weight_covariance")


@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_quantity_is_what_enumeration_gives(name, step, quantity, judge):
    sgd, batch_size = PROCESSES[name], 2
    expected = outcomes(sgd, step, batch_size).quantity(quantity)
    for options in [{}, {"conditional": False}] if quantity in CONDITIONAL else [{}]:
        estimate = getattr(sv, f"estimate_{quantity}")(sgd, step, [batch_size], replicates=8192, seed=501, **options)
        assert estimate.value[0].shape == np.shape(expected) == estimate.standard_error[0].shape
        judge.agree(estimate.value[0], expected, estimate.standard_error[0])


@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.parametrize("quantity", ["gradient_variance", "gradient_second_moment", "full_gradient_variance"])
def test_a_layer_and_a_matrix_select_what_is_measured(name, quantity, judge):
    sgd, step, batch_size = PROCESSES[name], 1, 2
    seen, estimate = outcomes(sgd, step, batch_size), getattr(sv, f"estimate_{quantity}")
    sizes = [layer.size for layer in sgd.layers]
    for j, size in enumerate(sizes, 1):
        selection = np.eye(sgd.weight_count)[sum(sizes[: j - 1]) : sum(sizes[:j])]
        own = RNG.normal(size=(2, size))
        for matrix, rows in ((None, selection), (own, own @ selection)):
            found = estimate(sgd, step, [batch_size], replicates=4096, seed=502, matrix=matrix, layer=j)
            judge.agree(found.value[0], seen.quantity(quantity, rows), found.standard_error[0])
    rows = RNG.normal(size=(3, sgd.weight_count))
    found = estimate(sgd, step, [batch_size], replicates=4096, seed=503, matrix=rows)
    judge.agree(found.value[0], seen.quantity(quantity, rows), found.standard_error[0])


def test_a_wrong_step_size_would_be_seen(judge):
    """The power of the comparisons above."""
    sgd = PROCESSES["without replacement"]
    other = sv.SGD(sgd.problem, START[2], [1.1 * a for a in STEP_SIZES])
    estimate = sv.estimate_gradient_variance(sgd, 2, [2], replicates=8192, seed=501)
    judge.disagree(estimate.value[0], outcomes(other, 2, 2).quantity("gradient_variance"), estimate.standard_error[0])


def test_flat_estimates_are_split_into_layers_by_the_process():
    sgd = PROCESSES["three layers"]
    estimate = sv.estimate_mean_weights(sgd, 0, [1, 2], replicates=10)
    for layer, start in zip(sgd.shaped(estimate.value[1]), sgd.start, strict=True):
        np.testing.assert_allclose(layer, start, rtol=1e-15)


def regression_and_network(data, start, sampling=None):
    layer = np.reshape(start, (-1, np.shape(start)[-1]))
    regression = sv.SGD(sv.LinearRegression(data, weight_decay=0.2), start, STEP_SIZES, sampling)
    return regression, sv.SGD(sv.DeepLinearNetwork(data, weight_decay=0.2), [layer], STEP_SIZES, sampling)


@pytest.mark.parametrize(
    ("data", "start"),
    [
        (DATA, [[1.0, 0.0], [0.5, -1.0]]),
        pytest.param(sv.Dataset(X, Y[:, 0]), [1.0, 0.5], marks=pytest.mark.nightly),
        (ATOMS, [[1.0, 0.0], [0.5, -1.0]]),
        (sv.GaussianPopulation([1.0, -2.0], noise_factor=0.5), [1.0, 0.5]),
        pytest.param(
            *(sv.GaussianPopulation([[1.0, -2.0], [0.0, 1.0]]), [[1.0, 0.0], [0.5, -1.0]]), marks=pytest.mark.nightly
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_one_layer_is_linear_regression_bit_for_bit(data, start, quantity):
    estimates = [
        getattr(sv, f"estimate_{quantity}")(sgd, 2, [1, 3], replicates=1500, seed=504)
        for sgd in regression_and_network(data, start)
    ]
    values = [estimate.value.reshape(estimates[0].value.shape) for estimate in estimates]
    np.testing.assert_array_equal(*values)
    np.testing.assert_array_equal(*(e.standard_error.reshape(values[0].shape) for e in estimates))


def test_the_batch_of_everything_and_one_example_leave_nothing_to_chance():
    assert sv.estimate_gradient_variance(PROCESSES["without replacement"], 2, [3], replicates=100).value[0] < 1e-28
    alone = network(sv.Dataset(X[:1], Y[:1]))
    assert sv.estimate_gradient_variance(alone, 2, [1], replicates=100).value.tolist() == [0]


def test_the_first_step_is_exact_given_the_start():
    for sgd in PROCESSES.values():
        estimate = sv.estimate_gradient_variance(sgd, 0, [1], replicates=10)
        np.testing.assert_allclose(estimate.value[0], outcomes(sgd, 0, 1).quantity("gradient_variance"), rtol=1e-12)


def test_an_overflow_says_to_lower_the_step_size():
    sgd = sv.SGD(sv.DeepLinearNetwork(DATA), START[2], 10.0)
    message = r"stay below 1e\+16 and gradients below 1e\+48, got more at step \d+ in replicate \d+ .*; lower step_size"
    with pytest.raises(sv.NonFiniteError, match=message) as caught:
        sv.estimate_gradient_variance(sgd, 20, [1], replicates=64)
    assert caught.value.stable_step_size is None
    assert caught.value.step > 2


def test_weights_whose_full_gradient_has_no_powers_are_refused_even_where_the_batch_gradient_is_zero():
    """Half of the batches see nothing, at weights from which the gradient of the other half is 1e60."""
    sgd = sv.SGD(sv.DeepLinearNetwork(sv.Dataset([[0.0], [1.0]], [0.0, 1.0])), [[[1e20]], [[1e20]]], 0.0)
    with pytest.raises(sv.NonFiniteError, match="at step 0"):
        sv.estimate_full_gradient_variance(sgd, 0, [1], replicates=64)
