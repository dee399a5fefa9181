"""``sgdvar verify`` end to end, on a file of six examples."""

from __future__ import annotations

import json
import math
import re
import sys
from dataclasses import replace
from fractions import Fraction

import pytest

import sgdvar as sv
from sgdvar.loading import load_csv

QUICK = ("--steps", "0,2", "--batch-sizes", "1,2,4,6", "--replicates", "20000", "--step-size", "1/10")


@pytest.fixture
def process(rooms):
    """The process that ``QUICK`` describes."""
    return sv.SGD(sv.LinearRegression(load_csv(rooms, "price")), start=[0, 0], step_size=Fraction(1, 10))


def test_json_is_all_that_standard_output_holds_and_has_everything(sgdvar, rooms, process):
    status, output, errors = sgdvar("verify", "--data", rooms, "--target", "price", *QUICK, "--json")
    document = json.loads(output)
    assert (status, errors) == (0, "")
    assert document["version"] == sv.__version__
    assert document["report"]["verdict"]["status"] == "agreed"
    assert [(row["step"], row["batch_size"]) for row in document["report"]["rows"]] == [
        (step, b) for step in (0, 2) for b in (1, 2, 4, 6)
    ]
    for record in document["polynomials"]:
        V = sv.gradient_variance(process, record["step"])
        assert [Fraction(value) for value in record["c_coefficients"]] == list(V.c_coefficients)
        assert record["decreasing"]["status"] == "proved"
    for row in document["report"]["rows"]:
        assert row["exact"] == float(sv.gradient_variance(process, row["step"])(row["batch_size"]))
        assert row["replicates"] == 20000


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(sgdvar, rooms):
    def rows(seed: int) -> list[dict[str, float]]:
        _, output, _ = sgdvar("verify", "--data", rooms, "--target", "price", *QUICK, "--json", "--seed", seed)
        return json.loads(output)["report"]["rows"]

    assert rows(1) == rows(1)
    assert rows(1) != rows(2)


@pytest.fixture(params=["rich", "plain"])
def look(request, monkeypatch):
    """With rich, and as if it were not installed."""
    if request.param == "plain":
        for name in ("rich", "rich.console"):
            monkeypatch.setitem(sys.modules, name, None)
    else:
        pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", "120")
    return request.param


def test_the_page_says_what_was_done_what_is_proved_and_what_agrees(sgdvar, rooms, look):
    status, output, errors = sgdvar("verify", "--data", rooms, "--target", "price", *QUICK)
    text = " ".join(output.split())
    assert (status, errors) == (0, "")
    for words in (
        "rooms.csv, target price; n = 6 examples, p = 2 features, exact rationals",
        "w0 = 0 in every weight",
        "1/10 (as given)",
        "without replacement from n = 6, drawn afresh at every step",
        "given w0 only, so every batch counts",
        "with c = (6 - b)/(5 b)",
        "V_0, V_2",
        "PROVED: ",
        "certificate checked",
        "1/b for c(b): rejected",
        "20,000",
        "seconds in all",
    ):
        assert words in text
    assert re.search(r"AGREED(\*\*)?: 8 comparisons", text)
    assert ("**AGREED**" in output) == (look == "plain")


def test_where_no_wrong_formula_fits_the_page_says_why(sgdvar, rooms, look):
    rooms.write_text("size,price\n1,2\n")  # of one example there is no variance
    options = ("--steps", "0", "--replicates", "100", "--step-size", "1/10")
    _, output, _ = sgdvar("verify", "--data", rooms, "--target", "price", *options)
    assert "none: no mistake fits this design" in output


def test_a_file_name_with_brackets_is_shown_as_it_is(sgdvar, rooms):
    path = rooms.rename(rooms.with_name("rooms[bold].csv"))
    _, output, _ = sgdvar("verify", "--data", path, "--target", "price", *QUICK)
    assert "rooms[bold].csv" in output


