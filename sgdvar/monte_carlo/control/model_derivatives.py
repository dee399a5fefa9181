"""The derivatives of a differentiable model's loss, by automatic differentiation at one example after the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sgdvar.monte_carlo.landscapes.models import ModelLandscape, Portions, flat_gradient
from sgdvar.monte_carlo.running.devices import settings
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = ["ModelDerivatives"]

_BUFFER = 2**20  # numbers in the Hessians of a few examples
_EXAMPLES = 256  # at a time, at most
_PER_ENTRY = 50  # operations behind one entry of a Hessian
_PER_PRODUCT = 0.2  # operations behind one multiplication in a product of matrices, where processors are fastest


@dataclass(frozen=True, eq=False)
class ModelDerivatives:
    """Derivatives of the loss of a differentiable model on finite data, as ``Derivatives``.

    Attributes:
        landscape: The loss.
        size: How many examples are taken at a time.
    """

    landscape: ModelLandscape
    size: int

    @classmethod
    def of(cls, sgd: SGD) -> ModelDerivatives:
        """The derivatives for a process of numbers on a differentiable model with finite data."""
        n, data = len(sgd.problem.data.numbers()[0]), sgd.problem.data
        size = int(np.clip(_BUFFER // sgd.weight_count**2, 1, min(_EXAMPLES, n)))
        return cls(ModelLandscape.of(sgd, data), size)

    def __call__(self, weights: Array, covariances: Array) -> tuple[Array, Array, Array]:
        """As ``Derivatives``."""
        loss, shapes = self.landscape.example_loss, self.landscape.shapes
        with settings():
            found = _linearised(weights, covariances, self._portions, example_loss=loss, shapes=shapes)
            gradient, hessian, noise = map(np.asarray, found)
        return gradient, hessian, noise

    @cached_property
    def _portions(self) -> Portions:
        return self.landscape.portions(self.size)

    @staticmethod
    def operations(sgd: SGD, step: int, batch_sizes: int) -> float:
        """As ``linearised_operations``."""
        n, d = len(sgd.problem.data.numbers()[0]), sgd.weight_count
        return float((step + 1) * n * d * d * (_PER_ENTRY + _PER_PRODUCT * d * batch_sizes))


@partial(jax.jit, static_argnames=("example_loss", "shapes"))
def _linearised(
    weights: Any, covariances: Any, portions: Portions, *, example_loss: Any, shapes: Any
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """As ``Derivatives``; portions are merged by the update of Chan, Golub and LeVeque, which does not cancel."""
    gradient = flat_gradient(example_loss, shapes)
    hessian = jax.jacfwd(gradient)  # forward, as the simulation multiplies with it
    d = len(weights)

    def spread(chances: jax.Array, gradients: jax.Array, hessians: jax.Array) -> jax.Array:
        """The second moments of linearised gradients, from derivatives less their means."""
        own = jnp.einsum("k,ki,kj->ij", chances, gradients, gradients)

        def moved(covariance: jax.Array) -> jax.Array:
            return own + jnp.einsum("k,kij,jl,kml->im", chances, hessians, covariance, hessians)

        result: jax.Array = lax.map(moved, covariances)
        return result

    def add(state: Any, portion: Portions) -> tuple[Any, None]:
        known, mean_gradient, mean_hessian, noise = state
        examples = (portion.inputs, portion.targets)
        gradients, hessians = (jax.vmap(f, (None, 0, 0))(weights, *examples) for f in (gradient, hessian))
        mass = jnp.sum(portion.chances)
        total = known + mass
        own_gradient, own_hessian = (jnp.tensordot(portion.chances, x, 1) / mass for x in (gradients, hessians))
        shifts = own_gradient - mean_gradient, own_hessian - mean_hessian
        noise += spread(portion.chances, gradients - own_gradient, hessians - own_hessian)
        noise += spread((known * mass / total)[None], shifts[0][None], shifts[1][None])
        share = mass / total
        return (total, mean_gradient + share * shifts[0], mean_hessian + share * shifts[1], noise), None

    start = (jnp.zeros(()), jnp.zeros(d), jnp.zeros((d, d)), jnp.zeros_like(covariances))
    _, mean_gradient, mean_hessian, noise = lax.scan(add, start, portions)[0]
    return mean_gradient, mean_hessian, noise
