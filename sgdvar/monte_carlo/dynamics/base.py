r"""What is simulated: the state of a replicate, and the gradient of one random batch in that state.

SGD moves every part of a state by the same rule, part minus step size times gradient. A state is a list of arrays: the
layers of a network, or all that is to see the same batches.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import jax
import numpy as np

from sgdvar.memory import once_for_each
from sgdvar.monte_carlo.dynamics.chain import products, pulled_back
from sgdvar.monte_carlo.samplers import Sampler, sampler_for
from sgdvar.monte_carlo.samplers.protocol import Leaf
from sgdvar.problems import DifferentiableModel
from sgdvar.process import SGD

__all__ = ["GRADIENT_LIMIT", "Dynamics", "LayerDynamics", "dynamics_of", "room_for"]

GRADIENT_LIMIT = 1e48  # sums of sixth powers of anything smaller are floating-point numbers


def room_for(step: int) -> int:
    """The length of arrays by step, up to one: few lengths, few compilations."""
    return int(2 ** max(4, step.bit_length()))


class Dynamics(Protocol):
    """What trajectories need to know; implementations are pytrees, whose leaves are cast to the precision."""

    @property
    def weight_limit(self) -> float:
        """How large the entries of a state may be, so that gradients stay below ``GRADIENT_LIMIT``."""
        ...

    def for_batch_size(self, batch_size: int) -> Dynamics:
        """The dynamics that are fastest for a batch size; batch sizes that share them share their compilation."""
        ...

    def at(self, step: jax.Array) -> Dynamics:
        """The dynamics at a step, traced; themselves where nothing but the step size changes."""
        ...

    def start(self) -> list[Leaf]:
        """The state that every replicate starts from, without an axis of replicates."""
        ...

    def gradients(self, key: jax.Array, state: list[jax.Array], batch_size: jax.Array) -> list[jax.Array]:
        """The gradient of one batch for each replicate, independent between replicates.

        Args:
            key: A key that is used nowhere else.
            state: The parts of the state, each with a first axis of R replicates.
            batch_size: b, traced.

        Returns:
            Arrays in the shapes of ``state``.
        """
        ...

    def draws(self, batch_size: int) -> int:
        """How many examples are drawn for one batch, to which the time for it is proportional."""
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class LayerDynamics:
    r"""Linear layers under the squared loss: :math:`A_j^\top R\, B_j^\top + \lambda W_j`, in the notation of ``chain``.

    Attributes:
        sampler: Draws R, the gradient of linear regression at the product of the layers.
        layers: The start, matrices of shape (outputs, inputs); one for linear regression.
        decay: :math:`\lambda`.
    """

    sampler: Sampler
    layers: tuple[Leaf, ...]
    decay: Leaf

    @property
    def weight_limit(self) -> float:
        """As ``Dynamics.weight_limit``: gradients have degree 2 L - 1 in the weights."""
        return float(GRADIENT_LIMIT ** (1 / (2 * len(self.layers) - 1)))

    def for_batch_size(self, batch_size: int) -> LayerDynamics:
        """As ``Dynamics.for_batch_size``."""
        return replace(self, sampler=self.sampler.for_batch_size(batch_size))

    def at(self, step: jax.Array) -> LayerDynamics:
        """As ``Dynamics.at``."""
        return self

    def start(self) -> list[Leaf]:
        """As ``Dynamics.start``."""
        return list(self.layers)

    def gradients(self, key: jax.Array, state: list[jax.Array], batch_size: jax.Array) -> list[jax.Array]:
        """As ``Dynamics.gradients``."""
        signal = self.sampler.gradients(key, products(state)[-1], batch_size)
        return [part + self.decay * layer for part, layer in zip(pulled_back(state, signal), state, strict=True)]

    def draws(self, batch_size: int) -> int:
        """As ``Dynamics.draws``."""
        return self.sampler.draws(batch_size)


@once_for_each
def dynamics_of(sgd: SGD) -> Dynamics:
    """The dynamics of a process of numbers, made once for each process.

    Raises:
        ValueError: The functions of a differentiable model do not take or return what they must.
    """
    if isinstance(sgd.problem, DifferentiableModel):
        from sgdvar.monte_carlo.dynamics.models import ModelDynamics  # which is an implementation of the protocol above

        return ModelDynamics.of(sgd)
    layers = tuple(np.asarray(layer, dtype=np.float64) for layer in sgd.layers)
    return LayerDynamics(sampler_for(sgd), layers, np.asarray(sgd.problem.weight_decay, dtype=np.float64))
