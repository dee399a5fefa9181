"""One line of a derivation: two expressions, what holds between them, and the checks of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import sympy as sp

from sgdvar.derivation.evaluation import evaluated
from sgdvar.derivation.grades import Grade
from sgdvar.derivation.normal_form import Rules, normal_form
from sgdvar.errors import NotExactError

__all__ = ["RELATIONS", "Check", "FalseLineError", "Line", "PutIn", "difference", "fails"]

RELATIONS = ("=", "<=", ">=", "<", ">")


class PutIn(NamedTuple):
    """What a check takes as known beside the definitions: shown to the reader.

    Attributes:
        kind: "=" or ">=" between the two; "mean": the right is the mean of the left; "first" and "next": it is what the
            left is at the base of an induction, and what it becomes.
        left: A symbol or expression.
        right: A symbol or expression.
    """

    kind: str
    left: Any
    right: Any


class Check(Protocol):
    """What a line rests on."""

    @property
    def grade(self) -> Grade:
        """How far the check reaches."""

    def put_in(self, line: Line) -> list[PutIn]:
        """What is taken as known beside the definitions."""

    def run(self, line: Line) -> str:
        """Checks a line in which all definitions are put in, and says in words what was checked.

        Raises:
            FalseLineError: The line is false.
        """


class FalseLineError(AssertionError):
    """A line of a derivation is false, or its check does not show it.

    Attributes:
        line: The line.
        witness: Where it fails, and how; or why it is not shown.
        is_refuted: Whether it is false, where the witness says.

    Examples:
        >>> import sympy as sp
        >>> from sgdvar.derivation import FalseLineError, Identity, Line
        >>> n = sp.Symbol("n")
        >>> try:
        ...     Line(n * (n - 1), "=", n**2, Identity()).check()
        ... except FalseLineError as error:
        ...     print(error.witness)
        at n = 2 left is 2, right is 4
    """

    def __init__(self, line: Line, witness: str, *, is_refuted: bool = False) -> None:
        super().__init__(f"{line} is {'false' if is_refuted else 'not shown'}: {witness}")
        self.line = line
        self.witness = witness
        self.is_refuted = is_refuted


@dataclass(frozen=True, eq=False)
class Line:
    r"""A statement that two expressions are equal, or that one is at most the other.

    Attributes:
        left: A SymPy expression of numbers or matrices.
        relation: "=", "<=", ">=", "<" or ">".
        right: A SymPy expression.
        by: What is checked.
        also: Further checks, for example an enumeration beside an identity.

    Raises:
        NotExactError: A float.
        TypeError: A side that is no SymPy expression, or a check that is none.
        ValueError: Another relation.

    Examples:
        >>> import sympy as sp
        >>> from sgdvar.derivation import Identity, Line
        >>> n = sp.Symbol("n")
        >>> print(Line((n + 1) ** 2, "=", n**2 + 2 * n + 1, Identity()))
        (n + 1)**2 = n**2 + 2*n + 1
        >>> Line((n + 1) ** 2, "=", n**2 + n + 1, Identity()).check()
        Traceback (most recent call last):
            ...
        sgdvar.derivation.lines.FalseLineError: (n + 1)**2 = n**2 + n + 1 is false: at n = 2 left is 9, right is 7
    """

    left: Any
    relation: str
    right: Any
    by: Check
    also: tuple[Check, ...] = ()

    def __post_init__(self) -> None:
        for name in ("left", "right"):
            try:
                object.__setattr__(self, name, sp.sympify(getattr(self, name), strict=True))
            except sp.SympifyError:
                raise TypeError(f"{name} must be a SymPy expression, got {getattr(self, name)!r}") from None
            if getattr(self, name).atoms(sp.Float):
                raise NotExactError(f"{name} must be exact, got a float in {getattr(self, name)}")
        for name, other in (("left", self.right), ("right", self.left)):
            if getattr(self, name) == 0 and getattr(other, "is_Matrix", False):
                object.__setattr__(self, name, sp.ZeroMatrix(*other.shape))
        if self.relation not in RELATIONS:
            raise ValueError(f"relation must be one of {', '.join(RELATIONS)}, got {self.relation!r}")
        for check in self.checks:
            if not hasattr(check, "run"):
                raise TypeError(f"by must be a check, for example Identity(), got {check!r}")

    def __str__(self) -> str:
        return f"{self.left} {self.relation} {self.right}"

    @property
    def checks(self) -> tuple[Check, ...]:
        """All checks."""
        return (self.by, *self.also)

    @property
    def has_cases(self) -> bool:
        """Whether a list of cases is among the checks."""
        return any(check.grade is Grade.ENUMERATION for check in self.checks)

    def put_in(self) -> list[PutIn]:
        """What the checks take as known beside the definitions."""
        return [one for check in self.checks for one in check.put_in(self)]

    @property
    def grade(self) -> Grade:
        """The grade of the strongest check; that of the cases where the line itself is put in."""
        if self.has_cases and any(one == ("=", self.left, self.right) for one in self.by.put_in(self)):
            return Grade.ENUMERATION
        return min((check.grade for check in self.checks), key=lambda grade: grade.rank)

    def expanded(self, definitions: Mapping[Any, Any]) -> Line:
        """The line with definitions put in, also into what its check puts in."""
        by = self.by.expanded(definitions) if hasattr(self.by, "expanded") else self.by
        left, right = evaluated(self.left, definitions), evaluated(self.right, definitions)
        return replace(self, left=left, right=right, by=by)

    def ordered(self) -> tuple[Any, Any, bool]:
        """The smaller side, the larger side, and whether they must differ.

        Raises:
            ValueError: The line is an equation.
        """
        if self.relation == "=":
            raise ValueError(f"the check must be of an inequality, got {self}")
        small, large = (self.left, self.right) if self.relation.startswith("<") else (self.right, self.left)
        return small, large, "=" not in self.relation

    def check(self) -> list[str]:
        """Runs the checks.

        Returns:
            What each has checked, in words.

        Raises:
            FalseLineError: The line is false.
        """
        return [check.run(self) for check in self.checks]


def difference(left: Any, right: Any) -> Any:
    """Left minus right, for numbers and for matrices."""
    if isinstance(left, sp.MatrixBase) or isinstance(right, sp.MatrixBase):
        return left - right
    return sp.MatAdd(left, -right) if getattr(left, "is_Matrix", False) else left - right


def fails(left: Any, relation: str, right: Any, rules: Rules) -> str | None:
    """How a relation fails between two values, or None where it holds."""
    rest = normal_form(difference(left, right), rules)
    if relation == "=":
        return None if rest in (0, {}) else f"left is {left}, right is {right}"
    sign = sp.sign(rest)
    if sign not in (-1, 0, 1):
        return f"left minus right is {rest}, whose sign is not known"
    allowed = {"<=": (-1, 0), "<": (-1,), ">=": (0, 1), ">": (1,)}[relation]
    return None if sign in allowed else f"left is {left}, right is {right}"
