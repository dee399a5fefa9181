"""Networks of one weight per layer on normal inputs, in closed form; run this file to check every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import accumulate, product
from math import prod
from operator import mul
from typing import Any

import sympy as sp

import sgdvar as sv
from sgdvar.claims import CheckedSteps, Claim, Finding, Proof, by_search, proved
from sgdvar.derivation import Derivation, Enumeration, Identity, Induction, Line, Notation, Step, average, uniform

Case = Mapping[Any, Any]

L, i, j, k, t, order = sp.symbols("L i j k t r", integer=True)
u, s, alpha, weight, others, teacher = sp.symbols("u s alpha w_j Q w*")
x, rest, b = sp.symbols("x R b", positive=True)
m, gamma, a = (sp.IndexedBase(name) for name in ("m", "gamma", "a"))
E, E_batch, variance, V = sp.symbols("E E_B Var(A*g_t) Var(g_1)")
rows = sp.Symbol("r_A", integer=True)
A, G_t, mean_G = sp.MatrixSymbol("A", rows, L), sp.MatrixSymbol("G_t", L, 1), sp.MatrixSymbol("E[G_t]", L, 1)
P, highest, top, degree, at_start, lowest, least = sp.symbols("P lambda_k top d_t T_0 o_k mu_r")
w1, w2, w1_next, w2_next, norm, rho, epsilon, r, q = sp.symbols("w1 w2 w1' w2' norm rho epsilon r q")
N, Delta = sp.Function("N"), sp.Function("Delta")
size = sp.Symbol("n", integer=True, positive=True)
pivot = sp.Symbol("p")
square = sp.MatrixSymbol("z", 1, 1)
head, tail, column = sp.MatrixSymbol("x", 1, 1), sp.MatrixSymbol("y", size, 1), sp.MatrixSymbol("c", size, 1)
block = sp.MatrixSymbol("M", size, size)

EVERY = "the closed form multiplied out, every start, teacher and step size"
LISTED = (
    "the whole polynomial, (L, t) = (1, 0), (1, 1), (2, 0), (2, 1), (3, 1) in symbols and (1, 2), (2, 2), (4, 1), (5, "
    "1) in rational numbers"
)
DEPTHS = (2, 3, 4)  # the layers for which the variance is shown to decrease
ATTAINED = ((1, 0), (1, 1), (2, 0), (2, 1), (3, 1))  # layers and steps, in symbols
ATTAINED_IN_NUMBERS = ((1, 2), (2, 2), (4, 1), (5, 1))

SYMBOLS = [
    Notation(L, "L", "number of layers, of one weight each"),
    Notation(b, "b", "batch size"),
    Notation(u, "u", r"$\frac1b$"),
    Notation(x, "x", "one input of the batch"),
    Notation(rest, "R", "sum of the squares of its other inputs"),
    Notation(s, "s", r"mean of $x^2$ over the batch"),
    Notation(k, "k", "order of a moment; number of a batch counted backwards; exponent of $u$"),
    Notation(m.label, "m", "$m_k = E s^k$"),
    Notation(weight, "w_j", "weight of layer $j$"),
    Notation(others, "Q", "product of the other weights"),
    Notation(teacher, "w^*", "teacher: the target is $w^* x$"),
    Notation(A, "A", "any fixed matrix"),
    Notation(E, "E", "expectation over the batches before the last one, given $w_0$; for $s$, over one batch"),
    Notation(E_batch, "E_B", "expectation over the last batch, given the weights"),
    Notation(G_t, "G_t", r"$\rho_t\, \partial P(w_t)$, so that $g_t = s_t G_t$; with $\rho_t = P(w_t) - w^*$"),
    Notation(mean_G, "E G_t", "its expectation"),
    Notation(variance, r"\operatorname{Var}(A g_t \mid w_0)", "total variance of $A g_t$"),
    Notation(P, "P", r"$w_1 \cdots w_L$; its derivatives are $\partial P = (P / w_j)_j$"),
    Notation(alpha, r"\alpha", "step size"),
    Notation(highest, r"\lambda_k", "coefficient of $u^{k-1}$ in $m_k$, the highest"),
    Notation(t, "t", "step"),
    Notation(degree, "d_t", r"degree of $\operatorname{Var}(g_t \mid w_0)$ in $u$"),
    Notation(top, r"[u^{d_t}] \operatorname{Var}(g_t)", "coefficient of the highest power"),
    Notation(
        at_start, "T_0", r"$P^2 \lVert \partial P \rVert^2$ at $h_{t-1}(\cdots h_1(\alpha_0 \rho_0\, \partial P(w_0)))$"
    ),
    Notation(w1, "w_1", "first weight of two"),
    Notation(w2, "w_2", "second weight of two"),
    Notation(V, r"\operatorname{Var}(g_1 \mid w_0)", "total variance of the gradient after one step"),
    Notation(norm, r"\nu", "$w_1^2 + w_2^2$"),
    Notation(rho, r"\rho", "$w_1 w_2 - w^*$"),
    Notation(epsilon, r"\varepsilon", r"$\alpha \rho$"),
    Notation(w1_next, "w_1'", "first weight after the step"),
    Notation(w2_next, "w_2'", "second weight after the step"),
    Notation(r, "r", "$w_1' w_2' - w^*$"),
    Notation(q, "q", r"squared length of $(w_1', w_2')$"),
    Notation(a.label, "a", r"$a_k$: coefficient of $u^k$ in $\operatorname{Var}(g_1 \mid w_0)$ for two layers"),
    Notation(lowest, "o_k", r"lowest power of $\varepsilon$ in $a_k$"),
    Notation(gamma.label, r"\gamma", r"coefficients of an entry of $A G_1$ as a polynomial of $s_0$"),
    Notation(N, "N", "a symmetric matrix, a function of $u$; its rows and columns begin with 0"),
    Notation(i, "i", "row of a matrix, or power of $s$"),
    Notation(j, "j", "column of a matrix, or power of $s$"),
    Notation(head, r"\xi", "first variable of a quadratic form"),
    Notation(tail, r"\eta", "the other variables"),
    Notation(square, "z", r"$p\, \xi + c^\top \eta$"),
    Notation(pivot, "p", "first entry of its matrix, positive"),
    Notation(column, "c", "rest of the first column"),
    Notation(block, "M", "the other entries"),
    Notation(Delta, r"\Delta", "$\\Delta(n, u)$: determinant of the first $n$ rows and columns of $N'(u)$"),
    Notation(order, "n", "order of a minor, 1 to 8"),
    Notation(
        least, r"\mu_n", r"least coefficient of $\Delta(n, \frac1{36} + v)$ as a polynomial of $v$, for $n = 9, 10$"
    ),
]


def moment(order: int) -> Any:
    """E s^k as a polynomial in u."""
    return prod((1 + 2 * j * u for j in range(order)), start=sp.S.One)


def moments_of_batches() -> Iterator[Case]:
    """The moments of the mean of squares, multiplied out in the inputs."""
    for size in (1, 2, 3, 4):
        inputs = sp.ring([f"x{one}" for one in range(size)], sp.QQ)[1:]
        square = sum(one**2 for one in inputs) / size
        for exponent in range(1, 6):
            known = {u: sp.Rational(1, size), k: sp.Integer(exponent)}
            yield {**known, m: lambda order, square=square: normal_mean(square**order)}


def normal_mean(polynomial: Any) -> Any:
    """The expectation of a polynomial in independent standard normal variables."""
    terms = polynomial.terms() if hasattr(polynomial, "terms") else [((), polynomial)]
    total = sum(a * prod(0 if one % 2 else prod(range(1, one, 2)) for one in powers) for powers, a in terms)
    return sp.Rational(int(total.numerator), int(total.denominator))


def variances_by_inputs() -> Iterator[Case]:
    """The variance of A g_t, multiplied out in the inputs of all batches."""
    for depth, step, size in ((1, 0, 2), (1, 1, 1), (1, 1, 2), (2, 0, 2), (2, 1, 1), (2, 1, 2), (3, 1, 1)):
        yield variance_by_inputs(depth, step, size)


@cache
def variance_by_inputs(depth: int, step: int, size: int) -> Case:
    """The same for one network and batch size."""
    ring, *inputs = sp.ring([f"x{one}" for one in range((step + 1) * size)], sp.QQ)
    w = [ring(sp.QQ(one + 2, 3)) for one in range(depth)]
    for one in range(step + 1):
        square = sum(value**2 for value in inputs[one * size : (one + 1) * size]) / size
        G = [(prod(w) + sp.QQ(1, 2)) * slope for slope in slopes(w)]
        w = [value - sp.QQ(2, 3) * square * entry for value, entry in zip(w, G, strict=True)]
    matrix = [[1, 2, -1][:depth], [0, 3, 1][:depth]]
    acted = [square * sum(entry * one for entry, one in zip(row, G, strict=True)) for row in matrix]
    return {
        u: sp.Rational(1, size),
        A: sp.ImmutableMatrix(matrix),
        average(G_t * G_t.T, E, G_t): sp.ImmutableMatrix(depth, depth, lambda r, c: normal_mean(G[r] * G[c])),
        mean_G: sp.ImmutableMatrix([normal_mean(one) for one in G]),
        variance: sum(normal_mean(one**2) - normal_mean(one) ** 2 for one in acted),
    }


def slopes(weights: Sequence[Any]) -> list[Any]:
    """The derivatives of the product of the weights."""
    return [prod(weights[:j]) * prod(weights[j + 1 :]) for j in range(len(weights))]


@dataclass(frozen=True)
class Network:
    """A network whose weights, step size and teacher are elements of one ring, as u and s are.

    Attributes:
        ring: The ring, whose first two generators are u and s.
        alpha: The step size.
        teacher: w*.
        weights: The weights, the last generators.
    """

    ring: Any
    alpha: Any
    teacher: Any
    weights: Sequence[Any]

    @classmethod
    def of(cls, depth: int, alpha: Any = None, teacher: Any = None) -> Network:
        """A network of so many layers; step size and teacher are symbols if they are not given."""
        ring, _, _, a, v, *weights = sp.ring(["u", "s", "alpha", "w*", *(f"w{j}" for j in range(depth))], sp.QQ)
        return cls(ring, a if alpha is None else ring(alpha), v if teacher is None else ring(teacher), weights)

    def averaged(self, f: Any, weights: Sequence[Any]) -> Any:
        """The expectation of a polynomial of the weights after a step from these."""
        factor = self.alpha * (prod(weights) - self.teacher) * self.ring.gens[1]
        stepped = [w - factor * d for w, d in zip(weights, slopes(weights), strict=True)]
        total = self.ring.zero
        for powers, a in f.compose(list(zip(self.weights, stepped, strict=True))).terms():
            total += self.ring({(powers[0], 0, *powers[2:]): a}) * self.ring.from_expr(moment(powers[1]))
        return total

    def variance(self, weights: Sequence[Any], t: int) -> Any:
        """The variance of the gradient at step t from these weights."""
        G = [(prod(self.weights) - self.teacher) * d for d in slopes(self.weights)]
        values = [sum(g**2 for g in G), *G]
        for r in reversed(range(t)):
            values = [self.averaged(value, weights if r == 0 else self.weights) for value in values]
        return (1 + 2 * self.ring.gens[0]) * values[0] - sum(value**2 for value in values[1:])

    def highest(self, weights: Sequence[Any], step: int) -> Case:
        """The degree of the variance, its highest coefficient, and T at the end of the chain of maps h."""
        polynomial, point = self.variance(weights, step), list(weights)
        for one in range(step):
            factor = self.alpha * (prod(point) - (0 if one else self.teacher))
            point = [factor * d for d in slopes(point)]
        product_at_end = prod(point) - (0 if step else self.teacher)
        found = {(0, *powers[1:]): a for powers, a in polynomial.terms() if powers[0] == polynomial.degree()}
        return {
            L: sp.Integer(len(weights)),
            t: sp.Integer(step),
            degree: sp.Integer(polynomial.degree()),
            top: self.ring(found).as_expr(),
            at_start: (product_at_end**2 * sum(d**2 for d in slopes(point))).as_expr(),
        }


def highest_coefficients() -> Iterator[Case]:
    """Degree and highest coefficient of the variance, from the whole polynomial."""
    for depth, step in ATTAINED:
        yield highest_in_symbols(depth, step)
    for depth, step in ATTAINED_IN_NUMBERS:
        yield highest_in_numbers(depth, step)


@cache
def highest_in_symbols(depth: int, step: int) -> Case:
    """The same for symbolic weights, teacher and step size."""
    network = Network.of(depth)
    return network.highest(network.weights, step)


@cache
def highest_in_numbers(depth: int, step: int) -> Case:
    """The same for rational weights, teacher and step size."""
    network = Network.of(depth, alpha=sp.Rational(1, 3), teacher=sp.Rational(-1, 2))
    return network.highest([network.ring(sp.Rational(one + 2, 2)) for one in range(depth)], step)


def next_weights() -> Iterator[Case]:
    """Two networks, and a variable s that takes two values, each with probability 1/2."""
    for numbers in ((2, -1, 3, 2), (1, 3, -2, -1)):
        known = dict(zip((w1, w2, teacher, alpha), map(sp.sympify, numbers), strict=True))
        yield {**known, E: uniform([{s: sp.Integer(1)}, {s: sp.Integer(-2)}])}


def two_layer_networks() -> Iterator[Case]:
    """The variance by the exact engine, and the coefficients of the closed form."""
    for numbers in ((1, 1, 0, Fraction(1, 2)), (2, -1, 3, Fraction(1, 3)), (Fraction(1, 2), 3, -2, Fraction(2, 5))):
        one, other, target, step_size = map(sp.sympify, numbers)
        gap = one * other - target
        known = {norm: one**2 + other**2, P: one * other, rho: gap, epsilon: step_size * gap}
        yield {V: variance_of(*numbers), a: lambda power, known=known: coefficients()[power].xreplace(known)}


@cache
def variance_of(*numbers: Any) -> Any:
    """The exact variance after one step, from weights, teacher and step size, as a polynomial in u."""
    *weights, teacher, alpha = numbers
    matrix: Any = [[teacher]]
    network = sv.DeepLinearNetwork(sv.GaussianPopulation(matrix))
    sgd = sv.SGD(network, [[[one]] for one in weights], step_size=alpha)
    return sum(sp.sympify(one) * u**power for power, one in enumerate(sv.gradient_variance(sgd, 1).coefficients))


def expectation(polynomial: Any) -> Any:
    """The expectation of a polynomial of s."""
    return sp.expand(sum(a * moment(powers[0]) for powers, a in sp.Poly(polynomial, s).terms()))


@cache
def coefficients() -> list[Any]:
    """The coefficients of the closed form for two layers."""
    r_s, q_s = rho - epsilon * norm * s + epsilon**2 * P * s**2, norm - 4 * epsilon * P * s + epsilon**2 * norm * s**2
    first, second = expectation(r_s), expectation(r_s * s)
    square = norm * first**2 - 4 * epsilon * P * first * second + epsilon**2 * norm * second**2
    found: list[Any] = sp.Poly(sp.expand((1 + 2 * u) * expectation(r_s**2 * q_s) - square), u).all_coeffs()[::-1]
    return found


def lowest_powers() -> Iterator[Case]:
    """The lowest power of epsilon in each coefficient."""
    for power in range(2, 7):
        found = min(powers[0] for powers in sp.Poly(coefficients()[power], epsilon).monoms())
        yield {k: sp.Integer(power), lowest: sp.Integer(found)}


def in_symbols() -> Iterator[Case]:
    """The coefficients for two layers, for every start, teacher and step size."""
    yield {a: lambda power: coefficients()[power]}


def one_network() -> Iterator[Case]:
    """The coefficients for one network of two layers, by the exact engine."""
    yield {a: lambda power: variance_of(1, 1, 0, Fraction(1, 2)).coeff(u, power)}


def two_values() -> Iterator[Case]:
    """Powers of a variable s that takes two values, each with probability 1/2."""
    for (low, high), row, column in product(((1, 3), (-2, 1)), (1, 2, 3), (1, 3)):
        known = {u: sp.Rational(low, 5), i: sp.Integer(row), j: sp.Integer(column)}
        outcomes = uniform([{s: sp.Integer(low)}, {s: sp.Integer(high)}])
        yield {**known, E: outcomes, m: lambda k, low=low, high=high: sp.Rational(low**k + high**k, 2)}


def networks() -> Iterator[Case]:
    """The variance after one step by the exact engine, and the next gradient as polynomials of s."""
    for depth, batch in ((1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (3, 2), (4, 2), (5, 2)):
        yield network(depth, sp.Rational(1, batch))


@cache
def network(depth: int, point: Any) -> Case:
    """The same for one network and batch size."""
    w = [Fraction(one + 2, 3) for one in range(depth)]
    ring, S = sp.ring("s", sp.QQ)
    start = [ring(sp.QQ(one + 2, 3)) for one in range(depth)]
    factor = sp.QQ(2, 3) * (prod(start) + sp.QQ(1, 2)) * S
    stepped = [one - factor * d for one, d in zip(start, slopes(start), strict=True)]
    G = [(prod(stepped) + sp.QQ(1, 2)) * d for d in slopes(stepped)]
    return {
        L: sp.Integer(depth),
        u: point,
        V: variance_of(*w, Fraction(-1, 2), Fraction(2, 3)).xreplace({u: point}),
        gamma: lambda one, power: ring({(0,): G[one - 1].get((power,), 0)}).as_expr(),
        m: lambda order: moment(order).xreplace({u: point}),
    }


def small_minors() -> Iterator[Case]:
    """The leading minors as functions, by another algorithm than below."""
    yield {Delta: determinant}


@cache
def determinant(order: int, point: Any) -> Any:
    """A leading minor of N'(u), by Berkowitz' algorithm."""
    entries = [[(1 + 2 * u) * moment(r + c) - moment(r) * moment(c) for c in range(order)] for r in range(order)]
    return sp.expand(sp.Matrix(entries).diff(u).det(method="berkowitz")).xreplace({u: point})


def all_minors() -> Iterator[Case]:
    """The leading minors of order 1 to 8, for every positive u."""
    positive = sp.Symbol("u", positive=True)
    for one in range(1, 2 * max(DEPTHS) + 1):
        yield {order: sp.Integer(one), u: positive, Delta: minor}


def shifted_minors() -> Iterator[Case]:
    """The least coefficient of the leading minors of order 9 and 10 in powers of u - 1/36."""
    for one in (9, 10):
        polynomial = minors()[one - 1]
        x = polynomial.ring.gens[0]
        yield {order: sp.Integer(one), least: sp.sympify(min(polynomial.compose(x, x + sp.QQ(1, 36)).coeffs()))}


def minor_at_a_point() -> Iterator[Case]:
    """The leading minors as functions."""
    yield {Delta: minor}


def minor(order: Any, point: Any) -> Any:
    """A leading minor of N'(u) at a number or a symbol."""
    return minors()[int(order) - 1].as_expr(point)


