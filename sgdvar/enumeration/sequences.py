"""All sequences of batches of one process at one batch size, with their probabilities and outcomes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from sgdvar.arithmetic import Arithmetic, RationalArithmetic, arithmetic_for, object_array
from sgdvar.data import Data, Dataset, DiscretePopulation
from sgdvar.enumeration.batches import Draws, Left, check_budget, draws_for, working
from sgdvar.problems import Problem
from sgdvar.process import SGD, check_process
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


class _Ends(NamedTuple):
    """Runs that part at the last batch: probabilities (k,), weights (k, d), and what each leaves of its epoch."""

    probabilities: Array
    weights: Array
    left: Sequence[Left]

    def one_by_one(self) -> Iterator[tuple[Array, Array, Left]]:
        for k, (weights, left) in enumerate(zip(self.weights, self.left, strict=True)):
            yield self.probabilities[k : k + 1], weights, left


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
    draws: Draws

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
        """Checks every argument and the budget."""
        train = _check_atoms(check_process(sgd, fresh=False).problem.data)
        test = _check_atoms(sgd.check_data(data))
        t = sgd.check_step(step)
        b = sgd.design.check_batch_size(batch_size)
        number = sgd.check_layer(layer)
        rows, kind = sgd.check_matrix(matrix, number)
        kind = join_kinds([kind, test.kind], "data and the rest of the problem")
        check_budget(sgd.design, len(train.X), b, t + last_batch, check_count(budget, "budget", least=1))

        numbers = [*sgd.numbers(), *test.numbers()]
        arithmetic = arithmetic_for(kind, numbers if rows is None else [*numbers, rows])
        problem = copy.copy(sgd.problem)
        decay = working(problem.weight_decay, arithmetic)
        object.__setattr__(problem, "weight_decay", decay)  # what the gradients multiply must be working numbers too
        return cls(
            arithmetic=arithmetic,
            sgd=sgd,
            problem=problem,
            train=_examples(train, arithmetic),
            test=_examples(test, arithmetic),
            start=np.concatenate([working(weights, arithmetic).ravel() for weights in sgd.layers]),
            step_sizes=[working(alpha, arithmetic) for alpha in sgd.step_sizes(t)],
            columns=_columns(sgd, number),
            rows=None if rows is None else working(rows, arithmetic),
            draws=draws_for(sgd.design, b, _masses(train), arithmetic),
        )

    def weights(self) -> Outcomes:
        """The weights after the last step."""
        return ((ends.probabilities, ends.weights) for ends in self._ends())

    def _ends(self) -> Iterator[_Ends]:
        """The ends of all runs, depth first: every block holds the successors of one prefix."""
        pending = [(0, _Ends(working(1, self.arithmetic), self.start[None], [()]))]
        while pending:
            level, ends = pending.pop()
            if level == len(self.step_sizes):
                yield ends
                continue
            for probability, weights, left in ends.one_by_one():
                batches, probabilities, rest = self.draws.after(left)
                successors = weights - self.step_sizes[level] * self._batch_gradients(weights, batches)
                pending.append((level + 1, _Ends(probability * probabilities, successors, rest)))

    def gradients(self) -> Outcomes:
        r"""The gradients :math:`A g_t` on one more batch."""
        for ends in self._ends():
            for probability, weights, left in ends.one_by_one():
                batches, probabilities, _ = self.draws.after(left)
                yield probability * probabilities, self._transformed(self._batch_gradients(weights, batches))

    def full_gradients(self) -> Outcomes:
        r"""The full gradients :math:`A \nabla L(w_t)`."""
        for probability, weights in self._each_weights():
            mean = self.train.masses @ self._example_gradients(weights)
            yield probability, self._transformed(mean[None])

    def losses(self) -> Outcomes:
        """The losses on the test examples."""
        inputs, targets, masses = self.test
        for probability, weights in self._each_weights():
            losses = self.problem.example_losses(self.sgd.shaped(weights), inputs, targets)
            penalty = self.problem.weight_decay / 2 * (weights**2).sum(keepdims=True)
            yield probability, ((masses * losses).sum(keepdims=True) + penalty)[None]

    def _example_gradients(self, weights: Array) -> Array:
        gradients = self.problem.example_gradients(self.sgd.shaped(weights), self.train.inputs, self.train.targets)
        layers = gradients if isinstance(gradients, tuple) else (gradients,)
        return np.hstack([_flat(layer) for layer in layers])

    def _each_weights(self) -> Iterator[tuple[Array, Array]]:
        return ((probability, weights) for ends in self._ends() for probability, weights, _ in ends.one_by_one())

    def _batch_gradients(self, weights: Array, batches: Array) -> Array:
        means: Array = self._example_gradients(weights)[batches].sum(axis=1) / batches.shape[1]
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
    return Examples(*(working(values, arithmetic) for values in (data.X, data.y, _masses(data))))


def _flat(stack: Array) -> Array:
    return stack.reshape(len(stack), -1)


def _squared_norms(outcomes: Outcomes) -> Outcomes:
    return ((probabilities, (values * values).sum(axis=1, keepdims=True)) for probabilities, values in outcomes)
