"""Random reshuffling, by enumeration: against raw permutations, by hand, and by what theory says of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
import sympy

import sgdvar as sv

LAST = pytest.mark.parametrize("drop_last", [True, False], ids=["dropped", "kept"])
STEP_SIZES = [Fraction(1, 3), Fraction(-1, 2), Fraction(2, 5)]


def examples(n: int) -> tuple[list[list[Fraction]], list[Fraction]]:
    """Examples with two features and without symmetries."""
    X = [[Fraction((3 * i + 5 * j + i * j) % 7 - 3, 1 + (i + j) % 2) for j in range(2)] for i in range(n)]
    return X, [Fraction((2 * i + i * i) % 5 - 1, 1 + i % 3) for i in range(n)]


def regression(n: int, drop_last: bool, step_size: Any = STEP_SIZES) -> sv.SGD:
    problem = sv.LinearRegression(sv.Dataset(*examples(n)), weight_decay=Fraction(1, 5))
    return sv.SGD(problem, [1, Fraction(-1, 2)], step_size, sv.RandomReshuffling(drop_last))


def network(n: int, drop_last: bool) -> sv.SGD:
    problem = sv.DeepLinearNetwork(sv.Dataset(*examples(n)), weight_decay=Fraction(1, 5))
    return sv.SGD(problem, [[[1, -1]], [[Fraction(1, 2)]]], STEP_SIZES, sv.RandomReshuffling(drop_last))


# An enumeration of its own: every permutation of every epoch, gradients by the textbook, no subsets


def gradient_of_regression(w: list[Fraction], x: list[Fraction], y: Fraction) -> list[Fraction]:
    residual = w[0] * x[0] + w[1] * x[1] - y
    return [residual * x[k] + w[k] / 5 for k in range(2)]


def gradient_of_network(w: list[Fraction], x: list[Fraction], y: Fraction) -> list[Fraction]:
    """For w_3 (w_1 x_1 + w_2 x_2)."""
    hidden = w[0] * x[0] + w[1] * x[1]
    residual = w[2] * hidden - y
    return [residual * w[2] * x[0] + w[0] / 5, residual * w[2] * x[1] + w[1] / 5, residual * hidden + w[2] / 5]


def batches_of(epochs: tuple[tuple[int, ...], ...], b: int, drop_last: bool) -> list[tuple[int, ...]]:
    """The batches that permutations are cut into."""
    cut = [epoch[i : i + b] for epoch in epochs for i in range(0, len(epoch), b)]
    return [batch for batch in cut if len(batch) == b] if drop_last else cut


def runs(
    gradient: Callable[..., list[Fraction]], start: list[Fraction], n: int, b: int, step: int, drop_last: bool
) -> list[tuple[list[Fraction], list[Fraction]]]:
    """The weights and the gradient at the step, for every choice of permutations; all are equally likely."""
    X, y = examples(n)

    def mean_gradient(w: list[Fraction], batch: tuple[int, ...]) -> list[Fraction]:
        gradients = [gradient(w, X[i], y[i]) for i in batch]
        return [sum(entries) / Fraction(len(batch)) for entries in zip(*gradients, strict=True)]

    in_one_epoch = n // b if drop_last else -(-n // b)
    ends = []
    for epochs in product(permutations(range(n)), repeat=-(-(step + 1) // in_one_epoch)):
        batches, w = batches_of(epochs, b, drop_last), start
        for alpha, batch in zip(STEP_SIZES[:step], batches, strict=False):
            w = [entry - alpha * slope for entry, slope in zip(w, mean_gradient(w, batch), strict=True)]
        ends.append((w, mean_gradient(w, batches[step])))
    return ends


def moments(vectors: list[list[Fraction]]) -> tuple[list[Fraction], Fraction]:
    """The mean vector, and the mean squared distance from it."""
    count = Fraction(len(vectors))
    mean = [sum(entries) / count for entries in zip(*vectors, strict=True)]
    return mean, sum(((v - m) ** 2 for row in vectors for v, m in zip(row, mean, strict=True)), Fraction(0)) / count


def flat(values: Any) -> list[Fraction]:
    return [entry for part in (values if isinstance(values, tuple) else (values,)) for entry in np.ravel(part).tolist()]


SMALL = [(n, b, step) for n in (1, 2, 3) for b in range(1, n + 1) for step in range(4)]
LARGER = [(4, b, step) for b in (2, 3, 4) for step in (0, 1)] + [(4, 1, 3), (5, 2, 1), (5, 3, 0)]


@LAST
@pytest.mark.parametrize(("n", "b", "step"), SMALL + LARGER)
def test_enumeration_equals_the_mean_over_all_permutations(n, b, step, drop_last):
    problems = [
        (regression, gradient_of_regression, [Fraction(1), Fraction(-1, 2)]),
        (network, gradient_of_network, [Fraction(1), Fraction(-1), Fraction(1, 2)]),
    ]
    for process, gradient, start in problems:
        sgd, ends = process(n, drop_last), runs(gradient, start, n, b, step, drop_last)
        mean_weights, weight_variance = moments([w for w, _ in ends])
        mean_gradient, variance = moments([g for _, g in ends])
        assert sv.enumerate_gradient_variance(sgd, step, b) == variance
        assert flat(sv.enumerate_mean_gradient(sgd, step, b)) == mean_gradient
        assert flat(sv.enumerate_mean_weights(sgd, step, b)) == mean_weights
        assert np.trace(sv.enumerate_weight_covariance(sgd, step, b)) == weight_variance
        assert sv.enumerate_gradient_second_moment(sgd, step, b) == variance + sum(m * m for m in mean_gradient)


@LAST
def test_losses_and_full_gradients_are_taken_at_the_same_weights(drop_last):
    X, y = examples(3)
    sgd, ends = (
        regression(3, drop_last),
        runs(gradient_of_regression, [Fraction(1), Fraction(-1, 2)], 3, 2, 2, drop_last),
    )
    losses, full = [], []
    for w, _ in ends:
        squares = [(w[0] * x[0] + w[1] * x[1] - target) ** 2 for x, target in zip(X, y, strict=True)]
        losses.append(sum(squares) / 6 + sum(v * v for v in w) / 10)
        gradients = [gradient_of_regression(w, x, target) for x, target in zip(X, y, strict=True)]
        full.append([sum(entries) / 3 for entries in zip(*gradients, strict=True)])
    assert sv.enumerate_expected_loss(sgd, 2, 2) == sum(losses) / len(losses)
    assert sv.enumerate_full_gradient_variance(sgd, 2, 2) == moments(full)[1]


# By hand


def three_examples(drop_last: bool) -> sv.SGD:
    """Gradients 0, 4w, 4w: with step size 1/4, a batch of one example leaves w as it is, or makes it 0."""
    problem = sv.LinearRegression(sv.Dataset([[0], [2], [-2]], [0, 0, 0]))
    return sv.SGD(problem, [1], Fraction(1, 4), sv.RandomReshuffling(drop_last))


def test_the_variance_rises_across_the_end_of_an_epoch():
    sgd = three_examples(drop_last=True)
    # b = 1: of two different examples one has the gradient 4w, so that w_2 = 0.
    assert sv.enumerate_gradient_variance(sgd, 2, 1) == 0
    # b = 2: an epoch is one batch, {0, 2} or {0, -2} with chance 2/3, which halves w, or {2, -2}, which makes it 0. So
    # w_2 is 1/4 with chance 4/9, or 0; the last gradient is 2 w_2 with chance 2/3, or 4 w_2.
    mean = Fraction(4, 9) * (Fraction(2, 3) * Fraction(1, 2) + Fraction(1, 3) * 1)
    second = Fraction(4, 9) * (Fraction(2, 3) * Fraction(1, 4) + Fraction(1, 3) * 1)
    assert sv.enumerate_gradient_variance(sgd, 2, 2) == second - mean**2 == Fraction(98, 729)


def test_the_mean_weights_depend_on_the_batch_size_across_the_end_of_an_epoch():
    sgd = three_examples(drop_last=True)
    assert sv.enumerate_mean_weights(sgd, 2, 1).tolist() == [0]
    assert sv.enumerate_mean_weights(sgd, 2, 2).tolist() == [Fraction(1, 9)]  # 4/9 of 1/4
    assert sv.enumerate_mean_weights(sgd, 2, 3).tolist() == [Fraction(1, 9)]  # 1/3 of 1/3


def test_a_remainder_that_is_kept_is_a_smaller_batch():
    sgd = three_examples(drop_last=False)
    # b = 2: {0, 2} leaves -2, which makes w = 0; {2, -2} has made it 0 before.
    assert sv.enumerate_mean_weights(sgd, 2, 2).tolist() == [0]
    # g_1 is 4 w_1 = 2 on the remainder {-2} or {2}, with chance 2/3; or 0.
    assert sv.enumerate_mean_gradient(sgd, 1, 2).tolist() == [Fraction(4, 3)]
    assert sv.enumerate_gradient_variance(sgd, 1, 2) == Fraction(8, 3) - Fraction(16, 9)


# What theory says


@LAST
@pytest.mark.parametrize("process", [regression, network])
def test_the_first_batch_of_an_epoch_is_drawn_without_replacement(process, drop_last):
    sgd = process(4, drop_last)
    fresh = sv.SGD(sgd.problem, sgd.start, sgd.step_size)
    for b in (1, 2, 3, 4):
        assert sv.enumerate_gradient_variance(sgd, 0, b) == sv.gradient_variance(fresh, 0)(b)


@LAST
@pytest.mark.parametrize("process", [regression, network])
def test_an_epoch_of_one_batch_is_gradient_descent(process, drop_last):
    sgd = process(3, drop_last)
    fresh = sv.SGD(sgd.problem, sgd.start, sgd.step_size)
    for step in range(4):
        assert sv.enumerate_gradient_variance(sgd, step, 3) == 0
        assert flat(sv.enumerate_mean_weights(sgd, step, 3)) == [V(3) for V in flat(sv.mean_weights(fresh, step))]


def test_batches_of_one_fresh_epoch_each_are_independent():
    """With b > n/2 and the rest dropped, every epoch is one batch: the design without replacement."""
    sgd = regression(4, drop_last=True)
    V = sv.gradient_variance(sv.SGD(sgd.problem, sgd.start, sgd.step_size), 2)
    assert [sv.enumerate_gradient_variance(sgd, 2, b) for b in (3, 4)] == [V(3), V(4)]


def second_moment_within_an_epoch(sgd: sv.SGD, step: int, b: int) -> Fraction:
    """By means over tuples of distinct examples.

    For linear regression g_t is linear in each of the t + 1 batch means: it is the mean of h(i_0, ..., i_t), the
    gradient of a run on single examples, over examples of the batches. In E||g_t||^2 the two tuples share their k-th
    example with chance 1/b, and all examples that are not shared are distinct.
    """
    X, y = sgd.problem.data.X, sgd.problem.data.y

    def h(indices: tuple[int, ...]) -> Any:
        w = sgd.start
        for alpha, i in zip(sgd.step_sizes(step), indices[:-1], strict=True):
            w = w - alpha * sgd.problem.example_gradients(w, X[[i]], y[[i]])[0]
        return sgd.problem.example_gradients(w, X[[indices[-1]]], y[[indices[-1]]])[0]

    total = Fraction(0)
    for shared in product([True, False], repeat=step + 1):
        chance = math.prod(Fraction(1, b) if same else Fraction(b - 1, b) for same in shared)
        if chance == 0:
            continue
        free = 2 * (step + 1) - sum(shared)
        products = []
        for indices in permutations(range(len(X)), free):
            others = iter(indices[step + 1 :])
            twin = tuple(i if same else next(others) for i, same in zip(indices, shared, strict=False))
            products.append((h(indices[: step + 1]) * h(twin)).sum())
        total += chance * sum(products) / len(products)
    return total


@LAST
@pytest.mark.parametrize(("n", "step", "b"), [(5, 0, 3), (4, 1, 1), (4, 1, 2), (5, 1, 2), (5, 2, 1)])
def test_within_an_epoch_the_second_moment_is_a_mean_over_distinct_examples(n, step, b, drop_last):
    sgd = regression(n, drop_last)
    assert sv.enumerate_gradient_second_moment(sgd, step, b) == second_moment_within_an_epoch(sgd, step, b)


@LAST
@pytest.mark.parametrize("n", [3, 4, 5, 6])
def test_within_the_first_epoch_the_variance_falls_and_the_mean_is_free_of_the_batch_size(n, drop_last):
    for step_size in (STEP_SIZES, Fraction(2)):
        sgd = regression(n, drop_last, step_size)
        for step in (1, 2):
            within = range(1, n // (step + 1) + 1)
            variances = [sv.enumerate_gradient_variance(sgd, step, b) for b in within]
            assert variances == sorted(variances, reverse=True)
            means = [sv.enumerate_mean_gradient(sgd, step, b).tolist() for b in within]
            assert all(mean == means[0] for mean in means)


def test_floats_and_symbols_are_reshuffled_too():
    sgd = regression(3, drop_last=True)
    X, y = sgd.problem.data.numbers()
    problem = sv.LinearRegression(sv.Dataset(X.astype(float), y.astype(float)), weight_decay=0.2)
    floats = sv.SGD(problem, sgd.start.astype(float), [float(a) for a in sgd.step_size], sgd.sampling)
    exact = sv.enumerate_gradient_variance(sgd, 2, 1)
    assert abs(sv.enumerate_gradient_variance(floats, 2, 1) / float(exact) - 1) < 1e-12

    a = sympy.Symbol("a")
    problem = sv.LinearRegression(sv.Dataset([[1], [1]], [1, -1]))
    symbolic = sv.SGD(problem, [0], a, sv.RandomReshuffling())
    # The second gradient is w_1 + 1 at w_1 = a, or w_1 - 1 at w_1 = -a.
    assert sv.enumerate_gradient_variance(symbolic, 1, 1) == sympy.expand((a + 1) ** 2)


# Budget, and what does not serve it


@LAST
def test_the_budget_counts_sequences_of_disjoint_batches(drop_last):
    sgd = regression(5, drop_last)
    cut = math.comb(5, 2) * math.comb(3, 2)  # epochs of two batches, or of three with one example in the last
    needed = cut * (math.comb(5, 2) if drop_last else 1)
    assert sv.enumerate_gradient_variance(sgd, 2, 2, budget=needed) > 0
    ways = rf"an epoch of {2 if drop_last else 3} batches can be cut in {cut} ways"
    with pytest.raises(sv.BudgetExceededError, match=ways) as error:
        sv.enumerate_gradient_variance(sgd, 2, 2, budget=needed - 1)
    assert error.value.needed == needed


def test_six_examples_and_step_three_are_few_sequences():
    sgd = regression(6, drop_last=True)
    assert sv.enumerate_gradient_variance(sgd, 3, 1, budget=6 * 5 * 4 * 3) > 0
    assert sv.enumerate_gradient_variance(sgd, 3, 2, budget=15 * 6 * 1 * 15) > 0


def test_a_count_of_sequences_beyond_floats_is_infinite_rather_than_slow():
    sgd = regression(6, drop_last=True, step_size=1)
    with pytest.raises(sv.BudgetExceededError) as error:
        sv.enumerate_gradient_variance(sgd, 10**8, 1)
    assert error.value.needed == math.inf


REFUSING = [
    lambda sgd: sv.gradient_variance(sgd, 0),
    lambda sgd: sv.full_gradient_variance(sgd, 0),
    lambda sgd: sv.gradient_second_moment(sgd, 0),
    lambda sgd: sv.gradient_fourth_moment(sgd, 0),
    lambda sgd: sv.expected_loss(sgd, 0),
    lambda sgd: sv.mean_gradient(sgd, 0),
    lambda sgd: sv.mean_weights(sgd, 0),
    lambda sgd: sv.weight_covariance(sgd, 0),
    lambda sgd: sv.gradient_variance_in_time(sgd, 1, 1),
    lambda sgd: sv.stable_step_size(sgd, 1),
    lambda sgd: sv.verify(sgd, [0], [1]),
    lambda sgd: sv.estimate_gradient_variance(sgd, 0, [1]),
    lambda sgd: sv.estimate_gradient_variance(sgd, 0, [1], control_variate=True),
    lambda sgd: sv.estimate_full_gradient_variance(sgd, 0, [1]),
    lambda sgd: sv.estimate_gradient_second_moment(sgd, 0, [1]),
    lambda sgd: sv.estimate_expected_loss(sgd, 0, [1]),
    lambda sgd: sv.estimate_mean_gradient(sgd, 0, [1]),
    lambda sgd: sv.estimate_mean_weights(sgd, 0, [1]),
    lambda sgd: sv.estimate_weight_covariance(sgd, 0, [1]),
    lambda sgd: sv.estimate_difference(sgd, 0, [1, 2]),
    lambda sgd: sv.BatchPolynomial(sgd.design, (0, 1)),
]


@pytest.mark.parametrize("process", [regression, network, lambda n, _: differentiable(n)])
@pytest.mark.parametrize("function", REFUSING)
def test_what_needs_independent_batches_refuses_and_names_what_does_not(function, process):
    with pytest.raises(ValueError, match=r"must draw a fresh batch at every step .* begin with enumerate_ serve"):
        function(process(3, True))


def differentiable(n: int) -> sv.SGD:
    problem = sv.DifferentiableModel(sv.Dataset(*examples(n)), predict=lambda w, x: w @ x)
    return sv.SGD(problem, [1, 0], 1, sv.RandomReshuffling())


def test_a_design_that_reshuffles_knows_one_batch():
    design = sv.BatchDesign(sv.RandomReshuffling(), 4)
    assert not design.has_fresh_batches
    assert design.max_batch_size == 4
    assert [design.variance_factor(b) for b in (1, 2, 4)] == [1, Fraction(1, 3), 0]
    assert str(design) == "random reshuffling of n = 4"
    assert str(sv.BatchDesign(sv.RandomReshuffling(drop_last=False), 4)).endswith(", a smaller last batch kept")


def test_bad_designs_are_refused():
    with pytest.raises(TypeError, match="drop_last must be True or False, got 1"):
        sv.RandomReshuffling(drop_last=1)
    with pytest.raises(ValueError, match=r"must be IID\(\) for a population, got RandomReshuffling"):
        sv.BatchDesign(sv.RandomReshuffling(), None)
    with pytest.raises(ValueError, match="1 <= b <= n under reshuffling, got 4 with n = 3"):
        sv.enumerate_gradient_variance(regression(3, True), 0, 4)