@cache
def minors() -> list[Any]:
    """The leading minors of order 1 to 10 of N'(u), by Bareiss' elimination."""
    ring, x = sp.ring("u", sp.QQ)
    m = list(accumulate((1 + 2 * j * x for j in range(18)), mul, initial=ring.one))
    matrix = [[((1 + 2 * x) * m[i + k] - m[i] * m[k]).diff(x) for k in range(10)] for i in range(10)]
    result, before = [], ring.one
    for r in range(10):
        pivot = matrix[r][r]
        result.append(pivot)
        for i, k in product(range(r + 1, 10), repeat=2):
            matrix[i][k] = (matrix[i][k] * pivot - matrix[i][r] * matrix[r][k]).exquo(before)
        before = pivot
    return result


def by_gamma(expression: Any) -> Any:
    """Rising factorials and factorials by gamma functions."""
    rising = expression.replace(sp.RisingFactorial, lambda base, n: sp.gamma(base + n) / sp.gamma(base))
    return sp.powsimp(sp.gammasimp(rising.rewrite(sp.gamma)))


def by_powers(expression: Any) -> Any:
    """Powers of one base in one."""
    return sp.powsimp(sp.expand(expression))


moments = Step(
    "moments",
    r"The batch enters through $s = \frac1b \sum_{i \in B} x_i^2$. For a normal variable $E[x f(x)] = E f'(x)$. Take "
    r"$f = x s^k$ (the first line) and sum over the batch: $b\, E s^{k+1} = (b + 2k)\, E s^k$. So $m_{k+1} = (1 + "
    r"2ku)\, m_k$, a polynomial in $u$ of degree $k$.",
    [
        Line(
            sp.Derivative(x * ((x**2 + rest) / b) ** k, x),
            "=",
            s**k + 2 * k / b * x**2 * s ** (k - 1),
            Identity(given={s: (x**2 + rest) / b}, rewrite=by_powers),
        ),
        Line(
            m[k],
            "=",
            sp.Product(1 + 2 * j * u, (j, 0, k - 1)),
            Induction(k, first=sp.S.One, step=lambda value, k: (1 + 2 * k * u) * value, rewrite=by_gamma),
            also=(Enumeration("multiplied out in the inputs for b = 1, ..., 4 and k = 1, ..., 5", moments_of_batches),),
        ),
    ],
)

