"""Batches are drawn from exactly the distribution that the design says."""

from __future__ import annotations

from functools import partial
from itertools import combinations, product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sgdvar as sv
from sgdvar.monte_carlo.samplers import (
    FiniteBatches,
    GaussianBatches,
    GaussianGradients,
    fold_draws,
    fold_subset,
    sampler_for,
    uniform_below,
)

REPLICATES = 20_000


@partial(jax.jit, static_argnames=("population", "replicates"))
def subsets(key, size, population, replicates=REPLICATES):
    """Members as bits, and how many draws hit a member already drawn."""

    def add(carry, indices):
        bits, repeats = carry
        bit = jnp.uint64(1) << indices.astype(jnp.uint64)
        return bits | bit, repeats + ((bits & bit) > 0)

    start = jnp.zeros(replicates, jnp.uint64), jnp.zeros(replicates, jnp.int32)
    return fold_subset(add, start, key, population=population, size=size, replicates=replicates)


@jax.jit
def gradients(sampler, key, weights, batch_size):
    return sampler.gradients(key, weights, batch_size)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6])
def test_every_subset_is_equally_likely(n, judge):
    with jax.enable_x64(True):
        for size in range(n + 1):
            bits, repeats = map(np.asarray, subsets(jax.random.key(101 + size), size, n))
            assert not repeats.any()
            expected = [sum(1 << i for i in members) for members in combinations(range(n), size)]
            counts = np.array([(bits == code).sum() for code in expected])
            assert counts.sum() == REPLICATES
            if len(counts) > 1:
                judge.uniform(counts)


def test_subsets_that_span_several_words_hold_every_example_equally_often(judge):
    with jax.enable_x64(True):
        bits, repeats = map(np.asarray, subsets(jax.random.key(102), 31, 63))
    assert not repeats.any()
    assert all(int(code).bit_count() == 31 for code in bits)
    inside = (bits[:, None] >> np.arange(63, dtype=np.uint64)) & np.uint64(1)
    chance = 31 / 63
    judge.agree(inside.mean(axis=0), chance, np.sqrt(chance * (1 - chance) / REPLICATES))
    pairs = (inside[:, 1:] * inside[:, :-1]).mean(axis=0)
    chance = 31 / 63 * 30 / 62
    judge.agree(pairs, chance, np.sqrt(chance * (1 - chance) / REPLICATES))


def test_draws_with_replacement_are_independent_and_uniform(judge):
    with jax.enable_x64(True):
        codes = fold_draws(
            lambda code, i: 3 * code + i,
            jnp.zeros(REPLICATES, jnp.int32),
            jax.random.key(103),
            population=3,
            size=jnp.int32(3),
            replicates=REPLICATES,
        )
    judge.uniform(np.bincount(codes, minlength=27))


@pytest.mark.parametrize("bound", [1, 2, 7, 442])
def test_integers_below_a_small_bound_are_uniform(bound, judge):
    with jax.enable_x64(True):
        drawn = np.asarray(uniform_below(jax.random.key(104), jnp.int32(bound), REPLICATES))
    assert drawn.min() >= 0
    assert drawn.max() < bound
    if bound > 1:
        judge.uniform(np.bincount(drawn, minlength=bound))


def test_integers_below_a_bound_that_does_not_divide_the_words_are_uniform(judge):
    bound = 3 * 2**29  # without rejection every third integer would come from two words instead of three
    with jax.enable_x64(True):
        drawn = np.asarray(uniform_below(jax.random.key(105), jnp.int32(bound), REPLICATES))
    judge.uniform(np.bincount(drawn % 3, minlength=3))


