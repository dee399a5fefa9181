"""Control variates at work: their coefficients, and what they change."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sgdvar.errors import BudgetExceededError
from sgdvar.monte_carlo.control.linearised import linearised_operations
from sgdvar.monte_carlo.control.variates import ControlVariates, control_variates, influence
from sgdvar.monte_carlo.dynamics.controlled import ControlledDynamics, controlled_dynamics_of
from sgdvar.monte_carlo.quantities import Contribution
from sgdvar.monte_carlo.running.devices import workers
from sgdvar.monte_carlo.running.processes import decided_by_first
from sgdvar.monte_carlo.running.runs import Run, digest
from sgdvar.monte_carlo.running.trajectories import Record, Trajectories
from sgdvar.monte_carlo.statistics.summaries import Functional
from sgdvar.problems import DeepLinearNetwork
from sgdvar.scalars import Array

__all__ = ["Controls", "fitted_controls"]

_PILOT = 2**12  # replicates that coefficients come from, after as many from which a run is planned
_SECONDS_PER_OPERATION = 3e-10  # of the moments of the linearised SGD


@dataclass(frozen=True, eq=False)
class Controls:
    """The linearised SGD beside the process, and what to take off each replicate's contribution.

    Attributes:
        dynamics: Simulates both.
        variates: By batch size; none where nothing is random.
        coefficients: By batch size.
    """

    dynamics: ControlledDynamics
    variates: dict[int, ControlVariates]
    coefficients: dict[int, Array]

    @property
    def digest(self) -> str:
        """A short text that tells coefficients apart."""
        return digest([self.coefficients[b] for b in sorted(self.coefficients)])

    def network(self, record: Record) -> Record:
        """The process's part of a record."""
        d = sum(layer.size for layer in self.dynamics.layers)
        return Record(record.weights[:, :d], record.gradients[:, :d])

    def controlled(self, own: Functional, record: Record, batch_size: int) -> Functional:
        """A contribution of the process, less what is known to have mean 0."""
        if batch_size not in self.variates:
            return own
        correction = self.variates[batch_size].correction(record, self.coefficients[batch_size])
        return own._replace(offsets=own.offsets - correction)


def fitted_controls(run: Run, own: Contribution) -> Controls:
    """The control variates of a run, with coefficients from a pilot that is used for nothing else.

    Args:
        run: Of the process alone, at one step.
        own: What replicates contribute to the estimate.

    Raises:
        ValueError: There are none for this process: it is no network, or its linearised SGD diverges.
        BudgetExceededError: The pilot and the moments of the linearised SGD are forecast to take longer than the run's
            time budget.
    """
    if not isinstance(run.sgd.problem, DeepLinearNetwork):
        raise ValueError(
            f"control_variate must be False for a {type(run.sgd.problem).__name__}, got True: it is for a "
            "DeepLinearNetwork"
        )
    dynamics, (step,) = controlled_dynamics_of(run.sgd), run.steps
    sizes = [b for b in dict.fromkeys(run.batch_sizes) if run.sgd.design.variance_factor(b) != 0]
    pilots = replace(run, dynamics=dynamics, checkpoint=None).trajectories
    _check_budget(run, pilots, sizes)
    variates = control_variates(run.sgd, step, sizes, dynamics.weight_limit) if sizes else {}
    if variates is None:
        raise ValueError(
            "control_variate must be False where the linearised SGD diverges, got True; it does at the step size and "
            "batch sizes given"
        )

    def fitted(b: int) -> list[float]:
        record = pilots.pilot(b, 2 * _PILOT)
        fitting = Record(*(rows[_PILOT:] for rows in record))  # a run is planned from those before
        functional = own(variates[b].network(fitting), b)
        vectors = functional.vectors if functional.weights.size else None
        return list(variates[b].fit(fitting, influence(functional.offsets, vectors)).tolist())

    found = decided_by_first(lambda: [fitted(b) for b in sizes])
    return Controls(dynamics, variates, {b: np.asarray(beta) for b, beta in zip(sizes, found, strict=True)})


def _check_budget(run: Run, pilots: Trajectories, sizes: list[int]) -> None:
    """Forecasts what comes before the run itself."""
    moments = linearised_operations(run.sgd, run.steps[0], sizes) * _SECONDS_PER_OPERATION if sizes else 0.0
    needed = moments
    if moments <= run.time_budget:
        blocks = 2 * _PILOT / pilots.block_size
        needed += sum(blocks * pilots.seconds_per_block(b) for b in sizes) / workers()
    if needed > run.time_budget:
        raise BudgetExceededError(
            f"what control_variate=True needs before the run must take no longer than time_budget = "
            f"{run.time_budget:g} seconds, forecast are {needed:.3g}; raise time_budget= or give control_variate=False",
            needed=needed,
            limit=run.time_budget,
            unit="seconds",
        )
