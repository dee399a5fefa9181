"""Derivations from Python files."""

from __future__ import annotations

import runpy
from os import PathLike
from pathlib import Path

from sgdvar.derivation.derivation import Derivation
from sgdvar.derivation.folder import proofs_folder

__all__ = ["load_derivation", "own_derivations"]


def own_derivations() -> list[Derivation]:
    """The library's own derivations, in the order of the names of their files.

    Raises:
        FileNotFoundError: The files are missing from the installation.

    Examples:
        >>> from sgdvar.derivation import own_derivations
        >>> [derivation.name for derivation in own_derivations()][:3]
        ['batch_mean', 'conditioning', 'convex_order']
    """
    return [load_derivation(path) for path in sorted(proofs_folder().glob("*.py"))]


def load_derivation(path: str | PathLike[str]) -> Derivation:
    """The derivation in a Python file: its ``DERIVATION``. The file is run; nothing is checked yet.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: There is no such file.
        TypeError: ``DERIVATION`` is something else.
        ValueError: The file has no ``DERIVATION``, or fails when it is run.

    Examples:
        >>> from sgdvar.derivation import load_derivation, proofs_folder
        >>> print(load_derivation(proofs_folder() / "batch_mean.py").title)
        The variance of a batch mean
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"the file with the derivation must exist, got {file}")
    try:
        known = runpy.run_path(str(file))
    except (Exception, SystemExit) as error:  # whatever the code of a user raises
        raise ValueError(
            f"the file with the derivation must run, got {type(error).__name__} from {file}: {error}"
        ) from error
    if "DERIVATION" not in known:
        raise ValueError(f"the file must define DERIVATION, got {file} without it")
    derivation = known["DERIVATION"]
    if not isinstance(derivation, Derivation):
        raise TypeError(f"DERIVATION must be a Derivation, got {type(derivation).__name__} in {file}")
    return derivation
