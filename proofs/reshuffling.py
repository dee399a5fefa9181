"""Linear regression under random reshuffling, within an epoch and beyond; run this file to check every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations, pairwise, permutations, product
from typing import Any, TypeAlias

import sympy as sp

import sgdvar as sv
from sgdvar.claims import CheckedSteps, Claim, Counterexample, Finding, proved, refuted

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
        disjoint_batches(),
        affine_in_each_batch(),
        one_size_at_a_time(),
        means_over_distinct_examples(),
        within_the_first_epoch(),
        across_epochs(),
        at_equal_epochs(),
        against_fresh_batches(),
    ]


def identity(left: Any, right: Any) -> None:
    """Checks that two polynomials are the same.

    Raises:
        AssertionError: They differ.
    """
    difference = sp.expand(left - right)
    if difference != 0:
        raise AssertionError(f"{left} = {right} is false: the difference is {difference}")


def disjoint_batches() -> Step:
    """Leaving out one example of one batch leaves disjoint batches that are uniform again."""
    for n in range(2, 6):
        for sizes in (sizes for count in (1, 2, 3) for sizes in product((1, 2), repeat=count)):
            for s in range(len(sizes)):
                raised = [b + (r == s) for r, b in enumerate(sizes)]
                if sum(raised) > n:
                    continue
                left = Counter(
                    (*batches[:s], batches[s] - {j}, *batches[s + 1 :])
                    for batches in disjoint(n, raised)
                    for j in batches[s]
                )
                if set(left) != set(disjoint(n, sizes)) or set(left.values()) != {n - sum(sizes)}:
                    raise AssertionError(f"batches of {sizes} out of {n} should all come equally often, got {left}")
    return (
        r"\#\{ (B_0, \dots, B_t), \; j \in B_s : B_s \setminus j = C_s, \; B_r = C_r \; (r \ne s) \} = n - \sum_r "
        r"\# C_r",
        r"The first batches of an epoch are disjoint, and uniform among all disjoint sets of their sizes. Whatever "
        r"disjoint $C_0, \dots, C_t$ are given, $B_s = C_s \cup \{j\}$ with any example $j$ that is in none of them. "
        r"So with a uniform $j \in B_s$ left out, the batches are uniform disjoint sets of sizes $\#B_s - 1$ and "
        r"$\#B_r$.",
        "all tuples counted: n = 2, ..., 5, one to three batches of one and two examples, each raised by one",
    )


def affine_in_each_batch() -> Step:
    """Each batch enters the gradient once."""
    for t in range(4):
        H, f = sp.symbols(f"H0:{t + 1}"), sp.symbols(f"f0:{t + 1}")
        w = sp.Symbol("w0")
        for s in range(t):
            w = w - alpha * (H[s] * w - f[s])
        g = sp.Poly(H[t] * w - f[t], *H, *f)
        for powers in g.monoms():
            if any(powers[s] + powers[t + 1 + s] > 1 for s in range(t + 1)):
                raise AssertionError(f"g_{t} should be affine in the means of each batch, got {g}")
    return (
        r"g_t &= H_{B_t} w_t - f_{B_t}, \qquad w_{s+1} = w_s - \alpha_s (H_{B_s} w_s - f_{B_s}), \\ H_B &= \frac1b "
        r"\sum_{i \in B} x_i x_i^\top, \qquad f_B = \frac1b \sum_{i \in B} y_i x_i",
        r"$g_t$ is affine in $(H_{B_s}, f_{B_s})$ for each $s = 0, \dots, t$, the other batches being fixed.",
        "the degrees in symbols for one feature and t = 0, ..., 3",
    )


def one_size_at_a_time() -> Step:
    """Jensen's inequality for one of several disjoint batches."""
    for n, sizes in ((3, (1, 1)), (4, (1, 1)), (4, (1, 2)), (4, (2, 1)), (5, (1, 1, 1))):
        examples = EXAMPLES[:n]
        for s in range(len(sizes)):
            raised = [b + (r == s) for r, b in enumerate(sizes)]
            for phi in SHAPES:
                pair = [mean([phi(g) for g in gradients(examples, each)]) for each in (sizes, raised)]
                check_never_rises(pair, f"E phi(g) for the sizes {sizes} and {raised}")
    return (
        r"b_s' \le b_s \text{ for all } s, \quad \sum_s b_s \le n \quad\Longrightarrow\quad E_{b'}\, \varphi(A g_t) "
        r"\ge E_b\, \varphi(A g_t)",
        r"For a convex $\varphi$, and $E_b$ with batches of sizes $b_0, \dots, b_t$. The mean of $B_s$ is the average "
        r"of the means of $B_s \setminus j$ over $j \in B_s$; $\varphi(A g_t)$ is convex in it, the other batches "
        r"being fixed (Jensen); and $B_s \setminus j$ with the others is uniform again.",
        f"{len(SHAPES)} convex functions on data sets of three to five examples in rational numbers, two and three "
        "batches, each raised by one",
    )


