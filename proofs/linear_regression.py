"""Linear regression: the second-moment recursion and what follows from it; run this file to check every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache, reduce
from itertools import combinations, product
from typing import Any

import sympy as sp

import sgdvar as sv
from sgdvar.claims import CheckedSteps, Claim, Counterexample, Finding, KernelProof, proved, refuted

alpha, c, c2 = sp.symbols("alpha c c'")

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
        gradient_is_linear(),
        second_moment_recursion(),
        both_maps_keep_sums_of_squares(),
        powers_of_c(),
        constant_term(),
        variance_of_the_gradient(),
        every_batch_sequence_enumerated(),
        larger_batches_have_less_variance(),
        twice_the_batch(),
        expected_loss(),
    ]


def identity(left: Any, right: Any) -> None:
    """Checks that two polynomials, or matrices of polynomials, are the same.

    Raises:
        AssertionError: They differ.
    """
    difference = sp.Matrix([left - right]).expand()
    if not difference.is_zero_matrix:
        raise AssertionError(f"{left} = {right} is false: the difference is {difference}")


def gradient_is_linear() -> Step:
    """The gradient of one example's loss as a matrix times the extended weights."""
    for p in range(1, 4):
        x, w, y = sp.Matrix(sp.symbols(f"x1:{p + 1}")), sp.Matrix(sp.symbols(f"w1:{p + 1}")), sp.Symbol("y")
        loss = ((x.T * w)[0] - y) ** 2 / 2
        identity(sp.Matrix([loss.diff(entry) for entry in w]), example_matrix(x, y) * extended(w))
    return (
        r"\nabla \ell_i(w) = x_i (x_i^\top w - y_i) = G_i z, \qquad G_i = x_i (x_i^\top, -y_i), \quad "
        r"z = \begin{pmatrix} w \\ 1 \end{pmatrix}",
        r"The loss of one example is $\ell_i(w) = \tfrac12 (x_i^\top w - y_i)^2$.",
        "differentiated in symbols for p = 1, 2, 3",
    )


def second_moment_recursion() -> Step:
    """One step of the recursion for E[z z^T]."""
    for examples in (2, 3):
        matrices = [step_rows(example) for example in symbolic_examples(examples)]
        moment = sp.Matrix(2, 2, [sp.Symbol(name) for name in ("m11", "m12", "m12", "m22")])
        for batches, factor in every_design(matrices):
            maps = [sp.eye(2) - alpha * mean(batch) for batch in batches]
            average = mean([S * moment * S.T for S in maps])
            identity(average, transported(moment, matrices) + alpha**2 * factor * spread(moment, matrices))
    return (
        r"M_{t+1} &= T_t(M_t) + \alpha_t^2\, c(b)\, V(M_t), \qquad M_t = E[z_t z_t^\top \mid w_0], \\ "
        r"T_t(M) &= (I - \alpha_t \bar G)\, M\, (I - \alpha_t \bar G)^\top, \\ "
        r"V(M) &= \frac1n \sum_i D_i M D_i^\top, \quad D_i = G_i - \bar G",
        r"With a row of zeros below each $G_i$ a step is $z_{t+1} = (I - \alpha_t G_B) z_t$. The batch is independent "
        r"of $z_t$, and $S M S^\top$ is quadratic in the batch mean $S = I - \alpha_t G_B$, whose examples deviate "
        r"from their mean by $-\alpha_t D_i$: the rule for quadratic functions of a batch mean, with the factor "
        r"$c(b)$.",
        "exhaustive enumeration in symbols: p = 1, n = 2 and 3, every b without replacement, b = 1 and 2 with "
        "replacement, every M",
    )


def both_maps_keep_sums_of_squares() -> Step:
    """The two maps send positive semidefinite matrices to positive semidefinite matrices."""
    matrices = [step_rows(example) for example in symbolic_examples(2)]
    root, v = sp.Matrix(2, 2, sp.symbols("f1:5")), sp.Matrix(sp.symbols("v1 v2"))
    moment = root * root.T
    identity((v.T * transported(moment, matrices) * v)[0], square(root.T * (sp.eye(2) - alpha * mean(matrices)).T * v))
    deviations = [matrix - mean(matrices) for matrix in matrices]
    identity((v.T * spread(moment, matrices) * v)[0], mean([square(root.T * D.T * v) for D in deviations]))
    return (
        r"v^\top T_t(F F^\top)\, v &= \lVert F^\top (I - \alpha_t \bar G)^\top v \rVert^2 \ge 0, \\ "
        r"v^\top V(F F^\top)\, v &= \frac1n \sum_i \lVert F^\top D_i^\top v \rVert^2 \ge 0",
        r"Every positive semidefinite $M$ is $F F^\top$ for some $F$, so both maps keep positive semidefinite matrices "
        r"positive semidefinite.",
        "identities in symbols for p = 1, n = 2, every F and v",
    )


