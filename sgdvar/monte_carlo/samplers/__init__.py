r"""Mini-batch gradients drawn at random: the one place that knows how.

A sampler is a pytree of the data's arrays with one method, ``gradients``: the mean over a fresh batch of the gradient
of the squared loss of linear regression, for many replicates at once. A network needs nothing else of a batch than this
matrix at the product of its layers. The batch size is traced, so few compilations serve them all.
"""

from __future__ import annotations

from sgdvar.data import Dataset, DiscretePopulation
from sgdvar.monte_carlo.samplers.atoms import AtomBatches
from sgdvar.monte_carlo.samplers.finite import FiniteBatches
from sgdvar.monte_carlo.samplers.gaussian import GaussianBatches, GaussianGradients
from sgdvar.monte_carlo.samplers.protocol import Sampler
from sgdvar.process import SGD

__all__ = ["AtomBatches", "FiniteBatches", "GaussianBatches", "GaussianGradients", "Sampler", "sampler_for"]


def sampler_for(sgd: SGD) -> Sampler:
    """The fastest sampler for a process of numbers."""
    data = sgd.problem.data
    if isinstance(data, Dataset):
        return FiniteBatches.of(data, without_replacement=sgd.design.is_without_replacement)
    if isinstance(data, DiscretePopulation):
        return AtomBatches.of(data)
    return GaussianGradients.of(data) if len(data.numbers()[0]) == 1 else GaussianBatches.of(data)