def means_over_distinct_examples() -> Step:
    """The mean gradient within an epoch is free of the batch size."""
    w = sp.Symbol("w0")
    examples = list(zip(sp.symbols("x1:5"), sp.symbols("y1:5"), strict=True))
    for n, t in ((2, 1), (3, 1), (4, 1), (3, 2)):
        means = []
        for b in range(1, n // (t + 1) + 1):
            batches = [[[examples[i] for i in B] for B in tuples] for tuples in disjoint(n, [b] * (t + 1))]
            means.append(mean([last_gradient(each, w, alpha) for each in batches]))
        for value in means[1:]:
            identity(value, means[0])
        distinct = [
            last_gradient([[example] for example in each], w, alpha) for each in permutations(examples[:n], t + 1)
        ]
        identity(means[0], mean(distinct))
    return (
        r"E\, g_t = \text{mean of } g_t \text{ over tuples of distinct examples } (i_0, \dots, i_t), \quad (t+1)\, "
        r"b \le n",
        r"A function that is affine in each batch mean has, averaged over disjoint batches, its mean over distinct "
        r"examples: the same for every $b$. (Or: $\varphi = \ell$ and $-\ell$ for linear $\ell$ in the previous step.) "
        r"It is not the gradient of gradient descent, whose examples need not be distinct.",
        "in symbols for one feature: n = 2, 3, 4 at t = 1 and n = 3 at t = 2, every b",
    )


def within_the_first_epoch() -> Step:
    """The variance within the first epoch never rises."""
    for n, t in ((4, 1), (5, 1), (6, 1), (6, 2)):
        for examples in (EXAMPLES[:n], EXAMPLES[-n:]):
            values = []
            for b in range(1, n // (t + 1) + 1):
                values.append(variance(list(gradients(examples, [b] * (t + 1)))))
                if n <= 5:
                    identity(sp.S(values[-1]), sp.S(shuffled_variance(examples, Fraction(1), Fraction(1, 2), b, t)))
            check_never_rises(values, f"Var(g_{t}) in the first epoch")
    return (
        r"\operatorname{Var}(A g_t) = E \lVert A g_t \rVert^2 - \lVert E\, A g_t \rVert^2 \text{ never increases in } "
        r"b \text{ as long as } (t+1)\, b \le n",
        r"The first term never increases, with $\varphi$ the squared length; the second does not depend on $b$. "
        r"**Within the first epoch, reshuffling keeps the order of fresh batches.**",
        "exhaustive enumeration in rational numbers: t = 1 and n = 4, 5, 6, t = 2 and n = 6, every b; for n = 4 and 5 "
        "over all permutations, too",
    )


def across_epochs() -> Step:
    """Two instances in which the larger batch is in its second epoch."""
    shown = []
    for (inputs, targets, step_size), t in ACROSS:
        values = [
            shuffled_variance(list(zip(inputs, targets, strict=True)), Fraction(1), step_size, b, t) for b in (1, 2)
        ]
        if values[0] >= values[1]:
            raise AssertionError(f"the variance should rise from b = 1 to 2, got {values}")
        shown.append(rf"V_{t}(1) &= {latex(values[0])} < {latex(values[1])} = V_{t}(2) \qquad (n = {len(inputs)})")
    return (
        r" \\ ".join(shown),
        r"$V_t(b) = \operatorname{Var}(g_t)$, one feature, $w_0 = 1$: inputs 1, 1, 2 with targets 0, 0, 1 and step "
        r"size $\frac12$; inputs 1, 1, 1, 2 with targets 0, 0, 0, 1 and step size $\frac14$. The batches of two have "
        r"begun a new epoch and can draw an example again that they had before; the batches of one cannot. Neither the "
        r"inequality nor the equality of means survives that.",
        "exhaustive enumeration of all permutations of both epochs",
    )


def at_equal_epochs() -> Step:
    """One epoch with batches of one, and of two."""
    rising, falling = epoch_variances((1, 1, 2, 2)), epoch_variances((1, 1, 1, 2))
    if not (rising[0] < rising[1] and falling[0] > falling[1]):
        raise AssertionError(f"the variance after an epoch should rise and fall, got {rising} and {falling}")
    return (
        rf"V_4(1) &= {latex(rising[0])} < {latex(rising[1])} = V_2(2) \qquad (x = 1, 1, 2, 2) \\ V_4(1) &= "
        rf"{latex(falling[0])} > {latex(falling[1])} = V_2(2) \qquad (x = 1, 1, 1, 2)",
        r"One epoch over four examples is four steps or two. Targets 0, $w_0 = 1$, step size $\frac12$: **neither "
        r"order holds at equal epochs.** (With batches of one all four factors $1 - \alpha x_i^2$ are multiplied in "
        r"some order, so $w_4$ does not vary at all.)",
        "exhaustive enumeration of all permutations of both epochs",
    )


def against_fresh_batches() -> Step:
    """Two examples with opposite targets, one at a time."""
    half = sp.Rational(1, 2)
    pair = [(sp.Integer(1), sp.Integer(1)), (sp.Integer(1), sp.Integer(-1))]
    shuffled = [[[first], [last]] for first, last in permutations(pair)]
    fresh = [[[first], [last]] for first, last in product(pair, repeat=2)]
    for runs, second in ((shuffled, (1 + alpha) ** 2), (fresh, 1 + alpha**2)):
        values = [last_gradient(batches, sp.S.Zero, alpha) for batches in runs]
        identity(mean([g**2 for g in values]) - mean(values) ** 2, second)
    losses = []
    for runs in (shuffled, fresh):
        weights = [run(batches, sp.S.Zero, alpha) for batches in runs]
        losses.append(mean([((w - 1) ** 2 + (w + 1) ** 2) / 4 for w in weights]))
    identity(losses[0], half + half * alpha**4)
    identity(losses[0] - losses[1], alpha**2 * (alpha - 1))
    return (
        r"\operatorname{Var}(g_1) &= (1 + \alpha)^2 \text{ reshuffled}, \qquad 1 + \alpha^2 \text{ fresh} \\ E\, "
        r"L(w_2) &= \tfrac12 + \tfrac12 \alpha^4 \text{ reshuffled}, \qquad \tfrac12 + \tfrac12 \alpha^4 - \alpha^2 "
        r"(\alpha - 1) \text{ fresh}",
        r"Inputs 1 and 1, targets 1 and $-1$, $w_0 = 0$, $b = 1$; fresh batches with or without replacement are the "
        r"same here. The second example of an epoch pulls back what the first one has moved, so its gradient is "
        r"larger: **more variance at every step size.** After the whole epoch the loss is larger too if $1 < \alpha < "
        r"2$, where gradient descent on the mean loss still converges.",
        "exhaustive enumeration in symbols, every step size",
    )


Example: TypeAlias = tuple[Any, Any]

EXAMPLES: list[Example] = [(1, 1), (2, -1), (1, 0), (1, -2), (3, 1), (2, 2)]
SHAPES: list[Callable[[Any], Any]] = [abs, lambda s: max(s - 1, 0 * s), lambda s: s**2, lambda s: abs(s + 1) + s**4]
"""Convex functions of one number."""

ACROSS: list[tuple[tuple[tuple[int, ...], tuple[int, ...], Fraction], int]] = [
    (((1, 1, 2), (0, 0, 1), Fraction(1, 2)), 1),
    (((1, 1, 1, 2), (0, 0, 0, 1), Fraction(1, 4)), 2),
]
"""Inputs, targets and a step size, and a step."""


def disjoint(n: int, sizes: Sequence[int]) -> Iterator[tuple[frozenset[int], ...]]:
    """All tuples of disjoint batches of these sizes."""
    if not sizes:
        yield ()
        return
    for rest in disjoint(n, sizes[:-1]):
        free = [i for i in range(n) if not any(i in B for B in rest)]
        for B in combinations(free, sizes[-1]):
            yield (*rest, frozenset(B))


def gradients(examples: Sequence[Example], sizes: Sequence[int]) -> Iterator[Any]:
    """The gradients on the last of disjoint batches of these sizes, from w0 = 1 with step size 1/2."""
    for batches in disjoint(len(examples), sizes):
        yield last_gradient([[examples[i] for i in B] for B in batches], Fraction(1), Fraction(1, 2))


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


def shuffled(examples: Sequence[Example], b: int, count: int) -> Iterator[list[tuple[Example, ...]]]:
    """The first batches of all permutations of as many epochs as they need; leftover examples are dropped."""
    each = len(examples) // b
    for orders in product(permutations(examples), repeat=-(-count // each)):
        yield [order[k * b : (k + 1) * b] for order in orders for k in range(each)][:count]


def shuffled_variance(examples: Sequence[Example], w: Fraction, step_size: Fraction, b: int, t: int) -> Fraction:
    """Var(g_t) over all permutations."""
    return variance([last_gradient(batches, w, step_size) for batches in shuffled(examples, b, t + 1)])


def shuffled_loss(examples: Sequence[Example], w: Fraction, step_size: Fraction, b: int, t: int) -> Fraction:
    """E L(w_t) over all permutations."""
    ends = [run(batches, w, step_size) for batches in shuffled(examples, b, t)]
    return Fraction(mean([mean([(x * end - y) ** 2 for x, y in examples]) for end in ends])) / 2


def epoch_variances(inputs: Sequence[int]) -> list[Fraction]:
    """The variances after one epoch with batches of one and of two; targets 0, w0 = 1 and step size 1/2."""
    examples = [(x, 0) for x in inputs]
    return [shuffled_variance(examples, Fraction(1), Fraction(1, 2), b, len(inputs) // b) for b in (1, 2)]


def variance(values: Sequence[Any]) -> Fraction:
    """The variance of equally likely numbers."""
    counts = Counter(values)
    total = sum(counts.values())
    second = sum((k * value**2 for value, k in counts.items()), Fraction(0)) / total
    return second - (sum((k * value for value, k in counts.items()), Fraction(0)) / total) ** 2


def mean(items: Sequence[Any]) -> Any:
    """The mean of numbers, exact."""
    total = sum(items[1:], items[0])
    return total / Fraction(len(items)) if isinstance(total, int | Fraction) else total / sp.Integer(len(items))


def latex(value: Fraction) -> str:
    """A number as LaTeX."""
    return rf"\tfrac{{{value.numerator}}}{{{value.denominator}}}" if value.denominator > 1 else str(value)


def check_never_rises(values: Sequence[Any], what: str) -> None:
    """Checks that values never rise.

    Raises:
        AssertionError: One is larger than the one before.
    """
    if any(later > earlier for earlier, later in pairwise(values)):
        raise AssertionError(f"{what} should never rise, got {', '.join(map(str, values))}")


@cache
def checked() -> CheckedSteps:
    """The evidence that every step was checked, once for all claims of this file."""
    return CheckedSteps.of(__file__, steps())


def process(inputs: Sequence[int], targets: Sequence[int], start: int, step_size: Fraction) -> sv.SGD:
    """A process with one feature under reshuffling."""
    X: Any = [[x] for x in inputs]
    y: Any = list(targets)
    return sv.SGD(sv.LinearRegression(sv.Dataset(X, y)), [start], step_size, sv.RandomReshuffling())


def at_points(
    inputs: Sequence[int], targets: Sequence[int], step_size: Fraction, points: Sequence[tuple[int, int]]
) -> Counterexample:
    """Var(g_t) under reshuffling from w0 = 1 at pairs of b and t, by the library and by the permutations.

    Raises:
        AssertionError: The two disagree.
    """
    sgd = process(inputs, targets, 1, step_size)
    examples, texts = list(zip(inputs, targets, strict=True)), []
    for b, t in points:
        found = sv.enumerate_gradient_variance(sgd, t, b)
        identity(sp.S(found), sp.S(shuffled_variance(examples, Fraction(1), step_size, b, t)))
        texts.append(f"{found} at b = {b}, step {t}")
    return Counterexample(sgd.as_code(), f"gradient variance is {', '.join(texts[:-1])} and {texts[-1]}")


def against_replacement(quantity: str, step_size: Fraction, t: int) -> Counterexample:
    """Two examples with opposite targets, one at a time: reshuffled and with replacement.

    Raises:
        AssertionError: The library and the permutations disagree.
    """
    sgd, examples = process((1, 1), (1, -1), 0, step_size), [(1, 1), (1, -1)]
    routes: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
        "gradient variance": (sv.enumerate_gradient_variance, shuffled_variance),
        "expected loss": (sv.enumerate_expected_loss, shuffled_loss),
    }
    by_library, by_permutations = routes[quantity]
    found = by_library(sgd, t, 1)
    identity(sp.S(found), sp.S(by_permutations(examples, Fraction(0), step_size, 1, t)))
    fresh = by_library(sv.SGD(sgd.problem, sgd.start, sgd.step_size, sv.WithReplacement()), t, 1)
    shown = f"{quantity} at step {t} and b = 1 is {found}, and {fresh} with sampling=sv.WithReplacement()"
    return Counterexample(sgd.as_code(), shown)


def across_epochs_refuted() -> Finding:
    """Settles that the variance decreases across epochs."""
    found = [at_points(*instance, [(1, t), (2, t)]) for instance, t in ACROSS]
    return refuted("the larger batch has begun another epoch and draws what it had drawn before", *found, checked())


def equal_epochs_refuted() -> Finding:
    """Settles that the variance decreases at equal epochs."""
    return refuted(
        "one epoch is 4 steps with b = 1 and 2 steps with b = 2; the smaller batch can have the smaller variance",
        at_points((1, 1, 2, 2), (0, 0, 0, 0), Fraction(1, 2), [(1, 4), (2, 2)]),
        checked(),
    )


SETTING = "linear regression on finite data; fixed start; random reshuffling; step sizes that do not depend on b"

CLAIMS = [
    Claim(
        "reshuffling-first-epoch-gradient-variance-decreases",
        "Var(A g_t) does not increase in b, at equal steps t, as long as (t + 1) b <= n",
        SETTING,
        "derived here",
        lambda: proved(
            "an example left out of one of several disjoint batches leaves uniform disjoint ones", checked()
        ),
    ),
    Claim(
        "reshuffling-across-epochs-gradient-variance-decreases",
        "Var(g_t) does not increase in b, at equal steps t, whether or not an epoch has ended",
        SETTING,
        "folklore",
        across_epochs_refuted,
    ),
    Claim(
        "reshuffling-equal-epochs-gradient-variance-decreases",
        "Var(g_t) at the start of an epoch does not increase in b, at equal epochs",
        SETTING,
        "folklore",
        equal_epochs_refuted,
    ),
    Claim(
        "reshuffling-never-more-variance-than-replacement",
        "Var(g_t) under random reshuffling is at most Var(g_t) for fresh batches with replacement, at equal b and t",
        SETTING,
        "folklore",
        lambda: refuted(
            "the second example pulls back what the first has moved: (1 + alpha)^2 against 1 + alpha^2",
            against_replacement("gradient variance", Fraction(1), 1),
            checked(),
        ),
    ),
    Claim(
        "reshuffling-never-more-loss-than-replacement",
        "E L(w_t) after whole epochs of random reshuffling is at most E L(w_t) for fresh batches with replacement, at "
        "equal b and t, with step sizes at which gradient descent converges",
        SETTING,
        "folklore",
        lambda: refuted(
            "after one epoch of two examples the difference is alpha^2 (alpha - 1), and alpha < 2 converges",
            against_replacement("expected loss", Fraction(3, 2), 2),
            checked(),
        ),
    ),
]
"""What follows, for the register of claims."""


if __name__ == "__main__":
    for number, (statement, _, how) in enumerate(steps(), 1):
        print(f"{number}. {statement}\n   checked: {how}\n")
