"""Random integers, batches and subsets from exactly the stated distributions, for many replicates at once.

Arrays hold replicates on their last axis, along which all arithmetic runs. Indices are unsigned. JAX must be allowed
integers of 64 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax import lax

__all__ = [
    "CHUNK",
    "distinct_draws",
    "fold_sequence",
    "fold_table",
    "independent_draws",
    "subset_bits",
    "uniform_below",
]

CHUNK = 32  # draws are made so many at a time; also the bits in a word
_PAIRED = 2**10  # where integers are below it, few words are rejected that hold two
_Carry = TypeVar("_Carry")


def uniform_below(key: jax.Array, bounds: jax.Array | int, shape: tuple[int, int], *, largest: int) -> jax.Array:
    """Independent integers, each uniform on 0, ..., bound - 1, exactly: multiply and shift, with rejection (Lemire).

    Two small integers come from one random word: the quotient and the remainder of one that is uniform below the
    product of their bounds.

    Args:
        key: A key that is used nowhere else.
        bounds: Integers from 1 to 2**31 - 1, one for all or one for each row, shape (rows, 1).
        shape: Rows and replicates.
        largest: What no bound exceeds.
    """
    rows, replicates = shape
    bounds = jnp.broadcast_to(jnp.asarray(bounds).astype(jnp.uint32), (rows, 1))
    if rows == 1 or largest > _PAIRED:
        return _multiplied(_accepted(key, bounds, replicates), bounds)[0]
    half = -(-rows // 2)
    first, second = bounds[:half], jnp.pad(bounds[half:], ((0, 2 * half - rows), (0, 0)), constant_values=1)
    integers, rest = _multiplied(_accepted(key, first * second, replicates), first)
    return jnp.concatenate([integers, _multiplied(rest, second)[0]])[:rows]


def _accepted(key: jax.Array, bounds: jax.Array, replicates: int) -> jax.Array:
    """Random words, of which as many are mapped to each integer below a bound, shape (rows, replicates)."""
    threshold = -bounds % bounds  # 2**32 modulo the bound

    def is_rejected(words: jax.Array) -> jax.Array:
        rejected: jax.Array = words * bounds < threshold
        return rejected

    def draw(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        number, words = state
        new = jax.random.bits(jax.random.fold_in(key, number), (len(bounds), replicates), jnp.uint32)
        return number + 1, jnp.where((number == 0) | is_rejected(words), new, words)

    def is_open(state: tuple[jax.Array, jax.Array]) -> jax.Array:
        number, words = state
        rejected = jnp.max(is_rejected(words).astype(jnp.uint32), axis=0)  # rows first: the fast way
        return (number == 0) | jnp.any(rejected > 0)

    start = jnp.uint32(0), jnp.zeros((len(bounds), replicates), jnp.uint32)
    words: jax.Array = lax.while_loop(is_open, draw, start)[1]
    return words


def _multiplied(words: jax.Array, bounds: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The upper and the lower words of products."""
    products = words.astype(jnp.uint64) * bounds.astype(jnp.uint64)
    return (products >> jnp.uint64(32)).astype(jnp.uint32), products.astype(jnp.uint32)


def independent_draws(key: jax.Array, *, population: int, size: jax.Array, capacity: int, replicates: int) -> jax.Array:
    """Independent draws from 0, ..., population - 1.

    Args:
        key: A key that is used nowhere else.
        population: n, below 2**31.
        size: The number of draws, traced; at most ``capacity``.
        capacity: At most ``CHUNK``, or a multiple of it.
        replicates: Independent batches drawn side by side.

    Returns:
        Shape (capacity, replicates), unsigned; ``population`` after the first ``size`` rows.
    """

    def draw(chunk: jax.Array, numbers: jax.Array, drawn: jax.Array) -> jax.Array:
        shape = len(numbers), replicates
        return uniform_below(jax.random.fold_in(key, chunk), population, shape, largest=population)

    return _by_chunks(draw, population, size, capacity, replicates)


