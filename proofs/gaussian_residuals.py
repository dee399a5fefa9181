"""Moments of what a network sees of a Gaussian batch, in closed form; run this file to check every step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import product
from math import factorial, prod
from typing import Any

import sympy as sp

u = sp.Symbol("u")
ORDER = 6  # power series are compared up to this degree

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
        one_gaussian_example(),
        smaller_determinant(),
        gaussian_batch(),
        gaussian_moments_from_the_definition(),
        one_output(),
        known_moments(),
    ]


def identity(left: Any, right: Any) -> None:
    """Checks that two rational functions, or matrices of them, are the same.

    Raises:
        AssertionError: They differ.
    """
    difference = sp.Matrix([left - right]).expand()
    if not difference.is_zero_matrix and not difference.applyfunc(sp.cancel).is_zero_matrix:
        raise AssertionError(f"{left} = {right} is false: the difference is {difference}")


def one_gaussian_example() -> Step:
    """The generating function of a quadratic form in standard normal variables."""
    for size, order in ((1, ORDER), (2, 5), (3, 4)):
        S, eta, tau = symmetric("s", size), sp.Matrix(sp.symbols(f"eta1:{size + 1}")), sp.Symbol("tau")
        determinant = sp.Poly((sp.eye(size) - tau * S).det(), tau).all_coeffs()[::-1]
        root = raised([*determinant, *[sp.S.Zero] * order][: order + 1], sp.Rational(-1, 2))
        moments = normal_moments((eta.T * S * eta)[0] / 2, list(eta), order)
        identity_of_series([value / factorial(k) for k, value in enumerate(moments)], root)
    return (
        r"E\, e^{\eta^\top S \eta / 2} = \det(I - S)^{-1/2}, \qquad \eta \sim N(0, I)",
        r"$S$ is symmetric. In its eigenbasis this is a product of one-dimensional integrals, "
        r"$E\, e^{s \eta^2 / 2} = (1 - s)^{-1/2}$; an identity of power series in the entries of $S$.",
        f"Wick enumeration of all moments in symbols, every S: one variable up to order {ORDER}, two up to order 5, "
        "three up to order 4",
    )


def smaller_determinant() -> Step:
    """The determinant in as many dimensions as there are outputs, twice."""
    tau = sp.Symbol("tau")
    for q, r, s in ((1, 1, 1), (1, 2, 1), (2, 1, 1), (2, 2, 0)):
        Delta, D, L = generic("e", q, r), generic("d", q, s), generic("l", q, r)
        X, Y = L.T.col_join(sp.zeros(s, q)), Delta.T.col_join(-D.T)
        eta = generic("eta", r + s, 1)
        statistic = (Delta * eta[:r, :] - D * eta[r:, :]) * eta[:r, :].T
        S = X * Y.T + Y * X.T
        identity((L.T * statistic).trace(), (eta.T * S * eta)[0] / 2)
        Z = pencil(Delta, D * D.T, L)
        identity(Z, Y.T.col_join(X.T) * X.row_join(Y))
        parts = determinant_parts(Z, 2 * q)
        identity((sp.eye(r + s) - tau * S).det(), sum(tau**j * part for j, part in enumerate(parts)))
        for j, part in enumerate(parts):
            if part != 0 and sp.Poly(part, *L).homogeneous_order() != j:
                raise AssertionError(f"P_{j} does not have degree {j} in Lambda: {part}")
    return (
        r"E\, e^{\langle \Lambda, R_1 \rangle} &= \det(I - Z)^{-1/2}, \qquad Z = \begin{pmatrix} \Delta \Lambda^\top & "
        r"\Delta \Delta^\top + D D^\top \\ \Lambda \Lambda^\top & \Lambda \Delta^\top \end{pmatrix}, \\ "
        r"\det(I - u Z) &= \sum_{j=0}^{2q} u^j P_j(\Lambda), \qquad P_j \text{ of degree } j \text{ in } \Lambda",
        r"The population is $x = \xi$ and $y = W^* x + D \zeta$, all standard normal, and $\Delta = P - W^*$. Then "
        r"$R_1 = (\Delta \xi - D \zeta)\, \xi^\top$, and $\langle \Lambda, R_1 \rangle = \tfrac12 \eta^\top (X Y^\top "
        r"+ Y X^\top)\, \eta$ with $\eta = (\xi, \zeta)$, $X^\top = (\Lambda, 0)$, $Y^\top = (\Delta, -D)$. By "
        r"Sylvester's identity $\det(I - (X\; Y) (Y\; X)^\top) = \det(I - (Y\; X)^\top (X\; Y))$, which has $2q$ rows "
        r"whatever the number of inputs. With $\tau \Lambda$ for $\Lambda$, $Z$ becomes similar to $\tau Z$, so $P_j$ "
        r"has degree $j$. If $\xi$ has the variances $d$, put $\operatorname{diag}(d)$ into the three products of "
        r"$\Delta$ and $\Lambda$.",
        "identities in symbols, every Delta, D and Lambda, for one and two outputs and up to three normal variables",
    )


def gaussian_batch() -> Step:
    """The generating function of a Gaussian batch mean, and its recurrence."""
    P = [sp.S.One, *sp.symbols("P1:5"), *[sp.S.Zero] * (ORDER - 4)]
    parts = raised([u**j * part for j, part in enumerate(P)], -1 / (2 * u))
    identity_of_series(gaussian_parts(P, ORDER), parts)
    for k in range(1, ORDER + 1):
        if sp.degree(parts[k], u) != k - 1:
            raise AssertionError(f"the part of order {k} does not have degree {k - 1} in u: {parts[k]}")
    return (
        r"E\, e^{\langle \Lambda, R \rangle} = \det(I - u Z)^{-1/(2u)}, \qquad k\, M_k = - \sum_{j=1}^{\min(k, 2q)} "
        r"u^{j-1} \bigl( u (k - j) + \tfrac j2 \bigr) P_j\, M_{k-j}",
        r"For a batch of $b$, $\Lambda$ becomes $u \Lambda$ and the power is $b = \frac1u$. Let $\theta$ multiply the "
        r"part of degree $k$ in $\Lambda$ by $k$; it is a derivation (Euler). For $G = \det^{-1/(2u)}$ it gives "
        r"$\det \cdot\, \theta G = -\frac{1}{2u}\, G \cdot \theta \det$; compare the parts of degree $k$. By "
        r"induction $M_k$ has degree at most $k - 1$ in $u$, as it must.",
        f"the recurrence against the binomial series in symbols u, P1, ..., P4, up to order {ORDER}; the degrees",
    )


def gaussian_moments_from_the_definition() -> Step:
    """The recurrence against all moments of a few normal variables."""
    order = 4
    for (q, r, s), size in product(((1, 1, 1), (1, 2, 1), (2, 1, 1), (2, 2, 1)), (1, 2)):
        Delta, D, L = generic("e", q, r), generic("d", q, s), generic("l", q, r)
        examples = [(generic(f"xi{i}_", r, 1), generic(f"zeta{i}_", s, 1)) for i in range(size)]
        R = mean([(Delta * xi - D * zeta) * xi.T for xi, zeta in examples])
        normals = [entry for xi, zeta in examples for entry in (*xi, *zeta)]
        parts = gaussian_parts(determinant_parts(pencil(Delta, D * D.T, L), order), order)
        moments = [value / factorial(k) for k, value in enumerate(normal_moments((L.T * R).trace(), normals, order))]
        identity_of_series([sp.S(part).subs(u, sp.Rational(1, size)) for part in parts], moments)
    return (
        r"M_k = \frac{1}{k!}\, E\, \Bigl\langle \Lambda, \frac1b \sum_{i=1}^b (\Delta \xi_i - D \zeta_i)\, \xi_i^\top "
        r"\Bigr\rangle^{\!k}",
        r"The definition itself: the power expanded in the normal variables of all $b$ examples, and the expectation "
        r"taken monomial by monomial, $E \xi^{2j} = 1 \cdot 3 \cdots (2j - 1)$.",
        f"Wick enumeration in symbols for k up to {order}: every Delta, D and Lambda for one and two inputs, one and "
        f"two "
        "outputs, b = 1 and 2",
    )


def one_output() -> Step:
    """The generating function for a single output."""
    for r in (1, 2, 3):
        Delta, L, noise = generic("e", 1, r), generic("l", 1, r), sp.Symbol("sigma2")
        inner, lengths = (L * Delta.T)[0], (L * L.T)[0] * ((Delta * Delta.T)[0] + noise)
        determinant = (sp.eye(2) - u * pencil(Delta, sp.Matrix([[noise]]), L)).det()
        identity(determinant, 1 - 2 * u * inner + u**2 * (inner**2 - lengths))
    return (
        r"E\, e^{\langle \lambda, R \rangle} = \Bigl( 1 - 2 u\, \langle \lambda, \delta \rangle + u^2 \bigl( \langle "
        r"\lambda, \delta \rangle^2 - \lVert \lambda \rVert^2 (\lVert \delta \rVert^2 + \sigma^2) \bigr) "
        r"\Bigr)^{-1/(2u)} \qquad (q = 1)",
        r"One output with error $\delta$ and label noise of variance $\sigma^2$: $Z$ has two rows. Label noise adds to "
        r"$\lVert \delta \rVert^2$ here, and nowhere else.",
        "the determinant in symbols for one, two and three inputs",
    )


def known_moments() -> Step:
    """Second moments of a Wishart matrix, and all moments of a mean of squares."""
    for p in (1, 2, 3):
        M = generic("m", p, p)
        identity(sandwich(M), M + u * (M.T + M.trace() * sp.eye(p)))
    ell = sp.Symbol("ell")
    one = sp.Matrix([[1]])
    parts = gaussian_parts(determinant_parts(pencil(one, 0 * one, ell * one), ORDER), ORDER)
    for k, part in enumerate(parts):
        identity(factorial(k) * part, ell**k * prod(1 + 2 * j * u for j in range(k)))
    return (
        r"E\, S M S = M + u\, \bigl( M^\top + \operatorname{tr}(M)\, I \bigr), \qquad "
        r"E\, s^k = \prod_{j<k} (1 + 2 j u)",
        r"$S$ is the mean of $x x^\top$ over a batch of $x \sim N(0, I)$: the case $\Delta = I$, $D = 0$. For one "
        r"input it is a number $s$, and $b s$ is $\chi^2$ with $b$ degrees of freedom. Both are well known.",
        f"in symbols for one, two and three inputs and every M; the moments of s up to k = {ORDER}",
    )


Series = list[Any]
"""The parts of degree 0, 1, ... of a power series."""


def identity_of_series(left: Sequence[Any], right: Sequence[Any]) -> None:
    """Checks that two power series are the same."""
    for a, b in zip(left, right, strict=True):
        identity(a, b)


def unit(order: int) -> Series:
    """The series 1."""
    return [sp.S.One, *[sp.S.Zero] * order]


def multiply(left: Series, right: Series) -> Series:
    """The product, up to the same degree."""
    return [sp.expand(sum(left[i] * right[k - i] for i in range(k + 1))) for k in range(len(left))]


def powers(series: Series) -> list[Series]:
    """The powers 0, 1, ... of a series without constant term, up to the last that is not 0."""
    result = [unit(len(series) - 1)]
    for _ in series[1:]:
        result.append(multiply(result[-1], series))
    return result


def combine(coefficients: Sequence[Any], terms: Sequence[Series]) -> Series:
    """A linear combination."""
    return [
        sp.expand(sum(a * part for a, part in zip(coefficients, parts, strict=True)))
        for parts in zip(*terms, strict=True)
    ]


def raised(series: Series, exponent: Any) -> Series:
    """A series with constant term 1 to any power, by the binomial series."""
    binomials = [sp.ff(exponent, m) / factorial(m) for m in range(len(series))]
    return [sp.cancel(part) for part in combine(binomials, powers([0, *series[1:]]))]


def pencil(Delta: Any, noise: Any, L: Any) -> Any:
    """Z."""
    return (Delta * L.T).row_join(Delta * Delta.T + noise).col_join((L * L.T).row_join(L * Delta.T))


def determinant_parts(Z: Any, order: int) -> Series:
    """P_0, ..., P_order, by Newton's identities from traces of powers."""
    traces, power = [], sp.eye(Z.rows)
    for _ in range(order):
        power = (power * Z).applyfunc(sp.expand)
        traces.append(power.trace())
    parts: Series = [sp.S.One]
    for j in range(1, order + 1):
        parts.append(sp.expand(-sum(parts[j - i] * traces[i - 1] for i in range(1, j + 1)) / j))
    return parts


