"""Differentiable models as problems: what they accept, what they refuse, and that no exact engine takes them."""

from __future__ import annotations

import copy
import pickle
from fractions import Fraction

import numpy as np
import pytest
import sympy

import sgdvar as sv

DATA = sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2])
SYMBOL = sympy.Symbol("a")


def predict(weights, x):
    return weights @ x


def model(data=DATA, **options):
    return sv.DifferentiableModel(data, predict, **options)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: sv.DifferentiableModel(DATA, 3), TypeError, r"predict must be a function of \(weights, x\), got 3"),
        (lambda: model(loss="squared"), TypeError, r"loss must be None or a function of \(outputs, target\), got 'squ"),
        (lambda: sv.DifferentiableModel([[1]], predict), TypeError, "data must be a Dataset, a Gaussian.*got list"),
        (
            lambda: model(sv.Dataset([[SYMBOL]], [1])),
            TypeError,
            "data of a DifferentiableModel must be numbers, got",
        ),
        (lambda: model(weight_decay=-1), ValueError, "weight_decay must be at least 0, got -1"),
        (
            lambda: model(weight_decay=SYMBOL),
            TypeError,
            "weight_decay of a DifferentiableModel must be a number",
        ),
    ],
)
def test_a_bad_model_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("start", "error", "message"),
    [
        ((), ValueError, "start must hold at least one array, got an empty tuple"),
        (
            [np.ones(2), np.ones(3)],
            TypeError,
            "one array, or a tuple of arrays, got a list of arrays; write it as a t",
        ),
        ([[1, 2], [3]], ValueError, "start must be rectangular"),
        ([SYMBOL, 1], TypeError, "start must hold numbers for a DifferentiableModel, got symbols"),
        (([1.0], [np.nan]), ValueError, r"start, part 2 must be finite, got nan"),
        ("ab", TypeError, "start must hold ints"),
    ],
)
def test_bad_start_weights_are_refused(start, error, message):
    with pytest.raises(error, match=message):
        sv.SGD(model(), start, 0.1)


def test_symbols_in_the_step_size_or_the_matrix_are_refused():
    with pytest.raises(TypeError, match="data, start and step_size must be numbers for a DifferentiableModel, got sym"):
        sv.SGD(model(), [0, 0], SYMBOL)
    with pytest.raises(TypeError, match="matrix and the rest of the problem must be numbers for a DifferentiableModel"):
        sv.SGD(model(), [0, 0], 1).check_matrix([SYMBOL, 1])


def test_numbers_of_every_kind_meet_as_floats():
    sgd = sv.SGD(model(weight_decay=Fraction(1, 3)), ([0.5, 1], Fraction(1, 2)), [Fraction(1, 10), 1])
    assert sgd.kind == sgd.problem.kind == "float"
    rows, kind = sgd.check_matrix([[Fraction(1, 2), 0, 1]])
    assert kind == "float"
    assert rows.shape == (1, 3)


def test_weights_are_one_array_or_a_tuple_of_arrays_of_any_shapes():
    one = sv.SGD(model(), [[1, 2, 3], [4, 5, 6]], 1)
    assert (one.weight_count, one.weight_shape, len(one.parts)) == (6, (2, 3), 1)
    assert one.shaped(np.arange(6)).tolist() == [[0, 1, 2], [3, 4, 5]]
    several = sv.SGD(model(), ([[1, 2, 3]], 4, [5, 6]), 1)
    assert (several.weight_count, several.weight_shape) == (6, (6,))
    assert [part.shape for part in several.parts] == [(1, 3), (), (2,)]
    assert [part.tolist() for part in several.shaped(np.arange(6))] == [[[0, 1, 2]], 3, [4, 5]]
    assert repr(several) == (
        "SGD(DifferentiableModel of 6 weights, Dataset(n=3, p=2, integer), without replacement from n = 3, float)"
    )


def test_a_layer_is_a_part_of_the_weights():
    sgd = sv.SGD(model(), ([[1, 2, 3]], 4, [5, 6]), 1)
    assert sgd.check_layer(3) == 3
    assert sgd.check_matrix([[1, 2]], 3)[0].shape == (1, 2)
    with pytest.raises(ValueError, match="layer must be None or from 1 to 3, got 4"):
        sgd.check_layer(4)
    with pytest.raises(ValueError, match=r"d = 3, the number of weights of layer 1, got \(2,\)"):
        sgd.check_matrix([1, 2], 1)


def test_parts_of_linear_problems_are_their_weights():
    regression = sv.SGD(sv.LinearRegression(DATA), [1, 2], 1)
    assert [part.shape for part in regression.parts] == [(2,)]
    assert regression.weight_shape == (2,)
    network = sv.SGD(sv.DeepLinearNetwork(DATA), [[[1, 0], [0, 1]], [[1, 1]]], 1)
    assert [part.shape for part in network.parts] == [(2, 2), (1, 2)]
    assert network.weight_shape == (6,)


STARTS = {"one array": [0.0, 0.0], "a tuple": ([0.0, 0.0],)}
EXACT = [
    "expected_loss",
    "full_gradient_variance",
    "gradient_fourth_moment",
    "gradient_second_moment",
    "gradient_variance",
    "mean_gradient",
    "mean_weights",
    "weight_covariance",
]
ENUMERATED = [f"enumerate_{name}" for name in EXACT if name != "gradient_fourth_moment"]


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("name", EXACT + ENUMERATED)
def test_exact_engines_refuse_and_name_what_to_use(name, step, start):
    sgd = sv.SGD(model(), STARTS[start], 1)
    with pytest.raises(sv.NotExactError, match=r"got a DifferentiableModel; use the functions .* estimate_, or verify"):
        getattr(sv, name)(sgd, step, **({"batch_size": 1} if name in ENUMERATED else {}))


def test_what_is_known_for_linear_regression_alone_is_refused():
    sgd = sv.SGD(model(), [0.0], 1)
    for call in (lambda: sv.stable_step_size(sgd, 1), lambda: sv.gradient_variance_in_time(sgd, 1, 1)):
        with pytest.raises(TypeError, match="got DifferentiableModel"):
            call()


def test_certificates_need_a_polynomial_and_no_model():
    with pytest.raises(TypeError):
        sv.certify_decreasing(sv.SGD(model(), [0.0, 0.0], 1))


@pytest.mark.parametrize("remake", [copy.copy, copy.deepcopy, lambda sgd: pickle.loads(pickle.dumps(sgd))])
def test_copies_and_pickles_are_the_same_process(remake):
    sgd = sv.SGD(model(weight_decay=0.5), ([1.0, 2.0], [3.0]), [0.1, 0.2], sv.WithReplacement())
    again = remake(sgd)
    assert repr(again) == repr(sgd)
    assert again.problem.predict is predict
    assert again.problem.loss is None
    assert again.problem.weight_decay == 0.5
    assert [part.tolist() for part in again.parts] == [[1, 2], [3]]
    assert not again.parts[0].flags.writeable
