"""One feature: the gradient variance in closed form in the step; run this file to check every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations, product
from typing import Any

import sympy as sp

import sgdvar as sv
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

t, j, k = sp.symbols("t j k", integer=True, nonnegative=True)
x, y, w, gradient, h, cross, decay, c = sp.symbols("x_i y_i w g_i h E[x*y] lambda c")
kappa, mixed, products, mu, ratio, limit = sp.symbols("kappa chi psi mu r w*")
rho = sp.Symbol("rho", nonzero=True)
start, shift, variance = sp.symbols("w_0 delta Var(g_t)")
alpha = sp.Symbol("alpha", nonnegative=True)
examples, E = sp.symbols("mean_i E")
q = sp.Function("q")
v, m = sp.IndexedBase("v"), sp.IndexedBase("m")
P, N = sp.IndexedBase("p", nonnegative=True), sp.IndexedBase("e", nonnegative=True)
square = sp.Symbol("mu^2", nonnegative=True)

SYMBOLS = [
    Notation(x, "x_i", "input of one example, a number"),
    Notation(y, "y_i", "its target"),
    Notation(w, "w", "weight, a number"),
    Notation(decay, r"\lambda", "weight decay"),
    Notation(gradient, r"\ell_i'(w)", r"gradient of $\frac12 (x_i w - y_i)^2 + \frac{\lambda}{2} w^2$"),
    Notation(examples, r"\frac1n \sum_{i=1}^n", "mean over all examples; for a population, its expectation"),
    Notation(h, "h", r"second derivative of the loss: mean of $x_i^2$, plus $\lambda$"),
    Notation(cross, r"\overline{x y}", "mean of $x_i y_i$"),
    Notation(kappa, r"\kappa", "variance of $x_i^2$"),
    Notation(mixed, r"\chi", "covariance of $x_i^2$ and $x_i y_i$"),
    Notation(products, r"\psi", "variance of $x_i y_i$"),
    Notation(q, "q", r"$q(w)$ is the variance of $\ell_i'(w)$ over the examples"),
    Notation(E, "E", "expectation given $w_0$"),
    Notation(shift, r"\delta", "deviation of $w_t$ from its mean"),
    Notation(alpha, r"\alpha", "step size, the same at every step"),
    Notation(c, "c", "variance factor $c(b)$ of {doc}`batch_mean`"),
    Notation(t, "t", "number of steps"),
    Notation(m.label, "m", "$m_t = E w_t$"),
    Notation(v.label, "v", r"$v_t$ is the variance of $w_t$"),
    Notation(start, "w_0", "start"),
    Notation(mu, r"\mu", "factor of the mean in one step"),
    Notation(
        rho, r"\rho", "factor of the variance in one step: the only number below that depends on $b$, apart from $c$"
    ),
    Notation(variance, r"\operatorname{Var}(g_t)", "total variance of the mini-batch gradient, given $w_0$"),
    Notation(j, "j", "an earlier step"),
    Notation(limit, "w^*", "minimiser of the loss"),
    Notation(ratio, "r", r"one of $1$, $\mu$ and $\mu^2$"),
    Notation(k, "k", "a power of $c$"),
    Notation(P.label, "p", r"$p_{t,k}$ is the coefficient of $c^k$ in $v_t$, and 0 unless $1 \le k \le t$"),
    Notation(N.label, "e", r"$e_{t,k}$ is the coefficient of $c^k$ in $E\, q(w_t) = q(m_t) + \kappa v_t$"),
    Notation(square, r"\lvert \mu \rvert^2", r"$\mu^2$, which is not negative"),
]


def datasets() -> Iterator[tuple[list[tuple[Any, Any]], Mapping[Any, Any]]]:
    """One, two or three examples in symbols, and their moments."""
    for count in (1, 2, 3):
        pairs = list(zip(sp.symbols(f"x1:{count + 1}"), sp.symbols(f"y1:{count + 1}"), strict=True))
        yield pairs, moments(pairs)


def moments(pairs: Sequence[tuple[Any, Any]]) -> dict[Any, Any]:
    """What the definitions say of examples."""
    squares, crossed = [one**2 for one, _ in pairs], [one * other for one, other in pairs]
    return {
        h: mean(squares) + decay,
        cross: mean(crossed),
        kappa: covariance(squares, squares),
        q: lambda point: covariance(*[[slope(one, point) for one in pairs]] * 2),
    }


def two_values() -> Iterator[Mapping[Any, Any]]:
    """A weight with two equally likely values."""
    half = sp.Symbol("half")
    yield {E: uniform([{shift: half}, {shift: -half}]), v[t]: half**2}


def one_step_each() -> Iterator[Mapping[Any, Any]]:
    """One step from weights with two values, over every batch."""
    middle, half = sp.symbols("middle half")
    for pairs, given in datasets():
        for batches, factor in designs(pairs):
            weights = [middle + half, middle - half]
            slopes = [mean([slope(one, point) for one in batch]) for point in weights for batch in batches]
            ends = [
                point - alpha * mean([slope(one, point) for one in batch]) for point in weights for batch in batches
            ]
            later = {m: [middle, mean(ends)].__getitem__, v: [half**2, covariance(ends, ends)].__getitem__}
            yield {**given, **later, t: sp.S.Zero, c: factor, variance: covariance(slopes, slopes)}


@cache
def sequences() -> tuple[Mapping[Any, Any], ...]:
    """The gradient's variance over every sequence of batches, by the library's enumeration."""
    targets: Any = sp.symbols("y1 y2")
    X: Any = [[1], [2]]
    given = moments([(sp.Integer(1), targets[0]), (sp.Integer(2), targets[1])])
    given |= {mu: 1 - alpha * given[h], limit: given[cross] / given[h]}
    cases = []
    for sampling in (sv.WithoutReplacement(), sv.WithReplacement()):
        problem = sv.LinearRegression(sv.Dataset(X, targets), weight_decay=decay)
        sgd = sv.SGD(problem, start=[start], step_size=alpha, sampling=sampling)
        for steps, size in product((0, 1, 2), (1, 2)):
            value = sp.Rational(sgd.design.variance_factor(size))
            case = {t: sp.Integer(steps), c: value, rho: given[mu] ** 2 + alpha**2 * value * given[kappa]}
            case |= {m[step]: sp.sympify(sv.enumerate_mean_weights(sgd, step, size)[0]) for step in range(steps + 1)}
            for time in (steps, steps + 1):
                case[v[time]] = sp.sympify(sv.enumerate_weight_covariance(sgd, time, size)[0, 0])
            case[variance] = sp.sympify(sv.enumerate_gradient_variance(sgd, steps, size))
            cases.append({**given, **case, **coefficients(given, case, steps)})
    return tuple(cases)


def coefficients(given: Mapping[Any, Any], case: Mapping[Any, Any], steps: int) -> dict[Any, Any]:
    """p_{t,k} and e_{t,k}, by the recursion."""
    found = [sp.S.Zero]
    for time in range(steps + 1):
        noise = [given[q](case[m[time]]), *(given[kappa] * part for part in found[1:])]
        last, found = found, [sp.S.Zero, *(alpha**2 * part for part in noise)]
        for power, part in enumerate(last[1:], 1):
            found[power] += given[mu] ** 2 * part
    inside = range(steps + 1)
    return {
        P: lambda _, power: sp.expand(last[power]) if power in inside else sp.S.Zero,
        N: lambda _, power: sp.expand(noise[power]) if power in inside else sp.S.Zero,
    }


def first_steps() -> Iterator[Mapping[Any, Any]]:
    """The first numbers of steps."""
    yield from ({t: sp.Integer(count)} for count in range(6))


def designs(pairs: Sequence[Any]) -> Iterator[tuple[list[tuple[Any, ...]], Any]]:
    """All batches, and c(b): every b without replacement, b = 1 and 2 with replacement."""
    size = len(pairs)
    for count in range(1, size + 1):
        yield list(combinations(pairs, count)), sp.Rational(size - count, count * max(size - 1, 1))
    for count in (1, 2):
        yield list(product(pairs, repeat=count)), sp.Rational(1, count)


def slope(pair: tuple[Any, Any], point: Any) -> Any:
    """One example's gradient."""
    return pair[0] * (pair[0] * point - pair[1]) + decay * point


