"""The engine's two ways through the batches against each other, and its moments against direct sums."""

from __future__ import annotations

import math
from fractions import Fraction as F
from itertools import combinations_with_replacement, permutations, product

import numpy as np
import pytest
import sympy
from flint import fmpq
from sympy.utilities.iterables import multiset_partitions

import sgdvar as sv
from sgdvar.exact.deep_linear.cost import branching_cost, prefers_branching, propagation_cost
from sgdvar.exact.deep_linear.gaussian import independent_inputs
from sgdvar.exact.deep_linear.residuals import residual_law
from sgdvar.exact.deep_linear.ring import Ring, matmul, trace
from tests.exact.networks import DESIGNS, OF_THE_GRADIENT, QUANTITIES, data_for, network, numbers
from tests.exact.oracles import entries

Gaussian = sv.GaussianPopulation

# Propagating moments against running through all sequences of batches

PROCESSES = {
    "one example": (network((2, 2, 1), sv.Dataset([[1, -2]], [3])), 2),
    "two examples": (network((1, 2, 2), sv.Dataset([[1], [2]], [[1, 0], [F(1, 2), -1]])), 2),
    "duplicates": (network((2, 2, 1), sv.Dataset([[1, 2], [1, 2], [0, 1]], [1, 1, 0]), weight_decay=0), 2),
    "inputs of rank one": (network((2, 1, 1), sv.Dataset([[1, 2], [2, 4], [F(-1, 2), -1]], [1, 0, 1])), 2),
    "no inputs": (network((2, 1, 1), sv.Dataset([[0, 0], [0, 0]], [1, 2])), 2),
    "two outputs": (network((2, 1, 2), sv.Dataset(numbers(4, 2, 1), numbers(4, 2, 5))), 1),
    "five examples": (network((1, 1, 1), sv.Dataset(numbers(5, 1, 1), numbers(5, 1, 5))), 2),
    "one layer": (network((3, 1), sv.Dataset(numbers(4, 3, 1), numbers(4, 1, 5)), weight_decay=2), 2),
    "three layers": (network((1, 2, 1, 1), sv.Dataset(numbers(3, 1, 1), numbers(3, 1, 5)), step_size=F(1, 7)), 1),
}


def both_ways(monkeypatch, derive):
    """What ``derive`` gives by propagation, and by branching."""
    results = []
    for choice in (False, True):
        monkeypatch.setattr("sgdvar.exact.deep_linear.prefers_branching", lambda *_, choice=choice: choice)
        results.append(derive())
    return results


@pytest.mark.parametrize(
    ("name", "step"), [(name, step) for name, (_, last) in PROCESSES.items() for step in range(last + 1)]
)
def test_propagation_and_branching_agree_at_every_batch_size(name, step, monkeypatch):
    sgd, _ = PROCESSES[name]
    sizes = range(1, sgd.problem.data.size + 1)
    d = sgd.weight_count
    asked = [
        *((quantity, {}) for quantity in QUANTITIES),
        *((quantity, {"layer": len(sgd.layers)}) for quantity in OF_THE_GRADIENT),
        *((quantity, {"matrix": numbers(2, d, 3)}) for quantity in OF_THE_GRADIENT),
        ("expected_loss", {"data": other_data(sgd)}),
    ]
    for quantity, arguments in asked:

        def derive(quantity=quantity, arguments=arguments):
            return [[V(b) for b in sizes] for V in entries(getattr(sv, quantity)(sgd, step, **arguments))]

        by_propagation, by_branching = both_ways(monkeypatch, derive)
        assert by_propagation == by_branching, (quantity, arguments)


def other_data(sgd):
    p, q = sgd.problem.data.inputs, sgd.problem.data.outputs
    teacher = numbers(q or 1, p, 4)
    return Gaussian(teacher if q else teacher[0], noise_factor=numbers(q or 1, 1, 2))


