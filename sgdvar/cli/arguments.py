"""The command line's grammar: subcommands, options with their defaults and units, and how their values are read."""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path
from typing import Any

from sgdvar import __version__
from sgdvar.cli.options import PROBLEMS, add_accuracy, add_effort, add_grid, add_problem
from sgdvar.cli.parser import Formatter, Parser
from sgdvar.cli.register_options import add_claims, add_prove
from sgdvar.cli.search_options import add_search
from sgdvar.cli.values import count, counts, number

__all__ = ["parse_arguments"]

_QUANTITIES = ("gradient-variance", "full-gradient-variance", "gradient-second-moment", "expected-loss")
_ARRAYS = ("mean-gradient", "mean-weights", "weight-covariance")
_STEPS = dict(zip(PROBLEMS, [(0, 1, 3, 10), (0, 1, 2)], strict=True))  # that are simulated

_STATUSES = """
exit status:
  0  proved, or simulation agrees    2  bad input          70  internal error
  1  refuted                         3  undecided
"""
_MAIN = (
    """\
examples:
  sgdvar verify                            the bundled example, under a minute
  sgdvar verify --help                     everything that verify can do
  sgdvar derive --step 3 --format latex    the polynomial after 3 steps
  sgdvar verify --problem deep-linear      the same for a deep linear network
  sgdvar estimate --output variance.csv    simulation alone, with its errors
  sgdvar search                            a violation, found and made simple
  sgdvar claims                            what is proved, refuted and open
  sgdvar prove                             every step of every derivation
"""
    + _STATUSES
)
_VERIFY = (
    """\
examples:
  sgdvar verify                      scikit-learn's diabetes data, all defaults
  sgdvar verify --plot figure.pdf    the same, with a figure
  sgdvar verify --data houses.csv --target price --standardise
  sgdvar verify --steps 0,5 --batch-sizes 1,8,64 --sampling with-replacement
  sgdvar verify --steps 3 --step-size 0.1,0.05,1/40    one size for each step
  sgdvar verify --relative-error 0.003 --seed 7 --json > report.json
  sgdvar verify --problem deep-linear          a network, on the data and on a
                                               Gaussian model of them
  sgdvar verify --problem deep-linear --model gaussian --widths 3 --features 3

The judge is plain simulation: independent trajectories from the same fixed
start. Its agreement is no proof; the certificates are proofs, of what they say
about the exact polynomials.
"""
    + _STATUSES
)
_DERIVE = (
    """\
examples:
  sgdvar derive                      scikit-learn's diabetes data, all defaults
  sgdvar derive --step 0,1,2 --format latex
  sgdvar derive --data houses.csv --target price --quantity expected-loss
  sgdvar derive --step 10 --format json > polynomial.json
  sgdvar derive --problem deep-linear --model gaussian --step 2

c(b) is the variance of a batch mean relative to that of one example: 1/b with
replacement, (n - b)/(b (n - 1)) without.
"""
    + _STATUSES
)
_ESTIMATE = """\
examples:
  sgdvar estimate                    scikit-learn's diabetes data, all defaults
  sgdvar estimate --steps 100 --batch-sizes 1,8,64 --relative-error 0.001
  sgdvar estimate --data houses.csv --target price --output variance.csv
  sgdvar estimate --quantity expected-loss --replicates 100000 --format json
  sgdvar estimate --quantity weight-covariance --features 3 --format csv
  sgdvar estimate --problem deep-linear --widths 3,3 --steps 50 --plain
  sgdvar estimate --relative-error 1e-4 --time-budget 1e5 --checkpoint run.ckpt
                                     stopped and started again, it goes on

One row for each step and batch size: the estimate, its standard error, the
replicates (independent trajectories) behind it, and an interval, by the normal
approximation unless --interval says guaranteed. No exact value is computed or
compared; that is what verify does. All steps are seen on the same trajectories,
so errors at different steps are not independent; those at different batch sizes
are.

exit status:
  0  done          3  done, but a standard error rests on few replicates
  2  bad input    70  internal error
"""


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    """The options of one command; ``command`` is its name.

    Raises:
        SystemExit: With status 2 after one line on stderr for bad arguments, with 0 after ``--help`` and ``--version``.
    """
    main = Parser(
        prog="sgdvar",
        description="The variance of mini-batch SGD gradients as a function of the batch\n"
        "size: exact, certified, and checked by simulation.",
        epilog=_MAIN,
        formatter_class=Formatter,
    )
    main.add_argument("--version", action="version", version=f"sgdvar {__version__}")
    commands = main.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    _add_verify(commands)
    _add_derive(commands)
    _add_estimate(commands)
    add_search(commands)
    add_claims(commands)
    add_prove(commands)
    arguments = main.parse_args(argv)
    if getattr(arguments, "steps", ()) is None:
        arguments.steps = _STEPS[arguments.problem]
    return arguments


