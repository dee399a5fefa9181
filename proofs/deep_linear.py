"""Deep linear networks: the variance of the gradient is a polynomial in 1/b; run this file to check every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache, partial
from itertools import combinations, combinations_with_replacement, product
from math import prod
from typing import Any

import sympy as sp

import sgdvar as sv
from sgdvar.claims import CheckedSteps, Claim, proved
from sgdvar.derivation import (
    Derivation,
    Enumeration,
    Identity,
    Induction,
    Line,
    Notation,
    Signs,
    Step,
    average,
    uniform,
)

Case = Mapping[Any, Any]

D, k, t = sp.symbols("D k t", integer=True)
L, alpha, lam, c = sp.symbols("L alpha lambda c")
u, m, i = sp.symbols("u m i", positive=True)
l_above, l_below = sp.symbols("l l'", integer=True, nonnegative=True)
q, into, out_of, p, noises, d, rows = sp.symbols("q p_j p_j-1 p s d r", integer=True)
above, layer = sp.MatrixSymbol("W_>j", q, into), sp.MatrixSymbol("W_j", into, out_of)
below = sp.MatrixSymbol("W_<j", out_of, p)
above_scaled, layer_scaled, below_scaled = (sp.MatrixSymbol(f"scaled {W}", *W.shape) for W in (above, layer, below))
S, T = sp.MatrixSymbol("S_B", p, p), sp.MatrixSymbol("T_B", q, p)
degree_in_w, degree_in_u = sp.symbols("deg_w deg_u")
bound = sp.Function("d")

E, E_batch, f, half = sp.symbols("E E_B f tau")
variance, first_term, V_next, V_through = sp.symbols("Var(A*g_t) a_1 V(b') p(b')")
second_at_0, mean_at_0, at_descent = sp.symbols("second_0 mean_0 descent")
A = sp.MatrixSymbol("A", rows, d)
h, mean_h, delta, epsilon, g = (sp.MatrixSymbol(name, d, 1) for name in ("h", "E[h]", "delta", "epsilon", "g"))
Sigma, C, C_next, H, B = (sp.MatrixSymbol(name, d, d) for name in ("Sigma", "C_s", "C_s+1", "H", "B"))
K, N = sp.MatrixSymbol("K_j", q, q), sp.MatrixSymbol("N_j", p, p)
Delta, noise, spread = sp.MatrixSymbol("Delta", q, p), sp.MatrixSymbol("D_y", q, noises), sp.Symbol("tr(Sigma_j)")

a, tail = sp.IndexedBase("a"), sp.Symbol("s", real=True)
up, down, first, power, leading, size, v, z = sp.symbols("a_+ a_- a_m u^i u^m-1 M v z", nonnegative=True)

SYMBOLS = [
    Notation(L, "L", "number of layers"),
    Notation(layer, "W_j", "weights of layer $j$"),
    Notation(above, "W_{>j}", r"product of the $\ell$ layers above, $W_L \cdots W_{j+1}$"),
    Notation(below, "W_{<j}", r"product of the $\ell'$ layers below, $W_{j-1} \cdots W_1$"),
    Notation(l_above, r"\ell", "number of layers above layer $j$"),
    Notation(l_below, r"\ell'", r"number of layers below layer $j$; so $L = \ell + 1 + \ell'$"),
    Notation(S, "S_B", r"mean of $x_i x_i^\top$ over the batch $B$"),
    Notation(T, "T_B", r"mean of $y_i x_i^\top$ over the batch"),
    Notation(lam, r"\lambda", "a number that every layer is multiplied with"),
    Notation(above_scaled, r"\widetilde W_{>j}", "the layers above, multiplied"),
    Notation(layer_scaled, r"\widetilde W_j", "layer $j$, multiplied"),
    Notation(below_scaled, r"\widetilde W_{<j}", "the layers below, multiplied"),
    Notation(D, "D", "degree of a polynomial $f$ of the next weights $w'$"),
    Notation(degree_in_w, r"\deg_w", r"largest degree that $E[f(w') \mid w]$ can have in the weights $w$"),
    Notation(degree_in_u, r"\deg_u", r"largest degree that $E[f(w') \mid w]$ can have in $u$"),
    Notation(u, "u", r"$\frac1b$"),
    Notation(t, "t", "step"),
    Notation(bound, "d", "the bound on the degree of the variance, a function of $L$ and $t$"),
    Notation(E, "E", "expectation over the batches before $B_t$, or before $B_s$, given $w_0$"),
    Notation(A, "A", "any fixed matrix"),
    Notation(h, "h", r"$\nabla L(w_t)$: gradient of the mean loss in all weights"),
    Notation(mean_h, r"\bar h", "its expectation"),
    Notation(Sigma, r"\Sigma", "covariance of one example's gradient (divisor $n$), at $w_t$ or where the reason says"),
    Notation(delta, r"\delta", r"deviation of $w_s$ from gradient descent, in units of $\sqrt u$"),
    Notation(epsilon, r"\varepsilon", r"noise of the batch, in units of $\sqrt u$"),
    Notation(E_batch, "E_B", "expectation over the batch"),
    Notation(c, "c(b)", "variance factor of the design"),
    Notation(
        variance, r"\operatorname{Var}(A g_t)", "total variance, given $w_0$; $g_t$ is the gradient in all layers"
    ),
    Notation(spread, r"\operatorname{tr} \Sigma_j", r"trace of the covariance of one example's gradient in $W_j$"),
    Notation(K, "K_j", r"$W_{>j} W_{>j}^\top$"),
    Notation(N, "N_j", r"$W_{<j}^\top W_{<j}$"),
    Notation(Delta, r"\Delta", r"$W_L \cdots W_1 - W^*$"),
    Notation(noise, "D_y", "factor of the label noise"),
    Notation(V_next, "V(b')", "variance at a further batch size $b'$, from all batches"),
    Notation(V_through, "p(b')", "polynomial of degree $d(L, t)$ in $u$ through the variances at other batch sizes"),
    Notation(
        second_at_0, r"E \lVert A g_t \rVert^2 \big\vert_{c = 0}", "the second moment as a polynomial, at $c = 0$"
    ),
    Notation(mean_at_0, r"\lVert E A g_t \rVert^2 \big\vert_{c = 0}", "the squared mean as a polynomial, at $c = 0$"),
    Notation(
        at_descent, r"\lVert A \nabla L(\bar w_t) \rVert^2", r"the same at the weights $\bar w_t$ of gradient descent"
    ),
    Notation(f, "f", "a polynomial, at the mean of a random vector"),
    Notation(g, "g", "its gradient there"),
    Notation(B, "B", "its matrix of second derivatives there"),
    Notation(half, r"\tau", "what the spread adds to the mean of $f$, in units of $u$"),
    Notation(C, "C_s", r"first-order covariance of the weights: $\operatorname{Cov}(w_s) = u\, C_s + O(u^2)$"),
    Notation(C_next, "C_{s+1}", "the same one step later"),
    Notation(H, "H", r"$\nabla^2 L(\bar w_s)$; for $a_1$ at $s = t$"),
    Notation(alpha, r"\alpha", "step size of the step"),
    Notation(first_term, "a_1", r"$\operatorname{Var}(A g_t \mid w_0) = a_1 u + O(u^2)$"),
    Notation(a.label, "a", r"coefficients of the variance: $V = a_m u^m + a_{m+1} u^{m+1} + \dots$ with $a_m \ne 0$"),
    Notation(m, "m", "exponent of the first term"),
    Notation(i, "i", r"1, 2, $\dots$"),
    Notation(up, "a^+", "positive part of $a_{m+i}$"),
    Notation(down, "a^-", r"negative part: $a_{m+i} = a^+ - a^-$ and $\lvert a_{m+i} \rvert = a^+ + a^-$"),
    Notation(power, "u^i", "at most $u$, as $u \\le 1$"),
    Notation(first, "a_m", "the first coefficient; positive"),
    Notation(leading, "u^{m-1}", "positive"),
    Notation(v, "v", "a number that is not negative"),
    Notation(z, "z", "a number that is not negative"),
    Notation(tail, "s", r"$\sum_{i \ge 1} (m + i)\, a_{m+i}\, u^i$"),
    Notation(size, "M", r"$\sum_{i \ge 1} (m + i)\, \lvert a_{m+i} \rvert$"),
]

CASES = ((1, 1), (1, 2), (1, 3), (2, 0), (2, 1), (3, 1))
START, STEP_SIZE = [Fraction(3, 2), Fraction(-1, 2), Fraction(2, 3)], Fraction(1, 3)
INPUTS: Any = [[1], [2]]  # of two kinds of examples
TARGETS: Any = [Fraction(1, 2), -1]
ROWS = ((1, 0, 0), (2, 1, 0), (0, -1, 3))  # of the matrix A
BATCHES: list[tuple[int, int | None, list[Any]]] = [
    (b, None, list(product((0, 1), repeat=b))) for b in (1, 2, 3)
]  # their kinds of examples
BATCHES += [(b, 4, list(combinations((0, 0, 1, 1), b))) for b in (1, 2, 3, 4)]
MONOMIALS = "every monomial f, one weight per layer, Gaussian data: D <= 4 for one and two layers, D <= 3 for three"
TWO_KINDS = "one weight per layer, every batch of two kinds of examples, half of them each"
LISTED = f"(L, t) = {', '.join(map(str, CASES))}"
geometric = ((2 * L - 1) ** (t + 1) - 1) / (L - 1)


def degrees_of_averages() -> Iterator[Case]:
    """The largest degrees of a product of D weights after a step, averaged over a Gaussian batch."""
    for depth, most in ((1, 4), (2, 4), (3, 3)):
        for size in range(1, most + 1):
            in_u, in_w = averaged_degrees(depth, size)
            yield {L: sp.Integer(depth), D: sp.Integer(size), degree_in_w: in_w, degree_in_u: in_u}


@cache
def averaged_degrees(depth: int, size: int) -> tuple[Any, Any]:
    """The largest degrees in u and in the weights, over all products of so many weights."""
    ring, u, a, teacher, noise, R, *w = sp.ring(
        ["u", "alpha", "w*", "sigma2", "R", *(f"w{j}" for j in range(depth))], sp.QQ
    )
    gap, moments, found = prod(w) - teacher, [ring.one], []
    for k in range(1, size + 1):  # the recurrence for one output and one input
        before = moments[k - 2] if k > 1 else ring.zero
        moments.append((2 * (k - 1) * u + 1) * gap * moments[k - 1] + (k - 1) * u * ((k - 2) * u + 1) * noise * before)
    for layers in combinations_with_replacement(range(depth), size):
        after, total = prod(w[j] - a * R * prod(w[:j]) * prod(w[j + 1 :]) for j in layers), ring.zero
        for powers, coefficient in after.terms():
            total += ring({(*powers[:4], 0, *powers[5:]): coefficient}) * moments[powers[4]]
        found += [(powers[0], sum(powers[5:])) for powers in total.monoms()]
    return sp.Integer(max(one for one, _ in found)), sp.Integer(max(one for _, one in found))


@cache
def process(depth: int, n: int | None = None) -> sv.SGD:
    """SGD on two kinds of examples: independent draws, or without replacement from n examples."""
    chances: Any = [Fraction(1, 2)] * 2
    population = sv.DiscretePopulation(INPUTS, TARGETS, chances)
    data = population if n is None else sv.Dataset(INPUTS * (n // 2), TARGETS * (n // 2))
    return sv.SGD(sv.DeepLinearNetwork(data), [[[w]] for w in START[:depth]], STEP_SIZE)


@cache
def enumerated(kind: str, depth: int, step: int, b: int, n: int | None = None) -> Any:
    """The variance or the second moment of A g_t, from every batch."""
    matrix = [row[:depth] for row in ROWS[:depth]]
    quantity = sv.enumerate_gradient_variance if kind == "variance" else sv.enumerate_gradient_second_moment
    return sp.sympify(quantity(process(depth, n), step, b, matrix=matrix))


def extrapolated(values: Mapping[int, Any], point: Any) -> Any:
    """The polynomial in 1/b through the values at these batch sizes, at a point (Lagrange)."""
    nodes = {sp.Rational(1, b): value for b, value in values.items()}
    weighted = [
        value * prod(((point - other) / (node - other) for other in nodes if other != node), start=sp.S.One)
        for node, value in nodes.items()
    ]
    return sum(weighted[1:], weighted[0])


def designs() -> Iterator[tuple[int, int, int | None, int]]:
    """Layers, step, the number of examples without replacement (or None), and the bound on the degree."""
    for depth, step in CASES:
        count = sv.variance_degree_bound(depth, step)
        yield depth, step, None, count
        if count <= 6 and step <= 2:
            yield depth, step, count + 2 + count % 2, count


def further_values() -> Iterator[Case]:
    """The variance at one batch size more than determine the polynomial."""
    for depth, step, n, count in designs():
        *values, last = (enumerated("variance", depth, step, b, n) for b in range(1, count + 3))
        through = extrapolated(dict(enumerate(values, 1)), sp.Rational(1, count + 2))
        yield {L: sp.Integer(depth), t: sp.Integer(step), V_next: last, V_through: through}


def values_at_zero(symbol: Any) -> Iterator[Case]:
    """The second moment, or the squared mean, as a polynomial at c = 0, and what gradient descent gives."""
    for depth, step, n, count in designs():
        values = {}
        for b in range(1, count + 2):
            second, spread = (enumerated(kind, depth, step, b, n) for kind in ("second moment", "variance"))
            values[b] = second if symbol == second_at_0 else second - spread
        center = mean_of(example_gradients(descended(depth, step)))
        known = {symbol: extrapolated(values, sp.Rational(1, n) if n else sp.S.Zero)}
        yield {**known, at_descent: (center.T * transform(depth).T * transform(depth) * center)[0]}


def weight_spreads() -> Iterator[Case]:
    """First-order covariances of the weights at two steps in a row, from every batch."""
    for depth, step in ((1, 0), (1, 1), (2, 0), (2, 1), (3, 0)):
        spreads = {C: first_order_covariance(depth, step), C_next: first_order_covariance(depth, step + 1)}
        yield {**at_the_mean(depth, step), **spreads}


def first_terms() -> Iterator[Case]:
    """The first coefficient of the variance, from every batch."""
    for depth, step in CASES:
        sizes = range(1, sv.variance_degree_bound(depth, step) + 1)
        slope = extrapolated({b: b * enumerated("variance", depth, step, b) for b in sizes}, sp.S.Zero)
        yield {**at_the_mean(depth, step), C: first_order_covariance(depth, step), first_term: slope}


@cache
def first_order_covariance(depth: int, step: int) -> Any:
    """The limit of b Cov(w_s) for large b, by extrapolation of polynomials."""
    if step == 0:
        return sp.ImmutableMatrix(sp.zeros(depth))
    sizes = range(1, sv.variance_degree_bound(depth, step - 1) + 1)
    values = {b: b * sp.ImmutableMatrix(sv.enumerate_weight_covariance(process(depth), step, b)) for b in sizes}
    return extrapolated(values, sp.S.Zero)


@cache
def at_the_mean(depth: int, step: int) -> Case:
    """Covariance of one example's gradient and second derivatives of the loss, where gradient descent is."""
    w, here = sp.symbols(f"w1:{depth + 1}"), descended(depth, step)
    hessian = mean_of(example_gradients(w)).jacobian(w).xreplace(dict(zip(w, here, strict=True)))
    known = {d: sp.Integer(depth), A: transform(depth), alpha: sp.sympify(STEP_SIZE), H: sp.ImmutableMatrix(hessian)}
    return {**known, Sigma: covariance_of(example_gradients(here))}


