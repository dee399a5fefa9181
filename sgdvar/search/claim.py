"""What is searched for: violations of an order of a quantity in the batch size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

from sgdvar.enumeration import (
    enumerate_expected_loss,
    enumerate_full_gradient_variance,
    enumerate_gradient_second_moment,
    enumerate_gradient_variance,
)
from sgdvar.exact import expected_loss, full_gradient_variance, gradient_second_moment, gradient_variance
from sgdvar.sampling import BatchDesign
from sgdvar.scalars import check_count, check_sequence, parse_scalar

__all__ = ["COMPARED", "QUANTITIES", "Comparison", "SearchClaim"]

Side: TypeAlias = Mapping[int, Fraction]
"""A sum of values at batch sizes: how often each counts."""

_PLACES = 3  # batch sizes that are tried where none are given


class Quantity(NamedTuple):
    """A quantity of a process at one step: as a polynomial, by enumeration, and in formulas."""

    polynomial: Callable[..., Any]
    enumerated: Callable[..., Any]
    symbol: str


QUANTITIES = {
    "gradient-variance": Quantity(gradient_variance, enumerate_gradient_variance, "Var(g_{t})"),
    "full-gradient-variance": Quantity(full_gradient_variance, enumerate_full_gradient_variance, "Var(grad L(w_{t}))"),
    "gradient-second-moment": Quantity(gradient_second_moment, enumerate_gradient_second_moment, "E|g_{t}|^2"),
    "expected-loss": Quantity(expected_loss, enumerate_expected_loss, "E L(w_{t})"),
}


@dataclass(frozen=True)
class Comparison:
    """An inequality between values V(b), violated where one side is more than a ratio times the other.

    Attributes:
        larger: The side that a violation makes larger.
        smaller: The other side.
    """

    larger: Side
    smaller: Side

    @property
    def batch_sizes(self) -> list[int]:
        """The batch sizes on both sides."""
        return sorted({*self.larger, *self.smaller})

    def sides(self, values: Mapping[int, Any], number: Callable[[Fraction], Any] = Fraction) -> tuple[Any, Any]:
        """Both sides, the larger one of a violation first, in numbers of one kind."""
        larger, smaller = (sum(number(k) * values[b] for b, k in side.items()) for side in (self.larger, self.smaller))
        return larger, smaller

    def text(self, relation: str, ratio: Fraction) -> str:
        """The sides with a relation, the smaller one times ``ratio``."""
        scaled = {b: ratio * k for b, k in self.smaller.items()}
        return f"{_side_text(self.larger)} {relation} {_side_text(scaled)}"


class Order(NamedTuple):
    """An order in b: what it says, its inequality at a pair (b, b'), its first b, and the b' that goes with b."""

    statement: str
    at: Callable[[int, int], Comparison]
    first: int = 1
    partner: Callable[[int], int] = lambda b: b + 1
    takes_pairs: bool = False


def _pair(b: int, larger: int) -> Comparison:
    return Comparison({larger: Fraction(1)}, {b: Fraction(1)})


def _scaled_pair(b: int, larger: int) -> Comparison:
    return Comparison({larger: Fraction(larger)}, {b: Fraction(b)})


def _doubled(b: int, larger: int) -> Comparison:
    return Comparison({larger: Fraction(2)}, {b: Fraction(1)})


def _chord(b: int, larger: int) -> Comparison:
    # 1/b lies between 1/(b - 1) and 1/(b + 1), at these weights
    return Comparison({b: Fraction(1)}, {b - 1: Fraction(b - 1, 2 * b), larger: Fraction(b + 1, 2 * b)})


COMPARED = {
    "decreasing": Order("does not increase in b", _pair, takes_pairs=True),
    "scaled decreasing": Order("times b does not increase in b", _scaled_pair, takes_pairs=True),
    "halving": Order("at least halves where b doubles", _doubled, partner=lambda b: 2 * b),
    "convex": Order("is convex in 1/b", _chord, first=2),
}
"""The inequalities of each order of ``sgdvar.orders``."""


@dataclass(frozen=True)
class SearchClaim:
    r"""The claim that a quantity V(b) has an order in the batch size: what a search tries to violate.

    ====================  =======================================================
    order                 violated where
    ====================  =======================================================
    "decreasing"          :math:`V(b') > V(b)`, by default :math:`b' = b + 1`
    "scaled decreasing"   :math:`b'\, V(b') > b\, V(b)`, by default b' = b + 1
    "halving"             :math:`2\, V(2b) > V(b)`
    "convex"              V(b) is above the chord in 1/b of its neighbours, b >= 2
    ====================  =======================================================

    Attributes:
        order: One of these words.
        quantity: "gradient-variance", "full-gradient-variance", "gradient-second-moment" or "expected-loss".
        step: t >= 0.
        batch_sizes: The b at which a violation is sought, or for "decreasing" and "scaled decreasing" also pairs
            (b, b'); None for the first three that the data allow. From p on is ``range(p, p + 3)``.
        target_ratio: How many times as large as the other the side that should be smaller must be, at least 0: above
            1 asks for a large violation.

    Raises:
        TypeError: Numbers that are none.
        ValueError: An unknown order or quantity, a negative step, batch sizes that the order does not know.

    Examples:
        >>> import sgdvar as sv
        >>> print(sv.SearchClaim(batch_sizes=[1], target_ratio=100))
        Var(g_1) does not increase in b, weakened to: V(2) <= 100 V(1)
    """

    order: str = "decreasing"
    quantity: str = "gradient-variance"
    step: int = 1
    batch_sizes: Sequence[int | tuple[int, int]] | None = None
    target_ratio: Any = 1

    def __post_init__(self) -> None:
        for name, known in (("order", COMPARED), ("quantity", QUANTITIES)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        check_count(self.step, "step")
        ratio, kind = parse_scalar(self.target_ratio, "target_ratio")
        if kind == "symbolic" or not ratio >= 0:
            raise ValueError(f"target_ratio must be a number, at least 0, got {ratio}")
        object.__setattr__(self, "target_ratio", Fraction(ratio))
        if self.batch_sizes is not None:
            given = tuple(check_sequence(self.batch_sizes, "batch_sizes"))
            if not given:
                raise ValueError(
                    "batch_sizes must hold at least one batch size, got none; leave them out for the first"
                )
            object.__setattr__(self, "batch_sizes", tuple(self._place(entry) for entry in given))

    def _place(self, entry: Any) -> int | tuple[int, int]:
        """A batch size, or a pair of them."""
        order = COMPARED[self.order]
        if not isinstance(entry, Sequence):
            return check_count(entry, "batch_sizes", least=order.first)
        pair = tuple(check_count(b, "batch_sizes", least=order.first) for b in entry)
        if not order.takes_pairs or len(pair) != 2 or pair[0] >= pair[1]:
            what = "integers or pairs (b, b') with b < b'" if order.takes_pairs else "integers"
            raise ValueError(f"batch_sizes must hold {what} for the order {self.order}, got {entry}")
        return pair[0], pair[1]

    def places(self, design: BatchDesign) -> tuple[tuple[int, int], ...]:
        """The pairs (b, b') at which a violation is sought.

        Raises:
            ValueError: A batch size that the design does not allow, or none that it allows.
        """
        order, largest = COMPARED[self.order], design.max_batch_size
        found = self._pairs(order.first + _PLACES)
        if self.batch_sizes is None and largest is not None:
            found = [place for place in found if self.at(place).batch_sizes[-1] <= largest]
            if not found:
                raise ValueError(f"the claim must compare batch sizes that exist, got {self.order} for {design}")
        for place in found:
            for b in self.at(place).batch_sizes:
                design.check_batch_size(b)
        return tuple(found)

    def _pairs(self, end: int) -> list[tuple[int, int]]:
        order = COMPARED[self.order]
        given = range(order.first, end) if self.batch_sizes is None else self.batch_sizes
        return [b if isinstance(b, tuple) else (b, order.partner(b)) for b in given]

    def at(self, place: tuple[int, int]) -> Comparison:
        """The inequality at one pair (b, b')."""
        return COMPARED[self.order].at(*place)

    def ladder(self, place: tuple[int, int], design: BatchDesign) -> list[Comparison]:
        """The inequality at a pair, after those at smaller batch sizes that lead to it where any size is valid."""
        order, (b, larger) = COMPARED[self.order], place
        rungs = [place]
        while design.max_batch_size is None and rungs[0][0] > order.first + 1:
            low = rungs[0][0] // 2
            is_given = larger != order.partner(b)
            rungs.insert(0, (low, max(low + 1, larger * low // b) if is_given else order.partner(low)))
        return [self.at(rung) for rung in rungs]

    @property
    def symbol(self) -> str:
        """The quantity as a formula."""
        return QUANTITIES[self.quantity].symbol.format(t=self.step)

    def to_dict(self) -> dict[str, Any]:
        """The claim as plain data for JSON."""
        return {
            "order": self.order,
            "quantity": self.quantity,
            "step": self.step,
            "batch_sizes": None if self.batch_sizes is None else [_plain(entry) for entry in self.batch_sizes],
            "target_ratio": str(self.target_ratio),
        }

    def __str__(self) -> str:
        text = f"{self.symbol} {COMPARED[self.order].statement}"
        if self.batch_sizes is None and self.target_ratio == 1:
            return text
        pairs = self._pairs(COMPARED[self.order].first + 1)
        shown = ", ".join(self.at(pair).text("<=", self.target_ratio) for pair in pairs[:_PLACES])
        more = ", ..." if len(pairs) > _PLACES or self.batch_sizes is None else ""
        asked = "" if self.target_ratio == 1 else f", {'weakened' if self.target_ratio > 1 else 'strengthened'} to"
        return f"{text}{asked}: {shown}{more}"


def _side_text(side: Side) -> str:
    return " + ".join(f"V({b})" if k == 1 else f"{k} V({b})" for b, k in side.items())


def _plain(entry: int | tuple[int, int]) -> int | list[int]:
    return list(entry) if isinstance(entry, tuple) else entry
