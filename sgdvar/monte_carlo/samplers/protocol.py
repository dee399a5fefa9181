"""What trajectories need of a way to draw batches, and what such ways share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import jax
import jax.numpy as jnp

from sgdvar.scalars import Array

__all__ = ["Float64", "Leaf", "Sampler", "adding"]

Leaf: TypeAlias = jax.Array | Array
"""NumPy arrays outside of compiled functions, traced ones inside."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Float64:
    """Numbers that stay in double precision whatever the precision of the simulation: probabilities.

    Attributes:
        value: The numbers.
    """

    value: Leaf


class Sampler(Protocol):
    """What trajectories need of a way to draw batches."""

    def for_batch_size(self, batch_size: int) -> Sampler:
        """The sampler that is fastest for a batch size; batch sizes that share one share its compilation."""
        ...

    def gradients(self, key: jax.Array, weights: jax.Array, batch_size: jax.Array) -> jax.Array:
        """Batch gradients without weight decay, one independent batch per replicate.

        Args:
            key: A key that is used nowhere else.
            weights: One set of weights per replicate, shape (R, q, p).
            batch_size: b, traced.

        Returns:
            Shape (R, q, p).
        """
        ...

    def draws(self, batch_size: int) -> int:
        """How many examples are drawn for one batch, to which the time for it is proportional."""
        ...


def adding(X: Leaf, y: Leaf, weights: jax.Array) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """A function that adds to a sum of gradients, one per replicate, those of one example each."""
    inputs, targets = jnp.asarray(X), jnp.asarray(y)

    def add(total: jax.Array, indices: jax.Array) -> jax.Array:
        x = inputs.at[indices].get(mode="promise_in_bounds")
        residuals = jnp.sum(weights * x[:, None, :], axis=2) - targets.at[indices].get(mode="promise_in_bounds")
        return total + residuals[:, :, None] * x[:, None, :]

    return add
