"""``sgdvar prove``: derivations, every step checked, as a table, step by step, or as Markdown, LaTeX and JSON."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import redirect_stdout

from sgdvar.cli.files import check_file, write_output
from sgdvar.cli.progress import show_status
from sgdvar.derivation import (
    CheckedDerivation,
    Derivation,
    FalseStepError,
    Grade,
    load_derivation,
    mutants,
    proofs_folder,
)

__all__ = ["chosen_derivations", "prove"]

_FALSE, _NOT_CHECKED, _NOT_SHOWN = 1, 2, 3
_COLUMNS = {
    Grade.IDENTITY: "identity",
    Grade.INDUCTION: "induction",
    Grade.INEQUALITY: "inequality",
    Grade.ENUMERATION: "cases",
    Grade.CITED: "cited",
}


def chosen_derivations(arguments: Namespace) -> list[Derivation]:
    """The derivations of the files or the library's own, those with the given names if there are names.

    Raises:
        FileNotFoundError: A file is missing.
        TypeError: A file's DERIVATION is something else.
        ValueError: A name that no derivation has, a file that does not run, or a file that cannot be written.
    """
    if arguments.output is not None:
        check_file("--output", arguments.output)
    with redirect_stdout(sys.stderr):  # what the files print is no part of the output
        if arguments.file:
            known = {derivation.name: derivation for derivation in map(load_derivation, arguments.file)}
            return [known[name] for name in _chosen(arguments.names, list(known))]
        paths = {path.stem: path for path in sorted(proofs_folder().glob("*.py"))}
        return [load_derivation(paths[name]) for name in _chosen(arguments.names, list(paths))]


def _chosen(names: Sequence[str], known: Sequence[str]) -> list[str]:
    """The known names that are asked for, in their order; all if none are.

    Raises:
        ValueError: A name that is not known.
    """
    wanted = [name.replace("-", "_") for name in names]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ValueError(f"NAME must be one of those that --list shows, got {', '.join(unknown)}")
    return [name for name in known if not wanted or name in wanted]


def prove(arguments: Namespace, chosen: Sequence[Derivation]) -> int:
    """Checks derivations, writes what was checked, and returns the exit status.

    Returns:
        0 where every step holds, 1 where one is false, 2 where one could not be checked, 3 where one is not shown or an
        error that was put in was not noticed. Where something failed no file is written.
    """
    if arguments.list:
        sys.stdout.write("".join(f"{derivation.name}\n" for derivation in chosen))
        return 0
    checked, failed = [], []
    status = 0
    for number, derivation in enumerate(chosen, 1):
        show_status(arguments, f"{number} of {len(chosen)}: {derivation.name}")
        try:
            checked.append(derivation.check())
        except FalseStepError as error:
            failed.append(f"{'FALSE' if error.is_refuted else 'NOT SHOWN'}: {error}")
            status = _FALSE if error.is_refuted else status or _NOT_SHOWN
        except Exception as error:  # what the code of a derivation raises
            notes = " ".join(getattr(error, "__notes__", ()))
            failed.append(f"not checked: {derivation.name}: {type(error).__name__}: {error} {notes}")
            status = status or _NOT_CHECKED
    show_status(arguments, "")
    text = _text(arguments, checked)
    if arguments.mutants:
        lines, unnoticed = _mutants(arguments, [one.derivation for one in checked])
        text += lines if arguments.format == "text" else ""
        failed += [f"not noticed: {error}" for error in unnoticed]
        status = status or (_NOT_SHOWN if unnoticed else 0)
    if arguments.output is None:
        sys.stdout.write(text)
    elif not failed:
        write_output(arguments.output, text)
    sys.stderr.write("".join(f"sgdvar prove: {' '.join(message.split())}\n" for message in failed))
    return status


def _text(arguments: Namespace, checked: Sequence[CheckedDerivation]) -> str:
    if arguments.format == "json":
        return json.dumps([one.to_dict() for one in checked], indent=2, ensure_ascii=False) + "\n"
    if arguments.format == "markdown":
        return "\n\n".join(one.to_markdown() for one in checked) + "\n"
    if arguments.format == "latex":
        return "\n".join(one.to_latex() for one in checked)
    if arguments.names or arguments.file:
        return "\n\n".join(one.to_text() for one in checked) + "\n"
    return _table(checked)


def _table(checked: Sequence[CheckedDerivation]) -> str:
    """One row for each derivation: its steps by grade, and the seconds that they took."""
    width = max([len(one.derivation.name) for one in checked], default=0)
    head = "  ".join([f"{'derivation':<{width}}", "steps", *_COLUMNS.values(), "seconds"])
    lines = [head]
    for one in checked:
        counts = [f"{one.grades.get(grade, 0) or '':>{len(name)}}" for grade, name in _COLUMNS.items()]
        lines.append(
            "  ".join([f"{one.derivation.name:<{width}}", f"{len(one.steps):>5}", *counts, f"{one.seconds:>7.1f}"])
        )
    steps = sum(len(one.steps) for one in checked)
    seconds = sum(one.seconds for one in checked)
    general = sum(count for one in checked for grade, count in one.grades.items() if grade.is_general)
    lines.append(f"{steps} steps hold, {general} of them for all values of their symbols; {seconds:.1f} seconds")
    return "\n".join([*lines, ""])


def _mutants(arguments: Namespace, derivations: Sequence[Derivation]) -> tuple[str, list[str]]:
    """How many errors were put in and noticed, and those that were not."""
    count, unnoticed = 0, []
    for derivation in derivations:
        for mutant in mutants(derivation.steps):
            count += 1
            show_status(arguments, f"{derivation.name}: {count} errors put in")
            if not mutant.is_caught():
                unnoticed.append(f"{derivation.name}, {mutant.error}")
    show_status(arguments, "")
    return f"{count} errors put in, one at a time; {count - len(unnoticed)} noticed\n", unnoticed
