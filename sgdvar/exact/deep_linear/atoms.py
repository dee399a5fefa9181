"""The residual statistic of batches of finitely many examples: independent draws, or distinct ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement

import numpy as np
from flint import fmpq, fmpq_mat

from sgdvar.arithmetic import object_array
from sgdvar.exact.deep_linear.ring import Element, Numbers, Ring, dot, matmul, trace
from sgdvar.scalars import Array

__all__ = ["AtomResiduals"]


@dataclass(frozen=True, eq=False)
class AtomResiduals:
    r"""Batches of examples :math:`(F \xi_i, y_i)`, drawn independently with probabilities, or distinct.

    With :math:`E = P F` one example's statistic is :math:`(E \xi_i - y_i)\, \xi_i^\top`.

    Attributes:
        input_map: F, shape (p, r).
        inputs: The :math:`\xi_i`, shape (n, r).
        targets: Shape (n, q).
        probabilities: Shape (n,).
        distinct: n without replacement, where examples in a batch are distinct; None for independent draws.
    """

    input_map: Array
    inputs: Array
    targets: Array
    probabilities: Array
    distinct: int | None

    @classmethod
    def of(cls, inputs: Array, targets: Array, probabilities: Array, distinct: int | None) -> AtomResiduals:
        """The law of these examples, in as many coordinates as numerical inputs have rank."""
        p = inputs.shape[1]
        basis = _row_space(inputs) if isinstance(inputs[0, 0], fmpq) else object_array([], (0, p))
        if 0 < len(basis) < p:
            pivots = [row.tolist().index(1) for row in basis]
            return cls(basis.T, inputs[:, pivots], targets, probabilities, distinct)
        identity = object_array([fmpq(i == j) for i in range(p) for j in range(p)], (p, p))
        return cls(identity, inputs, targets, probabilities, distinct)

    def batch(self, indices: Sequence[int]) -> AtomResiduals:
        """The law of one of the examples of a batch, drawn uniformly: its mean is the statistic of the batch."""
        chosen = list(indices)
        uniform = object_array([fmpq(1, len(chosen))] * len(chosen), (len(chosen),))
        return AtomResiduals(self.input_map, self.inputs[chosen], self.targets[chosen], uniform, None)

    def errors(self, ring: Ring | Numbers, end_to_end: Array) -> Array:
        """As ``ResidualLaw.errors``: P F."""
        return matmul(end_to_end, ring.elements(self.input_map))

    def mean(self, ring: Ring | Numbers, errors: Array) -> Array:
        """As ``ResidualLaw.mean``."""
        r = self.inputs.shape[1]
        return matmul(errors, ring.elements(self._second[:r, :r])) + ring.elements(self._second[r:, :r])

    def loss(self, ring: Ring | Numbers, errors: Array) -> Element:
        """As ``ResidualLaw.loss``."""
        extended = _extended(ring, errors)
        return trace(matmul(extended, ring.elements(self._second)), extended) * fmpq(1, 2)

    def trace_covariance(
        self, ring: Ring | Numbers, errors: Array, outputs: Array, inputs: Array, square: Element
    ) -> Element:
        """As ``ResidualLaw.trace_covariance``, from fourth moments."""
        extended = _extended(ring, errors)
        r, m = self.inputs.shape[1], extended.shape[1]
        pairs = [inputs[b, d] * (1 if b == d else 2) for b, d in _pairs(r)]
        weighted = matmul(ring.elements(self._fourth), object_array(pairs, (len(pairs), 1)))[:, 0]
        moments = np.empty((m, m), dtype=object)
        for (k, l), value in zip(_pairs(m), weighted, strict=True):
            moments[k, l] = moments[l, k] = value
        return trace(matmul(outputs, extended, moments), extended) - square

    def variance(self, ring: Ring | Numbers, errors: Array, direction: Array) -> Element:
        """As ``ResidualLaw.variance``, from fourth moments."""
        form = matmul(_extended(ring, errors).T, direction)
        total = ring.zero
        for row, (k, l) in zip(self._fourth.tolist(), _pairs(len(form)), strict=True):
            for moment, (b, d) in zip(row, _pairs(form.shape[1]), strict=True):
                products = form[k, b] * form[l, d] + form[k, d] * form[l, b]
                total = total + products * ring.element(moment * fmpq(2, 2 ** ((k == l) + (b == d))))
        return total - trace(direction, self.mean(ring, errors)) ** 2

    def generating_function(self, ring: Ring, errors: Array, variables: Array, degree: int) -> list[Element]:
        r"""As ``ResidualLaw.generating_function``, by factorial moments.

        With :math:`a_i = e^{\langle \Lambda, R_i \rangle} - 1` the generating function of a batch sum is
        :math:`\sum_m b (b-1) \cdots (b-m+1)\, \Theta_m`. Independent draws: :math:`\Theta_m = (E a)^m / m!`. Distinct
        examples: the elementary symmetric polynomial of the :math:`a_i` over :math:`n (n-1) \cdots (n-m+1)`, by
        Newton's identities from power sums; 0 for m > n.
        """
        sums = self._power_sums(ring, errors, variables, degree)
        orders = min(degree, self.distinct or degree)
        if self.distinct is None:
            factors = [sums]
        else:  # power sums of the a_i, by Stirling numbers of the second kind
            factors = [
                [value * fmpq(math.factorial(m) * stirling, 1) for value, stirling in zip(sums, row, strict=True)]
                for m, row in enumerate(_stirling_numbers(orders, degree), 1)
            ]
        one = [ring.element(1)] + [ring.zero] * degree
        thetas = [one]
        for m in range(1, orders + 1):
            parts = [ring.zero] * (degree + 1)
            for j, factor in enumerate(factors[:m], 1):
                scale = fmpq(1, m)
                if self.distinct is not None:
                    scale *= fmpq((-1) ** (j - 1) * self.distinct, math.perm(self.distinct - m + j, j))
                for k in range(m, degree + 1):
                    terms = [factor[i] * thetas[m - j][k - i] for i in range(j, k - (m - j) + 1)]
                    parts[k] = parts[k] + sum(terms, ring.zero) * scale
            thetas.append(parts)
        return [self._batch_mean(ring, [theta[k] for theta in thetas], k) for k in range(degree + 1)]

    def _power_sums(self, ring: Ring, errors: Array, variables: Array, degree: int) -> list[Element]:
        r"""The means of :math:`\langle \Lambda, R_i \rangle^k / k!`, k = 0, ..., degree."""
        inputs, targets = ring.elements(self.inputs), ring.elements(self.targets)
        residuals = matmul(inputs, errors.T) - targets
        along = matmul(inputs, variables.T)
        sums = [ring.zero] * (degree + 1)
        for probability, residual, projection in zip(
            self.probabilities.tolist(), residuals.tolist(), along.tolist(), strict=True
        ):
            linear, power = dot(residual, projection), ring.element(probability)
            for k in range(degree + 1):
                sums[k] = sums[k] + power
                power = power * linear * fmpq(1, k + 1)
        return sums

    @staticmethod
    def _batch_mean(ring: Ring, orders: Sequence[Element], k: int) -> Element:
        r"""The part of degree k for the mean, :math:`\sum_m u^{k-m} \prod_{j<m} (1 - j u)\, \Theta_m`."""
        total, prefactor = ring.zero, ring.element(1)
        for m, theta in enumerate(orders[: k + 1]):
            total = total + theta * prefactor * ring.u ** (k - m)
            prefactor = prefactor * (1 - m * ring.u)
        return total

    @cached_property
    def _extended_rows(self) -> Array:
        return np.hstack([self.inputs, -self.targets])

    @cached_property
    def _second(self) -> Array:
        r"""The second moments of :math:`(\xi, -y)`, shape (r + q, r + q)."""
        rows = self._extended_rows
        return _weighted_gram(rows, rows, self.probabilities)

    @cached_property
    def _fourth(self) -> Array:
        r"""The means of :math:`\tilde x_k \tilde x_l\, \xi_b \xi_d`, pairs (k, l) by pairs (b, d)."""
        rows = self._extended_rows
        products = [_products(rows, size) for size in (rows.shape[1], self.inputs.shape[1])]
        return _weighted_gram(products[0], products[1], self.probabilities)


def _row_space(matrix: Array) -> Array:
    """The reduced row echelon form without its zero rows; one row of zeros and a one if there is no other."""
    gram = matmul(matrix.T, matrix)
    reduced, rank = fmpq_mat(len(gram), len(gram), gram.ravel().tolist()).rref()
    rows = object_array(reduced.entries(), gram.shape)[: max(rank, 1)]
    if rank == 0:
        rows[0, 0] = fmpq(1)
    return rows


def _weighted_gram(left: Array, right: Array, weights: Array) -> Array:
    """left^T diag(weights) right."""
    return matmul((left * weights[:, None]).T, right)


def _products(rows: Array, size: int) -> Array:
    """The products of the pairs among the first columns."""
    first, second = zip(*_pairs(size), strict=True)
    products: Array = rows[:, first] * rows[:, second]
    return products


def _pairs(size: int) -> list[tuple[int, int]]:
    return list(combinations_with_replacement(range(size), 2))


def _stirling_numbers(orders: int, degree: int) -> list[list[int]]:
    """S(k, m) for m = 1, ..., orders (rows) and k = 0, ..., degree."""
    table = [[0] * (degree + 1) for _ in range(orders + 1)]
    table[0][0] = 1
    for k in range(1, degree + 1):
        for m in range(1, min(k, orders) + 1):
            table[m][k] = m * table[m][k - 1] + table[m - 1][k - 1]
    return table[1:]


def _extended(ring: Ring | Numbers, errors: Array) -> Array:
    """(E, I), shape (q, r + q)."""
    q = len(errors)
    return np.hstack([errors, ring.elements(np.eye(q, dtype=np.int64))])
