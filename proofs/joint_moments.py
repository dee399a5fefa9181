"""Joint moments of batch means are polynomials in 1/b; run this file to check every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import partial
from itertools import combinations, combinations_with_replacement, permutations, product
from math import prod
from typing import Any, TypeAlias

import numpy as np
import sympy as sp

import sgdvar as sv
from sgdvar.derivation import Derivation, Enumeration, Identity, Induction, Line, Notation, Signs, Step, average

b, n, k, m, r = sp.symbols("b n k m r", integer=True, positive=True)
j = sp.Symbol("j", integer=True)
u, joint, degree, order = sp.symbols("u E[t_1...t_k] deg ord")
v, blocks = sp.Symbol("v", nonnegative=True), sp.Symbol("mean_blocks")
N, S, Q, c, leading, mu = map(sp.IndexedBase, ("N", "S", "Q", "c", "a", "mu"))
two, three, four = sp.symbols("E[t_1*t_2] E[t_1*t_2*t_3] E[t_1*t_2*t_3*t_4]")
pair_mean, block_mean, triple_mean = sp.symbols("E[t_1t_2'] E[t_1t_2t_3'] E[t_1t_2't_3'']")
two_distinct, three_distinct = sp.symbols("E[t_1*t_2]_distinct E[t_1*t_2*t_3]_distinct")

t1, t2, t3, examples = sp.symbols("t_1 t_2 t_3 mean_i")
third_place = average(t1 * (t2 * t3 - (n * mu[2, 3] - t2 * t3)), examples, t1, t2, t3)
one_apart = mu[1, 2] * mu[3] + mu[1, 3] * mu[2] + mu[2, 3] * mu[1]
in_pairs = mu[1, 2] * mu[3, 4] + mu[1, 3] * mu[2, 4] + mu[1, 4] * mu[2, 3]

SYMBOLS = [
    Notation(b, "b", "batch size"),
    Notation(u, "u", r"$\frac1b$"),
    Notation(n, "n", "number of examples"),
    Notation(k, "k", "number of factors"),
    Notation(m, "m", "number of blocks of a partition of the $k$ factors"),
    Notation(r, "r", "a number of places"),
    Notation(v, "v", "number of factors of a block beyond two"),
    Notation(blocks, r"\frac1m \sum_{\text{blocks}}", "mean over the blocks of a partition"),
    Notation(j, "j", "an index"),
    Notation(
        joint,
        r"E[\bar t_1 \cdots \bar t_k]",
        r"expectation of a product of $k$ batch means $\bar t_j = \frac1b \sum_{i \in B} t_j(i)$ of numbers $t_j(i)$",
    ),
    Notation(N.label, "N", "$N_m$: number of ways to give $m$ blocks different places of the batch"),
    Notation(S.label, "S", "$S_{k,m}$: number of partitions of $k$ factors into $m$ blocks (Stirling number)"),
    Notation(
        Q.label,
        "Q",
        "$Q_m$: sum over the partitions into $m$ blocks of the expectation of $\\prod_j t_j$ where blocks have their "
        "own examples: independent ones (then it is the product of the moments of the blocks), or distinct ones",
    ),
    Notation(c.label, "c", r"$c_m = N_m / b^k$: the weight of $Q_m$"),
    Notation(degree, r"\deg c_m", "degree of $c_m$ as a polynomial in $u$"),
    Notation(order, r"\operatorname{ord} c_m", "the lowest power of $u$ in $c_m$"),
    Notation(leading.label, "a", "$a_m$: coefficient of $u^{k-1}$ in $c_m$"),
    Notation(two, r"E[\bar t_1 \bar t_2]", "two factors, independent draws"),
    Notation(three, r"E[\bar t_1 \bar t_2 \bar t_3]", "three factors, independent draws"),
    Notation(four, r"E[\bar t_1 \bar t_2 \bar t_3 \bar t_4]", "four factors, independent draws"),
    Notation(
        mu.label,
        r"\mu",
        r"$\mu_1$: mean of $t_1$ over all examples, or the population; $\mu_{1,2}$: mean of $t_1 t_2$; and so on",
    ),
    *[Notation(factor, str(factor), "a factor at the first example") for factor in (t1, t2, t3)],
    Notation(examples, r"\frac1n \sum_i", "mean over all examples"),
    Notation(pair_mean, "E[t_1 t_2']", "mean over two distinct examples, one for each factor"),
    Notation(block_mean, "E[t_1 t_2 t_3']", "mean over two distinct examples, $t_1$ and $t_2$ at the same"),
    Notation(triple_mean, "E[t_1 t_2' t_3'']", "mean over three distinct examples"),
    Notation(two_distinct, r"E_{\mathrm{wor}}[\bar t_1 \bar t_2]", "two factors, without replacement"),
    Notation(three_distinct, r"E_{\mathrm{wor}}[\bar t_1 \bar t_2 \bar t_3]", "three factors, without replacement"),
]

ONE_EXAMPLE = {t1 * t2: mu[1, 2], t1 * t2 * t3: mu[1, 2, 3], t1: sp.S.Zero}
"""The means over all examples of centred factors."""

Atoms: TypeAlias = Sequence[tuple[Any, Sequence[Any]]]
"""Probabilities, and the numbers t_1, ..., t_k of each example."""


def places() -> Iterator[Mapping[Any, Any]]:
    """How many tuples of places are equal just within the blocks, for every partition."""
    for factors, size in product(range(1, 5), range(1, 6)):
        found = Counter(partition_of(one) for one in product(range(size), repeat=factors))
        others = {len(partition): found[partition] for partition in partitions(factors)}
        for partition in partitions(factors):
            counts = {0: 1, **others, len(partition): found[partition]}
            yield {
                b: sp.Integer(size),
                m: sp.Integer(len(partition)),
                N: lambda t, counts=counts: sp.Integer(counts[t]),
            }


def all_tuples() -> Iterator[Mapping[Any, Any]]:
    """Partitions counted by their blocks."""
    for factors, size in product(range(1, 7), range(1, 6)):
        counts = Counter(map(len, partitions(factors)))
        yield {
            k: sp.Integer(factors),
            b: sp.Integer(size),
            S: lambda _, blocks, counts=counts: sp.Integer(counts[blocks]),
            N: lambda blocks, size=size: sp.Integer(prod(size - t for t in range(blocks))),
        }


def independent() -> Iterator[Mapping[Any, Any]]:
    """Independent draws from two or three atoms of any probabilities: the sum over every batch."""
    for factors, count in ((1, 3), (2, 3), (3, 2), (4, 2)):
        atoms = population(factors, count)
        sums = block_sums(factors, lambda partition, atoms=atoms: prod(moment(atoms, block) for block in partition))
        for size in (1, 2, 3):
            yield {**sizes(factors, size), Q: sums, joint: expectation(draws(atoms, size))}


def distinct() -> Iterator[Mapping[Any, Any]]:
    """Subsets of up to four examples: the sum over every batch."""
    for factors, count in [*product((1, 2, 3), (1, 2, 3, 4)), (4, 2), (4, 3)]:
        examples = [numbers for _, numbers in population(factors, count)]
        sums = block_sums(factors, lambda partition, examples=examples: distinct_mean(examples, partition))
        for size in range(1, count + 1):
            yield {**sizes(factors, size), Q: sums, joint: expectation(subsets(examples, size))}


def engine() -> Iterator[Mapping[Any, Any]]:
    """The exact engine's fourth central moment of a gradient that is a batch mean, for each design."""
    for numbers in ((1, 2, 5), (0, 1, 1, 4)):
        mean = Fraction(sum(numbers), len(numbers))
        examples = [[sp.Rational(value - mean)] * 4 for value in numbers]
        atoms = [(sp.Rational(1, len(numbers)), one) for one in examples]
        laws: list[tuple[sv.WithReplacement | sv.WithoutReplacement, Any]] = [
            (sv.WithReplacement(), lambda partition, atoms=atoms: prod(moment(atoms, block) for block in partition)),
            (sv.WithoutReplacement(), lambda partition, examples=examples: distinct_mean(examples, partition)),
        ]
        problem = sv.LinearRegression(sv.Dataset(np.ones((len(numbers), 1), dtype=int), np.array(numbers)))
        for design, law in laws:
            fourth = sv.gradient_fourth_moment(sv.SGD(problem, [0], 1, design), step=0)
            for size in range(1, len(numbers) + 1):
                yield {**sizes(4, size), Q: block_sums(4, law), joint: sp.Rational(fourth(size))}


