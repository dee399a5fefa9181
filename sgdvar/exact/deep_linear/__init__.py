"""Deep linear networks: exact moments along SGD."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from sgdvar.arithmetic import object_array
from sgdvar.data import Data
from sgdvar.errors import NotExactError
from sgdvar.exact.deep_linear.branching import Branching
from sgdvar.exact.deep_linear.cost import check_budget, prefers_branching
from sgdvar.exact.deep_linear.network import Network
from sgdvar.exact.deep_linear.propagation import Propagation
from sgdvar.exact.deep_linear.residuals import residual_law
from sgdvar.exact.deep_linear.ring import Element, Ring, dot
from sgdvar.expressions import Expressions
from sgdvar.polynomial import BatchPolynomial
from sgdvar.process import SGD
from sgdvar.sampling import BatchDesign
from sgdvar.scalars import Array, Kind, join_kinds

__all__ = [
    "expected_loss",
    "full_gradient_variance",
    "gradient_second_moment",
    "gradient_variance",
    "mean_gradient",
    "mean_weights",
    "weight_covariance",
]


def gradient_variance(
    sgd: SGD, step: int, rows: Array | None, kind: Kind, layer: int | None, budget: float
) -> BatchPolynomial:
    """Var(A g_t)."""
    return _squares(sgd, step, rows, kind, layer, budget, with_batch=True, centred=True)


def full_gradient_variance(
    sgd: SGD, step: int, rows: Array | None, kind: Kind, layer: int | None, budget: float
) -> BatchPolynomial:
    """Var(A grad L(w_t))."""
    return _squares(sgd, step, rows, kind, layer, budget, with_batch=False, centred=True)


def gradient_second_moment(
    sgd: SGD, step: int, rows: Array | None, kind: Kind, layer: int | None, budget: float
) -> BatchPolynomial:
    """E ||A g_t||^2."""
    return _squares(sgd, step, rows, kind, layer, budget, with_batch=True, centred=False)


def expected_loss(sgd: SGD, step: int, data: Data, budget: float) -> BatchPolynomial:
    """E L(w_t), the loss taken on ``data``."""
    kind = join_kinds([sgd.kind, data.kind], "the process and data")
    law = _law(sgd, step, kind, 2 * len(sgd.layers), budget, data.numbers())
    other = residual_law(data, BatchDesign(data.default_sampling, data.size), Ring(law.symbols))
    return law.polynomial(law.expectations(lambda network: [network.loss(other)])[0])


def mean_gradient(sgd: SGD, step: int, budget: float) -> Any:
    """E g_t."""
    every = _chosen(sgd, None)
    law = _law(sgd, step, sgd.kind, _gradient_degree(sgd, 1), budget, count=sgd.weight_count)
    return sgd.shaped(_polynomials(law, law.expectations(lambda network: network.gradient(every))))


def mean_weights(sgd: SGD, step: int, budget: float) -> Any:
    """E w_t."""
    law = _law(sgd, step, sgd.kind, 1, budget, count=sgd.weight_count)
    return sgd.shaped(_polynomials(law, law.expectations(lambda network: network.flat)))


def weight_covariance(sgd: SGD, step: int, budget: float) -> Array:
    """Cov(w_t), for the weights flattened row by row, layer after layer."""
    d = sgd.weight_count
    pairs = list(combinations_with_replacement(range(d), 2))
    law = _law(sgd, step, sgd.kind, 2, budget, count=len(pairs))
    moments = law.expectations(lambda network: network.flat + [network.flat[i] * network.flat[j] for i, j in pairs])
    result = np.empty((d, d), dtype=object)
    for (i, j), product in zip(pairs, moments[d:], strict=True):
        result[i, j] = result[j, i] = law.polynomial(product - moments[i] * moments[j])
    return result


def gradient_fourth_moment(
    sgd: SGD, step: int, rows: Array | None, kind: Kind, layer: int | None, budget: float
) -> BatchPolynomial:
    """E ||A (g_t - E g_t)||^4."""
    law = _law(sgd, step, kind, 2 * _gradient_degree(sgd, 2), budget, () if rows is None else (rows,), in_batch=4)
    assert isinstance(law, Propagation)
    chosen = _chosen(sgd, layer)
    means = law.expectations(lambda network: network.gradient(chosen)).tolist()

    def question(network: Network, statistic: Array) -> list[Element]:
        ring = network.ring
        gradient = network.gradient(chosen, statistic)
        deviations = [g - ring.element(mean) for g, mean in zip(gradient, means, strict=True)]
        if rows is not None:
            deviations = [dot(deviations, map(ring.element, row)) for row in rows.tolist()]
        return [dot(deviations, deviations) ** 2]

    return law.polynomial(law.batch_expectations(question)[0])


def _squares(
    sgd: SGD,
    step: int,
    rows: Array | None,
    kind: Kind,
    layer: int | None,
    budget: float,
    *,
    with_batch: bool,
    centred: bool,
) -> BatchPolynomial:
    """The second moment of A times the gradient of a batch, or the full one; centred, its variance."""
    law = _law(sgd, step, kind, _gradient_degree(sgd, 2), budget, () if rows is None else (rows,))
    chosen = _chosen(sgd, layer)

    def question(network: Network) -> list[Element]:
        square = network.second_moment(chosen, rows, with_batch=with_batch)
        return [square, *network.gradient(chosen)] if centred else [square]

    square, *means = law.expectations(question)
    if rows is not None and centred:
        means = [dot(means, [law.element(entry) for entry in row]) for row in rows.tolist()]
    return law.polynomial(square - dot(means, means) if centred else square)


def _chosen(sgd: SGD, layer: int | None) -> range:
    """The layers whose gradient is meant, counted from 0."""
    return range(len(sgd.layers)) if layer is None else range(layer - 1, layer)


def _gradient_degree(sgd: SGD, power: int) -> int:
    """The degree in the weights of a power of the gradient."""
    return power * (2 * len(sgd.layers) - 1)


def _law(
    sgd: SGD,
    step: int,
    kind: Kind,
    degree: int,
    budget: float,
    others: Sequence[Array] = (),
    *,
    count: int = 1,
    in_batch: int = 0,
) -> Propagation | Branching:
    """The law of the weights, computed in the cheaper of two ways for polynomials of this degree.

    Args:
        sgd: The process.
        step: t.
        kind: The numbers of the results.
        degree: The degree in the last weights of what is asked.
        budget: The most products of coefficients.
        others: Other arrays of numbers in the question.
        count: How many polynomials of this degree are asked for.
        in_batch: The degree in the statistic of one more batch, if that is asked for, too.

    Raises:
        NotExactError: Floats.
        BudgetExceededError: The cheaper way is beyond the budget.
    """
    if kind == "float":
        raise NotExactError(
            f"numbers must be exact for the moments of a network, got floats in {sgd} or in what is asked of it; write "
            "0.1 as Fraction(1, 10), or convert floats on purpose with sgdvar.rationalize"
        )
    symbols = Expressions.of([*sgd.numbers(), *others]).symbols if kind == "symbolic" else ()
    check_budget(sgd, step, degree, budget, kind=kind, symbols=len(symbols), count=count, in_batch=in_batch)
    if not in_batch and prefers_branching(sgd, step, degree, kind):
        return Branching(sgd, step)
    return Propagation(sgd, step, symbols)


def _polynomials(law: Propagation | Branching, values: Array) -> Array:
    return object_array([law.polynomial(value) for value in values], (len(values),))
