"""The step sizes at which second moments of SGD converge; run this file to check every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from itertools import combinations, product
from typing import Any

import sympy as sp

from sgdvar.derivation import Derivation, Enumeration, Identity, Induction, Line, Notation, Signs, Step, average

p = sp.Symbol("p", integer=True, positive=True)
k, j = sp.symbols("k j", integer=True, nonnegative=True)
alpha, c, c_smaller, s, b, tau, bound, x = sp.symbols("alpha c(b) c(b') s b tau alpha_max x", positive=True)
phi, theta, E, examples = sp.symbols("Phi theta E E_i")
h_i, h_j, P_ij, solution, gap = sp.symbols("h_i h_j P_ij X_ij g", positive=True)
q, fourth = sp.symbols("q f", positive=True)
weights, optimum, gradient, z_i, z_B = (sp.MatrixSymbol(name, p, 1) for name in ("w_t", "w^*", "g_i", "z_i", "z_B"))
v, r = sp.MatrixSymbol("v", p, 1), sp.MatrixSymbol("r_B", p, 1)
plus, minus, zero = (sp.MatrixSymbol(f"m_{sign}", p, 1) for sign in "+-0")
H, H_i, H_B, P, N, F, U, M_plus, M_minus, M_zero, image = (
    sp.MatrixSymbol(name, p, p) for name in ("H", "H_i", "H_B", "P", "N", "F", "U_B", "M_+", "M_-", "M_0", "A^t")
)
Lyap, Q, Psi = (sp.MatrixSymbol(name, p**2, p**2) for name in ("Lyap", "Q", "Psi"))
next_plus, next_minus, next_zero, Q_b, Q_other, spread = (
    sp.MatrixSymbol(name, p, p) for name in ("M'_+", "M'_-", "M'_0", "Q_b(P)", "Q_b'(P)", "D")
)
eye = sp.Identity(p)

STEP = average((eye - alpha * H_B) * P * (eye - alpha * H_B), E, H_B)
QUADRATIC = average(H_B * P * H_B, E, H_B)
SPREAD = average((H_i - H) * P * (H_i - H), examples, H_i)

SYMBOLS = [
    Notation(p, "p", "number of features"),
    Notation(weights, "w_t", "weights after $t$ steps"),
    Notation(optimum, "w^*", "a minimum of the mean loss $L$, with weight decay"),
    Notation(alpha, r"\alpha", "step size"),
    Notation(gradient, r"\nabla \ell_i(w_t)", "gradient of one example"),
    Notation(H_i, "H_i", r"its Hessian $x_i x_i^\top + \lambda I$, with weight decay $\lambda \ge 0$"),
    Notation(z_i, "z_i", "$y_i x_i$"),
    Notation(H_B, "H_B", "mean of $H_i$ over a batch"),
    Notation(z_B, "z_B", "mean of $z_i$ over a batch"),
    Notation(H, "H", "mean of $H_i$ over all examples: the Hessian of $L$"),
    Notation(E, "E", "expectation over one batch"),
    Notation(examples, r"E_i", "mean over all examples"),
    Notation(P, "P", "a symmetric matrix"),
    Notation(N, "N", "a symmetric matrix"),
    Notation(c, "c(b)", "variance factor of the design"),
    Notation(c_smaller, "c(b')", "variance factor at another batch size"),
    Notation(U, "U", r"$I - \alpha H_B$"),
    Notation(r, "r", "gradient of the batch at $w^*$"),
    Notation(M_plus, "M_+", r"$E[e_t e_t^\top]$ for the error $e_t = w_t - w^*$, started at $e_0$"),
    Notation(M_minus, "M_-", "the same, started at $-e_0$"),
    Notation(M_zero, "M_0", "the same, started at 0"),
    Notation(next_plus, "M'_+", "$M_+$ one step later"),
    Notation(next_minus, "M'_-", "$M_-$ one step later"),
    Notation(next_zero, "M'_0", "$M_0$ one step later"),
    Notation(plus, "m_+", "$E[e_t]$, started at $e_0$"),
    Notation(minus, "m_-", "the same, started at $-e_0$"),
    Notation(zero, "m_0", "the same, started at 0"),
    Notation(image, r"A_\alpha^t(e_0 e_0^\top)", r"the map $A_\alpha$ of the step before, applied $t$ times"),
    Notation(F, "F", "a matrix: every positive semidefinite $P$ is $F F^\\top$, and every $H_B$"),
    Notation(v, "v", "a vector"),
    Notation(spread, "D", "$E_i[(H_i - H) P (H_i - H)]$"),
    Notation(Q_b, "Q_b(P)", "$E[H_B P H_B]$ at the batch size $b$"),
    Notation(Q_other, "Q_{b'}(P)", "the same at the batch size $b'$"),
    Notation(h_i, "h_i", "eigenvalue of $H$, positive"),
    Notation(h_j, "h_j", "another one"),
    Notation(gap, "g", "$h_i - h_j$, not negative"),
    Notation(P_ij, "N_{ij}", "entry of $N$ in the eigenbasis of $H$"),
    Notation(solution, "X_{ij}", "entry of a solution"),
    Notation(tau, r"\tau", "a number"),
    Notation(phi, r"\Phi", "a linear map of symmetric matrices"),
    Notation(theta, r"\theta", "a number"),
    Notation(k, "k", "a number of applications of a map"),
    Notation(j, "j", "index of a sum"),
    Notation(
        Lyap, r"\operatorname{Lyap}", "the map $P \\mapsto H P + P H$, as a matrix that acts on the entries of $P$"
    ),
    Notation(Q, "Q", "the map $P \\mapsto E[H_B P H_B]$, likewise"),
    Notation(Psi, r"\Psi", r"$\alpha \operatorname{Lyap}^{-1} Q$"),
    Notation(bound, r"\alpha_{\max}", "end of the interval of stable step sizes"),
    Notation(q, "q", "$Q(P) = q P$: for one feature, or for $P = I$"),
    Notation(s, "s", "variance of each input"),
    Notation(x, "x", "one input, of variance $s$"),
    Notation(b, "b", "batch size"),
    Notation(fourth, "f", r"diagonal entry of $E[x x^\top x x^\top]$"),
]


def derivatives() -> Iterator[Mapping[Any, Any]]:
    """The gradient of one example's loss with weight decay, by differentiation."""
    decay, target = sp.symbols("lambda y")
    for count in (1, 2, 3):
        inputs, at = (sp.Matrix(sp.symbols(f"{name}1:{count + 1}")) for name in ("x", "w"))
        loss = ((inputs.T * at)[0] - target) ** 2 / 2 + decay * (at.T * at)[0] / 2
        yield {
            p: sp.Integer(count),
            weights: at,
            gradient: sp.Matrix([loss.diff(entry) for entry in at]),
            H_i: inputs * inputs.T + decay * sp.eye(count),
            z_i: target * inputs,
        }


