"""Wrong formulas for the variance that are easy to write down by mistake, one list per sampling design.

A check of the right formula is worth as much as the wrong ones that it would have rejected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from sgdvar.errors import BudgetExceededError
from sgdvar.exact import full_gradient_variance
from sgdvar.polynomial import BatchPolynomial
from sgdvar.process import SGD
from sgdvar.sampling import BatchDesign
from sgdvar.scalars import Array

__all__ = ["PlantedFormula", "planted_formulas"]


@dataclass(frozen=True, eq=False)
class PlantedFormula:
    """A wrong formula for Var(A g_t).

    Attributes:
        name: The mistake, in words.
        values: Its values, one row per step and one column per batch size.
        exact: The right values, in the same shape.
    """

    name: str
    values: Array
    exact: Array


def planted_formulas(
    sgd: SGD,
    total: Mapping[int, BatchPolynomial],
    batch_sizes: Sequence[int],
    *,
    matrix: Any = None,
    layer: int | None = None,
) -> list[PlantedFormula]:
    """The wrong formulas that fit the design of a process, made from the exact one.

    Args:
        sgd: A process of numbers.
        total: The exact variance by step.
        batch_sizes: Batch sizes that the design allows.
        matrix: A, as for ``gradient_variance``.
        layer: As for ``gradient_variance``.
    """
    exact = _values(total, batch_sizes)
    planted = []
    for name, factor in _wrong_factors(sgd.design).items():
        wrong = [[float(_at_factor(V, factor(b))) for b in batch_sizes] for V in total.values()]
        planted.append(PlantedFormula(name, np.array(wrong), exact))
    if any(step > 0 for step in total):
        try:
            full = {step: full_gradient_variance(sgd, step, matrix=matrix, layer=layer) for step in total}
        except BudgetExceededError:
            return planted
        planted.append(PlantedFormula("conditional for total variance", exact - _values(full, batch_sizes), exact))
    return planted


def _values(polynomials: Mapping[int, BatchPolynomial], batch_sizes: Sequence[int]) -> Array:
    return np.array([[float(polynomial(b)) for b in batch_sizes] for polynomial in polynomials.values()])


def _at_factor(polynomial: BatchPolynomial, factor: Fraction) -> Any:
    """The value with a wrong number for c(b), by Horner's rule; exact if the polynomial is, so that nothing cancels."""
    value: Any = 0
    for coefficient in reversed(polynomial.c_coefficients):
        value = value * factor + coefficient
    return value


def _wrong_factors(design: BatchDesign) -> dict[str, Callable[[int], Fraction]]:
    """Wrong variance factors c(b) for a design, by name."""
    n = design.population_size
    if n == 1:
        return {}
    if n is not None and design.is_without_replacement:
        return {
            "1/b for c(b)": lambda b: Fraction(1, b),
            "n for n - 1 in c(b)": lambda b: Fraction(n - b, b * n),
        }
    wrong: dict[str, Callable[[int], Fraction]] = {"b + 1 for b": lambda b: Fraction(1, b + 1)}
    if n is not None:
        wrong["without for with replacement"] = lambda b: Fraction(max(n - b, 0), b * (n - 1))
    return wrong
