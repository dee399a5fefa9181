"""The definitions of the formal proof and sgdvar mean the same: Coq proves sgdvar's exact values of its definitions."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction as F
from math import comb
from pathlib import Path
from typing import Any

import pytest

import sgdvar as sv

ROOT = Path(__file__).parents[2]
FORMAL = ROOT / "proofs" / "formal"
COMPILED = ROOT / "build" / "formal"
COQC = ["coqc", "-w", "-notation-overridden,-ambiguous-paths", "-R"]
DESIGNS = (sv.WithoutReplacement(), sv.WithReplacement())

HEADER = """
From Coq Require Import ZArith QArith.
From mathcomp Require Import all_ssreflect all_algebra.
From sgdvar Require Import Definitions Network lemmas.Rationals lemmas.Evaluation lemmas.RegressionValues.
From sgdvar Require Import lemmas.NetworkValues.
Local Open Scope ring_scope.
Section Values.
Variable R : realFieldType.
"""
NETWORK = """
Goal gradient_variance (network_gradient (@example_input R) (@example_target R)) (fun=> 1 / 4%:R)
  (@example_start R) 1%:M {design} {b} 1 = of_Q R {value}.
Proof. rewrite network_value; congr (of_Q R _); vm_cast_no_check (erefl {value}). Qed.
"""


@dataclass(frozen=True)
class Small:
    """A small problem of linear regression, with a step size for each of two steps."""

    X: list[list[Any]]
    y: list[Any]
    start: list[Any]
    steps: list[Any]
    A: list[list[Any]]
    decay: F = F(0)

    def goals(self, t: int, *, error: F = F(0)) -> Iterator[str]:
        n, p = len(self.X), len(self.X[0])
        data = f"(inputs {p} {coq(self.X)} R) (targets {coq(self.y)} R) (of_Q R {coq(self.decay)})"
        steps = f"(fun s => of_Q R (nth zeroQ {coq(self.steps)} s))"
        A = f"(matrix R {p} {len(self.A)} {coq(self.A)})"
        for design in DESIGNS:
            sgd = sv.SGD(
                sv.LinearRegression(sv.Dataset(self.X, self.y), weight_decay=self.decay),
                start=self.start,
                step_size=self.steps,
                sampling=design,
            )
            quantities = [
                ("gradient_variance", A, sv.gradient_variance(sgd, step=t, matrix=self.A)),
                (
                    "expect_gradient",
                    f"(fun g => square_norm ({A} *m g))",
                    sv.gradient_second_moment(sgd, step=t, matrix=self.A),
                ),
                ("expect_weights", f"(loss (n := {n}) {data})", sv.expected_loss(sgd, step=t)),
            ]
            for b in feasible(design, n, t):
                for quantity, of, polynomial in quantities:
                    value = coq(polynomial(b) + error)
                    yield f"""
Goal {quantity} (n := {n}) (regression_gradient {data}) {steps} (column R {p} {coq(self.start)})
  {of} {type(design).__name__} {b} {t} = of_Q R {value}.