def quadratics() -> Iterator[Mapping[Any, Any]]:
    """The mean of H_B P H_B over every batch of symmetric 2 x 2 matrices."""
    for count in (2, 3):
        hessians = [symmetric(f"h{i}", 2) for i in range(count)]
        for batches, factor in every_design(hessians):
            yield {
                p: sp.Integer(2),
                c: factor,
                P: symmetric("p", 2),
                H: mean(hessians),
                E: [(sp.Rational(1, len(batches)), {H_B: mean(batch)}) for batch in batches],
                examples: [(sp.Rational(1, count), {H_i: hessian}) for hessian in hessians],
            }


def trajectories() -> Iterator[Mapping[Any, Any]]:
    """Errors after 0, 1 and 2 steps over all sequences of batches: two examples with one feature."""
    start, first, second, residual = sp.symbols("e0 h1 h2 r")
    pair = [(first, residual), (second, -residual)]
    for batches, factor in every_design([sp.Matrix(one) for one in pair]):
        full, spread = (first + second) / 2, (first - second) ** 2 / 4
        for steps in range(3):
            ends = {sign: errors(sign * start, [mean(batch) for batch in batches], steps) for sign in (1, -1, 0)}
            found = {sign: mean([sp.Matrix([[sp.expand(end**2)]]) for end in ends[sign]]) for sign in ends}
            power = (1 - 2 * alpha * full + alpha**2 * (full**2 + factor * spread)) ** steps * start**2
            yield {
                p: sp.Integer(1),
                M_plus: found[1],
                M_minus: found[-1],
                M_zero: found[0],
                image: sp.Matrix([[power]]),
            }


