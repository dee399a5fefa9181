"""Linear regression under random reshuffling, within an epoch and beyond; run this file to check every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache, partial
from itertools import combinations, pairwise, permutations, product
from typing import Any, TypeAlias

import numpy as np
import sympy as sp

import sgdvar as sv
from sgdvar.claims import CheckedSteps, Claim, Counterexample, Finding, proved, refuted
from sgdvar.derivation import Derivation, Enumeration, Identity, Line, Notation, Signs, Step, average, uniform

n, b, o, p, q = sp.symbols("n b o p q", integer=True, positive=True)
alpha, y, z, g, w_2, loss, slope, inside = sp.symbols("alpha y z g_1 w_2 L(w_2) a chi_i")
phi = sp.Function("phi")
ways, over_draws, over_examples, E, E_shuffled, E_fresh = sp.symbols("N mean_j mean_i E E_shuffled E_fresh")
A = sp.MatrixSymbol("A", q, p)
H, H_B, H_left, P, P_next = (sp.MatrixSymbol(name, p, p) for name in ("H", "H_B", "H_B-j", "P", "P'"))
f, f_B, f_left, w, w_B, u, r, r_next = (
    sp.MatrixSymbol(name, p, 1) for name in ("f", "f_B", "f_B-j", "w", "w_B", "u", "r", "r'")
)
gradient_left, gradient_B, mean_g = (sp.MatrixSymbol(name, q, 1) for name in ("g_B-j", "g_B", "mu"))
phi_small, phi_large, square_small, square_large, mu_squared = sp.symbols("Phi_b Phi_b+1 M_b M_b+1 |mu|^2")
var_small, var_large, mean_small, mean_large = sp.symbols("Var_b Var_b+1 E_b[g] E_b+1[g]")
left, whole = sp.symbols("g(B-j) g(B)")
gap = sp.Symbol("d_j", nonnegative=True)
V_three, V_four, V_pairs, V_single = (sp.Function(name) for name in ("V_112", "V_1112", "U_1122", "U_1112"))

SYMBOLS = [
    Notation(n, "n", "number of examples"),
    Notation(b, "b", "size of one batch $C_s$ of the first epoch"),
    Notation(o, "o", "number of examples in the other batches so far"),
    Notation(over_examples, r"\frac1n \sum_{i=1}^n", "mean over all examples"),
    Notation(inside, r"\chi_i", "1 where the example $i$ is in one of the given batches, and 0 where it is in none"),
    Notation(ways, "N", "number of ways to get given disjoint batches when an example $j$ is left out of $B_s$"),
    Notation(over_draws, r"\frac{1}{b+1} \sum_{j \in B}", "mean over the examples of one batch $B$ of size $b + 1$"),
    Notation(alpha, r"\alpha", "step size; each step may have its own"),
    Notation(w, "w", "weights before the step with the batch $B$"),
    Notation(w_B, "w_B", "weights after it"),
    Notation(H_B, "H_B", r"batch mean of $x_i x_i^\top$"),
    Notation(f_B, "f_B", "batch mean of $y_i x_i$; the gradient is $H_B w - f_B$"),
    Notation(H_left, r"H_{B \setminus j}", "the same without $j$"),
    Notation(f_left, r"f_{B \setminus j}", "the same without $j$"),
    Notation(H, "H", "the matrix $H$ of a later batch"),
    Notation(f, "f", "the vector $f$ of the same batch"),
    Notation(u, "u", "any weights after the step with $B$"),
    Notation(P, "P", "later weights are $P u + r$"),
    Notation(r, "r", "later weights are $P u + r$"),
    Notation(P_next, "P'", "the same, one step later"),
    Notation(r_next, "r'", "the same, one step later"),
    Notation(A, "A", "any matrix"),
    Notation(left, r"g_{B \setminus j}", "$A g_t$ where $B$ is without $j$: a number, or each entry of a vector"),
    Notation(whole, "g_B", "$A g_t$ with $B$, the other batches being the same"),
    Notation(phi, r"\varphi", "a convex function"),
    Notation(slope, "a", r"slope of a line that supports $\varphi$ at $g_B$"),
    Notation(gap, "d_j", r"height of $\varphi$ above that line: $d_j \ge 0$"),
    Notation(E, "E", "expectation over all batches"),
    Notation(phi_small, r"E_b\, \varphi(A g_t)", r"expectation of a convex $\varphi$, where $B_s$ has the size $b$"),
    Notation(phi_large, r"E_{b+1}\, \varphi(A g_t)", "the same, where it has the size $b + 1$"),
    Notation(mean_small, r"E_b\, A g_t", "mean gradient, where $B_s$ has the size $b$"),
    Notation(mean_large, r"E_{b+1}\, A g_t", "the same, where it has the size $b + 1$"),
    Notation(gradient_B, "g", "$A g_t$"),
    Notation(mean_g, r"\mu", "$E\\, A g_t$"),
    Notation(mu_squared, r"\lVert \mu \rVert^2", "its squared length, which does not depend on the sizes"),
    Notation(square_small, "M_b", r"$E \lVert A g_t \rVert^2$, where $B_s$ has the size $b$"),
    Notation(square_large, "M_{b+1}", "the same, where it has the size $b + 1$"),
    Notation(var_small, r"\operatorname{Var}_b(A g_t)", "variance, where $B_s$ has the size $b$"),
    Notation(var_large, r"\operatorname{Var}_{b+1}(A g_t)", "the same, where it has the size $b + 1$"),
    Notation(
        V_three, "V", r"$V(t, b)$: $\operatorname{Var}(g_t)$ for $x = 1, 1, 2$, $y = 0, 0, 1$, $\alpha = \frac12$"
    ),
    Notation(V_four, "V'", r"the same for $x = 1, 1, 1, 2$, $y = 0, 0, 0, 1$, $\alpha = \frac14$"),
    Notation(V_pairs, "U", r"the same for $x = 1, 1, 2, 2$, $y = 0$, $\alpha = \frac12$"),
    Notation(V_single, "U'", r"the same for $x = 1, 1, 1, 2$, $y = 0$, $\alpha = \frac12$"),
    Notation(y, "y", r"target of the first example of an epoch, $y = \pm 1$"),
    Notation(z, "z", r"target of the second, $z = \pm 1$"),
    Notation(g, "g_1", "gradient on the second example"),
    Notation(w_2, "w_2", "weight after both"),
    Notation(loss, "L(w_2)", r"loss $\frac14 \bigl( (w_2 - 1)^2 + (w_2 + 1)^2 \bigr)$"),
    Notation(E_shuffled, r"E_{\mathrm{shuffled}}", "expectation under reshuffling"),
    Notation(E_fresh, r"E_{\mathrm{fresh}}", "expectation with fresh batches, with or without replacement"),
]

Example: TypeAlias = tuple[Any, Any]
Cases: TypeAlias = Iterator[Mapping[Any, Any]]

EXAMPLES: list[Example] = [(1, 1), (2, -1), (1, 0), (1, -2), (3, 1), (2, 2)]
SHAPES: list[Callable[[Any], Any]] = [abs, lambda s: max(s - 1, 0 * s), lambda s: s**2, lambda s: abs(s + 1) + s**4]
"""Convex functions of one number."""

INSTANCES = {
    V_three: ((1, 1, 2), (0, 0, 1), Fraction(1, 2)),
    V_four: ((1, 1, 1, 2), (0, 0, 0, 1), Fraction(1, 4)),
    V_pairs: ((1, 1, 2, 2), (0, 0, 0, 0), Fraction(1, 2)),
    V_single: ((1, 1, 1, 2), (0, 0, 0, 0), Fraction(1, 2)),
}
"""Inputs, targets and a step size of one-feature problems; they start at 1."""


def disjoint(count: int, sizes: Sequence[int]) -> Iterator[tuple[frozenset[int], ...]]:
    """All tuples of disjoint batches of these sizes."""
    if not sizes:
        yield ()
        return
    for rest in disjoint(count, sizes[:-1]):
        free = [i for i in range(count) if not any(i in B for B in rest)]
        yield from ((*rest, frozenset(B)) for B in combinations(free, sizes[-1]))


def gradients(examples: Sequence[Example], sizes: Sequence[int], start: Any, step_size: Any) -> list[Any]:
    """The gradients on the last of disjoint batches of these sizes, all equally likely."""
    tuples = disjoint(len(examples), sizes)
    return [last_gradient([[examples[i] for i in B] for B in batches], start, step_size) for batches in tuples]


def last_gradient(batches: Sequence[Sequence[Example]], weight: Any, step_size: Any) -> Any:
    """The gradient on the last batch after a step on each of the others."""
    return gradient(batches[-1], run(batches[:-1], weight, step_size))


def run(batches: Sequence[Sequence[Example]], weight: Any, step_size: Any) -> Any:
    """The weight after a step on each batch."""
    for batch in batches:
        weight = weight - step_size * gradient(batch, weight)
    return weight


def gradient(batch: Sequence[Example], weight: Any) -> Any:
    """The gradient of the mean loss of a batch with one feature, by the chain rule."""
    return mean([x * (x * weight - target) for x, target in batch])


def mean(items: Sequence[Any]) -> Any:
    """The mean of numbers, exact."""
    total = sum(items[1:], items[0])
    return total / Fraction(len(items)) if isinstance(total, int | Fraction) else total / sp.Integer(len(items))


def variance(values: Sequence[Any]) -> Fraction:
    """The variance of equally likely numbers."""
    counts = Counter(values)
    total = sum(counts.values())
    second = sum((count * value**2 for value, count in counts.items()), Fraction(0)) / total
    return second - (sum((count * value for value, count in counts.items()), Fraction(0)) / total) ** 2


def shuffled(examples: Sequence[Example], size: int, count: int) -> Iterator[list[tuple[Example, ...]]]:
    """The first batches of all permutations of as many epochs as they need; leftover examples are dropped."""
    each = len(examples) // size
    for orders in product(permutations(examples), repeat=-(-count // each)):
        yield [order[k * size : (k + 1) * size] for order in orders for k in range(each)][:count]


def shuffled_variance(examples: Sequence[Example], start: Fraction, step_size: Fraction, size: int, t: int) -> Fraction:
    """Var(g_t) over all permutations."""
    return variance([last_gradient(batches, start, step_size) for batches in shuffled(examples, size, t + 1)])


def shuffled_loss(examples: Sequence[Example], start: Fraction, step_size: Fraction, size: int, t: int) -> Fraction:
    """E L(w_t) over all permutations."""
    ends = [run(batches, start, step_size) for batches in shuffled(examples, size, t)]
    return Fraction(mean([mean([(x * end - target) ** 2 for x, target in examples]) for end in ends])) / 2


def process(inputs: Sequence[int], targets: Sequence[int], start: int, step_size: Fraction) -> sv.SGD:
    """A process with one feature under reshuffling."""
    data = sv.Dataset(np.array([[x] for x in inputs], dtype=object), np.array(targets, dtype=object))
    return sv.SGD(sv.LinearRegression(data), [start], step_size, sv.RandomReshuffling())


def raised_sizes(largest: int) -> Iterator[tuple[int, tuple[int, ...], tuple[int, ...], int]]:
    """Numbers of examples, sizes of one to three batches, the same with one of them raised by one, and which."""
    for count in range(2, largest + 1):
        for sizes in (sizes for batches in (1, 2, 3) for sizes in product((1, 2), repeat=batches)):
            for s in range(len(sizes)):
                raised = tuple(size + (k == s) for k, size in enumerate(sizes))
                if sum(raised) <= count:
                    yield count, sizes, raised, s


def counted() -> Cases:
    """How often disjoint batches come from larger ones without one example: the least and the largest count."""
    for count, sizes, raised, s in raised_sizes(5):
        known = Counter((*B[:s], B[s] - {j}, *B[s + 1 :]) for B in disjoint(count, raised) for j in B[s])
        size = {n: sp.Integer(count), b: sp.Integer(sizes[s]), o: sp.Integer(sum(sizes) - sizes[s])}
        for C in disjoint(count, sizes):
            members = uniform({inside: sp.Integer(any(i in one for one in C))} for i in range(count))
            yield {**size, ways: sp.Integer(known[C]), over_examples: members}


def convex_functions() -> Cases:
    """Convex functions of the gradient on the last of one to three disjoint batches, one of them raised by one."""
    for count, sizes, raised, _ in raised_sizes(4):
        values = [gradients(EXAMPLES[:count], each, Fraction(1), Fraction(1, 2)) for each in (sizes, raised)]
        for shape in SHAPES:
            small, large = (sp.S(mean([shape(value) for value in each])) for each in values)
            yield {phi_small: small, phi_large: large}


def one_left_out() -> Cases:
    """Convex functions of the gradient on the last of one to three batches, and with each example of one left out."""
    for count, _, raised, s in raised_sizes(4):
        for batches, shape in product(disjoint(count, raised), SHAPES):
            drawn = [[EXAMPLES[i] for i in sorted(B)] for B in batches]
            fewer = [[*drawn[:s], [x for x in drawn[s] if x != out], *drawn[s + 1 :]] for out in drawn[s]]
            outcomes = uniform({left: sp.S(last_gradient(each, Fraction(1), Fraction(1, 2)))} for each in fewer)
            at_all = sp.S(last_gradient(drawn, Fraction(1), Fraction(1, 2)))
            yield {phi: shape, whole: at_all, over_draws: outcomes}


def distinct_examples() -> Cases:
    """The mean gradient in symbols, one feature, over disjoint batches of equal sizes and over distinct examples."""
    examples = list(zip(sp.symbols("x1:5"), sp.symbols("y1:5"), strict=True))
    for count, t in ((2, 1), (3, 1), (4, 1), (3, 2)):
        means = [
            mean(gradients(examples[:count], [size] * (t + 1), sp.Symbol("w0"), alpha))
            for size in range(1, count // (t + 1) + 1)
        ]
        orders = [[[example] for example in each] for each in permutations(examples[:count], t + 1)]
        means.append(mean([last_gradient(each, sp.Symbol("w0"), alpha) for each in orders]))
        yield from ({mean_small: one, mean_large: other} for one, other in pairwise(means))


def first_epoch() -> Cases:
    """Second moments and means of the gradient in the first epoch, by disjoint batches and by permutations."""
    for count, t in ((4, 1), (5, 1), (6, 1), (6, 2)):
        for examples in (EXAMPLES[:count], EXAMPLES[-count:]):
            process = Fraction(1), Fraction(1, 2)
            for size in range(1, count // (t + 1)):
                values = [gradients(examples, [each] * (t + 1), *process) for each in (size, size + 1)]
                if count <= 5:
                    orders = (shuffled(examples, each, t + 1) for each in (size, size + 1))
                    values += [[last_gradient(batches, *process) for batches in each] for each in orders]
                for small, large in zip(values[::2], values[1::2], strict=True):
                    squares = [sp.S(mean([value**2 for value in each])) for each in (small, large)]
                    yield {square_small: squares[0], square_large: squares[1], mu_squared: sp.S(mean(small)) ** 2}


def by_two_routes(function: Any) -> Cases:
    """The variances of one instance over all permutations, and by the library's own enumeration."""
    inputs, targets, step_size = INSTANCES[function]
    sgd = process(inputs, targets, 1, step_size)
    yield {function: cache(lambda t, size: sp.S(permuted(function, int(t), int(size))))}
    yield {function: cache(lambda t, size: sp.S(sv.enumerate_gradient_variance(sgd, int(t), int(size))))}


