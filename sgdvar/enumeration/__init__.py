r"""The oracle: every quantity of the exact engines by summing over all sequences of batches.

No moments, no recursion on them, no :math:`c(b)`: each sequence of batches :math:`B_0, \dots, B_t` is run through the
update rule with ``problem.example_gradients``, and the outcomes are averaged with their probabilities. Slow, and hard
to get wrong; what the exact engines compute for all b at once must equal it at every b.

Without replacement a batch is one of the :math:`\binom nb` subsets, all equally likely. With replacement the
:math:`n^b` ordered draws of a batch are grouped into their :math:`\binom{n+b-1}{b}` multisets, each with its
multinomial probability: a batch mean does not depend on the order of its draws. Independent draws from a population of
k atoms are the same with the atoms' own probabilities in place of :math:`1/n`. Under reshuffling the :math:`n!`
permutations of an epoch are grouped into sequences of disjoint subsets, all equally likely.
"""

from __future__ import annotations

from typing import Any

from sgdvar.data import Dataset, DiscretePopulation
from sgdvar.enumeration.outcomes import enumerate_batches, enumerate_variance
from sgdvar.enumeration.sequences import BatchSequences
from sgdvar.process import SGD
from sgdvar.scalars import Array, Scalar

__all__ = [
    "enumerate_batches",
    "enumerate_expected_loss",
    "enumerate_full_gradient_variance",
    "enumerate_gradient_covariance",
    "enumerate_gradient_second_moment",
    "enumerate_gradient_variance",
    "enumerate_mean_gradient",
    "enumerate_mean_weights",
    "enumerate_variance",
    "enumerate_weight_covariance",
]


def enumerate_gradient_variance(
    sgd: SGD, step: int, batch_size: int, *, matrix: Any = None, layer: int | None = None, budget: int = 1_000_000
) -> Scalar:
    r"""The total variance of the mini-batch gradient at one batch size, over every sequence of t + 1 batches.

    .. math:: V_t(b) = \operatorname{Var}(A g_t \mid w_0) = E \lVert A g_t - E A g_t \rVert^2

    Args:
        sgd: The process, on a Dataset or a DiscretePopulation.
        step: t >= 0.
        batch_size: b.
        matrix: A, shape (m, d) or (d,), acting on the gradient flattened row by row, layer after layer; None for the
            identity.
        layer: j, from 1, for the gradient in :math:`W_j` alone, on which A then acts; None for all layers.
        budget: The largest number of batch sequences to sum over.

    Returns:
        A Fraction, an expanded SymPy expression or a float.

    Raises:
        BudgetExceededError: More than ``budget`` sequences; nothing was computed.
        TypeError: An argument of the wrong type.
        ValueError: A Gaussian population; a bad step, batch size, matrix or layer.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> data = sv.Dataset([[1], [2]], [1, 0])
        >>> sgd = sv.SGD(sv.LinearRegression(data), start=[1], step_size=Fraction(1, 4))
        >>> [sv.enumerate_gradient_variance(sgd, step=1, batch_size=b) for b in (1, 2)]
        [Fraction(59, 16), Fraction(0, 1)]

        Both layers of a network, and the first alone:

        >>> network = sv.SGD(sv.DeepLinearNetwork(data), start=[1, 1], step_size=Fraction(1, 4))
        >>> [sv.enumerate_gradient_variance(network, step=1, batch_size=1, layer=j) for j in (None, 1)]
        [Fraction(6, 1), Fraction(3, 1)]
    """
    sequences = BatchSequences.prepared(
        sgd, step, batch_size, last_batch=True, matrix=matrix, layer=layer, budget=budget
    )
    return sequences.scalar(sequences.variance(sequences.gradients))


def enumerate_full_gradient_variance(
    sgd: SGD, step: int, batch_size: int, *, matrix: Any = None, layer: int | None = None, budget: int = 1_000_000
) -> Scalar:
    r"""The variance of the full gradient at the random weights, over every sequence of t batches.

    .. math:: \operatorname{Var}(A \nabla L(w_t) \mid w_0)

    Args:
        sgd: The process, on a Dataset or a DiscretePopulation.
        step: t >= 0.
        batch_size: b.
        matrix: A, shape (m, d) or (d,), acting on the gradient flattened row by row, layer after layer; None for the
            identity.
        layer: j, from 1, for the gradient in :math:`W_j` alone, on which A then acts; None for all layers.
        budget: The largest number of batch sequences to sum over.

    Returns:
        A Fraction, an expanded SymPy expression or a float.

    Raises:
        BudgetExceededError: More than ``budget`` sequences; nothing was computed.
        TypeError: An argument of the wrong type.
        ValueError: A Gaussian population; a bad step, batch size, matrix or layer.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2]))
        >>> sgd = sv.SGD(problem, start=[0, 0], step_size=Fraction(1, 2))
        >>> sv.enumerate_full_gradient_variance(sgd, step=1, batch_size=2)
        Fraction(4, 27)
    """
    sequences = BatchSequences.prepared(sgd, step, batch_size, matrix=matrix, layer=layer, budget=budget)
    return sequences.scalar(sequences.variance(sequences.full_gradients))


