"""Batches from a finite data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sgdvar.data import Dataset
from sgdvar.monte_carlo.examples import Examples
from sgdvar.monte_carlo.samplers.draws import CHUNK, distinct_draws, fold_table, independent_draws, subset_bits
from sgdvar.monte_carlo.samplers.protocol import Leaf

__all__ = ["FiniteBatches", "Method"]

Method: TypeAlias = Literal["compare", "table", "bits"]
"""How members of a subset are told from others: one by one, in a table of bits, or by drawing that table at once."""

_BLOCK = 128  # examples that are multiplied at a time
_ROWS = 2048  # examples that are looked up at a time, fewer if they are long
_ENTRIES = 2**15  # numbers that are looked up at a time
_CAPACITIES = (8, CHUNK, 8 * CHUNK)  # draws of one compilation


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class FiniteBatches:
    """Batches from a finite data set, with or without replacement.

    Attributes:
        rows: Inputs and targets of all examples side by side, and zeros below and beside, shape (at least n + 1, at
            least p + q).
        hessian: Mean of x x^T, shape (p, p).
        cross: Mean of y x^T, shape (q, p).
        n: The number of examples.
        without_replacement: Whether examples in one batch are distinct.
        method: How the members of a batch without replacement are told; any is right for every batch size for which
            ``capacity`` is large enough.
        capacity: The draws that are made at once; without replacement and by comparison, those in a batch.
        of_complement: Whether the examples that are left out are drawn instead, and their gradients subtracted from
            the sum over all examples.
    """

    rows: Leaf
    hessian: Leaf
    cross: Leaf
    n: int = field(metadata={"static": True})
    without_replacement: bool = field(metadata={"static": True})
    method: Method = field(default="table", metadata={"static": True})
    capacity: int = field(default=_CAPACITIES[-1], metadata={"static": True})
    of_complement: bool = field(default=False, metadata={"static": True})

    @classmethod
    def of(cls, data: Dataset, *, without_replacement: bool) -> FiniteBatches:
        """The sampler of a data set of numbers."""
        examples = Examples.of(data)
        X, y = examples.X, examples.y
        (n, p), q = X.shape, y.shape[1]
        rows = np.zeros((-(-(n + 1) // _BLOCK) * _BLOCK, -(-(p + q) // 4) * 4))  # fours are fast to look up
        rows[:n, :p], rows[:n, p : p + q] = X, y
        return cls(rows, X.T @ X / n, y.T @ X / n, n, without_replacement)

    def for_batch_size(self, batch_size: int) -> FiniteBatches:
        """As ``Sampler.for_batch_size``: the method, and how many draws are made at once."""
        size = self._size(batch_size)
        capacity = next((capacity for capacity in _CAPACITIES if size <= capacity), _CAPACITIES[-1])
        if not self.without_replacement:
            return replace(self, capacity=capacity)
        method = self._method(size)
        if method != "compare":
            capacity = _CAPACITIES[-1]
        return replace(self, method=method, capacity=capacity, of_complement=size < batch_size)

    def _size(self, batch_size: int) -> int:
        """The number of examples that are drawn."""
        return min(batch_size, self.n - batch_size) if self.without_replacement else batch_size

    def _method(self, size: int) -> Method:
        methods: tuple[Method, ...] = ("table", "bits") if size > _CAPACITIES[-1] else ("compare", "table", "bits")
        return min(methods, key=lambda method: self._work(method, size))

    def _work(self, method: Method, size: int) -> int:
        """About how long a subset takes, in the time that an independent draw takes (measured)."""
        if method == "compare":
            return size + size**2 // 256
        return size + size // 4 + self.n // 256 + 2 if method == "table" else self.n // 6 + 128

    def gradients(self, key: jax.Array, weights: jax.Array, batch_size: jax.Array) -> jax.Array:
        """As ``Sampler.gradients``."""
        batch_size = jnp.asarray(batch_size, jnp.int32)
        if not self.without_replacement:
            return self._total_of_draws(key, weights, batch_size) / batch_size
        size = self.n - batch_size if self.of_complement else batch_size
        total = self._total_of_subset(key, weights, size)
        if self.of_complement:
            total = self.n * (weights @ self.hessian - self.cross).astype(weights.dtype) - total
        return total / batch_size

    def draws(self, batch_size: int) -> int:
        """As ``Sampler.draws``."""
        size = self._size(batch_size)
        return max(1, self._work(self._method(size), size) if self.without_replacement else size)

    def _total_of_draws(self, key: jax.Array, weights: jax.Array, size: jax.Array) -> jax.Array:
        add, replicates = self._adding(weights), len(weights)

        def fold(number: jax.Array, total: jax.Array) -> jax.Array:
            asked = jnp.minimum(size - number * self.capacity, self.capacity)
            drawn = independent_draws(
                jax.random.fold_in(key, number),
                population=self.n,
                size=asked,
                capacity=self.capacity,
                replicates=replicates,
            )
            return add(total, drawn, asked)

        times = (size + self.capacity - 1) // jnp.int32(self.capacity)
        total: jax.Array = lax.fori_loop(jnp.int32(0), times, fold, jnp.zeros_like(weights))
        return total

    def _total_of_subset(self, key: jax.Array, weights: jax.Array, size: jax.Array) -> jax.Array:
        n, replicates = self.n, len(weights)
        if self.method == "bits":
            words = len(self.rows) // 32
            return self._masked(weights, subset_bits(key, population=n, size=size, words=words, replicates=replicates))
        add, zero = self._adding(weights), jnp.zeros_like(weights)
        if self.method == "compare":
            drawn = distinct_draws(key, population=n, size=size, capacity=self.capacity, replicates=replicates)
            return add(zero, drawn, size)

        def add_chunk(total: jax.Array, drawn: jax.Array) -> jax.Array:
            return add(total, drawn, jnp.int32(CHUNK))

        return fold_table(add_chunk, zero, key, population=n, size=size, replicates=replicates)

    def _extended(self, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
        """All rows, and the weights with which a row has the residuals of its example for products."""
        (q, p), rows = self.cross.shape, jnp.asarray(self.rows, weights.dtype)
        targets = jnp.pad(-jnp.eye(q, dtype=weights.dtype), ((0, 0), (0, rows.shape[1] - p - q)))
        return rows, jnp.concatenate([weights, jnp.broadcast_to(targets, (len(weights), *targets.shape))], axis=2)

    def _adding(self, weights: jax.Array) -> Callable[[jax.Array, jax.Array, jax.Array], jax.Array]:
        """A function that adds to a sum of gradients those of drawn examples, looked up a few at a time.

        Its arguments are the sum, the draws, shape (capacity, R), of which those of no example come last, and their
        number.
        """
        rows, extended = self._extended(weights)
        (R, q, p), width = weights.shape, rows.shape[1]

        def of(indices: jax.Array, some_weights: jax.Array) -> jax.Array:
            """The sum over drawn examples, a column of indices for each of some weights."""
            examples = rows.at[indices.T].get(mode="promise_in_bounds")
            residuals = jnp.einsum("rbp,rqp->rbq", examples, some_weights)
            gradients: jax.Array = jnp.einsum("rbq,rbp->rqp", residuals, examples)
            return gradients

        def add(total: jax.Array, drawn: jax.Array, size: jax.Array) -> jax.Array:
            at_once = max(1, min(_ROWS, _ENTRIES // width))
            depth = min(len(drawn), CHUNK, 1 << (at_once.bit_length() - 1))
            if depth == len(drawn) and R * depth <= 2 * at_once:  # loops of one turn take time, too
                return total + of(drawn, extended)[:, :, :p]
            lanes = next(lanes for lanes in range(min(R, at_once // depth), 0, -1) if R % lanes == 0)
            parts = drawn.reshape(len(drawn) // depth, depth, R // lanes, lanes)

            def of_lanes(part: tuple[jax.Array, jax.Array]) -> jax.Array:
                group, some_weights = part

                def look_up(chunk: jax.Array, sums: jax.Array) -> jax.Array:
                    zero = jnp.int32(0)
                    indices = lax.dynamic_slice(parts, (chunk, zero, group, zero), (1, depth, 1, lanes))
                    return sums + of(indices.reshape(depth, lanes), some_weights)

                chunks = (size + depth - 1) // jnp.int32(depth)
                sums: jax.Array = lax.fori_loop(jnp.int32(0), chunks, look_up, jnp.zeros_like(some_weights))
                return sums

            groups = lax.iota(jnp.int32, R // lanes), extended.reshape(R // lanes, lanes, q, width)
            sums: jax.Array = lax.map(of_lanes, groups).reshape(R, q, width)
            return total + sums[:, :, :p]

        return add

    def _masked(self, weights: jax.Array, members: jax.Array) -> jax.Array:
        """The sum of gradients over subsets given as bits, by products with all examples."""
        rows, extended = self._extended(weights)
        (R, q, p), width = weights.shape, rows.shape[1]
        columns = extended.transpose(2, 1, 0).reshape(width, q * R)
        places = lax.iota(jnp.uint32, 32)[:, None]

        def add(block: jax.Array, total: jax.Array) -> jax.Array:
            examples = lax.dynamic_slice_in_dim(rows, block * _BLOCK, _BLOCK)
            words = lax.dynamic_slice_in_dim(members, block * (_BLOCK // 32), _BLOCK // 32)
            is_member = ((words[:, None] >> places) & 1).reshape(_BLOCK, 1, R) == 1
            residuals = jnp.where(is_member, (examples @ columns).reshape(_BLOCK, q, R), 0)
            return total + examples.T @ residuals.reshape(_BLOCK, q * R)

        blocks = jnp.int32(len(self.rows) // _BLOCK)
        total: jax.Array = lax.fori_loop(jnp.int32(0), blocks, add, jnp.zeros_like(columns))
        return total.reshape(width, q, R).transpose(2, 1, 0)[:, :, :p]
