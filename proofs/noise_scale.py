"""The gradient noise scale estimated from two batch sizes, and the biases; run this file to check every step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations, permutations, product
from typing import Any

import sympy as sp

from sgdvar import BatchDesign, WithoutReplacement, WithReplacement, enumerate_batches
from sgdvar.claims import CheckedSteps, Claim, Counterexample, Finding, proved, refuted
from sgdvar.derivation import Derivation, Enumeration, Identity, Line, Notation, Step, average, uniform

n, m, M, b = sp.symbols("n m M b", positive=True)
E, ratio = sp.Symbol("E"), sp.Function("rho")
d = sp.Symbol("d", integer=True, positive=True)
batch_gradient, gradient = sp.MatrixSymbol("G_b", d, 1), sp.MatrixSymbol("G", d, 1)
batch_square, variance, square, trace, c = sp.symbols("E|G_b|^2 Var(G_b) |G|^2 tr_Sigma c(b)")
small, large = sp.symbols("|G_m|^2 |G_M|^2")
square_estimate, trace_estimate = sp.symbols("estimated_square estimated_trace")

estimated_square = (M * large - m * small) / (M - m)
estimated_trace = (small - large) / (1 / m - 1 / M)
ESTIMATORS = [(square_estimate, estimated_square), (trace_estimate, estimated_trace)]
GRADIENTS = (1, 2)
"""Gradients of single examples for which no estimate of the squared length is 0."""
RATIO_WITH, RATIO_WITHOUT, NOISE_SCALE = sp.Rational(61, 56), sp.Rational(22, 7), sp.Rational(1, 9)
"""The expected estimates of the noise scale for these, under both designs, and the noise scale."""

SYMBOLS = [
    Notation(n, "n", "number of examples"),
    Notation(b, "b", "batch size"),
    Notation(m, "m", "the smaller of two batch sizes"),
    Notation(M, "M", "the larger of two batch sizes"),
    Notation(batch_gradient, "G_b", "gradient of a batch of $b$: the mean of the gradients of its examples"),
    Notation(gradient, "G", "full gradient: the mean over all examples"),
    Notation(E, "E", "expectation over the batches"),
    Notation(batch_square, r"E \lvert G_b \rvert^2", "expected squared length of the gradient of a batch"),
    Notation(variance, r"\operatorname{Var}(G_b)", r"variance $E \lvert G_b - G \rvert^2$ of the gradient of a batch"),
    Notation(square, r"\lvert G \rvert^2", "squared length of the full gradient"),
    Notation(trace, r"\operatorname{tr} \Sigma", "variance of the gradient of one example, with the divisor $n$"),
    Notation(c, "c(b)", "variance factor of the design"),
    Notation(small, r"\lvert G_m \rvert^2", "squared length of the gradient of a batch of $m$"),
    Notation(large, r"\lvert G_M \rvert^2", "squared length of the gradient of a batch of $M$"),
    Notation(square_estimate, r"\widehat{\lvert G \rvert^2}", r"estimate of $\lvert G \rvert^2$"),
    Notation(trace_estimate, r"\widehat{\operatorname{tr} \Sigma}", r"estimate of $\operatorname{tr} \Sigma$"),
    Notation(ratio, r"\rho", "estimate of the noise scale from the squared lengths at $m = 1$ and $M = 2$"),
]


def variances() -> Iterator[Mapping[Any, Any]]:
    """The variance over every batch of gradients of two weights, in symbols."""
    for count in (2, 3, 4):
        g = gradients(count)
        for sampling in (WithReplacement(), WithoutReplacement()):
            design = BatchDesign(sampling, count)
            for size in range(1, 3 if isinstance(sampling, WithReplacement) else count + 1):
                batches = enumerate_batches(design, draws=1, batch_size=size)
                spread = sum(p * length(minus(centre([g[i] for i in B]), centre(g))) for p, (B,) in batches)
                factor = sp.sympify(design.variance_factor(size))
                yield {**truth(g), b: sp.Integer(size), c: factor, variance: sp.expand(spread)}


def with_replacement() -> Iterator[Mapping[Any, Any]]:
    """Every pair of batches of 1 and 2 draws: independent ones, and a small one that is part of the large one."""
    for count in (2, 3):
        g = gradients(count)
        pairs = list(product(g, repeat=2))
        yield outcomes(g, 1, 2, (([one], pair) for one in g for pair in pairs))
        yield outcomes(g, 1, 2, ((pair[:1], pair) for pair in pairs))


def without_replacement() -> Iterator[Mapping[Any, Any]]:
    """Every pair of batches of two sizes: independent ones, and a small one that is part of the large one."""
    for count in (2, 3):
        g = gradients(count)
        for size, larger in combinations(range(1, count + 1), 2):
            yield outcomes(g, size, larger, product(combinations(g, size), combinations(g, larger)))
            yield outcomes(g, size, larger, ((batch[:size], batch) for batch in permutations(g, larger)))


def outcomes(g: Sequence[Any], size: int, larger: int, pairs: Iterable[Sequence[Any]]) -> Mapping[Any, Any]:
    """The squared lengths of equally likely pairs of batches, and what they estimate."""
    found = uniform({small: length(centre(one)), large: length(centre(other))} for one, other in pairs)
    return {**truth(g), m: sp.Integer(size), M: sp.Integer(larger), E: found}


def truth(g: Sequence[Any]) -> Mapping[Any, Any]:
    """The number of gradients, the squared length of their mean and their variance."""
    full = centre(g)
    spread = sum(length(minus(one, full)) for one in g) / sp.Integer(len(g))
    return {n: sp.Integer(len(g)), square: length(full), trace: sp.expand(spread)}


def gradients(count: int) -> list[tuple[Any, Any]]:
    """Gradients of two weights in symbols."""
    return list(zip(sp.symbols(f"g1:{count + 1}"), sp.symbols(f"h1:{count + 1}"), strict=True))


def length(vector: Sequence[Any]) -> Any:
    """The squared length."""
    return sum(entry**2 for entry in vector)


def minus(left: Sequence[Any], right: Sequence[Any]) -> list[Any]:
    """The difference of two vectors."""
    return [x - y for x, y in zip(left, right, strict=True)]


def centre(vectors: Sequence[Sequence[Any]]) -> list[Any]:
    """The mean of vectors."""
    return [sp.expand(sum(entries) / sp.Integer(len(vectors))) for entries in zip(*vectors, strict=True)]


def ratio_over_batches(sampling: WithReplacement | WithoutReplacement) -> Any:
    """The expected ratio for the two gradients over the batches that the library draws, with their probabilities."""
    design = BatchDesign(sampling, len(GRADIENTS))
    singles, pairs = (list(enumerate_batches(design, draws=1, batch_size=size)) for size in (1, 2))
    total = Fraction(0)
    for (chance, (B,)), (other, (C,)) in product(singles, pairs):
        one, two = (Fraction(sum(GRADIENTS[i] for i in batch), len(batch)) ** 2 for batch in (B, C))
        total += chance * other * (one - two) / (1 - Fraction(1, 2)) / (2 * two - one)
    return total


def distinct(size: Any) -> Any:
    """c(b) without replacement."""
    return (n - size) / (size * (n - 1))


def expected(smaller: Any, larger: Any) -> Identity:
    """Linearity, with the variance factors of both sizes."""
    return Identity(means={small: square + smaller * trace, large: square + larger * trace})


squared_length = Step(
    "squared-length",
    r"The mean of a square is the square of the mean plus a variance. The variance of a batch mean is $c(b)$ times "
    r"that of one draw, with $c(b) = \frac1b$ for independent draws and $\frac{n - b}{b (n - 1)}$ without replacement.",
    [
        Line(
            average(batch_gradient.T * batch_gradient, E, batch_gradient),
            "=",
            gradient.T * gradient
            + average((batch_gradient - gradient).T * (batch_gradient - gradient), E, batch_gradient),
            Identity(means={batch_gradient: gradient}),
        ),
        Line(
            batch_square,
            "=",
            square + c * trace,
            Identity(given={variance: c * trace}),
            also=(
                Enumeration(
                    "n = 2, 3, 4 in symbols: every b without replacement, b = 1, 2 with replacement", variances
                ),
            ),
        ),
    ],
    definitions=[(batch_square, square + variance)],
)

two_equations = Step(
    "two-equations",
    r"Measure the squared length once at each of two batch sizes $m < M$, and put $\frac1b$ for $c(b)$: two equations "
    r"with two unknowns. Their solutions are the estimators. The noise scale is estimated by "
    r"$\widehat{\operatorname{tr} \Sigma} / \widehat{\lvert G \rvert^2}$.",
    [
        Line(small, "=", square_estimate + trace_estimate / m, Identity()),
        Line(large, "=", square_estimate + trace_estimate / M, Identity()),
    ],
    definitions=ESTIMATORS,
)

pairs_with = Enumeration(
    "n = 2, 3 in symbols, m = 1, M = 2: every pair of batches, independent or nested", with_replacement
)
pairs_without = Enumeration(
    "n = 2, 3 in symbols, every m < M: every pair of batches, independent or nested", without_replacement
)

independent_draws = Step(
    "independent-draws",
    r"**Independent draws: both are unbiased.** Both are linear in the squared lengths, so the expectations of these "
    r"can be put in. It does not matter how the two batches depend on each other: the small one may be a part of the "
    r"large one.",
    [
        Line(average(estimate, E, small, large), "=", value, expected(1 / m, 1 / M), also=(pairs_with,))
        for estimate, value in ((square_estimate, square), (trace_estimate, trace))
    ],
    definitions=ESTIMATORS,
)

biases = Step(
    "without-replacement",
    r"**Without replacement both are biased, by amounts that are free of the batch sizes.** The variance factor is "
    r"linear in $\frac1b$: its slope is $\frac{n}{n-1}$ times too large, and its value at $\frac1b = 0$ is "
    r"$-\frac{1}{n-1}$ and not 0. The second estimator is unbiased for the variance with divisor $n - 1$.",
    [
        Line(distinct(b), "=", n / (n - 1) * (1 / b) - 1 / (n - 1), Identity()),
        *(
            Line(
                average(estimate, E, small, large),
                "=",
                value,
                expected(distinct(m), distinct(M)),
                also=(pairs_without,),
            )
            for estimate, value in (
                (square_estimate, square - trace / (n - 1)),
                (trace_estimate, n / (n - 1) * trace),
            )
        ),
    ],
    definitions=ESTIMATORS,
)

corrected = Step(
    "corrected",
    r"The biases without replacement are known, so they can be taken out.",
    [
        Line(average(estimate, E, small, large), "=", value, expected(distinct(m), distinct(M)), also=(pairs_without,))
        for estimate, value in (
            (square_estimate + trace_estimate / n, square),
            ((n - 1) / n * trace_estimate, trace),
        )
    ],
    definitions=ESTIMATORS,
)

one, mixed, two = sp.S.One, sp.Rational(9, 4), sp.Integer(4)

the_ratio = Step(
    "ratio",
    r"**A ratio of unbiased estimators is not unbiased.** An example: gradients 1 and 2 of one weight, $m = 1$, $M = "
    r"2$, batches that do not depend on each other. The squared gradient of one draw is 1 or 4, that of two draws 1, "
    r"4 or (in half of all cases, and always without replacement) $\frac94$. With replacement the expected ratio is "
    r"the first line, without replacement the second; the true ratio is the third. The estimate of $\lvert G "
    r"\rvert^2$ can be negative; where it can be 0 the ratio has no expectation at all.",
    [
        Line(
            sum(ratio(lone, one) + 2 * ratio(lone, mixed) + ratio(lone, two) for lone in (one, two)) / 8,
            "=",
            RATIO_WITH,
            Identity(),
        ),
        Line((ratio(one, mixed) + ratio(two, mixed)) / 2, "=", RATIO_WITHOUT, Identity()),
        Line(trace / square, "=", NOISE_SCALE, Identity(given={trace: sp.Rational(1, 4), square: mixed})),
    ],
    definitions=[
        (ratio(small, large), (estimated_trace / estimated_square).xreplace({m: sp.Integer(1), M: sp.Integer(2)}))
    ],
)

DERIVATION = Derivation(
    "noise_scale",
    "Noise scale from two batch sizes",
    [
        "The weights are fixed.",
        "Batches are independent draws from $n$ examples or a population, or uniform subsets of $n > 1$ examples.",
    ],
    SYMBOLS,
    [squared_length, two_equations, independent_draws, biases, corrected, the_ratio],
)


def biased(values: Sequence[int]) -> Counterexample:
    """The expectations without replacement for gradients of one weight, by the library's batches and by the formulas.

    Raises:
        AssertionError: The two disagree.
    """
    count, design = len(values), BatchDesign(WithoutReplacement(), len(values))
    squares = [
        sum(p * Fraction(sum(values[i] for i in B), size) ** 2 for p, (B,) in enumerate_batches(design, 1, size))
        for size in (1, 2)
    ]
    full = Fraction(sum(values), count)
    spread = sum(((v - full) ** 2 for v in values), Fraction(0)) / count
    found = 2 * squares[1] - squares[0], 2 * (squares[0] - squares[1])
    if found != (full**2 - spread / (count - 1), spread * count / (count - 1)):
        raise AssertionError(f"the estimators have the expectations {found}, which the formulas do not give")
    shown = f"expected estimates are {found[0]} of |G|^2 = {full**2} and {found[1]} of tr Sigma = {spread}"
    return Counterexample(f"gradients = {list(values)}  # of the examples; m = 1, M = 2, without replacement", shown)


def ratio_is_biased() -> Finding:
    """Settles that the ratio is unbiased.

    Raises:
        AssertionError: The batches of the library have another expected ratio than the derivation.
    """
    found: list[Counterexample] = []
    for sampling, expected_ratio, design in (
        (WithReplacement(), RATIO_WITH, "with replacement"),
        (WithoutReplacement(), RATIO_WITHOUT, "without replacement"),
    ):
        again = ratio_over_batches(sampling)
        if again != expected_ratio:
            raise AssertionError(f"the expected ratio {design} should be {expected_ratio}, got {again}")
        where = f"gradients = {list(GRADIENTS)}  # of the examples; independent batches of m = 1 and M = 2, {design}"
        shown = f"the expected ratio is {expected_ratio}, and tr Sigma / |G|^2 = {NOISE_SCALE} ({design})"
        found.append(Counterexample(where, shown))
    reason = "the expectation of a ratio is not the ratio of the expectations"
    return refuted(reason, *found, CheckedSteps.of(DERIVATION))


ASSUMED = (
    "gradients at fixed weights from batches of two sizes m < M; |G|^2 estimated by (M |G_M|^2 - m |G_m|^2)/(M - m), "
    "tr Sigma (divisor n) by (|G_m|^2 - |G_M|^2)/(1/m - 1/M)"
)

CLAIMS = [
    Claim(
        "noise-scale-estimators-unbiased-independent-draws",
        "the two-batch estimators of |G|^2 and of tr Sigma are unbiased",
        f"{ASSUMED}; independent draws",
        "folklore",
        lambda: proved(
            "E|G_b|^2 = |G|^2 + tr Sigma / b, and both are linear in the squared lengths", CheckedSteps.of(DERIVATION)
        ),
    ),
    Claim(
        "noise-scale-estimators-unbiased-without-replacement",
        "the two-batch estimators of |G|^2 and of tr Sigma are unbiased",
        f"{ASSUMED}; batches without replacement",
        "folklore",
        lambda: refuted(
            "the first has the bias -tr Sigma/(n - 1) and the second the factor n/(n - 1), at all batch sizes",
            biased([0, 2]),
            CheckedSteps.of(DERIVATION),
        ),
    ),
    Claim(
        "noise-scale-ratio-unbiased",
        "the ratio of the two-batch estimators is an unbiased estimator of the noise scale tr Sigma / |G|^2",
        f"{ASSUMED}; any design, batches independent of each other",
        "folklore",
        ratio_is_biased,
    ),
]
"""What follows, for the register of claims."""


if __name__ == "__main__":
    print(DERIVATION.check().to_text())
