"""Control variates at work: their coefficients, and what they change."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from sgdvar.data import GaussianPopulation
from sgdvar.monte_carlo.control.budget import check_budget
from sgdvar.monte_carlo.control.linearised import linearised_operations
from sgdvar.monte_carlo.control.variates import ControlVariates, control_variates
from sgdvar.monte_carlo.dynamics.base import Dynamics
from sgdvar.monte_carlo.dynamics.controlled import controlled_dynamics_of
from sgdvar.monte_carlo.dynamics.controlled_models import controlled_model_dynamics_of
from sgdvar.monte_carlo.quantities import Contribution
from sgdvar.monte_carlo.running.devices import workers
from sgdvar.monte_carlo.running.processes import decided_by_first
from sgdvar.monte_carlo.running.runs import Run, digest
from sgdvar.monte_carlo.running.trajectories import Record, Trajectories
from sgdvar.monte_carlo.statistics.summaries import Functional
from sgdvar.problems import DifferentiableModel
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = ["FittedControls", "fitted_controls"]

_PILOT = 2**12  # replicates that coefficients come from, after those from which a run is planned
_PROBE = 256  # replicates are enough to time what replicates contribute
_SECONDS_PER_OPERATION = 3e-10  # of the moments of the linearised SGD


@dataclass(frozen=True, eq=False)
class FittedControls:
    """The linearised SGD beside the process, and what to take off each replicate's contribution.

    Attributes:
        dynamics: Simulates both, the process first.
        weights: How many numbers the process has.
        variates: By batch size; none where nothing is random.
        coefficients: By batch size.
    """

    dynamics: Dynamics
    weights: int
    variates: dict[int, ControlVariates]
    coefficients: dict[int, Array]

    @property
    def digest(self) -> str:
        """As ``Controls.digest``."""
        return digest([self.coefficients[b] for b in sorted(self.coefficients)])

    def process(self, record: Record) -> Record:
        """As ``Controls.process``."""
        return record.part(slice(self.weights))

    def least_variance(self, batch_size: int) -> float:
        """As ``Controls.least_variance``: a pilot has shown the variances that there must be, or coefficients are 0."""
        return 0.0

    def scale(self, batch_size: int) -> float:
        """As ``Controls.scale``: not known."""
        return 0.0

    def controlled(self, own: Functional, record: Record, batch_size: int) -> Functional:
        """As ``Controls.controlled``."""
        if batch_size not in self.variates:
            return own
        correction = self.variates[batch_size].correction(record, self.coefficients[batch_size])
        return own._replace(offsets=own.offsets - correction)


def fitted_controls(run: Run, own: Contribution) -> FittedControls:
    """The control variates of a run, with coefficients from a pilot that is used for nothing else.

    Args:
        run: Of the process alone, at one step.
        own: What replicates contribute to the estimate.

    Raises:
        ValueError: There are none for this process: a differentiable model on a Gaussian population, or a linearised
            SGD that diverges.
        BudgetExceededError: The pilot and the moments of the linearised SGD are forecast to take longer than the run's
            time budget.
    """
    step, sgd = run.steps[0], run.sgd
    if isinstance(sgd.problem, DifferentiableModel) and isinstance(sgd.problem.data, GaussianPopulation):
        raise ValueError(
            "control_variate must be False for a DifferentiableModel on a GaussianPopulation, got True: the exact "
            "moments of its linearised SGD are sums over finite data"
        )
    sizes = [b for b in dict.fromkeys(run.batch_sizes) if sgd.design.variance_factor(b) != 0]
    moments = linearised_operations(sgd, step, sizes) * _SECONDS_PER_OPERATION if sizes else 0.0
    check_budget(run, moments)
    dynamics = _dynamics(sgd, step)
    pilots = replace(run, dynamics=dynamics, checkpoint=None).trajectories
    check_budget(run, moments + sum(_pilot_seconds(pilots, own, sgd.weight_count, b) for b in sizes))
    variates = control_variates(sgd, step, sizes, dynamics.weight_limit) if sizes else {}
    if variates is None:
        raise ValueError(
            "control_variate must be False where the linearised SGD diverges, got True; it does at the step size and "
            "batch sizes given"
        )

    def fitted(b: int) -> list[float]:
        record = pilots.pilot(b, 2 * _PILOT)
        testing, fitting = (record.only(slice(first, first + _PILOT)) for first in (0, _PILOT))
        known, target = (own(part.part(slice(sgd.weight_count)), b).influence for part in (testing, fitting))
        beta = variates[b].fit(fitting, target)
        left = known - variates[b].correction(testing, beta)
        pays = np.var(left, axis=0).sum() < np.var(known, axis=0).sum()  # or else no coefficient is better
        return list((beta if pays else np.zeros_like(beta)).tolist())

    found = decided_by_first(lambda: [fitted(b) for b in sizes])
    coefficients = {b: np.asarray(beta) for b, beta in zip(sizes, found, strict=True)}
    return FittedControls(dynamics, sgd.weight_count, variates, coefficients)


def _dynamics(sgd: SGD, step: int) -> Dynamics:
    """The process and its linearised SGD, side by side."""
    if isinstance(sgd.problem, DifferentiableModel):
        return controlled_model_dynamics_of(sgd, step)
    return controlled_dynamics_of(sgd)


def _pilot_seconds(pilots: Trajectories, own: Contribution, weights: int, batch_size: int) -> float:
    """A forecast for the pilot at one batch size, and for what its replicates contribute."""
    simulating = 2 * _PILOT / pilots.block_size * pilots.seconds_per_block(batch_size) / workers()
    start = pilots.at_start().only(slice(_PROBE)).part(slice(weights))
    own(start, batch_size)  # compiles
    began = time.perf_counter()
    own(start, batch_size)
    return simulating + (time.perf_counter() - began) * _PILOT / len(start.weights)
