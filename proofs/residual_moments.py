"""All that a network sees of a batch, and its moments as polynomials in 1/b; run this file to check every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from itertools import combinations, product
from math import comb, factorial, prod
from typing import Any

import sympy as sp

from sgdvar.derivation import Derivation, Enumeration, Identity, Induction, Line, Notation, Step, average

b, n, k, m, i, j = sp.symbols("b n k m i j", integer=True, positive=True)
u, z, a, phi, pi, product_mean = sp.symbols("u z a Phi pi_m E[prod]")
e, h, power, s, S, theta, M = map(sp.IndexedBase, ("e", "h", "p", "s", "S", "theta", "M"))
stop = sp.Symbol("l", integer=True, positive=True)
f, rest = sp.Function("f"), sp.Function("r")
loss = sp.Function("L_B", commutative=True)
in_batch = sp.Symbol("mean_B")

outputs, inputs, above, below, rank = sp.symbols("q p h_j h_j-1 r", integer=True, positive=True)
A, W, H = sp.MatrixSymbol("A", outputs, above), sp.MatrixSymbol("W", above, below), sp.MatrixSymbol("H", above, below)
B, G, R = sp.MatrixSymbol("B", below, inputs), sp.MatrixSymbol("G", above, below), sp.MatrixSymbol("R", outputs, inputs)
P, F = sp.MatrixSymbol("P", outputs, inputs), sp.MatrixSymbol("F", inputs, rank)
x, y, xi = sp.MatrixSymbol("x", inputs, 1), sp.MatrixSymbol("y", outputs, 1), sp.MatrixSymbol("xi", rank, 1)
rho = sp.MatrixSymbol("rho", outputs, rank)

SYMBOLS = [
    Notation(A, "A_j", "product of the layers above layer $j$, $W_L \\cdots W_{j+1}$"),
    Notation(W, "W_j", "weights of layer $j$"),
    Notation(B, "B_j", "product of the layers below, $W_{j-1} \\cdots W_1$; so $P = A_j W_j B_j$"),
    Notation(H, "H", "a change of $W_j$"),
    Notation(x, "x_i", "input of an example"),
    Notation(y, "y_i", "target of an example"),
    Notation(in_batch, r"\frac1b \sum_{i \in B}", "mean over the examples of the batch $B$"),
    Notation(loss, "L_B", "loss of the batch, a function of $W_j$: half the mean squared residual"),
    Notation(R, "R", "residual statistic of the batch: the mean of $R_i = (P x_i - y_i) x_i^\\top$"),
    Notation(G, r"\nabla_{W_j} L_B", "matrix of the derivatives of $L_B$ by the entries of $W_j$"),
    Notation(P, "P", "the network as one matrix, $W_L \\cdots W_1$"),
    Notation(F, "F", "a fixed matrix: inputs are $x_i = F \\xi_i$"),
    Notation(xi, r"\xi_i", "coordinates of an input, as many as the inputs have rank"),
    Notation(rho, r"\rho_i", "the residual statistic of an example in these coordinates"),
    Notation(s.label, "s", "covariance matrix of the inputs: $s_{ij} = s_{ji}$"),
    Notation(f, "f", "the column of $F$ that belongs to the input $k$"),
    Notation(rest, "r", "covariance that is left when the part of the input $k$ is taken out"),
    Notation(i, "i", "number of an input"),
    Notation(j, "j", "number of an input; an index of sums"),
    Notation(k, "k", "number of an input; order of a moment"),
    Notation(b, "b", "batch size"),
    Notation(u, "u", r"$\frac1b$"),
    Notation(n, "n", "number of examples"),
    Notation(m, "m", "number of draws, or of examples"),
    Notation(phi, r"\Phi", r"generating function of one draw, $E\, e^{\langle \Lambda, R_1 \rangle}$"),
    Notation(a, "a", r"$\Phi - 1$"),
    Notation(pi, r"\pi_m", "probability that $m$ given examples are all in the batch, without replacement"),
    Notation(
        product_mean,
        r"E \prod_{i \in B} (1 + a_i)",
        r"expectation over subsets $B$ of size $b$; for $a_i = e^{\langle \Lambda, R_i \rangle} - 1$ it is the "
        r"generating function $E\, e^{\langle \Lambda, \sum_{i \in B} R_i \rangle}$",
    ),
    Notation(e.label, "e", "$e_m$: elementary symmetric polynomial of $a_1, \\dots, a_n$"),
    Notation(power.label, "p", "$p_j$: the power sum $\\sum_i a_i^j$"),
    Notation(h.label, "h", "$h_j$: sum over $i$ of $a_i^j$ times $e_{m-j}$ of the other examples"),
    Notation(stop, "l", "where a sum is cut off"),
    Notation(z, "z", r"$e^\ell - 1$ for a number $\ell$, later $\langle \Lambda, R_i \rangle$"),
    Notation(S.label, "S", "$S_{k,m}$: number of partitions of $k$ things into $m$ blocks (Stirling number)"),
    Notation(
        theta.label,
        r"\theta",
        r"$\theta_{m,k}$: part of degree $k$ in $\Lambda$ of $(\Phi - 1)^m$, or of $e_m / \binom nm$ without "
        r"replacement (0 for $m > n$)",
    ),
    Notation(
        M.label,
        "M",
        r"$M_k = \frac{1}{k!} E \langle \Lambda, R \rangle^k$: holds all moments of order $k$ of the entries of $R$",
    ),
]

Series = list[Any]
"""The parts of degree 0, 1, ... of a power series."""


def networks() -> Iterator[Mapping[Any, Any]]:
    """The loss of two examples, differentiated by every weight of every layer."""
    for widths in ((1, 1), (1, 1, 1), (2, 1, 1), (1, 2, 1), (2, 1, 2), (2, 2, 2), (1, 1, 1, 1)):
        layers = [generic(f"w{t}_", widths[t + 1], widths[t]) for t in range(len(widths) - 1)]
        examples = [(generic(f"x{t}_", widths[0], 1), generic(f"y{t}_", widths[-1], 1)) for t in range(2)]
        end_to_end = chain(layers, widths[0])
        residuals = [end_to_end * one - target for one, target in examples]
        total = sum((residual.T * residual)[0] / 4 for residual in residuals)
        statistic = reduce(
            lambda left, right: left + right,
            [residual * one.T / 2 for residual, (one, _) in zip(residuals, examples, strict=True)],
        )
        for t, layer in enumerate(layers):
            yield {
                A: chain(layers[t + 1 :], layer.rows),
                B: chain(layers[:t], widths[0]),
                R: statistic,
                G: layer.applyfunc(total.diff),
            }


def powers_of_phi() -> Iterator[Mapping[Any, Any]]:
    """Batch sizes."""
    return ({b: sp.Integer(size)} for size in range(7))


def given_examples() -> Iterator[Mapping[Any, Any]]:
    """How many batches hold m given examples, by listing all batches."""
    for size in range(1, 6):
        for batch, given in product(range(size + 1), repeat=2):
            batches = list(combinations(range(size), batch))
            share = sp.Rational(sum(set(range(given)) <= set(one) for one in batches), len(batches))
            yield {n: sp.Integer(size), b: sp.Integer(batch), m: sp.Integer(given), pi: share}


def subsets() -> Iterator[Mapping[Any, Any]]:
    """The mean over all batches of a product, for numbers that are symbols."""
    for size in range(1, 6):
        values = sp.symbols(f"a1:{size + 1}")
        for batch in range(size + 1):
            total = sum(prod(1 + value for value in one) for one in combinations(values, batch))
            yield {
                n: sp.Integer(size),
                b: sp.Integer(batch),
                e: lambda order, values=values: elementary(values, order),
                product_mean: total / sp.Integer(comb(size, batch)),
            }


def symmetric_polynomials() -> Iterator[Mapping[Any, Any]]:
    """Symmetric polynomials from their definitions, for numbers that are symbols; also for m > n."""
    for size, order in product(range(1, 5), range(1, 6)):
        values = sp.symbols(f"a1:{size + 1}")

        def without_one(t: int, values: Sequence[Any] = values, order: int = order) -> Any:
            others = [[*values[:place], *values[place + 1 :]] for place in range(len(values))]
            return sum(value**t * elementary(other, order - t) for value, other in zip(values, others, strict=True))

        yield {
            m: sp.Integer(order),
            e: lambda t, values=values: elementary(values, t),
            power: lambda t, values=values: sum(value**t for value in values),
            h: without_one,
        }


def cut_off() -> Iterator[Mapping[Any, Any]]:
    """The same with every place where a sum may be cut off."""
    for case in symmetric_polynomials():
        yield from ({**case, stop: sp.Integer(last_term)} for last_term in range(1, int(case[m]) + 1))


def partitions() -> Iterator[Mapping[Any, Any]]:
    """Stirling numbers, by listing all partitions."""
    for things, blocks in product(range(1, 6), range(1, 7)):
        yield {k: sp.Integer(things), m: sp.Integer(blocks), S: stirling}


def every_batch() -> Iterator[Mapping[Any, Any]]:
    """The moments of batch means as a sum over every batch."""
    for size in range(1, 5):
        r = sp.symbols(f"r1:{size + 1}")
        thetas = thetas_of_sets(r, 5)
        for batch in range(1, size + 1):
            share = sp.Rational(1, comb(size, batch))
            yield from moments_of(thetas, batch, [(share, one) for one in combinations(r, batch)])
    for size, sizes in ((1, (1, 2)), (2, (1, 2, 3)), (3, (1, 2))):
        r, masses = sp.symbols(f"r1:{size + 1}"), sp.symbols(f"p1:{size}")
        atoms = list(zip((*masses, 1 - sum(masses)), r, strict=True))
        one_draw = [sum(mass * value**t for mass, value in atoms) / factorial(t) for t in range(6)]
        for batch in sizes:
            drawn = product(atoms, repeat=batch)
            outcomes = [(prod(mass for mass, _ in one), [value for _, value in one]) for one in drawn]
            yield from moments_of(powers([0, *one_draw[1:]]), batch, outcomes)


def moments_of(
    thetas: Sequence[Series], batch: int, outcomes: Sequence[tuple[Any, Sequence[Any]]]
) -> Iterator[Mapping[Any, Any]]:
    """The moments of order 1, ..., 5 of the mean of a batch, from batches with their probabilities."""
    means = [(mass, sum(one) / sp.Integer(batch)) for mass, one in outcomes]
    for order in range(1, 6):
        yield {
            k: sp.Integer(order),
            u: sp.Rational(1, batch),
            M: lambda t: sum(mass * mean**t for mass, mean in means) / factorial(t),
            theta: lambda drawn, t: thetas[drawn][t],
        }


def thetas_of_sets(r: Sequence[Any], order: int) -> list[Series]:
    """The mean over distinct examples of products of m of the a_i, from the definition; 0 for m > n."""
    exponentials: list[Series] = [[sp.S.Zero, *[value**t / factorial(t) for t in range(1, order + 1)]] for value in r]
    result = []
    for drawn in range(order + 1):
        sets = [reduce(multiply, one, unit(order)) for one in combinations(exponentials, drawn)]
        result.append([sp.expand(sum(s[t] for s in sets) / sp.Integer(max(len(sets), 1))) for t in range(order + 1)])
    return result


def unit(order: int) -> Series:
    """The series 1."""
    return [sp.S.One, *[sp.S.Zero] * order]


def multiply(left: Series, right: Series) -> Series:
    """The product, up to the same degree."""
    return [sp.expand(sum(left[t] * right[d - t] for t in range(d + 1))) for d in range(len(left))]


def powers(series: Series) -> list[Series]:
    """The powers 0, 1, ... of a series without constant term, up to the last that is not 0."""
    result = [unit(len(series) - 1)]
    for _ in series[1:]:
        result.append(multiply(result[-1], series))
    return result


def elementary(values: Sequence[Any], order: int) -> Any:
    """The elementary symmetric polynomial e_m; 0 for m < 0."""
    return sum((prod(one) for one in combinations(values, order)), start=sp.S.Zero) if order >= 0 else sp.S.Zero


def stirling(things: int, blocks: int) -> Any:
    """The number of partitions of k things into m blocks, by listing the first member of each thing's block."""
    firsts = product(*[range(t + 1) for t in range(things)])
    return sp.Integer(sum(len(set(one)) == blocks and all(one[t] == t for t in set(one)) for one in firsts))


