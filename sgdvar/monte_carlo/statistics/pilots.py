"""What a pilot knows: how much replicates vary relative to the value, and whether there is a value to refer to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import numpy as np

from sgdvar.monte_carlo.statistics.summaries import Summary

__all__ = ["no_reference", "relative_variance"]

_FROM_ZERO = 3  # standard errors by which a value that may have either sign must differ from 0 to be referred to


def relative_variance(
    groups: Sequence[Summary], *, rounding: float = 0.0, is_signed: bool = False
) -> tuple[float, float]:
    r"""The variance of q relative to the squared value, :math:`\kappa = N\,(\text{standard error}/|\text{value}|)^2`.

    A value that cannot be told from 0 has none. One that may have either sign is told from 0 by three standard errors;
    of one that is never negative, such as a variance, an estimate above rounding is enough.

    Args:
        groups: Summaries of at least two sets of replicates of equal size.
        rounding: What rounding alone can make of the value and of its standard error, where they are 0.
        is_signed: Whether the value may have either sign, so that it may be 0 although replicates vary.

    Returns:
        :math:`\kappa` and the jackknife standard error of it over the groups; 0 for a value that is 0 without error,
        infinite where the value cannot be told from 0 otherwise (``no_reference`` says so).
    """
    whole = reduce(Summary.merge, groups)
    size, error = (float(np.linalg.norm(array)) for array in (whole.value, whole.standard_error))
    if max(size, error) <= rounding:
        return 0.0, 0.0
    if is_signed and size < _FROM_ZERO * error:
        return math.inf, math.inf
    before, after = [groups[0]], [groups[-1]]
    for left, right in zip(groups[1:], reversed(groups[:-1]), strict=True):
        before.append(before[-1].merge(left))
        after.append(right.merge(after[-1]))
    without = [after[-2], *(a.merge(b) for a, b in zip(before[:-2], after[-3::-1], strict=True)), before[-2]]
    left_out = np.array([_relative_variance(summary) for summary in without])
    if not np.isfinite(left_out).all():
        return math.inf, math.inf
    count = len(groups)
    spread = math.sqrt((count - 1) / count * float(((left_out - left_out.mean()) ** 2).sum()))
    return _relative_variance(whole), spread


def _relative_variance(summary: Summary) -> float:
    size, error = float(np.sum(summary.value**2)), float(np.sum(summary.standard_error**2))
    if size > 0:
        return summary.count * error / size
    return math.inf if error > 0 else 0.0


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
