"""BatchPolynomial: a polynomial in the variance factor c(b), hence in 1/b, that knows for which b it holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
from flint import fmpq, fmpq_poly

from sgdvar.expressions import Expressions
from sgdvar.sampling import BatchDesign
from sgdvar.scalars import Kind, Scalar, join_kinds, parse_scalar

__all__ = ["BatchPolynomial", "polynomial_in_normal_form"]

_LONGEST_FRACTION = 24  # characters; a longer coefficient is printed as a decimal


@dataclass(frozen=True, repr=False)
class BatchPolynomial:
    r"""A polynomial in 1/b, stored in powers of the variance factor c(b).

    .. math:: V(b) = \sum_k a_k\, c(b)^k = \sum_k v_k\, b^{-k}

    with :math:`c(b) = 1/b` for independent draws and :math:`(n-b)/(b(n-1))` without replacement. Stored in powers of
    c(b), variances have non-negative coefficients, so that nothing cancels in floats near b = n.

    Two polynomials are equal if they have the same design and the same coefficients. ``+``, ``-`` and ``*`` combine
    polynomials of one design, and polynomials with numbers.

    Attributes:
        design: How batches are drawn, which fixes c(b) and the valid b.
        c_coefficients: :math:`a_0, a_1, \dots`: Fractions (also where a symbolic problem leads to numbers
            only), SymPy expressions in factored normal form (a number times powers of irreducible polynomials; SymPy
            itself multiplies out a number times one sum), or floats; no trailing zeros.

    Raises:
        TypeError: ``design`` is no BatchDesign, or a coefficient no number.
        ValueError: No coefficients.
        NotExactError: Coefficients mix floats with Fractions or symbols.

    Examples:
        >>> import sgdvar as sv
        >>> V = sv.BatchPolynomial(sv.BatchDesign(sv.WithReplacement(), 4), (0, 3, 1))
        >>> V(2), V.degree, V.coefficients
        (Fraction(7, 4), 2, (Fraction(0, 1), Fraction(3, 1), Fraction(1, 1)))
    """

    design: BatchDesign
    c_coefficients: tuple[Scalar, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.design, BatchDesign):
            raise TypeError(f"design must be a BatchDesign, got {type(self.design).__name__}")
        parsed = [parse_scalar(value, "c_coefficients") for value in self.c_coefficients]
        if not parsed:
            raise ValueError("c_coefficients must not be empty; the zero polynomial is (0,)")
        kind = join_kinds((entry_kind for _, entry_kind in parsed), "c_coefficients")
        coefficients = _trimmed(_as_kind([value for value, _ in parsed], kind))
        if not any(self.design.factor_line):  # n = 1: c(1) = 0, and b = 1 is all there is
            coefficients = coefficients[:1]
        object.__setattr__(self, "c_coefficients", coefficients)

    @property
    def _kind(self) -> Kind:
        first = self.c_coefficients[0]
        return "float" if isinstance(first, float) else "rational" if isinstance(first, Fraction) else "symbolic"

    @property
    def is_exact(self) -> bool:
        """True for rational and symbolic coefficients, False for floats."""
        return self._kind != "float"

    @property
    def is_symbolic(self) -> bool:
        """Whether a coefficient contains a symbol."""
        return self._kind == "symbolic"

    @property
    def is_zero(self) -> bool:
        """Whether every coefficient is 0."""
        return len(self.c_coefficients) == 1 and self.c_coefficients[0] == 0

    @property
    def degree(self) -> int:
        """The degree in 1/b, which is the degree in c(b); 0 for constants, zero included."""
        return len(self.c_coefficients) - 1

    @property
    def coefficients(self) -> tuple[Scalar, ...]:
        """The coefficients in powers of 1/b; ``coefficients[k]`` multiplies ``b**-k``.

        In floats without replacement these alternate in sign and cancel near b = n; ``c_coefficients`` do not.
        """
        return _trimmed(_composed(self.c_coefficients, self._kind, *self.design.factor_line))

    def __call__(self, batch_size: Any) -> Any:
        """The value at one batch size, or an array of values at an array of batch sizes.

        Args:
            batch_size: An integer that the design allows, or an array-like of them.

        Returns:
            A Fraction, an expanded SymPy expression or a float; an array of them for an array.

        Raises:
            TypeError: Not an integer, or a bool.
            ValueError: Outside the design's range.
        """
        if np.ndim(batch_size) == 0:
            return self._at_factor(self.design.variance_factor(batch_size))
        values = [self(b) for b in np.array(batch_size, dtype=object).ravel().tolist()]
        result = np.empty(len(values), dtype=object if self.is_exact else np.float64)
        result[:] = values
        return result.reshape(np.shape(batch_size))

    def _at_factor(self, c: Fraction) -> Any:
        if self._kind == "float":
            return float(np.polynomial.polynomial.polyval(float(c), self.c_coefficients))
        if self._kind == "rational":
            return _fraction(fmpq_poly([_fmpq(a) for a in self.c_coefficients])(_fmpq(c)))
        expressions = Expressions.of(self.c_coefficients)
        addends = (expressions.polynomial(a) * _fmpq(c**k) for k, a in enumerate(self.c_coefficients))
        return expressions.expanded(sum(addends, expressions.context.constant(0)))

    def as_expr(self, b: Any = None) -> Any:
        """The SymPy expression in 1/b.

        Args:
            b: A SymPy expression to put for b; a positive integer symbol ``b`` if omitted.

        Raises:
            TypeError: ``b`` is a number or no SymPy expression.
            ValueError: ``b`` is omitted and a coefficient contains that symbol.
        """
        import sympy

        b = self._free(b, sympy.Symbol("b", integer=True, positive=True))
        if b.is_number:
            raise TypeError(
                f"b must be a symbol or contain one, got {b}; for a value call the polynomial itself, V({b})"
            )
        return sum((sympy.sympify(v) * b**-k for k, v in enumerate(self.coefficients)), sympy.Integer(0))

    def as_c_expr(self, c: Any = None) -> Any:
        """The SymPy expression in the variance factor c.

        Args:
            c: A SymPy expression to put for c; a non-negative symbol ``c`` if omitted.

        Raises:
            TypeError: ``c`` is no SymPy expression.
            ValueError: ``c`` is omitted and a coefficient contains that symbol.
        """
        import sympy

        c = self._free(c, sympy.Symbol("c", nonnegative=True))
        return sum((sympy.sympify(a) * c**k for k, a in enumerate(self.c_coefficients)), sympy.Integer(0))

    def _free(self, expression: Any, default: Any) -> Any:
        """``expression``, or the default symbol if it occurs nowhere else."""
        import sympy

        if expression is None:
            if self.is_symbolic and any(str(default) == str(x) for a in self.c_coefficients for x in a.free_symbols):
                raise ValueError(f"the coefficients contain the symbol {default} already; pass another symbol")
            return default
        if not isinstance(expression, sympy.Expr):
            raise TypeError(f"{default} must be a SymPy expression, got {expression!r}")
        return expression

    def __add__(self, other: Any) -> BatchPolynomial:
        return self._combine(other, 1)

    def __sub__(self, other: Any) -> BatchPolynomial:
        return self._combine(other, -1)

    def __neg__(self) -> BatchPolynomial:
        return self * -1

    def __mul__(self, other: Any) -> BatchPolynomial:
        factors = self._operand(other)
        size = len(self.c_coefficients) + len(factors) - 1
        product: list[Any] = [0] * size
        for j, left in enumerate(self.c_coefficients):
            for k, right in enumerate(factors):
                product[j + k] += left * right
        return BatchPolynomial(self.design, tuple(product))

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: Any) -> BatchPolynomial:
        return (-self)._combine(other, 1)

    def _combine(self, other: Any, sign: int) -> BatchPolynomial:
        addends = self._operand(other)
        total: list[Any] = [0] * max(len(self.c_coefficients), len(addends))
        for k, value in enumerate(self.c_coefficients):
            total[k] += value
        for k, value in enumerate(addends):
            total[k] += sign * value
        return BatchPolynomial(self.design, tuple(total))

    def _operand(self, other: Any) -> tuple[Scalar, ...]:
        if isinstance(other, BatchPolynomial):
            if other.design != self.design:
                raise ValueError(f"polynomials must share one design, got {self.design} and {other.design}")
            values, kind = other.c_coefficients, other._kind
        else:
            value, kind = parse_scalar(other, "other")
            values = (value,)
        return tuple(_as_kind(values, join_kinds([self._kind, kind], "polynomials that are combined")))

    def __str__(self) -> str:
        c = "c" if self._letter_is_free() else "c(b)"
        powers = ["", f" {c}", *(f" {c}^{k}" for k in range(2, self.degree + 1))]
        terms = [_text(a) + power for a, power in zip(self.c_coefficients, powers, strict=False) if a != 0]
        n = self.design.max_batch_size
        factor = "1/b, b >= 1" if n is None else f"(n - b)/(b (n - 1)), n = {n}, 1 <= b <= n"
        return f"{' + '.join(terms) or '0'}, where {c} = {factor}"

    def __repr__(self) -> str:
        return f"BatchPolynomial({self})"

    def _repr_latex_(self) -> str:
        import sympy

        letter = "c" if self._letter_is_free() else "c(b)"
        n = self.design.max_batch_size
        factor = r"\tfrac{1}{b}" if n is None else rf"\tfrac{{{n}-b}}{{{n - 1}\,b}}"
        short = [
            sympy.Rational(a.numerator, a.denominator).evalf(6) if _is_long(a) else sympy.sympify(a)
            for a in self.c_coefficients
        ]
        c = sympy.Dummy(letter)
        terms = [sympy.latex(a * c**k, symbol_names={c: letter}) for k, a in enumerate(short) if a != 0]
        total = " + ".join(terms).replace("+ -", "- ") or "0"
        return rf"${total},\quad {letter} = {factor}$"

    def _letter_is_free(self) -> bool:
        """Whether no symbol of the user's is called c."""
        return not self.is_symbolic or all(str(x) != "c" for a in self.c_coefficients for x in a.free_symbols)