def test_the_cheaper_way_is_taken():
    few = network((2, 1, 2), sv.Dataset(numbers(3, 2, 1), numbers(3, 2, 5)))
    many = network((1, 1, 1), sv.Dataset(numbers(12, 1, 1), numbers(12, 1, 5)))
    assert prefers_branching(few, 2, 6)
    assert branching_cost(few, 2).products < propagation_cost(few, 2, 6).products
    assert not prefers_branching(many, 2, 6)
    assert branching_cost(many, 2).products > propagation_cost(many, 2, 6).products


def test_only_distinct_numerical_examples_are_run_through():
    data = sv.Dataset(numbers(2, 2, 1), numbers(2, 2, 5))
    assert prefers_branching(network((2, 1, 2), data), 2, 6)
    assert not prefers_branching(network((2, 1, 2), data, sv.WithReplacement()), 2, 6)
    assert not prefers_branching(network((2, 1, 2), data, step_size=sympy.Symbol("e")), 2, 6)
    assert not prefers_branching(network((2, 1, 2), Gaussian(numbers(2, 2, 5))), 2, 6)


# One example's residual statistic (P x - y) x^T, in the inputs themselves, by the definition of each source


def pairings(covariances):
    """E of a product of jointly normal variables of mean 0, from their covariance matrix: a sum over all pairings."""

    def total(indices):
        if not indices:
            return F(1)
        first, *others = indices
        return sum(covariances[first][k] * total([i for i in others if i != k]) for k in others)

    return total(list(range(len(covariances))))


class GaussianExample:
    """Moments of the statistic by Wick's theorem."""

    def __init__(self, data, P):
        teacher, factor, noise = (array.astype(object) for array in data.numbers())
        S = factor @ factor.T
        error = P - teacher
        residual = error @ S @ error.T + noise @ noise.T
        self.covariance = np.block([[residual, error @ S], [(error @ S).T, S]])
        self.q = len(residual)

    def block(self, factors):
        """E of the product of the entries ``factors`` of one example's statistic."""
        chosen = [index for a, k in factors for index in (a, self.q + k)]
        return pairings(self.covariance[np.ix_(chosen, chosen)].tolist())

    def blocks(self, partition):
        return math.prod(map(self.block, partition))

    def loss(self):
        return sum(self.covariance.diagonal().tolist()[: self.q]) / F(2)


class AtomExample:
    """Moments of the statistic by sums over the atoms, independent or distinct."""

    def __init__(self, data, P, distinct):
        self.X, self.y = data.X.astype(object), data.y.reshape(len(data.X), -1).astype(object)
        self.residuals = self.X @ P.T - self.y
        self.statistics = [np.outer(e, x) for e, x in zip(self.residuals, self.X, strict=True)]
        n = len(self.X)
        self.masses = [F(1, n)] * n if data.size else data.probabilities.tolist()
        self.distinct = distinct

    def block(self, factors):
        return self.blocks([factors])

    def blocks(self, partition):
        """The mean over the examples of all blocks of the product of their statistics' entries."""
        indices, size = range(len(self.X)), len(partition)
        tuples = list(permutations(indices, size) if self.distinct else product(indices, repeat=size))
        total = F(0)
        for chosen in tuples:
            weight = F(1, len(tuples)) if self.distinct else math.prod(self.masses[i] for i in chosen)
            total += weight * math.prod(
                self.statistics[i][entry] for i, block in zip(chosen, partition, strict=True) for entry in block
            )
        return total

    def loss(self):
        return sum(m * (e @ e) for m, e in zip(self.masses, self.residuals, strict=True)) / F(2)


def batch_moment(example, factors, b):
    """E of a product of entries of the batch mean: a sum over the set partitions of the factors."""
    k = len(factors)
    return sum(
        F(math.perm(b, len(blocks)), b**k) * example.blocks([[factors[i] for i in block] for block in blocks])
        for blocks in multiset_partitions(list(range(k)))
    )


