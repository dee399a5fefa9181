"""Claims about matrices of polynomials: the semidefinite order, positive definiteness, all scalar networks at once."""

from __future__ import annotations

import dataclasses
import runpy
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import sympy
from hypothesis import example, given, settings, strategies as st

import sgdvar as sv
from sgdvar.certificates import GramFactors, GramPiece, GramPieces, MatrixPolynomial, Minor, SumOfSquares
from sgdvar.check.common import factor_at, powers_of_u
from sgdvar.check.minors import scalar_network_matrix

IID = sv.BatchDesign(sv.IID(), None)
U = sympy.Symbol("u")
SCALAR_PROOF = Path(__file__).parents[2] / "proofs" / "deep_linear_scalar.py"


def without(n):
    return sv.BatchDesign(sv.WithoutReplacement(), n)


def polynomial(*coefficients, design=IID):
    return sv.BatchPolynomial(design, tuple(map(Fraction, coefficients)))


def matrix_of(design, coefficients):
    """A symmetric matrix of polynomials from symmetric matrices of numbers."""
    size = len(coefficients[0])
    result = np.empty((size, size), dtype=object)
    for i, j in np.ndindex(size, size):
        result[i, j] = polynomial(*(M[i][j] for M in coefficients), design=design)
    return result


def determinant(M):
    if not M:
        return Fraction(1)
    return sum((-1) ** j * M[0][j] * determinant([[*row[:j], *row[j + 1 :]] for row in M[1:]]) for j in range(len(M)))


def is_positive_semidefinite(M):
    """By all principal minors."""
    rows = range(len(M))
    return all(
        determinant([[M[i][j] for j in chosen] for i in chosen]) >= 0
        for size in rows
        for chosen in combinations(rows, size + 1)
    )


def difference(C, b):
    return [[C[i, j](b) - C[i, j](b + 1) for j in range(len(C))] for i in range(len(C))]


def square(M, x):
    return sum(a * b * M[i][j] for i, a in enumerate(x) for j, b in enumerate(x))


def refusal(certificate, V=None):
    with pytest.raises(sv.CertificateError) as error:
        sv.check_certificate(certificate, V)
    return str(error.value)


def symmetric(size, numbers):
    entries = iter(numbers)
    M = [[Fraction(0)] * size for _ in range(size)]
    for i in range(size):
        for j in range(i, size):
            M[i][j] = M[j][i] = next(entries)
    return M


small = st.integers(-4, 6).map(Fraction)


def matrices(size):
    return st.lists(small, min_size=size * (size + 1) // 2, max_size=size * (size + 1) // 2).map(
        lambda numbers: symmetric(size, numbers)
    )


stacks = st.integers(1, 3).flatmap(lambda size: st.lists(matrices(size), min_size=2, max_size=4))


# The semidefinite order


@settings(max_examples=150)
@given(st.one_of(st.just(IID), st.integers(1, 12).map(without)), stacks)
@example(without(1), [symmetric(1, [1]), symmetric(1, [-1])])
@example(without(2), [symmetric(2, [0, 0, 0]), symmetric(2, [0, 1, 0])])
@example(without(5), [symmetric(2, [0, 0, 0]), symmetric(2, [1, 1, 1]), symmetric(2, [0, 1, 0])])
def test_the_semidefinite_order_agrees_with_principal_minors_at_every_batch_size(design, coefficients):
    C = matrix_of(design, coefficients)
    n = design.max_batch_size
    verdict = sv.certify_covariance_decreasing(C)
    failing = [b for b in range(1, n or 30) if not is_positive_semidefinite(difference(C, b))]
    if n is not None:
        assert verdict.status == ("refuted" if failing else "proved")
        assert verdict.from_batch_size == (failing[-1] + 1 if failing else 1)
    elif verdict.status == "proved":
        assert failing == []
    elif verdict.from_batch_size is None:
        assert not is_positive_semidefinite(difference(C, 10**6))
    elif verdict.from_batch_size < 30:
        assert failing[-1] + 1 == verdict.from_batch_size
    if verdict.status == "refuted":
        b, following, before, after, x = verdict.witness
        assert following == b + 1
        assert after > before
        assert [before, after] == [square([[entry(c) for entry in row] for row in C], x) for c in (b, b + 1)]
        assert all(type(a) is int for a in x)
    if verdict.certificate is not None:
        assert verdict.certificate.from_batch_size == verdict.from_batch_size
        assert sv.check_certificate(verdict.certificate, C)


