"""Deep linear networks: the variance of the gradient is a polynomial in 1/b; run this file to check every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, reduce
from itertools import combinations, combinations_with_replacement, product
from math import comb, prod
from typing import Any

import sympy as sp

import sgdvar as sv
from sgdvar.claims import CheckedSteps, Claim, proved

alpha = sp.Symbol("alpha")

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
        one_step(),
        last_batch(),
        last_gaussian_batch(),
        one_batch_averaged(),
        degree(),
        no_constant_term(),
        first_coefficient(),
        decreasing_from_some_size(),
    ]


def identity(left: Any, right: Any) -> None:
    """Checks that two polynomials, or matrices of polynomials, are the same.

    Raises:
        AssertionError: They differ.
    """
    difference = sp.Matrix([left - right]).expand()
    if not difference.is_zero_matrix:
        raise AssertionError(f"{left} = {right} is false: the difference is {difference}")


def one_step() -> Step:
    """The degree of a step in the batch and in the weights."""
    for widths in ((1, 1), (2, 2), (1, 1, 1), (2, 1, 1), (2, 2, 1), (1, 1, 1, 1), (1, 1, 1, 1, 1)):
        layers = [generic(f"w{j}_", widths[j + 1], widths[j]) for j in range(len(widths) - 1)]
        S, T = generic("s", widths[0], widths[0]), generic("t", widths[-1], widths[0])
        weights, batch = [entry for layer in layers for entry in layer], [*S, *T]
        for j, layer in enumerate(layers):
            above, below = chain(layers[j + 1 :], layer.rows), chain(layers[:j], widths[0])
            stepped = layer - alpha * above.T * (chain(layers, widths[0]) * S - T) * below.T
            degrees = [(sp.Poly(e, *batch).total_degree(), sp.Poly(e, *weights).total_degree()) for e in stepped]
            if set(degrees) != {(1, 2 * len(layers) - 1)}:
                raise AssertionError(f"a step on {widths} has the degrees {degrees} in the batch and in the weights")
    return (
        r"W_j' = W_j - \alpha\, A_j^\top R\, B_j^\top, \qquad R = P S_B - T_B, \quad S_B = \frac1b \sum_{i \in B} x_i "
        r"x_i^\top, \; T_B = \frac1b \sum_{i \in B} y_i x_i^\top",
        r"One step of SGD from weights $w = (W_1, \dots, W_L)$ to $w'$. Each entry has degree 1 in $R$. There $R$ is "
        r"multiplied with $L - 1$ layers, and $R$ has degree $L$ in the weights: **degree $2L - 1$ in the weights.** "
        r"Weight decay adds a multiple of $W_j$, which changes neither degree.",
        "the degrees of every entry in symbols, for seven networks of one to four layers",
    )


def last_batch() -> Step:
    """The law of total variance for the batch of the gradient."""
    weights = [sp.symbols("w1 w2"), sp.symbols("v1 v2")]  # equally likely
    for n in (2, 3):
        examples = [(sp.Symbol(f"x{i}"), sp.Symbol(f"y{i}")) for i in range(n)]
        own = [[gradient([example], w) for example in examples] for w in weights]
        full = [gradient(examples, w) for w in weights]
        spread = mean([variance(gradients) for gradients in own])
        for batches, factor in every_design(examples):
            every = [gradient(batch, w) for w in weights for batch in batches]
            identity(variance(every), factor * spread + variance(full))
    return (
        r"\operatorname{Var}(A g_t \mid w_0) = c(b)\, E \operatorname{tr}\bigl( A \Sigma(w_t) A^\top \bigr) + "
        r"\operatorname{Var}(A \nabla L(w_t) \mid w_0)",
        r"The law of total variance. Given $w_t$ the gradient is a batch mean, with mean $\nabla L(w_t)$ and "
        r"covariance $c(b)\, \Sigma(w_t)$, where $\Sigma$ is the covariance of one example's gradient (divisor $n$). "
        r"So the last batch needs no higher moments.",
        "exhaustive enumeration in symbols for two layers of one weight each with two possible values: n = 2 and 3, "
        "every b without replacement, b = 1 and 2 with replacement",
    )


def last_gaussian_batch() -> Step:
    """The trace of the covariance of one Gaussian example's gradient."""
    for q, r, s in ((1, 1, 1), (1, 2, 1), (2, 1, 1), (2, 2, 1)):
        Delta, D, K, N = generic("e", q, r), generic("d", q, s), symmetric("k", q), symmetric("n", r)
        xi, zeta = generic("xi", r, 1), generic("zeta", s, 1)
        R, normals = (Delta * xi - D * zeta) * xi.T, [*xi, *zeta]
        identity(normal_mean(R, normals), Delta)
        second = normal_mean(sp.Matrix([(K * R * N * R.T).trace()]), normals)[0]
        spread = (K * (Delta * Delta.T + D * D.T)).trace() * N.trace() + (K * Delta * N * Delta.T).trace()
        identity(second - (K * Delta * N * Delta.T).trace(), spread)
    return (
        r"\operatorname{tr} \Sigma(w) = \sum_{j=1}^L \Bigl( \operatorname{tr}\bigl( K_j (\Delta \Delta^\top + D "
        r"D^\top) \bigr) \operatorname{tr} N_j + \operatorname{tr}\bigl( K_j \Delta N_j \Delta^\top \bigr) \Bigr), "
        r"\qquad K_j = A_j A_j^\top, \quad N_j = B_j^\top B_j",
        r"Gaussian examples, $x = \xi$ and $y = W^* x + D \zeta$ with standard normal $\xi$ and $\zeta$, and $\Delta "
        r"= P - W^*$. The squared norm of one example's gradient in $W_j$ is $\operatorname{tr}(K_j R_1 N_j "
        r"R_1^\top)$; take its expectation by Isserlis' theorem, and subtract the square of the mean. For widths 1 "
        r"without noise, $\operatorname{tr} \Sigma = 2 \lVert \nabla L \rVert^2$.",
        "Wick enumeration in symbols for one and two inputs and outputs, every Delta, D and symmetric K and N",
    )


