"""The engine of deep linear networks: against independent routes, closed forms, limits, degrees, bad input."""

from __future__ import annotations

import re
import time
from fractions import Fraction as F
from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
import sympy
from flint import fmpq

import sgdvar as sv
from tests.exact.networks import (
    DESIGNS,
    OF_THE_GRADIENT,
    QUANTITIES,
    data_for,
    disagreements,
    enumeration,
    expansion,
    network,
    numbers,
)
from tests.exact.oracles import Expansion, entries

Gaussian = sv.GaussianPopulation

# Naive expansion: coefficients, values without replacement

GAUSSIAN = {
    "standard normal inputs": ((2, 2, 1), Gaussian([1, -2]), 1),
    "three inputs": ((3, 2, 1), Gaussian([1, 0, 2]), 0),
    "label noise": ((1, 2, 1), Gaussian([F(1, 2)], noise_factor=F(3, 2)), 1),
    "correlated inputs and label noise": ((2, 1, 1), Gaussian([1, F(1, 2)], [[1, 0], [F(1, 2), 1]], F(1, 3)), 1),
    "more columns than rows": ((1, 3, 1), Gaussian([1], [[1, 2]], 1), 1),
    "2 x 3 input factor": ((2, 2, 1), Gaussian([1, F(1, 2)], [[1, 0, 2], [F(1, 2), 1, -1]], 2), 0),
    "singular input factor": ((2, 2, 1), Gaussian([1, F(1, 2)], [[1, 2], [2, 4]]), 1),
    "one column": ((2, 2, 1), Gaussian([1, F(1, 2)], [[1], [2]], 1), 1),
    "no inputs": ((2, 1, 1), Gaussian([1, F(1, 2)], [[0], [0]], 1), 1),
    "two outputs with correlated noise": ((1, 2, 2), Gaussian([[1], [-1]], None, [[1, 0], [F(1, 2), 1]]), 1),
    "two outputs with one noise": ((1, 1, 2), Gaussian([[1], [-1]], [[2]], [[1], [F(1, 2)]]), 1),
    "two inputs and outputs": ((2, 1, 2), Gaussian([[1, 0], [-1, 2]], [[1, 0], [F(1, 2), 1]]), 1),
    "two inputs and outputs with noise": ((2, 2, 2), Gaussian([[1, 0], [-1, 2]], None, [[1], [F(1, 2)]]), 0),
    "one layer": ((2, 2), Gaussian([[1, 0], [-1, 2]], [[1, 0], [F(1, 2), 1]], [[1], [F(1, 2)]]), 1),
    "three layers": ((1, 3, 2, 1), Gaussian([1], noise_factor=1), 1),
    "three layers, two outputs": ((1, 2, 1, 2), Gaussian([[1], [2]]), 1),
    "three layers, two inputs": ((2, 1, 1, 1), Gaussian([1, 2]), 1),
    "two steps": ((1, 1, 1), Gaussian([F(1, 2)]), 2),
}


@pytest.mark.parametrize(
    ("name", "step"), [(name, step) for name, (_, _, last) in GAUSSIAN.items() for step in range(last + 1)]
)
def test_the_coefficients_on_gaussian_inputs_are_those_of_naive_expansion(name, step):
    widths, data, _ = GAUSSIAN[name]
    sgd = network(widths, data)
    assert sv.gradient_variance(sgd, step).is_zero == (name == "no inputs")
    assert disagreements(expansion, sgd, step) == []


