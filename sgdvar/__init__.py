"""Exact, certified and simulated variance of mini-batch SGD gradients.

Everything public is here; modules load on first use, so ``import sgdvar`` loads neither JAX nor SymPy.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "scalars": ["rationalize"],
    "errors": ["BudgetExceededError", "CertificateError", "CheckpointError", "NonFiniteError", "NotExactError"],
    "sampling": ["IID", "BatchDesign", "RandomReshuffling", "WithReplacement", "WithoutReplacement"],
    "polynomial": ["BatchPolynomial"],
    "data": ["Dataset", "DiscretePopulation", "GaussianPopulation"],
    "problems": ["DeepLinearNetwork", "DifferentiableModel", "LinearRegression"],
    "process": ["SGD"],
    "exact": [
        "expected_loss",
        "full_gradient_variance",
        "gradient_covariance",
        "gradient_fourth_moment",
        "gradient_second_moment",
        "gradient_variance",
        "gradient_variance_in_time",
        "mean_gradient",
        "mean_weights",
        "stable_step_size",
        "variance_degree_bound",
        "weight_covariance",
    ],
    "enumeration": [
        "enumerate_batches",
        "enumerate_expected_loss",
        "enumerate_full_gradient_variance",
        "enumerate_gradient_covariance",
        "enumerate_gradient_second_moment",
        "enumerate_gradient_variance",
        "enumerate_mean_gradient",
        "enumerate_mean_weights",
        "enumerate_variance",
        "enumerate_weight_covariance",
    ],
    "certificates": ["Certificate", "Verdict"],
    "certify": [
        "certify_convex",
        "certify_covariance_decreasing",
        "certify_decreasing",
        "certify_halving",
        "certify_positive_definite",
        "certify_scalar_networks",
        "certify_scaled_decreasing",
    ],
    "check": ["check_certificate"],
    "orders": ["ORDERS", "certify_order"],
    "thresholds": ["largest_batch_size", "smallest_batch_size"],
    "monte_carlo": [
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
    ],
    "agreement": ["Report", "verify"],
    "search": [
        "FiniteFamily",
        "GaussianFamily",
        "PopulationFamily",
        "SearchClaim",
        "SearchRecord",
        "SearchResult",
        "search_counterexample",
    ],
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = ["__version__", *sorted(_MODULE_OF)]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'sgdvar' has no attribute {name!r}")
    value = getattr(import_module(f"sgdvar.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
