"""Linear regression: the second-moment recursion and what follows from it; run this file to check every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache, reduce
from itertools import combinations, product
from operator import add
from typing import Any

import sympy as sp

import sgdvar as sv
from sgdvar.claims import CheckedSteps, Claim, Counterexample, Finding, KernelProof, proved, refuted
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
    collected_to,
    uniform,
)

n, b, d, m = sp.symbols("n b d m", integer=True, positive=True)
t, k, j = sp.symbols("t k j", integer=True, nonnegative=True)
c, variance, full_variance, second = sp.symbols("c Var(A*g_t) Var(A*grad_L) E|A*g_t|^2")
examples, draws, loss, loss_at_mean = sp.symbols("mean_i E E*L(w_t) L(E*w_t)")
alpha, c2, e, x, y = sp.symbols("alpha c' e x y", nonnegative=True)
delta, rise = sp.symbols("delta r_k", positive=True)
u, z, z_h, zbar, h, gradient = (sp.MatrixSymbol(name, d, 1) for name in ("u_i", "z", "z_h", "zbar", "h", "grad_i"))
v, v_i = sp.MatrixSymbol("v", d, 1), sp.MatrixSymbol("v_i", d, 1)
J, G, Gbar, G_B = (sp.MatrixSymbol(name, d, d) for name in ("J", "G_i", "Gbar", "G_B"))
M, M2, T_M, V_M, U = (sp.MatrixSymbol(name, d, d) for name in ("M", "M'", "T(M)", "V(M)", "U"))
N, D, D_i = (sp.MatrixSymbol(name, d, d) for name in ("N", "D", "D_i"))
F, K, K_i, H, C_w = (sp.MatrixSymbol(name, d, d) for name in ("F", "K", "K_i", "H", "Cov(w_t)"))
A, Q, Q_i = (sp.MatrixSymbol(name, m, d) for name in ("A", "Q", "Q_i"))
Z, C, P, TP, VP = map(sp.IndexedBase, ("Z", "C", "P", "T(P)", "V(P)"))
a, f, s = (sp.IndexedBase(name, nonnegative=True) for name in ("a", "f", "s"))
I = sp.Identity(d)

SYMBOLS = [
    Notation(n, "n", "number of examples"),
    Notation(b, "b", "batch size"),
    Notation(
        c, "c", "variance factor $c(b)$ of {doc}`batch_mean`: all that depends on $b$ and on how batches are drawn"
    ),
    Notation(alpha, r"\alpha_t", "step size of step $t$"),
    Notation(examples, r"\frac1n \sum_{i=1}^n", "mean over all examples; for a population, its expectation"),
    Notation(draws, "E", "expectation given $w_0$: over all batches, or over the next one where $z$ is fixed"),
    Notation(d, "d", "$p + 1$, for $p$ features"),
    Notation(z, "z", r"the weights $w$ with a 1 below them; $z_t$ after $t$ steps"),
    Notation(u, "u_i", r"the inputs $x_i$ with $-y_i$ below them: the residual is $x_i^\top w - y_i = u_i^\top z$"),
    Notation(J, "J", "the identity with a 0 in its last place"),
    Notation(h, "h", "any vector"),
    Notation(z_h, "z_h", "$z$ after the weights changed by the first $p$ entries of $h$"),
    Notation(gradient, r"\nabla \ell_i", r"gradient in $w$ of the loss $\frac12 (u_i^\top z)^2$, with a 0 below it"),
    Notation(G, "G_i", "matrix of one example: its gradient is $G_i z$"),
    Notation(Gbar, r"\bar G", "mean of $G_i$ over all examples"),
    Notation(G_B, "G_B", "mean of $G_i$ over the batch"),
    Notation(M, "M", r"a positive semidefinite matrix, for example $E[z z^\top]$"),
    Notation(M2, "M'", "another such matrix"),
    Notation(V_M, "V(M)", "the noise that one example adds"),
    Notation(T_M, "T_t(M)", "what plain gradient descent makes of $M$"),
    Notation(N, "N", "the noise that a batch adds"),
    Notation(D, "D", r"$I - \alpha_t \bar G$"),
    Notation(D_i, "D_i", r"$G_i - \bar G$"),
    Notation(F, "F", "a factor of $M$"),
    Notation(K, "K", "a factor of $T_t(M)$"),
    Notation(K_i, "K_i", "factors of $V(M)$, one for each example"),
    Notation(v, "v", r"$K^\top h$"),
    Notation(v_i, "v_i", r"$K_i^\top h$"),
    Notation(t, "t", "number of steps"),
    Notation(k, "k", "a power of $c$"),
    Notation(Z.label, "Z", r"$Z_t = E[z_t z_t^\top]$"),
    Notation(P.label, "P", r"$P_{t,k}$ is the coefficient of $c^k$ in $Z_t$, and 0 unless $0 \le k \le t$"),
    Notation(TP.label, "T(P)", "$T(P)_{t,k}$ is $T_t(P_{t,k})$"),
    Notation(VP.label, "V(P)", "$V(P)_{t,k}$ is $V(P_{t,k})$"),
    Notation(zbar, r"\bar z", r"expectation of $z$; $\bar z_t = E z_t$"),
    Notation(C.label, "C", r"$C_t$ is the covariance matrix of $z_t$"),
    Notation(A, "A", "any matrix with $d$ columns; the last one meets the 0 below the gradient"),
    Notation(Q, "Q", r"$A \bar G F$"),
    Notation(Q_i, "Q_i", "$A K_i$"),
    Notation(second, r"E \lVert A g_t \rVert^2", "second moment of the mini-batch gradient $g_t = G_B z_t$"),
    Notation(
        variance, r"\operatorname{Var}(A g_t)", r"total variance $E \lVert A g_t - E A g_t \rVert^2$, given $w_0$"
    ),
    Notation(full_variance, r"\operatorname{Var}(A \nabla L(w_t))", r"the same for the full gradient $\bar G z_t$"),
    Notation(f.label, "f", r"$f_k = \operatorname{tr}(A \bar G P_{t,k} \bar G^\top A^\top)$"),
    Notation(s.label, "s", r"$s_k = \operatorname{tr}(A\, V(P_{t,k})\, A^\top)$"),
    Notation(a.label, "a", r"$a_k$ is the coefficient of $c^k$ in $\operatorname{Var}(A g_t)$"),
    Notation(c2, "c'", "variance factor of a larger batch"),
    Notation(j, "j", "counts terms"),
    Notation(delta, r"\delta", "$c - c'$, which is positive"),
    Notation(e, "e", "$2^{k-1} - 1$, which is not negative"),
    Notation(x, "x", "$c'^k$"),
    Notation(y, "y", "$c^k - (2c')^k$ for twice the batch: not negative, as $c \\ge 2c'$"),
    Notation(rise, "r_k", r"$c^k - c'^k$, which is positive for $k \ge 1$"),
    Notation(U, "U", r"mean of $u_i u_i^\top$: the loss is $L(w) = \frac12 z^\top U z$"),
    Notation(loss, r"E\, L(w_t)", "expected loss"),
    Notation(loss_at_mean, r"L(E w_t)", "loss at the mean weights"),
    Notation(H, "H", r"mean of $x_i x_i^\top$: the part of $U$ that belongs to the weights"),
    Notation(C_w, r"\operatorname{Cov}(w_t)", "covariance matrix of the weights: the part of $C_t$ that is not 0"),
]


def derivatives() -> Iterator[Mapping[Any, Any]]:
    """The gradient of one example's loss by differentiation, in symbols."""
    for p in (1, 2, 3):
        x, w, y = sp.Matrix(sp.symbols(f"x1:{p + 1}")), sp.Matrix(sp.symbols(f"w1:{p + 1}")), sp.Symbol("y")
        derivative = sp.Matrix([*(((x.T * w)[0] - y) ** 2 / 2).diff(w), 0])
        columns = {z: sp.Matrix([*w, 1]), u: sp.Matrix([*x, -y]), gradient: derivative}
        yield {d: sp.Integer(p + 1), J: sp.diag(*[1] * p, 0), **columns}


