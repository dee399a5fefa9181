"""Linear regression: smaller batches spread every quantity in the convex order; run this file to check every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache, partial
from itertools import combinations, pairwise, product
from math import isqrt, prod
from typing import Any, TypeAlias

import sympy as sp

from sgdvar.claims import CheckedSteps, Claim, KernelProof, proved

alpha = sp.Symbol("alpha")

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
        one_draw_left_out(),
        every_smaller_batch_equally_often(),
        one_batch(),
        affine_twice(),
        convexity_is_kept(),
        many_steps(),
        length_of_the_gradient(),
        means_do_not_move(),
    ]


def identity(left: Any, right: Any) -> None:
    """Checks that two rational functions, or matrices of them, are the same.

    Raises:
        AssertionError: They differ.
    """
    difference = sp.Matrix([left - right]).applyfunc(lambda entry: sp.cancel(sp.together(entry)))
    if not difference.is_zero_matrix:
        raise AssertionError(f"{left} = {right} is false: the difference is {difference}")


def one_draw_left_out() -> Step:
    """The mean of a batch as an average of means of smaller batches."""
    for size in range(2, 8):
        s = sp.symbols(f"s1:{size + 1}")
        identity(mean(s), mean([mean([*s[:j], *s[j + 1 :]]) for j in range(size)]))
    return (
        r"S_B = \frac{1}{b+1} \sum_{j \in B} S_{B \setminus j}, \qquad S_B = \frac{1}{\#B} \sum_{i \in B} s_i, \quad "
        r"\#B = b + 1",
        r"$s_1, \dots, s_n$ are any numbers, vectors or matrices. Each of them is left out once, and is in the $b$ "
        r"other means with the weight $\frac1b$.",
        "identity in symbols for b = 1, ..., 6",
    )


def every_smaller_batch_equally_often() -> Step:
    """Leaving out one draw of a uniform batch gives a uniform batch."""
    for n in range(2, 7):
        for b in range(1, n):
            left = Counter(tuple(i for i in B if i != j) for B in combinations(range(n), b + 1) for j in B)
            check_uniform(left, set(combinations(range(n), b)), n - b)
    n, b = sp.symbols("n b", positive=True)
    identity(sp.gammasimp(((b + 1) * sp.binomial(n, b + 1) / sp.binomial(n, b)).rewrite(sp.gamma)), n - b)
    for count, size in product(range(1, 4), repeat=2):
        for j in range(size + 1):
            left = Counter((*B[:j], *B[j + 1 :]) for B in product(range(count), repeat=size + 1))
            check_uniform(left, set(product(range(count), repeat=size)), count)
    return (
        r"\#\{ (B, j) : j \in B, \; B \setminus j = C \} &= n - b \qquad (\#C = b), \\ (b+1) \binom{n}{b+1} &= (n - "
        r"b) \binom nb",
        r"Without replacement every $C$ comes from the $n - b$ sets $B = C \cup \{j\}$, so $B \setminus j$ with a "
        r"uniform $B$ and a uniform $j \in B$ is a uniform batch of $b$. With replacement the $b + 1$ draws are "
        r"independent, and leaving out the $j$-th of them leaves $b$ independent draws; the same for a population.",
        "all pairs counted: n = 2, ..., 6 and every b without replacement, n and b up to 3 with replacement; the "
        "binomials for all n and b",
    )


def one_batch() -> Step:
    """A convex function of a batch mean has the larger expectation at the smaller batch size."""
    q = sp.Symbol("q")
    for n in range(2, 5):
        s = sp.symbols(f"s1:{n + 1}")
        for b in range(1, n):
            larger = list(combinations(s, b + 1))
            gap = mean([(mean([x for x in B if x != left]) - mean(B)) ** 2 for B in larger for left in B])
            difference = mean([(mean(C) - q) ** 2 for C in combinations(s, b)]) - mean([
                (mean(B) - q) ** 2 for B in larger
            ])
            identity(difference, gap)
    for values, shape in product(VALUES, SHAPES):
        expectations = [mean([shape(mean(B)) for B in combinations(values, b)]) for b in range(1, len(values) + 1)]
        check_never_rises(expectations, f"E phi(S) for {values} without replacement")
        expectations = [mean([shape(mean(B)) for B in product(values[:3], repeat=b)]) for b in range(1, 5)]
        check_never_rises(expectations, f"E phi(S) for {values[:3]} with replacement")
    return (
        r"E\, \varphi(S_B) &= E\, \varphi\Bigl( \frac{1}{b+1} \sum_{j \in B} S_{B \setminus j} \Bigr) \le E\, "
        r"\frac{1}{b+1} \sum_{j \in B} \varphi(S_{B \setminus j}) \\ &= E\, \varphi(S_C), \qquad \#B = b+1, \; \#C "
        r"= b",
        r"Jensen's inequality for a convex $\varphi$, and the two steps before. From $b$ to $b + 1$ and so on: for all "
        r"$b' < b$ the mean of $b'$ draws is **larger in the convex order** than the mean of $b$. No moments are used, "
        r"and no property of the design but this one.",
        f"for squares the difference as a sum of squares in symbols, n = 2, 3, 4, every b; {len(SHAPES)} other convex "
        f"functions on {len(VALUES)} data sets in rational numbers, every b without replacement, b = 1, ..., 4 with "
        "replacement",
    )


def affine_twice() -> Step:
    """A step of SGD is affine in the weights, and affine in the batch mean."""
    share = sp.Symbol("theta")
    for p in (1, 2):
        H, K = generic("h", p, p), generic("k", p, p)
        f, e, w, v = (generic(name, p, 1) for name in "fewv")
        mixed = share * w + (1 - share) * v
        identity(stepped(H, f, mixed), share * stepped(H, f, w) + (1 - share) * stepped(H, f, v))
        both = share * H + (1 - share) * K, share * f + (1 - share) * e
        identity(stepped(*both, w), share * stepped(H, f, w) + (1 - share) * stepped(K, e, w))
    return (
        r"w' = w - \alpha\, (H_B w - f_B), \qquad H_B = \frac1b \sum_{i \in B} x_i x_i^\top, \quad f_B = \frac1b "
        r"\sum_{i \in B} y_i x_i",
        r"For a fixed batch $w'$ is affine in $w$. For a fixed $w$ it is affine in the batch mean $(H_B, f_B)$. So is "
        r"the gradient $H_B w - f_B$. In a deep network the first fails: a step is a polynomial of the weights.",
        "both identities in symbols for one and two features",
    )


def convexity_is_kept() -> Step:
    """The expectation at the end of a run is a convex function of the start."""
    w, k = sp.symbols("w k")
    examples = list(zip(sp.symbols("x1:3"), sp.symbols("y1:3"), strict=True))
    for sizes in product((1, 2), repeat=2):
        runs = list(product(*(combinations(examples, b) for b in sizes)))
        direct = mean([(run(batches, w, alpha) - k) ** 2 for batches in runs])
        later = [
            mean([(run([last], v, alpha) - k) ** 2 for last in combinations(examples, sizes[1])])
            for v in (run([first], w, alpha) for first in combinations(examples, sizes[0]))
        ]
        identity(direct, mean(later))
        slopes = [prod(1 - alpha * mean([x**2 for x, _ in batch]) for batch in batches) for batches in runs]
        identity(sp.Poly(sp.expand(direct), w).coeff_monomial(w**2), mean([slope**2 for slope in slopes]))
    return (
        r"F_{b_0, \dots, b_{t-1}}(w) &:= E[ \varphi(w_t) \mid w_0 = w ] \\ &= E\, F_{b_1, \dots, b_{t-1}}\bigl( w - "
        r"\alpha_0 (H_{B_0} w - f_{B_0}) \bigr) \quad\text{is convex in } w",
        r"Induction on the number of steps, from the last batch to the first. A convex function of an affine function "
        r"is convex, and an average of convex functions is convex. Batches are independent and the step sizes are "
        r"fixed.",
        "two steps in symbols for n = 2, p = 1 and the square: the recursion against the sum over all pairs of "
        "batches, and the second derivative as a mean of squares, b = 1 and 2",
    )


def many_steps() -> Step:
    """Each batch size can be lowered, one after the other."""
    for examples, start, step_size in PROBLEMS:
        shapes: list[Callable[[Any], Any]] = [*SHAPES, partial(loss, examples)]
        for sizes in product((1, 2, 3), repeat=2):
            for raised in neighbours(sizes, most=3):
                for phi in shapes:
                    pair = [mean([phi(w) for w in ends(examples, start, step_size, bs)]) for bs in (sizes, raised)]
                    check_never_rises(pair, f"E phi(w_2) from the batch sizes {sizes} to {raised}")
    return (
        r"b_s' \le b_s \text{ for all } s \quad\Longrightarrow\quad E\, \varphi(w_t) \text{ with sizes } b' \;\ge\; "
        r"E\, \varphi(w_t) \text{ with sizes } b",
        r"Change the size of one batch $B_s$ at a time. Given the batches before it, $w_s$ is fixed, and $\varphi$ at "
        r"the end, averaged over the later batches, is a convex function of $w_{s+1}$, which is affine in the batch "
        r"mean of $B_s$: the inequality for one batch applies. **So for every convex $\varphi$, $E\, \varphi(w_t)$ "
        r"never increases in the batch size.** The loss is convex: neither does $E\, L(w_t)$.",
        f"{len(SHAPES)} convex functions and the loss on {len(PROBLEMS)} problems of three examples in rational "
        "numbers, t = 2, every pair of batch sizes, each raised by one",
    )


def length_of_the_gradient() -> Step:
    """The gradient of the last batch, and its expected length."""
    for examples, start, step_size in PROBLEMS:
        for phi in SHAPES:
            values = [
                mean([phi(g) for g in batch_gradients(examples, start, step_size, b, steps=2)]) for b in (1, 2, 3)
            ]
            check_never_rises(values, "E phi(g_2)")
    bounds = [length_bounds(b) for b in (1, 2, 3)]
    if not bounds[0][0] > bounds[1][1] or not bounds[1][0] > bounds[2][1]:
        raise AssertionError(f"E |g_1| should decrease for b = 1, 2, 3 in the plane, got the bounds {bounds}")
    return (
        r"E\, \varphi(A g_t) \text{ never increases in } b, \qquad\text{so } E \lVert A g_t \rVert \text{ and } "
        r"E \lVert A g_t \rVert^2 \text{ do not}",
        r"For a fixed batch $B_t$ the gradient is affine in $w_t$, for fixed $w_t$ it is a batch mean: one more "
        r"batch. Norms are convex by the triangle inequality, and so are their squares.",
        f"{len(SHAPES)} convex functions on {len(PROBLEMS)} problems, one feature, t = 2, every b; the length of the "
        "gradient of two features at t = 1 between rational bounds, every b",
    )


def means_do_not_move() -> Step:
    """Linear functions and their negatives."""
    w = sp.Symbol("w0")
    examples = list(zip(sp.symbols("x1:3"), sp.symbols("y1:3"), strict=True))
    full = run([examples, examples], w, alpha)
    for b in (1, 2):
        for batches in (list(combinations(examples, b)), list(product(examples, repeat=b))):
            identity(mean([run(pair, w, alpha) for pair in product(batches, repeat=2)]), full)
    return (
        r"E\, w_t \text{ and } E\, g_t & \text{ do not depend on } b, \\ v^\top \operatorname{Cov}(w_t)\, v &= E\, "
        r"(v^\top w_t)^2 - (v^\top E\, w_t)^2 \text{ never increases in } b",
        r"A linear $\varphi$ and $-\varphi$ are both convex. With the square of $v^\top w$ for every $v$, "
        r"$\operatorname{Cov}(w_t)$ never increases in the order of semidefinite matrices.",
        "two steps in symbols for n = 2, p = 1, b = 1 and 2, with and without replacement",
    )


Example: TypeAlias = tuple[Any, Any]

VALUES = [[Fraction(v) for v in values] for values in ((0, 1, 3, 7), (-2, 1, 1, 4, 5), (-3, -1, 0, 0, 10))]
SHAPES: list[Callable[[Any], Any]] = [
    abs,
    lambda s: max(s - 1, 0 * s),
    lambda s: abs(s + Fraction(1, 3)),
    lambda s: max(-s, 2 * s - 1),
    lambda s: s**4 - s,
]
"""Convex functions of one number."""

PROBLEMS: list[tuple[list[Example], Fraction, Fraction]] = [
    ([(1, 1), (2, -1), (1, 0)], Fraction(1), Fraction(1, 2)),
    ([(1, 2), (1, -1), (3, 1)], Fraction(0), Fraction(1, 4)),
    ([(0, 1), (1, 1), (2, 3)], Fraction(-1), Fraction(2)),
]
"""Examples of one feature, a start and a step size; the last step size is far too long to converge."""


def neighbours(sizes: Sequence[int], most: int) -> Iterator[tuple[int, ...]]:
    """The batch sizes with one of them raised by one."""
    for s, b in enumerate(sizes):
        if b < most:
            yield (*sizes[:s], b + 1, *sizes[s + 1 :])


def ends(examples: Sequence[Example], start: Any, step_size: Any, sizes: Sequence[int]) -> Iterator[Any]:
    """The last weights of every run without replacement, all equally likely."""
    for batches in product(*(combinations(examples, b) for b in sizes)):
        yield run(batches, start, step_size)


def batch_gradients(examples: Sequence[Example], start: Any, step_size: Any, b: int, steps: int) -> Iterator[Any]:
    """The gradients of every run without replacement, all equally likely."""
    for w, batch in product(ends(examples, start, step_size, [b] * steps), combinations(examples, b)):
        yield gradient(batch, w)


def run(batches: Sequence[Sequence[Example]], w: Any, step_size: Any) -> Any:
    """The weight after a step on each batch, one feature."""
    for batch in batches:
        w = w - step_size * gradient(batch, w)
    return w


def gradient(batch: Sequence[Example], w: Any) -> Any:
    """The gradient of the mean loss of a batch with one feature, by the chain rule."""
    return mean([x * (x * w - y) for x, y in batch])


def loss(examples: Sequence[Example], w: Any) -> Any:
    """The mean of half the squared residuals."""
    return mean([(x * w - y) ** 2 for x, y in examples]) / 2


def stepped(H: Any, f: Any, w: Any) -> Any:
    """A step from w on a batch with these means."""
    return w - alpha * (H * w - f)


def length_bounds(b: int) -> tuple[Fraction, Fraction]:
    """Bounds of E |g_1| for three examples of two features, start 0 and step size 1/2."""
    examples = [((1, 0), 1), ((1, 2), 0), ((0, 1), 2)]

    def slope(batch: Sequence[Any], w: Sequence[Fraction]) -> list[Fraction]:
        residuals = [(x, x[0] * w[0] + x[1] * w[1] - y) for x, y in batch]
        return [sum((x[i] * r for x, r in residuals), Fraction(0)) / b for i in range(2)]

    squares = []
    for first, last in product(combinations(examples, b), repeat=2):
        w = [-g / 2 for g in slope(first, [Fraction(0), Fraction(0)])]
        squares.append(sum(g**2 for g in slope(last, w)))
    scale = 10**30
    lower = [Fraction(isqrt(int(square * scale**2)), scale) for square in squares]
    least = sum(lower, Fraction(0)) / len(lower)
    return least, least + Fraction(1, scale)


def check_never_rises(values: Sequence[Any], what: str) -> None:
    """Checks that values never rise.

    Raises:
        AssertionError: One is larger than the one before.
    """
    if any(later > earlier for earlier, later in pairwise(values)):
        raise AssertionError(f"{what} should never rise, got {', '.join(map(str, values))}")


def check_uniform(counts: Counter[tuple[int, ...]], batches: set[tuple[int, ...]], times: int) -> None:
    """Checks that every batch was counted so many times, and nothing else.

    Raises:
        AssertionError: One was not.
    """
    if set(counts) != batches or set(counts.values()) != {times}:
        raise AssertionError(f"each of {len(batches)} batches should be counted {times} times, got {counts}")


def generic(name: str, rows: int, columns: int) -> Any:
    """A matrix of symbols."""
    return sp.Matrix(rows, columns, lambda i, j: sp.Symbol(f"{name}{i + 1}{j + 1}"))


def mean(items: Sequence[Any]) -> Any:
    """The mean of numbers, exact."""
    total = sum(items[1:], items[0])
    return total / Fraction(len(items)) if isinstance(total, int | Fraction) else total / sp.Integer(len(items))


@cache
def checked() -> CheckedSteps:
    """The evidence that every step was checked, once for all claims of this file."""
    return CheckedSteps.of(__file__, steps())


FRESH = (
    "linear regression on finite data, or on a population with as many moments as appear; fixed start; fresh and "
    "independent batches, with or without replacement; step sizes that do not depend on b; equal steps"
)


def formal(what: str) -> KernelProof:
    """The formal theorem that the weights, or the gradient, decrease in the convex order."""
    return KernelProof.of(f"{what}_convex_order", covers="finite data")


CLAIMS = [
    Claim(
        "linear-regression-gradient-norm-decreases",
        "E||A g_t|| does not increase in b, for every step t and matrix A",
        FRESH,
        "derived here",
        lambda: proved("a norm is convex, and g_t decreases in the convex order", checked(), formal("gradient")),
    ),
    Claim(
        "linear-regression-convex-order",
        "E phi(w_t) and E phi(g_t) do not increase in b, for every convex function phi with finite expectations",
        FRESH,
        "derived here",
        lambda: proved(
            "the mean of b + 1 draws is an average of means of b draws (Jensen), and a step is affine in the weights "
            "and in the batch mean",
            checked(),
            formal("weights"),
            formal("gradient"),
        ),
    ),
    Claim(
        "linear-regression-means-do-not-depend-on-batch-size",
        "E w_t and E g_t do not depend on b",
        FRESH,
        "folklore",
        lambda: proved(
            "a linear function and its negative are both convex; the means are gradient descent",
            checked(),
            KernelProof.of("mean_weights_constant", covers="finite data"),
            KernelProof.of("mean_gradient_constant", covers="finite data"),
        ),
    ),
]
"""What follows, for the register of claims."""


if __name__ == "__main__":
    for number, (statement, _, how) in enumerate(steps(), 1):
        print(f"{number}. {statement}\n   checked: {how}\n")