LAWS = {
    "standard normal": (Gaussian([1, -2]), 4),
    "correlated, with noise": (Gaussian([F(1, 2), 1], [[1, 2, 0], [F(1, 3), 1, 1]], F(3, 2)), 4),
    "singular inputs": (Gaussian([1, 1], [[1, 2], [2, 4]], 1), 4),
    "two outputs, one noise": (Gaussian([[1], [2]], [[2]], [[1], [F(1, 2)]]), 4),
    "two inputs, two outputs": (Gaussian([[1, 0], [2, -1]], [[1, 0], [1, 1]], [[1, 0], [1, 2]]), 3),
    "no inputs": (Gaussian([1, 1], [[0], [0]], 1), 3),
}
LAWS |= {
    f"{name}, {design}": (data_for(design, X, y), degree)
    for design in DESIGNS
    for name, X, y, degree in [
        ("three examples", numbers(3, 2, 1), numbers(3, 1, 5), 4),
        ("two outputs", numbers(3, 1, 1), numbers(3, 2, 5), 4),
        ("rank one", [[1, 2], [2, 4], [F(-1, 2), -1]], [[1], [0], [1]], 4),
        ("first input zero", [[0, 1], [0, 2], [0, -1]], [[1], [0], [1]], 4),
        ("no inputs", [[0, 0], [0, 0]], [[1], [2]], 3),
        ("one example", [[1, 2]], [[3]], 4),
    ]
}


def law_and_example(name):
    """The law, the source by its definition, and the end-to-end matrix P."""
    source, degree = LAWS[name]
    data, sampling = source if isinstance(source, tuple) else (source, None)
    design = sv.BatchDesign(sampling or data.default_sampling, data.size)
    P = np.array(numbers(data.outputs or 1, data.inputs, 3), dtype=object)
    law = residual_law(data, design, Ring(()))
    is_gaussian = isinstance(data, Gaussian)
    example = GaussianExample(data, P) if is_gaussian else AtomExample(data, P, design.is_without_replacement)
    return law, example, P, degree, design.max_batch_size or 4


def rational(value):
    return fmpq(*value.as_integer_ratio())


@pytest.mark.parametrize("name", LAWS)
def test_the_generating_function_has_the_moments_of_direct_sums(name):
    law, example, P, degree, largest = law_and_example(name)
    q, p = P.shape
    ring = Ring((), (q * p,))
    along = matmul(ring.block(0, (q, p)), ring.elements(law.input_map))  # <M, R F^T> = <M F, R>
    parts = law.generating_function(ring, law.errors(ring, ring.elements(P)), along, degree)
    assert parts[0] == 1
    places = list(product(range(q), range(p)))
    for k in range(1, degree + 1):
        found = ring.by_last_block(parts[k])
        for factors in combinations_with_replacement(places, k):
            powers = tuple(factors.count(place) for place in places)
            moment = Ring(()).of(found.get(powers, {})) * math.prod(map(math.factorial, powers))
            for b in range(1, largest + 1):
                assert moment(fmpq(1, b)) == rational(batch_moment(example, list(factors), b)), (factors, b)


@pytest.mark.parametrize("name", LAWS)
def test_the_moments_in_the_error_are_those_at_the_start_with_the_error_put_in(name):
    law, _, P, degree, _ = law_and_example(name)
    shape = q, r = len(P), law.input_map.shape[1]
    without, with_error = Ring((), (q * r,)), Ring((), (q * r, q * r))
    errors = law.errors(Ring(()), Ring(()).elements(P))
    at_start = law.generating_function(without, without.elements(errors), without.block(0, shape), degree)
    in_error = law.generating_function(with_error, with_error.block(0, shape), with_error.block(1, shape), degree)
    point = [fmpq(2, 3), *map(fmpq, range(1, q * r + 1))]
    numbers_put_in = [point[0], *(error.leading_coefficient() if error != 0 else 0 for error in errors.ravel())]
    assert [part(*point) for part in at_start] == [part(*numbers_put_in, *point[1:]) for part in in_error]