def batches() -> Iterator[Mapping[Any, Any]]:
    """Every batch of two examples with any 2 x 2 matrices, and of three with matrices of numbers."""
    moment = sp.Matrix(2, 2, sp.symbols("m1:5"))
    any_two = [sp.Matrix(2, 2, sp.symbols(f"g{i}_1:5")) for i in (1, 2)]
    for matrices in (any_two, [sp.Matrix([[i, 1], [2, i**2]]) for i in (1, 2, 3)]):
        size = len(matrices)
        given = {d: sp.Integer(2), n: sp.Integer(size), M: moment, zbar: sp.Matrix(sp.symbols("z1 z2"))}
        given[A] = sp.Matrix([sp.symbols("a1 a2")])
        given |= {Gbar: mean(matrices), V_M: noise(moment, matrices), examples: uniform({G: one} for one in matrices)}
        for count in range(1, size + 1):
            drawn = uniform({G_B: mean(one)} for one in combinations(matrices, count))
            yield {**given, draws: drawn, b: sp.Integer(count), c: sp.Rational(size - count, count * (size - 1))}
        for count in (1, 2):
            drawn = uniform({G_B: mean(one)} for one in product(matrices, repeat=count))
            yield {**given, draws: drawn, b: sp.Integer(count), c: sp.Rational(1, count)}


