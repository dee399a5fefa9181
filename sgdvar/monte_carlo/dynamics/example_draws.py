"""Batches of whole examples, drawn one after the other: all that is needed where no closed form is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sgdvar.data import Dataset, DiscretePopulation
from sgdvar.monte_carlo.examples import Examples
from sgdvar.monte_carlo.samplers.draws import CHUNK, distinct_draws, fold_table, independent_draws
from sgdvar.monte_carlo.samplers.protocol import Float64, Leaf
from sgdvar.process import SGD

__all__ = ["AtomDraws", "ExampleDraws", "FiniteDraws", "GaussianDraws", "draws_of"]

_CAPACITIES = (8, CHUNK, 8 * CHUNK)  # batch sizes of one compilation
_Carry = TypeVar("_Carry")
Add: TypeAlias = Callable[[_Carry, jax.Array, jax.Array], _Carry]
"""Adds one example for each replicate, inputs of shape (R, p) and targets of shape (R,) or (R, q)."""


class ExampleDraws(Protocol):
    """A way to draw the examples of batches; implementations are pytrees, whose leaves are cast to the precision."""

    def for_batch_size(self, batch_size: int) -> ExampleDraws:
        """The draws for a batch size; batch sizes that share them share their compilation."""
        ...

    def fold(self, add: Add[_Carry], carry: _Carry, key: jax.Array, batch_size: jax.Array, replicates: int) -> _Carry:
        """``add(carry, inputs, targets)`` over the examples of one batch for each replicate."""
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class FiniteDraws:
    """Examples of a data set.

    Attributes:
        X: Inputs, shape (n, p).
        y: Targets, shape (n,) or (n, q).
        without_replacement: Whether examples in one batch are distinct.
        capacity: How many examples can be told apart one by one; larger batches need a table.
    """

    X: Leaf
    y: Leaf
    without_replacement: bool = field(metadata={"static": True})
    capacity: int = field(default=_CAPACITIES[-1] + 1, metadata={"static": True})

    def for_batch_size(self, batch_size: int) -> FiniteDraws:
        """As ``ExampleDraws.for_batch_size``."""
        return replace(self, capacity=next((k for k in _CAPACITIES if batch_size <= k), _CAPACITIES[-1] + 1))

    def fold(self, add: Add[_Carry], carry: _Carry, key: jax.Array, batch_size: jax.Array, replicates: int) -> _Carry:
        """As ``ExampleDraws.fold``."""
        chosen, rows = _chosen(add, self.X, self.y), min(self.capacity, CHUNK)
        options = {"population": self.X.shape[0], "replicates": replicates}

        def add_all(carry: _Carry, drawn: jax.Array, count: jax.Array) -> _Carry:
            result: _Carry = lax.fori_loop(0, count, lambda i, carry: chosen(carry, drawn[i]), carry)
            return result

        def add_draws(number: jax.Array, carry: _Carry) -> _Carry:
            own, count = jax.random.fold_in(key, number), jnp.minimum(batch_size - number * rows, rows)
            return add_all(carry, independent_draws(own, size=count, capacity=rows, **options), count)

        def add_members(state: tuple[jax.Array, _Carry], drawn: jax.Array) -> tuple[jax.Array, _Carry]:
            left, carry = state
            return left - CHUNK, add_all(carry, drawn, jnp.minimum(left, CHUNK))

        if not self.without_replacement:
            carry = lax.fori_loop(0, (batch_size + rows - 1) // rows, add_draws, carry)
        elif self.capacity in _CAPACITIES:
            drawn = distinct_draws(key, size=batch_size, capacity=self.capacity, **options)
            carry = add_all(carry, drawn, batch_size)
        else:
            carry = fold_table(add_members, (batch_size, carry), key, size=batch_size, **options)[1]
        return carry


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class AtomDraws:
    """Atoms of a population.

    Attributes:
        X: Inputs, shape (k, p).
        y: Targets, shape (k,) or (k, q).
        thresholds: The probabilities of the atoms up to each but the last together, shape (k - 1,).
    """

    X: Leaf
    y: Leaf
    thresholds: Float64

    def for_batch_size(self, batch_size: int) -> AtomDraws:
        """As ``ExampleDraws.for_batch_size``: one for all."""
        return self

    def fold(self, add: Add[_Carry], carry: _Carry, key: jax.Array, batch_size: jax.Array, replicates: int) -> _Carry:
        """As ``ExampleDraws.fold``."""
        chosen, thresholds = _chosen(add, self.X, self.y), jnp.asarray(self.thresholds.value)

        def draw(i: jax.Array, carry: _Carry) -> _Carry:
            uniform = jax.random.uniform(jax.random.fold_in(key, i), (replicates,))
            return chosen(carry, jnp.searchsorted(thresholds, uniform, side="right", method="scan_unrolled"))

        result: _Carry = lax.fori_loop(0, batch_size, draw, carry)
        return result


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class GaussianDraws:
    r"""Examples :math:`x = C\xi`, :math:`y = W^* x + D\zeta` of a Gaussian population.

    Attributes:
        teacher: :math:`W^*`, shape (q, p).
        input_factor: C, shape (p, r).
        noise_factor: D, shape (q, s).
        is_number: Whether a target is a number, and not an array of shape (q,).
    """

    teacher: Leaf
    input_factor: Leaf
    noise_factor: Leaf
    is_number: bool = field(metadata={"static": True})

    def for_batch_size(self, batch_size: int) -> GaussianDraws:
        """As ``ExampleDraws.for_batch_size``: one for all."""
        return self

    def fold(self, add: Add[_Carry], carry: _Carry, key: jax.Array, batch_size: jax.Array, replicates: int) -> _Carry:
        """As ``ExampleDraws.fold``."""
        r, s = self.input_factor.shape[1], self.noise_factor.shape[1]
        dtype = jnp.asarray(self.teacher).dtype

        def draw(i: jax.Array, carry: _Carry) -> _Carry:
            normals = jax.random.normal(jax.random.fold_in(key, i), (replicates, r + s), dtype)
            inputs = normals[:, :r] @ self.input_factor.T
            targets = inputs @ self.teacher.T + normals[:, r:] @ self.noise_factor.T
            return add(carry, inputs, targets[:, 0] if self.is_number else targets)

        result: _Carry = lax.fori_loop(0, batch_size, draw, carry)
        return result


def draws_of(sgd: SGD) -> ExampleDraws:
    """The draws of a process of numbers."""
    data = sgd.problem.data
    if isinstance(data, Dataset | DiscretePopulation):
        X, y = np.asarray(data.X, dtype=np.float64), np.asarray(data.y, dtype=np.float64)
        if isinstance(data, Dataset):
            return FiniteDraws(X, y, sgd.design.is_without_replacement)
        return AtomDraws(X, y, Float64(np.cumsum(Examples.of(data).probabilities)[:-1]))
    teacher, factor, noise = (np.asarray(array, dtype=np.float64) for array in data.numbers())
    return GaussianDraws(teacher, factor, noise, data.outputs is None)


def _chosen(add: Add[_Carry], X: Leaf, y: Leaf) -> Callable[[_Carry, jax.Array], _Carry]:
    """``add`` as a function of the indices of examples."""
    inputs, targets = jnp.asarray(X), jnp.asarray(y)

    def chosen(carry: _Carry, indices: jax.Array) -> _Carry:
        x, y = (rows.at[indices].get(mode="promise_in_bounds") for rows in (inputs, targets))
        return add(carry, x, y)

    return chosen