def covariance(left: Sequence[Any], right: Sequence[Any]) -> Any:
    """The population covariance."""
    return sp.expand(mean([one * other for one, other in zip(left, right, strict=True)]) - mean(left) * mean(right))


def mean(items: Sequence[Any]) -> Any:
    """The mean of numbers."""
    return sp.expand(sum(items) / sp.Integer(len(items)))


def peeled(expression: Any) -> Any:
    """Sums to t as sums to t - 1 and a last term, without constant factors."""
    return expression.replace(lambda part: isinstance(part, sp.Sum), shorter)


def shorter(total: Any) -> Any:
    """One sum."""
    ((index, low, high),) = total.limits
    constant, body = sp.expand(total.function).as_independent(index, as_Add=False)
    if high != t:
        return constant * sp.Sum(body, total.limits[0])
    return constant * (sp.Sum(body, (index, low, t - 1)) + body.xreplace({index: t}))


def over(body: Any) -> Any:
    """The mean over examples."""
    return average(body, examples, x, y)


DESIGNS = "weights with two values, n = 1, 2, 3, every b without replacement, b = 1, 2 with replacement, in symbols"

SEQUENCES = Enumeration(
    "every sequence of batches: inputs 1 and 2, t = 0, 1, 2, b = 1, 2 with and without replacement; targets, start, "
    "step size and weight decay in symbols",
    sequences,
)

