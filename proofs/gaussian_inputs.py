"""Gaussian inputs: the covariance of one example's gradient in closed form; run this file to check every step."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import sympy as sp

SHAPES = [(1, 1), (2, 1), (1, 2)]  # features p and outputs q

Step = tuple[str, str, str]
"""A statement (LaTeX), its reason, and how it was checked."""


def steps() -> list[Step]:
    """Checks every step of the derivation.

    Returns:
        Each statement as LaTeX, with its reason and how it was checked.

    Raises:
        AssertionError: A step is false.
    """
    return [
        second_moments(),
        moments_of_one_normal(),
        fourth_moments(),
        covariance_map(),
        covariance_map_by_integration(),
        error_and_label_noise(),
        gradient_at_fixed_weights(),
    ]


def identity(left: Any, right: Any) -> None:
    """Checks that two polynomials, or matrices of polynomials, are the same.

    Raises:
        AssertionError: They differ.
    """
    difference = sp.Matrix([left - right]).expand()
    if not difference.is_zero_matrix:
        raise AssertionError(f"{left} = {right} is false: the difference is {difference}")


def second_moments() -> Step:
    """The second moments of inputs and negated targets."""
    for p, q in SHAPES:
        C, D, teacher = generic("c", p, p), generic("d", q, q), generic("w", q, p)
        factor = C.row_join(sp.zeros(p, q)).col_join((-teacher * C).row_join(-D))
        S = C * C.T
        identity(factor * factor.T, joint_moments(S, teacher, D * D.T))
    return (
        r"\Sigma &= E\, \tilde x \tilde x^\top = \begin{pmatrix} S & -S W^{*\top} \\ "
        r"-W^* S & W^* S W^{*\top} + D D^\top \end{pmatrix}, \\ "
        r"\tilde x &= \begin{pmatrix} x \\ -y \end{pmatrix}, \qquad P = E\, x \tilde x^\top = (S, -S W^{*\top})",
        r"The population is $x = C \xi$ and $y = W^* x + D \zeta$, where all entries of $\xi$ and $\zeta$ are "
        r"independent standard normal variables, and $S = C C^\top$. So $\tilde x = F (\xi, \zeta)$ is Gaussian with "
        r"mean 0, and $\Sigma = F F^\top$.",
        "identity in symbols for p = 1 with one and two outputs and p = 2 with one, every teacher and factor",
    )


def moments_of_one_normal() -> Step:
    """The moments of a standard normal variable."""
    u = sp.Symbol("u", real=True)
    for power, moment in enumerate(NORMAL_MOMENTS):
        identity(sp.integrate(u**power * sp.exp(-(u**2) / 2), (u, -sp.oo, sp.oo)) / sp.sqrt(2 * sp.pi), moment)
    return (
        r"E\, \xi = E\, \xi^3 = 0, \qquad E\, \xi^2 = 1, \qquad E\, \xi^4 = 3",
        r"The only place where the normal density enters: $E\, \xi^k = \int u^k\, e^{-u^2/2}\, du / \sqrt{2 \pi}$.",
        "integrated in symbols for k = 0, ..., 4",
    )


def fourth_moments() -> Step:
    """Isserlis' theorem for fourth moments."""
    factor, xi = generic("f", 4, 4), sp.Matrix(sp.symbols("xi1:5"))
    identity(expectation(sp.prod(factor * xi), xi), pairings(factor * factor.T, 0, 1, 2, 3))
    return (
        r"E\, \tilde x_i \tilde x_j \tilde x_k \tilde x_l = \Sigma_{ij} \Sigma_{kl} + \Sigma_{ik} \Sigma_{jl} "
        r"+ \Sigma_{il} \Sigma_{jk}",
        r"Isserlis' theorem: the sum over the three pairings. Expand the product of four entries of $F \xi$, with "
        r"$\Sigma = F F^\top$, and take expectations by independence and the moments above. Both sides are linear in "
        r"each of the four rows of $F$, so four rows and four variables stand for every number of them.",
        "expanded in symbols for four variables, every F",
    )


def covariance_map() -> Step:
    """The covariance map as a sum over pairings."""
    for p, q in SHAPES:
        m = p + q
        sigma, N = symmetric("s", m), generic("n", m, m)
        P, S = sigma[:p, :], sigma[:p, :p]

        def fourth(i: int, j: int, sigma: Any = sigma, N: Any = N, m: int = m) -> Any:
            return sum(N[k, l] * pairings(sigma, i, k, l, j) for k, l in product(range(m), repeat=2))

        identity(sp.Matrix(p, p, fourth) - P * N * P.T, closed_form(sigma, N, P, S))
    return (
        r"\operatorname{cov}(N) &:= E[x \tilde x^\top N \tilde x x^\top] - P N P^\top \\ "
        r"&= \langle \Sigma, N \rangle\, S + P N^\top P^\top, \qquad \langle \Sigma, N \rangle = \sum_{k,l} "
        r"\Sigma_{kl} N_{kl}",
        r"The entry $(i, j)$ of the expectation is $\sum_{k,l} N_{kl}\, E\, x_i \tilde x_k \tilde x_l x_j$. Its three "
        r"pairings give $P N P^\top$, $P N^\top P^\top$ and $\langle \Sigma, N \rangle S$.",
        "identity in symbols for p = 1 with one and two outputs and p = 2 with one, every symmetric Sigma and every N, "
        "symmetric or not",
    )


