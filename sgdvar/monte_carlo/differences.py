"""Differences of the gradient variance between batch sizes, on common random numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Unpack

import numpy as np

from sgdvar.monte_carlo.dynamics.nested import nested_dynamics_of
from sgdvar.monte_carlo.estimate import Estimate
from sgdvar.monte_carlo.estimation import assembled, requested_run, squared_error, variance_reduction
from sgdvar.monte_carlo.quantities import gradient_variance_of
from sgdvar.monte_carlo.running.runs import RunOptions, digest
from sgdvar.monte_carlo.running.trajectories import Record
from sgdvar.monte_carlo.statistics.summaries import Functional, Summary, summarise, summarise_parts
from sgdvar.problems import DifferentiableModel
from sgdvar.process import SGD, check_process

__all__ = ["estimate_difference"]


def estimate_difference(
    sgd: SGD,
    step: int,
    batch_sizes: Sequence[int],
    *,
    relative_error: float | None = None,
    replicates: int | None = None,
    seed: int = 0,
    matrix: Any = None,
    layer: int | None = None,
    conditional: bool = True,
    **options: Unpack[RunOptions],
) -> Estimate:
    r"""Estimates of the differences :math:`V(b) - V(b')` of the gradient variance between successive batch sizes.

    Every replicate is simulated at all batch sizes at once, on nested batches: the first b examples of a larger batch.
    Trajectories at different batch sizes then move together, and their difference has a smaller error than that of two
    separate estimates: much smaller for neighbouring batch sizes, hardly for distant ones.

    Guarantees:
        Unbiased; each batch size alone has the distribution that it has by itself.

    Args:
        sgd: A process on LinearRegression or DeepLinearNetwork; numbers of any kind.
        step: t >= 0.
        batch_sizes: At least two, ascending and distinct.
        relative_error: The standard error relative to the difference that each is to reach; 0.01 if neither this nor
            ``replicates`` is given. A pilot run, which is then thrown away, decides on the replicates.
        replicates: The number of trajectories, at least 2, instead of ``relative_error``.
        seed: An integer from 0 to 2**63 - 1.
        matrix: A, shape (m, d) or (d,); None for the identity.
        layer: The layer, from 1, whose gradient alone is meant; None for all.
        conditional: Whether to average over the last batch exactly, given the last weights.
        **options: How the simulation is carried out (``RunOptions``).

    Returns:
        Values :math:`V(b_k) - V(b_{k+1})` with ``batch_sizes`` of shape (B - 1, 2); ``gain`` is how many times more
        replicates separate estimates would have needed.

    Raises:
        TypeError: An argument of the wrong type, or a DifferentiableModel.
        ValueError: Fewer than two batch sizes, or not ascending; a difference that cannot be told from 0 by the pilot;
            otherwise as ``estimate_gradient_variance``.
        NotExactError: A float matrix for an exact process, or the other way round.
        BudgetExceededError: More time is forecast than ``time_budget``, or a chunk needs more memory than there is.
        CheckpointError: ``checkpoint`` is a file of another run, damaged, or cannot be written.
        NonFiniteError: A trajectory overflowed.
        ImportError: ``progress=True`` without rich.
        RuntimeError: Another process of a distributed run failed.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2], [1]], [1, 0, 2])), start=[1], step_size=0.1)
        >>> estimate = sv.estimate_difference(sgd, step=0, batch_sizes=[1, 2, 3], replicates=1000)
        >>> estimate.batch_sizes.tolist(), estimate.value.round(12).tolist()
        ([[1, 2], [2, 3]], [3.5, 1.166666666667])
    """
    run = requested_run(check_process(sgd), step, batch_sizes, relative_error, replicates, seed, options)
    sizes = tuple(run.batch_sizes)
    if len(sizes) < 2 or any(b >= after for b, after in pairwise(sizes)):
        raise ValueError(f"batch_sizes must be at least two, ascending and distinct, got {list(sizes)}")
    if isinstance(sgd.problem, DifferentiableModel):
        raise TypeError(
            "estimate_difference must have a LinearRegression or a DeepLinearNetwork, got a "
            "DifferentiableModel; take the difference of two estimates"
        )
    run = replace(run, batch_sizes=sizes[-1:], dynamics=nested_dynamics_of(sgd, sizes))
    quantity = gradient_variance_of(sgd, run.steps[0], matrix, layer, conditional)
    own = quantity.conditional or quantity.plain
    count = sgd.weight_count

    def contributions(record: Record) -> tuple[list[Functional], list[Functional]]:
        """To the differences, and to the estimates themselves."""
        alone = [own(record.part(slice(k * count, (k + 1) * count)), b) for k, b in enumerate(sizes)]
        return [_difference(a, b) for a, b in pairwise(alone)], alone

    def measure(record: Record, _: int) -> list[Summary]:
        differences, alone = contributions(record)
        return [*map(summarise, differences), *map(summarise, alone)]

    def deciding(record: Record, _: int) -> Callable[[int], list[Summary]]:
        differences, _alone = contributions(record)
        return lambda parts: [summarise_parts(functional, parts) for functional in differences]

    pairs = len(sizes) - 1
    how = "plain" if quantity.conditional is None else "conditional"
    about = f"differences of {quantity.name} between {list(sizes)}, {how}, {digest(quantity.details)}"
    (row,) = run.summaries(measure, about, deciding=deciding, is_signed=True, nested=sizes)[sizes[-1]]
    differences, alone = row[:pairs], row[pairs:]
    return assembled(
        f"{quantity.name} at b less that at b'",
        run,
        list(pairwise(sizes)),
        differences,
        conditional=quantity.conditional is not None,
        controlled=False,
        gain=np.array([_gain(known, pair) for known, pair in zip(differences, pairwise(alone), strict=True)]),
    )


def _difference(first: Functional, second: Functional) -> Functional:
    """What replicates contribute to one estimate less another."""
    return Functional(
        first.offsets - second.offsets,
        np.hstack([first.vectors, second.vectors]),
        np.concatenate([first.weights, -second.weights]),
    )


def _gain(difference: Summary, alone: tuple[Summary, Summary]) -> float:
    return variance_reduction(squared_error(difference), sum(map(squared_error, alone)))
