"""The orders that V can have in b, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from sgdvar.certificates import Verdict
from sgdvar.certify import certify_convex, certify_decreasing, certify_halving, certify_scaled_decreasing
from sgdvar.polynomial import BatchPolynomial

__all__ = ["ORDERS", "certify_order"]

ORDERS: Mapping[str, Callable[[BatchPolynomial], Verdict]] = MappingProxyType({
    "decreasing": certify_decreasing,
    "scaled decreasing": certify_scaled_decreasing,
    "halving": certify_halving,
    "convex": certify_convex,
})
"""What decides each order.

Each but "convex" is an inequality right(b') <= left(b). The witness, where it fails, is (b, b', left(b), right(b')).
That of "convex" is (u, V''(u)).
"""


def certify_order(V: BatchPolynomial, order: str) -> Verdict:
    """Whether V has an order, given in words.

    Args:
        V: A polynomial in 1/b.
        order: "decreasing", "scaled decreasing", "halving" or "convex".

    Returns:
        The Verdict of ``certify_decreasing``, ``certify_scaled_decreasing``, ``certify_halving`` or ``certify_convex``.

    Raises:
        TypeError: V is no BatchPolynomial.
        ValueError: Anything but one of these words.

    Examples:
        >>> import sgdvar as sv
        >>> V = sv.BatchPolynomial(sv.BatchDesign(sv.WithReplacement(), 10), (0, 3, 1, -1))  # 3/b + 1/b^2 - 1/b^3
        >>> {order: sv.certify_order(V, order).from_batch_size for order in sv.ORDERS}
        {'decreasing': 1, 'scaled decreasing': 2, 'halving': 2, 'convex': 3}
    """
    if not isinstance(order, str) or order not in ORDERS:
        raise ValueError(f"order must be one of {', '.join(map(repr, ORDERS))}, got {order!r}")
    return ORDERS[order](V)
