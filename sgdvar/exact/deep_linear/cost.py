r"""What an exact expectation costs, estimated before any work: monomials to hold, and products of coefficients."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

from sgdvar.data import GaussianPopulation
from sgdvar.errors import BudgetExceededError
from sgdvar.process import SGD
from sgdvar.scalars import Kind

__all__ = [
    "BUDGET",
    "PRODUCTS_PER_SECOND",
    "Cost",
    "branching_cost",
    "check_budget",
    "prefers_branching",
    "propagation_cost",
]

PRODUCTS_PER_SECOND = 4e7  # of coefficients that are not long: some 25 ns each
BUDGET = 3e10  # products of coefficients: some ten minutes
_LARGEST_DEGREE = 3000  # of a step: beyond, every forecast is too large
_MOST_EXAMPLES = 30  # to run through all sequences of batches of
_PRODUCTS_PER_MONOMIAL = 1000  # what time allows is held to be 1000 times what memory allows


@dataclass(frozen=True)
class Cost:
    """An estimate, right within a small factor.

    Attributes:
        monomials: The most monomials of any one polynomial.
        products: Products of coefficients, each some 25 nanoseconds or, for long numbers, more.
    """

    monomials: float
    products: float

    @property
    def budget(self) -> float:
        """The smallest budget that allows it."""
        return max(self.products, self.monomials * _PRODUCTS_PER_MONOMIAL)


def check_budget(
    sgd: SGD,
    step: int,
    degree: int,
    budget: float,
    *,
    kind: Kind,
    symbols: int = 0,
    count: int = 1,
    in_batch: int = 0,
) -> None:
    """Checks that the cheapest way to average a polynomial of the weights is within the budget.

    Args:
        sgd: The process.
        step: t.
        degree: The polynomial's degree in the weights.
        budget: The most products of coefficients.
        kind: The numbers of the process and of what is asked of it.
        symbols: How many symbols they contain.
        count: How many such polynomials are averaged.
        in_batch: The degree in the residual statistic of one more batch; 0 for none.

    Raises:
        TypeError: ``budget`` is no number.
        ValueError: ``budget`` is negative.
        BudgetExceededError: The work is beyond it; the message says what would not be.
    """
    if isinstance(budget, bool) or not isinstance(budget, Real):
        raise TypeError(f"budget must be a number of products of coefficients, got {budget!r}")
    if not budget >= 0:
        raise ValueError(f"budget must be at least 0, got {budget}")

    def cheapest(t: int) -> Cost:
        if not in_batch and prefers_branching(sgd, t, degree, kind):
            return branching_cost(sgd, t)
        return propagation_cost(sgd, t, degree, in_batch=in_batch, symbols=symbols, count=count)

    cost, budget = cheapest(step), float(budget)
    if cost.budget <= budget:
        return
    if cost.products > budget:
        what, needed, limit = "products of coefficients", cost.products, budget
    else:
        what, needed, limit = "monomials", cost.monomials, budget / _PRODUCTS_PER_MONOMIAL
    fits = [t for t in range(step) if cheapest(t).budget <= budget]
    remedy = f"step {max(fits)} would fit, and so may" if fits else "what may fit are"
    more = f"raise budget= to {_rounded_up(cost.budget)} (some 25 ns each), or " if math.isfinite(cost.budget) else ""
    raise BudgetExceededError(
        f"an exact expectation must need at most {_rounded_up(limit)} {what}, got {_rounded_up(needed)} for step "
        f"{step} of {sgd}; {remedy} fewer inputs or outputs; {more}simulate with sgdvar.estimate_gradient_variance",
        needed=needed,
        limit=limit,
        unit=what,
    )


def prefers_branching(sgd: SGD, step: int, degree: int, kind: Kind | None = None) -> bool:
    """Whether running through all sequences of batches is possible, and cheaper than propagating moments.

    Args:
        sgd: The process.
        step: t.
        degree: The degree in the weights of what is averaged.
        kind: The numbers of the process and of what is asked of it; those of the process if omitted.
    """
    if not sgd.design.is_without_replacement or (kind or sgd.kind) == "symbolic":
        return False
    return branching_cost(sgd, step).products < propagation_cost(sgd, step, degree).products


def propagation_cost(sgd: SGD, step: int, degree: int, *, in_batch: int = 0, symbols: int = 0, count: int = 1) -> Cost:
    """The cost of averaging a polynomial of this degree of the weights after some steps, batch by batch.

    ``in_batch`` is its degree in one more batch, ``symbols`` how many symbols its coefficients are polynomials in, and
    ``count`` how many such polynomials there are. Before batch s is averaged out the polynomial has degree ``degree``
    (2L - 1)^(t-1-s) in it, and at most (L - 1)^k times as much in the k-th batch before it.
    """
    depth, outputs, inputs = len(sgd.layers), len(sgd.layers[-1]), sgd.problem.data.inputs
    size, growth = outputs * inputs, max(1, depth - 1)
    is_gaussian = isinstance(sgd.problem.data, GaussianPopulation)
    monomials = products = 0
    orders = 2  # powers of u
    if step * math.log(2 * depth - 1) > math.log(_LARGEST_DEGREE):
        return Cost(math.inf, math.inf)
    stages = [(s, degree * (2 * depth - 1) ** (step - 1 - s)) for s in range(step)]
    weights = [own * growth for _, own in stages]  # degrees in the weights before each batch
    if in_batch:
        stages, weights, orders = [*stages, (step, in_batch)], [*weights, degree], degree
    for (s, own), in_weights in reversed(list(zip(stages, weights, strict=True))):
        inner = range(s)
        before = [in_weights * growth ** (s - 1 - i) for i in inner]  # degrees in the batches before
        coefficient = math.prod(_terms(size, n) for n in before) * orders
        monomials = max(monomials, coefficient * _terms(size, own))
        products += 10 * coefficient * _terms(size, own)
        products += _moments_cost(sgd, size, own, at_start=s == 0)
        if s == 0:
            products += coefficient * _terms(size, own) * own
            break
        by_error = [_homogeneous(size, k) if is_gaussian else _terms(size, k) for k in range(own + 1)]
        pairs = sum(_homogeneous(size, k) * by_error[k] for k in range(own + 1))
        products += pairs * coefficient * (own + 1) // 2
        error = [depth * growth ** (s - 1 - i) for i in inner]  # degrees of the error in them
        orders += own
        for d in range(1, own + 1):
            horner = math.prod(_terms(size, n + (own - d) * e) for n, e in zip(before, error, strict=True))
            products += _homogeneous(size, d) * horner * math.prod(_terms(size, e) for e in error) * orders
    in_symbols = _terms(symbols, degree * (2 * depth - 1) ** max(step - 1, 0))
    return Cost(_as_float(monomials * in_symbols), _as_float(products * in_symbols * count))


def branching_cost(sgd: SGD, step: int) -> Cost:
    """The cost of running through every sequence of batches, of every size, without replacement."""
    n = sgd.problem.data.size
    assert n is not None
    if n > _MOST_EXAMPLES:
        return Cost(1, math.inf)
    networks = sum(math.comb(n, b) ** step for b in range(1, n + 1))
    widths = [sgd.layers[0].shape[1], *(len(layer) for layer in sgd.layers)]
    work = 20 * (100 + sum(a * b * max(a, b) for a in widths for b in widths))
    return Cost(1, _as_float(networks * work))


def _moments_cost(sgd: SGD, size: int, degree: int, *, at_start: bool) -> int:
    """The cost of the generating function of the residual statistic."""
    data = sgd.problem.data
    if isinstance(data, GaussianPopulation):
        factors = [_homogeneous(size, k) * (1 if at_start else _homogeneous(size, k)) for k in range(degree + 1)]
        return sum(k * part for k, part in enumerate(factors)) * size**2
    parts = [_homogeneous(size, k) * (1 if at_start else _terms(size, k)) for k in range(degree + 1)]
    linear = parts[1] if degree else 1
    sums = len(data.X) * sum(parts) * linear
    convolution = _terms(2 * size, degree) * (1 if at_start else _terms(size, degree // 2) ** 2)
    if sgd.design.is_without_replacement:
        orders = min(degree, len(data.X))
        return sums + convolution * orders * orders // 2
    return sums + convolution * degree


def _as_float(count: int) -> float:
    """A count that may be too large to be a float."""
    return float(count) if count.bit_length() < 1000 else math.inf


def _terms(variables: int, degree: int) -> int:
    """The monomials of degree at most ``degree``."""
    return math.comb(variables + degree, variables)


def _homogeneous(variables: int, degree: int) -> int:
    """The monomials of degree ``degree``."""
    return math.comb(variables + degree - 1, variables - 1)


def _rounded_up(count: float) -> str:
    if count < 1e6 or not math.isfinite(count):
        return f"{count:,.0f}" if math.isfinite(count) else "too many"
    unit = 10 ** (math.floor(math.log10(count)) - 1)
    return f"{math.ceil(count / unit) * unit:.1e}"
