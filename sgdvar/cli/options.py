"""The options that commands share, with their defaults and units."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from sgdvar.cli.values import count, counts, number, numbers, sequence

__all__ = ["PROBLEMS", "add_accuracy", "add_effort", "add_grid", "add_problem"]

PROBLEMS = ("linear-regression", "deep-linear")


def add_problem(parser: argparse.ArgumentParser, models: Sequence[str], default_model: str) -> None:
    """Adds what every command asks for: a problem, its data, and how SGD runs on it."""
    problem = parser.add_argument_group("problem")
    problem.add_argument(
        "--problem", choices=PROBLEMS, default=PROBLEMS[0],
        help="linear regression, or a deep linear network f(x) = W_L ... W_1 x (default: linear-regression)",
    )  # fmt: skip
    problem.add_argument(
        "--widths", type=sequence("a width", 1), metavar="LIST",
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
        "--decimals", type=count("the number of decimals", 0), metavar="N",
        help="round the data to N decimals, which also makes floats exact (default: as given; 2 with --standardise)",
    )  # fmt: skip
    data.add_argument(
        "--standardise", "--standardize", action="store_true",
        help="shift and scale every feature and the target to mean 0 and standard deviation 1, then round (default: "
        "as given)",
    )  # fmt: skip
    data.add_argument(
        "--features", type=count("the number of features", 1), metavar="K",
        help="keep the K features that are most correlated with the target (default: all; for a network 2)",
    )  # fmt: skip
    process = parser.add_argument_group("SGD, loss 1/2 residual^2 per example")
    process.add_argument(
        "--sampling", choices=("without-replacement", "with-replacement"),
        help="how a batch is drawn, afresh at every step (default: without-replacement)",
    )  # fmt: skip
    process.add_argument(
        "--step-size", type=numbers("a step size"), metavar="A",
        help="step size as an exact decimal or fraction, 0.05 or 1/20, or a comma list with one for each step "
        "(default: a quarter of the largest mean-square stable one at the smallest batch size; for a network 2 / trace "
        "of the Gauss-Newton matrix at the start, divided by 5 times the number of hidden layers; rounded down to one "
        "digit)",
    )  # fmt: skip
    process.add_argument(
        "--start", type=numbers("a weight"), metavar="W",
        help="start w0: one number for all weights, or a comma list; for a network a comma list, layer after layer and "
        "row by row; write --start=-1,2 if it begins with a minus sign (default: 0; for a network numbers "
        "spread from -0.15 to 0.85, which are printed)",
    )  # fmt: skip
    process.add_argument(
        "--weight-decay", type=number("the weight decay", least=0), default=Fraction(0), metavar="L",
        help="adds L/2 |w|^2 to the loss (default: 0)",
    )  # fmt: skip


def add_grid(group: argparse._ArgumentGroup) -> None:
    """Adds the steps and batch sizes that are simulated."""
    group.add_argument(
        "--steps", type=counts("a step", 0), metavar="LIST",
        help="steps t >= 0 of SGD before the gradient is taken (default: 0,1,3,10; for a network 0,1,2)",
    )  # fmt: skip
    group.add_argument(
        "--batch-sizes", type=counts("a batch size", 1), metavar="LIST",
        help="batch sizes b in examples (default: 1,2,4,... up to 256 as far as n allows; without replacement and for "
        "n <= 1024 also n itself; for a network and n >= 16 from 4 on, with Gaussian examples from 8 on, because "
        "simulation cannot judge the heavy tails of smaller batches)",
    )  # fmt: skip


def add_accuracy(group: argparse._ArgumentGroup) -> None:
    """Adds how accurate estimates are to be."""
    accuracy = group.add_mutually_exclusive_group()
    accuracy.add_argument(
        "--relative-error", type=number("a relative error", above=0), default=Fraction(1, 100), metavar="R",
        help="standard error of each estimate as a fraction of its value (default: 0.01, which is 1 %%)",
    )  # fmt: skip
    accuracy.add_argument(
        "--replicates", type=count("the number of replicates", 2), metavar="N",
        help="simulate N trajectories per batch size instead (default: as many as --relative-error needs)",
    )  # fmt: skip


def add_effort(group: argparse._ArgumentGroup, whose: str) -> None:
    """Adds the seed, and how long ``whose`` simulation may take."""
    group.add_argument(
        "--seed", type=count("a seed", 0), default=0, metavar="N",
        help="random seed, an integer from 0 to 2^63 - 1; the same seed gives the same numbers (default: 0)",
    )  # fmt: skip
    group.add_argument(
        "--time-budget", type=number("a time budget", above=0), default=Fraction(600), metavar="SECONDS",
        help=f"refuse to start {whose} that is estimated to take longer (default: 600 seconds)",
    )  # fmt: skip
