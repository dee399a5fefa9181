"""Batch sizes compared in other ways: examples, losses, scaled step sizes; run this file to check every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations, product
from typing import Any, TypeAlias

import sympy as sp

import sgdvar as sv
from sgdvar.claims import CheckedSteps, Claim, Counterexample, Finding, refuted
from sgdvar.derivation import (
    Derivation,
    Enumeration,
    Identity,
    Induction,
    Line,
    Notation,
    Signs,
    Step,
    SumOfSquares,
    average,
)

t = sp.Symbol("t", integer=True, nonnegative=True)
b, sigma2, kappa, alpha, a, d, h = sp.symbols("b sigma^2 kappa alpha a w_0^2 h", positive=True)
c, w0, w, y_B, s, m, M, E, start, edge, growth = sp.symbols("c w_0 w y_B s m M E d d_* lambda")
mean_t, square_t, var_of_step, next_w, gradient_equal = sp.symbols("E[w_t] E[w_t^2] Var(w_1) w' g")
W, G, ell, g_zero, growing = (sp.Function(name) for name in ("Var(w)", "Var(g)", "E[L]", "Var(g)_0", "V"))
loss_low, loss_high, at_quarter = sp.Function("L_1"), sp.Function("L_2"), sp.Function("Var(g)_12")
u, v = sp.symbols("u v", positive=True)

SYMBOLS = [
    Notation(E, "E", "expectation over all batches"),
    Notation(t, "t", "number of steps"),
    Notation(b, "b", "batch size"),
    Notation(c, "c", r"variance factor $c(b)$ of the design: $\frac1b$ for independent draws"),
    Notation(alpha, r"\alpha", "step size, $0 < \\alpha < 2$ where inputs are 1"),
    Notation(w0, "w_0", "start"),
    Notation(d, "w_0^2", "its square: the squared distance from the minimum"),
    Notation(w, "w", "weight before a step, with the mean $m$"),
    Notation(next_w, "w'", "weight after it"),
    Notation(m, "m", "mean of $w$"),
    Notation(M, "M", "mean of $w^2$"),
    Notation(y_B, r"\bar y_B", "batch mean of the targets, which have mean 0"),
    Notation(sigma2, r"\sigma^2", "variance of the targets"),
    Notation(mean_t, r"E\, w_t", "mean weight after $t$ steps"),
    Notation(square_t, r"E\, w_t^2", "mean square of the weight after $t$ steps"),
    Notation(W, r"\operatorname{Var}_w", r"$\operatorname{Var}_w(t, c)$: variance of $w_t$, inputs 1"),
    Notation(G, r"\operatorname{Var}_g", r"$\operatorname{Var}_g(t, c)$: variance of $g_t$, inputs 1"),
    Notation(ell, r"\ell", r"$\ell(t, c, d)$: $E\, L(w_t)$ with $w_0^2 = d$, inputs 1"),
    Notation(start, "d", "squared distance of the start from the minimum"),
    Notation(edge, "d_*", "the $d$ from which both batch sizes have the same loss"),
    Notation(v, "v", "any positive number"),
    Notation(u, "u", r"$\alpha / (1 - \alpha)$, a positive number where $0 < \alpha < 1$"),
    Notation(growing, "V", r"$V(b)$: $\operatorname{Var}(g_1)$ with the step size $\alpha = a b$, inputs 1"),
    Notation(a, "a", "step size per example of the batch"),
    Notation(s, "s", "batch mean of $x_i^2$"),
    Notation(h, "h", "mean of $x_i^2$ over all examples"),
    Notation(kappa, r"\kappa", "variance of $x_i^2$"),
    Notation(growth, r"\lambda", "factor by which a step multiplies the mean square of the weight"),
    Notation(g_zero, r"\operatorname{Var}_0", r"$\operatorname{Var}_0(t, c)$: variance of $g_t$, targets 0"),
    Notation(
        at_quarter,
        "U",
        r"$U(t, b)$: $\operatorname{Var}(g_t)$ for $x = 1, 2$, $y = 0$, $\alpha = \frac14$, $w_0 = 1$, with "
        r"replacement",
    ),
    Notation(
        loss_low, r"\ell_1", r"$\ell_1(b)$: $E\, L(w_1)$ for $x = 1, 2$, $y = 0$, $w_0 = (2, 1)$, $\alpha = \frac14$"
    ),
    Notation(
        loss_high, r"\ell_2", r"$\ell_2(b)$: the same for $x = 1$, $y = 0, 2$, $w_0 = (1, 1)$, $\alpha = \frac12$"
    ),
]

Example: TypeAlias = tuple[Any, Any]
Cases: TypeAlias = Iterator[Mapping[Any, Any]]

NETWORKS: list[tuple[list[Example], tuple[Fraction, Fraction], Fraction]] = [
    ([(1, 0), (2, 0)], (Fraction(2), Fraction(1)), Fraction(1, 4)),
    ([(1, 0), (1, 2)], (Fraction(1), Fraction(1)), Fraction(1, 2)),
]
"""Examples, start weights and step size."""


def mean(items: Sequence[Any]) -> Any:
    """The mean of numbers, exact."""
    total = sum(items[1:], items[0])
    return total / Fraction(len(items)) if isinstance(total, int | Fraction) else total / sp.Integer(len(items))


def spread_of(values: Sequence[Any]) -> Any:
    """The variance of equally likely numbers."""
    return mean([value**2 for value in values]) - mean(values) ** 2


def gradient(batch: Sequence[Example], weight: Any) -> Any:
    """The gradient of the mean loss of a batch with one feature, by the chain rule."""
    return mean([x * (x * weight - y) for x, y in batch])


def run(batches: Sequence[Sequence[Example]], weight: Any, step_size: Any) -> Any:
    """The weight after a step on each batch."""
    for batch in batches:
        weight = weight - step_size * gradient(batch, weight)
    return weight


def loss(examples: Sequence[Example], weight: Any) -> Any:
    """The mean of half the squared residuals."""
    return mean([(x * weight - y) ** 2 for x, y in examples]) / 2


def designs(examples: Sequence[Example], size: int) -> Iterator[tuple[list[tuple[Example, ...]], Any]]:
    """All equally likely batches of two examples and c(b), with and without replacement."""
    yield list(product(examples, repeat=size)), sp.Rational(1, size)
    yield list(combinations(examples, size)), sp.Integer(2 - size)


def equal_runs() -> Cases:
    """Two examples with inputs 1 and targets y and -y in symbols: every sequence of batches."""
    y = sp.Symbol("y")
    pair = [(sp.S.One, y), (sp.S.One, -y)]
    for count, size in ((1, 1), (1, 2), (2, 1), (2, 2), (3, 1)):
        for batches, factor in designs(pair, size):
            ends = [run(sequence, w0, alpha) for sequence in product(batches, repeat=count)]
            gradients = [gradient(batch, end) for batch in batches for end in ends]
            losses = mean([loss(pair, end) for end in ends])
            yield {
                t: sp.Integer(count),
                c: factor,
                sigma2: y**2,
                start: w0**2,
                mean_t: mean(ends),
                W: only_at(spread_of(ends), count, factor),
                G: only_at(spread_of(gradients), count, factor),
                ell: only_at(losses, count, factor, w0**2),
            }


def only_at(number: Any, *point: Any) -> Callable[..., Any]:
    """A function that is known at one point."""
    return lambda *arguments: number if arguments == point else sp.Dummy()


def growing_steps() -> Cases:
    """The same examples with replacement, one step of the size a b before the gradient."""
    y = sp.Symbol("y")
    for size in (1, 2, 3):
        batches = list(product([(sp.S.One, y), (sp.S.One, -y)], repeat=size))
        gradients = [gradient(last, run([first], w0, a * size)) for first, last in product(batches, repeat=2)]
        yield {b: sp.Integer(size), sigma2: y**2, growing: only_at(spread_of(gradients), size)}


def zero_targets() -> Cases:
    """Two examples with targets 0 and inputs in symbols: every sequence of batches."""
    inputs = sp.symbols("x1:3")
    examples = [(x, sp.S.Zero) for x in inputs]
    known = {h: mean([x**2 for x in inputs]), kappa: spread_of([x**2 for x in inputs]), d: w0**2}
    for count, size in ((1, 1), (1, 2), (2, 1)):
        for batches, factor in designs(examples, size):
            ends = [run(sequence, w0, alpha) for sequence in product(batches, repeat=count)]
            gradients = [gradient(batch, end) for end in ends for batch in batches]
            moments = {mean_t: mean(ends), square_t: mean([end**2 for end in ends])}
            yield {
                **known,
                **moments,
                t: sp.Integer(count),
                c: factor,
                g_zero: only_at(spread_of(gradients), count, factor),
            }


def quarter_steps() -> Cases:
    """Inputs 1 and 2, targets 0: every sequence of batches with replacement, and the library's enumeration."""
    examples = [(sp.Integer(x), sp.S.Zero) for x in (1, 2)]

    def by_runs(count: Any, size: Any) -> Any:
        batches = list(product(examples, repeat=int(size)))
        sequences = product(batches, repeat=int(count) + 1)
        return spread_of([gradient(last, run(firsts, 1, sp.Rational(1, 4))) for *firsts, last in sequences])

    sgd = regression((1, 2), (0, 0), 1, Fraction(1, 4))
    yield {at_quarter: by_runs}
    yield {at_quarter: lambda count, size: sp.S(sv.enumerate_gradient_variance(sgd, int(count), int(size)))}


