"""Whether V decreases in b: right on every polynomial, with a certificate that is refused when anything is changed."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction

import pytest
import sympy
from hypothesis import example, given, strategies as st

import sgdvar as sv
from sgdvar.certificates import Certificate, NonNegativeCoefficients, Piece, Pieces

IID = sv.BatchDesign(sv.IID(), None)
WITH = sv.BatchDesign(sv.WithReplacement(), 5)


def without(n):
    return sv.BatchDesign(sv.WithoutReplacement(), n)


def product(*factors):
    result = [Fraction(1)]
    for factor in factors:
        result = [
            sum(result[j] * factor[k - j] for j in range(len(result)) if 0 <= k - j < len(factor))
            for k in range(len(result) + len(factor) - 1)
        ]
    return result


def with_derivative(*factors, design=WITH):
    """The polynomial V in c with V = 0 at c = 0 whose derivative in c is the product of these polynomials."""
    derivative = product(*factors)
    return sv.BatchPolynomial(design, (0, *(a / (k + 1) for k, a in enumerate(derivative))))


def root_at(c):
    """The polynomial c - root, in powers of c."""
    return [-Fraction(c), Fraction(1)]


def brute_force(V, bound):
    """The first rise and the end of the last rise among the batch sizes up to the bound."""
    values = [V(b) for b in range(1, bound + 1)]
    rises = [b for b in range(1, bound) if values[b] > values[b - 1]]
    return (rises[0], rises[-1] + 1) if rises else (None, 1)


def agrees_with_brute_force(V, bound):
    verdict = sv.certify_decreasing(V)
    first, start = brute_force(V, bound)
    if verdict.status == "proved":
        assert (first, start) == (None, 1)
        assert verdict.from_batch_size == 1
        assert verdict.witness is None
    else:
        assert verdict.status == "refuted"
        b, following, value, larger = verdict.witness
        assert following == b + 1
        assert (value, larger) == (V(b), V(b + 1))
        assert larger > value
        assert first == (b if b < bound else None)
        if verdict.from_batch_size is None:
            assert verdict.certificate is None
            assert "for ever" in verdict.reason
            assert V(2 * 10**9) > V(10**9)
            return
        if verdict.from_batch_size <= bound:
            assert start == verdict.from_batch_size
    assert verdict.certificate.from_batch_size == verdict.from_batch_size
    assert sv.check_certificate(verdict.certificate, V) is True
    assert Certificate.from_json(verdict.certificate.to_json()) == verdict.certificate


rationals = st.builds(Fraction, st.integers(-30, 30), st.integers(1, 6))
designs = st.one_of(st.just(IID), st.just(WITH), st.integers(1, 60).map(without))


@given(designs, st.lists(rationals, min_size=1, max_size=7))
def test_verdicts_agree_with_brute_force_for_random_polynomials(design, coefficients):
    V = sv.BatchPolynomial(design, tuple(coefficients))
    agrees_with_brute_force(V, design.max_batch_size or 80)


reciprocals = st.builds(Fraction, st.integers(1, 4), st.integers(1, 40))


@given(designs, st.lists(reciprocals, max_size=4), st.booleans(), st.lists(rationals, min_size=1, max_size=2))
@example(WITH, [Fraction(1, 2)] * 2, False, [Fraction(1)])
@example(WITH, [Fraction(1, 3)] * 3 + [Fraction(1, 2)], True, [Fraction(1)])
def test_verdicts_agree_with_brute_force_where_the_derivative_has_roots_near_batch_sizes(
    design, roots, is_negative, rest
):
    sign = [Fraction(-1 if is_negative else 1)]
    V = with_derivative(sign, rest, *map(root_at, roots), design=design)
    agrees_with_brute_force(V, design.max_batch_size or 80)


# Named cases


def test_non_negative_coefficients_prove_at_once():
    verdict = sv.certify_decreasing(sv.BatchPolynomial(without(9), (-5, 0, 3)))
    assert verdict.status == "proved"
    assert verdict.certificate.evidence == NonNegativeCoefficients()
    assert verdict.from_batch_size == 1


def test_zero_and_constant_polynomials_never_rise():
    for design in (IID, WITH, without(1), without(2), without(7)):
        for value in (0, 3, -3):
            V = sv.BatchPolynomial(design, (value,))
            verdict = sv.certify_decreasing(V)
            assert verdict.status == "proved"
            assert sv.check_certificate(verdict.certificate, V)


def test_with_one_example_there_is_nothing_to_rise():
    V = sv.BatchPolynomial(without(1), (1, -3, 2))
    assert sv.certify_decreasing(V).status == "proved"


def test_with_two_examples_one_comparison_decides():
    assert sv.certify_decreasing(sv.BatchPolynomial(without(2), (0, -1, 1))).status == "proved"
    verdict = sv.certify_decreasing(sv.BatchPolynomial(without(2), (0, -2, 1)))
    assert verdict.witness == (1, 2, -1, 0)
    assert verdict.certificate.evidence == Pieces(())


def test_a_derivative_that_is_negative_only_between_neighbours_is_no_rise():
    # dV/du = (u - 0.4)(u - 0.45) is negative between 1/3 and 1/2 only, and V(3) > V(2) is false.
    V = with_derivative(root_at(Fraction(2, 5)), root_at(Fraction(9, 20)))
    verdict = sv.certify_decreasing(V)
    assert verdict.status == "proved"
    assert Piece(2, 3, "compared") in verdict.certificate.evidence.pieces
    assert sv.check_certificate(verdict.certificate, V)


def test_a_bump_between_one_and_two_is_found():
    verdict = sv.certify_decreasing(sv.BatchPolynomial(IID, (0, 4, -3)))
    assert verdict.status == "refuted"
    assert verdict.witness == (1, 2, 1, Fraction(5, 4))
    assert verdict.from_batch_size == 2
    assert verdict.reason == "V rises from b = 1 to 2; from b = 2 on it never rises"


def test_double_roots_at_batch_sizes_are_no_rises():
    factors = [root_at(Fraction(1, b)) for b in (2, 3, 3, 2, 7, 7)]
    V = with_derivative(*factors)
    verdict = sv.certify_decreasing(V)
    assert verdict.status == "proved"
    assert sv.check_certificate(verdict.certificate, V)
    assert sv.certify_decreasing(V * -1).from_batch_size is None


def test_equal_values_at_neighbours_are_no_rise():
    V = sv.BatchPolynomial(IID, (0, 3, -2))  # 3/b - 2/b^2 is 1 at b = 1 and at b = 2
    assert V(1) == V(2)
    verdict = sv.certify_decreasing(V)
    assert verdict.status == "proved"
    assert sv.check_certificate(verdict.certificate, V)
    late = pieces_of(V, 2, Piece(2, None, "bernstein"))
    assert refused(late, V) == "the claim must fail just before b = 2, so that no smaller from_batch_size will do"


@pytest.mark.parametrize("digits", [1, 3, 30, 300])
def test_the_least_batch_size_is_found_however_large(digits):
    b0 = 10**digits + 7
    V = sv.BatchPolynomial(IID, (0, 1, -Fraction(b0, 2)))  # u - b0 u^2 / 2 is largest at u = 1 / b0
    verdict = sv.certify_decreasing(V)
    assert verdict.from_batch_size == b0
    assert verdict.witness[:2] == (1, 2)
    assert sv.check_certificate(verdict.certificate, V)


def test_a_rise_far_out_is_found_behind_a_long_fall():
    V = with_derivative(root_at(Fraction(1, 900)), root_at(Fraction(1, 1000)))
    verdict = sv.certify_decreasing(V)
    assert verdict.witness[:2] == (900, 901)
    assert verdict.from_batch_size == 1000
    assert sv.check_certificate(verdict.certificate, V)


def test_what_rises_for_ever_has_no_certificate():
    verdict = sv.certify_decreasing(with_derivative([Fraction(-1)], root_at(Fraction(1, 9)), root_at(Fraction(1, 5))))
    assert verdict.status == "refuted"
    assert verdict.from_batch_size is None
    assert verdict.certificate is None
    assert "for ever" in verdict.reason
    with pytest.raises(sv.CertificateError, match="got NoneType"):
        sv.check_certificate(verdict.certificate, sv.BatchPolynomial(WITH, (0, 1)))


def test_without_replacement_the_last_batch_size_always_works():
    V = sv.BatchPolynomial(without(10**12), (0, -1))
    verdict = sv.certify_decreasing(V)
    assert verdict.from_batch_size == 10**12
    assert verdict.certificate.evidence.pieces == ()
    assert sv.check_certificate(verdict.certificate, V)


@pytest.mark.parametrize("degree", [76, 237])
def test_high_degrees_with_long_coefficients_are_decided(degree):
    factors = [[Fraction(-1), Fraction(b * (2 * b + b % 2), 2 * b)] for b in range(2, 32)]
    long = [Fraction(7**1500 // (k + 1) + k**80, 3**500) for k in range(degree - 30)]
    V = with_derivative(long, *factors)
    assert V.degree == degree
    verdict = sv.certify_decreasing(V)
    assert verdict.status == "refuted"
    assert verdict.from_batch_size == brute_force(V, 60)[1]
    assert verdict.witness[0] == brute_force(V, 60)[0]
    assert sv.check_certificate(verdict.certificate, V)


def test_floats_are_undecided_and_the_reason_says_what_to_do():
    verdict = sv.certify_decreasing(sv.BatchPolynomial(WITH, (0.0, 1.0)))
    assert verdict.status == "undecided"
    assert verdict.certificate is None
    assert verdict.from_batch_size is None
    assert "rationalize" in verdict.reason


def test_symbols_of_unknown_sign_are_undecided_and_named():
    a, w = sympy.symbols("a w")
    verdict = sv.certify_decreasing(sv.BatchPolynomial(WITH, (w, 1, a * w)))
    assert verdict.status == "undecided"
    assert "the symbols a, w" in verdict.reason


def test_symbols_whose_assumptions_settle_the_signs_are_proved():
    a, w = sympy.Symbol("a", positive=True), sympy.Symbol("w", real=True)
    V = sv.BatchPolynomial(WITH, (-a, a * w**2 + 3, w**4))
    verdict = sv.certify_decreasing(V)
    assert verdict.status == "proved"
    assert sv.check_certificate(verdict.certificate, V)
    with pytest.raises(sv.CertificateError, match=r"c\(b\)\^2 must be non-negative"):
        sv.check_certificate(
            Certificate("decreasing", sv.BatchPolynomial(WITH, (0, a, w)), 1, NonNegativeCoefficients())
        )


def test_only_polynomials_are_certified():
    with pytest.raises(TypeError, match="V must be a BatchPolynomial, got tuple"):
        sv.certify_decreasing((0, 1))
    with pytest.raises(TypeError, match="V must be a BatchPolynomial, an array of them, or a depth, got str"):
        sv.check_certificate(None, "01")
    with pytest.raises(ValueError, match=r"matrix must be a square array of BatchPolynomials, got shape \(2,\)"):
        sv.check_certificate(None, (0, 1))


# The checker refuses


def pieces_of(V, start, *pieces):
    return Certificate("decreasing", V, start, Pieces(pieces))


def certified(V):
    certificate = sv.certify_decreasing(V).certificate
    assert isinstance(certificate.evidence, Pieces)
    assert sv.check_certificate(certificate, V)
    return certificate


def refused(certificate, V):
    with pytest.raises(sv.CertificateError) as error:
        sv.check_certificate(certificate, V)
    return str(error.value)


WAVY = with_derivative(*(root_at(Fraction(2, 2 * b + 1)) for b in (2, 5, 11, 23)))
BUMP = sv.BatchPolynomial(without(60), (0, 1, -7, 3))


@pytest.mark.parametrize("V", [WAVY, BUMP], ids=["with replacement", "without replacement"])
def test_any_changed_number_is_refused(V):
    certificate = certified(V)
    start, pieces = certificate.from_batch_size, certificate.evidence.pieces
    assert len(pieces) > 1
    assert start > 1
    for b in (1, start - 1, start + 1, 0, -1, None, True, float(start), str(start), 10**6):
        refused(dataclasses.replace(certificate, from_batch_size=b), V)
    changed = [list(pieces)]
    for k, piece in enumerate(pieces):
        others = [
            dataclasses.replace(piece, b_lo=piece.b_lo + 1),
            dataclasses.replace(piece, b_lo=piece.b_lo - 1),
            dataclasses.replace(piece, b_lo=float(piece.b_lo)),
            dataclasses.replace(piece, evidence="proved"),
            dataclasses.replace(piece, b_hi=piece.b_lo),
            dataclasses.replace(piece, b_hi=piece.b_lo - 1),
            dataclasses.replace(piece, b_hi=10**6),
            (piece.b_lo, piece.b_hi, piece.evidence),
            None,
        ]
        if piece.b_hi is None:
            others.append(dataclasses.replace(piece, evidence="compared"))
        else:
            others += [
                dataclasses.replace(piece, b_hi=None),
                dataclasses.replace(piece, b_hi=piece.b_hi + 1),
                dataclasses.replace(piece, b_hi=float(piece.b_hi)),
            ]
            if piece.b_hi > piece.b_lo + 1:
                others.append(dataclasses.replace(piece, evidence="compared"))
        changed += [(*pieces[:k], other, *pieces[k + 1 :]) for other in others]
        changed.append(pieces[:k] + pieces[k + 1 :])  # a gap
        changed.append(pieces[: k + 1] + pieces[k:])  # twice the same
    for wrong in changed:
        refused(dataclasses.replace(certificate, evidence=Pieces(wrong)), V)


def test_a_start_that_is_too_late_is_refused_though_its_pieces_hold():
    V = sv.BatchPolynomial(IID, (0, 4, -3))
    late = pieces_of(V, 5, Piece(5, None, "bernstein"))
    assert refused(late, V) == "the claim must fail just before b = 5, so that no smaller from_batch_size will do"


def test_a_start_that_is_too_early_is_refused():
    V = sv.BatchPolynomial(IID, (0, 4, -3))
    early = pieces_of(V, 1, Piece(1, 2, "compared"), Piece(2, None, "bernstein"))
    assert refused(early, V) == "the claim must hold on the piece from b = 1 to 2 (compared)"
    assert "Bernstein coefficient" in refused(pieces_of(V, 1, Piece(1, None, "bernstein")), V)


def test_a_start_that_is_no_batch_size_is_refused():
    V = sv.BatchPolynomial(IID, (0, 1))
    below = pieces_of(V, 0, Piece(0, 1, "compared"), Piece(1, None, "bernstein"))
    assert refused(below, V) == "from_batch_size must be at least 1, got 0"
    beyond = pieces_of(BUMP, 61)
    assert refused(beyond, BUMP) == "from_batch_size must be at least 1 and at most 60, got 61"


def test_pieces_that_stand_still_or_go_back_are_refused():
    V = sv.BatchPolynomial(IID, (0, 1))
    for detour in [(Piece(1, 1, "bernstein"),), (Piece(1, 3, "bernstein"), Piece(3, 1, "bernstein"))]:
        wrong = pieces_of(V, 1, *detour, Piece(1, None, "bernstein"))
        assert "must hold at least two batch sizes" in refused(wrong, V)


def test_nothing_follows_a_piece_without_end():
    V = sv.BatchPolynomial(IID, (0, 1))
    assert "must begin at b = None" in refused(pieces_of(V, 1, *(Piece(1, None, "bernstein"),) * 2), V)


def bernstein_coefficients(coefficients, left, right):
    """The textbook's formula, in fractions."""
    d = len(coefficients) - 1
    shifted = [
        sum(a * math.comb(k, i) * left ** (k - i) for k, a in enumerate(coefficients) if k >= i) * (right - left) ** i
        for i in range(d + 1)
    ]
    return [sum(Fraction(math.comb(j, i), math.comb(d, i)) * shifted[i] for i in range(j + 1)) for j in range(d + 1)]


