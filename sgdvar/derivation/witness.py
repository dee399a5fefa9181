"""What a check says: which symbols it covers, and where a line fails."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy as sp

from sgdvar.derivation.averages import Average, MatrixAverage

__all__ = ["listed", "of_what", "short", "variables", "witness"]


_NUMBER = sp.Dummy()  # stands for a number that has no parts


def of_what(left: Any, right: Any) -> str:
    """What an identity of two expressions is about."""
    symbols = listed(variables(left) | variables(right))
    if getattr(left, "is_Matrix", False) and not isinstance(left, sp.MatrixBase):
        return f"identity of matrices of every size in {symbols}"
    if not symbols:
        return "identity of numbers"
    if any(side.has(sp.Trace) for side in (left, right)):
        return f"identity of traces of matrices of every size in {symbols}"
    sides = [entry for side in (left, right) for entry in (side if isinstance(side, sp.MatrixBase) else [side])]
    sides = [side.replace(lambda part: isinstance(part, Average | sp.Indexed), lambda _: _NUMBER) for side in sides]
    if all(side.is_polynomial() for side in sides):
        return f"identity of polynomials in {symbols}"
    kind = "rational functions" if all(side.is_rational_function() for side in sides) else "expressions"
    return f"identity of {kind} in {symbols}"


def variables(expression: Any) -> set[Any]:
    """The free symbols, without the indices of averages and the names of families of numbers."""
    hidden = {part.index for part in expression.atoms(Average, MatrixAverage)}
    hidden |= {part.base.label for part in expression.atoms(sp.Indexed)}
    return set(expression.free_symbols) - hidden


def listed(symbols: Iterable[Any]) -> str:
    """Symbols in the order of the alphabet."""
    return ", ".join(sorted(map(str, symbols)))


def witness(left: Any, right: Any, rest: Any) -> tuple[str, bool]:
    """What is left over or, for numbers, a point at which the sides differ; and whether they are known to differ."""
    if isinstance(rest, dict):
        words = " ".join(f"{value}*{'.'.join(atom.key() for atom in word)}" for word, value in rest.items())
        return f"left minus right is {short(words)}", False
    is_plain = not any(sp.sympify(side).has(sp.MatrixExpr, sp.Derivative) for side in (left, right))
    symbols = sorted(getattr(rest, "free_symbols", ()), key=str) if is_plain else []
    for shift in range(2, 9):
        point = {symbol: sp.Integer(shift + 2 * k) for k, symbol in enumerate(symbols)}
        if symbols and sp.sympify(rest.xreplace(point)).is_finite and rest.xreplace(point) != 0:
            values = [sp.cancel(sp.sympify(side).doit().xreplace(point)) for side in (left, right)]
            if values[0] == values[1] or any(value.free_symbols for value in values):
                continue
            where = listed(f"{s} = {v}" for s, v in point.items())
            return f"at {where} left is {values[0]}, right is {values[1]}", True
    return f"left minus right is {short(str(rest))}", isinstance(rest, sp.Basic) and bool(rest.is_number)


def short(text: str, most: int = 200) -> str:
    """A text, cut where it is longer than a reader wants."""
    return text if len(text) <= most else f"{text[:most]}..."
