r"""The checker of certificates: short, in Python integers, and independent of the code that makes them.

Everything is done in the variance factor c, in which a BatchPolynomial is stored: c increases with u = 1/b, so
:math:`dV/du \ge 0` says the same as :math:`dV/dc \ge 0`.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Literal

from sgdvar.certificates import Certificate, MonotonePieces, NonNegativeCoefficients, Piece, size_text
from sgdvar.errors import CertificateError
from sgdvar.polynomial import BatchPolynomial

__all__ = ["check_certificate"]


def check_certificate(certificate: Certificate | None, V: BatchPolynomial) -> Literal[True]:
    r"""Checks that V never rises from ``certificate.from_batch_size`` on, and that this batch size is the least.

    Guarantees:
        True is returned only for a certificate that proves this of V.

    Args:
        certificate: From a Verdict, or from anywhere.
        V: The polynomial that it is about, with rational coefficients (symbols are allowed for
            NonNegativeCoefficients, if their assumptions make every coefficient non-negative).

    Returns:
        True.

    Raises:
        CertificateError: It proves nothing about V; the message says where it fails.
        TypeError: V is no BatchPolynomial.

    Examples:
        >>> import sgdvar as sv
        >>> V = sv.BatchPolynomial(sv.BatchDesign(sv.WithReplacement(), 10), (0, 3, 1))
        >>> sv.check_certificate(sv.certify_decreasing(V).certificate, V)
        True
    """
    if not isinstance(V, BatchPolynomial):
        raise TypeError(f"V must be a BatchPolynomial, got {type(V).__name__}")
    _require(V.is_exact, "V must have exact coefficients, got floats")
    if isinstance(certificate, NonNegativeCoefficients):
        _check_coefficients(V)
    elif isinstance(certificate, MonotonePieces):
        _require(not V.is_symbolic, "V must have rational coefficients, got symbols")
        _check_tiling(certificate, V)
        _check_last_rise(certificate, V)
        for piece in certificate.pieces:
            _check_piece(piece, V)
    else:
        raise CertificateError(
            f"certificate must be NonNegativeCoefficients or MonotonePieces, got {type(certificate).__name__}"
        )
    return True


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise CertificateError(message)


def _check_coefficients(V: BatchPolynomial) -> None:
    for k, a in enumerate(V.c_coefficients):
        is_non_negative = a.is_nonnegative is True if V.is_symbolic else a >= 0
        _require(k == 0 or is_non_negative, f"the coefficient of c(b)^{k} must be non-negative")


def _is_batch_size(value: object, V: BatchPolynomial) -> bool:
    end = V.design.max_batch_size
    return type(value) is int and value >= 1 and (end is None or value <= end)


def _check_tiling(certificate: MonotonePieces, V: BatchPolynomial) -> None:
    end = V.design.max_batch_size
    reached: int | None = certificate.from_batch_size
    _require(_is_batch_size(reached, V), f"from_batch_size must be a valid batch size, got {size_text(reached)}")
    _require(isinstance(certificate.pieces, tuple), f"pieces must be a tuple, got {type(certificate.pieces).__name__}")
    for piece in certificate.pieces:
        _require(isinstance(piece, Piece), f"pieces must hold Pieces, got {type(piece).__name__}")
        _require(type(piece.b_lo) is int and piece.b_lo == reached, f"{piece} must begin at b = {size_text(reached)}")
        if piece.b_hi is not None:
            _require(_is_batch_size(piece.b_hi, V), f"{piece} must end at a valid batch size")
            _require(piece.b_hi > piece.b_lo, f"{piece} must hold at least two batch sizes")
        reached = piece.b_hi
    aim = "without end" if end is None else f"to b = {size_text(end)}"
    _require(reached == end, f"the pieces must go on {aim}, got b = {size_text(reached)}")


def _check_last_rise(certificate: MonotonePieces, V: BatchPolynomial) -> None:
    b, rise = certificate.from_batch_size, certificate.last_rise
    if b == 1:
        _require(rise is None, "last_rise must be None where from_batch_size is 1")
        return
    _require(rise == (b - 1, b), f"last_rise must end at from_batch_size = {size_text(b)} and begin just before")
    _require(V(b) > V(b - 1), f"V must rise just before b = {size_text(b)}, so that no smaller from_batch_size will do")


def _check_piece(piece: Piece, V: BatchPolynomial) -> None:
    lo, hi = piece.b_lo, piece.b_hi
    if piece.evidence == "compared":
        _require(hi == lo + 1, f"{piece} must hold two neighbours")
        _require(V(lo + 1) <= V(lo), f"V must not rise on {piece}")
    elif piece.evidence == "monotone":
        right = V.design.variance_factor(lo)
        left = Fraction(0) if hi is None else V.design.variance_factor(hi)
        derivative = [k * a for k, a in enumerate(V.c_coefficients)][1:]
        for j, value in enumerate(_bernstein_coefficients(derivative, left, right)):
            _require(value >= 0, f"on {piece}, Bernstein coefficient {j} of dV/du must be non-negative")
    else:
        raise CertificateError(f'evidence must be "monotone" or "compared", got {piece.evidence!r}')


def _bernstein_coefficients(coefficients: list[Fraction], left: Fraction, right: Fraction) -> list[int]:
    r"""The Bernstein coefficients on [left, right] of :math:`\sum_k a_k c^k`, each times a positive number.

    With :math:`q(s) = \sum_k q_k s^k` the polynomial at :math:`c = \text{left} + s\,(\text{right} - \text{left})`, of
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
    return q
