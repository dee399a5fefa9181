"""Moments of what a network sees of a Gaussian batch, in closed form; run this file to check every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial, reduce
from itertools import product
from math import factorial, prod
from typing import Any

import sympy as sp
from sympy.polys.matrices import DomainMatrix

from sgdvar.derivation import Derivation, Enumeration, Identity, Induction, Line, Notation, Step

k = sp.Symbol("k", integer=True, positive=True)
j = sp.Symbol("j", integer=True)
u, tau, determinant, degree = sp.symbols("u tau det deg")
normal, mean, T, trace, P, M, c = map(sp.IndexedBase, ("mu", "e", "d", "p", "P", "M", "c"))
G = sp.Function("G")

q, r, s, size = sp.symbols("q r s r+s", integer=True, positive=True)
Delta, D, Lambda = sp.MatrixSymbol("Delta", q, r), sp.MatrixSymbol("D", q, s), sp.MatrixSymbol("Lambda", q, r)
xi, zeta, eta = sp.MatrixSymbol("xi", r, 1), sp.MatrixSymbol("zeta", s, 1), sp.MatrixSymbol("eta", size, 1)
X, Y = sp.MatrixSymbol("X", size, q), sp.MatrixSymbol("Y", size, q)
alpha, beta, gamma = (sp.MatrixSymbol(name, q, q) for name in ("alpha", "beta", "gamma"))

SYMBOLS = [
    Notation(u, "u", r"$\frac1b$ for the batch size $b$"),
    Notation(k, "k", "order of a moment"),
    Notation(j, "j", "an index of sums"),
    Notation(normal.label, r"\mu", r"$\mu_k$: the moment $E\, \eta^{2k}$ of a standard normal variable"),
    Notation(G, "G", r"$G(k)$: coefficient of $s^k$ in $E\, e^{s \eta^2 / 2}$"),
    Notation(T.label, "d", r"$d_k$: part of degree $k$ in $S$ of the power series $\det(I - S)^{-1/2}$"),
    Notation(mean.label, "e", r"$e_k = \frac{1}{k!} E\, (\frac12 \eta^\top S \eta)^k$ for a symmetric matrix $S$"),
    Notation(trace.label, "p", r"$p_j = \operatorname{tr} S^j$"),
    Notation(Lambda, r"\Lambda", "a matrix of variables, of the shape of $R$"),
    Notation(Delta, r"\Delta", "error of the network, $(P - W^*) F$"),
    Notation(D, "D", "factor of the label noise"),
    Notation(xi, r"\xi", "normal coordinates of an input"),
    Notation(zeta, r"\zeta", "standard normal variables of the label noise"),
    Notation(eta, r"\eta", r"all normal variables of an example, $(\xi, \zeta)$"),
    Notation(X, "X", r"the matrix with $X^\top \eta = \Lambda \xi$: $X^\top = (\Lambda, 0)$"),
    Notation(Y, "Y", r"the matrix with $Y^\top \eta = \Delta \xi - D \zeta$: $Y^\top = (\Delta, -D)$"),
    Notation(alpha, r"\alpha", r"$Y^\top X = \Delta \Lambda^\top$"),
    Notation(beta, r"\beta", r"$Y^\top Y = \Delta \Delta^\top + D D^\top$"),
    Notation(gamma, r"\gamma", r"$X^\top X = \Lambda \Lambda^\top$"),
    Notation(tau, r"\tau", "a number"),
    Notation(
        determinant, r"\det(I - \tau S)", r"determinant of $I - \tau S$ with $S = X Y^\top + Y X^\top$, of $r + s$ rows"
    ),
    Notation(q, "q", "number of outputs"),
    Notation(
        P.label,
        "P",
        r"$P_j$: coefficient of $\tau^j$ in $\det(I - \tau Z)$, for the matrix $Z$ with $2q$ rows and the blocks "
        r"$\alpha$ and $\beta$ above, $\gamma$ and $\alpha^\top$ below",
    ),
    Notation(
        M.label,
        "M",
        r"$M_k = \frac{1}{k!} E \langle \Lambda, R \rangle^k$, where $R$ is the mean of $(\Delta \xi_i - D \zeta_i) "
        r"\xi_i^\top$ over a batch",
    ),
    Notation(c.label, "c", r"$c_{k,j} = u^j (k - j) + \frac{1}{2u} u^j j$: the factor of $P_j M_{k-j}$"),
    Notation(degree, r"\deg M_k", "degree of $M_k$ in $u$"),
]

Series = list[Any]
"""The parts of degree 0, 1, ... of a power series."""

SHAPES = ((1, 1, 1), (1, 2, 1), (2, 1, 1), (2, 2, 1))  # outputs, inputs, normal variables of the noise


def one_variable() -> Iterator[Mapping[Any, Any]]:
    """Moments of a standard normal variable, by integration."""
    x = sp.Symbol("x", real=True)
    density = sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi)
    moments = [sp.integrate(x ** (2 * order) * density, (x, -sp.oo, sp.oo)) for order in range(5)]
    for order in range(1, 5):
        yield {k: sp.Integer(order), normal: lambda t: moments[t]}


def quadratic_forms() -> Iterator[Mapping[Any, Any]]:
    """Moments of quadratic forms of normal variables, monomial by monomial, for every symmetric matrix."""
    for rows, most in ((1, 6), (2, 5), (3, 4)):
        S, variables = symmetric("s", rows), sp.Matrix(sp.symbols(f"eta1:{rows + 1}"))
        coefficients = sp.Poly((sp.eye(rows) - tau * S).det(), tau).all_coeffs()[::-1]
        root = raised([*coefficients, *[sp.S.Zero] * most][: most + 1], sp.Rational(-1, 2))
        moments = normal_moments((variables.T * S * variables)[0] / 2, list(variables), most)
        for order in range(1, most + 1):
            yield {
                k: sp.Integer(order),
                T: lambda t, root=root: root[t],
                mean: lambda t, moments=moments: moments[t] / factorial(t),
                trace: lambda t, S=S: (S**t).trace(),
            }


def determinants() -> Iterator[Mapping[Any, Any]]:
    """The determinant of the large matrix, multiplied out."""
    for shape in SHAPES:
        error, noise, variables = generic_problem(*shape)
        zeros = sp.zeros(shape[2], shape[0])
        left, right = sp.Matrix.vstack(variables.T, zeros), sp.Matrix.vstack(error.T, -noise.T)
        large = left * right.T + right * left.T
        parts = determinant_parts(pencil(error, noise * noise.T, variables), 2 * shape[0])
        yield {
            q: sp.Integer(shape[0]),
            determinant: (sp.eye(large.rows) - tau * large).det(method="berkowitz"),
            P: lambda t, parts=parts: parts[t],
        }


def binomial_series() -> Iterator[Mapping[Any, Any]]:
    """The power of a determinant by the binomial series, for any coefficients of up to two outputs."""
    coefficients = [sp.S.One, *sp.symbols("P1:5"), sp.S.Zero, sp.S.Zero]
    parts = raised([u**t * part for t, part in enumerate(coefficients)], -1 / (2 * u))
    for order in range(1, 7):
        yield {
            k: sp.Integer(order),
            c: partial(factor, u),
            P: lambda t: coefficients[t],
            M: lambda t: parts[t],
            degree: sp.degree(parts[order], u),
        }


def batches() -> Iterator[Mapping[Any, Any]]:
    """Moments of the batch mean from those of all its normal variables."""
    for shape, count in [(SHAPES[0], 3), (SHAPES[0], 4), *product(SHAPES, (1, 2))]:
        error, noise, variables = generic_problem(*shape)
        examples = [(generic(f"xi{t}_", shape[1], 1), generic(f"zeta{t}_", shape[2], 1)) for t in range(count)]
        statistics = [(error * x - noise * z) * x.T / count for x, z in examples]
        form = (variables.T * reduce(lambda one, other: one + other, statistics)).trace()
        normals = [entry for x, z in examples for entry in (*x, *z)]
        moments = normal_moments(form, normals, 4)
        parts = determinant_parts(pencil(error, noise * noise.T, variables), 4)
        for order in range(1, 5):
            yield {
                k: sp.Integer(order),
                c: partial(factor, 1 / sp.Integer(count)),
                P: lambda t, parts=parts: parts[t],
                M: lambda t, moments=moments: moments[t] / factorial(t),
            }


def factor(share: Any, order: int, part: int) -> Any:
    """The factor of P_j M_{k-j}."""
    return share**part * (order - part) + part * share ** (part - 1) / 2


def generic_problem(outputs: int, inputs: int, noises: int) -> tuple[Any, Any, Any]:
    """Delta, D and Lambda of symbols."""
    return generic("e", outputs, inputs), generic("d", outputs, noises), generic("l", outputs, inputs)


def pencil(error: Any, noise: Any, variables: Any) -> Any:
    """Z."""
    upper = (error * variables.T).row_join(error * error.T + noise)
    return upper.col_join((variables * variables.T).row_join(variables * error.T))


def determinant_parts(Z: Any, order: int) -> Series:
    """P_0, ..., P_order: the characteristic polynomial backwards."""
    entries = DomainMatrix.from_Matrix(Z)
    parts = [entries.domain.to_sympy(value) for value in entries.charpoly()]
    return [*parts, *[sp.S.Zero] * order][: order + 1]


def raised(series: Series, exponent: Any) -> Series:
    """A series with constant term 1 to any power, by the binomial series."""
    tail, power = [sp.S.Zero, *series[1:]], [sp.S.One, *[sp.S.Zero] * (len(series) - 1)]
    result = list(power)
    for t in range(1, len(series)):
        power = [sp.expand(sum(power[i] * tail[d - i] for i in range(d + 1))) for d in range(len(series))]
        factor = sp.ff(exponent, t) / factorial(t)
        result = [part + factor * more for part, more in zip(result, power, strict=True)]
    return [sp.expand(sp.cancel(part)) for part in result]


def normal_moments(form: Any, normals: Sequence[Any], order: int) -> list[Any]:
    """The moments 0, ..., order of a polynomial in independent standard normal variables, from monomials."""
    ring, form = sp.sring(form, *normals, *sorted(form.free_symbols - set(normals), key=str))
    moments, power = [], ring.one
    for _ in range(order + 1):
        average = ring.zero
        for exponents, weight in power.terms():
            own, others = exponents[: len(normals)], exponents[len(normals) :]
            if all(t % 2 == 0 for t in own):
                average += ring({(0,) * len(own) + others: weight * prod(prod(range(1, t, 2)) for t in own)})
        moments.append(average.as_expr())
        power *= form
    return moments


def generic(name: str, rows: int, columns: int) -> Any:
    """A matrix of symbols."""
    return sp.Matrix(rows, columns, lambda a, c: sp.Symbol(f"{name}{a + 1}{c + 1}"))


def symmetric(name: str, rows: int) -> Any:
    """A symmetric matrix of symbols."""
    return sp.Matrix(rows, rows, lambda a, c: sp.Symbol(f"{name}{min(a, c) + 1}{max(a, c) + 1}"))


def by_powers(expression: Any) -> Any:
    """Terms with equal powers together."""
    return sp.powsimp(sp.expand(expression))


one_normal = Step(
    "one-normal-variable",
    r"By parts, $E\, \eta^{2k+2} = (2k + 1)\, E\, \eta^{2k}$. In the second line this is the differential equation of "
    r"$(1 - s)^{-1/2}$, $(1 - s) G' = \frac12 G$, for the coefficients $G(k)$ of $s^k$. So $E\, e^{s "
    r"\eta^2 / 2} = (1 - s)^{-1/2}$, as power series: only moments are used.",
    [
        Line(
            normal[k],
            "=",
            sp.factorial(2 * k) / (2**k * sp.factorial(k)),
            Induction(k, first=sp.S.One, step=lambda value, k: value * (2 * k + 1), rewrite=sp.gammasimp),
            also=(Enumeration("integrated, k = 1, ..., 4", one_variable),),
        ),
        Line(
            (k + 1) * G(k + 1) - k * G(k),
            "=",
            G(k) / 2,
            Identity(given={normal[k + 1]: (2 * k + 1) * normal[k]}, rewrite=sp.gammasimp),
        ),
        Line(
            G(0),
            "=",
            1,
            Identity(given={normal[0]: sp.S.One}),
            also=(Enumeration("integrated, k = 1, ..., 4", one_variable),),
        ),
    ],
    definitions=[(G(k), normal[k] / (2**k * sp.factorial(k)))],
)

quadratic_form = Step(
    "quadratic-form",
    r"In the eigenbasis of $S$ the variables $\eta \sim N(0, I)$ stay independent and standard normal, so $E\, "
    r"e^{\eta^\top S \eta / 2}$ is the product of $(1 - s_i)^{-1/2}$ over the eigenvalues: $\det(I - S)^{-1/2}$. Its "
    r"logarithm is $\frac12 \sum_j \frac1j \operatorname{tr} S^j$, which gives the recursion.",
    [
        Line(
            mean[k],
            "=",
            T[k],
            Enumeration("every moment in symbols: 1 variable, k <= 6; 2, k <= 5; 3, k <= 4", quadratic_forms),
        ),
        Line(
            k * T[k],
            "=",
            sp.Sum(trace[j] * T[k - j], (j, 1, k)) / 2,
            Enumeration("every symmetric S: 1 row, k <= 6; 2, k <= 5; 3, k <= 4", quadratic_forms),
        ),
    ],
)

one_example = Step(
    "one-example",
    r"The population is $x = F \xi$ and $y = W^* x + D \zeta$, all standard normal, so the statistic of one example "
    r"is $R_1 = (\Delta \xi - D \zeta)\, \xi^\top$. Then $\langle \Lambda, R_1 \rangle$ is the product of two linear "
    r"forms of $\eta$, hence a quadratic form, with $S = X Y^\top + Y X^\top$. (If $\xi$ has other variances, put "
    r"them into the products below.)",
    [
        Line(
            sp.Trace(Lambda.T * (Delta * xi - D * zeta) * xi.T),
            "=",
            sp.Trace((Lambda * xi).T * (Delta * xi - D * zeta)),
            Identity(),
        ),
        Line(
            sp.Trace((X.T * eta).T * (Y.T * eta)),
            "=",
            sp.Trace(eta.T * (X * Y.T + Y * X.T) * eta) / 2,
            Identity(),
        ),
    ],
)

small_matrix = Step(
    "small-matrix",
    r"Traces may be rotated. So those of powers of $S = (X\; Y)(Y\; X)^\top$, and with them the determinant, are "
    r"those of $Z = (Y\; X)^\top (X\; Y)$, which has $2q$ rows whatever the number of inputs (Sylvester). Here for "
    r"two powers:",
    [
        Line(sp.Trace(X * Y.T + Y * X.T), "=", 2 * sp.Trace(alpha), Identity()),
        Line(
            sp.Trace((X * Y.T + Y * X.T) * (X * Y.T + Y * X.T)),
            "=",
            2 * sp.Trace(alpha * alpha) + 2 * sp.Trace(beta * gamma),
            Identity(),
        ),
    ],
    definitions=[(alpha, Y.T * X), (beta, Y.T * Y), (gamma, X.T * X)],
)

determinant_step = Step(
    "determinant",
    r"So $E\, e^{\langle \Lambda, R_1 \rangle} = \det(I - Z)^{-1/2}$. Because $S$ is linear in $\Lambda$, $P_j$ has "
    r"degree $j$ in it; $P_0 = 1$.",
    [
        Line(
            determinant,
            "=",
            sp.Sum(tau**j * P[j], (j, 0, 2 * q)),
            Enumeration("multiplied out in symbols: 1 and 2 outputs, up to 3 normal variables", determinants),
        )
    ],
)

recurrence = Step(
    "recurrence",
    r"For a batch of $b$ independent examples, $\Lambda$ becomes $u \Lambda$ and the power is $b = \frac1u$: $E\, "
    r"e^{\langle \Lambda, R \rangle} = \det(I - u Z)^{-1/(2u)}$. Multiply the part of degree $k$ of a series by $k$: "
    r"that is a derivation $\theta$ (Euler). For $G = \det^{-1/(2u)}$ it gives $\det \cdot\, \theta G = -\frac{1}{2u} "
    r"G \cdot \theta \det$. In the parts of degree $k$, brought to one side, $P_j M_{k-j}$ has the factor $c_{k,j}$. "
    r"The sum ends at $j = 2q$, where $P_j$ does.",
    [
        Line(
            c[k, j],
            "=",
            u ** (j - 1) * (u * (k - j) + j / sp.S(2)),
            Identity(given={c[k, j]: u**j * (k - j + j / (2 * u))}, rewrite=by_powers),
        ),
        Line(
            k * M[k],
            "=",
            -sp.Sum(c[k, j] * P[j] * M[k - j], (j, 1, k)),
            Enumeration("the binomial series in symbols u, P_1, ..., P_4, k = 1, ..., 6", binomial_series),
            also=(
                Enumeration(
                    "the definition, every moment in symbols, k = 1, ..., 4: 1 and 2 inputs and outputs, b = 1, 2; "
                    "for 1 of each b = 3, 4, too",
                    batches,
                ),
            ),
        ),
    ],
)

degrees = Step(
    "degree",
    r"By induction $M_k$ has degree at most $k - 1$ in $u$: for $j < k$ the factor has degree $j$ and $M_{k-j}$ at "
    r"most $k - j - 1$; for $j = k$ the factor is $\frac k2 u^{k-1}$. The degree is exactly $k - 1$ for coefficients "
    r"$P_j$ in general position.",
    [
        Line(degree, "=", k - 1, Enumeration("in symbols P_1, ..., P_4, k = 1, ..., 6", binomial_series)),
    ],
)

DERIVATION = Derivation(
    "gaussian_residuals",
    "Gaussian batches: the generating function",
    [
        "Inputs and label noise are linear images of independent standard normal variables; a batch is $b$ independent "
        "examples.",
    ],
    SYMBOLS,
    [one_normal, quadratic_form, one_example, small_matrix, determinant_step, recurrence, degrees],
)


if __name__ == "__main__":
    print(DERIVATION.check().to_text())
