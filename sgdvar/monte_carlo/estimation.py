"""From a quantity to its estimate: which replicates are simulated, what is taken of each, and what comes of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from typing import Any

import numpy as np

from sgdvar.monte_carlo.control.evidence import has_missed, left_out, summaries_of_control
from sgdvar.monte_carlo.control.fitting import fitted_controls
from sgdvar.monte_carlo.control.linear import linear_controls
from sgdvar.monte_carlo.control.protocol import Controls
from sgdvar.monte_carlo.estimate import Estimate
from sgdvar.monte_carlo.quantities import Quantity
from sgdvar.monte_carlo.running.runs import Run, RunOptions, digest
from sgdvar.monte_carlo.running.trajectories import Record
from sgdvar.monte_carlo.statistics.intervals import tail_warning
from sgdvar.monte_carlo.statistics.summaries import (
    Functional,
    Summary,
    summarise,
    summarise_mean,
    summarise_pairs,
    summarise_parts,
)
from sgdvar.problems import LinearRegression
from sgdvar.process import SGD
from sgdvar.scalars import check_flag

__all__ = ["assembled", "estimated", "requested_run", "squared_error", "variance_reduction"]

_ARGUMENTS = ("relative_error", "replicates", "seed", "matrix", "layer", "conditional", "control_variate")
_ROUNDING = 1e-24  # of a relative variance
_FLOAT32 = (2.0**-24 / 1e-12) ** 2  # mean squares of rounding errors, relative to what is allowed for in float64


def requested_run(
    sgd: SGD,
    step: int,
    batch_sizes: Sequence[int],
    relative_error: float | None,
    replicates: int | None,
    seed: int,
    options: RunOptions,
) -> Run:
    """The run that an estimate is asked from.

    Raises:
        TypeError: An option that there is not; otherwise as ``Run``.
    """
    for name in options:
        if name not in RunOptions.__annotations__:
            others = [*_ARGUMENTS, *RunOptions.__annotations__]
            close = [] if name in others else get_close_matches(name, others, 1)
            raise TypeError(
                f"options must be among {', '.join(RunOptions.__annotations__)}, got {name}"
                + (f"; did you mean {close[0]}=?" if close else "")
            )
    return Run(sgd, [step], batch_sizes, relative_error, replicates, seed, **options)


def estimated(run: Run, quantity: Quantity, control_variate: bool = False) -> Estimate:
    """The estimate of a quantity.

    Args:
        run: At one step.
        quantity: Of the run's process, at that step.
        control_variate: Whether to take off what is known to have mean 0.

    Raises:
        TypeError: ``control_variate`` is no bool.
        ValueError: There is no control variate for this process.
    """
    own = quantity.conditional or quantity.plain
    controls = _controls(run, quantity) if check_flag(control_variate, "control_variate") else None
    how = [
        "plain" if quantity.conditional is None else "conditional",
        "" if controls is None else f"controlled {controls.digest}",
    ]
    if controls is not None and controls.dynamics is not None:
        run = replace(run, dynamics=controls.dynamics)

    has_pairs = quantity.bound is not None
    rounding = quantity.rounding() if run.precision == "float32" and quantity.rounding else None

    def contributions(record: Record, b: int) -> tuple[Record, Functional, Functional]:
        """What the process did, what it contributes, and the same with the control variate."""
        process = record if controls is None else controls.process(record)
        known = own(process, b)
        return process, known, known if controls is None else controls.controlled(known, record, b)

    eps = float(np.finfo(run.precision).eps)

    def deciding(record: Record, b: int) -> Callable[[int], list[Summary]]:
        _, known, functional = contributions(record, b)
        if controls is not None and has_missed(*summaries_of_control(known, functional), controls, b, eps):
            functional = known
        return lambda parts: [summarise_parts(functional, parts)]

    def measure(record: Record, b: int) -> list[Summary]:
        """Of the estimate, of plain trajectories, of the control variate, of pairs, and of rounding in float32."""
        process, known, functional = contributions(record, b)
        plain = known if own is quantity.plain else quantity.plain(process, b)
        first = summarise(functional)
        rest = [] if controls is None else [*summaries_of_control(known, functional)]
        rest += [summarise_pairs(known)] if has_pairs else []
        if rounding is not None:
            rest.append(summarise_mean(np.full(len(process.weights), _FLOAT32 * rounding(process))))
        return [first, first if functional is plain else summarise(plain), *rest]

    about = f"{quantity.name}, {', '.join(filter(None, how))}, {digest(quantity.details)}"
    cells = run.summaries(measure, about, deciding=deciding, is_signed=quantity.is_signed)
    rows = [cells[b][0] for b in run.batch_sizes]
    warnings = () if rounding is None else _precision_doubts(run.batch_sizes, rows)
    chosen = tails = [row[0] for row in rows]
    off: dict[int, int] = {}  # replicates at the batch sizes where the control variate is left out
    if controls is not None:
        by_size = list(zip(run.batch_sizes, rows, strict=True))
        off = {b: row[3].count for b, row in by_size if has_missed(row[2], row[3], controls, b, eps)}
        warnings += tuple(f"at b = {b} {left_out(off[b])}" for b in run.batch_sizes if b in off)
        chosen = [row[2] if b in off else row[0] for b, row in by_size]
        tails = [max(row[0], row[2], key=lambda known: known.largest_share) for row in rows]
    bound = None
    if quantity.bound is not None:
        how_bounded = {
            "conditional": quantity.conditional is not None,
            "unit_roundoff": eps / 2,
        }
        bound = partial(quantity.bound, **how_bounded)
    return assembled(
        quantity.name,
        run,
        run.batch_sizes,
        chosen,
        tails=tails,
        warnings=warnings,
        conditional=quantity.conditional is not None,
        controlled=controls is not None,
        left_out=tuple(off),
        gain=np.array([
            variance_reduction(squared_error(known), squared_error(row[1]))
            for known, row in zip(chosen, rows, strict=True)
        ]),
        bound=bound,
        pairs=tuple(row[2 if controls is None else 4] for row in rows) if has_pairs else (),
    )


def _controls(run: Run, quantity: Quantity) -> Controls:
    """The control variates that there are for a process."""
    if isinstance(run.sgd.problem, LinearRegression):
        return linear_controls(run, quantity)
    return fitted_controls(run, quantity.conditional or quantity.plain)


def assembled(
    quantity: str,
    run: Run,
    batch_sizes: Sequence[int] | Sequence[tuple[int, int]],
    summaries: Sequence[Summary],
    *,
    tails: Sequence[Summary] = (),
    warnings: tuple[str, ...] = (),
    **rest: Any,
) -> Estimate:
    """The estimate that summaries make, with the doubts that they raise.

    Args:
        quantity: In words.
        run: At one step.
        batch_sizes: Of each summary its batch size, or of a difference the pair.
        summaries: One for each.
        tails: One for each whose tails decide whether errors can be trusted; by default ``summaries``.
        warnings: Other doubts.
        **rest: What summaries do not say: fields of ``Estimate``.
    """
    sizes = np.array(batch_sizes)
    own = sizes if sizes.ndim == 1 else sizes[:, 0]
    return Estimate(
        quantity=quantity,
        step=run.steps[0],
        batch_sizes=sizes,
        value=np.array([known.value for known in summaries]),
        standard_error=np.array([known.standard_error for known in summaries]),
        replicates=np.array([known.count for known in summaries]),
        largest_share=np.array([known.largest_share for known in summaries]),
        warnings=_tail_doubts(run.sgd, own.tolist(), tails or summaries) + warnings,
        **rest,
    )


def _tail_doubts(sgd: SGD, batch_sizes: Sequence[int], summaries: Sequence[Summary]) -> tuple[str, ...]:
    """Which standard errors are not to be trusted, and why.

    Args:
        sgd: The process.
        batch_sizes: Those of the summaries.
        summaries: One for each.
    """
    texts = []
    for b, known in zip(batch_sizes, summaries, strict=True):
        size, error = (float(np.linalg.norm(array)) for array in (known.value, known.standard_error))
        relative_error = error / size if size > 0 else math.inf if error > 0 else 0.0
        text = tail_warning(known.largest_share, relative_error, known.count)
        if text and sgd.design.variance_factor(b) != 0:
            texts.append(f"at b = {b} {text}")
    return tuple(texts)


def _precision_doubts(batch_sizes: Sequence[int], rows: Sequence[Sequence[Summary]]) -> tuple[str, ...]:
    r"""Where single precision may matter.

    Rounding errors of mean square R change a variance V by at most :math:`2 \sqrt{R V} + R` (Cauchy and Schwarz).

    Args:
        batch_sizes: Those of the rows.
        rows: Summaries, of the estimate first and of R last.
    """
    texts = []
    for b, row in zip(batch_sizes, rows, strict=True):
        value, error, rounding = abs(float(row[0].value)), float(row[0].standard_error), float(row[-1].value)
        change = 2 * math.sqrt(rounding * value) + rounding
        if change > error:
            texts.append(
                f"at b = {b} rounding in float32 may change the estimate by up to {change:.2g}, more than its standard "
                'error; precision="float64" does not'
            )
    return tuple(texts)


def variance_reduction(own: float, other: float) -> float:
    """How many times larger another squared standard error is than one's own; infinite where there is none."""
    if own > _ROUNDING * other:
        return other / own
    return math.inf if other > 0 else 1.0


def squared_error(summary: Summary) -> float:
    """The squared standard error, summed over the entries of the estimate."""
    return float(np.sum(summary.standard_error**2))
