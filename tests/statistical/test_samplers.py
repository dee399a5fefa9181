"""Batches are drawn from exactly the distribution that the design says."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from itertools import combinations, product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import sgdvar as sv
from sgdvar.monte_carlo.samplers import AtomBatches, FiniteBatches, GaussianBatches, GaussianGradients, sampler_for
from sgdvar.monte_carlo.samplers.draws import fold_draws, fold_subset, uniform_below

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


def test_one_output_is_drawn_directly_and_several_from_batches():
    assert isinstance(sampler_for(gaussian(None)), GaussianGradients)
    assert isinstance(sampler_for(gaussian(None, outputs=2)), GaussianBatches)


# --- several outputs: batches of any size, or their Bartlett factors ------------------------------------------------

BATCH_SIZES = [1, 2, 9, 10, 11, 1000]  # below and at p = 3, and on both sides of 3 p


def mean_and_error(values):
    return values.mean(axis=0), values.std(axis=0) / np.sqrt(len(values))


@pytest.mark.parametrize("b", BATCH_SIZES)
def test_second_moments_of_inputs_have_the_moments_of_a_wishart_matrix(b, judge):
    """For S the mean of x x^T over a batch: E[S M S] = M + (M^T + tr(M) I) / b, and the third moment E tr(S^3)."""
    p, u = 3, Fraction(1, b)
    sampler = GaussianBatches(np.zeros((p, p)), np.eye(p), np.zeros((p, 1)))
    S = drawn_gradients(sampler, 111 + b, b, np.eye(p))
    M = np.array([[1, 2, -1], [0, 3, 1], [2, 0, -2]])
    judge.agree(S.mean(axis=0), np.eye(p), S.std(axis=0) / np.sqrt(REPLICATES))
    found, error = mean_and_error(S @ M @ S)
    judge.agree(found, M + float(u) * (M.T + np.trace(M) * np.eye(p)), error)
    found, error = mean_and_error(np.trace(S @ S @ S, axis1=1, axis2=2))
    judge.agree(found, float(p + 3 * u * (p**2 + p) + u**2 * (p**3 + 3 * p**2 + 4 * p)), error)
    assert np.linalg.matrix_rank(S[0]) == min(b, p)


@pytest.mark.parametrize("b", BATCH_SIZES)
def test_label_noise_is_normal_given_the_inputs(b, judge):
    """At the teacher a batch of noise has norm sigma |Z| sqrt(chi^2_p) / b, with |Z|^2 chi-squared of b degrees."""
    p, sigma = 3, 2
    sampler = GaussianBatches(np.ones((1, p)), np.eye(p), np.array([[float(sigma)]]))
    squares = (drawn_gradients(sampler, 121 + b, b, np.ones((1, p))) ** 2).sum(axis=(1, 2))
    for power, expected in ((1, Fraction(b * p, b**2)), (2, Fraction(b * (b + 2) * p * (p + 2), b**4))):
        found, error = mean_and_error(squares**power)
        judge.agree(found, float(sigma ** (2 * power) * expected), error)


@pytest.mark.parametrize("b", BATCH_SIZES)
def test_gradients_of_several_outputs_have_the_moments_of_isserlis_theorem(b, judge):
    C, D = np.array([[1, 0, 2], [-1, 1, 0], [0, 2, 1]]), np.array([[1, 0, 1], [2, -1, 0]])
    teacher, weights = np.array([[1, 0, -1], [0, 2, 1]]), np.array([[0, 1, -1], [1, 1, 0]])
    sampler, E, S = GaussianBatches(teacher, C, D), weights - teacher, C @ C.T
    g = drawn_gradients(sampler, 131 + b, b, weights.astype(float))
    M, residual = E @ S, E @ S @ E.T + D @ D.T
    judge.agree(g.mean(axis=0), M, g.std(axis=0) / np.sqrt(REPLICATES))
    covariance = np.einsum("kl,ij->kilj", residual, S) + np.einsum("kj,li->kilj", M, M)
    found, error = mean_and_error(np.einsum("nki,nlj->nkilj", g - M, g - M))
    judge.agree(found, covariance / b, error)


def test_a_huge_batch_takes_no_longer_than_a_factor():
    sampler = sampler_for(gaussian(None, outputs=2))  # inputs that depend on two normal variables
    assert [sampler.draws(b) for b in (1, 6, 7, 2**31 - 1)] == [1, 6, 6, 6]
    g = drawn_gradients(sampler, 112, 2**31 - 1, np.eye(2, 3))
    assert g.std(axis=0).max() < 1e-3


# --- atoms ----------------------------------------------------------------------------------------------------------

CHANCES = [Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)]


def atom_counts(draw, key, batch_size, chances=CHANCES):
    """How often each atom is drawn, shape (replicates, k); the total of a batch holds the counts as digits."""
    targets = [-(1000**i) for i in range(len(chances))]
    sampler = AtomBatches.of(sv.DiscretePopulation([[1]] * len(chances), targets, chances))
    with jax.enable_x64(True):
        weights = jnp.zeros((REPLICATES, 1, 1))
        totals = getattr(sampler, draw)(jax.random.key(key), weights, jnp.int32(batch_size))
        totals = np.asarray(totals)[:, 0, 0] * (batch_size if draw == "gradients" else 1)
    digits = np.round(totals).astype(np.int64)[:, None] // 1000 ** np.arange(len(chances)) % 1000
    assert (digits.sum(axis=1) == batch_size).all()
    return digits


@pytest.mark.parametrize("draw", ["_total_by_draws", "_total_by_counts"])
@pytest.mark.parametrize("b", [1, 2, 4])
def test_atoms_are_drawn_with_multinomial_probabilities(draw, b, judge):
    counts = atom_counts(draw, 141 + b, b)
    outcomes = np.array([c for c in product(range(b + 1), repeat=3) if sum(c) == b])
    expected = stats.multinomial(b, [float(chance) for chance in CHANCES]).pmf(outcomes)
    found = (counts[:, None] == outcomes).all(axis=2).mean(axis=0)
    judge.agree(found, expected, np.sqrt(expected * (1 - expected) / REPLICATES))


@pytest.mark.parametrize("b", [16, 17, 400])
def test_large_batches_of_atoms_have_multinomial_moments(b, judge):
    counts = atom_counts("gradients", 151 + b, b)
    chances = np.array([float(chance) for chance in CHANCES])
    judge.agree(counts.mean(axis=0), b * chances, counts.std(axis=0) / np.sqrt(REPLICATES))
    found, error = mean_and_error(np.einsum("ni,nj->nij", counts - b * chances, counts - b * chances))
    judge.agree(found, b * (np.diag(chances) - np.outer(chances, chances)), error)
    found, error = mean_and_error((counts - b * chances) ** 3)
    judge.agree(found, b * chances * (1 - chances) * (1 - 2 * chances), error)


@pytest.mark.parametrize("draw", ["_total_by_draws", "_total_by_counts"])
def test_rare_atoms_are_as_rare_as_stated(draw, judge):
    chances = [Fraction(999, 1000), Fraction(1, 1000)]
    for arrangement in (chances, chances[::-1]):
        counts = atom_counts(draw, 161, 100, arrangement)
        expected = np.array([100 * float(chance) for chance in arrangement])
        judge.agree(counts.mean(axis=0), expected, np.sqrt(0.1 * 0.999 / REPLICATES))
        never = (counts[:, arrangement.index(chances[1])] == 0).mean()
        judge.agree(never, 0.999**100, np.sqrt(0.999**100 * (1 - 0.999**100) / REPLICATES))


def test_one_atom_is_certain_and_large_batches_cost_no_more_than_counts():
    assert (atom_counts("gradients", 171, 7, [1]) == 7).all()
    data = sv.DiscretePopulation([[1, 2], [3, 4]], [1, 0], [0.5, 0.5])
    sampler = sampler_for(sv.SGD(sv.LinearRegression(data), [0, 0], 0.1))
    assert isinstance(sampler, AtomBatches)
    assert [sampler.draws(b) for b in (1, 8, 9, 10**6)] == [1, 8, 8, 8]
