"""The batches that may come next, with their probabilities, and how many sequences of them there are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations, combinations_with_replacement
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from flint import fmpq

from sgdvar.arithmetic import Arithmetic, FloatArithmetic, RationalArithmetic, object_array
from sgdvar.errors import BudgetExceededError
from sgdvar.sampling import BatchDesign, RandomReshuffling
from sgdvar.scalars import Array

__all__ = ["Draw", "Draws", "FreshDraws", "Left", "ReshuffledDraws", "check_budget", "draws_for", "working"]

Left: TypeAlias = tuple[int, ...]
"""The examples that are left of an epoch; none at its start, and at every step where batches are fresh."""


class Draw(NamedTuple):
    """The batches that may come next, of one size: rows of indices, their probabilities, and what each leaves."""

    batches: Array
    probabilities: Array
    left: Sequence[Left]


@dataclass(frozen=True, eq=False)
class FreshDraws:
    """The same batches at every step, listed when they are first drawn."""

    design: BatchDesign
    batch_size: int
    masses: Array
    arithmetic: Arithmetic

    def after(self, left: Left) -> Draw:
        """The batches that may come next."""
        return self._draw

    @cached_property
    def _draw(self) -> Draw:
        size, is_float = len(self.masses), isinstance(self.arithmetic, FloatArithmetic)
        if self.design.is_without_replacement:
            batches = list(combinations(range(size), self.batch_size))
            probabilities = _uniform(len(batches), is_float)
        else:
            batches = list(combinations_with_replacement(range(size), self.batch_size))
            exact = working(self.masses, RationalArithmetic() if is_float else self.arithmetic).tolist()
            probabilities = _entries([_multinomial(Counter(batch), exact) for batch in batches], is_float)
        return Draw(_indices(batches), probabilities, [()] * len(batches))


@dataclass(frozen=True, eq=False)
class ReshuffledDraws:
    """Disjoint batches until too few examples are left, then all examples again.

    Permutations that are cut into the same batches are one: a batch is any subset of what is left, all equally likely.
    """

    size: int
    batch_size: int
    drop_last: bool
    is_float: bool
    known: dict[Left, Draw] = field(default_factory=dict)

    def after(self, left: Left) -> Draw:
        """The batches that may come next."""
        if left not in self.known:
            self.known[left] = self._drawn(left)
        return self.known[left]

    def _drawn(self, left: Left) -> Draw:
        pool = left or tuple(range(self.size))
        batches = list(combinations(pool, min(self.batch_size, len(pool))))
        rest = [tuple(index for index in pool if index not in batch) for batch in map(set, batches)]
        if self.drop_last and len(rest[0]) < self.batch_size:
            rest = [()] * len(batches)
        return Draw(_indices(batches), _uniform(len(batches), self.is_float), rest)


Draws: TypeAlias = FreshDraws | ReshuffledDraws


def draws_for(design: BatchDesign, batch_size: int, masses: Array, arithmetic: Arithmetic) -> Draws:
    """The batches of a design, with probabilities that are exact, and for floats rounded once at the end."""
    if isinstance(design.sampling, RandomReshuffling):
        is_float = isinstance(arithmetic, FloatArithmetic)
        return ReshuffledDraws(len(masses), batch_size, design.sampling.drop_last, is_float)
    return FreshDraws(design, batch_size, masses, arithmetic)


def check_budget(design: BatchDesign, n: int, batch_size: int, draws: int, budget: int) -> None:
    """Refuses a sum over more than ``budget`` sequences of ``draws`` batches from n examples or atoms.

    Raises:
        BudgetExceededError: There are more.
    """
    counts, epochs, rest = _counts(design, n, batch_size, draws)
    single, begun = math.prod(counts), math.prod(counts[:rest])
    digits = epochs * math.log10(single) + math.log10(begun)
    needed = single**epochs * begun if digits < 300 else math.inf
    if needed <= budget:
        return
    each = f"{_rounded(math.log10(single), single)} batches in each of {draws} draws"
    if not design.has_fresh_batches:
        each = f"an epoch of {len(counts)} batches can be cut in {_rounded(math.log10(single), single)} ways"
    raise BudgetExceededError(
        f"enumeration must sum over at most budget = {budget:,} batch sequences, got {_rounded(digits, needed)} "
        f"({each}); lower step or the number of "
        f"{'atoms' if design.population_size is None else 'examples'}, choose another batch_size, or raise budget",
        needed=needed,
        limit=budget,
        unit="batch sequences",
    )


def _counts(design: BatchDesign, n: int, batch_size: int, draws: int) -> tuple[list[int], int, int]:
    """The numbers of batches at each draw of an epoch, how many whole epochs there are, and the draws beyond them."""
    if isinstance(design.sampling, RandomReshuffling):
        ends = range(n, 0 if not design.sampling.drop_last else batch_size - 1, -batch_size)
        counts = [math.comb(left, min(batch_size, left)) for left in ends]
    elif design.is_without_replacement:
        counts = [math.comb(n, batch_size)]
    else:
        counts = [math.comb(n + batch_size - 1, batch_size)]
    return counts, *divmod(draws, len(counts))


def _rounded(digits: float, count: float) -> str:
    return f"{count:,}" if digits < 15 else f"about 10^{digits:.0f}"


def _indices(batches: list[tuple[int, ...]]) -> Array:
    rows = np.array(batches)
    rows.setflags(write=False)
    return rows


def _uniform(count: int, is_float: bool) -> Array:
    return _entries([fmpq(1, count)] * count, is_float)


def _entries(probabilities: list[Any], is_float: bool) -> Array:
    if is_float:
        return np.array([int(value.p) / int(value.q) for value in probabilities])
    return object_array(probabilities, (len(probabilities),))


def _multinomial(counts: Counter[int], masses: list[Any]) -> Any:
    """The probability of drawing each example as often as its count says, in any order."""
    orders = math.factorial(counts.total()) // math.prod(map(math.factorial, counts.values()))
    return math.prod((masses[index] ** count for index, count in counts.items()), start=fmpq(orders))


def working(value: Any, arithmetic: Arithmetic) -> Array:
    """Working numbers; an array even of a single one, for NumPy would iterate over a polynomial."""
    numerators, denominator = arithmetic.numerators(np.atleast_1d(value))
    if isinstance(arithmetic, RationalArithmetic):
        return object_array([fmpq(entry, denominator) for entry in numerators.ravel().tolist()], numerators.shape)
    return numerators