def one_batch_averaged() -> Step:
    """The degrees of a polynomial of the next weights, averaged over one batch."""
    for depth, most in ((1, 4), (2, 4), (3, 3)):
        for D in range(1, most + 1):
            for layers in combinations_with_replacement(range(depth), D):
                monomials = averaged_product(depth, layers).monoms()
                degrees = max(powers[0] for powers in monomials), max(sum(powers[-depth:]) for powers in monomials)
                if degrees != (D - 1, (2 * depth - 1) * D):
                    raise AssertionError(f"the weights {layers} average to degrees {degrees} in u and the weights")
    return (
        r"E[f(w') \mid w] = \sum_{i=0}^{D-1} u^i f_i(w), \qquad \deg f_i \le (2L - 1)\, D, \qquad D = \deg f \ge 1",
        r"$f$ is any polynomial of the weights. With the step put in, each term has $k \le D$ entries of $R$. A moment "
        r"of $R$ of order $k$ has degree at most $k - 1$ in $u = \frac1b$, for every design. In the entries of $P$ it "
        r"has degree at most $k$, because $R$ is affine in $P$: each $R$ still counts as degree $L$ in the weights. So "
        r"each factor of $f$ has become $2L - 1$ at most.",
        "averaged in symbols for one weight per layer and Gaussian inputs with label noise: every monomial f with "
        "D <= 4 for one and two layers, D <= 3 for three; both bounds are attained",
    )


