"""Batches from a finite data set."""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp

from sgdvar.data import Dataset
from sgdvar.monte_carlo.examples import Examples
from sgdvar.monte_carlo.samplers.draws import fold_draws, fold_subset
from sgdvar.monte_carlo.samplers.protocol import Leaf, adding

__all__ = ["FiniteBatches"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class FiniteBatches:
    """Batches from a finite data set, with or without replacement.

    Without replacement and above n/2 the examples that are left out are drawn instead, and their gradients subtracted
    from the sum over all examples.

    Attributes:
        X: Inputs, shape (n, p).
        y: Targets, shape (n, q).
        hessian: Mean of x x^T, shape (p, p).
        cross: Mean of y x^T, shape (q, p).
        without_replacement: Whether examples in one batch are distinct.
    """

    X: Leaf
    y: Leaf
    hessian: Leaf
    cross: Leaf
    without_replacement: bool = field(metadata={"static": True})

    @classmethod
    def of(cls, data: Dataset, *, without_replacement: bool) -> FiniteBatches:
        """The sampler of a data set of numbers."""
        examples = Examples.of(data)
        X, y = examples.X, examples.y
        return cls(X, y, X.T @ X / len(X), y.T @ X / len(X), without_replacement)

    def for_batch_size(self, batch_size: int) -> FiniteBatches:
        """As ``Sampler.for_batch_size``: one for all."""
        return self

    def gradients(self, key: jax.Array, weights: jax.Array, batch_size: jax.Array) -> jax.Array:
        """As ``Sampler.gradients``."""
        n, add = self.X.shape[0], adding(self.X, self.y, weights)
        zero, replicates = jnp.zeros_like(weights), len(weights)
        if not self.without_replacement:
            total = fold_draws(add, zero, key, population=n, size=batch_size, replicates=replicates)
            return total / batch_size
        size = jnp.minimum(batch_size, n - batch_size)
        total = fold_subset(add, zero, key, population=n, size=size, replicates=replicates)
        everything = n * (weights @ self.hessian - self.cross)
        return jnp.where(2 * batch_size > n, everything - total, total) / batch_size

    def draws(self, batch_size: int) -> int:
        """As ``Sampler.draws``."""
        return max(1, min(batch_size, len(self.X) - batch_size)) if self.without_replacement else batch_size