@cache
def sequences() -> tuple[Mapping[Any, Any], ...]:
    """Every sequence of batches, by the library's enumeration: one problem in symbols, one in numbers.

    A matrix is read as the entry of the first weight.
    """
    in_symbols: Any = [[sp.Symbol("x1")], [sp.Symbol("x2")]], sp.symbols("y1 y2"), [sp.Symbol("w0")], [alpha] * 3, [[1]]
    sizes = [Fraction(1, 5), Fraction(1, 3), Fraction(1, 2), Fraction(1)]
    in_numbers: Any = [[1, 2], [3, -1], [0, 1]], [1, 0, 2], [1, -1], sizes, [[1, 2], [0, 1]]
    cases = []
    for (X, y, start, step_sizes, rows), steps in ((in_symbols, 0), (in_symbols, 1), (in_numbers, 2)):
        parts, values = recursion_of(X, y, start, step_sizes, rows, steps)
        for sampling in (sv.WithoutReplacement(), sv.WithReplacement()):
            problem = sv.LinearRegression(sv.Dataset(X, y))
            sgd = sv.SGD(problem, start=start, step_size=step_sizes, sampling=sampling)
            for count in range(1, (len(X) if sampling == sv.WithoutReplacement() else 2) + 1):
                found = enumerated(sgd, X, y, rows, steps, count)
                cases.append({**parts, **values, **found, c: sp.Rational(sgd.design.variance_factor(count))})
    return tuple(cases)


def enumerated(sgd: sv.SGD, X: Any, y: Any, rows: Any, steps: int, size: int) -> dict[Any, Any]:
    """Moments from their definitions, by summing over every sequence of batches."""
    centre = sp.Matrix(sv.enumerate_mean_weights(sgd, steps, size))
    covariance, later = (sp.Matrix(sv.enumerate_weight_covariance(sgd, time, size)) for time in (steps, steps + 1))
    pairs = list(zip(X, y, strict=True))
    return {
        variance: sp.sympify(sv.enumerate_gradient_variance(sgd, steps, size, matrix=rows)),
        full_variance: sp.sympify(sv.enumerate_full_gradient_variance(sgd, steps, size, matrix=rows)),
        second: sp.sympify(sv.enumerate_gradient_second_moment(sgd, steps, size, matrix=rows)),
        loss: sp.sympify(sv.enumerate_expected_loss(sgd, steps, size)),
        loss_at_mean: mean([((sp.Matrix([inputs]) * centre)[0] - target) ** 2 / 2 for inputs, target in pairs]),
        H: mean([sp.Matrix(inputs) * sp.Matrix([inputs]) for inputs, _ in pairs]),
        C_w: covariance,
        C[steps]: covariance[0],
        Z[steps + 1]: later[0] + sp.sympify(sv.enumerate_mean_weights(sgd, steps + 1, size)[0]) ** 2,
    }


