"""How many replicates an accuracy needs, from a pilot that is used for nothing else, and how long they will take."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sgdvar.errors import BudgetExceededError
from sgdvar.monte_carlo.devices import side_by_side, workers
from sgdvar.monte_carlo.execution import Measure
from sgdvar.monte_carlo.statistics import Summary, relative_variance
from sgdvar.monte_carlo.trajectories import Block, Record, Trajectories

__all__ = ["Plan"]

_LEAST = 1024  # replicates for a relative error: with fewer, the normal approximation means little
_PILOT = 4096  # replicates of the pilot
_GROUP = 256  # replicates in one group of the pilot's jackknife
_MARGIN = 3  # jackknife standard errors by which the pilot's variance is taken to be larger than estimated


@dataclass(frozen=True, eq=False)
class Plan:
    """Replicates for each batch size, within a budget of time.

    Attributes:
        trajectories: What is simulated.
        batch_sizes: Distinct batch sizes.
        measures: What becomes of the replicates; the first must reach the relative error.
        time_budget: Seconds.
    """

    trajectories: Trajectories
    batch_sizes: Sequence[int]
    measures: Sequence[Measure]
    time_budget: float

    def for_replicates(self, replicates: int) -> dict[int, int]:
        """So many at each batch size.

        Raises:
            BudgetExceededError: More time is forecast than the budget.
        """
        demand = dict.fromkeys(self.batch_sizes, replicates)
        self._check_budget(demand, self._seconds(), "lower replicates=")
        return demand

    def for_relative_error(self, relative_error: float) -> dict[int, int]:
        """As many as the error needs: one number for all steps.

        Raises:
            ValueError: The value is 0, as far as the pilot can tell.
            BudgetExceededError: More time is forecast than the budget.
        """
        seconds, design = self._seconds(), self.trajectories.sgd.design
        random = [b for b in self.batch_sizes if design.variance_factor(b) != 0]
        self._check_budget(dict.fromkeys(random, _PILOT), seconds, "raise relative_error=")
        demand = dict.fromkeys(self.batch_sizes, 2)  # all that b = n needs, where every replicate is the same
        for b, cells in self._pilot(random).items():
            bounds = [variance + _MARGIN * error for variance, error in map(relative_variance, cells)]
            needed = max(bounds) / relative_error**2 + math.sqrt(2) / relative_error  # of second order
            if not math.isfinite(needed):
                raise ValueError(
                    f"relative_error must have a value other than 0 to refer to, got estimates of 0 at batch size {b}; "
                    "give replicates= instead"
                )
            demand[b] = max(_LEAST, math.ceil(needed))
        self._check_budget(demand, seconds, "raise relative_error=")
        return demand

    def _seconds(self) -> dict[int, float]:
        """A forecast for one block at each batch size."""
        record, began = self.trajectories.at_start(), time.perf_counter()
        for measure in self.measures:
            measure(record, self.batch_sizes[0])
        measuring = (time.perf_counter() - began) * len(self.trajectories.steps)
        return {b: self.trajectories.seconds_per_block(b) + measuring for b in self.batch_sizes}

    def _pilot(self, batch_sizes: Sequence[int]) -> dict[int, list[list[Summary]]]:
        """The summaries of groups of replicates by the first measure: for each batch size, one list per step."""
        trajectories = self.trajectories
        blocks = [block for b in batch_sizes for block in trajectories.blocks(b, _PILOT, is_pilot=True)]
        chunks = trajectories.chunks(blocks)
        groups: dict[int, list[list[Summary]]] = {b: [[] for _ in trajectories.steps] for b in batch_sizes}
        for chunk, results in zip(chunks, side_by_side(self._grouped, chunks), strict=True):
            for block, cells in zip(chunk, results, strict=True):
                for known, new in zip(groups[block.batch_size], cells, strict=True):
                    known.extend(new)
        return groups

    def _grouped(self, chunk: Sequence[Block]) -> list[list[list[Summary]]]:
        def of_groups(record: Record, block: Block) -> list[Summary]:
            parts = (slice(i, i + _GROUP) for i in range(0, block.count, _GROUP))
            return [self.measures[0](Record(record.weights[p], record.gradients[p]), block.batch_size) for p in parts]

        records = zip(chunk, self.trajectories.simulate(chunk), strict=True)
        return [[of_groups(record, block) for record in own] for block, own in records]

    def _check_budget(self, demand: Mapping[int, int], seconds: Mapping[int, float], remedy: str) -> None:
        block_size = self.trajectories.block_size
        needed = sum(math.ceil(count / block_size) * seconds[b] for b, count in demand.items()) / workers()
        if needed > self.time_budget:
            raise BudgetExceededError(
                f"simulation must take no longer than time_budget = {self.time_budget:g} seconds, forecast are "
                f"{_duration(needed)} for {max(demand.values()):,} replicates at a batch size; raise time_budget= to "
                f"{math.ceil(needed)} or more, or {remedy}",
                needed=needed,
                limit=self.time_budget,
                unit="seconds",
            )


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} seconds"
    minutes = seconds / 60
    return f"{minutes:.3g} minutes" if minutes < 120 else f"{minutes / 60:.3g} hours"
