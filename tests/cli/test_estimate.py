"""``sgdvar estimate`` writes the numbers of the library, in three formats."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import sgdvar as sv
from sgdvar.cli.estimate import _Quantity
from sgdvar.loading import load_csv
from tests.cli.networks import NETWORK, settings

STEPS, BATCH_SIZES, REPLICATES = (0, 2), (1, 3, 6), 500
QUICK = ("--steps", "0,2", "--batch-sizes", "1,3,6", "--replicates", REPLICATES, "--step-size", "1/10")
QUANTITIES = {
    "gradient-variance": sv.estimate_gradient_variance,
    "full-gradient-variance": sv.estimate_full_gradient_variance,
    "gradient-second-moment": sv.estimate_gradient_second_moment,
    "expected-loss": sv.estimate_expected_loss,
    "mean-gradient": sv.estimate_mean_gradient,
    "mean-weights": sv.estimate_mean_weights,
    "weight-covariance": sv.estimate_weight_covariance,
}
FORMATS = ("text", "json", "csv")
ARRAYS = {"mean-gradient": (2,), "mean-weights": (2,), "weight-covariance": (2, 2)}


@pytest.fixture
def process(rooms):
    """The process that ``QUICK`` describes."""
    return sv.SGD(sv.LinearRegression(load_csv(rooms, "price")), start=[0, 0], step_size=Fraction(1, 10))


@pytest.fixture
def estimate(sgdvar, rooms):
    """Runs the command on the small file: a function from further arguments to status, output and errors."""
    return lambda *options: sgdvar("estimate", "--data", rooms, "--target", "price", *options)


def plain(number: float) -> float | None:
    """A number as JSON has it."""
    return number if math.isfinite(number) else None


def matches(results: list[dict[str, object]], estimates: list[sv.Estimate], level: float = 0.95) -> bool:
    """Whether the results in JSON are those of the library, bit by bit."""
    expected = []
    for one in estimates:
        lower, upper = one.interval(level)
        expected += [
            {
                "step": one.step,
                "batch_size": int(b),
                "estimate": one.value[k].tolist(),
                "standard_error": one.standard_error[k].tolist(),
                "relative_error": plain(one.relative_error[k]),
                "lower": lower[k].tolist(),
                "upper": upper[k].tolist(),
                "replicates": int(one.replicates[k]),
                "gain": plain(one.gain[k]),
                "largest_share": one.largest_share[k],
            }
            for k, b in enumerate(one.batch_sizes)
        ]
    others = {"is_trusted", "controlled"}
    return [{key: value for key, value in result.items() if key not in others} for result in results] == expected


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_json_has_the_numbers_of_the_library(estimate, process, quantity):
    options = ("--quantity", quantity, "--seed", "5", "--level", "0.9", "--format", "json")
    _, output, _ = estimate(*QUICK, *options)
    document = json.loads(output)
    estimates = [QUANTITIES[quantity](process, step, BATCH_SIZES, replicates=REPLICATES, seed=5) for step in STEPS]
    assert matches(document["results"], estimates, level=0.9)
    assert document["conditional"] == estimates[0].conditional
    assert (document["version"], document["quantity"], document["seed"]) == (sv.__version__, quantity, 5)
    assert (document["level"], document["accuracy"]) == (0.9, {"replicates": REPLICATES})
    assert document["process"] == repr(process)
    assert document["setting"].keys() == {"data", "model", "start", "step size", "batches", "quantity"}


@pytest.mark.parametrize("quantity", ["gradient-variance", "mean-weights", "weight-covariance"])
def test_csv_has_the_numbers_of_the_json_in_full_one_line_for_each_entry(estimate, quantity):
    outputs = [estimate(*QUICK, "--quantity", quantity, "--format", form)[1] for form in ("json", "csv")]
    document, table = json.loads(outputs[0]), list(csv.DictReader(io.StringIO(outputs[1])))
    shape = ARRAYS.get(quantity, ())
    lines = iter(table)
    for result in document["results"]:
        for index in np.ndindex(shape):
            line = next(lines)
            assert line["index"] == " ".join(map(str, index))
            for name in ("estimate", "standard_error", "lower", "upper"):
                assert float(line[name]) == np.array(result[name])[index]
            for name in ("relative_error", "gain", "largest_share"):
                assert plain(float(line[name])) == result[name]
            for name in ("step", "batch_size", "replicates"):
                assert int(line[name]) == result[name]
            assert line["is_trusted"] == str(result["is_trusted"]).lower()
            assert (line["quantity"], line["seed"], line["level"]) == (quantity, "0", "0.95")
            assert line["precision"] == document["precision"] == "float64"
            assert line["conditional"] == str(document["conditional"]).lower()
    assert next(lines, None) is None
    assert len(table) == 6 * math.prod(shape)


def test_plain_simulates_the_last_batch_too(estimate, process):
    _, output, _ = estimate(*QUICK, "--plain", "--format", "json")
    document = json.loads(output)
    expected = [
        sv.estimate_gradient_variance(process, step, BATCH_SIZES, replicates=REPLICATES, conditional=False)
        for step in STEPS
    ]
    assert document["conditional"] is False
    assert matches(document["results"], expected)


@pytest.mark.parametrize("quantity", [name for name in QUANTITIES if name != "weight-covariance"])
def test_the_control_variate_is_that_of_the_library(estimate, process, quantity):
    options = (*QUICK, "--quantity", quantity, "--control-variate")
    document = json.loads(estimate(*options, "--format", "json")[1])
    expected = [
        QUANTITIES[quantity](process, step, BATCH_SIZES, replicates=REPLICATES, control_variate=True) for step in STEPS
    ]
    assert document["controlled"] is True
    assert matches(document["results"], expected)
    (line, *_) = csv.DictReader(io.StringIO(estimate(*options, "--format", "csv")[1]))
    assert (line["controlled"], line["interval"]) == ("true", "nominal")
    assert ", with a control variate; s.e.: its standard error" in " ".join(estimate(*options)[1].split())


def test_a_control_variate_that_there_is_not_is_refused(estimate):
    status, output, errors = estimate(*QUICK, "--quantity", "weight-covariance", "--control-variate")
    assert (status, output) == (2, "")
    assert "--control-variate must not be given with --quantity weight-covariance: there is none" in errors
    status, output, errors = estimate(*QUICK, "--plain", "--control-variate")
    assert (status, output) == (2, "")
    assert "--control-variate must not be given with --plain for linear regression" in errors
    assert estimate(*QUICK, "--quantity", "expected-loss", "--plain", "--control-variate")[0] == 0  # has no last batch


def test_a_control_variate_that_is_left_out_is_in_doubt(estimate, process, monkeypatch):
    expected = sv.estimate_gradient_variance(process, 2, [1, 3], replicates=REPLICATES, control_variate=True)
    found = replace(expected, left_out=(1, 3))
    quantity = _Quantity(lambda *_, **__: found, "Var(g_t)")
    monkeypatch.setattr("sgdvar.cli.estimate._QUANTITIES", {"gradient-variance": quantity})
    status, output, _ = estimate(*QUICK, "--control-variate", "--format", "json")
    document = json.loads(output)
    assert status == 3
    assert [row["is_trusted"] for row in document["results"]] == [False] * 4
    assert [row["controlled"] for row in document["results"]] == [False] * 4
    assert document["doubt"].startswith("at step 2, b = 1 (and 3 more) the control variate is left out: its mean or")


@pytest.mark.parametrize("sampling", ["without-replacement", "with-replacement"])
def test_guaranteed_intervals_are_those_of_the_library(estimate, process, sampling):
    options = (*QUICK, "--interval", "guaranteed", "--level", "0.9", "--sampling", sampling)
    document = json.loads(estimate(*options, "--format", "json")[1])
    sgd = (
        process
        if sampling == "without-replacement"
        else sv.SGD(process.problem, [0, 0], process.step_size, sv.WithReplacement())
    )
    results = iter(document["results"])
    for step in STEPS:
        own = sv.estimate_gradient_variance(sgd, step, BATCH_SIZES, replicates=REPLICATES)
        lower, upper = own.interval(0.9, "finite-sample")
        for k in range(len(BATCH_SIZES)):
            result = next(results)
            assert (result["lower"], result["upper"]) == (plain(lower[k]), plain(upper[k]))
    assert document["interval"] == "guaranteed"
    assert "every number of replicates" in document["intervals"]
    text = " ".join(estimate(*options, "--control-variate")[1].split())
    assert "for every number of replicates, from pairs of them and without the control variate; gain:" in text


def test_guaranteed_intervals_without_a_bound_are_infinite_or_refused(estimate):
    for quantity in ("mean-weights", "mean-gradient", "weight-covariance"):
        status, output, errors = estimate(*QUICK, "--quantity", quantity, "--interval", "guaranteed")
        assert (status, output) == (2, "")
        assert "--interval guaranteed must come with a --quantity to which no replicate contributes less than" in errors
        assert f"gradient-second-moment, expected-loss; got {quantity}" in errors
    options = ("--steps", "1", "--batch-sizes", "2", "--replicates", "500", "--step-size", "1/10")
    how = (*NETWORK, "--model", "gaussian", "--interval", "guaranteed", "--format")
    outputs = {form: estimate(*options, *how, form)[1] for form in FORMATS}
    (result,) = json.loads(outputs["json"])["results"]
    (line,) = csv.DictReader(io.StringIO(outputs["csv"]))
    assert (result["upper"], line["upper"]) == (None, "inf")
    assert " inf " in outputs["text"]


def test_what_has_no_last_batch_is_plain_anyway(estimate):
    options = (*QUICK, "--quantity", "expected-loss", "--format", "csv")
    assert estimate(*options, "--plain") == estimate(*options)


def test_a_relative_error_decides_on_the_replicates(estimate, process):
    options = ("--steps", "2", "--batch-sizes", "1,3", "--step-size", "1/10", "--relative-error", "0.02", "--plain")
    _, output, _ = estimate(*options, "--format", "json")
    expected = sv.estimate_gradient_variance(process, 2, [1, 3], relative_error=0.02, conditional=False)
    document = json.loads(output)
    assert matches(document["results"], [expected])
    assert document["accuracy"] == {"relative_error": 0.02}


def test_single_precision_is_that_of_the_library_and_is_told(estimate, process):
    options = (*QUICK, "--precision", "float32")
    document = json.loads(estimate(*options, "--format", "json")[1])
    expected = [
        sv.estimate_gradient_variance(process, step, BATCH_SIZES, replicates=REPLICATES, precision="float32")
        for step in STEPS
    ]
    assert document["precision"] == "float32"
    assert matches(document["results"], expected)
    assert "simulated in float32" in " ".join(estimate(*options)[1].split())


def test_the_chunk_size_reaches_the_library_and_changes_no_number(estimate, monkeypatch):
    sizes = []
    right = sv.estimate_expected_loss

    def watch(*args: object, **options: object) -> sv.Estimate:
        sizes.append(options["chunk_size"])
        return right(*args, **options)

    monkeypatch.setattr("sgdvar.cli.estimate._QUANTITIES", {"expected-loss": _Quantity(watch, "E L(w_t)")})
    options = (*QUICK[:4], "--step-size", "1/10", "--replicates", "5000", "--quantity", "expected-loss")
    outputs = {estimate(*options, "--format", "csv", *more)[1] for more in ((), ("--chunk-size", "1"))}
    assert sizes == [None, None, 1, 1]
    assert len(outputs) == 1


def test_the_last_step_is_simulated_first_for_what_takes_too_long_or_overflows_fails_there(estimate, monkeypatch):
    steps = []

    def watch(sgd: sv.SGD, step: int, *args: object, **options: object) -> sv.Estimate:
        steps.append(step)
        raise ValueError("enough")

    monkeypatch.setattr("sgdvar.cli.estimate._QUANTITIES", {"gradient-variance": _Quantity(watch, "Var(g_t)")})
    assert estimate(*QUICK) == (2, "", "sgdvar estimate: enough\n")
    assert steps == [2]


def test_no_exact_value_is_computed(estimate, monkeypatch):
    from sgdvar import exact

    def fail(*args: object, **kwargs: object) -> None:
        raise AssertionError("an exact engine was asked")

    for name in ("gradient_variance", "full_gradient_variance", "gradient_second_moment", "expected_loss"):
        monkeypatch.setattr(sv, name, fail)  # first: it is looked up where the next line replaces it
        monkeypatch.setattr(exact, name, fail)
    assert estimate(*QUICK)[0] == 0


def test_the_page_says_what_was_estimated_and_how_to_read_it(estimate, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    status, output, errors = estimate(*QUICK, "--seed", "3")
    assert (status, errors) == (0, "")
    assert max(map(len, output.splitlines())) <= 80
    text = " ".join(output.split())
    for words in (
        "rooms.csv, target price; n = 6 examples, p = 2 features, exact rationals",
        "Var(g_t): trace of the covariance of the batch gradient",
        "step b estimate s.e. rel. from to replicates gain share",
        "averaged exactly over the last batch, given the last weights",
        "interval of nominal level 95 %",
        "Seed 3.",
        "seconds in all.",
    ):
        assert words in text
    rows = [line.split() for line in output.splitlines() if line[:4].strip().isdigit()]
    assert [(row[0], row[1]) for row in rows] == [(str(t), str(b)) for t in STEPS for b in BATCH_SIZES]
    assert "UNDECIDED" not in output


def test_the_page_has_a_line_for_each_entry_of_an_array(estimate):
    _, output, _ = estimate(*QUICK, "--quantity", "weight-covariance")
    rows = [line.split() for line in output.splitlines() if line[:4].strip().isdigit()]
    assert [row[2:4] for row in rows[-4:]] == [["0", "0"], ["0", "1"], ["1", "0"], ["1", "1"]]
    assert "plain trajectories" in output


@pytest.mark.parametrize("form", ["text", "json", "csv"])
def test_a_standard_error_that_rests_on_one_replicate_ends_in_status_3(estimate, form):
    options = ("--steps", "0,2", "--batch-sizes", "1,6", "--replicates", "10", "--step-size", "1/10", "--plain")
    status, output, errors = estimate(*options, "--format", form)
    doubt = "(and 1 more) one of 10 replicates carries"
    assert status == 3
    assert doubt in " ".join((errors if form == "csv" else output).split())
    assert errors.count("\n") == (form == "csv")
    if form == "json":
        trusted = {(row["step"], row["batch_size"]): row["is_trusted"] for row in json.loads(output)["results"]}
        assert trusted == {(0, 1): False, (0, 6): True, (2, 1): False, (2, 6): True}  # at b = n chance has no part
    if form == "csv":
        assert len(output.splitlines()) == 5


def test_a_gain_without_bound_is_null_in_json_and_inf_in_csv(estimate):
    options = ("--steps", "0", "--batch-sizes", "1", "--replicates", "100", "--step-size", "1/10", "--format")
    (result,) = json.loads(estimate(*options, "json")[1])["results"]
    (line,) = csv.DictReader(io.StringIO(estimate(*options, "csv")[1]))
    assert result["gain"] is None
    assert line["gain"] == "inf"


@pytest.mark.parametrize("model", ["data", "gaussian"])
def test_a_network_is_estimated_on_the_data_or_on_the_gaussian_model(estimate, rooms, model):
    options = ("--step-size", "1/10", "--steps", "1", "--batch-sizes", "4", "--replicates", "1000", "--model", model)
    status, output, _ = estimate(*NETWORK, *options, "--format", "json")
    (sgd,) = settings("estimate", "--data", rooms, "--target", "price", *options)
    document = json.loads(output)
    assert status == 0
    assert matches(document["results"], [sv.estimate_gradient_variance(sgd, 1, [4], replicates=1000)])
    assert document["process"] == repr(sgd)


def test_a_network_of_floats_is_simulated_though_no_exact_engine_takes_it(sgdvar, tmp_path):
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((8, 2)), rng.standard_normal(8)
    np.savez(tmp_path / "data.npz", X=X, y=y)
    options = ("--step-size", "0.1", "--weight-decay", "0.5", "--steps", "1", "--batch-sizes", "2,8")
    status, output, _ = sgdvar(
        "estimate", "--data", tmp_path / "data.npz", *NETWORK, *options, "--replicates", "1000", "--format", "json"
    )
    layers = [np.array([[0.5, 0.1], [0.7, 0.3]]), np.array([[-0.1, 0.6]])]
    sgd = sv.SGD(sv.DeepLinearNetwork(sv.Dataset(X, y), weight_decay=0.5), start=layers, step_size=0.1)
    document = json.loads(output)
    assert status == 0
    assert "floats" in document["setting"]["data"]
    assert matches(document["results"], [sv.estimate_gradient_variance(sgd, 1, [2, 8], replicates=1000)])


def test_by_default_it_looks_at_the_grid_of_verify(estimate, sgdvar, rooms, monkeypatch):
    grids = []

    def watch(arguments, inputs, began):
        grids.append((arguments.steps, inputs[0].batch_sizes))
        return 0

    monkeypatch.setattr("sgdvar.cli.estimate.estimate", watch)
    monkeypatch.setattr("sgdvar.cli.verify.verify", watch)
    estimate()
    sgdvar("verify", "--data", rooms, "--target", "price")
    assert grids == [((0, 1, 3, 10), (1, 2, 4, 6))] * 2


def test_progress_is_shown_on_a_terminal_only_and_can_be_switched_off(estimate, monkeypatch):
    wanted = []

    def watch(*args: object, **options: object) -> sv.Estimate:
        wanted.append(options["progress"])
        raise ValueError("enough")

    monkeypatch.setattr("sgdvar.cli.estimate._QUANTITIES", {"gradient-variance": _Quantity(watch, "Var(g_t)")})
    estimate(*QUICK)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    estimate(*QUICK)
    estimate(*QUICK, "--no-progress")
    monkeypatch.setitem(sys.modules, "rich", None)
    estimate(*QUICK)
    assert wanted == [False, True, False, False]
