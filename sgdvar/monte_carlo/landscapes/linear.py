r"""Loss and full gradient as functions of the weights, for many weights at once.

Both depend on the data through second moments only, so a replicate costs nothing that grows with the number of
examples. The origin of the map from inputs to outputs is moved to the one that fits the data best, where residuals are
smallest, so that little cancels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sgdvar.data import Data, GaussianPopulation
from sgdvar.moments import reference_weights
from sgdvar.monte_carlo.dynamics.chain import Chain, products, pulled_back, rows_times
from sgdvar.monte_carlo.examples import Examples
from sgdvar.scalars import Array

__all__ = ["Landscape", "LossSurface"]

_ROUNDING = 1e-12  # relative to the terms that a gradient is the sum of


class LossSurface(Protocol):
    """What measures need to know of a loss, at rows of weights, shape (N, d)."""

    def loss(self, weights: Array) -> Array:
        """L, shape (N,)."""
        ...

    def gradient(self, weights: Array) -> Array:
        """The gradient of L, shape (N, d)."""
        ...

    def rounding(self, weights: Array) -> float:
        """A bound on the mean square of rounding errors in batch gradients at these weights."""
        ...


@dataclass(frozen=True, eq=False)
class Landscape:
    r"""The loss L(W) and its gradient, at rows of weights that hold the layers one after the other.

    .. math:: L(W) = \tfrac12 \operatorname{tr}(E H E^\top) - \langle F, E \rangle + L_0
        + \tfrac{\lambda}{2} \sum_j \lVert W_j \rVert^2, \qquad E = W_L \cdots W_1 - W_0

    Attributes:
        chain: The layers.
        origin: :math:`W_0`, shape (q, p).
        hessian: H, the second moment of x, shape (p, p).
        slope: F, the mean of (y - W_0 x) x^T, shape (q, p).
        floor: :math:`L_0`, the loss at the origin without weight decay.
        targets: :math:`E \lVert y \rVert^2`.
        decay: :math:`\lambda`.
    """

    chain: Chain
    origin: Array
    hessian: Array
    slope: Array
    floor: float
    targets: float
    decay: float

    @classmethod
    def of(cls, data: Data, chain: Chain, decay: float) -> Landscape:
        """The landscape of a data source of numbers."""
        origin = reference_weights(data)
        if isinstance(data, GaussianPopulation):
            _, factor, noise = (np.asarray(array, dtype=np.float64) for array in data.numbers())
            noise_variance = float((noise**2).sum())
            targets = float(((origin @ factor) ** 2).sum()) + noise_variance
            flat = np.zeros_like(origin)
            return cls(chain, origin, factor @ factor.T, flat, noise_variance / 2, targets, decay)
        examples = Examples.of(data)
        X, y = examples.rooted(examples.X), examples.rooted(examples.y)
        residuals, n = y - X @ origin.T, examples.total
        floor, targets = float((residuals**2).sum() / (2 * n)), float((y**2).sum() / n)
        return cls(chain, origin, X.T @ X / n, residuals.T @ X / n, floor, targets, decay)

    def loss(self, weights: Array) -> Array:
        """L at weights of shape (N, d): shape (N,)."""
        layers = self.chain.layers(weights)
        errors = products(layers)[-1] - self.origin
        slopes = rows_times(errors, self.hessian / 2) - self.slope
        data_part = np.einsum("nqp,nqp->n", slopes, errors) + self.floor
        return np.asarray(data_part + self.decay / 2 * sum((layer**2).sum(axis=(1, 2)) for layer in layers))

    def gradient(self, weights: Array) -> Array:
        """The gradient of L at weights of shape (N, d), in the same shape."""
        layers = self.chain.layers(weights)
        signal = rows_times(products(layers)[-1] - self.origin, self.hessian) - self.slope
        parts = zip(pulled_back(layers, signal), layers, strict=True)
        decayed = (part + self.decay * layer if self.decay else part for part, layer in parts)
        flat = [part.reshape(len(weights), -1) for part in decayed]
        return flat[0] if len(flat) == 1 else np.concatenate(flat, axis=1)

    def rounding(self, weights: Array) -> float:
        """A bound on the mean square of rounding errors in batch gradients at these weights."""
        size = float(np.trace(self.hessian))
        norms = [math.sqrt((layer**2).sum(axis=(1, 2)).mean()) for layer in self.chain.layers(weights)]
        total = 0.0
        for j, norm in enumerate(norms):
            others = float(np.delete(norms, j).prod())
            terms = (size * others**2 + self.decay) * norm + others * math.sqrt(size * self.targets)
            total += (_ROUNDING * terms) ** 2
        return total
