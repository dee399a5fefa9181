"""Accuracy for time: conditional estimates, the control variate, and the time to a given standard error."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np

import sgdvar as sv
from benchmarks import plain_jax, plain_numpy
from benchmarks.baselines import diabetes
from benchmarks.harness import Row, elapsed, measure
from benchmarks.rates import Note, RateRow

STEP_SIZE = Fraction(3, 100)
BATCH_SIZE = 8
ACCURACY = 0.001


def rows() -> Iterator[RateRow | Row | Note]:
    for step in (5, 20, 50):
        yield conditional(step)
    for step in (3, 5, 20):
        yield controlled(step)
    for step in (5, 20):
        yield control_variate(step)
    yield model()
    yield from headline()


def regression() -> sv.SGD:
    return sv.SGD(sv.LinearRegression(diabetes()), [0] * 10, STEP_SIZE)


def estimate(sgd: sv.SGD, step: int, replicates: int, **how: Any) -> sv.Estimate:
    return sv.estimate_gradient_variance(sgd, step, [BATCH_SIZE], replicates=replicates, time_budget=1e9, **how)


def efficiencies(runs: Sequence[Callable[[int], sv.Estimate]], *, rounds: int = 5) -> list[list[float]]:
    """1 / (standard error * sqrt(time)) of each in each round, interleaved; replicates for about 0.4 s."""
    replicates = [replicates_for(run) for run in runs]
    found: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for run, count, values in zip(runs, replicates, found, strict=True):
            results: list[sv.Estimate] = []
            time = elapsed(lambda: results.append(run(count)))  # noqa: B023
            values.append(1 / (float(results[0].standard_error[0]) * time**0.5))
    return found


def replicates_for(run: Callable[[int], sv.Estimate], seconds: float = 0.4) -> int:
    replicates = 4096
    run(replicates)
    while (time := elapsed(lambda: run(replicates))) < seconds / 2:  # noqa: B023
        replicates = int(replicates * min(seconds / time, 16))
        run(replicates)
    return replicates


def gain(what: str, runs: Sequence[Callable[[int], sv.Estimate]], baseline: str, at_least: float) -> RateRow:
    mine, theirs = efficiencies(runs)
    ratio = statistics.median(a / b for a, b in zip(mine, theirs, strict=True))
    median = statistics.median
    return RateRow(what, median(mine), baseline, median(theirs), ratio, at_least, "1/(error sqrt(s))")


def conditional(step: int) -> RateRow:
    sgd = regression()
    runs = [
        lambda count: estimate(sgd, step, count),
        lambda count: estimate(sgd, step, count, conditional=False),
    ]
    return gain(f"conditional, diabetes, b = 8, t = {step}", runs, "plain trajectories, same code", 6)


def controlled(step: int) -> RateRow:
    """Conditional with a control variate against plain trajectories, of linear regression."""
    sgd = regression()
    runs = [
        lambda count: estimate(sgd, step, count, control_variate=True),
        lambda count: estimate(sgd, step, count, conditional=False),
    ]
    return gain(f"controlled, diabetes, b = 8, t = {step}", runs, "plain trajectories, same code", 10)


def control_variate(step: int) -> RateRow:
    """Conditional with a control variate against plain trajectories, on a 4-4-1 network."""
    rng = np.random.default_rng(4)
    population = sv.GaussianPopulation(rng.standard_normal((1, 4)), noise_factor=[[0.5]])
    start = [rng.standard_normal((4, 4)) / 2, rng.standard_normal((1, 4)) / 2]
    sgd = sv.SGD(sv.DeepLinearNetwork(population), start, 0.05)
    runs = [
        lambda count: estimate(sgd, step, count, control_variate=True),
        lambda count: estimate(sgd, step, count, conditional=False),
    ]
    return gain(f"control variate, network 4-4-1, b = 8, t = {step}", runs, "plain trajectories, same code", 10)


def model() -> RateRow:
    """Conditional with a control variate against plain trajectories, on a 4-4-1 network with tanh units."""
    rng, patients = np.random.default_rng(4), diabetes()
    data = sv.Dataset(patients.X[:, :4].astype(float), patients.y.astype(float))
    start = rng.standard_normal((4, 4)) / 2, rng.standard_normal(4) / 2
    problem = sv.DifferentiableModel(data, lambda w, x: w[1] @ jnp.tanh(w[0] @ x))
    sgd = sv.SGD(problem, start, 0.05)
    runs = [
        lambda count: estimate(sgd, 5, count, control_variate=True),
        lambda count: estimate(sgd, 5, count, conditional=False),
    ]
    return gain("control variate, tanh network 4-4-1, b = 8, t = 5", runs, "plain trajectories, same code", 10)


def headline() -> Iterator[Row]:
    """Wall time to Var(g_3) within a standard error of 0.1 %, pilot runs included, compilation excluded."""
    sgd = regression()
    exact = float(sv.gradient_variance(sgd, 3)(BATCH_SIZE))
    X, y = diabetes().X.astype(float), diabetes().y.astype(float)
    arguments = (X, y, np.zeros(10), float(STEP_SIZE), BATCH_SIZE, 3, ACCURACY)

    def ours() -> sv.Estimate:
        return sv.estimate_gradient_variance(sgd, 3, [BATCH_SIZE], relative_error=ACCURACY, control_variate=True)

    first = ours()
    assert abs(float(first.value[0]) - exact) < 5 * float(first.standard_error[0]) < 0.01 * exact
    with_threads = [partial(plain_numpy.gradient_variance, *arguments, seed=0, threads=count) for count in (1, 2)]
    plain_jax_run = partial(plain_jax.gradient_variance, *arguments, seed=0)
    for name, run, runs in (("plain NumPy", min(with_threads, key=elapsed), 5), ("plain JAX", plain_jax_run, 3)):
        value, error, count = run()
        assert abs(value - exact) < 5 * error < 0.01 * exact, (name, value, exact, error)
        row = measure(
            f"Var(g_3) to {ACCURACY:.1%}, diabetes, b = 8",
            ours,
            baseline=run,
            name=f"{name}, {count} replicates",
            limit="at least 100 times faster",
            runs=runs,
            calls=9,
        )
        assert row.ratio is not None
        met = "met" if row.ratio >= 100 else "**missed**"
        yield Row(row.what, row.seconds, row.baseline, row.baseline_seconds, row.ratio, f"{row.limit}: {met}")
