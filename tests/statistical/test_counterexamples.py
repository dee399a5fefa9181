"""The counterexamples of the register, and one that a search finds, simulated: they are no matter of algebra."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

import sgdvar as sv
from sgdvar.claims import Counterexample, load_claims
from sgdvar.derivation import proofs_folder

NAMES = [
    "deep-linear-gradient-variance-decreases-finite-data",
    "deep-linear-gradient-variance-decreases-normal-inputs",
    "deep-linear-gradient-variance-decreases-from-common-size",
    "deep-linear-gradient-variance-ratio-bounded",
]
REPLICATES = 200_000


@pytest.fixture(scope="module")
def claims():
    return {claim.name: claim for claim in load_claims(proofs_folder() / "deep_linear_counterexamples.py")}


def simulated(sgd: sv.SGD, step: int, values: dict[int, Fraction], judge) -> None:
    estimate = sv.estimate_gradient_variance(sgd, step, list(values), replicates=REPLICATES, conditional=False, seed=20)
    judge.agree(estimate.value, [float(value) for value in values.values()], estimate.standard_error)
    known = [k for k, value in enumerate(values.values()) if value > 0]
    wrong = [1.5 * float(list(values.values())[k]) for k in known]
    judge.disagree(estimate.value[known], wrong, estimate.standard_error[known])


@pytest.mark.parametrize("name", NAMES)
def test_a_counterexample_of_the_register_is_what_simulation_finds(name, claims, judge):
    items = [item for item in claims[name].settle().evidence if isinstance(item, Counterexample)]
    assert items
    for item in items:
        assert item.values.startswith("gradient variance at step 1 is ")
        values = {int(b): Fraction(value) for value, b in re.findall(r"(\S+) at b = (\d+)", item.values)}
        assert len(values) == 2
        simulated(eval(item.code, {"sv": sv, "Fraction": Fraction}), 1, values, judge)


@pytest.mark.nightly
def test_what_a_search_finds_is_what_simulation_finds(judge):
    claim, family = sv.SearchClaim(batch_sizes=[1]), sv.FiniteFamily(examples=3)
    result = sv.search_counterexample(claim, family, seed=1)
    assert result.values[2] > result.values[1]
    simulated(result.process, 1, dict(result.values), judge)
