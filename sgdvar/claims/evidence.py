"""What a verdict in the register rests on: each kind says in one line what it is, and becomes plain data."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, TypeAlias

from sgdvar.certificates import Certificate
from sgdvar.check import check_certificate
from sgdvar.data import GaussianPopulation
from sgdvar.derivation import Derivation, Grade, proofs_folder
from sgdvar.memory import once_for_each
from sgdvar.process import SGD, check_process
from sgdvar.scalars import Scalar
from sgdvar.search import SearchResult
from sgdvar.search.claim import QUANTITIES

__all__ = ["CheckedSteps", "Counterexample", "Evidence", "KernelProof", "Proof", "Searched"]


@dataclass(frozen=True)
class CheckedSteps:
    """A derivation of which a program has checked every step.

    Attributes:
        file: Where it is, for example "proofs/linear_regression.py".
        grades: How many steps have each grade of evidence, the strongest first.

    Examples:
        >>> from sgdvar.claims import CheckedSteps
        >>> from sgdvar.derivation import load_derivation, proofs_folder
        >>> print(CheckedSteps.of(load_derivation(proofs_folder() / "batch_mean.py")).words)
        derivation, parts by cases
    """

    file: str
    grades: Mapping[Grade, int]

    @classmethod
    def of(cls, derivation: Derivation) -> CheckedSteps:
        """A derivation, every step of which is checked once in each process.

        Args:
            derivation: The derivation.

        Raises:
            FalseStepError: A step is false.
        """
        return cls(f"proofs/{derivation.name}.py", _grades_of(derivation))

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return sum(self.grades.values())

    @property
    def is_general(self) -> bool:
        """Whether every step was checked for all values of its symbols."""
        return all(grade.is_general for grade in self.grades)

    @property
    def words(self) -> str:
        """The derivation in the words of a verdict; its weakest step decides."""
        if self.is_general:
            return "derivation in symbols"
        return "derivation, parts cited" if Grade.CITED in self.grades else "derivation, parts by cases"

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {grade.words}" for grade, count in self.grades.items())
        return f"derivation {self.file}, {self.steps} step{'s' * (self.steps != 1)}: {kinds}"

    def to_dict(self) -> dict[str, Any]:
        """The evidence as plain data for JSON."""
        grades = {grade.words: count for grade, count in self.grades.items()}
        return {"kind": "checked steps", "file": self.file, "steps": self.steps, "grades": grades}


@once_for_each
def _grades_of(derivation: Derivation) -> dict[Grade, int]:
    return derivation.check().grades


@dataclass(frozen=True)
class Proof:
    """A certificate, which ``check_certificate`` has accepted.

    Attributes:
        subject: What it is about, in words.
        certificate: The certificate.
        from_batch_size: The batch size from which the claim needs what it says; 1 for all.

    Raises:
        CertificateError: The certificate does not prove what it says.
        TypeError: There is no certificate.
        ValueError: It says it from a larger batch size on.

    Examples:
        >>> import sgdvar as sv
        >>> from sgdvar.claims import Proof
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [0, 1])), start=[1], step_size=1)
        >>> V = sv.gradient_variance(sgd, step=1)
        >>> print(Proof("Var(g_1)", sv.certify_decreasing(V).certificate).subject)
        Var(g_1)
    """

    subject: str
    certificate: Certificate
    from_batch_size: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.certificate, Certificate):
            raise TypeError(f"certificate must be a Certificate, got {type(self.certificate).__name__}")
        check_certificate(self.certificate)
        if self.certificate.from_batch_size > self.from_batch_size:
            raise ValueError(
                f"certificate must hold from b = {self.from_batch_size} on, got one that says: "
                f"{self.certificate.statement}"
            )

    def __str__(self) -> str:
        return f"certificate for {self.subject}, checked: {self.certificate.statement}"

    def to_dict(self) -> dict[str, Any]:
        """The evidence as plain data for JSON."""
        return {"kind": "certificate", "subject": self.subject, "certificate": self.certificate.to_dict()}


@dataclass(frozen=True)
class Counterexample:
    """An instance on which a claim fails, with exact values, small enough to be checked by hand.

    Attributes:
        code: Python that rebuilds the instance.
        values: What is found there, for example "gradient variance at step 1 is 0 at b = 1 and 12/5 at b = 2".

    Examples:
        >>> import sgdvar as sv
        >>> from sgdvar.claims import Counterexample
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [0, 1])), start=[1], step_size=1)
        >>> print(Counterexample.of(sgd, "gradient-variance", step=0, batch_sizes=[1, 2]))
        counterexample: gradient variance at step 0 is 1/4 at b = 1 and 0 at b = 2
    """

    code: str
    values: str

    @classmethod
    def of(
        cls,
        sgd: SGD,
        quantity: str,
        step: int,
        batch_sizes: Sequence[int],
        *,
        violates: Literal["decreasing"] | None = None,
    ) -> Counterexample:
        """The instance of a process, its values found twice: by an exact engine and by all sequences of batches.

        A process that the exact engines do not serve is enumerated only; a Gaussian population, which has no finite
        number of sequences, is left to the engine.

        Args:
            sgd: The process, exact and free of symbols.
            quantity: "gradient-variance", "full-gradient-variance", "gradient-second-moment" or "expected-loss".
            step: t.
            batch_sizes: At which the values are shown.
            violates: "decreasing" to insist that the values rise somewhere along the batch sizes.

        Raises:
            AssertionError: The two disagree.
            ValueError: An unknown quantity, a process that is not exact, or values that do not violate the order.
        """
        if quantity not in QUANTITIES:
            raise ValueError(f"quantity must be one of {', '.join(map(repr, QUANTITIES))}, got {quantity!r}")
        if violates not in (None, "decreasing"):
            raise ValueError(f'violates must be "decreasing" or None, got {violates!r}')
        if check_process(sgd, fresh=False).kind not in ("integer", "rational"):
            raise ValueError(f"sgd must be exact and free of symbols, got {sgd}; see sgdvar.rationalize")
        values = _exact_values(sgd, quantity, step, sorted(batch_sizes))
        if violates is not None and not any(small < large for small, large in pairwise(values.values())):
            raise ValueError(f"batch_sizes must show values that rise, got {_shown(values)}")
        return cls(sgd.as_code(), f"{quantity.replace('-', ' ')} at step {step} is {_shown(values)}")

    @classmethod
    def found(cls, result: SearchResult) -> Counterexample:
        """The instance that a search has found, computed anew.

        Raises:
            AssertionError: Two routes to a value disagree.
            ValueError: The search found none.
        """
        if result.process is None:
            raise ValueError("result must have a counterexample, got a search that found none; see Searched.of")
        return cls.of(result.process, result.claim.quantity, result.claim.step, sorted(result.values))

    def __str__(self) -> str:
        return f"counterexample: {self.values}"

    def to_dict(self) -> dict[str, Any]:
        """The evidence as plain data for JSON."""
        return {"kind": "counterexample", "code": self.code, "values": self.values}


@dataclass(frozen=True)
class Searched:
    """A search that ended, and what it went through.

    Attributes:
        says: In one line.
        record: Plain data for JSON: the family, the seed, the numbers of starts and evaluations, the best value.

    Examples:
        >>> from sgdvar.claims import Searched
        >>> print(Searched("1,000 starts, nothing found", {}))
        search: 1,000 starts, nothing found
    """

    says: str
    record: Mapping[str, Any]

    @classmethod
    def of(cls, result: SearchResult) -> Searched:
        """What a search went through."""
        return cls(f"{result.claim}; {result.family}: {result.record}", result.to_dict())

    def __str__(self) -> str:
        return f"search: {self.says}"

    def to_dict(self) -> dict[str, Any]:
        """The evidence as plain data for JSON."""
        return {"kind": "search", "says": self.says, "record": dict(self.record)}


@dataclass(frozen=True)
class KernelProof:
    """A theorem that the kernel of a proof assistant accepts; ``make formal`` has it check all of them.

    Attributes:
        file: Where its statement is.
        theorem: Its name.
        covers: Of what is claimed, the part that it is about.

    Examples:
        >>> from sgdvar.claims import KernelProof
        >>> print(KernelProof.of("gradient_variance_antitone", covers="finite data"))
        theorem gradient_variance_antitone of proofs/formal/Theorems.v, for finite data, which the kernel of Coq accepts
    """

    file: str
    theorem: str
    covers: str

    @classmethod
    def of(cls, theorem: str, *, covers: str) -> KernelProof:
        """A theorem of proofs/formal/Theorems.v.

        Args:
            theorem: Its name.
            covers: The part of the claim that it is about, for example "finite data".

        Raises:
            ValueError: There is no theorem of that name.
        """
        text = (proofs_folder() / "formal" / "Theorems.v").read_text(encoding="utf-8")
        if theorem not in re.findall(r"^Theorem (\w+)", text, re.MULTILINE):
            raise ValueError(f"theorem must be one of proofs/formal/Theorems.v, got {theorem!r}")
        return cls("proofs/formal/Theorems.v", theorem, covers)

    def __str__(self) -> str:
        return f"theorem {self.theorem} of {self.file}, for {self.covers}, which the kernel of Coq accepts"

    def to_dict(self) -> dict[str, Any]:
        """The evidence as plain data for JSON."""
        return {"kind": "kernel", "file": self.file, "theorem": self.theorem, "covers": self.covers}


Evidence: TypeAlias = CheckedSteps | Proof | Counterexample | Searched | KernelProof


def _shown(values: Mapping[int, Scalar]) -> str:
    texts = [f"{value} at b = {b}" for b, value in values.items()]
    return " and ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


def _exact_values(sgd: SGD, quantity: str, step: int, batch_sizes: Sequence[int]) -> dict[int, Scalar]:
    """The values of a quantity, by every route that there is.

    Raises:
        AssertionError: They disagree.
    """
    polynomial, enumerate_value, _ = QUANTITIES[quantity]
    routes: list[Callable[[int], Scalar]] = []
    if sgd.design.has_fresh_batches:
        routes.append(polynomial(sgd, step))
    if not isinstance(sgd.problem.data, GaussianPopulation):
        routes.append(lambda b: enumerate_value(sgd, step, b))
    values = {}
    for b in batch_sizes:
        found = {route(b) for route in routes}
        if len(found) != 1:
            raise AssertionError(f"{quantity} at step {step} and b = {b} has several values, {found}: {sgd}")
        values[b] = found.pop()
    return values