def test_two_steps_with_label_noise_are_those_of_naive_expansion():
    sgd = network((1, 2, 1), Gaussian([F(1, 2)], noise_factor=F(3, 2)), weight_decay=0)
    assert disagreements(expansion, sgd, 2, quantities=["gradient_variance", "expected_loss"]) == []


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize(
    ("widths", "examples"),
    [((2, 2, 1), 3), ((3, 1, 2), 3), ((2, 1, 1), 4), ((1, 2, 1), 2), ((2, 1, 1, 1), 2), ((1, 1, 2, 1), 2), ((2, 2), 3)],
    ids=str,
)
@pytest.mark.parametrize("step", [0, 1])
def test_the_coefficients_on_finitely_many_examples_are_those_of_naive_expansion(widths, examples, design, step):
    sgd = network(widths, *data_for(design, numbers(examples, widths[0], 1), numbers(examples, widths[-1], 5)))
    assert not sv.gradient_variance(sgd, step).is_zero
    assert disagreements(expansion, sgd, step) == []


@pytest.mark.parametrize("design", ["with replacement", "atoms"])
def test_two_steps_have_the_coefficients_of_the_sum_over_all_sequences(design):
    data, sampling = data_for(design, [[1], [2]], [1, F(-1, 2)])
    names = ["full_gradient_variance", "expected_loss", "mean_weights"]
    assert disagreements(enumeration, network((1, 1, 1), data, sampling), 2, quantities=names) == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"layer": 1},
        {"layer": 2},
        {"matrix": [1, 0, F(1, 2), -1, 0, 2]},
        {"matrix": numbers(3, 6, 2)},
        {"layer": 1, "matrix": numbers(2, 4, 2)},
        {"layer": 2, "matrix": [[1, -2], [2, -4]]},
    ],
    ids=["layer 1", "layer 2", "a row", "a matrix", "a matrix on layer 1", "a singular matrix on layer 2"],
)
@pytest.mark.parametrize("design", [*DESIGNS, "gaussian"])
def test_matrices_and_layers_choose_what_they_choose_in_naive_expansion(design, arguments):
    if design == "gaussian":
        sgd = network((2, 2, 1), Gaussian([1, -2], noise_factor=1))
    else:
        data, sampling = data_for(design, numbers(3, 2, 1), [1, F(-1, 2), 2])
        sgd = network((2, 2, 1), data, sampling)
    for step in (0, 1):
        assert disagreements(expansion, sgd, step, [1, 2, 3], **arguments) == []


def as_fmpq(value):
    """A number, or an array of them, in FLINT's numbers, which multiply the polynomials of the oracle."""
    return np.frompyfunc(lambda number: fmpq(*number.as_integer_ratio()), 1, 1)(value)


def second_moments(data):
    """E x x^T, E y x^T and E ||y||^2."""
    if isinstance(data, Gaussian):
        teacher, factor, noise = data.numbers()
        S = factor @ factor.T
        return S, teacher @ S, (teacher @ S * teacher).sum() + (noise * noise).sum()
    X, y = data.X, data.y.reshape(len(data.X), -1)
    weights = np.full(data.size, F(1, data.size)) if isinstance(data, sv.Dataset) else data.probabilities
    weighted = weights[:, None] * X
    return X.T @ weighted, y.T @ weighted, (weights[:, None] * y * y).sum()


@pytest.mark.parametrize("other", ["examples", "atoms", "gaussian"])
@pytest.mark.parametrize("design", [*DESIGNS, "gaussian"])
def test_the_loss_on_other_data_comes_from_their_second_moments(design, other):
    if design == "gaussian":
        sgd = network((2, 1, 2), Gaussian([[1, -2], [0, 1]]))
    else:
        sgd = network((2, 1, 2), *data_for(design, numbers(3, 2, 1), numbers(3, 2, 5)))
    X, y = [[1, 2], [0, F(1, 2)]], [[1, 0], [3, -1]]
    data = {
        "examples": sv.Dataset(X, y),
        "atoms": sv.DiscretePopulation(X, y, [F(1, 3), F(2, 3)]),
        "gaussian": Gaussian([[1, 2], [F(1, 3), 0]], [[1, 0, 1], [2, 1, 0]], [[1, 2], [0, 1]]),
    }[other]
    S_xx, S_yx, square = map(as_fmpq, second_moments(data))
    for step in (0, 1):
        expanded, L = Expansion(sgd, step), sv.expected_loss(sgd, step, data=data)
        P = reduce(lambda product, W: W @ product, expanded.layers)
        losses = (P @ S_xx * P).sum() - 2 * (P * S_yx).sum() + square
        penalties = sum((W * W).sum() for W in expanded.layers) * as_fmpq(sgd.problem.weight_decay)
        assert [L(b) for b in (1, 2, 3)] == [expanded.expected((losses + penalties) / 2, b) for b in (1, 2, 3)]


