r"""How a batch is drawn, which batch sizes that allows, and the variance factor c(b).

c(b) is the variance of a batch mean relative to the population variance (divisor n):

================================  ==========================
i.i.d. draws from a population    :math:`1/b`
with replacement from n           :math:`1/b`
without replacement from n        :math:`(n-b)/(b(n-1))`
================================  ==========================

All three draw a fresh batch at every step. The batches of a reshuffled epoch depend on each other: each of them by
itself is drawn without replacement, and nothing that involves two of them is a function of c(b).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TypeAlias

from sgdvar.scalars import check_count, check_flag

__all__ = ["IID", "BatchDesign", "RandomReshuffling", "Sampling", "WithReplacement", "WithoutReplacement"]


@dataclass(frozen=True)
class IID:
    """Batches of b independent draws from a population, fresh at every step (online SGD); any b >= 1.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.GaussianPopulation([1])), start=[0], step_size=1, sampling=sv.IID())
        >>> print(sv.gradient_variance(sgd, step=0))
        2 c, where c = 1/b, b >= 1
    """


@dataclass(frozen=True)
class WithReplacement:
    """Batches of b independent uniform draws from n examples, fresh at every step; any b >= 1.

    Examples:
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1], [2]], [0, 1]))
        >>> print(sv.gradient_variance(sv.SGD(problem, start=[1], step_size=1, sampling=sv.WithReplacement()), step=0))
        1/4 c, where c = 1/b, b >= 1
    """


@dataclass(frozen=True)
class WithoutReplacement:
    """Batches uniform among the b-subsets of n examples, fresh and independent at every step; 1 <= b <= n.

    Examples:
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1], [2]], [0, 1]))
        >>> V = sv.gradient_variance(sv.SGD(problem, start=[1], step_size=1, sampling=sv.WithoutReplacement()), step=0)
        >>> print(V, "and", V(2), "for all examples")
        1/4 c, where c = (n - b)/(b (n - 1)), n = 2, 1 <= b <= n and 0 for all examples
    """


@dataclass(frozen=True)
class RandomReshuffling:
    r"""Batches cut from permutations of the n examples, one fresh uniform permutation for each epoch; 1 <= b <= n.

    An epoch is :math:`\lfloor n/b \rfloor` disjoint batches of size b, one after the other. Where b does not divide n,
    some :math:`r = n \bmod b` examples are over:

    - ``drop_last=True``: they are left out of this epoch, and every batch has size b;
    - ``drop_last=False``: they are the last batch of the epoch, whose gradient is the mean over these r examples alone.
      PyTorch's ``DataLoader(shuffle=True)`` does this unless told ``drop_last=True``.

    Only enumeration serves it (the functions whose names begin with ``enumerate_``): no polynomial holds for every b,
    since b decides how many batches make an epoch.

    Attributes:
        drop_last: What happens to the examples that are over.

    Raises:
        TypeError: ``drop_last`` is not True or False.

    Examples:
        Two examples with the gradients w - 1 and w + 1, one in each batch. The first step leads to w = 1 or w = -1,
        where the second batch, the other example, has the gradient 2 or -2. The third batch starts a new epoch: its
        gradient is 0 as often as not.

        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1], [1]], [1, -1]))
        >>> sgd = sv.SGD(problem, start=[0], step_size=1, sampling=sv.RandomReshuffling())
        >>> [str(sv.enumerate_gradient_variance(sgd, step, batch_size=1)) for step in (0, 1, 2)]
        ['1', '4', '2']
    """

    drop_last: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "drop_last", check_flag(self.drop_last, "drop_last"))


Sampling: TypeAlias = IID | WithReplacement | WithoutReplacement | RandomReshuffling


@dataclass(frozen=True)
class BatchDesign:
    r"""A way of sampling together with what it samples from: the valid batch sizes and c(b).

    Attributes:
        sampling: How a batch is drawn.
        population_size: The number of examples n; None for a population.

    Raises:
        TypeError: ``sampling`` is none of the designs, or the number of examples no integer.
        ValueError: No examples, or a design that does not fit the source, for example IID on finite data.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [0, 1])), start=[1], step_size=1)
        >>> sgd.design.variance_factor(1), sgd.design.variance_factor(2)
        (Fraction(1, 1), Fraction(0, 1))
    """

    sampling: Sampling
    population_size: int | None

    def __post_init__(self) -> None:
        if not isinstance(self.sampling, Sampling):
            raise TypeError(
                "sampling must be IID(), WithReplacement() or WithoutReplacement(), or for enumeration alone "
                f"RandomReshuffling(), got {self.sampling!r} of type {type(self.sampling).__name__}"
            )
        if self.population_size is not None:
            object.__setattr__(self, "population_size", check_count(self.population_size, "population_size", least=1))
        if self.population_size is None and not isinstance(self.sampling, IID):
            raise ValueError(f"sampling must be IID() for a population, got {self.sampling}")
        if self.population_size is not None and isinstance(self.sampling, IID):
            raise ValueError(
                "sampling must be WithoutReplacement(), WithReplacement() or RandomReshuffling() for finite data, got "
                "IID(); independent uniform draws from a Dataset are WithReplacement()"
            )

    @property
    def has_fresh_batches(self) -> bool:
        """Whether the batches of different steps are independent: always, but under reshuffling."""
        return not isinstance(self.sampling, RandomReshuffling)

    @property
    def is_without_replacement(self) -> bool:
        """Whether examples in one batch are distinct."""
        return isinstance(self.sampling, WithoutReplacement | RandomReshuffling)

    @property
    def max_batch_size(self) -> int | None:
        """The largest valid batch size; None where every b >= 1 is valid."""
        return self.population_size if self.is_without_replacement else None

    @property
    def factor_line(self) -> tuple[Fraction, Fraction]:
        r"""The pair (intercept, slope) with :math:`c = \text{intercept} + \text{slope}\,u` and u = 1/b.

        Raises:
            ValueError: Under reshuffling, where moments along a run are no polynomials in c(b).
        """
        self.check_fresh("a polynomial in 1/b")
        return self._factor_line

    @cached_property
    def _factor_line(self) -> tuple[Fraction, Fraction]:
        n = self.max_batch_size
        if n is None:
            return Fraction(0), Fraction(1)
        return (Fraction(0), Fraction(0)) if n == 1 else (Fraction(-1, n - 1), Fraction(n, n - 1))

    def check_fresh(self, what: str) -> None:
        """Refuses reshuffling.

        Args:
            what: What needs independent batches, for the message.

        Raises:
            ValueError: The batches of an epoch depend on each other.
        """
        if not self.has_fresh_batches:
            raise ValueError(
                f"sampling must draw a fresh batch at every step for {what}, got {self.sampling}; the functions whose "
                "names begin with enumerate_ serve reshuffling, on few examples at one batch size"
            )

    def check_batch_size(self, batch_size: object) -> int:
        """``batch_size`` as an int that this design allows.

        Raises:
            TypeError: Not an integer, or a bool.
            ValueError: Outside the design's range.
        """
        b = check_count(batch_size, "batch_size", least=1)
        n = self.max_batch_size
        if n is not None and b > n:
            way = "without replacement" if self.has_fresh_batches else "under reshuffling"
            raise ValueError(f"batch_size must satisfy 1 <= b <= n {way}, got {b} with n = {n}")
        return b

    def variance_factor(self, batch_size: int) -> Fraction:
        r"""The exact variance factor c(b); 0 at b = n without replacement, and where n = 1.

        Under reshuffling this is the factor of one batch of size b by itself, as without replacement, and says nothing
        of two batches.

        Raises:
            TypeError: ``batch_size`` is not an integer, or a bool.
            ValueError: ``batch_size`` is outside the design's range.
        """
        intercept, slope = self._factor_line
        return intercept + slope / self.check_batch_size(batch_size)

    def __str__(self) -> str:
        if self.population_size is None:
            return "i.i.d. draws from a population"
        if isinstance(self.sampling, RandomReshuffling):
            last = "" if self.sampling.drop_last else ", a smaller last batch kept"
            return f"random reshuffling of n = {self.population_size}{last}"
        return f"{'without' if self.is_without_replacement else 'with'} replacement from n = {self.population_size}"
