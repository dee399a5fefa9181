r"""SGD on a network, linearised along gradient descent from the same start: its moments are known exactly.

Let :math:`\bar W` follow gradient descent, :math:`\bar W \leftarrow \bar W - \alpha \nabla L(\bar W)`, and let
:math:`\delta`, from 0, follow the linear part of SGD around it, driven by the same batches:

.. math:: \delta \leftarrow \delta
    - \alpha \left( \nabla L_B(\bar W) - \nabla L(\bar W) + \nabla^2 L_B(\bar W)\, \delta \right)

so that weights of SGD are :math:`\bar W + \delta` up to terms of second order in the noise, and exactly for linear
regression. Batches are independent of :math:`\delta`, hence :math:`E \delta = 0`, and its covariance obeys

.. math:: C \leftarrow T C T^\top + \alpha^2 c(b) \left( \Sigma(\bar W) + E[N \delta \delta^\top N^\top] \right),
    \qquad T = I - \alpha \nabla^2 L(\bar W)

with :math:`\Sigma` the covariance of one example's gradient, and N the deviation of its Hessian from the mean (terms
in both vanish as :math:`E \delta = 0`).

An example enters through :math:`Z = \tilde x x^\top` alone, where :math:`\tilde x = (x, W_0 x - y)` for some fixed
:math:`W_0`: its signal at P is :math:`[P - W_0, I]\, Z`. Gradients and Hessians are linear in Z, so the mean of Z and a
root of its covariance are all that is needed of the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sgdvar.data import Data, GaussianPopulation
from sgdvar.moments import reference_weights
from sgdvar.monte_carlo.dynamics.chain import Chain
from sgdvar.monte_carlo.examples import Examples
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = ["LinearisedMoments", "linearised_moments", "linearised_operations"]

_ROWS = 2**14  # examples in one pass


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
        sgd: The process.
        step: t.
        batch_sizes: Batch sizes that the design allows.

    Returns:
        Entries that are not finite where gradient descent or the linearised SGD diverges beyond floats.
    """
    chain, decay = Chain.of(sgd), float(sgd.problem.weight_decay)
    weights = np.concatenate([np.ravel(np.asarray(layer, dtype=np.float64)) for layer in sgd.layers])
    factors = np.array([float(sgd.design.variance_factor(b)) for b in batch_sizes])[:, None, None]
    origin = reference_weights(sgd.problem.data)
    examples = _example_moments(sgd.problem.data, origin)
    covariance, unit = np.zeros((len(batch_sizes), weights.size, weights.size)), np.eye(weights.size)
    largest = float(np.abs(weights).max())
    with np.errstate(over="ignore", invalid="ignore"):
        for alpha in map(float, sgd.step_sizes(step)):
            gradients, hessians = _derivatives(chain.layers(weights[None]), origin, examples)
            update = unit - alpha * (hessians[0] + decay * unit)
            noise = factors * _noise(gradients[1:], hessians[1:], covariance)
            covariance = update @ covariance @ update.T + alpha**2 * noise
            weights = weights - alpha * (gradients[0] + decay * weights)
            sizes = np.append(np.abs(weights), np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)))
            largest = max(largest, float(sizes.max())) if np.isfinite(sizes).all() else np.inf
        hessian = _derivatives(chain.layers(weights[None]), origin, examples[:1])[1][0] + decay * unit
    return LinearisedMoments(weights, hessian, covariance, largest)


def linearised_operations(sgd: SGD, step: int, batch_sizes: Sequence[int]) -> float:
    """A forecast of the multiplications behind ``linearised_moments``."""
    data, d = sgd.problem.data, sgd.weight_count
    p, q = data.inputs, data.outputs or 1
    entries, examples = p * (p + q), len(data.numbers()[0])
    return float(examples * entries**2 + step * d * d * entries * (entries + 2 * d * len(batch_sizes)))