REGRESSION = sv.SGD(
    sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1], [2, 1]], [1, 0, 2, 1])), [0, 0], Fraction(1, 4)
)


def test_the_weights_of_linear_regression_decrease_by_their_coefficient_matrices():
    C = sv.weight_covariance(REGRESSION, step=3)
    verdict = sv.certify_covariance_decreasing(C)
    assert verdict.status == "proved"
    assert isinstance(verdict.certificate.evidence, GramFactors)
    assert sv.check_certificate(verdict.certificate, C)
    for k, squares in enumerate(verdict.certificate.evidence.sums, 1):
        for i, j in np.ndindex(2, 2):  # F D F^T, multiplied out
            total = sum(d * f[i] * f[j] for d, f in zip(squares.weights, squares.vectors, strict=True))
            assert total == C[i, j].c_coefficients[k]
    for b in (1, 2, 3):
        assert is_positive_semidefinite(difference(C, b))


def test_one_certificate_of_the_gradient_covariance_serves_every_matrix():
    """Cov(g_t) by polarisation of variances along vectors; its order is that of Var(A g_t) for every A."""
    V = {v: sv.gradient_variance(REGRESSION, 2, matrix=[list(v)]) for v in [(1, 0), (0, 1), (1, 1)]}
    cross = (V[1, 1] - V[1, 0] - V[0, 1]) * Fraction(1, 2)
    C = np.array([[V[1, 0], cross], [cross, V[0, 1]]], dtype=object)
    verdict = sv.certify_covariance_decreasing(C)
    assert verdict.status == "proved"
    assert sv.check_certificate(verdict.certificate, C)
    A = [[1, -2], [3, Fraction(1, 5)]]
    assert sv.certify_decreasing(sv.gradient_variance(REGRESSION, 2, matrix=A)).status == "proved"


def test_the_weights_of_a_network_are_decided_by_ranges():
    network = sv.DeepLinearNetwork(sv.GaussianPopulation(teacher=[0]))
    C = sv.weight_covariance(sv.SGD(network, start=[3, 1], step_size=Fraction(1, 2)), step=2)
    verdict = sv.certify_covariance_decreasing(C)
    assert verdict.status == "proved"
    assert isinstance(verdict.certificate.evidence, GramPieces)
    assert any(a < 0 for a in C[0, 0].c_coefficients)
    assert sv.check_certificate(verdict.certificate, C)
    assert all(is_positive_semidefinite(difference(C, b)) for b in range(1, 40))


def test_a_direction_in_which_the_covariance_rises_is_found_exactly():
    u, squared = polynomial(0, 1), polynomial(0, 0, 1)
    C = [[4 * u - 3 * squared, u], [u, 3 * u]]
    verdict = sv.certify_covariance_decreasing(C)
    b, following, before, after, x = verdict.witness
    assert (b, following, verdict.from_batch_size) == (1, 2, 2)
    assert after > before
    assert f"for x = {x}; from there on it never rises" in verdict.reason
    assert sv.check_certificate(verdict.certificate, np.array(C, dtype=object))


def test_what_rises_for_ever_is_refuted_without_a_certificate():
    verdict = sv.certify_covariance_decreasing([[polynomial(0, -1)]])
    assert (verdict.status, verdict.from_batch_size, verdict.certificate) == ("refuted", None, None)
    assert verdict.witness == (1, 2, -1, Fraction(-1, 2), (1,))
    assert verdict.reason.endswith("rises from b = 1 to 2 for x = (1,); in the end it rises for ever in some direction")
    late = sv.certify_covariance_decreasing([[polynomial(0, Fraction(-1, 100), 1)]])  # rises from b = 200 on
    assert late.witness[0] == 256
    assert late.from_batch_size is None