def powers_of_c() -> Step:
    """The induction: M_t is a polynomial in c whose coefficients are positive semidefinite."""
    for t in range(4):
        # P[k] stands for a matrix; TP[k] and VP[k] for its images, which is all that linearity lets the maps see.
        TP, VP = sp.symbols(f"TP0:{t + 1}"), sp.symbols(f"VP0:{t + 1}")
        image = sum(c**k * TP[k] for k in range(t + 1)) + alpha**2 * c * sum(c**k * VP[k] for k in range(t + 1))
        collected = [(TP[k] if k <= t else 0) + alpha**2 * (VP[k - 1] if k >= 1 else 0) for k in range(t + 2)]
        identity(image, sum(c**k * coefficient for k, coefficient in enumerate(collected)))
    return (
        r"M_t = \sum_{k=0}^{t} c(b)^k P_{t,k}, \qquad "
        r"P_{t+1,k} = T_t(P_{t,k}) + \alpha_t^2\, V(P_{t,k-1}), \qquad P_{t,k} \succeq 0",
        r"Induction on $t$. Base: $M_0 = z_0 z_0^\top$ is positive semidefinite, of degree 0. Step: both maps are "
        r"linear; collect powers of $c$ (with $P_{t,-1} = P_{t,t+1} = 0$). Sums of positive semidefinite matrices are "
        r"positive semidefinite, and the degree rises by one.",
        "the collection of powers as an identity in symbols for t = 0, ..., 3; the sign by the previous step",
    )


def constant_term() -> Step:
    """The constant term is the outer product of the means, which gradient descent follows."""
    matrices = [step_rows(example) for example in symbolic_examples(3)]
    z = extended(sp.Matrix(sp.symbols("w1:2")))
    descended = (sp.eye(2) - alpha * mean(matrices)) * z
    identity(transported(z * z.T, matrices), descended * descended.T)
    for batches, _ in every_design(matrices):
        identity(mean([(sp.eye(2) - alpha * mean(batch)) * z for batch in batches]), descended)
    return (
        r"P_{t,0} = \bar z_t \bar z_t^\top, \qquad \bar z_{t+1} = (I - \alpha_t \bar G)\, \bar z_t, \qquad "
        r"\bar z_t = E[z_t \mid w_0]",
        r"$P_{t+1,0} = T_t(P_{t,0})$ starts at $z_0 z_0^\top$, and $T_t$ maps an outer product to an outer product. "
        r"The batch mean is unbiased, so $E z_t$ follows the same recursion: plain gradient descent, free of $b$.",
        "identities in symbols for p = 1, n = 3; unbiasedness by enumeration of every batch",
    )


def variance_of_the_gradient() -> Step:
    """The variance of the gradient in powers of c."""
    matrices = [gradient_row(example) for example in symbolic_examples(3)]
    average, z = mean(matrices), sp.Matrix(sp.symbols("zbar1 zbar2"))
    P1 = sp.Matrix(2, 2, [sp.Symbol(name) for name in ("p11", "p12", "p12", "p22")])
    moment = z * z.T + c * P1
    for batches, factor in every_design(matrices):
        second = mean([(G * moment * G.T).trace() for G in map(mean, batches)])
        variance = (second - ((average * z).T * (average * z))[0]).subs(c, factor)
        coefficients = [
            0,
            (average * P1 * average.T).trace() + spread(z * z.T, matrices).trace(),
            spread(P1, matrices).trace(),
        ]
        identity(variance, sum(factor**k * coefficient for k, coefficient in enumerate(coefficients)))
    return (
        r"\operatorname{Var}(A g_t \mid w_0) &= \sum_{k=1}^{t+1} a_k\, c(b)^k, \\ "
        r"a_k &= \operatorname{tr}(A \bar G P_{t,k} \bar G^\top A^\top) "
        r"+ \frac1n \sum_i \operatorname{tr}(A D_i P_{t,k-1} D_i^\top A^\top) \ge 0",
        r"$E \lVert A g_t \rVert^2 = \operatorname{tr} E[A G_B M_t G_B^\top A^\top]$ is again quadratic in a batch "
        r"mean, and $E A g_t = A \bar G \bar z_t$ cancels the constant term. The coefficients are traces of positive "
        r"semidefinite matrices ($P_{t,t+1} = 0$). Without the second trace this is "
        r"$\operatorname{Var}(A \nabla L(w_t) \mid w_0)$, of degree at most $t$.",
        "enumeration of every batch in symbols for p = 1, n = 3, A = I and M of degree 1 in c (t = 1); the signs by "
        "the induction",
    )


