"""The options of ``sgdvar claims`` and ``sgdvar prove``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sgdvar.cli.parser import Formatter

__all__ = ["add_claims", "add_prove"]

_CLAIMS = """\
examples:
  sgdvar claims                      all claims of the library; some minutes
  sgdvar claims --list               their names
  sgdvar claims NAME                 one of them, with its evidence
  sgdvar claims --format markdown --output claims.md
  sgdvar claims --file mine.py       claims of your own: the list CLAIMS in a
                                     Python file, which is run

Every verdict is found anew: derivations are checked step by step, certificates
made and checked, counterexamples searched and computed by two routes.

exit status:
  0  the whole register, or every chosen claim is proved
  1  a chosen claim is refuted       3  one is neither proved nor refuted
  2  bad input                      70  internal error
"""
_PROVE = """\
examples:
  sgdvar prove                       check every derivation of the library
  sgdvar prove --list                their names
  sgdvar prove batch_mean            one of them, step by step
  sgdvar prove batch_mean --format latex --output batch_mean.tex
  sgdvar prove batch_mean --mutants  break every step in all small ways, and see
                                     whether its checks notice
  sgdvar prove --file mine.py        a derivation of your own: DERIVATION in a
                                     Python file, which is run

exit status:
  0  every step holds
  1  a step is false: it is named, with a witness
  2  bad input
  3  a step is not shown; with --mutants: an error in a step was not noticed
  70 internal error
"""


def add_claims(commands: Any) -> None:
    """The options of ``sgdvar claims``."""
    parser = commands.add_parser(
        "claims",
        help="the register of claims about batch sizes, each settled from scratch",
        description="Settle published and folklore claims about batch sizes from scratch: proved,\n"
        "refuted by an exact counterexample, undecided, or not examined.",
        epilog=_CLAIMS,
        formatter_class=Formatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="settle these claims alone (default: all)")
    parser.add_argument(
        "--file", type=Path, action="append", metavar="FILE",
        help="settle the claims of a Python file, the list CLAIMS in it, instead of the library's own; may be repeated",
    )  # fmt: skip
    parser.add_argument("--all", action="store_true", help="with --file: the library's own claims, too")
    parser.add_argument("--list", action="store_true", help="print the names of the claims and settle none")
    parser.add_argument(
        "--format", choices=("text", "markdown", "json"), default="text", help="how to print them (default: text)"
    )
    _add_output(parser)


def add_prove(commands: Any) -> None:
    """The options of ``sgdvar prove``."""
    parser = commands.add_parser(
        "prove",
        help="the derivations, every step checked by machine",
        description="Check every step of the derivations: identities and inductions in symbols,\n"
        "inequalities by signs, and exhaustive lists of cases.",
        epilog=_PROVE,
        formatter_class=Formatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="check these derivations alone, and show their steps")
    parser.add_argument(
        "--file", type=Path, action="append", metavar="FILE",
        help="check the derivation of a Python file, DERIVATION in it, instead of the library's own; may be repeated",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="print the names of the derivations and check none")
    parser.add_argument("--mutants", action="store_true", help="also break every step in all small ways, one at a time")
    parser.add_argument(
        "--format", choices=("text", "markdown", "latex", "json"), default="text",
        help="how to print them; all but text show every step (default: text)",
    )  # fmt: skip
    _add_output(parser)


def _add_output(parser: Any) -> None:
    parser.add_argument(
        "--output", type=Path, metavar="FILE",
        help="write to FILE, which is replaced only when everything has been computed (default: standard output)",
    )  # fmt: skip
    parser.add_argument("--no-progress", action="store_true", help="show no progress (default: only on a terminal)")
