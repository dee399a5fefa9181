r"""Other exact routes to the moments of SGD, sharing no algebra with the engine or with the enumeration.

- *Naive expansion* (``expand_...``): everything that SGD computes is a polynomial in the statistics of its batches. It
  is expanded, squared, and each monomial is replaced by its expected value at one integer batch size. A function is
  named and called as its ``sv.enumerate_...``, without the batch size, and gives a function of the batch size.
- *Interpolation* (``interpolated``): the polynomial in 1/b through values at integer batch sizes.

Exact numbers only, no symbols; meant for small problems.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from flint import Ordering, fmpq, fmpq_mpoly_ctx, fmpq_poly, fmpz

import sgdvar as sv
from sgdvar.scalars import Array

Polynomial: TypeAlias = Any
"""An ``fmpq_mpoly`` in the statistics of all batches, those of one batch after those of the other."""


# Interpolation


def interpolated(values: dict[int, Fraction], degree: int) -> tuple[Fraction, ...]:
    """The coefficients of 1, u, ..., u**degree of the polynomial in u = 1/b with these values at batch sizes b.

    Raises:
        ValueError: Fewer than degree + 2 values, or values that no polynomial of that degree takes: one value more
            than needed checks the bound on the degree.
    """
    if len(values) < degree + 2:
        raise ValueError(f"values must be given at degree + 2 = {degree + 2} batch sizes at least, got {len(values)}")
    points = {fmpq(1, b): _rational(value) for b, value in values.items()}
    nodes = list(points)[: degree + 1]
    polynomial = fmpq_poly([0])
    for node in nodes:
        others = [other for other in nodes if other != node]
        basis = math.prod((fmpq_poly([-other, 1]) for other in others), start=fmpq_poly([1]))
        polynomial += basis * (points[node] / basis(node))
    for point, value in points.items():
        if polynomial(point) != value:
            raise ValueError(
                f"values must be those of a polynomial of degree {degree} in 1/b, got others at b = {1 / point}"
            )
    coefficients = [_fraction(coefficient) for coefficient in polynomial.coeffs()]
    return (*coefficients, *[Fraction(0)] * (degree + 1 - len(coefficients)))


# Statistics of one batch: variables, the means of x x^T and y x^T in them, and the moments of their monomials


class GaussianStatistics:
    r"""The statistics mean(xi xi^T), lower triangle, and mean(zeta xi^T) of a batch from a Gaussian population.

    Bartlett: b mean(xi xi^T) = T T^T with T lower triangular, T_jj^2 ~ chi2(b - j + 1) for j = 1, ..., r, N(0, 1) below
    the diagonal, all independent; and given the inputs b mean(zeta xi^T) is distributed as Z T^T with Z of N(0, 1).
    Expected values are polynomials in b, so that they hold for b < r as well, by polynomial identity.
    """

    def __init__(self, population: sv.GaussianPopulation) -> None:
        self.teacher, self.input_factor, self.noise_factor = (_rationals(array) for array in population.numbers())
        r, s = self.input_factor.shape[1], self.noise_factor.shape[1]
        self.pairs = [(j, k) for j in range(r) for k in range(j + 1)]
        self.shape = (s, r)
        self.count = len(self.pairs) + s * r
        context = fmpq_mpoly_ctx.get([f"t{index}" for index in range(self.count)], Ordering.lex)
        variables = list(context.gens())
        T = _array([context.constant(0)] * r * r, (r, r))
        for pair, variable in zip(self.pairs, variables, strict=False):
            T[pair] = variable
        Z = _array(variables[len(self.pairs) :], (s, r))
        square = T @ T.T
        self.one = context.constant(1)
        self.sums = [*(square[pair] for pair in self.pairs), *(Z @ T.T).ravel()]
        self.expanded: dict[tuple[int, ...], list[tuple[fmpq, list[int]]]] = {}

    def means(self, variables: Array) -> tuple[Array, Array]:
        """The means of x x^T and y x^T from the statistics."""
        s, r = self.shape
        square = _array(variables[:1].tolist() * r * r, (r, r))
        for (j, k), variable in zip(self.pairs, variables.tolist(), strict=False):
            square[j, k] = square[k, j] = variable
        noise = variables[len(self.pairs) :].reshape(s, r)
        S_xx = self.input_factor @ square @ self.input_factor.T
        return S_xx, self.teacher @ S_xx + self.noise_factor @ noise @ self.input_factor.T

    def mean_square_target(self) -> fmpq:
        """E ||y||^2."""
        return sum(entry * entry for entry in [*(self.teacher @ self.input_factor).flat, *self.noise_factor.flat])

    def moment(self, exponents: tuple[int, ...], batch_size: int) -> fmpq:
        """The expected value of a monomial in the statistics."""
        total = fmpq(0)
        for coefficient, halves in self._in_squares(exponents):
            for j, half in enumerate(halves):
                coefficient *= math.prod(batch_size - j + 2 * k for k in range(half))  # E chi2(v)^m, v = b - j
            total += coefficient
        return total / batch_size ** sum(exponents)

    def _in_squares(self, exponents: tuple[int, ...]) -> list[tuple[fmpq, list[int]]]:
        """A monomial in the sums over the batch as coefficients and powers of all T_jj^2; normals are averaged."""
        if exponents not in self.expanded:
            product = math.prod((value**e for value, e in zip(self.sums, exponents, strict=True)), start=self.one)
            diagonal = [index for index, (j, k) in enumerate(self.pairs) if j == k]
            terms = []
            for powers, coefficient in product.to_dict().items():
                normals = [power for index, power in enumerate(powers) if index not in diagonal]
                if all(power % 2 == 0 for power in normals):
                    # With the normals of column j of T and Z even, so is T_jj: T T^T and Z T^T do not see its sign.
                    assert all(powers[index] % 2 == 0 for index in diagonal)
                    average = math.prod(math.prod(range(1, power, 2)) for power in normals)
                    terms.append((coefficient * average, [powers[index] // 2 for index in diagonal]))
            self.expanded[exponents] = terms
        return self.expanded[exponents]


class AtomStatistics:
    """The frequencies of the examples in a batch: b times them is multinomial, or 0 and 1 without replacement."""

    def __init__(self, sgd: sv.SGD) -> None:
        data = sgd.problem.data
        self.inputs, self.targets = _rationals(data.X), _rationals(data.y.reshape(len(data.X), -1))
        n = data.size
        self.masses = _rationals(data.probabilities if n is None else np.full(n, Fraction(1, n)))
        self.is_without_replacement = sgd.design.is_without_replacement
        self.count = len(self.masses)

    def means(self, variables: Array) -> tuple[Array, Array]:
        """The means of x x^T and y x^T from the statistics."""
        weighted = self.inputs * variables[:, None]
        return self.inputs.T @ weighted, self.targets.T @ weighted

    def mean_square_target(self) -> fmpq:
        """E ||y||^2."""
        return self.masses @ (self.targets * self.targets).sum(axis=1)

    def moment(self, exponents: tuple[int, ...], batch_size: int) -> fmpq:
        """The expected value of a monomial in the statistics, from factorial moments."""
        b, k = batch_size, sum(exponents)
        if self.is_without_replacement:
            drawn = sum(e > 0 for e in exponents)
            return fmpq(math.perm(b, drawn), math.perm(self.count, drawn) * b**k)
        total = fmpq(0)
        for orders in itertools.product(*(range(e + 1) for e in exponents)):
            term = fmpq(math.perm(b, sum(orders)))
            for e, m, mass in zip(exponents, orders, self.masses.tolist(), strict=True):
                term *= fmpz.stirling_s2(e, m) * mass**m
            total += term
        return total / b**k


# Naive expansion


class Expansion:
    """The weights and gradients of SGD at step t as polynomials in the statistics of the batches 0, ..., t."""

    def __init__(self, sgd: sv.SGD, step: int) -> None:
        data = sgd.problem.data
        self.sgd = sgd
        self.statistics = GaussianStatistics(data) if isinstance(data, sv.GaussianPopulation) else AtomStatistics(sgd)
        names = [f"s{index}" for index in range(self.statistics.count * (step + 1))]
        self.context = fmpq_mpoly_ctx.get(names, Ordering.lex)
        self.decay = _rational(sgd.problem.weight_decay)
        self.moments: dict[tuple[tuple[int, ...], int], fmpq] = {}
        variables = _array(list(self.context.gens()), (step + 1, self.statistics.count))
        self.layers = [self._constants(_rationals(layer)) for layer in sgd.layers]
        for k, alpha in enumerate(sgd.step_sizes(step)):
            gradients = self._gradients(variables[k])
            self.layers = [W - _rational(alpha) * G for W, G in zip(self.layers, gradients, strict=True)]
        self.gradients = self._gradients(variables[step])

    def full_gradients(self) -> list[Array]:
        """The gradients of the full loss: those at the means of the statistics."""
        return self._gradients(self._mean_statistics())

    def loss(self) -> Polynomial:
        """The full loss."""
        S_xx, S_yx = self.statistics.means(self._mean_statistics())
        P = self._end_to_end(self.layers)
        squares = (P @ S_xx * P).sum() - 2 * (P * S_yx).sum() + self.statistics.mean_square_target()
        penalty = sum((W * W).sum() for W in self.layers)
        return squares / 2 + self.decay / 2 * penalty

    def _gradients(self, statistics: Array) -> list[Array]:
        """W_{j+1}^T ... W_L^T (P S_xx - S_yx) W_1^T ... W_{j-1}^T + weight_decay W_j for every layer j."""
        S_xx, S_yx = self.statistics.means(statistics)
        residual = self._end_to_end(self.layers) @ S_xx - S_yx
        gradients = []
        for j, W in enumerate(self.layers):
            gradient = residual
            if j + 1 < len(self.layers):
                gradient = self._end_to_end(self.layers[j + 1 :]).T @ gradient
            if j > 0:
                gradient = gradient @ self._end_to_end(self.layers[:j]).T
            gradients.append(gradient + self.decay * W)
        return gradients

    @staticmethod
    def _end_to_end(layers: list[Array]) -> Array:
        product = layers[0]
        for layer in layers[1:]:
            product = layer @ product
        return product

    def _mean_statistics(self) -> Array:
        count = self.statistics.count
        units = [tuple(int(index == k) for index in range(count)) for k in range(count)]
        return self._constants(_array([self.statistics.moment(unit, 1) for unit in units], (count,)))

    def _constants(self, values: Array) -> Array:
        return _array([self.context.constant(value) for value in values.ravel().tolist()], values.shape)

    def expected(self, polynomial: Polynomial, batch_size: int) -> Fraction:
        """The expected value of a polynomial, one monomial after the other; batches are independent."""
        count, total = self.statistics.count, fmpq(0)
        for exponents, coefficient in polynomial.to_dict().items():
            term = coefficient
            for start in range(0, len(exponents), count):
                term *= self._moment(exponents[start : start + count], batch_size)
            total += term
        return _fraction(total)

    def _moment(self, exponents: tuple[int, ...], batch_size: int) -> fmpq:
        key = exponents, batch_size
        if key not in self.moments:
            self.moments[key] = self.statistics.moment(exponents, batch_size)
        return self.moments[key]

    def second_moment(self, polynomials: list[Polynomial]) -> Callable[[int], Fraction]:
        """The expected sum of squares."""
        squares = sum(polynomial * polynomial for polynomial in polynomials)
        return lambda b: self.expected(squares, b)

    def variance(self, polynomials: list[Polynomial]) -> Callable[[int], Fraction]:
        """The sum of the variances."""
        second_moment = self.second_moment(polynomials)
        return lambda b: second_moment(b) - sum(self.expected(polynomial, b) ** 2 for polynomial in polynomials)

    def shaped_mean(self, layers: list[Array]) -> Callable[[int], Any]:
        """The expected values, in the shape of the weights."""
        entries = _flat(layers)
        return lambda b: self.sgd.shaped(_array([self.expected(entry, b) for entry in entries], (len(entries),)))


def expand_gradient_variance(
    sgd: sv.SGD, step: int, *, matrix: Any = None, layer: int | None = None
) -> Callable[[int], Fraction]:
    expansion = Expansion(sgd, step)
    return expansion.variance(_transformed(expansion.gradients, matrix, layer))


def expand_full_gradient_variance(
    sgd: sv.SGD, step: int, *, matrix: Any = None, layer: int | None = None
) -> Callable[[int], Fraction]:
    expansion = Expansion(sgd, step)
    return expansion.variance(_transformed(expansion.full_gradients(), matrix, layer))


def expand_gradient_second_moment(
    sgd: sv.SGD, step: int, *, matrix: Any = None, layer: int | None = None
) -> Callable[[int], Fraction]:
    expansion = Expansion(sgd, step)
    return expansion.second_moment(_transformed(expansion.gradients, matrix, layer))


def expand_expected_loss(sgd: sv.SGD, step: int) -> Callable[[int], Fraction]:
    expansion = Expansion(sgd, step)
    loss = expansion.loss()
    return lambda b: expansion.expected(loss, b)


def expand_mean_gradient(sgd: sv.SGD, step: int) -> Callable[[int], Any]:
    expansion = Expansion(sgd, step)
    return expansion.shaped_mean(expansion.gradients)


def expand_mean_weights(sgd: sv.SGD, step: int) -> Callable[[int], Any]:
    expansion = Expansion(sgd, step)
    return expansion.shaped_mean(expansion.layers)


def expand_weight_covariance(sgd: sv.SGD, step: int) -> Callable[[int], Array]:
    expansion = Expansion(sgd, step)
    entries = _flat(expansion.layers)
    d = len(entries)
    products = [v * w for v in entries for w in entries]

    def covariance(b: int) -> Array:
        means = _array([expansion.expected(entry, b) for entry in entries], (d,))
        return _array([expansion.expected(product, b) for product in products], (d, d)) - np.outer(means, means)

    return covariance


def _transformed(layers: list[Array], matrix: Any, layer: int | None) -> list[Polynomial]:
    entries = _flat(layers if layer is None else [layers[layer - 1]])
    if matrix is None:
        return entries
    rows = np.atleast_2d(np.array(matrix, dtype=object)).tolist()
    return [sum(_rational(a) * entry for a, entry in zip(row, entries, strict=True)) for row in rows]


# Numbers


def entries(values: Any) -> list[Any]:
    """The entries of a result that is one number, an array, or a tuple of arrays: row by row, layer after layer."""
    return [entry for array in (values if isinstance(values, tuple) else (values,)) for entry in np.ravel(array)]


def _flat(layers: list[Array]) -> list[Any]:
    return [entry for layer in layers for entry in layer.ravel().tolist()]


def _array(entries: list[Any], shape: tuple[int, ...]) -> Array:
    """An object array filled one entry at a time: NumPy would iterate over entries that are polynomials."""
    flat = np.empty(len(entries), dtype=object)
    for index, entry in enumerate(entries):
        flat[index] = entry
    return flat.reshape(shape)


def _rational(value: Any) -> fmpq:
    return fmpq(*Fraction(value).as_integer_ratio())


def _rationals(values: Array) -> Array:
    return _array([_rational(value) for value in values.ravel().tolist()], values.shape)


def _fraction(value: fmpq) -> Fraction:
    return Fraction(int(value.p), int(value.q))