NEARLY_SINGULAR = [symmetric(2, [0, 0, 0]), symmetric(2, [6, 0, 0]), symmetric(2, [0, 3, 0]), symmetric(2, [0, 0, 2])]
"""C = 6 [[u, u^2/2], [u^2/2, u^3/3]], of which the derivative 6 (1, u) (1, u)^T has rank one at every u."""


def test_a_matrix_that_no_sums_of_squares_reach_is_settled_by_forward_differences():
    C = matrix_of(IID, NEARLY_SINGULAR)
    verdict = sv.certify_covariance_decreasing(C)
    assert verdict.status == "proved"
    (piece,) = verdict.certificate.evidence.pieces
    assert (piece.b_lo, piece.b_hi, piece.evidence, piece.sums) == (1, None, "differences", ())
    assert "forward differences" in verdict.reason
    assert sv.check_certificate(verdict.certificate, C)
    assert all(is_positive_semidefinite(difference(C, b)) for b in range(1, 60))


def test_forward_differences_that_are_negative_are_refused():
    falling = sv.certify_covariance_decreasing(matrix_of(IID, NEARLY_SINGULAR)).certificate
    rising = [*NEARLY_SINGULAR[:3], symmetric(2, [0, 0, -2])]
    forged = dataclasses.replace(falling, subject=MatrixPolynomial.of(matrix_of(IID, rising)))
    assert "every difference of the principal minors of order 2 must be >= 0" in refusal(forged)
    (piece,) = falling.evidence.pieces
    ended = GramPieces((dataclasses.replace(piece, b_hi=2), dataclasses.replace(piece, b_lo=2)), None)
    assert "must have no end and no sums" in refusal(dataclasses.replace(falling, evidence=ended))


def test_a_negative_eigenvalue_shows_in_the_principal_minors_of_full_order():
    C = MatrixPolynomial.of(matrix_of(IID, [[[0] * 3] * 3, [[5, 0, 0], [0, 5, 0], [0, 0, -1]]]))
    forged = sv.Certificate("covariance decreasing", C, 1, GramPieces((GramPiece(1, None, "differences", ()),), None))
    assert "of order 3 must be >= 0" in refusal(forged)
    late = MatrixPolynomial.of([[polynomial(0, Fraction(-1, 100), 1)]])  # its differences at b = 1: 2.98, 1.96, -0.02
    forged = sv.Certificate(
        "covariance decreasing", late, 1, GramPieces((GramPiece(1, None, "differences", ()),), None)
    )
    assert "of order 1 must be >= 0" in refusal(forged)


def test_a_vector_along_which_nothing_rises_shows_no_failure():
    u, squared = polynomial(0, 1), polynomial(0, 0, 1)
    certificate = sv.certify_covariance_decreasing([[4 * u - 3 * squared, u], [u, 3 * u]]).certificate
    assert certificate.from_batch_size == 2
    for x in [(0, 1), (0, 0)]:
        wrong = dataclasses.replace(certificate.evidence, failure=x)
        message = refusal(dataclasses.replace(certificate, evidence=wrong))
        assert message == "x^T C x must rise just before b = 2, for x = failure"
    for x in [None, (1,), (1, 0, 0)]:
        wrong = dataclasses.replace(certificate.evidence, failure=x)
        assert "failure must be a vector of length 2" in refusal(dataclasses.replace(certificate, evidence=wrong))


def test_a_matrix_is_decided_however_late_it_turns():
    u, squared = polynomial(0, 1), polynomial(0, 0, 50)
    C = np.array([[u - squared, polynomial(0)], [polynomial(0), u]], dtype=object)  # rises until b = 100
    verdict = sv.certify_covariance_decreasing(C)
    assert (verdict.status, verdict.from_batch_size) == ("refuted", 100)
    assert verdict.witness[:2] == (99, 100)
    assert sv.check_certificate(verdict.certificate, C)


