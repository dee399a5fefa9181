"""Wrong formulas for the variance that are easy to write down by mistake, one list per sampling design.

A check of the right formula is worth as much as the wrong ones that it would have rejected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sgdvar.exact import full_gradient_variance, gradient_variance
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
    sgd: SGD, steps: Sequence[int], batch_sizes: Sequence[int], *, matrix: Any = None, layer: int | None = None
) -> list[PlantedFormula]:
    """The wrong formulas that fit the design of a process, made from the exact one.

    Args:
        sgd: A process of numbers.
        steps: Steps t.
        batch_sizes: Batch sizes that the design allows.
        matrix: A, as for ``gradient_variance``.
        layer: As for ``gradient_variance``.
    """
    total = [gradient_variance(sgd, step, matrix=matrix, layer=layer) for step in steps]
    exact = np.array([[float(polynomial(b)) for b in batch_sizes] for polynomial in total])
    coefficients = [[float(a) for a in polynomial.c_coefficients] for polynomial in total]
    planted = []
    for name, factor in _wrong_factors(sgd.design).items():
        factors = np.array([factor(b) for b in batch_sizes])
        planted.append(PlantedFormula(name, np.array([_values(a, factors) for a in coefficients]), exact))
    if any(step > 0 for step in steps):
        full = [full_gradient_variance(sgd, step, matrix=matrix, layer=layer) for step in steps]
        conditional = exact - np.array([[float(polynomial(b)) for b in batch_sizes] for polynomial in full])
        planted.append(PlantedFormula("conditional for total variance", conditional, exact))
    return planted


def _values(coefficients: list[float], factors: Array) -> Array:
    return np.asarray(np.polynomial.polynomial.polyval(factors, coefficients))


def _wrong_factors(design: BatchDesign) -> dict[str, Callable[[int], float]]:
    """Wrong variance factors c(b) for a design, by name."""
    n = design.population_size
    if n == 1:
        return {}
    if n is not None and design.is_without_replacement:
        return {
            "1/b for c(b)": lambda b: 1 / b,
            "n for n - 1 in c(b)": lambda b: (n - b) / (b * n),
        }
    wrong: dict[str, Callable[[int], float]] = {"b + 1 for b": lambda b: 1 / (b + 1)}
    if n is not None:
        wrong["without for with replacement"] = lambda b: max(n - b, 0) / (b * (n - 1))
    return wrong
