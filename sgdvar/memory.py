"""What is computed once for each object, and forgotten with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

__all__ = ["once_for_each"]

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def once_for_each(make: Callable[[_Key], _Value]) -> Callable[[_Key], _Value]:
    """A function of one object whose values are kept as long as the object lives; they must not refer to it."""
    known: WeakKeyDictionary[_Key, _Value] = WeakKeyDictionary()

    @wraps(make)
    def value(key: _Key) -> _Value:
        if key not in known:
            known[key] = make(key)
        return known[key]

    return value
