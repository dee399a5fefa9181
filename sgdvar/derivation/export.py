"""Checked derivations as text, Markdown, LaTeX and plain data."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sgdvar.derivation.grades import Grade
from sgdvar.derivation.lines import PutIn
from sgdvar.derivation.printing import RELATIONS, latex_of
from sgdvar.derivation.step import CheckedStep

if TYPE_CHECKING:
    from sgdvar.derivation.derivation import CheckedDerivation, Derivation

__all__ = ["evidence", "formula", "summary", "to_dict", "to_latex", "to_markdown", "to_text"]


def to_text(checked: CheckedDerivation) -> str:
    """Title, assumptions, symbols, and the steps: reason, lines, and under each line what was checked."""
    derivation = checked.derivation
    lines = [derivation.title, *(f"Assumes: {_plain(text)}" for text in derivation.assumptions)]
    lines += [f"  {notation.symbol}: {_plain(notation.meaning)}" for notation in derivation.symbols]
    for number, step in enumerate(checked.steps, 1):
        lines += _wrapped(f"{number}. {step.step.name}: {_plain(step.step.reason)}", "   ")
        lines += [f"   {symbol} := {expression}" for symbol, expression in step.step.definitions]
        for one in step.lines:
            given = "; ".join(_said(fact, str, str) for fact in one.line.put_in())
            lines.append(f"   {one.line}")
            lines += _wrapped(f"      {'; '.join(one.says)}{', given ' * bool(given)}{given}", "      ")
    return "\n".join([*lines, summary(checked)])


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, 118, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def summary(checked: CheckedDerivation) -> str:
    """How many steps were checked, and how."""
    count = len(checked.steps)
    kinds = ", ".join(f"{number} {grade.words}" for grade, number in checked.grades.items())
    return f"{count} step{'s' * (count != 1)} checked: {kinds}"


def formula(step: CheckedStep, derivation: Derivation) -> str:
    """The LaTeX of a step: its definitions, then its lines, aligned at the relations."""
    names = {notation.symbol: notation.latex for notation in derivation.symbols}
    rows = [
        (latex_of(symbol, names), ":=", latex_of(expression, names)) for symbol, expression in step.step.definitions
    ]
    before = None
    for checked in step.lines:
        line = checked.line
        left = "" if line.relation == "=" and line.left == before else latex_of(line.left, names)
        rows.append((left, RELATIONS[line.relation], latex_of(line.right, names)))
        before = line.left if line.relation == "=" else None
    if len(rows) == 1:
        return " ".join(rows[0])
    body = " \\\\\n".join(f"{left} &{relation} {right}" for left, relation, right in rows)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def evidence(step: CheckedStep, derivation: Derivation, escape: Callable[[str], str] | None = None) -> str:
    """What was checked, in words that the grades decide, and what was put in, as formulas between dollar signs.

    Args:
        step: The step.
        derivation: Its derivation.
        escape: Marks the signs of plain text that the format would read otherwise; those of Markdown if omitted.
    """
    grade, names = step.step.grade, {notation.symbol: notation.latex for notation in derivation.symbols}
    escape = escape or _marked
    reach = "for all values of the symbols" if grade.is_general else "for the cases named"
    begin = "Cited, not checked: " if grade is Grade.CITED else f"Checked {reach}: "
    latex = {str(symbol): text for symbol, text in names.items()}
    said = []
    for number, one in enumerate(step.lines, 1):
        words = "; ".join(dict.fromkeys(_typeset(text, latex, escape) for text in one.says))
        facts = [_said(fact, lambda part: latex_of(part, names), "${}$".format) for fact in one.line.put_in()]
        which = f"line {number}: " if len(step.lines) > 1 else ""
        said.append(f"{which}{words}{', given ' * bool(facts)}{', '.join(dict.fromkeys(facts))}")
    return f"{begin}{'; '.join(said)}."


def _said(one: PutIn, shown: Callable[[Any], str], formula_of: Callable[[str], str]) -> str:
    """What is put in, in words around a formula."""
    left, right = shown(one.left), shown(one.right)
    if one.kind in ("=", ">="):
        return formula_of(f"{left} {RELATIONS[one.kind] if formula_of is not str else one.kind} {right}")
    words = {"mean": "the mean of {} is {}", "first": "{} begins as {}", "next": "{} becomes {}"}[one.kind]
    return words.format(formula_of(left), formula_of(right))


def _typeset(text: str, latex: Mapping[str, str], escape: Callable[[str], str]) -> str:
    """Words whose last ones may be a list of symbols."""
    words, _, symbols = text.rpartition(" in ")
    if not words or not any(symbol in latex for symbol in symbols.split(", ")):
        return escape(text)
    shown = [f"${latex[symbol]}$" if symbol in latex else escape(symbol) for symbol in symbols.split(", ")]
    return f"{escape(words)} in {', '.join(shown)}"


def _marked(text: str) -> str:
    """Plain text in which no sign is read as Markdown; formulas between dollar signs stay."""
    return _beside_formulas(text, lambda part: re.sub(r"([*_|<>\\])", r"\\\1", part))


def to_markdown(checked: CheckedDerivation) -> str:
    """A page: assumptions, a table of symbols, and the steps."""
    derivation = checked.derivation
    blocks = [f"# {derivation.title}", "\n".join(f"- {text}" for text in derivation.assumptions)]
    rows = [f"| ${notation.latex}$ | {notation.meaning} |" for notation in derivation.symbols]
    blocks.append("\n".join(["| symbol | meaning |", "|---|---|", *rows]))
    for number, step in enumerate(checked.steps, 1):
        blocks += [
            f"**{number}. {step.step.name}.** {step.step.reason}",
            f"$$\n{formula(step, derivation)}\n$$",
            evidence(step, derivation),
        ]
    return "\n\n".join([*blocks, summary(checked)])


def to_latex(checked: CheckedDerivation) -> str:
    """A document with a section of assumptions and symbols, and one equation for each step."""
    derivation = checked.derivation
    lines = [
        r"\documentclass{article}",
        r"\usepackage{amsmath,amssymb}",
        r"\begin{document}",
        rf"\section*{{{_escaped(derivation.title)}}}",
        r"\begin{itemize}",
        *(rf"\item {_prose(text)}" for text in derivation.assumptions),
        r"\end{itemize}",
        r"\begin{description}",
        *(rf"\item[${notation.latex}$] {_prose(notation.meaning)}" for notation in derivation.symbols),
        r"\end{description}",
        r"\begin{enumerate}",
    ]
    for step in checked.steps:
        lines += [
            rf"\item {_prose(step.step.reason)}",
            rf"\begin{{equation}}\label{{{step.step.name}}}",
            formula(step, derivation),
            r"\end{equation}",
            rf"\emph{{{evidence(step, derivation, _escaped)}}}",
        ]
    return "\n".join([*lines, r"\end{enumerate}", rf"{_escaped(summary(checked))}.", r"\end{document}", ""])


def to_dict(checked: CheckedDerivation) -> dict[str, Any]:
    """Plain data for JSON."""
    derivation = checked.derivation
    return {
        "name": derivation.name,
        "title": derivation.title,
        "assumptions": list(derivation.assumptions),
        "symbols": [{"latex": notation.latex, "meaning": notation.meaning} for notation in derivation.symbols],
        "steps": [_step_dict(step, derivation) for step in checked.steps],
    }


def _step_dict(step: CheckedStep, derivation: Derivation) -> Mapping[str, Any]:
    return {
        "name": step.step.name,
        "reason": step.step.reason,
        "latex": formula(step, derivation),
        "lines": [str(line.line) for line in step.lines],
        "grade": step.step.grade.words,
        "checked": step.says,
        "given": [_said(one, str, str) for one in step.step.put_in()],
        "seconds": round(step.seconds, 3),
    }


def _plain(markdown: str) -> str:
    bare = re.sub(r"\\operatorname\{(\w+)\}", r"\1", markdown.replace("$", "").replace("**", ""))
    return bare.replace("\\,", " ").replace("\\le", "<=").replace("\\ge", ">=")


def _prose(markdown: str) -> str:
    """Markdown with formulas as LaTeX: what is between dollar signs stays."""
    return _beside_formulas(markdown, _escaped)


def _beside_formulas(text: str, change: Callable[[str], str]) -> str:
    """A text, changed but for what is between dollar signs."""
    return "$".join(part if k % 2 else change(part) for k, part in enumerate(text.split("$")))


def _escaped(text: str) -> str:
    bold = re.sub(r"\*\*(.+?)\*\*", r"\1", text)
    return re.sub(r"([&%#_{}^~\\])", lambda found: _ESCAPES.get(found[1], f"\\{found[1]}"), bold)


_ESCAPES = {"^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "\\": r"\textbackslash{}"}
