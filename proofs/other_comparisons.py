"""Batch sizes compared in other ways: examples, losses, scaled step sizes; run this file to check every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations, product
from typing import Any, TypeAlias

import sympy as sp

import sgdvar as sv
from sgdvar.claims import CheckedSteps, Claim, Counterexample, Finding, refuted

alpha, a, w0 = sp.symbols("alpha a w0")
variance, kappa = sp.symbols("sigma2 kappa", positive=True)
b = sp.Symbol("b", positive=True)

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
        equal_inputs(),
        loss_at_equal_examples(),
        step_sizes_that_grow(),
        targets_zero(),
        not_proportional(),
        variance_at_equal_examples(),
        network_loss(),
    ]


def identity(left: Any, right: Any) -> None:
    """Checks that two rational functions are the same.

    Raises:
        AssertionError: They differ.
    """
    difference = sp.cancel(sp.together(left - right))
    if difference != 0:
        raise AssertionError(f"{left} = {right} is false: the difference is {difference}")


def equal_inputs() -> Step:
    """All inputs are 1 and the targets have mean 0."""
    y = sp.Symbol("y")
    pair = [(sp.S.One, y), (sp.S.One, -y)]
    for t, size in ((1, 1), (1, 2), (2, 1), (2, 2), (3, 1)):
        for batches, c in designs(pair, size):
            ends = [run(sequence, w0, alpha) for sequence in product(batches, repeat=t)]
            spread = alpha**2 * c * y**2 * sum((1 - alpha) ** (2 * s) for s in range(t))
            identity(mean(ends), (1 - alpha) ** t * w0)
            identity(spread_of(ends), spread)
            gradients = [gradient(batch, w) for batch in batches for w in ends]
            identity(spread_of(gradients), spread + c * y**2)
            identity(mean([loss(pair, w) for w in ends]), (y**2 + (1 - alpha) ** (2 * t) * w0**2 + spread) / 2)
    return (
        r"w_{s+1} &= (1 - \alpha)\, w_s + \alpha\, \bar y_{B_s}, \qquad \operatorname{Var}(w_t) = \alpha^2 c(b)\, "
        r"\sigma^2 \sum_{s<t} (1 - \alpha)^{2s}, \\ \operatorname{Var}(g_t) &= \operatorname{Var}(w_t) + c(b)\, "
        r"\sigma^2, \qquad E\, L(w_t) = \tfrac12 \bigl( \sigma^2 + (1 - \alpha)^{2t} w_0^2 + \operatorname{Var}(w_t) "
        r"\bigr)",
        r"One feature, $x_i = 1$, targets of mean 0 and variance $\sigma^2$, with mean $\bar y_B$ over a batch. "
        r"Batches only add noise, of variance $c(b)\, \sigma^2$ in the gradient.",
        "exhaustive enumeration in symbols for two examples: t = 1 and 2 with b = 1 and 2, t = 3 with b = 1, with and "
        "without replacement",
    )


def loss_at_equal_examples() -> Step:
    """Two steps with single examples against one step with two examples."""
    small, large = expected_loss(2, sp.S.One), expected_loss(1, sp.Rational(1, 2))
    gain = alpha * (2 - alpha) * (1 - alpha) ** 2
    identity(small - large, (alpha**2 * variance * (sp.Rational(1, 2) + (1 - alpha) ** 2) - gain * w0**2) / 2)
    return (
        r"E\, L(w_2) \big|_{b=1} - E\, L(w_1) \big|_{b=2} = \tfrac12 \Bigl( \alpha^2 \sigma^2 \bigl( \tfrac12 + (1 - "
        r"\alpha)^2 \bigr) - \alpha (2 - \alpha) (1 - \alpha)^2 w_0^2 \Bigr)",
        r"Both have seen two examples ($c(b) = \frac1b$). At the minimum, $w_0 = 0$, the smaller batch has the larger "
        r"loss; far from it the smaller loss ($0 < \alpha < 2$, $\alpha \ne 1$), having made two steps. **At equal "
        r"numbers of examples neither order holds**: noise against progress.",
        "identity in symbols, every step size, start and variance",
    )


def step_sizes_that_grow() -> Step:
    """The step size is proportional to the batch size."""
    V = (variance / b + (a * b) ** 2 * variance / b).expand()
    identity(V, variance * (1 / b + a**2 * b))
    identity(V.subs(b, b + 1) - V, variance * (a**2 - 1 / (b * (b + 1))))
    return (
        r"\operatorname{Var}(g_1) &= \sigma^2 \Bigl( \frac1b + a^2 b \Bigr) \qquad (\alpha = a b, \; c(b) = "
        r"\tfrac1b), \\ V(b+1) - V(b) &= \sigma^2 \Bigl( a^2 - \frac{1}{b (b+1)} \Bigr)",
        r"**With step sizes proportional to $b$ the variance rises** from every $b$ with $b (b+1) > a^{-2}$. Gradient "
        r"descent converges as long as $a b < 2$. At $t = 0$ there is no step size in it, and it still decreases.",
        "identities in symbols, every a, b and variance",
    )


def targets_zero() -> Step:
    """All targets are 0, and inputs differ."""
    x = sp.symbols("x1:3")
    examples = [(value, sp.S.Zero) for value in x]
    h, square = mean([value**2 for value in x]), mean([value**4 for value in x])
    for t, size in ((1, 1), (1, 2), (2, 1)):
        for batches, c in designs(examples, size):
            gradients = [last_gradient(sequence, w0, alpha) for sequence in product(batches, repeat=t + 1)]
            identity(spread_of(gradients), multiplied(t, c, alpha, h, square - h**2) * w0**2)
    return (
        r"\operatorname{Var}(g_t) &= w_0^2 \Bigl( (h^2 + c\, \kappa) \bigl( (1 - \alpha h)^2 + \alpha^2 c\, \kappa "
        r"\bigr)^t - h^2 (1 - \alpha h)^{2t} \Bigr), \\ h &= E\, x^2, \quad \kappa = \operatorname{Var}(x^2)",
        r"One feature, $y_i = 0$: every step multiplies the weight by $1 - \alpha s$ with the batch mean $s$ of $x^2$, "
        r"and $g_t = s_t w_t$. Now batches multiply the weights, and $c = c(b)$ comes in powers.",
        "exhaustive enumeration in symbols for two examples: t = 1 with b = 1 and 2, t = 2 with b = 1, with and "
        "without replacement",
    )


def not_proportional() -> Step:
    """After one step the variance is not proportional to c(b)."""
    c, h = sp.symbols("c h")
    polynomial = sp.Poly(multiplied(1, c, alpha, h, kappa), c)
    identity(polynomial.coeff_monomial(c**2), alpha**2 * kappa**2)
    identity(polynomial.coeff_monomial(c), kappa * ((1 - alpha * h) ** 2 + alpha**2 * h**2))
    identity(polynomial.coeff_monomial(1), 0)
    return (
        r"\operatorname{Var}(g_1) = w_0^2 \Bigl( \kappa\, \bigl( (1 - \alpha h)^2 + \alpha^2 h^2 \bigr)\, c + \alpha^2 "
        r"\kappa^2\, c^2 \Bigr)",
        r"So for independent draws $b \operatorname{Var}(g_1)$ depends on $b$, unless $\alpha$, $\kappa$ or $w_0$ is "
        r"0. At $t = 0$ the variance is $c(b)\, \kappa\, w_0^2$.",
        "the coefficients in symbols, every h, kappa and step size",
    )


def variance_at_equal_examples() -> Step:
    """The variance after two examples, in both orders."""
    h, square = sp.Rational(5, 2), sp.Rational(9, 4)
    small = multiplied(2, sp.S.One, sp.Rational(1, 4), h, square)
    large = multiplied(1, sp.Rational(1, 2), sp.Rational(1, 4), h, square)
    if not small < large:
        raise AssertionError(f"the variance should be smaller after two steps of one example: {small} and {large}")
    noise = variance * (1 + alpha**2 * (1 + (1 - alpha) ** 2)) - variance * (1 + alpha**2) / 2
    identity(noise, variance * (1 + alpha**2 + 2 * alpha**2 * (1 - alpha) ** 2) / 2)
    return (
        rf"\operatorname{{Var}}(g_2) \big|_{{b=1}} = {sp.latex(small)} < {sp.latex(large)} = \operatorname{{Var}}(g_1) "
        r"\big|_{b=2} \qquad (x = 1, 2; \; \alpha = \tfrac14, \; w_0 = 1)",
        r"Targets 0, with replacement: weights shrink with every step, and gradients with them. With equal inputs, and "
        r"targets of variance $\sigma^2$, it is the other way round at every step size: $\operatorname{Var}(g_2) "
        r"|_{b=1} - \operatorname{Var}(g_1) |_{b=2} = \frac12 \sigma^2 (1 + \alpha^2 + 2 \alpha^2 (1 - \alpha)^2) > 0$."
        r"",
        "the closed forms of the steps above, in rational numbers and in symbols",
    )


def network_loss() -> Step:
    """Expected losses of two networks after one step, in both orders."""
    values = [network_losses(*instance) for instance in NETWORKS]
    if not (values[0][0] < values[0][1] and values[1][0] > values[1][1]):
        raise AssertionError(f"the expected loss should rise and fall from b = 1 to 2, got {values}")
    (low, high), (more, less) = ([sp.latex(sp.S(value)) for value in pair] for pair in values)
    return (
        rf"E\, L(w_1) &= {low} \; (b = 1), \quad {high} \; (b = 2) \qquad x = 1, 2, \; y = 0, \; w_0 = (2, 1), \; "
        rf"\alpha = \tfrac14 \\ E\, L(w_1) &= {more} \; (b = 1), \quad {less} \; (b = 2) \qquad x = 1, \; y = 0, 2, \; "
        rf"w_0 = (1, "
        r"1), \; \alpha = \tfrac12",
        r"Two layers of one weight each, two examples without replacement. In the first case either example leads to a "
        r"minimum of its own, and their mean leads to neither. In the second the start is the minimum, and only "
        r"batches of one leave it. **For networks neither order holds even at equal steps.**",
        "enumeration of the batches in rational numbers",
    )


Example: TypeAlias = tuple[Any, Any]

NETWORKS: list[tuple[list[Example], tuple[Fraction, Fraction], Fraction]] = [
    ([(1, 0), (2, 0)], (Fraction(2), Fraction(1)), Fraction(1, 4)),
    ([(1, 0), (1, 2)], (Fraction(1), Fraction(1)), Fraction(1, 2)),
]
"""Examples, start weights and step size."""


def expected_loss(t: int, c: Any) -> Any:
    """E L(w_t) for equal inputs."""
    spread = alpha**2 * c * variance * sum((1 - alpha) ** (2 * s) for s in range(t))
    return (variance + (1 - alpha) ** (2 * t) * w0**2 + spread) / 2


def multiplied(t: int, c: Any, step_size: Any, h: Any, square: Any) -> Any:
    """Var(g_t) for targets 0 and w0 = 1."""
    factor = (1 - step_size * h) ** 2
    return (h**2 + c * square) * (factor + step_size**2 * c * square) ** t - h**2 * factor**t


def designs(examples: Sequence[Example], size: int) -> Iterator[tuple[list[tuple[Example, ...]], Any]]:
    """All equally likely batches of two examples and c(b), with and without replacement."""
    yield list(product(examples, repeat=size)), sp.Rational(1, size)
    yield list(combinations(examples, size)), sp.Integer(2 - size)


def last_gradient(batches: Sequence[Sequence[Example]], w: Any, step_size: Any) -> Any:
    """The gradient on the last batch after a step on each of the others."""
    return gradient(batches[-1], run(batches[:-1], w, step_size))


def run(batches: Sequence[Sequence[Example]], w: Any, step_size: Any) -> Any:
    """The weight after a step on each batch."""
    for batch in batches:
        w = w - step_size * gradient(batch, w)
    return w


def gradient(batch: Sequence[Example], w: Any) -> Any:
    """The gradient of the mean loss of a batch with one feature, by the chain rule."""
    return mean([x * (x * w - y) for x, y in batch])


def loss(examples: Sequence[Example], w: Any) -> Any:
    """The mean of half the squared residuals."""
    return mean([(x * w - y) ** 2 for x, y in examples]) / 2


def network_losses(
    examples: Sequence[Example], start: tuple[Fraction, Fraction], step_size: Fraction
) -> list[Fraction]:
    """E L(w_1) of two layers of one weight, at b = 1 and 2 without replacement."""
    values = []
    for size in (1, 2):
        ends = []
        for batch in combinations(examples, size):
            slope = gradient(batch, start[0] * start[1])
            ends.append((start[0] - step_size * slope * start[1]) * (start[1] - step_size * slope * start[0]))
        values.append(sum((sum(((x * P - y) ** 2 for x, y in examples), Fraction(0)) / 4 for P in ends), Fraction(0)))
        values[-1] /= len(ends)
    return values


def spread_of(values: Sequence[Any]) -> Any:
    """The variance of equally likely numbers."""
    return mean([value**2 for value in values]) - mean(values) ** 2


def mean(items: Sequence[Any]) -> Any:
    """The mean of numbers, exact."""
    total = sum(items[1:], items[0])
    return total / Fraction(len(items)) if isinstance(total, int | Fraction) else total / sp.Integer(len(items))


@cache
def checked() -> CheckedSteps:
    """The evidence that every step was checked, once for all claims of this file."""
    return CheckedSteps.of(__file__, steps())


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


def at_equal_examples(reason: str, quantity: str, sgd: sv.SGD) -> Callable[[], Finding]:
    """What settles a claim about b = 1 at step 2 and b = 2 at step 1."""
    return lambda: refuted(reason, *(Counterexample.of(sgd, quantity, t, [1, 2]) for t in (2, 1)), checked())


def growing_step_sizes() -> Finding:
    """Settles that the variance decreases with step sizes proportional to b."""
    pair = [regression((1, 1), (1, -1), 0, step_size) for step_size in (Fraction(1), Fraction(3, 2))]
    return refuted(
        "Var(g_1) = 1/b + b/4 for alpha = b/2: 1 at b = 2 (first process) and 13/12 at b = 3 (second process)",
        *(Counterexample.of(sgd, "gradient-variance", 1, [2, 3]) for sgd in pair),
        checked(),
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
        growing_step_sizes,
    ),
    Claim(
        "linear-regression-gradient-variance-proportional",
        "Var(g_t) is proportional to 1/b along the trajectory, for t >= 1",
        f"{REGRESSION}; independent draws; step sizes that do not depend on b; equal steps",
        "folklore",
        lambda: refuted(
            "b Var(g_1) changes with b wherever batches multiply the weights: it has a term alpha^2 kappa^2 w_0^2 / b",
            Counterexample.of(regression((1, 2), (0, 0), 1, Fraction(1, 4)), "gradient-variance", 1, [1, 2]),
            checked(),
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
            checked(),
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
            checked(),
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
    for number, (statement, _, how) in enumerate(steps(), 1):
        print(f"{number}. {statement}\n   checked: {how}\n")
