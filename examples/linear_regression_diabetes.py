"""The variance of SGD's gradient on real data: exact, certified, simulated, drawn.

442 patients, 10 features, least squares from weights 0, batches without replacement. Writes a figure next to where it
is started (or to the path given) and prints the table behind it. Needs the extra "examples"; takes a few seconds.

    python examples/linear_regression_diabetes.py [FIGURE]
"""

from __future__ import annotations

import sys
from fractions import Fraction

import sgdvar as sv
from sgdvar.loading import load_diabetes


def main(figure: str = "diabetes.png") -> None:
    data = load_diabetes()
    sgd = sv.SGD(sv.LinearRegression(data), start=[0] * data.inputs, step_size=Fraction(3, 100))

    # One exact polynomial answers for every batch size.
    V = sv.gradient_variance(sgd, step=3)
    print(f"Var(g_3 | w0) = {V}")
    print(f"half the variance of b = 16 takes b = {next(b for b in range(16, 443) if 2 * V(b) <= V(16))}")

    # It decreases in b: the certificate is data, and its checker shares no code with its maker.
    verdict = sv.certify_decreasing(V)
    assert sv.check_certificate(verdict.certificate, V)
    print(f"{verdict.status}: {verdict.reason}")

    # The same process, simulated. The steps share their trajectories.
    report = sv.verify(sgd, steps=[0, 1, 3, 10], batch_sizes=[1, 4, 16, 64, 256, 442], relative_error=0.01, seed=0)
    print(f"\n{report.to_markdown()}")
    report.plot(path=figure)
    print(f"\nfigure: {figure}")


if __name__ == "__main__":
    main(*sys.argv[1:])
