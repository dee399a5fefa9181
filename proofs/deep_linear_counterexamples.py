"""Deep linear networks whose gradient variance increases with the batch size; run this file to check every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations, product
from math import prod
from typing import Any

import sympy as sp

import sgdvar as sv
from sgdvar.claims import CheckedSteps, Claim, Counterexample, Finding, by_search, refuted
from sgdvar.derivation import Derivation, Enumeration, Identity, Line, Notation, Signs, Step

s, mu, p, b, n, B, alpha, k = sp.symbols("s mu p b n B alpha k", positive=True)
w1, w2, end = sp.symbols("w_1 w_2 w", real=True)
beta, m, whole = sp.symbols("beta m s_bar", positive=True)
first, second, length, rare = sp.Function("w_1'"), sp.Function("w_2'"), sp.Function("Q"), sp.Function("r")
V, with_repeats, without_repeats = sp.Function("V"), sp.Function("V_wr"), sp.Function("V_wor")
U1, U2 = sp.symbols("U(1) U(2)")
a0, a1, c0, c1 = sp.symbols("a_0 a_1 c_0 c_1", positive=True)
determinant, room = sp.Symbol("det_S"), sp.Symbol("D")
v, x, y = sp.symbols("v_1 v_2 v_3", positive=True)
d = sp.Symbol("d", integer=True, positive=True)
J, S, z, eye = sp.MatrixSymbol("J", d, d), sp.MatrixSymbol("S", d, d), sp.MatrixSymbol("z", d, 1), sp.Identity(d)

SYMBOLS = [
    Notation(s, "s", r"mean of $x_i^2$ over the examples of a batch"),
    Notation(w1, "w_1", "weight of the first layer"),
    Notation(w2, "w_2", "weight of the second layer"),
    Notation(mu, r"\mu", r"the start is $(\mu, 1)$, with $\mu > 1$; the step size is $1 / \mu^2$"),
    Notation(first, "w_1'", "weight of the first layer after one step on a batch with mean square $s$"),
    Notation(second, "w_2'", "the same for the second layer"),
    Notation(length, "Q", "squared length of the next gradient, if the next batch has mean square 1"),
    Notation(b, "b", "batch size"),
    Notation(V, "V", r"$V(b) = \operatorname{Var}(g_1)$, the variance of the gradient after one step"),
    Notation(p, "p", r"probability of the input $\mu$; the input 1 has the probability $1 - p$"),
    Notation(beta, r"\beta", "probability that a batch of two holds both inputs"),
    Notation(m, "m", "mean of $x^2$"),
    Notation(with_repeats, r"V_{\mathrm{ind}}", "the variance for inputs 1 and 2, drawn with replacement"),
    Notation(without_repeats, r"V_{\mathrm{wor}}", "the variance for inputs 1, 1, 2, 2, drawn without replacement"),
    Notation(n, "n", "number of examples: $n - 1$ inputs 1 and a rare one"),
    Notation(B, "B", r"the square of the rare input is $1 + B (\mu^2 - 1)$"),
    Notation(rare, "r", "$r(b)$: mean square of a batch of $b$ with the rare example"),
    Notation(whole, r"\bar s", "mean of $x_i^2$ over all examples"),
    Notation(end, "w", "first weight of a minimum $(w, 0)$"),
    Notation(room, "D", r"determinant of $8 I - \nabla^2 L(w_0)$"),
    *(Notation(number, str(number), "any positive number") for number in (v, x, y)),
    Notation(alpha, r"\alpha", "step size of the second network"),
    Notation(k, "k", "how far the teacher of the second network rotates"),
    Notation(J, "J", "rotation by a right angle, against the clock"),
    Notation(S, "S", r"mean of $x x^\top$ over a batch"),
    Notation(determinant, r"\det(S)", "determinant of $S$"),
    Notation(z, "x", "one input vector"),
    Notation(d, "d", "number of inputs, 2"),
    Notation(U1, "U(1)", r"$\operatorname{Var}(g_1)$ of the second network at $b = 1$"),
    Notation(U2, "U(2)", r"$\operatorname{Var}(g_1)$ of the second network at $b = 2$"),
    Notation(a0, "a_0", "coefficient in $U(1)$"),
    Notation(a1, "a_1", "coefficient in $U(1)$"),
    Notation(c0, "c_0", "coefficient in $U(2)$"),
    Notation(c1, "c_1", "coefficient in $U(2)$"),
]


def moved(weight1: Any, weight2: Any, step_size: Any, mean_square: Any) -> tuple[Any, Any]:
    """The weights after a step on targets 0, by the chain rule."""
    residual = mean_square * weight1 * weight2
    return weight1 - step_size * residual * weight2, weight2 - step_size * residual * weight1


def variance_after(start: tuple[Any, Any, Any], squares: Mapping[Any, Any]) -> Any:
    """The variance at step 1 from two weights and a step size: all pairs of mean squares, with their probabilities."""
    total, mean = sp.S.Zero, [sp.S.Zero] * 2
    for (one, mass), (last, other) in product(squares.items(), repeat=2):
        weight1, weight2 = moved(*start, one)
        gradient = last * weight1 * weight2 * weight2, last * weight1 * weight2 * weight1
        total += mass * other * (gradient[0] ** 2 + gradient[1] ** 2)
        mean = [entry + mass * other * part for entry, part in zip(mean, gradient, strict=True)]
    return total - mean[0] ** 2 - mean[1] ** 2


def distribution(mean_squares: Sequence[Any]) -> Mapping[Any, Any]:
    """The probabilities of equally likely values."""
    return {value: sp.Rational(count, len(mean_squares)) for value, count in Counter(mean_squares).items()}


def squares_of(batches: Sequence[Sequence[int]]) -> Mapping[Any, Any]:
    """The probabilities of the mean squares of equally likely batches."""
    return distribution([sp.Rational(sum(entry**2 for entry in batch), len(batch)) for batch in batches])


def next_length(start: tuple[Any, Any, Any], mean_square: Any) -> Any:
    """The squared length of the gradient after a step, for a batch with mean square 1."""
    weight1, weight2 = moved(*start, mean_square)
    return (weight1 * weight2) ** 2 * (weight1**2 + weight2**2)


def two_inputs() -> Iterator[Mapping[Any, Any]]:
    """Inputs 1 and mu with probabilities 1 - p and p: every batch of one and of two."""
    start = mu, sp.S.One, 1 / mu**2
    single = {sp.S.One: 1 - p, mu**2: p}
    double = {sp.S.One: (1 - p) ** 2, (1 + mu**2) / 2: 2 * p * (1 - p), mu**2: p**2}
    values = [variance_after(start, squares) for squares in (single, double)]
    mean = sum(square * mass for square, mass in single.items())
    mixed = 1 - p**2 - (1 - p) ** 2
    yield {beta: mixed, m: mean, length: lambda r: next_length(start, r), V: lambda size: values[int(size) - 1]}


def batches_of_two_inputs() -> Iterator[Mapping[Any, Any]]:
    """Inputs 1 and 2 with replacement, 1, 1, 2, 2 without: every batch."""
    start = sp.Integer(2), sp.S.One, sp.Rational(1, 4)

    def repeated(size: Any) -> Any:
        return variance_after(start, squares_of(list(product([1, 2], repeat=int(size)))))

    def distinct(size: Any) -> Any:
        return variance_after(start, squares_of(list(combinations([1, 1, 2, 2], int(size)))))

    yield {with_repeats: repeated, without_repeats: distinct}


def exact_engine() -> Iterator[Mapping[Any, Any]]:
    """The same by the exact polynomials of the library."""
    pair = sv.gradient_variance(two_layers(column(1, 2), sv.WithReplacement()), 1)
    four = sv.gradient_variance(two_layers(column(1, 1, 2, 2)), 1)
    yield {
        with_repeats: lambda size: sp.sympify(pair(int(size))),
        without_repeats: lambda size: sp.sympify(four(int(size))),
    }


def one_rare_example() -> Iterator[Mapping[Any, Any]]:
    """Inputs 1 and a rare one: every subset of every size."""
    for count, factor, first_weight in ((3, 1, mu), (4, 2, mu), (4, 1, 2), (8, 5, 2), (11, 8, 2)):
        start = sp.sympify(first_weight), sp.S.One, 1 / sp.sympify(first_weight) ** 2
        squares = [sp.S.One] * (count - 1) + [1 + factor * (start[0] ** 2 - 1)]
        for size in range(1, count + 1):
            law = distribution([sp.Add(*batch) / size for batch in combinations(squares, size)])
            yield {
                n: sp.Integer(count),
                b: sp.Integer(size),
                whole: sp.Add(*squares) / count,
                rare: lambda _, drawn=squares[count - size :]: sp.Add(*drawn) / len(drawn),
                length: lambda r, start=start: next_length(start, r),
                V: lambda _, law=law, start=start: variance_after(start, law),
            }


def in_the_plane() -> Iterator[Mapping[Any, Any]]:
    """The rotation, and every symmetric matrix of the plane in symbols."""
    turn, matrix = sp.Matrix([[0, -1], [1, 0]]), sp.Matrix(2, 2, sp.symbols("s11 s12 s12 s22"))
    yield {d: sp.Integer(2), J: turn, S: matrix, determinant: matrix.det()}


def any_turn() -> Iterator[Mapping[Any, Any]]:
    """Every matrix and every vector of the plane, in symbols."""
    yield {d: sp.Integer(2), J: sp.Matrix(2, 2, sp.symbols("j11 j12 j21 j22")), z: sp.Matrix(sp.symbols("x1 x2"))}


def rotations() -> Iterator[Mapping[Any, Any]]:
    """The variance after one step, from all moments of the normal variables of the first batch."""
    yield {U1: rotation_variance(1), U2: rotation_variance(2)}


def rotations_by_engine() -> Iterator[Mapping[Any, Any]]:
    """The same by the exact polynomials of the library, at a few step sizes and rotations."""
    for step_size, size in ((1, 8), (Fraction(1, 3), 2), (Fraction(1, 10), 5)):
        polynomial = sv.gradient_variance(rotating(size, step_size), 1)
        values = {U1: sp.sympify(polynomial(1)), U2: sp.sympify(polynomial(2))}
        yield {alpha: sp.sympify(step_size), k: sp.Integer(size), **values}


@cache
def rotation_variance(batch: int) -> Any:
    """The variance at step 1, from the moments of the 2 b normal variables of the first batch."""
    _, *gens = sp.ring([*(f"x{i}" for i in range(2 * batch)), "alpha", "k"], sp.QQ)
    a, size, inputs = gens[-2], gens[-1], [gens[2 * i : 2 * i + 2] for i in range(batch)]
    M = [[sum(x[i] * x[j] for x in inputs) * sp.QQ(1, batch) for j in range(2)] for i in range(2)]
    W = [[1 + a * size * M[1][0], a * size * M[1][1]], [-a * size * M[0][0], 1 - a * size * M[0][1]]]  # I - alpha k J S
    E = times(W, W)
    E = [[E[0][0] - 1, E[0][1] - size], [E[1][0] + size, E[1][1] - 1]]
    gradients = [times(transposed(W), E), times(E, transposed(W))]
    # tr(K E N E^T) is the squared norm of the full gradient; K = W W^T, N = I for the first layer, K = I, N = W^T W
    # for the second
    full = sum(square(G) for G in gradients)
    spread = 2 * square(gradients[0]) + square(E) * square(W) + full
    moments = expectation(full + spread * sp.QQ(1, batch), 2 * batch)
    means = [expectation(entry, 2 * batch) for G in gradients for row in G for entry in row]
    return (moments - sum(mean**2 for mean in means)).as_expr().subs({"alpha": alpha, "k": k})


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


WITH_VALUES = [0, sp.Rational(61965, 8192), sp.Rational(6675, 1024), sp.Rational(10705365, 2097152)]
WITHOUT_VALUES = [0, sp.Rational(6885, 1024), sp.Rational(175, 64), 0]
COEFFICIENTS = [
    (a0, 3 - 12 * alpha + 60 * alpha**2),
    (a1, alpha**2 * (15 - 320 * alpha + 2624 * alpha**2)),
    (c0, 12 - 48 * alpha + 168 * alpha**2),
    (c1, alpha**2 * (42 - 568 * alpha + 2708 * alpha**2)),
]
OF_ONE = 4 * k**2 * (a0 + a1 * k**2)
OF_TWO = k**2 * (c0 + c1 * k**2 + 397 * alpha**6 * k**4) / 2


def on_two_values(mass: Any, size: Any, mean: Any, spread: Any) -> Any:
    """The variance of a gradient that is 0 but for a probability mass.

    Args:
        mass: Probability that the first batch leads off the minima.
        size: Squared length of the next gradient there, for a batch with mean square 1.
        mean: Mean of the mean square of the next batch.
        spread: Variance of it.
    """
    return mass * size * (mean**2 + spread) - mass**2 * size * mean**2


LOSS = s * (w1 * w2) ** 2 / 2
LANDING = [(first(s), mu - (1 / mu**2) * s * mu), (second(s), 1 - (1 / mu**2) * s * mu**2)]
LENGTH = (length(s), (first(s) * second(s)) ** 2 * (first(s) ** 2 + second(s) ** 2))
HALFWAY, SHARE = (1 + mu**2) / 2, b / n
RARE, WHOLE = (rare(b), 1 + B / b * (mu**2 - 1)), (whole, (n - 1 + 1 + B * (mu**2 - 1)) / n)
AFTER = B**2 * (mu**2 - 1) ** 6 * (1 + B**2 * mu**2) / ((B + 1) ** 6 * mu**4)
OF_ONE_RARE = SHARE * (1 - SHARE) * (whole**2 + SHARE * (rare(b) - 1) ** 2) * length(rare(b))

loss = Step(
    "minima",
    r"**First network: one weight in each of two layers, all targets 0.** The loss of a batch is "
    r"$\frac12 s\, (w_1 w_2)^2$. Its gradient has the factor $w_1 w_2$: **every point on either axis is a minimum, for "
    r"every batch.** The second derivatives are for later.",
    [
        Line(sp.Derivative(LOSS, w1), "=", s * w1 * w2**2, Identity()),
        Line(sp.Derivative(LOSS, w2), "=", s * w1**2 * w2, Identity()),
        Line(sp.Derivative(LOSS, (w1, 2)), "=", s * w2**2, Identity()),
        Line(sp.Derivative(LOSS, w1, w2), "=", 2 * s * w1 * w2, Identity()),
        Line(sp.Derivative(LOSS, (w2, 2)), "=", s * w1**2, Identity()),
    ],
)

one_step = Step(
    "one-step",
    r"One step from $(\mu, 1)$. As a function of $s$ the next weights run along a line. It meets one axis at $s = 1$ "
    r"and the other at $s = \mu^2$.",
    [
        Line(first(s) * second(s), "=", (1 - s) * (mu**2 - s) / mu, Identity()),
        Line(second(1), "=", 0, Identity()),
        Line(first(mu**2), "=", 0, Identity()),
    ],
    definitions=LANDING,
)

next_gradient = Step(
    "next-gradient",
    r"The squared length of the next gradient is the square of the next batch's mean square times $Q(s)$. At $s = 1$ "
    r"and $s = \mu^2$ it is 0. Halfway between them the step ends between the two axes, where the gradient is steep.",
    [
        Line(length(1), "=", 0, Identity()),
        Line(length(mu**2), "=", 0, Identity()),
        Line(length(HALFWAY), "=", (mu**2 - 1) ** 6 * (mu**2 + 1) / (64 * mu**4), Identity()),
    ],
    definitions=[*LANDING, LENGTH],
)

single = Step(
    "single-examples",
    r"Inputs 1 and $\mu$, with probabilities $1 - p$ and $p$. **A batch of one example has $s = 1$ or $s = \mu^2$, "
    r"and either leads to a minimum:** one of the two layers becomes 0, and every gradient from then on is 0. So "
    r"$V(1) = 0$.",
    [Line((1 - p) * length(1) + p * length(mu**2), "=", 0, Identity())],
    definitions=[*LANDING, LENGTH],
)

mixture = Step(
    "mixing-two",
    r"**A batch of both examples has $s$ halfway, and ends where no single example leads. Averaging two good steps "
    r"makes a bad one, because the minima do not form a convex set.** The next gradient is 0 unless the first batch "
    r"was mixed, which has the probability $\beta$. The mean square of the next batch has mean $m$ and variance "
    r"$\frac14 \beta (\mu^2 - 1)^2$; its square has the mean $m^2$ plus this variance.",
    [
        Line(
            V(2) - V(1),
            "=",
            beta * length(HALFWAY) * ((1 - beta) * m**2 + beta * (mu**2 - 1) ** 2 / 4),
            Identity(
                given={V(1): sp.S.Zero, V(2): on_two_values(beta, length(HALFWAY), m, beta * (mu**2 - 1) ** 2 / 4)}
            ),
            also=(Enumeration("every batch of one and of two, for all p and mu", two_inputs),),
        )
    ],
)

more_with_two = Step(
    "more-with-two",
    r"So $V(1) = 0 < V(2)$ for all $0 < p < 1$ and $\mu > 1$. The last inequality is for the variance with $Q$ put in.",
    [
        Line(1 - beta, "=", p**2 + (1 - p) ** 2, Identity()),
        Line(
            0,
            "<",
            beta
            * (mu**2 - 1) ** 6
            * (mu**2 + 1)
            / (64 * mu**4)
            * ((p**2 + (1 - p) ** 2) * m**2 + beta * (mu**2 - 1) ** 2 / 4),
            Signs({p: v / (v + y), mu: sp.sqrt(1 + x)}),
        ),
    ],
    definitions=[(beta, 2 * p * (1 - p))],
)

numbers = Step(
    "two-inputs",
    r"In numbers, for $\mu = 2$: inputs 1 and 2, start $(2, 1)$, step size $\frac14$, and $b = 1, 2, 3, 4$. At $b = n "
    r"= 4$ without replacement nothing is left to chance.",
    [
        Line(
            sp.ImmutableMatrix([[variance(size) for size in range(1, 5)]]),
            "=",
            sp.ImmutableMatrix([values]),
            Enumeration("all pairs of batches, b = 1, ..., 4", batches_of_two_inputs),
            also=(Enumeration("the exact polynomials of sgdvar at b = 1, ..., 4", exact_engine),),
        )
        for variance, values in (
            (with_repeats, WITH_VALUES),
            (without_repeats, WITHOUT_VALUES),
        )
    ],
)

any_size = Step(
    "one-rare-example",
    r"The batch size at which single steps end in a minimum can be as large as one likes. Of $n$ examples all but one "
    r"have the input 1, and the square of the rare input is $1 + B (\mu^2 - 1)$. A batch without it has $s = 1$ and "
    r"leads to a minimum. A batch with it has $s = r(b)$, which is $\mu^2$ at $b = B$: then it leads to the other "
    r"axis. At every other $b < n$ it ends off the axes.",
    [
        Line((b - 1 + 1 + B * (mu**2 - 1)) / b, "=", rare(b), Identity()),
        Line(rare(B), "=", mu**2, Identity()),
        Line(rare(b) - mu**2, "=", (B - b) / b * (mu**2 - 1), Identity()),
    ],
    definitions=[RARE],
)

rare_variance = Step(
    "variance-with-a-rare-example",
    r"The rare example is in a batch with probability $\frac bn$. The mean square of the next batch has mean $\bar "
    r"s$, and as it takes two values its variance is $\frac bn (1 - \frac bn) (r(b) - 1)^2$.",
    [
        Line(
            V(b),
            "=",
            OF_ONE_RARE,
            Identity(
                given={V(b): on_two_values(SHARE, length(rare(b)), whole, SHARE * (1 - SHARE) * (rare(b) - 1) ** 2)}
            ),
            also=(
                Enumeration(
                    "every subset of every size: n = 3, B = 1 and n = 4, B = 2 for all mu; mu = 2 for B = 1, 5, 8, n "
                    "= B + 3",
                    one_rare_example,
                ),
            ),
        )
    ],
)

zero = Step(
    "zero-at-any-size",
    r"At $b = B$ every batch leads to a minimum, and the variance is 0.",
    [Line(OF_ONE_RARE.xreplace({b: B}), "=", 0, Identity(given={length(mu**2): sp.S.Zero}))],
    definitions=[RARE],
)

rises_late = Step(
    "rises-late",
    r"**So the variance can rise at a batch size as large as one likes:** for $n > B + 1$ it is positive at $b = B + "
    r"1$, because $Q$ is positive there, and so is what multiplies it. For $\mu = 2$ all numbers are integers when $3 "
    r"B + 1$ is a square, $B = 1, 5, 8, 16, 21, 33, \dots$",
    [
        Line(length(rare(B + 1)), "=", AFTER, Identity()),
        Line(AFTER, ">", 0, Signs({mu: sp.sqrt(1 + x)})),
        Line(
            0,
            "<",
            (SHARE * (1 - SHARE)).xreplace({b: B + 1}) * (whole**2 + B**2 * (mu**2 - 1) ** 2 / (n * (B + 1))),
            Signs({n: B + 1 + v, mu: sp.sqrt(1 + x)}),
        ),
    ],
    definitions=[RARE, *LANDING, LENGTH],
)

stable = Step(
    "stable-for-the-mean",
    r"None of this needs a step size at which gradient descent would diverge. The Hessian of the mean loss at a "
    r"minimum $(w, 0)$ has the eigenvalues 0 and $\bar s\, w^2$. If the rare example is rare enough, $n > B (\mu^2 - "
    r"1)$, the step size times the larger one is below 2 wherever $\lvert w \rvert \le \mu$: those minima are stable.",
    [
        Line(whole, "=", 1 + B / n * (mu**2 - 1), Identity()),
        Line(whole, "<", 2, Signs({n: B * x + v, mu: sp.sqrt(1 + x)})),
        Line(1 / mu**2 * whole * end**2, "<=", whole, Signs({end: sp.sqrt(1 + x - v), mu: sp.sqrt(1 + x)})),
    ],
    definitions=[WHOLE],
)

stable_start = Step(
    "stable-at-the-start",
    r"Two inputs with $\mu = 2$ and $p = \frac{1}{20}$, so $\bar s = \frac{23}{20}$: the step size $\frac14$ is below "
    r"2 over the largest eigenvalue at the start $(2, 1)$, too. There the second derivatives are $\bar s$, $4 \bar s$ "
    r"and $4 \bar s$, and $8 I$ minus the Hessian is positive definite: its first entry and its determinant are "
    r"positive. At the balanced minimum $(0, 0)$ the Hessian is 0. Yet $V(1) = 0 < V(2)$.",
    [
        Line(room, "=", 4 * (16 - 10 * whole - 3 * whole**2), Identity()),
        Line(8 - whole, ">", 0, Signs({whole: sp.Rational(23, 20) / (1 + v)})),
        Line(room, ">", 0, Signs({whole: sp.Rational(23, 20) / (1 + v)})),
    ],
    definitions=[(room, (8 - whole) * (8 - 4 * whole) - (4 * whole) ** 2)],
)

rotation = Step(
    "rotating-teacher",
    r"**Second network: $N(0, I)$ inputs without label noise, two layers of $2 \times 2$ weights that start at the "
    r"identity.** The teacher $I - k J$ rotates. At the start the gradient in either layer is $k J S$, so both become "
    r"$I - \alpha k J S$. The first line is their product minus the teacher; its last term is the second order of the "
    r"step.",
    [
        Line(
            (eye - alpha * k * J * S) * (eye - alpha * k * J * S) - (eye - k * J),
            "=",
            k * J - 2 * alpha * k * J * S + alpha**2 * k**2 * J * S * J * S,
            Identity(),
        ),
        Line(
            J * S * J * S,
            "=",
            -determinant * eye,
            Enumeration("every symmetric S of the plane, in symbols", in_the_plane),
        ),
    ],
)

rank_one = Step(
    "one-example-has-rank-one",
    r"For one example $S = x x^\top$. Turned by a right angle, $x$ is orthogonal to itself: the trace is 0, because "
    r"$J + J^\top = 0$. **So the second order of the step vanishes for every single example, but not for the mean of "
    r"two,** whose $S$ has rank two and a positive determinant.",
    [
        Line(sp.Trace(J * z * z.T), "=", sp.Trace((J + J.T) * z * z.T) / 2, Identity()),
        Line(
            J * z * z.T * J * z * z.T,
            "=",
            sp.Trace(J * z * z.T) * J * z * z.T,
            Enumeration("every J and every vector of the plane, in symbols", any_turn),
        ),
    ],
)

two_examples = Step(
    "one-and-two-examples",
    r"The variance after one step, for all $\alpha$ and $k$. Only $U(2)$ has a term in $\alpha^6 k^6$: it comes from "
    r"the second order.",
    [
        Line(
            variance,
            "=",
            value,
            Enumeration("all moments of the normal variables of the first batch, for all alpha and k", rotations),
            also=(Enumeration("the exact polynomials of sgdvar at three alpha and k", rotations_by_engine),),
        )
        for variance, value in ((U1, OF_ONE), (U2, OF_TWO))
    ],
    definitions=COEFFICIENTS,
)

positive = Step(
    "positive-coefficients",
    r"All four coefficients are positive for every $\alpha > 0$: complete the squares.",
    [
        Line(a0, "=", 60 * (alpha - sp.Rational(1, 10)) ** 2 + sp.Rational(12, 5), Identity()),
        Line(a1, "=", alpha**2 * (2624 * (alpha - sp.Rational(5, 82)) ** 2 + sp.Rational(215, 41)), Identity()),
        Line(c0, "=", 168 * (alpha - sp.Rational(1, 7)) ** 2 + sp.Rational(60, 7), Identity()),
        Line(c1, "=", alpha**2 * (2708 * (alpha - sp.Rational(71, 677)) ** 2 + sp.Rational(8270, 677)), Identity()),
    ],
    definitions=COEFFICIENTS,
)

any_factor = Step(
    "by-any-factor",
    r"**At every step size two examples have more variance than one if $k$ is large enough, by any factor:** $U(2)$ "
    r"(on the left) is at least $U(1)$ times something that grows like $k^2$. This is for $k \ge 1$, and uses only "
    r"that the coefficients are positive.",
    [Line(OF_TWO, ">=", 397 * alpha**6 * k**2 / (8 * (a0 + a1)) * OF_ONE, Signs({k: 1 + v}))],
)

at_one = Step(
    "at-step-size-one",
    r"In numbers, $\alpha = 1$: two examples have more variance than one for every $k \ge 7$, and less for $0 < k \le "
    r"6$.",
    [
        Line(U2 - U1, "=", k**2 * (397 * k**4 - 16370 * k**2 - 276) / 2, Identity()),
        Line(U2, ">", U1, Signs({k: 7 + v})),
        Line(U1, ">", U2, Signs({k: 6 / (1 + v)})),
    ],
    definitions=[
        (variance, value.xreplace(dict(COEFFICIENTS)).xreplace({alpha: sp.S.One}))
        for variance, value in ((U1, OF_ONE), (U2, OF_TWO))
    ],
)

DERIVATION = Derivation(
    "deep_linear_counterexamples",
    "Larger batches with more variance",
    [
        "Two layers, fixed start, fresh independent batches, and the gradient after one step.",
        "First network: one weight in each layer, targets 0. Second network: $N(0, I)$ inputs in the plane, no label "
        "noise.",
    ],
    SYMBOLS,
    [
        loss,
        one_step,
        next_gradient,
        single,
        mixture,
        more_with_two,
        numbers,
        any_size,
        rare_variance,
        zero,
        rises_late,
        stable,
        stable_start,
        rotation,
        rank_one,
        two_examples,
        positive,
        any_factor,
        at_one,
    ],
)


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
        CheckedSteps.of(DERIVATION),
    )


def rotating(size: int, step_size: int | Fraction) -> sv.SGD:
    """The second network."""
    teacher: Any = [[1, size], [-size, 1]]
    start = [[1, 0], [0, 1]]
    return sv.SGD(sv.DeepLinearNetwork(sv.GaussianPopulation(teacher)), [start, start], step_size)


def normal_inputs() -> Finding:
    """Settles the claim for N(0, I) inputs."""
    return refuted(
        "the second order of a step vanishes for every single example, and not for the mean of two",
        Counterexample.of(rotating(8, 1), "gradient-variance", 1, [1, 2]),
        CheckedSteps.of(DERIVATION),
    )


def late_rise() -> Finding:
    """Settles that there is one batch size from which all variances decrease."""
    return refuted(
        "for every B with 3 B + 1 a square there are B + 3 examples such that V(B) = 0 < V(B + 1); here B = 8",
        Counterexample.of(two_layers(column(*[1] * 10, 5)), "gradient-variance", 1, [8, 9]),
        CheckedSteps.of(DERIVATION),
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
        CheckedSteps.of(DERIVATION),
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
    print(DERIVATION.check().to_text())
