"""Gaussian inputs: the covariance of one example's gradient in closed form; run this file to check every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations, product
from typing import Any

import sympy as sp

from sgdvar.derivation import Derivation, Enumeration, Identity, Line, Notation, Step, average

p, q, m, r, r2 = sp.symbols("p q m r r'", integer=True, positive=True)
point, argument = sp.symbols("u a", real=True)
fourth, s, noise, c, variance, inner = sp.symbols("E[X_1*X_2*X_3*X_4] s sigma^2 c Var(g_t|w_t) <Sigma;N>")
arguments, g = sp.symbols("a_1:5"), sp.IndexedBase("g")
E, density = sp.Symbol("E"), sp.Function("phi")
joint, Sigma = sp.MatrixSymbol("xtilde", m, 1), sp.MatrixSymbol("Sigma", m, m)
directions = [sp.MatrixSymbol(f"v_{number}", m, 1) for number in (1, 2, 3, 4)]
N, Q, P = sp.MatrixSymbol("N", m, m), sp.MatrixSymbol("Q", p, m), sp.MatrixSymbol("P", p, m)
x, y = sp.MatrixSymbol("x", p, 1), sp.MatrixSymbol("y", q, 1)
S, C, W, D = (sp.MatrixSymbol(*shape) for shape in (("S", p, p), ("C", p, r), ("W", q, p), ("D", q, r2)))
e, C_e, V_M = sp.MatrixSymbol("e", p, 1), sp.MatrixSymbol("C_e", p, p), sp.MatrixSymbol("V(M)", p, p)

SYMBOLS = [
    Notation(point, "u", "a real number"),
    Notation(density, r"\varphi", "density of a standard normal variable"),
    Notation(E, "E", "expectation over one example"),
    Notation(argument, "a", "a real number"),
    Notation(fourth, r"E\, X_1 X_2 X_3 X_4", r"for four numbers $X_i = v_i^\top \tilde x$"),
    Notation(g.label, "g", r"$g_{i,j} = E\, X_i X_j = v_i^\top \Sigma v_j$"),
    *(Notation(one, f"v_{place}", "any vector") for place, one in enumerate(directions, 1)),
    Notation(x, "x", r"inputs, $x = C \xi$, with $p$ features"),
    Notation(y, "y", r"targets, $y = W x + D \zeta$, where $\zeta$ is standard normal and independent of $\xi$"),
    Notation(C, "C", "factor of the inputs"),
    Notation(W, "W", "teacher, $W^*$"),
    Notation(D, "D", "factor of the label noise"),
    Notation(S, "S", r"$E\, x x^\top$"),
    Notation(joint, r"\tilde x", r"inputs with the negated targets below them: a linear function of $\xi$ and $\zeta$"),
    Notation(Sigma, r"\Sigma", r"$E\, \tilde x \tilde x^\top$"),
    Notation(N, "N", "any matrix, symmetric or not"),
    Notation(inner, r"\langle \Sigma, N \rangle", r"$\operatorname{tr}(\Sigma N)$: the sum of all products of entries"),
    Notation(Q, "Q", r"picks the inputs: $x = Q \tilde x$"),
    Notation(P, "P", r"$E\, x \tilde x^\top$"),
    Notation(V_M, "V(M)", "covariance of one example's gradient: the map of {doc}`linear_regression`, one output"),
    Notation(e, "e", "error $w - w^*$ of the weights"),
    Notation(C_e, "C_e", r"$E\, e e^\top$, for weights that are independent of the example"),
    Notation(noise, r"\sigma^2", "variance of the label noise"),
    Notation(s, "s", "variance of each input"),
    Notation(p, "p", "number of features"),
    Notation(c, "c", "variance factor $c(b)$ of {doc}`batch_mean`"),
    Notation(variance, r"\operatorname{Var}(g_t \mid w_t)", "conditional variance, of the last batch alone"),
]

THREE_POINTS = ((sp.Rational(2, 3), 0), (sp.Rational(1, 6), sp.sqrt(3)), (sp.Rational(1, 6), -sp.sqrt(3)))
RULE = "three points with the moments of a normal variable up to the fifth"


def normals(count: int) -> list[tuple[Any, Any]]:
    """Columns of independent variables, each with three points, and their probabilities."""
    drawn = list(product(THREE_POINTS, repeat=count))
    return [(sp.prod([weight for weight, _ in one]), sp.Matrix([value for _, value in one])) for one in drawn]


def correlated() -> Iterator[Mapping[Any, Any]]:
    """Four linear functions of two variables, with every factor."""
    factor = generic("f", 2, 2)
    columns = [sp.Matrix([1, 0]), sp.Matrix([1, 2]), sp.Matrix([-1, 1]), sp.Matrix(sp.symbols("v1 v2"))]
    outcomes = [(weight, factor * column) for weight, column in normals(2)]
    products = [weight * sp.prod([(one.T * value)[0] for one in columns]) for weight, value in outcomes]
    yield {
        **dict(zip(directions, columns, strict=True)),
        E: [(weight, {joint: value}) for weight, value in outcomes],
        g: lambda row, column: (columns[row - 1].T * factor * factor.T * columns[column - 1])[0],
        Sigma: factor * factor.T,
        inner: (columns[1].T * factor * factor.T * columns[2])[0],
        fourth: sp.expand(sum(products)),
    }


def examples() -> Iterator[Mapping[Any, Any]]:
    """Inputs and targets from their definition: in symbols for one feature and one output, else in numbers."""
    for features, outputs in ((1, 1), (1, 2), (2, 1)):
        if features + outputs == 2:
            given = {C: generic("c", 1, 1), W: generic("w", 1, 1), D: generic("d", 1, 1)}
        else:
            sides = {C: (features, features), W: (outputs, features), D: (outputs, outputs)}
            given = {matrix: sp.Matrix(*sides[matrix], lambda row, column: row + 2 * column + 1) for matrix in sides}
        outcomes = []
        for weight, column in normals(features + outputs):
            inputs = given[C] * column[:features, :]
            targets = given[W] * inputs + given[D] * column[features:, :]
            outcomes.append((weight, {x: inputs, y: targets, joint: sp.Matrix([*inputs, *(-targets)])}))
        Sigma_ = total(weight * outcome[joint] * outcome[joint].T for weight, outcome in outcomes)
        matrix = generic("n", features + outputs, features + outputs)
        selected = sp.eye(features).row_join(sp.zeros(features, outputs))
        yield {**given, E: outcomes, Sigma: Sigma_, N: matrix, Q: selected, inner: (Sigma_ * matrix).trace()}


def gradients() -> Iterator[Mapping[Any, Any]]:
    """The covariance of one example's gradient at fixed weights, from the definition: one output, p = 1, 2."""
    for features in (1, 2):
        factor, error, scale = generic("c", features, features), generic("e", features, 1), sp.Symbol("sigma")
        yield {S: factor * factor.T, C_e: error * error.T, noise: scale**2, V_M: covariance(factor, error, scale)}


