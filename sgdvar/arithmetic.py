"""Arrays of exact or floating-point numbers under one face, so that each recursion is written once.

Working numbers are ``fmpz`` numerators over one common denominator (rational), ``fmpq_mpoly`` (symbolic) or float64.
Fractions, SymPy expressions and floats stay outside: ``numerators`` lets them in, ``quotient`` lets them out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from flint import fmpz, fmpz_mat

from sgdvar.expressions import Expressions
from sgdvar.scalars import Array, Kind, Scalar

__all__ = [
    "Arithmetic",
    "FloatArithmetic",
    "RationalArithmetic",
    "SymbolicArithmetic",
    "arithmetic_for",
    "common_denominator",
    "object_array",
]


def object_array(entries: Sequence[Any], shape: tuple[int, ...]) -> Array:
    """An object array filled one entry at a time: NumPy would iterate over entries that are polynomials."""
    flat = np.empty(len(entries), dtype=object)
    for index, entry in enumerate(entries):
        flat[index] = entry
    return flat.reshape(shape)


def common_denominator(array: Array) -> tuple[Array, int]:
    """Integer numerators (int64 or Python ints) of an integer or rational array, over one common denominator."""
    if array.dtype.kind == "i":
        return array, 1
    ratios = [entry.as_integer_ratio() for entry in array.ravel().tolist()]
    denominator = math.lcm(*{divisor for _, divisor in ratios})
    numerators = [value * (denominator // divisor) for value, divisor in ratios]
    fits = max(map(abs, numerators), default=0) < 2**62
    return np.array(numerators, dtype=np.int64 if fits else object).reshape(array.shape), denominator


@dataclass(frozen=True)
class RationalArithmetic:
    """Exact rationals as FLINT integers over a common denominator."""

    def numerators(self, array: Array) -> tuple[Array, Any]:
        """Working numbers and their common denominator."""
        integers, denominator = common_denominator(array)
        return object_array([fmpz(value) for value in integers.ravel().tolist()], array.shape), fmpz(denominator)

    def matmul(self, left: Array, right: Array) -> Array:
        """The matrix product of two 2-D arrays."""
        (rows, inner), columns = left.shape, right.shape[1]
        product = fmpz_mat(rows, inner, left.ravel().tolist()) * fmpz_mat(inner, columns, right.ravel().tolist())
        result = np.empty(rows * columns, dtype=object)
        result[:] = product.entries()
        return result.reshape(rows, columns)

    def quotient(self, numerator: Any, denominator: Any) -> Scalar:
        """The Fraction numerator / denominator."""
        return Fraction(int(numerator), int(denominator))


@dataclass(frozen=True)
class SymbolicArithmetic:
    """Polynomials in SymPy symbols with rational coefficients, as FLINT multivariate polynomials."""

    expressions: Expressions

    def numerators(self, array: Array) -> tuple[Array, Any]:
        """Working numbers and the denominator 1: rational coefficients carry their own."""
        entries = [self.expressions.polynomial(value) for value in array.ravel().tolist()]
        return object_array(entries, array.shape), fmpz(1)

    def matmul(self, left: Array, right: Array) -> Array:
        """The matrix product of two 2-D arrays."""
        product: Array = np.dot(left, right)
        return product

    def quotient(self, numerator: Any, denominator: Any) -> Scalar:
        """The expanded SymPy expression numerator / denominator; the denominator is a number."""
        one = self.expressions.context.constant(1)
        return self.expressions.expanded(one * numerator / (one * denominator).coeffs()[0])


@dataclass(frozen=True)
class FloatArithmetic:
    """float64."""

    def numerators(self, array: Array) -> tuple[Array, Any]:
        """The array as float64 and the denominator 1.

        Raises:
            OverflowError: A number beyond the range of floats.
        """
        try:
            return np.asarray(array, dtype=np.float64), 1
        except OverflowError:
            raise OverflowError("numbers must be within the range of floats, below 1.8e308, to join floats") from None

    def matmul(self, left: Array, right: Array) -> Array:
        """The matrix product of two 2-D arrays."""
        product: Array = left @ right
        return product

    def quotient(self, numerator: Any, denominator: Any) -> Scalar:
        """The float numerator / denominator."""
        return float(numerator / denominator)


Arithmetic: TypeAlias = RationalArithmetic | SymbolicArithmetic | FloatArithmetic


def arithmetic_for(kind: Kind, arrays: Iterable[Any]) -> Arithmetic:
    """The arithmetic in which numbers of a kind are computed with.

    Args:
        kind: The joint kind of all numbers.
        arrays: Where symbols may occur: arrays or single numbers; looked at for the symbolic kind only.
    """
    if kind == "float":
        return FloatArithmetic()
    if kind != "symbolic":
        return RationalArithmetic()
    return SymbolicArithmetic(Expressions.of(arrays))
