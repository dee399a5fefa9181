"""Unbiased estimates of what the exact engines compute, with standard errors, from simulated trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from sgdvar.data import Data
from sgdvar.monte_carlo.estimate import Estimate
from sgdvar.monte_carlo.estimation import assembled, estimated, requested_run
from sgdvar.monte_carlo.quantities import (
    expected_loss_of,
    full_gradient_variance_of,
    gradient_second_moment_of,
    gradient_variance_of,
    mean_gradient_of,
    mean_weights_of,
)
from sgdvar.monte_carlo.running.runs import RunOptions
from sgdvar.monte_carlo.statistics.summaries import summarise_covariance
from sgdvar.process import SGD

__all__ = [
    "estimate_expected_loss",
    "estimate_full_gradient_variance",
    "estimate_gradient_second_moment",
    "estimate_gradient_variance",
    "estimate_mean_gradient",
    "estimate_mean_weights",
    "estimate_weight_covariance",
]


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
    control_variate: bool = False,
    **options: Unpack[RunOptions],
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
            nor ``replicates`` is given. A pilot run, which is then thrown away, decides on the replicates, at least
            1,024.
        replicates: The number of trajectories at each batch size, at least 2, instead of ``relative_error``.
        seed: An integer from 0 to 2**63 - 1.
        matrix: A, shape (m, d) or (d,), acting on the gradient flattened row by row, layers one after the other; None
            for the identity.
        layer: The layer, from 1, whose gradient alone is meant (and acted on by A); None for all.
        conditional: Whether to average over the last batch exactly, given the last weights; False for plain
            trajectories.
        control_variate: Whether to take off what is known to have mean 0. For linear regression that is what is linear
            in the deviation of the weights from gradient descent, which is their mean; it costs nothing, needs
            ``conditional``, and divides the standard error by 2 to 4 over the first steps. Networks and differentiable
            models on finite data are linearised along gradient descent and simulated so, too, on the same batches, with
            coefficients from a pilot of 8,192 replicates. Simulation takes some four times as long then, and together
            with ``conditional`` the standard error is often 10 to 100 times smaller at small step sizes. Little or
            nothing is gained at large ones.
        **options: How the simulation is carried out (``RunOptions``): ``time_budget`` in seconds, ``progress``,
            ``precision``, ``chunk_size``, ``checkpoint``.

    Returns:
        Values, standard errors, replicates.

    Raises:
        TypeError: An argument of the wrong type.
        ValueError: Symbols, a batch size outside the design's range, both accuracies given, or a matrix of the wrong
            shape.
        NotExactError: A float matrix for an exact process, or the other way round.
        BudgetExceededError: More time is forecast than ``time_budget``, or a chunk needs more memory than there is.
        CheckpointError: ``checkpoint`` is a file of another run, damaged, or cannot be written.
        NonFiniteError: A trajectory overflowed.
        ImportError: ``progress=True`` without rich.
        RuntimeError: Another process of a distributed run failed.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[1], step_size=1)
        >>> estimate = sv.estimate_gradient_variance(sgd, step=0, batch_sizes=[1, 2], replicates=1000)
        >>> estimate.value.round(12).tolist()  # given the first weights nothing is left to chance
        [4.0, 0.0]
    """
    run = requested_run(sgd, step, batch_sizes, relative_error, replicates, seed, options)
    return estimated(run, gradient_variance_of(sgd, run.steps[0], matrix, layer, conditional), control_variate)


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
    control_variate: bool = False,
    **options: Unpack[RunOptions],
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
        control_variate: As for ``estimate_gradient_variance``.
        **options: As for ``estimate_gradient_variance``.

    Returns:
        Values, standard errors, replicates; never conditional, for there is no batch after the last weights.

    Raises:
        TypeError: As for ``estimate_gradient_variance``.
        ValueError: As for ``estimate_gradient_variance``.
        NotExactError: As for ``estimate_gradient_variance``.
        BudgetExceededError: As for ``estimate_gradient_variance``.
        CheckpointError: As for ``estimate_gradient_variance``.
        NonFiniteError: As for ``estimate_gradient_variance``.
        ImportError: As for ``estimate_gradient_variance``.
        RuntimeError: As for ``estimate_gradient_variance``.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[1], step_size=1)
        >>> estimate = sv.estimate_full_gradient_variance(sgd, step=1, batch_sizes=[2], replicates=100)
        >>> estimate.value.round(12).tolist()  # at b = n nothing is random
        [0.0]
    """
    run = requested_run(sgd, step, batch_sizes, relative_error, replicates, seed, options)
    return estimated(run, full_gradient_variance_of(sgd, run.steps[0], matrix, layer), control_variate)


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
    control_variate: bool = False,
    **options: Unpack[RunOptions],
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
        control_variate: As for ``estimate_gradient_variance``.
        **options: As for ``estimate_gradient_variance``.

    Returns:
        Values, standard errors, replicates.

    Raises:
        TypeError: As for ``estimate_gradient_variance``.
        ValueError: As for ``estimate_gradient_variance``.
        NotExactError: As for ``estimate_gradient_variance``.
        BudgetExceededError: As for ``estimate_gradient_variance``.
        CheckpointError: As for ``estimate_gradient_variance``.
        NonFiniteError: As for ``estimate_gradient_variance``.
        ImportError: As for ``estimate_gradient_variance``.
        RuntimeError: As for ``estimate_gradient_variance``.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[1], step_size=1)
        >>> estimate = sv.estimate_gradient_second_moment(sgd, step=0, batch_sizes=[1, 2], replicates=100)
        >>> estimate.value.round(12).tolist()
        [8.0, 4.0]
    """
    run = requested_run(sgd, step, batch_sizes, relative_error, replicates, seed, options)
    return estimated(run, gradient_second_moment_of(sgd, run.steps[0], matrix, layer, conditional), control_variate)