def every_batch_sequence_enumerated() -> Step:
    """The result of the recursion against the definition, for a small problem in symbols."""
    example_list = symbolic_examples(2)
    w0 = sp.Symbol("w0")
    matrices = [step_rows(example) for example in example_list]
    start = extended(sp.Matrix([w0]))
    P0, P1 = transported(start * start.T, matrices), alpha**2 * spread(start * start.T, matrices)
    rows = [gradient_row(example) for example in example_list]
    first = (mean(rows) * P1 * mean(rows).T)[0] + spread(P0, rows)[0]
    second = spread(P1, rows)[0]
    for batches, factor in every_design(example_list):
        gradients = [
            batch_gradient(later, w0 - alpha * batch_gradient(earlier, w0))
            for earlier, later in product(batches, repeat=2)
        ]
        variance = mean([g**2 for g in gradients]) - mean(gradients) ** 2
        identity(variance, factor * first + factor**2 * second)
    return (
        r"\operatorname{Var}(g_1 \mid w_0) &= \frac{1}{\#\mathcal B^2} \sum_{B_0, B_1} g_1^2 "
        r"- \Bigl(\frac{1}{\#\mathcal B^2} \sum_{B_0, B_1} g_1\Bigr)^2 \\ "
        r"&= a_1\, c(b) + a_2\, c(b)^2",
        r"The definition itself: the sum over every sequence of batches, without the recursion.",
        "exhaustive enumeration in symbols: p = 1, n = 2, t = 1, every b without replacement, b = 1 and 2 with "
        "replacement, every x, y, w0 and step size",
    )


def larger_batches_have_less_variance() -> Step:
    """A polynomial with non-negative coefficients increases in c."""
    for k in range(1, 8):
        identity(c**k - c2**k, (c - c2) * sum(c**j * c2 ** (k - 1 - j) for j in range(k)))
    return (
        r"V(b) - V(b') = \sum_k a_k\, (c^k - c'^k) = (c - c') \sum_k a_k \sum_{j<k} c^j c'^{\,k-1-j} \ge 0",
        r"Let $V$ be any of these variances, $b < b'$, $c = c(b)$ and $c' = c(b')$. Then $c > c' \ge 0$, because "
        r"$c(b)$ decreases in $b$; and $a_k \ge 0$. The inequality is strict unless every $a_k$ is 0, because the sum "
        r"over $j$ holds $c^{k-1} > 0$.",
        "the factorisation as an identity in symbols for k = 1, ..., 7",
    )


def twice_the_batch() -> Step:
    """Doubling the batch at least halves the variance."""
    a, gap = sp.symbols("a gap", nonnegative=True)
    for k in range(1, 8):
        # with c(b) = 2 c(2b) + 2 gap, gap >= 0, the difference has no negative coefficient
        difference = sp.Poly(a * (2 * c2 + 2 * gap) ** k / 2 - a * c2**k, c2, gap, a)
        if min(difference.coeffs(), default=sp.S.Zero) < 0:
            raise AssertionError(f"V(2b) <= V(b)/2 has a negative coefficient at k = {k}: {difference}")
    return (
        r"\tfrac12 V(b) - V(2b) = \sum_{k \ge 1} a_k \bigl( \tfrac12 c(b)^k - c(2b)^k \bigr) \ge 0",
        r"$c(b) = 2 c(2b) + 2\delta$ with $\delta \ge 0$; expanded in $c(2b)$ and $\delta$, no coefficient is negative "
        r"(without replacement for $2b \le n$).",
        "the signs of all coefficients, in symbols for k = 1, ..., 7",
    )


def expected_loss() -> Step:
    """The expected loss is the loss of the mean weights plus a trace."""
    centre, shift = sp.Matrix(sp.symbols("w1:3")), sp.Matrix(sp.symbols("d1:3"))
    x, y = sp.Matrix(sp.symbols("x1:3")), sp.Symbol("y")
    hessian = x * x.T
    gradient = x * ((x.T * centre)[0] - y)
    identity(
        example_loss(x, y, centre + shift),
        example_loss(x, y, centre) + (gradient.T * shift)[0] + (hessian * shift * shift.T).trace() / 2,
    )
    return (
        r"E\, L(w_t) &= L(E w_t) + \tfrac12 \operatorname{tr}\bigl(H \operatorname{Cov}(w_t)\bigr), \qquad "
        r"H = \frac1n \sum_i x_i x_i^\top, \\ "
        r"\operatorname{Cov}(w_t) &= \sum_{k=1}^{t} c(b)^k \bigl(P_{t,k}\bigr)_{ww}",
        r"Expand the quadratic $L$ around $E w_t$ and take expectations; the linear term vanishes. $E w_t$ is free of "
        r"$b$ and every $P_{t,k} \succeq 0$, so at equal steps the covariance never rises with $b$ in the order "
        r"of semidefinite matrices, and neither does the expected loss.",
        "the expansion as an identity in symbols for p = 2",
    )


