"""Every derivation is true, a page shows it, and every small error in it would be noticed."""

from __future__ import annotations

import ast
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


class Loaded(dict[str, Derivation]):
    """Derivations by name, loaded when they are first asked for."""

    def __missing__(self, name: str) -> Derivation:
        self[name] = load_derivation(ROOT / "proofs" / f"{name}.py")
        return self[name]


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return Loaded()


def test_every_file_of_proofs_is_loaded_once(loaded):
    assert [derivation.name for derivation in own_derivations()] == NAMES
    assert [loaded[name].name for name in NAMES] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_step_of_a_derivation_is_true(loaded, name):
    checked = loaded[name].check()
    assert len(checked.steps) >= 3
    assert Grade.CITED not in checked.grades


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.nightly), 5])
@pytest.mark.parametrize("name", NAMES)
def test_small_errors_in_a_derivation_are_noticed(loaded, name, every):
    """All of them, or every fifth: thousands of errors take minutes."""
    found = list(mutants(loaded[name].steps))[::every]
    assert every * len(found) >= 5 * len(loaded[name].steps)
    unnoticed = [mutant.error for mutant in found if not mutant.is_caught()]
    assert [error for error in unnoticed if f"{name}, {error}" not in UNNOTICED] == []


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
def test_no_line_holds_by_construction(loaded, name):
    lines = [line for step in loaded[name].steps for line in step.expanded()]
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
