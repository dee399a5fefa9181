r"""Streaming moments of replicates, standard errors, and when these mean nothing; NumPy only.

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

Values are unbiased. Sums are in float64, whatever the replicates are. Blocks of replicates are merged by the pairwise
update of Chan, Golub and LeVeque, which does not cancel; q is centred at the mean of its own block, which changes
standard errors by a relative 1/(block size).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from sgdvar.monte_carlo.statistics.intervals import BoundedInterval, empirical_bernstein
from sgdvar.scalars import Array

__all__ = [
    "Functional",
    "Summary",
    "bounded_interval",
    "summarise",
    "summarise_covariance",
    "summarise_mean",
    "summarise_pairs",
    "summarise_variance",
]

_NONE = np.zeros(0)


class Functional(NamedTuple):
    """What replicates contribute to an estimate: the mean of ``offsets`` plus a weighed variance of ``vectors``.

    Attributes:
        offsets: s, shape ``(N, *shape)`` for an estimate of this shape; of shape (N,) where there is a variance.
        vectors: h, shape (N, m); m is 0 where the estimate has no variance in it.
        weights: What the variance of each entry of h counts for, shape (m,).
    """

    offsets: Array
    vectors: Array
    weights: Array

    @classmethod
    def of(cls, offsets: Array | None = None, vectors: Array | None = None) -> Functional:
        """The mean of ``offsets``, by default 0, plus the variance of ``vectors``, by default none."""
        if vectors is None:
            assert offsets is not None
            return cls(offsets, np.zeros((len(offsets), 0)), _NONE)
        return cls(np.zeros(len(vectors)) if offsets is None else offsets, vectors, np.ones(vectors.shape[1]))

    def only(self, replicates: slice) -> Functional:
        """What some of the replicates contribute."""
        return self._replace(offsets=self.offsets[replicates], vectors=self.vectors[replicates])

    @property
    def influence(self) -> Array:
        """The influence q of each replicate, in the shape of ``offsets``."""
        if not self.weights.size:
            return self.offsets
        return np.asarray(self.offsets + _centred(self.vectors)[1] ** 2 @ self.weights)


@dataclass(frozen=True, eq=False)
class Summary:
    """What a set of replicates says about one estimate; sets are joined with ``merge``.

    Attributes:
        count: The number of replicates N.
        mean: The mean of s, in the shape of the estimate.
        centre: The mean of h, shape (m,); of size 0 where there is no h.
        spread: The sum of squares of h about its mean, entry by entry, shape (m,); for a covariance matrix that of the
            outer products, shape (m, m).
        weights: What the variance of each entry of h counts for, shape (m,); of size 0 for a covariance matrix.
        influence: The mean of q.
        influence_spread: The sum of squares of q about its mean, entry by entry.
        influence_cubes: The sum of cubes of q about its mean, entry by entry.
        largest: The largest squared norm of q over replicates.
    """

    count: int
    mean: Array
    centre: Array
    spread: Array
    weights: Array
    influence: Array
    influence_spread: Array
    influence_cubes: Array
    largest: float

    def merge(self, other: Summary) -> Summary:
        """The summary of both sets together."""
        if not (self.count and other.count):
            return self if self.count else other
        count = self.count + other.count
        share, pairs = other.count / count, self.count * other.count / count
        shift, step = other.centre - self.centre, other.influence - self.influence
        crossed = (self.count * other.influence_spread - other.count * self.influence_spread) / count
        return Summary(
            count=count,
            mean=self.mean + share * (other.mean - self.mean),
            centre=self.centre + share * shift,
            spread=self.spread + other.spread + pairs * _square(shift, self.spread),
            weights=self.weights,
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
        if not self.centre.size:
            return self.mean
        variance = self.spread / (self.count - 1)
        return np.asarray(self.mean + (self.weights @ variance if self.weights.size else variance))

    @property
    def standard_error(self) -> Array:
        """The standard error of ``value``, entry by entry."""
        return np.sqrt((self.influence_spread / self.count + self.second_order) / (self.count - 1))

    @property
    def second_order(self) -> Array:
        """What of the variance of a sample variance, times N - 1, its influence function leaves out."""
        if not self.centre.size:
            return np.zeros_like(self.mean)
        variance = self.spread / (self.count - 1)
        if self.weights.size:
            return np.asarray(2 * (np.abs(self.weights) @ variance) ** 2 / self.count)
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
    """The squares of the entries or, in the shape of a matrix, their products."""
    return np.asarray(vector**2 if like.ndim < 2 else np.multiply.outer(vector, vector))


def _centred(values: Array) -> tuple[Array, Array]:
    """The mean over the first axis, exact where all values are equal, and what each deviates from it."""
    deviations = values - values[0]
    step = _sum(deviations) / len(values)
    deviations -= step
    return values[0] + step, deviations


def _sum(values: Array) -> Array:
    """The sum over the first axis; several times faster than NumPy's own for rows of few entries."""
    return np.asarray(np.einsum("i...->...", values))