def descended(depth: int, step: int) -> Sequence[Any]:
    """The weights of gradient descent."""
    w = sp.ImmutableMatrix(START[:depth])
    for _ in range(step):
        w -= sp.sympify(STEP_SIZE) * mean_of(example_gradients(tuple(w)))
    return tuple(w)


def example_gradients(w: Sequence[Any]) -> list[Any]:
    """The gradients of the two kinds of examples, by differentiation."""
    symbols = sp.symbols(f"v1:{len(w) + 1}")
    losses = [(prod(symbols) * x - y) ** 2 / 2 for (x,), y in zip(INPUTS, map(sp.sympify, TARGETS), strict=True)]
    here = dict(zip(symbols, w, strict=True))
    return [sp.ImmutableMatrix([loss.diff(one) for one in symbols]).xreplace(here) for loss in losses]


def transform(depth: int) -> Any:
    """The matrix A."""
    return sp.ImmutableMatrix([row[:depth] for row in ROWS[:depth]])


def covariance_of(vectors: Sequence[Any]) -> Any:
    """The covariance matrix of equally likely vectors."""
    return mean_of([(vector - mean_of(vectors)) * (vector - mean_of(vectors)).T for vector in vectors])


def mean_of(items: Sequence[Any]) -> Any:
    """The mean of matrices."""
    return sum(items[1:], items[0]) / sp.Integer(len(items))


