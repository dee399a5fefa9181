"""Moments of the second-moment matrix of a Gaussian batch: Wick, chi-square, Bartlett; run this to check every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial, reduce
from itertools import product
from math import factorial, prod
from typing import Any

import numpy as np
import sympy as sp

import sgdvar as sv
from sgdvar.derivation import Derivation, Enumeration, Identity, Induction, Line, Notation, Step, average

b, p, v = sp.symbols("b p v", integer=True, positive=True)
k, h, i, l = sp.symbols("k h i l", integer=True, nonnegative=True)
j = sp.Symbol("j", integer=True)
u, length, expected = sp.symbols("u Q E")
square_error, fourth_error = sp.symbols("E(s-1)^2 E(s-1)^4")
power, W, g, determinant = map(sp.IndexedBase, ("s", "W", "g", "d"))
chi = sp.Function("chi")
cross, error, weight = sp.symbols("alpha beta gamma")
chi_square_moment = sp.Product(v + 2 * j, (j, 0, k - 1))
discriminant = cross**2 - error * weight

M, C, Sigma, N = (sp.MatrixSymbol(name, p, p) for name in ("M", "C", "Sigma", "N"))
S, x = sp.MatrixSymbol("S", p, p), sp.MatrixSymbol("x", p, 1)
fourth, one = sp.MatrixSymbol("E[x*x.T*M*x*x.T]", p, p), sp.MatrixSymbol("I", p, p)

SYMBOLS = [
    Notation(b, "b", "batch size"),
    Notation(u, "u", r"$\frac1b$"),
    Notation(p, "p", "number of inputs"),
    Notation(expected, "E", "expectation"),
    Notation(x, "x", r"an example, $N(0, I)$"),
    Notation(S, "S", r"mean of $x_i x_i^\top$ over a batch of $b$ independent examples"),
    Notation(one, "I", "the identity matrix"),
    Notation(fourth, r"E\, x x^\top M x x^\top", "fourth moments of one example"),
    Notation(M, "M", "a matrix, symmetric or not"),
    Notation(C, "C", r"a factor: inputs are $C x$"),
    Notation(Sigma, r"\Sigma", r"covariance of the inputs, $C C^\top$"),
    Notation(N, "N", r"$C^\top M C$"),
    Notation(length, "Q", r"$\sum_{i=1}^v \xi_i^2$ for independent standard normal $\xi_i$: a $\chi^2$ variable"),
    Notation(v, "v", "degrees of freedom"),
    Notation(k, "k", "order of a moment"),
    Notation(j, "j", "an index"),
    Notation(power.label, "s", r"$s_k = E\, s^k$ for $p = 1$, where $s$ is the mean of $x_i^2$"),
    Notation(square_error, "E(s - 1)^2", "variance of $s$"),
    Notation(fourth_error, "E(s - 1)^4", "fourth central moment of $s$"),
    Notation(cross, r"\alpha", r"$E\, a c = \langle \lambda, \delta \rangle$"),
    Notation(error, r"\beta", r"$E\, c^2 = \lVert \delta \rVert^2 + \sigma^2$"),
    Notation(weight, r"\gamma", r"$E\, a^2 = \lVert \lambda \rVert^2$"),
    Notation(g.label, "g", r"$g_k = \frac{1}{k!} E \langle \lambda, R \rangle^k$; $g_0 = 1$ and $g_{-1} = 0$"),
    Notation(chi, r"\chi", r"$\chi(v, k)$: the moment $E\, Q^k$ for $v$ degrees of freedom"),
    Notation(
        W.label,
        "W",
        r"$W_{i,h,l} = E[A_{11}^i A_{12}^{2h} A_{22}^l]$ for $A = b S$, $p = 2$; odd powers of $A_{12}$ give 0",
    ),
    Notation(determinant.label, "d", r"$d_k = E \det(b S)^k$ for $p = 2$"),
    *[Notation(symbol, str(symbol), "an exponent") for symbol in (i, h, l)],
]


def chi_square() -> Iterator[Mapping[Any, Any]]:
    """Moments of sums of squares, monomial by monomial."""

    @cache
    def moment(freedom: int, order: int) -> Any:
        normals = sp.symbols(f"xi1:{freedom + 1}") if freedom else ()
        return expectation(sum(variable**2 for variable in normals) ** order, normals) if normals else sp.S(0) ** order

    for freedom, order in product((1, 2, 3), range(5)):
        yield {v: sp.Integer(freedom), k: sp.Integer(order), chi: lambda *at: moment(int(at[0]), max(int(at[1]), 0))}


def mean_squares() -> Iterator[Mapping[Any, Any]]:
    """Moments of a mean of squares, monomial by monomial."""
    for size in (1, 2, 3):
        normals = sp.symbols(f"x1:{size + 1}")
        mean = sum(one**2 for one in normals) / sp.Integer(size)
        moments = [expectation(mean**order, normals) for order in range(6)]
        for order in range(6):
            yield {u: sp.Rational(1, size), k: sp.Integer(order), power: partial(entry, moments)}


def engine() -> Iterator[Mapping[Any, Any]]:
    """The exact engine's moments of the first gradient s w, for one standard normal input, w = 1 and targets 0."""
    problem = sv.LinearRegression(sv.GaussianPopulation(teacher=np.array([0])))
    sgd = sv.SGD(problem, [1], 1)
    variance, fourth = sv.gradient_variance(sgd, step=0), sv.gradient_fourth_moment(sgd, step=0)
    for size in range(1, 6):
        yield {
            u: sp.Rational(1, size),
            square_error: sp.Rational(variance(size)),
            fourth_error: sp.Rational(fourth(size)),
        }


