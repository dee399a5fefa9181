"""Batches from a Gaussian population."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import lax

from sgdvar.monte_carlo.samplers.protocol import Leaf

__all__ = ["GaussianBatches", "GaussianGradients"]

_COLUMN = 3  # one column of a Bartlett factor takes about as long as so many examples


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class GaussianBatches:
    r"""Batches from a Gaussian population: :math:`x = C\xi`, residual :math:`(W - W^*)x - D\zeta`.

    The batch gradient is :math:`\frac1b (E C\, \Xi - D Z)\, \Xi^\top C^\top` with :math:`E = W - W^*` and standard
    normal matrices of b columns, one for each example. For large b as many columns as :math:`\xi` has entries will do:
    :math:`\Xi` is replaced by its Bartlett factor T, a lower triangular matrix with independent entries,
    :math:`T_{jj}^2 \sim \chi^2_{b-j+1}` and standard normal below. For :math:`\Xi = T Q` with orthonormal rows of Q,
    and :math:`Z Q^\top` is standard normal again, independent of :math:`\Xi`.

    Attributes:
        teacher: Shape (q, p).
        input_factor: C, shape (p, r).
        noise_factor: D, shape (q, s).
    """

    teacher: Leaf
    input_factor: Leaf
    noise_factor: Leaf

    def for_batch_size(self, batch_size: int) -> GaussianBatches:
        """As ``Sampler.for_batch_size``: one for all."""
        return self

    def gradients(self, key: jax.Array, weights: jax.Array, batch_size: jax.Array) -> jax.Array:
        """As ``Sampler.gradients``."""
        errors = (weights - self.teacher) @ self.input_factor
        r, s, count = self.input_factor.shape[1], self.noise_factor.shape[1], len(weights)
        by_factor = batch_size > _COLUMN * r
        entries = jnp.arange(r)

        def column(key: jax.Array, normals: jax.Array, j: jax.Array) -> jax.Array:
            """Column j of the Bartlett factor, from 0."""
            squares = jax.random.chisquare(key, (batch_size - j).astype(normals.dtype), (count, 1))
            column: jax.Array = jnp.where(entries < j, 0, jnp.where(entries == j, jnp.sqrt(squares), normals))
            return column

        def draw(i: jax.Array, total: jax.Array) -> jax.Array:
            normals = jax.random.normal(jax.random.fold_in(key, i), (count, r + s))
            xi, zeta = normals[:, :r], normals[:, r:]
            xi = lax.cond(by_factor, column, lambda _, xi, __: xi, jax.random.fold_in(key, r + i), xi, i)
            residuals = jnp.sum(errors * xi[:, None, :], axis=2) - zeta @ self.noise_factor.T
            gradients: jax.Array = residuals[:, :, None] * xi[:, None, :]
            return total + gradients

        columns = jnp.where(by_factor, r, batch_size)
        total = lax.fori_loop(0, columns, draw, jnp.zeros_like(errors))
        gradients: jax.Array = total / batch_size @ self.input_factor.T
        return gradients

    def draws(self, batch_size: int) -> int:
        """As ``Sampler.draws``: no more than a Bartlett factor takes."""
        return min(batch_size, _COLUMN * int(self.input_factor.shape[1]))


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class GaussianGradients:
    r"""Batch gradients from a Gaussian population with one output, at a cost that is free of b.

    With :math:`e = C^\top (w - w^*)`, :math:`\tau^2 = \lVert e \rVert^2 + \sigma^2`, :math:`Q \sim \chi^2_b` and
    :math:`z \sim N(0, I)` the batch gradient has exactly the distribution of

    .. math:: \frac1b\, C \left( Q e + \tau \sqrt Q\, (I - e e^\top / \tau^2)^{1/2} z \right):

    given the residuals of the batch, the inputs are normal with a mean along e.

    Attributes:
        teacher: Shape (1, p).
        input_factor: C, shape (p, r).
        noise_variance: :math:`\sigma^2`.
    """

    teacher: Leaf
    input_factor: Leaf
    noise_variance: jax.Array | float

    def for_batch_size(self, batch_size: int) -> GaussianGradients:
        """As ``Sampler.for_batch_size``: one for all."""
        return self

    def gradients(self, key: jax.Array, weights: jax.Array, batch_size: jax.Array) -> jax.Array:
        """As ``Sampler.gradients``."""
        errors = (weights - self.teacher)[:, 0, :] @ self.input_factor
        tau = jnp.sqrt(jnp.sum(errors**2, axis=1) + self.noise_variance)
        scale = jnp.where(tau > 0, tau, 1)  # at tau = 0 the gradient is 0
        along = errors / scale[:, None]
        root = jnp.sqrt(self.noise_variance) / scale  # (I - a a^T)^(1/2) = I - a a^T / (1 + root)
        key_q, key_z = jax.random.split(key)
        chi_square = jax.random.chisquare(key_q, batch_size.astype(errors.dtype), (len(weights),))
        z = jax.random.normal(key_z, errors.shape)
        z = z - along * (jnp.sum(along * z, axis=1) / (1 + root))[:, None]
        total = chi_square[:, None] * errors + (tau * jnp.sqrt(chi_square))[:, None] * z
        return (total / batch_size @ self.input_factor.T)[:, None, :]

    def draws(self, batch_size: int) -> int:
        """As ``Sampler.draws``: one for all b."""
        return 1
