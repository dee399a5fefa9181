"""Deep linear networks in symbols: closed forms, normal forms, and the numbers put for them."""

from __future__ import annotations

from fractions import Fraction as F
from functools import reduce

import pytest
import sympy
from sympy.polys.rings import ring

import sgdvar as sv
from tests.exact.networks import DESIGNS, OF_THE_GRADIENT, QUANTITIES
from tests.exact.oracles import entries

Gaussian = sv.GaussianPopulation

# Closed forms in symbols: the network of one weight in each layer on N(0, 1) inputs

SYMBOLS = sympy.symbols("w_1 w_2 w_3 teacher alpha")


def scalar_network(depth):
    *weights, teacher, alpha = SYMBOLS[:depth] + SYMBOLS[3:]
    return sv.SGD(sv.DeepLinearNetwork(Gaussian([teacher])), weights, alpha)


def by_hand(depth, step):
    """V_t as polynomials in the symbols, from E s^k = (1 + 2 u) ... (1 + 2 (k - 1) u) for the mean s of b squares."""
    R, u, s_0, s_1, *symbols = ring((*sympy.symbols("u s_0 s_1"), *SYMBOLS), sympy.QQ)
    *weights, teacher, alpha = [*symbols[:depth], *symbols[3:]]

    def gradient(weights, s):
        residual = (reduce(lambda a, b: a * b, weights) - teacher) * s
        return [residual * reduce(lambda a, b: a * b, [R(1), *weights[:j], *weights[j + 1 :]]) for j in range(depth)]

    def expected(polynomial):
        for index in (1, 2):
            moments = [R(1)]
            terms = {}
            for powers, a in polynomial.terms():
                k = powers[index]
                terms.setdefault(k, R(0))[(*powers[:index], 0, *powers[index + 1 :])] = a
            for k in range(max(terms, default=0)):
                moments.append(moments[-1] * (1 + 2 * k * u))
            polynomial = sum((part * moments[k] for k, part in terms.items()), R(0))
        return polynomial

    if step == 1:
        weights = [w - alpha * g for w, g in zip(weights, gradient(weights, s_0), strict=True)]
    variance = sum(expected(g**2) - expected(g) ** 2 for g in gradient(weights, s_1))
    return R, variance, alpha, reduce(lambda a, b: a * b, symbols[:depth]) - teacher


@pytest.mark.parametrize(("depth", "step"), [(1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1)])
def test_a_scalar_network_has_the_variance_that_a_person_derives(depth, step):
    R, variance, _, _ = by_hand(depth, step)
    V = sv.gradient_variance(scalar_network(depth), step)
    assert sum(R.from_expr(sympy.sympify(a)) * R.gens[0] ** k for k, a in enumerate(V.coefficients)) == variance


def test_higher_powers_carry_powers_of_the_step_size_and_the_error():
    R, _, alpha, error = by_hand(2, 1)
    coefficients = [R.from_expr(sympy.sympify(a)) for a in sv.gradient_variance(scalar_network(2), 1).coefficients]
    assert len(coefficients) == 7
    for k in range(2, 7):
        assert coefficients[k].rem((alpha * error) ** k) == 0 != coefficients[k]
    assert coefficients[1].rem(alpha * error) != 0


def partly_symbolic(design, w, z, e):
    """A network with one symbol in its weights, one in its data and decay, and its step size."""
    data, sampling = {
        "without replacement": (sv.Dataset([[1], [2]], [1, z]), None),
        "with replacement": (sv.Dataset([[1], [z]], [1, 0]), sv.WithReplacement()),
        "atoms": (sv.DiscretePopulation([[1], [2]], [1, 0], [z, 1 - z]), None),
        "gaussian": (Gaussian([z], [[1, z]], 1), None),
    }[design]
    return sv.SGD(sv.DeepLinearNetwork(data, weight_decay=z), [w, F(1, 2)], e, sampling)


CONSTANT = {(0, "full_gradient_variance"), (0, "weight_covariance")}  # 0, whatever the symbols