def last_batches() -> Iterator[Case]:
    """The variance after a step, from every batch; and the weights at which its gradient is taken."""
    for depth, (b, n, batches) in product((1, 2, 3), BATCHES):
        start = sp.ImmutableMatrix(START[:depth])
        own = example_gradients(tuple(start))
        ends = [start - sp.sympify(STEP_SIZE) * mean_of([own[kind] for kind in batch]) for batch in batches]
        gradients = [example_gradients(tuple(w)) for w in ends]
        outcomes = [{h: mean_of(pair), Sigma: covariance_of(pair)} for pair in gradients]
        factor = sp.Rational(n - b, b * (n - 1)) if n else sp.Rational(1, b)
        known = {A: transform(depth), c: factor, E: uniform(outcomes), mean_h: mean_of([one[h] for one in outcomes])}
        yield {**known, variance: enumerated("variance", depth, 1, b, n)}


def gaussian_examples() -> Iterator[Case]:
    """The trace of the covariance of one Gaussian example's gradient, multiplied out."""
    for shape in ((1, 1, 1), (1, 2, 1), (2, 1, 1), (2, 2, 1)):
        yield gaussian_example(*shape)


@cache
def gaussian_example(q: int, p: int, s: int) -> Case:
    """The same for so many outputs, inputs and noise variables, by the moments of each variable."""
    known = {Delta: generic("e", q, p), noise: generic("d", q, s)}
    known |= {K: generic("k", q, q, is_symmetric=True), N: generic("n", p, p, is_symmetric=True)}
    xi, zeta = generic("x", p, 1), generic("z", s, 1)
    R = (known[Delta] * xi - known[noise] * zeta) * xi.T
    second = sp.S.Zero
    for powers, coefficient in sp.Poly((known[K] * R * known[N] * R.T).trace(), *xi, *zeta).terms():
        second += coefficient * prod(0 if power % 2 else prod(range(1, power, 2)) for power in powers)
    return {**known, spread: second - (known[K] * known[Delta] * known[N] * known[Delta].T).trace()}


