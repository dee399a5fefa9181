"""Deep linear networks whose gradient variance increases with the batch size; run this file to check every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, product
from math import prod
from typing import Any

import sympy as sp

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


if __name__ == "__main__":
    for number, (statement, _, how) in enumerate(steps(), 1):
        print(f"{number}. {statement}\n   checked: {how}\n")
