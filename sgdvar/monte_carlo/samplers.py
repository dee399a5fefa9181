r"""Mini-batch gradients drawn at random: the one place that knows how.

A sampler is a pytree of the data's arrays with one method, ``gradients``: the mean over a fresh batch of the gradient
of the squared loss of linear regression, for many replicates at once. A network needs nothing else of a batch than this
matrix at the product of its layers. The batch size is traced, so one compilation serves them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sgdvar.data import Dataset, DiscretePopulation
from sgdvar.monte_carlo.draws import fold_draws, fold_subset
from sgdvar.monte_carlo.examples import Examples
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = ["AtomBatches", "FiniteBatches", "GaussianBatches", "GaussianGradients", "Sampler", "sampler_for"]

_BINOMIAL = 8  # one binomial number takes about as long as so many draws
_COLUMN = 3  # one column of a Bartlett factor takes about as long as so many examples
Leaf: TypeAlias = jax.Array | Array
"""NumPy arrays outside of compiled functions, traced ones inside."""


class Sampler(Protocol):
    """What trajectories need of a way to draw batches."""

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


def _adding(X: Leaf, y: Leaf, weights: jax.Array) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """A function that adds to a sum of gradients, one per replicate, those of one example each."""
    inputs, targets = jnp.asarray(X), jnp.asarray(y)

    def add(total: jax.Array, indices: jax.Array) -> jax.Array:
        x = inputs.at[indices].get(mode="promise_in_bounds")
        residuals = jnp.sum(weights * x[:, None, :], axis=2) - targets.at[indices].get(mode="promise_in_bounds")
        return total + residuals[:, :, None] * x[:, None, :]

    return add


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

    def gradients(self, key: jax.Array, weights: jax.Array, batch_size: jax.Array) -> jax.Array:
        """As ``Sampler.gradients``."""
        n, add = self.X.shape[0], _adding(self.X, self.y, weights)
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
    thresholds: Leaf
    chances: Leaf

    @classmethod
    def of(cls, data: DiscretePopulation) -> AtomBatches:
        """The sampler of a population of numbers."""
        examples = Examples.of(data)
        chances = examples.probabilities
        tails = np.cumsum(chances[::-1])[::-1]
        return cls(examples.X, examples.y, np.cumsum(chances)[:-1], np.minimum(chances / tails, 1))

    def gradients(self, key: jax.Array, weights: jax.Array, batch_size: jax.Array) -> jax.Array:
        """As ``Sampler.gradients``."""
        by_counts = batch_size > _BINOMIAL * (len(self.X) - 1)
        total: jax.Array = lax.cond(by_counts, self._total_by_counts, self._total_by_draws, key, weights, batch_size)
        return total / batch_size

    def _total_by_draws(self, key: jax.Array, weights: jax.Array, batch_size: jax.Array) -> jax.Array:
        add, thresholds = _adding(self.X, self.y, weights), jnp.asarray(self.thresholds)

        def draw(i: jax.Array, total: jax.Array) -> jax.Array:
            uniform = jax.random.uniform(jax.random.fold_in(key, i), (len(weights),))
            return add(total, jnp.searchsorted(thresholds, uniform, side="right", method="scan_unrolled"))

        total: jax.Array = lax.fori_loop(0, batch_size, draw, jnp.zeros_like(weights))
        return total

    def _total_by_counts(self, key: jax.Array, weights: jax.Array, batch_size: jax.Array) -> jax.Array:
        X, y, chances = jnp.asarray(self.X), jnp.asarray(self.y), jnp.asarray(self.chances)

        def add(i: jax.Array, state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            left, total = state
            count = jax.random.binomial(jax.random.fold_in(key, i), left, chances[i], dtype=left.dtype)
            gradient = (weights @ X[i] - y[i])[:, :, None] * X[i]
            return left - count, total + count[:, None, None] * gradient

        left = jnp.full(len(weights), batch_size.astype(weights.dtype))
        total: jax.Array = lax.fori_loop(0, len(self.X), add, (left, jnp.zeros_like(weights)))[1]
        return total

    def draws(self, batch_size: int) -> int:
        """As ``Sampler.draws``."""
        return max(1, min(batch_size, _BINOMIAL * (len(self.X) - 1)))


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


def sampler_for(sgd: SGD) -> Sampler:
    """The fastest sampler for a process of numbers."""
    data = sgd.problem.data
    if isinstance(data, Dataset):
        return FiniteBatches.of(data, without_replacement=sgd.design.is_without_replacement)
    if isinstance(data, DiscretePopulation):
        return AtomBatches.of(data)
    teacher, factor, noise = (np.asarray(array, dtype=np.float64) for array in data.numbers())
    if len(teacher) == 1:
        return GaussianGradients(teacher, factor, float(np.sum(noise**2)))
    return GaussianBatches(teacher, factor, noise)
