"""One layer, where the variance of the gradient falls in the batch size, and two, where it need not, on real data.

442 patients, batches without replacement. One layer is least squares on all 10 features. Two layers with two hidden
units, on body mass index and a blood value, have an exact variance too, of degree 6 in 1/b after one step and 23
after two; at this step size it falls. The last network has one weight per layer and the patient's sex as its input,
which the data write as 1 or 2, from a start and with a step size that were chosen to show it: after one step batches
of two have nearly twenty times the variance of batches of one. Any single patient's gradient takes the network close
to a fit, and a batch of both sexes overshoots. Each polynomial gets a verdict of its own. This is the picture of the
README. Needs the extra "examples"; takes some ten seconds.

    python examples/deep_linear_network.py --output figure.svg
"""

from __future__ import annotations

from argparse import ArgumentParser
from fractions import Fraction

import matplotlib.pyplot as plt
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_diabetes as load_unscaled

import sgdvar as sv
from sgdvar.loading import load_diabetes

BATCH_SIZES = [1, 2, 4, 8, 64]
STYLE = {
    "axes.prop_cycle": plt.cycler(color=["#0072B2", "#D55E00", "#009E73"]),  # told apart by colour-blind readers, too
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "lines.markersize": 4,
    "svg.hashsalt": "sgdvar",
}


def main() -> None:
    parser = ArgumentParser(description="The variance of the gradient with one layer and with two.")
    parser.add_argument("--output", default="deep_linear_network.svg", help="the figure (default: %(default)s)")
    arguments = parser.parse_args()

    patients = load_diabetes()  # standardised and rounded to 2 decimals, as Fractions
    bmi_and_blood = sv.Dataset(patients.X[:, [2, 8]], patients.y)
    sex = sv.Dataset(load_unscaled(scaled=False).data[:, [1]].astype(int), patients.y)
    half, quarter, tenth = Fraction(1, 2), Fraction(1, 4), Fraction(1, 10)
    wide = [[[half, quarter], [-quarter, half]], [[half, quarter]]]
    plt.rcParams.update(STYLE)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.9), layout="constrained")
    left.set(title="One layer, 10 features: it always falls", ylabel="variance of the gradient")
    right.set(title="Two layers, 1 feature: it need not")
    cases = [
        ("10-1", sv.SGD(sv.LinearRegression(patients), [0] * patients.inputs, tenth), (0, 3, 10), left),
        ("2-2-1", sv.SGD(sv.DeepLinearNetwork(bmi_and_blood), wide, tenth), (0, 1, 2), None),
        ("1-1-1", sv.SGD(sv.DeepLinearNetwork(sex), [8, 4], Fraction(1, 64)), (0, 1, 2), right),
    ]

    table = Table("network", "step", "degree", "V(1)", "V(2)", "V(4)", "falls", "from b", box=SIMPLE_HEAD)
    for name, sgd, steps, axes in cases:
        for number, step in enumerate(steps):
            V = sv.gradient_variance(sgd, step)
            verdict = sv.certify_decreasing(V)
            assert sv.check_certificate(verdict.certificate, V)
            values = (f"{float(V(b)):.3g}" for b in (1, 2, 4))
            table.add_row(name, str(step), str(V.degree), *values, verdict.status, str(verdict.from_batch_size))
            if axes is not None:
                axes.loglog(range(1, 65), [float(V(b)) for b in range(1, 65)], f"C{number}", label=f"step {step}")
                # Simulated: plain training runs, which know nothing of the polynomial.
                runs = sv.estimate_gradient_variance(sgd, step, BATCH_SIZES, replicates=10_000, conditional=False)
                axes.errorbar(BATCH_SIZES, runs.value, 3 * runs.standard_error, fmt="o", color=f"C{number}", capsize=3)
    Console().print(table)
    for axes in (left, right):
        axes.set(xlabel="batch size $b$", xticks=BATCH_SIZES, xticklabels=BATCH_SIZES)
        axes.tick_params(which="minor", length=0)
        axes.legend(loc="upper right")
    figure.savefig(arguments.output, metadata={"Date": None} if arguments.output.endswith(".svg") else None)
    print(f"figure: {arguments.output} (lines exact, points simulated, bars of 3 standard errors)")


if __name__ == "__main__":
    main()