def generic(name: str, rows: int, columns: int, *, is_symmetric: bool = False) -> Any:
    """A matrix of symbols."""

    def entry(r: int, s: int) -> Any:
        return sp.Symbol(f"{name}{min(r, s)}{max(r, s)}" if is_symmetric else f"{name}{r}{s}")

    return sp.ImmutableMatrix(rows, columns, entry)


def pairings_minus_mean() -> Any:
    """The trace of the second moment by the three pairings, minus the trace of the squared mean."""
    squares = Delta * Delta.T + noise * noise.T
    pairings = sp.Trace(N) * sp.Trace(K * squares) + sp.Trace(K * Delta * (N + N.T) * Delta.T)
    return pairings - sp.Trace(K * Delta * N * Delta.T)


def linearised() -> dict[Any, Any]:
    """What the symbols of the linearised step are, as expectations over the past and over the batch."""

    def second_moment(deviation: Any) -> Any:
        return average(average(deviation * deviation.T, E_batch, epsilon), E, delta)

    return {
        C: average(delta * delta.T, E, delta),
        Sigma: average(epsilon * epsilon.T, E_batch, epsilon),
        C_next: second_moment((sp.Identity(d) - alpha * H) * delta - alpha * epsilon),
        first_term: sp.Trace(second_moment(A * (H * delta + epsilon))),
    }


