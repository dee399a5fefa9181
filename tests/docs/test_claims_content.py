"""What the register of the library's own claims holds: each claim once, with the verdict that it has."""

from __future__ import annotations

import ast
import re
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest

import sgdvar as sv
from sgdvar.claims import CheckedSteps, Counterexample, Proof, Searched, load_claims, own_claims, settle_claims
from sgdvar.derivation import load_derivation
from tests.docs.status_table import SHOWN, shown

PROOFS = Path(__file__).parents[2] / "proofs"

EXPECTED = {
    "batch_mean": {
        "first-gradient-variance-proportional": "proved",
    },
    "convex_order": {
        "linear-regression-convex-order": "proved",
        "linear-regression-gradient-norm-decreases": "proved",
        "linear-regression-means-do-not-depend-on-batch-size": "proved",
    },
    "deep_linear": {
        "deep-linear-gradient-variance-decreases-eventually": "proved",
        "deep-linear-gradient-variance-polynomial": "proved",
    },
    "deep_linear_counterexamples": {
        "deep-linear-gradient-variance-decreases-finite-data": "refuted",
        "deep-linear-gradient-variance-decreases-from-common-size": "refuted",
        "deep-linear-gradient-variance-decreases-normal-inputs": "refuted",
        "deep-linear-gradient-variance-decreases-normal-inputs-large-batches": "undecided",
        "deep-linear-gradient-variance-decreases-normal-inputs-stable-step-sizes": "undecided",
        "deep-linear-gradient-variance-ratio-bounded": "refuted",
    },
    "deep_linear_scalar": {
        "deep-linear-gradient-variance-degree-attained": "proved",
        "scalar-networks-gradient-variance-decreases": "proved",
        "scalar-networks-gradient-variance-decreases-five-layers": "undecided",
        "scalar-networks-gradient-variance-decreases-label-noise": "undecided",
        "scalar-networks-gradient-variance-decreases-second-step": "undecided",
    },
    "linear_regression": {
        "linear-regression-full-gradient-variance-decreases": "proved",
        "linear-regression-gradient-second-moment-decreases": "proved",
        "linear-regression-gradient-variance-decreases": "proved",
        "linear-regression-gradient-variance-halves": "proved",
        "linear-regression-gradient-variance-polynomial": "proved",
        "linear-regression-gradient-variance-strictly-decreases": "proved",
        "linear-regression-larger-batch-lower-loss-equal-steps": "proved",
        "linear-regression-smaller-batch-lower-loss-equal-steps": "refuted",
        "linear-regression-weight-covariance-decreases": "proved",
        "linear-regression-without-replacement-never-more-variance": "proved",
    },
    "noise_scale": {
        "noise-scale-estimators-unbiased-independent-draws": "proved",
        "noise-scale-estimators-unbiased-without-replacement": "refuted",
        "noise-scale-ratio-unbiased": "refuted",
    },
    "other_comparisons": {
        "deep-linear-larger-batch-lower-loss-equal-steps": "refuted",
        "deep-linear-smaller-batch-lower-loss-equal-steps": "refuted",
        "linear-regression-gradient-variance-decreases-equal-examples": "refuted",
        "linear-regression-gradient-variance-decreases-step-size-proportional": "refuted",
        "linear-regression-gradient-variance-proportional": "refuted",
        "linear-regression-larger-batch-lower-loss-equal-examples": "refuted",
        "linear-regression-smaller-batch-lower-loss-equal-examples": "refuted",
        "smallest-batch-optimal-computation": "not examined",
    },
    "reshuffling": {
        "reshuffling-across-epochs-gradient-variance-decreases": "refuted",
        "reshuffling-equal-epochs-gradient-variance-decreases": "refuted",
        "reshuffling-first-epoch-gradient-variance-decreases": "proved",
        "reshuffling-never-more-loss-than-replacement": "refuted",
        "reshuffling-never-more-variance-than-replacement": "refuted",
    },
    "third_cumulants": {
        "third-cumulant-decreases-independent-draws": "proved",
        "third-cumulant-decreases-without-replacement": "refuted",
        "third-cumulant-size-decreases-without-replacement": "refuted",
    },
}

STATUS = {name: status for names in EXPECTED.values() for name, status in names.items()}
SEARCHED = {name for name, status in STATUS.items() if status == "undecided"}  # slow: settled by one search each


@pytest.fixture(scope="module")
def claims():
    return {claim.name: claim for claim in own_claims()}


@pytest.fixture(scope="module")
def register(claims):
    return settle_claims([claim for claim in claims.values() if claim.name not in SEARCHED])


def counterexamples(register):
    found = [(entry.claim.name, item) for entry in register.entries for item in entry.finding.evidence]
    return [(name, item) for name, item in found if isinstance(item, Counterexample)]


@pytest.mark.parametrize("file", sorted(EXPECTED))
def test_a_file_holds_the_claims_that_it_settles(file):
    assert sorted(claim.name for claim in load_claims(PROOFS / f"{file}.py")) == sorted(EXPECTED[file])


def test_every_claim_is_in_the_register_once():
    assert Counter(claim.name for claim in own_claims()) == Counter(list(STATUS))