def degree() -> Step:
    """The sum of the degrees that the batches bring in, from the last one to the first."""
    for depth, t in product(range(1, 7), range(7)):
        bound, D = 1, 2 * (2 * depth - 1)  # the last batch; the degree of tr Sigma and of the squared gradient
        for _ in range(t):
            bound, D = bound + D - 1, (2 * depth - 1) * D
        identity(bound, degree_bound(depth, t))
    for t in range(7):
        identity(degree_bound(1, t), t + 1)
        identity(degree_bound(2, t), 3 ** (t + 1) - t - 2)
    return (
        r"\deg_u \operatorname{Var}(A g_t \mid w_0) \;\le\; 1 + \sum_{k=1}^{t} \bigl( 2 (2L-1)^k - 1 \bigr) "
        r"\;=\; \sum_{k=0}^{t} \bigl( 2 (2L-1)^k - 1 \bigr)",
        r"Given $w_t$, the second moment of the gradient has degree $2(2L - 1)$ in the weights, and 1 in $u$: the last "
        r"batch. Average over $B_{t-1}, \dots, B_0$, by the previous step: before the $k$-th of them is averaged out "
        r"the degree in the weights is $2 (2L-1)^k$, so it adds at most $2 (2L-1)^k - 1$. The square of the mean "
        r"gradient has smaller degree: $2 \sum_{k=1}^t ((2L-1)^k - 1)$. For $L = 1$ the bound is $t + 1$, for $L = 2$ "
        r"it is $3^{t+1} - t - 2$.",
        "the recursion against the sum for L = 1, ..., 6 and t = 0, ..., 6, and the sum against both closed forms",
    )


def no_constant_term() -> Step:
    """Nothing varies where moments are powers of means."""
    for depth, t in CASES:
        bound = degree_bound(depth, t)
        values = {Fraction(1, b): drawn(b).variance(depth, t) for b in range(1, bound + 3)}
        check_polynomial(values, bound, Fraction(0))
        if bound <= 10:
            n = 2 * bound + 4
            values = {Fraction(1, b): drawn(b, n).variance(depth, t) for b in range(1, bound + 3)}
            check_polynomial(values, bound, Fraction(1, n))
    return (
        r"\operatorname{Var}(A g_t \mid w_0) = 0 \quad\text{at } u = 0 \text{ (independent draws)}, \quad\text{at } "
        r"u = \tfrac1n \text{ (without replacement)}",
        r"There the polynomials for moments of order $k$ are powers of the mean. So averaging puts the mean in the "
        r"place of every $R$: the expectation of a polynomial is its value along gradient descent, and "
        r"$E \lVert A g_t \rVert^2 = \lVert E\, A g_t \rVert^2$. The variance has **no constant term in $c(b)$**, in "
        r"any design.",
        "exhaustive enumeration in rational numbers of all batches of two kinds of examples, half of them each: the "
        "polynomial of the largest degree allowed through the first values goes through the next one and through 0; "
        "(L, t) = " + ", ".join(map(str, CASES)) + "; without replacement up to degree 10",
    )


def first_coefficient() -> Step:
    """The first-order noise: what is left of the variance in large batches."""
    for depth, t in CASES:
        bound = degree_bound(depth, t)
        slope = {Fraction(1, b): b * drawn(b).variance(depth, t) for b in range(1, bound + 1)}
        identity(sp.S(extrapolated(slope, Fraction(0))), first_order_noise(depth, t))
    return (
        r"\operatorname{Var}(A g_t \mid w_0) &= u \sum_{s=0}^{t} \operatorname{tr}\bigl( K_s \Sigma(\bar w_s) "
        r"K_s^\top \bigr) + O(u^2), \qquad K_t = A, \\ K_s &= -\alpha_s A\, \nabla^2 L(\bar w_t) \bigl( I - "
        r"\alpha_{t-1} \nabla^2 L(\bar w_{t-1}) \bigr) \cdots \bigl( I - \alpha_{s+1} \nabla^2 L(\bar w_{s+1}) \bigr)",
        r"For independent draws; $\bar w_s$ is gradient descent from $w_0$. To first order in $u$ a moment is "
        r"$\kappa_1^k + \binom k2 \kappa_1^{k-2} \kappa_2\, u$, so the average of $f$ over a batch is $f$ at the mean "
        r"plus $\frac u2 \langle \operatorname{Cov}, \nabla^2 f \rangle$. In $E f^2 - (E f)^2$ what remains is "
        r"$u\, \nabla f^\top \operatorname{Cov} \nabla f$ for every batch: $K_s$ is the derivative of $A g_t$ by the "
        r"noise of $g_s$ (chain rule). No trace is negative.",
        "the polynomials of the previous step against the formula, in rational numbers",
    )


