"""An interrupted run goes on from its checkpoint to the same bits, and no file is ever damaged or taken for another."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields, is_dataclass, replace
from functools import partial
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import sgdvar as sv
from sgdvar.errors import CheckpointError
from sgdvar.monte_carlo.running import checkpoints, execution, runs, trajectories
from sgdvar.monte_carlo.running.checkpoints import Checkpoint
from sgdvar.monte_carlo.running.runs import Run
from sgdvar.monte_carlo.running.totals import Totals
from sgdvar.monte_carlo.running.trajectories import Trajectories
from sgdvar.monte_carlo.statistics.summaries import summarise_covariance, summarise_variance

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=12)
LAYERS = [X[:2] / 2, [[1.0, -1.0]]]
BLOCK = 2048  # replicates, for so few weights
REPLICATES = 4 * BLOCK + 1000


def regression(X=X, y=Y, step_size=0.1):
    return sv.SGD(sv.LinearRegression(sv.Dataset(X, y)), start=np.zeros(3), step_size=step_size)


SGD = regression()
estimate = partial(sv.estimate_gradient_variance, SGD, 2, [5, 2], replicates=REPLICATES, seed=11)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.checkpoint"


@pytest.fixture(autouse=True)
def one_block_at_a_time(monkeypatch):
    """A chunk of default size is one block, and so are the steps from one report of progress to the next."""
    monkeypatch.setattr(trajectories, "_CALL_STEPS", 1)


@pytest.fixture
def saved_at_once(monkeypatch):
    """Checkpoints are saved after every chunk."""
    monkeypatch.setattr(execution, "_SAVE_EVERY", -1.0)


def bits(result):
    """All numbers and texts in a result, to the last bit."""
    if is_dataclass(result):
        return {item.name: bits(getattr(result, item.name)) for item in fields(result)}
    if isinstance(result, list | tuple):
        return [bits(entry) for entry in result]
    if result is None or callable(result):
        return None
    array = np.asarray(result)
    assert array.dtype != object, result
    return array.dtype, array.shape, array.tobytes()


def assert_same_bits(left, right):
    assert bits(left) == bits(right)


def interrupt_at(call, error=KeyboardInterrupt):
    """A progress function that raises an error when it is called for that time, from 0."""
    calls = []

    def progress(done, total):
        calls.append(done)
        if len(calls) > call:
            raise error

    return progress


# --- interrupted and resumed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
@pytest.mark.parametrize("call", [0, 1, 4, 10])
def test_a_run_that_was_interrupted_ends_with_the_same_bits(path, call, error):
    with pytest.raises(error):
        estimate(checkpoint=path, progress=interrupt_at(call, error))
    calls = []
    resumed = estimate(checkpoint=path, progress=lambda done, total: calls.append((done, total)))
    assert_same_bits(resumed, estimate())
    blocks = 8 if call == 10 else max(call - 1, 0) if call > 4 else call
    assert calls[0] == (min(blocks, 4) * BLOCK + max(blocks - 4, 0) * BLOCK, 2 * REPLICATES)


@pytest.mark.parametrize(
    "quantity",
    [
        partial(sv.estimate_gradient_variance, conditional=False, matrix=[[1.0, 2.0, 0.0], [0.0, 1.0, 1.0]]),
        sv.estimate_full_gradient_variance,
        sv.estimate_gradient_second_moment,
        partial(sv.estimate_expected_loss, data=sv.Dataset(X[:4] + 1, Y[:4])),
        sv.estimate_mean_gradient,
        sv.estimate_mean_weights,
        sv.estimate_weight_covariance,
    ],
)
def test_every_quantity_can_be_interrupted_twice(path, quantity):
    run = partial(quantity, SGD, 2, [5, 2], replicates=REPLICATES, seed=12)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(checkpoint=path, progress=interrupt_at(3))
    assert_same_bits(run(checkpoint=path), run())


@pytest.mark.parametrize("control_variate", [True, False])
def test_a_network_can_be_interrupted_with_and_without_a_control_variate(path, control_variate):
    network = sv.SGD(sv.DeepLinearNetwork(sv.Dataset(X, Y)), start=LAYERS, step_size=0.05)
    run = partial(
        sv.estimate_gradient_variance, network, 2, [2], replicates=REPLICATES, control_variate=control_variate
    )
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=path, progress=interrupt_at(2))
    resumed = run(checkpoint=path)
    assert resumed.controlled is control_variate
    assert_same_bits(resumed, run())
    with pytest.raises(CheckpointError, match="quantity"):
        run(checkpoint=path, control_variate=not control_variate)


def test_a_differentiable_model_can_be_interrupted_and_another_is_refused(path):
    def run(scale, **options):
        problem = sv.DifferentiableModel(sv.Dataset(X, Y), predict=lambda w, x: jnp.tanh(scale * (w @ x)))
        model = sv.SGD(problem, start=np.zeros(3), step_size=0.1)
        return sv.estimate_gradient_variance(model, 2, [5], replicates=REPLICATES, **options)

    with pytest.raises(KeyboardInterrupt):
        run(1.0, checkpoint=path, progress=interrupt_at(2))
    with pytest.raises(CheckpointError, match=r"belongs to another run: functions \w+ there, functions \w+ here"):
        run(1.5, checkpoint=path)
    assert_same_bits(run(1.0, checkpoint=path), run(1.0))


def test_a_difference_can_be_interrupted(path):
    run = partial(sv.estimate_difference, SGD, 2, replicates=REPLICATES)
    with pytest.raises(KeyboardInterrupt):
        run(batch_sizes=[2, 3, 5], checkpoint=path, progress=interrupt_at(2))
    assert_same_bits(run(batch_sizes=[2, 3, 5], checkpoint=path), run(batch_sizes=[2, 3, 5]))
    with pytest.raises(CheckpointError, match=r"differences of Var\(g_t\) between \[2, 3, 5\], .* \[2, 5\]"):
        run(batch_sizes=[2, 5], checkpoint=path)


def test_several_steps_and_measures_can_be_interrupted(path):
    def measure(record, b):
        return [summarise_variance(record.gradients), summarise_covariance(record.weights)]

    run = partial(Run, SGD, [0, 1, 3], [2, 5, 3], replicates=REPLICATES)
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=path, progress=interrupt_at(7)).summaries(measure, "a test")
    resumed, whole = run(checkpoint=path).summaries(measure, "a test"), run().summaries(measure, "a test")
    assert list(resumed) == list(whole) == [2, 5, 3]
    for b in whole:
        assert_same_bits(resumed[b], whole[b])


def test_a_relative_error_can_be_interrupted(path):
    run = partial(sv.estimate_gradient_variance, SGD, 2, [5, 2], relative_error=0.02, conditional=False, seed=13)
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=path, progress=interrupt_at(3))
    resumed = run(checkpoint=path)
    assert resumed.replicates.min() > BLOCK
    assert_same_bits(resumed, run())


def test_a_finished_run_goes_on_with_more_replicates_or_a_smaller_error(path):
    assert_same_bits(estimate(checkpoint=path), estimate())
    calls = []
    longer = estimate(checkpoint=path, replicates=6 * BLOCK + 5, progress=lambda done, total: calls.append(done))
    assert calls[0] == 8 * BLOCK
    assert_same_bits(longer, estimate(replicates=6 * BLOCK + 5))
    finer = {"relative_error": 0.0007, "replicates": None}
    assert_same_bits(estimate(checkpoint=path, **finer), estimate(**finer))


def test_a_finished_run_is_not_simulated_again(path, monkeypatch):
    first = estimate(checkpoint=path, replicates=2 * BLOCK)
    monkeypatch.setattr(Trajectories, "simulate", pytest.fail)
    assert_same_bits(estimate(checkpoint=path, replicates=2 * BLOCK), first)


@pytest.mark.parametrize("chunk_size", [1, BLOCK + 1, 3 * BLOCK, 100_000])
def test_the_bits_do_not_depend_on_the_size_of_chunks(path, chunk_size):
    assert_same_bits(estimate(chunk_size=chunk_size), estimate())
    with pytest.raises(KeyboardInterrupt):
        estimate(checkpoint=path, chunk_size=chunk_size, progress=interrupt_at(1))
    assert_same_bits(estimate(checkpoint=path), estimate())


def test_a_run_that_is_killed_goes_on_from_its_last_save(path):
    program = f"""
