"""Averaging over the last batch exactly: the conditional estimate of a variance; run this file to check every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations, product
from typing import Any

import sympy as sp

import sgdvar as sv
from sgdvar.derivation import Derivation, Enumeration, Identity, Line, Notation, Step, average, uniform

d, r, N = sp.symbols("d r N", integer=True, positive=True)
E, E_last, E_before, examples, runs = sp.symbols("E E_last E_before E_i mean_k")
g, g_i, G = (sp.MatrixSymbol(name, d, 1) for name in ("g_t", "g_i", "G"))
a, h, mu = (sp.MatrixSymbol(name, r, 1) for name in ("a", "h", "mu"))
A, Sigma = sp.MatrixSymbol("A", r, d), sp.MatrixSymbol("Sigma", d, d)
c, total, x, mean, squares, m, variance = sp.symbols("c(b) Var(A*g_t) x_k x_mean Q_x m sigma^2")
center, center_squares, within, between, noise = sp.symbols("h_mean Q_h s_mean V_h s")
plain, conditional = sp.symbols("V_plain V_cond")

OUTER = average(g * g.T, E_last, g)
BATCH_FORM = G * G.T + c * (average(g_i * g_i.T, examples, g_i) - G * G.T)
LAST = average(average((a - h) * (a - h).T, E_last, a), E_before, a, h)
MEANS = average(h * h.T, E_before, h)
BEFORE = average((h - mu) * (h - mu).T, E_before, h)
SECOND = average(average(a * a.T, E_last, a), E_before, a, h)
SAMPLE = N / (N - 1) * (squares - mean**2)
SAMPLE_OF_MEANS = N / (N - 1) * (center_squares - center**2)

SYMBOLS = [
    Notation(d, "d", "number of weights"),
    Notation(r, "r", "number of rows of $A$"),
    Notation(A, "A", "a fixed matrix"),
    Notation(g, "g_t", "batch gradient at the last weights $w_t$"),
    Notation(g_i, "g_i", "gradient of one example at $w_t$"),
    Notation(G, r"\bar g", r"full gradient $\nabla L(w_t)$, the mean of $g_i$"),
    Notation(
        Sigma,
        r"\Sigma",
        "covariance (divisor $n$) of the gradient of one example at $w_t$, the mean on the right in the first step",
    ),
    Notation(c, "c(b)", "variance factor of the design"),
    Notation(E_last, r"E_B", "expectation over the last batch, given $w_t$ (of every run)"),
    Notation(E_before, r"E_w", "expectation over all batches before the last, which decide $w_t$"),
    Notation(examples, "E_i", "mean over the examples; for a population, its expectation"),
    Notation(a, "a", r"$A g_t$"),
    Notation(h, "h", r"$A \nabla L(w_t)$, the mean of $a$ given $w_t$"),
    Notation(mu, r"\mu", "the mean of $h$, so also of $a$"),
    Notation(total, r"\operatorname{Var}(A g_t)", "the total variance, the trace of the covariance of $a$"),
    Notation(N, "N", "number of independent runs, at least 2"),
    Notation(E, "E", "expectation over all batches of all runs"),
    Notation(runs, r"\frac1N \sum_{k=1}^N", "mean over the runs"),
    Notation(x, "x_k", "one coordinate of $A g_t$ in run $k$"),
    Notation(mean, r"\bar x", "mean of $x_k$ over the runs"),
    Notation(squares, "Q_x", "mean of $x_k^2$ over the runs"),
    Notation(m, "m", "expectation of $x_k$"),
    Notation(variance, r"\sigma^2", "variance of $x_k$"),
    Notation(center, r"\bar h", "mean over the runs of the same coordinate of $h$"),
    Notation(center_squares, "Q_h", "mean over the runs of its square"),
    Notation(within, r"\bar s", "mean over the runs of the variance of $x_k$ given $w_t$"),
    Notation(noise, "s", r"expectation of $\bar s$"),
    Notation(between, "V_h", "variance of the coordinate of $h$"),
    Notation(plain, r"\widehat V", "the plain estimate: the sample variance of $x_1, \\dots, x_N$"),
    Notation(conditional, r"\widehat V_{\mathrm{cond}}", "the conditional estimate"),
]


def batches() -> Iterator[Mapping[Any, Any]]:
    """Every batch of three gradients in the plane, in symbols, without replacement and (b = 1, 2) with it."""
    vectors = [sp.Matrix(sp.symbols(f"x{i} y{i}")) for i in range(1, 4)]
    full = mean_of(vectors)
    for size in (1, 2, 3):
        designs = [(list(combinations(vectors, size)), sp.Rational(3 - size, 2 * size))]
        if size < 3:
            designs.append((list(product(vectors, repeat=size)), sp.Rational(1, size)))
        for drawn, factor in designs:
            yield {
                d: sp.Integer(2),
                G: full,
                c: factor,
                E_last: uniform({g: mean_of(batch)} for batch in drawn),
                examples: uniform({g_i: vector} for vector in vectors),
            }


def descents() -> Iterator[Mapping[Any, Any]]:
    """Every sequence of two batches of a linear regression, and the total variance that the library enumerates."""
    X: Any = [[1, 2], [0, 1], [3, -1]]
    targets: Any = [1, 2, 0]
    matrix, step_size = sp.Matrix([[1, 2], [0, 1], [1, -1]]), Fraction(1, 5)
    problem = sv.LinearRegression(sv.Dataset(X, targets))
    for sampling in (sv.WithReplacement(), sv.WithoutReplacement()):
        sgd = sv.SGD(problem, [1, -1], step_size, sampling)
        for size in (1, 2):
            design = sv.BatchDesign(sampling, 3)
            drawn = list(sv.enumerate_batches(design, draws=1, batch_size=size))
            found = []
            for probability, (batch,) in drawn:
                weights = sp.Matrix([1, -1])
                weights -= sp.sympify(step_size) * mean_of([slope(X, targets, i, weights) for i in batch])
                slopes = [slope(X, targets, i, weights) for i in range(3)]
                full = mean_of(slopes)
                last = [(sp.sympify(q), {a: matrix * mean_of([slopes[i] for i in B])}) for q, (B,) in drawn]
                spread = mean_of([(one - full) * (one - full).T for one in slopes])
                # the value of a is that of the inner average's outcomes
                outcome = {h: matrix * full, a: matrix * full, Sigma: spread, E_last: last}
                found.append((sp.sympify(probability), outcome))
            yield {
                d: sp.Integer(2),
                r: sp.Integer(3),
                A: matrix,
                c: sp.sympify(design.variance_factor(size)),
                mu: sum((weight * outcome[h] for weight, outcome in found), sp.zeros(3, 1)),
                E_before: found,
                total: sp.sympify(sv.enumerate_gradient_variance(sgd, 1, size, matrix=matrix.tolist())),
            }


def slope(X: Sequence[Sequence[int]], targets: Sequence[int], i: int, weights: Any) -> Any:
    """The gradient of one example's loss."""
    inputs = sp.Matrix(X[i])
    return inputs * ((inputs.T * weights)[0] - targets[i])


