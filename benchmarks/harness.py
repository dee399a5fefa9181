"""Interleaved timings and a table of medians and ratios."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measurement: medians over interleaved runs, the ratio pair by pair, and the limit it is held to."""

    what: str
    seconds: float
    baseline: str
    baseline_seconds: float | None
    ratio: float | None
    limit: str

    def markdown(self) -> str:
        baseline = "" if self.baseline_seconds is None else f"{self.baseline}: {pretty(self.baseline_seconds)}"
        ratio = "" if self.ratio is None else f"{self.ratio:.3g}"
        return f"| {self.what} | {pretty(self.seconds)} | {baseline} | {ratio} | {self.limit} |"


HEADER = "| what | median | baseline, same run | baseline / ours | limit |\n|---|---|---|---|---|"


def pretty(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1 or unit == "µs":
            return f"{seconds * factor:.3g} {unit}"
    raise AssertionError


def elapsed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure(
    what: str,
    ours: Callable[[], object],
    *,
    limit: str,
    baseline: Callable[[], object] | None = None,
    name: str = "",
    runs: int = 7,
    calls: int = 1,
    warm_up: bool = True,
) -> Row:
    """Medians over ``runs`` interleaved runs, of ours over ``calls`` calls in a row in each."""
    if warm_up:
        ours()
        if baseline is not None:
            baseline()
    mine, theirs = [], []
    for _ in range(runs):
        mine.append(statistics.median(elapsed(ours) for _ in range(calls)))
        if baseline is not None:
            theirs.append(elapsed(baseline))
    if baseline is None:
        return Row(what, statistics.median(mine), "", None, None, limit)
    ratios = [b / a for a, b in zip(mine, theirs, strict=True)]
    return Row(what, statistics.median(mine), name, statistics.median(theirs), statistics.median(ratios), limit)
