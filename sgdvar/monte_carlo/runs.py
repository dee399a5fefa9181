"""Runs: how many replicates an accuracy needs, how long they will take, and their summaries."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from sgdvar.errors import BudgetExceededError
from sgdvar.monte_carlo.statistics import Summary, relative_variance
from sgdvar.monte_carlo.trajectories import Block, Record, Trajectories, side_by_side, workers
from sgdvar.process import SGD, check_process
from sgdvar.scalars import check_count, check_sequence

__all__ = ["Measure", "Progress", "Run"]

Measure: TypeAlias = Callable[[Record, int], Summary]
"""From what a set of replicates did at one step, and the batch size, to its summary."""
Progress: TypeAlias = bool | Callable[[int, int], None]
"""False; True for a progress bar; or a function of the replicates done and their total."""

_LARGEST_BATCH = 2**31  # batch sizes are 32-bit integers there
_RELATIVE_ERROR = 0.01  # unless told otherwise
_LEAST = 1024  # replicates for a relative error: with fewer, the normal approximation means little
_PILOT = 4096  # replicates of the pilot
_GROUP = 256  # replicates in one group of the pilot's jackknife
_MARGIN = 3  # jackknife standard errors by which the pilot's variance is taken to be larger than estimated


@dataclass(frozen=True, eq=False)
class Run:
    """A request for summaries at some steps and batch sizes, checked when it is made and carried out by ``summaries``.

    Attributes:
        sgd: The process.
        steps: Steps to record, ascending and distinct.
        batch_sizes: Batch sizes that the design allows.
        relative_error: The relative standard error to reach at every step and batch size; 0.01 if neither this nor
            ``replicates`` is given.
        replicates: The number of replicates at each batch size, instead of ``relative_error``.
        seed: An integer from 0 to 2**63 - 1.
        time_budget: Seconds that may be forecast.
        progress: True for a progress bar, or a function of the replicates done and their total.

    Raises:
        TypeError: Symbols in the process, or an argument of the wrong type.
        ValueError: No step, no batch size or one outside the design's range, a bad step, seed or budget, or both
            accuracies.
    """

    sgd: SGD
    steps: Sequence[int]
    batch_sizes: Sequence[int]
    relative_error: float | None = None
    replicates: int | None = None
    seed: int = 0
    time_budget: float = 600.0
    progress: Progress = False

    def __post_init__(self) -> None:
        if check_process(self.sgd).kind == "symbolic":
            raise TypeError("Monte Carlo needs numbers, got symbols; substitute values for them")
        object.__setattr__(self, "steps", tuple(self.sgd.check_step(t) for t in check_sequence(self.steps, "steps")))
        if not self.steps:
            raise ValueError("steps must hold at least one step, got none")
        sizes = tuple(self.sgd.design.check_batch_size(b) for b in check_sequence(self.batch_sizes, "batch_sizes"))
        if not sizes:
            raise ValueError("batch_sizes must hold at least one batch size, got none")
        if max(sizes) >= _LARGEST_BATCH:
            raise ValueError(f"batch_sizes must be below 2**31 to be simulated, got {max(sizes)}")
        object.__setattr__(self, "batch_sizes", sizes)
        if self.relative_error is not None and self.replicates is not None:
            raise ValueError(
                f"one of relative_error and replicates must be given, got both, {self.relative_error} and "
                f"{self.replicates}"
            )
        if self.replicates is not None:
            object.__setattr__(self, "replicates", check_count(self.replicates, "replicates", least=2))
        elif self.relative_error is None:
            object.__setattr__(self, "relative_error", _RELATIVE_ERROR)
        elif not 0 < self.relative_error < math.inf:
            raise ValueError(f"relative_error must be positive and finite, got {self.relative_error}")
        object.__setattr__(self, "seed", check_count(self.seed, "seed"))
        if self.seed >= 2**63:
            raise ValueError(f"seed must be below 2**63, got {self.seed}")
        if not self.time_budget > 0:
            raise ValueError(f"time_budget must be positive, got {self.time_budget}")

    def summaries(self, measures: Sequence[Measure]) -> dict[int, list[list[Summary]]]:
        """The summaries of every measure: for each batch size, one list per step, in the order of ``measures``.

        Args:
            measures: The first decides on the replicates that ``relative_error`` needs.

        Raises:
            BudgetExceededError: More time is forecast than the budget.
            NonFiniteError: A replicate overflowed.
            ImportError: A progress bar is asked for and rich is not installed.
        """
        with _reporter(self.progress) as report:
            trajectories = Trajectories(self.sgd, tuple(self.steps), self.seed)
            demand = self._demand(trajectories, measures)
            blocks = [block for b, count in demand.items() for block in trajectories.blocks(b, count)]
            done, total = 0, sum(demand.values())
            result: dict[int, list[list[Summary]]] = {}
            report(done, total)

            def summarise(block: Block) -> list[list[Summary]]:
                records = trajectories.simulate(block)
                return [[measure(record, block.batch_size) for measure in measures] for record in records]

            for block, cells in zip(blocks, side_by_side(summarise, blocks), strict=True):
                known = result.get(block.batch_size)
                result[block.batch_size] = cells if known is None else _merged(known, cells)
                done += block.count
                report(done, total)
        return result

    def _demand(self, trajectories: Trajectories, measures: Sequence[Measure]) -> dict[int, int]:
        """The replicates at each batch size, once the time they take is known to be within the budget."""
        sizes = dict.fromkeys(self.batch_sizes)
        measuring = self._seconds_to_measure(trajectories, measures)
        seconds = {b: trajectories.seconds_per_block(b) + measuring for b in sizes}
        if self.replicates is not None:
            demand = dict.fromkeys(sizes, self.replicates)
            self._check_budget(trajectories, demand, seconds, "replicates")
            return demand
        random = [b for b in sizes if self.sgd.design.variance_factor(b) != 0]
        self._check_budget(trajectories, dict.fromkeys(random, _PILOT), seconds, "relative_error")
        demand = dict.fromkeys(sizes, 2)  # all that b = n needs, where every replicate is the same
        demand |= self._pilot(trajectories, measures[0], random)
        self._check_budget(trajectories, demand, seconds, "relative_error")
        return demand

    def _seconds_to_measure(self, trajectories: Trajectories, measures: Sequence[Measure]) -> float:
        """A forecast for one block, from weights at the start."""
        record, began = trajectories.at_start(), time.perf_counter()
        for measure in measures:
            measure(record, self.batch_sizes[0])
        return (time.perf_counter() - began) * len(self.steps)

    def _pilot(self, trajectories: Trajectories, measure: Measure, batch_sizes: Sequence[int]) -> dict[int, int]:
        """The replicates that the relative error needs, from simulations that are used for nothing else."""
        assert self.relative_error is not None
        blocks = [block for b in batch_sizes for block in trajectories.blocks(b, _PILOT, is_pilot=True)]

        def grouped(block: Block) -> list[list[Summary]]:
            records, groups = trajectories.simulate(block), range(0, block.count, _GROUP)
            return [
                [
                    measure(Record(r.weights[i : i + _GROUP], r.gradients[i : i + _GROUP]), block.batch_size)
                    for i in groups
                ]
                for r in records
            ]

        groups: dict[int, list[list[Summary]]] = {b: [[] for _ in self.steps] for b in batch_sizes}
        for block, cells in zip(blocks, side_by_side(grouped, blocks), strict=True):
            for known, new in zip(groups[block.batch_size], cells, strict=True):
                known.extend(new)
        demand = {}
        for b, cells in groups.items():
            bounds = [variance + _MARGIN * error for variance, error in map(relative_variance, cells)]
            needed = max(bounds) / self.relative_error**2 + math.sqrt(2) / self.relative_error  # of second order
            if not math.isfinite(needed):
                raise ValueError(
                    f"relative_error must have a value other than 0 to refer to, got estimates of 0 at batch size {b}; "
                    "give replicates= instead"
                )
            demand[b] = max(_LEAST, math.ceil(needed))
        return demand

    def _check_budget(
        self, trajectories: Trajectories, demand: dict[int, int], seconds: dict[int, float], accuracy: str
    ) -> None:
        parallel = workers()
        needed = sum(math.ceil(count / trajectories.block_size) * seconds[b] for b, count in demand.items()) / parallel
        if needed > self.time_budget:
            change = "lower replicates" if accuracy == "replicates" else "raise relative_error"
            raise BudgetExceededError(
                f"simulation must take no longer than time_budget = {self.time_budget:g} seconds, forecast are "
                f"{_duration(needed)} for {max(demand.values()):,} replicates at a batch size; raise time_budget= to "
                f"{math.ceil(needed)} or more, or {change}=",
                needed=needed,
                limit=self.time_budget,
                unit="seconds",
            )


def _merged(known: list[list[Summary]], new: list[list[Summary]]) -> list[list[Summary]]:
    return [[a.merge(b) for a, b in zip(left, right, strict=True)] for left, right in zip(known, new, strict=True)]


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} seconds"
    minutes = seconds / 60
    return f"{minutes:.3g} minutes" if minutes < 120 else f"{minutes / 60:.3g} hours"


@contextmanager
def _reporter(progress: Progress) -> Iterator[Callable[[int, int], None]]:
    """A function of the replicates done and their total."""
    if callable(progress):
        yield progress
    elif not progress:
        yield lambda done, total: None
    else:
        try:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
        except ImportError as error:
            raise ImportError(
                'progress=True needs rich, which is not installed; run pip install "sgdvar[examples]", or pass a '
                "function of the replicates done and their total"
            ) from error
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
        with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("simulating", total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