def samples() -> Iterator[Mapping[Any, Any]]:
    """Independent runs of a coordinate with two values, in symbols."""
    low, high, chance = sp.symbols("x_1 x_2 p")
    law = [(chance, high), (1 - chance, low)]
    for count in (2, 3, 4):
        average_value = chance * high + (1 - chance) * low
        yield {
            N: sp.Integer(count),
            m: average_value,
            variance: chance * (1 - chance) * (high - low) ** 2,
            E: outcomes([law] * count),
        }


def given_weights() -> Iterator[Mapping[Any, Any]]:
    """Independent last batches of runs with given last weights: a coordinate with two values in each, in symbols."""
    for count in (2, 3):
        centers, widths = sp.symbols(f"h1:{count + 1}"), sp.symbols(f"e1:{count + 1}")
        third = sp.Rational(1, 3)
        laws = [[(third, at + 2 * width), (2 * third, at - width)] for at, width in zip(centers, widths, strict=True)]
        yield {
            N: sp.Integer(count),
            center: sum(centers) / sp.Integer(count),
            center_squares: sum(at**2 for at in centers) / sp.Integer(count),
            within: sum(2 * width**2 for width in widths) / sp.Integer(count),
            E_last: outcomes(laws),
        }


def outcomes(laws: Sequence[Sequence[tuple[Any, Any]]]) -> list[tuple[Any, Mapping[Any, Any]]]:
    """The mean and the mean square of independent runs, each with a law: pairs of a probability and a value."""
    found: list[tuple[Any, Mapping[Any, Any]]] = []
    for drawn in product(*laws):
        values = [value for _, value in drawn]
        moments = {mean: sum(values) / sp.Integer(len(values)), squares: sum(z**2 for z in values) / len(values)}
        found.append((sp.prod([probability for probability, _ in drawn]), moments))
    return found