def test_too_few_ranges_leave_it_undecided_with_a_remedy():
    numbers = [symmetric(1, [a]) for a in (0, Fraction(9, 50), Fraction(-17, 40), Fraction(1, 3))]
    C = matrix_of(IID, numbers)  # the derivative is (u - 2/5) (u - 9/20): negative between b = 2 and 3 only
    verdict = sv.certify_covariance_decreasing(C, most_pieces=2)
    assert verdict.status == "undecided"
    assert "2 ranges of b did not decide; pass a larger most_pieces" in verdict.reason
    assert sv.certify_covariance_decreasing(C).status == "proved"
    tail = matrix_of(IID, [symmetric(1, [a]) for a in (0, 1, -50)])
    started = sv.certify_covariance_decreasing(tail, most_pieces=2)
    assert (started.status, started.from_batch_size, started.witness[:2]) == ("refuted", None, (1, 2))
    assert "2 ranges of b did not show where it stops" in started.reason


def test_the_semidefinite_order_refuses_bad_input():
    u = polynomial(0, 1)
    with pytest.raises(ValueError, match=r"matrix must be a square array of BatchPolynomials, got shape \(2,\)"):
        sv.certify_covariance_decreasing([u, u])
    with pytest.raises(TypeError, match=r"matrix must hold BatchPolynomials, got int at \[0, 1\]"):
        sv.certify_covariance_decreasing([[u, 1], [1, u]])
    with pytest.raises(ValueError, match=r"matrix must be symmetric, got different entries at \[0, 1\] and \[1, 0\]"):
        sv.certify_covariance_decreasing([[u, u], [2 * u, u]])
    with pytest.raises(ValueError, match="matrix must have one design"):
        sv.certify_covariance_decreasing([[u, u], [u, polynomial(0, 1, design=without(4))]])
    with pytest.raises(ValueError, match="most_pieces must be at least 1, got 0"):
        sv.certify_covariance_decreasing([[u]], most_pieces=0)
    a = sympy.Symbol("a")
    for entries, remedy in [((0.0, 1.0), "rationalize"), ((0, a), "the symbols a; put numbers")]:
        for certify in (sv.certify_covariance_decreasing, sv.certify_positive_definite):
            verdict = certify([[sv.BatchPolynomial(IID, entries)]])
            assert verdict.status == "undecided"
            assert remedy in verdict.reason


def test_sums_of_squares_that_are_altered_are_refused():
    certificate = sv.certify_covariance_decreasing(sv.weight_covariance(REGRESSION, step=2)).certificate
    first, *rest = certificate.evidence.sums

    def with_first(**changes):
        return dataclasses.replace(certificate, evidence=GramFactors((dataclasses.replace(first, **changes), *rest)))

    assert "must be C_1, and is not at [0, 0]" in refusal(
        with_first(weights=(2 * first.weights[0], *first.weights[1:]))
    )
    assert "must have positive weights" in refusal(with_first(weights=(-first.weights[0], *first.weights[1:])))
    assert "must have a weight for each vector" in refusal(with_first(weights=first.weights[1:]))
    assert "must have vectors of length 2" in refusal(with_first(vectors=((1,), *first.vectors[1:])))
    assert "must be C_1" in refusal(with_first(vectors=(tuple(a + 1 for a in first.vectors[0]), *first.vectors[1:])))
    assert "one for each k >= 1, got 1" in refusal(dataclasses.replace(certificate, evidence=GramFactors((first,))))
    assert "from_batch_size must be 1" in refusal(dataclasses.replace(certificate, from_batch_size=2))


def test_a_negative_square_cannot_be_hidden_behind_a_weight_of_zero():
    C = MatrixPolynomial.of([[polynomial(0, -1)]])
    for squares in (
        SumOfSquares((Fraction(-1),), ((1,),)),
        SumOfSquares((Fraction(0),), ((1,),)),
        SumOfSquares((), ()),
    ):
        certificate = sv.Certificate("covariance decreasing", C, 1, GramFactors((squares,)))
        refusal(certificate)


def test_matrices_that_are_not_symmetric_or_square_are_refused_by_the_checker():
    good = sv.certify_covariance_decreasing([[polynomial(0, 1), polynomial(0)], [polynomial(0), polynomial(0, 1)]])
    for rows in [((1, 1), (0, 1)), ((1, 0),), ((1,), (0, 1))]:
        M = tuple(tuple(map(Fraction, row)) for row in rows)
        subject = dataclasses.replace(good.certificate.subject, c_coefficients=(M, M))
        assert "C_0 must" in refusal(dataclasses.replace(good.certificate, subject=subject))


