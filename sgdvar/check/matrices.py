r"""The checks of claims about a symmetric matrix :math:`C = \sum_k C_k\, c(b)^k`: sums of squares."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations_with_replacement, pairwise, product

from sgdvar.certificates import (
    Certificate,
    GramFactors,
    GramPiece,
    GramPieces,
    MatrixPolynomial,
    RationalMatrix,
    SumOfSquares,
    size_text,
)
from sgdvar.check.common import (
    bernstein_numerators,
    check_shape,
    check_tiling,
    factor_at,
    powers_of_u,
    reciprocal_range,
    require,
)

__all__ = ["check_gram_factors", "check_gram_pieces"]


def check_gram_factors(certificate: Certificate, C: MatrixPolynomial, evidence: GramFactors) -> None:
    """Checks that every coefficient matrix but the constant one is a sum of squares."""
    check_shape(C)
    require(certificate.from_batch_size == 1, "from_batch_size must be 1 where coefficient matrices settle the claim")
    count = len(C.c_coefficients) - 1
    require(len(evidence.sums) == count, f"sums must be {count}, one for each k >= 1, got {len(evidence.sums)}")
    for k, (M, squares) in enumerate(zip(C.c_coefficients[1:], evidence.sums, strict=True), 1):
        _check_sum(M, squares, f"sum {k}", f"C_{k}")


def check_gram_pieces(certificate: Certificate, C: MatrixPolynomial, evidence: GramPieces) -> None:
    """Checks that C never rises range by range, and that it does just before the first."""
    check_shape(C)
    start = certificate.from_batch_size
    check_tiling(evidence.pieces, start, C.design.max_batch_size)
    x = evidence.failure
    if start == 1:
        require(x is None, "failure must be None where from_batch_size is 1")
    else:
        require(x is not None and len(x) == C.size, f"failure must be a vector of length {C.size}")
        rise = _quadratic_form(_difference(C, start, start - 1), x or ())
        require(rise > 0, f"x^T C x must rise just before b = {size_text(start)}, for x = failure")
    for piece in evidence.pieces:
        if piece.evidence == "differences":
            _check_differences(C, piece)
        else:
            _check_range(C, piece)


def _check_range(C: MatrixPolynomial, piece: GramPiece) -> None:
    """Checks the sums of squares of one range."""
    if piece.evidence == "compared":
        wanted, names = [_difference(C, piece.b_lo, piece.b_lo + 1)], ["C(b_lo) - C(b_hi)"]
    else:
        wanted = _bernstein_matrices(C, *reciprocal_range(piece))
        names = [f"Bernstein coefficient {j} of dC/du" for j in range(len(wanted))]
    require(len(piece.sums) == len(wanted), f"{piece} must have {len(wanted)} sums, got {len(piece.sums)}")
    for k, (M, squares, name) in enumerate(zip(wanted, piece.sums, names, strict=True)):
        _check_sum(M, squares, f"on {piece}, sum {k}", name)


def _check_differences(C: MatrixPolynomial, piece: GramPiece) -> None:
    """Checks forward differences of the sums of principal minors, as polynomials in b."""
    endless = piece.b_hi is None and C.design.max_batch_size is None and piece.sums == ()
    require(endless, f"{piece} must have no end and no sums")
    degree, start = len(C.c_coefficients) - 1, piece.b_lo
    scale = math.lcm(*(a.denominator for M in C.c_coefficients for row in M for a in row))
    values = []
    for b in range(start, start + 2 * degree * C.size + 1):
        factor = scale * (b * (b + 1)) ** degree
        values.append(_minor_sums([[int(factor * a) for a in row] for row in _difference(C, b, b + 1)]))
    for k in range(C.size):
        row = [value[k] for value in values[: 2 * degree * (k + 1) + 1]]  # as many as its degree in b needs
        while row:
            require(row[0] >= 0, f"on {piece}, every difference of the principal minors of order {k + 1} must be >= 0")
            row = [after - before for before, after in pairwise(row)]


def _minor_sums(A: list[list[int]]) -> list[int]:
    """The sums of the principal minors of order 1, 2, ... (Faddeev and LeVerrier)."""
    size, sums = range(len(A)), []
    B = [[int(i == j) for j in size] for i in size]
    for k in range(1, len(A) + 1):
        AB = [[sum(A[i][m] * B[m][j] for m in size) for j in size] for i in size]
        sums.append(sum(AB[i][i] for i in size) // k)  # exact
        B = [[sums[-1] * (i == j) - AB[i][j] for j in size] for i in size]
    return sums


def _check_sum(M: RationalMatrix, squares: SumOfSquares, which: str, name: str) -> None:
    size, weights, vectors = len(M), squares.weights, squares.vectors
    require(len(weights) == len(vectors), f"{which} must have a weight for each vector")
    require(all(weight > 0 for weight in weights), f"{which} must have positive weights")
    require(all(len(f) == size for f in vectors), f"{which} must have vectors of length {size}")
    common = math.lcm(*(weight.denominator for weight in weights))
    numerators = [weight.numerator * (common // weight.denominator) for weight in weights]
    for i in range(size):
        for j in range(i, size):
            total = sum(d * f[i] * f[j] for d, f in zip(numerators, vectors, strict=True))
            agrees = total * M[i][j].denominator == M[i][j].numerator * common
            require(agrees, f"{which} must be {name}, and is not at [{i}, {j}]")


def _difference(C: MatrixPolynomial, b: int, other: int) -> RationalMatrix:
    """C(b) - C(other)."""
    powers = [factor_at(batch_size, C.design.max_batch_size) for batch_size in (b, other)]
    changes = [powers[0] ** k - powers[1] ** k for k in range(len(C.c_coefficients))]
    pairs, size = list(zip(changes, C.c_coefficients, strict=True)), range(C.size)
    return tuple(tuple(sum((p * M[i][j] for p, M in pairs), Fraction(0)) for j in size) for i in size)


def _quadratic_form(M: RationalMatrix, x: tuple[int, ...]) -> Fraction:
    return sum((M[i][j] * x[i] * x[j] for i, j in product(range(len(x)), repeat=2)), Fraction(0))


def _bernstein_matrices(C: MatrixPolynomial, left: Fraction, right: Fraction) -> list[RationalMatrix]:
    """The Bernstein coefficients of dC/du on a range of u."""
    degree, size = max(len(C.c_coefficients) - 2, 0), C.size
    matrices = [[[Fraction(0)] * size for _ in range(size)] for _ in range(degree + 1)]
    for i, j in combinations_with_replacement(range(size), 2):
        entry = powers_of_u([M[i][j] for M in C.c_coefficients], C.design.max_batch_size)
        derivative = [k * a for k, a in enumerate(entry)][1:]
        derivative += [Fraction(0)] * (degree + 1 - len(derivative))
        numerators, denominators = bernstein_numerators(derivative, left, right)
        for matrix, p, q in zip(matrices, numerators, denominators, strict=True):
            matrix[i][j] = matrix[j][i] = Fraction(p, q)
    return [tuple(map(tuple, matrix)) for matrix in matrices]
