"""Simulated differentiable models do what enumeration by hand says, and linear models what their closed forms say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sgdvar as sv
from sgdvar.monte_carlo.dynamics.base import LayerDynamics, dynamics_of
from sgdvar.monte_carlo.dynamics.chain import Chain, GradientMap
from sgdvar.monte_carlo.dynamics.models import ExampleLoss, float_parts
from sgdvar.monte_carlo.landscapes import models as model_landscape
from sgdvar.monte_carlo.landscapes.linear import Landscape
from sgdvar.monte_carlo.landscapes.models import ModelLandscape
from sgdvar.monte_carlo.landscapes.moments import has_conditional_moments
from sgdvar.monte_carlo.landscapes.noise import gradient_noise
from sgdvar.monte_carlo.running.devices import settings
from tests.statistical.brute_force import outcomes

RNG = np.random.default_rng(0)
DECAY = Fraction(1, 5)
X, Y = RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2))
CONDITIONAL = ("gradient_variance", "gradient_second_moment", "mean_gradient")
QUANTITIES = (*CONDITIONAL, "full_gradient_variance", "expected_loss", "mean_weights", "weight_covariance")


# --- models with the gradients that a person would write, for the enumeration -----------------------------------------


def tanh_network(weights, x):
    W, bias, v = weights
    return v @ jnp.tanh(W @ x + bias)


class TanhNetwork(sv.DifferentiableModel):
    """Two hidden units with biases, one output, the squared loss."""

    def example_losses(self, weights, inputs, targets):
        W, bias, v = weights
        return (np.tanh(inputs @ W.T + bias) @ v - targets) ** 2 / 2

    def example_gradients(self, weights, inputs, targets):
        W, bias, v = weights
        hidden = np.tanh(inputs @ W.T + bias)
        residuals = hidden @ v - targets
        signal = residuals[:, None] * v * (1 - hidden**2)
        decay = self.weight_decay
        return (
            signal[:, :, None] * inputs[:, None, :] + decay * W,
            signal + decay * bias,
            residuals[:, None] * hidden + decay * v,
        )


def inner_product(weights, x):
    return weights @ x


def logistic_loss(output, target):
    return jnp.logaddexp(0, output) - target * output


class LogisticRegression(sv.DifferentiableModel):
    """Targets 0 and 1."""

    def example_losses(self, weights, inputs, targets):
        outputs = inputs @ weights
        return np.log1p(np.exp(outputs)) - targets * outputs

    def example_gradients(self, weights, inputs, targets):
        chances = 1 / (1 + np.exp(-inputs @ weights))
        return (chances - targets)[:, None] * inputs + self.weight_decay * weights


class SquashedOutputs(sv.DifferentiableModel):
    """Two outputs, tanh(W x), the squared loss."""

    def example_losses(self, weights, inputs, targets):
        return ((np.tanh(inputs @ weights.T) - targets) ** 2).sum(axis=1) / 2

    def example_gradients(self, weights, inputs, targets):
        outputs = np.tanh(inputs @ weights.T)
        signal = (outputs - targets) * (1 - outputs**2)
        return signal[:, :, None] * inputs[:, None, :] + self.weight_decay * weights


LABELS = np.array([1.0, 0.0, 1.0])
NETWORK_START = ([[0.8, -0.3], [0.4, 1.0]], [0.1, -0.2], [0.9, -0.6])
NETWORK = TanhNetwork(sv.Dataset(X, Y[:, 0]), tanh_network, weight_decay=0.2)
LOGISTIC = LogisticRegression(sv.Dataset(X, LABELS), inner_product, logistic_loss, weight_decay=0.1)
RARE = LogisticRegression(sv.DiscretePopulation(X, LABELS, [0.5, 0.3, 0.2]), inner_product, logistic_loss)
SQUASHED = SquashedOutputs(sv.Dataset(X, Y), lambda W, x: jnp.tanh(W @ x))
PROCESSES = {
    "network without replacement": sv.SGD(NETWORK, NETWORK_START, [0.4, 0.3]),
    "network with replacement": sv.SGD(NETWORK, NETWORK_START, [0.4, 0.3], sv.WithReplacement()),
    "logistic without replacement": sv.SGD(LOGISTIC, [0.5, -1.0], [2.0, 1.5]),
    "logistic on atoms": sv.SGD(RARE, [0.5, -1.0], [2.0, 1.5]),
    "two outputs": sv.SGD(SQUASHED, [[0.5, -1.0], [1.0, 0.2]], [0.4, 0.3]),
}


@pytest.mark.parametrize("name", PROCESSES)
def test_every_quantity_is_what_enumeration_gives(name, judge):
    sgd, step, batch_size = PROCESSES[name], 2, 2
    seen = outcomes(sgd, step, batch_size)
    for quantity in QUANTITIES:
        for options in [{}, {"conditional": False}] if quantity in CONDITIONAL else [{}]:
            found = getattr(sv, f"estimate_{quantity}")(sgd, step, [batch_size], replicates=8192, seed=601, **options)
            judge.agree(found.value[0], seen.quantity(quantity).reshape(found.value[0].shape), found.standard_error[0])


@pytest.mark.parametrize("quantity", ["gradient_variance", "gradient_second_moment", "full_gradient_variance"])
def test_a_part_and_a_matrix_select_what_is_measured(quantity, judge):
    sgd, step, batch_size = PROCESSES["network without replacement"], 1, 2
    seen, estimate = outcomes(sgd, step, batch_size), getattr(sv, f"estimate_{quantity}")
    sizes = [part.size for part in sgd.parts]
    for j, size in enumerate(sizes, 1):
        selection = np.eye(sgd.weight_count)[sum(sizes[: j - 1]) : sum(sizes[:j])]
        own = RNG.normal(size=(2, size))
        for matrix, rows in ((None, selection), (own, own @ selection)):
            found = estimate(sgd, step, [batch_size], replicates=4096, seed=602, matrix=matrix, layer=j)
            judge.agree(found.value[0], seen.quantity(quantity, rows), found.standard_error[0])
    rows = RNG.normal(size=(3, sgd.weight_count))
    found = estimate(sgd, step, [batch_size], replicates=4096, seed=603, matrix=rows)
    judge.agree(found.value[0], seen.quantity(quantity, rows), found.standard_error[0])


def test_a_wrong_step_size_would_be_seen(judge):
    """The power of the comparisons above."""
    sgd = PROCESSES["logistic without replacement"]
    other = sv.SGD(LOGISTIC, sgd.start, [1.25 * a for a in sgd.step_size])
    estimate = sv.estimate_gradient_variance(sgd, 2, [2], replicates=8192, seed=601)
    judge.disagree(estimate.value[0], outcomes(other, 2, 2).quantity("gradient_variance"), estimate.standard_error[0])


def test_the_first_step_is_exact_given_the_start():
    for sgd in PROCESSES.values():
        estimate = sv.estimate_gradient_variance(sgd, 0, [1], replicates=10)
        np.testing.assert_allclose(estimate.value[0], outcomes(sgd, 0, 1).quantity("gradient_variance"), rtol=1e-12)


def test_the_batch_of_everything_leaves_nothing_to_chance():
    sgd = PROCESSES["logistic without replacement"]
    assert sv.estimate_gradient_variance(sgd, 2, [3], replicates=100, conditional=False).value[0] < 1e-28
    report = sv.verify(sgd, [1, 2], [3], formula=lambda step, b: 0, replicates=100)
    assert report.verdict.status == "agreed"


def test_claims_about_models_are_verified_and_refuted():
    sgd = PROCESSES["logistic without replacement"]
    true = {step: outcomes(sgd, step, 2).quantity("gradient_variance") for step in (0, 1)}
    for factor, status in ((1, "agreed"), (1.2, "refuted")):
        report = sv.verify(sgd, [0, 1], [2], formula=lambda t, b, k=factor: k * true[t], relative_error=0.02, seed=604)
        assert report.verdict.status == status


@pytest.mark.parametrize("sampling", [sv.WithoutReplacement(), sv.WithReplacement()], ids=str)
@pytest.mark.parametrize("batch_size", [5, 70, 290])
def test_a_batch_holds_as_many_examples_as_are_asked_for(sampling, batch_size):
    n, R = 300, 16
    data = sv.Dataset(np.arange(n)[:, None], np.arange(n))
    draws = dynamics_of(sv.SGD(sv.DifferentiableModel(data, inner_product), [0], 1, sampling)).examples

    def add(counts, x, y):
        assert (x.shape, y.shape) == ((R, 1), (R,))
        return counts.at[jnp.arange(R), x[:, 0].astype(int)].add(1).at[jnp.arange(R), y.astype(int)].add(1)

    @jax.jit
    def counted(key, size):
        return draws.for_batch_size(batch_size).fold(add, jnp.zeros((R, n), int), key, size, R)

    with settings():
        counts = np.asarray(counted(jax.random.key(610), jnp.int32(batch_size)))
    assert counts.sum(axis=1).tolist() == [2 * batch_size] * R
    assert (counts % 2 == 0).all()  # targets come with their inputs
    assert len(np.unique(counts, axis=0)) == R
    assert (counts.max() == 2) == draws.without_replacement or batch_size == 5


# --- linear models, whose closed forms are known ----------------------------------------------------------------------


def product_of_layers(layers, x):
    for layer in layers:
        x = layer @ x
    return x


def linear_pair(data, start, sampling=None):
    """Linear regression or a network, and the same written as a differentiable model."""
    if isinstance(start, tuple):
        own = sv.DeepLinearNetwork(data, weight_decay=DECAY)
        model = sv.DifferentiableModel(data, product_of_layers, weight_decay=DECAY)
    else:
        own = sv.LinearRegression(data, weight_decay=DECAY)
        model = sv.DifferentiableModel(data, inner_product, weight_decay=DECAY)
    steps = [Fraction(3, 20), Fraction(1, 10)]
    return sv.SGD(own, start, steps, sampling), sv.SGD(model, start, steps, sampling)


def exactly(array):
    return sv.rationalize(array, decimals=1)


MORE = sv.Dataset(exactly(RNG.normal(size=(5, 2))), exactly(RNG.normal(size=(5, 2))))
SINGLE = sv.Dataset(MORE.X, MORE.y[:, 0])
HALF = Fraction(1, 2)
GAUSSIAN = sv.GaussianPopulation([[1, -2], [0, 1]], [[1, 0], [HALF, 1]], [[HALF], [1]])
LINEAR = {
    "one output": (SINGLE, [1, HALF]),
    "two outputs": (MORE, [[1, 0], [HALF, -1]], sv.WithReplacement()),
    "a network": (SINGLE, ([[1, 0], [HALF, -1]], [[1, HALF]])),
    "atoms": (sv.DiscretePopulation(MORE.X[:3], MORE.y[:3], exactly([0.5, 0.3, 0.2])), [[1, 0], [HALF, -1]]),
}


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class FixedBatches:
    """The same batch in every replicate's row of indices, for a model and for linear layers."""

    X: np.ndarray
    y: np.ndarray
    indices: np.ndarray

    def for_batch_size(self, batch_size):
        return self

    def fold(self, add, carry, key, batch_size, replicates):
        for column in self.indices.astype(int).T:
            carry = add(carry, jnp.asarray(self.X)[column], jnp.asarray(self.y)[column])
        return carry

    def gradients(self, key, weights, batch_size):
        indices = self.indices.astype(int)
        x, y = self.X[indices], self.y[indices].reshape(*indices.shape, -1)
        residuals = jnp.einsum("rqp,rbp->rbq", weights, x) - y
        return jnp.einsum("rbq,rbp->rqp", residuals, x) / indices.shape[1]


