r"""The noise of one example's gradient as a function of the weights, for many weights at once.

The noise is :math:`\operatorname{tr}(A \Sigma(w) A^\top)` with :math:`\Sigma` the covariance (divisor n) of one
example's gradient. Weight decay adds none. With one layer it is quadratic in the weights, and its coefficients are
computed once. With more, the chain rule makes it the spread of :math:`r x^\top`, r the residual, against matrices that
depend on the weights:

.. math:: \sum_j E \lVert A_j^\top (r x^\top - E[r x^\top])\, B_j^\top \rVert^2
    \quad\text{for the identity,} \qquad
    \sum_k \operatorname{Var} \langle Q_k, r x^\top \rangle
    \quad\text{for rows of A that are pushed forward to } Q_k
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from sgdvar.data import Data, GaussianPopulation
from sgdvar.memory import once_for_each
from sgdvar.moments import reference_weights
from sgdvar.monte_carlo.dynamics.chain import Chain, GradientMap, directions, factors, products
from sgdvar.monte_carlo.examples import Examples
from sgdvar.scalars import Array

__all__ = ["gradient_noise"]

_BUFFER = 2**21  # numbers in one intermediate array
_TABLE = 2**24  # numbers in a table of fourth moments
_ROWS = 2**14  # examples in one pass over fourth moments


def gradient_noise(data: Data, apply: GradientMap) -> Callable[[Array], Array]:
    """The noise of one example's gradient under A, from weights of shape (N, d) to shape (N,).

    Args:
        data: Where examples come from.
        apply: A.
    """
    chain = apply.chain
    if chain.depth == 1:
        quadratic = _quadratic(data) if apply.rows is None else _Quadratic.of(data, apply.rows)
        return lambda weights: quadratic.trace(chain.layers(weights)[0])
    spread = _spread(data, chain)
    rows = 1 if apply.rows is None else len(apply.rows)
    stride = max(1, _BUFFER // (spread.buffer * rows))

    def noise(weights: Array) -> Array:
        parts = [weights[i : i + stride] for i in range(0, len(weights), stride)]
        return np.concatenate([_noise(spread, apply, chain.layers(part)) for part in parts])

    return noise


def _noise(spread: _Spread, apply: GradientMap, layers: list[Array]) -> Array:
    product = products(layers)[-1]
    if apply.rows is not None:
        return np.maximum(spread.along(product, directions(layers, apply.chain.layers(apply.rows))), 0)
    pairs = factors(layers)
    chosen = pairs if apply.layer is None else pairs[apply.layer - 1 : apply.layer]
    return np.maximum(sum(spread.between(product, upper, lower) for upper, lower in chosen), 0)


# --- one layer ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Quadratic:
    r"""The noise of linear regression.

    With :math:`\tilde x = (x, -(y - W_0 x))` and :math:`\omega_k = (w_k - w_{0,k}, e_k)`, where :math:`w_k` is row k of
    the weights, the gradient in :math:`w_k` is :math:`x\, \tilde x^\top \omega_k` and the trace is
    :math:`\sum_{k, l} \omega_k^\top Q_{kl}\, \omega_l`.

    Attributes:
        origin: :math:`W_0`, shape (q, p).
        forms: Triples (k, l, :math:`Q_{kl}`) with matrices of shape (p + q, p + q); the others are 0.
    """

    origin: Array
    forms: tuple[tuple[int, int, Array], ...]

    @classmethod
    def of(cls, data: Data, matrix: Array | None) -> _Quadratic:
        """The noise of a data source of numbers; ``matrix`` is A, shape (m, q p), or None for the identity."""
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
        p, errors, total = self.origin.shape[1], weights - self.origin, np.zeros(len(weights))
        for k, l, form in self.forms:
            slopes = errors[:, k] @ form[:p, :p] + form[p + k, :p]
            total += np.einsum("np,np->n", slopes, errors[:, l]) + (errors[:, k] @ form[:p, p + l] + form[p + k, p + l])
        return np.maximum(total, 0)


@once_for_each
def _quadratic(data: Data) -> _Quadratic:
    """The noise for the identity, made once for each data source."""
    return _Quadratic.of(data, None)


def _form(data: Data, origin: Array, gram: Array) -> Array:
    r"""The covariance of :math:`x \tilde x^\top \omega` and :math:`x \tilde x^\top \omega'` traced against ``gram``."""
    if isinstance(data, GaussianPopulation):
        _, factor, noise = (np.asarray(array, dtype=np.float64) for array in data.numbers())
        S, p = factor @ factor.T, len(factor)
        size = float((gram * S).sum())
        form = np.zeros((p + len(noise), p + len(noise)))
        form[:p, :p] = size * S + S @ gram.T @ S  # Isserlis' theorem
        form[p:, p:] = size * (noise @ noise.T)
        return form
    examples = Examples.of(data)
    sizes = ((examples.X @ gram) * examples.X).sum(axis=1)
    X, extended = examples.rooted(examples.X), examples.rooted(_extended(examples, origin))
    mean = X.T @ extended / examples.total
    return np.asarray((extended * sizes[:, None]).T @ extended / examples.total - mean.T @ gram @ mean)


def _extended(examples: Examples, origin: Array) -> Array:
    r"""The rows :math:`\tilde x`, shape (n, p + q)."""
    return np.hstack([examples.X, -(examples.y - examples.X @ origin.T)])


# --- several layers -------------------------------------------------------------------------------------------------


class _Spread(Protocol):
    r"""How :math:`r x^\top` varies over examples, for residuals r at products P of layers, shape (N, q, p)."""

    @property
    def buffer(self) -> int:
        """How many numbers an intermediate array holds for one replicate (and, in ``along``, one direction)."""
        ...

    def between(self, product: Array, upper: Array, lower: Array) -> Array:
        r"""The mean square of :math:`A_j^\top (r x^\top - E[r x^\top])\, B_j^\top`, shape (N,)."""
        ...

    def along(self, product: Array, directions: Array) -> Array:
        r"""The sum over k of the variances of :math:`\langle Q_k, r x^\top \rangle`, shape (N,)."""
        ...


def _spread(data: Data, chain: Chain) -> _Spread:
    """The way that costs least for this data and these layers."""
    if isinstance(data, GaussianPopulation):
        _, factor, noise = (np.asarray(array, dtype=np.float64) for array in data.numbers())
        return _GaussianSpread(reference_weights(data), factor, noise)
    examples, widths = Examples.of(data), sum(outputs + inputs for outputs, inputs in chain.shapes)
    n, p, m = len(examples.X), data.inputs, data.inputs + chain.shapes[-1][0]
    return _FourthMoments.of(data) if (m * p) ** 2 <= min(n * m * widths, _TABLE) else _ByExample(examples)


@dataclass(frozen=True, eq=False)
class _GaussianSpread:
    r"""Isserlis' theorem for :math:`x = C\xi` and residuals :math:`E x - D\zeta`."""

    origin: Array
    input_factor: Array
    noise_factor: Array

    @property
    def buffer(self) -> int:
        return int(max(self.input_factor.size, self.input_factor.shape[1] ** 2))

    def between(self, product: Array, upper: Array, lower: Array) -> Array:
        errors, onto = (product - self.origin) @ self.input_factor, upper.swapaxes(-1, -2)
        left, right = onto @ errors, lower @ self.input_factor
        residual = _squares(left) + _squares(onto @ self.noise_factor)
        return np.asarray(residual * _squares(right) + _squares(left @ right.swapaxes(-1, -2)))

    def along(self, product: Array, directions: Array) -> Array:
        errors = ((product - self.origin) @ self.input_factor)[:, None]
        right = directions @ self.input_factor
        form = errors.swapaxes(-1, -2) @ right
        symmetric = form + form.swapaxes(-1, -2)
        return np.asarray((_squares(symmetric) / 2 + _squares(self.noise_factor.T @ right)).sum(axis=1))


