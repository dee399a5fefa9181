r"""The largest step size below which gradient descent on the mean loss is linearly stable, in floats and exactly.

Two curvatures bound it, :math:`\alpha < 2 / \lambda_{\max}`: that of the Hessian of the mean loss at the start, and at
the balanced minimum, where :math:`\lambda_{\max} = L\, s\, \sigma^{2 - 2/L}` for inputs of covariance :math:`s I`, with
:math:`\sigma` the largest singular value of the least-squares fit. For other inputs s is the trace of their second
moments, which bounds it.
"""

from __future__ import annotations

from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np
from flint import fmpq, fmpq_mat

from sgdvar.data import Dataset, GaussianPopulation
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = ["is_stable", "mean_hessian", "mean_statistics"]


def is_stable(sgd: SGD) -> bool:
    r"""Whether :math:`\alpha < 2 / \lambda_{\max}` at the start and at the balanced minimum, exactly.

    False also where inputs have singular second moments, so that there is no one least-squares fit.
    """
    alpha = Fraction(sgd.step_size)
    layers = [_fractions(layer) for layer in sgd.layers]
    xx, yx = mean_statistics(sgd)
    if alpha <= 0 or _matrix(xx).det() == 0:
        return False
    hessian = mean_hessian(layers, xx, yx)
    if not _is_positive_definite(Fraction(2) / alpha * _identity(len(hessian)) - hessian):
        return False
    depth, p = len(layers), len(xx)
    is_white = bool((xx == xx[0, 0] * _identity(p)).all())
    s = xx[0, 0] if is_white else xx.trace()
    fit = _entries(_matrix(yx) * _matrix(xx).inv())
    powers = [fit @ fit.T] * (depth - 1)
    bound = (Fraction(2) / (alpha * depth * s)) ** depth
    return _is_positive_definite(bound * _identity(len(fit)) - reduce(np.matmul, powers, _identity(len(fit))))


def mean_statistics(sgd: SGD) -> tuple[Array, Array]:
    r"""The means of :math:`x x^\top` and :math:`y x^\top`, for inputs of identity covariance or atoms."""
    data = sgd.problem.data
    if isinstance(data, GaussianPopulation):
        teacher, factor, _ = map(_fractions, data.numbers())
        xx = factor @ factor.T
        return xx, teacher @ xx
    X, y = _fractions(data.X), _fractions(data.y).reshape(len(data.X), -1)
    n = len(X)
    masses = _fractions(np.full(n, Fraction(1, n)) if isinstance(data, Dataset) else data.probabilities)[:, None]
    return X.T @ (masses * X), y.T @ (masses * X)


def mean_hessian(layers: list[Array], xx: Array, yx: Array) -> Array:
    r"""The Hessian of :math:`\tfrac12 E \lVert W_L \cdots W_1 x - y \rVert^2` in all weights, layer after layer.

    The second differential in layers k < l is that of the fit, :math:`\operatorname{tr}(dP_k\, xx\, dP_l^\top)`, and
    :math:`\operatorname{tr}(R^\top d^2 P)` with R the residual statistic.
    """
    eye = [_identity(layers[0].shape[1]), *(_identity(len(layer)) for layer in layers)]
    below = [reduce(lambda lower, layer: layer @ lower, layers[:k], eye[0]) for k in range(len(layers))]
    above = [reduce(lambda lower, layer: layer @ lower, layers[k + 1 :], eye[k + 1]) for k in range(len(layers))]
    residual = above[0] @ layers[0] @ xx - yx
    rows = []
    for k in range(len(layers)):
        row = []
        for l in range(len(layers)):
            block = _outer(above[k].T @ above[l], below[k] @ xx @ below[l].T)
            if k != l:
                low, high = min(k, l), max(k, l)
                middle = reduce(lambda lower, layer: layer @ lower, layers[low + 1 : high], eye[low + 1])
                back = above[high].T @ residual @ below[low].T
                # entry (i, j) of the lower layer and (m, n) of the higher one: back[m, j] middle[n, i]
                cross = (middle.T[:, None, None, :] * back.T[None, :, :, None]).reshape(
                    middle.shape[1] * back.shape[1], -1
                )
                block = block + (cross if k < l else cross.T)
            row.append(block)
        rows.append(np.hstack(row))
    return np.vstack(rows)


def _outer(left: Array, right: Array) -> Array:
    """The matrix with entries ``left[i, m] * right[j, n]`` in row (i, j) and column (m, n)."""
    product = left[:, None, :, None] * right[None, :, None, :]
    return product.reshape(left.shape[0] * right.shape[0], -1)


def _is_positive_definite(matrix: Array) -> bool:
    """By the leading minors, exactly."""
    return all(_matrix(matrix[:k, :k]).det() > 0 for k in range(1, len(matrix) + 1))


def _identity(size: int) -> Array:
    return _fractions(np.eye(size, dtype=np.int64))


def _fractions(array: Any) -> Array:
    result = np.empty(np.shape(array), dtype=object)
    for index, value in np.ndenumerate(np.asarray(array, dtype=object)):
        result[index] = Fraction(value)
    return result


def _matrix(array: Array) -> Any:
    rows, columns = array.shape
    return fmpq_mat(rows, columns, [fmpq(value.numerator, value.denominator) for value in array.ravel().tolist()])


def _entries(matrix: Any) -> Array:
    values = [Fraction(int(value.p), int(value.q)) for value in matrix.entries()]
    result = np.empty(len(values), dtype=object)
    result[:] = values
    return result.reshape(matrix.nrows(), matrix.ncols())
