"""The exact engine: rational, symbolic and float64."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import sympy as sp

import sgdvar as sv
from benchmarks.baselines import (
    diabetes,
    per_example_rational_operator,
    sympy_stats_variance,
    two_matrix_products,
)
from benchmarks.harness import Row, elapsed, measure
from sgdvar.arithmetic import FloatArithmetic
from sgdvar.moments import gradient_moments


def rows() -> Iterator[Row]:
    yield from rational()
    yield symbolic()
    yield from floats()


def rational() -> Iterator[Row]:
    data = diabetes()
    alpha = Fraction(1, 20)

    def fresh(step: int) -> sv.BatchPolynomial:
        own = sv.Dataset(data.X, data.y)  # nothing is remembered from the run before
        return sv.gradient_variance(sv.SGD(sv.LinearRegression(own), [0] * 10, alpha), step)

    expected = [Fraction(int(v.p), int(v.q)) for v in per_example_rational_operator(data.X, data.y, alpha, 5)]
    assert list(fresh(5).c_coefficients) == expected
    for step, limit in ((3, "20 ms"), (10, "100 ms"), (30, "1 s")):
        yield measure(f"rational, diabetes, t = {step}", lambda step=step: fresh(step), limit=limit)  # type: ignore[misc]
    yield measure(
        "rational, diabetes, t = 5",
        lambda: fresh(5),
        baseline=lambda: per_example_rational_operator(data.X, data.y, alpha, 5),
        name="per-example rational operator",
        limit="at least 10 times faster",
    )
    for copies in (1, 50):
        larger = sv.Dataset(np.tile(data.X, (copies, 1)), np.tile(data.y, copies))
        sgd = sv.SGD(sv.LinearRegression(larger), [0] * 10, alpha)
        sv.gradient_variance(sgd, 10)
        yield Row(
            f"rational, step 10 to 11, n = {442 * copies}",
            elapsed(lambda sgd=sgd: sv.gradient_variance(sgd, 11)),  # type: ignore[misc]
            "",
            None,
            None,
            "independent of n",
        )


def symbolic() -> Row:
    a, w = sp.symbols("a w")

    def every_batch_size() -> sv.BatchPolynomial:
        data = sv.GaussianPopulation(teacher=[0])
        return sv.gradient_variance(sv.SGD(sv.LinearRegression(data), [w], a), step=1)

    assert sp.expand(every_batch_size()(2) - sympy_stats_variance(2)) == 0
    return measure(
        "symbolic scalar model, two steps, every b",
        every_batch_size,
        baseline=lambda: sympy_stats_variance(3),
        name="sympy.stats, b = 3 only",
        limit="faster",
        runs=1,
        warm_up=False,
    )


def floats() -> Iterator[Row]:
    rng = np.random.default_rng(0)
    n, p = 100_000, 100
    X, y = rng.standard_normal((n, p)), rng.standard_normal(n)
    extended = np.column_stack([X, -y])
    moments = gradient_moments(sv.Dataset(X, y), FloatArithmetic(), route="rows")
    N = np.cov(rng.standard_normal((p + 1, 3 * p)))
    row = measure(
        "float64, one (step, b) by rows, n = 1e5, p = 100",
        lambda: moments.covariance(N[None]),
        baseline=lambda: two_matrix_products(extended, X, N),
        name="its two matrix products",
        limit="at most 1.2 times (ratio at least 0.83)",
        runs=15,
    )
    yield row
    n, p = 1_000_000, 20
    data = sv.Dataset(rng.standard_normal((n, p)), rng.standard_normal(n))
    many = 512
    stack = np.array([np.cov(rng.standard_normal((p + 1, 3 * p))) for _ in range(many)])
    by_rows = gradient_moments(data, FloatArithmetic(), route="rows")
    by_moments = gradient_moments(data, FloatArithmetic(), route="fourth moments")
    assert np.allclose(by_rows.covariance(stack[:1]), by_moments.covariance(stack[:1]), rtol=1e-9, atol=1e-9)
    whole = measure(
        "",
        lambda: by_moments.covariance(stack),
        baseline=lambda: by_rows.covariance(stack[:1]),
        name="by rows",
        limit="1,000 times cheaper",
    )
    assert whole.ratio is not None
    yield Row(
        "float64, one (step, b) by fourth moments, n = 1e6, p = 20",
        whole.seconds / many,
        whole.baseline,
        whole.baseline_seconds,
        whole.ratio * many,
        whole.limit,
    )
