"""Where there is nothing to find nothing is found, whatever floats say; budgets, resumption and bad input."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction

import pytest

import sgdvar as sv
from sgdvar.search.theorems import theorem

ROUND = 128 * 200  # float values with derivatives
CLAIM = sv.SearchClaim(batch_sizes=[1])
HARD = sv.SearchClaim(batch_sizes=[1], target_ratio=10**9)  # refuted nowhere in one round with numbers up to 2
FAMILY = sv.FiniteFamily(examples=2, sampling=sv.WithReplacement())


@pytest.mark.parametrize("quantity", ["gradient-variance", "expected-loss"])
def test_nothing_is_found_for_linear_regression_and_the_theorem_says_why(quantity):
    claim = sv.SearchClaim(quantity=quantity)
    result = sv.search_counterexample(claim, sv.FiniteFamily(examples=3, widths=(2, 1)), evaluations=2 * ROUND)
    assert (result.verdict.status, result.process, result.values) == ("undecided", None, {})
    assert "there is none" in result.verdict.reason
    assert "proofs/linear_regression.py" in result.verdict.reason
    assert (result.record.rounds, result.record.evaluations) == (2, 2 * ROUND)
    assert result.record.best_ratio < 1 + 1e-9


def test_nothing_is_found_within_the_first_epoch_of_reshuffling():
    family = sv.FiniteFamily(examples=4, widths=(1, 1), sampling=sv.RandomReshuffling())
    result = sv.search_counterexample(sv.SearchClaim(batch_sizes=[(1, 2)]), family, evaluations=2 * ROUND)
    assert result.verdict.status == "undecided"
    assert "within the first epoch" in result.verdict.reason


def test_a_violation_that_lives_on_rounding_is_denied():
    """b Var(g_0) does not depend on b for independent draws; 49 times one 49th is below 1 in floats."""
    family = sv.FiniteFamily(examples=2, widths=(1, 1), sampling=sv.WithReplacement())
    claim = sv.SearchClaim("scaled decreasing", step=0, batch_sizes=[49])
    result = sv.search_counterexample(claim, family, evaluations=1)
    assert result.record.best_ratio > 1
    assert result.record.proposed == result.record.denied > 0
    assert result.verdict.status == "undecided"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seconds": 0}, "seconds must be above 0, got 0"),
        ({"seconds": -1.5}, "seconds must be above 0, got -1.5"),
        ({"seconds": float("nan")}, "seconds must be above 0, got nan"),
        ({"evaluations": 0}, "evaluations must be at least 1, got 0"),
        ({"largest": 0}, "largest must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
    ],
)
def test_a_budget_of_zero_and_other_numbers_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        sv.search_counterexample(CLAIM, FAMILY, **options)


def test_what_is_no_claim_and_no_family_is_refused():
    with pytest.raises(TypeError, match="claim must be a SearchClaim, got 'decreasing'"):
        sv.search_counterexample("decreasing", FAMILY)
    with pytest.raises(TypeError, match=r"family must be a FiniteFamily, .* got Dataset"):
        sv.search_counterexample(CLAIM, sv.Dataset([[1]], [1]))
    with pytest.raises(TypeError, match="seconds must be a number, got '60'"):
        sv.search_counterexample(CLAIM, FAMILY, seconds="60")
    with pytest.raises(TypeError, match="maximise must be True or False"):
        sv.search_counterexample(CLAIM, FAMILY, maximise=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "rising"}, "order must be one of decreasing, scaled decreasing, halving, convex, got 'rising'"),
        ({"quantity": "variance"}, "quantity must be one of gradient-variance, .* got 'variance'"),
        ({"step": -1}, "step must be at least 0"),
        ({"batch_sizes": []}, "batch_sizes must hold at least one"),
        ({"batch_sizes": [0]}, "batch_sizes must be at least 1, got 0"),
        ({"batch_sizes": [(2, 1)]}, r"pairs \(b, b'\) with b < b' for the order decreasing, got \(2, 1\)"),
        ({"order": "halving", "batch_sizes": [(1, 3)]}, r"must hold integers for the order halving, got \(1, 3\)"),
        ({"order": "convex", "batch_sizes": [1]}, "batch_sizes must be at least 2, got 1"),
        ({"target_ratio": -1}, "target_ratio must be a number, at least 0, got -1"),
    ],
)
def test_a_claim_that_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        sv.SearchClaim(**options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sv.FiniteFamily(examples=0), "examples must be at least 1"),
        (lambda: sv.FiniteFamily(examples=2, sampling=sv.IID()), "sampling must be"),
        (lambda: sv.PopulationFamily(atoms=0), "atoms must be at least 1"),
        (lambda: sv.GaussianFamily(widths=(2,)), "widths must hold at least the inputs and the outputs"),
        (lambda: sv.GaussianFamily(widths=(2, 0, 1)), "widths must be at least 1"),
    ],
)
def test_a_family_without_members_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_batch_sizes_that_the_family_does_not_have_are_refused_before_any_work():
    with pytest.raises(ValueError, match="1 <= b <= n without replacement, got 3 with n = 2"):
        sv.search_counterexample(sv.SearchClaim(batch_sizes=[2]), sv.FiniteFamily(examples=2))
    with pytest.raises(ValueError, match="must compare batch sizes that exist"):
        sv.search_counterexample(sv.SearchClaim(), sv.FiniteFamily(examples=1))


def test_too_many_sequences_of_batches_are_refused_before_any_work():
    with pytest.raises(sv.BudgetExceededError, match="lower the step, the batch sizes or the sizes"):
        sv.search_counterexample(sv.SearchClaim(step=5), sv.GaussianFamily(widths=(3, 3, 3)))


def test_the_same_seed_finds_the_same_and_another_seed_something_else():
    first, again, other = (sv.search_counterexample(CLAIM, FAMILY, seed=seed) for seed in (3, 3, 4))
    assert first.to_dict()["witness"] == again.to_dict()["witness"] != other.to_dict()["witness"]


def test_a_search_that_is_interrupted_ends_as_one_that_is_not(tmp_path):
    options = {"largest": 2, "evaluations": 3 * ROUND, "seed": 5}
    whole = sv.search_counterexample(HARD, FAMILY, **options)
    path = tmp_path / "search.json"

    def stop(record: sv.SearchRecord) -> None:
        if record.rounds == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sv.search_counterexample(HARD, FAMILY, **options, checkpoint=path, progress=stop)
    assert json.loads(path.read_text())["record"]["rounds"] == 2
    seen: list[int] = []
    resumed = sv.search_counterexample(
        HARD, FAMILY, **options, checkpoint=path, progress=lambda record: seen.append(record.rounds)
    )
    assert seen == [3]
    records = [dict(result.to_dict()["record"], seconds=0) for result in (whole, resumed)]
    assert records[0] == records[1]
    assert resumed.record.seconds > 0
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_checkpoint_has_found_is_not_searched_again(tmp_path):
    path = tmp_path / "search.json"
    first = sv.search_counterexample(CLAIM, FAMILY, checkpoint=path)
    again = sv.search_counterexample(CLAIM, FAMILY, checkpoint=path, progress=lambda record: pytest.fail("a round"))
    assert again.to_dict() == first.to_dict()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not JSON", "is no checkpoint of a search"),
        ("[]", "is no checkpoint of a search"),
        ('{"format": "sgdvar search 1", "search": null}', "belongs to another search"),
    ],
)
def test_a_file_of_another_kind_is_refused_and_left_as_it_is(tmp_path, content, message):
    path = tmp_path / "search.json"
    path.write_text(content)
    with pytest.raises(sv.CheckpointError, match=message):
        sv.search_counterexample(CLAIM, FAMILY, checkpoint=path)
    assert path.read_text() == content


def test_a_checkpoint_of_another_search_is_refused(tmp_path):
    path = tmp_path / "search.json"
    sv.search_counterexample(HARD, FAMILY, largest=2, evaluations=1, checkpoint=path)
    with pytest.raises(sv.CheckpointError, match="belongs to another search: it differs in seed"):
        sv.search_counterexample(HARD, FAMILY, largest=2, evaluations=1, checkpoint=path, seed=9)
    damaged = json.loads(path.read_text()) | {"record": {"rounds": 1, "unknown": 2}}
    path.write_text(json.dumps(damaged))
    with pytest.raises(sv.CheckpointError, match="is damaged"):
        sv.search_counterexample(HARD, FAMILY, largest=2, evaluations=1, checkpoint=path)
    with pytest.raises(sv.CheckpointError, match="must be a path that can be written"):
        sv.search_counterexample(HARD, FAMILY, checkpoint=tmp_path / "no" / "folder")


def test_a_result_is_plain_data():
    result = sv.search_counterexample(HARD, FAMILY, largest=2, evaluations=1)
    data = json.loads(json.dumps(result.to_dict()))
    assert data["verdict"]["status"] == "undecided"
    assert data["witness"] is None
    assert data["claim"]["target_ratio"] == "1000000000"
    assert Fraction(data["claim"]["target_ratio"]) == HARD.target_ratio
    assert "which proves nothing" in str(result)


def test_a_search_for_the_largest_ratio_goes_on_until_the_budget_is_spent():
    first = sv.search_counterexample(CLAIM, FAMILY)
    largest = sv.search_counterexample(CLAIM, FAMILY, evaluations=2 * ROUND, maximise=True)
    assert largest.record.rounds == 2
    assert largest.ratio > 10 * first.ratio
    values = [sv.enumerate_gradient_variance(largest.process, 1, b) for b in (1, 2)]
    assert values[1] > 10 * first.ratio * values[0]


def test_progress_is_a_line_on_standard_error(capsys):
    pytest.importorskip("rich")
    sv.search_counterexample(HARD, FAMILY, largest=2, evaluations=1, progress=True)
    assert capsys.readouterr().out == ""


def test_claims_and_families_are_made_without_jax():
    code = "import sys, sgdvar as sv; sv.SearchClaim(); sv.FiniteFamily(examples=2); assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "widths", [(1, 1, 1), *(pytest.param((1,) * k, marks=pytest.mark.nightly) for k in (4, 5))], ids=str
)
def test_what_a_certificate_proves_for_all_scalar_networks_is_said_and_searched_once(widths):
    result = sv.search_counterexample(sv.SearchClaim(), sv.GaussianFamily(widths=widths))
    assert result.verdict.status == "undecided"
    assert "sgdvar.certify_scalar_networks has the certificate" in result.verdict.reason
    assert result.record.rounds == 1


@pytest.mark.parametrize(
    ("claim", "family"),
    [
        (sv.SearchClaim(), sv.GaussianFamily(widths=(1,) * 6)),
        (sv.SearchClaim(step=2), sv.GaussianFamily(widths=(1, 1, 1))),
        (sv.SearchClaim(), sv.GaussianFamily(widths=(1, 1, 1), label_noise=True)),
        (sv.SearchClaim("halving"), sv.GaussianFamily(widths=(1, 1, 1))),
    ],
)
def test_no_theorem_is_cited_where_there_is_none(claim, family):
    assert theorem(claim, family) is None
