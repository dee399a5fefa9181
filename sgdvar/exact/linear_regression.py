r"""The second-moment recursion for linear regression.

With :math:`z = (w, 1)` the batch gradient is linear, :math:`g_t = G_B z_t`, and :math:`M_t = E[z_t z_t^\top]` obeys

.. math:: M_{t+1} = (I - \alpha_t \bar G) M_t (I - \alpha_t \bar G)^\top + \alpha_t^2\, c(b)\, V(M_t),
    \qquad V(M) = \operatorname{mean}_i D_i M D_i^\top,\ D_i = G_i - \bar G.

So :math:`M_t` is a polynomial in c(b), kept as the stack of its coefficient matrices (derived in
proofs/linear_regression.py). Exact numbers are kept free of fractions: every coefficient matrix is an integer matrix
over one common denominator, which is the last diagonal entry of the constant one, since the last entry of z is 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from sgdvar.arithmetic import Arithmetic, FloatArithmetic, arithmetic_for
from sgdvar.data import Data
from sgdvar.moments import (
    GradientMoments,
    gradient_moments,
    mean_square_residual,
    reference_weights,
    second_moments,
)
from sgdvar.polynomial import BatchPolynomial
from sgdvar.problems import LinearRegression
from sgdvar.process import SGD, check_process
from sgdvar.scalars import Array, Kind, join_kinds

__all__ = [
    "SecondMoments",
    "check_linear_regression",
    "expected_loss",
    "full_gradient_variance",
    "gradient_second_moment",
    "gradient_variance",
    "mean_gradient",
    "mean_weights",
    "weight_covariance",
]


def check_linear_regression(sgd: object) -> SGD:
    """``sgd`` as an SGD on a linear regression.

    Raises:
        TypeError: It is something else.
    """
    process = check_process(sgd)
    if not isinstance(process.problem, LinearRegression):
        raise TypeError(
            f"sgd must be linear regression, got {type(process.problem).__name__}; write a network of one layer as "
            "LinearRegression(data)"
        )
    return process


@dataclass(frozen=True, eq=False)
class SecondMoments:
    r"""The recursion of one process in one arithmetic.

    Attributes:
        sgd: The process.
        arithmetic: The numbers it is computed with.
        moments: Moments of one example's gradient.
        reference: The origin of the weights in z, flattened; 0 unless in floats.
        gradient: :math:`\bar G` times ``scale``, shape (d, d + 1) for d weights.
        scale: The common denominator of ``gradient``.
    """

    sgd: SGD
    arithmetic: Arithmetic
    moments: GradientMoments
    reference: Array
    gradient: Array
    scale: Any

    @classmethod
    def of(cls, sgd: SGD, arithmetic: Arithmetic, steps: int) -> SecondMoments:
        """The recursion for a process, ready for a number of steps."""
        data = sgd.problem.data
        moments = gradient_moments(data, arithmetic, applications=(steps + 1) * (steps + 2) // 2)
        d, p = sgd.start.size, data.inputs
        is_float = isinstance(arithmetic, FloatArithmetic)
        reference = reference_weights(data).ravel() if is_float else np.zeros(d, dtype=np.int64)
        decay, decay_denominator = arithmetic.numerators(np.reshape(sgd.problem.weight_decay, 1))
        gradient = np.zeros((d, d + 1), dtype=np.float64 if is_float else object)
        mean = moments.mean * decay_denominator
        for output in range(d // p):
            rows = slice(output * p, (output + 1) * p)
            gradient[rows, rows] = mean[:, :p]
            gradient[rows, d] = mean[:, p + output]
        weights = np.arange(d)
        gradient[weights, weights] = gradient[weights, weights] + decay * moments.scale
        if is_float:
            gradient[:, d] += decay * reference
        return cls(sgd, arithmetic, moments, reference, gradient, moments.scale * decay_denominator)

    def start(self) -> Array:
        """The stack at step 0: the one matrix z z^T, shape (1, d + 1, d + 1)."""
        weights, denominator = self.arithmetic.numerators(self.sgd.start.ravel())
        z = np.append(weights - self.reference, denominator).reshape(-1, 1)
        return self.arithmetic.matmul(z, z.T)[None]

    def advance(self, stack: Array, step_size: Any) -> Array:
        """The stack one step later: one more power of c."""
        step, step_denominator = self.arithmetic.numerators(np.reshape(step_size, 1))
        k, size, _ = stack.shape
        d = size - 1
        denominator = step_denominator * self.scale
        contraction = np.zeros((size, size), dtype=self.gradient.dtype)
        contraction[:d] = -(self.gradient * step)
        diagonal = np.arange(size)
        contraction[diagonal, diagonal] = contraction[diagonal, diagonal] + denominator
        half = self.arithmetic.matmul(stack.reshape(k * size, size), contraction.T).reshape(k, size, size)
        both = self.arithmetic.matmul(half.transpose(0, 2, 1).reshape(k * size, size), contraction.T)
        following = np.zeros((k + 1, size, size), dtype=stack.dtype)
        following[:k] = both.reshape(k, size, size)
        following[1:, :d, :d] = following[1:, :d, :d] + self.batch_covariance(stack) * step**2
        return following

    def outer_products(self, stack: Array) -> Array:
        r"""The matrices :math:`E[\omega_a \omega_{a'}^\top]` for each power of c, shape (k, q, q, p + q, p + q)."""
        d, p = stack.shape[1] - 1, self.moments.inputs
        q = d // p
        if q == 1:
            return stack[:, None, None]
        padded = np.zeros((len(stack), d + 2, d + 2), dtype=stack.dtype)  # index d + 1 stands for 0
        padded[:, : d + 1, : d + 1] = stack
        own = [[*range(a * p, (a + 1) * p), *(d if o == a else d + 1 for o in range(q))] for a in range(q)]
        index = np.array(own)
        blocks: Array = padded[:, index[:, None, :, None], index[None, :, None, :]]
        return blocks

    def batch_covariance(self, stack: Array) -> Array:
        """The coefficients of V(M), the covariance of one example's gradient, times ``scale**2``; shape (k, d, d)."""
        outer = self.outer_products(stack)
        k, q, _, m, _ = outer.shape
        blocks = self.moments.covariance(outer.reshape(k * q * q, m, m))
        p = blocks.shape[-1]
        arranged = blocks.reshape(k, q, q, p, p).transpose(0, 1, 3, 2, 4).reshape(k, q * p, q * p)
        coefficients: Array = arranged * (self.scale // self.moments.scale) ** 2
        return coefficients

    def full_gradient(self, stack: Array) -> Array:
        r"""The coefficients of :math:`\bar G M \bar G^\top`, times ``scale**2``; shape (k, d, d)."""
        k, size, _ = stack.shape
        half = self.arithmetic.matmul(stack.reshape(k * size, size), self.gradient.T).reshape(k, size, size - 1)
        both = self.arithmetic.matmul(half.transpose(0, 2, 1).reshape(k * (size - 1), size), self.gradient.T)
        result: Array = both.reshape(k, size - 1, size - 1)
        if isinstance(self.arithmetic, FloatArithmetic):  # as a square, a small mean gradient stays accurate
            mean = self.gradient @ stack[0, :, -1]
            result[0] = np.outer(mean, mean)
        return result


_cache: WeakKeyDictionary[SGD, dict[Arithmetic, tuple[int, Array]]] = WeakKeyDictionary()


def _solve(sgd: SGD, step: int, kind: Kind, others: tuple[Any, ...] = ()) -> tuple[SecondMoments, Array]:
    """The recursion and its stack at a step; goes on from the last step that was asked for."""
    arithmetic = arithmetic_for(kind, (*sgd.numbers(), *others))
    recursion = SecondMoments.of(sgd, arithmetic, step)
    known = _cache.setdefault(sgd, {})
    at, stack = known.get(arithmetic, (0, None))
    if stack is None or at > step:
        at, stack = 0, recursion.start()
    with np.errstate(over="ignore", invalid="ignore"):  # an error of its own, below
        for step_size in sgd.step_sizes(step)[at:]:
            stack = recursion.advance(stack, step_size)
    if isinstance(arithmetic, FloatArithmetic) and not np.isfinite(stack).all():
        raise OverflowError(
            f"second moments must stay within the range of floats, got more by step {step}: the process diverges; use "
            "smaller step sizes, or exact numbers"
        )
    known[arithmetic] = (step, stack)
    return recursion, stack


def _polynomial(recursion: SecondMoments, coefficients: Any, denominator: Any, *, centred: bool) -> BatchPolynomial:
    """The polynomial with these coefficients over a denominator; without the constant term if centred."""
    values = [recursion.arithmetic.quotient(value, denominator) for value in coefficients]
    if centred:
        values[0] = 0
        if isinstance(recursion.arithmetic, FloatArithmetic):
            values = [max(value, 0.0) for value in values]  # each is the trace of a PSD matrix, up to rounding
    return BatchPolynomial(recursion.sgd.design, tuple(values))


def _norms(recursion: SecondMoments, covariances: Array, matrix: Array | None) -> tuple[Array, Any]:
    """The numbers tr(A C A^T) for a stack of matrices C, and the denominator that A brings."""
    if matrix is None:
        return np.trace(covariances, axis1=1, axis2=2), 1
    A, denominator = recursion.arithmetic.numerators(matrix)
    return (covariances * recursion.arithmetic.matmul(A.T, A)).sum(axis=(1, 2)), denominator**2


def _gradient_quantity(
    sgd: SGD, step: int, matrix: Array | None, kind: Kind, *, full: bool, batch: bool, centred: bool
) -> BatchPolynomial:
    recursion, stack = _solve(sgd, step, kind, () if matrix is None else (matrix,))
    d = stack.shape[1] - 1
    total = np.zeros((len(stack) + 1, d, d), dtype=stack.dtype)
    if full:
        total[:-1] = recursion.full_gradient(stack)
    if batch:
        total[1:] = total[1:] + recursion.batch_covariance(stack)
    norms, denominator = _norms(recursion, total, matrix)
    return _polynomial(recursion, norms, stack[0, -1, -1] * recursion.scale**2 * denominator, centred=centred)


def gradient_variance(sgd: SGD, step: int, matrix: Array | None, kind: Kind) -> BatchPolynomial:
    """Var(A g_t)."""
    return _gradient_quantity(sgd, step, matrix, kind, full=True, batch=True, centred=True)


def full_gradient_variance(sgd: SGD, step: int, matrix: Array | None, kind: Kind) -> BatchPolynomial:
    """Var(A grad L(w_t))."""
    return _gradient_quantity(sgd, step, matrix, kind, full=True, batch=False, centred=True)


def gradient_second_moment(sgd: SGD, step: int, matrix: Array | None, kind: Kind) -> BatchPolynomial:
    """E ||A g_t||^2."""
    return _gradient_quantity(sgd, step, matrix, kind, full=True, batch=True, centred=False)


def expected_loss(sgd: SGD, step: int, data: Data) -> BatchPolynomial:
    """E L(w_t), the loss taken on ``data``."""
    kind = join_kinds([sgd.kind, data.kind], "the process and data")
    recursion, stack = _solve(sgd, step, kind, data.numbers())
    arithmetic, d = recursion.arithmetic, stack.shape[1] - 1
    reference = recursion.reference.reshape(-1, data.inputs) if isinstance(arithmetic, FloatArithmetic) else None
    second, scale = second_moments(data, arithmetic, reference)
    own = np.trace(recursion.outer_products(stack), axis1=1, axis2=2)  # summed over outputs: (k, p + q, p + q)
    decay, decay_denominator = arithmetic.numerators(np.reshape(sgd.problem.weight_decay, 1))
    origin = np.append(recursion.reference, 0)[:, None]  # ||w||^2 = ||e||^2 + 2 reference.e + ||reference||^2
    shifted = stack + origin * stack[:, -1:, :] + (origin * stack[:, -1:, :]).transpose(0, 2, 1)
    squares = np.trace(shifted[:, :d, :d], axis1=1, axis2=2) + stack[:, -1, -1] * (origin**2).sum()
    residuals = (own * second).sum(axis=(1, 2))
    if reference is not None:
        residuals[0] = mean_square_residual(data, stack[0, :d, -1].reshape(reference.shape), reference)
    doubled = residuals * decay_denominator + squares * decay * scale
    denominator = 2 * stack[0, -1, -1] * scale * decay_denominator
    return _polynomial(recursion, doubled, denominator, centred=False)


def _constants(recursion: SecondMoments, values: Array, denominator: Any) -> Array:
    result = np.empty(recursion.sgd.start.size, dtype=object)
    for index, value in enumerate(values):
        result[index] = _polynomial(recursion, [value], denominator, centred=False)
    shaped: Array = recursion.sgd.shaped(result)
    return shaped


def mean_weights(sgd: SGD, step: int) -> Array:
    """E w_t."""
    recursion, stack = _solve(sgd, step, sgd.kind)
    denominator = stack[0, -1, -1:]  # an array: NumPy would iterate over a polynomial
    return _constants(recursion, stack[0, :-1, -1] + recursion.reference * denominator, denominator[0])


def mean_gradient(sgd: SGD, step: int) -> Array:
    """E g_t."""
    recursion, stack = _solve(sgd, step, sgd.kind)
    gradient = recursion.arithmetic.matmul(recursion.gradient, stack[0, :, -1:])[:, 0]
    return _constants(recursion, gradient, stack[0, -1, -1] * recursion.scale)


def weight_covariance(sgd: SGD, step: int) -> Array:
    """Cov(w_t), for the weights flattened row by row."""
    recursion, stack = _solve(sgd, step, sgd.kind)
    return _matrix(recursion, stack[1:, :-1, :-1], stack[0, -1, -1])


def gradient_covariance(sgd: SGD, step: int) -> Array:
    """Cov(g_t), for the gradient flattened row by row."""
    recursion, stack = _solve(sgd, step, sgd.kind)
    coefficients = recursion.batch_covariance(stack)
    coefficients[:-1] = coefficients[:-1] + recursion.full_gradient(stack)[1:]
    return _matrix(recursion, coefficients, stack[0, -1, -1] * recursion.scale**2)


def _matrix(recursion: SecondMoments, coefficients: Array, denominator: Any) -> Array:
    """The matrix of polynomials whose coefficients of c, c^2, ... are given, shape (k, d, d), over a denominator."""
    result = np.empty(coefficients.shape[1:], dtype=object)
    for index in np.ndindex(*result.shape):
        values = (recursion.arithmetic.quotient(value, denominator) for value in coefficients[:, *index])
        result[index] = BatchPolynomial(recursion.sgd.design, (0, *values))
    return result
