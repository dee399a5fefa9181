"""The judge: exact values of a member of a family, and whether they violate the claim."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from sgdvar.certificates import Verdict
from sgdvar.data import GaussianPopulation
from sgdvar.errors import BudgetExceededError
from sgdvar.orders import certify_order
from sgdvar.process import SGD
from sgdvar.search.claim import QUANTITIES, Comparison, SearchClaim
from sgdvar.search.curvature import is_stable
from sgdvar.search.families import Family, process_of

__all__ = ["Ratio", "Violation", "confirmation", "verdict", "violation"]

Ratio: TypeAlias = Fraction | float
"""A ratio of the sides, or infinity where the smaller side is 0."""


@dataclass(frozen=True, eq=False)
class Violation:
    """A member of a family that violates a claim, exactly.

    Attributes:
        process: The member.
        comparison: The inequality that fails.
        values: V at the batch sizes that are compared.
        ratio: The larger side divided by the smaller one; infinity where that is 0.
    """

    process: SGD
    comparison: Comparison
    values: Mapping[int, Fraction]
    ratio: Ratio


def violation(
    family: Family,
    claim: SearchClaim,
    comparison: Comparison,
    numbers: Sequence[Fraction],
    *,
    least: Ratio | None = None,
) -> Violation | None:
    """The member with these numbers if it exists, is as stable as asked for and violates the claim; None otherwise.

    ``least`` is a ratio that it must reach besides.
    """
    if numbers[-1] <= 0:  # the step size
        return None
    try:
        process = process_of(family, numbers)
    except ValueError:  # probabilities that are not positive
        return None
    if family.stable and not is_stable(process):
        return None
    values = _values(process, claim, comparison.batch_sizes)
    larger, smaller = comparison.sides(values)
    if not larger > claim.target_ratio * smaller:
        return None
    ratio = larger / smaller if smaller else math.inf
    return Violation(process, comparison, values, ratio) if least is None or ratio >= least else None


def _values(process: SGD, claim: SearchClaim, batch_sizes: Sequence[int]) -> dict[int, Fraction]:
    quantity = QUANTITIES[claim.quantity]
    if process.design.has_fresh_batches:
        V = quantity.polynomial(process, claim.step)
        return {b: V(b) for b in batch_sizes}
    return {b: Fraction(quantity.enumerated(process, claim.step, b)) for b in batch_sizes}


def confirmation(found: Violation, claim: SearchClaim) -> str | None:
    """How the values were confirmed a second time; None where they cannot be enumerated.

    Raises:
        AssertionError: Enumeration gives other values.
    """
    process = found.process
    if isinstance(process.problem.data, GaussianPopulation) or not process.design.has_fresh_batches:
        return None
    quantity = QUANTITIES[claim.quantity]
    try:
        again = {b: quantity.enumerated(process, claim.step, b) for b in found.values}
    except BudgetExceededError:
        return None
    if again != found.values:
        raise AssertionError(f"enumeration must give the values {found.values} of {process}, got {again}")
    return "enumeration of every sequence of batches"


def verdict(found: Violation, claim: SearchClaim) -> Verdict:
    """The verdict on the claim: refuted, by this violation."""
    b = found.comparison.batch_sizes
    shown = found.comparison.text(">", claim.target_ratio)
    reason = f"{claim.symbol} violates the claim exactly: {shown}"
    certificate = from_batch_size = None
    if found.process.design.has_fresh_batches:
        whole = certify_order(QUANTITIES[claim.quantity].polynomial(found.process, claim.step), claim.order)
        certificate, from_batch_size = whole.certificate, whole.from_batch_size
        if from_batch_size is not None:
            reason += f"; from b = {from_batch_size} on the order holds"
    witness = (*b, *(found.values[size] for size in b))
    return Verdict("refuted", reason, certificate, from_batch_size, witness)
