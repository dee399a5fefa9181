"""Equalities: with a brute force, between results, and with a polynomial of bounded degree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sgdvar.assertions.interpolation import polynomial_through
from sgdvar.assertions.subjects import Quantity, Result, Subject
from sgdvar.polynomial import BatchPolynomial
from sgdvar.scalars import check_count

__all__ = ["assert_equal", "assert_matches_enumeration", "assert_polynomial_degree"]


def assert_polynomial_degree(
    quantity: Quantity,
    process: Any,
    step: int | None,
    degree: int,
    *,
    batch_sizes: Iterable[int] | None = None,
    **arguments: Any,
) -> BatchPolynomial:
    r"""The quantity is a polynomial in c(b), hence in 1/b, of degree at most ``degree``, at the valid batch sizes.

    Values are interpolated: the polynomial through the first ``degree + 1`` of them must give the others.

    Guarantees:
        For a BatchPolynomial: its degree. For values: that they are those of the polynomial that is returned, at the
        batch sizes that were tried. Without replacement these are by default all there are, and a degree of n - 1 or
        more says nothing: every function on n points is such a polynomial.

    Args:
        quantity: V, one number at each batch size.
        process: What it is a quantity of; None where V is a result.
        step: t; None where V is a result.
        degree: The claimed bound.
        batch_sizes: The batch sizes to try; by default all valid ones (without a largest b: the first degree + 2).
        **arguments: For the quantity.

    Returns:
        The polynomial, which for values is a way from a brute force to coefficients, certificates and all valid b.

    Raises:
        AssertionError: The values are not those of such a polynomial, or not exact.
        ValueError: Fewer batch sizes than ``degree + 2``, although there are more; no design is known.

    Examples:
        >>> import sgdvar as sv
        >>> from sgdvar.assertions import assert_polynomial_degree
        >>> data = sv.Dataset([[1], [2]], [1, 0])
        >>> sgd = sv.SGD(sv.LinearRegression(data), start=[1], step_size=1, sampling=sv.WithReplacement())
        >>> print(assert_polynomial_degree(sv.enumerate_gradient_variance, sgd, step=1, degree=2))
        26 c + 9 c^2, where c = 1/b, b >= 1
        >>> assert_polynomial_degree(lambda sgd, step, batch_size: batch_size, sgd, 0, degree=1)
        Traceback (most recent call last):
        AssertionError: lambda(sgd, step=0) must have degree at most 1 in c, got 3 at b = 3, where b = 1, 2 lead to 7/3
        sgd = sv.SGD(
            sv.LinearRegression(sv.Dataset(X=[[1], [2]], y=[1, 0])),
            start=[1],
            step_size=1,
            sampling=sv.WithReplacement(),
        )
    """
    check_count(degree, "degree")
    subject = Subject.of(quantity, process, step, arguments)
    V, design = subject.polynomial, subject.design
    if V is not None:
        if V.degree > degree:
            subject.fail(f"must have degree at most {degree} in c", f"degree {V.degree}, V = {V}")
        return V
    if design is None:
        raise ValueError("process must have a design, which knows c(b), got none")
    sizes = subject.sizes(batch_sizes, unlimited=degree + 2)
    if len(sizes) < min(degree + 2, design.max_batch_size or degree + 2):
        raise ValueError(f"batch_sizes must be at least degree + 2 = {degree + 2} to tell a degree, got {len(sizes)}")
    values = {b: subject.value(b) for b in sizes}
    known = sizes[: degree + 1]
    fitted = polynomial_through(design, {b: values[b] for b in known})
    for b in sizes[degree + 1 :]:
        if fitted(b) != values[b]:
            found = f"{values[b]} at b = {b}, where b = {', '.join(map(str, known))} lead to {fitted(b)}"
            subject.fail(f"must have degree at most {degree} in c", found)
    return fitted


def assert_matches_enumeration(
    quantity: Quantity,
    enumeration: Callable[..., Any],
    process: Any,
    step: int,
    *,
    batch_sizes: Iterable[int] | None = None,
    **arguments: Any,
) -> None:
    r"""The quantity equals a brute force at every batch size that is tried.

    Guarantees:
        Equality there, for this process. It is as good as the brute force: the library's are sums over all sequences of
        batches, and share no algebra with its exact engines.

    Args:
        quantity: V; values may be arrays.
        enumeration: A function ``(process, step, batch_size)``: ``sv.enumerate_gradient_variance``, or your own,
            for example with ``sv.enumerate_variance``.
        process: What V is a quantity of.
        step: t.
        batch_sizes: The batch sizes to try; by default all valid ones (without a largest b: 1 to 4).
        **arguments: For both functions.

    Raises:
        AssertionError: They differ, with the first batch size and both values.
        BudgetExceededError: The process is too large to be enumerated.

    Examples:
        >>> import sgdvar as sv
        >>> from sgdvar.assertions import assert_matches_enumeration
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[1], step_size=1)
        >>> assert_matches_enumeration(sv.gradient_variance, sv.enumerate_gradient_variance, sgd, step=2)
    """
    subject = Subject.of(quantity, process, step, arguments)
    other = Subject.of(enumeration, process, step, arguments)
    _compare(subject, other, subject.sizes(batch_sizes))


def assert_equal(first: Result, second: Result, *processes: Any, batch_sizes: Iterable[int] | None = None) -> None:
    r"""Two results are equal at every valid batch size: for invariances, and identities between quantities.

    Guarantees:
        For polynomials of one design without ``batch_sizes``: for *all* valid b. Without replacement, where polynomials
        that agree at b = 1, ..., n are equally good, and for values: at the batch sizes that were tried.

    Args:
        first: A BatchPolynomial, an array or tuple of them, a dict from b to values, or a function of b.
        second: Another one, with as many entries.
        *processes: What they belong to, to be shown where they differ; the first may tell the valid batch sizes.
        batch_sizes: The batch sizes to try; by default all valid ones (of values without a largest b: 1 to 4).

    Raises:
        AssertionError: They differ.

    Examples:
        >>> import sgdvar as sv
        >>> from sgdvar.assertions import assert_equal
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[1], step_size=1)
        >>> mean = sv.mean_gradient(sgd, step=1)[0]
        >>> assert_equal(sv.gradient_second_moment(sgd, 1), sv.gradient_variance(sgd, 1) + mean * mean, sgd)
    """
    subject, other = (
        Subject.of_result(first, processes, "the first"),
        Subject.of_result(second, processes, "the second"),
    )
    polynomials, others = subject.unlimited_polynomials, other.unlimited_polynomials
    if batch_sizes is None and polynomials and others:
        coefficients = [V.c_coefficients for V in polynomials], [W.c_coefficients for W in others]
        _compare_entries(subject, other, *coefficients, "in coefficients of c(b)^k")
    else:
        _compare(subject, other, (subject if subject.design else other).sizes(batch_sizes))


def _compare(subject: Subject, other: Subject, sizes: Sequence[int]) -> None:
    for b in sizes:
        _compare_entries(subject, other, subject.entries(b), other.entries(b), f"at b = {b}")


def _compare_entries(subject: Subject, other: Subject, values: list[Any], expected: list[Any], where: str) -> None:
    if len(values) != len(expected):
        raise TypeError(f"{other.name} must have the {len(values)} entries of {subject.name}, got {len(expected)}")
    for index, (left, right) in enumerate(zip(values, expected, strict=True)):
        if left != right:
            entry = f", entry {index}" if len(values) > 1 else ""
            subject.fail(f"must equal {other.name} {where}{entry}", f"{_shown(left)} and {_shown(right)}")


def _shown(value: Any) -> str:
    return f"({', '.join(map(str, value))})" if isinstance(value, tuple) else str(value)