gradient_noise = Step(
    "gradient-noise",
    r"Take the mean and the variance over the examples. Weight decay adds no variance. As means of squares, $\kappa$ "
    r"and $q$ are not negative.",
    [
        Line(over(gradient), "=", h * w - cross, Identity()),
        Line(q(w), "=", kappa * w**2 - 2 * mixed * w + products, Identity()),
    ],
    definitions=[
        (gradient, x * (x * w - y) + decay * w),
        (h, over(x**2) + decay),
        (cross, over(x * y)),
        (kappa, over((x**2 - h + decay) ** 2)),
        (mixed, over((x**2 - h + decay) * (x * y - cross))),
        (products, over((x * y - cross) ** 2)),
        (q(w), over((gradient - over(gradient)) ** 2)),
    ],
)

QUADRATIC = (q(w), kappa * w**2 - 2 * mixed * w + products)
RANDOM = average(q(m[t] + shift), E, shift)

random_weight = Step(
    "random-weight",
    r"At $w = 0$ only $\psi$ is left. The weight after $t$ steps is $m_t + \delta$ with $E\, \delta = 0$ and $E\, "
    r"\delta^2 = v_t$. Put it into the quadratic $q$: the linear term vanishes.",
    [
        Line(q(sp.S.Zero), "=", products, Identity()),
        Line(
            RANDOM,
            "=",
            q(m[t]) + kappa * v[t],
            Identity(means={shift: sp.S.Zero, shift**2: v[t]}),
            also=(Enumeration("every weight with two values, in symbols", two_values),),
        ),
    ],
    definitions=[QUADRATIC],
)

RATES = [(mu, 1 - alpha * h), (rho, mu**2 + alpha**2 * c * kappa)]

one_step = Step(
    "one-step",
    r"A step is $w_{t+1} = w_t - \alpha g_t$. Given $w_t$, its mean is $\mu w_t + \alpha\, \overline{x y}$ and its "
    r"variance is $\alpha^2 c\, q(w_t)$, by {eq}`batch-mean-factor`. The law of total variance adds the variance of "
    r"the mean, $\mu^2 v_t$, and the mean of the variance, by {eq}`one-feature-random-weight`.",
    [
        Line(
            m[t + 1],
            "=",
            mu * m[t] + alpha * cross,
            Identity(given={m[t + 1]: m[t] - alpha * (h * m[t] - cross)}),
            also=(Enumeration(DESIGNS, one_step_each),),
        ),
        Line(
            v[t + 1],
            "=",
            rho * v[t] + alpha**2 * c * q(m[t]),
            Identity(given={v[t + 1]: (1 - alpha * h) ** 2 * v[t] + alpha**2 * c * (q(m[t]) + kappa * v[t])}),
            also=(Enumeration(DESIGNS, one_step_each),),
        ),
    ],
    definitions=RATES,
)

gradient_variance = Step(
    "gradient-variance",
    r"Given $w_t$, the mean of $g_t$ is $h w_t - \overline{x y}$ and its variance is $c\, q(w_t)$: the law of total "
    r"variance again.",
    [
        Line(
            variance,
            "=",
            (h**2 + c * kappa) * v[t] + c * q(m[t]),
            Identity(given={variance: h**2 * v[t] + c * (q(m[t]) + kappa * v[t])}),
            also=(Enumeration(DESIGNS, one_step_each),),
        )
    ],
)

SUM = sp.Sum(rho ** (t - 1 - j) * q(m[j]), (j, 0, t - 1))

weight_variance = Step(
    "weight-variance",
    r"Induction on $t$. The start is fixed, so $v_0 = 0$. Times $\rho$ every power rises by one, and $\alpha^2 c\, "
    r"q(m_t)$ is the new last term.",
    [
        Line(
            v[t],
            "=",
            alpha**2 * c * SUM,
            Induction(
                t,
                first=sp.S.Zero,
                step=lambda value, time: rho * value + alpha**2 * c * q(m[time]),
                rewrite=peeled,
            ),
            also=(SEQUENCES,),
        )
    ],
)

closed_form = Step(
    "closed-form",
    r"Put {eq}`one-feature-weight-variance` into {eq}`one-feature-gradient-variance`.",
    [
        Line(
            variance,
            "=",
            (h**2 + c * kappa) * alpha**2 * c * SUM + c * q(m[t]),
            Identity(given={variance: h**2 * alpha**2 * c * SUM + c * (q(m[t]) + kappa * alpha**2 * c * SUM)}),
            also=(SEQUENCES,),
        )
    ],
)