def test_every_claim_has_the_verdict_that_it_is_known_to_have(register):
    assert {entry.claim.name: entry.finding.status for entry in register.entries} == {
        name: status for name, status in STATUS.items() if name not in SEARCHED
    }


def test_the_table_of_the_readme_has_the_verdicts_that_are_found(register):
    rows = [line for line in shown().splitlines() if line.startswith("| ")][1:]
    words = {name: row.split(" | ")[-1].removesuffix(" |") for name, row in zip(SHOWN, rows, strict=True)}
    found = {entry.claim.name: entry.finding.words for entry in register.entries}
    assert len(words.keys() & found.keys()) > 10
    assert {name: found[name] for name in words.keys() & found.keys()} == {
        name: words[name] for name in words.keys() & found.keys()
    }


def test_an_open_claim_is_undecided_and_says_what_was_searched(claims):
    finding = claims["scalar-networks-gradient-variance-decreases-second-step"].settle()
    assert finding.words == "UNDECIDED (searched)"
    (search,) = finding.evidence
    assert isinstance(search, Searched)
    assert search.record["record"]["evaluations"] > 10_000
    assert search.record["claim"]["step"] == 2


def test_what_is_proved_rests_on_checked_steps_or_on_a_certificate(register):
    for entry in register.entries:
        if entry.finding.status == "proved":
            assert any(isinstance(item, CheckedSteps | Proof) for item in entry.finding.evidence), entry.claim.name


def test_the_steps_that_evidence_names_are_those_of_a_file_of_proofs(register):
    for entry in register.entries:
        for item in entry.finding.evidence:
            if isinstance(item, CheckedSteps):
                text = (PROOFS.parent / item.file).read_text(encoding="utf-8")
                assert item.grades == load_derivation(PROOFS.parent / item.file).grades
                assert f'"{entry.claim.name}"' in text


def test_what_is_refuted_has_a_counterexample(register):
    refuted = {entry.claim.name for entry in register.entries if entry.finding.status == "refuted"}
    assert refuted == {name for name, _ in counterexamples(register)}


def test_counterexamples_are_made_of_numbers_up_to_one_hundred(register):
    for name, item in counterexamples(register):
        numbers = [node.value for node in ast.walk(ast.parse(item.code)) if isinstance(node, ast.Constant)]
        assert numbers, name
        assert all(isinstance(number, int) and abs(number) <= 100 for number in numbers), (name, item.code)


def rebuilt(item):
    names = {}
    exec(f"import sgdvar as sv\nfrom fractions import Fraction\nsgd = {item.code}", names)
    return names["sgd"]


def test_the_code_of_a_counterexample_rebuilds_it(register):
    processes = [(rebuilt(item), item) for _, item in counterexamples(register) if item.code.startswith("sv.")]
    assert len(processes) > 10
    assert all(sgd.as_code() == item.code for sgd, item in processes)


BY_HAND = {
    # one example of two: w_1 = 1/2 or -1/2, loss (1 + 1/4)/2; both: w_1 = 0, loss 1/2
    "linear-regression-smaller-batch-lower-loss-equal-steps": [
        "expected loss at step 1 is 5/8 at b = 1 and 1/2 at b = 2"
    ],
    # gradients 0 and 2: squares 0 and 4 at b = 1, always 1 at b = 2
    "noise-scale-estimators-unbiased-without-replacement": [
        "expected estimates are 0 of |G|^2 = 1 and 2 of tr Sigma = 1"
    ],
    # means 0 and 3, then 0 and 3/2 (twice), then 1; all minus 1, cubed
    "third-cumulant-decreases-without-replacement": [
        "third cumulant of the batch mean is 2 at b = 1, -1/4 at b = 2 and 0 at b = 3"
    ],
    # means 0 (half of the pairs) and 2; then 4/3 (three times) and 0; all minus 1, cubed
    "third-cumulant-size-decreases-without-replacement": [
        "third cumulant of the batch mean is 0 at b = 2 and -2/9 at b = 3"
    ],
    # w_1 = 1 or -1, the other target is -w_1: g_1 = 2 or -2; fresh: 0 half of the time
    "reshuffling-never-more-variance-than-replacement": [
        "gradient variance at step 1 and b = 1 is 4, and 2 with sampling=sv.WithReplacement()"
    ],
    # w_4 = 1/4 whatever the order, and g = x^2/4 with x^2 = 1 or 4
    "reshuffling-equal-epochs-gradient-variance-decreases": [
        "gradient variance is 9/64 at b = 1, step 4 and 129/256 at b = 2, step 2"
    ],
    # Var = (1 + alpha^2)/b for the targets 1 and -1, from 0
    "linear-regression-gradient-variance-decreases-step-size-proportional": [
        "gradient variance at step 1 is 1 at b = 2 and 2/3 at b = 3",
        "gradient variance at step 1 is 13/8 at b = 2 and 13/12 at b = 3",
    ],
}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_counterexample_has_the_values_that_are_found_by_hand(name, register):
    assert [item.values for claim, item in counterexamples(register) if claim == name] == BY_HAND[name]


