"""Populations of finitely many atoms, against the data sets that they stand for and against sums over the atoms."""

from __future__ import annotations

import copy
import pickle
from fractions import Fraction as F
from typing import Any

import numpy as np
import pytest
import sympy as sp

import sgdvar as sv
from sgdvar.arithmetic import arithmetic_for
from sgdvar.moments import gradient_moments

X = [[1, 0], [1, 2], [F(1, 2), 3], [-2, 1]]
Y = [1, 0, F(1, 3), -1]
Y2 = [[1, 2], [0, -1], [F(1, 3), 0], [-1, 1]]
PROBABILITIES = [F(1, 2), F(1, 12), F(1, 3), F(1, 12)]
OTHER, OTHER2 = (
    sv.DiscretePopulation([[2, 1], [0, F(1, 3)]], y, [F(2, 5), F(3, 5)]) for y in ([1, -1], [[1, 0], [2, -1]])
)
ROUTES = ["rows", "fourth moments"]


def process(data: sv.Dataset | sv.DiscretePopulation, weight_decay: Any = 0, step_size: Any = F(1, 5)) -> sv.SGD:
    start: Any = [F(1, 3), -1] if data.outputs is None else [[F(1, 3), -1], [0, 2]]
    sampling = sv.WithReplacement() if isinstance(data, sv.Dataset) else None
    return sv.SGD(sv.LinearRegression(data, weight_decay), start, step_size, sampling)


def every_quantity(sgd: sv.SGD, step: int) -> list[tuple[Any, ...]]:
    """The coefficients in c of every quantity of the exact engine."""
    d = sgd.start.size
    single = [
        *(
            quantity(sgd, step, matrix=matrix)
            for quantity in (sv.gradient_variance, sv.full_gradient_variance, sv.gradient_second_moment)
            for matrix in (None, [[1] * d, [*range(d)]])
        ),
        sv.expected_loss(sgd, step),
        sv.expected_loss(sgd, step, data=OTHER if sgd.problem.data.outputs is None else OTHER2),
    ]
    arrays = [quantity(sgd, step) for quantity in (sv.mean_gradient, sv.mean_weights, sv.weight_covariance)]
    return [V.c_coefficients for V in (*single, *(V for array in arrays for V in array.ravel()))]


def repeated(y: list[Any], counts: list[int]) -> sv.Dataset:
    index = np.repeat(np.arange(len(X)), counts)
    return sv.Dataset([X[i] for i in index], [y[i] for i in index])


@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize("step_size", [F(1, 5), [F(1, 2), F(-1, 3)]])
@pytest.mark.parametrize("weight_decay", [0, F(1, 7)])
@pytest.mark.parametrize("y", [Y, Y2], ids=["one output", "two outputs"])
def test_equal_probabilities_are_draws_with_replacement(y: Any, weight_decay: Any, step_size: Any, step: int) -> None:
    atoms = process(sv.DiscretePopulation(X, y, [F(1, 4)] * 4), weight_decay, step_size)
    assert every_quantity(atoms, step) == every_quantity(process(sv.Dataset(X, y), weight_decay, step_size), step)


@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize("step_size", [F(1, 5), [F(1, 2), F(-1, 3)]])
@pytest.mark.parametrize("weight_decay", [0, F(1, 7)])
@pytest.mark.parametrize("y", [Y, Y2], ids=["one output", "two outputs"])
def test_rational_probabilities_are_repeated_examples(y: Any, weight_decay: Any, step_size: Any, step: int) -> None:
    atoms = process(sv.DiscretePopulation(X, y, PROBABILITIES), weight_decay, step_size)
    data = repeated(y, [int(12 * probability) for probability in PROBABILITIES])
    assert every_quantity(atoms, step) == every_quantity(process(data, weight_decay, step_size), step)


@pytest.mark.parametrize("y", [Y, Y2], ids=["one output", "two outputs"])
def test_an_atom_may_be_split_into_two_of_half_the_probability(y: Any) -> None:
    whole = process(sv.DiscretePopulation(X, y, PROBABILITIES), F(1, 7))
    halves = [F(1, 4), F(1, 4), *PROBABILITIES[1:]]
    split = process(sv.DiscretePopulation([X[0], *X], [y[0], *y], halves), F(1, 7))
    assert every_quantity(split, 2) == every_quantity(whole, 2)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("y", [Y, Y2], ids=["one output", "two outputs"])
@pytest.mark.parametrize("in_symbols", [False, True], ids=["rational", "symbolic"])
def test_both_routes_through_the_atoms_give_the_covariance_that_its_definition_gives(
    in_symbols: bool, y: Any, route: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sgdvar.moments._LARGE_BLOCK", 3)  # four atoms: more than one block
    p = sp.Symbol("p", positive=True)
    probabilities = [p, p**2, F(1, 3) - p, F(2, 3) - p**2] if in_symbols else PROBABILITIES
    data = sv.DiscretePopulation(X, y, probabilities)
    arithmetic = arithmetic_for(data.kind, data.numbers())
    m = 2 + (data.outputs or 1)
    N = np.random.default_rng(5).integers(-9, 9, size=(2, m, m))
    if data.outputs is None:
        N = N + N.transpose(0, 2, 1)  # with one output every N is symmetric
    moments = gradient_moments(data, arithmetic, route=route)
    covariances = moments.covariance(arithmetic.numerators(N)[0]).ravel().tolist()
    rows = np.array([[*x, *np.negative(np.atleast_1d(target))] for x, target in zip(X, y, strict=True)], dtype=object)
    second = sum(weight * np.outer(row, row) for weight, row in zip(probabilities, rows, strict=True))
    D = np.array([np.outer(row[:2], row) for row in rows], dtype=object) - second[:2]
    expected = [sum(weight * (d @ n @ d.T) for weight, d in zip(probabilities, D, strict=True)) for n in N]
    assert [arithmetic.quotient(value, moments.scale) for value in moments.second.ravel().tolist()] == [
        sp.expand(value) if in_symbols else value for value in second.ravel()
    ]
    assert [arithmetic.quotient(value, moments.scale**2) for value in covariances] == [
        sp.expand(value) if in_symbols else value for matrix in expected for value in matrix.ravel()
    ]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("size", "parts"), [(10**3, 10**6), (10**8, 10**6), (10**9, 2**61), (3, 10**40), (10**25, 7)])
