"""What every page of the documentation has."""

from __future__ import annotations

import re
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