def recursion_of(X: Any, y: Any, start: Any, step_sizes: Any, rows: Any, steps: int) -> tuple[Any, Any]:
    """P_{t,k} and what is read off them, by the recursion."""
    columns = [sp.Matrix([*inputs, -target]) for inputs, target in zip(X, y, strict=True)]
    keep = sp.diag(*[1] * len(start), 0)
    matrices = [keep * column * column.T for column in columns]
    centre, wide = mean(matrices), sp.Matrix(rows).row_join(sp.zeros(len(rows), 1))
    z0 = sp.Matrix([*start, 1])
    parts = [z0 * z0.T]
    empty = 0 * parts[0]
    for size in map(sp.sympify, step_sizes[:steps]):
        shrunk, noisy = [descended(part, centre, size) for part in parts], [noise(part, matrices) for part in parts]
        parts = [one + size**2 * other for one, other in zip([*shrunk, empty], [empty, *noisy], strict=True)]
    last = sp.sympify(step_sizes[steps])

    def read(value: Callable[[Any], Any]) -> Callable[..., Any]:
        values = [sp.expand(value(part)) for part in parts]
        return lambda *index: values[index[-1]] if 0 <= index[-1] <= steps else sp.S.Zero

    entries = {P: read(lambda part: part[0]), VP: read(lambda part: noise(part, matrices)[0])}
    entries[TP] = read(lambda part: descended(part, centre, last)[0])
    traces = {f: read(lambda part: (wide * centre * part * centre.T * wide.T).trace())}
    traces[s] = read(lambda part: (wide * noise(part, matrices) * wide.T).trace())
    return {t: sp.Integer(steps), alpha: last, **entries}, traces


def descended(part: Any, centre: Any, size: Any) -> Any:
    """T(M)."""
    step = sp.eye(part.rows) - size * centre
    return step * part * step.T


def noise(part: Any, matrices: Sequence[Any]) -> Any:
    """V(M)."""
    centre = mean(matrices)
    return mean([(one - centre) * part * (one - centre).T for one in matrices])


def mean(items: Sequence[Any]) -> Any:
    """The mean of numbers or matrices."""
    return reduce(add, items) / sp.Integer(len(items))


SQUARE = Gbar * M * Gbar.T
OWN, BATCH = average(G * M * G.T, examples, G), average(G_B * M * G_B.T, draws, G_B)
DISTINCT = (n**2 * SQUARE - n * OWN) / (n * (n - 1))
WITHOUT_REPLACEMENT = {BATCH: (b * OWN + b * (b - 1) * DISTINCT) / b**2, c: (n - b) / (b * (n - 1))}
INDEPENDENT = {BATCH: (b * OWN + b * (b - 1) * SQUARE) / b**2, c: 1 / b}
BATCHES = Enumeration("every batch for d = 2: n = 2 in symbols, n = 3 in numbers", batches)
SEQUENCES = Enumeration(
    "every sequence of batches: p = 1, n = 2, t = 0, 1 in symbols and p = 2, n = 3, t = 2 in numbers", sequences
)

noise_of_one = (V_M, OWN - SQUARE)
descent = (T_M, (I - alpha * Gbar) * M * (I - alpha * Gbar).T)
square = (M, F * F.T)

gradient_is_linear = Step(
    "gradient-is-linear",
    r"Twice the loss of one example is $(u_i^\top z)^2$, the square of its residual. Change the weights by $h$, and "
    r"leave the 1 below them. The two terms that are linear in $h$ are the same number $h^\top G_i z$, so the gradient "
    r"is $G_i z$.",
    [
        Line(u.T * z_h, "=", u.T * z + u.T * J * h, Identity()),
        Line(
            z_h.T * u * u.T * z_h,
            "=",
            z.T * u * u.T * z + h.T * G * z + (G * z).T * h + (u.T * J * h).T * u.T * J * h,
            Identity(symmetric=[J]),
        ),
        Line(
            gradient,
            "=",
            G * z,
            Identity(given={gradient: J * u * u.T * z}),
            also=(Enumeration("differentiated in symbols for p = 1, 2, 3", derivatives),),
        ),
    ],
    definitions=[(G, J * u * u.T), (z_h, z + J * h)],
)

one_batch = Step(
    "one-batch",
    r"$G M G^\top$ is quadratic in $G$: this is {eq}`batch-mean-quadratic` of {doc}`batch_mean`. Two equal draws "
    r"contribute the mean of $G_i M G_i^\top$. Two distinct draws contribute $\bar G M \bar G^\top$, or without "
    r"replacement the mean over ordered pairs of distinct examples. What $c$ multiplies is the spread of one example.",
    [
        Line(
            BATCH - SQUARE,
            "=",
            c * V_M,
            Identity(given=INDEPENDENT, means={G: Gbar}),
            also=(Identity(given=WITHOUT_REPLACEMENT, means={G: Gbar}), BATCHES),
        ),
        Line(V_M, "=", average((G - Gbar) * M * (G - Gbar).T, examples, G), Identity(means={G: Gbar}), also=(BATCHES,)),
    ],
    definitions=[noise_of_one],
)

