"""Linear regression: smaller batches spread every quantity in the convex order; run this file to check every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, combinations, combinations_with_replacement, pairwise, product
from typing import Any, TypeAlias

import sympy as sp

from sgdvar.claims import CheckedSteps, Claim, KernelProof, proved
from sgdvar.derivation import (
    Derivation,
    Enumeration,
    Identity,
    Induction,
    Line,
    Notation,
    Signs,
    Step,
    average,
    uniform,
)

n, b, p, q, k, K = sp.symbols("n b p q k K", integer=True, positive=True)
s, total, S_B, S_C, S_left, slope, inside = sp.symbols("s_j T S_B S_C S_B-j a chi_i")
gap, chord, rise = sp.symbols("d_j e_B r_k", nonnegative=True)
over_draws, over_examples, over_lowerings, E, E_B, E_before, E_lists = sp.symbols(
    "mean_j mean_i mean_k E E_B E_before E_lists"
)
sets, lists, all_values = sp.symbols("N_sets N_lists sum_C")
phi, psi, F, G = (sp.Function(name) for name in ("phi", "psi", "F", "G"))
alpha, theta, u, r, h, u_next, r_next, h_next = sp.symbols("alpha theta u r h u_B r_B h_B")
V = sp.IndexedBase("V")
A, e = sp.MatrixSymbol("A", q, p), sp.MatrixSymbol("e", q, 1)
H, H_B, H_left = (sp.MatrixSymbol(name, p, p) for name in ("H", "H_B", "H_B-j"))
f, f_B, f_left, w, v, z, w_B, v_B, m, next_m, c = (
    sp.MatrixSymbol(name, p, 1) for name in ("f", "f_B", "f_B-j", "w", "v", "z", "w_B", "v_B", "m_t", "m_t+1", "c")
)
length_left, length_B, length_small, length_large = sp.symbols("|Ag|_B-j |Ag|_B E|Ag|_b E|Ag|_b+1")
spread_small, spread_large = sp.symbols("Q_b Q_b+1")
square_small, square_large, mu = sp.symbols("M_b M_b+1 mu")


def over_j(body: Any) -> Any:
    """The mean over the draw that is left out."""
    return average(body, over_draws, S_left, gap)


def over_pairs(body: Any) -> Any:
    """The expectation over a batch and the draw that is left out."""
    return average(over_j(body), E, S_left, S_B, slope, gap)


phi_left, phi_B, phi_C = over_pairs(phi(S_left)), average(phi(S_B), E, S_B), average(phi(S_C), E, S_C)
left_of_lists, of_lists = average(over_j(phi(S_left)), E_lists, S_left, gap), average(phi(S_C), E_lists, S_C)

SYMBOLS = [
    Notation(n, "n", "number of examples"),
    Notation(b, "b", "batch size"),
    Notation(s, "s_j", "a number for each draw $j$ of a batch, or a vector: then each line is about each entry"),
    Notation(S_B, "S_B", "mean over a batch $B$ of $b + 1$ draws"),
    Notation(S_left, r"S_{B \setminus j}", "mean over the $b$ draws that are left when $j$ is left out"),
    Notation(total, "T", "sum over a batch of $b + 1$ draws"),
    Notation(all_values, r"\Sigma", r"sum of $\varphi(S_C)$ over all batches $C$ of $b$ draws"),
    Notation(S_C, "S_C", "mean over a batch $C$ of $b$ draws"),
    Notation(over_draws, r"\frac{1}{b+1} \sum_{j \in B}", "mean over the draws of $B$"),
    Notation(over_examples, r"\frac1n \sum_{i=1}^n", "mean over all examples"),
    Notation(inside, r"\chi_i", "1 where the example $i$ is in $C$, and 0 where it is not"),
    Notation(
        sets, r"N_{\mathrm{wor}}", r"number of pairs $(B, j)$ with $B \setminus j = C$, for a set $C$ of size $b$"
    ),
    Notation(lists, r"N_{\mathrm{ind}}", "the same for lists of $b$ draws with replacement, and one place $j$"),
    Notation(phi, r"\varphi", "a convex function"),
    Notation(
        slope,
        "a",
        r"slope of a line that supports a convex function at $S_B$ (for vectors, $a\,x$ is a scalar product)",
    ),
    Notation(gap, "d_j", r"height of the convex function above that line, at $S_{B \setminus j}$: $d_j \ge 0$"),
    Notation(E, "E", "expectation over all batches"),
    Notation(E_lists, r"E_{\mathrm{ind}}", "the same for lists of draws with replacement"),
    Notation(E_B, "E_B", "expectation over one batch, given what came before"),
    Notation(p, "p", "number of features"),
    Notation(alpha, r"\alpha", "step size; each step may have its own"),
    Notation(theta, r"\theta", r"a share, $0 \le \theta \le 1$"),
    Notation(w, "w", "weights"),
    Notation(v, "v", "other weights"),
    Notation(z, "z", "weights between them"),
    Notation(w_B, "w_B", "weights after $w$ and a step on the batch $B$"),
    Notation(v_B, "v_B", "the same after $v$"),
    Notation(H_B, "H_B", r"batch mean of $x_i x_i^\top$"),
    Notation(f_B, "f_B", "batch mean of $y_i x_i$; the gradient is $H_B w - f_B$"),
    Notation(H_left, r"H_{B \setminus j}", r"the same without the draw $j$"),
    Notation(f_left, r"f_{B \setminus j}", r"the same without the draw $j$"),
    Notation(H, "H", r"mean of $x_i x_i^\top$ over all examples"),
    Notation(f, "f", "mean of $y_i x_i$ over all examples"),
    Notation(F, "F", r"expectation of $\varphi$ at the end of a run, as a function of its start"),
    Notation(G, "G", "the same for the run that begins one batch earlier"),
    Notation(u, "u", "a start"),
    Notation(r, "r", "another start"),
    Notation(h, "h", r"a start between them: $\theta u + (1 - \theta) r$"),
    Notation(u_next, "u_B", "weights that follow $u$ after the batch $B$"),
    Notation(r_next, "r_B", "weights that follow $r$"),
    Notation(h_next, "h_B", r"weights that follow $h$: since a step is affine, $\theta u_B + (1 - \theta) r_B$"),
    Notation(chord, "e_B", r"height of a chord above $F$, at $h_B$: $e_B \ge 0$ for a convex $F$"),
    Notation(psi, r"\psi", "$F(w_{s+1})$ as a function of the mean of the next batch, given $w_s$: a convex one"),
    Notation(E_before, r"E_{\mathrm{before}}", "expectation over the batches before that one"),
    Notation(V.label, "V", r"$V_k$ is $E\, \varphi(w_t)$ after $k$ lowerings: each takes 1 from the size of one batch"),
    Notation(k, "k", "number of lowerings so far"),
    Notation(K, "K", "number of lowerings in all"),
    Notation(rise, "r_k", r"$V_k - V_{k-1}$, which is at least 0"),
    Notation(over_lowerings, r"\frac1K \sum_{k=1}^K", "mean over all lowerings"),
    Notation(A, "A", "any matrix"),
    Notation(e, "e", "the vector of length 1 in the direction of $A g_t$ for $B$; any, where that is 0"),
    Notation(length_left, r"\lVert A g_{B \setminus j} \rVert", "length of $A g_t$ for $B$ without $j$"),
    Notation(length_B, r"\lVert A g_B \rVert", "length of $A g_t$ for $B$"),
    Notation(length_small, r"E \lVert A g_t \rVert_{(b)}", "expected length, where the last batch has the size $b$"),
    Notation(length_large, r"E \lVert A g_t \rVert_{(b+1)}", "the same where it has the size $b + 1$"),
    Notation(m, "m_t", r"$E\, w_t$"),
    Notation(next_m, "m_{t+1}", r"$E\, w_{t+1}$"),
    Notation(c, "c", "any vector"),
    Notation(spread_small, "Q_b", r"$c^\top \operatorname{Cov}(w_t)\, c$ at batch size $b$"),
    Notation(spread_large, "Q_{b+1}", "the same at batch size $b + 1$"),
    Notation(square_small, "M_b", r"$E (c^\top w_t)^2$ at batch size $b$"),
    Notation(square_large, "M_{b+1}", "the same at batch size $b + 1$"),
    Notation(mu, r"\mu", r"$c^\top m_t$"),
]

Example: TypeAlias = tuple[Any, Any]
Cases: TypeAlias = Iterator[Mapping[Any, Any]]

VALUES = [[sp.Integer(value) for value in values] for values in ((0, 1, 3, 7), (-2, 1, 1, 4, 5))]
SHAPES: list[Callable[[Any], Any]] = [
    abs,
    lambda x: max(x - 1, 0 * x),
    lambda x: max(-x, 2 * x - 1),
    lambda x: x**4 - x,
]
"""Convex functions of one number."""

PROBLEMS: list[tuple[list[Example], Any, Any]] = [
    ([(1, 1), (2, -1), (1, 0)], sp.Integer(1), sp.Rational(1, 2)),
    ([(0, 1), (1, 1), (2, 3)], sp.Integer(-1), sp.Integer(2)),
]
"""Examples of one feature, a start and a step size; the last step size is far too long to converge."""

SYMBOLIC = list(zip(sp.symbols("x1:3"), sp.symbols("y1:3"), strict=True))
"""Two examples of one feature, in symbols."""


def mean_of(items: Sequence[Any]) -> Any:
    """The mean of numbers or matrices, exact."""
    return sum(items[1:], items[0]) / sp.Integer(len(items))


def run(batches: Sequence[Sequence[Example]], weight: Any, step_size: Any) -> Any:
    """The weight after a step on each batch, one feature: gradients by the chain rule."""
    for drawn in batches:
        weight = weight - step_size * mean_of([x * (x * weight - y) for x, y in drawn])
    return weight


def ends(examples: Sequence[Example], start: Any, step_size: Any, sizes: Sequence[int]) -> list[Any]:
    """The last weights of every run without replacement, all equally likely."""
    batches = product(*(combinations(examples, size) for size in sizes))
    return [run(each, start, step_size) for each in batches]


def leave_one_out() -> Cases:
    """A batch of numbers in symbols, with each draw left out."""
    for size in range(2, 6):
        values = sp.symbols(f"s1:{size + 1}")
        outcomes = [{s: values[j], S_left: mean_of(values[:j] + values[j + 1 :])} for j in range(size)]
        for outcome in outcomes:
            yield {b: sp.Integer(size - 1), S_B: mean_of(values), over_draws: uniform(outcomes), **outcome}


def pairs_of_sets() -> Cases:
    """For every set C, the pairs of a larger set and one of its members that leave C."""
    for count, size in combinations(range(6, 0, -1), 2):
        pairs = [set(B) - {j} for B in combinations(range(count), size + 1) for j in B]
        for C in combinations(range(count), size):
            members = uniform({inside: sp.Integer(i in C)} for i in range(count))
            number = sp.Integer(pairs.count(set(C)))
            yield {n: sp.Integer(count), b: sp.Integer(size), sets: number, over_examples: members}


def pairs_of_lists() -> Cases:
    """For every list C and place j, the longer lists that leave C without their j-th draw."""
    for count, size in product((1, 2, 3), repeat=2):
        for j in range(size + 1):
            shorter = [B[:j] + B[j + 1 :] for B in product(range(count), repeat=size + 1)]
            for C in product(range(count), repeat=size):
                yield {n: sp.Integer(count), b: sp.Integer(size), lists: sp.Integer(shorter.count(C))}


def left_out_means() -> Cases:
    """Convex functions at the means of a batch of numbers with one draw left out."""
    for values, shape in product(VALUES, SHAPES):
        for size in range(2, len(values) + 1):
            outcomes = [{S_left: mean_of(values[:j] + values[j + 1 : size])} for j in range(size)]
            yield {phi: shape, S_B: mean_of(values[:size]), over_draws: uniform(outcomes)}


def any_function() -> Cases:
    """Any function of the smaller sets, in symbols, and its mean over larger sets with one draw left out."""
    for count, size in combinations(range(5, 0, -1), 2):
        value = {frozenset(C): sp.Symbol(f"phi{C}") for C in combinations(range(count), size)}
        left = [value[frozenset(B) - {j}] for B in combinations(range(count), size + 1) for j in B]
        yield {phi_C: mean_of(list(value.values())), phi_left: mean_of(left)}


def any_function_of_lists() -> Cases:
    """The same for lists of draws, and all places."""
    for count, size in ((1, 1), (2, 1), (3, 1), (2, 2), (3, 2), (2, 3)):
        value = {C: sp.Symbol(f"phi{C}") for C in product(range(count), repeat=size)}
        longer = list(product(range(count), repeat=size + 1))
        left = [value[B[:j] + B[j + 1 :]] for B in longer for j in range(size + 1)]
        yield {of_lists: mean_of(list(value.values())), left_of_lists: mean_of(left)}


def two_sizes() -> Cases:
    """Convex functions of the means of smaller and of larger batches, without and with replacement."""
    for values, shape in product(VALUES, SHAPES):
        sets_of = [combinations(values, size) for size in range(1, len(values) + 1)]
        for batches in (sets_of, [product(values[:3], repeat=size) for size in (1, 2, 3)]):
            means = [mean_of([shape(mean_of(drawn)) for drawn in each]) for each in batches]
            yield from ({phi_C: small, phi_B: large} for small, large in pairwise(means))


def batch_by_batch() -> Cases:
    """The square of the last of two steps, in symbols: in one sum over all pairs of batches, and batch by batch."""
    middle = sp.Symbol("k")

    def value(sizes: Sequence[int]) -> Callable[[Any], Any]:
        return lambda start: mean_of([(end - middle) ** 2 for end in ends(SYMBOLIC, start, alpha, sizes)])

    points = {u: u_next, r: r_next, theta * u + (1 - theta) * r: h_next}
    for sizes in product((1, 2), repeat=2):
        first = combinations(SYMBOLIC, sizes[0])
        outcomes = [{after: run([drawn], point, alpha) for point, after in points.items()} for drawn in first]
        yield {G: value(sizes), F: value(sizes[1:]), E_B: uniform(outcomes), h: theta * u + (1 - theta) * r}


def chords() -> Cases:
    """Convex functions after two steps with batches of two, from two starts and from one between them."""
    for (examples, start, step_size), shape in product(PROBLEMS, SHAPES):

        def value(point: Any, problem: Any = (examples, step_size), shape: Any = shape) -> Any:
            return mean_of([shape(end) for end in ends(problem[0], point, problem[1], (2, 2))])

        for share in (sp.Rational(1, 2), sp.Rational(1, 5)):
            yield {theta: share, G: value, u: start, r: start - 2, h: start - 2 * (1 - share)}


def lowered() -> Cases:
    """Two steps, the sizes of both batches lowered by 0, 1 or 2: convex functions, and the loss."""
    for examples, start, step_size in PROBLEMS:

        def loss(weight: Any, examples: Any = examples) -> Any:
            return mean_of([(x * weight - y) ** 2 for x, y in examples]) / 2

        for (small, large), (smaller_last, last) in product(combinations_with_replacement((1, 2, 3), 2), repeat=2):
            runs = [ends(examples, start, step_size, sizes) for sizes in ((large, last), (small, smaller_last))]
            count = large - small + last - smaller_last
            for shape in (loss, *SHAPES):
                values = (mean_of([shape(end) for end in each]) for each in runs)
                yield {K: sp.Integer(count), V.label: dict(zip((0, count), values, strict=True)).get}


PLANE: list[Example] = [(sp.Matrix([1, 0]), 1), (sp.Matrix([1, 2]), 0), (sp.Matrix([0, 1]), 2)]
"""Three examples of two features."""


def plane_gradient(drawn: Sequence[Example], weight: Any) -> Any:
    """The gradient of the mean loss of a batch of several features."""
    return mean_of([x * ((x.T * weight)[0] - y) for x, y in drawn])


def lengths_left() -> Cases:
    """The length of the gradient of each batch of two features, and with each draw left out."""
    for size, weight in product((2, 3), (sp.zeros(2, 1), sp.Matrix([1, -1]))):
        for drawn in combinations_with_replacement(PLANE, size):
            left = [plane_gradient(drawn[:j] + drawn[j + 1 :], weight).norm() for j in range(size)]
            outcomes = uniform({length_left: each} for each in left)
            yield {length_B: plane_gradient(drawn, weight).norm(), over_draws: outcomes}


def lengths() -> Cases:
    """The expected length of the gradient of two features after one step, every size of both batches."""
    batches = [list(combinations(PLANE, size)) for size in (1, 2, 3)]
    for first in batches:
        weights = [-plane_gradient(drawn, sp.zeros(2, 1)) / 2 for drawn in first]
        values = [
            mean_of([plane_gradient(drawn, weight).norm() for weight, drawn in product(weights, last)])
            for last in batches
        ]
        yield from ({length_small: small, length_large: large} for small, large in pairwise(values))


def means() -> Cases:
    """The mean weight after one and two steps, in symbols, with and without replacement."""
    known = {
        H: sp.Matrix([mean_of([x**2 for x, _ in SYMBOLIC])]),
        f: sp.Matrix([mean_of([x * y for x, y in SYMBOLIC])]),
    }
    both: Any = [[combinations(SYMBOLIC, size), product(SYMBOLIC, repeat=size)] for size in (1, 2)]
    for batches in map(list, chain(*both)):
        at = [mean_of([run(each, sp.Symbol("w0"), alpha) for each in product(batches, repeat=j)]) for j in range(3)]
        yield from ({**known, m: sp.Matrix([before]), next_m: sp.Matrix([after])} for before, after in pairwise(at))


def spreads() -> Cases:
    """The second moment and the mean of the weight after two steps, two neighbouring batch sizes."""
    for examples, start, step_size in PROBLEMS:
        runs = [ends(examples, start, step_size, (size, size)) for size in (1, 2, 3)]
        for small, large in pairwise(runs):
            squares = [mean_of([end**2 for end in each]) for each in (small, large)]
            yield {square_small: squares[0], square_large: squares[1], mu: mean_of(large)}


def stepped(matrix: Any, vector: Any, weights: Any) -> Any:
    """The weights after a step on a batch with these means."""
    return weights - alpha * (matrix * weights - vector)


def between(one: Any, other: Any) -> Any:
    """A point between two."""
    return theta * one + (1 - theta) * other


def over_batch(body: Any) -> Any:
    """The expectation over the first batch of runs from two starts."""
    return average(body, E_B, u_next, r_next, h_next, chord)


MEAN_RISE = average(rise, over_lowerings, rise)

CONVEX = f"{len(SHAPES)} convex functions"
LEFT_OUT = Enumeration("b = 1, 2, 3, 4, every draw, in symbols", leave_one_out)
SETS = Enumeration("all pairs counted for every set C, n = 2, ..., 6, every b", pairs_of_sets)
LISTS = Enumeration("all pairs counted for every list C, n and b = 1, 2, 3", pairs_of_lists)
MEANS_LEFT = Enumeration(f"{CONVEX} on {len(VALUES)} data sets, every b", left_out_means)
ANY_FUNCTION = Enumeration("every function of sets, in symbols, n = 2, ..., 5, every b", any_function)
ANY_OF_LISTS = Enumeration("every function of lists, in symbols, n and b up to 3", any_function_of_lists)
TWO_SIZES = Enumeration(f"{CONVEX} on {len(VALUES)} data sets, both designs", two_sizes)
TWO_STEPS = Enumeration("the square after two steps, two examples in symbols, b = 1, 2", batch_by_batch)
CHORDS = Enumeration(f"{CONVEX} after two steps, {len(PROBLEMS)} problems, two shares", chords)
LOWERED = Enumeration(f"{CONVEX} and the loss on {len(PROBLEMS)} problems, t = 2, all sizes", lowered)
LENGTHS_LEFT = Enumeration("every batch of two or three of three examples of two features", lengths_left)
LENGTHS = Enumeration("three examples of two features, t = 1, every size of both batches", lengths)
MEANS = Enumeration("one and two steps for two examples, in symbols, both designs, every b", means)
SPREADS = Enumeration(f"{len(PROBLEMS)} problems, one feature, t = 2, every b", spreads)

PAIRS = (b + 1) * sp.binomial(n, b + 1)
AS_SETS = {phi_C: all_values / sp.binomial(n, b), phi_left: (n - b) * all_values / PAIRS}
AS_LISTS = {of_lists: all_values / n**b, left_of_lists: n * all_values / n ** (b + 1)}

one_left_out = Step(
    "one-left-out",
    r"$S_B$ is the sum over $B$ divided by $b + 1$; without $j$ the sum is less by $s_j$. The mean of $s_j$ over $B$ "
    r"is $S_B$, so on average the mean does not move: the mean of a batch is an average of means of batches that are "
    r"smaller by one.",
    [
        Line(
            S_left,
            "=",
            S_B + (S_B - s) / b,
            Identity(given={S_B: total / (b + 1), S_left: (total - s) / b}),
            also=(LEFT_OUT,),
        ),
        Line(
            average(S_left, over_draws, s, S_left),
            "=",
            S_B,
            Identity(given={S_left: S_B + (S_B - s) / b}, means={s: S_B}),
            also=(LEFT_OUT,),
        ),
    ],
)

equally_often = Step(
    "equally-often",
    r"Without replacement: $B \setminus j = C$ where $B$ is $C$ and any $j$ of the examples that are not in it. "
    r"Summed over all sets $C$ these are all pairs. With replacement the $j$-th of $b + 1$ draws is left out: it can "
    r"be any of the $n$ examples. From a population $b$ independent draws are left. **So $B \setminus j$ is a uniform "
    r"batch of size $b$.**",
    [
        Line(
            sets,
            "=",
            n - b,
            Identity(given={sets: n * average(1 - inside, over_examples, inside)}, means={inside: b / n}),
            also=(SETS,),
        ),
        Line(sp.binomial(n, b) * sets, "=", PAIRS, Identity(given={sets: n - b}, rewrite=sp.gammasimp), also=(SETS,)),
        Line(n**b * lists, "=", n ** (b + 1), Identity(given={lists: n}, rewrite=sp.powsimp), also=(LISTS,)),
    ],
)


def above_line(function: Any) -> Any:
    """A convex function without the draw j: its supporting line at the mean of the batch, and what it is above that."""
    return function(S_B) + slope * (S_left - S_B) + gap


ABOVE = {phi(S_left): above_line(phi)}

jensen = Step(
    "jensen",
    r"$\varphi$ is convex: at $S_B$ it touches a line with a slope $a$, and is nowhere below it. The mean height of "
    r"that line is $\varphi(S_B)$, since the mean of $S_{B \setminus j}$ is $S_B$. What $\varphi$ has above it is "
    r"$d_j \ge 0$, and so is the mean of $d_j$.",
    [
        Line(over_j(phi(S_left)) - phi(S_B), "=", over_j(gap), Identity(given=ABOVE, means={S_left: S_B})),
        Line(over_j(phi(S_left)), ">=", phi(S_B), Signs(given=ABOVE, means={S_left: S_B}), also=(MEANS_LEFT,)),
    ],
)

one_batch = Step(
    "one-batch",
    r"The sum over all pairs $(B, j)$ holds every set $C$ $n - b$ times, every list $n$ times: $B \setminus j$ can be "
    r"read as $C$. Then Jensen's inequality of the last step. From $b$ to $b + 1$ and so on: for all $b' < b$ the mean "
    r"of $b'$ draws is **larger in the convex order** than the mean of $b$. No moments are used, and no property of "
    r"the design but this one.",
    [
        Line(
            phi_C,
            "=",
            phi_left,
            Identity(given=AS_SETS, rewrite=sp.gammasimp),
            also=(ANY_FUNCTION,),
        ),
        Line(of_lists, "=", left_of_lists, Identity(given=AS_LISTS, rewrite=sp.powsimp), also=(ANY_OF_LISTS,)),
        Line(
            phi_C,
            ">=",
            phi_B,
            Signs(given={phi_C: over_pairs(above_line(phi))}, means={S_left: S_B}),
            also=(TWO_SIZES,),
        ),
    ],
)

affine_twice = Step(
    "affine-twice",
    r"A step of SGD is affine in the weights, for a fixed batch; and affine in the batch mean $(H_B, f_B)$, for fixed "
    r"weights. In a deep network the first fails: a step is a polynomial of the weights.",
    [
        Line(stepped(H_B, f_B, z), "=", between(w_B, v_B), Identity()),
        Line(
            average(stepped(H_left, f_left, w), over_draws, H_left, f_left),
            "=",
            w_B,
            Identity(means={H_left: H_B, f_left: f_B}),
        ),
    ],
    definitions=[(w_B, stepped(H_B, f_B, w)), (v_B, stepped(H_B, f_B, v)), (z, between(w, v))],
)

KEPT = {G(u): over_batch(F(u_next)), G(r): over_batch(F(r_next))}
BELOW_CHORD = between(F(u_next), F(r_next)) - chord

convexity_is_kept = Step(
    "convexity-is-kept",
    r"Batches are independent, so the expectation can be taken batch by batch: $G$ is the mean of $F$ after one more "
    r"batch. If $F$ is convex, so is $G$: $h_B$ lies between $u_B$ and $r_B$, where $F$ is at most its chord, and the "
    r"mean of $e_B \ge 0$ is not negative. Before the last batch $F = \varphi$. By induction the expectation at the "
    r"end of a run is **a convex function of its start**.",
    [
        Line(
            between(G(u), G(r)) - G(h),
            "=",
            over_batch(between(F(u_next), F(r_next)) - F(h_next)),
            Identity(given={**KEPT, G(h): over_batch(F(h_next))}),
            also=(TWO_STEPS,),
        ),
        Line(G(h), "<=", between(G(u), G(r)), Signs(given={**KEPT, G(h): over_batch(BELOW_CHORD)}), also=(CHORDS,)),
    ],
)


def given_before(body: Any) -> Any:
    """The expectation over the batches before one batch, over that batch, and over the draw that is left out."""
    return average(over_pairs(body), E_before, S_left, S_B, slope, gap)


ONE_LOWERING = {V[k + 1]: given_before(above_line(psi)), V[k]: given_before(psi(S_B))}

many_steps = Step(
    "many-steps",
    r"Lower one size by 1 at a time. Given the batches before it, $w_s$ is fixed; what follows is a convex function of "
    r"$w_{s+1}$, which is affine in the batch mean: a convex function $\psi$ of that mean. So the inequality for one "
    r"batch holds for every $w_s$, and on average. Then add up the differences $r_k \ge 0$. **For every convex "
    r"$\varphi$, $E\, \varphi(w_t)$ never increases in the batch size.** The loss is convex: neither does $E\, "
    r"L(w_t)$.",
    [
        Line(V[k + 1] - V[k], "=", given_before(gap), Identity(given=ONE_LOWERING, means={S_left: S_B})),
        Line(V[k + 1], ">=", V[k], Signs(given=ONE_LOWERING, means={S_left: S_B})),
        Line(sp.Sum(V[k] - V[k - 1], (k, 1, K)), "=", V[K] - V[0], Induction(K)),
        Line(V[K], ">=", V[0], Signs(given={V[K]: V[0] + K * MEAN_RISE}), also=(LOWERED,)),
    ],
)

GRADIENT_LEFT, GRADIENT_B = A * (H_left * w - f_left), A * (H_B * w - f_B)
ALONG = {length_left: sp.Trace(GRADIENT_LEFT * e.T) + gap, length_B: sp.Trace(GRADIENT_B * e.T)}
ON_AVERAGE = {
    length_small: average(length_B + average(gap, over_draws, gap), E, length_B, gap),
    length_large: average(length_B, E, length_B),
}

last_gradient = Step(
    "last-gradient",
    r"The gradient is affine in the weights, and in the batch mean: it is one more batch, and $E\, \varphi(A g_t)$ "
    r"never increases in $b$. Squared lengths are convex by the third line. A length is the component along its own "
    r"direction $e$, and at least the component along any other: without $j$ it is larger by $d_j \ge 0$ than the "
    r"component along $e$, whose mean is the length for $B$.",
    [
        Line(A * (H_B * z - f_B), "=", between(GRADIENT_B, A * (H_B * v - f_B)), Identity()),
        Line(
            average(GRADIENT_LEFT, over_draws, H_left, f_left),
            "=",
            GRADIENT_B,
            Identity(means={H_left: H_B, f_left: f_B}),
        ),
        Line(between(w.T * w, v.T * v) - z.T * z, "=", theta * (1 - theta) * (w - v).T * (w - v), Identity()),
        Line(
            average(length_left, over_draws, length_left, H_left, f_left, gap),
            ">=",
            length_B,
            Signs(given=ALONG, means={H_left: H_B, f_left: f_B}),
            also=(LENGTHS_LEFT,),
        ),
        Line(length_small, ">=", length_large, Signs(given=ON_AVERAGE), also=(LENGTHS,)),
    ],
    definitions=[(z, between(w, v))],
)

means_do_not_move = Step(
    "means",
    r"A linear $\varphi$ and its negative are both convex, so their expectations do not depend on $b$. Directly: "
    r"given $w_t$, the mean of the next weights is a step on all examples, and the mean of that is a step from $E\, "
    r"w_t$. This is gradient descent, and $E\, g_t = H m_t - f$.",
    [
        Line(average(stepped(H_B, f_B, w), E_B, H_B, f_B), "=", stepped(H, f, w), Identity(means={H_B: H, f_B: f})),
        Line(
            next_m,
            "=",
            stepped(H, f, m),
            Identity(given={next_m: average(stepped(H, f, w), E, w)}, means={w: m}),
            also=(MEANS,),
        ),
    ],
)

covariance = Step(
    "covariance",
    r"Take the square of $c^\top w$, for every vector $c$: a convex function, whose expectation gains $r_k \ge 0$ "
    r"with every lowering. The square of its mean is free of $b$. So $\operatorname{Cov}(w_t)$ never increases, in "
    r"the order of semidefinite matrices.",
    [
        Line(
            average(c.T * (w - m) * (w - m).T * c, E, w),
            "=",
            average(c.T * w * w.T * c, E, w) - c.T * m * m.T * c,
            Identity(means={w: m}),
        ),
        Line(spread_small - spread_large, "=", square_small - square_large, Identity()),
        Line(
            spread_small,
            ">=",
            spread_large,
            Signs(given={square_small: square_large + K * MEAN_RISE}),
            also=(SPREADS,),
        ),
    ],
    definitions=[(spread_small, square_small - mu**2), (spread_large, square_large - mu**2)],
)

DERIVATION = Derivation(
    "convex_order",
    "Smaller batches spread more",
    [
        "Linear regression. Batches are fresh and independent: uniform sets of $b$ of the $n$ examples, or $b$ draws "
        "with replacement or from a population.",
        "The start $w_0$ and the step sizes do not depend on $b$.",
        r"$\varphi$ is convex: at every point it has a supporting line. Its expectations are finite.",
    ],
    SYMBOLS,
    [
        one_left_out,
        equally_often,
        jensen,
        one_batch,
        affine_twice,
        convexity_is_kept,
        many_steps,
        last_gradient,
        means_do_not_move,
        covariance,
    ],
)


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
        lambda: proved(
            "a norm is convex, and g_t decreases in the convex order", CheckedSteps.of(DERIVATION), formal("gradient")
        ),
    ),
    Claim(
        "linear-regression-convex-order",
        "E phi(w_t) and E phi(g_t) do not increase in b, for every convex function phi with finite expectations",
        FRESH,
        "derived here",
        lambda: proved(
            "the mean of b + 1 draws is an average of means of b draws (Jensen), and a step is affine in the weights "
            "and in the batch mean",
            CheckedSteps.of(DERIVATION),
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
            CheckedSteps.of(DERIVATION),
            KernelProof.of("mean_weights_constant", covers="finite data"),
            KernelProof.of("mean_gradient_constant", covers="finite data"),
        ),
    ),
]
"""What follows, for the register of claims."""


if __name__ == "__main__":
    print(DERIVATION.check().to_text())
