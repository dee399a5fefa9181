"""The variance of a batch mean under each way of drawing the batch; run this file to check every step."""

from __future__ import annotations

from functools import cache
from itertools import combinations, product
from typing import Any

import sympy as sp

from sgdvar.claims import CheckedSteps, Claim, KernelProof, proved

n, b = sp.symbols("n b", integer=True, positive=True)
TOTAL, SQUARES = sp.symbols("P Q")  # the sum of all s_i, and the sum of all s_i^2

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
        one_draw(),
        two_draws_without_replacement(),
        mean_of_draws(),
        factor_of_each_design(),
        every_batch_enumerated(),
        quadratic_maps(),
        factor_decreases(),
        factor_at_twice_the_size(),
        replacement_never_helps(),
    ]


def identity(left: Any, right: Any) -> None:
    """Checks that two rational functions are the same.

    Raises:
        AssertionError: They differ.
    """
    difference = sp.cancel(sp.together(left - right))
    if difference != 0:
        raise AssertionError(f"{left} = {right} is false: the difference is {difference}")


def one_draw() -> Step:
    """The mean and variance of one uniform draw."""
    mean, variance = TOTAL / n, population_variance()
    values = sp.symbols("s1:4")
    sums = {TOTAL: sum(values), SQUARES: sum(s**2 for s in values), n: 3}
    identity(variance.subs(sums), sum((s - mean.subs(sums)) ** 2 for s in values) / 3)
    return (
        r"E\, s_I &= m := \frac1n \sum_i s_i, \\ "
        r"\operatorname{Var}(s_I) &= \sigma^2 := \frac1n \sum_i (s_i - m)^2 = \frac1n \sum_i s_i^2 - m^2",
        r"One draw $I$ is uniform on the $n$ examples, and $s_1, \dots, s_n$ are any numbers. For a population, $m$ "
        r"and $\sigma^2$ are its mean and variance.",
        "the two forms of the variance as an identity in symbols for n = 3; otherwise a definition",
    )


def two_draws_without_replacement() -> Step:
    """The covariance of two draws that are distinct."""
    product_mean = (TOTAL**2 - SQUARES) / (n * (n - 1))
    identity(product_mean - (TOTAL / n) ** 2, -population_variance() / (n - 1))
    return (
        r"\operatorname{Cov}(s_I, s_J) = \frac{(\sum_i s_i)^2 - \sum_i s_i^2}{n(n-1)} - m^2 = -\frac{\sigma^2}{n-1}",
        r"Without replacement two draws $I \ne J$ of one batch are uniform on the $n(n-1)$ ordered pairs. With "
        r"replacement, and from a population, they are independent and the covariance is 0.",
        "identity of rational functions in n, the sum and the sum of squares: every n",
    )


def mean_of_draws() -> Step:
    """The variance of a mean of b draws, from the covariance of two of them."""
    variance, covariance = sp.symbols("sigma2 kappa")
    for size in range(1, 6):
        pairs = [variance if i == j else covariance for i in range(size) for j in range(size)]
        identity(sum(pairs) / size**2, mean_variance(variance, covariance).subs(b, size))
    return (
        r"\operatorname{Var}\Bigl(\frac1b \sum_{k=1}^b s_{I_k}\Bigr) = \frac{b\,\sigma^2 + b(b-1)\,\kappa}{b^2}, "
        r"\qquad \kappa = \operatorname{Cov}(s_I, s_J)",
        r"The covariance matrix of the $b$ draws has $b$ entries $\sigma^2$ and $b(b-1)$ entries $\kappa$.",
        "the entries counted for b = 1, ..., 5",
    )


def factor_of_each_design() -> Step:
    """The variance factor c(b)."""
    variance = sp.Symbol("sigma2")
    identity(mean_variance(variance, 0), variance * independent())
    identity(mean_variance(variance, -variance / (n - 1)), variance * without_replacement())
    return (
        r"\operatorname{Var}\Bigl(\frac1b \sum_{k=1}^b s_{I_k}\Bigr) &= c(b)\,\sigma^2, \\ "
        r"c(b) &= \begin{cases} \dfrac1b & \text{independent draws} \\[1ex] "
        r"\dfrac{n-b}{b(n-1)} & \text{without replacement, } 1 \le b \le n \end{cases}",
        r"Put $\kappa = 0$, and $\kappa = -\sigma^2/(n-1)$. For $n = 1$ there is nothing to vary, and $c(1) = 0$.",
        "identity of rational functions in n and b: every n and b",
    )


def every_batch_enumerated() -> Step:
    """The same variance as a sum over every batch."""
    for size in range(2, 5):
        s = sp.symbols(f"s1:{size + 1}")
        variance = population_variance().subs({TOTAL: sum(s), SQUARES: sum(x**2 for x in s), n: size})
        for batch in range(1, size + 1):
            subsets = list(combinations(s, batch))
            identity(variance_over(subsets), variance * without_replacement().subs({n: size, b: batch}))
        for batch in range(1, 4):
            identity(variance_over(list(product(s, repeat=batch))), variance * independent().subs(b, batch))
    return (
        r"\frac{1}{\#\mathcal B} \sum_{B \in \mathcal B} (s_B - m)^2 = c(b)\,\sigma^2, \qquad "
        r"s_B = \frac1b \sum_{i \in B} s_i",
        r"The definition itself, without covariances: the sum over the set $\mathcal B$ of all batches.",
        "exhaustive enumeration in symbols: n = 2, 3, 4 with every b without replacement, and b = 1, 2, 3 with "
        "replacement",
    )


