"""Hypothesis strategies for exact problems, for property tests of your own theory.

All numbers are small rationals, so a counterexample shrinks to something a person checks by hand. Sizes are given as an
integer or as a strategy for integers. Needs Hypothesis: install ``sgdvar[test]``.

Examples:
    >>> from hypothesis import given, strategies as st
    >>> import sgdvar as sv
    >>> from sgdvar.strategies import processes
    >>> @given(processes(), st.integers(0, 2))
    ... def test_the_variance_vanishes_on_full_batches(sgd, step):
    ...     n = sgd.design.max_batch_size
    ...     assert n is None or sv.gradient_variance(sgd, step)(n) == 0
    >>> test_the_variance_vanishes_on_full_batches()
"""

from __future__ import annotations

from fractions import Fraction
from typing import TypeAlias, TypeVar

import numpy as np
from flint import fmpq, fmpq_mat

import sgdvar.exact  # noqa: F401  loaded now, or the first example of a property test would pass its deadline
from sgdvar.arithmetic import object_array
from sgdvar.data import Data, Dataset, DiscretePopulation, GaussianPopulation
from sgdvar.problems import DeepLinearNetwork, LinearRegression
from sgdvar.process import SGD
from sgdvar.sampling import IID, BatchDesign, Sampling, WithoutReplacement, WithReplacement
from sgdvar.scalars import Array

try:
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError('sgdvar.strategies needs Hypothesis; write pip install "sgdvar[test]"') from error

__all__ = [
    "arrays",
    "batch_sizes",
    "datasets",
    "discrete_populations",
    "gaussian_populations",
    "layers",
    "matrices",
    "network_processes",
    "processes",
    "rationals",
    "rotations",
    "samplings",
    "step_sizes",
    "weights",
]

T = TypeVar("T")
Drawn: TypeAlias = T | st.SearchStrategy[T]
"""A value, or a strategy for it."""

_EXAMPLES = st.integers(1, 4)
_FEATURES = st.integers(1, 2)
_OUTPUTS: st.SearchStrategy[int | None] = st.sampled_from([None, 1, 2])
_ROWS = st.integers(1, 3)
_ATOMS = st.integers(1, 3)
_DEPTHS = st.integers(1, 2)
_WIDTHS = st.integers(1, 2)


def _drawn(draw: st.DrawFn, value: Drawn[T]) -> T:
    return draw(value) if isinstance(value, st.SearchStrategy) else value


def rationals(*, bound: int = 4, max_denominator: int = 3) -> st.SearchStrategy[Fraction]:
    """Fractions with small numerators and denominators; they shrink towards 0.

    Args:
        bound: Largest absolute value of a numerator.
        max_denominator: Largest denominator.
    """
    return st.builds(Fraction, st.integers(-bound, bound), st.integers(1, max_denominator))


@st.composite
def arrays(draw: st.DrawFn, shape: tuple[int, ...], entries: st.SearchStrategy[Fraction] | None = None) -> Array:
    """Object arrays of Fractions.

    Args:
        draw: Supplied by Hypothesis.
        shape: The shape.
        entries: A strategy for the entries; ``rationals()`` by default.
    """
    size = int(np.prod(shape))
    values = draw(st.lists(rationals() if entries is None else entries, min_size=size, max_size=size))
    return object_array(values, shape)


@st.composite
def datasets(
    draw: st.DrawFn,
    n: Drawn[int] = _EXAMPLES,
    p: Drawn[int] = _FEATURES,
    outputs: Drawn[int | None] = _OUTPUTS,
) -> Dataset:
    """Finite data sets.

    Args:
        draw: Supplied by Hypothesis.
        n: The number of examples.
        p: The number of features.
        outputs: The number of outputs; None for targets of shape (n,).
    """
    size, inputs, q = _drawn(draw, n), _drawn(draw, p), _drawn(draw, outputs)
    X = draw(arrays((size, inputs)))
    return Dataset(X, draw(arrays((size,) if q is None else (size, q))))


@st.composite
def gaussian_populations(
    draw: st.DrawFn,
    p: Drawn[int] = _FEATURES,
    outputs: Drawn[int | None] = _OUTPUTS,
) -> GaussianPopulation:
    """Gaussian populations with a linear teacher, with and without correlated inputs and label noise.

    Args:
        draw: Supplied by Hypothesis.
        p: The number of features.
        outputs: The number of outputs; None for a teacher of shape (p,).
    """
    inputs, q = _drawn(draw, p), _drawn(draw, outputs)
    return GaussianPopulation(
        teacher=draw(arrays((inputs,) if q is None else (q, inputs))),
        input_factor=draw(st.none() | arrays((inputs, inputs))),
        noise_factor=draw(st.none() | arrays((q or 1, 1))),
    )


@st.composite
def discrete_populations(
    draw: st.DrawFn,
    k: Drawn[int] = _ATOMS,
    p: Drawn[int] = _FEATURES,
    outputs: Drawn[int | None] = _OUTPUTS,
) -> DiscretePopulation:
    """Populations of finitely many atoms, common and rare ones.

    Args:
        draw: Supplied by Hypothesis.
        k: The number of atoms.
        p: The number of features.
        outputs: The number of outputs; None for targets of shape (k,).
    """
    atoms = draw(datasets(k, p, outputs))
    counts = draw(st.lists(st.integers(1, 9), min_size=atoms.size, max_size=atoms.size))
    probabilities = object_array([Fraction(count, sum(counts)) for count in counts], (atoms.size,))
    return DiscretePopulation(atoms.X, atoms.y, probabilities)


