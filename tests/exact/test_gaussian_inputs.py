"""Gaussian inputs, where enumeration cannot go: every draw written out, and Isserlis' theorem monomial by monomial."""

from __future__ import annotations

from fractions import Fraction
from math import prod

import numpy as np
import pytest
import sympy
from sympy.polys.rings import ring

import sgdvar as sv


def expectation(polynomial):
    """E of a polynomial in independent N(0, 1) variables: a power k has the moment (k - 1)!! if k is even, else 0."""
    return sum(
        (
            Fraction(int(a.numerator), int(a.denominator)) * prod(int(sympy.factorial2(k - 1)) for k in powers)
            for powers, a in polynomial.terms()
            if all(k % 2 == 0 for k in powers)
        ),
        start=Fraction(0),
    )


def inner(left, right):
    return sum(a * b for a, b in zip(left, right, strict=True))


def covariance(polynomials):
    means = [expectation(f) for f in polynomials]
    return [
        [expectation(f * g) - mean_f * mean_g for g, mean_g in zip(polynomials, means, strict=True)]
        for f, mean_f in zip(polynomials, means, strict=True)
    ]


class Draws:
    """SGD on explicit N(0, 1) variables: polynomials in all of them."""

    def __init__(self, sgd, step, batch_size):
        source = sgd.problem.data
        q, p = np.atleast_2d(source.teacher).shape
        self.teacher = np.atleast_2d(source.teacher).tolist()
        self.factor = np.eye(p, dtype=int).tolist() if source.input_factor is None else source.input_factor.tolist()
        self.noise = [[0]] * q if source.noise_factor is None else source.noise_factor.tolist()
        r, s = len(self.factor[0]), len(self.noise[0])
        names = sympy.symbols(f"xi:{(step + 1) * batch_size * (r + s)}")
        self.ring, *variables = ring(names, sympy.QQ)
        self.decay, self.b = self.number(sgd.problem.weight_decay), batch_size
        self.weights = [[self.ring(self.number(w)) for w in row] for row in np.atleast_2d(sgd.start).tolist()]
        per_batch = batch_size * (r + s)
        batches = [variables[k * per_batch : (k + 1) * per_batch] for k in range(step + 1)]
        examples = [[(v[k : k + r], v[k + r : k + r + s]) for k in range(0, per_batch, r + s)] for v in batches]
        for alpha, batch in zip(sgd.step_sizes(step), examples[:step], strict=True):
            gradient = self.gradient(batch)
            self.weights = [
                [w - self.number(alpha) * g for w, g in zip(row, slope, strict=True)]
                for row, slope in zip(self.weights, gradient, strict=True)
            ]
        self.last_gradient = [entry for row in self.gradient(examples[-1]) for entry in row]
        self.full_gradient = [
            inner(error, column) + self.decay * w
            for error, row in zip(self.errors(), self.weights, strict=True)
            for column, w in zip(self.input_covariance(), row, strict=True)
        ]
        self.flat_weights = [w for row in self.weights for w in row]

    def number(self, value):
        return sympy.QQ(Fraction(value).numerator, Fraction(value).denominator)

    def combination(self, numbers, polynomials):
        return sum((self.number(a) * f for a, f in zip(numbers, polynomials, strict=True)), start=self.ring.zero)

    def gradient(self, batch):
        total = [[self.decay * w for w in row] for row in self.weights]
        for xi, zeta in batch:
            x = [self.combination(row, xi) for row in self.factor]
            for k, weights in enumerate(self.weights):
                y = self.combination(self.teacher[k], x) + self.combination(self.noise[k], zeta)
                residual = inner(weights, x) - y
                total[k] = [g + residual * value * sympy.QQ(1, self.b) for g, value in zip(total[k], x, strict=True)]
        return total

    def errors(self):
        return [
            [w - self.number(v) for w, v in zip(row, known, strict=True)]
            for row, known in zip(self.weights, self.teacher, strict=True)
        ]

    def input_covariance(self):
        return [[self.number(inner(row, other)) for other in self.factor] for row in self.factor]

    def expected_loss(self):
        spread = sum(
            expectation(f * g) * Fraction(inner(row, other))
            for error in self.errors()
            for f, row in zip(error, self.factor, strict=True)
            for g, other in zip(error, self.factor, strict=True)
        )
        label_noise = Fraction(sum(value * value for row in self.noise for value in row))
        norm = sum(expectation(w * w) for w in self.flat_weights)
        decay = Fraction(int(self.decay.numerator), int(self.decay.denominator))
        return (spread + label_noise + decay * norm) / 2


