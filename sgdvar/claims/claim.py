"""Claims, and what is found about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sgdvar.certificates import Verdict
from sgdvar.claims.evidence import CheckedSteps, Counterexample, Evidence, KernelProof, Proof, Searched
from sgdvar.process import SGD, check_process
from sgdvar.scalars import check_count
from sgdvar.search import SearchClaim, search_counterexample
from sgdvar.search.families import Family

__all__ = ["Claim", "Finding", "Status", "by_search", "not_examined", "proved", "refuted", "undecided"]

Status: TypeAlias = Literal["proved", "refuted", "undecided", "not examined"]


@dataclass(frozen=True)
class Finding:
    """A verdict on a claim, and what it rests on.

    Attributes:
        status: "proved", "refuted", "undecided" or "not examined".
        reason: One or two sentences that a reader can check.
        evidence: Proved claims have a derivation, a certificate or a proof that a kernel has checked; refuted ones a
            counterexample or a proof of the opposite.

    Raises:
        ValueError: Another status, no reason, or a verdict without the evidence that it needs.

    Examples:
        >>> from sgdvar.claims import Finding, KernelProof
        >>> theorem = KernelProof.of("gradient_variance_antitone", covers="finite data")
        >>> print(Finding("proved", "by induction on the steps", (theorem,)).words)
        PROVED (kernel)
    """

    status: Status
    reason: str
    evidence: tuple[Evidence, ...] = ()

    def __post_init__(self) -> None:
        needs: dict[str, tuple[type, ...]] = {
            "proved": (CheckedSteps, Proof, KernelProof),
            "refuted": (Counterexample, CheckedSteps, KernelProof),
            "undecided": (),
            "not examined": (),
        }
        if self.status not in needs:
            raise ValueError(f"status must be one of {', '.join(map(repr, needs))}, got {self.status!r}")
        if not self.reason.strip():
            raise ValueError("reason must say what a reader can check, got nothing")
        kinds = needs[self.status]
        if kinds and not any(isinstance(item, kinds) for item in self.evidence):
            names = " or ".join(kind.__name__ for kind in kinds)
            raise ValueError(f"a {self.status} claim must have {names} among its evidence, got {self.evidence!r}")

    @property
    def words(self) -> str:
        """The verdict in words that depend on the evidence alone, strongest first."""
        held = list(dict.fromkeys(word for kind in _STRONGEST_FIRST for word in _words_of(kind, self.evidence)))
        if self.status == "undecided":
            held = ["searched"] if self.evidence else []
        return f"{self.status.upper()} ({'; '.join(held)})" if held else self.status.upper()


_STRONGEST_FIRST = (KernelProof, CheckedSteps, Proof, Counterexample)


def _words_of(kind: type, evidence: tuple[Evidence, ...]) -> list[str]:
    """What evidence of a kind adds to the words of a verdict."""
    names = {KernelProof: "kernel", Proof: "certificate", Counterexample: "counterexample"}
    found = [item for item in evidence if isinstance(item, kind)]
    return [item.words if isinstance(item, CheckedSteps) else names[kind] for item in found]


def proved(reason: str, *evidence: Evidence) -> Finding:
    """The finding that a claim is proved.

    Examples:
        >>> from sgdvar.claims import KernelProof, proved
        >>> theorem = KernelProof.of("gradient_variance_antitone", covers="finite data")
        >>> proved("by induction on the steps", theorem).words
        'PROVED (kernel)'
    """
    return Finding("proved", reason, evidence)


def refuted(reason: str, *evidence: Evidence) -> Finding:
    """The finding that a claim is refuted.

    Examples:
        >>> import sgdvar as sv
        >>> from sgdvar.claims import Counterexample, refuted
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [0, 1])), start=[1], step_size=1)
        >>> refuted("it is not 0", Counterexample.of(sgd, "gradient-variance", step=0, batch_sizes=[1])).words
        'REFUTED (counterexample)'
    """
    return Finding("refuted", reason, evidence)


def undecided(reason: str, *evidence: Evidence) -> Finding:
    """The finding that a claim is undecided: neither proved nor refuted by what was done.

    Examples:
        >>> from sgdvar.claims import Searched, undecided
        >>> undecided("no proof is known", Searched("1,000 starts, nothing found", {})).words
        'UNDECIDED (searched)'
    """
    return Finding("undecided", reason, evidence)


def not_examined(reason: str) -> Finding:
    """The finding that nothing was done about a claim.

    Examples:
        >>> from sgdvar.claims import not_examined
        >>> not_examined("it is about test error").words
        'NOT EXAMINED'
    """
    return Finding("not examined", reason)


def by_search(
    so_far: str, claim: SearchClaim, family: Family, *, evaluations: int | None = 1, **options: Any
) -> Finding:
    """What a search finds about an open claim: a counterexample, or nothing.

    Args:
        so_far: What is known of it.
        claim: What is to be violated.
        family: Where.
        evaluations: Of ``search_counterexample``; 1 for one round of random starts.
        **options: Of ``search_counterexample``, too.

    Examples:
        >>> import sgdvar as sv
        >>> from sgdvar.claims import by_search
        >>> claim = sv.SearchClaim(order="decreasing", quantity="gradient-variance", step=1)
        >>> by_search("nothing is known", claim, sv.FiniteFamily(2, widths=(1, 1)), seed=0).words
        'UNDECIDED (searched)'
    """
    result = search_counterexample(claim, family, evaluations=evaluations, **options)
    if result.process is not None:
        return refuted("a search found a counterexample", Counterexample.found(result), Searched.of(result))
    return undecided(f"{so_far}; a short search found nothing", Searched.of(result))


@dataclass(frozen=True, eq=False)
class Claim:
    """A statement about batch sizes.

    Attributes:
        name: Short and unique, in lower case with hyphens.
        statement: What is claimed, precisely.
        assumptions: Under what.
        source: Who says so: a paper, "folklore", or "derived here".
        settle: Finds out from scratch, with nothing stored; None where there is nothing yet that could.
        on: Decides the claim for one process at one step; None where there is no such decision.
        assumes: Says what of the assumptions a process violates, or None; asked before ``on``.

    Raises:
        ValueError: A bad name, or an empty text.

    Examples:
        >>> import sgdvar as sv
        >>> from sgdvar.claims import Claim, Counterexample, refuted
        >>> def settle():
        ...     sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [0, 1])), start=[1], step_size=1)
        ...     return refuted("it is positive for b = 1", Counterexample.of(sgd, "gradient-variance", 0, [1, 2]))
        >>> claim = Claim("no-noise", "Var(g_0) = 0 for every b", "linear regression", "a joke", settle)
        >>> print(claim.settle().evidence[0])
        counterexample: gradient variance at step 0 is 1/4 at b = 1 and 0 at b = 2
    """

    name: str
    statement: str
    assumptions: str
    source: str
    settle: Callable[[], Finding] | None = None
    on: Callable[[SGD, int], Verdict] | None = None
    assumes: Callable[[SGD], str | None] | None = None

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and self.name.replace("-", "").isalnum() and self.name == self.name.lower()):
            raise ValueError(f"name must be letters and digits in lower case with hyphens, got {self.name!r}")
        for field in ("statement", "assumptions", "source"):
            value = getattr(self, field)
            if not (isinstance(value, str) and value.strip()):
                raise ValueError(f"{field} of the claim {self.name} must be a text, got {value!r}")

    def verdict_on(self, sgd: SGD, step: int) -> Verdict:
        """The verdict on the claim for one process at one step.

        Args:
            sgd: A process that satisfies the assumptions.
            step: t.

        Raises:
            TypeError: ``sgd`` is no process.
            ValueError: The process violates an assumption, the step is none, or the claim is not about processes.
        """
        check_process(sgd, fresh=False)
        t = check_count(step, "step")
        if self.on is None:
            raise ValueError(f"the claim must be about single processes, got {self.name}, which is settled as a whole")
        violated = None if self.assumes is None else self.assumes(sgd)
        if violated is not None:
            raise ValueError(f"sgd must satisfy the assumptions of {self.name} ({self.assumptions}), got {violated}")
        return self.on(sgd, t)
