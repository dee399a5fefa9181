r"""The float twin: quantities of members of a family at one batch size, as differentiable functions of their numbers.

Every sequence of batches that can come first is run through the update rule, and the last batch is averaged by

.. math:: \operatorname{Var}(g_t) = c(b)\, E \operatorname{tr} \Sigma(w_t) + \operatorname{tr} \operatorname{Cov}
    \nabla L(w_t).

It shares no algebra with the exact engines, and decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np

from sgdvar.errors import BudgetExceededError
from sgdvar.sampling import RandomReshuffling
from sgdvar.search.batches import (
    Draws,
    Nodes,
    count_draws,
    count_epochs,
    count_nodes,
    draws,
    epochs,
    gaussian_nodes,
)
from sgdvar.search.families import Family, GaussianFamily, PopulationFamily, shapes_of

__all__ = ["Plan", "arrays_of", "check_sequences", "float_value", "layers_of", "losses", "mean_statistics", "plan"]

Arrays: TypeAlias = dict[str, Any]
Layers: TypeAlias = Sequence[Any]

_MOST_SEQUENCES = 5_000
_FILLED = 16  # batches at least at step 1, so that small batch sizes share one compilation


class Plan(NamedTuple):
    """All that the value at one batch size needs besides the numbers of a member.

    Attributes:
        laws: The batch of each step before the last; none under reshuffling.
        factor: c(b).
        sequences: Under reshuffling all sequences of batches, the last one included.
    """

    laws: tuple[Draws | Nodes, ...]
    factor: float
    sequences: Any = None


class Statistics(NamedTuple):
    """What the gradient of a batch depends on, for m batches: means of x x^T, y x^T and |y|^2; and probabilities."""

    xx: Any
    yx: Any
    yy: Any
    masses: Any


@lru_cache
def plan(family: Family, step: int, b: int) -> Plan:
    """The plan for one batch size."""
    factor = float(family.design.variance_factor(b))
    if isinstance(family.design.sampling, RandomReshuffling):
        return Plan((), factor, epochs(_atoms(family), b, family.design.sampling, step + 1))
    if isinstance(family, GaussianFamily):
        r = family.widths[0] + family.label_noise
        return Plan(tuple(gaussian_nodes(r, b, degree) for degree in _degrees(family, step)), factor)
    least = _FILLED if step == 1 else 1
    return Plan((draws(_atoms(family), b, family.design, least=least),) * step, factor)


def check_sequences(family: Family, step: int, b: int) -> None:
    """Checks that a plan has few enough sequences of batches.

    Raises:
        BudgetExceededError: It has more.
    """
    if isinstance(family.design.sampling, RandomReshuffling):
        needed = count_epochs(_atoms(family), b, family.design.sampling, step + 1)
    elif isinstance(family, GaussianFamily):
        r = family.widths[0] + family.label_noise
        needed = math.prod(count_nodes(r, b, degree) for degree in _degrees(family, step))
    else:
        needed = count_draws(_atoms(family), b, family.design) ** step
    if needed > _MOST_SEQUENCES:
        raise BudgetExceededError(
            f"one float value of the search must run through at most {_MOST_SEQUENCES:,} sequences of batches, got "
            f"{needed:.3g} for b = {b} at step {step} of {family}; lower the step, the batch sizes or the sizes",
            needed=needed,
            limit=_MOST_SEQUENCES,
            unit="batch sequences",
        )


def _atoms(family: Family) -> int:
    assert not isinstance(family, GaussianFamily)
    return family.atoms


def _degrees(family: Family, step: int) -> list[int]:
    """The degree in the statistic of each batch before the last of what is averaged."""
    gradient = 2 * len(family.widths) - 3
    return [2 * gradient ** (step - s) for s in range(step)]


def arrays_of(family: Family, numbers: Any) -> Arrays:
    """The arrays of a family from its flat numbers; with the probabilities of all atoms."""
    arrays, begin = {}, 0
    for name, shape in shapes_of(family).items():
        end = begin + math.prod(shape)
        arrays[name] = numbers[begin:end].reshape(shape)
        begin = end
    if isinstance(family, PopulationFamily):
        free = arrays.get("probabilities", jnp.zeros(0))
        arrays["probabilities"] = jnp.append(free, 1 - free.sum())
    return arrays


def layers_of(family: Family, arrays: Arrays) -> list[Any]:
    """The start weights."""
    return [arrays[f"W{j}"] for j in range(1, len(family.widths))]


def float_value(family: Family, quantity: str, plan: Plan, arrays: Arrays) -> tuple[Any, Any]:
    """The quantity at one batch size, and the second moment that its rounding errors are relative to."""
    weights, masses, last = _run(family, plan, arrays)
    mean = mean_statistics(arrays)
    if quantity == "expected-loss":
        loss = masses @ losses(weights, mean)
        return loss, loss
    if last is not None and quantity != "full-gradient-variance":
        outcomes, within = last, 0.0
    else:
        outcomes = _flat(gradients(weights, mean.xx, mean.yx))
        within = plan.factor * (masses @ _spread(arrays, weights, outcomes))
    centre = masses @ outcomes
    between = masses @ ((outcomes - centre) ** 2).sum(axis=1)
    square = between + within + (centre**2).sum()
    variance = between if quantity == "full-gradient-variance" else between + within
    return (square if quantity == "gradient-second-moment" else variance), square


def _run(family: Family, plan: Plan, arrays: Arrays) -> tuple[list[Any], Any, Any]:
    """The weights after the last step in all cases, their probabilities, and under reshuffling the last gradients."""
    alpha, start = arrays["step_size"], layers_of(family, arrays)
    if plan.sequences is not None:
        single, shares = atoms(arrays), plan.sequences
        weights = [jnp.broadcast_to(layer, (len(shares), *layer.shape)) for layer in start]
        moves: list[Any] = []
        for s in range(shares.shape[1]):
            weights = [layer - alpha * move for layer, move in zip(weights, moves, strict=True)] if moves else weights
            moves = gradients(weights, *(jnp.tensordot(shares[:, s], part, 1) for part in (single.xx, single.yx)))
        return weights, jnp.full(len(shares), 1 / len(shares)), _flat(moves)
    weights, masses = [layer[None] for layer in start], jnp.ones(1)
    for law in plan.laws:
        batch = _gaussian_batches(law, arrays) if isinstance(law, Nodes) else _atomic_batches(law, arrays)
        moves = gradients([layer[:, None] for layer in weights], batch.xx, batch.yx)
        weights = [
            (layer[:, None] - alpha * move).reshape(-1, *layer.shape[1:])
            for layer, move in zip(weights, moves, strict=True)
        ]
        masses = (masses[:, None] * batch.masses).ravel()
    return weights, masses, None


def _gaussian_batches(law: Nodes, arrays: Arrays) -> Statistics:
    p = arrays["teacher"].shape[1]
    y_xi = product(_target_map(arrays), law.second_moments)
    return Statistics(law.second_moments[:, :p, :p], y_xi[..., :p], 0.0, law.masses)


def _atomic_batches(law: Draws, arrays: Arrays) -> Statistics:
    single = atoms(arrays)
    xx, yx, yy = (jnp.tensordot(law.shares, part, axes=1) for part in single[:3])
    logs = jnp.log(jnp.maximum(single.masses, 1e-300))
    return Statistics(xx, yx, yy, jnp.exp(law.logs + law.exponents @ logs))


def atoms(arrays: Arrays) -> Statistics:
    """Each atom as a batch of its own."""
    X, y = arrays["X"], arrays["y"]
    masses = arrays.get("probabilities", jnp.full(len(X), 1 / len(X)))
    return Statistics(X[:, :, None] * X[:, None], y[:, :, None] * X[:, None], (y**2).sum(axis=1), masses)


def mean_statistics(arrays: Arrays) -> Statistics:
    """The statistics of the whole population."""
    if "teacher" in arrays:
        targets = _target_map(arrays)
        return Statistics(jnp.eye(arrays["teacher"].shape[1]), arrays["teacher"], (targets**2).sum(), jnp.ones(()))
    single = atoms(arrays)
    xx, yx, yy = (jnp.tensordot(single.masses, part, axes=1) for part in single[:3])
    return Statistics(xx, yx, yy, jnp.ones(()))


def _target_map(arrays: Arrays) -> Any:
    """The map from the inputs and the label noise to the targets."""
    parts = [arrays["teacher"], *([arrays["noise_factor"]] if "noise_factor" in arrays else [])]
    return jnp.concatenate(parts, axis=1)


def _spread(arrays: Arrays, weights: Layers, full: Any) -> Any:
    r"""The trace of the covariance of one example's gradient, :math:`\operatorname{tr} \Sigma(w)`.

    For normal :math:`\xi` by :math:`\operatorname{Var}(u^\top \xi\, \xi^\top v) = |u|^2 |v|^2 + (u^\top v)^2`.
    """
    if "teacher" not in arrays:
        xx, yx, _, masses = atoms(arrays)
        single = _flat(gradients([layer[:, None] for layer in weights], xx, yx))
        return ((single - full[:, None]) ** 2).sum(axis=-1) @ masses
    before, after, fit = _chains(weights)
    error = -jnp.broadcast_to(_target_map(arrays), (len(fit), *_target_map(arrays).shape))
    error = error.at[..., : fit.shape[-1]].add(fit)
    total = (full**2).sum(axis=-1)
    for left, right in zip(after, before, strict=True):
        back = error if left is None else product(jnp.swapaxes(left, -1, -2), error)
        inputs = fit.shape[-1] if right is None else (right**2).sum(axis=(-1, -2))
        total += (back**2).sum(axis=(-1, -2)) * inputs
    return total


def gradients(layers: Layers, xx: Any, yx: Any) -> list[Any]:
    r"""The gradients :math:`W_{j+1}^\top \cdots W_L^\top (P\, xx - yx)\, W_1^\top \cdots W_{j-1}^\top` of stacks."""
    before, after, fit = _chains(layers)
    residual = product(fit, xx) - yx
    results = []
    for left, right in zip(after, before, strict=True):
        gradient = residual if left is None else product(jnp.swapaxes(left, -1, -2), residual)
        results.append(gradient if right is None else product(gradient, jnp.swapaxes(right, -1, -2)))
    return results


def losses(layers: Layers, mean: Statistics) -> Any:
    """The mean loss of stacks of layers."""
    fit = _chains(layers)[2]
    return ((product(fit, mean.xx) - 2 * mean.yx) * fit).sum(axis=(-1, -2)) / 2 + mean.yy / 2


def _chains(layers: Layers) -> tuple[list[Any], list[Any], Any]:
    """For each layer the product of those before it, and of those after it (None for none); and of all."""
    before, after = [None], [None]
    for layer in layers:
        before.append(layer if before[-1] is None else product(layer, before[-1]))
    for layer in reversed(layers[1:]):
        after.append(layer if after[-1] is None else product(after[-1], layer))
    return before[:-1], after[::-1], before[-1]


def product(left: Any, right: Any) -> Any:
    """The product of stacks of small matrices, which XLA fuses where it would call a library for ``@``."""
    return (left[..., :, :, None] * right[..., None, :, :]).sum(axis=-2)


def _flat(parts: Sequence[Any]) -> Any:
    """The parts of each gradient as one row."""
    shape = np.broadcast_shapes(*(part.shape[:-2] for part in parts))
    rows = [jnp.broadcast_to(part, (*shape, *part.shape[-2:])).reshape(*shape, -1) for part in parts]
    return jnp.concatenate(rows, axis=-1)
