"""Verdicts, and the certificates that come with them, as data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

__all__ = [
    "Certificate",
    "MonotonePieces",
    "NonNegativeCoefficients",
    "Piece",
    "Verdict",
    "certificate_from_dict",
    "size_text",
]


def size_text(batch_size: object) -> str:
    """A batch size for people to read: digits, or the order of magnitude where nobody would read them."""
    if isinstance(batch_size, int) and batch_size > 10**30:
        return f"about 10^{math.log10(batch_size):.0f}"
    return repr(batch_size)


@dataclass(frozen=True)
class NonNegativeCoefficients:
    r"""V never rises, because every coefficient of :math:`c(b)^k` with :math:`k \ge 1` is non-negative.

    On the valid batch sizes :math:`c(b)` is non-negative and decreases in b, hence so do its powers, and V with them.
    """

    @property
    def from_batch_size(self) -> int:
        """Always 1; the claim holds for all valid batch sizes."""
        return 1

    def to_dict(self) -> dict[str, Any]:
        """The certificate as plain data for JSON; ``certificate_from_dict`` reads it back."""
        return {"kind": "non-negative coefficients"}

    def __str__(self) -> str:
        return "every coefficient of c(b)^k with k >= 1 is non-negative"


@dataclass(frozen=True)
class Piece:
    r"""A range of batch sizes on which V does not rise, and why.

    Attributes:
        b_lo: The first batch size.
        b_hi: The last batch size; None for a range without end.
        evidence: "monotone": :math:`dV/du \ge 0` for all real u = 1/b in the range, because its Bernstein coefficients
            there are all non-negative. "compared": b_hi = b_lo + 1 and :math:`V(b_{hi}) \le V(b_{lo})`.
    """

    b_lo: int
    b_hi: int | None
    evidence: Literal["monotone", "compared"]

    def __str__(self) -> str:
        end = "on" if self.b_hi is None else f"to {size_text(self.b_hi)}"
        return f"the piece from b = {size_text(self.b_lo)} {end} ({self.evidence})"


@dataclass(frozen=True)
class MonotonePieces:
    r"""V never rises from some batch size on, piece by piece; and that this batch size is the least.

    Attributes:
        from_batch_size: The least b from which V never rises.
        pieces: Ranges that share end points and tile the batch sizes from ``from_batch_size`` to the largest.
        last_rise: The pair (from_batch_size - 1, from_batch_size), between which V still rises; None if
            ``from_batch_size`` is 1.
    """

    from_batch_size: int
    pieces: tuple[Piece, ...]
    last_rise: tuple[int, int] | None

    def to_dict(self) -> dict[str, Any]:
        """The certificate as plain data for JSON; ``certificate_from_dict`` reads it back."""
        return {
            "kind": "monotone pieces",
            "from_batch_size": self.from_batch_size,
            "pieces": [asdict(piece) for piece in self.pieces],
            "last_rise": None if self.last_rise is None else list(self.last_rise),
        }

    def __str__(self) -> str:
        compared = sum(piece.evidence == "compared" for piece in self.pieces)
        monotone = len(self.pieces) - compared
        return (
            f"from b = {size_text(self.from_batch_size)} on, dV/d(1/b) >= 0 on {monotone} "
            f"range{'s' * (monotone != 1)} of b, and V compared at {compared} pair{'s' * (compared != 1)} of neighbours"
        )


Certificate: TypeAlias = NonNegativeCoefficients | MonotonePieces


def certificate_from_dict(data: Mapping[str, Any]) -> Certificate:
    """The certificate that ``to_dict`` wrote; not yet checked.

    Raises:
        ValueError: An unknown kind.
        KeyError: An entry is missing.
    """
    if data["kind"] == "non-negative coefficients":
        return NonNegativeCoefficients()
    if data["kind"] != "monotone pieces":
        raise ValueError(f'kind must be "non-negative coefficients" or "monotone pieces", got {data["kind"]!r}')
    rise = data["last_rise"]
    return MonotonePieces(
        from_batch_size=data["from_batch_size"],
        pieces=tuple(Piece(piece["b_lo"], piece["b_hi"], piece["evidence"]) for piece in data["pieces"]),
        last_rise=None if rise is None else (rise[0], rise[1]),
    )


@dataclass(frozen=True)
class Verdict:
    """What is known about a claim: never a bool, and undecided is never a pass.

    Attributes:
        status: "proved" (with a certificate), "refuted" (with a witness), "undecided" (with a reason), or "agreed":
            simulation found no deviation, at stated error rates, which is no proof.
        reason: One sentence a reader can check.
        certificate: Data that ``check_certificate`` verifies without the code that made it.
        from_batch_size: The least b from which the claim holds; 1 if proved, None if there is none or it is not known.
        witness: For a refuted claim, where it fails.
    """

    status: Literal["proved", "refuted", "undecided", "agreed"]
    reason: str
    certificate: Certificate | None = None
    from_batch_size: int | None = None
    witness: tuple[Any, ...] | None = None

    def __bool__(self) -> bool:
        raise TypeError(
            "a Verdict has no truth value, because undecided is neither; compare verdict.status with "
            '"proved", "refuted" or "undecided"'
        )
