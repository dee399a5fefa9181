"""Estimates of several problems, as JSON: run by test_devices.py with another number of devices, and imported by it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

import sgdvar as sv
from sgdvar.monte_carlo.running import trajectories

RNG = np.random.default_rng(0)
X, Y, Z = RNG.normal(size=(12, 3)), RNG.normal(size=12), RNG.normal(size=(12, 2))
LAYERS = [RNG.normal(size=(4, 3)), RNG.normal(size=(2, 4))]


def processes() -> dict[str, sv.SGD]:
    regression = sv.LinearRegression(sv.Dataset(X, Y), weight_decay=0.2)
    population = sv.LinearRegression(sv.GaussianPopulation(X[0], noise_factor=1.0))
    return {
        "regression": sv.SGD(regression, start=np.zeros(3), step_size=0.1),
        "network": sv.SGD(sv.DeepLinearNetwork(sv.Dataset(X, Z)), start=LAYERS, step_size=0.02),
        "population": sv.SGD(population, start=np.zeros(3), step_size=0.02),
    }


def estimates() -> dict[str, list[str]]:
    """Values and standard errors, to the last bit."""
    regression, network, population = processes().values()
    with small_blocks():
        small = estimate(regression, 2000)
    return {
        "one tile": estimate(regression, 100),
        "blocks and a part": estimate(regression, 5000),
        "chunks": estimate(regression, 9000, chunk_size=4096),
        "small blocks": small,
        "network": estimate(network, 3000),
        "population": estimate(population, 3000),
    }


def estimate(sgd: sv.SGD, replicates: int, **options: Any) -> list[str]:
    result = sv.estimate_gradient_variance(sgd, 2, [2], replicates=replicates, seed=5, **options)
    return [value.hex() for value in [*result.value.tolist(), *result.standard_error.tolist()]]


@contextmanager
def small_blocks() -> Iterator[None]:
    """Blocks of 512 replicates with three weights, which are two tiles."""
    known = trajectories._BLOCK_NUMBERS
    trajectories._BLOCK_NUMBERS = 3 * 512
    try:
        yield
    finally:
        trajectories._BLOCK_NUMBERS = known


def spread() -> dict[str, list[int]]:
    """The devices that hold a part of what a compiled call returns, and the replicates that each of them holds."""
    simulate, devices, rows = trajectories.simulate, set(), set()

    def watched(*arguments: Any, **options: Any) -> Any:
        result = simulate(*arguments, **options)
        shards = result[0].addressable_shards
        devices.add(len({shard.device for shard in shards}))
        rows.update(shard.data.shape[1] for shard in shards)
        return result

    trajectories.simulate = watched
    try:
        estimate(processes()["regression"], 5000)
        with small_blocks():
            estimate(processes()["regression"], 2000)
    finally:
        trajectories.simulate = simulate
    return {"devices": sorted(devices), "rows": sorted(rows)}


if __name__ == "__main__":
    json.dump({"count": jax.local_device_count(), "estimates": estimates(), "spread": spread()}, sys.stdout)
