"""Runs: what is asked for, and how it is to be carried out."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypedDict

import jax
import numpy as np

from sgdvar import __version__
from sgdvar.monte_carlo.dynamics.base import Dynamics, dynamics_of
from sgdvar.monte_carlo.dynamics.models import ExampleLoss, float_parts
from sgdvar.monte_carlo.running.checkpoints import Checkpoint
from sgdvar.monte_carlo.running.execution import Execution, Measure
from sgdvar.monte_carlo.running.planning import Deciding, Plan
from sgdvar.monte_carlo.running.processes import check_same, decided_by_first, process_count, process_index, together
from sgdvar.monte_carlo.running.progress import Progress, reporter
from sgdvar.monte_carlo.running.totals import Cells
from sgdvar.monte_carlo.running.trajectories import Precision, Record, Trajectories
from sgdvar.monte_carlo.statistics.summaries import Summary
from sgdvar.problems import DifferentiableModel
from sgdvar.process import SGD, check_process
from sgdvar.scalars import check_count, check_sequence, is_real

__all__ = ["Measure", "Progress", "Run", "RunOptions", "digest"]

_LARGEST_BATCH = 2**31  # batch sizes are 32-bit integers there
_RELATIVE_ERROR = 0.01  # unless told otherwise
_LEAST_ERROR = 1e-9  # relative; the replicates for less cannot be counted


class RunOptions(TypedDict, total=False):
    """How a simulation is carried out; nothing here changes what is estimated.

    Attributes:
        time_budget: Seconds (default 600); nothing is computed if more are forecast.
        progress: True for a progress bar, or a function of the replicates done and their total (default False).
        precision: "float64" (default), or "float32" to simulate in single precision; moments are float64 always.
        chunk_size: Replicates to simulate at once, rounded up to whole blocks of at most 2,048; None (default) for as
            many as the devices take well. Results do not depend on it, to the last bit.
        checkpoint: A file that keeps what is done: an interrupted run that is started again goes on from there and
            ends with the same bits; more replicates continue a finished one. None (default) for no file.

    Examples:
        >>> import sgdvar as sv
        >>> options: sv.RunOptions = {"progress": False, "time_budget": 60}
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1.0], [2.0]], [0.0, 1.0])), start=[1.0], step_size=0.25)
        >>> estimate = sv.estimate_gradient_variance(sgd, step=1, batch_sizes=[2], replicates=100, seed=0, **options)
        >>> print(estimate.replicates)
        [100]
    """

    time_budget: float
    progress: Progress
    precision: Precision
    chunk_size: int | None
    checkpoint: str | os.PathLike[str] | None


@dataclass(frozen=True, eq=False)
class Run:
    """A request for summaries at some steps and batch sizes, checked when it is made and carried out by ``summaries``.

    Attributes:
        sgd: The process.
        steps: Steps to record, ascending and distinct.
        batch_sizes: Batch sizes that the design allows.
        relative_error: The relative standard error to reach at every step and batch size; 0.01 if neither this nor
            ``replicates`` is given.
        replicates: The number of replicates at each batch size, instead of ``relative_error``.
        seed: An integer from 0 to 2**63 - 1.
        time_budget: As in ``RunOptions``, like all that follow.
        progress: See there.
        precision: See there.
        chunk_size: See there.
        checkpoint: See there.
        dynamics: What is simulated; None for the process alone.

    Raises:
        TypeError: Symbols in the process, or an argument of the wrong type.
        ValueError: No step, no batch size or one outside the design's range, a bad step, seed, budget, precision or
            chunk size, or both accuracies.
    """

    sgd: SGD
    steps: Sequence[int]
    batch_sizes: Sequence[int]
    relative_error: float | None = None
    replicates: int | None = None
    seed: int = 0
    time_budget: float = 600.0
    progress: Progress = False
    precision: Precision = "float64"
    chunk_size: int | None = None
    checkpoint: str | os.PathLike[str] | None = None
    dynamics: Dynamics | None = None

    def __post_init__(self) -> None:
        self._set("steps", _checked_steps(self.sgd, self.steps))
        self._set("batch_sizes", _checked_batch_sizes(self.sgd, self.batch_sizes))
        if self.relative_error is not None and self.replicates is not None:
            raise ValueError(
                f"one of relative_error and replicates must be given, got both, {self.relative_error} and "
                f"{self.replicates}"
            )
        if self.replicates is not None:
            self._set("replicates", check_count(self.replicates, "replicates", least=2))
        elif self.relative_error is None:
            self._set("relative_error", _RELATIVE_ERROR)
        elif not 0 < _number(self.relative_error, "relative_error") < math.inf:
            raise ValueError(f"relative_error must be positive and finite, got {self.relative_error}")
        elif self.relative_error < _LEAST_ERROR:
            raise ValueError(f"relative_error must be at least {_LEAST_ERROR:g}, got {self.relative_error}")
        self._set("seed", check_count(self.seed, "seed"))
        if self.seed >= 2**63:
            raise ValueError(f"seed must be below 2**63, got {self.seed}")
        if not _number(self.time_budget, "time_budget") > 0:
            raise ValueError(f"time_budget must be positive, got {self.time_budget}")
        if self.precision not in ("float64", "float32"):
            raise ValueError(f'precision must be "float64" or "float32", got {self.precision!r}')
        if not (callable(self.progress) or isinstance(self.progress, bool)):
            raise TypeError(f"progress must be True, False or a function, got {self.progress!r}")
        if self.chunk_size is not None:
            self._set("chunk_size", check_count(self.chunk_size, "chunk_size", least=1))
        if self.checkpoint is not None and not isinstance(self.checkpoint, str | os.PathLike):
            raise TypeError(f"checkpoint must be a path, got {type(self.checkpoint).__name__}")

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    @cached_property
    def trajectories(self) -> Trajectories:
        """What is simulated."""
        dynamics = dynamics_of(self.sgd) if self.dynamics is None else self.dynamics
        return Trajectories(self.sgd, dynamics, tuple(self.steps), self.seed, self.precision, self.chunk_size)

    def summaries(
        self,
        measure: Measure,
        about: str,
        *,
        deciding: Deciding | None = None,
        is_signed: bool = False,
        nested: Sequence[int] = (),
    ) -> dict[int, Cells]:
        """What becomes of the replicates: for each batch size, one list of summaries per step.

        Args:
            measure: Makes the summaries of a set of replicates.
            about: Names the measure in a checkpoint, and all that it depends on beside the process.
            deciding: As of a ``Plan``; by default the first of ``measure``.
            is_signed: Whether what these estimate may have either sign.
            nested: Batch sizes that ``dynamics`` simulates together with those of the run.

        Raises:
            BudgetExceededError: More time is forecast than the budget, or a chunk needs more memory than there is.
            NonFiniteError: A replicate overflowed.
            CheckpointError: The checkpoint is of another run, damaged, or cannot be written.
            ImportError: A progress bar is asked for and rich is not installed.
            RuntimeError: Another process of a distributed run failed.
        """
        batch_sizes = tuple(dict.fromkeys(self.batch_sizes))
        if process_count() > 1:
            check_same(f"{self._fingerprint(about)}; replicates {self.replicates}; error {self.relative_error}")
        checkpoint = self._checkpoint(about)
        together(lambda: (self.trajectories, checkpoint and checkpoint.load()))  # refuse before anything is simulated
        trajectories = self.trajectories
        with reporter(self.progress) as report:
            decided = deciding or partial(_first_of_parts, measure)
            plan = Plan(trajectories, batch_sizes, measure, about, self.time_budget, decided, is_signed, nested)
            demand = decided_by_first(lambda: {str(b): count for b, count in self._demand(plan).items()})
            counts = {int(b): count for b, count in demand.items()}
            return Execution(trajectories, counts, measure, report, checkpoint).cells()

    def _demand(self, plan: Plan) -> dict[int, int]:
        if self.replicates is not None:
            return plan.for_replicates(self.replicates)
        assert self.relative_error is not None
        return plan.for_relative_error(self.relative_error)

    def _checkpoint(self, about: str) -> Checkpoint | None:
        if self.checkpoint is None:
            return None
        path, processes = Path(self.checkpoint), process_count()
        share = f"{process_index()} of {processes}"
        if processes > 1:
            path = path.with_name(f"{path.name}.{share.replace(' ', '-')}")
        return Checkpoint(path, f"{self._fingerprint(about)}; share {share}")

    def _fingerprint(self, about: str) -> str:
        """Says all that replicates and their summaries depend on, on one line."""
        facts = {
            "version": __version__,
            "JAX": f"{jax.__version__} on {jax.default_backend()}",
            "process": repr(self.sgd),
            "numbers": digest(self.sgd.numbers()),
            "functions": self._functions,
            "steps": list(self.steps),
            "batch sizes": sorted(set(self.batch_sizes)),
            "seed": self.seed,
            "precision": self.precision,
            "quantity": about,
        }
        return "; ".join(f"{name} {value}" for name, value in facts.items())

    @property
    def _functions(self) -> str:
        """A digest of what a differentiable model computes."""
        problem = self.sgd.problem
        if not isinstance(problem, DifferentiableModel):
            return "none"
        return ExampleLoss.of(self.sgd).digest(float_parts(self.sgd), problem.data)


def _first_of_parts(measure: Measure, record: Record, batch_size: int) -> Callable[[int], Sequence[Summary]]:
    """The first summary that is measured, of the parts of a record."""

    def of_parts(count: int) -> Sequence[Summary]:
        size = len(record.weights) // count
        parts = [record.only(slice(k * size, (k + 1) * size)) for k in range(count)]
        return [Summary.of_sets([measure(part, batch_size)[0] for part in parts])]

    return of_parts


def digest(arrays: Sequence[Any]) -> str:
    """A short text that tells arrays of numbers apart."""
    known = hashlib.sha256()
    for array in map(np.asarray, arrays):
        known.update(f"{array.shape} {array.dtype} ".encode())
        known.update(repr(array.tolist()).encode() if array.dtype == object else np.ascontiguousarray(array).tobytes())
    return known.hexdigest()[:16]


def _checked_steps(sgd: SGD, steps: Sequence[int]) -> tuple[int, ...]:
    if check_process(sgd).kind == "symbolic":
        raise TypeError("Monte Carlo needs numbers, got symbols; substitute values for them")
    checked = tuple(sgd.check_step(t) for t in check_sequence(steps, "steps"))
    if not checked:
        raise ValueError("steps must hold at least one step, got none")
    return checked


def _checked_batch_sizes(sgd: SGD, batch_sizes: Sequence[int]) -> tuple[int, ...]:
    sizes = tuple(sgd.design.check_batch_size(b) for b in check_sequence(batch_sizes, "batch_sizes"))
    if not sizes:
        raise ValueError("batch_sizes must hold at least one batch size, got none")
    if max(sizes) >= _LARGEST_BATCH:
        raise ValueError(f"batch_sizes must be below 2**31 to be simulated, got {max(sizes)}")
    return sizes


def _number(value: Any, name: str) -> float:
    """A real number as a float.

    Raises:
        TypeError: It is something else.
    """
    if not is_real(value):
        raise TypeError(f"{name} must be a number, got {value!r}")
    return float(value)
