r"""The checks of claims about one polynomial :math:`V = \sum_k v_k u^k`, u = 1/b.

A claim holds at b if its *gap* there is non-negative, for example V(b) - V(b + 1). On a whole range of b it holds if
a polynomial in u, its *sign polynomial*, is non-negative on the range of u.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from sgdvar.certificates import Certificate, NonNegativeCoefficients, Pieces, RealPieces, size_text
from sgdvar.check.common import (
    check_non_negative,
    check_start,
    check_tiling,
    factor_at,
    powers_of_u,
    reciprocal_range,
    require,
)
from sgdvar.polynomial import BatchPolynomial

__all__ = ["check_coefficients", "check_pieces", "check_real_pieces"]


def check_coefficients(certificate: Certificate, V: BatchPolynomial, _: NonNegativeCoefficients) -> None:
    """Checks that coefficients in c(b) are non-negative; symbols count if their assumptions settle the sign."""
    require(certificate.from_batch_size == 1, "from_batch_size must be 1 where coefficients settle the claim")
    first = 2 if certificate.claim == "convex" else 1
    for k, a in enumerate(V.c_coefficients):
        non_negative = a.is_nonnegative is True if V.is_symbolic else a >= 0
        require(k < first or non_negative, f"the coefficient of c(b)^{k} must be non-negative")
    if certificate.claim in ("halving", "scaled decreasing"):
        a = V.c_coefficients[0]
        non_positive = a.is_nonpositive is True if V.is_symbolic else a <= 0
        require(non_positive, "the coefficient of c(b)^0 must not be positive")


def check_pieces(certificate: Certificate, V: BatchPolynomial, evidence: Pieces) -> None:
    """Checks a claim about batch sizes range by range, and that it fails just before the first."""
    claim, start, end = certificate.claim, certificate.from_batch_size, V.design.max_batch_size
    check_tiling(evidence.pieces, start, end // 2 + 1 if end is not None and claim == "halving" else end)
    if start > 1:
        before = f"the claim must fail just before b = {size_text(start)}, so that no smaller from_batch_size will do"
        require(_gap(claim, V, start - 1) < 0, before)
    sign_polynomial = _sign_polynomial(claim, V)
    for piece in evidence.pieces:
        if piece.evidence == "compared":
            require(_gap(claim, V, piece.b_lo) >= 0, f"the claim must hold on {piece}")
        else:
            check_non_negative(sign_polynomial, *reciprocal_range(piece), f"the sign polynomial on {piece}")


def check_real_pieces(certificate: Certificate, V: BatchPolynomial, evidence: RealPieces) -> None:
    """Checks that V'' is non-negative on an interval of u, and not up to the next 1/b."""
    start, end, points = certificate.from_batch_size, V.design.max_batch_size, evidence.breakpoints
    check_start(start, end)
    left, right = Fraction(0) if end is None else Fraction(1, end), Fraction(1, start)
    require(left < right or end == 1, "from_batch_size must be less than n, or the interval of u is one point")
    require(points[:1] == (left,), "breakpoints must begin at the least u, 0 or 1/n")
    require(points[-1:] == (right,), "breakpoints must end at 1/from_batch_size")
    require(all(low < high for low, high in pairwise(points)), "breakpoints must increase")
    second = _sign_polynomial("convex", V)
    product = _times(evidence.factor, _times(evidence.square, evidence.square))
    require(_trimmed(product) == _trimmed(second), "factor times square^2 must be the second derivative of V in u")
    for k, (low, high) in enumerate(pairwise(points)):
        check_non_negative(evidence.factor, low, high, f"factor from breakpoint {k} to {k + 1}")
    u = evidence.failure
    if start == 1:
        require(u is None, "failure must be None where from_batch_size is 1")
    else:
        inside = u is not None and Fraction(1, start) < u <= Fraction(1, start - 1)
        require(inside, "failure must be right of 1/b and at most 1/(b - 1), b = from_batch_size")
        value = sum((a * Fraction(u or 0) ** k for k, a in enumerate(second)), Fraction(0))
        require(value < 0, "the second derivative of V must be negative at failure, so that no smaller b will do")


def _gap(claim: str, V: BatchPolynomial, b: int) -> Fraction:
    """What must be non-negative at b."""
    if claim == "halving":
        return _value(V, b) - 2 * _value(V, 2 * b)
    if claim == "scaled decreasing":
        return b * _value(V, b) - (b + 1) * _value(V, b + 1)
    return _value(V, b) - _value(V, b + 1)


def _value(V: BatchPolynomial, b: int) -> Fraction:
    """V(b), by Horner's scheme."""
    c, value = factor_at(b, V.design.max_batch_size), Fraction(0)
    for a in reversed(V.c_coefficients):
        value = value * c + a
    return value


def _sign_polynomial(claim: str, V: BatchPolynomial) -> list[Fraction]:
    """The coefficients in u of V', V'', V(u) - 2 V(u/2), or -d(b V)/db."""
    v = powers_of_u(V.c_coefficients, V.design.max_batch_size)
    if claim == "halving":
        return [a * (1 - Fraction(2, 2**k)) for k, a in enumerate(v)]
    if claim == "scaled decreasing":
        return [a * (k - 1) for k, a in enumerate(v)]
    if claim == "convex":
        return [a * k * (k - 1) for k, a in enumerate(v)][2:] or [Fraction(0)]
    return [a * k for k, a in enumerate(v)][1:] or [Fraction(0)]


def _times(left: tuple[Fraction, ...], right: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
    result = [Fraction(0)] * (len(left) + len(right) - 1 if left and right else 0)
    for j, a in enumerate(left):
        for k, value in enumerate(right):
            result[j + k] += a * value
    return tuple(result)


def _trimmed(coefficients: tuple[Fraction, ...] | list[Fraction]) -> list[Fraction]:
    size = len(coefficients)
    while size and coefficients[size - 1] == 0:
        size -= 1
    return list(coefficients[:size])
