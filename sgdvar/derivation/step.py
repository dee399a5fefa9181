"""Steps of a derivation."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from sgdvar.derivation.averages import Average, MatrixAverage
from sgdvar.derivation.evaluation import evaluated
from sgdvar.derivation.grades import Grade
from sgdvar.derivation.lines import FalseLineError, Line, PutIn

__all__ = ["CheckedLine", "CheckedStep", "FalseStepError", "Step"]


class FalseStepError(AssertionError):
    """A step of a derivation is false or not shown; the message names the derivation, the step, the line and a witness.

    Attributes:
        step: The name of the step.
        witness: Where it fails, and how; or why it is not shown.
        is_refuted: Whether it is false, where the witness says.

    Examples:
        >>> import sympy as sp
        >>> from sgdvar.derivation import FalseStepError, Identity, Line, Step
        >>> n = sp.Symbol("n")
        >>> try:
        ...     Step("product", "Multiply out.", [Line(n * (n - 1), "=", n**2, Identity())]).check()
        ... except FalseStepError as error:
        ...     print(error)
        step product, line 1: n*(n - 1) = n**2 is false: at n = 2 left is 2, right is 4
    """

    def __init__(self, message: str, *, step: str, witness: str, is_refuted: bool) -> None:
        super().__init__(message)
        self.is_refuted = is_refuted
        self.step = step
        self.witness = witness


@dataclass(frozen=True, eq=False)
class Step:
    r"""A step of a derivation: lines that are checked, and the reason why they hold.

    Attributes:
        name: In lower case with hyphens, unique in its derivation: pages refer to it.
        reason: Why the lines follow from the steps before: Markdown, formulas between dollar signs.
        lines: What holds.
        definitions: Pairs of a symbol, or an undefined function of symbols, and the expression that it stands for
            in this step; they are shown with the lines, and put in before anything is checked. A later one may use
            an earlier one.

    Raises:
        ValueError: A bad name, no reason, no line, or a symbol that varies with an index in one average alone.

    Examples:
        >>> import sympy as sp
        >>> from sgdvar.derivation import Identity, Line, Step
        >>> n, b = sp.symbols("n b")
        >>> gap = Line(1 / b - (n - b) / (b * (n - 1)), "=", (b - 1) / (b * (n - 1)), Identity())
        >>> print(Step("replacement", "Replacement has the larger factor, except at $b = 1$.", [gap]).check().says)
        identity of rational functions in b, n
    """

    name: str
    reason: str
    lines: Sequence[Line]
    definitions: Sequence[tuple[Any, Any]] = field(default=())

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name):
            raise ValueError(f"name must be words in lower case with hyphens, got {self.name!r}")
        if not self.reason.strip():
            raise ValueError(f"reason must say why the step {self.name} holds, got nothing")
        if not self.lines:
            raise ValueError(f"lines must hold at least one line, got none in the step {self.name}")
        object.__setattr__(self, "lines", tuple(self.lines))
        object.__setattr__(self, "definitions", tuple((s, sp.sympify(e)) for s, e in self.definitions))
        _check_averages(self.name, self._shown)

    @property
    def grade(self) -> Grade:
        """The grade of the weakest line."""
        return max((line.grade for line in self.lines), key=lambda grade: grade.rank)

    @property
    def symbols(self) -> set[Any]:
        """The symbols that a reader sees, without the indices of sums."""
        return {symbol for expression in self._shown for symbol in _symbols(expression)}

    @property
    def _shown(self) -> list[Any]:
        """The expressions that a reader sees."""
        sides = [side for line in self.lines for side in (line.left, line.right)]
        sides += [part for definition in self.definitions for part in definition]
        return sides + [sp.sympify(part) for one in self.put_in() for part in (one.left, one.right)]

    def put_in(self) -> list[PutIn]:
        """What the checks take as known beside the definitions, each once."""
        return list({str(one): one for line in self.lines for one in line.put_in()}.values())

    def known(self) -> dict[Any, Any]:
        """What each defined symbol or function stands for, with earlier definitions put in."""
        known: dict[Any, Any] = {}
        for symbol, expression in self.definitions:  # later ones may use earlier ones
            value = evaluated(expression, known)
            if isinstance(symbol, AppliedUndef):
                known[symbol.func] = sp.Lambda(symbol.args, value)
            else:
                known[symbol] = value
        return known

    def expanded(self) -> list[Line]:
        """The lines with all definitions put in."""
        known = self.known()
        return [line.expanded(known) for line in self.lines]

    def check(self) -> CheckedStep:
        """Checks every line.

        Raises:
            FalseStepError: A line is false.
        """
        began, checked = time.perf_counter(), []
        for number, (line, expanded) in enumerate(zip(self.lines, self.expanded(), strict=True), 1):
            try:
                checked.append(CheckedLine(line, tuple(expanded.check())))
            except FalseLineError as error:
                word = "false" if error.is_refuted else "not shown"
                message = f"step {self.name}, line {number}: {line} is {word}: {error.witness}"
                raise FalseStepError(
                    message, step=self.name, witness=error.witness, is_refuted=error.is_refuted
                ) from None
            except Exception as error:
                error.add_note(f"while line {number} of the step {self.name} was checked: {line}")
                raise
        return CheckedStep(self, tuple(checked), time.perf_counter() - began)


@dataclass(frozen=True, eq=False)
class CheckedLine:
    """A line that holds, and what was checked.

    Attributes:
        line: The line.
        says: What each of its checks has checked, in words.

    Examples:
        >>> import sympy as sp
        >>> from sgdvar.derivation import Identity, Line, Step
        >>> n = sp.Symbol("n")
        >>> step = Step("product", "Multiply out.", [Line(n * (n - 1), "=", n**2 - n, Identity())])
        >>> step.check().lines[0].says
        ('identity of polynomials in n',)
    """

    line: Line
    says: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class CheckedStep:
    """A step that holds, and what was checked.

    Attributes:
        step: The step.
        lines: Its lines.
        seconds: How long the checks took.

    Examples:
        >>> import sympy as sp
        >>> from sgdvar.derivation import Identity, Line, Step
        >>> n = sp.Symbol("n")
        >>> step = Step("product", "Multiply out.", [Line(n * (n - 1), "=", n**2 - n, Identity())])
        >>> step.check().says
        'identity of polynomials in n'
    """

    step: Step
    lines: tuple[CheckedLine, ...]
    seconds: float

    @property
    def says(self) -> str:
        """What was checked, in words, with nothing said twice."""
        return "; ".join(dict.fromkeys(text for line in self.lines for text in line.says))


def _check_averages(step: str, expressions: Sequence[Any]) -> None:
    """Checks that what varies with an index in one average of a step varies with it in all.

    Raises:
        ValueError: It does not.
    """
    averages = {part for expression in expressions for part in expression.atoms(Average, MatrixAverage)}
    for part in averages:
        varies = {symbol for other in averages if other.index == part.index for symbol in other.varying}
        constant = [symbol for symbol in varies - set(part.varying) if part.body.has(symbol)]
        if constant:
            raise ValueError(f"{constant[0]} must vary in every average over {part.index} in step {step}, got {part}")


def _symbols(expression: Any) -> set[Any]:
    """The free symbols and undefined functions; a family of numbers counts as its name, a matrix without its size."""
    if isinstance(expression, sp.MatrixSymbol | sp.Symbol):
        return {expression}
    if isinstance(expression, sp.Identity | sp.ZeroMatrix):
        return set()
    if isinstance(expression, sp.Indexed):
        return {expression.base.label}.union(*map(_symbols, expression.indices))
    inner = set[Any]().union(*map(_symbols, expression.args))
    if isinstance(expression, AppliedUndef):
        return inner | {expression.func}
    return inner - set(getattr(expression, "bound_symbols", ()))
