"""Tidying: floats that violate a claim become fractions that do, and these become as simple as they can."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import TypeAlias

import numpy as np

from sgdvar.scalars import Array

__all__ = ["Numbers", "as_floats", "cost", "roundings", "shrunk"]

Numbers: TypeAlias = tuple[Fraction, ...]
Promising: TypeAlias = Callable[[Array], Array]
"""Which rows of floats may be violations."""
Judge: TypeAlias = Callable[[Numbers], bool]

_DENOMINATORS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 40, 60, 80, 100)
_PASSES = 30
_FEW = 16  # numbers, of which pairs are changed together, too


def roundings(points: Array, largest: int) -> list[Numbers]:
    """Each row of floats rounded to fractions, coarsely and finely; numerators and denominators up to ``largest``."""
    grid = sorted({min(d, largest) for d in (*_DENOMINATORS, largest)})
    rows = points.tolist()
    found = {tuple(_rounded(value, d, largest) for value in row) for row in rows for d in grid}
    return sorted(found, key=_key)


def _rounded(value: float, denominator: int, largest: int) -> Fraction:
    """A near fraction; a small number becomes one over an integer, so that it stays what it is."""
    clipped = min(max(value, -largest), largest)
    if 0 < abs(clipped) * denominator < 1:
        near = Fraction(1, min(round(1 / max(abs(clipped), 0.5 / largest)), largest))
        return near if clipped > 0 else -near
    exact = Fraction(clipped).limit_denominator(denominator)
    while abs(exact.numerator) > largest:  # fewer digits behind the point for numbers with many before it
        denominator = max(1, denominator // 2)
        exact = Fraction(clipped).limit_denominator(denominator)
    return exact


def cost(numbers: Sequence[Fraction]) -> Fraction:
    """How hard numbers are to work with by hand: 0 costs nothing, a sign a little."""
    return sum((_cost(value) for value in numbers), Fraction(0))


def _cost(value: Fraction) -> Fraction:
    if value == 0:
        return Fraction(0)
    return Fraction(2 * abs(value.numerator) + 4 * (value.denominator - 1) + (value < 0), 2)


def shrunk(numbers: Numbers, largest: int, promising: Promising, judge: Judge) -> Numbers:
    """Simpler numbers that the judge accepts, where no single change of those tried makes them simpler still.

    Args:
        numbers: Numbers that the judge accepts.
        largest: The largest numerator and denominator.
        promising: Tells from floats what is worth judging.
        judge: Decides, exactly.

    Returns:
        The numbers.
    """
    for _ in range(_PASSES):
        before = numbers
        for candidates in _changes(numbers):
            new = {candidate for candidate in candidates(numbers) if cost(candidate) < cost(numbers)}
            simpler = sorted((candidate for candidate in new if _fits(candidate, largest)), key=_key)
            if not simpler:
                continue
            worth = promising(as_floats(simpler))
            numbers = next((new for new, may in zip(simpler, worth, strict=True) if may and judge(new)), numbers)
        if numbers == before:
            break
    return numbers


def _fits(numbers: Numbers, largest: int) -> bool:
    return all(abs(value.numerator) <= largest and value.denominator <= largest for value in numbers)


def _key(numbers: Numbers) -> tuple[Fraction, Numbers]:
    return cost(numbers), numbers


def _changes(numbers: Numbers) -> Iterator[Callable[[Numbers], Iterator[Numbers]]]:
    """Ways to change numbers: one at a time, and two that move together."""
    for i in range(len(numbers)):
        yield partial(_alone, i=i)
    for i in range(len(numbers) if len(numbers) <= _FEW else 0):
        for j in range(i + 1, len(numbers)):
            yield partial(_together, i=i, j=j)


def _alone(numbers: Numbers, i: int) -> Iterator[Numbers]:
    return (_with(numbers, {i: value}) for value in _simpler(numbers, i))


def _simpler(numbers: Numbers, i: int) -> Iterator[Fraction]:
    """Simpler values near one number, and the values of the others."""
    value = numbers[i]
    yield from (Fraction(k) for k in (0, 1, -1, 2, -2, 3, -3))
    yield from (-value, Fraction(math.floor(value)), Fraction(math.ceil(value)))
    yield from (value.limit_denominator(d) for d in range(1, min(value.denominator, 24)))
    if value.numerator:
        inverse = 1 / value
        yield from (1 / near for d in range(1, 12) if (near := inverse.limit_denominator(d)))
        step = Fraction(1, value.denominator)
        yield value - step if value > 0 else value + step
        yield from (Fraction(round(value.numerator * k / 10), value.denominator) for k in (2, 5, 8, 9))
    yield from (sign * other for other in numbers for sign in (1, -1))


def _together(numbers: Numbers, i: int, j: int) -> Iterator[Numbers]:
    """Two numbers of which one is scaled up as the other is scaled down, or both the same."""
    for factor in (
        Fraction(2),
        Fraction(3),
        Fraction(1, 2),
        Fraction(1, 3),
        abs(numbers[i]),
        abs(numbers[j]),
        -Fraction(1),
    ):
        if factor:
            for power in (1, 2, -1, -2):
                yield _with(numbers, {i: numbers[i] / factor, j: numbers[j] * factor**power})


def _with(numbers: Numbers, changed: dict[int, Fraction]) -> Numbers:
    return tuple(changed.get(k, value) for k, value in enumerate(numbers))


def as_floats(rows: Sequence[Numbers]) -> Array:
    """Fractions as rows of floats."""
    return np.array([[float(value) for value in row] for row in rows])
