"""Bad input: one clear error that names the argument, what was wrong and what would be right, before any work."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction as F
from typing import Any

import numpy as np
import pytest
import sympy as sp

import sgdvar as sv

X, Y = [[1, 0], [1, 2], [0, 1]], [1, 0, 2]
DATA = sv.Dataset(X, Y)
FLOATS = sv.Dataset(np.array(X, dtype=float), np.array(Y, dtype=float))
PROBLEM = sv.LinearRegression(DATA)
SGD = sv.SGD(PROBLEM, [0, 0], F(1, 2))
V = sv.gradient_variance(SGD, step=1)
SCALAR = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2], [4]], [1, 0, 3])), [1], F(1, 7))
POPULATION = sv.GaussianPopulation(teacher=[1, 2])
NETWORK = sv.DeepLinearNetwork(DATA)
LAYERS = [[1, 0], [0, 1]], [[1, 2]]
DEEP = sv.SGD(NETWORK, LAYERS, F(1, 4))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: V(4), ValueError, "batch_size must satisfy 1 <= b <= n without replacement, got 4 with n = 3"),
        (lambda: V(0), ValueError, "batch_size must be at least 1, got 0"),
        (lambda: V(-1), ValueError, "batch_size must be at least 1, got -1"),
        (lambda: V(2.0), TypeError, "batch_size must be an integer, got 2.0 of type float"),
        (lambda: V(True), TypeError, "batch_size must be an integer, got True of type bool"),
        (lambda: V([1, 4]), ValueError, "got 4 with n = 3"),
        (lambda: sv.gradient_variance(SGD, step=-1), ValueError, "step must be at least 0, got -1"),
        (lambda: sv.gradient_variance(SGD, step=1.5), TypeError, "step must be an integer, got 1.5"),
        (lambda: sv.gradient_variance(SGD, step=True), TypeError, "step must be an integer, got True of type bool"),
        (
            lambda: sv.gradient_variance(sv.SGD(PROBLEM, [0, 0], [F(1, 2)]), step=2),
            ValueError,
            "step_size must give alpha_0, ..., alpha_(t-1) for step t, got 1 step sizes for step 2",
        ),
        (lambda: sv.Dataset([[1, float("nan")]], [1]), ValueError, "X must be finite, got nan"),
        (lambda: sv.Dataset(np.array([[1.0, np.inf]]), [1]), ValueError, "X must be finite, got inf at index (0, 1)"),
        (lambda: sv.Dataset([[1, 2]], [float("-inf")]), ValueError, "y must be finite, got -inf"),
        (lambda: sv.Dataset([[1, 2], [3]], [1, 2]), ValueError, "X must be rectangular"),
        (lambda: sv.Dataset([], []), ValueError, "X must not be empty, got shape (0,)"),
        (lambda: sv.Dataset(np.zeros((0, 2)), []), ValueError, "X must not be empty, got shape (0, 2)"),
        (lambda: sv.Dataset([1, 2], [1, 2]), ValueError, "X must have shape (n, p), got shape (2,)"),
        (lambda: sv.Dataset(X, [[[1]]] * 3), ValueError, "y must have shape (n,) or (n, q), got shape (3, 1, 1)"),
        (lambda: sv.Dataset(X, [1, 2]), ValueError, "X and y must have the same number of examples, got 3 and 2"),
        (lambda: sv.Dataset([["a", 1]], [1]), TypeError, "X must hold ints, Fractions, SymPy numbers or symbols"),
        (lambda: sv.Dataset(np.array([["a"]]), [1]), TypeError, "X must hold ints"),
        (lambda: sv.Dataset([[1j]], [1]), TypeError, "X must hold ints"),
        (lambda: sv.Dataset(np.array([[1j]]), [1]), TypeError, "got an array of complex128"),
        (lambda: sv.Dataset([[Decimal("0.1")]], [1]), TypeError, "X must hold ints, Fractions"),
        (lambda: sv.Dataset([[None]], [1]), TypeError, "of type NoneType"),
        (lambda: sv.Dataset([[True]], [1]), TypeError, "X must hold numbers, got the bool True"),
        (lambda: sv.Dataset(np.array([[True]]), [1]), TypeError, "write array.astype(int)"),
        (
            lambda: sv.Dataset([[F(1, 2), 0.5]], [1]),
            sv.NotExactError,
            "the entries of X must be all exact or all floats",
        ),
        (lambda: sv.Dataset([[F(1, 2)]], [0.5]), sv.NotExactError, "X and y must be all exact or all floats"),
        (lambda: sv.Dataset([[sp.Symbol("x")]], [0.5]), sv.NotExactError, "floats mixed with symbols"),
        (lambda: sv.Dataset([[0.5 * sp.Symbol("x")]], [1]), sv.NotExactError, "write 0.1 as Rational(1, 10)"),
        (lambda: sv.Dataset([[sp.sqrt(2)]], [1]), ValueError, "introduce a symbol"),
        (
            lambda: sv.Dataset([[1 / sp.Symbol("x")]], [1]),
            ValueError,
            "polynomials in symbols with rational coefficients",
        ),
        (
            lambda: sv.Dataset([[sp.sqrt(2) * sp.Symbol("x")]], [1]),
            ValueError,
            "introduce a symbol for what is neither",
        ),
        (lambda: sv.Dataset([[sp.oo]], [1]), ValueError, "got oo"),
        (
            lambda: sv.SGD(PROBLEM, [0, 0, 0], F(1, 2)),
            ValueError,
            "start must have the shape of the weights, (2,), got (3,)",
        ),
        (
            lambda: sv.SGD(PROBLEM, [[0, 0]], F(1, 2)),
            ValueError,
            "start must have the shape of the weights, (2,), got (1, 2)",
        ),
        (lambda: sv.SGD(PROBLEM, [F(1, 2), 0], 0.5), sv.NotExactError, "write 0.1 as Fraction(1, 10)"),
        (lambda: sv.SGD(PROBLEM, [0, 0], [[1]]), ValueError, "step_size must be one number or a sequence of numbers"),
        (lambda: sv.SGD(PROBLEM, [0, 0], []), ValueError, "step_size must not be empty"),
        (lambda: sv.SGD(PROBLEM, [0, 0], float("nan")), ValueError, "step_size must be finite, got nan"),
        (
            lambda: sv.SGD(PROBLEM, [0, 0], 1, sv.IID()),
            ValueError,
            "independent uniform draws from a Dataset are WithReplacement()",
        ),
        (
            lambda: sv.SGD(sv.LinearRegression(POPULATION), [0, 0], 1, sv.WithoutReplacement()),
            ValueError,
            "sampling must be IID() for a population",
        ),
        (
            lambda: sv.SGD(PROBLEM, [0, 0], 1, "iid"),
            TypeError,
            "sampling must be IID(), WithReplacement() or WithoutReplacement()",
        ),
        (lambda: sv.SGD(PROBLEM, [0, 0], 1, sv.WithReplacement), TypeError, "sampling must be IID()"),
        (lambda: sv.SGD(DATA, [0, 0], 1), TypeError, "write LinearRegression(data)"),
        (lambda: sv.LinearRegression(X), TypeError, "write Dataset(X, y)"),
        (lambda: sv.LinearRegression(DATA, weight_decay=-1), ValueError, "weight_decay must be at least 0, got -1"),
        (lambda: sv.LinearRegression(FLOATS, weight_decay=F(1, 2)), sv.NotExactError, "data and weight_decay"),
        (lambda: sv.GaussianPopulation(teacher=5), ValueError, "teacher must have shape (p,) or (q, p), got shape ()"),
        (
            lambda: sv.GaussianPopulation(teacher=[1, 2], input_factor=[[1, 0]]),
            ValueError,
            "of shape (p, r) with p = 2, got shape (1, 2)",
        ),
        (
            lambda: sv.GaussianPopulation(teacher=[[1], [2]], noise_factor=1),
            ValueError,
            "of shape (q, s) with q = 2, got shape ()",
        ),
        (
            lambda: sv.gradient_variance(SGD, 1, matrix=[1, 2, 3]),
            ValueError,
            "matrix must have shape (m, d) with d = 2",
        ),
        (
            lambda: sv.gradient_variance(SGD, 1, matrix=[0.5, 1.0]),
            sv.NotExactError,
            "matrix and the rest of the problem",
        ),
        (lambda: sv.gradient_variance(SGD, 1, layer=2), ValueError, "layer must be None or 1"),
        (
            lambda: sv.expected_loss(SGD, 1, data=X),
            TypeError,
            "data must be a Dataset, a GaussianPopulation or a DiscretePopulation, got list; write Dataset(X, y)",
        ),
        (
            lambda: sv.expected_loss(SGD, 1, data=sv.Dataset([[1]], [1])),
            ValueError,
            "data must have the inputs and outputs of Dataset(n=3, p=2, integer)",
        ),
        (lambda: sv.gradient_variance_in_time(SGD, 1, 1), ValueError, "needs one feature and one output"),
        (
            lambda: sv.gradient_variance_in_time(
                sv.SGD(sv.LinearRegression(sv.Dataset([[1]], [1])), [0], [1, 2]), 1, 1
            ),
            ValueError,
            "needs a constant step size, got 2 step sizes",
        ),
        (
            lambda: sv.gradient_variance_in_time(sv.SGD(sv.LinearRegression(sv.Dataset([[1.0]], [1])), [0], 1), 1, 1),
            sv.NotExactError,
            "write 0.1 as Fraction(1, 10)",
        ),
        (lambda: sv.rationalize([1.0], max_denominator=0), ValueError, "max_denominator must be at least 1, got 0"),
        (lambda: sv.rationalize([sp.Symbol("x")]), TypeError, "array must hold numbers to be rationalized"),
        (lambda: V + 0.5, sv.NotExactError, "polynomials that are combined"),
        (
            lambda: V + sv.gradient_variance(sv.SGD(PROBLEM, [0, 0], 1, sv.WithReplacement()), 1),
            ValueError,
            "polynomials must share one design",
        ),
        (lambda: sv.BatchPolynomial(SGD.design, (F(1, 2), 0.5)), sv.NotExactError, "c_coefficients must be all exact"),
        (lambda: V([True, 2]), TypeError, "batch_size must be an integer, got True of type bool"),
        (lambda: V.as_expr(sp.Integer(5)), TypeError, "for a value call the polynomial itself, V(5)"),
        (lambda: V.as_expr("b"), TypeError, "b must be a SymPy expression, got 'b'"),
        (lambda: V.as_c_expr(0.5), TypeError, "c must be a SymPy expression, got 0.5"),
        (
            lambda: sv.BatchPolynomial(SGD.design, (sp.Symbol("b", integer=True, positive=True),)).as_expr(),
            ValueError,
            "the coefficients contain the symbol b already",
        ),
        (lambda: sv.BatchPolynomial(None, (1,)), TypeError, "design must be a BatchDesign, got NoneType"),
        (lambda: sv.BatchDesign(sv.WithoutReplacement(), 0), ValueError, "population_size must be at least 1, got 0"),
        (lambda: sv.BatchDesign(sv.WithReplacement(), "a"), TypeError, "population_size must be an integer, got 'a'"),
        (lambda: sv.Dataset([[sp.Symbol("x", commutative=False)]], [1]), TypeError, "polynomials in commuting symbols"),
        (lambda: sv.Dataset([[sp.Symbol("x") > 0]], [1]), TypeError, "X must hold numbers, or polynomials"),
        (lambda: sv.Dataset(np.ma.masked_array([[1, 2]], [[0, 1]]), [1]), TypeError, "X must not be masked"),
        (
            lambda: sv.LinearRegression(DATA, weight_decay=-sp.Symbol("l", positive=True)),
            ValueError,
            "weight_decay must be at least 0, got -l",
        ),
        (lambda: sv.gradient_variance(PROBLEM, 1), TypeError, "sgd must be an SGD, got LinearRegression; write SGD("),
        (lambda: sv.mean_weights(None, 1), TypeError, "sgd must be an SGD, got NoneType"),
        (lambda: sv.stable_step_size(PROBLEM, 1), TypeError, "sgd must be an SGD"),
        (lambda: sv.enumerate_gradient_variance(PROBLEM, 1, 1), TypeError, "sgd must be an SGD"),
        (lambda: sv.enumerate_expected_loss(SGD, 1, 1, data=X), TypeError, "data must be a Dataset, a Gaussian"),
        (lambda: sv.verify(PROBLEM, [0], [1]), TypeError, "sgd must be an SGD"),
        *(
            (lambda estimate=estimate: estimate(PROBLEM, 0, [1]), TypeError, "sgd must be an SGD")
            for estimate in (
                sv.estimate_expected_loss,
                sv.estimate_full_gradient_variance,
                sv.estimate_gradient_second_moment,
                sv.estimate_gradient_variance,
                sv.estimate_mean_gradient,
                sv.estimate_mean_weights,
                sv.estimate_weight_covariance,
            )
        ),
        (lambda: sv.gradient_variance_in_time(SCALAR, 1, 4), ValueError, "got 4 with n = 3"),
        (lambda: sv.gradient_variance_in_time(SCALAR, -1, 2), ValueError, "step must be at least 0, got -1"),
        (lambda: sv.gradient_variance_in_time(SCALAR, 1.5, 2), TypeError, "step must be an integer, got 1.5"),
        (lambda: sv.gradient_variance_in_time(SCALAR, "t", 2), TypeError, "step must be an integer, got 't'"),
        (lambda: sv.gradient_variance_in_time(SCALAR, 1, sp.Rational(1, 2)), TypeError, "contain a symbol, got 1/2"),
        (lambda: sv.gradient_variance_in_time(SCALAR, 1, 1, form="x"), ValueError, 'form must be "sum" or "piecewise"'),
        (lambda: sv.BatchPolynomial(SGD.design, ()), ValueError, "c_coefficients must not be empty"),
        (
            lambda: sv.stable_step_size(sv.SGD(sv.LinearRegression(sv.Dataset([[sp.Symbol("x")]], [1])), [0], 1), 1),
            TypeError,
            "stable_step_size needs numbers, got symbols",
        ),
        *(
            (lambda probabilities=probabilities: sv.DiscretePopulation(X, Y, probabilities), error, message)
            for probabilities, error, message in (
                ([F(1, 2), F(1, 4), F(1, 8)], ValueError, "probabilities must sum to one, got 7/8"),
                ([0.5, 0.25, 0.2499], ValueError, "probabilities must sum to one, got 0.9999"),
                ([1, 1, 1], ValueError, "probabilities must sum to one, got 3"),
                ([sp.Symbol("r")] * 3, ValueError, "probabilities must sum to one, got 3*r"),
                ([F(1, 2), F(3, 4), F(-1, 4)], ValueError, "probabilities must be positive, got -1/4 at index 2"),
                ([0.5, -0.25, 0.75], ValueError, "probabilities must be positive, got -0.25 at index 1"),
                ([F(1, 2), F(1, 2), 0], ValueError, "must be positive, got 0 at index 2; leave that atom out"),
                ([0.5, 0.5, 0.0], ValueError, "must be positive, got 0.0 at index 2; leave that atom out"),
                (
                    [-sp.Symbol("r", positive=True), 1, sp.Symbol("r", positive=True)],
                    ValueError,
                    "probabilities must be positive, got -r at index 0",
                ),
                (
                    [F(1, 2), F(1, 2)],
                    ValueError,
                    "probabilities must have shape (k,) with k = 3, the number of atoms, got (2,)",
                ),
                ([[F(1, 3)]] * 3, ValueError, "the number of atoms, got (3, 1)"),
                (1, ValueError, "the number of atoms, got ()"),
                ([], ValueError, "probabilities must not be empty, got shape (0,)"),
                ([float("nan"), 0.5, 0.5], ValueError, "probabilities must be finite, got nan"),
                ([0.5, F(1, 4), F(1, 4)], sv.NotExactError, "the entries of probabilities must be all exact or all"),
                (None, TypeError, "probabilities must hold ints, Fractions, SymPy numbers or symbols, or floats"),
                ([True, False, False], TypeError, "probabilities must hold numbers, got the bool True"),
            )
        ),
        (
            lambda: sv.DiscretePopulation([[F(1, 2)]], [1], [1.0]),
            sv.NotExactError,
            "X, y and probabilities must be all exact or all floats, got floats mixed with Fractions",
        ),
        (
            lambda: sv.DiscretePopulation([[0.5], [1.0]], [1, 0], [F(1, 2)] * 2),
            sv.NotExactError,
            "X, y and probabilities must be all exact or all floats",
        ),
        (lambda: sv.DiscretePopulation([1, 2], [1, 2], [F(1, 2)] * 2), ValueError, "X must have shape (k, p), got"),
        (
            lambda: sv.DiscretePopulation([[1], [2]], [[[1]]] * 2, [F(1, 2)] * 2),
            ValueError,
            "y must have shape (k,) or (k, q), got shape (2, 1, 1)",
        ),
        (lambda: sv.DiscretePopulation(X, [1, 2], [F(1, 3)] * 3), ValueError, "the same number of examples, got 3 and"),
        *(
            (lambda start=start: sv.SGD(NETWORK, start, F(1, 4)), error, message)
            for start, error, message in (
                ([], ValueError, "start must hold at least one layer, got an empty list; write [W_1, ..., W_L]"),
                (5, TypeError, "start must be the list of layers [W_1, ..., W_L], got int"),
                (None, TypeError, "start must be the list of layers [W_1, ..., W_L], got NoneType"),
                ("W1", TypeError, "start must be the list of layers [W_1, ..., W_L], got str"),
                (
                    [[[1, 0], [0, 1], [1, 1]], [[1, 2]]],
                    ValueError,
                    "start must hold layers that chain, got 3 outputs of layer 1 (shape (3, 2)) "
                    "and 2 inputs of layer 2 (shape (1, 2))",
                ),
                (
                    [[[1, 0]], [[1], [2]], [[1, 1, 1]]],
                    ValueError,
                    "got 2 outputs of layer 2 (shape (2, 1)) and 3 inputs of layer 3 (shape (1, 3))",
                ),
                (
                    [[[1, 0, 2]], [[1]]],
                    ValueError,
                    "start must begin with a layer of 2 inputs, as the data has, got shape (1, 3) for layer 1",
                ),
                (
                    [[[1, 0]], [[1], [2]]],
                    ValueError,
                    "start must end with a layer of 1 outputs, as the data has, got shape (2, 1) for layer 2",
                ),
                (
                    [[1, 0], [[1]]],
                    ValueError,
                    "start must hold matrices of shape (outputs, inputs), got shape (2,) for layer 1; a layer with one "
                    "output is [[...]]",
                ),
                ([[[1, 0]], [1]], ValueError, "got shape (1,) for layer 2; a layer with one output is [[...]]"),
                ([[[[1, 0]]]], ValueError, "got shape (1, 1, 2) for layer 1"),
                ([[[1, 0], [0]], [[1, 2]]], ValueError, "start, layer 1 must be rectangular"),
                ([[[1, 0]], [[]]], ValueError, "start, layer 2 must not be empty, got shape (1, 0)"),
                ([[[1, 0]], [["a"]]], TypeError, "start, layer 2 must hold ints, Fractions"),
                ([[[1.0, float("inf")]], [[1]]], ValueError, "start, layer 1 must be finite, got inf"),
                ([[[0.5, 0]], [[F(1, 2)]]], sv.NotExactError, "the layers of start must be all exact or all floats"),
                ([[[0.5, 0]], [[1]]], sv.NotExactError, "data, start and step_size must be all exact or all floats"),
            )
        ),
        (
            lambda: sv.SGD(sv.DeepLinearNetwork(sv.Dataset([[F(1, 2), 1]], [1])), [[[0.5, 0.5]]], 1),
            sv.NotExactError,
            "write 0.1 as Fraction(1, 10), or convert floats on purpose with sgdvar.rationalize",
        ),
        (
            lambda: sv.SGD(sv.DeepLinearNetwork(sv.GaussianPopulation([[1, 2, 3], [0, 1, 0]])), LAYERS, 1),
            ValueError,
            "start must begin with a layer of 3 inputs, as the data has, got shape (2, 2) for layer 1",
        ),
        (
            lambda: sv.SGD(sv.DeepLinearNetwork(sv.GaussianPopulation([[1, 2], [0, 1]])), LAYERS, 1),
            ValueError,
            "start must end with a layer of 2 outputs, as the data has, got shape (1, 2) for layer 2",
        ),
        (
            lambda: sv.GaussianPopulation(teacher=[[[1]]]),
            ValueError,
            "teacher must have shape (p,) or (q, p), got shape (1, 1, 1)",
        ),
        (lambda: sv.DeepLinearNetwork(X), TypeError, "data must be a Dataset, a GaussianPopulation or a Discrete"),
        (lambda: sv.DeepLinearNetwork(DATA, weight_decay=-1), ValueError, "weight_decay must be at least 0, got -1"),
        (lambda: sv.DeepLinearNetwork(FLOATS, weight_decay=F(1, 2)), sv.NotExactError, "data and weight_decay"),
        (lambda: sv.SGD(NETWORK, LAYERS, 1, sv.IID()), ValueError, "are WithReplacement()"),
        (lambda: sv.gradient_variance(DEEP, step=-1), ValueError, "step must be at least 0, got -1"),
        (lambda: sv.gradient_variance(DEEP, step=1.5), TypeError, "step must be an integer, got 1.5 of type float"),
        (lambda: sv.mean_weights(DEEP, step=-1), ValueError, "step must be at least 0, got -1"),
        (lambda: sv.expected_loss(DEEP, step=True), TypeError, "step must be an integer, got True of type bool"),
        (lambda: sv.gradient_variance(DEEP, 1, layer=3), ValueError, "layer must be None or from 1 to 2, got 3"),
        (lambda: sv.gradient_variance(DEEP, 1, layer=0), ValueError, "layer must be at least 1, got 0"),
        (lambda: sv.gradient_variance(DEEP, 1, layer="W1"), TypeError, "layer must be an integer, got 'W1'"),
        (
            lambda: sv.gradient_variance(DEEP, 1, matrix=[1, 2, 3]),
            ValueError,
            "matrix must have shape (m, d) with d = 6, the number of weights, got (3,)",
        ),
        (
            lambda: sv.gradient_variance(DEEP, 1, matrix=[[1, 2, 3, 4, 5, 6]], layer=1),
            ValueError,
            "matrix must have shape (m, d) with d = 4, the number of weights of layer 1, got (1, 6)",
        ),
        (
            lambda: sv.gradient_second_moment(DEEP, 1, matrix=[1, 2, 3, 4], layer=2),
            ValueError,
            "matrix must have shape (m, d) with d = 2, the number of weights of layer 2, got (4,)",
        ),
        (
            lambda: sv.full_gradient_variance(DEEP, 1, matrix=[0.5] * 6),
            sv.NotExactError,
            "matrix and the rest of the problem must be all exact or all floats",
        ),
        (
            lambda: sv.stable_step_size(DEEP, 1),
            TypeError,
            "sgd must be linear regression, got DeepLinearNetwork; write a network of one layer as LinearRegression",
        ),
        (
            lambda: sv.gradient_variance_in_time(DEEP, 1, 1),
            TypeError,
            "sgd must be linear regression, got DeepLinearNetwork",
        ),
        (lambda: sv.gradient_variance_in_time(PROBLEM, 1, 1), TypeError, "sgd must be an SGD, got LinearRegression"),
    ],
)
def test_the_error_names_the_argument_and_the_remedy(
    call: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        call()
