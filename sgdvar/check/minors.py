r"""The checks of positive definiteness on (0, 1] by leading minors (Sylvester).

A minor that a certificate states is compared with determinants of integer matrices at more points u than its degree:
two polynomials of degree at most D that agree at D + 1 points are the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import count, pairwise
from typing import TypeVar

from sgdvar.certificates import Certificate, LeadingMinors, MatrixPolynomial, Minor, ScalarNetworks, size_text
from sgdvar.check.common import bernstein_numerators, check_shape, powers_of_u, require

__all__ = ["check_definite", "check_scalar_networks", "scalar_network_matrix"]

_MOST_LAYERS = 10  # bounds the work; from five layers on the matrix is not definite, and no certificate exists
_Number = TypeVar("_Number", int, Fraction)
PolynomialMatrix = list[list[list[Fraction]]]
"""Rows of entries; an entry is the list of its coefficients in powers of u."""


def check_definite(certificate: Certificate, C: MatrixPolynomial, evidence: LeadingMinors) -> None:
    """Checks the leading minors of a matrix of polynomials."""
    check_shape(C)
    _check_number(evidence, C.size)
    rows, n = range(C.size), C.design.max_batch_size
    entries = [[powers_of_u([M[i][j] for M in C.c_coefficients], n) for j in rows] for i in rows]
    _check_leading_minors(certificate, entries, evidence)


def check_scalar_networks(certificate: Certificate, networks: ScalarNetworks, evidence: LeadingMinors) -> None:
    """Checks the leading minors of the matrix that settles all scalar networks of a depth."""
    depth = networks.depth
    require(1 <= depth <= _MOST_LAYERS, f"depth must be from 1 to {_MOST_LAYERS}, got {size_text(depth)}")
    _check_number(evidence, 2 * depth)
    _check_leading_minors(certificate, scalar_network_matrix(depth), evidence)


def scalar_network_matrix(depth: int) -> PolynomialMatrix:
    r"""The matrix N'(u) of ``ScalarNetworks``, of size 2L, by the product rule."""
    m = [[Fraction(1)]]
    for j in range(4 * depth - 2):
        m.append(_product(m[-1], [Fraction(1), Fraction(2 * j)]))
    slope = [[k * a for k, a in enumerate(p)][1:] or [Fraction(0)] for p in m]
    factor = [Fraction(1), Fraction(2)]

    def entry(i: int, k: int) -> list[Fraction]:
        gain = _sum([2 * a for a in m[i + k]], _product(factor, slope[i + k]))
        return _sum(gain, [-a for a in _sum(_product(slope[i], m[k]), _product(m[i], slope[k]))])

    return [[entry(i, k) for k in range(2 * depth)] for i in range(2 * depth)]


def _check_number(evidence: LeadingMinors, size: int) -> None:
    """Checks that there are as many minors as rows, before the matrix is built."""
    number = len(evidence.minors)
    require(number == size, f"minors must be {size}, one for each order, got {number}")


def _check_leading_minors(certificate: Certificate, matrix: PolynomialMatrix, evidence: LeadingMinors) -> None:
    """Checks that the minors are those of the matrix, and positive on (0, 1]."""
    require(certificate.from_batch_size == 1, "from_batch_size must be 1 for a claim on (0, 1]")
    size, minors = len(matrix), evidence.minors
    for order, minor in enumerate(minors, 1):
        _check_positive(minor, f"the leading minor of order {order}")
    degree = size * max(len(entry) - 1 for row in matrix for entry in row)
    degree = max(degree, *(len(minor.coefficients) - 1 for minor in minors))
    scale = math.lcm(*(a.denominator for row in matrix for entry in row for a in entry))
    entries = [[[int(a * scale) for a in entry] for entry in row] for row in matrix]
    missing = degree + 1
    for u in count(1):
        values = [_value(minor.coefficients, u) for minor in minors]
        if 0 in values[:-1]:  # elimination would stop here; a polynomial has only finitely many roots
            continue
        found = _leading_minors([[_value(entry, u) for entry in row] for row in entries])
        for order, value in enumerate(values, 1):
            agrees = order <= len(found) and found[order - 1] == value * scale**order
            require(agrees, f"the leading minor of order {order} must be that of the matrix at u = {u}")
        missing -= 1
        if missing == 0:
            return


def _check_positive(minor: Minor, name: str) -> None:
    coefficients, points = minor.coefficients, minor.breakpoints
    lowest = next((k for k, a in enumerate(coefficients) if a != 0), None)
    require(lowest is not None, f"{name} must not be 0")
    ends_fit = len(points) > 1 and points[0] == 0 and points[-1] == 1
    require(ends_fit, f"the breakpoints of {name} must go from 0 to 1")
    require(all(low < high for low, high in pairwise(points)), f"the breakpoints of {name} must increase")
    for k, (low, high) in enumerate(pairwise(points)):
        values, _ = bernstein_numerators(coefficients[lowest:], low, high)
        positive = min(values) >= 0 and values[0] > 0 and values[-1] > 0
        require(positive, f"{name} must have positive Bernstein coefficients from breakpoint {k} to {k + 1}")


def _leading_minors(M: list[list[int]]) -> list[int]:
    """The leading minors of an integer matrix by fraction-free elimination, up to the first that is 0."""
    found, before = [], 1
    for r in range(len(M)):
        pivot = M[r][r]
        found.append(pivot)
        if pivot == 0:
            break
        for i in range(r + 1, len(M)):
            for j in range(r + 1, len(M)):
                M[i][j] = (M[i][j] * pivot - M[i][r] * M[r][j]) // before  # exact (Bareiss)
        before = pivot
    return found


def _value(coefficients: Sequence[_Number], u: int) -> _Number:
    value = coefficients[-1]
    for a in reversed(coefficients[:-1]):
        value = value * u + a
    return value


def _product(left: list[Fraction], right: list[Fraction]) -> list[Fraction]:
    result = [Fraction(0)] * (len(left) + len(right) - 1)
    for j, a in enumerate(left):
        for k, value in enumerate(right):
            result[j + k] += a * value
    return result


def _sum(left: list[Fraction], right: list[Fraction]) -> list[Fraction]:
    size = max(len(left), len(right))
    padded = [values + [Fraction(0)] * (size - len(values)) for values in (left, right)]
    return [a + b for a, b in zip(*padded, strict=True)]
