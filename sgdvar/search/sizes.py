"""Smaller problems: members of a family without one of their examples, atoms or hidden units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from sgdvar.search.families import Family, FiniteFamily, PopulationFamily, arrays_from, numbers_from

__all__ = ["smaller"]

Member = tuple[Family, tuple[Fraction, ...]]


def smaller(family: Family, numbers: tuple[Fraction, ...]) -> Iterator[Member]:
    """All members that one removal leads to; examples are kept under reshuffling, where their number makes the epochs.

    Yields:
        A smaller family, and the numbers of its member.
    """
    arrays = arrays_from(family, numbers)
    if isinstance(family, FiniteFamily | PopulationFamily) and family.atoms > 1 and family.design.has_fresh_batches:
        for i in range(family.atoms):
            less: Any = arrays | {name: np.delete(arrays[name], i, axis=0) for name in ("X", "y")}
            if isinstance(family, FiniteFamily):
                yield (fewer := replace(family, examples=family.atoms - 1)), numbers_from(fewer, less)
            elif i < family.atoms - 1:  # its probability goes to the last atom
                less["probabilities"] = np.delete(arrays["probabilities"], i)
                yield (few := replace(family, atoms=family.atoms - 1)), numbers_from(few, less)
    for j, width in enumerate(family.widths[1:-1], 1):
        for unit in range(width if width > 1 else 0):
            less = arrays | {
                f"W{j}": np.delete(arrays[f"W{j}"], unit, axis=0),
                f"W{j + 1}": np.delete(arrays[f"W{j + 1}"], unit, axis=1),
            }
            widths = (*family.widths[:j], width - 1, *family.widths[j + 1 :])
            yield (narrow := replace(family, widths=widths)), numbers_from(narrow, less)
