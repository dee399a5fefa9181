"""Checks of a line in a list of cases, and lines that are only cited."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from sgdvar.derivation.evaluation import evaluated
from sgdvar.derivation.grades import Grade
from sgdvar.derivation.lines import FalseLineError, Line, PutIn, fails
from sgdvar.derivation.normal_form import Rules
from sgdvar.derivation.witness import short

__all__ = ["Cited", "Enumeration"]


@dataclass(frozen=True, eq=False)
class Enumeration:
    r"""A line holds in each of a list of cases, in which every symbol has the value that its definition gives it.

    Attributes:
        over: What the cases are, in words: "n = 2, 3, 4 and every b".
        cases: Makes the cases: each gives the values of the symbols, by name of the symbol (see ``evaluated``). Values
            may be symbols again: then the case covers all their values.
        rewrite: A further simplification by SymPy.

    Examples:
        >>> import sympy as sp
        >>> from sgdvar.derivation import Enumeration, Line
        >>> n, total = sp.symbols("n total")
        >>> cases = lambda: ({n: sp.Integer(k), total: sum(range(k + 1))} for k in range(1, 9))
        >>> Line(total, "=", n * (n + 1) / 2, Enumeration("n = 1, ..., 8", cases)).check()
        ['n = 1, ..., 8 (8 cases)']
    """

    over: str
    cases: Callable[[], Iterable[Mapping[Any, Any]]]
    rewrite: Callable[[Any], Any] | None = None

    grade = Grade.ENUMERATION

    def put_in(self, line: Line) -> list[PutIn]:
        """Nothing but the values of each case."""
        return []

    def run(self, line: Line) -> str:
        """Checks every case.

        Raises:
            FalseLineError: The line fails in one.
            ValueError: There is no case, or a value is a float.
        """
        count = 0
        for case in self.cases():
            count += 1
            if _has_float(case):
                raise ValueError(f"cases must give exact values, got a float in the case {_case(case)}")
            left, right = evaluated(line.left, case), evaluated(line.right, case)
            failure = fails(left, line.relation, right, Rules(rewrite=self.rewrite))
            if failure is not None:
                raise FalseLineError(line, f"in the case {_case(case)}: {short(failure, 300)}", is_refuted=True)
        if not count:
            raise ValueError(f"cases must give at least one case, got none for {self.over}")
        return f"{self.over} ({count} case{'s' * (count != 1)})"


@dataclass(frozen=True, eq=False)
class Cited:
    """Nothing is checked here: the line is known.

    Attributes:
        source: Where a reader finds it.

    Examples:
        >>> import sympy as sp
        >>> from sgdvar.derivation import Cited, Line
        >>> x = sp.Symbol("x", real=True)
        >>> Line(1 + x, "<=", sp.exp(x), Cited("the exponential function lies above its tangent at 0")).check()
        ['the exponential function lies above its tangent at 0']
    """

    source: str

    grade = Grade.CITED

    def put_in(self, line: Line) -> list[PutIn]:
        """Nothing."""
        return []

    def run(self, line: Line) -> str:
        """Checks nothing."""
        return self.source


def _has_float(value: Any) -> bool:
    """Whether a value, or one inside it, is a float or a truth value, neither of which is exact."""
    if isinstance(value, float | bool | np.floating | np.bool_ | sp.Float):
        return True
    if isinstance(value, Mapping):
        return any(map(_has_float, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_float, value))
    return isinstance(value, sp.Basic | sp.MatrixBase) and bool(value.atoms(sp.Float))


def _case(case: Mapping[Any, Any]) -> str:
    shown = [f"{key} = {value}" for key, value in case.items() if not isinstance(value, list) and not callable(value)]
    return short(", ".join(shown))
