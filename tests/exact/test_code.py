"""A process as code: what an error message shows can be copied, and rebuilds the process."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy

import sgdvar as sv

DATA = sv.Dataset([[1, 0], [Fraction(1, 2), 2]], [[1, 3], [0, 1]])


def predict(weights, x):
    return weights[0] @ x + weights[1]


PROCESSES = [
    sv.SGD(sv.LinearRegression(DATA, weight_decay=Fraction(1, 7)), [[1, 0], [0, 1]], [1, Fraction(-1, 3)]),
    sv.SGD(sv.DeepLinearNetwork(DATA), [[[1, 0]], [[2], [3]]], 1, sv.RandomReshuffling(drop_last=False)),
    sv.SGD(sv.DeepLinearNetwork(sv.Dataset([[1]], [0])), [5], 1),
    sv.SGD(sv.LinearRegression(sv.GaussianPopulation([1, 2], noise_factor=3)), [0, 0], 0.1),
    sv.SGD(sv.LinearRegression(sv.DiscretePopulation([[1.5], [2]], [0, 1], [0.25, 0.75])), [0], 0.1),
    sv.SGD(sv.DifferentiableModel(DATA, predict, weight_decay=1), (np.eye(2), [0, 1]), 1, sv.WithReplacement()),
    sv.SGD(sv.DifferentiableModel(sv.Dataset([[1]], [0]), predict), ([[2]],), 1),
    sv.SGD(sv.LinearRegression(sv.Dataset([[sympy.Symbol("x")]], [0])), [sympy.Symbol("w") + 1], 1),
]


@pytest.mark.parametrize("sgd", PROCESSES, ids=str)
def test_the_code_of_a_process_rebuilds_it(sgd):
    names = {"sv": sv, "Fraction": Fraction, "predict": predict, **{x: sympy.Symbol(x) for x in "wx"}}
    rebuilt = eval(sgd.as_code(), names)
    assert rebuilt.as_code() == sgd.as_code()
    assert (type(rebuilt.problem), rebuilt.design) == (type(sgd.problem), sgd.design)
    assert rebuilt.problem.weight_decay == sgd.problem.weight_decay
    assert isinstance(rebuilt.start, type(sgd.start))
    for new, old in zip(rebuilt.numbers(), sgd.numbers(), strict=True):
        assert np.array_equal(new, old)


def test_what_has_its_default_value_is_left_out_and_long_lines_are_broken():
    undecayed = sv.LinearRegression(sv.Dataset([[1]], [0]), weight_decay=Fraction(0))
    assert "weight_decay" not in sv.SGD(undecayed, [0], 1).as_code()
    assert PROCESSES[2].as_code().splitlines() == [
        "sv.SGD(",
        "    sv.DeepLinearNetwork(sv.Dataset(X=[[1]], y=[0])),",
        "    start=([[5]],),",
        "    step_size=1,",
        "    sampling=sv.WithoutReplacement(),",
        ")",
    ]
    long = sv.SGD(sv.LinearRegression(sv.Dataset([[10**20] * 5], [0])), [0] * 5, 1)
    assert "            X=[\n                [\n                    100000000000000000000,\n" in long.as_code()
