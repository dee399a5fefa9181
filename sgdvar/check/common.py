"""What the checks share: a refusal, ranges that fit together, shapes, and Bernstein coefficients."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import product

from sgdvar.certificates import GramPiece, MatrixPolynomial, Piece, size_text
from sgdvar.errors import CertificateError

__all__ = [
    "bernstein_numerators",
    "check_non_negative",
    "check_tiling",
    "factor_at",
    "powers_of_u",
    "reciprocal_range",
    "require",
]


def require(condition: bool, message: str) -> None:
    """Refuses unless the condition holds.

    Raises:
        CertificateError: It does not hold.
    """
    if not condition:
        raise CertificateError(message)


def check_start(start: int, end: int | None) -> None:
    """Checks that a claim begins at a batch size.

    Raises:
        CertificateError: It does not.
    """
    largest = "" if end is None else f" and at most {size_text(end)}"
    inside = start >= 1 and (end is None or start <= end)
    require(inside, f"from_batch_size must be at least 1{largest}, got {size_text(start)}")


def check_tiling(pieces: Iterable[Piece | GramPiece], start: int, end: int | None) -> None:
    """Checks that pieces share end points and go from ``start`` to ``end``; None is no end.

    Raises:
        CertificateError: A gap, an overlap, or a piece without batch sizes.
    """
    check_start(start, end)
    reached: int | None = start
    for piece in pieces:
        require(piece.b_lo == reached, f"{piece} must begin at b = {size_text(reached)}")
        if piece.b_hi is not None:
            require(piece.b_hi > piece.b_lo, f"{piece} must hold at least two batch sizes")
            require(end is None or piece.b_hi <= end, f"{piece} must end at b = {size_text(end)} or before")
        if piece.evidence == "compared":
            require(piece.b_hi == piece.b_lo + 1, f"{piece} must end at the next batch size")
        reached = piece.b_hi
    aim = "without end" if end is None else f"to b = {size_text(end)}"
    require(reached == end, f"the pieces must go on {aim}, got an end at b = {size_text(reached)}")


def check_shape(C: MatrixPolynomial) -> None:
    """Checks that every coefficient matrix is symmetric and of one size."""
    require(C.design.has_fresh_batches, f"the design must draw fresh batches, got {C.design.sampling}")
    require(C.c_coefficients != () and C.size > 0, "the matrix must not be empty")
    for k, M in enumerate(C.c_coefficients):
        require(len(M) == C.size and all(len(row) == C.size for row in M), f"C_{k} must have {C.size} rows and columns")
        require(all(M[i][j] == M[j][i] for i, j in product(range(C.size), repeat=2)), f"C_{k} must be symmetric")


def factor_at(batch_size: int, n: int | None) -> Fraction:
    """The variance factor c(b); n is None for independent draws."""
    if n is None:
        return Fraction(1, batch_size)
    return Fraction(0) if n == 1 else Fraction(n - batch_size, batch_size * (n - 1))


def powers_of_u(c_coefficients: Sequence[Fraction], n: int | None) -> list[Fraction]:
    r"""The coefficients in u = 1/b of :math:`\sum_k a_k c^k`, :math:`c = (nu - 1)/(n - 1)`, or c = u if n is None."""
    if n is None or n == 1:
        return list(c_coefficients if n is None else c_coefficients[:1])  # c(1) = 0
    degree = len(c_coefficients) - 1
    scale = math.lcm(*(a.denominator for a in c_coefficients))
    q = [int(a * scale) * (n - 1) ** (degree - k) for k, a in enumerate(c_coefficients)]
    for first in range(degree):  # Taylor shift from powers of nu - 1 to those of nu
        for k in range(degree - 1, first - 1, -1):
            q[k] -= q[k + 1]
    return [Fraction(value * n**k, scale * (n - 1) ** degree) for k, value in enumerate(q)]


def reciprocal_range(piece: Piece | GramPiece) -> tuple[Fraction, Fraction]:
    """The values of u = 1/b between which the b of a piece lie."""
    return Fraction(0) if piece.b_hi is None else Fraction(1, piece.b_hi), Fraction(1, piece.b_lo)


def check_non_negative(coefficients: Sequence[Fraction], left: Fraction, right: Fraction, what: str) -> None:
    """Checks that every Bernstein coefficient of a polynomial on an interval is non-negative.

    Raises:
        CertificateError: One is negative; ``what`` names the polynomial.
    """
    numerators, _ = bernstein_numerators(coefficients, left, right)
    for j, value in enumerate(numerators):
        require(value >= 0, f"Bernstein coefficient {j} of {what} must be non-negative")


def bernstein_numerators(
    coefficients: Sequence[Fraction], left: Fraction, right: Fraction
) -> tuple[list[int], list[int]]:
    r"""The Bernstein coefficients on [left, right] of :math:`\sum_k a_k u^k` as numerators over positive denominators.

    With :math:`q(s) = \sum_k q_k s^k` the polynomial at :math:`u = \text{left} + s\,(\text{right} - \text{left})`, of
    degree d, the j-th Bernstein coefficient times :math:`\binom dj` is :math:`\sum_{k \le j} \binom{d-k}{j-k} q_k`.
    """
    degree = len(coefficients) - 1
    scale = math.lcm(*(a.denominator for a in coefficients))
    grid = math.lcm(left.denominator, right.denominator)
    start, width = int(left * grid), int((right - left) * grid)
    q = [int(a * scale) * grid ** (degree - k) for k, a in enumerate(coefficients)]
    for first in range(degree):  # Taylor shift by Horner's scheme, one coefficient after the other
        for k in range(degree - 1, first - 1, -1):
            q[k] += start * q[k + 1]
    q = [value * width**k for k, value in enumerate(q)]
    for last in range(1, degree + 1):  # the sums above, by Pascal's rule
        for k in range(last, 0, -1):
            q[k] += q[k - 1]
    return q, [math.comb(degree, j) * scale * grid**degree for j in range(degree + 1)]
