"""Simulation through the public API against plain NumPy, plain JAX and JAX's own choice without replacement.

Rates are whole SGD steps per second on least squares with p = 10. Compilation is excluded everywhere: all is warmed up.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np
import numpy.typing as npt

import sgdvar as sv
from benchmarks import accuracy, gpu, jax_choice, plain_jax, plain_numpy
from benchmarks.baselines import diabetes
from benchmarks.harness import Row
from benchmarks.rates import Contender, Note, RateRow, compare, fastest, race

Array = npt.NDArray[Any]
STEP = 9  # the gradient g_9 takes ten batches
STEP_SIZE = 0.03
FEATURES = 10
UNIT = 1024  # replicates
OURS, REPLACED, CHOICE = "sgdvar", "sgdvar with replacement", "jax.random.choice"


@dataclass(frozen=True)
class Case:
    """A size, and the least ratios to the baselines that it is held to."""

    n: int
    b: int
    choice: float | None = None
    numpy: float | None = None
    replaced: float | None = None


CASES = [
    Case(442, 8, numpy=3, replaced=0.6),
    Case(442, 64, choice=100, numpy=3, replaced=0.6),
    Case(442, 256, choice=20, replaced=0.6),
    Case(10_000, 32, choice=5000, numpy=3, replaced=0.6),
    Case(60_000, 128, numpy=1.3, replaced=0.6),
    Case(1_000_000, 256, numpy=1.3, replaced=0.6),
]


def rows() -> Iterator[RateRow | Row | Note]:
    for case in CASES:
        yield from finite(case)
    yield from single_precision(442, 64)
    yield from gaussian()
    yield from accuracy.rows()
    yield from gpu.rows(ours, examples)


def examples(n: int) -> tuple[Array, Array]:
    if n == 442:
        data = diabetes()
        return data.X.astype(float), data.y.astype(float)
    rng = np.random.default_rng(n)
    X = rng.standard_normal((n, 10))
    return X, X @ np.linspace(-1, 1, 10) + rng.standard_normal(n)


def ours(name: str, data: Any, b: int, sampling: Any = None, **how: Any) -> Contender:
    sgd = sv.SGD(sv.LinearRegression(data), np.zeros(FEATURES), STEP_SIZE, sampling=sampling)

    def run(amount: int) -> object:
        replicates = amount * UNIT
        return sv.estimate_gradient_variance(
            sgd, STEP, [b], replicates=replicates, conditional=False, time_budget=1e9, **how
        )

    return Contender(name, run, UNIT * (STEP + 1))


def plain(name: str, module: Any, X: Array, y: Array, b: int, replicates: int, **how: Any) -> Contender:
    def run(amount: int) -> object:
        return module.last_gradients(X, y, np.zeros(X.shape[1]), STEP_SIZE, b, STEP + 1, amount * replicates, 0, **how)

    return Contender(name, run, replicates * (STEP + 1))


def best_numpy(X: Array, y: Array, b: int) -> Contender:
    counts = sorted({1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2})
    of = partial(plain, module=plain_numpy, X=X, y=y, b=b, replicates=max(256, 2**17 // b))
    return fastest([of(f"threads: {count}", threads=count) for count in counts], "NumPy")


def best_jax(X: Array, y: Array, b: int, dtype: str = "float64") -> Contender:
    methods = plain_jax.methods(len(X), b)
    unit = plain_jax.chunk_for(b if methods == ["rejection"] else len(X))
    of = partial(plain, module=plain_jax, X=X, y=y, b=b, replicates=unit, dtype=dtype)
    return fastest([of(method, method=method) for method in methods], "plain JAX")


def choice(X: Array, y: Array, b: int) -> Contender:
    """One replicate at a time where a single permutation takes long, and few steps."""
    replicates = max(1, min(512, 2 ** (17 if jax.default_backend() == "cpu" else 24) // len(X)))
    steps = 1 if len(X) > 20_000 else STEP + 1

    def run(amount: int) -> None:
        for seed in range(amount):
            jax_choice.last_gradients(X, y, np.zeros(X.shape[1]), STEP_SIZE, b, steps, replicates, seed)

    return Contender(CHOICE, run, replicates * steps)


def finite(case: Case) -> Iterator[RateRow | Note]:
    X, y = examples(case.n)
    data = sv.Dataset(X, y)
    numpy, jax_ = best_numpy(X, y, case.b), best_jax(X, y, case.b)
    mine = [ours(OURS, data, case.b), ours(REPLACED, data, case.b, sv.WithReplacement())]
    others = [numpy, jax_, choice(X, y, case.b)]
    what = f"n = {case.n}, b = {case.b}"
    if torch := plain_torch():
        others.append(plain("PyTorch", torch, X, y, case.b, UNIT))
    rates = race([*mine, *others])
    yield compare(what, rates, OURS, CHOICE, case.choice)
    yield compare(what, rates, OURS, numpy.name, case.numpy)
    yield compare(what, rates, OURS, jax_.name)
    yield compare(what, rates, OURS, REPLACED, case.replaced)
    if torch:
        yield compare(what, rates, OURS, "PyTorch")


def single_precision(n: int, b: int) -> Iterator[RateRow]:
    """float32 against float64, and against plain JAX in float32, on whichever device."""
    X, y = examples(n)
    data, baseline = sv.Dataset(X, y), best_jax(X, y, b, "float32")
    rates = race([ours("float32", data, b, precision="float32"), ours("float64", data, b), baseline])
    yield compare(f"float32, n = {n}, b = {b}", rates, "float32", "float64")
    yield compare(f"float32, n = {n}, b = {b}", rates, "float32", baseline.name)


def plain_torch() -> Any:
    """The baseline in PyTorch, or None where that is not installed."""
    if importlib.util.find_spec("torch") is None:
        return None
    from benchmarks import plain_torch as module

    return module


def gaussian() -> Iterator[RateRow]:
    teacher, noise = np.linspace(-1, 1, 10), 0.5
    data = sv.GaussianPopulation(teacher, noise_factor=[[noise]])

    def raw(b: int) -> Contender:
        unit = plain_jax.chunk_for(16 * b)

        def run(amount: int) -> object:
            return plain_jax.gaussian_last_gradients(
                teacher, noise, np.zeros(FEATURES), STEP_SIZE, b, STEP + 1, amount * unit, 0, chunk=unit
            )

        return Contender(f"raw batches, b = {b}", run, unit * (STEP + 1))

    names = {b: f"sgdvar, b = {b}" for b in (16, 64, 1024)}
    rates = race([*(ours(name, data, b) for b, name in names.items()), raw(64), raw(1024)])
    yield compare("Gaussian population, b = 64", rates, names[64], "raw batches, b = 64", 100)
    yield compare("Gaussian population, b = 1024", rates, names[1024], "raw batches, b = 1024", 1000)
    yield compare("Gaussian population, b = 1024", rates, names[1024], names[16], round(1 / 1.5, 3))
