"""Checks of equations for all values of their symbols: identities and inductions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import sympy as sp
from sympy.core.function import AppliedUndef

from sgdvar.derivation.evaluation import evaluated
from sgdvar.derivation.grades import Grade
from sgdvar.derivation.lines import FalseLineError, Line, PutIn, difference
from sgdvar.derivation.normal_form import Rules, normal_form
from sgdvar.derivation.witness import of_what, witness

__all__ = ["Identity", "Induction"]


def _refuse(line: Line, left: Any, right: Any, rest: Any, where: str = "") -> NoReturn:
    """Says that a line is false at a point, or that its sides have not the same normal form.

    Raises:
        FalseLineError: Always.
    """
    text, differs = witness(left, right, rest)
    raise FalseLineError(line, f"{where}{text}", is_refuted=differs)


@dataclass(frozen=True, eq=False)
class Identity:
    r"""Left and right are equal by the rules of algebra, for all values of their symbols where no denominator is 0.

    Numbers: both sides are rational functions of their symbols, and the numerator of the difference is the polynomial
    0.
    Matrices of any size: both sides are the same sum of words in symbols that do not commute. Averages are linear.
    Derivatives and sums with limits that are numbers are taken.

    Attributes:
        given: What earlier lines, or the assumptions, say of symbols: put in before the sides are compared, and shown.
        means: The mean of a varying symbol, for averages.
        symmetric: Matrix symbols that are their own transposes.
        rewrite: A further simplification by SymPy, for example ``sympy.gammasimp`` for binomials.

    Examples:
        >>> import sympy as sp
        >>> from sgdvar.derivation import Identity, Line
        >>> n, b = sp.symbols("n b")
        >>> c = (n - b) / (b * (n - 1))
        >>> Line(c - c.subs(b, b + 1), "=", n / ((n - 1) * b * (b + 1)), Identity()).check()
        ['identity of rational functions in b, n']
    """

    given: Mapping[Any, Any] = field(default_factory=dict)
    means: Mapping[Any, Any] = field(default_factory=dict)
    symmetric: Collection[Any] = ()
    rewrite: Callable[[Any], Any] | None = None

    grade = Grade.IDENTITY

    def put_in(self, line: Line) -> list[PutIn]:
        """What is put in, what is a mean, and what is symmetric."""
        return [
            *(PutIn("=", symbol, value) for symbol, value in self.given.items()),
            *(PutIn("mean", symbol, value) for symbol, value in self.means.items()),
            *(PutIn("=", sp.Transpose(symbol), symbol) for symbol in self.symmetric),
        ]

    def expanded(self, definitions: Mapping[Any, Any]) -> Identity:
        """The check with definitions put into what it puts in."""
        given = {symbol: evaluated(sp.sympify(value), definitions) for symbol, value in self.given.items()}
        means = {symbol: evaluated(sp.sympify(value), definitions) for symbol, value in self.means.items()}
        return replace(self, given=given, means=means)

    def run(self, line: Line) -> str:
        """Checks that the normal form of the difference is 0.

        Raises:
            FalseLineError: It is not, or the line itself is put in and no cases carry it.
            ValueError: The line is no equation.
        """
        if line.relation != "=":
            raise ValueError(f"an identity must be an equation, got the relation {line.relation}")
        if not line.has_cases and (self.given.get(line.left) == line.right or self.given.get(line.right) == line.left):
            raise FalseLineError(line, "given puts in the line itself; add cases from the definition")
        left, right = evaluated(line.left, self.given), evaluated(line.right, self.given)
        rules = Rules(self.means, self.symmetric, self.rewrite)
        rest = normal_form(difference(left, right), rules)
        if rest not in (0, {}):
            _refuse(line, left, right, rest)
        return of_what(left, right)


@dataclass(frozen=True, eq=False)
class Induction:
    r"""The right side is the left side, for every integer value of a variable from a first one on.

    The left side satisfies left(k + 1) = step(left(k), k), by its definition. The check is that the right side does,
    and that it starts with the same value: two identities in symbols. For a sum whose last index is the variable plus a
    number both are read off the sum; its terms may change with the variable by a factor that is free of the index. For
    another sum they are given, and the line needs cases that compare them with it.

    Attributes:
        variable: k.
        base: The first value of k.
        first: The left side at the base; left out for most sums.
        step: What the definition makes of (left(k), k); left out for most sums.
        rewrite: A further simplification by SymPy, for example ``sympy.powsimp``.

    Examples:
        >>> import sympy as sp
        >>> from sgdvar.derivation import Induction, Line
        >>> j, k = sp.symbols("j k", integer=True)
        >>> Line(sp.Sum(2 * j - 1, (j, 1, k)), "=", k**2, Induction(k, base=1)).check()
        ['induction on k from 1: base and step as identities in symbols']
    """

    variable: Any
    base: int = 0
    first: Any = None
    step: Callable[[Any, Any], Any] | None = None
    rewrite: Callable[[Any], Any] | None = None

    grade = Grade.INDUCTION

    def put_in(self, line: Line) -> list[PutIn]:
        """The recursion that the left side satisfies by its definition, where it is not a sum."""
        if self.step is None:
            return []
        k, left = self.variable, line.left
        if left.has(k):
            return [
                PutIn("=", left.xreplace({k: sp.Integer(self.base)}), sp.sympify(self.first)),
                PutIn("=", left.xreplace({k: k + 1}), sp.sympify(self.step(left, k))),
            ]
        return [PutIn("first", left, sp.sympify(self.first)), PutIn("next", left, sp.sympify(self.step(left, k)))]

    def run(self, line: Line) -> str:
        """Checks the base and the step.

        Raises:
            FalseLineError: One of them is false, or the left side is not what the recursion is about.
        """
        k, right, rules = self.variable, line.right, Rules(rewrite=self.rewrite)
        first, step = self._recursion(line)
        for name, one, other in (
            (f"the base {k} = {self.base}", first, right.xreplace({k: sp.Integer(self.base)})),
            (f"the step from {k} to {k} + 1", step(right, k), right.xreplace({k: k + 1})),
        ):
            rest = normal_form(difference(one, other), rules)
            if rest not in (0, {}):
                _refuse(line, one, other, rest, f"{name} fails: ")
        return f"induction on {k} from {self.base}: base and step as identities in symbols"

    def _recursion(self, line: Line) -> tuple[Any, Callable[[Any, Any], Any]]:
        """How the left side starts and goes on.

        Raises:
            FalseLineError: The left side is not what the recursion is about.
            ValueError: Nothing says it.
        """
        if isinstance(line.left, sp.Sum) and self.first is None and self.step is None:
            return self._of_sum(line, line.left)
        if isinstance(line.left, sp.Sum) and not line.has_cases:
            raise FalseLineError(line, "first and step must be left out for a sum, unless cases compare them with it")
        has_place = isinstance(line.left, sp.Sum | sp.Indexed | AppliedUndef) and line.left.has(self.variable)
        if not (has_place or isinstance(line.left, sp.Symbol)):
            raise FalseLineError(line, "the left side must be what the recursion is about: a sum or a single symbol")
        if self.first is None or self.step is None:
            raise ValueError("first and step must say how the left side starts and goes on, got nothing")
        return self.first, self.step

    def _of_sum(self, line: Line, total: Any) -> tuple[Any, Callable[[Any, Any], Any]]:
        """The same for a sum: later terms, and a factor by which all terms change.

        Raises:
            FalseLineError: The sum is not one to the variable plus a number, or starts after the base.
        """
        k = self.variable
        if len(total.limits) != 1 or len(total.limits[0]) != 3:
            raise FalseLineError(line, "the sum must have one index with two limits")
        ((index, lower, last),) = total.limits
        shift = sp.expand(last - k)
        if index == k or not (lower.is_Integer and shift.is_Integer) or self.base + shift < lower - 1:
            raise FalseLineError(line, f"the sum must run from a number to {k} plus a number, also at {self.base}")
        term = total.function
        factor = sp.simplify(sp.powsimp(term.xreplace({k: k + 1}) / term)) if term.has(k) else sp.S.One
        changed = Rules(rewrite=lambda expression: sp.powsimp(sp.expand(expression)))
        if factor.has(index) or normal_form(term.xreplace({k: k + 1}) - factor * term, changed) != 0:
            raise FalseLineError(line, f"terms of the sum must change with {k} by a factor that is free of {index}")
        at_base = term.xreplace({k: sp.Integer(self.base)})
        count = range(int(lower), self.base + int(shift) + 1)
        first = sum((at_base.xreplace({index: sp.Integer(j)}) for j in count), sp.S.Zero)
        new = term.xreplace({k: k + 1}).xreplace({index: k + 1 + shift})
        return first, lambda value, _: factor * value + new