def chain(layers: Sequence[Any], size: int) -> Any:
    """The product of layers, the last one leftmost; the identity if there are none."""
    return sp.ImmutableMatrix(reduce(lambda product, layer: layer * product, layers, sp.eye(size)))


def generic(name: str, rows: int, columns: int) -> Any:
    """A matrix of symbols."""
    return sp.ImmutableMatrix(rows, columns, lambda r, c: sp.Symbol(f"{name}{r + 1}{c + 1}"))


def by_gamma(expression: Any) -> Any:
    """Rising factorials and binomials by gamma functions."""
    gamma = expression.replace(sp.RisingFactorial, lambda x, m: sp.gamma(x + m) / sp.gamma(x)).rewrite(sp.gamma)
    return sp.powsimp(sp.expand(sp.gammasimp(sp.powsimp(gamma))))


def loss_at(weights: Any) -> Any:
    """The loss as a function of the weights of one layer."""
    residual = A * weights * B * x - y
    return sp.Trace(average(residual * residual.T, in_batch, x, y)) / 2


differential = Step(
    "differential",
    r"Move $W_j$ by $H$: the loss is quadratic in it. The part that is linear in $H$ is $\langle A_j^\top R B_j^\top, "
    r"H \rangle = \operatorname{tr}(H^\top A_j^\top R B_j^\top)$. So a batch enters the gradients of **all** layers "
    r"through the one matrix $R$.",
    [
        Line(
            loss(W + H),
            "=",
            loss(W)
            + sp.Trace(H.T * A.T * R * B.T)
            + sp.Trace(average(A * H * B * x * x.T * B.T * H.T * A.T, in_batch, x)) / 2,
            Identity(),
        )
    ],
    definitions=[(loss(W), loss_at(W)), (R, average((A * W * B * x - y) * x.T, in_batch, x, y))],
)