Proof. rewrite {RULES[quantity]}; congr (of_Q R _); vm_cast_no_check (erefl {value}). Qed.
"""


RULES = {
    "gradient_variance": "gradient_variance_is",
    "expect_gradient": "second_moment_is",
    "expect_weights": "expected_loss_is",
}
SMALL = {
    "one example": Small(X=[[F(3, 2)]], y=[-1], start=[2], steps=[F(1, 2), 3], A=[[1]]),
    "two examples": Small(X=[[1], [F(-2, 3)]], y=[0, 1], start=[F(1, 2)], steps=[F(1, 3), F(-1, 5)], A=[[2]]),
    "three examples": Small(
        X=[[1, 2], [F(1, 2), -1], [0, 3]],
        y=[1, 0, F(-2, 3)],
        start=[F(1, 2), -1],
        steps=[F(1, 4), F(-1, 3)],
        A=[[1, 2], [0, F(-1, 3)]],
        decay=F(1, 5),
    ),
}


def coq(numbers: Any) -> str:
    """Rational numbers and lists of them in the language of Coq."""
    if isinstance(numbers, list):
        return f"[:: {'; '.join(map(coq, numbers))}]"
    number = F(numbers)
    numerator = f"({'Zneg' if number < 0 else 'Zpos'} {abs(number.numerator)})" if number else "Z0"
    return f"(Qmake {numerator} {number.denominator})"


def feasible(design: sv.WithoutReplacement | sv.WithReplacement, n: int, t: int) -> list[int]:
    """Batch sizes at which there are at most 100 sequences of t + 1 batches."""
    subsets = isinstance(design, sv.WithoutReplacement)
    return [b for b in range(1, n + 1) if (comb(n, b) if subsets else n**b) ** (t + 1) <= 100]


@pytest.fixture(scope="module")
def compiled() -> Path:
    outcome = subprocess.run([FORMAL / "check", "compile"], capture_output=True, text=True, check=False)
    if outcome.returncode == 2:
        pytest.skip(outcome.stderr.strip())
    assert outcome.returncode == 0, outcome.stderr
    return COMPILED


def prove(compiled: Path, folder: Path, goals: Iterator[str]) -> subprocess.CompletedProcess[str]:
    source = folder / "Values.v"
    source.write_text(f"{HEADER}{''.join(goals)}End Values.\n", encoding="utf-8")
    return subprocess.run([*COQC, compiled, "sgdvar", source], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("t", "names"), [(0, SMALL), (1, SMALL), (2, list(SMALL)[:2]), pytest.param(2, SMALL, marks=pytest.mark.nightly)]
)
def test_coq_proves_the_values_of_sgdvar(compiled, tmp_path, t, names):
    outcome = prove(compiled, tmp_path, (goal for name in names for goal in SMALL[name].goals(t)))
    assert outcome.returncode == 0, outcome.stderr


def test_coq_proves_the_values_of_sgdvar_for_two_layers(compiled, tmp_path):
    network = sv.DeepLinearNetwork(sv.Dataset([[1], [1], [2], [2]], [[0]] * 4))
    processes = {
        type(design).__name__: sv.SGD(network, start=[[[2]], [[1]]], step_size=F(1, 4), sampling=design)
        for design in DESIGNS
    }
    goals = (
        NETWORK.format(design=design, b=b, value=coq(sv.gradient_variance(sgd, step=1)(b)))
        for design, sgd in processes.items()
        for b in (1, 2)
    )
    outcome = prove(compiled, tmp_path, goals)
    assert outcome.returncode == 0, outcome.stderr


def test_coq_refuses_a_value_that_is_slightly_wrong(compiled, tmp_path):
    outcome = prove(compiled, tmp_path, SMALL["two examples"].goals(1, error=F(1, 10**6)))
    assert outcome.returncode != 0
    assert "while it is expected to have type" in " ".join(outcome.stderr.split())


@pytest.mark.usefixtures("compiled")
@pytest.mark.nightly
def test_the_proof_fails_with_n_for_n_minus_1_in_the_variance_factor(tmp_path):
    shutil.copytree(FORMAL, tmp_path, dirs_exist_ok=True)
    definitions = tmp_path / "Definitions.v"
    text = definitions.read_text(encoding="utf-8")
    assert text.count("(b%:R * (n%:R - 1))") == 1
    definitions.write_text(text.replace("(b%:R * (n%:R - 1))", "(b%:R * n%:R)"), encoding="utf-8")
    lemmas = ["Identities", "Averages", "Batches", "WithoutReplacement", "WithReplacement", "OneBatch"]
    for file in (definitions, *(tmp_path / "lemmas" / f"{name}.v" for name in lemmas)):
        outcome = subprocess.run([*COQC, tmp_path, "sgdvar", file], capture_output=True, text=True, check=False)
        assert (outcome.returncode != 0) == (file.stem == "OneBatch"), outcome.stderr
    assert "without_replacement" in outcome.stderr  # the identity of which the second moment is an instance
