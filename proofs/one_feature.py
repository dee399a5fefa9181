"""One feature: the gradient variance in closed form in the step; run this file to check every step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import combinations, product
from typing import Any

import sympy as sp

alpha, c, decay = sp.symbols("alpha c lambda")
kappa, rho, mu, ratio = sp.symbols("kappa rho mu r")

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
        gradient_noise(),
        gradient_noise_at_random_weights(),
        one_step(),
        variance_of_the_gradient(),
        variance_of_the_weights(),
        mean_of_the_weights(),
        gradient_noise_in_time(),
        geometric_sums(),
        powers_of_c(),
        every_batch_sequence_enumerated(),
    ]


def identity(left: Any, right: Any) -> None:
    """Checks that two rational functions are the same.

    Raises:
        AssertionError: They differ.
    """
    difference = sp.cancel(sp.together(left - right))
    if difference != 0:
        raise AssertionError(f"{left} = {right} is false: the difference is {difference}")


def gradient_noise() -> Step:
    """The mean and variance of one example's gradient at a fixed weight."""
    w = sp.Symbol("w")
    for count in (1, 2, 3):
        examples = symbolic_examples(count)
        gradients = [batch_gradient([example], w) for example in examples]
        identity(mean(gradients), hessian(examples) * w - cross(examples))
        identity(mean([g**2 for g in gradients]) - mean(gradients) ** 2, noise(examples, w))
    return (
        r"E\, \nabla \ell(w) &= h w - E\, x y, \qquad h = E\, x^2 + \lambda, \quad "
        r"\kappa = \operatorname{Var}(x^2), \\ "
        r"q(w) := \operatorname{Var}(\nabla \ell(w)) &= \kappa w^2 - 2 \operatorname{Cov}(x^2, x y)\, w "
        r"+ \operatorname{Var}(x y)",
        r"One example's gradient is $x (x w - y) + \lambda w$ with weight decay $\lambda$, which adds no variance. "
        r"Here $E$ and $\operatorname{Var}$ are over one example. Being variances, $\kappa$ and $q$ are not negative.",
        "identities in symbols for n = 1, 2, 3",
    )


def gradient_noise_at_random_weights() -> Step:
    """The mean of q at a random weight."""
    m, d = sp.symbols("m d")
    identity(quadratic(m + d), quadratic(m) + quadratic(m).diff(m) * d + kappa * d**2)
    return (
        r"q(m + d) = q(m) + q'(m)\, d + \kappa d^2, \qquad E\, q(w_t) = q(m_t) + \kappa v_t",
        r"Take expectations with $m_t = E[w_t \mid w_0]$, $v_t = \operatorname{Var}(w_t \mid w_0)$ and "
        r"$d = w_t - m_t$: the linear term vanishes.",
        "the expansion as an identity in symbols, every quadratic q",
    )


def one_step() -> Step:
    """One step of the mean and of the variance of the weights."""
    m, d = sp.symbols("m d")
    for count in (1, 2, 3):
        examples = symbolic_examples(count)
        h, spread = hessian(examples), square_variance(examples)
        for batches, factor in every_design(examples):
            # the weights are m + d or m - d, equally likely: their mean is m, and their variance d^2
            weights = [w - alpha * batch_gradient(batch, w) for w in (m + d, m - d) for batch in batches]
            average = (1 - alpha * h) * m + alpha * cross(examples)
            growth = (1 - alpha * h) ** 2 + alpha**2 * factor * spread
            identity(mean(weights), average)
            variance = mean([w**2 for w in weights]) - average**2
            identity(variance, growth * d**2 + alpha**2 * factor * noise(examples, m))
    return (
        r"m_{t+1} &= \mu\, m_t + \alpha\, E\, x y, \qquad \mu = 1 - \alpha h, \\ "
        r"v_{t+1} &= \rho\, v_t + \alpha^2 c(b)\, q(m_t), \qquad \rho = \mu^2 + \alpha^2 c(b)\, \kappa",
        r"A step is $w_{t+1} = w_t - \alpha g_t$. Given $w_t$, its mean is $\mu w_t + \alpha E\, x y$ and its variance "
        r"$\alpha^2 c(b)\, q(w_t)$, by the variance of a batch mean. By the law of total variance "
        r"$v_{t+1} = \mu^2 v_t + \alpha^2 c(b)\, E\, q(w_t)$.",
        "exhaustive enumeration in symbols for weights with two values: n = 1, 2, 3, every b without replacement, "
        "b = 1 and 2 with replacement",
    )


