"""What is computed once for each object, and forgotten with it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import TypeVar, TypeVarTuple
from weakref import WeakKeyDictionary

__all__ = ["once_for_each"]

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_More = TypeVarTuple("_More")


def once_for_each(make: Callable[[_Key, *_More], _Value]) -> Callable[[_Key, *_More], _Value]:
    """A function of an object whose values are kept as long as the object lives; they must not refer to it.

    Further arguments are hashable; there is a value for each.
    """
    known: WeakKeyDictionary[_Key, dict[Hashable, _Value]] = WeakKeyDictionary()

    @wraps(make)
    def value(key: _Key, /, *more: *_More) -> _Value:
        values = known.setdefault(key, {})
        if more not in values:
            values[more] = make(key, *more)
        return values[more]

    return value