# Positive definiteness on (0, 1]


def minor_is_positive(rows):
    """By SymPy's count of real roots on (0, 1]."""
    minor = sympy.Poly(sympy.Matrix(rows).det(method="berkowitz"), U)
    if minor.is_zero:
        return False
    lowest = min(k for (k,) in minor.monoms())
    rest = sympy.Poly(minor.as_expr() / U**lowest, U)
    return bool(rest.count_roots(0, 1) == 0 and rest.eval(1) > 0)


def in_sympy(C):
    return [
        [sum(sympy.Rational(*a.as_integer_ratio()) * U**k for k, a in enumerate(entry.coefficients)) for entry in row]
        for row in C
    ]


@settings(max_examples=80)
@given(st.integers(1, 3).flatmap(lambda size: st.lists(matrices(size), min_size=1, max_size=3)), st.booleans())
@example([symmetric(2, [1, 0, 1])], False)
@example([symmetric(2, [4, 1, 4]), symmetric(2, [-2, 0, 1])], False)
@example([symmetric(1, [0]), symmetric(1, [1]), symmetric(1, [-4]), symmetric(1, [4])], False)  # u (1 - 2u)^2
@example([symmetric(1, [1]), symmetric(1, [0]), symmetric(1, [-4]), symmetric(1, [0]), symmetric(1, [4])], False)
def test_positive_definiteness_agrees_with_root_counts(coefficients, times_transpose):
    if times_transpose:  # make more of them definite
        coefficients = [[[sum(a * b for a, b in zip(r, s, strict=True)) for s in M] for r in M] for M in coefficients]
    C = matrix_of(IID, coefficients)
    rows = in_sympy(C)
    expected = all(minor_is_positive([row[:r] for row in rows[:r]]) for r in range(1, len(rows) + 1))
    verdict = sv.certify_positive_definite(C)
    assert verdict.status == ("proved" if expected else "refuted")
    if expected:
        assert sv.check_certificate(verdict.certificate, C)
        return
    order, u, value = verdict.witness
    assert 0 < u <= 1
    found = sympy.Poly(sympy.Matrix([row[:order] for row in rows[:order]]).det(method="berkowitz"), U)
    if value is None:
        assert sympy.Poly(found.as_expr() / U ** min(k for (k,) in found.monoms()), U).count_roots(0, u) > 0
    else:
        assert value <= 0
        assert found.eval(sympy.Rational(*u.as_integer_ratio())) == sympy.Rational(*value.as_integer_ratio())


def test_minors_that_are_altered_are_refused():
    u, squared = polynomial(0, 1), polynomial(0, 0, 1)
    certificate = sv.certify_positive_definite([[2 * u, u], [u, 3 * u - squared]]).certificate
    first, second = certificate.evidence.minors
    assert (first.coefficients, second.coefficients) == ((0, 2), (0, 0, 5, -2))

    def with_minors(*minors):
        return dataclasses.replace(certificate, evidence=dataclasses.replace(certificate.evidence, minors=minors))

    wrong = Minor((Fraction(0), Fraction(0), Fraction(5), Fraction(-1)), second.breakpoints)
    assert refusal(with_minors(first, wrong)) == "the leading minor of order 2 must be that of the matrix at u = 1"
    higher = Minor((*second.coefficients, Fraction(1)), second.breakpoints)
    assert "of order 2 must be that of the matrix" in refusal(with_minors(first, higher))
    negative = Minor(tuple(-a for a in second.coefficients), second.breakpoints)
    assert "must have positive Bernstein coefficients" in refusal(with_minors(first, negative))
    assert "must not be 0" in refusal(with_minors(Minor((Fraction(0),), first.breakpoints), second))
    assert refusal(with_minors(first)) == "minors must be 2, one for each order, got 1"
    half = Minor(second.coefficients, (Fraction(0), Fraction(1, 2)))
    assert "must go from 0 to 1" in refusal(with_minors(first, half))
    back = Minor(second.coefficients, (Fraction(0), Fraction(1), Fraction(1, 2), Fraction(1)))
    assert "must increase" in refusal(with_minors(first, back))