def two_runs() -> Iterator[Mapping[Any, Any]]:
    """Two runs whose last weights take two values: both estimates of the variance, for all values in symbols."""
    first, second, width = sp.symbols("h_1 h_2 e")
    laws = {first: [(sp.Rational(1, 2), first)], second: [(sp.Rational(1, 3), second + 2 * width)]}
    laws[second].append((sp.Rational(2, 3), second - width))
    spreads = {first: sp.S.Zero, second: 2 * width**2}
    pairs = []
    for one, other in product(laws, repeat=2):
        last = [
            (p * q / sum(p for p, _ in laws[one]) / sum(q for q, _ in laws[other]), {plain: (y - z) ** 2 / 2})
            for (p, y), (q, z) in product(laws[one], laws[other])
        ]
        value = (one - other) ** 2 / 2 + (spreads[one] + spreads[other]) / 2
        pairs.append({conditional: value, plain: value, E_last: last})
    yield {E_before: uniform(pairs), variance: (first - second) ** 2 / 4 + width**2}


def mean_of(items: Sequence[Any]) -> Any:
    """The mean of vectors or matrices."""
    return sum(items[1:], items[0]) / sp.Integer(len(items))


EVERY_BATCH = Enumeration("every batch of three vectors in the plane, both designs", batches)
EVERY_RUN = Enumeration("linear regression with n = 3, t = 1, b = 1, 2: every run, both designs", descents)

last_batch = Step(
    "last-batch",
    r"Given the last weights only the last batch is left to chance, and its gradient is a mean of $b$ draws. Its mean "
    r"is the full gradient, and its covariance is $c(b)$ times that of one example: the rule for quadratic forms of a "
    r"batch mean. That mean is $\Sigma$; so $A g_t$ has the covariance $c(b)\, A \Sigma A^\top$.",
    [
        Line(
            OUTER - G * G.T,
            "=",
            c * average((g_i - G) * (g_i - G).T, examples, g_i),
            Identity(given={OUTER: BATCH_FORM}, means={g_i: G}),
            also=(EVERY_BATCH,),
        ),
        Line(
            average((A * g - A * G) * (A * g - A * G).T, E_last, g),
            "=",
            A * (OUTER - G * G.T) * A.T,
            Identity(means={g: G}),
        ),
    ],
)

total_covariance = Step(
    "total-covariance",
    r"The law of total covariance: the covariance of $a$ is the mean of what it is given $w_t$, plus that of $h$. "
    r"Write $a - \mu = (a - h) + (h - \mu)$. Given $w_t$ the first part has mean 0 and the second is fixed, so the "
    r"mixed terms vanish.",
    [Line(SECOND - mu * mu.T, "=", LAST + MEANS - mu * mu.T, Identity(means={a: h, h: mu}), also=(EVERY_RUN,))],
)

total_variance = Step(
    "total-variance",
    r"Put the covariance of the last batch in, and take traces: **the total variance is the expected noise of the last "
    r"batch, which is known exactly given $w_t$, plus the variance of the full gradient.**",
    [
        Line(
            total,
            "=",
            c * sp.Trace(A * average(Sigma, E_before, Sigma) * A.T) + sp.Trace(BEFORE),
            Identity(given={total: sp.Trace(average(c * A * Sigma * A.T, E_before, Sigma) + BEFORE)}),
            also=(EVERY_RUN,),
        )
    ],
)

