"""All that a network sees of a batch, and its moments as polynomials in 1/b; run this file to check every step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import combinations, product
from math import comb, factorial, perm, prod
from typing import Any

import sympy as sp

u = sp.Symbol("u")
ORDER = 6  # power series are compared up to this degree

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
        one_statistic(),
        fewer_coordinates(),
        independent_draws(),
        distinct_examples(),
        newton_and_stirling(),
        mean_of_a_batch(),
        every_batch_enumerated(),
        first_and_last_coefficient(),
    ]


def identity(left: Any, right: Any) -> None:
    """Checks that two rational functions, or matrices of them, are the same.

    Raises:
        AssertionError: They differ.
    """
    difference = sp.Matrix([left - right]).expand()
    if not difference.is_zero_matrix and not difference.applyfunc(sp.cancel).is_zero_matrix:
        raise AssertionError(f"{left} = {right} is false: the difference is {difference}")


def one_statistic() -> Step:
    """The gradient of a batch in every layer, through one matrix."""
    for widths in ((1, 1), (1, 1, 1), (2, 1, 1), (1, 2, 1), (2, 1, 2), (1, 1, 1, 1)):
        layers = [generic(f"w{j}_", widths[j + 1], widths[j]) for j in range(len(widths) - 1)]
        inputs = [generic(f"x{i}_", widths[0], 1) for i in range(2)]
        targets = [generic(f"y{i}_", widths[-1], 1) for i in range(2)]
        P = chain(layers, widths[0])
        residuals = [P * x - y for x, y in zip(inputs, targets, strict=True)]
        loss = mean([(r.T * r)[0] / 2 for r in residuals])
        R = mean([r * x.T for r, x in zip(residuals, inputs, strict=True)])
        for j, layer in enumerate(layers):
            above, below = chain(layers[j + 1 :], layer.rows), chain(layers[:j], widths[0])
            identity(layer.applyfunc(lambda weight, loss=loss: loss.diff(weight)), above.T * R * below.T)
    return (
        r"\nabla_{W_j} L_B &= A_j^\top R\, B_j^\top, \qquad A_j = W_L \cdots W_{j+1}, \quad B_j = W_{j-1} \cdots W_1, "
        r"\\ R &= \frac1b \sum_{i \in B} R_i, \qquad R_i = (P x_i - y_i)\, x_i^\top, \qquad P = W_L \cdots W_1",
        r"The loss of a batch $B$ is $L_B = \frac1b \sum_{i \in B} \tfrac12 \lVert P x_i - y_i \rVert^2$. Its "
        r"differential is $\langle R, dP \rangle$, and $dP = A_j\, dW_j\, B_j$ if $W_j$ alone moves. So a batch enters "
        r"the gradients of all layers through the matrix $R$ alone.",
        "differentiated in symbols for two examples and six networks of one, two and three layers",
    )


def fewer_coordinates() -> Step:
    """Correlated inputs, in as many independent coordinates as they have rank."""
    for p, r in ((1, 1), (2, 1), (2, 2), (3, 2)):
        F, P, xi, y = generic("f", p, r), generic("p", 2, p), generic("xi", r, 1), generic("y", 2, 1)
        x = F * xi
        identity((P * x - y) * x.T, ((P * F) * xi - y) * xi.T * F.T)
    C = generic("c", 3, 2)
    rest, columns, variances = C * C.T, [], []
    for i in range(2):
        columns.append(rest[:, i] / rest[i, i])
        variances.append(rest[i, i])
        rest = (rest - columns[-1] * rest[i, :]).applyfunc(sp.cancel)
    F = sp.Matrix.hstack(*columns)
    identity(F * sp.diag(*variances) * F.T, C * C.T)
    return (
        r"x_i = F \xi_i \quad\Longrightarrow\quad R_i = \bigl( P F \xi_i - y_i \bigr)\, \xi_i^\top \cdot F^\top",
        r"$F$ is fixed, so moments are needed in the coordinates $\xi$ only, with $P F$ in place of $P$. For finite "
        r"data the rows of $F^\top$ are a basis of the row space of the inputs. For Gaussian inputs of covariance "
        r"$C C^\top$, elimination gives $C C^\top = F \operatorname{diag}(d)\, F^\top$ without square roots: "
        r"independent coordinates $\xi \sim N(0, \operatorname{diag}(d))$.",
        "identities in symbols for one to three inputs of rank one and two; the elimination for three inputs of rank 2",
    )


def independent_draws() -> Step:
    """The generating function of a sum of independent draws, in falling factorials of b."""
    Phi = one_draw(ORDER)
    for size in range(ORDER + 1):
        exact = reduce(multiply, [Phi] * size, unit(ORDER))
        identity_of_series(exact, combine([perm(size, m) for m in range(ORDER + 1)], thetas_of_draws(Phi)))
    return (
        r"E\, e^{\langle \Lambda, \sum_{i \in B} R_i \rangle} = \Phi(\Lambda)^b = \sum_{m \ge 0} b(b-1) \cdots "
        r"(b-m+1)\, \frac{(\Phi(\Lambda) - 1)^m}{m!}, \qquad \Phi(\Lambda) = E\, e^{\langle \Lambda, R_1 \rangle}",
        r"Independent draws, from a population or with replacement: expectations multiply; then the binomial series. "
        r"These are power series in the entries of $\Lambda$, of which each coefficient is a finite sum: only moments "
        r"need to exist. Here $\langle \Lambda, R \rangle = \sum_{ac} \Lambda_{ac} R_{ac}$.",
        f"multiplied out for b = 0, ..., {ORDER} and any moments of one draw; the terms of order k are polynomials in "
        f"b of degree at most k, so this is every b up to order {ORDER}",
    )


def distinct_examples() -> Step:
    """The generating function of a sum of distinct examples, in falling factorials of b."""
    for n in range(1, 6):
        a = sp.symbols(f"a1:{n + 1}")
        for size in range(n + 1):
            average = elementary([1 + entry for entry in a], size) / sp.Integer(comb(n, size))
            terms = [sp.Rational(perm(size, m), perm(n, m)) * elementary(a, m) for m in range(n + 1)]
            identity(average, sum(terms))
    n, b, m = sp.symbols("n b m", positive=True)
    ratio = sp.binomial(n - m, b - m) / sp.binomial(n, b)
    identity(sp.gammasimp(ratio.rewrite(sp.gamma) / (falling(b, m) / falling(n, m)).rewrite(sp.gamma)), 1)
    return (
        r"E\, e^{\langle \Lambda, \sum_{i \in B} R_i \rangle} = \frac{e_b(1 + a_1, \dots, 1 + a_n)}{\binom nb} = "
        r"\sum_{m=0}^{n} \frac{b(b-1) \cdots (b-m+1)}{n(n-1) \cdots (n-m+1)}\; e_m(a_1, \dots, a_n), \qquad "
        r"a_i = e^{\langle \Lambda, R_i \rangle} - 1",
        r"Without replacement the batch is one of $\binom nb$ sets, so the left side is an elementary symmetric "
        r"polynomial $e_b$ of the $e^{\langle \Lambda, R_i \rangle}$. A set of $m$ examples lies in $\binom{n-m}{b-m}$ "
        r"of the batches. There are no terms beyond $m = n$. Compared with independent draws, "
        r"$e_m / (n(n-1) \cdots (n-m+1))$ has taken the place of $(\Phi - 1)^m / m!$: draws are averaged over distinct "
        r"examples.",
        "exhaustive enumeration in symbols for n = 1, ..., 5 and every b; the quotient of binomials for all n, b and m",
    )


def newton_and_stirling() -> Step:
    """Elementary symmetric polynomials from power sums, and those from sums over examples."""
    for n in range(1, 5):
        a = sp.symbols(f"a1:{n + 1}")
        for m in range(1, ORDER + 1):
            sums = [sum(entry**j for entry in a) for j in range(m + 1)]
            identity(
                m * elementary(a, m), sum((-1) ** (j - 1) * sums[j] * elementary(a, m - j) for j in range(1, m + 1))
            )
    ell = sp.Symbol("ell")
    exponential = [ell**k / factorial(k) for k in range(ORDER + 3)]
    for m, series in enumerate(powers([0, *exponential[1:]])):
        identity_of_series(series, [factorial(m) * stirling(k, m) * term for k, term in enumerate(exponential)])
    return (
        r"m\, e_m = \sum_{j=1}^m (-1)^{j-1} e_{m-j}\, p_j, \qquad p_j = \sum_i a_i^j = j! \sum_{k \ge j} "
        r"{k \brace j} \sum_i \frac{\langle \Lambda, R_i \rangle^k}{k!}",
        r"Newton's identities, which also give $e_m = 0$ for $m > n$; and powers of $e^\ell - 1$ by Stirling numbers "
        r"of the second kind ${k \brace j}$. So one sum over the examples for each order is enough.",
        f"Newton's identities in symbols for n = 1, ..., 4 and m up to {ORDER}, beyond n too; powers of the series of "
        f"the exponential up to order {ORDER + 2}",
    )


def mean_of_a_batch() -> Step:
    """The scaling from the sum of a batch to its mean."""
    b = sp.Symbol("b")
    for k in range(1, ORDER + 2):
        for m in range(k + 1):
            identity(prefactor(k, m).subs(u, 1 / b), falling(b, m) / b**k)
            if (degree := sp.degree(prefactor(k, m), u)) != (k - 1 if m else k):
                raise AssertionError(f"the prefactor of order {k} and {m} draws has degree {degree}")
    return (
        r"M_k &= \sum_{m=1}^{k} u^{k-m} \prod_{j<m} (1 - j u) \cdot [\Theta_m]_k, \qquad u = \frac1b, \\ "
        r"\Theta_m &= \frac{(\Phi - 1)^m}{m!} \quad\text{or}\quad \frac{e_m(a_1, \dots, a_n)}{n(n-1) \cdots (n-m+1)} "
        r"\;(m \le n), \text{ else } 0",
        r"Here $E\, e^{\langle \Lambda, R \rangle} = \sum_k M_k(\Lambda)$ with $R$ the mean of the batch and $M_k$ of "
        r"degree $k$ in $\Lambda$, so that $M_k$ holds all moments of order $k$; and $[\,\cdot\,]_k$ is the part of "
        r"degree $k$. From the sum to the mean $\Lambda$ becomes $u \Lambda$, and "
        r"$u^k\, b(b-1) \cdots (b-m+1) = u^{k-m} \prod_{j<m} (1 - j u)$. The factor for $j = 0$ is 1, so the product "
        r"has degree $m - 1$: **for every design a moment of order $k \ge 1$ is a polynomial in $u$ of degree at most "
        r"$k - 1$.** (Without replacement: one of the polynomials that agree at $b = 1, \dots, n$.)",
        f"identities of rational functions in b and the degrees, for 0 <= m <= k <= {ORDER + 1}",
    )


def every_batch_enumerated() -> Step:
    """The moments of batch means against the sum over all batches."""
    order = 5
    for n in range(1, 5):
        r = sp.symbols(f"r1:{n + 1}")
        parts = batch_moments(thetas_of_sets(r, order), order)
        for size in range(1, n + 1):
            check_moments(parts, size, [(sp.Rational(1, comb(n, size)), batch) for batch in combinations(r, size)])
    for n, sizes in ((1, (1, 2)), (2, (1, 2, 3)), (3, (1, 2))):
        r, masses = sp.symbols(f"r1:{n + 1}"), sp.symbols(f"p1:{n}")
        atoms = list(zip((*masses, 1 - sum(masses)), r, strict=True))
        Phi = [sum(p * entry**k for p, entry in atoms) / factorial(k) for k in range(order + 1)]
        parts = batch_moments(thetas_of_draws(Phi), order)
        for size in sizes:
            draws = list(product(atoms, repeat=size))
            check_moments(parts, size, [(prod(p for p, _ in draw), [e for _, e in draw]) for draw in draws])
    return (
        r"k!\, M_k = \sum_B \Pr(B)\, \Bigl( \frac1b \sum_{i \in B} r_i \Bigr)^{\!k}, \qquad "
        r"r_i = \langle \Lambda, R_i \rangle",
        r"The definition itself. The numbers $r_i$ are arbitrary, so this is the identity for all matrices $R_i$ and "
        r"all $\Lambda$, hence for all mixed moments of the entries of $R$.",
        f"exhaustive enumeration in symbols for k up to {order}: n = 1, ..., 4 and every b without replacement; one to "
        "three atoms with symbolic probabilities, b = 1 and 2, and 3 for two atoms",
    )


def first_and_last_coefficient() -> Step:
    """Moments as sums over cumulants; their extreme coefficients."""
    Phi = one_draw(ORDER + 1)
    logarithm = combine([0, *[sp.Rational((-1) ** (m - 1), m) for m in range(1, ORDER + 2)]], powers([0, *Phi[1:]]))
    cumulants = [factorial(k) * part for k, part in enumerate(logarithm)]
    exponent = [0, *[u ** (k - 1) * part for k, part in enumerate(logarithm[1:], 1)]]
    series = combine([sp.Rational(1, factorial(m)) for m in range(ORDER + 2)], powers(exponent))
    parts = batch_moments(thetas_of_draws(Phi), ORDER + 1)
    identity_of_series(parts, series)
    for k in range(2, ORDER + 2):
        coefficients = sp.Poly(sp.expand(factorial(k) * parts[k]), u).all_coeffs()[::-1]
        identity(coefficients[0], cumulants[1] ** k)
        identity(coefficients[1], comb(k, 2) * cumulants[1] ** (k - 2) * cumulants[2])
        identity(coefficients[k - 1], cumulants[k])
    for n in range(1, 5):
        r = sp.symbols(f"r1:{n + 1}")
        for k, part in enumerate(batch_moments(thetas_of_sets(r, 5), 5)):
            identity(factorial(k) * part.subs(u, sp.Rational(1, n)) if k else part, (sum(r) / n) ** k)
    return (
        r"E\, e^{\langle \Lambda, R \rangle} &= \exp \sum_{k \ge 1} u^{k-1} \frac{\kappa_k(\Lambda)}{k!}, \\ "
        r"k!\, M_k &= \kappa_1^k + \tbinom k2\, \kappa_1^{k-2} \kappa_2\, u + \dots + \kappa_k\, u^{k-1}",
        r"For independent draws, $\Phi(u \Lambda)^{1/u} = \exp(\tfrac1u \log \Phi(u \Lambda))$, and $\log \Phi$ "
        r"generates the cumulants $\kappa_k$ of one example's $\langle \Lambda, R_1 \rangle$. So the degree is "
        r"exactly $k - 1$ where the $k$-th cumulant is not 0. At $u = 0$ every moment is the power of the mean. "
        r"Without replacement this happens at $u = \frac1n$ instead: $k!\, M_k = \kappa_1^k$, the only batch being "
        r"everything.",
        f"power series for any moments of one draw, up to order {ORDER + 1}; without replacement in symbols for "
        "n = 1, ..., 4 and k up to 5",
    )


Series = list[Any]
"""The parts of degree 0, 1, ... of a power series."""


def identity_of_series(left: Sequence[Any], right: Sequence[Any]) -> None:
    """Checks that two power series are the same."""
    for a, b in zip(left, right, strict=True):
        identity(a, b)


def unit(order: int) -> Series:
    """The series 1."""
    return [sp.S.One, *[sp.S.Zero] * order]


def multiply(left: Series, right: Series) -> Series:
    """The product, up to the same degree."""
    return [sp.expand(sum(left[i] * right[k - i] for i in range(k + 1))) for k in range(len(left))]


def powers(series: Series) -> list[Series]:
    """The powers 0, 1, ... of a series without constant term, up to the last that is not 0."""
    result = [unit(len(series) - 1)]
    for _ in series[1:]:
        result.append(multiply(result[-1], series))
    return result


def combine(coefficients: Sequence[Any], terms: Sequence[Series]) -> Series:
    """A linear combination."""
    return [
        sp.expand(sum(a * part for a, part in zip(coefficients, parts, strict=True)))
        for parts in zip(*terms, strict=True)
    ]


def one_draw(order: int) -> Series:
    """Phi: the exponential generating function of any moments."""
    return [sp.S.One, *[sp.Symbol(f"mu{k}") / factorial(k) for k in range(1, order + 1)]]


def thetas_of_draws(Phi: Series) -> list[Series]:
    """(Phi - 1)^m / m!."""
    return [[part / factorial(m) for part in series] for m, series in enumerate(powers([0, *Phi[1:]]))]


def thetas_of_sets(r: Sequence[Any], order: int) -> list[Series]:
    """e_m(a_1, ..., a_n) / (n (n-1) ... (n-m+1)), from sums over the examples; 0 for m > n."""
    n = len(r)
    sums = [sum(entry**k for entry in r) / factorial(k) for k in range(order + 1)]
    p = [[factorial(j) * stirling(k, j) * part for k, part in enumerate(sums)] for j in range(order + 1)]
    e = [unit(order)]
    for m in range(1, n + 1):
        signs = [sp.Rational((-1) ** (j - 1), m) for j in range(1, m + 1) if j <= order]
        e.append(combine(signs, [multiply(e[m - j], p[j]) for j in range(1, len(signs) + 1)]))
    e += [[sp.S.Zero] * (order + 1)] * order
    return [[part / max(perm(n, m), 1) for part in series] for m, series in enumerate(e[: order + 1])]


def batch_moments(thetas: Sequence[Series], order: int) -> Series:
    """M_0, M_1, ..."""
    return [sp.expand(sum(prefactor(k, m) * thetas[m][k] for m in range(k + 1))) for k in range(order + 1)]


def check_moments(parts: Series, size: int, batches: Sequence[tuple[Any, Sequence[Any]]]) -> None:
    """Checks moments at one batch size against the sum over batches with their probabilities."""
    means = [(mass, sum(batch) / sp.Integer(size)) for mass, batch in batches]
    for k, part in enumerate(parts):
        identity(factorial(k) * sp.S(part).subs(u, sp.Rational(1, size)), sum(mass * m**k for mass, m in means))


def prefactor(k: int, m: int) -> Any:
    """u^(k-m) (1 - u) ... (1 - (m-1) u)."""
    return u ** (k - m) * prod(1 - j * u for j in range(m))


def falling(x: Any, m: Any) -> Any:
    """X (x-1) ... (x-m+1)."""
    return sp.ff(x, m)


def elementary(values: Sequence[Any], m: int) -> Any:
    """The elementary symmetric polynomial e_m."""
    return sum(prod(subset) for subset in combinations(values, m))


def stirling(k: int, m: int) -> Any:
    """The number of partitions of k things into m blocks."""
    return sum((-1) ** (m - j) * comb(m, j) * j**k for j in range(m + 1)) // factorial(m)


def chain(layers: Sequence[Any], size: int) -> Any:
    """The product of layers, the last one leftmost; the identity if there are none."""
    return reduce(lambda product, layer: layer * product, layers, sp.eye(size))


def generic(name: str, rows: int, columns: int) -> Any:
    """A matrix of symbols."""
    return sp.Matrix(rows, columns, lambda i, j: sp.Symbol(f"{name}{i + 1}{j + 1}"))


def mean(items: Sequence[Any]) -> Any:
    """The mean of numbers or matrices."""
    return reduce(lambda left, right: left + right, items) / sp.Integer(len(items))


if __name__ == "__main__":
    for number, (statement, _, how) in enumerate(steps(), 1):
        print(f"{number}. {statement}\n   checked: {how}\n")
