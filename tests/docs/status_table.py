"""The README's table of claims, written from the register: ``python -m tests.docs.status_table`` (some minutes)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from sgdvar.claims import Register, own_claims, settle_claims

README = Path(__file__).parents[2] / "README.md"
BEGIN = "<!-- claims: begin; written by `python -m tests.docs.status_table` -->"
END = "<!-- claims: end -->"
SHOWN = [
    "linear-regression-gradient-variance-polynomial",
    "linear-regression-gradient-variance-decreases",
    "linear-regression-convex-order",
    "linear-regression-larger-batch-lower-loss-equal-steps",
    "linear-regression-smaller-batch-lower-loss-equal-examples",
    "linear-regression-gradient-variance-proportional",
    "deep-linear-gradient-variance-polynomial",
    "deep-linear-gradient-variance-decreases-eventually",
    "deep-linear-gradient-variance-decreases-finite-data",
    "deep-linear-gradient-variance-decreases-normal-inputs",
    "deep-linear-gradient-variance-decreases-normal-inputs-large-batches",
    "scalar-networks-gradient-variance-decreases",
    "scalar-networks-gradient-variance-decreases-five-layers",
    "reshuffling-first-epoch-gradient-variance-decreases",
    "reshuffling-across-epochs-gradient-variance-decreases",
    "smallest-batch-optimal-computation",
]
STANDING = {  # what the README says once for all of them
    "fixed start",
    "fresh independent batches",
    "fresh and independent batches",
    "fresh and independent batches, with or without replacement",
    "step sizes that do not depend on b",
    "equal steps",
}
STATUSES = ("proved", "refuted", "undecided", "not examined")


def table(register: Register) -> str:
    """The rows of the claims that are shown, and how many claims of each status there are."""
    lines = ["| claim | about | verdict |", "|---|---|---|"]
    for name in SHOWN:
        claim, finding = register[name].claim, register[name].finding
        about = "; ".join(part for part in claim.assumptions.split("; ") if part not in STANDING)
        lines.append(f"| {_cell(claim.statement)} | {_cell(about)} | {finding.words} |")
    counts = Counter(entry.finding.status for entry in register.entries)
    numbers = ", ".join(f"{counts[status]} {status}" for status in STATUSES)
    return "\n".join([*lines, "", f"All {len(register.entries)} claims: {numbers}."])


def shown() -> str:
    """The table that the README has."""
    _, _, rest = README.read_text(encoding="utf-8").partition(f"{BEGIN}\n\n")
    return rest.partition(f"\n\n{END}")[0]


def _cell(text: str) -> str:
    for mark in "\\|*_<":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


def main() -> None:
    """Settles the register and writes its table into the README."""
    text = README.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"README.md must hold the lines {BEGIN} and {END}")
    new = "\n\n".join([before + BEGIN, table(settle_claims(own_claims())), END + after])
    README.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
