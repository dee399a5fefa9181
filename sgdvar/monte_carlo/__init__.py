"""Monte Carlo estimates with standard errors, from trajectories simulated with JAX in float64."""

from __future__ import annotations

from sgdvar.monte_carlo.estimators import (
    Estimate,
    estimate_expected_loss,
    estimate_full_gradient_variance,
    estimate_gradient_second_moment,
    estimate_gradient_variance,
    estimate_mean_gradient,
    estimate_mean_weights,
    estimate_weight_covariance,
)

__all__ = [
    "Estimate",
    "estimate_expected_loss",
    "estimate_full_gradient_variance",
    "estimate_gradient_second_moment",
    "estimate_gradient_variance",
    "estimate_mean_gradient",
    "estimate_mean_weights",
    "estimate_weight_covariance",
]