@dataclass(frozen=True, eq=False)
class _FourthMoments:
    r"""The covariance of :math:`x_i \tilde x_a` and :math:`x_j \tilde x_b` over finite data, once and for all.

    Attributes:
        origin: :math:`W_0`, shape (q, p).
        covariance: Shape (p + q, p, p + q, p), for the indices (a, i, b, j).
    """

    origin: Array
    covariance: Array

    @classmethod
    def of(cls, data: Data) -> _FourthMoments:
        assert not isinstance(data, GaussianPopulation)
        origin, examples = reference_weights(data), Examples.of(data)
        extended = _extended(examples, origin)
        m, p = extended.shape[1], data.inputs
        mean = extended.T @ (examples.X * examples.probabilities[:, None])
        total = np.zeros((m * p, m * p))
        for i in range(0, len(extended), _ROWS):
            rows = slice(i, i + _ROWS)
            deviations = extended[rows, :, None] * examples.X[rows, None, :] - mean
            flat = deviations.reshape(-1, m * p)
            total += flat.T @ (flat * examples.probabilities[rows, None])
        return cls(origin, total.reshape(m, p, m, p))

    @property
    def buffer(self) -> int:
        return int(self.covariance.shape[0] ** 2)

    @cached_property
    def _pairs(self) -> Array:
        m, p = self.covariance.shape[:2]
        return self.covariance.transpose(0, 2, 1, 3).reshape(m * m, p * p)

    def _omega(self, product: Array) -> Array:
        """The matrices that map extended inputs to residuals, shape (N, q, p + q)."""
        q = len(self.origin)
        units = np.broadcast_to(np.eye(q), (len(product), q, q))
        return np.concatenate([product - self.origin, units], axis=2)

    def between(self, product: Array, upper: Array, lower: Array) -> Array:
        left = upper.swapaxes(-1, -2) @ self._omega(product)
        left, right = left.swapaxes(-1, -2) @ left, lower.swapaxes(-1, -2) @ lower
        weighed = left.reshape(len(product), -1) @ self._pairs
        return np.asarray((weighed * right.reshape(-1, weighed.shape[1])).sum(axis=1))

    def along(self, product: Array, directions: Array) -> Array:
        size = self.covariance.shape[0] * self.covariance.shape[1]
        flat = (self._omega(product).swapaxes(-1, -2)[:, None] @ directions).reshape(*directions.shape[:2], size)
        return np.asarray(((flat @ self.covariance.reshape(size, size)) * flat).sum(axis=(1, 2)))


