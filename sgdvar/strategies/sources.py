"""Strategies for where examples come from, and how batches of them are drawn."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

from hypothesis import strategies as st

from sgdvar.data import Data, Dataset, DiscretePopulation, GaussianPopulation, check_data
from sgdvar.sampling import IID, BatchDesign, RandomReshuffling, Sampling, WithoutReplacement, WithReplacement
from sgdvar.scalars import check_count, check_flag
from sgdvar.strategies.checks import ATOMS, EXAMPLES, FEATURES, OUTPUTS, Drawn, check_size, drawn, drawn_size, tried
from sgdvar.strategies.numbers import nested

__all__ = ["batch_sizes", "datasets", "discrete_populations", "gaussian_populations", "samplings"]

_DRAWS: st.SearchStrategy[Sampling] = st.just(IID())
_FRESH: st.SearchStrategy[Sampling] = st.sampled_from([WithoutReplacement(), WithReplacement()])
_EPOCHS: st.SearchStrategy[Sampling] = st.sampled_from([RandomReshuffling(), RandomReshuffling(drop_last=False)])


def datasets(
    n: Drawn[int] = EXAMPLES,
    p: Drawn[int] = FEATURES,
    outputs: Drawn[int | None] = OUTPUTS,
    *,
    entries: st.SearchStrategy[Any] | None = None,
) -> st.SearchStrategy[Dataset]:
    """Finite data sets.

    Args:
        n: The number of examples.
        p: The number of features.
        outputs: The number of outputs; None for targets of shape (n,).
        entries: A strategy for all numbers; ``rationals()`` by default.

    Raises:
        TypeError: A size is no integer.
        ValueError: A size is below 1, or something cannot be generated.

    Examples:
        >>> from hypothesis import find
        >>> from sgdvar.strategies import datasets
        >>> find(datasets(n=2, p=1), lambda data: data.y.any()).y
        array([Fraction(0, 1), Fraction(1, 1)], dtype=object)
    """
    sizes = check_size(n, "n"), check_size(p, "p"), _check_outputs(outputs)
    return tried(_datasets(*sizes, entries), "datasets", n, p, outputs, entries)


@st.composite
def _datasets(
    draw: st.DrawFn, n: Drawn[int], p: Drawn[int], outputs: Drawn[int | None], entries: st.SearchStrategy[Any] | None
) -> Dataset:
    size, inputs, q = drawn_size(draw, n, "n"), drawn_size(draw, p, "p"), _drawn_outputs(draw, outputs)
    return draw(_dataset(size, inputs, q, entries))


@cache
def _dataset(n: int, p: int, q: int | None, entries: st.SearchStrategy[Any] | None) -> st.SearchStrategy[Dataset]:
    return st.builds(Dataset, nested((n, p), entries), nested((n,) if q is None else (n, q), entries))


def gaussian_populations(
    p: Drawn[int] = FEATURES, outputs: Drawn[int | None] = OUTPUTS
) -> st.SearchStrategy[GaussianPopulation]:
    """Gaussian populations with a linear teacher, with and without correlated inputs and label noise.

    Args:
        p: The number of features.
        outputs: The number of outputs; None for a teacher of shape (p,).

    Raises:
        TypeError: A size is no integer.
        ValueError: A size is below 1, or cannot be generated.

    Examples:
        >>> from hypothesis import find
        >>> from sgdvar.strategies import gaussian_populations
        >>> find(gaussian_populations(p=1), lambda population: population.teacher.any()).teacher
        array([Fraction(1, 1)], dtype=object)
    """
    sizes = check_size(p, "p"), _check_outputs(outputs)
    return tried(_gaussian_populations(*sizes), "gaussian_populations", p, outputs)


@st.composite
def _gaussian_populations(draw: st.DrawFn, p: Drawn[int], outputs: Drawn[int | None]) -> GaussianPopulation:
    inputs, q = drawn_size(draw, p, "p"), _drawn_outputs(draw, outputs)
    return draw(_gaussian_population(inputs, q))


@cache
def _gaussian_population(p: int, q: int | None) -> st.SearchStrategy[GaussianPopulation]:
    return st.builds(
        GaussianPopulation,
        teacher=nested((p,) if q is None else (q, p)),
        input_factor=st.none() | nested((p, p)),
        noise_factor=st.none() | nested((q or 1, 1)),
    )


def discrete_populations(
    k: Drawn[int] = ATOMS,
    p: Drawn[int] = FEATURES,
    outputs: Drawn[int | None] = OUTPUTS,
    *,
    max_ratio: int = 9,
) -> st.SearchStrategy[DiscretePopulation]:
    """Populations of finitely many atoms, common and rare ones.

    Args:
        k: The number of atoms.
        p: The number of features.
        outputs: The number of outputs; None for targets of shape (k,).
        max_ratio: The largest ratio of two probabilities; with 1000, say, some atoms are very rare.

    Raises:
        TypeError: A size is no integer.
        ValueError: A size is below 1, or cannot be generated.

    Examples:
        >>> from hypothesis import find
        >>> from sgdvar.strategies import discrete_populations
        >>> find(discrete_populations(k=2), lambda population: True).probabilities
        array([Fraction(1, 2), Fraction(1, 2)], dtype=object)
    """
    sizes = check_size(k, "k"), check_size(p, "p"), _check_outputs(outputs)
    check_count(max_ratio, "max_ratio", least=1)
    return tried(_discrete_populations(*sizes, max_ratio), "discrete_populations", k, p, outputs)


@st.composite
def _discrete_populations(
    draw: st.DrawFn, k: Drawn[int], p: Drawn[int], outputs: Drawn[int | None], max_ratio: int
) -> DiscretePopulation:
    size, inputs, q = drawn_size(draw, k, "k"), drawn_size(draw, p, "p"), _drawn_outputs(draw, outputs)
    return draw(_discrete_population(size, inputs, q, max_ratio))


@cache
def _discrete_population(k: int, p: int, q: int | None, max_ratio: int) -> st.SearchStrategy[DiscretePopulation]:
    counts = st.lists(st.integers(1, max_ratio), min_size=k, max_size=k)
    probabilities = counts.map(lambda drawn: [Fraction(count, sum(drawn)) for count in drawn])
    X, y = nested((k, p)), nested((k,) if q is None else (k, q))
    return st.builds(DiscretePopulation, X, y, probabilities=probabilities)


def _check_outputs(outputs: Any) -> Any:
    return None if outputs is None else check_size(outputs, "outputs")


def _drawn_outputs(draw: st.DrawFn, outputs: Drawn[int | None]) -> int | None:
    number = drawn(draw, outputs)
    return None if number is None else drawn_size(draw, number, "outputs")


def samplings(data: Data, *, reshuffling: bool = False) -> st.SearchStrategy[Sampling]:
    """The ways to draw batches that fit the data: IID from a population, with or without replacement otherwise.

    Args:
        data: Where examples come from.
        reshuffling: Whether to reshuffle finite data, too, which enumeration alone serves.

    Raises:
        TypeError: ``data`` is no data source.

    Examples:
        >>> import sgdvar as sv
        >>> from hypothesis import find
        >>> from sgdvar.strategies import samplings
        >>> find(samplings(sv.GaussianPopulation([1])), lambda sampling: True)
        IID()
    """
    if check_data(data).size is None:
        return _DRAWS
    return _FRESH | _EPOCHS if check_flag(reshuffling, "reshuffling") else _FRESH


def batch_sizes(design: BatchDesign, *, max_value: int = 12) -> st.SearchStrategy[int]:
    """Batch sizes that the design allows, none above ``max_value``.

    Raises:
        TypeError: ``design`` is no BatchDesign, or ``max_value`` no integer.
        ValueError: ``max_value`` is below 1.

    Examples:
        >>> import sgdvar as sv
        >>> from hypothesis import find
        >>> from sgdvar.strategies import batch_sizes
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [0, 1])), start=[1], step_size=1)
        >>> find(batch_sizes(sgd.design), lambda b: b > 1)
        2
    """
    if not isinstance(design, BatchDesign):
        raise TypeError(f"design must be a BatchDesign, got {type(design).__name__}; write sgd.design")
    check_count(max_value, "max_value", least=1)
    n = design.max_batch_size
    return st.integers(1, max_value if n is None else min(n, max_value))
