"""Examples that carry much of the variance and are hardly ever drawn: what no sample can tell of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sgdvar.data import Dataset
from sgdvar.monte_carlo.measures import matrix_rows
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = ["RareExamples"]

_EXPECTED = 20  # draws: with fewer, a sample says little about an example


@dataclass(frozen=True, eq=False)
class RareExamples:
    """How much of the variance of one example's gradient, at the start, the examples with the largest share carry.

    Attributes:
        shares: The share of the k largest together, k = 1, ..., n; empty for a population.
    """

    shares: Array

    @classmethod
    def of(cls, sgd: SGD, matrix: Any) -> RareExamples:
        """The shares in a process of numbers, for A g with A the matrix, or the identity for None."""
        data = sgd.problem.data
        if not isinstance(data, Dataset):
            return cls(np.zeros(0))
        X = np.asarray(data.X, dtype=np.float64)
        weights = np.asarray(sgd.start, dtype=np.float64).reshape(-1, data.inputs)
        residuals = X @ weights.T - np.asarray(data.y, dtype=np.float64).reshape(data.size, -1)
        rows = matrix_rows(sgd, matrix)
        if rows is None:
            mean = residuals.T @ X / data.size
            sizes = (residuals**2).sum(axis=1) * (X**2).sum(axis=1)
            squares = sizes - 2 * (residuals * (X @ mean.T)).sum(axis=1) + (mean**2).sum()
        else:
            gradients = (residuals[:, :, None] * X[:, None, :]).reshape(data.size, -1) @ rows.T
            squares = ((gradients - gradients.mean(axis=0)) ** 2).sum(axis=1)
        running = np.cumsum(np.sort(np.maximum(squares, 0))[::-1])
        return cls(running / running[-1] if running[-1] > 0 else running)

    def share(self, draws: int) -> float:
        """The share of so many examples that fewer than 20 draws of any of them are expected among ``draws``."""
        rare = min(_EXPECTED * len(self.shares) // draws, len(self.shares))
        return float(self.shares[rare - 1]) if rare else 0.0
