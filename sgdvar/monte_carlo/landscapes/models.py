r"""Loss, full gradient and noise of a differentiable model, by a pass over all examples at many weights at once.

The noise is :math:`\operatorname{tr}(A \Sigma(w) A^\top)` with :math:`\Sigma` the covariance (divisor n) of one
example's gradient. Passes take a few replicates and examples at a time, so that memory is bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sgdvar.data import Data, GaussianPopulation
from sgdvar.monte_carlo.dynamics.base import GRADIENT_LIMIT
from sgdvar.monte_carlo.dynamics.chain import GradientMap
from sgdvar.monte_carlo.dynamics.models import ExampleLoss, float_parts
from sgdvar.monte_carlo.examples import Examples
from sgdvar.monte_carlo.running.devices import settings
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = ["ModelLandscape", "Portions", "flat_gradient"]

_BUFFER = 2**19  # numbers in the gradients of a few examples at a few weights
_EXAMPLES = 256  # at a time, at most
_REPLICATES = 256  # at a time, at most
_TYPICAL = 64  # examples that stand for a Gaussian population, as far as rounding goes
_PROBED = 16  # replicates whose rounding stands for that of all
_ROUNDING = 1e-12  # relative to the terms that a gradient is the sum of


class Portions(NamedTuple):
    """Examples in portions of equal size: inputs (k, m, p), targets (k, m, ...) and their probabilities (k, m)."""

    inputs: Any
    targets: Any
    chances: Any


@dataclass(frozen=True, eq=False)
class ModelLandscape:
    r"""The loss L(w) of a differentiable model with its gradient and noise, at rows of weights, shape (N, d).

    Attributes:
        example_loss: The loss of one example.
        shapes: Those of the parts of the weights.
        data: Where examples come from.
        decay: :math:`\lambda`.
    """

    example_loss: ExampleLoss
    shapes: tuple[tuple[int, ...], ...]
    data: Data
    decay: float

    @classmethod
    def of(cls, sgd: SGD, data: Data) -> ModelLandscape:
        """The landscape of the process's loss on a data source of numbers.

        Raises:
            ValueError: ``predict`` or ``loss`` does not take or return what it must, or is not differentiable.
        """
        shapes = tuple(part.shape for part in float_parts(sgd))
        return cls(ExampleLoss.of(sgd), shapes, data, float(sgd.problem.weight_decay))

    def loss(self, weights: Array) -> Array:
        """L, shape (N,).

        Raises:
            ValueError: The data is a Gaussian population.
            FloatingPointError: It leaves the range of numbers somewhere.
        """
        data_part = self._in_rows(_losses, weights)
        return _finite(data_part + self.decay / 2 * (weights**2).sum(axis=1))

    def gradient(self, weights: Array) -> Array:
        """The gradient of L, shape (N, d).

        Raises:
            ValueError: The data is a Gaussian population.
            FloatingPointError: It leaves the range of numbers somewhere.
        """
        return _finite(self._in_rows(_gradients, weights) + self.decay * weights)

    def noise(self, weights: Array, apply: GradientMap) -> Array:
        """The noise of one example's gradient under A, shape (N,).

        Raises:
            ValueError: The data is a Gaussian population.
            FloatingPointError: It leaves the range of numbers somewhere.
        """
        return self.moments(weights, apply)[1]

    def moments(self, weights: Array, apply: GradientMap) -> tuple[Array, Array]:
        """A times the gradient of L, shape (N, m), and the noise, shape (N,), in one pass.

        Raises:
            ValueError: The data is a Gaussian population.
            FloatingPointError: They leave the range of numbers somewhere.
        """
        moments = partial(_moments, rows=apply.rows, entries=_entries(apply))
        means, noise = self._in_rows(moments, weights)
        _finite(np.sqrt(noise))
        return _finite(means + self.decay * apply(weights)), np.asarray(noise)

    def rounding(self, weights: Array) -> float:
        """A bound on the mean square of rounding errors in batch gradients at these weights.

        Every number that an example's gradient is made of, weights, inputs and targets, is taken to be off by a
        relative error.
        """
        probed = weights[:: -(-len(weights) // _PROBED)]
        squares = self._in_rows(_sensitivities, probed, exact=False) + self.decay**2 * (probed**2).sum(axis=1)
        return float(np.mean(squares)) * _ROUNDING**2

    @property
    def _replicates(self) -> int:
        """How many rows of weights are taken at a time."""
        return int(np.clip(_BUFFER // (self._numbers * self._portion), 1, _REPLICATES))

    @property
    def _portion(self) -> int:
        """How many examples are taken at a time."""
        return int(np.clip(_BUFFER // self._numbers, 1, min(_EXAMPLES, len(self._examples[0]))))

    @property
    def _numbers(self) -> int:
        """In one example and its gradient."""
        return sum(int(np.prod(shape)) for shape in self.shapes) + self.data.inputs

    @cached_property
    def _examples(self) -> tuple[Array, Array, Array]:
        """Inputs, targets and probabilities; of a Gaussian population a few typical examples."""
        if not isinstance(self.data, GaussianPopulation):
            X, y = np.asarray(self.data.X, dtype=np.float64), np.asarray(self.data.y, dtype=np.float64)
            return X, y, Examples.of(self.data).probabilities
        rng = np.random.default_rng(0)
        teacher, factor, noise = (np.asarray(array, dtype=np.float64) for array in self.data.numbers())
        X = rng.standard_normal((_TYPICAL, factor.shape[1])) @ factor.T
        y = X @ teacher.T + rng.standard_normal((_TYPICAL, noise.shape[1])) @ noise.T
        return X, y if self.data.outputs else y[:, 0], np.full(_TYPICAL, 1 / _TYPICAL)

    def portions(self, size: int) -> Portions:
        """All examples, so many at a time; the last are filled up with the first example at probability 0."""
        n = len(self._examples[0])
        count = -(-n // size)
        indices = np.arange(count * size)
        X, y, chances = (array[np.where(indices < n, indices, 0)] for array in self._examples)
        split = [array.reshape(count, size, *array.shape[1:]) for array in (X, y, np.where(indices < n, chances, 0))]
        return Portions(*map(jnp.asarray, split))

    @cached_property
    def _portions(self) -> Portions:
        return self.portions(self._portion)

    def _in_rows(self, function: Callable[..., Any], weights: Array, *, exact: bool = True) -> Any:
        """The results of a compiled function of weights and examples, for a few rows at a time."""
        if exact and isinstance(self.data, GaussianPopulation):
            raise ValueError(
                "data must be a Dataset or a DiscretePopulation for the loss and full gradient of a model to be "
                f"computed, got {self.data}; give conditional=False, or data= for an expected loss"
            )
        count, results = min(self._replicates, 1 << (len(weights) - 1).bit_length()), []  # few sizes, few compilations
        with settings():
            for i in range(0, len(weights), count):
                rows = weights[i : i + count]
                filled = np.concatenate([rows, np.repeat(rows[:1], count - len(rows), axis=0)])
                result = function(filled, self._portions, example_loss=self.example_loss, shapes=self.shapes)
                results.append(jax.tree.map(np.asarray, result))
        return jax.tree.map(lambda *arrays: np.concatenate(arrays)[: len(weights)], *results)


def _entries(apply: GradientMap) -> tuple[int, int]:
    """The first of the entries that A cuts out of a gradient, and the one after the last."""
    slices = apply.chain.slices()
    if apply.layer is None:
        return 0, int(slices[-1].stop)
    return int(slices[apply.layer - 1].start), int(slices[apply.layer - 1].stop)


def _finite(array: Array) -> Array:
    """The array itself.

    Raises:
        FloatingPointError: An entry is not finite, or its powers would not be.
    """
    if not np.all(np.abs(array) < GRADIENT_LIMIT):
        raise FloatingPointError(
            f"loss, full gradient and noise at simulated weights must stay below {GRADIENT_LIMIT:g}, got more, or no "
            "number, in some replicate: examples outside of its batches overflow; lower step_size, or give "
            "conditional=False"
        )
    return array


@partial(jax.jit, static_argnames=("example_loss", "shapes"))
def _losses(weights: Any, portions: Portions, *, example_loss: ExampleLoss, shapes: Any) -> jax.Array:
    """The mean loss, shape (N,)."""

    def add(total: jax.Array, portion: Portions) -> tuple[jax.Array, None]:
        return total + jax.vmap(_mean_loss(example_loss, shapes, portion))(weights), None

    return lax.scan(add, jnp.zeros(len(weights)), portions)[0]


@partial(jax.jit, static_argnames=("example_loss", "shapes"))
def _gradients(weights: Any, portions: Portions, *, example_loss: ExampleLoss, shapes: Any) -> jax.Array:
    """The gradient of the mean loss, shape (N, d)."""

    def add(total: jax.Array, portion: Portions) -> tuple[jax.Array, None]:
        return total + jax.vmap(jax.grad(_mean_loss(example_loss, shapes, portion)))(weights), None

    return lax.scan(add, jnp.zeros_like(weights), portions)[0]


@partial(jax.jit, static_argnames=("example_loss", "shapes", "entries"))
def _moments(
    weights: Any, portions: Portions, rows: Any, *, example_loss: ExampleLoss, shapes: Any, entries: tuple[int, int]
) -> tuple[jax.Array, jax.Array]:
    """The mean of the mapped gradients, shape (N, m), and the trace of their covariance, shape (N,).

    Portions are merged by the update of Chan, Golub and LeVeque, which does not cancel.
    """
    gradient = flat_gradient(example_loss, shapes)
    by_example = jax.vmap(jax.vmap(gradient, (None, 0, 0)), (0, None, None))

    def add(state: Any, portion: Portions) -> tuple[Any, None]:
        known, mean, noise = state
        gradients = by_example(weights, portion.inputs, portion.targets)
        mapped = gradients[:, :, slice(*entries)] if rows is None else gradients @ rows.T
        mass = jnp.sum(portion.chances)
        own = jnp.einsum("k,nkm->nm", portion.chances, mapped) / mass
        spread = jnp.einsum("k,nkm->n", portion.chances, (mapped - own[:, None]) ** 2)
        total = known + mass
        shift = own - mean
        noise += spread + known * mass / total * jnp.sum(shift**2, axis=1)
        return (total, mean + mass / total * shift, noise), None

    m = entries[1] - entries[0] if rows is None else len(rows)
    start = (jnp.zeros(()), jnp.zeros((len(weights), m)), jnp.zeros(len(weights)))
    _, mean, noise = lax.scan(add, start, portions)[0]
    return mean, noise


@partial(jax.jit, static_argnames=("example_loss", "shapes"))
def _sensitivities(weights: Any, portions: Portions, *, example_loss: ExampleLoss, shapes: Any) -> jax.Array:
    """The squared size of the terms that gradients are made of, shape (N,)."""
    gradient = flat_gradient(example_loss, shapes)

    def size(row: jax.Array, inputs: jax.Array, target: jax.Array) -> jax.Array:
        arguments = (row, inputs, target)
        total = jnp.sum(gradient(*arguments) ** 2)
        for i in range(3):
            tangents = tuple(own if i == j else jnp.zeros_like(own) for j, own in enumerate(arguments))
            total += jnp.sum(jax.jvp(gradient, arguments, tangents)[1] ** 2)
        return total

    by_example = jax.vmap(jax.vmap(size, (None, 0, 0)), (0, None, None))

    def add(total: jax.Array, portion: Portions) -> tuple[jax.Array, None]:
        return total + by_example(weights, portion.inputs, portion.targets) @ portion.chances, None

    return lax.scan(add, jnp.zeros(len(weights)), portions)[0]


def _mean_loss(example_loss: ExampleLoss, shapes: Any, portion: Portions) -> Callable[[jax.Array], jax.Array]:
    """The part of the mean loss that comes from some examples, as a function of one row of weights."""

    def mean(row: jax.Array) -> jax.Array:
        losses = jax.vmap(example_loss, (None, 0, 0))(_parts(row, shapes), portion.inputs, portion.targets)
        return jnp.dot(portion.chances, losses)

    return mean


def flat_gradient(example_loss: ExampleLoss, shapes: Any) -> Callable[..., jax.Array]:
    """The gradient of one example's loss in one row of weights."""
    return jax.grad(lambda row, inputs, target: example_loss(_parts(row, shapes), inputs, target))


def _parts(row: jax.Array, shapes: tuple[tuple[int, ...], ...]) -> list[jax.Array]:
    """One row of weights in its parts."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    return [part.reshape(shape) for part, shape in zip(jnp.split(row, ends), shapes, strict=True)]
