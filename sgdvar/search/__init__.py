"""Counterexample search: optimisation proposes in floats, exact arithmetic decides."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from sgdvar import __version__
from sgdvar.certificates import Verdict
from sgdvar.scalars import check_count, check_flag
from sgdvar.search.budget import Budget, Progress, reporter
from sgdvar.search.checkpoint import SearchCheckpoint
from sgdvar.search.claim import SearchClaim
from sgdvar.search.families import Family, FiniteFamily, GaussianFamily, PopulationFamily, check_family
from sgdvar.search.judge import confirmation, verdict
from sgdvar.search.record import SearchRecord, SearchResult
from sgdvar.search.theorems import theorem

__all__ = [
    "FiniteFamily",
    "GaussianFamily",
    "PopulationFamily",
    "SearchClaim",
    "SearchRecord",
    "SearchResult",
    "search_counterexample",
]


def search_counterexample(
    claim: SearchClaim,
    family: Family,
    *,
    seed: int = 0,
    seconds: float = 60,
    evaluations: int | None = None,
    largest: int = 100,
    maximise: bool = False,
    checkpoint: str | PathLike[str] | None = None,
    progress: Progress = False,
) -> SearchResult:
    r"""A search for a member of a family that violates a claim, and the simplest one near what is found.

    Gradient ascent on the logarithm of :math:`V(b') / V(b)` in floats proposes, from random starts; nothing is stored.
    Proposals are rounded to fractions, and exact values decide. A violation is then tidied: fewer examples and hidden
    units, zeros, small integers and fractions, as long as it stays one.

    Guarantees:
        What is reported as refuted is violated exactly; finite data and atoms are enumerated as well. Nothing is ever
        reported as proved. On one machine the same seed finds the same, unless the seconds end it earlier.

    Args:
        claim: The claim.
        family: The family. With ``stable=True`` every member's step size is below :math:`2 / \lambda_{\max}` of the
            Hessian of the mean loss, at the start and at the balanced minimum, exactly.
        seed: An integer of at least 0.
        seconds: No round of random starts begins after so many seconds, those before a resumption included; what has
            been found is tidied after them.
        evaluations: No round begins after so many float values with derivatives; None for any number, and for one round
            where a theorem says that there is nothing to find.
        largest: The largest numerator and denominator, which is also the reciprocal of the smallest probability.
        maximise: Go on for the largest ratio until the budget is spent; tidying keeps at least half of it.
        checkpoint: A file that keeps what has been searched, so that the same call goes on from there.
        progress: A function of the ``SearchRecord`` after every round; True for a line on standard error.

    Returns:
        "refuted" with the counterexample, or "undecided" with what was searched.

    Raises:
        TypeError: An argument of the wrong type.
        ValueError: A budget of 0, or batch sizes that the family does not have.
        BudgetExceededError: A float value would run through too many sequences of batches; nothing was searched.
        CheckpointError: The checkpoint is another search's, damaged, or cannot be written.
        ImportError: ``progress=True``, and rich is not installed.

    Examples:
        Two layers of one weight on two examples that are drawn with replacement:

        >>> import sgdvar as sv
        >>> family = sv.FiniteFamily(examples=2, sampling=sv.WithReplacement())
        >>> result = sv.search_counterexample(sv.SearchClaim(batch_sizes=[1]), family, seed=0)
        >>> result.verdict.status, result.values[2] > result.values[1]
        ('refuted', True)
    """
    if not isinstance(claim, SearchClaim):
        raise TypeError(f"claim must be a SearchClaim, got {claim!r}; write SearchClaim(order='decreasing')")
    check_family(family)
    check_count(seed, "seed")
    check_count(largest, "largest", least=1)
    check_flag(maximise, "maximise")
    why_none = theorem(claim, family)
    budget = Budget.of(seconds, 1 if why_none is not None and evaluations is None else evaluations)
    # JAX is loaded here, so that claims and families are quick to make
    from sgdvar.monte_carlo.running.devices import settings
    from sgdvar.search.searching import Searcher

    searcher = Searcher(claim, family, largest, maximise)
    searcher.check()
    asked = {"claim": claim.to_dict(), "family": repr(family), "seed": seed, "largest": largest, "maximise": maximise}
    file = SearchCheckpoint(None if checkpoint is None else Path(checkpoint), {"version": __version__, **asked})
    record, found = file.load(SearchRecord(seed))
    with reporter(progress) as report, settings():
        record, found = searcher.run(record, found, budget, file, report)
        if found is None:
            return _undecided(claim, family, record, why_none)
        best = searcher.tidied(found)
    return SearchResult(
        claim, family, verdict(best, claim), best.process, best.values, best.ratio, confirmation(best, claim), record
    )


def _undecided(claim: SearchClaim, family: Family, record: SearchRecord, why_none: str | None) -> SearchResult:
    reason = f"no violation was found in {record.rounds} rounds of random starts, which proves nothing"
    if why_none is not None:
        reason = f"no violation was found; {why_none}"
    return SearchResult(claim, family, Verdict("undecided", reason), None, {}, None, None, record)
