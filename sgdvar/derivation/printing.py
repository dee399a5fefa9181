"""LaTeX of expressions: what a page shows is made from what is checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import precedence_traditional

__all__ = ["latex_of"]

RELATIONS = {"=": "=", "<=": r"\le", ">=": r"\ge", "<": "<", ">": ">"}


class _Printer(LatexPrinter):  # type: ignore[misc]
    """SymPy's printer, but a sum begins with a positive term, and functions have the names that notations give."""

    def _print_Add(self, expr: Any, order: Any = None) -> str:
        shown = []
        for term in expr.as_ordered_terms():
            is_negative = term.could_extract_minus_sign()
            text = self._print(-term if is_negative else term)
            if (-term if is_negative else term).is_Add:
                text = rf"\left({text}\right)"
            shown.append(f"-{text}" if is_negative else text)
        return _joined(shown)

    def _print_Identity(self, expr: Any, exp: Any = None) -> str:
        return "I"

    def _print_Transpose(self, expr: Any, exp: Any = None) -> str:
        inner = self.parenthesize(expr.arg, precedence_traditional(expr), True)
        return rf"\left({inner}\right)^\top" if "^" in inner and not inner.startswith(r"\left(") else rf"{inner}^\top"

    def _print_AppliedUndef(self, expr: Any, exp: Any = None) -> str:
        """An undefined function under the name that its notation gives it."""
        name = self._settings["symbol_names"].get(expr.func, expr.func.__name__)
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"{name}{power}({', '.join(self._print(argument) for argument in expr.args)})"

    def _print_MatAdd(self, expr: Any) -> str:
        return _joined([self._print(term) for term in expr.args])


def _joined(terms: Sequence[str]) -> str:
    """A sum of terms with their signs; the first positive one begins."""
    first = next((k for k, term in enumerate(terms) if not term.startswith("-")), 0)
    start, *rest = [terms[first], *terms[:first], *terms[first + 1 :]]
    return "".join([start, *(f" - {term[1:].strip()}" if term.startswith("-") else f" + {term}" for term in rest)])


def latex_of(expression: Any, names: Mapping[Any, str]) -> str:
    """The LaTeX of an expression.

    Args:
        expression: A SymPy expression.
        names: The LaTeX of symbols; others print as SymPy prints them.
    """
    printer = _Printer({"symbol_names": dict(names), "mat_symbol_style": "plain", "fold_func_brackets": True})
    return str(printer.doprint(sp.sympify(expression)))