def errors(start: Any, batches: Sequence[Any], steps: int) -> list[Any]:
    """The errors at the end of every sequence of batches: pairs of a Hessian and a gradient at the minimum."""
    ends = [sp.sympify(start)]
    for _ in range(steps):
        ends = [end - alpha * (batch[0] * end + batch[1]) for end in ends for batch in batches]
    return ends


def normal_inputs() -> Iterator[Mapping[Any, Any]]:
    """The diagonal of E[x x^T x x^T], from the moments of each coordinate."""
    moments = (1, 0, s, 0, 3 * s**2)
    for count in (1, 2, 3):
        inputs = sp.Matrix(sp.symbols(f"x1:{count + 1}"))
        terms = sp.Poly((inputs * inputs.T * inputs * inputs.T)[0, 0], *inputs).terms()
        yield {
            p: sp.Integer(count),
            fourth: sum(weight * sp.prod([moments[power] for power in powers]) for powers, weight in terms),
        }


def symmetric(name: str, size: int) -> Any:
    """A symmetric matrix of symbols."""
    return sp.Matrix(size, size, lambda row, column: sp.Symbol(f"{name}_{min(row, column)}{max(row, column)}"))


def every_design(items: Sequence[Any]) -> list[tuple[list[tuple[Any, ...]], Any]]:
    """All equally likely batches, and c(b): every b without replacement, b = 1 and 2 with replacement."""
    n = len(items)
    subsets = [(list(combinations(items, size)), sp.Rational(n - size, size * (n - 1))) for size in range(1, n + 1)]
    return subsets + [(list(product(items, repeat=size)), sp.Rational(1, size)) for size in (1, 2)]


def mean(items: Sequence[Any]) -> Any:
    """The mean of matrices."""
    return reduce(lambda left, right: left + right, items) / sp.Integer(len(items))


def moments_after(second: Any, first: Any) -> Any:
    """E[e e^T] after a step, from the one before it and the mean."""
    mixed = average(U * first * r.T + r * first.T * U.T, E, U, r)
    return average(U * second * U.T, E, U) - alpha * mixed + alpha**2 * average(r * r.T, E, r)


def mean_after(first: Any) -> Any:
    """The mean error after a step."""
    return average(U * first, E, U) - alpha * average(r, E, r)


gradients = Step(
    "gradient",
    r"The gradient of one example is affine in the weights.",
    [
        Line(
            gradient,
            "=",
            H_i * weights - z_i,
            Enumeration("the derivative of the loss for p = 1, 2, 3 features, all inputs and targets", derivatives),
        )
    ],
)

error = Step(
    "error",
    r"So the error $e_t = w_t - w^*$ is multiplied by $I - \alpha H_B$, and the gradient of the batch at the minimum "
    r"is added, whose expectation is 0 because $H w^*$ is the mean of $z_i$. If $\lambda = 0$ every gradient lies in "
    r"the range of $H$, and the rest of the error never moves. From here on everything is restricted to that range, "
    r"where $H$ is positive definite.",
    [
        Line(
            weights - alpha * (H_B * weights - z_B) - optimum,
            "=",
            (eye - alpha * H_B) * (weights - optimum) - alpha * (H_B * optimum - z_B),
            Identity(),
        ),
        Line(
            average(H_B * optimum - z_B, E, H_B, z_B),
            "=",
            sp.ZeroMatrix(p, 1),
            Identity(means={H_B: H, z_B: H * optimum}),
        ),
    ],
)

