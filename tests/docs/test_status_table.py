"""The README's table of claims has the verdicts that the register finds.

Open claims take a long search each: the whole table is compared by ``make nightly``.
"""

from __future__ import annotations

import re

import pytest

from sgdvar.claims import own_claims, settle_claims
from tests.docs.status_table import SHOWN, shown

OPEN = ("UNDECIDED", "NOT EXAMINED")


@pytest.fixture(scope="module")
def claims():
    return {claim.name: claim for claim in own_claims()}


def verdicts() -> dict[str, str]:
    """The verdict of each claim in the README's table."""
    rows = [line for line in shown().splitlines() if line.startswith("| ")][1:]
    return {name: row.split(" | ")[-1].removesuffix(" |") for name, row in zip(SHOWN, rows, strict=True)}


def test_the_table_has_the_verdicts_of_the_register(claims):
    settled = settle_claims([claims[name] for name, words in verdicts().items() if not words.startswith(OPEN)])
    assert len(settled.entries) > 10
    assert {entry.claim.name: entry.finding.words for entry in settled.entries} == {
        name: words for name, words in verdicts().items() if not words.startswith(OPEN)
    }


def test_the_table_has_the_statements_of_the_register(claims):
    assert [re.sub(r"\\(.)", r"\1", line.split(" | ")[0]) for line in shown().splitlines()[2 : 2 + len(SHOWN)]] == [
        f"| {claims[name].statement}" for name in SHOWN
    ]


def test_the_readme_counts_all_claims(claims):
    total, *counts = map(int, re.findall(r"\d+", shown().splitlines()[-1]))
    assert total == sum(counts) == len(claims)
