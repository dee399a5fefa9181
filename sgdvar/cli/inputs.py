"""From the options of a command to the SGD process they describe, with a description of it in words."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np

import sgdvar as sv
from sgdvar.loading import load_csv, load_diabetes, load_npz, standardise
from sgdvar.plotting import check_figure
from sgdvar.scalars import Array

__all__ = ["Inputs", "read_inputs"]

_LARGEST_SMALL_BATCH = 256  # the default grid doubles b up to here,
_LARGEST_FULL_BATCH = 1024  # and adds b = n up to here


@dataclass(frozen=True)
class Inputs:
    """A process, the batch sizes at which it is looked at, and both in words.

    Attributes:
        sgd: The process.
        batch_sizes: Valid batch sizes in ascending order.
        facts: What a reader needs to know to repeat the computation: names, and what to say under each.
    """

    sgd: sv.SGD
    batch_sizes: tuple[int, ...]
    facts: dict[str, str]


def read_inputs(arguments: Namespace) -> Inputs:
    """The process that the options of a command describe.

    Raises:
        ImportError: The bundled data need scikit-learn, or a figure Matplotlib, which is not installed.
        ValueError: Bad data, or options that do not fit them.
        TypeError: Data that are not numbers.
    """
    if arguments.command == "verify" and arguments.plot is not None:
        check_figure(arguments.plot)
    data, source = _read_data(arguments)
    sampling = sv.WithoutReplacement() if arguments.sampling == "without-replacement" else sv.WithReplacement()
    design = sv.BatchDesign(sampling, data.size)
    chosen = arguments.batch_sizes if arguments.command == "verify" else None
    batch_sizes = tuple(design.check_batch_size(b) for b in chosen or _default_batch_sizes(design))

    number = float if data.kind == "float" else Fraction  # floats do not join fractions
    problem = sv.LinearRegression(data, weight_decay=number(arguments.weight_decay))
    start = _start(arguments.start, problem.weight_shape, number)
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
        "data": f"{source}; n = {data.size} examples, p = {data.inputs} features, "
        + ("floats" if data.kind == "float" else "exact rationals"),
        "model": f"linear regression without intercept; loss 1/2 residual^2{decay}, mean over the batch",
        "start": f"w0 = {_listed(arguments.start)}" + (" in every weight" if len(arguments.start) == 1 else ""),
        "step size": f"{_listed(steps)} ({choice})",
        "batches": f"{design}, drawn afresh at every step",
        "variance": "trace of the covariance of the batch gradient, total: given w0 only, so every batch counts",
    }
    return Inputs(sgd, batch_sizes, facts)


def _read_data(arguments: Namespace) -> tuple[sv.Dataset, str]:
    """The data, and where they come from in words."""
    path, target = arguments.data, arguments.target
    if path is None:
        if target is not None or arguments.standardise or arguments.decimals is not None:
            raise ValueError("--target, --decimals and --standardise must come with --data FILE, got no file")
        return load_diabetes(), "scikit-learn's diabetes data, standardised, rounded to 2 decimals"
    decimals = None if arguments.standardise else arguments.decimals  # rounding comes after standardising
    if path.suffix.lower() == ".csv":
        if target is None:
            raise ValueError(f"--target must name the column of {path} to predict, got none")
        data = load_csv(path, target, decimals=decimals)
    elif path.suffix.lower() == ".npz":
        target = "y" if target is None else target
        data = load_npz(path, target, decimals=decimals)
    else:
        raise ValueError(f"--data must be a .csv or an .npz file, got {path}")
    source = f"{path.name}, target {target}"
    if arguments.standardise:
        decimals = 2 if arguments.decimals is None else arguments.decimals
        data = standardise(data, decimals=decimals)
        source += ", standardised"
    return data, source + ("" if decimals is None else f", rounded to {decimals} decimals")


def _default_batch_sizes(design: sv.BatchDesign) -> list[int]:
    largest = design.max_batch_size
    if largest is None:
        return [2**k for k in range(9)]
    grid = [2**k for k in range(_LARGEST_SMALL_BATCH.bit_length()) if 2**k < largest]
    return [*grid, largest] if largest <= _LARGEST_FULL_BATCH else grid


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
    quarter = Decimal(stable / 4)
    return (quarter.as_tuple().digits[0] * Fraction(10) ** quarter.adjusted(),), (
        f"a quarter of {stable:.3g}, the bound of mean-square stability at b = {batch_size}, rounded down to one digit"
    )


def _listed(values: Sequence[Fraction]) -> str:
    shown = [str(value) for value in values[:6]]
    return ", ".join(shown if len(values) <= 6 else [*shown, f"... ({len(values)} in all)"])