import os, signal, numpy as np, sgdvar as sv
from sgdvar.monte_carlo.running import execution, trajectories
execution._SAVE_EVERY, trajectories._CALL_STEPS = -1.0, 1
X, y = np.array({X.tolist()}), np.array({Y.tolist()})
sgd = sv.SGD(sv.LinearRegression(sv.Dataset(X, y)), start=np.zeros(3), step_size=0.1)
def progress(done, total):
    if done >= {5 * BLOCK}:
        os.kill(os.getpid(), signal.SIGKILL)
options = dict(replicates={REPLICATES}, seed=11, checkpoint={str(path)!r}, progress=progress)
sv.estimate_gradient_variance(sgd, 2, [5, 2], **options)
"""
    killed = subprocess.run([sys.executable, "-c", program], env=environment(), timeout=100)
    assert killed.returncode == -signal.SIGKILL
    calls = []
    assert_same_bits(estimate(checkpoint=path, progress=lambda done, total: calls.append(done)), estimate())
    assert calls[0] == 4 * BLOCK  # the fifth block was reported and not yet saved


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}


def test_an_interrupt_stops_what_is_still_to_be_simulated(monkeypatch):
    simulate, calls = Trajectories.simulate, []

    def counted(self, chunk):
        calls.append(chunk)
        return simulate(self, chunk)

    monkeypatch.setattr(Trajectories, "simulate", counted)
    with pytest.raises(KeyboardInterrupt) as caught:  # which keeps the traceback, and so the generators in it
        estimate(replicates=100 * BLOCK, progress=interrupt_at(1))
    begun = len(calls)
    time.sleep(0.3)
    assert len(calls) == begun < 100
    assert caught.type is KeyboardInterrupt


def test_an_interrupt_comes_before_or_after_a_block_is_added():
    block = [[summarise_variance(np.arange(6.0).reshape(3, 2))]]

    def interrupted_add(totals, event):
        """Raises at one of the bytecodes of ``add``; False once there are no more."""
        events = 0

        def trace(frame, what, argument):
            nonlocal events
            if frame.f_code is not Totals.add.__code__:
                return None
            frame.f_trace_opcodes = True
            events += 1
            if events == event:
                raise KeyboardInterrupt
            return trace

        sys.settrace(trace)
        try:
            totals.add(2, block)
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(None)
        return False

    event, seen = 1, set()
    while True:
        totals = Totals()
        totals.add(2, block)
        was_interrupted = interrupted_add(totals, event)
        part = totals.parts[2]
        assert part.cells[0][0].count == 3 * part.blocks
        seen.add(part.blocks)
        if not was_interrupted:
            break
        event += 1
    assert event > 20
    assert seen == {1, 2}


# --- refused, and left as it is -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": 12}, "belongs to another run: seed 11 there, seed 12 here; it is left as it is"),
        ({"step": 3}, r"belongs to another run: steps \[2\] there, steps \[3\] here"),
        ({"batch_sizes": [5]}, r"batch sizes \[2, 5\] there, batch sizes \[5\] here"),
        ({"sgd": regression(y=Y + 1)}, r"belongs to another run: numbers \w+ there, numbers \w+ here"),
        ({"sgd": regression(step_size=0.2)}, "numbers"),
        ({"sgd": regression(step_size=[0.1] * 3)}, "numbers"),
        ({"sgd": regression(X=X[:11], y=Y[:11])}, r"process SGD\(LinearRegression, Dataset\(n=12, p=3, float\)"),
        ({"matrix": [1.0, 2.0, 3.0]}, r"quantity Var\(g_t\), conditional, \w+ there, quantity Var\(A g_t\)"),
        ({"layer": 1}, "quantity"),
        ({"conditional": False}, "conditional, .* here"),
        ({"precision": "float32"}, "precision float64 there, precision float32 here"),
        ({"replicates": 2 * BLOCK}, "must not hold more replicates than are asked for, got 8,192 at batch size 5"),
        ({"replicates": 100}, "must not hold more replicates than are asked for"),
    ],
)
def test_the_checkpoint_of_another_run_is_refused_before_any_work_and_kept(path, arguments, message, monkeypatch):
    estimate(checkpoint=path)
    content = path.read_bytes()
    monkeypatch.setattr(Trajectories, "simulate", pytest.fail)
    given = {"sgd": SGD, "step": 2, "batch_sizes": [5, 2], "replicates": REPLICATES, "seed": 11, **arguments}
    with pytest.raises(CheckpointError, match=message):
        sv.estimate_gradient_variance(**given, checkpoint=path)
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == [path.name]


def test_the_checkpoint_of_another_quantity_matrix_or_version_is_refused(path, monkeypatch):
    run = partial(sv.estimate_gradient_variance, SGD, 2, [2], replicates=BLOCK, checkpoint=path)
    run(matrix=[1.0, 2.0, 3.0])
    content = path.read_bytes()
    with pytest.raises(CheckpointError, match=r"quantity Var\(A g_t\), conditional, \w+ there, quantity Var\(A g_t"):
        run(matrix=[1.0, 2.0, 4.0])
    with pytest.raises(CheckpointError, match=r"there, quantity E w_t"):
        sv.estimate_mean_weights(SGD, 2, [2], replicates=BLOCK, checkpoint=path)
    with monkeypatch.context() as patch:
        patch.setattr(runs, "__version__", "0.0.0")
        with pytest.raises(CheckpointError, match=r"version \S+ there, version 0\.0\.0 here"):
            run(matrix=[1.0, 2.0, 3.0])
    monkeypatch.setattr(checkpoints, "_MAGIC", b"sgdvar checkpoint 2\n")
    with pytest.raises(CheckpointError, match="is no checkpoint of this version of sgdvar"):
        run(matrix=[1.0, 2.0, 3.0])
    assert path.read_bytes() == content


def damaged(content):
    """Damaged copies of a file."""
    for length in (0, 1, 20, 21, 100, len(content) // 2, len(content) - 100, len(content) - 1):
        yield content[:length]
    for place in (0, 19, 30, 200, len(content) // 3, len(content) // 2, len(content) - 1):
        yield content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]
    yield content + b"\n"
    yield content[:-8] + bytes(8)
    yield b"not a checkpoint\n"
    yield bytes(1000)


def test_a_damaged_file_is_refused_and_kept(path, monkeypatch):
    run = partial(estimate, checkpoint=path, replicates=BLOCK)
    run()
    copies = list(damaged(path.read_bytes()))
    monkeypatch.setattr(Trajectories, "simulate", pytest.fail)
    for content in copies:
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"which is (no checkpoint of this version|damaged or incomplete)"):
            run()
        assert path.read_bytes() == content
    assert os.listdir(path.parent) == [path.name]


def test_a_path_that_cannot_be_read_or_written_is_refused_before_any_work(path, monkeypatch):
    monkeypatch.setattr(Trajectories, "simulate", pytest.fail)
    with pytest.raises(CheckpointError, match=r"must be a file that can be read, got .*: .*directory"):
        estimate(checkpoint=path.parent)
    with pytest.raises(CheckpointError, match=r"must be a path that can be written, got .*No such file or directory"):
        estimate(checkpoint=path.parent / "missing" / "file")
    (path.parent / "a file").write_text("")
    with pytest.raises(CheckpointError, match="Not a directory"):
        estimate(checkpoint=path.parent / "a file" / "file")
    path.symlink_to(path)
    with pytest.raises(CheckpointError, match="symbolic links"):
        estimate(checkpoint=path)
    with pytest.raises(CheckpointError, match="must be a path that can be written"):
        estimate(checkpoint=path.parent / ("a" * 250))  # there must be room for the name of a temporary file
    assert sorted(os.listdir(path.parent)) == ["a file", path.name]


def test_a_read_only_folder_is_refused_before_any_work(path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    monkeypatch.setattr(Trajectories, "simulate", pytest.fail)
    with pytest.raises(CheckpointError, match=r"must be a path that can be written, got .*Permission denied"):
        estimate(checkpoint=path)


def test_a_run_that_fails_at_once_leaves_no_file(path):
    with pytest.raises(sv.BudgetExceededError):
        estimate(checkpoint=path, time_budget=1e-9)
    with pytest.raises(KeyboardInterrupt):
        estimate(checkpoint=path, progress=interrupt_at(0))
    with pytest.raises(sv.NonFiniteError):
        sv.estimate_mean_weights(regression(step_size=1e60), 2, [2], replicates=BLOCK, checkpoint=path)
    assert os.listdir(path.parent) == []


# --- paths ----------------------------------------------------------------------------------------------------------


def test_a_path_may_be_a_text_a_path_or_relative_to_the_folder_at_the_start(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    (path.parent / "elsewhere").mkdir()

    def move(done, total):
        os.chdir(path.parent / "elsewhere")

    first = estimate(checkpoint=path.name, progress=move)
    assert os.listdir(path.parent / "elsewhere") == []
    monkeypatch.setattr(Trajectories, "simulate", pytest.fail)
    more = {"replicates": 4 * BLOCK}  # all in the file
    assert_same_bits(estimate(checkpoint=str(path), **more), estimate(checkpoint=path, **more))
    assert first.replicates.tolist() == [REPLICATES] * 2


def test_a_link_stays_a_link(path):
    target = path.with_name("target")
    path.symlink_to(target)
    estimate(checkpoint=path)
    assert path.is_symlink()
    assert target.read_bytes().startswith(b"sgdvar checkpoint 1\n")


def test_runs_with_files_in_the_same_folder_do_not_meet(path, saved_at_once):
    other = path.with_name("other")

    def between(done, total):
        if 0 < done < 2 * BLOCK:
            estimate(checkpoint=other, seed=14)

    assert_same_bits(estimate(checkpoint=path, progress=between), estimate())
    assert_same_bits(estimate(checkpoint=other, seed=14), estimate(seed=14))
    assert sorted(os.listdir(path.parent)) == sorted([path.name, other.name])


def test_another_run_that_takes_the_same_path_meanwhile_keeps_its_file(path, saved_at_once):
    contents = []

    def between(done, total):
        if done == BLOCK:
            path.unlink(missing_ok=True)
            estimate(checkpoint=path, seed=14)
            contents.append(path.read_bytes())

    with pytest.raises(CheckpointError, match="another run has written meanwhile"):
        estimate(checkpoint=path, progress=between)
    assert path.read_bytes() == contents[0]


def test_the_same_run_twice_at_a_time_gives_the_same_bits(path, saved_at_once):
    def between(done, total):
        if done == 3 * BLOCK:
            assert_same_bits(estimate(checkpoint=path), estimate())

    assert_same_bits(estimate(checkpoint=path, progress=between), estimate())
    assert_same_bits(estimate(checkpoint=path), estimate())


# --- saves that fail ------------------------------------------------------------------------------------------------


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def crash(*_):
    raise SystemExit("the power is off")


@pytest.mark.parametrize(
    ("owner", "name", "fault", "error"),
    [
        (os, "fsync", full, CheckpointError),
        (Path, "replace", full, CheckpointError),
        (os, "fsync", crash, SystemExit),
        (Path, "replace", crash, SystemExit),
    ],
)
def test_the_old_file_outlives_a_save_that_fails(path, owner, name, fault, error, monkeypatch):
    estimate(checkpoint=path, replicates=2 * BLOCK)
    content = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fault)
        with pytest.raises(error, match=r"No space left on device|the power is off"):
            estimate(checkpoint=path)
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == [path.name]
    assert_same_bits(estimate(checkpoint=path), estimate())


def test_what_a_killed_save_leaves_behind_does_no_harm(path):
    path.with_name(f"{path.name}.0badcafe.tmp").write_bytes(b"half of a fi")
    assert_same_bits(estimate(checkpoint=path), estimate())


KILLED_IN_SAVES = """
import os, random, signal, sys, time
from dataclasses import fields
from pathlib import Path
import numpy as np
from sgdvar.monte_carlo.running.checkpoints import Checkpoint
from sgdvar.monte_carlo.statistics.summaries import Summary
from sgdvar.monte_carlo.running.totals import Part, Totals

