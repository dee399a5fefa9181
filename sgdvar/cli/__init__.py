"""The command line: ``sgdvar verify``, ``derive``, ``estimate``, ``search``, ``claims`` and ``prove``.

Exit status: 0 proved or agreed, 1 refuted, 2 bad input, 3 undecided, 70 internal error, 130 interrupted.
"""

from __future__ import annotations

import io
import os
import re
import sys
import time
import traceback
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial

from sgdvar.cli.arguments import parse_arguments
from sgdvar.errors import BudgetExceededError, CertificateError

__all__ = ["main"]

_BAD_INPUT, _INTERNAL_ERROR, _INTERRUPTED, _BROKEN_PIPE = 2, 70, 130, 141
_OPTIONS = {  # the library's arguments are options here
    "time_budget=": "--time-budget",
    "time_budget": "--time-budget",
    "relative_error=": "--relative-error",
    "relative_error": "--relative-error",
    "replicates=": "--replicates",
    "chunk_size=": "--chunk-size",
    "chunk_size": "--chunk-size",
    "checkpoint must": "--checkpoint must",
}


def main(argv: Sequence[str] | None = None) -> int:
    """One run of the command line.

    Args:
        argv: The arguments after the command's name; those of the process if omitted.

    Returns:
        The exit status.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without Unicode shows ? for a sign it does not have
    try:
        return _run(sys.argv[1:] if argv is None else list(argv))
    except SystemExit as done:  # help, version, and errors in the grammar
        return done.code if isinstance(done.code, int) else 0
    except KeyboardInterrupt as interrupt:
        sys.stderr.write(f"sgdvar: interrupted{interrupt}\n")
        return _INTERRUPTED
    except BrokenPipeError:  # the reader has gone: say nothing, not even when Python flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except Exception:
        sys.stderr.write(f"{traceback.format_exc()}sgdvar: internal error, please report the lines above\n")
        return _INTERNAL_ERROR


def _run(argv: list[str]) -> int:
    began = time.perf_counter()
    arguments = parse_arguments(argv)
    try:
        command = _prepared(arguments, began)
    except (ArithmeticError, ImportError, OSError, TypeError, ValueError) as error:
        return _refuse(arguments.command, error)
    try:
        return command()
    except (BrokenPipeError, CertificateError):  # an OSError and a ValueError that are not about the input
        raise
    except (ArithmeticError, BudgetExceededError, OSError, ValueError) as error:  # ArithmeticError: overflow
        return _refuse(arguments.command, error)
    finally:
        sys.stdout.flush()


def _prepared(arguments: Namespace, began: float) -> Callable[[], int]:
    """The command, with its input read and checked; libraries load here, so that --help stays fast."""
    if arguments.command == "claims":
        from sgdvar.cli.claims import chosen_claims, claims

        return partial(claims, arguments, chosen_claims(arguments))
    if arguments.command == "prove":
        from sgdvar.cli.prove import chosen_derivations, prove

        return partial(prove, arguments, chosen_derivations(arguments))
    if arguments.command == "search":
        from sgdvar.cli.search import prepared_search

        return prepared_search(arguments)
    from sgdvar.cli.problems import read_inputs

    inputs = read_inputs(arguments)
    if arguments.command == "derive":
        from sgdvar.cli.derive import derive

        return partial(derive, arguments, *inputs)
    if arguments.command == "estimate":
        from sgdvar.cli.estimate import estimate

        return partial(estimate, arguments, inputs, began)
    from sgdvar.cli.verify import verify

    return partial(verify, arguments, inputs, began)


def _refuse(command: str, error: Exception) -> int:
    message = " ".join(str(error).split())
    own_words = ("seconds", "bytes", "batch sequences")  # all but polynomials
    if isinstance(error, BudgetExceededError) and error.unit not in own_words:
        message = (
            f"exact polynomials must need at most {error.limit:.1e} {error.unit}, got {error.needed:.1e}; lower "
            "--steps, --features or the number of --widths"
        )
    for name, option in _OPTIONS.items():
        message = re.sub(rf"(?<!-){name}", option, message)
    sys.stderr.write(f"sgdvar {command}: {message}\n")
    return _BAD_INPUT
