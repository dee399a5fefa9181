"""``sgdvar prove``: the table, single derivations, formats, false steps, and what is refused."""

from __future__ import annotations

import json

import pytest

from sgdvar.cli import main

MINE = """
import sympy as sp
from sgdvar.derivation import Derivation, Enumeration, Identity, Line, Notation, Step

b, v = sp.symbols("b v")
less = Line(v / b - v / (b + 1), "=", v / (b * (b + {shift})), {check})
symbols = [Notation(b, "b", "batch size"), Notation(v, "v", "variance of one draw")]
DERIVATION = Derivation(
    "one_more_draw", "One more draw", ["Draws are independent."], symbols, [Step("less", "Subtract.", [less])]
)
"""


@pytest.fixture
def mine(tmp_path):
    def write(shift=1, check="Identity()"):
        path = tmp_path / "mine.py"
        path.write_text(MINE.format(shift=shift, check=check), encoding="utf-8")
        return str(path)

    return write


def test_a_derivation_of_ones_own_is_shown_step_by_step(mine, capsys):
    assert main(["prove", "--file", mine()]) == 0
    output = capsys.readouterr()
    assert "1. less: Subtract.\n   -v/(b + 1) + v/b = v/(b*(b + 1))\n      identity of rational" in output.out
    assert output.out.endswith("1 step checked: 1 identity in symbols\n")
    assert output.err == ""


def test_a_false_step_is_named_with_a_witness(mine, capsys):
    assert main(["prove", "--file", mine(shift=2)]) == 1
    assert "FALSE: one_more_draw, step less, line 1: " in (error := capsys.readouterr().err)
    assert "at b = 2, v = 4 left is 2/3, right is 1/2" in error


def test_errors_that_are_put_in_are_counted(mine, capsys):
    assert main(["prove", "--file", mine(), "--mutants"]) == 0
    count = capsys.readouterr().out.splitlines()[-1]
    assert count == "14 errors put in, one at a time; 14 noticed"


def test_an_error_that_is_not_noticed_is_named(mine, capsys):
    weak = "Enumeration('v = 0', lambda: [{v: sp.Integer(0)}])"
    assert main(["prove", "--file", mine(check=weak), "--mutants"]) == 3
    assert "not noticed: one_more_draw, less, line 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("form", "holds"),
    [
        ("markdown", lambda text: "$$\n- \\frac" in text or "$$\n\\frac" in text),
        ("latex", lambda text: text.startswith(r"\documentclass")),
        ("json", lambda text: json.loads(text)[0]["steps"][0]["name"] == "less"),
    ],
)
def test_other_formats_go_to_a_file(mine, tmp_path, capsys, form, holds):
    path = tmp_path / "out"
    assert main(["prove", "--file", mine(), "--format", form, "--output", str(path)]) == 0
    assert holds(path.read_text(encoding="utf-8"))
    assert capsys.readouterr().out == ""


def test_the_list_names_the_derivations_of_the_library(capsys):
    assert main(["prove", "--list"]) == 0
    assert {"batch_mean", "linear_regression", "deep_linear"} <= set(capsys.readouterr().out.split())


def test_the_table_counts_steps_by_grade(capsys):
    assert main(["prove", "batch-mean", "--format", "text"]) == 0
    assert "8 steps checked: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such"], "NAME must be one of those that --list shows, got no_such"),
        (["--file", "no-such-file.py"], "the file with the derivation must exist"),
        (["--list", "--output", "no-such-folder/x"], "--output must lie in a folder that exists"),
    ],
)
def test_bad_input_is_refused_in_one_line(capsys, arguments, message):
    assert main(["prove", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
