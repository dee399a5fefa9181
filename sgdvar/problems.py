"""What is minimised: the loss, its gradient on a batch, and the shapes of the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NoReturn, TypeAlias

import numpy as np

from sgdvar.data import Data, check_data
from sgdvar.errors import NotExactError
from sgdvar.scalars import Array, Kind, join_kinds, parse_array, parse_scalar

__all__ = ["NO_EXACT_VALUES", "DeepLinearNetwork", "DifferentiableModel", "LinearRegression", "Problem"]

NO_EXACT_VALUES = (
    "exact values are known for a LinearRegression and a DeepLinearNetwork, got a DifferentiableModel; use the "
    "functions whose names begin with estimate_, or verify with formula="
)


@dataclass(frozen=True, eq=False)
class LinearRegression:
    r"""Linear least squares with optional weight decay.

    .. math:: L(w) = \tfrac12\, E \lVert W x - y \rVert^2 + \tfrac{\lambda}{2} \lVert W \rVert^2

    The expectation is the mean over the n examples of a Dataset, or over the population; a batch gradient is the mean
    over the b examples of the batch. There is no intercept: add a column of ones to X for one.

    Attributes:
        data: Where examples come from.
        weight_decay: :math:`\lambda \ge 0`; adds :math:`\lambda w` to every gradient.
        kind: "integer", "rational", "symbolic" or "float".

    Raises:
        TypeError: ``data`` is no data source, or ``weight_decay`` no number.
        ValueError: ``weight_decay`` is negative.
        NotExactError: Floats mixed with Fractions or symbols.

    Examples:
        >>> import sgdvar as sv
        >>> problem = sv.LinearRegression(sv.Dataset([[1, 0], [1, 2]], [1, 0]))
        >>> problem.weight_shape
        (2,)
    """

    data: Data
    weight_decay: Any = 0
    kind: Kind = field(init=False)

    def __post_init__(self) -> None:
        data_kind = check_data(self.data).kind
        decay, kind = _parse_decay(self.weight_decay)
        object.__setattr__(self, "weight_decay", decay)
        object.__setattr__(self, "kind", join_kinds([data_kind, kind], "data and weight_decay"))

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """The shape of the weights, (p,), or (q, p) for several outputs."""
        p, q = self.data.inputs, self.data.outputs
        return (p,) if q is None else (q, p)

    def parse_start(self, start: Any) -> tuple[Array, Kind]:
        """Start weights as an array, and their kind.

        Raises:
            TypeError: Entries that are not numbers.
            ValueError: The wrong shape, or non-finite numbers.
            NotExactError: Floats mixed with Fractions or symbols.
        """
        weights, kind = parse_array(start, "start")
        if weights.shape != self.weight_shape:
            raise ValueError(f"start must have the shape of the weights, {self.weight_shape}, got {weights.shape}")
        return weights, kind

    def residuals(self, weights: Array, inputs: Array, targets: Array) -> Array:
        """W x - y for each example: shape (b,) or (b, q).

        Uses array operators only, so it serves arrays of floats, of exact numbers, and JAX arrays alike.
        """
        return inputs @ weights.T - targets

    def example_losses(self, weights: Array, inputs: Array, targets: Array) -> Array:
        r"""The loss of each example without weight decay, :math:`\tfrac12 \lVert W x - y \rVert^2`: shape (b,)."""
        squares = self.residuals(weights, inputs, targets) ** 2
        return (squares if squares.ndim == 1 else squares.sum(axis=1)) / 2

    def example_gradients(self, weights: Array, inputs: Array, targets: Array) -> Array:
        r"""The gradient of each example's loss, :math:`(W x - y)\, x^\top + \lambda W`: shape (b, p) or (b, q, p)."""
        residuals = self.residuals(weights, inputs, targets)
        inputs = inputs if residuals.ndim == 1 else inputs[:, None, :]
        gradients: Array = residuals[..., None] * inputs + self.weight_decay * weights
        return gradients


