"""Where the files of proofs are: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

__all__ = ["proofs_folder"]

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = (_PACKAGE / "_proofs", _PACKAGE.parent / "proofs")


def proofs_folder() -> Path:
    """The folder with the proofs.

    Raises:
        FileNotFoundError: It is missing from the installation.

    Examples:
        >>> from sgdvar.derivation import proofs_folder
        >>> (proofs_folder() / "batch_mean.py").is_file()
        True
    """
    for folder in _FOLDERS:
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the folder with the proofs must be one of {', '.join(map(str, _FOLDERS))}, got neither")