Example = tuple[Any, Any]


def symbolic_examples(count: int) -> list[Example]:
    """Examples with one feature each, in symbols."""
    return list(zip(sp.symbols(f"x1:{count + 1}"), sp.symbols(f"y1:{count + 1}"), strict=True))


def extended(w: Any) -> Any:
    """The weights with a 1 below them."""
    return w.col_join(sp.ones(1, 1))


def example_matrix(x: Any, y: Any) -> Any:
    """G_i = x_i (x_i^T, -y_i)."""
    return x * x.T.row_join(sp.Matrix([[-y]]))


def gradient_row(example: Example) -> Any:
    """G_i for one feature: 1 x 2."""
    return example_matrix(sp.Matrix([example[0]]), example[1])


def step_rows(example: Example) -> Any:
    """G_i with a row of zeros below it: 2 x 2."""
    return gradient_row(example).col_join(sp.zeros(1, 2))


def example_loss(x: Any, y: Any, w: Any) -> Any:
    """Half the squared residual."""
    return ((x.T * w)[0] - y) ** 2 / 2


def batch_gradient(batch: Sequence[Example], w: Any) -> Any:
    """The gradient of the mean loss of a batch with one feature, by the chain rule."""
    return mean([x * (x * w - y) for x, y in batch])


def every_design(items: Sequence[Any]) -> list[tuple[list[tuple[Any, ...]], Any]]:
    """All equally likely batches, and c(b): every b without replacement, b = 1 and 2 with replacement."""
    n = len(items)
    subsets = [(list(combinations(items, b)), sp.Rational(n - b, b * (n - 1))) for b in range(1, n + 1)]
    sequences = [(list(product(items, repeat=b)), sp.Rational(1, b)) for b in (1, 2)]
    return subsets + sequences


def mean(items: Sequence[Any]) -> Any:
    """The mean of numbers or matrices."""
    return reduce(lambda left, right: left + right, items) / sp.Integer(len(items))


def transported(moment: Any, matrices: Sequence[Any]) -> Any:
    """T(M)."""
    step = sp.eye(2) - alpha * mean(matrices)
    return step * moment * step.T


def spread(moment: Any, matrices: Sequence[Any]) -> Any:
    """V(M)."""
    average = mean(matrices)
    return mean([(matrix - average) * moment * (matrix - average).T for matrix in matrices])


def square(vector: Any) -> Any:
    """The squared length."""
    return (vector.T * vector)[0]


@cache
def checked() -> CheckedSteps:
    """The evidence that every step was checked, once for all claims of this file."""
    return CheckedSteps.of(__file__, steps())


def follows(reason: str, *theorems: str) -> Callable[[], Finding]:
    """What settles a claim that the derivation proves, and formal theorems for finite data."""
    return lambda: proved(reason, checked(), *(KernelProof.of(name, covers="finite data") for name in theorems))


def other_problem(sgd: sv.SGD) -> str | None:
    """What a process is, if not linear regression."""
    return None if isinstance(sgd.problem, sv.LinearRegression) else f"a {type(sgd.problem).__name__}"


def smaller_batches_lose_more() -> Finding:
    """Settles that smaller batches have the lower expected loss."""
    X: Any = [[1], [1]]
    y: Any = [1, -1]
    sgd = sv.SGD(sv.LinearRegression(sv.Dataset(X, y)), start=[0], step_size=Fraction(1, 2))
    return refuted(
        "the opposite holds in every case: E L(w_t) = L(E w_t) + tr(H Cov(w_t))/2 does not increase in b; and it can "
        "decrease",
        Counterexample.of(sgd, "expected-loss", 1, [1, 2]),
        checked(),
    )


FRESH = (
    "linear regression on finite data, or on a population with as many moments as appear; fixed start; fresh and "
    "independent batches, with or without replacement; step sizes that do not depend on b; equal steps"
)
PAPER = "Qian and Klabjan (arXiv 2004.13146)"

