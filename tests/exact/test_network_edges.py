"""Corners of the engine for networks that were wrong once."""

from __future__ import annotations

from fractions import Fraction as F

import numpy as np
import pytest
import sympy as sp

import sgdvar as sv


def scalar(start, step_size, data=None, **options):
    return sv.SGD(sv.DeepLinearNetwork(data or sv.GaussianPopulation([1]), **options), start, step_size)


@pytest.mark.parametrize(
    "strange",
    [sp.IndexedBase("z")[0], sp.Idx("i"), sp.MatrixSymbol("M", 2, 2)[0, 0]],
    ids=["indexed", "index", "entry"],
)
def test_what_is_no_plain_symbol_is_refused(strange):
    with pytest.raises(TypeError, match=r"polynomials in plain symbols, got .*; introduce a Symbol for it"):
        scalar([strange, 1], F(1, 2))
    with pytest.raises(TypeError, match="plain symbols"):
        sv.BatchPolynomial(sv.BatchDesign(sv.IID(), None), (0, strange))


@pytest.mark.parametrize("step_sizes", [[1], (1, 2), np.array([1, 2])])
def test_step_sizes_may_be_a_list_of_integers(step_sizes):
    data = sv.Dataset([[1], [2]], [0, 1])
    expected = sv.gradient_variance(scalar([1, 1], [F(1)], data), 1)
    assert sv.gradient_variance(scalar([1, 1], step_sizes, data), 1) == expected
    assert sv.enumerate_gradient_variance(scalar([1, 1], step_sizes, data), 1, 1) == expected(1)
    regression = sv.SGD(sv.LinearRegression(data), [1], step_sizes)
    assert sv.gradient_fourth_moment(regression, 1)(2) == 0


def test_the_budget_counts_symbols():
    u, v, w, a, decay, sigma, c = sp.symbols("u v w a lambda sigma c")
    population = sv.GaussianPopulation([w], [[c]], sigma)
    assert sv.gradient_variance(scalar([u, v], a, population, weight_decay=decay), 1).is_symbolic
    with pytest.raises(sv.BudgetExceededError, match="step 0 would fit"):
        sv.gradient_variance(scalar([u, v], a, population, weight_decay=decay), 2, budget=1e6)


def test_the_budget_counts_the_polynomials_that_are_asked_for():
    data = sv.DiscretePopulation([[-2], [0]], [-1, 2], [F(1, 6), F(5, 6)])
    start = [[[2], [0]], [[1, 1], [0, 1], [-2, -2]], [[0, 2, 1]]]
    sgd = sv.SGD(sv.DeepLinearNetwork(data, F(1, 3)), start, 2)
    with pytest.raises(sv.BudgetExceededError):
        sv.mean_gradient(sgd, 3, budget=2e7)


@pytest.mark.parametrize(
    ("budget", "error"), [(None, TypeError), ("x", TypeError), (True, TypeError), (-1, ValueError)]
)
def test_a_budget_is_a_number_that_is_not_negative(budget, error):
    with pytest.raises(error, match="budget must be"):
        sv.gradient_variance(scalar([1, 1], 1), 1, budget=budget)


def test_a_symbol_that_is_called_b_is_not_taken_for_the_batch_size():
    b = sp.Symbol("b")
    V = sv.gradient_variance(scalar([b, 1], F(1, 2)), 0)
    with pytest.raises(ValueError, match="contain the symbol b already"):
        V.as_expr()
    batch_size = sp.Symbol("n_B")
    assert V.as_expr(batch_size) == V.c_coefficients[1] / batch_size


def test_two_symbols_of_one_name_have_an_order():
    x, real = sp.Symbol("x"), sp.Symbol("x", real=True)
    V = sv.gradient_variance(scalar([x, real], F(1, 2), sv.GaussianPopulation([0])), 1)
    swapped = sv.gradient_variance(scalar([real, x], F(1, 2), sv.GaussianPopulation([0])), 1)
    assert V == swapped  # the two weights play the same part


def test_a_budget_of_nothing_forecasts():
    sgd = scalar([1, 1], 1)
    with pytest.raises(sv.BudgetExceededError) as error:
        sv.gradient_variance(sgd, 1, budget=0)
    assert error.value.needed > error.value.limit == 0
    assert sv.gradient_variance(sgd, 0, budget=0).degree in {0, 1}  # needs no batch averaged


def test_layers_of_different_shapes_are_rationalized_one_by_one():
    first, second = sv.rationalize([[[0.5, 1], [0, 0.25]], [[1 / 3, 1]]])
    assert first.tolist() == [[F(1, 2), 1], [0, F(1, 4)]]
    assert second.tolist() == [[F(1, 3), 1]]


def test_one_number_is_no_sequence_of_steps_or_batch_sizes():
    sgd = scalar([1, 1], F(1, 8))
    with pytest.raises(TypeError, match=r"steps must be a sequence of integers, got 1; write \[1\] for one"):
        sv.verify(sgd, 1, [8])
    with pytest.raises(TypeError, match=r"batch_sizes must be a sequence of integers, got 8; write \[8\] for one"):
        sv.verify(sgd, [1], 8)
    with pytest.raises(TypeError, match="batch_sizes must be a sequence"):
        sv.estimate_gradient_variance(sgd, 1, 8)


@pytest.mark.parametrize("name", ["covariance", "input_covariance", "noise_covariance"])
def test_a_covariance_is_answered_by_what_is_due(name):
    with pytest.raises(TypeError, match=f"a factor must be given instead of {name}: input_factor=C"):
        sv.GaussianPopulation([1, 2], **{name: [[2, 1], [1, 2]]})
    with pytest.raises(ValueError, match=r"noise_factor must be a factor D of the covariance D D\^T"):
        sv.GaussianPopulation([[1], [2]], noise_factor=[1, 4])
    with pytest.raises(ValueError, match=r"input_factor must be a factor C of the covariance C C\^T"):
        sv.GaussianPopulation([1, 2], input_factor=[1, 4])


def test_a_forecast_beyond_floats_is_a_refusal():
    sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1, 2], [3, 4], [0, 1]], [1, 0, 1])), [0, 0], F(1, 8))
    with pytest.raises(sv.BudgetExceededError, match=r"step \d+ would fit"):
        sv.gradient_fourth_moment(sgd, 200)