@pytest.mark.parametrize("name", LINEAR)
def test_gradients_of_the_same_batches_are_those_of_the_closed_form(name):
    linear, model = linear_pair(*LINEAR[name])
    (X, y), R = (array.astype(float) for array in linear.problem.data.numbers()[:2]), 5
    batches = FixedBatches(X, y, RNG.integers(0, len(X), size=(R, 4)))
    own, general = dynamics_of(linear), dynamics_of(model)
    assert isinstance(own, LayerDynamics)
    own, general = replace(own, sampler=batches), replace(general, examples=batches)
    parts = [RNG.normal(size=(R, *np.shape(part))) for part in general.start()]
    layers = [part.reshape(R, -1, part.shape[-1]) for part in parts]
    with settings():
        expected = own.gradients(jax.random.key(0), layers, jnp.int32(4))
        found = general.gradients(jax.random.key(0), parts, jnp.int32(4))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.reshape(b.shape), b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["one output", "two outputs", "a network"])
def test_a_linear_model_has_the_exact_variance(name, judge):
    linear, model = linear_pair(*LINEAR[name])
    V, sizes = sv.gradient_variance(linear, 1), [1, 2, 4]
    for conditional in (True, False):
        found = sv.estimate_gradient_variance(model, 1, sizes, replicates=8192, seed=606, conditional=conditional)
        judge.agree(found.value, [float(V(b)) for b in sizes], found.standard_error)
    judge.disagree(found.value, [1.2 * float(V(b)) for b in sizes], found.standard_error)