@cache
def permuted(function: Any, t: int, size: int) -> Fraction:
    """Var(g_t) of one instance over all permutations."""
    inputs, targets, step_size = INSTANCES[function]
    return shuffled_variance(list(zip(inputs, targets, strict=True)), Fraction(1), step_size, size, t)


def opposite_targets() -> Cases:
    """Inputs 1 and 1 with targets 1 and -1, one at a time: every run in symbols."""
    pair = [(sp.Integer(1), sp.Integer(1)), (sp.Integer(1), sp.Integer(-1))]
    orders = permutations(pair), product(pair, repeat=2)
    yield dict(zip((E_shuffled, E_fresh), (uniform(map(two_steps, each)) for each in orders), strict=True))


def two_steps(order: Sequence[Example]) -> Mapping[Any, Any]:
    """What a run over two examples with input 1 gives."""
    batches = [[example] for example in order]
    end = run(batches, sp.S.Zero, alpha)
    return {g: last_gradient(batches, sp.S.Zero, alpha), w_2: end, loss: mean([(end - 1) ** 2, (end + 1) ** 2]) / 2}


def any_targets() -> Cases:
    """One run over two examples with any targets."""
    yield {**two_steps([(sp.S.One, y), (sp.S.One, z)])}


def stepped(matrix: Any, vector: Any, weights: Any) -> Any:
    """The weights after a step on a batch with these means."""
    return weights - alpha * (matrix * weights - vector)