gradient = Step(
    "gradient",
    r"The derivative of the loss of a batch by one weight: without label noise $s$ is a factor. So $g_t = s_t G_t$.",
    [
        Line(
            sp.Derivative(s / 2 * (weight * others - teacher) ** 2, weight),
            "=",
            s * (weight * others - teacher) * others,
            Identity(),
        )
    ],
)

variance_of_gradient = Step(
    "variance",
    r"The last $s_t$ is independent of $w_t$, with mean 1 and second moment $m_2 = 1 + 2u$.",
    [
        Line(
            variance,
            "=",
            (1 + 2 * u) * sp.Trace(A * average(G_t * G_t.T, E, G_t) * A.T) - sp.Trace(A * mean_G * mean_G.T * A.T),
            Identity(
                given={
                    variance: sp.Trace(
                        A
                        * (
                            average(average(s**2 * G_t * G_t.T, E_batch, s), E, G_t)
                            - average(average(s * G_t, E_batch, s), E, G_t)
                            * average(average(s * G_t, E_batch, s), E, G_t).T
                        )
                        * A.T
                    )
                },
                means={G_t: mean_G, s: sp.S.One, s**2: 1 + 2 * u},
            ),
            also=(Enumeration("multiplied out in the inputs, L = 1, 2, 3, t = 0, 1, b = 1, 2", variances_by_inputs),),
        )
    ],
)

