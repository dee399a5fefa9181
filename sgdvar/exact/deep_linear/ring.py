r"""Polynomials in u = 1/b, in the user's symbols, and in the residual statistics of the batches drawn so far.

Elements are FLINT's sparse rational polynomials. The generators of a ring come in a fixed order: u, the symbols, then
blocks of variables, one block after the other; so an element of a ring with fewer blocks becomes one of a ring with
more when its exponents are padded with zeros.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce
from operator import mul
from typing import Any, TypeAlias

from flint import Ordering, fmpq, fmpq_mat, fmpq_mpoly, fmpq_mpoly_ctx

from sgdvar.arithmetic import object_array
from sgdvar.expressions import Expressions
from sgdvar.polynomial import BatchPolynomial, polynomial_in_normal_form
from sgdvar.sampling import BatchDesign
from sgdvar.scalars import Array

__all__ = ["Element", "Exponents", "Numbers", "Ring", "dot", "matmul", "trace"]

Element: TypeAlias = Any
"""A polynomial of some ring (``fmpq_mpoly``), or a rational number (``fmpq``)."""
Exponents: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Ring:
    """The ring Q[u, symbols, blocks].

    Attributes:
        symbols: The user's SymPy symbols.
        blocks: How many variables each block has.
    """

    symbols: tuple[Any, ...]
    blocks: tuple[int, ...] = ()
    _context: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        count = 1 + len(self.symbols) + sum(self.blocks)
        names = tuple(f"x{index}" for index in range(count))  # users' names may clash, these cannot
        object.__setattr__(self, "_context", fmpq_mpoly_ctx.get(names, Ordering.degrevlex))

    @property
    def u(self) -> Element:
        """The generator 1/b."""
        return self._context.gen(0)

    @property
    def zero(self) -> Element:
        """The element 0."""
        return self._context.constant(0)

    def block(self, index: int, shape: tuple[int, ...]) -> Array:
        """The variables of one block, in an array."""
        start = 1 + len(self.symbols) + sum(self.blocks[:index])
        return object_array([self._context.gen(start + i) for i in range(self.blocks[index])], shape)

    def element(self, value: Any) -> Element:
        """A number, a SymPy polynomial in the symbols, or an element of a ring with fewer blocks, as an element."""
        if isinstance(value, fmpq_mpoly):
            missing = self._context.nvars() - value.context().nvars()
            padding = (0,) * missing
            return self.of({powers + padding: a for powers, a in value.to_dict().items()}) if missing else value
        if isinstance(value, fmpq):
            return self._context.constant(value)
        if hasattr(value, "as_integer_ratio"):
            return self._context.constant(fmpq(*value.as_integer_ratio()))
        padding = (0,) * sum(self.blocks)
        terms = Expressions(self.symbols).polynomial(value).to_dict().items()
        return self.of({(0, *powers, *padding): a for powers, a in terms})

    def elements(self, values: Array) -> Array:
        """An array of such values as elements."""
        return object_array([self.element(value) for value in values.ravel().tolist()], values.shape)

    def of(self, terms: dict[Exponents, Any]) -> Element:
        """The element with these coefficients."""
        return self._context.from_dict(terms)

    def by_last_block(self, value: Element) -> dict[Exponents, dict[Exponents, Any]]:
        """An element's coefficients by the exponents of its last block, each as terms of the ring without it."""
        cut = self._context.nvars() - self.blocks[-1]
        groups: dict[Exponents, dict[Exponents, Any]] = {}
        for powers, a in zip(value.monoms(), value.coeffs(), strict=True):
            groups.setdefault(powers[cut:], {})[powers[:cut]] = a
        return groups

    def polynomial(self, value: Element, design: BatchDesign) -> BatchPolynomial:
        """An element without blocks as a polynomial in c(b), its coefficients in normal form."""
        intercept, slope = (fmpq(*number.as_integer_ratio()) for number in design.factor_line)
        u = (self.u - intercept) / slope if slope else self.element(1)  # where n = 1, b = 1 is all there is
        by_power: dict[int, dict[Exponents, Any]] = {}
        for powers, a in value.compose(u, *self._context.gens()[1:], ctx=self._context).to_dict().items():
            by_power.setdefault(powers[0], {})[powers[1:]] = a
        expressions = Expressions(self.symbols)
        coefficients = [
            expressions.context.from_dict(by_power.get(power, {})) for power in range(max(by_power, default=0) + 1)
        ]
        if all(a.is_constant() for a in coefficients):
            numbers = [a.leading_coefficient() if a != 0 else fmpq(0) for a in coefficients]
            return BatchPolynomial(design, tuple(Fraction(int(a.p), int(a.q)) for a in numbers))
        return polynomial_in_normal_form(design, [expressions.factored(a) for a in coefficients])


@dataclass(frozen=True)
class Numbers:
    """The rational numbers, at one batch size.

    Attributes:
        u: 1/b.
    """

    u: fmpq

    @property
    def zero(self) -> fmpq:
        """The number 0."""
        return fmpq(0)

    def element(self, value: Any) -> fmpq:
        """A number as a rational number."""
        return value if isinstance(value, fmpq) else fmpq(*value.as_integer_ratio())

    def elements(self, values: Array) -> Array:
        """An array of numbers as rational numbers."""
        if isinstance(values.flat[0], fmpq):
            return values
        return object_array([self.element(value) for value in values.ravel().tolist()], values.shape)


def dot(left: Iterable[Element], right: Iterable[Element]) -> Any:
    """The sum of the products of two lists that are not empty."""
    products = [a * b for a, b in zip(left, right, strict=True)]
    total = products[0]
    for product in products[1:]:
        total = total + product
    return total


def matmul(*factors: Array) -> Array:
    """The product of matrices of elements, from left to right."""
    if isinstance(factors[0][0, 0], fmpq):
        matrices = [fmpq_mat(len(factor), factor.shape[1], factor.ravel().tolist()) for factor in factors]
        return object_array(reduce(mul, matrices).entries(), (len(factors[0]), factors[-1].shape[1]))
    product = factors[0]
    for factor in factors[1:]:
        rows, columns = product.tolist(), factor.T.tolist()
        entries = [dot(row, column) for row in rows for column in columns]
        product = object_array(entries, (len(rows), len(columns)))
    return product


def trace(left: Array, right: Array) -> Element:
    """The trace of left times right transposed: the sum of the products of their entries."""
    return dot(left.ravel().tolist(), right.ravel().tolist())
