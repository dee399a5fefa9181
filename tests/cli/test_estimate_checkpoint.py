"""``sgdvar estimate --checkpoint`` goes on where it was interrupted, and refuses the files of others."""

from __future__ import annotations

import json
import os
from fractions import Fraction

import pytest

import sgdvar as sv
from sgdvar.loading import load_csv
from tests.cli.test_bad_input import refused

QUICK = ("--batch-sizes", "1,3", "--step-size", "1/10", "--format", "csv")


@pytest.fixture
def estimate(sgdvar, rooms, tmp_path):
    """Runs the command on the small file with a checkpoint: a function from further arguments to status and texts."""
    (tmp_path / "kept").mkdir()
    path = tmp_path / "kept" / "run.ckpt"
    return lambda *options: sgdvar(
        "estimate", "--data", rooms, "--target", "price", *QUICK, "--checkpoint", path, *options
    )


def test_a_run_that_was_interrupted_goes_on_and_ends_with_the_same_numbers(estimate, tmp_path, monkeypatch):
    from sgdvar.cli import estimate as module

    options = ("--steps", "2", "--replicates", "20000", "--chunk-size", "1")
    _, expected, _ = estimate(*options, "--checkpoint", tmp_path / "another.ckpt")
    done = []

    def interrupt(count: int, total: int) -> None:
        done.append(count)
        if count > total / 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "wants_bar", lambda arguments: interrupt)
        assert estimate(*options)[0] == 130
    assert (tmp_path / "kept" / "run.ckpt").exists()
    again = []
    with monkeypatch.context() as patch:
        patch.setattr(module, "wants_bar", lambda arguments: lambda count, total: again.append(count))
        assert estimate(*options)[1] == expected
    assert again[0] > 10_000  # these were not simulated again


def test_every_step_has_a_file_of_its_own(estimate, tmp_path):
    status, output, _ = estimate("--steps", "0,2", "--replicates", "2000")
    assert status == 0
    assert sorted(os.listdir(tmp_path / "kept")) == ["run.step0.ckpt", "run.step2.ckpt"]
    assert estimate("--steps", "0,2", "--replicates", "2000") == (0, output, "")


def test_a_finished_run_is_continued_by_a_more_accurate_one(estimate, rooms):
    estimate("--steps", "1", "--replicates", "3000")
    _, continued, _ = estimate("--steps", "1", "--replicates", "9000", "--format", "json")
    sgd = sv.SGD(sv.LinearRegression(load_csv(rooms, "price")), start=[0, 0], step_size=Fraction(1, 10))
    expected = sv.estimate_gradient_variance(sgd, 1, [1, 3], replicates=9000)
    assert [row["estimate"] for row in json.loads(continued)["results"]] == expected.value.tolist()


def test_the_checkpoint_of_another_run_is_refused_and_left_as_it_is(estimate, tmp_path):
    estimate("--steps", "1", "--replicates", "3000")
    kept = (tmp_path / "kept" / "run.ckpt").read_bytes()
    message = refused(estimate("--steps", "1", "--replicates", "3000", "--seed", "1"))
    assert "sgdvar estimate: --checkpoint must be a file of this run, or no file yet" in message
    assert "seed 0 there, seed 1 here" in message
    assert (tmp_path / "kept" / "run.ckpt").read_bytes() == kept