def networks() -> Cases:
    """Expected losses of both networks after one step: every batch, and the library's enumeration."""
    yield {f: value_of_network(case) for case, f in enumerate((loss_low, loss_high))}
    sgds = [network(case) for case in (0, 1)]
    yield {
        loss_low: lambda size: sp.S(sv.enumerate_expected_loss(sgds[0], 1, int(size))),
        loss_high: lambda size: sp.S(sv.enumerate_expected_loss(sgds[1], 1, int(size))),
    }


def value_of_network(case: int) -> Callable[[Any], Any]:
    """E L(w_1) of two layers of one weight, without replacement, by the chain rule."""
    examples, (first, last), step_size = NETWORKS[case]

    def value(size: Any) -> Any:
        losses = []
        for batch in combinations(examples, int(size)):
            slope = gradient(batch, first * last)
            losses.append(loss(examples, (first - step_size * slope * last) * (last - step_size * slope * first)))
        return sp.S(mean(losses))

    return value


def regression(inputs: Sequence[int], targets: Sequence[int], start: int, step_size: Fraction) -> sv.SGD:
    """Linear regression with one feature, with replacement."""
    X: Any = [[x] for x in inputs]
    y: Any = list(targets)
    return sv.SGD(sv.LinearRegression(sv.Dataset(X, y)), [start], step_size, sv.WithReplacement())