mean_weight = Step(
    "mean-weight",
    r"Induction on $t$, for $h \ne 0$, from $m_0 = w_0$ and $m_{t+1} = \mu m_t + (1 - \mu) w^*$. If $h = 0$ then all "
    r"inputs are 0 and every gradient is 0.",
    [
        Line(
            alpha * cross,
            "=",
            (1 - mu) * limit,
            Identity(given={mu: 1 - alpha * h, cross: h * limit}),
        ),
        Line(
            m[t],
            "=",
            limit + mu**t * (start - limit),
            Induction(t, first=start, step=lambda value, _: mu * value + (1 - mu) * limit, rewrite=sp.powsimp),
            also=(SEQUENCES,),
        ),
    ],
)

noise_in_time = Step(
    "noise-in-time",
    r"Expand $q$ around $w^*$ at $m_t = w^* + \mu^t (w_0 - w^*)$: the sum is made of three geometric sums, with the "
    r"ratios $1$, $\mu$ and $\mu^2$.",
    [
        Line(
            q(m[t]),
            "=",
            q(limit)
            + 2 * (kappa * limit - mixed) * (start - limit) * mu**t
            + kappa * (start - limit) ** 2 * mu ** (2 * t),
            Identity(given={m[t]: limit + mu**t * (start - limit)}, rewrite=sp.powsimp),
        )
    ],
    definitions=[QUADRATIC],
)

geometric_sums = Step(
    "geometric-sums",
    r"Induction on $t$: the empty sum is 0, and the next sum is $\rho$ times this one, plus $r^t$. Which case holds "
    r"depends on $b$ through $\rho$: for instance $\rho = \mu^2$ if $c \kappa = 0$, and $\rho = 1$ at the largest "
    r"stable step size.",
    [
        Line(
            sp.Sum(rho ** (t - 1 - j) * ratio**j, (j, 0, t - 1)),
            "=",
            (rho**t - ratio**t) / (rho - ratio),
            Induction(t, rewrite=sp.powsimp),
            also=(Enumeration("t = 0, ..., 5, in symbols", first_steps),),
        ),
        Line(
            sp.Sum(rho ** (t - 1 - j) * rho**j, (j, 0, t - 1)),
            "=",
            t * rho ** (t - 1),
            Induction(t, rewrite=sp.powsimp),
            also=(Enumeration("t = 0, ..., 5, in symbols", first_steps),),
        ),
    ],
)

powers_of_c = Step(
    "powers-of-c",
    r"Induction on $t$, from $v_0 = 0$. Put $v_t = \sum_k c^k p_{t,k}$ and $E\, q(w_t) = \sum_k c^k e_{t,k}$ into "
    r"{eq}`one-feature-one-step` and {eq}`one-feature-gradient-variance`, and collect the powers of $c$; outside their "
    r"ranges $p_{t,k}$ and $e_{t,k}$ are 0. There is no constant term, the degree is at most $t + 1$, and no "
    r"coefficient is negative: $e_{t,0} = q(m_t)$ and $\kappa$ are variances, $e_{t,k} = \kappa p_{t,k}$ for $k \ge "
    r"1$, and $p_{t,k} \ge 0$ so far, by induction.",
    [
        Line(
            v[t + 1],
            "=",
            sp.Sum(c**k * P[t + 1, k], (k, 1, t + 1)),
            Identity(
                given={
                    v[t + 1]: sp.Sum(c**k * mu**2 * P[t, k], (k, 1, t))
                    + alpha**2 * c * sp.Sum(c**k * N[t, k], (k, 0, t))
                },
                rewrite=collected_to(t),
            ),
            also=(SEQUENCES,),
        ),
        Line(
            variance,
            "=",
            sp.Sum(c**k * (h**2 * P[t, k] + N[t, k - 1]), (k, 1, t + 1)),
            Identity(
                given={
                    variance: h**2 * sp.Sum(c**k * P[t, k], (k, 1, t)) + c * sp.Sum(c**k * N[t, k], (k, 0, t)),
                },
                rewrite=collected_to(t),
            ),
            also=(SEQUENCES,),
        ),
        Line(P[t + 1, k], ">=", 0, Signs({mu**2: square})),
    ],
    definitions=[(P[t + 1, k], mu**2 * P[t, k] + alpha**2 * N[t, k - 1])],
)

DERIVATION = Derivation(
    "one_feature",
    "The gradient variance in closed form, for one feature",
    [
        "Linear regression with one feature and one output; the start $w_0$ and the step size are fixed.",
        "Batches are fresh and independent, with or without replacement, or from a population.",
    ],
    SYMBOLS,
    [
        *(gradient_noise, random_weight, one_step, gradient_variance, weight_variance, closed_form, mean_weight),
        *(noise_in_time, geometric_sums, powers_of_c),
    ],
)


if __name__ == "__main__":
    print(DERIVATION.check().to_text())