def under(product_mean: int) -> Identity:
    """An average over two targets, 1 and -1 equally often, whose product has this mean."""
    return Identity(given=SECOND, means={y: 0, z: 0, y**2: 1, z**2: 1, y * z: product_mean})


def variance_under(index: Any) -> Any:
    """The variance of the second gradient."""
    return average(g**2, index, y, z) - average(g, index, y, z) ** 2


def loss_under(index: Any) -> Any:
    """The expected loss after two steps."""
    return average((1 + w_2**2) / 2, index, y, z)


def both(function: Any) -> Enumeration:
    """The cases of one instance."""
    return Enumeration(
        "all permutations of both epochs, and the library's enumeration", partial(by_two_routes, function)
    )


SMALL = "one to three batches of one and two examples, each raised by one"
COUNTED = Enumeration(f"every tuple of sets counted, n = 2, ..., 5, {SMALL}", counted)
CONVEX = Enumeration(f"{len(SHAPES)} convex functions, n = 2, 3, 4, {SMALL}", convex_functions)
LEFT_OUT = Enumeration(f"{len(SHAPES)} convex functions, every batch, n = 2, 3, 4, {SMALL}", one_left_out)
FIRST_EPOCH = Enumeration("t = 1 and n = 4, 5, 6, t = 2 and n = 6, every b", first_epoch)
RUNS = Enumeration("one run in symbols, any two targets", any_targets)
ORDERS = Enumeration("every order of both examples, in symbols", opposite_targets)
SECOND = {g: alpha * y - z, w_2: (1 - alpha) * alpha * y + alpha * z}

