"""Deep linear networks whose gradient variance increases with the batch size; run this file to check every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations, product
from math import prod
from typing import Any

import sympy as sp

import sgdvar as sv
from sgdvar.claims import CheckedSteps, Claim, Counterexample, Finding, by_search, refuted

mu, s, p = sp.symbols("mu s p", positive=True)
alpha, k = sp.symbols("alpha k")

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
        every_single_example_at_the_minimum(),
        every_batch_enumerated(),
        any_batch_size(),
        stable_for_the_mean(),
        rotation(),
        one_example_has_rank_one(),
        more_variance_with_two(),
        stable_at_the_start(),
    ]


def identity(left: Any, right: Any) -> None:
    """Checks that two rational functions, or matrices of them, are the same.

    Raises:
        AssertionError: They differ.
    """
    difference = sp.Matrix([left - right]).applyfunc(lambda entry: sp.cancel(sp.together(entry)))
    if not difference.is_zero_matrix:
        raise AssertionError(f"{left} = {right} is false: the difference is {difference}")


def one_step() -> Step:
    """Where a step leads from one start."""
    w1, w2 = moved(mu, 1, 1 / mu**2, s)
    identity(w1, (mu**2 - s) / mu)
    identity(w2, 1 - s)
    return (
        r"(w_1, w_2) = (\mu, 1) \;\longmapsto\; \Bigl( \frac{\mu^2 - s}{\mu},\; 1 - s \Bigr), \qquad w_1' w_2' = "
        r"\frac{(1 - s)(\mu^2 - s)}{\mu}, \qquad s = \frac1b \sum_{i \in B} x_i^2",
        r"Two layers of one weight each, all targets 0, step size $\alpha = 1 / \mu^2$. The gradient of a batch is "
        r"$s\, w_1 w_2\, (w_2, w_1)$, and every point on an axis is a global minimum, for every batch. As a function "
        r"of $s$ the next weights run along a line, which meets the axes at $s = 1$ and at $s = \mu^2$.",
        "identity of rational functions in mu and s",
    )


def every_single_example_at_the_minimum() -> Step:
    """The variance at b = 1 and b = 2 for inputs 1 and mu."""
    atoms = [(1 - p, sp.S.One), (p, mu**2)]
    for b in (1, 2):
        draws = [(prod(mass for mass, _ in d), sum(x for _, x in d) / b) for d in product(atoms, repeat=b)]
        second, mean = 0, sp.zeros(2, 1)
        for (first_mass, first), (last_mass, last) in product(draws, repeat=2):
            w1, w2 = moved(mu, 1, 1 / mu**2, first)
            g = last * w1 * w2 * sp.Matrix([w2, w1])
            second, mean = second + first_mass * last_mass * (g.T * g)[0], mean + first_mass * last_mass * g
        variance = second - (mean.T * mean)[0]
        m, mixed = 1 + p * (mu**2 - 1), 2 * p * (1 - p)
        square = m**2 + p * (1 - p) * (mu**2 - 1) ** 2 / 2
        value = (mu**2 - 1) ** 6 * (mu**2 + 1) / (64 * mu**4) * (mixed * square - mixed**2 * m**2)
        identity(variance, value if b == 2 else 0)
    return (
        r"V(1) &= 0, \\ V(2) &= \frac{(\mu^2 - 1)^6 (\mu^2 + 1)}{64\, \mu^4} \Bigl( \beta\, \bigl( m^2 + \tfrac14 "
        r"\beta (\mu^2 - 1)^2 \bigr) - \beta^2 m^2 \Bigr) > 0, \qquad m = 1 + p (\mu^2 - 1), \quad \beta = 2 p (1 - p)",
        r"$V(b) = \operatorname{Var}(g_1 \mid w_0)$ for inputs $1$ and $\mu > 1$ that are drawn with probabilities $1 "
        r"- p$ and $p$. A batch of one example has $s = 1$ or $s = \mu^2$: **either leads to a minimum, where every "
        r"gradient is 0.** A batch of both examples (probability $\beta$) has $s$ in between, leads to a point between "
        r"the two valleys and has a large gradient there. Minima of one network do not form a convex set; averaging "
        r"two good steps makes a bad one.",
        "enumeration of all batches in symbols, every p and mu; V(2) > 0 because beta < 1",
    )


def every_batch_enumerated() -> Step:
    """The same for four examples, batches without replacement, and for two examples with replacement."""
    start = Fraction(2), Fraction(1), Fraction(1, 4)
    values = [enumerated(start, subsets([1, 1, 2, 2], b)) for b in range(1, 5)]
    drawn = [enumerated(start, list(product([1, 2], repeat=b))) for b in range(1, 5)]
    if values[0] != 0 or values[3] != 0 or min(values[1:3]) <= 0 or drawn[0] != 0 or min(drawn[1:]) <= 0:
        raise AssertionError(
            f"the variances should vanish at b = 1, and at b = n without replacement: {values}, {drawn}"
        )
    shown = [
        ", ".join(rf"\tfrac{{{v.numerator}}}{{{v.denominator}}}" if v.denominator > 1 else str(v) for v in row)
        for row in (drawn, values)
    ]
    return (
        rf"V(1), \dots, V(4) &= {shown[0]} \qquad (x \in \{{1, 2\}} \text{{ with replacement}}) \\ "
        rf"V(1), \dots, V(4) &= {shown[1]} \qquad (x \in \{{1, 1, 2, 2\}} \text{{ without replacement}})",
        r"$\mu = 2$: inputs 1 and 2, targets 0, start $(2, 1)$, step size $\frac14$.",
        "exhaustive enumeration of both batches, b = 1, ..., 4",
    )


def any_batch_size() -> Step:
    """A batch size of any size at which the variance vanishes."""
    B, x = sp.symbols("B x", positive=True)
    identity(((B - 1) + x**2).subs(x, sp.sqrt(1 + B * (mu**2 - 1))) / B, mu**2)
    for size, rare in ((1, 2), (5, 4), (8, 5)):
        n = size + 3
        identity(rare**2, 1 + size * 3)
        start = Fraction(2), Fraction(1), Fraction(1, 4)
        values = [enumerated(start, subsets([1] * (n - 1) + [rare], b)) for b in range(1, n + 1)]
        if [b for b, value in enumerate(values, 1) if value == 0] != [size, n] or min(values) < 0:
            raise AssertionError(f"the variance should vanish at b = {size} and b = {n} only: {values}")
    return (
        r"V(B) = 0 < V(B + 1), \qquad x_1 = \dots = x_{n-1} = 1, \quad x_n^2 = 1 + B (\mu^2 - 1), \quad n > B + 1",
        r"$n$ examples without replacement, one of which is rare. A batch of $b$ has $s = 1$, or with the rare "
        r"example $s = 1 + \frac Bb (\mu^2 - 1)$: at $b = B$ that is $\mu^2$, and every batch leads to a minimum. At "
        r"every other $b < n$ batches with the rare example do not. **So the variance can increase at a batch size as "
        r"large as one likes**: for $\mu = 2$ all numbers are integers when $3 B + 1$ is a square, $B = 1, 5, 8, 16, "
        r"21, 33, \dots$",
        "the sum of squares in symbols; exhaustive enumeration of both batches at every b for mu = 2, B = 1, 5 and 8, "
        "n = B + 3",
    )


def stable_for_the_mean() -> Step:
    """The stability of the minimum for gradient descent on the mean loss."""
    w1, w2, mean = sp.symbols("w1 w2 sbar")
    hessian = sp.hessian(mean * (w1 * w2) ** 2 / 2, (w1, w2)).subs(w2, 0)
    identity(hessian, sp.diag(0, mean * w1**2))
    B, n = sp.symbols("B n", positive=True)
    identity((n - 1 + 1 + B * (mu**2 - 1)) / n, 1 + B * (mu**2 - 1) / n)
    return (
        r"\nabla^2 L(w, 0) = \begin{pmatrix} 0 & 0 \\ 0 & \bar s\, w^2 \end{pmatrix}, \qquad \alpha\, \bar s\, w^2 \le "
        r"\bar s = 1 + \tfrac Bn (\mu^2 - 1) < 2 \quad\text{for}\quad |w| \le \mu, \; n > B (\mu^2 - 1)",
        r"None of this needs a step size at which gradient descent would diverge: with $\bar s$ the mean of $x^2$, the "
        r"minima $(w, 0)$ with $|w| \le \mu$ are stable for the mean loss once the rare example is rare enough.",
        "the Hessian in symbols",
    )


def rotation() -> Step:
    """One step from the identity towards a teacher that rotates."""
    S = sp.Matrix(2, 2, sp.symbols("s11 s12 s12 s22"))
    teacher, R = sp.eye(2) - k * TURN, k * TURN * S
    W = sp.eye(2) - alpha * R
    identity(sp.eye(2) - teacher, k * TURN)
    identity(TURN * S * TURN, -S.adjugate())
    identity(W * W - teacher, k * TURN - 2 * alpha * k * TURN * S - alpha**2 * k**2 * S.det() * sp.eye(2))
    x = sp.Matrix(sp.symbols("x1 x2"))
    identity(x.T * TURN * x, sp.zeros(1, 1))
    identity((x * x.T).det(), 0)
    return (
        r"W_1' = W_2' = I - \alpha k J S, \qquad W_2' W_1' - W^* = k J - 2 \alpha k J S - \alpha^2 k^2 \det(S)\, I, "
        r"\qquad J = \begin{pmatrix} 0 & -1 \\ 1 & 0 \end{pmatrix}",
        r"Now $N(0, I)$ inputs without label noise, two layers of $2 \times 2$ weights that start at $I$, and the "
        r"teacher $W^* = I - k J = \begin{pmatrix} 1 & k \\ -k & 1 \end{pmatrix}$. The error is $\Delta = k J$, so $R "
        r"= k J S$ with $S$ the mean of $x x^\top$. The term of second order is $\alpha^2 k^2\, (J S)^2$, and $J S J "
        r"= -\operatorname{adj}(S)$.",
        "identities in symbols, every symmetric S, alpha and k",
    )


def one_example_has_rank_one() -> Step:
    """The variance at b = 1, 2 from the definition."""
    for b, value in ((1, variance_at_one()), (2, variance_at_two())):
        identity(rotation_variance(b), value)
    return (
        r"V(1) &= 4 k^2 \bigl( 3 - 12 \alpha + 60 \alpha^2 + \alpha^2 k^2\, (15 - 320 \alpha + 2624 \alpha^2) \bigr), "
        r"\\ V(2) &= \tfrac12 k^2 \bigl( 12 - 48 \alpha + 168 \alpha^2 + \alpha^2 k^2\, (42 - 568 \alpha + 2708 "
        r"\alpha^2) + 397\, \alpha^6 k^4 \bigr)",
        r"For one example $S = x x^\top$ has rank one and $\det S = 0$: turned by a right angle, $x$ is orthogonal to "
        r"itself, $x^\top J x = 0$. **So the second order of the step vanishes for every single example, but not for "
        r"the mean of two,** and only $V(2)$ has a term in $\alpha^6 k^6$. (The last batch is averaged by the trace "
        r"of the covariance of one Gaussian example's gradient.)",
        "the definition for b = 1 and 2 in symbols alpha and k: the first batch expanded in its two or four normal "
        "variables, and all moments of them",
    )


def more_variance_with_two() -> Step:
    """The sign of V(2) - V(1)."""
    difference = sp.expand(variance_at_two() - variance_at_one())
    at_one = sp.Poly(difference.subs(alpha, 1), k)
    identity(at_one.as_expr(), k**2 * (397 * k**4 - 16370 * k**2 - 276) / 2)
    v = sp.Symbol("v")
    if min(sp.Poly(at_one.as_expr().subs(k, 7 + v), v).coeffs()) <= 0 or max(at_one.eval(j) for j in range(1, 7)) >= 0:
        raise AssertionError(f"V(2) - V(1) should be positive from k = 7 on: {at_one}")
    identity(sp.Poly(difference, k).LC(), sp.Rational(397, 2) * alpha**6)
    return (
        r"V(2) - V(1) = \tfrac12 k^2 \bigl( 397 k^4 - 16370 k^2 - 276 \bigr) \quad (\alpha = 1), \qquad \frac{V(2)}"
        r"{V(1)} \sim \frac{397\, \alpha^4 k^2}{8\, (15 - 320 \alpha + 2624 \alpha^2)} \quad (k \to \infty)",
        r"At $\alpha = 1$ two examples have more variance than one if and only if $k \ge 7$ ($k$ a positive integer). "
        r"At every step size $\alpha > 0$ they have if $k$ is large enough, by any factor.",
        "the difference in symbols; in powers of k - 7 all its coefficients are positive, and it is negative for "
        "k = 1, ..., 6",
    )


def stable_at_the_start() -> Step:
    """The step size against the curvature at the start and at the balanced minimum."""
    w1, w2, mean = sp.symbols("w1 w2 sbar")
    hessian = sp.hessian(mean * (w1 * w2) ** 2 / 2, (w1, w2))
    identity(hessian.subs({w1: 0, w2: 0}), sp.zeros(2, 2))
    room = (8 * sp.eye(2) - hessian).subs({w1: 2, w2: 1})
    identity(room, sp.Matrix([[8 - mean, -4 * mean], [-4 * mean, 8 - 4 * mean]]))
    identity(room.det(), 4 * (16 - 10 * mean - 3 * mean**2))
    rare = 1 + 3 * sp.Rational(1, 20)
    if room[0, 0].subs(mean, rare) <= 0 or room.det().subs(mean, rare) <= 0:
        raise AssertionError("8 I - H should be positive definite at the start")
    return (
        r"\alpha = \tfrac14 &< \frac{2}{\lambda_{\max}(\nabla^2 L(w_0))}, \qquad \nabla^2 L(w_0) = \bar s "
        r"\begin{pmatrix} 1 & 4 \\ 4 & 4 \end{pmatrix}, \\ \det\bigl(8 I - \nabla^2 L(w_0)\bigr) &= 4\, (16 - 10 "
        r"\bar s - 3 \bar s^2) > 0",
        r"$\mu = 2$ and $p = \frac{1}{20}$, so $\bar s = \frac{23}{20}$: the step size is stable for the mean loss at "
        r"the start $(2, 1)$, too. At the balanced minimum $(0, 0)$ the Hessian is 0. Yet $V(1) = 0 < V(2)$.",
        "the Hessian and the determinant in symbols, their signs in rational numbers",
    )


TURN = sp.Matrix([[0, -1], [1, 0]])


def variance_at_one() -> Any:
    """V(1) for the rotation."""
    return 4 * k**2 * (3 - 12 * alpha + 60 * alpha**2 + alpha**2 * k**2 * (15 - 320 * alpha + 2624 * alpha**2))


def variance_at_two() -> Any:
    """V(2) for the rotation."""
    lower = 12 - 48 * alpha + 168 * alpha**2 + alpha**2 * k**2 * (42 - 568 * alpha + 2708 * alpha**2)
    return k**2 * (lower + 397 * alpha**6 * k**4) / 2


def rotation_variance(b: int) -> Any:
    """The variance at step 1, from the moments of the 2 b normal variables of the first batch."""
    _, *gens = sp.ring([*(f"x{i}" for i in range(2 * b)), "alpha", "k"], sp.QQ)
    a, size, x = gens[-2], gens[-1], [gens[2 * i : 2 * i + 2] for i in range(b)]
    S = [[sum(v[i] * v[j] for v in x) * sp.QQ(1, b) for j in range(2)] for i in range(2)]
    W = [[1 + a * size * S[1][0], a * size * S[1][1]], [-a * size * S[0][0], 1 - a * size * S[0][1]]]  # I - alpha k J S
    E = times(W, W)
    E = [[E[0][0] - 1, E[0][1] - size], [E[1][0] + size, E[1][1] - 1]]
    gradients = [times(transposed(W), E), times(E, transposed(W))]
    # tr(K E N E^T) is the squared norm of the full gradient; K = W W^T, N = I for the first layer, K = I, N = W^T W
    # for the second
    full = sum(square(G) for G in gradients)
    spread = 2 * square(gradients[0]) + square(E) * square(W) + full
    moments = expectation(full + spread * sp.QQ(1, b), 2 * b)
    means = [expectation(entry, 2 * b) for G in gradients for row in G for entry in row]
    return (moments - sum(m**2 for m in means)).as_expr()


def expectation(polynomial: Any, count: int) -> Any:
    """The expectation over the first generators, independent standard normal variables."""
    total = polynomial.ring.zero
    for powers, a in polynomial.terms():
        weight = prod(0 if j % 2 else prod(range(1, j, 2)) for j in powers[:count])
        total += polynomial.ring({(0,) * count + powers[count:]: a * weight})
    return total


Matrix = list[list[Any]]


def times(left: Matrix, right: Matrix) -> Matrix:
    """The product of two matrices of size 2."""
    return [[sum(left[i][l] * right[l][j] for l in range(2)) for j in range(2)] for i in range(2)]


def transposed(matrix: Matrix) -> Matrix:
    """The transposed matrix."""
    return [list(row) for row in zip(*matrix, strict=True)]


def square(matrix: Matrix) -> Any:
    """The squared norm."""
    return sum(entry**2 for row in matrix for entry in row)


def moved(w1: Any, w2: Any, step_size: Any, mean_square: Any) -> tuple[Any, Any]:
    """The weights after a step on targets 0, by the chain rule."""
    residual = mean_square * w1 * w2
    return w1 - step_size * residual * w2, w2 - step_size * residual * w1


def subsets(inputs: Sequence[int], b: int) -> list[tuple[int, ...]]:
    """All batches without replacement."""
    return list(combinations(inputs, b))


def enumerated(start: tuple[Fraction, Fraction, Fraction], batches: Sequence[tuple[int, ...]]) -> Fraction:
    """The variance at step 1 from w1, w2 and a step size, over all pairs of equally likely batches."""
    squares = Counter(Fraction(sum(x**2 for x in batch), len(batch)) for batch in batches)
    second, mean = Fraction(0), [Fraction(0)] * 2
    for (first, count), (last, other) in product(squares.items(), repeat=2):
        w1, w2 = moved(*start, first)
        g = last * w1 * w2 * w2, last * w1 * w2 * w1
        mass = Fraction(count * other, len(batches) ** 2)
        second += mass * (g[0] ** 2 + g[1] ** 2)
        mean = [mean[0] + mass * g[0], mean[1] + mass * g[1]]
    return second - mean[0] ** 2 - mean[1] ** 2


@cache
def checked() -> CheckedSteps:
    """The evidence that every step was checked, once for all claims of this file."""
    return CheckedSteps.of(__file__, steps())


def other_problem(sgd: sv.SGD) -> str | None:
    """What a process is, if not a deep linear network."""
    return None if isinstance(sgd.problem, sv.DeepLinearNetwork) else f"a {type(sgd.problem).__name__}"


def no_finite_data(sgd: sv.SGD) -> str | None:
    """What a process violates, if it is no deep linear network on finite data."""
    return other_problem(sgd) or (None if isinstance(sgd.problem.data, sv.Dataset) else str(sgd.problem.data))


def no_normal_inputs(sgd: sv.SGD) -> str | None:
    """What a process violates, if it is no deep linear network on N(0, I) inputs without label noise."""
    data = sgd.problem.data
    if not isinstance(data, sv.GaussianPopulation) or data.noise_factor is not None or data.input_factor is not None:
        return other_problem(sgd) or f"{data}, which is not N(0, I) inputs without label noise"
    return other_problem(sgd)


def decreasing(sgd: sv.SGD, step: int) -> sv.Verdict:
    """The verdict on one network."""
    return sv.certify_decreasing(sv.gradient_variance(sgd, step))


def two_layers(data: Any, sampling: Any = None) -> sv.SGD:
    """The network of these counterexamples for mu = 2."""
    return sv.SGD(sv.DeepLinearNetwork(data), [2, 1], Fraction(1, 4), sampling)


def finite_data() -> Finding:
    """Settles the claim for finite data."""
    pair, four = column(1, 2), column(1, 1, 2, 2)
    return refuted(
        "every single example leads to a minimum, the mean of two different ones does not",
        Counterexample.of(two_layers(pair, sv.WithReplacement()), "gradient-variance", 1, [1, 2]),
        Counterexample.of(two_layers(four), "gradient-variance", 1, [1, 2]),
        checked(),
    )


def normal_inputs() -> Finding:
    """Settles the claim for N(0, I) inputs.

    Raises:
        AssertionError: The engine and the derivation disagree.
    """
    size = 8
    teacher: Any = [[1, size], [-size, 1]]
    eye = [[1, 0], [0, 1]]
    sgd = sv.SGD(sv.DeepLinearNetwork(sv.GaussianPopulation(teacher)), [eye, eye], 1)
    V = sv.gradient_variance(sgd, 1)
    for b, value in ((1, variance_at_one()), (2, variance_at_two())):
        identity(sp.S(V(b)), value.subs({alpha: 1, k: size}))
    return refuted(
        "the second order of a step vanishes for every single example, and not for the mean of two",
        Counterexample.of(sgd, "gradient-variance", 1, [1, 2]),
        checked(),
    )


def late_rise() -> Finding:
    """Settles that there is one batch size from which all variances decrease."""
    return refuted(
        "for every B with 3 B + 1 a square there are B + 3 examples such that V(B) = 0 < V(B + 1); here B = 8",
        Counterexample.of(two_layers(column(*[1] * 10, 5)), "gradient-variance", 1, [8, 9]),
        checked(),
    )


def rise_at_stable_step_sizes() -> Finding:
    """Settles that the ratio is bounded at stable step sizes."""
    X: Any = [[1], [2]]
    y: Any = [0, 0]
    probabilities: Any = [Fraction(19, 20), Fraction(1, 20)]
    rare = sv.DiscretePopulation(X, y, probabilities)
    return refuted(
        "V(1) = 0 < V(2), with an input that comes once in 20 draws",
        Counterexample.of(two_layers(rare), "gradient-variance", 1, [1, 2]),
        checked(),
    )


def column(*inputs: int) -> sv.Dataset:
    """Examples of one input, with targets 0."""
    X: Any = [[x] for x in inputs]
    y: Any = [0 for _ in inputs]
    return sv.Dataset(X, y)


NETWORK = (
    "deep linear networks of two or more layers; fixed start; fresh independent batches; step sizes that do not depend "
    "on b; equal steps"
)

CLAIMS = [
    Claim(
        "deep-linear-gradient-variance-decreases-finite-data",
        "Var(g_t) does not increase in b, for every b and t",
        f"{NETWORK}; finite data, with or without replacement",
        "folklore",
        finite_data,
        decreasing,
        no_finite_data,
    ),
    Claim(
        "deep-linear-gradient-variance-decreases-normal-inputs",
        "Var(g_t) does not increase in b, for every b and t",
        f"{NETWORK}; N(0, I) inputs without label noise",
        "folklore, in the setting of Qian and Klabjan (arXiv 2004.13146)",
        normal_inputs,
        decreasing,
        no_normal_inputs,
    ),
    Claim(
        "deep-linear-gradient-variance-decreases-from-common-size",
        "there is a batch size from which Var(g_1) does not increase in b, the same one for all networks of two layers",
        f"{NETWORK}; finite data without replacement",
        "asked here",
        late_rise,
    ),
    Claim(
        "deep-linear-gradient-variance-ratio-bounded",
        "V(2) <= 100 V(1) for V(b) = Var(g_1) at step sizes below 2 / (largest eigenvalue of the Hessian of the mean "
        "loss), at the start and at the balanced minimum",
        f"{NETWORK}; independent draws",
        "asked here",
        rise_at_stable_step_sizes,
    ),
    Claim(
        "deep-linear-gradient-variance-decreases-normal-inputs-large-batches",
        "Var(g_1) does not increase in b for b >= p, the number of inputs; searched for two layers of 2 x 2 weights",
        f"{NETWORK}; N(0, I) inputs without label noise",
        "asked here",
        lambda: by_search(
            "neither proved nor refuted",
            sv.SearchClaim(step=1, batch_sizes=range(2, 5)),
            sv.GaussianFamily(widths=(2, 2, 2)),
        ),
    ),
    Claim(
        "deep-linear-gradient-variance-decreases-normal-inputs-stable-step-sizes",
        "Var(g_1) does not increase in b at step sizes below 2 / (largest eigenvalue of the Hessian of the mean loss), "
        "at the start and at the balanced minimum; searched for two layers of 2 x 2 weights",
        f"{NETWORK}; N(0, I) inputs without label noise",
        "asked here",
        lambda: by_search(
            "neither proved nor refuted", sv.SearchClaim(step=1), sv.GaussianFamily(widths=(2, 2, 2), stable=True)
        ),
    ),
]
"""What follows, for the register of claims."""


if __name__ == "__main__":
    for number, (statement, _, how) in enumerate(steps(), 1):
        print(f"{number}. {statement}\n   checked: {how}\n")
