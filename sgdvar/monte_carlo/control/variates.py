r"""Control variates for networks and models: polynomials in the linearised SGD, whose means are known exactly.

The deviation :math:`\delta` of ``sgdvar.monte_carlo.control.linearised`` is simulated with the process, on the same
batches. In coordinates z in which its covariance is the identity, the features

.. math:: z_i \qquad\text{and}\qquad z_i z_j - [i = j]

have mean 0. An estimate here is the mean of some s plus the variance of some vector h. With fixed coefficients
:math:`\beta`, the mean of :math:`s - \beta^\top \text{features}` plus the variance of h is as unbiased as without them.
The best coefficients are those of the regression of influence on features, from other replicates than those of the
estimate. What is left of the error is of third order in the noise, and of second order where the process leaves its
linearisation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sgdvar.memory import once_for_each
from sgdvar.monte_carlo.control.linearised import LinearisedMoments, linearised_moments
from sgdvar.monte_carlo.running.trajectories import Record
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = [
    "ControlVariates",
    "coefficients",
    "control_variates",
]

_FEATURES = 256  # roughly; a pilot of thousands of replicates tells so many coefficients
_NEGLIGIBLE = 1e-8  # share of a coordinate in the largest variance
_RIDGE = 1e-13  # relative to the variance of all features together
_VARIANCE_OFF = 2  # times or part of its exact value, of what a pilot of thousands of replicates may see
_RESERVE = 1e6  # how far typical states must stay below the limit: by Chebyshev's inequality no state reaches it


@dataclass(frozen=True, eq=False)
class ControlVariates:
    r"""Features of mean 0 of the linearised SGD, at one step and batch size.

    All coordinates and products of two; or where those are too many the leading coordinates, the products of fewer of
    them, and the forms :math:`\delta^\top \delta`, :math:`\delta^\top H \delta`, :math:`\delta^\top H^2 \delta` with H
    the Hessian of the loss.

    Attributes:
        whitening: Maps :math:`\delta` to z, the coordinate of largest variance first, shape (d, r).
        forms: Matrices of quadratic forms in :math:`\delta`, shape (f, d, d).
        means: Their means, shape (f,).
        leading: How many coordinates are multiplied with one another, and with themselves.
    """

    whitening: Array
    forms: Array
    means: Array
    leading: int

    @classmethod
    def of(cls, covariance: Array, hessian: Array) -> ControlVariates:
        r"""The features for a covariance of :math:`\delta`; none where that is 0."""
        values, vectors = (array[..., ::-1] for array in np.linalg.eigh(covariance))
        varying = int((values > max(_NEGLIGIBLE * values[0], np.finfo(np.float64).tiny)).sum())
        rank = min(varying, _FEATURES // 2)
        leading = min(rank, int((np.sqrt(8 * (_FEATURES - rank) + 1) - 1) / 2))
        forms = np.stack([np.eye(len(hessian)), hessian, hessian @ hessian])[: 3 * (leading < varying)]
        whitening = vectors[:, :rank] / np.sqrt(values[:rank])
        return cls(whitening, forms, np.asarray((forms * covariance).sum(axis=(1, 2))), leading)

    def __call__(self, record: Record) -> Array:
        """The features in a record of ``ControlledDynamics``, shape (N, features)."""
        deviations = self._deviations(record)
        z = np.ascontiguousarray((deviations @ self.whitening).T)
        lower, upper = self._pairs
        pairs = z[lower] * z[upper] - (lower == upper)[:, None]
        return np.concatenate([z, pairs, self._form_values(deviations)]).T

    def correction(self, record: Record, beta: Array) -> Array:
        r"""The product :math:`\beta^\top` features, without the features where the estimate is one number.

        Args:
            record: Of ``ControlledDynamics``.
            beta: Shape ``(features, *shape)``.

        Returns:
            What is to be subtracted from the offsets of the estimate, shape ``(N, *shape)``.
        """
        if beta.ndim > 1:
            return np.tensordot(self(record), beta, 1)
        deviations, rank, (lower, upper) = self._deviations(record), self.whitening.shape[1], self._pairs
        z, products = deviations @ self.whitening, np.zeros((self.leading, self.leading))
        products[lower, upper] = beta[rank : rank + len(lower)]
        leading = z[:, : self.leading]
        quadratic = ((leading @ products) * leading).sum(axis=1) - np.trace(products)
        return np.asarray(z @ beta[:rank] + quadratic + beta[rank + len(lower) :] @ self._form_values(deviations))

    def fit(self, record: Record, influences: Array) -> Array:
        r"""The coefficients :math:`\beta` of least squares, from a pilot.

        Args:
            record: Of ``ControlledDynamics``; replicates that are used for no estimate with these coefficients.
            influences: What they contribute to the estimate, shape ``(N, *shape)``.

        Returns:
            Shape ``(features, *shape)``; 0 where something is not finite, or where a coordinate does not have the
            variance that it must have: where rare replicates that the pilot has not seen carry it.
        """
        squares = ((self._deviations(record) @ self.whitening) ** 2).mean(axis=0)
        if np.all((squares > 1 / _VARIANCE_OFF) & (squares < _VARIANCE_OFF)):
            return coefficients(influences, self(record))
        rank, pairs = self.whitening.shape[1], len(self._pairs[0])
        return np.zeros((rank + pairs + len(self.forms), *influences.shape[1:]))

    @property
    def _pairs(self) -> tuple[Array, Array]:
        """The coordinates that are multiplied with one another."""
        first, second = np.tril_indices(self.leading)
        return first, second

    def _deviations(self, record: Record) -> Array:
        d = len(self.whitening)
        return record.weights[:, d : 2 * d]

    def _form_values(self, deviations: Array) -> Array:
        """The quadratic forms less their means, shape (f, N)."""
        values = [((deviations @ form) * deviations).sum(axis=1) for form in self.forms]
        return np.reshape(values, (len(self.forms), len(deviations))) - self.means[:, None]


def control_variates(
    sgd: SGD, step: int, batch_sizes: Sequence[int], limit: float
) -> dict[int, ControlVariates] | None:
    """The control variates of a process of numbers at each batch size.

    Args:
        sgd: The process.
        step: t.
        batch_sizes: Batch sizes that the design allows.
        limit: How large the entries of a simulated state may be.

    Returns:
        None where states may come near the limit: gradient descent or the linearised SGD diverges.
    """
    sizes = list(dict.fromkeys(batch_sizes))
    asked, remembered = (step, *sizes), _remembered(sgd)
    if asked not in remembered:
        remembered.clear()
        remembered[asked] = linearised_moments(sgd, step, sizes)
    known = remembered[asked]
    if not known.largest * _RESERVE < limit:
        return None
    return {b: ControlVariates.of(own, known.hessian) for b, own in zip(sizes, known.covariance, strict=True)}


@once_for_each
def _remembered(sgd: SGD) -> dict[tuple[int, ...], LinearisedMoments]:
    """The moments of a process that were asked for last, by step and batch sizes."""
    return {}


def coefficients(influences: Array, features: Array) -> Array:
    r"""The :math:`\beta` of least squares.

    Args:
        influences: Shape ``(N, *shape)``.
        features: Shape (N, F).

    Returns:
        Shape ``(F, *shape)``; 0 where anything is not finite.
    """
    targets = influences.reshape(len(influences), -1)
    shape = (features.shape[1], *influences.shape[1:])
    if not (np.isfinite(targets).all() and np.isfinite(features).all()) or features.shape[1] == 0:
        return np.zeros(shape)
    centred, deviations = features - features.mean(axis=0), targets - targets.mean(axis=0)
    gram = centred.T @ centred  # features are near to orthonormal, so that squares lose nothing
    ridge = max(_RIDGE * float(np.trace(gram)), np.finfo(np.float64).tiny)  # some may not vary, or vary together
    return np.linalg.solve(gram + ridge * np.eye(len(gram)), centred.T @ deviations).reshape(shape)