def in_one_power(expression: Any) -> Any:
    """An expression in L and (2L - 1)^t in terms of r = 2L - 1 and its power."""
    r, power = sp.symbols("r r^t")
    return sp.expand(expression.subs(L, (r + 1) / 2)).subs(r**t, power)


one_step = Step(
    "one-step",
    r"The gradient in $W_j$ is $W_{>j}^\top (W_L \cdots W_1 S_B - T_B)\, W_{<j}^\top$, of degree 1 in the batch. "
    r"Multiply each layer by $\lambda$: the highest power is $\lambda^{2L-1}$. So a step $W_j' = W_j - \alpha g_j$ "
    r"has **degree $2L - 1$ in the weights**. Weight decay adds a multiple of $W_j$, which changes neither degree.",
    [
        Line(
            above_scaled.T * (above_scaled * layer_scaled * below_scaled * S - T) * below_scaled.T,
            "=",
            lam ** (2 * L - 1) * (above.T * above * layer * below * S * below.T)
            - lam ** (L - 1) * (above.T * T * below.T),
            Identity(given={L: l_above + l_below + 1}),
        )
    ],
    definitions=[
        (above_scaled, lam**l_above * above),
        (layer_scaled, lam * layer),
        (below_scaled, lam**l_below * below),
    ],
)

