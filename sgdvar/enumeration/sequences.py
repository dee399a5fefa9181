"""All sequences of batches of one process at one batch size, with their probabilities and outcomes."""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from itertools import combinations, combinations_with_replacement
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from flint import fmpq

from sgdvar.arithmetic import Arithmetic, FloatArithmetic, RationalArithmetic, arithmetic_for, object_array
from sgdvar.data import Data, Dataset, DiscretePopulation
from sgdvar.errors import BudgetExceededError
from sgdvar.problems import Problem
from sgdvar.process import SGD, check_process
from sgdvar.sampling import BatchDesign
from sgdvar.scalars import Array, Scalar, check_count, join_kinds

__all__ = ["BatchSequences"]

Outcomes: TypeAlias = Iterator[tuple[Array, Array]]
"""Blocks of outcomes: probabilities (k,), and one outcome in each of k rows."""

Atoms: TypeAlias = Dataset | DiscretePopulation


class Examples(NamedTuple):
    """Inputs, targets, and the probability that one draw gives the example: 1/n, or that of the atom."""

    inputs: Array
    targets: Array
    masses: Array


@dataclass(frozen=True, eq=False)
class BatchSequences:
    """One process at one batch size, in working numbers: FLINT rationals, FLINT polynomials, or floats.

    Weights and gradients are flat: one row of d numbers, layer after layer.
    """

    arithmetic: Arithmetic
    sgd: SGD
    problem: Problem
    train: Examples
    test: Examples
    start: Array
    step_sizes: list[Array]
    columns: slice
    rows: Array | None
    batches: Array
    probabilities: Array

    @classmethod
    def prepared(
        cls,
        sgd: SGD,
        step: int,
        batch_size: int,
        *,
        last_batch: bool = False,
        matrix: Any = None,
        layer: int | None = None,
        data: Atoms | None = None,
        budget: int,
    ) -> BatchSequences:
        """Checks every argument and the budget, then lists the batches."""
        train = _check_atoms(check_process(sgd).problem.data)
        test = _check_atoms(sgd.check_data(data))
        t = sgd.check_step(step)
        b = sgd.design.check_batch_size(batch_size)
        number = sgd.check_layer(layer)
        rows, kind = sgd.check_matrix(matrix, number)
        kind = join_kinds([kind, test.kind], "data and the rest of the problem")
        _check_budget(sgd.design, len(train.X), b, t + last_batch, check_count(budget, "budget", least=1))

        numbers = [*sgd.numbers(), *test.numbers()]
        arithmetic = arithmetic_for(kind, numbers if rows is None else [*numbers, rows])
        problem = copy.copy(sgd.problem)
        decay = _working(problem.weight_decay, arithmetic)
        object.__setattr__(problem, "weight_decay", decay)  # what the gradients multiply must be working numbers too
        batches, probabilities = _batches(sgd.design, b, _masses(train), arithmetic)
        return cls(
            arithmetic=arithmetic,
            sgd=sgd,
            problem=problem,
            train=_examples(train, arithmetic),
            test=_examples(test, arithmetic),
            start=np.concatenate([_working(weights, arithmetic).ravel() for weights in sgd.layers]),
            step_sizes=[_working(alpha, arithmetic) for alpha in sgd.step_sizes(t)],
            columns=_columns(sgd, number),
            rows=None if rows is None else _working(rows, arithmetic),
            batches=batches,
            probabilities=probabilities,
        )

    def weights(self) -> Outcomes:
        """The weights after the last step, depth first: every block holds the successors of one prefix."""
        certain = self.probabilities[:1] ** 0
        pending = [(0, certain, self.start[None])]
        while pending:
            level, probabilities, stack = pending.pop()
            if level == len(self.step_sizes):
                yield probabilities, stack
                continue
            for probability, weights in _each_of([(probabilities, stack)]):
                successors = weights - self.step_sizes[level] * self._batch_gradients(weights)
                pending.append((level + 1, probability * self.probabilities, successors))

    def gradients(self) -> Outcomes:
        r"""The gradients :math:`A g_t` on one more batch."""
        for probability, weights in _each_of(self.weights()):
            yield probability * self.probabilities, self._transformed(self._batch_gradients(weights))

    def full_gradients(self) -> Outcomes:
        r"""The full gradients :math:`A \nabla L(w_t)`."""
        for probability, weights in _each_of(self.weights()):
            mean = self.train.masses @ self._example_gradients(weights)
            yield probability, self._transformed(mean[None])

    def losses(self) -> Outcomes:
        """The losses on the test examples."""
        inputs, targets, masses = self.test
        for probability, weights in _each_of(self.weights()):
            losses = self.problem.example_losses(self.sgd.shaped(weights), inputs, targets)
            penalty = self.problem.weight_decay / 2 * (weights**2).sum(keepdims=True)
            yield probability, ((masses * losses).sum(keepdims=True) + penalty)[None]

    def _example_gradients(self, weights: Array) -> Array:
        gradients = self.problem.example_gradients(self.sgd.shaped(weights), self.train.inputs, self.train.targets)
        layers = gradients if isinstance(gradients, tuple) else (gradients,)
        return np.hstack([_flat(layer) for layer in layers])

    def _batch_gradients(self, weights: Array) -> Array:
        means: Array = self._example_gradients(weights)[self.batches].sum(axis=1) / self.batches.shape[1]
        return means

    def _transformed(self, gradients: Array) -> Array:
        chosen = gradients[:, self.columns]
        return chosen if self.rows is None else chosen @ self.rows.T

    def expectation(self, outcomes: Callable[[], Outcomes]) -> Array:
        """The mean of the outcomes, one entry for each of their columns."""
        return reduce(np.add, (probabilities @ values for probabilities, values in outcomes()))

    def second_moment(self, outcomes: Callable[[], Outcomes]) -> Array:
        """The expected squared norm of the outcomes."""
        return self.expectation(lambda: _squared_norms(outcomes()))

    def variance(self, outcomes: Callable[[], Outcomes]) -> Array:
        """The expected squared distance of the outcomes from their mean: two passes, as it is defined."""
        return self.second_moment(lambda: self._centred(outcomes))

    def covariance(self, outcomes: Callable[[], Outcomes]) -> Array:
        """The covariance matrix of the outcomes, its rows one after the other: two passes, as it is defined."""
        return self.expectation(
            lambda: ((ps, _flat(d[:, :, None] * d[:, None, :])) for ps, d in self._centred(outcomes))
        )

    def _centred(self, outcomes: Callable[[], Outcomes]) -> Outcomes:
        mean = self.expectation(outcomes)
        return ((probabilities, values - mean) for probabilities, values in outcomes())

    def scalar(self, value: Array) -> Scalar:
        """One working number in an array as a Fraction, a SymPy expression or a float."""
        return self.array(value).item()

    def array(self, values: Array) -> Array:
        """Working numbers, one after the other, as Fractions, SymPy expressions or floats."""
        if isinstance(self.arithmetic, RationalArithmetic):
            entries = [self.arithmetic.quotient(value.p, value.q) for value in values.tolist()]
        else:
            entries = [self.arithmetic.quotient(value, 1) for value in values.tolist()]
        return object_array(entries, values.shape) if values.dtype == object else np.array(entries)