disjoint_batches = Step(
    "disjoint-batches",
    r"The first batches of an epoch are disjoint, and uniform among all disjoint sets of their sizes. Whatever "
    r"disjoint sets are given, $B_s$ is $C_s$ and any example $j$ that is in none of them, of which there are $n - o "
    r"- b$. The other batches hold $o$ examples, so $C_s$ is one of $\binom{n - o}{b}$ sets, and $B_s$ one of "
    r"$\binom{n - o}{b + 1}$: summed over all $C_s$ these are all pairs $(B_s, j)$. **So with one example left out, "
    r"the batches are uniform disjoint sets again.**",
    [
        Line(
            ways,
            "=",
            n - o - b,
            Identity(given={ways: n * average(1 - inside, over_examples, inside)}, means={inside: (o + b) / n}),
            also=(COUNTED,),
        ),
        Line(
            sp.binomial(n - o, b) * ways,
            "=",
            (b + 1) * sp.binomial(n - o, b + 1),
            Identity(given={ways: n - o - b}, rewrite=sp.gammasimp),
            also=(COUNTED,),
        ),
    ],
)

affine_in_each_batch = Step(
    "affine-in-each-batch",
    r"The other batches being fixed, the step with $B$ is affine in its means, and later weights stay affine in $u$, "
    r"the weights after that step, by induction. So $A g_t$ without $j$, averaged over $j \in B$, is $A g_t$ with "
    r"$B$, for each batch up to the last.",
    [
        Line(
            average(stepped(H_left, f_left, w), over_draws, H_left, f_left),
            "=",
            w_B,
            Identity(means={H_left: H_B, f_left: f_B}),
        ),
        Line(stepped(H, f, P * u + r), "=", P_next * u + r_next, Identity()),
        Line(
            average(A * (H_left * w - f_left), over_draws, H_left, f_left),
            "=",
            A * (H_B * w - f_B),
            Identity(means={H_left: H_B, f_left: f_B}),
        ),
    ],
    definitions=[(w_B, stepped(H_B, f_B, w)), (P_next, P - alpha * H * P), (r_next, stepped(H, f, r))],
)


