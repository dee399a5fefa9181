r"""What an exact expectation costs, estimated before any work: monomials to hold, and products of coefficients."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sgdvar.data import GaussianPopulation
from sgdvar.errors import BudgetExceededError
from sgdvar.process import SGD

__all__ = ["Cost", "branching_cost", "check_budget", "prefers_branching", "propagation_cost"]

_MOST_EXAMPLES = 30  # to run through all sequences of batches of
_PRODUCTS_PER_MONOMIAL = 1000  # what time allows is held to be 1000 times what memory allows


@dataclass(frozen=True)
class Cost:
    """An estimate, right within a small factor.

    Attributes:
        monomials: The most monomials of any one polynomial.
        products: Products of coefficients, each some 20 nanoseconds or, for long numbers, more.
    """

    monomials: int
    products: float


def check_budget(sgd: SGD, step: int, degree: int, budget: float, *, in_batch: int = 0) -> None:
    """Checks that the cheapest way to average a polynomial of the weights is within the budget.

    Args:
        sgd: The process.
        step: t.
        degree: The polynomial's degree in the weights.
        budget: The most products of coefficients.
        in_batch: Its degree in the residual statistic of one more batch; 0 for none.

    Raises:
        BudgetExceededError: It is not; the message says what would be.
    """
    is_branching = not in_batch and prefers_branching(sgd, step, degree)
    cost = branching_cost(sgd, step) if is_branching else propagation_cost(sgd, step, degree, in_batch=in_batch)
    most = budget / _PRODUCTS_PER_MONOMIAL
    if cost.products <= budget and cost.monomials <= most:
        return
    if cost.products > budget:
        what, needed, limit = "products of coefficients", cost.products, budget
    else:
        what, needed, limit = "monomials", cost.monomials, most
    fits = [t for t in range(step) if propagation_cost(sgd, t, degree, in_batch=in_batch).products <= budget]
    raise BudgetExceededError(
        f"an exact expectation must need at most {_rounded(limit)} {what}, got {_rounded(needed)} for step {step} of "
        f"{sgd}; step {max(fits, default=0)} would fit, and so may fewer inputs or outputs; raise budget= to "
        f"{_rounded(max(cost.products, cost.monomials * _PRODUCTS_PER_MONOMIAL))} (some 25 ns each), or simulate with "
        "sgdvar.estimate_gradient_variance",
        needed=needed,
        limit=limit,
        unit=what,
    )


def prefers_branching(sgd: SGD, step: int, degree: int) -> bool:
    """Whether running through all sequences of batches is possible, and cheaper than propagating moments."""
    if not sgd.design.is_without_replacement or sgd.kind == "symbolic":
        return False
    return branching_cost(sgd, step).products < propagation_cost(sgd, step, degree).products


def propagation_cost(sgd: SGD, step: int, degree: int, *, in_batch: int = 0) -> Cost:
    """The cost of averaging a polynomial of this degree of the weights after some steps, batch by batch.

    ``in_batch`` is its degree in one more batch. Before batch s is averaged out the polynomial has degree ``degree``
    (2L - 1)^(t-1-s) in it, and at most (L - 1)^k times as much in the k-th batch before it.
    """
    depth, outputs, inputs = len(sgd.layers), len(sgd.layers[-1]), sgd.problem.data.inputs
    size, growth = outputs * inputs, max(1, depth - 1)
    is_gaussian = isinstance(sgd.problem.data, GaussianPopulation)
    monomials = products = 0
    orders = 2  # powers of u
    stages = [(s, degree * (2 * depth - 1) ** (step - 1 - s)) for s in range(step)]
    weights = [own * growth for _, own in stages]  # degrees in the weights before each batch
    if in_batch:
        stages, weights, orders = [*stages, (step, in_batch)], [*weights, degree], degree
    for (s, degree), in_weights in reversed(list(zip(stages, weights, strict=True))):
        inner = range(s)
        before = [in_weights * growth ** (s - 1 - i) for i in inner]  # degrees in the batches before
        coefficient = math.prod(_terms(size, n) for n in before) * orders
        monomials = max(monomials, coefficient * _terms(size, degree))
        products += 10 * coefficient * _terms(size, degree)
        products += _moments_cost(sgd, size, degree, at_start=s == 0)
        if s == 0:
            products += coefficient * _terms(size, degree) * degree
            break
        by_error = [_homogeneous(size, k) if is_gaussian else _terms(size, k) for k in range(degree + 1)]
        pairs = sum(_homogeneous(size, k) * by_error[k] for k in range(degree + 1))
        products += pairs * coefficient * (degree + 1) // 2
        error = [depth * growth ** (s - 1 - i) for i in inner]  # degrees of the error in them
        orders += degree
        for d in range(1, degree + 1):
            horner = math.prod(_terms(size, n + (degree - d) * e) for n, e in zip(before, error, strict=True))
            products += _homogeneous(size, d) * horner * math.prod(_terms(size, e) for e in error) * orders
    return Cost(monomials, products)


def branching_cost(sgd: SGD, step: int) -> Cost:
    """The cost of running through every sequence of batches, of every size, without replacement."""
    n = sgd.problem.data.size
    assert n is not None
    if n > _MOST_EXAMPLES:
        return Cost(1, math.inf)
    networks = sum(math.comb(n, b) ** step for b in range(1, n + 1))
    widths = [sgd.layers[0].shape[1], *(len(layer) for layer in sgd.layers)]
    return Cost(1, networks * 20 * (100 + sum(a * b * max(a, b) for a in widths for b in widths)))


def _moments_cost(sgd: SGD, size: int, degree: int, *, at_start: bool) -> int:
    """The cost of the generating function of the residual statistic."""
    data = sgd.problem.data
    if isinstance(data, GaussianPopulation):
        factors = [_homogeneous(size, k) * (1 if at_start else _homogeneous(size, k)) for k in range(degree + 1)]
        return sum(k * part for k, part in enumerate(factors)) * size**2
    parts = [_homogeneous(size, k) * (1 if at_start else _terms(size, k)) for k in range(degree + 1)]
    linear = parts[1] if degree else 1
    sums = len(data.X) * sum(parts) * linear
    convolution = sum(parts[i] * parts[k - i] for k in range(degree + 1) for i in range(k + 1))
    if sgd.design.is_without_replacement:
        orders = min(degree, len(data.X))
        return sums + convolution * orders * orders // 2
    return sums + convolution * degree


def _terms(variables: int, degree: int) -> int:
    """The monomials of degree at most ``degree``."""
    return math.comb(variables + degree, variables)


def _homogeneous(variables: int, degree: int) -> int:
    """The monomials of degree ``degree``."""
    return math.comb(variables + degree - 1, variables - 1)


def _rounded(count: float) -> str:
    return f"{count:,.0f}" if count < 1e6 else f"{count:.1e}"
