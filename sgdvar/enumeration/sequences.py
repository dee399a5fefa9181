"""All sequences of batches of one process at one batch size, with their probabilities and outcomes."""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import combinations, combinations_with_replacement
from typing import Any, TypeAlias

import numpy as np
from flint import fmpq

from sgdvar.arithmetic import Arithmetic, RationalArithmetic, arithmetic_for, object_array
from sgdvar.data import Dataset
from sgdvar.errors import BudgetExceededError
from sgdvar.problems import LinearRegression
from sgdvar.process import SGD, check_process
from sgdvar.sampling import BatchDesign
from sgdvar.scalars import Array, Kind, Scalar, check_count, join_kinds

__all__ = ["BatchSequences"]

Outcomes: TypeAlias = Iterator[tuple[Array, Array]]
"""Blocks of outcomes: probabilities (k,), and one outcome in each of k rows."""


@dataclass(frozen=True, eq=False)
class BatchSequences:
    """One process at one batch size, in working numbers: FLINT rationals, FLINT polynomials, or floats."""

    arithmetic: Arithmetic
    problem: LinearRegression
    inputs: Array
    targets: Array
    test_inputs: Array
    test_targets: Array
    start: Array
    step_sizes: list[Array]
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
        data: Dataset | None = None,
        budget: int,
    ) -> BatchSequences:
        """Checks every argument and the budget, then lists the batches."""
        train = check_process(sgd).problem.data
        test = sgd.check_data(data)
        if not isinstance(train, Dataset) or not isinstance(test, Dataset):
            raise ValueError(
                f"data must be a finite Dataset, got {test if isinstance(train, Dataset) else train}: a population "
                "cannot be enumerated"
            )
        t = sgd.check_step(step)
        b = sgd.design.check_batch_size(batch_size)
        sgd.check_layer(layer)
        rows, kind = sgd.check_matrix(matrix)
        kind = join_kinds([kind, test.kind], "data and the rest of the problem")
        _check_budget(sgd.design, b, t + last_batch, check_count(budget, "budget", least=1))

        values = [train.X, train.y, test.X, test.y, sgd.start, sgd.problem.weight_decay, *sgd.step_sizes(t)]
        arithmetic = arithmetic_for(kind, values if rows is None else [*values, rows])
        X, y, test_X, test_y, start, decay, *step_sizes = (_working(value, arithmetic) for value in values)
        problem = copy.copy(sgd.problem)
        object.__setattr__(problem, "weight_decay", decay)  # what the gradients multiply must be working numbers too
        batches, counts, total = _batches(sgd.design, b)
        return cls(
            arithmetic=arithmetic,
            problem=problem,
            inputs=X,
            targets=y,
            test_inputs=test_X,
            test_targets=test_y,
            start=start,
            step_sizes=step_sizes,
            rows=None if rows is None else _working(rows, arithmetic),
            batches=batches,
            probabilities=_fractions(counts, total, kind),
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

    def flat_weights(self) -> Outcomes:
        """The weights after the last step, flattened row by row."""
        for probabilities, stack in self.weights():
            yield probabilities, _flat(stack)

    def gradients(self) -> Outcomes:
        r"""The gradients :math:`A g_t` on one more batch."""
        for probability, weights in _each_of(self.weights()):
            yield probability * self.probabilities, self._transformed(self._batch_gradients(weights))

    def full_gradients(self) -> Outcomes:
        r"""The full gradients :math:`A \nabla L(w_t)`."""
        everything = np.arange(len(self.inputs))[None]
        for probability, weights in _each_of(self.weights()):
            yield probability, self._transformed(self._batch_gradients(weights, everything))

    def losses(self) -> Outcomes:
        """The losses on the test examples."""
        for probability, weights in _each_of(self.weights()):
            losses = self.problem.example_losses(weights, self.test_inputs, self.test_targets)
            penalty = self.problem.weight_decay / 2 * (weights.ravel() ** 2).sum(keepdims=True)
            yield probability, (losses.sum(keepdims=True) / len(losses) + penalty)[None]

    def _batch_gradients(self, weights: Array, batches: Array | None = None) -> Array:
        chosen = self.batches if batches is None else batches
        gradients = self.problem.example_gradients(weights, self.inputs, self.targets)
        means: Array = gradients[chosen].sum(axis=1) / chosen.shape[1]
        return means

    def _transformed(self, gradients: Array) -> Array:
        flat = _flat(gradients)
        return flat if self.rows is None else flat @ self.rows.T

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
        return self.array(value, ())[()]

    def array(self, values: Array, shape: tuple[int, ...]) -> Array:
        """Working numbers as Fractions, SymPy expressions or floats."""
        if isinstance(self.arithmetic, RationalArithmetic):
            entries = [self.arithmetic.quotient(value.p, value.q) for value in values.ravel().tolist()]
        else:
            entries = [self.arithmetic.quotient(value, 1) for value in values.ravel().tolist()]
        return object_array(entries, shape) if values.dtype == object else np.array(entries).reshape(shape)


def _check_budget(design: BatchDesign, batch_size: int, draws: int, budget: int) -> None:
    n = design.population_size
    assert n is not None
    single = math.comb(n, batch_size) if design.is_without_replacement else math.comb(n + batch_size - 1, batch_size)
    digits = draws * math.log10(single)
    needed = single**draws if digits < 300 else math.inf
    if needed > budget:
        raise BudgetExceededError(
            f"enumeration must sum over at most budget = {budget:,} batch sequences, got {_rounded(digits, needed)} "
            f"({_rounded(math.log10(single), single)} batches in each of {draws} draws); lower step or the number of "
            "examples, choose another batch_size, or raise budget",
            needed=needed,
            limit=budget,
            unit="batch sequences",
        )


def _rounded(digits: float, count: float) -> str:
    return f"{count:,}" if digits < 15 else f"about 10^{digits:.0f}"


def _batches(design: BatchDesign, batch_size: int) -> tuple[Array, list[int], int]:
    """The batches as rows of indices; in how many orders each can be drawn; and the sum of these numbers."""
    n = design.population_size
    assert n is not None
    if design.is_without_replacement:
        batches = list(combinations(range(n), batch_size))
        return np.array(batches), [1] * len(batches), len(batches)
    batches = list(combinations_with_replacement(range(n), batch_size))
    orders = [
        math.factorial(batch_size) // math.prod(map(math.factorial, Counter(batch).values())) for batch in batches
    ]
    return np.array(batches), orders, n**batch_size


def _fractions(counts: list[int], total: int, kind: Kind) -> Array:
    if kind == "float":
        return np.array([count / total for count in counts])
    return object_array([fmpq(count, total) for count in counts], (len(counts),))


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
