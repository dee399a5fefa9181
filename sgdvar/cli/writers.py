"""Estimates as a page of text, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
import textwrap
from collections.abc import Sequence
from typing import Any

import sgdvar as sv
from sgdvar.cli.cells import Cell, Estimates
from sgdvar.cli.numbers import estimate_texts, percent_text
from sgdvar.cli.results import facts_text
from sgdvar.monte_carlo.statistics.intervals import LARGEST_SHARE
from sgdvar.scalars import Array

__all__ = ["COLUMNS", "csv_text", "json_text", "page_text"]

COLUMNS = (
    "quantity", "conditional", "controlled", "seed", "precision", "step", "batch_size", "index", "estimate",
    "standard_error", "relative_error", "interval", "level", "lower", "upper", "replicates", "gain", "largest_share",
    "is_trusted",
)  # fmt: skip
"""The header of the CSV."""

_INTERVALS = {
    "nominal": "normal approximation, so their level is nominal",
    "guaranteed": "from bounds on what one pair of replicates contributes, for every number of replicates",
}
_TITLES = ("step", "b", "index", "estimate", "s.e.", "rel.", "from", "to", "replicates", "gain", "share")


def csv_text(found: Estimates) -> str:
    """A header line, and a line for each entry of each cell; numbers in full, ``inf`` where they are infinite."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for cell in found.cells:
        for index, value, error, lower, upper in cell.entries():
            writer.writerow((
                found.quantity, _word(found.conditional), _word(cell.controlled), found.seed,
                found.precision, cell.step, cell.batch_size, index, value, error, cell.relative_error,
                found.interval, found.level, lower, upper, cell.replicates, cell.gain, cell.largest_share,
                _word(cell.is_trusted),
            ))  # fmt: skip
    return text.getvalue()


def json_text(found: Estimates, seconds: float) -> str:
    """One object; arrays are nested lists, infinite numbers null."""
    document = {
        "version": sv.__version__,
        "setting": found.facts,
        "process": found.process,
        "quantity": found.quantity,
        "conditional": found.conditional,
        "controlled": found.controlled,
        "accuracy": found.accuracy,
        "seed": found.seed,
        "precision": found.precision,
        "level": found.level,
        "interval": found.interval,
        "intervals": _INTERVALS[found.interval],
        "doubt": found.doubt,
        "results": [_record(cell) for cell in found.cells],
        "seconds": seconds,
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def page_text(found: Estimates, seconds: float) -> str:
    """The setting, a table, how to read it, and what is in doubt."""
    doubt = [f"UNDECIDED: {found.doubt}"] if found.doubt else []
    paragraphs = [_legend(found), *doubt, f"{seconds:.1f} seconds in all."]
    width = shutil.get_terminal_size().columns
    filled = [textwrap.fill(paragraph, width) for paragraph in paragraphs]
    return "\n\n".join([facts_text(found.facts), _table(found.cells), *filled]) + "\n"


def _record(cell: Cell) -> dict[str, Any]:
    return {
        "step": cell.step,
        "batch_size": cell.batch_size,
        "estimate": cell.value.tolist(),
        "standard_error": cell.standard_error.tolist(),
        "relative_error": _finite(cell.relative_error),
        "lower": _numbers(cell.lower),
        "upper": _numbers(cell.upper),
        "replicates": cell.replicates,
        "gain": _finite(cell.gain),
        "largest_share": cell.largest_share,
        "is_trusted": cell.is_trusted,
        "controlled": cell.controlled,
    }


def _table(cells: Sequence[Cell]) -> str:
    """Aligned columns, one line for each entry of each cell."""
    rows = [_row(cell, *entry) for cell in cells for entry in cell.entries()]
    shown = [k for k, title in enumerate(_TITLES) if title != "index" or any(row[k] for row in rows)]
    widths = [max(len(row[k]) for row in (_TITLES, *rows)) for k in range(len(_TITLES))]
    return "\n".join("  ".join(row[k].rjust(widths[k]) for k in shown) for row in (_TITLES, *rows))


def _row(cell: Cell, index: str, value: float, error: float, lower: float, upper: float) -> tuple[str, ...]:
    return (
        str(cell.step),
        str(cell.batch_size),
        index,
        *estimate_texts(value, error),
        percent_text(cell.relative_error) if math.isfinite(cell.relative_error) else "inf",
        *(estimate_texts(end, error)[0] if math.isfinite(end) else "inf" for end in (lower, upper)),
        f"{cell.replicates:,}",
        f"{cell.gain:.3g}",
        percent_text(cell.largest_share),
    )


def _legend(found: Estimates) -> str:
    how = "averaged exactly over the last batch, given the last weights" if found.conditional else "plain trajectories"
    how += ", with a control variate" if found.controlled else ""
    gain = "; gain: by which that divided the variance of the estimate" if found.conditional or found.controlled else ""
    level = f"{100 * found.level:g} %"
    interval = f"nominal level {level} (normal approximation)"
    if found.interval == "guaranteed":
        interval = f"level {level} for every number of replicates, from pairs of them"
        interval += " and without the control variate" if found.controlled else ""
    return (
        f"estimate: {how}; s.e.: its standard error, rel.: relative to the estimate; from, to: interval of {interval}"
        f"{gain}; share: the largest of one replicate in the sum "
        f"of squares behind the s.e., not to be trusted above {percent_text(LARGEST_SHARE)}. Seed {found.seed}"
        f"{'' if found.precision == 'float64' else f', simulated in {found.precision}'}."
    )


def _word(truth: bool) -> str:
    return "true" if truth else "false"


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _numbers(array: Array) -> Any:
    """A number or nested lists of numbers; a number that is infinite is null."""
    return _finite(float(array)) if array.ndim == 0 else array.tolist()
