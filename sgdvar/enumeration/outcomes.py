"""Sequences of batches by themselves, to enumerate what the library does not know: an update rule of your own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

from sgdvar.arithmetic import FloatArithmetic, RationalArithmetic
from sgdvar.data import DiscretePopulation
from sgdvar.enumeration.batches import Draws, Left, check_budget, draws_for
from sgdvar.sampling import BatchDesign
from sgdvar.scalars import Array, Scalar, check_count

__all__ = ["enumerate_batches", "enumerate_variance"]

Batches: TypeAlias = tuple[Array, ...]


def enumerate_batches(
    design: BatchDesign,
    draws: int,
    batch_size: int,
    *,
    population: DiscretePopulation | None = None,
    budget: int = 1_000_000,
) -> Iterator[tuple[Scalar, Batches]]:
    r"""Every sequence of batches :math:`B_0, B_1, \dots` that a design can draw, with its probability.

    For any function f of the batches, :math:`E f = \sum p\, f(B_0, B_1, \dots)`. Draws that differ in the order of
    examples within a batch are one.

    Args:
        design: How batches are drawn, for example ``sgd.design``.
        draws: The number of batches in a sequence: t for what depends on :math:`w_t`, t + 1 for :math:`g_t`.
        batch_size: b.
        population: For i.i.d. draws, the population whose atoms are drawn.
        budget: The largest number of sequences.

    Returns:
        An iterator over pairs of a probability, a Fraction (a float if those of the population are), and a tuple of
        batches, each an array of indices of examples. An example that was drawn twice is in its batch twice.

    Raises:
        BudgetExceededError: There are more than ``budget`` sequences.
        TypeError: An argument of the wrong type.
        ValueError: A batch size outside the design's range; a population with finite data, or none without; symbols
            for its probabilities.

    Examples:
        >>> import sgdvar as sv
        >>> design = sv.BatchDesign(sv.WithReplacement(), 2)
        >>> for probability, (batch,) in sv.enumerate_batches(design, draws=1, batch_size=2):
        ...     print(probability, batch.tolist())
        1/4 [0, 0]
        1/2 [0, 1]
        1/4 [1, 1]
    """
    if not isinstance(design, BatchDesign):
        raise TypeError(f"design must be a BatchDesign, got {type(design).__name__}; write sgd.design")
    b, count = design.check_batch_size(batch_size), check_count(draws, "draws")
    masses, arithmetic = _checked_masses(design, population)
    check_budget(design, len(masses), b, count, check_count(budget, "budget", least=1))
    return _sequences(draws_for(design, b, masses, arithmetic), count)


def enumerate_variance(
    outcome: Callable[[Batches], Any],
    design: BatchDesign,
    draws: int,
    batch_size: int,
    *,
    population: DiscretePopulation | None = None,
    budget: int = 1_000_000,
) -> Scalar:
    r"""The total variance of a function of the batches, over every sequence of batches.

    .. math:: \operatorname{Var} f = E \lVert f(B_0, B_1, \dots) - E f \rVert^2

    Args:
        outcome: f, from a tuple of batches (arrays of indices of examples) to a number or an array of numbers.
        design: As for ``enumerate_batches``.
        draws: As for ``enumerate_batches``.
        batch_size: As for ``enumerate_batches``.
        population: As for ``enumerate_batches``.
        budget: As for ``enumerate_batches``.

    Returns:
        A Fraction where f gives ints or Fractions; otherwise what comes of its numbers.

    Raises:
        BudgetExceededError: As for ``enumerate_batches``.
        TypeError: As for ``enumerate_batches``; ``outcome`` is not callable, or gives no numbers.
        ValueError: As for ``enumerate_batches``; ``outcome`` gives arrays of several shapes.

    Examples:
        The mean of two different examples out of three:

        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> values = [0, 1, 5]
        >>> design = sv.BatchDesign(sv.WithoutReplacement(), 3)
        >>> mean = lambda batches: Fraction(sum(values[i] for i in batches[0]), 2)
        >>> sv.enumerate_variance(mean, design, draws=1, batch_size=2)
        Fraction(7, 6)
    """
    if not callable(outcome):
        raise TypeError(f"outcome must be a function of the batches, got {outcome!r}")
    sequences = enumerate_batches(design, draws, batch_size, population=population, budget=budget)
    pairs: list[tuple[Scalar, Array]] = []
    shape = None
    for p, batches in sequences:
        values = _numbers(outcome(batches))
        shape = values.shape if shape is None else shape
        if values.shape != shape:
            raise ValueError(f"outcome must always give the same shape, got {shape} and then {values.shape}")
        pairs.append((p, values.ravel()))
    mean = sum(p * values for p, values in pairs)
    total: Scalar = sum((p * ((values - mean) ** 2).sum() for p, values in pairs), Fraction(0))
    return total


def _numbers(outcome: Any) -> Array:
    """What the function of the batches gave, as an array."""
    try:
        values = np.asarray(outcome, dtype=object)
    except ValueError:
        values = np.empty((), dtype=object)
    if all(hasattr(value, "__pow__") and not isinstance(value, np.ndarray) for value in values.flat):
        return values
    raise TypeError(f"outcome must give a number or a rectangular array of numbers, got {outcome!r}")


def _checked_masses(
    design: BatchDesign, population: DiscretePopulation | None
) -> tuple[Array, RationalArithmetic | FloatArithmetic]:
    """The probability of each example or atom in one draw, and the arithmetic for it."""
    n = design.population_size
    if n is not None:
        if population is not None:
            raise ValueError(f"population must be None for finite data, got {population}")
        return np.full(n, Fraction(1, n)), RationalArithmetic()
    if not isinstance(population, DiscretePopulation):
        raise ValueError(f"population must be a DiscretePopulation for i.i.d. draws, got {population!r}")
    masses = population.probabilities
    if masses.dtype == object and not all(isinstance(mass, Fraction | int) for mass in masses):
        raise ValueError(f"population must have probabilities that are numbers, got {masses.tolist()}")
    return masses, FloatArithmetic() if masses.dtype == np.float64 else RationalArithmetic()


def _sequences(draws: Draws, count: int) -> Iterator[tuple[Scalar, Batches]]:
    pending: list[tuple[Any, Batches, Left]] = [(Fraction(1), (), ())]
    while pending:
        probability, batches, left = pending.pop()
        if len(batches) == count:
            yield probability, batches
            continue
        draw = draws.after(left)
        chances = (p if isinstance(p, float) else Fraction(int(p.p), int(p.q)) for p in draw.probabilities.tolist())
        rows = zip(chances, draw.batches, draw.left, strict=True)
        pending += reversed([(probability * chance, (*batches, batch), rest) for chance, batch, rest in rows])
