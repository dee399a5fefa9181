"""Intervals cover at their level: nominally by the normal approximation, and whatever happens by Bernstein's."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from scipy import stats

from sgdvar.monte_carlo.statistics.intervals import (
    BoundedInterval,
    check_rate,
    empirical_bernstein,
    normal_deviation,
    normal_interval,
    normal_quantile,
    tail_warning,
)
from sgdvar.monte_carlo.statistics.summaries import Functional, bounded_interval, summarise_pairs, summarise_variance

SEEDS, LEVEL = 1000, 0.95
LAWS = {  # of numbers from 0 to 1, with their variances
    "uniform": (lambda rng, size: rng.random(size), 1 / 12),
    "fourth powers": (lambda rng, size: rng.random(size) ** 4, 1 / 9 - 1 / 25),
    "one in fifty": (lambda rng, size: (rng.random(size) < 0.02).astype(float), 0.02 * 0.98),
}


# --- the normal approximation ---------------------------------------------------------------------------------------


def test_quantiles_are_those_of_the_normal_distribution():
    np.testing.assert_allclose(normal_quantile(0.95), stats.norm.ppf(0.975))


def test_a_normal_interval_is_the_value_and_as_many_standard_errors_as_the_quantile_says():
    lower, upper = normal_interval(np.array([1.0, 2.0]), np.array([0.5, 0.0]), 0.9)
    np.testing.assert_allclose(lower, [1 - 0.5 * stats.norm.ppf(0.95), 2])
    np.testing.assert_allclose(upper, [1 + 0.5 * stats.norm.ppf(0.95), 2])
    with pytest.raises(ValueError, match="level must satisfy 0 < level < 1, got 1"):
        normal_interval(np.ones(1), np.ones(1), 1)


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


@pytest.mark.parametrize("value", [0, 1, -0.5, math.nan])
def test_a_rate_outside_its_range_is_refused(value):
    with pytest.raises(ValueError, match=f"level must satisfy 0 < level < 1, got {value}"):
        check_rate(value, "level")


# --- heavy tails ----------------------------------------------------------------------------------------------------


def test_a_standard_error_that_one_replicate_decides_comes_with_a_warning():
    assert "one of 5,000 replicates carries 5.1 % of the sum of squares" in tail_warning(0.051, 0.1, 5000)
    assert tail_warning(0.05, 0.1, 5000) == ""


def test_a_value_without_error_needs_no_warning():
    assert tail_warning(0.5, 0.0, 2) == tail_warning(0.5, 1e-13, 2) == ""


# --- the empirical Bernstein bound ----------------------------------------------------------------------------------


def test_the_empirical_bernstein_interval_has_the_constants_of_the_theorem():
    interval = empirical_bernstein(3.0, 0.5, 400, upper_bound=10.0, level=0.9)
    log = math.log(2 / 0.05)  # each side errs with probability 0.05
    reach = math.sqrt(2 * 0.5 * log / 400) + 7 * 10 * log / (3 * 399)
    np.testing.assert_allclose(interval, (3 - reach, 3 + reach, 10))
    assert interval.excludes_zero
    assert not interval.is_vacuous


def test_an_interval_is_cut_to_what_is_possible_and_says_when_nothing_is_left():
    assert empirical_bernstein(0.5, 0.0, 2, 1.0, 0.95) == BoundedInterval(0.0, 1.0, 1.0)
    assert empirical_bernstein(0.5, 0.0, 2, 1.0, 0.95).is_vacuous
    assert empirical_bernstein(0.5, 0.0, 1, 1.0, 0.95).is_vacuous
    assert empirical_bernstein(0.5, 1.0, 10**9, math.inf, 0.95) == BoundedInterval(0.0, math.inf, math.inf)
    assert empirical_bernstein(0.5, 1.0, 10**9, math.inf, 0.95).is_vacuous
    below = empirical_bernstein(0.01, 0.0, 100, 1.0, 0.95)
    assert below.lower == 0 < below.upper < 1
    assert not below.is_vacuous
    assert not below.excludes_zero
    assert empirical_bernstein(0.0, 0.0, 2, 0.0, 0.95) == BoundedInterval(0.0, 0.0, 0.0)
    assert not empirical_bernstein(0.0, 0.0, 2, 0.0, 0.95).is_vacuous


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.5, 0.1, 10, 1.0, 0.95), "mean must be between 0 and upper_bound = 1.0, got 1.5"),
        ((-0.1, 0.1, 10, 1.0, 0.95), "mean must be between 0 and upper_bound = 1.0, got -0.1"),
        ((math.nan, 0.1, 10, 1.0, 0.95), "mean must be between 0 and upper_bound = 1.0, got nan"),
        ((0.5, 0.1, 10, math.nan, 0.95), "mean must be between 0 and upper_bound = nan, got 0.5"),
        ((0.5, -0.1, 10, 1.0, 0.95), "sample_variance must be at least 0, got -0.1"),
        ((0.5, 0.1, -1, 1.0, 0.95), "count must be at least 0, got -1"),
        ((0.5, 0.1, 10, 1.0, 0.0), "level must satisfy 0 < level < 1, got 0.0"),
    ],
)
def test_what_no_bounded_replicates_can_give_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        empirical_bernstein(*arguments)


@cache
def coverage(law, replicates):
    """How often two intervals for the variance miss it, and the seeds at which the second is vacuous."""
    draw, variance = LAWS[law]
    nominal = guaranteed = vacuous = 0
    for seed in range(SEEDS):
        values = draw(np.random.default_rng([521, seed]), (replicates, 1))
        summary, pairs = summarise_variance(values), summarise_pairs(Functional.of(vectors=values))
        lower, upper = normal_interval(summary.value, summary.standard_error, LEVEL)
        nominal += not lower <= variance <= upper
        interval = bounded_interval(pairs, 0.5, LEVEL)
        guaranteed += not interval.lower <= variance <= interval.upper
        vacuous += interval.is_vacuous
    return nominal, guaranteed, vacuous


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("replicates", [50, 400])
def test_finite_sample_intervals_for_a_variance_cover_at_their_level_and_are_not_vacuous(law, replicates, judge):
    _, misses, vacuous = coverage(law, replicates)
    judge.at_most(misses, SEEDS, 1 - LEVEL)
    assert vacuous == 0


def test_asymptotic_intervals_for_a_variance_cover_at_their_level_where_it_is_normal(judge):
    misses, *_ = coverage("uniform", 400)
    judge.at_most(misses, SEEDS, 1.5 * (1 - LEVEL))
    assert stats.binom.cdf(misses, SEEDS, 0.5 * (1 - LEVEL)) > judge.share


def test_asymptotic_intervals_are_nominal_only(judge):
    """Where a sample is likely to lack what is rare they miss far more often than they say."""
    misses, *_ = coverage("one in fifty", 50)
    assert stats.binom.sf(misses - 1, SEEDS, 4 * (1 - LEVEL)) < judge.share


def test_each_side_of_the_interval_errs_with_no_more_than_its_share(judge):
    """Without the second term, or with the logarithm of one side alone, rare replicates would break the level."""
    trials, count, chance = 20_000, 200, 0.0125
    hits = np.random.default_rng(522).binomial(count, chance, size=trials)
    below, without = 0, 0
    for share in hits / count:
        variance = share * (1 - share) * count / (count - 1)
        below += empirical_bernstein(share, variance, count, 1.0, LEVEL).upper < chance
        without += share + math.sqrt(2 * variance * math.log(4 / (1 - LEVEL)) / count) < chance
    judge.at_most(below, trials, (1 - LEVEL) / 2)
    assert stats.binom.sf(without - 1, trials, (1 - LEVEL) / 2) < judge.share