def few(factors: int, centred: bool) -> Iterator[Mapping[Any, Any]]:
    """Two and more factors, independent draws from two atoms: the sum over every batch."""
    atoms = population(factors, 2, centred)
    for size in (1, 2, 3):
        yield {**moments(atoms), u: sp.Rational(1, size), **products(draws(atoms, size), (two, three, four))}


def few_distinct() -> Iterator[Mapping[Any, Any]]:
    """Two and three factors with mean 0, without replacement: sums over distinct examples, and over every batch."""
    for count in (3, 4):
        columns = [sp.symbols(f"t{t}_1:{count}") for t in (1, 2, 3)]
        examples = list(zip(*[(*column, -sum(column)) for column in columns], strict=True))
        for size in range(1, count + 1):
            yield {
                n: sp.Integer(count),
                b: sp.Integer(size),
                **moments([(sp.Rational(1, count), numbers) for numbers in examples]),
                pair_mean: distinct_mean(examples, [(0,), (1,)]),
                block_mean: distinct_mean(examples, [(0, 1), (2,)]),
                triple_mean: distinct_mean(examples, [(0,), (1,), (2,)]),
                **products(subsets(examples, size), (two_distinct, three_distinct)),
            }


def weights() -> Iterator[Mapping[Any, Any]]:
    """Weights as quotients of counts, with their degrees and coefficients."""
    for blocks, factors in combinations_with_replacement(range(1, 7), 2):
        weights = [polynomial_weight(factors, count) for count in range(factors + 1)]
        powers = [power for (power,) in sp.Poly(weights[blocks], u).monoms()]
        yield {
            k: sp.Integer(factors),
            m: sp.Integer(blocks),
            c: lambda count, weights=weights: weights[count],
            degree: sp.Integer(max(powers)),
            order: sp.Integer(min(powers)),
            leading: lambda count, weights=weights, factors=factors: weights[count].coeff(u, factors - 1),
        }


