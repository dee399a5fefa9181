"""Closed forms of loss, gradient and noise are what the definition of the problem gives by differentiation."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sgdvar as sv
from sgdvar.monte_carlo.dynamics.chain import Chain, GradientMap
from sgdvar.monte_carlo.landscapes.linear import Landscape
from sgdvar.monte_carlo.landscapes.noise import gradient_noise
from sgdvar.monte_carlo.samplers import FiniteBatches

RNG = np.random.default_rng(0)
N, P = 7, 3


def problem_with(outputs: int | None) -> sv.LinearRegression:
    y = RNG.normal(size=N) if outputs is None else RNG.normal(size=(N, outputs))
    return sv.LinearRegression(sv.Dataset(RNG.normal(size=(N, P)), y), weight_decay=0.3)


def weights_for(problem: sv.LinearRegression) -> np.ndarray:
    """Weights of five replicates, shape (5, q p)."""
    return RNG.normal(size=(5, (problem.data.outputs or 1) * P))


def one_layer(data) -> Chain:
    return Chain(((data.outputs or 1, data.inputs),))


def noise(data, matrix=None):
    return gradient_noise(data, GradientMap(one_layer(data), matrix))


def example_loss(problem, w, x, y):
    """One example's loss with weight decay, from the problem's own definition."""
    return problem.example_losses(w, x[None], y[None])[0] + problem.weight_decay / 2 * jnp.sum(w**2)


def example_gradients(problem, w):
    """All examples' gradients at one set of weights by automatic differentiation, shape (n, *weight_shape)."""
    with jax.enable_x64(True):
        gradient = jax.vmap(jax.grad(lambda w, x, y: example_loss(problem, w, x, y)), (None, 0, 0))
        return np.asarray(gradient(w.reshape(problem.weight_shape), problem.data.X, problem.data.y))


@pytest.mark.parametrize("outputs", [None, 1, 2])
def test_the_problems_example_gradients_are_the_derivative_of_its_losses(outputs):
    problem = problem_with(outputs)
    w = weights_for(problem)[0].reshape(problem.weight_shape)
    own = problem.example_gradients(w, problem.data.X, problem.data.y)
    np.testing.assert_allclose(own, example_gradients(problem, w), rtol=1e-12)


@pytest.mark.parametrize("outputs", [None, 1, 2])
def test_loss_and_gradient_are_the_mean_over_examples(outputs):
    problem = problem_with(outputs)
    weights = weights_for(problem)
    landscape = Landscape.of(problem.data, one_layer(problem.data), problem.weight_decay)
    for w, loss, gradient in zip(weights, landscape.loss(weights), landscape.gradient(weights), strict=True):
        shaped = w.reshape(problem.weight_shape)
        losses = problem.example_losses(shaped, problem.data.X, problem.data.y)
        np.testing.assert_allclose(loss, losses.mean() + problem.weight_decay / 2 * (w**2).sum(), rtol=1e-12)
        expected = example_gradients(problem, w).mean(axis=0).reshape(w.shape)
        np.testing.assert_allclose(gradient, expected, rtol=1e-10)


@pytest.mark.parametrize("outputs", [None, 1, 2])
@pytest.mark.parametrize("with_matrix", [False, True])
def test_noise_is_the_covariance_of_example_gradients(outputs, with_matrix):
    problem = problem_with(outputs)
    weights = weights_for(problem)
    d = weights[0].size
    matrix = RNG.normal(size=(4, d)) if with_matrix else None
    for w, trace in zip(weights, noise(problem.data, matrix)(weights), strict=True):
        rows = example_gradients(problem, w).reshape(N, d) @ (np.eye(d) if matrix is None else matrix.T)
        np.testing.assert_allclose(trace, rows.var(axis=0).sum(), rtol=1e-10)


@pytest.mark.parametrize("outputs", [None, 2])
@pytest.mark.parametrize("with_matrix", [False, True])
def test_a_gaussian_population_has_the_moments_of_isserlis_theorem(outputs, with_matrix):
    q = outputs or 1
    teacher, factor, noise_factor = RNG.normal(size=(q, P)), RNG.normal(size=(P, 4)), RNG.normal(size=(q, 2))
    data = sv.GaussianPopulation(teacher if outputs else teacher[0], input_factor=factor, noise_factor=noise_factor)
    weights = RNG.normal(size=(5, q * P))
    matrix = RNG.normal(size=(4, q * P)) if with_matrix else None
    A = np.eye(q * P) if matrix is None else matrix
    landscape, S = Landscape.of(data, one_layer(data), 0.3), factor @ factor.T
    traces = noise(data, matrix)(weights)
    for w, loss, gradient, trace in zip(
        weights, landscape.loss(weights), landscape.gradient(weights), traces, strict=True
    ):
        E = w.reshape(q, P) - teacher
        residual = E @ S @ E.T + noise_factor @ noise_factor.T
        np.testing.assert_allclose(loss, np.trace(residual) / 2 + 0.15 * (w**2).sum(), rtol=1e-12)
        np.testing.assert_allclose(gradient, (E @ S).ravel() + 0.3 * w, rtol=1e-12)
        ES = E @ S
        covariance = np.einsum("kl,ij->kilj", residual, S) + np.einsum("kj,li->kilj", ES, ES)
        covariance = covariance.reshape(q * P, q * P)
        np.testing.assert_allclose(trace, np.trace(A @ covariance @ A.T), rtol=1e-10)


@pytest.mark.parametrize("outputs", [None, 2])
def test_a_batch_of_everything_has_the_gradient_of_the_loss(outputs):
    problem = problem_with(outputs)
    weights = weights_for(problem)
    sampler = FiniteBatches.of(problem.data, without_replacement=True)
    with jax.enable_x64(True):
        stacked = jnp.asarray(weights).reshape(len(weights), -1, P)
        drawn = jax.jit(lambda key: sampler.gradients(key, stacked, jnp.int32(N)))(jax.random.key(201))
    expected = Landscape.of(problem.data, one_layer(problem.data), 0.0).gradient(weights)
    np.testing.assert_allclose(drawn.reshape(weights.shape), expected, rtol=1e-10, atol=1e-13)


def test_a_noise_that_is_zero_is_found_to_be_zero_up_to_rounding():
    data = sv.Dataset(np.ones((4, 1)), np.full(4, 1e6))
    found = noise(data)(np.array([[0.0], [5.0]]))
    np.testing.assert_allclose(found, 0, atol=1e-3)  # gradients are of size 1e6, so this is 1e-15 of their squares


def test_noise_about_a_large_mean_does_not_cancel():
    y = 1e8 + np.array([-1.0, 0.0, 1.0])
    found = noise(sv.Dataset(np.ones((3, 1)), y))(np.array([[1e8]]))
    np.testing.assert_allclose(found, 2 / 3, rtol=1e-6)