def enumerate_gradient_second_moment(
    sgd: SGD, step: int, batch_size: int, *, matrix: Any = None, layer: int | None = None, budget: int = 1_000_000
) -> Scalar:
    r"""The second moment of the mini-batch gradient, over every sequence of t + 1 batches.

    .. math:: E\left( \lVert A g_t \rVert^2 \mid w_0 \right)

    Args:
        sgd: The process, on a Dataset or a DiscretePopulation.
        step: t >= 0.
        batch_size: b.
        matrix: A, shape (m, d) or (d,), acting on the gradient flattened row by row, layer after layer; None for the
            identity.
        layer: j, from 1, for the gradient in :math:`W_j` alone, on which A then acts; None for all layers.
        budget: The largest number of batch sequences to sum over.

    Returns:
        A Fraction, an expanded SymPy expression or a float.

    Raises:
        BudgetExceededError: More than ``budget`` sequences; nothing was computed.
        TypeError: An argument of the wrong type.
        ValueError: A Gaussian population; a bad step, batch size, matrix or layer.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2]))
        >>> sgd = sv.SGD(problem, start=[0, 0], step_size=Fraction(1, 2))
        >>> sv.enumerate_gradient_second_moment(sgd, step=1, batch_size=2)
        Fraction(37, 48)

        A rare atom, drawn once in five:

        >>> rare = sv.DiscretePopulation([[0], [1]], [0, 3], probabilities=[Fraction(4, 5), Fraction(1, 5)])
        >>> sgd = sv.SGD(sv.LinearRegression(rare), start=[0], step_size=1)
        >>> sv.enumerate_gradient_second_moment(sgd, step=0, batch_size=1)  # gradients 0 and -3
        Fraction(9, 5)
    """
    sequences = BatchSequences.prepared(
        sgd, step, batch_size, last_batch=True, matrix=matrix, layer=layer, budget=budget
    )
    return sequences.scalar(sequences.second_moment(sequences.gradients))


def enumerate_expected_loss(
    sgd: SGD, step: int, batch_size: int, *, data: Dataset | DiscretePopulation | None = None, budget: int = 1_000_000
) -> Scalar:
    r"""The expected loss at the random weights, weight decay included, over every sequence of t batches.

    .. math:: E\left( L(w_t) \mid w_0 \right)

    Args:
        sgd: The process, on a Dataset or a DiscretePopulation.
        step: t >= 0.
        batch_size: b.
        data: Measure the loss on these examples or atoms; those of the process if omitted.
        budget: The largest number of batch sequences to sum over.

    Returns:
        A Fraction, an expanded SymPy expression or a float.

    Raises:
        BudgetExceededError: More than ``budget`` sequences; nothing was computed.
        TypeError: An argument of the wrong type.
        ValueError: A Gaussian population; a bad step or batch size; data of another shape.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2]))
        >>> sgd = sv.SGD(problem, start=[0, 0], step_size=Fraction(1, 2))
        >>> sv.enumerate_expected_loss(sgd, step=1, batch_size=2)
        Fraction(53, 72)
    """
    sequences = BatchSequences.prepared(sgd, step, batch_size, data=data, budget=budget)
    return sequences.scalar(sequences.expectation(sequences.losses))


