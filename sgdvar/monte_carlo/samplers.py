r"""Mini-batch gradients drawn at random: the one place that knows how.

A sampler is a pytree of the data's arrays with one method, ``gradients``: the mean over a fresh batch of the gradient
of the squared loss, for many replicates at once. Trajectories know nothing else about batches. The batch size is
traced, so one compilation serves them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sgdvar.data import Dataset
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = [
    "FiniteBatches",
    "GaussianBatches",
    "GaussianGradients",
    "Sampler",
    "fold_draws",
    "fold_subset",
    "sampler_for",
    "uniform_below",
]

_WORD = 32
Leaf: TypeAlias = jax.Array | Array
"""NumPy arrays outside of compiled functions, traced ones inside."""
_Carry = TypeVar("_Carry")


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


def uniform_below(key: jax.Array, bound: jax.Array, count: int) -> jax.Array:
    """Integers uniform on 0, ..., bound - 1, exactly: multiply and shift, with rejection (Lemire).

    Args:
        key: A key that is used nowhere else.
        bound: An integer from 1 to 2**31 - 1, traced.
        count: How many integers.
    """
    bound = jnp.asarray(bound).astype(jnp.uint64)
    low, threshold = jnp.uint64(2**_WORD - 1), (jnp.uint64(2**_WORD) - bound) % bound

    def attempt(number: jax.Array | int) -> jax.Array:
        words = jax.random.bits(jax.random.fold_in(key, number), (count,), jnp.uint32)
        products: jax.Array = words.astype(jnp.uint64) * bound
        return products

    def is_rejected(products: jax.Array) -> jax.Array:
        rejected: jax.Array = products & low < threshold
        return rejected

    def redraw(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        number, products = state
        return number + 1, jnp.where(is_rejected(products), attempt(number), products)

    first = (jnp.uint32(1), attempt(0))
    products = lax.while_loop(lambda state: jnp.any(is_rejected(state[1])), redraw, first)[1]
    return jnp.right_shift(products, _WORD).astype(jnp.int32)


def fold_draws(
    fold: Callable[[_Carry, jax.Array], _Carry],
    carry: _Carry,
    key: jax.Array,
    *,
    population: int,
    size: jax.Array,
    replicates: int,
) -> _Carry:
    """``fold(carry, indices)`` over ``size`` independent uniform draws from 0, ..., population - 1.

    Args:
        fold: Takes the indices of one draw, shape (replicates,).
        carry: Its first argument to start with.
        key: A key that is used nowhere else.
        population: n.
        size: The number of draws, traced.
        replicates: Independent batches drawn side by side.
    """

    def draw(i: jax.Array, carry: _Carry) -> _Carry:
        return fold(carry, uniform_below(jax.random.fold_in(key, i), jnp.asarray(population), replicates))

    result: _Carry = lax.fori_loop(0, size, draw, carry)
    return result


def fold_subset(
    fold: Callable[[_Carry, jax.Array], _Carry],
    carry: _Carry,
    key: jax.Array,
    *,
    population: int,
    size: jax.Array,
    replicates: int,
) -> _Carry:
    """``fold(carry, indices)`` over the members of uniform random subsets of 0, ..., population - 1.

    Floyd's algorithm: every subset is exactly equally likely. Members so far are kept as bits, so a draw costs the same
    whatever the size.

    Args:
        fold: Takes one new member per replicate, shape (replicates,).
        carry: Its first argument to start with.
        key: A key that is used nowhere else.
        population: n.
        size: The number of members, traced; at most ``population``.
        replicates: Independent subsets drawn side by side.
    """
    rows = jnp.arange(replicates)

    def draw(i: jax.Array, state: tuple[jax.Array, _Carry]) -> tuple[jax.Array, _Carry]:
        members, carry = state
        last = population - size + i
        candidate = uniform_below(jax.random.fold_in(key, i), last + 1, replicates)
        words = members.at[rows, candidate // _WORD].get(mode="promise_in_bounds")
        is_member = (words >> (candidate % _WORD).astype(jnp.uint32)) & 1 == 1
        chosen = jnp.where(is_member, last, candidate).astype(jnp.int32)
        bit = jnp.uint32(1) << (chosen % _WORD).astype(jnp.uint32)
        members = members.at[rows, chosen // _WORD].add(bit, mode="promise_in_bounds", unique_indices=True)
        return members, fold(carry, chosen)

    none = jnp.zeros((replicates, -(-population // _WORD)), jnp.uint32)
    result: _Carry = lax.fori_loop(0, size, draw, (none, carry))[1]
    return result


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
        X = np.asarray(data.X, dtype=np.float64)
        y = np.asarray(data.y, dtype=np.float64).reshape(len(X), -1)
        return cls(X, y, X.T @ X / len(X), y.T @ X / len(X), without_replacement)

    def gradients(self, key: jax.Array, weights: jax.Array, batch_size: jax.Array) -> jax.Array:
        """As ``Sampler.gradients``."""
        n = self.X.shape[0]
        X, y = jnp.asarray(self.X), jnp.asarray(self.y)

        def add(total: jax.Array, indices: jax.Array) -> jax.Array:
            x = X.at[indices].get(mode="promise_in_bounds")
            targets = y.at[indices].get(mode="promise_in_bounds")
            residuals = jnp.sum(weights * x[:, None, :], axis=2) - targets
            return total + residuals[:, :, None] * x[:, None, :]

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
class GaussianBatches:
    r"""Batches from a Gaussian population, example by example: :math:`x = C\xi`, residual :math:`(W - W^*)x - D\zeta`.

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

        def draw(i: jax.Array, total: jax.Array) -> jax.Array:
            normals = jax.random.normal(jax.random.fold_in(key, i), (count, r + s))
            xi, zeta = normals[:, :r], normals[:, r:]
            residuals = jnp.sum(errors * xi[:, None, :], axis=2) - zeta @ self.noise_factor.T
            return total + residuals[:, :, None] * xi[:, None, :]

        total: jax.Array = lax.fori_loop(0, batch_size, draw, jnp.zeros_like(errors))
        return total / batch_size @ self.input_factor.T

    def draws(self, batch_size: int) -> int:
        """As ``Sampler.draws``."""
        return batch_size


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
    teacher, factor, noise = (np.asarray(array, dtype=np.float64) for array in data.numbers())
    if len(teacher) == 1:
        return GaussianGradients(teacher, factor, float(np.sum(noise**2)))
    return GaussianBatches(teacher, factor, noise)
