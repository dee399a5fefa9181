"""Inequalities in the batch size: falling, coefficients that make it fall, one quantity below another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

from sgdvar.assertions.subjects import Quantity, Result, Subject, is_at_most
from sgdvar.certificates import Verdict
from sgdvar.certify import certify_decreasing
from sgdvar.check import check_certificate

__all__ = ["assert_at_most", "assert_certified", "assert_decreasing", "assert_non_negative_coefficients"]


def assert_decreasing(
    quantity: Quantity,
    process: Any = None,
    step: int | None = None,
    *,
    batch_sizes: Iterable[int] | None = None,
    **arguments: Any,
) -> None:
    r"""The quantity never rises in the batch size: :math:`V(b') \le V(b)` for :math:`b' > b`.

    Guarantees:
        For a BatchPolynomial without ``batch_sizes``: for *all* valid b, by a certificate that is checked. Otherwise
        for the batch sizes that were tried, and no others.

    Args:
        quantity: V, one number at each batch size.
        process: What it is a quantity of.
        step: t.
        batch_sizes: The batch sizes to compare; by default all valid ones (of values without a largest b: 1 to 4).
        **arguments: For the quantity.

    Raises:
        AssertionError: V rises, with the first rise; or that cannot be decided.

    Examples:
        >>> import sgdvar as sv
        >>> from sgdvar.assertions import assert_decreasing
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[1], step_size=1)
        >>> assert_decreasing(sv.gradient_variance, sgd, step=3)
        >>> assert_decreasing(lambda sgd, step, batch_size: batch_size, sgd, step=0)
        Traceback (most recent call last):
        AssertionError: lambda(sgd, step=0) must not rise in b, got 1 at b = 1 and 2 at b = 2
        sgd = sv.SGD(
            sv.LinearRegression(sv.Dataset(X=[[1], [2]], y=[1, 0])),
            start=[1],
            step_size=1,
            sampling=sv.WithoutReplacement(),
        )
    """
    subject = Subject.of(quantity, process, step, arguments)
    V = subject.polynomial
    if V is not None and batch_sizes is None:
        verdict = certify_decreasing(V)
        if verdict.status == "proved":
            check_certificate(verdict.certificate, V)
        elif verdict.witness is None:
            subject.fail("must be decided not to rise in b", f"undecided: {verdict.reason}")
        else:
            b, larger, before, after = verdict.witness
            subject.fail("must not rise in b", f"{before} at b = {b} and {after} at b = {larger}, where V = {V}")
        return
    values = [(b, subject.value(b)) for b in subject.sizes(batch_sizes)]
    for (b, before), (larger, after) in pairwise(values):
        if not (known := is_at_most(after, before)):
            claim = "must not rise in b" if known is False else "must be decided not to rise in b"
            subject.fail(claim, f"{before} at b = {b} and {after} at b = {larger}")


def assert_certified(
    certify: Callable[[Any], Verdict],
    quantity: Quantity,
    process: Any = None,
    step: int | None = None,
    **arguments: Any,
) -> None:
    r"""What ``certify`` says of a quantity is proved, by a certificate that is checked.

    Guarantees:
        What the certificate says, for example :math:`V(2b) \le V(b)/2` for *all* valid b with ``sv.certify_halving``.

    Args:
        certify: From the result to a Verdict: ``sv.certify_convex``, ``sv.certify_halving``,
            ``sv.certify_scaled_decreasing``, ``sv.certify_covariance_decreasing`` ...
        quantity: What the verdict is about: a BatchPolynomial, or a matrix of them.
        process: What it is a quantity of.
        step: t.
        **arguments: For the quantity.

    Raises:
        AssertionError: Refuted or undecided, with the reason.
        CertificateError: The certificate does not prove it: a fault of ``certify``.

    Examples:
        >>> import sgdvar as sv
        >>> from sgdvar.assertions import assert_certified
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[1], step_size=1)
        >>> assert_certified(sv.certify_halving, sv.gradient_variance, sgd, step=3)
        >>> assert_certified(sv.certify_covariance_decreasing, sv.weight_covariance, sgd, step=3)
    """
    subject = Subject.of(quantity, process, step, arguments)
    verdict = certify(subject.result)
    if verdict.status != "proved":
        subject.fail(f"must be proved by {certify.__name__}", f"{verdict.status}: {verdict.reason}")
    check_certificate(verdict.certificate, subject.result)


def assert_non_negative_coefficients(
    quantity: Quantity,
    process: Any = None,
    step: int | None = None,
    *,
    constant_term: bool = False,
    **arguments: Any,
) -> None:
    r"""The coefficients of :math:`V(b) = \sum_k a_k c(b)^k` are non-negative for :math:`k \ge 1`, and :math:`a_0 = 0`.

    Guarantees:
        So V never rises, and a doubled batch at most halves it. Without replacement polynomials that agree at
        b = 1, ..., n are equally good: the coefficients are those of the one that the quantity returns.

    Args:
        quantity: V, a function that returns a BatchPolynomial, or a BatchPolynomial.
        process: What it is a quantity of.
        step: t.
        constant_term: Whether :math:`a_0` may be any number, as for a loss or a second moment.
        **arguments: For the quantity.

    Raises:
        AssertionError: A coefficient is negative, or its sign is not known.
        TypeError: V is no polynomial.

    Examples:
        >>> import sgdvar as sv
        >>> from sgdvar.assertions import assert_non_negative_coefficients
        >>> V = sv.BatchPolynomial(sv.BatchDesign(sv.WithReplacement(), 9), (0, 3, -1))
        >>> assert_non_negative_coefficients(V)
        Traceback (most recent call last):
        AssertionError: V must have non-negative coefficients of c(b)^k, got -1 for k = 2
    """
    subject = Subject.of(quantity, process, step, arguments)
    V = subject.required_polynomial()
    constant, *coefficients = V.c_coefficients
    if not V.is_exact:
        subject.fail("must be exact to be decided", f"float coefficients, {V}")
    if not constant_term and constant != 0:
        subject.fail("must have no constant term in c(b)", str(constant))
    for k, a in enumerate(coefficients, 1):
        if not is_at_most(0, a):
            subject.fail("must have non-negative coefficients of c(b)^k", f"{a} for k = {k}")


def assert_at_most(first: Result, second: Result, *processes: Any, batch_sizes: Iterable[int] | None = None) -> None:
    r"""One result is at most another at every batch size that is tried: :math:`V(b) \le W(b)`.

    Guarantees:
        The inequality at these batch sizes, and at no others.

    Args:
        first: V: a BatchPolynomial, a dict from b to values, a function of b, or a number.
        second: W, likewise; the two may belong to different designs.
        *processes: What they belong to, to be shown on failure; the first may tell the valid batch sizes.
        batch_sizes: The batch sizes to try; by default those that are valid for ``first`` (without a largest b: 1 to
            4).

    Raises:
        AssertionError: V is larger somewhere, with the first batch size and both values; or that cannot be decided.

    Examples:
        >>> import sgdvar as sv
        >>> from sgdvar.assertions import assert_at_most
        >>> problem = sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0]))
        >>> V, W = (sv.gradient_variance(sv.SGD(problem, [1], 1, sampling), step=2)
        ...         for sampling in (sv.WithoutReplacement(), sv.WithReplacement()))
        >>> assert_at_most(V, W)
    """
    subject, other = Subject.of_result(first, processes), Subject.of_result(second, processes)
    for b in subject.sizes(batch_sizes):
        value, bound = subject.value(b), other.value(b)
        if not (known := is_at_most(value, bound)):
            subject.fail(f"must be {'' if known is False else 'decided to be '}at most {bound} at b = {b}", str(value))
