"""From the options of a command to SGD for deep linear networks, with a description of it in words."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np

import sgdvar as sv
from sgdvar.cli.data import Source, read_source
from sgdvar.cli.inputs import VARIANCE_TEXT, Inputs, chosen_batch_sizes, chosen_sampling, listed, one_digit
from sgdvar.data import Data
from sgdvar.sampling import Sampling
from sgdvar.scalars import Array

__all__ = ["network_inputs"]

_MOST_FEATURES = 2  # unless told otherwise
_WIDTHS = (2,)
_CAUTION = 5  # times the number of hidden layers, divides the default step size
_LEAST_BATCH = {"data": 4, "gaussian": 8}  # smaller ones have heavier tails than simulation can judge
_DECIMALS = range(2, 13)  # of a Gaussian model: as many as two digits of the largest entry need
_GOLDEN = Fraction(618034, 10**6)  # whose multiples modulo 1 are spread evenly and hardly ever repeat
_SHIFT = Fraction(15, 100)
_SPREAD = "the k-th weight is 0.618034 k modulo 1, less 0.15, to 1 decimal"


def network_inputs(arguments: Namespace) -> tuple[Inputs, ...]:
    """The processes that the options describe: on the examples, on the Gaussian model of them, or on both in turn.

    Raises:
        ImportError: The bundled data need scikit-learn, which is not installed.
        ValueError: Bad data, or options that do not fit them.
        TypeError: Data that are not numbers.
    """
    source = read_source(arguments, _MOST_FEATURES)
    model = arguments.model or ("both" if arguments.command == "verify" and arguments.data is None else "data")
    if model == "gaussian" and arguments.sampling is not None:
        raise ValueError(
            f"--sampling must come with a finite number of examples, got {arguments.sampling} for --model gaussian, "
            "whose examples are independent"
        )
    if model != "gaussian" and source.data.kind == "float" and arguments.command != "estimate":
        raise ValueError("--decimals must say how to round the data, which a network needs exact, got floats")
    settings = []
    if model != "gaussian":
        settings.append(_Setting("data", source.data, chosen_sampling(arguments), _examples_facts(source)))
    if model != "data":
        population = _gaussian_model(source.data)
        settings.append(_Setting("gaussian", population, sv.IID(), _gaussian_facts(source, population)))
    return tuple(_inputs(arguments, setting) for setting in settings)


@dataclass(frozen=True, eq=False)
class _Setting:
    """Where examples come from."""

    model: str
    data: Data
    sampling: Sampling
    facts: dict[str, str]


def _inputs(arguments: Namespace, setting: _Setting) -> Inputs:
    data, sampling = setting.data, setting.sampling
    batch_sizes = chosen_batch_sizes(arguments, sv.BatchDesign(sampling, data.size), _LEAST_BATCH[setting.model])
    widths = [data.inputs, *(arguments.widths or _WIDTHS), data.outputs or 1]
    layers = _start(arguments.start, widths)
    if arguments.step_size is None:
        steps, choice = _default_step_size(data, layers)
    else:
        steps, choice = arguments.step_size, "one for each step" if len(arguments.step_size) > 1 else "as given"
    is_float = data.kind == "float"
    number = float if is_float else Fraction  # floats do not join fractions
    problem = sv.DeepLinearNetwork(data, weight_decay=number(arguments.weight_decay))
    step_sizes = [number(a) for a in steps]
    start = [layer.astype(np.float64) for layer in layers] if is_float else layers
    sgd = sv.SGD(problem, start, step_sizes if len(steps) > 1 else step_sizes[0], sampling)
    for step in arguments.steps:
        sgd.check_step(step)

    product = " ".join(f"W{j}" for j in range(len(layers), 0, -1))
    decay = f" + {arguments.weight_decay}/2 |W|^2" if arguments.weight_decay else ""
    shown = ", ".join(f"W{j} = {_matrix_text(layer)}" for j, layer in enumerate(layers, 1))
    is_cut = arguments.command != "derive" and arguments.batch_sizes is None and batch_sizes[0] > 1
    facts = setting.facts | {
        "model": f"deep linear network {'-'.join(map(str, widths))}, f(x) = {product} x; loss "
        f"1/2 |f(x) - y|^2{decay}, mean over the batch",
        "start": shown + ("" if arguments.start is not None else f" ({_SPREAD})"),
        "step size": f"{listed(steps)} ({choice})",
        "batches": f"{sgd.design}, drawn afresh at every step"
        + (f"; simulated from b = {batch_sizes[0]} on, since smaller ones have heavier tails" if is_cut else ""),
        "variance": VARIANCE_TEXT,
    }
    return Inputs(sgd, batch_sizes, facts, setting.model)


def _start(weights: Sequence[Fraction] | None, widths: Sequence[int]) -> list[Array]:
    """The layers at the start."""
    shapes = list(zip(widths[1:], widths, strict=False))
    count = sum(map(math.prod, shapes))
    if weights is None:
        weights = [round(k * _GOLDEN % 1 - _SHIFT, 1) for k in range(1, count + 1)]
    elif len(weights) != count:
        raise ValueError(
            f"--start must be one number for each of the {count} weights of a {'-'.join(map(str, widths))} network, "
            f"layer after layer and row by row, got {len(weights)}"
        )
    rest = iter(weights)
    return [np.array([[next(rest) for _ in range(columns)] for _ in range(rows)]) for rows, columns in shapes]


def _default_step_size(data: Data, layers: Sequence[Array]) -> tuple[tuple[Fraction], str]:
    """2 / trace of the Gauss-Newton matrix, over 5 for each hidden layer, to one digit; and how it was chosen."""
    curvature = _gauss_newton_trace(data, [layer.astype(np.float64) for layer in layers])
    if curvature == 0:
        return (Fraction(1),), "the derivative of f is 0 at the start"
    divisor = _CAUTION * (len(layers) - 1)
    return (one_digit(2 / (divisor * curvature)),), (
        f"2/{curvature:.3g} divided by {divisor}, with {curvature:.3g} the trace of the Gauss-Newton matrix at the "
        "start, rounded down to one digit"
    )


def _gauss_newton_trace(data: Data, layers: Sequence[Array]) -> float:
    r"""The mean squared norm of the derivative of f(x) in all weights.

    The derivative in :math:`W_j` is the Kronecker product of the layers above it and of what enters it.
    """
    if isinstance(data, sv.GaussianPopulation):
        entering = data.numbers()[1].astype(np.float64)
    else:
        X = data.X.astype(np.float64)
        entering = X.T / math.sqrt(len(X))
    above = [np.eye(len(layers[-1]))]
    for layer in reversed(layers[1:]):
        above.append(above[-1] @ layer)
    total = 0.0
    for layer, outer in zip(layers, reversed(above), strict=True):
        total += float((outer**2).sum() * (entering**2).sum())
        entering = layer @ entering
    return total


def _gaussian_model(data: sv.Dataset) -> sv.GaussianPopulation:
    """Normal inputs and label noise with the second moments of the data, around its least-squares fit, rounded."""
    X, y = data.X.astype(np.float64), data.y.astype(np.float64)
    teacher = np.linalg.lstsq(X, y, rcond=None)[0]
    noise = (y - X @ teacher).reshape(data.size, -1)
    return sv.GaussianPopulation(_rounded(teacher.T), _rounded(_factor(X)), _rounded(_factor(noise)))


def _factor(values: Array) -> Array:
    """A lower triangular C with a non-negative diagonal for which C C^T is the second moment of the rows."""
    upper = np.linalg.qr(values).R / math.sqrt(len(values))
    signs = np.where(np.diagonal(upper) < 0, -1.0, 1.0)
    factor: Array = (signs[:, None] * upper).T
    return factor


def _rounded(values: Array) -> Array:
    largest = float(np.abs(values).max())
    wanted = 1 - math.floor(math.log10(largest)) if largest > 0 else 0
    decimals = min(max(wanted, _DECIMALS[0]), _DECIMALS[-1])
    rounded = [round(Fraction(value), decimals) for value in values.ravel().tolist()]
    return np.array(rounded, dtype=object).reshape(values.shape)


def _examples_facts(source: Source) -> dict[str, str]:
    return {"data": f"{source.origin}; {source.size}, {source.numbers}"}


def _gaussian_facts(source: Source, population: sv.GaussianPopulation) -> dict[str, str]:
    teacher, factor, noise = map(_matrix_text, population.numbers())
    return {
        "data": f"Gaussian model x = C xi, y = W x + D zeta with xi, zeta standard normal and independent; W = "
        f"{teacher}, C = {factor}, D = {noise}",
        "fitted to": f"{source.origin}; {source.size}: W least squares, C C^T the second moment of the features, D D^T "
        "that of the residuals, all rounded to what is shown",
    }


def _matrix_text(matrix: Array) -> str:
    rows = (", ".join(map(_number_text, row)) for row in matrix.tolist())
    return f"[{', '.join(f'[{row}]' for row in rows)}]"


def _number_text(value: Fraction | int) -> str:
    """A decimal where that is short, otherwise a fraction."""
    decimal = Decimal(value.numerator) / Decimal(value.denominator)
    return f"{decimal:f}" if Fraction(decimal) == value and len(f"{decimal:f}") < 8 else str(value)