# Enumeration of every small finite data set

SMALL = {
    "one example": ((2, 2, 1), [[1, -2]], [[3]]),
    "two examples": ((1, 2, 2), [[1], [2]], [[1, 0], [F(1, 2), -1]]),
    "fewer examples than features": ((3, 2, 1), numbers(2, 3, 1), numbers(2, 1, 5)),
    "duplicates": ((2, 2, 1), [[1, 2], [1, 2], [0, 1]], [[1], [1], [0]]),
    "one input with two targets": ((1, 1, 1), [[2], [2], [-1]], [[1], [0], [F(1, 2)]]),
    "inputs of rank one": ((2, 2, 1), [[1, 2], [2, 4], [F(-1, 2), -1]], [[1], [0], [1]]),
    "a multiple before an independent input": ((3, 1, 1), [[1, 2, 0], [2, 4, 1], [0, 0, 1]], [[1], [0], [-1]]),
    "no inputs": ((2, 1, 1), [[0, 0], [0, 0]], [[1], [2]]),
    "four examples": ((2, 1, 1), numbers(4, 2, 1), numbers(4, 1, 5)),
    "one layer": ((2, 2), numbers(3, 2, 1), numbers(3, 2, 5)),
    "three layers": ((1, 2, 1, 1), numbers(3, 1, 1), numbers(3, 1, 5)),
}


@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("name", SMALL)
def test_the_engine_equals_enumeration_on_every_small_data_set(name, design, step):
    widths, X, y = SMALL[name]
    sgd = network(widths, *data_for(design, X, y))
    assert sv.gradient_variance(sgd, step).is_zero == (name in {"one example", "no inputs"})
    largest = len(X) if design == "without replacement" or step < 2 else 2
    assert disagreements(enumeration, sgd, step, range(1, largest + 1)) == []


# Limits


@pytest.mark.parametrize("design", DESIGNS)
def test_a_single_example_has_no_variance_and_follows_gradient_descent(design):
    widths, X, y = SMALL["one example"]
    sgd = network(widths, *data_for(design, X, y))
    layers = list(sgd.layers)
    for step in range(3):
        assert all(getattr(sv, name)(sgd, step).is_zero for name in OF_THE_GRADIENT[:2])
        assert all(V.is_zero for V in entries(sv.weight_covariance(sgd, step)))
        gradients = sgd.problem.example_gradients(layers, np.array(X), np.array(y))
        for polynomials, expected in [(sv.mean_weights, layers), (sv.mean_gradient, [g[0] for g in gradients])]:
            assert [V.coefficients for V in entries(polynomials(sgd, step))] == [(v,) for v in entries(tuple(expected))]
        if step < 2:
            layers = [W - sgd.step_size[step] * g[0] for W, g in zip(layers, gradients, strict=True)]


@pytest.mark.parametrize("name", SMALL)
def test_full_batches_have_no_variance_without_replacement(name):
    widths, X, y = SMALL[name]
    sgd = network(widths, sv.Dataset(X, y))
    for step in range(3):
        assert sv.gradient_variance(sgd, step)(len(X)) == sv.full_gradient_variance(sgd, step)(len(X)) == 0
        assert all(V(len(X)) == 0 for V in entries(sv.weight_covariance(sgd, step)))