@given(st.integers(2, 12), st.integers(1, 12), st.lists(rationals, min_size=1, max_size=4))
@example(2, 5, [Fraction(1), Fraction(0), Fraction(-1)])
@example(3, 9, [Fraction(10), Fraction(-41), Fraction(41)])
def test_a_piece_is_accepted_exactly_if_its_bernstein_coefficients_are_not_negative(middle, more, derivative):
    V = with_derivative(derivative, design=without(middle + more))
    slopes = [k * v for k, v in enumerate(V.coefficients)][1:]  # dV/du, not dV/dc
    holds = all(
        value >= 0
        for lo, hi in [(1, middle), (middle, middle + more)]
        for value in bernstein_coefficients(slopes, Fraction(1, hi), Fraction(1, lo))
    )
    pieces = (Piece(1, middle, "bernstein"), Piece(middle, middle + more, "bernstein"))
    if holds:
        assert sv.check_certificate(pieces_of(V, 1, *pieces), V)
    else:
        assert "Bernstein" in refused(pieces_of(V, 1, *pieces), V)


def test_a_certificate_of_one_polynomial_does_not_serve_another():
    certificate = certified(WAVY)
    for other in (sv.BatchPolynomial(WITH, (0, 1)), WAVY * -1, BUMP):
        assert refused(certificate, other) == "the certificate must be about V; its subject is another"
        refused(dataclasses.replace(certificate, subject=other), other)
    same_in_another_design = sv.BatchPolynomial(IID, WAVY.c_coefficients)
    assert refused(certificate, same_in_another_design) == "the certificate must be about V; its subject is another"


