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
from dataclasses import dataclass

import numpy as np

from sgdvar.memory import once_for_each
from sgdvar.moments import reference_weights
from sgdvar.monte_carlo.control.budget import check_budget
from sgdvar.monte_carlo.dynamics.base import GRADIENT_LIMIT
from sgdvar.monte_carlo.landscapes.moments import landscape_of
from sgdvar.monte_carlo.quantities import Quantity
from sgdvar.monte_carlo.running.runs import Run
from sgdvar.monte_carlo.running.trajectories import Record
from sgdvar.monte_carlo.statistics.summaries import Functional
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = ["LinearControls", "linear_controls"]

_RESERVE = 1e6  # how far gradient descent must stay below the limit of simulated weights
_NUMBERS = 2**20  # in the rows of weights at which a contribution is taken at a time


@dataclass(frozen=True, eq=False)
class LinearControls:
    r"""What to take off each replicate's contribution: fixed coefficients times :math:`w_t - \bar w_t`.

    Attributes:
        mean: :math:`\bar w_t`, shape (d,).
        slopes: The coefficients by batch size, shape ``(d, *shape)``; none where nothing is random.
        dynamics: None: the process alone is simulated.
    """

    mean: Array
    slopes: dict[int, Array]
    dynamics: None = None

    @property
    def digest(self) -> str:
        """As ``Controls.digest``: process and quantity determine coefficients up to rounding."""
        return "to first order"

    def process(self, record: Record) -> Record:
        """As ``Controls.process``."""
        return record

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
    return LinearControls(descent.weights, {b: slopes(b) for b in sizes})


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


def _descent(sgd: SGD, step: int) -> _Descent:
    known = _descents(sgd)
    if step not in known:
        known[step] = _descended(sgd, step)
    return known[step]


@once_for_each
def _descents(sgd: SGD) -> dict[int, _Descent]:
    """What was computed before, by the step."""
    return {}


def _descended(sgd: SGD, step: int) -> _Descent:
    landscape, weights = landscape_of(sgd), np.ravel(np.asarray(sgd.start, dtype=np.float64))
    largest = float(np.abs(weights).max())
    with np.errstate(over="ignore", invalid="ignore"):
        for alpha in map(float, sgd.step_sizes(step)):
            weights = weights - alpha * landscape.gradient(weights[None])[0]
            largest = float(np.maximum(largest, np.abs(weights).max()))  # a NaN stays
    scale = max(float(np.abs(weights).max()), float(np.abs(reference_weights(sgd.problem.data)).max()))
    return _Descent(weights, largest, scale or 1.0)
