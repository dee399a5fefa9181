"""The expected loss of linear regression at equal steps and at equal examples; run this file to check every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations, pairwise, product
from typing import Any, TypeAlias

import numpy as np
import sympy as sp

import sgdvar as sv
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

n, p = sp.symbols("n p", integer=True, positive=True)
t = sp.Symbol("t", integer=True, nonnegative=True)
alpha, c, k, E, over_examples = sp.symbols("alpha c k E mean_i")
H, C, Sigma = (sp.MatrixSymbol(name, p, p) for name in ("H", "C", "Sigma"))
f, w, u, m, next_m, delta, G, x = (
    sp.MatrixSymbol(name, p, 1) for name in ("f", "w", "u", "m_t", "m_t+1", "delta", "G", "x_i")
)
loss_before, loss_after = sp.symbols("L(u) L(u+delta)")
loss, loss_of_mean, loss_descent = sp.symbols("E[L(w_t)] L(m_t) L(m_1)")
loss_small, loss_large, slope, bend = sp.symbols("E_b[L] E_b+1[L] slope_t bend_t")
first = sp.Function("E[L(w_1)]")
b, more, tau, gamma, N = sp.symbols("b d tau gamma N", positive=True)
start, rho, q, sigma2, edge = sp.symbols("e_0 rho q sigma^2 e_*", positive=True)
w_t, y_B = sp.symbols("w_t y_B")
spread, gap = sp.symbols("q_i d_i", nonnegative=True)
falls, rises, small, large, excess, by_hand = (sp.Function(name) for name in ("D", "R", "e_b", "e_2b", "e", "ell"))
r, s = sp.symbols("r s", positive=True)

SYMBOLS = [
    Notation(p, "p", "number of features"),
    Notation(n, "n", "number of examples"),
    Notation(t, "t", "number of steps"),
    Notation(b, "b", "batch size"),
    Notation(c, "c", "variance factor $c(b)$ of the design"),
    Notation(alpha, r"\alpha", "step size"),
    Notation(x, "x_i", "input of an example"),
    Notation(over_examples, r"\frac1n \sum_{i=1}^n", "mean over all examples; for a population, its expectation"),
    Notation(H, "H", r"mean of $x_i x_i^\top$"),
    Notation(f, "f", "mean of $y_i x_i$"),
    Notation(k, "k", "half the mean of $y_i^2$"),
    Notation(E, "E", "expectation over all batches"),
    Notation(w, "w", "weights: any, or those after $t$ steps"),
    Notation(m, "m_t", r"$E\, w_t$"),
    Notation(next_m, "m_{t+1}", r"$E\, w_{t+1}$"),
    Notation(C, r"\operatorname{Cov}(w_t)", "covariance of the weights after $t$ steps"),
    Notation(loss, r"E\, L(w_t)", "expected loss after $t$ steps"),
    Notation(loss_of_mean, "L(m_t)", "loss at the mean weights"),
    Notation(loss_small, r"E_b\, L(w_t)", "expected loss at batch size $b$"),
    Notation(loss_large, r"E_{b+1}\, L(w_t)", "the same at batch size $b + 1$, after as many steps"),
    Notation(spread, "q_i", r"$x_i^\top \operatorname{Cov}(w_t)\, x_i$ at batch size $b + 1$"),
    Notation(gap, "d_i", r"what it is more at batch size $b$: $d_i \ge 0$"),
    Notation(Sigma, r"\Sigma", "covariance of the gradients of single examples at the start"),
    Notation(first, r"E\, L_1", r"$E\, L_1(c)$: expected loss after one step"),
    Notation(loss_descent, "L(m_1)", "loss after one step of gradient descent"),
    Notation(tau, r"\tau", r"$\operatorname{tr}(H \Sigma)$"),
    Notation(u, "u", "weights before a change"),
    Notation(delta, r"\delta", "the change"),
    Notation(loss_before, "L(u)", "loss before it"),
    Notation(loss_after, r"L(u + \delta)", "loss after it"),
    Notation(G, "G", "gradient of the loss at $u$"),
    Notation(slope, r"\dot L_t", r"derivative of $E\, L(w_t)$ in the step size, at $\alpha = 0$"),
    Notation(bend, r"\ddot L_t", r"its second derivative at $\alpha = 0$, where the start is a minimum"),
    Notation(gamma, r"\gamma", "squared length of the gradient at the start"),
    Notation(N, "N", "number of examples seen: $N = b t$"),
    Notation(more, "d", "any positive number"),
    Notation(falls, r"\dot L", r"$\dot L(b)$: the first derivative after $N$ examples in batches of $b$"),
    Notation(rises, r"\ddot L", r"$\ddot L(b)$: the second derivative, the same, for independent draws"),
    Notation(
        excess, "e", r"$e(t)$: $E (w_t - w_*)^2$, one feature with inputs 1; the loss is $\frac12 (e + \sigma^2)$"
    ),
    Notation(w_t, "w_t", "weight after $t$ steps, less the minimum $w_*$"),
    Notation(y_B, r"\bar y_B", r"batch mean of the targets, less $w_*$: of mean 0 and variance $\sigma^2 / b$"),
    Notation(sigma2, r"\sigma^2", "variance of the targets"),
    Notation(start, "e_0", "squared distance of the start from the minimum"),
    Notation(r, "r", r"$(1 - \alpha)^2$"),
    Notation(
        rho, r"\rho", r"the value of $e$ that stays at batch size $b$: $\rho = \frac{\alpha^2 \sigma^2}{b (1 - r)}$"
    ),
    Notation(s, "s", r"$s = r^t$, what $t$ steps leave of $e_0$"),
    Notation(q, "q", r"$\frac1s - 1$, a positive number"),
    Notation(small, "e_b", "$e$ at batch size $b$, after $2t$ steps from $e_0$"),
    Notation(large, "e_{2b}", "$e$ at batch size $2b$, after $t$ steps: as many examples"),
    Notation(edge, "e_*", "the $e_0$ from which both have the same loss"),
    Notation(
        by_hand, r"\ell", r"$\ell(N, b)$: $E\, L(w_t)$ for $x = 1, 1$, $y = 1, -1$, $\alpha = \frac12$, $w_0 = 2$"
    ),
]

Example: TypeAlias = tuple[Any, Any]
Cases: TypeAlias = Iterator[Mapping[Any, Any]]

PROBLEMS: list[list[Example]] = [
    [(sp.Matrix(x), y) for x, y in (((1, 0), 1), ((1, 2), 0), ((0, 1), 2))],
    [(sp.Matrix(x), y) for x, y in (((1,), 1), ((2,), -1), ((1,), 0))],
]
"""Three examples of two features, and of one."""


def mean_of(items: Sequence[Any]) -> Any:
    """The mean of numbers or matrices, exact."""
    return sum(items[1:], items[0]) / sp.Integer(len(items))


def gradient(batch: Sequence[Example], weights: Any) -> Any:
    """The gradient of the mean loss of a batch, by the chain rule."""
    return mean_of([x * ((x.T * weights)[0] - y) for x, y in batch])


def loss_at(examples: Sequence[Example], weights: Any) -> Any:
    """The mean of half the squared residuals."""
    return mean_of([((x.T * weights)[0] - y) ** 2 for x, y in examples]) / 2


def designs(examples: Sequence[Example]) -> Iterator[tuple[list[Any], Any]]:
    """The equally likely batches of one and of two, without and with replacement, and c(b)."""
    for size in (1, 2):
        yield list(combinations(examples, size)), sp.Rational(len(examples) - size, size * (len(examples) - 1))
        yield list(product(examples, repeat=size)), sp.Rational(1, size)


def ends(batches: Sequence[Any], steps: int, begin: Any, step_size: Any) -> list[Any]:
    """The last weights of every sequence of batches, all equally likely."""
    weights = [begin]
    for _ in range(steps):
        weights = [each - step_size * gradient(batch, each) for each, batch in product(weights, batches)]
    return weights


def moments(examples: Sequence[Example], weights: Any) -> Mapping[Any, Any]:
    """H, and the covariance of the gradients of single examples."""
    centred = [gradient([example], weights) - gradient(examples, weights) for example in examples]
    return {H: mean_of([x * x.T for x, _ in examples]), Sigma: mean_of([each * each.T for each in centred])}


def spreads() -> Cases:
    """The expected loss, the loss of the mean and the covariance over every sequence of batches."""
    for examples in PROBLEMS:
        begin = sp.ones(examples[0][0].rows, 1)
        for (batches, _), steps in product(designs(examples), (1, 2)):
            weights = ends(batches, steps, begin, sp.Rational(1, 2))
            centre = mean_of(weights)
            yield {
                **moments(examples, begin),
                over_examples: uniform({x: each} for each, _ in examples),
                C: mean_of([(each - centre) * (each - centre).T for each in weights]),
                loss: mean_of([loss_at(examples, each) for each in weights]),
                loss_of_mean: loss_at(examples, centre),
            }


def two_sizes() -> Cases:
    """The expected loss at two neighbouring batch sizes, one and two steps."""
    for examples, steps, step_size in product(PROBLEMS, (1, 2), (sp.Rational(1, 2), sp.Integer(2))):
        begin = sp.ones(examples[0][0].rows, 1)
        sets = [list(combinations(examples, size)) for size in (1, 2, 3)]
        lists = [list(product(examples, repeat=size)) for size in (1, 2)]
        for one, other in (*pairwise(sets), *pairwise(lists)):
            losses = [ends(batches, steps, begin, step_size) for batches in (one, other)]
            values = [mean_of([loss_at(examples, each) for each in weights]) for weights in losses]
            yield {loss_small: values[0], loss_large: values[1]}


def one_step() -> Cases:
    """The expected loss after one step of any size."""
    for examples in PROBLEMS:
        begin = sp.ones(examples[0][0].rows, 1)
        for batches, factor in designs(examples):
            value = mean_of([loss_at(examples, each) for each in ends(batches, 1, begin, alpha)])
            descent = loss_at(examples, begin - alpha * gradient(examples, begin))
            yield {**moments(examples, begin), c: factor, first: only_at(value, factor), loss_descent: descent}


def derivatives() -> Cases:
    """Derivatives of the expected loss in the step size at 0: the first from a start, the second from the minimum."""
    for examples in PROBLEMS:
        begin = sp.ones(examples[0][0].rows, 1)
        matrix = moments(examples, begin)[H]
        minimum = matrix.LUsolve(mean_of([x * y for x, y in examples]))
        length = (gradient(examples, begin).T * gradient(examples, begin))[0]
        spread = (matrix * moments(examples, minimum)[Sigma]).trace()
        for (batches, factor), steps in product(designs(examples), (1, 2)):
            if len(batches) ** steps > 9:
                continue
            slopes = {slope: derivative(examples, batches, steps, begin, 1), gamma: length}
            bends = {bend: derivative(examples, batches, steps, minimum, 2), tau: spread}
            yield {t: sp.Integer(steps), c: factor, **slopes, **bends}


def derivative(examples: Sequence[Example], batches: Sequence[Any], steps: int, begin: Any, order: int) -> Any:
    """A derivative at 0 of the expected loss, which is a polynomial of degree 2 t in the step size."""
    points = [
        (size, mean_of([loss_at(examples, each) for each in ends(batches, steps, begin, size)]))
        for size in range(2 * steps + 1)
    ]
    return sp.diff(sp.interpolate(points, alpha), alpha, order).subs(alpha, 0)


def equal_inputs() -> Cases:
    """Inputs 1 and two targets in symbols, every sequence of batches: the squared distance from the minimum 0."""
    y, begin = sp.symbols("y w_0")
    pair = [(sp.Matrix([1]), y), (sp.Matrix([1]), -y)]
    for size, steps in ((1, 0), (1, 1), (1, 2), (1, 3), (2, 1), (2, 2)):
        weights = ends(list(product(pair, repeat=size)), steps, sp.Matrix([begin]), alpha)
        value, kept = mean_of([each[0] ** 2 for each in weights]), (1 - alpha) ** 2
        floor = alpha**2 * y**2 / (size * (1 - kept))
        yield {t: sp.Integer(steps), r: kept, rho: floor, start: begin**2, excess: only_at(value, steps)}


def small_instance() -> Cases:
    """The instance by every sequence of batches with replacement, and by the library's exact engine."""
    pair = [(sp.Matrix([1]), sp.S.One), (sp.Matrix([1]), -sp.S.One)]
    data = sv.Dataset(np.array([[1], [1]], dtype=object), np.array([1, -1], dtype=object))
    sgd = sv.SGD(sv.LinearRegression(data), [2], Fraction(1, 2), sv.WithReplacement())

    def by_sequences(seen: Any, size: Any) -> Any:
        batches = list(product(pair, repeat=int(size)))
        weights = ends(batches, int(seen / size), sp.Matrix([2]), sp.Rational(1, 2))
        return mean_of([loss_at(pair, each) for each in weights])

    yield {by_hand: cache(by_sequences)}
    yield {by_hand: lambda seen, size: sp.S(sv.expected_loss(sgd, int(seen / size))(int(size)))}


