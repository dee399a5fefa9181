"""Certificates of every kind: they print, save and load, are checked without their maker, and refused when altered."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import subprocess
import sys
import time
from fractions import Fraction
from types import MappingProxyType

import numpy as np
import pytest
import sympy

import sgdvar as sv
from sgdvar.certificates import (
    Certificate,
    GramPieces,
    LeadingMinors,
    NonNegativeCoefficients,
    Pieces,
    RealPieces,
    ScalarNetworks,
    certificate_from_dict,
)

IID = sv.BatchDesign(sv.IID(), None)
WITH = sv.BatchDesign(sv.WithReplacement(), 10)
SIX = sv.BatchDesign(sv.WithoutReplacement(), 6)


def polynomial(*coefficients, design=WITH):
    return sv.BatchPolynomial(design, tuple(map(Fraction, coefficients)))


def covariance():
    sgd = sv.SGD(
        sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2])), start=[0, 0], step_size=Fraction(1, 2)
    )
    return sv.weight_covariance(sgd, step=2)


def rising_matrix(design=SIX):
    """A matrix that rises from b = 1 to 2 and never again."""
    u, square = polynomial(0, 1, design=design), polynomial(0, 0, 1, design=design)
    return [[4 * u - 3 * square, u], [u, 3 * u]]


def nearly_singular_matrix():
    """The integral of a derivative of rank one, 6 (1, u) (1, u)^T."""
    return [[polynomial(0, 6), polynomial(0, 0, 3)], [polynomial(0, 0, 3), polynomial(0, 0, 0, 2)]]


def definite_matrix():
    u, square = polynomial(0, 1, design=IID), polynomial(0, 0, 1, design=IID)
    return [[2 * u, u], [u, 3 * u - square]]


def between(low, high):
    """A polynomial of which the second derivative is negative between two u, and has a double root at 1/7."""
    factor = sympy.Poly((sympy.Symbol("u") - low) * (sympy.Symbol("u") - high) * (7 * sympy.Symbol("u") - 1) ** 2)
    second = [Fraction(int(a.p), int(a.q)) for a in reversed(factor.all_coeffs())]
    return polynomial(0, 1, *(a / ((k + 1) * (k + 2)) for k, a in enumerate(second)))


VERDICTS = {
    "coefficients": (lambda: sv.certify_decreasing(polynomial(0, 3, 1, design=SIX)), NonNegativeCoefficients),
    "decreasing": (lambda: sv.certify_decreasing(polynomial(0, 8, -14, 9)), Pieces),
    "decreasing from 2 on": (lambda: sv.certify_decreasing(polynomial(0, 4, -3, design=SIX)), Pieces),
    "scaled decreasing": (lambda: sv.certify_scaled_decreasing(polynomial(0, 3, 1, -1)), Pieces),
    "halving": (lambda: sv.certify_halving(polynomial(0, 3, 1, -1)), Pieces),
    "convex": (lambda: sv.certify_convex(between(sympy.Rational(1, 3), sympy.Rational(1, 2))), RealPieces),
    "covariance": (lambda: sv.certify_covariance_decreasing(covariance()), None),
    "covariance from 2 on": (lambda: sv.certify_covariance_decreasing(rising_matrix()), GramPieces),
    "covariance without end": (lambda: sv.certify_covariance_decreasing(rising_matrix(IID)), GramPieces),
    "covariance by differences": (lambda: sv.certify_covariance_decreasing(nearly_singular_matrix()), GramPieces),
    "positive definite": (lambda: sv.certify_positive_definite(definite_matrix()), LeadingMinors),
    "scalar networks": (lambda: sv.certify_scalar_networks(2), LeadingMinors),
}


@pytest.fixture(params=VERDICTS)
def verdict(request):
    make, evidence = VERDICTS[request.param]
    result = make()
    assert evidence is None or isinstance(result.certificate.evidence, evidence)
    return result


def refusal(certificate, V=None):
    with pytest.raises(sv.CertificateError) as error:
        sv.check_certificate(certificate, V)
    return str(error.value)


def test_a_certificate_survives_a_file(verdict):
    certificate = verdict.certificate
    text = certificate.to_json()
    loaded = Certificate.from_json(text)
    assert loaded == certificate
    assert sv.check_certificate(loaded)
    assert sv.check_certificate(loaded, certificate.subject)
    assert json.loads(text) == certificate.to_dict()
    assert certificate_from_dict(certificate.to_dict()) == certificate


def test_a_certificate_says_what_it_shows_about_what_and_why(verdict):
    statement, about, why = str(verdict.certificate).splitlines()
    assert statement == verdict.certificate.statement
    assert str(verdict.certificate.subject) in about
    assert why.startswith("because ")
    assert f"b >= {verdict.from_batch_size}" in statement or verdict.certificate.claim not in (
        "decreasing",
        "halving",
        "scaled decreasing",
        "covariance decreasing",
    )


def test_certificates_print_in_plain_words():
    certificate = sv.certify_decreasing(polynomial(0, 4, -3)).certificate
    assert str(certificate).splitlines() == [
        "V(b + 1) <= V(b) for all batch sizes b >= 2; not from b = 1 on",
        "V = 4 c + -3 c^2, where c = 1/b, b >= 1",
        "because no Bernstein coefficient is negative on 1 range of b",
    ]
    convex = sv.certify_convex(polynomial(0, 3, 1, -1, design=SIX))
    assert convex.certificate.statement.endswith("for all real u from 1/6 to 1/3; not up to u = 1/2")
    assert sv.certify_scalar_networks(2).certificate.statement == (
        "Var(g_1) never rises in b, whatever the weights, the teacher and the step size"
    )


def leaves(data, path=()):
    """Every place in nested data, with its value."""
    yield path, data
    if isinstance(data, dict):
        for key in data:
            yield from leaves(data[key], (*path, key))
    elif isinstance(data, list):
        for k, entry in enumerate(data):
            yield from leaves(entry, (*path, k))


def altered(value):
    """Other values that might stand in a place."""
    if isinstance(value, bool) or value is None:
        return [0, 1, "1/2"]
    if isinstance(value, int):
        return [value + 1, value - 1, -value, float(value), str(value), None, True]
    if isinstance(value, str):
        number = value.lstrip("-").replace("/", "").isdigit()
        return (
            [f"-{value}", f"{value}1", f"{value}/2", "", None, 1] if number else [value + "s", value[1:], "", None, 1]
        )
    if isinstance(value, list):
        return [[], value[1:], value[:-1], [*value, *value[-1:]], None, tuple(value) and "list"]
    return [None, [], {**value, "more": 1}, {key: value[key] for key in list(value)[1:]}]


def alterations(data):
    for path, value in leaves(data):
        for other in altered(value):
            if path and other != value:
                result = copy.deepcopy(data)
                place = result
                for key in path[:-1]:
                    place = place[key]
                place[path[-1]] = other
                yield path, result


def test_a_file_altered_anywhere_is_refused(verdict):
    altered_files = list(alterations(verdict.certificate.to_dict()))
    assert len(altered_files) > 30
    for _, data in altered_files:
        with pytest.raises(sv.CertificateError):
            certificate_from_dict(data)


def signed_again(data):
    body = {key: value for key, value in data.items() if key != "digest"}
    return {**body, "digest": hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()}


def test_a_forged_file_is_refused_or_proves_the_same_claim(verdict):
    """With a digest made anew: what is still accepted has other evidence for the same claim about the same subject."""
    certificate = verdict.certificate
    refused, forgeries = 0, list(alterations(certificate.to_dict()))
    for path, data in forgeries[:: 1 + len(forgeries) // 300]:
        try:
            forged = certificate_from_dict(signed_again(data))
            sv.check_certificate(forged, certificate.subject)
        except sv.CertificateError:
            refused += 1
        else:
            assert path[0] in ("evidence", "digest")
            assert (forged.claim, forged.subject) == (certificate.claim, certificate.subject)
            assert forged.from_batch_size == certificate.from_batch_size
    assert refused > 40


def test_fields_of_the_wrong_type_are_refused(verdict):
    certificate = verdict.certificate
    for name in ("claim", "subject", "from_batch_size", "evidence"):
        for wrong in (None, 1.0, "1", True, [], ()):
            assert name in refusal(dataclasses.replace(certificate, **{name: wrong}))


def test_evidence_of_one_kind_does_not_serve_another_claim(verdict):
    certificate = verdict.certificate
    others = ["halving", "convex", "covariance decreasing", "positive definite", "scalar networks decreasing"]
    for claim in others:
        if claim == certificate.claim or isinstance(certificate.evidence, NonNegativeCoefficients):
            continue
        if claim == "halving" and isinstance(certificate.evidence, Pieces):
            continue
        message = refusal(dataclasses.replace(certificate, claim=claim))
        assert message.startswith("claim, subject and evidence must fit each other, got ")


def test_a_wrong_polynomial_is_refused_by_name():
    certificate = sv.certify_decreasing(polynomial(0, 3, 1)).certificate
    assert refusal(certificate, polynomial(0, 3, 2)) == "the certificate must be about V; its subject is another"
    assert refusal(certificate, 3) == "the certificate must be about V; its subject is another"
    matrices = sv.certify_covariance_decreasing(covariance()).certificate
    assert sv.check_certificate(matrices, covariance())
    assert sv.check_certificate(matrices, covariance().tolist())
    assert "another" in refusal(matrices, 2 * covariance())
    assert "another" in refusal(sv.certify_scalar_networks(2).certificate, 3)


def test_messages_say_where_a_file_is_wrong():
    data = sv.certify_decreasing(polynomial(0, 4, -3)).certificate.to_dict()

    def message(*path_and_value):
        *path, key, value = path_and_value
        wrong = copy.deepcopy(data)
        place = wrong
        for step in path:
            place = place[step]
        place[key] = value
        with pytest.raises(sv.CertificateError) as error:
            certificate_from_dict(wrong)
        return str(error.value)

    assert message("format", "other") == "format must be 'sgdvar certificate 1', got 'other'"
    assert message("evidence", "pieces", 0, "b_lo", "2") == (
        "certificate.evidence.pieces[0].b_lo must be a number, and no text, got '2'"
    )
    assert message("subject", "c_coefficients", 1, "8/2") == (
        "certificate.subject.c_coefficients[1] must be a fraction in lowest terms, got '8/2'"
    )
    assert message("subject", "c_coefficients", 1, 0.5) == (
        'certificate.subject.c_coefficients[1] must be text such as "3" or "-3/4", got 0.5'
    )
    assert message("evidence", "kind", "Magic").endswith("got 'Magic'")
    assert message("subject", "design", "population_size", 0) == (
        "certificate.subject.design: population_size must be at least 1, got 0"
    )
    assert message("from_batch_size", 3).startswith("digest must be that of the other entries")
    with pytest.raises(sv.CertificateError, match="a certificate must be JSON"):
        Certificate.from_json("{")
    for wrong in (None, [], 3, "text"):
        with pytest.raises(sv.CertificateError, match="a certificate must be a JSON object"):
            certificate_from_dict(wrong)


def test_numbers_of_any_length_are_saved():
    b0 = 10**50 + 7
    V = polynomial(Fraction(1, 3**20000), 1, -Fraction(b0, 2))  # 9543 digits
    verdict = sv.certify_decreasing(V)
    assert verdict.from_batch_size == b0
    loaded = Certificate.from_json(verdict.certificate.to_json())
    assert loaded == verdict.certificate
    assert sv.check_certificate(loaded, V)


def test_symbols_are_certified_but_not_saved():
    a = sympy.Symbol("a", positive=True)
    certificate = sv.certify_decreasing(sv.BatchPolynomial(WITH, (0, a))).certificate
    assert sv.check_certificate(certificate)
    with pytest.raises(TypeError, match="got symbols; put numbers for them"):
        certificate.to_json()


def test_a_certificate_is_checked_without_the_engines(verdict, tmp_path):
    path = tmp_path / "certificate.json"
    path.write_text(verdict.certificate.to_json(), encoding="utf-8")
    code = f"""
