"""Plain trajectories as an expert writes them in JAX in an afternoon: jit, vmap over replicates, scan over steps.

Batches without replacement in three ways, of which a user takes the fastest (on the CPU ``rejection`` where it applies,
then ``mask``, then ``top_k``, which is as fast as argsort and somewhat faster than ``jax.random.choice``):

- ``rejection``, for b^2 up to a few n: indices with replacement, drawn again while two are equal;
- ``mask``: the b-th smallest of n random words as the threshold of a 0/1 mask, and two products;
- ``top_k``: the indices of the b largest of n random words.

The last two are uniform up to ties of 32-bit words at the threshold, of probability below n / 2**32. This file is
frozen: it holds none of the library's ideas and is not to follow them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import lax

Array = npt.NDArray[Any]
PILOT = 8192


def methods(n: int, b: int) -> list[str]:
    """Those worth a try."""
    return ["rejection"] if b * (b - 1) < 2.5 * n else ["mask", "top_k"]


def last_gradients(
    X: Array,
    y: Array,
    w0: Array,
    alpha: float,
    b: int,
    steps: int,
    replicates: int,
    seed: int,
    method: str | None = None,
    dtype: str = "float64",
    chunk: int | None = None,
) -> Array:
    """The least-squares gradients of the last of ``steps`` SGD steps without replacement, shape (replicates, p)."""
    with jax.enable_x64(dtype == "float64"):
        data = [jnp.asarray(array, dtype=dtype) for array in (X, y, w0)]
        how = {"b": b, "steps": steps, "method": method or methods(len(X), b)[0]}
        chunk = chunk or chunk_for(b if how["method"] == "rejection" else len(X))
        return in_chunks(lambda keys: _least_squares(keys, *data, alpha, **how), replicates, seed, chunk)


def gaussian_last_gradients(
    teacher: Array,
    noise: float,
    w0: Array,
    alpha: float,
    b: int,
    steps: int,
    replicates: int,
    seed: int,
    dtype: str = "float64",
    chunk: int | None = None,
) -> Array:
    """The same for batches of x ~ N(0, I), y = teacher . x + noise * N(0, 1), drawn example by example."""
    with jax.enable_x64(dtype == "float64"):
        data = [jnp.asarray(array, dtype=dtype) for array in (teacher, noise, w0)]
        chunk = chunk or chunk_for(b)
        return in_chunks(lambda keys: _gaussian(keys, *data, alpha, b=b, steps=steps), replicates, seed, chunk)


def chunk_for(size: int) -> int:
    """Replicates in one call, of ``size`` examples each: what fits a cache, or what fills a GPU."""
    examples = 2**19 if jax.default_backend() == "cpu" else 2**25
    return 1 << (min(max(examples // size, 64), examples >> 9).bit_length() - 1)


def in_chunks(run: Callable[[jax.Array], jax.Array], replicates: int, seed: int, chunk: int) -> Array:
    """All chunks are started before the first is waited for."""
    key = jax.random.key(seed)
    chunks = [run(jax.random.split(jax.random.fold_in(key, i), chunk)) for i in range(-(-replicates // chunk))]
    return np.concatenate([np.asarray(gradients) for gradients in chunks])[:replicates]


@partial(jax.jit, static_argnames=("b", "steps", "method"))
def _least_squares(
    keys: jax.Array, X: jax.Array, y: jax.Array, w0: jax.Array, alpha: float, *, b: int, steps: int, method: str
) -> jax.Array:
    n = len(X)

    def gradient(w: jax.Array, key: jax.Array) -> jax.Array:
        if method == "mask":
            return ((X @ w - y) * mask(key, n, b)) @ X / b
        batch = DRAWS[method](key, n, b)
        inputs = X[batch]
        return (inputs @ w - y[batch]) @ inputs / b

    return trajectories(gradient, keys, w0, alpha, steps)


@partial(jax.jit, static_argnames=("b", "steps"))
def _gaussian(
    keys: jax.Array, teacher: jax.Array, noise: jax.Array, w0: jax.Array, alpha: float, *, b: int, steps: int
) -> jax.Array:
    def gradient(w: jax.Array, key: jax.Array) -> jax.Array:
        numbers = jax.random.normal(key, (b, len(w0) + 1), dtype=w0.dtype)
        inputs, errors = numbers[:, :-1], noise * numbers[:, -1]
        return (inputs @ (w - teacher) - errors) @ inputs / b

    return trajectories(gradient, keys, w0, alpha, steps)


def trajectories(
    gradient: Callable[[jax.Array, jax.Array], jax.Array], keys: jax.Array, w0: jax.Array, alpha: float, steps: int
) -> jax.Array:
    def step(state: tuple[jax.Array, jax.Array], key: jax.Array) -> tuple[tuple[jax.Array, jax.Array], None]:
        w, _ = state
        g = gradient(w, key)
        return (w - alpha * g, g), None

    def last(key: jax.Array) -> jax.Array:
        g: jax.Array = lax.scan(step, (w0, jnp.zeros_like(w0)), jax.random.split(key, steps))[0][1]
        return g

    gradients: jax.Array = jax.vmap(last)(keys)
    return gradients


def rejection(key: jax.Array, n: int, b: int) -> jax.Array:
    def redraw(state: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        key, subkey = jax.random.split(state[0])
        batch = jax.random.randint(subkey, (b,), 0, n, dtype=jnp.int32)
        ordered = jnp.sort(batch)
        return key, batch, jnp.any(ordered[1:] == ordered[:-1])

    batch: jax.Array = lax.while_loop(lambda state: state[2], redraw, (key, jnp.zeros(b, jnp.int32), jnp.array(True)))[
        1
    ]
    return batch


def mask(key: jax.Array, n: int, b: int) -> jax.Array:
    words = jax.random.bits(key, (n,), jnp.uint32)
    return words <= jnp.sort(words)[b - 1]


def top_k(key: jax.Array, n: int, b: int) -> jax.Array:
    batch: jax.Array = lax.top_k(jax.random.bits(key, (n,), jnp.uint32), b)[1]
    return batch


DRAWS = {"rejection": rejection, "top_k": top_k}


def gradient_variance(
    X: Array, y: Array, w0: Array, alpha: float, b: int, step: int, relative_error: float, seed: int
) -> tuple[float, float, int]:
    """Var(g_t) as a sample variance, with its standard error and replicates, which a pilot run decides on."""

    def squares(replicates: int, seed: int) -> Array:
        gradients = last_gradients(X, y, w0, alpha, b, step + 1, replicates, seed)
        gradients = gradients - gradients.mean(axis=0)
        sums: Array = np.einsum("rp,rp->r", gradients, gradients)
        return sums

    pilot = squares(PILOT, 2 * seed)
    replicates = int(np.ceil((pilot.std() / pilot.mean() / relative_error) ** 2))
    all_squares = squares(replicates, 2 * seed + 1)
    return all_squares.sum() / (replicates - 1), all_squares.std() / np.sqrt(replicates), replicates
