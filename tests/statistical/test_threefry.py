"""Random words are JAX's own, bit for bit."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgdvar.monte_carlo.samplers.threefry import implementation, threefry

SEEDS = [0, 1, 7, 2**32 - 1, 2**32, 2**63 - 1]
DTYPES = [jnp.uint8, jnp.uint16, jnp.uint32, jnp.uint64]


def keys(seed):
    """A key of this library and JAX's own of the same seed."""
    return [jax.random.key(np.int64(seed), impl=kind) for kind in (implementation(), "threefry2x32")]


@pytest.fixture(autouse=True)
def as_in_simulations():
    with jax.enable_x64(True), jax.threefry_partitionable(True):
        yield


@pytest.mark.parametrize("seed", SEEDS)
def test_random_bits_are_those_of_jax(seed):
    for shape in [(), (1,), (2,), (7,), (128,), (3, 5), (32, 128), (2, 3, 4), (0,)]:
        for dtype in DTYPES:
            ours, theirs = (jax.random.bits(key, shape, dtype) for key in keys(seed))
            assert ours.dtype == dtype
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("seed", SEEDS)
def test_keys_made_from_keys_are_those_of_jax(seed):
    def made(key):
        parts = jax.random.split(key, (2, 3))
        folded = [jax.random.fold_in(key, number) for number in (0, 1, 2**31, 2**32 - 1)]
        within = jax.jit(lambda key, number: jax.random.fold_in(key, number))(key, jnp.int32(5))
        return [jax.random.key_data(key) for key in (key, parts, *folded, within)]

    for ours, theirs in zip(*map(made, keys(seed)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.int64, np.uint64])
def test_seeds_of_every_kind_of_integer_give_the_keys_of_jax(dtype):
    for seed in (0, 3, np.iinfo(dtype).max):
        ours, theirs = (jax.random.key(dtype(seed), impl=kind) for kind in (implementation(), "threefry2x32"))
        np.testing.assert_array_equal(jax.random.key_data(ours), jax.random.key_data(theirs))


def test_random_numbers_of_every_distribution_are_those_of_jax():
    def numbers(key):
        batch = jax.vmap(lambda key: jax.random.bits(key, (3,)))(jax.random.split(key, 4))
        return batch, jax.random.normal(key, (5, 2)), jax.random.gamma(key, 2.5, (6,)), jax.random.uniform(key, (3,))

    for ours, theirs in zip(*map(numbers, keys(11)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_blocks_are_the_published_ones():
    """The known answers that come with the reference implementation of Random123."""
    digits = np.array([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], np.uint32)  # of pi: counter, then key
    cases = [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((2**32 - 1, 2**32 - 1), (2**32 - 1, 2**32 - 1), (0x1CB996FC, 0xBB002BE7)),
        (digits[2:], digits[:2], (0xC4923A9C, 0x483DF7A0)),
    ]
    for key, counter, expected in cases:
        upper, lower = np.asarray(counter, np.uint32)[:, None]
        found = threefry(jnp.asarray(key, jnp.uint32), upper, lower)
        assert [int(word[0]) for word in found] == list(expected)


def test_more_numbers_than_there_are_counters_are_refused():
    if jax.default_backend() != "cpu":
        pytest.skip("JAX's own keys are used")
    with pytest.raises(ValueError, match=r"at most 2\*\*32 random numbers must be asked for at once, got shape"):
        jax.jit(lambda: jax.random.bits(keys(0)[0], (2**17, 2**16), jnp.uint8)).lower()
