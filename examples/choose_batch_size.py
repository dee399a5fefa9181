"""Choosing a batch size from the exact curves: how noisy, when doubling stops paying, and what an example buys.

Linear regression on 442 patients, batches drawn with replacement. For each of two step sizes: the smallest batch whose
gradient varies no more than a given level, the largest batch at which doubling takes off noticeably more than the half
that averaging alone takes off, and the batch with the lowest expected loss for a given number of examples seen. At
equal steps the larger batch always has the lower expected loss; per example seen it need not. Every number comes from
an exact polynomial, nothing is simulated. Needs the extra "examples"; takes some ten seconds.

    python examples/choose_batch_size.py --output figure.svg
"""

from __future__ import annotations

from argparse import ArgumentParser
from fractions import Fraction

import matplotlib.pyplot as plt
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import sgdvar as sv
from sgdvar.loading import load_diabetes

STEP_SIZES = [Fraction(1, 20), Fraction(1, 10)]
STEP = 20  # where the variance is looked at
LEVEL = Fraction(1, 10)  # the noise that is tolerated
GAIN = Fraction(1, 100)  # what doubling is to take off beyond the half
EXAMPLES = 256  # that are seen in all
SIZES = [4, 8, 16, 32, 64, 128, 256]


def main() -> None:
    parser = ArgumentParser(description="Choosing a batch size for linear regression on the diabetes data.")
    parser.add_argument("--output", default="choose_batch_size.svg", help="the figure (default: %(default)s)")
    arguments = parser.parse_args()

    data = load_diabetes()
    problem = sv.LinearRegression(data)
    table = Table("question", *(f"step size {step_size}" for step_size in STEP_SIZES), box=SIMPLE_HEAD)
    answers = []
    figure, (noise, per_step, per_example) = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
    for step_size in STEP_SIZES:
        sgd = sv.SGD(problem, [0] * data.inputs, step_size, sv.WithReplacement())
        V, loss = sv.gradient_variance(sgd, STEP), sv.expected_loss(sgd, STEP)
        quiet = sv.smallest_batch_size(V, LEVEL)
        seen = {b: sv.expected_loss(sgd, EXAMPLES // b)(b) for b in SIZES}
        best = min(seen, key=seen.get)
        answers.append([quiet, sv.largest_batch_size(V, GAIN), *(f"{float(loss(b)):.4f}" for b in (4, 64))])
        answers[-1] += [*(f"{float(seen[b]):.4f}" for b in (4, 64)), f"{best} ({float(seen[best]):.4f})"]

        (line,) = noise.loglog(SIZES, [float(V(b)) for b in SIZES], "o-", label=f"step size {step_size}")
        noise.plot([quiet], [float(V(quiet))], "*", color=line.get_color(), markersize=14)
        per_step.semilogx(SIZES, [float(loss(b)) for b in SIZES], "o-")
        per_example.semilogx(SIZES, [float(seen[b]) for b in SIZES], "o-")

    questions = [
        f"smallest b with Var(g_{STEP}) <= {LEVEL}",
        f"largest b at which doubling takes off {float(GAIN):.0%} beyond the half",
        f"expected loss after {STEP} steps, b = 4",
        f"expected loss after {STEP} steps, b = 64",
        f"expected loss after {EXAMPLES} examples, b = 4",
        f"expected loss after {EXAMPLES} examples, b = 64",
        f"b with the lowest loss after {EXAMPLES} examples",
    ]
    for question, *row in zip(questions, *answers, strict=True):
        table.add_row(question, *map(str, row))
    Console().print(table)

    noise.axhline(float(LEVEL), color="0.6", linewidth=0.8)
    noise.set_title(f"variance of the gradient, step {STEP}")
    per_step.set_title(f"expected loss after {STEP} steps")
    per_example.set_title(f"expected loss after {EXAMPLES} examples")
    for axes in (noise, per_step, per_example):
        axes.set(xlabel="batch size $b$", xticks=SIZES, xticklabels=SIZES)
        axes.minorticks_off()
    noise.legend(frameon=False)
    figure.savefig(arguments.output)
    print(f"figure: {arguments.output}")


if __name__ == "__main__":
    main()