def spherical() -> Iterator[Mapping[Any, Any]]:
    """The variance of one example's gradient at fixed weights, for inputs of equal variance."""
    for features in (1, 2):
        root, error, scale = sp.Symbol("root"), generic("e", features, 1), sp.Symbol("sigma")
        trace = covariance(root * sp.eye(features), error, scale).trace()
        yield {p: sp.Integer(features), s: root**2, e: error, noise: scale**2, c: sp.S.One, variance: trace}


def covariance(factor: Any, error: Any, scale: Any) -> Any:
    """The covariance of x (x^T e - sigma zeta)."""
    drawn = []
    for weight, column in normals(factor.rows + 1):
        inputs = factor * column[:-1, :]
        drawn.append((weight, (inputs * ((inputs.T * error)[0] - scale * column[-1])).expand()))
    centre = total(weight * gradient for weight, gradient in drawn)
    return (total(weight * gradient * gradient.T for weight, gradient in drawn) - centre * centre.T).expand()


def total(items: Iterator[Any]) -> Any:
    """The sum of matrices."""
    first, *others = items
    return sum(others, first).expand()


def generic(name: str, rows: int, columns: int) -> Any:
    """A matrix of symbols."""
    return sp.Matrix(rows, columns, lambda row, column: sp.Symbol(f"{name}{row + 1}{column + 1}"))


