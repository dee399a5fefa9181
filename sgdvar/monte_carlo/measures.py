"""What one set of replicates contributes to each estimate: the measures that a run summarises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sgdvar.data import Data
from sgdvar.monte_carlo.chain import Chain, GradientMap
from sgdvar.monte_carlo.landscape import Landscape
from sgdvar.monte_carlo.noise import gradient_noise
from sgdvar.monte_carlo.runs import Measure
from sgdvar.monte_carlo.statistics import Summary, summarise_mean, summarise_variance
from sgdvar.monte_carlo.trajectories import Record
from sgdvar.process import SGD, check_process
from sgdvar.scalars import Array

__all__ = ["batch_noise", "gradient_variance_measures", "landscape_of", "rounding_measure"]


def gradient_variance_measures(sgd: SGD, matrix: Any, layer: int | None) -> tuple[Measure, Measure]:
    """The plain and the conditional measure of Var(A g_t)."""
    landscape, apply = landscape_of(sgd), GradientMap.of(sgd, matrix, layer)
    noise = batch_noise(sgd, apply)

    def plain(record: Record, b: int) -> Summary:
        return summarise_variance(apply(record.gradients))

    def conditioned(record: Record, b: int) -> Summary:
        return summarise_variance(apply(landscape.gradient(record.weights)), noise(record, b))

    return plain, conditioned


def rounding_measure(sgd: SGD, matrix: Any, layer: int | None) -> Measure:
    """A bound on what rounding alone can make of Var(A g_t) where it is 0."""
    landscape, size = landscape_of(sgd), GradientMap.of(sgd, matrix, layer).square_norm

    def bound(record: Record, b: int) -> Summary:
        layers = landscape.chain.layers(record.weights)
        square_norms = np.array([(stack**2).sum(axis=(1, 2)).mean() for stack in layers])
        return summarise_mean(np.full(len(record.weights), size * landscape.rounding(square_norms)))

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
    return Landscape.of(data, Chain.of(sgd), float(sgd.problem.weight_decay))


def batch_noise(sgd: SGD, apply: GradientMap) -> Callable[[Record, int], Array]:
    """The variance that the last batch adds to A g, given the last weights: shape (N,)."""
    noise = gradient_noise(sgd.problem.data, apply)
    return lambda record, b: float(sgd.design.variance_factor(b)) * noise(record.weights)
