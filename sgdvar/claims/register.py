"""The register: claims with their verdicts, as a table, as Markdown and as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sgdvar import __version__
from sgdvar.claims.claim import Claim, Finding, not_examined

__all__ = ["Entry", "Register", "settle_claims"]

_NOTHING_YET = "no function settles it"


@dataclass(frozen=True, eq=False)
class Entry:
    """A claim with what was found about it.

    Attributes:
        claim: The claim.
        finding: Verdict, reason and evidence.
        date: The day on which it was found (UTC).
        version: The version of the library that found it.
        seconds: How long that took.

    Examples:
        >>> from sgdvar.claims import Claim, settle_claims
        >>> entry = settle_claims([Claim("beauty", "Var(g_0) is pretty", "taste", "folklore")])["beauty"]
        >>> entry.to_dict()["status"]
        'not examined'
    """

    claim: Claim
    finding: Finding
    date: date
    version: str
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The entry as plain data for JSON."""
        return {
            "name": self.claim.name,
            "statement": self.claim.statement,
            "assumptions": self.claim.assumptions,
            "source": self.claim.source,
            "status": self.finding.status,
            "verdict": self.finding.words,
            "reason": self.finding.reason,
            "evidence": [item.to_dict() for item in self.finding.evidence],
            "date": self.date.isoformat(),
            "version": self.version,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, eq=False)
class Register:
    """Claims and their verdicts, in the order in which they were given.

    Attributes:
        entries: One for each claim.

    Examples:
        >>> from sgdvar.claims import Claim, settle_claims
        >>> register = settle_claims([Claim("beauty", "Var(g_0) is pretty", "taste", "folklore")])
        >>> print(register.to_markdown().splitlines()[0])
        | claim | assumptions | source | verdict | because |
    """

    entries: tuple[Entry, ...]

    def __getitem__(self, name: str) -> Entry:
        """The entry of a claim.

        Raises:
            KeyError: There is none of that name.
        """
        for entry in self.entries:
            if entry.claim.name == name:
                return entry
        raise KeyError(f"name must be one of {', '.join(entry.claim.name for entry in self.entries)}, got {name}")

    def to_json(self) -> str:
        """All that is known, as JSON."""
        return json.dumps([entry.to_dict() for entry in self.entries], indent=2, ensure_ascii=False)

    def to_markdown(self) -> str:
        """The table in Markdown."""
        lines = ["| claim | assumptions | source | verdict | because |", "|---|---|---|---|---|"]
        for entry in self.entries:
            claim, finding = entry.claim, entry.finding
            because = "; ".join([finding.reason, *map(str, finding.evidence)])
            cells = [claim.statement, claim.assumptions, claim.source, f"**{finding.words}**", because]
            lines.append("| " + " | ".join(_cell(text) for text in cells) + " |")
        return "\n".join(lines)


def settle_claims(claims: Sequence[Claim], report: Callable[[int, Claim], None] | None = None) -> Register:
    """The register of claims, each settled from scratch.

    Args:
        claims: With names that differ.
        report: Is told the number of claims that are settled and the claim that comes next.

    Raises:
        TypeError: Something that is no claim, or a claim whose ``settle`` returns no Finding.
        ValueError: Two claims of one name.

    Examples:
        >>> from sgdvar.claims import Claim, settle_claims
        >>> register = settle_claims([Claim("beauty", "Var(g_0) is pretty", "taste", "folklore")])
        >>> register["beauty"].finding.words
        'NOT EXAMINED'
    """
    names = set[str]()
    for claim in claims:
        if not isinstance(claim, Claim):
            raise TypeError(f"claims must hold claims, got {type(claim).__name__}")
        if claim.name in names:
            raise ValueError(f"claims must have names that differ, got {claim.name} twice")
        names.add(claim.name)
    entries = []
    for number, claim in enumerate(claims):
        if report is not None:
            report(number, claim)
        entries.append(_settled(claim))
    return Register(tuple(entries))


def _settled(claim: Claim) -> Entry:
    began = time.perf_counter()
    try:
        finding = not_examined(_NOTHING_YET) if claim.settle is None else claim.settle()
    except Exception as error:
        error.add_note(f"while the claim {claim.name} was settled")
        raise
    if not isinstance(finding, Finding):
        raise TypeError(f"settle of the claim {claim.name} must return a Finding, got {type(finding).__name__}")
    return Entry(claim, finding, datetime.now(UTC).date(), __version__, time.perf_counter() - began)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
