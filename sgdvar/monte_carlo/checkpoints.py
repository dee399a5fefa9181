"""Checkpoint files: a run that is interrupted goes on where it was, and ends with the same bits."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from sgdvar.errors import CheckpointError
from sgdvar.monte_carlo.totals import Totals

__all__ = ["Checkpoint"]

_MAGIC = b"sgdvar checkpoint 1\n"


@dataclass(frozen=True)
class Checkpoint:
    """A file that holds the totals of one run, and of that run only.

    The file is: a line with the format, a line with the run's fingerprint, a line with the SHA-256 digest of the rest,
    and the totals. It is replaced as a whole or not at all.

    Attributes:
        path: Where it is.
        fingerprint: Says all that the replicates and their summaries depend on, on one line.
    """

    path: Path
    fingerprint: str

    def load(self) -> Totals:
        """The totals in the file; none where there is no file.

        Raises:
            CheckpointError: The file is no checkpoint, damaged, or that of another run or version; it is left as it is.
        """
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

    def save(self, totals: Totals) -> None:
        """Replaces the file, at once: whatever happens, there is the old file or the new one.

        Raises:
            CheckpointError: The file cannot be written.
        """
        content, fingerprint = totals.to_bytes(), self.fingerprint.encode()
        digest = hashlib.sha256(fingerprint + content).hexdigest().encode()
        temporary = self.path.with_name(f"{self.path.name}.tmp")
        try:
            with temporary.open("wb") as file:
                file.write(b"\n".join([_MAGIC + fingerprint, digest, content]))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise CheckpointError(f"checkpoint must be a path that can be written, got {self.path}: {error}") from error

    def _refusal(self, what: str) -> CheckpointError:
        return CheckpointError(
            f"checkpoint must be a file of this run, or no file yet, got {self.path}, which {what}; it is left as it "
            "is: give another path, or remove it"
        )


def _difference(theirs: str, ours: str) -> str:
    """The first part in which two fingerprints differ."""
    parts = zip(theirs.split("; "), ours.split("; "), strict=False)
    return next((f"{a} there, {b} here" for a, b in parts if a != b), "other measures")
