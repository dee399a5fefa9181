"""What both commands report: certified polynomials, as lines of text and as JSON records, and the exit status."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import sgdvar as sv

if TYPE_CHECKING:
    from sgdvar.claims import Finding

__all__ = [
    "certify",
    "decimal_text",
    "degree_bound",
    "exit_status",
    "factor_text",
    "facts_text",
    "polynomial_record",
    "power_text",
    "short_polynomial",
    "verdict_line",
    "verdict_record",
]

_STATUSES = {"refuted": 1, "undecided": 3, "not examined": 3, "proved": 0, "agreed": 0}  # the worst first
_MOST_TERMS = 5


def certify(polynomial: sv.BatchPolynomial) -> sv.Verdict:
    """Whether the polynomial decreases in b, with its certificate checked; where it first rises if it does not."""
    if not polynomial.is_exact:
        return sv.Verdict(
            "undecided", "floats are not exact, so there is nothing to certify; --decimals makes the data exact"
        )
    verdict = sv.certify_decreasing(polynomial)
    if verdict.certificate is not None:
        sv.check_certificate(verdict.certificate, polynomial)
    if verdict.witness is not None:
        low, high, value, larger = verdict.witness
        rise = f"V({low}) = {decimal_text(value, 6)}, V({high}) = {decimal_text(larger, 6)}"
        verdict = replace(verdict, reason=f"{verdict.reason}; {rise}")
    return verdict


def degree_bound(sgd: sv.SGD, step: int) -> int | None:
    """The bound on the degree of the gradient variance of a network; None for linear regression."""
    return sv.variance_degree_bound(len(sgd.layers), step) if sgd.is_network else None


def exit_status(verdicts: Iterable[sv.Verdict | Finding]) -> int:
    """1 if one verdict is refuted, else 3 if one is undecided or there is none, else 0."""
    found = {verdict.status for verdict in verdicts}
    return next(status for word, status in _STATUSES.items() if word in found)


def verdict_line(verdict: sv.Verdict) -> str:
    """The verdict in one line."""
    checked = "" if verdict.certificate is None else "; certificate checked"
    return f"{verdict.status.upper()}: {verdict.reason}{checked}"


def short_polynomial(polynomial: sv.BatchPolynomial) -> str:
    """The terms in powers of c with four digits of each coefficient; the middle of a long one left out."""
    terms = [
        f"{decimal_text(a, 4)} {power_text('c', k)}".strip() for k, a in enumerate(polynomial.c_coefficients) if a != 0
    ]
    if len(terms) > _MOST_TERMS:
        terms[_MOST_TERMS - 2 : -1] = ["..."]
    return " + ".join(terms).replace("+ -", "- ") or "0"


def polynomial_record(polynomial: sv.BatchPolynomial, bound: int | None = None) -> dict[str, Any]:
    """The polynomial for JSON: exact numbers as text "p/q", floats as numbers; with a bound on its degree if given."""
    design = polynomial.design
    return {
        "is_exact": polynomial.is_exact,
        "degree": polynomial.degree,
        **({} if bound is None else {"degree_bound": bound}),
        "smallest_batch_size": 1,
        "largest_batch_size": design.max_batch_size,
        "c": factor_text(design),
        "c_coefficients": [_plain(a) for a in polynomial.c_coefficients],
        "coefficients": [_plain(v) for v in polynomial.coefficients],
    }


def verdict_record(verdict: sv.Verdict) -> dict[str, Any]:
    """The verdict for JSON, with the data of its certificate, and for a refuted one with its witness."""
    return {
        "status": verdict.status,
        "reason": verdict.reason,
        "from_batch_size": verdict.from_batch_size,
        **({} if verdict.witness is None else {"witness": [_plain(value) for value in verdict.witness]}),
        "certificate": None if verdict.certificate is None else verdict.certificate.to_dict(),
    }


def decimal_text(value: Fraction | float, digits: int) -> str:
    """A number to so many digits, however large or small it is."""
    exact = Fraction(value)
    return f"{Decimal(exact.numerator) / Decimal(exact.denominator):.{digits}g}"


def power_text(variable: str, exponent: int) -> str:
    """``c^2``, ``c``, or nothing for the exponent 0."""
    return "" if exponent == 0 else variable if exponent == 1 else f"{variable}^{exponent}"


def facts_text(facts: dict[str, str]) -> str:
    """Facts as lines, wrapped to the width of the terminal."""
    indent = 2 + max(map(len, facts))
    width = shutil.get_terminal_size().columns
    return "\n".join(
        textwrap.fill(f"{name:<{indent}}{text}", width, subsequent_indent=" " * indent) for name, text in facts.items()
    )


def factor_text(design: sv.BatchDesign) -> str:
    """c(b) as a formula."""
    n = design.max_batch_size
    if n is None or n == 1:
        return "1/b" if n is None else "0"
    return f"({n} - b)/({n - 1} b)" if n > 2 else "(2 - b)/b"


def _plain(value: Fraction | float) -> str | float:
    return str(value) if isinstance(value, Fraction) else value
