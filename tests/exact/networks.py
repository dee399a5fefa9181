"""Small deep linear networks, and what the engine gives for them that another route does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import pairwise
from typing import Any, TypeAlias

import sgdvar as sv
from tests.exact import oracles
from tests.exact.oracles import entries, interpolated

OF_THE_GRADIENT = ("gradient_variance", "full_gradient_variance", "gradient_second_moment")
QUANTITIES = (*OF_THE_GRADIENT, "expected_loss", "mean_gradient", "mean_weights", "weight_covariance")
DESIGNS = ("without replacement", "with replacement", "atoms")
STEP_SIZES = (Fraction(1, 3), Fraction(-1, 2))

Route: TypeAlias = Callable[..., Callable[[int], list[Fraction]]]
"""From a quantity, a process, a step, ``matrix`` and ``layer`` to the entries as a function of the batch size."""


def numbers(rows: int, columns: int, seed: int) -> list[list[Fraction]]:
    """A matrix without symmetries."""
    return [
        [Fraction((3 * i + 5 * j + 2 * seed + i * j) % 7 - 3, 1 + (i + j + seed) % 3) for j in range(columns)]
        for i in range(rows)
    ]


def data_for(design: str, X: Any, y: Any) -> tuple[Any, Any]:
    """Examples and how they are drawn: the arguments of ``network`` for one of the ``DESIGNS``."""
    if design == "atoms":
        total = len(X) * (len(X) + 1) // 2
        return sv.DiscretePopulation(X, y, [Fraction(k, total) for k in range(1, len(X) + 1)]), None
    return sv.Dataset(X, y), sv.WithoutReplacement() if design == "without replacement" else sv.WithReplacement()


def network(
    widths: tuple[int, ...],
    data: Any,
    sampling: Any = None,
    *,
    weight_decay: Any = Fraction(1, 5),
    step_size: Any = STEP_SIZES,
) -> sv.SGD:
    """SGD on a network with weight decay, and step sizes that differ."""
    start = [numbers(after, before, j) for j, (before, after) in enumerate(pairwise(widths))]
    return sv.SGD(sv.DeepLinearNetwork(data, weight_decay), start, step_size, sampling)


def enumeration(name: str, sgd: sv.SGD, step: int, **arguments: Any) -> Callable[[int], list[Fraction]]:
    """The sum over all sequences of batches."""
    return lambda b: entries(getattr(sv, f"enumerate_{name}")(sgd, step, b, **arguments))


def expansion(name: str, sgd: sv.SGD, step: int, **arguments: Any) -> Callable[[int], list[Fraction]]:
    """Naive expansion in the statistics of the batches."""
    expanded = getattr(oracles, f"expand_{name}")(sgd, step, **arguments)
    return lambda b: entries(expanded(b))


def disagreements(
    route: Route,
    sgd: sv.SGD,
    step: int,
    batch_sizes: Iterable[int] | None = None,
    *,
    quantities: Iterable[str] | None = None,
    **arguments: Any,
) -> list[str]:
    """The quantities that the engine gives otherwise than a route; with ``matrix`` or ``layer`` among those of g_t.

    The values at ``batch_sizes`` are compared. By default all of them without replacement, where polynomials that agree
    at b = 1, ..., n are equally good; else the coefficients in 1/b, from batch sizes enough to bound the degree, too.
    """
    names = quantities or (OF_THE_GRADIENT if arguments else QUANTITIES)
    degree, n = sv.variance_degree_bound(len(sgd.layers), step), sgd.design.max_batch_size
    compares_coefficients = batch_sizes is None and n is None
    sizes = list(batch_sizes or range(1, (n or degree + 2) + 1))
    differing = []
    for name in names:
        polynomials = entries(getattr(sv, name)(sgd, step, **arguments))
        other = route(name, sgd, step, **arguments)
        rows = [other(b) for b in sizes]
        for V, column in zip(polynomials, zip(*rows, strict=True), strict=True):
            if compares_coefficients:
                padding = (0,) * (degree - V.degree)
                same = (*V.coefficients, *padding) == interpolated(dict(zip(sizes, column, strict=True)), degree)
            else:
                same = [V(b) for b in sizes] == list(column)
            if not same:
                differing.append(name)
                break
    return differing