sample_variance = Step(
    "sample-variance",
    r"The sample variance of one coordinate over $N$ runs: $\frac{1}{N-1} \sum_k (x_k - \bar x)^2$ is $\frac{N}{N-1}$ "
    r"times the mean of $(x_k - \bar x)^2$. The square of $\bar x$, a mean of $N$ independent draws, has the "
    r"expectation $m^2 + \frac1N \sigma^2$. **So the divisor $N - 1$ makes it unbiased, for every $N$.** The variance "
    r"of a vector is the sum over its coordinates.",
    [
        Line(
            average((x - mean) ** 2, runs, x),
            "=",
            squares - mean**2,
            Identity(means={x: mean, x**2: squares}),
        ),
        Line(
            average(plain, E, squares, mean),
            "=",
            variance,
            Identity(means={squares: m**2 + variance, mean**2: m**2 + variance / N}),
            also=(Enumeration("N = 2, 3, 4 runs with two values, in symbols", samples),),
        ),
    ],
    definitions=[(plain, SAMPLE)],
)

given_last_weights = Step(
    "conditional-estimate",
    r"Now average the plain estimate over the last batches of all $N$ runs, given their last weights. A square "
    r"$x_k^2$ becomes the square of its mean plus its variance, and $\bar x^2$ becomes $\bar h^2 + \frac1N \bar s$. "
    r"**What comes out is the conditional estimate:** the mean noise of the last batch plus the sample variance of "
    r"the full gradients.",
    [
        Line(
            average(SAMPLE, E_last, squares, mean),
            "=",
            conditional,
            Identity(means={squares: center_squares + within, mean**2: center**2 + within / N}),
            also=(Enumeration("N = 2, 3 runs with two values each, in symbols", given_weights),),
        )
    ],
    definitions=[(conditional, within + SAMPLE_OF_MEANS)],
)

unbiased = Step(
    "unbiased",
    r"So it is unbiased, too: its two parts estimate the two parts of the total variance.",
    [
        Line(
            average(conditional, E_before, within, center_squares, center),
            "=",
            noise + between,
            Identity(means={within: noise, center_squares: m**2 + between, center**2: m**2 + between / N}),
        )
    ],
    definitions=[(conditional, within + SAMPLE_OF_MEANS)],
)

mean_part = Step(
    "mean-part",
    r"**The mean gradient.** The mean of $a$ over $N$ runs and the mean of $h$ both have the mean $\mu$. Their "
    r"covariances differ by an expected covariance, which is positive semidefinite: the conditional mean never varies "
    r"more, in no direction.",
    [
        Line(
            (SECOND - MEANS) / N,
            "=",
            LAST / N,
            Identity(means={a: h, h: mu}),
            also=(EVERY_RUN,),
        )
    ],
)

variance_part = Step(
    "variance-part",
    r"**The variance.** The conditional estimate is the mean of the plain one given all last weights, so the same "
    r"decomposition applies to the estimates themselves (Rao and Blackwell): what the plain estimate has more is the "
    r"mean of a square. **With the same number of runs the conditional estimate never has the larger variance.** It "
    r"is the same where the last batch is free of noise, such as at $b = n$ without replacement, and 0 at $t = 0$, "
    r"where the weights are fixed.",
    [
        Line(
            average(average((plain - variance) ** 2, E_last, plain), E_before, plain, conditional),
            "=",
            average(average((plain - conditional) ** 2, E_last, plain), E_before, plain, conditional)
            + average((conditional - variance) ** 2, E_before, plain, conditional),
            Identity(means={plain: conditional, conditional: variance}),
            also=(Enumeration("two runs whose last weights take two values, in symbols", two_runs),),
        )
    ],
)

DERIVATION = Derivation(
    "conditioning",
    "Averaging over the last batch",
    [
        "The last batch is drawn independently of the earlier ones: $b$ draws with replacement, or from a population, "
        "or a uniform subset of $b$ of $n > 1$ examples.",
        "The $N$ runs are independent of each other, and the moments exist.",
    ],
    SYMBOLS,
    [
        last_batch,
        total_covariance,
        total_variance,
        sample_variance,
        given_last_weights,
        unbiased,
        mean_part,
        variance_part,
    ],
)


if __name__ == "__main__":
    print(DERIVATION.check().to_text())
