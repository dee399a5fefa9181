"""What the options of a command describe, whatever the problem: a process, batch sizes, and both in words."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import sgdvar as sv
from sgdvar.sampling import Sampling

__all__ = ["VARIANCE_TEXT", "Inputs", "chosen_batch_sizes", "chosen_sampling", "listed", "one_digit"]

VARIANCE_TEXT = "trace of the covariance of the batch gradient, total: given w0 only, so every batch counts"

_LARGEST_SMALL_BATCH = 256  # the default grid doubles b up to here,
_LARGEST_FULL_BATCH = 1024  # and adds b = n up to here
_FEW = 16  # of fewer examples it leaves out no batch size


@dataclass(frozen=True)
class Inputs:
    """A process, the batch sizes at which it is looked at, and both in words.

    Attributes:
        sgd: The process.
        batch_sizes: Valid batch sizes in ascending order.
        facts: What a reader needs to know to repeat the computation: names, and what to say under each.
        model: For networks, where examples come from: "data" or "gaussian".
    """

    sgd: sv.SGD
    batch_sizes: tuple[int, ...]
    facts: dict[str, str]
    model: str = ""


def chosen_sampling(arguments: Namespace) -> Sampling:
    """How batches are drawn from finite data; without replacement unless the options say otherwise."""
    return sv.WithReplacement() if arguments.sampling == "with-replacement" else sv.WithoutReplacement()


def chosen_batch_sizes(arguments: Namespace, design: sv.BatchDesign, least: int = 1) -> tuple[int, ...]:
    """The batch sizes that the options name, or the default ones, checked.

    Args:
        arguments: The options.
        design: Which batch sizes are valid.
        least: The smallest one by default, unless examples are few.

    Raises:
        ValueError: One that the design does not allow.
    """
    chosen = arguments.batch_sizes if arguments.command != "derive" else None
    return tuple(design.check_batch_size(b) for b in chosen or _default_batch_sizes(design, least))


def one_digit(value: float) -> Fraction:
    """A positive number rounded down to one significant digit."""
    exact = Decimal(value)
    return exact.as_tuple().digits[0] * Fraction(10) ** exact.adjusted()


def listed(values: Sequence[Fraction]) -> str:
    """Up to six numbers, and how many there are."""
    shown = [str(value) for value in values[:6]]
    return ", ".join(shown if len(values) <= 6 else [*shown, f"... ({len(values)} in all)"])


def _default_batch_sizes(design: sv.BatchDesign, least: int) -> list[int]:
    largest = design.max_batch_size
    sizes = [2**k for k in range(_LARGEST_SMALL_BATCH.bit_length())]
    if largest is not None:
        sizes = [b for b in sizes if b < largest] + [largest] * (largest <= _LARGEST_FULL_BATCH)
        if largest < _FEW:
            return sizes
    return [b for b in sizes if b >= least]
