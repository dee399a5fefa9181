"""Certificates of convexity in 1/b."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from flint import fmpz_poly

from sgdvar.certificates import Certificate, RealPieces, Verdict, number_text, reciprocal_text
from sgdvar.certify.orders import proved_verdict, settled
from sgdvar.certify.signs import Range, fractions_of, integer_polynomial, real_pieces, signed_ranges
from sgdvar.polynomial import BatchPolynomial

__all__ = ["certify_convex"]


def certify_convex(V: BatchPolynomial) -> Verdict:
    r"""Whether V is convex in u = 1/b, for all real u between the reciprocals of the batch sizes.

    .. math:: V''(u) \ge 0 \quad \text{for all real } u \in [0, 1], \text{ without replacement } u \in [\tfrac1n, 1]

    It is a claim about the polynomial at real u. It implies that the points (1/b, V(b)) are in convex position; the
    converse is false. Without replacement several polynomials agree at b = 1, ..., n, and the claim is about this one.

    Guarantees:
        For rational coefficients the answer is always "proved" or "refuted". The time has no useful bound: ranges are
        halved down to the distance of roots of V'', and roots may agree to thousands of digits.

    Args:
        V: A polynomial in 1/b.

    Returns:
        A Verdict as of ``certify_decreasing``. The witness is (u, V''(u)) with V''(u) < 0; ``from_batch_size`` is the
        least integer b such that V is convex for u up to 1/b, b < n without replacement, or None if there is none.

    Raises:
        TypeError: V is no BatchPolynomial.

    Examples:
        >>> import sgdvar as sv
        >>> V = sv.BatchPolynomial(sv.BatchDesign(sv.WithReplacement(), 10), (0, 3, 1, -1))  # V'' = 2 - 6 u
        >>> verdict = sv.certify_convex(V)
        >>> verdict.status, verdict.witness, verdict.from_batch_size
        ('refuted', (Fraction(3, 4), Fraction(-5, 2)), 3)
        >>> print(verdict)
        REFUTED: V''(u) < 0 at u = 3/4; V is convex for u up to 1/3
    """
    decided = settled(V, "convex", _HOLDS)
    if decided is not None:
        return decided
    second = [k * (k - 1) * a for k, a in enumerate(V.coefficients)][2:]
    P, n = integer_polynomial(second), V.design.max_batch_size
    square = _square_part(P)
    factor = P // (square * square)  # exact, with simple roots only
    points, failures = [Fraction(0) if n is None else Fraction(1, n)], []
    for at in reversed(list(signed_ranges(factor, n))):
        found, failure = _real_range(factor, at)
        if failure is not None:
            failures.append((failure, at.hi))
        elif not failures:
            points += found[1:]
    scale = second[-1] / int(P.leading_coefficient())
    scaled = tuple(scale * a for a in fractions_of(factor))
    evidence = RealPieces(scaled, fractions_of(square), tuple(points), failures[0][0] if failures else None)
    if not failures:
        return proved_verdict(Certificate("convex", V, 1, evidence), _HOLDS)
    u, start = failures[-1][0], failures[0][1]
    witness = (u, sum((a * u**k for k, a in enumerate(second)), Fraction(0)))
    fails = f"V''(u) < 0 at u = {number_text(u)}"
    if start is None:
        return Verdict("refuted", f"{fails}, and next to u = 0", witness=witness)
    if start == n:
        nowhere = f"V is convex on no interval from u = {reciprocal_text(n)} to a larger 1/b"
        return Verdict("refuted", f"{fails}; {nowhere}", witness=witness)
    return Verdict(
        "refuted",
        f"{fails}; V is convex for u up to {reciprocal_text(start)}",
        Certificate("convex", V, start, evidence),
        from_batch_size=start,
        witness=witness,
    )


_HOLDS = "V is convex in u = 1/b"


def _real_range(P: Any, at: Range) -> tuple[list[Fraction], Fraction | None]:
    """Points between which P is non-negative on a range of u; or a point near its left end where it is not."""
    left, right = Fraction(0) if at.hi is None else Fraction(1, at.hi), Fraction(1, at.lo)
    if at.sign > 0:
        return [left, right], None
    if at.sign == 0:
        return real_pieces(P, left, right)
    return [], (left + (right if at.hi is None else Fraction(1, at.hi - 1))) / 2


def _square_part(P: Any) -> Any:
    """The polynomial h of largest degree with P = g h^2."""
    _, factors = P.factor_squarefree()
    square = fmpz_poly([1])
    for factor, multiplicity in factors:
        square *= factor ** (multiplicity // 2)
    return square