import sys
from pathlib import Path
from sgdvar import Certificate, check_certificate
print(check_certificate(Certificate.from_json(Path({str(path)!r}).read_text(encoding="utf-8"))))
print(*sorted(name.split(".")[1] for name in sys.modules if name.startswith("sgdvar.")))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    result, modules = run.stdout.splitlines()
    assert result == "True"
    assert {"certificates", "check"} <= set(modules.split())
    assert not {"certify", "orders", "exact", "moments", "enumeration"} & set(modules.split())


LONG = "1" + "0" * 5000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "a certificate must be JSON text, got None"),
        (b"\xff", "a certificate must be JSON, got text that is not"),
        ("[" * 100_000, "brackets nested too deeply"),
        ('{"format": ' + LONG + "}", "an integer of 2\\^63 or more must be text, got a number of 5001 characters"),
        ('{"format": 9223372036854775808}', "must be text, got a number of 19 characters"),
        ('{"format": 1, "format": 2}', "an object must have each entry once, got 'format' twice"),
    ],
)
def test_texts_that_are_no_certificates_are_refused_and_not_crashed_upon(text, message):
    with pytest.raises(sv.CertificateError, match=message):
        Certificate.from_json(text)


def test_an_entry_given_twice_is_refused():
    text = sv.certify_decreasing(polynomial(0, 4, -3)).certificate.to_json()
    with pytest.raises(sv.CertificateError, match="got 'from_batch_size' twice"):
        Certificate.from_json(text.replace('"from_batch_size": 2', '"from_batch_size": 3, "from_batch_size": 2'))


