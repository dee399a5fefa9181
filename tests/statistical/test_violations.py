"""Variances that rise with the batch size, exact, certified and simulated."""

from __future__ import annotations

from fractions import Fraction

import sgdvar as sv


def test_two_examples_whose_batch_of_two_has_variance_where_one_has_none():
    data = sv.Dataset([[1], [2]], [0, 0])
    sgd = sv.SGD(sv.DeepLinearNetwork(data), [2, 1], Fraction(1, 4), sv.WithReplacement())
    V = sv.gradient_variance(sgd, 1)
    assert [V(1), V(2)] == [0, Fraction(61965, 8192)]
    assert sv.enumerate_gradient_variance(sgd, 1, 2) == V(2)
    verdict = sv.certify_decreasing(V)
    assert verdict.status == "refuted"
    assert verdict.witness == (1, 2, V(1), V(2))
    report = sv.verify(sgd, [1], [1, 2, 3, 4], relative_error=0.02, seed=3)
    assert report.verdict.status == "agreed"


def test_standard_normal_inputs_and_two_by_two_weights():
    k, identity = 10, [[1, 0], [0, 1]]
    network = sv.DeepLinearNetwork(sv.GaussianPopulation([[1, k], [-k, 1]]))
    sgd = sv.SGD(network, [identity, identity], step_size=1)
    V = sv.gradient_variance(sgd, 1)
    verdict = sv.certify_decreasing(V)
    assert verdict.status == "refuted"
    assert verdict.witness[:2] == (1, 2)
    assert V(2) > Fraction(3, 2) * V(1)
    estimate = sv.estimate_gradient_variance(sgd, 1, [1, 2], replicates=400_000, conditional=False, seed=3)
    low, high = estimate.value
    errors = estimate.standard_error
    assert high - low > 6 * (errors[0] ** 2 + errors[1] ** 2) ** 0.5  # simulation alone sees the rise
    assert all(
        abs(value - float(V(b))) < 6 * error for value, b, error in zip(estimate.value, (1, 2), errors, strict=True)
    )