maps = Step(
    "maps",
    r"What a step does to $P = E[e_t e_t^\top]$, without the noise at the minimum, is a linear map $A_\alpha$: the "
    r"first line. Its quadratic part $Q$ is a quadratic form of a batch mean, so the rule for these applies, with the "
    r"factor $c(b)$. Weight decay cancels in $H_i - H$. The linear part is called $\operatorname{Lyap}(P) = H P + P "
    r"H$.",
    [
        Line(STEP, "=", P - alpha * (H * P + P * H) + alpha**2 * QUADRATIC, Identity(means={H_B: H})),
        Line(
            QUADRATIC,
            "=",
            H * P * H + c * SPREAD,
            Identity(
                given={QUADRATIC: H * P * H + c * (average(H_i * P * H_i, examples, H_i) - H * P * H)}, means={H_i: H}
            ),
            also=(
                Enumeration(
                    "n = 2, 3 symmetric 2 x 2 matrices in symbols: every b without replacement, b = 1, 2 with it",
                    quadratics,
                ),
            ),
        ),
    ],
)

start_means = Step(
    "means-from-three-starts",
    r"Compare runs from $e_0$, $-e_0$ and 0 by the sum of the first two minus twice the third. For the means of the "
    r"errors this is 0 at the start, and so it stays: the gradient at the minimum cancels.",
    [
        Line(
            mean_after(plus) + mean_after(minus) - 2 * mean_after(zero),
            "=",
            average(U * (plus + minus - 2 * zero), E, U),
            Identity(),
        )
    ],
)

starts = Step(
    "three-starts",
    r"The same of the second moments obeys $A_\alpha$: all noise at the minimum cancels. A batch does not depend on "
    r"the error before it, so each product has the mean of the error in it.",
    [
        Line(
            next_plus + next_minus - 2 * next_zero,
            "=",
            average(U * (M_plus + M_minus - 2 * M_zero) * U.T, E, U),
            Identity(given={plus: 2 * zero - minus}),
        )
    ],
    definitions=[
        (next_plus, moments_after(M_plus, plus)),
        (next_minus, moments_after(M_minus, minus)),
        (next_zero, moments_after(M_zero, zero)),
    ],
)

homogeneous = Step(
    "every-start",
    r"So after $t$ steps it is $2 A_\alpha^t(e_0 e_0^\top)$. If second moments have one limit for all starts, the "
    r"left side tends to 0. The matrices $e e^\top$ span the symmetric ones, so $A_\alpha^t \to 0$, which means "
    r"$\rho(A_\alpha) < 1$ for the spectral radius. Conversely let $\rho(A_\alpha) < 1$. A second moment is at least "
    r"the square of the mean, so $(I - \alpha H)^t$ tends to 0 as well, and the affine recursion of means and second "
    r"moments converges to one limit.",
    [
        Line(
            M_plus + M_minus - 2 * M_zero,
            "=",
            2 * image,
            Enumeration(
                "one feature, n = 2, in symbols, t = 0, 1, 2: every b without replacement, b = 1, 2 with it",
                trajectories,
            ),
        )
    ],
)

positive = Step(
    "positive-maps",
    r"Both maps send positive semidefinite matrices to positive semidefinite ones, and so does what $c(b)$ "
    r"multiplies: every such $P$ is $F F^\top$, and the right sides are means of squared lengths. A linear map that "
    r"does so is called positive below.",
    [
        Line(
            v.T * average(matrix * P * matrix, index, varying) * v,
            "=",
            average((F.T * matrix * v).T * (F.T * matrix * v), index, varying),
            Identity(symmetric=[H, H_i, H_B]),
        )
        for matrix, index, varying in ((eye - alpha * H_B, E, H_B), (H_B, E, H_B), (H_i - H, examples, H_i))
    ],
    definitions=[(P, F * F.T)],
)

lyapunov = Step(
    "lyapunov-inverse",
    r"In the eigenbasis of $H$ the solution of $\operatorname{Lyap}(X) = N$ is found entry by entry. It is the "
    r"integral of $e^{-\tau H} N e^{-\tau H}$ over $\tau \ge 0$: the second line gives an antiderivative of its "
    r"entries, which is 0 at $\infty$ and $-X_{ij}$ at 0. The integrand is positive semidefinite if $N$ is, and "
    r"positive definite if $N$ is; so $\operatorname{Lyap}^{-1}$ is positive, and sends positive definite matrices to "
    r"positive definite ones.",
    [
        Line(h_i * solution + solution * h_j, "=", P_ij, Identity()),
        Line(
            sp.Derivative(-sp.exp(-tau * (h_i + h_j)) * P_ij / (h_i + h_j), tau),
            "=",
            sp.exp(-tau * h_i) * P_ij * sp.exp(-tau * h_j),
            Identity(),
        ),
    ],
    definitions=[(solution, P_ij / (h_i + h_j))],
)