one_batch = Step(
    "one-batch",
    r"Average a polynomial $f$ of the next weights $w'$ over the batch. Each of the $D$ factors brings $2L - 1$ "
    r"degrees in the old weights $w$, and at most one entry of the batch. A moment of order $D$ of a batch mean has "
    r"degree at most $D - 1$ in $u$, for every design (residual moments): each factor after the first may bring one "
    r"$u$.",
    [
        Line(
            degree_in_w,
            "=",
            (2 * L - 1) * D,
            Induction(D, base=1, first=2 * L - 1, step=lambda value, _: value + 2 * L - 1),
            also=(Enumeration(MONOMIALS, degrees_of_averages),),
        ),
        Line(
            degree_in_u,
            "=",
            D - 1,
            Induction(D, base=1, first=sp.S.Zero, step=lambda value, _: value + 1),
            also=(Enumeration(MONOMIALS, degrees_of_averages),),
        ),
    ],
)

last_batch = Step(
    "last-batch",
    r"The batch of the gradient itself needs no higher moments. Given $w_t$ the gradient is a batch mean, with mean "
    r"$h$ and covariance $c(b)\, \Sigma$: so $E[g_t g_t^\top \mid w_t] = h h^\top + c(b)\, \Sigma$. Average over "
    r"$w_t$, and subtract the square of the mean (the law of total variance).",
    [
        Line(
            variance,
            "=",
            c * sp.Trace(A * average(Sigma, E, Sigma) * A.T)
            + sp.Trace(A * average((h - mean_h) * (h - mean_h).T, E, h) * A.T),
            Identity(
                given={variance: sp.Trace(A * (average(h * h.T + c * Sigma, E, h, Sigma) - mean_h * mean_h.T) * A.T)},
                means={h: mean_h},
            ),
            also=(Enumeration(f"{TWO_KINDS}, t = 1, one to three layers, with and without replacement", last_batches),),
        )
    ],
)

gaussian_trace = Step(
    "gaussian-trace",
    r"For Gaussian examples $x = \xi$, $y = W^* x + D_y \zeta$ it is in closed form. With the residual $r = \Delta "
    r"\xi - D_y \zeta$ the gradient of one example in $W_j$ is $W_{>j}^\top r\, \xi^\top W_{<j}^\top$. The factors of "
    r"a fourth moment of normal variables pair in three ways (Isserlis), so $E[r\, \xi^\top N_j\, \xi\, r^\top] = "
    r"\operatorname{tr}(N_j) (\Delta \Delta^\top + D_y D_y^\top) + 2 \Delta N_j \Delta^\top$. Subtract the square of "
    r"the mean. For widths 1 without noise the sum over $j$ is $2 \lVert \nabla L \rVert^2$.",
    [
        Line(
            spread,
            "=",
            sp.Trace(N) * sp.Trace(K * (Delta * Delta.T + noise * noise.T)) + sp.Trace(K * Delta * N * Delta.T),
            Identity(given={spread: pairings_minus_mean()}, symmetric=[K, N]),
            also=(Enumeration("multiplied out in symbols for one and two inputs and outputs", gaussian_examples),),
        )
    ],
)

