"""Numbers for a person to read."""

from __future__ import annotations

import math

__all__ = ["estimate_texts", "number_text", "percent_text"]

_ROUNDING = 1e-12  # relative; a smaller standard error is 0


def percent_text(fraction: float) -> str:
    """A fraction in per cent, to two digits."""
    percent = 100 * fraction
    if percent == 0:
        return "0 %"
    return f"{percent:.{max(0, 1 - math.floor(math.log10(percent)))}f} %"


def number_text(value: float) -> str:
    """Five significant digits, without an exponent where that is short."""
    if value == 0 or not 1e-4 <= abs(value) < 1e6:
        return f"{value:.3e}" if value else "0"
    return f"{value:.{max(0, 4 - math.floor(math.log10(abs(value))))}f}"


def estimate_texts(value: float, error: float) -> tuple[str, str]:
    """An estimate and its standard error to the same decimals, two digits of the error."""
    if error <= _ROUNDING * abs(value):
        return number_text(value), "0"
    if not 1e-4 <= abs(value) < 1e6:
        return number_text(value), f"{error:.1e}"
    decimals = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{decimals}f}", f"{error:.{decimals}f}"
