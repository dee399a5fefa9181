"""Batches of finite data are drawn from exactly the distribution that the design says."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import combinations, permutations, product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sgdvar as sv
from sgdvar.monte_carlo.samplers import FiniteBatches, draws
from sgdvar.monte_carlo.samplers.draws import (
    distinct_draws,
    fold_sequence,
    fold_table,
    independent_draws,
    subset_bits,
    uniform_below,
)

REPLICATES = 20_000
METHODS = ["compare", "table", "bits"]


@pytest.fixture(autouse=True)
def as_in_simulations():
    with jax.enable_x64(True):
        yield


@partial(jax.jit, static_argnames=("method", "population", "replicates", "capacity"))
def tallies(key, size, method, population, replicates=REPLICATES, capacity=256):
    """How often each replicate drew each number by one method of ``FiniteBatches``, shape (replicates, population)."""
    arguments = {"population": population, "size": jnp.int32(size), "replicates": replicates}

    def add(counts, drawn):
        lanes = jnp.broadcast_to(jnp.arange(replicates), drawn.shape)
        return counts.at[lanes, drawn].add(1)

    if method == "bits":
        words = subset_bits(key, words=-(-population // 32), **arguments)
        bits = words.T[:, :, None] >> jnp.arange(32, dtype=jnp.uint32) & 1
        return bits.reshape(replicates, -1)[:, :population].astype(jnp.int32)
    counts = jnp.zeros((replicates, population + 1), jnp.int32)
    if method == "table":
        counts = fold_table(add, counts, key, **arguments)
    else:
        draw = distinct_draws if method == "compare" else independent_draws
        counts = add(counts, draw(key, capacity=capacity, **arguments))
    return counts[:, :population]


def codes(tally):
    """Subsets as integers."""
    return np.asarray(tally) @ 2 ** np.arange(tally.shape[1], dtype=np.int64)


def outcome_counts(found, expected):
    """How often each expected outcome was found; nothing else may be."""
    expected = np.sort(expected)
    places = np.minimum(np.searchsorted(expected, found), len(expected) - 1)
    assert (expected[places] == found).all()
    return np.bincount(places, minlength=len(expected))


def subset_codes(n, size):
    return [sum(1 << i for i in members) for members in combinations(range(n), size)]


# --- which examples -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "capacity"), [("compare", 8), ("compare", 256), ("table", 256), ("bits", 256)])
@pytest.mark.parametrize("n", [2, 6])
def test_every_subset_is_equally_likely(n, method, capacity, judge):
    for size in range(n + 1):
        tally = tallies(jax.random.key(101 + size), size, method, n, capacity=capacity)
        counts = outcome_counts(codes(tally), subset_codes(n, size))
        if len(counts) > 1:
            judge.uniform(counts)


@pytest.mark.parametrize("size", [2, 33, 34, 35])
@pytest.mark.parametrize("method", METHODS)
def test_every_subset_is_equally_likely_where_words_and_chunks_are_several(method, size, judge):
    tally = tallies(jax.random.key(111 + size), size, method, 35)
    counts = outcome_counts(codes(tally), subset_codes(35, size))
    if len(counts) > 1:
        judge.uniform(counts)


@pytest.mark.parametrize("method", METHODS)
def test_large_subsets_hold_every_pair_of_examples_equally_often(method, judge):
    n, size = 120, 59
    tally = np.asarray(tallies(jax.random.key(121), size, method, n))
    assert (tally.sum(axis=1) == size).all()
    assert tally.max() == 1
    chance = size / n
    judge.agree(tally.mean(axis=0), chance, np.sqrt(chance * (1 - chance) / REPLICATES))
    chance = size * (size - 1) / (n * (n - 1))
    for distance in (1, 31, 32, 60):
        pairs = (tally * np.roll(tally, distance, axis=1)).mean(axis=0)
        judge.agree(pairs, chance, np.sqrt(chance * (1 - chance) / REPLICATES))


@pytest.mark.parametrize(
    ("n", "method"),
    [(2**16 - 2, "compare"), (2**16 - 1, "compare"), *((100_000, method) for method in METHODS)],  # 16 bits, or 32
)
def test_subsets_of_a_large_population_spread_evenly(method, n, judge):
    size, replicates = 200, 256
    tally = np.asarray(tallies(jax.random.key(122), size, method, n, replicates))
    assert tally.max() == 1  # by chance alone every third replicate would have drawn an example twice
    assert (tally.sum(axis=1) == size).all()
    judge.uniform(tally.sum(axis=0)[: n // 50 * 50].reshape(50, -1).sum(axis=1))


@pytest.mark.parametrize("method", METHODS)
def test_replicates_and_steps_are_independent(method, judge):
    n, size, key = 5, 2, jax.random.key(123)
    expected = np.sort(subset_codes(n, size))
    first, second = (
        np.searchsorted(expected, codes(tallies(jax.random.fold_in(key, t), size, method, n))) for t in (0, 1)
    )
    judge.uniform(np.bincount(10 * first + second, minlength=100))
    for distance in (1, 2, 128):
        judge.uniform(np.bincount(10 * first[distance:] + first[:-distance], minlength=100))


@pytest.mark.parametrize(("size", "capacity"), [(3, 8), (0, 8), (34, 64)])
def test_draws_with_replacement_are_independent_and_uniform(size, capacity, judge):
    population, shape = 3, (capacity, REPLICATES)
    drawn = independent_draws(
        jax.random.key(124), population=population, size=jnp.int32(size), capacity=capacity, replicates=REPLICATES
    )
    assert drawn.shape == shape
    assert (drawn[size:] == population).all()
    if size:
        last = np.asarray(drawn[max(0, size - 3) : size], dtype=np.int64)
        judge.uniform(np.bincount(3 ** np.arange(3) @ last, minlength=27))


@pytest.mark.parametrize("bound", [1, 7, 2**31 - 1])
def test_integers_below_a_bound_are_uniform(bound, judge):
    drawn = np.asarray(uniform_below(jax.random.key(104), bound, (2, REPLICATES // 2), largest=bound)).ravel()
    assert drawn.max() < bound
    if bound > 1:
        judge.uniform(np.bincount(drawn.astype(np.int64) * min(bound, 442) // bound, minlength=min(bound, 442)))


def test_integers_below_a_bound_that_does_not_divide_the_words_are_uniform(judge):
    bound = 3 * 2**29  # without rejection every third integer would come from two words instead of three
    drawn = np.asarray(uniform_below(jax.random.key(105), bound, (1, REPLICATES), largest=bound))[0]
    judge.uniform(np.bincount(drawn % 3, minlength=3))


def test_each_row_of_integers_keeps_to_its_own_bound(judge):
    bounds = np.array([1, 3, 3 * 2**29])
    drawn = np.asarray(uniform_below(jax.random.key(106), bounds[:, None], (3, REPLICATES), largest=bounds[-1]))
    assert not drawn[0].any()
    for row in (1, 2):
        judge.uniform(np.bincount(drawn[row] % 3, minlength=3))


def test_integers_that_share_a_word_are_independent(judge):
    """Rows 0 and 3, 1 and 4; the third of three words holds one."""
    bounds = np.array([5, 1, 6, 4, 7])
    drawn = np.asarray(uniform_below(jax.random.key(107), bounds[:, None], (5, REPLICATES), largest=7)).astype(np.int64)
    assert (drawn < bounds[:, None]).all()
    for one, other in ((0, 3), (0, 2), (3, 4), (2, 4)):
        judge.uniform(np.bincount(drawn[one] * bounds[other] + drawn[other], minlength=bounds[one] * bounds[other]))
    judge.uniform(np.bincount(drawn[1] * 7 + drawn[4], minlength=7))


def test_integers_that_share_a_word_are_uniform_where_their_bounds_do_not_divide_the_words(judge, monkeypatch):
    """Without rejection every third pair would come from two words instead of three."""
    monkeypatch.setattr(draws, "_PAIRED", 2**16)
    bounds = np.array([3 * 2**13, 2**16])
    drawn = np.asarray(uniform_below(jax.random.key(108), bounds[:, None], (2, REPLICATES), largest=2**16))
    judge.uniform(np.bincount((drawn[0] * 2**16 + drawn[1]) % 3, minlength=3))


# --- in which order -------------------------------------------------------------------------------------------------


@partial(jax.jit, static_argnames=("population", "size", "replicates"))
def sequences(key, population, size, replicates=REPLICATES):
    """The members in their order, shape (replicates, size)."""

    def fold(i, members, indices):
        return members.at[i].set(indices)

    start = jnp.zeros((size, replicates), jnp.uint32)
    return fold_sequence(fold, start, key, population=population, size=size, replicates=replicates).T


@pytest.mark.parametrize(("n", "size"), [(1, 1), (2, 2), (4, 2), (5, 5)])
def test_every_sequence_without_repetition_is_equally_likely(n, size, judge):
    digits = n ** np.arange(size)
    found = np.asarray(sequences(jax.random.key(131), n, size), dtype=np.int64) @ digits
    counts = outcome_counts(found, [members @ digits for members in map(np.array, permutations(range(n), size))])
    if len(counts) > 1:
        judge.uniform(counts)


def test_a_long_sequence_repeats_nothing_and_its_beginnings_are_even(judge):
    n, size, replicates = 1000, 1000, 512
    members = np.asarray(sequences(jax.random.key(132), n, size, replicates))
    assert (np.sort(members, axis=1) == np.arange(n)).all()
    judge.uniform(np.bincount(members[:, 900] * 20 // n, minlength=20))
    members = np.asarray(sequences(jax.random.key(133), 10**6, 300, replicates))
    assert all(len(set(row)) == 300 for row in members.tolist())
    judge.uniform(np.bincount((members * 50 // 10**6).ravel(), minlength=50))


# --- their gradients ------------------------------------------------------------------------------------------------


@jax.jit
def gradients(sampler, key, weights, batch_size):
    return sampler.gradients(key, weights, batch_size)


def problem_of(n, q, p):
    rng = np.random.default_rng(n)
    return sv.LinearRegression(sv.Dataset(rng.normal(size=(n, p)), rng.normal(size=(n, q)))), rng.normal(size=(q, p))


def samplers(data, batch_size):
    """The sampler that is chosen for a batch size, and one for each method."""
    best = FiniteBatches.of(data, without_replacement=True).for_batch_size(batch_size)
    return [best, *(replace(best, method=method, capacity=256, of_complement=False) for method in METHODS)]


def of_enumerated(values, drawn, judge):
    """Asserts that what is drawn takes the values of equally likely outcomes, each as often as it is listed."""
    matches = np.abs(drawn[:, None] - values).max(axis=(2, 3)) < 1e-12
    assert matches.any(axis=1).all()
    distinct, which = np.unique(matches, axis=0, return_inverse=True)
    expected = distinct.sum(axis=1) / len(values) * len(drawn)  # orders of one multiset give one value
    counts = np.bincount(which.ravel(), minlength=len(distinct))
    judge.agree(counts, expected, np.sqrt(expected * (1 - expected / len(drawn))))


@pytest.mark.parametrize("b", [1, 2, 3, 4, 5])
def test_batch_gradients_without_replacement_take_the_enumerated_values_equally_often(b, judge):
    problem, weights = problem_of(5, 2, 3)
    examples = problem.example_gradients(weights, problem.data.X, problem.data.y)
    values = np.array([examples[list(batch)].mean(axis=0) for batch in combinations(range(5), b)])
    stacked = np.broadcast_to(weights, (REPLICATES // 10, *weights.shape))
    for sampler in samplers(problem.data, b):
        of_enumerated(values, np.asarray(gradients(sampler, jax.random.key(140 + b), stacked, b)), judge)


@pytest.mark.parametrize(("n", "b"), [(3, 1), (3, 2), (3, 5), (1, 3)])
def test_batch_gradients_with_replacement_take_the_enumerated_values_equally_often(n, b, judge):
    problem, weights = problem_of(n, 2, 3)
    examples = problem.example_gradients(weights, problem.data.X, problem.data.y)
    values = np.array([examples[list(batch)].mean(axis=0) for batch in product(range(n), repeat=b)])
    stacked = np.broadcast_to(weights, (REPLICATES, *weights.shape))
    sampler = FiniteBatches.of(problem.data, without_replacement=False)
    of_enumerated(values, np.asarray(gradients(sampler.for_batch_size(b), jax.random.key(150 + b), stacked, b)), judge)


@pytest.mark.parametrize(
    ("n", "b", "q", "p", "R", "dtype", "some"),
    [
        (50, 40, 1, 10, 128, np.float64, slice(4)),
        (50, 7, 2, 3, 1, np.float32, slice(0, 4, 3)),  # the chosen one, and bits
        (3000, 70, 2, 500, 4, np.float64, slice(1)),  # rows so long that few are looked up at a time
    ],
)
def test_batch_gradients_are_those_of_the_examples_that_are_drawn(n, b, q, p, R, dtype, some):
    problem, _ = problem_of(n, q, p)
    X, y = problem.data.X, problem.data.y
    weights = np.random.default_rng(b).normal(size=(R, q, p)).astype(dtype)
    key = jax.random.key(160)
    for sampler in samplers(problem.data, b)[some]:
        size = n - b if sampler.of_complement else b
        tally = np.asarray(tallies(key, size, sampler.method, n, R, sampler.capacity))
        tally = 1 - tally if sampler.of_complement else tally
        residuals = weights @ X.T - y.T
        expected = (residuals * tally[:, None]) @ X / b
        found = gradients(sampler, key, weights, b)
        assert found.dtype == dtype
        tolerance = 1e-12 if dtype is np.float64 else 1e-5
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * n / b * np.abs(residuals).max() * 5)


@pytest.mark.parametrize("b", [8, 9, 256, 257, 1000])
def test_large_batches_with_replacement_are_drawn_part_by_part(b):
    n = 6
    problem, _ = problem_of(n, 1, 2)
    sampler = FiniteBatches.of(problem.data, without_replacement=False).for_batch_size(b)
    key, weights = jax.random.key(161), np.random.default_rng(0).normal(size=(5, 1, 2))
    tally = np.zeros((5, n))
    for part in range(-(-b // sampler.capacity)):
        size = min(sampler.capacity, b - part * sampler.capacity)
        tally += tallies(jax.random.fold_in(key, part), size, "independent", n, 5, sampler.capacity)
    assert (tally.sum(axis=1) == b).all()
    expected = ((weights @ problem.data.X.T - problem.data.y.T) * tally[:, None]) @ problem.data.X / b
    np.testing.assert_allclose(gradients(sampler, key, weights, b), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("n", "b"), [(1, 1), (2, 1), (2, 2), (40, 39), (600, 600)])
def test_the_edges_of_the_range_of_batch_sizes(n, b):
    problem, weights = problem_of(n, 1, 2)
    examples = problem.example_gradients(weights, problem.data.X, problem.data.y)
    without = np.array([(examples.sum(axis=0) - rest) / b for rest in (examples if b < n else [0])])
    sampler = FiniteBatches.of(problem.data, without_replacement=True).for_batch_size(b)
    found = np.asarray(gradients(sampler, jax.random.key(162), np.broadcast_to(weights, (64, 1, 2)), b))
    assert (np.abs(found[:, None] - without).max(axis=(2, 3)).min(axis=1) < 1e-12).all()


# --- the choice of a method -----------------------------------------------------------------------------------------


def test_few_compilations_serve_all_batch_sizes():
    for n in (3, 442, 20_000):
        data = sv.Dataset(np.ones((n, 1)), np.ones(n))
        for without in (True, False):
            sampler = FiniteBatches.of(data, without_replacement=without)
            chosen = [sampler.for_batch_size(b) for b in range(1, n + 1)]
            assert len({jax.tree.structure(one) for one in chosen}) <= (10 if without else 3)
            if without:
                drawn = [min(b, n - b) for b in range(1, n + 1)]
                assert all(one.of_complement == (2 * b > n) for b, one in enumerate(chosen, 1))
                assert all(
                    one.method != "compare" or size <= one.capacity for one, size in zip(chosen, drawn, strict=True)
                )


def test_the_work_grows_with_the_examples_that_are_drawn():
    data = sv.Dataset(np.ones((5000, 1)), np.ones(5000))
    without, with_ = (FiniteBatches.of(data, without_replacement=flag) for flag in (True, False))
    work = [without.draws(b) for b in range(1, 5001)]
    assert work[:2500] == sorted(work[:2500])
    assert work[:-1] == work[-2::-1]  # as many are left out as drawn
    assert work[-1] >= 1
    assert all(size <= work[size - 1] <= 2 * size for size in range(8, 300))
    assert max(work) < 1000  # beyond, all examples are multiplied
    assert [with_.draws(b) for b in (1, 8, 10**6)] == [1, 8, 10**6]