def network(case: int) -> sv.SGD:
    """One of the two networks."""
    examples, start, step_size = NETWORKS[case]
    X: Any = [[x] for x, _ in examples]
    y: Any = [y for _, y in examples]
    return sv.SGD(sv.DeepLinearNetwork(sv.Dataset(X, y)), list(start), step_size)


EQUAL = Enumeration("two examples in symbols, t = 1, 2 with b = 1, 2, t = 3 with b = 1, both designs", equal_runs)
ZERO = Enumeration("two examples in symbols, t = 1 with b = 1, 2, t = 2 with b = 1, both designs", zero_targets)
GROWING = Enumeration("two examples in symbols, b = 1, 2, 3 with replacement", growing_steps)
QUARTER = Enumeration("every sequence of batches, and the library's enumeration", quarter_steps)
IN_BATCHES = Enumeration("every batch, and the library's enumeration", networks)

kept = 1 - alpha
spread_closed = alpha * c * sigma2 * (1 - kept ** (2 * t)) / (2 - alpha)
NOISE = {w: m, y_B: 0, w * y_B: 0, y_B**2: c * sigma2, w**2: M}
BELOW_ONE = {alpha: u / (1 + u)}
SUM_OF_SQUARES = SumOfSquares([(sigma2 / 2, sp.S.One), (sigma2 / 2, alpha), (sigma2, alpha * kept)], [sigma2])
LOSS = (ell(t, c, start), (sigma2 + kept ** (2 * t) * start + spread_closed) / 2)
GRADIENT = (G(t, c), spread_closed + c * sigma2)

