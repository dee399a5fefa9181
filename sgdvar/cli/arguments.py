"""The command line's grammar: subcommands, options with their defaults and units, and how their values are read."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

from sgdvar import __version__
from sgdvar.loading import parse_number

__all__ = ["QUANTITIES", "parse_arguments"]

QUANTITIES = ("gradient-variance", "full-gradient-variance", "gradient-second-moment", "expected-loss")

_PROBLEMS = ("linear-regression", "deep-linear")
_STEPS = dict(zip(_PROBLEMS, [(0, 1, 3, 10), (0, 1, 2)], strict=True))  # that verify looks at

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


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    """The options of one command; ``command`` is "verify" or "derive".

    Raises:
        SystemExit: With status 2 after one line on stderr for bad arguments, with 0 after ``--help`` and ``--version``.
    """
    main = _Parser(
        prog="sgdvar",
        description="The variance of mini-batch SGD gradients as a function of the batch\n"
        "size: exact, certified, and checked by simulation.",
        epilog=_MAIN,
        formatter_class=_Formatter,
    )
    main.add_argument("--version", action="version", version=f"sgdvar {__version__}")
    commands = main.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    _add_verify(commands)
    _add_derive(commands)
    arguments = main.parse_args(argv)
    if arguments.steps is None:
        arguments.steps = _STEPS[arguments.problem]
    return arguments


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30)


def _add_verify(commands: Any) -> None:
    parser = commands.add_parser(
        "verify",
        help="exact polynomials, certificates that they decrease in b, and a Monte Carlo check",
        description="Compute the exact variance of the mini-batch gradient after some steps of SGD\n"
        "from fixed weights, certify that it decreases in the batch size b, and compare\n"
        "it with simulation.",
        epilog=_VERIFY,
        formatter_class=_Formatter,
    )
    _add_problem(parser, ("data", "gaussian", "both"), "both, or with --data: data")
    check = parser.add_argument_group("what is compared")
    check.add_argument(
        "--steps", type=_counts("a step", 0), metavar="LIST",
        help="steps t >= 0 of SGD before the gradient is taken (default: 0,1,3,10; for a network 0,1,2)",
    )  # fmt: skip
    check.add_argument(
        "--batch-sizes", type=_counts("a batch size", 1), metavar="LIST",
        help="batch sizes b in examples (default: 1,2,4,... up to 256 as far as n allows; without replacement and for "
        "n <= 1024 also n itself; for a network and n >= 16 from 4 on, with Gaussian examples from 8 on, because "
        "simulation cannot judge the heavy tails of smaller batches)",
    )  # fmt: skip
    accuracy = check.add_mutually_exclusive_group()
    accuracy.add_argument(
        "--relative-error", type=_number("a relative error", above=0), default=Fraction(1, 100), metavar="R",
        help="standard error of each estimate as a fraction of its value (default: 0.01, which is 1 %%)",
    )  # fmt: skip
    accuracy.add_argument(
        "--replicates", type=_count("the number of replicates", 2), metavar="N",
        help="simulate N trajectories per batch size instead (default: as many as --relative-error needs)",
    )  # fmt: skip
    check.add_argument(
        "--false-alarm-rate", type=_number("a false-alarm rate", above=0, below=1), default=Fraction(1, 10**6),
        metavar="P", help="probability that a true formula is refuted, over all comparisons together (default: 1e-6)",
    )  # fmt: skip
    check.add_argument(
        "--seed", type=_count("a seed", 0), default=0, metavar="N",
        help="random seed, an integer from 0 to 2^63 - 1; the same seed gives the same numbers (default: 0)",
    )  # fmt: skip
    check.add_argument(
        "--time-budget", type=_number("a time budget", above=0), default=Fraction(600), metavar="SECONDS",
        help="refuse to start a simulation that is estimated to take longer (default: 600 seconds)",
    )  # fmt: skip
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
        formatter_class=_Formatter,
    )
    _add_problem(parser, ("data", "gaussian"), "data")
    output = parser.add_argument_group("what is printed")
    output.add_argument(
        "--step", "--steps", type=_counts("a step", 0), default=(1,), metavar="LIST", dest="steps",
        help="steps t >= 0 of SGD before the quantity is taken (default: 1)",
    )  # fmt: skip
    output.add_argument(
        "--quantity", choices=QUANTITIES, default=QUANTITIES[0],
        help="gradient-variance: trace of the covariance of the batch gradient g_t; full-gradient-variance: the same "
        "for the gradient of the whole loss at w_t; gradient-second-moment: E |g_t|^2; expected-loss: E L(w_t) "
        "(default: gradient-variance)",
    )  # fmt: skip
    output.add_argument(
        "--format", choices=("text", "latex", "json"), default="text", help="how to print it (default: text)"
    )


def _add_problem(parser: argparse.ArgumentParser, models: Sequence[str], default_model: str) -> None:
    problem = parser.add_argument_group("problem")
    problem.add_argument(
        "--problem", choices=_PROBLEMS, default=_PROBLEMS[0],
        help="linear regression, or a deep linear network f(x) = W_L ... W_1 x (default: linear-regression)",
    )  # fmt: skip
    problem.add_argument(
        "--widths", type=_sequence("a width", 1), metavar="LIST",
        help="for a network: the widths of its hidden layers, 2 or 3,2 (default: 2)",
    )  # fmt: skip
    problem.add_argument(
        "--model", choices=models,
        help="for a network: the examples themselves (data), or a Gaussian population with their second moments and "
        f"least-squares fit (gaussian), whose examples are independent (default: {default_model})",
    )  # fmt: skip
    data = parser.add_argument_group("data")
    data.add_argument(
        "--data", type=Path, metavar="FILE",
        help="a .csv file with a header line, or an .npz archive with arrays X and y (default: the diabetes data that "
        "scikit-learn bundles, standardised, 2 decimals)",
    )  # fmt: skip
    data.add_argument(
        "--target", metavar="COLUMN",
        help="the column to predict, by name or by number from 0; for .npz the name of the array (default for .npz: y; "
        "a .csv file needs one)",
    )  # fmt: skip
    data.add_argument(
        "--decimals", type=_count("the number of decimals", 0), metavar="N",
        help="round the data to N decimals, which also makes floats exact (default: as given; 2 with --standardise)",
    )  # fmt: skip
    data.add_argument(
        "--standardise", "--standardize", action="store_true",
        help="shift and scale every feature and the target to mean 0 and standard deviation 1, then round (default: "
        "as given)",
    )  # fmt: skip
    data.add_argument(
        "--features", type=_count("the number of features", 1), metavar="K",
        help="keep the K features that are most correlated with the target (default: all; for a network 2)",
    )  # fmt: skip
    process = parser.add_argument_group("SGD, loss 1/2 residual^2 per example")
    process.add_argument(
        "--sampling", choices=("without-replacement", "with-replacement"),
        help="how a batch is drawn, afresh at every step (default: without-replacement)",
    )  # fmt: skip
    process.add_argument(
        "--step-size", type=_numbers("a step size"), metavar="A",
        help="step size as an exact decimal or fraction, 0.05 or 1/20, or a comma list with one for each step "
        "(default: a quarter of the largest mean-square stable one at the smallest batch size; for a network 2 / trace "
        "of the Gauss-Newton matrix at the start, divided by 5 times the number of hidden layers; rounded down to one "
        "digit)",
    )  # fmt: skip
    process.add_argument(
        "--start", type=_numbers("a weight"), metavar="W",
        help="start w0: one number for all weights, or a comma list; for a network a comma list, layer after layer and "
        "row by row; write --start=-1,2 if it begins with a minus sign (default: 0; for a network numbers "
        "spread from -0.15 to 0.85, which are printed)",
    )  # fmt: skip
    process.add_argument(
        "--weight-decay", type=_number("the weight decay", least=0), default=Fraction(0), metavar="L",
        help="adds L/2 |w|^2 to the loss (default: 0)",
    )  # fmt: skip


def _number(
    name: str, *, above: float = -math.inf, below: float = math.inf, least: float = -math.inf
) -> Callable[[str], Fraction]:
    bounds = [f"{word} {bound:g}" for word, bound in (("above", above), ("below", below), ("at least", least))
              if math.isfinite(bound)]  # fmt: skip

    def read(text: str) -> Fraction:
        value = _checked(parse_number, text, name)
        if not (above < value < below and value >= least):
            raise argparse.ArgumentTypeError(f"{name} must be {' and '.join(bounds)}, got {text}")
        return value

    return read


def _numbers(name: str) -> Callable[[str], tuple[Fraction, ...]]:
    return lambda text: tuple(_checked(parse_number, part.strip(), name) for part in text.split(","))


def _count(name: str, least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.lstrip("+-").isdigit()):
            raise argparse.ArgumentTypeError(f"{name} must be an integer, got {text!r}")
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"{name} must be at least {least}, got {text}")
        return int(text)

    return read


def _sequence(name: str, least: int) -> Callable[[str], tuple[int, ...]]:
    """Reads a comma list of integers."""
    read = _count(name, least)
    return lambda text: tuple(read(part.strip()) for part in text.split(","))


def _counts(name: str, least: int) -> Callable[[str], tuple[int, ...]]:
    """Reads a comma list of integers, in ascending order without repetitions."""
    read = _sequence(name, least)
    return lambda text: tuple(sorted(set(read(text))))


def _checked(parse: Callable[[str, str], Fraction], text: str, name: str) -> Fraction:
    try:
        return parse(text, name)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