def _check_atoms(data: Data) -> Atoms:
    if not isinstance(data, Atoms):
        raise ValueError(
            f"data must be a Dataset or a DiscretePopulation, got {data}: a Gaussian population cannot be enumerated"
        )
    return data


def _check_budget(design: BatchDesign, n: int, batch_size: int, draws: int, budget: int) -> None:
    single = math.comb(n, batch_size) if design.is_without_replacement else math.comb(n + batch_size - 1, batch_size)
    digits = draws * math.log10(single)
    needed = single**draws if digits < 300 else math.inf
    if needed > budget:
        raise BudgetExceededError(
            f"enumeration must sum over at most budget = {budget:,} batch sequences, got {_rounded(digits, needed)} "
            f"({_rounded(math.log10(single), single)} batches in each of {draws} draws); lower step or the number of "
            f"{'atoms' if design.population_size is None else 'examples'}, choose another batch_size, or raise budget",
            needed=needed,
            limit=budget,
            unit="batch sequences",
        )


def _rounded(digits: float, count: float) -> str:
    return f"{count:,}" if digits < 15 else f"about 10^{digits:.0f}"


def _columns(sgd: SGD, layer: int | None) -> slice:
    """Where the entries of a layer are among all weights."""
    if layer is None:
        return slice(None)
    first = sum(weights.size for weights in sgd.layers[: layer - 1])
    return slice(first, first + sgd.layers[layer - 1].size)


def _masses(data: Atoms) -> Array:
    """The probability of each example in one draw."""
    return np.full(data.size, Fraction(1, data.size)) if isinstance(data, Dataset) else data.probabilities


def _examples(data: Atoms, arithmetic: Arithmetic) -> Examples:
    return Examples(*(_working(values, arithmetic) for values in (data.X, data.y, _masses(data))))


def _batches(design: BatchDesign, batch_size: int, masses: Array, arithmetic: Arithmetic) -> tuple[Array, Array]:
    """The batches as rows of indices, and their probabilities: exact, and for floats rounded once at the end."""
    is_float = isinstance(arithmetic, FloatArithmetic)
    if design.is_without_replacement:
        batches = list(combinations(range(len(masses)), batch_size))
        probabilities = [fmpq(1, len(batches))] * len(batches)
    else:
        batches = list(combinations_with_replacement(range(len(masses)), batch_size))
        exact = _working(masses, RationalArithmetic() if is_float else arithmetic).tolist()
        probabilities = [_multinomial(Counter(batch), exact) for batch in batches]
    if is_float:
        return np.array(batches), np.array([int(value.p) / int(value.q) for value in probabilities])
    return np.array(batches), object_array(probabilities, (len(batches),))


def _multinomial(counts: Counter[int], masses: list[Any]) -> Any:
    """The probability of drawing each example as often as its count says, in any order."""
    orders = math.factorial(counts.total()) // math.prod(map(math.factorial, counts.values()))
    return math.prod((masses[index] ** count for index, count in counts.items()), start=fmpq(orders))


def _working(value: Any, arithmetic: Arithmetic) -> Array:
    """Working numbers; an array even of a single one, for NumPy would iterate over a polynomial."""
    numerators, denominator = arithmetic.numerators(np.atleast_1d(value))
    if isinstance(arithmetic, RationalArithmetic):
        return object_array([fmpq(entry, denominator) for entry in numerators.ravel().tolist()], numerators.shape)
    return numerators


def _each_of(blocks: Iterable[tuple[Array, Array]]) -> Outcomes:
    """The outcomes one by one."""
    for probabilities, stack in blocks:
        for k, outcome in enumerate(stack):
            yield probabilities[k : k + 1], outcome


def _flat(stack: Array) -> Array:
    return stack.reshape(len(stack), -1)


def _squared_norms(outcomes: Outcomes) -> Outcomes:
    return ((probabilities, (values * values).sum(axis=1, keepdims=True)) for probabilities, values in outcomes)
