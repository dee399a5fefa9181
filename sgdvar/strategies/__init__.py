"""The property kit: Hypothesis strategies for exact problems, and assertions about them, for theorems of your own.

All numbers are small rationals, so a counterexample shrinks to something a person checks by hand. Sizes are given as an
integer or as a strategy for integers. A strategy that cannot generate fails where it is written, and not when a test
runs. The assertions are those of ``sgdvar.assertions``, which does without Hypothesis. Needs Hypothesis: install
``sgdvar[test]``.

Examples:
    >>> from hypothesis import given, strategies as st
    >>> import sgdvar as sv
    >>> from sgdvar.strategies import assert_decreasing, processes
    >>> @given(processes(), st.integers(0, 2))
    ... def test_the_variance_never_rises_in_the_batch_size(sgd, step):
    ...     assert_decreasing(sv.gradient_variance, sgd, step)
    >>> test_the_variance_never_rises_in_the_batch_size()
"""

from __future__ import annotations

try:
    import hypothesis  # noqa: F401
except ImportError as error:
    raise ImportError('sgdvar.strategies needs Hypothesis; write pip install "sgdvar[test]"') from error

from sgdvar.assertions import (
    assert_at_most,
    assert_certified,
    assert_decreasing,
    assert_equal,
    assert_matches_enumeration,
    assert_matches_estimate,
    assert_matches_simulation,
    assert_non_negative_coefficients,
    assert_polynomial_degree,
)
from sgdvar.strategies.numbers import arrays, matrices, rationals, rotations
from sgdvar.strategies.processes import (
    layers,
    model_processes,
    network_processes,
    processes,
    stable_step_sizes,
    step_sizes,
    weights,
)
from sgdvar.strategies.sources import (
    batch_sizes,
    datasets,
    discrete_populations,
    gaussian_populations,
    samplings,
)

__all__ = [
    "arrays",
    "assert_at_most",
    "assert_certified",
    "assert_decreasing",
    "assert_equal",
    "assert_matches_enumeration",
    "assert_matches_estimate",
    "assert_matches_simulation",
    "assert_non_negative_coefficients",
    "assert_polynomial_degree",
    "batch_sizes",
    "datasets",
    "discrete_populations",
    "gaussian_populations",
    "layers",
    "matrices",
    "model_processes",
    "network_processes",
    "processes",
    "rationals",
    "rotations",
    "samplings",
    "stable_step_sizes",
    "step_sizes",
    "weights",
]
