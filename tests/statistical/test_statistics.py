"""Streaming moments are what a textbook would compute at once, and error rates give the replicates they promise."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise, product

import numpy as np
import pytest
from scipy import stats

from sgdvar.monte_carlo.statistics import (
    Summary,
    detectable_deviation,
    normal_deviation,
    normal_quantile,
    relative_variance,
    replicates_to_detect,
    summarise_covariance,
    summarise_mean,
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
    summarise = {"mean": summarise_mean, "variance": summarise_variance, "covariance": summarise_covariance}[name]
    expected = population.mean() if name == "mean" else population.var()
    np.testing.assert_allclose(np.mean([summarise(sample).value for sample in samples]), expected)


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


@pytest.mark.parametrize("name", ["variance", "covariance"])
def test_centring_at_block_means_changes_a_standard_error_by_the_inverse_block_size(name):
    vectors = np.random.default_rng(1).normal(size=(8192, 3)) + 10
    summarise = {"variance": summarise_variance, "covariance": summarise_covariance}[name]
    whole = summarise(vectors)
    merged = reduce(Summary.merge, (summarise(block) for block in np.split(vectors, 8)))
    np.testing.assert_allclose(merged.standard_error, whole.standard_error, rtol=5 / 1024)
    np.testing.assert_allclose(merged.skewness, whole.skewness, atol=0.05)


def test_merging_does_not_cancel_for_a_small_variance_about_a_large_mean():
    vectors = 1e8 + np.random.default_rng(2).integers(-2, 3, size=(1000, 1)).astype(float)
    merged = reduce(Summary.merge, (summarise_variance(block) for block in np.split(vectors, 10)))
    np.testing.assert_allclose(merged.value, vectors.var(ddof=1), rtol=1e-9)


@pytest.mark.parametrize("summarise", [summarise_mean, summarise_variance, summarise_covariance])
def test_replicates_that_are_all_the_same_have_no_error_at_all(summarise):
    block = np.full((1000, 2), 0.1)
    summary = summarise(block).merge(summarise(block[:7]))
    assert not summary.standard_error.any()
    assert (summary.value == (0.1 if summarise is summarise_mean else 0)).all()


def test_the_jackknife_of_the_relative_variance_leaves_out_one_group_at_a_time():
    groups = [summarise_variance(block) for block in np.split(VECTORS, 6)]

    def kappa(members):
        summary = reduce(Summary.merge, members)
        return summary.count * (summary.standard_error / summary.value) ** 2

    without = np.array([kappa(groups[:i] + groups[i + 1 :]) for i in range(6)])
    value, error = relative_variance(groups)
    np.testing.assert_allclose(value, kappa(groups))
    np.testing.assert_allclose(error, np.sqrt(5 / 6 * ((without - without.mean()) ** 2).sum()))


def test_a_value_of_zero_has_no_relative_variance_unless_it_is_certain():
    assert relative_variance([summarise_mean(np.array([1.0, -1.0]))] * 3) == (np.inf, np.inf)
    assert relative_variance([summarise_mean(np.zeros(2))] * 3) == (0, 0)


def test_quantiles_and_detectable_deviations_are_those_of_the_normal_distribution():
    np.testing.assert_allclose(normal_quantile(0.95), stats.norm.ppf(0.975))
    expected = stats.norm.isf(1e-6 / 80) + stats.norm.isf(1e-3)
    np.testing.assert_allclose(detectable_deviation(1e-6, 1e-3, 40), expected)


def test_a_deviation_without_skewness_stays_what_it_is():
    assert normal_deviation(-5.5, 0.0, 100) == -5.5


def test_the_correction_for_skewness_is_halls_transformation():
    T, a = np.linspace(-8, 8, 33), 4 / np.sqrt(900)
    corrected = np.array([normal_deviation(t, 4.0, 900) for t in T])
    np.testing.assert_allclose(corrected, ((1 + a * T / 3) ** 3 - 1) / a + a / 6)
    assert (np.diff(corrected) > 0).all()


def test_the_correction_makes_tails_of_exponential_means_alike(judge):
    rng = np.random.default_rng(501)
    samples = rng.exponential(size=(20_000, 200))
    T = (samples.mean(axis=1) - 1) / (samples.std(axis=1, ddof=1) / np.sqrt(200))
    scores = np.array([normal_deviation(t, g, 200) for t, g in zip(T, stats.skew(samples, axis=1), strict=True)])
    nominal = stats.norm.sf(2.5)
    assert (T < -2.5).mean() > 2 * nominal  # uncorrected
    for tail in ((scores < -2.5).sum(), (scores > 2.5).sum()):
        judge.at_most(int(tail), len(scores), 1.5 * nominal)


def test_the_replicates_to_detect_a_deviation_detect_it():
    rates = {"false_alarm_rate": 1e-3, "miss_rate": 0.1, "comparisons": 7}
    replicates = replicates_to_detect(0.25, 3.0, **rates)
    reach = detectable_deviation(*rates.values())
    assert reach * np.sqrt(3.0 / replicates) <= 0.25 < reach * np.sqrt(3.0 / (replicates - 1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 0.1), "false_alarm_rate must satisfy 0 < false_alarm_rate < 1, got 0.0"),
        ((0.1, 1.0), "miss_rate must satisfy 0 < miss_rate < 1, got 1.0"),
        ((0.1, 0.1, 0), "comparisons must be at least 1, got 0"),
    ],
)
def test_rates_outside_their_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        detectable_deviation(*arguments)


def test_a_deviation_of_zero_cannot_be_detected():
    with pytest.raises(ValueError, match="deviation must be positive, got 0"):
        replicates_to_detect(0, 1.0, false_alarm_rate=0.1, miss_rate=0.1)
