"""``sgdvar claims``: the register of claims, settled from scratch, as text, Markdown or JSON."""

from __future__ import annotations

import shutil
import sys
import textwrap
import traceback
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from sgdvar.claims import Claim, Entry, Register, load_claims, own_claims, settle_claims
from sgdvar.cli.files import check_file, write_output
from sgdvar.cli.progress import show_status
from sgdvar.cli.results import exit_status

__all__ = ["chosen_claims", "claims"]

_STATUSES = ("proved", "not examined", "undecided", "refuted")
_WIDEST = 110


def chosen_claims(arguments: Namespace) -> list[Claim]:
    """The claims of the files or the library's own, those with the given names if there are names.

    Raises:
        FileNotFoundError: A file is missing.
        TypeError: A file's list holds something else than claims.
        ValueError: A name that no claim has, no claim at all, a file that does not run, or a file that cannot be
            written.
    """
    if arguments.output is not None:
        check_file("--output", arguments.output)
    known = [claim for path in arguments.file or () for claim in load_claims(path)]
    if arguments.all or not arguments.file:
        known = own_claims() + known
    unknown = [name for name in arguments.names if name not in {claim.name for claim in known}]
    if unknown:
        raise ValueError(f"NAME must be one of those that --list shows, got {', '.join(unknown)}")
    if not known:
        raise ValueError("--file must define at least one claim, got none")
    return [claim for claim in known if not arguments.names or claim.name in arguments.names]


def claims(arguments: Namespace, chosen: Sequence[Claim]) -> int:
    """Settles claims, writes the register, and returns the exit status.

    Returns:
        0 for the whole register; of claims that were chosen by name or from files 1 if one is refuted, else 3 if one is
        neither proved nor refuted, else 0.
    """
    if arguments.list:
        sys.stdout.write("".join(f"{claim.name}\n" for claim in chosen))
        return 0
    register = _settled(arguments, chosen)
    if arguments.format == "json":
        text = f"{register.to_json()}\n"
    elif arguments.format == "markdown":
        text = f"{register.to_markdown()}\n"
    else:
        text = _text(register, is_detailed=bool(arguments.names))
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        write_output(arguments.output, text)
    if not (arguments.names or arguments.file):
        return 0
    return exit_status(entry.finding for entry in register.entries)


def _settled(arguments: Namespace, chosen: Sequence[Claim]) -> Register:
    """The register of the chosen claims.

    Raises:
        ValueError: A claim of a file of the user's could not be settled.
    """

    def report(number: int, claim: Claim) -> None:
        show_status(arguments, f"{number + 1} of {len(chosen)}: {claim.name}")
        if number + 1 == len(chosen):
            show_status(arguments, "")

    try:
        return settle_claims(chosen, report)
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if Path(frame.filename) in (arguments.file or ())]
        if not own and not (arguments.file and isinstance(error, TypeError)):
            raise
        where = f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
        notes = " ".join(getattr(error, "__notes__", ()))
        raise ValueError(f"claims of --file must settle, got {type(error).__name__}{where} {notes}: {error}") from error


def _text(register: Register, *, is_detailed: bool) -> str:
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    blocks = [_block(entry, width, is_detailed=is_detailed) for entry in register.entries]
    counts = {word: sum(entry.finding.status == word for entry in register.entries) for word in _STATUSES}
    summary = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    seconds = sum(entry.seconds for entry in register.entries)
    hint = "" if is_detailed else "; name a claim for its evidence"
    return "\n".join([*blocks, f"{summary}; settled from scratch in {seconds:.1f} seconds{hint}", ""])


def _block(entry: Entry, width: int, *, is_detailed: bool) -> str:
    """A claim with its verdict; with its evidence, or in a few lines."""
    claim, finding = entry.claim, entry.finding
    rows = [
        ("", claim.statement),
        ("assumes", claim.assumptions),
        ("source", claim.source),
        ("because", finding.reason),
    ]
    if is_detailed:
        rows += [("evidence", str(item)) for item in finding.evidence]
    lines = [f"{finding.words}  {claim.name}"]
    for name, text in rows:
        first = f"  {name + ': ' if name else ''}"
        lines += textwrap.wrap(text, width, initial_indent=first, subsequent_indent="    ", break_on_hyphens=False)
    if is_detailed:
        for item in finding.evidence:
            code = item.to_dict().get("code")
            lines += [] if code is None else textwrap.indent(code, "    ").splitlines()
        lines.append(f"  found on {entry.date.isoformat()} by version {entry.version} in {entry.seconds:.1f} seconds")
    return "\n".join([*lines, ""])
