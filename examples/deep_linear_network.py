"""A deep linear network on real data: how far the gradient variance is from 1/b.

442 patients, body mass index and a blood value (features 2 and 8), a network of two layers, batches without
replacement. The variance is an exact polynomial in 1/b, of degree 6 after one step and 23 after two: at larger step
sizes its highest powers rule small batches. Writes a figure next to where it is started (or to the path given) and
prints the table behind it. Needs the extra "examples"; takes some ten seconds.

    python examples/deep_linear_network.py [FIGURE]
"""

from __future__ import annotations

import sys
from fractions import Fraction

import sgdvar as sv
from sgdvar.loading import load_diabetes

HALF, QUARTER = Fraction(1, 2), Fraction(1, 4)
START = [[[HALF, QUARTER], [-QUARTER, HALF]], [[HALF, QUARTER]]]


def main(figure: str = "network.png") -> None:
    patients = load_diabetes()
    data = sv.Dataset(patients.X[:, [2, 8]], patients.y)
    network = sv.DeepLinearNetwork(data)

    # b V(b) would be constant if the variance were proportional to 1/b.
    print("b V_t(b), exact, t = 2 steps")
    print("step size " + "".join(f"{f'b = {b}':>12}" for b in (1, 2, 4, 8, 32, 128)))
    for step_size in (Fraction(1, 10), QUARTER, HALF):
        V = sv.gradient_variance(sv.SGD(network, START, step_size), step=2)
        print(f"{step_size!s:<10}" + "".join(f"{float(b * V(b)):>12.3g}" for b in (1, 2, 4, 8, 32, 128)))

    # Whether it decreases in b is a question here, not a theorem: each polynomial gets a verdict of its own.
    sgd = sv.SGD(network, START, QUARTER)
    V = sv.gradient_variance(sgd, step=1)
    verdict = sv.certify_decreasing(V)
    assert sv.check_certificate(verdict.certificate, V)
    print(f"\nstep size 1/4, one step: degree {V.degree} (at most {sv.variance_degree_bound(2, 1)}), {verdict.status}")
    for layer in (1, 2):
        share = sv.gradient_variance(sgd, step=1, layer=layer)(8) / V(8)
        print(f"layer {layer} has {float(share):.0%} of the variance at b = 8")

    # Simulated: plain training runs, which know nothing of the polynomial.
    report = sv.verify(sgd, steps=[0, 1], batch_sizes=[4, 16, 64, 442], relative_error=0.01, seed=0)
    print(f"\n{report.to_markdown()}")
    report.plot(path=figure)
    print(f"\nfigure: {figure}")


if __name__ == "__main__":
    main(*sys.argv[1:])
