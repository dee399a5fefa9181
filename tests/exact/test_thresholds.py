"""Thresholds: the least and the largest batch size, against a look at every one."""

from __future__ import annotations

from fractions import Fraction

import pytest
import sympy
from hypothesis import example, given, strategies as st

import sgdvar as sv

IID = sv.BatchDesign(sv.IID(), None)


def without(n):
    return sv.BatchDesign(sv.WithoutReplacement(), n)


def polynomial(*coefficients, design=IID):
    return sv.BatchPolynomial(design, tuple(map(Fraction, coefficients)))


rationals = st.builds(Fraction, st.integers(-30, 30), st.integers(1, 6))
designs = st.one_of(st.just(IID), st.integers(1, 40).map(without))
BOUND = 80  # of the look at every batch size, where there is no largest


@given(designs, st.lists(rationals, min_size=1, max_size=6), rationals, st.one_of(st.none(), st.integers(1, 40)))
@example(IID, [Fraction(0), Fraction(4), Fraction(-3)], Fraction(1), None)
@example(IID, [Fraction(0), Fraction(1)], Fraction(1), 7)
@example(without(2), [Fraction(0), Fraction(1)], Fraction(0), None)
def test_the_least_batch_size_agrees_with_a_look_at_every_one(design, coefficients, level, at):
    V = polynomial(*coefficients, design=design)
    n = design.max_batch_size
    if at is not None:
        level = V(min(at, n or at))  # exactly a value of V
    holds = [V(b) <= level for b in range(1, (n or BOUND) + 1)]
    least = sv.smallest_batch_size(V, level)
    if True in holds:
        assert least == 1 + holds.index(True)
    else:
        assert least is None if n else least is None or (least > BOUND and V(least) <= level < V(least - 1))
    for_good = sv.smallest_batch_size(V, level, for_good=True)
    if n is None:
        limit = next((x for x in (V.coefficients[0] - level, *V.coefficients[1:]) if x != 0), Fraction(0))
        assert (for_good is None) == (limit > 0)  # the first coefficient decides far out
        if for_good is not None and for_good <= BOUND:
            assert all(holds[for_good - 1 :])
            assert for_good == 1 or not holds[for_good - 2]
    else:
        tail = next((k for k in range(len(holds)) if all(holds[k:])), None)
        assert for_good == (None if tail is None else tail + 1)


gains = st.builds(Fraction, st.integers(-3, 9), st.just(10))


@given(designs, st.lists(rationals, min_size=1, max_size=6), gains)
@example(IID, [Fraction(0), Fraction(1), Fraction(30)], Fraction(1, 10))
@example(without(1), [Fraction(1)], Fraction(0))
@example(without(7), [Fraction(0), Fraction(1)], Fraction(0))
def test_the_largest_batch_size_agrees_with_a_look_at_every_one(design, coefficients, gain):
    V = polynomial(*coefficients, design=design)
    n = design.max_batch_size
    holding = [b for b in range(1, (BOUND if n is None else n // 2) + 1) if V(2 * b) <= (1 - gain) * V(b) / 2]
    far_out = next((a for k, v in enumerate(V.coefficients) if (a := v * ((1 - gain) / 2 - Fraction(1, 2**k)))), 0)
    if n is None and far_out >= 0:  # the first coefficient of the difference decides far out
        with pytest.raises(ValueError, match=r"there is no largest b: .* pass a larger gain"):
            sv.largest_batch_size(V, gain)
        return
    largest = sv.largest_batch_size(V, gain)
    if n is not None or largest is None or largest <= BOUND:
        assert largest == (holding[-1] if holding else None)
    else:
        assert V(2 * largest) <= (1 - gain) * V(largest) / 2
        assert V(2 * largest + 2) > (1 - gain) * V(largest + 1) / 2


def test_thresholds_of_linear_regression():
    data = sv.Dataset([[1, 0], [1, 2], [0, 1], [2, 1]] * 5, [1, 0, 2, 1] * 5)
    V = sv.gradient_variance(sv.SGD(sv.LinearRegression(data), [0, 0], Fraction(1, 2)), step=3)
    b = sv.smallest_batch_size(V, V(1) / 10)
    assert V(b) <= V(1) / 10 < V(b - 1)
    assert sv.smallest_batch_size(V, V(1) / 10, for_good=True) == b
    assert sv.smallest_batch_size(V, 0) == 20
    assert sv.largest_batch_size(V, 0) == 10


def test_a_threshold_far_out_is_found_without_a_walk():
    V = polynomial(0, 1, 1)
    b = sv.smallest_batch_size(V, Fraction(1, 10**40))
    assert V(b) <= Fraction(1, 10**40) < V(b - 1)
    assert sv.largest_batch_size(V, Fraction(1, 10**40)) == 5 * 10**39 - 1  # 1/b^2 gives gain 1/(2 (b + 1))


def test_bad_input_is_refused():
    V = polynomial(0, 1)
    a = sympy.Symbol("a")
    for call in (lambda V, x: sv.smallest_batch_size(V, x), lambda V, x: sv.largest_batch_size(V, x)):
        with pytest.raises(TypeError, match="V must be a BatchPolynomial, got int"):
            call(3, 0)
        with pytest.raises(sv.NotExactError, match="V must have exact coefficients, got floats; rationalize"):
            call(sv.BatchPolynomial(IID, (0.0, 1.0)), 0)
        with pytest.raises(TypeError, match="V must have rational coefficients, got symbols"):
            call(sv.BatchPolynomial(IID, (0, a)), 0)
        with pytest.raises(sv.NotExactError, match=r"must be exact, got 0\.1; write 0\.1 as Fraction\(1, 10\)"):
            call(V, 0.1)
        with pytest.raises(TypeError, match="must be a number, got a"):
            call(V, a)
    with pytest.raises(ValueError, match="gain must be below 1, got 1"):
        sv.largest_batch_size(V, 1)
    with pytest.raises(TypeError, match="for_good must be True or False, got 1"):
        sv.smallest_batch_size(V, 1, for_good=1)


def test_a_gain_of_any_length_is_named():
    with pytest.raises(ValueError, match=r"gain must be below 1, got about 1\.00e\+5000"):
        sv.largest_batch_size(polynomial(0, 1), 10**5000)