def decreasing_from_some_size() -> Step:
    """The sign of the derivative for small u."""
    v = sp.Symbol("v")
    for m, top in product((1, 2, 3), (4, 6)):
        up, down = sp.symbols(f"p{m}:{top + 1}"), sp.symbols(f"q{m}:{top + 1}")
        a, size = [p - q for p, q in zip(up, down, strict=True)], [p + q for p, q in zip(up, down, strict=True)]
        u = 1 / (1 + v)
        derivative = sum((m + i) * a[i] * u ** (m + i - 1) for i in range(len(a)))
        bound = u ** (m - 1) * (m * a[0] - u * sum((m + i) * size[i] for i in range(1, len(a))))
        difference = sp.Poly(sp.cancel((derivative - bound) * (1 + v) ** top), v, *up, *down)
        if min(difference.coeffs()) < 0:
            raise AssertionError(f"the bound has a negative coefficient at m = {m}: {difference}")
    return (
        r"V'(u) \ge u^{m-1} \Bigl( m\, a_m - u \sum_{k > m} k\, |a_k| \Bigr) > 0 \quad\text{for}\quad 0 < u \le 1, \; "
        r"u \sum_{k > m} k\, |a_k| < m\, a_m",
        r"$V = a_m u^m + a_{m+1} u^{m+1} + \dots$ with $a_m \ne 0$, for independent draws. A variance is not negative, "
        r"so $a_m > 0$. Hence **from some $b_0$ on the variance strictly decreases in $b$**, unless it is 0 for every "
        r"$b$. Without replacement there are no batches beyond $n$, and nothing follows from small $u$.",
        "the signs of all coefficients of the difference, in 1/u - 1 and the positive and negative parts of a_k, for "
        "m = 1, 2, 3 and degrees 4 and 6",
    )


CASES = ((1, 1), (1, 2), (2, 0), (2, 1), (2, 2), (3, 1))  # layers and steps


def averaged_product(depth: int, layers: Sequence[int]) -> Any:
    """The expectation of a product of weights after a step on a Gaussian batch, one weight per layer."""
    ring, u, a, teacher, noise, R, *w = sp.ring(
        ["u", "alpha", "w*", "sigma2", "R", *(f"w{j}" for j in range(depth))], sp.QQ
    )
    stepped = [w[j] - a * R * d for j, d in enumerate(slopes(w))]
    gap, moments, total = prod(w) - teacher, [ring.one], ring.zero
    for k in range(1, len(layers) + 1):  # the recurrence for one output and one input, where E R^k = k! M_k
        before = moments[k - 2] if k > 1 else ring.zero
        moments.append((2 * (k - 1) * u + 1) * gap * moments[k - 1] + (k - 1) * u * ((k - 2) * u + 1) * noise * before)
    for powers, coefficient in prod(stepped[j] for j in layers).terms():
        total += ring({(*powers[:4], 0, *powers[5:]): coefficient}) * moments[powers[4]]
    return total


def slopes(weights: Sequence[Any]) -> list[Any]:
    """The derivatives of the product of the weights."""
    return [prod(weights[:j]) * prod(weights[j + 1 :]) for j in range(len(weights))]


