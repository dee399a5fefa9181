r"""A deep linear network at given weights: what can be asked of it, and where a batch takes it.

Weights are elements of a ring: numbers, or polynomials in the batches that led to them. With
:math:`A_j = W_L \cdots W_{j+1}` and :math:`B_j = W_{j-1} \cdots W_1 F` the gradient of a batch in :math:`W_j` is
:math:`A_j^\top R B_j^\top + \lambda W_j`, linear in its residual statistic R (``residuals``). Given the weights, the
batch of the gradient is averaged out in closed form:

.. math:: E[\lVert A g \rVert^2] = \lVert A \nabla L \rVert^2 + c(b) \operatorname{tr}(A \Sigma A^\top).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from flint import fmpq

from sgdvar.arithmetic import object_array
from sgdvar.exact.deep_linear.residuals import ResidualLaw
from sgdvar.exact.deep_linear.ring import Element, Numbers, Ring, matmul, trace
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = ["Network"]


@dataclass(frozen=True, eq=False)
class Network:
    r"""A network at given weights.

    Attributes:
        sgd: The process it belongs to.
        law: The law of the residual statistic.
        ring: What the weights are elements of.
        layers: :math:`W_1, \dots, W_L`.
        unit: k, where ``sgd`` is the process that is asked about with weights k times as large (``branching``); the
            answers are those for the process itself.
    """

    sgd: SGD
    law: ResidualLaw
    ring: Ring | Numbers
    layers: Sequence[Array]
    unit: Any = 1

    @classmethod
    def at_start(cls, sgd: SGD, law: ResidualLaw, ring: Ring | Numbers) -> Network:
        """The network at its start weights."""
        return cls(sgd, law, ring, [ring.elements(layer) for layer in sgd.layers])

    @cached_property
    def end_to_end(self) -> Array:
        """P, shape (q, p)."""
        return matmul(*reversed(self.layers))

    @cached_property
    def errors(self) -> Array:
        """The error matrix E, shape (q, r)."""
        return self.law.errors(self.ring, self.end_to_end)

    @cached_property
    def flat(self) -> list[Element]:
        """All weights, layer after layer and row by row."""
        return [self._in_units(value, 1) for layer in self.layers for value in layer.ravel().tolist()]

    def stepped(self, statistic: Array, step_size: Element) -> Network:
        r"""The network after a step on a batch.

        Args:
            statistic: :math:`\alpha R`, shape (q, r).
            step_size: :math:`\alpha`, with which the weights decay.
        """
        kept = 1 - step_size * self._decay
        layers = []
        for layer, (above, below) in zip(self.layers, self._backward, strict=True):
            change = matmul(above.T, statistic, below.T)
            layers.append((layer if kept == 1 else _times(layer, kept)) - change)
        return Network(self.sgd, self.law, self.ring, layers, self.unit)

    def gradient(self, chosen: Sequence[int], statistic: Array | None = None) -> list[Element]:
        """The entries of the gradient in some layers, counted from 0.

        Args:
            chosen: The layers.
            statistic: R of a batch, shape (q, r); the full gradient if omitted.
        """
        entries: list[Element] = []
        for j in chosen:
            above, below = self._backward[j]
            gradient = matmul(above.T, self._mean if statistic is None else statistic, below.T)
            if self._decay != 0:
                gradient = gradient + _times(self.layers[j], self._decay)
            entries += gradient.ravel().tolist()
        return [self._in_units(value, 2 * len(self.layers) - 1) for value in entries]

    def second_moment(self, chosen: Sequence[int], rows: Array | None, *, with_batch: bool) -> Element:
        """The expected squared norm of A g, over the batch of g; of A times the full gradient without the batch.

        Args:
            chosen: The layers whose gradient A acts on, counted from 0.
            rows: A, shape (m, d); None for the identity.
            with_batch: Whether g is the gradient of a batch, and not the full one.
        """
        if rows is None:
            parts = [self._layer_square(j) for j in chosen]
        else:
            parts = [self._row_square(row, chosen) for row in rows]
        value = sum((square for square, _ in parts), self.ring.zero)
        if with_batch:
            intercept, slope = (fmpq(*number.as_integer_ratio()) for number in self.sgd.design.factor_line)
            noise = sum((noise for _, noise in parts), self.ring.zero)
            value = value + (self.ring.u * slope + intercept) * noise
        return self._in_units(value, 2 * (2 * len(self.layers) - 1))

    def loss(self, law: ResidualLaw) -> Element:
        """The loss on data of this law, weight decay included."""
        degree = 2 * len(self.layers)
        end_to_end = self.end_to_end if self.unit == 1 else self.end_to_end / self.unit ** (degree // 2)
        value = law.loss(self.ring, law.errors(self.ring, end_to_end))
        squares = sum((trace(layer, layer) for layer in self.layers), self.ring.zero)
        return value + self._in_units(self._decay * squares * fmpq(1, 2), degree)

    def _in_units(self, value: Element, degree: int) -> Element:
        """A value of the process, from one that is k**degree times as large."""
        return value if self.unit == 1 else value / self.unit**degree

    @cached_property
    def _decay(self) -> Element:
        return self.ring.element(self.sgd.problem.weight_decay)

    @cached_property
    def _mean(self) -> Array:
        """The mean of R."""
        return self.law.mean(self.ring, self.errors)

    @cached_property
    def _backward(self) -> list[tuple[Array, Array]]:
        """The pairs :math:`(A_j, B_j)`, of shapes (q, h_j) and (h_(j-1), r)."""
        above = [self.ring.elements(np.eye(len(self.layers[-1]), dtype=np.int64))]
        for layer in reversed(self.layers[1:]):
            above.append(matmul(above[-1], layer))
        below = [self.ring.elements(self.law.input_map)]
        for layer in self.layers[:-1]:
            below.append(matmul(layer, below[-1]))
        return list(zip(reversed(above), below, strict=True))

    def _layer_square(self, j: int) -> tuple[Element, Element]:
        """The squared norm of the full gradient in layer j, and the trace of the covariance of one example's."""
        above, below = self._backward[j]
        K, N, R = matmul(above, above.T), matmul(below.T, below), self._mean
        square = trace(matmul(K, R, N), R)
        noise = self.law.trace_covariance(self.ring, self.errors, K, N, square)
        if self._decay != 0:
            layer = self.layers[j]
            crossed = trace(R, matmul(above, layer, below))
            square = square + self._decay * (2 * crossed + self._decay * trace(layer, layer))
        return square, noise

    def _row_square(self, row: Array, chosen: Sequence[int]) -> tuple[Element, Element]:
        """The square of a linear form of the full gradient, and the variance of the form for one example."""
        layers = [self.layers[j] for j in chosen]
        ends = np.cumsum([layer.size for layer in layers])[:-1]
        direction, decayed = self.ring.elements(np.zeros_like(self.errors)), self.ring.zero
        for j, part, layer in zip(chosen, np.split(row, ends), layers, strict=True):
            above, below = self._backward[j]
            own = self.ring.elements(part.reshape(layer.shape))
            direction = direction + matmul(above, own, below)
            decayed = decayed + trace(own, layer)
        value = trace(direction, self._mean) + self._decay * decayed
        return value * value, self.law.variance(self.ring, self.errors, direction)


def _times(matrix: Array, factor: Any) -> Array:
    return object_array([value * factor for value in matrix.ravel().tolist()], matrix.shape)
