"""What the tests of networks share: options, a file whose variance rises, and the processes that options describe."""

from __future__ import annotations

from fractions import Fraction

import sgdvar as sv
from sgdvar.cli.arguments import parse_arguments
from sgdvar.cli.problems import read_inputs

NETWORK = ("--problem", "deep-linear")
FACTS = {"data", "model", "start", "step size", "batches", "variance"}
RISING = "x,y\n1,1\n1,1\n1,1\n3,0\n"
RISES = ("--widths", "1", "--start", "2,1", "--step-size", "1/5")  # with this file V_1 rises from b = 2 to 3


def settings(*arguments: object) -> tuple[sv.SGD, ...]:
    """The processes that the arguments of a command on networks describe."""
    return tuple(inputs.sgd for inputs in read_inputs(parse_arguments([*map(str, arguments), *NETWORK])))


def coefficients(record: dict[str, list[str]]) -> tuple[Fraction, ...]:
    """The coefficients of a polynomial in JSON."""
    return tuple(map(Fraction, record["coefficients"]))