recursion = Step(
    "recursion",
    r"A step is $z_{t+1} = (I - \alpha_t G_B) z_t$, and the batch is independent of $z_t$. Multiply out: a single "
    r"$G_B$ has the mean $\bar G$, and what two of them add is $N = c\, V(M)$, by {eq}`linear-regression-one-batch`. "
    r"At $M = Z_t$ this is $Z_{t+1} = T_t(Z_t) + \alpha_t^2\, c\, V(Z_t)$.",
    [
        Line(
            average((I - alpha * G_B) * M * (I - alpha * G_B).T, draws, G_B),
            "=",
            T_M + alpha**2 * N,
            Identity(means={G_B: Gbar}),
            also=(BATCHES,),
        ),
        Line(
            T_M + alpha**2 * N,
            "=",
            T_M + alpha**2 * c * V_M,
            Identity(given={BATCH: SQUARE + c * V_M}),
            also=(BATCHES,),
        ),
    ],
    definitions=[descent, (N, BATCH - SQUARE)],
)

squares = Step(
    "squares",
    r"A matrix is positive semidefinite if and only if it is $F F^\top$ for some $F$. Both maps keep this form, or "
    r"make a mean of such matrices: they keep positive semidefinite matrices positive semidefinite. In the last two "
    r"lines, $\operatorname{tr} Q Q^\top$ is the sum of the squares of all entries of $Q$.",
    [
        Line((I - alpha * G) * F, "=", K - alpha * K_i, Identity()),
        Line(T_M, "=", K * K.T, Identity()),
        Line(V_M, "=", average(K_i * K_i.T, examples, G), Identity(means={G: Gbar})),
        Line(A * G * F, "=", Q + Q_i, Identity()),
        Line(sp.Trace(A * SQUARE * A.T), "=", sp.Trace(Q * Q.T), Identity()),
        Line(
            sp.Trace(A * V_M * A.T),
            "=",
            sp.Trace(average(Q_i * Q_i.T, examples, G)),
            Identity(means={G: Gbar}),
        ),
    ],
    definitions=[
        square,
        descent,
        noise_of_one,
        (K, (I - alpha * Gbar) * F),
        (K_i, (G - Gbar) * F),
        (Q, A * Gbar * F),
        (Q_i, A * K_i),
    ],
)

linear_maps = Step(
    "linear-maps",
    r"Both maps are linear: $T_t(M) = D M D^\top$, and $V(M)$ is the mean of $D_i M D_i^\top$. By "
    r"{eq}`linear-regression-squares` $T_t$ makes $K K^\top$ of a positive semidefinite matrix, and $V$ a mean of $K_i "
    r"K_i^\top$. The sum of the two with the weights $1$ and $\alpha_t^2$ is positive semidefinite, also where they "
    r"come from different matrices: between $h^\top$ and $h$ it is a sum of squares, for every $h$.",
    [
        Line(I - alpha * G, "=", D - alpha * D_i, Identity()),
        Line(D * (M + c * M2) * D.T, "=", T_M + c * D * M2 * D.T, Identity()),
        Line(
            average(D_i * (M + c * M2) * D_i.T, examples, G),
            "=",
            V_M + c * average(D_i * M2 * D_i.T, examples, G),
            Identity(means={G: Gbar}),
        ),
        Line((K - alpha * K_i).T * h, "=", v - alpha * v_i, Identity()),
        Line(
            h.T * (K * K.T + alpha**2 * average(K_i * K_i.T, examples, K_i)) * h,
            "=",
            v.T * v + alpha**2 * average(v_i.T * v_i, examples, K_i),
            Identity(),
        ),
    ],
    definitions=[descent, noise_of_one, (D, I - alpha * Gbar), (D_i, G - Gbar), (v, K.T * h), (v_i, K_i.T * h)],
)

