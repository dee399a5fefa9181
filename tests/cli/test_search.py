"""``sgdvar search`` prints what the library finds, and says by its exit status what that is."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction

import pytest

import sgdvar as sv

SHUFFLED = ("--sampling", "reshuffling", "--examples", "4", "--widths", "1,1")


def test_json_holds_a_counterexample_that_anyone_can_check(sgdvar):
    status, output, errors = sgdvar(
        "search", *SHUFFLED, "--step", "2", "--batch-sizes", "1:2", "--seed", "3", "--json", "--no-progress"
    )
    assert (status, errors) == (1, "")
    data = json.loads(output)
    assert data["verdict"]["status"] == "refuted"
    names: dict[str, object] = {}
    exec(data["code"], names)
    values = {str(b): sv.enumerate_gradient_variance(names["sgd"], 2, b) for b in (1, 2)}
    assert {b: Fraction(text) for b, text in data["values"].items()} == values
    assert values["2"] > values["1"]
    assert data["record"]["seed"] == 3


def test_text_says_what_was_searched_where_nothing_is_found(sgdvar, tmp_path):
    path = tmp_path / "search.json"
    status, output, errors = sgdvar(
        "search", *SHUFFLED, "--batch-sizes", "1:2", "--evaluations", "1", "--checkpoint", path
    )
    assert (status, errors) == (3, "")
    assert "claim     Var(g_1) does not increase in b: V(2) <= V(1)" in output
    assert "family    random reshuffling of n = 4, linear regression 1-1" in output
    assert "verdict   UNDECIDED: no violation was found; for linear regression there is none within" in output
    assert "searched  1 round, 25,600 values with derivatives" in output
    assert path.exists()


def test_every_option_reaches_the_search(sgdvar, monkeypatch):
    asked = {}

    def search(claim, family, **options):
        asked.update(options, claim=claim, family=family)
        raise ValueError("enough")

    monkeypatch.setattr(sv, "search_counterexample", search)
    status, _, errors = sgdvar(
        "search", "--claim", "scaled-decreasing", "--quantity", "expected-loss", "--step", "2", "--batch-sizes",
        "2,1:3", "--target-ratio", "1.5", "--family", "gaussian", "--widths", "2,1,1", "--label-noise", "--stable",
        "--seed", "4", "--seconds", "2.5", "--evaluations", "7", "--largest", "1e6", "--maximise", "--checkpoint",
        "file", "--no-progress",
    )  # fmt: skip
    assert (status, errors) == (2, "sgdvar search: enough\n")
    assert asked.pop("claim") == sv.SearchClaim(
        "scaled decreasing", "expected-loss", step=2, batch_sizes=[2, (1, 3)], target_ratio=Fraction(3, 2)
    )
    assert asked.pop("family") == sv.GaussianFamily(widths=(2, 1, 1), label_noise=True, stable=True)
    assert str(asked.pop("checkpoint")) == "file"
    assert asked == {
        "seed": 4, "seconds": 2.5, "evaluations": 7, "largest": 10**6, "maximise": True, "progress": False
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "family"),
    [
        ((), sv.FiniteFamily(examples=3)),
        (("--examples", "5", "--sampling", "with-replacement"), sv.FiniteFamily(5, sampling=sv.WithReplacement())),
        (("--family", "population"), sv.PopulationFamily(atoms=2)),
    ],
)
def test_families_have_few_members_by_default(sgdvar, monkeypatch, options, family):
    asked = []
    monkeypatch.setattr(sv, "search_counterexample", lambda claim, family, **_: asked.append(family) or 1 / 0)
    sgdvar("search", *options)
    assert asked == [family]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--seconds", "0"), "a number of seconds must be above 0, got 0"),
        (("--evaluations", "0"), "the number of evaluations must be at least 1, got 0"),
        (("--claim", "rising"), "invalid choice: 'rising'"),
        (("--batch-sizes", "2:x"), "a batch size must be an integer, got 'x'"),
        (("--batch-sizes", "2:1"), "batch_sizes must hold integers or pairs"),
        (("--batch-sizes", "3"), "batch_size must satisfy 1 <= b <= n without replacement, got 4 with n = 3"),
        (("--widths", "1"), "widths must hold at least the inputs and the outputs"),
        (("--largest", "1.5"), "--largest must be an integer, got 3/2"),
        (("--family", "gaussian", "--examples", "3"), "--examples must be left out for the gaussian family"),
        (("--family", "population", "--sampling", "reshuffling"), "--sampling must be left out for the population"),
        (("--label-noise",), "--label-noise must be left out for the finite family"),
        (("--family", "gaussian", "--widths", "3,3,3", "--step", "5"), "lower the step, the batch sizes or the sizes"),
    ],
)
def test_bad_input_is_one_line_and_status_2(sgdvar, options, message):
    status, output, errors = sgdvar("search", *options)
    assert (status, output) == (2, "")
    assert message in errors
    assert errors.count("\n") == 1


def test_help_is_enough_and_fits_80_columns(sgdvar, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    status, output, _ = sgdvar("search", "--help")
    assert status == 0
    assert max(map(len, output.splitlines())) <= 80
    options = output.split("claim:", 1)[1].split("examples:", 1)[0].split("\n  --")[1:]
    assert len(options) == 19
    assert all("default" in option for option in options)


def test_help_loads_no_numerical_library():
    code = "import sys; from sgdvar.cli import main; main(['search', '--help']); print(*sys.modules, sep='\\n')"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"jax", "sympy", "scipy", "rich"} & set(output.splitlines())
