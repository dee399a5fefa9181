"""Checks of inequalities for all values of their symbols: by the signs of coefficients, and by sums of squares."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp

from sgdvar.derivation.averages import Average
from sgdvar.derivation.evaluation import evaluated
from sgdvar.derivation.grades import Grade
from sgdvar.derivation.lines import FalseLineError, Line, PutIn, difference
from sgdvar.derivation.normal_form import Rules, normal_form
from sgdvar.derivation.witness import listed, short, variables, witness

__all__ = ["Signs", "SumOfSquares"]


@dataclass(frozen=True, eq=False)
class Signs:
    r"""An inequality holds because no coefficient of the difference is negative, in variables that are not negative.

    The difference of the sides is a quotient of two polynomials in the variables, neither of which has a negative
    coefficient, and whose denominator has a term that is positive; for a strict inequality the numerator has one, too.
    The average of what is not negative is not negative.

    Attributes:
        nonnegative: For each symbol that has a bound, what stands for it in variables that are not negative: for
            example ``{b: 1 + v}`` for b >= 1. All symbols that remain must be declared non-negative or positive where
            they are made: ``sympy.Symbol("v", nonnegative=True)``.
        given: What earlier lines, or the assumptions, say of symbols: put in first.
        means: The mean of a varying symbol, for averages.

    Examples:
        >>> import sympy as sp
        >>> from sgdvar.derivation import Line, Signs, average
        >>> b, v = sp.Symbol("b"), sp.Symbol("v", nonnegative=True)
        >>> Line(1 / b, ">", 1 / (b + 1), Signs({b: 1 + v})).check()
        ['no coefficient of the difference is negative in v >= 0']

        Jensen's inequality, for a function that lies a gap above its supporting line at m:

        >>> E, f, s, x, m, a = sp.symbols("E f s x m a")
        >>> gap = sp.Symbol("gap", nonnegative=True)
        >>> above = Signs(given={f: s + a * (x - m) + gap}, means={x: m})
        >>> Line(average(s + a * (x - m) + gap, E, x, gap), ">=", s, above).check()
        ['no coefficient of the difference is negative in E[gap] >= 0']
    """

    nonnegative: Mapping[Any, Any] = field(default_factory=dict)
    given: Mapping[Any, Any] = field(default_factory=dict)
    means: Mapping[Any, Any] = field(default_factory=dict)

    grade = Grade.INEQUALITY

    def put_in(self, line: Line) -> list[PutIn]:
        """What is put in: what is known, means, and bounds."""
        return [
            *(PutIn("=", symbol, value) for symbol, value in self.given.items()),
            *(PutIn("mean", symbol, value) for symbol, value in self.means.items()),
            *(PutIn("=", symbol, value) for symbol, value in self.nonnegative.items()),
        ]

    def expanded(self, definitions: Mapping[Any, Any]) -> Signs:
        """The check with definitions put into what it puts in."""
        put_in = {
            name: {symbol: evaluated(sp.sympify(value), definitions) for symbol, value in getattr(self, name).items()}
            for name in ("nonnegative", "given", "means")
        }
        return replace(self, **put_in)

    def run(self, line: Line) -> str:
        """Checks the signs of all coefficients.

        Raises:
            FalseLineError: One is negative, or the difference is no quotient of polynomials.
            ValueError: The line is an equation, or a symbol or an average may be negative.
        """
        small, large, is_strict = line.ordered()
        gap = evaluated(evaluated(difference(large, small), self.given), self.nonnegative)
        gap = normal_form(gap, Rules(means=self.means))
        averages = {part: sp.Symbol(str(part), nonnegative=True) for part in gap.atoms(Average)}
        for part in averages:
            if not part.body.is_nonnegative:
                raise ValueError(f"averages must be of what is not negative, got {part} in {line}")
        above, below = sp.fraction(sp.cancel(gap.xreplace(averages)))
        symbols = [*_signed(above / below, line), sp.Dummy()]
        try:
            parts = [sp.Poly(part, *symbols) for part in (above, below)]
        except sp.PolynomialError:
            raise FalseLineError(line, f"the difference is no quotient of polynomials: {short(str(gap))}") from None
        if not any(all((sign * value).is_nonnegative for part in parts for value in part.coeffs()) for sign in (1, -1)):
            raise FalseLineError(line, f"coefficients of the difference have both signs: {short(str(gap))}")
        if not _has_positive_term(parts[1], symbols):
            raise FalseLineError(line, f"the denominator of the difference may be 0: {short(str(gap))}")
        if is_strict and not _has_positive_term(parts[0], symbols):
            raise FalseLineError(line, f"the difference may be 0: {short(str(gap))}")
        return f"no coefficient of the difference is negative in {listed(symbols[:-1])} >= 0"


@dataclass(frozen=True, eq=False)
class SumOfSquares:
    """An inequality of real numbers: the difference is a sum of squares with weights that are not negative.

    Attributes:
        terms: Pairs of a weight and what is squared.
        nonnegative: Symbols, and averages of squares, that appear in weights and are not negative.

    Examples:
        >>> import sympy as sp
        >>> from sgdvar.derivation import Line, SumOfSquares
        >>> x, y = sp.symbols("x y")
        >>> Line(x**2 + y**2, ">=", 2 * x * y, SumOfSquares([(1, x - y)])).check()
        ['the difference is a sum of 1 square, in symbols']
    """

    terms: Sequence[tuple[Any, Any]]
    nonnegative: Collection[Any] = ()

    grade = Grade.INEQUALITY

    def put_in(self, line: Line) -> list[PutIn]:
        """What is not negative."""
        return [PutIn(">=", symbol, sp.S.Zero) for symbol in self.nonnegative]

    def run(self, line: Line) -> str:
        """Checks that the difference is the sum, that roots are real and that no weight is negative.

        Raises:
            FalseLineError: One of these fails.
            ValueError: The line is an equation, or a strict inequality.
        """
        small, large, is_strict = line.ordered()
        if is_strict:
            raise ValueError(f"a sum of squares must be for <= or >=, got the relation {line.relation}")
        for weight, root in self.terms:
            coefficients = sp.Poly(weight, *self.nonnegative).coeffs() if self.nonnegative else [sp.sympify(weight)]
            if not all(value.is_nonnegative for value in coefficients):
                raise FalseLineError(line, f"the weight {weight} may be negative")
            if not _is_real(sp.sympify(root)):
                raise FalseLineError(line, f"what is squared must be real, got {root}")
        gap, total = difference(large, small), sum(weight * root**2 for weight, root in self.terms)
        rest = normal_form(gap - total, Rules())
        if rest != 0:
            raise FalseLineError(line, f"the difference is not the sum of squares: {witness(gap, total, rest)[0]}")
        return f"the difference is a sum of {len(self.terms)} square{'s' * (len(self.terms) != 1)}, in symbols"


def _signed(gap: Any, line: Line) -> list[Any]:
    """The variables of a difference, none of which is negative.

    Raises:
        ValueError: One may be.
    """
    found = sorted(variables(gap), key=str)
    unsigned = [symbol for symbol in found if not symbol.is_nonnegative]
    if unsigned:
        raise ValueError(f"symbols must be declared non-negative, got {listed(unsigned)} in {line}")
    return found


def _has_positive_term(polynomial: Any, symbols: Sequence[Any]) -> bool:
    """Whether one term is positive for all values of the variables."""
    return not polynomial.is_zero and any(
        all(symbol.is_positive for power, symbol in zip(powers, symbols, strict=True) if power)
        for powers in polynomial.monoms()
    )


def _is_real(root: Any) -> bool:
    """Whether an expression is real where its symbols are."""
    real = {symbol: sp.Dummy(real=True) for symbol in root.free_symbols if symbol.is_real is None}
    return root.xreplace(real).is_real is True
