"""Plain trajectories as well as NumPy can: the baseline for simulation on a CPU.

Replicates are vectorised, in chunks that fit the cache. Batches without replacement are drawn by whichever of these was
fastest (others tried: argpartition of random keys, Generator.permuted, Generator.choice in a loop, Floyd's algorithm
over replicates with bits or with comparisons, partial shuffles by sorting keys that carry their index):

- b^2 up to a few n: indices with replacement, and batches with two equal ones drawn again; equal ones are found by
  comparing all pairs for b <= 12, by sorting above;
- otherwise: a random 16-bit key for every example, the b-th smallest key by sorting as the threshold of a 0/1 mask, and
  two products of matrices; batches whose threshold is not unique are drawn again.

Each is exactly uniform. Chunks may run on several threads; BLAS, whose threads cost more than they give on products of
this size, is held to one. This file is frozen: it holds none of the library's ideas and is not to follow them.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

Array = npt.NDArray[Any]
PILOT = 10_000
LIBRARIES = ThreadpoolController()


def last_gradients(
    X: Array,
    y: Array,
    w0: Array,
    alpha: float,
    b: int,
    steps: int,
    replicates: int,
    seed: int,
    threads: int = 1,
) -> Array:
    """The least-squares gradients of the last of ``steps`` SGD steps without replacement, shape (replicates, p)."""
    rows = np.column_stack([X, -y])  # residual = row @ (w, 1)
    start = np.append(w0, 1.0)
    run, chunk = (gathered, 2**16 // b) if is_sparse(len(X), b) else (masked, 2**17 // len(X))
    whole, rest = divmod(replicates, max(chunk, 16))
    counts = [max(chunk, 16)] * whole + [rest] * (rest > 0)

    def simulate(count: int, sequence: np.random.SeedSequence) -> Array:
        rng = np.random.Generator(np.random.SFC64(sequence))
        return run(rng, rows, np.tile(start, (count, 1)), alpha, b, steps)

    with LIBRARIES.limit(limits=1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(simulate, counts, np.random.SeedSequence(seed).spawn(len(counts)))))


def is_sparse(n: int, b: int) -> bool:
    return b * (b - 1) < 2.5 * n


def gathered(rng: np.random.Generator, rows: Array, weights: Array, alpha: float, b: int, steps: int) -> Array:
    n, p = len(rows), rows.shape[1] - 1
    draw = by_pairs if b <= 12 else by_sorting
    examples = np.empty((len(weights), b, p + 1))
    gradients = np.empty_like(weights)
    for _ in range(steps):
        np.take(rows, draw(rng, n, b, len(weights)), axis=0, out=examples, mode="clip")
        np.vecmat(np.matvec(examples, weights), examples, out=gradients)
        gradients /= b
        weights[:, :p] -= alpha * gradients[:, :p]
    return gradients[:, :p]


def masked(rng: np.random.Generator, rows: Array, weights: Array, alpha: float, b: int, steps: int) -> Array:
    n, p = len(rows), rows.shape[1] - 1
    inputs, columns = np.ascontiguousarray(rows[:, :p]), np.ascontiguousarray(rows.T)
    residuals = np.empty((len(weights), n))
    gradients = np.empty((len(weights), p))
    for _ in range(steps):
        np.matmul(weights, columns, out=residuals)
        residuals *= mask(rng, n, b, len(weights))
        np.matmul(residuals, inputs, out=gradients)
        gradients /= b
        weights[:, :p] -= alpha * gradients
    return gradients


def by_pairs(rng: np.random.Generator, n: int, b: int, count: int) -> Array:
    def draw(count: int) -> tuple[Array, Array]:
        indices = rng.integers(0, n, size=(b, count), dtype=np.uint16 if n <= 2**16 else np.int32)
        repeats = np.zeros(count, dtype=bool)
        for i in range(1, b):
            for j in range(i):
                repeats |= indices[i] == indices[j]
        return indices.T.astype(np.int64), repeats

    return accepted(draw, count)


def by_sorting(rng: np.random.Generator, n: int, b: int, count: int) -> Array:
    def draw(count: int) -> tuple[Array, Array]:
        indices = rng.integers(0, n, size=(count, b))
        ordered = np.sort(indices.astype(np.int32), axis=1)
        return indices, (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)

    return accepted(draw, count)


def mask(rng: np.random.Generator, n: int, b: int, count: int) -> Array:
    if b == n:
        return np.ones((count, n), dtype=bool)
    kind = np.dtype(np.uint16 if n <= 2**16 else np.uint32)
    words = -(-n * kind.itemsize // 8)

    def draw(count: int) -> tuple[Array, Array]:
        bits = rng.integers(0, 2**64 - 1, size=(count, words), dtype=np.uint64, endpoint=True)
        keys = bits.view(kind)[:, :n]
        ordered = np.sort(keys, axis=1)
        return keys <= ordered[:, b - 1 : b], ordered[:, b - 1] == ordered[:, b]

    return accepted(draw, count)


def accepted(draw: Callable[[int], tuple[Array, Array]], count: int) -> Array:
    """Draws, those that are marked replaced by fresh ones until none is marked."""
    drawn, rejected = draw(count)
    again = np.flatnonzero(rejected)
    while again.size:
        drawn[again], rejected = draw(again.size)
        again = again[rejected]
    return drawn


def gradient_variance(
    X: Array, y: Array, w0: Array, alpha: float, b: int, step: int, relative_error: float, seed: int, threads: int = 1
) -> tuple[float, float, int]:
    """Var(g_t) as a sample variance, with its standard error and replicates, which a pilot run decides on."""

    def squares(replicates: int, seed: int) -> Array:
        gradients = last_gradients(X, y, w0, alpha, b, step + 1, replicates, seed, threads)
        gradients -= gradients.mean(axis=0)
        sums: Array = np.einsum("rp,rp->r", gradients, gradients)
        return sums

    pilot = squares(PILOT, 2 * seed)
    replicates = int(np.ceil((pilot.std() / pilot.mean() / relative_error) ** 2))
    all_squares = squares(replicates, 2 * seed + 1)
    return all_squares.sum() / (replicates - 1), all_squares.std() / np.sqrt(replicates), replicates
