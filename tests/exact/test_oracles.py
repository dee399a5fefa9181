"""The oracles for populations agree with numbers by hand, with each other, and with the engine of linear regression."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import sympy
from flint import Ordering, fmpq_mpoly_ctx

import sgdvar as sv
from tests.exact import oracles
from tests.exact.oracles import AtomStatistics, GaussianStatistics, entries, interpolated

QUANTITIES = {
    "gradient_variance": (sv.gradient_variance, oracles.expand_gradient_variance),
    "full_gradient_variance": (sv.full_gradient_variance, oracles.expand_full_gradient_variance),
    "gradient_second_moment": (sv.gradient_second_moment, oracles.expand_gradient_second_moment),
    "expected_loss": (sv.expected_loss, oracles.expand_expected_loss),
    "mean_gradient": (sv.mean_gradient, oracles.expand_mean_gradient),
    "mean_weights": (sv.mean_weights, oracles.expand_mean_weights),
    "weight_covariance": (sv.weight_covariance, oracles.expand_weight_covariance),
}
F = Fraction


def exponents_up_to(degree, count):
    """All monomials in so many variables."""
    return [powers for powers in itertools.product(range(degree + 1), repeat=count) if sum(powers) <= degree]


def normal_moment(power):
    return 0 if power % 2 else math.prod(range(1, power, 2))


# Interpolation


def test_a_polynomial_in_the_reciprocal_batch_size_is_found_again():
    values = {b: 3 - F(1, 2 * b) + F(5, b**3) for b in (1, 2, 3, 5, 8)}
    assert interpolated(values, 3) == (3, F(-1, 2), 0, 5)
    assert interpolated({b: F(0) for b in (1, 2, 3)}, 1) == (0, 0)


def test_a_degree_that_does_not_suffice_or_cannot_be_checked_is_refused():
    values = {b: F(1, b**3) for b in (1, 2, 3, 4)}
    with pytest.raises(ValueError, match="of a polynomial of degree 2 in 1/b, got others at b = 4"):
        interpolated(values, 2)
    with pytest.raises(ValueError, match="at degree \\+ 2 = 5 batch sizes at least, got 4"):
        interpolated(values, 3)


# Moments of the statistics


@pytest.mark.parametrize("b", [1, 2, 3, 10])
def test_the_mean_square_of_normals_has_the_moments_of_chi_square(b):
    statistics = GaussianStatistics(sv.GaussianPopulation([1]))
    for k in range(9):
        assert statistics.moment((k, 0), b) == oracles._rational(math.prod(1 + F(2 * j, b) for j in range(k)))


@pytest.mark.parametrize("b", [1, 2, 3])
@pytest.mark.parametrize("r", [1, 2, 3])
def test_the_moments_of_gaussian_statistics_are_those_of_separate_examples(r, b):
    # Every example is r inputs and one noise, all standard normal: no Bartlett, and valid for b < r beyond doubt.
    context = fmpq_mpoly_ctx.get([f"x{index}" for index in range(b * (r + 1))], Ordering.lex)
    examples = [context.gens()[i * (r + 1) : (i + 1) * (r + 1)] for i in range(b)]
    products = [(j, k) for j in range(r) for k in range(j + 1)] + [(r, k) for k in range(r)]
    means = [sum(x[j] * x[k] for x in examples) / b for j, k in products]
    statistics = GaussianStatistics(sv.GaussianPopulation([0] * r))
    for powers in exponents_up_to(4 if r < 3 else 3, len(products)):
        monomial = math.prod((mean**e for mean, e in zip(means, powers, strict=True)), start=context.constant(1))
        expected = sum(a * math.prod(map(normal_moment, exponents)) for exponents, a in monomial.to_dict().items())
        assert statistics.moment(powers, b) == expected, powers


@pytest.mark.parametrize("b", [1, 2, 3])
@pytest.mark.parametrize(
    "sgd",
    [
        sv.SGD(
            sv.LinearRegression(sv.DiscretePopulation([[1], [2], [3]], [0, 0, 0], [F(1, 2), F(1, 3), F(1, 6)])), [0], 1
        ),
        sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2], [3]], [0, 0, 0])), [0], 1, sv.WithReplacement()),
        sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2], [3]], [0, 0, 0])), [0], 1, sv.WithoutReplacement()),
    ],
    ids=lambda sgd: str(sgd.design),
)
def test_the_moments_of_frequencies_are_those_of_all_ordered_draws(sgd, b):
    data, n = sgd.problem.data, 3
    masses = data.probabilities if data.size is None else [F(1, 3)] * 3
    distinct = sgd.design.is_without_replacement
    draws = list(itertools.permutations(range(n), b) if distinct else itertools.product(range(n), repeat=b))
    weights = [math.prod(masses[i] for i in draw) for draw in draws]
    statistics = AtomStatistics(sgd)
    for powers in exponents_up_to(4, n):
        values = [math.prod(F(draw.count(i), b) ** e for i, e in enumerate(powers)) for draw in draws]
        expected = sum(w * value for w, value in zip(weights, values, strict=True)) / sum(weights)
        assert statistics.moment(powers, b) == oracles._rational(expected), powers


# Gaussian populations


def gaussian_regressions():
    decay, steps = F(1, 7), [F(1, 3), F(-1, 5)]
    plain = sv.GaussianPopulation([1, -2])
    correlated = sv.GaussianPopulation([1, F(1, 2), 0], [[1, 0], [F(1, 2), 1], [0, F(2, 3)]], noise_factor=F(3, 2))
    outputs = sv.GaussianPopulation([[1, 2], [0, F(1, 2)]], [[1, 0, 2], [F(1, 2), 1, 0]], [[1, 0], [F(1, 3), 2]])
    return {
        "standard inputs": sv.SGD(sv.LinearRegression(plain), [1, 1], F(1, 4)),
        "correlated, noise": sv.SGD(sv.LinearRegression(correlated, decay), [1, 0, F(1, 2)], steps),
        "two outputs, noise": sv.SGD(sv.LinearRegression(outputs, decay), [[1, 0], [0, 2]], steps),
        "a network of one layer": sv.SGD(sv.DeepLinearNetwork(outputs, decay), [[[1, 0], [0, 2]]], steps),
    }


@pytest.mark.parametrize(
    ("name", "step"),
    [("standard inputs", t) for t in (0, 1, 2)]
    + [("correlated, noise", t) for t in (0, 1, 2)]
    + [("two outputs, noise", t) for t in (0, 1)],
)
def test_naive_expansion_equals_the_engine_of_linear_regression(name, step):
    sgd = gaussian_regressions()[name]
    for quantity, (derive, expand) in QUANTITIES.items():
        exact, expanded = entries(derive(sgd, step)), expand(sgd, step)
        for b in (1, 2, 5):
            assert entries(expanded(b)) == [polynomial(b) for polynomial in exact], (quantity, b)


@pytest.mark.parametrize("step", [0, 1])
def test_naive_expansion_equals_the_engine_of_linear_regression_for_any_matrix(step):
    sgd, matrix = gaussian_regressions()["two outputs, noise"], [[1, 0, F(1, 2), -1], [0, 3, 1, 1]]
    for quantity in ("gradient_variance", "full_gradient_variance", "gradient_second_moment"):
        derive, expand = QUANTITIES[quantity]
        exact, expanded = derive(sgd, step, matrix=matrix), expand(sgd, step, matrix=matrix, layer=1)
        assert [expanded(b) for b in (1, 2, 5)] == [exact(b) for b in (1, 2, 5)]


def test_a_network_of_one_layer_expands_as_linear_regression():
    processes = gaussian_regressions()
    for _, expand in QUANTITIES.values():
        network, regression = (expand(processes[name], 1) for name in ("a network of one layer", "two outputs, noise"))
        assert entries(network(3)) == entries(regression(3))


def scalar_network_by_hand(step, w1, w2, teacher, noise, alpha):
    """V_t of the 1-1-1 network on N(0, 1) inputs as a polynomial in u, for t = 0 and 1."""
    u = sympy.Symbol("u")
    batches = [sympy.symbols(f"s{k} n{k}") for k in range(step + 1)]
    for s, n in batches[:-1]:
        residual = (w1 * w2 - teacher) * s - noise * n
        w1, w2 = w1 - alpha * w2 * residual, w2 - alpha * w1 * residual
    s, n = batches[-1]
    residual = (w1 * w2 - teacher) * s - noise * n
    gradient = [w2 * residual, w1 * residual]

    def expected(expression):
        for s, n in batches:
            # Given the inputs, n = mean(zeta xi) is N(0, u s); and E s^k = (1 + 2 u)(1 + 4 u) ... (1 + 2 (k - 1) u).
            terms = sympy.Poly(expression, s, n).terms()
            expression = sum(
                a * normal_moment(m) * u ** (m // 2) * sympy.prod([1 + 2 * j * u for j in range(k + m // 2)])
                for (k, m), a in terms
            )
        return sympy.expand(expression)

    variance = sum(expected(g**2) - expected(g) ** 2 for g in gradient)
    return tuple(reversed(sympy.Poly(variance, u).all_coeffs()))


@pytest.mark.parametrize("noise", [0, F(2, 3)])
@pytest.mark.parametrize(("step", "degree"), [(0, 1), (1, 6)])
def test_a_scalar_network_of_two_layers_is_what_a_person_computes(step, degree, noise):
    w1, w2, teacher, alpha = F(3, 2), F(-1, 2), F(1, 3), F(1, 5)
    network = sv.DeepLinearNetwork(sv.GaussianPopulation([teacher], noise_factor=noise))
    expanded = oracles.expand_gradient_variance(sv.SGD(network, [w1, w2], alpha), step)
    values = {b: expanded(b) for b in range(1, degree + 3)}
    by_hand = scalar_network_by_hand(step, *map(sympy.sympify, (w1, w2, teacher, noise, alpha)))
    assert interpolated(values, degree) == by_hand
    if step == 0:
        assert by_hand == (0, (w1**2 + w2**2) * (2 * (w1 * w2 - teacher) ** 2 + noise**2))


@pytest.mark.parametrize(("step", "degree"), [(0, 1), (1, 6), (2, 23)])
@pytest.mark.parametrize("hidden", [1, 2])
def test_the_degree_of_two_layers_is_attained(hidden, step, degree):
    start = [[[F(1, 2)]] * hidden, [[F(1, 3), 1][:hidden]]]
    sgd = sv.SGD(sv.DeepLinearNetwork(sv.GaussianPopulation([1])), start, F(1, 4))
    expanded = oracles.expand_gradient_variance(sgd, step)
    coefficients = interpolated({b: expanded(b) for b in range(1, degree + 3)}, degree)
    assert coefficients[0] == 0
    assert coefficients[-1] > 0


def test_layers_and_matrices_choose_entries_of_the_gradient():
    data = sv.GaussianPopulation([[1, F(1, 2)]], noise_factor=1)
    sgd = sv.SGD(sv.DeepLinearNetwork(data, weight_decay=F(1, 3)), [[[1, 0], [F(1, 2), -1]], [[1, 2]]], F(1, 4))
    total = oracles.expand_gradient_variance(sgd, 1)
    first, second = (oracles.expand_gradient_variance(sgd, 1, layer=j) for j in (1, 2))
    rows = np.eye(6, dtype=int)[4:]
    assert first(2) + second(2) == total(2)
    assert oracles.expand_gradient_variance(sgd, 1, matrix=rows)(2) == second(2)
    assert oracles.expand_gradient_variance(sgd, 1, matrix=[0, 1], layer=2)(2) == oracles.expand_gradient_variance(
        sgd, 1, matrix=[0, 0, 0, 0, 0, 1]
    )(2)