def estimate_expected_loss(
    sgd: SGD,
    step: int,
    batch_sizes: Sequence[int],
    *,
    data: Data | None = None,
    relative_error: float | None = None,
    replicates: int | None = None,
    seed: int = 0,
    control_variate: bool = False,
    **options: Unpack[RunOptions],
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
        control_variate: As for ``estimate_gradient_variance``.
        **options: As for ``estimate_gradient_variance``.

    Returns:
        Values, standard errors, replicates.

    Raises:
        TypeError: As for ``estimate_gradient_variance``, or ``data`` is no data source.
        ValueError: As for ``estimate_gradient_variance``, or ``data`` with other shapes.
        BudgetExceededError: As for ``estimate_gradient_variance``.
        CheckpointError: As for ``estimate_gradient_variance``.
        NonFiniteError: As for ``estimate_gradient_variance``.
        ImportError: As for ``estimate_gradient_variance``.
        RuntimeError: As for ``estimate_gradient_variance``.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[1], step_size=1)
        >>> estimate = sv.estimate_expected_loss(sgd, step=1, batch_sizes=[2], replicates=100)
        >>> estimate.value.round(12).tolist()
        [2.0]
    """
    run = requested_run(sgd, step, batch_sizes, relative_error, replicates, seed, options)
    return estimated(run, expected_loss_of(sgd, run.steps[0], data), control_variate)


def estimate_mean_gradient(
    sgd: SGD,
    step: int,
    batch_sizes: Sequence[int],
    *,
    relative_error: float | None = None,
    replicates: int | None = None,
    seed: int = 0,
    conditional: bool = True,
    control_variate: bool = False,
    **options: Unpack[RunOptions],
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
        control_variate: As for ``estimate_gradient_variance``.
        **options: As for ``estimate_gradient_variance``.

    Returns:
        Values of shape ``(B, *weight_shape)``, standard errors, replicates. For a network values have shape (B, d), as
        the layers have different shapes: ``sgd.shaped(estimate.value[i])`` gives the layers.

    Raises:
        TypeError: As for ``estimate_gradient_variance``.
        ValueError: As for ``estimate_gradient_variance``.
        BudgetExceededError: As for ``estimate_gradient_variance``.
        CheckpointError: As for ``estimate_gradient_variance``.
        NonFiniteError: As for ``estimate_gradient_variance``.
        ImportError: As for ``estimate_gradient_variance``.
        RuntimeError: As for ``estimate_gradient_variance``.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[1], step_size=1)
        >>> estimate = sv.estimate_mean_gradient(sgd, step=0, batch_sizes=[1], replicates=100)
        >>> estimate.value.round(12).tolist()
        [[2.0]]
    """
    run = requested_run(sgd, step, batch_sizes, relative_error, replicates, seed, options)
    return estimated(run, mean_gradient_of(sgd, sgd.weight_shape, conditional), control_variate)


