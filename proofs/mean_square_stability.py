"""The step sizes at which second moments of SGD converge; run this file to check every step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import combinations, product
from typing import Any

import sympy as sp

alpha, c, decay, s = sp.symbols("alpha c lambda s")

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
        error_recursion(),
        second_moments_of_the_error(),
        convergence_from_every_start(),
        positive_maps(),
        lyapunov_inverse(),
        contraction_criterion(),
        same_inequality(),
        threshold(),
        symmetric_eigenproblem(),
        whole_batch(),
        gaussian_inputs(),
    ]


def identity(left: Any, right: Any) -> None:
    """Checks that two rational functions, or matrices of rational functions, are the same.

    Raises:
        AssertionError: They differ.
    """
    difference = sp.Matrix([left - right]).applyfunc(lambda entry: sp.cancel(sp.together(sp.expand(entry))))
    if not difference.is_zero_matrix:
        raise AssertionError(f"{left} = {right} is false: the difference is {difference}")


def error_recursion() -> Step:
    """The error of the weights after one step."""
    for p, count in ((1, 2), (1, 3), (2, 1)):
        examples = symbolic_examples(count, p)
        w, fixed = generic("w", p, 1), generic("v", p, 1)
        for x, y in examples:
            hessian, residual = x * x.T + decay * sp.eye(p), example_gradient(x, y, fixed)
            identity(example_gradient(x, y, w), hessian * (w - fixed) + residual)
    for p, count in ((1, 2), (1, 3), (2, 2)):
        examples = symbolic_examples(count, p)
        optimum = least_squares(examples)
        identity(mean([example_gradient(x, y, optimum) for x, y in examples]), sp.zeros(p, 1))
    return (
        r"e_{t+1} &= (I - \alpha H_B)\, e_t - \alpha\, r_B, \qquad e_t = w_t - w^*, \\ "
        r"r_B &= \nabla L_B(w^*), \qquad E\, r_B = 0",
        r"$L_B$ is the loss of the batch, with weight decay $\lambda$, and $H_B$ its Hessian, the mean of $H_i = x_i "
        r"x_i^\top + \lambda I$ over the batch; $w^*$ minimises $L$, and $H = E H_B$. If $\lambda = 0$, every "
        r"gradient lies in the row space of the data (for a population, in the range of $H$), and the rest of $e_t$ "
        r"never moves. From here on everything is restricted to the range of $H$, where $H$ is positive definite.",
        "identities in symbols: the gradient for p = 1, 2, and its mean at the minimum for p = 1, n = 2, 3 and "
        "p = 2, n = 2",
    )


def second_moments_of_the_error() -> Step:
    """The homogeneous part of the recursion for E[e e^T]."""
    P = symmetric("p", 2)
    for count in (2, 3):
        hessians = [symmetric(f"h{i}", 2) for i in range(count)]
        for batches, factor in every_design(hessians):
            means = [mean(batch) for batch in batches]
            average = mean([(sp.eye(2) - alpha * H) * P * (sp.eye(2) - alpha * H) for H in means])
            quadratic = noise_map(P, hessians, factor)
            identity(mean([H * P * H for H in means]), quadratic)
            identity(average, P - alpha * lyapunov(mean(hessians), P) + alpha**2 * quadratic)
    return (
        r"A_\alpha(P) &:= E\, (I - \alpha H_B) P (I - \alpha H_B) = P - \alpha \operatorname{Lyap}(P) + \alpha^2 Q(P), "
        r"\\ \operatorname{Lyap}(P) &= H P + P H, \\ "
        r"Q(P) &= E\, H_B P H_B = H P H + c(b)\, E\, (H_i - H) P (H_i - H)",
        r"Expand the product. $H_B P H_B$ is quadratic in a batch mean: the rule for these, with the factor "
        r"$c(b)$. Weight decay cancels in $H_i - H$. All maps act on symmetric matrices $P$.",
        "exhaustive enumeration in symbols: n = 2 and 3 symmetric 2 x 2 matrices, every b without replacement, b = 1 "
        "and 2 with replacement, every symmetric P",
    )


def convergence_from_every_start() -> Step:
    """Second moments converge to one limit exactly if the homogeneous part vanishes."""
    e0 = sp.Symbol("e0")
    (first, second), residual = sp.symbols("h1:3"), sp.Symbol("r")
    examples = [(first, residual), (second, -residual)]
    hessians = [sp.Matrix([[h]]) for h, _ in examples]

    def moment(start: Any, batches: Sequence[Sequence[Any]], steps: int) -> Any:
        errors = [start]
        for _ in range(steps):
            means = [(mean([h for h, _ in batch]), mean([r for _, r in batch])) for batch in batches]
            errors = [error - alpha * (h * error + r) for error in errors for h, r in means]
        return mean([sp.expand(error**2) for error in errors])

    for batches, factor in every_design(examples):
        image = sp.Matrix([[e0**2]])
        for t in range(3):
            doubled = moment(e0, batches, t) + moment(-e0, batches, t) - 2 * moment(sp.S.Zero, batches, t)
            identity(doubled, 2 * image[0])
            image = image - alpha * lyapunov(mean(hessians), image) + alpha**2 * noise_map(image, hessians, factor)
    return (
        r"M_t(e_0) + M_t(-e_0) - 2 M_t(0) = 2 A_\alpha^t(e_0 e_0^\top), \qquad M_t(e_0) = E[e_t e_t^\top \mid e_0]",
        r"$e_t$ is affine in $e_0$, so $M_t$ is quadratic in $e_0$, with the quadratic part below. If $M_t$ has one "
        r"limit for all starts, the left side tends to 0. The matrices $e e^\top$ span the symmetric ones, so "
        r"$A_\alpha^t \to 0$, which means $\rho(A_\alpha) < 1$ for the spectral radius. Conversely let "
        r"$\rho(A_\alpha) < 1$. A second moment is at least the square of the mean: $(I - \alpha H)^t\, e_0 e_0^\top "
        r"(I - \alpha H)^t \preceq A_\alpha^t(e_0 e_0^\top) \to 0$. So the affine recursion of the pair $(E e_t, "
        r"M_t)$ converges to one limit.",
        "exhaustive enumeration of batch sequences in symbols: p = 1, n = 2, t = 0, 1, 2, every b without replacement, "
        "b = 1 and 2 with replacement; the limits are argued in words",
    )


def positive_maps() -> Step:
    """The maps send positive semidefinite matrices to positive semidefinite matrices."""
    root, v = generic("f", 2, 2), generic("v", 2, 1)
    hessians = [symmetric(f"h{i}", 2) for i in range(2)]
    average, P = mean(hessians), root * root.T
    transported = (sp.eye(2) - alpha * average) * P * (sp.eye(2) - alpha * average)
    spread = noise_map(P, hessians, 1) - noise_map(P, hessians, 0)
    full = P - alpha * lyapunov(average, P) + alpha**2 * noise_map(P, hessians, c)
    identity(full, transported + alpha**2 * c * spread)
    identity((v.T * transported * v)[0], square(root.T * (sp.eye(2) - alpha * average) * v))
    identity((v.T * spread * v)[0], mean([square(root.T * (H - average) * v) for H in hessians]))
    identity((v.T * noise_map(P, hessians, 0) * v)[0], square(root.T * average * v))
    return (
        r"v^\top A_\alpha(F F^\top)\, v &= \lVert F^\top (I - \alpha H) v \rVert^2 + \alpha^2 c(b)\, "
        r"E\, \lVert F^\top (H_i - H) v \rVert^2 \ge 0, \\ "
        r"v^\top Q(F F^\top)\, v &= \lVert F^\top H v \rVert^2 + c(b)\, E\, \lVert F^\top (H_i - H) v \rVert^2 \ge 0",
        r"Every positive semidefinite $P$ is $F F^\top$. A linear map that keeps positive semidefinite matrices "
        r"positive semidefinite is called positive below; so $A_\alpha$ and $Q$ are positive.",
        "identities in symbols for 2 x 2 matrices and n = 2, every F and v",
    )


def lyapunov_inverse() -> Step:
    """The inverse of the Lyapunov map is positive."""
    time = sp.Symbol("tau", positive=True)
    h = sp.symbols("h1:4", positive=True)
    H, N = sp.diag(*h), symmetric("n", 3)
    inverse = sp.Matrix(3, 3, lambda i, j: N[i, j] / (h[i] + h[j]))
    identity(lyapunov(H, inverse), N)
    decayed = sp.diag(*[sp.exp(-time * value) for value in h])
    integrand = (decayed * N * decayed).applyfunc(sp.powsimp)
    identity(integrand.applyfunc(lambda entry: sp.integrate(entry, (time, 0, sp.oo))), inverse)
    return (
        r"\operatorname{Lyap}^{-1}(N) = \int_0^\infty e^{-\tau H} N e^{-\tau H}\, d\tau, \qquad "
        r"\bigl( \operatorname{Lyap}^{-1}(N) \bigr)_{ij} = \frac{N_{ij}}{h_i + h_j}",
        r"In the eigenbasis of $H$, with eigenvalues $h_i > 0$. For $N = F F^\top$ the integrand gives "
        r"$\lVert F^\top e^{-\tau H} v \rVert^2 \ge 0$, and it is positive for $v \ne 0$ if $N$ is positive definite. "
        r"So $\operatorname{Lyap}^{-1}$ is positive, and sends positive definite matrices to positive definite ones.",
        "the solution and the integral as identities in symbols for three eigenvalues and every N; they hold entry by "
        "entry",
    )


def contraction_criterion() -> Step:
    """When the powers of a positive map vanish."""
    Phi, P, theta = generic("a", 2, 2), generic("p", 2, 1), sp.Symbol("theta")
    start = generic("n", 2, 1)
    for count in range(5):
        total = sum((Phi**k * start for k in range(count)), sp.zeros(2, 1))
        identity(total - Phi * total, start - Phi**count * start)
        gap = theta**count * P - Phi**count * P
        following = theta ** (count + 1) * P - Phi ** (count + 1) * P
        identity(following, Phi * gap + theta**count * (theta * P - Phi * P))
    return (
        r"\rho(\Phi) < 1 \iff P \succ \Phi(P) \text{ for some } P \succ 0 \qquad (\Phi \text{ positive})",
        r"If $\rho(\Phi) < 1$, take $P = \sum_{k \ge 0} \Phi^k(N)$ with any $N \succ 0$: then $P \succeq N$ and "
        r"$P - \Phi(P) = N$. Conversely $P \succ \Phi(P)$ gives $\Phi(P) \preceq \theta P$ with some $\theta < 1$, and "
        r"$\Phi^k(P) \preceq \theta^k P$ by induction, because $\theta^{k+1} P - \Phi^{k+1}(P) = \Phi\bigl(\theta^k P "
        r"- \Phi^k(P)\bigr) + \theta^k \bigl(\theta P - \Phi(P)\bigr)$. Every symmetric matrix lies between multiples "
        r"of $P$, so $\Phi^k \to 0$.",
        "the telescoping sum and the step of the induction as identities in symbols for a general linear map of a "
        "plane, k = 0, ..., 4; that the series converges where the radius is below 1, and that vanishing powers mean a "
        "radius below 1, are cited facts of linear algebra",
    )


def same_inequality() -> Step:
    """The criterion for SGD in terms of the two maps."""
    P, hessians = symmetric("p", 2), [symmetric(f"h{i}", 2) for i in range(2)]
    average = mean(hessians)
    quadratic = noise_map(P, hessians, c)
    step = sp.eye(2) - alpha * average
    deviations = [H - average for H in hessians]
    image = step * P * step + alpha**2 * c * mean([D * P * D for D in deviations])
    identity(P - image, alpha * (lyapunov(average, P) - alpha * quadratic))
    return (
        r"P - A_\alpha(P) = \alpha\, \bigl( \operatorname{Lyap}(P) - \alpha\, Q(P) \bigr)",
        r"So for $\alpha > 0$ the criterion $P \succ A_\alpha(P)$ reads $\operatorname{Lyap}(P) \succ \alpha\, Q(P)$.",
        "identity in symbols for 2 x 2 matrices and n = 2, every symmetric P",
    )


def threshold() -> Step:
    """The interval of stable step sizes."""
    L, Q, start = generic("l", 2, 2), generic("q", 2, 2), generic("n", 2, 1)
    ratio = alpha * L.inv() * Q
    for count in range(3):
        P = sum((ratio**k * L.inv() * start for k in range(count)), sp.zeros(2, 1))
        identity(L * P - alpha * Q * P, start - L * ratio**count * L.inv() * start)
    identity(L.inv() * (L * start - alpha * Q * start), start - ratio * start)
    H, P = symmetric("h", 2), symmetric("p", 2)
    identity(lyapunov(H, P).trace(), 2 * (H * P).trace())
    return (
        r"\rho(A_\alpha) < 1 \iff 0 < \alpha < \alpha_{\max} = \frac{1}{\rho(\operatorname{Lyap}^{-1} Q)}",
        r"Let $\alpha > 0$; the map $\Psi = \alpha \operatorname{Lyap}^{-1} Q$ is positive. If $\rho(\Psi) < 1$, then "
        r"$P = \sum_{k \ge 0} \Psi^k(\operatorname{Lyap}^{-1}(I))$ is positive definite, and $\operatorname{Lyap}(P) - "
        r"\alpha\, Q(P) = I$. Conversely apply $\operatorname{Lyap}^{-1}$ to $\operatorname{Lyap}(P) \succ "
        r"\alpha\, Q(P)$: it gives $P \succ \Psi(P)$, so $\rho(\Psi) < 1$. For $\alpha \le 0$ and $P \succeq 0$, "
        r"$\operatorname{tr} A_\alpha(P) \ge \operatorname{tr} P + 2 \lvert \alpha \rvert \operatorname{tr}(H P)$, so "
        r"$A_\alpha^t$ does not vanish.",
        "the partial sums, for two general maps of a plane, and the trace of Lyap as identities in symbols; the rest "
        "by the steps before",
    )


def symmetric_eigenproblem() -> Step:
    """Both maps are self-adjoint, and neither has a negative eigenvalue."""
    N, P = generic("n", 2, 2), generic("p", 2, 2)
    hessians = [symmetric(f"h{i}", 2) for i in range(2)]
    average = mean(hessians)
    identity(inner(N, lyapunov(average, P)), inner(lyapunov(average, N), P))
    identity(inner(N, noise_map(P, hessians, c)), inner(noise_map(N, hessians, c), P))
    root = generic("f", 2, 2)
    image = root.T * P * root
    identity(inner(P, root * root.T * P * root * root.T), inner(image, image))
    return (
        r"\langle N, \operatorname{Lyap}(P) \rangle &= \langle \operatorname{Lyap}(N), P \rangle, \qquad \langle N, "
        r"Q(P) \rangle = \langle Q(N), P \rangle, \\ "
        r"\langle P, Q(P) \rangle &= E\, \lVert F_B^\top P F_B \rVert^2 \ge 0, \qquad H_B = F_B F_B^\top",
        r"The inner product is $\langle N, P \rangle = \operatorname{tr}(N^\top P)$. So $\operatorname{Lyap}^{-1} Q$ "
        r"has the eigenvalues of the self-adjoint map $\operatorname{Lyap}^{-1/2} Q \operatorname{Lyap}^{-1/2}$. None "
        r"is negative, so the spectral radius is the largest eigenvalue. Antisymmetric matrices bring no larger one: "
        r"times $\sqrt{-1}$ they are Hermitian, to which the criterion extends.",
        "identities in symbols for all 2 x 2 matrices N and P, symmetric or not, n = 2, every F",
    )


def whole_batch() -> Step:
    """Without noise: the classical condition of gradient descent."""
    h = sp.symbols("h1:4")
    H, P = sp.diag(*h), symmetric("p", 3)
    ratios = sp.Matrix(3, 3, lambda i, j: h[i] * h[j] / (h[i] + h[j]))
    image = ratios.multiply_elementwise(P)
    identity(lyapunov(H, image), noise_map(P, [H], 0))
    identity(h[0] - 2 * ratios[0, 1], h[0] * (h[0] - h[1]) / (h[0] + h[1]))
    identity(ratios[0, 0], h[0] / 2)
    return (
        r"c(b) = 0: \qquad \bigl( \operatorname{Lyap}^{-1} Q\, (P) \bigr)_{ij} = \frac{h_i h_j}{h_i + h_j}\, P_{ij}, "
        r"\qquad \alpha_{\max} = \frac{2}{\lambda_{\max}(H)}",
        r"Without replacement at $b = n$, in the eigenbasis of $H$. For $h_i \ge h_j$ the eigenvalue is at most $h_i "
        r"/ 2$, because $h_i - \frac{2 h_i h_j}{h_i + h_j} = \frac{h_i (h_i - h_j)}{h_i + h_j} \ge 0$. The largest is "
        r"$\lambda_{\max}(H) / 2$.",
        "identities in symbols for three eigenvalues; they hold entry by entry",
    )


def gaussian_inputs() -> Step:
    """Uncorrelated Gaussian inputs of equal variance."""
    for p in range(1, 4):
        x = generic("x", p, 1)
        fourth = (x * x.T * x * x.T).applyfunc(lambda entry, x=x: normal_expectation(entry, x))
        H = s * sp.eye(p)
        quadratic = H * H + c * (fourth - H * H)
        identity(quadratic, s**2 * (1 + c * (p + 1)) * sp.eye(p))
        identity(lyapunov(H, sp.eye(p)), 2 * s * sp.eye(p))
    u = generic("u", 1, 1)
    identity(normal_expectation((1 - alpha * u[0] ** 2) ** 2, u), 1 - 2 * alpha * s + 3 * alpha**2 * s**2)
    return (
        r"\operatorname{Lyap}^{-1} Q\, (I) = "
        r"\frac{s}{2} \Bigl( 1 + \frac{p + 1}{b} \Bigr) I, \qquad \alpha_{\max} = \frac{2 b}{s\, (b + p + 1)}",
        r"Batches of $b$ independent draws, $x \sim N(0, s I)$ and $\lambda = 0$. A positive map $\Psi$ with $\Psi(I) "
        r"= \theta I$ has $\rho(\Psi) = \theta$: $\theta$ is an eigenvalue, and for $\beta < 1/\theta$ the map $\beta "
        r"\Psi$ satisfies the criterion with $P = I$. For $p = b = 1$ the bound is $2 / (3 s)$, also seen directly: "
        r"$E\, (1 - \alpha x^2)^2 = 1 - 2 \alpha s + 3 \alpha^2 s^2 < 1$.",
        "identities in symbols for p = 1, 2, 3 from the moments of one input",
    )


Example = tuple[Any, Any]


def symbolic_examples(count: int, p: int) -> list[Example]:
    """Examples with p features, in symbols."""
    return [(generic(f"x{i}", p, 1), sp.Symbol(f"y{i}")) for i in range(count)]


def example_gradient(x: Any, y: Any, w: Any) -> Any:
    """The gradient of one example's loss with weight decay, by differentiation."""
    u = generic("u", len(w), 1)
    loss = ((x.T * u)[0] - y) ** 2 / 2 + decay * (u.T * u)[0] / 2
    return sp.Matrix([loss.diff(entry) for entry in u]).subs(dict(zip(u, w, strict=True)))


