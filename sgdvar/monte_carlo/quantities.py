r"""What an estimate is of: what each replicate contributes, plainly or averaged over its last batch, and its bound.

Averaged over the last batch given the last weights, the variance of a gradient is the mean of
:math:`s = c(b) \operatorname{tr}(A \Sigma(w_t) A^\top)` plus the variance of :math:`h = A \nabla L(w_t)`, and its
second moment the mean of :math:`s + \lVert h \rVert^2`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from sgdvar.data import Data
from sgdvar.monte_carlo.dynamics.chain import GradientMap
from sgdvar.monte_carlo.landscapes.linear import LossSurface
from sgdvar.monte_carlo.landscapes.moments import batch_moments, landscape_of, rounding_bound
from sgdvar.monte_carlo.running.trajectories import Record
from sgdvar.monte_carlo.statistics.bounds import (
    Bound,
    full_gradient_pair_bound,
    gradient_pair_bound,
    gradient_square_bound,
    loss_bound,
)
from sgdvar.monte_carlo.statistics.summaries import Functional
from sgdvar.process import SGD
from sgdvar.scalars import Array, check_flag

__all__ = [
    "Contribution",
    "Quantity",
    "expected_loss_of",
    "full_gradient_variance_of",
    "gradient_second_moment_of",
    "gradient_variance_of",
    "mean_gradient_of",
    "mean_weights_of",
]

Contribution: TypeAlias = Callable[[Record, int], Functional]
"""From what a set of replicates did at one step, and the batch size, to what they contribute to an estimate."""
Moments: TypeAlias = Callable[[Record, int], tuple[Array, Array]]
"""To the mean of A g over the last batch, shape (N, m), and the variance of it, shape (N,)."""


@dataclass(frozen=True, eq=False)
class Quantity:
    """One quantity at one step.

    Attributes:
        name: In words.
        plain: From trajectories as they are.
        conditional: Averaged over the last batch, given the last weights; None where there is no batch after them.
        bound: Of what a pair of replicates contributes (one replicate, where the estimate is a mean), as a function of
            the batch size; None where contributions may be negative.
        rounding: Makes a function of what replicates did: what rounding alone can make of the quantity in float64. None
            where that is not known.
        is_signed: Whether the quantity may have either sign.
        is_of_batch: Whether plain contributions depend on the last batch, and not on the weights before it alone.
        details: All else that it depends on beside the process.
    """

    name: str
    plain: Contribution
    conditional: Contribution | None = None
    bound: Callable[..., Bound] | None = None
    rounding: Callable[[], Callable[[Record], float]] | None = None
    is_signed: bool = False
    is_of_batch: bool = False
    details: Sequence[Any] = ()


def gradient_variance_of(sgd: SGD, step: int, matrix: Any, layer: int | None, is_conditional: bool) -> Quantity:
    """Var(A g_t)."""
    apply = GradientMap.of(sgd, matrix, layer)

    def averaged(moments: Moments) -> Contribution:
        def contribution(record: Record, b: int) -> Functional:
            means, noise = moments(record, b)
            return Functional.of(noise, means)

        return contribution

    return Quantity(
        _named("Var({})", matrix),
        lambda record, b: Functional.of(vectors=apply(record.gradients)),
        averaged(batch_moments(sgd, apply)) if check_flag(is_conditional, "conditional") else None,
        lambda b, **how: gradient_pair_bound(sgd, step, b, apply, **how),
        partial(rounding_bound, sgd, matrix, layer),
        is_of_batch=True,
        details=[matrix, layer],
    )


def full_gradient_variance_of(sgd: SGD, step: int, matrix: Any, layer: int | None) -> Quantity:
    """Var(A grad L(w_t))."""
    landscape, apply = landscape_of(sgd), GradientMap.of(sgd, matrix, layer)
    return Quantity(
        _named("Var({})", matrix, "grad L(w_t)"),
        lambda record, b: Functional.of(vectors=apply(landscape.gradient(record.weights))),
        bound=lambda b, *, conditional, **how: full_gradient_pair_bound(sgd, step, b, apply, **how),
        rounding=partial(rounding_bound, sgd, matrix, layer),
        details=[matrix, layer],
    )


def gradient_second_moment_of(sgd: SGD, step: int, matrix: Any, layer: int | None, is_conditional: bool) -> Quantity:
    r""":math:`E \lVert A g_t \rVert^2`."""
    apply = GradientMap.of(sgd, matrix, layer)

    def averaged(moments: Moments) -> Contribution:
        def contribution(record: Record, b: int) -> Functional:
            means, noise = moments(record, b)
            return Functional.of(_squares(means) + noise)

        return contribution

    return Quantity(
        _named("E ||{}||^2", matrix),
        lambda record, b: Functional.of(_squares(apply(record.gradients))),
        averaged(batch_moments(sgd, apply)) if check_flag(is_conditional, "conditional") else None,
        lambda b, **how: gradient_square_bound(sgd, step, b, apply, **how),
        partial(rounding_bound, sgd, matrix, layer),
        is_of_batch=True,
        details=[matrix, layer],
    )


def expected_loss_of(sgd: SGD, step: int, data: Data | None) -> Quantity:
    """E L(w_t), the loss taken on ``data``."""
    landscape = landscape_of(sgd, data)
    return Quantity(
        "E L(w_t)",
        lambda record, b: Functional.of(landscape.loss(record.weights)),
        bound=lambda b, *, conditional, **how: loss_bound(sgd, step, b, data, **how),
        details=() if data is None else data.numbers(),
    )


def mean_gradient_of(sgd: SGD, shape: tuple[int, ...], is_conditional: bool) -> Quantity:
    """E g_t, in a shape."""

    def averaged(landscape: LossSurface) -> Contribution:
        return lambda record, b: Functional.of(landscape.gradient(record.weights).reshape(-1, *shape))

    return Quantity(
        "E g_t",
        lambda record, b: Functional.of(record.gradients.reshape(-1, *shape)),
        averaged(landscape_of(sgd)) if check_flag(is_conditional, "conditional") else None,
        is_signed=True,
        is_of_batch=True,
    )


def mean_weights_of(shape: tuple[int, ...]) -> Quantity:
    """E w_t, in a shape."""
    return Quantity("E w_t", lambda record, b: Functional.of(record.weights.reshape(-1, *shape)), is_signed=True)


def _named(pattern: str, matrix: Any, gradient: str = "g_t") -> str:
    return pattern.format(gradient if matrix is None else f"A {gradient}")


def _squares(rows: Array) -> Array:
    return np.asarray((rows**2).sum(axis=1))
