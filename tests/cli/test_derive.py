"""``sgdvar derive`` prints the polynomial that the library computes."""

from __future__ import annotations

import json
import re
from fractions import Fraction

import pytest

import sgdvar as sv
from sgdvar.loading import load_csv

STEP_SIZE = Fraction(1, 10)
QUANTITIES = {
    "gradient-variance": sv.gradient_variance,
    "full-gradient-variance": sv.full_gradient_variance,
    "gradient-second-moment": sv.gradient_second_moment,
    "expected-loss": sv.expected_loss,
}


@pytest.fixture
def process(rooms):
    """The process that the options of these tests describe."""
    return sv.SGD(sv.LinearRegression(load_csv(rooms, "price")), start=[0, 0], step_size=STEP_SIZE)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_json_holds_the_exact_coefficients_of_each_step(sgdvar, rooms, process, quantity):
    status, output, errors = sgdvar(
        "derive", "--data", rooms, "--target", "price", "--step-size", "1/10", "--step", "0,2", "--format", "json",
        "--quantity", quantity,
    )  # fmt: skip
    results = json.loads(output)["results"]
    assert (status, errors) == (0, "")
    assert [result["step"] for result in results] == [0, 2]
    for result in results:
        V = QUANTITIES[quantity](process, result["step"])
        assert [Fraction(value) for value in result["c_coefficients"]] == list(V.c_coefficients)
        assert [Fraction(value) for value in result["coefficients"]] == list(V.coefficients)
        assert (result["is_exact"], result["degree"], result["largest_batch_size"]) == (True, V.degree, 6)
        assert result["decreasing"]["status"] == "proved"


def test_every_option_of_the_process_counts(sgdvar, rooms, process):
    _, output, _ = sgdvar(
        "derive", "--data", rooms, "--target", "price", "--step-size", "1/10,0.2", "--start=-1,1/2", "--weight-decay",
        "0.5", "--sampling", "with-replacement", "--decimals", "0", "--step", "2", "--format", "json",
    )  # fmt: skip
    sgd = sv.SGD(
        sv.LinearRegression(load_csv(rooms, "price", decimals=0), weight_decay=Fraction(1, 2)),
        start=[-1, Fraction(1, 2)],
        step_size=[Fraction(1, 10), Fraction(1, 5)],
        sampling=sv.WithReplacement(),
    )
    (result,) = json.loads(output)["results"]
    coefficients = tuple(Fraction(value) for value in result["coefficients"])
    assert coefficients == sv.gradient_variance(sgd, 2).coefficients


def test_the_certificate_in_the_json_can_be_checked_by_anyone(sgdvar, rooms, process):
    from sgdvar.certificates import certificate_from_dict

    _, output, _ = sgdvar(
        "derive", "--data", rooms, "--target", "price", "--step-size", "0.1", "--step", "1", "--format", "json"
    )
    (result,) = json.loads(output)["results"]
    certificate = certificate_from_dict(result["decreasing"]["certificate"])
    assert sv.check_certificate(certificate, sv.gradient_variance(process, 1)) is True


def test_text_says_what_was_computed_for_which_batch_sizes_and_what_is_certified(sgdvar, rooms, process):
    status, output, _ = sgdvar("derive", "--data", rooms, "--target", "price", "--step-size", "1/10")
    V = sv.gradient_variance(process, 1)
    assert status == 0
    assert "rooms.csv, target price; n = 6 examples, p = 2 features, exact rationals" in " ".join(output.split())
    assert "Var(g_1 | w0), degree 2, for b >= 1 up to b = n = 6" in output
    assert "exact; c = (6 - b)/(5 b)" in output
    assert "decreasing in b: PROVED: " in output
    assert "certificate checked" in output
    for value in (*V.c_coefficients, *V.coefficients):
        assert value == 0 or f"=  {value}\n" in output


def test_latex_has_the_same_numbers(sgdvar, rooms, process):
    status, output, _ = sgdvar(
        "derive", "--data", rooms, "--target", "price", "--step-size", "1/10", "--format", "latex",
        "--sampling", "with-replacement",
    )  # fmt: skip
    iid = sv.SGD(process.problem, process.start, STEP_SIZE, sv.WithReplacement())
    assert status == 0
    assert output.count(r"\begin{align*}") == output.count(r"\end{align*}") == 1
    assert r"c &= \frac{1}{b}, \qquad b \ge 1." in output
    in_c = output.splitlines()[2]
    fractions = [Fraction(int(p), int(q)) for p, q in re.findall(r"\\frac\{(\d+)\}\{(\d+)\}", in_c)]
    assert re.search(r"c \+ .* c\^\{2\} ", in_c)
    assert re.search(r"b\^\{-1\} \+ .* b\^\{-2\},", output)
    assert fractions == list(sv.gradient_variance(iid, 1).c_coefficients[1:])


def test_floats_are_derived_but_not_certified(sgdvar, tmp_path):
    import numpy as np

    np.savez(tmp_path / "floats.npz", X=[[0.5], [1.5], [1.0]], y=[1.0, 2.0, 0.5])
    status, output, _ = sgdvar("derive", "--data", tmp_path / "floats.npz", "--step-size", "0.1")
    assert status == 3
    assert "in floats, not exact" in output
    assert "UNDECIDED: floats are not exact" in output
    status, output, _ = sgdvar("derive", "--data", tmp_path / "floats.npz", "--step-size", "0.1", "--decimals", "1")
    assert status == 0
    assert "rounded to 1 decimals" in output


def test_the_bundled_data_are_the_default(sgdvar):
    pytest.importorskip("sklearn")
    status, output, _ = sgdvar("derive", "--step", "0")
    assert status == 0
    text = " ".join(output.split())
    assert "scikit-learn's diabetes data, standardised, rounded to 2 decimals; n = 442 examples, p = 10" in text
    assert "3/100 (a quarter of 0.143, the bound of mean-square stability at b = 1, rounded down to one digit)" in text
