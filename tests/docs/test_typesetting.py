"""Every formula of the built documentation is typeset, in a real browser with the network cut.

Needs the pages (``make docs``) and Chromium; skipped without them.
"""

from __future__ import annotations

import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

HTML = Path(__file__).parents[2] / "docs" / "_build" / "html"
PAGES = sorted(page for page in HTML.rglob("*.html") if "_static" not in page.parts)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

needs_pages = pytest.mark.skipif(not PAGES, reason="the documentation is not built; run make docs")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: chromium)")


class Page(HTMLParser):
    """What a page holds: formulas, typeset formulas, errors in them, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.formulas = 0
        self.typeset = 0
        self.errors: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        values = dict(attrs)
        self.formulas += "math" in (values.get("class") or "").split()
        self.typeset += tag == "mjx-container"
        if "data-mjx-error" in values:
            self.errors.append(values["data-mjx-error"])
        self.loaded += [values["src"]] if values.get("src") else []
        if tag == "link" and values.get("rel") in ("stylesheet", "preload", "icon", "shortcut icon", "manifest"):
            self.loaded.append(values["href"])


def render(page: Path, profile: Path) -> Page:
    """The page as Chromium shows it once its scripts have run, with no host reachable."""
    assert CHROMIUM is not None
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--virtual-time-budget=60000",
        f"--user-data-dir={profile}",
        "--dump-dom",
        page.as_uri(),
    ]
    return Page(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout)


@needs_pages
def test_the_documentation_has_formulas():
    assert sum(Page(page.read_text(encoding="utf-8")).formulas for page in PAGES) > 100


@needs_pages
@needs_chromium
@pytest.mark.parametrize("page", PAGES, ids=[page.relative_to(HTML).as_posix() for page in PAGES])
def test_every_formula_is_typeset_without_error(page, tmp_path):
    written = Page(page.read_text(encoding="utf-8"))
    shown = render(page, tmp_path)
    assert shown.errors == []
    assert shown.typeset == written.formulas


@needs_chromium
@pytest.mark.skipif(not (HTML / "_static" / "tex-svg.js").is_file(), reason="the documentation is not built")
def test_a_misspelt_macro_is_an_error(tmp_path):
    source = (HTML / "notation.html").read_text(encoding="utf-8")
    spoilt = tmp_path / "spoilt.html"
    spoilt.write_text(
        source.replace("_static/", f"{(HTML / '_static').as_uri()}/").replace(r"\tfrac", r"\tfrak", 1), encoding="utf-8"
    )
    assert set(render(spoilt, tmp_path / "profile").errors) == {r"Undefined control sequence \tfrak"}


@needs_pages
@pytest.mark.parametrize("page", PAGES, ids=[page.relative_to(HTML).as_posix() for page in PAGES])
def test_a_page_loads_nothing_from_another_host(page):
    loaded = Page(page.read_text(encoding="utf-8")).loaded
    assert loaded
    assert [address for address in loaded if "//" in address] == []


@needs_pages
def test_style_sheets_load_nothing_from_another_host():
    sheets = [path.read_text(encoding="utf-8") for path in HTML.rglob("*.css")]
    assert sheets
    assert [sheet[:80] for sheet in sheets if "@import" in sheet or "url(http" in sheet or "url(//" in sheet] == []
