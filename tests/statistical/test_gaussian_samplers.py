"""Gradients over batches from Gaussian populations and from atoms have exactly the distributions that are stated."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import sgdvar as sv
from sgdvar.monte_carlo.samplers import AtomBatches, GaussianBatches, GaussianGradients, sampler_for

REPLICATES = 20_000


@jax.jit
def gradients(sampler, key, weights, batch_size):
    return sampler.gradients(key, weights, batch_size)


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

BATCH_SIZES = [1, 2, 3, 4, 11, 1000]  # below, at and above p = 3


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


def population(outputs, seed=2):
    """More inputs than the normal variables that they depend on, and label noise from three of them."""
    rng = np.random.default_rng(seed)
    factor, noise = rng.normal(size=(9, 8)) / 3, rng.normal(size=(outputs, 3))
    data = sv.GaussianPopulation(rng.normal(size=(outputs, 9)), input_factor=factor, noise_factor=noise)
    return data, data.teacher + rng.normal(size=(outputs, 9)) / 2


def noisy_moments(data, weights):
    """Mean of the gradient and its covariance at b = 1 (Isserlis)."""
    teacher, C, D = (np.asarray(array, dtype=float) for array in data.numbers())
    S, E = C @ C.T, weights - teacher
    M, residual = E @ S, E @ S @ E.T + D @ D.T
    return M, np.einsum("kl,ij->kilj", residual, S) + np.einsum("kj,li->kilj", M, M)


def check_two_moments(g, data, weights, batch_size, judge):
    M, covariance = noisy_moments(data, weights)
    judge.agree(g.mean(axis=0), M, g.std(axis=0) / np.sqrt(REPLICATES))
    q = len(weights)
    entries = [(0, 0), (0, 5), (q - 1, 0), (q - 1, 8)]  # a few products tell
    for (k, i), (l, j) in product(entries, entries):
        found, error = mean_and_error((g[:, k, i] - M[k, i]) * (g[:, l, j] - M[l, j]))
        judge.agree(found, covariance[k, i, l, j] / batch_size, error)
    factor = np.asarray(data.numbers()[1], dtype=float)
    along = np.linalg.pinv(factor.T) @ factor.T @ (weights - data.teacher)[0]  # where noise matters most
    found, error = mean_and_error(((g - M)[:, 0] @ along) ** 2)
    judge.agree(found, along @ covariance[0, :, 0] @ along / batch_size, error)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("b", [1, 2, 3, 5, 8, 2**20])
@pytest.mark.parametrize("outputs", [1, 3])
def test_each_regime_has_the_moments_of_isserlis_theorem(outputs, b, dtype, judge):
    data, weights = population(outputs)
    sampler = (GaussianGradients if outputs == 1 else GaussianBatches).of(data).for_batch_size(b)
    g = drawn_gradients(sampler, 300 + b % 97, b, weights.astype(dtype))
    assert g.dtype == dtype
    assert g.shape == (REPLICATES, outputs, 9)
    check_two_moments(g.astype(float), data, weights, b, judge)


def test_batches_below_the_rank_take_few_regimes():
    sampler = GaussianBatches.of(population(2)[0])
    assert [sampler.for_batch_size(b).columns for b in (1, 2, 3, 4, 5, 8, 10**6)] == [1, 2, 4, 4, None, None, None]
    assert sampler.for_batch_size(2).for_batch_size(100).columns is None
    assert [sampler.draws(b) for b in (1, 4, 100, 2**31 - 1)] == [1, 1, 1, 1]


def raw_gradients(data, weights, batch_size, seed):
    teacher, C, D = (np.asarray(array, dtype=float) for array in data.numbers())
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(REPLICATES, batch_size, C.shape[1])) @ C.T
    residuals = x @ (weights - teacher).T - rng.normal(size=(REPLICATES, batch_size, D.shape[1])) @ D.T
    return np.einsum("rbk,rbi->rki", residuals, x) / batch_size


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("b", [1, 3, 6, 12])
def test_gradients_agree_with_those_of_raw_batches_in_higher_moments(outputs, b, judge):
    data, weights = population(outputs)
    M, _ = noisy_moments(data, weights)
    make = GaussianGradients if outputs == 1 else GaussianBatches
    drawn = drawn_gradients(make.of(data).for_batch_size(b), 400 + b, b, weights)
    samples = [(g - M) / M.std() for g in (drawn, raw_gradients(data, weights, b, seed=b))]
    statistics = [
        lambda g: g.sum(axis=(1, 2)) ** 3,
        lambda g: (g**2).sum(axis=(1, 2)) ** 2,
        lambda g: np.linalg.norm(g[:, 0], axis=1),
        lambda g: g[:, 0, 0] ** 2 * g[:, -1, 8],
        lambda g: np.abs(g[:, 0, 3] * g[:, -1, 4]),
    ]
    for statistic in statistics:
        a, other = (statistic(g) for g in samples)
        judge.agree(a.mean() - other.mean(), 0, np.sqrt((a.var() + other.var()) / REPLICATES))
    rank = np.linalg.matrix_rank(drawn[0])
    assert rank == min(outputs, b)


@pytest.mark.parametrize("outputs", [1, 2])
def test_gradients_are_independent_between_replicates_and_keys(outputs, judge):
    data, weights = population(outputs)
    sampler = sampler_for(sv.SGD(sv.LinearRegression(data), weights, 0.1))
    M, _ = noisy_moments(data, weights)
    first, second = (drawn_gradients(sampler, key, 3, weights)[:, -1] - M[-1] for key in (501, 502))
    for a, b in ((first, second), (first[1:], first[:-1]), (first[:10_000], first[10_000:])):
        for power in (1, 2):
            x, y = a**power - (a**power).mean(axis=0), b**power - (b**power).mean(axis=0)
            judge.agree((x * y).mean(axis=0), 0, (x * y).std(axis=0) / np.sqrt(len(x)))


@pytest.mark.parametrize("outputs", [1, 2])
def test_the_largest_batch_has_its_tiny_variance(outputs, judge):
    data, weights = population(outputs)
    b = 2**31 - 1
    sampler = sampler_for(sv.SGD(sv.LinearRegression(data), weights, 0.1)).for_batch_size(b)
    check_two_moments(drawn_gradients(sampler, 511, b, weights), data, weights, b, judge)


def test_one_input_and_several_outputs_take_a_chi_square_number_alone(judge):
    sampler = GaussianBatches.of(sv.GaussianPopulation([[1.0], [2.0]]))
    g = drawn_gradients(sampler, 512, 5, np.array([[2.0], [0.0]]))[:, :, 0]
    np.testing.assert_allclose(g[:, 1], -2 * g[:, 0], rtol=1e-12)
    judge.agree(g[:, 0].mean(), 1, g[:, 0].std() / np.sqrt(REPLICATES))
    judge.agree(((g[:, 0] - 1) ** 2).mean(), 2 / 5, ((g[:, 0] - 1) ** 2).std() / np.sqrt(REPLICATES))


def test_the_identity_and_absent_noise_are_left_out():
    sampler = GaussianBatches.of(sv.GaussianPopulation([[1.0, 0.0], [2.0, 1.0]]))
    assert sampler.input_factor is None
    assert sampler.noise_factor is None
    assert GaussianGradients.of(sv.GaussianPopulation([1.0, 2.0])).input_factor is None
    assert GaussianBatches.of(population(2)[0]).input_factor.shape == (9, 8)


# --- atoms ----------------------------------------------------------------------------------------------------------

CHANCES = [Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)]


@partial(jax.jit, static_argnames="draw")
def totals_of(sampler, key, weights, batch_size, draw):
    return getattr(sampler, draw)(key, weights, batch_size)


def atom_counts(draw, key, batch_size, chances=CHANCES):
    """How often each atom is drawn, shape (replicates, k); the total of a batch holds the counts as digits."""
    targets = [-(1000**i) for i in range(len(chances))]
    sampler = AtomBatches.of(sv.DiscretePopulation([[1]] * len(chances), targets, chances))
    with jax.enable_x64(True):
        weights = jnp.zeros((REPLICATES, 1, 1))
        totals = totals_of(sampler, jax.random.key(key), weights, jnp.int32(batch_size), draw)
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
