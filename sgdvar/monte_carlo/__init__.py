"""Monte Carlo estimates with standard errors, from trajectories simulated with JAX in float64."""

from __future__ import annotations

from sgdvar.monte_carlo.differences import estimate_difference
from sgdvar.monte_carlo.estimate import Estimate
from sgdvar.monte_carlo.estimators import (
    estimate_expected_loss,
    estimate_full_gradient_variance,
    estimate_gradient_second_moment,
    estimate_gradient_variance,
    estimate_mean_gradient,
    estimate_mean_weights,
    estimate_weight_covariance,
)
from sgdvar.monte_carlo.running.runs import RunOptions
from sgdvar.monte_carlo.statistics.design import detectable_discrepancy, replicates_needed

__all__ = [
    "Estimate",
    "RunOptions",
    "detectable_discrepancy",
    "estimate_difference",
    "estimate_expected_loss",
    "estimate_full_gradient_variance",
    "estimate_gradient_second_moment",
    "estimate_gradient_variance",
    "estimate_mean_gradient",
    "estimate_mean_weights",
    "estimate_weight_covariance",
    "replicates_needed",
]
