"""What a simulation says about one quantity at several batch sizes, and how sure of it one may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from sgdvar.monte_carlo.statistics.bounds import Bound
from sgdvar.monte_carlo.statistics.intervals import BoundedInterval, normal_interval
from sgdvar.monte_carlo.statistics.summaries import Summary, bounded_interval
from sgdvar.scalars import Array

__all__ = ["Estimate"]


@dataclass(frozen=True, eq=False)
class Estimate:
    r"""Estimates at several batch sizes, each with its standard error.

    Attributes:
        quantity: What is estimated, in words.
        step: t.
        batch_sizes: The B batch sizes, in the order in which they were given; of a difference the pairs
            :math:`(b, b')`, shape (B, 2).
        value: Unbiased estimates, shape (B,), or ``(B, *shape)`` for a quantity that is an array.
        standard_error: Their standard errors, in the same shape.
        replicates: The number of simulated trajectories at each batch size, shape (B,).
        conditional: Whether the last batch was averaged over exactly, given the last weights.
        controlled: Whether a control variate was taken off: the linearised SGD, simulated too, or for linear regression
            the deviation of the weights from gradient descent.
        gain: The variance reduction: the factor by which conditioning and the control variate divide the variance of
            the estimate at the same number of replicates, shape (B,); 1 for plain trajectories, infinite where the
            estimate has no error at all. Of a difference: relative to two separate estimates of the same kind. A
            replicate of a network or a model takes some four times as long with the control variate, which this does
            not count.
        largest_share: The largest share of one replicate in the sum of squares behind each standard error (in the
            fourth moment, for a variance), shape (B,); above 5 % the standard error is not to be trusted.
        warnings: What makes an estimate or its standard error doubtful, in words; empty where nothing does.
        left_out: Batch sizes at which the control variate is left out, because replicates contradict it.
        bound: What one replicate (for a variance, one pair) can contribute at most, as a function of the batch size;
            None where contributions may be negative.
        pairs: Summaries of pairs of replicates, for finite-sample intervals; none where there is no bound.

    Examples:
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1.0], [2.0], [1.0]], [0.0, 1.0, 2.0]))
        >>> sgd = sv.SGD(problem, start=[1.0], step_size=0.25)
        >>> estimate = sv.estimate_gradient_variance(sgd, step=1, batch_sizes=[1, 3], replicates=1000, seed=0)
        >>> print(estimate.replicates, estimate.value[1] < 1e-12)
        [1000 1000] True
    """

    quantity: str
    step: int
    batch_sizes: Array
    value: Array
    standard_error: Array
    replicates: Array
    conditional: bool
    controlled: bool
    gain: Array
    largest_share: Array
    warnings: tuple[str, ...] = ()
    left_out: tuple[int, ...] = ()
    bound: Callable[[int], Bound] | None = None
    pairs: tuple[Summary, ...] = field(default=(), repr=False)

    @property
    def relative_error(self) -> Array:
        """The standard error relative to the value, in Euclidean norms for an array; shape (B,). 0 where both are 0."""
        errors, sizes = (np.linalg.norm(a.reshape(len(a), -1), axis=1) for a in (self.standard_error, self.value))
        return np.asarray(np.divide(errors, sizes, out=np.where(errors > 0, np.inf, 0.0), where=sizes > 0))

    @property
    def relative_variance(self) -> Array:
        r""":math:`\kappa = N\,(\text{standard error}/|\text{value}|)^2`, shape (B,).

        For planning an experiment of this kind: ``verify`` judges plain trajectories, so plan it from an estimate with
        ``conditional=False``.
        """
        return np.asarray(self.replicates * self.relative_error**2)

    def interval(
        self, level: float = 0.95, method: Literal["asymptotic", "finite-sample"] = "asymptotic"
    ) -> tuple[Array, Array]:
        r"""Confidence intervals, each for itself.

        Args:
            level: The chance of covering.
            method: "asymptotic" for value +- z standard errors, entry by entry; the level is nominal. "finite-sample"
                for empirical Bernstein intervals from independent pairs of replicates, which cover at least at this
                level whatever the number of replicates; they need finite data, and are wide (``bounded_intervals``).

        Returns:
            Lower and upper ends, each in the shape of ``value``.

        Raises:
            ValueError: ``level`` is not strictly between 0 and 1, there is no such method, or contributions may be
                negative.
        """
        if method == "asymptotic":
            return normal_interval(self.value, self.standard_error, level)
        if method != "finite-sample":
            raise ValueError(f'method must be "asymptotic" or "finite-sample", got {method!r}')
        intervals = self.bounded_intervals(level)
        return np.array([known.lower for known in intervals]), np.array([known.upper for known in intervals])

    def bounded_intervals(self, level: float = 0.95) -> list[BoundedInterval]:
        """Confidence intervals that hold for every number of replicates, one for each batch size.

        Each knows the bound B on what it is the mean of, and whether it says no more than [0, B] (``is_vacuous``). They
        are made from pairs of replicates, so ``value`` need not be in their middle. Where no bound is known B is
        infinite, and ``bound(b).reason`` says why.

        Args:
            level: The chance of covering, of each.

        Raises:
            ValueError: ``level`` is not strictly between 0 and 1, or contributions may be negative.

        References:
            Maurer and Pontil, Empirical Bernstein bounds and sample variance penalization, COLT 2009, Theorem 4.
        """
        if self.bound is None:
            raise ValueError(
                f"a finite-sample interval must be of a quantity to which no replicate contributes less than 0, got "
                f"{self.quantity}"
            )
        bounds = [self.bound(b).value for b in self.batch_sizes.tolist()]
        return [bounded_interval(own, bound, level) for own, bound in zip(self.pairs, bounds, strict=True)]

    def __str__(self) -> str:
        how = "averaged over the last batch" if self.conditional else "plain trajectories"
        lines = [f"{self.quantity} at step {self.step}, {how}{', with a control variate' if self.controlled else ''}"]
        if self.value.ndim > 1:
            lines[0] += f": shape {self.value.shape[1:]} at batch sizes {self.batch_sizes.tolist()}"
        else:
            rows = zip(self.batch_sizes.tolist(), self.value, self.standard_error, self.replicates, strict=True)
            lines += [f"  b = {b}: {v:.6g} +- {e:.2g} ({n} replicates)" for b, v, e, n in rows]
        return "\n".join([*lines, *(f"  warning: {text}" for text in self.warnings)])
