r"""How much squared deviations of the gradient vary when nothing rare is missed: what no sample can tell of itself.

The standard error of a sample variance is that of a mean of squared deviations. Where sequences of batches that are
hardly ever drawn carry much of their variance, a sample without them looks more accurate than it is. Two sources know
better: the exact fourth moment where it is in reach, and for finite data a simulation in which examples with large
gradients are drawn more often, and replicates count for as much less.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sgdvar.data import GaussianPopulation
from sgdvar.errors import BudgetExceededError, NotExactError
from sgdvar.exact import gradient_fourth_moment, gradient_variance
from sgdvar.monte_carlo.dynamics.chain import GradientMap, factors, products, pulled_back
from sgdvar.monte_carlo.examples import Examples
from sgdvar.problems import DifferentiableModel
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = ["reweighted_squares_variance", "squares_variances"]

_BUDGET = 1e7  # products of coefficients for an exact fourth moment: a quarter of a second
_REPLICATES = 64, 1024  # fewer for many examples
_RESIDUALS = 2**22  # of all replicates at one step
_BUFFER = 2**20  # of them at a time
_MOST = 4  # steps of one replicate at which an example is preferred


def squares_variances(
    sgd: SGD, step: int, batch_sizes: Sequence[int], *, matrix: Any, layer: int | None, seed: int
) -> dict[int, float]:
    r"""The variance of :math:`\lVert A (g_t - E g_t) \rVert^2`, by batch size.

    The squared standard error of a sample variance is this over N.

    Returns:
        0 where nothing is random, and where nothing but the sample itself can tell; infinite beyond the floats.
    """
    random = [b for b in batch_sizes if sgd.design.variance_factor(b) != 0]
    result = dict.fromkeys(batch_sizes, 0.0)
    try:
        fourth = gradient_fourth_moment(sgd, step, matrix=matrix, layer=layer, budget=_BUDGET)
        variance = gradient_variance(sgd, step, matrix=matrix, layer=layer)
        return result | {b: float(fourth(b) - variance(b) ** 2) for b in random}
    except (BudgetExceededError, NotExactError, OverflowError):  # out of reach, or beyond the floats
        if isinstance(sgd.problem.data, GaussianPopulation) or isinstance(sgd.problem, DifferentiableModel):
            return result
        apply = GradientMap.of(sgd, matrix, layer)
        return result | {b: reweighted_squares_variance(sgd, step, b, apply, seed) for b in random}


def reweighted_squares_variance(sgd: SGD, step: int, batch_size: int, apply: GradientMap, seed: int) -> float:
    r"""The same from a simulation on finite data that prefers examples with large gradients.

    At up to four steps of a replicate the first example of the batch is drawn with a probability :math:`s_i` in
    proportion to its share :math:`\pi_i \lVert g_i \rVert^2` of the second moment at the present weights. The batch
    then is :math:`\rho` times as likely as it was, with :math:`\rho` the mean of :math:`s_i / \pi_i` over the batch,
    and a replicate weighs

    .. math:: \Bigl( \frac{1}{K+1} \sum_{k=0}^K e_k(\rho_0, \dots, \rho_t) \Big/ \binom{t+1}{k} \Bigr)^{-1} \le K + 1

    with :math:`e_k` the elementary symmetric polynomials, because k preferring steps are as likely as any other number
    of them, and any k steps as likely as any others. Further rare examples in one batch are as rare as they are.

    Returns:
        An estimate from some 1,000 replicates; infinite where one of them overflows.
    """
    data = sgd.problem.data
    assert not isinstance(data, GaussianPopulation)
    examples, rng = Examples.of(data), np.random.default_rng([seed, step, batch_size])
    residuals = examples.y.size  # of one replicate at one step
    replicates = int(np.clip(_RESIDUALS // residuals, *_REPLICATES))
    stride = int(np.clip(_BUFFER // residuals, 1, replicates))
    sizes = [min(stride, replicates - i) for i in range(0, replicates, stride)]
    with np.errstate(all="ignore"):
        parts = [_simulated(sgd, examples, step, batch_size, rng, size) for size in sizes]
        weights, gradients = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        weights /= weights.sum()
        mapped = apply(gradients)
        squares = ((mapped - weights @ mapped) ** 2).sum(axis=1)
        mean = weights @ squares
        by_centre = 4 * (weights @ weights) * mean**2  # what the error of the centre alone can add
        variance = float(weights @ squares**2 - mean**2 - by_centre)
    return max(variance, 0.0) if math.isfinite(variance) else math.inf


def _simulated(
    sgd: SGD, examples: Examples, step: int, batch_size: int, rng: np.random.Generator, replicates: int
) -> tuple[Array, Array]:
    """What replicates weigh, shape (N,), and their last gradients, shape (N, d)."""
    X, chances, decay = examples.X, examples.probabilities, float(sgd.problem.weight_decay)
    count, most = step + 1, min(step + 1, _MOST)
    prefers = rng.random((replicates, count)).argsort(axis=1) < rng.integers(0, most + 1, (replicates, 1))
    symmetric = np.tile(np.eye(1, most + 1), (replicates, 1))
    layers = [np.tile(np.asarray(layer, dtype=np.float64), (replicates, 1, 1)) for layer in sgd.layers]
    gradients: list[Array] = []
    for t, alpha in enumerate([*sgd.step_sizes(step), 0]):
        residuals = products(layers)[-1] @ X.T - examples.y.T
        preference = _preference(layers, residuals, X, chances)
        first = _drawn(rng, np.where(prefers[:, t, None], preference, chances))
        counts = _batches(rng, first, chances, batch_size, without=sgd.design.is_without_replacement)
        ratio = (counts * (preference / chances)).sum(axis=1) / batch_size
        symmetric[:, 1:] += ratio[:, None] * symmetric[:, :-1]
        signal = (residuals * counts[:, None]) @ X / batch_size
        gradients = [part + decay * layer for part, layer in zip(pulled_back(layers, signal), layers, strict=True)]
        layers = [layer - float(alpha) * part for layer, part in zip(layers, gradients, strict=True)]
    weights = (most + 1) / (symmetric / [math.comb(count, k) for k in range(most + 1)]).sum(axis=1)
    return weights, np.concatenate([part.reshape(replicates, -1) for part in gradients], axis=1)


def _preference(layers: list[Array], residuals: Array, X: Array, chances: Array) -> Array:
    """The share of each example in the second moment of the gradient, shape (N, n)."""
    shares = np.zeros((len(residuals), len(X)))
    for upper, lower in factors(layers):
        left, right = upper.swapaxes(-1, -2) @ residuals, lower @ X.T
        shares += (left**2).sum(axis=-2) * (right**2).sum(axis=-2)
    shares *= chances
    total = shares.sum(axis=1, keepdims=True)
    return np.where((total > 0) & np.isfinite(total), shares / total, chances)


def _drawn(rng: np.random.Generator, chances: Array) -> Array:
    """One index per row, with the probabilities in the row."""
    cumulative = chances.cumsum(axis=1)
    thresholds = rng.random((len(chances), 1)) * cumulative[:, -1:]
    return np.asarray(np.minimum((cumulative <= thresholds).sum(axis=1), chances.shape[1] - 1))


def _batches(rng: np.random.Generator, first: Array, chances: Array, size: int, *, without: bool) -> Array:
    """How often each example is in each batch, given the first example of the batch: shape (N, n)."""
    rows, n = np.arange(len(first)), len(chances)
    if without:
        keys = rng.random((len(first), n))
        keys[rows, first] = -1
        counts = np.zeros(keys.shape, dtype=np.int64)
        counts[rows[:, None], np.argpartition(keys, size - 1, axis=1)[:, :size]] = 1
        return counts
    counts = rng.multinomial(size - 1, chances, size=len(first))
    counts[rows, first] += 1
    return counts
