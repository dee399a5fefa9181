"""What a comparison of exact values with simulation found, and how it reads."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sgdvar.certificates import Verdict
from sgdvar.monte_carlo.statistics.intervals import LARGEST_SHARE
from sgdvar.plotting import plot_variance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPECTED_ERROR", "PlantedResult", "Report", "Row", "percent"]

EXPECTED_ERROR = math.sqrt(2)  # times the standard error that a sample shows; above, it lacks what is rare
_CURVE_POINTS = 200
_ROUNDING = 1e-12  # standard errors that are smaller, relative to the value, are printed as 0


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        step: t.
        batch_size: b.
        exact: The claimed value of Var(A g_t).
        estimate: The sample variance of plain trajectories.
        standard_error: Its standard error.
        deviation: (estimate - exact) in standard errors; 0 or infinite where the estimate has none.
        score: The deviation corrected for skewness, which is closer to standard normal if the claim is right, and for
            the square of the mean in a sample variance, which is not normal: what is judged.
        agrees: Whether the score is within the report's threshold.
        detectable: The smallest deviation of the true value, relative to the claimed one, that this row would have
            caught at the report's error rates; 0 where the claim is exactly 0.
        replicates: The number of trajectories.
        conditional_estimate: The estimate conditioned on the last weights; not judged.
        conditional_standard_error: Its standard error.
        skewness: The skewness of the squared deviations whose mean the estimate is.
        largest_share: The largest share of one replicate in the fourth moment; above 5 % the row decides nothing.
        expected_error: The standard error that so many replicates should have: from the exact fourth moment where that
            is in reach, for other finite data from a simulation that prefers rare examples, and 0 where neither is. If
            it is more than 1.4 times the one that the sample shows, the sample lacks batches that are hardly ever
            drawn and carry much of the variance, and the row decides nothing.
        rounding: What rounding errors can make of a variance of 0; smaller deviations count as 0.
    """

    step: int
    batch_size: int
    exact: float
    estimate: float
    standard_error: float
    deviation: float
    score: float
    agrees: bool
    detectable: float
    replicates: int
    conditional_estimate: float
    conditional_standard_error: float
    skewness: float
    largest_share: float
    expected_error: float
    rounding: float

    @property
    def is_trusted(self) -> bool:
        """Whether the standard error means something: the one expected, or none, and no replicate dominates it."""
        if self.expected_error > EXPECTED_ERROR * max(self.standard_error, self.rounding):
            return False
        if self.standard_error <= self.rounding:
            return True
        return self.largest_share <= LARGEST_SHARE and math.isfinite(self.skewness)


@dataclass(frozen=True)
class PlantedResult:
    """What became of a wrong formula.

    Attributes:
        name: The mistake, in words.
        is_separable: Whether somewhere on the grid it differs by more than the row there can detect.
        step: t where it stands out most.
        batch_size: b there.
        relative_deviation: How far it is from the exact value there, relative to that; infinite where that is 0.
        detectable: The smallest relative deviation that can be detected there.
        deviation: (estimate - wrong value) there, in standard errors.
        is_rejected: Whether the comparison there rejects it.
    """

    name: str
    is_separable: bool
    step: int
    batch_size: int
    relative_deviation: float
    detectable: float
    deviation: float
    is_rejected: bool

    def __str__(self) -> str:
        where = f"at step {self.step}, b = {self.batch_size}"
        if not self.is_separable:
            return (
                f"{self.name}: this grid cannot separate it (at most {percent(self.relative_deviation)} off, {where}, "
                f"where {percent(self.detectable)} can be detected)"
            )
        if math.isinf(self.deviation):
            return f"{self.name}: rejected {where}, where the variance or the wrong value is exactly 0"
        word = "rejected" if self.is_rejected else "NOT REJECTED"
        return f"{self.name}: {word} {where}, by {abs(self.deviation):.1f} standard errors"


