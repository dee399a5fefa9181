"""Races between implementations of different speed: rates in one interleaved run, and ratios round by round."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.harness import elapsed


@dataclass(frozen=True)
class Contender:
    """Something to time; ``run(k)`` does k units of work, each of ``unit`` steps."""

    name: str
    run: Callable[[int], object]
    unit: float


@dataclass(frozen=True)
class RateRow:
    """Rates in ``unit``, their ratio ours / baseline, and the least ratio that is asked for."""

    what: str
    rate: float
    baseline: str = ""
    baseline_rate: float | None = None
    ratio: float | None = None
    at_least: float | None = None
    unit: str = "steps/s"

    def markdown(self) -> str:
        baseline = self.baseline
        if self.baseline_rate is not None:
            baseline += f": {si(self.baseline_rate)} {self.unit}"
        ratio = "" if self.ratio is None else f"{self.ratio:.3g}"
        limit = "" if self.at_least is None else f"ratio at least {self.at_least:g}: {verdict(self)}"
        return f"| {self.what} | {si(self.rate)} {self.unit} | {baseline} | {ratio} | {limit} |"


@dataclass(frozen=True)
class Note:
    """A row that says why there is no number."""

    what: str
    text: str

    def markdown(self) -> str:
        return f"| {self.what} | {self.text} | | | |"


def verdict(row: RateRow) -> str:
    assert row.ratio is not None
    assert row.at_least is not None
    return "met" if row.ratio >= row.at_least else "**missed**"


def si(value: float) -> str:
    for factor, prefix in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= factor:
            return f"{value / factor:.3g}{prefix}"
    return f"{value:.3g}"


def race(contenders: Sequence[Contender], *, rounds: int = 5, seconds: float = 0.25) -> dict[str, list[float]]:
    """Steps per second of each contender in each round, after a warm-up that compiles and sizes the work."""
    amounts = {contender.name: amount_for(contender, seconds) for contender in contenders}
    rates: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            amount = amounts[contender.name]
            time = elapsed(lambda: contender.run(amount))  # noqa: B023
            rates[contender.name].append(amount * contender.unit / time)
    return rates


def amount_for(contender: Contender, seconds: float) -> int:
    """Units of work that take about ``seconds``; the last run before it returns has that size and is warm."""
    amount = 1
    contender.run(amount)
    for _ in range(6):
        time = elapsed(lambda: contender.run(amount))  # noqa: B023
        if time > seconds / 1.5:
            break
        amount = math.ceil(amount * min(seconds / time, 30))
        contender.run(amount)
    return amount


def fastest(contenders: Sequence[Contender], name: str, seconds: float = 0.05) -> Contender:
    """The best of several ways to do the same, by one short race; it goes on under one name."""
    if len(contenders) == 1:
        best = contenders[0]
    else:
        rates = race(contenders, rounds=3, seconds=seconds)
        best = max(contenders, key=lambda contender: statistics.median(rates[contender.name]))
    return Contender(f"{name} ({best.name})", best.run, best.unit)


def compare(
    what: str, rates: dict[str, list[float]], ours: str, baseline: str, at_least: float | None = None
) -> RateRow:
    mine, theirs = rates[ours], rates[baseline]
    ratio = statistics.median(a / b for a, b in zip(mine, theirs, strict=True))
    return RateRow(what, statistics.median(mine), baseline, statistics.median(theirs), ratio, at_least)
