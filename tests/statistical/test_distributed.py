"""Two processes of ``jax.distributed`` on the loopback: one result, one error, and no waiting for the dead."""

from __future__ import annotations

import json
import os
import runpy
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import sgdvar as sv

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PROGRAM = HERE / "distributed" / "in_processes.py"
LIMIT = 120  # seconds


def run_two(mode, folder, seed=0):
    """The exit statuses and outputs of two processes that work together."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = {
        **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
        "PYTHONPATH": str(ROOT),
        "JAX_PLATFORMS": "cpu",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), str(index), port, mode, str(folder), str(seed)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(2)
    ]
    end = time.monotonic() + LIMIT
    try:
        outputs = [process.communicate(timeout=max(end - time.monotonic(), 1)) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return [(process.returncode, *output) for process, output in zip(processes, outputs, strict=True)]


def said(output):
    """What a process wrote; JAX writes to the standard output, too."""
    return json.loads(output.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def alone():
    """The program's estimates in this process."""
    program = runpy.run_path(str(PROGRAM))
    results = {name: program["numbers"](program[name]()) for name in ("by_replicates", "by_relative_error")}
    results["by_covariance"] = program["numbers"](program["by_covariance"]())
    results["longer"] = program["numbers"](program["by_replicates"](replicates=15000))
    return results


@pytest.fixture(scope="module")
def overflow_seed():
    """A seed with which a replicate overflows that falls to the second process, and none that falls to the first."""
    rare = runpy.run_path(str(PROGRAM))["RARE"]
    for seed in range(100):
        try:
            sv.estimate_mean_weights(rare, 1, [1], replicates=4096, seed=seed)
        except sv.NonFiniteError as error:
            if error.replicate >= 2048:
                return seed
    raise AssertionError("no seed will do")


@pytest.fixture(scope="module")
def together(tmp_path_factory, overflow_seed):
    """The folder, and what both processes say."""
    folder = tmp_path_factory.mktemp("together")
    results = run_two("estimates", folder, overflow_seed)
    for status, _, errors in results:
        assert status == 0, errors
    return folder, [said(output) for _, output, _ in results]


def assert_near(numbers, expected):
    assert numbers["replicates"] == expected["replicates"]
    for name in ("value", "standard_error", "largest_share"):
        np.testing.assert_allclose(numbers[name], expected[name], rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("name", ["by_replicates", "by_relative_error", "by_covariance"])
def test_two_processes_give_the_result_of_one_and_both_the_same_bits(together, alone, name):
    _, (first, second) = together
    assert first[name] == second[name]
    assert_near(first[name], alone[name])


def test_an_error_in_one_process_is_an_error_in_both_and_the_next_run_works(together, alone):
    _, (first, second) = together
    message = "all processes must succeed, got an error in process 1: ZeroDivisionError: in a progress function"
    assert first["interrupted"] == ["RuntimeError", message]
    assert second["interrupted"] == ["ZeroDivisionError", "in a progress function"]
    assert_near(first["after all"], alone["by_replicates"])


def test_an_overflow_in_the_replicates_of_one_process_is_an_error_in_both(together):
    _, (first, second) = together
    kind, message = second["overflow"]
    assert kind == "NonFiniteError"
    assert message.startswith("simulated weights must stay below")
    assert first["overflow"] == [
        "RuntimeError",
        f"all processes must succeed, got an error in process 1: NonFiniteError: {message}",
    ]


def test_a_refusal_by_the_first_process_is_an_error_in_both(together):
    _, (first, second) = together
    assert first["over budget"][0] == "BudgetExceededError"
    assert second["over budget"][0] == "RuntimeError"
    assert "got an error in process 0: BudgetExceededError: simulation must take" in second["over budget"][1]


def test_a_checkpoint_that_one_process_refuses_is_an_error_in_both_and_is_kept(together):
    folder, (first, second) = together
    assert second["damaged"][0] == "CheckpointError"
    assert first["damaged"][0] == "RuntimeError"
    assert "got an error in process 1: CheckpointError: checkpoint must be a file of this run" in first["damaged"][1]
    assert (folder / "damaged.1-of-2").read_bytes() == b"not a checkpoint"
    assert not (folder / "damaged.0-of-2").exists()


def test_processes_that_ask_for_different_things_are_refused(together):
    _, (first, second) = together
    assert first["other seed"] == second["other seed"]
    name, message = first["other seed"]
    assert name == "RuntimeError"
    assert "all processes must ask for the same, got " in message
    assert "seed 1" in message


def test_every_process_keeps_a_checkpoint_of_its_own(together, alone):
    folder, (first, second) = together
    assert sorted(path.name for path in folder.glob("run*")) == ["run.checkpoint.0-of-2", "run.checkpoint.1-of-2"]
    for name, expected in (("resumed", "by_replicates"), ("longer", "longer")):
        assert first[name] == second[name]
        assert_near(first[name], alone[expected])
    assert first["resumed"] == first["by_replicates"]  # to the last bit
    for index, (name, message) in enumerate([first["shorter"], second["shorter"]]):
        assert name == "CheckpointError", index
        assert "must not hold more replicates than are asked for" in message


def test_the_death_of_one_process_ends_the_other_with_an_error(tmp_path):
    began = time.monotonic()
    (survivor, output, errors), (dead, _, _) = run_two("death", tmp_path)
    assert dead == 3
    assert time.monotonic() - began < LIMIT
    if output.strip().endswith("}"):  # it could still speak before JAX ended it
        kind, message = said(output)["death"]
        assert kind == "RuntimeError"
        assert message.startswith("all processes must stay until all are done, got: ")
    else:
        assert survivor != 0, errors
