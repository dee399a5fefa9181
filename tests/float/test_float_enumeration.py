"""Floats give the exact result of the oracle up to rounding, and say so by their type."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import sgdvar as sv


def process(numbers, sampling):
    X, y = [[1, 2], [3, -1], [0, 2]], [1, 2, -1]
    problem = sv.LinearRegression(
        sv.Dataset([[numbers(x) for x in row] for row in X], [numbers(value) for value in y]),
        weight_decay=numbers(Fraction(1, 3)),
    )
    steps = [numbers(Fraction(1, 10)), numbers(Fraction(1, 7))]
    return sv.SGD(problem, start=[numbers(Fraction(1, 2)), numbers(3)], step_size=steps, sampling=sampling)


@pytest.mark.parametrize(
    "quantity",
    [
        sv.enumerate_gradient_variance,
        sv.enumerate_full_gradient_variance,
        sv.enumerate_gradient_second_moment,
        sv.enumerate_expected_loss,
        sv.enumerate_mean_gradient,
        sv.enumerate_mean_weights,
        sv.enumerate_weight_covariance,
    ],
)
@pytest.mark.parametrize("sampling", [sv.WithReplacement(), sv.WithoutReplacement()], ids=str)
@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_floats_enumerate_to_the_exact_result_up_to_rounding(quantity, sampling, batch_size):
    rounded = np.asarray(quantity(process(float, sampling), 2, batch_size))
    exact = np.asarray(quantity(process(Fraction, sampling), 2, batch_size)).astype(float)
    assert rounded.dtype == np.float64
    assert np.abs(rounded - exact).max() <= 1e-13 * max(1, np.abs(exact).max())