def distinct_draws(key: jax.Array, *, population: int, size: jax.Array, capacity: int, replicates: int) -> jax.Array:
    r"""The members of uniform random subsets of 0, ..., population - 1, in no particular order.

    Floyd's algorithm: draw i takes a number uniform on :math:`0, \dots, l_i = n - b + i`, or :math:`l_i` if the number
    is a member already. Every subset is exactly equally likely. Whether it is one is found by comparison with all
    members, those of earlier chunks for a whole chunk at once. Arguments and result are as of ``independent_draws``,
    with ``size`` at most ``population``.
    """

    def draw(chunk: jax.Array, numbers: jax.Array, drawn: jax.Array) -> jax.Array:
        rows = len(numbers)
        last = jnp.where(numbers < size, population - size + numbers, 0).astype(jnp.uint32)
        bounds = jnp.maximum(last + 1, jnp.uint32(1))
        own, shape = jax.random.fold_in(key, chunk), (rows, replicates)
        new = uniform_below(own, bounds[:, None], shape, largest=population).astype(drawn.dtype)
        last, none = last.astype(drawn.dtype), ~jnp.zeros_like(new)  # the largest integer is no index

        def compare(earlier: jax.Array, nearest: jax.Array) -> jax.Array:
            members = lax.dynamic_slice_in_dim(drawn, earlier * rows, rows)
            for row in range(rows):
                nearest = jnp.minimum(nearest, new ^ members[row])
            return nearest

        def choose(i: jax.Array, chosen: jax.Array) -> jax.Array:
            number = lax.dynamic_index_in_dim(new, i, keepdims=False)
            differences = jnp.min(chosen ^ number, axis=0)  # 0 for members
            differences = jnp.minimum(differences, lax.dynamic_index_in_dim(nearest, i, keepdims=False))
            number = jnp.where(differences == 0, last[i], number)
            updated: jax.Array = lax.dynamic_update_index_in_dim(chosen, number, i, 0)
            return updated

        nearest = none if len(drawn) == rows else lax.fori_loop(jnp.int32(0), chunk, compare, none)
        count = jnp.minimum(size - chunk * rows, rows)
        chosen: jax.Array = lax.fori_loop(jnp.int32(0), count, choose, none)
        return chosen

    return _by_chunks(draw, population, size, capacity, replicates)


