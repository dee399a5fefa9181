"""What is minimised: the loss, its gradient on a batch, and the shapes of the weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sgdvar.data import Data, Dataset, GaussianPopulation
from sgdvar.scalars import Array, Kind, join_kinds, parse_scalar

__all__ = ["LinearRegression"]


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
        if not isinstance(self.data, Dataset | GaussianPopulation):
            raise TypeError(
                f"data must be a Dataset or a GaussianPopulation, got {type(self.data).__name__}; write Dataset(X, y)"
            )
        decay, decay_kind = parse_scalar(self.weight_decay, "weight_decay")
        if decay.is_negative if decay_kind == "symbolic" else decay < 0:
            raise ValueError(f"weight_decay must be at least 0, got {decay}")
        object.__setattr__(self, "weight_decay", decay)
        object.__setattr__(self, "kind", join_kinds([self.data.kind, decay_kind], "data and weight_decay"))

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """The shape of the weights, (p,), or (q, p) for several outputs."""
        p, q = self.data.inputs, self.data.outputs
        return (p,) if q is None else (q, p)

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