def test_coefficients_that_are_negative_prove_nothing():
    V = sv.BatchPolynomial(IID, (0, 4, -3))
    message = refused(Certificate("decreasing", V, 1, NonNegativeCoefficients()), V)
    assert message == "the coefficient of c(b)^2 must be non-negative"


def test_a_piece_must_fall_in_b_and_not_rise():
    V = sv.BatchPolynomial(IID, (0, -1))
    assert "Bernstein coefficient 0" in refused(pieces_of(V, 1, Piece(1, None, "bernstein")), V)


def test_a_piece_that_dips_below_zero_inside_is_refused():
    V = with_derivative(root_at(Fraction(2, 5)), root_at(Fraction(9, 20)))
    assert brute_force(V, 60) == (None, 1)  # no batch size sees the dip, which lies between b = 2 and b = 3
    assert "Bernstein" in refused(pieces_of(V, 1, Piece(1, None, "bernstein")), V)


def test_what_is_no_certificate_is_refused_by_name():
    V = sv.BatchPolynomial(IID, (0, 1))
    for wrong in (None, True, "proved", {"kind": "Certificate"}, NonNegativeCoefficients(), sv.certify_decreasing(V)):
        assert refused(wrong, V) == f"certificate must be a Certificate, got {type(wrong).__name__}"


