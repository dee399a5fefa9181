"""Planted wrong formulas: enumeration must reject each of them, and accept the right one."""

from __future__ import annotations

from fractions import Fraction

import pytest

import sgdvar as sv

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
