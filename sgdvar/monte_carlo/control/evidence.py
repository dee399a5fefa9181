"""Whether replicates show of a control variate what is known of it."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from sgdvar.monte_carlo.control.protocol import Controls
from sgdvar.monte_carlo.statistics.summaries import Functional, Summary, summarise, summarise_mean

__all__ = ["has_missed", "left_out", "summaries_of_control"]

_ROUNDED = 64  # units of rounding by which a mean of 0 may be off
_BY_CHANCE = 1e-9  # how often chance may take it for one that is off
_MANY = 256  # replicates tell a variance from half of it


def summaries_of_control(known: Functional, controlled: Functional) -> tuple[Summary, Summary]:
    """Of the estimate without the control variate, and of what that takes off, whose mean is 0."""
    return summarise(known), summarise_mean(known.offsets - controlled.offsets)


def has_missed(without: Summary, correction: Summary, controls: Controls, batch_size: int, eps: float) -> bool:
    """Whether replicates do not show what is known of the control variate: rare examples were not drawn.

    Its mean is 0, up to chance and rounding, and of many replicates its variance is not far below what it must be.

    Args:
        without: Of the estimate without the control variate.
        correction: Of what that takes off.
        controls: The control variate.
        batch_size: b.
        eps: The distance of 1 from the next number.
    """
    if correction.count < 2:
        return False
    mean, error = (float(np.linalg.norm(array)) for array in (correction.value, correction.standard_error))
    chance = -float(stdtrit(correction.count - 1, _BY_CHANCE)) * error
    rounding = _ROUNDED * eps * (float(np.linalg.norm(without.mean)) + controls.scale(batch_size))
    if mean > chance + rounding:
        return True
    variance = float(np.sum(correction.influence_spread)) / (correction.count - 1)
    return correction.count >= _MANY and variance + rounding**2 < controls.least_variance(batch_size) / 2


def left_out(replicates: int) -> str:
    """Says that a control variate is left out, and why."""
    return (
        f"the control variate is left out: its mean or its variance over {replicates:,} replicates "
        "is not what is known of it; rare examples were not drawn, and the standard error may be far too small; give "
        "more replicates"
    )
