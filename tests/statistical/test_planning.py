"""Forecasts are made once for a process, doubted before they refuse anything, and small runs keep all cores busy."""

from __future__ import annotations

from functools import partial

import jax
import numpy as np
import pytest

import sgdvar as sv
from sgdvar.monte_carlo.dynamics.base import dynamics_of
from sgdvar.monte_carlo.running import planning, trajectories
from sgdvar.monte_carlo.running.runs import _first_of_parts
from sgdvar.monte_carlo.running.trajectories import Trajectories
from sgdvar.monte_carlo.statistics.summaries import Functional, summarise_mean, summarise_parts, summarise_variance

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=12)


@pytest.fixture
def sgd():
    return sv.SGD(sv.LinearRegression(sv.Dataset(X, Y)), start=np.zeros(3), step_size=0.1)


@pytest.fixture
def probes(monkeypatch):
    """The batch sizes that were timed; each block is said to take 1e-3 seconds."""
    timed = []

    def seconds(self, batch_size):
        timed.append(batch_size)
        return 1e-3

    monkeypatch.setattr(Trajectories, "seconds_per_block", seconds)
    return timed


def test_a_process_is_timed_once_for_each_batch_size_and_quantity(sgd, probes):
    for seed in (1, 2):
        sv.estimate_gradient_variance(sgd, 2, [2, 7], relative_error=0.1, seed=seed)
    assert probes == [2, 7]
    sv.estimate_gradient_variance(sgd, 2, [2], replicates=100)
    assert probes == [2, 7]
    sv.estimate_mean_gradient(sgd, 2, [2], replicates=100)
    sv.estimate_gradient_variance(sgd, 3, [2], replicates=100)
    assert probes == [2, 7, 2, 2]


def test_a_forecast_from_a_busy_hour_refuses_nothing(sgd, probes):
    sv.estimate_gradient_variance(sgd, 2, [2], replicates=100)
    known = planning._forecasts(dynamics_of(sgd))
    known.update(dict.fromkeys(known, 1e9))
    sv.estimate_gradient_variance(sgd, 2, [2], replicates=100, time_budget=60)
    assert probes == [2, 2]
    assert max(known.values()) < 1


def test_too_long_a_run_is_refused_by_what_is_remembered_and_timed_again(sgd, probes):
    sv.estimate_gradient_variance(sgd, 2, [2], replicates=100)
    with pytest.raises(sv.BudgetExceededError, match="forecast are"):
        sv.estimate_gradient_variance(sgd, 2, [2], replicates=10**12, time_budget=60)
    assert probes == [2, 2]


@pytest.mark.skipif(
    jax.default_backend() != "cpu" or jax.local_device_count() > 1, reason="of one processor without devices of its own"
)
def test_a_call_simulates_several_blocks_unless_that_leaves_a_core_without_work(sgd, monkeypatch):
    monkeypatch.setattr(trajectories, "workers", lambda: 2)
    short = Trajectories(sgd, dynamics_of(sgd), (3,), seed=0)
    long = Trajectories(sgd, dynamics_of(sgd), (300,), seed=0)

    def sizes(own, count):
        return [len(chunk) for chunk in own.chunks(own.blocks(2, count * own.block_size))]

    assert sizes(short, 9) == [3, 3, 3]  # over before another thread has begun
    assert sizes(short, 14) == [3, 4, 3, 4]
    assert sizes(short, 17) == [2, 3, 3, 3, 3, 3]  # an even number of calls, as short as the longest allows
    assert sizes(long, 9) == [1] * 9  # whose calls take long enough


@pytest.mark.parametrize("block", [2048, 1024, 256, 64])
@pytest.mark.parametrize("measured", [True, False], ids=["first that is measured", "decided by itself"])
def test_a_pilot_is_summarised_in_groups_one_after_the_other(sgd, monkeypatch, block, measured):
    """Whatever the blocks that it is simulated in, and whether all that is measured is summarised or only a part."""
    monkeypatch.setattr(trajectories, "_BLOCK", block)
    monkeypatch.setattr(trajectories, "_TILE", 64)
    own = Trajectories(sgd, dynamics_of(sgd), (1, 3), seed=0)
    records = [
        simulated for chunk in own.chunks(own.blocks(2, 2048, is_pilot=True)) for simulated in own.simulate(chunk)
    ]

    def measure(record, b):
        return [summarise_variance(record.gradients), summarise_mean(record.weights)]

    def deciding(record, b):
        return lambda parts: [summarise_parts(Functional.of(vectors=record.gradients), parts)]

    decided = partial(_first_of_parts, measure) if measured else deciding
    plan = planning.Plan(own, [2], measure, "a test", 60.0, decided)
    for step, found in enumerate(plan._pilot([2])[2]):
        size = min(block, planning._GROUP)
        gradients = np.concatenate([record[step].gradients for record in records]).reshape(-1, size, 3)
        assert found.count == size
        np.testing.assert_allclose(found.value, gradients.var(axis=1, ddof=1).sum(axis=1), rtol=1e-12)
