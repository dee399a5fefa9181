"""Control variates at work: whether to use them, with which coefficients, and what they change."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sgdvar.monte_carlo.control.linearised import linearised_operations
from sgdvar.monte_carlo.control.variates import ControlVariates, control_variates, influence, variance_ratio
from sgdvar.monte_carlo.dynamics.controlled import ControlledDynamics, controlled_dynamics_of
from sgdvar.monte_carlo.quantities import Contribution
from sgdvar.monte_carlo.running.processes import decided_by_first
from sgdvar.monte_carlo.running.runs import Run
from sgdvar.monte_carlo.running.trajectories import Record
from sgdvar.monte_carlo.statistics.summaries import Functional
from sgdvar.problems import DeepLinearNetwork
from sgdvar.scalars import Array

__all__ = ["Controls", "fitted_controls"]

_PILOT = 2**12  # replicates that coefficients come from, after as many from which a run is planned
_OPERATIONS = 3e9  # for the moments of the linearised SGD: a second or two
_WORTH_A_PILOT = 2**14  # replicates, if they are not to be planned from a pilot anyway
_PAYS = 4.0  # times less variance: a controlled replicate takes about three times as long


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


def fitted_controls(run: Run, own: Contribution, wanted: bool | None) -> Controls | None:
    """The control variates of a run, with coefficients from a pilot that is used for nothing else.

    Args:
        run: Of the process alone, at one step.
        own: What replicates contribute to the estimate.
        wanted: Whether to use them; None for a network and many replicates, where the pilot says that it pays.

    Returns:
        None where there are to be none.

    Raises:
        TypeError: ``wanted`` is no bool.
        ValueError: They are wanted where there are none.
    """
    if wanted is not None and not isinstance(wanted, bool):
        raise TypeError(f"control_variate must be True, False or None, got {wanted!r}")
    if wanted is False or (wanted is None and not _is_worthwhile(run)):
        return None
    if not isinstance(run.sgd.problem, DeepLinearNetwork):
        raise ValueError(
            f"control_variate must be False or None for a {type(run.sgd.problem).__name__}, got True: it is for a "
            "DeepLinearNetwork"
        )
    dynamics, (step,) = controlled_dynamics_of(run.sgd), run.steps
    sizes = [b for b in dict.fromkeys(run.batch_sizes) if run.sgd.design.variance_factor(b) != 0]
    variates = control_variates(run.sgd, step, sizes, dynamics.weight_limit) if sizes else {}
    if variates is None:
        if wanted is None:
            return None
        raise ValueError(
            "control_variate must be False or None where the linearised SGD diverges, got True; it does at the step "
            "size and batch sizes given"
        )
    pilots = replace(run, dynamics=dynamics, checkpoint=None).trajectories

    def influences(record: Record, b: int) -> Array:
        functional = own(variates[b].network(record), b)
        return influence(functional.offsets, functional.vectors if functional.weights.size else None)

    def fitted(b: int) -> tuple[list[float], float]:
        record = pilots.pilot(b, 2 * _PILOT)
        planning, fitting = (Record(*(rows[part] for rows in record)) for part in (slice(_PILOT), slice(_PILOT, None)))
        beta = variates[b].fit(fitting, influences(fitting, b))
        return beta.tolist(), variance_ratio(influences(planning, b), variates[b](planning), beta)

    found = decided_by_first(lambda: [fitted(b) for b in sizes])
    if wanted is None and max((ratio for _, ratio in found), default=0.0) < _PAYS:
        return None
    coefficients = {b: np.asarray(beta) for b, (beta, _) in zip(sizes, found, strict=True)}
    return Controls(dynamics, variates, coefficients)


def _is_worthwhile(run: Run) -> bool:
    """Whether a pilot could pay."""
    if not isinstance(run.sgd.problem, DeepLinearNetwork) or len(run.sgd.layers) == 1:
        return False
    if linearised_operations(run.sgd, run.steps[0], run.batch_sizes) > _OPERATIONS:
        return False
    return run.replicates is None or run.replicates >= _WORTH_A_PILOT
