"""What others would write: the named baselines."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import Ordering, fmpq, fmpq_mat, fmpq_mpoly_ctx, fmpq_poly

import sgdvar as sv
from sgdvar.arithmetic import object_array

Array = npt.NDArray[Any]


def per_example_rational_operator(X: Array, y: Array, step_size: Fraction, steps: int) -> list[fmpq]:
    """The coefficients of Var(g_t) in c(b) from start 0: one rational rank-one operator per example and coefficient."""
    n, p = X.shape
    rows = [[fmpq(v.numerator, v.denominator) for v in row] for row in np.column_stack([X, -y]).tolist()]
    extended = [fmpq_mat(p + 1, 1, row) for row in rows]
    outer = [fmpq_mat(p, 1, row[:p]) * fmpq_mat(1, p, row[:p]) for row in rows]
    G = fmpq_mat(p, p + 1)
    for row, column in zip(rows, extended, strict=True):
        G += fmpq_mat(p, 1, row[:p]) * column.transpose()
    G = G / fmpq(n)
    alpha = fmpq(step_size.numerator, step_size.denominator)

    def covariance(M: fmpq_mat) -> fmpq_mat:
        total = fmpq_mat(p, p)
        for column, square in zip(extended, outer, strict=True):
            total += square * (column.transpose() * M * column)[0, 0]
        return total / fmpq(n) - G * M * G.transpose()

    def embedded(block: fmpq_mat) -> fmpq_mat:
        entries = [[block[i, j] if i < p and j < p else fmpq(0) for j in range(p + 1)] for i in range(p + 1)]
        return fmpq_mat(p + 1, p + 1, [v for row in entries for v in row])

    identity = [[fmpq(int(i == j)) for j in range(p + 1)] for i in range(p + 1)]
    T = fmpq_mat(
        p + 1, p + 1, [identity[i][j] - (alpha * G[i, j] if i < p else 0) for i in range(p + 1) for j in range(p + 1)]
    )
    start = fmpq_mat(p + 1, p + 1)
    start[p, p] = fmpq(1)
    stack = [start]
    for _ in range(steps):
        kept = [T * M * T.transpose() for M in stack] + [fmpq_mat(p + 1, p + 1)]
        fresh = [fmpq_mat(p + 1, p + 1), *(embedded(covariance(M)) * (alpha * alpha) for M in stack)]
        stack = [a + b for a, b in zip(kept, fresh, strict=True)]

    def trace(matrix: fmpq_mat) -> fmpq:
        return sum((matrix[i, i] for i in range(p)), fmpq(0))

    full = [trace(G * M * G.transpose()) for M in stack[1:]] + [fmpq(0)]
    return [fmpq(0), *(a + trace(covariance(M)) for a, M in zip(full, stack, strict=True))]


def two_matrix_products(extended: Array, inputs: Array, N: Array) -> Array:
    """The least that one covariance of per-example gradients needs: (X, y) times a matrix, and X^T times a matrix."""
    products = extended @ N
    result: Array = inputs.T @ products[:, : inputs.shape[1]]
    return result


def sympy_stats_variance(batch_size: int) -> Any:
    """Var(g_1) of the noise-free scalar model for one batch size, by sympy.stats; start and step size symbols."""
    import sympy as sp
    from sympy.stats import Normal, variance

    a, w = sp.symbols("a w")
    batches = [[Normal(f"x{step}{i}", 0, 1) for i in range(batch_size)] for step in range(2)]
    first, second = (sum(x**2 for x in batch) / batch_size for batch in batches)
    gradient = sp.expand(second * w * (1 - a * first))
    return sp.expand(variance(gradient).doit())


def diabetes() -> sv.Dataset:
    """The data of ``sgdvar verify``: exact, standardised, rounded to 2 decimals."""
    from sgdvar.loading import load_diabetes

    return load_diabetes()


def naive_network_second_moment(
    lower: Array, upper: Array, teacher: Array, step_size: Fraction, steps: int
) -> list[fmpq]:
    """The coefficients in 1/b of E |g_t|^2 for a network of two layers on two N(0, 1) inputs.

    The squared norm of the gradient is expanded in the entries of S = mean x x^T of all batches, and each monomial is
    replaced by its moment.
    """
    context = fmpq_mpoly_ctx.get(tuple(f"s{i}" for i in range(3 * (steps + 1))), Ordering.degrevlex)

    def constants(matrix: Array) -> Array:
        entries = [context.constant(fmpq(*value.as_integer_ratio())) for value in matrix.ravel().tolist()]
        return object_array(entries, matrix.shape)

    A, a, target = constants(lower), constants(upper), constants(teacher)
    alpha = fmpq(step_size.numerator, step_size.denominator)
    for k in range(steps + 1):
        s11, s12, s22 = (context.gen(3 * k + i) for i in range(3))
        residual = (a @ A - target) @ object_array([s11, s12, s12, s22], (2, 2))
        gradients = a.T @ residual, residual @ A.T
        if k < steps:
            A, a = A - gradients[0] * alpha, a - gradients[1] * alpha
    square = sum(value * value for gradient in gradients for value in gradient.ravel())
    degree = 2 * 3**steps
    moments, zero = wishart_moments(degree), fmpq_poly([0])
    total = zero
    for powers, value in square.to_dict().items():
        product = fmpq_poly([value])
        for k in range(steps + 1):
            product *= moments.get(tuple(int(p) for p in powers[3 * k : 3 * k + 3]), zero)  # odd ones are 0
        total += product
    return list(total.coeffs())


def wishart_moments(degree: int) -> dict[tuple[int, ...], fmpq_poly]:
    """E[s11^i s12^j s22^k] as polynomials in u = 1/b, from the Taylor coefficients of det(I - 2 u T)^(-1/(2u))."""
    context = fmpq_mpoly_ctx.get(("t11", "t12", "t22", "u"), Ordering.degrevlex)
    t11, t12, t22, u = context.gens()
    trace, determinant = t11 + t22, t11 * t22 - t12 * t12 * fmpq(1, 4)
    parts = [context.constant(1)]
    for k in range(1, degree + 1):
        part = trace * (1 + 2 * u * (k - 1)) * parts[k - 1]
        if k > 1:
            part -= 4 * u * determinant * (1 + u * (k - 2)) * parts[k - 2]
        parts.append(part * fmpq(1, k))
    moments: dict[tuple[int, ...], dict[int, fmpq]] = {}
    for part in parts:
        for powers, value in part.to_dict().items():
            i, j, k, order = (int(p) for p in powers)
            moments.setdefault((i, j, k), {})[order] = value * math.factorial(i) * math.factorial(j) * math.factorial(k)
    return {
        powers: fmpq_poly([orders.get(i, fmpq(0)) for i in range(max(orders) + 1)])
        for powers, orders in moments.items()
    }


def sympy_stats_network_variance(batch_size: int) -> Any:
    """Var(g_1) of the noise-free scalar network of two layers for one batch size, by sympy.stats; teacher 0."""
    import sympy as sp
    from sympy.stats import Normal, variance

    a, v, w = sp.symbols("a v w")
    batches = [[Normal(f"x{step}{i}", 0, 1) for i in range(batch_size)] for step in range(2)]
    first, second = (sum(x**2 for x in batch) / batch_size for batch in batches)
    v1, w1 = v - a * w * first * v * w, w - a * v * first * v * w
    return sum(sp.expand(variance(sp.expand(g)).doit()) for g in (w1 * second * v1 * w1, v1 * second * v1 * w1))
