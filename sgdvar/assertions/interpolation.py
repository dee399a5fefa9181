"""The polynomial in c(b) through exact values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sgdvar.polynomial import BatchPolynomial
from sgdvar.sampling import BatchDesign

__all__ = ["polynomial_through"]


def polynomial_through(design: BatchDesign, values: Mapping[int, Any]) -> BatchPolynomial:
    """The polynomial of least degree with these values by batch size, by Newton's divided differences."""
    nodes = {b: design.variance_factor(b) for b in values}
    V = BatchPolynomial(design, (0,))
    product = BatchPolynomial(design, (1,))
    for b, c in nodes.items():
        V += product * ((values[b] - V(b)) / product(b))
        product *= BatchPolynomial(design, (-c, 1))
    return V
