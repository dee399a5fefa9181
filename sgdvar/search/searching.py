"""The search itself: rounds of proposals, each judged exactly, until one holds or the budget is spent."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import numpy as np

from sgdvar.scalars import Array
from sgdvar.search.budget import Budget
from sgdvar.search.checkpoint import Found, SearchCheckpoint
from sgdvar.search.claim import Comparison, SearchClaim
from sgdvar.search.families import Family
from sgdvar.search.judge import Ratio, Violation, violation
from sgdvar.search.proposals import EVALUATIONS, Proposer
from sgdvar.search.record import SearchRecord
from sgdvar.search.shrink import Numbers, as_floats, roundings, shrunk
from sgdvar.search.sizes import smaller

__all__ = ["Searcher"]

_JUDGED = 32  # proposals of a round, at most
_MARGIN = 1.0  # beyond the target, so that rounding to fractions leaves a violation
_NO_LIMIT = 50.0  # the logarithm of a ratio


@dataclass(frozen=True, eq=False)
class Searcher:
    """One search.

    Attributes:
        claim: The claim.
        family: The family.
        largest: The largest numerator and denominator.
        maximise: Whether to go on for larger ratios until the budget is spent.
    """

    claim: SearchClaim
    family: Family
    largest: int
    maximise: bool

    @cached_property
    def _proposer(self) -> Proposer:
        return Proposer.of(self.family, self.claim.quantity, self.claim.step, self.largest)

    @cached_property
    def _places(self) -> tuple[tuple[int, int], ...]:
        return self.claim.places(self.family.design)

    def check(self) -> None:
        """Checks the batch sizes, and that float values are cheap enough.

        Raises:
            ValueError: Batch sizes that the family does not have.
            BudgetExceededError: A value takes too many sequences of batches.
        """
        self._proposer.check([self.claim.at(place) for place in self._places])

    def run(
        self,
        record: SearchRecord,
        found: Found | None,
        budget: Budget,
        checkpoint: SearchCheckpoint,
        report: Callable[[SearchRecord], None],
    ) -> tuple[SearchRecord, Found | None]:
        """Rounds until a violation is found, or the budget is spent.

        Returns:
            What was searched, and the violation.
        """
        began = time.perf_counter() - record.seconds
        while (found is None or self.maximise) and budget.allows(record):
            record, found = self._round(record, found)
            record = replace(record, seconds=time.perf_counter() - began)
            checkpoint.save(record, found)
            report(record)
        return record, found

    def _round(self, record: SearchRecord, found: Found | None) -> tuple[SearchRecord, Found | None]:
        place = self._places[record.rounds % len(self._places)]
        ladder = self.claim.ladder(place, self.family.design)
        key = jax.random.fold_in(jax.random.key(record.seed), record.rounds)
        aim = _NO_LIMIT if self.maximise else self._target + _MARGIN
        points, ratios = self._proposer.climbed(key, ladder, aim)
        best = max(record.best_ratio or 0.0, _exp(ratios[0]))
        numbers, proposed = self._accepted(self.claim.at(place), points[ratios > self._target])
        denied = proposed - (numbers is not None)
        if numbers is not None:
            found = self._better(found, Found(place, numbers))
        return (
            replace(
                record,
                rounds=record.rounds + 1,
                evaluations=record.evaluations + len(ladder) * EVALUATIONS,
                best_ratio=best,
                proposed=record.proposed + proposed,
                denied=record.denied + denied,
            ),
            found,
        )

    def _accepted(self, comparison: Comparison, points: Array) -> tuple[Numbers | None, int]:
        """The simplest rounding of the points that is a violation, or the largest one; and how many were judged."""
        rounded = roundings(points, self.largest)
        if not rounded:
            return None, 0
        ratios = self._proposer.ratios(comparison, as_floats(rounded))
        order = np.argsort(-ratios) if self.maximise else np.arange(len(rounded))
        promising = [rounded[k] for k in order if ratios[k] > self._target][:_JUDGED]
        judge = self._judge(comparison)
        for count, numbers in enumerate(promising, 1):
            if judge(numbers):
                return numbers, count
        return None, len(promising)

    def _better(self, known: Found | None, new: Found) -> Found:
        return new if known is None or self._ratio(new) > self._ratio(known) else known

    def _ratio(self, found: Found) -> Ratio:
        return self.violation(found).ratio

    def violation(self, found: Found) -> Violation:
        """The violation, judged once more."""
        known = violation(self.family, self.claim, self.claim.at(found.place), found.numbers)
        assert known is not None
        return known

    def tidied(self, found: Found) -> Violation:
        """The violation with fewer examples and simpler numbers; of the ratio at least half is kept if maximised."""
        comparison, largest = self.claim.at(found.place), self.largest
        least = self._ratio(found) / 2 if self.maximise else None
        family, numbers = self.family, found.numbers
        while (less := self._smaller(family, numbers, comparison, least)) is not None:
            family, numbers = less
        searcher = self if family == self.family else Searcher(self.claim, family, largest, self.maximise)
        numbers = shrunk(numbers, largest, searcher._promising(comparison, least), searcher._judge(comparison, least))
        known = violation(family, self.claim, comparison, numbers)
        assert known is not None
        return known

    def _smaller(
        self, family: Family, numbers: Numbers, comparison: Comparison, least: Ratio | None
    ) -> tuple[Family, Numbers] | None:
        for less, its_numbers in smaller(family, numbers):
            largest = less.design.max_batch_size
            if largest is not None and comparison.batch_sizes[-1] > largest:
                continue
            if violation(less, self.claim, comparison, its_numbers, least=least) is not None:
                return less, its_numbers
        return None

    @property
    def _target(self) -> float:
        return math.log(max(float(self.claim.target_ratio), 1e-9))

    def _promising(self, comparison: Comparison, least: Ratio | None = None) -> Callable[[Array], Array]:
        floor = self._target if least is None else max(self._target, math.log(least) - 1e-6 if least < math.inf else 0)
        return lambda rows: self._proposer.ratios(comparison, rows) > floor

    def _judge(self, comparison: Comparison, least: Ratio | None = None) -> Callable[[Numbers], bool]:
        return lambda numbers: violation(self.family, self.claim, comparison, numbers, least=least) is not None


def _exp(value: Any) -> float:
    return float(np.exp(min(float(value), 700.0)))
