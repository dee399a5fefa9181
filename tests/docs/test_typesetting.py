"""Every formula of the built documentation is typeset, in a real browser with the network cut.

Needs the pages (``make docs``) and Chromium; skipped without them.
"""

from __future__ import annotations

import json
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


FRAMES = """<!doctype html>
<meta charset="utf-8">
<script>
addEventListener("load", () => {
  for (const address of %s) {
    const frame = document.createElement("iframe");
    frame.src = address;
    frame.onload = async () => {
      await frame.contentWindow.MathJax?.startup?.promise;
      const shown = frame.contentDocument;
      const errors = [...shown.querySelectorAll("[data-mjx-error]")].map((node) => node.dataset.mjxError);
      const line = document.createElement("pre");
      line.textContent = JSON.stringify({address, typeset: shown.querySelectorAll("mjx-container").length, errors});
      document.body.append(line);
      frame.remove();
    };
    document.body.append(frame);
  }
});
</script>
"""


class Page(HTMLParser):
    """What a page holds: formulas, what it loads, and the text of its <pre> elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.formulas = 0
        self.loaded: list[str] = []
        self.preformatted: list[str] = []
        self.is_preformatted = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        values = dict(attrs)
        self.formulas += "math" in (values.get("class") or "").split()
        self.loaded += [values["src"]] if values.get("src") else []
        if tag == "link" and values.get("rel") in ("stylesheet", "preload", "icon", "shortcut icon", "manifest"):
            self.loaded.append(values["href"])
        if tag == "pre":
            self.is_preformatted = True
            self.preformatted.append("")

    def handle_endtag(self, tag: str) -> None:
        self.is_preformatted &= tag != "pre"

    def handle_data(self, data: str) -> None:
        if self.is_preformatted:
            self.preformatted[-1] += data


def render(pages: list[Path], folder: Path) -> dict[str, dict[str, Any]]:
    """What Chromium shows of each page, by its address, once its scripts have run, with no host reachable."""
    assert CHROMIUM is not None
    frames = folder / "frames.html"
    frames.write_text(FRAMES % json.dumps([page.as_uri() for page in pages]), encoding="utf-8")
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-web-security",  # a file may look into a frame of another
        "--allow-file-access-from-files",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--virtual-time-budget=60000",
        f"--user-data-dir={folder / 'profile'}",
        "--dump-dom",
        frames.as_uri(),
    ]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
    return {line["address"]: line for line in map(json.loads, Page(output).preformatted)}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return render(PAGES, tmp_path_factory.mktemp("pages"))


@needs_pages
def test_the_documentation_has_formulas():
    assert sum(Page(page.read_text(encoding="utf-8")).formulas for page in PAGES) > 100


@needs_pages
@needs_chromium
@pytest.mark.parametrize("page", PAGES, ids=[page.relative_to(HTML).as_posix() for page in PAGES])
def test_every_formula_is_typeset_without_error(page, shown):
    found = shown[page.as_uri()]
    assert found["errors"] == []
    assert found["typeset"] == Page(page.read_text(encoding="utf-8")).formulas


@needs_chromium
@pytest.mark.skipif(not (HTML / "_static" / "tex-svg.js").is_file(), reason="the documentation is not built")
def test_a_misspelt_macro_is_an_error(tmp_path):
    source = (HTML / "notation.html").read_text(encoding="utf-8")
    spoilt = tmp_path / "spoilt.html"
    spoilt.write_text(
        source.replace("_static/", f"{(HTML / '_static').as_uri()}/").replace(r"\tfrac", r"\tfrak", 1), encoding="utf-8"
    )
    (found,) = render([spoilt], tmp_path).values()
    assert set(found["errors"]) == {r"Undefined control sequence \tfrak"}


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
