"""SGD: a problem, a fixed start, step sizes and a sampling design: the one object that every engine takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sgdvar.code import as_code
from sgdvar.data import Data, check_data
from sgdvar.errors import NotExactError
from sgdvar.problems import NO_EXACT_VALUES, DifferentiableModel, Problem
from sgdvar.sampling import BatchDesign, Sampling
from sgdvar.scalars import Array, Kind, Scalar, check_count, join_kinds, parse_array

__all__ = ["SGD", "check_process"]


@dataclass(frozen=True, eq=False)
class SGD:
    r"""Mini-batch stochastic gradient descent from fixed weights, for every batch size at once.

    .. math:: w_{t+1} = w_t - \alpha_t g_t, \qquad g_t = \frac1b \sum_{i \in B_t} \nabla \ell_i(w_t)

    Batches :math:`B_t` are drawn afresh and independently at every step, unless ``sampling`` reshuffles. The batch size
    is no part of the process: every engine answers for all b, or takes ``batch_size``.

    Attributes:
        problem: The loss.
        start: The fixed weights :math:`w_0`: an array of shape ``problem.weight_shape``, the layers
            :math:`[W_1, \dots, W_L]` of a network, or for a differentiable model one array or a tuple of arrays.
        step_size: :math:`\alpha`, one number of either sign for every step, or a sequence
            :math:`\alpha_0, \alpha_1, \dots` (step t needs :math:`\alpha_0 \dots \alpha_{t-1}`).
        sampling: How batches are drawn; by default without replacement from finite data, i.i.d. from a population.
            RandomReshuffling is served by enumeration alone.
        kind: "integer", "rational", "symbolic" or "float": the numbers that results are made of.

    Raises:
        TypeError: An argument of the wrong type.
        ValueError: Weights of the wrong shape, non-finite numbers, or a sampling that does not fit the data.
        NotExactError: Floats mixed with Fractions or symbols.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> data = sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2])
        >>> sgd = sv.SGD(sv.LinearRegression(data), start=[0, 0], step_size=Fraction(1, 2))
        >>> sgd
        SGD(LinearRegression, Dataset(n=3, p=2, integer), without replacement from n = 3, rational)
    """

    problem: Problem
    start: Any
    step_size: Any
    sampling: Sampling | None = None
    kind: Kind = field(init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.problem, Problem):
            raise TypeError(
                "problem must be a LinearRegression, a DeepLinearNetwork or a DifferentiableModel, got "
                f"{type(self.problem).__name__}; write LinearRegression(data)"
            )
        start, start_kind = self.problem.parse_start(self.start)
        steps, step_kind = parse_array(self.step_size, "step_size")
        if steps.ndim > 1:
            raise ValueError(f"step_size must be one number or a sequence of numbers, got shape {steps.shape}")
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "step_size", steps if steps.ndim else steps.tolist())
        if self.sampling is None:
            object.__setattr__(self, "sampling", self.problem.data.default_sampling)
        _ = self.design  # raises where the sampling does not fit the data
        kind = self._joined([self.problem.kind, start_kind, step_kind], "data, start and step_size")
        object.__setattr__(self, "kind", kind)

    @property
    def design(self) -> BatchDesign:
        """The sampling design on this data, which fixes c(b) and the valid batch sizes."""
        assert self.sampling is not None
        return BatchDesign(self.sampling, self.problem.data.size)

    @property
    def has_constant_step_size(self) -> bool:
        """Whether one step size serves every step."""
        return np.ndim(self.step_size) == 0

    @property
    def parts(self) -> tuple[Array, ...]:
        """The start weights as a tuple of arrays: the layers of a network, or the one array there is."""
        return self.start if isinstance(self.start, tuple) else (self.start,)

    @property
    def weight_count(self) -> int:
        """The number of weights d."""
        return sum(int(part.size) for part in self.parts)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """The shape of the start weights; (d,) where they are several arrays."""
        return (self.weight_count,) if isinstance(self.start, tuple) else tuple(self.start.shape)

    @property
    def is_network(self) -> bool:
        """Whether linear layers are those of a network, a tuple, and not the one array of linear regression.

        Raises:
            NotExactError: The problem is a differentiable model, which has no linear layers.
        """
        if isinstance(self.problem, DifferentiableModel):
            raise NotExactError(NO_EXACT_VALUES)
        return isinstance(self.start, tuple)

    @property
    def layers(self) -> tuple[Array, ...]:
        r"""The start weights as matrices :math:`W_1, \dots, W_L` of shape (outputs, inputs); one for regression.

        Raises:
            NotExactError: The problem is a differentiable model, which has no linear layers.
        """
        return self.parts if self.is_network else (self.start.reshape(-1, self.start.shape[-1]),)

    def shaped(self, entries: Array) -> Any:
        """Entries for the d weights, flattened row by row and part by part, in the shape of ``start``."""
        if not isinstance(self.start, tuple):
            return entries.reshape(self.start.shape)
        ends = np.cumsum([part.size for part in self.start])[:-1]
        pieces = np.split(entries, ends)
        return tuple(piece.reshape(part.shape) for piece, part in zip(pieces, self.start, strict=True))

    def numbers(self) -> tuple[Any, ...]:
        """All arrays and single numbers that the process is made of."""
        return (*self.problem.data.numbers(), self.problem.weight_decay, *self.parts, self.step_size)

    def check_step(self, step: object) -> int:
        r"""``step`` as an int t >= 0 for which :math:`\alpha_0, \dots, \alpha_{t-1}` are given.

        Raises:
            TypeError: Not an integer, or a bool.
            ValueError: Negative, or more steps than step sizes.
        """
        t = check_count(step, "step")
        if not self.has_constant_step_size and t > len(self.step_size):
            raise ValueError(
                f"step_size must give alpha_0, ..., alpha_(t-1) for step t, got {len(self.step_size)} step sizes "
                f"for step {t}"
            )
        return t

    def check_matrix(self, matrix: Any, layer: int | None = None) -> tuple[Array | None, Kind]:
        """The rows of A as an (m, d) array with d the number of weights, and the kind of results that use it.

        Args:
            matrix: A, shape (m, d), or (d,) for one row; it acts on the gradient flattened row by row, layer after
                layer (or part after part of the start weights). None for the identity.
            layer: The layer, from 1, whose gradient alone A acts on (d is the number of its weights); None for all.

        Returns:
            The array and the joined kind; (None, ``self.kind``) for None.

        Raises:
            TypeError: Entries that are not numbers.
            ValueError: The wrong shape, or non-finite numbers.
            NotExactError: Floats mixed with Fractions or symbols.
        """
        if matrix is None:
            return None, self.kind
        rows, matrix_kind = parse_array(matrix, "matrix")
        d = self.weight_count if layer is None else int(self.parts[layer - 1].size)
        if rows.ndim not in (1, 2) or rows.shape[-1] != d:
            of = "" if layer is None or not isinstance(self.start, tuple) else f" of layer {layer}"
            raise ValueError(f"matrix must have shape (m, d) with d = {d}, the number of weights{of}, got {rows.shape}")
        return np.atleast_2d(rows), self._joined([self.kind, matrix_kind], "matrix and the rest of the problem")

    def check_data(self, data: object) -> Data:
        """``data`` as a data source on which the loss can be taken; the process's own for None.

        Raises:
            TypeError: It is no data source.
            ValueError: Other inputs or outputs than those of the process's data.
        """
        own = self.problem.data
        if data is None:
            return own
        other = check_data(data)
        if (other.inputs, other.outputs) != (own.inputs, own.outputs):
            raise ValueError(f"data must have the inputs and outputs of {own}, got {other}")
        return other

    def check_layer(self, layer: object) -> int | None:
        """``layer`` as a number from 1 to the depth; None for all weights.

        Raises:
            TypeError: Not an integer, or a bool.
            ValueError: There is no such layer.
        """
        if layer is None:
            return None
        number, depth = check_count(layer, "layer", least=1), len(self.parts)
        if number > depth:
            which = f"from 1 to {depth}" if depth > 1 else "1, the only layer"
            raise ValueError(f"layer must be None or {which}, got {layer}")
        return number

    def step_sizes(self, count: int) -> list[Scalar]:
        r"""The list :math:`\alpha_0, \dots, \alpha_{\text{count}-1}`."""
        if self.has_constant_step_size:
            return [self.step_size] * count
        return list(self.step_size[:count].tolist())

    def _joined(self, kinds: list[Kind], what: str) -> Kind:
        """The kind of numbers of these kinds together; a differentiable model takes all of them as floats."""
        if not isinstance(self.problem, DifferentiableModel):
            return join_kinds(kinds, what)
        if "symbolic" in kinds:
            raise TypeError(
                f"{what} must be numbers for a DifferentiableModel, got symbols; substitute values for them"
            )
        return "float"

    def as_code(self) -> str:
        """Python code that rebuilds the process.

        For use after ``import sgdvar as sv`` and ``from fractions import Fraction``. Symbols and the functions of a
        differentiable model stand as their names, which must be defined there.

        Examples:
            >>> from fractions import Fraction
            >>> import sgdvar as sv
            >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[1], step_size=Fraction(1, 2))
            >>> print(sgd.as_code())
            sv.SGD(
                sv.LinearRegression(sv.Dataset(X=[[1], [2]], y=[1, 0])),
                start=[1],
                step_size=Fraction(1, 2),
                sampling=sv.WithoutReplacement(),
            )
        """
        return as_code(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.problem, self.start, self.step_size, self.sampling)  # copies are read-only, too

    def __repr__(self) -> str:
        name = type(self.problem).__name__
        if isinstance(self.problem, DifferentiableModel):
            name += f" of {self.weight_count} weights"
        elif self.is_network:
            widths = [self.layers[0].shape[1], *(len(layer) for layer in self.layers)]
            name += " " + "-".join(map(str, widths))
        return f"SGD({name}, {self.problem.data}, {self.design}, {self.kind})"


def check_process(sgd: object, *, fresh: bool = True) -> SGD:
    """``sgd`` as an SGD that draws a fresh batch at every step, or with ``fresh=False`` one that may reshuffle.

    Raises:
        TypeError: It is something else.
        ValueError: It reshuffles.
    """
    if not isinstance(sgd, SGD):
        raise TypeError(f"sgd must be an SGD, got {type(sgd).__name__}; write SGD(problem, start, step_size)")
    if fresh:
        sgd.design.check_fresh("exact polynomials and simulation")
    return sgd
