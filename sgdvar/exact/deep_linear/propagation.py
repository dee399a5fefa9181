r"""Moments along SGD for all batch sizes at once: batches are averaged out one after the other, the last one first.

A polynomial of the weights after t steps is written out in :math:`V_0, \dots, V_{t-1}`, where :math:`V_s = \alpha_s
R_s` is the residual statistic of batch s. Given the batches before it, the moments of :math:`V_s` are polynomials in
the error :math:`E_s` and in u = 1/b, and :math:`E_s` is a polynomial in :math:`V_0, \dots, V_{s-1}`, at which they are
evaluated by Horner's rule. What is left is a polynomial in u and the user's symbols.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from sgdvar.arithmetic import object_array
from sgdvar.exact.deep_linear.network import Network
from sgdvar.exact.deep_linear.residuals import ResidualLaw, residual_law
from sgdvar.exact.deep_linear.ring import Element, Exponents, Ring
from sgdvar.polynomial import BatchPolynomial
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = ["Propagation"]

_Moments: TypeAlias = dict[Exponents, dict[Exponents, Element]]
"""By the exponents of V: its moment as a polynomial in E, by the exponents of E."""


@dataclass(frozen=True, eq=False)
class Propagation:
    """The law of a network's weights after some steps.

    Attributes:
        sgd: The process: a deep linear network, exact numbers.
        step: t.
        symbols: The symbols of the process and of whatever is asked of it.
    """

    sgd: SGD
    step: int
    symbols: tuple[Any, ...]

    @cached_property
    def base(self) -> Ring:
        """The ring of the results: u and the symbols."""
        return Ring(self.symbols)

    @cached_property
    def law(self) -> ResidualLaw:
        """The law of the residual statistic."""
        return residual_law(self.sgd.problem.data, self.sgd.design, self.base)

    def element(self, value: Any) -> Element:
        """A number, to multiply expectations with."""
        return self.base.element(value)

    def expectations(self, question: Callable[[Network], Sequence[Element]]) -> Array:
        """The expectations of polynomials of the last weights, as elements of the base ring."""
        return self._averaged(question(self._network(self.step, self._ring(self.step))), self.step)

    def batch_expectations(self, question: Callable[[Network, Array], Sequence[Element]]) -> Array:
        """The same for polynomials of the last weights and of the residual statistic of one more batch."""
        ring = self._ring(self.step + 1)
        values = question(self._network(self.step, ring), ring.block(self.step, self._shape))
        return self._averaged(values, self.step + 1)

    def polynomial(self, value: Element) -> BatchPolynomial:
        """An element of the base ring as a polynomial in 1/b."""
        return self.base.polynomial(value, self.sgd.design)

    @cached_property
    def _shape(self) -> tuple[int, int]:
        """The shape (q, r) of the residual statistic."""
        return len(self.sgd.layers[-1]), int(self.law.input_map.shape[1])

    def _ring(self, s: int) -> Ring:
        """The ring of the weights after s steps."""
        return Ring(self.symbols, (math.prod(self._shape),) * s)

    def _network(self, s: int, ring: Ring) -> Network:
        """The network after s steps, in a ring with at least that many blocks."""
        network = Network.at_start(self.sgd, self.law, ring)
        for k, step_size in enumerate(self.sgd.step_sizes(s)):
            network = network.stepped(ring.block(k, self._shape), ring.element(step_size))
        return network

    def _averaged(self, values: Sequence[Element], batches: int) -> Array:
        """The expectations of elements over all batches."""
        for s in reversed(range(batches)):
            values = self._over_batch(s, values)
        return object_array(list(values), (len(values),))

    def _over_batch(self, s: int, values: Sequence[Element]) -> list[Element]:
        """The expectations over batch s, given the batches before it."""
        upper, lower = self._ring(s + 1), self._ring(s)
        parts = [upper.by_last_block(value) for value in values]
        moments = self._moments(s, max((sum(beta) for part in parts for beta in part), default=0))
        # moments at the start are numbers: there is no E to evaluate at
        errors = self._network(s, lower).errors.ravel().tolist() if s else []
        return [_with_moments(part, moments, errors, lower) for part in parts]

    def _moments(self, s: int, degree: int) -> _Moments:
        r"""The moments of V up to a degree: at the fixed start, or as polynomials in the error."""
        size = math.prod(self._shape)
        scale = self.sgd.step_sizes(s + 1)[s] if s < self.step else 1  # V is R in a batch that no step is made on
        scales = _powers(self.base.element(scale), degree)
        if s == 0:
            ring = Ring(self.symbols, (size,))
            errors = ring.elements(self._network(0, self.base).errors)
            variables = ring.block(0, self._shape)
        else:
            ring = Ring(self.symbols, (size, size))
            errors, variables = ring.block(0, self._shape), ring.block(1, self._shape)
        result: _Moments = {}
        without = Ring(self.symbols, ring.blocks[:-1])
        parts = self.law.generating_function(ring, errors, variables, degree)
        for part, scale in zip(parts, scales, strict=True):
            for beta, terms in ring.by_last_block(part).items():
                factor = scale * math.prod(map(math.factorial, beta))
                by_error = without.by_last_block(without.of(terms)) if s else {(): terms}
                result[beta] = {gamma: self.base.of(a) * factor for gamma, a in by_error.items()}
        return result


def _with_moments(
    part: dict[Exponents, dict[Exponents, Any]], moments: _Moments, errors: Sequence[Element], ring: Ring
) -> Element:
    """A polynomial in V, given by its coefficients, with moments for the powers of V."""
    collected: dict[Exponents, Element] = {}
    for beta, terms in part.items():
        coefficient = ring.of(terms)
        for gamma, moment in moments.get(beta, {}).items():
            product = coefficient * ring.element(moment)
            collected[gamma] = collected[gamma] + product if gamma in collected else product
    return _horner(collected, errors, ring)


def _powers(value: Element, degree: int) -> list[Element]:
    powers = [value**0]
    for _ in range(degree):
        powers.append(powers[-1] * value)
    return powers


def _horner(coefficients: dict[Exponents, Element], point: Sequence[Element], ring: Ring) -> Element:
    """A polynomial at a point, by Horner's rule in one variable after the other."""
    if not coefficients:
        return ring.zero
    if not point:
        return coefficients[()]
    by_power: dict[int, dict[Exponents, Element]] = {}
    for powers, value in coefficients.items():
        by_power.setdefault(powers[0], {})[powers[1:]] = value
    total = ring.zero
    for power in range(max(by_power), -1, -1):
        total = total * point[0]
        if power in by_power:
            total = total + _horner(by_power[power], point[1:], ring)
    return total