equal_inputs = Step(
    "equal-inputs",
    r"One feature, $x_i = 1$, targets of mean 0. The batch mean $\bar y_B$ is independent of $w$ and has the variance "
    r"$c\, \sigma^2$. Batches only add noise: the mean shrinks, and the variance shrinks and grows by $\alpha^2 c\, "
    r"\sigma^2$.",
    [
        Line(next_w, "=", kept * w + alpha * y_B, Identity(given={next_w: w - alpha * (w - y_B)})),
        Line(average(next_w, E, w, y_B), "=", kept * m, Identity(given={next_w: kept * w + alpha * y_B}, means=NOISE)),
        Line(
            average(next_w**2, E, w, y_B) - average(next_w, E, w, y_B) ** 2,
            "=",
            kept**2 * (M - m**2) + alpha**2 * c * sigma2,
            Identity(given={next_w: kept * w + alpha * y_B}, means=NOISE),
        ),
        Line(
            average((w - y_B) ** 2, E, w, y_B) - average(w - y_B, E, w, y_B) ** 2,
            "=",
            M - m**2 + c * sigma2,
            Identity(means=NOISE),
        ),
    ],
)

closed_forms = Step(
    "closed-forms",
    r"From $w_0$ on, step by step; the sum is geometric. The gradient adds the noise of one more batch, and the loss "
    r"is half the mean square of $w_t - y_i$.",
    [
        Line(mean_t, "=", kept**t * w0, Induction(t, first=w0, step=lambda value, _: kept * value), also=(EQUAL,)),
        Line(
            W(t, c),
            "=",
            spread_closed,
            Induction(t, first=0, step=lambda value, _: kept**2 * value + alpha**2 * c * sigma2, rewrite=sp.powsimp),
            also=(EQUAL,),
        ),
        Line(
            G(t, c),
            "=",
            W(t, c) + c * sigma2,
            Identity(given={G(t, c): M - m**2 + c * sigma2, W(t, c): M - m**2}),
            also=(EQUAL,),
        ),
        Line(
            ell(t, c, start),
            "=",
            (sigma2 + kept ** (2 * t) * start + W(t, c)) / 2,
            Identity(given={ell(t, c, start): (M + sigma2) / 2, W(t, c): M - kept ** (2 * t) * start}),
            also=(EQUAL,),
        ),
    ],
)

ahead = alpha * (2 - alpha) * kept**2 * v / 2

loss_at_equal_examples = Step(
    "loss-at-equal-examples",
    r"Two steps with one example, and one step with two: both have seen two examples ($c = \frac1b$). Where the start "
    r"is nearer to the minimum than $d_*$ the smaller batch has the larger loss, at the minimum at any rate. Where it "
    r"is further away the smaller batch has the smaller loss, having made two steps ($0 < \alpha < 1$). **At equal "
    r"numbers of examples neither order holds**: noise against progress.",
    [
        Line(ell(0, c, start), "=", (sigma2 + start) / 2, Identity()),
        Line(
            ell(2, 1, start) - ell(1, sp.S.Half, start),
            "=",
            (alpha**2 * sigma2 * (sp.S.Half + kept**2) - alpha * (2 - alpha) * kept**2 * start) / 2,
            Identity(),
        ),
        Line(ell(2, 1, edge - v) - ell(1, sp.S.Half, edge - v), "=", ahead, Identity()),
        Line(ell(2, 1, edge + v) - ell(1, sp.S.Half, edge + v), "=", -ahead, Identity()),
        Line(ahead, ">", 0, Signs(BELOW_ONE)),
    ],
    definitions=[LOSS, (edge, alpha * sigma2 * (sp.S.Half + kept**2) / ((2 - alpha) * kept**2))],
)