def over_j(body: Any) -> Any:
    """The mean over the example that is left out."""
    return average(body, over_draws, left, gap)


def over_pairs(body: Any) -> Any:
    """The expectation over all batches and the example that is left out of one."""
    return average(over_j(body), E, left, whole, slope, gap)


ABOVE = {phi(left): phi(whole) + slope * (left - whole) + gap}
ONE_LEFT_OUT = {phi_small: over_pairs(ABOVE[phi(left)]), phi_large: average(phi(whole), E, whole)}

one_size_at_a_time = Step(
    "one-size-at-a-time",
    r"$\varphi$ is convex: at $g_B$ it has a supporting line with a slope $a$, and $d_j \ge 0$ is its height above "
    r"that line. $g_B$ is the mean of $g_{B \setminus j}$, so the mean height of the line is $\varphi(g_B)$ (Jensen's "
    r"inequality). Without $j$ the batches are uniform disjoint sets again, so the expectation at the smaller size is "
    r"that of $\varphi(g_{B \setminus j})$. Raise one size at a time, as long as all batches fit into the epoch: "
    r"**smaller sizes have the larger expectation.**",
    [
        Line(over_j(phi(left)) - phi(whole), "=", over_j(gap), Identity(given=ABOVE, means={left: whole})),
        Line(over_j(phi(left)), ">=", phi(whole), Signs(given=ABOVE, means={left: whole}), also=(LEFT_OUT,)),
        Line(phi_small, ">=", phi_large, Signs(given=ONE_LEFT_OUT, means={left: whole}), also=(CONVEX,)),
    ],
)

