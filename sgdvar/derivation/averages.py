"""Averages in formulas: over batches (an expectation) or over examples, of numbers or of matrices."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.printing.precedence import PRECEDENCE

__all__ = ["Average", "MatrixAverage", "average"]


class _OverIndex:
    """What averages of numbers and of matrices have in common."""

    args: tuple[Any, ...]
    precedence = PRECEDENCE["Mul"]

    @property
    def body(self) -> Any:
        """What is averaged."""
        return self.args[0]

    @property
    def index(self) -> Any:
        """What it is averaged over: the symbol that is printed before the body."""
        return self.args[1]

    @property
    def varying(self) -> tuple[Any, ...]:
        """The symbols whose values depend on the index."""
        return tuple(self.args[2:])

    def _latex(self, printer: Any) -> str:
        body, index = printer.doprint(self.body), printer.doprint(self.index)
        if index.rstrip("}").endswith("E") or index.startswith("E"):
            return rf"{index}\left[{body}\right]"
        return rf"{index} \left({body}\right)" if self.body.is_Add or self.body.is_MatAdd else f"{index} {body}"

    def _sympystr(self, printer: Any) -> str:
        return f"{printer.doprint(self.index)}[{printer.doprint(self.body)}]"


class Average(_OverIndex, sp.Expr):  # type: ignore[misc]
    """The average of a number over the values of an index; see ``average``."""

    is_commutative = True

    def _eval_is_nonnegative(self) -> bool | None:
        return True if self.body.is_nonnegative else None

    def _eval_is_real(self) -> bool | None:
        return True if self.body.is_real else None

    def _eval_derivative(self, symbol: Any) -> Any:
        """The average of the derivative: the average is linear."""
        return sp.S.Zero if symbol in self.varying else Average(self.body.diff(symbol), *self.args[1:])


class MatrixAverage(_OverIndex, sp.MatrixExpr):  # type: ignore[misc]
    """The average of a matrix over the values of an index; see ``average``."""

    @property
    def shape(self) -> tuple[Any, Any]:
        """The shape of what is averaged."""
        shape: tuple[Any, Any] = self.body.shape
        return shape


def average(body: Any, index: sp.Symbol, *varying: Any) -> Any:
    r"""The average of an expression over the values of an index, as an expression.

    An expectation over batches is the average whose index is printed as ``E``; a mean over examples has an index that
    is printed as ``\frac1n \sum_i``. The average is linear, which ``Identity`` uses; ``Enumeration`` takes it over the
    outcomes that a case lists for the index.

    Args:
        body: A number or a matrix, as a SymPy expression.
        index: What the average is over.
        *varying: The symbols in ``body`` whose values depend on the index; all others are constants.

    Raises:
        ValueError: No varying symbol, or one that is no symbol.

    Examples:
        >>> import sympy as sp
        >>> from sgdvar.derivation import average
        >>> E, s, m = sp.symbols("E s m")
        >>> average((s - m) ** 2, E, s)
        E[(-m + s)**2]
    """
    if not varying:
        raise ValueError("varying must name at least one symbol that depends on the index, got none")
    for symbol in varying:
        if not isinstance(symbol, sp.Symbol | sp.MatrixSymbol | sp.Indexed):
            raise ValueError(f"varying must be symbols, got {symbol!r}")
    kind = MatrixAverage if getattr(body, "is_Matrix", False) else Average
    return kind(sp.sympify(body), index, *varying)
