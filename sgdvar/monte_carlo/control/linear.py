r"""A control variate for linear regression: the deviation of the weights from their mean.

There gradients are affine in the weights and batches are independent of them, so mean weights follow gradient descent,
:math:`E w_t = \bar w_t`, and :math:`w_t - \bar w_t` has mean 0 whatever the noise. An estimate that averages over the
last batch is the mean of some s plus the variance of some vector h, with s quadratic and h affine in the weights. So

.. math:: s(w_t) - \nabla s(\bar w_t)^\top (w_t - \bar w_t)

has the mean of s and no linear part, which is most of its variance. The coefficients are derivatives at a fixed point:
no pilot, and nothing to simulate beside the process.

Quadratic features would leave nothing: their means are the recursion of the exact engine, and the estimate would be
that recursion, and no simulation any more. Here nothing but :math:`E w_t = \bar w_t` is taken from theory. That is all
there is to mean weights and mean gradients, whose estimates are then without error.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sgdvar.memory import once_for_each
from sgdvar.moments import reference_weights
from sgdvar.monte_carlo.control.budget import check_budget
from sgdvar.monte_carlo.dynamics.base import GRADIENT_LIMIT
from sgdvar.monte_carlo.dynamics.chain import Chain, GradientMap
from sgdvar.monte_carlo.landscapes.moments import landscape_of
from sgdvar.monte_carlo.landscapes.noise import gradient_noise
from sgdvar.monte_carlo.quantities import Quantity
from sgdvar.monte_carlo.running.runs import Run
from sgdvar.monte_carlo.running.trajectories import Record
from sgdvar.monte_carlo.statistics.summaries import Functional
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = ["LinearControls", "linear_controls"]

_RESERVE = 1e6  # how far gradient descent must stay below the limit of simulated weights
_OPERATIONS = 2**26  # that the variance of what is taken off may take
_NUMBERS = 2**20  # in the rows of weights at which a contribution is taken at a time


@dataclass(frozen=True, eq=False)
class LinearControls:
    r"""What to take off each replicate's contribution: fixed coefficients times :math:`w_t - \bar w_t`.

    Attributes:
        mean: :math:`\bar w_t`, shape (d,).
        slopes: The coefficients by batch size, shape ``(d, *shape)``; none where nothing is random.
        least: Bounds on the variance of what is taken off, by batch size.
        dynamics: None: the process alone is simulated.
    """

    mean: Array
    slopes: dict[int, Array]
    least: dict[int, float]
    dynamics: None = None

    @property
    def digest(self) -> str:
        """As ``Controls.digest``: process and quantity determine coefficients up to rounding."""
        return "to first order"

    def process(self, record: Record) -> Record:
        """As ``Controls.process``."""
        return record

    def least_variance(self, batch_size: int) -> float:
        """As ``Controls.least_variance``."""
        return self.least.get(batch_size, 0.0)

    def scale(self, batch_size: int) -> float:
        """As ``Controls.scale``."""
        if batch_size not in self.slopes:
            return 0.0
        return float(np.linalg.norm(np.abs(self.slopes[batch_size]).sum(axis=0)) * np.abs(self.mean).max())

    def controlled(self, own: Functional, record: Record, batch_size: int) -> Functional:
        """As ``Controls.controlled``."""
        if batch_size not in self.slopes:
            return own
        correction = np.tensordot(record.weights - self.mean, self.slopes[batch_size], 1)
        return own._replace(offsets=own.offsets - correction)


def linear_controls(run: Run, quantity: Quantity) -> LinearControls:
    """The control variates of a run of linear regression.

    Args:
        run: At one step.
        quantity: What is estimated.

    Raises:
        ValueError: The quantity depends on the last batch, or gradient descent leaves the range of simulated weights.
        BudgetExceededError: Coefficients are forecast to take longer than the run's time budget.
    """
    if quantity.is_of_batch and quantity.conditional is None:
        raise ValueError(
            "conditional must be True with control_variate=True for a LinearRegression, got False: the control variate "
            "is the deviation of the last weights from their mean, which says nothing of the batch after them"
        )
    own, descent = quantity.conditional or quantity.plain, _descent(run.sgd, run.steps[0])
    if not descent.largest * _RESERVE < GRADIENT_LIMIT:
        raise ValueError(
            "control_variate must be False where gradient descent diverges, got True; it does at the step size given"
        )

    def slopes(b: int) -> Array:
        """The derivatives of the offsets by central differences, which are exact for quadratics up to rounding."""
        step, d = descent.scale, len(descent.weights)
        count, found, began = max(1, _NUMBERS // d), [], time.perf_counter()
        for i in range(0, d, count):
            check_budget(run, (time.perf_counter() - began) * d / max(i, 1))
            moves = step * np.eye(min(count, d - i), d, i)
            rows = np.concatenate([descent.weights + moves, descent.weights - moves])
            after, before = np.split(own(Record(rows, rows), b).offsets, 2)
            found.append((after - before) / (2 * step))
        return np.concatenate(found)

    sizes = [b for b in dict.fromkeys(run.batch_sizes) if run.sgd.design.variance_factor(b) != 0]
    found = {b: slopes(b) for b in sizes}
    numbers = [b for b in sizes if found[b].ndim == 1]
    noise = {b: _noise_along(run.sgd, run.steps[0], tuple(found[b].tolist())) for b in numbers}
    least = {b: float(run.sgd.design.variance_factor(b)) * noise[b] for b in numbers}
    return LinearControls(descent.weights, found, least)


@once_for_each
def _noise_along(sgd: SGD, step: int, coefficients: tuple[float, ...]) -> float:
    r"""The variance of :math:`\beta^\top (w_t - \bar w_t)` over c(b), less what noise adds to later noise.

    To :math:`\operatorname{Cov}(w_t)` every step adds the noise at :math:`\bar w` and that of the deviation from it;
    without the second, that is a bound from below.

    Returns:
        0 where steps or data are so many that it would take long.
    """
    data, chain, slope = sgd.problem.data, Chain.of(sgd), np.array(coefficients)
    if len(data.numbers()[0]) * slope.size**2 * step > _OPERATIONS:
        return 0.0
    landscape, total = landscape_of(sgd), 0.0
    *path, _ = _path(sgd, step)
    for alpha, weights in reversed([*zip(map(float, sgd.step_sizes(step)), path, strict=True)]):
        total += alpha**2 * float(gradient_noise(data, GradientMap(chain, slope[None]))(weights[None])[0])
        after, before = landscape.gradient(np.stack([weights + slope, weights]))
        slope = slope - alpha * (after - before)
    return total


@dataclass(frozen=True, eq=False)
class _Descent:
    r"""Gradient descent.

    Attributes:
        weights: :math:`\bar w_t`, shape (d,).
        largest: The largest entry on the way, in absolute value.
        scale: The size of the weights at t and of those that fit the data best: how far contributions curve.
    """

    weights: Array
    largest: float
    scale: float


@once_for_each
def _descent(sgd: SGD, step: int) -> _Descent:
    largest = 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for weights in _path(sgd, step):
            largest = float(np.maximum(largest, np.abs(weights).max()))  # a NaN stays
    scale = max(float(np.abs(weights).max()), float(np.abs(reference_weights(sgd.problem.data)).max()))
    return _Descent(weights, largest, scale or 1.0)


def _path(sgd: SGD, step: int) -> Iterator[Array]:
    r""":math:`\bar w_0, \dots, \bar w_t`."""
    landscape, weights = landscape_of(sgd), np.ravel(np.asarray(sgd.start, dtype=np.float64))
    yield weights
    for alpha in map(float, sgd.step_sizes(step)):
        weights = weights - alpha * landscape.gradient(weights[None])[0]
        yield weights
