"""Where more examples per batch mean more variance: a gallery of exact counterexamples.

In linear regression the variance of the gradient falls in the batch size, at equal steps and equal step sizes that do
not depend on b, with fresh batches. Each panel leaves one of these out, or takes a network of two layers. All numbers
are exact, and small enough to be checked by hand; one counterexample is found by a search while you wait. Change the
numbers and see when the rise goes away. Needs the extra "examples"; takes some ten seconds.

    python examples/counterexample_gallery.py --output figure.svg
"""

from __future__ import annotations

from argparse import ArgumentParser
from fractions import Fraction
from itertools import pairwise

import matplotlib.pyplot as plt
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import sgdvar as sv

HALF, QUARTER = Fraction(1, 2), Fraction(1, 4)
Values = dict[int, Fraction]


def network(data: sv.Dataset | sv.DiscretePopulation, sampling: sv.WithReplacement | None = None) -> sv.SGD:
    """Two layers of one weight. A batch whose mean square is 1 or 4 leads from (2, 1) to w1 w2 = 0, others do not."""
    return sv.SGD(sv.DeepLinearNetwork(data), [2, 1], QUARTER, sampling)


def zeros(*inputs: int) -> sv.Dataset:
    """Examples of one input each, all with target 0."""
    return sv.Dataset([[x] for x in inputs], [0] * len(inputs))


def regression(data: sv.Dataset, start: int, step_size: Fraction, sampling: object) -> sv.SGD:
    return sv.SGD(sv.LinearRegression(data), [start], step_size, sampling)


def two_examples() -> Values:
    V = sv.gradient_variance(network(zeros(1, 2), sv.WithReplacement()), step=1)
    return {b: V(b) for b in range(1, 9)}


def normal_inputs() -> Values:
    teacher, eye = [[1, 8], [-8, 1]], [[1, 0], [0, 1]]
    sgd = sv.SGD(sv.DeepLinearNetwork(sv.GaussianPopulation(teacher)), [eye, eye], step_size=1)
    V = sv.gradient_variance(sgd, step=1)
    return {b: V(b) for b in range(1, 9)}


def late_rise() -> Values:
    V = sv.gradient_variance(network(zeros(*[1] * 10, 5)), step=1)  # 8 of them have mean square 1 or 4
    return {b: V(b) for b in range(7, 12)}


def rare_example() -> Values:
    rare = sv.DiscretePopulation([[1], [2]], [0, 0], [Fraction(19, 20), Fraction(1, 20)])
    V = sv.gradient_variance(network(rare), step=1)
    return {b: V(b) for b in range(1, 9)}


def found_now() -> Values:
    claim = sv.SearchClaim("decreasing", step=1, batch_sizes=[1])
    result = sv.search_counterexample(claim, sv.FiniteFamily(examples=3), seed=0)
    V = sv.gradient_variance(result.process, step=1)
    return {b: V(b) for b in (1, 2, 3)}


def expected_loss() -> Values:
    loss = sv.expected_loss(network(zeros(1, 2), sv.WithReplacement()), step=1)
    return {b: loss(b) for b in range(1, 9)}


def larger_steps() -> Values:
    data = sv.Dataset([[1], [1]], [1, -1])
    values = {}
    for b in range(1, 9):
        sgd = regression(data, 0, b * HALF, sv.WithReplacement())
        values[b] = sv.gradient_variance(sgd, step=1)(b)  # 1/b + b/4
    return values


def equal_examples() -> Values:
    sgd = regression(zeros(1, 2), 1, QUARTER, sv.WithReplacement())
    return {b: sv.gradient_variance(sgd, step=12 // b)(b) for b in (1, 2, 3, 4, 6, 12)}


def shuffled_epochs() -> Values:
    sgd = regression(sv.Dataset([[1], [1], [1], [2]], [0, 0, 0, 1]), 1, QUARTER, sv.RandomReshuffling())
    return {b: sv.enumerate_gradient_variance(sgd, step=2, batch_size=b) for b in (1, 2, 4)}


GALLERY = {
    "Var(g_1), two layers: inputs 1 and 2, with replacement": two_examples,
    "Var(g_1), two layers: N(0, I) inputs, 2 x 2 weights": normal_inputs,
    "Var(g_1), two layers: ten inputs 1 and one 5": late_rise,
    "Var(g_1), two layers: inputs 1 and, rarely, 2": rare_example,
    "Var(g_1), two layers: three examples found by a search": found_now,
    "E L(w_1), two layers: inputs 1 and 2, with replacement": expected_loss,
    "Var(g_1), regression: step size b / 2": larger_steps,
    "Var(g_t), regression: t = 12 / b, equal examples seen": equal_examples,
    "Var(g_2), regression: shuffled epochs of 4 examples": shuffled_epochs,
}


def main() -> None:
    parser = ArgumentParser(description="Counterexamples to: the variance of the gradient falls in the batch size.")
    parser.add_argument("--output", default="counterexample_gallery.svg", help="the figure (default: %(default)s)")
    arguments = parser.parse_args()

    table = Table("what rises in b", "b", "value", "b", "larger value", box=SIMPLE_HEAD)
    figure, panels = plt.subplots(3, 3, figsize=(10, 8), layout="constrained")
    for axes, (title, panel) in zip(panels.flat, GALLERY.items(), strict=True):
        values = panel()
        axes.plot(list(values), list(map(float, values.values())), "o-", color="0.5")
        rises = [(small, large) for small, large in pairwise(values) if values[small] < values[large]]
        for pair in rises:
            axes.plot(pair, [float(values[b]) for b in pair], "o-", color="C3")
        axes.set_title(title.replace(": ", ":\n"), fontsize=9)
        axes.set(xticks=list(values), ylim=(0, None))
        axes.yaxis.set_major_formatter("{x:.3g}")
        b, larger = rises[0]
        table.add_row(title, str(b), str(values[b]), str(larger), str(values[larger]))
    figure.supxlabel("batch size b (rises in red)")
    Console().print(table)
    figure.savefig(arguments.output)
    print(f"figure: {arguments.output}")


if __name__ == "__main__":
    main()
