"""What the theory says of linear regression holds for every small exact problem."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
from hypothesis import given, settings, strategies as st

import sgdvar as sv
from sgdvar.strategies import batch_sizes, datasets, gaussian_populations, matrices, processes, rotations

FINITE = datasets()
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
    V = variance(sgd, step, matrix=matrix)
    assert V.c_coefficients[0] == 0
    assert all(a >= 0 for a in V.c_coefficients)
    assert V.degree <= (step + 1 if variance is sv.gradient_variance else step)


@given(st.data(), processes(), steps, variances)
def test_the_variance_never_rises_in_b_and_the_certificate_checks(data, sgd, step, variance):
    V = variance(sgd, step, matrix=data.draw(st.none() | matrices(sgd.start.size)))
    verdict = sv.certify_decreasing(V)
    assert verdict.status == "proved"
    assert sv.check_certificate(verdict.certificate, V)
    values = [V(b) for b in valid(sgd.design)]
    assert values == sorted(values, reverse=True)


@given(processes(FINITE, sampling=st.just(sv.WithoutReplacement())), steps, variances)
def test_full_batches_have_no_variance(sgd, step, variance):
    assert variance(sgd, step)(sgd.design.population_size) == 0


@given(processes(FINITE), steps, variances)
def test_without_replacement_never_has_more_variance_than_with_replacement(sgd, step, variance):
    without = variance(with_sampling(sgd, sv.WithoutReplacement()), step)
    with_replacement = variance(with_sampling(sgd, sv.WithReplacement()), step)
    for b in valid(without.design):
        assert without(b) <= with_replacement(b)


@given(processes(), steps, variances)
def test_doubling_the_batch_at_least_halves_the_variance(sgd, step, variance):
    V = variance(sgd, step)
    for b in valid(sgd.design):
        if 2 * b in valid(sgd.design):
            assert 2 * V(2 * b) <= V(b)


def parts(population):
    """Teacher (q, p), C and D, with the defaults written out."""
    teacher = np.atleast_2d(population.teacher)
    q, p = teacher.shape
    factor = np.eye(p, dtype=int) if population.input_factor is None else population.input_factor
    noise = np.zeros((q, 1), dtype=int) if population.noise_factor is None else population.noise_factor
    return teacher, factor, noise


def full_gradient(problem, weights):
    """The gradient of the loss over the whole data set or population."""
    if isinstance(problem.data, sv.Dataset):
        gradients = problem.example_gradients(weights, problem.data.X, problem.data.y)
        return gradients.sum(axis=0) / Fraction(len(gradients))
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
        assert [polynomial(1) for polynomial in polynomials.ravel()] == list(expected.ravel())


@given(processes(), steps)
def test_the_expected_loss_never_rises_in_b(sgd, step):
    assert sv.certify_decreasing(sv.expected_loss(sgd, step)).status == "proved"


@given(processes(), steps)
def test_the_second_moment_of_the_gradient_never_rises_in_b(sgd, step):
    assert sv.certify_decreasing(sv.gradient_second_moment(sgd, step)).status == "proved"


@given(st.data(), processes(), steps)
def test_the_second_moment_is_the_variance_plus_the_squared_mean(data, sgd, step):
    matrix = data.draw(matrices(sgd.start.size))
    mean = [
        sum(row * gradient(1) for row, gradient in zip(rows, sv.mean_gradient(sgd, step).ravel(), strict=True))
        for rows in matrix
    ]
    square = sum(value * value for value in mean)
    expected = sv.gradient_variance(sgd, step, matrix=matrix) + square
    assert sv.gradient_second_moment(sgd, step, matrix=matrix) == expected


@given(processes(), steps)
def test_the_weight_covariance_decreases_in_b_in_the_order_of_semidefinite_matrices(sgd, step):
    covariance = sv.weight_covariance(sgd, step)
    at = {b: [[entry(b) for entry in row] for row in covariance] for b in valid(sgd.design)}
    for b, larger in at.items():
        assert is_positive_semidefinite(larger)
        if b + 1 in at:
            difference = [
                [x - y for x, y in zip(row, other, strict=True)] for row, other in zip(larger, at[b + 1], strict=True)
            ]
            assert is_positive_semidefinite(difference)


@given(st.data(), processes(FINITE), steps)
def test_the_order_of_the_examples_does_not_matter(data, sgd, step):
    source = sgd.problem.data
    order = data.draw(st.permutations(range(source.size)))
    permuted = sv.Dataset(source.X[list(order)], source.y[list(order)])
    problem = sv.LinearRegression(permuted, sgd.problem.weight_decay)
    V = sv.gradient_variance(sv.SGD(problem, sgd.start, sgd.step_size, sgd.sampling), step)
    assert sv.gradient_variance(sgd, step) == V


@given(st.data(), processes(), steps, variances)
def test_rotating_features_and_start_together_changes_nothing(data, sgd, step, variance):
    source = sgd.problem.data
    R = data.draw(rotations(source.inputs))
    if isinstance(source, sv.Dataset):
        rotated = sv.Dataset(source.X @ R.T, source.y)
    else:
        factor = R if source.input_factor is None else R @ source.input_factor
        rotated = sv.GaussianPopulation(source.teacher @ R.T, factor, source.noise_factor)
    problem = sv.LinearRegression(rotated, sgd.problem.weight_decay)
    V = variance(sv.SGD(problem, sgd.start @ R.T, sgd.step_size, sgd.sampling), step)
    assert variance(sgd, step) == V


@given(processes(FINITE, sampling=st.just(sv.WithReplacement())), steps, variances, st.integers(2, 3))
def test_repeating_every_example_changes_nothing_with_replacement(sgd, step, variance, times):
    source = sgd.problem.data
    repeated = sv.Dataset(np.concatenate([source.X] * times), np.concatenate([source.y] * times))
    problem = sv.LinearRegression(repeated, sgd.problem.weight_decay)
    V = variance(sv.SGD(problem, sgd.start, sgd.step_size, sgd.sampling), step)
    assert V.c_coefficients == variance(sgd, step).c_coefficients


def scaled(sgd, *, inputs=1, targets=1):
    """The process with x times ``inputs`` and y times ``targets``, everything else measured in the new units."""
    source, to_weights = sgd.problem.data, Fraction(targets, inputs)
    if isinstance(source, sv.Dataset):
        data = sv.Dataset(source.X * inputs, source.y * targets)
    else:
        _, factor, noise = parts(source)
        data = sv.GaussianPopulation(source.teacher * to_weights, factor * inputs, noise * targets)
    problem = sv.LinearRegression(data, sgd.problem.weight_decay * inputs**2)
    return sv.SGD(problem, sgd.start * to_weights, np.asarray(sgd.step_size) / Fraction(inputs**2), sgd.sampling)


@given(processes(), steps, st.integers(1, 5), st.integers(1, 5))
def test_units_of_inputs_and_targets_scale_every_quantity(sgd, step, inputs, targets):
    other = scaled(sgd, inputs=inputs, targets=targets)
    square = (inputs * targets) ** 2
    assert sv.gradient_variance(other, step) == sv.gradient_variance(sgd, step) * square
    assert sv.full_gradient_variance(other, step) == sv.full_gradient_variance(sgd, step) * square
    assert sv.gradient_second_moment(other, step) == sv.gradient_second_moment(sgd, step) * square
    assert sv.expected_loss(other, step) == sv.expected_loss(sgd, step) * targets**2


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


@given(st.data(), processes(FINITE, sampling=st.just(sv.WithoutReplacement())), st.integers(0, 2))
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
@given(st.data(), processes(FINITE), st.integers(0, 2))
def test_the_engine_equals_enumeration(data, sgd, step):
    b = data.draw(batch_sizes(sgd.design, max_value=3))
    matrix = data.draw(st.none() | matrices(sgd.start.size))
    for derive, enumerate_quantity in [
        (sv.gradient_variance, sv.enumerate_gradient_variance),
        (sv.full_gradient_variance, sv.enumerate_full_gradient_variance),
        (sv.gradient_second_moment, sv.enumerate_gradient_second_moment),
    ]:
        assert derive(sgd, step, matrix=matrix)(b) == enumerate_quantity(sgd, step, b, matrix=matrix)
    assert sv.expected_loss(sgd, step)(b) == sv.enumerate_expected_loss(sgd, step, b)
    for derive, enumerate_quantity in [
        (sv.mean_gradient, sv.enumerate_mean_gradient),
        (sv.mean_weights, sv.enumerate_mean_weights),
        (sv.weight_covariance, sv.enumerate_weight_covariance),
    ]:
        values = [polynomial(b) for polynomial in derive(sgd, step).ravel()]
        assert values == list(enumerate_quantity(sgd, step, b).ravel())


@given(gaussian_populations(), st.data())
def test_the_first_gradient_of_a_population_has_the_variance_of_isserlis_theorem(source, data):
    sgd = data.draw(processes(st.just(source)))
    teacher, factor, noise = parts(source)
    S = factor @ factor.T
    error = np.atleast_2d(sgd.start) - teacher
    # Var of (error x - noise) x^T, summed over entries: E|x|^2 |error x|^2 - |error S|^2 + E|x|^2 E|noise|^2.
    spread = np.trace(error @ S @ error.T) * np.trace(S) + np.trace(error @ S @ S @ error.T)
    label_noise = np.trace(noise @ noise.T) * np.trace(S)
    assert sv.gradient_variance(sgd, 0)(1) == spread + label_noise
