"""Trajectories of SGD, the same replicates however many are simulated, in whatever portions and on whatever devices.

Replicates are simulated in *tiles*. The random numbers of a tile come from a key that depends on the seed, the batch
size and the index of the tile only. So the replicates of a short run are the first of a longer one, and batch sizes do
not depend on the order in which, or the others with which, they are asked for. A *block* is a fixed number of tiles,
whose moments are computed together; a *chunk* is as many blocks as one compiled call simulates, its tiles spread over
the devices of the process.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise
from typing import Literal, NamedTuple, TypeAlias

import jax
import numpy as np
from jax.sharding import NamedSharding

from sgdvar.errors import BudgetExceededError, NonFiniteError
from sgdvar.exact import stable_step_size
from sgdvar.memory import once_for_each
from sgdvar.monte_carlo.dynamics.base import GRADIENT_LIMIT, Dynamics, room_for
from sgdvar.monte_carlo.running.compiled import simulate
from sgdvar.monte_carlo.running.devices import available_bytes, cores, local_mesh, settings, spec, workers
from sgdvar.monte_carlo.samplers.protocol import Float64
from sgdvar.problems import LinearRegression
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = ["Block", "Precision", "Record", "Trajectories"]

Precision: TypeAlias = Literal["float64", "float32"]

_TILE = 256  # replicates whose random numbers come from one key; operations on fewer are not worth starting
_BLOCK = 2048  # replicates whose moments are computed together
_BLOCK_NUMBERS = 2**21  # weights in a block, roughly
_ACCELERATOR_CHUNK = 2**17  # replicates that keep an accelerator busy
_CALL_STEPS = 2**17  # of all replicates together, for which a call on a core has room
_CALL_NUMBERS = 2**19  # weights in the records of a call on a core, if it is of several blocks
_SMALLEST_CALL, _LARGEST_CALL = 2**19, 2**22  # weights and draws of all replicates and steps, worth a call on a core
_ALWAYS_THERE = 2**24  # bytes, fewer than JAX itself takes: to ask for what there is takes longer than to fill them
_MEMORY_SHARE = 4  # a chunk of default size takes at most the available memory over this
_COPIES = 4  # of the records of a chunk are in memory at a time
_PROBE = 512  # draws are enough to time a larger batch
_MAIN, _PILOT = 0, 1  # keys of the two never meet


class Record(NamedTuple):
    """What replicates did at one step: the state before it and the gradient of its batch, both of shape (R, D).

    Both are flattened row by row, one part of the state after the other.
    """

    weights: Array
    gradients: Array

    def part(self, entries: slice) -> Record:
        """What some of the entries did."""
        return Record(self.weights[:, entries], self.gradients[:, entries])

    def only(self, replicates: slice) -> Record:
        """What some of the replicates did."""
        return Record(self.weights[replicates], self.gradients[replicates])


@dataclass(frozen=True)
class Block:
    """Names the first ``count`` replicates of a block.

    Attributes:
        batch_size: b.
        index: Counts the blocks of one batch size from 0.
        count: The replicates to keep.
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
        dynamics: What is simulated.
        steps: The steps to record, ascending and distinct.
        seed: Any integer from 0 to 2**63 - 1.
        precision: The floating-point numbers of the simulation; records are in float64.
        chunk_size: The replicates to simulate at once, rounded up to whole blocks; None for as many as the devices
            take well.

    Raises:
        BudgetExceededError: A chunk takes more memory than there is.
    """

    sgd: SGD
    dynamics: Dynamics
    steps: tuple[int, ...]
    seed: int
    precision: Precision = "float64"
    chunk_size: int | None = None

    def __post_init__(self) -> None:
        blocks = self._fewest_blocks if self.chunk_size is None else self.chunk_blocks
        needed = blocks * self._block_bytes + 24 * self.steps[-1]
        if needed > _ALWAYS_THERE and needed > (limit := available_bytes()):
            what, remedy = "a block of replicates", "record fewer or earlier steps"
            if self.chunk_size is not None:
                what, remedy = f"chunk_size = {self.chunk_size:,}", "lower chunk_size="
            raise BudgetExceededError(
                f"{what} must fit into memory, got {needed:.3g} bytes for {blocks * self.block_size:,} "
                f"replicates of {self._entries:,} weights and gradients at {len(self.steps)} of {self.steps[-1]:,} "
                f"steps, and {limit:.3g} bytes are available; {remedy}",
                needed=needed,
                limit=limit,
                unit="bytes",
            )

    @cached_property
    def _entries(self) -> int:
        return sum(int(np.size(part)) for part in self.dynamics.start())

    @cached_property
    def block_size(self) -> int:
        """The replicates in a block, a power of 2: fewer where their weights would fill memory."""
        return 1 << (int(np.clip(_BLOCK_NUMBERS // self._entries, 2**3, _BLOCK)).bit_length() - 1)

    @property
    def _tile_size(self) -> int:
        return min(_TILE, self.block_size)

    @property
    def _tiles(self) -> int:
        """How many there are in a block."""
        return self.block_size // self._tile_size

    @property
    def _by_turns(self) -> bool:
        """Whether a device simulates its tiles one by one."""
        return jax.default_backend() == "cpu"

    @property
    def _block_bytes(self) -> int:
        """The memory that one block takes while it is simulated and measured."""
        return 8 * 2 * _COPIES * (workers() + 1) * self.block_size * self._entries * (len(self.steps) + 1)

    @property
    def _fewest_blocks(self) -> int:
        """How many blocks give every device a tile."""
        return -(-jax.local_device_count() // self._tiles)

    @cached_property
    def chunk_blocks(self) -> int:
        """How many blocks one compiled call simulates."""
        if self.chunk_size is not None:
            return -(-self.chunk_size // self.block_size)
        devices = jax.local_device_count()
        if jax.default_backend() == "cpu":
            if devices > 1:
                return self._fewest_blocks
            numbers = self._entries * (len(self.steps) + 1)
            return max(1, min(_CALL_STEPS // self._schedule_length, _CALL_NUMBERS // numbers) // self.block_size)
        wished = -(-devices * _ACCELERATOR_CHUNK // self.block_size)
        return max(1, min(wished, available_bytes() // (_MEMORY_SHARE * self._block_bytes)))

    def blocks(self, batch_size: int, replicates: int, *, is_pilot: bool = False) -> list[Block]:
        """The blocks that hold the first ``replicates`` replicates."""
        whole, rest = divmod(replicates, self.block_size)
        counts = [self.block_size] * whole + [rest] * (rest > 0)
        return [Block(batch_size, index, count, is_pilot) for index, count in enumerate(counts)]

    def chunks(self, blocks: Sequence[Block]) -> list[list[Block]]:
        """Blocks in portions of one batch size that can be simulated at once, in their order."""
        result: list[list[Block]] = []
        for batch_size, group in groupby(blocks, key=lambda block: block.batch_size):
            own = list(group)
            calls = self._calls(batch_size, len(own))
            ends = [len(own) * call // calls for call in range(calls + 1)]
            result += [own[first:last] for first, last in pairwise(ends)]
        return result

    def _calls(self, batch_size: int, count: int) -> int:
        """How many calls simulate so many blocks: on a core, such that all cores have equal shares."""
        if not self._by_turns or jax.local_device_count() > 1:
            return -(-count // self.chunk_blocks)
        work = self.block_size * (self.steps[-1] + 1) * (self._entries + self.dynamics.draws(batch_size))
        calls = -(-count // max(1, min(self.chunk_blocks, _LARGEST_CALL // work)))
        shared = -(-calls // workers()) * workers()
        return calls if count * work <= _SMALLEST_CALL else min(shared, count)

    def simulate(self, chunk: Sequence[Block]) -> list[list[Record]]:
        """The records of each block of a chunk, one for each step.

        Raises:
            NonFiniteError: A replicate left the range of numbers whose sixth powers are floating-point numbers.
        """
        last = self.steps[-1]
        kept_weights, kept_gradients, all_failed = self._run(chunk, last + 1)
        result = []
        for place, block in enumerate(chunk):
            rows = slice(place * self.block_size, place * self.block_size + block.count)
            failed = all_failed[rows]
            first = int(failed.min())
            if first <= last:
                raise self._non_finite(block.index * self.block_size + int(failed.argmin()), first, block.batch_size)
            kept = zip(kept_weights[:, rows], kept_gradients[:, rows], strict=True)
            result.append([Record(w.astype(np.float64, copy=False), g.astype(np.float64, copy=False)) for w, g in kept])
        return result

    def pilot(self, batch_size: int, replicates: int) -> Record:
        """Replicates that are independent of all others, at the first recorded step."""
        records = [
            own[0]
            for chunk in self.chunks(self.blocks(batch_size, replicates, is_pilot=True))
            for own in self.simulate(chunk)
        ]
        return Record(*(np.concatenate(arrays) for arrays in zip(*records, strict=True)))

    def at_start(self) -> Record:
        """A record of one block before anything is drawn."""
        start = np.concatenate([np.ravel(np.asarray(part, dtype=np.float64)) for part in self.dynamics.start()])
        weights = np.tile(start, (self.block_size, 1))
        return Record(weights, np.zeros_like(weights))

    def seconds_per_block(self, batch_size: int) -> float:
        """A forecast for the simulation from the first step of a block, without compilation."""
        draws = self.dynamics.draws(batch_size)
        probe = batch_size if draws <= _PROBE else _PROBE
        chunk = [Block(probe, index, self.block_size, is_pilot=True) for index in range(self.chunk_blocks)]
        portions = 1
        if self._by_turns:  # one tile is enough to tell
            chunk = [Block(probe, 0, self._tile_size, is_pilot=True)]
            portions = -(-self._tiles // min(jax.local_device_count(), cores()))
        self._run(chunk, 0)
        times = []
        for count in (0, 1):
            start = time.perf_counter()
            self._run(chunk, count)
            times.append(time.perf_counter() - start)
        call, step = times[0], max(times[1] - times[0], 0.0) * portions * draws / self.dynamics.draws(probe)
        return call / self.chunk_blocks + step * (self.steps[-1] + 1) / len(chunk)

    @property
    def _schedule_length(self) -> int:
        """Room for the steps of a schedule."""
        return room_for(self.steps[-1])

    @cached_property
    def _schedule(self) -> tuple[Array, Array]:
        """Step sizes, and the record each step writes; their number for a step that writes none."""
        last, length = self.steps[-1], self._schedule_length
        step_sizes, slots = np.zeros(length, dtype=self.precision), np.full(length, len(self.steps), dtype=np.int32)
        step_sizes[:last] = [float(value) for value in self.sgd.step_sizes(last)]
        slots[list(self.steps)] = np.arange(len(self.steps))
        return step_sizes, slots

    def _run(self, chunk: Sequence[Block], count: int) -> tuple[Array, Array, Array]:
        """The first ``count`` steps of blocks of one batch size: records, with replicates on the second axis."""
        first = chunk[0]
        batch_size = first.batch_size
        step_sizes, slots = self._schedule
        devices = jax.local_device_count()
        tiles = np.full(-(-self.chunk_blocks * self._tiles // devices) * devices, -1, dtype=np.int32)
        for place, block in enumerate(chunk):
            wanted = np.arange(-(-block.count // self._tile_size))
            tiles[place * self._tiles + wanted] = block.index * self._tiles + wanted
        with settings():
            result = simulate(
                np.int64(self.seed),
                np.int32(_PILOT if first.is_pilot else _MAIN),
                tiles,
                _placed(self.dynamics, self.precision).for_batch_size(batch_size),
                step_sizes,
                slots,
                np.int32(count),
                np.int32(batch_size),
                min(self.dynamics.weight_limit, float(np.finfo(self.precision).max)),
                tile_size=self._tile_size,
                records=len(self.steps),
                mesh=local_mesh(),
                by_turns=self._by_turns,
            )
            weights, gradients, failed = (np.asarray(array) for array in result)
        return weights, gradients, failed

    def _non_finite(self, replicate: int, step: int, batch_size: int) -> NonFiniteError:
        where = f"got more at step {step} in replicate {replicate} at batch size {batch_size}"
        stable = None
        if not isinstance(self.sgd.problem, LinearRegression):
            message = (
                f"simulated weights must stay below {self.dynamics.weight_limit:.3g} and gradients below "
                f"{GRADIENT_LIMIT:g}, {where}; lower step_size; only linear regression has a range of step "
                "sizes that are mean-square stable from every start"
            )
        else:
            stable = stable_step_size(self.sgd, batch_size)
            message = (
                f"simulated weights must stay below {GRADIENT_LIMIT:g}, {where}; there, constant step sizes in "
                f"(0, {stable:.6g}) are mean-square stable"
            )
        return NonFiniteError(
            message,
            replicate=replicate,
            step=step,
            batch_size=batch_size,
            stable_step_size=stable,
        )


@once_for_each
def _placed(dynamics: Dynamics, precision: Precision) -> Dynamics:
    """The dynamics in a precision, on all devices; put there once."""
    with settings():
        cast = jax.tree.map(
            lambda leaf: leaf if isinstance(leaf, Float64) else np.asarray(leaf, dtype=precision),
            dynamics,
            is_leaf=lambda leaf: isinstance(leaf, Float64),
        )
        placed: Dynamics = jax.device_put(cast, NamedSharding(local_mesh(), spec()))
    return placed