degree_attained = Step(
    "degree-attained",
    r"**The bound on the degree is attained for every $L$ and $t$.** To reach it, every average must be over the "
    r"highest power of $s$, which brings $\lambda_k$ (the first line). It comes from the terms of highest degree in "
    r"the weights: $P^2 \lVert \partial P \rVert^2$ in $\lVert G \rVert^2$, and $-s\, h(w)$ with $h(w) = \alpha P\, "
    r"\partial P$ in the next weights. The product of the weights $h(w)$ is the second line: not 0 if $\alpha$ and no "
    r"weight is. So $T_0 > 0$, a sum of squares, unless a step size, a weight of $w_0$ or $\rho_0$ is 0. At $t = 0$ "
    r"the coefficient is $2 \lVert G_0 \rVert^2$.",
    [
        Line(
            highest,
            "=",
            2 ** (k - 1) * sp.factorial(k - 1),
            Induction(k, base=1, first=sp.S.One, step=lambda value, k: 2 * k * value, rewrite=by_gamma),
        ),
        Line((alpha * P**2) ** L / P, "=", alpha**L * P ** (2 * L - 1), Identity(rewrite=by_powers)),
        Line(
            degree,
            "=",
            sp.Sum(2 * (2 * L - 1) ** k - 1, (k, 0, t)),
            Enumeration(LISTED, highest_coefficients),
        ),
        Line(
            top,
            "=",
            2
            * at_start
            * sp.Product(2 ** (2 * (2 * L - 1) ** k - 1) * sp.factorial(2 * (2 * L - 1) ** k - 1), (k, 1, t)),
            Enumeration(LISTED, highest_coefficients),
        ),
    ],
)

