"""What ``sgdvar estimate`` found: one cell for each step and batch size, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

import sgdvar as sv
from sgdvar.cli.numbers import percent_text
from sgdvar.monte_carlo.control.evidence import left_out
from sgdvar.monte_carlo.statistics.intervals import LARGEST_SHARE
from sgdvar.scalars import Array

__all__ = ["Cell", "Estimates", "cells_of"]

_METHODS: dict[str, Literal["asymptotic", "finite-sample"]] = {"nominal": "asymptotic", "guaranteed": "finite-sample"}
_ROUNDING = 1e-12  # relative; a smaller standard error is 0


@dataclass(frozen=True, eq=False)
class Cell:
    """What was estimated at one step and batch size.

    Attributes:
        step: t.
        batch_size: b.
        value: The estimate; of shape () or that of the quantity.
        standard_error: Its standard error, entry by entry.
        lower: Lower ends of the intervals, entry by entry.
        upper: Upper ends.
        relative_error: The standard error relative to the value, in Euclidean norms.
        replicates: The number of trajectories.
        gain: By which conditioning and the control variate divided the variance of the estimate; infinite where they
            left none.
        largest_share: The largest share of one replicate in the sum of squares behind the standard error.
        is_certain: Whether chance has no part in the value.
        is_left_out: Whether replicates contradict the control variate, which is left out.
        controlled: Whether a control variate was taken off.
    """

    step: int
    batch_size: int
    value: Array
    standard_error: Array
    lower: Array
    upper: Array
    relative_error: float
    replicates: int
    gain: float
    largest_share: float
    is_certain: bool
    is_left_out: bool
    controlled: bool

    @property
    def is_trusted(self) -> bool:
        """Whether the standard error is to be trusted: no replicate dominates it, nothing shows that others are due."""
        return self.is_certain or (self.largest_share <= LARGEST_SHARE and not self.is_left_out)

    def entries(self) -> Iterator[tuple[str, float, float, float, float]]:
        """Index (counted from 0; empty for a scalar), value, standard error, lower and upper end of each entry."""
        for index in np.ndindex(self.value.shape):
            value, error, lower, upper = (
                float(array[index]) for array in (self.value, self.standard_error, self.lower, self.upper)
            )
            yield " ".join(map(str, index)), value, error, lower, upper


@dataclass(frozen=True, eq=False)
class Estimates:
    """All that one run of ``sgdvar estimate`` found.

    Attributes:
        quantity: Its name on the command line.
        facts: The setting in words.
        process: The process as the library prints it.
        conditional: Whether the last batch was averaged over exactly, given the last weights.
        controlled: Whether a control variate was taken off, where it is not left out.
        interval: Which intervals: "nominal" or "guaranteed".
        accuracy: What was asked for: a relative error or a number of replicates.
        seed: The seed.
        precision: The floating-point numbers of the simulation.
        level: The level of the intervals.
        cells: By step, and for each by batch size, in ascending order.
    """

    quantity: str
    facts: dict[str, str]
    process: str
    conditional: bool
    controlled: bool
    interval: str
    accuracy: dict[str, float]
    seed: int
    precision: str
    level: float
    cells: tuple[Cell, ...]

    @property
    def doubt(self) -> str:
        """Why the least trusted standard error is not to be trusted; empty if all are."""
        doubtful = [cell for cell in self.cells if not cell.is_trusted]
        if not doubtful:
            return ""
        worst = max(doubtful, key=lambda cell: (cell.is_left_out, cell.largest_share))
        others = f" (and {len(doubtful) - 1} more)" if len(doubtful) > 1 else ""
        if worst.is_left_out:
            return f"at step {worst.step}, b = {worst.batch_size}{others} {left_out(worst.replicates)}"
        return (
            f"at step {worst.step}, b = {worst.batch_size}{others} one of {worst.replicates:,} replicates carries "
            f"{percent_text(worst.largest_share)} of the sum of squares behind the standard error, more than "
            f"{percent_text(LARGEST_SHARE)}, so that error is not to be trusted; lower --relative-error or give more "
            "--replicates, or take larger batches or smaller steps"
        )


def cells_of(estimate: sv.Estimate, design: sv.BatchDesign, level: float, interval: str) -> list[Cell]:
    """The cells of the estimates at one step, in the order of their batch sizes, with intervals of a kind."""
    lower, upper = estimate.interval(level, _METHODS[interval])
    relative_errors = estimate.relative_error
    cells = []
    for k, b in enumerate(estimate.batch_sizes.tolist()):
        relative_error, share = float(relative_errors[k]), float(estimate.largest_share[k])
        is_certain = relative_error <= _ROUNDING or design.variance_factor(b) == 0
        cells.append(
            Cell(
                step=estimate.step,
                batch_size=b,
                value=np.asarray(estimate.value[k]),
                standard_error=np.asarray(estimate.standard_error[k]),
                lower=np.asarray(lower[k]),
                upper=np.asarray(upper[k]),
                relative_error=relative_error,
                replicates=int(estimate.replicates[k]),
                gain=float(estimate.gain[k]),
                largest_share=share,
                is_certain=is_certain,
                is_left_out=b in estimate.left_out,
                controlled=estimate.controlled and b not in estimate.left_out,
            )
        )
    return cells
