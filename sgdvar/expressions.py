"""SymPy expressions and FLINT polynomials: the one place where one becomes the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flint import Ordering, fmpq, fmpq_mpoly_ctx

__all__ = ["Expressions"]


@dataclass(frozen=True)
class Expressions:
    """Polynomials with rational coefficients in SymPy symbols.

    Attributes:
        symbols: The symbols, in the order of the generators of FLINT's polynomials.
    """

    symbols: tuple[Any, ...]
    context: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = tuple(f"x{index}" for index in range(len(self.symbols)))  # users' names may clash, these cannot
        object.__setattr__(self, "context", fmpq_mpoly_ctx.get(names, Ordering.deglex))

    @classmethod
    def of(cls, arrays: Iterable[Any]) -> Expressions:
        """Polynomials in all symbols that occur in arrays or single numbers, sorted by name."""
        entries = [entry for array in arrays for entry in np.asarray(array, dtype=object).ravel().tolist()]
        symbols = set().union(*(getattr(entry, "free_symbols", set()) for entry in entries))
        return cls(tuple(sorted(symbols, key=_name_and_assumptions)))

    def polynomial(self, value: Any) -> Any:
        """The FLINT polynomial of a number or a SymPy polynomial in the symbols."""
        if hasattr(value, "as_integer_ratio"):
            return self.context.constant(fmpq(*value.as_integer_ratio()))
        generators = dict(zip(self.symbols, self.context.gens(), strict=True))

        def convert(expression: Any) -> Any:
            if expression.is_Symbol:
                return generators[expression]
            if expression.is_Rational:
                return self.context.constant(fmpq(int(expression.p), int(expression.q)))
            if expression.is_Pow:
                return convert(expression.base) ** int(expression.exp)
            if not (expression.is_Add or expression.is_Mul):
                raise TypeError(f"expressions must be polynomials in {self.symbols}, got {expression}")
            first, *others = map(convert, expression.args)
            for other in others:
                first = first + other if expression.is_Add else first * other
            return first

        return convert(value)

    def expanded(self, polynomial: Any) -> Any:
        """The SymPy expression of a FLINT polynomial, as a sum of monomials."""
        from sympy import Add, Mul, Pow, Rational

        terms = zip(polynomial.monoms(), polynomial.coeffs(), strict=True)
        return Add(*(Mul(Rational(int(a.p), int(a.q)), *map(Pow, self.symbols, powers)) for powers, a in terms))

    def factored(self, polynomial: Any) -> Any:
        """The SymPy expression of a FLINT polynomial, as a number times powers of irreducible factors."""
        from sympy import Mul, Pow, Rational

        if polynomial == 0:
            return Rational(0)
        content, factors = polynomial.factor()
        scale = Rational(int(content.p), int(content.q))
        return Mul(scale, *(Pow(self.expanded(factor), power) for factor, power in factors), evaluate=True)


def _name_and_assumptions(symbol: Any) -> tuple[str, str]:
    """A key that tells any two symbols apart, the same in every process."""
    return str(symbol), str(sorted(symbol.assumptions0.items()))
