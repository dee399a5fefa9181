r"""Assertions about quantities that depend on the batch size, for tests of your own theory.

Each takes a *quantity*, a *process* and a *step*. A quantity is a function, of the library or your own:

- ``quantity(process, step)`` returns a BatchPolynomial; or an array or tuple of them, a dict from b to values, or a
  function of b;
- ``quantity(process, step, batch_size)``, with a parameter of that name, returns the values at one batch size, as the
  functions do whose names begin with ``enumerate_``.

Further arguments (``matrix=``, ``layer=``) go to the quantity. A result that is there already may stand in place of a
quantity. A process is an ``SGD``, or anything of your own: valid batch sizes are those of its ``design``, if it has
that attribute (a BatchDesign), or are given with ``batch_sizes=``.

A failure is an AssertionError that says what must hold, what was found, with numbers that a person can check, and the
process as code. What cannot be decided (floats, signs of symbols) fails, too. All comparisons are exact, but for those
with estimates.
"""

from __future__ import annotations

from sgdvar.assertions.orders import (
    assert_at_most,
    assert_certified,
    assert_decreasing,
    assert_non_negative_coefficients,
)
from sgdvar.assertions.simulation import assert_matches_estimate, assert_matches_simulation
from sgdvar.assertions.values import assert_equal, assert_matches_enumeration, assert_polynomial_degree

__all__ = [
    "assert_at_most",
    "assert_certified",
    "assert_decreasing",
    "assert_equal",
    "assert_matches_enumeration",
    "assert_matches_estimate",
    "assert_matches_simulation",
    "assert_non_negative_coefficients",
    "assert_polynomial_degree",
]