@pytest.mark.parametrize("outputs", [1, 2])
def test_raw_batches_of_a_gaussian_population_have_the_exact_variance(outputs, judge):
    data = GAUSSIAN if outputs == 2 else sv.GaussianPopulation([1, -2], GAUSSIAN.input_factor, HALF)
    linear, model = linear_pair(data, [[1, 0], [HALF, -1]] if outputs == 2 else [1, HALF])
    V, mean = sv.gradient_variance(linear, 1), sv.mean_gradient(linear, 1)
    found = sv.estimate_gradient_variance(model, 1, [2, 5], replicates=2**15, seed=607, conditional=False)
    judge.agree(found.value, [float(V(2)), float(V(5))], found.standard_error)
    means = sv.estimate_mean_gradient(model, 1, [2], replicates=2**15, seed=607, conditional=False)
    judge.agree(means.value[0], np.vectorize(lambda entry: float(entry(2)))(mean), means.standard_error[0])


@pytest.mark.parametrize(("name", "buffer"), [("two outputs", 2**18), ("a network", 20)])
def test_the_landscape_of_a_linear_model_is_the_closed_form(name, buffer, monkeypatch):
    monkeypatch.setattr(model_landscape, "_BUFFER", buffer)  # all at once, or two examples and one row of weights
    linear, model = linear_pair(*LINEAR[name])
    data, weights = linear.problem.data, RNG.normal(size=(9, linear.weight_count))
    own, general = Landscape.of(data, Chain.of(linear), float(DECAY)), ModelLandscape.of(model, data)
    np.testing.assert_allclose(general.loss(weights), own.loss(weights), rtol=1e-12)
    np.testing.assert_allclose(general.gradient(weights), own.gradient(weights), rtol=1e-11, atol=1e-12)
    for matrix in (None, exactly(RNG.normal(size=(3, linear.weight_count)))):
        apply = GradientMap.of(linear, matrix, None)
        means, noise = general.moments(weights, apply)
        np.testing.assert_allclose(means, apply(own.gradient(weights)), rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(noise, gradient_noise(data, apply)(weights), rtol=1e-10)
    assert 0.05 < general.rounding(weights) / own.rounding(weights) < 20


def test_noise_about_a_large_mean_does_not_cancel(monkeypatch):
    monkeypatch.setattr(model_landscape, "_BUFFER", 2)
    y = 1e8 + np.array([-1.0, 0.0, 1.0])
    sgd = sv.SGD(sv.DifferentiableModel(sv.Dataset(np.ones((3, 1)), y), inner_product), [0.0], 1.0)
    found = ModelLandscape.of(sgd, sgd.problem.data).noise(np.array([[0.0]]), GradientMap(Chain(((1, 1),))))
    np.testing.assert_allclose(found, 2 / 3, rtol=1e-6)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "estimate",
    [
        lambda sgd: sv.estimate_gradient_variance(sgd, 1, [2], replicates=10),
        lambda sgd: sv.estimate_gradient_second_moment(sgd, 1, [2], replicates=10),
        lambda sgd: sv.estimate_mean_gradient(sgd, 1, [2], replicates=10),
        lambda sgd: sv.estimate_full_gradient_variance(sgd, 1, [2], replicates=10),
        lambda sgd: sv.estimate_expected_loss(sgd, 1, [2], replicates=10),
    ],
)
def test_what_no_closed_form_gives_of_a_gaussian_population_is_refused(estimate):
    linear, sgd = linear_pair(GAUSSIAN, [[1, 0], [HALF, -1]])
    assert has_conditional_moments(linear)
    assert not has_conditional_moments(sgd)
    with pytest.raises(
        ValueError, match=r"must be a Dataset or a DiscretePopulation .* give conditional=False, or data"
    ):
        estimate(sgd)


