"""What one set of replicates contributes to each estimate: the measures that a run summarises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sgdvar.data import Data
from sgdvar.monte_carlo.landscape import GradientNoise, Landscape
from sgdvar.monte_carlo.runs import Measure
from sgdvar.monte_carlo.statistics import Summary, summarise_mean, summarise_variance
from sgdvar.monte_carlo.trajectories import Record
from sgdvar.process import SGD, check_process
from sgdvar.scalars import Array

__all__ = ["batch_noise", "gradient_variance_measures", "landscape_of", "linear_map", "matrix_rows", "rounding_measure"]


def gradient_variance_measures(sgd: SGD, matrix: Any, layer: int | None) -> tuple[Measure, Measure]:
    """The plain and the conditional measure of Var(A g_t)."""
    landscape, apply, noise = landscape_of(sgd), linear_map(sgd, matrix, layer), batch_noise(sgd, matrix)

    def plain(record: Record, b: int) -> Summary:
        return summarise_variance(apply(record.gradients))

    def conditioned(record: Record, b: int) -> Summary:
        return summarise_variance(apply(landscape.gradient(record.weights)), noise(record, b))

    return plain, conditioned


def rounding_measure(sgd: SGD, matrix: Any) -> Measure:
    """A bound on what rounding alone can make of Var(A g_t) where it is 0."""
    landscape, rows = landscape_of(sgd), matrix_rows(sgd, matrix)
    size = 1.0 if rows is None else float((rows**2).sum())

    def bound(record: Record, b: int) -> Summary:
        square_norm = float((record.weights**2).sum(axis=(1, 2)).mean())
        return summarise_mean(np.full(len(record.weights), size * landscape.rounding(square_norm)))

    return bound


def landscape_of(sgd: SGD, data: Data | None = None) -> Landscape:
    """The landscape of the process's loss, or of the same loss on other data.

    Raises:
        TypeError: ``data`` is no data source, or holds symbols.
        ValueError: ``data`` with other shapes.
    """
    data = check_process(sgd).check_data(data)
    if data.kind == "symbolic":
        raise TypeError(f"Monte Carlo needs numbers, got symbols in {data}; substitute values for them")
    return Landscape.of(data, float(sgd.problem.weight_decay))


def matrix_rows(sgd: SGD, matrix: Any) -> Array | None:
    """A as floats of shape (m, d); None for the identity.

    Raises:
        TypeError: ``matrix`` holds symbols.
    """
    rows, kind = sgd.check_matrix(matrix)
    if kind == "symbolic":
        raise TypeError("Monte Carlo needs numbers, got symbols in matrix; substitute values for them")
    return None if rows is None else np.asarray(rows, dtype=np.float64)


def linear_map(sgd: SGD, matrix: Any, layer: int | None) -> Callable[[Array], Array]:
    """From gradients of shape (N, q, p) to A times each, shape (N, m)."""
    sgd.check_layer(layer)
    rows = matrix_rows(sgd, matrix)
    if rows is None:
        return lambda gradients: gradients.reshape(len(gradients), -1)
    return lambda gradients: gradients.reshape(len(gradients), -1) @ rows.T


def batch_noise(sgd: SGD, matrix: Any) -> Callable[[Record, int], Array]:
    """The variance that the last batch adds, given the last weights: shape (N,)."""
    noise = GradientNoise.of(sgd.problem.data, matrix_rows(sgd, matrix))
    return lambda record, b: float(sgd.design.variance_factor(b)) * noise.trace(record.weights)
