"""The variance of SGD's gradient on real data: exact, certified, simulated, drawn.

442 patients, 10 features, least squares from weights 0, batches without replacement. At each step one polynomial in
c(b) answers for every batch size. A certificate says that it decreases, and simulated training runs, which know nothing
of it, agree. Needs the extra "examples"; takes some ten seconds.

    python examples/linear_regression_diabetes.py --output figure.svg
"""

from __future__ import annotations

from argparse import ArgumentParser
from fractions import Fraction

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import sgdvar as sv
from sgdvar.loading import load_diabetes

STEPS = [0, 1, 3, 10]
BATCH_SIZES = [1, 8, 64, 442]


def main() -> None:
    parser = ArgumentParser(description="The variance of SGD's gradient on the diabetes data.")
    parser.add_argument("--output", default="linear_regression_diabetes.svg", help="the figure (default: %(default)s)")
    arguments = parser.parse_args()

    data = load_diabetes()
    sgd = sv.SGD(sv.LinearRegression(data), start=[0] * data.inputs, step_size=Fraction(3, 100))

    for t in STEPS:
        V = sv.gradient_variance(sgd, step=t)
        verdict = sv.certify_decreasing(V)
        assert sv.check_certificate(verdict.certificate, V)  # the checker shares no code with what made it
        print(f"step {t:2}: degree {V.degree:2} in c(b), decreases in b: {verdict.status}")
    print(f"because {verdict.reason}")

    # The same process, simulated: plain training runs. All steps share their trajectories.
    report = sv.verify(sgd, steps=STEPS, batch_sizes=BATCH_SIZES, relative_error=0.01, seed=0)
    table = Table("step", "b", "exact", "simulated, 3 s.e.", "apart by", box=SIMPLE_HEAD)
    for row in report.rows:
        simulated, apart = f"{row.estimate:.5f} +- {3 * row.standard_error:.5f}", f"{row.deviation:+.1f} s.e."
        table.add_row(str(row.step), str(row.batch_size), f"{row.exact:.5f}", simulated, apart)
    Console().print(table)
    print(f"{report.verdict.status}: {report.verdict.reason}")
    report.plot(path=arguments.output)
    print(f"figure: {arguments.output}")


if __name__ == "__main__":
    main()
