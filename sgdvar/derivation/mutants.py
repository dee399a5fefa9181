"""Small errors in steps, of the kinds that people make: the checks of a derivation should notice every one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import sympy as sp

from sgdvar.derivation.averages import Average, MatrixAverage
from sgdvar.derivation.evaluation import evaluated
from sgdvar.derivation.grades import Grade
from sgdvar.derivation.identities import Identity
from sgdvar.derivation.lines import Line, difference
from sgdvar.derivation.normal_form import Rules, normal_form
from sgdvar.derivation.step import Step

__all__ = ["Mutant", "mutants"]

_REVERSED = {"<=": ">=", ">=": "<=", "<": ">", ">": "<"}


@dataclass(frozen=True, eq=False)
class Mutant:
    """Steps with one error in them.

    Attributes:
        steps: The step; or all steps that share a definition, with the error in it.
        error: The error, in words, after the name of the first step that has it.

    Examples:
        >>> import sympy as sp
        >>> from sgdvar.derivation import Identity, Line, Step, mutants
        >>> n = sp.Symbol("n")
        >>> step = Step("product", "Multiply out.", [Line(n * (n - 1), "=", n**2 - n, Identity())])
        >>> first = next(mutants([step]))
        >>> print(first.error, first.is_caught())
        product, line 1, left: twice True
    """

    steps: tuple[Step, ...]
    error: str

    def is_caught(self) -> bool:
        """Whether the checks notice the error."""
        try:
            for step in self.steps:
                step.check()
        except Exception:  # a false step, or one that makes no sense: either stops the check of a derivation
            return True
        return False


def mutants(steps: Sequence[Step]) -> Iterator[Mutant]:
    r"""All small errors in steps: in a side of an equation, in a definition, or in the direction of an inequality.

    The sign of a term, a factor 2, n - 1 for a symbol n, an exponent that is larger by one, matrices in the other
    order, a transpose that is missing; and an inequality that is reversed. An error that changes nothing, such as
    another order of commuting factors, is none. Lines that are cited are left out.

    Args:
        steps: Of one derivation: a definition that several of them share is broken in all of them at once.

    Yields:
        The steps that each error is in.

    Examples:
        >>> import sympy as sp
        >>> from sgdvar.derivation import Identity, Line, Step, mutants
        >>> n = sp.Symbol("n")
        >>> step = Step("square", "Multiply out.", [Line((n + 1) ** 2, "=", n**2 + 2 * n + 1, Identity())])
        >>> found = list(mutants([step]))
        >>> print(len(found), all(mutant.is_caught() for mutant in found), found[0].error)
        13 True square, line 1, left: twice
    """
    for step in steps:
        for number, line in enumerate(step.lines):
            for error, changed in _broken(line, step):
                lines = [*step.lines[:number], changed, *step.lines[number + 1 :]]
                yield Mutant((replace(step, lines=lines),), f"{step.name}, line {number + 1}{error}")
    for definition in dict.fromkeys(definition for step in steps for definition in step.definitions):
        symbol, expression = definition
        sharing = [step for step in steps if definition in step.definitions]
        for error, changed in _errors(expression):
            if not _is_same(expression, changed, Rules()):
                broken = tuple(_redefined(step, definition, (symbol, changed)) for step in sharing)
                yield Mutant(broken, f"{sharing[0].name}, definition of {symbol}: {error}")


def _redefined(step: Step, old: tuple[Any, Any], new: tuple[Any, Any]) -> Step:
    return replace(step, definitions=[new if definition == old else definition for definition in step.definitions])


def _broken(line: Line, step: Step) -> Iterator[tuple[str, Line]]:
    """The line with each small error."""
    if line.grade is Grade.CITED:
        return
    if line.relation != "=":
        yield ": reversed", replace(line, relation=_REVERSED[line.relation])
        return
    identity = next((check for check in line.checks if isinstance(check, Identity)), Identity())
    rules = Rules(identity.means, identity.symmetric, identity.rewrite)
    known = step.known()
    for name in ("left", "right"):
        side = getattr(line, name)
        for error, changed in _errors(side):
            before, after = (evaluated(evaluated(version, known), identity.given) for version in (side, changed))
            if not _is_same(before, after, rules):
                yield f", {name}: {error}", replace(line, **{name: changed})


def _is_same(expression: Any, changed: Any, rules: Rules) -> bool:
    """Whether the change is none, by the rules of algebra."""
    try:
        return normal_form(difference(expression, changed), rules) in (0, {})
    except Exception:  # SymPy has no normal form for it
        return bool(expression == changed)


def _errors(expression: Any) -> Iterator[tuple[str, Any]]:
    """The expression with each small error, and what the error is."""
    yield "twice", 2 * expression
    yield "the sign", -expression
    for symbol in sorted(_numbers(expression), key=str):
        yield f"{symbol} - 1 for {symbol}", expression.xreplace({symbol: symbol - 1})
    yield from _inner_errors(expression)


def _numbers(expression: Any) -> set[Any]:
    """The symbols that are numbers and can be changed everywhere at once."""
    families = {indexed.base.label for indexed in expression.atoms(sp.Indexed)}
    differentiated = {variable for part in expression.atoms(sp.Derivative) for variable in part.variables}
    indices = {one for part in expression.atoms(Average, MatrixAverage) for one in (part.index, *part.varying)}
    sizes = {size for part in expression.atoms(sp.Identity, sp.ZeroMatrix) for size in part.free_symbols}
    return {
        symbol
        for symbol in expression.free_symbols - differentiated - indices - sizes
        if isinstance(symbol, sp.Symbol) and symbol.is_commutative and symbol not in families
    }


def _inner_errors(expression: Any) -> Iterator[tuple[str, Any]]:
    """The errors at one place of an expression, or at a place inside."""
    if not expression.args or isinstance(expression, sp.MatrixSymbol | sp.MatrixBase | sp.Tuple):
        return
    if isinstance(expression, sp.Add | sp.MatAdd):
        for k, term in enumerate(expression.args):
            args = [*expression.args]
            args[k] = -term
            yield f"the sign of {term}", expression.func(*args).doit(deep=False)
    if isinstance(expression, sp.Pow) and expression.exp.is_Integer and expression.exp > 1:
        yield f"the exponent of {expression}", expression.base ** (expression.exp + 1)
    if isinstance(expression, sp.Pow) and expression.base == -1:
        return  # the exponent has any sign
    if isinstance(expression, sp.MatMul):
        matrices = [k for k, factor in enumerate(expression.args) if factor.is_Matrix]
        for i, j in pairwise(matrices):
            args = [*expression.args]
            args[i], args[j] = args[j], args[i]
            if args[i].shape == args[j].shape:
                yield f"the order of {expression.args[i]} and {expression.args[j]}", sp.MatMul(*args)
    if isinstance(expression, sp.Transpose) and expression.shape[0] == expression.shape[1]:
        yield f"{expression} without its transpose", expression.args[0]
    for k, argument in enumerate(expression.args):
        for error, changed in _inner_errors(argument):
            args = [*expression.args]
            args[k] = changed
            yield error, expression.func(*args)
