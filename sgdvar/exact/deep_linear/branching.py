r"""Moments along SGD without replacement from few examples: every sequence of batches, at every batch size.

All b = 1, ..., n are run through, and the values are interpolated in c(b). For few examples and several steps this is
cheaper than propagating moments, whatever the widths. SGD on a network is equivariant: weights k times as large, with
targets times :math:`k^L`, step sizes times :math:`k^{2-2L}` and decay times :math:`k^{2L-2}`, stay k times as large.
So k is chosen to make all weights integers, which are quicker to compute with than fractions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations

import numpy as np
from flint import fmpq, fmpq_poly

from sgdvar.arithmetic import common_denominator
from sgdvar.data import Dataset
from sgdvar.exact.deep_linear.atoms import AtomResiduals
from sgdvar.exact.deep_linear.network import Network
from sgdvar.exact.deep_linear.residuals import residual_law
from sgdvar.exact.deep_linear.ring import Element, Numbers, Ring
from sgdvar.polynomial import BatchPolynomial
from sgdvar.problems import DeepLinearNetwork
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = ["Branching"]


@dataclass(frozen=True, eq=False)
class Branching:
    """The law of a network's weights after some steps.

    Attributes:
        sgd: The process: a deep linear network on a Dataset, without replacement, rational numbers.
        step: t.
    """

    sgd: SGD
    step: int

    @property
    def symbols(self) -> tuple[()]:
        """No symbols."""
        return ()

    def element(self, value: object) -> Element:
        """A number, to multiply expectations with."""
        return Numbers(fmpq(1)).element(value)

    def expectations(self, question: Callable[[Network], Sequence[Element]]) -> Array:
        """The expectations of polynomials of the last weights, in rows: the values at b = 1, ..., n."""
        columns = [self._at(b, question) for b in self._batch_sizes]
        return np.array(columns, dtype=object).T

    def polynomial(self, values: Array) -> BatchPolynomial:
        """The polynomial in c(b) through the values at b = 1, ..., n."""
        factors = [fmpq(*self.sgd.design.variance_factor(b).as_integer_ratio()) for b in self._batch_sizes]
        differences, size = values.tolist(), len(values)
        for order in range(1, size):  # Newton's divided differences
            for i in range(size - 1, order - 1, -1):
                differences[i] = (differences[i] - differences[i - 1]) / (factors[i] - factors[i - order])
        total = fmpq_poly([differences[-1]])
        for value, factor in zip(reversed(differences[:-1]), reversed(factors[:-1]), strict=True):
            total = total * fmpq_poly([-factor, 1]) + value
        coefficients = [Fraction(int(a.p), int(a.q)) for a in total.coeffs()]
        return BatchPolynomial(self.sgd.design, tuple(coefficients or [Fraction(0)]))

    @property
    def _batch_sizes(self) -> range:
        n = self.sgd.problem.data.size
        assert n is not None
        return range(1, n + 1)

    def _at(self, b: int, question: Callable[[Network], Sequence[Element]]) -> list[Element]:
        """The expectations at one batch size."""
        total: list[Element] = []
        for network in self._networks(b):
            values = question(network)
            total = [a + value for a, value in zip(total, values, strict=True)] if total else list(values)
        count = math.comb(len(self._batch_sizes), b) ** self.step
        return [value / count for value in total]

    def _networks(self, b: int) -> Iterator[Network]:
        """The network after the last step, for every sequence of batches, depth first."""
        ring, unit = Numbers(fmpq(1, b)), self._unit(b)
        sgd = _magnified(self.sgd, unit)
        law = residual_law(sgd.problem.data, sgd.design, Ring(()))
        assert isinstance(law, AtomResiduals)
        batches = [law.batch(indices) for indices in combinations(range(len(self._batch_sizes)), b)]
        step_sizes = [ring.element(value) for value in sgd.step_sizes(self.step)]
        pending = [(0, replace(Network.at_start(sgd, law, ring), unit=fmpq(unit)))]
        while pending:
            level, network = pending.pop()
            if level == self.step:
                yield network
                continue
            for batch in batches:
                statistic = batch.mean(ring, network.errors) * step_sizes[level]
                pending.append((level + 1, network.stepped(statistic, step_sizes[level])))

    def _unit(self, b: int) -> int:
        """A common denominator of all weights along every sequence of batches."""
        data, decay = self.sgd.problem.data, Fraction(self.sgd.problem.weight_decay)
        depth, examples = len(self.sgd.layers), math.lcm(*(common_denominator(array)[1] for array in data.numbers()))
        unit = math.lcm(*(common_denominator(layer)[1] for layer in self.sgd.layers))
        for step_size in map(Fraction, self.sgd.step_sizes(self.step)):
            power = unit ** (2 * depth - 2)
            data_part = step_size / (b * examples**2 * power)
            unit *= math.lcm(data_part.denominator, (step_size * decay).denominator)
        return unit


def _magnified(sgd: SGD, k: int) -> SGD:
    """The process with weights k times as large."""
    data, depth, factor = sgd.problem.data, len(sgd.layers), Fraction(k)
    X, y = (array.astype(object) for array in data.numbers())
    problem = DeepLinearNetwork(Dataset(X, y * factor**depth), sgd.problem.weight_decay * factor ** (2 * depth - 2))
    step_sizes = np.asarray(sgd.step_size, dtype=object) * factor ** (2 - 2 * depth)
    return SGD(problem, [layer.astype(object) * factor for layer in sgd.layers], step_sizes, sgd.sampling)