def covariance_map_by_integration() -> Step:
    """The covariance map from its definition, without Isserlis' theorem."""
    teacher, scale, noise = sp.symbols("w* C D")
    xi = sp.Matrix(sp.symbols("xi zeta"))
    x = scale * xi[0]
    extended = sp.Matrix([x, -(teacher * x + noise * xi[1])])
    N = generic("n", 2, 2)
    sigma = joint_moments(sp.Matrix([[scale**2]]), sp.Matrix([[teacher]]), sp.Matrix([[noise**2]]))
    P, S = sigma[:1, :], sigma[:1, :1]
    second = expectation(x**2 * (extended.T * N * extended)[0], xi)
    identity(sp.Matrix([second]) - P * N * P.T, closed_form(sigma, N, P, S))
    return (
        r"E[x^2\, \tilde x^\top N \tilde x] - P N P^\top = \langle \Sigma, N \rangle\, S + P N^\top P^\top "
        r"\qquad (p = q = 1)",
        r"The definition itself: $x = C \xi$ and $y = w^* x + D \zeta$ put in, and the expectation taken monomial by "
        r"monomial.",
        "expanded in symbols for one feature and one output, every C, D, teacher and N",
    )


def error_and_label_noise() -> Step:
    """The same map in terms of the error of the weights and the label noise."""
    noise = sp.Symbol("sigma2")
    for p in range(1, 4):
        S, teacher = symmetric("s", p), generic("w", 1, p)
        second, mean = symmetric("m", p), generic("z", p, 1)
        M = second.row_join(mean).col_join(mean.T.row_join(sp.ones(1, 1)))
        sigma = joint_moments(S, teacher, sp.Matrix([[noise]]))
        error = second - mean * teacher - teacher.T * mean.T + teacher.T * teacher
        expected = S * error * S + (S * error).trace() * S + noise * S
        identity(closed_form(sigma, M, sigma[:p, :], S), expected)
    return (
        r"V(M) &= \operatorname{cov}(M) = S C_e S + \operatorname{tr}(S C_e)\, S + \sigma^2 S, \\ "
        r"C_e &= E\, (w - w^*)(w - w^*)^\top, \qquad M = E\, z z^\top, \quad z = \begin{pmatrix} w \\ 1 \end{pmatrix}",
        r"One output with label noise $\sigma^2 = D D^\top$, and weights independent of the example. One example's "
        r"gradient is $x \tilde x^\top z$, so this is the map $V$ of the recursion, for a population.",
        "identity in symbols for p = 1, 2, 3, every S, teacher, noise and M",
    )


def gradient_at_fixed_weights() -> Step:
    """The variance of the gradient at fixed weights, with uncorrelated inputs of equal variance."""
    s, noise = sp.symbols("s sigma2")
    for p in range(1, 4):
        error = generic("e", p, 1)
        length, S = (error.T * error)[0], s * sp.eye(p)
        C = error * error.T
        covariance = S * C * S + (S * C).trace() * S + noise * S
        identity(covariance.trace(), (p + 1) * s**2 * length + p * s * noise)
    xi, gap = sp.Matrix(sp.symbols("xi1:4")), sp.Matrix(sp.symbols("e1:3"))
    x = sp.sqrt(s) * xi[:2, :]
    gradient = x * ((x.T * gap)[0] - sp.sqrt(noise) * xi[2])
    second, mean = expectation((gradient.T * gradient)[0], xi), gradient.applyfunc(lambda g: expectation(g, xi))
    identity(second - (mean.T * mean)[0], 3 * s**2 * (gap.T * gap)[0] + 2 * s * noise)
    return (
        r"\operatorname{Var}(g_t \mid w_t) = c(b)\, \bigl( (p + 1)\, s^2\, \lVert w_t - w^* \rVert^2 "
        r"+ p\, s\, \sigma^2 \bigr) \qquad (S = s I)",
        r"The trace of $c(b)\, V(M)$ with $C_e = e e^\top$ and $e = w_t - w^*$. This is the conditional variance of "
        r"the last batch.",
        "the trace in symbols for p = 1, 2, 3; the result for p = 2 and one draw also from the definition",
    )


NORMAL_MOMENTS = (1, 0, 1, 0, 3)


def expectation(polynomial: Any, xi: Any) -> Any:
    """The expectation of a polynomial of degree at most 4 in independent standard normal variables."""
    terms = sp.Poly(polynomial, *xi).terms()
    return sum(weight * sp.prod([NORMAL_MOMENTS[power] for power in powers]) for powers, weight in terms)


def pairings(sigma: Any, i: int, j: int, k: int, l: int) -> Any:
    """The sum over the three pairings."""
    return sigma[i, j] * sigma[k, l] + sigma[i, k] * sigma[j, l] + sigma[i, l] * sigma[j, k]


def joint_moments(S: Any, teacher: Any, noise: Any) -> Any:
    """The second moments of the inputs and the negated targets."""
    upper: Sequence[Any] = [S, -S * teacher.T]
    lower: Sequence[Any] = [-teacher * S, teacher * S * teacher.T + noise]
    return sp.Matrix(sp.BlockMatrix([upper, lower]))


def closed_form(sigma: Any, N: Any, P: Any, S: Any) -> Any:
    """<Sigma, N> S + P N^T P^T."""
    return (sigma.T * N).trace() * S + P * N.T * P.T


def generic(name: str, rows: int, columns: int) -> Any:
    """A matrix of symbols."""
    return sp.Matrix(rows, columns, lambda i, j: sp.Symbol(f"{name}{i + 1}{j + 1}"))


def symmetric(name: str, size: int) -> Any:
    """A symmetric matrix of symbols."""
    return sp.Matrix(size, size, lambda i, j: sp.Symbol(f"{name}{min(i, j) + 1}{max(i, j) + 1}"))


if __name__ == "__main__":
    for number, (statement, _, how) in enumerate(steps(), 1):
        print(f"{number}. {statement}\n   checked: {how}\n")
