"""How the values of options are read: functions from text to numbers, whose errors say what must hold."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from fractions import Fraction

from sgdvar.loading import parse_number

__all__ = ["count", "counts", "number", "numbers", "sequence"]


def number(
    name: str, *, above: float = -math.inf, below: float = math.inf, least: float = -math.inf
) -> Callable[[str], Fraction]:
    """Reads one exact number within bounds."""
    bounds = [f"{word} {bound:g}" for word, bound in (("above", above), ("below", below), ("at least", least))
              if math.isfinite(bound)]  # fmt: skip

    def read(text: str) -> Fraction:
        value = _checked(parse_number, text, name)
        if not (above < value < below and value >= least):
            raise argparse.ArgumentTypeError(f"{name} must be {' and '.join(bounds)}, got {text}")
        return value

    return read


def numbers(name: str) -> Callable[[str], tuple[Fraction, ...]]:
    """Reads a comma list of exact numbers."""
    return lambda text: tuple(_checked(parse_number, part.strip(), name) for part in text.split(","))


def count(name: str, least: int) -> Callable[[str], int]:
    """Reads an integer from ``least`` on."""

    def read(text: str) -> int:
        if not (text.isascii() and text.lstrip("+-").isdigit()):
            raise argparse.ArgumentTypeError(f"{name} must be an integer, got {text!r}")
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"{name} must be at least {least}, got {text}")
        return int(text)

    return read


def sequence(name: str, least: int) -> Callable[[str], tuple[int, ...]]:
    """Reads a comma list of integers."""
    read = count(name, least)
    return lambda text: tuple(read(part.strip()) for part in text.split(","))


def counts(name: str, least: int) -> Callable[[str], tuple[int, ...]]:
    """Reads a comma list of integers, in ascending order without repetitions."""
    read = sequence(name, least)
    return lambda text: tuple(sorted(set(read(text))))


def _checked(parse: Callable[[str, str], Fraction], text: str, name: str) -> Fraction:
    try:
        return parse(text, name)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