def test_inexact_and_symbolic_polynomials_are_refused():
    floats = sv.BatchPolynomial(IID, (0.0, 1.0))
    symbols = sv.BatchPolynomial(IID, (0, sympy.Symbol("a", positive=True)))
    assert "got floats" in refused(Certificate("decreasing", floats, 1, NonNegativeCoefficients()), floats)
    assert "got symbols" in refused(pieces_of(symbols, 1, Piece(1, None, "bernstein")), symbols)


def test_batch_sizes_beyond_reading_print_as_an_order_of_magnitude():
    V = sv.BatchPolynomial(IID, (0, 1))
    certificate = pieces_of(V, 10**5000, Piece(10**5000, None, "bernstein"))
    assert "b >= about 10^5000" in str(certificate)
    assert "just before b = about 10^5000" in refused(certificate, V)
    assert Certificate.from_json(certificate.to_json()) == certificate


def test_a_verdict_has_no_truth_value():
    with pytest.raises(TypeError, match=r"compare verdict\.status"):
        bool(sv.certify_decreasing(sv.BatchPolynomial(IID, (0, 1))))


P_SYMBOL = sympy.Symbol("p", positive=True)


@pytest.mark.parametrize(
    ("certify", "coefficients", "condition"),
    [
        (sv.certify_decreasing, (0, P_SYMBOL, -3), "every coefficient of c(b)^k with k >= 1 is non-negative"),
        (sv.certify_decreasing, (P_SYMBOL, 3, 1, -1), "every coefficient of c(b)^k with k >= 1 is non-negative"),
        (sv.certify_decreasing, (P_SYMBOL, 4, -3), "every coefficient of c(b)^k with k >= 1 is non-negative"),
        (sv.certify_halving, (P_SYMBOL, 1), "the constant is not positive"),
        (sv.certify_scaled_decreasing, (P_SYMBOL, 1), "the constant is not positive"),
        (sv.certify_convex, (0, P_SYMBOL, 1, -1), "every coefficient of c(b)^k with k >= 2 is non-negative"),
    ],
)
def test_symbols_beside_numbers_of_the_wrong_sign_are_undecided_with_a_remedy(certify, coefficients, condition):
    verdict = certify(sv.BatchPolynomial(IID, coefficients))
    assert (verdict.status, verdict.certificate) == ("undecided", None)
    assert verdict.reason.startswith("there are the symbols p; put numbers for them, or declare assumptions")
    assert verdict.reason.endswith(condition)


