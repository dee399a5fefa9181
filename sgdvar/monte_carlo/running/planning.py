"""How many replicates an accuracy needs, from a pilot that is used for nothing else, and how long they will take."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sgdvar.errors import BudgetExceededError
from sgdvar.memory import once_for_each
from sgdvar.monte_carlo.dynamics.base import Dynamics
from sgdvar.monte_carlo.running.devices import side_by_side, workers
from sgdvar.monte_carlo.running.execution import Measure
from sgdvar.monte_carlo.running.trajectories import Block, Record, Trajectories
from sgdvar.monte_carlo.statistics.pilots import needed_replicates, no_reference
from sgdvar.monte_carlo.statistics.summaries import Summary

__all__ = ["Deciding", "Plan"]

Deciding: TypeAlias = Callable[[Record, int], Callable[[int], Sequence[Summary]]]
"""From what replicates did at one step, and the batch size, to summaries of so many equal parts, side by side."""

_LEAST = 1024  # replicates for a relative error: with fewer, the normal approximation means little
_PILOT = 2048  # replicates of the pilot
_GROUP = 256  # replicates of the pilot whose summaries show how uncertain it is


@dataclass(frozen=True, eq=False)
class Plan:
    """Replicates for each batch size, within a budget of time.

    Attributes:
        trajectories: What is simulated.
        batch_sizes: Distinct batch sizes.
        measure: What becomes of the replicates.
        about: Names the measure, and all that it depends on beside the process.
        time_budget: Seconds.
        deciding: Makes the summaries that must reach the relative error.
        is_signed: Whether what they estimate may have either sign, so that it may be 0 without being certain.
        nested: Batch sizes that are simulated together with each of ``batch_sizes``.
    """

    trajectories: Trajectories
    batch_sizes: Sequence[int]
    measure: Measure
    about: str
    time_budget: float
    deciding: Deciding
    is_signed: bool = False
    nested: Sequence[int] = ()

    def for_replicates(self, replicates: int) -> dict[int, int]:
        """So many at each batch size.

        Raises:
            BudgetExceededError: More time is forecast than the budget.
        """
        demand = dict.fromkeys(self.batch_sizes, replicates)
        self._check_budget(demand, "lower replicates=")
        return demand

    def for_relative_error(self, relative_error: float) -> dict[int, int]:
        """As many as the error needs: one number for all steps.

        Raises:
            ValueError: The value is 0, as far as the pilot can tell.
            BudgetExceededError: More time is forecast than the budget.
        """
        design = self.trajectories.sgd.design
        random = [b for b in self.batch_sizes if design.variance_factor(min((b, *self.nested))) != 0]
        self._check_budget(dict.fromkeys(random, _PILOT), "give replicates=", what="the pilot alone")
        demand = dict.fromkeys(self.batch_sizes, 2)  # all that b = n needs, where every replicate is the same
        for b, pilots in self._pilot(random).items():
            for groups in pilots:
                needed = needed_replicates(groups, relative_error, is_signed=self.is_signed)
                if needed == math.inf:
                    raise ValueError(no_reference(groups.together(), b))
                demand[b] = max(_LEAST, demand[b], math.ceil(needed))
        self._check_budget(demand, "raise relative_error=")
        return demand

    def _seconds(self, *, anew: bool = False) -> dict[int, float]:
        """A forecast for one block at each batch size, remembered as long as the process lives unless made anew."""
        own, known = self.trajectories, _forecasts(self.trajectories.dynamics)
        what = self.about, own.steps, own.precision, own.chunk_blocks
        if anew or not all((*what, b) in known for b in self.batch_sizes):
            record, began = own.at_start(), time.perf_counter()
            self.measure(record, self.batch_sizes[0])
            measuring = (time.perf_counter() - began) * len(own.steps)
            known.update({(*what, b): own.seconds_per_block(b) + measuring for b in self.batch_sizes})
        return {b: known[*what, b] for b in self.batch_sizes}

    def _pilot(self, batch_sizes: Sequence[int]) -> dict[int, list[Summary]]:
        """Summaries of groups of replicates: for each batch size, one for each step and deciding summary."""
        trajectories = self.trajectories
        blocks = [block for b in batch_sizes for block in trajectories.blocks(b, _PILOT, is_pilot=True)]
        chunks = trajectories.chunks(blocks)
        groups: dict[int, list[list[Summary]]] = {}
        for chunk, results in zip(chunks, side_by_side(self._grouped, chunks), strict=True):
            for block, row in zip(chunk, results, strict=True):
                groups.setdefault(block.batch_size, []).append(row)
        return {b: [Summary.concatenated(column) for column in zip(*rows, strict=True)] for b, rows in groups.items()}

    def _grouped(self, chunk: Sequence[Block]) -> list[list[Summary]]:
        """For each block the summaries of its groups."""

        def of_groups(record: Record, block: Block) -> Sequence[Summary]:
            return self.deciding(record, block.batch_size)(max(1, block.count // _GROUP))

        records = zip(chunk, self.trajectories.simulate(chunk), strict=True)
        return [[own for record in kept for own in of_groups(record, block)] for block, kept in records]

    def _check_budget(self, demand: Mapping[int, int], remedy: str, *, what: str = "simulation") -> None:
        needed = self._needed(demand, self._seconds())
        if needed > self.time_budget:
            needed = self._needed(demand, self._seconds(anew=True))  # what is remembered may be from a busy hour
        if needed > self.time_budget:
            raise BudgetExceededError(
                f"{what} must take no longer than time_budget = {self.time_budget:g} seconds, forecast are "
                f"{_duration(needed)} for {max(demand.values()):,} replicates at a batch size; raise time_budget= to "
                f"{math.ceil(needed)} or more, or {remedy}",
                needed=needed,
                limit=self.time_budget,
                unit="seconds",
            )

    def _needed(self, demand: Mapping[int, int], seconds: Mapping[int, float]) -> float:
        """The seconds that a demand takes."""
        block_size = self.trajectories.block_size
        return sum(math.ceil(count / block_size) * seconds[b] for b, count in demand.items()) / workers()


@once_for_each
def _forecasts(dynamics: Dynamics) -> dict[tuple[Hashable, ...], float]:
    """The seconds for one block of what was simulated before with the same dynamics."""
    return {}


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} seconds"
    minutes = seconds / 60
    return f"{minutes:.3g} minutes" if minutes < 120 else f"{minutes / 60:.3g} hours"
