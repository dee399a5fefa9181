"""Strategies for processes: a problem, start weights, step sizes and a way to draw batches."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st

import sgdvar.exact  # noqa: F401  loaded now, or the first example of a property test would pass its deadline
from sgdvar.data import Data, DiscretePopulation, GaussianPopulation
from sgdvar.problems import DeepLinearNetwork, DifferentiableModel, LinearRegression, Problem
from sgdvar.process import SGD
from sgdvar.sampling import IID, Sampling
from sgdvar.scalars import Array, check_count
from sgdvar.strategies.checks import DEPTHS, WIDTHS, Drawn, check_size, drawn_size, tried
from sgdvar.strategies.numbers import arrays, nested, rationals
from sgdvar.strategies.sources import datasets, discrete_populations, gaussian_populations, samplings

__all__ = [
    "layers",
    "model_processes",
    "network_processes",
    "processes",
    "stable_step_sizes",
    "step_sizes",
    "weights",
]

_DECAYS = st.just(Fraction(0)) | rationals(bound=2).map(abs)

Steps: TypeAlias = Drawn[Any] | Callable[[Any], st.SearchStrategy[Any]] | None
"""Step sizes, a strategy for them, or a function from the problem to a strategy."""


def weights(problem: LinearRegression) -> st.SearchStrategy[Array]:
    """Weights in the shape that the problem asks for.

    Examples:
        >>> import sgdvar as sv
        >>> from hypothesis import find
        >>> from sgdvar.strategies import weights
        >>> find(weights(sv.LinearRegression(sv.Dataset([[1, 2]], [1]))), lambda start: start.any()).shape
        (2,)
    """
    return arrays(problem.weight_shape)


def layers(
    problem: DeepLinearNetwork, depth: Drawn[int] = DEPTHS, width: Drawn[int] = WIDTHS
) -> st.SearchStrategy[list[Array]]:
    r"""The layers :math:`W_1, \dots, W_L` of a network that fits the data of the problem.

    Args:
        problem: The network, whose data fixes the first and the last width.
        depth: The number of layers.
        width: The width of a hidden layer, drawn for each of them.

    Raises:
        TypeError: A size is no integer.
        ValueError: A size is below 1, or cannot be generated.

    Examples:
        >>> import sgdvar as sv
        >>> from hypothesis import find
        >>> from sgdvar.strategies import layers
        >>> network = sv.DeepLinearNetwork(sv.Dataset([[1, 2]], [1]))
        >>> [layer.shape for layer in find(layers(network, depth=2, width=3), lambda start: True)]
        [(3, 2), (1, 3)]
    """
    sizes = check_size(depth, "depth"), check_size(width, "width")
    lists = tried(_layers(problem, *sizes), "layers", depth, width)
    return lists.map(lambda entries: [np.array(layer, dtype=object) for layer in entries])


@st.composite
def _layers(draw: st.DrawFn, problem: DeepLinearNetwork, depth: Drawn[int], width: Drawn[int]) -> list[Any]:
    hidden = [drawn_size(draw, width, "width") for _ in range(drawn_size(draw, depth, "depth") - 1)]
    widths = [problem.data.inputs, *hidden, problem.data.outputs or 1]
    return [draw(nested(shape)) for shape in zip(widths[1:], widths[:-1], strict=True)]


def step_sizes(
    count: int = 3, *, entries: st.SearchStrategy[Any] | None = None
) -> st.SearchStrategy[Fraction | list[Fraction]]:
    """A constant step size, or a sequence of ``count`` of them.

    Args:
        count: The length of a sequence.
        entries: A strategy for each of them; ``rationals()`` by default, which are of either sign.

    Raises:
        TypeError: ``count`` is no integer.
        ValueError: ``count`` is below 1.

    Examples:
        >>> from hypothesis import find
        >>> from sgdvar.strategies import step_sizes
        >>> find(step_sizes(), lambda step_size: not isinstance(step_size, list))
        Fraction(0, 1)
    """
    check_count(count, "count", least=1)
    one = rationals() if entries is None else entries
    return one | st.lists(one, min_size=count, max_size=count)


def stable_step_sizes(problem: LinearRegression, count: int = 3) -> st.SearchStrategy[Fraction | list[Fraction]]:
    r"""Positive step sizes below :math:`2/(\operatorname{tr} H + \lambda)`, for linear regression.

    H is the mean of :math:`x x^\top`, so that they are below 2 over the largest eigenvalue of the Hessian: gradient
    descent converges. Nothing is said of the variance at small batch sizes: see ``sv.stable_step_size``.

    Args:
        problem: Exact linear regression, without symbols.
        count: The length of a sequence of step sizes, which are as often constant.

    Raises:
        TypeError: Another problem, or other numbers.
        ValueError: ``count`` is below 1.

    Examples:
        >>> import sgdvar as sv
        >>> from hypothesis import find
        >>> from sgdvar.strategies import stable_step_sizes
        >>> problem = sv.LinearRegression(sv.Dataset([[1], [2]], [0, 1]))
        >>> find(stable_step_sizes(problem), lambda step_size: not isinstance(step_size, list)) > 0
        True
    """
    if not isinstance(problem, LinearRegression) or problem.kind not in ("integer", "rational"):
        raise TypeError(f"problem must be a LinearRegression of ints or Fractions, got {type(problem).__name__}")
    curvature = _trace(problem.data) + problem.weight_decay
    bound = 2 / Fraction(curvature) if curvature else Fraction(2)
    return step_sizes(count, entries=st.integers(1, 7).map(lambda eighths: bound * eighths / 8))


def _trace(data: Data) -> Any:
    """The mean of the squared length of x."""
    if isinstance(data, GaussianPopulation):
        return (data.numbers()[1].astype(object) ** 2).sum()
    squares = (data.X.astype(object) ** 2).sum(axis=1)
    if isinstance(data, DiscretePopulation):
        return (squares * data.probabilities).sum()
    return squares.sum() / Fraction(len(squares))


def processes(
    data: Drawn[Data] | None = None,
    *,
    sampling: Drawn[Sampling] | None = None,
    weight_decay: Drawn[Any] | None = None,
    step_size: Steps = None,
    max_step: int = 3,
) -> st.SearchStrategy[SGD]:
    """SGD on linear regression, with and without weight decay.

    Args:
        data: Where examples come from; by default ``datasets()``, ``gaussian_populations()`` and
            ``discrete_populations()``, as far as they fit a ``sampling`` that is given.
        sampling: How batches are drawn; by default all the ways that fit the data, but for reshuffling.
        weight_decay: By default 0 or a small fraction.
        step_size: A number or a sequence, a strategy for it, or a function from the problem to a strategy, such as
            ``stable_step_sizes``; ``step_sizes(max_step)`` by default, which are of either sign.
        max_step: By default, step sizes are given for all steps up to this one.

    Raises:
        TypeError: ``max_step`` is no integer.
        ValueError: Something cannot be generated, for example a sampling that does not fit the data.

    Examples:
        >>> import sgdvar as sv
        >>> from hypothesis import given
        >>> from sgdvar.strategies import assert_decreasing, processes
        >>> @given(processes())
        ... def test(sgd):
        ...     assert_decreasing(sv.gradient_variance(sgd, step=1))
        >>> test()
    """
    source = _sources(sampling) if data is None else data
    problems = st.builds(LinearRegression, _as_strategy(source), weight_decay=_decays(weight_decay))
    strategy = _processes(problems, _ways(sampling), _steps(step_size, max_step))
    return tried(strategy, "processes", *_given(data, sampling, weight_decay, step_size))


@st.composite
def _processes(draw: st.DrawFn, problems: st.SearchStrategy[LinearRegression], sampling: Any, steps: Any) -> SGD:
    problem = draw(problems)
    return draw(_sgd(problem, nested(problem.weight_shape), steps, sampling))


def network_processes(
    data: Drawn[Data] | None = None,
    *,
    depth: Drawn[int] = DEPTHS,
    width: Drawn[int] = WIDTHS,
    sampling: Drawn[Sampling] | None = None,
    weight_decay: Drawn[Any] | None = None,
    step_size: Steps = None,
    max_step: int = 3,
) -> st.SearchStrategy[SGD]:
    """SGD on deep linear networks, with and without weight decay.

    With the default sizes exact quantities take milliseconds at steps 0 and 1. Work grows fast with the step, the depth
    and the numbers of inputs and outputs: for step 2 draw data with one feature, for example ``datasets(p=1)``.

    Args:
        data: As for ``processes``.
        depth: The number of layers.
        width: The width of a hidden layer, drawn for each of them.
        sampling: As for ``processes``.
        weight_decay: As for ``processes``.
        step_size: As for ``processes``.
        max_step: As for ``processes``.

    Raises:
        TypeError: A size is no integer.
        ValueError: A size is below 1, or something cannot be generated, for example a sampling that does not fit the
            data.

    Examples:
        >>> from hypothesis import find
        >>> from sgdvar.strategies import network_processes
        >>> len(find(network_processes(depth=2), lambda sgd: True).layers)
        2
    """
    source = _sources(sampling) if data is None else data
    sizes = check_size(depth, "depth"), check_size(width, "width")
    problems = st.builds(DeepLinearNetwork, _as_strategy(source), weight_decay=_decays(weight_decay))
    strategy = _network_processes(problems, *sizes, _ways(sampling), _steps(step_size, max_step))
    return tried(strategy, "network_processes", depth, width, *_given(data, sampling, weight_decay, step_size))


@st.composite
def _network_processes(
    draw: st.DrawFn,
    problems: st.SearchStrategy[DeepLinearNetwork],
    depth: Drawn[int],
    width: Drawn[int],
    sampling: Any,
    steps: Any,
) -> SGD:
    problem = draw(problems)
    return draw(_sgd(problem, _layers(problem, depth, width), steps, sampling))


def model_processes(
    predict: Callable[[Any, Any], Any],
    shape: tuple[int, ...],
    data: Drawn[Data] | None = None,
    *,
    loss: Callable[[Any, Any], Any] | None = None,
    sampling: Drawn[Sampling] | None = None,
    weight_decay: Drawn[Any] | None = None,
    step_size: Steps = None,
    max_step: int = 3,
) -> st.SearchStrategy[SGD]:
    """SGD on a differentiable model of your own, for theorems that simulation checks.

    Args:
        predict: The model, from weights and the inputs of one example to its outputs, written with ``jax.numpy``.
        shape: The shape of its weights.
        data: As for ``processes``; by default ``datasets(outputs=None)``, of one or two features.
        loss: As for ``DifferentiableModel``.
        sampling: As for ``processes``.
        weight_decay: As for ``processes``.
        step_size: As for ``processes``.
        max_step: As for ``processes``.

    Raises:
        TypeError: ``predict`` is no function, or ``shape`` no tuple of integers.
        ValueError: An empty shape, or something cannot be generated.

    Examples:
        >>> from hypothesis import find
        >>> from sgdvar.strategies import model_processes
        >>> find(model_processes(lambda w, x: (w * x).sum(), (2,)), lambda sgd: True).start.shape
        (2,)
    """
    if not callable(predict):
        raise TypeError(f"predict must be a function of (weights, x), got {predict!r}")
    arrays(shape)  # refuses what is no shape
    source = datasets(outputs=None) if data is None else data
    problems = st.builds(
        DifferentiableModel,
        _as_strategy(source),
        predict=st.just(predict),
        loss=st.just(loss),
        weight_decay=_decays(weight_decay),
    )
    strategy = _model_processes(problems, shape, _ways(sampling), _steps(step_size, max_step))
    return tried(strategy, "model_processes", *_given(data, sampling, weight_decay, step_size))


@st.composite
def _model_processes(
    draw: st.DrawFn,
    problems: st.SearchStrategy[DifferentiableModel],
    shape: tuple[int, ...],
    sampling: Any,
    steps: Any,
) -> SGD:
    return draw(_sgd(draw(problems), nested(shape), steps, sampling))


def _sgd(problem: Problem, start: st.SearchStrategy[Any], steps: Any, sampling: Any) -> st.SearchStrategy[SGD]:
    """Built from strategies, so that Hypothesis shows a process as the code that makes it."""
    return st.builds(
        SGD,
        st.just(problem),
        start=start,
        step_size=steps(problem) if callable(steps) else steps,
        sampling=samplings(problem.data) if sampling is None else sampling,
    )


def _sources(sampling: Drawn[Sampling] | None) -> st.SearchStrategy[Data]:
    populations: st.SearchStrategy[Data] = gaussian_populations() | discrete_populations()
    finite: st.SearchStrategy[Data] = datasets()
    if sampling is None or isinstance(sampling, st.SearchStrategy):
        return finite | populations
    return populations if isinstance(sampling, IID) else finite


def _steps(step_size: Steps, max_step: int) -> Any:
    count = max(check_count(max_step, "max_step"), 1)
    if step_size is None:
        return step_sizes(count)
    return step_size if callable(step_size) else _as_strategy(step_size)


def _ways(sampling: Drawn[Sampling] | None) -> st.SearchStrategy[Sampling] | None:
    return None if sampling is None else _as_strategy(sampling)


def _decays(weight_decay: Drawn[Any] | None) -> st.SearchStrategy[Any]:
    return _DECAYS if weight_decay is None else _as_strategy(weight_decay)


def _given(*arguments: object) -> list[object]:
    """The arguments as strategies, so that what is given as a value is tried, too."""
    return [_as_strategy(argument) for argument in arguments if argument is not None]


def _as_strategy(value: Drawn[Any]) -> st.SearchStrategy[Any]:
    return value if isinstance(value, st.SearchStrategy) else st.just(value)
