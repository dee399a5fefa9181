"""What a pilot knows: how much replicates vary relative to the value, and whether there is a value to refer to."""

from __future__ import annotations

import math

import numpy as np

from sgdvar.monte_carlo.statistics.summaries import Summary

__all__ = ["needed_replicates", "no_reference", "relative_variance"]

_FROM_ZERO = 3  # standard errors by which a value that may have either sign must differ from 0 to be referred to
_MARGIN = 3  # standard errors by which the pilot's variance is taken to be larger than estimated


def needed_replicates(groups: Summary, relative_error: float, *, is_signed: bool = False) -> float:
    r"""The replicates that a relative standard error needs, as far as a pilot can tell.

    The squared relative error of N replicates is :math:`\kappa / N + 2 \rho^2 / N^2`, in which :math:`\rho` is the
    part of the value that is a sample variance.

    A value that cannot be told from 0 is none to refer to. One that may have either sign is told from 0 by three
    standard errors; of one that is never negative, such as a variance, any estimate but 0 is enough.

    Args:
        groups: At least two sets of replicates, side by side.
        relative_error: A positive number.
        is_signed: Whether the value may have either sign, so that it may be 0 although replicates vary.

    Returns:
        A bound on the N that reaches it; 0 for a value that is 0 without error, infinite where there is none to refer
        to (``no_reference`` says so).
    """
    whole = groups.together()
    size, error = (float(np.linalg.norm(array)) for array in (whole.value, whole.standard_error))
    if size == error == 0:
        return 0.0
    if size == 0 or (is_signed and size < _FROM_ZERO * error):
        return math.inf
    kappa, uncertainty = relative_variance(whole, groups)
    rho = math.sqrt(whole.count * float(np.sum(whole.second_order)) / 2) / size
    needed = (kappa + _MARGIN * uncertainty) / relative_error**2 + math.sqrt(2) * rho / relative_error
    return needed if math.isfinite(needed) else math.inf


def relative_variance(whole: Summary, groups: Summary) -> tuple[float, float]:
    r"""The variance of q relative to the squared value, :math:`\kappa = N\,(\text{standard error}/|\text{value}|)^2`.

    Args:
        whole: The summary of all replicates, whose value is not 0.
        groups: Those of at least two parts of equal size, side by side.

    Returns:
        :math:`\kappa` and the standard error of it, from how the groups differ (the ratio is linearised).
    """
    size = float(np.linalg.norm(whole.value))
    entries = tuple(range(1, groups.value.ndim))
    kappa = whole.count * float(np.sum((whole.standard_error / size) ** 2))
    parts = groups.count * np.sum((groups.standard_error / size) ** 2, axis=entries)
    values = np.sum(groups.value / size * (whole.value / size), axis=entries)
    return kappa, float(np.std(parts - 2 * kappa * values, ddof=1)) / math.sqrt(len(parts))


def no_reference(pilot: Summary, batch_size: int) -> str:
    """Why no number of replicates can be planned from a relative error, where ``relative_variance`` is infinite.

    Args:
        pilot: All replicates of the pilot.
        batch_size: b.
    """
    size, error = (float(np.linalg.norm(array)) for array in (pilot.value, pilot.standard_error))
    what = "a value of norm" if pilot.value.ndim else "a value of"
    return (
        f"relative_error must have a value other than 0 to refer to, got {what} {size:.2g} +- {error:.2g} from "
        f"{pilot.count:,} pilot replicates at batch size {batch_size}, which cannot be told from 0; give replicates= "
        "instead"
    )
