"""Writes linear_regression.json: exact values of small problems, made by summing over every sequence of batches.

Run it only to add cases: python tests/golden/make.py
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import sgdvar as sv

FILE = Path(__file__).with_name("linear_regression.json")
SAMPLINGS = {"without replacement": sv.WithoutReplacement(), "with replacement": sv.WithReplacement()}
QUANTITIES = (
    "gradient_variance",
    "full_gradient_variance",
    "gradient_second_moment",
    "expected_loss",
    "mean_gradient",
    "mean_weights",
    "weight_covariance",
)
SCHEDULE = ["1/2", "-1/3", "1/4"]
LINE = {"X": [["1"], ["2"], ["3"]], "y": ["1", "0", "5/2"], "start": ["1"], "step_size": "1/10", "weight_decay": "0"}
PLANE = {
    "X": [["1", "0"], ["1/2", "2"], ["0", "1"], ["-2", "3"], ["1", "1"]],
    "y": ["1", "0", "2", "1/3", "-1"],
    "start": ["1", "-1"],
    "step_size": SCHEDULE,
    "weight_decay": "1/5",
}
TWO_OUTPUTS = {
    "X": [["1", "2"], ["0", "1"], ["3", "-1"], ["1/2", "1/2"]],
    "y": [["1", "0"], ["2", "1"], ["0", "-1/2"], ["1", "4"]],
    "start": [["0", "1"], ["1", "1/2"]],
    "step_size": "1/3",
    "weight_decay": "1",
}
THREE_FEATURES = {
    "X": [["1", "0", "2"], ["1", "-1", "0"], ["1", "3", "1"], ["1", "1/2", "-2"], ["1", "2", "2"], ["1", "0", "0"]],
    "y": ["0", "1", "1", "-1", "3", "2"],
    "start": ["0", "0", "0"],
    "step_size": "2/7",
    "weight_decay": "0",
}
PROBLEMS = {"line": LINE, "plane": PLANE, "two outputs": TWO_OUTPUTS, "three features": THREE_FEATURES}


def numbers(values: Any) -> Any:
    """Nested lists of strings as Fractions."""
    return [numbers(value) for value in values] if isinstance(values, list) else Fraction(values)


def process(problem: dict[str, Any], sampling: str) -> sv.SGD:
    """The SGD of one case."""
    regression = sv.LinearRegression(
        sv.Dataset(numbers(problem["X"]), numbers(problem["y"])), numbers(problem["weight_decay"])
    )
    return sv.SGD(regression, numbers(problem["start"]), numbers(problem["step_size"]), SAMPLINGS[sampling])


def texts(values: Any) -> Any:
    """A Fraction, or an array of them, as "p/q" strings."""
    return str(values) if isinstance(values, Fraction) else [texts(value) for value in values]


def cases() -> list[dict[str, Any]]:
    """Every problem and sampling at steps 0 to 2 (for the line up to 3), with values for each batch size."""
    return [
        {"problem": name, "sampling": sampling, "step": step, "values": values(process(problem, sampling), step)}
        for name, problem in PROBLEMS.items()
        for sampling in SAMPLINGS
        for step in range(4 if name == "line" else 3)
    ]


def values(sgd: sv.SGD, step: int) -> dict[str, dict[str, Any]]:
    """Every quantity at every batch size without replacement, at 1, 2 and 3 with replacement."""
    sizes = range(1, (sgd.design.max_batch_size or 3) + 1)
    return {name: {str(b): texts(getattr(sv, f"enumerate_{name}")(sgd, step, b)) for b in sizes} for name in QUANTITIES}


def lines(entries: list[str]) -> str:
    """Entries of a JSON list or object, one on each line."""
    return ",\n".join(entries)


if __name__ == "__main__":
    problems = lines([f"{json.dumps(name)}: {json.dumps(problem)}" for name, problem in PROBLEMS.items()])
    text = f'{{"problems": {{\n{problems}\n}},\n"cases": [\n{lines([json.dumps(case) for case in cases()])}\n]}}\n'
    FILE.write_text(text, encoding="utf-8")