def _noise(gradients: Array, hessians: Array, covariance: Array) -> Array:
    """The covariance of one example's linearised gradient, shape (B, d, d), from its derivatives at roots."""
    count, d, _ = covariance.shape
    half = (hessians @ covariance[:, None]).transpose(0, 2, 1, 3).reshape(count, d, -1)
    return np.asarray(gradients.T @ gradients + half @ hessians.transpose(0, 2, 1).reshape(-1, d))


def _derivatives(stacks: Sequence[Array], origin: Array, Z: Array) -> tuple[Array, Array]:
    """The gradients and Hessians without weight decay of examples that enter through Z.

    Args:
        stacks: The layers, each of shape (1, outputs, inputs).
        origin: As for ``_example_moments``.
        Z: Shape (k, p + q, p).

    Returns:
        Shapes (k, d) and (k, d, d).
    """
    layers = [stack[0] for stack in stacks]
    d, (q, p) = sum(layer.size for layer in layers), origin.shape
    ends = np.cumsum([layer.size for layer in layers])
    units = [np.eye(d)[:, end - w.size : end].reshape(d, 1, *w.shape) for end, w in zip(ends, layers, strict=True)]
    below, below_moved = [np.eye(p)], [np.zeros((d, 1, p, p))]  # B_j, and how it moves with each weight
    for layer, unit in zip(layers, units, strict=True):
        below_moved.append(unit @ below[-1] + layer @ below_moved[-1])
        below.append(layer @ below[-1])
    signal, signal_moved = np.hstack([below.pop() - origin, np.eye(q)]) @ Z, below_moved.pop() @ Z[:, :p]
    gradients, hessians = [], []
    for layer, unit, lower, lower_moved in zip(layers[::-1], units[::-1], below[::-1], below_moved[::-1], strict=True):
        gradients.append((signal @ lower.T).reshape(len(Z), -1))
        moved = signal_moved @ lower.T + signal @ lower_moved.swapaxes(-1, -2)
        hessians.append(moved.reshape(d, len(Z), -1))
        signal_moved = unit.swapaxes(-1, -2) @ signal + layer.T @ signal_moved
        signal = layer.T @ signal
    moved = np.ascontiguousarray(np.concatenate(hessians[::-1], axis=2).transpose(1, 2, 0))
    return np.concatenate(gradients[::-1], axis=1), moved


def _example_moments(data: Data, origin: Array) -> Array:
    r"""The mean of Z, then matrices whose outer products add up to its covariance; shape (k, p + q, p).

    Args:
        data: Where examples come from.
        origin: :math:`W_0`, shape (q, p); a teacher for a Gaussian population.
    """
    q, p = origin.shape
    if isinstance(data, GaussianPopulation):
        _, factor, noise = (np.asarray(array, dtype=np.float64) for array in data.numbers())
        second = np.zeros((p + q, p + q))
        second[:p, :p], second[p:, p:] = factor @ factor.T, noise @ noise.T
        inputs = second[:, :p]
        paired = np.einsum("ab,ij->aibj", second, second[:p, :p]) + np.einsum("aj,bi->aibj", inputs, inputs)
        return _with_roots(inputs, paired)
    examples = Examples.of(data)
    X, residuals, chances = examples.X, examples.X @ origin.T - examples.y, examples.probabilities
    extended = np.hstack([X, residuals])
    mean = extended.T @ (X * chances[:, None])
    covariance = np.zeros((mean.size, mean.size))
    for rows in (slice(i, i + _ROWS) for i in range(0, len(X), _ROWS)):
        deviations = (extended[rows, :, None] * X[rows, None, :] - mean).reshape(-1, mean.size)
        covariance += (deviations * chances[rows, None]).T @ deviations
    return _with_roots(mean, covariance)


def _with_roots(mean: Array, covariance: Array) -> Array:
    values, vectors = np.linalg.eigh(covariance.reshape(mean.size, mean.size))
    kept = values > np.finfo(np.float64).eps * mean.size * values[-1]
    roots = (vectors[:, kept] * np.sqrt(values[kept])).T
    return np.concatenate([mean[None], roots.reshape(-1, *mean.shape)])
