"""The command as a process: fast help, quiet pipes, interruption, and errors of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

import sgdvar as sv

COMMAND = [sys.executable, "-m", "sgdvar"]
COMMANDS = ("verify", "derive", "estimate")


def test_version(sgdvar):
    assert sgdvar("--version") == (0, f"sgdvar {sv.__version__}\n", "")


@pytest.mark.parametrize("arguments", [["--help"], *([command, "--help"] for command in COMMANDS)], ids=" ".join)
def test_help_is_enough_and_fits_80_columns(sgdvar, monkeypatch, arguments):
    monkeypatch.setenv("COLUMNS", "80")
    status, output, errors = sgdvar(*arguments)
    assert (status, errors) == (0, "")
    assert "examples:" in output
    assert "exit status:" in output
    assert max(len(line) for line in output.splitlines() if "{gradient-variance" not in line) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_says_its_default(sgdvar, command):
    _, output, _ = sgdvar(command, "--help")
    options = output.split("data:", 1)[1].split("examples:", 1)[0].split("\n  --")[1:]
    assert len(options) >= 8
    for option in options:
        assert "default" in option or option.startswith(("plot", "json")), option


def test_help_names_the_options_of_networks(sgdvar):
    for command in COMMANDS:
        _, output, _ = sgdvar(command, "--help")
        for word in ("--problem", "--widths", "--features", "--model", "deep-linear", "gaussian"):
            assert word in output


def test_help_on_estimates_names_every_quantity_and_what_is_written(sgdvar):
    _, output, _ = sgdvar("estimate", "--help")
    text = " ".join(output.split())
    for words in ("weight-covariance", "mean-gradient", "expected-loss", "--plain", "csv", "a standard error rests on"):
        assert words in text


@pytest.mark.parametrize("command", COMMANDS)
def test_help_loads_no_numerical_library_but_numpy(command):
    code = f"import sys; from sgdvar.cli import main; main(['{command}', '--help']); print(*sys.modules, sep='\\n')"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "exit status" in output
    assert not {"jax", "sympy", "scipy", "sklearn", "matplotlib", "rich"} & set(output.splitlines())


def test_an_internal_error_is_told_apart_from_bad_input(sgdvar, rooms, monkeypatch):
    def fail(*args: object) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(sv, "certify_decreasing", fail)
    status, output, errors = sgdvar("derive", "--data", rooms, "--target", "price")
    assert (status, output) == (70, "")
    assert "RuntimeError: out of luck" in errors
    assert errors.endswith("sgdvar: internal error, please report the lines above\n")


def test_an_interrupt_ends_with_status_130(sgdvar, rooms, monkeypatch):
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sv, "certify_decreasing", interrupt)
    assert sgdvar("derive", "--data", rooms, "--target", "price") == (130, "", "sgdvar: interrupted\n")


@pytest.mark.parametrize("kept", [True, False])
def test_an_interrupted_estimate_says_what_is_kept(sgdvar, rooms, monkeypatch, tmp_path, kept):
    def interrupt(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sgdvar.monte_carlo.running.runs.Run.summaries", interrupt)
    path = tmp_path / "run.ckpt"
    options = ("--checkpoint", str(path)) if kept else ()
    status, _, message = sgdvar("estimate", "--data", rooms, "--target", "price", "--steps", "1", *options)
    assert status == 130
    assert (f"what is done is in {path}" if kept else "nothing is kept, see --checkpoint") in message


def test_a_terminal_without_unicode_gets_question_marks(rooms):
    options = ("--steps", "0", "--batch-sizes", "2", "--replicates", "2000", "--step-size", "0.1")
    command = [*COMMAND, "verify", "--data", str(rooms), "--target", "price", *options]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}, check=False)
    assert done.stderr == b""
    assert done.returncode in (0, 3)


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="no pipes that break")
def test_a_reader_that_goes_away_is_no_error(rooms):
    command = [*COMMAND, "derive", "--data", str(rooms), "--target", "price"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141