@pytest.mark.parametrize("columns", [80, 90, 100, 110, 130])
@pytest.mark.parametrize("scale", ["1", "0.01"], ids=["short numbers", "long numbers"])
def test_the_table_has_room_from_80_columns_on(sgdvar, rooms, monkeypatch, columns, scale):
    pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", str(columns))
    rows = [line.rpartition(",") for line in rooms.read_text().splitlines()[1:]]
    cells = [f"{inputs},{float(scale) * float(target)!r}" for inputs, _, target in rows]
    rooms.write_text("\n".join(["size,age,price", *cells]) + "\n")
    _, output, _ = sgdvar("verify", "--data", rooms, "--target", "price", *QUICK)
    assert max(map(len, output.splitlines())) <= columns
    assert "…" not in output
    assert columns < 130 or "given w_t" in output


def test_a_figure_is_saved(sgdvar, rooms, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "figure.svg"
    status, output, _ = sgdvar("verify", "--data", rooms, "--target", "price", *QUICK, "--plot", path)
    assert status == 0
    assert path.read_text().startswith("<?xml")
    assert "figure.svg" in "".join(output.split())


@pytest.mark.parametrize(
    "options",
    [
        ("--sampling", "with-replacement"),
        ("--standardise",),
        ("--start=-1,1/2",),
        ("--weight-decay", "0.5"),
        ("--step-size", "0.1,0.2"),
        ("--relative-error", "0.05"),
        ("--target", "0"),
    ],
    ids=" ".join,
)
def test_every_option_leads_to_agreement(sgdvar, rooms, options):
    quick = QUICK if "--relative-error" not in options else QUICK[:4]
    status, output, _ = sgdvar("verify", "--data", rooms, "--target", "price", *quick, "--json", *options)
    assert status == 0, output


def test_an_archive_of_floats_is_compared_but_not_certified(sgdvar, tmp_path):
    import numpy as np

    rng = np.random.default_rng(0)
    np.savez(tmp_path / "data.npz", X=rng.standard_normal((8, 2)), y=rng.standard_normal(8))
    options = ("--steps", "1", "--batch-sizes", "2", "--replicates", "20000", "--step-size", "0.1", "--json")
    status, output, _ = sgdvar("verify", "--data", tmp_path / "data.npz", *options)
    document = json.loads(output)
    assert status == 3
    assert document["report"]["verdict"]["status"] == "agreed"
    assert document["polynomials"][0]["decreasing"]["status"] == "undecided"


@pytest.mark.parametrize(
    ("status", "expected"), [("agreed", 0), ("refuted", 1), ("undecided", 3)], ids=["agreed", "refuted", "undecided"]
)
def test_the_exit_status_is_that_of_the_verdict(sgdvar, rooms, monkeypatch, status, expected):
    report = sv.verify

    def judged(*args: object, **kwargs: object) -> sv.Report:
        return replace(report(*args, **kwargs), verdict=sv.Verdict(status, "a reason"))

    monkeypatch.setattr(sv, "verify", judged)
    assert sgdvar("verify", "--data", rooms, "--target", "price", *QUICK)[0] == expected


def test_a_wrong_polynomial_is_refuted(sgdvar, rooms, monkeypatch):
    from sgdvar import agreement

    right = agreement.gradient_variance
    monkeypatch.setattr(agreement, "gradient_variance", lambda *args, **kwargs: right(*args, **kwargs) * Fraction(6, 5))
    status, output, _ = sgdvar("verify", "--data", rooms, "--target", "price", *QUICK)
    assert status == 1
    assert "REFUTED: " in output.replace("**", "")


def test_a_certificate_that_does_not_hold_is_an_internal_error(sgdvar, rooms, monkeypatch):
    def fail(*args: object) -> bool:
        raise sv.CertificateError("coefficient 1 is negative")

    monkeypatch.setattr(sv, "check_certificate", fail)
    status, _, errors = sgdvar("derive", "--data", rooms, "--target", "price")
    assert status == 70
    assert "coefficient 1 is negative" in errors


def test_the_default_step_size_is_a_quarter_of_the_stable_one_rounded_down_to_one_digit(sgdvar, rooms, process):
    _, output, _ = sgdvar("verify", "--data", rooms, "--target", "price", *QUICK[:6], "--json")
    step_size = Fraction(json.loads(output)["setting"]["step size"].split()[0])
    quarter = sv.stable_step_size(process, 1) / 4
    assert 0.5 * quarter < step_size <= quarter
    assert (step_size / Fraction(10) ** math.floor(math.log10(quarter))) in range(1, 10)
