"""The same replicates on any number of devices and in both precisions; memory and options are checked first."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest

import sgdvar as sv
from sgdvar.monte_carlo.running import devices, trajectories
from sgdvar.monte_carlo.running.devices import side_by_side
from sgdvar.monte_carlo.running.trajectories import Trajectories

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PROGRAM = HERE / "distributed" / "on_devices.py"
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=12)


def regression(X=X, y=Y, step_size=0.1):
    return sv.SGD(sv.LinearRegression(sv.Dataset(X, y)), start=np.zeros(3), step_size=step_size)


SGD = regression()
estimate = partial(sv.estimate_gradient_variance, SGD, 2, [2, 7], replicates=5000, seed=5)


# --- devices --------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="equal within rounding of the same kind of device")
def test_eight_devices_give_the_same_replicates_as_one_and_share_the_work():
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, str(PROGRAM)], env=environment, **pipes) as process:
        program = runpy.run_path(str(PROGRAM))
        expected = program["estimates"]()
        output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    many = json.loads(output)
    assert many["count"] == 8
    assert many["estimates"].keys() == expected.keys()
    for name, values in expected.items():
        found = [float.fromhex(value) for value in many["estimates"][name]]
        assert found == pytest.approx([float.fromhex(value) for value in values], rel=1e-13), name
    # a block of 2048 replicates is 8 tiles of 256; four small blocks, of 2 tiles each, keep 8 devices busy
    assert many["spread"] == {"devices": [8], "rows": [256]}


def test_items_are_computed_side_by_side_in_their_order_and_only_a_few_ahead():
    begun = []

    def square(item):
        begun.append(item)
        return item**2

    results = side_by_side(square, range(1000))
    assert [next(results) for _ in range(10)] == [item**2 for item in range(10)]
    results.close()
    assert len(begun) <= 10 + 3 * devices.workers()
    assert list(side_by_side(square, range(100))) == [item**2 for item in range(100)]
    assert list(side_by_side(square, [])) == []


def test_an_error_in_one_item_stops_the_rest():
    begun = []

    def fail_at_five(item):
        begun.append(item)
        if item == 5:
            raise ZeroDivisionError
        return item

    with pytest.raises(ZeroDivisionError):
        list(side_by_side(fail_at_five, range(1000)))
    assert len(begun) <= 6 + 3 * devices.workers()


# --- memory ---------------------------------------------------------------------------------------------------------


def test_a_chunk_beyond_memory_is_refused_with_the_numbers():
    with pytest.raises(
        sv.BudgetExceededError,
        match=r"chunk_size = 1,000,000,000,000 must fit into memory, got \S+ bytes for 1,000,000,000,\d{3} replicates "
        r"of 3 weights and gradients at 1 of 2 steps, and \S+ bytes are available; lower chunk_size=",
    ) as caught:
        estimate(chunk_size=10**12)
    assert caught.value.unit == "bytes"
    assert caught.value.needed >= 8 * 2 * 3 * 10**12
    assert caught.value.limit == pytest.approx(devices.available_bytes(), rel=0.5)


def test_a_block_beyond_memory_is_refused_with_the_numbers(monkeypatch):
    monkeypatch.setattr(trajectories, "available_bytes", lambda: 1000)
    monkeypatch.setattr(trajectories, "_ALWAYS_THERE", 0)
    with pytest.raises(
        sv.BudgetExceededError,
        match=r"a block of replicates must fit into memory, got .* for 2,048 replicates .* and 1e\+03 bytes are "
        "available; record fewer or earlier steps",
    ):
        estimate()


# --- options --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"chunk_size": 0}, ValueError, "chunk_size must be at least 1, got 0"),
        ({"chunk_size": -5}, ValueError, "chunk_size must be at least 1, got -5"),
        ({"chunk_size": 2.5}, TypeError, "chunk_size must be an integer, got 2.5 of type float"),
        ({"chunk_size": True}, TypeError, "chunk_size must be an integer, got True of type bool"),
        ({"chunk_size": "2048"}, TypeError, "chunk_size must be an integer, got '2048' of type str"),
        ({"precision": "float16"}, ValueError, 'precision must be "float64" or "float32", got \'float16\''),
        ({"precision": 32}, ValueError, 'precision must be "float64" or "float32", got 32'),
        ({"precision": None}, ValueError, 'precision must be "float64" or "float32", got None'),
        ({"precision": np.float32}, ValueError, 'precision must be "float64" or "float32", got <class'),
        ({"checkpoint": 3}, TypeError, "checkpoint must be a path, got int"),
        ({"checkpoint": True}, TypeError, "checkpoint must be a path, got bool"),
        ({"checkpoint": b"file"}, TypeError, "checkpoint must be a path, got bytes"),
        ({"time_budget": 0}, ValueError, "time_budget must be positive, got 0"),
        ({"time_budget": float("nan")}, ValueError, "time_budget must be positive, got nan"),
        ({"time_budget": "60"}, TypeError, "time_budget must be a number, got '60'"),
        ({"time_budget": None}, TypeError, "time_budget must be a number, got None"),
        ({"chunks": 5}, TypeError, "options must be among .*, got chunks"),
        ({"prescision": "float32", "chunks": 5}, TypeError, "got prescision; did you mean precision="),
    ],
)
def test_bad_options_are_refused_before_any_work(options, error, message, monkeypatch):
    monkeypatch.setattr(Trajectories, "simulate", pytest.fail)
    with pytest.raises(error, match=message):
        estimate(**options)


# --- single precision -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("conditional", [True, False])
def test_single_precision_is_near_double_precision(conditional):
    single = estimate(precision="float32", conditional=conditional)
    double = estimate(conditional=conditional)
    assert single.value.dtype == single.standard_error.dtype == np.float64
    np.testing.assert_allclose(single.value, double.value, rtol=1e-5)
    np.testing.assert_allclose(single.standard_error, double.standard_error, rtol=1e-4)
    assert (single.value != double.value).all()  # it is another precision


def test_moments_of_single_precision_do_not_cancel():
    """Weights near 1000 that vary by about 0.1: sums of squares in single precision would lose all of it."""
    far = sv.SGD(
        sv.LinearRegression(sv.Dataset([[1.0]] * 4, [1000.0, 1000.1, 999.8, 1000.3])), start=[1000.0], step_size=0.5
    )
    exact = [float(entry[0, 0](1)) for entry in (sv.weight_covariance(far, 3),)]
    single = sv.estimate_weight_covariance(far, 3, [1], replicates=5000, precision="float32")
    double = sv.estimate_weight_covariance(far, 3, [1], replicates=5000)
    assert abs(double.value.item() - exact[0]) < 6 * double.standard_error.item()
    np.testing.assert_allclose(single.value, double.value, rtol=0.02)
