r"""The derivatives of a network's loss in closed form.

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

__all__ = ["NetworkDerivatives"]

_ROWS = 2**14  # examples in one pass


@dataclass(frozen=True, eq=False)
class NetworkDerivatives:
    r"""Derivatives of the loss of linear layers, as ``Derivatives``.

    Attributes:
        chain: The layers.
        origin: :math:`W_0`, shape (q, p).
        examples: The mean of Z, then a root of its covariance, shape (k, p + q, p).
    """

    chain: Chain
    origin: Array
    examples: Array

    @classmethod
    def of(cls, sgd: SGD) -> NetworkDerivatives:
        """The derivatives for a process of numbers on linear layers."""
        origin = reference_weights(sgd.problem.data)
        return cls(Chain.of(sgd), origin, _example_moments(sgd.problem.data, origin))

    def __call__(self, weights: Array, covariances: Array) -> tuple[Array, Array, Array]:
        """As ``Derivatives``."""
        examples = self.examples if len(covariances) else self.examples[:1]
        gradients, hessians = _derivatives(self.chain.layers(weights[None]), self.origin, examples)
        return gradients[0], hessians[0], _noise(gradients[1:], hessians[1:], covariances)

    @staticmethod
    def operations(sgd: SGD, step: int, batch_sizes: int) -> float:
        """As ``linearised_operations``."""
        data, d = sgd.problem.data, sgd.weight_count
        p, q = data.inputs, data.outputs or 1
        entries, examples = p * (p + q), len(data.numbers()[0])
        return float(examples * entries**2 + step * d * d * entries * (entries + 2 * d * batch_sizes))


def _noise(gradients: Array, hessians: Array, covariance: Array) -> Array:
    """The covariance of one example's linearised gradient, shape (B, d, d), from its derivatives at roots."""
    count, d, _ = covariance.shape
    half = (hessians @ covariance[:, None]).transpose(0, 2, 1, 3).reshape(count, d, d * len(hessians))
    return np.asarray(gradients.T @ gradients + half @ hessians.transpose(0, 2, 1).reshape(d * len(hessians), d))


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
