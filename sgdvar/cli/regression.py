"""From the options of a command to SGD for linear regression, with a description of it in words."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

import sgdvar as sv
from sgdvar.cli.data import read_source
from sgdvar.cli.inputs import VARIANCE_TEXT, Inputs, chosen_batch_sizes, chosen_sampling, listed, one_digit
from sgdvar.scalars import Array

__all__ = ["regression_inputs"]


def regression_inputs(arguments: Namespace) -> Inputs:
    """The process that the options describe.

    Raises:
        ImportError: The bundled data need scikit-learn, which is not installed.
        ValueError: Bad data, or options that do not fit them.
        TypeError: Data that are not numbers.
    """
    for name in ("widths", "model"):
        if getattr(arguments, name) is not None:
            raise ValueError(f"--{name} must come with --problem deep-linear, got {arguments.problem}")
    source, sampling = read_source(arguments), chosen_sampling(arguments)
    data = source.data
    design = sv.BatchDesign(sampling, data.size)
    batch_sizes = chosen_batch_sizes(arguments, design)

    number = float if data.kind == "float" else Fraction  # floats do not join fractions
    problem = sv.LinearRegression(data, weight_decay=number(arguments.weight_decay))
    weights = (Fraction(0),) if arguments.start is None else arguments.start
    start = _start(weights, problem.weight_shape, number)
    if arguments.step_size is None:
        steps, choice = _default_step_size(sv.SGD(problem, start, 0, sampling), batch_sizes[0])
    else:
        steps, choice = arguments.step_size, "one for each step" if len(arguments.step_size) > 1 else "as given"
        stable = sv.stable_step_size(sv.SGD(problem, start, 0, sampling), batch_sizes[0])
        if max(steps) >= stable:
            choice += f"; NOT below {stable:.3g}, the bound of mean-square stability at b = {batch_sizes[0]}"
    step_sizes = [number(a) for a in steps]
    sgd = sv.SGD(problem, start, step_sizes if len(steps) > 1 else step_sizes[0], sampling)
    for step in arguments.steps:
        sgd.check_step(step)

    decay = f" + {arguments.weight_decay}/2 |w|^2" if arguments.weight_decay else ""
    facts = {
        "data": f"{source.origin}; {source.size}, {source.numbers}",
        "model": f"linear regression without intercept; loss 1/2 residual^2{decay}, mean over the batch",
        "start": f"w0 = {listed(weights)}" + (" in every weight" if len(weights) == 1 else ""),
        "step size": f"{listed(steps)} ({choice})",
        "batches": f"{design}, drawn afresh at every step",
        "variance": VARIANCE_TEXT,
    }
    return Inputs(sgd, batch_sizes, facts)


def _start(
    weights: Sequence[Fraction], shape: tuple[int, ...], number: Callable[[Fraction], Fraction | float]
) -> Array:
    if len(weights) not in (1, math.prod(shape)):
        raise ValueError(
            f"--start must be one number, or one for each of the {math.prod(shape)} weights, got {len(weights)} numbers"
        )
    start = np.empty(math.prod(shape), dtype=object)
    start[:] = [number(w) for w in weights] if len(weights) > 1 else number(weights[0])
    return start.reshape(shape)


def _default_step_size(sgd: sv.SGD, batch_size: int) -> tuple[tuple[Fraction], str]:
    """A quarter of the largest mean-square stable step size, rounded down to one digit; and how it was chosen."""
    stable = sv.stable_step_size(sgd, batch_size)
    if not math.isfinite(stable):
        return (Fraction(1),), "every step size is stable"
    return (one_digit(stable / 4),), (
        f"a quarter of {stable:.3g}, the bound of mean-square stability at b = {batch_size}, rounded down to one digit"
    )
