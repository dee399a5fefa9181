r"""Confidence intervals: by the normal approximation, and at a level that holds for every number of replicates.

The first are *nominal*: they hold as far as the estimate is normal and its standard error right. The second need
replicates between 0 and a provable bound, and nothing else.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from scipy.special import ndtri

from sgdvar.scalars import Array, check_count, is_real

__all__ = [
    "LARGEST_SHARE",
    "BoundedInterval",
    "check_rate",
    "empirical_bernstein",
    "normal_deviation",
    "normal_interval",
    "normal_quantile",
    "tail_warning",
    "upper_quantile",
]

LARGEST_SHARE = 0.05  # of one replicate in the sum of squares behind a standard error; above, it decides nothing
_ROUNDING = 1e-12  # of a value; standard errors below are none


class BoundedInterval(NamedTuple):
    """A confidence interval for the mean of variables between 0 and ``upper_bound``.

    Attributes:
        lower: At least 0.
        upper: At most ``upper_bound``.
        upper_bound: What no variable exceeds; infinite where none is known.
    """

    lower: float
    upper: float
    upper_bound: float

    @property
    def is_vacuous(self) -> bool:
        """Whether the interval says no more than that the mean is between 0 and ``upper_bound``."""
        return self.lower <= 0 and self.upper >= self.upper_bound > 0

    @property
    def excludes_zero(self) -> bool:
        """Whether the mean is told from 0; where not, the interval is an upper bound only."""
        return self.lower > 0


def check_rate(value: float, name: str) -> float:
    """An error rate or level as a float strictly between 0 and 1.

    Raises:
        TypeError: It is no number.
        ValueError: It is not.
    """
    if not is_real(value):
        raise TypeError(f"{name} must be a number between 0 and 1, got {value!r}")
    if not 0 < value < 1:
        raise ValueError(f"{name} must satisfy 0 < {name} < 1, got {value}")
    return float(value)


# --- nominal --------------------------------------------------------------------------------------------------------


def normal_interval(value: Array, standard_error: Array, level: float) -> tuple[Array, Array]:
    """Confidence intervals by the normal approximation, entry by entry; the level is nominal.

    Raises:
        ValueError: ``level`` is not strictly between 0 and 1.
    """
    reach = normal_quantile(check_rate(level, "level")) * standard_error
    return value - reach, value + reach


def normal_quantile(level: float) -> float:
    """The z with which value +- z standard errors covers at a level, by the normal approximation."""
    return upper_quantile((1 - level) / 2)


def upper_quantile(tail: float) -> float:
    """The z that a standard normal variable exceeds with this probability; accurate for tiny ones."""
    return float(-ndtri(tail))


def normal_deviation(deviation: float, skewness: float, count: int) -> float:
    r"""A deviation in standard errors T, corrected for the skewness of q so that it is closer to standard normal.

    .. math:: \frac{(1 + a T/3)^3 - 1}{a} + \frac a6, \qquad a = \gamma / \sqrt N

    Variances that are estimated too low come with standard errors that are too low, so T alone has a heavy lower tail.

    Args:
        deviation: T.
        skewness: :math:`\gamma`, the skewness of q.
        count: The number of replicates N.

    Returns:
        An increasing function of T.

    References:
        Hall, On the removal of skewness by transformation, J. R. Stat. Soc. B 54 (1992) 221-228.
    """
    a = skewness / math.sqrt(count)
    x = a * deviation / 3
    return deviation * (1 + x + x * x / 3) + a / 6


def tail_warning(largest_share: float, relative_error: float, replicates: int) -> str:
    r"""Why a standard error is not to be trusted; "" where one replicate carries no more than 5 % of what is behind it.

    Args:
        largest_share: The share of one replicate in the sum of squares behind the standard error: for a variance, in
            the fourth moment.
        relative_error: The standard error relative to the value; up to rounding errors there is nothing to trust.
        replicates: N.

    Examples:
        >>> print(tail_warning(0.3, relative_error=0.1, replicates=1000))  # doctest: +NORMALIZE_WHITESPACE
        one of 1,000 replicates carries 30 % of the sum of squares behind the standard error, more than 5 %: rare
        replicates decide it, and it may be far too small; give more replicates
    """
    if relative_error <= _ROUNDING or largest_share <= LARGEST_SHARE:
        return ""
    return (
        f"one of {replicates:,} replicates carries {100 * largest_share:.2g} % of the sum of squares behind the "
        f"standard error, more than {100 * LARGEST_SHARE:g} %: rare replicates decide it, and it may be far too small; "
        "give more replicates"
    )


# --- guaranteed -----------------------------------------------------------------------------------------------------


def empirical_bernstein(
    mean: float, sample_variance: float, count: int, upper_bound: float, level: float
) -> BoundedInterval:
    r"""A confidence interval for the mean of variables in [0, B], which holds for every number of them.

    .. math:: \bar Z \pm \left( \sqrt{\frac{2 S^2 \ln(4/\delta)}{N}} + \frac{7 B \ln(4/\delta)}{3 (N - 1)} \right),
        \qquad \delta = 1 - \text{level}

    cut to [0, B]. Each side errs with a probability of at most :math:`\delta/2`.

    Assumes:
        The N variables are independent with the same mean, and none is below 0 or above B.
    Guarantees:
        The interval holds the mean with at least the probability ``level``, whatever the distribution and N.

    Args:
        mean: :math:`\bar Z`.
        sample_variance: :math:`S^2`, with divisor N - 1.
        count: N; an interval from fewer than two is vacuous.
        upper_bound: B; infinite where no bound is known, which makes the interval vacuous.
        level: The chance of covering.

    Returns:
        The interval, which knows whether it is vacuous.

    Raises:
        TypeError: ``count`` is no integer.
        ValueError: A level outside (0, 1), a negative sample variance, or a mean outside [0, B]: B is no bound.

    Examples:
        >>> interval = empirical_bernstein(0.25, 0.01, 1000, upper_bound=1.0, level=0.95)
        >>> round(interval.lower, 3), round(interval.upper, 3), interval.is_vacuous
        (0.23, 0.27, False)
        >>> empirical_bernstein(0.25, 0.01, 5, upper_bound=1.0, level=0.95).is_vacuous
        True

    References:
        Maurer and Pontil, Empirical Bernstein bounds and sample variance penalization, COLT 2009, Theorem 4.
    """
    check_count(count, "count")
    one_sided = (1 - check_rate(level, "level")) / 2
    if not 0 <= mean <= upper_bound:
        raise ValueError(f"mean must be between 0 and upper_bound = {upper_bound}, got {mean}")
    if not sample_variance >= 0 and count > 1:
        raise ValueError(f"sample_variance must be at least 0, got {sample_variance}")
    if count < 2 or math.isinf(upper_bound):
        return BoundedInterval(0.0, float(upper_bound), float(upper_bound))
    log = math.log(2 / one_sided)
    reach = math.sqrt(2 * sample_variance * log / count) + 7 * upper_bound * log / (3 * (count - 1))
    return BoundedInterval(max(0.0, mean - reach), min(float(upper_bound), mean + reach), float(upper_bound))