def _by_chunks(
    draw: Callable[[jax.Array, jax.Array, jax.Array], jax.Array],
    population: int,
    size: jax.Array,
    capacity: int,
    replicates: int,
) -> jax.Array:
    """``draw(chunk, numbers, drawn)`` chunk after chunk, with the numbers of its draws and the chunks before it."""
    rows = min(capacity, CHUNK)

    def put(chunk: jax.Array, drawn: jax.Array) -> jax.Array:
        numbers = chunk * rows + lax.iota(jnp.int32, rows)
        new = jnp.where(numbers[:, None] < size, draw(chunk, numbers, drawn).astype(drawn.dtype), nobody)
        return lax.dynamic_update_slice_in_dim(drawn, new, chunk * rows, 0)

    nobody = jnp.asarray(population, jnp.uint16 if population < 2**16 - 1 else jnp.uint32)
    drawn = jnp.full((capacity, replicates), nobody)
    if capacity == rows:
        return put(jnp.int32(0), drawn)
    result: jax.Array = lax.fori_loop(jnp.int32(0), (size + rows - 1) // jnp.int32(rows), put, drawn)
    return result


def fold_table(
    fold: Callable[[_Carry, jax.Array], _Carry],
    carry: _Carry,
    key: jax.Array,
    *,
    population: int,
    size: jax.Array,
    replicates: int,
) -> _Carry:
    """``fold(carry, indices)`` over the members of uniform random subsets of 0, ..., population - 1, chunk by chunk.

    Floyd's algorithm as in ``distinct_draws``, with members kept as bits: a draw costs the same whatever the size, and
    a replicate n/8 bytes.

    Args:
        fold: Takes new members, shape (CHUNK, replicates), with ``population`` in place of those that are none.
        carry: Its first argument to start with.
        key: A key that is used nowhere else.
        population: n.
        size: The number of members, traced; at most ``population``.
        replicates: Independent subsets drawn side by side.
    """
    lanes, shift = lax.iota(jnp.uint32, replicates), jnp.uint32(5)

    def draw(chunk: jax.Array, state: tuple[jax.Array, _Carry]) -> tuple[jax.Array, _Carry]:
        members, carry = state
        numbers = chunk * CHUNK + lax.iota(jnp.int32, CHUNK)
        last = jnp.where(numbers < size, population - size + numbers, 0).astype(jnp.uint32)
        own, shape = jax.random.fold_in(key, chunk), (CHUNK, replicates)
        new = uniform_below(own, last[:, None] + 1, shape, largest=population)

        def choose(i: jax.Array, state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            members, chosen = state
            number = lax.dynamic_index_in_dim(new, i, keepdims=False)
            words = members.at[number >> shift, lanes].get(mode="promise_in_bounds")
            number = jnp.where((words >> (number & 31)) & 1 == 1, last[i], number)
            bits = jnp.uint32(1) << (number & 31)
            members = members.at[number >> shift, lanes].add(bits, mode="promise_in_bounds", unique_indices=True)
            return members, lax.dynamic_update_index_in_dim(chosen, number, i, 0)

        count = jnp.minimum(size - chunk * CHUNK, CHUNK)
        chosen = jnp.full((CHUNK, replicates), population, jnp.uint32)
        members, chosen = lax.fori_loop(jnp.int32(0), count, choose, (members, chosen))
        return members, fold(carry, chosen)

    none = jnp.zeros((-(-population // 32), replicates), jnp.uint32)
    chunks = (size + CHUNK - 1) // jnp.int32(CHUNK)
    result: _Carry = lax.fori_loop(jnp.int32(0), chunks, draw, (none, carry))[1]
    return result


def subset_bits(key: jax.Array, *, population: int, size: jax.Array, words: int, replicates: int) -> jax.Array:
    """Uniform random subsets of 0, ..., population - 1 as bits, the member 32 i + j in bit j of word i.

    The candidates, at first all, are divided by a fair coin for each. Those that show heads are members if no more are
    needed than that, and the search goes on among the others; else it goes on among them. What is done depends on
    counts alone, so every subset is exactly equally likely. A division takes one random bit for each candidate, and
    about log2(population) + log2(replicates) of them settle all replicates.

    Args:
        key: A key that is used nowhere else.
        population: n, at most 32 ``words``.
        size: The number of members, traced; at most ``population``.
        words: The words of a subset.
        replicates: Independent subsets drawn side by side.

    Returns:
        Shape (words, replicates), uint32.
    """

    def toss(number: jax.Array) -> jax.Array:
        return jax.random.bits(jax.random.fold_in(key, number), (words, replicates), jnp.uint32)

    def divide(state: Any) -> Any:
        number, coins, members, candidates, needed, left = state
        heads = candidates & coins
        found = jnp.sum(lax.population_count(heads), axis=0, dtype=jnp.uint32)
        fits = found <= needed
        members = jnp.where(fits, members | heads, members)
        candidates = jnp.where(fits, candidates & ~heads, heads)
        needed, left = needed - jnp.where(fits, found, 0), jnp.where(fits, left - found, found)
        return number + 1, toss(number + 1), members, candidates, needed, left  # coins that wait are tossed only once

    def is_open(state: Any) -> jax.Array:
        needed, left = state[4:]
        return jnp.any((needed > 0) & (needed < left))

    inside = jnp.clip(population - 32 * lax.iota(jnp.int32, words), 0, 32).astype(jnp.uint32)  # bits used of each word
    everything = jnp.where(inside == 32, jnp.uint32(2**32 - 1), (jnp.uint32(1) << (inside & 31)) - 1)
    everyone = jnp.broadcast_to(everything[:, None], (words, replicates))
    needed, left = jnp.full(replicates, size.astype(jnp.uint32)), jnp.full(replicates, population, jnp.uint32)
    start = jnp.uint32(0), toss(jnp.uint32(0)), jnp.zeros_like(everyone), everyone, needed, left
    members, candidates, needed = lax.while_loop(is_open, divide, start)[2:5]
    return jnp.where(needed > 0, members | candidates, members)


def fold_sequence(
    fold: Callable[[jax.Array, _Carry, jax.Array], _Carry],
    carry: _Carry,
    key: jax.Array,
    *,
    population: int,
    size: int,
    replicates: int,
) -> _Carry:
    """``fold(i, carry, indices)`` over the members of uniform random sequences without repetition, in their order.

    The first b' members are a uniform subset of that size for every b' up to ``size``, and each subset is part of the
    next. A shuffle (Fisher and Yates) of which only the places that were touched are kept, to be found by comparison:
    a member costs time, and a replicate memory, proportional to ``size``.

    Args:
        fold: Takes the number of a member from 0 and the members of all replicates, shape (replicates,), uint32.
        carry: Its second argument to start with.
        key: A key that is used nowhere else.
        population: n, below 2**31.
        size: The length of the sequences, at most ``population``.
        replicates: Independent sequences drawn side by side.
    """

    def draw(i: jax.Array, state: tuple[jax.Array, jax.Array, _Carry]) -> tuple[jax.Array, jax.Array, _Carry]:
        places, contents, carry = state

        def content(place: jax.Array) -> jax.Array:
            latest = jnp.max(jnp.where(places == place, contents, 0), axis=0)
            return jnp.where(latest > 0, latest.astype(jnp.uint32), place)

        first = i.astype(jnp.uint32)
        own, left = jax.random.fold_in(key, i), jnp.uint32(population) - first
        below = uniform_below(own, left, (1, replicates), largest=population)[0]
        place = first + below
        member, moved = content(place), content(jnp.full_like(place, first))
        stamped = (first + 1).astype(jnp.uint64) << jnp.uint64(32) | moved.astype(jnp.uint64)
        places = lax.dynamic_update_index_in_dim(places, place, i, 0)
        return places, lax.dynamic_update_index_in_dim(contents, stamped, i, 0), fold(i, carry, member)

    shape = (size, replicates)
    start = jnp.zeros(shape, jnp.uint32), jnp.zeros(shape, jnp.uint64), carry
    result: _Carry = lax.fori_loop(jnp.int32(0), jnp.int32(size), draw, start)[2]
    return result
