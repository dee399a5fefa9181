"""Batches from a population of finitely many atoms."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sgdvar.data import DiscretePopulation
from sgdvar.monte_carlo.examples import Examples
from sgdvar.monte_carlo.samplers.protocol import Float64, Leaf, adding

__all__ = ["AtomBatches"]

_BINOMIAL = 8  # one binomial number takes about as long as so many draws


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class AtomBatches:
    r"""Batches from a population of k atoms: one draw after the other, or for large batches the atoms' counts.

    The counts are multinomial: given those of the atoms before, the count of atom i is binomial with probability
    :math:`\pi_i / (\pi_i + \dots + \pi_k)`.

    Attributes:
        X: Inputs of the atoms, shape (k, p).
        y: Targets, shape (k, q).
        thresholds: The probabilities of the atoms up to each but the last together, shape (k - 1,).
        chances: The probability of each atom given that none before it is drawn, shape (k,).
    """

    X: Leaf
    y: Leaf
    thresholds: Float64
    chances: Float64

    @classmethod
    def of(cls, data: DiscretePopulation) -> AtomBatches:
        """The sampler of a population of numbers."""
        examples = Examples.of(data)
        chances = examples.probabilities
        tails = np.cumsum(chances[::-1])[::-1]
        return cls(examples.X, examples.y, Float64(np.cumsum(chances)[:-1]), Float64(np.minimum(chances / tails, 1)))

    def for_batch_size(self, batch_size: int) -> AtomBatches:
        """As ``Sampler.for_batch_size``: one for all."""
        return self

    def gradients(self, key: jax.Array, weights: jax.Array, batch_size: jax.Array) -> jax.Array:
        """As ``Sampler.gradients``."""
        by_counts = batch_size > _BINOMIAL * (len(self.X) - 1)
        total: jax.Array = lax.cond(by_counts, self._total_by_counts, self._total_by_draws, key, weights, batch_size)
        return total / batch_size

    def _total_by_draws(self, key: jax.Array, weights: jax.Array, batch_size: jax.Array) -> jax.Array:
        X, y = jnp.asarray(self.X, weights.dtype), jnp.asarray(self.y, weights.dtype)
        add, thresholds = adding(X, y, weights), jnp.asarray(self.thresholds.value)

        def draw(i: jax.Array, total: jax.Array) -> jax.Array:
            uniform = jax.random.uniform(jax.random.fold_in(key, i), (len(weights),))
            return add(total, jnp.searchsorted(thresholds, uniform, side="right", method="scan_unrolled"))

        total: jax.Array = lax.fori_loop(0, batch_size, draw, jnp.zeros_like(weights))
        return total

    def _total_by_counts(self, key: jax.Array, weights: jax.Array, batch_size: jax.Array) -> jax.Array:
        X, y = jnp.asarray(self.X, weights.dtype), jnp.asarray(self.y, weights.dtype)
        chances = jnp.asarray(self.chances.value)

        def add(i: jax.Array, state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            left, total = state
            count = jax.random.binomial(jax.random.fold_in(key, i), left, chances[i], dtype=left.dtype)
            gradient = (weights @ X[i] - y[i])[:, :, None] * X[i]
            return left - count, total + count.astype(total.dtype)[:, None, None] * gradient

        left = jnp.full(len(weights), batch_size.astype(chances.dtype))  # counts are exact in double precision only
        total: jax.Array = lax.fori_loop(0, len(self.X), add, (left, jnp.zeros_like(weights)))[1]
        return total

    def draws(self, batch_size: int) -> int:
        """As ``Sampler.draws``."""
        return max(1, min(batch_size, _BINOMIAL * (len(self.X) - 1)))
