"""Work that is shared by the processes of ``jax.distributed``, each with devices of its own.

Every process runs the same program. Each simulates its share of the blocks; what all must agree on is decided by the
first. An error in one process is an error in all, and none waits for another that has failed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

from sgdvar.monte_carlo.running.devices import settings

__all__ = ["check_same", "decided_by_first", "gathered", "process_count", "process_index", "together"]

_Result = TypeVar("_Result")


def process_count() -> int:
    """The number of processes; 1 without ``jax.distributed``."""
    return int(jax.process_count())


def process_index() -> int:
    """Which of them this one is, from 0."""
    return int(jax.process_index())


def gathered(work: Callable[[], bytes]) -> list[bytes]:
    """What ``work`` returns in each process, in the order of the processes and the same in all.

    Raises:
        RuntimeError: ``work`` raised an error in another process, or another process has ended.
    """
    if process_count() == 1:
        return [work()]
    own, failure = _outcome(work)
    parts = _exchanged((b"!" if failure else b"=") + own)
    if failure is not None:
        raise failure
    _check([part[:1] == b"!" for part in parts], [part[1:] for part in parts])
    return [part[1:] for part in parts]


def together(work: Callable[[], object]) -> None:
    """Calls ``work`` in each process.

    Raises:
        RuntimeError: ``work`` raised an error in another process, or another process has ended.
    """

    def done() -> bytes:
        work()
        return b""

    gathered(done)


def check_same(request: str) -> None:
    """Makes sure that all processes ask for the same.

    Raises:
        RuntimeError: They do not.
    """
    first, *others = (part.decode() for part in gathered(lambda: request.encode()))
    for index, other in enumerate(others, 1):
        if other != first:
            raise RuntimeError(
                f"all processes must ask for the same, got {other} in process {index} and {first} in process 0"
            )


def decided_by_first(decide: Callable[[], Any]) -> Any:
    """What ``decide`` returns in the first process, for all: numbers, texts, lists and dicts with text keys.

    Raises:
        RuntimeError: It raised an error there.
    """
    if process_count() == 1:
        return decide()
    return json.loads(gathered(lambda: json.dumps(decide()).encode() if process_index() == 0 else b"")[0])


def _outcome(work: Callable[[], bytes]) -> tuple[bytes, Exception | None]:
    try:
        return work(), None
    except Exception as error:  # re-raised when all know
        return f"{type(error).__name__}: {error}".encode(), error


def _check(failed: list[bool], texts: list[bytes]) -> None:
    for index, text in enumerate(texts):
        if failed[index]:
            raise RuntimeError(f"all processes must succeed, got an error in process {index}: {text.decode()}")


def _exchanged(own: bytes) -> list[bytes]:
    """The bytes of every process."""
    try:
        with settings():
            sizes = np.asarray(multihost_utils.process_allgather(np.int64(len(own)))).ravel()
            padded = np.frombuffer(own.ljust(int(sizes.max()), b"\0"), dtype=np.uint8)
            rows = np.asarray(multihost_utils.process_allgather(padded)).reshape(len(sizes), -1)
    except Exception as error:  # which one depends on how the processes are connected
        raise RuntimeError(f"all processes must stay until all are done, got: {error}") from error
    return [row[:size].tobytes() for row, size in zip(rows, sizes, strict=True)]