degree = Step(
    "degree",
    r"Given $w_t$, the second moment of $A g_t$ has degree $2(2L - 1)$ in the weights, and 1 in $u$ for the last "
    r"batch. Average over $B_{t-1}, \dots, B_0$: before the $k$-th of them the degree in the weights is $D = 2 "
    r"(2L-1)^k$, so it brings $D - 1$. The sum is $d(L, t)$. The last line: the squared mean of the gradient has "
    r"smaller degree.",
    [
        Line(bound(L, t), "=", geometric - (t + 1), Induction(t, rewrite=in_one_power)),
        Line(bound(1, t), "=", t + 1, Induction(t)),
        Line(bound(2, t), "=", 3 ** (t + 1) - t - 2, Induction(t)),
        Line(
            sp.Sum(2 * ((2 * L - 1) ** k - 1), (k, 1, t)),
            "=",
            geometric - 2 * (t + 1),
            Induction(t, rewrite=in_one_power),
        ),
    ],
    definitions=[(bound(L, t), sp.Sum(2 * (2 * L - 1) ** k - 1, (k, 0, t)))],
)

further = Step(
    "polynomial",
    r"So **the variance is a polynomial in $u$ of degree at most $d(L, t)$**: as many values as that needs determine "
    r"it for all batch sizes.",
    [
        Line(
            V_next,
            "=",
            V_through,
            Enumeration(f"{TWO_KINDS}, {LISTED}; up to degree 6 and t = 2 without replacement as well", further_values),
        )
    ],
)

no_constant_term = Step(
    "no-constant-term",
    r"At $c = 0$ the moments of a batch mean are powers of its mean: nothing varies. (For independent draws this is "
    r"$u = 0$, without replacement $u = \frac1n$.) So expectations are values along gradient descent, for $\lVert A "
    r"g_t \rVert^2$ and for $A g_t$: **the variance has no constant term in $c(b)$**.",
    [
        Line(
            symbol,
            "=",
            at_descent,
            Enumeration(
                f"{TWO_KINDS}, {LISTED}; up to degree 6 and t = 2 without replacement as well",
                partial(values_at_zero, symbol),
            ),
        )
        for symbol in (second_at_0, mean_at_0)
    ],
)

first_order = Step(
    "first-order",
    r"From here on draws are independent. For a random vector with covariance $u \Sigma$, and central moments of "
    r"higher order that are $O(u^2)$, $E f = f + u \tau + O(u^2)$. The same holds for $f^2$, whose second derivatives "
    r"are $2 f B + 2 g g^\top$. What is left of $E[f^2] - (E f)^2$ is the variance of the linear part: to first "
    r"order, steps may be linearised.",
    [
        Line(
            sp.Trace(Sigma * (2 * f * B + 2 * g * g.T)) / 2,
            "=",
            2 * f * half + sp.Trace(Sigma * g * g.T),
            Identity(symmetric=[Sigma, B]),
        ),
        Line(
            f**2 + u * (2 * f * half + sp.Trace(Sigma * g * g.T)) - (f + u * half) ** 2,
            "=",
            u * sp.Trace(Sigma * g * g.T) - u**2 * half**2,
            Identity(symmetric=[Sigma, B]),
        ),
    ],
    definitions=[(half, sp.Trace(Sigma * B) / 2)],
)

first_coefficient = Step(
    "first-coefficient",
    r"Let $\delta$ be the deviation of $w_s$ from gradient descent $\bar w_s$ (covariance $C_s$) and $\varepsilon$ "
    r"the noise of the batch (mean 0, covariance $\Sigma$ at $\bar w_s$). The linearised step takes $\delta$ to $(I - "
    r"\alpha H)\, \delta - \alpha \varepsilon$, and the gradient deviates by $H \delta + \varepsilon$. The start is "
    r"fixed, $C_0 = 0$. Both terms of $a_1$ are traces of covariances.",
    [
        Line(
            C_next,
            "=",
            (sp.Identity(d) - alpha * H) * C * (sp.Identity(d) - alpha * H) + alpha**2 * Sigma,
            Identity(given=linearised(), means={epsilon: sp.ZeroMatrix(d, 1)}, symmetric=[H]),
            also=(Enumeration(f"{TWO_KINDS}, two steps in a row, one to three layers", weight_spreads),),
        ),
        Line(
            first_term,
            "=",
            sp.Trace(A * Sigma * A.T) + sp.Trace(A * H * C * H * A.T),
            Identity(given=linearised(), means={epsilon: sp.ZeroMatrix(d, 1)}, symmetric=[H]),
            also=(Enumeration(f"{TWO_KINDS}, {LISTED}", first_terms),),
        ),
    ],
)

