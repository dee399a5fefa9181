"""Long searches for what the register leaves open. Run by ``make nightly``, not with the other tests.

SGDVAR_NIGHTLY_SECONDS is the time of each search, 300 by default. A counterexample is a discovery: the test fails and
prints it.
"""

from __future__ import annotations

import os

import pytest

import sgdvar as sv
from sgdvar.claims import own_claims

SECONDS = float(os.environ.get("SGDVAR_NIGHTLY_SECONDS", "300"))
SEEDS = (1, 2, 3)
NORMAL, SCALAR = "deep-linear-gradient-variance-decreases-normal-inputs", "scalar-networks-gradient-variance-decreases"
OPEN = {
    f"{NORMAL}-large-batches": (sv.SearchClaim(batch_sizes=range(2, 5)), sv.GaussianFamily(widths=(2, 2, 2))),
    f"{NORMAL}-stable-step-sizes": (sv.SearchClaim(), sv.GaussianFamily(widths=(2, 2, 2), stable=True)),
    f"{SCALAR}-five-layers": (sv.SearchClaim(), sv.GaussianFamily(widths=(1,) * 6)),
    f"{SCALAR}-label-noise": (sv.SearchClaim(), sv.GaussianFamily(label_noise=True)),
    f"{SCALAR}-second-step": (sv.SearchClaim(step=2), sv.GaussianFamily()),
}
KNOWN = {
    "three examples": (sv.SearchClaim(batch_sizes=[1]), sv.FiniteFamily(examples=3)),
    "a large rise": (sv.SearchClaim(batch_sizes=[1], target_ratio=100), sv.PopulationFamily(atoms=2, stable=True)),
    "normal inputs": (sv.SearchClaim(batch_sizes=[1]), sv.GaussianFamily(widths=(2, 2, 2))),
    "shuffled epochs": (
        sv.SearchClaim(step=2, batch_sizes=[(1, 2)]),
        sv.FiniteFamily(examples=4, widths=(1, 1), sampling=sv.RandomReshuffling()),
    ),
}


@pytest.fixture(scope="module")
def claims():
    return {claim.name: claim for claim in own_claims()}


@pytest.mark.parametrize("name", OPEN)
def test_what_is_searched_here_is_what_the_register_leaves_open(name, claims):
    finding = claims[name].settle()
    assert finding.status == "undecided"
    (search,) = finding.evidence
    assert search.says.startswith(f"{OPEN[name][0]}; {OPEN[name][1]}:")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", OPEN)
def test_an_open_claim_is_still_open(name, seed):
    result = sv.search_counterexample(*OPEN[name], seed=seed, seconds=SECONDS)
    assert result.verdict.status == "undecided", f"{name} is refuted:\n{result}"


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", KNOWN)
def test_what_is_known_to_fail_is_found_from_every_seed(name, seed):
    result = sv.search_counterexample(*KNOWN[name], seed=seed, seconds=SECONDS)
    assert result.verdict.status == "refuted", name