def test_batch_gradients_take_the_enumerated_values_equally_often(judge):
    rng = np.random.default_rng(0)
    n, q, p = 4, 2, 3
    problem = sv.LinearRegression(sv.Dataset(rng.normal(size=(n, p)), rng.normal(size=(n, q))))
    weights = rng.normal(size=(q, p))
    examples = problem.example_gradients(weights, problem.data.X, problem.data.y)
    for without in (True, False):
        sampler = FiniteBatches.of(problem.data, without_replacement=without)
        for b in (1, 2, 3, 4):
            batches = combinations(range(n), b) if without else product(range(n), repeat=b)
            values = np.array([examples[list(batch)].mean(axis=0) for batch in batches])
            with jax.enable_x64(True):
                stacked = np.broadcast_to(weights, (REPLICATES, q, p))
                drawn = np.asarray(gradients(sampler, jax.random.key(106 + b), stacked, jnp.int32(b)))
            matches = np.abs(drawn[:, None] - values).max(axis=(2, 3)) < 1e-12
            assert matches.any(axis=1).all()
            distinct, which = np.unique(matches, axis=0, return_inverse=True)
            expected = distinct.sum(axis=1) / len(values) * REPLICATES  # orders of one multiset give one value
            counts = np.bincount(which.ravel(), minlength=len(distinct))
            judge.agree(counts, expected, np.sqrt(expected * (1 - expected / REPLICATES)))


def gaussian(noise, outputs=1):
    rng = np.random.default_rng(1)
    teacher = rng.normal(size=(outputs, 3)) if outputs > 1 else rng.normal(size=3)
    population = sv.GaussianPopulation(teacher, input_factor=rng.normal(size=(3, 2)), noise_factor=noise)
    return sv.SGD(sv.LinearRegression(population), start=np.zeros(teacher.shape), step_size=0.1)


def drawn_gradients(sampler, key, batch_size, weights):
    with jax.enable_x64(True):
        stacked = np.broadcast_to(weights, (REPLICATES, *weights.shape))
        return np.asarray(gradients(sampler, jax.random.key(key), stacked, jnp.int32(batch_size)))


def raw(sgd):
    teacher, factor, noise = (np.asarray(array, dtype=np.float64) for array in sgd.problem.data.numbers())
    return GaussianBatches(teacher, factor, noise)


@pytest.mark.parametrize("noise", [None, 0.7])
@pytest.mark.parametrize("batch_size", [1, 3, 40])
@pytest.mark.parametrize("make", [sampler_for, raw])
def test_gaussian_gradients_have_the_moments_of_isserlis_theorem(noise, batch_size, make, judge):
    sgd = gaussian(noise)
    teacher, factor, noise_factor = sgd.problem.data.numbers()
    weights = np.array([[0.5, -1.0, 2.0]])
    S, e = factor @ factor.T, (weights - teacher)[0]
    Se, size = S @ e, e @ S @ e + float((noise_factor**2).sum())
    g = drawn_gradients(make(sgd), 107, batch_size, weights)[:, 0]
    judge.agree(g.mean(axis=0), Se, g.std(axis=0) / np.sqrt(REPLICATES))
    products = g[:, :, None] * g[:, None, :]
    covariance = (np.outer(Se, Se) + size * S) / batch_size
    judge.agree(products.mean(axis=0), covariance + np.outer(Se, Se), products.std(axis=0) / np.sqrt(REPLICATES))


@pytest.mark.parametrize("noise", [None, 0.7])
def test_gaussian_gradients_drawn_directly_and_from_raw_batches_agree_in_higher_moments(noise, judge):
    sgd = gaussian(noise)
    weights = np.array([[0.5, -1.0, 2.0]])
    assert isinstance(sampler_for(sgd), GaussianGradients)
    direct, batches = (
        drawn_gradients(make(sgd), key, 3, weights)[:, 0] for make, key in ((sampler_for, 108), (raw, 109))
    )
    scale = batches.std()
    for statistic in (lambda g: (g / scale).sum(axis=1) ** 3, lambda g: ((g / scale) ** 2).sum(axis=1) ** 2):
        a, b = statistic(direct), statistic(batches)
        judge.agree(a.mean() - b.mean(), 0, np.sqrt((a.var() + b.var()) / REPLICATES))


def test_gaussian_gradients_vanish_at_the_teacher_without_noise():
    sgd = gaussian(None)
    g = drawn_gradients(sampler_for(sgd), 110, 2, np.atleast_2d(sgd.problem.data.teacher))
    assert not g.any()


def test_several_outputs_are_drawn_from_raw_batches():
    assert isinstance(sampler_for(gaussian(None, outputs=2)), GaussianBatches)
