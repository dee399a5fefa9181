"""What the theory says of linear regression holds for every small exact problem."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
from hypothesis import given, settings, strategies as st

import sgdvar as sv
from sgdvar.strategies import (
    assert_at_most,
    assert_certified,
    assert_decreasing,
    assert_equal,
    assert_matches_enumeration,
    assert_non_negative_coefficients,
    assert_polynomial_degree,
    batch_sizes,
    datasets,
    discrete_populations,
    gaussian_populations,
    matrices,
    processes,
    rotations,
)

FINITE = datasets()
ENUMERABLE = datasets() | discrete_populations()
SOME_BATCH_SIZES = 8
steps = st.integers(0, 3)
variances = st.sampled_from([sv.gradient_variance, sv.full_gradient_variance])


def valid(design):
    return range(1, (design.max_batch_size or SOME_BATCH_SIZES) + 1)


def with_sampling(sgd, sampling):
    return sv.SGD(sgd.problem, sgd.start, sgd.step_size, sampling)


def is_positive_semidefinite(matrix):
    """By exact elimination: no negative pivot, and nothing beside a zero pivot."""
    matrix = [list(row) for row in matrix]
    for k, row in enumerate(matrix):
        if row[k] < 0 or (row[k] == 0 and any(row[k:])):
            return False
        if row[k] == 0:
            continue
        for i in range(k + 1, len(matrix)):
            factor = matrix[i][k] / row[k]
            for j in range(k, len(matrix)):
                matrix[i][j] -= factor * row[j]
    return True


@given(st.data(), processes(), steps, variances)
def test_coefficients_in_c_are_non_negative_without_constant_term_and_of_bounded_degree(data, sgd, step, variance):
    matrix = data.draw(st.none() | matrices(sgd.start.size))
    assert_non_negative_coefficients(variance, sgd, step, matrix=matrix)
    assert_polynomial_degree(
        variance, sgd, step, degree=step + 1 if variance is sv.gradient_variance else step, matrix=matrix
    )


@given(st.data(), processes(), steps, variances)
def test_the_variance_never_rises_in_b_and_the_certificate_checks(data, sgd, step, variance):
    matrix = data.draw(st.none() | matrices(sgd.start.size))
    assert_decreasing(variance, sgd, step, matrix=matrix)
    assert_decreasing(variance, sgd, step, matrix=matrix, batch_sizes=valid(sgd.design))


@given(processes(FINITE, sampling=sv.WithoutReplacement()), steps, variances)
def test_full_batches_have_no_variance(sgd, step, variance):
    assert_equal(variance(sgd, step), 0, sgd, batch_sizes=[sgd.design.population_size])


@given(processes(FINITE), steps, variances)
def test_without_replacement_never_has_more_variance_than_with_replacement(sgd, step, variance):
    without = variance(with_sampling(sgd, sv.WithoutReplacement()), step)
    assert_at_most(without, variance(with_sampling(sgd, sv.WithReplacement()), step), sgd)


@given(processes(), steps, variances)
def test_doubling_the_batch_at_least_halves_the_variance(sgd, step, variance):
    V = variance(sgd, step)
    assert_certified(sv.certify_halving, V, sgd)
    halves = [b for b in valid(sgd.design) if 2 * b in valid(sgd.design)]
    if halves:
        assert_at_most(lambda b: 2 * V(2 * b), V, sgd, batch_sizes=halves)


def parts(population):
    """Teacher (q, p), C and D, with the defaults written out."""
    teacher = np.atleast_2d(population.teacher)
    q, p = teacher.shape
    factor = np.eye(p, dtype=int) if population.input_factor is None else population.input_factor
    noise = np.zeros((q, 1), dtype=int) if population.noise_factor is None else population.noise_factor
    return teacher, factor, noise


def full_gradient(problem, weights):
    """The gradient of the loss over the whole data set or population."""
    if not isinstance(problem.data, sv.GaussianPopulation):
        n = problem.data.size
        masses = problem.data.probabilities if n is None else np.full(n, Fraction(1, n))
        return np.tensordot(masses, problem.example_gradients(weights, problem.data.X, problem.data.y), axes=1)
    teacher, factor, _ = parts(problem.data)
    error = np.atleast_2d(weights) - teacher
    return (error @ factor @ factor.T).reshape(weights.shape) + problem.weight_decay * weights


@given(processes(), steps)
def test_mean_weights_and_gradients_are_those_of_full_batch_gradient_descent_for_every_b(sgd, step):
    weights = sgd.start
    for step_size in sgd.step_sizes(step):
        weights = weights - step_size * full_gradient(sgd.problem, weights)
    for polynomials, expected in [
        (sv.mean_weights(sgd, step), weights),
        (sv.mean_gradient(sgd, step), full_gradient(sgd.problem, weights)),
    ]:
        assert all(polynomial.degree == 0 for polynomial in polynomials.ravel())
        assert_equal(polynomials, expected, sgd, batch_sizes=[1])


@given(processes(), steps)
def test_the_expected_loss_never_rises_in_b(sgd, step):
    assert_decreasing(sv.expected_loss, sgd, step)


@given(processes(), steps)
def test_the_second_moment_of_the_gradient_never_rises_in_b(sgd, step):
    assert_decreasing(sv.gradient_second_moment, sgd, step)


@given(st.data(), processes(), steps)
def test_the_second_moment_is_the_variance_plus_the_squared_mean(data, sgd, step):
    matrix = data.draw(matrices(sgd.start.size))
    mean = [
        sum(row * gradient(1) for row, gradient in zip(rows, sv.mean_gradient(sgd, step).ravel(), strict=True))
        for rows in matrix
    ]
    square = sum(value * value for value in mean)
    expected = sv.gradient_variance(sgd, step, matrix=matrix) + square
    assert_equal(sv.gradient_second_moment(sgd, step, matrix=matrix), expected, sgd)


@given(processes(), steps)
def test_the_weight_covariance_decreases_in_b_in_the_order_of_semidefinite_matrices(sgd, step):
    covariance = sv.weight_covariance(sgd, step)
    assert_certified(sv.certify_covariance_decreasing, covariance, sgd)
    at = {b: [[entry(b) for entry in row] for row in covariance] for b in valid(sgd.design)}
    for b, larger in at.items():
        assert is_positive_semidefinite(larger)
        if b + 1 in at:
            difference = [
                [x - y for x, y in zip(row, other, strict=True)] for row, other in zip(larger, at[b + 1], strict=True)
            ]
            assert is_positive_semidefinite(difference)


def with_data(sgd, data, start=None):
    """The same process on other data."""
    problem = sv.LinearRegression(data, sgd.problem.weight_decay)
    return sv.SGD(problem, sgd.start if start is None else start, sgd.step_size, sgd.sampling)


@given(st.data(), processes(ENUMERABLE), steps)
def test_the_order_of_the_examples_does_not_matter(data, sgd, step):
    source = sgd.problem.data
    order = list(data.draw(st.permutations(range(len(source.X)))))
    other = with_data(sgd, type(source)(*(array[order] for array in source.numbers())))
    assert_equal(sv.gradient_variance(sgd, step), sv.gradient_variance(other, step), sgd, other)


def turned(source, R):
    """The data with R x in place of x."""
    if isinstance(source, sv.GaussianPopulation):
        factor = R if source.input_factor is None else R @ source.input_factor
        return sv.GaussianPopulation(source.teacher @ R.T, factor, source.noise_factor)
    return type(source)(source.X @ R.T, *source.numbers()[1:])


@given(st.data(), processes(), steps, variances)
def test_rotating_features_and_start_together_changes_nothing(data, sgd, step, variance):
    R = data.draw(rotations(sgd.problem.data.inputs))
    other = with_data(sgd, turned(sgd.problem.data, R), sgd.start @ R.T)
    assert_equal(variance(sgd, step), variance(other, step), sgd, other)


@given(processes(FINITE, sampling=sv.WithReplacement()), steps, variances, st.integers(2, 3))
def test_repeating_every_example_changes_nothing_with_replacement(sgd, step, variance, times):
    source = sgd.problem.data
    other = with_data(sgd, sv.Dataset(np.concatenate([source.X] * times), np.concatenate([source.y] * times)))
    assert_equal(variance(sgd, step), variance(other, step), sgd, other)


def scaled(sgd, *, inputs=1, targets=1):
    """The process with x times ``inputs`` and y times ``targets``, everything else measured in the new units."""
    source, to_weights = sgd.problem.data, Fraction(targets, inputs)
    if isinstance(source, sv.GaussianPopulation):
        _, factor, noise = parts(source)
        data = sv.GaussianPopulation(source.teacher * to_weights, factor * inputs, noise * targets)
    else:
        data = type(source)(source.X * inputs, source.y * targets, *source.numbers()[2:])
    problem = sv.LinearRegression(data, sgd.problem.weight_decay * inputs**2)
    return sv.SGD(problem, sgd.start * to_weights, np.asarray(sgd.step_size) / Fraction(inputs**2), sgd.sampling)


@given(processes(), steps, st.integers(1, 5), st.integers(1, 5))
def test_units_of_inputs_and_targets_scale_every_quantity(sgd, step, inputs, targets):
    other = scaled(sgd, inputs=inputs, targets=targets)
    square = (inputs * targets) ** 2
    for quantity in (sv.gradient_variance, sv.full_gradient_variance, sv.gradient_second_moment):
        assert_equal(quantity(other, step), quantity(sgd, step) * square, sgd)
    assert_equal(sv.expected_loss(other, step), sv.expected_loss(sgd, step) * targets**2, sgd)


def trajectories(sgd, step, batch_size):
    """All sequences of batches without replacement: the weights at their ends."""
    source, endings = sgd.problem.data, [sgd.start]
    for step_size in sgd.step_sizes(step):
        endings = [
            weights
            - step_size
            * sgd.problem.example_gradients(weights, source.X, source.y)[list(batch)].sum(axis=0)
            / Fraction(batch_size)
            for weights in endings
            for batch in combinations(range(source.size), batch_size)
        ]
    return endings


@given(st.data(), processes(FINITE, sampling=sv.WithoutReplacement()), st.integers(0, 2))
def test_total_variance_is_the_mean_conditional_variance_plus_the_variance_of_the_full_gradient(data, sgd, step):
    b = data.draw(batch_sizes(sgd.design))
    source = sgd.problem.data
    n = Fraction(source.size)
    endings = trajectories(sgd, step, b)
    population = []
    for weights in endings:
        gradients = sgd.problem.example_gradients(weights, source.X, source.y)
        population.append(((gradients - gradients.sum(axis=0) / n) ** 2).sum() / n)
    conditional = sgd.design.variance_factor(b) * sum(population) / len(endings)
    assert sv.gradient_variance(sgd, step)(b) == conditional + sv.full_gradient_variance(sgd, step)(b)


@settings(max_examples=200)
@given(st.data(), processes(ENUMERABLE), st.integers(0, 2))
def test_the_engine_equals_enumeration(data, sgd, step):
    b = [data.draw(batch_sizes(sgd.design, max_value=3))]
    matrix = data.draw(st.none() | matrices(sgd.start.size))
    for quantity, enumeration in [
        (sv.gradient_variance, sv.enumerate_gradient_variance),
        (sv.full_gradient_variance, sv.enumerate_full_gradient_variance),
        (sv.gradient_second_moment, sv.enumerate_gradient_second_moment),
    ]:
        assert_matches_enumeration(quantity, enumeration, sgd, step, batch_sizes=b, matrix=matrix)
    for quantity, enumeration in [
        (sv.expected_loss, sv.enumerate_expected_loss),
        (sv.mean_gradient, sv.enumerate_mean_gradient),
        (sv.mean_weights, sv.enumerate_mean_weights),
        (sv.weight_covariance, sv.enumerate_weight_covariance),
    ]:
        assert_matches_enumeration(quantity, enumeration, sgd, step, batch_sizes=b)


@given(processes(gaussian_populations()))
def test_the_first_gradient_of_a_population_has_the_variance_of_isserlis_theorem(sgd):
    teacher, factor, noise = parts(sgd.problem.data)
    S = factor @ factor.T
    error = np.atleast_2d(sgd.start) - teacher
    # Var of (error x - noise) x^T, summed over entries: E|x|^2 |error x|^2 - |error S|^2 + E|x|^2 E|noise|^2.
    spread = np.trace(error @ S @ error.T) * np.trace(S) + np.trace(error @ S @ S @ error.T)
    label_noise = np.trace(noise @ noise.T) * np.trace(S)
    assert sv.gradient_variance(sgd, 0)(1) == spread + label_noise