def totals(count):
    filled = {item.name: np.full(4000, float(count)) for item in fields(Summary)}
    return Totals({2: Part(count, [[Summary(**filled | {"count": count, "largest": float(count)})]])})

checkpoint = Checkpoint(Path(sys.argv[1]), "a run")
random.seed(0)
seen, kills, count = set(), 40, 1
for _ in range(kills):
    child = os.fork()
    if child == 0:
        while True:
            checkpoint.save(totals(count))
            count += 1
    time.sleep(random.uniform(0.002, 0.05))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    loaded = checkpoint.load()
    if loaded.parts:
        part = loaded.parts[2]
        summary = part.cells[0][0]
        assert summary.count == part.blocks == summary.largest
        assert (summary.mean == part.blocks).all() and (summary.influence_cubes == part.blocks).all()
        seen.add(part.blocks)
        count = part.blocks + 1
print(len(seen), sum(name.endswith(".tmp") for name in os.listdir(Path(sys.argv[1]).parent)))
"""


def test_a_kill_in_the_middle_of_a_save_leaves_a_whole_file(path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED_IN_SAVES, str(path)],
        env=environment(),
        timeout=100,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    files, left = map(int, done.stdout.split())
    assert files > 10
    assert left > 0  # some kills did come in the middle


def test_totals_come_back_from_bytes_to_the_last_bit():
    values = np.array([1e-320, -0.0, 1 / 3, 1e300, np.pi])
    summary = replace(summarise_variance(np.arange(6.0).reshape(3, 2)), influence=values, largest=1 / 7)
    totals = Totals()
    totals.add(7, [[summary]])
    totals.add(2**31 - 1, [[summarise_covariance(np.arange(6.0).reshape(3, 2)), summary]] * 2)
    restored = Totals.from_bytes(totals.to_bytes())
    assert restored.parts.keys() == totals.parts.keys()
    for b, part in totals.parts.items():
        assert restored.blocks(b) == part.blocks == 1
        assert_same_bits(restored.parts[b].cells, part.cells)


def test_a_checkpoint_with_a_long_story_says_where_runs_differ(path):
    Checkpoint(path, "version 1; seed 2").save(Totals())
    with pytest.raises(CheckpointError, match="belongs to another run: seed 2 there, seed 3 here"):
        Checkpoint(path, "version 1; seed 3").load()
