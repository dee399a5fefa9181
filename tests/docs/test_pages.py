"""What every page of the documentation has, and that the derivations it shows are true."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

import sgdvar

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    path
    for path in DOCS.rglob("*")
    if path.suffix in (".md", ".rst") and not path.relative_to(DOCS).parts[0].startswith("_")
)
PROOFS = sorted((ROOT / "proofs").glob("*.py"))
LAST = "What this does not show"


def headings(page: Path) -> list[str]:
    """The headings of a page in order, without those in code."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".rst":
        return re.findall(r"^(.+)\n[=-]{3,}$", text, re.MULTILINE)
    return re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_page_ends_with_what_it_does_not_show(page):
    assert headings(page)[-1] == LAST


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_title_has_no_formula(page):
    assert not re.search(r"[$`\\]", headings(page)[0])


def test_every_public_name_is_in_the_api_reference():
    text = (ROOT / "docs" / "api.rst").read_text(encoding="utf-8")
    documented = re.findall(r"^\.\. auto(?:class|data|exception|function):: (\w+)$", text, re.MULTILINE)
    assert sorted(documented) == sorted(set(sgdvar.__all__) - {"__version__"})


@pytest.mark.parametrize("proof", PROOFS, ids=[proof.stem for proof in PROOFS])
def test_every_step_of_a_derivation_is_true(proof):
    steps = runpy.run_path(str(proof))["steps"]()
    assert len(steps) >= 5
    assert all(statement and reason and how for statement, reason, how in steps)


@pytest.mark.parametrize("proof", PROOFS, ids=[proof.stem for proof in PROOFS])
def test_a_false_identity_is_noticed(proof):
    identity = runpy.run_path(str(proof))["identity"]
    with pytest.raises(AssertionError, match="is false"):
        identity(1, 2)


@pytest.mark.parametrize("proof", PROOFS, ids=[proof.stem for proof in PROOFS])
def test_every_step_of_a_derivation_is_listed(proof):
    names = runpy.run_path(str(proof))
    defined = re.findall(r"^def (\w+)\(\) -> Step:$", proof.read_text(encoding="utf-8"), re.MULTILINE)
    assert defined
    assert set(defined) <= set(names["steps"].__code__.co_names)
