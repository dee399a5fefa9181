"""Certificates and witnesses, made with FLINT."""

from __future__ import annotations

from sgdvar.certify.convexity import certify_convex
from sgdvar.certify.definite import certify_positive_definite, certify_scalar_networks
from sgdvar.certify.matrices import certify_covariance_decreasing
from sgdvar.certify.orders import certify_decreasing, certify_halving, certify_scaled_decreasing

__all__ = [
    "certify_convex",
    "certify_covariance_decreasing",
    "certify_decreasing",
    "certify_halving",
    "certify_positive_definite",
    "certify_scalar_networks",
    "certify_scaled_decreasing",
]
