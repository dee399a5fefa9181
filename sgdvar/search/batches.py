"""The batches of a family with their probabilities, in floats: every batch, or cubature nodes in its place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations, combinations_with_replacement, product
from typing import NamedTuple

import numpy as np

from sgdvar.sampling import BatchDesign, RandomReshuffling
from sgdvar.scalars import Array

__all__ = ["Draws", "Nodes", "count_draws", "count_epochs", "count_nodes", "draws", "epochs", "gaussian_nodes"]

_NEVER = -1e9  # the logarithm of a mass of 0, of which gradients are 0, too


class Draws(NamedTuple):
    r"""Batches of k atoms, one per row; atom i has the probability :math:`\pi_i`.

    Attributes:
        shares: The share of each atom in a batch, shape (m, k).
        exponents: A batch has the probability :math:`e^{\ell} \prod_i \pi_i^{e_i}`: the e, shape (m, k).
        logs: The :math:`\ell`, shape (m,).
    """

    shares: Array
    exponents: Array
    logs: Array


class Nodes(NamedTuple):
    r"""Means of :math:`\xi \xi^\top`, shape (m, p, p), and their probabilities, shape (m,)."""

    second_moments: Array
    masses: Array


def draws(k: int, b: int, design: BatchDesign, *, least: int = 1) -> Draws:
    """The batches of b of k atoms, filled up with impossible ones to a power of 4, so that few shapes are compiled."""
    rows = np.arange(k)
    if design.is_without_replacement:
        counts = np.array([np.isin(rows, batch) for batch in combinations(rows, b)], dtype=np.float64)
        exponents, logs = 0 * counts, np.full(len(counts), -math.log(len(counts)))
    else:
        members = combinations_with_replacement(range(k), b)
        counts = np.array([np.bincount(batch, minlength=k) for batch in members], dtype=np.float64)
        factorials = np.cumsum([0.0, *np.log(np.arange(1, b + 1))])
        exponents, logs = counts, factorials[b] - factorials[counts.astype(int)].sum(axis=1)
    extra = 4 ** math.ceil(math.log(max(len(counts), least), 4)) - len(counts)
    rows_more = ((0, extra), (0, 0))
    return Draws(
        np.pad(counts / b, rows_more), np.pad(exponents, rows_more), np.pad(logs, (0, extra), constant_values=_NEVER)
    )


def count_draws(k: int, b: int, design: BatchDesign) -> int:
    """How many batches there are."""
    return math.comb(k, b) if design.is_without_replacement else math.comb(k + b - 1, b)


def epochs(n: int, b: int, sampling: RandomReshuffling, count: int) -> Array:
    """All sequences of the first ``count`` batches under reshuffling, equally likely: shares, shape (m, count, n)."""
    parts = [list(_epoch(tuple(range(n)), b, length)) for length in _lengths(n, b, sampling, count)]
    sequences = [sum(parts, ()) for parts in product(*parts)]
    shares = np.zeros((len(sequences), count, n))
    for row, batches in zip(shares, sequences, strict=True):
        for share, batch in zip(row, batches, strict=True):
            share[list(batch)] = 1 / len(batch)
    return shares


def count_epochs(n: int, b: int, sampling: RandomReshuffling, count: int) -> int:
    """How many such sequences there are."""
    return math.prod(
        math.prod(math.comb(n - k * b, min(b, n - k * b)) for k in range(length))
        for length in _lengths(n, b, sampling, count)
    )


def _lengths(n: int, b: int, sampling: RandomReshuffling, count: int) -> list[int]:
    """The numbers of batches in each epoch that is begun."""
    whole, rest = divmod(count, n // b + (not sampling.drop_last and n % b > 0))
    return [(count - rest) // whole] * whole + [rest] * (rest > 0) if whole else [rest]


def _epoch(left: tuple[int, ...], b: int, length: int) -> Iterator[tuple[tuple[int, ...], ...]]:
    """The first batches of an epoch, in all ways."""
    if length == 0:
        yield ()
        return
    for batch in combinations(left, min(b, len(left))):
        for later in _epoch(tuple(i for i in left if i not in batch), b, length - 1):
            yield (batch, *later)


def gaussian_nodes(dimension: int, b: int, degree: int) -> Nodes:
    r"""Nodes with the moments of the mean S of :math:`\xi \xi^\top` over b standard normal vectors.

    .. math:: b\,S = T T^\top, \qquad T_{jj}^2 \sim \chi^2_{b-j+1}, \quad T_{ij} \sim N(0, 1) \text{ for } i > j

    (Bartlett; T has :math:`\min(b, p)` columns), with Gauss's rule for each entry.

    Args:
        dimension: p.
        b: The batch size.
        degree: Polynomials in S up to this degree are averaged exactly, up to rounding.

    Returns:
        The nodes.
    """
    columns = min(b, dimension)
    entries = [(i, j) for j in range(columns) for i in range(j, dimension)]
    normal = _gauss(np.zeros(degree + 1), np.sqrt(np.arange(1, degree + 1)))
    rules = [_chi(b - j, degree) if i == j else normal for i, j in entries]
    T = np.zeros((count_nodes(dimension, b, degree), dimension, columns))
    masses = np.ones(len(T))
    grids = np.meshgrid(*(np.arange(len(nodes)) for nodes, _ in rules), indexing="ij")
    for (i, j), (nodes, weights), index in zip(entries, rules, grids, strict=True):
        T[:, i, j] = nodes[index.ravel()]
        masses *= weights[index.ravel()]
    return Nodes(T @ T.transpose(0, 2, 1) / b, masses)


def count_nodes(dimension: int, b: int, degree: int) -> int:
    """How many nodes there are."""
    columns = min(b, dimension)
    below = columns * dimension - columns * (columns + 1) // 2
    return int((degree // 2 + 1) ** columns * (degree + 1) ** below)


def _chi(freedom: int, degree: int) -> tuple[Array, Array]:
    """Nodes for a chi variable, exact for even polynomials of degree 2 ``degree``: Gauss-Laguerre for its square."""
    k = np.arange(degree // 2 + 1)
    shift = freedom / 2 - 1
    squares, masses = _gauss(2 * k + shift + 1, np.sqrt(k[1:] * (k[1:] + shift)))
    return np.sqrt(2 * squares), masses


def _gauss(diagonal: Array, off_diagonal: Array) -> tuple[Array, Array]:
    """Gauss's rule from the recurrence of the orthogonal polynomials (Golub and Welsch)."""
    nodes, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(off_diagonal, 1) + np.diag(off_diagonal, -1))
    return nodes, vectors[0] ** 2
