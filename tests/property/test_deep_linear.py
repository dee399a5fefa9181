"""What holds for every small deep linear network, and how its moments change with its units and coordinates."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings, strategies as st

import sgdvar as sv
from sgdvar.strategies import (
    assert_equal,
    assert_matches_enumeration,
    assert_polynomial_degree,
    batch_sizes,
    datasets,
    discrete_populations,
    gaussian_populations,
    matrices,
    network_processes,
    rationals,
    rotations,
)

FINITE = datasets()
ATOMS = FINITE | discrete_populations()
DEEP = st.integers(2, 3)
DEPTHS = st.integers(1, 3)
SLOW = settings(max_examples=settings().max_examples // 2)
OF_THE_GRADIENT = [sv.gradient_variance, sv.full_gradient_variance, sv.gradient_second_moment]
MEANS = [sv.mean_gradient, sv.mean_weights]
steps = st.integers(0, 1)
factors = rationals(bound=3).filter(bool)


def changed(sgd, *, data=None, weight_decay=None, start=None, step_size=None, sampling=None):
    """The same process with something else in its place."""
    decay = sgd.problem.weight_decay if weight_decay is None else weight_decay
    return sv.SGD(
        sv.DeepLinearNetwork(data or sgd.problem.data, decay),
        sgd.start if start is None else start,
        sgd.step_size if step_size is None else step_size,
        sampling or sgd.sampling,
    )


def flat(layers):
    return np.concatenate([layer.ravel() for layer in layers])


def scaled(data, *, inputs=1, targets=1):
    """The data with x times ``inputs`` and y times ``targets``."""
    if isinstance(data, sv.GaussianPopulation):
        factor = np.eye(data.inputs, dtype=int) if data.input_factor is None else data.input_factor
        noise = None if data.noise_factor is None else data.noise_factor * targets
        return sv.GaussianPopulation(data.teacher * Fraction(targets) / inputs, factor * inputs, noise)
    if isinstance(data, sv.Dataset):
        return sv.Dataset(data.X * inputs, data.y * targets)
    return sv.DiscretePopulation(data.X * inputs, data.y * targets, data.probabilities)


# Degrees, limits, identities between the quantities


@given(network_processes(depth=DEPTHS), steps)
def test_the_degree_is_bounded_and_there_is_no_constant_term(sgd, step):
    bound = sv.variance_degree_bound(len(sgd.layers), step)
    for variance in (sv.gradient_variance, sv.full_gradient_variance):
        V = assert_polynomial_degree(variance, sgd, step, bound)
        assert V.c_coefficients[0] == 0


@SLOW
@given(network_processes(datasets(p=1) | gaussian_populations(p=1) | discrete_populations(p=1)))
def test_the_degree_is_bounded_at_step_two(sgd):
    assert_polynomial_degree(sv.gradient_variance, sgd, 2, sv.variance_degree_bound(len(sgd.layers), 2))


@given(network_processes(FINITE, depth=DEPTHS, sampling=sv.WithoutReplacement()), st.integers(0, 2))
def test_full_batches_are_gradient_descent(sgd, step):
    data, n = sgd.problem.data, sgd.problem.data.size
    layers = list(sgd.layers)
    for step_size in sgd.step_sizes(step):
        gradients = sgd.problem.example_gradients(layers, data.X, data.y)
        layers = [W - step_size * G.sum(axis=0) / Fraction(n) for W, G in zip(layers, gradients, strict=True)]
    assert [V(n) for V in flat(sv.mean_weights(sgd, step))] == flat(layers).tolist()
    assert sv.gradient_variance(sgd, step)(n) == sv.full_gradient_variance(sgd, step)(n) == 0


@given(network_processes(depth=DEPTHS), steps)
def test_the_mean_weights_move_against_the_mean_gradient(sgd, step):
    moved = flat(sv.mean_weights(sgd, step)) - sgd.step_sizes(step + 1)[step] * flat(sv.mean_gradient(sgd, step))
    assert_equal(sv.mean_weights(sgd, step + 1), moved, sgd)


@given(network_processes(depth=DEPTHS))
def test_the_first_weights_vary_as_the_first_gradient(sgd):
    covariance, (step_size,) = sv.weight_covariance(sgd, 1), sgd.step_sizes(1)
    for k, row in enumerate(np.eye(sgd.weight_count, dtype=int)):
        assert_equal(covariance[k, k], sv.gradient_variance(sgd, 0, matrix=row) * step_size**2, sgd)


@given(st.data(), network_processes(depth=DEPTHS), steps)
def test_the_second_moment_is_the_variance_plus_the_squared_mean(data, sgd, step):
    matrix = data.draw(matrices(sgd.weight_count))
    square = sum(mean * mean for mean in matrix @ flat(sv.mean_gradient(sgd, step)))
    expected = sv.gradient_variance(sgd, step, matrix=matrix) + square
    assert_equal(sv.gradient_second_moment(sgd, step, matrix=matrix), expected, sgd)


@given(st.data(), network_processes(depth=DEPTHS), steps, st.sampled_from(OF_THE_GRADIENT))
def test_layers_and_rows_add_up(data, sgd, step, quantity):
    total = quantity(sgd, step)
    layers = range(1, len(sgd.layers) + 1)
    assert_equal(sum(quantity(sgd, step, layer=layer) for layer in layers), total, sgd)
    assert_equal(quantity(sgd, step, matrix=np.eye(sgd.weight_count, dtype=int)), total, sgd)
    layer = data.draw(st.sampled_from(layers))
    matrix = data.draw(matrices(sgd.layers[layer - 1].size))
    rows = sum(quantity(sgd, step, matrix=row, layer=layer) for row in matrix)
    assert_equal(rows, quantity(sgd, step, matrix=matrix, layer=layer), sgd)


# One layer is linear regression


@given(st.data(), network_processes(depth=1), st.integers(0, 2))
def test_one_layer_is_linear_regression(data, sgd, step):
    source = sgd.problem.data
    (start,) = sgd.layers
    regression = sv.SGD(
        sv.LinearRegression(source, sgd.problem.weight_decay),
        start[0] if source.outputs is None else start,
        sgd.step_size,
        sgd.sampling,
    )
    for quantity in (*MEANS, sv.weight_covariance, sv.expected_loss, *OF_THE_GRADIENT):
        assert_equal(quantity(sgd, step), quantity(regression, step), sgd)
    matrix = data.draw(matrices(sgd.weight_count))
    for quantity in OF_THE_GRADIENT:
        assert_equal(quantity(sgd, step, matrix=matrix, layer=1), quantity(regression, step, matrix=matrix), sgd)
    p, outputs = source.inputs, source.outputs
    other = data.draw(datasets(2, p, outputs) | gaussian_populations(p, outputs) | discrete_populations(2, p, outputs))
    losses = [sv.expected_loss(process, step, data=other) for process in (sgd, regression)]
    assert_equal(losses[0], losses[1], sgd)


# Coordinates of the hidden layers


def in_other_coordinates(sgd, lower, Q):
    """W_j becomes Q W_j, and W_(j+1) becomes W_(j+1) Q^-1, for Q orthogonal; and the matrix of the map of gradients."""
    layers = list(sgd.layers)
    layers[lower], layers[lower + 1] = Q @ layers[lower], layers[lower + 1] @ Q.T
    blocks = [np.eye(W.size, dtype=int) for W in layers]
    blocks[lower] = np.kron(Q, np.eye(layers[lower].shape[1], dtype=int))
    blocks[lower + 1] = np.kron(np.eye(len(layers[lower + 1]), dtype=int), Q)
    T, ends = np.zeros((sgd.weight_count,) * 2, dtype=object), np.cumsum([0, *map(len, blocks)])
    for start, end, block in zip(ends[:-1], ends[1:], blocks, strict=True):
        T[start:end, start:end] = block
    return changed(sgd, start=layers), T


@SLOW
@given(st.data(), network_processes(depth=DEEP), steps)
def test_turning_a_hidden_layer_turns_the_gradient_and_leaves_its_size(data, sgd, step):
    lower = data.draw(st.integers(0, len(sgd.layers) - 2))
    width = len(sgd.layers[lower])
    signs = data.draw(st.lists(st.sampled_from([1, -1]), min_size=width, max_size=width))
    turned, T = in_other_coordinates(sgd, lower, data.draw(rotations(width)) * signs)
    for layer in (None, *range(1, len(sgd.layers) + 1)):
        assert_equal(sv.gradient_variance(turned, step, layer=layer), sv.gradient_variance(sgd, step, layer=layer), sgd)
    assert_equal(sv.expected_loss(turned, step), sv.expected_loss(sgd, step), sgd)
    for mean in MEANS:
        assert_equal(flat(mean(turned, step)), T @ flat(mean(sgd, step)), sgd)
    assert_equal(sv.weight_covariance(turned, step), T @ sv.weight_covariance(sgd, step) @ T.T, sgd)
    matrix = data.draw(matrices(sgd.weight_count))
    for quantity in OF_THE_GRADIENT:
        assert_equal(quantity(turned, step, matrix=matrix @ T.T), quantity(sgd, step, matrix=matrix), sgd)


@st.composite
def invertible(draw, size):
    """A matrix, as the product of a rotation, a diagonal matrix and a rotation; and its inverse."""
    left, right = draw(rotations(size)), draw(rotations(size))
    diagonal = np.array(draw(st.lists(factors, min_size=size, max_size=size)), dtype=object)
    return left * diagonal @ right, right.T / diagonal @ left.T


@given(st.data(), network_processes())
def test_a_layer_split_in_two_computes_the_same_with_the_gradient_of_the_chain_rule(data, sgd):
    sgd = changed(sgd, weight_decay=0)
    number = data.draw(st.integers(1, len(sgd.layers)))
    W = sgd.layers[number - 1]
    rows, columns = W.shape
    M, inverse = data.draw(invertible(columns))
    split = changed(sgd, start=[*sgd.layers[: number - 1], M, W @ inverse, *sgd.layers[number:]])
    assert sv.expected_loss(split, 0) == sv.expected_loss(sgd, 0)
    upper = np.kron(np.eye(rows, dtype=int), M)  # G M^T for the gradient G in W
    lower = np.kron((W @ inverse).T, np.eye(columns, dtype=int))  # (W M^-1)^T G
    for quantity in OF_THE_GRADIENT:
        assert quantity(split, 0, layer=number) == quantity(sgd, 0, layer=number, matrix=lower)
        assert quantity(split, 0, layer=number + 1) == quantity(sgd, 0, layer=number, matrix=upper)
        for other in range(1, len(sgd.layers) + 1):
            if other != number:
                assert quantity(split, 0, layer=other + (other > number)) == quantity(sgd, 0, layer=other)


# Units


@given(network_processes(depth=DEPTHS), steps, factors)
def test_weights_and_targets_in_other_units_scale_the_gradient(sgd, step, k):
    depth = len(sgd.layers)
    other = changed(
        sgd,
        data=scaled(sgd.problem.data, targets=k**depth),
        weight_decay=sgd.problem.weight_decay * k ** (2 * depth - 2),
        start=[W * k for W in sgd.layers],
        step_size=np.asarray(sgd.step_size) * k ** (2 - 2 * depth),
    )
    power = k ** (2 * depth - 1)
    for quantity in OF_THE_GRADIENT:
        assert_equal(quantity(other, step), quantity(sgd, step) * power**2, sgd)
    assert_equal(flat(sv.mean_gradient(other, step)), flat(sv.mean_gradient(sgd, step)) * power, sgd)
    assert_equal(flat(sv.mean_weights(other, step)), flat(sv.mean_weights(sgd, step)) * k, sgd)
    assert_equal(sv.weight_covariance(other, step), sv.weight_covariance(sgd, step) * k**2, sgd)
    assert_equal(sv.expected_loss(other, step), sv.expected_loss(sgd, step) * k ** (2 * depth), sgd)


@given(network_processes(depth=DEPTHS), steps, factors)
def test_inputs_and_targets_in_other_units_scale_the_gradient(sgd, step, k):
    other = changed(
        sgd,
        data=scaled(sgd.problem.data, inputs=k, targets=k),
        weight_decay=sgd.problem.weight_decay * k**2,
        step_size=np.asarray(sgd.step_size) / k**2,
    )
    for quantity in OF_THE_GRADIENT:
        assert_equal(quantity(other, step), quantity(sgd, step) * k**4, sgd)
    assert_equal(flat(sv.mean_gradient(other, step)), flat(sv.mean_gradient(sgd, step)) * k**2, sgd)
    assert_equal(flat(sv.mean_weights(other, step)), flat(sv.mean_weights(sgd, step)), sgd)
    assert_equal(sv.expected_loss(other, step), sv.expected_loss(sgd, step) * k**2, sgd)


@SLOW
@given(st.data(), network_processes(), steps)
def test_turning_inputs_and_first_layer_together_leaves_the_size_of_the_gradient(data, sgd, step):
    source, R = sgd.problem.data, data.draw(rotations(sgd.problem.data.inputs))
    if isinstance(source, sv.GaussianPopulation):
        factor = R if source.input_factor is None else R @ source.input_factor
        turned = sv.GaussianPopulation(source.teacher @ R.T, factor, source.noise_factor)
    elif isinstance(source, sv.Dataset):
        turned = sv.Dataset(source.X @ R.T, source.y)
    else:
        turned = sv.DiscretePopulation(source.X @ R.T, source.y, source.probabilities)
    first, *others = sgd.layers
    other = changed(sgd, data=turned, start=[first @ R.T, *others])
    for quantity in (*OF_THE_GRADIENT, sv.expected_loss):
        assert_equal(quantity(other, step), quantity(sgd, step), sgd)


# Names and copies of the examples


@given(st.data(), network_processes(ATOMS), steps)
def test_the_order_of_the_examples_does_not_matter(data, sgd, step):
    source = sgd.problem.data
    order = list(data.draw(st.permutations(range(len(source.X)))))
    permuted = type(source)(*(array[order] for array in source.numbers()))
    other = changed(sgd, data=permuted)
    for quantity in (*OF_THE_GRADIENT, sv.expected_loss, *MEANS, sv.weight_covariance):
        assert_equal(quantity(other, step), quantity(sgd, step), sgd)


@given(network_processes(FINITE, sampling=sv.WithReplacement()), steps, st.integers(1, 3))
def test_equal_atoms_and_repeated_examples_are_draws_with_replacement(sgd, step, times):
    source, n = sgd.problem.data, sgd.problem.data.size
    atoms = sv.DiscretePopulation(source.X, source.y, [Fraction(1, n)] * n)
    repeated = sv.Dataset(np.concatenate([source.X] * times), np.concatenate([source.y] * times))
    as_population = sv.SGD(sv.DeepLinearNetwork(atoms, sgd.problem.weight_decay), sgd.start, sgd.step_size)
    for quantity in (*OF_THE_GRADIENT, sv.expected_loss, *MEANS, sv.weight_covariance):
        expected = quantity(sgd, step)
        assert_equal(quantity(as_population, step), expected, sgd)
        assert_equal(quantity(changed(sgd, data=repeated), step), expected, sgd)


# Enumeration


@settings(max_examples=150)
@given(st.data(), network_processes(ATOMS, depth=DEPTHS), steps)
def test_the_engine_equals_enumeration(data, sgd, step):
    b = [data.draw(batch_sizes(sgd.design, max_value=3))]
    layer = data.draw(st.sampled_from([None, *range(1, len(sgd.layers) + 1)]))
    columns = sgd.weight_count if layer is None else sgd.layers[layer - 1].size
    arguments = {"layer": layer, "matrix": data.draw(st.none() | matrices(columns))}
    for quantity, enumeration in [
        (sv.gradient_variance, sv.enumerate_gradient_variance),
        (sv.full_gradient_variance, sv.enumerate_full_gradient_variance),
        (sv.gradient_second_moment, sv.enumerate_gradient_second_moment),
    ]:
        assert_matches_enumeration(quantity, enumeration, sgd, step, batch_sizes=b, **arguments)
    p, outputs = sgd.problem.data.inputs, sgd.problem.data.outputs
    other = data.draw(st.none() | datasets(2, p, outputs) | discrete_populations(2, p, outputs))
    assert_matches_enumeration(sv.expected_loss, sv.enumerate_expected_loss, sgd, step, batch_sizes=b, data=other)
    for quantity, enumeration in [
        (sv.mean_gradient, sv.enumerate_mean_gradient),
        (sv.mean_weights, sv.enumerate_mean_weights),
        (sv.weight_covariance, sv.enumerate_weight_covariance),
    ]:
        assert_matches_enumeration(quantity, enumeration, sgd, step, batch_sizes=b)


@settings(max_examples=40)
@given(network_processes(FINITE, sampling=sv.WithoutReplacement()))
def test_the_engine_equals_enumeration_at_step_two(sgd):
    assert_matches_enumeration(sv.gradient_variance, sv.enumerate_gradient_variance, sgd, 2)
