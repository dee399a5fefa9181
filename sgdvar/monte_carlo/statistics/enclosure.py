r"""Where every trajectory of SGD on finite data is at a step, whatever it draws: in a ball about gradient descent.

Let :math:`\bar W_t` be the weights of gradient descent on all data from the same start, and D_j a bound on the
Frobenius norm of :math:`W_j - \bar W_j` in layer j. A batch gradient is a mean of example gradients, so

.. math:: \lVert G_{j,B}(W) - \bar G_j(\bar W) \rVert \le
    \sup_B \Bigl\lVert \tfrac1b \sum_{i \in B} G_{j,i}(\bar W) - \bar G_j(\bar W) \Bigr\rVert
    + \sup_B \tfrac1b \sum_{i \in B} \sup_{W} \lVert G_{j,i}(W) - G_{j,i}(\bar W) \rVert

with W in the ball. For linear regression the second part joins the step: :math:`W - \bar W` is multiplied by
:math:`(1 - \alpha \lambda) I - \alpha H_B`, whose norm is at most
:math:`\max(|1 - \alpha\lambda|, |1 - \alpha\lambda - \alpha h|)` with :math:`h \ge \lVert H_B \rVert`, so stable steps
add no factor. Coordinatewise intervals were never narrower on data of ten features, and grow geometrically.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sgdvar.data import GaussianPopulation
from sgdvar.moments import reference_weights
from sgdvar.monte_carlo.dynamics.chain import factors, products
from sgdvar.monte_carlo.examples import Examples
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = ["Batches", "Enclosure", "ExampleRanges", "enclosure"]

_BUFFER = 2**21  # numbers in one intermediate array
_UNIT = 2.0**-53  # roundoff of float64


@dataclass(frozen=True)
class Batches:
    """What batch means of given examples can be at most.

    Attributes:
        size: b.
        total: The number n of examples without replacement; None where a batch may hold one example only.
    """

    size: int
    total: int | None

    def mean(self, values: Array) -> float:
        """The largest batch mean of numbers >= 0."""
        return float(values.max() if self.total is None else _largest(values, self.size) / self.size)

    def noise(self, norms: Array) -> float:
        """A bound on the norm of a batch mean of vectors with these norms, whose mean over all examples is 0."""
        if self.total is None:
            return float(norms.max())
        return min(_largest(norms, self.size), _largest(norms, self.total - self.size)) / self.size

    @property
    def exchanged(self) -> float:
        """The largest share of a batch in which two batches differ."""
        return 1.0 if self.total is None else min(1.0, (self.total - self.size) / self.size)


def _largest(values: Array, count: int) -> float:
    """The sum of the largest values."""
    kept = np.partition(values, len(values) - count)[len(values) - count :] if 0 < count < len(values) else values
    return float(kept.sum()) if count else 0.0


@dataclass(frozen=True, eq=False)
class ExampleRanges:
    """How far the gradient of each example, and the product of the layers, can be from those at the centre of a ball.

    Attributes:
        gradients: Bounds on the Frobenius norm for each layer, without weight decay, shape (L, n).
        product: A bound on the spectral norm, for the product.
    """

    gradients: Array
    product: float


@dataclass(frozen=True, eq=False)
class Enclosure:
    """Balls that hold the layers of every trajectory at a step.

    Attributes:
        examples: The data.
        batches: Which batches there are.
        decay: The weight decay.
        centre: Weights of gradient descent on all data, one array (outputs, inputs) per layer.
        radii: Bounds on Frobenius norms, one per layer.
        mean_curvature: A bound on the spectral norm of the second moment of x.
        curvature: The same for the second moment in a batch.
        roundoff: The relative error of sums and products as long as occur here, with a margin.
        reference: The norm of the weights from which the engine counts residuals.
    """

    examples: Examples
    batches: Batches
    decay: float
    centre: tuple[Array, ...]
    radii: tuple[float, ...]
    mean_curvature: float
    curvature: float
    roundoff: float
    reference: float

    def after(self, step_size: float) -> Enclosure:
        """The balls after one step; rounding of centre and trajectories is added to the radii."""
        shrinking, size = 1 - step_size * self.decay, abs(step_size)
        if len(self.centre) == 1:
            grown = [max(abs(shrinking), abs(shrinking - step_size * self.curvature)) * self.radii[0]]
        else:
            changes = [self.batches.mean(row) for row in self.ranges.gradients]
            grown = [abs(shrinking) * d + size * change for d, change in zip(self.radii, changes, strict=True)]
        radii = [
            (1 + self.roundoff) * (old + size * own + 4 * self.roundoff * (norm + size * magnitude))
            for old, own, norm, magnitude in zip(grown, self.layer_noise, self.norms, self.magnitudes, strict=True)
        ]
        gradients = [g + self.decay * layer for g, layer in zip(self.mean_gradients, self.centre, strict=True)]
        centre = tuple(layer - step_size * g for layer, g in zip(self.centre, gradients, strict=True))
        return replace(self, centre=centre, radii=tuple(radii))

    @cached_property
    def norms(self) -> list[float]:
        """The largest Frobenius norm of each layer."""
        return [float(np.linalg.norm(layer)) + d for layer, d in zip(self.centre, self.radii, strict=True)]

    @cached_property
    def magnitudes(self) -> list[float]:
        """What the terms that a gradient in each layer is the sum of can add up to in norm: the scale of rounding."""
        inputs, targets = (math.sqrt(float((rows**2).sum(axis=1).max())) for rows in (self.examples.X, self.examples.y))
        residual = (math.prod(self.norms) + self.reference) * inputs + targets
        others = [math.prod(self.norms[:j] + self.norms[j + 1 :]) for j in range(len(self.norms))]
        return [other * residual * inputs + self.decay * norm for other, norm in zip(others, self.norms, strict=True)]

    @cached_property
    def _factors(self) -> list[tuple[Array, Array]]:
        return factors(self.centre)

    @cached_property
    def residuals(self) -> Array:
        """The residuals at the centre, shape (n, q)."""
        return np.asarray(self.examples.X @ products(self.centre)[-1].T - self.examples.y)

    @cached_property
    def mean_gradients(self) -> list[Array]:
        """The mean gradient in each layer at the centre, without weight decay."""
        signal = (self.residuals * self.examples.probabilities[:, None]).T @ self.examples.X
        return [upper.T @ signal @ lower.T for upper, lower in self._factors]

    def deviations(self) -> Iterator[Array]:
        """The gradients of all examples at the centre less their mean, shape (N, d), some rows at a time."""
        stride = max(1, _BUFFER // sum(layer.size for layer in self.centre))
        for i in range(0, len(self.examples.X), stride):
            X, residuals = self.examples.X[i : i + stride], self.residuals[i : i + stride]
            parts = [
                (residuals @ upper)[:, :, None] * (X @ lower.T)[:, None, :] - mean
                for (upper, lower), mean in zip(self._factors, self.mean_gradients, strict=True)
            ]
            yield np.concatenate([part.reshape(len(X), -1) for part in parts], axis=1)

    @cached_property
    def layer_noise(self) -> list[float]:
        """How far a batch gradient at the centre can be from the mean, in each layer."""
        ends = np.cumsum([layer.size for layer in self.centre])[:-1]
        squares = [[(part**2).sum(axis=1) for part in np.split(rows, ends, axis=1)] for rows in self.deviations()]
        return [self.batches.noise(np.sqrt(np.concatenate(column))) for column in zip(*squares, strict=True)]

    @cached_property
    def ranges(self) -> ExampleRanges:
        r"""How far example gradients can move with the weights in the balls.

        With :math:`A = W_L \cdots W_{j+1}`, :math:`B = W_{j-1} \cdots W_1` and the residual r the change of
        :math:`A^\top r (B x)^\top` is at most :math:`(\lvert A \rvert |dr| + |dA||\bar r|) |B x| +
        \lvert\bar A^\top \bar r\rvert |dB\,x|`, and products move by no more than products of norms do.
        """
        spectral = [float(np.linalg.norm(layer, ord=2)) for layer in self.centre]
        sizes = np.linalg.norm(self.examples.X, axis=1)
        residuals = np.linalg.norm(self.residuals, axis=1)
        _, moved = _product(spectral, self.radii)
        rows = []
        for j, (upper, lower) in enumerate(self._factors):
            above, above_moved = _product(spectral[j + 1 :], self.radii[j + 1 :])
            _, below_moved = _product(spectral[:j], self.radii[:j])
            signal = np.linalg.norm(self.residuals @ upper, axis=1)
            signal_moved = (above + above_moved) * moved * sizes + above_moved * residuals
            inputs, inputs_moved = np.linalg.norm(self.examples.X @ lower.T, axis=1), below_moved * sizes
            rows.append(signal_moved * (inputs + inputs_moved) + signal * inputs_moved)
        return ExampleRanges(np.array(rows), moved)


def _product(norms: list[float], radii: tuple[float, ...]) -> tuple[float, float]:
    """The product of norms, and by how much it grows when each grows by its radius."""
    product, grown = 1.0, 0.0
    for norm, radius in zip(norms, radii, strict=True):
        product, grown = product * norm, grown * (norm + radius) + product * radius
    return product, grown


def enclosure(sgd: SGD, step: int, batch_size: int, *, unit_roundoff: float = _UNIT) -> Enclosure:
    r"""The balls that hold every trajectory at a step.

    Guarantees:
        They hold trajectories that are computed with the given unit roundoff u, too: with sums of at most K terms
        every computed gradient is within :math:`8 K u` times the sum of the sizes of its terms, which is added at
        every step.

    Args:
        sgd: The process, of numbers, on finite data or atoms.
        step: t >= 0.
        batch_size: b.
        unit_roundoff: u of the arithmetic in which trajectories are simulated.
    """
    data = sgd.problem.data
    assert not isinstance(data, GaussianPopulation)
    examples, shapes = Examples.of(data), [layer.shape for layer in sgd.layers]
    terms = max(len(examples.X), batch_size) + sgd.weight_count + sum(map(sum, shapes)) + 16
    batches = Batches(batch_size, len(examples.X) if sgd.design.is_without_replacement else None)
    roundoff = 8 * terms * unit_roundoff
    mean_curvature, curvature = _curvatures(examples, batches, roundoff)
    ball = Enclosure(
        examples=examples,
        batches=batches,
        decay=float(sgd.problem.weight_decay),
        centre=tuple(np.asarray(layer, dtype=np.float64) for layer in sgd.layers),
        radii=(0.0,) * len(sgd.layers),
        mean_curvature=mean_curvature,
        curvature=curvature,
        roundoff=roundoff,
        reference=float(np.linalg.norm(reference_weights(data))),
    )
    for step_size in sgd.step_sizes(step):
        ball = ball.after(float(step_size))
    return ball


def _curvatures(examples: Examples, batches: Batches, roundoff: float) -> tuple[float, float]:
    """Bounds on the spectral norm of the second moment of x, over all examples and in a batch."""
    rows = examples.rooted(examples.X)
    hessian = rows.T @ rows / examples.total
    mean = float(np.linalg.eigvalsh(hessian)[-1] + roundoff * np.trace(hessian))
    largest = batches.mean((examples.X**2).sum(axis=1))
    return mean, largest if batches.total is None else min(largest, batches.total / batches.size * mean)
