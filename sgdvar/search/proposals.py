"""Proposals: members of a family whose float values violate a claim the most, by gradient ascent from random starts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from sgdvar.scalars import Array
from sgdvar.search.claim import Comparison
from sgdvar.search.families import Family, GaussianFamily, shapes_of
from sgdvar.search.twin import (
    arrays_of,
    check_sequences,
    float_value,
    layers_of,
    losses,
    mean_statistics,
    plan,
)

__all__ = ["EVALUATIONS", "RESTARTS", "Proposer"]

RESTARTS = 128
_MOVES = 200
EVALUATIONS = RESTARTS * _MOVES  # of one climb
_RATE = 0.05  # of the first move, in units of the unbounded numbers; it falls to 0
_SPREAD = 2.5  # of random starts
_JITTER = 0.1  # of the copies of the best
_ELITE = 8  # copies of each of the best
_AHEAD = 2.0  # beyond the target, on the way up a ladder
_COMFORT = 10.0  # numbers up to here are not pulled towards 0
_PULL = 1e-6  # towards 0: weaker than the gain at large batch sizes, where ratios are near 1
_ROWS = 64  # evaluated at once, so that only one shape is compiled
_ROUNDING = 1e-20  # relative to the second moment


@dataclass(frozen=True, eq=False)
class Proposer:
    """A quantity in a family, compiled.

    Attributes:
        family: The family.
        quantity: The quantity.
        step: t.
        largest: The largest denominator that is wanted.
    """

    family: Family
    quantity: str
    step: int
    largest: int

    @classmethod
    @lru_cache(maxsize=8)
    def of(cls, family: Family, quantity: str, step: int, largest: int) -> Proposer:
        """The proposer, one for all searches that can share what is compiled."""
        return cls(family, quantity, step, largest)

    @cached_property
    def size(self) -> int:
        """How many numbers vary."""
        return sum(math.prod(shape) for shape in shapes_of(self.family).values())

    def check(self, comparisons: Sequence[Comparison]) -> None:
        """Checks that values take few enough sequences of batches.

        Raises:
            BudgetExceededError: They take more.
        """
        for comparison in comparisons:
            for b in comparison.batch_sizes:
                check_sequences(self.family, self.step, b)

    def climbed(self, key: Any, ladder: Sequence[Comparison], target: float) -> tuple[Array, Array]:
        """Members that random starts climb to: their numbers, and the logarithms of their ratios.

        Args:
            key: A JAX key.
            ladder: Inequalities that are climbed one after the other; the best of each are where the next begins.
            target: The logarithm of a ratio that is large enough.

        Returns:
            Arrays of shape (restarts, size) and (restarts,), the largest ratio first.
        """
        points = _SPREAD * jax.random.normal(key, (RESTARTS, self.size))
        for rung, comparison in enumerate(ladder):
            if rung:
                elite = jnp.tile(points[: RESTARTS // _ELITE], (_ELITE, 1))
                points = elite + _JITTER * jax.random.normal(jax.random.fold_in(key, rung), elite.shape)
            data = self._data(comparison)
            aim = target + (_AHEAD if rung < len(ladder) - 1 else 0)
            points, numbers, ratios = self._climb(data, points, aim)
            best = jnp.argsort(-ratios)
            points = points[best]
        return np.asarray(numbers[best]), np.asarray(ratios[best])

    def ratios(self, comparison: Comparison, numbers: Array) -> Array:
        """The logarithm of the ratio of the sides for each row of numbers; minus infinity where there is none."""
        padding = np.zeros((-len(numbers) % _ROWS, self.size))
        chunks = np.concatenate([numbers, padding]).reshape(-1, _ROWS, self.size)
        data = self._data(comparison)
        return np.concatenate([np.asarray(self._ratios(data, chunk)) for chunk in chunks])[: len(numbers)]

    def _data(self, comparison: Comparison) -> Any:
        """The inequality for compiled functions: weights on either side, and plans, by batch size."""
        return [
            (
                float(comparison.larger.get(b, 0)),
                float(comparison.smaller.get(b, 0)),
                plan(self.family, self.step, b),
            )
            for b in comparison.batch_sizes
        ]

    def _log_ratio(self, data: Any, numbers: Any) -> Any:
        arrays = arrays_of(self.family, numbers)
        larger = smaller = noise = 0.0
        for above, below, at in data:
            value, scale = float_value(self.family, self.quantity, at, arrays)
            larger, smaller = larger + above * value, smaller + below * value
            noise += (above + below) * _ROUNDING * scale
        return jnp.log((larger + noise + 1e-200) / (smaller + noise + 1e-200))

    @cached_property
    def _ratios(self) -> Callable[[Any, Any], Any]:
        def valid(data: Any, numbers: Any) -> Any:
            arrays = arrays_of(self.family, numbers)
            ratio = self._log_ratio(data, numbers)
            possible = jnp.isfinite(ratio) & (numbers[-1] > 0) & (arrays.get("probabilities", jnp.ones(1)) > 0).all()
            return jnp.where(possible, ratio, -jnp.inf)

        return jax.jit(jax.vmap(valid, in_axes=(None, 0)))

    def _numbers(self, point: Any) -> Any:
        """The numbers of a member from unbounded ones: probabilities by softmax, the step size positive and bounded."""
        arrays = arrays_of(self.family, point)
        if "probabilities" in arrays:
            logits = 3 * arrays["probabilities"].at[-1].set(0)
            least = 1 / max(self.largest, len(logits) + 1)
            arrays["probabilities"] = least + (1 - len(logits) * least) * jax.nn.softmax(logits)
        free = arrays["step_size"]
        if self.family.stable:
            arrays["step_size"] = 2 / (_sharpness(self.family, arrays) + 1e-6) * jax.nn.sigmoid(free + 1)
        else:
            arrays["step_size"] = jnp.exp(free)
        shapes = shapes_of(self.family).items()
        return jnp.concatenate([jnp.ravel(arrays[name])[: math.prod(shape)] for name, shape in shapes])

    def _loss(self, point: Any, data: Any, target: Any) -> Any:
        numbers = self._numbers(point)
        gain = jnp.minimum(self._log_ratio(data, numbers), target)
        return 0.01 * (jnp.maximum(jnp.abs(numbers) - _COMFORT, 0) ** 2).sum() + _PULL * (point**2).sum() - gain

    @cached_property
    def _climb(self) -> Callable[[Any, Any, Any], Any]:
        """Adam, with gradients of bounded length; the points, their numbers and the logarithms of their ratios."""
        slopes = jax.vmap(jax.grad(self._loss), in_axes=(0, None, None))

        def climb(data: Any, points: Any, target: Any) -> Any:
            def move(state: Any, k: Any) -> tuple[Any, None]:
                points, first, second = state
                slope = jnp.nan_to_num(slopes(points, data, target), posinf=0.0, neginf=0.0)
                slope /= jnp.maximum(1, jnp.linalg.norm(slope, axis=1, keepdims=True))
                first, second = 0.9 * first + 0.1 * slope, 0.99 * second + 0.01 * slope**2
                mean, square = first / (1 - 0.9**k), second / (1 - 0.99**k)
                rate = _RATE * (1 - (k - 1) / _MOVES)
                return (points - rate * mean / (jnp.sqrt(square) + 1e-8), first, second), None

            state = (points, jnp.zeros_like(points), jnp.zeros_like(points))
            (points, _, _), _ = jax.lax.scan(move, state, jnp.arange(1, _MOVES + 1))
            numbers = jax.vmap(self._numbers)(points)
            return points, numbers, self._ratios(data, numbers)

        return jax.jit(climb)


def _sharpness(family: Family, arrays: dict[str, Any]) -> Any:
    """The largest eigenvalue of the Hessian of the mean loss at the start or, if larger, at the balanced minimum."""
    mean = mean_statistics(arrays)
    weights, unravel = ravel_pytree(layers_of(family, arrays))
    at_start = jnp.linalg.eigvalsh(jax.hessian(lambda w: losses(unravel(w), mean))(weights))[-1]
    depth, p = len(family.widths) - 1, family.widths[0]
    fit = jnp.linalg.solve(mean.xx + 1e-9 * jnp.eye(p), mean.yx.T)
    scale = 1.0 if isinstance(family, GaussianFamily) else mean.xx.trace()
    largest = jnp.sqrt(jnp.linalg.eigvalsh(fit.T @ fit)[-1] + 1e-18)
    return jnp.maximum(at_start, depth * scale * largest ** (2 - 2 / depth))
