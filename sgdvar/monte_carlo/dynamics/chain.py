r"""The chain rule for linear layers, in array operators that NumPy and JAX arrays share.

Given the layers, data enter a gradient only through a matrix R of shape (q, p): the mean of :math:`(P x - y) x^\top`
with :math:`P = W_L \cdots W_1`, which is the gradient of linear regression at the weights P. The gradient in
:math:`W_j` is

.. math:: A_j^\top R\, B_j^\top, \qquad A_j = W_L \cdots W_{j+1}, \quad B_j = W_{j-1} \cdots W_1

and linear regression is the network of one layer. Layers are stacks, shape (N, outputs, inputs), of one matrix for each
replicate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TypeVar

import jax
import numpy as np

from sgdvar.problems import DifferentiableModel
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = ["Chain", "GradientMap", "directions", "factors", "products", "pulled_back", "rows_times"]

_Stack = TypeVar("_Stack", Array, jax.Array)


def products(layers: Sequence[_Stack]) -> list[_Stack]:
    r"""The products of the lowest layers, :math:`W_1, W_2 W_1, \dots, P`."""
    result = [layers[0]]
    for layer in layers[1:]:
        result.append(layer @ result[-1])
    return result


def rows_times(stack: Array, matrix: Array) -> Array:
    """A stack of matrices, shape (N, q, p), times one matrix from the right, as one product of matrices."""
    return np.asarray((stack.reshape(-1, stack.shape[-1]) @ matrix).reshape(*stack.shape[:-1], -1))


def pulled_back(layers: Sequence[_Stack], signal: _Stack) -> list[_Stack]:
    r"""The gradients :math:`A_j^\top R B_j^\top`, one for each layer.

    Args:
        layers: :math:`W_1, \dots, W_L`.
        signal: R, shape (N, q, p).
    """
    below = products(layers[:-1]) if len(layers) > 1 else []
    result: list[_Stack] = []
    for layer, lower in zip(reversed(layers[1:]), reversed(below), strict=True):
        result.append(signal @ lower.swapaxes(-1, -2))
        signal = layer.swapaxes(-1, -2) @ signal
    result.append(signal)
    return result[::-1]


def factors(layers: Sequence[Array]) -> list[tuple[Array, Array]]:
    r"""The pairs :math:`(A_j, B_j)`, one for each layer, of shape (N, q, outputs) and (N, inputs, p).

    The first :math:`B_1` and the last :math:`A_L` are identities without the axis of replicates.
    """
    q, p = layers[-1].shape[-2], layers[0].shape[-1]
    below, above = [np.eye(p)], [np.eye(q)]
    for layer in layers[:-1]:
        below.append(layer @ below[-1])
    for layer in reversed(layers[1:]):
        above.append(above[-1] @ layer)
    return list(zip(reversed(above), below, strict=True))


def directions(layers: Sequence[Array], blocks: Sequence[Array]) -> Array:
    r"""The matrices :math:`Q = \sum_j A_j M_j B_j`, against which the gradient traced with M is R traced with Q.

    Args:
        layers: :math:`W_1, \dots, W_L`.
        blocks: :math:`M_j` in the shapes of the layers, m of each: shape (m, outputs, inputs).

    Returns:
        Shape (N, m, q, p).
    """
    pairs = zip(factors(layers), blocks, strict=True)
    terms = [upper[..., None, :, :] @ block @ lower[..., None, :, :] for (upper, lower), block in pairs]
    return np.asarray(sum(terms))


@dataclass(frozen=True)
class Chain:
    r"""The shapes of the layers, and how their entries lie in a row of weights.

    Attributes:
        shapes: (outputs, inputs) of :math:`W_1, \dots, W_L`; parts of other weights have any shapes.
    """

    shapes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, sgd: SGD) -> Chain:
        """The chain of a process; of a differentiable model the parts of its weights."""
        parts = sgd.parts if isinstance(sgd.problem, DifferentiableModel) else sgd.layers
        return cls(tuple(part.shape for part in parts))

    @property
    def depth(self) -> int:
        """The number of layers L."""
        return len(self.shapes)

    def slices(self) -> list[slice]:
        """Where the entries of each layer lie among all."""
        ends = accumulate((math.prod(shape) for shape in self.shapes), initial=0)
        return [slice(start, end) for start, end in pairwise(ends)]

    def layers(self, weights: Array) -> list[Array]:
        """The layers in N rows of weights, shape (N, d)."""
        parts = zip(self.slices(), self.shapes, strict=True)
        return [weights[:, entries].reshape(-1, *shape) for entries, shape in parts]


@dataclass(frozen=True, eq=False)
class GradientMap:
    """The matrix A that acts on gradients flattened row by row and layer by layer.

    Attributes:
        chain: The layers.
        rows: A, shape (m, d); None for the identity.
        layer: Where ``rows`` is None the layer, from 1, that A cuts out; None for all.
    """

    chain: Chain
    rows: Array | None = None
    layer: int | None = None

    @classmethod
    def of(cls, sgd: SGD, matrix: object, layer: int | None) -> GradientMap:
        """The map of the arguments ``matrix`` and ``layer`` of an estimate.

        Raises:
            TypeError: ``layer`` is no integer, or ``matrix`` holds symbols.
            ValueError: There is no such layer, or ``matrix`` has another shape.
            NotExactError: A float matrix for an exact process, or the other way round.
        """
        chain, number = Chain.of(sgd), sgd.check_layer(layer)
        rows, kind = sgd.check_matrix(matrix, number)
        if kind == "symbolic":
            raise TypeError("Monte Carlo needs numbers, got symbols in matrix; substitute values for them")
        if rows is None:
            return cls(chain, None, number)
        floats = np.asarray(rows, dtype=np.float64)
        if number is None or chain.depth == 1:
            return cls(chain, floats)
        padded = np.zeros((len(floats), sgd.weight_count))
        padded[:, chain.slices()[number - 1]] = floats
        return cls(chain, padded)

    @property
    def square_norm(self) -> float:
        """The squared Frobenius norm of A, or 1 where it cuts out entries."""
        return 1.0 if self.rows is None else float((self.rows**2).sum())

    def __call__(self, gradients: Array) -> Array:
        """A times gradients of shape (N, d): shape (N, m)."""
        if self.rows is not None:
            return np.asarray(gradients @ self.rows.T)
        return gradients if self.layer is None else gradients[:, self.chain.slices()[self.layer - 1]]