means_over_distinct_examples = Step(
    "means",
    r"The mean gradient does not change when one example of one batch is left out: within the first epoch it is the "
    r"same for all sizes. For batches of one it is the mean over tuples of distinct examples. It is not the gradient "
    r"of gradient descent, whose examples need not be distinct.",
    [
        Line(
            mean_small,
            "=",
            mean_large,
            Identity(
                given={
                    mean_small: average(average(left, over_draws, left), E, whole),
                    mean_large: average(whole, E, whole),
                },
                means={left: whole},
            ),
            also=(
                Enumeration("one feature in symbols, n = 2, 3, 4 at t = 1, n = 3 at t = 2, every b", distinct_examples),
            ),
        )
    ],
)

within_the_first_epoch = Step(
    "within-the-first-epoch",
    r"Take the squared length for $\varphi$. Its expectation is more at the smaller size, by the mean of $d_j \ge 0$, "
    r"as in the step on one size at a time, and the square of the mean does not depend on the sizes. **Within the "
    r"first epoch, as long as $(t + 1)\, b \le n$, reshuffling keeps the order of fresh batches.**",
    [
        Line(
            average((gradient_B - mean_g).T * (gradient_B - mean_g), E, gradient_B),
            "=",
            average(gradient_B.T * gradient_B, E, gradient_B) - mean_g.T * mean_g,
            Identity(means={gradient_B: mean_g}),
        ),
        Line(var_small - var_large, "=", square_small - square_large, Identity()),
        Line(
            var_small,
            ">=",
            var_large,
            Signs(given={square_small: square_large + average(average(gap, over_draws, gap), E, gap)}),
            also=(FIRST_EPOCH,),
        ),
    ],
    definitions=[(var_small, square_small - mu_squared), (var_large, square_large - mu_squared)],
)