@dataclass(frozen=True)
class Enumeration:
    """Batches of two kinds of examples, half of them each, and one weight per layer.

    Attributes:
        shares: The probability of each share that the first kind can have in a batch.
        factor: The variance factor c(b).
    """

    shares: Sequence[tuple[Fraction, Fraction]]
    factor: Fraction

    def variance(self, depth: int, t: int) -> Fraction:
        """The variance of the gradient at step t."""
        states = [(Fraction(1), START[:depth])]
        for _ in range(t):
            states = [(mass * p, moved(weights, share)) for mass, weights in states for p, share in self.shares]
        total, average = Fraction(0), [Fraction(0)] * depth
        for mass, weights in states:
            one, other = batch_gradient(weights, Fraction(1)), batch_gradient(weights, Fraction(0))
            full = [(g + h) / 2 for g, h in zip(one, other, strict=True)]
            half = [(g - h) / 2 for g, h in zip(one, other, strict=True)]
            total += mass * (squared(full) + self.factor * squared(half))
            average = [m + mass * g for m, g in zip(average, full, strict=True)]
        return total - squared(average)


START, STEP_SIZE = [Fraction(3, 2), Fraction(-1, 2), Fraction(2, 3)], Fraction(1, 3)
KINDS = ((Fraction(1), Fraction(1, 2)), (Fraction(2), Fraction(-1)))  # inputs and targets


def drawn(b: int, n: int | None = None) -> Enumeration:
    """Batches of size b: independent draws, or without replacement from n examples."""
    if n is None:
        return Enumeration([(Fraction(comb(b, k), 2**b), Fraction(k, b)) for k in range(b + 1)], Fraction(1, b))
    half = n // 2
    shares = [(Fraction(comb(half, k) * comb(half, b - k), comb(n, b)), Fraction(k, b)) for k in range(b + 1)]
    return Enumeration(shares, Fraction(n - b, b * (n - 1)))


def moved(weights: Sequence[Fraction], share: Fraction) -> list[Fraction]:
    """The weights after a step on such a batch."""
    return [w - STEP_SIZE * g for w, g in zip(weights, batch_gradient(weights, share), strict=True)]


def squared(vector: Sequence[Fraction]) -> Fraction:
    """The squared length."""
    return sum((entry**2 for entry in vector), Fraction(0))


def batch_gradient(weights: Sequence[Fraction], share: Fraction) -> list[Fraction]:
    """The gradient of a batch in which the first kind has this share."""
    P = prod(weights, start=Fraction(1))
    (x, y), (other_x, other_y) = KINDS
    R = share * (P * x - y) * x + (1 - share) * (P * other_x - other_y) * other_x
    return [R * d for d in slopes(weights)]


def first_order_noise(depth: int, t: int) -> Any:
    """The coefficient of u in closed form, for the two kinds of examples."""
    w = sp.Matrix(sp.symbols(f"w1:{depth + 1}"))
    gradients = [sp.Matrix([(prod(w) * x - sp.S(y)) * x * d for d in slopes(list(w))]) for x, y in KINDS]
    descent, half = (gradients[0] + gradients[1]) / 2, (gradients[0] - gradients[1]) / 2
    hessian, step_size = descent.jacobian(w), sp.S(STEP_SIZE)
    carried: list[Any] = []  # what the noise of each gradient has done to the weights
    here = dict(zip(w, START, strict=False))
    for _ in range(t):
        noise, H = half.subs(here), hessian.subs(here)
        carried = [vector - step_size * H * vector for vector in carried] + [-step_size * noise]
        here = dict(zip(w, sp.Matrix(list(here.values())) - step_size * descent.subs(here), strict=True))
    noises = [half.subs(here), *(hessian.subs(here) * vector for vector in carried)]
    return sum((noise.T * noise)[0] for noise in noises)


def check_polynomial(values: dict[Fraction, Fraction], bound: int, zero: Fraction) -> None:
    """Checks that values at bound + 2 points are those of a polynomial of this degree that vanishes at ``zero``."""
    *nodes, last = values
    known = {node: values[node] for node in nodes}
    identity(sp.S(extrapolated(known, last)), sp.S(values[last]))
    identity(sp.S(extrapolated(known, zero)), 0)


