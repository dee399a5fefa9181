"""Random integers, draws and subsets from exactly the stated distributions, for many replicates at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax import lax

__all__ = ["fold_draws", "fold_subset", "uniform_below"]

_WORD = 32
_Carry = TypeVar("_Carry")


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
