r"""JAX's own random bits, faster on a CPU: Threefry-2x32 with its rounds written out.

JAX keeps these rounds in a loop there, which the compiler neither fuses nor vectorises. Keys of ``implementation()``
give the same bits as JAX's own keys of kind "threefry2x32" give under ``jax_threefry_partitionable``, so results depend
on neither the kind of device nor on which of the two is used.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.random import define_prng_impl

__all__ = ["implementation", "threefry"]

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA  # of the key schedule
_COUNTERS = 2**32  # the counters of which the upper word is 0
_SHARED = (2**9, 2**12)  # so many words XLA divides between threads, whose waiting costs more than that saves


def implementation() -> Hashable:
    """The kind of key for ``jax.random.key(seed, impl=...)`` that is fastest where JAX computes by default."""
    return _UNROLLED if jax.default_backend() == "cpu" else "threefry2x32"


@jax.jit
def threefry(key: jax.Array, upper: jax.Array, lower: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Threefry-2x32 with 20 rounds, elementwise.

    Args:
        key: Two words, shape (2,); all words are uint32.
        upper: First words of the counters.
        lower: Second words, of the same shape.

    Returns:
        The first and the second words of the blocks.

    References:
        Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (2011), Section 4.
    """
    schedule = (key[0], key[1], key[0] ^ key[1] ^ jnp.uint32(_PARITY))
    x, y = upper + schedule[0], lower + schedule[1]
    for group in range(5):
        for rotation in _ROTATIONS[group % 2]:
            x = x + y
            y = (y << jnp.uint32(rotation) | y >> jnp.uint32(32 - rotation)) ^ x
        x, y = x + schedule[(group + 1) % 3], y + schedule[(group + 2) % 3] + jnp.uint32(group + 1)
    return x, y


def _seed(seed: jax.Array) -> jax.Array:
    bits = seed.dtype.itemsize * 8
    upper = lax.shift_right_logical(seed, jnp.asarray(32, seed.dtype)) if bits > 32 else jnp.zeros((), seed.dtype)
    return jnp.stack([upper.astype(jnp.uint32), seed.astype(jnp.uint32)])


def _blocks(key: jax.Array, first: jax.Array | int, shape: Sequence[int]) -> tuple[jax.Array, jax.Array]:
    """The blocks of the counters from the first on, in the given shape."""
    lower = jnp.asarray(first).astype(jnp.uint32) + lax.iota(jnp.uint32, math.prod(shape)).reshape(shape)
    blocks: tuple[jax.Array, jax.Array] = threefry(key, jnp.zeros_like(lower), lower)
    return blocks


def _split(key: jax.Array, shape: Sequence[int]) -> jax.Array:
    return jnp.stack(_blocks(key, 0, shape), axis=-1)


def _fold_in(key: jax.Array, data: jax.Array | int) -> jax.Array:
    return jnp.stack(threefry(key, jnp.uint32(0), jnp.asarray(data).astype(jnp.uint32)))


def _random_bits(key: jax.Array, bit_width: int, shape: Sequence[int]) -> jax.Array:
    size = math.prod(shape)
    if size > _COUNTERS:
        raise ValueError(f"at most 2**32 random numbers must be asked for at once, got shape {tuple(shape)}")

    def words(first: jax.Array | int, shape: Sequence[int]) -> jax.Array:
        x, y = _blocks(key, first, shape)
        result: jax.Array = x ^ y
        if bit_width == 64:
            result = x.astype(jnp.uint64) << jnp.uint64(32) | y.astype(jnp.uint64)
        return result.astype(f"uint{bit_width}")

    if not (_SHARED[0] < size <= _SHARED[1] and shape[0] % 2 == 0):
        return words(0, shape)
    half = [shape[0] // 2, *shape[1:]]

    def put(part: jax.Array, known: jax.Array) -> jax.Array:
        new = words(part * (size // 2), half)
        result: jax.Array = lax.dynamic_update_slice_in_dim(known, new, part * half[0], 0)  # what one thread does
        return result

    both: jax.Array = lax.fori_loop(jnp.int32(0), jnp.int32(2), put, jnp.zeros(shape, f"uint{bit_width}"))
    return both


_UNROLLED = define_prng_impl(
    key_shape=(2,),
    seed=_seed,
    split=_split,
    random_bits=_random_bits,
    fold_in=_fold_in,
    name="sgdvar-threefry2x32",
    tag="sgdvar",
)
