r"""Provable bounds on what one replicate, or one pair of them, can contribute to an estimate on finite data.

Weights are in a ball about those of gradient descent on all data (``enclosure``), so gradients are near those at its
centre, which are known example by example. A bound is infinite, with a reason, where there is none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sgdvar.data import Data, GaussianPopulation
from sgdvar.monte_carlo.dynamics.chain import Chain, GradientMap
from sgdvar.monte_carlo.landscapes.linear import Landscape
from sgdvar.monte_carlo.statistics.enclosure import Enclosure, enclosure
from sgdvar.problems import DeepLinearNetwork, LinearRegression
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = ["Bound", "full_gradient_pair_bound", "gradient_pair_bound", "gradient_square_bound", "loss_bound"]

_PAIRS = 2**30  # multiplications for distances between examples
_TABLE = 2**22  # numbers in a table of all examples, or of distances
_SLACK = 1e-9  # far above rounding


@dataclass(frozen=True)
class Bound:
    """A provable bound.

    Attributes:
        value: At least as large as every possible replicate; infinite where no bound is known.
        reason: Why it is infinite; empty where it is finite.
    """

    value: float
    reason: str = ""


def gradient_pair_bound(
    sgd: SGD, step: int, batch_size: int, apply: GradientMap, *, conditional: bool, unit_roundoff: float = 2.0**-53
) -> Bound:
    r"""A bound on a pair of replicates for Var(A g_t).

    .. math:: \tfrac12 \lVert A (g - g') \rVert^2 \quad\text{or, conditionally,}\quad
        \tfrac12 (s + s') + \tfrac12 \lVert A (\nabla L(w) - \nabla L(w')) \rVert^2,
        \quad s = c(b) \operatorname{tr}(A \Sigma(w) A^\top)

    Guarantees:
        No pair exceeds it, computed in arithmetic of the given unit roundoff.

    Args:
        sgd: The process, of numbers.
        step: t >= 0.
        batch_size: b.
        apply: A.
        conditional: Whether the last batch is averaged over.
        unit_roundoff: Of the arithmetic in which replicates are simulated.
    """

    def bound(ball: Enclosure) -> float:
        image = _Image.of(ball, apply)
        if conditional:
            factor = float(sgd.design.variance_factor(batch_size))
            return factor * image.trace + (2 * image.full_change) ** 2 / 2
        return (image.distance + 2 * image.change) ** 2 / 2

    return _bound(sgd, step, batch_size, unit_roundoff, bound)


def full_gradient_pair_bound(
    sgd: SGD, step: int, batch_size: int, apply: GradientMap, *, unit_roundoff: float = 2.0**-53
) -> Bound:
    r"""A bound on a pair for :math:`\operatorname{Var}(A \nabla L(w_t))`; arguments as for ``gradient_pair_bound``."""
    return _bound(sgd, step, batch_size, unit_roundoff, lambda ball: (2 * _Image.of(ball, apply).full_change) ** 2 / 2)


def gradient_square_bound(
    sgd: SGD, step: int, batch_size: int, apply: GradientMap, *, conditional: bool, unit_roundoff: float = 2.0**-53
) -> Bound:
    r"""A bound on one replicate for :math:`E \lVert A g_t \rVert^2`; arguments as for ``gradient_pair_bound``."""

    def bound(ball: Enclosure) -> float:
        image = _Image.of(ball, apply)
        if conditional:
            factor = float(sgd.design.variance_factor(batch_size))
            return factor * image.trace + (image.mean + image.full_change) ** 2
        return (image.mean + image.noise + image.change) ** 2

    return _bound(sgd, step, batch_size, unit_roundoff, bound)


def loss_bound(
    sgd: SGD, step: int, batch_size: int, data: Data | None = None, *, unit_roundoff: float = 2.0**-53
) -> Bound:
    r"""A bound on one replicate for :math:`E L(w_t)`, with L on any data that ``sgd.check_data`` accepts.

    The root of twice the loss without weight decay is a norm of the residuals, so it grows by no more than the product
    of the layers moves, times the root of the largest eigenvalue of :math:`E\, x x^\top`.

    Args:
        sgd: The process, of numbers.
        step: t >= 0.
        batch_size: b.
        data: Where L is taken; by default the data that SGD sees.
        unit_roundoff: Of the arithmetic in which replicates are simulated.
    """

    def bound(ball: Enclosure) -> float:
        landscape = Landscape.of(sgd.check_data(data), Chain.of(sgd), ball.decay)
        weights = np.concatenate([layer.ravel() for layer in ball.centre])[None]
        decay = landscape.decay / 2
        penalty = decay * sum(float((layer**2).sum()) for layer in ball.centre)
        loss = max(0.0, float(landscape.loss(weights)[0]) - penalty)
        size = float(np.trace(landscape.hessian))
        terms = (math.sqrt(size) * (math.prod(ball.norms) + float(np.linalg.norm(landscape.origin)))) ** 2
        rounding = ball.roundoff * (terms + landscape.targets)
        root = math.sqrt(2 * (loss + rounding))
        root += math.sqrt(float(np.linalg.norm(landscape.hessian, ord=2))) * ball.ranges.product
        return root**2 / 2 + rounding + decay * sum(norm**2 for norm in ball.norms)

    return _bound(sgd, step, batch_size, unit_roundoff, bound)


def _bound(sgd: SGD, step: int, batch_size: int, unit_roundoff: float, bound: Callable[[Enclosure], float]) -> Bound:
    if isinstance(sgd.problem.data, GaussianPopulation):
        return Bound(math.inf, "replicates are unbounded, because the inputs are Gaussian")
    if not isinstance(sgd.problem, LinearRegression | DeepLinearNetwork):
        return Bound(math.inf, f"no bound is known for the gradients of a {type(sgd.problem).__name__}")
    with np.errstate(all="ignore"):
        try:
            ball = enclosure(sgd, step, batch_size, unit_roundoff=unit_roundoff)
            value = bound(ball) * (1 + 4 * ball.roundoff)
        except (OverflowError, np.linalg.LinAlgError):  # of Python floats; of norms of what is no number
            value = math.inf
    if math.isfinite(value):
        return Bound(value)
    return Bound(math.inf, f"the bound on what batches can do in {step} steps is beyond floating-point numbers")


@dataclass(frozen=True, eq=False)
class _Image:
    """Bounds on gradients under A, in a ball of weights; each holds for computed ones, too.

    Attributes:
        mean: The norm of the full gradient at the centre.
        noise: Its distance from a batch gradient there.
        distance: The distance between two batch gradients there.
        change: How far a batch gradient can be from that of the same batch at the centre.
        full_change: The same for the full gradient.
        trace: The variance of one example's gradient, anywhere in the ball.
    """

    mean: float
    noise: float
    distance: float
    change: float
    full_change: float
    trace: float

    @classmethod
    def of(cls, ball: Enclosure, apply: GradientMap) -> _Image:
        """The bounds for a ball."""
        moved = _moved(ball, apply, ball.ranges.gradients)
        radius = float(_moved(ball, apply, np.array(ball.radii)))
        chances = ball.examples.probabilities
        batch_moved, mean_moved = ball.batches.mean(moved), float(chances @ moved)
        if len(ball.centre) == 1:
            batch_moved = min(batch_moved, ball.curvature * radius)
            mean_moved = min(mean_moved, ball.mean_curvature * radius)
        rounding = 4 * ball.roundoff * float(_moved(ball, apply, np.array(ball.magnitudes)))
        gradients = [g + ball.decay * layer for g, layer in zip(ball.mean_gradients, ball.centre, strict=True)]
        flat = np.concatenate([g.ravel() for g in gradients])[None]
        norms, diameter = _spread(ball, apply)
        noise = ball.batches.noise(norms)
        deviation = math.sqrt(float(chances @ norms**2)) + math.sqrt(float(chances @ moved**2))
        return cls(
            mean=float(np.linalg.norm(apply(flat))) + rounding,
            noise=noise + rounding,
            distance=min(ball.batches.exchanged * diameter, 2 * noise) + 2 * rounding,
            change=batch_moved + ball.decay * radius + rounding,
            full_change=mean_moved + ball.decay * radius + rounding,
            trace=deviation**2 + rounding**2 / ball.roundoff,
        )


def _moved(ball: Enclosure, apply: GradientMap, norms: Array) -> Array:
    """A bound on the norm under A of gradients with these norms in each layer, along the first axis."""
    if apply.rows is None:
        kept = norms if apply.layer is None else norms[apply.layer - 1 : apply.layer]
        return np.asarray(np.linalg.norm(kept, axis=0))
    blocks = [float(np.linalg.norm(apply.rows[:, entries], ord=2)) for entries in apply.chain.slices()]
    whole = float(np.linalg.norm(apply.rows, ord=2)) * np.linalg.norm(norms, axis=0)
    return np.asarray(np.minimum(whole, np.tensordot(blocks, norms, axes=1)))


def _spread(ball: Enclosure, apply: GradientMap) -> tuple[Array, float]:
    """How far each example's gradient under A is from the mean at the centre, and a bound on the largest distance."""
    n, norms = len(ball.examples.X), []
    table: list[Array] = []
    for rows in ball.deviations():
        mapped = apply(rows)
        norms.append(np.linalg.norm(mapped, axis=1))
        if n * mapped.shape[1] <= _TABLE:
            table.append(mapped)
    sizes = np.concatenate(norms)
    return sizes, _diameter(np.concatenate(table), sizes) if table else 2 * float(sizes.max())


def _diameter(points: Array, norms: Array) -> float:
    """The largest distance between two of them, or a bound on it where that takes too long; their mean is 0."""
    reach = float(norms.max())
    least = float(np.linalg.norm(points - points[norms.argmax()], axis=1).max())
    kept = points[norms + reach >= least * (1 - _SLACK)]  # no others are that far from any
    if len(kept) ** 2 * points.shape[1] > _PAIRS:
        return 2 * reach
    squares, stride = (kept**2).sum(axis=1), max(1, _TABLE // len(kept))
    parts = (slice(i, i + stride) for i in range(0, len(kept), stride))
    return math.sqrt(max(float((squares[i, None] + squares - 2 * kept[i] @ kept.T).max()) for i in parts))
