"""The control variate of differentiable models has mean 0, leaves estimates unbiased, and divides their variance."""

from __future__ import annotations

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sgdvar as sv
from sgdvar.errors import BudgetExceededError
from sgdvar.loading import load_diabetes
from sgdvar.monte_carlo.control import fitting, model_derivatives
from sgdvar.monte_carlo.control.linearised import linearised_moments, linearised_operations
from sgdvar.monte_carlo.control.variates import control_variates
from sgdvar.monte_carlo.dynamics.base import dynamics_of
from sgdvar.monte_carlo.dynamics.controlled_models import controlled_model_dynamics_of
from sgdvar.monte_carlo.running.trajectories import Record, Trajectories
from tests.statistical.brute_force import linearised_outcomes, outcomes
from tests.statistical.test_models import PROCESSES as SMOOTH, X, Y

RNG = np.random.default_rng(12)


def rectifier_network(weights, x):
    W, v = weights
    return v @ jax.nn.relu(W @ x)


class RectifierNetwork(sv.DifferentiableModel):
    """Two hidden units that have no second derivative at 0, one output, the squared loss."""

    def example_losses(self, weights, inputs, targets):
        W, v = weights
        return (np.maximum(inputs @ W.T, 0) @ v - targets) ** 2 / 2

    def example_gradients(self, weights, inputs, targets):
        W, v = weights
        hidden = inputs @ W.T
        residuals = np.maximum(hidden, 0) @ v - targets
        signal = residuals[:, None] * v * (hidden > 0)
        return signal[:, :, None] * inputs[:, None, :], residuals[:, None] * np.maximum(hidden, 0)


RECTIFIERS = RectifierNetwork(sv.Dataset(X, Y[:, 0]), rectifier_network)
AT_THE_KINK = ([[0.8, -0.3], [0.0, 0.0]], [0.9, -0.6])
PROCESSES = {name: SMOOTH[name] for name in ("network without replacement", "network with replacement")} | {
    "logistic on atoms": SMOOTH["logistic on atoms"],
    "rectifiers": sv.SGD(RECTIFIERS, AT_THE_KINK, [0.4, 0.3]),
}
SMALL_STEPS = sv.SGD(SMOOTH["network without replacement"].problem, SMOOTH["network without replacement"].start, 0.05)


# --- moments ----------------------------------------------------------------------------------------------------------


@partial(jax.jit, static_argnums=0)
def differentiated(sgd, weights):
    problem, data = sgd.problem, sgd.problem.data

    def losses(flat):
        parts = sgd.shaped(flat)
        outputs = [problem.predict(parts, jnp.asarray(x)) for x in data.X]
        own = problem.loss or (lambda output, target: jnp.sum((output - target) ** 2) / 2)
        decay = problem.weight_decay / 2 * jnp.sum(flat**2)
        return jnp.stack([own(output, target) + decay for output, target in zip(outputs, data.y, strict=True)])

    return jax.jacrev(losses)(weights), jax.jacrev(jax.jacrev(losses))(weights)


def derivatives(sgd, weights):
    """Every example's gradient and Hessian, in reverse mode."""
    with jax.enable_x64(True):
        return tuple(map(np.asarray, differentiated(sgd, weights)))


