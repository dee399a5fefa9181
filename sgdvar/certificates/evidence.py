r"""The kinds of evidence that a certificate can carry: numbers, and what they are to be checked for."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

from sgdvar.certificates.text import record_text, size_text

__all__ = [
    "Evidence",
    "GramFactors",
    "GramPiece",
    "GramPieces",
    "LeadingMinors",
    "Minor",
    "NonNegativeCoefficients",
    "Piece",
    "Pieces",
    "RealPieces",
    "SumOfSquares",
]


def _piece_text(b_lo: int, b_hi: int | None, evidence: str) -> str:
    end = "on" if b_hi is None else f"to {size_text(b_hi)}"
    return f"the piece from b = {size_text(b_lo)} {end} ({evidence})"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


@dataclass(frozen=True, repr=False)
class NonNegativeCoefficients:
    r"""Coefficients of :math:`c(b)^k` that are non-negative: for all k >= 1, or for k >= 2 (convexity).

    On the valid batch sizes c(b) is non-negative, decreases in b and is linear in 1/b. Where batches are doubled, or V
    multiplied by b, the constant term must not be positive either: :math:`c(2b) \le c(b)/2`, and b c(b) never rises.
    """

    __repr__ = record_text

    def __str__(self) -> str:
        return "non-negative coefficients"


@dataclass(frozen=True, repr=False)
class Piece:
    r"""A range of batch sizes, and why the claim holds for each b with :math:`b_{lo} \le b < b_{hi}`.

    Attributes:
        b_lo: The first batch size.
        b_hi: The batch size at which the next piece begins; None for a range without end.
        evidence: "bernstein": the polynomial in u = 1/b whose sign decides has non-negative Bernstein coefficients on
            :math:`[1/b_{hi}, 1/b_{lo}]`, so it is non-negative there for real u too. "compared": b_hi = b_lo + 1, and
            the claim holds at b_lo.
    """

    b_lo: int
    b_hi: int | None
    evidence: Literal["bernstein", "compared"]

    __repr__ = record_text

    def __str__(self) -> str:
        return _piece_text(self.b_lo, self.b_hi, self.evidence)


@dataclass(frozen=True, repr=False)
class Pieces:
    r"""Ranges of batch sizes that share end points and together cover all to which a claim applies.

    The polynomial in u whose sign decides is V'(u) for "decreasing", :math:`V(u) - 2V(u/2)` for "halving" and
    :math:`-\tfrac{d}{db} b V` for "scaled decreasing".

    Attributes:
        pieces: The ranges, in order of b.
    """

    pieces: tuple[Piece, ...]

    __repr__ = record_text

    def __str__(self) -> str:
        if not self.pieces:
            return "there are no two batch sizes to compare"
        compared = sum(piece.evidence == "compared" for piece in self.pieces)
        ranges = _counted(len(self.pieces) - compared, "range")
        rest = f", and values compared at {_counted(compared, 'batch size')}" if compared else ""
        return f"no Bernstein coefficient is negative on {ranges} of b{rest}"


@dataclass(frozen=True, repr=False)
class RealPieces:
    r"""A polynomial that is non-negative on an interval of real u, because it is :math:`g h^2` with :math:`g \ge 0`.

    Attributes:
        factor: The coefficients of g in powers of u.
        square: The coefficients of h, which takes the roots of even order.
        breakpoints: Increasing u from one end of the interval to the other; between neighbours every Bernstein
            coefficient of g is non-negative.
        failure: A u at which the polynomial is negative, right of the interval and before the next 1/b; None if the
            interval ends at 1.
    """

    factor: tuple[Fraction, ...]
    square: tuple[Fraction, ...]
    breakpoints: tuple[Fraction, ...]
    failure: Fraction | None

    __repr__ = record_text

    def __str__(self) -> str:
        return f"no Bernstein coefficient is negative on {_counted(len(self.breakpoints) - 1, 'range')} of real u"


@dataclass(frozen=True, repr=False)
class SumOfSquares:
    r"""A positive semidefinite matrix :math:`M = F D F^\top`, so :math:`x^\top M x = \sum_r d_r (f_r \cdot x)^2`.

    Attributes:
        weights: The diagonal of D, positive.
        vectors: The columns :math:`f_r` of F, integers.
    """

    weights: tuple[Fraction, ...]
    vectors: tuple[tuple[int, ...], ...]

    __repr__ = record_text


@dataclass(frozen=True, repr=False)
class GramFactors:
    """Every coefficient matrix of c(b)^k with k >= 1, as a sum of squares.

    Attributes:
        sums: One for each k = 1, 2, ...
    """

    sums: tuple[SumOfSquares, ...]

    __repr__ = record_text

    def __str__(self) -> str:
        return f"every coefficient matrix of c(b)^k with k >= 1 is a sum of squares (k <= {len(self.sums)})"


@dataclass(frozen=True, repr=False)
class GramPiece:
    r"""A range of batch sizes on which a matrix polynomial C never rises.

    Attributes:
        b_lo: The first batch size.
        b_hi: The last batch size; None for a range without end.
        evidence: "bernstein": every Bernstein coefficient of :math:`dC/du` on the range is a sum of squares.
            "compared": b_hi = b_lo + 1, and :math:`C(b_{lo}) - C(b_{hi})` is one. "differences", for ranges without
            end: the sums :math:`e_k` of the principal minors of order k of :math:`(b(b+1))^d (C(b) - C(b+1))`, d the
            degree of C, are polynomials in b of which all forward differences at :math:`b_{lo}` are non-negative. So no
            :math:`e_k` is negative at an integer from there on, and no eigenvalue is.
        sums: The sums of squares, in order.
    """

    b_lo: int
    b_hi: int | None
    evidence: Literal["bernstein", "compared", "differences"]
    sums: tuple[SumOfSquares, ...]

    __repr__ = record_text

    def __str__(self) -> str:
        return _piece_text(self.b_lo, self.b_hi, self.evidence)


@dataclass(frozen=True, repr=False)
class GramPieces:
    """Ranges that share end points and cover all batch sizes to which a claim about a matrix applies.

    Attributes:
        pieces: The ranges, in order of b.
        failure: A vector x for which x^T C x rises just before the first range; None if that begins at b = 1.
    """

    pieces: tuple[GramPiece, ...]
    failure: tuple[int, ...] | None

    __repr__ = record_text

    def __str__(self) -> str:
        if not self.pieces:
            return "there are no two batch sizes to compare"
        tail = ", and forward differences on the last" if self.pieces[-1:] and not self.pieces[-1].sums else ""
        return f"sums of squares on {_counted(len(self.pieces), 'range')} of b{tail}"


@dataclass(frozen=True, repr=False)
class Minor:
    """A leading minor that is positive on (0, 1].

    Attributes:
        coefficients: The minor in powers of u.
        breakpoints: From 0 to 1; between neighbours the Bernstein coefficients of the minor, divided by its lowest
            power of u, are non-negative, and the outer two positive.
    """

    coefficients: tuple[Fraction, ...]
    breakpoints: tuple[Fraction, ...]

    __repr__ = record_text


@dataclass(frozen=True, repr=False)
class LeadingMinors:
    """The leading minors of a symmetric matrix, all positive, so that it is positive definite (Sylvester).

    Attributes:
        minors: Those of order 1, 2, ... up to the size of the matrix.
    """

    minors: tuple[Minor, ...]

    __repr__ = record_text

    def __str__(self) -> str:
        return f"every leading minor is positive on (0, 1] (order <= {len(self.minors)})"


Evidence: TypeAlias = NonNegativeCoefficients | Pieces | RealPieces | GramFactors | GramPieces | LeadingMinors
