"""Exact moments of SGD as polynomials in 1/b: the front door to the engines."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from sgdvar.data import Data
from sgdvar.exact import deep_linear, linear_regression
from sgdvar.exact.deep_linear.cost import BUDGET
from sgdvar.exact.one_feature import gradient_variance_in_time
from sgdvar.exact.stability import stable_step_size
from sgdvar.polynomial import BatchPolynomial
from sgdvar.problems import DeepLinearNetwork
from sgdvar.process import SGD, check_process
from sgdvar.scalars import Array, Kind, check_count

__all__ = [
    "expected_loss",
    "full_gradient_variance",
    "gradient_covariance",
    "gradient_fourth_moment",
    "gradient_second_moment",
    "gradient_variance",
    "gradient_variance_in_time",
    "mean_gradient",
    "mean_weights",
    "stable_step_size",
    "variance_degree_bound",
    "weight_covariance",
]


def gradient_variance(
    sgd: SGD, step: int, *, matrix: Any = None, layer: int | None = None, budget: float = BUDGET
) -> BatchPolynomial:
    r"""The exact total variance of the mini-batch gradient, as a polynomial in 1/b.

    .. math:: V_t(b) = \operatorname{Var}(A g_t \mid w_0) = \operatorname{tr}(A \operatorname{Cov}(g_t \mid w_0) A^\top)

    Total: the randomness of every batch :math:`B_0, \dots, B_t` counts, given the fixed start only.

    Assumes:
        Batches are independent across steps; start and step sizes do not depend on b.

    Guarantees:
        Linear regression: degree at most t + 1, no constant term and non-negative coefficients in c(b), hence
        non-increasing in b (proofs/linear_regression.py). Deep linear networks: degree at most
        ``variance_degree_bound(depth, step)`` in 1/b and no constant term in c(b); *not* monotone in general
        (proofs/deep_linear_counterexamples.py).

    Args:
        sgd: The process.
        step: t >= 0.
        matrix: A, shape (m, d) or (d,) for one row, acting on the gradient flattened row by row, layers one after the
            other; None for the identity.
        layer: The layer, from 1, whose gradient alone is meant (and acted on by A); None for all.
        budget: For networks, the most products of coefficients that may be forecast, some 25 ns each, and a thousandth
            as many monomials in any one polynomial; linear regression needs few.

    Returns:
        Exact for rational and symbolic numbers, in normal form; in float64 with ``is_exact = False`` for floats, which
        networks refuse. Without replacement one of the polynomials that agree at b = 1, ..., n.

    Raises:
        TypeError: ``step`` is not an integer.
        ValueError: ``step`` is negative or needs more step sizes than given; a matrix of the wrong shape; a layer that
            does not exist.
        NotExactError: A float matrix for an exact process, or the other way round; floats in a network.
        BudgetExceededError: A network needs more than ``budget``; nothing was computed.

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

        A network of two layers and one weight each on standard normal inputs, with weights 1 and the teacher 0:

        >>> network = sv.DeepLinearNetwork(sv.GaussianPopulation(teacher=[0]))
        >>> sgd = sv.SGD(network, start=[1, 1], step_size=Fraction(1, 2))
        >>> print(sv.gradient_variance(sgd, step=1))
        5/8 c + 15/8 c^2 + 1/2 c^3 + -33/2 c^4 + 106 c^5 + 240 c^6, where c = 1/b, b >= 1

    References:
        Qian and Klabjan, arXiv 2004.13146, for linear regression without replacement and for networks on N(0, I)
        inputs without label noise; the rest is derived in proofs/linear_regression.py and proofs/deep_linear.py.
    """
    step, rows, kind, layer = _checked(sgd, step, matrix, layer)
    if sgd.is_network:
        return deep_linear.gradient_variance(sgd, step, rows, kind, layer, budget)
    return linear_regression.gradient_variance(sgd, step, rows, kind)


def full_gradient_variance(
    sgd: SGD, step: int, *, matrix: Any = None, layer: int | None = None, budget: float = BUDGET
) -> BatchPolynomial:
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
        budget: As for ``gradient_variance``.

    Returns:
        Exact, or in float64 with ``is_exact = False``.

    Raises:
        TypeError: As for ``gradient_variance``.
        ValueError: As for ``gradient_variance``.
        NotExactError: As for ``gradient_variance``.
        BudgetExceededError: As for ``gradient_variance``.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2]))
        >>> sgd = sv.SGD(problem, start=[0, 0], step_size=Fraction(1, 2))
        >>> print(sv.full_gradient_variance(sgd, step=1))
        16/27 c, where c = (n - b)/(b (n - 1)), n = 3, 1 <= b <= n
    """
    step, rows, kind, layer = _checked(sgd, step, matrix, layer)
    if sgd.is_network:
        return deep_linear.full_gradient_variance(sgd, step, rows, kind, layer, budget)
    return linear_regression.full_gradient_variance(sgd, step, rows, kind)


