"""The search finds counterexamples by itself, and reports none that exact arithmetic denies."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import prod

import numpy as np
import pytest
import sympy as sp

import sgdvar as sv

EVERY = {"gradient-variance": sv.enumerate_gradient_variance, "expected-loss": sv.enumerate_expected_loss}
CASES = {
    "finite": (sv.SearchClaim(batch_sizes=[1]), sv.FiniteFamily(examples=3)),
    "stable": (sv.SearchClaim(batch_sizes=[1], target_ratio=100), sv.PopulationFamily(atoms=2, stable=True)),
    "gaussian": (sv.SearchClaim(batch_sizes=[1], target_ratio=Fraction(6, 5)), sv.GaussianFamily(widths=(2, 2, 2))),
    "reshuffled": (
        sv.SearchClaim(batch_sizes=[(1, 2)], step=2),
        sv.FiniteFamily(examples=4, widths=(1, 1), sampling=sv.RandomReshuffling()),
    ),
}


ENUMERATED = ["finite", "stable", pytest.param("reshuffled", marks=pytest.mark.nightly)]


@cache
def found(name: str) -> sv.SearchResult:
    return sv.search_counterexample(*CASES[name], seed=1)


def numbers_of(result: sv.SearchResult) -> list[Fraction]:
    """Every number of the counterexample."""
    parts = [*result.process.problem.data.numbers(), *result.process.parts, np.array([result.process.step_size])]
    return [Fraction(value) for part in parts for value in part.ravel().tolist()]


@pytest.mark.parametrize("name", ENUMERATED)
def test_what_is_found_is_a_violation_by_enumeration(name):
    result = found(name)
    assert result.verdict.status == "refuted"
    values = {b: sv.enumerate_gradient_variance(result.process, result.claim.step, b) for b in (1, 2)}
    assert values == result.values
    assert values[2] > result.claim.target_ratio * values[1]
    assert result.verdict.witness == (1, 2, values[1], values[2])


@pytest.mark.parametrize("name", [*ENUMERATED, pytest.param("gaussian", marks=pytest.mark.nightly)])
def test_numerators_and_denominators_are_at_most_100(name):
    assert all(abs(value.numerator) <= 100 and value.denominator <= 100 for value in numbers_of(found(name)))


@pytest.mark.nightly
def test_a_gaussian_violation_holds_by_the_moments_of_its_normal_variables():
    result = found("gaussian")
    values = {b: variance_by_isserlis(result.process, b) for b in (1, 2)}
    assert values == result.values
    assert values[2] > Fraction(6, 5) * values[1]


def test_the_moments_of_normal_variables_give_the_exact_variance():
    network = sv.DeepLinearNetwork(sv.GaussianPopulation([[1, 8], [-8, 1]]))
    sgd = sv.SGD(network, [[[1, 0], [2, 1]], [[1, 1], [0, 1]]], Fraction(1, 2))
    V = sv.gradient_variance(sgd, 1)
    assert [variance_by_isserlis(sgd, b) for b in (1, 2)] == [V(1), V(2)]


def variance_by_isserlis(sgd: sv.SGD, b: int) -> Fraction:
    """V_1(b) for N(0, I) inputs in two dimensions, from the moments of the 2 b variables of the first batch."""
    ring, *x = sp.ring([f"x{i}" for i in range(2 * b)], sp.QQ)
    S = [[sum((x[2 * k + i] * x[2 * k + j] for k in range(b)), ring.zero) / b for j in range(2)] for i in range(2)]
    exact = [[[sp.QQ(int(v.numerator), int(v.denominator)) for v in map(Fraction, row)] for row in M.tolist()]
             for M in (*sgd.parts, sgd.problem.data.teacher)]  # fmt: skip
    W1, W2, teacher = [[[ring.ground_new(v) for v in row] for row in M] for M in exact]
    alpha = Fraction(sgd.step_size)
    alpha = ring.ground_new(sp.QQ(alpha.numerator, alpha.denominator))
    residual = times(minus(times(W2, W1), teacher), S)
    moved = [
        minus(W1, scaled(alpha, times(transposed(W2), residual))),
        minus(W2, scaled(alpha, times(residual, transposed(W1)))),
    ]
    W1, W2 = moved
    E = minus(times(W2, W1), teacher)
    # the last batch, for one example x: g_j = U x x^T V^T has E g = U V^T and E|g|^2 = |U|^2 |V|^2 + 2 |U V^T|^2
    pairs = [(times(transposed(W2), E), None), (E, W1)]
    second, means = ring.zero, []
    for U, V in pairs:
        G = U if V is None else times(U, transposed(V))
        size = ring.ground_new(sp.QQ(2)) if V is None else square(V)
        second += square(G) + (square(U) * size + square(G)) / b
        means += [expectation(entry, 2 * b) for row in G for entry in row]
    value = expectation(second, 2 * b) - sum((m**2 for m in means), sp.QQ(0))
    return Fraction(int(value.numerator), int(value.denominator))


def expectation(polynomial, count):
    total = sp.QQ(0)
    for powers, a in polynomial.terms():
        total += a * prod(0 if j % 2 else prod(range(1, j, 2)) for j in powers[:count])
    return total


def times(left, right):
    return [[sum((left[i][k] * right[k][j] for k in range(2)), 0 * left[0][0]) for j in range(2)] for i in range(2)]


def minus(left, right):
    return [[a - c for a, c in zip(one, other, strict=True)] for one, other in zip(left, right, strict=True)]


def scaled(factor, matrix):
    return [[factor * entry for entry in row] for row in matrix]


def transposed(matrix):
    return [list(row) for row in zip(*matrix, strict=True)]


def square(matrix):
    return sum((entry**2 for row in matrix for entry in row), 0 * matrix[0][0])


def test_the_step_size_of_a_stable_violation_is_below_both_curvatures():
    """Two layers of one weight: the Hessian at the start, and 2 s |fit| at the balanced minimum."""
    sgd = found("stable").process
    X, y, masses = (list(map(Fraction, part.ravel().tolist())) for part in sgd.problem.data.numbers())
    (w1, w2), alpha = (Fraction(part.item()) for part in sgd.parts), sgd.step_size
    s = sum(p * x**2 for p, x in zip(masses, X, strict=True))
    r = sum(p * x * t for p, x, t in zip(masses, X, y, strict=True))
    a, d, off = s * w2**2, s * w1**2, 2 * s * w1 * w2 - r
    limit = Fraction(2) / alpha
    assert limit - a > 0
    assert (limit - a) * (limit - d) > off**2
    assert alpha * 2 * abs(r) < 2


def test_the_certificate_of_the_order_from_some_batch_size_on_is_valid():
    result = found("finite")
    V = sv.gradient_variance(result.process, 1)
    assert sv.check_certificate(result.verdict.certificate, V)
    assert result.verdict.from_batch_size == sv.certify_decreasing(V).from_batch_size


def test_the_printed_code_makes_the_counterexample():
    result = found("finite")
    names: dict[str, object] = {}
    exec(result.code, names)
    assert [sv.enumerate_gradient_variance(names["sgd"], 1, b) for b in (1, 2)] == list(result.values.values())
    assert str(result).endswith(result.code)


def test_the_batch_size_from_which_the_variance_never_rises_is_as_large_as_asked():
    claim, family = sv.SearchClaim(batch_sizes=[10]), sv.PopulationFamily(atoms=2)
    result = sv.search_counterexample(claim, family, largest=10**6)
    values = [sv.enumerate_gradient_variance(result.process, 1, b) for b in (10, 11)]
    assert values[1] > values[0]
    assert result.verdict.from_batch_size > 10
