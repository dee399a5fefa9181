"""Certificates of orders among the values of one polynomial."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sgdvar.certificates import Certificate, NonNegativeCoefficients, Piece, Pieces, Property, Verdict, size_text
from sgdvar.certify.signs import Range, integer_polynomial, signed_ranges
from sgdvar.polynomial import BatchPolynomial

__all__ = [
    "certify_decreasing",
    "certify_halving",
    "certify_scaled_decreasing",
    "proved_verdict",
    "settled",
    "undecided",
]


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
    return _certified(V, _DECREASING)


def certify_scaled_decreasing(V: BatchPolynomial) -> Verdict:
    r"""Whether b V(b) is non-increasing on all valid integers b: the variance per example drawn.

    .. math:: (b + 1)\, V(b + 1) \le b\, V(b)

    It says that larger batches gain at least what averaging alone would give. A polynomial with non-negative
    coefficients in c(b) and no constant term has this order, so every variance of linear regression does.

    Guarantees:
        For rational coefficients the answer is always "proved" or "refuted".

    Args:
        V: A polynomial in 1/b.

    Returns:
        A Verdict as of ``certify_decreasing``; the witness is (b, b + 1, b V(b), (b + 1) V(b + 1)).

    Raises:
        TypeError: V is no BatchPolynomial.

    Examples:
        >>> import sgdvar as sv
        >>> V = sv.BatchPolynomial(sv.BatchDesign(sv.WithReplacement(), 10), (0, 3, 1, -1))  # 3/b + 1/b^2 - 1/b^3
        >>> sv.certify_decreasing(V).status, sv.certify_scaled_decreasing(V).witness
        ('proved', (1, 2, Fraction(3, 1), Fraction(13, 4)))
    """
    return _certified(V, _SCALED)


def certify_halving(V: BatchPolynomial) -> Verdict:
    r"""Whether a doubled batch size at least halves V, for all valid integers b that can be doubled.

    .. math:: V(2b) \le \tfrac12 V(b) \qquad (2b \le n \text{ without replacement})

    Guarantees:
        For rational coefficients the answer is always "proved" or "refuted".

    Args:
        V: A polynomial in 1/b.

    Returns:
        A Verdict as of ``certify_decreasing``; the witness is (b, 2b, V(b)/2, V(2b)).

    Raises:
        TypeError: V is no BatchPolynomial.

    Examples:
        >>> import sgdvar as sv
        >>> V = sv.BatchPolynomial(sv.BatchDesign(sv.WithReplacement(), 10), (0, 3, 1, -1))  # 3/b + 1/b^2 - 1/b^3
        >>> verdict = sv.certify_halving(V)
        >>> verdict.status, verdict.witness, verdict.from_batch_size
        ('refuted', (1, 2, Fraction(3, 2), Fraction(13, 8)), 2)
    """
    return _certified(V, _HALVING)


def undecided(polynomials: Sequence[BatchPolynomial], wanted: str) -> Verdict | None:
    """The verdict on floats, and on symbols whose signs do not settle what is wanted; None for rational numbers."""
    if not all(V.is_exact for V in polynomials):
        return Verdict(
            "undecided",
            "the coefficients are floats, which prove nothing; pass exact data, or rationalize it with "
            "sgdvar.rationalize",
        )
    symbols = {str(x) for V in polynomials if V.is_symbolic for a in V.c_coefficients for x in a.free_symbols}
    if not symbols:
        return None
    return Verdict("undecided", f"there are the symbols {', '.join(sorted(symbols))}; put numbers for them{wanted}")


def settled(V: BatchPolynomial, claim: Property, proved: str) -> Verdict | None:
    """The verdict where the kind of numbers, or the signs of coefficients in c(b), settle it.

    Raises:
        TypeError: V is no BatchPolynomial.
    """
    if not isinstance(V, BatchPolynomial):
        raise TypeError(f"V must be a BatchPolynomial, got {type(V).__name__}")
    certificate = Certificate(claim, V, 1, NonNegativeCoefficients())
    declare = f", or declare assumptions from which it follows that {certificate.reason}"
    if not V.is_exact:
        return undecided([V], declare)
    first = 2 if claim == "convex" else 1
    non_negative = all(a.is_nonnegative if V.is_symbolic else a >= 0 for a in V.c_coefficients[first:])
    constant = V.c_coefficients[0]
    needs_no_constant = claim in ("halving", "scaled decreasing")
    if not non_negative or (needs_no_constant and not (constant.is_nonpositive if V.is_symbolic else constant <= 0)):
        return undecided([V], declare)
    return proved_verdict(certificate, proved)


def proved_verdict(certificate: Certificate, proved: str) -> Verdict:
    """The verdict on a claim that holds everywhere."""
    return Verdict("proved", f"{proved}: {certificate.reason}", certificate, from_batch_size=1)


@dataclass(frozen=True)
class _Order:
    """A claim about each batch size: that right(b) <= left(b).

    Attributes:
        claim: Its name.
        partner: The other batch size that b is compared with.
        left: The side that must be larger.
        right: The side that must be smaller.
        sign: The coefficients in u of a polynomial whose sign on real ranges decides, from those of V.
        end: The batch size before which the claim applies, from the largest.
        holds: The claim in words.
        fails: What happens at b where it fails.
        later: The claim in words that follow "from b = 2 on".
        ever: The opposite, in words that follow "in the end".
    """

    claim: Property
    partner: Callable[[int], int]
    left: Callable[[BatchPolynomial, int], Fraction]
    right: Callable[[BatchPolynomial, int], Fraction]
    sign: Callable[[Sequence[Fraction]], list[Fraction]]
    end: Callable[[int], int]
    holds: str = "V never rises"
    fails: str = "V rises from b = {b} to {partner}"
    later: str = "it never rises"
    ever: str = "it rises for ever"


_DECREASING = _Order(
    claim="decreasing",
    partner=lambda b: b + 1,
    left=lambda V, b: V(b),
    right=lambda V, b: V(b + 1),
    sign=lambda v: [k * a for k, a in enumerate(v)][1:],
    end=lambda n: n,
)
_SCALED = _Order(
    claim="scaled decreasing",
    partner=lambda b: b + 1,
    left=lambda V, b: b * V(b),
    right=lambda V, b: (b + 1) * V(b + 1),
    sign=lambda v: [(k - 1) * a for k, a in enumerate(v)],
    end=lambda n: n,
    holds="b V(b) never rises",
    fails="b V(b) rises from b = {b} to {partner}",
)
_HALVING = _Order(
    claim="halving",
    partner=lambda b: 2 * b,
    left=lambda V, b: V(b) / 2,
    right=lambda V, b: V(2 * b),
    sign=lambda v: [(1 - Fraction(2, 2**k)) * a for k, a in enumerate(v)],
    end=lambda n: n // 2 + 1,
    holds="V(2b) is never more than V(b)/2",
    fails="V({partner}) is more than V({b})/2",
    later="V(2b) is never more than V(b)/2",
    ever="V(2b) is more than V(b)/2 for ever",
)


def _certified(V: BatchPolynomial, order: _Order) -> Verdict:
    decided = settled(V, order.claim, order.holds)
    if decided is not None:
        return decided
    n = V.design.max_batch_size
    P = integer_polynomial(order.sign(V.coefficients))
    ranges = list(signed_ranges(P, None if n is None else order.end(n)))
    failing = [found for found in (_failures(V, order, at) for at in ranges) if found is not None]
    pieces = tuple(Piece(lo, hi, "bernstein" if sign else "compared") for lo, hi, sign in ranges)
    if not failing:
        return proved_verdict(Certificate(order.claim, V, 1, Pieces(pieces)), order.holds)
    b, start = failing[0][0], failing[-1][1]
    partner = order.partner(b)
    fails = order.fails.format(b=size_text(b), partner=size_text(partner))
    witness = (b, partner, order.left(V, b), order.right(V, b))
    if start is None:
        return Verdict("refuted", f"{fails}, and in the end {order.ever}", witness=witness)
    after = Pieces(tuple(piece for piece in pieces if piece.b_lo >= start))
    vacuous = "" if after.pieces else ", for there is nothing left to compare"
    return Verdict(
        "refuted",
        f"{fails}; from b = {size_text(start)} on {order.later}{vacuous}",
        Certificate(order.claim, V, start, after),
        from_batch_size=start,
        witness=witness,
    )


def _failures(V: BatchPolynomial, order: _Order, at: Range) -> tuple[int, int | None] | None:
    """The first batch size of a range at which the claim fails, and the one after the last (None: no last one)."""
    if at.sign > 0:
        return None
    if order.right(V, at.lo) > order.left(V, at.lo):
        return at.lo, at.hi
    return (at.lo + 1, at.hi) if at.sign < 0 else None
