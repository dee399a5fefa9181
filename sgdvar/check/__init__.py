"""The checker of certificates: short, in Python integers and fractions, and independent of the code that makes them."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any, Literal

import numpy as np

from sgdvar.certificates import (
    Certificate,
    GramFactors,
    GramPieces,
    LeadingMinors,
    MatrixPolynomial,
    NonNegativeCoefficients,
    Pieces,
    RealPieces,
    ScalarNetworks,
    require_types,
)
from sgdvar.check.common import require
from sgdvar.check.matrices import check_gram_factors, check_gram_pieces
from sgdvar.check.minors import check_definite, check_scalar_networks
from sgdvar.check.orders import check_coefficients, check_pieces, check_real_pieces
from sgdvar.errors import CertificateError
from sgdvar.polynomial import BatchPolynomial

__all__ = ["check_certificate"]


def check_certificate(certificate: Certificate | None, V: Any = None) -> Literal[True]:
    r"""Checks that a certificate proves its claim about its subject, and about V if that is given.

    Guarantees:
        True is returned only if ``certificate.statement`` is true of ``certificate.subject``: that the claim holds from
        ``from_batch_size`` on, and that this batch size is the least.

    Args:
        certificate: From a Verdict, from ``Certificate.from_json``, or from anywhere.
        V: What it must be about: the polynomial, the symmetric array of polynomials, or the depth of scalar networks.
            None to trust the subject that the certificate names. Symbols are allowed only where their declared
            assumptions make every coefficient non-negative.

    Returns:
        True.

    Raises:
        CertificateError: It does not prove its claim, or is about something else; the message says where it fails.
        TypeError: V is nothing that a certificate can be about.
        ValueError: V is an array, but no symmetric square one of one design.

    Examples:
        >>> import sgdvar as sv
        >>> V = sv.BatchPolynomial(sv.BatchDesign(sv.WithReplacement(), 10), (0, 3, 1))
        >>> certificate = sv.certify_decreasing(V).certificate
        >>> sv.check_certificate(certificate, V)
        True
        >>> sv.check_certificate(certificate, V * -1)
        Traceback (most recent call last):
        ...
        sgdvar.errors.CertificateError: the certificate must be about V; its subject is another
    """
    subject = None if V is None else _subject(V)
    require(subject is None or not _has_floats(subject), "V must have exact coefficients, got floats")
    if not isinstance(certificate, Certificate):
        raise CertificateError(f"certificate must be a Certificate, got {type(certificate).__name__}")
    require_types(certificate, Certificate, "certificate")
    is_about_v = subject is None or certificate.subject == subject
    require(is_about_v, "the certificate must be about V; its subject is another")
    _check(certificate)
    return True


def _subject(V: Any) -> BatchPolynomial | MatrixPolynomial | ScalarNetworks:
    if isinstance(V, BatchPolynomial | MatrixPolynomial | ScalarNetworks):
        return V
    if isinstance(V, Integral) and not isinstance(V, bool):
        return ScalarNetworks(int(V))
    if isinstance(V, np.ndarray | list | tuple):
        return MatrixPolynomial.of(V)
    raise TypeError(f"V must be a BatchPolynomial, an array of them, or a depth, got {type(V).__name__}")


def _has_floats(subject: BatchPolynomial | MatrixPolynomial | ScalarNetworks) -> bool:
    """Whether coefficients are floats, which equal fractions in Python."""
    if isinstance(subject, BatchPolynomial):
        return not subject.is_exact
    matrices = subject.c_coefficients if isinstance(subject, MatrixPolynomial) else ()
    return any(isinstance(a, float) for M in matrices for row in M for a in row)


_ORDERS = ("decreasing", "scaled decreasing", "halving", "convex")
_CHECKS: dict[tuple[str, type], tuple[type, Callable[..., None]]] = {
    **{(order, NonNegativeCoefficients): (BatchPolynomial, check_coefficients) for order in _ORDERS},
    **{(order, Pieces): (BatchPolynomial, check_pieces) for order in _ORDERS if order != "convex"},
    ("convex", RealPieces): (BatchPolynomial, check_real_pieces),
    ("covariance decreasing", GramFactors): (MatrixPolynomial, check_gram_factors),
    ("covariance decreasing", GramPieces): (MatrixPolynomial, check_gram_pieces),
    ("positive definite", LeadingMinors): (MatrixPolynomial, check_definite),
    ("scalar networks decreasing", LeadingMinors): (ScalarNetworks, check_scalar_networks),
}


def _check(certificate: Certificate) -> None:
    claim, subject, evidence = certificate.claim, certificate.subject, certificate.evidence
    kind, check = _CHECKS.get((claim, type(evidence)), (None, None))
    if check is None or type(subject) is not kind:
        names = f"{claim!r} of a {type(subject).__name__} by {type(evidence).__name__}"
        raise CertificateError(f"claim, subject and evidence must fit each other, got {names}")
    if isinstance(subject, BatchPolynomial):
        require(subject.is_exact, "V must have exact coefficients, got floats")
        settled_by_signs = isinstance(evidence, NonNegativeCoefficients)
        require(settled_by_signs or not subject.is_symbolic, "V must have rational coefficients, got symbols")
    check(certificate, subject, evidence)