def test_a_symbolic_step_size_leaves_what_its_sign_does_not_settle_undecided():
    data = sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2])
    sgd = sv.SGD(sv.LinearRegression(data), start=[0, 0], step_size=P_SYMBOL)
    moment = sv.gradient_second_moment(sgd, step=1)
    for certify in (sv.certify_halving, sv.certify_scaled_decreasing):
        assert certify(moment).status == "undecided"


def test_floats_are_not_what_a_certificate_is_about():
    certificate = sv.certify_decreasing(sv.BatchPolynomial(IID, (0, 1))).certificate
    with pytest.raises(sv.CertificateError, match="V must have exact coefficients, got floats"):
        sv.check_certificate(certificate, sv.BatchPolynomial(IID, (0.0, 1.0)))


@pytest.mark.parametrize("certify", [sv.certify_decreasing, sv.certify_scaled_decreasing, sv.certify_halving])
def test_the_checker_composes_and_evaluates_by_itself(monkeypatch, certify):
    V = sv.BatchPolynomial(without(6), (0, 1, -1))  # c - c^2 rises in b as long as c > 1/2, so from b = 1 to 2
    assert [V(b) for b in (1, 2)] == [0, Fraction(6, 25)]
    monkeypatch.setattr("sgdvar.polynomial._composed", lambda values, *_: tuple(abs(Fraction(a)) for a in values))
    monkeypatch.setattr(sv.BatchPolynomial, "__call__", lambda self, b: Fraction(1, b**3))
    verdict = certify(V)
    assert verdict.status == "proved"  # the maker is wrong now
    assert "must be non-negative" in refused(verdict.certificate, V)