powers_of_c = Step(
    "powers-of-c",
    r"Induction on $t$. $Z_0 = z_0 z_0^\top = P_{0,0}$ is positive semidefinite and free of $c$. If $Z_t = \sum_k c^k "
    r"P_{t,k}$, then $Z_{t+1} = \sum_k c^k\, T(P)_{t,k} + \alpha_t^2\, c \sum_k c^k\, V(P)_{t,k}$, as both maps are "
    r"linear. Collect the powers of $c$: the degree rises by one. At the ends, $T(P)_{t,t+1} = 0$ and $V(P)_{t,-1} = "
    r"0$: both maps send $0$ to $0$, and $P_{t,t+1} = P_{t,-1} = 0$. If all $P_{t,k}$ are positive semidefinite, then "
    r"so are all $P_{t+1,k}$, by {eq}`linear-regression-linear-maps`.",
    [
        Line(
            Z[t + 1],
            "=",
            sp.Sum(c**k * P[t + 1, k], (k, 0, t + 1)),
            Identity(
                given={
                    Z[t + 1]: sp.Sum(c**k * TP[t, k], (k, 0, t)) + alpha**2 * c * sp.Sum(c**k * VP[t, k], (k, 0, t))
                },
                rewrite=collected_to(t),
            ),
            also=(SEQUENCES,),
        )
    ],
    definitions=[(P[t + 1, k], TP[t, k] + alpha**2 * VP[t, k - 1])],
)

constant_term = Step(
    "constant-term",
    r"The batch mean is unbiased, so $E z_t$ takes the steps of plain gradient descent, which are free of $b$. And "
    r"$T_t$ maps $\bar z \bar z^\top$ to the same of the next mean: $P_{t,0} = \bar z_t \bar z_t^\top$ for every $t$, "
    r"from $P_{0,0} = z_0 z_0^\top$ on. The rest of $Z_t$ is the covariance.",
    [
        Line(
            average((I - alpha * G_B) * zbar, draws, G_B),
            "=",
            (I - alpha * Gbar) * zbar,
            Identity(means={G_B: Gbar}),
            also=(BATCHES,),
        ),
        Line(T_M, "=", (I - alpha * Gbar) * zbar * ((I - alpha * Gbar) * zbar).T, Identity()),
        Line(
            C[t],
            "=",
            sp.Sum(c**k * P[t, k], (k, 1, t)),
            Identity(given={C[t]: sp.Sum(c**k * P[t, k], (k, 0, t)) - P[t, 0]}, rewrite=collected_to(t)),
            also=(SEQUENCES,),
        ),
    ],
    definitions=[(M, zbar * zbar.T), descent],
)

SECOND = sp.Sum(c**k * f[k], (k, 0, t)) + c * sp.Sum(c**k * s[k], (k, 0, t))

in_powers_of_c = Step(
    "variance",
    r"$E \lVert A g_t \rVert^2$ is the trace of $A\, E[G_B Z_t G_B^\top]\, A^\top$: put in "
    r"{eq}`linear-regression-one-batch` and $Z_t = \sum_k c^k P_{t,k}$, and collect the powers of $c$. The squared "
    r"length of $E A g_t = A \bar G \bar z_t$ is $f_0$. At the ends, $f_{t+1} = 0$ and $s_{-1} = 0$. The full gradient "
    r"has no last batch, so no $s_k$. And $f_k \ge 0$, $s_k \ge 0$: they are the traces of "
    r"{eq}`linear-regression-squares` at $M = P_{t,k}$, which are sums of squares.",
    [
        Line(
            sp.Trace(A * BATCH * A.T),
            "=",
            sp.Trace(A * Gbar * M * Gbar.T * A.T) + c * sp.Trace(A * V_M * A.T),
            Identity(given={BATCH: SQUARE + c * V_M}),
            also=(BATCHES,),
        ),
        Line(
            second,
            "=",
            f[0] + sp.Sum(a[k] * c**k, (k, 1, t + 1)),
            Identity(given={second: SECOND}, rewrite=collected_to(t)),
            also=(SEQUENCES,),
        ),
        Line(
            variance,
            "=",
            sp.Sum(a[k] * c**k, (k, 1, t + 1)),
            Identity(given={variance: SECOND - f[0]}, rewrite=collected_to(t)),
            also=(SEQUENCES,),
        ),
        Line(
            full_variance,
            "=",
            sp.Sum(f[k] * c**k, (k, 1, t)),
            Identity(given={full_variance: sp.Sum(c**k * f[k], (k, 0, t)) - f[0]}, rewrite=collected_to(t)),
            also=(SEQUENCES,),
        ),
        Line(a[k], ">=", 0, Signs()),
    ],
    definitions=[(a[k], f[k] + s[k - 1])],
)