gradient = Step(
    "gradient",
    "The same from the definition of a gradient: the loss differentiated by every weight.",
    [Line(G, "=", A.T * R * B.T, Enumeration("two examples in symbols, seven networks of 1, 2, 3 layers", networks))],
)

coordinates = Step(
    "coordinates",
    r"Inputs of low rank, or correlated ones, need moments in the coordinates $\xi$ only, with $P F$ in place of $P$: "
    r"the factor $F^\top$ is fixed. For finite data the rows of $F^\top$ are a basis of the row space of the inputs.",
    [Line((P * x - y) * x.T, "=", rho * F.T, Identity())],
    definitions=[(x, F * xi), (rho, (P * F * xi - y) * xi.T)],
)

elimination = Step(
    "elimination",
    r"For Gaussian inputs elimination gives independent coordinates without square roots: take an input $k$ with "
    r"$s_{kk} > 0$ out of the covariance. What is left has no row $k$ any more, and is a covariance again: that of "
    r"the errors $x_i - f(i)\, x_k$ (third line). Go on until nothing is left: $s = F \operatorname{diag}(d) F^\top$, "
    r"where the columns of $F$ are the $f$, and the variances $d$ of the coordinates are the $s_{kk} > 0$.",
    [
        Line(s[i, j], "=", s[k, k] * f(i) * f(j) + rest(i, j), Identity()),
        Line(rest(i, k), "=", 0, Identity()),
        Line(s[i, j] - f(i) * s[j, k] - f(j) * s[i, k] + f(i) * f(j) * s[k, k], "=", rest(i, j), Identity()),
    ],
    definitions=[(f(i), s[i, k] / s[k, k]), (rest(i, j), s[i, j] - s[i, k] * s[j, k] / s[k, k])],
)

