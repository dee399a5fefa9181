"""Exact moments of SGD as polynomials in 1/b: the front door to the engines."""

from __future__ import annotations

from typing import Any

from sgdvar.data import Data
from sgdvar.exact import linear_regression
from sgdvar.exact.one_feature import gradient_variance_in_time
from sgdvar.exact.stability import stable_step_size
from sgdvar.polynomial import BatchPolynomial
from sgdvar.process import SGD, check_process
from sgdvar.scalars import Array

__all__ = [
    "expected_loss",
    "full_gradient_variance",
    "gradient_second_moment",
    "gradient_variance",
    "gradient_variance_in_time",
    "mean_gradient",
    "mean_weights",
    "stable_step_size",
    "weight_covariance",
]


def gradient_variance(sgd: SGD, step: int, *, matrix: Any = None, layer: int | None = None) -> BatchPolynomial:
    r"""The exact total variance of the mini-batch gradient, as a polynomial in 1/b.

    .. math:: V_t(b) = \operatorname{Var}(A g_t \mid w_0) = \operatorname{tr}(A \operatorname{Cov}(g_t \mid w_0) A^\top)

    Total: the randomness of every batch :math:`B_0, \dots, B_t` counts, given the fixed start only.

    Assumes:
        Batches are independent across steps; start and step sizes do not depend on b.

    Guarantees:
        Linear regression: degree at most t + 1, no constant term and non-negative coefficients in c(b), hence
        non-increasing in b (proofs/linear_regression.py).

    Args:
        sgd: The process.
        step: t >= 0.
        matrix: A, shape (m, d) or (d,) for one row, acting on the gradient flattened row by row; None for the identity.
        layer: None or 1 for linear regression, which is a network of one layer.

    Returns:
        Exact for rational and symbolic numbers, in normal form; in float64 with ``is_exact = False`` for floats.

    Raises:
        TypeError: ``step`` is not an integer.
        ValueError: ``step`` is negative or needs more step sizes than given; a matrix of the wrong shape.
        NotExactError: A float matrix for an exact process, or the other way round.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> data = sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2])
        >>> sgd = sv.SGD(sv.LinearRegression(data), start=[0, 0], step_size=Fraction(1, 2))
        >>> V = sv.gradient_variance(sgd, step=1)
        >>> print(V)
        157/54 c + 19/27 c^2, where c = (n - b)/(b (n - 1)), n = 3, 1 <= b <= n
        >>> V(1), V(2), V(3)
        (Fraction(65, 18), Fraction(37, 48), Fraction(0, 1))

    References:
        Qian and Klabjan, arXiv 2004.13146, for batches without replacement; the coefficients' signs are derived in
        proofs/linear_regression.py.
    """
    return linear_regression.gradient_variance(*_checked(sgd, step, matrix, layer))


def full_gradient_variance(sgd: SGD, step: int, *, matrix: Any = None, layer: int | None = None) -> BatchPolynomial:
    r"""The exact variance of the full gradient along SGD, as a polynomial in 1/b.

    .. math:: \operatorname{Var}(A \nabla L(w_t) \mid w_0) = V_t(b) - c(b)\, E[\operatorname{tr}(A \Sigma(w_t) A^\top)]

    with :math:`\Sigma(w)` the covariance (divisor n) of one example's gradient: total variance without the noise of the
    last batch.

    Guarantees:
        Linear regression: degree at most t, no constant term and non-negative coefficients in c(b).

    Args:
        sgd: The process.
        step: t >= 0.
        matrix: A, as for ``gradient_variance``.
        layer: As for ``gradient_variance``.

    Returns:
        Exact, or in float64 with ``is_exact = False``.

    Raises:
        TypeError: As for ``gradient_variance``.
        ValueError: As for ``gradient_variance``.
        NotExactError: As for ``gradient_variance``.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2]))
        >>> sgd = sv.SGD(problem, start=[0, 0], step_size=Fraction(1, 2))
        >>> print(sv.full_gradient_variance(sgd, step=1))
        16/27 c, where c = (n - b)/(b (n - 1)), n = 3, 1 <= b <= n
    """
    return linear_regression.full_gradient_variance(*_checked(sgd, step, matrix, layer))


def gradient_second_moment(sgd: SGD, step: int, *, matrix: Any = None, layer: int | None = None) -> BatchPolynomial:
    r"""The exact second moment of the mini-batch gradient, as a polynomial in 1/b.

    .. math:: E[\lVert A g_t \rVert^2 \mid w_0] = \operatorname{Var}(A g_t \mid w_0) + \lVert A\, E g_t \rVert^2

    Args:
        sgd: The process.
        step: t >= 0.
        matrix: A, as for ``gradient_variance``.
        layer: As for ``gradient_variance``.

    Returns:
        Exact, or in float64 with ``is_exact = False``.

    Raises:
        TypeError: As for ``gradient_variance``.
        ValueError: As for ``gradient_variance``.
        NotExactError: As for ``gradient_variance``.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2]))
        >>> sgd = sv.SGD(problem, start=[0, 0], step_size=Fraction(1, 2))
        >>> print(sv.gradient_second_moment(sgd, step=1))
        157/54 c + 19/27 c^2, where c = (n - b)/(b (n - 1)), n = 3, 1 <= b <= n
    """
    return linear_regression.gradient_second_moment(*_checked(sgd, step, matrix, layer))


