"""Numbers of any length as text for people; Python refuses to write integers of more than some thousand digits."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from decimal import MAX_EMAX, MIN_EMIN, Decimal, localcontext
from fractions import Fraction

__all__ = ["number_text", "reciprocal_text", "record_text", "size_text"]

_READ = 10**30  # beyond, nobody reads the digits
_WRITTEN_BITS = 2000  # beyond, a repr gives the order of magnitude: Python writes at least 640 digits


def size_text(batch_size: object) -> str:
    """A batch size for people to read: digits, or the order of magnitude where nobody would read them."""
    if isinstance(batch_size, int) and abs(batch_size) > _READ:
        return f"about {'-' if batch_size < 0 else ''}10^{math.log10(abs(batch_size)):.0f}"
    return repr(batch_size)


def reciprocal_text(batch_size: int) -> str:
    """The number 1/b."""
    if batch_size == 1:
        return "1"
    return number_text(Fraction(1, batch_size)) if batch_size else "1/0"


def number_text(value: Fraction) -> str:
    """A number for people to read: p/q, or a decimal where p or q is long."""
    p, q = value.numerator, value.denominator
    if abs(p * q) <= _READ:
        return str(value)
    with localcontext(prec=12, Emax=MAX_EMAX, Emin=MIN_EMIN):  # unlike floats, decimals neither overflow nor vanish
        return f"about {Decimal(p) / Decimal(q):.3g}"


def record_text(value: object) -> str:
    """The repr of a record, in which an integer too long for Python to write is an order of magnitude."""
    if type(value) is tuple:
        entries = ", ".join(map(record_text, value))
        return f"({entries},)" if len(value) == 1 else f"({entries})"
    if isinstance(value, int):
        return repr(value) if value.bit_length() <= _WRITTEN_BITS else size_text(value)
    if isinstance(value, Fraction):
        return f"Fraction({record_text(value.numerator)}, {record_text(value.denominator)})"
    if is_dataclass(value) and type(value).__repr__ is record_text:
        entries = ", ".join(f"{field.name}={record_text(getattr(value, field.name))}" for field in fields(value))
        return f"{type(value).__name__}({entries})"
    return repr(value)