@pytest.mark.parametrize("name", PROCESSES)
def test_moments_are_those_of_every_sequence_of_batches(name):
    sgd, sizes = PROCESSES[name], [1, 2]
    known = linearised_moments(sgd, 2, sizes)
    for b, covariance in zip(sizes, known.covariance, strict=True):
        path, hessian, chances, deviations = linearised_outcomes(sgd, 2, b, derivatives)
        np.testing.assert_allclose(known.weights, path, rtol=1e-12)
        np.testing.assert_allclose(known.hessian, hessian, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(chances @ deviations, 0, atol=1e-14)
        expected = (deviations * chances[:, None]).T @ deviations
        np.testing.assert_allclose(covariance, expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("size", [2, 256])
def test_a_linear_network_written_as_a_model_has_the_moments_of_the_closed_form(size, monkeypatch):
    monkeypatch.setattr(model_derivatives, "_EXAMPLES", size)
    data, start = sv.Dataset(RNG.normal(size=(7, 3)), RNG.normal(size=(7, 2))), ([[0.5, 1, 2]] * 2, [[1.0, -0.5]] * 2)
    model = sv.DifferentiableModel(data, lambda w, x: w[1] @ (w[0] @ x), weight_decay=0.3)
    own, general = (
        linearised_moments(sv.SGD(problem, start, [0.01, 0.02, 0.03]), 3, [1, 3, 5])
        for problem in (sv.DeepLinearNetwork(data, weight_decay=0.3), model)
    )
    for name in ("weights", "hessian", "covariance", "largest"):
        np.testing.assert_allclose(getattr(general, name), getattr(own, name), rtol=1e-9, atol=1e-13)


# --- simulation -------------------------------------------------------------------------------------------------------


@cache
def simulated(sgd, step, batch_size, replicates=8192, *, precision="float64", is_controlled=True):
    dynamics = controlled_model_dynamics_of(sgd, step) if is_controlled else dynamics_of(sgd)
    trajectories = Trajectories(sgd, dynamics, (step,), 901, precision)
    chunks = trajectories.chunks(trajectories.blocks(batch_size, replicates))
    records = [record for chunk in chunks for (record,) in trajectories.simulate(chunk)]
    return Record(*(np.concatenate(arrays) for arrays in zip(*records, strict=True)))


def means_of_features(sgd, step, batch_size, record):
    values = control_variates(sgd, step, [batch_size], 1e40)[batch_size](record)
    assert values.shape[1] > 0
    return values.mean(axis=0), values.std(axis=0) / np.sqrt(len(values))


@pytest.mark.parametrize("name", PROCESSES)
def test_simulated_features_have_mean_zero(name, judge):
    sgd = PROCESSES[name]
    mean, error = means_of_features(sgd, 2, 2, simulated(sgd, 2, 2))
    judge.agree(mean, 0, error)


def test_the_covariance_of_another_batch_size_would_be_seen(judge):
    """The power of the comparisons above."""
    sgd = PROCESSES["network with replacement"]
    mean, error = means_of_features(sgd, 2, 3, simulated(sgd, 2, 2))
    judge.disagree(mean, 0, error)


def test_single_precision_moves_features_by_no_more_than_rounding(judge):
    sgd = PROCESSES["network without replacement"]
    mean, error = means_of_features(sgd, 2, 2, simulated(sgd, 2, 2, precision="float32"))
    judge.agree(mean, 0, error + 1e-4)


@pytest.mark.parametrize("step", [2, 17])
def test_the_process_beside_its_linearisation_is_the_process_alone(step, judge):
    sgd = SMALL_STEPS
    d, record = sgd.weight_count, simulated(sgd, step, 2, 2048)
    alone = simulated(sgd, step, 2, 2048, is_controlled=False)
    np.testing.assert_allclose(record.weights[:, :d], alone.weights, rtol=1e-10)
    np.testing.assert_allclose(record.gradients[:, :d], alone.gradients, rtol=1e-9, atol=1e-12)
    left = record.weights[:, :d] - linearised_moments(sgd, step, [2]).weights - record.weights[:, d:]
    assert np.abs(left).max() < 0.5 * np.abs(record.weights[:, d:]).max()
    if step > 2:
        mean, error = means_of_features(sgd, step, 2, record)
        judge.agree(mean, 0, error)


# --- estimates --------------------------------------------------------------------------------------------------------


def estimated(sgd, quantity, step, batch_size, replicates=8192, **options):
    return getattr(sv, f"estimate_{quantity}")(sgd, step, [batch_size], replicates=replicates, **options)


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
def test_estimates_with_control_are_what_enumeration_gives(name, quantity, judge):
    sgd = PROCESSES[name]
    found = estimated(sgd, quantity, 2, 2, seed=902, control_variate=True)
    expected = outcomes(sgd, 2, 2).quantity(quantity).reshape(found.value[0].shape)
    judge.agree(found.value[0], expected, found.standard_error[0])
    assert found.controlled
    assert found.gain[0] > 2


def test_plain_estimates_with_control_are_what_enumeration_gives(judge):
    sgd = PROCESSES["network without replacement"]
    found = estimated(sgd, "gradient_variance", 2, 2, seed=903, conditional=False, control_variate=True)
    judge.agree(found.value[0], outcomes(sgd, 2, 2).quantity("gradient_variance"), found.standard_error[0])


def test_controlled_estimates_scatter_over_seeds_as_their_standard_errors_say(judge):
    sgd = PROCESSES["logistic on atoms"]
    found = [
        estimated(sgd, "gradient_variance", 2, 2, 512, seed=seed, control_variate=True) for seed in range(910, 950)
    ]
    judge.spread_is([float(one.value[0]) for one in found], [float(one.standard_error[0]) for one in found])


def test_control_divides_the_standard_error_of_a_4_4_1_network():
    patients, rng = load_diabetes(), np.random.default_rng(4)
    data = sv.Dataset(patients.X[:, :4].astype(float), patients.y.astype(float))
    model = sv.DifferentiableModel(data, lambda w, x: w[1] @ jnp.tanh(w[0] @ x))
    sgd = sv.SGD(model, (rng.standard_normal((4, 4)) / 2, rng.standard_normal(4) / 2), 0.05)
    conditional = estimated(sgd, "gradient_variance", 5, 8, 4096, seed=904)
    found = estimated(sgd, "gradient_variance", 5, 8, 4096, seed=904, control_variate=True)
    ratio = float(conditional.standard_error[0] / found.standard_error[0]) ** 2
    assert ratio > 1000
    np.testing.assert_allclose(found.gain[0] / conditional.gain[0], ratio, rtol=1e-6)


def test_where_nothing_is_random_there_is_no_error():
    sgd = PROCESSES["network without replacement"]
    found = estimated(sgd, "gradient_variance", 2, 3, 64, control_variate=True)
    assert found.value[0] < 1e-25
    assert not control_variates(sgd, 0, [2], 1e40)[2](simulated(sgd, 2, 2)).size


# --- refusals ---------------------------------------------------------------------------------------------------------


def linear_model(data, predict=lambda w, x: w @ x, step_size=0.1):
    return sv.SGD(sv.DifferentiableModel(data, predict), [1.0], step_size)


def test_a_gaussian_population_has_no_exact_moments():
    sgd = linear_model(sv.GaussianPopulation([1.0]))
    with pytest.raises(ValueError, match=r"^control_variate must be False for a DifferentiableModel on a GaussianPop"):
        estimated(sgd, "mean_weights", 1, 2, control_variate=True)


def test_a_linearisation_that_diverges_is_refused():
    sgd = linear_model(sv.Dataset([[1.0], [2.0]], [1.0, 0.0]), step_size=1e9)
    with pytest.raises(ValueError, match=r"^control_variate must be False where gradient descent diverges, got True"):
        estimated(sgd, "mean_weights", 40, 1, control_variate=True)
    with pytest.raises(ValueError, match=r"^control_variate must be False where the linearised SGD diverges, got True"):
        estimated(sgd, "mean_weights", 5, 1, control_variate=True)


def test_a_gradient_that_cannot_be_differentiated_is_refused():
    @jax.custom_vjp
    def opaque(x):
        return x

    def backward(_, signal):
        return (
            jax.pure_callback(lambda s: s, jax.ShapeDtypeStruct((), signal.dtype), signal, vmap_method="sequential"),
        )

    opaque.defvjp(lambda x: (x, None), backward)
    sgd = linear_model(sv.Dataset([[1.0], [2.0]], [1.0, 0.0]), lambda w, x: opaque(w @ x))
    with pytest.raises(ValueError, match=r"^with control_variate=True the second derivative of the loss must"):
        estimated(sgd, "mean_weights", 1, 1, control_variate=True)


def test_the_cost_of_moments_is_forecast_and_kept_within_the_budget(monkeypatch):
    monkeypatch.setattr(fitting, "_dynamics", None)  # refused before anything is made
    wide = sv.SGD(
        sv.DifferentiableModel(sv.Dataset(np.ones((50, 2000)), np.ones(50)), lambda w, x: w @ x), np.zeros(2000), 1e-4
    )
    assert linearised_operations(wide, 5, [1]) > 1e11
    assert linearised_operations(SMALL_STEPS, 5, [1]) < 1e6
    with pytest.raises(BudgetExceededError, match=r"^what control_variate=True needs before the run must take no"):
        estimated(wide, "mean_weights", 5, 1, control_variate=True, time_budget=10)


def test_what_replicates_of_the_pilot_contribute_is_part_of_the_forecast():
    many = linear_model(sv.Dataset(RNG.normal(size=(200_000, 1)), np.ones(200_000)))
    with pytest.raises(BudgetExceededError, match=r"^what control_variate=True needs before the run must take no"):
        estimated(many, "gradient_variance", 1, 1, control_variate=True, time_budget=0.1)
