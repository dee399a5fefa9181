"""Finite data as arrays of floats: equally likely examples of a data set, or atoms with probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sgdvar.data import Dataset, DiscretePopulation
from sgdvar.scalars import Array

__all__ = ["Examples"]


@dataclass(frozen=True, eq=False)
class Examples:
    """Examples and how often each occurs.

    Attributes:
        X: Inputs, shape (n, p).
        y: Targets, shape (n, q).
        counts: One for each example of a data set; the probabilities of atoms.
        total: The sum of the counts: n, or 1.
    """

    X: Array
    y: Array
    counts: Array
    total: float

    @classmethod
    def of(cls, data: Dataset | DiscretePopulation) -> Examples:
        """The examples of data of numbers."""
        X = np.asarray(data.X, dtype=np.float64)
        y = np.asarray(data.y, dtype=np.float64).reshape(len(X), -1)
        if isinstance(data, Dataset):
            return cls(X, y, np.ones(len(X)), len(X))
        probabilities = np.asarray(data.probabilities, dtype=np.float64)
        return cls(X, y, probabilities / probabilities.sum(), 1.0)

    @property
    def probabilities(self) -> Array:
        """The probability of each, shape (n,)."""
        return self.counts / self.total

    def rooted(self, rows: Array) -> Array:
        """Rows times the roots of their counts: a sum of products of two of them, over ``total``, is an expectation."""
        return rows if self.total == len(rows) else rows * np.sqrt(self.counts)[:, None]