across_epochs = Step(
    "across-epochs",
    r"One feature, $w_0 = 1$. The batches of two have begun a new epoch and can draw an example again that they had "
    r"before; the batches of one cannot. Neither the inequality nor the equality of means survives that: **the larger "
    r"batch has the larger variance.**",
    [
        Line(V_three(1, 1), "=", sp.Rational(1, 18), both(V_three)),
        Line(V_three(1, 2), "=", sp.Rational(17, 144), both(V_three)),
        Line(V_three(1, 1), "<", V_three(1, 2), both(V_three)),
        Line(V_four(2, 1), "=", sp.Rational(59, 4096), both(V_four)),
        Line(V_four(2, 2), "=", sp.Rational(157, 8192), both(V_four)),
        Line(V_four(2, 1), "<", V_four(2, 2), both(V_four)),
    ],
)

at_equal_epochs = Step(
    "at-equal-epochs",
    r"One epoch over four examples is four steps or two; targets 0. **Neither order holds at equal epochs.** (With "
    r"batches of one all four factors $1 - \alpha x_i^2$ are multiplied in some order, so $w_4$ does not vary at all.)",
    [
        Line(V_pairs(4, 1), "=", sp.Rational(9, 64), both(V_pairs)),
        Line(V_pairs(2, 2), "=", sp.Rational(129, 256), both(V_pairs)),
        Line(V_pairs(4, 1), "<", V_pairs(2, 2), both(V_pairs)),
        Line(V_single(4, 1), "=", sp.Rational(27, 1024), both(V_single)),
        Line(V_single(2, 2), "=", sp.Rational(9, 1024), both(V_single)),
        Line(V_single(4, 1), ">", V_single(2, 2), both(V_single)),
    ],
)

two_examples = Step(
    "two-examples",
    r"Inputs 1 and 1, targets 1 and $-1$, $w_0 = 0$, $b = 1$. The first step ends at $w_1 = \alpha y$, the second "
    r"moves by $-\alpha g_1$, and the mean loss of both examples has its minimum at 0.",
    [
        Line(g, "=", alpha * y - z, RUNS),
        Line(w_2, "=", alpha * y - alpha * g, RUNS),
        Line(loss, "=", (1 + w_2**2) / 2, Identity(given={loss: ((w_2 - 1) ** 2 + (w_2 + 1) ** 2) / 4}), also=(RUNS,)),
    ],
)