larger_batches = Step(
    "larger-batches",
    r"A larger batch has the factor $c' = c - \delta$ with $\delta > 0$ and $c' \ge 0$, by "
    r"{eq}`batch-mean-factor-decreases`. Induction on $k \ge 1$ gives $c^k > c'^k$: it holds for $k = 1$, and the "
    r"first line is the step, where $c^k = c'^k + r_k$ with $r_k > 0$. As $a_k \ge 0$, no term of the variance "
    r"increases, nor does $E \lVert A g_t \rVert^2$, which adds $f_0$; the same holds with $f_k$ for $a_k$. And a term "
    r"with $a_k > 0$ decreases: the variance does so strictly, unless every $a_k$ is 0.",
    [
        Line(c ** (k + 1), ">", c2 ** (k + 1), Signs({c ** (k + 1): (c2 + delta) * (x + rise), c2 ** (k + 1): c2 * x})),
        Line(a[k] * c**k, ">=", a[k] * c2**k, Signs({c**k: x + rise, c2**k: x})),
    ],
)

twice_the_batch = Step(
    "twice-the-batch",
    r"Twice the batch has a factor $c' \le \frac c2$, by {eq}`batch-mean-twice-the-size`. By "
    r"{eq}`linear-regression-larger-batches`, with $2c'$ for $c'$, $c^k \ge (2c')^k$. And $2^k \ge 2$, as $2^{k-1} - "
    r"1$ is a sum of powers of 2. So every term at least halves.",
    [
        Line(sp.Sum(2 ** (j - 1), (j, 1, k)), "=", 2**k - 1, Induction(k)),
        Line(a[k] * c2**k, "<=", a[k] * c**k / 2, Signs({c**k: 2 * (1 + e) * x + y, c2**k: x})),
    ],
)

LOSS = sp.Trace(U * average(z * z.T, draws, z)) / 2
SPREAD = sp.Trace(U * average((z - zbar) * (z - zbar).T, draws, z))
AT_MEAN = sp.Trace(U * zbar * zbar.T) / 2

expected_loss = Step(
    "expected-loss",
    r"The loss is quadratic in $z$. The 1 below the weights does not vary, so only the part $H$ of $U$ meets the "
    r"covariance. By {eq}`linear-regression-constant-term` $E w_t$ is free of $b$, and the covariance is a sum of $c^k "
    r"P_{t,k}$ with $P_{t,k} = F F^\top$: at equal steps it does not increase in $b$ in the order of positive "
    r"semidefinite matrices. Nor does the expected loss, as the last line is a mean of squares.",
    [
        Line(LOSS, "=", AT_MEAN + SPREAD / 2, Identity(means={z: zbar})),
        Line(
            loss,
            "=",
            loss_at_mean + sp.Trace(H * C_w) / 2,
            Identity(given={loss: LOSS, loss_at_mean: AT_MEAN, sp.Trace(H * C_w): SPREAD}, means={z: zbar}),
            also=(SEQUENCES,),
        ),
        Line(sp.Trace(U * F * F.T), "=", sp.Trace(average(F.T * u * u.T * F, examples, u)), Identity()),
    ],
    definitions=[(U, average(u * u.T, examples, u))],
)

DERIVATION = Derivation(
    "linear_regression",
    "The variance of mini-batch gradients in linear regression",
    [
        "The start $w_0$ is fixed, and the step sizes do not depend on $b$.",
        "Batches are fresh and independent: drawn with or without replacement from $n$ examples, or from a population "
        "whose inputs and targets have fourth moments.",
        "The loss is half the squared residual. Written out is one output without weight decay; several outputs and "
        "weight decay only change $G_i$.",
    ],
    SYMBOLS,
    [
        *(gradient_is_linear, one_batch, recursion, squares, linear_maps, powers_of_c, constant_term),
        *(in_powers_of_c, larger_batches, twice_the_batch, expected_loss),
    ],
)


def follows(reason: str, *theorems: str) -> Callable[[], Finding]:
    """What settles a claim that the derivation proves, and formal theorems for finite data."""
    return lambda: proved(
        reason, CheckedSteps.of(DERIVATION), *(KernelProof.of(name, covers="finite data") for name in theorems)
    )


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
        CheckedSteps.of(DERIVATION),
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
    print(DERIVATION.check().to_text())
