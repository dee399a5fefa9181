"""Whole processes: import and the command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

from benchmarks.harness import Row, measure


def run(*arguments: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


def rows() -> Iterator[Row]:
    yield measure(
        "import sgdvar, whole process",
        run("-c", "import sgdvar"),
        baseline=run("-c", "pass"),
        name="the bare interpreter",
        limit="0.3 s",
    )
    yield measure("sgdvar verify, no arguments", run("-m", "sgdvar", "verify"), limit="60 s", runs=3, warm_up=False)
