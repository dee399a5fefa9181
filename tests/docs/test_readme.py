"""The README's example prints what the README says, and its commands exist."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from sgdvar.cli import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The README's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_ten_lines_are_ten():
    code, *_ = blocks("python")
    assert len([line for line in code.splitlines() if line]) == 10


def test_the_examples_print_what_the_readme_says():
    names: dict[str, object] = {}  # the second example goes on where the first one ends
    for code, printed in zip(blocks("python"), blocks("text"), strict=True):
        shown = StringIO()
        with redirect_stdout(shown):
            exec(compile(code, "README.md", "exec"), names)
        assert shown.getvalue() == printed


def test_the_front_page_of_the_documentation_shows_the_same_ten_lines():
    code, *_ = blocks("python")
    assert f"```{{code-cell}} python\n{code}```" in (ROOT / "docs" / "index.md").read_text(encoding="utf-8")


def test_the_commands_are_targets_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"\bmake (\w+)", README))
    assert {"verify", "test", "docs"} <= targets
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_the_commands_are_those_of_the_command_line():
    shown = StringIO()
    with redirect_stdout(shown):
        assert main(["--help"]) == 0
    commands = set(re.findall(r"^ {4}(\w+) ", shown.getvalue(), re.MULTILINE))
    assert set(re.findall(r"`sgdvar (\w+)", README)) == commands


def test_the_files_that_the_readme_links_to_exist():
    links = re.findall(r"\]\((?!http)([^)\s]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
