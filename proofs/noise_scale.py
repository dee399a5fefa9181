"""The gradient noise scale estimated from two batch sizes, and the biases; run this file to check every step."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations, product
from typing import Any

import sympy as sp

from sgdvar import BatchDesign, WithoutReplacement, WithReplacement, enumerate_batches
from sgdvar.claims import CheckedSteps, Claim, Counterexample, Finding, proved, refuted

n, m, M = sp.symbols("n m M", positive=True)
mean_square, trace = sp.symbols("G2 S", positive=True)  # |G|^2 and tr Sigma

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
        squared_length_of_a_batch(),
        two_equations(),
        independent_draws(),
        without_replacement(),
        every_batch_enumerated(),
        corrected(),
        the_ratio(),
    ]


def identity(left: Any, right: Any) -> None:
    """Checks that two rational functions are the same.

    Raises:
        AssertionError: They differ.
    """
    difference = sp.cancel(sp.together(left - right))
    if difference != 0:
        raise AssertionError(f"{left} = {right} is false: the difference is {difference}")


def squared_length_of_a_batch() -> Step:
    """The expected squared length of the gradient of a batch."""
    for count in (2, 3, 4):
        g = gradients(count)
        full, spread = length(centre(g)), mean([length(minus(v, centre(g))) for v in g])
        for b in range(1, count + 1):
            average = mean([length(centre(B)) for B in combinations(g, b)])
            identity(average, full + distinct(b).subs(n, count) * spread)
        for b in (1, 2):
            identity(mean([length(centre(B)) for B in product(g, repeat=b)]), full + independent(b) * spread)
    return (
        r"E \lvert G_b \rvert^2 = \lvert G \rvert^2 + c(b)\, \operatorname{tr} \Sigma, \qquad c(b) = \frac1b "
        r"\quad\text{or}\quad \frac{n - b}{b (n - 1)}",
        r"$G_b$ is the mean of a batch of $b$ gradients of single examples at fixed weights, $G$ the full gradient, "
        r"and $\Sigma$ their covariance (divisor $n$): the mean of a square is the square of the mean plus a variance.",
        "exhaustive enumeration in symbols for two weights: n = 2, 3, 4 with every b without replacement, b = 1 and 2 "
        "with replacement",
    )


def two_equations() -> Step:
    """The estimators as the solution of two linear equations."""
    small, large = sp.symbols("q_m q_M")
    G2, S = sp.symbols("x s")
    solution = sp.solve([G2 + S / m - small, G2 + S / M - large], [G2, S])
    identity(solution[G2], estimated_square(small, large))
    identity(solution[S], estimated_trace(small, large))
    return (
        r"\widehat{\lvert G \rvert^2} = \frac{M \lvert G_M \rvert^2 - m \lvert G_m \rvert^2}{M - m}, \qquad "
        r"\widehat{\operatorname{tr} \Sigma} = \frac{\lvert G_m \rvert^2 - \lvert G_M \rvert^2}{\frac1m - \frac1M} "
        r"\qquad (m < M)",
        r"Two batch sizes give two equations $\lvert G_b \rvert^2 = \lvert G \rvert^2 + \frac1b \operatorname{tr} "
        r"\Sigma$ without the expectation. These are their solutions. The noise scale is estimated by "
        r"$\widehat{\operatorname{tr} \Sigma} / \widehat{\lvert G \rvert^2}$.",
        "solved in symbols",
    )


def independent_draws() -> Step:
    """No bias with independent draws."""
    small, large = (mean_square + independent(b) * trace for b in (m, M))
    identity(estimated_square(small, large), mean_square)
    identity(estimated_trace(small, large), trace)
    return (
        r"E\, \widehat{\lvert G \rvert^2} = \lvert G \rvert^2, \qquad E\, \widehat{\operatorname{tr} \Sigma} = "
        r"\operatorname{tr} \Sigma \qquad \bigl( c(b) = \tfrac1b \bigr)",
        r"Both are linear in the squared lengths. So it does not matter how the two batches depend on each other: the "
        r"small one may be a part of the large one.",
        "identities of rational functions in m, M, |G|^2 and tr Sigma",
    )


def without_replacement() -> Step:
    """The biases without replacement."""
    small, large = (mean_square + distinct(b) * trace for b in (m, M))
    identity(estimated_square(small, large), mean_square - trace / (n - 1))
    identity(estimated_trace(small, large), trace * n / (n - 1))
    return (
        r"E\, \widehat{\lvert G \rvert^2} = \lvert G \rvert^2 - \frac{\operatorname{tr} \Sigma}{n - 1}, \qquad E\, "
        r"\widehat{\operatorname{tr} \Sigma} = \frac{n}{n - 1} \operatorname{tr} \Sigma \qquad \Bigl( c(b) = "
        r"\frac{n - b}{b (n - 1)} \Bigr)",
        r"$c(b) = \frac{n}{n-1} \cdot \frac1b - \frac{1}{n-1}$: the slope in $\frac1b$ is $\frac{n}{n-1}$ times too "
        r"large, and the value at $\frac1b = 0$ is $-\frac{1}{n-1}$ and not 0. **The biases do not depend on the batch "
        r"sizes.** The second estimator is unbiased for the covariance with divisor $n - 1$.",
        "identities of rational functions in n, m, M, |G|^2 and tr Sigma",
    )


def every_batch_enumerated() -> Step:
    """Both estimators averaged over all pairs of batches."""
    for count in (2, 3, 4):
        g = gradients(count)
        full, spread = length(centre(g)), mean([length(minus(v, centre(g))) for v in g])
        for size, larger in combinations(range(1, count + 1), 2):
            squares = [mean([length(centre(B)) for B in combinations(g, b)]) for b in (size, larger)]
            sizes = {m: size, M: larger}
            identity(estimated_square(*squares).subs(sizes), full - spread / sp.Integer(count - 1))
            identity(estimated_trace(*squares).subs(sizes), spread * sp.Rational(count, count - 1))
        squares = [mean([length(centre(B)) for B in product(g, repeat=b)]) for b in (1, 2)]
        identity(estimated_square(*squares).subs({m: 1, M: 2}), full)
        identity(estimated_trace(*squares).subs({m: 1, M: 2}), spread)
    return (
        r"\frac{1}{\#\mathcal B_m \#\mathcal B_M} \sum_{B \in \mathcal B_m} \sum_{B' \in \mathcal B_M} "
        r"\widehat{\operatorname{tr} \Sigma}(B, B') = E\, \widehat{\operatorname{tr} \Sigma}",
        r"The definition itself, without $c(b)$: averages over all batches of both sizes.",
        "exhaustive enumeration in symbols for two weights, n = 2, 3, 4: every pair of batch sizes without "
        "replacement, 1 and 2 with replacement",
    )


def corrected() -> Step:
    """Estimators without bias for batches without replacement."""
    small, large = (mean_square + distinct(b) * trace for b in (m, M))
    square, spread = estimated_square(small, large), estimated_trace(small, large)
    identity(square + spread / n, mean_square)
    identity(spread * (n - 1) / n, trace)
    return (
        r"E \Bigl[ \widehat{\lvert G \rvert^2} + \tfrac1n \widehat{\operatorname{tr} \Sigma} \Bigr] = \lvert G "
        r"\rvert^2, \qquad E \Bigl[ \tfrac{n-1}{n} \widehat{\operatorname{tr} \Sigma} \Bigr] = \operatorname{tr} "
        r"\Sigma",
        r"The biases are known, so they can be taken out.",
        "identities of rational functions in n, m, M, |G|^2 and tr Sigma",
    )


def the_ratio() -> Step:
    """The ratio of the two estimators."""
    shown = []
    for is_distinct in (False, True):
        expectation, value = ratio_by_draws(GRADIENTS, is_distinct), noise_scale(GRADIENTS)
        if expectation == value:
            raise AssertionError(f"the ratio should be biased, got its expectation {expectation} for {value}")
        shown.append(rf"\tfrac{{{expectation.numerator}}}{{{expectation.denominator}}}")
    value = noise_scale(GRADIENTS)
    return (
        rf"E\, \frac{{\widehat{{\operatorname{{tr}} \Sigma}}}}{{\widehat{{\lvert G \rvert^2}}}} = {shown[0]} "
        rf"\;\text{{(with replacement)}}, \quad {shown[1]} \;\text{{(without)}}, \qquad \frac{{\operatorname{{tr}} "
        rf"\Sigma}}{{\lvert G \rvert^2}} = \tfrac{{{value.numerator}}}{{{value.denominator}}}",
        rf"Gradients {GRADIENTS[0]} and {GRADIENTS[1]} of one weight, $m = 1$, $M = 2$, batches that do not depend on "
        r"each other. A ratio of unbiased estimators is not unbiased. The estimate of $\lvert G \rvert^2$ can be "
        r"negative; where it can be 0 the ratio has no expectation at all.",
        "exhaustive enumeration of both batches in rational numbers",
    )


GRADIENTS = (1, 2)
"""Gradients of single examples for which no estimate of the squared length is 0."""


def independent(size: Any) -> Any:
    """c(b) for independent draws."""
    return 1 / sp.sympify(size)


def distinct(size: Any) -> Any:
    """c(b) without replacement."""
    return (n - size) / (size * (n - 1))


def estimated_square(small: Any, large: Any) -> Any:
    """The estimate of |G|^2 from squared lengths at the two sizes."""
    return (M * large - m * small) / (M - m)


def estimated_trace(small: Any, large: Any) -> Any:
    """The estimate of tr Sigma from squared lengths at the two sizes."""
    return (small - large) / (1 / m - 1 / M)


def noise_scale(values: Sequence[int]) -> Fraction:
    """Tr Sigma / |G|^2 for gradients of one weight."""
    full = Fraction(sum(values), len(values))
    return sum(((v - full) ** 2 for v in values), Fraction(0)) / len(values) / full**2


def ratio(small: Fraction, large: Fraction) -> Fraction:
    """The estimate of the noise scale from the gradients of a batch of one and of a batch of two."""
    return (small**2 - large**2) / (1 - Fraction(1, 2)) / (2 * large**2 - small**2)


def ratio_by_draws(values: Sequence[int], is_distinct: bool) -> Fraction:
    """The expectation of the estimate of the noise scale over all ordered draws."""
    pairs = [pair for pair in product(range(len(values)), repeat=2) if not is_distinct or pair[0] != pair[1]]
    found = [ratio(Fraction(v), Fraction(values[i] + values[j], 2)) for v in values for i, j in pairs]
    return sum(found, Fraction(0)) / len(found)


def ratio_by_batches(values: Sequence[int], is_distinct: bool) -> Fraction:
    """The same over the batches that the library draws, with their probabilities."""
    design = BatchDesign(WithoutReplacement() if is_distinct else WithReplacement(), len(values))
    singles, pairs = (list(enumerate_batches(design, draws=1, batch_size=b)) for b in (1, 2))
    total = Fraction(0)
    for (p, (B,)), (q, (C,)) in product(singles, pairs):
        total += p * q * ratio(Fraction(values[B[0]]), Fraction(sum(values[i] for i in C), 2))
    return total


def gradients(count: int) -> list[tuple[Any, Any]]:
    """Gradients of two weights in symbols."""
    return list(zip(sp.symbols(f"g1:{count + 1}"), sp.symbols(f"h1:{count + 1}"), strict=True))


def length(vector: Sequence[Any]) -> Any:
    """The squared length."""
    return sum(entry**2 for entry in vector)


def minus(left: Sequence[Any], right: Sequence[Any]) -> list[Any]:
    """The difference of two vectors."""
    return [a - c for a, c in zip(left, right, strict=True)]


def centre(vectors: Sequence[Sequence[Any]]) -> list[Any]:
    """The mean of vectors."""
    return [mean(entries) for entries in zip(*vectors, strict=True)]


def mean(items: Sequence[Any]) -> Any:
    """The mean of numbers."""
    return sum(items) / sp.Integer(len(items))


@cache
def checked() -> CheckedSteps:
    """The evidence that every step was checked, once for all claims of this file."""
    return CheckedSteps.of(__file__, steps())


def biased(values: Sequence[int]) -> Counterexample:
    """The expectations without replacement for gradients of one weight, by the library's batches and by the formulas.

    Raises:
        AssertionError: The two disagree.
    """
    count, design = len(values), BatchDesign(WithoutReplacement(), len(values))
    squares = [
        sum(p * Fraction(sum(values[i] for i in B), b) ** 2 for p, (B,) in enumerate_batches(design, 1, b))
        for b in (1, 2)
    ]
    full = Fraction(sum(values), count)
    spread = noise_scale(values) * full**2
    found = 2 * squares[1] - squares[0], 2 * (squares[0] - squares[1])
    if found != (full**2 - spread / (count - 1), spread * count / (count - 1)):
        raise AssertionError(f"the estimators have the expectations {found}, which the formulas do not give")
    shown = f"expected estimates are {found[0]} of |G|^2 = {full**2} and {found[1]} of tr Sigma = {spread}"
    return Counterexample(f"gradients = {list(values)}  # of the examples; m = 1, M = 2, without replacement", shown)


def biased_ratio(is_distinct: bool) -> Counterexample:
    """The expectation of the estimated noise scale, over ordered draws and over the library's batches.

    Raises:
        AssertionError: The two disagree.
    """
    found, again = ratio_by_batches(GRADIENTS, is_distinct), ratio_by_draws(GRADIENTS, is_distinct)
    if found != again:
        raise AssertionError(f"the expected ratio is {found} over batches and {again} over draws")
    design = "without replacement" if is_distinct else "with replacement"
    return Counterexample(
        f"gradients = {list(GRADIENTS)}  # of the examples; independent batches of m = 1 and M = 2, {design}",
        f"the expected ratio is {found}, and tr Sigma / |G|^2 = {noise_scale(GRADIENTS)} ({design})",
    )


def ratio_is_biased() -> Finding:
    """Settles that the ratio is unbiased."""
    return refuted(
        "the expectation of a ratio is not the ratio of the expectations",
        biased_ratio(False),
        biased_ratio(True),
        checked(),
    )


ESTIMATORS = (
    "gradients at fixed weights from batches of two sizes m < M; |G|^2 estimated by (M |G_M|^2 - m |G_m|^2)/(M - m), "
    "tr Sigma (divisor n) by (|G_m|^2 - |G_M|^2)/(1/m - 1/M)"
)

CLAIMS = [
    Claim(
        "noise-scale-estimators-unbiased-independent-draws",
        "the two-batch estimators of |G|^2 and of tr Sigma are unbiased",
        f"{ESTIMATORS}; independent draws",
        "folklore",
        lambda: proved("E|G_b|^2 = |G|^2 + tr Sigma / b, and both are linear in the squared lengths", checked()),
    ),
    Claim(
        "noise-scale-estimators-unbiased-without-replacement",
        "the two-batch estimators of |G|^2 and of tr Sigma are unbiased",
        f"{ESTIMATORS}; batches without replacement",
        "folklore",
        lambda: refuted(
            "the first has the bias -tr Sigma/(n - 1) and the second the factor n/(n - 1), at all batch sizes",
            biased([0, 2]),
            checked(),
        ),
    ),
    Claim(
        "noise-scale-ratio-unbiased",
        "the ratio of the two-batch estimators is an unbiased estimator of the noise scale tr Sigma / |G|^2",
        f"{ESTIMATORS}; any design, batches independent of each other",
        "folklore",
        ratio_is_biased,
    ),
]
"""What follows, for the register of claims."""


if __name__ == "__main__":
    for number, (statement, _, how) in enumerate(steps(), 1):
        print(f"{number}. {statement}\n   checked: {how}\n")
