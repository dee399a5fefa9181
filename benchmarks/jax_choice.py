"""SGD steps with batches by ``jax.random.choice(replace=False)`` under vmap: the obvious JAX. Frozen."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import lax

Array = npt.NDArray[Any]


def last_gradients(
    X: Array,
    y: Array,
    w0: Array,
    alpha: float,
    b: int,
    steps: int,
    replicates: int,
    seed: int,
    dtype: str = "float64",
) -> Array:
    """The least-squares gradients of the last of ``steps`` SGD steps without replacement, shape (replicates, p)."""
    with jax.enable_x64(dtype == "float64"):
        keys = jax.random.split(jax.random.key(seed), replicates)
        data = (np.asarray(array, dtype=dtype) for array in (X, y, w0))
        return np.asarray(_simulate(keys, *data, alpha, b=b, steps=steps))


@partial(jax.jit, static_argnames=("b", "steps"))
def _simulate(
    keys: jax.Array, X: jax.Array, y: jax.Array, w0: jax.Array, alpha: float, *, b: int, steps: int
) -> jax.Array:
    def step(state: tuple[jax.Array, jax.Array], key: jax.Array) -> tuple[tuple[jax.Array, jax.Array], None]:
        w, _ = state
        batch = jax.random.choice(key, len(X), (b,), replace=False)
        inputs = X[batch]
        gradient = (inputs @ w - y[batch]) @ inputs / b
        return (w - alpha * gradient, gradient), None

    def trajectory(key: jax.Array) -> jax.Array:
        gradient: jax.Array = lax.scan(step, (w0, jnp.zeros_like(w0)), jax.random.split(key, steps))[0][1]
        return gradient

    gradients: jax.Array = jax.vmap(trajectory)(keys)
    return gradients
