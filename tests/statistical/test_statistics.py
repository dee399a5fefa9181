"""Streaming moments are what a textbook would compute at once, and a pilot knows what it cannot tell."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise, product

import numpy as np
import pytest
from scipy import stats

from sgdvar.monte_carlo.statistics.intervals import empirical_bernstein
from sgdvar.monte_carlo.statistics.pilots import needed_replicates, no_reference, relative_variance
from sgdvar.monte_carlo.statistics.summaries import (
    Functional,
    Summary,
    bounded_interval,
    summarise,
    summarise_covariance,
    summarise_mean,
    summarise_pairs,
    summarise_parts,
    summarise_variance,
)

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(60, 3)) * [1, 2, 3] + 10
OFFSETS = RNG.exponential(size=60)
SUMMARISE = {
    "mean": lambda rows: summarise_mean(VECTORS[rows]),
    "variance": lambda rows: summarise_variance(VECTORS[rows], OFFSETS[rows]),
    "covariance": lambda rows: summarise_covariance(VECTORS[rows]),
}
EVERYTHING = slice(None)


def test_a_mean_and_its_standard_error_are_the_textbook_ones():
    summary = SUMMARISE["mean"](EVERYTHING)
    np.testing.assert_allclose(summary.value, VECTORS.mean(axis=0))
    np.testing.assert_allclose(summary.standard_error, VECTORS.std(axis=0, ddof=1) / np.sqrt(60))


def test_a_variance_adds_the_mean_offset_to_the_trace_of_the_sample_covariance():
    summary = SUMMARISE["variance"](EVERYTHING)
    np.testing.assert_allclose(summary.value, OFFSETS.mean() + VECTORS.var(axis=0, ddof=1).sum())
    influence = OFFSETS + ((VECTORS - VECTORS.mean(axis=0)) ** 2).sum(axis=1)
    second_order = 2 * VECTORS.var(axis=0, ddof=1).sum() ** 2 / (60 * 59)
    np.testing.assert_allclose(summary.standard_error**2, influence.var(ddof=1) / 60 + second_order)
    np.testing.assert_allclose(summary.largest_share, (influence**2).max() / (influence**2).sum())
    np.testing.assert_allclose(summary.skewness, stats.skew(influence))


def test_a_covariance_is_numpys():
    summary = SUMMARISE["covariance"](EVERYTHING)
    np.testing.assert_allclose(summary.value, np.cov(VECTORS.T))
    deviations = VECTORS - VECTORS.mean(axis=0)
    influence = deviations[:, :, None] * deviations[:, None, :]
    C = np.cov(VECTORS.T)
    second_order = (np.outer(np.diag(C), np.diag(C)) + C**2) / (60 * 59)
    np.testing.assert_allclose(summary.standard_error**2, influence.var(axis=0, ddof=1) / 60 + second_order)
    np.testing.assert_allclose(summary.skewness, stats.skew(influence))


def test_the_standard_error_is_right_where_all_squared_deviations_are_equal():
    """Over all samples from +-1 the sample variance has the variance 2 / (N (N - 1)): nothing else is left."""
    samples = [np.array(signs, dtype=float)[:, None] for signs in product([-1, 1], repeat=10)]
    values = [float(summarise_variance(sample).value) for sample in samples]
    np.testing.assert_allclose(np.var(values), 2 / (10 * 9))
    errors = [float(summarise_variance(sample).standard_error) for sample in samples]
    assert min(error for error, value in zip(errors, values, strict=True) if value > 0) >= np.sqrt(2 / 90) * 0.3
    assert np.mean(np.square(errors)) >= 2 / 90


@pytest.mark.parametrize("name", SUMMARISE)
def test_the_variance_of_a_population_is_estimated_without_bias(name):
    population = np.array([[0.0], [1.0], [5.0]])
    samples = [population[list(picks)] for picks in product(range(3), repeat=3)]
    summary_of = {"mean": summarise_mean, "variance": summarise_variance, "covariance": summarise_covariance}[name]
    expected = population.mean() if name == "mean" else population.var()
    np.testing.assert_allclose(np.mean([summary_of(sample).value for sample in samples]), expected)


@pytest.mark.parametrize("name", SUMMARISE)
@pytest.mark.parametrize("cuts", [[1], [59], [20, 40], [1, 2, 3, 50]])
def test_merged_blocks_have_the_value_of_the_whole(name, cuts):
    edges = [0, *cuts, 60]
    whole = SUMMARISE[name](EVERYTHING)
    merged = reduce(Summary.merge, (SUMMARISE[name](slice(a, b)) for a, b in pairwise(edges)))
    assert merged.count == 60
    np.testing.assert_allclose(merged.value, whole.value, rtol=1e-12)
    if name == "mean":
        np.testing.assert_allclose(merged.standard_error, whole.standard_error, rtol=1e-12)
        np.testing.assert_allclose(merged.skewness, whole.skewness, rtol=1e-10)


def fields_of(summary):
    return {name: np.asarray(value) for name, value in vars(summary).items()}


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize(
    "functional",
    [
        Functional.of(vectors=VECTORS),
        Functional.of(OFFSETS, VECTORS),
        Functional(OFFSETS, VECTORS, np.array([1.0, -2.0, 0.5])),
        Functional.of(OFFSETS),
        Functional.of(VECTORS),
        Functional.of(VECTORS[:, :, None] * VECTORS[:, None]),
    ],
    ids=["variance", "mean plus variance", "weighed", "number", "vector", "matrix"],
)
def test_parts_side_by_side_are_summarised_as_each_by_itself(functional, count):
    size = 60 // count
    alone = [summarise(functional.only(slice(k * size, (k + 1) * size))) for k in range(count)]
    together = summarise_parts(functional, count)
    halves = [Summary.of_sets(part) for part in (alone[: count // 2], alone[count // 2 :]) if part]
    for k, expected in enumerate(alone):
        for found in (together, Summary.of_sets(alone), Summary.concatenated(halves)):
            for name, value in fields_of(expected).items():
                own = fields_of(found)[name] if name in ("count", "weights") else fields_of(found)[name][k]
                np.testing.assert_array_equal(own, value, err_msg=name)
        for name in ("value", "standard_error", "second_order", "skewness"):
            np.testing.assert_allclose(getattr(together, name)[k], getattr(expected, name), rtol=1e-13)
    merged = reduce(Summary.merge, alone)
    for name, value in fields_of(together.together()).items():
        np.testing.assert_allclose(value, fields_of(merged)[name], rtol=1e-9, atol=1e-9, err_msg=name)


def test_covariances_side_by_side_are_merged_as_one_by_one():
    alone = [summarise_covariance(part) for part in np.split(VECTORS, 5)]
    together, merged = Summary.of_sets(alone), reduce(Summary.merge, alone)
    np.testing.assert_allclose(together.together().value, merged.value, rtol=1e-12)
    np.testing.assert_allclose(together.together().standard_error, merged.standard_error, rtol=1e-9)
    for k, expected in enumerate(alone):
        np.testing.assert_array_equal(together.value[k], expected.value)
        np.testing.assert_allclose(together.standard_error[k], expected.standard_error, rtol=1e-13)


@pytest.mark.parametrize("name", ["variance", "covariance"])
def test_centring_at_block_means_changes_a_standard_error_by_the_inverse_block_size(name):
    vectors = np.random.default_rng(1).normal(size=(8192, 3)) + 10
    summary_of = {"variance": summarise_variance, "covariance": summarise_covariance}[name]
    whole = summary_of(vectors)
    merged = reduce(Summary.merge, (summary_of(block) for block in np.split(vectors, 8)))
    np.testing.assert_allclose(merged.standard_error, whole.standard_error, rtol=5 / 1024)
    np.testing.assert_allclose(merged.skewness, whole.skewness, atol=0.05)


def test_merging_does_not_cancel_for_a_small_variance_about_a_large_mean():
    vectors = 1e8 + np.random.default_rng(2).integers(-2, 3, size=(1000, 1)).astype(float)
    merged = reduce(Summary.merge, (summarise_variance(block) for block in np.split(vectors, 10)))
    np.testing.assert_allclose(merged.value, vectors.var(ddof=1), rtol=1e-9)


@pytest.mark.parametrize("summary_of", [summarise_mean, summarise_variance, summarise_covariance])
def test_replicates_that_are_all_the_same_have_no_error_at_all(summary_of):
    block = np.full((1000, 2), 0.1)
    summary = summary_of(block).merge(summary_of(block[:7]))
    assert not summary.standard_error.any()
    assert (summary.value == (0.1 if summary_of is summarise_mean else 0)).all()
    together = Summary.of_sets([summary_of(block[:7])] * 6).together()
    assert not together.standard_error.any()
    assert (together.value == summary.value).all()


def test_the_uncertainty_of_the_relative_variance_is_its_spread_over_pilots(judge):
    """And, up to terms of second order, what the jackknife over the groups gives."""
    vectors = np.random.default_rng(502).exponential(size=(400, 4096, 1))
    pilots = [summarise_parts(Functional.of(vectors=own), 16) for own in vectors]
    found = [relative_variance(groups.together(), groups) for groups in pilots]
    kappas, squares = np.array(found).T ** [[1], [2]]
    spread = (kappas - kappas.mean()) ** 2
    error = (squares - spread).std() / np.sqrt(len(pilots))
    judge.agree(float(squares.mean()), float(spread.mean()), error)
    judge.disagree(float(squares.mean()) / 2, float(spread.mean()), error)
    groups = [summarise_variance(part) for part in np.split(vectors[0], 16)]
    without = np.array([kappa_of(groups[:i] + groups[i + 1 :]) for i in range(16)])
    value, uncertainty = relative_variance(reduce(Summary.merge, groups), Summary.of_sets(groups))
    np.testing.assert_allclose(value, kappa_of(groups))
    np.testing.assert_allclose(uncertainty, np.sqrt(15 / 16 * ((without - without.mean()) ** 2).sum()), rtol=0.1)


def kappa_of(groups):
    summary = reduce(Summary.merge, groups)
    return summary.count * float((summary.standard_error / summary.value) ** 2)


def test_a_value_of_zero_is_none_to_refer_to_unless_it_is_certain():
    assert needed_replicates(Summary.of_sets([summarise_mean(np.array([1.0, -1.0]))] * 3), 0.01) == np.inf
    assert needed_replicates(Summary.of_sets([summarise_mean(np.zeros(2))] * 3), 0.01) == 0


def pilot(summary_of, values):
    return Summary.of_sets([summary_of(block) for block in np.split(values, 16)])


@pytest.mark.parametrize("shape", [(4096,), (4096, 5)])
def test_a_value_that_may_be_zero_by_chance_is_none_to_refer_to(shape):
    noise = np.random.default_rng(503).normal(size=shape)
    assert (
        needed_replicates(pilot(summarise_mean, noise - noise.mean(axis=0) + 2.9 / 64), 0.1, is_signed=True) == np.inf
    )
    needed = needed_replicates(pilot(summarise_mean, noise - noise.mean(axis=0) + 3.1 / 64), 0.1, is_signed=True)
    assert 100 * 4096 / 3.1**2 < needed < 300 * 4096 / 3.1**2


def test_rare_replicates_tell_a_value_that_is_never_negative_from_zero():
    values = np.zeros(4096)
    values[[77, 777, 2777]] = 1.0
    means, variances = pilot(summarise_mean, values), pilot(summarise_variance, values[:, None])
    assert needed_replicates(means, 0.1, is_signed=True) == np.inf  # for all it knows they may be cancelled by others
    for groups in (means, variances):
        np.testing.assert_allclose(relative_variance(groups.together(), groups)[0], 4096 / 3, rtol=0.05)
        assert 100 * 4096 / 3 < needed_replicates(groups, 0.1) < 500 * 4096 / 3


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_replicates_that_are_planned_reach_the_error(share):
    """A mean without error plus the variance of two opposite numbers: its error is of second order alone."""
    vectors = np.where(np.arange(4096) % 2, 1.0, -1.0)[:, None] * np.sqrt(share)
    groups = pilot(lambda own: summarise_variance(own, np.full(len(own), 1 - share)), vectors)
    needed = needed_replicates(groups, 0.001)
    reached = summarise_variance(vectors[: int(needed) + 1], np.full(int(needed) + 1, 1 - share)) if share else None
    assert needed == pytest.approx(np.sqrt(2) * share / 0.001, rel=0.6)
    assert reached is None or 0.0005 < reached.standard_error / reached.value < 0.00101


def test_a_pilot_without_reference_says_what_it_saw():
    values = np.random.default_rng(505).normal(size=(4096, 2))
    summary = pilot(summarise_mean, values).together()
    size, error = np.linalg.norm(summary.value), np.linalg.norm(summary.standard_error)
    assert no_reference(summary, 8) == (
        f"relative_error must have a value other than 0 to refer to, got a value of norm {size:.2g} +- {error:.2g} "
        "from 4,096 pilot replicates at batch size 8, which cannot be told from 0; give replicates= instead"
    )
    assert "got a value of " in no_reference(summarise_mean(values[:, 0]), 8)


# --- pairs ----------------------------------------------------------------------------------------------------------


def test_a_pair_is_half_its_squared_distance_and_its_mean_offset():
    summary, squares = (
        summarise_pairs(Functional.of(OFFSETS, VECTORS)),
        ((VECTORS[::2] - VECTORS[1::2]) ** 2).sum(axis=1),
    )
    Z = (OFFSETS[::2] + OFFSETS[1::2] + squares) / 2
    assert summary.count == 30
    np.testing.assert_allclose(summary.value, Z.mean())
    np.testing.assert_allclose(summary.standard_error, Z.std(ddof=1) / np.sqrt(30))


def test_the_last_of_an_odd_number_of_replicates_is_in_no_pair():
    whole, odd = (
        summarise_pairs(Functional.of(OFFSETS[:6], VECTORS[:6])),
        summarise_pairs(Functional.of(OFFSETS[:7], VECTORS[:7])),
    )
    assert (odd.count, odd.value, odd.influence_spread) == (whole.count, whole.value, whole.influence_spread)


def test_a_block_of_one_replicate_holds_no_pair_and_changes_nothing():
    none, whole = pairs_of(VECTORS[:1]), pairs_of(VECTORS)
    assert none.count == none.merge(none).count == 0
    assert none.merge(whole) is whole.merge(none) is whole
    assert bounded_interval(none, 1.0, 0.9) == (0, 1, 1)


@pytest.mark.parametrize("cuts", [[2], [58], [20, 40], [2, 4, 6, 50]])
def test_pairs_of_merged_blocks_are_those_of_the_whole(cuts):
    whole = summarise_pairs(Functional.of(OFFSETS, VECTORS))
    merged = reduce(
        Summary.merge, (summarise_pairs(Functional.of(OFFSETS[a:b], VECTORS[a:b])) for a, b in pairwise([0, *cuts, 60]))
    )
    assert merged.count == 30
    np.testing.assert_allclose(merged.value, whole.value, rtol=1e-12)
    np.testing.assert_allclose(merged.influence_spread, whole.influence_spread, rtol=1e-12)


def test_pairs_are_unbiased_with_the_variance_of_the_kurtosis_formula():
    r"""Over all pairs from a population Z has the mean V and the variance (mu_4 - V^2)/2 + tr C^2."""
    population = np.array([[0.0, 1.0], [1.0, -1.0], [5.0, 2.0]])
    pairs = [pairs_of(population[list(picks)]) for picks in product(range(3), repeat=2)]
    Z = np.array([float(pair.value) for pair in pairs])
    squares = ((population - population.mean(axis=0)) ** 2).sum(axis=1)
    C = np.cov(population.T, bias=True)
    np.testing.assert_allclose(Z.mean(), squares.mean())
    np.testing.assert_allclose(Z.var(), squares.var() / 2 + (C**2).sum())


def test_the_finite_sample_interval_of_a_summary_is_that_of_its_mean_and_sample_variance():
    summary = summarise_pairs(Functional.of(OFFSETS, VECTORS))
    Z = (OFFSETS[::2] + OFFSETS[1::2] + ((VECTORS[::2] - VECTORS[1::2]) ** 2).sum(axis=1)) / 2
    expected = empirical_bernstein(Z.mean(), Z.var(ddof=1), 30, 1000.0, 0.9)
    np.testing.assert_allclose(bounded_interval(summary, 1000.0, 0.9), expected)
    assert bounded_interval(pairs_of(VECTORS[:2]), 1000.0, 0.9).is_vacuous
    with pytest.raises(ValueError, match="summary must be of a mean of numbers, got"):
        bounded_interval(SUMMARISE["variance"](EVERYTHING), 1000.0, 0.9)
    with pytest.raises(ValueError, match="summary must be of a mean of numbers, got"):
        bounded_interval(SUMMARISE["mean"](EVERYTHING), 1000.0, 0.9)


# --- the standard error of a variance -------------------------------------------------------------------------------


@pytest.mark.parametrize("population", [[0, 1], [0, 1, 5], [0, 0, 0, 3]])
def test_the_variance_of_a_sample_variance_is_that_of_the_kurtosis_formula(population):
    """From all samples, from the fourth moment, from the influence; and standard errors are right up to order 1/N."""
    values, N = np.array(population, dtype=float)[:, None], 6
    V, fourth = values.var(), ((values - values.mean()) ** 4).mean()
    exact = (fourth - V**2 * (N - 3) / (N - 1)) / N
    samples = [summarise_variance(values[list(picks)]) for picks in product(range(len(values)), repeat=N)]
    np.testing.assert_allclose(np.var([float(sample.value) for sample in samples]), exact)
    np.testing.assert_allclose(exact, ((values - values.mean()) ** 2).var() / N + 2 * V**2 / (N * (N - 1)))
    stated = np.mean([float(sample.standard_error) ** 2 for sample in samples])
    assert abs(stated - exact) < 3 * fourth / N**2


@pytest.mark.parametrize(
    ("law", "kurtosis"), [("normal", 3.0), ("uniform", 1.8), ("exponential", 9.0), ("laplace", 6.0)]
)
def test_the_standard_error_of_a_variance_knows_the_kurtosis(law, kurtosis, judge):
    """The relative variance N (s.e. / value)^2 tends to the kurtosis less 1; its own error comes from blocks."""
    vectors = getattr(np.random.default_rng(506), law)(size=(400, 2500, 1))
    blocks = np.array([kappa_of([summarise_variance(b)]) for b in vectors])
    whole = reduce(Summary.merge, map(summarise_variance, vectors))
    kappa = float(whole.count * (whole.standard_error / whole.value) ** 2)
    judge.agree(kappa, kurtosis - 1, blocks.std() / np.sqrt(len(blocks)))
    judge.disagree(kappa, kurtosis, blocks.std() / np.sqrt(len(blocks)))


def pairs_of(vectors):
    return summarise_pairs(Functional.of(vectors=vectors))


@pytest.mark.parametrize("summarise", [summarise_mean, summarise_variance, summarise_covariance, pairs_of])
def test_float32_replicates_with_a_large_mean_and_a_small_variance_lose_nothing(summarise):
    values = (1e4 + 1e-2 * np.random.default_rng(507).normal(size=(4096, 2))).astype(np.float32)
    own, wide = (
        reduce(Summary.merge, map(summarise, np.split(array, 8))) for array in (values, values.astype(np.float64))
    )
    assert own.value.dtype == own.standard_error.dtype == np.float64
    np.testing.assert_array_equal(own.value, wide.value)
    np.testing.assert_array_equal(own.standard_error, wide.standard_error)
    exact = values.astype(np.longdouble) - 10_000
    expected = {
        summarise_mean: 10_000 + exact.mean(axis=0),
        summarise_variance: exact.var(axis=0, ddof=1).sum(),
        summarise_covariance: np.cov(exact.astype(float).T),
        pairs_of: ((exact[::2] - exact[1::2]) ** 2).sum(axis=1).mean() / 2,
    }[summarise]
    np.testing.assert_allclose(own.value, np.asarray(expected, dtype=float), rtol=1e-9)