two_layers = Step(
    "two-layers",
    r"Two layers after one step, in closed form. The first lines say that $w'$ is a step of SGD from $w$, and what "
    r"$r$ and $q$ are. The entries of $G_1$ are $r w_2'$ and $r w_1'$, so $\operatorname{Var}(g_1 \mid w_0) = (1 + "
    r"2u)\, E[r^2 q]$ minus the left side of the last line. Put in $E s^k = m_k$, up to $k = 6$ for $E[r^2 q]$.",
    [
        Line(w1_next, "=", w1 - alpha * s * (w1 * w2 - teacher) * w2, Identity()),
        Line(w2_next, "=", w2 - alpha * s * (w1 * w2 - teacher) * w1, Identity()),
        Line(r, "=", w1_next * w2_next - teacher, Identity()),
        Line(q, "=", w1_next**2 + w2_next**2, Identity()),
        Line(
            average(r * w1_next, E, s) ** 2 + average(r * w2_next, E, s) ** 2,
            "=",
            norm * average(r, E, s) ** 2
            - 4 * epsilon * P * average(r, E, s) * average(r * s, E, s)
            + epsilon**2 * norm * average(r * s, E, s) ** 2,
            Enumeration("a variable with two values, in numbers", next_weights),
            also=(Identity(),),
        ),
    ],
    definitions=[
        (norm, w1**2 + w2**2),
        (P, w1 * w2),
        (rho, P - teacher),
        (epsilon, alpha * rho),
        (w1_next, w1 - epsilon * s * w2),
        (w2_next, w2 - epsilon * s * w1),
        (r, rho - epsilon * norm * s + epsilon**2 * P * s**2),
        (q, norm - 4 * epsilon * P * s + epsilon**2 * norm * s**2),
    ],
)