def test_a_minor_that_vanishes_at_integers_is_still_compared():
    u = polynomial(0, 1)
    M = [[2 - u, polynomial(0)], [polynomial(0), (3 - u) * (4 - u)]]  # pivots of 0 at u = 2, 3 and 4
    verdict = sv.certify_positive_definite(M)
    assert verdict.status == "proved"
    assert sv.check_certificate(verdict.certificate, np.array(M, dtype=object))


# All scalar networks at once


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_all_scalar_networks_of_up_to_four_layers_decrease(depth):
    verdict = sv.certify_scalar_networks(depth)
    assert verdict.status == "proved"
    assert sv.check_certificate(verdict.certificate, depth)
    assert f"any scalar network of depth {depth}:" in verdict.reason
    for minor in verdict.certificate.evidence.minors:  # powers of u times positive coefficients
        assert min(minor.coefficients[next(k for k, a in enumerate(minor.coefficients) if a) :]) > 0


def test_the_minors_are_those_of_the_derivation():
    minors = runpy.run_path(str(SCALAR_PROOF))["minors"]()
    evidence = sv.certify_scalar_networks(4).certificate.evidence
    for minor, expected in zip(evidence.minors, minors, strict=False):
        assert list(minor.coefficients) == [
            Fraction(int(a.numerator), int(a.denominator)) for a in expected.to_dense()[::-1]
        ]


@pytest.mark.parametrize("depth", [5, 6, 9])
def test_from_five_layers_on_the_argument_ends_and_says_where(depth):
    verdict = sv.certify_scalar_networks(depth)
    assert (verdict.status, verdict.certificate) == ("undecided", None)
    assert "the leading minor of order 9 is about -1.43e-30 at u = 1/128" in verdict.reason
    ninth = runpy.run_path(str(SCALAR_PROOF))["minors"]()[8]
    assert float(ninth.evaluate(0, sympy.QQ(1, 128))) < 0
    assert "does not settle whether Var(g_1) can rise" in verdict.reason


def test_the_matrix_of_the_checker_is_the_derivative_of_the_quadratic_form():
    moments = [sympy.Integer(1)]
    for j in range(12):
        moments.append(sympy.expand(moments[-1] * (1 + 2 * j * U)))
    matrix = scalar_network_matrix(3)
    for i, k in np.ndindex(6, 6):
        expected = sympy.diff((1 + 2 * U) * moments[i + k] - moments[i] * moments[k], U)
        found = sum(sympy.Rational(*a.as_integer_ratio()) * U**e for e, a in enumerate(matrix[i][k]))
        assert sympy.expand(expected - found) == 0


@settings(max_examples=40)
@given(
    st.lists(st.builds(Fraction, st.integers(-9, 9), st.integers(1, 4)), min_size=2, max_size=4),
    st.builds(Fraction, st.integers(-9, 9), st.integers(1, 4)),
    st.builds(Fraction, st.integers(1, 20), st.integers(1, 8)),
)
def test_instances_decrease_as_the_universal_statement_says(weights, teacher, step_size):
    network = sv.DeepLinearNetwork(sv.GaussianPopulation(teacher=[teacher]))
    V = sv.gradient_variance(sv.SGD(network, [[[w]] for w in weights], step_size), step=1)
    assert sv.certify_decreasing(V).status == "proved"


def test_a_certificate_of_one_depth_does_not_serve_another():
    certificate = sv.certify_scalar_networks(2).certificate
    deeper = dataclasses.replace(certificate, subject=dataclasses.replace(certificate.subject, depth=3))
    assert refusal(deeper) == "minors must be 6, one for each order, got 4"
    assert "depth must be from 1 to 10, got 0" in refusal(
        dataclasses.replace(certificate, subject=dataclasses.replace(certificate.subject, depth=0))
    )
    with pytest.raises(ValueError, match="depth must be at least 1, got 0"):
        sv.certify_scalar_networks(0)
    with pytest.raises(TypeError, match="depth must be an integer"):
        sv.certify_scalar_networks(2.0)


