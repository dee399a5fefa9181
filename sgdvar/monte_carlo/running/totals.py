"""What a run knows so far: summaries of whole blocks, joined in a fixed order, and their form as bytes."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

import numpy as np

from sgdvar.monte_carlo.statistics.summaries import Summary

__all__ = ["Cells", "Part", "Totals", "joined"]

Cells: TypeAlias = list[list[Summary]]
"""One list per step, with as many summaries each."""


def joined(known: Cells | None, new: Cells) -> Cells:
    """The summaries of two sets of replicates together."""
    if known is None:
        return new
    return [[a.merge(b) for a, b in zip(left, right, strict=True)] for left, right in zip(known, new, strict=True)]


@dataclass(frozen=True, eq=False)
class Part:
    """What is known of one batch size.

    Attributes:
        blocks: How many whole blocks are in the summaries: the first ones of this process.
        cells: The summaries.
    """

    blocks: int
    cells: Cells


@dataclass(frozen=True, eq=False)
class Totals:
    """What is known, by batch size.

    Attributes:
        parts: For each batch size of which anything is known.
    """

    parts: dict[int, Part] = field(default_factory=dict)

    def add(self, batch_size: int, cells: Cells) -> None:
        """Joins the summaries of the next whole block; an interrupt comes before or after, never in between."""
        known = self.parts.get(batch_size)
        blocks, before = (0, None) if known is None else (known.blocks, known.cells)
        self.parts[batch_size] = Part(blocks + 1, joined(before, cells))

    def blocks(self, batch_size: int) -> int:
        """How many whole blocks of a batch size are known."""
        return self.parts[batch_size].blocks if batch_size in self.parts else 0

    def all_blocks(self) -> int:
        """How many whole blocks are known."""
        return sum(part.blocks for part in self.parts.values())

    def to_bytes(self) -> bytes:
        """A NumPy archive without pickled objects, from which ``from_bytes`` restores every bit."""
        shape = {str(b): [part.blocks, len(part.cells), len(part.cells[0])] for b, part in self.parts.items()}
        arrays = {
            f"{b}/{i}/{j}/{item.name}": np.asarray(getattr(summary, item.name))
            for b, part in self.parts.items()
            for i, row in enumerate(part.cells)
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
                cells = [[_summary(archive, f"{name}/{i}/{j}/") for j in range(measures)] for i in range(steps)]
                totals.parts[int(name)] = Part(blocks, cells)
        return totals


def _summary(archive: Any, prefix: str) -> Summary:
    values = {item.name: archive[prefix + item.name] for item in fields(Summary)}
    numbers = {item.name: values[item.name].item() for item in fields(Summary) if item.type in ("int", "float")}
    return Summary(**(values | numbers))