def trace_loss(weights: Any) -> Any:
    """The loss at given weights, with the trace of a product of two vectors for their scalar product."""
    return sp.Trace(H * weights * weights.T) / 2 - sp.Trace(weights * f.T) + k


def only_at(number: Any, *point: Any) -> Callable[..., Any]:
    """A function that is known at one point."""
    return lambda *arguments: number if arguments == point else sp.Dummy()


SPREADS = Enumeration("three examples of one and two features, t = 1, 2, b = 1, 2, both designs", spreads)
TRACES = Enumeration("the covariances of the last line, every example", spreads)
TWO_SIZES = Enumeration(
    "the same problems, t = 1, 2, two step sizes, neighbouring batch sizes, both designs", two_sizes
)
ONE_STEP = Enumeration("the same problems, one step, b = 1, 2, both designs, every step size", one_step)
DERIVATIVES = Enumeration("the same problems, t = 1, 2, b = 1, 2, t = 1 only for b = 2 with replacement", derivatives)
EQUAL_INPUTS = Enumeration("two examples in symbols, b = 1, t = 0, ..., 3, b = 2, t = 1, 2", equal_inputs)
INSTANCE = Enumeration("every sequence of batches, and the exact engine", small_instance)

covariance = average((w - m) * (w - m).T, E, w)
SPLIT = {
    C: covariance,
    loss: sp.Trace(H * average(w * w.T, E, w)) / 2 - sp.Trace(m * f.T) + k,
    loss_of_mean: trace_loss(m),
}

