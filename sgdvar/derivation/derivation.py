"""A derivation: assumptions, symbols, and steps that a machine has checked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sgdvar.derivation import export
from sgdvar.derivation.grades import Grade
from sgdvar.derivation.step import CheckedStep, FalseStepError, Step

__all__ = ["CheckedDerivation", "Derivation", "Notation"]


@dataclass(frozen=True, eq=False)
class Notation:
    r"""A symbol of a derivation, how it is printed, and what it means.

    Attributes:
        symbol: A SymPy symbol, matrix symbol, undefined function, or the label of an indexed base.
        latex: Its LaTeX.
        meaning: In words: Markdown, formulas between dollar signs.

    Raises:
        ValueError: No LaTeX, no meaning, or a sign that tables do not have.

    Examples:
        >>> import sympy as sp
        >>> from sgdvar.derivation import Notation
        >>> print(Notation(sp.Symbol("sigma2"), r"\sigma^2", "variance of one draw").latex)
        \sigma^2
    """

    symbol: Any
    latex: str
    meaning: str

    def __post_init__(self) -> None:
        for name in ("latex", "meaning"):
            if not getattr(self, name).strip():
                raise ValueError(f"{name} must say how {self.symbol} is read, got nothing")
            if "|" in getattr(self, name):
                raise ValueError(f"{name} must have no |, which ends the cell of a table, got {getattr(self, name)}")


@dataclass(frozen=True, eq=False)
class Derivation:
    r"""A worked derivation as data: it can be checked, shown and exported, and each of its steps can be broken.

    Attributes:
        name: In lower case with underscores: the name of its file in ``proofs``.
        title: What it shows, in a few words without formulas.
        assumptions: Under which it holds, each a sentence (Markdown).
        symbols: Every symbol that a step shows, with its meaning.
        steps: In order; a later one may use an earlier one.

    Raises:
        ValueError: A bad name, no assumption, no step, two steps of one name, two symbols that look the same, or
            one without a meaning.

    Examples:
        >>> import sympy as sp
        >>> from sgdvar.derivation import Derivation, Identity, Line, Notation, Step
        >>> b, s2 = sp.symbols("b sigma2")
        >>> less = Line(s2 / b - s2 / (b + 1), "=", s2 / (b * (b + 1)), Identity())
        >>> derivation = Derivation(
        ...     "one_more_draw",
        ...     "One more draw has less variance",
        ...     ["Draws are independent."],
        ...     [Notation(b, "b", "batch size"), Notation(s2, r"\sigma^2", "variance of one draw")],
        ...     [Step("difference", "Put $b + 1$ for $b$.", [less])],
        ... )
        >>> print(derivation.check().to_text())
        One more draw has less variance
        Assumes: Draws are independent.
          b: batch size
          sigma2: variance of one draw
        1. difference: Put b + 1 for b.
           -sigma2/(b + 1) + sigma2/b = sigma2/(b*(b + 1))
              identity of rational functions in b, sigma2
        1 step checked: 1 identity in symbols
    """

    name: str
    title: str
    assumptions: Sequence[str]
    symbols: Sequence[Notation]
    steps: Sequence[Step]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", self.name):
            raise ValueError(f"name must be words in lower case with underscores, got {self.name!r}")
        for field in ("assumptions", "symbols", "steps"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
        if not self.assumptions or not self.steps:
            raise ValueError(f"assumptions and steps must not be empty, got none of one in {self.name}")
        twice = [name for name, count in Counter(step.name for step in self.steps).items() if count > 1]
        if twice:
            raise ValueError(f"steps must have names that differ, got {twice[0]} twice in {self.name}")
        twice = [text for text, count in Counter(notation.latex for notation in self.symbols).items() if count > 1]
        if twice:
            raise ValueError(f"symbols must look different, got {twice[0]} twice in {self.name}")
        known = {notation.symbol for notation in self.symbols}
        for step in self.steps:
            unknown = sorted(str(symbol) for symbol in step.symbols - known)
            if unknown:
                raise ValueError(
                    f"symbols must give a meaning to {', '.join(unknown)} of the step {step.name}, got none"
                )

    @property
    def grades(self) -> dict[Grade, int]:
        """How many steps have each grade, if they hold; the strongest first. Its weakest line decides on a step."""
        counts = Counter(step.grade for step in self.steps)
        return {grade: counts[grade] for grade in Grade if counts[grade]}

    def check(self) -> CheckedDerivation:
        """Checks every step.

        Raises:
            FalseStepError: A step is false; the message names it and a witness.
        """
        checked = []
        for step in self.steps:
            try:
                checked.append(step.check())
            except FalseStepError as error:
                message = f"{self.name}, {error}"
                raise FalseStepError(
                    message, step=error.step, witness=error.witness, is_refuted=error.is_refuted
                ) from None
        return CheckedDerivation(self, tuple(checked))

    def _repr_markdown_(self) -> str:
        return self.check().to_markdown()


@dataclass(frozen=True, eq=False)
class CheckedDerivation:
    """A derivation of which every step holds, with what was checked.

    Attributes:
        derivation: The derivation.
        steps: Its steps, checked.

    Examples:
        >>> from sgdvar.derivation import load_derivation, proofs_folder
        >>> checked = load_derivation(proofs_folder() / "batch_mean.py").check()
        >>> print(len(checked.steps), checked.steps[0].step.name, sum(checked.grades.values()))
        8 one-draw 8
    """

    derivation: Derivation
    steps: tuple[CheckedStep, ...]

    @property
    def seconds(self) -> float:
        """How long the checks took."""
        return sum(step.seconds for step in self.steps)

    @property
    def grades(self) -> dict[Grade, int]:
        """How many steps have each grade of evidence."""
        return self.derivation.grades

    def to_text(self) -> str:
        """The derivation for a terminal."""
        return export.to_text(self)

    def to_markdown(self) -> str:
        """The derivation in Markdown, with formulas in LaTeX."""
        return export.to_markdown(self)

    def to_latex(self) -> str:
        """The derivation as a LaTeX document, which needs amsmath alone."""
        return export.to_latex(self)

    def to_dict(self) -> dict[str, Any]:
        """The derivation as plain data for JSON."""
        return export.to_dict(self)

    def _repr_markdown_(self) -> str:
        return self.to_markdown()