def test_batch_sizes_of_any_length_and_sign_are_refused_in_short_words():
    certificate = sv.certify_decreasing(polynomial(0, 4, -3)).certificate
    data = certificate.to_dict()
    for change in ({"from_batch_size": f"-{LONG}"}, {"from_batch_size": LONG}):
        forged = certificate_from_dict(signed_again({**data, **change}))
        assert "about " in refusal(forged)
        assert len(str(forged)) < 500
    piece = {**data["evidence"]["pieces"][0], "b_lo": f"-{LONG}"}
    forged = signed_again({**data, "evidence": {**data["evidence"], "pieces": [piece]}})
    assert "the piece from b = about -10^5000 on" in refusal(certificate_from_dict(forged))
    with pytest.raises(sv.CertificateError, match="from_batch_size must be text from 2\\^63 on"):
        certificate_from_dict({**data, "from_batch_size": 10**5000})


def test_any_mapping_is_read():
    certificate = sv.certify_decreasing(polynomial(0, 4, -3)).certificate
    data = certificate.to_dict()
    assert certificate_from_dict({**data, "subject": MappingProxyType(data["subject"])}) == certificate


def test_a_short_forgery_about_deep_networks_is_refused_at_once():
    for depth, message in [
        (10, "minors must be 20, one for each order, got 0"),
        (10**6, "from 1 to 10"),
        (-1, "from 1 to 10"),
    ]:
        start = time.perf_counter()
        forged = Certificate("scalar networks decreasing", ScalarNetworks(depth), 1, LeadingMinors(()))
        assert message in refusal(forged)
        assert time.perf_counter() - start < 1


def test_no_polynomial_matrix_is_about_reshuffling():
    covariances = sv.certify_covariance_decreasing(covariance()).certificate
    for certificate in (covariances, sv.certify_positive_definite(definite_matrix()).certificate):
        design = sv.BatchDesign(sv.RandomReshuffling(), 3)
        subject = dataclasses.replace(certificate.subject, design=design)
        message = refusal(dataclasses.replace(certificate, subject=subject))
        assert message == "the design must draw fresh batches, got RandomReshuffling(drop_last=True)"


def test_the_subject_may_come_as_the_makers_take_it():
    assert sv.check_certificate(sv.certify_scalar_networks(2).certificate, np.int64(2))
    matrices = sv.certify_covariance_decreasing(covariance()).certificate
    assert sv.check_certificate(matrices, tuple(map(tuple, covariance())))
    with pytest.raises(TypeError, match="got bool"):
        sv.check_certificate(matrices, True)
