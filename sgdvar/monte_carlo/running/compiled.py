"""The compiled simulation of tiles: nothing here knows of runs, files or processes."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh

from sgdvar.monte_carlo.dynamics.base import GRADIENT_LIMIT, Dynamics
from sgdvar.monte_carlo.running.devices import REPLICATES, spec
from sgdvar.monte_carlo.samplers.threefry import implementation

__all__ = ["NEVER", "simulate"]

NEVER = 2**31 - 1  # the step at which a replicate that stays finite fails


@partial(jax.jit, static_argnames=("tile_size", "records", "mesh", "by_turns"))
def simulate(
    seed: Any,
    purpose: Any,
    tiles: Any,
    dynamics: Dynamics,
    step_sizes: Any,
    slots: Any,
    count: Any,
    batch_size: Any,
    weight_limit: Any,
    *,
    tile_size: int,
    records: int,
    mesh: Mesh,
    by_turns: bool,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The first ``count`` steps of all tiles whose index is not negative.

    Each device simulates its tiles one by one if ``by_turns``, and otherwise side by side.

    Returns:
        States and batch gradients at the recorded steps, each of shape (records, R, D), and for each replicate the
        first step at which it left the range of numbers (or the largest integer), shape (R,).
    """
    key = jax.random.key(seed, impl=implementation())
    for value in (purpose, batch_size):
        key = jax.random.fold_in(key, value)
    tile = partial(_simulate_tile, tile_size=tile_size, records=records)

    def own_share(tiles: Any, *shared: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
        """The tiles of one device."""
        together = jax.vmap(tile, in_axes=(0, *[None] * len(shared)))
        weights, gradients, failed = _by_turns(tile, tiles, shared) if by_turns else together(tiles, *shared)
        rows = len(tiles) * tile_size
        weights, gradients = (jnp.moveaxis(x, 0, 1).reshape(records, rows, -1) for x in (weights, gradients))
        return weights, gradients, failed.reshape(rows)

    shared = (key, dynamics, step_sizes, slots, count, batch_size, weight_limit)
    result: tuple[jax.Array, jax.Array, jax.Array] = jax.shard_map(
        own_share,
        mesh=mesh,
        in_specs=(spec(REPLICATES), *[spec()] * len(shared)),
        out_specs=(spec(None, REPLICATES), spec(None, REPLICATES), spec(REPLICATES)),
        check_vma=False,
    )(tiles, *shared)
    return result


def _by_turns(simulated: Any, tiles: Any, shared: tuple[Any, ...]) -> Any:
    """``simulated(tile, *shared)`` of one tile after the other, up to the last that is one, and zeros after it."""
    shapes = jax.eval_shape(simulated, tiles[0], *shared)
    nothing = jax.tree.map(lambda shape: jnp.zeros((len(tiles), *shape.shape), shape.dtype), shapes)

    def put(turn: Any, kept: Any) -> Any:
        own = simulated(tiles[turn], *shared)
        return jax.tree.map(lambda rows, new: lax.dynamic_update_index_in_dim(rows, new, turn, 0), kept, own)

    return lax.fori_loop(0, jnp.max(jnp.where(tiles < 0, 0, lax.iota(jnp.int32, len(tiles)) + 1)), put, nothing)


def _simulate_tile(
    tile: Any,
    key: Any,
    dynamics: Dynamics,
    step_sizes: Any,
    slots: Any,
    count: Any,
    batch_size: Any,
    weight_limit: Any,
    *,
    tile_size: int,
    records: int,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    key = jax.random.fold_in(key, tile)
    start = [jnp.broadcast_to(part, (tile_size, *part.shape)) for part in map(jnp.asarray, dynamics.start())]
    nothing = jnp.zeros((records, *_flat(start).shape), start[0].dtype)
    gradient_limit = min(GRADIENT_LIMIT, float(np.finfo(nothing.dtype).max))
    never = jnp.full(tile_size, NEVER, jnp.int32)

    def advance(t: Any, carry: Any) -> Any:
        state, weights, gradients, failed = carry
        gradient = dynamics.at(t).gradients(jax.random.fold_in(key, t), state, batch_size)

        def recorded() -> Any:
            return (
                lax.dynamic_update_index_in_dim(weights, _flat(state), slots[t], 0),
                lax.dynamic_update_index_in_dim(gradients, _flat(gradient), slots[t], 0),
                _is_below(gradient, gradient_limit),
            )

        is_recorded = slots[t] < records
        weights, gradients, is_number = lax.cond(
            is_recorded, recorded, lambda: (weights, gradients, jnp.ones(tile_size, bool))
        )
        is_number &= _is_below(state, weight_limit)
        failed = jnp.where(is_number, failed, jnp.minimum(failed, t))
        state = [part - step_sizes[t] * step for part, step in zip(state, gradient, strict=True)]
        return state, weights, gradients, failed

    _, weights, gradients, failed = lax.fori_loop(0, count, advance, (start, nothing, nothing, never))
    return weights, gradients, failed


def _is_below(state: list[jax.Array], limit: Any) -> jax.Array:
    """Whether all entries of a replicate are numbers of absolute value below the limit; shape (R,)."""
    return jnp.all(jnp.abs(_flat(state)) < limit, axis=1)


def _flat(state: list[jax.Array]) -> jax.Array:
    """The parts of a state as rows of entries, shape (R, D)."""
    rows = [part.reshape(len(part), -1) for part in state]
    return rows[0] if len(rows) == 1 else jnp.concatenate(rows, axis=1)
