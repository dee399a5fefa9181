"""Values that do not move: written down once by enumeration or naive expansion, see make.py."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import sgdvar as sv
from tests.golden.make import numbers, process

FILES = ["linear_regression", "deep_linear"]
GOLDEN = {name: json.loads(Path(__file__).with_name(f"{name}.json").read_text(encoding="utf-8")) for name in FILES}


def flat(values):
    return [entry for value in values for entry in flat(value)] if isinstance(values, list) else [values]


def flat_polynomials(derived):
    layers = derived if isinstance(derived, tuple) else (derived,)
    return [polynomial for layer in layers for polynomial in np.ravel(layer)]


@pytest.mark.parametrize(
    ("file", "case"),
    [(file, case) for file in FILES for case in GOLDEN[file]["cases"]],
    ids=lambda value: value if isinstance(value, str) else f"{value['problem']}, {value['sampling']}, {value['step']}",
)
def test_the_engine_gives_the_golden_values(file, case):
    sgd = process(GOLDEN[file]["problems"][case["problem"]], case["sampling"])
    for name, values in case["values"].items():
        polynomials = flat_polynomials(getattr(sv, name)(sgd, case["step"]))
        for b, expected in values.items():
            assert [polynomial(int(b)) for polynomial in polynomials] == flat(numbers(expected)), (name, b)


def golden_variance(file, problem, step, b):
    case = next(case for case in GOLDEN[file]["cases"] if (case["problem"], case["step"]) == (problem, step))
    return Fraction(case["values"]["gradient_variance"][b])


def test_the_golden_files_hold_values_that_were_computed_by_hand():
    # Three gradients at w = 1: (1 - 1) 1, (2 - 0) 2 and (3 - 5/2) 3: mean 11/6, mean square 73/12.
    assert golden_variance("linear_regression", "line", 0, "1") == Fraction(73, 12) - Fraction(11, 6) ** 2
    # At the weights (1, 1) the gradients are (0, 0) and (4, 4); after a step of 1/4 on one of them (1, 1) or (0, 0).
    assert golden_variance("deep_linear", "scalars", 0, "1") == 8
    assert golden_variance("deep_linear", "scalars", 1, "1") == 2 * (Fraction(16, 4) - 1)
    # The residual is (1 - 1/2) x, the gradient x^2 / 2 in each weight, and Var x^2 = 2.
    assert golden_variance("deep_linear", "normal", 0, "1") == 2 * Fraction(1, 4) * 2
