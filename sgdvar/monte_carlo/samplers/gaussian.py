"""Batches from a Gaussian population, at a cost that does not grow with the batch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sgdvar.monte_carlo.samplers.protocol import Leaf
from sgdvar.monte_carlo.samplers.variates import chi_squares, normals

if TYPE_CHECKING:
    from sgdvar.data import GaussianPopulation

__all__ = ["GaussianBatches", "GaussianGradients"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class GaussianBatches:
    r"""Batches from a Gaussian population: :math:`x = C\xi`, residual :math:`(W - W^*)x - D\zeta`.

    The batch gradient is :math:`\frac1b (E\, \Xi - D Z)\, \Xi^\top C^\top` with :math:`E = (W - W^*) C` and standard
    normal matrices of b columns, one for each example. As many columns as :math:`\xi` has entries will do:
    :math:`\Xi` is replaced by its Bartlett factor T, a lower trapezoidal matrix with independent entries,
    :math:`T_{jj}^2 \sim \chi^2_{b-j+1}` and standard normal below, which has min(b, r) columns. For :math:`\Xi = T Q`
    with orthonormal rows of Q, and :math:`Z Q^\top` is standard normal again, independent of :math:`\Xi`. Batches of at
    most half as many examples as :math:`\xi` has entries are drawn as they are.

    Attributes:
        teacher: Shape (q, p).
        input_factor: C, shape (p, r), or None for the identity.
        noise_factor: D, shape (q, s), or None for no noise.
        columns: None for Bartlett factors; otherwise batches of up to so many examples are drawn as they are.
    """

    teacher: Leaf
    input_factor: Leaf | None
    noise_factor: Leaf | None
    columns: int | None = field(default=None, metadata={"static": True})

    @classmethod
    def of(cls, data: GaussianPopulation) -> GaussianBatches:
        """The sampler of a population of numbers."""
        teacher, factor, noise = (np.asarray(array, dtype=np.float64) for array in data.numbers())
        return cls(teacher, _unless_identity(factor), noise if noise.any() else None)

    def for_batch_size(self, batch_size: int) -> GaussianBatches:
        """As ``Sampler.for_batch_size``: few regimes below the number of entries, and one above."""
        columns = 1 << (batch_size - 1).bit_length()
        return replace(self, columns=columns if 2 * columns <= self._entries else None)

    @property
    def _entries(self) -> int:
        return int(self.teacher.shape[1] if self.input_factor is None else self.input_factor.shape[1])

    def gradients(self, key: jax.Array, weights: jax.Array, batch_size: jax.Array) -> jax.Array:
        """As ``Sampler.gradients``."""
        dtype, count = weights.dtype, len(weights)
        key_xi, key_zeta = jax.random.split(key)
        errors = jnp.moveaxis(_times(weights - jnp.asarray(self.teacher, dtype), self.input_factor), 0, -1)
        xi = self._inputs(key_xi, batch_size, count, dtype)
        noise = self._noise(key_zeta, xi.shape[1], count, dtype)

        def add(j: jax.Array, total: jax.Array) -> jax.Array:
            x = lax.dynamic_index_in_dim(xi, j, 1, keepdims=False)  # 0 from column b on, whatever the noise
            residuals = jnp.sum(errors * x[None], axis=1)
            if noise is not None:
                residuals -= lax.dynamic_index_in_dim(noise, j, 1, keepdims=False)
            gradients: jax.Array = residuals[:, None] * x[None]
            return total + gradients

        total = lax.fori_loop(0, xi.shape[1], add, jnp.zeros_like(errors))
        return _times_transposed(jnp.moveaxis(total, -1, 0) / batch_size.astype(dtype), self.input_factor)

    def _noise(self, key: jax.Array, columns: int, count: int, dtype: jnp.dtype) -> jax.Array | None:
        """Label noise, shape (q, columns, count)."""
        if self.noise_factor is None:
            return None
        factor = jnp.asarray(self.noise_factor, dtype)
        return jnp.tensordot(factor, normals(key, (factor.shape[1], columns, count), dtype), 1)

    def _inputs(self, key: jax.Array, batch_size: jax.Array, count: int, dtype: jnp.dtype) -> jax.Array:
        """The inputs of a batch or their Bartlett factor, shape (r, columns, count); 0 in columns from b on."""
        r = self._entries
        if self.columns is not None:
            inputs = normals(key, (r, self.columns, count), dtype)
            return jnp.where(_iota(inputs.shape, 1) < batch_size, inputs, 0)
        key_diagonal, key_below = jax.random.split(key)
        degrees = jnp.maximum(batch_size - jnp.arange(r, dtype=jnp.int32), 0)
        diagonal = jnp.sqrt(chi_squares(key_diagonal, degrees, count, dtype))
        below = _below_diagonal(key_below, r, count, dtype)
        row, column = _iota(below.shape, 0), _iota(below.shape, 1)
        return jnp.where((row > column) & (column < batch_size), below, jnp.where(row == column, diagonal, 0))

    def draws(self, batch_size: int) -> int:
        """As ``Sampler.draws``: one for all b."""
        return 1


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class GaussianGradients:
    r"""Batch gradients from a Gaussian population with one output, from one normal number per entry and one chi-square.

    With :math:`e = C^\top (w - w^*)`, :math:`\tau^2 = \lVert e \rVert^2 + \sigma^2`, :math:`Q \sim \chi^2_b` and
    :math:`z \sim N(0, I)` the batch gradient has exactly the distribution of

    .. math:: \frac1b\, C \left( Q e + \tau \sqrt Q\, \Bigl(z - \frac{e^\top z}{\tau (\tau + \sigma)} e\Bigr) \right):

    given the residuals of the batch, the inputs are normal with a mean along e, and z is multiplied by the root of
    their covariance :math:`I - e e^\top / \tau^2`.

    Attributes:
        teacher: Shape (1, p).
        input_factor: C, shape (p, r), or None for the identity.
        noise_variance: :math:`\sigma^2`.
    """

    teacher: Leaf
    input_factor: Leaf | None
    noise_variance: jax.Array | float

    @classmethod
    def of(cls, data: GaussianPopulation) -> GaussianGradients:
        """The sampler of a population of numbers with one output."""
        teacher, factor, noise = (np.asarray(array, dtype=np.float64) for array in data.numbers())
        return cls(teacher, _unless_identity(factor), float(np.sum(noise**2)))

    def for_batch_size(self, batch_size: int) -> GaussianGradients:
        """As ``Sampler.for_batch_size``: one for all."""
        return self

    def gradients(self, key: jax.Array, weights: jax.Array, batch_size: jax.Array) -> jax.Array:
        """As ``Sampler.gradients``."""
        dtype = weights.dtype
        b, sigma = batch_size.astype(dtype), jnp.sqrt(jnp.asarray(self.noise_variance, dtype))
        errors = _times((weights - jnp.asarray(self.teacher, dtype))[:, 0], self.input_factor)
        tau = jnp.sqrt(jnp.sum(errors**2, axis=1) + sigma**2)
        key_q, key_z = jax.random.split(key)
        chi_square = chi_squares(key_q, batch_size[None], len(weights), dtype)[0]
        z = normals(key_z, errors.shape, dtype)
        across = tau * jnp.sqrt(chi_square) / b
        scale = jnp.where(tau > 0, tau * (tau + sigma), 1)  # at tau = 0 the gradient is 0
        along = chi_square / b - across * jnp.sum(errors * z, axis=1) / scale
        return _times_transposed(along[:, None] * errors + across[:, None] * z, self.input_factor)[:, None]

    def draws(self, batch_size: int) -> int:
        """As ``Sampler.draws``: one for all b."""
        return 1


def _below_diagonal(key: jax.Array, size: int, count: int, dtype: jnp.dtype) -> jax.Array:
    """Matrices with independent normal numbers below the diagonal, and anything else on it and above.

    A rectangle of half the size holds them all: column j < size / 2 below the diagonal, and above it, turned round, the
    column that is as far from the right.
    """
    half = -(-size // 2)
    rectangle = normals(key, (size - 1, half, count), dtype)
    row = jnp.zeros((1, half, count), dtype)
    left, right = jnp.concatenate([row, rectangle]), jnp.concatenate([rectangle, row])[::-1, ::-1]
    return jnp.concatenate([left, right[:, 2 * half - size :]], axis=1)


def _iota(shape: tuple[int, ...], axis: int) -> jax.Array:
    """The index along an axis, with as many axes as the shape and only this one longer than 1."""
    ones = [1] * len(shape)
    ones[axis] = shape[axis]
    return lax.broadcasted_iota(jnp.int32, tuple(ones), axis)


def _unless_identity(factor: np.ndarray) -> np.ndarray | None:
    return None if np.array_equal(factor, np.eye(len(factor))) else factor


def _times(rows: jax.Array, factor: Leaf | None) -> jax.Array:
    return rows if factor is None else rows @ jnp.asarray(factor, rows.dtype)


def _times_transposed(rows: jax.Array, factor: Leaf | None) -> jax.Array:
    return rows if factor is None else rows @ jnp.asarray(factor, rows.dtype).T