def enumerate_mean_gradient(sgd: SGD, step: int, batch_size: int, *, budget: int = 1_000_000) -> Any:
    r"""The mean of the mini-batch gradient :math:`E(g_t \mid w_0)`, over every sequence of t + 1 batches.

    Args:
        sgd: The process, on a Dataset or a DiscretePopulation.
        step: t >= 0.
        batch_size: b.
        budget: The largest number of batch sequences to sum over.

    Returns:
        An array of Fractions, expanded SymPy expressions or floats, in the shape of the weights; for a network one for
        each layer, in a tuple.

    Raises:
        BudgetExceededError: More than ``budget`` sequences; nothing was computed.
        TypeError: An argument of the wrong type.
        ValueError: A Gaussian population; a bad step or batch size.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2]))
        >>> sgd = sv.SGD(problem, start=[0, 0], step_size=Fraction(1, 2))
        >>> sv.enumerate_mean_gradient(sgd, step=0, batch_size=2).tolist()
        [Fraction(-1, 3), Fraction(-2, 3)]
    """
    sequences = BatchSequences.prepared(sgd, step, batch_size, last_batch=True, budget=budget)
    return sgd.shaped(sequences.array(sequences.expectation(sequences.gradients)))


def enumerate_mean_weights(sgd: SGD, step: int, batch_size: int, *, budget: int = 1_000_000) -> Any:
    r"""The mean of the weights :math:`E(w_t \mid w_0)`, over every sequence of t batches.

    Args:
        sgd: The process, on a Dataset or a DiscretePopulation.
        step: t >= 0.
        batch_size: b.
        budget: The largest number of batch sequences to sum over.

    Returns:
        An array of Fractions, expanded SymPy expressions or floats, in the shape of the weights; for a network one for
        each layer, in a tuple.

    Raises:
        BudgetExceededError: More than ``budget`` sequences; nothing was computed.
        TypeError: An argument of the wrong type.
        ValueError: A Gaussian population; a bad step or batch size.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2]))
        >>> sgd = sv.SGD(problem, start=[0, 0], step_size=Fraction(1, 2))
        >>> sv.enumerate_mean_weights(sgd, step=1, batch_size=2).tolist()
        [Fraction(1, 6), Fraction(1, 3)]
    """
    sequences = BatchSequences.prepared(sgd, step, batch_size, budget=budget)
    return sgd.shaped(sequences.array(sequences.expectation(sequences.weights)))


def enumerate_weight_covariance(sgd: SGD, step: int, batch_size: int, *, budget: int = 1_000_000) -> Array:
    r"""The covariance matrix of the weights :math:`\operatorname{Cov}(w_t \mid w_0)`, over every sequence of t batches.

    Args:
        sgd: The process, on a Dataset or a DiscretePopulation.
        step: t >= 0.
        batch_size: b.
        budget: The largest number of batch sequences to sum over.

    Returns:
        A (d, d) array of Fractions, expanded SymPy expressions or floats; weights are flattened row by row, layer
        after layer.

    Raises:
        BudgetExceededError: More than ``budget`` sequences; nothing was computed.
        TypeError: An argument of the wrong type.
        ValueError: A Gaussian population; a bad step or batch size.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2]))
        >>> sgd = sv.SGD(problem, start=[0, 0], step_size=Fraction(1, 2))
        >>> sv.enumerate_weight_covariance(sgd, step=1, batch_size=2).tolist()
        [[Fraction(1, 72), Fraction(-1, 72)], [Fraction(-1, 72), Fraction(1, 18)]]
    """
    sequences = BatchSequences.prepared(sgd, step, batch_size, budget=budget)
    return sequences.array(sequences.covariance(sequences.weights)).reshape(sgd.weight_count, sgd.weight_count)


def enumerate_gradient_covariance(sgd: SGD, step: int, batch_size: int, *, budget: int = 1_000_000) -> Array:
    r"""The covariance matrix :math:`\operatorname{Cov}(g_t \mid w_0)`, over every sequence of t + 1 batches.

    Args:
        sgd: The process, on a Dataset or a DiscretePopulation.
        step: t >= 0.
        batch_size: b.
        budget: The largest number of batch sequences to sum over.

    Returns:
        A (d, d) array of Fractions, expanded SymPy expressions or floats; the gradient is flattened row by row, layer
        after layer.

    Raises:
        BudgetExceededError: More than ``budget`` sequences; nothing was computed.
        TypeError: An argument of the wrong type.
        ValueError: A Gaussian population; a bad step or batch size.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2]))
        >>> sgd = sv.SGD(problem, start=[0, 0], step_size=Fraction(1, 2))
        >>> sv.enumerate_gradient_covariance(sgd, step=0, batch_size=2).tolist()
        [[Fraction(1, 18), Fraction(-1, 18)], [Fraction(-1, 18), Fraction(2, 9)]]
    """
    sequences = BatchSequences.prepared(sgd, step, batch_size, last_batch=True, budget=budget)
    return sequences.array(sequences.covariance(sequences.gradients)).reshape(sgd.weight_count, sgd.weight_count)