def realizable():
    """Data of two inputs and one output, with y = x_1 - 2 x_2 everywhere, and how they are drawn."""
    X = [[1, 0], [F(1, 2), 1], [-1, 3]]
    y = [a - 2 * b for a, b in X]
    return {
        "without replacement": (sv.Dataset(X, y), sv.WithoutReplacement()),
        "with replacement": (sv.Dataset(X, y), sv.WithReplacement()),
        "atoms": (sv.DiscretePopulation(X, y, [F(1, 2), F(1, 3), F(1, 6)]), None),
        "gaussian": (Gaussian([1, -2], [[1, 0], [F(1, 2), 1]]), None),
    }


@pytest.mark.parametrize("design", realizable())
def test_without_steps_every_step_is_the_first(design):
    sgd = network((2, 2, 1), *realizable()[design], step_size=0)
    for step in (1, 2):
        for name in ("gradient_variance", "gradient_second_moment", "expected_loss"):
            assert getattr(sv, name)(sgd, step) == getattr(sv, name)(sgd, 0)
        assert not sv.gradient_variance(sgd, step).is_zero
        assert sv.full_gradient_variance(sgd, step).is_zero
        assert all(V.is_zero for V in entries(sv.weight_covariance(sgd, step)))
        assert [V.coefficients for V in entries(sv.mean_weights(sgd, step))] == [(w,) for w in entries(sgd.layers)]


@pytest.mark.parametrize("design", realizable())
@pytest.mark.parametrize(
    "start",
    [[[[1, -2]]], [[[1, 0], [F(1, 3), F(-2, 3)]], [[0, 3]]], [[[1, -2]], [[2], [0]], [[F(1, 2), 7]]]],
    ids=["one layer", "two layers", "three layers"],
)
def test_an_interpolating_minimiser_is_never_left(design, start):
    data, sampling = realizable()[design]
    sgd = sv.SGD(sv.DeepLinearNetwork(data), start, F(1, 4), sampling)
    for step in (0, 1, 2) if len(start) < 3 else (0, 1):
        assert all(getattr(sv, name)(sgd, step).is_zero for name in (*OF_THE_GRADIENT, "expected_loss"))
        assert all(V.is_zero for V in entries(sv.mean_gradient(sgd, step)))
        assert all(V.is_zero for V in entries(sv.weight_covariance(sgd, step)))


@pytest.mark.parametrize("design", realizable())
@pytest.mark.parametrize("weight_decay", [0, F(1, 5)])
@pytest.mark.parametrize("widths", [(2, 2, 1), (2, 1, 1, 1)])
def test_no_batch_leads_away_from_zero_weights(widths, weight_decay, design):
    data, sampling = realizable()[design]
    start = [np.zeros((after, before), dtype=int) for before, after in pairwise(widths)]
    sgd = sv.SGD(sv.DeepLinearNetwork(data, weight_decay), start, F(1, 4), sampling)
    loss = second_moments(data)[2] / 2
    for step in (0, 1):
        assert all(getattr(sv, name)(sgd, step).is_zero for name in OF_THE_GRADIENT)
        assert all(V.is_zero for V in entries(sv.mean_weights(sgd, step)))
        assert sv.expected_loss(sgd, step).coefficients == (loss,) > (0,)


@pytest.mark.parametrize("design", realizable())
def test_a_layer_of_zeros_alone_moves(design):
    data, sampling = realizable()[design]
    sgd = sv.SGD(sv.DeepLinearNetwork(data), [[[0, 0], [0, 0]], [[1, 2]]], F(1, 4), sampling)
    assert sv.gradient_variance(sgd, 0, layer=2).is_zero
    assert not sv.gradient_variance(sgd, 0, layer=1).is_zero
    assert not sv.gradient_variance(sgd, 1, layer=2).is_zero


# Degrees


@pytest.mark.parametrize(("depth", "step"), [(1, 0), (1, 1), (1, 3), (2, 0), (2, 1), (2, 2), (3, 0), (3, 1)], ids=str)
@pytest.mark.parametrize("hidden", [1, 2])
def test_the_bound_on_the_degree_is_attained_on_gaussian_inputs(depth, step, hidden):
    widths = (1, *[hidden] * (depth - 1), 1)
    V = sv.gradient_variance(network(widths, Gaussian([2]), weight_decay=0, step_size=F(1, 4)), step)
    assert V.degree == sv.variance_degree_bound(depth, step)