independent_draws = Step(
    "independent-draws",
    r"Independent draws, from a population or with replacement: the generating function of the sum of $b$ draws is "
    r"$\Phi^b$. Written in $a = \Phi - 1$, whose series begins with degree 1 in $\Lambda$, it is a sum over the "
    r"number $m$ of draws that contribute. One more draw contributes or not (the first line), so it multiplies the sum "
    r"by $1 + a = \Phi$. These are power series in the entries of $\Lambda$ of which each coefficient is a finite "
    r"sum: only moments need to exist.",
    [
        Line(
            sp.binomial(b + 1, m),
            "=",
            sp.binomial(b, m) + sp.binomial(b, m - 1),
            Identity(rewrite=by_gamma),
        ),
        Line(
            sp.Sum(sp.binomial(b, m) * a**m, (m, 0, b)),
            "=",
            phi**b,
            Induction(b, first=sp.S.One, step=lambda value, _: value * phi),
            also=(Enumeration("multiplied out for b = 0, ..., 6", powers_of_phi),),
        ),
    ],
    definitions=[(a, phi - 1)],
)

examples_in_a_batch = Step(
    "examples-in-a-batch",
    r"Without replacement: if $m$ given examples are in the batch, its other $b - m$ places fall on the other $n - m$ "
    r"examples, and hit one more given example with probability $\frac{b-m}{n-m}$.",
    [
        Line(
            pi,
            "=",
            sp.binomial(b, m) / sp.binomial(n, m),
            Induction(m, first=sp.S.One, step=lambda value, m: value * (b - m) / (n - m), rewrite=by_gamma),
            also=(Enumeration("every batch listed, n = 1, ..., 5, every b and m", given_examples),),
        )
    ],
)

distinct_examples = Step(
    "distinct-examples",
    r"Multiply out: a product of $m$ of the $a_i$ counts if its $m$ examples are in the batch, with probability "
    r"$\pi_m$. Compared with independent draws, $e_m / \binom nm$, the mean of $a_{i_1} \cdots a_{i_m}$ over distinct "
    r"examples, has taken the place of $(\Phi - 1)^m$.",
    [
        Line(
            product_mean,
            "=",
            sp.Sum(sp.binomial(b, m) / sp.binomial(n, m) * e[m], (m, 0, b)),
            Enumeration("every batch in symbols, n = 1, ..., 5 and every b", subsets),
        )
    ],
)

