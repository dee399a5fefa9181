"""Certificates, which know their claim, and verdicts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sgdvar.certificates.evidence import Evidence, NonNegativeCoefficients
from sgdvar.certificates.records import loaded, read, written
from sgdvar.certificates.subjects import Subject
from sgdvar.certificates.text import reciprocal_text, record_text, size_text

__all__ = ["Certificate", "Property", "Verdict", "certificate_from_dict"]

Property: TypeAlias = Literal[
    "decreasing",
    "scaled decreasing",
    "halving",
    "convex",
    "covariance decreasing",
    "positive definite",
    "scalar networks decreasing",
]
"""What a certificate says of its subject; ``Certificate.statement`` writes it out."""

_STATEMENTS: dict[Property, str] = {
    "decreasing": "V(b + 1) <= V(b) for all batch sizes {b}",
    "scaled decreasing": "(b + 1) V(b + 1) <= b V(b) for all batch sizes {b}",
    "halving": "V(2b) <= V(b)/2 for all batch sizes {b} that can be doubled",
    "convex": "V is convex in u = 1/b, for all real u from {u_least} to {u}",
    "covariance decreasing": "C(b) - C(b + 1) is positive semidefinite for all batch sizes {b}",
    "positive definite": "the matrix is positive definite for all real u = 1/b in (0, 1]",
    "scalar networks decreasing": "Var(g_1) never rises in b, whatever the weights, the teacher and the step size",
}
_CONDITIONS: dict[Property, str] = {
    "decreasing": "every coefficient of c(b)^k with k >= 1 is non-negative",
    "scaled decreasing": "every coefficient of c(b)^k with k >= 1 is non-negative, and the constant is not positive",
    "halving": "every coefficient of c(b)^k with k >= 1 is non-negative, and the constant is not positive",
    "convex": "every coefficient of c(b)^k with k >= 2 is non-negative",
}


@dataclass(frozen=True, repr=False)
class Certificate:
    """A claim, what it is about, and numbers that prove it: ``check_certificate`` needs nothing else.

    Attributes:
        claim: The order or property, one of ``Property``.
        subject: The polynomial, the matrix of polynomials, or the networks that it is about.
        from_batch_size: The least b from which the claim holds, which is part of it.
        evidence: The numbers.

    Examples:
        >>> import sgdvar as sv
        >>> V = sv.BatchPolynomial(sv.BatchDesign(sv.WithReplacement(), 10), (0, 3, 1))
        >>> certificate = sv.certify_decreasing(V).certificate
        >>> print(certificate)
        V(b + 1) <= V(b) for all batch sizes b >= 1
        V = 3 c + 1 c^2, where c = 1/b, b >= 1
        because every coefficient of c(b)^k with k >= 1 is non-negative
        >>> sv.check_certificate(sv.Certificate.from_json(certificate.to_json()))
        True
    """

    claim: Property
    subject: Subject
    from_batch_size: int
    evidence: Evidence

    __repr__ = record_text

    @property
    def statement(self) -> str:
        """The claim in one sentence."""
        b, n = size_text(self.from_batch_size), getattr(getattr(self.subject, "design", None), "max_batch_size", None)
        u_least, u = "0" if n is None else reciprocal_text(n), reciprocal_text(self.from_batch_size)
        sentence = _STATEMENTS.get(self.claim, f"unknown claim {self.claim!r}").format(
            b=f"b >= {b}", u=u, u_least=u_least
        )
        if getattr(self.evidence, "pieces", None) == ():
            sentence += " (vacuously: there are no two to compare)"
        if self.from_batch_size == 1:
            return sentence
        before = self.from_batch_size - 1
        if self.claim == "convex":
            return f"{sentence}; not up to u = {reciprocal_text(before)}"
        return f"{sentence}; not from b = {size_text(before)} on"

    @property
    def reason(self) -> str:
        """The evidence in one sentence."""
        if isinstance(self.evidence, NonNegativeCoefficients):
            return _CONDITIONS.get(self.claim, str(self.evidence))
        return str(self.evidence)

    def __str__(self) -> str:
        name = {"BatchPolynomial": "V = ", "MatrixPolynomial": "C = "}.get(type(self.subject).__name__, "")
        return f"{self.statement}\n{name}{self.subject}\nbecause {self.reason}"

    def to_dict(self) -> dict[str, Any]:
        """The certificate as plain data for JSON, every number exact; ``certificate_from_dict`` reads it back.

        Raises:
            TypeError: The polynomial has symbols, which are not written.
        """
        return written(self)

    def to_json(self) -> str:
        """The certificate as text."""
        return json.dumps(self.to_dict(), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Certificate:
        """The certificate that ``to_json`` wrote; not yet checked.

        Raises:
            CertificateError: Not such a text, or one that was altered.
        """
        return certificate_from_dict(loaded(text))


def certificate_from_dict(data: Mapping[str, Any]) -> Certificate:
    """The certificate that ``to_dict`` wrote; not yet checked.

    Raises:
        CertificateError: An entry is missing, unknown, or not what it must be; or the digest is that of other data.
    """
    certificate = read(data, Certificate)
    assert isinstance(certificate, Certificate)
    return certificate


@dataclass(frozen=True, repr=False)
class Verdict:
    """What is known about a claim: never a bool, and undecided is never a pass.

    Attributes:
        status: "proved" (with a certificate), "refuted" (with a witness), "undecided" (with a reason), or "agreed":
            simulation found no deviation, at stated error rates, which is no proof.
        reason: One sentence a reader can check.
        certificate: Data that ``check_certificate`` verifies without the code that made it.
        from_batch_size: The least b from which the claim holds; 1 if proved, None if there is none or it is not known.
        witness: For a refuted claim, where it fails; the function that gives the verdict says in which form.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [0, 1])), start=[1], step_size=1)
        >>> verdict = sv.certify_decreasing(sv.gradient_variance(sgd, step=1))
        >>> print(verdict.status, verdict.from_batch_size, sv.check_certificate(verdict.certificate))
        proved 1 True
    """

    status: Literal["proved", "refuted", "undecided", "agreed"]
    reason: str
    certificate: Certificate | None = None
    from_batch_size: int | None = None
    witness: tuple[Any, ...] | None = None

    __repr__ = record_text

    def __bool__(self) -> bool:
        raise TypeError(
            "a Verdict has no truth value, because undecided is neither; compare verdict.status with "
            '"proved", "refuted" or "undecided"'
        )

    def __str__(self) -> str:
        return f"{self.status.upper()}: {self.reason}"