growing_step_sizes = Step(
    "growing-step-sizes",
    r"The step size is proportional to the batch size, $\alpha = a b$, and $c = \frac1b$. Gradient descent converges "
    r"as long as $a b < 2$.",
    [
        Line(
            growing(b),
            "=",
            sigma2 * (1 / b + a**2 * b),
            Identity(given={growing(b): spread_closed.xreplace({t: sp.S.One, alpha: a * b, c: 1 / b}) + sigma2 / b}),
            also=(GROWING,),
        )
    ],
)

variance_rises = Step(
    "variance-rises",
    r"**With step sizes proportional to $b$ the variance rises** from every $b$ with $b (b + 1) > a^{-2}$; so it does "
    r"where $a b > 1$. At $t = 0$ there is no step size in it, and it still decreases.",
    [
        Line(growing(b + 1) - growing(b), "=", sigma2 * (a**2 - 1 / (b * (b + 1))), Identity()),
        Line(growing(b + 1), ">", growing(b), Signs({a: (1 + v) / b})),
    ],
    definitions=[(growing(b), sigma2 * (1 / b + a**2 * b))],
)

second = h**2 + c * kappa
GROWTH = (growth, (1 - alpha * h) ** 2 + alpha**2 * c * kappa)
SHRINK = {s: h, s**2: second, w**2: M, w: m, s * w: h * m, s * w**2: h * M, s**2 * w**2: second * M}
MULTIPLIED = (g_zero(t, c), d * (second * growth**t - h**2 * (1 - alpha * h) ** (2 * t)))

targets_zero = Step(
    "targets-zero",
    r"One feature, $y_i = 0$: a step multiplies $w$ by $1 - \alpha s$ with the batch mean $s$ of $x_i^2$, which is "
    r"independent of $w$, and $g = s w$. Now batches multiply the weights, and $c$ comes in powers.",
    [
        Line(average(((1 - alpha * s) * w) ** 2, E, s, w), "=", growth * M, Identity(means=SHRINK)),
        Line(
            mean_t,
            "=",
            (1 - alpha * h) ** t * w0,
            Induction(t, first=w0, step=lambda value, _: (1 - alpha * h) * value),
            also=(ZERO,),
        ),
        Line(
            square_t, "=", growth**t * d, Induction(t, first=d, step=lambda value, _: GROWTH[1] * value), also=(ZERO,)
        ),
        Line(
            average((s * w) ** 2, E, s, w) - average(s * w, E, s, w) ** 2,
            "=",
            second * M - h**2 * m**2,
            Identity(means=SHRINK),
        ),
        Line(
            g_zero(t, c),
            "=",
            second * square_t - h**2 * mean_t**2,
            Identity(given={g_zero(t, c): second * M - h**2 * m**2, square_t: M, mean_t: m}),
            also=(ZERO,),
        ),
    ],
    definitions=[GROWTH],
)

not_proportional = Step(
    "not-proportional",
    r"At $t = 0$ the variance is proportional to $c$. At $t = 1$ it has a square of $c$, so for independent draws $b "
    r"\operatorname{Var}(g_1)$ depends on $b$, unless $\alpha$, $\kappa$ or $w_0$ is 0.",
    [
        Line(g_zero(0, c), "=", c * kappa * d, Identity()),
        Line(
            g_zero(1, c),
            "=",
            d * (kappa * ((1 - alpha * h) ** 2 + alpha**2 * h**2) * c + alpha**2 * kappa**2 * c**2),
            Identity(),
        ),
        Line(
            b * g_zero(1, 1 / b) - (b + 1) * g_zero(1, 1 / (b + 1)),
            "=",
            alpha**2 * kappa**2 * d / (b * (b + 1)),
            Identity(),
        ),
        Line(b * g_zero(1, 1 / b), ">", (b + 1) * g_zero(1, 1 / (b + 1)), Signs()),
    ],
    definitions=[GROWTH, MULTIPLIED],
)