contraction = Step(
    "contraction",
    r"For a positive map, **$\rho(\Phi) < 1$ if and only if $P - \Phi(P)$ is positive definite for some positive "
    r"definite $P$.** If $\rho(\Phi) < 1$, let $P$ be the sum of all $\Phi^j(N)$ with a positive definite $N$: by the "
    r"first line $P - \Phi(P) = N$. Conversely $\Phi(P) \preceq \theta P$ with some $\theta < 1$, and then $\Phi^k(P) "
    r"\preceq \theta^k P$ by induction on $k$: by the second line the gap is $\Phi$ of the gap before, plus a "
    r"positive semidefinite matrix. Every symmetric matrix lies between multiples of $P$, so $\Phi^k \to 0$. Powers "
    r"of one map multiply like powers of a number.",
    [
        Line(sp.Sum(phi**j * (1 - phi), (j, 0, k)), "=", 1 - phi ** (k + 1), Induction(k)),
        Line(theta ** (k + 1) - phi ** (k + 1), "=", phi * (theta**k - phi**k) + theta**k * (theta - phi), Identity()),
    ],
)

same = Step(
    "same-inequality",
    r"So for $\alpha > 0$ the criterion that $P - A_\alpha(P)$ is positive definite says that $\operatorname{Lyap}(P) "
    r"- \alpha\, Q(P)$ is.",
    [Line(P - STEP, "=", alpha * (H * P + P * H - alpha * QUADRATIC), Identity(means={H_B: H}))],
)

threshold = Step(
    "threshold",
    r"**Second moments converge if and only if $0 < \alpha < \alpha_{\max} = 1 / \rho(\operatorname{Lyap}^{-1} Q)$.** "
    r"Let $\alpha > 0$; the map $\Psi$ is positive. If $\rho(\Psi) < 1$, let $P$ be the sum of all "
    r"$\Psi^j(\operatorname{Lyap}^{-1}(I))$: by the first line $\operatorname{Lyap}(P) - \alpha\, Q(P) = I$. "
    r"Conversely apply $\operatorname{Lyap}^{-1}$: that $\operatorname{Lyap}(P) - \alpha\, Q(P)$ is positive definite "
    r"gives the same for $P - \Psi(P)$, so $\rho(\Psi) < 1$. For $\alpha \le 0$ the trace never falls, by the second "
    r"line, so $A_\alpha^t$ does not vanish.",
    [
        Line(Lyap - alpha * Q, "=", Lyap * (sp.Identity(p**2) - Psi), Identity()),
        Line(
            sp.Trace(STEP),
            "=",
            sp.Trace(P) - 2 * alpha * sp.Trace(H * P) + alpha**2 * sp.Trace(QUADRATIC),
            Identity(means={H_B: H}),
        ),
    ],
    definitions=[(Q, Lyap * Psi / alpha)],
)

one_feature = Step(
    "one-feature",
    r"For one feature with $H = h_i$ and $Q(P) = q P$ the map is a number, and the interval is seen directly.",
    [Line(1 - (1 - 2 * alpha * h_i + alpha**2 * q), "=", alpha * q * (bound - alpha), Identity())],
    definitions=[(bound, 2 * h_i / q)],
)

smaller = Step(
    "smaller-batch",
    r"**A larger batch never has a shorter interval.** Where $c(b') \le c(b)$, $Q_b(P) - Q_{b'}(P)$ is positive "
    r"semidefinite for positive definite $P$. So the criterion that holds for $b$ holds for $b'$ with the same $P$.",
    [Line(Q_b - Q_other, "=", (c - c_smaller) * spread, Identity())],
    definitions=[(Q_b, H * P * H + c * spread), (Q_other, H * P * H + c_smaller * spread)],
)

