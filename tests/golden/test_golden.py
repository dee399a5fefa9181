"""Values that do not move: written down once by enumeration, see make.py."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

import sgdvar as sv

GOLDEN = json.loads(Path(__file__).with_name("linear_regression.json").read_text(encoding="utf-8"))
SAMPLINGS = {"without replacement": sv.WithoutReplacement(), "with replacement": sv.WithReplacement()}


def numbers(values):
    return [numbers(value) for value in values] if isinstance(values, list) else Fraction(values)


def flat(values):
    return [entry for value in values for entry in flat(value)] if isinstance(values, list) else [values]


@pytest.mark.parametrize(
    "case", GOLDEN["cases"], ids=lambda case: f"{case['problem']}, {case['sampling']}, {case['step']}"
)
def test_the_engine_gives_the_golden_values(case):
    problem = GOLDEN["problems"][case["problem"]]
    regression = sv.LinearRegression(
        sv.Dataset(numbers(problem["X"]), numbers(problem["y"])), numbers(problem["weight_decay"])
    )
    sampling = SAMPLINGS[case["sampling"]]
    sgd = sv.SGD(regression, numbers(problem["start"]), numbers(problem["step_size"]), sampling)
    for name, values in case["values"].items():
        derived = getattr(sv, name)(sgd, case["step"])
        polynomials = [derived] if isinstance(derived, sv.BatchPolynomial) else list(derived.ravel())
        for b, expected in values.items():
            assert [polynomial(int(b)) for polynomial in polynomials] == flat(numbers(expected)), (name, b)


def test_the_golden_file_holds_a_value_that_was_computed_by_hand():
    # Three gradients at w = 1: (1 - 1) 1, (2 - 0) 2 and (3 - 5/2) 3: mean 11/6, mean square 73/12.
    line = next(case for case in GOLDEN["cases"] if (case["problem"], case["step"]) == ("line", 0))
    assert Fraction(line["values"]["gradient_variance"]["1"]) == Fraction(73, 12) - Fraction(11, 6) ** 2