SOURCES = {
    "one feature": sv.GaussianPopulation(teacher=[2], input_factor=[[3]], noise_factor=Fraction(1, 2)),
    "no noise": sv.GaussianPopulation(teacher=[2]),
    "two features": sv.GaussianPopulation([1, -2], input_factor=[[1, 0], [Fraction(1, 2), 2]], noise_factor=3),
    "two, no noise": sv.GaussianPopulation(teacher=[1, -2], input_factor=[[1, 1], [1, -2]]),
    "wide factor": sv.GaussianPopulation(teacher=[1, 3], input_factor=[[1, 0, 1], [2, 1, 0]]),
    "two outputs": sv.GaussianPopulation(teacher=[[1], [2]], noise_factor=[[1, 0], [1, 2]]),
    "two by two": sv.GaussianPopulation([[1, 0], [-1, 2]], input_factor=[[1, 0], [1, 1]], noise_factor=[[1], [-2]]),
}


@pytest.mark.parametrize(
    ("name", "step", "batch_size"),
    [
        *[(name, step, b) for name in SOURCES for step in (0, 1) for b in (1, 2)],
        *[(name, 2, b) for name in ("one feature", "no noise") for b in (1, 2)],
        ("no noise", 1, 3),
    ],
)
def test_the_engine_equals_isserlis_theorem_on_explicit_draws(name, step, batch_size):
    source = SOURCES[name]
    start = np.arange(1, source.teacher.size + 1).reshape(source.teacher.shape)
    problem = sv.LinearRegression(source, weight_decay=Fraction(1, 3))
    sgd = sv.SGD(problem, start=start, step_size=[Fraction(1, 2), Fraction(-1, 3)])
    draws = Draws(sgd, step, batch_size)
    gradients, weights = covariance(draws.last_gradient), covariance(draws.flat_weights)
    full = covariance(draws.full_gradient)
    d = range(sgd.start.size)
    assert sv.gradient_variance(sgd, step)(batch_size) == sum(gradients[k][k] for k in d)
    assert sv.gradient_variance(sgd, step, matrix=[1] * sgd.start.size)(batch_size) == sum(map(sum, gradients))
    assert sv.full_gradient_variance(sgd, step)(batch_size) == sum(full[k][k] for k in d)
    second_moment = sum(expectation(g * g) for g in draws.last_gradient)
    assert sv.gradient_second_moment(sgd, step)(batch_size) == second_moment
    assert [f(batch_size) for f in sv.mean_gradient(sgd, step).ravel()] == [expectation(g) for g in draws.last_gradient]
    assert [f(batch_size) for f in sv.mean_weights(sgd, step).ravel()] == [expectation(w) for w in draws.flat_weights]
    assert [[f(batch_size) for f in row] for row in sv.weight_covariance(sgd, step)] == weights
    assert sv.expected_loss(sgd, step)(batch_size) == draws.expected_loss()


def test_the_moments_of_a_normal_variable_are_double_factorials():
    _, x, y = ring(sympy.symbols("x y"), sympy.QQ)
    assert [expectation(x**k) for k in range(1, 9)] == [0, 1, 0, 3, 0, 15, 0, 105]
    assert expectation(3 * x**4 * y**2 + x * y + 2) == 11
