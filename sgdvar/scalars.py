"""Numbers as users give them: integers, rationals, symbolic expressions and floats, and which of them may meet.

The four kinds join as follows: integers join every other kind, rationals join symbolic expressions, and floats join
nothing but integers, so that no exact result is ever contaminated by rounding without a word.
"""

from __future__ import annotations

import math
import numbers
import sys
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from sgdvar.errors import NotExactError

__all__ = [
    "Array",
    "Kind",
    "Scalar",
    "check_count",
    "check_flag",
    "check_sequence",
    "is_real",
    "join_kinds",
    "parse_array",
    "parse_scalar",
    "rationalize",
]

Kind: TypeAlias = Literal["integer", "rational", "symbolic", "float"]
Array: TypeAlias = npt.NDArray[Any]
Scalar: TypeAlias = Any
"""A Fraction, a SymPy expression or a float: what an entry of a result may be."""


def join_kinds(kinds: Iterable[Kind], what: str) -> Kind:
    """The kind in which numbers of all these kinds can be combined.

    Args:
        kinds: Kinds to combine.
        what: Names the arguments, for the error message.

    Raises:
        NotExactError: Floats meet rationals or symbols.
    """
    found = set(kinds)
    exact = found & {"rational", "symbolic"}
    if "float" in found and exact:
        raise NotExactError(
            f"{what} must be all exact or all floats, got floats mixed with "
            f"{'symbols' if 'symbolic' in exact else 'Fractions'}; write 0.1 as Fraction(1, 10), or convert floats on "
            "purpose with sgdvar.rationalize"
        )
    if "float" in found:
        return "float"
    if "symbolic" in found:
        return "symbolic"
    return "rational" if "rational" in found else "integer"


_COMMON: dict[type, Kind] = {int: "integer", Fraction: "rational"}


def _is_sympy(value: object) -> bool:
    """Whether ``value`` is a SymPy object, without importing SymPy when nobody has."""
    sympy = sys.modules.get("sympy")
    return sympy is not None and isinstance(value, sympy.Basic)


def _parse_sympy(value: Any, name: str) -> tuple[Any, Kind]:
    import sympy

    if not isinstance(value, sympy.Expr) or value.is_commutative is False:
        raise TypeError(f"{name} must hold numbers, or polynomials in commuting symbols, got {value}")
    if value.is_Integer:
        return int(value), "integer"
    if value.is_Rational:
        return Fraction(int(value.p), int(value.q)), "rational"
    if value.is_Float:
        return parse_scalar(float(value), name)
    if value.has(sympy.Float):
        raise NotExactError(f"{name} must not mix symbols with floats, got {value}; write 0.1 as Rational(1, 10)")
    symbols = sorted(value.free_symbols, key=str)
    strange = [symbol for symbol in symbols if not isinstance(symbol, sympy.Symbol)]
    if strange:
        raise TypeError(
            f"{name} must hold numbers, or polynomials in plain symbols, got {strange[0]} of type "
            f"{type(strange[0]).__name__}; introduce a Symbol for it"
        )
    try:
        polynomial = sympy.Poly(value, *symbols) if symbols else None
    except sympy.PolynomialError:
        polynomial = None
    if polynomial is None or not (polynomial.domain.is_ZZ or polynomial.domain.is_QQ):
        raise ValueError(
            f"{name} must hold rational numbers, or polynomials in symbols with rational coefficients, got {value}; "
            "introduce a symbol for what is neither"
        )
    expanded = polynomial.as_expr()
    return (expanded, "symbolic") if expanded.free_symbols else _parse_sympy(expanded, name)


def parse_scalar(value: Any, name: str) -> tuple[Any, Kind]:
    """One number in canonical form (int, Fraction, expanded SymPy expression or float) and its kind.

    Raises:
        TypeError: Not a number.
        ValueError: NaN, infinite, or an expression that is no polynomial with rational coefficients.
    """
    common = _COMMON.get(type(value))
    if common is not None:  # the abstract base classes below are slow
        return value, common
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must hold numbers, got the bool {value}; write 0 or 1")
    if isinstance(value, numbers.Integral):
        return int(value), "integer"
    if isinstance(value, numbers.Rational):
        return Fraction(int(value.numerator), int(value.denominator)), "rational"
    if isinstance(value, numbers.Real):
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"{name} must be finite, got {number}")
        return number, "float"
    if _is_sympy(value):
        return _parse_sympy(value, name)
    raise TypeError(
        f"{name} must hold ints, Fractions, SymPy numbers or symbols, or floats, got {value!r} of type "
        f"{type(value).__name__}"
    )


def _frozen(array: Array) -> Array:
    array.setflags(write=False)
    return array


