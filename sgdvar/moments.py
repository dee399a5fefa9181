r"""Moments of one example's gradient in linear regression, from which every batch moment follows.

Write :math:`\tilde x = (x, -(y - W_0 x))` with fixed reference weights :math:`W_0` (0 for exact numbers). The gradient
of one example in row a of the weights is :math:`x\, \tilde x^\top \omega_a`, where
:math:`\omega_a = (w_a - w_{0,a}, e_a)`, so all that the batches of any design need is the second-moment matrix of
:math:`\tilde x` and the map

.. math:: N \mapsto \operatorname{cov}(N)
    = E[x \tilde x^\top N \tilde x x^\top] - E[x \tilde x^\top]\, N\, E[\tilde x x^\top].
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np

from sgdvar.arithmetic import Arithmetic, FloatArithmetic, RationalArithmetic, common_denominator
from sgdvar.data import Data, Dataset, DiscretePopulation, GaussianPopulation
from sgdvar.memory import once_for_each
from sgdvar.scalars import Array

__all__ = ["GradientMoments", "gradient_moments", "mean_square_residual", "reference_weights", "second_moments"]

_BLOCK = 1024  # rows per block: its buffers stay in cache
_LARGE_BLOCK = 2**16  # rows per block where products of pairs are stored
_EXACT_IN_FLOAT = 2**53
_LARGEST = 1e70  # in floats: fourth powers, summed and multiplied, stay finite

Route = Literal["fourth moments", "rows"]
Atoms: TypeAlias = Dataset | DiscretePopulation


@dataclass(frozen=True, eq=False)
class GradientMoments:
    r"""Second moments of :math:`\tilde x`, and the covariance map of one example's gradient.

    Attributes:
        second: :math:`E[\tilde x \tilde x^\top]` times ``scale``, shape (m, m) with m = p + q.
        scale: A common denominator; 1 in floats.
        inputs: The number of features p.
        covariance: Maps a stack of matrices N, shape (k, m, m), to cov(N) times ``scale**2``, shape (k, p, p).
    """

    second: Array
    scale: Any
    inputs: int
    covariance: Callable[[Array], Array]

    @property
    def mean(self) -> Array:
        r""":math:`E[x \tilde x^\top]` times ``scale``, shape (p, m)."""
        return self.second[: self.inputs]


@once_for_each
def reference_weights(data: Data) -> Array:
    r"""Float weights (q, p) that fit the data best; moving the origin there keeps small residuals accurate."""
    if isinstance(data, GaussianPopulation):
        return FloatArithmetic().numerators(np.atleast_2d(data.teacher))[0]
    rows, counts, p = _float_rows(data, None), _counts(data, FloatArithmetic()), data.inputs
    if counts.each is not None:
        rows *= np.sqrt(counts.each)[:, None]
    fitted: Array = -np.linalg.lstsq(rows[:, :p], rows[:, p:], rcond=None)[0].T
    return fitted


def gradient_moments(
    data: Data, arithmetic: Arithmetic, *, applications: int = 1, route: Route | None = None
) -> GradientMoments:
    """The moments of the data's gradients, computed once per data source and arithmetic.

    Args:
        data: Where examples come from.
        arithmetic: The numbers to compute with; in floats the origin is at ``reference_weights(data)``.
        applications: To how many matrices the covariance map will be applied: chooses between a pass over the rows
            for each of them, and fourth moments that cost one expensive pass.
        route: "rows" or "fourth moments", to choose oneself; a Gaussian population needs neither.
    """
    if isinstance(data, GaussianPopulation):
        route = "rows"
    elif route is None:
        route = _route(data, arithmetic, applications)
    return _computed(data, arithmetic, route)


@once_for_each
def _computed(data: Data, arithmetic: Arithmetic, route: Route) -> GradientMoments:
    p = data.inputs
    if isinstance(data, GaussianPopulation):
        reference = reference_weights(data) if isinstance(arithmetic, FloatArithmetic) else None
        second, scale = second_moments(data, arithmetic, reference)
        return GradientMoments(second, scale, p, partial(_gaussian_covariance, second, p, arithmetic))
    covariance: Callable[[Array], Array]
    counts = _counts(data, arithmetic)
    if isinstance(arithmetic, FloatArithmetic):
        rows = _float_rows(data, reference_weights(data))
        second, scale = _second(rows, 1, counts, arithmetic)
        if route == "rows":
            covariance = _centred_rows(rows, p, counts)
        else:
            mean = second[:p]
            covariance = partial(_by_fourth_moments, _centred_fourth(rows, mean, counts), mean, mean / 2, arithmetic)
    else:
        rows, denominator = _exact_rows(data, arithmetic)
        second, scale = _second(rows, denominator, counts, arithmetic)
        if route == "rows":
            counted = _working(counts.times(rows[:, :p]), arithmetic)
            covariance = partial(_rows_exact, _working(rows, arithmetic), counted, second[:p], counts.total, arithmetic)
        else:
            mean = second[:p]
            product = _symmetrised(lambda j, l, k, m: mean[j, l] * mean[k, m], p, len(second))
            fourth = _fourth_sums(rows, p, counts, arithmetic) * (4 * counts.total) - product * 2
            covariance = partial(_by_fourth_moments, fourth, mean * 2, mean, arithmetic)
            second, scale = second * 2, scale * 2  # so that halves are integers
    return GradientMoments(second, scale, p, covariance)


def mean_square_residual(data: Data, weights: Array, reference: Array) -> float:
    r"""The mean of :math:`\lVert W x - y \rVert^2` in floats, from the residuals themselves, so that nothing cancels.

    Args:
        data: Where examples come from.
        weights: W - W_0, shape (q, p).
        reference: W_0, shape (q, p).
    """
    arithmetic = FloatArithmetic()
    omega = np.hstack([weights, np.eye(len(weights))])
    if isinstance(data, GaussianPopulation):
        second, _ = second_moments(data, arithmetic, reference)
        return float(((omega @ second) * omega).sum())
    counts = _counts(data, arithmetic)
    return float(counts.times((_float_rows(data, reference) @ omega.T) ** 2).sum() / counts.total)


def second_moments(data: Data, arithmetic: Arithmetic, reference: Array | None) -> tuple[Array, Any]:
    r"""The matrix :math:`E[\tilde x \tilde x^\top]` times a common denominator, and that denominator.

    Args:
        data: Where examples come from.
        arithmetic: The numbers to compute with.
        reference: The origin of the weights, floats of shape (q, p); None for 0.
    """
    if isinstance(data, GaussianPopulation):
        return _gaussian_second(data, arithmetic, reference)
    counts = _counts(data, arithmetic)
    if isinstance(arithmetic, FloatArithmetic):
        return _second(_float_rows(data, reference), 1, counts, arithmetic)
    return _second(*_exact_rows(data, arithmetic), counts, arithmetic)


def _second(rows: Array, denominator: int, counts: _Counts, arithmetic: Arithmetic) -> tuple[Array, Any]:
    """The second-moment matrix of rows over a denominator."""
    if isinstance(arithmetic, FloatArithmetic):
        return rows.T @ counts.times(rows) / counts.total, 1
    return _gram(rows, counts.times(rows), arithmetic), counts.total * denominator**2


def _route(data: Atoms, arithmetic: Arithmetic, applications: int) -> Route:
    n, p = len(data.X), data.inputs
    m = p + (data.outputs or 1)
    by_moments = p * p * m * m // 4
    by_rows = n * (m * m + p * p)
    build = n * by_moments if isinstance(arithmetic, FloatArithmetic) else n * by_moments // 20  # in machine words
    return "fourth moments" if by_moments <= 2**26 and build < applications * (by_rows - by_moments) else "rows"


def _sandwich(left: Array, stack: Array, right: Array, arithmetic: Arithmetic) -> Array:
    """The matrices left N right^T, for each N of the stack."""
    k, m, _ = stack.shape
    p = len(left)
    half = arithmetic.matmul(stack.transpose(0, 2, 1).reshape(k * m, m), left.T).reshape(k, m, p)  # N^T left^T
    return arithmetic.matmul(half.transpose(0, 2, 1).reshape(k * p, m), right.T).reshape(k, p, p)


def _pairs(size: int) -> tuple[Array, Array]:
    """Indices (l, m) with l <= m, ordered by m, so that the pairs of a smaller size come first."""
    upper, lower = np.tril_indices(size)
    return lower, upper


# --- how often each example counts: the one difference between a Dataset and a DiscretePopulation ---------------------


@dataclass(frozen=True, eq=False)
class _Counts:
    """Weights of the examples in a sum.

    Attributes:
        each: Integers in proportion to the probabilities, or the probabilities themselves in floats and polynomials;
            None where every example counts once.
        total: Their sum.
    """

    each: Array | None
    total: Any

    def times(self, rows: Array, start: int = 0) -> Array:
        """Each row times its count; the rows are those of the examples from ``start`` on."""
        if self.each is None:
            return rows
        each = self.each[start : start + len(rows)].reshape(-1, *[1] * (rows.ndim - 1))
        if rows.dtype.kind == "i" and _largest(rows) * _largest(each) >= 2**62:
            rows = rows.astype(object)
        counted: Array = rows * each
        return counted


def _counts(data: Atoms, arithmetic: Arithmetic) -> _Counts:
    if isinstance(data, Dataset):
        return _Counts(None, data.size)
    if isinstance(arithmetic, RationalArithmetic):
        return _Counts(*common_denominator(data.probabilities))  # they sum to one
    return _Counts(arithmetic.numerators(data.probabilities)[0], 1)


# --- finitely many examples, exact ------------------------------------------------------------------------------------


def _exact_rows(data: Atoms, arithmetic: Arithmetic) -> tuple[Array, int]:
    r"""The rows :math:`\tilde x_i` as integers over one common denominator d, or as polynomials; and d."""
    y = data.y.reshape(len(data.X), -1)
    if not isinstance(arithmetic, RationalArithmetic):
        return np.hstack([arithmetic.numerators(data.X)[0], -arithmetic.numerators(y)[0]]), 1
    (X, d_X), (y, d_y) = common_denominator(data.X), common_denominator(y)
    d = math.lcm(d_X, d_y)
    rows = np.hstack([_times(X, d // d_X), _times(y, -(d // d_y))])
    return (rows if _largest(rows) < 2**31 else rows.astype(object)), d  # so that products of two fit


def _largest(integers: Array) -> int:
    return max(int(integers.max()), -int(integers.min()))


def _times(integers: Array, factor: int) -> Array:
    return integers * factor if _largest(integers) * abs(factor) < 2**62 else integers.astype(object) * factor


def _working(integers: Array, arithmetic: Arithmetic) -> Array:
    return arithmetic.numerators(integers)[0] if isinstance(arithmetic, RationalArithmetic) else integers


def _gram(left: Array, right: Array, arithmetic: Arithmetic) -> Array:
    """left^T right in working numbers; left and right are integer arrays, or hold polynomials."""
    if not isinstance(arithmetic, RationalArithmetic):
        return arithmetic.matmul(left.T, right)
    bound = max(_largest(left) * _largest(right), 1)
    rows = _EXACT_IN_FLOAT // bound
    if rows < min(len(left), 16):
        return arithmetic.matmul(_working(left.T, arithmetic), _working(right, arithmetic))
    total = np.zeros((left.shape[1], right.shape[1]), dtype=object if bound * len(left) >= 2**62 else np.int64)
    for start in range(0, len(left), rows):  # integers below 2^53 are exact in float64, and so is their BLAS product
        block = slice(start, start + rows)
        total += (left[block].T.astype(np.float64) @ right[block].astype(np.float64)).astype(np.int64)
    return _working(total, arithmetic)


def _fourth_sums(rows: Array, p: int, counts: _Counts, arithmetic: Arithmetic) -> Array:
    r"""The sums over examples of :math:`\tilde x_l \tilde x_m x_j x_k`, for pairs (l, m) by pairs (j, k)."""
    lower, upper = _pairs(rows.shape[1])
    total: Any = 0
    for start in range(0, len(rows), _LARGE_BLOCK):
        block = rows[start : start + _LARGE_BLOCK]
        products = block[:, lower] * block[:, upper]
        total = total + _gram(products, counts.times(products[:, : p * (p + 1) // 2], start), arithmetic)
    return np.asarray(total)


def _by_fourth_moments(fourth: Array, left: Array, right: Array, arithmetic: Arithmetic, stack: Array) -> Array:
    """cov(N) from the symmetrised map on pairs; ``left`` N ``right^T`` is half of mean N mean^T."""
    m, p = stack.shape[1], len(left)
    lower, upper = _pairs(m)
    transposed = stack.transpose(0, 2, 1)
    paired = np.where(lower == upper, stack[:, lower, upper], stack[:, lower, upper] + transposed[:, lower, upper])
    symmetric = _unpaired(arithmetic.matmul(paired, fourth), p)
    if m == p + 1:  # one output: every N is symmetric
        return symmetric
    return symmetric - _sandwich(left, stack - transposed, right, arithmetic)


def _unpaired(values: Array, size: int) -> Array:
    """Symmetric matrices (k, size, size) from their entries at the pairs, shape (k, pairs)."""
    lower, upper = _pairs(size)
    position = np.empty((size, size), dtype=np.intp)
    position[lower, upper] = position[upper, lower] = np.arange(len(lower))
    return values[:, position]


def _symmetrised(products: Callable[[Array, Array, Array, Array], Array], p: int, m: int) -> Array:
    """The sum over both pairings of (l, m) with (j, k) of a function of j, l, k, m; pairs (l, m) by pairs (j, k)."""
    lower, upper = (index[:, None] for index in _pairs(m))
    j, k = _pairs(p)
    return products(j, lower, k, upper) + products(j, upper, k, lower)


def _rows_exact(
    extended: Array, counted: Array, mean: Array, total: Any, arithmetic: Arithmetic, stack: Array
) -> Array:
    """One pass over the rows for all N; ``counted`` holds the inputs times their counts, ``total`` is their sum."""
    k, m, _ = stack.shape
    n, p = counted.shape
    products = arithmetic.matmul(extended, stack.transpose(1, 0, 2).reshape(m, k * m)).reshape(n, k, m)
    squares = (products * extended[:, None, :]).sum(axis=2)  # x~^T N x~ for each example and N
    inputs = extended[:, :p]
    weighted = (squares[:, :, None] * inputs[:, None, :]).reshape(n, k * p)
    raw = arithmetic.matmul(counted.T, weighted).reshape(p, k, p).transpose(1, 0, 2)
    centred: Array = raw * total - _sandwich(mean, stack, mean, arithmetic)
    return centred


# --- the same in float64: examples are centred first, so that nothing cancels -----------------------------------------


def _float_rows(data: Atoms, reference: Array | None) -> Array:
    r"""The rows :math:`\tilde x_i`, with the origin of the weights at ``reference``."""
    arithmetic = FloatArithmetic()
    X, y = arithmetic.numerators(data.X)[0], arithmetic.numerators(data.y.reshape(len(data.X), -1))[0]
    largest = float(np.abs(X).max())
    if largest > _LARGEST or 0 < largest < 1 / _LARGEST or float(np.abs(y).max()) > _LARGEST:
        raise OverflowError(
            f"X and y must be such that fourth powers are floats, with the largest entry of X between {1 / _LARGEST:g} "
            f"and {_LARGEST:g}, got {largest:g}; rescale the data, or use exact numbers"
        )
    return np.hstack([X, -y if reference is None else X @ reference.T - y])


def _centred_rows(rows: Array, p: int, counts: _Counts) -> Callable[[Array], Array]:
    centre = counts.times(rows).sum(axis=0) / counts.total
    centred = rows - centre
    return partial(_rows_float, centred, centre, centred[:, :p].T @ counts.times(centred) / counts.total, counts)


def _rows_float(centred: Array, centre: Array, spread: Array, counts: _Counts, stack: Array) -> Array:
    r"""One blocked pass over the rows for each N, in two matrix products.

    With :math:`x = \mu + \xi`, :math:`\tilde x = \nu + \eta` and :math:`S = E[\xi \eta^\top]`, one example's deviation
    is :math:`\mu \eta^\top + \xi \tilde x^\top - S`.
    """
    n, m = centred.shape
    p = len(spread)
    mu = centre[:p]
    result = np.empty((len(stack), p, p))
    products = np.empty((min(n, _BLOCK), m + 2))
    weighted = np.empty((min(n, _BLOCK), p + 2))
    for k, N in enumerate(stack):
        widened = np.column_stack([N, N @ centre, centre @ N])
        constant = float(centre @ N @ centre)
        quadratic, total = 0.0, np.zeros((p, p + 2))
        for start in range(0, n, _BLOCK):
            eta = centred[start : start + _BLOCK]
            xi, image, weights = eta[:, :p], products[: len(eta)], weighted[: len(eta)]
            np.matmul(eta, widened, out=image)
            squares = np.einsum("ij,ij->i", image[:, :m], eta)
            quadratic += float(counts.times(squares, start).sum())
            weights[:, p] = squares + image[:, m]  # eta^T N x~
            weights[:, p + 1] = squares + image[:, m + 1]  # x~^T N eta
            np.multiply(xi, (weights[:, p] + image[:, m + 1] + constant)[:, None], out=weights[:, :p])  # x~^T N x~
            total += counts.times(xi, start).T @ weights
        deviation = total[:, :p] + np.outer(mu, total[:, p]) + np.outer(total[:, p + 1], mu)
        result[k] = (deviation + quadratic * np.outer(mu, mu)) / counts.total - spread @ N @ spread.T
    return result


def _centred_fourth(extended: Array, mean: Array, counts: _Counts) -> Array:
    r"""The covariance of the products :math:`x_j \tilde x_l`, symmetrised: a map from pairs (l, m) to pairs (j, k)."""
    n, m = extended.shape
    p = len(mean)
    lower, upper = _pairs(m)
    inner = lower < p  # pairs of two outputs do not occur in a gradient
    j, l = lower[inner], upper[inner]
    covariance = np.zeros((len(j), len(j)))
    buffer = np.empty((min(n, _BLOCK), len(j)))
    for start in range(0, n, _BLOCK):
        rows = extended[start : start + _BLOCK]
        products = buffer[: len(rows)]
        np.multiply(rows[:, j], rows[:, l], out=products)
        products -= mean[j, l]
        covariance += products.T @ counts.times(products, start)
    covariance /= counts.total
    position = np.empty((p, m), dtype=np.intp)
    position[j, l] = np.arange(len(j))
    inside = l < p
    position[l[inside], j[inside]] = np.arange(len(j))[inside]
    return _symmetrised(lambda a, b, c, d: covariance[position[a, b], position[c, d]], p, m) / 2


# --- Gaussian populations -------------------------------------------------------------------------------------------


def _gaussian_second(data: GaussianPopulation, arithmetic: Arithmetic, reference: Array | None) -> tuple[Array, Any]:
    (teacher, d_teacher), (factor, d_factor), (noise, d_noise) = map(arithmetic.numerators, data.numbers())
    if reference is not None:
        teacher = teacher - reference
    p = data.inputs
    through = arithmetic.matmul(teacher, factor)
    latent = np.vstack([factor * (d_teacher * d_noise), -through * d_noise])
    second = arithmetic.matmul(latent, latent.T)
    second[p:, p:] = second[p:, p:] + arithmetic.matmul(noise, noise.T) * (d_factor * d_teacher) ** 2
    return second, (d_factor * d_teacher * d_noise) ** 2


def _gaussian_covariance(second: Array, p: int, arithmetic: Arithmetic, stack: Array) -> Array:
    r"""Isserlis' theorem: :math:`\operatorname{cov}(N) = \langle \Sigma, N \rangle S + P N^\top P^\top`.

    :math:`\Sigma` is the second-moment matrix of :math:`\tilde x`, P its first p rows and S its input block.

    References:
        Derived in proofs/gaussian_inputs.py.
    """
    k, m, _ = stack.shape
    mean = second[:p]
    inner = arithmetic.matmul(stack.reshape(k, m * m), second.reshape(m * m, 1)).reshape(k, 1, 1)
    return inner * second[:p, :p] + _sandwich(mean, stack.transpose(0, 2, 1), mean, arithmetic)
