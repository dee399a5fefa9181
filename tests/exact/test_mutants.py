"""Planted wrong formulas: an independent route must reject each of them, and accept the right one."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest

import sgdvar as sv
from sgdvar.exact.deep_linear.atoms import AtomResiduals
from sgdvar.exact.deep_linear.gaussian import GaussianResiduals
from sgdvar.exact.deep_linear.network import Network
from tests.exact.networks import enumeration, expansion

DESIGNS = {"without": sv.WithoutReplacement(), "with": sv.WithReplacement()}
N = 4


def process(sampling):
    data = sv.Dataset([[1, 0], [2, -1], [0, 3], [1, 1]], [1, 0, Fraction(1, 2), -1])
    return sv.SGD(sv.LinearRegression(data), start=[1, -1], step_size=Fraction(1, 3), sampling=sampling)


def disagreements(formula, sgd, step):
    """The batch sizes at which a formula differs from the sum over all sequences of batches."""
    sizes = range(1, N + 1) if sgd.design.is_without_replacement else (1, 2, 3)
    return [b for b in sizes if formula(b) != sv.enumerate_gradient_variance(sgd, step, b)]


def with_coefficients(V, coefficients):
    return sv.BatchPolynomial(V.design, tuple(coefficients))


def sample_for_population_variance(sgd, step):
    """Divides by n - 1 where the population variance divides by n."""
    V = sv.gradient_variance(sgd, step)
    return with_coefficients(V, (a * Fraction(N, N - 1) ** k for k, a in enumerate(V.c_coefficients)))


def wrong_replacement(sgd, step):
    """Takes c(b) of the other design."""
    V = sv.gradient_variance(sgd, step)
    other = DESIGNS["with" if sgd.design.is_without_replacement else "without"]
    return sv.BatchPolynomial(sv.BatchDesign(other, N), V.c_coefficients)


def shifted_batch_size(sgd, step):
    """Is off by one in b."""
    V = sv.gradient_variance(sgd, step)
    return lambda b: V(min(b + 1, sgd.design.max_batch_size or b + 1))


def dropped_coefficient(sgd, step):
    """Forgets the highest power of c(b)."""
    V = sv.gradient_variance(sgd, step)
    return with_coefficients(V, V.c_coefficients[:-1])


def conditional_for_total(sgd, step):
    """The mean variance given the last weights, without the variance that the weights bring."""
    return sv.gradient_variance(sgd, step) - sv.full_gradient_variance(sgd, step)


def first_power_only(sgd, step):
    """Variance proportional to c(b), as at the first step."""
    V = sv.gradient_variance(sgd, step)
    return with_coefficients(V, V.c_coefficients[:2])


def sum_for_mean(sgd, step):
    """The variance of a sum over the batch, divided by b instead of b^2."""
    V = sv.gradient_variance(sgd, step)
    return lambda b: b * V(b)


def frozen_weights(sgd, step):
    """The variance of the gradient at the starting weights, whatever the step."""
    return sv.gradient_variance(sgd, 0)


# Each wrong formula with the first step at which it is wrong.
MUTANTS = {
    sample_for_population_variance: 0,
    wrong_replacement: 0,
    shifted_batch_size: 0,
    dropped_coefficient: 0,
    sum_for_mean: 0,
    conditional_for_total: 1,
    first_power_only: 1,
    frozen_weights: 1,
}


@pytest.mark.parametrize("sampling", DESIGNS.values(), ids=DESIGNS)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_enumeration_rejects_a_wrong_formula_from_the_step_on_where_it_is_wrong(mutant, sampling):
    sgd, first = process(sampling), MUTANTS[mutant]
    for step in range(3):
        assert bool(disagreements(mutant(sgd, step), sgd, step)) == (step >= first)


@pytest.mark.parametrize("sampling", DESIGNS.values(), ids=DESIGNS)
def test_enumeration_accepts_the_right_formula(sampling):
    sgd = process(sampling)
    for step in range(3):
        assert disagreements(sv.gradient_variance(sgd, step), sgd, step) == []


# Networks


def network_process(source):
    """Two layers with weight decay and step sizes that differ, on each source of data."""
    X, y = [[1, 0], [2, -1], [0, 3]], [1, 0, Fraction(1, 2)]
    data, sampling = {
        "without replacement": (sv.Dataset(X, y), sv.WithoutReplacement()),
        "with replacement": (sv.Dataset(X, y), sv.WithReplacement()),
        "atoms": (sv.DiscretePopulation(X, y, [Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)]), None),
        "gaussian": (sv.GaussianPopulation([1, -2], [[1, 0], [Fraction(1, 2), 1]], Fraction(3, 2)), None),
    }[source]
    problem = sv.DeepLinearNetwork(data, weight_decay=Fraction(1, 5))
    return sv.SGD(problem, [[[1, -1]], [[Fraction(1, 2)]]], [Fraction(1, 3), Fraction(-1, 2)], sampling)


@cache
def true_variances(source, step):
    """By enumeration, on Gaussian inputs by naive expansion: the values at b = 1, 2, 3."""
    route = expansion if source == "gaussian" else enumeration
    variance = route("gradient_variance", network_process(source), step)
    return [variance(b).pop() for b in (1, 2, 3)]


def changed(sgd, *, data=None, weight_decay=None, step_size=None):
    """The same process with something else in its place."""
    decay = sgd.problem.weight_decay if weight_decay is None else weight_decay
    problem = sv.DeepLinearNetwork(data or sgd.problem.data, decay)
    return sv.SGD(problem, sgd.start, sgd.step_size if step_size is None else step_size, sgd.sampling)


def patched(sgd, step, target, name, replacement):
    """The variance by an engine in which one method is replaced; the method itself is passed on to it."""
    original = getattr(target, name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target, name, lambda self, *given, **options: replacement(original, self, *given, **options))
        patch.setattr("sgdvar.exact.deep_linear.prefers_branching", lambda *_: False)
        return sv.gradient_variance(sgd, step)


def no_label_noise(sgd, step):
    """Takes the labels for noiseless."""
    data = sgd.problem.data
    return sv.gradient_variance(changed(sgd, data=sv.GaussianPopulation(data.teacher, data.input_factor)), step)


def label_noise_in_the_last_batch_only(sgd, step):
    """Forgets that the weights have seen label noise, too."""

    def moments(original, law, *given):
        return original(replace(law, noise_factor=law.noise_factor * 0), *given)

    return patched(sgd, step, GaussianResiduals, "generating_function", moments)


def noise_covariance_for_its_factor(sgd, step):
    """Takes D D^T for D."""
    data = sgd.problem.data
    squared = data.noise_factor @ data.noise_factor.T
    return sv.gradient_variance(
        changed(sgd, data=sv.GaussianPopulation(data.teacher, data.input_factor, squared)), step
    )


def transposed_input_factor(sgd, step):
    """Takes C^T for C."""
    data = sgd.problem.data
    other = sv.GaussianPopulation(data.teacher, data.input_factor.T, data.noise_factor)
    return sv.gradient_variance(changed(sgd, data=other), step)


def two_pairings_of_three(sgd, step):
    """Leaves out one pairing of Isserlis' theorem for the gradient of one example."""

    def spread(original, law, ring, errors, outputs, inputs, square):
        return original(law, ring, errors, outputs, inputs, square) - square

    return patched(sgd, step, GaussianResiduals, "trace_covariance", spread)


