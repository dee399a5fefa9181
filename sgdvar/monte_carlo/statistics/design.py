r"""Experiment design: how many replicates two error rates need, and what given replicates can detect.

A claimed value is compared with an estimate, and rejected where they are too far apart. A *false alarm* rejects a right
claim; a *miss* accepts one that is off by the discrepancy in question. The *relative variance* :math:`\kappa` of one
replicate is that of its influence relative to the squared value: ``replicates * relative_error**2`` of any estimate,
and :math:`E\lVert X - EX \rVert^4 / \operatorname{Var}(X)^2 - 1` for a variance, the kurtosis less 1 for one entry.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from sgdvar.monte_carlo.statistics.intervals import check_rate, upper_quantile
from sgdvar.scalars import check_count

__all__ = ["detectable_deviation", "detectable_discrepancy", "replicates_needed"]

_MOST = 2**1000  # replicates: far beyond any, and still a float


def detectable_deviation(false_alarm_rate: float, miss_rate: float, comparisons: int = 1) -> float:
    r"""The smallest deviation that a family of two-sided tests catches, in standard errors.

    .. math:: z_{1 - \alpha/(2K)} + z_{1 - \beta}

    Tests are Bonferroni corrected, so that :math:`\alpha` bounds the chance of any false alarm among all K; both rates
    are nominal: they hold as far as the estimates are normal.

    Args:
        false_alarm_rate: :math:`\alpha`, for the whole family.
        miss_rate: :math:`\beta`, the chance of missing one given deviation of that size.
        comparisons: K.

    Raises:
        TypeError: ``comparisons`` is no integer.
        ValueError: A rate outside (0, 1), or no comparison.

    Examples:
        >>> round(detectable_deviation(0.05, 0.2), 3)
        2.802
    """
    check_count(comparisons, "comparisons", least=1)
    threshold = upper_quantile(check_rate(false_alarm_rate, "false_alarm_rate") / (2 * comparisons))
    return threshold + upper_quantile(check_rate(miss_rate, "miss_rate"))


def replicates_needed(
    discrepancy: float,
    relative_variance: float | None = None,
    *,
    false_alarm_rate: float = 1e-6,
    miss_rate: float = 1e-3,
    comparisons: int = 1,
    relative_range: float | None = None,
    paired: bool = False,
) -> int:
    r"""The replicates with which a wrong value is caught at both error rates.

    .. math:: N = \kappa \left( \frac{z_{1-\alpha/(2K)} + z_{1-\beta}}{\delta} \right)^2

    where the claim is rejected beyond :math:`z_{1-\alpha/(2K)}` standard errors. With ``relative_range`` the claim is
    rejected outside the interval ``empirical_bernstein`` at the level :math:`1 - \alpha/K`, and N is the least number
    of observations with

    .. math:: \left( \sqrt{\kappa} + \rho \sqrt{\tfrac{2 m}{N - 1}} \right) \sqrt{\tfrac{2 a}{N}}
        + \tfrac{7 \rho a}{3 (N - 1)} + \sqrt{\tfrac{2 \kappa m}{N}} + \tfrac{\rho m}{3 N} \le \delta,
        \qquad a = \ln\tfrac{4K}{\alpha},\ m = \ln\tfrac2\beta

    whose terms bound the half-width of the interval and the error of the estimate, each with probability
    :math:`1 - \beta/2`.

    Assumes:
        Replicates are independent; :math:`\kappa` and :math:`\rho` are right or too large.
    Guarantees:
        Without ``relative_range`` both rates are nominal: they hold as far as the estimate is normal. With it they hold
        as they are.

    Args:
        discrepancy: :math:`\delta`, the least discrepancy to catch: (claim - value) relative to the true value.
        relative_variance: :math:`\kappa` of one replicate, ``Estimate.relative_variance`` of a pilot: for ``verify``,
            which judges plain trajectories, of one with ``conditional=False``. None, with ``relative_range`` only, for
            the largest that observations between 0 and :math:`\rho` can have, :math:`\rho - 1`.
        false_alarm_rate: :math:`\alpha`, for all comparisons together.
        miss_rate: :math:`\beta`, the chance of missing one discrepancy of that size.
        comparisons: K.
        relative_range: :math:`\rho`, what no observation exceeds relative to the true value; observations are at least
            0. None for the normal approximation.
        paired: Whether an observation is a pair of replicates, half the squared distance of the two, as in a
            finite-sample interval for a variance. Its relative variance is at most :math:`\kappa/2 + 1`.

    Returns:
        The number of replicates, two for each pair; at least two observations.

    Raises:
        TypeError: ``comparisons`` is no integer.
        ValueError: A discrepancy that is not positive or that no number of replicates can show, a rate outside (0, 1),
            a negative or infinite relative variance, a relative range below 1; ``paired`` without ``relative_range``.

    Examples:
        >>> replicates_needed(0.01, 2.0, false_alarm_rate=0.05, miss_rate=0.2)  # a variance of normal gradients
        156978
        >>> replicates_needed(0.01, 2.0, false_alarm_rate=0.05, miss_rate=0.2, relative_range=10, paired=True)
        1111304

    References:
        Maurer and Pontil, Empirical Bernstein bounds and sample variance penalization, COLT 2009, Theorems 4 and 10.
    """
    if not discrepancy > 0:
        raise ValueError(f"discrepancy must be positive, got {discrepancy}")
    shown = _shown(relative_variance, false_alarm_rate, miss_rate, comparisons, relative_range, paired)
    high = 2
    while shown(high) > discrepancy:
        high *= 2
        if high > _MOST:
            raise ValueError(f"discrepancy must be one that some number of replicates can show, got {discrepancy}")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if shown(middle) <= discrepancy else (middle, high)
    return 2 * high if paired else high


def detectable_discrepancy(
    replicates: int,
    relative_variance: float | None = None,
    *,
    false_alarm_rate: float = 1e-6,
    miss_rate: float = 1e-3,
    comparisons: int = 1,
    relative_range: float | None = None,
    paired: bool = False,
) -> float:
    r"""The least discrepancy that given replicates catch at both error rates; the inverse of ``replicates_needed``.

    .. math:: \delta = (z_{1-\alpha/(2K)} + z_{1-\beta}) \sqrt{\kappa / N}

    or, with ``relative_range``, the left side of the inequality there.

    Assumes:
        As ``replicates_needed``.
    Guarantees:
        As ``replicates_needed``: nominal rates without ``relative_range``; with it, rates that hold as they are.

    Args:
        replicates: N, at least 2; at least 4 where observations are pairs.
        relative_variance: As for ``replicates_needed``.
        false_alarm_rate: As for ``replicates_needed``.
        miss_rate: As for ``replicates_needed``.
        comparisons: As for ``replicates_needed``.
        relative_range: As for ``replicates_needed``.
        paired: As for ``replicates_needed``.

    Returns:
        Relative to the true value.

    Raises:
        TypeError: ``replicates`` or ``comparisons`` is no integer.
        ValueError: Too few replicates; otherwise as for ``replicates_needed``.

    Examples:
        >>> round(detectable_discrepancy(156_978, 2.0, false_alarm_rate=0.05, miss_rate=0.2), 6)
        0.01
    """
    shown = _shown(relative_variance, false_alarm_rate, miss_rate, comparisons, relative_range, paired)
    count = check_count(replicates, "replicates", least=4 if paired else 2)
    return shown(count // 2 if paired else count)


def _shown(
    relative_variance: float | None,
    false_alarm_rate: float,
    miss_rate: float,
    comparisons: int,
    relative_range: float | None,
    paired: bool,
) -> Callable[[int], float]:
    """The discrepancy that a number of observations shows; checks the arguments."""
    deviation = detectable_deviation(false_alarm_rate, miss_rate, comparisons)
    if relative_variance is not None and np.ndim(relative_variance):
        raise ValueError(
            f"relative_variance must be one number, got an array of shape {np.shape(relative_variance)}; take the "
            "largest, max(estimate.relative_variance)"
        )
    if relative_variance is not None and not 0 <= relative_variance < math.inf:
        raise ValueError(
            f"relative_variance must be at least 0 and finite, got {relative_variance}; a value of 0 has none"
        )
    if relative_range is None:
        if paired:
            raise ValueError("relative_range must be given for paired replicates, got None")
        if relative_variance is None:
            raise ValueError("one of relative_variance and relative_range must be given, got neither")
        error = math.sqrt(relative_variance)
        return lambda count: deviation * error / math.sqrt(count)
    if not 1 <= relative_range < math.inf:
        raise ValueError(
            f"relative_range must be at least 1 and finite, as no mean exceeds its range, got {relative_range}"
        )
    variance = relative_range - 1
    if relative_variance is not None:
        variance = min(variance, relative_variance / 2 + 1 if paired else relative_variance)
    alarm, miss = math.log(4 * comparisons) - math.log(false_alarm_rate), math.log(2) - math.log(miss_rate)
    return lambda count: _guaranteed(count, math.sqrt(variance), relative_range, alarm, miss)


def _guaranteed(count: int, deviation: float, span: float, alarm: float, miss: float) -> float:
    """A half-width of the interval and an error of the mean, neither of which is exceeded with probability 1 - beta."""
    sample_deviation = deviation + span * math.sqrt(2 * miss / (count - 1))
    half_width = sample_deviation * math.sqrt(2 * alarm / count) + 7 * span * alarm / (3 * (count - 1))
    return half_width + deviation * math.sqrt(2 * miss / count) + span * miss / (3 * count)