@dataclass(frozen=True, eq=False)
class _ByExample:
    """The sum over all examples, for few of them or many features."""

    examples: Examples

    @property
    def buffer(self) -> int:
        return int(self.examples.X.size)

    def _residuals(self, product: Array) -> Array:
        """Shape (N, q, n)."""
        return np.asarray(product @ self.examples.X.T - self.examples.y.T)

    def between(self, product: Array, upper: Array, lower: Array) -> Array:
        residuals, onto, chances = self._residuals(product), upper.swapaxes(-1, -2), self.examples.probabilities
        left, right = ((rows**2).sum(axis=-2) for rows in (onto @ residuals, lower @ self.examples.X.T))
        mean = (residuals * chances) @ self.examples.X
        return np.asarray((left * right) @ chances - _squares(onto @ mean @ lower.swapaxes(-1, -2)))

    def along(self, product: Array, directions: Array) -> Array:
        chances = self.examples.probabilities
        values = ((directions @ self.examples.X.T) * self._residuals(product)[:, None]).sum(axis=2)
        deviations = values - (values @ chances)[..., None]
        return np.asarray((deviations**2 @ chances).sum(axis=1))


def _squares(matrices: Array) -> Array:
    """The squared Frobenius norm of each."""
    return np.asarray((matrices**2).sum(axis=(-2, -1)))