def single_examples_on_the_way(sgd, step):
    """Has the weights move by batches of one example."""
    target = GaussianResiduals if isinstance(sgd.problem.data, sv.GaussianPopulation) else AtomResiduals

    def moments(original, law, *given):
        parts = original(law, *given)
        context = parts[0].context()
        return [part.compose(context.constant(1), *context.gens()[1:], ctx=context) for part in parts]

    return patched(sgd, step, target, "generating_function", moments)


def truncated_moments(sgd, step):
    """Leaves out the highest moments of the batches on the way."""
    target = GaussianResiduals if isinstance(sgd.problem.data, sv.GaussianPopulation) else AtomResiduals

    def moments(original, law, ring, *given):
        return [*original(law, ring, *given)[:-1], ring.zero]

    return patched(sgd, step, target, "generating_function", moments)


def equal_probabilities(sgd, step):
    """Takes all atoms for equally likely."""
    data = sgd.problem.data
    k = len(data.X)
    return sv.gradient_variance(changed(sgd, data=sv.DiscretePopulation(data.X, data.y, [Fraction(1, k)] * k)), step)


def one_over_b_without_replacement(sgd, step):
    """Takes c(b) = 1/b for the last batch."""

    def square(original, network, *given, **options):
        independent = sv.SGD(sgd.problem, sgd.start, sgd.step_size, sv.WithReplacement())
        return original(replace(network, sgd=independent), *given, **options)

    return patched(sgd, step, Network, "second_moment", square)


def independent_draws_on_the_way(sgd, step):
    """Has the weights move by batches with replacement."""

    def moments(original, law, *given):
        return original(replace(law, distinct=None), *given)

    return patched(sgd, step, AtomResiduals, "generating_function", moments)


def no_weight_decay(sgd, step):
    """Forgets the weight decay."""
    return sv.gradient_variance(changed(sgd, weight_decay=0), step)