def weights(problem: LinearRegression) -> st.SearchStrategy[Array]:
    """Weights in the shape that the problem asks for."""
    return arrays(problem.weight_shape)


@st.composite
def layers(
    draw: st.DrawFn, problem: DeepLinearNetwork, depth: Drawn[int] = _DEPTHS, width: Drawn[int] = _WIDTHS
) -> list[Array]:
    r"""The layers :math:`W_1, \dots, W_L` of a network that fits the data of the problem.

    Args:
        draw: Supplied by Hypothesis.
        problem: The network, whose data fixes the first and the last width.
        depth: The number of layers.
        width: The width of a hidden layer, drawn for each of them.
    """
    hidden = [_drawn(draw, width) for _ in range(_drawn(draw, depth) - 1)]
    widths = [problem.data.inputs, *hidden, problem.data.outputs or 1]
    return [draw(arrays(shape)) for shape in zip(widths[1:], widths[:-1], strict=True)]


def step_sizes(count: int = 3) -> st.SearchStrategy[Fraction | list[Fraction]]:
    """A constant step size, or a sequence of ``count`` of them; of either sign."""
    return rationals() | st.lists(rationals(), min_size=count, max_size=count)


def samplings(data: Data) -> st.SearchStrategy[Sampling]:
    """The ways to draw batches that fit the data: IID from a population, with or without replacement otherwise."""
    if data.size is None:
        return st.just(IID())
    return st.sampled_from([WithoutReplacement(), WithReplacement()])


@st.composite
def processes(
    draw: st.DrawFn,
    data: st.SearchStrategy[Data] | None = None,
    *,
    sampling: st.SearchStrategy[Sampling] | None = None,
    max_step: int = 3,
) -> SGD:
    """SGD on linear regression, with and without weight decay.

    Args:
        draw: Supplied by Hypothesis.
        data: Where examples come from; by default ``datasets()`` and ``gaussian_populations()``.
        sampling: How batches are drawn; by default all the ways that fit the data.
        max_step: Step sizes are given for all steps up to this one.
    """
    source: Data = draw(datasets() | gaussian_populations() if data is None else data)
    problem = LinearRegression(source, weight_decay=draw(_weight_decays()))
    return SGD(
        problem,
        start=draw(weights(problem)),
        step_size=draw(step_sizes(max_step)),
        sampling=draw(samplings(source) if sampling is None else sampling),
    )


@st.composite
def network_processes(
    draw: st.DrawFn,
    data: st.SearchStrategy[Data] | None = None,
    *,
    depth: Drawn[int] = _DEPTHS,
    width: Drawn[int] = _WIDTHS,
    sampling: st.SearchStrategy[Sampling] | None = None,
    max_step: int = 3,
) -> SGD:
    """SGD on deep linear networks, with and without weight decay.

    With the default sizes exact quantities take milliseconds at steps 0 and 1. Work grows fast with the step, the depth
    and the numbers of inputs and outputs: for step 2 draw data with one feature, for example ``datasets(p=1)``.

    Args:
        draw: Supplied by Hypothesis.
        data: Where examples come from; by default ``datasets()``, ``gaussian_populations()`` and
            ``discrete_populations()``.
        depth: The number of layers.
        width: The width of a hidden layer, drawn for each of them.
        sampling: How batches are drawn; by default all the ways that fit the data.
        max_step: Step sizes are given for all steps up to this one.
    """
    source: Data = draw(datasets() | gaussian_populations() | discrete_populations() if data is None else data)
    problem = DeepLinearNetwork(source, weight_decay=draw(_weight_decays()))
    return SGD(
        problem,
        start=draw(layers(problem, depth, width)),
        step_size=draw(step_sizes(max_step)),
        sampling=draw(samplings(source) if sampling is None else sampling),
    )


def _weight_decays() -> st.SearchStrategy[Fraction]:
    return st.just(Fraction(0)) | st.builds(Fraction, st.integers(0, 2), st.integers(1, 3))


def batch_sizes(design: BatchDesign, *, max_value: int = 12) -> st.SearchStrategy[int]:
    """Batch sizes that the design allows, none above ``max_value``."""
    n = design.max_batch_size
    return st.integers(1, max_value if n is None else min(n, max_value))


@st.composite
def matrices(draw: st.DrawFn, columns: int, rows: Drawn[int] = _ROWS) -> Array:
    """Matrices A for ``matrix=``.

    Args:
        draw: Supplied by Hypothesis.
        columns: The number of weights.
        rows: The number of rows.
    """
    return draw(arrays((_drawn(draw, rows), columns)))


@st.composite
def rotations(draw: st.DrawFn, dimension: int) -> Array:
    r"""Rational rotation matrices, by Cayley's formula :math:`(I - S)(I + S)^{-1}` with S antisymmetric.

    Args:
        draw: Supplied by Hypothesis.
        dimension: The number of rows and columns; rotations shrink towards the identity.
    """
    S = fmpq_mat(dimension, dimension)
    for i in range(dimension):
        for j in range(i):
            value = draw(rationals())
            S[i, j] = fmpq(value.numerator, value.denominator)
            S[j, i] = -S[i, j]
    identity = fmpq_mat(dimension, dimension, [int(i == j) for i in range(dimension) for j in range(dimension)])
    entries = ((identity - S) * (identity + S).inv()).entries()
    return object_array([Fraction(int(q.p), int(q.q)) for q in entries], (dimension, dimension))
