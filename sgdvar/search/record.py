"""What a search reports: the verdict with its witness, and what was searched."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from sgdvar.certificates import Verdict
from sgdvar.code import as_code
from sgdvar.data import DiscretePopulation, GaussianPopulation
from sgdvar.process import SGD
from sgdvar.search.claim import SearchClaim
from sgdvar.search.families import Family

__all__ = ["SearchRecord", "SearchResult"]


@dataclass(frozen=True)
class SearchRecord:
    """What was searched.

    Attributes:
        seed: The seed.
        rounds: Rounds of random starts.
        evaluations: Float values of members, each with its derivative.
        seconds: How long it took, over all runs that a checkpoint joins.
        best_ratio: The largest ratio of the two sides that was seen in floats; None before the first round.
        proposed: Members that violate the claim in floats and were judged exactly.
        denied: How many of these do not violate it exactly.

    Examples:
        >>> import sgdvar as sv
        >>> claim = sv.SearchClaim(order="decreasing", quantity="gradient-variance", step=1)
        >>> result = sv.search_counterexample(claim, sv.FiniteFamily(2, widths=(1, 1)), seed=0)
        >>> print(result.record.seed, result.record.evaluations > 0)
        0 True
    """

    seed: int
    rounds: int = 0
    evaluations: int = 0
    seconds: float = 0.0
    best_ratio: float | None = None
    proposed: int = 0
    denied: int = 0

    def __str__(self) -> str:
        best = "no ratio" if self.best_ratio is None else f"largest ratio in floats {self.best_ratio:.6g}"
        return (
            f"{self.rounds} round{'s' * (self.rounds != 1)}, {self.evaluations:,} values with derivatives, "
            f"{self.seconds:.1f} s, seed {self.seed}, {best}; "
            f"{self.proposed} judged exactly, {self.denied} of them denied"
        )


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The outcome of a search for a counterexample.

    Attributes:
        claim: What was to be violated.
        family: Where it was searched.
        verdict: "refuted", with the witness (batch sizes, then values), or "undecided": a search proves nothing.
        process: The counterexample; None if none was found.
        values: Its exact values at the batch sizes that are compared.
        ratio: The larger side of the violated inequality divided by the smaller one: a Fraction, or infinity where
            that is 0.
        confirmed: How the values were computed a second time; None if they were not.
        record: What was searched.

    Examples:
        >>> import sgdvar as sv
        >>> claim = sv.SearchClaim(order="decreasing", quantity="gradient-variance", step=1)
        >>> result = sv.search_counterexample(claim, sv.FiniteFamily(2, widths=(1, 1)), seed=0)
        >>> print(result.process)  # linear regression: there is nothing to find
        None
    """

    claim: SearchClaim
    family: Family
    verdict: Verdict
    process: SGD | None
    values: Mapping[int, Fraction]
    ratio: Fraction | float | None
    confirmed: str | None
    record: SearchRecord

    @property
    def code(self) -> str:
        """Python code that makes the counterexample, as ``sgd``; empty if there is none."""
        if self.process is None:
            return ""
        made = as_code(self.process)
        fractions = "from fractions import Fraction\n\n" if "Fraction(" in made else ""
        return f"{fractions}import sgdvar as sv\n\nsgd = {made}"

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data for JSON: exact numbers as text "p/q", an infinite ratio as "inf"."""
        verdict = self.verdict
        return {
            "claim": self.claim.to_dict(),
            "statement": str(self.claim),
            "family": str(self.family),
            "verdict": {
                "status": verdict.status,
                "reason": verdict.reason,
                "from_batch_size": verdict.from_batch_size,
                "certificate": None if verdict.certificate is None else verdict.certificate.to_dict(),
            },
            "witness": None if self.process is None else _plain_process(self.process),
            "values": {str(b): str(value) for b, value in self.values.items()},
            "ratio": None if self.ratio is None else str(self.ratio),
            "confirmed": self.confirmed,
            "code": self.code,
            "record": asdict(self.record),
        }

    def __str__(self) -> str:
        lines = [
            f"claim     {self.claim}",
            f"family    {self.family}",
            f"verdict   {self.verdict.status.upper()}: {self.verdict.reason}",
        ]
        if self.ratio is not None:
            lines += [f"          V({b}) = {_decimal(value)}" for b, value in self.values.items()]
            lines += [f"          ratio {'infinite' if self.ratio == math.inf else _decimal(Fraction(self.ratio))}"]
            lines += [f"          confirmed by {self.confirmed}"] * (self.confirmed is not None)
        lines.append(f"searched  {self.record}")
        return "\n".join([*lines, "", self.code] if self.code else lines)


def _decimal(value: Fraction) -> str:
    exact = str(value)
    return exact if len(exact) <= 12 else f"{float(value):.6g}" + (f" = {exact}" if len(exact) <= 60 else "")


def _plain_process(sgd: SGD) -> dict[str, Any]:
    arrays = {name: _texts(value) for name, value in _data_arguments(sgd).items()}
    return {
        "problem": type(sgd.problem).__name__,
        "data": type(sgd.problem.data).__name__,
        **arrays,
        "start": [_texts(part) for part in sgd.parts] if sgd.is_network else _texts(sgd.start),
        "step_size": str(sgd.step_size),
        "sampling": repr(sgd.sampling),
    }


def _data_arguments(sgd: SGD) -> dict[str, Any]:
    data = sgd.problem.data
    if isinstance(data, GaussianPopulation):
        noise = {} if data.noise_factor is None else {"noise_factor": data.noise_factor}
        return {"teacher": data.teacher, **noise}
    arguments = {"X": data.X, "y": data.y}
    return arguments | ({"probabilities": data.probabilities} if isinstance(data, DiscretePopulation) else {})


def _texts(array: Any) -> Any:
    return np.vectorize(str, otypes=[object])(array).tolist()
