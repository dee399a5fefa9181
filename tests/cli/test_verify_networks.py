"""``sgdvar verify --problem deep-linear``: two models on one page, figures, and the exit status."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from fractions import Fraction

import pytest

import sgdvar as sv
from sgdvar.cli.arguments import parse_arguments
from sgdvar.cli.problems import read_inputs
from tests.cli.networks import FACTS, NETWORK, coefficients, settings

QUICK = ("--steps", "0,1", "--batch-sizes", "4,6", "--replicates", "20000", "--step-size", "1/10")


SIZES = [[4, 8, 16, 32, 64, 128, 256, 442], [8, 16, 32, 64, 128, 256]]


def test_by_default_both_models_of_the_bundled_data_are_asked_for(sgdvar, monkeypatch):
    pytest.importorskip("sklearn")
    verify, asked = sv.verify, []

    def verify_little(sgd: sv.SGD, steps: list[int], batch_sizes: list[int], **options: object) -> sv.Report:
        asked.append((sgd, steps, batch_sizes))
        return verify(sgd, [0], [64], replicates=20_000)

    monkeypatch.setattr(sv, "verify", verify_little)
    status, output, errors = sgdvar("verify", *NETWORK, "--json")
    assert (status, errors) == (0, "")
    for run, sizes, sgd, (own, steps, batch_sizes) in zip(
        json.loads(output)["runs"], SIZES, settings("verify"), asked, strict=True
    ):
        assert repr(own) == repr(sgd)
        assert ([*steps], [*batch_sizes]) == ([0, 1, 2], sizes)
        assert [record["decreasing"]["status"] for record in run["polynomials"]] == ["proved"] * 3


@pytest.mark.nightly
def test_by_default_both_models_of_the_bundled_data_are_verified_and_agree(sgdvar):
    pytest.importorskip("sklearn")
    status, output, errors = sgdvar("verify", *NETWORK, "--json")
    document = json.loads(output)
    assert (status, errors) == (0, "")
    assert document.keys() == {"version", "runs", "seconds"}
    for run, batch_sizes, sgd in zip(document["runs"], SIZES, settings("verify"), strict=True):
        report = run["report"]
        assert report["verdict"]["status"] == "agreed"
        assert {row["batch_size"] for row in report["rows"]} == set(batch_sizes)
        assert {planted["name"] for planted in report["planted"] if planted["is_rejected"]} > {
            "conditional for total variance"
        }
        for record, step in zip(run["polynomials"], (0, 1, 2), strict=True):
            V = sv.gradient_variance(sgd, step)
            assert coefficients(record) == V.coefficients
            assert record["degree"] == record["degree_bound"] == (1, 6, 23)[step]
            assert record["decreasing"]["status"] == "proved"
            for row in report["rows"]:
                if row["step"] == step:
                    assert row["exact"] == float(V(row["batch_size"]))
    data, gaussian = (run["setting"] for run in document["runs"])
    assert data.keys() == FACTS
    assert gaussian.keys() == FACTS | {"fitted to"}


@pytest.mark.parametrize("look", ["rich", "plain"])
def test_one_page_shows_both_models(sgdvar, rooms, tmp_path, monkeypatch, look):
    pytest.importorskip("matplotlib")
    pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", "80")
    if look == "plain":
        for name in ("rich", "rich.console"):
            monkeypatch.setitem(sys.modules, name, None)
    status, output, errors = sgdvar(
        "verify", "--data", rooms, "--target", "price", *NETWORK, *QUICK, "--model", "both", "--plot",
        tmp_path / "figure.svg",
    )  # fmt: skip
    text = " ".join(output.split())
    assert (status, errors) == (0, "")
    assert output.count("Does it decrease in b?") == 2
    for words in (
        "On the data themselves",
        "On the Gaussian model",
        "degree 6, at most 6",
        "without replacement from n = 6",
        "i.i.d. draws from a population",
        "conditional for total variance",
        "seconds in all",
    ):
        assert words in text
    assert text.index("On the data") < text.index("AGREED") < text.index("On the Gaussian") < text.rindex("AGREED")
    assert {path.name for path in tmp_path.glob("*.svg")} == {"figure-data.svg", "figure-gaussian.svg"}
    if look == "rich":
        assert max(map(len, output.splitlines())) <= 80


def test_a_single_model_has_no_heading_and_one_figure(sgdvar, rooms, tmp_path):
    pytest.importorskip("matplotlib")
    status, output, _ = sgdvar(
        "verify", "--data", rooms, "--target", "price", *NETWORK, *QUICK, "--plot", tmp_path / "figure.svg"
    )
    assert status == 0
    assert "On the data" not in output
    assert {path.name for path in tmp_path.glob("*.svg")} == {"figure.svg"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [((), ["data", "gaussian"]), (("--model", "data"), ["data"]), (("--model", "gaussian"), ["gaussian"])],
    ids=["default", "data", "gaussian"],
)
def test_the_model_is_a_choice(arguments, expected):
    pytest.importorskip("sklearn")
    inputs = read_inputs(parse_arguments(["verify", *NETWORK, *arguments]))
    assert [setting.model for setting in inputs] == expected


def test_a_file_is_taken_as_it_is_unless_a_model_is_asked_for(rooms):
    (sgd,) = settings("verify", "--data", rooms, "--target", "price")
    assert sgd.design == sv.BatchDesign(sv.WithoutReplacement(), 6)
    _, sgd = settings("verify", "--data", rooms, "--target", "price", "--model", "both")
    assert sgd.design == sv.BatchDesign(sv.IID(), None)


def test_a_variance_that_rises_ends_in_status_1_though_simulation_agrees(sgdvar, rising):
    status, output, _ = sgdvar(
        "verify", *rising, "--steps", "1", "--batch-sizes", "2,3,4", "--replicates", "20000", "--json"
    )
    (run,) = json.loads(output)["runs"]
    assert status == 1
    assert run["report"]["verdict"]["status"] == "agreed"
    assert run["polynomials"][0]["decreasing"]["status"] == "refuted"


@pytest.mark.parametrize("model", [sv.Dataset, sv.GaussianPopulation])
def test_the_worse_of_two_models_decides_on_the_status(sgdvar, rooms, monkeypatch, model):
    report = sv.verify

    def judged(sgd: sv.SGD, **kwargs: object) -> sv.Report:
        status = "refuted" if isinstance(sgd.problem.data, model) else "agreed"
        return replace(report(sgd, **kwargs), verdict=sv.Verdict(status, "a reason"))

    monkeypatch.setattr(sv, "verify", judged)
    command = ("verify", "--data", rooms, "--target", "price", *NETWORK, *QUICK, "--model", "both")
    assert sgdvar(*command)[0] == 1


def test_tails_too_heavy_to_be_simulated_end_in_status_3(sgdvar, rooms):
    status, output, _ = sgdvar(
        "verify", "--data", rooms, "--target", "price", *NETWORK, "--step-size", "1e5", "--steps", "1", "--replicates",
        "500", "--batch-sizes", "1",
    )  # fmt: skip
    assert status == 3
    assert "UNDECIDED" in output


def test_a_wrong_polynomial_is_refuted(sgdvar, rooms, monkeypatch):
    from sgdvar import agreement

    right = agreement.gradient_variance
    monkeypatch.setattr(agreement, "gradient_variance", lambda *args, **kwargs: right(*args, **kwargs) * Fraction(3, 2))
    status, output, _ = sgdvar("verify", "--data", rooms, "--target", "price", *NETWORK, *QUICK)
    assert status == 1
    assert "REFUTED: " in output.replace("**", "")
