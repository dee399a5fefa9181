"""Trajectories of SGD in fixed blocks of replicates, the same whatever else is simulated.

A block is simulated as a whole, from a key that depends on the seed, the batch size and the block's index only. So the
replicates of a short run are the first of a longer one, and batch sizes do not depend on the order in which, or the
others with which, they are asked for. Blocks run side by side on the cores of the machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sgdvar.errors import NonFiniteError
from sgdvar.exact import stable_step_size
from sgdvar.monte_carlo.chain import products, pulled_back
from sgdvar.monte_carlo.samplers import Sampler, sampler_for
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = ["Block", "Record", "Trajectories", "side_by_side", "workers"]

_LIMIT = 1e48  # sums of sixth powers of anything smaller are floating-point numbers
_PROBE = 64  # examples in a batch are enough to time a larger one
_NEVER = 2**31 - 1  # the step at which a replicate that stays finite fails
_MAIN, _PILOT = 0, 1  # keys of the two never meet
_Result = TypeVar("_Result")


class Record(NamedTuple):
    """What replicates did at one step: weights before it and the gradient of its batch, both of shape (R, d).

    Both are flattened row by row, one layer after the other.
    """

    weights: Array
    gradients: Array


@dataclass(frozen=True)
class Block:
    """Names the first ``count`` replicates of a block.

    Attributes:
        batch_size: b.
        index: Counts the blocks of one batch size from 0.
        count: The replicates to keep; all are simulated.
        is_pilot: Pilot blocks are independent of all others.
    """

    batch_size: int
    index: int
    count: int
    is_pilot: bool = False


@dataclass(frozen=True, eq=False)
class Trajectories:
    """Simulated trajectories of one process, recorded at some steps.

    Attributes:
        sgd: The process; all numbers.
        steps: The steps to record, ascending and distinct.
        seed: Any integer from 0 to 2**63 - 1.
    """

    sgd: SGD
    steps: tuple[int, ...]
    seed: int

    @cached_property
    def block_size(self) -> int:
        """The replicates in a block, a power of 2: fewer where their weights or subsets would fill memory."""
        by_examples = np.clip(2**24 // (self.sgd.problem.data.size or 1), 2**7, 2**10)
        by_weights = np.clip(2**21 // self.sgd.weight_count, 2**3, 2**10)
        return 1 << (int(min(by_examples, by_weights)).bit_length() - 1)

    @cached_property
    def _sampler(self) -> Sampler:
        with jax.enable_x64(True):
            sampler: Sampler = jax.device_put(sampler_for(self.sgd))
        return sampler

    @cached_property
    def _schedule(self) -> tuple[Array, Array]:
        """Step sizes, and the record each step writes (or the one after the last, which is thrown away)."""
        last = self.steps[-1]
        length = 2 ** max(4, last.bit_length())  # few lengths, few compilations
        step_sizes, slots = np.zeros(length), np.full(length, len(self.steps), dtype=np.int32)
        step_sizes[:last] = [float(value) for value in self.sgd.step_sizes(last)]
        slots[list(self.steps)] = np.arange(len(self.steps))
        return step_sizes, slots

    def simulate(self, block: Block) -> list[Record]:
        """The records of a block, one for each step.

        Raises:
            NonFiniteError: A replicate left the range of numbers whose sixth powers are floating-point numbers.
        """
        kept_weights, kept_gradients, all_failed = self._run(block, self.steps[-1] + 1)
        failed = all_failed[: block.count]
        first = int(failed.min())
        if first <= self.steps[-1]:
            replicate = block.index * self.block_size + int(failed.argmin())
            raise self._non_finite(replicate, first, block.batch_size)
        return [Record(w[: block.count], g[: block.count]) for w, g in zip(kept_weights, kept_gradients, strict=True)]

    def blocks(self, batch_size: int, replicates: int, *, is_pilot: bool = False) -> list[Block]:
        """The blocks that hold the first ``replicates`` replicates."""
        whole, rest = divmod(replicates, self.block_size)
        counts = [self.block_size] * whole + [rest] * (rest > 0)
        return [Block(batch_size, index, count, is_pilot) for index, count in enumerate(counts)]

    def at_start(self) -> Record:
        """A record of one block before anything is drawn."""
        start = np.concatenate([np.asarray(layer, dtype=np.float64).ravel() for layer in self.sgd.layers])
        weights = np.tile(start, (self.block_size, 1))
        return Record(weights, np.zeros_like(weights))

    def seconds_per_block(self, batch_size: int) -> float:
        """A forecast for the simulation from the first step of a block, without compilation."""
        draws = self._sampler.draws(batch_size)
        probe = batch_size if draws <= _PROBE else _PROBE
        block = Block(probe, 0, self.block_size, is_pilot=True)
        self._run(block, 0)
        start = time.perf_counter()
        self._run(block, 1)
        return (time.perf_counter() - start) * (self.steps[-1] + 1) * draws / self._sampler.draws(probe)

    def _run(self, block: Block, count: int) -> tuple[Array, Array, Array]:
        sgd = self.sgd
        step_sizes, slots = self._schedule
        with _settings():
            result = _simulate(
                np.int64(self.seed),
                np.int32(_PILOT if block.is_pilot else _MAIN),
                np.int32(block.index),
                self._sampler,
                tuple(np.asarray(layer, dtype=np.float64) for layer in sgd.layers),
                float(sgd.problem.weight_decay),
                step_sizes,
                slots,
                np.int32(count),
                np.int32(block.batch_size),
                self._weight_limit,
                replicates=self.block_size,
                records=len(self.steps),
            )
            weights, gradients, failed = (np.asarray(array) for array in result)
        return weights, gradients, failed

    @property
    def _weight_limit(self) -> float:
        """How large weights may be, so that gradients, of degree 2 L - 1 in them, can be powers of floats, too."""
        return float(_LIMIT ** (1 / (2 * len(self.sgd.layers) - 1)))

    def _non_finite(self, replicate: int, step: int, batch_size: int) -> NonFiniteError:
        where = f"got more at step {step} in replicate {replicate} at batch size {batch_size}"
        stable = None
        if self.sgd.is_network:
            message = (
                f"simulated weights must stay below {self._weight_limit:.3g} and gradients below {_LIMIT:g}, {where}; "
                "lower step_size; a network has no range of step sizes that are mean-square stable from every start"
            )
        else:
            stable = stable_step_size(self.sgd, batch_size)
            message = (
                f"simulated weights must stay below {_LIMIT:g}, {where}; there, constant step sizes in "
                f"(0, {stable:.6g}) are mean-square stable"
            )
        return NonFiniteError(
            message,
            replicate=replicate,
            step=step,
            batch_size=batch_size,
            stable_step_size=stable,
        )


@contextmanager
def _settings() -> Iterator[None]:
    """JAX as this module needs it, whatever the caller has set: the same seed gives the same replicates."""
    with (
        jax.enable_x64(True),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
        jax.threefry_partitionable(True),
        jax.transfer_guard("allow"),
    ):
        yield


@partial(jax.jit, static_argnames=("replicates", "records"))
def _simulate(
    seed: Any,
    purpose: Any,
    index: Any,
    sampler: Sampler,
    start: Any,
    decay: Any,
    step_sizes: Any,
    slots: Any,
    count: Any,
    batch_size: Any,
    weight_limit: Any,
    *,
    replicates: int,
    records: int,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The first ``count`` steps of all replicates.

    Returns:
        Weights and batch gradients at the recorded steps, each of shape (records, R, d), and for each replicate the
        first step at which it left the range of numbers (or the largest integer), shape (R,).
    """
    key = jax.random.key(seed, impl="threefry2x32")
    for value in (purpose, batch_size, index):
        key = jax.random.fold_in(key, value)
    start = [jnp.broadcast_to(layer, (replicates, *layer.shape)) for layer in start]
    kept = jnp.zeros((records + 1, *_flat(start).shape))
    never = jnp.full(replicates, _NEVER, jnp.int32)

    def advance(t: Any, state: Any) -> Any:
        layers, kept_weights, kept_gradients, failed = state
        signal = sampler.gradients(jax.random.fold_in(key, t), products(layers)[-1], batch_size)
        steps = [part + decay * layer for part, layer in zip(pulled_back(layers, signal), layers, strict=True)]
        weights, gradients = _flat(layers), _flat(steps)
        kept_weights = lax.dynamic_update_index_in_dim(kept_weights, weights, slots[t], 0)
        kept_gradients = lax.dynamic_update_index_in_dim(kept_gradients, gradients, slots[t], 0)
        is_number = jnp.all((jnp.abs(weights) < weight_limit) & (jnp.abs(gradients) < _LIMIT), axis=1)
        failed = jnp.where(is_number, failed, jnp.minimum(failed, t))
        layers = [layer - step_sizes[t] * step for layer, step in zip(layers, steps, strict=True)]
        return layers, kept_weights, kept_gradients, failed

    _, kept_weights, kept_gradients, failed = lax.fori_loop(0, count, advance, (start, kept, kept, never))
    return kept_weights[:-1], kept_gradients[:-1], failed


def _flat(layers: list[jax.Array]) -> jax.Array:
    """Stacks of layers as rows of weights, shape (R, d)."""
    rows = [layer.reshape(len(layer), -1) for layer in layers]
    return rows[0] if len(rows) == 1 else jnp.concatenate(rows, axis=1)


def workers() -> int:
    """How many blocks run side by side: one per core this process may use; one on an accelerator."""
    if jax.default_backend() != "cpu":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def side_by_side(function: Callable[[Block], _Result], blocks: Sequence[Block]) -> Iterator[_Result]:
    """``function`` of every block, computed side by side and in the order of the blocks; an error stops the rest."""
    executor = ThreadPoolExecutor(workers())
    try:
        yield from executor.map(function, blocks)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