@pytest.mark.parametrize("name", QUANTITIES)
@pytest.mark.parametrize("design", [*DESIGNS, "gaussian"])
def test_symbols_take_the_values_of_the_numbers_put_for_them(design, name):
    symbols, values = sympy.symbols("I z e"), [F(3, 2), F(1, 3), F(1, 2)]  # names that a parser would misread
    point = dict(zip(symbols, map(sympy.sympify, values), strict=True))
    for step in (0, 1):
        general, special = (
            entries(getattr(sv, name)(partly_symbolic(design, *given), step)) for given in (symbols, values)
        )
        assert any(V.is_symbolic for V in general) == ((step, name) not in CONSTANT)
        for V, expected in zip(general, special, strict=True):
            at_point = [sympy.sympify(a).subs(point) for a in V.c_coefficients]
            found = sv.BatchPolynomial(V.design, at_point)
            if design == "without replacement":  # one of the polynomials that agree at b = 1, ..., n
                assert [found(b) for b in (1, 2)] == [expected(b) for b in (1, 2)]
            else:
                assert found == expected


@pytest.mark.parametrize("design", [*DESIGNS, "gaussian"])
def test_coefficients_are_numbers_times_powers_of_irreducible_factors(design):
    sgd = partly_symbolic(design, *sympy.symbols("w z"), F(1, 2))
    for V in (sv.gradient_variance(sgd, 1), sv.expected_loss(sgd, 1), sv.mean_gradient(sgd, 1)[0].item()):
        for a in map(sympy.sympify, V.c_coefficients):
            bases = [part.as_base_exp()[0] for part in sympy.Mul.make_args(a) if not part.is_Rational]
            assert all([power for _, power in sympy.factor_list(base)[1]] == [1] for base in bases)
            assert len(set(bases)) == len(bases)


@pytest.mark.parametrize("design", [*DESIGNS, "gaussian"])
def test_symbolic_results_that_are_built_differently_are_equal(design):
    w, z, e = sympy.symbols("w z e")
    sgd = partly_symbolic(design, w, z, e)
    rewritten = partly_symbolic(
        design, (w + z) - z, (z**2 - 1 + (1 + z)) - z**2, (e + w) ** 2 - w**2 - e**2 - e * (2 * w - 1)
    )
    for step in (0, 1):
        for name in OF_THE_GRADIENT:
            V = getattr(sv, name)(sgd, step)
            assert V.is_symbolic or V.is_zero
            assert getattr(sv, name)(rewritten, step) == V
            assert getattr(sv, name)(sgd, step, matrix=[[0, 1], [1, 0]]) == V
    for name in OF_THE_GRADIENT:
        assert getattr(sv, name)(sgd, 0, layer=2) + getattr(sv, name)(sgd, 0, layer=1) == getattr(sv, name)(sgd, 0)
    square = sum(mean * mean for mean in entries(sv.mean_gradient(sgd, 0)))
    assert sv.gradient_second_moment(sgd, 0) - square == sv.gradient_variance(sgd, 0)


def test_one_layer_in_symbols_is_linear_regression_in_symbols():
    w, x, e, decay, p = sympy.symbols("w x e decay p")
    data = sv.DiscretePopulation([[1, x], [0, 2]], [1, 0], [p, 1 - p])
    deep = sv.SGD(sv.DeepLinearNetwork(data, decay), [[[w, 1]]], e)
    regression = sv.SGD(sv.LinearRegression(data, decay), [w, 1], e)
    for name in QUANTITIES:
        for step in (0, 1):
            assert entries(getattr(sv, name)(deep, step)) == entries(getattr(sv, name)(regression, step)), name


def test_symbols_of_one_name_with_other_assumptions_stay_apart():
    plain, positive = sympy.Symbol("x"), sympy.Symbol("x", positive=True)
    sgd = sv.SGD(sv.DeepLinearNetwork(Gaussian([0])), [plain, positive], 1)
    assert sv.gradient_variance(sgd, 0).c_coefficients == (0, 2 * plain**2 * positive**2 * (plain**2 + positive**2))


def test_a_symbol_in_what_is_asked_alone_is_enough():
    a = sympy.Symbol("a")
    data = sv.Dataset([[1], [2]], [1, 0])
    sgd = sv.SGD(sv.DeepLinearNetwork(data), [1, 2], F(1, 4))
    with_a, with_2 = (sv.gradient_variance(sgd, 1, matrix=[1, value]) for value in (a, 2))
    assert [with_a(b).subs(a, 2) for b in (1, 2)] == [with_2(b) for b in (1, 2)]
    with_a, with_2 = (sv.expected_loss(sgd, 1, data=sv.Dataset([[value]], [1])) for value in (a, 2))
    assert [with_a(b).subs(a, 2) for b in (1, 2)] == [with_2(b) for b in (1, 2)]
