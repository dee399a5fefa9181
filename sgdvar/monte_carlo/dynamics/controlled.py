"""A network and its linearised SGD, simulated side by side on the same batches."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from sgdvar.monte_carlo.dynamics.base import GRADIENT_LIMIT
from sgdvar.monte_carlo.dynamics.chain import Chain, products, pulled_back
from sgdvar.monte_carlo.landscapes.linear import Landscape
from sgdvar.monte_carlo.samplers import Sampler
from sgdvar.monte_carlo.samplers.protocol import Leaf
from sgdvar.monte_carlo.samplers.stacked import stacked_sampler
from sgdvar.process import SGD

__all__ = ["ControlledDynamics", "controlled_dynamics_of"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class ControlledDynamics:
    r"""A network and its linearised SGD (``sgdvar.monte_carlo.control.linearised``), which see the same batches.

    A state holds the layers, then :math:`\delta`, then :math:`\bar W` (the same in all replicates), each in the shapes
    of the layers.

    Attributes:
        sampler: Draws the gradients of linear regression at three matrices side by side, of shape (3 q, p).
        layers: The start, matrices of shape (outputs, inputs).
        decay: :math:`\lambda`.
        origin: As of a ``Landscape``, shape (q, p).
        hessian: As of a ``Landscape``, shape (p, p).
        slope: As of a ``Landscape``, shape (q, p).
    """

    sampler: Sampler
    layers: tuple[Leaf, ...]
    decay: Leaf
    origin: Leaf
    hessian: Leaf
    slope: Leaf

    @property
    def weight_limit(self) -> float:
        """As ``Dynamics.weight_limit``."""
        return float(GRADIENT_LIMIT ** (1 / (2 * len(self.layers) - 1)))

    def for_batch_size(self, batch_size: int) -> ControlledDynamics:
        """As ``Dynamics.for_batch_size``."""
        return replace(self, sampler=self.sampler.for_batch_size(batch_size))

    def at(self, step: jax.Array) -> ControlledDynamics:
        """As ``Dynamics.at``."""
        return self

    def start(self) -> list[Leaf]:
        """As ``Dynamics.start``."""
        return [*self.layers, *(np.zeros(layer.shape, layer.dtype) for layer in self.layers), *self.layers]

    def gradients(self, key: jax.Array, state: list[jax.Array], batch_size: jax.Array) -> list[jax.Array]:
        """As ``Dynamics.gradients``."""
        depth, q = len(self.layers), self.origin.shape[0]
        layers, deviations, path = state[:depth], state[depth : 2 * depth], [part[0] for part in state[2 * depth :]]
        centre = products(path)[-1]

        def product_moved(deviation: list[jax.Array]) -> jax.Array:
            moved: jax.Array = jax.jvp(lambda layers: products(layers)[-1], (path,), (deviation,))[1]
            return moved

        shifts = jax.vmap(product_moved)(deviations)
        centres = jnp.broadcast_to(centre, shifts.shape)
        signals = self.sampler.gradients(
            key, jnp.concatenate([products(layers)[-1], centres + shifts, centres], axis=1), batch_size
        )
        mean = (centre - self.origin) @ self.hessian - self.slope

        def linearised(deviation: list[jax.Array], at_shift: jax.Array, at_centre: jax.Array) -> list[jax.Array]:
            tangents = (deviation, at_shift - at_centre)
            noise = pulled_back(path, at_centre - mean)
            moved = jax.jvp(pulled_back, (path, at_centre), tangents)[1]
            return [a + b + self.decay * c for a, b, c in zip(noise, moved, deviation, strict=True)]

        own = zip(pulled_back(layers, signals[:, :q]), layers, strict=True)
        descent = zip(pulled_back(path, mean), path, state[2 * depth :], strict=True)
        return [
            *(part + self.decay * layer for part, layer in own),
            *jax.vmap(linearised)(deviations, signals[:, q : 2 * q], signals[:, 2 * q :]),
            *(jnp.broadcast_to(part + self.decay * layer, stack.shape) for part, layer, stack in descent),
        ]

    def draws(self, batch_size: int) -> int:
        """As ``Dynamics.draws``."""
        return self.sampler.draws(batch_size)


def controlled_dynamics_of(sgd: SGD) -> ControlledDynamics:
    """The dynamics of a process of numbers and its linearised SGD, side by side."""
    layers = tuple(np.asarray(layer, dtype=np.float64) for layer in sgd.layers)
    shape = (layers[-1].shape[0], layers[0].shape[1])
    landscape = Landscape.of(sgd.problem.data, Chain((shape,)), 0.0)
    decay = np.asarray(sgd.problem.weight_decay, dtype=np.float64)
    at = landscape.origin, landscape.hessian, landscape.slope
    return ControlledDynamics(stacked_sampler(sgd, 3), layers, decay, *at)