mean_and_spread = Step(
    "mean-and-spread",
    r"The loss is quadratic, so its expectation needs two moments of the weights: $L(w) = \frac12 \operatorname{tr}(H "
    r"w w^\top) - f^\top w + k$, and a trace is linear. What the weights vary adds to the loss of their mean.",
    [
        Line(C, "=", average(w * w.T, E, w) - m * m.T, Identity(given=SPLIT, means={w: m})),
        Line(loss, "=", loss_of_mean + sp.Trace(H * C) / 2, Identity(given=SPLIT, means={w: m}), also=(SPREADS,)),
    ],
)

mean_is_descent = Step(
    "mean-is-descent",
    r"Given $w_t$, the mean over the next batch is a step on all examples, which is affine in $w_t$. So $m_t$ is "
    r"gradient descent, and the first term $L(m_t)$ does not depend on the batch size.",
    [
        Line(
            next_m,
            "=",
            m - alpha * (H * m - f),
            Identity(given={next_m: average(w - alpha * (H * w - f), E, w)}, means={w: m}),
        )
    ],
)

BY_EXAMPLE = {
    loss_small: loss_of_mean + average(spread + gap, over_examples, spread, gap) / 2,
    loss_large: loss_of_mean + average(spread, over_examples, spread) / 2,
}

