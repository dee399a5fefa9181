"""The residual statistic of i.i.d. batches from a Gaussian population."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from flint import fmpq

from sgdvar.arithmetic import object_array
from sgdvar.exact.deep_linear.ring import Element, Numbers, Ring, dot, matmul, trace
from sgdvar.scalars import Array

__all__ = ["GaussianResiduals", "independent_inputs"]


@dataclass(frozen=True, eq=False)
class GaussianResiduals:
    r"""i.i.d. batches of :math:`x = F \xi`, :math:`\xi \sim N(0, \operatorname{diag} d)`, y = W* x + noise.

    With :math:`E = (P - W^*) F` one example's statistic is :math:`(E \xi - \text{noise})\, \xi^\top`.

    Attributes:
        teacher: W*, shape (q, p).
        input_map: F, shape (p, r).
        variances: d, shape (r,).
        noise_factor: D, shape (q, s), with noise covariance :math:`D D^\top`.
    """

    teacher: Array
    input_map: Array
    variances: Array
    noise_factor: Array

    def errors(self, ring: Ring | Numbers, end_to_end: Array) -> Array:
        """As ``ResidualLaw.errors``: (P - W*) F."""
        return matmul(end_to_end - ring.elements(self.teacher), ring.elements(self.input_map))

    def mean(self, ring: Ring | Numbers, errors: Array) -> Array:
        """As ``ResidualLaw.mean``: E diag(d)."""
        return _scaled_columns(errors, ring.elements(self.variances))

    def loss(self, ring: Ring | Numbers, errors: Array) -> Element:
        """As ``ResidualLaw.loss``."""
        covariance = self._residual_covariance(ring, errors)
        return dot(covariance.diagonal().tolist(), [fmpq(1, 2)] * len(covariance))

    def trace_covariance(
        self, ring: Ring | Numbers, errors: Array, outputs: Array, inputs: Array, square: Element
    ) -> Element:
        """As ``ResidualLaw.trace_covariance``, by Isserlis' theorem."""
        residual = self._residual_covariance(ring, errors)
        spread = trace(outputs, residual) * dot(inputs.diagonal().tolist(), ring.elements(self.variances).tolist())
        return spread + square

    def variance(self, ring: Ring | Numbers, errors: Array, direction: Array) -> Element:
        """As ``ResidualLaw.variance``, by Isserlis' theorem."""
        mean, residual = self.mean(ring, errors), self._residual_covariance(ring, errors)
        scaled = _scaled_columns(direction, ring.elements(self.variances))
        crossed = matmul(direction, mean.T)
        return trace(matmul(residual, scaled), direction) + trace(crossed, crossed.T)

    def generating_function(self, ring: Ring, errors: Array, variables: Array, degree: int) -> list[Element]:
        r"""As ``ResidualLaw.generating_function``, by the recurrence of a power of a determinant.

        For one batch it is :math:`\det(I - u Z)^{-1/(2u)}` with Z of shape (2q, 2q) linear in :math:`\Lambda` up to
        similarity. With :math:`\det(I - u Z) = \sum_j u^j P_j`, Euler's identity for homogeneous parts gives
        :math:`k M_k = -\sum_{j \ge 1} u^{j-1} \left(u (k - j) + \tfrac j2\right) P_j M_{k-j}`.
        """
        d = ring.elements(self.variances)
        cross = matmul(_scaled_columns(errors, d), variables.T)
        square = matmul(_scaled_columns(variables, d), variables.T)
        Z = np.block([[cross, self._residual_covariance(ring, errors)], [square, cross.T]])
        determinant = _characteristic(ring, Z, degree)
        u, parts = ring.u, [ring.element(1)]
        for k in range(1, degree + 1):
            terms = [
                determinant[j] * parts[k - j] * (u * (k - j) + fmpq(j, 2)) * u ** (j - 1) * fmpq(-1, k)
                for j in range(1, min(k + 1, len(determinant)))
            ]
            parts.append(sum(terms, ring.zero))
        return parts

    def _residual_covariance(self, ring: Ring | Numbers, errors: Array) -> Array:
        return matmul(_scaled_columns(errors, ring.elements(self.variances)), errors.T) + ring.elements(self._noise)

    @cached_property
    def _noise(self) -> Array:
        """The covariance of the label noise."""
        return matmul(self.noise_factor, self.noise_factor.T)


def independent_inputs(covariance: Array) -> tuple[Array, Array]:
    r"""F (p, r) and d (r,) with covariance :math:`F \operatorname{diag}(d) F^\top`; r is its rank, at least 1."""
    rest, columns, variances = covariance.copy(), [], []
    for i in range(len(rest)):
        if rest[i, i] != 0:
            columns.append(rest[:, i] / rest[i, i])
            variances.append(rest[i, i])
            rest = rest - np.multiply.outer(columns[-1], rest[i])
    if not columns:
        return covariance[:, :1], covariance[:1, 0]
    return np.array(columns, dtype=object).T, object_array(variances, (len(variances),))


def _characteristic(ring: Ring, matrix: Array, degree: int) -> list[Element]:
    r"""The homogeneous parts :math:`P_j` of :math:`\det(I - u Z) = \sum_j u^j P_j`, j up to ``degree``, by Newton."""
    size = min(len(matrix), degree)
    powers = [matrix]
    while 2 * len(powers) < size:
        powers.append(matmul(powers[-1], matrix))
    traces = [sum(matrix.diagonal().tolist(), ring.zero)]
    for k in range(2, size + 1):
        traces.append(trace(powers[k // 2 - 1], powers[k - k // 2 - 1].T))
    parts = [ring.element(1)]
    for j in range(1, size + 1):
        parts.append(sum((parts[j - i] * traces[i - 1] * fmpq(-1, j) for i in range(1, j + 1)), ring.zero))
    return parts


def _scaled_columns(matrix: Array, factors: Array) -> Array:
    entries = [value * factors[j] for row in matrix.tolist() for j, value in enumerate(row)]
    return object_array(entries, matrix.shape)
