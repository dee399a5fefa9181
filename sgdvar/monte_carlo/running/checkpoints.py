"""Checkpoint files: a run that is interrupted goes on where it was, and ends with the same bits."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from sgdvar.errors import CheckpointError
from sgdvar.files import replace_file, temporary_beside
from sgdvar.monte_carlo.running.totals import Totals

__all__ = ["Checkpoint"]

_MAGIC = b"sgdvar checkpoint 1\n"


@dataclass(frozen=True)
class Checkpoint:
    """A file that holds the totals of one run, and of that run only.

    The file is: a line with the format, a line with the run's fingerprint, a line with the SHA-256 digest of the rest,
    and the totals. It is replaced as a whole or not at all.

    Attributes:
        path: Where it is; relative to the folder that is the current one now, and what a link points to.
        fingerprint: Says all that the replicates and their summaries depend on, on one line.
    """

    path: Path
    fingerprint: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(os.path.realpath(self.path)))

    def load(self) -> Totals:
        """The totals in the file; none where there is no file.

        Raises:
            CheckpointError: The file is no checkpoint, damaged, or that of another run or version, and is left as it
                is; or it could not be saved when the time comes.
        """
        totals = self._read()
        try:
            with temporary_beside(self.path) as file:
                file.touch()
        except OSError as error:
            raise self._unwritable(error) from error
        return totals

    def save(self, totals: Totals) -> None:
        """Replaces the file, at once: whatever happens, there is the old file or the new one.

        Raises:
            CheckpointError: The file cannot be written, or another run has put its own there.
        """
        content, fingerprint = totals.to_bytes(), self.fingerprint.encode()
        head = _MAGIC + fingerprint + b"\n"
        digest = hashlib.sha256(fingerprint + content).hexdigest().encode()
        try:
            if self.path.exists():
                with self.path.open("rb") as known:
                    if known.read(len(head)) != head:
                        raise self._refusal("another run has written meanwhile")
            replace_file(self.path, b"\n".join([head + digest, content]))
        except OSError as error:
            raise self._unwritable(error) from error

    def _read(self) -> Totals:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return Totals()
        except OSError as error:
            raise CheckpointError(f"checkpoint must be a file that can be read, got {self.path}: {error}") from error
        if not content.startswith(_MAGIC):
            raise self._refusal("is no checkpoint of this version of sgdvar")
        fingerprint, _, rest = content[len(_MAGIC) :].partition(b"\n")
        digest, _, totals = rest.partition(b"\n")
        if hashlib.sha256(fingerprint + totals).hexdigest().encode() != digest:
            raise self._refusal("is damaged or incomplete")
        if fingerprint.decode() != self.fingerprint:
            raise self._refusal(f"belongs to another run: {_difference(fingerprint.decode(), self.fingerprint)}")
        return Totals.from_bytes(totals)

    def _unwritable(self, error: OSError) -> CheckpointError:
        return CheckpointError(f"checkpoint must be a path that can be written, got {self.path}: {error}")

    def _refusal(self, what: str) -> CheckpointError:
        return CheckpointError(
            f"checkpoint must be a file of this run, or no file yet, got {self.path}, which {what}; it is left as it "
            "is; give another path, or remove it"
        )


def _difference(theirs: str, ours: str) -> str:
    """The first part in which two fingerprints differ."""
    parts = zip(theirs.split("; "), ours.split("; "), strict=False)
    return next((f"{a} there, {b} here" for a, b in parts if a != b), "other measures")
