r"""Where a polynomial in u = 1/b is non-negative, with FLINT.

Write :math:`R(b) = b^d P(1/b)`, a polynomial in b with the sign of P. By Descartes' rule of signs R has one sign on
:math:`[a, \infty)` if the coefficients of :math:`R(a + x)` do, and on :math:`[a, e]` if those of
:math:`(1+x)^d R((a + e x)/(1 + x))` do, which are the Bernstein coefficients times positive numbers. Where they do not,
the range is split, down to neighbouring integers.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from flint import fmpq, fmpq_poly, fmpz_poly

__all__ = [
    "Range",
    "fractions_of",
    "integer_polynomial",
    "positive_pieces",
    "real_pieces",
    "signed_ranges",
    "value_at",
]


class Range(NamedTuple):
    """Batch sizes from ``lo`` to ``hi`` and the sign of P on the real range: 1, -1 inside, 0 where it was not decided.

    Attributes:
        lo: The first batch size.
        hi: The last; None for a range without end.
        sign: 1 if P is nowhere negative; -1 if negative, except perhaps at the ends; otherwise 0, where hi = lo + 1.
    """

    lo: int
    hi: int | None
    sign: int


def integer_polynomial(coefficients: Sequence[Fraction]) -> Any:
    """A positive multiple with integer coefficients of a polynomial given by its own."""
    return fmpq_poly([fmpq(a.numerator, a.denominator) for a in coefficients]).numer()


def fractions_of(polynomial: Any) -> tuple[Fraction, ...]:
    """The coefficients of a polynomial of FLINT as Fractions."""
    values = fmpq_poly(polynomial).coeffs()
    return tuple(Fraction(int(a.p), int(a.q)) for a in values) or (Fraction(0),)


def signed_ranges(P: Any, end: int | None) -> Iterator[Range]:
    """Ranges with shared end points that tile the batch sizes from 1 to ``end``, in order, with the signs of P(1/b)."""
    R = fmpz_poly(list(reversed(P.coeffs())))
    tail_sign = 0
    if end is None:
        end = 1
        while not (tail_sign := _common_sign(R(fmpz_poly([end, 1])))):
            end *= 2
    pending = [(1, end)] if end > 1 else []
    while pending:
        lo, hi = pending.pop()
        sign = _common_sign(_on_half_line(R, lo, hi))
        if hi - lo == 1:
            yield Range(lo, hi, max(sign, 0))  # negative inside says nothing about the two ends
        elif sign:
            yield Range(lo, hi, sign)
        else:
            middle = min(max(math.isqrt(lo * hi), lo + 1), hi - 1)
            pending += [(middle, hi), (lo, middle)]
    if tail_sign:
        yield Range(end, None, tail_sign)


def real_pieces(P: Any, left: Fraction, right: Fraction) -> tuple[list[Fraction], Fraction | None]:
    """Points between which P is non-negative; or none, and a point where P is negative. P has simple roots only."""
    pending, points = deque([(left, right)]), [left]
    while pending:
        low, high = pending.popleft()
        middle = (low + high) / 2
        if P(_fmpq(middle)) < 0:
            return [], middle
        if _common_sign(_between(P, low, high)):
            points.append(high)
        else:
            pending += [(low, middle), (middle, high)]
    return sorted(points), None


def positive_pieces(P: Any) -> tuple[list[Fraction], Fraction | None]:
    """Points between which P is positive on [0, 1]; or none, and a point in (0, 1] where P is not positive.

    P(0) must not be 0, and P must have simple roots only, or none.
    """
    if P(0) < 0 or P(1) <= 0:
        u = Fraction(1)
        while P(_fmpq(u)) > 0:
            u /= 2
        return [], u
    pending, points = deque([(Fraction(0), Fraction(1))]), [Fraction(0)]
    while pending:
        low, high = pending.popleft()
        middle = (low + high) / 2
        if P(_fmpq(middle)) <= 0:
            return [], middle
        if _common_sign(_between(P, low, high)):
            points.append(high)
        else:
            pending += [(low, middle), (middle, high)]
    return sorted(points), None


def value_at(P: Any, u: Fraction) -> Fraction:
    """The value of a polynomial of FLINT."""
    value = P(_fmpq(u))
    return Fraction(int(value.p), int(value.q))


def _on_half_line(R: Any, lo: int, hi: int) -> Any:
    r"""The polynomial :math:`(1+x)^d R((lo + hi\,x)/(1+x))`: on x >= 0 it has the signs of R on the range."""
    from_lo = R(fmpz_poly([lo, hi - lo]))  # lo + (hi - lo) y with y = x / (1 + x) = 1 / (1 + 1/x)
    return fmpz_poly(list(reversed(from_lo.coeffs())))(fmpz_poly([1, 1]))


def _between(P: Any, low: Fraction, high: Fraction) -> Any:
    """The same for P between two fractions."""
    line = fmpq_poly([_fmpq(low), _fmpq(high - low)])
    shifted = fmpq_poly(P)(line).numer()
    return fmpz_poly(list(reversed(shifted.coeffs())))(fmpz_poly([1, 1]))


def _common_sign(polynomial: Any) -> int:
    """1 if no coefficient is negative, -1 if none is positive, otherwise 0."""
    coefficients = polynomial.coeffs()
    if all(a >= 0 for a in coefficients):
        return 1
    return -1 if all(a <= 0 for a in coefficients) else 0


def _fmpq(value: Fraction) -> fmpq:
    return fmpq(value.numerator, value.denominator)
