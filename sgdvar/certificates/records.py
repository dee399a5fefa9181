"""Certificates as JSON and back: strict, exact, and with a digest that notices slips.

A dataclass becomes an object with its ``kind`` and its fields, a tuple a list, a Fraction the text "p/q".
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from flint import fmpz

from sgdvar.errors import CertificateError
from sgdvar.polynomial import BatchPolynomial
from sgdvar.sampling import BatchDesign

__all__ = ["loaded", "read", "require_types", "written"]

_FORMAT = "sgdvar certificate 1"
_LONG = 2**63  # beyond, integers are text in JSON: many readers of JSON have no longer ones


def require_types(value: object, hint: Any, path: str) -> None:
    """Checks that a value is exactly of the type that an annotation names, down to polynomials, which check themselves.

    Raises:
        CertificateError: It is not; the message says where.
    """
    origin, own_type = get_origin(hint), cast("Any", type(value))
    if origin is Literal:
        _require(type(value) is str and value in get_args(hint), path, " or ".join(map(repr, get_args(hint))), value)
    elif origin is tuple:
        _require(type(value) is tuple, path, "a tuple", value)
        assert isinstance(value, tuple)
        for k, entry in enumerate(value):
            require_types(entry, get_args(hint)[0], f"{path}[{k}]")
    elif origin in (Union, UnionType):
        kinds = {get_origin(kind) or kind: kind for kind in get_args(hint)}
        _require(type(value) in kinds, path, " or ".join(kind.__name__ for kind in kinds), value)
        require_types(value, kinds[type(value)], path)
    else:
        _require(type(value) is hint, path, f"of type {hint.__name__}", value)
        if is_dataclass(hint) and hint not in (BatchPolynomial, BatchDesign):
            for name, kind in _entries(own_type).items():
                require_types(getattr(value, name), kind, f"{path}.{name}")


def loaded(text: object) -> Any:
    """The data in a text of JSON: each key of an object once, and no integer that is to be text.

    Raises:
        CertificateError: Not such a text.
    """
    _require(isinstance(text, str | bytes | bytearray), "a certificate", "JSON text", text)
    assert isinstance(text, str | bytes | bytearray)
    try:
        return json.loads(text, object_pairs_hook=_object, parse_int=_integer)
    except CertificateError:
        raise
    except RecursionError:
        raise CertificateError("a certificate must have few levels, got brackets nested too deeply") from None
    except ValueError as error:
        raise CertificateError(f"a certificate must be JSON, got text that is not: {error}") from None


def written(certificate: Any) -> dict[str, Any]:
    """The record of a certificate.

    Raises:
        TypeError: A polynomial has symbols.
    """
    record = {"format": _FORMAT, **_written(certificate)}
    return {**record, "digest": _digest(record)}


def read(record: Any, kind: type) -> Any:
    """The certificate of a record.

    Raises:
        CertificateError: The record is not one, or was altered.
    """
    _require(isinstance(record, Mapping), "a certificate", "a JSON object", record)
    body = dict(record)
    digest, found = body.pop("digest", None), body.pop("format", None)
    _require(found == _FORMAT, "format", repr(_FORMAT), found)
    certificate = _read(body, kind, "certificate")
    if digest != written(certificate)["digest"]:
        raise CertificateError("digest must be that of the other entries, one of which was altered, or the digest was")
    return certificate


def _require(condition: bool, path: str, what: str, value: object) -> None:
    if not condition:
        text = repr(value) if isinstance(value, str | bool | float | NoneType) else type(value).__name__
        raise CertificateError(f"{path} must be {what}, got {text}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object with these entries."""
    entries = dict(pairs)
    if len(entries) < len(pairs):
        twice = next(key for k, (key, _) in enumerate(pairs) if key in dict(pairs[:k]))
        raise CertificateError(f"an object must have each entry once, got {twice!r} twice")
    return entries