def variance_of_the_gradient() -> Step:
    """The variance of the gradient from the mean and variance of the weights."""
    m, d = sp.symbols("m d")
    for count in (1, 2, 3):
        examples = symbolic_examples(count)
        h, spread = hessian(examples), square_variance(examples)
        for batches, factor in every_design(examples):
            gradients = [batch_gradient(batch, w) for w in (m + d, m - d) for batch in batches]
            variance = mean([g**2 for g in gradients]) - mean(gradients) ** 2
            identity(variance, (h**2 + factor * spread) * d**2 + factor * noise(examples, m))
    return (
        r"\operatorname{Var}(g_t \mid w_0) = \bigl( h^2 + c(b)\, \kappa \bigr)\, v_t + c(b)\, q(m_t)",
        r"Given $w_t$ the mean is $h w_t - E\, x y$ and the variance $c(b)\, q(w_t)$: the law of total variance again.",
        "the same enumeration",
    )


def variance_of_the_weights() -> Step:
    """The variance of the weights as a sum, by induction."""
    for t in range(6):
        q = sp.symbols(f"q0:{t + 1}")
        identity(weight_variance(q), rho * weight_variance(q[:-1]) + alpha**2 * c * q[-1])
    identity(weight_variance(()), 0)
    return (
        r"v_t = \alpha^2 c(b) \sum_{j<t} \rho^{t-1-j}\, q(m_j)",
        r"Induction on $t$. Base: $w_0$ is fixed, so $v_0 = 0$, the empty sum. Step: $\rho$ times the sum raises every "
        r"power by one, and $\alpha^2 c(b)\, q(m_t)$ is the new last term.",
        "the base; the step as an identity in symbols for t = 0, ..., 5, every value of every q",
    )


def mean_of_the_weights() -> Step:
    """The mean of the weights in closed form, by induction."""
    h, xy, start, power = sp.symbols("h X w0 mu^t")
    limit = xy / h
    closed = limit + power * (start - limit)
    identity(closed.subs(power, 1), start)
    identity((1 - alpha * h) * closed + alpha * xy, closed.subs(power, (1 - alpha * h) * power))
    for t in range(6):
        total = geometric_sum(t, mu, 1)
        following = mu * (mu**t * start + alpha * xy * total) + alpha * xy
        identity(following, mu ** (t + 1) * start + alpha * xy * geometric_sum(t + 1, mu, 1))
    return (
        r"m_t = \mu^t w_0 + \alpha\, E\, x y \sum_{i<t} \mu^i = w^* + \mu^t (w_0 - w^*), \qquad "
        r"w^* = \frac{E\, x y}{h}",
        r"Induction on $t$; the second form needs $h \ne 0$. If $h = 0$ then $x = 0$ and $\lambda = 0$, and every "
        r"gradient is 0.",
        "the second form: base and step as identities in symbols, every t; the first: its step for t = 0, ..., 5",
    )


def gradient_noise_in_time() -> Step:
    """The noise q at the mean weights, in powers of mu."""
    limit, start, power = sp.symbols("w* w0 mu^t")
    gap, slope = start - limit, quadratic(limit).diff(limit)
    identity(quadratic(limit + power * gap), quadratic(limit) + slope * gap * power + kappa * gap**2 * power**2)
    return (
        r"q(m_t) = q(w^*) + q'(w^*)\, (w_0 - w^*)\, \mu^t + \kappa\, (w_0 - w^*)^2 \mu^{2t}",
        r"The expansion of $q$ around $w^*$ at $m_t = w^* + \mu^t (w_0 - w^*)$. So the sum for $v_t$ is made of three "
        r"geometric sums, with ratios $1$, $\mu$ and $\mu^2$.",
        "identity in symbols, every t and every quadratic q",
    )