@dataclass(frozen=True, eq=False)
class DeepLinearNetwork:
    r"""A deep linear network :math:`f(x) = W_L \cdots W_1 x` with the squared loss and optional weight decay.

    .. math:: L(W) = \tfrac12\, E \lVert W_L \cdots W_1 x - y \rVert^2
        + \tfrac{\lambda}{2} \sum_j \lVert W_j \rVert^2

    The expectation is the mean over the n examples of a Dataset, or over the population; a batch gradient is the mean
    over the b examples of the batch. Depth and widths are those of the start weights: ``SGD(problem, start=[W_1, ...,
    W_L], ...)``. Depth 1 is linear regression.

    Attributes:
        data: Where examples come from. Targets of shape (n,) are one output, as of shape (n, 1).
        weight_decay: :math:`\lambda \ge 0`; adds :math:`\lambda W_j` to the gradient in :math:`W_j`.
        kind: "integer", "rational", "symbolic" or "float".

    Raises:
        TypeError: ``data`` is no data source, or ``weight_decay`` no number.
        ValueError: ``weight_decay`` is negative.
        NotExactError: Floats mixed with Fractions or symbols.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> network = sv.DeepLinearNetwork(sv.GaussianPopulation(teacher=[[1, 0]]))
        >>> sgd = sv.SGD(network, start=[[[1, 0], [0, 1]], [[1, 1]]], step_size=Fraction(1, 4))
        >>> sgd
        SGD(DeepLinearNetwork 2-2-1, GaussianPopulation(p=2, q=1, integer), i.i.d. draws from a population, rational)
    """

    data: Data
    weight_decay: Any = 0
    kind: Kind = field(init=False)

    def __post_init__(self) -> None:
        data_kind = check_data(self.data).kind
        decay, kind = _parse_decay(self.weight_decay)
        object.__setattr__(self, "weight_decay", decay)
        object.__setattr__(self, "kind", join_kinds([data_kind, kind], "data and weight_decay"))

    def parse_start(self, start: Any) -> tuple[tuple[Array, ...], Kind]:
        r"""The layers :math:`W_1, \dots, W_L` as arrays of shape (outputs, inputs), and their kind.

        A number stands for a layer of shape (1, 1).

        Raises:
            TypeError: No sequence of layers, or entries that are not numbers.
            ValueError: No layer, layers that do not chain, or that do not fit the data; non-finite numbers.
            NotExactError: Floats mixed with Fractions or symbols.
        """
        if not isinstance(start, list | tuple) and getattr(start, "ndim", 0) == 0:
            raise TypeError(f"start must be the list of layers [W_1, ..., W_L], got {type(start).__name__}")
        if len(start) == 0:
            raise ValueError("start must hold at least one layer, got an empty list; write [W_1, ..., W_L]")
        parsed = [parse_array(layer, f"start, layer {j}") for j, layer in enumerate(start, 1)]
        layers = tuple(layer.reshape(1, 1) if layer.ndim == 0 else layer for layer, _ in parsed)
        for j, layer in enumerate(layers, 1):
            if layer.ndim != 2:
                raise ValueError(
                    f"start must hold matrices of shape (outputs, inputs), got shape {layer.shape} for layer {j}"
                    + ("; a layer with one output is [[...]]" if layer.ndim == 1 else "")
                )
        if layers[0].shape[1] != self.data.inputs:
            raise ValueError(
                f"start must begin with a layer of {self.data.inputs} inputs, as the data has, got shape "
                f"{layers[0].shape} for layer 1"
            )
        for j, (lower, upper) in enumerate(pairwise(layers), 1):
            if upper.shape[1] != len(lower):
                raise ValueError(
                    f"start must hold layers that chain, got {len(lower)} outputs of layer {j} (shape {lower.shape}) "
                    f"and {upper.shape[1]} inputs of layer {j + 1} (shape {upper.shape})"
                )
        if len(layers[-1]) != (self.data.outputs or 1):
            raise ValueError(
                f"start must end with a layer of {self.data.outputs or 1} outputs, as the data has, got shape "
                f"{layers[-1].shape} for layer {len(layers)}"
            )
        return layers, join_kinds((kind for _, kind in parsed), "the layers of start")

    def residuals(self, layers: Sequence[Array], inputs: Array, targets: Array) -> Array:
        r""":math:`W_L \cdots W_1 x - y` for each example: shape (b, q).

        Uses array operators only, so it serves arrays of floats, of exact numbers, and JAX arrays alike.
        """
        outputs = inputs
        for layer in layers:
            outputs = outputs @ layer.T
        return outputs - targets.reshape(outputs.shape)

    def example_losses(self, layers: Sequence[Array], inputs: Array, targets: Array) -> Array:
        """The loss of each example without weight decay: shape (b,)."""
        losses: Array = (self.residuals(layers, inputs, targets) ** 2).sum(axis=1) / 2
        return losses

    def example_gradients(self, layers: Sequence[Array], inputs: Array, targets: Array) -> tuple[Array, ...]:
        """The gradient of each example's loss in each layer, by backpropagation: shapes ``(b, *layer.shape)``."""
        activations = [inputs]
        for layer in layers[:-1]:
            activations.append(activations[-1] @ layer.T)
        signal = self.residuals(layers, inputs, targets)
        gradients: list[Array] = []
        for layer, activation in zip(reversed(layers), reversed(activations), strict=True):
            gradients.append(signal[:, :, None] * activation[:, None, :] + self.weight_decay * layer)
            signal = signal @ layer
        return tuple(reversed(gradients))


