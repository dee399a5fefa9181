r"""SGD on a network or a model, linearised along gradient descent from the same start: its moments are known exactly.

Let :math:`\bar W` follow gradient descent, :math:`\bar W \leftarrow \bar W - \alpha \nabla L(\bar W)`, and let
:math:`\delta`, from 0, follow the linear part of SGD around it, driven by the same batches:

.. math:: \delta \leftarrow \delta
    - \alpha \left( \nabla L_B(\bar W) - \nabla L(\bar W) + \nabla^2 L_B(\bar W)\, \delta \right)

so that weights of SGD are :math:`\bar W + \delta` up to terms of second order in the noise, and exactly for linear
regression. Batches are independent of :math:`\delta`, hence :math:`E \delta = 0`, and its covariance obeys

.. math:: C \leftarrow T C T^\top + \alpha^2 c(b) \left( \Sigma(\bar W) + E[N \delta \delta^\top N^\top] \right),
    \qquad T = I - \alpha \nabla^2 L(\bar W)

with :math:`\Sigma` the covariance of one example's gradient, and N the deviation of its Hessian from the mean (terms
in both vanish as :math:`E \delta = 0`). Second derivatives are used as linear maps only, the same for :math:`\delta` as
for C: where the loss has none, as at the kink of a rectifier, those that automatic differentiation gives in their place
do as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sgdvar.monte_carlo.control.model_derivatives import ModelDerivatives
from sgdvar.monte_carlo.control.network_derivatives import NetworkDerivatives
from sgdvar.problems import DifferentiableModel
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = ["Derivatives", "LinearisedMoments", "linearised_moments", "linearised_operations"]


class Derivatives(Protocol):
    """What the recursion needs to know of a loss without weight decay."""

    def __call__(self, weights: Array, covariances: Array) -> tuple[Array, Array, Array]:
        r"""The mean gradient, the mean Hessian, and the covariance of one example's linearised gradient.

        Args:
            weights: :math:`\bar W`, shape (d,).
            covariances: C, shape (B, d, d).

        Returns:
            Shapes (d,), (d, d) and (B, d, d).
        """
        ...


@dataclass(frozen=True, eq=False)
class LinearisedMoments:
    r"""Gradient descent and the covariance of the linearised SGD around it, at one step and B batch sizes.

    Attributes:
        weights: :math:`\bar W`, flattened layer by layer, shape (d,).
        hessian: :math:`\nabla^2 L(\bar W)`, shape (d, d).
        covariance: C, shape (B, d, d).
        largest: The largest entry of :math:`\bar W`, or root mean square of an entry of :math:`\delta`, at any step so
            far; infinite where there was an overflow.
    """

    weights: Array
    hessian: Array
    covariance: Array
    largest: float


def linearised_moments(sgd: SGD, step: int, batch_sizes: Sequence[int]) -> LinearisedMoments:
    """The moments of a process of numbers at a step, in floats.

    Args:
        sgd: The process; a differentiable model on finite data.
        step: t.
        batch_sizes: Batch sizes that the design allows.

    Returns:
        Entries that are not finite where gradient descent or the linearised SGD diverges beyond floats.
    """
    derivatives, decay = _derivatives(sgd).of(sgd), float(sgd.problem.weight_decay)
    weights = np.concatenate([np.ravel(np.asarray(part, dtype=np.float64)) for part in sgd.parts])
    factors = np.array([float(sgd.design.variance_factor(b)) for b in batch_sizes])[:, None, None]
    covariance, unit = np.zeros((len(batch_sizes), weights.size, weights.size)), np.eye(weights.size)
    largest = float(np.abs(weights).max())
    with np.errstate(over="ignore", invalid="ignore"):
        for alpha in map(float, sgd.step_sizes(step)):
            gradient, hessian, noise = derivatives(weights, covariance)
            update = unit - alpha * (hessian + decay * unit)
            covariance = update @ covariance @ update.T + alpha * (alpha * factors * noise)
            weights = weights - alpha * (gradient + decay * weights)
            sizes = np.append(np.abs(weights), np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)))
            largest = max(largest, float(sizes.max())) if np.isfinite(sizes).all() else np.inf
        hessian = derivatives(weights, covariance[:0])[1] + decay * unit
    return LinearisedMoments(weights, hessian, covariance, largest)


def linearised_operations(sgd: SGD, step: int, batch_sizes: Sequence[int]) -> float:
    """A forecast of the multiplications behind ``linearised_moments``."""
    return _derivatives(sgd).operations(sgd, step, len(batch_sizes))


def _derivatives(sgd: SGD) -> type[ModelDerivatives] | type[NetworkDerivatives]:
    return ModelDerivatives if isinstance(sgd.problem, DifferentiableModel) else NetworkDerivatives