def test_the_variance_rises_by_more_than_a_fifth_on_normal_inputs(register):
    (item,) = (item for name, item in counterexamples(register) if name.endswith("decreases-normal-inputs"))
    small, large = map(
        int, re.fullmatch(r"gradient variance at step 1 is (\d+) at b = 1 and (\d+) at b = 2", item.values).groups()
    )
    k = 8  # the two values at alpha = 1, from the derivation
    assert small == 4 * k**2 * (51 + 2319 * k**2)
    assert 2 * large == k**2 * (132 + 2182 * k**2 + 397 * k**4)
    assert 5 * large > 6 * small


def test_the_step_size_of_the_large_rise_is_stable_for_the_mean_loss(register):
    (item,) = (item for name, item in counterexamples(register) if name.endswith("ratio-bounded"))
    sgd = rebuilt(item)
    mean_square = sgd.problem.data.probabilities @ sgd.problem.data.X[:, 0] ** 2
    (first,), (second,) = (layer.flat for layer in sgd.layers)
    assert not sgd.problem.data.y.any()
    # the Hessian of mean_square (w_1 w_2)^2 / 2 is 0 at the balanced minimum 0; its larger eigenvalue is below r
    # where r is above both diagonal entries and the determinant of r - Hessian is positive
    r = 2 / sgd.step_size
    diagonal, other = (mean_square * second**2, mean_square * first**2), 2 * mean_square * first * second
    assert r > max(diagonal)
    assert (r - diagonal[0]) * (r - diagonal[1]) > other**2
    V = sv.gradient_variance(sgd, 1)
    assert 100 * V(1) < V(2)


REGRESSION = sv.SGD(
    sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1], [2, 1]], [1, 0, 2, 1])), [0, 0], Fraction(1, 4)
)
TWO_LAYERS = sv.SGD(sv.DeepLinearNetwork(sv.Dataset([[1], [2]], [0, 0])), [2, 1], Fraction(1, 4), sv.WithReplacement())
NORMAL = sv.SGD(sv.DeepLinearNetwork(sv.GaussianPopulation(teacher=[1])), [1, 2], Fraction(1, 8))


def test_claims_about_linear_regression_are_proved_for_one_process_and_refuse_a_network(claims):
    decided = [c for c in claims.values() if c.name.startswith("linear-regression-") and c.on is not None]
    assert len(decided) == 6
    for claim in decided:
        verdict = claim.verdict_on(REGRESSION, 2)
        assert verdict.status == "proved", claim.name
        assert sv.check_certificate(verdict.certificate)
        with pytest.raises(ValueError, match="got a DeepLinearNetwork"):
            claim.verdict_on(TWO_LAYERS, 1)


def test_claims_about_networks_are_decided_for_one_process_and_refuse_regression(claims):
    found = {
        name: claims[name].verdict_on(sgd, 1).status
        for name, sgd in (
            ("deep-linear-gradient-variance-decreases-finite-data", TWO_LAYERS),
            ("deep-linear-gradient-variance-decreases-normal-inputs", NORMAL),
            ("deep-linear-gradient-variance-decreases-eventually", TWO_LAYERS),
            ("deep-linear-larger-batch-lower-loss-equal-steps", TWO_LAYERS),
            ("scalar-networks-gradient-variance-decreases", NORMAL),
        )
    }
    assert list(found.values()) == ["refuted", "proved", "proved", "refuted", "proved"]
    for name in found:
        with pytest.raises(ValueError, match="got a LinearRegression"):
            claims[name].verdict_on(REGRESSION, 1)


def test_from_some_size_on_the_variance_of_the_counterexample_decreases(claims):
    verdict = claims["deep-linear-gradient-variance-decreases-eventually"].verdict_on(TWO_LAYERS, 1)
    b = verdict.from_batch_size
    V = [sv.enumerate_gradient_variance(TWO_LAYERS, 1, size) for size in range(1, b + 4)]
    assert b > 1
    assert V[b - 2] < V[b - 1] > V[b] > V[b + 1] > V[b + 2]


@pytest.mark.parametrize(
    ("name", "sgd", "step", "message"),
    [
        ("deep-linear-gradient-variance-decreases-eventually", sv.SGD(TWO_LAYERS.problem, [2, 1], 1), 1, "without"),
        ("deep-linear-gradient-variance-decreases-finite-data", NORMAL, 1, "got GaussianPopulation"),
        ("deep-linear-gradient-variance-decreases-normal-inputs", TWO_LAYERS, 1, "got Dataset"),
        ("scalar-networks-gradient-variance-decreases", TWO_LAYERS, 1, "got Dataset"),
        ("scalar-networks-gradient-variance-decreases", NORMAL, 2, "step must be 1"),
        ("scalar-networks-gradient-variance-decreases", sv.SGD(NORMAL.problem, [1] * 5, 1), 1, "got 5 layers"),
    ],
)
def test_a_process_that_violates_an_assumption_is_refused_with_what_it_violates(claims, name, sgd, step, message):
    with pytest.raises(ValueError, match=message):
        claims[name].verdict_on(sgd, step)
