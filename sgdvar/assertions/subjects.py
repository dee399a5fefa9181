"""What an assertion is about: a quantity of a process, evaluated at batch sizes and described to a person."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, is_dataclass
from typing import Any, NoReturn, TypeAlias

import numpy as np

from sgdvar.code import as_code
from sgdvar.polynomial import BatchPolynomial
from sgdvar.process import SGD
from sgdvar.sampling import BatchDesign
from sgdvar.scalars import check_count, check_sequence

__all__ = ["Quantity", "Result", "Subject", "is_at_most"]

Result: TypeAlias = Any
"""A BatchPolynomial, a number, an array or tuple of either, a mapping from b to one, or a function of b."""

Quantity: TypeAlias = Callable[..., Result] | Result
"""A function (process, step) -> Result, or (process, step, batch_size) -> values; or a result."""

_UNLIMITED = 4  # where every b is valid: the largest one that is tried unless told otherwise


@dataclass(frozen=True, eq=False)
class Subject:
    """A quantity of a process at a step.

    Attributes:
        result: A polynomial, an array or tuple of polynomials or numbers, or a mapping from b; None for a function.
        function: From b to values; None where there is a result.
        name: What it is, for messages.
        processes: What it is of, for messages; the first may tell the design.
    """

    result: Any
    function: Callable[[int], Any] | None
    name: str
    processes: tuple[Any, ...]

    @classmethod
    def of(cls, quantity: Quantity, process: Any, step: Any, arguments: Mapping[str, Any]) -> Subject:
        """The quantity of a process; or a result as it is, if no process is needed to get it."""
        if isinstance(quantity, BatchPolynomial) or not callable(quantity):
            return cls.of_result(quantity, () if process is None else (process,))
        if process is None:
            raise TypeError(
                "process must be given for a quantity that is a function, got None; values may be a dict by batch size"
            )
        texts = [f", {name}={as_code(value)}" for name, value in arguments.items() if value is not None]
        name = f"{_name(quantity)}({_letter(process)}, step={step}{''.join(texts)})"
        if _takes_batch_size(quantity):
            return cls(None, lambda b: quantity(process, step, batch_size=b, **arguments), name, (process,))
        return cls.of_result(quantity(process, step, **arguments), (process,), name)

    @classmethod
    def of_result(cls, result: Result, processes: tuple[Any, ...], name: str = "V") -> Subject:
        """A result by itself."""
        if callable(result) and not isinstance(result, BatchPolynomial):
            return cls(None, result, name, processes)
        return cls(result, None, name, processes)

    @property
    def polynomial(self) -> BatchPolynomial | None:
        """The result, if it is one polynomial."""
        value = self.result.item() if isinstance(self.result, np.ndarray) and self.result.size == 1 else self.result
        return value if isinstance(value, BatchPolynomial) else None

    def required_polynomial(self) -> BatchPolynomial:
        """The result, which must be one polynomial.

        Raises:
            TypeError: It is not.
        """
        if self.polynomial is None:
            found = "values" if self.result is None else type(self.result).__name__
            raise TypeError(
                f"{self.name} must be one BatchPolynomial, got {found}; assert_polynomial_degree makes one from values"
            )
        return self.polynomial

    @property
    def unlimited_polynomials(self) -> list[BatchPolynomial] | None:
        """The entries of the result, if all are polynomials for which every b is valid: coefficients identify these."""
        entries = [] if self.result is None or isinstance(self.result, Mapping) else _flat(self.result)
        are = all(isinstance(entry, BatchPolynomial) and entry.design.max_batch_size is None for entry in entries)
        return entries if entries and are else None

    @property
    def design(self) -> BatchDesign | None:
        """The design of the result or of the process; None if neither has one."""
        candidates = [getattr(entry, "design", None) for entry in (*_flat(self.result)[:1], *self.processes)]
        return next((design for design in candidates if isinstance(design, BatchDesign)), None)

    def sizes(self, batch_sizes: Iterable[int] | None, unlimited: int = _UNLIMITED) -> list[int]:
        """The batch sizes that are asked for, in order; by default all valid ones, or the first few of them.

        Raises:
            TypeError: They are no integers.
            ValueError: There are none, one is outside the design's range, or none is known.
        """
        design = self.design
        if batch_sizes is not None:
            check = design.check_batch_size if design else lambda b: check_count(b, "batch_sizes", least=1)
            sizes = sorted({check(b) for b in check_sequence(batch_sizes, "batch_sizes")})
        elif isinstance(self.result, Mapping):
            sizes = sorted(self.result)
        elif design is None:
            raise ValueError("batch_sizes must be given where neither result nor process has a design, got None")
        else:
            sizes = list(range(1, (design.max_batch_size or unlimited) + 1))
        if not sizes:
            raise ValueError("batch_sizes must hold at least one batch size, got none")
        if isinstance(self.result, Mapping) and not set(sizes) <= set(self.result):
            raise ValueError(f"batch_sizes must be among those of the values, {sorted(self.result)}, got {sizes}")
        return sizes

    def entries(self, batch_size: int) -> list[Any]:
        """The values at one batch size, one after the other."""
        if self.function is not None:
            return _flat(self.function(batch_size))
        result = self.result[batch_size] if isinstance(self.result, Mapping) else self.result
        return [entry(batch_size) if isinstance(entry, BatchPolynomial) else entry for entry in _flat(result)]

    def value(self, batch_size: int) -> Any:
        """The one value at a batch size, which must be exact.

        Raises:
            TypeError: There are several.
            AssertionError: It is a float, which decides nothing.
        """
        entries = self.entries(batch_size)
        if len(entries) != 1:
            raise TypeError(f"{self.name} must be one number at each batch size, got {len(entries)}")
        if isinstance(entries[0], float | np.floating):
            self.fail("must be exact to be decided", f"the float {entries[0]} at b = {batch_size}")
        return entries[0]

    def fail(self, claim: str, found: str) -> NoReturn:
        """Raises an AssertionError that says what must hold, what was found, and for which process.

        Raises:
            AssertionError: Always.
        """
        lines = [f"{self.name} {claim}, got {found}"]
        for number, process in enumerate(self.processes, 1):
            index = f"_{number}" if len(self.processes) > 1 else ""
            lines.append(f"{_letter(process)}{index} = {_text(process)}")
        raise AssertionError("\n".join(lines))


def is_at_most(smaller: Any, larger: Any) -> bool | None:
    """Whether the one exact value is at most the other; None if that depends on symbols."""
    difference = larger - smaller
    if hasattr(difference, "is_nonnegative"):
        known: bool | None = difference.is_nonnegative
        return known
    return bool(difference >= 0)


def _flat(values: Any) -> list[Any]:
    if isinstance(values, tuple | list):
        return [entry for part in values for entry in _flat(part)]
    if isinstance(values, Mapping):
        return [entry for part in values.values() for entry in _flat(part)]
    return list(values.ravel().tolist()) if isinstance(values, np.ndarray) else [values]


def _takes_batch_size(function: Callable[..., Any]) -> bool:
    try:
        return "batch_size" in inspect.signature(function).parameters
    except ValueError:  # some builtins tell no signature
        return False


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__).strip("<>")


def _letter(process: Any) -> str:
    return "sgd" if isinstance(process, SGD) else "process"


def _text(process: Any) -> str:
    return as_code(process) if is_dataclass(process) else repr(process)
