"""Claims: what a verdict in the register needs, what is refused, and how the register is written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from fractions import Fraction

import pytest
import sympy as sp

import sgdvar as sv
from sgdvar.certificates import certificate_from_dict
from sgdvar.claims import (
    CheckedSteps,
    Claim,
    Counterexample,
    Finding,
    KernelProof,
    Proof,
    Searched,
    load_claims,
    not_examined,
    own_claims,
    proved,
    refuted,
    settle_claims,
    undecided,
)
from sgdvar.derivation import Derivation, FalseStepError, Grade, Identity, Line, Notation, Step

REGRESSION = sv.SGD(sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2])), [0, 0], Fraction(1, 2))
NETWORK = sv.SGD(sv.DeepLinearNetwork(sv.Dataset([[1], [2]], [0, 1])), [1, 1], Fraction(1, 4))
GAUSSIAN = sv.SGD(sv.LinearRegression(sv.GaussianPopulation([1])), [0], Fraction(1, 2))
STEPS = CheckedSteps("proofs/some.py", {Grade.IDENTITY: 2, Grade.ENUMERATION: 1})


def claim(name="some-claim", settle=None, **rest):
    return Claim(name, "a statement", "no assumptions", "folklore", settle, **rest)


def proof():
    V = sv.gradient_variance(REGRESSION, 1)
    return Proof("Var(g_1)", sv.certify_decreasing(V).certificate)


# --- findings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["proved", "refuted"])
@pytest.mark.parametrize("evidence", [(), (Searched("nothing found", {}),)])
def test_a_verdict_without_the_evidence_that_it_needs_is_refused(status, evidence):
    with pytest.raises(ValueError, match=f"a {status} claim must have .* among its evidence"):
        Finding(status, "because", evidence)


def test_a_counterexample_proves_nothing():
    with pytest.raises(ValueError, match="proved claim must have CheckedSteps or Proof or KernelProof"):
        proved("because", Counterexample("code", "values"))


def test_the_words_of_a_verdict_follow_from_its_evidence():
    assert proved("because", STEPS, proof()).words == "PROVED (derivation, parts by cases; certificate)"
    assert (
        proved("because", KernelProof("formal/Theorems.v", "main", "finite data"), STEPS).words
        == "PROVED (kernel; derivation, parts by cases)"
    )
    assert refuted("because", Counterexample("code", "values")).words == "REFUTED (counterexample)"
    assert undecided("because").words == "UNDECIDED"
    assert undecided("because", Searched("nothing found", {})).words == "UNDECIDED (searched)"
    assert not_examined("because").words == "NOT EXAMINED"


@pytest.mark.parametrize(("status", "reason", "says"), [("true", "because", "status"), ("undecided", " ", "reason")])
def test_other_words_and_empty_reasons_are_refused(status, reason, says):
    with pytest.raises(ValueError, match=says):
        Finding(status, reason)


# --- evidence -------------------------------------------------------------------------------------------------------


def test_an_altered_certificate_is_no_evidence():
    known = sv.certify_decreasing(sv.gradient_variance(REGRESSION, 1)).certificate.to_dict()
    altered = {**known, "from_batch_size": 2}
    with pytest.raises(sv.CertificateError):
        Proof("Var(g_1)", certificate_from_dict(altered))


def test_a_certificate_from_some_batch_size_on_is_no_proof_for_all_of_them():
    V = sv.BatchPolynomial(sv.BatchDesign(sv.WithReplacement(), 10), (0, 4, -3))  # rises from b = 1 to 2
    certificate = sv.certify_decreasing(V).certificate
    with pytest.raises(ValueError, match=r"certificate must hold from b = 1 on, got one that says: .* b >= 2"):
        Proof("V", certificate)
    assert "b >= 2" in str(Proof("V", certificate, from_batch_size=2))
    with pytest.raises(TypeError, match="must be a Certificate, got NoneType"):
        Proof("V", None)


def test_a_counterexample_that_violates_nothing_is_refused():
    with pytest.raises(
        ValueError, match="batch_sizes must show values that rise, got 65/18 at b = 1 and 37/48 at b = 2"
    ):
        Counterexample.of(REGRESSION, "gradient-variance", 1, [1, 2], violates="decreasing")


def test_what_a_search_found_and_what_it_went_through_are_evidence():
    claim, family = sv.SearchClaim(batch_sizes=[1]), sv.FiniteFamily(examples=2, sampling=sv.WithReplacement())
    result = sv.search_counterexample(claim, family, seed=0)
    found = Counterexample.found(result)
    assert found.code == result.process.as_code()
    assert all(f"{value} at b = {b}" in found.values for b, value in result.values.items())
    assert Searched.of(result).to_dict()["record"] == result.to_dict()
    nothing = sv.search_counterexample(claim, sv.FiniteFamily(examples=2, widths=(1, 1)), evaluations=1)
    with pytest.raises(ValueError, match="got a search that found none"):
        Counterexample.found(nothing)


def test_the_values_of_a_counterexample_are_those_of_both_routes():
    found = Counterexample.of(NETWORK, "gradient-variance", 1, [1, 2])
    values = [sv.enumerate_gradient_variance(NETWORK, 1, b) for b in (1, 2)]
    assert found.values == f"gradient variance at step 1 is {values[0]} at b = 1 and {values[1]} at b = 2"
    rebuilt = eval(found.code, {"sv": sv, "Fraction": Fraction})
    assert sv.enumerate_gradient_variance(rebuilt, 1, 1) == values[0]


def test_routes_that_disagree_are_noticed(monkeypatch):
    from sgdvar.claims import evidence

    known = evidence.QUANTITIES["gradient-variance"]
    wrong = known._replace(enumerated=lambda *arguments: known.enumerated(*arguments) + Fraction(1, 1000))
    monkeypatch.setattr(evidence, "QUANTITIES", {"gradient-variance": wrong})
    with pytest.raises(AssertionError, match="several values"):
        Counterexample.of(NETWORK, "gradient-variance", 1, [1, 2])


def test_reshuffling_is_enumerated_and_a_gaussian_population_is_left_to_the_engine():
    problem = sv.LinearRegression(sv.Dataset([[1], [1]], [1, -1]))
    sgd = sv.SGD(problem, start=[0], step_size=1, sampling=sv.RandomReshuffling())
    assert Counterexample.of(sgd, "gradient-variance", 1, [1, 2]).values.endswith("is 4 at b = 1 and 0 at b = 2")
    assert Counterexample.of(GAUSSIAN, "gradient-variance", 0, [1, 2]).values.endswith("is 2 at b = 1 and 1 at b = 2")


@pytest.mark.parametrize(
    ("sgd", "quantity", "says"),
    [
        (REGRESSION, "variance", "quantity must be one of 'gradient-variance'"),
        (sv.SGD(sv.LinearRegression(sv.Dataset([[1.0]], [0.5])), [0.0], 0.1), "gradient-variance", "must be exact"),
    ],
)
def test_a_counterexample_needs_an_exact_process_and_a_known_quantity(sgd, quantity, says):
    with pytest.raises(ValueError, match=says):
        Counterexample.of(sgd, quantity, 0, [1])


def test_a_theorem_must_be_one_that_the_kernel_checks():
    assert "gradient_variance_antitone of" in str(KernelProof.of("gradient_variance_antitone", covers="finite data"))
    for name in ("gradient_variance", "no_such_theorem", ""):
        with pytest.raises(ValueError, match=r"theorem must be one of proofs/formal/Theorems\.v"):
            KernelProof.of(name, covers="finite data")


@pytest.mark.parametrize(
    ("grades", "words"),
    [
        ({Grade.IDENTITY: 1, Grade.INDUCTION: 1, Grade.INEQUALITY: 1}, "derivation in symbols"),
        ({Grade.IDENTITY: 5, Grade.ENUMERATION: 1}, "derivation, parts by cases"),
        ({Grade.ENUMERATION: 1, Grade.CITED: 1}, "derivation, parts cited"),
    ],
)
def test_the_weakest_step_of_a_derivation_decides_on_its_words(grades, words):
    assert proved("because", CheckedSteps("proofs/some.py", grades)).words == f"PROVED ({words})"


def test_a_derivation_with_a_false_step_is_no_evidence():
    n = sp.Symbol("n")
    step = Step("false", "why", [Line(n, "=", n + 1, Identity())])
    wrong = Derivation("wrong", "Wrong", ["None."], [Notation(n, "n", "a number")], [step])
    with pytest.raises(FalseStepError, match="wrong, step false, line 1: n = n \\+ 1 is false"):
        CheckedSteps.of(wrong)


# --- claims ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "With Blanks", "Upper", "under_score"])
def test_names_are_lower_case_with_hyphens(name):
    with pytest.raises(ValueError, match="name must be letters and digits in lower case with hyphens"):
        claim(name)


def test_an_empty_statement_is_refused():
    with pytest.raises(ValueError, match="statement of the claim some-claim must be a text"):
        Claim("some-claim", " ", "none", "folklore")


def test_a_claim_is_decided_for_a_process_that_satisfies_its_assumptions_only():
    linear = claim(
        on=lambda sgd, t: sv.certify_decreasing(sv.gradient_variance(sgd, t)),
        assumes=lambda sgd: "a network" if sgd.is_network else None,
    )
    assert linear.verdict_on(REGRESSION, 2).status == "proved"
    with pytest.raises(ValueError, match=r"sgd must satisfy the assumptions of some-claim .*, got a network"):
        linear.verdict_on(NETWORK, 2)
    with pytest.raises(TypeError, match="sgd must be an SGD"):
        linear.verdict_on("process", 2)
    with pytest.raises(ValueError, match="step"):
        linear.verdict_on(REGRESSION, -1)
    with pytest.raises(ValueError, match="must be about single processes"):
        claim().verdict_on(REGRESSION, 2)


# --- the register ---------------------------------------------------------------------------------------------------


def register():
    return settle_claims([
        claim("first", lambda: proved("it is so", STEPS, proof())),
        claim("second", lambda: refuted("it is | not", Counterexample.of(NETWORK, "gradient-variance", 1, [1, 2]))),
        claim("third"),
    ])


def test_every_claim_is_settled_in_order_with_date_and_version():
    entries = register().entries
    assert [entry.claim.name for entry in entries] == ["first", "second", "third"]
    assert [entry.finding.status for entry in entries] == ["proved", "refuted", "not examined"]
    assert {(entry.date, entry.version) for entry in entries} == {(datetime.now(UTC).date(), sv.__version__)}
    assert register()["second"].finding.status == "refuted"
    with pytest.raises(KeyError, match="name must be one of first, second, third"):
        register()["fourth"]


def test_json_holds_certificates_that_can_be_checked_again():
    first, second, _ = json.loads(register().to_json())
    certificate = certificate_from_dict(first["evidence"][1]["certificate"])
    assert sv.check_certificate(certificate, sv.gradient_variance(REGRESSION, 1))
    assert second["evidence"][0]["code"] == NETWORK.as_code()


def test_every_row_of_the_markdown_table_has_five_cells():
    lines = register().to_markdown().splitlines()
    assert len(lines) == 5
    assert {line.replace("\\|", "").count("|") for line in lines} == {6}


def test_progress_is_told_before_each_claim():
    told = []
    settle_claims([claim("first"), claim("second")], lambda number, each: told.append((number, each.name)))
    assert told == [(0, "first"), (1, "second")]


def test_two_claims_of_one_name_are_refused_before_any_is_settled():
    def never():
        raise AssertionError

    with pytest.raises(ValueError, match="names that differ, got first twice"):
        settle_claims([claim("first", never), claim("first", never)])


def test_what_is_no_claim_and_what_settles_nothing_is_refused():
    with pytest.raises(TypeError, match="claims must hold claims, got str"):
        settle_claims(["first"])
    with pytest.raises(TypeError, match="settle of the claim some-claim must return a Finding, got bool"):
        settle_claims([claim(settle=lambda: True)])


# --- files ----------------------------------------------------------------------------------------------------------


def test_claims_are_read_from_a_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("from sgdvar.claims import Claim\nCLAIMS = [Claim('mine', 'a', 'b', 'c')]\n", encoding="utf-8")
    assert [each.name for each in load_claims(path)] == ["mine"]


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("x = 1", ValueError, "must define a list CLAIMS"),
        ("CLAIMS = 'mine'", ValueError, "must define a list CLAIMS"),
        ("CLAIMS = ['mine']", TypeError, "CLAIMS must hold claims, got str"),
        ("1 / 0", ValueError, "must run, got ZeroDivisionError"),
    ],
)
def test_files_without_claims_are_refused(tmp_path, text, error, says):
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(error, match=says):
        load_claims(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="must exist"):
        load_claims(tmp_path / "none.py")


def test_the_claims_of_the_library_are_found_wherever_it_is_installed():
    names = [each.name for each in own_claims()]
    assert len(names) == len(set(names)) > 20
