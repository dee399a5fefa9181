"""The examples run, and show what they say."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def _scikit_learn():
    pytest.importorskip("sklearn")


def test_the_diabetes_example_agrees_and_draws(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    runpy.run_path(str(EXAMPLES / "linear_regression_diabetes.py"))["main"](str(tmp_path / "figure.png"))
    output = capsys.readouterr().out
    assert "proved: " in output
    assert "**AGREED**" in output
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_the_right_formula_agrees_and_the_wrong_one_is_refuted(capsys):
    runpy.run_path(str(EXAMPLES / "check_a_formula.py"))["main"]()
    right, wrong = capsys.readouterr().out.splitlines()[2:]
    assert right.startswith("| both terms | agreed: ")
    assert wrong.startswith("| without tr Cov(grad L(w_1)) | refuted: ")


def test_the_network_example_agrees_and_draws(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    runpy.run_path(str(EXAMPLES / "deep_linear_network.py"))["main"](str(tmp_path / "figure.png"))
    output = capsys.readouterr().out
    assert "one step: degree 6 (at most 6), proved" in output
    assert "**AGREED**" in output
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_every_example_is_run_here():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {
        "linear_regression_diabetes.py",
        "check_a_formula.py",
        "deep_linear_network.py",
    }