powers_of_the_step = Step(
    "powers-of-the-step",
    r"$E s^k$ has degree $k - 1$ in $u$, so $u^k$ comes with $\varepsilon^k$ at least, for $k \ge 2$: higher powers "
    r"of $\frac1b$ are higher powers of the step. Coefficients can be negative (the last line is for $w_0 = (1, 1)$, "
    r"$w^* = 0$ and $\alpha = \frac12$). Unlike for linear regression, signs do not settle whether the variance "
    r"decreases.",
    [
        Line(
            V,
            "=",
            sp.Sum(a[k] * u**k, (k, 1, 6)),
            Enumeration("three rational networks by the exact engine, every u", two_layer_networks),
        ),
        Line(lowest, "=", k, Enumeration("the coefficients in symbols, k = 2, ..., 6", lowest_powers)),
        Line(a[6], "=", 7680 * epsilon**6 * P**2 * norm, Enumeration(EVERY, in_symbols)),
        Line(
            a[5],
            "=",
            -64 * epsilon**5 * P * (24 * norm**2 - 197 * epsilon * P * norm + 48 * P**2),
            Enumeration(EVERY, in_symbols),
        ),
        Line(a[4], "<", 0, Enumeration("this network, by the exact engine", one_network)),
    ],
)

quadratic_form = Step(
    "quadratic-form",
    r"An entry of $G_1$ (or of $A G_1$) is a polynomial of $s_0$ of degree $2L - 1$, with coefficients $\gamma$ that "
    r"do not depend on $b$. What it adds to the variance is a quadratic form in $\gamma$; the first line is what two "
    r"of its powers add. So $\operatorname{Var}(A g_1 \mid w_0)$ is a sum of quadratic forms with one matrix $N$.",
    [
        Line(
            (1 + 2 * u) * average(s ** (i + j), E, s) - average(s**i, E, s) * average(s**j, E, s),
            "=",
            N(i, j),
            Enumeration("variables with two values, i and j up to 3", two_values),
            also=(Identity(means={s ** (i + j): m[i + j], s**i: m[i], s**j: m[j]}),),
        ),
        Line(
            V,
            "=",
            sp.Sum(gamma[k, i] * gamma[k, j] * N(i, j), (j, 0, 2 * L - 1), (i, 0, 2 * L - 1), (k, 1, L)),
            Enumeration(
                "rational networks by the exact engine, L = 1, ..., 5 at b = 2, L = 1 and 2 at other b", networks
            ),
        ),
    ],
    definitions=[(N(i, j), (1 + 2 * u) * m[i + j] - m[i] * m[j])],
)

