"""What an estimate needs to know of control variates, whatever they are made of."""

from __future__ import annotations

from typing import Protocol

from sgdvar.monte_carlo.dynamics.base import Dynamics
from sgdvar.monte_carlo.running.trajectories import Record
from sgdvar.monte_carlo.statistics.summaries import Functional

__all__ = ["Controls"]


class Controls(Protocol):
    """What is known to have mean 0, with fixed coefficients."""

    @property
    def dynamics(self) -> Dynamics | None:
        """What is simulated; None for the process alone."""
        ...

    @property
    def digest(self) -> str:
        """A short text that tells coefficients apart."""
        ...

    def process(self, record: Record) -> Record:
        """The process's part of a record."""
        ...

    def least_variance(self, batch_size: int) -> float:
        """A bound from theory on the variance of what is taken off a number; 0 where none is known."""
        ...

    def scale(self, batch_size: int) -> float:
        """The size of the terms that what is taken off is a sum of, to which rounding is relative; 0 if not known."""
        ...

    def controlled(self, own: Functional, record: Record, batch_size: int) -> Functional:
        """A contribution of the process, less what is known to have mean 0."""
        ...
