"""How a run is carried out: its blocks simulated side by side, and joined in their order."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TypeAlias

from sgdvar.errors import CheckpointError
from sgdvar.monte_carlo.running.checkpoints import Checkpoint
from sgdvar.monte_carlo.running.devices import side_by_side
from sgdvar.monte_carlo.running.processes import gathered, process_count, process_index
from sgdvar.monte_carlo.running.totals import Cells, Totals, joined
from sgdvar.monte_carlo.running.trajectories import Block, Record, Trajectories
from sgdvar.monte_carlo.statistics.summaries import Summary

__all__ = ["Execution", "Measure"]

Measure: TypeAlias = Callable[[Record, int], Sequence[Summary]]
"""From what a set of replicates did at one step, and the batch size, to their summaries, always as many."""

_SAVE_EVERY = 5.0  # seconds between checkpoints


@dataclass(frozen=True, eq=False)
class Execution:
    """The simulation of so many replicates at each batch size.

    Attributes:
        trajectories: What is simulated.
        demand: The replicates, by batch size.
        measure: What becomes of them.
        report: Is told the replicates done and their total; those of this process.
        checkpoint: Where totals are kept; None for nowhere.
    """

    trajectories: Trajectories
    demand: Mapping[int, int]
    measure: Measure
    report: Callable[[int, int], None]
    checkpoint: Checkpoint | None

    def cells(self) -> dict[int, Cells]:
        """The summaries by batch size, the same in all processes.

        Raises:
            NonFiniteError: A replicate overflowed.
            CheckpointError: The checkpoint cannot be used, or cannot be written.
            RuntimeError: Another process failed.
        """
        result: dict[int, Cells] = {}
        for totals in self._totals():
            for b in self.demand:
                if b in totals.parts:
                    result[b] = joined(result.get(b), totals.parts[b].cells)
        return result

    def _totals(self) -> list[Totals]:
        """The totals of every process."""
        if process_count() == 1:
            return [self._own_totals()]
        return [Totals.from_bytes(part) for part in gathered(lambda: self._own_totals().to_bytes())]

    def _own_totals(self) -> Totals:
        """The totals of the blocks that fall to this process."""
        totals = Totals() if self.checkpoint is None else self.checkpoint.load()
        known = totals.all_blocks()
        try:
            unfinished = self._completed(totals)
        except BaseException:
            if totals.all_blocks() > known:
                self._save(totals)
            raise
        self._save(totals)
        for b, cells in unfinished.items():
            totals.add(b, cells)
        return totals

    def _completed(self, totals: Totals) -> dict[int, Cells]:
        """Adds what is missing to the totals.

        Returns:
            The summaries of the last blocks by batch size, where they are not whole.
        """
        blocks = [block for b in self.demand for block in self._missing(b, totals)]
        total = sum(block.count for b in self.demand for block in self._own_blocks(b))
        done = total - sum(block.count for block in blocks)
        self.report(done, total)
        unfinished: dict[int, Cells] = {}
        chunks, saved = self.trajectories.chunks(blocks), time.monotonic()
        with closing(side_by_side(self._simulated, chunks)) as simulated:
            for chunk, results in zip(chunks, simulated, strict=True):
                for block, cells in zip(chunk, results, strict=True):
                    if block.count == self.trajectories.block_size:
                        totals.add(block.batch_size, cells)
                    else:
                        unfinished[block.batch_size] = cells
                    done += block.count
                self.report(done, total)
                if time.monotonic() - saved > _SAVE_EVERY:
                    self._save(totals)
                    saved = time.monotonic()
        return unfinished

    def _save(self, totals: Totals) -> None:
        if self.checkpoint is not None:
            self.checkpoint.save(totals)

    def _own_blocks(self, batch_size: int) -> list[Block]:
        return self.trajectories.blocks(batch_size, self.demand[batch_size])[process_index() :: process_count()]

    def _missing(self, batch_size: int, known: Totals) -> list[Block]:
        """The blocks of this process that are not in the totals."""
        own, count = self._own_blocks(batch_size), known.blocks(batch_size)
        whole = sum(block.count == self.trajectories.block_size for block in own)
        if count > whole:
            raise CheckpointError(
                f"checkpoint must not hold more replicates than are asked for, got "
                f"{count * self.trajectories.block_size:,} at batch size {batch_size} for {self.demand[batch_size]:,}; "
                "ask for more, or give another path"
            )
        return own[count:]

    def _simulated(self, chunk: Sequence[Block]) -> list[Cells]:
        """The summaries of the blocks of a chunk."""
        records = zip(chunk, self.trajectories.simulate(chunk), strict=True)
        return [[list(self.measure(record, block.batch_size)) for record in own] for block, own in records]
