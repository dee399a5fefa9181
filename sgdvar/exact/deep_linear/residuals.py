r"""The law of the residual statistic of a batch: all that a deep linear network sees of its data.

A batch enters every gradient of a network with the end-to-end matrix :math:`P = W_L \cdots W_1` through

.. math:: R = \frac1b \sum_{i \in B} (P x_i - y_i)\, x_i^\top

alone. Inputs are written :math:`x = F \xi` with a fixed matrix F (``input_map``, shape (p, r)) that leaves as few
coordinates as their rank, and from here on R is the statistic in :math:`\xi`, of shape (q, r); the one above is
:math:`R F^\top`.

A law gives polynomials in the entries of the *error* E, a matrix of shape (q, r) that is affine in P: the mean of R,
contractions of the covariance of one example's statistic, and the homogeneous parts of the generating function

.. math:: E\, e^{\langle \Lambda, R \rangle} = \sum_k M_k(\Lambda),

whose coefficients are the moments of R, polynomials in u = 1/b (derived in proofs/residual_moments.py).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

import numpy as np
from flint import fmpq

from sgdvar.arithmetic import object_array
from sgdvar.data import Data, Dataset, GaussianPopulation
from sgdvar.exact.deep_linear.atoms import AtomResiduals
from sgdvar.exact.deep_linear.gaussian import GaussianResiduals, independent_inputs
from sgdvar.exact.deep_linear.ring import Element, Numbers, Ring, matmul
from sgdvar.sampling import BatchDesign
from sgdvar.scalars import Array

__all__ = ["ResidualLaw", "residual_law"]


class ResidualLaw(Protocol):
    """What the engine needs of a data source and a way to draw batches.

    ``ring`` is the ring of the answers; ``errors`` are elements of it.
    """

    @property
    def input_map(self) -> Array:
        """F, shape (p, r)."""
        ...

    def errors(self, ring: Ring | Numbers, end_to_end: Array) -> Array:
        """E, shape (q, r), from P, shape (q, p)."""
        ...

    def mean(self, ring: Ring | Numbers, errors: Array) -> Array:
        """The mean of R, shape (q, r)."""
        ...

    def loss(self, ring: Ring | Numbers, errors: Array) -> Element:
        """Half the mean squared residual."""
        ...

    def trace_covariance(
        self, ring: Ring | Numbers, errors: Array, outputs: Array, inputs: Array, square: Element
    ) -> Element:
        r""":math:`\sum K_{ac} N_{bd} \operatorname{Cov}(R_{ab}, R_{cd})` for one example.

        Args:
            ring: The ring of the answer.
            errors: E.
            outputs: K, shape (q, q).
            inputs: N, shape (r, r).
            square: :math:`\operatorname{tr}(K \bar R N \bar R^\top)` with :math:`\bar R` the mean of R.
        """
        ...

    def variance(self, ring: Ring | Numbers, errors: Array, direction: Array) -> Element:
        r"""The variance of :math:`\langle Q, R \rangle` for one example, Q of shape (q, r)."""
        ...

    def generating_function(self, ring: Ring, errors: Array, variables: Array, degree: int) -> list[Element]:
        r""":math:`M_0, \dots, M_{\text{degree}}` in the variables :math:`\Lambda`, shape (q, r)."""
        ...


def residual_law(data: Data, design: BatchDesign, base: Ring) -> ResidualLaw:
    """The law for a data source and a design; ``base`` is a ring with the symbols of the data and no blocks."""
    if isinstance(data, GaussianPopulation):
        teacher, factor, noise = (_constants(array, base) for array in data.numbers())
        if base.symbols:
            return GaussianResiduals(teacher, factor, _constants(np.ones(factor.shape[1], dtype=int), base), noise)
        return GaussianResiduals(teacher, *independent_inputs(matmul(factor, factor.T)), noise)
    X, y = _constants(data.X, base), _constants(data.y.reshape(len(data.X), -1), base)
    weights = np.full(len(X), Fraction(1, len(X))) if isinstance(data, Dataset) else data.probabilities
    distinct = design.population_size if design.is_without_replacement else None
    return AtomResiduals.of(X, y, _constants(weights, base), distinct)


def _constants(values: Array, base: Ring) -> Array:
    """Numbers as ``fmpq``, which multiply elements of every ring; with symbols, elements of the base ring."""
    if base.symbols:
        return base.elements(values)
    entries = [fmpq(*value.as_integer_ratio()) for value in values.ravel().tolist()]
    return object_array(entries, values.shape)
