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

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

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
    "summarise_parts",
    "summarise_variance",
]

_NONE = np.zeros(0)
_SHARED = ("count", "weights")  # by sets that are side by side


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
        return np.asarray(self.offsets + self.weights @ _centred(self.vectors.T)[1] ** 2)


@dataclass(frozen=True, eq=False)
class Summary:
    """What a set of replicates says about one estimate; sets are joined with ``merge``.

    Several sets of equal size may be summarised side by side: all but ``count`` and ``weights`` have a first axis then.

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
            largest=np.maximum(self.largest, other.largest),
        )

    @classmethod
    def of_sets(cls, summaries: Sequence[Summary]) -> Summary:
        """The summaries of sets of equal size, side by side."""
        return _joined(summaries, np.stack)

    @classmethod
    def concatenated(cls, summaries: Sequence[Summary]) -> Summary:
        """The sets that are side by side in each of the summaries, all side by side."""
        return _joined(summaries, np.concatenate)

    def together(self) -> Summary:
        """The summary of all sets that are side by side."""
        mean, centre, influence = map(_mean, (self.mean, self.centre, self.influence))
        shift, step = self.centre - centre, self.influence - influence
        return replace(
            self,
            count=self.count * len(self.influence),
            mean=mean,
            centre=centre,
            spread=np.sum(self.spread + self.count * _square(shift, self.spread), axis=0),
            influence=influence,
            influence_spread=np.sum(self.influence_spread + self.count * step**2, axis=0),
            influence_cubes=np.sum(
                self.influence_cubes + step * (3 * self.influence_spread + self.count * step**2), axis=0
            ),
            largest=np.max(self.largest, axis=0),
        )

    @property
    def value(self) -> Array:
        """The unbiased estimate; needs two replicates where it contains a variance."""
        if not self.centre.size:
            return self.mean
        variance = self.spread / (self.count - 1)
        return np.asarray(self.mean + (variance @ self.weights if self.weights.size else variance))

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
            return np.asarray(2 * (variance @ np.abs(self.weights)) ** 2 / self.count)
        diagonal = np.diagonal(variance, axis1=-2, axis2=-1)
        return np.asarray((_outer(diagonal) + variance**2) / self.count)

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


def _joined(summaries: Sequence[Summary], join: Callable[[list[Array]], Array]) -> Summary:
    """The first of the summaries, with the arrays of all joined."""
    names = [item.name for item in fields(Summary) if item.name not in _SHARED]
    arrays: dict[str, Any] = {name: join([getattr(known, name) for known in summaries]) for name in names}
    return replace(summaries[0], **arrays)


def _mean(values: Array) -> Array:
    """The mean over the first axis, exact where all values are equal."""
    return np.asarray(values[0] + (values - values[0]).mean(axis=0))


def _square(vector: Array, like: Array) -> Array:
    """The squares of the entries or, where there are matrices of them, their products."""
    return np.asarray(vector**2 if like.ndim == vector.ndim else _outer(vector))


def _outer(vector: Array) -> Array:
    """The products of all entries."""
    return np.asarray(vector[..., :, None] * vector[..., None, :])


def _centred(values: Array) -> tuple[Array, Array]:
    """The mean over the last axis, exact where all values are equal, and what each deviates from it."""
    first = values[..., :1]
    deviations = np.subtract(values, first, order="C")  # several times faster with replicates next to each other
    step = np.add.reduce(deviations, axis=-1, keepdims=True) / values.shape[-1]
    deviations -= step
    return (first + step)[..., 0], deviations


def _replicates_last(values: Array, parts: tuple[int, ...]) -> Array:
    """Replicates moved from the first axis to the last, those of each part by themselves if there are parts."""
    values = np.asarray(values, dtype=np.float64)
    if parts:
        values = values.reshape(*parts, len(values) // parts[0], *values.shape[1:])
    return values if values.ndim == len(parts) + 1 else np.moveaxis(values, len(parts), -1)


def summarise_mean(values: Array) -> Summary:
    """The summary for the mean of s.

    Args:
        values: s, one entry per replicate along the first axis.
    """
    return _of_means(_replicates_last(values, ()), 0)


def _of_means(values: Array, leading: int) -> Summary:
    """The summary for the mean of s over the last axis, where the first ``leading`` axes are those of sets."""
    mean, deviations = _centred(values)
    squares = deviations * deviations
    none = np.zeros((*values.shape[:leading], 0))
    norms = (values * values).sum(axis=tuple(range(leading, values.ndim - 1)))
    return Summary(
        count=values.shape[-1],
        mean=mean,
        centre=none,
        spread=none,
        weights=_NONE,
        influence=mean,
        influence_spread=np.add.reduce(squares, axis=-1),
        influence_cubes=np.einsum("...n,...n->...", squares, deviations),
        largest=norms.max(axis=-1),
    )


def summarise_variance(vectors: Array, offsets: Array | None = None) -> Summary:
    """The summary for the mean of s plus the variance (trace of the covariance) of h.

    Args:
        vectors: h, shape (N, m).
        offsets: s, shape (N,); None for 0.
    """
    return summarise(Functional.of(offsets, vectors))


def summarise(functional: Functional) -> Summary:
    """The summary for the mean of s plus the weighed variance of h."""
    return _of_functional(functional, ())


def summarise_parts(functional: Functional, parts: int) -> Summary:
    """The summaries of so many parts of equal size, side by side."""
    return _of_functional(functional, (parts,))


def _of_functional(functional: Functional, parts: tuple[int, ...]) -> Summary:
    weights, offsets = functional.weights, _replicates_last(functional.offsets, parts)
    if not weights.size:
        return _of_means(offsets, len(parts))
    centre, squares = _centred(_replicates_last(functional.vectors, parts))
    squares *= squares
    q = _of_means(offsets + weights @ squares, len(parts))
    return replace(q, mean=_centred(offsets)[0], centre=centre, spread=np.add.reduce(squares, axis=-1), weights=weights)


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
    steps = np.subtract(vectors[first].T, vectors[second].T, order="C")
    return summarise_mean(means + weights @ (steps * steps) / 2)


def summarise_covariance(vectors: Array) -> Summary:
    """The summary for the covariance matrix of h.

    Args:
        vectors: h, shape (N, m).
    """
    count, m = vectors.shape
    centre, deviations = _centred(_replicates_last(vectors, ()))
    squares = deviations**2
    spread, fourth, sixth = (power @ power.T for power in (deviations, squares, squares * deviations))
    influence = spread / count
    influence_spread = np.maximum(fourth - count * influence**2, 0)
    cubes = sixth - 3 * influence * influence_spread - count * influence**3
    largest = float((squares.sum(axis=0) ** 2).max())
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
