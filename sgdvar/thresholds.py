"""The batch sizes at which V crosses a level, exactly."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from sgdvar.certificates import number_text, size_text
from sgdvar.certify.signs import integer_polynomial, signed_ranges
from sgdvar.errors import NotExactError
from sgdvar.polynomial import BatchPolynomial
from sgdvar.scalars import check_flag, parse_scalar

__all__ = ["largest_batch_size", "smallest_batch_size"]


def smallest_batch_size(V: BatchPolynomial, at_most: Any, *, for_good: bool = False) -> int | None:
    r"""The least valid b with :math:`V(b) \le v`.

    V need not be monotone: by default V may exceed v again at larger b. With ``for_good`` it is the least b such that
    :math:`V(b') \le v` for *all* valid b' from b on.

    Args:
        V: A polynomial in 1/b with rational coefficients.
        at_most: The level v, an int or a Fraction.
        for_good: Whether V must stay at or below v from there on.

    Returns:
        The batch size; None if there is none.

    Raises:
        TypeError: V is no BatchPolynomial, or has symbols.
        ValueError: ``at_most`` is not finite.
        NotExactError: Floats.

    Examples:
        >>> import sgdvar as sv
        >>> V = sv.BatchPolynomial(sv.BatchDesign(sv.WithReplacement(), 10), (0, 4, -3))  # 1, 5/4, 1, 13/16, ...
        >>> [sv.smallest_batch_size(V, v) for v in (1, 0)], sv.smallest_batch_size(V, 1, for_good=True)
        ([1, None], 3)
    """
    for_good = check_flag(for_good, "for_good")
    level = _checked(V, at_most, "at_most")
    v, n = V.coefficients, V.design.max_batch_size
    runs = _runs([level - v[0], *(-a for a in v[1:])], None if n is None else n + 1)
    if not for_good:
        return next((first for first, _ in runs), None)
    first, last = _last(runs)
    return first if last == n else None  # n is None, and so is the last b, where batches have no largest size


def largest_batch_size(V: BatchPolynomial, gain: Any) -> int | None:
    r"""The largest valid b at which doubling the batch size pays more than averaging alone.

    .. math:: V(2b) \le (1 - \varepsilon)\, \tfrac12 V(b)

    Averaging twice as many gradients at fixed weights halves V; along a trajectory V can fall by more. The inequality
    may fail at smaller b and hold again.

    Args:
        V: A polynomial in 1/b with rational coefficients.
        gain: :math:`\varepsilon < 1`, an int or a Fraction: what doubling takes off beyond the half that averaging
            alone takes off. To ask that doubling takes off the share r of V in all, give 2 r - 1.

    Returns:
        The largest b, with 2b valid, at which the inequality holds; None if it holds at no b. Without replacement V
        vanishes at b = n, so it is n/2 for every ``gain`` if n is even.

    Raises:
        TypeError: V is no BatchPolynomial, or has symbols.
        ValueError: ``gain`` is 1 or more; or the inequality holds at arbitrarily large b, so that there is no largest.
        NotExactError: Floats.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> V = sv.BatchPolynomial(sv.BatchDesign(sv.WithReplacement(), 10), (0, 1, 30))  # 1/b + 30/b^2
        >>> [sv.largest_batch_size(V, gain) for gain in (Fraction(1, 100), Fraction(1, 10), Fraction(1, 2))]
        [1470, 120, None]
    """
    eps = _checked(V, gain, "gain")
    if eps >= 1:
        raise ValueError(f"gain must be below 1, got {number_text(eps)}")
    n = V.design.max_batch_size
    P = [((1 - eps) / 2 - Fraction(1, 2**k)) * a for k, a in enumerate(V.coefficients)]
    first, last = _last(_runs(P, None if n is None else n // 2 + 1))
    if first is not None and last is None:
        raise ValueError(
            f"there is no largest b: V(2b) <= (1 - gain) V(b)/2 for all b >= {size_text(first)}; pass a larger gain"
        )
    return last


def _checked(V: object, number: Any, name: str) -> Fraction:
    """The number as a Fraction, for a rational polynomial."""
    if not isinstance(V, BatchPolynomial):
        raise TypeError(f"V must be a BatchPolynomial, got {type(V).__name__}")
    if not V.is_exact:
        raise NotExactError("V must have exact coefficients, got floats; rationalize the data with sgdvar.rationalize")
    if V.is_symbolic:
        raise TypeError(f"V must have rational coefficients, got symbols in {V}; put numbers for them")
    value, kind = parse_scalar(number, name)
    if kind == "float":
        raise NotExactError(f"{name} must be exact, got {number}; write 0.1 as Fraction(1, 10)")
    if kind == "symbolic":
        raise TypeError(f"{name} must be a number, got {number}")
    return Fraction(value)


def _runs(coefficients: list[Fraction], end: int | None) -> Iterator[tuple[int, int | None]]:
    """The runs of b before ``end``, first and last, at which the polynomial with these coefficients in 1/b is >= 0."""
    start: int | None = None
    for lo, _, sign in signed_ranges(integer_polynomial(coefficients), end):
        if sign > 0 or sum(a * Fraction(1, lo) ** k for k, a in enumerate(coefficients)) >= 0:
            start = lo if start is None else start
        elif start is not None:
            yield start, lo - 1
            start = None
        if sign < 0 and start is not None:  # at most the first of the range
            yield start, lo
            start = None
    if start is not None:
        yield start, None if end is None else end - 1


def _last(runs: Iterator[tuple[int, int | None]]) -> tuple[int | None, int | None]:
    return next(iter(deque(runs, maxlen=1)), (None, None))