def summarise_mean(values: Array) -> Summary:
    """The summary for the mean of s.

    Args:
        values: s, one entry per replicate along the first axis.
    """
    values = np.asarray(values, dtype=np.float64)
    mean, deviations = _centred(values)
    spread = deviations**2
    cubes = spread * deviations  # a power of 3 takes 50 times as long
    rows = values.reshape(len(values), -1)
    largest = float(np.einsum("ij,ij->i", rows, rows).max())
    return Summary(len(values), mean, _NONE, _NONE, _NONE, mean, _sum(spread), _sum(cubes), largest)


def summarise_variance(vectors: Array, offsets: Array | None = None) -> Summary:
    """The summary for the mean of s plus the variance (trace of the covariance) of h.

    Args:
        vectors: h, shape (N, m).
        offsets: s, shape (N,); None for 0.
    """
    return summarise(Functional.of(offsets, vectors))


def summarise(functional: Functional) -> Summary:
    """The summary for the mean of s plus the weighed variance of h."""
    offsets, vectors, weights = functional
    if not weights.size:
        return summarise_mean(offsets)
    vectors, offsets = (np.asarray(array, dtype=np.float64) for array in (vectors, offsets))
    centre, deviations = _centred(vectors)
    squares = deviations**2
    q = summarise_mean(offsets + squares @ weights)
    return replace(q, mean=_centred(offsets)[0], centre=centre, spread=_sum(squares), weights=weights)


def summarise_pairs(functional: Functional) -> Summary:
    r"""The summary for the same as the mean over independent pairs of replicates (h, s) and (h', s').

    .. math:: Z = \tfrac12 (s + s') + \tfrac12 \lVert h - h' \rVert^2

    is unbiased and, where s is and no weight is negative, never negative, and the standard error is that of a plain
    mean; it is larger than that of ``summarise``, but an interval that holds for every number of pairs needs no more
    than a bound on Z.

    Args:
        functional: s and h of replicates: 2 k and 2 k + 1 are a pair, and the last of an odd number is dropped.

    Returns:
        The summary of the mean of Z; its ``count`` is the number of pairs, which may be 0.
    """
    offsets, vectors, weights = functional
    last = len(offsets) - len(offsets) % 2
    if last == 0:
        zero = np.zeros(offsets.shape[1:])
        return Summary(0, zero, _NONE, _NONE, _NONE, zero, zero, zero, 0.0)
    vectors, offsets = (np.asarray(array, dtype=np.float64) for array in (vectors, offsets))
    first, second = slice(0, last, 2), slice(1, last, 2)
    means = (offsets[first] + offsets[second]) / 2
    if not weights.size:
        return summarise_mean(means)
    return summarise_mean(means + (vectors[first] - vectors[second]) ** 2 @ weights / 2)


def summarise_covariance(vectors: Array) -> Summary:
    """The summary for the covariance matrix of h.

    Args:
        vectors: h, shape (N, m).
    """
    count, m = vectors.shape
    vectors = np.asarray(vectors, dtype=np.float64)
    centre, deviations = _centred(vectors)
    squares = deviations**2
    spread, fourth, sixth = (power.T @ power for power in (deviations, squares, squares * deviations))
    influence = spread / count
    influence_spread = np.maximum(fourth - count * influence**2, 0)
    cubes = sixth - 3 * influence * influence_spread - count * influence**3
    largest = float((squares.sum(axis=1) ** 2).max())
    return Summary(count, np.zeros((m, m)), centre, spread, _NONE, influence, influence_spread, cubes, largest)


def bounded_interval(summary: Summary, upper_bound: float, level: float) -> BoundedInterval:
    """A confidence interval that holds for every number of replicates, from what ``empirical_bernstein`` needs.

    Args:
        summary: Of a mean of numbers (``summarise_mean`` or ``summarise_pairs``), none of them negative.
        upper_bound: What none of them exceeds; infinite where no bound is known.
        level: The chance of covering.

    Raises:
        ValueError: A summary of arrays or of a sample variance; otherwise as ``empirical_bernstein``.
    """
    if summary.centre.size or summary.value.ndim:
        raise ValueError(
            "summary must be of a mean of numbers, got one of "
            + ("a sample variance; use summarise_pairs" if summary.centre.size else f"shape {summary.value.shape}")
        )
    sample_variance = float(summary.influence_spread) / max(1, summary.count - 1)
    return empirical_bernstein(float(summary.value), sample_variance, summary.count, upper_bound, level)
