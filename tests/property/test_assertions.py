"""The assertions of the property kit pass what is true, and fail what is not, with numbers that can be checked."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given, settings, strategies as st

import sgdvar as sv
from sgdvar.strategies import (
    assert_at_most,
    assert_certified,
    assert_decreasing,
    assert_equal,
    assert_matches_enumeration,
    assert_matches_estimate,
    assert_matches_simulation,
    assert_non_negative_coefficients,
    assert_polynomial_degree,
    datasets,
    model_processes,
    network_processes,
    processes,
)

WITH = sv.BatchDesign(sv.WithReplacement(), 9)
WITHOUT = sv.BatchDesign(sv.WithoutReplacement(), 3)


def polynomial(*coefficients: Any, design: sv.BatchDesign = WITH) -> sv.BatchPolynomial:
    return sv.BatchPolynomial(design, coefficients)


def two_examples(sampling: Any = None, step_size: Any = Fraction(1, 4)) -> sv.SGD:
    """Gradients w - 1 and 4w, from w = 1: the variance at step 0 is 4 c(b)."""
    problem = sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0]))
    return sv.SGD(problem, [1], step_size, sampling or sv.WithReplacement())


# Falling


def test_a_polynomial_that_falls_for_ever_passes():
    assert_decreasing(polynomial(0, 3, 1))
    assert_decreasing(polynomial(0, 3, -1))  # 3/b - 1/b^2: by its derivative, with a negative coefficient


def test_a_polynomial_that_rises_fails_with_the_first_rise():
    with pytest.raises(AssertionError, match=r"V must not rise in b, got 1 at b = 1 and 5/4 at b = 2, where V = 4 c"):
        assert_decreasing(polynomial(0, 4, -3))
    with pytest.raises(
        AssertionError, match=r"lambda\(sgd, step=0\) must not rise in b, got 1 at b = 1 and 2 at b = 2"
    ):
        assert_decreasing(lambda sgd, step: lambda b: b, two_examples(), 0, batch_sizes=[4, 2, 1])


def test_values_are_compared_at_the_batch_sizes_that_are_given_and_at_no_others():
    V = polynomial(0, 4, -3)
    assert_decreasing(V, batch_sizes=[2, 3, 100])
    assert_decreasing({2: 5, 1: 7, 9: 5})
    with pytest.raises(AssertionError, match="got 5 at b = 2 and 6 at b = 9"):
        assert_decreasing({2: 5, 1: 7, 9: 6})


def test_a_witness_far_out_is_found_by_the_polynomial():
    V = polynomial(0, -1, 50)  # falls to b = 100, then rises
    assert_decreasing(V, batch_sizes=range(1, 101))
    with pytest.raises(AssertionError, match=r"at b = 100 and .* at b = 101"):
        assert_decreasing(V)


@pytest.mark.parametrize("w", [sympy.Symbol("w"), 0.5])
def test_what_is_undecided_fails(w):
    with pytest.raises(AssertionError, match="undecided"):
        assert_decreasing(polynomial(0, w))
    with pytest.raises(AssertionError, match=r"must be (exact to be decided|decided not to rise)"):
        assert_decreasing({1: 2 * w, 2: w})


def test_symbols_whose_signs_are_known_are_decided():
    w = sympy.Symbol("w", positive=True)
    assert_decreasing({1: 2 * w, 2: w})
    with pytest.raises(AssertionError, match="must not rise in b, got w at b = 1 and 2\\*w at b = 2"):
        assert_decreasing({1: w, 2: 2 * w})


def test_other_orders_are_asserted_by_their_certificates():
    V = polynomial(0, 3, -1)  # 3/b - 1/b^2: falls, but V(2) = 5/4 is more than V(1)/2 = 1
    assert_certified(sv.certify_decreasing, V)
    with pytest.raises(AssertionError, match="V must be proved by certify_halving, got refuted: "):
        assert_certified(sv.certify_halving, V)
    with pytest.raises(AssertionError, match="must be proved by certify_halving, got undecided: the coefficients"):
        assert_certified(sv.certify_halving, polynomial(0, 0.5))


def test_a_certificate_that_proves_nothing_is_an_error():
    proof = sv.certify_decreasing(polynomial(0, 1))
    with pytest.raises(sv.CertificateError):
        assert_certified(lambda V: proof, polynomial(0, 4, -3))


# Coefficients and degrees


def test_negative_coefficients_and_constant_terms_fail():
    assert_non_negative_coefficients(polynomial(0, 1, 0, 2))
    assert_non_negative_coefficients(polynomial(-5, 1), constant_term=True)
    with pytest.raises(AssertionError, match=r"must have no constant term in c\(b\), got -5"):
        assert_non_negative_coefficients(polynomial(-5, 1))
    with pytest.raises(AssertionError, match=r"non-negative coefficients of c\(b\)\^k, got -1/2 for k = 2"):
        assert_non_negative_coefficients(polynomial(0, 1, Fraction(-1, 2)))
    with pytest.raises(AssertionError, match="must be exact to be decided, got float coefficients"):
        assert_non_negative_coefficients(polynomial(0, 0.5))


def test_a_degree_that_is_too_large_fails():
    assert assert_polynomial_degree(polynomial(0, 1, 2), None, None, 2) == polynomial(0, 1, 2)
    with pytest.raises(AssertionError, match="must have degree at most 1 in c, got degree 2, V = 1 c"):
        assert_polynomial_degree(polynomial(0, 1, 2), None, None, 1)


@pytest.mark.parametrize("design", [WITH, WITHOUT, sv.BatchDesign(sv.IID(), None)], ids=str)
def test_values_give_back_the_polynomial_that_they_are_of(design):
    V = polynomial(Fraction(1, 3), -2, design=design)

    @dataclass
    class Process:
        design: sv.BatchDesign

    assert assert_polynomial_degree(lambda process, step, batch_size: V(batch_size), Process(design), 0, 1) == V
    with pytest.raises(AssertionError, match=r"lambda\(process, step=0\) must have degree at most 0 in c"):
        assert_polynomial_degree(lambda process, step, batch_size: V(batch_size), Process(design), 0, 0)


def test_a_brute_force_leads_to_the_polynomial_of_the_engine():
    for sampling in (sv.WithReplacement(), sv.WithoutReplacement()):
        sgd = two_examples(sampling)
        V = assert_polynomial_degree(sv.enumerate_gradient_variance, sgd, 1, degree=2)
        assert_equal(V, sv.gradient_variance(sgd, 1), sgd)


def test_without_replacement_every_function_on_n_points_has_degree_n_minus_one():
    sgd = two_examples(sv.WithoutReplacement())
    V = assert_polynomial_degree(lambda sgd, step, batch_size: 7 * batch_size, sgd, 0, degree=1)
    assert [V(1), V(2)] == [7, 14]


def test_too_few_batch_sizes_tell_no_degree():
    with pytest.raises(ValueError, match=r"at least degree \+ 2 = 3 to tell a degree, got 2"):
        assert_polynomial_degree(sv.enumerate_gradient_variance, two_examples(), 0, 1, batch_sizes=[1, 2])


# Equality and order


def wrong(sgd: sv.SGD, step: int) -> sv.BatchPolynomial:
    return sv.gradient_variance(sgd, step) * 2


def test_a_formula_is_compared_with_a_brute_force_at_every_batch_size():
    sgd = two_examples(sv.WithoutReplacement())
    assert_matches_enumeration(sv.gradient_variance, sv.enumerate_gradient_variance, sgd, 2)
    message = r"wrong\(sgd, step=0\) must equal enumerate_gradient_variance\(sgd, step=0\) at b = 1, got 8 and 4"
    with pytest.raises(AssertionError, match=message):
        assert_matches_enumeration(wrong, sv.enumerate_gradient_variance, sgd, 0)
    assert_matches_enumeration(wrong, sv.enumerate_gradient_variance, sgd, 0, batch_sizes=[2])  # both are 0


def test_arrays_and_layers_are_compared_entry_by_entry():
    sgd = sv.SGD(sv.DeepLinearNetwork(sv.Dataset([[1], [2]], [1, 0])), [1, 2], Fraction(1, 4))
    for name in ("mean_weights", "mean_gradient", "weight_covariance"):
        assert_matches_enumeration(getattr(sv, name), getattr(sv, f"enumerate_{name}"), sgd, 1)
    first, second = sv.mean_weights(sgd, 1)
    with pytest.raises(AssertionError, match=r"must equal the second at b = 1, entry 1, got"):
        assert_equal((first, second), (first, first), sgd)
    with pytest.raises(TypeError, match="must have the 2 entries of the first, got 1"):
        assert_equal((first, second), first, sgd)


def test_polynomials_without_a_largest_batch_size_are_equal_in_their_coefficients():
    V = polynomial(0, 1)
    vanishing = polynomial(1)
    for b in (1, 2, 3, 4):  # a polynomial that is 0 at all batch sizes that are tried by default
        vanishing *= polynomial(-Fraction(1, b), 1)
    assert_equal(V, V + vanishing, batch_sizes=[1, 2, 3, 4])
    with pytest.raises(AssertionError, match=r"in coefficients of c\(b\)\^k, got \(0, 1\) and"):
        assert_equal(V, V + vanishing)


def test_polynomials_that_agree_at_every_valid_batch_size_are_equal():
    vanishing = polynomial(1, design=WITHOUT)
    for b in (1, 2, 3):
        vanishing *= polynomial(-WITHOUT.variance_factor(b), 1, design=WITHOUT)
    assert_equal(polynomial(0, 1, design=WITHOUT), polynomial(0, 1, design=WITHOUT) + vanishing)


def test_an_order_fails_at_the_first_batch_size_with_both_values():
    assert_at_most(polynomial(0, 1, design=WITHOUT), polynomial(0, 1))  # (3 - b)/(2b) against 1/b
    with pytest.raises(AssertionError, match="V must be at most 1/4 at b = 2, got 1/2"):
        assert_at_most(polynomial(0, 1), polynomial(0, 0, 1))
    with pytest.raises(AssertionError, match="decided to be at most w at b = 1, got 0"):
        assert_at_most({1: 0}, sympy.Symbol("w"))


# Messages


@settings(max_examples=40)
@given(processes() | network_processes())
def test_a_failure_shows_code_that_rebuilds_the_process(sgd):
    with pytest.raises(AssertionError) as error:
        assert_equal(lambda b: 0, lambda b: 1, sgd)
    code = str(error.value).split("\nsgd = ", 1)[1]
    rebuilt = eval(code, {"sv": sv, "Fraction": Fraction})
    assert rebuilt.as_code() == code
    assert (type(rebuilt.problem), rebuilt.design) == (type(sgd.problem), sgd.design)
    assert len(rebuilt.numbers()) == len(sgd.numbers())
    assert all(np.array_equal(new, old) for new, old in zip(rebuilt.numbers(), sgd.numbers(), strict=True))


def test_a_failure_names_the_function_its_arguments_and_every_process():
    sgd = two_examples()
    with pytest.raises(AssertionError, match=r"gradient_variance\(sgd, step=0, matrix=\[\[2\]\]\) must equal"):
        assert_matches_enumeration(sv.gradient_variance, lambda sgd, step, batch_size, matrix: 0, sgd, 0, matrix=[[2]])
    with pytest.raises(AssertionError, match=r"(?s)sgd_1 = sv.SGD\(.*sgd_2 = sv.SGD\("):
        assert_equal(sv.gradient_variance(sgd, 0), 0, sgd, sgd)


# A problem class of one's own: SGD with momentum, of which the library knows nothing


@dataclass(frozen=True)
class HeavyBall:
    sgd: sv.SGD
    momentum: Fraction

    @property
    def design(self) -> sv.BatchDesign:
        return self.sgd.design


def last_gradient(process: HeavyBall, batches: tuple[Any, ...]) -> Any:
    sgd, velocity = process.sgd, 0
    w, data = sgd.start, sgd.problem.data
    for step_size, batch in zip([*sgd.step_sizes(len(batches) - 1), 0], batches, strict=True):
        gradient = sgd.problem.example_gradients(w, data.X[batch], data.y[batch]).sum(axis=0) / Fraction(len(batch))
        velocity = process.momentum * velocity + gradient
        w = w - step_size * velocity
    return gradient


def variance(process: HeavyBall, step: int, batch_size: int) -> Any:
    return sv.enumerate_variance(lambda batches: last_gradient(process, batches), process.design, step + 1, batch_size)


HEAVY_BALLS = st.builds(HeavyBall, processes(datasets(n=2, p=1, outputs=None)), st.fractions(0, 1, max_denominator=3))


@settings(max_examples=20)
@given(HEAVY_BALLS, st.integers(0, 2))
def test_the_theorem_for_linear_regression_holds_with_momentum(process, step):
    V = assert_polynomial_degree(variance, process, step, degree=step + 1)
    if process.design.max_batch_size is None:  # else a polynomial of degree t + 1 need not be unique
        assert_non_negative_coefficients(V)
    assert_decreasing(V)


def test_a_process_of_ones_own_is_shown_as_code_too():
    process = HeavyBall(two_examples(), Fraction(1, 2))
    with pytest.raises(
        AssertionError, match=r"(?s)must not rise.*process = HeavyBall\(\n    sv.SGD\(.*momentum=Fraction"
    ):
        assert_decreasing(lambda process, step, batch_size: batch_size, process, 0)


# Simulation


def test_a_right_claim_agrees_with_simulation_and_a_wrong_one_does_not():
    sgd = two_examples(step_size=0.1)
    options = {"replicates": 20_000, "seed": 1}
    assert_matches_simulation(sv.gradient_variance, sgd, 1, [1, 2], **options)
    assert_matches_simulation(sv.enumerate_gradient_variance, sgd, 1, [1, 2], **options)
    with pytest.raises(AssertionError, match=r"wrong\(sgd, step=1\) must agree with simulation, got refuted"):
        assert_matches_simulation(wrong, sgd, 1, [1, 2], **options)


def test_a_claim_lies_in_the_intervals_of_an_estimate_or_fails():
    sgd = two_examples(step_size=0.1)
    options = {"replicates": 20_000, "seed": 2}
    assert_matches_estimate(sv.mean_weights, sv.estimate_mean_weights, sgd, 2, [1, 4], **options)
    assert_matches_estimate(sv.expected_loss, sv.estimate_expected_loss, sgd, 2, [1, 4], **options)
    with pytest.raises(AssertionError, match=r"wrong\(sgd, step=1\) must be in \[.*\] at b = 1, got"):
        assert_matches_estimate(wrong, sv.estimate_gradient_variance, sgd, 1, [1, 4], **options)


def test_an_estimate_without_error_must_be_met_up_to_rounding():
    sgd = two_examples(sv.WithoutReplacement(), step_size=0.1)
    assert_matches_estimate(sv.gradient_variance, sv.estimate_gradient_variance, sgd, 1, [2], replicates=100)
    with pytest.raises(AssertionError, match=r"at b = 2, got 0\.001"):
        assert_matches_estimate(
            lambda sgd, step, batch_size: 1e-3, sv.estimate_gradient_variance, sgd, 1, [2], replicates=100
        )


def logistic(weights: Any, x: Any) -> Any:
    import jax.numpy as jnp

    return jnp.tanh(weights @ x)


@settings(max_examples=2)
@given(model_processes(logistic, (2,), st.just(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2]))))
def test_the_first_step_of_any_model_is_known_exactly(sgd):
    """Var(g_0) = c(b) tr Sigma(w_0), with the gradient of the squared loss of tanh(w.x) by hand."""
    X, y, w = sgd.problem.data.X.astype(float), sgd.problem.data.y.astype(float), sgd.start.astype(float)
    f = np.tanh(X @ w)
    gradients = ((f - y) * (1 - f**2))[:, None] * X
    spread = ((gradients - gradients.mean(axis=0)) ** 2).sum() / 3
    assert_matches_estimate(
        lambda sgd, step, batch_size: float(sgd.design.variance_factor(batch_size)) * spread,
        sv.estimate_gradient_variance,
        sgd,
        0,
        [1, 2],
        replicates=1000,
    )


# Bad input


def test_bad_arguments_are_refused_with_advice():
    sgd = two_examples()
    with pytest.raises(TypeError, match=r"process must be given for .* a function, got None; values may be a dict"):
        assert_decreasing(sv.gradient_variance)
    with pytest.raises(ValueError, match="batch_sizes must be given where neither result nor process has a design"):
        assert_equal(lambda b: b, lambda b: b)
    with pytest.raises(ValueError, match="1 <= b <= n without replacement, got 4 with n = 3"):
        assert_decreasing(polynomial(0, 1, design=WITHOUT), batch_sizes=[4])
    with pytest.raises(ValueError, match="at least one batch size"):
        assert_decreasing(polynomial(0, 1), batch_sizes=[])
    with pytest.raises(ValueError, match=r"among those of the values, \[1, 2\], got \[1, 3\]"):
        assert_decreasing({1: 2, 2: 1}, batch_sizes=[1, 3])
    with pytest.raises(TypeError, match="must be one number at each batch size, got 2"):
        assert_decreasing({1: (1, 2)})
    with pytest.raises(TypeError, match="must be one BatchPolynomial, got values; assert_polynomial_degree makes one"):
        assert_non_negative_coefficients(sv.enumerate_gradient_variance, sgd, 0)
    with pytest.raises(ValueError, match="degree must be at least 0, got -1"):
        assert_polynomial_degree(sv.gradient_variance, sgd, 0, -1)
    with pytest.raises(ValueError, match="process must have a design"):
        assert_polynomial_degree({1: 1, 2: 2, 3: 3}, None, None, 1)
    with pytest.raises(sv.BudgetExceededError):
        assert_matches_enumeration(sv.gradient_variance, sv.enumerate_gradient_variance, sgd, 2, batch_sizes=[10**6])
