"""The devices that a run may use, their memory, and how work is spread over them and over processes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec

__all__ = ["REPLICATES", "available_bytes", "cores", "local_mesh", "settings", "side_by_side", "spec", "workers"]

REPLICATES = "replicates"  # the name of the axis that is spread over devices
_ASSUMED = 2**33  # bytes of memory on a system that does not tell
_AHEAD = 3  # items per worker that are begun, so that none waits for work
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@contextmanager
def settings() -> Iterator[None]:
    """JAX as this package needs it, whatever the caller has set: the same seed gives the same replicates."""
    with (
        jax.enable_x64(True),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
        jax.threefry_partitionable(True),
        jax.transfer_guard("allow"),
    ):
        yield


@lru_cache
def local_mesh() -> Mesh:
    """All devices of this process, in a row."""
    return Mesh(np.array(jax.local_devices()), (REPLICATES,))


def spec(*axes: str | None) -> PartitionSpec:
    """Which axes of an array are spread; the others are the same on all devices."""
    return PartitionSpec(*axes)  # type: ignore[no-untyped-call]


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers() -> int:
    """How many compiled calls run side by side: with the devices one per core; one to measure while one simulates."""
    if jax.default_backend() != "cpu":
        return 2
    return max(1, cores() // jax.local_device_count())


def available_bytes() -> int:
    """The memory that can be had now: of all local accelerators together, or of the machine."""
    statistics = [device.memory_stats() for device in jax.local_devices()]
    if jax.default_backend() != "cpu" and all(statistics):
        return sum(int(known["bytes_limit"] - known["bytes_in_use"]) for known in statistics if known)
    try:
        lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
        return 1024 * int(lines["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        return _ASSUMED


def side_by_side(function: Callable[[_Item], _Result], items: Sequence[_Item]) -> Generator[_Result, None, None]:
    """``function`` of every item, computed side by side and in the order of the items; an error stops the rest.

    Only a few items are begun ahead of the one that is waited for, so whoever stops asking stops the work, too.

    Yields:
        The results.
    """
    if len(items) == 1:
        yield function(items[0])
        return
    executor, begun = _executor(workers() + 2), deque[Future[_Result]]()  # more: calls take a while to start and end
    try:
        for item in items:
            begun.append(executor.submit(function, item))
            if len(begun) == _AHEAD * workers():
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        for future in begun:
            future.cancel()
        wait(begun)


@lru_cache
def _executor(count: int) -> ThreadPoolExecutor:
    """Threads that are kept, because starting them takes as long as a small estimate."""
    return ThreadPoolExecutor(count, thread_name_prefix="sgdvar")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_executor.cache_clear)  # threads stay behind in the parent