def test_the_bound_on_the_degree_is_a_sum_of_powers():
    assert [sv.variance_degree_bound(1, t) for t in range(5)] == [1, 2, 3, 4, 5]
    assert [sv.variance_degree_bound(2, t) for t in range(4)] == [3 ** (t + 1) - t - 2 for t in range(4)]
    assert [sv.variance_degree_bound(3, t) for t in range(3)] == [1, 10, 59]


@pytest.mark.parametrize("design", [*DESIGNS, "gaussian"])
def test_variances_have_no_constant_term_in_the_variance_factor(design):
    sgd = network((2, 2, 1), *realizable()[design])
    for step in (0, 1):
        for V in (sv.gradient_variance(sgd, step), sv.full_gradient_variance(sgd, step)):
            assert V.c_coefficients[0] == 0
        assert all(V.c_coefficients[0] == 0 for V in entries(sv.weight_covariance(sgd, step)))
        assert sv.gradient_second_moment(sgd, step).c_coefficients[0] > 0


# Bad input


@pytest.mark.parametrize("name", QUANTITIES)
@pytest.mark.parametrize("where", ["start", "data", "step size", "weight decay"])
def test_floats_are_refused_with_the_way_to_make_them_exact(where, name):
    def half(place):
        return 0.5 if place == where else 1

    problem = sv.DeepLinearNetwork(sv.Dataset([[half("data")], [2]], [1, 3]), half("weight decay"))
    sgd = sv.SGD(problem, [[[half("start")]], [[2]]], half("step size"))
    for step in (0, 1):
        with pytest.raises(sv.NotExactError, match=r"must be exact .* got floats in SGD\(.*sgdvar\.rationalize"):
            getattr(sv, name)(sgd, step)


def test_floats_in_what_is_asked_are_refused_too():
    sgd = network((1, 1, 1), sv.Dataset([[1], [2]], [1, 3]), weight_decay=1, step_size=1)
    integers = sv.SGD(sgd.problem, [[[1]], [[2]]], 1)
    for process in (sgd, integers):
        for name in OF_THE_GRADIENT:
            with pytest.raises(sv.NotExactError, match=r"sgdvar\.rationalize"):
                getattr(sv, name)(process, 0, matrix=[0.5, 1.0])
        with pytest.raises(sv.NotExactError, match=r"sgdvar\.rationalize"):
            sv.expected_loss(process, 0, data=sv.Dataset([[0.5]], [1.0]))
    assert sv.gradient_variance(integers, 0, matrix=sv.rationalize([0.5, 1.0])) == sv.gradient_variance(
        integers, 0, matrix=[F(1, 2), 1]
    )


@pytest.mark.parametrize("name", OF_THE_GRADIENT)
def test_only_the_layers_that_there_are_can_be_asked_for(name):
    sgd = network((2, 2, 1), Gaussian([1, 0]))
    with pytest.raises(ValueError, match="layer must be None or from 1 to 2, got 3"):
        getattr(sv, name)(sgd, 0, layer=3)
    with pytest.raises(ValueError, match="layer must be at least 1, got 0"):
        getattr(sv, name)(sgd, 0, layer=0)
    with pytest.raises(TypeError, match="layer must be an integer, got True"):
        getattr(sv, name)(sgd, 0, layer=True)
    with pytest.raises(
        ValueError, match=r"matrix must have shape \(m, d\) with d = 2, the number of weights of layer 2"
    ):
        getattr(sv, name)(sgd, 0, layer=2, matrix=[[1, 2, 3, 4, 5, 6]])
    with pytest.raises(ValueError, match="got 2 step sizes for step 3"):
        getattr(sv, name)(sgd, 3)


# The budget