def test_sums_too_large_for_machine_words_stay_exact(size: int, parts: int, route: Any) -> None:
    inputs, y = [[size + 1, -size], [3, size + 7], [size - 2, 5]], [size + 3, -size, 1 - size]
    probabilities = [F(parts // 3, parts), F(1, parts), F(parts - 1 - parts // 3, parts)]
    data = sv.DiscretePopulation(inputs, y, probabilities)
    arithmetic = arithmetic_for(data.kind, ())
    moments = gradient_moments(data, arithmetic, route=route)
    weighted = [*zip(probabilities, inputs, y, strict=True)]
    assert arithmetic.quotient(moments.second[0, 1], moments.scale) == sum(pi * x[0] * x[1] for pi, x, _ in weighted)
    at_zero = moments.covariance(arithmetic.numerators(np.diag([0, 0, 1]))[0][None])[0]  # the gradient is -x y
    means = [sum(pi * x[j] * y_i for pi, x, y_i in weighted) for j in range(2)]
    assert arithmetic.quotient(at_zero[0, 1], moments.scale**2) == sum(
        pi * (x[0] * y_i - means[0]) * (x[1] * y_i - means[1]) for pi, x, y_i in weighted
    )


@pytest.mark.parametrize("y", [Y, Y2], ids=["one output", "two outputs"])
def test_a_symbolic_probability_specialises_to_a_rational_one(y: Any) -> None:
    p = sp.Symbol("p", positive=True)
    rest = [F(1, 12), F(1, 3), F(7, 12) - p]
    symbolic = process(sv.DiscretePopulation(X, y, [p, *rest]), F(1, 7))
    rational = process(sv.DiscretePopulation(X, y, PROBABILITIES), F(1, 7))
    found = every_quantity(symbolic, 2)
    assert any(sp.sympify(value).has(p) for coefficients in found for value in coefficients)
    values = [[sp.sympify(value).subs(p, sp.Rational(1, 2)) for value in coefficients] for coefficients in found]
    assert [[F(int(value.p), int(value.q)) for value in row] for row in values] == [
        list(row) for row in every_quantity(rational, 2)
    ]


@pytest.mark.parametrize("form", ["sum", "piecewise"])
def test_the_closed_form_in_t_takes_atoms_and_symbolic_probabilities(form: Any) -> None:
    t, b, p = sp.Symbol("t"), sp.Symbol("b"), sp.Symbol("p", positive=True)
    data = sv.DiscretePopulation([[1], [F(1, 2)], [3]], [2, -1, 0], [p, p, 1 - 2 * p])
    sgd = sv.SGD(sv.LinearRegression(data, F(1, 3)), start=[F(1, 3)], step_size=F(1, 4))
    closed = sv.gradient_variance_in_time(sgd, t, b, form=form)
    for step in range(3):
        V = sv.gradient_variance(sgd, step).as_expr(b)
        for value in (sp.Rational(1, 3), sp.Rational(1, 5)):
            point = {p: value, b: 3}
            assert closed.subs({**point, t: step}).doit() == V.subs(point)


def test_a_single_atom_has_no_variance_and_follows_gradient_descent() -> None:
    sgd = process(sv.DiscretePopulation(X[2:3], Y[2:3], [1]))
    assert sgd.kind == "rational"
    assert sv.gradient_variance(sgd, 3).is_zero
    assert all(V.is_zero for V in sv.weight_covariance(sgd, 3).flat)
    w = [F(1, 3), F(-1)]
    for _ in range(3):
        residual = w[0] * X[2][0] + w[1] * X[2][1] - Y[2]
        w = [value - F(1, 5) * residual * x for value, x in zip(w, X[2], strict=True)]
    assert [V(1) for V in sv.mean_weights(sgd, 3)] == w


def test_every_batch_size_is_valid() -> None:
    V = sv.gradient_variance(process(sv.DiscretePopulation(X, Y, PROBABILITIES)), 0)
    assert V(1000) * 1000 == V(1) > 0


@pytest.mark.parametrize("sampling", [sv.WithReplacement(), sv.WithoutReplacement()], ids=str)
def test_a_population_of_atoms_is_drawn_from_independently(sampling: Any) -> None:
    problem = sv.LinearRegression(sv.DiscretePopulation(X, Y, PROBABILITIES))
    assert sv.SGD(problem, [0, 0], 1).sampling == sv.IID()
    with pytest.raises(ValueError, match=r"sampling must be IID\(\) for a population, got With"):
        sv.SGD(problem, [0, 0], 1, sampling)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda data: pickle.loads(pickle.dumps(data))])
def test_copies_are_the_same_read_only_population(duplicate: Any) -> None:
    data = duplicate(sv.DiscretePopulation(X, Y, PROBABILITIES))
    assert repr(data) == "DiscretePopulation(k=4, p=2, rational)"
    assert data.probabilities.tolist() == PROBABILITIES
    assert not any(array.flags.writeable for array in data.numbers())
    assert every_quantity(process(data), 1) == every_quantity(process(sv.DiscretePopulation(X, Y, PROBABILITIES)), 1)