def polynomial_weight(factors: int, blocks: int) -> Any:
    """A weight in u, from its value at b."""
    return sp.expand(sp.expand(sp.prod([b - t for t in range(blocks)]) / b**factors).subs(b, 1 / u))


def too_many_blocks() -> Iterator[Mapping[Any, Any]]:
    """More blocks than places."""
    for size, more in product(range(1, 4), range(3)):
        yield {**sizes(1, size), r: sp.Integer(more)}


def sizes(factors: int, size: int) -> dict[Any, Any]:
    """The numbers k, b and N."""
    return {
        k: sp.Integer(factors),
        b: sp.Integer(size),
        N: lambda blocks: sp.Integer(len(list(permutations(range(size), blocks)))),
    }


def population(factors: int, count: int, centred: bool = False) -> Atoms:
    """Examples with numbers that are symbols, and their probabilities; the last makes all means 0."""
    masses = sp.symbols(f"p1:{count}")
    masses = (*masses, 1 - sum(masses))
    rows = [list(sp.symbols(f"t1:{factors + 1}_{place}")) for place in range(1, count + 1)]
    if centred:
        others = list(zip(masses[:-1], rows[:-1], strict=True))
        rows[-1] = [-sum(mass * row[t] for mass, row in others) / masses[-1] for t in range(factors)]
    return list(zip(masses, rows, strict=True))


def draws(atoms: Atoms, size: int) -> Atoms:
    """Every batch of independent draws, with its probability."""
    drawn = product(atoms, repeat=size)
    return [(prod(mass for mass, _ in one), [numbers for _, numbers in one]) for one in drawn]


def subsets(examples: Sequence[Any], size: int) -> Atoms:
    """Every subset, with its probability."""
    listed = list(combinations(examples, size))
    return [(sp.Rational(1, len(listed)), one) for one in listed]


def expectation(batches: Atoms, factors: int | None = None) -> Any:
    """The expectation of the product of the means of the first factors, over batches with their probabilities."""
    total = sp.S.Zero
    for mass, one in batches:
        columns = list(zip(*one, strict=True))[:factors]
        total += mass * prod(sum(column) / sp.Integer(len(one)) for column in columns)
    return total


