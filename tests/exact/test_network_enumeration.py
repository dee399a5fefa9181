"""Enumeration of networks and of populations of atoms: by hand, by differentiation, by expansion, by symmetry."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import sympy

import sgdvar as sv
from tests.exact import oracles
from tests.exact.differentiation import differentiate
from tests.exact.networks import DESIGNS, data_for, numbers
from tests.exact.oracles import entries

F = Fraction
NAMES = [
    "gradient variance",
    "full gradient variance",
    "gradient second moment",
    "expected loss",
    "mean gradient",
    "mean weights",
    "weight covariance",
]
WITH_A_MATRIX = NAMES[:3]
ENUMERATE = {name: getattr(sv, f"enumerate_{name.replace(' ', '_')}") for name in NAMES}
EXPAND = {name: getattr(oracles, f"expand_{name.replace(' ', '_')}") for name in NAMES}


def scaled(factor, values):
    return (factor * np.array(values, dtype=object)).tolist()


def network(widths, design, n=3, *, weights=1, inputs=1, targets=1, step_size=1, weight_decay=1, hidden=None):
    """A network on n examples with weight decay and step sizes that differ; the factors scale each of them.

    ``hidden`` is a square matrix Q: W_1 becomes Q W_1, and W_2 becomes W_2 Q^T.
    """
    layers = [numbers(after, before, j) for j, (before, after) in enumerate(itertools.pairwise(widths))]
    if hidden is not None:
        Q = np.array(hidden, dtype=object)
        layers[:2] = [Q @ np.array(layers[0], dtype=object), np.array(layers[1], dtype=object) @ Q.T]
    X, y = scaled(inputs, numbers(n, widths[0], 1)), scaled(targets, numbers(n, widths[-1], 5))
    data, sampling = data_for(design, X, y)
    return sv.SGD(
        sv.DeepLinearNetwork(data, weight_decay=weight_decay * F(1, 5)),
        start=[scaled(weights, layer) for layer in layers],
        step_size=scaled(step_size, [F(1, 3), F(-1, 2)]),
        sampling=sampling,
    )


# By hand


def test_the_first_steps_of_a_scalar_network_are_what_a_person_computes():
    data = sv.Dataset([[1], [2]], [1, 0])
    sgd = sv.SGD(sv.DeepLinearNetwork(data), start=[1, 1], step_size=F(1, 4))
    # At (1, 1) the residuals are 0 and 2, so the gradients (0, 0) and (4, 4).
    assert sv.enumerate_gradient_variance(sgd, 0, 1) == 8
    assert sv.enumerate_gradient_second_moment(sgd, 0, 1) == 16
    assert sv.enumerate_expected_loss(sgd, 0, 1) == 1
    # w_1 is (1, 1) or (0, 0), where no gradient is left and the residuals are -1 and 0.
    assert sv.enumerate_gradient_variance(sgd, 1, 1) == 2 * (F(16, 4) - 1)
    assert sv.enumerate_full_gradient_variance(sgd, 1, 1) == 2 * (F(4, 2) - 1)
    assert sv.enumerate_expected_loss(sgd, 1, 1) == (1 + F(1, 4)) / 2
    assert [layer.tolist() for layer in sv.enumerate_mean_gradient(sgd, 1, 1)] == [[[1]], [[1]]]
    assert [layer.tolist() for layer in sv.enumerate_mean_weights(sgd, 1, 1)] == [[[F(1, 2)]], [[F(1, 2)]]]
    assert sv.enumerate_weight_covariance(sgd, 1, 1).tolist() == [[F(1, 4)] * 2] * 2


def test_a_rare_atom_counts_as_often_as_it_is_drawn():
    data = sv.DiscretePopulation([[0], [1]], [0, 3], probabilities=[F(4, 5), F(1, 5)])
    sgd = sv.SGD(sv.LinearRegression(data), start=[0], step_size=1)
    # Gradients at 0: 0 and -3; for two draws 0, -3/2, -3 with probabilities 16/25, 8/25, 1/25.
    assert sv.enumerate_mean_gradient(sgd, 0, 2).tolist() == [F(-3, 5)]
    assert sv.enumerate_gradient_second_moment(sgd, 0, 2) == F(9, 4) * F(8, 25) + 9 * F(1, 25)
    assert sv.enumerate_expected_loss(sgd, 0, 2) == F(9, 2) / 5
    # w_1 is 0, 3/2 or 3, and the loss there 9/10, 9/40 or 0.
    assert sv.enumerate_mean_weights(sgd, 1, 2).tolist() == [F(3, 5)]
    assert sv.enumerate_expected_loss(sgd, 1, 2) == F(9, 10) * F(16, 25) + F(9, 40) * F(8, 25)
    assert sv.enumerate_full_gradient_variance(sgd, 1, 2) == sv.enumerate_gradient_variance(sgd, 0, 2) / 25


def test_means_have_the_shapes_of_the_layers():
    sgd = network((3, 2, 1), "without replacement")
    for mean in (sv.enumerate_mean_gradient(sgd, 1, 2), sv.enumerate_mean_weights(sgd, 1, 2)):
        assert [layer.shape for layer in mean] == [(2, 3), (1, 2)]
    assert sv.enumerate_weight_covariance(sgd, 1, 2).shape == (8, 8)


# Other routes


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize(
    ("widths", "layer", "matrix"),
    [
        ((2, 1, 2), None, [[1, 0, F(1, 2), -1], [0, 3, 1, 1]]),
        ((2, 1, 2), 2, [[1, -2], [0, 3]]),
        ((1, 2, 1, 1), 2, [F(1, 2), 4]),
    ],
)
def test_enumeration_equals_trajectories_of_a_loss_that_sympy_differentiates(widths, layer, matrix, design):
    sgd = network(widths, design)
    expected = differentiate(sgd, 1, 2, matrix=matrix, layer=layer)
    for name in NAMES:
        arguments = {"matrix": matrix, "layer": layer} if name in WITH_A_MATRIX else {}
        assert entries(ENUMERATE[name](sgd, 1, 2, **arguments)) == np.ravel(expected[name]).tolist(), name


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize(
    ("widths", "step", "n"),
    [((2, 2, 1), 0, 3), ((2, 2, 1), 1, 3), ((3, 1, 2), 1, 3), ((1, 1, 1, 1), 1, 3), ((2, 1), 2, 3), ((1, 2, 1), 2, 2)],
    ids=str,
)
def test_enumeration_equals_naive_expansion(widths, step, n, design):
    sgd = network(widths, design, n)
    for name in NAMES:
        expanded = EXPAND[name](sgd, step)
        for b in range(1, n + 1):
            assert entries(ENUMERATE[name](sgd, step, b)) == entries(expanded(b)), (name, b)


@pytest.mark.parametrize("design", DESIGNS)
def test_enumeration_equals_naive_expansion_for_any_matrix_and_layer(design):
    sgd = network((2, 2, 1), design)
    for arguments in (
        {"layer": 1},
        {"layer": 2},
        {"layer": 1, "matrix": [[1, 0, F(1, 2), -1], [0, 3, 1, 1]]},
        {"matrix": [1, 0, F(1, 2), -1, 0, 2]},
    ):
        for name in WITH_A_MATRIX:
            assert ENUMERATE[name](sgd, 1, 2, **arguments) == EXPAND[name](sgd, 1, **arguments)(2)


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("outputs", [None, 1, 2])
def test_a_network_of_one_layer_is_linear_regression(outputs, design):
    y, start = numbers(3, outputs or 1, 5), numbers(outputs or 1, 2, 0)
    data, sampling = data_for(design, numbers(3, 2, 1), y if outputs else [value for (value,) in y])
    steps = [F(1, 3), F(-1, 2)]
    deep = sv.SGD(sv.DeepLinearNetwork(data, F(1, 5)), start=[start], step_size=steps, sampling=sampling)
    regression = sv.SGD(
        sv.LinearRegression(data, F(1, 5)), start=start if outputs else start[0], step_size=steps, sampling=sampling
    )
    matrix = numbers(2, 2 * (outputs or 1), 3)
    for name in NAMES:
        arguments = {"matrix": matrix, "layer": 1} if name in WITH_A_MATRIX else {}
        for step, b in [(0, 1), (1, 2), (2, 2)]:
            values = [entries(ENUMERATE[name](sgd, step, b, **arguments)) for sgd in (deep, regression)]
            assert values[0] == values[1], (name, step, b)


@pytest.mark.parametrize("problem", [sv.LinearRegression, sv.DeepLinearNetwork])
def test_atoms_of_rational_probabilities_are_repeated_examples(problem):
    X, y = numbers(3, 2, 1), [value for (value,) in numbers(3, 1, 5)]
    counts = [3, 1, 2]
    atoms = sv.DiscretePopulation(X, y, [F(count, 6) for count in counts])
    repeated = sv.Dataset(np.repeat(np.array(X), counts, axis=0), np.repeat(np.array(y), counts))
    start = [1, F(1, 2)] if problem is sv.LinearRegression else [[[1, F(1, 2)]], [[2]]]
    processes = [
        sv.SGD(problem(data, F(1, 5)), start=start, step_size=F(1, 3), sampling=sampling)
        for data, sampling in ((atoms, None), (repeated, sv.WithReplacement()))
    ]
    for name in NAMES:
        for step, b in [(0, 1), (0, 4), (1, 2)]:
            first, second = (entries(ENUMERATE[name](sgd, step, b)) for sgd in processes)
            assert first == second, (name, step, b)
    other = [sv.DiscretePopulation([[1, 2], [0, 1]], [1, 0], [F(2, 3), F(1, 3)])]
    other.append(sv.Dataset([[1, 2], [1, 2], [0, 1]], [1, 1, 0]))
    losses = {sv.enumerate_expected_loss(sgd, 1, 2, data=data) for sgd in processes for data in other}
    assert len(losses) == 1
    assert losses != {sv.enumerate_expected_loss(processes[0], 1, 2)}


# Symmetries


@pytest.mark.parametrize("design", DESIGNS)
def test_turning_a_hidden_layer_turns_the_gradient_and_nothing_else(design):
    Q = [[F(3, 5), F(-4, 5)], [F(4, 5), F(3, 5)]]
    plain, turned = network((2, 2, 1), design), network((2, 2, 1), design, hidden=Q)
    for layer in (None, 1, 2):
        for name in WITH_A_MATRIX:
            assert ENUMERATE[name](turned, 1, 2, layer=layer) == ENUMERATE[name](plain, 1, 2, layer=layer)
    assert sv.enumerate_expected_loss(turned, 1, 2) == sv.enumerate_expected_loss(plain, 1, 2)
    for mean in (sv.enumerate_mean_gradient, sv.enumerate_mean_weights):
        first, second = mean(plain, 1, 2)
        expected = np.array(Q) @ first, second @ np.array(Q).T
        assert [layer.tolist() for layer in mean(turned, 1, 2)] == [layer.tolist() for layer in expected]
        assert expected[0].tolist() != first.tolist()


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize(("widths", "depth"), [((2, 1), 1), ((2, 2, 1), 2), ((1, 1, 1, 1), 3)])
def test_weights_and_targets_in_other_units_scale_the_variance(widths, depth, design):
    k = F(3, 2)
    scaled_network = network(
        widths, design, weights=k, targets=k**depth, step_size=k ** (2 - 2 * depth), weight_decay=k ** (2 * depth - 2)
    )
    for step in (0, 1):
        ratio = k ** (2 * (2 * depth - 1))
        plain = sv.enumerate_gradient_variance(network(widths, design), step, 2)
        assert sv.enumerate_gradient_variance(scaled_network, step, 2) == ratio * plain > 0


@pytest.mark.parametrize("design", DESIGNS)
def test_inputs_and_targets_in_other_units_scale_the_variance(design):
    k = F(3, 2)
    plain = network((2, 2, 1), design)
    scaled_network = network((2, 2, 1), design, inputs=k, targets=k, step_size=1 / k**2, weight_decay=k**2)
    for step in (0, 1):
        variance = sv.enumerate_gradient_variance(plain, step, 2)
        assert sv.enumerate_gradient_variance(scaled_network, step, 2) == k**4 * variance > 0


@pytest.mark.parametrize("name", WITH_A_MATRIX)
def test_the_layers_add_up_to_the_whole_gradient(name):
    sgd = network((3, 2, 1), "without replacement")
    first, second = (ENUMERATE[name](sgd, 1, 2, layer=j) for j in (1, 2))
    assert first + second == ENUMERATE[name](sgd, 1, 2)
    assert first == ENUMERATE[name](sgd, 1, 2, matrix=np.eye(8, dtype=int)[:6])
    assert second == ENUMERATE[name](sgd, 1, 2, matrix=np.eye(8, dtype=int)[6:])
    row = [0, 0, 0, 0, 1, 0, 0, 0]  # layers row by row: the second entry of the second row of W_1
    assert ENUMERATE[name](sgd, 1, 2, matrix=row) == ENUMERATE[name](sgd, 1, 2, matrix=row[:6], layer=1)


# Limits


def test_all_examples_as_one_batch_and_a_single_atom_have_no_variance():
    assert sv.enumerate_gradient_variance(network((2, 2, 1), "without replacement"), 2, 3) == 0
    single = sv.DeepLinearNetwork(sv.DiscretePopulation([[2, 1]], [3], [1]))
    sgd = sv.SGD(single, start=[numbers(2, 2, 0), numbers(1, 2, 1)], step_size=F(1, 3))
    assert sv.enumerate_gradient_variance(sgd, 3, 5) == 0


# Numbers


@pytest.mark.parametrize("design", DESIGNS)
def test_floats_that_need_no_rounding_enumerate_to_the_exact_result(design):
    def process(number):
        X, y = [[number(1), number(-2)], [number(2), number(1)]], [number(1), number(F(1, 2))]
        data, sampling = sv.Dataset(X, y), sv.WithReplacement()
        if design == "atoms":
            data, sampling = sv.DiscretePopulation(X, y, [number(F(3, 4)), number(F(1, 4))]), None
        elif design == "without replacement":
            sampling = sv.WithoutReplacement()
        start = [[[number(1), number(F(1, 2))]], [[number(-1)]]]
        problem = sv.DeepLinearNetwork(data, weight_decay=number(F(1, 4)))
        return sv.SGD(problem, start=start, step_size=number(F(1, 8)), sampling=sampling)

    for name in NAMES:
        for b in (1, 2):
            floats = entries(ENUMERATE[name](process(float), 1, b))
            assert floats == entries(ENUMERATE[name](process(F), 1, b)), (name, b)
            assert {type(value) for value in floats} <= {float, np.float64}


def test_large_batches_of_floats_do_not_overflow():
    sgd = sv.SGD(sv.LinearRegression(sv.DiscretePopulation([[1.0], [1.0]], [0.0, 1.0], [0.25, 0.75])), [0.0], 0.5)
    assert math.isfinite(sv.enumerate_gradient_variance(sgd, 0, 1500))


def test_symbols_come_out_as_expanded_polynomials():
    p, w, v = sympy.symbols("p w v")
    sgd = sv.SGD(sv.DeepLinearNetwork(sv.DiscretePopulation([[1], [2]], [0, 0], [p, 1 - p])), [w, v], F(1, 2))
    # The gradients are w v (v, w) and 4 times that.
    expected = sympy.expand(9 * p * (1 - p) * w**2 * v**2 * (v**2 + w**2) / 2)
    assert sv.enumerate_gradient_variance(sgd, 0, 2) == expected
    assert sv.enumerate_expected_loss(sgd, 0, 1) == sympy.expand((p + 4 * (1 - p)) * w**2 * v**2 / 2)
    means = sv.enumerate_mean_weights(sgd, 1, 1)
    assert entries(means) == [sympy.expand(a - (4 - 3 * p) * w * v * b / 2) for a, b in ((w, v), (v, w))]


def test_symbols_take_the_values_of_the_numbers_put_for_them():
    symbols = sympy.symbols("alpha e lambda_ p_0")
    values = [F(1, 3), F(2), F(1, 7), F(1, 4)]

    def process(alpha, weight, decay, probability):
        data = sv.DiscretePopulation([[1, 0], [2, 1]], [1, 3], [probability, 1 - probability])
        start = [[[1, weight]], [[2]]]
        return sv.SGD(sv.DeepLinearNetwork(data, weight_decay=decay), start=start, step_size=alpha)

    for name in NAMES:
        general, special = (entries(ENUMERATE[name](process(*given), 1, 2)) for given in (symbols, values))
        assert [entry.subs(dict(zip(symbols, values, strict=True))) for entry in general] == special, name


# Budget and bad input


def test_the_budget_counts_multisets_of_atoms():
    sgd = network((1, 1, 1), "atoms")
    needed = math.comb(3 + 2 - 1, 2) ** 2
    assert sv.enumerate_gradient_variance(sgd, 1, 2, budget=needed) > 0
    with pytest.raises(sv.BudgetExceededError, match="lower step or the number of atoms, choose another") as error:
        sv.enumerate_gradient_variance(sgd, 1, 2, budget=needed - 1)
    assert (error.value.needed, error.value.limit) == (needed, needed - 1)


def test_bad_arguments_are_refused_with_advice():
    sgd = network((2, 2, 1), "atoms")
    with pytest.raises(ValueError, match="layer must be None or from 1 to 2, got 3"):
        sv.enumerate_gradient_variance(sgd, 0, 1, layer=3)
    with pytest.raises(ValueError, match=r"matrix must have shape \(m, d\) with d = 2, the number of weights of layer"):
        sv.enumerate_gradient_variance(sgd, 0, 1, matrix=[[1] * 6], layer=2)
    with pytest.raises(ValueError, match=r"matrix must have shape \(m, d\) with d = 6"):
        sv.enumerate_gradient_variance(sgd, 0, 1, matrix=[[1, 2]])
    gaussian = sv.DeepLinearNetwork(sv.GaussianPopulation([[1, 0]]))
    with pytest.raises(ValueError, match=r"a Dataset or a DiscretePopulation, got Gauss.*cannot be enumerated"):
        sv.enumerate_mean_weights(sv.SGD(gaussian, start=[[[1, 0]]], step_size=1), 1, 1)
