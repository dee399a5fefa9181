"""What a GPU gives: the share of its limits that a step reaches."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import sgdvar as sv
from benchmarks.harness import elapsed
from benchmarks.rates import Contender, Note, RateRow, race

SIZES = [(442, 64), (10_000, 32), (60_000, 128), (1_000_000, 256)]
THREEFRY = 40  # integer operations per 32-bit word: 20 rounds of 3 and key additions for two words


def rows(ours: Callable[..., Contender], examples: Callable[[int], tuple[Any, Any]]) -> Iterator[RateRow | Note]:
    if jax.default_backend() != "gpu":
        yield Note("GPU", "no GPU was at hand: nothing measured")
        return
    yield Note("GPU", jax.devices()[0].device_kind + ", also in all rows above but NumPy's")
    bandwidth, arithmetic = memory_bandwidth(), arithmetic_rate()
    yield RateRow("copying 1 GiB", bandwidth, unit="B/s")
    yield RateRow("float64 product of 4096 x 4096 matrices", arithmetic, unit="flop/s")
    for n, b in SIZES:
        X, y = examples(n)
        contender = ours("sgdvar", sv.Dataset(X, y), b)
        rate = statistics.median(race([contender])["sgdvar"])
        moved, operations = bytes_per_step(b, X.shape[1]), operations_per_step(b, X.shape[1])
        limit = min(bandwidth / moved, arithmetic / operations)
        which = "bytes" if bandwidth / moved < arithmetic / operations else "operations"
        yield RateRow(f"share of the limit, n = {n}, b = {b}", rate, f"limit by {which}", limit, rate / limit)


def bytes_per_step(b: int, p: int, itemsize: int = 8) -> int:
    """A row of p inputs and a target for each example, an index each, weights read and written, a gradient written.

    Rows that stay in a cache come cheaper, so small data sets may pass this limit.
    """
    return b * ((p + 1) * itemsize + 4) + 3 * p * itemsize


def operations_per_step(b: int, p: int) -> int:
    """Residuals and gradient, 2 p each for an example; one random word for an index; the step."""
    return b * (4 * p + THREEFRY) + 2 * p


def memory_bandwidth(size: int = 2**30) -> float:
    """Bytes read and written per second by a copy."""
    array = jnp.zeros(size // 4, jnp.float32)
    copy = jax.jit(lambda array: array + 1)
    copy(array).block_until_ready()
    return 2 * size / statistics.median(elapsed(lambda: copy(array).block_until_ready()) for _ in range(7))


def arithmetic_rate(size: int = 4096, dtype: str = "float64") -> float:
    with jax.enable_x64(True):
        matrix = jnp.asarray(np.random.default_rng(0).random((size, size)), dtype=dtype)
        product = jax.jit(jnp.matmul)
        product(matrix, matrix).block_until_ready()
        times = [elapsed(lambda: product(matrix, matrix).block_until_ready()) for _ in range(7)]
    return 2 * size**3 / statistics.median(times)
