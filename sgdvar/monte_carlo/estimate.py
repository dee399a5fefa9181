"""What a simulation says about one quantity at several batch sizes, and how sure of it one may be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sgdvar.monte_carlo.statistics import check_rate, normal_quantile
from sgdvar.scalars import Array

__all__ = ["Estimate"]


@dataclass(frozen=True, eq=False)
class Estimate:
    r"""Estimates at several batch sizes, each with its standard error.

    Attributes:
        quantity: What is estimated, in words.
        step: t.
        batch_sizes: The B batch sizes, in the order in which they were given.
        value: Unbiased estimates, shape (B,), or ``(B, *shape)`` for a quantity that is an array.
        standard_error: Their standard errors, in the same shape.
        replicates: The number of simulated trajectories at each batch size, shape (B,).
        conditional: Whether the last batch was averaged over exactly, given the last weights.
        gain: For a conditional estimate the factor by which conditioning divided the variance of the estimate, shape
            (B,); 1 otherwise, infinite where a conditional estimate has no error at all.
        largest_share: The largest share of one replicate in the sum of squares behind each standard error (in the
            fourth moment, for a variance), shape (B,); above a few per cent the standard error is not to be trusted.
    """

    quantity: str
    step: int
    batch_sizes: Array
    value: Array
    standard_error: Array
    replicates: Array
    conditional: bool
    gain: Array
    largest_share: Array

    @property
    def relative_error(self) -> Array:
        """The standard error relative to the value, in Euclidean norms for an array; shape (B,). 0 where both are 0."""
        errors, sizes = (np.linalg.norm(a.reshape(len(a), -1), axis=1) for a in (self.standard_error, self.value))
        return np.asarray(np.divide(errors, sizes, out=np.where(errors > 0, np.inf, 0.0), where=sizes > 0))

    def interval(self, level: float = 0.95) -> tuple[Array, Array]:
        """Confidence intervals by the normal approximation, entry by entry.

        Args:
            level: The chance of covering, for each entry on its own; nominal.

        Returns:
            Lower and upper ends, each in the shape of ``value``.

        Raises:
            ValueError: ``level`` is not strictly between 0 and 1.
        """
        reach = normal_quantile(check_rate(level, "level")) * self.standard_error
        return self.value - reach, self.value + reach

    def __str__(self) -> str:
        how = "conditioned on the last weights" if self.conditional else "plain trajectories"
        lines = [f"{self.quantity} at step {self.step}, {how}"]
        if self.value.ndim > 1:
            return f"{lines[0]}: shape {self.value.shape[1:]} at batch sizes {self.batch_sizes.tolist()}"
        rows = zip(self.batch_sizes, self.value, self.standard_error, self.replicates, strict=True)
        lines += [f"  b = {b}: {v:.6g} +- {e:.2g} ({n} replicates)" for b, v, e, n in rows]
        return "\n".join(lines)
