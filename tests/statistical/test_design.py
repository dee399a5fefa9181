"""The replicates that two error rates need keep both, nominally or as they are, and no fewer would be promised."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sgdvar.monte_carlo.statistics.design import detectable_deviation, detectable_discrepancy, replicates_needed
from sgdvar.monte_carlo.statistics.intervals import empirical_bernstein

RATES = {"false_alarm_rate": 0.05, "miss_rate": 0.1}
DESIGNS = {
    "normal": {"relative_variance": 2.0},
    "normal, for 7": {"relative_variance": 3.0, "comparisons": 7},
    "bounded": {"relative_variance": 2.0, "relative_range": 10.0},
    "bounded, any variance": {"relative_range": 10.0},
    "bounded pairs, for 7": {"relative_variance": 2.0, "relative_range": 50.0, "paired": True, "comparisons": 7},
}


def test_detectable_deviations_are_sums_of_normal_quantiles():
    expected = stats.norm.isf(1e-6 / 80) + stats.norm.isf(1e-3)
    np.testing.assert_allclose(detectable_deviation(1e-6, 1e-3, 40), expected)


@pytest.mark.parametrize("design", DESIGNS.values(), ids=DESIGNS)
@pytest.mark.parametrize("discrepancy", [0.5, 0.03, 1e-5])
def test_the_replicates_needed_are_the_fewest_that_detect_the_discrepancy(design, discrepancy):
    replicates, one = replicates_needed(discrepancy, **design, **RATES), 2 if design.get("paired") else 1
    assert detectable_discrepancy(replicates, **design, **RATES) <= discrepancy
    assert detectable_discrepancy(replicates - one, **design, **RATES) > discrepancy


def test_the_normal_design_is_the_textbook_formula():
    reach = stats.norm.isf(0.05 / 14) + stats.norm.isf(0.1)
    assert replicates_needed(0.25, 3.0, comparisons=7, **RATES) == np.ceil(3.0 * (reach / 0.25) ** 2)
    np.testing.assert_allclose(detectable_discrepancy(90, 3.0, comparisons=7, **RATES), reach * np.sqrt(3.0 / 90))


def test_the_finite_sample_design_adds_the_interval_to_the_error_of_the_estimate():
    N, span, kappa, miss = 500, 10.0, 2.0, np.log(2 / 0.1)
    sample_deviation = np.sqrt(kappa) + span * np.sqrt(2 * miss / (N - 1))
    interval = empirical_bernstein(5.0, sample_deviation**2, N, span, 1 - 0.05 / 7)
    bernstein = np.sqrt(2 * kappa * miss / N) + span * miss / (3 * N)
    found = detectable_discrepancy(N, kappa, relative_range=span, comparisons=7, **RATES)
    np.testing.assert_allclose(found, (interval.upper - interval.lower) / 2 + bernstein)


def test_a_large_discrepancy_still_needs_two_observations():
    assert replicates_needed(1e9, 1.0, **RATES) == 2
    assert replicates_needed(1e9, 0.0, **RATES) == 2
    assert replicates_needed(1e9, relative_range=1.0, **RATES) == 2
    assert replicates_needed(1e9, relative_range=1.0, paired=True, **RATES) == 4


def test_a_guarantee_costs_replicates_and_more_for_a_wider_range_or_an_unknown_variance():
    nominal = replicates_needed(0.05, 2.0, **RATES)
    tight, wide = (replicates_needed(0.05, 2.0, relative_range=span, **RATES) for span in (10, 1000))
    unknown = replicates_needed(0.05, relative_range=10, **RATES)
    assert nominal < tight < wide
    assert tight < unknown
    assert unknown == replicates_needed(0.05, 9.0, relative_range=10, **RATES)
    assert unknown == replicates_needed(0.05, 900.0, relative_range=10, **RATES)  # more than the range allows


def test_a_pair_has_half_the_relative_variance_of_a_replicate_and_one_more():
    pairs = replicates_needed(0.05, 5.0 / 2 + 1, relative_range=100, **RATES)
    assert replicates_needed(0.05, 5.0, relative_range=100, paired=True, **RATES) == 2 * pairs
    assert detectable_discrepancy(2 * pairs + 1, 5.0, relative_range=100, paired=True, **RATES) == (
        detectable_discrepancy(pairs, 3.5, relative_range=100, **RATES)
    )


def test_the_normal_design_keeps_both_rates_for_a_sample_variance(judge):
    trials, discrepancy = 4000, 0.1
    N = replicates_needed(discrepancy, 2.0, **RATES)
    variances = np.random.default_rng(511).chisquare(N - 1, size=trials) / (N - 1)
    errors = variances * np.sqrt(2 / N)
    alarms, misses = (
        int((np.abs(variances - claim) > stats.norm.isf(0.025) * errors).sum()) for claim in (1, 1 + discrepancy)
    )
    misses = trials - misses
    for count, rate in ((alarms, 0.05), (misses, 0.1)):
        judge.at_most(count, trials, 1.3 * rate)  # nominal
        assert stats.binom.cdf(count, trials, 0.7 * rate) > judge.share
    few = np.random.default_rng(512).chisquare(N // 2 - 1, size=trials) / (N // 2 - 1)
    missed = (np.abs(few - 1 - discrepancy) <= stats.norm.isf(0.025) * few * np.sqrt(4 / N)).sum()
    assert stats.binom.sf(int(missed) - 1, trials, 0.2) < judge.share  # half as many replicates do not keep them


@pytest.mark.parametrize("chance", [0.5, 0.1])
def test_the_finite_sample_design_keeps_both_rates_for_bounded_replicates(chance, judge):
    """Two-point replicates with the mean 1 have the largest variance that their range allows."""
    trials, span, discrepancy = 2000, 1 / chance, 0.5
    N = replicates_needed(discrepancy, relative_range=span, **RATES)
    hits = np.random.default_rng(513).binomial(N, chance, size=trials)
    alarms = misses = 0
    for share in hits / N:
        interval = empirical_bernstein(
            span * share, span**2 * share * (1 - share) * N / (N - 1), N, 2 * span, 1 - RATES["false_alarm_rate"]
        )
        alarms += not interval.lower <= 1 <= interval.upper
        misses += interval.lower <= 1 + discrepancy <= interval.upper
    judge.at_most(alarms, trials, RATES["false_alarm_rate"])
    judge.at_most(misses, trials, RATES["miss_rate"])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"false_alarm_rate": 0.0}, ValueError, "false_alarm_rate must satisfy 0 < false_alarm_rate < 1, got 0.0"),
        ({"miss_rate": 1.0}, ValueError, "miss_rate must satisfy 0 < miss_rate < 1, got 1.0"),
        ({"comparisons": 0}, ValueError, "comparisons must be at least 1, got 0"),
        ({"comparisons": 1.5}, TypeError, "comparisons must be an integer, got 1.5 of type float"),
        ({"relative_variance": np.inf}, ValueError, "relative_variance must be at least 0 and finite, got inf"),
        ({"relative_variance": -1.0}, ValueError, "relative_variance must be at least 0 and finite, got -1.0"),
        ({"relative_variance": np.nan}, ValueError, "relative_variance must be at least 0 and finite, got nan"),
        ({"relative_variance": None}, ValueError, "one of relative_variance and relative_range must be given"),
        (
            {"relative_range": 0.5},
            ValueError,
            "relative_range must be at least 1 and finite, as no mean exceeds its range",
        ),
        ({"relative_range": np.inf}, ValueError, "relative_range must be at least 1 and finite, .* got inf"),
        ({"paired": True}, ValueError, "relative_range must be given for paired replicates, got None"),
    ],
)
def test_bad_designs_are_refused(arguments, error, message):
    arguments = {"relative_variance": 1.0} | arguments
    with pytest.raises(error, match=message):
        replicates_needed(0.1, **arguments)
    with pytest.raises(error, match=message):
        detectable_discrepancy(100, **arguments)


@pytest.mark.parametrize("discrepancy", [0, -1.0, np.nan])
def test_a_discrepancy_that_is_none_is_refused(discrepancy):
    with pytest.raises(ValueError, match=f"discrepancy must be positive, got {discrepancy}"):
        replicates_needed(discrepancy, 1.0)


def test_a_discrepancy_beyond_any_number_of_replicates_is_refused():
    for arguments in ({"relative_variance": 1.0}, {"relative_range": 2.0}):
        with pytest.raises(ValueError, match="discrepancy must be one that some number of replicates can show"):
            replicates_needed(1e-300, **arguments)


def test_too_few_replicates_for_a_design_are_refused():
    with pytest.raises(ValueError, match="replicates must be at least 2, got 1"):
        detectable_discrepancy(1, 1.0)
    with pytest.raises(ValueError, match="replicates must be at least 4, got 3"):
        detectable_discrepancy(3, 1.0, relative_range=2.0, paired=True)