equal_steps = Step(
    "equal-steps",
    r"$H$ is a mean over examples, so what the spread adds to the loss is half a mean of $q_i = x_i^\top "
    r"\operatorname{Cov}(w_t)\, x_i$, which is the trace in the first line. The covariance never increases in the "
    r"batch size, at equal steps and step sizes, in the order of semidefinite matrices: so at the smaller batch size "
    r"each $q_i$ is more, by $d_i \ge 0$, and $L(m_t)$ is the same. **So at equal steps the smaller batch never has "
    r"the lower expected loss.**",
    [
        Line(
            sp.Trace(H * C),
            "=",
            average(sp.Trace(C * x * x.T), over_examples, x),
            Identity(given={H: average(x * x.T, over_examples, x)}),
            also=(TRACES,),
        ),
        Line(loss_small, ">=", loss_large, Signs(given=BY_EXAMPLE), also=(TWO_SIZES,)),
    ],
)

first_step = Step(
    "first-step",
    r"After one step the covariance is $\alpha^2 c\, \Sigma$. So the excess over gradient descent is proportional to "
    r"$c$.",
    [
        Line(
            first(c),
            "=",
            loss_descent + alpha**2 * c * sp.Trace(H * Sigma) / 2,
            Identity(given={first(c): loss_descent + sp.Trace(H * (alpha**2 * c * Sigma)) / 2}),
            also=(ONE_STEP,),
        )
    ],
)

