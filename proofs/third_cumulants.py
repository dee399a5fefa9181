"""The third cumulant of a batch mean under each way of drawing the batch; run this file to check every step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations, permutations, product
from typing import Any

import sympy as sp

from sgdvar import BatchDesign, WithoutReplacement, enumerate_batches
from sgdvar.claims import CheckedSteps, Claim, Counterexample, Finding, proved, refuted
from sgdvar.derivation import Derivation, Enumeration, Identity, Induction, Line, Notation, Signs, Step, average

n, b, k = sp.symbols("n b k", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
values = sp.IndexedBase("s")
s, m, q, mu3, examples = sp.symbols("s_i m q mu_3 mean_i")
double_sum, triple_sum = sp.Function("D_2"), sp.Function("D_3")
pair_mean, triple_mean, cube = sp.symbols("E[s_I^2*s_J] E[s_I*s_J*s_K] N_b")
cumulant_with, cumulant_without = sp.symbols("kappa_3_with kappa_3_without")
r_with, r_without = sp.Function("r_ind"), sp.Function("r_wor")
v, w = sp.symbols("v w", nonnegative=True)

independent = 1 / b**2
distinct = (n - b) * (n - 2 * b) / (b**2 * (n - 1) * (n - 2))

SYMBOLS = [
    Notation(n, "n", "number of examples"),
    Notation(b, "b", "batch size; $b \\le n$ without replacement"),
    Notation(k, "k", "a number of examples"),
    Notation(s, "s_i", "a number for each example"),
    Notation(values.label, "s", "the same numbers, in sums"),
    Notation(examples, r"\frac1n \sum_{i=1}^n", "mean over all examples; for a population, its expectation"),
    Notation(m, "m", "mean of $s_i$ over all examples; 0 after the first step"),
    Notation(q, "q", "mean of $s_i^2$ over all examples"),
    Notation(mu3, r"\mu_3", "third central moment of $s_i$ over all examples, with the divisor $n$"),
    Notation(double_sum, "D_2", "sum of $s_i^2 s_j$ over $i \\ne j$, both up to $k$"),
    Notation(triple_sum, "D_3", "sum of $s_i s_j s_l$ over distinct $i, j, l$ up to $k$"),
    Notation(pair_mean, "E[s_I^2 s_J]", "expectation for two distinct draws of one batch, where $m = 0$"),
    Notation(triple_mean, "E[s_I s_J s_K]", "expectation for three distinct draws of one batch, where $m = 0$"),
    Notation(cube, "N_b", r"expectation of $\bigl(\sum_{i \in B} s_i\bigr)^3$, where $m = 0$"),
    Notation(
        cumulant_with,
        r"\kappa_3^{\mathrm{ind}}(s_B)",
        r"third cumulant $E (s_B - m)^3$ of the batch mean $s_B = \frac1b \sum_{i \in B} s_i$, independent draws",
    ),
    Notation(cumulant_without, r"\kappa_3^{\mathrm{wor}}(s_B)", "the same without replacement"),
    Notation(r_with, r"r_{\mathrm{ind}}", r"third cumulant of the batch mean for $\mu_3 = 1$, independent draws"),
    Notation(r_without, r"r_{\mathrm{wor}}", "the same without replacement, as a function of $n$ and $b$"),
    *(Notation(number, str(number), "any number that is not negative") for number in (v, w)),
]


def any_numbers() -> Iterator[Mapping[Any, Any]]:
    """Sums over distinct indices of numbers that are symbols."""
    for size in (1, 2, 3, 4):
        yield {k: sp.Integer(size), **sums_of(sp.symbols("s1:5"))}


def centred_numbers() -> Iterator[Mapping[Any, Any]]:
    """Sums over distinct indices of numbers that add up to 0 and are symbols otherwise."""
    for size in (3, 4):
        free = sp.symbols(f"s1:{size}")
        numbers = [*free, -sp.Add(*free)]
        yield {n: sp.Integer(size), mu3: mean([x**3 for x in numbers]), **sums_of(numbers)}


def sums_of(numbers: Sequence[Any]) -> Mapping[Any, Any]:
    """The numbers, and their sums over distinct indices as functions of how many of them are taken."""
    return {
        values: numbers,
        double_sum: lambda count: sp.Add(*[x**2 * y for x, y in permutations(numbers[: int(count)], 2)]),
        triple_sum: lambda count: sp.Add(*[x * y * z for x, y, z in permutations(numbers[: int(count)], 3)]),
    }


def batches() -> Iterator[Mapping[Any, Any]]:
    """All batches from numbers of mean 0 that are symbols otherwise; both designs."""
    for size in (3, 4):
        free = sp.symbols(f"s1:{size}")
        numbers = [*free, -sum(free)]
        for batch in range(1, size + 1):
            yield centred(numbers, batch, permutations)
            if batch <= 3:
                yield centred(numbers, batch, product)


def centred(numbers: Sequence[Any], batch: int, draws: Any) -> Mapping[Any, Any]:
    """What one design makes of numbers of mean 0: ``permutations`` or ``product`` lists its sequences of draws."""
    is_independent = draws is product

    def drawn(count: int) -> list[Any]:
        return list(product(numbers, repeat=count) if is_independent else permutations(numbers, count))

    return {
        n: sp.Integer(len(numbers)),
        b: sp.Integer(batch),
        mu3: mean([x**3 for x in numbers]),
        pair_mean: mean([x**2 * y for x, y in drawn(2)]),
        triple_mean: mean([x * y * z for x, y, z in drawn(3)]),
        cube: mean([sp.expand(sp.Add(*one) ** 3) for one in drawn(batch)]),
    }


def with_replacement() -> Iterator[Mapping[Any, Any]]:
    """The third central moment over all sequences of draws, for any numbers."""
    for size, batch in ((3, 1), (3, 2), (3, 3), (4, 1), (4, 2), (5, 1), (5, 2)):
        yield any_mean(size, batch, product(sp.symbols(f"s1:{size + 1}"), repeat=batch))


def without_replacement() -> Iterator[Mapping[Any, Any]]:
    """The third central moment over all subsets, for any numbers."""
    for size in (3, 4, 5):
        for batch in range(1, size + 1):
            yield any_mean(size, batch, combinations(sp.symbols(f"s1:{size + 1}"), batch))


def any_mean(size: int, batch: int, drawn: Iterable[Sequence[Any]]) -> Mapping[Any, Any]:
    """The third central moments of numbers and of sums of draws of them."""
    sums = [sp.Add(*one) for one in drawn]
    return {
        n: sp.Integer(size),
        b: sp.Integer(batch),
        mu3: third_moment(sp.symbols(f"s1:{size + 1}")),
        cube: third_moment(sums),
    }


def third_moment(numbers: Sequence[Any]) -> Any:
    """The third central moment of equally likely numbers."""
    centre = mean(numbers)
    return mean([sp.expand((x - centre) ** 3) for x in numbers])


def mean(numbers: Sequence[Any]) -> Any:
    """The mean of numbers."""
    return sp.Add(*numbers) / sp.Integer(len(numbers))


def over_pairs(total: Any, squares: Any, cubes: Any) -> Any:
    """The sum of s_i^2 s_j over ordered pairs of distinct numbers, from the sums of powers."""
    return squares * total - cubes


def over_triples(total: Any, squares: Any, cubes: Any) -> Any:
    """The sum of s_i s_j s_l over ordered triples of distinct numbers, from the sums of powers."""
    return total**3 - 3 * total * squares + 2 * cubes


def over_draws(pair: Any, triple: Any) -> Any:
    """The expected cube of the sum of b draws, from the expectations for distinct draws."""
    return b * mu3 + 3 * b * (b - 1) * pair + b * (b - 1) * (b - 2) * triple


def last_term_apart(expression: Any) -> Any:
    """Sums to k + 1 as sums to k and one more term."""
    return expression.replace(
        lambda part: isinstance(part, sp.Sum) and part.limits[0][2] == k + 1,
        lambda part: sp.Sum(part.function, (i, 1, k)) + part.function.xreplace({i: k + 1}),
    )


def power_sum(power: int) -> Any:
    """The sum of powers of the first k numbers."""
    return sp.Sum(values[i] ** power, (i, 1, k))


one_draw = Step(
    "one-draw",
    r"The third cumulant is the third central moment. Adding a constant to all numbers does not change it, so from the "
    r"next step on let $m = 0$; then $\mu_3$ is the mean of $s_i^3$.",
    [
        Line(
            average((s - m) ** 3, examples, s),
            "=",
            average(s**3, examples, s) - 3 * m * q + 2 * m**3,
            Identity(means={s: m, s**2: q}),
        )
    ],
)

cube_of_sum = Step(
    "cube-of-the-sum",
    r"The cube of a sum of $b$ draws is a sum over $b^3$ triples of draws. One more draw adds one triple of itself, "
    r"$6b$ triples with one of the others (three places for the single one, and either can be single), and "
    r"$6 \binom b2$ with two of the others.",
    [
        Line(
            cube,
            "=",
            over_draws(pair_mean, triple_mean),
            Induction(
                b,
                base=1,
                first=mu3,
                step=lambda value, size: value + mu3 + 6 * size * pair_mean + 3 * size * (size - 1) * triple_mean,
            ),
            also=(Enumeration("both designs, n = 3 and 4 numbers of mean 0 in symbols, every b up to n", batches),),
        )
    ],
)

sums = Step(
    "distinct-sums",
    r"Sums over distinct indices are made of sums of powers (Newton). One more number $s_{k+1}$ adds to $D_2$ the "
    r"terms where it is squared and those where it is single; to $D_3$ it adds those with it in one of three places "
    r"and two distinct others.",
    [
        Line(
            double_sum(k),
            "=",
            over_pairs(*map(power_sum, (1, 2, 3))),
            Induction(
                k,
                base=1,
                first=sp.S.Zero,
                step=lambda value, last: value + values[last + 1] ** 2 * power_sum(1) + values[last + 1] * power_sum(2),
                rewrite=last_term_apart,
            ),
            also=(Enumeration("all pairs of k = 1, ..., 4 numbers in symbols", any_numbers),),
        ),
        Line(
            triple_sum(k),
            "=",
            over_triples(*map(power_sum, (1, 2, 3))),
            Induction(
                k,
                base=1,
                first=sp.S.Zero,
                step=lambda value, last: value + 3 * values[last + 1] * (power_sum(1) ** 2 - power_sum(2)),
                rewrite=last_term_apart,
            ),
            also=(Enumeration("all triples of k = 1, ..., 4 numbers in symbols", any_numbers),),
        ),
    ],
)

distinct_draws = Step(
    "distinct-draws",
    r"Without replacement distinct draws of one batch are uniform on distinct examples, and $n \ge 3$. In the sums of "
    r"the last step for $k = n$ the sum of all numbers is 0, and that of their cubes is $n \mu_3$. Divide by the "
    r"number of ordered pairs and triples.",
    [
        Line(
            pair_mean,
            "=",
            -mu3 / (n - 1),
            Identity(given={double_sum(n): over_pairs(sp.S.Zero, n * q, n * mu3)}),
            also=(Enumeration("all ordered pairs of n = 3 and 4 numbers of mean 0 in symbols", centred_numbers),),
        ),
        Line(
            triple_mean,
            "=",
            2 * mu3 / ((n - 1) * (n - 2)),
            Identity(given={triple_sum(n): over_triples(sp.S.Zero, n * q, n * mu3)}),
            also=(Enumeration("all ordered triples of n = 3 and 4 numbers of mean 0 in symbols", centred_numbers),),
        ),
    ],
    definitions=[
        (pair_mean, double_sum(n) / (n * (n - 1))),
        (triple_mean, triple_sum(n) / (n * (n - 1) * (n - 2))),
    ],
)

independent_draws = Step(
    "independent-draws",
    r"Independent draws vary without each other and have mean 0: a product of three draws has expectation 0 unless all "
    r"three are the same draw.",
    [
        Line(
            cumulant_with,
            "=",
            independent * mu3,
            Identity(given={cube: over_draws(sp.S.Zero, sp.S.Zero)}),
            also=(
                Enumeration("all sequences of draws in symbols, n = 3, 4, 5, b = 1, 2 and (n = 3) 3", with_replacement),
            ),
        )
    ],
    definitions=[(cumulant_with, cube / b**3)],
)

distinct_batches = Step(
    "without-replacement",
    r"Without replacement all triples count: put in what distinct draws give.",
    [
        Line(
            cumulant_without,
            "=",
            distinct * mu3,
            Identity(given={cube: over_draws(-mu3 / (n - 1), 2 * mu3 / ((n - 1) * (n - 2)))}),
            also=(Enumeration("every batch in symbols, n = 3, 4, 5, every b", without_replacement),),
        )
    ],
    definitions=[(cumulant_without, cube / b**3)],
)

WITH, WITHOUT = (r_with(b), independent), (r_without(n, b), distinct)

decrease = Step(
    "independent-decrease",
    r"For independent draws the absolute value of the third cumulant strictly decreases in $b$ unless $\mu_3 = 0$.",
    [
        Line(r_with(b) - r_with(b + 1), "=", (2 * b + 1) / (b**2 * (b + 1) ** 2), Identity()),
        Line(r_with(b), ">", r_with(b + 1), Signs({b: 1 + v})),
    ],
    definitions=[WITH],
)

other_sign = Step(
    "sign-changes",
    r"**Without replacement the sign changes at half of the examples.** A batch of $n - b$ is everything but a batch "
    r"of $b$: its mean lies on the other side of $m$, at $\frac{b}{n-b}$ times the distance. So it is skewed the other "
    r"way. The inequalities are for $b < \frac n2$.",
    [
        Line(r_without(n, n - b), "=", -((b / (n - b)) ** 3) * r_without(n, b), Identity()),
        Line(r_without(n, n / 2), "=", 0, Identity()),
        Line(r_without(n, b), ">", 0, Signs({n: 3 + 2 * w + v, b: 1 + w})),
        Line(r_without(n, n - b), "<", 0, Signs({n: 3 + 2 * w + v, b: 1 + w})),
    ],
    definitions=[WITHOUT],
)

end = Step(
    "rises-at-the-end",
    r"At $b = n$ there is one batch, and the third cumulant is 0. Before that it is negative if $\mu_3 > 0$, so for "
    r"every $n \ge 3$ **it rises** in the last step. It is lowest near $b = \frac23 n$: the first inequality is for "
    r"$b \le \frac23 n - 1$, the second for $\frac23 n \le b < n$.",
    [
        Line(
            r_without(n, b) - r_without(n, b + 1),
            "=",
            n * (n * (2 * b + 1) - 3 * b * (b + 1)) / (b**2 * (b + 1) ** 2 * (n - 1) * (n - 2)),
            Identity(),
        ),
        Line(r_without(n, n) - r_without(n, n - 1), "=", 1 / (n - 1) ** 3, Identity()),
        Line(r_without(n, b + 1), "<", r_without(n, b), Signs({n: 3 * (2 + w) / 2 + v, b: 1 + w})),
        Line(r_without(n, b), "<", r_without(n, b + 1), Signs({n: 3 * (1 + v + w), b: 2 + 3 * v + 2 * w})),
    ],
    definitions=[WITHOUT],
)

size_rises = Step(
    "absolute-value-rises",
    r"**The absolute value rises, too**, just past the half. For even $n = 2k \ge 4$ it is 0 at $b = k$ and not "
    r"at $b = k + 1$. For odd $n = 2k + 1 \ge 7$ the values at $b = k + 1$ and $b = k + 2$ are negative, and the "
    r"second is further from 0.",
    [
        Line(r_without(2 * k, k), "=", 0, Identity()),
        Line(r_without(2 * k, k + 1), "<", 0, Signs({k: 2 + v})),
        Line(r_without(2 * k + 1, k + 1), "<", 0, Signs({k: 3 + v})),
        Line(r_without(2 * k + 1, k + 2), "<", r_without(2 * k + 1, k + 1), Signs({k: 3 + v})),
    ],
    definitions=[WITHOUT],
)

exceptions = Step(
    "three-and-five",
    r"For $n = 3$ and $n = 5$ alone the absolute value decreases in $b$: all values from $b = 1$ to $b = n$.",
    [
        Line(
            sp.ImmutableMatrix([[r_without(len(row), size) for size in range(1, len(row) + 1)]]),
            "=",
            sp.ImmutableMatrix([row]),
            Identity(),
        )
        for row in (
            [1, -sp.Rational(1, 8), 0],
            [1, sp.Rational(1, 16), -sp.Rational(1, 54), -sp.Rational(1, 64), 0],
        )
    ],
    definitions=[WITHOUT],
)

DERIVATION = Derivation(
    "third_cumulants",
    "The third cumulant of a batch mean",
    [
        r"Batches are $b$ draws with replacement from $n$ examples, $b$ independent draws from a population with third "
        r"moments, or a uniform subset of $b$ of $n \ge 3$ examples.",
    ],
    SYMBOLS,
    [
        one_draw,
        cube_of_sum,
        sums,
        distinct_draws,
        independent_draws,
        distinct_batches,
        decrease,
        other_sign,
        end,
        size_rises,
        exceptions,
    ],
)


def at_sizes(values: Sequence[int], batch_sizes: Sequence[int]) -> Counterexample:
    """The third cumulant of batches without replacement, by the formula and by enumeration.

    Raises:
        AssertionError: The two disagree.
    """
    count, texts = len(values), []
    design = BatchDesign(WithoutReplacement(), count)
    centre = Fraction(sum(values), count)
    third = sum((x - centre) ** 3 for x in values) / count
    for size in batch_sizes:
        draws = enumerate_batches(design, draws=1, batch_size=size)
        found = sum(p * (Fraction(sum(values[i] for i in B), size) - centre) ** 3 for p, (B,) in draws)
        expected = third * (count - size) * (count - 2 * size) / (size**2 * (count - 1) * (count - 2))
        if found != expected:
            raise AssertionError(f"the third cumulant at b = {size} should be {expected}, got {found}")
        texts.append(f"{found} at b = {size}")
    shown = f"third cumulant of the batch mean is {', '.join(texts[:-1])} and {texts[-1]}"
    return Counterexample(f"values = {list(values)}  # one number for each example, without replacement", shown)


def rises(reason: str, values: Sequence[int], batch_sizes: Sequence[int]) -> Callable[[], Finding]:
    """What settles a claim that a data set refutes."""
    return lambda: refuted(reason, at_sizes(values, batch_sizes), CheckedSteps.of(DERIVATION))


CLAIMS = [
    Claim(
        "third-cumulant-decreases-independent-draws",
        "the absolute value of the third cumulant of a batch mean does not increase in b",
        "batches of independent draws from a population with third moments, or with replacement from n numbers",
        "folklore",
        lambda: proved("it is that of one draw divided by b^2", CheckedSteps.of(DERIVATION)),
    ),
    Claim(
        "third-cumulant-decreases-without-replacement",
        "the third cumulant of a batch mean does not increase in b where that of one draw is positive",
        "batches without replacement from n numbers",
        "folklore",
        rises(
            "it is a multiple of (n - b)(n - 2b)/b^2, which is negative between n/2 and n; so it rises to 0 at b = n "
            "for every n >= 3",
            [0, 0, 3],
            [1, 2, 3],
        ),
    ),
    Claim(
        "third-cumulant-size-decreases-without-replacement",
        "the absolute value of the third cumulant of a batch mean does not increase in b",
        "batches without replacement from n numbers",
        "folklore",
        rises("it is 0 at b = n/2 and not at b = n/2 + 1; it rises for n = 4 and every n >= 6", [0, 0, 0, 4], [2, 3]),
    ),
]
"""What follows, for the register of claims."""


if __name__ == "__main__":
    print(DERIVATION.check().to_text())