def _integer(digits: str) -> int:
    """The integer with these digits."""
    if len(digits) > len(str(_LONG)) or abs(int(digits)) >= _LONG:
        raise CertificateError(f"an integer of 2^63 or more must be text, got a number of {len(digits)} characters")
    return int(digits)


def _digest(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


@cache
def _entries(kind: type) -> dict[str, Any]:
    """The annotation of each field."""
    hints = get_type_hints(kind)
    if kind is BatchPolynomial:
        hints["c_coefficients"] = tuple[Fraction, ...]
    return {field.name: hints[field.name] for field in fields(kind)}


def _written(value: Any) -> Any:
    if isinstance(value, BatchPolynomial) and value.is_symbolic:
        raise TypeError("a certificate is written with rational coefficients, got symbols; put numbers for them")
    if is_dataclass(value):
        own_type = cast("Any", type(value))
        return {"kind": own_type.__name__, **{name: _written(getattr(value, name)) for name in _entries(own_type)}}
    if isinstance(value, tuple):
        return [_written(entry) for entry in value]
    if isinstance(value, Fraction):
        p, q = fmpz(value.numerator), fmpz(value.denominator)  # Python refuses to write long ones
        return f"{p}" if q == 1 else f"{p}/{q}"
    return str(fmpz(value)) if isinstance(value, int) and abs(value) >= _LONG else value


def _read(value: Any, hint: Any, path: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _read_one_of(value, get_args(hint), path)
    if origin is tuple:
        _require(isinstance(value, list), path, "a list", value)
        return tuple(_read(entry, get_args(hint)[0], f"{path}[{k}]") for k, entry in enumerate(value))
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return _read_object(value, hint, path)
    if hint is Fraction:
        return _fraction(value, path)
    if hint is int and isinstance(value, str):
        number = _fraction(value, path)
        _require(number.denominator == 1 and abs(number) >= _LONG, path, "a number, and no text", value)
        return number.numerator
    require_types(value, hint, path)
    _require(type(value) is not int or abs(value) < _LONG, path, "text from 2^63 on", value)
    return value


def _read_one_of(value: Any, hints: tuple[Any, ...], path: str) -> Any:
    """A value of one of several types: of objects, the one whose kind is given."""
    if value is None and NoneType in hints:
        return None
    if not is_dataclass(hints[0]):
        return _read(value, hints[0], path)
    kinds = {hint.__name__: hint for hint in hints}
    kind = value.get("kind") if isinstance(value, Mapping) else None
    _require(isinstance(kind, str) and kind in kinds, f"{path}.kind", " or ".join(map(repr, kinds)), kind)
    return _read(value, kinds[str(kind)], path)


def _read_object(value: Any, kind: type, path: str) -> Any:
    _require(isinstance(value, Mapping), path, "an object", value)
    entries = _entries(kind)
    if set(value) != {"kind", *entries}:
        names = ", ".join(["kind", *entries])
        raise CertificateError(f"{path} must have the entries {names}, got {', '.join(map(str, value))}")
    _require(value["kind"] == kind.__name__, f"{path}.kind", repr(kind.__name__), value["kind"])
    read_entries = {name: _read(value[name], hint, f"{path}.{name}") for name, hint in entries.items()}
    try:
        return kind(**read_entries)
    except (TypeError, ValueError) as error:
        raise CertificateError(f"{path}: {error}") from None


def _fraction(value: Any, path: str) -> Fraction:
    found = re.fullmatch(r"(0|-?[1-9][0-9]*)(?:/([1-9][0-9]*))?", value) if isinstance(value, str) else None
    if found is None:
        _require(False, path, 'text such as "3" or "-3/4"', value)
        raise AssertionError
    p, q = int(fmpz(found[1])), int(fmpz(found[2] or 1))
    fraction = Fraction(p, q)
    _require(fraction.denominator == q and found[2] != "1", path, "a fraction in lowest terms", value)
    return fraction
