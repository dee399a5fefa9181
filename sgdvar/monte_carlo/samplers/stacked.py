r"""One batch for several sets of weights: a problem whose outputs are copies of the same targets.

Weights of shape (R, k q, p) then hold k matrices for each replicate, one above the other, and their batch gradients,
in the same places, come from the same examples.
"""

from __future__ import annotations

import numpy as np

from sgdvar.data import Data, Dataset, DiscretePopulation, GaussianPopulation
from sgdvar.monte_carlo.examples import Examples
from sgdvar.monte_carlo.samplers import Sampler, sampler_for
from sgdvar.problems import LinearRegression
from sgdvar.process import SGD

__all__ = ["stacked_sampler"]


def stacked_sampler(sgd: SGD, copies: int) -> Sampler:
    """The fastest sampler for k sets of weights that see the same batches.

    Args:
        sgd: A process of numbers, on linear layers.
        copies: k.
    """
    data = _stacked(sgd.problem.data, copies)
    start = np.zeros((data.outputs or 1, data.inputs))
    return sampler_for(SGD(LinearRegression(data), start, 0.0, sgd.sampling))


def _stacked(data: Data, copies: int) -> Data:
    if isinstance(data, GaussianPopulation):
        teacher, factor, noise = (np.asarray(array, dtype=np.float64) for array in data.numbers())
        return GaussianPopulation(np.tile(teacher, (copies, 1)), factor, np.tile(noise, (copies, 1)))
    examples = Examples.of(data)
    targets = np.tile(examples.y, copies)
    if isinstance(data, Dataset):
        return Dataset(examples.X, targets)
    return DiscretePopulation(examples.X, targets, examples.probabilities)
