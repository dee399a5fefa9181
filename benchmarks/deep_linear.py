"""The exact engine for deep linear networks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
import sympy as sp

import sgdvar as sv
from benchmarks.baselines import diabetes, naive_network_second_moment, sympy_stats_network_variance
from benchmarks.harness import Row, measure

# widths, step, limit
GAUSSIAN = [
    ((2, 2, 1), 1, "2 ms"),
    ((4, 4, 1), 1, "20 ms"),
    ((8, 8, 1), 1, "0.5 s"),
    ((2, 2, 1), 2, "0.1 s"),
    ((3, 3, 1), 2, "2 s"),
    ((2, 2, 2), 2, "8 s"),
    ((4, 4, 1), 2, "40 s"),
    ((2, 2, 1), 3, "3 minutes"),
    ((1, 1, 1), 3, "0.2 s"),
    ((1, 1, 1), 4, "30 s"),
]


def rows() -> Iterator[Row]:
    for widths, step, limit in GAUSSIAN:
        yield measure(name(widths, step), variance(gaussian(widths), step), limit=limit, runs=3 if step > 2 else 5)
    yield naive()
    yield from finite()
    yield symbolic()


def name(widths: Sequence[int], step: int) -> str:
    return f"network {'-'.join(map(str, widths))}, Gaussian, t = {step}"


def start(widths: Sequence[int]) -> list[np.ndarray[tuple[int, ...], np.dtype[np.object_]]]:
    """Weights that are neither symmetric nor zero, with denominators 2, 3 and 5."""
    layers = []
    for rows, columns in zip(widths[1:], widths, strict=False):
        entries = [Fraction((3 * i * i + i) % 7 - 3, (2, 3, 5)[i % 3]) for i in range(rows * columns)]
        layers.append(np.array(entries, dtype=object).reshape(rows, columns))
    return layers


def gaussian(widths: Sequence[int]) -> sv.SGD:
    teacher = [[1 + (i + 2 * k) % 3 for i in range(widths[0])] for k in range(widths[-1])]
    return sv.SGD(sv.DeepLinearNetwork(sv.GaussianPopulation(teacher)), start(widths), Fraction(1, 10))


def variance(sgd: sv.SGD, step: int):  # type: ignore[no-untyped-def]
    return lambda: sv.gradient_variance(sgd, step)


def naive() -> Row:
    sgd = gaussian((2, 2, 1))
    lower, upper = sgd.layers
    teacher = sgd.problem.data.numbers()[0]

    def expanded() -> object:
        return naive_network_second_moment(lower, upper, teacher, Fraction(1, 10), 2)

    exact = sv.gradient_second_moment(sgd, 2).coefficients
    assert [
        Fraction(int(v.p), int(v.q)) for v in naive_network_second_moment(lower, upper, teacher, Fraction(1, 10), 2)
    ] == list(exact)
    return measure(
        "network 2-2-1, Gaussian, second moment at t = 2",
        lambda: sv.gradient_second_moment(sgd, 2),
        baseline=expanded,
        name="expanding the square, moments monomial by monomial",
        limit="at least 100 times faster",
        runs=3,
        warm_up=False,
    )


def finite() -> Iterator[Row]:
    data = diabetes()

    def first(n: int, p: int) -> sv.Dataset:
        return sv.Dataset(data.X[:n, :p], data.y[:n])

    def every_batch_size() -> object:
        sgd = sv.SGD(sv.DeepLinearNetwork(first(442, 4)), start((4, 4, 1)), Fraction(1, 20))
        return sv.gradient_variance(sgd, 1)(range(1, 443))

    yield measure("network 4-4-1, n = 442, t = 1, all 442 batch sizes", every_batch_size, limit="1 s", runs=5)
    for widths in ((2, 2, 1), (4, 4, 1)):
        sgd = sv.SGD(sv.DeepLinearNetwork(first(6, widths[0])), start(widths), Fraction(1, 20))
        what = f"network {'-'.join(map(str, widths))}, n = 6, t = 3"
        yield measure(what, variance(sgd, 3), limit="5 s" if widths[0] == 2 else "", runs=1, warm_up=False)
    sgd = sv.SGD(sv.DeepLinearNetwork(data), start((10, 4, 1)), Fraction(1, 20))
    yield measure("network 10-4-1, n = 442, t = 1", variance(sgd, 1), limit="60 s", runs=1, warm_up=False)


def symbolic() -> Row:
    a, v, w = sp.symbols("a v w")

    def every_batch_size() -> sv.BatchPolynomial:
        network = sv.DeepLinearNetwork(sv.GaussianPopulation(teacher=[0]))
        return sv.gradient_variance(sv.SGD(network, [v, w], a), step=1)

    assert sp.expand(every_batch_size()(1) - sympy_stats_network_variance(1)) == 0
    return measure(
        "symbolic network 1-1-1, Gaussian, t = 1, every b",
        every_batch_size,
        baseline=lambda: sympy_stats_network_variance(1),
        name="sympy.stats, b = 1 only",
        limit="faster",
        runs=1,
        warm_up=False,
    )