def estimate_mean_weights(
    sgd: SGD,
    step: int,
    batch_sizes: Sequence[int],
    *,
    relative_error: float | None = None,
    replicates: int | None = None,
    seed: int = 0,
    control_variate: bool = False,
    **options: Unpack[RunOptions],
) -> Estimate:
    r"""Estimates of the mean weights :math:`E w_t`.

    Args:
        sgd: As for ``estimate_gradient_variance``.
        step: t >= 0.
        batch_sizes: As for ``estimate_gradient_variance``.
        relative_error: As for ``estimate_gradient_variance``, in Euclidean norms.
        replicates: As for ``estimate_gradient_variance``.
        seed: As for ``estimate_gradient_variance``.
        control_variate: As for ``estimate_gradient_variance``.
        **options: As for ``estimate_gradient_variance``.

    Returns:
        Values of shape ``(B, *weight_shape)``, standard errors, replicates. For a network values have shape (B, d), as
        the layers have different shapes: ``sgd.shaped(estimate.value[i])`` gives the layers.

    Raises:
        TypeError: As for ``estimate_gradient_variance``.
        ValueError: As for ``estimate_gradient_variance``.
        BudgetExceededError: As for ``estimate_gradient_variance``.
        CheckpointError: As for ``estimate_gradient_variance``.
        NonFiniteError: As for ``estimate_gradient_variance``.
        ImportError: As for ``estimate_gradient_variance``.
        RuntimeError: As for ``estimate_gradient_variance``.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[1], step_size=1)
        >>> estimate = sv.estimate_mean_weights(sgd, step=1, batch_sizes=[2], replicates=100)
        >>> estimate.value.round(12).tolist()
        [[-1.0]]
    """
    run = requested_run(sgd, step, batch_sizes, relative_error, replicates, seed, options)
    return estimated(run, mean_weights_of(sgd.weight_shape), control_variate)


def estimate_weight_covariance(
    sgd: SGD,
    step: int,
    batch_sizes: Sequence[int],
    *,
    relative_error: float | None = None,
    replicates: int | None = None,
    seed: int = 0,
    **options: Unpack[RunOptions],
) -> Estimate:
    r"""Estimates of the covariance :math:`\operatorname{Cov}(w_t)` of the weights, flattened row by row and by layer.

    Args:
        sgd: As for ``estimate_gradient_variance``.
        step: t >= 0.
        batch_sizes: As for ``estimate_gradient_variance``.
        relative_error: As for ``estimate_gradient_variance``, in Euclidean norms.
        replicates: As for ``estimate_gradient_variance``.
        seed: As for ``estimate_gradient_variance``.
        **options: As for ``estimate_gradient_variance``.

    Returns:
        Values of shape (B, d, d) for d weights, with divisor N - 1, standard errors, replicates.

    Raises:
        TypeError: As for ``estimate_gradient_variance``.
        ValueError: As for ``estimate_gradient_variance``.
        BudgetExceededError: As for ``estimate_gradient_variance``.
        CheckpointError: As for ``estimate_gradient_variance``.
        NonFiniteError: As for ``estimate_gradient_variance``.
        ImportError: As for ``estimate_gradient_variance``.
        RuntimeError: As for ``estimate_gradient_variance``.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[1], step_size=1)
        >>> estimate = sv.estimate_weight_covariance(sgd, step=1, batch_sizes=[1, 2], replicates=100)
        >>> estimate.value.shape, estimate.value[1].round(12).tolist()
        ((2, 1, 1), [[0.0]])
    """
    run = requested_run(sgd, step, batch_sizes, relative_error, replicates, seed, options)
    cells = run.summaries(lambda record, b: [summarise_covariance(record.weights)], "Cov(w_t)")
    summaries = [cells[b][0][0] for b in run.batch_sizes]
    return assembled(
        "Cov(w_t)", run, run.batch_sizes, summaries, conditional=False, controlled=False, gain=np.ones(len(summaries))
    )
