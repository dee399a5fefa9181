r"""Exact values against plain simulation, with both error rates bounded: ``verify`` and its ``Report``.

The judge is plain trajectories, which know nothing of the theory: a batch is drawn, its gradient taken, a step made.
Estimates that are conditioned on the last weights are shown beside them and never judged, because they take the
variance factor c(b) from the theory that is to be checked.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from sgdvar.certificates import Verdict
from sgdvar.errors import BudgetExceededError, NotExactError
from sgdvar.exact import gradient_variance
from sgdvar.exact.deep_linear.cost import BUDGET, PRODUCTS_PER_SECOND
from sgdvar.monte_carlo.landscapes.moments import has_conditional_moments, rounding_bound
from sgdvar.monte_carlo.quantities import gradient_variance_of
from sgdvar.monte_carlo.running.execution import Measure
from sgdvar.monte_carlo.running.progress import Progress
from sgdvar.monte_carlo.running.runs import Run, digest
from sgdvar.monte_carlo.running.trajectories import Record
from sgdvar.monte_carlo.statistics.design import detectable_deviation
from sgdvar.monte_carlo.statistics.intervals import LARGEST_SHARE, check_rate, normal_deviation, upper_quantile
from sgdvar.monte_carlo.statistics.summaries import Summary, summarise, summarise_mean
from sgdvar.monte_carlo.statistics.tails import squares_variances
from sgdvar.planted import PlantedFormula, planted_formulas
from sgdvar.polynomial import BatchPolynomial
from sgdvar.process import SGD, check_process
from sgdvar.report import EXPECTED_ERROR, PlantedResult, Report, Row, percent
from sgdvar.scalars import check_sequence

__all__ = ["Report", "verify"]

Formula: TypeAlias = (
    Callable[[int, int], Any] | Mapping[int, BatchPolynomial] | Sequence[BatchPolynomial] | BatchPolynomial
)
"""A claimed variance: a function of (step, b), or polynomials by step or in the order of the steps."""

_UNDERFLOW = 1e-100  # variances below are treated as rounding, since their cubes are no floating-point numbers
_BUDGET = 1e8  # products of coefficients for an exact variance that is not judged: a few seconds
_NO_MISTAKE = "no mistake fits this design"
_OUT_OF_REACH = "they are made from the exact variance, which takes too long or needs exact numbers here"
_REMEDY = "lower relative_error= or give more replicates=, or take larger batches or smaller steps"
_FACTOR_OF_TWO = 0.5  # the relative deviation of a true value from a claim that is twice as large


def verify(
    sgd: SGD,
    steps: Sequence[int],
    batch_sizes: Sequence[int],
    *,
    relative_error: float | None = None,
    replicates: int | None = None,
    false_alarm_rate: float = 1e-6,
    miss_rate: float = 1e-3,
    seed: int = 0,
    formula: Formula | None = None,
    matrix: Any = None,
    layer: int | None = None,
    time_budget: float = 600.0,
    progress: Progress = False,
) -> Report:
    r"""A claimed total variance of the gradient against simulation, at every step and batch size.

    The claim disagrees with a sample variance of N plain trajectories if they are more than
    :math:`z_{1-\alpha/(2K)}` standard errors apart, with :math:`\alpha` the false-alarm rate and K the number of
    comparisons, once the deviation is corrected for skewness and for a term of order 1/N that is not normal
    (``Row.score``). Where the claim is exactly 0 the estimate must be 0 up to rounding. Wrong formulas that fit the
    design are put to the same test.

    Guarantees:
        Both error rates are nominal: they hold as far as sample variances are normal with the standard error that is
        stated. A comparison is left undecided if one replicate dominates it, or if its standard error is well below the
        one that is due: batches that are hardly ever drawn then carry much of the variance (``Row.expected_error``).

    Args:
        sgd: The process; numbers of any kind, which are simulated in float64.
        steps: Steps t >= 0.
        batch_sizes: Batch sizes that the design allows.
        relative_error: The relative standard error that every estimate is to reach; 0.01 if neither this nor
            ``replicates`` is given. A pilot run, which is then thrown away, decides on the replicates.
        replicates: The number of trajectories at each batch size, instead of ``relative_error``.
        false_alarm_rate: The chance that a right claim is refuted, over all comparisons together.
        miss_rate: The chance that a deviation of the size that is reported as detectable is missed.
        seed: An integer from 0 to 2**63 - 1.
        formula: The claim: a function of (step, b), or BatchPolynomials in a dict by step or in the order of ``steps``
            (one alone for one step); None for the library's exact polynomial.
        matrix: A, shape (m, d) or (d,), acting on the gradient flattened row by row, layers one after the other; None
            for the identity.
        layer: The layer, from 1, whose gradient alone is meant (and acted on by A); None for all.
        time_budget: Seconds; nothing is simulated if more are forecast, and of a network no exact variance computed.
        progress: True for a progress bar, or a function of the replicates done and their total.

    Returns:
        Rows, verdict, and what became of the planted wrong formulas.

    Raises:
        TypeError: An argument of the wrong type, or symbols.
        ValueError: A step, batch size, rate or matrix that does not fit; a claim that is not finite.
        NotExactError: A float matrix for an exact process, or the other way round; a network of floats without
            ``formula``.
        BudgetExceededError: More time is forecast than ``time_budget``, or the exact variance of a network is out of
            reach and there is no ``formula``.
        NonFiniteError: A trajectory overflowed.
        ImportError: ``progress=True`` without rich.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2], [3]], [1, 0, 1])), start=[1], step_size=0.1)
        >>> report = sv.verify(sgd, steps=[0, 1], batch_sizes=[1, 2, 3], relative_error=0.05)
        >>> report.verdict.status
        'agreed'
    """
    began = time.perf_counter()
    check_process(sgd)
    steps = list(dict.fromkeys(sgd.check_step(step) for step in check_sequence(steps, "steps")))
    check_rate(false_alarm_rate, "false_alarm_rate")
    check_rate(miss_rate, "miss_rate")
    run = Run(sgd, sorted(steps), batch_sizes, relative_error, replicates, seed, time_budget, progress)
    batch_sizes = list(dict.fromkeys(run.batch_sizes))
    about = f"verify Var(g_t), {digest([matrix, layer])}"
    measure = _measure(sgd, steps[0], matrix, layer)
    if formula is not None:
        curves, claims = _claims(formula, steps, batch_sizes)
        summaries = run.summaries(measure, about)
        exact = _exact_in_reach(sgd, steps, matrix, layer)
    elif sgd.is_network:
        budget = min(time_budget * PRODUCTS_PER_SECOND, BUDGET)
        exact = _exact(sgd, steps, matrix, layer, budget=budget)  # first: what is out of reach is refused at once
        curves, claims = _claims(exact, steps, batch_sizes)
        summaries = run.summaries(measure, about)
    else:
        summaries = run.summaries(measure, about)  # first: if the process explodes, this says why
        exact = _exact(sgd, steps, matrix, layer)
        curves, claims = _claims(exact, steps, batch_sizes)
    comparisons = sum(value != 0 for value in claims.values())
    judge = _Judge(false_alarm_rate, miss_rate, max(comparisons, 1))
    tails = {
        step: squares_variances(sgd, step, batch_sizes, matrix=matrix, layer=layer, seed=run.seed) for step in steps
    }
    rows = [
        judge.row(step, b, claim, tails[step][b], *summaries[b][run.steps.index(step)])
        for (step, b), claim in claims.items()
    ]
    wrong = planted_formulas(sgd, exact, batch_sizes, matrix=matrix, layer=layer) if exact else []
    planted = tuple(judge.planted(candidate, rows) for candidate in wrong)
    verdict = judge.verdict(rows, planted)
    if formula is not None and exact and verdict.witness is not None:
        step, b, *_ = verdict.witness
        verdict = replace(verdict, reason=f"{verdict.reason}; the exact value there is {float(exact[step](b)):.6g}")
    return Report(
        process=repr(sgd),
        judged="exact" if formula is None else "claimed",
        rows=tuple(rows),
        verdict=verdict,
        planted=planted,
        not_planted="" if planted else _NO_MISTAKE if exact else _OUT_OF_REACH,
        false_alarm_rate=false_alarm_rate,
        miss_rate=miss_rate,
        threshold=judge.threshold,
        comparisons=comparisons,
        seed=run.seed,
        seconds=time.perf_counter() - began,
        curves=curves,
    )


def _measure(sgd: SGD, step: int, matrix: Any, layer: int | None) -> Measure:
    """Summaries of plain trajectories, of what is shown beside them, and of what rounding can make of 0."""
    quantity = gradient_variance_of(sgd, step, matrix, layer, has_conditional_moments(sgd))
    rounding = rounding_bound(sgd, matrix, layer)

    def measure(record: Record, b: int) -> list[Summary]:
        plain = summarise(quantity.plain(record, b))
        beside = plain if quantity.conditional is None else summarise(quantity.conditional(record, b))
        return [plain, beside, summarise_mean(np.full(len(record.weights), rounding(record)))]

    return measure


@dataclass(frozen=True)
class _Judge:
    """The decisions of one report."""

    false_alarm_rate: float
    miss_rate: float
    comparisons: int

    @property
    def threshold(self) -> float:
        return upper_quantile(self.false_alarm_rate / (2 * self.comparisons))

    def row(
        self,
        step: int,
        b: int,
        claim: float,
        squares_variance: float,
        plain: Summary,
        conditional: Summary,
        rounding: Summary,
    ) -> Row:
        """The comparison of a claim with the estimate of plain trajectories."""
        estimate, error, tolerance = (float(x) for x in (plain.value, plain.standard_error, rounding.value))
        tolerance = max(tolerance, _UNDERFLOW)
        score = self.score(estimate, error, claim, tolerance, float(plain.skewness), plain.count)
        return Row(
            step=step,
            batch_size=b,
            exact=claim,
            estimate=estimate,
            standard_error=error,
            deviation=_deviation(estimate, error, claim, tolerance),
            score=score,
            agrees=abs(score) <= self.threshold,
            detectable=self.detectable(error, claim, tolerance, plain.count),
            replicates=plain.count,
            conditional_estimate=float(conditional.value),
            conditional_standard_error=float(conditional.standard_error),
            skewness=float(plain.skewness),
            largest_share=plain.largest_share,
            expected_error=math.sqrt(squares_variance / plain.count),
            rounding=tolerance,
        )

    def score(self, estimate: float, error: float, claim: float, rounding: float, skewness: float, count: int) -> float:
        """The deviation in standard errors that is judged: beyond the slack, and corrected for skewness."""
        slack = self.slack(count) * abs(claim)
        beyond = estimate - min(max(estimate - claim, -slack), slack)
        deviation = _deviation(beyond, error, claim, rounding)
        return normal_deviation(deviation, skewness, count) if math.isfinite(deviation) else deviation

    def slack(self, count: int) -> float:
        r"""What the square of the mean, which is chi-squared and not normal, can take from a sample variance.

        Relative to the variance it is at most :math:`\chi^2_1 / (N - 1)`; it matters for few replicates, and where all
        squared deviations are equal, so that nothing else varies.
        """
        return self.threshold**2 / (count - 1)

    def detectable(self, error: float, claim: float, rounding: float, count: int) -> float:
        """The smallest relative deviation that is caught at both error rates."""
        if claim == 0:
            return 0.0
        normal = detectable_deviation(self.false_alarm_rate, self.miss_rate, self.comparisons) * error
        return (normal + rounding) / abs(claim) + self.slack(count)

    def planted(self, wrong: PlantedFormula, rows: Sequence[Row]) -> PlantedResult:
        """The comparison in which a wrong formula stands out most; where the variance is 0 only if nowhere else."""
        results = []
        for row, value, exact in zip(rows, wrong.values.ravel().tolist(), wrong.exact.ravel().tolist(), strict=True):
            gap = abs(value - exact)
            relative = gap / exact if exact > 0 else math.inf if gap > row.rounding else 0.0
            detectable = self.detectable(row.standard_error, exact, row.rounding, row.replicates)
            score = self.score(row.estimate, row.standard_error, value, row.rounding, row.skewness, row.replicates)
            results.append(
                PlantedResult(
                    name=wrong.name,
                    is_separable=row.is_trusted and gap > row.rounding and relative > detectable,
                    step=row.step,
                    batch_size=row.batch_size,
                    relative_deviation=relative,
                    detectable=detectable,
                    deviation=_deviation(row.estimate, row.standard_error, value, row.rounding),
                    is_rejected=row.is_trusted and abs(score) > self.threshold,
                )
            )
        return max(results, key=_prominence)

    def verdict(self, rows: Sequence[Row], planted: Sequence[PlantedResult]) -> Verdict:
        off = [row for row in rows if row.is_trusted and not row.agrees]
        if off:
            worst = max(off, key=lambda row: abs(row.score))
            return Verdict(
                "refuted",
                f"{_where(worst)} the claim {worst.exact:.6g} is {_distance(worst.deviation)} the estimate "
                f"{worst.estimate:.6g} +- {worst.standard_error:.2g}",
                witness=(worst.step, worst.batch_size, worst.exact, worst.estimate, worst.standard_error),
            )
        for row in rows:
            if row.detectable > _FACTOR_OF_TWO:
                reason = (
                    f"{row.replicates} replicates are too few to see a factor of two {_where(row)}: only a deviation "
                    f"of {percent(row.detectable)} would have been caught; {_REMEDY}"
                )
                return Verdict("undecided", reason)
            if not row.is_trusted:
                return Verdict(
                    "undecided", f"{_where(row)} {_doubt(row)}, so its standard error decides nothing; {_REMEDY}"
                )
        for result in planted:
            if result.is_separable and not result.is_rejected:
                return Verdict("undecided", f"a planted wrong formula should have been rejected and was not: {result}")
        random = [row.detectable for row in rows if row.exact != 0]
        caught = f"; deviations of {percent(max(random))} or more would have been caught everywhere" if random else ""
        return Verdict(
            "agreed",
            f"{len(rows)} comparisons, none beyond {self.threshold:.2f} standard errors{caught} "
            f"(miss rate {self.miss_rate:g})",
        )


def _deviation(estimate: float, error: float, claim: float, rounding: float) -> float:
    """(estimate - claim) in standard errors; infinite where either is known without error."""
    gap = estimate - claim
    if abs(gap) <= rounding:
        return 0.0
    return math.copysign(math.inf, gap) if claim == 0 or error <= rounding else gap / error


def _prominence(result: PlantedResult) -> tuple[bool, bool, float]:
    """Separable comparisons first, among them those of two positive numbers, then the most standard errors."""
    ratio = result.relative_deviation / result.detectable if result.detectable > 0 else result.relative_deviation
    return result.is_separable, math.isfinite(result.deviation), ratio


def _claims(
    formula: Formula, steps: Sequence[int], batch_sizes: Sequence[int]
) -> tuple[dict[int, Callable[[int], float]], dict[tuple[int, int], float]]:
    """The claim at each step as a function of b, and its values at every step and batch size, in floats."""
    by_step: Mapping[int, Callable[[int], Any]]
    if isinstance(formula, BatchPolynomial):
        formula = [formula]
    if callable(formula):
        by_step = {step: partial(formula, step) for step in steps}
    elif isinstance(formula, Mapping):
        by_step = formula
    elif not isinstance(formula, Sequence) or not all(callable(claim) for claim in formula):
        raise TypeError(
            "formula must be a function of (step, b), or BatchPolynomials in a dict by step or in the order of the "
            f"steps, got {type(formula).__name__}"
        )
    elif len(formula) == len(steps):
        by_step = dict(zip(steps, formula, strict=True))
    else:
        raise ValueError(f"formula must hold one polynomial per step, got {len(formula)} for {len(steps)} steps")
    missing = [step for step in steps if step not in by_step]
    if missing:
        raise ValueError(f"formula must hold a polynomial for every step, got none for step {missing[0]}")
    curves = {step: _finite_claim(by_step[step], step) for step in steps}
    return curves, {(step, b): curves[step](b) for step in steps for b in batch_sizes}


def _exact(
    sgd: SGD, steps: Sequence[int], matrix: Any, layer: int | None, **options: float
) -> dict[int, BatchPolynomial]:
    """The exact variance by step."""
    return {step: gradient_variance(sgd, step, matrix=matrix, layer=layer, **options) for step in steps}


def _exact_in_reach(sgd: SGD, steps: Sequence[int], matrix: Any, layer: int | None) -> dict[int, BatchPolynomial]:
    """The exact variance by step, or nothing where some step would take long or numbers are not exact."""
    try:
        return _exact(sgd, steps, matrix, layer, budget=_BUDGET)
    except (BudgetExceededError, NotExactError):
        return {}


def _finite_claim(claim: Callable[[int], Any], step: int) -> Callable[[int], float]:
    def value(b: int) -> float:
        exact = claim(b)
        if not hasattr(exact, "__float__"):
            raise TypeError(f"formula must give numbers, got {exact!r} at step {step}, b = {b}")
        try:
            number = float(exact)
        except OverflowError:  # a Fraction beyond the range of floats
            number = math.inf if exact > 0 else -math.inf
        if not math.isfinite(number):
            raise ValueError(f"formula must give finite numbers, got {number} at step {step}, b = {b}")
        return number

    return value


def _where(row: Row) -> str:
    return f"at step {row.step}, b = {row.batch_size}"


def _doubt(row: Row) -> str:
    """Why a row is not trusted."""
    if row.largest_share > LARGEST_SHARE:
        return (
            f"one of {row.replicates} replicates carries {percent(row.largest_share)} of the fourth moment, more than "
            f"{percent(LARGEST_SHARE)}"
        )
    if row.expected_error > EXPECTED_ERROR * max(row.standard_error, row.rounding):
        shown, due = f"{row.standard_error:.2g}", f"{row.expected_error:.2g}"
        return (
            f"{row.replicates} replicates show a standard error of {shown} where {due} is due: they lack batches that "
            "are hardly ever drawn and carry much of the variance"
        )
    return "the squared deviations leave the range of floats"


def _distance(deviation: float) -> str:
    return f"{abs(deviation):.1f} standard errors from" if math.isfinite(deviation) else "not"
