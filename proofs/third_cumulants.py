"""The third cumulant of a batch mean under each way of drawing the batch; run this file to check every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations, pairwise, product
from typing import Any

import sympy as sp

from sgdvar import BatchDesign, WithoutReplacement, enumerate_batches
from sgdvar.claims import CheckedSteps, Claim, Counterexample, Finding, proved, refuted

n, b = sp.symbols("n b", integer=True, positive=True)
mu3 = sp.Symbol("mu3")
SQUARES, CUBES = sp.symbols("P2 P3")  # the sums of squares and of cubes, where the sum is 0

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
        independent_draws(),
        distinct_draws(),
        without_replacement(),
        every_batch_enumerated(),
        independent_cumulants_decrease(),
        the_sign_changes(),
        the_last_size_is_higher(),
        the_size_rises(),
    ]


def identity(left: Any, right: Any) -> None:
    """Checks that two rational functions are the same.

    Raises:
        AssertionError: They differ.
    """
    difference = sp.cancel(sp.together(left - right))
    if difference != 0:
        raise AssertionError(f"{left} = {right} is false: the difference is {difference}")


def independent_draws() -> Step:
    """The third cumulant of a mean of independent draws."""
    for size in range(1, 6):
        triples = [mu3 if i == j == k else 0 for i, j, k in product(range(size), repeat=3)]
        identity(sum(triples) / sp.Integer(size) ** 3, independent().subs(b, size) * mu3)
    return (
        r"\kappa_3(S_B) = E (S_B - m)^3 = \frac{1}{b^3} \sum_{i,j,k=1}^b E\, s_i s_j s_k = \frac{\mu_3}{b^2}, \qquad "
        r"\mu_3 = E\, s_1^3, \quad E\, s_1 = 0",
        r"The third cumulant is the third central moment, so let $m = 0$. Draws from a population or with replacement "
        r"are independent: a product of three draws has mean 0 unless all three are the same draw.",
        "the triples counted for b = 1, ..., 5",
    )


def distinct_draws() -> Step:
    """Products of three draws without replacement."""
    for count in (3, 4, 5):
        s = list(sp.symbols(f"s1:{count}"))
        s.append(-sum(s))
        sums = {CUBES: sum(x**3 for x in s), n: count}
        pairs = [s[i] ** 2 * s[j] for i, j in product(range(count), repeat=2) if i != j]
        identity(mean(pairs), two_distinct().subs(sums))
        triples = [s[i] * s[j] * s[k] for i, j, k in product(range(count), repeat=3) if len({i, j, k}) == 3]
        identity(mean(triples), three_distinct().subs(sums))
    total = sp.Symbol("P1")
    identity((total * SQUARES - CUBES).subs(total, 0) / (n * (n - 1)), two_distinct())
    identity((total**3 - 3 * total * SQUARES + 2 * CUBES).subs(total, 0) / (n * (n - 1) * (n - 2)), three_distinct())
    return (
        r"E\, s_I^3 &= \mu_3, \qquad E\, s_I^2 s_J = -\frac{\mu_3}{n-1}, \\ E\, s_I s_J s_K &= \frac{2 "
        r"\mu_3}{(n-1)(n-2)} \qquad (I, J, K \text{ distinct})",
        r"Without replacement distinct draws are uniform on distinct examples. With $\sum_i s_i = 0$ the sum of "
        r"$s_i^2 s_j$ over $i \ne j$ is $-\sum_i s_i^3$, and that of $s_i s_j s_k$ over distinct indices is $2 \sum_i "
        r"s_i^3$ (Newton). Here $\mu_3 = \frac1n \sum_i s_i^3$ and $n \ge 3$.",
        "Newton's identities for every n; the sums in symbols for n = 3, 4, 5",
    )


def without_replacement() -> Step:
    """The third cumulant of a mean of distinct draws."""
    total = b * CUBES / n + 3 * b * (b - 1) * two_distinct() + b * (b - 1) * (b - 2) * three_distinct()
    identity(total / b**3, distinct() * CUBES / n)
    return (
        r"\kappa_3(S_B) &= \frac{1}{b^3} \Bigl( b\, \mu_3 - 3 b (b-1) \frac{\mu_3}{n-1} + b (b-1)(b-2) \frac{2 "
        r"\mu_3}{(n-1)(n-2)} \Bigr) \\ &= \frac{(n-b)(n-2b)}{b^2 (n-1)(n-2)}\, \mu_3",
        r"Of the $b^3$ triples of draws, $b$ are one draw three times, $3 b (b-1)$ hold two draws, and the rest are "
        r"distinct. For $n = 2$ the third cumulant is 0, and so it is for one example.",
        "identity of rational functions in n and b: every n >= 3 and b",
    )


def every_batch_enumerated() -> Step:
    """The same cumulants as sums over every batch."""
    for count in (3, 4, 5):
        s = list(sp.symbols(f"s1:{count}"))
        s.append(-sum(s))
        third = mean([x**3 for x in s])
        for size in range(1, count + 1):
            identity(cumulant(list(combinations(s, size))), distinct().subs({n: count, b: size}) * third)
        for size in range(1, 4 if count < 5 else 3):
            identity(cumulant(list(product(s, repeat=size))), independent().subs(b, size) * third)
    return (
        r"\frac{1}{\#\mathcal B} \sum_{B \in \mathcal B} S_B^3 = \kappa_3(S_B)",
        r"The definition itself: the sum over the set $\mathcal B$ of all batches, for any numbers of mean 0.",
        "exhaustive enumeration in symbols: n = 3, 4, 5 with every b without replacement, and with replacement b up to "
        "3 (n < 5) and 2",
    )


def independent_cumulants_decrease() -> Step:
    """1/b^2 decreases."""
    identity(independent() - independent().subs(b, b + 1), (2 * b + 1) / (b**2 * (b + 1) ** 2))
    return (
        r"\frac{1}{b^2} - \frac{1}{(b+1)^2} = \frac{2b+1}{b^2 (b+1)^2} > 0",
        r"For independent draws $|\kappa_3|$ strictly decreases unless $\mu_3 = 0$. $\kappa_3$ itself decreases if "
        r"$\mu_3 > 0$ and increases if $\mu_3 < 0$.",
        "identity of rational functions in b: every b",
    )


def the_sign_changes() -> Step:
    """Past half of the examples the cumulant has the other sign."""
    identity(distinct().subs(b, n / 2), 0)
    identity(distinct().subs(b, n - b), (n - 2 * b) * -b / ((n - b) ** 2 * (n - 1) * (n - 2)))
    return (
        r"\frac{\kappa_3(S_{n-b})}{\mu_3} = -\frac{b\, (n - 2b)}{(n-b)^2 (n-1)(n-2)} < 0 \quad (b < \tfrac n2), \qquad "
        r"\kappa_3(S_{n/2}) = 0",
        r"A batch of $n - b$ is everything but a batch of $b$, so its mean lies on the other side of $m$: skewness "
        r"turns over.",
        "identities of rational functions in n and b: every n >= 3 and b",
    )


def the_last_size_is_higher() -> Step:
    """Without replacement the cumulant of positive skewness rises at the end."""
    rise = distinct().subs(b, n) - distinct().subs(b, n - 1)
    identity(rise, 1 / (n - 1) ** 3)
    identity(
        distinct() - distinct().subs(b, b + 1),
        n * (n * (2 * b + 1) - 3 * b * (b + 1)) / (b**2 * (b + 1) ** 2 * (n - 1) * (n - 2)),
    )
    return (
        r"\kappa_3(S_n) - \kappa_3(S_{n-1}) &= \frac{\mu_3}{(n-1)^3}, \\ \kappa_3(S_b) - \kappa_3(S_{b+1}) &= "
        r"\frac{n \bigl( n (2b+1) - 3 b (b+1) \bigr)}{b^2 (b+1)^2 (n-1)(n-2)}\, \mu_3",
        r"So for every $n \ge 3$ and $\mu_3 > 0$ the third cumulant **rises** from $b = n - 1$ to $b = n$, from a "
        r"negative value to 0. It is lowest near $b = \frac23 n$.",
        "identities of rational functions in n and b: every n >= 3 and b",
    )


def the_size_rises() -> Step:
    """Without replacement the absolute value rises just past the zero, too."""
    identity(distinct().subs(b, n / 2 + 1), -2 * (n - 2) / ((n + 2) ** 2 / 2 * (n - 1) * (n - 2)))
    k, v = sp.symbols("k v")
    first, second = (distinct().subs({n: 2 * k + 1, b: k + j}) for j in (1, 2))
    identity((first - second) * (2 * k) * (2 * k - 1), odd_rise(k) / ((k + 1) ** 2 * (k + 2) ** 2))
    if min(sp.Poly(sp.expand(odd_rise(3 + v)), v).coeffs()) <= 0:
        raise AssertionError("|kappa_3| should rise for every odd n >= 7")
    for count in range(3, 30):
        values = [abs(distinct().subs({n: count, b: size})) for size in range(1, count + 1)]
        rises = any(later > earlier for earlier, later in pairwise(values))
        if rises == (count in (3, 5)):
            raise AssertionError(f"|kappa_3| should rise somewhere unless n = 3 or 5, got {values} for n = {count}")
    return (
        r"|\kappa_3(S_{b+1})| > |\kappa_3(S_b)| \quad\text{at}\quad b = \begin{cases} \tfrac n2 & n \ge 4 \text{ even} "
        r"\\ \tfrac{n+1}{2} & n \ge 7 \text{ odd} \end{cases} \qquad (\mu_3 \ne 0)",
        r"For even $n$ the value at $\frac n2$ is 0 and the next one is not. For odd $n = 2k + 1$ the two values are "
        r"$\frac{k}{(k+1)^2}$ and $\frac{3 (k-1)}{(k+2)^2}$ up to a common factor, and $3 (k-1)(k+1)^2 - k (k+2)^2$ "
        r"in powers of $k - 3$ has positive coefficients. For $n = 3$ and $n = 5$ the absolute value does decrease.",
        "identities of rational functions in n and k; the signs of all coefficients; every b for n = 3, ..., 29",
    )


def independent() -> Any:
    """The third cumulant of the mean of independent draws, for mu3 = 1."""
    return 1 / b**2


def distinct() -> Any:
    """The third cumulant of the mean of distinct draws, for mu3 = 1."""
    return (n - b) * (n - 2 * b) / (b**2 * (n - 1) * (n - 2))


def two_distinct() -> Any:
    """The mean of s_I^2 s_J, from the sum of cubes."""
    return -CUBES / (n * (n - 1))


def three_distinct() -> Any:
    """The mean of s_I s_J s_K, from the sum of cubes."""
    return 2 * CUBES / (n * (n - 1) * (n - 2))


def odd_rise(k: Any) -> Any:
    """The rise of the absolute value for n = 2k + 1, up to a positive factor."""
    return 3 * (k - 1) * (k + 1) ** 2 - k * (k + 2) ** 2


def cumulant(batches: Sequence[Sequence[Any]]) -> Any:
    """The third cumulant of the mean of equally likely batches of numbers."""
    means = [mean(batch) for batch in batches]
    centre = mean(means)
    return mean([(value - centre) ** 3 for value in means])


def mean(items: Sequence[Any]) -> Any:
    """The mean of numbers."""
    return sum(items) / sp.Integer(len(items))


@cache
def checked() -> CheckedSteps:
    """The evidence that every step was checked, once for all claims of this file."""
    return CheckedSteps.of(__file__, steps())


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
    return lambda: refuted(reason, at_sizes(values, batch_sizes), checked())


CLAIMS = [
    Claim(
        "third-cumulant-decreases-independent-draws",
        "the absolute value of the third cumulant of a batch mean does not increase in b",
        "batches of independent draws from a population with third moments, or with replacement from n numbers",
        "folklore",
        lambda: proved("it is that of one draw divided by b^2", checked()),
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
    for number, (statement, _, how) in enumerate(steps(), 1):
        print(f"{number}. {statement}\n   checked: {how}\n")