def gradient_second_moment(
    sgd: SGD, step: int, *, matrix: Any = None, layer: int | None = None, budget: float = BUDGET
) -> BatchPolynomial:
    r"""The exact second moment of the mini-batch gradient, as a polynomial in 1/b.

    .. math:: E[\lVert A g_t \rVert^2 \mid w_0] = \operatorname{Var}(A g_t \mid w_0) + \lVert A\, E g_t \rVert^2

    Args:
        sgd: The process.
        step: t >= 0.
        matrix: A, as for ``gradient_variance``.
        layer: As for ``gradient_variance``.
        budget: As for ``gradient_variance``.

    Returns:
        Exact, or in float64 with ``is_exact = False``.

    Raises:
        TypeError: As for ``gradient_variance``.
        ValueError: As for ``gradient_variance``.
        NotExactError: As for ``gradient_variance``.
        BudgetExceededError: As for ``gradient_variance``.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2]))
        >>> sgd = sv.SGD(problem, start=[0, 0], step_size=Fraction(1, 2))
        >>> print(sv.gradient_second_moment(sgd, step=1))
        157/54 c + 19/27 c^2, where c = (n - b)/(b (n - 1)), n = 3, 1 <= b <= n
    """
    step, rows, kind, layer = _checked(sgd, step, matrix, layer)
    if sgd.is_network:
        return deep_linear.gradient_second_moment(sgd, step, rows, kind, layer, budget)
    return linear_regression.gradient_second_moment(sgd, step, rows, kind)


def gradient_fourth_moment(
    sgd: SGD, step: int, *, matrix: Any = None, layer: int | None = None, budget: float = BUDGET
) -> BatchPolynomial:
    r"""The exact fourth central moment of the mini-batch gradient, as a polynomial in 1/b.

    .. math:: \mu_t(b) = E[\lVert A (g_t - E g_t) \rVert^4 \mid w_0]

    It decides how far a sample variance from N independent runs can be trusted: the squared standard error of that is
    :math:`(\mu_t - V_t^2) / N` up to a term of order :math:`1/N^2`.

    Args:
        sgd: The process: a deep linear network, or linear regression as a network of one layer.
        step: t >= 0.
        matrix: A, as for ``gradient_variance``.
        layer: As for ``gradient_variance``.
        budget: As for ``gradient_variance``; the limit on linear regression, too.

    Returns:
        Exact.

    Raises:
        TypeError: As for ``gradient_variance``.
        ValueError: As for ``gradient_variance``.
        NotExactError: Floats.
        BudgetExceededError: As for ``gradient_variance``.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.GaussianPopulation(teacher=[0])), start=[1], step_size=1)
        >>> print(sv.gradient_variance(sgd, step=0))
        2 c, where c = 1/b, b >= 1
        >>> print(sv.gradient_fourth_moment(sgd, step=0))
        12 c^2 + 48 c^3, where c = 1/b, b >= 1
    """
    step, rows, kind, layer = _checked(sgd, step, matrix, layer)
    network = sgd if sgd.is_network else _as_network(sgd)
    return deep_linear.gradient_fourth_moment(network, step, rows, kind, layer, budget)


