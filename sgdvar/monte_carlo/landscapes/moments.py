"""What is known of a process given weights: its loss and gradient there, and the moments of the next batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sgdvar.data import Data, GaussianPopulation
from sgdvar.memory import once_for_each
from sgdvar.monte_carlo.dynamics.chain import Chain, GradientMap
from sgdvar.monte_carlo.landscapes.linear import Landscape, LossSurface
from sgdvar.monte_carlo.landscapes.models import ModelLandscape
from sgdvar.monte_carlo.landscapes.noise import gradient_noise
from sgdvar.monte_carlo.running.trajectories import Record
from sgdvar.problems import DifferentiableModel
from sgdvar.process import SGD, check_process
from sgdvar.scalars import Array

__all__ = [
    "batch_moments",
    "has_conditional_moments",
    "landscape_of",
    "rounding_bound",
]


def rounding_bound(sgd: SGD, matrix: Any, layer: int | None) -> Callable[[Record], float]:
    """A bound on what rounding alone can make of Var(A g_t) where it is 0, from a set of replicates."""
    landscape, size = landscape_of(sgd), GradientMap.of(sgd, matrix, layer).square_norm
    return lambda record: size * landscape.rounding(record.weights)


def has_conditional_moments(sgd: SGD) -> bool:
    """Whether the last batch can be averaged over: not of a Gaussian population with a differentiable model."""
    problem = sgd.problem
    return not (isinstance(problem, DifferentiableModel) and isinstance(problem.data, GaussianPopulation))


def landscape_of(sgd: SGD, data: Data | None = None) -> LossSurface:
    """The landscape of the process's loss, made once for each process, or of the same loss on other data.

    Raises:
        TypeError: ``data`` is no data source, or holds symbols.
        ValueError: ``data`` with other shapes; functions of a differentiable model that do not take or return what they
            must.
    """
    data = check_process(sgd).check_data(data)
    if data.kind == "symbolic":
        raise TypeError(f"Monte Carlo needs numbers, got symbols in {data}; substitute values for them")
    return _own_landscape(sgd) if data is sgd.problem.data else _landscape(sgd, data)


@once_for_each
def _own_landscape(sgd: SGD) -> LossSurface:
    return _landscape(sgd, sgd.problem.data)


def _landscape(sgd: SGD, data: Data) -> LossSurface:
    if isinstance(sgd.problem, DifferentiableModel):
        return ModelLandscape.of(sgd, data)
    return Landscape.of(data, Chain.of(sgd), float(sgd.problem.weight_decay))


def batch_moments(sgd: SGD, apply: GradientMap) -> Callable[[Record, int], tuple[Array, Array]]:
    """The mean of A g over the last batch, shape (N, m), and the variance of it, shape (N,), given the last weights."""
    landscape, design = landscape_of(sgd), sgd.design
    if isinstance(landscape, ModelLandscape):

        def in_one_pass(record: Record, b: int) -> tuple[Array, Array]:
            means, noise = landscape.moments(record.weights, apply)
            return means, float(design.variance_factor(b)) * noise

        return in_one_pass
    noise = gradient_noise(sgd.problem.data, apply)
    return lambda record, b: (
        apply(landscape.gradient(record.weights)),
        float(design.variance_factor(b)) * noise(record.weights),
    )
