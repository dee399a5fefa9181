"""Networks of one weight per layer on normal inputs, in closed form; run this file to check every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import accumulate, product
from math import factorial, prod
from operator import mul
from typing import Any

import sympy as sp

import sgdvar as sv
from sgdvar.claims import (
    CheckedSteps,
    Claim,
    Finding,
    Proof,
    by_search,
    proved,
)

u, s = sp.symbols("u s")
DEPTHS = (2, 3, 4)  # the layers for which the variance is shown to decrease

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
        moments_of_a_batch(),
        gradient_and_variance(),
        degree_attained(),
        two_layers(),
        powers_of_the_step(),
        quadratic_form(),
        leading_minors(),
        five_layers(),
    ]


def identity(left: Any, right: Any) -> None:
    """Checks that two polynomials are the same.

    Raises:
        AssertionError: They differ.
    """
    difference = sp.expand(left - right)
    if difference != 0:
        raise AssertionError(f"{left} = {right} is false: the difference is {difference}")


def moments_of_a_batch() -> Step:
    """The moments of the mean of squares of normal variables."""
    for b in range(1, 5):
        xi = sp.symbols(f"xi1:{b + 1}")
        square = sp.Poly(sum(x**2 for x in xi) / sp.Integer(b), *xi)
        for k in range(6):
            exact = sum(a * prod(prod(range(1, power, 2)) for power in powers) for powers, a in (square**k).terms())
            identity(exact, moment(k).subs(u, sp.Rational(1, b)))
    return (
        r"E\, s^k = m_k := \prod_{j<k} (1 + 2 j u) = \dots + 2^{k-1} (k-1)!\, u^{k-1}, \qquad "
        r"s = \frac1b \sum_{i \in B} x_i^2, \quad u = \frac1b",
        r"Inputs are $N(0, 1)$ and independent, so $b s$ is $\chi^2$ with $b$ degrees of freedom.",
        "Wick enumeration for b = 1, ..., 4 and k up to 5",
    )


def gradient_and_variance() -> Step:
    """The gradient of a batch and the variance of its last factor."""
    for depth in (1, 2, 3, 4):
        w, teacher = sp.symbols(f"w1:{depth + 1}"), sp.Symbol("w*")
        x = sp.Symbol("x")
        loss = (prod(w) * x - teacher * x) ** 2 / 2
        for weight, slope in zip(w, slopes(w), strict=True):
            identity(loss.diff(weight), (prod(w) - teacher) * x**2 * slope)
    G = sp.Symbol("G")
    identity(expectation(s**2 * G**2) - expectation(s * G) ** 2, (1 + 2 * u) * G**2 - G**2)
    return (
        r"g_t &= \rho_t\, s_t\, \partial P(w_t), \qquad P = w_1 \cdots w_L, \quad \partial P = (P / w_j)_j, \quad "
        r"\rho_t = P(w_t) - w^*, \\ \operatorname{Var}(g_t \mid w_0) &= (1 + 2 u)\, E \lVert G_t \rVert^2 - \lVert E\, "
        r"G_t \rVert^2, \qquad G_t = \rho_t\, \partial P(w_t)",
        r"One weight per layer, no label noise: $y = w^* x$. The batch enters through $s_t$, which is independent of "
        r"$w_t$, with mean 1 and second moment $1 + 2u$.",
        "the gradient in symbols for one to four layers",
    )


def degree_attained() -> Step:
    """The highest coefficient of the variance, which is positive."""
    for depth, t in ((1, 0), (1, 1), (2, 0), (2, 1), (3, 1)):
        network = Network.of(depth)
        network.check_highest(network.weights, t)
    for depth, t in ((1, 2), (2, 2), (4, 1), (5, 1)):
        network = Network.of(depth, alpha=sp.Rational(1, 3), teacher=sp.Rational(-1, 2))
        network.check_highest([network.ring(sp.Rational(j + 2, 2)) for j in range(depth)], t)
    return (
        r"\operatorname{Var}(g_t \mid w_0) &= \dots + 2\, u^{d_t}\; T\bigl( h_{t-1} \circ \cdots \circ h_1 (\alpha_0 "
        r"\rho_0\, \partial P(w_0)) \bigr) \prod_{k=1}^{t} 2^{D_k - 1} (D_k - 1)! \\ T(w) &= P^2\, \lVert \partial P "
        r"\rVert^2, \qquad h_r(w) = \alpha_r P\, \partial P, \qquad D_k = 2 (2L-1)^k, \qquad d_t = \sum_{k=0}^{t} "
        r"\bigl( 2 (2L-1)^k - 1 \bigr)",
        r"So the bound $d_t$ on the degree **is attained for every $L$ and $t \ge 1$** (and for $t = 0$, where "
        r"$\operatorname{Var}(g_0) = 2 u \lVert G_0 \rVert^2$). To reach it, every average must be over the highest "
        r"power of $s$. That comes from the terms of highest degree in the weights: $T$ in $\lVert G \rVert^2$, and "
        r"$-s\, h_r(w)$ in the next weights. $T$ is a sum of squares of monomials, so the coefficient is positive, "
        r"unless a step size, a weight of $w_0$ or $\rho_0$ is 0.",
        "the whole polynomial in symbols for t = 0 with one and two layers and for t = 1 with one to three; in "
        "rational numbers for t = 1 with four and five layers and for t = 2 with one and two",
    )


def two_layers() -> Step:
    """Two layers after one step, in closed form."""
    w1, w2, teacher, alpha = sp.symbols("w1 w2 w* alpha")
    rho = w1 * w2 - teacher
    next_weights = w1 - alpha * rho * s * w2, w2 - alpha * rho * s * w1
    gap = sp.prod(next_weights) - teacher
    G = [gap * weight for weight in next_weights]
    variance = (1 + 2 * u) * sum(expectation(g**2) for g in G) - sum(expectation(g) ** 2 for g in G)
    values = {NORM: w1**2 + w2**2, PRODUCT: w1 * w2, EPSILON: alpha * rho, RHO: rho}
    identity(variance, closed_form().subs(values, simultaneous=True))
    return (
        r"\operatorname{Var}(g_1 \mid w_0) &= (1 + 2u)\, E\bigl[ r^2 q \bigr] - \lVert w \rVert^2\, (E\, r)^2 + 4 "
        r"\varepsilon P\, (E\, r)(E\, r s) - \varepsilon^2 \lVert w \rVert^2\, (E\, r s)^2, \\ r &= \rho - "
        r"\varepsilon \lVert w \rVert^2 s + \varepsilon^2 P s^2, \qquad q = \lVert w \rVert^2 - 4 \varepsilon P s + "
        r"\varepsilon^2 \lVert w \rVert^2 s^2, \\ \rho &= w_1 w_2 - w^*, \quad \varepsilon = \alpha \rho, \quad P = "
        r"w_1 w_2 \qquad (L = 2,\ t = 1)",
        r"The step leads to $w_1' = w_1 - \varepsilon s\, w_2$ and $w_2' = w_2 - \varepsilon s\, w_1$. So $r = "
        r"w_1' w_2' - w^*$ and $q = \lVert w' \rVert^2$. Put in $E\, s^k = m_k$.",
        "in symbols, every start, teacher and step size",
    )


def powers_of_the_step() -> Step:
    """Which powers of alpha rho each coefficient has."""
    coefficients = sp.Poly(closed_form(), u).all_coeffs()[::-1]
    identity(coefficients[0], 0)
    identity(coefficients[6], 7680 * EPSILON**6 * PRODUCT**2 * NORM)
    for k in range(2, 7):
        lowest = min(powers[0] for powers in sp.Poly(coefficients[k], EPSILON).monoms())
        if lowest != k:
            raise AssertionError(f"the coefficient of u^{k} has the lowest power {lowest} of alpha rho")
    identity(coefficients[4].subs({NORM: 2, PRODUCT: 1, RHO: 1, EPSILON: sp.Rational(1, 2)}), -sp.Rational(33, 2))
    return (
        r"\operatorname{Var}(g_1 \mid w_0) = a_1 u + \sum_{k=2}^{6} a_k u^k, \qquad a_k = \bigl( \alpha (w_1 w_2 - "
        r"w^*) \bigr)^k \cdot (\dots) \quad (k \ge 2), \qquad a_6 = 7680\, \varepsilon^6 P^2 \lVert w \rVert^2",
        r"$E\, s^k$ has degree $k - 1$, so $u^k$ comes with $\varepsilon^k$ at least: higher powers of $\frac1b$ are "
        r"higher powers of the step. Coefficients can be negative, $a_4 = -\frac{33}{2}$ for $w_0 = (1, 1)$, $w^* = 0$ "
        r"and $\alpha = \frac12$: unlike for linear regression, signs do not settle whether the variance decreases.",
        "all coefficients in symbols",
    )


def quadratic_form() -> Step:
    """The variance as quadratic forms in the coefficients of polynomials of s."""
    alpha, teacher = sp.Rational(2, 3), sp.Rational(-1, 2)
    for depth in (1, 2, 3, 4, 5):
        w, size = [sp.Rational(j + 2, 3) for j in range(depth)], 2 * depth
        stepped = [weight - alpha * (prod(w) - teacher) * s * d for weight, d in zip(w, slopes(w), strict=True)]
        G = [sp.Poly((prod(stepped) - teacher) * d, s) for d in slopes(stepped)]
        vectors = [sp.Matrix(polynomial.all_coeffs()[::-1]) for polynomial in G]
        if {len(vector) for vector in vectors} != {size}:
            raise AssertionError(f"G does not have degree {size - 1} in s for {depth} layers")
        N = sp.Matrix(size, size, lambda i, k: (1 + 2 * u) * moment(i + k) - moment(i) * moment(k))
        network = Network.of(depth, alpha, teacher)
        variance = network.variance([network.ring(weight) for weight in w], 1)
        identity(variance.as_expr(), sum((vector.T * N * vector)[0] for vector in vectors))
    return (
        r"\operatorname{Var}(g_1 \mid w_0) = \sum_{j=1}^L a^{(j)\top} N(u)\, a^{(j)}, \qquad N(u)_{ik} = (1 + 2u)\, "
        r"m_{i+k} - m_i m_k, \quad i, k = 0, \dots, 2L - 1",
        r"After one step the entries of $G_1$ are polynomials of $s_0$ of degree $2L - 1$, with coefficients $a^{(j)}$ "
        r"that do not depend on $b$. (With a matrix $A$, those of $A G_1$.)",
        "the whole polynomial in u in rational numbers, for one to five layers",
    )


def leading_minors() -> Step:
    """The derivative of the quadratic form is positive definite."""
    exponents = []
    for size in range(1, 2 * max(DEPTHS) + 1):
        minor = minors()[size - 1]
        if min(minor.coeffs()) <= 0:
            raise AssertionError(f"the leading minor of order {size} has a coefficient that is not positive: {minor}")
        exponents.append(min(powers[0] for powers in minor.monoms()))
    return (
        r"\det \bigl( N'(u)_{ik} \bigr)_{0 \le i, k < r} = u^{e_r} \cdot (\text{a polynomial with positive "
        r"coefficients}), \qquad (e_1, \dots, e_8) = (" + ", ".join(map(str, exponents)) + ")",
        r"All leading minors are positive for $u > 0$, so $N'(u)$ is positive definite (Sylvester), and "
        r"$\operatorname{Var}(g_1 \mid w_0)$ increases in $u$. **For two, three and four layers it decreases in $b$, "
        r"for all $b$, weights, teachers and step sizes**, strictly unless $G_1 = 0$ for every batch.",
        "the minors of order 1 to 8 as polynomials in u, by fraction-free elimination: their coefficients",
    )


def five_layers() -> Step:
    """Where the argument ends."""
    for minor in minors()[8:]:
        x = minor.ring.gens[0]
        shifted = minor.compose(x, x + sp.QQ(1, 36))
        if min(shifted.coeffs()) <= 0:
            raise AssertionError(f"a leading minor in u - 1/36 has a coefficient that is not positive: {shifted}")
    if minors()[9].evaluate(0, sp.Rational(1, 100)) >= 0:
        raise AssertionError("the leading minor of order 10 is not negative at u = 1/100")
    return (
        r"\det \bigl( N'(u)_{ik} \bigr)_{0 \le i, k < r} > 0 \quad (r = 9, 10,\; u \ge \tfrac{1}{36}), \qquad "
        r"\det \bigl( N'(\tfrac{1}{100})_{ik} \bigr)_{0 \le i, k < 10} < 0",
        r"So for five layers the variance decreases in $b$ up to $b = 36$ at least. For larger $b$ the argument fails: "
        r"$N'(u)$ is not positive definite. Whether the variance itself can increase there is not settled: "
        r"the $a^{(j)}$ are not any vectors.",
        "the minors of order 9 and 10 in powers of u - 1/36: their coefficients; the one at 1/100 evaluated",
    )


NORM, PRODUCT, EPSILON, RHO = sp.symbols("norm P epsilon rho")


def closed_form() -> Any:
    """The variance for two layers after one step."""
    r, q = (
        RHO - EPSILON * NORM * s + EPSILON**2 * PRODUCT * s**2,
        NORM - 4 * EPSILON * PRODUCT * s + EPSILON**2 * NORM * s**2,
    )
    first, second = expectation(r), expectation(r * s)
    square = NORM * first**2 - 4 * EPSILON * PRODUCT * first * second + EPSILON**2 * NORM * second**2
    return sp.expand((1 + 2 * u) * expectation(r**2 * q) - square)


def moment(k: int) -> Any:
    """E s^k."""
    return prod((1 + 2 * j * u for j in range(k)), start=sp.S.One)


def expectation(polynomial: Any) -> Any:
    """The expectation of a polynomial of s."""
    return sp.expand(sum(a * moment(powers[0]) for powers, a in sp.Poly(polynomial, s).terms()))


@cache
def minors() -> list[Any]:
    """The leading minors of order 1 to 10 of the derivative of N(u), by Bareiss' elimination."""
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

    def check_highest(self, weights: Sequence[Any], t: int) -> None:
        """Checks the degree of the variance and its highest coefficient."""
        depth, variance = len(weights), self.variance(weights, t)
        highest, point = self.ring(2), list(weights)
        for k in range(1, t + 1):
            D = 2 * (2 * depth - 1) ** k
            factor = self.alpha * (prod(point) - (self.teacher if k == 1 else 0))
            point = [factor * d for d in slopes(point)]
            highest *= 2 ** (D - 1) * factorial(D - 1)
        highest *= (prod(point) - (0 if t else self.teacher)) ** 2 * sum(d**2 for d in slopes(point))
        top = sum(2 * (2 * depth - 1) ** k - 1 for k in range(t + 1))
        identity(variance.degree(), top)
        found = {(0, *powers[1:]): a for powers, a in variance.terms() if powers[0] == top}
        identity((self.ring(found) - highest).as_expr(), 0)


@cache
def checked() -> CheckedSteps:
    """The evidence that every step was checked, once for all claims of this file."""
    return CheckedSteps.of(__file__, steps())


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
        "the variance is a quadratic form, and the derivative of its matrix is positive definite", *found, checked()
    )


def beyond_four_layers() -> Finding:
    """Settles the claim for five layers, as far as it goes.

    Raises:
        AssertionError: The certificate goes further than the derivation.
    """
    checked()
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
    return proved("the highest coefficient is a sum of squares, up to a positive factor: 1, 6, 23 for L = 2", checked())


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
    for number, (statement, _, how) in enumerate(steps(), 1):
        print(f"{number}. {statement}\n   checked: {how}\n")