def expected_loss(sgd: SGD, step: int, *, data: Data | None = None, budget: float = BUDGET) -> BatchPolynomial:
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
        budget: As for ``gradient_variance``.

    Returns:
        Exact, or in float64 with ``is_exact = False``.

    Raises:
        TypeError: ``step`` is not an integer, or ``data`` no data source.
        ValueError: ``step`` is negative or needs more step sizes than given; ``data`` with other shapes.
        NotExactError: Floats mixed with Fractions or symbols; floats in a network.
        BudgetExceededError: As for ``gradient_variance``.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2]))
        >>> sgd = sv.SGD(problem, start=[0, 0], step_size=Fraction(1, 2))
        >>> print(sv.expected_loss(sgd, step=1))
        25/36 + 1/6 c, where c = (n - b)/(b (n - 1)), n = 3, 1 <= b <= n
    """
    step, data = check_process(sgd).check_step(step), sgd.check_data(data)
    if sgd.is_network:
        return deep_linear.expected_loss(sgd, step, data, budget)
    return linear_regression.expected_loss(sgd, step, data)


def mean_gradient(sgd: SGD, step: int, *, budget: float = BUDGET) -> Any:
    r"""The exact mean gradient :math:`E[g_t \mid w_0]`, in the shape of the weights.

    Guarantees:
        Linear regression: free of b, and equal to the full gradient along full-batch gradient descent.

    Args:
        sgd: The process.
        step: t >= 0.
        budget: As for ``gradient_variance``.

    Returns:
        An object array of BatchPolynomials, all constant for linear regression; for a network one array per layer, in
        a tuple.

    Raises:
        TypeError: ``step`` is not an integer.
        ValueError: ``step`` is negative or needs more step sizes than given.
        NotExactError: Floats in a network.
        BudgetExceededError: As for ``gradient_variance``.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2]))
        >>> sgd = sv.SGD(problem, start=[0, 0], step_size=Fraction(1, 2))
        >>> [mean(1) for mean in sv.mean_gradient(sgd, step=0)]
        [Fraction(-1, 3), Fraction(-2, 3)]
    """
    step = check_process(sgd).check_step(step)
    return (
        deep_linear.mean_gradient(sgd, step, budget) if sgd.is_network else linear_regression.mean_gradient(sgd, step)
    )


def mean_weights(sgd: SGD, step: int, *, budget: float = BUDGET) -> Any:
    r"""The exact mean weights :math:`E[w_t \mid w_0]`, in the shape of the weights.

    Guarantees:
        Linear regression: free of b, and equal to full-batch gradient descent.

    Args:
        sgd: The process.
        step: t >= 0.
        budget: As for ``gradient_variance``.

    Returns:
        An object array of BatchPolynomials, all constant for linear regression; for a network one array per layer, in
        a tuple.

    Raises:
        TypeError: ``step`` is not an integer.
        ValueError: ``step`` is negative or needs more step sizes than given.
        NotExactError: Floats in a network.
        BudgetExceededError: As for ``gradient_variance``.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2]))
        >>> sgd = sv.SGD(problem, start=[0, 0], step_size=Fraction(1, 2))
        >>> [mean(1) for mean in sv.mean_weights(sgd, step=1)]
        [Fraction(1, 6), Fraction(1, 3)]
    """
    step = check_process(sgd).check_step(step)
    if sgd.is_network:
        return deep_linear.mean_weights(sgd, step, budget)
    return linear_regression.mean_weights(sgd, step)


def weight_covariance(sgd: SGD, step: int, *, budget: float = BUDGET) -> Array:
    r"""The exact covariance :math:`\operatorname{Cov}(w_t \mid w_0)` of the weights flattened row by row.

    Guarantees:
        Linear regression: decreasing in b in the order of positive semidefinite matrices.

    Args:
        sgd: The process.
        step: t >= 0.
        budget: As for ``gradient_variance``.

    Returns:
        An object array of BatchPolynomials, shape (d, d) for d weights; the layers of a network one after the other.

    Raises:
        TypeError: ``step`` is not an integer.
        ValueError: ``step`` is negative or needs more step sizes than given.
        NotExactError: Floats in a network.
        BudgetExceededError: As for ``gradient_variance``.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2]))
        >>> sgd = sv.SGD(problem, start=[0, 0], step_size=Fraction(1, 2))
        >>> print(sv.weight_covariance(sgd, step=1)[0, 1])
        -1/18 c, where c = (n - b)/(b (n - 1)), n = 3, 1 <= b <= n
    """
    step = check_process(sgd).check_step(step)
    return (
        deep_linear.weight_covariance(sgd, step, budget)
        if sgd.is_network
        else linear_regression.weight_covariance(sgd, step)
    )


def gradient_covariance(sgd: SGD, step: int, *, budget: float = BUDGET) -> Array:
    r"""The exact covariance :math:`\operatorname{Cov}(g_t \mid w_0)` of the mini-batch gradient flattened row by row.

    Its quadratic forms are the variances of all linear functions of the gradient,
    :math:`\operatorname{Var}(a^\top g_t) = a^\top \operatorname{Cov}(g_t)\, a`, so whatever it satisfies in the order
    of positive semidefinite matrices holds for :math:`\operatorname{Var}(A g_t)` with every A at once.

    Guarantees:
        Linear regression: decreasing in b in the order of positive semidefinite matrices, which
        ``certify_covariance_decreasing`` certifies.

    Args:
        sgd: The process.
        step: t >= 0.
        budget: As for ``gradient_variance``, for each entry; a network of d weights takes d(d + 1)/2 variances.

    Returns:
        An object array of BatchPolynomials, shape (d, d) for d weights; the layers of a network one after the other.

    Raises:
        TypeError: ``step`` is not an integer.
        ValueError: ``step`` is negative or needs more step sizes than given.
        NotExactError: Floats in a network.
        BudgetExceededError: As for ``gradient_variance``.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2]))
        >>> sgd = sv.SGD(problem, start=[0, 0], step_size=Fraction(1, 2))
        >>> C = sv.gradient_covariance(sgd, step=1)
        >>> (C[0, 0] + C[1, 1] == sv.gradient_variance(sgd, step=1), C[0, 1] == C[1, 0])
        (True, True)
        >>> sv.certify_covariance_decreasing(C).status
        'proved'
    """
    step = check_process(sgd).check_step(step)
    if not sgd.is_network:
        return linear_regression.gradient_covariance(sgd, step)

    def variance_of_sum(*indices: int) -> BatchPolynomial:
        row = [int(index in indices) for index in range(sgd.weight_count)]
        return gradient_variance(sgd, step, matrix=row, budget=budget)

    d = sgd.weight_count
    own = [variance_of_sum(i) for i in range(d)]
    result = np.empty((d, d), dtype=object)
    for i in range(d):
        result[i, i] = own[i]
        for j in range(i):
            result[i, j] = result[j, i] = (variance_of_sum(i, j) - own[i] - own[j]) * Fraction(1, 2)
    return result


def variance_degree_bound(depth: int, step: int) -> int:
    r"""A bound on the degree in 1/b of the gradient variance of a deep linear network.

    .. math:: \deg V_t \le \sum_{k=0}^{t} \left( 2 (2L - 1)^k - 1 \right)

    For L = 1, linear regression, it is t + 1; for L = 2 it is :math:`3^{t+1} - t - 2`: 1, 6, 23, 76, ...

    Guarantees:
        It holds for every data source, i.i.d. or with replacement, and for the polynomial that ``gradient_variance``
        returns without replacement. It is attained for every L and t, on N(0, 1) inputs with one weight per layer.

    Args:
        depth: The number of layers, L >= 1.
        step: t >= 0.

    Returns:
        An integer; weight decay, label noise and step-size sequences do not change it.

    Raises:
        TypeError: Not integers.
        ValueError: ``depth`` below 1, or ``step`` negative.

    Examples:
        >>> import sgdvar as sv
        >>> [sv.variance_degree_bound(depth=2, step=t) for t in range(4)]
        [1, 6, 23, 76]

    References:
        Qian and Klabjan, arXiv 2004.13146, that there is a degree. The bound is derived in proofs/deep_linear.py, and
        that it is attained in proofs/deep_linear_scalar.py.
    """
    depth, step = check_count(depth, "depth", least=1), check_count(step, "step")
    return sum(2 * (2 * depth - 1) ** k - 1 for k in range(step + 1))


def _as_network(sgd: SGD) -> SGD:
    """Linear regression as a network of one layer."""
    problem = DeepLinearNetwork(sgd.problem.data, sgd.problem.weight_decay)
    return SGD(problem, sgd.layers, sgd.step_size, sgd.sampling)


def _checked(sgd: SGD, step: int, matrix: Any, layer: int | None) -> tuple[int, Array | None, Kind, int | None]:
    layer = check_process(sgd).check_layer(layer)
    rows, kind = sgd.check_matrix(matrix, layer)
    return sgd.check_step(step), rows, kind, layer
