"""What control variates need before a run, within its time budget."""

from __future__ import annotations

from sgdvar.errors import BudgetExceededError
from sgdvar.monte_carlo.running.runs import Run

__all__ = ["check_budget"]


def check_budget(run: Run, needed: float) -> None:
    """Compares the seconds that come before a run with its time budget.

    Raises:
        BudgetExceededError: They are more.
    """
    if needed > run.time_budget:
        raise BudgetExceededError(
            f"what control_variate=True needs before the run must take no longer than time_budget = "
            f"{run.time_budget:g} seconds, forecast are {needed:.3g}; raise time_budget= or give control_variate=False",
            needed=needed,
            limit=run.time_budget,
            unit="seconds",
        )