variance_at_equal_examples = Step(
    "variance-at-equal-examples",
    r"Targets 0, with replacement: weights shrink with every step, and gradients with them, so the smaller batch has "
    r"the smaller variance after two examples. With inputs 1 it is the other way round at every step size.",
    [
        Line(at_quarter(2, 1), "=", sp.Rational(8991, 16384), QUARTER),
        Line(at_quarter(1, 2), "=", sp.Rational(693, 1024), QUARTER),
        Line(at_quarter(2, 1), "<", at_quarter(1, 2), QUARTER),
        Line(G(2, 1) - G(1, sp.S.Half), "=", sigma2 * (1 + alpha**2 + 2 * alpha**2 * kept**2) / 2, Identity()),
        Line(G(2, 1), ">=", G(1, sp.S.Half), Signs(BELOW_ONE), also=(SUM_OF_SQUARES,)),
    ],
    definitions=[GRADIENT],
)

network_loss = Step(
    "network-loss",
    r"Two layers of one weight each, two examples without replacement. In the first case either example leads to a "
    r"minimum of its own, and their mean leads to neither. In the second the start is the minimum, and only batches "
    r"of one leave it. **For networks neither order holds even at equal steps.**",
    [
        Line(loss_low(2), "=", sp.Rational(405, 256), IN_BATCHES),
        Line(loss_low(1), "<", loss_low(2), IN_BATCHES),
        Line(loss_high(1), "=", sp.Rational(33, 32), IN_BATCHES),
        Line(loss_high(2), "=", sp.S.Half, IN_BATCHES),
        Line(loss_high(1), ">", loss_high(2), IN_BATCHES),
    ],
)

DERIVATION = Derivation(
    "other_comparisons",
    "Other comparisons of batch sizes",
    [
        "Linear regression with one feature, or a network of two layers. The start is fixed; batches are fresh and "
        "independent.",
    ],
    SYMBOLS,
    [
        equal_inputs,
        closed_forms,
        loss_at_equal_examples,
        growing_step_sizes,
        variance_rises,
        targets_zero,
        not_proportional,
        variance_at_equal_examples,
        network_loss,
    ],
)


def at_equal_examples(reason: str, quantity: str, sgd: sv.SGD) -> Callable[[], Finding]:
    """What settles a claim about b = 1 at step 2 and b = 2 at step 1."""
    found = [(sgd, quantity, each, [1, 2]) for each in (2, 1)]
    return lambda: refuted(reason, *(Counterexample.of(*each) for each in found), CheckedSteps.of(DERIVATION))


def growing_refuted() -> Finding:
    """Settles that the variance decreases with step sizes proportional to b."""
    pair = [regression((1, 1), (1, -1), 0, step_size) for step_size in (Fraction(1), Fraction(3, 2))]
    return refuted(
        "Var(g_1) = 1/b + b/4 for alpha = b/2: 1 at b = 2 (first process) and 13/12 at b = 3 (second process)",
        *(Counterexample.of(sgd, "gradient-variance", 1, [2, 3]) for sgd in pair),
        CheckedSteps.of(DERIVATION),
    )


REGRESSION = "linear regression; fixed start; fresh independent batches"
EXAMPLES = f"{REGRESSION}; equal step sizes that do not depend on b; equal numbers of examples b t"
NETWORK = (
    "deep linear networks of two or more layers; fixed start; fresh independent batches; equal steps and step sizes"
)