by_how_much = Step(
    "by-how-much",
    r"So after one step the difference between neighbouring batch sizes is positive, for independent draws (second "
    r"line) and without replacement (last line), unless $\tau = 0$. With all examples in one batch $c = 0$.",
    [
        Line(first(0), "=", loss_descent, Identity()),
        Line(first(1 / b) - first(1 / (b + 1)), "=", alpha**2 * tau / (2 * b * (b + 1)), Identity()),
        Line(
            first((n - b) / (b * (n - 1))) - first((n - b - 1) / ((b + 1) * (n - 1))),
            "=",
            alpha**2 * tau * n / (2 * (n - 1) * b * (b + 1)),
            Identity(),
        ),
    ],
    definitions=[(first(c), loss_descent + alpha**2 * c * tau / 2)],
)

small_steps = Step(
    "small-steps",
    r"For very small steps the loss moves along its gradient: the first line with $\delta = -\alpha t\, G$, up to "
    r"$\alpha^2$. The mean change of the weights is $-\alpha G$ at each step, and each step adds $-\gamma$ to the "
    r"derivative of the loss.",
    [
        Line(
            loss_after - loss_before,
            "=",
            sp.Trace(G * delta.T) + sp.Trace(H * delta * delta.T) / 2,
            Identity(given={loss_before: trace_loss(u), loss_after: trace_loss(u + delta)}, symmetric={H}),
        ),
        Line(slope, "=", -t * gamma, Induction(t, first=0, step=lambda value, _: value - gamma), also=(DERIVATIVES,)),
    ],
    definitions=[(G, H * u - f)],
)

more_steps = Step(
    "more-steps",
    r"At equal numbers of examples the smaller batch has made more steps, $t = N / b$. **So away from the minimum, "
    r"and for step sizes that are small enough, the smaller batch has the lower expected loss per example seen.**",
    [
        Line(falls(b + more) - falls(b), "=", N * gamma * more / (b * (b + more)), Identity()),
        Line(falls(b), "<", falls(b + more), Signs()),
    ],
    definitions=[(falls(b), -(N / b) * gamma)],
)

at_the_minimum = Step(
    "at-the-minimum",
    r"At the minimum there is nothing to gain. Each step adds the noise of its batch, $\alpha^2 c\, \Sigma$, and to "
    r"the loss $\frac12 \alpha^2 c\, \tau$, up to $\alpha^3$.",
    [Line(bend, "=", t * c * tau, Induction(t, first=0, step=lambda value, _: value + c * tau), also=(DERIVATIVES,))],
)

more_noise = Step(
    "more-noise",
    r"For independent draws $c = \frac1b$. **At the minimum, and for step sizes that are small enough, the smaller "
    r"batch has the larger expected loss per example seen**, unless every example is fitted exactly.",
    [
        Line(rises(b) - rises(2 * b), "=", 3 * N * tau / (4 * b**2), Identity()),
        Line(rises(b), ">", rises(b + more), Signs()),
    ],
    definitions=[(rises(b), (N / b) * (1 / b) * tau)],
)