@dataclass(frozen=True, eq=False)
class Report:
    """The outcome of ``verify``.

    Attributes:
        process: What was simulated, in words.
        judged: "exact" where the library's own polynomials were judged, "claimed" for a formula of the user's.
        rows: One comparison for each step and batch size.
        verdict: "agreed", "refuted" (``witness`` is step, b, claimed value, estimate, standard error) or "undecided".
        planted: Wrong formulas that fit the design, and whether this run rejects them.
        not_planted: Why there are none; empty where there are.
        false_alarm_rate: The chance that a right formula is refuted by any of the comparisons; nominal, since it rests
            on sample variances being normal.
        miss_rate: The chance that a deviation of the size ``Row.detectable`` goes unnoticed; nominal.
        threshold: The standard errors beyond which a row disagrees.
        comparisons: The number of rows that share the false-alarm rate: those whose claim is not exactly 0.
        seed: The seed of the simulation.
        seconds: Wall time.
        curves: For each step the claimed value as a function of b.

    Examples:
        >>> import sgdvar as sv
        >>> data = sv.Dataset([[1.0], [2.0], [1.0]], [0.0, 1.0, 2.0])
        >>> sgd = sv.SGD(sv.LinearRegression(data), start=[1.0], step_size=0.25)
        >>> report = sv.verify(sgd, steps=[0, 1], batch_sizes=[1, 2], seed=0)
        >>> print(report.verdict.status, len(report.rows))
        agreed 4
    """

    process: str
    judged: Literal["exact", "claimed"]
    rows: tuple[Row, ...]
    verdict: Verdict
    planted: tuple[PlantedResult, ...]
    not_planted: str
    false_alarm_rate: float
    miss_rate: float
    threshold: float
    comparisons: int
    seed: int
    seconds: float
    curves: Mapping[int, Callable[[int], float]]

    def to_markdown(self) -> str:
        """The report as Markdown that is aligned to be read as plain text, too."""
        lines = [f"**{self.verdict.status.upper()}**: {self.verdict.reason}", "", f"Process: {self.process}.", ""]
        lines += _table(
            [self.judged if name == "exact" else name for name in _HEADER], [_cells(row) for row in self.rows]
        )
        lines += ["", "Planted wrong formulas:", ""]
        lines += [f"- {result}" for result in self.planted] or [f"- none: {self.not_planted}"]
        if self.planted and not any(result.is_separable for result in self.planted):
            lines += ["", "This grid cannot tell the claim from any of the planted wrong formulas."]
        lines += [
            "",
            "Estimates are plain trajectories and the only judge; conditional ones take c(b) from theory. A row "
            f"disagrees beyond {self.threshold:.2f} standard errors, corrected for skewness: family-wise false-alarm "
            f"rate {self.false_alarm_rate:g} over {self.comparisons} comparisons, miss rate {self.miss_rate:g} at the "
            f"detectable deviation, both nominal (normal approximation). Seed {self.seed}, {self.seconds:.1f} seconds.",
        ]
        return "\n".join(lines)

    def to_json(self) -> str:
        """The report as JSON; infinite numbers become null."""
        data = {
            "process": self.process,
            "judged": self.judged,
            "verdict": {
                "status": self.verdict.status,
                "reason": self.verdict.reason,
                "witness": None if self.verdict.witness is None else list(self.verdict.witness),
            },
            "rows": [asdict(row) for row in self.rows],
            "planted": [asdict(result) for result in self.planted],
            "not_planted": self.not_planted,
            "false_alarm_rate": self.false_alarm_rate,
            "miss_rate": self.miss_rate,
            "threshold": self.threshold,
            "comparisons": self.comparisons,
            "seed": self.seed,
            "seconds": self.seconds,
        }
        return json.dumps(_finite(data), indent=2, allow_nan=False)

    def plot(self, path: str | PathLike[str] | None = None) -> Figure:
        """A log-log figure of the claimed curves and the estimates with error bars.

        Args:
            path: A file to write (.png, .pdf or .svg); None writes nothing.

        Returns:
            A Matplotlib figure.

        Raises:
            ImportError: Matplotlib is not installed.
        """
        steps = list(self.curves)
        sizes = list(dict.fromkeys(row.batch_size for row in self.rows))
        grid = np.array([[row.exact, row.estimate, row.standard_error] for row in self.rows])
        exact, estimates, errors = grid.reshape(len(steps), len(sizes), 3).transpose(2, 0, 1)
        dense = np.unique(np.round(np.geomspace(min(sizes), max(sizes), _CURVE_POINTS)).astype(int))
        return plot_variance(
            sizes,
            steps,
            exact,
            estimates,
            errors,
            curve_batch_sizes=dense,
            curves=[[curve(b) for b in dense.tolist()] for curve in self.curves.values()],
            lines=self.judged,
            path=path,
        )

    def __str__(self) -> str:
        return self.to_markdown().replace("**", "")


# --- text -----------------------------------------------------------------------------------------------------------

_HEADER = (
    "step",
    "b",
    "exact",
    "estimate",
    "+- s.e.",
    "deviation",
    "detectable",
    "replicates",
    "conditional",
    "+- s.e.",
)


def _cells(row: Row) -> tuple[str, ...]:
    return (
        str(row.step),
        str(row.batch_size),
        f"{row.exact:.6g}",
        f"{row.estimate:.6g}",
        _error(row.standard_error, row.estimate),
        f"{row.deviation:+.2f} s.e."
        if row.standard_error > row.rounding
        else "none"
        if row.deviation == 0
        else "differs",
        "any" if row.exact == 0 else percent(row.detectable),
        f"{row.replicates:,}",
        f"{row.conditional_estimate:.6g}",
        _error(row.conditional_standard_error, row.conditional_estimate),
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(2, *map(len, column)) for column in zip(header, *rows, strict=True)]  # "-:" is the shortest rule
    lines = [" | ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in (header, *rows)]
    return [f"| {line} |" for line in (lines[0], " | ".join("-" * (width - 1) + ":" for width in widths), *lines[1:])]


def _error(error: float, value: float) -> str:
    return f"{error:.2g}" if error > _ROUNDING * abs(value) else "0"


def percent(fraction: float) -> str:
    """A fraction in per cent, to three digits."""
    return f"{100 * fraction:.3g} %"


def _finite(data: Any) -> Any:
    """The data with infinite numbers as None."""
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