def parse_array(values: Any, name: str) -> tuple[Array, Kind]:
    """An array of numbers in canonical form, and its kind.

    Args:
        values: Nested sequences, or an array.
        name: The argument's name, for error messages.

    Returns:
        A read-only copy: float64 for floats, int64 or Python ints for integers, Fractions (all entries) for rationals,
        SymPy expressions (all entries) for symbols; with the kind.

    Raises:
        TypeError: An entry is not a number.
        ValueError: Ragged, empty, or not finite.
        NotExactError: Floats mixed with Fractions or symbols.
    """
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be masked; drop the masked entries, or fill them")
    array = np.asarray(values) if hasattr(values, "__array__") else np.array(values, dtype=object)
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    if array.dtype.kind == "f":
        floats = np.array(array, dtype=np.float64, order="C")
        if not np.isfinite(floats).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(floats))[0])
            raise ValueError(f"{name} must be finite, got {floats[where]} at index {where}")
        return _frozen(floats), "float"
    if array.dtype.kind in "iu" and (array.dtype.kind == "i" or int(array.max()) < 2**63):
        return _frozen(np.array(array, dtype=np.int64, order="C")), "integer"
    if array.dtype.kind not in "Ou":
        raise TypeError(
            f"{name} must hold ints, Fractions, SymPy numbers or symbols, or floats, got an array of {array.dtype}"
            + ("; write array.astype(int)" if array.dtype.kind == "b" else "")
        )
    entries = array.ravel().tolist()
    if any(isinstance(entry, (list, tuple)) for entry in entries):
        raise ValueError(f"{name} must be rectangular, got rows of different lengths")
    parsed = [parse_scalar(entry, name) for entry in entries]
    kind = join_kinds((entry_kind for _, entry_kind in parsed), f"the entries of {name}")
    return _frozen(_collect([entry for entry, _ in parsed], kind).reshape(array.shape)), kind


def _collect(entries: list[Any], kind: Kind) -> Array:
    if kind == "float":
        return np.array(entries, dtype=np.float64)
    if kind == "integer" and all(-(2**63) <= entry < 2**63 for entry in entries):
        return np.array(entries, dtype=np.int64)
    array = np.empty(len(entries), dtype=object)
    if kind == "rational":
        array[:] = [entry if type(entry) is Fraction else Fraction(entry) for entry in entries]
    elif kind == "symbolic":
        import sympy

        array[:] = [sympy.sympify(entry) for entry in entries]
    else:
        array[:] = entries
    return array


def check_count(value: Any, name: str, *, least: int = 0) -> int:
    """``value`` as an int that is at least ``least``.

    Raises:
        TypeError: Not an integer, or a bool.
        ValueError: Too small.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer, got {value!r} of type {type(value).__name__}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return int(value)


def is_real(value: object) -> bool:
    """Whether ``value`` is one real number: no bool, text or array."""
    return not isinstance(value, bool | str) and hasattr(value, "__float__") and not np.ndim(value)  # type: ignore[arg-type]


def check_flag(value: object, name: str) -> bool:
    """``value`` as a bool.

    Raises:
        TypeError: It is something else.
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def check_sequence(values: Any, name: str) -> Iterable[Any]:
    """``values`` as something to go through.

    Raises:
        TypeError: One number, or anything else that holds no numbers.
    """
    if not isinstance(values, Iterable) or isinstance(values, str) or getattr(values, "ndim", 1) == 0:
        raise TypeError(f"{name} must be a sequence of integers, got {values!r}; write [{values!r}] for one")
    return values


def rationalize(array: Any, max_denominator: int = 1000, *, decimals: int | None = None) -> Any:
    r"""The array with every float replaced by a nearby fraction.

    The one place where floats become exact numbers: on purpose, and with a stated loss of at most
    :math:`1 / (2\,\text{max\_denominator})`, or half a unit of the last decimal, per entry.

    Args:
        array: Numbers of any shape; or a list of matrices, such as the layers of a network.
        max_denominator: Largest denominator allowed; each entry becomes the nearest such fraction.
        decimals: Round to this many decimals instead. For data, prefer it: a common denominator keeps exact results
            short, while thousands of different denominators make them long.

    Returns:
        An array of Fractions of the same shape (one Fraction for one number), or a list of them for matrices of
        different shapes. Exact entries come back unchanged.

    Raises:
        TypeError: An entry is no number, or a symbol; rows of different lengths.
        ValueError: Empty, not finite, ``max_denominator`` below 1, or ``decimals`` below 0.

    Examples:
        >>> import sgdvar as sv
        >>> sv.rationalize([0.25, 1 / 3]).tolist()
        [Fraction(1, 4), Fraction(1, 3)]
        >>> sv.rationalize([0.25, 1 / 3], decimals=2).tolist()
        [Fraction(1, 4), Fraction(33, 100)]
    """
    check_count(max_denominator, "max_denominator", least=1)
    if decimals is not None:
        check_count(decimals, "decimals")
    if isinstance(array, list | tuple) and len({np.shape(entry) for entry in array if np.ndim(entry) == 2}) > 1:
        return [rationalize(entry, max_denominator, decimals=decimals) for entry in array]
    entries = np.array(array, dtype=object)
    if entries.size == 0:
        raise ValueError(f"array must not be empty, got shape {entries.shape}")
    result = np.empty(entries.shape, dtype=object)
    for index, entry in np.ndenumerate(entries):
        number, kind = parse_scalar(entry, "array")  # one by one: this is where floats may meet exact numbers
        if kind == "symbolic":
            raise TypeError(f"array must hold numbers to be rationalized, got {number}")
        exact = Fraction(number)
        if kind == "float":
            exact = exact.limit_denominator(max_denominator) if decimals is None else round(exact, decimals)
        result[index] = exact
    return result if result.ndim else result[()]