KEPT = {r: (1 - alpha) ** 2, rho: alpha**2 * sigma2 / (b * (1 - (1 - alpha) ** 2))}
NOISE = {w_t**2: excess(t), w_t * y_B: 0, y_B**2: sigma2 / b}

progress_and_noise = Step(
    "progress-and-noise",
    r"In between, exactly: one feature with inputs 1, independent draws. A step takes $w_t$ to $(1 - \alpha) w_t + "
    r"\alpha \bar y_B$, so what $e$ has above $\rho$ shrinks by the factor $r$.",
    [
        Line(
            average(((1 - alpha) * w_t + alpha * y_B) ** 2, E, w_t, y_B),
            "=",
            rho + r * (excess(t) - rho),
            Identity(given=KEPT, means=NOISE),
        ),
        Line(
            excess(t),
            "=",
            rho + r**t * (start - rho),
            Induction(t, first=start, step=lambda value, _: rho + r * (value - rho), rewrite=sp.powsimp),
            also=(EQUAL_INPUTS,),
        ),
    ],
)

twice_the_batch = Step(
    "twice-the-batch",
    r"Twice the batch halves $\rho$ and makes half as many steps: $s$ is what those leave of $e_0$, and the smaller "
    r"batch squares it. The smaller batch has the lower loss where the start is further away than $e_*$, and the "
    r"larger loss where it is nearer. At first, $s$ is near 1 and $e_*$ near $\frac32 \rho$; in the end $e_*$ grows "
    r"without bound, and at $s = 0$ only the noise is left. **The smaller batch is ahead first, if it starts far "
    r"enough, and behind in the end.**",
    [
        Line(small(s, start) - large(s, start), "=", (1 - s) * (rho * (sp.S.Half + s) - start * s), Identity()),
        Line(small(s, edge + more), "<", large(s, edge + more), Signs({s: 1 / (1 + q)})),
        Line(small(s, edge - more), ">", large(s, edge - more), Signs({s: 1 / (1 + q)})),
        Line(small(0, start) - large(0, start), "=", rho / 2, Identity()),
    ],
    definitions=[
        (edge, rho * (1 + 1 / (2 * s))),
        (small(s, start), rho + (start - rho) * s**2),
        (large(s, start), rho / 2 + (start - rho / 2) * s),
    ],
)

small_instance_by_hand = Step(
    "by-hand",
    r"Two examples with replacement, $e_0 = 4$, $r = \frac14$, and $\rho = \frac13$ at $b = 1$: the smaller batch is "
    r"ahead while $s > \frac{1}{22}$, so after 2 and 4 examples ($s = \frac14, \frac{1}{16}$), and behind after 6 ($s "
    r"= \frac{1}{64}$). At equal steps it is behind: after two, $\ell(2, 1) > \ell(4, 2)$.",
    [
        Line(by_hand(2, 1), "=", sp.Rational(25, 32), INSTANCE),
        Line(by_hand(2, 2), "=", sp.Rational(17, 16), INSTANCE),
        Line(by_hand(4, 1), "=", sp.Rational(345, 512), INSTANCE),
        Line(by_hand(4, 2), "=", sp.Rational(45, 64), INSTANCE),
        Line(by_hand(6, 1), "=", sp.Rational(5465, 8192), INSTANCE),
        Line(by_hand(6, 2), "=", sp.Rational(157, 256), INSTANCE),
    ],
)

DERIVATION = Derivation(
    "expected_loss",
    "The expected loss",
    [
        "Linear regression. Batches are fresh and independent, with or without replacement or from a population.",
        "The start $w_0$ and the step sizes do not depend on $b$.",
    ],
    SYMBOLS,
    [
        mean_and_spread,
        mean_is_descent,
        equal_steps,
        first_step,
        by_how_much,
        small_steps,
        more_steps,
        at_the_minimum,
        more_noise,
        progress_and_noise,
        twice_the_batch,
        small_instance_by_hand,
    ],
)


if __name__ == "__main__":
    print(DERIVATION.check().to_text())
