"""The page on the formal proof names each theorem, and the proof has no gap that a look at its text would show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORMAL = ROOT / "proofs" / "formal"
SOURCES = sorted(FORMAL.rglob("*.v"))
STATEMENTS = (FORMAL / "Theorems.v").read_text(encoding="utf-8")


def without_comments(text: str) -> str:
    return re.sub(r"\(\*.*?\*\)", "", text, flags=re.DOTALL)


def test_the_page_says_each_theorem_in_words():
    page = (ROOT / "docs" / "formal.md").read_text(encoding="utf-8")
    names = [line.split("|")[2] for line in page.splitlines() if line.startswith("| ")]
    assert sorted(re.findall(r"`(\w+)`", " ".join(names))) == sorted(re.findall(r"^Theorem (\w+)", STATEMENTS, re.M))


def test_statements_are_proved_in_other_files():
    proofs = re.findall(r"^Proof\. (.*) Qed\.$", STATEMENTS, re.M)
    assert len(proofs) == len(re.findall(r"^Theorem ", STATEMENTS, re.M))
    assert all("exact" in proof or "apply" in proof for proof in proofs)


def test_every_file_is_compiled():
    listed = re.findall(r"^\S+\.v$", (FORMAL / "_CoqProject").read_text(encoding="utf-8"), re.M)
    assert sorted(listed) == sorted(path.relative_to(FORMAL).as_posix() for path in SOURCES)


@pytest.mark.parametrize("source", SOURCES, ids=[source.stem for source in SOURCES])
def test_no_goal_is_left_open_and_nothing_is_assumed(source):
    text = without_comments(source.read_text(encoding="utf-8"))
    assert not re.search(r"\b(Admitted|admit|Abort|Axioms?|Conjecture|Parameters?|give_up)\b", text)
    if depth := re.search(r"^(Hypothes[ie]s|Variables?)\b", text, re.M):
        assert re.search(r"^Section ", text[: depth.start()], re.M)


def test_the_definitions_stay_short():
    assert len((FORMAL / "Definitions.v").read_text(encoding="utf-8").splitlines()) <= 110
