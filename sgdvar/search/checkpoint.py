"""Checkpoint files of searches: a search that is interrupted goes on where it was, and finds the same."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from sgdvar.errors import CheckpointError
from sgdvar.files import replace_file
from sgdvar.search.record import SearchRecord

__all__ = ["Found", "SearchCheckpoint"]

_FORMAT = "sgdvar search 1"


@dataclass(frozen=True)
class Found:
    """A violation as a member's numbers, before it is tidied.

    Attributes:
        place: The pair of batch sizes.
        numbers: The numbers.
    """

    place: tuple[int, int]
    numbers: tuple[Fraction, ...]

    @classmethod
    def of(cls, data: dict[str, Any]) -> Found:
        """The violation that was saved."""
        low, high = data["place"]
        return cls((int(low), int(high)), tuple(Fraction(text) for text in data["numbers"]))


@dataclass(frozen=True, eq=False)
class SearchCheckpoint:
    """A JSON file with the record of one search, and of that search only; replaced as a whole or not at all.

    Attributes:
        path: Where it is; None for no file.
        fingerprint: All that the search depends on.
    """

    path: Path | None
    fingerprint: dict[str, Any]

    def load(self, fresh: SearchRecord) -> tuple[SearchRecord, Found | None]:
        """The record in the file, and the violation found so far; ``fresh`` and None where there is no file.

        Raises:
            CheckpointError: The file is no checkpoint, or that of another search, and is left as it is.
        """
        if self.path is None:
            return fresh, None
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            self.save(fresh, None)  # now, and not only after the first round, it is known whether it can be written
            return fresh, None
        except OSError as error:
            raise CheckpointError(f"checkpoint must be a file that can be read, got {self.path}: {error}") from error
        except ValueError as error:
            raise self._refusal("is no checkpoint of a search") from error
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise self._refusal("is no checkpoint of a search")
        theirs = content.get("search")
        if theirs != self.fingerprint:
            names = [
                name
                for name in self.fingerprint
                if not isinstance(theirs, dict) or theirs.get(name) != self.fingerprint[name]
            ]
            raise self._refusal(f"belongs to another search: it differs in {', '.join(names)}")
        try:
            found = content["found"]
            return replace(fresh, **content["record"]), None if found is None else Found.of(found)
        except (KeyError, TypeError, ValueError) as error:
            raise self._refusal("is damaged") from error

    def save(self, record: SearchRecord, found: Found | None) -> None:
        """Replaces the file, at once: whatever happens, there is the old file or the new one.

        Raises:
            CheckpointError: The file cannot be written.
        """
        if self.path is None:
            return
        known = None if found is None else {"place": found.place, "numbers": [str(value) for value in found.numbers]}
        content = {"format": _FORMAT, "search": self.fingerprint, "record": asdict(record), "found": known}
        try:
            replace_file(self.path, json.dumps(content, indent=1).encode())
        except OSError as error:
            raise CheckpointError(f"checkpoint must be a path that can be written, got {self.path}: {error}") from error

    def _refusal(self, what: str) -> CheckpointError:
        return CheckpointError(
            f"checkpoint must be a file of this search, or no file yet, got {self.path}, which {what}; it is left as "
            "it is; give another path, or remove it"
        )
