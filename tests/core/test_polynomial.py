"""BatchPolynomial: values, two bases, arithmetic, equality and how it reads."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from fractions import Fraction as F

import numpy as np
import pytest
import sympy as sp

import sgdvar as sv
from sgdvar.scalars import parse_array

WITHOUT = sv.BatchDesign(sv.WithoutReplacement(), 5)
WITH = sv.BatchDesign(sv.WithReplacement(), 5)
IID = sv.BatchDesign(sv.IID(), None)
ONE = sv.BatchDesign(sv.WithoutReplacement(), 1)


@pytest.mark.parametrize(
    ("design", "values"),
    [(WITHOUT, [1, F(3, 8), F(1, 6), F(1, 16), 0]), (WITH, [1, F(1, 2), F(1, 3), F(1, 4), F(1, 5)]), (ONE, [0])],
)
def test_the_variance_factor_is_the_variance_of_a_batch_mean(design: sv.BatchDesign, values: list[F]) -> None:
    assert [design.variance_factor(b) for b in range(1, len(values) + 1)] == values


@pytest.mark.parametrize("design", [WITHOUT, WITH, IID])
def test_both_bases_give_the_same_values(design: sv.BatchDesign) -> None:
    a, b = sp.symbols("a b")
    for coefficients in [(F(2), F(-1, 3), F(5, 7), 1), (a, 1 - a, a**2)]:
        V = sv.BatchPolynomial(design, coefficients)
        for batch_size in (1, 2, 3, 4, 5):
            by_u = sum(v * F(1, batch_size) ** k for k, v in enumerate(V.coefficients))
            assert sp.expand(sp.sympify(V(batch_size)) - sp.sympify(by_u)) == 0
            assert sp.expand(V.as_expr(b).subs(b, batch_size) - sp.sympify(V(batch_size))) == 0
            c = sp.sympify(design.variance_factor(batch_size))
            assert sp.expand(V.as_c_expr(c) - sp.sympify(V(batch_size))) == 0


def test_float_coefficients_in_both_bases() -> None:
    V = sv.BatchPolynomial(WITHOUT, (0.0, 1.5, 0.25))
    assert V(2) == 1.5 * 0.375 + 0.25 * 0.375**2
    assert V.coefficients == (-0.375 + 0.015625, 1.875 - 0.15625, 0.390625)
    assert V(5) == 0.0
    assert V(np.array([[1, 5]])).dtype == np.float64


def test_values_at_many_batch_sizes_come_in_their_shape() -> None:
    V = sv.BatchPolynomial(WITH, (0, 1))
    assert V([1, 2]).tolist() == [1, F(1, 2)]
    assert V(np.array([[1], [4]])).tolist() == [[1], [F(1, 4)]]
    assert V(np.int64(2)) == F(1, 2)


def test_trailing_zeros_do_not_count() -> None:
    V = sv.BatchPolynomial(WITH, (0, 3, 0, 0))
    assert V.degree == 1
    assert sv.BatchPolynomial(WITH, (0, 3)) == V
    assert hash(V) == hash(sv.BatchPolynomial(WITH, (0, 3)))
    zero = sv.BatchPolynomial(WITH, (0, 0))
    assert zero.is_zero
    assert zero.degree == 0
    assert zero.coefficients == (0,)


def test_polynomials_of_other_designs_are_never_equal() -> None:
    assert sv.BatchPolynomial(WITH, (0, 3)) != sv.BatchPolynomial(WITHOUT, (0, 3))


def test_with_one_example_only_the_constant_is_left() -> None:
    V = sv.BatchPolynomial(ONE, (2, 5, 7))
    assert V.c_coefficients == (2,)
    assert V(1) == 2
    assert V.coefficients == (2,)


def test_arithmetic_agrees_with_values() -> None:
    V, U = sv.BatchPolynomial(WITHOUT, (1, 2, 3)), sv.BatchPolynomial(WITHOUT, (F(1, 2), 0, -3))
    for b in range(1, 6):
        assert (V + U)(b) == V(b) + U(b)
        assert (V - U)(b) == V(b) - U(b)
        assert (V * U)(b) == V(b) * U(b)
        assert (2 * V + 1)(b) == 2 * V(b) + 1
        assert (F(1, 3) - V)(b) == F(1, 3) - V(b)
    assert (V + U).degree == 1


def test_numbers_of_every_exact_kind_become_fractions_and_symbols_stay() -> None:
    V = sv.BatchPolynomial(WITH, (1, np.int64(2), sp.Rational(1, 3)))
    assert V.c_coefficients == (F(1), F(2), F(1, 3))
    assert all(type(v) is F for v in V.c_coefficients)
    assert V.is_exact
    assert not V.is_symbolic
    symbolic = sv.BatchPolynomial(WITH, (1, sp.Symbol("a")))
    assert symbolic.is_exact
    assert symbolic.is_symbolic
    assert symbolic(2) == 1 + sp.Symbol("a") / 2


def test_it_reads_as_a_formula_with_its_design() -> None:
    V = sv.BatchPolynomial(WITHOUT, (0, F(3, 4), sp.Integer(2)))
    assert str(V) == "3/4 c + 2 c^2, where c = (n - b)/(b (n - 1)), n = 5, 1 <= b <= n"
    assert V._repr_latex_() == r"$\frac{3 c}{4} + 2 c^{2},\quad c = \tfrac{5-b}{4\,b}$"
    assert str(sv.BatchPolynomial(IID, (0,))) == "0, where c = 1/b, b >= 1"
    assert "0.333333333333 c" in str(sv.BatchPolynomial(WITH, (0, F(10**30, 3 * 10**30 + 1))))


def test_rationalize_is_the_one_way_from_floats_to_fractions() -> None:
    assert sv.rationalize(0.1) == F(1, 10)
    assert sv.rationalize(np.array([[0.333, 2.0]]), max_denominator=10).tolist() == [[F(1, 3), 2]]
    assert sv.rationalize([1, F(1, 2000)]).tolist() == [1, F(1, 2000)]
    assert sv.rationalize([10**30, F(1, 3), 0.5]).tolist() == [10**30, F(1, 3), F(1, 2)]  # exact ones are not touched


def test_parsed_arrays_are_read_only_copies_in_canonical_form() -> None:
    mine = np.array([[1.0, 2.0]], dtype=np.float32)
    data = sv.Dataset(mine, [3])
    mine[0, 0] = 9
    assert data.X[0, 0] == 1.0
    assert data.X.dtype == np.float64
    with pytest.raises(ValueError, match="read-only"):
        data.X[0, 0] = 5
    assert parse_array([2**70, 1], "X")[0].tolist() == [2**70, 1]
    assert parse_array(np.array([2**63], dtype=np.uint64), "X")[0].tolist() == [2**63]
    assert parse_array([sp.Integer(2), F(1, 2)], "X")[1] == "rational"
    assert parse_array([1, 2.5], "X")[1] == "float"


def test_huge_coefficients_can_be_printed() -> None:
    V = sv.BatchPolynomial(WITH, (0, F(10**6000, 7), F(-1, 10**6000)))
    assert str(V).startswith("1.42857142857e+5999 c + -1e-6000 c^2")
    assert "c^{2}" in V._repr_latex_()
    assert repr(V) == f"BatchPolynomial({V})"


def test_a_symbol_of_the_users_that_is_called_c_is_not_mistaken_for_the_variance_factor() -> None:
    V = sv.BatchPolynomial(WITH, (0, sp.Symbol("c")))
    assert str(V) == "c c(b), where c(b) = 1/b, b >= 1"
    assert V._repr_latex_() == r"$c(b) c,\quad c(b) = \tfrac{1}{b}$"


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda sgd: pickle.loads(pickle.dumps(sgd))])
def test_copies_and_pickles_are_read_only_too(duplicate: Callable[[sv.SGD], sv.SGD]) -> None:
    for data in (sv.Dataset([[1], [2]], [1, 0]), sv.GaussianPopulation([1], noise_factor=2)):
        sgd = sv.SGD(sv.LinearRegression(data, F(1, 2)), [3], [F(1, 2), F(1, 3)])
        twin = duplicate(sgd)
        assert sv.gradient_variance(twin, step=2) == sv.gradient_variance(sgd, step=2)
        for array in (twin.start, twin.step_size, twin.problem.data.numbers()[0]):
            assert not array.flags.writeable