def geometric_sums() -> Step:
    """The geometric sums in closed form, by induction."""
    t = sp.Symbol("t", integer=True, nonnegative=True)
    high, low = sp.symbols("rho^t r^t")
    distinct = (high - low) / (rho - ratio)
    identity(rho * distinct + low, distinct.subs({high: rho * high, low: ratio * low}, simultaneous=True))
    equal = t * high / rho
    identity(rho * equal + high, equal.subs({t: t + 1, high: rho * high}, simultaneous=True))
    for count in range(6):
        identity(geometric_sum(count + 1, rho, ratio), rho * geometric_sum(count, rho, ratio) + ratio**count)
        identity(geometric_sum(count, rho, ratio), (rho**count - ratio**count) / (rho - ratio))
        identity(geometric_sum(count, rho, rho), count * rho**count / rho)
    return (
        r"\sum_{j<t} \rho^{t-1-j}\, r^j = \begin{cases} \dfrac{\rho^t - r^t}{\rho - r} & \rho \ne r \\[1ex] "
        r"t\, \rho^{t-1} & \rho = r, \end{cases} \qquad r \in \{1, \mu, \mu^2\}",
        r"Induction on $t$: the empty sum is 0, and the next sum is $\rho$ times this one plus $r^t$. Which case holds "
        r"depends on $b$ through $\rho$: for instance $\rho = \mu^2$ if $c(b)\, \kappa = 0$, and $\rho = 1$ at the "
        r"largest stable step size.",
        "the step of both cases as an identity in symbols, every t; both forms against the sum for t = 0, ..., 5",
    )


def powers_of_c() -> Step:
    """The variance of the gradient as a polynomial in c: degree and signs."""
    squares = sp.symbols("mu^2 alpha^2 h^2")  # and kappa and q are variances: none is negative
    mu2, alpha2, h2 = squares
    growth = mu2 + alpha2 * c * kappa
    for t in range(6):
        identity(growth**t, sum(sp.binomial(t, i) * mu2 ** (t - i) * (alpha2 * kappa * c) ** i for i in range(t + 1)))
        q = sp.symbols(f"q0:{t + 1}")
        variance = alpha2 * c * sum(growth ** (t - 1 - j) * q[j] for j in range(t))
        total = sp.Poly((h2 + c * kappa) * variance + c * q[t], c, kappa, *squares, *q)
        powers = [monomial[0] for monomial in total.monoms()]
        if (min(powers), max(powers)) != (1, t + 1) or min(total.coeffs()) < 0:
            raise AssertionError(f"the powers of c must be 1, ..., {t + 1}, with no negative coefficient: {total}")
    return (
        r"\rho^k &= \sum_{i=0}^{k} \binom{k}{i}\, \mu^{2(k-i)} (\alpha^2 \kappa)^i\, c(b)^i, \\ "
        r"\operatorname{Var}(g_t \mid w_0) &= \sum_{k=1}^{t+1} a_k\, c(b)^k, \quad a_k \ge 0",
        r"Nothing but $\rho$ and the factors $c(b)$ depends on $b$. Everything that is multiplied and added is a "
        r"square or a variance: $\mu^2$, $\alpha^2$, $h^2$, $\kappa$, $q(m_j)$. The highest power is in "
        r"$c \kappa \cdot \alpha^2 c \cdot \rho^{t-1}$, of degree $t + 1$.",
        "the binomial expansion, the degree, the missing constant term and all signs in symbols for t = 0, ..., 5",
    )


