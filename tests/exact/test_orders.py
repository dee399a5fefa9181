"""Orders of V in b: each verdict against brute force over batch sizes, and convexity against SymPy's root counts."""

from __future__ import annotations

import dataclasses
import time
from fractions import Fraction

import pytest
import sympy
from hypothesis import example, given, strategies as st

import sgdvar as sv
from sgdvar.certificates import Certificate, NonNegativeCoefficients, Pieces, RealPieces

IID = sv.BatchDesign(sv.IID(), None)
WITH = sv.BatchDesign(sv.WithReplacement(), 5)
U = sympy.Symbol("u")


def without(n):
    return sv.BatchDesign(sv.WithoutReplacement(), n)


def polynomial(*coefficients, design=IID):
    return sv.BatchPolynomial(design, tuple(map(Fraction, coefficients)))


def scaled_gap(V, b):
    return b * V(b) - (b + 1) * V(b + 1)


def halving_gap(V, b):
    return V(b) / 2 - V(2 * b)


PAIRS = {
    "decreasing": (lambda V, b: V(b) - V(b + 1), lambda n: n - 1),
    "scaled decreasing": (scaled_gap, lambda n: n - 1),
    "halving": (halving_gap, lambda n: n // 2),
}


def agrees_with_brute_force(V, order, bound=60):
    """Compares a verdict with the gaps at all batch sizes, up to the bound where there is no largest."""
    gap, last = PAIRS[order]
    n = V.design.max_batch_size
    failing = [b for b in range(1, bound + 1 if n is None else last(n) + 1) if gap(V, b) < 0]
    verdict = sv.certify_order(V, order)
    if verdict.status == "proved":
        assert (failing, verdict.from_batch_size, verdict.witness) == ([], 1, None)
    else:
        assert verdict.status == "refuted"
        b, partner, allowed, found = verdict.witness
        assert partner == (2 * b if order == "halving" else b + 1)
        assert found - allowed == -gap(V, b)
        assert found > allowed
        assert failing[:1] == [b] or b > bound
        if verdict.from_batch_size is None:
            assert verdict.certificate is None
            assert "for ever" in verdict.reason
            assert gap(V, 10**9) < 0
            return
        if n is not None or verdict.from_batch_size <= bound:
            assert failing[-1] + 1 == verdict.from_batch_size
    assert verdict.certificate.claim == order
    assert verdict.certificate.from_batch_size == verdict.from_batch_size
    assert sv.check_certificate(verdict.certificate, V)
    assert sv.check_certificate(Certificate.from_json(verdict.certificate.to_json()), V)


rationals = st.builds(Fraction, st.integers(-30, 30), st.integers(1, 6))
designs = st.one_of(st.just(IID), st.just(WITH), st.integers(1, 40).map(without))


@pytest.mark.parametrize("order", PAIRS)
@given(design=designs, coefficients=st.lists(rationals, min_size=1, max_size=6))
@example(design=without(7), coefficients=[Fraction(1), Fraction(1)])
@example(design=without(7), coefficients=[Fraction(-1), Fraction(1)])
@example(design=without(1), coefficients=[Fraction(3)])
@example(design=without(2), coefficients=[Fraction(3), Fraction(-1)])
@example(design=IID, coefficients=[Fraction(0), Fraction(-1)])
def test_verdicts_agree_with_brute_force(order, design, coefficients):
    agrees_with_brute_force(polynomial(*coefficients, design=design), order)


def with_sign_polynomial(order, coefficients):
    """A polynomial of which the sign polynomial in u is this one, times u^2."""
    divisors = {"decreasing": lambda k: k, "scaled decreasing": lambda k: k - 1, "halving": lambda k: 1 - 2 ** (1 - k)}
    shift = 1 if order == "decreasing" else 0
    padded = [Fraction(0), Fraction(0), *coefficients]
    terms = [a / Fraction(divisors[order](k + shift)) if a else Fraction(0) for k, a in enumerate(padded)]
    return polynomial(*([Fraction(0)] * shift), *terms)


@pytest.mark.parametrize("order", PAIRS)
@given(
    roots=st.lists(st.builds(Fraction, st.integers(1, 4), st.integers(1, 40)), min_size=1, max_size=4),
    negative=st.booleans(),
)
@example(roots=[Fraction(1, 2)] * 2, negative=True)
@example(roots=[Fraction(1, 3)] * 3 + [Fraction(2, 7)], negative=False)
def test_verdicts_agree_with_brute_force_where_signs_change_near_batch_sizes(order, roots, negative):
    product = sympy.Poly(
        (-1 if negative else 1) * sympy.prod(U - sympy.Rational(*r.as_integer_ratio()) for r in roots), U
    )
    coefficients = [Fraction(int(a.p), int(a.q)) for a in reversed(product.all_coeffs())]
    agrees_with_brute_force(with_sign_polynomial(order, coefficients), order, bound=80)


def convex_by_sympy(V, right=1):
    """Whether V'' is nowhere negative on the interval, by SymPy's isolation of its roots."""
    n = V.design.max_batch_size
    left = sympy.Rational(0) if n is None else sympy.Rational(1, n)
    second = sympy.Poly([sympy.Rational(a.numerator, a.denominator) for a in reversed(V.coefficients)], U).diff().diff()
    if second.is_zero or left == 1:
        return True
    inside = [x for x, (_, times) in roots_with_order(second) if times % 2 and left < x < right]
    if inside:
        return False
    probe = left + (1 - left) / sympy.Integer(10**9 + 7)  # a point next to the left end, beyond roots there
    return bool(second.eval(probe) > 0)


def roots_with_order(P):
    """Real roots with an isolating interval and their order."""
    return [(sympy.CRootOf(f, k), (None, times)) for f, times in P.factor_list()[1] for k in range(f.count_roots())]


small = st.builds(Fraction, st.integers(-6, 6), st.integers(1, 3))


@given(st.one_of(st.just(IID), st.integers(1, 9).map(without)), st.lists(small, min_size=3, max_size=6))
@example(IID, [Fraction(0), Fraction(1), Fraction(1, 2), Fraction(-1), Fraction(3, 4)])  # V'' = (1 - 3 u)^2
@example(IID, [Fraction(0), Fraction(1), Fraction(2), Fraction(0), Fraction(-2, 3), Fraction(0), Fraction(2, 15)])
@example(without(2), [Fraction(0), Fraction(1), Fraction(-1)])
def test_convexity_agrees_with_root_counts(design, coefficients):
    V = polynomial(*coefficients, design=design)
    verdict = sv.certify_convex(V)
    assert (verdict.status == "proved") == convex_by_sympy(V)
    n = design.max_batch_size
    if verdict.status == "refuted":
        u, value = verdict.witness
        assert value < 0
        assert value == second_derivative(V, u)
        assert Fraction(1, n or 10**9) < u < 1
    if verdict.from_batch_size is None:
        assert not convex_by_sympy(V, Fraction(1, n - 1)) if n else next_to_zero(V) < 0
        return
    b0 = verdict.from_batch_size
    assert sv.check_certificate(Certificate.from_json(verdict.certificate.to_json()), V)
    assert (b0 == 1) == (verdict.status == "proved")
    left = Fraction(0) if n is None else Fraction(1, n)
    grid = [left + (Fraction(1, b0) - left) * Fraction(k, 50) for k in range(51)]
    assert left < Fraction(1, b0) or n == 1
    assert all(second_derivative(V, u) >= 0 for u in grid)


def second_derivative(V, u):
    return sum(k * (k - 1) * a * u ** (k - 2) for k, a in enumerate(V.coefficients) if k > 1)


def next_to_zero(V):
    return next(a for k, a in enumerate(V.coefficients) if k > 1 and a != 0)


# Named cases


def test_a_double_root_at_an_irrational_u_is_no_dent():
    V = polynomial(0, 1, Fraction(1, 8), 0, Fraction(-1, 12), 0, Fraction(1, 30))  # V'' = (u^2 - 1/2)^2
    assert [second_derivative(V, u) for u in (0, 1)] == [Fraction(1, 4), Fraction(1, 4)]
    verdict = sv.certify_convex(V)
    assert verdict.status == "proved"
    assert verdict.certificate.evidence.square == (-1, 0, 2)
    assert sv.check_certificate(verdict.certificate, V)


def test_convexity_that_is_altered_is_refused():
    V = polynomial(0, 1, Fraction(1, 8), 0, Fraction(-1, 12), 0, Fraction(1, 30))  # V'' = (u^2 - 1/2)^2
    dented = polynomial(0, 3, 1, -1)  # V'' = 2 - 6 u, from b = 3 on
    for certificate, changes in [
        (sv.certify_convex(V).certificate, {"factor": (Fraction(1),)}),
        (sv.certify_convex(V).certificate, {"square": (Fraction(-1), Fraction(0), Fraction(3))}),
        (sv.certify_convex(V).certificate, {"square": ()}),
    ]:
        assert "factor times square^2 must be" in refusal(replaced(certificate, **changes))
    certificate = sv.certify_convex(dented).certificate
    third, half = Fraction(1, 3), Fraction(1, 2)
    assert certificate.from_batch_size == 3
    assert "breakpoints must begin at" in refusal(replaced(certificate, breakpoints=(Fraction(1, 9), third)))
    assert "breakpoints must end at" in refusal(replaced(certificate, breakpoints=(Fraction(0), half)))
    assert "must increase" in refusal(replaced(certificate, breakpoints=(Fraction(0), half, third)))
    assert "failure must be right of" in refusal(replaced(certificate, failure=third))
    assert "failure must be right of" in refusal(replaced(certificate, failure=Fraction(3, 4)))
    assert "failure must be right of" in refusal(replaced(certificate, failure=None))
    early = RealPieces((Fraction(2), Fraction(-6)), (Fraction(1),), (Fraction(0), half), half)
    assert refusal(Certificate("convex", dented, 2, early)) == (
        "Bernstein coefficient 1 of factor from breakpoint 0 to 1 must be non-negative"
    )
    late = RealPieces((Fraction(1, 4),), (Fraction(-1), Fraction(0), Fraction(2)), (Fraction(0), half), Fraction(1))
    assert refusal(Certificate("convex", V, 2, late)) == (
        "the second derivative of V must be negative at failure, so that no smaller b will do"
    )
    whole = sv.certify_convex(V).certificate
    assert refusal(replaced(whole, failure=half)) == "failure must be None where from_batch_size is 1"


def replaced(certificate, **changes):
    return dataclasses.replace(certificate, evidence=dataclasses.replace(certificate.evidence, **changes))


def refusal(certificate):
    with pytest.raises(sv.CertificateError) as error:
        sv.check_certificate(certificate)
    return str(error.value)


def test_a_dent_between_two_batch_sizes_is_a_dent():
    # V'' = (u - 3/5)(u - 7/10) + tiny: negative only between 1/2 and 1; convex at every 1/b.
    V = polynomial(0, 5, Fraction(21, 100), Fraction(-13, 60), Fraction(1, 12))
    verdict = sv.certify_convex(V)
    assert verdict.status == "refuted"
    u, value = verdict.witness
    assert Fraction(3, 5) < u < Fraction(7, 10)
    assert value == (u - Fraction(3, 5)) * (u - Fraction(7, 10))
    assert verdict.from_batch_size == 2
    assert sv.check_certificate(verdict.certificate, V)


def test_linear_regression_has_every_order():
    data = sv.Dataset([[1, 0], [1, 2], [0, 1], [2, 1]], [1, 0, 2, 1])
    for sampling in (sv.WithoutReplacement(), sv.WithReplacement()):
        sgd = sv.SGD(sv.LinearRegression(data), [0, 0], Fraction(1, 4), sampling=sampling)
        V = sv.gradient_variance(sgd, step=2)
        for order in sv.ORDERS:
            verdict = sv.certify_order(V, order)
            assert verdict.status == "proved"
            assert verdict.certificate.evidence == NonNegativeCoefficients()
            assert sv.check_certificate(verdict.certificate, V)


def test_a_positive_constant_is_not_halved_but_may_decrease():
    V = polynomial(1, 1)
    assert sv.certify_decreasing(V).status == "proved"
    assert sv.certify_convex(V).status == "proved"
    for order in ("halving", "scaled decreasing"):
        assert sv.certify_order(V, order).from_batch_size is None
        forged = Certificate(order, V, 1, NonNegativeCoefficients())
        with pytest.raises(sv.CertificateError, match=r"c\(b\)\^0 must not be positive"):
            sv.check_certificate(forged, V)


def test_reasons_name_the_batch_sizes():
    V = polynomial(0, 3, 1, -1)
    assert str(sv.certify_scaled_decreasing(V)) == "REFUTED: b V(b) rises from b = 1 to 2; from b = 2 on it never rises"
    assert str(sv.certify_halving(V)) == (
        "REFUTED: V(2) is more than V(1)/2; from b = 2 on V(2b) is never more than V(b)/2"
    )
    assert str(sv.certify_halving(polynomial(0, 3, 1))) == (
        "PROVED: V(2b) is never more than V(b)/2: every coefficient of c(b)^k with k >= 1 is non-negative, and the "
        "constant is not positive"
    )
    assert "V(4) is more than V(2)/2, and in the end V(2b) is more than V(b)/2 for ever" in str(
        sv.certify_halving(polynomial(0, 3, -1, 1))
    )


@pytest.mark.parametrize("order", sv.ORDERS)
def test_floats_and_symbols_are_undecided_and_the_reason_says_what_to_do(order):
    floats = sv.certify_order(sv.BatchPolynomial(WITH, (0.0, 1.0, 1.0)), order)
    assert (floats.status, floats.certificate) == ("undecided", None)
    assert "rationalize" in floats.reason
    w, a = sympy.Symbol("w"), sympy.Symbol("a", positive=True)
    unknown = sv.certify_order(sv.BatchPolynomial(WITH, (0, 1, w)), order)
    assert unknown.status == "undecided"
    assert "the symbols w; put numbers" in unknown.reason
    V = sv.BatchPolynomial(WITH, (-a, a, a**2))
    known = sv.certify_order(V, order)
    assert known.status == "proved"
    assert sv.check_certificate(known.certificate, V)


def test_an_unknown_order_and_no_polynomial_are_errors():
    with pytest.raises(ValueError, match="order must be one of 'decreasing', 'scaled decreasing', 'halving', 'convex'"):
        sv.certify_order(polynomial(0, 1), "falling")
    for order in sv.ORDERS:
        with pytest.raises(TypeError, match="V must be a BatchPolynomial, got int"):
            sv.certify_order(3, order)


@pytest.mark.parametrize("degree", [23, 76])
def test_high_degrees_are_decided(degree):
    wave = sympy.Poly(sympy.prod(U - sympy.Rational(2, 2 * b + 1) for b in range(2, 16)), U)
    coefficients = [Fraction(int(a.p), int(a.q)) for a in reversed(wave.all_coeffs())]
    long = [Fraction(7**300 // (k + 1) + k**80, 3**500) for k in range(degree - 16)]
    product = [
        sum(coefficients[j] * long[k - j] for j in range(len(coefficients)) if 0 <= k - j < len(long))
        for k in range(len(coefficients) + len(long) - 1)
    ]
    for order in PAIRS:
        agrees_with_brute_force(with_sign_polynomial(order, product), order, bound=40)
    V = polynomial(0, 1, *(a / ((k + 1) * (k + 2)) for k, a in enumerate(product)))
    verdict = sv.certify_convex(V)
    assert verdict.from_batch_size == 16  # the last root is at 2/31
    assert sv.check_certificate(verdict.certificate, V)
    assert isinstance(verdict.certificate.evidence, RealPieces)


def test_a_piece_of_one_order_is_no_piece_of_another():
    V = polynomial(0, 3, 1, -1)
    certificate = sv.certify_halving(V).certificate
    assert isinstance(certificate.evidence, Pieces)
    with pytest.raises(sv.CertificateError):
        sv.check_certificate(Certificate("decreasing", V, 2, certificate.evidence))


@pytest.mark.parametrize("order", sv.ORDERS)
def test_a_network_of_degree_23_is_certified_and_checked_at_once(order):
    network = sv.DeepLinearNetwork(sv.GaussianPopulation(teacher=[[1, 0]]))
    V = sv.gradient_variance(sv.SGD(network, [[[1, 0], [0, 1]], [[1, 1]]], Fraction(1, 4)), step=2)
    assert V.degree == 23
    started = time.process_time()
    verdict = sv.certify_order(V, order)
    made = time.process_time()
    assert sv.check_certificate(verdict.certificate, V)
    checked = time.process_time()
    assert made - started < 1  # seconds; both take less than a thousandth
    assert checked - made < Fraction(1, 5)
    if order != "convex":
        agrees_with_brute_force(V, order, bound=40)


def test_convexity_that_fails_next_to_the_largest_batch_size_holds_from_nowhere_on():
    V = polynomial(0, 0, -1, design=without(5))
    assert second_derivative(V, Fraction(1, 5)) == second_derivative(V, 1) == Fraction(-25, 8)
    verdict = sv.certify_convex(V)
    assert (verdict.status, verdict.from_batch_size, verdict.certificate) == ("refuted", None, None)
    assert str(verdict) == ("REFUTED: V''(u) < 0 at u = 9/40; V is convex on no interval from u = 1/5 to a larger 1/b")
    point = RealPieces((Fraction(-25, 8),), (Fraction(1),), (Fraction(1, 5),), Fraction(9, 40))
    assert "the interval of u is one point" in refusal(Certificate("convex", V, 5, point))


def test_points_too_small_for_floats_are_printed():
    verdict = sv.certify_convex(polynomial(0, 0, 1, -(10**1000)))
    assert verdict.reason == "V''(u) < 0 at u = about 4.88e-501; V is convex for u up to about 3.33e-1001"
    assert verdict.certificate.statement == (
        "V is convex in u = 1/b, for all real u from 0 to about 3.33e-1001; not up to u = about 3.33e-1001"
    )


def test_an_order_must_be_a_word():
    for order in (["decreasing"], None, "rising"):
        with pytest.raises(ValueError, match="order must be one of 'decreasing', 'scaled decreasing', 'halving'"):
            sv.certify_order(polynomial(0, 1), order)
