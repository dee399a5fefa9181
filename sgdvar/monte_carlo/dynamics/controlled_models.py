"""A differentiable model and its linearised SGD, simulated side by side on the same batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sgdvar.memory import once_for_each
from sgdvar.monte_carlo.dynamics.base import GRADIENT_LIMIT, room_for
from sgdvar.monte_carlo.dynamics.chain import Chain
from sgdvar.monte_carlo.dynamics.example_draws import ExampleDraws
from sgdvar.monte_carlo.dynamics.models import ExampleLoss, ModelDynamics, float_parts
from sgdvar.monte_carlo.landscapes.models import ModelLandscape
from sgdvar.monte_carlo.samplers.protocol import Leaf
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = ["ControlledModelDynamics", "controlled_model_dynamics_of"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class ControlledModelDynamics:
    r"""A model and its linearised SGD (``sgdvar.monte_carlo.control.linearised``), which see the same batches.

    A state holds the parts of the weights, then those of :math:`\delta`. The Hessian of a batch meets :math:`\delta` as
    a product, by forward differentiation of the gradient.

    Attributes:
        examples: Draws the batches.
        path: Gradient descent from the start, step by step, in the shapes of the parts: shape (steps, *shape) each.
        means: The gradients of the loss without weight decay there.
        decay: The weight decay.
        loss: The loss of one example.
    """

    examples: ExampleDraws
    path: tuple[Leaf, ...]
    means: tuple[Leaf, ...]
    decay: Leaf
    loss: ExampleLoss = field(metadata={"static": True})

    @property
    def weight_limit(self) -> float:
        """As ``Dynamics.weight_limit``; how gradients grow with the weights is not known."""
        return GRADIENT_LIMIT

    def for_batch_size(self, batch_size: int) -> ControlledModelDynamics:
        """As ``Dynamics.for_batch_size``."""
        return replace(self, examples=self.examples.for_batch_size(batch_size))

    def at(self, step: jax.Array) -> ControlledModelDynamics:
        """As ``Dynamics.at``: the path begins there."""
        path, means = (
            tuple(lax.dynamic_slice_in_dim(jnp.asarray(rows), step, 1) for rows in table)
            for table in (self.path, self.means)
        )
        return replace(self, path=path, means=means)

    def start(self) -> list[Leaf]:
        """As ``Dynamics.start``."""
        return [*(rows[0] for rows in self.path), *(np.zeros(rows.shape[1:], rows.dtype) for rows in self.path)]

    def gradients(self, key: jax.Array, state: list[jax.Array], batch_size: jax.Array) -> list[jax.Array]:
        """As ``Dynamics.gradients``."""
        count = len(self.path)
        deviations = state[count:]
        path, means = ([jnp.asarray(rows)[0] for rows in table] for table in (self.path, self.means))
        gradient = jax.grad(self.loss)

        def linearised(deviation: list[jax.Array], inputs: jax.Array, target: jax.Array) -> list[jax.Array]:
            at_path, moved = jax.jvp(lambda parts: gradient(parts, inputs, target), (path,), (deviation,))
            return [a - mean + b for a, mean, b in zip(at_path, means, moved, strict=True)]

        def add(total: list[jax.Array], inputs: jax.Array, targets: jax.Array) -> list[jax.Array]:
            own = jax.vmap(gradient)(state[:count], inputs, targets)
            return [a + b for a, b in zip(total, own + jax.vmap(linearised)(deviations, inputs, targets), strict=True)]

        zero = [jnp.zeros_like(part) for part in state]
        total = self.examples.fold(add, zero, key, batch_size, len(state[0]))
        return [own / batch_size + self.decay * part for own, part in zip(total, state, strict=True)]

    def draws(self, batch_size: int) -> int:
        """As ``Dynamics.draws``."""
        return batch_size


@once_for_each
def controlled_model_dynamics_of(sgd: SGD, step: int) -> ControlledModelDynamics:
    """The dynamics of a process of numbers and its linearised SGD up to a step, made once for each process.

    Raises:
        ValueError: Gradient descent diverges, or the functions of the model do not take or return what they must.
    """
    ExampleLoss.of(sgd).check(float_parts(sgd), sgd.problem.data, is_twice=True)
    plain, (path, means) = ModelDynamics.of(sgd), _descent(sgd, step)
    return ControlledModelDynamics(plain.examples, path, means, plain.decay, plain.loss)


def _descent(sgd: SGD, step: int) -> Sequence[tuple[Array, ...]]:
    """Gradient descent up to a step, and the gradients without weight decay there, by the parts of the weights."""
    landscape, decay = ModelLandscape.of(sgd, sgd.problem.data), float(sgd.problem.weight_decay)
    loss = replace(landscape, decay=0.0)
    path = np.zeros((room_for(step), sgd.weight_count))
    means = np.zeros_like(path)
    weights = np.concatenate([np.ravel(part) for part in float_parts(sgd)])
    for t, alpha in enumerate([*map(float, sgd.step_sizes(step)), 0.0]):
        try:
            path[t], means[t] = weights, loss.gradient(weights[None])[0]
        except FloatingPointError as error:
            raise ValueError(
                f"control_variate must be False where gradient descent diverges, got True; it does at step {t}"
            ) from error
        weights = weights - alpha * (means[t] + decay * weights)
    chain = Chain.of(sgd)
    return [tuple(chain.layers(rows)) for rows in (path, means)]
