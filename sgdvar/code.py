"""Python code that rebuilds a problem: what an error message shows, ready to be copied."""

from __future__ import annotations

import textwrap
from dataclasses import MISSING, fields, is_dataclass
from fractions import Fraction
from typing import Any

import numpy as np

__all__ = ["as_code"]

_WIDTH = 88


def as_code(value: Any) -> str:
    """The value as Python code, for use after ``import sgdvar as sv`` and ``from fractions import Fraction``.

    The library's records are calls of their classes; fractions that are integers are written as integers. Symbols and
    functions stand as their names, which must be defined where the code is used.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return _call(value)
    if isinstance(value, np.ndarray):
        return as_code(value.tolist())
    if isinstance(value, list | tuple):
        entries = [as_code(entry) for entry in value]
        return _bracketed("[", entries, "]") if isinstance(value, list) else _tuple(entries)
    if isinstance(value, Fraction):
        return str(value) if value.denominator == 1 else f"Fraction({value.numerator}, {value.denominator})"
    if callable(value):
        return getattr(value, "__qualname__", repr(value))
    return str(value)


def _call(record: Any) -> str:
    """A record as a call: what it holds comes first without a name, and what has its default value is left out."""
    arguments = []
    for position, known in enumerate(field for field in fields(record) if field.init):
        value = getattr(record, known.name)
        if known.default is not MISSING and _is_default(value, known.default):
            continue
        name = "" if position == 0 and is_dataclass(value) else f"{known.name}="
        arguments.append(name + as_code(value))
    module = "sv." if type(record).__module__.split(".")[0] == "sgdvar" else ""
    return _bracketed(f"{module}{type(record).__name__}(", arguments, ")")


def _is_default(value: Any, default: Any) -> bool:
    return value is default or (np.ndim(value) == 0 and np.ndim(default) == 0 and bool(value == default))


def _tuple(entries: list[str]) -> str:
    return f"({entries[0]},)" if len(entries) == 1 else _bracketed("(", entries, ")")


def _bracketed(start: str, entries: list[str], end: str) -> str:
    line = start + ", ".join(entries) + end
    if len(line) <= _WIDTH and "\n" not in line:
        return line
    return "\n".join([start, *(textwrap.indent(entry, "    ") + "," for entry in entries), end])
