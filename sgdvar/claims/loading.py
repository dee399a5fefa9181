"""Claims from Python files."""

from __future__ import annotations

import runpy
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from sgdvar.claims.claim import Claim
from sgdvar.derivation import proofs_folder

__all__ = ["load_claims", "own_claims"]


def own_claims() -> list[Claim]:
    """The library's own claims, in the order of the names of their files.

    Raises:
        FileNotFoundError: The files are missing from the installation.

    Examples:
        >>> from sgdvar.claims import own_claims
        >>> "linear-regression-gradient-variance-decreases" in {claim.name for claim in own_claims()}
        True
    """
    files = sorted(proofs_folder().glob("*.py"))
    return [claim for path in files for claim in _claims_of(path, is_needed=False)]


def load_claims(path: str | PathLike[str]) -> list[Claim]:
    """The claims in a Python file: its list ``CLAIMS``. The file is run.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: There is no such file.
        TypeError: ``CLAIMS`` holds something else than claims.
        ValueError: The file has no list ``CLAIMS``, or fails when it is run.

    Examples:
        >>> from sgdvar.claims import load_claims
        >>> from sgdvar.derivation import proofs_folder
        >>> [claim.name for claim in load_claims(proofs_folder() / "batch_mean.py")]
        ['first-gradient-variance-proportional']
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"the file with the claims must exist, got {file}")
    return _claims_of(file, is_needed=True)


def _claims_of(path: Path, *, is_needed: bool) -> list[Claim]:
    try:
        known = runpy.run_path(str(path))
    except Exception as error:  # whatever the code of a user raises
        raise ValueError(
            f"the file with the claims must run, got {type(error).__name__} from {path}: {error}"
        ) from error
    claims = known.get("CLAIMS", None if is_needed else [])
    if not isinstance(claims, Sequence) or isinstance(claims, str):
        raise ValueError(f"the file with the claims must define a list CLAIMS, got {path} with {claims!r}")
    for claim in claims:
        if not isinstance(claim, Claim):
            raise TypeError(f"CLAIMS must hold claims, got {type(claim).__name__} in {path}")
    return list(claims)