terms = Step(
    "terms",
    r"How a term of the variance changes with $u$. For $u \le 1$ the terms beyond the first are bounded below.",
    [
        Line(
            sp.Derivative(a[m + i] * u ** (m + i), u),
            "=",
            u ** (m - 1) * (m + i) * a[m + i] * u**i,
            Identity(rewrite=lambda expression: sp.powsimp(sp.expand(expression))),
        ),
        Line((m + i) * (up - down) * power, ">=", -u * (m + i) * (up + down), Signs({power: u / (1 + v)})),
    ],
)

decreasing = Step(
    "decreasing",
    r"The sum of the terms: the left side is $V'(u)$. A variance is not negative, so $a_m > 0$, and the bound is "
    r"positive for $0 < u < m\, a_m / M$ (for all $u \le 1$ if $M = 0$). So **the variance strictly decreases in $b$ "
    r"from some $b_0$ on**, unless it is 0 for every $b$. Without replacement there are no batches beyond $n$, and "
    r"nothing follows from small $u$.",
    [Line(leading * (m * first + tail), ">=", leading * (m * first - u * size), Signs({tail: z - u * size}))],
)

DERIVATION = Derivation(
    "deep_linear",
    "The variance of deep linear networks",
    [
        "Weights start at a fixed $w_0$, batches are fresh and independent, and step sizes do not depend on $b$.",
        r"The loss of an example is half the squared length of $W_L \cdots W_1 x_i - y_i$.",
        "The data have as many moments as appear: at most those of order $4 (2L-1)^t$ of $x$ and $y$.",
    ],
    SYMBOLS,
    [
        one_step,
        one_batch,
        last_batch,
        gaussian_trace,
        degree,
        further,
        no_constant_term,
        first_order,
        first_coefficient,
        terms,
        decreasing,
    ],
)


def other_problem(sgd: sv.SGD) -> str | None:
    """What a process is, if not a deep linear network."""
    return None if isinstance(sgd.problem, sv.DeepLinearNetwork) else f"a {type(sgd.problem).__name__}"


def no_independent_draws(sgd: sv.SGD) -> str | None:
    """What a process violates, if it is not a deep linear network on independent draws."""
    return other_problem(sgd) or (str(sgd.design) if sgd.design.is_without_replacement else None)


def eventually(sgd: sv.SGD, step: int) -> sv.Verdict:
    """Whether the variance of one process decreases from some batch size on."""
    verdict = sv.certify_decreasing(sv.gradient_variance(sgd, step))
    if verdict.from_batch_size is None:
        return verdict
    reason = f"from b = {verdict.from_batch_size} on it never rises"
    return sv.Verdict("proved", reason, verdict.certificate, verdict.from_batch_size)


NETWORK = (
    "deep linear networks of L layers, any widths, on data with as many moments as appear; fixed start; fresh and "
    "independent batches; step sizes that do not depend on b; equal steps"
)

CLAIMS = [
    Claim(
        "deep-linear-gradient-variance-polynomial",
        "Var(A g_t) is a polynomial in 1/b of degree at most sum_{k=0}^{t} (2 (2L - 1)^k - 1), without constant term "
        "in c(b), for every step t and matrix A",
        f"{NETWORK}; with or without replacement",
        "Qian and Klabjan (arXiv 2004.13146) for N(0, I) inputs without label noise; other data and the degree "
        "derived here",
        lambda: proved(
            "each batch, averaged from the last to the first, brings in so many powers of 1/b",
            CheckedSteps.of(DERIVATION),
        ),
    ),
    Claim(
        "deep-linear-gradient-variance-decreases-eventually",
        "Var(A g_t) strictly decreases in b from some b_0 on, unless it is 0 for every b",
        f"{NETWORK}; independent draws",
        "derived here",
        lambda: proved("the first coefficient that is not 0 is positive", CheckedSteps.of(DERIVATION)),
        eventually,
        no_independent_draws,
    ),
]
"""What follows, for the register of claims."""


if __name__ == "__main__":
    print(DERIVATION.check().to_text())
