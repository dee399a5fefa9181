"""What a certificate can be about, other than one polynomial."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest
from typing import Any, TypeAlias

import numpy as np

from sgdvar.polynomial import BatchPolynomial
from sgdvar.sampling import BatchDesign

__all__ = ["MatrixPolynomial", "RationalMatrix", "ScalarNetworks", "Subject"]

_ROUNDING = 1e-9  # floats from the engines are symmetric up to rounding, and are refused elsewhere for being floats
RationalMatrix: TypeAlias = tuple[tuple[Fraction, ...], ...]


@dataclass(frozen=True)
class MatrixPolynomial:
    r"""A symmetric matrix of polynomials in c(b).

    .. math:: C(b) = \sum_k C_k\, c(b)^k

    Attributes:
        design: How batches are drawn, which fixes c(b) and the valid b.
        c_coefficients: The matrices :math:`C_0, C_1, \dots` as tuples of rows of Fractions.
    """

    design: BatchDesign
    c_coefficients: tuple[RationalMatrix, ...]

    @classmethod
    def of(cls, matrix: Any) -> MatrixPolynomial:
        """The matrix polynomial of a square array of rational BatchPolynomials.

        Raises:
            TypeError: An entry is no BatchPolynomial.
            ValueError: No square array, not symmetric (floats: up to rounding), or of several designs.
        """
        array = np.asarray(matrix, dtype=object)
        if array.ndim != 2 or array.shape[0] != array.shape[1] or array.size == 0:
            raise ValueError(f"matrix must be a square array of BatchPolynomials, got shape {array.shape}")
        for (i, j), entry in np.ndenumerate(array):
            if not isinstance(entry, BatchPolynomial):
                raise TypeError(f"matrix must hold BatchPolynomials, got {type(entry).__name__} at [{i}, {j}]")
        design = array[0, 0].design
        scale = max((abs(a) for V in array.flat if not V.is_exact for a in V.c_coefficients), default=0.0)
        for (i, j), entry in np.ndenumerate(array):
            if entry.design != design:
                raise ValueError(
                    f"matrix must have one design, got {design} at [0, 0] and {entry.design} at [{i}, {j}]"
                )
            if _differ(entry, array.item(j, i), scale):
                raise ValueError(f"matrix must be symmetric, got different entries at [{i}, {j}] and [{j}, {i}]")
        powers = range(1 + max(entry.degree for entry in array.flat))

        def coefficient(entry: BatchPolynomial, k: int) -> Fraction:
            return entry.c_coefficients[k] if k <= entry.degree else Fraction(0)

        return cls(design, tuple(tuple(tuple(coefficient(a, k) for a in row) for row in array) for k in powers))

    @property
    def size(self) -> int:
        """The number of rows."""
        return len(self.c_coefficients[0])

    def entry(self, row: int, column: int) -> BatchPolynomial:
        """One entry as a polynomial."""
        return BatchPolynomial(self.design, tuple(matrix[row][column] for matrix in self.c_coefficients))

    def entries(self) -> Iterable[tuple[int, int, BatchPolynomial]]:
        """The entries on and above the diagonal, with their indices."""
        return ((i, j, self.entry(i, j)) for i in range(self.size) for j in range(i, self.size))

    def __call__(self, batch_size: int) -> RationalMatrix:
        """The matrix at one batch size."""
        c, size = self.design.variance_factor(batch_size), range(self.size)
        powers = [c**k for k in range(len(self.c_coefficients))]
        pairs = list(zip(powers, self.c_coefficients, strict=True))
        return tuple(tuple(sum((p * C[i][j] for p, C in pairs), Fraction(0)) for j in size) for i in size)

    def __str__(self) -> str:
        degree = len(self.c_coefficients) - 1
        return f"a symmetric matrix of size {self.size} of polynomials of degree {degree} in c(b), {self.design}"


def _differ(entry: BatchPolynomial, other: BatchPolynomial, scale: float) -> bool:
    """Whether two entries differ; floats by more than rounding in a matrix with coefficients up to ``scale``."""
    if entry.is_exact or other.is_exact:
        return entry != other
    pairs = zip_longest(entry.c_coefficients, other.c_coefficients, fillvalue=0.0)
    return any(abs(a - b) > _ROUNDING * scale for a, b in pairs)


@dataclass(frozen=True)
class ScalarNetworks:
    r"""All deep linear networks of one weight per layer on N(0, 1) inputs without label noise, after one step.

    .. math:: \operatorname{Var}(g_1 \mid w_0) = \sum_j a^{(j)\top} N(u)\, a^{(j)}, \qquad
        N(u)_{ik} = (1 + 2u)\, m_{i+k} - m_i m_k, \quad m_k = \prod_{j<k} (1 + 2ju), \quad i, k < 2L

    with vectors :math:`a^{(j)}` free of b (proofs/deep_linear_scalar.py). So the variance increases in u = 1/b for all
    weights, teachers, step sizes and matrices A wherever :math:`N'(u)` is positive semidefinite.

    Attributes:
        depth: The number of layers L.
    """

    depth: int

    def __str__(self) -> str:
        return f"all networks of {self.depth} layers, one weight each, on N(0, 1) inputs without label noise"


Subject: TypeAlias = BatchPolynomial | MatrixPolynomial | ScalarNetworks
