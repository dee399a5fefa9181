"""The examples run, draw, and show numbers that are found here by other routes; one runs as a reader runs it."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest

import sgdvar as sv
from sgdvar.loading import load_diabetes

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
NAMES = [
    "check_a_formula",
    "choose_batch_size",
    "counterexample_gallery",
    "deep_linear_network",
    "linear_regression_diabetes",
]


@pytest.fixture(autouse=True)
def _extra():
    for package in ("matplotlib", "rich", "sklearn"):
        pytest.importorskip(package)


@pytest.fixture
def example(tmp_path, monkeypatch, capsys) -> Iterator[Callable[..., str]]:
    """Runs an example in a folder of its own: a function from its name and arguments to what it prints."""
    matplotlib, plt = (pytest.importorskip(name) for name in ("matplotlib", "matplotlib.pyplot"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(name: str, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        output, errors = capsys.readouterr()
        assert not errors
        return output

    with matplotlib.rc_context({"backend": "agg"}):
        yield run
        plt.close("all")


@pytest.fixture
def example_as_process(tmp_path) -> Callable[..., str]:
    """The same in a process of its own."""

    def run(name: str, *arguments: str) -> str:
        there = os.environ | {"COLUMNS": "200", "MPLBACKEND": "agg", "PYTHONIOENCODING": "utf-8"}
        command = [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py"), *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=there, capture_output=True, encoding="utf-8", check=False)
        assert done.returncode == 0, done.stderr
        assert not done.stderr
        return done.stdout

    return run


def rows(output: str) -> list[list[str]]:
    """The cells of a printed table, without its header."""
    lines = [line.strip() for line in output.splitlines() if line.startswith("  ") and line.strip()]
    return [re.split(r"\s{2,}", line) for line in lines[1:]]


def curves(figure: Path) -> list[list[float]]:
    """The numbers of the curves that a figure draws, in the shares of their range."""
    text = figure.read_text(encoding="utf-8")
    assert text.rstrip().endswith("</svg>")
    found = []
    for path in re.findall(r'<path d="([^"]*)" clip-path', text):
        x = [float(number) for number in re.findall(r"[ML] ([-\d.]+) ", path)]
        y = [float(number) for number in re.findall(r"[ML] [-\d.]+ ([-\d.]+)", path)]
        if len(y) > 5:
            found.append([(value - min(values)) / max(np.ptp(values), 1e-9) for values in (x, y) for value in values])
    assert found
    return found


def test_the_diabetes_example_agrees_with_the_definition_at_step_0(example_as_process, tmp_path):
    output = example_as_process("linear_regression_diabetes", "--output", "mine.svg")
    data = load_diabetes()
    X, y, n = data.X.astype(float), data.y.astype(float), data.size
    noise = np.trace(np.cov((y[:, None] * X).T, ddof=0))
    table = rows(output)
    expected = [f"{(n - b) / (b * (n - 1)) * noise:.5f}" for b in (1, 8, 64, 442)]
    assert [row[2] for row in table if row[0] == "0"] == expected
    assert [row[1] for row in table if row[2] == "0.00000"] == ["442"] * 4
    assert output.count("decreases in b: proved") == 4
    assert "\nagreed: 16 comparisons" in output
    curves(tmp_path / "mine.svg")


def test_the_network_example_shows_the_rise_that_all_pairs_of_patients_give(example, tmp_path):
    sklearn = pytest.importorskip("sklearn.datasets")
    output = example("deep_linear_network")
    x = sklearn.load_diabetes(scaled=False).data[:, 1]
    y = load_diabetes().y.astype(float)
    table = {(row[0], row[1]): row[2:] for row in rows(output)}
    assert table["1-1-1", "1"] == [
        "6",
        f"{two_layers(x, y, 1):.3g}",
        f"{two_layers(x, y, 2):.3g}",
        *("1.96e+04", "refuted", "2"),
    ]
    assert table["1-1-1", "2"][-2:] == ["refuted", "4"]
    assert all(row[-2:] == ["proved", "1"] for (name, step), row in table.items() if name != "1-1-1" or step == "0")
    drawn, stored = (
        curves(path) for path in (tmp_path / "deep_linear_network.svg", ROOT / "docs/_static/variance.svg")
    )
    assert len(drawn) == len(stored) == 6  # the picture of the README is this one
    for mine, readme in zip(drawn, stored, strict=True):
        np.testing.assert_allclose(mine, readme, atol=1e-3)


def two_layers(x: np.ndarray, y: np.ndarray, b: int) -> float:
    """Var(g_1) of two layers of one weight from (8, 4) at step size 1/64, by all first batches without replacement."""
    n, s, r = len(x), x**2, x * y
    batches = np.array(list(combinations(range(n), b)))
    residual = s[batches].mean(axis=1) * 32 - r[batches].mean(axis=1)
    w1, w2 = 8 - residual * 4 / 64, 4 - residual * 8 / 64
    gradients = (s[:, None] * w1 * w2 - r[:, None]) * np.stack([w2, w1])[:, None, :]  # weight, example, first batch
    last = (n - b) / (b * (n - 1)) * gradients.var(axis=1).sum(axis=0).mean()
    return last + gradients.mean(axis=1).var(axis=1).sum()


def zeros(*inputs: int) -> sv.DeepLinearNetwork:
    return sv.DeepLinearNetwork(sv.Dataset([[x] for x in inputs], [0] * len(inputs)))


def test_the_gallery_has_the_values_of_enumerations_and_formulas(example, tmp_path):
    table = {row[0]: row[1:] for row in rows(example("counterexample_gallery", "--output", "gallery.svg"))}
    found = table.pop("Var(g_1), two layers: three examples found by a search")
    assert found[::2] == ["1", "2"]
    assert Fraction(found[1]) < Fraction(found[3])
    how, k = ([2, 1], Fraction(1, 4)), 8
    pair, eleven = sv.SGD(zeros(1, 2), *how, sv.WithReplacement()), sv.SGD(zeros(*[1] * 10, 5), *how)
    rare = sv.DiscretePopulation([[1], [2]], [0, 0], [Fraction(19, 20), Fraction(1, 20)])
    assert table == {
        "Var(g_1), two layers: inputs 1 and 2, with replacement": _row(1, 0, 2, _variance(pair, 2)),
        "Var(g_1), two layers: N(0, I) inputs, 2 x 2 weights": _row(
            *(1, 4 * k**2 * (51 + 2319 * k**2)), *(2, k**2 * (132 + 2182 * k**2 + 397 * k**4) // 2)
        ),
        "Var(g_1), two layers: ten inputs 1 and one 5": _row(8, 0, 9, _variance(eleven, 9)),
        "Var(g_1), two layers: inputs 1 and, rarely, 2": _row(
            1, 0, 2, _variance(sv.SGD(sv.DeepLinearNetwork(rare), *how), 2)
        ),
        "E L(w_1), two layers: inputs 1 and 2, with replacement": _row(1, 0, 2, sv.enumerate_expected_loss(pair, 1, 2)),
        "Var(g_1), regression: step size b / 2": _row(2, "1", 3, "13/12"),  # 1/b + b/4
        "Var(g_t), regression: t = 12 / b, equal examples seen": _row(1, _equal_examples(1), 2, _equal_examples(2)),
        "Var(g_2), regression: shuffled epochs of 4 examples": _row(1, "59/4096", 2, "157/8192"),
    }
    curves(tmp_path / "gallery.svg")


def _row(*cells: object) -> list[str]:
    return [str(cell) for cell in cells]


def _variance(sgd: sv.SGD, b: int) -> Fraction:
    return sv.enumerate_gradient_variance(sgd, 1, b)


def _equal_examples(b: int) -> Fraction:
    """Var(g_t) = E s^2 (E (1 - s/4)^2)^t - (E s (E (1 - s/4))^t)^2 for targets 0, with s the mean square of a batch."""
    s = [Fraction(sum(squares), b) for squares in product((1, 4), repeat=b)]
    t, kept = 12 // b, [1 - value / 4 for value in s]
    second = _mean([value**2 for value in s]) * _mean([value**2 for value in kept]) ** t
    return second - (_mean(s) * _mean(kept) ** t) ** 2


def _mean(values: list[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)


def test_the_batch_sizes_that_are_chosen_are_those_of_a_recursion_in_floats(example, tmp_path):
    output = example("choose_batch_size")
    table = {row[0]: row[1:] for row in rows(output)}
    for column, step_size in enumerate((0.05, 0.1)):
        quiet, gains = (int(table[name][column]) for name in table if name.startswith(("smallest", "largest")))
        V = {
            b: moments(step_size, 1 / b, 20)[0] for b in (quiet - 1, quiet, gains, gains + 1, 2 * gains, 2 * gains + 2)
        }
        assert V[quiet] <= 0.1 < V[quiet - 1]
        assert V[2 * gains] <= 0.99 * V[gains] / 2
        assert V[2 * gains + 2] > 0.99 * V[gains + 1] / 2
        for b in (4, 64):
            for what, t in (("20 steps", 20), ("256 examples", 256 // b)):
                loss = moments(step_size, 1 / b, t)[1]
                assert table[f"expected loss after {what}, b = {b}"][column] == f"{loss:.4f}"
        losses = {b: moments(step_size, 1 / b, 256 // b)[1] for b in (4, 8, 16, 32, 64, 128, 256)}
        best = min(losses, key=losses.get)
        assert table["b with the lowest loss after 256 examples"][column] == f"{best} ({losses[best]:.4f})"
    curves(tmp_path / "choose_batch_size.svg")


def moments(step_size: float, c: float, t: int) -> tuple[float, float]:
    """Var(g_t) and E L(w_t) of the diabetes data from weights 0, by mean and covariance of the weights in floats."""
    data = load_diabetes()
    X, y = data.X.astype(float), data.y.astype(float)
    hessian, mean, covariance = X.T @ X / len(y), np.zeros(10), np.zeros((10, 10))
    for _ in range(t + 1):
        residual = X @ mean - y
        gradient = X.T @ residual / len(y)
        # E of an example's squared residual is its square at the mean plus x^T Cov(w) x
        squares = residual**2 + np.sum((X @ covariance) * X, axis=1)
        of_mean = hessian @ covariance @ hessian
        of_gradient = of_mean + c * ((X * squares[:, None]).T @ X / len(y) - of_mean - np.outer(gradient, gradient))
        last = mean, covariance
        mixed = covariance - step_size * (hessian @ covariance + covariance @ hessian)
        mean, covariance = mean - step_size * gradient, mixed + step_size**2 * of_gradient
    mean, covariance = last
    return np.trace(of_gradient), np.mean((X @ mean - y) ** 2) / 2 + np.trace(hessian @ covariance) / 2


def test_the_right_formula_agrees_and_the_wrong_ones_are_refuted(example, tmp_path):
    output = example("check_a_formula", "--output", "formulas.svg")
    right, factor, conditional = rows(output)
    assert right == ["both terms, c(b)", "agreed", "+0.0%", "4", "none can"]
    assert factor[:4] == ["both terms, 1/b for c(b)", "refuted", f"{441 / 378 - 1:+.1%}", "64"]  # (1/64) / c(64)
    assert conditional[:2] == ["first term alone, c(b)", "refuted"]
    assert 100 < int(factor[-1].replace(",", "")) < int(conditional[-1].replace(",", "")) < 10_000
    assert "1e-06 false alarms, 0.001 misses" in output
    curves(tmp_path / "formulas.svg")


def test_every_example_is_run_here():
    assert sorted(path.stem for path in EXAMPLES.glob("*.py")) == NAMES
    text = Path(__file__).read_text(encoding="utf-8")
    assert all(re.search(rf'\bexample(_as_process)?\("{name}"', text) for name in NAMES)