@dataclass(frozen=True, eq=False)
class DifferentiableModel:
    r"""Any model that JAX can differentiate, under any loss: known to simulation, and to no exact engine.

    .. math:: L(w) = E\, \ell(f(w, x), y) + \tfrac{\lambda}{2} \lVert w \rVert^2

    The expectation is the mean over the n examples of a Dataset, or over the population; a batch gradient is the mean
    over the b examples of the batch, by automatic differentiation. Numbers of every kind are converted to floats.

    Attributes:
        data: Where examples come from; numbers, no symbols.
        predict: f, written with ``jax.numpy``: from the weights and the inputs x of one example, shape (p,), to its
            outputs, a number or shape (q,). Weights come as ``SGD(start=...)`` has them, one array or a tuple of
            arrays of any shapes.
        loss: :math:`\ell`, from the outputs and the target of one example (a number, or shape (q,) as in the data) to
            a number; None for the squared loss :math:`\tfrac12 \lVert f - y \rVert^2`.
        weight_decay: :math:`\lambda \ge 0`; adds :math:`\lambda w` to every gradient.
        kind: Always "float".

    Raises:
        TypeError: ``data`` is no data source, or holds symbols; ``weight_decay`` is no number; ``predict`` or ``loss``
            is not callable.
        ValueError: ``weight_decay`` is negative.

    Examples:
        Logistic regression with one weight, on the examples (1, 1) and (2, 0). At w = 0 their gradients are
        :math:`(\tfrac12 - y)\, x`, that is -1/2 and 1, so that their variance is 9/16:

        >>> import jax.numpy as jnp
        >>> import sgdvar as sv
        >>> data = sv.Dataset([[1], [2]], [1, 0])
        >>> problem = sv.DifferentiableModel(
        ...     data, predict=lambda w, x: w @ x, loss=lambda f, y: jnp.logaddexp(0, f) - y * f
        ... )
        >>> sgd = sv.SGD(problem, start=[0], step_size=1)
        >>> sv.estimate_gradient_variance(sgd, step=0, batch_sizes=[1], replicates=100).value
        array([0.5625])
    """

    data: Data
    predict: Callable[[Any, Any], Any]
    loss: Callable[[Any, Any], Any] | None = None
    weight_decay: Any = 0
    kind: Kind = field(init=False, default="float")

    def __post_init__(self) -> None:
        if check_data(self.data).kind == "symbolic":
            raise TypeError(f"data of a DifferentiableModel must be numbers, got symbols in {self.data}")
        decay, kind = _parse_decay(self.weight_decay)
        if kind == "symbolic":
            raise TypeError(f"weight_decay of a DifferentiableModel must be a number, got {decay}")
        object.__setattr__(self, "weight_decay", decay)
        if not callable(self.predict):
            raise TypeError(f"predict must be a function of (weights, x), got {self.predict!r}")
        if self.loss is not None and not callable(self.loss):
            raise TypeError(f"loss must be None or a function of (outputs, target), got {self.loss!r}")

    def parse_start(self, start: Any) -> tuple[Array | tuple[Array, ...], Kind]:
        """Start weights as an array, or as a tuple of arrays where a tuple is given, and the kind "float".

        Raises:
            TypeError: Entries that are not numbers; a list of arrays, which could be one array or several.
            ValueError: No array, or non-finite numbers.
            NotExactError: Floats mixed with Fractions in one array.
        """
        if isinstance(start, list) and any(isinstance(part, np.ndarray) for part in start):
            raise TypeError("start must be one array, or a tuple of arrays, got a list of arrays; write it as a tuple")
        if not isinstance(start, tuple):
            return self._parse_part(start, "start"), self.kind
        if not start:
            raise ValueError("start must hold at least one array, got an empty tuple")
        return tuple(self._parse_part(part, f"start, part {j}") for j, part in enumerate(start, 1)), self.kind

    def _parse_part(self, part: Any, name: str) -> Array:
        weights, kind = parse_array(part, name)
        if kind == "symbolic":
            raise TypeError(f"{name} must hold numbers for a DifferentiableModel, got symbols")
        return weights

    def example_losses(self, *_: Any) -> NoReturn:
        """Nothing: array operators alone cannot tell.

        Raises:
            NotExactError: Always.
        """
        raise NotExactError(NO_EXACT_VALUES)

    def example_gradients(self, *_: Any) -> NoReturn:
        """Nothing, as for ``example_losses``.

        Raises:
            NotExactError: Always.
        """
        raise NotExactError(NO_EXACT_VALUES)


Problem: TypeAlias = LinearRegression | DeepLinearNetwork | DifferentiableModel


def _parse_decay(weight_decay: Any) -> tuple[Any, Kind]:
    """The weight decay and its kind."""
    decay, kind = parse_scalar(weight_decay, "weight_decay")
    if decay.is_negative if kind == "symbolic" else decay < 0:
        raise ValueError(f"weight_decay must be at least 0, got {decay}")
    return decay, kind
