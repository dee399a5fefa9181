"""Bad input ends in one line on standard error that says what must hold, and in status 2."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests.cli.networks import NETWORK, settings


def refused(outcome: tuple[int, str, str]) -> str:
    """The line that a refused command wrote."""
    status, output, errors = outcome
    assert status == 2
    assert output == ""
    assert errors.count("\n") == 1
    assert errors.startswith("sgdvar")
    return errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--batch-sizes", "1,9"], "batch_size must satisfy 1 <= b <= n without replacement, got 9 with n = 6"),
        (["--batch-sizes", "0"], "argument --batch-sizes: a batch size must be at least 1, got 0"),
        (["--batch-sizes", "1.5"], "argument --batch-sizes: a batch size must be an integer, got '1.5'"),
        (["--steps", "-1"], "argument --steps: a step must be at least 0, got -1"),
        (["--steps", "1,,2"], "argument --steps: a step must be an integer, got ''"),
        (["--step-size", "nan"], "argument --step-size: a step size must be a finite decimal or fraction, got 'nan'"),
        (["--step-size", "1/0"], "argument --step-size: a step size must be a finite decimal or fraction, got '1/0'"),
        (["--step-size", "0.1,0.2"], "step_size must give alpha_0, ..., alpha_(t-1) for step t, got 2 step sizes"),
        (["--start", "1,2,3"], "--start must be one number, or one for each of the 2 weights, got 3 numbers"),
        (["--weight-decay=-1"], "argument --weight-decay: the weight decay must be at least 0, got -1"),
        (["--relative-error", "0"], "argument --relative-error: a relative error must be above 0, got 0"),
        (["--replicates", "1"], "argument --replicates: the number of replicates must be at least 2, got 1"),
        (["--replicates", "9", "--relative-error", "1"], "not allowed with argument --replicates"),
        (["--false-alarm-rate", "1"], "argument --false-alarm-rate: a false-alarm rate must be above 0 and below 1"),
        (["--seed", "x"], "argument --seed: a seed must be an integer, got 'x'"),
        (["--sampling", "shuffled"], "argument --sampling: invalid choice: 'shuffled'"),
        (["--decimals", "-1"], "argument --decimals: the number of decimals must be at least 0, got -1"),
        (["--plot", "figure.txt"], "a figure must be a file ending in .png, .pdf, .svg, got figure.txt"),
        (["--plot", "nowhere/figure.png"], "a figure must lie in a folder that exists, got nowhere/figure.png"),
        (["--colour"], "unrecognized arguments: --colour"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_option_that_cannot_be(sgdvar, rooms, options, message):
    if "--plot" in options:
        pytest.importorskip("matplotlib")
    assert message in refused(sgdvar("verify", "--data", rooms, "--target", "price", *options))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "must hold a header line and rows of numbers, got an empty file"),
        ("size,age\n1,2\n", "target must be one of the columns of"),
        ("size,price\n1,2\nlarge,3\n", "line 3, column size must be a finite decimal or fraction, got 'large'"),
        ("size,price\nnan,2\n", "line 2, column size must be a finite decimal or fraction, got 'nan'"),
    ],
)
@pytest.mark.parametrize("command", ["verify", "derive", "estimate"])
def test_a_bad_csv_file(sgdvar, rooms, command, content, message):
    rooms.write_text(content)
    assert message in refused(sgdvar(command, "--data", rooms, "--target", "price"))


def test_a_constant_column_that_is_to_be_standardised(sgdvar, rooms):
    rooms.write_text("size,price\n1,2\n1,3\n")
    message = refused(sgdvar("derive", "--data", rooms, "--target", "price", "--standardise"))
    assert "column 0 of X (counted from 0) must vary to be standardised, got 1 in every row" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "nowhere.csv", "--target", "y"], "nowhere.csv must be a file, got none of that name"),
        (["--data", "nowhere.npz"], "nowhere.npz must be a file, got none of that name"),
        (["--data", "data.xlsx"], "--data must be a .csv or an .npz file, got data.xlsx"),
        (["--data", "nowhere.csv"], "--target must name the column of nowhere.csv to predict, got none"),
        (["--target", "y"], "--target, --decimals and --standardise must come with --data FILE, got no file"),
    ],
)
def test_data_that_are_not_there(sgdvar, options, message):
    assert message in refused(sgdvar("derive", *options))


def test_an_archive_with_nan(sgdvar, tmp_path):
    np.savez(tmp_path / "data.npz", X=[[np.nan]], y=[1.0])
    assert "X must be finite, got nan at index (0, 0)" in refused(sgdvar("derive", "--data", tmp_path / "data.npz"))


@pytest.mark.parametrize("arguments", [[], ["disprove"]])
def test_no_such_command(sgdvar, arguments):
    assert "see sgdvar --help" in refused(sgdvar(*arguments))


def test_an_accuracy_that_would_take_longer_than_the_budget(sgdvar, rooms):
    message = refused(sgdvar(
        "verify", "--data", rooms, "--target", "price", "--steps", "3", "--relative-error", "1e-6", "--time-budget", "9"
    ))  # fmt: skip
    assert "simulation must take no longer than --time-budget = 9 seconds" in message
    assert "forecast are" in message
    assert "or raise --relative-error" in message


@pytest.mark.parametrize("step_size", ["1e30", "1e200"], ids=["weights overflow", "the variance overflows"])
def test_a_step_size_at_which_the_simulation_overflows(sgdvar, rooms, step_size):
    message = refused(sgdvar(
        "verify", "--data", rooms, "--target", "price", "--step-size", step_size, "--steps", "3", "--replicates", "16"
    ))  # fmt: skip
    assert "mean-square stable" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--quantity", "variance"], "argument --quantity: invalid choice: 'variance'"),
        (["--format", "xml"], "argument --format: invalid choice: 'xml'"),
        (["--level", "1"], "argument --level: a level must be above 0 and below 1, got 1"),
        (["--level", "nan"], "argument --level: a level must be a finite decimal or fraction, got 'nan'"),
        (["--relative-error=-0.1"], "argument --relative-error: a relative error must be above 0, got -0.1"),
        (["--replicates", "1"], "argument --replicates: the number of replicates must be at least 2, got 1"),
        (["--replicates", "9", "--relative-error", "1"], "not allowed with argument --replicates"),
        (["--seed", str(2**63)], f"seed must be below 2**63, got {2**63}"),
        (["--time-budget", "0"], "argument --time-budget: a time budget must be above 0, got 0"),
        (["--steps", "-1"], "argument --steps: a step must be at least 0, got -1"),
        (["--batch-sizes", "1,9"], "batch_size must satisfy 1 <= b <= n without replacement, got 9 with n = 6"),
        (["--step-size", "0.1,0.2"], "step_size must give alpha_0, ..., alpha_(t-1) for step t, got 2 step sizes"),
        (["--model", "gaussian"], "--model must come with --problem deep-linear, got linear-regression"),
        (["--model", "both", *NETWORK], "argument --model: invalid choice: 'both'"),
        (["--relative-error", "1e-9", "--time-budget", "9"], "must take no longer than --time-budget = 9 seconds"),
        (["--step-size", "1e30"], "mean-square stable"),
        (["--precision", "float16"], "argument --precision: invalid choice: 'float16'"),
        (["--chunk-size", "0"], "argument --chunk-size: a chunk size must be at least 1, got 0"),
        (["--chunk-size", "1" + 15 * "0"], ": --chunk-size = 1,000,000,000,000,000 must fit into memory, got "),
        (["--checkpoint", "nowhere/run"], ": --checkpoint must lie in a folder that exists, got nowhere/run"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_option_of_an_estimate_that_cannot_be(sgdvar, rooms, options, message):
    line = refused(sgdvar("estimate", "--data", rooms, "--target", "price", *options))
    assert line.startswith("sgdvar estimate: ")
    assert message in line


def test_without_scikit_learn_the_bare_command_names_the_extra(sgdvar, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert 'pip install "sgdvar[examples]"' in refused(sgdvar("verify"))


def test_a_figure_that_cannot_be_written(sgdvar, rooms, tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "figure.png").mkdir()
    options = ("--steps", "0", "--batch-sizes", "1", "--replicates", "1000", "--plot", tmp_path / "figure.png")
    assert "must be a file that can be written" in refused(
        sgdvar("verify", "--data", rooms, "--target", "price", *options)
    )


def test_without_matplotlib_a_figure_is_refused_before_any_work(sgdvar, rooms, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    message = refused(sgdvar("verify", "--data", rooms, "--target", "price", "--plot", "figure.png"))
    assert 'pip install "sgdvar[plot]"' in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--widths", "0"], "argument --widths: a width must be at least 1, got 0"),
        (["--widths", "2,"], "argument --widths: a width must be an integer, got ''"),
        (["--features", "3"], "--features must be at most 2, the number of features in the data, got 3"),
        (["--features", "0"], "argument --features: the number of features must be at least 1, got 0"),
        (
            ["--start", "1"],
            "--start must be one number for each of the 6 weights of a 2-2-1 network, layer after layer",
        ),
        (["--model", "normal"], "argument --model: invalid choice: 'normal'"),
        (
            ["--model", "gaussian", "--sampling", "with-replacement"],
            "--sampling must come with a finite number of examples, got with-replacement for --model gaussian",
        ),
        (["--steps", "7"], "lower --steps, --features or the number of --widths"),
        (["--step-size", "1e60"], "the variance must be below 1e308 to be simulated, got more at step 1, b = 1; lower"),
        (["--step-size", "0.1,0.1", "--steps", "3"], "step_size must give alpha_0, ..., alpha_(t-1) for step t, got 2"),
        (["--batch-sizes", "7"], "batch_size must satisfy 1 <= b <= n without replacement, got 7 with n = 6"),
        (["--problem", "logistic"], "argument --problem: invalid choice: 'logistic'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_option_of_a_network_that_cannot_be(sgdvar, rooms, options, message):
    assert message in refused(sgdvar("verify", "--data", rooms, "--target", "price", *NETWORK, *options))


@pytest.mark.parametrize("option", [["--widths", "2"], ["--model", "data"]], ids=" ".join)
def test_options_of_networks_are_refused_for_linear_regression(sgdvar, rooms, option):
    message = refused(sgdvar("derive", "--data", rooms, "--target", "price", *option))
    assert f"{option[0]} must come with --problem deep-linear, got linear-regression" in message


@pytest.mark.parametrize("command", ["verify", "derive"])
def test_floats_are_refused_until_they_are_rounded(sgdvar, tmp_path, command):
    np.savez(tmp_path / "data.npz", X=[[0.5, 1.5], [1.0, 0.1], [0.3, 0.2]], y=[1.0, 2.0, 0.5])
    options = [command, "--data", tmp_path / "data.npz", *NETWORK, "--steps", "0"]
    assert "--decimals must say how to round the data" in refused(sgdvar(*options))
    assert len(settings(*options, "--decimals", "1")) == 1
    (sgd,) = settings(*options, "--model", "gaussian")  # which is rational whatever the data
    assert sgd.kind == "rational"