completing_the_square = Step(
    "completing-the-square",
    r"When is a quadratic form positive? Take out its first variable. If $p > 0$, it is a square plus a form in the "
    r"other variables, of the matrix $M - \frac1p c c^\top$: one step of elimination, which divides each leading "
    r"minor by $p$. So if all leading minors are positive, the form is a sum of squares with positive weights "
    r"(Sylvester's criterion).",
    [
        Line(
            pivot * head.T * head + head.T * column.T * tail + tail.T * column * head + tail.T * block * tail,
            "=",
            1 / pivot * (square.T * square) + tail.T * (block - 1 / pivot * (column * column.T)) * tail,
            Identity(given={square: pivot * head + column.T * tail}),
        )
    ],
)

leading_minors = Step(
    "leading-minors",
    r"Let $N'(u)$ be the derivative of $N$ by $u$, with $m_k$ put in. All its leading minors up to order 8 are "
    r"positive for $u > 0$: they are polynomials of which no coefficient is negative. So $\operatorname{Var}(A g_1 "
    r"\mid w_0)$ increases in $u$: **for two, three and four layers it decreases in $b$, for all $b$, weights, "
    r"teachers and step sizes**, strictly unless $A G_1 = 0$ for every batch.",
    [
        Line(Delta(2, u), "=", 4 * (4 * u + 1), Enumeration("by Berkowitz' algorithm, in symbols", small_minors)),
        Line(
            Delta(3, u),
            "=",
            32 * u * (48 * u**3 + 44 * u**2 + 15 * u + 2),
            Enumeration("by Berkowitz' algorithm, in symbols", small_minors),
        ),
        Line(Delta(order, u), ">", 0, Enumeration("every u > 0, by elimination: n = 1, ..., 8", all_minors)),
    ],
)

five_layers = Step(
    "five-layers",
    r"For five layers the orders 9 and 10 are needed. They are positive for $u \ge \frac1{36}$, so the variance "
    r"decreases in $b$ up to $b = 36$ at least. For larger $b$ the argument fails: $N'(u)$ is not positive definite. "
    r"Whether the variance itself can increase there is not settled, because the $\gamma$ of a network are not any "
    r"numbers.",
    [
        Line(least, ">", 0, Enumeration("multiplied out in powers of v, n = 9, 10", shifted_minors)),
        Line(Delta(10, sp.Rational(1, 100)), "<", 0, Enumeration("evaluated", minor_at_a_point)),
    ],
)

DERIVATION = Derivation(
    "deep_linear_scalar",
    "Networks of one weight per layer",
    [
        "One weight per layer, inputs $N(0, 1)$, targets $w^* x$ without label noise, no weight decay.",
        "Weights start at a fixed $w_0$, batches are fresh and independent, and step sizes do not depend on $b$.",
    ],
    SYMBOLS,
    [
        moments,
        gradient,
        variance_of_gradient,
        degree_attained,
        two_layers,
        powers_of_the_step,
        quadratic_form,
        completing_the_square,
        leading_minors,
        five_layers,
    ],
)


def other_problem(sgd: sv.SGD) -> str | None:
    """What a process violates, if it is no scalar network on N(0, 1) inputs without label noise."""
    data = sgd.problem.data
    if not isinstance(sgd.problem, sv.DeepLinearNetwork):
        return f"a {type(sgd.problem).__name__}"
    if any(layer.shape != (1, 1) for layer in sgd.layers) or sgd.problem.weight_decay != 0:
        return "several weights in a layer, or weight decay"
    if not isinstance(data, sv.GaussianPopulation) or data.noise_factor is not None:
        return f"{data}, which is not Gaussian or has label noise"
    return None if data.input_factor is None else f"the input factor {data.input_factor}"