def test_the_expected_loss_on_other_data_needs_no_closed_form_of_the_population(judge):
    linear, model = linear_pair(GAUSSIAN, [[1, 0], [HALF, -1]])
    found = sv.estimate_expected_loss(model, 1, [2], data=MORE, replicates=2**14, seed=608)
    judge.agree(found.value[0], float(sv.expected_loss(linear, 1, data=MORE)(2)), found.standard_error[0])


def on(predict, loss=None, data=SINGLE, start=(1.0, 0.5)):
    return sv.SGD(sv.DifferentiableModel(data, predict, loss), list(start), 0.1)


@pytest.mark.parametrize(
    ("sgd", "message"),
    [
        (
            on(lambda w, x: w * x),
            r"predict must return outputs of the shape of a target, \(\), .* float64 of shape \(2,",
        ),
        (on(lambda w, x: w @ x, data=MORE), r"outputs of the shape of a target, \(2,\), .* got float64 of shape \(\)"),
        (
            on(lambda w, x: jnp.outer(w, x)),
            r"predict must return a number or an array .* got float64 of shape \(2, 2\)",
        ),
        (on(lambda w, x: [w @ x]), "predict must return a number or an array of shape .* got list"),
        (
            on(lambda w, x: jnp.ones(3) @ w),
            r"predict must be written .* for weights of shape \(2,\) and inputs of shape",
        ),
        (on(lambda w, x: np.asarray(w) @ x), r"predict must be written with jax.numpy .* TracerArrayConversionError"),
        (on(lambda w, x: (w @ x).astype(complex)), "predict must return real numbers, got complex128"),
        (
            on(inner_product, lambda f, y: (f - y) * jnp.ones(2)),
            r"loss must return one real number, got float64 of shape",
        ),
        (on(inner_product, lambda f: f), r"loss must be written with jax.numpy for outputs of shape \(\) .* TypeError"),
        (on(inner_product, lambda f, y: y > f), "loss must return one real number, got bool"),
        (
            on(lambda w, x: jax.lax.while_loop(lambda v: v < 1, lambda v: v + w @ x, 0.0)),
            "the gradient of the loss must be written with jax.numpy",
        ),
    ],
)
def test_functions_that_do_not_fit_are_refused_before_anything_is_computed(sgd, message):
    calls = []
    with pytest.raises(ValueError, match=message):
        sv.estimate_mean_weights(sgd, 1, [2], replicates=10, progress=lambda done, total: calls.append(done))
    assert not calls