def least_squares(examples: Sequence[Example]) -> Any:
    """The minimum of the mean loss with weight decay."""
    p = len(examples[0][0])
    hessian = mean([x * x.T for x, _ in examples]) + decay * sp.eye(p)
    return hessian.inv() * mean([x * y for x, y in examples])


def lyapunov(H: Any, P: Any) -> Any:
    """Lyap(P)."""
    return H * P + P * H


def noise_map(P: Any, hessians: Sequence[Any], factor: Any) -> Any:
    """Q(P), with the factor c."""
    average = mean(hessians)
    return average * P * average + factor * mean([(H - average) * P * (H - average) for H in hessians])


def normal_expectation(polynomial: Any, x: Any) -> Any:
    """The expectation of a polynomial of degree at most 4 in independent normal variables of variance s."""
    moments = (1, 0, s, 0, 3 * s**2)
    terms = sp.Poly(polynomial, *x).terms()
    return sum(weight * sp.prod([moments[power] for power in powers]) for powers, weight in terms)


def inner(left: Any, right: Any) -> Any:
    """The trace inner product."""
    return (left.T * right).trace()


def square(vector: Any) -> Any:
    """The squared length."""
    return (vector.T * vector)[0]


def generic(name: str, rows: int, columns: int) -> Any:
    """A matrix of symbols."""
    return sp.Matrix(rows, columns, lambda i, j: sp.Symbol(f"{name}_{i + 1}{j + 1}"))


def symmetric(name: str, size: int) -> Any:
    """A symmetric matrix of symbols."""
    return sp.Matrix(size, size, lambda i, j: sp.Symbol(f"{name}_{min(i, j) + 1}{max(i, j) + 1}"))


def every_design(items: Sequence[Any]) -> list[tuple[list[tuple[Any, ...]], Any]]:
    """All equally likely batches, and c(b): every b without replacement, b = 1 and 2 with replacement."""
    n = len(items)
    subsets = [(list(combinations(items, b)), sp.Rational(n - b, b * (n - 1))) for b in range(1, n + 1)]
    sequences = [(list(product(items, repeat=b)), sp.Rational(1, b)) for b in (1, 2)]
    return subsets + sequences


def mean(items: Sequence[Any]) -> Any:
    """The mean of numbers or matrices."""
    return reduce(lambda left, right: left + right, items) / sp.Integer(len(items))


if __name__ == "__main__":
    for number, (statement, _, how) in enumerate(steps(), 1):
        print(f"{number}. {statement}\n   checked: {how}\n")