def products(batches: Atoms, symbols: Sequence[Any]) -> dict[Any, Any]:
    """The expectation of the product of two factors, of three, and so on, as far as there are factors."""
    factors = len(batches[0][1][0])
    return {symbol: expectation(batches, count) for count, symbol in enumerate(symbols, 2) if count <= factors}


def moments(atoms: Atoms) -> dict[Any, Any]:
    """The moments of the factors of one example."""
    return {mu: lambda *block: moment(atoms, [t - 1 for t in block])}


def moment(atoms: Atoms, block: Any) -> Any:
    """The mean of the product of the factors of a block."""
    return sum(mass * prod(numbers[t] for t in block) for mass, numbers in atoms)


def distinct_mean(examples: Sequence[Sequence[Any]], partition: Any) -> Any:
    """The mean over distinct examples, one for each block; 0 if there are not enough."""
    chosen = list(permutations(examples, len(partition)))
    total = sum(
        prod(numbers[t] for numbers, block in zip(one, partition, strict=True) for t in block) for one in chosen
    )
    return total / sp.Integer(max(len(chosen), 1))


def block_sums(factors: int, law: Any) -> Any:
    """The sum over the partitions into m blocks, as a function of m."""
    listed = partitions(factors)
    return lambda blocks: sum(law(partition) for partition in listed if len(partition) == blocks)


def partitions(factors: int) -> list[tuple[tuple[int, ...], ...]]:
    """All partitions of the factors."""
    return sorted({partition_of(one) for one in product(range(factors), repeat=factors)})


