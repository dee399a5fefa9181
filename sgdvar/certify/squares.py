"""Sums of squares of symmetric rational matrices by exact elimination."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from flint import fmpq, fmpq_mat

from sgdvar.certificates import SumOfSquares

__all__ = ["rational_matrix", "sum_of_squares"]


def rational_matrix(rows: Sequence[Sequence[Fraction]]) -> Any:
    """The matrix in FLINT."""
    return fmpq_mat([[fmpq(a.numerator, a.denominator) for a in row] for row in rows])


def sum_of_squares(M: Any) -> tuple[SumOfSquares, None] | tuple[None, tuple[int, ...]]:
    r"""A symmetric matrix of FLINT as a sum of squares; or an integer vector x with :math:`x^\top M x < 0`.

    Symmetric elimination takes :math:`m m^\top / M_{pp}` away, m the column of a positive diagonal entry, one after the
    other; what is left when no such entry remains must be 0.
    """
    S, left = M.tolist(), list(range(M.nrows()))
    taken: list[int] = []
    weights: list[Fraction] = []
    vectors: list[tuple[int, ...]] = []
    while True:
        direction = _negative_direction(S, left)
        if direction is not None:
            return None, _in_integers(_extended(M, taken, direction))[0]
        pivot = next((i for i in left if S[i][i] > 0), None)
        if pivot is None:
            return SumOfSquares(tuple(weights), tuple(vectors)), None
        column = [S[pivot][j] if j in left else fmpq(0) for j in range(len(S))]
        value = S[pivot][pivot]
        vector, scale = _in_integers(column)
        weights.append(Fraction(int((scale**2 / value).p), int((scale**2 / value).q)))
        vectors.append(vector)
        left.remove(pivot)
        taken.append(pivot)
        for i in left:
            for j in left:
                S[i][j] -= column[i] * column[j] / value


def _negative_direction(S: list[list[Any]], left: list[int]) -> dict[int, Any] | None:
    """A vector with a negative square, if the diagonal is negative somewhere, or 0 in a row that is not."""
    for i in left:
        if S[i][i] < 0:
            return {i: fmpq(1)}
        j = next((j for j in left if S[i][j] != 0), None)
        if S[i][i] == 0 and j is not None:
            return {i: -(S[j][j] + 1) / (2 * S[i][j]), j: fmpq(1)}
    return None


def _extended(M: Any, taken: list[int], direction: dict[int, Any]) -> list[Any]:
    """The vector with these entries that makes the square least over the indices that were eliminated."""
    x = [direction.get(i, fmpq(0)) for i in range(M.nrows())]
    if taken:
        block = fmpq_mat([[M[i, j] for j in taken] for i in taken])
        right = fmpq_mat([[-sum((M[i, j] * value for j, value in direction.items()), fmpq(0))] for i in taken])
        for i, value in zip(taken, block.solve(right).tolist(), strict=True):
            x[i] = value[0]
    return x


def _in_integers(vector: Sequence[Any]) -> tuple[tuple[int, ...], Any]:
    """A vector as a tuple of integers without a common factor, times a positive number."""
    denominator = math.lcm(*(int(a.q) for a in vector))
    numerators = [int(a * denominator) for a in vector]
    divisor = math.gcd(*numerators)
    return tuple(a // divisor for a in numerators), fmpq(divisor, denominator)
