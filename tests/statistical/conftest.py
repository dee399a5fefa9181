"""One family-wise false-alarm budget for all statistical tests, and replicates computed from error rates."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import sgdvar as sv
from sgdvar.monte_carlo.statistics.design import replicates_needed
from sgdvar.monte_carlo.statistics.intervals import normal_quantile

FALSE_ALARM_RATE = 1e-9  # for all statistical tests together
COMPARISONS = 10_000  # over which it is divided; the judge counts them
MISS_RATE = 1e-3


@dataclass
class Judge:
    """Decides every statistical comparison at its share of the budget."""

    spent: Path  # a file of one byte per comparison, to which all processes of the run append

    @property
    def share(self) -> float:
        return FALSE_ALARM_RATE / COMPARISONS

    def _spend(self, comparisons: int) -> None:
        with self.spent.open("ab") as file:
            file.write(bytes(comparisons))
        assert self.spent.stat().st_size <= COMPARISONS, "the false-alarm budget is spent: raise COMPARISONS"

    def deviations(self, values, expected, standard_errors) -> np.ndarray:
        """Deviations in standard errors; where there is no standard error the values must agree up to rounding."""
        values, expected, errors = np.broadcast_arrays(*map(np.asarray, (values, expected, standard_errors)))
        self._spend(values.size)
        sure = errors <= 1e-12 * (1 + np.abs(expected))
        np.testing.assert_allclose(values[sure], expected[sure], rtol=1e-9, atol=1e-12)
        return np.divide(values - expected, errors, out=np.zeros(values.shape), where=~sure)

    def agree(self, values, expected, standard_errors) -> None:
        """Asserts that estimates are within their standard errors of what is expected."""
        deviations = self.deviations(values, expected, standard_errors)
        assert np.abs(deviations).max() <= normal_quantile(1 - self.share), f"off by {deviations} standard errors"

    def disagree(self, values, expected, standard_errors) -> None:
        """Asserts that at least one estimate is beyond chance from what a wrong formula expects."""
        deviations = self.deviations(values, expected, standard_errors)
        assert np.abs(deviations).max() > normal_quantile(1 - self.share), f"only {deviations} standard errors off"

    def uniform(self, counts) -> None:
        """Asserts that counts come from equally likely outcomes, by Pearson's chi-square."""
        self._spend(1)
        counts = np.asarray(counts)
        assert counts.sum() >= 20 * counts.size, "too few draws for the chi-square approximation"
        assert stats.chisquare(counts).pvalue > self.share, f"counts {counts}"

    def spread_is(self, values, standard_errors) -> None:
        """Asserts that normal estimates over seeds scatter as their standard errors say, by the chi-square bound."""
        self._spend(1)
        count = len(values)
        statistic = (count - 1) * np.var(values, ddof=1) / np.mean(np.square(standard_errors))
        low, high = stats.chi2(count - 1).ppf([self.share / 2, 1 - self.share / 2])
        assert low < statistic < high, f"{statistic / (count - 1)} times the stated squared standard error"

    def at_most(self, failures: int, trials: int, rate: float) -> None:
        """Asserts that failures of this rate or less are no surprise, by the binomial tail."""
        self._spend(1)
        assert stats.binom.sf(failures - 1, trials, rate) > self.share, f"{failures} of {trials} at a rate of {rate}"


@pytest.fixture(scope="session")
def judge(tmp_path_factory) -> Judge:
    folder = tmp_path_factory.getbasetemp()
    return Judge((folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "comparisons")


@pytest.fixture(scope="session")
def replicates_to_see(judge) -> Callable[..., int]:
    """The replicates with which a plain variance estimate shows a relative deviation at the suite's error rates."""

    def replicates(sgd: sv.SGD, step: int, batch_size: int, deviation: float) -> int:
        pilot = sv.estimate_gradient_variance(sgd, step, [batch_size], replicates=4096, seed=2**40, conditional=False)
        return replicates_needed(
            deviation,
            float(pilot.replicates[0] * pilot.relative_error[0] ** 2),
            false_alarm_rate=judge.share,
            miss_rate=MISS_RATE,
        )

    return replicates
