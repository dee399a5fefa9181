"""Every derivation is true, a page shows it, and every small error in it would be noticed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import sympy as sp

from sgdvar.derivation import (
    Derivation,
    Enumeration,
    Grade,
    Identity,
    Line,
    Mutant,
    Signs,
    evaluated,
    load_derivation,
    mutants,
    own_derivations,
)
from sgdvar.derivation.lines import difference

ROOT = Path(__file__).parents[2]
PROOFS = sorted((ROOT / "proofs").glob("*.py"))
NAMES = [path.stem for path in PROOFS]
PAGES = ROOT / "docs" / "derivations"

UNNOTICED: dict[str, str] = {}
"""Errors that the checks cannot notice, and why."""

KINDS = [
    ": twice",
    ": the sign$",
    ": the sign of",
    " - 1 for ",
    ": the exponent of",
    ": the order of",
    "without its transpose",
    ": reversed",
    ", definition of ",
]
NOTHING = Line(sp.Integer(0), "=", sp.Integer(0), Identity())  # a line in which there is nothing to break


@cache
def derivation(name: str) -> Derivation:
    return load_derivation(ROOT / "proofs" / f"{name}.py")


@cache
def some_mutants(name: str) -> list[Mutant]:
    """Some twentieth of all: of each step every fifth error in every fourth line, and every fifth in a definition."""
    steps, found = derivation(name).steps, []
    for number, step in enumerate(steps):
        some = replace(step, lines=step.lines[len(step.lines) // 2 :: 4])
        in_lines = list(takewhile(lambda mutant: "definition of" not in mutant.error, mutants([some])))
        found += in_lines[number % 5 :: 5] or in_lines[:1]
    lines = {step.name: step.lines for step in steps}
    in_definitions = [*mutants([replace(step, lines=[NOTHING]) for step in steps])][::5]
    return found + [
        Mutant(tuple(replace(step, lines=lines[step.name]) for step in mutant.steps), mutant.error)
        for mutant in in_definitions
    ]


def unnoticed(name: str, found: Iterable[Mutant]) -> list[str]:
    errors = [mutant.error for mutant in found if not mutant.is_caught()]
    return [error for error in errors if f"{name}, {error}" not in UNNOTICED]


def test_every_file_of_proofs_is_loaded_once():
    assert [own.name for own in own_derivations()] == NAMES
    assert [derivation(name).name for name in NAMES] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_step_of_a_derivation_is_true(name):
    checked = derivation(name).check()
    assert len(checked.steps) >= 3
    assert Grade.CITED not in checked.grades


@pytest.mark.nightly
@pytest.mark.parametrize("name", NAMES)
def test_small_errors_in_a_derivation_are_noticed(name):
    found = list(mutants(derivation(name).steps))
    assert len(found) >= 5 * len(derivation(name).steps)
    assert unnoticed(name, found) == []


@pytest.mark.parametrize("name", NAMES)
def test_some_small_errors_in_every_step_are_noticed(name):
    """All of them take minutes: they are put in at night."""
    found = some_mutants(name)
    assert len(found) >= len(derivation(name).steps)
    assert unnoticed(name, found) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_small_error_is_among_some(kind):
    assert any(re.search(kind, mutant.error) for mutant in some_mutants("linear_regression"))


def holds_by_construction(line: Line) -> bool:
    """Whether what is put in makes the line x = x, or "a symbol that is declared non-negative is not negative"."""
    if any(isinstance(check, Enumeration) for check in line.checks):
        return False
    if isinstance(line.by, Identity):
        given = line.by.given
        return bool(given.get(line.left) == line.right or given.get(line.right) == line.left)
    if isinstance(line.by, Signs):
        gap = evaluated(evaluated(difference(*line.ordered()[:2]), line.by.given), line.by.nonnegative)
        return bool((line.by.given or line.by.nonnegative) and abs_symbol(gap))
    return False


def abs_symbol(gap: Any) -> bool:
    plain = sp.expand(gap)
    return plain.is_Symbol or (-plain).is_Symbol


@pytest.mark.parametrize("name", NAMES)
def test_no_line_holds_by_construction(name):
    lines = [line for step in derivation(name).steps for line in step.expanded()]
    assert [str(line) for line in lines if holds_by_construction(line)] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_page_shows_the_derivation(name):
    assert f"```{{derivation}} {name}\n```" in (PAGES / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("proof", PROOFS, ids=NAMES)
def test_no_formula_is_typed_beside_what_is_checked(proof):
    """LaTeX environments and relations are made from expressions: only names and reasons are typed."""
    for node in ast.walk(ast.parse(proof.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert "&=" not in node.value
            assert r"\begin{" not in node.value