def without_computing(monkeypatch):
    """Makes both engines refuse to work."""

    def expectations(*_):
        raise AssertionError("something was computed")

    for engine in ("Propagation", "Branching"):
        monkeypatch.setattr(f"sgdvar.exact.deep_linear.{engine}.expectations", expectations)


HUGE = {
    "gaussian": ((4, 4, 2), (Gaussian(numbers(2, 4, 1)), None)),
    "with replacement": ((3, 2, 2), data_for("with replacement", numbers(9, 3, 1), numbers(9, 2, 5))),
    "without replacement": ((3, 2, 2), data_for("without replacement", numbers(9, 3, 1), numbers(9, 2, 5))),
    "atoms": ((3, 2, 2), data_for("atoms", numbers(9, 3, 1), numbers(9, 2, 5))),
}


@pytest.mark.parametrize("name", QUANTITIES)
@pytest.mark.parametrize("design", HUGE)
def test_beyond_the_budget_nothing_is_computed(design, name, monkeypatch):
    without_computing(monkeypatch)
    widths, source = HUGE[design]
    sgd = network(widths, *source, step_size=1)
    with pytest.raises(sv.BudgetExceededError, match=r"step \d would fit.*raise budget=.*sgdvar\.estimate") as error:
        getattr(sv, name)(sgd, 5)
    assert error.value.needed > error.value.limit > 0
    assert error.value.unit in {"products of coefficients", "monomials"}


@pytest.mark.parametrize("design", [*DESIGNS, "gaussian"])
def test_a_larger_budget_lets_through_what_a_smaller_one_refuses(design):
    sgd = network((2, 1, 1), *realizable()[design])
    for name in QUANTITIES:
        with pytest.raises(sv.BudgetExceededError):
            getattr(sv, name)(sgd, 2, budget=100)
        allowed, default = (entries(getattr(sv, name)(sgd, 2, **budget)) for budget in ({"budget": 1e12}, {}))
        assert allowed == default


def refusal(sgd, step, budget):
    with pytest.raises(sv.BudgetExceededError) as error:
        sv.gradient_variance(sgd, step, budget=budget)
    return str(error.value)


def test_the_step_that_is_said_to_fit_fits():
    sgd = network((2, 2, 1), Gaussian([1, -2]), step_size=F(1, 4))
    for budget in (1e3, 1e5, 1e6):
        step = int(re.search(r"step (\d+) would fit", refusal(sgd, 3, budget))[1])
        assert sv.gradient_variance(sgd, step, budget=budget).is_exact
        refusal(sgd, step + 1, budget)


def test_the_budget_that_is_advised_is_enough(monkeypatch):
    without_computing(monkeypatch)
    for widths in ((2, 2, 1), (2, 1, 2)):
        sgd = network(widths, Gaussian(numbers(widths[-1], 2, 1)), step_size=F(1, 4))
        for step in (2, 3, 4):
            advised = re.search(r"raise budget= to ([\d.,e+]+) ", refusal(sgd, step, 1e3))[1]
            with pytest.raises(AssertionError, match="something was computed"):
                sv.gradient_variance(sgd, step, budget=float(advised.replace(",", "")))


def test_the_forecast_knows_of_symbols_in_what_is_asked(monkeypatch):
    without_computing(monkeypatch)
    sgd = network((2, 2, 1), realizable()["without replacement"][0], step_size=F(1, 4))
    with pytest.raises(sv.BudgetExceededError):
        sv.gradient_variance(sgd, 6, matrix=[sympy.Symbol("a"), 0, 0, 0, 0, 1])
    with pytest.raises(sv.BudgetExceededError):
        sv.expected_loss(sgd, 6, data=sv.Dataset([[sympy.Symbol("a"), 1]], [1]))


def test_a_refusal_takes_no_time():
    sgd = network((2, 2, 1), realizable()["atoms"][0], step_size=F(1, 4))
    start = time.process_time()
    refusal(sgd, 7, 1e3)
    assert time.process_time() - start < 0.1