def polynomial_in_normal_form(design: BatchDesign, c_coefficients: Sequence[Any]) -> BatchPolynomial:
    """The polynomial with SymPy coefficients that are in normal form and of which the last is not 0: none is parsed."""
    polynomial = object.__new__(BatchPolynomial)
    object.__setattr__(polynomial, "design", design)
    object.__setattr__(polynomial, "c_coefficients", tuple(c_coefficients))
    return polynomial


def _composed(values: Sequence[Scalar], kind: Kind, intercept: Fraction, slope: Fraction) -> tuple[Scalar, ...]:
    """The coefficients of a polynomial, given by its own, at intercept + slope x."""
    if intercept == 0 and slope == 1:
        return tuple(values)
    if kind == "rational":
        composed = fmpq_poly([_fmpq(a) for a in values])(fmpq_poly([_fmpq(intercept), _fmpq(slope)]))
        return tuple(_fraction(value) for value in composed.coeffs()) or (Fraction(0),)
    if kind == "float":
        line = np.polynomial.Polynomial([float(intercept), float(slope)])
        return tuple(np.polynomial.Polynomial(values)(line).coef.tolist())
    expressions = Expressions.of(values)
    polynomials = [expressions.polynomial(a) for a in values]
    zero, result = expressions.context.constant(0), []
    for k in range(len(values)):  # the coefficient of x^k in the j-th power of the line
        weights = [math.comb(j, k) * intercept ** (j - k) * slope**k for j in range(k, len(values))]
        total = sum((a * _fmpq(weight) for a, weight in zip(polynomials[k:], weights, strict=True)), zero)
        result.append(expressions.factored(total))
    return tuple(result)