def partition_of(labels: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """The partition into equal labels."""
    return tuple(sorted(tuple(t for t, other in enumerate(labels) if other == label) for label in set(labels)))


def by_gamma(expression: Any) -> Any:
    """Rising factorials by gamma functions."""
    gamma = expression.replace(sp.RisingFactorial, lambda x, m: sp.gamma(x + m) / sp.gamma(x)).rewrite(sp.gamma)
    return sp.powsimp(sp.expand(sp.gammasimp(sp.powsimp(gamma))))


different_places = Step(
    "different-places",
    r"Multiply out: the product is $b^{-k}$ times a sum over all $k$-tuples of places in the batch. Sort the tuples "
    r"by which of their entries are equal: that is a partition of the $k$ factors. If it has $m$ blocks, there are "
    r"$N_m$ such tuples: the first block has $b$ places, each further block one less.",
    [
        Line(
            N[m],
            "=",
            sp.Product(b - j, (j, 0, m - 1)),
            Induction(m, first=sp.S.One, step=lambda value, m: value * (b - m), rewrite=by_gamma),
            also=(Enumeration("every tuple, k = 1, ..., 4, b = 1, ..., 5 and every partition", places),),
        )
    ],
)

all_counted = Step(
    "all-counted",
    r"Every tuple is counted once, so the weights $N_m / b^k$ of all partitions sum to 1. One more factor joins one "
    r"of $m$ blocks or is a block of its own, $S_{k+1,m} = m S_{k,m} + S_{k,m-1}$, and by the first line the sum "
    r"grows by the factor $b$.",
    [
        Line(m * N[m] + N[m + 1], "=", b * N[m], Identity(given={N[m + 1]: (b - m) * N[m]})),
        Line(
            sp.Sum(S[k, m] * N[m], (m, 1, k)),
            "=",
            b**k,
            Induction(k, base=1, first=b, step=lambda value, _: b * value, rewrite=sp.powsimp),
            also=(Enumeration("every partition listed, k = 1, ..., 6, b = 1, ..., 5", all_tuples),),
        ),
    ],
)

joint_moment = Step(
    "joint-moment",
    r"Different places hold independent draws, or distinct examples. So the expectation of a term depends on its "
    r"partition alone, and $Q_m$ does not depend on $b$. Here it is compared with the definition, a sum over all "
    r"batches.",
    [
        Line(
            joint,
            "=",
            sp.Sum(N[m] / b**k * Q[m], (m, 1, k)),
            Enumeration("independent draws in symbols, k = 1, ..., 4, two or three atoms, b = 1, 2, 3", independent),
            also=(
                Enumeration("without replacement in symbols, k = 1, ..., 4, n up to 4 (k = 4: 3), every b", distinct),
                Enumeration("the exact engine's fourth moment of a gradient, k = 4, n = 3, 4, both designs", engine),
            ),
        )
    ],
)

weight = Step(
    "weight",
    r"With $b = \frac1u$ every weight is a polynomial in $u$: one more block multiplies $c_m$ by $\frac1u (1 - m u)$, "
    r"where $j = 0$ is the factor 1. Its lowest power is $u^{k-m}$, its degree is always $k - 1$: **every joint "
    r"moment of $k$ batch means is a polynomial in $\frac1b$ of degree at most $k - 1$.** (Without replacement: one "
    r"of the polynomials that agree at $b = 1, \dots, n$.)",
    [
        Line(
            c[m],
            "=",
            u ** (k - m) * sp.Product(1 - j * u, (j, 0, m - 1)),
            Induction(m, first=u**k, step=lambda value, m: value * (1 / u - m), rewrite=by_gamma),
            also=(Enumeration("counts over powers, 1 <= m <= k <= 6", weights),),
        ),
        Line(
            degree,
            "=",
            k - 1,
            Induction(m, base=1, first=k - 1, step=lambda value, _: value + 1 - 1),
            also=(Enumeration("1 <= m <= k <= 6", weights),),
        ),
        Line(
            order,
            "=",
            k - m,
            Induction(m, base=1, first=k - 1, step=lambda value, _: value - 1),
            also=(Enumeration("1 <= m <= k <= 6", weights),),
        ),
    ],
)

last_coefficient = Step(
    "last-coefficient",
    r"The coefficient of $u^{k-1}$ comes from $-m u$ in each factor. So the joint moment ends with $\sum_m (-1)^{m-1} "
    r"(m-1)!\, Q_m\, u^{k-1}$. For independent draws this sum is the joint cumulant of $t_1, \dots, t_k$.",
    [
        Line(
            leading[m],
            "=",
            (-1) ** (m - 1) * sp.factorial(m - 1),
            Induction(m, base=1, first=sp.S.One, step=lambda value, m: -m * value, rewrite=by_gamma),
            also=(Enumeration("1 <= m <= k <= 6", weights),),
        )
    ],
)

few_factors = Step(
    "few-factors",
    "Two and three factors, independent draws, written out.",
    [
        Line(
            two,
            "=",
            u * mu[1, 2] + (1 - u) * mu[1] * mu[2],
            Identity(given={two: (b * mu[1, 2] + b * (b - 1) * mu[1] * mu[2]) / b**2, u: 1 / b}),
            also=(Enumeration("every batch in symbols, b = 1, 2, 3", partial(few, 2, False)),),
        ),
        Line(
            three,
            "=",
            u**2 * mu[1, 2, 3] + u * (1 - u) * one_apart + (1 - u) * (1 - 2 * u) * mu[1] * mu[2] * mu[3],
            Identity(
                given={
                    three: (b * mu[1, 2, 3] + b * (b - 1) * one_apart + b * (b - 1) * (b - 2) * mu[1] * mu[2] * mu[3])
                    / b**3,
                    u: 1 / b,
                }
            ),
            also=(Enumeration("every batch in symbols, b = 1, 2, 3", partial(few, 3, False)),),
        ),
    ],
)

centred = Step(
    "centred",
    r"Centred factors, independent draws: where the means are 0, a block of one factor makes a term vanish. Every "
    r"other block has $2 + v$ factors with $v \ge 0$, and $k$ is $m$ times their mean: so by the last line no power "
    r"below $u^{k/2}$ is left, as $c_m$ begins with $u^{k-m}$.",
    [
        Line(
            two,
            "=",
            u * mu[1, 2],
            Identity(given={two: b * mu[1, 2] / b**2, u: 1 / b}),
            also=(Enumeration("every batch in symbols, b = 1, 2, 3", partial(few, 2, True)),),
        ),
        Line(
            three,
            "=",
            u**2 * mu[1, 2, 3],
            Identity(given={three: b * mu[1, 2, 3] / b**3, u: 1 / b}),
            also=(Enumeration("every batch in symbols, b = 1, 2, 3", partial(few, 3, True)),),
        ),
        Line(
            four,
            "=",
            u**2 * (1 - u) * in_pairs + u**3 * mu[1, 2, 3, 4],
            Identity(given={four: (b * mu[1, 2, 3, 4] + b * (b - 1) * in_pairs) / b**4, u: 1 / b}),
            also=(Enumeration("every batch in symbols, b = 1, 2, 3", partial(few, 4, True)),),
        ),
        Line(k - m, ">=", k / 2, Signs(given={k: m * average(2 + v, blocks, v)})),
    ],
)

without_replacement = Step(
    "without-replacement",
    r"Centred factors without replacement: the sum over the examples that are not yet taken is minus the sum over "
    r"those that are, because all together they give 0. For three places: given the first, $\sum t_2(j)\, (-t_3(i) - "
    r"t_3(j))$ over the others $j$ is $t_2 t_3 - (n \mu_{2,3} - t_2 t_3)$. So means over distinct examples are "
    r"moments over all examples.",
    [
        Line(
            pair_mean,
            "=",
            -mu[1, 2] / (n - 1),
            Identity(given={pair_mean: average(-t1 * t2, examples, t1, t2) / (n - 1)}, means=ONE_EXAMPLE),
            also=(Enumeration("in symbols, n = 3, 4", few_distinct),),
        ),
        Line(
            block_mean,
            "=",
            -mu[1, 2, 3] / (n - 1),
            Identity(given={block_mean: average(-t1 * t2 * t3, examples, t1, t2, t3) / (n - 1)}, means=ONE_EXAMPLE),
            also=(Enumeration("in symbols, n = 3, 4", few_distinct),),
        ),
        Line(
            triple_mean,
            "=",
            2 * mu[1, 2, 3] / ((n - 1) * (n - 2)),
            Identity(given={triple_mean: third_place / ((n - 1) * (n - 2))}, means=ONE_EXAMPLE),
            also=(Enumeration("in symbols, n = 3, 4", few_distinct),),
        ),
    ],
)

finite_population = Step(
    "finite-population",
    r"Put into the sum over partitions: the factor $c(b)$ of the variance, and its counterpart for three factors. "
    r"Both vanish at $b = n$, and both are polynomials in $u$: $\frac{n u - 1}{n - 1}$ and $\frac{(n u - 1)(n u - "
    r"2)}{(n - 1)(n - 2)}$.",
    [
        Line(
            two_distinct,
            "=",
            (n - b) / (b * (n - 1)) * mu[1, 2],
            Identity(given={two_distinct: (b * mu[1, 2] - b * (b - 1) * mu[1, 2] / (n - 1)) / b**2}),
            also=(Enumeration("every batch in symbols, n = 3, 4 and every b", few_distinct),),
        ),
        Line(
            three_distinct,
            "=",
            (n - b) * (n - 2 * b) / (b**2 * (n - 1) * (n - 2)) * mu[1, 2, 3],
            Identity(
                given={
                    three_distinct: (b - 3 * b * (b - 1) / (n - 1) + 2 * b * (b - 1) * (b - 2) / ((n - 1) * (n - 2)))
                    * mu[1, 2, 3]
                    / b**3
                }
            ),
            also=(Enumeration("every batch in symbols, n = 3, 4 and every b", few_distinct),),
        ),
    ],
)

too_many = Step(
    "too-many-blocks",
    r"Means over more distinct examples than there are do not exist, and are not needed: $N_{b+1} = (b - b) N_b = 0$, "
    r"and so are all further ones. Since $b \le n$, terms with more than $n$ blocks are 0 at every valid $b$.",
    [
        Line(
            N[b + 1 + r],
            "=",
            0,
            Induction(r, first=(b - b) * N[b], step=lambda value, more: value * (b - (b + 1 + more))),
            also=(Enumeration("every tuple of places, b = 1, 2, 3, r = 0, 1, 2", too_many_blocks),),
        )
    ],
)

DERIVATION = Derivation(
    "joint_moments",
    "Joint moments of batch means",
    [
        "A batch is $b$ independent draws, with replacement from $n$ examples or from a population whose moments "
        "exist, or a uniform subset of $b$ of $n$ examples.",
        "The numbers $t_1(i), \\dots, t_k(i)$ of an example do not depend on the batch.",
    ],
    SYMBOLS,
    [
        different_places,
        all_counted,
        joint_moment,
        weight,
        last_coefficient,
        few_factors,
        centred,
        without_replacement,
        finite_population,
        too_many,
    ],
)


if __name__ == "__main__":
    print(DERIVATION.check().to_text())