def single_examples() -> Iterator[Mapping[Any, Any]]:
    """Fourth moments of one example, monomial by monomial."""
    for inputs in range(1, 5):
        matrix, example = generic("m", inputs), sp.Matrix(sp.symbols(f"x1:{inputs + 1}"))
        whole = example * example.T * matrix * example * example.T
        mean = sp.ImmutableMatrix(whole.applyfunc(lambda one, example=example: expectation(one, list(example))))
        yield {one: sp.ImmutableMatrix(sp.eye(inputs)), M: matrix, fourth: mean}


def sandwiches() -> Iterator[Mapping[Any, Any]]:
    """Second moments of the matrix of a batch, monomial by monomial."""
    for inputs, size in ((1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (3, 1)):
        matrix = generic("m", inputs)
        S_value, normals = batch_matrix(inputs, size)
        whole = S_value * matrix * S_value
        mean = sp.ImmutableMatrix(whole.applyfunc(lambda one, normals=normals: expectation(one, normals)))
        unit = sp.ImmutableMatrix(sp.eye(inputs))
        yield {u: sp.Rational(1, size), one: unit, M: matrix, average(S * M * S, expected, S): mean}


def squares() -> Iterator[Mapping[Any, Any]]:
    """Second moments of the matrix of a batch itself."""
    for inputs, size in ((1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (3, 1)):
        S_value, normals = batch_matrix(inputs, size)
        mean = sp.ImmutableMatrix((S_value * S_value).applyfunc(lambda one, normals=normals: expectation(one, normals)))
        unit = sp.ImmutableMatrix(sp.eye(inputs))
        yield {u: sp.Rational(1, size), p: sp.Integer(inputs), one: unit, average(S * S, expected, S): mean}


def one_output_batches() -> Iterator[Mapping[Any, Any]]:
    """Moments of a batch with one output from those of all its normal variables."""
    sigma = sp.Symbol("sigma")
    for inputs, size in ((1, 1), (1, 2), (2, 1), (2, 2)):
        delta, direction = sp.symbols(f"d1:{inputs + 1}"), sp.symbols(f"l1:{inputs + 1}")
        normals = [sp.symbols(f"x{t}_1:{inputs + 2}") for t in range(size)]
        form = sum(dot(direction, one) * (dot(delta, one) - sigma * one[-1]) for one in normals) / sp.Integer(size)
        flat = [variable for one in normals for variable in one]
        moments = [expectation(form**order, flat) / factorial(order) for order in range(5)]
        for order in range(1, 5):
            yield {
                u: sp.Rational(1, size),
                k: sp.Integer(order),
                cross: dot(direction, delta),
                error: dot(delta, delta) + sigma**2,
                weight: dot(direction, direction),
                g: partial(entry, moments),
            }


def two_inputs() -> Iterator[Mapping[Any, Any]]:
    """Moments of the entries of a 2 x 2 matrix, and of its determinant, monomial by monomial."""
    for size in (1, 2, 3):
        matrix, normals = batch_matrix(2, size)
        A = (size * matrix).applyfunc(sp.expand)

        @cache
        def moment(first: int, cross_half: int, last: int, A: Any = A, normals: Any = normals) -> Any:
            if min(first, cross_half, last) < 0:
                return sp.S.Zero
            return expectation(A[0, 0] ** first * A[0, 1] ** (2 * cross_half) * A[1, 1] ** last, normals)

        for exponents in product(range(4), range(2), range(4)):
            if 0 < sum(exponents) + exponents[1] <= 3:
                yield {
                    b: sp.Integer(size),
                    **dict(zip((i, h, l), map(sp.Integer, exponents), strict=True)),
                    W: moment,
                    chi: chi_value,
                }


def chi_value(freedom: Any, order: Any) -> Any:
    """The moment of a chi-square variable, by its product."""
    return sp.prod([freedom + 2 * t for t in range(int(order))])


def determinants() -> Iterator[Mapping[Any, Any]]:
    """Moments of the determinant, monomial by monomial."""
    for size in (1, 2, 3):
        matrix, normals = batch_matrix(2, size)
        value = sp.expand((size * matrix).det())
        for order in range(3):
            yield {
                b: sp.Integer(size),
                k: sp.Integer(order),
                chi: chi_value,
                determinant: lambda t, value=value, normals=normals: expectation(value**t, normals),
            }


def batch_matrix(inputs: int, size: int) -> tuple[Any, list[Any]]:
    """The mean of x x^T over a batch of symbols, and the symbols."""
    examples = [sp.Matrix(sp.symbols(f"x{t}_1:{inputs + 1}")) for t in range(size)]
    total = reduce(lambda left, right: left + right, [example * example.T for example in examples])
    return total / sp.Integer(size), [variable for example in examples for variable in example]


def expectation(polynomial: Any, normals: Sequence[Any]) -> Any:
    """The expectation of a polynomial in independent standard normal variables, monomial by monomial."""
    terms = sp.Poly(polynomial, *normals).terms()
    return sum(
        value * prod(prod(range(1, t, 2)) for t in exponents)
        for exponents, value in terms
        if all(t % 2 == 0 for t in exponents)
    )


def entry(values: Sequence[Any], place: int) -> Any:
    """An entry of a list from 0 on; 0 before it."""
    return values[place] if place >= 0 else sp.S.Zero


def dot(left: Sequence[Any], right: Sequence[Any]) -> Any:
    """The sum of products, as far as the shorter one reaches."""
    return sum(one * other for one, other in zip(left, right, strict=False))


def generic(name: str, size: int) -> Any:
    """A matrix of symbols."""
    return sp.ImmutableMatrix(size, size, lambda row, column: sp.Symbol(f"{name}{row + 1}{column + 1}"))


def by_gamma(expression: Any) -> Any:
    """Rising factorials by gamma functions."""
    gamma = expression.replace(sp.RisingFactorial, lambda x, t: sp.gamma(x + t) / sp.gamma(x)).rewrite(sp.gamma)
    return sp.powsimp(sp.expand(sp.gammasimp(sp.powsimp(gamma))))


def raw(order: Any) -> Any:
    """The moment of s of an order."""
    return sp.Product(1 + 2 * j * u, (j, 0, order - 1))


chi_square_moments = Step(
    "chi-square-moments",
    r"By parts, $E\, \xi\, g(\xi) = E\, g'(\xi)$ for a standard normal $\xi$ and any polynomial $g$ (Wick's rule). So "
    r"$E\, Q^{k+1} = \sum_i E\, \xi_i (\xi_i Q^k) = \sum_i E\, \partial_i (\xi_i Q^k)$. The first line is this sum of "
    r"derivatives, since $\sum_i 2 \xi_i^2 = 2 Q$.",
    [
        Line(
            v * length**k + k * length ** (k - 1) * 2 * length, "=", (v + 2 * k) * length**k, Identity(rewrite=by_gamma)
        ),
        Line(
            chi(v, k),
            "=",
            chi_square_moment,
            Induction(k, first=sp.S.One, step=lambda value, k: (v + 2 * k) * value, rewrite=by_gamma),
            also=(Enumeration("every monomial, v = 1, 2, 3, k = 0, ..., 4", chi_square),),
        ),
    ],
)

one_input = Step(
    "one-input",
    r"For one input $b s$ is $\chi^2$ with $b$ degrees of freedom: divide by $b$ in each factor. So $E\, s^k$ is a "
    r"polynomial in $u$ of degree $k - 1$ with positive coefficients.",
    [
        Line(
            power[k],
            "=",
            raw(k),
            Induction(k, first=sp.S.One, step=lambda value, k: u * (1 / u + 2 * k) * value, rewrite=by_gamma),
            also=(Enumeration("every monomial, b = 1, 2, 3, k = 0, ..., 5", mean_squares),),
        )
    ],
)

central_moments = Step(
    "central-moments",
    r"Hence the variance of $s$ and its fourth central moment. The gradient of a one-weight model at weight 1 and "
    r"teacher 0 is $s$, so the exact engine must give the same.",
    [
        Line(
            square_error,
            "=",
            2 * u,
            Identity(given={square_error: raw(2) - 2 * raw(1) + 1}),
            also=(Enumeration("the exact engine's variance of a first gradient, b = 1, ..., 5", engine),),
        ),
        Line(
            fourth_error,
            "=",
            12 * u**2 + 48 * u**3,
            Identity(given={fourth_error: raw(4) - 4 * raw(3) + 6 * raw(2) - 4 * raw(1) + 1}),
            also=(Enumeration("the exact engine's fourth moment of a first gradient, b = 1, ..., 5", engine),),
        ),
    ],
)

one_example = Step(
    "one-example",
    r"By parts in the first $x$: the derivative falls on one of the other three, so $E\, x x^\top M x x^\top = (M + "
    r"M^\top) E\, x x^\top + E[x^\top M x]\, I$. A coefficient of one entry concerns at most four inputs, so four "
    r"stand for every number.",
    [
        Line(
            fourth,
            "=",
            M + M.T + sp.Trace(M) * one,
            Enumeration("every monomial, p = 1, ..., 4, every M", single_examples),
        )
    ],
)

sandwich = Step(
    "sandwich",
    r"Of the $b^2$ pairs of draws $b$ are one example twice, and the others are independent and give $M$. For $M = I$ "
    r"the trace is $p$, and one example gives $(p + 2)\, I$.",
    [
        Line(
            average(S * M * S, expected, S),
            "=",
            M + u * (M.T + sp.Trace(M) * one),
            Identity(
                given={
                    average(S * M * S, expected, S): (b * (M + M.T + sp.Trace(M) * one) + b * (b - 1) * M) / b**2,
                    u: 1 / b,
                }
            ),
            also=(Enumeration("every monomial, up to 3 inputs, b = 1, 2, 3, every M", sandwiches),),
        ),
        Line(
            average(S * S, expected, S),
            "=",
            (1 + (p + 1) * u) * one,
            Identity(given={average(S * S, expected, S): (b * (p + 2) + b * (b - 1)) / b**2 * one, u: 1 / b}),
            also=(Enumeration("every monomial, up to 3 inputs, b = 1, 2, 3", squares),),
        ),
    ],
)

covariance = Step(
    "covariance",
    r"Inputs $C x$ of covariance $\Sigma$: their matrix is $C S C^\top$. Put $N = C^\top M C$ for $M$ and multiply by "
    r"$C$ and $C^\top$.",
    [
        Line(
            C * N * C.T + u * (C * N.T * C.T + sp.Trace(N) * C * C.T),
            "=",
            Sigma * M * Sigma + u * (Sigma * M.T * Sigma + sp.Trace(N) * Sigma),
            Identity(),
        ),
        Line(sp.Trace(N), "=", sp.Trace(Sigma * M), Identity()),
    ],
    definitions=[(Sigma, C * C.T), (N, C.T * M * C)],
)

one_output = Step(
    "one-output",
    r"One output with error $\delta$ and label noise $\sigma \zeta$: $\langle \lambda, R \rangle$ is the mean of $a_i "
    r"c_i$ with the jointly normal numbers $a = \langle \lambda, x \rangle$ and $c = \langle \delta, x \rangle - "
    r"\sigma \zeta$. Given $a$, the variable $c$ is normal with mean $\frac{\alpha}{\gamma} a$ and variance $\beta - "
    r"\frac{\alpha^2}{\gamma}$, so $E[e^{u a c} \mid a] = e^{r a^2 / \gamma}$ with $r = \gamma \bigl( u "
    r"\frac{\alpha}{\gamma} + \frac12 u^2 (\beta - \frac{\alpha^2}{\gamma}) \bigr)$. By $E\, e^{r a^2 / \gamma} = (1 "
    r"- 2 r)^{-1/2}$ the generating function of the mean of $b = \frac1u$ draws, $E\, e^{\langle \lambda, R "
    r"\rangle}$, is the power $-\frac{1}{2u}$ of $1 - 2 r$, computed below. Label noise adds to $\lVert \delta "
    r"\rVert^2$, and nowhere else.",
    [
        Line(
            1 - 2 * weight * (u * cross / weight + u**2 * (error - cross**2 / weight) / 2),
            "=",
            1 - 2 * u * cross + u**2 * discriminant,
            Identity(),
        )
    ],
)

recurrence = Step(
    "recurrence",
    r"As in every power $G = D^{-1/(2u)}$ of a polynomial $D$, $D \cdot \theta G = -\frac{1}{2u} G \cdot \theta D$, "
    r"where $\theta$ multiplies the part of degree $k$ by $k$. Two terms give the next moment.",
    [
        Line(
            k * g[k],
            "=",
            (1 + 2 * (k - 1) * u) * cross * g[k - 1] - u * (1 + (k - 2) * u) * discriminant * g[k - 2],
            Identity(
                given={
                    g[k]: (
                        2 * u * cross * (k - 1) * g[k - 1]
                        - u**2 * discriminant * (k - 2) * g[k - 2]
                        + (2 * u * cross * g[k - 1] - 2 * u**2 * discriminant * g[k - 2]) / (2 * u)
                    )
                    / k
                }
            ),
            also=(
                Enumeration(
                    "every monomial: 1 and 2 inputs, b = 1, 2, k = 1, ..., 4, every vector", one_output_batches
                ),
            ),
        )
    ],
)

triangular_factor = Step(
    "triangular-factor",
    r"Bartlett: $b S$ has the law of $T T^\top$ with a lower triangular $T$ of independent entries, normal below the "
    r"diagonal, and $T_{jj}^2$ is $\chi^2$ with $b - j + 1$ degrees of freedom. For two inputs the entries are "
    r"$T_{11}^2$, $T_{11} T_{21}$ and $T_{21}^2 + T_{22}^2$; multiply out. A moment of order $k$ is a polynomial in "
    r"$b$ of degree at most $k$ that vanishes at $b = 0$, so $b = 1, \dots, k$ stand for every $b$, also for $b < p$.",
    [
        Line(
            W[i, h, l],
            "=",
            sp.Sum(sp.binomial(l, j) * chi(b, i + h) * chi(1, h + j) * chi(b - 1, l - j), (j, 0, l)),
            Enumeration("every monomial of order k = 1, 2, 3, b = 1, 2, 3", two_inputs),
        )
    ],
)

determinant_step = Step(
    "determinant",
    r"The determinant of $b S$ is $T_{11}^2 T_{22}^2$. At $b = 1$ the matrix has rank one, and $\chi(0, k) = 0$.",
    [
        Line(
            determinant[k],
            "=",
            chi(b, k) * chi(b - 1, k),
            Enumeration("every monomial, k = 0, 1, 2, b = 1, 2, 3", determinants),
        )
    ],
)

DERIVATION = Derivation(
    "wishart_moments",
    "Moments of Gaussian batches",
    ["Inputs are $N(0, I)$ (in one step $N(0, \\Sigma)$), and a batch is $b$ independent examples."],
    SYMBOLS,
    [
        chi_square_moments,
        one_input,
        central_moments,
        one_example,
        sandwich,
        covariance,
        one_output,
        recurrence,
        triangular_factor,
        determinant_step,
    ],
)


if __name__ == "__main__":
    print(DERIVATION.check().to_text())