CLAIMS = [
    Claim(
        "linear-regression-gradient-variance-polynomial",
        "Var(A g_t) is a polynomial in c(b) of degree at most t + 1 without constant term or negative coefficients, "
        "for every step t and matrix A; Var(A grad L(w_t)) likewise, of degree at most t",
        FRESH,
        f"{PAPER} for a polynomial, without replacement; signs and other designs derived here",
        follows(
            "the coefficients are traces of positive semidefinite matrices",
            "gradient_variance_polynomial",
            "full_gradient_variance_polynomial",
        ),
    ),
    Claim(
        "linear-regression-gradient-variance-decreases",
        "Var(A g_t) does not increase in b, for every step t and matrix A",
        FRESH,
        f"{PAPER} for batches without replacement; other designs derived here",
        follows(
            "c(b) decreases in b, and no coefficient of the polynomial in c(b) is negative",
            "gradient_variance_antitone",
        ),
        lambda sgd, step: sv.certify_decreasing(sv.gradient_variance(sgd, step)),
        other_problem,
    ),
    Claim(
        "linear-regression-gradient-variance-strictly-decreases",
        "Var(A g_t) strictly decreases in b, unless it is 0 for every b",
        FRESH,
        "derived here",
        follows(
            "c(b) strictly decreases, and one coefficient is positive unless all are 0",
            "gradient_variance_strict",
        ),
    ),
    Claim(
        "linear-regression-gradient-variance-halves",
        "V(2b) <= V(b)/2 for V(b) = Var(A g_t), wherever 2b is a batch size",
        FRESH,
        "derived here",
        follows(
            "c(2b) <= c(b)/2, and every power of c(b) in V is at least the first",
            "gradient_variance_double",
        ),
        lambda sgd, step: sv.certify_halving(sv.gradient_variance(sgd, step)),
        other_problem,
    ),
    Claim(
        "linear-regression-full-gradient-variance-decreases",
        "Var(A grad L(w_t)) does not increase in b, for every step t and matrix A",
        FRESH,
        f"{PAPER}, sharpened here",
        follows(
            "the first of the two traces in each coefficient",
            "full_gradient_variance_antitone",
        ),
        lambda sgd, step: sv.certify_decreasing(sv.full_gradient_variance(sgd, step)),
        other_problem,
    ),
    Claim(
        "linear-regression-gradient-second-moment-decreases",
        "E||A g_t||^2 does not increase in b, for every step t and matrix A",
        FRESH,
        f"{PAPER}, sharpened here",
        follows(
            "it is Var(A g_t) and the squared length of E A g_t, which is free of b",
            "second_moment_antitone",
        ),
        lambda sgd, step: sv.certify_decreasing(sv.gradient_second_moment(sgd, step)),
        other_problem,
    ),
    Claim(
        "linear-regression-weight-covariance-decreases",
        "Cov(w_t) does not increase in b in the order of positive semidefinite matrices",
        FRESH,
        "derived here",
        follows(
            "Cov(w_t) is a polynomial in c(b) without constant term, and its coefficients are positive semidefinite",
            "weights_variance_antitone",
        ),
        lambda sgd, step: sv.certify_covariance_decreasing(sv.weight_covariance(sgd, step)),
        other_problem,
    ),
    Claim(
        "linear-regression-larger-batch-lower-loss-equal-steps",
        "E L(w_t) does not increase in b",
        FRESH,
        "derived here",
        follows(
            "E L(w_t) = L(E w_t) + tr(H Cov(w_t))/2, where E w_t is free of b and Cov(w_t) does not increase",
            "expected_loss_antitone",
        ),
        lambda sgd, step: sv.certify_decreasing(sv.expected_loss(sgd, step)),
        other_problem,
    ),
    Claim(
        "linear-regression-without-replacement-never-more-variance",
        "Var(A g_t) for batches without replacement is at most Var(A g_t) for batches with replacement, at equal b and "
        "t",
        "linear regression on finite data; fixed start; fresh independent batches; equal step sizes",
        "folklore",
        follows(
            "both are the same polynomial in c(b), and c(b) is smaller without replacement (proofs/batch_mean.py)",
            "gradient_variance_designs",
        ),
    ),
    Claim(
        "linear-regression-smaller-batch-lower-loss-equal-steps",
        "a smaller batch has the lower expected loss E L(w_t) at equal steps and equal step sizes",
        FRESH,
        f"the abstract of {PAPER}: smaller batch sizes yield lower loss function values, read at equal steps",
        smaller_batches_lose_more,
    ),
]
"""What follows, for the register of claims."""


if __name__ == "__main__":
    for number, (statement, _, how) in enumerate(steps(), 1):
        print(f"{number}. {statement}\n   checked: {how}\n")
