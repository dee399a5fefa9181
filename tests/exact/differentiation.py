"""Every moment of SGD from the loss alone: SymPy differentiates it, and ordered draws are listed one by one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np
import sympy

import sgdvar as sv

Outcomes: TypeAlias = list[tuple[Any, list[Any]]]
"""Probabilities and vectors."""


def differentiate(
    sgd: sv.SGD, step: int, batch_size: int, *, matrix: Any = None, layer: int | None = None
) -> dict[str, Any]:
    """All seven quantities by name, arrays as flat lists; ``matrix`` and ``layer`` act as in ``sv.enumerate_...``."""
    data = sgd.problem.data
    X, Y = sympy.Matrix(data.X.tolist()), sympy.Matrix(data.y.reshape(len(data.X), -1).tolist())
    layers = [
        sympy.Matrix(*W.shape, lambda i, j, number=number: sympy.Symbol(f"w{number}_{i}_{j}"))
        for number, W in enumerate(sgd.layers, 1)
    ]
    symbols = [symbol for W in layers for symbol in W]
    chosen = symbols if layer is None else list(layers[layer - 1])
    rows = np.eye(len(chosen), dtype=int) if matrix is None else np.atleast_2d(np.array(matrix, dtype=object))

    def loss(i: int) -> sympy.Expr:
        signal = X.row(i).T
        for W in layers:
            signal = W * signal
        residual = signal - Y.row(i).T
        return residual.dot(residual) / 2 + sympy.sympify(sgd.problem.weight_decay) / 2 * sum(w**2 for w in symbols)

    def function(expressions: Iterable[sympy.Expr]) -> Callable[[list[Any]], list[Any]]:
        polynomials = [sympy.Poly(expression, *symbols, domain="QQ") for expression in expressions]
        return lambda weights: [polynomial(*weights) for polynomial in polynomials]

    def gradient(batch_loss: sympy.Expr) -> Callable[[list[Any]], list[Any]]:
        return function(sympy.diff(batch_loss, w) for w in symbols)

    def transformed(gradients: Outcomes) -> Outcomes:
        places = [symbols.index(w) for w in chosen]
        return [
            (p, [sum(sympy.sympify(a) * g[k] for a, k in zip(row, places, strict=True)) for row in rows.tolist()])
            for p, g in gradients
        ]

    masses = _masses(data)
    draws = [
        (probability, gradient(sum(loss(i) for i in batch) / batch_size))
        for batch, probability in _ordered_draws(sgd, masses, batch_size)
    ]
    endings = [(sympy.Integer(1), [sympy.sympify(w) for W in sgd.layers for w in W.ravel().tolist()])]
    for alpha in map(sympy.sympify, sgd.step_sizes(step)):
        endings = [
            (chance * probability, [w - alpha * g for w, g in zip(weights, batch_gradient(weights), strict=True)])
            for chance, weights in endings
            for probability, batch_gradient in draws
        ]
    gradients = [(chance * p, batch_gradient(weights)) for chance, weights in endings for p, batch_gradient in draws]
    full_loss = sum(mass * loss(i) for i, mass in enumerate(masses))
    losses, full_gradient = function([full_loss]), gradient(full_loss)
    seen, full = transformed(gradients), transformed([(p, full_gradient(weights)) for p, weights in endings])
    return {
        "gradient variance": _trace(_covariance(seen)),
        "full gradient variance": _trace(_covariance(full)),
        "gradient second moment": sum(p * sum(entry**2 for entry in values) for p, values in seen),
        "expected loss": _mean([(p, losses(weights)) for p, weights in endings])[0],
        "mean gradient": _mean(gradients),
        "mean weights": _mean(endings),
        "weight covariance": [entry for row in _covariance(endings) for entry in row],
    }


def _masses(data: sv.Dataset | sv.DiscretePopulation) -> list[Any]:
    """The probability of each example in one draw."""
    if isinstance(data, sv.Dataset):
        return [sympy.Rational(1, data.size)] * data.size
    return [sympy.sympify(mass) for mass in data.probabilities.tolist()]


def _ordered_draws(sgd: sv.SGD, masses: list[Any], batch_size: int) -> list[tuple[tuple[int, ...], Any]]:
    """Every batch in every order, with the probability of drawing it so."""
    if sgd.design.is_without_replacement:
        batches = list(itertools.permutations(range(len(masses)), batch_size))
        return [(batch, sympy.Rational(1, len(batches))) for batch in batches]
    batches = list(itertools.product(range(len(masses)), repeat=batch_size))
    return [(batch, sympy.prod([masses[i] for i in batch])) for batch in batches]


def _mean(outcomes: Outcomes) -> list[Any]:
    chances, rows = zip(*outcomes, strict=True)
    return [sum(p * value for p, value in zip(chances, column, strict=True)) for column in zip(*rows, strict=True)]


def _covariance(outcomes: Outcomes) -> list[list[Any]]:
    centre = _mean(outcomes)
    size = range(len(centre))
    return [[sum(p * (v[i] - centre[i]) * (v[j] - centre[j]) for p, v in outcomes) for j in size] for i in size]


def _trace(matrix: list[list[Any]]) -> Any:
    return sum(row[k] for k, row in enumerate(matrix))
