"""What a run knows so far: summaries of whole blocks, joined in a fixed order, and their form as bytes."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

import numpy as np

from sgdvar.monte_carlo.statistics import Summary

__all__ = ["Cells", "Totals", "joined"]

Cells: TypeAlias = list[list[Summary]]
"""One list per step, with one summary per measure."""


def joined(known: Cells | None, new: Cells) -> Cells:
    """The summaries of two sets of replicates together."""
    if known is None:
        return new
    return [[a.merge(b) for a, b in zip(left, right, strict=True)] for left, right in zip(known, new, strict=True)]


@dataclass
class Totals:
    """Summaries by batch size.

    Attributes:
        blocks: How many whole blocks are in the summaries of a batch size: the first ones of this process.
        cells: The summaries.
    """

    blocks: dict[int, int] = field(default_factory=dict)
    cells: dict[int, Cells] = field(default_factory=dict)

    def add(self, batch_size: int, cells: Cells) -> None:
        """Joins the summaries of the next whole block."""
        self.blocks[batch_size] = self.blocks.get(batch_size, 0) + 1
        self.cells[batch_size] = joined(self.cells.get(batch_size), cells)

    def to_bytes(self) -> bytes:
        """A NumPy archive without pickled objects, from which ``from_bytes`` restores every bit."""
        shape = {str(b): [self.blocks[b], len(cells), len(cells[0])] for b, cells in self.cells.items()}
        arrays = {
            f"{b}/{i}/{j}/{item.name}": np.asarray(getattr(summary, item.name))
            for b, cells in self.cells.items()
            for i, row in enumerate(cells)
            for j, summary in enumerate(row)
            for item in fields(Summary)
        }
        buffer = io.BytesIO()
        np.savez(buffer, shape=np.frombuffer(json.dumps(shape).encode(), dtype=np.uint8), **arrays)  # type: ignore[arg-type]
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Totals:
        """The totals that ``to_bytes`` wrote."""
        totals = cls()
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            for name, (blocks, steps, measures) in json.loads(archive["shape"].tobytes()).items():
                totals.blocks[int(name)] = blocks
                totals.cells[int(name)] = [
                    [_summary(archive, f"{name}/{i}/{j}/") for j in range(measures)] for i in range(steps)
                ]
        return totals


def _summary(archive: Any, prefix: str) -> Summary:
    values = {item.name: archive[prefix + item.name] for item in fields(Summary)}
    numbers = {item.name: values[item.name].item() for item in fields(Summary) if item.type in ("int", "float")}
    return Summary(**(values | numbers))