def taken(expression: Any) -> Any:
    """Integrals and traces of identities, taken."""
    return expression.doit()


def noise_map(second: Any, error: Any) -> Any:
    """V(M) from the second moments of the inputs and of the error."""
    return second * error * second + sp.Trace(second * error) * second + noise * second


generating_function = Step(
    "generating-function",
    r"The only place where the normal density enters. For jointly normal numbers with mean 0, $\sum_i a_i X_i$ is "
    r"normal with the variance $\sum_{i,j} a_i a_j g_{i,j}$, so $E \exp(\sum_i a_i X_i) = \exp(\tfrac12 \sum_{i,j} a_i "
    r"a_j g_{i,j})$.",
    [
        Line(
            sp.Integral(sp.exp(argument * point) * density(point), (point, -sp.oo, sp.oo)),
            "=",
            sp.exp(argument**2 / 2),
            Identity(rewrite=taken),
        )
    ],
    definitions=[(density(point), sp.exp(-(point**2) / 2) / sp.sqrt(2 * sp.pi))],
)

EXPONENT = sum(a**2 * g[i, i] for i, a in enumerate(arguments, 1)) / 2 + sum(
    a * other * g[i, j] for (i, a), (j, other) in combinations(enumerate(arguments, 1), 2)
)

four_variables = Step(
    "four-variables",
    r"The expectation of the product is the derivative of $E \exp(\sum_i a_i X_i)$ in all four $a_i$, at 0. The three "
    r"pairings of the four numbers remain.",
    [
        Line(
            fourth,
            "=",
            g[1, 2] * g[3, 4] + g[1, 3] * g[2, 4] + g[1, 4] * g[2, 3],
            Identity(
                given={fourth: sp.Subs(sp.Derivative(sp.exp(EXPONENT), *arguments), arguments, (0, 0, 0, 0))},
                rewrite=taken,
            ),
            also=(Enumeration(f"two variables with every factor, {RULE}", correlated),),
        )
    ],
)

v1, v2, v3, v4 = directions
PRODUCT = average(v1.T * joint * joint.T * v2 * v3.T * joint * joint.T * v4, E, joint)
PAIRINGS = v1.T * Sigma * v2 * v3.T * Sigma * v4 + v1.T * Sigma * v3 * v2.T * Sigma * v4 + inner * v1.T * Sigma * v4

isserlis = Step(
    "isserlis",
    r"Isserlis' theorem for matrices: put $g_{i,j} = v_i^\top \Sigma v_j$. Every matrix $N$ is a sum of matrices $v_2 "
    r"v_3^\top$, and both sides are linear in $N$; $v_1$ and $v_4$ are any vectors. So what stands between $v_1^\top$ "
    r"and $v_4$ is $E[\tilde x \tilde x^\top N \tilde x \tilde x^\top]$, for every $N$.",
    [
        Line(
            PRODUCT,
            "=",
            v1.T * (Sigma * N * Sigma + Sigma * N.T * Sigma + inner * Sigma) * v4,
            Identity(given={PRODUCT: PAIRINGS}),
            also=(Enumeration(f"two variables with every factor, {RULE}", correlated),),
        ),
    ],
    definitions=[(N, v2 * v3.T)],
)

FOURTH = average(joint * joint.T * N * joint * joint.T, E, joint)
SECOND = average(joint * joint.T, E, joint)
POPULATIONS = Enumeration(f"p = 1 with one and two outputs and p = 2 with one, every matrix, {RULE}", examples)