def test_claims_without_two_batch_sizes_to_compare_say_so():
    one = sv.certify_halving(sv.BatchPolynomial(without(1), (5,)))
    assert str(one) == "PROVED: V(2b) is never more than V(b)/2: there are no two batch sizes to compare"
    assert "(vacuously: there are no two to compare)" in one.certificate.statement
    last = sv.certify_decreasing(sv.BatchPolynomial(without(3), (5, -1)))
    assert str(last) == (
        "REFUTED: V rises from b = 1 to 2; from b = 3 on it never rises, for there is nothing left to compare"
    )
    assert last.certificate.statement == (
        "V(b + 1) <= V(b) for all batch sizes b >= 3 (vacuously: there are no two to compare); not from b = 2 on"
    )
    assert sv.check_certificate(last.certificate)


@pytest.mark.nightly
def test_verdicts_on_numbers_of_any_length_print():
    long = 10**5000
    verdicts = [
        sv.certify_decreasing(sv.BatchPolynomial(IID, (0, 1, -long))),
        sv.certify_convex(sv.BatchPolynomial(IID, (0, 0, 1, -long))),
        sv.certify_positive_definite([[sv.BatchPolynomial(IID, (0, 1, -long))]]),
        sv.certify_covariance_decreasing([[sv.BatchPolynomial(IID, (0, 1, -long))]]),
    ]
    for verdict in verdicts:
        assert len(str(verdict)) + len(str(verdict.certificate)) < 1500
        assert repr(verdict).startswith("Verdict(status='refuted', reason=")
    assert "from_batch_size=about 10^5000" in repr(verdicts[0])
    assert verdicts[2].reason == "the leading minor of order 1 is about -1.00e+5000 at u = 1"


def test_short_verdicts_have_the_repr_of_a_dataclass():
    V = sv.BatchPolynomial(WITH, (0, 4, -3))
    verdict = sv.certify_decreasing(V)
    assert repr(verdict.certificate) == (
        f"Certificate(claim='decreasing', subject={V!r}, from_batch_size=2, "
        "evidence=Pieces(pieces=(Piece(b_lo=2, b_hi=None, evidence='bernstein'),)))"
    )
    assert repr(verdict) == (
        f"Verdict(status='refuted', reason={verdict.reason!r}, certificate={verdict.certificate!r}, "
        "from_batch_size=2, witness=(1, 2, Fraction(1, 1), Fraction(5, 4)))"
    )