def gaussian_parts(determinant: Series, order: int) -> Series:
    """M_0, ..., M_order by the recurrence."""
    parts: Series = [sp.S.One]
    for k in range(1, order + 1):
        terms = [
            u ** (j - 1) * (u * (k - j) + sp.Rational(j, 2)) * determinant[j] * parts[k - j] for j in range(1, k + 1)
        ]
        parts.append(sp.expand(-sum(terms) / k))
    return parts


def sandwich(M: Any) -> Any:
    """E S M S, from the moments of order 2."""
    p = M.rows
    L, pairs = generic("l", p, p), list(product(range(p), repeat=2))
    part = gaussian_parts(determinant_parts(pencil(sp.eye(p), sp.zeros(p, p), L), 2), 2)[2]
    return sp.Matrix(p, p, lambda i, l: sum(M[j, k] * part.diff(L[i, j], L[k, l]) for j, k in pairs))


def normal_moments(form: Any, normals: Sequence[Any], order: int) -> list[Any]:
    """The moments 0, ..., order of a polynomial in independent standard normal variables, from monomials."""
    ring, form = sp.sring(form, *normals, *sorted(form.free_symbols - set(normals), key=str))
    moments, power = [], ring.one
    for _ in range(order + 1):
        average = ring.zero
        for exponents, weight in power.terms():
            own, others = exponents[: len(normals)], exponents[len(normals) :]
            if all(k % 2 == 0 for k in own):
                average += ring({(0,) * len(own) + others: weight * prod(prod(range(1, k, 2)) for k in own)})
        moments.append(average.as_expr())
        power *= form
    return moments


def generic(name: str, rows: int, columns: int) -> Any:
    """A matrix of symbols."""
    return sp.Matrix(rows, columns, lambda i, j: sp.Symbol(f"{name}{i + 1}{j + 1}"))


def symmetric(name: str, size: int) -> Any:
    """A symmetric matrix of symbols."""
    return sp.Matrix(size, size, lambda i, j: sp.Symbol(f"{name}{min(i, j) + 1}{max(i, j) + 1}"))


def mean(items: Sequence[Any]) -> Any:
    """The mean of numbers or matrices."""
    return reduce(lambda left, right: left + right, items) / sp.Integer(len(items))


if __name__ == "__main__":
    for number, (statement, _, how) in enumerate(steps(), 1):
        print(f"{number}. {statement}\n   checked: {how}\n")
