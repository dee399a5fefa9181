"""Several batch sizes on nested batches: each alone as it should be, and together closer than apart."""

from __future__ import annotations

from itertools import combinations

import jax
import numpy as np
import pytest

import sgdvar as sv
from sgdvar.monte_carlo.dynamics.nested import nested_dynamics_of
from sgdvar.monte_carlo.running.trajectories import Trajectories

SIZES = (1, 3, 4)
REPLICATES = 20_000
rng = np.random.default_rng(7)
DATA = sv.Dataset(rng.normal(size=(6, 2)), rng.normal(size=(6, 2)))
ATOMS = sv.DiscretePopulation(DATA.X, DATA.y, np.arange(1, 7) / 21)
GAUSSIAN = sv.GaussianPopulation(rng.normal(size=(2, 2)), rng.normal(size=(2, 2)), rng.normal(size=(2, 2)))
CASES = {
    "without replacement": (DATA, sv.WithoutReplacement()),
    "with replacement": (DATA, sv.WithReplacement()),
    "atoms": (ATOMS, None),
    "Gaussian": (GAUSSIAN, None),
}


def process(name):
    data, sampling = CASES[name]
    return sv.SGD(sv.LinearRegression(data, 0.1), np.ones((2, 2)), 0.2, sampling)


def simulated(sgd, steps, sizes=SIZES, replicates=REPLICATES):
    """For each recorded step weights and gradients, shape (K, N, d)."""
    trajectories = Trajectories(sgd, nested_dynamics_of(sgd, sizes), steps, 3)
    records = []
    for chunk in trajectories.chunks(trajectories.blocks(sizes[-1], replicates)):
        records += trajectories.simulate(chunk)
    for kept in zip(*records, strict=True):
        yield tuple(
            np.concatenate(arrays).reshape(replicates, len(sizes), -1).transpose(1, 0, 2)
            for arrays in zip(*kept, strict=True)
        )


@pytest.mark.parametrize("name", CASES)
def test_each_batch_size_alone_has_the_exact_moments(name, judge):
    sgd = process(name)
    ((weights, gradients),) = simulated(sgd, (2,))
    mean = np.array([[float(V(1)) for V in row] for row in sv.mean_weights(sgd, 2)]).ravel()
    for k, b in enumerate(SIZES):
        judge.agree(weights[k].mean(axis=0), mean, weights[k].std(axis=0) / np.sqrt(REPLICATES))
        deviations = ((gradients[k] - gradients[k].mean(axis=0)) ** 2).sum(axis=1)
        exact = sv.gradient_variance(sgd, 2)(b)
        judge.agree(deviations.mean(), exact, deviations.std() / np.sqrt(REPLICATES))


def counts_of_examples(sampling, seed_shift=0):
    """How often each of five examples is in each batch, shape (K, N, 5): inputs are unit vectors."""
    data = sv.Dataset(np.eye(5), -np.ones(5))
    sgd = sv.SGD(sv.LinearRegression(data), np.zeros(5), 0.0, sampling)
    ((_, gradients),) = simulated(sgd, (1,))
    counts = gradients * np.array(SIZES)[:, None, None]
    whole = counts.round().astype(int)
    np.testing.assert_allclose(counts, whole, atol=1e-9)
    assert (whole.sum(axis=2) == np.array(SIZES)[:, None]).all()
    return whole


@pytest.mark.parametrize("sampling", [sv.WithoutReplacement(), sv.WithReplacement()])
def test_smaller_batches_are_part_of_larger_ones(sampling):
    counts = counts_of_examples(sampling)
    assert (np.diff(counts, axis=0) >= 0).all()


def test_every_subset_is_equally_likely_at_every_size(judge):
    counts = counts_of_examples(sv.WithoutReplacement())
    assert counts.max() == 1
    codes = counts @ (1 << np.arange(5))
    for k, b in enumerate(SIZES):
        subsets = [sum(1 << i for i in members) for members in combinations(range(5), b)]
        judge.uniform([(codes[k] == code).sum() for code in subsets])
    first = counts[0].argmax(axis=1)  # given the largest batch, its first member is any of its members
    inside = np.take_along_axis(counts[2].cumsum(axis=1), first[:, None], axis=1)[:, 0]
    judge.uniform(np.bincount(inside, minlength=5)[1:])


def test_gaussian_batches_share_their_first_examples(judge):
    """At the same weights the covariance of two batch means is that of one example over the larger size."""
    sgd = process("Gaussian")
    ((_, gradients),) = simulated(sgd, (0,))
    one = sv.gradient_variance(sgd, 0)(1)
    for j, k in combinations(range(len(SIZES)), 2):
        centred = gradients - gradients.mean(axis=1, keepdims=True)
        products = (centred[j] * centred[k]).sum(axis=1)
        judge.agree(products.mean(), one / SIZES[k], products.std() / np.sqrt(REPLICATES))


def test_networks_move_all_their_layers(judge):
    network = sv.DeepLinearNetwork(sv.Dataset([[1, 2], [0, 1], [2, -1]], [1, 0, 1]))
    sgd = sv.SGD(network, [[[1, 0], [1, 1]], [[1, -1]]], sv.rationalize(0.1))
    ((_, gradients),) = simulated(sgd, (1,), (1, 2, 3))
    V = sv.gradient_variance(sgd, 1)
    for k, b in enumerate((1, 2, 3)):
        deviations = ((gradients[k] - gradients[k].mean(axis=0)) ** 2).sum(axis=1)
        judge.agree(deviations.mean(), float(V(b)), deviations.std() / np.sqrt(REPLICATES))


def test_replicates_do_not_depend_on_how_many_there_are():
    sgd = process("atoms")
    ((few, _),) = simulated(sgd, (2,), replicates=3000)
    ((many, _),) = simulated(sgd, (2,), replicates=5000)
    assert (few == many[:, :3000]).all()
    assert not jax.config.jax_enable_x64