def too_deep(sgd: sv.SGD) -> str | None:
    """What a process violates, if it is no such network of two to four layers."""
    return other_problem(sgd) or (None if len(sgd.layers) in DEPTHS else f"{len(sgd.layers)} layers")


def after_one_step(sgd: sv.SGD, step: int) -> sv.Verdict:
    """The verdict on one network.

    Raises:
        ValueError: Another step than the first.
    """
    if step != 1:
        raise ValueError(f"step must be 1 for this claim, got {step}")
    return sv.certify_decreasing(sv.gradient_variance(sgd, step))


def up_to_four_layers() -> Finding:
    """Settles the claim for two, three and four layers by a certificate for each.

    Raises:
        AssertionError: There is none.
    """
    found = []
    for depth in DEPTHS:
        certificate = sv.certify_scalar_networks(depth).certificate
        if certificate is None:
            raise AssertionError(f"there should be a certificate for {depth} layers")
        found.append(Proof(f"all scalar networks of {depth} layers", certificate))
    return proved(
        "the variance is a quadratic form, and the derivative of its matrix is positive definite",
        *found,
        CheckedSteps.of(DERIVATION),
    )


def beyond_four_layers() -> Finding:
    """Settles the claim for five layers, as far as it goes.

    Raises:
        AssertionError: The certificate goes further than the derivation.
    """
    CheckedSteps.of(DERIVATION)
    if sv.certify_scalar_networks(5).status != "undecided":
        raise AssertionError("five layers should be undecided")
    so_far = "proved for b <= 36; beyond, the derivative of the matrix of the quadratic form is not positive definite"
    return by_search(so_far, sv.SearchClaim(step=1), sv.GaussianFamily(widths=(1,) * 6))


def attained() -> Finding:
    """Settles that the bound on the degree is attained, with instances of two and three layers.

    Raises:
        AssertionError: It is not, at one of them.
    """
    teacher: Any = [-1]
    for depth, t in ((2, 1), (2, 2), (3, 1)):
        network = sv.DeepLinearNetwork(sv.GaussianPopulation(teacher))
        sgd = sv.SGD(network, [[[Fraction(j + 2, 2)]] for j in range(depth)], Fraction(1, 4))
        if sv.gradient_variance(sgd, t).degree != sv.variance_degree_bound(depth, t):
            raise AssertionError(f"the degree should be attained with {depth} layers at step {t}")
    return proved(
        "the highest coefficient is a sum of squares, up to a positive factor: 1, 6, 23 for L = 2",
        CheckedSteps.of(DERIVATION),
    )


SCALAR = (
    "one weight per layer; inputs N(0, 1); no label noise, no weight decay; fixed start; fresh i.i.d. batches; step "
    "sizes that do not depend on b; equal steps"
)

CLAIMS = [
    Claim(
        "deep-linear-gradient-variance-degree-attained",
        "for every depth L and step t some network has Var(g_t) of degree exactly sum_{k=0}^{t} (2 (2L - 1)^k - 1) in "
        "1/b",
        f"deep linear networks; it is enough to look at these: {SCALAR}",
        "derived here",
        attained,
    ),
    Claim(
        "scalar-networks-gradient-variance-decreases",
        "Var(A g_1) does not increase in b, for every b, start, teacher, step size and matrix A, with 2, 3 or 4 layers",
        SCALAR,
        "derived here",
        up_to_four_layers,
        after_one_step,
        too_deep,
    ),
    Claim(
        "scalar-networks-gradient-variance-decreases-five-layers",
        "Var(A g_1) does not increase in b, for every b, start, teacher, step size and matrix A, with 5 layers",
        SCALAR,
        "asked here",
        beyond_four_layers,
        after_one_step,
        lambda sgd: other_problem(sgd) or (None if len(sgd.layers) == 5 else f"{len(sgd.layers)} layers"),
    ),
    Claim(
        "scalar-networks-gradient-variance-decreases-label-noise",
        "Var(g_1) does not increase in b, for every b, start, teacher, step size and label noise, with 2 layers",
        SCALAR.replace("no label noise, no", "normal label noise; no"),
        "asked here",
        lambda: by_search(
            "neither proved nor refuted", sv.SearchClaim(step=1), sv.GaussianFamily(widths=(1, 1, 1), label_noise=True)
        ),
    ),
    Claim(
        "scalar-networks-gradient-variance-decreases-second-step",
        "Var(g_2) does not increase in b, for every b, start, teacher and step size, with 2 layers",
        SCALAR,
        "asked here",
        lambda: by_search("neither proved nor refuted", sv.SearchClaim(step=2), sv.GaussianFamily(widths=(1, 1, 1))),
    ),
]
"""What follows, for the register of claims."""


if __name__ == "__main__":
    print(DERIVATION.check().to_text())
