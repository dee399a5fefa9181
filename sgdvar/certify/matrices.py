"""Certificates that a symmetric matrix of polynomials never rises in b."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import count, islice, pairwise, product
from typing import Any, NamedTuple

import numpy as np
from flint import fmpq, fmpq_mat, fmpq_poly

from sgdvar.certificates import (
    Certificate,
    GramFactors,
    GramPiece,
    GramPieces,
    MatrixPolynomial,
    SumOfSquares,
    Verdict,
    record_text,
    size_text,
)
from sgdvar.certify.orders import proved_verdict, undecided
from sgdvar.certify.squares import rational_matrix, sum_of_squares
from sgdvar.scalars import check_count

__all__ = ["certify_covariance_decreasing"]

_HOLDS = "C never rises in the positive semidefinite order"
_MOST_DOUBLINGS = 20  # where a quick search for a rise ends
_SOON = 8  # the attempts at sums of squares without end, which may never come


def certify_covariance_decreasing(covariance: Any, *, most_pieces: int = 1000) -> Verdict:
    r"""Whether a symmetric matrix C(b) is non-increasing in the positive semidefinite order, on all valid integers b.

    .. math:: C(b) - C(b + 1) \succeq 0, \quad \text{that is, } x^\top C(b)\, x \text{ never rises, for every vector } x

    Proved by explicit sums of squares over the rationals, :math:`M = F D F^\top` with :math:`D > 0`, no eigenvalues:
    of each coefficient matrix of :math:`c(b)^k`, :math:`k \ge 1`, where these are positive semidefinite (the weights of
    linear regression), otherwise of Bernstein coefficients of dC/du on ranges of b and of differences of neighbours;
    where these do not end, by the signs of principal minors. Refuted by an exact vector x.

    Guarantees:
        For rational coefficients the answer is "proved" or "refuted" once ``most_pieces`` is large enough, for which 2n
        will do without replacement.

    Args:
        covariance: A symmetric array (d, d) of BatchPolynomials of one design, such as ``weight_covariance``.
        most_pieces: The most ranges of b to look at.

    Returns:
        A Verdict. "proved", with a certificate and ``from_batch_size`` 1. "refuted", with ``witness``
        (b, b + 1, x^T C(b) x, x^T C(b + 1) x, x), a rise; ``from_batch_size`` is the least integer from which C never
        rises, with a certificate for it, or None if there is none or it is not known. "undecided" for floats,
        symbols, and where ``most_pieces`` ranges do not decide.

    Raises:
        TypeError: An entry is no BatchPolynomial; ``most_pieces`` is no integer.
        ValueError: Not a symmetric square array, or of several designs; ``most_pieces`` below 1.

    Examples:
        >>> import sgdvar as sv
        >>> from fractions import Fraction
        >>> data = sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2])
        >>> sgd = sv.SGD(sv.LinearRegression(data), start=[0, 0], step_size=Fraction(1, 2))
        >>> C = sv.weight_covariance(sgd, step=2)
        >>> verdict = sv.certify_covariance_decreasing(C)
        >>> verdict.status, verdict.certificate.reason
        ('proved', 'every coefficient matrix of c(b)^k with k >= 1 is a sum of squares (k <= 2)')
        >>> sv.check_certificate(verdict.certificate, C)
        True
    """
    most_pieces = check_count(most_pieces, "most_pieces", least=1)
    array = np.asarray(covariance, dtype=object)
    C = MatrixPolynomial.of(array)
    reason = undecided(list(array.flat), ": only matrices of numbers are decided")
    if reason is not None:
        return reason
    sums = _sums_of_squares(rational_matrix(M) for M in C.c_coefficients[1:])
    if sums is not None:
        return proved_verdict(Certificate("covariance decreasing", C, 1, GramFactors(sums)), _HOLDS)
    return _by_pieces(C, most_pieces)


class _Rise(NamedTuple):
    """A batch size from which x^T C x rises to the next."""

    batch_size: int
    x: tuple[int, ...]


def _by_pieces(C: MatrixPolynomial, most_pieces: int) -> Verdict:
    rise, pieces = None, []
    for found in islice(_ranges_downwards(C), most_pieces):
        if isinstance(found, _Rise):
            rise = found
            break
        if found is not None:
            pieces.append(found)
    evidence = GramPieces(tuple(reversed(pieces)), None if rise is None else rise.x)
    if rise is not None:
        start = rise.batch_size + 1
        certificate = Certificate("covariance decreasing", C, start, evidence)
        vacuous = "" if pieces else ", for there is nothing left to compare"
        refuted = _refuted(C, rise, f"from there on it never rises{vacuous}")
        return replace(refuted, certificate=certificate, from_batch_size=start)
    if pieces and pieces[-1].b_lo == 1:
        return proved_verdict(Certificate("covariance decreasing", C, 1, evidence), _HOLDS)
    n = C.design.max_batch_size
    if n is None and not pieces and _rises_for_ever(C):
        return _refuted(C, _first_rise(C, (2**k for k in count())), "in the end it rises for ever in some direction")
    rise = _first_rise(C, (2**k for k in range(_MOST_DOUBLINGS) if n is None or 2**k < n))
    if rise is not None:
        return _refuted(C, rise, f"{most_pieces} ranges of b did not show where it stops")
    return Verdict(
        "undecided",
        f"not every coefficient matrix is positive semidefinite, and {most_pieces} ranges of b did not decide; pass a "
        "larger most_pieces",
    )


def _refuted(C: MatrixPolynomial, rise: _Rise | None, rest: str) -> Verdict:
    assert rise is not None
    b, x = rise
    witness = (b, b + 1, _square(C, b, x), _square(C, b + 1, x), x)
    rises = f"x^T C(b) x rises from b = {size_text(b)} to {size_text(b + 1)} for x = {record_text(x)}"
    return Verdict("refuted", f"{rises}; {rest}", witness=witness)


def _ranges_downwards(C: MatrixPolynomial) -> Iterator[GramPiece | _Rise | None]:
    """Ranges of b from the last one to the first, each with sums of squares, or None where it must be split."""
    end = C.design.max_batch_size
    if end is None:
        for found in _tail(C):
            yield found
        if found is None:
            return
        end = found.b_lo
    pending = [(1, end)] if end > 1 else []
    while pending:
        lo, hi = pending.pop()
        if hi - lo == 1:
            squares, x = sum_of_squares(rational_matrix(C(lo)) - rational_matrix(C(hi)))
            yield _Rise(lo, x or ()) if squares is None else GramPiece(lo, hi, "compared", (squares,))
        elif (sums := _sums_of_squares(_bernstein_matrices(C, Fraction(1, hi), Fraction(1, lo)))) is not None:
            yield GramPiece(lo, hi, "bernstein", sums)
        else:
            middle = min(max(math.isqrt(lo * hi), lo + 1), hi - 1)
            pending += [(lo, middle), (middle, hi)]
            yield None


def _tail(C: MatrixPolynomial) -> Iterator[GramPiece | None]:
    """The range without end, after None for each attempt; only None if C rises for ever."""
    for start in (2**k for k in range(_SOON)):
        sums = _sums_of_squares(_bernstein_matrices(C, Fraction(0), Fraction(1, start)))
        if sums is not None:
            yield GramPiece(start, None, "bernstein", sums)
            return
        yield None
    if _rises_for_ever(C):
        return
    for start in (2**k for k in count()):
        if all(value >= 0 for values in _differences(C, start) for value in values):
            yield GramPiece(start, None, "differences", ())
            return
        yield None


def _differences(C: MatrixPolynomial, start: int) -> Iterator[list[Any]]:
    r"""The forward differences at ``start`` of :math:`e_k`, k = 1, 2, ..., as ``GramPiece`` defines them."""
    degree = len(C.c_coefficients) - 1
    batch_sizes = range(start, start + 2 * degree * C.size + 1)
    values = [rational_matrix(C(b)) - rational_matrix(C(b + 1)) for b in batch_sizes]
    polynomials = [(M * (b * (b + 1)) ** degree).charpoly() for b, M in zip(batch_sizes, values, strict=True)]
    for k in range(1, C.size + 1):
        row, found = [(-1) ** k * p[C.size - k] for p in polynomials[: 2 * degree * k + 1]], []
        while row:
            found.append(row[0])
            row = [after - before for before, after in pairwise(row)]
        yield found


def _rises_for_ever(C: MatrixPolynomial) -> bool:
    """Whether some :math:`e_k` has a negative leading coefficient, so that C rises at every large b."""
    leading = (next((value for value in reversed(values) if value != 0), 0) for values in _differences(C, 1))
    return any(value < 0 for value in leading)


def _first_rise(C: MatrixPolynomial, batch_sizes: Iterable[int]) -> _Rise | None:
    """The first of these batch sizes at which C rises to the next."""
    for b in batch_sizes:
        _, x = sum_of_squares(rational_matrix(C(b)) - rational_matrix(C(b + 1)))
        if x is not None:
            return _Rise(b, x)
    return None


def _sums_of_squares(matrices: Iterable[Any]) -> tuple[SumOfSquares, ...] | None:
    """Each matrix as a sum of squares; None if one is not positive semidefinite."""
    sums = []
    for M in matrices:
        squares, _ = sum_of_squares(M)
        if squares is None:
            return None
        sums.append(squares)
    return tuple(sums)


def _bernstein_matrices(C: MatrixPolynomial, left: Fraction, right: Fraction) -> list[Any]:
    r"""The Bernstein coefficients of dC/du on a range of u: :math:`\sum_{k \le j} q_k \binom jk / \binom dk`."""
    degree = max(len(C.c_coefficients) - 2, 0)
    line = fmpq_poly([_fmpq(left), _fmpq(right - left)])
    matrices = [fmpq_mat(C.size, C.size) for _ in range(degree + 1)]
    for i, k, entry in C.entries():
        q = fmpq_poly([_fmpq(a) for a in entry.coefficients]).derivative()(line)
        for j, matrix in enumerate(matrices):
            value = sum((q[m] * math.comb(j, m) / math.comb(degree, m) for m in range(j + 1)), fmpq(0))
            matrix[i, k] = matrix[k, i] = value
    return matrices


def _square(C: MatrixPolynomial, b: int, x: tuple[int, ...]) -> Fraction:
    value = C(b)
    return sum((x[i] * x[j] * value[i][j] for i, j in product(range(C.size), repeat=2)), Fraction(0))


def _fmpq(value: Fraction) -> fmpq:
    return fmpq(value.numerator, value.denominator)