def decay_forgotten_in_one_layer(sgd, step):
    """The first layer does not decay as it steps."""

    def stepped(original, network, statistic, step_size):
        moved = original(network, statistic, step_size)
        decay = step_size * network.ring.element(sgd.problem.weight_decay)
        decayed = np.frompyfunc(lambda weight: weight * decay, 1, 1)(network.layers[0])
        return replace(moved, layers=[moved.layers[0] + decayed, *moved.layers[1:]])

    return patched(sgd, step, Network, "stepped", stepped)


def decay_of_the_loss_only(sgd, step):
    """The decay is in the gradient whose variance is asked for, and not in those on the way."""

    def stepped(original, network, statistic, _):
        return original(network, statistic, network.ring.zero)

    return patched(sgd, step, Network, "stepped", stepped)


def one_layer_after_the_other(sgd, step):
    """The second layer is moved by a gradient at the first layer as it has moved already."""

    def stepped(original, network, statistic, step_size):
        first, second = original(network, statistic, step_size).layers
        _, second = original(replace(network, layers=[first, network.layers[1]]), statistic, step_size).layers
        return replace(network, layers=[first, second])

    return patched(sgd, step, Network, "stepped", stepped)


def first_step_size_throughout(sgd, step):
    """Takes alpha_0 at every step."""
    return sv.gradient_variance(changed(sgd, step_size=sgd.step_size[0]), step)


def step_sizes_backwards(sgd, step):
    """Takes the step sizes in the reverse order."""
    return sv.gradient_variance(changed(sgd, step_size=sgd.step_size[::-1]), step)


def last_layer_for_all(sgd, step):
    """Forgets the gradient in all layers but the last."""
    return sv.gradient_variance(sgd, step, layer=2)


def end_to_end_for_all_layers(sgd, step):
    """Linear regression in the product of the layers."""
    start = sgd.layers[1] @ sgd.layers[0]
    problem = sv.LinearRegression(sgd.problem.data, sgd.problem.weight_decay)
    return sv.gradient_variance(sv.SGD(problem, start[0], sgd.step_size, sgd.sampling), step)


# Each wrong formula with the first step at which it is wrong, and the sources of data where it is.
EVERYWHERE = ["without replacement", "with replacement", "atoms", "gaussian"]
FINITE = EVERYWHERE[:3]
NETWORK_MUTANTS = {
    no_label_noise: (0, ["gaussian"]),
    label_noise_in_the_last_batch_only: (1, ["gaussian"]),
    noise_covariance_for_its_factor: (0, ["gaussian"]),
    transposed_input_factor: (0, ["gaussian"]),
    two_pairings_of_three: (0, ["gaussian"]),
    equal_probabilities: (0, ["atoms"]),
    one_over_b_without_replacement: (0, ["without replacement"]),
    independent_draws_on_the_way: (1, ["without replacement"]),
    single_examples_on_the_way: (1, EVERYWHERE),
    truncated_moments: (1, EVERYWHERE),
    conditional_for_total: (1, EVERYWHERE),
    first_power_only: (1, EVERYWHERE),
    frozen_weights: (1, EVERYWHERE),
    shifted_batch_size: (0, EVERYWHERE),
    no_weight_decay: (1, EVERYWHERE),
    decay_forgotten_in_one_layer: (1, EVERYWHERE),
    decay_of_the_loss_only: (1, EVERYWHERE),
    one_layer_after_the_other: (1, EVERYWHERE),
    first_step_size_throughout: (2, FINITE),
    step_sizes_backwards: (1, EVERYWHERE),
    last_layer_for_all: (0, EVERYWHERE),
    end_to_end_for_all_layers: (0, EVERYWHERE),
}


def last_step(source):
    """Naive expansion takes long at step 2."""
    return 1 if source == "gaussian" else 2


@pytest.mark.parametrize(
    ("mutant", "source"),
    [(mutant, source) for mutant, (_, sources) in NETWORK_MUTANTS.items() for source in sources],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_the_other_routes_reject_a_wrong_formula_for_networks_from_the_step_on_where_it_is_wrong(mutant, source):
    sgd, (first, _) = network_process(source), NETWORK_MUTANTS[mutant]
    for step in range(last_step(source) + 1):
        formula = mutant(sgd, step)
        assert ([formula(b) for b in (1, 2, 3)] != true_variances(source, step)) == (step >= first), step


@pytest.mark.parametrize("source", EVERYWHERE)
def test_the_other_routes_accept_the_right_formula_for_networks(source):
    sgd = network_process(source)
    for step in range(last_step(source) + 1):
        V = sv.gradient_variance(sgd, step)
        assert [V(b) for b in (1, 2, 3)] == true_variances(source, step)
