"""The options of ``sgdvar search``, with their defaults and units."""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path
from typing import Any

from sgdvar.cli.parser import Formatter
from sgdvar.cli.values import count, number, sequence

__all__ = ["add_search"]

_ORDERS = ("decreasing", "scaled-decreasing", "halving", "convex")
_QUANTITIES = ("gradient-variance", "full-gradient-variance", "gradient-second-moment", "expected-loss")
_EXAMPLES = """\
examples:
  sgdvar search                      two layers, three examples: does the
                                     variance after a step decrease in b?
  sgdvar search --family gaussian --widths 2,2,2 --batch-sizes 1
                --target-ratio 1.2   V(2) > 1.2 V(1) for N(0, I) inputs
  sgdvar search --family population --stable --target-ratio 100
                --batch-sizes 1      rare examples, stable step sizes
  sgdvar search --sampling reshuffling --examples 4 --widths 1,1 --step 2
                --batch-sizes 1:2    linear regression, shuffled epochs
  sgdvar search --batch-sizes 50 --family population --largest 1e7
                                     a rise from b = 50 to b = 51
  sgdvar search --seconds 3600 --checkpoint search.json --json
                                     stopped and started again, it goes on

Gradient ascent in floats proposes, from random starts, and exact arithmetic
decides. A search that finds nothing proves nothing.

exit status:
  1  refuted, with a counterexample   3  undecided: nothing was found
  2  bad input                       70  internal error
"""


def add_search(commands: Any) -> None:
    """Adds the command ``search``."""
    parser = commands.add_parser(
        "search",
        help="search for a counterexample to an order in the batch size",
        description="Search a family of exact problems for one that violates an order in the batch\n"
        "size b, and make it as simple as it gets.",
        epilog=_EXAMPLES,
        formatter_class=Formatter,
    )
    _add_claim(parser.add_argument_group("claim"))
    _add_family(parser.add_argument_group("family, in which every number varies"))
    _add_search(parser.add_argument_group("search"))


def _add_claim(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--claim", choices=_ORDERS, default=_ORDERS[0], metavar="ORDER",
        help="what is to be violated. decreasing: V does not increase in b; scaled-decreasing: b V(b) does not; "
        "halving: V(2b) <= V(b)/2; convex: V is convex in 1/b (default: decreasing)",
    )  # fmt: skip
    group.add_argument(
        "--quantity", choices=_QUANTITIES, default=_QUANTITIES[0], metavar="NAME",
        help="V: gradient-variance, full-gradient-variance, gradient-second-moment or expected-loss (default: "
        "gradient-variance)",
    )  # fmt: skip
    group.add_argument("--step", type=count("a step", 0), default=1, metavar="T", help="steps of SGD (default: 1)")
    group.add_argument(
        "--batch-sizes", type=_places, metavar="LIST",
        help="where a violation is sought: b, or b:b' for V(b') > V(b) (default: the first three b)",
    )  # fmt: skip
    group.add_argument(
        "--target-ratio", type=number("a target ratio", least=0), default=Fraction(1), metavar="R",
        help="ask for a violation by more than this factor (default: 1)",
    )  # fmt: skip


def _add_family(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--family", choices=("finite", "population", "gaussian"), default="finite",
        help="examples of a finite data set, atoms of a population with their probabilities, or N(0, I) inputs with a "
        "linear teacher (default: finite)",
    )  # fmt: skip
    group.add_argument(
        "--examples", type=count("the number of examples", 1), metavar="N",
        help="examples, or atoms (default: 3 examples, 2 atoms)",
    )  # fmt: skip
    group.add_argument(
        "--widths", type=sequence("a width", 1), default=(1, 1, 1), metavar="LIST",
        help="inputs, hidden widths, outputs; two widths are linear regression (default: 1,1,1)",
    )  # fmt: skip
    group.add_argument(
        "--sampling", choices=("without-replacement", "with-replacement", "reshuffling"), metavar="NAME",
        help="how batches of a finite data set are drawn: without-replacement, with-replacement or reshuffling "
        "(default: without-replacement)",
    )  # fmt: skip
    group.add_argument(
        "--label-noise", action="store_true", help="noise on the targets of Gaussian inputs (default: none)"
    )
    group.add_argument(
        "--stable", action="store_true",
        help="only step sizes below 2 / largest eigenvalue of the mean loss's Hessian, at the start and at the "
        "balanced minimum (default: any)",
    )  # fmt: skip


def _add_search(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--seed", type=count("a seed", 0), default=0, metavar="N", help="seed of the random starts (default: 0)"
    )
    group.add_argument(
        "--seconds", type=number("a number of seconds", above=0), default=Fraction(60), metavar="S",
        help="no round of random starts begins after them (default: 60)",
    )  # fmt: skip
    group.add_argument(
        "--evaluations", type=count("the number of evaluations", 1), metavar="N",
        help="no round begins after N float values with derivatives (default: any number)",
    )  # fmt: skip
    group.add_argument(
        "--largest", type=number("the largest number", least=1), default=Fraction(100), metavar="N",
        help="largest numerator and denominator (default: 100)",
    )  # fmt: skip
    group.add_argument(
        "--maximise", "--maximize", action="store_true",
        help="go on for the largest ratio until the budget is spent (default: the first violation)",
    )  # fmt: skip
    group.add_argument(
        "--checkpoint", type=Path, metavar="FILE",
        help="keep what was searched in FILE, so that the same command goes on from there (default: no file)",
    )  # fmt: skip
    group.add_argument("--json", action="store_true", help="write JSON, and nothing else (default: text)")
    group.add_argument("--no-progress", action="store_true", help="show no progress (default: only on a terminal)")


def _places(text: str) -> tuple[int | tuple[int, int], ...]:
    read = count("a batch size", 1)
    places: list[int | tuple[int, int]] = []
    for part in text.split(","):
        low, colon, high = part.strip().partition(":")
        places.append((read(low), read(high)) if colon else read(low))
    return tuple(places)
