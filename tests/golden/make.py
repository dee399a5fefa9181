"""Writes the golden files: exact values of small problems, made by summing over every sequence of batches.

Those of Gaussian populations, which cannot be enumerated, are made by naive expansion. Run it from the root of the
checkout, only to add cases: python -m tests.golden.make
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import sgdvar as sv
from tests.exact import oracles

FOLDER = Path(__file__).parent
SAMPLINGS = {
    "without replacement": sv.WithoutReplacement(),
    "with replacement": sv.WithReplacement(),
    "i.i.d.": sv.IID(),
}
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
REGRESSIONS = {"line": LINE, "plane": PLANE, "two outputs": TWO_OUTPUTS, "three features": THREE_FEATURES}
SCALARS = {"X": [["1"], ["2"]], "y": ["1", "0"], "layers": [[["1"]], [["1"]]], "step_size": "1/4", "weight_decay": "0"}
NARROW = PLANE | {"layers": [[["1", "-1"]], [["1/2"]]]}
WIDE = {
    "X": [["1", "0"], ["1/2", "2"], ["0", "1"]],
    "y": [["1", "0"], ["0", "2"], ["-1", "1/3"]],
    "layers": [[["1", "0"], ["1/2", "-1"]], [["1", "1/3"], ["0", "-1"]]],
    "step_size": SCHEDULE,
    "weight_decay": "1/5",
}
THREE_LAYERS = {
    "X": [["1"], ["2"], ["-1/2"]],
    "y": ["1", "0", "2"],
    "layers": [[["1"], ["1/2"]], [["-1", "1"]], [["2"]]],
    "step_size": "1/3",
    "weight_decay": "1",
}
RARE_ATOM = {
    "X": [["1"], ["9"]],
    "y": ["0", "1"],
    "probabilities": ["99/100", "1/100"],
    "layers": [[["1"]], [["1/3"]]],
    "step_size": "1/4",
    "weight_decay": "0",
}
NORMAL = {"teacher": ["1/2"], "layers": [[["1"]], [["1"]]], "step_size": "1/2", "weight_decay": "0"}
CORRELATED = {
    "teacher": ["1", "-2"],
    "input_factor": [["1", "0"], ["1/2", "1"]],
    "noise_factor": [["1/3"]],
    "layers": [[["1", "0"]], [["1/2"]]],
    "step_size": SCHEDULE,
    "weight_decay": "1/5",
}
NETWORKS = {
    "scalars": SCALARS,
    "narrow": NARROW,
    "wide": WIDE,
    "three layers": THREE_LAYERS,
    "rare atom": RARE_ATOM,
    "normal": NORMAL,
    "correlated": CORRELATED,
}
STEPS = {"line": 3, "wide": 1, "three layers": 1, "normal": 1, "correlated": 1}  # the last step; 2 for other problems


def numbers(values: Any) -> Any:
    """Nested lists of strings as Fractions."""
    return [numbers(value) for value in values] if isinstance(values, list) else Fraction(values)


def source(problem: dict[str, Any]) -> Any:
    """Where the examples of a problem come from."""
    arrays = {
        name: numbers(problem[name])
        for name in ("X", "y", "probabilities", "teacher", "input_factor", "noise_factor")
        if name in problem
    }
    if "teacher" in problem:
        return sv.GaussianPopulation(**arrays)
    return sv.DiscretePopulation(**arrays) if "probabilities" in problem else sv.Dataset(**arrays)


def process(problem: dict[str, Any], sampling: str) -> sv.SGD:
    """The SGD of one case: on a network where the problem has layers."""
    loss = sv.DeepLinearNetwork if "layers" in problem else sv.LinearRegression
    start = numbers(problem["layers"] if "layers" in problem else problem["start"])
    return sv.SGD(
        loss(source(problem), numbers(problem["weight_decay"])),
        start,
        numbers(problem["step_size"]),
        SAMPLINGS[sampling],
    )


def texts(values: Any) -> Any:
    """A Fraction, or an array or a tuple of them, as "p/q" strings."""
    return str(values) if isinstance(values, Fraction) else [texts(value) for value in values]


def samplings(problem: dict[str, Any]) -> list[str]:
    """The ways to draw batches from the source of a problem."""
    return ["i.i.d."] if source(problem).size is None else ["without replacement", "with replacement"]


def cases(problems: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Every problem and sampling at steps 0 to 2, or to the last in ``STEPS``, with values for each batch size."""
    return [
        {"problem": name, "sampling": sampling, "step": step, "values": values(process(problem, sampling), step)}
        for name, problem in problems.items()
        for sampling in samplings(problem)
        for step in range(STEPS.get(name, 2) + 1)
    ]


def values(sgd: sv.SGD, step: int) -> dict[str, dict[str, Any]]:
    """Every quantity at every batch size without replacement, at 1, 2 and 3 otherwise."""
    sizes = range(1, (sgd.design.max_batch_size or 3) + 1)
    return {name: {str(b): texts(value(name, sgd, step, b)) for b in sizes} for name in QUANTITIES}


def value(name: str, sgd: sv.SGD, step: int, batch_size: int) -> Any:
    """One quantity at one batch size, by enumeration or naive expansion."""
    if isinstance(sgd.problem.data, sv.GaussianPopulation):
        return getattr(oracles, f"expand_{name}")(sgd, step)(batch_size)
    return getattr(sv, f"enumerate_{name}")(sgd, step, batch_size)


def lines(entries: list[str]) -> str:
    """Entries of a JSON list or object, one on each line."""
    return ",\n".join(entries)


def write(name: str, problems: dict[str, dict[str, Any]]) -> None:
    """Writes one golden file."""
    texts_of_problems = lines([f"{json.dumps(title)}: {json.dumps(problem)}" for title, problem in problems.items()])
    texts_of_cases = lines([json.dumps(case) for case in cases(problems)])
    text = f'{{"problems": {{\n{texts_of_problems}\n}},\n"cases": [\n{texts_of_cases}\n]}}\n'
    (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write("linear_regression", REGRESSIONS)
    write("deep_linear", NETWORKS)
