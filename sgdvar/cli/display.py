"""How a verification looks: on a terminal with rich where it is installed, in plain text elsewhere."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sgdvar as sv
from sgdvar.cli.inputs import Inputs
from sgdvar.cli.numbers import estimate_texts, number_text, percent_text
from sgdvar.cli.results import degree_bound, factor_text, facts_text, short_polynomial, verdict_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

__all__ = ["Findings", "show"]

_COLORS = {"proved": "green", "agreed": "green", "refuted": "red", "undecided": "yellow"}
_PLANTED_COLORS = {(True, True): "green", (True, False): "bold red", (False, True): "yellow", (False, False): "yellow"}
_UNBOUNDED = 1000  # characters, more than any table needs
_REACH = 6  # standard errors, and characters, to either side of the middle of a scale


@dataclass(frozen=True)
class Findings:
    """What one run of ``sgdvar verify`` found of one process.

    Attributes:
        inputs: The process, and the setting in words.
        polynomials: The exact variance at each step.
        certificates: Whether it decreases in b, at each step.
        report: Exact values against estimates.
    """

    inputs: Inputs
    polynomials: dict[int, sv.BatchPolynomial]
    certificates: dict[int, sv.Verdict]
    report: sv.Report

    @property
    def heading(self) -> str:
        """What the process sees, to tell several apart."""
        return {"data": "On the data themselves", "gaussian": "On the Gaussian model"}[self.inputs.model]

    @property
    def polynomial_title(self) -> str:
        """What the polynomials are."""
        design = next(iter(self.polynomials.values())).design
        return f"Exact variance of the batch gradient after t steps, with c = {factor_text(design)}"

    @property
    def polynomial_lines(self) -> list[tuple[str, str]]:
        """Each polynomial's name and terms; for a network also its degree and the bound on it."""
        lines = []
        for step, V in self.polynomials.items():
            bound = degree_bound(self.inputs.sgd, step)
            degree = "" if bound is None else f"; degree {V.degree}, at most {bound}"
            lines.append((f"V_{step}", f"{short_polynomial(V)}{degree}"))
        return lines

    @property
    def grouped_certificates(self) -> list[tuple[str, sv.Verdict]]:
        """Verdicts with the names of the polynomials that share them."""
        groups: dict[str, list[int]] = {}
        for step, verdict in self.certificates.items():
            groups.setdefault(verdict_line(verdict), []).append(step)
        return [(", ".join(f"V_{step}" for step in steps), self.certificates[steps[0]]) for steps in groups.values()]


def show(findings: Sequence[Findings], figures: Sequence[Path], seconds: float) -> None:
    """Prints the findings for a person.

    Args:
        findings: Of each process in turn.
        figures: The files that figures were written to.
        seconds: Wall time, loading of libraries and data included.
    """
    written = f"Figure{'s' * (len(figures) > 1)}: {', '.join(map(str, figures))}. " if figures else ""
    closing = f"{written}{seconds:.1f} seconds in all."
    try:
        from rich.console import Console
    except ImportError:
        sys.stdout.write(_plain(findings, closing))
    else:
        _show_rich(findings, closing, Console(highlight=False))


def _plain(findings: Sequence[Findings], closing: str) -> str:
    lines = []
    for found in findings:
        if len(findings) > 1:
            lines += [f"## {found.heading}", ""]
        lines += [
            facts_text(found.inputs.facts),
            "",
            f"{found.polynomial_title}:",
            *(f"{name} = {text}" for name, text in found.polynomial_lines),
            "",
            "Does it decrease in b?",
            *(f"{names}: {verdict_line(verdict)}" for names, verdict in found.grouped_certificates),
            "",
            found.report.to_markdown(),
            "",
        ]
    return "\n".join([*lines, closing, ""])


def _show_rich(findings: Sequence[Findings], closing: str, console: Console) -> None:
    from rich.rule import Rule
    from rich.text import Text

    for found in findings:
        if len(findings) > 1:
            console.print(Rule(Text(found.heading, "bold")))
        _show_process(found, console)
    console.print(Text(closing, "dim"))