covariance_map = Step(
    "covariance-map",
    r"One example's gradient is linear in $x \tilde x^\top$. Its covariance is a linear map of $N$, the second moment "
    r"of what $\tilde x$ is multiplied with: take the rows and columns of {eq}`gaussian-inputs-isserlis` that belong "
    r"to $x$. The first pairing is the product of the means, and cancels.",
    [
        Line(Q * SECOND, "=", P, Identity(given={SECOND: Sigma}), also=(POPULATIONS,)),
        Line(
            Q * FOURTH * Q.T - P * N * P.T,
            "=",
            inner * S + P * N.T * P.T,
            Identity(given={FOURTH: Sigma * N * Sigma + Sigma * N.T * Sigma + inner * Sigma}, symmetric=[Sigma]),
            also=(POPULATIONS,),
        ),
    ],
    definitions=[(P, Q * Sigma), (S, Q * Sigma * Q.T)],
)

XX, XY, YY = (average(left * right.T, E, x, y) for left, right in ((x, x), (x, y), (y, y)))

second_moments = Step(
    "second-moments",
    r"The blocks of $\Sigma$, up to the sign of $y$, and of $P$. The variables $\xi$ and $\zeta$ are independent, and "
    r"$E\, \xi \xi^\top = I$: so only the products of equal factors remain.",
    [
        Line(XX, "=", S, Identity(given={XX: C * C.T}), also=(Enumeration(f"the same populations, {RULE}", examples),)),
        Line(
            XY,
            "=",
            S * W.T,
            Identity(given={XY: C * (W * C).T}),
            also=(Enumeration(f"the same populations, {RULE}", examples),),
        ),
        Line(
            YY,
            "=",
            W * S * W.T + D * D.T,
            Identity(given={YY: W * C * (W * C).T + D * D.T}),
            also=(Enumeration(f"the same populations, {RULE}", examples),),
        ),
    ],
    definitions=[(S, C * C.T)],
)

error_and_noise = Step(
    "error-and-noise",
    r"With one output, one example's gradient is $x (x^\top e - \sigma \zeta)$, where $\zeta$ is independent of $x$ "
    r"and of the weights. Its mean is $S e$. Its second moment is {eq}`gaussian-inputs-isserlis`, with $x$ for $\tilde "
    r"x$ and $C_e$ for $N$, and $\sigma^2 S$. The covariance has one pairing less.",
    [
        Line(
            V_M,
            "=",
            noise_map(S, C_e),
            Identity(given={V_M: S * C_e.T * S + sp.Trace(S * C_e) * S + noise * S}, symmetric=[C_e]),
            also=(Enumeration(f"from the definition for p = 1, 2, every factor and error, {RULE}", gradients),),
        )
    ],
)

SPHERE = s * sp.Identity(p)

fixed_weights = Step(
    "fixed-weights",
    r"For uncorrelated inputs of equal variance $S = s I$, and for fixed weights $C_e = e e^\top$: take the trace of "
    r"$c\, V(M)$. This is the conditional variance of the last batch, and $\operatorname{tr}(e e^\top)$ is the squared "
    r"length of the error.",
    [
        Line(
            variance,
            "=",
            c * ((p + 1) * s**2 * sp.Trace(e * e.T) + p * s * noise),
            Identity(given={variance: c * sp.Trace(noise_map(SPHERE, e * e.T))}, rewrite=taken),
            also=(Enumeration(f"from the definition for p = 1, 2 and one draw, {RULE}", spherical),),
        )
    ],
)

DERIVATION = Derivation(
    "gaussian_inputs",
    "The covariance of one gradient for Gaussian inputs",
    [
        r"Inputs and label noise are $x = C \xi$ and $D \zeta$, where all entries of $\xi$ and $\zeta$ are independent "
        r"standard normal variables; targets are $y = W^* x + D \zeta$.",
        "Weights are independent of the example, as they are when each batch is fresh.",
    ],
    SYMBOLS,
    [generating_function, four_variables, isserlis, covariance_map, second_moments, error_and_noise, fixed_weights],
)


if __name__ == "__main__":
    print(DERIVATION.check().to_text())