against_fresh_batches = Step(
    "against-fresh-batches",
    r"Reshuffled, $z = -y$; fresh, $z$ and $y$ are independent. The second example of an epoch pulls back what the "
    r"first has moved, so its gradient is larger: **more variance at every step size.** After the whole epoch the "
    r"loss is larger, too, if $1 < \alpha < 2$, where gradient descent on the mean loss still converges.",
    [
        Line(variance_under(E_shuffled), "=", (1 + alpha) ** 2, under(-1), also=(ORDERS,)),
        Line(variance_under(E_fresh), "=", 1 + alpha**2, under(0), also=(ORDERS,)),
        Line(loss_under(E_shuffled), "=", (1 + alpha**4) / 2, under(-1), also=(ORDERS,)),
        Line(loss_under(E_fresh), "=", (1 + alpha**4) / 2 - alpha**2 * (alpha - 1), under(0), also=(ORDERS,)),
    ],
)

DERIVATION = Derivation(
    "reshuffling",
    "Random reshuffling",
    [
        "Linear regression. Batches are cut from a shuffled data set, which is shuffled again for each epoch; "
        "examples that are left over at the end of an epoch are dropped.",
        "The start $w_0$ and the step sizes do not depend on $b$.",
    ],
    SYMBOLS,
    [
        disjoint_batches,
        affine_in_each_batch,
        one_size_at_a_time,
        means_over_distinct_examples,
        within_the_first_epoch,
        across_epochs,
        at_equal_epochs,
        two_examples,
        against_fresh_batches,
    ],
)


def at_points(function: Any, points: Sequence[tuple[int, int]]) -> Counterexample:
    """Var(g_t) of an instance under reshuffling at pairs of b and t, by the library and by the permutations.

    Raises:
        AssertionError: The two disagree.
    """
    inputs, targets, step_size = INSTANCES[function]
    sgd, texts = process(inputs, targets, 1, step_size), []
    for size, t in points:
        found = sv.enumerate_gradient_variance(sgd, t, size)
        check_same(found, permuted(function, t, size))
        texts.append(f"{found} at b = {size}, step {t}")
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
    check_same(found, by_permutations(examples, Fraction(0), step_size, 1, t))
    fresh = by_library(sv.SGD(sgd.problem, sgd.start, sgd.step_size, sv.WithReplacement()), t, 1)
    shown = f"{quantity} at step {t} and b = 1 is {found}, and {fresh} with sampling=sv.WithReplacement()"
    return Counterexample(sgd.as_code(), shown)


def check_same(found: Any, expected: Any) -> None:
    """Checks that two routes agree.

    Raises:
        AssertionError: They do not.
    """
    if found != expected:
        raise AssertionError(f"the library should find what the permutations give, got {found} and {expected}")


def across_epochs_refuted() -> Finding:
    """Settles that the variance decreases across epochs."""
    found = [at_points(function, [(1, t), (2, t)]) for function, t in ((V_three, 1), (V_four, 2))]
    reason = "the larger batch has begun another epoch and draws what it had drawn before"
    return refuted(reason, *found, CheckedSteps.of(DERIVATION))


def equal_epochs_refuted() -> Finding:
    """Settles that the variance decreases at equal epochs."""
    return refuted(
        "one epoch is 4 steps with b = 1 and 2 steps with b = 2; the smaller batch can have the smaller variance",
        at_points(V_pairs, [(1, 4), (2, 2)]),
        CheckedSteps.of(DERIVATION),
    )


SETTING = "linear regression on finite data; fixed start; random reshuffling; step sizes that do not depend on b"

CLAIMS = [
    Claim(
        "reshuffling-first-epoch-gradient-variance-decreases",
        "Var(A g_t) does not increase in b, at equal steps t, as long as (t + 1) b <= n",
        SETTING,
        "derived here",
        lambda: proved(
            "an example left out of one of several disjoint batches leaves uniform disjoint ones",
            CheckedSteps.of(DERIVATION),
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
            CheckedSteps.of(DERIVATION),
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
            CheckedSteps.of(DERIVATION),
        ),
    ),
]
"""What follows, for the register of claims."""


if __name__ == "__main__":
    print(DERIVATION.check().to_text())