def quadratic_maps() -> Step:
    """The same factor for every quadratic function of a batch mean of vectors or matrices."""
    entries = sp.Matrix(2, 3, sp.symbols("x1:4 y1:4"))  # three vectors (x_i, y_i) in the plane
    form = sp.Matrix(2, 2, sp.symbols("beta11 beta12 beta21 beta22"))
    vectors = [entries[:, i] for i in range(3)]
    mean = sum(vectors, sp.zeros(2, 1)) / 3
    spread = sum(((v - mean).T * form * (v - mean))[0] for v in vectors) / 3
    for batch in range(1, 4):
        means = [sum(subset, sp.zeros(2, 1)) / batch for subset in combinations(vectors, batch)]
        average = sum((v.T * form * v)[0] for v in means) / len(means)
        factor = without_replacement().subs({n: 3, b: batch})
        identity(average, (mean.T * form * mean)[0] + factor * spread)
    return (
        r"E\,\beta(s_B, s_B) = \beta(m, m) + c(b)\, \frac1n \sum_i \beta(s_i - m,\, s_i - m)",
        r"For vectors or matrices $s_i$ and any bilinear $\beta$: the variance is the case $\beta(s, s') = s s'$, both "
        r"sides are linear in $\beta$, and the covariances of two coordinates follow from variances by polarisation.",
        "exhaustive enumeration in symbols: three vectors in the plane, every bilinear form, every b",
    )


def factor_decreases() -> Step:
    """c(b) decreases in b."""
    identity(independent() - independent().subs(b, b + 1), 1 / (b * (b + 1)))
    gap = without_replacement() - without_replacement().subs(b, b + 1)
    identity(gap, n / ((n - 1) * b * (b + 1)))
    identity(without_replacement().subs(b, n), 0)
    return (
        r"c(b) - c(b+1) = \frac{1}{b(b+1)} \quad\text{or}\quad \frac{n}{(n-1)\,b(b+1)}",
        r"Both differences are positive, so a larger batch has the smaller factor. No factor is negative: without "
        r"replacement the last one is $c(n) = 0$.",
        "identities of rational functions in n and b: every n and b",
    )


def factor_at_twice_the_size() -> Step:
    """c(2b) is at most half of c(b)."""
    identity(independent() / 2 - independent().subs(b, 2 * b), 0)
    identity(without_replacement() / 2 - without_replacement().subs(b, 2 * b), 1 / (2 * (n - 1)))
    return (
        r"\tfrac12 c(b) - c(2b) = 0 \quad\text{or}\quad \frac{1}{2(n-1)}",
        r"Doubling the batch at least halves the factor (without replacement for $2b \le n$).",
        "identities of rational functions in n and b: every n and b",
    )


def replacement_never_helps() -> Step:
    """Drawing with replacement has the larger factor."""
    identity(independent() - without_replacement(), (b - 1) / (b * (n - 1)))
    return (
        r"\frac1b - \frac{n-b}{b(n-1)} = \frac{b-1}{b(n-1)} \ge 0",
        r"With replacement the factor is larger, except at $b = 1$.",
        "identity of rational functions in n and b: every n and b",
    )


def population_variance() -> Any:
    """The variance with divisor n, from the sum and the sum of squares."""
    return SQUARES / n - (TOTAL / n) ** 2


def mean_variance(variance: Any, covariance: Any) -> Any:
    """The variance of a mean of b draws."""
    return (b * variance + b * (b - 1) * covariance) / b**2


def independent() -> Any:
    """c(b) for independent draws."""
    return 1 / b


def without_replacement() -> Any:
    """c(b) without replacement."""
    return (n - b) / (b * (n - 1))


def variance_over(batches: list[tuple[Any, ...]]) -> Any:
    """The variance of the batch mean, all batches being equally likely."""
    means = [sum(batch) / sp.Integer(len(batch)) for batch in batches]
    return sum(mean**2 for mean in means) / len(means) - (sum(means) / len(means)) ** 2


@cache
def checked() -> CheckedSteps:
    """The evidence that every step was checked, once for all claims of this file."""
    return CheckedSteps.of(__file__, steps())


CLAIMS = [
    Claim(
        "first-gradient-variance-proportional",
        "Var(g_0) is proportional to 1/b: it is tr Sigma(w_0) / b",
        "any model with a gradient for each example; fixed start; independent draws",
        "folklore",
        lambda: proved(
            "the weights are fixed, and the gradient is a batch mean: c(b) = 1/b",
            checked(),
            KernelProof.of("first_gradient_variance", covers="draws with replacement from finite data"),
        ),
    ),
]
"""What follows, for the register of claims."""


if __name__ == "__main__":
    for number, (statement, _, how) in enumerate(steps(), 1):
        print(f"{number}. {statement}\n   checked: {how}\n")