def test_a_matrix_with_symbols_of_known_sign_is_undecided():
    p = sympy.Symbol("p", positive=True)
    data = sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2])
    C = sv.weight_covariance(sv.SGD(sv.LinearRegression(data), start=[0, 0], step_size=p), step=1)
    mixed = [[polynomial(0, 1), sv.BatchPolynomial(IID, (p,))], [sv.BatchPolynomial(IID, (p,)), polynomial(0, 1)]]
    for matrix in (C, [[p * polynomial(0, 1)]], mixed):
        for certify in (sv.certify_covariance_decreasing, sv.certify_positive_definite):
            verdict = certify(matrix)
            assert (verdict.status, verdict.reason) == (
                "undecided",
                "there are the symbols p; put numbers for them: only matrices of numbers are decided",
            )


def test_a_double_root_that_is_met_is_the_witness_itself():
    half = polynomial(Fraction(1, 2), -1) * polynomial(Fraction(3, 4), -1)
    for minor, witness in [(half * half, (1, Fraction(1, 2), 0)), (polynomial(1, -2, 1), (1, 1, 0))]:
        verdict = sv.certify_positive_definite([[minor]])
        assert verdict.witness == witness
        assert sum(a * verdict.witness[1] ** k for k, a in enumerate(minor.coefficients)) == 0
    third = polynomial(Fraction(1, 3), -1)  # no point of bisection: only known to lie before one
    assert sv.certify_positive_definite([[third * third]]).witness == (1, Fraction(1), None)


def test_floats_must_be_symmetric_up_to_rounding_and_are_never_certified():
    def floats(*coefficients):
        return sv.BatchPolynomial(IID, coefficients)

    nearly = [[floats(0.0, 1.0), floats(0.0, 0.1)], [floats(0.0, 0.1 + 1e-16), floats(0.0, 2.0)]]
    lopsided = [[floats(0.0, 1.0), floats(0.0, 0.1)], [floats(0.0, 0.2), floats(0.0, 2.0)]]
    for certify in (sv.certify_covariance_decreasing, sv.certify_positive_definite):
        assert "rationalize" in certify(nearly).reason
        with pytest.raises(ValueError, match=r"matrix must be symmetric, got different entries at \[0, 1\]"):
            certify(lopsided)
    certificate = sv.certify_covariance_decreasing([[polynomial(0, 1)]]).certificate
    with pytest.raises(sv.CertificateError, match="V must have exact coefficients, got floats"):
        sv.check_certificate(certificate, [[floats(0.0, 1.0)]])


@pytest.mark.parametrize("certify", [sv.certify_covariance_decreasing, sv.certify_positive_definite])
def test_the_checker_of_matrices_composes_and_evaluates_by_itself(monkeypatch, certify):
    matrix = [[polynomial(0, 1, -1, design=without(6))]]  # in u: (6 u - 1)(6 - 6 u)/25, which is 0 at b = 1 and b = 6
    monkeypatch.setattr("sgdvar.polynomial._composed", lambda values, *_: tuple(abs(Fraction(a)) for a in values))
    monkeypatch.setattr(MatrixPolynomial, "__call__", lambda self, b: ((Fraction(1, b),),))
    verdict = certify(matrix)
    assert verdict.status == "proved"  # the maker is wrong now
    refusal(verdict.certificate)


@pytest.mark.parametrize("design", [IID, without(1), without(2), without(7)])
def test_powers_of_u_by_the_checker_have_the_values_of_the_polynomial(design):
    n = design.max_batch_size
    for coefficients in [(3,), (0, 1), (Fraction(1, 2), -3, Fraction(5, 7), 0, 2)]:
        V = polynomial(*coefficients, design=design)
        found = powers_of_u(V.c_coefficients, n)
        assert tuple(found) == V.coefficients
        for b in range(1, (n or 9) + 1):
            assert factor_at(b, n) == design.variance_factor(b)
            assert sum(a * Fraction(1, b) ** k for k, a in enumerate(found)) == V(b)
