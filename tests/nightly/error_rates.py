"""The error rates that are stated, counted over many seeds. Run by ``make nightly``, not with the other tests.

A count of events of rate at most r stays at or below its bound but for a chance of 1e-9. Rates that rest on normality
are nominal: they are given the slack that stands beside each.
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from scipy.stats import binom

import sgdvar as sv

SEEDS = 1000
CHANCE = 1e-9
STEP, B = 2, 2

DATA = sv.Dataset(X=[[1, 0], [1, 2], [0, 1], [2, 1]], y=[1, 0, 2, 1])
REGRESSION = sv.SGD(sv.LinearRegression(DATA), start=[0, 0], step_size=Fraction(1, 4))
REPLACED = sv.SGD(REGRESSION.problem, [0, 0], Fraction(1, 4), sv.WithReplacement())
NETWORK = sv.SGD(sv.DeepLinearNetwork(DATA), [[[1, 0], [0, 1]], [[1, 1]]], Fraction(1, 16))
PROCESSES = {"without replacement": REGRESSION, "with replacement": REPLACED, "network": NETWORK}


def at_most(rate: float, count: int = SEEDS) -> int:
    """What a number of events of this rate exceeds with a chance of 1e-9 only."""
    return int(binom.isf(CHANCE, count, rate))


@pytest.mark.parametrize("name", PROCESSES)
def test_a_right_formula_is_refuted_as_rarely_as_stated(name):
    sgd, rate = PROCESSES[name], 0.05
    options = {"replicates": 4000, "false_alarm_rate": rate}
    found = [sv.verify(sgd, [0, 1, STEP], [1, 2, 3], seed=seed, **options).verdict.status for seed in range(SEEDS)]
    assert found.count("refuted") <= at_most(rate + 0.01)
    assert found.count("agreed") >= SEEDS - at_most(rate + 0.02)


SKEWED = pytest.mark.xfail(
    reason="at a skewness of 7 a claim that is a tenth too large was missed 138 times in 1000 where 50 were planned, "
    "one that is a tenth too small less often: probably because replicates_needed knows no skewness, unlike verify"
)


@pytest.mark.parametrize("name", [*list(PROCESSES)[:2], pytest.param("network", marks=SKEWED)])
def test_a_wrong_formula_is_missed_as_rarely_as_planned(name):
    sgd, discrepancy = PROCESSES[name], 0.1
    rates = {"false_alarm_rate": 0.01, "miss_rate": 0.05}
    V = sv.gradient_variance(sgd, STEP)
    pilot = sv.estimate_gradient_variance(sgd, STEP, [B], replicates=100_000, conditional=False, seed=SEEDS)
    replicates = sv.replicates_needed(discrepancy, float(pilot.relative_variance[0]), **rates)
    found = [
        sv.verify(
            sgd, [STEP], [B], formula=lambda t, b: 1.1 * float(V(b)), replicates=replicates, seed=seed, **rates
        ).verdict.status
        for seed in range(SEEDS)
    ]
    assert SEEDS - found.count("refuted") <= at_most(rates["miss_rate"] + 0.01)


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("name", PROCESSES)
def test_intervals_cover_as_often_as_their_level_says(name, conditional):
    sgd, level, covered = PROCESSES[name], 0.95, {"asymptotic": 0, "finite-sample": 0}
    exact = float(sv.gradient_variance(sgd, STEP)(B))
    for seed in range(SEEDS):
        estimate = sv.estimate_gradient_variance(sgd, STEP, [B], replicates=2000, conditional=conditional, seed=seed)
        for method in covered:
            low, high = estimate.interval(level, method)
            covered[method] += bool(low[0] <= exact <= high[0])
    missed = SEEDS - covered["asymptotic"]
    assert missed <= at_most(1 - level + 0.01)
    assert covered["asymptotic"] <= at_most(level + 0.02)  # nor are they far too wide
    assert SEEDS - covered["finite-sample"] <= at_most(1 - level)
