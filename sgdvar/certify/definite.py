"""Certificates of positive definiteness on (0, 1], and what they settle for all scalar networks at once."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from operator import mul
from typing import Any, NamedTuple

import numpy as np
from flint import fmpq, fmpq_poly, fmpz_poly

from sgdvar.certificates import (
    Certificate,
    LeadingMinors,
    MatrixPolynomial,
    Minor,
    ScalarNetworks,
    Verdict,
    number_text,
)
from sgdvar.certify.orders import proved_verdict, undecided
from sgdvar.certify.signs import fractions_of, positive_pieces, value_at
from sgdvar.scalars import check_count

__all__ = ["certify_positive_definite", "certify_scalar_networks"]


def certify_positive_definite(matrix: Any) -> Verdict:
    r"""Whether a symmetric matrix M(u) of polynomials is positive definite for all real u = 1/b in (0, 1].

    By its leading minors, which are positive exactly where every leading block is positive definite (Sylvester).

    Guarantees:
        For rational coefficients the answer is always "proved" or "refuted". The time has no useful bound: ranges are
        halved down to the distance of roots of a minor, and roots may agree to thousands of digits.

    Args:
        matrix: A symmetric array (d, d) of BatchPolynomials of one design; only their coefficients in u count.

    Returns:
        A Verdict. "proved", with a certificate; "refuted", with ``witness`` (r, u, value): the leading minor of order r
        has this value at u, which is not positive, or only touches 0 somewhere in (0, u) if the value is None.
        "undecided" for floats and symbols.

    Raises:
        TypeError: An entry is no BatchPolynomial.
        ValueError: Not a symmetric square array, or of several designs.

    Examples:
        >>> import sgdvar as sv
        >>> u = sv.BatchPolynomial(sv.BatchDesign(sv.IID(), None), (0, 1))
        >>> M = [[2 * u, u], [u, 3 * u - u * u]]  # minors 2 u and 5 u^2 - 2 u^3
        >>> verdict = sv.certify_positive_definite(M)
        >>> verdict.status, [str(minor.coefficients[-1]) for minor in verdict.certificate.evidence.minors]
        ('proved', ['2', '-2'])
        >>> sv.certify_positive_definite([[2 * u, u], [u, u * u]]).witness  # 2 u^3 - u^2 is 0 at 1/2
        (2, Fraction(1, 2), Fraction(0, 1))
    """
    array = np.asarray(matrix, dtype=object)
    C = MatrixPolynomial.of(array)
    reason = undecided(list(array.flat), ": only matrices of numbers are decided")
    if reason is not None:
        return reason
    entries = {(i, j): entry.coefficients for i, j, entry in C.entries()}
    M = [[_polynomial(entries[min(i, j), max(i, j)]) for j in range(C.size)] for i in range(C.size)]
    minors, failure = _positive_minors(M)
    if failure is None:
        certificate = Certificate("positive definite", C, 1, LeadingMinors(minors))
        return proved_verdict(certificate, "the matrix is positive definite on (0, 1]")
    return Verdict("refuted", failure.text(), witness=tuple(failure))


def certify_scalar_networks(depth: int) -> Verdict:
    r"""Whether Var(g_1) decreases in b for *all* scalar deep linear networks of a depth, after one step.

    .. math:: f(x) = w_L \cdots w_1 x, \quad x \sim N(0, 1), \quad y = w^* x: \qquad
        \operatorname{Var}(A g_1 \mid w_0) \text{ never rises in } b

    for every start, teacher, step size and matrix A: a statement about all of them at once. The variance is a sum of
    quadratic forms :math:`a^\top N(u)\, a` in vectors that do not depend on b (proofs/deep_linear_scalar.py), so it is
    enough that :math:`N'(u)` is positive definite on (0, 1].

    Assumes:
        One weight per layer, inputs N(0, 1), no label noise, i.i.d. batches.

    Guarantees:
        "proved" for two, three and four layers. The matrix decides more than is needed, so it never refutes.

    Args:
        depth: The number of layers L.

    Returns:
        A Verdict, "proved" with a certificate, or "undecided" with the leading minor that is not positive.

    Raises:
        TypeError: ``depth`` is no integer.
        ValueError: ``depth`` is below 1.

    Examples:
        >>> import sgdvar as sv
        >>> verdict = sv.certify_scalar_networks(3)
        >>> verdict.status, sv.check_certificate(verdict.certificate, 3)
        ('proved', True)
        >>> sv.certify_scalar_networks(5).status
        'undecided'

    References:
        Derived in proofs/deep_linear_scalar.py.
    """
    depth = check_count(depth, "depth", least=1)
    u = fmpq_poly([0, 1])
    size = range(2 * min(depth, 5))  # the matrix of more layers begins with that of five, which is not definite
    m = list(accumulate((1 + 2 * j * u for j in range(2 * len(size) - 2)), mul, initial=fmpq_poly([1])))
    minors, failure = _positive_minors([
        [((1 + 2 * u) * m[i + k] - m[i] * m[k]).derivative() for k in size] for i in size
    ])
    if failure is None:
        certificate = Certificate("scalar networks decreasing", ScalarNetworks(depth), 1, LeadingMinors(minors))
        return proved_verdict(certificate, f"Var(g_1) never rises for any scalar network of depth {depth}")
    return Verdict(
        "undecided",
        f"N'(u) is not positive definite on (0, 1]: {failure.text()}. So it does not settle whether Var(g_1) can rise: "
        "networks give only some of the vectors",
    )


class _Failure(NamedTuple):
    """A leading minor that is not positive: its order, a point, and its value there (None: a double root before it)."""

    order: int
    u: Fraction
    value: Fraction | None

    def text(self) -> str:
        where = "has a double root before" if self.value is None else f"is {number_text(self.value)} at"
        return f"the leading minor of order {self.order} {where} u = {number_text(self.u)}"


def _positive_minors(M: list[list[Any]]) -> tuple[tuple[Minor, ...], _Failure | None]:
    """The leading minors by fraction-free elimination (Bareiss), up to the first that is not positive on (0, 1]."""
    minors, before = [], fmpq_poly([1])
    for r in range(len(M)):
        pivot = M[r][r]
        points, failure = _positive_on_unit(pivot, r + 1)
        if failure is not None:
            return (), failure
        minors.append(Minor(fractions_of(pivot), tuple(points)))
        for i in range(r + 1, len(M)):
            for k in range(r + 1, len(M)):
                M[i][k] = (M[i][k] * pivot - M[i][r] * M[r][k]) // before
        before = pivot
    return tuple(minors), None


def _positive_on_unit(minor: Any, order: int) -> tuple[list[Fraction], _Failure | None]:
    """Points between which Bernstein coefficients show that a minor is positive on (0, 1], or where it is not."""
    coefficients = minor.coeffs()
    lowest = next((k for k, a in enumerate(coefficients) if a != 0), None)
    if lowest is None:
        return [], _Failure(order, Fraction(1), Fraction(0))
    P = fmpq_poly(coefficients[lowest:]).numer()
    simple, double = _by_multiplicity(P)
    _, u = positive_pieces(simple)
    if u is not None:
        return [], _Failure(order, u, value_at(minor, u))
    _, u = positive_pieces(double)
    if u is not None:
        return [], _Failure(order, u, None if value_at(minor, u) else Fraction(0))
    return positive_pieces(P)[0], None


def _by_multiplicity(P: Any) -> tuple[Any, Any]:
    """The factors of odd order, with the sign of P, and those of even order, positive at 0, each once."""
    constant, factors = P.factor_squarefree()
    simple, double = fmpz_poly([1 if constant > 0 else -1]), fmpz_poly([1])
    for factor, multiplicity in factors:
        if multiplicity % 2:
            simple *= factor
        else:
            double *= factor if factor[0] > 0 else -factor
    return simple, double


def _polynomial(coefficients: Sequence[Fraction]) -> Any:
    return fmpq_poly([fmpq(a.numerator, a.denominator) for a in coefficients])
