"""The file that ``sgdvar estimate`` writes is replaced as a whole, or not at all."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
from pathlib import Path

import pytest

import sgdvar as sv
from tests.cli.test_bad_input import refused

QUICK = ("--steps", "1", "--batch-sizes", "2", "--replicates", "300", "--step-size", "1/10")
OLD = "what was there before\n"


@pytest.fixture
def estimate(sgdvar, rooms):
    """Runs the command on the small file: a function from further arguments to status, output and errors."""
    return lambda *options: sgdvar("estimate", "--data", rooms, "--target", "price", *QUICK, *options)


@pytest.fixture
def old(tmp_path) -> Path:
    """A file that is there before the command runs, alone in its folder."""
    folder = tmp_path / "results"
    folder.mkdir()
    path = folder / "variance.csv"
    path.write_text(OLD)
    return path


@pytest.mark.parametrize(
    ("name", "options", "begins"),
    [
        ("variance.csv", (), "quantity,"),
        ("variance.JSON", (), "{"),
        ("variance.txt", (), "data "),
        ("variance", (), "data "),
        ("variance.txt", ("--format", "csv"), "quantity,"),
        ("variance.csv", ("--format", "json"), "{"),
    ],
)
def test_the_ending_decides_on_the_format_unless_one_is_given(estimate, tmp_path, name, options, begins):
    assert estimate("--output", tmp_path / name, *options) == (0, "", "")
    assert (tmp_path / name).read_text().startswith(begins)


def test_the_file_holds_what_standard_output_would(estimate, old):
    _, output, _ = estimate("--format", "csv")
    estimate("--output", old)
    assert old.read_bytes() == output.encode()
    assert os.listdir(old.parent) == [old.name]


def test_a_doubt_is_told_on_standard_error_and_the_file_is_written(estimate, old):
    status, output, errors = estimate("--output", old.with_suffix(".json"), "--replicates", "10")
    assert (status, output, errors.count("\n")) == (3, "", 1)
    assert errors.startswith("sgdvar estimate: undecided: at step 1, b = 2 one of 10 replicates carries")
    assert json.loads(old.with_suffix(".json").read_text())["doubt"] in errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--step-size", "1e60"), "simulated weights must stay below 1e+48, got more at step 1 in replicate"),
        (("--replicates", "100000000", "--time-budget", "0.1"), "must take no longer than --time-budget = 0.1 seconds"),
    ],
    ids=["overflow", "over the budget"],
)
def test_a_run_that_fails_leaves_the_old_file(estimate, old, options, message):
    assert message in refused(estimate("--output", old, *options))
    assert old.read_text() == OLD
    assert os.listdir(old.parent) == [old.name]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_disk_that_is_full_leaves_the_old_file_and_nothing_else(estimate, old, monkeypatch, failing):
    def fail(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(*((os, "fsync") if failing == "fsync" else (Path, "replace")), fail)
    message = refused(estimate("--output", old))
    assert f"--output must be a file that can be written, got {old}: No space left on device" in message
    assert old.read_text() == OLD
    assert os.listdir(old.parent) == [old.name]


def test_an_interrupt_while_writing_leaves_the_old_file(estimate, old, monkeypatch):
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    assert estimate("--output", old)[0] == 130
    assert old.read_text() == OLD
    assert os.listdir(old.parent) == [old.name]


def test_the_new_content_is_on_the_disk_before_it_has_the_name(estimate, old, monkeypatch):
    seen = []
    sync = os.fsync

    def watch(descriptor: int) -> None:
        sync(descriptor)
        seen.append((old.read_text(), os.fstat(descriptor).st_size))

    monkeypatch.setattr(os, "fsync", watch)
    estimate("--output", old)
    assert seen == [(OLD, old.stat().st_size)]
    assert old.stat().st_size > len(OLD)


def test_a_link_is_followed_and_permissions_are_kept(estimate, old):
    link = old.with_name("link.csv")
    link.symlink_to(old.name)
    old.chmod(0o640)
    assert estimate("--output", link)[0] == 0
    assert link.is_symlink()
    assert old.read_text().startswith("quantity,")
    assert stat.S_IMODE(old.stat().st_mode) == 0o640


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_written_to_and_stays_a_pipe(estimate, tmp_path):
    pipe, received = tmp_path / "pipe.csv", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: received.append(pipe.read_text()), daemon=True)
    reader.start()
    assert estimate("--output", pipe)[0] == 0
    reader.join(timeout=10)
    assert received[0].startswith("quantity,")
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere/variance.csv", "--output must lie in a folder that exists, got"),
        ("results", "--output must be a file that can be written, got"),
    ],
)
def test_a_file_that_cannot_be_is_refused_before_any_work(estimate, old, monkeypatch, name, message):
    monkeypatch.setattr(sv, "SGD", None)
    assert message in refused(estimate("--output", old.parents[1] / name))


@pytest.mark.parametrize("protected", ["variance.csv", "results"], ids=["the file", "its folder"])
def test_a_place_that_is_protected_is_refused_before_any_work(estimate, old, monkeypatch, protected):
    monkeypatch.setattr(sv, "SGD", None)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != protected)
    assert "--output must be a file that can be written" in refused(estimate("--output", old))
