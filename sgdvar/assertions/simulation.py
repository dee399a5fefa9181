"""Comparisons with simulation, at stated false-alarm rates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sgdvar.assertions.subjects import Quantity, Subject
from sgdvar.process import SGD

__all__ = ["assert_matches_estimate", "assert_matches_simulation"]

_ROUNDING = 1e-9  # of the largest claimed value; estimates that are that close to a claim agree with it


def assert_matches_simulation(
    quantity: Quantity,
    sgd: SGD,
    step: int,
    batch_sizes: Sequence[int],
    *,
    false_alarm_rate: float = 1e-9,
    relative_error: float | None = None,
    replicates: int | None = None,
    seed: int = 0,
    **arguments: Any,
) -> None:
    r"""A claimed total variance of the gradient agrees with plain simulated runs: ``sv.verify`` with ``formula=``.

    Guarantees:
        A right claim fails with at most the false-alarm rate, over all batch sizes together; nominally, since sample
        variances are taken as normal after a correction for skewness. Agreement is no proof: it bounds a deviation,
        which a report from ``sv.verify`` states. An undecided report fails.

    Args:
        quantity: The claim for :math:`\operatorname{Var}(A g_t)`.
        sgd: The process; a differentiable model will do.
        step: t.
        batch_sizes: Batch sizes that the design allows.
        false_alarm_rate: For one call; a property test makes as many calls as it has examples.
        relative_error: As for ``sv.verify``.
        replicates: As for ``sv.verify``.
        seed: As for ``sv.verify``.
        **arguments: ``matrix=`` or ``layer=``, for the claim and the simulation.

    Raises:
        AssertionError: Refuted or undecided.

    Examples:
        >>> import sgdvar as sv
        >>> from sgdvar.assertions import assert_matches_simulation
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[1], step_size=0.1)
        >>> assert_matches_simulation(sv.gradient_variance, sgd, 1, [1, 2], replicates=10_000)
    """
    from sgdvar.agreement import verify

    subject = Subject.of(quantity, sgd, step, arguments)
    report = verify(
        sgd,
        [step],
        batch_sizes,
        relative_error=relative_error,
        replicates=replicates,
        false_alarm_rate=false_alarm_rate,
        seed=seed,
        formula=lambda _, b: subject.entries(b)[0],
        **arguments,
    )
    if report.verdict.status != "agreed":
        subject.fail("must agree with simulation", f"{report.verdict.status}: {report.verdict.reason}")


def assert_matches_estimate(
    quantity: Quantity,
    estimator: Callable[..., Any],
    process: Any,
    step: int,
    batch_sizes: Sequence[int],
    *,
    false_alarm_rate: float = 1e-9,
    relative_error: float | None = None,
    replicates: int | None = None,
    seed: int = 0,
    **arguments: Any,
) -> None:
    r"""A quantity lies in the confidence intervals of an estimate, entry by entry.

    Guarantees:
        A right claim fails with at most the false-alarm rate, over all batch sizes and entries together; nominally,
        since estimates are taken as normal: with heavy tails the rate can be larger. An estimate with warnings fails
        as undecided. The variance of the gradient is better judged by ``assert_matches_simulation``.

    Args:
        quantity: The claim; values may be arrays.
        estimator: One of the functions whose names begin with ``estimate_``, or one of your own that takes the same
            arguments and returns an ``Estimate``.
        process: What it is a quantity of.
        step: t.
        batch_sizes: Batch sizes that the design allows.
        false_alarm_rate: For one call; a property test makes as many calls as it has examples.
        relative_error: For the estimator.
        replicates: For the estimator.
        seed: For the estimator.
        **arguments: For both functions.

    Raises:
        AssertionError: An entry is outside its interval; or the estimate has warnings.

    Examples:
        >>> import sgdvar as sv
        >>> from sgdvar.assertions import assert_matches_estimate
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[1], step_size=0.1)
        >>> assert_matches_estimate(sv.expected_loss, sv.estimate_expected_loss, sgd, 2, [1, 2], replicates=10_000)
    """
    subject = Subject.of(quantity, process, step, arguments)
    estimate = estimator(
        process, step, batch_sizes, relative_error=relative_error, replicates=replicates, seed=seed, **arguments
    )
    if estimate.warnings:
        subject.fail("must be decided by the estimate", f"undecided: {'; '.join(estimate.warnings)}")
    claims = np.array([[float(entry) for entry in subject.entries(b)] for b in batch_sizes])
    lower, upper = (ends.reshape(claims.shape) for ends in estimate.interval(1 - false_alarm_rate / claims.size))
    slack = _ROUNDING * np.abs(claims).max()
    wrong = np.argwhere((claims < lower - slack) | (claims > upper + slack))
    if len(wrong):
        row, column = wrong[0]
        interval = f"[{lower[row, column]:.6g}, {upper[row, column]:.6g}]"
        where = f"b = {batch_sizes[row]}" + (f", entry {column}" if claims.shape[1] > 1 else "")
        subject.fail(f"must be in {interval} at {where}", f"{claims[row, column]:.6g}")
