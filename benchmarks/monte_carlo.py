"""Simulation against what one would write in NumPy, and against JAX's own choice without replacement."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp

import sgdvar as sv
from benchmarks.baselines import diabetes, numpy_loop
from benchmarks.harness import Row, measure

STEPS = 10
REPLICATES = 65_536
LOOPS = 200  # replicates of the NumPy loop


def rows() -> Iterator[Row]:
    data = diabetes()
    sgd = sv.SGD(sv.LinearRegression(data), [0] * 10, sv.rationalize(0.03))
    X, y = data.X.astype(float), data.y.astype(float)

    @jax.jit
    def choose(key: jax.Array) -> jax.Array:
        keys = jax.random.split(key, 1024)
        return jax.vmap(lambda k: jax.random.choice(k, len(X), (8,), replace=False))(keys)

    def ours(batch_size: int) -> object:
        return sv.estimate_gradient_variance(
            sgd, STEPS, [batch_size], replicates=REPLICATES, conditional=False, time_budget=1e9
        )

    for batch_size in (8, 64, 256):
        row = measure(
            "",
            lambda b=batch_size: ours(b),  # type: ignore[misc]
            baseline=lambda b=batch_size: numpy_loop(X, y, 0.03, b, STEPS, LOOPS),  # type: ignore[misc]
            limit="",
            runs=5,
        )
        yield per_step(f"a simulated step, n = 442, b = {batch_size}", row, "NumPy loop", LOOPS)
    row = measure(
        "", lambda: ours(8), baseline=lambda: jnp.asarray(choose(jax.random.key(0))).block_until_ready(), limit=""
    )
    yield per_step("a simulated step, n = 442, b = 8", row, "jax.random.choice, the batch alone", 1024 / (STEPS + 1))


def per_step(what: str, row: Row, name: str, replicates: float) -> Row:
    """The row with both times divided by their numbers of steps."""
    assert row.baseline_seconds is not None
    assert row.ratio is not None
    mine, theirs = REPLICATES * (STEPS + 1), replicates * (STEPS + 1)
    return Row(what, row.seconds / mine, name, row.baseline_seconds / theirs, row.ratio * mine / theirs, "faster")