def _fmpq(value: Fraction) -> fmpq:
    return fmpq(value.numerator, value.denominator)


def _fraction(value: Any) -> Fraction:
    return Fraction(int(value.p), int(value.q))


def _as_kind(values: Sequence[Any], kind: Kind) -> list[Any]:
    if kind == "float":
        return [float(value) for value in values]
    if kind == "symbolic":
        expressions = Expressions.of(values)
        return [expressions.factored(expressions.polynomial(value)) for value in values]
    return [Fraction(value) for value in values]


def _trimmed(values: Sequence[Any]) -> tuple[Any, ...]:
    size = len(values)
    while size > 1 and values[size - 1] == 0:
        size -= 1
    return tuple(values[:size])


def _text(value: Any) -> str:
    if _is_long(value):
        with localcontext(prec=12):  # unlike floats, decimals have no largest number
            return f"{Decimal(value.numerator) / Decimal(value.denominator):.12g}"
    text = str(value)
    return f"({text})" if " " in text else text


def _is_long(value: Any) -> bool:
    """Whether a fraction is too long to read; written so that no huge integer is turned into digits."""
    if not isinstance(value, Fraction):
        return False
    bits = value.numerator.bit_length() + value.denominator.bit_length()
    return bits > 4 * _LONGEST_FRACTION or len(str(value)) > _LONGEST_FRACTION
