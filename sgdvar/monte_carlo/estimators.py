"""Unbiased estimates of what the exact engines compute, with standard errors, from simulated trajectories."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sgdvar.data import Data
from sgdvar.monte_carlo.chain import GradientMap
from sgdvar.monte_carlo.measures import batch_noise, gradient_variance_measures, landscape_of
from sgdvar.monte_carlo.runs import Measure, Progress, Run
from sgdvar.monte_carlo.statistics import (
    Summary,
    check_rate,
    normal_quantile,
    summarise_covariance,
    summarise_mean,
    summarise_variance,
)
from sgdvar.monte_carlo.trajectories import Record
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = [
    "Estimate",
    "estimate_expected_loss",
    "estimate_full_gradient_variance",
    "estimate_gradient_second_moment",
    "estimate_gradient_variance",
    "estimate_mean_gradient",
    "estimate_mean_weights",
    "estimate_weight_covariance",
]

_ROUNDING = 1e-24  # of a relative variance


@dataclass(frozen=True, eq=False)
class Estimate:
    r"""Estimates at several batch sizes, each with its standard error.

    Attributes:
        quantity: What is estimated, in words.
        step: t.
        batch_sizes: The B batch sizes, in the order in which they were given.
        value: Unbiased estimates, shape (B,), or ``(B, *shape)`` for a quantity that is an array.
        standard_error: Their standard errors, in the same shape.
        replicates: The number of simulated trajectories at each batch size, shape (B,).
        conditional: Whether the last batch was averaged over exactly, given the last weights.
        gain: For a conditional estimate the factor by which conditioning divided the variance of the estimate, shape
            (B,); 1 otherwise, infinite where a conditional estimate has no error at all.
        largest_share: The largest share of one replicate in the sum of squares behind each standard error (in the
            fourth moment, for a variance), shape (B,); above a few per cent the standard error is not to be trusted.
    """

    quantity: str
    step: int
    batch_sizes: Array
    value: Array
    standard_error: Array
    replicates: Array
    conditional: bool
    gain: Array
    largest_share: Array

    @property
    def relative_error(self) -> Array:
        """The standard error relative to the value, in Euclidean norms for an array; shape (B,). 0 where both are 0."""
        errors, sizes = (np.linalg.norm(a.reshape(len(a), -1), axis=1) for a in (self.standard_error, self.value))
        return np.asarray(np.divide(errors, sizes, out=np.where(errors > 0, np.inf, 0.0), where=sizes > 0))

    def interval(self, level: float = 0.95) -> tuple[Array, Array]:
        """Confidence intervals by the normal approximation, entry by entry.

        Args:
            level: The chance of covering, for each entry on its own; nominal.

        Returns:
            Lower and upper ends, each in the shape of ``value``.

        Raises:
            ValueError: ``level`` is not strictly between 0 and 1.
        """
        reach = normal_quantile(check_rate(level, "level")) * self.standard_error
        return self.value - reach, self.value + reach

    def __str__(self) -> str:
        how = "conditioned on the last weights" if self.conditional else "plain trajectories"
        lines = [f"{self.quantity} at step {self.step}, {how}"]
        if self.value.ndim > 1:
            return f"{lines[0]}: shape {self.value.shape[1:]} at batch sizes {self.batch_sizes.tolist()}"
        rows = zip(self.batch_sizes, self.value, self.standard_error, self.replicates, strict=True)
        lines += [f"  b = {b}: {v:.6g} +- {e:.2g} ({n} replicates)" for b, v, e, n in rows]
        return "\n".join(lines)


def estimate_gradient_variance(
    sgd: SGD,
    step: int,
    batch_sizes: Sequence[int],
    *,
    relative_error: float | None = None,
    replicates: int | None = None,
    seed: int = 0,
    matrix: Any = None,
    layer: int | None = None,
    conditional: bool = True,
    time_budget: float = 600.0,
    progress: Progress = False,
) -> Estimate:
    r"""Estimates of the total variance of the mini-batch gradient.

    .. math:: \operatorname{Var}(A g_t) \approx \frac{1}{N-1} \sum_{i=1}^N \lVert A g_t^{(i)} - \overline{A g_t}\rVert^2

    or, conditional on the last weights, the mean of :math:`c(b) \operatorname{tr}(A \Sigma(w_t^{(i)}) A^\top)` plus the
    sample variance of the full gradients :math:`A \nabla L(w_t^{(i)})`. Both are unbiased; the second usually has a
    much smaller error, but takes c(b) from theory, so it is no test of c(b).

    Guarantees:
        The same seed gives the same answer at a batch size, whatever other batch sizes are asked for; a run of N
        replicates is the start of every longer one.

    Args:
        sgd: The process; numbers of any kind, which are simulated in float64.
        step: t >= 0.
        batch_sizes: Batch sizes that the design allows.
        relative_error: The standard error relative to the value that each batch size is to reach; 0.01 if neither this
            nor ``replicates`` is given. A pilot run, which is then thrown away, decides on the replicates.
        replicates: The number of trajectories at each batch size, at least 2, instead of ``relative_error``.
        seed: An integer from 0 to 2**63 - 1.
        matrix: A, shape (m, d) or (d,), acting on the gradient flattened row by row, layers one after the other; None
            for the identity.
        layer: The layer, from 1, whose gradient alone is meant (and acted on by A); None for all.
        conditional: Whether to average over the last batch exactly, given the last weights; False for plain
            trajectories.
        time_budget: Seconds; nothing is computed if more are forecast.
        progress: True for a progress bar, or a function of the replicates done and their total.

    Returns:
        Values, standard errors, replicates.

    Raises:
        TypeError: An argument of the wrong type.
        ValueError: Symbols, a batch size outside the design's range, both accuracies given, or a matrix of the wrong
            shape.
        NotExactError: A float matrix for an exact process, or the other way round.
        BudgetExceededError: More time is forecast than ``time_budget``.
        NonFiniteError: A trajectory overflowed.
        ImportError: ``progress=True`` without rich.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[1], step_size=1)
        >>> estimate = sv.estimate_gradient_variance(sgd, step=0, batch_sizes=[1, 2], replicates=1000)
        >>> estimate.value.round(12).tolist()  # given the first weights nothing is left to chance
        [4.0, 0.0]
    """
    run = Run(sgd, [step], batch_sizes, relative_error, replicates, seed, time_budget, progress)
    plain, conditioned = gradient_variance_measures(sgd, matrix, layer)
    return _estimate(
        run, "Var(A g_t)" if matrix is not None else "Var(g_t)", plain, conditioned if conditional else None
    )


def estimate_full_gradient_variance(
    sgd: SGD,
    step: int,
    batch_sizes: Sequence[int],
    *,
    relative_error: float | None = None,
    replicates: int | None = None,
    seed: int = 0,
    matrix: Any = None,
    layer: int | None = None,
    time_budget: float = 600.0,
    progress: Progress = False,
) -> Estimate:
    r"""Estimates of the variance of the full gradient along SGD, :math:`\operatorname{Var}(A \nabla L(w_t))`.

    Args:
        sgd: As for ``estimate_gradient_variance``.
        step: t >= 0.
        batch_sizes: As for ``estimate_gradient_variance``.
        relative_error: As for ``estimate_gradient_variance``.
        replicates: As for ``estimate_gradient_variance``.
        seed: As for ``estimate_gradient_variance``.
        matrix: As for ``estimate_gradient_variance``.
        layer: As for ``estimate_gradient_variance``.
        time_budget: As for ``estimate_gradient_variance``.
        progress: As for ``estimate_gradient_variance``.

    Returns:
        Values, standard errors, replicates; never conditional, for there is no batch after the last weights.

    Raises:
        TypeError: As for ``estimate_gradient_variance``.
        ValueError: As for ``estimate_gradient_variance``.
        NotExactError: As for ``estimate_gradient_variance``.
        BudgetExceededError: As for ``estimate_gradient_variance``.
        NonFiniteError: As for ``estimate_gradient_variance``.
        ImportError: As for ``estimate_gradient_variance``.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[1], step_size=1)
        >>> estimate = sv.estimate_full_gradient_variance(sgd, step=1, batch_sizes=[2], replicates=100)
        >>> estimate.value.round(12).tolist()  # at b = n nothing is random
        [0.0]
    """
    run = Run(sgd, [step], batch_sizes, relative_error, replicates, seed, time_budget, progress)
    landscape, apply = landscape_of(sgd), GradientMap.of(sgd, matrix, layer)
    return _estimate(
        run,
        "Var(A grad L(w_t))" if matrix is not None else "Var(grad L(w_t))",
        lambda record, b: summarise_variance(apply(landscape.gradient(record.weights))),
    )


def estimate_gradient_second_moment(
    sgd: SGD,
    step: int,
    batch_sizes: Sequence[int],
    *,
    relative_error: float | None = None,
    replicates: int | None = None,
    seed: int = 0,
    matrix: Any = None,
    layer: int | None = None,
    conditional: bool = True,
    time_budget: float = 600.0,
    progress: Progress = False,
) -> Estimate:
    r"""Estimates of the second moment of the mini-batch gradient, :math:`E \lVert A g_t \rVert^2`.

    Conditional on the last weights: the mean of
    :math:`\lVert A \nabla L(w_t) \rVert^2 + c(b) \operatorname{tr}(A \Sigma(w_t) A^\top)`.

    Args:
        sgd: As for ``estimate_gradient_variance``.
        step: t >= 0.
        batch_sizes: As for ``estimate_gradient_variance``.
        relative_error: As for ``estimate_gradient_variance``.
        replicates: As for ``estimate_gradient_variance``.
        seed: As for ``estimate_gradient_variance``.
        matrix: As for ``estimate_gradient_variance``.
        layer: As for ``estimate_gradient_variance``.
        conditional: As for ``estimate_gradient_variance``.
        time_budget: As for ``estimate_gradient_variance``.
        progress: As for ``estimate_gradient_variance``.

    Returns:
        Values, standard errors, replicates.

    Raises:
        TypeError: As for ``estimate_gradient_variance``.
        ValueError: As for ``estimate_gradient_variance``.
        NotExactError: As for ``estimate_gradient_variance``.
        BudgetExceededError: As for ``estimate_gradient_variance``.
        NonFiniteError: As for ``estimate_gradient_variance``.
        ImportError: As for ``estimate_gradient_variance``.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[1], step_size=1)
        >>> estimate = sv.estimate_gradient_second_moment(sgd, step=0, batch_sizes=[1, 2], replicates=100)
        >>> estimate.value.round(12).tolist()
        [8.0, 4.0]
    """
    run = Run(sgd, [step], batch_sizes, relative_error, replicates, seed, time_budget, progress)
    landscape, apply = landscape_of(sgd), GradientMap.of(sgd, matrix, layer)
    noise = batch_noise(sgd, apply)

    def conditioned(record: Record, b: int) -> Summary:
        signal = (apply(landscape.gradient(record.weights)) ** 2).sum(axis=1)
        return summarise_mean(signal + noise(record, b))

    return _estimate(
        run,
        "E ||A g_t||^2" if matrix is not None else "E ||g_t||^2",
        lambda record, b: summarise_mean((apply(record.gradients) ** 2).sum(axis=1)),
        conditioned if conditional else None,
    )


def estimate_expected_loss(
    sgd: SGD,
    step: int,
    batch_sizes: Sequence[int],
    *,
    data: Data | None = None,
    relative_error: float | None = None,
    replicates: int | None = None,
    seed: int = 0,
    time_budget: float = 600.0,
    progress: Progress = False,
) -> Estimate:
    r"""Estimates of the expected loss after t steps, :math:`E L(w_t)`.

    Args:
        sgd: As for ``estimate_gradient_variance``.
        step: t >= 0.
        batch_sizes: As for ``estimate_gradient_variance``.
        data: Data to take the loss on, for example held-out data; by default the data that SGD sees.
        relative_error: As for ``estimate_gradient_variance``.
        replicates: As for ``estimate_gradient_variance``.
        seed: As for ``estimate_gradient_variance``.
        time_budget: As for ``estimate_gradient_variance``.
        progress: As for ``estimate_gradient_variance``.

    Returns:
        Values, standard errors, replicates.

    Raises:
        TypeError: As for ``estimate_gradient_variance``, or ``data`` is no data source.
        ValueError: As for ``estimate_gradient_variance``, or ``data`` with other shapes.
        BudgetExceededError: As for ``estimate_gradient_variance``.
        NonFiniteError: As for ``estimate_gradient_variance``.
        ImportError: As for ``estimate_gradient_variance``.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[1], step_size=1)
        >>> estimate = sv.estimate_expected_loss(sgd, step=1, batch_sizes=[2], replicates=100)
        >>> estimate.value.round(12).tolist()
        [2.0]
    """
    run = Run(sgd, [step], batch_sizes, relative_error, replicates, seed, time_budget, progress)
    landscape = landscape_of(sgd, data)
    return _estimate(run, "E L(w_t)", lambda record, b: summarise_mean(landscape.loss(record.weights)))


def estimate_mean_gradient(
    sgd: SGD,
    step: int,
    batch_sizes: Sequence[int],
    *,
    relative_error: float | None = None,
    replicates: int | None = None,
    seed: int = 0,
    conditional: bool = True,
    time_budget: float = 600.0,
    progress: Progress = False,
) -> Estimate:
    r"""Estimates of the mean gradient :math:`E g_t`.

    Conditional on the last weights: the mean of :math:`\nabla L(w_t)`.

    Args:
        sgd: As for ``estimate_gradient_variance``.
        step: t >= 0.
        batch_sizes: As for ``estimate_gradient_variance``.
        relative_error: As for ``estimate_gradient_variance``, in Euclidean norms.
        replicates: As for ``estimate_gradient_variance``.
        seed: As for ``estimate_gradient_variance``.
        conditional: As for ``estimate_gradient_variance``.
        time_budget: As for ``estimate_gradient_variance``.
        progress: As for ``estimate_gradient_variance``.

    Returns:
        Values of shape ``(B, *weight_shape)``, standard errors, replicates. For a network values have shape (B, d), as
        the layers have different shapes: ``sgd.shaped(estimate.value[i])`` gives the layers.

    Raises:
        TypeError: As for ``estimate_gradient_variance``.
        ValueError: As for ``estimate_gradient_variance``.
        BudgetExceededError: As for ``estimate_gradient_variance``.
        NonFiniteError: As for ``estimate_gradient_variance``.
        ImportError: As for ``estimate_gradient_variance``.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[1], step_size=1)
        >>> estimate = sv.estimate_mean_gradient(sgd, step=0, batch_sizes=[1], replicates=100)
        >>> estimate.value.round(12).tolist()
        [[2.0]]
    """
    run = Run(sgd, [step], batch_sizes, relative_error, replicates, seed, time_budget, progress)
    landscape, shape = landscape_of(sgd), _weight_shape(sgd)

    def conditioned(record: Record, b: int) -> Summary:
        return summarise_mean(landscape.gradient(record.weights).reshape(-1, *shape))

    return _estimate(
        run,
        "E g_t",
        lambda record, b: summarise_mean(record.gradients.reshape(-1, *shape)),
        conditioned if conditional else None,
    )


def estimate_mean_weights(
    sgd: SGD,
    step: int,
    batch_sizes: Sequence[int],
    *,
    relative_error: float | None = None,
    replicates: int | None = None,
    seed: int = 0,
    time_budget: float = 600.0,
    progress: Progress = False,
) -> Estimate:
    r"""Estimates of the mean weights :math:`E w_t`.

    Args:
        sgd: As for ``estimate_gradient_variance``.
        step: t >= 0.
        batch_sizes: As for ``estimate_gradient_variance``.
        relative_error: As for ``estimate_gradient_variance``, in Euclidean norms.
        replicates: As for ``estimate_gradient_variance``.
        seed: As for ``estimate_gradient_variance``.
        time_budget: As for ``estimate_gradient_variance``.
        progress: As for ``estimate_gradient_variance``.

    Returns:
        Values of shape ``(B, *weight_shape)``, standard errors, replicates. For a network values have shape (B, d), as
        the layers have different shapes: ``sgd.shaped(estimate.value[i])`` gives the layers.

    Raises:
        TypeError: As for ``estimate_gradient_variance``.
        ValueError: As for ``estimate_gradient_variance``.
        BudgetExceededError: As for ``estimate_gradient_variance``.
        NonFiniteError: As for ``estimate_gradient_variance``.
        ImportError: As for ``estimate_gradient_variance``.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[1], step_size=1)
        >>> estimate = sv.estimate_mean_weights(sgd, step=1, batch_sizes=[2], replicates=100)
        >>> estimate.value.round(12).tolist()
        [[-1.0]]
    """
    run = Run(sgd, [step], batch_sizes, relative_error, replicates, seed, time_budget, progress)
    shape = _weight_shape(sgd)
    return _estimate(run, "E w_t", lambda record, b: summarise_mean(record.weights.reshape(-1, *shape)))


def estimate_weight_covariance(
    sgd: SGD,
    step: int,
    batch_sizes: Sequence[int],
    *,
    relative_error: float | None = None,
    replicates: int | None = None,
    seed: int = 0,
    time_budget: float = 600.0,
    progress: Progress = False,
) -> Estimate:
    r"""Estimates of the covariance :math:`\operatorname{Cov}(w_t)` of the weights, flattened row by row and by layer.

    Args:
        sgd: As for ``estimate_gradient_variance``.
        step: t >= 0.
        batch_sizes: As for ``estimate_gradient_variance``.
        relative_error: As for ``estimate_gradient_variance``, in Euclidean norms.
        replicates: As for ``estimate_gradient_variance``.
        seed: As for ``estimate_gradient_variance``.
        time_budget: As for ``estimate_gradient_variance``.
        progress: As for ``estimate_gradient_variance``.

    Returns:
        Values of shape (B, d, d) for d weights, with divisor N - 1, standard errors, replicates.

    Raises:
        TypeError: As for ``estimate_gradient_variance``.
        ValueError: As for ``estimate_gradient_variance``.
        BudgetExceededError: As for ``estimate_gradient_variance``.
        NonFiniteError: As for ``estimate_gradient_variance``.
        ImportError: As for ``estimate_gradient_variance``.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[1], step_size=1)
        >>> estimate = sv.estimate_weight_covariance(sgd, step=1, batch_sizes=[1, 2], replicates=100)
        >>> estimate.value.shape, estimate.value[1].round(12).tolist()
        ((2, 1, 1), [[0.0]])
    """
    run = Run(sgd, [step], batch_sizes, relative_error, replicates, seed, time_budget, progress)
    return _estimate(run, "Cov(w_t)", lambda record, b: summarise_covariance(record.weights))


def _weight_shape(sgd: SGD) -> tuple[int, ...]:
    """The shape of the start weights; flat where they are several layers."""
    return (sgd.weight_count,) if sgd.is_network else tuple(sgd.start.shape)


def _estimate(run: Run, quantity: str, plain: Measure, conditioned: Measure | None = None) -> Estimate:
    summaries = run.summaries([plain] if conditioned is None else [conditioned, plain])
    cells = [summaries[b][0] for b in run.batch_sizes]
    return Estimate(
        quantity=quantity,
        step=run.steps[0],
        batch_sizes=np.array(run.batch_sizes),
        value=np.array([cell[0].value for cell in cells]),
        standard_error=np.array([cell[0].standard_error for cell in cells]),
        replicates=np.array([cell[0].count for cell in cells]),
        conditional=conditioned is not None,
        gain=np.array([_gain(cell[0], cell[-1]) for cell in cells]),
        largest_share=np.array([cell[0].largest_share for cell in cells]),
    )


def _gain(better: Summary, plain: Summary) -> float:
    own, other = (float(np.sum(summary.standard_error**2)) for summary in (better, plain))
    if own > _ROUNDING * other:
        return other / own
    return math.inf if other > 0 else 1.0
