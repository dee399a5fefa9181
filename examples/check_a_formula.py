"""Is the formula in the paper right? Three formulas for the variance at step 1, put to the test.

After one step w_1 is random, so the law of total variance has two terms:

    Var(g_1) = E[c(b) tr Sigma(w_1)] + tr Cov(grad L(w_1)),    c(b) = (n - b) / (b (n - 1)) without replacement

with Sigma(w) the covariance of one example's gradient. The first formula is this one. The second has 1/b for c(b),
which is right for draws with replacement only. The third forgets the last term: the variance *given w_1*, an easy
mistake and a small one. Simulated training runs, which know none of them, decide at stated error rates, and the
library's exact polynomial says how far off each formula is, hence how many runs it takes to see it. Needs the extra
"examples"; takes some ten seconds.

    python examples/check_a_formula.py --output figure.svg
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import sgdvar as sv
from sgdvar.loading import load_diabetes

STEP_SIZE = Fraction(1, 10)
BATCH_SIZES = [4, 16, 64]
RATES = {"false_alarm_rate": 1e-6, "miss_rate": 1e-3}


def formulas(data: sv.Dataset) -> dict[str, Callable[[int, int], float]]:
    """The formulas for Var(g_1) from weights 0, as functions of the step (always 1) and the batch size."""
    X, y, n, alpha = data.X.astype(float), data.y.astype(float), data.size, float(STEP_SIZE)
    hessian = X.T @ X / n

    def noise(w: np.ndarray) -> np.ndarray:
        return np.cov(((X @ w - y)[:, None] * X).T, ddof=0)

    def terms(c: float) -> np.ndarray:
        covariance = alpha**2 * c * noise(np.zeros(data.inputs))  # of w_1
        of_full_gradient = np.trace(hessian @ covariance @ hessian)
        # E tr Sigma(w_1) is quadratic in w_1: its value at the mean, plus what the spread of w_1 adds
        spread = np.mean(np.sum((X @ covariance) * X, axis=1) * np.sum(X**2, axis=1)) - of_full_gradient
        return np.array([c * (np.trace(noise(alpha * X.T @ y / n)) + spread), of_full_gradient])

    return {
        "both terms, c(b)": lambda step, b: terms((n - b) / (b * (n - 1))).sum(),
        "both terms, 1/b for c(b)": lambda step, b: terms(1 / b).sum(),
        "first term alone, c(b)": lambda step, b: terms((n - b) / (b * (n - 1)))[0],
    }


def main() -> None:
    parser = ArgumentParser(description="Three formulas for the variance at step 1 on the diabetes data.")
    parser.add_argument("--output", default="check_a_formula.svg", help="the figure (default: %(default)s)")
    arguments = parser.parse_args()

    data = load_diabetes()
    sgd = sv.SGD(sv.LinearRegression(data), start=[0] * data.inputs, step_size=STEP_SIZE)
    V = sv.gradient_variance(sgd, step=1)
    pilot = sv.estimate_gradient_variance(sgd, 1, BATCH_SIZES, replicates=20_000, conditional=False, seed=1)
    table = Table("formula", "verdict", "largest error", "at b", "runs that show it", box=SIMPLE_HEAD)
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, formula in formulas(data).items():
        report = sv.verify(sgd, [1], BATCH_SIZES, formula=formula, relative_error=0.01, seed=0, **RATES)
        errors = {b: formula(1, b) / float(V(b)) - 1 for b in BATCH_SIZES}
        b = max(BATCH_SIZES, key=lambda b: abs(errors[b]))
        runs = "none can"
        if abs(errors[b]) > 1e-12:  # more than rounding
            kurtosis = pilot.relative_variance[BATCH_SIZES.index(b)]
            runs = f"{sv.replicates_needed(abs(errors[b]), kurtosis, comparisons=len(BATCH_SIZES), **RATES):,}"
        table.add_row(name, report.verdict.status, f"{errors[b]:+.1%}", str(b), runs)
        sizes = range(2, 101)
        axes.semilogx(sizes, [100 * (formula(1, b) / float(V(b)) - 1) for b in sizes], label=name)
    Console().print(table)
    print(
        "verdicts by simulation: {false_alarm_rate:g} false alarms, {miss_rate:g} misses, both nominal".format(**RATES)
    )

    found = [(row.estimate, row.standard_error, float(V(row.batch_size))) for row in report.rows]
    estimate, error, exact = np.array(found).T
    axes.errorbar(BATCH_SIZES, 100 * (estimate / exact - 1), 300 * error / exact, fmt="ko", label="simulated, 3 s.e.")
    axes.set(xlabel="batch size $b$", ylabel="against the exact value, in %")
    axes.set_xticks(BATCH_SIZES, labels=BATCH_SIZES)
    axes.minorticks_off()
    axes.legend(frameon=False)
    figure.savefig(arguments.output)
    print(f"figure: {arguments.output}")


if __name__ == "__main__":
    main()