CLAIMS = [
    Claim(
        "linear-regression-smaller-batch-lower-loss-equal-examples",
        "a smaller batch has the lower expected loss E L(w_t) at equal numbers of examples seen",
        EXAMPLES,
        "the abstract of Qian and Klabjan (arXiv 2004.13146): smaller batch sizes yield lower loss function values, "
        "read at equal numbers of examples",
        at_equal_examples(
            "from the minimum two steps with b = 1 lead further away than one with b = 2: 21/32 against 9/16",
            "expected-loss",
            regression((1, 1), (1, -1), 0, Fraction(1, 2)),
        ),
    ),
    Claim(
        "linear-regression-larger-batch-lower-loss-equal-examples",
        "a larger batch has the lower expected loss E L(w_t) at equal numbers of examples seen",
        EXAMPLES,
        "folklore",
        at_equal_examples(
            "from afar two steps with b = 1 lead closer than one with b = 2: 37/32 against 41/16",
            "expected-loss",
            regression((1, 1), (1, -1), 4, Fraction(1, 2)),
        ),
    ),
    Claim(
        "linear-regression-gradient-variance-decreases-equal-examples",
        "Var(g_t) does not increase in b at equal numbers of examples seen before step t",
        EXAMPLES,
        "asked here",
        at_equal_examples(
            "without noise gradients shrink with every step: 8991/16384 after two with b = 1, 693/1024 after one with "
            "b = 2",
            "gradient-variance",
            regression((1, 2), (0, 0), 1, Fraction(1, 4)),
        ),
    ),
    Claim(
        "linear-regression-gradient-variance-decreases-step-size-proportional",
        "Var(g_t) does not increase in b where the step size is proportional to b, for t >= 1",
        f"{REGRESSION}; step sizes a b with a fixed a; equal steps",
        "asked here",
        growing_refuted,
    ),
    Claim(
        "linear-regression-gradient-variance-proportional",
        "Var(g_t) is proportional to 1/b along the trajectory, for t >= 1",
        f"{REGRESSION}; independent draws; step sizes that do not depend on b; equal steps",
        "folklore",
        lambda: refuted(
            "b Var(g_1) changes with b wherever batches multiply the weights: it has a term alpha^2 kappa^2 w_0^2 / b",
            Counterexample.of(regression((1, 2), (0, 0), 1, Fraction(1, 4)), "gradient-variance", 1, [1, 2]),
            CheckedSteps.of(DERIVATION),
        ),
    ),
    Claim(
        "deep-linear-smaller-batch-lower-loss-equal-steps",
        "a smaller batch has the lower expected loss E L(w_t)",
        NETWORK,
        "the abstract of Qian and Klabjan (arXiv 2004.13146): smaller batch sizes yield lower loss function values, "
        "read at equal steps",
        lambda: refuted(
            "only batches of one leave the minimum",
            Counterexample.of(network(1), "expected-loss", 1, [1, 2]),
            CheckedSteps.of(DERIVATION),
        ),
    ),
    Claim(
        "deep-linear-larger-batch-lower-loss-equal-steps",
        "a larger batch has the lower expected loss E L(w_t)",
        NETWORK,
        "folklore",
        lambda: refuted(
            "either example leads to a minimum, and their mean to neither",
            Counterexample.of(network(0), "expected-loss", 1, [1, 2]),
            CheckedSteps.of(DERIVATION),
        ),
        lambda sgd, step: sv.certify_decreasing(sv.expected_loss(sgd, step)),
        lambda sgd: None if isinstance(sgd.problem, sv.DeepLinearNetwork) else f"a {type(sgd.problem).__name__}",
    ),
    Claim(
        "smallest-batch-optimal-computation",
        "b = 1 is optimal in total computation",
        "fresh batches, with or without replacement",
        "Ma, Bassily and Belkin (2018)",
    ),
]
"""What follows, for the register of claims."""


if __name__ == "__main__":
    print(DERIVATION.check().to_text())