def _add_verify(commands: Any) -> None:
    parser = commands.add_parser(
        "verify",
        help="exact polynomials, certificates that they decrease in b, and a Monte Carlo check",
        description="Compute the exact variance of the mini-batch gradient after some steps of SGD\n"
        "from fixed weights, certify that it decreases in the batch size b, and compare\n"
        "it with simulation.",
        epilog=_VERIFY,
        formatter_class=Formatter,
    )
    add_problem(parser, ("data", "gaussian", "both"), "both, or with --data: data")
    check = parser.add_argument_group("what is compared")
    add_grid(check)
    add_accuracy(check)
    check.add_argument(
        "--false-alarm-rate", type=number("a false-alarm rate", above=0, below=1), default=Fraction(1, 10**6),
        metavar="P", help="probability that a true formula is refuted, over all comparisons together (default: 1e-6)",
    )  # fmt: skip
    add_effort(check, "a simulation")
    output = parser.add_argument_group("output")
    output.add_argument(
        "--plot", type=Path, metavar="FILE",
        help="save a figure as FILE (.png, .pdf or .svg); with --model both, as two files whose names end in -data and "
        "-gaussian",
    )  # fmt: skip
    output.add_argument("--json", action="store_true", help="write JSON to standard output, and nothing else there")
    output.add_argument("--no-progress", action="store_true", help="show no progress (default: only on a terminal)")


def _add_derive(commands: Any) -> None:
    parser = commands.add_parser(
        "derive",
        help="print exact polynomials in c(b) and in 1/b",
        description="Print a quantity of mini-batch SGD as an exact polynomial in c(b) and in 1/b,\n"
        "with a certificate that it decreases in the batch size b.",
        epilog=_DERIVE,
        formatter_class=Formatter,
    )
    add_problem(parser, ("data", "gaussian"), "data")
    output = parser.add_argument_group("what is printed")
    output.add_argument(
        "--step", "--steps", type=counts("a step", 0), default=(1,), metavar="LIST", dest="steps",
        help="steps t >= 0 of SGD before the quantity is taken (default: 1)",
    )  # fmt: skip
    output.add_argument(
        "--quantity", choices=_QUANTITIES, default=_QUANTITIES[0],
        help="gradient-variance: trace of the covariance of the batch gradient g_t; full-gradient-variance: the same "
        "for the gradient of the whole loss at w_t; gradient-second-moment: E |g_t|^2; expected-loss: E L(w_t) "
        "(default: gradient-variance)",
    )  # fmt: skip
    output.add_argument(
        "--format", choices=("text", "latex", "json"), default="text", help="how to print it (default: text)"
    )


def _add_estimate(commands: Any) -> None:
    parser = commands.add_parser(
        "estimate",
        help="Monte Carlo estimates with their standard errors, as text, JSON or CSV",
        description="Estimate a quantity of mini-batch SGD by simulation, with standard errors.",
        epilog=_ESTIMATE,
        formatter_class=Formatter,
    )
    add_problem(parser, ("data", "gaussian"), "data")
    target = parser.add_argument_group("what is estimated")
    target.add_argument(
        "--quantity", choices=(*_QUANTITIES, *_ARRAYS), default=_QUANTITIES[0], metavar="NAME",
        help="gradient-variance: trace of the covariance of the batch gradient g_t; full-gradient-variance: the same "
        "for the gradient of the whole loss at w_t; gradient-second-moment: E |g_t|^2; expected-loss: E L(w_t); or, "
        "entry by entry, mean-gradient, mean-weights, weight-covariance (default: gradient-variance)",
    )  # fmt: skip
    add_grid(target)
    target.add_argument(
        "--plain", action="store_true",
        help="simulate the last batch, too (default: average over it exactly, given the last weights, where the "
        "quantity has a last batch)",
    )  # fmt: skip
    target.add_argument(
        "--control-variate", action="store_true",
        help="take off what is known to have mean 0, SGD linearised along gradient descent: far fewer replicates for "
        "the same error at small step sizes (default: off; not for weight-covariance, nor with --plain for linear "
        "regression)",
    )  # fmt: skip
    accuracy = parser.add_argument_group("how accurately")
    add_accuracy(accuracy)
    accuracy.add_argument(
        "--level", type=number("a level", above=0, below=1), default=Fraction(95, 100), metavar="P",
        help="chance that an interval covers, each on its own: nominal, unless --interval says guaranteed (default: "
        "0.95)",
    )  # fmt: skip
    accuracy.add_argument(
        "--interval", choices=("nominal", "guaranteed"), default="nominal",
        help="nominal: by the normal approximation; guaranteed: covers at least at this level whatever the number of "
        "replicates, on finite data, for a quantity to which no replicate contributes less than 0; made without the "
        "control variate (default: nominal)",
    )  # fmt: skip
    add_effort(accuracy, "the simulation of a step")
    execution = parser.add_argument_group("how it is carried out")
    execution.add_argument(
        "--precision", choices=("float64", "float32"), default="float64",
        help="floating-point numbers of the simulation; averages are in float64 always (default: float64)",
    )  # fmt: skip
    execution.add_argument(
        "--chunk-size", type=count("a chunk size", 1), metavar="N",
        help="replicates to simulate at once, which changes memory and speed but no number (default: as many as the "
        "devices take well)",
    )  # fmt: skip
    execution.add_argument(
        "--checkpoint", type=Path, metavar="FILE",
        help="keep what is done in FILE, so that the same command goes on from there if it was interrupted, and a more "
        "accurate one continues it; of several steps each has a file of its own, FILE with .stepT before its ending "
        "(default: no file)",
    )  # fmt: skip
    output = parser.add_argument_group("output")
    output.add_argument(
        "--format", choices=("text", "json", "csv"),
        help="how to write the rows (default: by the ending of --output, .json or .csv; otherwise text)",
    )  # fmt: skip
    output.add_argument(
        "--output", type=Path, metavar="FILE",
        help="write to FILE, which is replaced only when everything has been computed (default: standard output)",
    )  # fmt: skip
    output.add_argument("--no-progress", action="store_true", help="show no progress (default: only on a terminal)")
