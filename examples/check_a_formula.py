"""Is my formula right? Two formulas for the variance at step 1, written down by hand and put to the test.

After one step w_1 is random, so the law of total variance has two terms:

    Var(g_1) = E[c(b) tr Sigma(w_1)] + tr Cov(grad L(w_1))

with Sigma(w) the covariance of one example's gradient. The first formula has both terms. The second forgets the last
one, which is the variance *given w_1*: an easy mistake, and a small one here. Simulation knows neither, and tells them
apart. The library's exact polynomial then says which formula is right to the last digit, and by how much the other is
wrong. Needs the extra "examples"; takes a few seconds.

    python examples/check_a_formula.py
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np

import sgdvar as sv
from sgdvar.loading import load_diabetes

STEP_SIZE = Fraction(1, 10)
BATCH_SIZES = [4, 16, 64, 256]


def formulas(data: sv.Dataset) -> dict[str, Callable[[int, int], float]]:
    """The formulas for Var(g_1) from weights 0, as functions of the step (always 1) and the batch size."""
    X, y, n, alpha = data.X.astype(float), data.y.astype(float), data.size, float(STEP_SIZE)
    hessian = X.T @ X / n

    def gradients(w: np.ndarray) -> np.ndarray:
        return (X @ w - y)[:, None] * X

    w0 = np.zeros(data.inputs)
    mean_w1 = w0 - alpha * gradients(w0).mean(axis=0)
    noise_at_start = np.cov(gradients(w0).T, ddof=0)
    noise_at_mean = np.trace(np.cov(gradients(mean_w1).T, ddof=0))

    def parts(b: int) -> tuple[float, float]:
        c = (n - b) / (b * (n - 1))
        covariance = alpha**2 * c * noise_at_start  # of w_1
        full_gradient = np.trace(hessian @ covariance @ hessian)
        # E tr Sigma(w_1) is quadratic in w_1: its value at the mean, plus what the spread of w_1 adds
        spread = np.mean(np.sum((X @ covariance) * X, axis=1) * np.sum(X**2, axis=1)) - full_gradient
        return c * (noise_at_mean + spread), full_gradient

    return {
        "both terms": lambda step, b: sum(parts(b)),
        "without tr Cov(grad L(w_1))": lambda step, b: parts(b)[0],
    }


def main() -> None:
    data = load_diabetes()
    sgd = sv.SGD(sv.LinearRegression(data), start=[0] * data.inputs, step_size=STEP_SIZE)
    V = sv.gradient_variance(sgd, step=1)
    print("| formula | verdict of the simulation | largest error against the exact polynomial |")
    print("| :-- | :-- | --: |")
    for name, formula in formulas(data).items():
        report = sv.verify(sgd, steps=[1], batch_sizes=BATCH_SIZES, formula=formula, relative_error=0.005, seed=0)
        error = max(abs(formula(1, b) / float(V(b)) - 1) for b in BATCH_SIZES)
        print(f"| {name} | {report.verdict.status}: {report.verdict.reason} | {error:.1e} |")


if __name__ == "__main__":
    main()
