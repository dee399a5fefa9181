r"""Certificates that a polynomial in 1/b does not rise in b, made with FLINT.

With u = 1/b and :math:`V = p(u)`, V does not rise where :math:`p' \ge 0`. Write :math:`R(b) = b^d\, p'(1/b)`, a
polynomial in b with the sign of :math:`p'`. By Descartes' rule of signs R has one sign on :math:`[a, \infty)` if the
coefficients of :math:`R(a + x)` do, and on :math:`[a, e]` if those of :math:`(1+x)^d R((a + e x)/(1 + x))` do. Where
they do not, the range is split, down to neighbouring integers, whose values are compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from flint import fmpq, fmpq_poly, fmpz_poly

from sgdvar.certificates import MonotonePieces, NonNegativeCoefficients, Piece, Verdict, size_text
from sgdvar.polynomial import BatchPolynomial

__all__ = ["certify_decreasing"]


def certify_decreasing(V: BatchPolynomial) -> Verdict:
    r"""Whether V is non-increasing on all valid integers b, with a certificate or a witness.

    Guarantees:
        For rational coefficients the answer is always "proved" or "refuted".

    Args:
        V: A polynomial in 1/b that knows its design, hence its valid b.

    Returns:
        A Verdict. "proved", with a certificate and ``from_batch_size`` 1. "refuted", with ``witness``
        (b, b', V(b), V(b')) where b' = b + 1 is the first rise; ``from_batch_size`` is the least integer from which V
        never rises, with a certificate for it, or None if V rises for ever. "undecided" for floats, and for symbols
        unless their declared assumptions make every coefficient non-negative.

    Raises:
        TypeError: V is no BatchPolynomial.

    Examples:
        >>> import sgdvar as sv
        >>> design = sv.BatchDesign(sv.WithReplacement(), 10)
        >>> sv.certify_decreasing(sv.BatchPolynomial(design, (0, 3, 1))).status
        'proved'
        >>> verdict = sv.certify_decreasing(sv.BatchPolynomial(design, (0, 4, -3)))  # 4/b - 3/b^2
        >>> verdict.status, verdict.witness, verdict.from_batch_size
        ('refuted', (1, 2, Fraction(1, 1), Fraction(5, 4)), 2)
    """
    if not isinstance(V, BatchPolynomial):
        raise TypeError(f"V must be a BatchPolynomial, got {type(V).__name__}")
    if not V.is_exact:
        return Verdict(
            "undecided",
            "the coefficients are floats, which prove nothing; pass exact data, or rationalize it with "
            "sgdvar.rationalize",
        )
    if V.is_symbolic:
        return _symbolic(V)
    if all(a >= 0 for a in V.c_coefficients[1:]):
        return _proved(NonNegativeCoefficients())
    derivative = fmpq_poly([fmpq(v.numerator, v.denominator) for v in V.coefficients]).derivative().numer()
    reversed_derivative = fmpz_poly(list(reversed(derivative.coeffs())))
    return _from_pieces(V, list(_signed_pieces(V, reversed_derivative)))


def _proved(certificate: NonNegativeCoefficients | MonotonePieces) -> Verdict:
    return Verdict("proved", f"V never rises: {certificate}", certificate, from_batch_size=1)


def _symbolic(V: BatchPolynomial) -> Verdict:
    unknown = [a for a in V.c_coefficients[1:] if not a.is_nonnegative]
    if not unknown:
        return _proved(NonNegativeCoefficients())
    names = ", ".join(sorted({str(symbol) for a in unknown for symbol in a.free_symbols}))
    return Verdict(
        "undecided",
        f"the signs of the coefficients depend on the symbols {names}; put numbers for them, or declare assumptions "
        "that make every term non-negative",
    )


def _from_pieces(V: BatchPolynomial, pieces: list[tuple[Piece, bool]]) -> Verdict:
    rising = [piece for piece, rises in pieces if rises]
    if not rising:
        return _proved(MonotonePieces(1, tuple(piece for piece, _ in pieces), None))
    b = rising[0].b_lo
    witness = (b, b + 1, V(b), V(b + 1))
    start = rising[-1].b_hi
    rise = f"V rises from b = {size_text(b)} to {size_text(b + 1)}"
    if start is None:
        return Verdict("refuted", f"{rise}, and in the end it rises for ever", witness=witness)
    after = tuple(piece for piece, _ in pieces if piece.b_lo >= start)
    return Verdict(
        "refuted",
        f"{rise}; from b = {size_text(start)} on it never rises",
        MonotonePieces(start, after, (start - 1, start)),
        from_batch_size=start,
        witness=witness,
    )


def _signed_pieces(V: BatchPolynomial, R: Any) -> Iterator[tuple[Piece, bool]]:
    """Ranges that tile the valid batch sizes, in order; with each, whether V rises somewhere on it."""
    end = V.design.max_batch_size
    tail_sign = 0
    if end is None:
        end = 1
        while not (tail_sign := _common_sign(R(fmpz_poly([end, 1])))):
            end *= 2
    pending = [(1, end)] if end > 1 else []
    while pending:
        lo, hi = pending.pop()
        if hi - lo == 1:
            yield Piece(lo, hi, "compared"), V(hi) > V(lo)
        elif sign := _common_sign(_on_half_line(R, lo, hi)):
            yield Piece(lo, hi, "monotone"), sign < 0
        else:
            middle = min(max(math.isqrt(lo * hi), lo + 1), hi - 1)
            pending += [(middle, hi), (lo, middle)]
    if tail_sign:
        yield Piece(end, None, "monotone"), tail_sign < 0


def _on_half_line(R: Any, lo: int, hi: int) -> Any:
    r"""The polynomial :math:`(1+x)^d R((lo + hi\,x)/(1+x))`: on x >= 0 it has the signs of R on the range."""
    from_lo = R(fmpz_poly([lo, hi - lo]))  # lo + (hi - lo) y with y = x / (1 + x) = 1 / (1 + 1/x)
    return fmpz_poly(list(reversed(from_lo.coeffs())))(fmpz_poly([1, 1]))


def _common_sign(polynomial: Any) -> int:
    """1 if no coefficient is negative, -1 if none is positive, otherwise 0."""
    coefficients = polynomial.coeffs()
    if all(a >= 0 for a in coefficients):
        return 1
    return -1 if all(a <= 0 for a in coefficients) else 0
