"""The variance of a batch mean under each way of drawing the batch; run this file to check every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import combinations, permutations, product
from typing import Any

import sympy as sp

from sgdvar.claims import CheckedSteps, Claim, KernelProof, proved
from sgdvar.derivation import Derivation, Enumeration, Identity, Induction, Line, Notation, Signs, Step, average

n, b = sp.symbols("n b", integer=True, positive=True)
s, m, q, sigma2, kappa = sp.symbols("s_i m q sigma^2 kappa")
examples = sp.Symbol("mean_i")
pair_mean, entries = sp.symbols("E[s_I*s_J] N_b")
variance_with, variance_without = sp.symbols("Var(s_B)_with Var(s_B)_without")
v, w = sp.symbols("v w", nonnegative=True)
p, k = sp.symbols("p k", integer=True, positive=True)
S, M, F = sp.MatrixSymbol("S_i", p, k), sp.MatrixSymbol("M", p, k), sp.MatrixSymbol("F", p, p)
own_form, mean_form, batch_form = sp.symbols("beta_i beta_M E[beta_B]")
c_independent, c_without = sp.Function("c_ind"), sp.Function("c_wor")

independent = 1 / b
without_replacement = (n - b) / (b * (n - 1))
pair_form = (n**2 * mean_form - n * own_form) / (n * (n - 1))

SYMBOLS = [
    Notation(n, "n", "number of examples"),
    Notation(b, "b", "batch size; $b \\le n$ without replacement"),
    Notation(s, "s_i", "a number for each example"),
    Notation(examples, r"\frac1n \sum_{i=1}^n", "mean over all examples; for a population, its expectation"),
    Notation(m, "m", "mean of $s_i$ over all examples"),
    Notation(q, "q", "mean of $s_i^2$ over all examples"),
    Notation(sigma2, r"\sigma^2", "population variance of $s_i$, with the divisor $n$"),
    Notation(pair_mean, r"E[s_I s_J]", "expectation for two distinct draws of one batch"),
    Notation(kappa, r"\kappa", "covariance of two draws of one batch"),
    Notation(entries, "N_b", "sum of the $b^2$ entries of the covariance matrix of the $b$ draws"),
    Notation(
        variance_with,
        r"\operatorname{Var}_{\mathrm{ind}}(s_B)",
        r"variance of the batch mean $s_B = \frac1b \sum_{i \in B} s_i$, independent draws",
    ),
    Notation(variance_without, r"\operatorname{Var}_{\mathrm{wor}}(s_B)", "the same without replacement"),
    Notation(c_independent, r"c_{\mathrm{ind}}", "variance factor of independent draws"),
    Notation(c_without, r"c_{\mathrm{wor}}", "variance factor without replacement"),
    Notation(S, "S_i", "a matrix for each example"),
    Notation(M, "M", "mean of $S_i$ over all examples"),
    Notation(F, "F", r"a matrix: the bilinear form $\beta(S, S') = S^\top F S'$"),
    Notation(v, "v", "$n - 2$"),
    Notation(w, "w", "$b - 1$"),
    Notation(own_form, r"\overline{\beta(S_i, S_i)}", r"mean of $\beta(S_i, S_i)$ over all examples"),
    Notation(mean_form, r"\beta(M, M)", r"the form at the mean"),
    Notation(batch_form, r"E\,\beta(S_B, S_B)", r"expectation of the form at the batch mean $S_B$"),
]


def pairs() -> Iterator[Mapping[Any, Any]]:
    """Two distinct draws, every pair, for numbers that are symbols."""
    for size in (2, 3, 4):
        values = sp.symbols(f"s1:{size + 1}")
        drawn = list(permutations(values, 2))
        moments = {m: sum(values) / size, q: sum(value**2 for value in values) / size}
        yield {n: sp.Integer(size), **moments, pair_mean: sum(x * y for x, y in drawn) / len(drawn)}


def batches(variance: Any) -> Iterator[Mapping[Any, Any]]:
    """The variance of the mean as a sum over every batch, for numbers that are symbols."""
    is_independent = variance == variance_with
    for size in (2, 3, 4):
        values = sp.symbols(f"s1:{size + 1}")
        for batch in range(1, 4 if is_independent else size + 1):
            drawn = product(values, repeat=batch) if is_independent else combinations(values, batch)
            means = [sum(one) / sp.Integer(batch) for one in drawn]
            sizes = {n: sp.Integer(size), b: sp.Integer(batch)}
            yield {**sizes, sigma2: variance_of(values), variance: variance_of(means)}


def forms() -> Iterator[Mapping[Any, Any]]:
    """A bilinear form of the mean of vectors in the plane, as a sum over every batch."""
    form = sp.Matrix(2, 2, sp.symbols("f11 f12 f21 f22"))
    vectors = [sp.Matrix(sp.symbols(f"x{i} y{i}")) for i in range(1, 4)]

    def beta(vector: Any) -> Any:
        return (vector.T * form * vector)[0]

    for batch in (1, 2, 3):
        means = [sum(one, sp.zeros(2, 1)) / batch for one in combinations(vectors, batch)]
        yield {
            n: sp.Integer(3),
            b: sp.Integer(batch),
            own_form: sum(map(beta, vectors)) / 3,
            mean_form: beta(sum(vectors, sp.zeros(2, 1)) / 3),
            batch_form: sum(map(beta, means)) / len(means),
        }


def variance_of(values: Any) -> Any:
    """The variance of equally likely numbers."""
    return sum(value**2 for value in values) / len(values) - (sum(values) / len(values)) ** 2


def spread_of(covariance: Any) -> Any:
    """The variance of the mean of b draws, any two of which have a covariance."""
    return (b * sigma2 + b * (b - 1) * covariance) / b**2


one_draw = Step(
    "one-draw",
    r"One draw $I$ is uniform on the $n$ examples, so $E\, s_I = m$, and its variance is $\sigma^2$. For a population "
    r"these are its mean and variance.",
    [Line(sigma2, "=", average(s**2, examples, s) - m**2, Identity(means={s: m}))],
    definitions=[(sigma2, average((s - m) ** 2, examples, s))],
)

two_draws = Step(
    "two-draws",
    r"Without replacement two draws $I \ne J$ of a batch are uniform on the $n(n-1)$ ordered pairs. With replacement, "
    r"and from a population, they are independent and the covariance is 0.",
    [
        Line(
            pair_mean,
            "=",
            ((n * m) ** 2 - n * q) / (n * (n - 1)),
            Enumeration("all ordered pairs in symbols, n = 2, 3, 4", pairs),
        ),
        Line(kappa, "=", -sigma2 / (n - 1), Identity(given={q: sigma2 + m**2})),
    ],
    definitions=[(kappa, ((n * m) ** 2 - n * q) / (n * (n - 1)) - m**2)],
)

mean_of_draws = Step(
    "mean-of-draws",
    r"The covariance matrix of the $b$ draws has $\sigma^2$ on its diagonal, $\kappa$ elsewhere. One more draw adds a "
    r"diagonal entry and $2b$ others. The variance of the mean is the sum of all entries, divided by $b^2$.",
    [
        Line(
            entries,
            "=",
            b * sigma2 + b * (b - 1) * kappa,
            Induction(b, base=1, first=sigma2, step=lambda value, size: value + sigma2 + 2 * size * kappa),
        )
    ],
)


factor = Step(
    "factor",
    r"Divide by $b^2$: for independent draws $\kappa = 0$, without replacement $\kappa = -\sigma^2/(n-1)$. So "
    r"$\operatorname{Var}(s_B) = c(b)\,\sigma^2$: the **variance factor** $c(b)$ is $\frac1b$ or $\frac{n-b}{b(n-1)}$. "
    r"For $n = 1$ there is nothing to vary, and $c(1) = 0$.",
    [
        Line(
            variance_with,
            "=",
            independent * sigma2,
            Identity(given={variance_with: spread_of(sp.S.Zero)}),
            also=(Enumeration("every batch in symbols, n = 2, 3, 4, b = 1, 2, 3", partial(batches, variance_with)),),
        ),
        Line(
            variance_without,
            "=",
            without_replacement * sigma2,
            Identity(given={variance_without: spread_of(-sigma2 / (n - 1))}),
            also=(Enumeration("every batch in symbols, n = 2, 3, 4, every b", partial(batches, variance_without)),),
        ),
    ],
)

quadratic = Step(
    "quadratic",
    r"The same factor for every bilinear form of vectors or matrices: an example with itself gives "
    r"$\overline{\beta(S_i, S_i)}$, and two distinct examples the mean over all ordered pairs of them. "
    r"What multiplies $c(b)$ is the mean of $\beta(S_i - M, S_i - M)$. With replacement put $\frac1b$ for $c(b)$.",
    [
        Line(
            batch_form,
            "=",
            mean_form + without_replacement * (own_form - mean_form),
            Identity(given={batch_form: (b * own_form + b * (b - 1) * pair_form) / b**2}),
            also=(Enumeration("every batch of three vectors in the plane, every form", forms),),
        ),
        Line(
            average((S - M).T * F * (S - M), examples, S),
            "=",
            average(S.T * F * S, examples, S) - M.T * F * M,
            Identity(means={S: M}),
        ),
    ],
)

BOTH = [(c_independent(b), independent), (c_without(b), without_replacement)]

factor_decreases = Step(
    "factor-decreases",
    r"A larger batch has the smaller factor: both differences are positive. No factor is negative: without replacement "
    r"the last one is 0.",
    [
        Line(c_independent(b) - c_independent(b + 1), "=", 1 / (b * (b + 1)), Identity()),
        Line(c_without(b) - c_without(b + 1), "=", n / ((n - 1) * b * (b + 1)), Identity()),
        Line(c_without(b), ">", c_without(b + 1), Signs({n: 2 + v, b: 1 + w})),
        Line(c_without(n), "=", 0, Identity()),
    ],
    definitions=BOTH,
)

twice_the_size = Step(
    "twice-the-size",
    r"Doubling the batch at least halves the factor (without replacement for $2b \le n$).",
    [
        Line(c_independent(b) / 2 - c_independent(2 * b), "=", 0, Identity()),
        Line(c_without(b) / 2 - c_without(2 * b), "=", 1 / (2 * (n - 1)), Identity()),
    ],
    definitions=BOTH,
)

replacement = Step(
    "replacement",
    r"With replacement the factor is larger, except at $b = 1$.",
    [
        Line(c_independent(b) - c_without(b), "=", (b - 1) / (b * (n - 1)), Identity()),
        Line(c_independent(b), ">=", c_without(b), Signs({n: 2 + v, b: 1 + w})),
    ],
    definitions=BOTH,
)

DERIVATION = Derivation(
    "batch_mean",
    "The variance of a batch mean",
    [
        "Batches are drawn independently: $b$ draws with replacement from $n$ examples or from a population, or a "
        "uniform subset of $b$ of $n$ examples, where $n > 1$."
    ],
    SYMBOLS,
    [one_draw, two_draws, mean_of_draws, factor, quadratic, factor_decreases, twice_the_size, replacement],
)


CLAIMS = [
    Claim(
        "first-gradient-variance-proportional",
        "Var(g_0) is proportional to 1/b: it is tr Sigma(w_0) / b",
        "any model with a gradient for each example; fixed start; independent draws",
        "folklore",
        lambda: proved(
            "the weights are fixed, and the gradient is a batch mean: c(b) = 1/b",
            CheckedSteps.of(DERIVATION),
            KernelProof.of("first_gradient_variance", covers="draws with replacement from finite data"),
        ),
    ),
]
"""What follows, for the register of claims."""


if __name__ == "__main__":
    print(DERIVATION.check().to_text())