@pytest.mark.parametrize("name", LAWS)
def test_means_covariances_and_losses_are_those_of_one_example(name):
    law, example, P, _, _ = law_and_example(name)
    ring, factor = Ring(()), law.input_map
    q, p = P.shape
    places = list(product(range(q), range(p)))
    errors = law.errors(ring, ring.elements(P))
    mean = {place: example.block([place]) for place in places}
    covariance = {(s, t): example.block([s, t]) - mean[s] * mean[t] for s in places for t in places}
    assert matmul(law.mean(ring, errors), ring.elements(factor.T)).ravel().tolist() == [
        ring.element(value) for value in mean.values()
    ]
    assert law.loss(ring, errors) == ring.element(example.loss())
    M = np.array(numbers(q, p, 2), dtype=object)
    variance = sum(M[s] * M[t] * covariance[s, t] for s in places for t in places)
    direction = matmul(ring.elements(M), ring.elements(factor))
    assert law.variance(ring, errors, direction) == ring.element(variance)
    K, N = (A @ A.T for A in (np.array(numbers(size, size, 4), dtype=object) for size in (q, p)))
    contracted = sum(K[a, c] * N[b, d] * covariance[(a, b), (c, d)] for a, b in places for c, d in places)
    inner = matmul(ring.elements(factor.T), ring.elements(N), ring.elements(factor))
    outputs, own_mean = ring.elements(K), law.mean(ring, errors)
    square = trace(matmul(outputs, own_mean, inner), own_mean)
    assert law.trace_covariance(ring, errors, outputs, inner, square) == ring.element(contracted)


def moments_of_squares(p, degree):
    """The parts of the generating function of S = mean x x^T, x of N(0, I), by exponents, and u."""
    law = residual_law(Gaussian(np.zeros((p, p), dtype=int)), sv.BatchDesign(sv.IID(), None), Ring(()))
    ring = Ring((), (p * p,))
    errors = law.errors(ring, ring.elements(np.eye(p, dtype=int)))
    parts = law.generating_function(ring, errors, ring.block(0, (p, p)), degree)
    return [{beta: Ring(()).of(terms) for beta, terms in ring.by_last_block(part).items()} for part in parts]


def test_the_moments_of_one_mean_square_are_those_of_chi_square():
    u = Ring(()).u
    parts = moments_of_squares(1, 7)
    for k in range(8):
        assert parts[k][k,] * math.factorial(k) == math.prod(
            (1 + 2 * j * u for j in range(k)), start=Ring(()).element(1)
        )


@pytest.mark.parametrize("p", [1, 2, 3])
def test_the_mean_of_s_m_s_is_m_plus_its_transpose_and_trace_over_b(p):
    u, (_, _, second) = Ring(()).u, moments_of_squares(p, 2)
    M = np.array(numbers(p, p, 1), dtype=object)
    identity = np.eye(p, dtype=int)

    def mean_product(first, other):
        powers = np.zeros((p, p), dtype=int)
        powers[first] += 1
        powers[other] += 1
        return second.get(tuple(powers.ravel().tolist()), 0) * (2 if first == other else 1)

    trace = sum(M.diagonal())
    for i, j in product(range(p), repeat=2):
        found = sum(mean_product((i, k), (l, j)) * rational(M[k, l]) for k, l in product(range(p), repeat=2))
        constant, slope = M[i, j], M[j, i] + trace * int(identity[i, j])
        assert found == rational(constant) + u * rational(slope)


@pytest.mark.parametrize(
    ("factor", "rank"),
    [
        ([[1, 0], [0, 1]], 2),
        ([[1, F(1, 2)], [2, 3]], 2),
        ([[1, 2], [2, 4]], 1),
        ([[0, 0, 0], [1, 2, 3]], 1),
        ([[1, 2, 0], [2, 4, 0], [0, 1, 1]], 2),
        ([[0], [0]], 1),
    ],
)
def test_inputs_are_written_in_as_many_independent_coordinates_as_their_rank(factor, rank):
    C = np.frompyfunc(rational, 1, 1)(np.array(factor, dtype=object))
    F_, d = independent_inputs(C @ C.T)
    assert F_.shape == (len(factor), rank)
    assert d.shape == (rank,)
    assert (F_ * d @ F_.T).tolist() == (C @ C.T).tolist()
