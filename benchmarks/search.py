"""The search for counterexamples from ten seeds: python -m benchmarks.search [CASE ...]."""

from __future__ import annotations

import statistics
import sys
import time
from fractions import Fraction

import sgdvar as sv

SEEDS = 10
REFUTED, UNDECIDED = "refuted", "undecided"
SHUFFLED = sv.FiniteFamily(examples=4, widths=(1, 1), sampling=sv.RandomReshuffling())

# what, claim, family, options, what must come out
CASES = {
    "finite": (
        "finite data, two layers, scalar: V(2) > V(1)",
        sv.SearchClaim(batch_sizes=[1]), sv.FiniteFamily(examples=3), {}, REFUTED,
    ),
    "stable": (
        "two atoms, stable step sizes: V(2) > 100 V(1)",
        sv.SearchClaim(batch_sizes=[1], target_ratio=100), sv.PopulationFamily(atoms=2, stable=True), {}, REFUTED,
    ),
    "gaussian": (
        "N(0, I) inputs, 2 x 2 weights: V(2) > 1.2 V(1)",
        sv.SearchClaim(batch_sizes=[1], target_ratio=Fraction(6, 5)), sv.GaussianFamily(widths=(2, 2, 2)), {}, REFUTED,
    ),
    "b0": (
        "two atoms: V(11) > V(10)",
        sv.SearchClaim(batch_sizes=[10]), sv.PopulationFamily(atoms=2), {"largest": 10**6}, REFUTED,
    ),
    "b0-large": (
        "two atoms: V(51) > V(50)",
        sv.SearchClaim(batch_sizes=[50]), sv.PopulationFamily(atoms=2), {"largest": 10**7}, REFUTED,
    ),
    "shuffled": (
        "linear regression, t = 2, reshuffled across an epoch: V(2) > V(1)",
        sv.SearchClaim(batch_sizes=[(1, 2)], step=2), SHUFFLED, {}, REFUTED,
    ),
    "first-epoch": (
        "linear regression, t = 1, reshuffled within the first epoch",
        sv.SearchClaim(batch_sizes=[(1, 2)]), SHUFFLED, {"evaluations": 100_000}, UNDECIDED,
    ),
    "regression": (
        "linear regression, t = 1",
        sv.SearchClaim(), sv.FiniteFamily(examples=3, widths=(2, 1)), {"evaluations": 100_000}, UNDECIDED,
    ),
}  # fmt: skip


def largest_number(result: sv.SearchResult) -> str:
    """The largest numerator or denominator of a counterexample."""
    if result.process is None:
        return ""
    parts = [*result.process.problem.data.numbers(), *result.process.parts]
    values = [Fraction(result.process.step_size), *(Fraction(v) for part in parts for v in part.ravel().tolist())]
    return f"{max(max(abs(v.numerator), v.denominator) for v in values):,}"


def row(name: str) -> str:
    """One line of the table."""
    what, claim, family, options, expected = CASES[name]
    seconds, results = [], []
    for seed in range(SEEDS):
        began = time.perf_counter()
        results.append(sv.search_counterexample(claim, family, seed=seed, **options))  # type: ignore[arg-type]
        seconds.append(time.perf_counter() - began)
    good = [result for result in results if result.verdict.status == expected]
    numbers = max((largest_number(result) for result in results), key=len)
    rounds = max(result.record.rounds for result in results)
    denied = sum(result.record.denied for result in results)
    return (
        f"| {what} | {expected} | {len(good)} of {SEEDS} | {seconds[0]:.1f} | {statistics.median(seconds[1:]):.1f} | "
        f"{max(seconds):.1f} | {rounds} | {denied} | {numbers} |"
    )


if __name__ == "__main__":
    print("| search | outcome | from | first s | median s | max s | rounds | denied | largest number |")
    print("|---|---|---|---|---|---|---|---|---|")
    for chosen in sys.argv[1:] or CASES:
        print(row(chosen), flush=True)