def every_batch_sequence_enumerated() -> Step:
    """The closed form against the definition, for a small problem in symbols."""
    w0 = sp.Symbol("w0")
    examples = list(zip((1, 2), sp.symbols("y1:3"), strict=True))
    h, spread = hessian(examples), square_variance(examples)
    shrink = 1 - alpha * h
    means = [shrink**t * w0 + alpha * cross(examples) * geometric_sum(t, shrink, 1) for t in range(3)]
    q = [noise(examples, m) for m in means]
    for batches, factor in every_design(examples):
        growth = shrink**2 + alpha**2 * factor * spread
        variance = weight_variance(q[:2]).subs({rho: growth, c: factor})
        weights = [w0]
        for _ in range(2):
            weights = [w - alpha * batch_gradient(batch, w) for w in weights for batch in batches]
        gradients = [sp.expand(batch_gradient(batch, w)) for w in weights for batch in batches]
        average = sp.expand(mean(gradients))
        identity(
            sp.expand(mean([sp.expand(g**2) for g in gradients]) - average**2),
            sp.expand((h**2 + factor * spread) * variance + factor * q[2]),
        )
    return (
        r"&\frac{1}{\#\mathcal B^3} \sum_{B_0, B_1, B_2} (g_2 - E\, g_2)^2 \\ &\qquad = \bigl( h^2 + c(b)\, \kappa "
        r"\bigr)\, \alpha^2 c(b)\, \bigl( \rho\, q(m_0) + q(m_1) \bigr) + c(b)\, q(m_2)",
        r"The definition itself for $t = 2$: the sum over every sequence of batches, without the recursion.",
        "exhaustive enumeration: t = 2, inputs 1 and 2, every b without replacement, b = 1 and 2 with replacement; "
        "targets, w0, step size and weight decay in symbols",
    )


Example = tuple[Any, Any]


def symbolic_examples(count: int) -> list[Example]:
    """Examples with one feature each, in symbols."""
    return list(zip(sp.symbols(f"x1:{count + 1}"), sp.symbols(f"y1:{count + 1}"), strict=True))


def batch_gradient(batch: Sequence[Example], w: Any) -> Any:
    """The gradient of the mean loss of a batch, with weight decay."""
    return mean([x * (x * w - y) for x, y in batch]) + decay * w


def hessian(examples: Sequence[Example]) -> Any:
    """E x^2 + lambda."""
    return mean([x**2 for x, _ in examples]) + decay


def cross(examples: Sequence[Example]) -> Any:
    """E x y."""
    return mean([x * y for x, y in examples])


def square_variance(examples: Sequence[Example]) -> Any:
    """The variance of x^2."""
    return covariance([x**2 for x, _ in examples], [x**2 for x, _ in examples])


def noise(examples: Sequence[Example], w: Any) -> Any:
    """q(w) in powers of w."""
    squares, products = [x**2 for x, _ in examples], [x * y for x, y in examples]
    linear, constant = -2 * covariance(squares, products), covariance(products, products)
    return square_variance(examples) * w**2 + linear * w + constant


def quadratic(w: Any) -> Any:
    """Any q with leading coefficient kappa."""
    linear, constant = sp.symbols("q1 q0")
    return kappa * w**2 + linear * w + constant


def covariance(left: Sequence[Any], right: Sequence[Any]) -> Any:
    """The population covariance."""
    return mean([a * b for a, b in zip(left, right, strict=True)]) - mean(left) * mean(right)


def weight_variance(q: Sequence[Any]) -> Any:
    """v_t from q(m_0), ..., q(m_(t-1))."""
    return alpha**2 * c * sum(rho ** (len(q) - 1 - j) * value for j, value in enumerate(q))


def geometric_sum(count: int, high: Any, low: Any) -> Any:
    """The sum of high^(count-1-j) low^j over j < count."""
    return sum(high ** (count - 1 - j) * low**j for j in range(count))


def every_design(items: Sequence[Any]) -> list[tuple[list[tuple[Any, ...]], Any]]:
    """All equally likely batches, and c(b): every b without replacement, b = 1 and 2 with replacement."""
    n = len(items)
    subsets = [(list(combinations(items, b)), sp.Rational(n - b, b * max(n - 1, 1))) for b in range(1, n + 1)]
    sequences = [(list(product(items, repeat=b)), sp.Rational(1, b)) for b in (1, 2)]
    return subsets + sequences


def mean(items: Sequence[Any]) -> Any:
    """The mean of numbers."""
    return reduce(lambda left, right: left + right, items) / sp.Integer(len(items))


if __name__ == "__main__":
    for number, (statement, _, how) in enumerate(steps(), 1):
        print(f"{number}. {statement}\n   checked: {how}\n")