def expected_loss(sgd: SGD, step: int, *, data: Data | None = None) -> BatchPolynomial:
    r"""The exact expected loss after t steps, as a polynomial in 1/b.

    .. math:: E[L(w_t) \mid w_0] = L(E w_t) + \tfrac12 \operatorname{tr}(H \operatorname{Cov}(w_t))

    Guarantees:
        Linear regression: non-increasing in b at equal step count and step sizes, so a smaller batch has the larger
        expected loss; this says nothing at equal numbers of examples seen.

    Args:
        sgd: The process.
        step: t >= 0.
        data: Data to take the loss on, for example held-out data; by default the data that SGD sees. The weight-decay
            term is part of L on either.

    Returns:
        Exact, or in float64 with ``is_exact = False``.

    Raises:
        TypeError: ``step`` is not an integer, or ``data`` no data source.
        ValueError: ``step`` is negative or needs more step sizes than given; ``data`` with other shapes.
        NotExactError: Floats mixed with Fractions or symbols.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2]))
        >>> sgd = sv.SGD(problem, start=[0, 0], step_size=Fraction(1, 2))
        >>> print(sv.expected_loss(sgd, step=1))
        25/36 + 1/6 c, where c = (n - b)/(b (n - 1)), n = 3, 1 <= b <= n
    """
    step = check_process(sgd).check_step(step)
    return linear_regression.expected_loss(sgd, step, sgd.check_data(data))


def mean_gradient(sgd: SGD, step: int) -> Array:
    r"""The exact mean gradient :math:`E[g_t \mid w_0]`, in the shape of the weights.

    Guarantees:
        Linear regression: free of b, and equal to the full gradient along full-batch gradient descent.

    Args:
        sgd: The process.
        step: t >= 0.

    Returns:
        An object array of BatchPolynomials, all constant for linear regression.

    Raises:
        TypeError: ``step`` is not an integer.
        ValueError: ``step`` is negative or needs more step sizes than given.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2]))
        >>> sgd = sv.SGD(problem, start=[0, 0], step_size=Fraction(1, 2))
        >>> [mean(1) for mean in sv.mean_gradient(sgd, step=0)]
        [Fraction(-1, 3), Fraction(-2, 3)]
    """
    return linear_regression.mean_gradient(sgd, check_process(sgd).check_step(step))


def mean_weights(sgd: SGD, step: int) -> Array:
    r"""The exact mean weights :math:`E[w_t \mid w_0]`, in the shape of the weights.

    Guarantees:
        Linear regression: free of b, and equal to full-batch gradient descent.

    Args:
        sgd: The process.
        step: t >= 0.

    Returns:
        An object array of BatchPolynomials, all constant for linear regression.

    Raises:
        TypeError: ``step`` is not an integer.
        ValueError: ``step`` is negative or needs more step sizes than given.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2]))
        >>> sgd = sv.SGD(problem, start=[0, 0], step_size=Fraction(1, 2))
        >>> [mean(1) for mean in sv.mean_weights(sgd, step=1)]
        [Fraction(1, 6), Fraction(1, 3)]
    """
    return linear_regression.mean_weights(sgd, check_process(sgd).check_step(step))


def weight_covariance(sgd: SGD, step: int) -> Array:
    r"""The exact covariance :math:`\operatorname{Cov}(w_t \mid w_0)` of the weights flattened row by row.

    Guarantees:
        Linear regression: decreasing in b in the order of positive semidefinite matrices.

    Args:
        sgd: The process.
        step: t >= 0.

    Returns:
        An object array of BatchPolynomials, shape (d, d) for d weights.

    Raises:
        TypeError: ``step`` is not an integer.
        ValueError: ``step`` is negative or needs more step sizes than given.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2]))
        >>> sgd = sv.SGD(problem, start=[0, 0], step_size=Fraction(1, 2))
        >>> print(sv.weight_covariance(sgd, step=1)[0, 1])
        -1/18 c, where c = (n - b)/(b (n - 1)), n = 3, 1 <= b <= n
    """
    return linear_regression.weight_covariance(sgd, check_process(sgd).check_step(step))


def _checked(sgd: SGD, step: int, matrix: Any, layer: int | None) -> tuple[SGD, int, Any, Any]:
    check_process(sgd).check_layer(layer)
    rows, kind = sgd.check_matrix(matrix)
    return sgd, sgd.check_step(step), rows, kind