telescoping = Step(
    "telescoping",
    r"From power sums to the $e_m$. Split $e_{m-j}$ by whether it holds $a_i$: $p_j\, e_{m-j} = h_j + h_{j+1}$. With "
    r"alternating signs the sum telescopes.",
    [
        Line(
            sp.Sum((-1) ** j * power[j] * e[m - j], (j, 1, stop)),
            "=",
            (-1) ** stop * h[stop + 1] - h[1],
            Induction(
                stop,
                first=sp.S.Zero,
                step=lambda value, last: value - (-1) ** last * (h[last + 1] + h[last + 2]),
                rewrite=sp.powsimp,
            ),
            also=(Enumeration("in symbols, n = 1, ..., 4, m = 1, ..., 5 and every cut", cut_off),),
        )
    ],
)

newton_identities = Step(
    "newton-identities",
    r"At $l = m$ the last term is gone: $h_{m+1} = 0$. And $h_1 = m\, e_m$, because a product of $m$ examples arises "
    r"once for each of them. These are Newton's identities; they also give $e_m = 0$ for $m > n$. So one sum over the "
    r"examples for each order is enough.",
    [
        Line(h[1], "=", m * e[m], Enumeration("in symbols, n = 1, ..., 4, m = 1, ..., 5", symmetric_polynomials)),
        Line(
            m * e[m],
            "=",
            -sp.Sum((-1) ** j * power[j] * e[m - j], (j, 1, m)),
            Enumeration("in symbols, n = 1, ..., 4, m = 1, ..., 5", symmetric_polynomials),
        ),
    ],
)

stirling_numbers = Step(
    "stirling-numbers",
    r"Power sums need powers of $z = e^\ell - 1$, whose derivative by $\ell$ is $1 + z$. The first line is the "
    r"derivative of $\frac{z^m}{m!}$, so the coefficient of $\frac{\ell^k}{k!}$ in it is $S_{k,m}$: both obey one "
    r"recursion (thing $k + 1$ joins one of $m$ blocks, or is a block of its own). So $p_j = j! \sum_k S_{k,j} \sum_i "
    r"\frac{1}{k!} \langle \Lambda, R_i \rangle^k$.",
    [
        Line(
            (1 + z) * m * z ** (m - 1) / sp.factorial(m),
            "=",
            m * z**m / sp.factorial(m) + z ** (m - 1) / sp.factorial(m - 1),
            Identity(rewrite=by_gamma),
        ),
        Line(
            S[k + 1, m],
            "=",
            m * S[k, m] + S[k, m - 1],
            Enumeration("every partition listed, k = 1, ..., 5, m = 1, ..., 6", partitions),
        ),
    ],
)

moments = Step(
    "moments",
    r"All moments of the residual statistic. From the sum of a batch to its mean $\Lambda$ becomes $u \Lambda$, so a "
    r"part of degree $k$ takes $u^k$, and $u^k \binom bm = \frac{1}{m!} u^{k-m} \prod_{j<m} (1 - j u)$. The left side "
    r"is the definition, a sum over all batches. The numbers $\langle \Lambda, R_i \rangle$ are arbitrary in it, so "
    r"this holds for all matrices $R_i$ and all $\Lambda$, hence for all mixed moments of the entries of $R$.",
    [
        Line(
            M[k],
            "=",
            sp.Sum(u ** (k - m) / sp.factorial(m) * sp.Product(1 - j * u, (j, 0, m - 1)) * theta[m, k], (m, 1, k)),
            Enumeration(
                "every batch in symbols, k = 1, ..., 5: n = 1, ..., 4 and every b without replacement; one to three "
                "atoms of any probabilities, b = 1 and 2, and 3 for two atoms",
                every_batch,
            ),
        )
    ],
)

DERIVATION = Derivation(
    "residual_moments",
    "What a network sees of a batch",
    [
        "The loss of an example is half its squared residual, and the loss of a batch is the mean over its examples.",
        "Batches are $b$ independent draws, with replacement from $n$ examples or from a population whose moments "
        "exist, or a uniform subset of $b$ of $n$ examples.",
    ],
    SYMBOLS,
    [
        differential,
        gradient,
        coordinates,
        elimination,
        independent_draws,
        examples_in_a_batch,
        distinct_examples,
        telescoping,
        newton_identities,
        stirling_numbers,
        moments,
    ],
)


if __name__ == "__main__":
    print(DERIVATION.check().to_text())
