r"""Loss, full gradient and gradient noise of linear regression as functions of the weights, for many weights at once.

All three are quadratic in the weights, so their coefficients are computed once, and a replicate costs nothing that
grows with the number of examples. The origin is moved to weights that fit the data best, where residuals are smallest,
so that little cancels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sgdvar.data import Data, Dataset
from sgdvar.moments import reference_weights
from sgdvar.scalars import Array

__all__ = ["GradientNoise", "Landscape"]

_ROUNDING = 1e-12  # relative to the terms that a gradient is the sum of


@dataclass(frozen=True, eq=False)
class Landscape:
    r"""The loss :math:`L(w)` and its gradient.

    .. math:: L(w) = \tfrac12 \operatorname{tr}(E H E^\top) - \langle F, E \rangle + L_0
        + \tfrac{\lambda}{2} \lVert W \rVert^2, \qquad E = W - W_0

    Attributes:
        origin: :math:`W_0`, shape (q, p).
        hessian: H, the second moment of x, shape (p, p).
        slope: F, the mean of (y - W_0 x) x^T, shape (q, p).
        floor: :math:`L_0`, the loss at the origin without weight decay.
        targets: :math:`E \lVert y \rVert^2`.
        decay: :math:`\lambda`.
    """

    origin: Array
    hessian: Array
    slope: Array
    floor: float
    targets: float
    decay: float

    @classmethod
    def of(cls, data: Data, decay: float) -> Landscape:
        """The landscape of a data source of numbers."""
        origin = reference_weights(data)
        if isinstance(data, Dataset):
            X, residuals = _rows(data, origin)
            n, targets = len(X), float((np.asarray(data.y, dtype=np.float64) ** 2).sum() / len(X))
            floor = float((residuals**2).sum() / (2 * n))
            return cls(origin, X.T @ X / n, residuals.T @ X / n, floor, targets, decay)
        _, factor, noise = (np.asarray(array, dtype=np.float64) for array in data.numbers())
        noise_variance = float((noise**2).sum())
        targets = float(((origin @ factor) ** 2).sum()) + noise_variance
        return cls(origin, factor @ factor.T, np.zeros_like(origin), noise_variance / 2, targets, decay)

    def loss(self, weights: Array) -> Array:
        """L at weights of shape (N, q, p): shape (N,)."""
        errors = weights - self.origin
        data_part = ((errors @ self.hessian / 2 - self.slope) * errors).sum(axis=(1, 2)) + self.floor
        return np.asarray(data_part + self.decay / 2 * (weights**2).sum(axis=(1, 2)))

    def gradient(self, weights: Array) -> Array:
        """The gradient of L at weights of shape (N, q, p), in the same shape."""
        return np.asarray((weights - self.origin) @ self.hessian - self.slope + self.decay * weights)

    def rounding(self, square_norm: float) -> float:
        """A bound on the mean square of rounding errors in batch gradients, at weights of this mean squared norm."""
        size = float(np.trace(self.hessian))
        terms = (size + self.decay) * math.sqrt(square_norm) + math.sqrt(size * self.targets)
        return (_ROUNDING * terms) ** 2


@dataclass(frozen=True, eq=False)
class GradientNoise:
    r"""The trace :math:`\operatorname{tr}(A \Sigma(w) A^\top)` of the covariance of one example's gradient (divisor n).

    With :math:`\tilde x = (x, -(y - W_0 x))` and :math:`\omega_k = (w_k - w_{0,k}, e_k)`, where :math:`w_k` is row k of
    the weights, the gradient in :math:`w_k` is :math:`x\, \tilde x^\top \omega_k` and the trace is
    :math:`\sum_{k, l} \omega_k^\top Q_{kl}\, \omega_l`. Weight decay adds no noise.

    Attributes:
        origin: :math:`W_0`, shape (q, p).
        forms: Triples (k, l, :math:`Q_{kl}`) with matrices of shape (p + q, p + q); the others are 0.
    """

    origin: Array
    forms: tuple[tuple[int, int, Array], ...]

    @classmethod
    def of(cls, data: Data, matrix: Array | None) -> GradientNoise:
        """The noise of a data source of numbers.

        Args:
            data: Where examples come from.
            matrix: A, floats of shape (m, q p); None for the identity.
        """
        origin = reference_weights(data)
        q, p = origin.shape
        if matrix is None:
            form = _form(data, origin, np.eye(p))
            return cls(origin, tuple((k, k, form) for k in range(q)))
        gram = (matrix.T @ matrix).reshape(q, p, q, p)
        pairs = np.ndindex(q, q)
        return cls(origin, tuple((k, l, _form(data, origin, gram[k, :, l])) for k, l in pairs))

    def trace(self, weights: Array) -> Array:
        """The trace at weights of shape (N, q, p): shape (N,)."""
        q = len(self.origin)
        units = np.broadcast_to(np.eye(q), (len(weights), q, q))
        omega = np.concatenate([weights - self.origin, units], axis=2)
        total = np.zeros(len(weights))
        for k, l, form in self.forms:
            total += ((omega[:, k] @ form) * omega[:, l]).sum(axis=1)
        return np.maximum(total, 0)


def _rows(data: Dataset, origin: Array) -> tuple[Array, Array]:
    """Inputs (n, p) and residuals y - W_0 x, shape (n, q)."""
    X = np.asarray(data.X, dtype=np.float64)
    return X, np.asarray(data.y, dtype=np.float64).reshape(len(X), -1) - X @ origin.T


def _form(data: Data, origin: Array, gram: Array) -> Array:
    r"""The covariance of :math:`x \tilde x^\top \omega` and :math:`x \tilde x^\top \omega'` traced against ``gram``."""
    if isinstance(data, Dataset):
        X, residuals = _rows(data, origin)
        extended = np.hstack([X, -residuals])
        mean = X.T @ extended / len(X)
        sizes = ((X @ gram) * X).sum(axis=1)
        return np.asarray((extended * sizes[:, None]).T @ extended / len(X) - mean.T @ gram @ mean)
    _, factor, noise = (np.asarray(array, dtype=np.float64) for array in data.numbers())
    S, p = factor @ factor.T, len(factor)
    size = float((gram * S).sum())
    form = np.zeros((p + len(noise), p + len(noise)))
    form[:p, :p] = size * S + S @ gram.T @ S  # Isserlis' theorem
    form[p:, p:] = size * (noise @ noise.T)
    return form
