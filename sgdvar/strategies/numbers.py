"""Strategies for small rational numbers and arrays of them."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
from flint import fmpq, fmpq_mat
from hypothesis import strategies as st

from sgdvar.arithmetic import object_array
from sgdvar.scalars import Array, check_count
from sgdvar.strategies.checks import ROWS, Drawn, check_size, drawn_size, tried

__all__ = ["arrays", "matrices", "nested", "rationals", "rotations"]


def rationals(*, bound: int = 4, max_denominator: int = 3) -> st.SearchStrategy[Fraction]:
    """Fractions with small numerators and denominators; they shrink towards 0.

    Args:
        bound: Largest absolute value of a numerator.
        max_denominator: Largest denominator.

    Raises:
        TypeError: A bound is no integer.
        ValueError: ``bound`` is negative, or ``max_denominator`` below 1.

    Examples:
        >>> from hypothesis import find
        >>> from sgdvar.strategies import rationals
        >>> find(rationals(), lambda number: number.denominator > 1)
        Fraction(1, 2)
    """
    check_count(bound, "bound")
    check_count(max_denominator, "max_denominator", least=1)
    pairs = st.tuples(st.integers(-bound, bound), st.integers(1, max_denominator))
    return pairs.map(lambda pair: Fraction(*pair))  # Hypothesis shows this as one number, unlike st.builds


_RATIONALS = rationals()


@cache  # what is drawn again and again is made once: making a strategy takes longer than drawing from it
def nested(shape: tuple[int, ...], entries: st.SearchStrategy[Any] | None = None) -> st.SearchStrategy[Any]:
    """Nested lists of Fractions: what a person would write for an array."""
    strategy: st.SearchStrategy[Any] = _RATIONALS if entries is None else entries
    for size in reversed(shape):
        strategy = st.lists(strategy, min_size=size, max_size=size)
    return strategy


def arrays(shape: tuple[int, ...], entries: st.SearchStrategy[Any] | None = None) -> st.SearchStrategy[Array]:
    """Object arrays of Fractions.

    Args:
        shape: The shape.
        entries: A strategy for the entries; ``rationals()`` by default.

    Raises:
        TypeError: ``shape`` is no tuple of integers.
        ValueError: An empty shape, or ``entries`` that cannot be generated.

    Examples:
        >>> from hypothesis import find
        >>> from sgdvar.strategies import arrays
        >>> find(arrays((2,)), lambda array: array[0] > array[1])
        array([Fraction(0, 1), Fraction(-1, 1)], dtype=object)
    """
    if not isinstance(shape, tuple):
        raise TypeError(f"shape must be a tuple of integers, got {shape!r}")
    for size in shape:
        check_count(size, "shape", least=1)
    return tried(_arrays(shape, entries), "arrays", entries)


@cache
def _arrays(shape: tuple[int, ...], entries: st.SearchStrategy[Any] | None) -> st.SearchStrategy[Array]:
    return nested((math.prod(shape),), entries).map(lambda values: object_array(values, shape))


def matrices(columns: int, rows: Drawn[int] = ROWS) -> st.SearchStrategy[Array]:
    """Matrices A for ``matrix=``.

    Args:
        columns: The number of weights.
        rows: The number of rows.

    Raises:
        TypeError: A size is no integer.
        ValueError: A size is below 1, or cannot be generated.

    Examples:
        >>> from hypothesis import find
        >>> from sgdvar.strategies import matrices
        >>> find(matrices(2), lambda A: A.any())
        array([[Fraction(0, 1), Fraction(1, 1)]], dtype=object)
    """
    check_count(columns, "columns", least=1)
    return tried(_matrices(columns, check_size(rows, "rows")), "matrices", rows)


@st.composite
def _matrices(draw: st.DrawFn, columns: int, rows: Drawn[int]) -> Array:
    return draw(_arrays((drawn_size(draw, rows, "rows"), columns), None))


def rotations(dimension: int) -> st.SearchStrategy[Array]:
    r"""Rational rotation matrices, by Cayley's formula :math:`(I - S)(I + S)^{-1}` with S antisymmetric.

    Args:
        dimension: The number of rows and columns; rotations shrink towards the identity.

    Raises:
        TypeError: ``dimension`` is no integer.
        ValueError: ``dimension`` is below 1.

    Examples:
        >>> from hypothesis import find
        >>> from sgdvar.strategies import rotations
        >>> R = find(rotations(2), lambda R: R[0, 1] != 0)
        >>> (R @ R.T).tolist() == [[1, 0], [0, 1]]
        True
    """
    check_count(dimension, "dimension", least=1)
    below = dimension * (dimension - 1) // 2
    return st.lists(rationals(), min_size=below, max_size=below).map(lambda entries: _rotation(entries, dimension))


def _rotation(entries: list[Fraction], dimension: int) -> Array:
    S = fmpq_mat(dimension, dimension)
    for (i, j), value in zip(np.argwhere(np.tri(dimension, k=-1)).tolist(), entries, strict=True):
        S[i, j] = fmpq(value.numerator, value.denominator)
        S[j, i] = -S[i, j]
    identity = fmpq_mat(dimension, dimension, [int(i == j) for i in range(dimension) for j in range(dimension)])
    turned = ((identity - S) * (identity + S).inv()).entries()
    return object_array([Fraction(int(q.p), int(q.q)) for q in turned], (dimension, dimension))
