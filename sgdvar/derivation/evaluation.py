"""The value of an expression where each symbol has a value: numbers, further symbols, or explicit matrices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from operator import add, mul
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from sgdvar.derivation.averages import Average, MatrixAverage

__all__ = ["evaluated", "uniform"]


def uniform(outcomes: Iterable[Mapping[Any, Any]]) -> list[tuple[sp.Rational, Mapping[Any, Any]]]:
    """Equally likely outcomes, as the values of an average's index.

    Args:
        outcomes: For each outcome the values of the varying symbols.

    Examples:
        >>> import sympy as sp
        >>> from sgdvar.derivation import uniform
        >>> uniform([{sp.Symbol("s"): 0}, {sp.Symbol("s"): 4}])
        [(1/2, {s: 0}), (1/2, {s: 4})]
    """
    listed = list(outcomes)
    return [(sp.Rational(1, len(listed)), outcome) for outcome in listed]


def evaluated(expression: Any, values: Mapping[Any, Any]) -> Any:
    """The value of an expression.

    Args:
        expression: A SymPy expression of numbers or matrices.
        values: For symbols, matrix symbols, indexed symbols and whole averages their values; for the base of indexed
            symbols a sequence from index 1 on or a function of the indices; for undefined functions a function; for the
            index of an average its outcomes, pairs of a weight and the values of the varying symbols.

    Examples:
        >>> import sympy as sp
        >>> from sgdvar.derivation import average, evaluated, uniform
        >>> E, s, n, i = sp.symbols("E s n i")
        >>> evaluated(average(s**2, E, s) + n, {E: uniform([{s: 0}, {s: 4}]), n: 1})
        9
        >>> x = sp.IndexedBase("x")
        >>> evaluated(sp.Sum(x[i] ** 2, (i, 1, n)), {n: sp.Integer(3), x: [1, 2, 3]})
        14
    """
    if not isinstance(expression, sp.Basic):
        return expression
    if expression in values:
        return sp.sympify(values[expression])
    for kind, evaluate in _BY_KIND:
        if isinstance(expression, kind):
            return evaluate(expression, values)
    if not expression.args or isinstance(expression, sp.MatrixSymbol):
        return expression
    return expression.func(*[evaluated(argument, values) for argument in expression.args])


def _average(expression: Any, values: Mapping[Any, Any]) -> Any:
    """The sum over the outcomes of the index; or the average of the body, where symbols that vary must go on to vary.

    Raises:
        ValueError: A varying symbol without a value, with a constant value, or weights that are no probabilities.
    """
    present = [symbol for symbol in expression.varying if expression.body.has(symbol)]
    if expression.index not in values:
        fixed = [s for s in present if s in values and not sp.sympify(values[s]).has(*expression.varying)]
        if fixed:
            raise ValueError(f"{fixed[0]} must vary in {expression}, got the value {values[fixed[0]]} for it")
        return expression.func(evaluated(expression.body, values), *expression.args[1:])
    outcomes = [(sp.sympify(weight), outcome) for weight, outcome in values[expression.index]]
    weights = [weight for weight, _ in outcomes]
    if sp.cancel(sum(weights)) != 1 or any(weight.is_negative for weight in weights):
        raise ValueError(f"the weights of {expression.index} must be probabilities that sum to 1, got {weights}")
    total = sp.S.Zero if isinstance(expression, Average) else None
    for weight, outcome in outcomes:
        value = evaluated(expression.body, {**values, **outcome})
        left = [symbol for symbol in present if symbol not in outcome and sp.sympify(value).has(symbol)]
        if left:
            raise ValueError(f"each outcome of {expression.index} must give a value to {left[0]}, got none")
        total = weight * value if total is None else total + weight * value
    return total


def _series(expression: Any, values: Mapping[Any, Any]) -> Any:
    """A sum or product whose limits become numbers is written out; another one stays."""
    combine, neutral = (add, sp.S.Zero) if isinstance(expression, sp.Sum) else (mul, sp.S.One)
    index, *limits = expression.limits[-1]
    first, last = (evaluated(limit, values) for limit in limits)
    inner_limits = expression.limits[:-1]
    body = expression.func(expression.function, *inner_limits) if inner_limits else expression.function
    if not (sp.sympify(first).is_Integer and sp.sympify(last).is_Integer):
        inner = {symbol: value for symbol, value in values.items() if symbol != index}
        return expression.func(evaluated(body, inner), (index, first, last))
    terms = [evaluated(body, _at(values, index, k)) for k in range(int(first), int(last) + 1)]
    return reduce(combine, terms) if terms else neutral


def _at(values: Mapping[Any, Any], index: Any, k: int) -> dict[Any, Any]:
    """The values where an index is a number; what is defined for every index is so for this one."""
    number = sp.Integer(k)
    own = {
        symbol.xreplace({index: number}): sp.sympify(value).xreplace({index: number})
        for symbol, value in values.items()
        if isinstance(symbol, sp.Indexed) and symbol.has(index)
    }
    kept = {
        symbol: value for symbol, value in values.items() if not (isinstance(symbol, sp.Basic) and symbol.has(index))
    }
    return {**kept, **own, index: number}


def _indexed(expression: Any, values: Mapping[Any, Any]) -> Any:
    """The member of a family, whose indices count from 1.

    Raises:
        ValueError: An index that is no integer, or out of range.
    """
    indices = [evaluated(index, values) for index in expression.indices]
    found = values.get(expression.base, values.get(expression.base.label))
    if found is None:
        renamed = expression.func(expression.base, *indices)
        return values.get(renamed, renamed)
    for index in indices:
        if not sp.sympify(index).is_Integer:
            raise ValueError(f"indices of {expression.base} must be integers, got {index} in {expression}")
    if callable(found):
        return found(*(int(index) for index in indices))
    for index in indices:
        if not 1 <= index <= len(found):
            raise ValueError(f"indices of {expression.base} must lie in 1, ..., {len(found)}, got {index}")
        found = found[int(index) - 1]
    return found


def _function(expression: Any, values: Mapping[Any, Any]) -> Any:
    arguments = [evaluated(argument, values) for argument in expression.args]
    known: Callable[..., Any] = values.get(expression.func, expression.func)
    return known(*arguments)


def _derivative(expression: Any, values: Mapping[Any, Any]) -> Any:
    """The derivative is taken when all but its own variables have their values; these get theirs after it."""
    variables = {variable for variable, _ in expression.variable_count}
    variables |= {
        part for symbol in variables if isinstance(symbol, sp.Indexed) for part in (symbol.base, symbol.base.label)
    }
    outer = {symbol: value for symbol, value in values.items() if symbol not in variables}
    taken = expression.func(evaluated(expression.expr, outer), *expression.variable_count).doit()
    if isinstance(taken, sp.Derivative):
        return taken
    return evaluated(taken, {symbol: value for symbol, value in values.items() if symbol in variables})


def _matrix(combine: Callable[[Any, Any], Any]) -> Callable[[Any, Mapping[Any, Any]], Any]:
    def evaluate(expression: Any, values: Mapping[Any, Any]) -> Any:
        return reduce(combine, [evaluated(argument, values) for argument in expression.args])

    return evaluate


def _transpose(expression: Any, values: Mapping[Any, Any]) -> Any:
    return evaluated(expression.args[0], values).T


def _trace(expression: Any, values: Mapping[Any, Any]) -> Any:
    inner = evaluated(expression.args[0], values)
    return inner.trace() if isinstance(inner, sp.MatrixBase) else sp.Trace(inner)


def _power(expression: Any, values: Mapping[Any, Any]) -> Any:
    base, exponent = (evaluated(argument, values) for argument in expression.args)
    return base**exponent


def _identity(expression: Any, values: Mapping[Any, Any]) -> Any:
    size = sp.sympify(evaluated(expression.args[0], values))
    return sp.ImmutableMatrix(sp.eye(int(size))) if size.is_Integer else sp.Identity(size)


def _entry(expression: Any, values: Mapping[Any, Any]) -> Any:
    matrix, *place = (evaluated(argument, values) for argument in expression.args)
    return matrix[tuple(place)]


_BY_KIND: tuple[tuple[Any, Callable[[Any, Mapping[Any, Any]], Any]], ...] = (
    ((Average, MatrixAverage), _average),
    ((sp.Sum, sp.Product), _series),
    (sp.Indexed, _indexed),
    (AppliedUndef, _function),
    (sp.Derivative, _derivative),
    (sp.MatAdd, _matrix(add)),
    (sp.MatMul, _matrix(mul)),
    (sp.Transpose, _transpose),
    (sp.Trace, _trace),
    (sp.MatPow, _power),
    (sp.Identity, _identity),
    (sp.matrices.expressions.matexpr.MatrixElement, _entry),
)