eigenproblem = Step(
    "symmetric-eigenproblem",
    r"With the inner product $\operatorname{tr}(N^\top P)$ both maps are self-adjoint (for each batch, so also on "
    r"average), and $Q$ has no negative eigenvalue: with $H_B = F F^\top$ the last right side is a squared length. So "
    r"the spectral radius of $\operatorname{Lyap}^{-1} Q$ is the largest eigenvalue of $\operatorname{Lyap}^{-1/2} Q "
    r"\operatorname{Lyap}^{-1/2}$. Antisymmetric matrices bring no larger one: times $\sqrt{-1}$ they are Hermitian, "
    r"to which the criterion extends.",
    [
        Line(sp.Trace(N.T * (H * P + P * H)), "=", sp.Trace((H * N + N * H).T * P), Identity(symmetric=[H])),
        Line(sp.Trace(N.T * H_B * P * H_B), "=", sp.Trace((H_B * N * H_B).T * P), Identity(symmetric=[H_B])),
        Line(
            sp.Trace(P.T * (F * F.T) * P * (F * F.T)),
            "=",
            sp.Trace((F.T * P * F).T * (F.T * P * F)),
            Identity(),
        ),
    ],
)

whole = Step(
    "whole-batch",
    r"Without noise, $c(b) = 0$: without replacement at $b = n$. In the eigenbasis of $H$ the entries of "
    r"$\operatorname{Lyap}^{-1} Q(N)$ are $X_{ij}$, a multiple of $N_{ij}$ that is at most $\frac12 h_i$ where "
    r"$h_i \ge h_j$, and equal to it at $i = j$. So $\alpha_{\max} = 2 / \lambda_{\max}(H)$, as for gradient descent.",
    [
        Line(h_i * solution + solution * h_j, "=", h_i * P_ij * h_j, Identity()),
        Line(h_i * h_j / (h_i + h_j), "<=", h_i / 2, Signs({h_i: h_j + gap})),
    ],
    definitions=[(solution, h_i * h_j / (h_i + h_j) * P_ij)],
)

gaussian = Step(
    "gaussian-inputs",
    r"Batches of $b$ independent draws, $x \sim N(0, s I)$, no weight decay, so $H = s I$. A coordinate has the "
    r"moments $s$ and $3 s^2$: of the $p$ products $x_i^2 x_k^2$ one is a fourth power. Then $Q(I) = q I$ and "
    r"$\operatorname{Lyap}(I) = 2 s I$. A positive map with $\Psi(I) = \theta I$ has $\rho(\Psi) = \theta$: $\theta$ "
    r"is an eigenvalue, and the criterion with $P = I$ holds for every smaller multiple. For $p = b = 1$ the bound "
    r"$\frac{2}{3 s}$ is also seen directly: the last line is below 1.",
    [
        Line(
            fourth,
            "=",
            (p + 2) * s**2,
            Identity(given={fourth: 3 * s**2 + (p - 1) * s**2}),
            also=(Enumeration("all moments for p = 1, 2, 3", normal_inputs),),
        ),
        Line(q, "=", s**2 * (1 + (p + 1) / b), Identity(given={fourth: (p + 2) * s**2})),
        Line(2 * s / q, "=", 2 * b / (s * (b + p + 1)), Identity(given={fourth: (p + 2) * s**2})),
        Line(
            average((1 - alpha * x**2) ** 2, E, x),
            "=",
            1 - 3 * s**2 * alpha * (sp.Rational(2, 3) / s - alpha),
            Identity(means={x**2: s, x**4: 3 * s**2}),
        ),
    ],
    definitions=[(q, s**2 + 1 / b * (fourth - s**2))],
)

DERIVATION = Derivation(
    "mean_square_stability",
    "Stable step sizes",
    [
        "Linear regression with one output, weight decay allowed; the rows of several outputs obey the same condition.",
        "Fresh independent batches of constant size, and a constant step size.",
        "$H$ is not 0: otherwise nothing moves.",
    ],
    SYMBOLS,
    [
        gradients,
        error,
        maps,
        start_means,
        starts,
        homogeneous,
        positive,
        lyapunov,
        contraction,
        same,
        threshold,
        one_feature,
        smaller,
        eigenproblem,
        whole,
        gaussian,
    ],
)


if __name__ == "__main__":
    print(DERIVATION.check().to_text())