def _show_process(findings: Findings, console: Console) -> None:
    from rich.panel import Panel
    from rich.text import Text

    report = findings.report
    console.print(_grid((Text(name, "dim"), text) for name, text in findings.inputs.facts.items()))
    _print_heading(console, findings.polynomial_title)
    console.print(_grid(findings.polynomial_lines))
    _print_heading(console, "Does it decrease in b?")
    console.print(_grid((names, _colored(verdict)) for names, verdict in findings.grouped_certificates))
    _print_heading(console, "Does simulation agree?")
    is_wide = _width(_table(report, is_wide=True), console) <= console.width
    console.print(_table(report, is_wide=is_wide))
    console.print(Text(_legend(report, is_wide=is_wide), "dim"))
    _print_heading(console, "Would it notice a wrong formula?")
    for result in report.planted:
        console.print(Text(str(result), _PLANTED_COLORS[result.is_separable, result.is_rejected]))
    if not report.planted:
        console.print(Text(f"none: {report.not_planted}"))
    console.print()
    console.print(Panel(_colored(report.verdict), border_style=_COLORS[report.verdict.status], expand=False))


def _print_heading(console: Console, text: str) -> None:
    from rich.text import Text

    console.print()
    console.print(Text(text, "bold"))


def _grid(rows: Iterable[tuple[str | Text, str | Text]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    for row in rows:
        grid.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))  # "[" is no markup here
    return grid


def _colored(verdict: sv.Verdict) -> Text:
    from rich.text import Text

    word, _, reason = verdict_line(verdict).partition(":")
    return Text.assemble((word, _COLORS[verdict.status]), f":{reason}")


def _table(report: sv.Report, *, is_wide: bool) -> Table:
    """The comparisons; a wide one also has the estimates that are not judged."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("step", "b", "exact", "estimate", "± s.e.", "off by"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("-6   s.e.   +6", justify="center", no_wrap=True)
    table.add_column("catches", justify="right", no_wrap=True)
    if is_wide:
        table.add_column("given w_t", justify="right", style="dim", no_wrap=True)
        table.add_column("± s.e.", justify="right", style="dim", no_wrap=True)
        table.add_column("replicates", justify="right", style="dim", no_wrap=True)
    last = None
    for row in report.rows:
        if row.step != last:
            table.add_section()
        disagrees = not row.agrees
        cells = [
            f"[bold]{row.step}" if row.step != last else "",
            str(row.batch_size),
            number_text(row.exact),
            *estimate_texts(row.estimate, row.standard_error),
            *(f"[{'bold red' if disagrees else 'green'}]{text}" for text in _deviation(row.deviation)),
            percent_text(row.detectable) if row.exact else "any",
        ]
        if is_wide:
            cells += [*estimate_texts(row.conditional_estimate, row.conditional_standard_error), f"{row.replicates:,}"]
        table.add_row(*cells)
        last = row.step
    return table


def _width(table: Table, console: Console) -> int:
    """The characters that a table needs to be shown whole."""
    return console.measure(table, options=console.options.update_width(_UNBOUNDED)).maximum


def _legend(report: sv.Report, *, is_wide: bool) -> str:
    given = "; given w_t: averaged exactly over the last batch, not judged" if is_wide else ""
    return (
        "estimate: sample variance over plain trajectories, ± its standard error (s.e.); off by: estimate - exact, in "
        f"s.e., where they disagree beyond {report.threshold:.2f}; catches: the smallest relative error of the formula "
        f"that the row would have caught, with a chance of {report.miss_rate:g} to miss it{given}. False-alarm rate "
        f"{report.false_alarm_rate:g} over the {report.comparisons} comparisons with chance in them, together. Both "
        f"rates are nominal (normal approximation). Seed {report.seed}."
    )


def _deviation(deviation: float) -> tuple[str, str]:
    """A deviation in standard errors, as a number and as a point on a line."""
    place = round(min(max(deviation, -_REACH), _REACH))
    line = ["·"] * _REACH + ["│"] + ["·"] * _REACH
    line[_REACH + place] = "●"
    number = "never" if math.isinf(deviation) else f"{deviation:+.1f}"
    return "0.0" if number in ("+0.0", "-0.0") else number, "".join(line)
