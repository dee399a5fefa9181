"""The fourth central moment of the gradient against sums over every batch sequence, and closed forms."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest

import sgdvar as sv

X, Y = [[1, 2], [0, 1], [3, -1]], [1, 0, 2]
LAYERS = [np.array([[1, Fraction(1, 2)], [-1, 2]]), np.array([[Fraction(1, 3), 1]])]
ALPHA, DECAY = Fraction(1, 7), Fraction(1, 5)


def outcomes(batches, step):
    """The gradients after some steps, flattened, one for each sequence of batches (all equally likely)."""
    network = sv.DeepLinearNetwork(sv.Dataset(X, Y), weight_decay=DECAY)
    inputs, targets = np.array(X, dtype=object), np.array(Y, dtype=object)

    def gradients(layers, batch):
        chosen = list(batch)
        return [
            g.sum(axis=0) / Fraction(len(chosen))
            for g in network.example_gradients(layers, inputs[chosen], targets[chosen])
        ]

    for *first, last in product(batches, repeat=step + 1):
        layers = LAYERS
        for batch in first:
            layers = [w - ALPHA * g for w, g in zip(layers, gradients(layers, batch), strict=True)]
        yield [
            np.concatenate([g.ravel() for g in gradients(layers, last)]),
            [g.ravel() for g in gradients(layers, last)],
        ]


def fourth_moment(vectors):
    mean = sum(vectors) / Fraction(len(vectors))
    return sum(((v - mean) ** 2).sum() ** 2 for v in vectors) / len(vectors)


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("sampling", [sv.WithoutReplacement(), sv.WithReplacement()], ids=["without", "with"])
def test_it_equals_the_sum_over_every_batch_sequence(sampling, step):
    sgd = sv.SGD(sv.DeepLinearNetwork(sv.Dataset(X, Y), weight_decay=DECAY), LAYERS, ALPHA, sampling)
    matrix = [[1, 0, 2, 0, -1, 0], [0, Fraction(1, 2), 0, 0, 0, 3]]
    total = sv.gradient_fourth_moment(sgd, step)
    mapped = sv.gradient_fourth_moment(sgd, step, matrix=matrix)
    upper = sv.gradient_fourth_moment(sgd, step, layer=2)
    for b in (1, 2, 3) if isinstance(sampling, sv.WithoutReplacement) else (1, 2):
        batches = list(
            combinations(range(3), b) if isinstance(sampling, sv.WithoutReplacement) else product(range(3), repeat=b)
        )
        found = list(outcomes(batches, step))
        flat = [vector for vector, _ in found]
        assert total(b) == fourth_moment(flat)
        assert mapped(b) == fourth_moment([np.array(matrix, dtype=object) @ vector for vector in flat])
        assert upper(b) == fourth_moment([layers[1] for _, layers in found])


def test_on_a_gaussian_population_it_is_a_moment_of_a_chi_squared_variable():
    # one weight, N(0, 1) inputs: g = w s with s = chi2(b)/b, whose fourth central moment is 12 (b + 4)/b^3
    sgd = sv.SGD(sv.LinearRegression(sv.GaussianPopulation([0])), start=[2], step_size=1)
    assert sv.gradient_fourth_moment(sgd, 0).coefficients == (0, 0, 12 * 2**4, 48 * 2**4)


def test_it_is_at_least_the_square_of_the_variance():
    sgd = sv.SGD(sv.DeepLinearNetwork(sv.GaussianPopulation([[1, -1]], noise_factor=1)), LAYERS, ALPHA)
    for step in (0, 1):
        for b in (1, 2, 10):
            assert sv.gradient_fourth_moment(sgd, step)(b) > sv.gradient_variance(sgd, step)(b) ** 2
