"""The whole register, settled from scratch, against what the README says. Run by ``make nightly``."""

from __future__ import annotations

from sgdvar.claims import own_claims, settle_claims
from tests.docs.status_table import shown, table


def test_the_readme_has_the_verdicts_of_the_whole_register():
    assert shown() == table(settle_claims(own_claims()))
