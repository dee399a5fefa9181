r"""One process at several batch sizes at once, on nested batches: the first b examples of a larger batch.

Each replicate moves K sets of weights, for :math:`b_1 < \dots < b_K`. At every step the batch of :math:`b_k` is part of
that of :math:`b_{k+1}`, so trajectories at different batch sizes move together and differences between them vary less.
Each alone is distributed as if it were simulated alone: the first b members of a uniformly random sequence without
repetition are a uniformly random subset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

from sgdvar.monte_carlo.dynamics.base import GRADIENT_LIMIT
from sgdvar.monte_carlo.dynamics.chain import products, pulled_back
from sgdvar.monte_carlo.examples import Examples
from sgdvar.monte_carlo.samplers import Sampler
from sgdvar.monte_carlo.samplers.draws import fold_sequence
from sgdvar.monte_carlo.samplers.protocol import Leaf
from sgdvar.monte_carlo.samplers.stacked import stacked_sampler
from sgdvar.process import SGD

__all__ = ["NestedDynamics", "nested_dynamics_of"]


class _Batches(Protocol):
    """A way to draw nested batches."""

    def gradients(self, key: jax.Array, weights: jax.Array) -> jax.Array:
        """The gradients of linear regression at K matrices for each replicate, each on a batch of its own size.

        Args:
            key: A key that is used nowhere else.
            weights: Shape (R, K, q, p).

        Returns:
            Shape (R, K, q, p).
        """
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class NestedDynamics:
    """K copies of a process on linear layers that see nested batches; a state is K times the layers.

    The largest batch size names the run, and nothing depends on the batch size that is traced.

    Attributes:
        batches: Draws them.
        layers: The start, matrices of shape (outputs, inputs).
        decay: The weight decay.
        copies: K.
    """

    batches: _Batches
    layers: tuple[Leaf, ...]
    decay: Leaf
    copies: int = field(metadata={"static": True})

    @property
    def weight_limit(self) -> float:
        """As ``Dynamics.weight_limit``."""
        return float(GRADIENT_LIMIT ** (1 / (2 * len(self.layers) - 1)))

    def for_batch_size(self, batch_size: int) -> NestedDynamics:
        """As ``Dynamics.for_batch_size``: there is one only."""
        return self

    def at(self, step: jax.Array) -> NestedDynamics:
        """As ``Dynamics.at``."""
        return self

    def start(self) -> list[Leaf]:
        """As ``Dynamics.start``."""
        return list(self.layers) * self.copies

    def gradients(self, key: jax.Array, state: list[jax.Array], batch_size: jax.Array) -> list[jax.Array]:
        """As ``Dynamics.gradients``."""
        depth = len(self.layers)
        chains = [state[i : i + depth] for i in range(0, len(state), depth)]
        signals = self.batches.gradients(key, jnp.stack([products(layers)[-1] for layers in chains], axis=1))
        return [
            part + self.decay * layer
            for k, layers in enumerate(chains)
            for part, layer in zip(pulled_back(layers, signals[:, k]), layers, strict=True)
        ]

    def draws(self, batch_size: int) -> int:
        """As ``Dynamics.draws``: the same for every batch size that is traced."""
        return 1


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class _Groups:
    """Independent examples: a batch is made of the groups that the next smaller batches lack.

    Attributes:
        samplers: One for each group, of K sets of weights on the same examples.
        sizes: The batch sizes, ascending.
    """

    samplers: tuple[Sampler, ...]
    sizes: tuple[int, ...] = field(metadata={"static": True})

    def gradients(self, key: jax.Array, weights: jax.Array) -> jax.Array:
        """As ``_Batches.gradients``."""
        count, copies, q, p = weights.shape
        total, means = jnp.zeros_like(weights), []
        for k, (smaller, size) in enumerate(pairwise((0, *self.sizes))):
            stacked = weights.reshape(count, copies * q, p)
            own = self.samplers[k].gradients(jax.random.fold_in(key, k), stacked, jnp.int32(size - smaller))
            total = total + (size - smaller) * own.reshape(weights.shape)
            means.append(total[:, k] / size)
        return jnp.stack(means, axis=1)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class _Sequences:
    """Examples without replacement, in a random order.

    Attributes:
        X: Inputs, shape (n, p).
        y: Targets, shape (n, q).
        hessian: Mean of x x^T, shape (p, p), for a batch of all examples.
        cross: Mean of y x^T, shape (q, p).
        sizes: The batch sizes, ascending.
    """

    X: Leaf
    y: Leaf
    hessian: Leaf
    cross: Leaf
    sizes: tuple[int, ...] = field(metadata={"static": True})

    def gradients(self, key: jax.Array, weights: jax.Array) -> jax.Array:
        """As ``_Batches.gradients``."""
        inputs, targets, sizes = jnp.asarray(self.X), jnp.asarray(self.y), jnp.asarray(self.sizes)

        def add(i: jax.Array, total: jax.Array, indices: jax.Array) -> jax.Array:
            x = inputs.at[indices].get(mode="promise_in_bounds")[:, None, None, :]
            residuals = jnp.sum(weights * x, axis=3) - targets.at[indices].get(mode="promise_in_bounds")[:, None, :]
            is_member = (i < sizes)[None, :, None, None]
            return total + jnp.where(is_member, residuals[..., None] * x, 0)

        n, drawn = len(self.X), max(size for size in self.sizes if size < len(self.X))
        total: jax.Array = fold_sequence(
            add, jnp.zeros_like(weights), key, population=n, size=drawn, replicates=len(weights)
        )
        means = total / sizes.astype(total.dtype)[None, :, None, None]
        return means if drawn == self.sizes[-1] else means.at[:, -1].set(weights[:, -1] @ self.hessian - self.cross)


def nested_dynamics_of(sgd: SGD, batch_sizes: Sequence[int]) -> NestedDynamics:
    """The dynamics of a process of numbers at several batch sizes.

    Args:
        sgd: A process on linear layers.
        batch_sizes: Ascending and distinct.
    """
    layers = tuple(np.asarray(layer, dtype=np.float64) for layer in sgd.layers)
    decay = np.asarray(sgd.problem.weight_decay, dtype=np.float64)
    return NestedDynamics(_batches(sgd, tuple(batch_sizes)), layers, decay, len(batch_sizes))


def _batches(sgd: SGD, sizes: tuple[int, ...]) -> _Batches:
    data = sgd.problem.data
    if sgd.design.is_without_replacement:
        assert data.size is not None
        examples = Examples.of(data)
        X, y = examples.X, examples.y
        return _Sequences(X, y, X.T @ X / len(X), y.T @ X / len(X), sizes)
    sampler = stacked_sampler(sgd, len(sizes))
    groups = [size - smaller for smaller, size in pairwise((0, *sizes))]
    return _Groups(tuple(sampler.for_batch_size(group) for group in groups), sizes)