def extrapolated(values: dict[Fraction, Fraction], point: Fraction) -> Fraction:
    """The polynomial through these values at a point (Lagrange)."""
    total = Fraction(0)
    for node, value in values.items():
        factors = [(point - other) / (node - other) for other in values if other != node]
        total += value * prod(factors, start=Fraction(1))
    return total


def degree_bound(depth: int, t: int) -> int:
    """The bound on the degree in 1/b."""
    return sum(2 * (2 * depth - 1) ** k - 1 for k in range(t + 1))


def gradient(batch: Sequence[tuple[Any, Any]], w: Sequence[Any]) -> Any:
    """The gradient of the mean loss of a batch for two layers of one weight, by the chain rule."""
    return mean([(w[0] * w[1] * x - y) * x for x, y in batch]) * sp.Matrix([w[1], w[0]])


def every_design(items: Sequence[Any]) -> list[tuple[list[tuple[Any, ...]], Any]]:
    """All equally likely batches, and c(b): every b without replacement, b = 1 and 2 with replacement."""
    n = len(items)
    subsets = [(list(combinations(items, b)), sp.Rational(n - b, b * (n - 1))) for b in range(1, n + 1)]
    sequences = [(list(product(items, repeat=b)), sp.Rational(1, b)) for b in (1, 2)]
    return subsets + sequences


def variance(vectors: Sequence[Any]) -> Any:
    """The trace of the covariance of equally likely vectors."""
    average = mean(vectors)
    return mean([(vector.T * vector)[0] for vector in vectors]) - (average.T * average)[0]


def normal_mean(matrix: Any, normals: Sequence[Any]) -> Any:
    """The expectation of a matrix of polynomials in independent standard normal variables."""

    def expectation(entry: Any) -> Any:
        terms = sp.Poly(entry, *normals).terms()
        return sum(a * prod(0 if k % 2 else prod(range(1, k, 2)) for k in powers) for powers, a in terms)

    return matrix.applyfunc(expectation)


def chain(layers: Sequence[Any], size: int) -> Any:
    """The product of layers, the last one leftmost; the identity if there are none."""
    return reduce(lambda product, layer: layer * product, layers, sp.eye(size))


def generic(name: str, rows: int, columns: int) -> Any:
    """A matrix of symbols."""
    return sp.Matrix(rows, columns, lambda i, j: sp.Symbol(f"{name}{i + 1}{j + 1}"))


def symmetric(name: str, size: int) -> Any:
    """A symmetric matrix of symbols."""
    return sp.Matrix(size, size, lambda i, j: sp.Symbol(f"{name}{min(i, j) + 1}{max(i, j) + 1}"))


def mean(items: Sequence[Any]) -> Any:
    """The mean of numbers or matrices."""
    return reduce(lambda left, right: left + right, items) / sp.Integer(len(items))


@cache
def checked() -> CheckedSteps:
    """The evidence that every step was checked, once for all claims of this file."""
    return CheckedSteps.of(__file__, steps())


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
        "Qian and Klabjan (arXiv 2004.13146) for N(0, I) inputs without label noise; other data and the degree derived "
        "here",
        lambda: proved("each batch, averaged from the last to the first, brings in so many powers of 1/b", checked()),
    ),
    Claim(
        "deep-linear-gradient-variance-decreases-eventually",
        "Var(A g_t) strictly decreases in b from some b_0 on, unless it is 0 for every b",
        f"{NETWORK}; independent draws",
        "derived here",
        lambda: proved("the first coefficient that is not 0 is positive", checked()),
        eventually,
        no_independent_draws,
    ),
]
"""What follows, for the register of claims."""


if __name__ == "__main__":
    for number, (statement, _, how) in enumerate(steps(), 1):
        print(f"{number}. {statement}\n   checked: {how}\n")
