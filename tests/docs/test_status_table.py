"""The README's table of claims has their statements; its verdicts are compared where the register is settled."""

from __future__ import annotations

import re

import pytest

from sgdvar.claims import own_claims
from tests.docs.status_table import SHOWN, shown


@pytest.fixture(scope="module")
def claims():
    return {claim.name: claim for claim in own_claims()}


def test_the_table_has_the_statements_of_the_register(claims):
    assert [re.sub(r"\\(.)", r"\1", line.split(" | ")[0]) for line in shown().splitlines()[2 : 2 + len(SHOWN)]] == [
        f"| {claims[name].statement}" for name in SHOWN
    ]


def test_the_readme_counts_all_claims(claims):
    total, *counts = map(int, re.findall(r"\d+", shown().splitlines()[-1]))
    assert total == sum(counts) == len(claims)
