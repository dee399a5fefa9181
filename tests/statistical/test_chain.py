"""Loss, gradient and noise of a network are what its definition gives by differentiation, example by example."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import sgdvar as sv
from sgdvar.monte_carlo.dynamics.chain import Chain, GradientMap, directions, products, pulled_back
from sgdvar.monte_carlo.landscapes import noise as noise_module
from sgdvar.monte_carlo.landscapes.linear import Landscape
from sgdvar.monte_carlo.landscapes.noise import gradient_noise

RNG = np.random.default_rng(0)
N, P, Q = 7, 3, 2
X, Y = RNG.normal(size=(N, P)), RNG.normal(size=(N, Q))
CHANCES = RNG.dirichlet(np.ones(N))
FACTOR, NOISE = RNG.normal(size=(P, 4)), RNG.normal(size=(Q, 2))
WIDTHS = [(P, Q), (P, 4, Q), (P, 2, 4, Q), (P, 1, 1, 5, Q)]
DECAY = 0.3
FINITE = {
    "data set": (sv.Dataset(X, Y), np.full(N, 1 / N)),
    "atoms": (sv.DiscretePopulation(X, Y, CHANCES / CHANCES.sum()), CHANCES),
}
POPULATION = sv.GaussianPopulation(RNG.normal(size=(Q, P)), input_factor=FACTOR, noise_factor=NOISE)
SPREADS = {"fourth moments": 2**24, "example by example": 0}  # the largest table of fourth moments


def network(data, widths):
    start = [RNG.normal(size=shape) for shape in zip(widths[1:], widths, strict=False)]
    return sv.SGD(sv.DeepLinearNetwork(data, weight_decay=DECAY), start, 0.1)


def stacked(sgd, count=5):
    """Rows of weights for some replicates, and the same as lists of layers."""
    weights = RNG.normal(size=(count, sgd.weight_count))
    return weights, [sgd.shaped(row) for row in weights]


def flat(layers):
    return np.concatenate([np.asarray(layer).ravel() for layer in layers])


def example_gradients(sgd, layers):
    """All examples' gradients by automatic differentiation of the problem's loss, flattened: shape (n, d)."""
    problem = sgd.problem

    def loss(layers, x, y):
        penalty = sum((layer**2).sum() for layer in layers)
        return problem.example_losses(layers, x[None], y[None])[0] + problem.weight_decay / 2 * penalty

    with jax.enable_x64(True):
        found = jax.vmap(jax.grad(loss), (None, 0, 0))(tuple(layers), X, Y)
        return np.concatenate([np.asarray(part).reshape(N, -1) for part in found], axis=1)


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
@pytest.mark.parametrize("name", FINITE)
def test_loss_and_gradient_are_means_over_examples_of_automatic_derivatives(name, widths):
    data, chances = FINITE[name]
    sgd = network(data, widths)
    weights, replicates = stacked(sgd)
    landscape = Landscape.of(data, Chain.of(sgd), DECAY)
    for row, layers, loss, gradient in zip(
        weights, replicates, landscape.loss(weights), landscape.gradient(weights), strict=True
    ):
        losses = sgd.problem.example_losses(layers, X, Y)
        np.testing.assert_allclose(loss, chances @ losses + DECAY / 2 * (row**2).sum(), rtol=1e-12)
        np.testing.assert_allclose(gradient, chances @ example_gradients(sgd, layers), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_the_problems_own_example_gradients_are_automatic_derivatives(widths):
    sgd = network(FINITE["data set"][0], widths)
    own = sgd.problem.example_gradients(sgd.layers, X, Y)
    rows = np.concatenate([part.reshape(N, -1) for part in own], axis=1)
    np.testing.assert_allclose(rows, example_gradients(sgd, sgd.layers), rtol=1e-10, atol=1e-12)


def maps(sgd):
    """Matrices and layers for A, with the rows of each over all weights."""
    d, rows = sgd.weight_count, RNG.normal(size=(4, sgd.weight_count))
    yield None, None, np.eye(d)
    yield rows, None, rows
    for j, entries in enumerate(Chain.of(sgd).slices(), 1):
        yield None, j, np.eye(d)[entries]
        own, padded = RNG.normal(size=(2, entries.stop - entries.start)), np.zeros((2, d))
        padded[:, entries] = own
        yield own, j, padded


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
@pytest.mark.parametrize("name", FINITE)
@pytest.mark.parametrize("spread", SPREADS)
def test_noise_is_the_covariance_of_example_gradients(spread, name, widths, monkeypatch):
    monkeypatch.setattr(noise_module, "_TABLE", SPREADS[spread])
    monkeypatch.setattr(noise_module, "_BUFFER", 1)  # one replicate at a time
    data, chances = FINITE[name]
    if spread == "fourth moments":  # as if there were many examples
        monkeypatch.setattr(noise_module, "_spread", lambda data, chain: noise_module._FourthMoments.of(data))
    sgd = network(data, widths)
    weights, replicates = stacked(sgd)
    gradients = [example_gradients(sgd, layers) for layers in replicates]
    for matrix, layer, rows in maps(sgd):
        found = gradient_noise(data, GradientMap.of(sgd, matrix, layer))(weights)
        for value, examples in zip(found, gradients, strict=True):
            mapped = examples @ rows.T
            expected = chances @ ((mapped - chances @ mapped) ** 2).sum(axis=1)
            np.testing.assert_allclose(value, expected, rtol=1e-9)


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_a_gaussian_population_has_the_noise_of_isserlis_theorem(widths):
    sgd = network(POPULATION, widths)
    weights, replicates = stacked(sgd)
    S = FACTOR @ FACTOR.T
    landscape = Landscape.of(POPULATION, Chain.of(sgd), DECAY)
    covariances = []
    for row, layers, loss, gradient in zip(
        weights, replicates, landscape.loss(weights), landscape.gradient(weights), strict=True
    ):
        errors = products([np.asarray(layer) for layer in layers])[-1] - POPULATION.teacher
        residual, M = errors @ S @ errors.T + NOISE @ NOISE.T, errors @ S
        np.testing.assert_allclose(loss, np.trace(residual) / 2 + DECAY / 2 * (row**2).sum(), rtol=1e-12)
        covariance = np.einsum("kl,ij->kilj", residual, S) + np.einsum("kj,li->kilj", M, M)
        with jax.enable_x64(True):
            jacobian = jax.jacobian(lambda layers: products(layers)[-1].ravel())(list(layers))
            jacobian = np.concatenate([np.asarray(part).reshape(P * Q, -1) for part in jacobian], axis=1)
        np.testing.assert_allclose(gradient, jacobian.T @ M.ravel() + DECAY * row, rtol=1e-9, atol=1e-12)
        covariances.append(jacobian.T @ covariance.reshape(P * Q, P * Q) @ jacobian)
    for matrix, layer, rows in maps(sgd):
        found = gradient_noise(POPULATION, GradientMap.of(sgd, matrix, layer))(weights)
        np.testing.assert_allclose(found, [np.trace(rows @ C @ rows.T) for C in covariances], rtol=1e-9)


def test_directions_are_the_adjoint_of_pulling_back():
    sgd = network(POPULATION, (P, 2, 4, Q))
    _, replicates = stacked(sgd)
    layers = [np.array(stack) for stack in zip(*replicates, strict=True)]
    signal = RNG.normal(size=(5, Q, P))
    blocks = [RNG.normal(size=(3, *shape)) for shape in Chain.of(sgd).shapes]
    onto = directions(layers, blocks)
    parts = pulled_back(layers, signal)
    expected = sum(np.einsum("nij,kij->nk", part, block) for part, block in zip(parts, blocks, strict=True))
    np.testing.assert_allclose(np.einsum("nkij,nij->nk", onto, signal), expected, rtol=1e-10)


def test_the_cheapest_spread_is_chosen():
    """A table where there are many examples, a sum over examples where there are few or many features."""

    def chosen(n, p):
        data = sv.Dataset(np.ones((n, p)), np.ones(n))
        sgd = sv.SGD(sv.DeepLinearNetwork(data), [np.ones((2, p)), np.ones((1, 2))], 0.1)
        return type(noise_module._spread(data, Chain.of(sgd))).__name__

    assert [chosen(3, 3), chosen(500, 3)] == ["_ByExample", "_FourthMoments"]
    assert chosen(100_000, 70) == "_ByExample"  # 25 million fourth moments
