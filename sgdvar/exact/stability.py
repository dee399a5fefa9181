r"""The step sizes at which second moments of SGD stay bounded."""

from __future__ import annotations

import math

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

from sgdvar.arithmetic import FloatArithmetic
from sgdvar.exact.linear_regression import check_linear_regression
from sgdvar.moments import gradient_moments
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = ["stable_step_size"]

_RANK_TOLERANCE = 1e-12  # relative to the largest eigenvalue of the Hessian


def stable_step_size(sgd: SGD, batch_size: int) -> float:
    r"""The upper end of the interval of mean-square stable constant step sizes at a batch size.

    Second moments of SGD converge, from every start to one limit, if and only if
    :math:`0 < \alpha < \alpha_{\max}(b)`,

    .. math:: \alpha_{\max} = 1 / \rho(\operatorname{Lyap}^{-1} Q), \qquad
        \operatorname{Lyap}(P) = HP + PH,\quad Q(P) = E[H_B P H_B]

    on the row space of the data, where H is the Hessian and :math:`H_B` that of a batch; components of the start
    outside of it never move.

    Args:
        sgd: Linear regression; its start and step size do not matter.
        batch_size: b.

    Returns:
        :math:`\alpha_{\max}(b)` in float64 (numerical, not exact); infinity where the Hessian is 0.

    Raises:
        TypeError: ``sgd`` is no linear regression, ``batch_size`` is not an integer, or the problem holds symbols.
        ValueError: ``batch_size`` is outside the design's range.
        OverflowError: Numbers so large or small that their fourth powers are no floats.

    References:
        Derived in proofs/mean_square_stability.py; at b = n it is the classical :math:`2/\lambda_{\max}(H)`.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.GaussianPopulation(teacher=[1])), start=[0], step_size=1)
        >>> round(sv.stable_step_size(sgd, 1), 12)  # E (1 - a x^2)^2 = 1 - 2 a + 3 a^2 < 1
        0.666666666667
    """
    factor = float(check_linear_regression(sgd).design.variance_factor(batch_size))
    data = sgd.problem.data
    if data.kind == "symbolic" or sgd.problem.kind == "symbolic":
        raise TypeError("stable_step_size needs numbers, got symbols; substitute values for them")
    moments = gradient_moments(data, FloatArithmetic(), applications=100)
    p, m = data.inputs, len(moments.second)
    decay = float(sgd.problem.weight_decay)
    inputs = moments.second[:p, :p]
    eigenvalues, vectors = np.linalg.eigh(inputs + decay * np.eye(p))
    kept = eigenvalues > _RANK_TOLERANCE * max(eigenvalues[-1], 0.0)
    eigenvalues, vectors = eigenvalues[kept], vectors[:, kept]
    r = len(eigenvalues)
    if r == 0 or eigenvalues[-1] <= 0:
        return math.inf
    roots = np.sqrt(eigenvalues[:, None] + eigenvalues[None, :])

    def apply(flat: Array) -> Array:
        """Lyap^(-1/2) Q Lyap^(-1/2) in the eigenbasis of H: self-adjoint, with the spectrum of Lyap^(-1) Q."""
        P = flat.reshape(r, r) / roots
        outer = np.zeros((1, m, m))
        outer[0, :p, :p] = vectors @ P @ vectors.T
        covariance = vectors.T @ moments.covariance(outer)[0] @ vectors
        image: Array = ((eigenvalues[:, None] * P * eigenvalues[None, :] + factor * covariance) / roots).ravel()
        return image

    if r == 1:
        return float(1 / apply(np.ones(1))[0])
    operator = LinearOperator((r * r, r * r), matvec=apply, dtype=np.float64)
    radius = eigsh(operator, k=1, which="LA", v0=np.eye(r).ravel(), return_eigenvectors=False)[0]
    return float(1 / radius)