def test_outputs_that_are_no_numbers_name_the_replicate():
    sgd = on(lambda w, x: jnp.log(w @ x))
    with pytest.raises(sv.NonFiniteError, match=r"step \d+ in replicate \d+ at batch size 1; lower step_size") as found:
        sv.estimate_gradient_variance(sgd, 3, [1], replicates=64, conditional=False)
    assert found.value.stable_step_size is None
    assert found.value.replicate >= 0


def test_examples_that_overflow_outside_of_the_batches_are_not_averaged_over():
    sgd = on(lambda w, x: jnp.log(w @ x))
    with pytest.raises(FloatingPointError, match=r"must stay below 1e\+48, got more, or no number"):
        sv.estimate_gradient_variance(sgd, 0, [1], replicates=64)
    for quantity in ("loss", "gradient"):
        with pytest.raises(FloatingPointError):
            getattr(ModelLandscape.of(sgd, SINGLE), quantity)(np.array([[1.0, 1.0]]))


# --- compilation, precision, identity ---------------------------------------------------------------------------------


def test_a_digest_tells_computations_apart():
    sgd = PROCESSES["logistic without replacement"]
    parts, data = float_parts(sgd), sgd.problem.data

    def digest(predict, loss=logistic_loss):
        return ExampleLoss(predict, loss, is_tuple=False).digest(parts, data)

    scale = np.array([1.0, 2.0])
    assert digest(inner_product) == digest(lambda w, x: w @ x)
    others = [lambda w, x: x @ w + 0, lambda w, x: w @ (x * scale), lambda w, x: w @ (x * (scale + 1))]
    assert len({digest(predict) for predict in (inner_product, *others)} | {digest(inner_product, None)}) == 5


def test_losses_of_the_same_functions_are_equal_and_others_are_not():
    one, same = (ExampleLoss(inner_product, None, is_tuple=False) for _ in range(2))
    assert one == same
    assert hash(one) == hash(same)
    assert one != ExampleLoss(tanh_network, None, is_tuple=False)
    assert one != ExampleLoss(inner_product, None, is_tuple=True)


def test_single_precision_gives_nearly_the_same_replicates():
    sgd = PROCESSES["network without replacement"]
    double, single = (
        sv.estimate_mean_weights(sgd, 2, [2], replicates=1000, seed=609, precision=precision)
        for precision in ("float64", "float32")
    )
    np.testing.assert_allclose(single.value, double.value, rtol=1e-5)
    assert (single.value != double.value).any()
