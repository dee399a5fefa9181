r"""Streaming moments of replicates, standard errors, and the replicates that two error rates need; NumPy only.

Every estimate here is a smooth function of means over independent replicates, so its standard error is that of the mean
of its influence function q, one value (or array) per replicate:

==========================  ===================================================  ==================================
estimate                    value                                                influence of replicate i
==========================  ===================================================  ==================================
mean of s                   :math:`\bar s`                                       :math:`s_i`
mean of s plus variance     :math:`\bar s + \frac{1}{N-1}\sum_i                   :math:`s_i + \lVert h_i - \bar h
of h                        \lVert h_i - \bar h \rVert^2`                        \rVert^2`
covariance matrix of h      :math:`\frac{1}{N-1}\sum_i (h_i - \bar h)             :math:`(h_i - \bar h)
                            (h_i - \bar h)^\top`                                 (h_i - \bar h)^\top`
==========================  ===================================================  ==================================

To the variance of a sample variance this adds the term that is left where q does not vary, as for two opposite
gradients: :math:`2 \operatorname{tr}(C^2) / (N (N-1))` with C the covariance of h, bounded by the squared variance.

Values are unbiased. Blocks of replicates are merged by the pairwise update of Chan, Golub and LeVeque, which does not
cancel; q is centred at the mean of its own block, which changes standard errors by a relative 1/(block size).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from scipy.special import ndtri

from sgdvar.scalars import Array, check_count

__all__ = [
    "Summary",
    "check_rate",
    "detectable_deviation",
    "normal_deviation",
    "normal_quantile",
    "relative_variance",
    "replicates_to_detect",
    "summarise_covariance",
    "summarise_mean",
    "summarise_variance",
    "upper_quantile",
]


@dataclass(frozen=True, eq=False)
class Summary:
    """What a set of replicates says about one estimate; sets are joined with ``merge``.

    Attributes:
        count: The number of replicates N.
        mean: The mean of s, in the shape of the estimate.
        centre: The mean of h, flat; of size 0 where there is no h.
        spread: The sum of squares (or of outer products) of h about its mean, in the shape of the estimate.
        influence: The mean of q.
        influence_spread: The sum of squares of q about its mean, entry by entry.
        influence_cubes: The sum of cubes of q about its mean, entry by entry.
        largest: The largest squared norm of q over replicates.
    """

    count: int
    mean: Array
    centre: Array
    spread: Array
    influence: Array
    influence_spread: Array
    influence_cubes: Array
    largest: float

    def merge(self, other: Summary) -> Summary:
        """The summary of both sets together."""
        count = self.count + other.count
        share, pairs = other.count / count, self.count * other.count / count
        shift, step = other.centre - self.centre, other.influence - self.influence
        crossed = (self.count * other.influence_spread - other.count * self.influence_spread) / count
        return Summary(
            count=count,
            mean=self.mean + share * (other.mean - self.mean),
            centre=self.centre + share * shift,
            spread=self.spread + other.spread + pairs * _square(shift, self.spread),
            influence=self.influence + share * step,
            influence_spread=self.influence_spread + other.influence_spread + pairs * step**2,
            influence_cubes=self.influence_cubes
            + other.influence_cubes
            + step * (3 * crossed + pairs * step**2 * (self.count - other.count) / count),
            largest=max(self.largest, other.largest),
        )

    @property
    def value(self) -> Array:
        """The unbiased estimate; needs two replicates where it contains a variance."""
        return self.mean + self.spread / (self.count - 1) if self.centre.size else self.mean

    @property
    def standard_error(self) -> Array:
        """The standard error of ``value``, entry by entry."""
        return np.sqrt((self.influence_spread / self.count + self._second_order) / (self.count - 1))

    @property
    def _second_order(self) -> Array:
        """What of the variance of a sample variance, times N - 1, its influence function leaves out."""
        if not self.centre.size:
            return np.zeros_like(self.mean)
        variance = self.spread / (self.count - 1)
        if variance.ndim == 0:
            return np.asarray(2 * variance**2 / self.count)
        diagonal = np.diag(variance)
        return np.asarray((np.multiply.outer(diagonal, diagonal) + variance**2) / self.count)

    @property
    def skewness(self) -> Array:
        """The skewness of q, entry by entry; 0 where q does not vary."""
        variance = self.influence_spread / self.count
        cubes = self.influence_cubes / self.count
        return np.divide(cubes, variance**1.5, out=np.zeros_like(cubes), where=variance**1.5 > 0)

    @property
    def largest_share(self) -> float:
        """The share of one replicate in the sum of the squares of q: near 1 where the standard error cannot be trusted.

        For a variance q is a squared deviation, so this is a share in the fourth moment. It is at least 1/N.
        """
        total = float(np.sum(self.influence_spread + self.count * self.influence**2))
        return self.largest / total if total > 0 else 1 / self.count


def _square(vector: Array, like: Array) -> Array:
    """The squared norm of a vector or, for a matrix, its outer product; 0 without entries."""
    if vector.size == 0:
        return np.zeros_like(like)
    return np.asarray(vector @ vector if like.ndim == 0 else np.multiply.outer(vector, vector))


def _mean(values: Array) -> Array:
    """The mean over the first axis, exact where all values are equal."""
    return np.asarray(values[0] + (values - values[0]).mean(axis=0))


def summarise_mean(values: Array) -> Summary:
    """The summary for the mean of s.

    Args:
        values: s, one entry per replicate along the first axis.
    """
    mean, zero = _mean(values), np.zeros(values.shape[1:])
    squares = (values.reshape(len(values), -1) ** 2).sum(axis=1)
    deviations = values - mean
    spread, cubes = (deviations**2).sum(axis=0), (deviations**3).sum(axis=0)
    return Summary(len(values), mean, np.zeros(0), zero, mean, spread, cubes, float(squares.max()))


def summarise_variance(vectors: Array, offsets: Array | None = None) -> Summary:
    """The summary for the mean of s plus the variance (trace of the covariance) of h.

    Args:
        vectors: h, shape (N, m).
        offsets: s, shape (N,); None for 0.
    """
    count = len(vectors)
    offsets = np.zeros(count) if offsets is None else offsets
    centre = _mean(vectors)
    squares = ((vectors - centre) ** 2).sum(axis=1)
    q = summarise_mean(offsets + squares)
    return replace(q, mean=_mean(offsets), centre=centre, spread=np.asarray(squares.sum()))


def summarise_covariance(vectors: Array) -> Summary:
    """The summary for the covariance matrix of h.

    Args:
        vectors: h, shape (N, m).
    """
    count, m = vectors.shape
    centre = _mean(vectors)
    deviations = vectors - centre
    spread, fourth, sixth = (power.T @ power for power in (deviations, deviations**2, deviations**3))
    influence = spread / count
    influence_spread = np.maximum(fourth - count * influence**2, 0)
    cubes = sixth - 3 * influence * influence_spread - count * influence**3
    largest = float(((deviations**2).sum(axis=1) ** 2).max())
    return Summary(count, np.zeros((m, m)), centre, spread, influence, influence_spread, cubes, largest)


def relative_variance(groups: Sequence[Summary]) -> tuple[float, float]:
    r"""The variance of q relative to the squared value, :math:`\kappa = N\,(\text{standard error}/|\text{value}|)^2`.

    Args:
        groups: Summaries of at least two sets of replicates of equal size.

    Returns:
        :math:`\kappa` and the jackknife standard error of it over the groups; infinite where only the value is 0.
    """
    before, after = [groups[0]], [groups[-1]]
    for left, right in zip(groups[1:], reversed(groups[:-1]), strict=True):
        before.append(before[-1].merge(left))
        after.append(right.merge(after[-1]))
    without = [after[-2], *(a.merge(b) for a, b in zip(before[:-2], after[-3::-1], strict=True)), before[-2]]
    left_out = np.array([_relative_variance(summary) for summary in without])
    if not np.isfinite(left_out).all():
        return math.inf, math.inf
    count = len(groups)
    error = math.sqrt((count - 1) / count * float(((left_out - left_out.mean()) ** 2).sum()))
    return _relative_variance(reduce(Summary.merge, groups)), error


def _relative_variance(summary: Summary) -> float:
    size, error = float(np.sum(summary.value**2)), float(np.sum(summary.standard_error**2))
    if size > 0:
        return summary.count * error / size
    return math.inf if error > 0 else 0.0


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


def check_rate(value: float, name: str) -> float:
    """An error rate or level as a float strictly between 0 and 1.

    Raises:
        ValueError: It is not.
    """
    if not 0 < value < 1:
        raise ValueError(f"{name} must satisfy 0 < {name} < 1, got {value}")
    return float(value)


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
        ValueError: A rate outside (0, 1), or no comparison.

    Examples:
        >>> round(detectable_deviation(0.05, 0.2), 3)
        2.802
    """
    check_count(comparisons, "comparisons", least=1)
    threshold = upper_quantile(check_rate(false_alarm_rate, "false_alarm_rate") / (2 * comparisons))
    return threshold + upper_quantile(check_rate(miss_rate, "miss_rate"))


def replicates_to_detect(
    deviation: float,
    relative_variance: float,
    *,
    false_alarm_rate: float,
    miss_rate: float,
    comparisons: int = 1,
) -> int:
    r"""The replicates N with which a wrong value is caught at both error rates (nominal).

    .. math:: N = \kappa \left( \frac{z_{1-\alpha/(2K)} + z_{1-\beta}}{\delta} \right)^2

    Args:
        deviation: :math:`\delta`, the smallest deviation to catch, relative to the true value.
        relative_variance: :math:`\kappa`, the variance of one replicate relative to the squared value.
        false_alarm_rate: :math:`\alpha`, for the whole family.
        miss_rate: :math:`\beta`.
        comparisons: K.

    Returns:
        At least 2.

    Raises:
        ValueError: A deviation that is not positive, or a rate outside (0, 1).

    Examples:
        >>> replicates_to_detect(0.01, 2.0, false_alarm_rate=0.05, miss_rate=0.2)
        156978
    """
    if not deviation > 0:
        raise ValueError(f"deviation must be positive, got {deviation}")
    needed = detectable_deviation(false_alarm_rate, miss_rate, comparisons) / deviation
    return max(2, math.ceil(relative_variance * needed**2))
