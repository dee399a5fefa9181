r"""How a batch is drawn, which batch sizes that allows, and the variance factor c(b).

c(b) is the variance of a batch mean relative to the population variance (divisor n):

================================  ==========================
i.i.d. draws from a population    :math:`1/b`
with replacement from n           :math:`1/b`
without replacement from n        :math:`(n-b)/(b(n-1))`
================================  ==========================
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from sgdvar.scalars import check_count

__all__ = ["IID", "BatchDesign", "Sampling", "WithReplacement", "WithoutReplacement"]


@dataclass(frozen=True)
class IID:
    """Batches of b independent draws from a population, fresh at every step (online SGD); any b >= 1."""


@dataclass(frozen=True)
class WithReplacement:
    """Batches of b independent uniform draws from n examples, fresh at every step; any b >= 1."""


@dataclass(frozen=True)
class WithoutReplacement:
    """Batches uniform among the b-subsets of n examples, fresh and independent at every step; 1 <= b <= n."""


Sampling: TypeAlias = IID | WithReplacement | WithoutReplacement


@dataclass(frozen=True)
class BatchDesign:
    r"""A way of sampling together with what it samples from: the valid batch sizes and c(b).

    Attributes:
        sampling: How a batch is drawn.
        population_size: The number of examples n; None for a population.

    Raises:
        TypeError: ``sampling`` is not one of the three designs, or the number of examples no integer.
        ValueError: No examples, or a design that does not fit the source, for example IID on finite data.
    """

    sampling: Sampling
    population_size: int | None

    def __post_init__(self) -> None:
        if not isinstance(self.sampling, IID | WithReplacement | WithoutReplacement):
            raise TypeError(
                "sampling must be IID(), WithReplacement() or WithoutReplacement(), got "
                f"{self.sampling!r} of type {type(self.sampling).__name__}"
            )
        if self.population_size is not None:
            object.__setattr__(self, "population_size", check_count(self.population_size, "population_size", least=1))
        if self.population_size is None and not isinstance(self.sampling, IID):
            raise ValueError(f"sampling must be IID() for a population, got {self.sampling}")
        if self.population_size is not None and isinstance(self.sampling, IID):
            raise ValueError(
                "sampling must be WithoutReplacement() or WithReplacement() for finite data, got IID(); "
                "independent uniform draws from a Dataset are WithReplacement()"
            )

    @property
    def is_without_replacement(self) -> bool:
        """Whether examples in one batch are distinct."""
        return isinstance(self.sampling, WithoutReplacement)

    @property
    def max_batch_size(self) -> int | None:
        """The largest valid batch size; None where every b >= 1 is valid."""
        return self.population_size if self.is_without_replacement else None

    @property
    def factor_line(self) -> tuple[Fraction, Fraction]:
        r"""The pair (intercept, slope) with :math:`c = \text{intercept} + \text{slope}\,u` and u = 1/b."""
        n = self.max_batch_size
        if n is None:
            return Fraction(0), Fraction(1)
        return (Fraction(0), Fraction(0)) if n == 1 else (Fraction(-1, n - 1), Fraction(n, n - 1))

    def check_batch_size(self, batch_size: object) -> int:
        """``batch_size`` as an int that this design allows.

        Raises:
            TypeError: Not an integer, or a bool.
            ValueError: Outside the design's range.
        """
        b = check_count(batch_size, "batch_size", least=1)
        n = self.max_batch_size
        if n is not None and b > n:
            raise ValueError(f"batch_size must satisfy 1 <= b <= n without replacement, got {b} with n = {n}")
        return b

    def variance_factor(self, batch_size: int) -> Fraction:
        r"""The exact variance factor c(b); 0 at b = n without replacement, and where n = 1.

        Raises:
            TypeError: ``batch_size`` is not an integer, or a bool.
            ValueError: ``batch_size`` is outside the design's range.
        """
        intercept, slope = self.factor_line
        return intercept + slope / self.check_batch_size(batch_size)

    def __str__(self) -> str:
        if self.population_size is None:
            return "i.i.d. draws from a population"
        return f"{'without' if self.is_without_replacement else 'with'} replacement from n = {self.population_size}"
