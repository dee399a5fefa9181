"""The baselines give the right numbers: python -m benchmarks.checks. A wrong baseline would be no baseline."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations
from math import comb, sqrt
from typing import Any

import jax
import numpy as np
import numpy.typing as npt

import sgdvar as sv
from benchmarks import jax_choice, plain_jax, plain_numpy

Array = npt.NDArray[Any]
Simulate = Callable[[int, int, int], Array]  # b, steps and replicates to last gradients
STEP_SIZE = 0.2  # so large that the first batches matter
LIMIT = 5.5  # standard errors


def finite_baselines(X: Array, y: Array, w0: Array) -> Iterator[tuple[str, Simulate]]:
    """Every way to draw batches without replacement from n examples, named."""

    def simulate(module: Any, b: int, steps: int, replicates: int, **how: Any) -> Array:
        gradients: Array = module.last_gradients(X, y, w0, STEP_SIZE, b, steps, replicates, 0, **how)
        return gradients

    yield "NumPy", partial(simulate, plain_numpy)
    yield "NumPy, two threads", partial(simulate, plain_numpy, threads=2)
    yield "jax.random.choice", partial(simulate, jax_choice)
    for method in ("rejection", "mask", "top_k"):
        yield f"JAX, {method}", partial(simulate, plain_jax, method=method)
    if importlib.util.find_spec("torch"):
        from benchmarks import plain_torch

        yield "PyTorch", partial(simulate, plain_torch)


def check_variance(name: str, simulate: Simulate, sgd: sv.SGD, step: int, b: int, replicates: int) -> float:
    """The distance of a baseline's sample variance from the exact one, in standard errors."""
    exact = float(sv.gradient_variance(sgd, step)(b))
    gradients = simulate(b, step + 1, replicates)
    assert gradients.shape == (replicates, sgd.weight_count), (name, gradients.shape)
    squares = ((gradients - gradients.mean(axis=0)) ** 2).sum(axis=1)
    error = squares.std() / sqrt(replicates)
    distance = float((squares.sum() / (replicates - 1) - exact) / max(error, 1e-12))
    assert abs(distance) < LIMIT, f"{name} at b = {b}: {distance:.1f} standard errors from the exact variance"
    return distance


def check_uniform(name: str, members: Array, n: int, b: int) -> float:
    """The chi-square statistic of all subsets, standardised; ``members`` are 0 or 1, shape (replicates, n)."""
    assert (members.sum(axis=1) == b).all(), f"{name} drew a batch of another size, or an example twice"
    codes = members @ (1 << np.arange(n))
    subsets = [sum(1 << i for i in subset) for subset in combinations(range(n), b)]
    counts = np.array([(codes == subset).sum() for subset in subsets])
    freedom, expected = comb(n, b) - 1, len(codes) / comb(n, b)
    distance = float((((counts - expected) ** 2).sum() / expected - freedom) / sqrt(2 * freedom))
    assert distance < LIMIT, f"{name}: subsets are {distance:.1f} deviations from uniform"
    return distance


def one_hot(indices: Array, n: int) -> Array:
    members: Array = (indices[:, :, None] == np.arange(n)).sum(axis=1)
    return members


def subsets_drawn(n: int, b: int, count: int) -> Iterator[tuple[str, Array]]:
    rng = np.random.default_rng(0)
    yield "by_pairs", one_hot(plain_numpy.by_pairs(rng, n, b, count), n)
    yield "by_sorting", one_hot(plain_numpy.by_sorting(rng, n, b, count), n)
    yield "NumPy's mask", plain_numpy.mask(rng, n, b, count).astype(int)
    keys = jax.random.split(jax.random.key(0), count)
    for name, draw in plain_jax.DRAWS.items():
        yield f"JAX's {name}", one_hot(np.asarray(jax.vmap(partial(draw, n=n, b=b))(keys)), n)
    yield "JAX's mask", np.asarray(jax.vmap(partial(plain_jax.mask, n=n, b=b))(keys)).astype(int)
    if importlib.util.find_spec("torch"):
        import torch

        from benchmarks import plain_torch

        generator = torch.Generator().manual_seed(0)
        for drawn in (plain_torch.by_rejection, plain_torch.by_top_k):
            yield f"PyTorch's {drawn.__name__}", one_hot(drawn(generator, n, b, count).numpy(), n)


def main(replicates: int = 20_000, step: int = 3) -> None:
    rng = np.random.default_rng(1)
    X, y, w0 = rng.standard_normal((30, 3)), rng.standard_normal(30), rng.standard_normal(3)
    sgd = sv.SGD(sv.LinearRegression(sv.Dataset(X, y)), w0, STEP_SIZE)
    for name, simulate in finite_baselines(X, y, w0):
        distances = [check_variance(name, simulate, sgd, step, b, replicates) for b in (1, 4, 8)]
        if "rejection" not in name:
            distances += [check_variance(name, simulate, sgd, step, b, replicates) for b in (20, 29)]
        print(f"{name}: " + ", ".join(f"{distance:+.1f}" for distance in distances) + " standard errors")
    for name, members in subsets_drawn(7, 3, 35_000):
        print(f"{name}: subsets {check_uniform(name, members, 7, 3):+.1f} deviations from uniform")
    population = sv.SGD(
        sv.LinearRegression(sv.GaussianPopulation(np.array([1.0, 2.0]), noise_factor=np.array([[0.5]]))),
        [0.0, 0.0],
        0.1,
    )

    def raw(b: int, steps: int, count: int) -> Array:
        return plain_jax.gaussian_last_gradients(np.array([1.0, 2.0]), 0.5, np.zeros(2), 0.1, b, steps, count, 0)

    print(f"JAX, Gaussian: {check_variance('Gaussian', raw, population, step, 4, replicates):+.1f} standard errors")
    exact = float(sv.gradient_variance(sgd, step)(4))
    for module in (plain_numpy, plain_jax):
        value, error, count = module.gradient_variance(X, y, w0, STEP_SIZE, 4, step, 0.01, 0)
        assert abs(value - exact) < LIMIT * error
        assert 0.007 < error / value < 0.013, f"{module.__name__} missed the standard error that was asked"
        print(f"{module.__name__}: Var(g_3) to {error / value:.2%} with {count} replicates")


if __name__ == "__main__":
    main()
