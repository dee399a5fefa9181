"""The parts of the search, each against a second way: inequalities, curvature, floats, simplification."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import sympy as sp

import sgdvar as sv
from sgdvar.search.batches import count_draws, count_epochs, count_nodes, draws, epochs, gaussian_nodes
from sgdvar.search.claim import COMPARED, QUANTITIES, SearchClaim
from sgdvar.search.curvature import is_stable, mean_hessian, mean_statistics
from sgdvar.search.families import numbers_from, process_of, shapes_of
from sgdvar.search.shrink import cost, roundings, shrunk
from sgdvar.search.sizes import smaller

FAMILIES = [
    sv.FiniteFamily(examples=3, widths=(2, 2)),
    sv.FiniteFamily(examples=3, widths=(1, 2, 1), sampling=sv.WithReplacement()),
    sv.FiniteFamily(examples=3, widths=(2, 1), sampling=sv.RandomReshuffling(drop_last=False)),
    sv.PopulationFamily(atoms=2, widths=(2, 1, 2)),
    sv.GaussianFamily(widths=(2, 2, 2)),
    sv.GaussianFamily(widths=(2, 1, 2), label_noise=True),
]


def member(family, seed=0) -> tuple[Fraction, ...]:
    """Numbers of a member."""
    rng = random.Random(seed)
    sizes = {name: int(np.prod(shape)) for name, shape in shapes_of(family).items()}
    values = {name: [Fraction(rng.randint(-9, 9), 7) for _ in range(size)] for name, size in sizes.items()}
    if "probabilities" in values:
        values["probabilities"] = [Fraction(1, 9)] * sizes["probabilities"]
    return tuple(value for part in values.values() for value in part)


def test_the_orders_have_the_names_that_certificates_know_them_by():
    assert set(COMPARED) == set(sv.ORDERS)


@pytest.mark.parametrize("order", COMPARED)
def test_an_order_holds_where_no_inequality_is_violated(order):
    """On random polynomials of a finite design, against the verdict by certificate.

    That of convexity is about all real 1/b: violated inequalities refute it, but not the other way round.
    """
    rng, design = random.Random(1), sv.BatchDesign(sv.WithoutReplacement(), 6)
    verdicts = set()
    for _ in range(60):
        V = sv.BatchPolynomial(design, (0, *(Fraction(rng.randint(-2, 6)) for _ in range(3))))
        last = 3 if order == "halving" else 5
        claim = SearchClaim(order, batch_sizes=range(COMPARED[order].first, last + 1))
        inequalities = [claim.at(place) for place in claim.places(design)]
        sides = [inequality.sides({b: V(b) for b in inequality.batch_sizes}) for inequality in inequalities]
        holds = all(larger <= smaller for larger, smaller in sides)
        status = sv.certify_order(V, order).status
        assert status == ("proved" if holds else "refuted") or (order == "convex" and holds)
        verdicts.add(holds)
    assert verdicts == {True, False}


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_the_float_twin_is_near_the_exact_value(family):
    import jax

    from sgdvar.monte_carlo.running.devices import settings
    from sgdvar.search.twin import arrays_of, float_value, plan

    numbers, step = member(family), 1
    sgd = process_of(family, numbers)
    cases = list(product(QUANTITIES, (1, 3)))
    with settings():
        twin = jax.jit(
            lambda x: [float_value(family, name, plan(family, step, b), arrays_of(family, x)) for name, b in cases]
        )
        pairs = twin(np.array([float(value) for value in numbers]))
    for (name, b), (value, scale) in zip(cases, pairs, strict=True):
        quantity = QUANTITIES[name]
        is_fresh = family.design.has_fresh_batches
        exact = quantity.polynomial(sgd, step)(b) if is_fresh else quantity.enumerated(sgd, step, b)
        assert abs(Fraction(float(value)) - exact) <= Fraction(float(scale)) / 10**11


def test_batches_and_sequences_are_counted_before_they_are_listed():
    for design in (sv.BatchDesign(sv.WithoutReplacement(), 5), sv.BatchDesign(sv.WithReplacement(), 5)):
        for b in (1, 2, 4):
            listed = draws(5, b, design)
            masses = np.exp(listed.logs + listed.exponents @ np.log(np.full(5, 0.2)))
            assert (masses > 0).sum() == count_draws(5, b, design)
            assert abs(masses.sum() - 1) < 1e-12
    for drop_last, b, count in product((True, False), (1, 2, 3), (1, 2, 3)):
        sampling = sv.RandomReshuffling(drop_last=drop_last)
        assert len(epochs(4, b, sampling, count)) == count_epochs(4, b, sampling, count)
    for b in (1, 2, 5):
        assert len(gaussian_nodes(2, b, 3).masses) == count_nodes(2, b, 3)


def test_nodes_have_the_moments_of_normal_vectors():
    """E S = I and E S^2 = (1 + (p + 1)/b) I for the mean S of b matrices x x^T; b tr S is chi-squared, p b degrees."""
    for p, b in product((1, 2, 3), (1, 2, 4)):
        S, masses = gaussian_nodes(p, b, 3)
        assert abs(np.tensordot(masses, S, 1) - np.eye(p)).max() < 1e-12
        assert abs(np.tensordot(masses, S @ S, 1) - (1 + (p + 1) / b) * np.eye(p)).max() < 1e-12
        traces = b * np.trace(S, axis1=1, axis2=2)
        assert abs(masses @ traces**3 / (p * b * (p * b + 2) * (p * b + 4)) - 1) < 1e-12


@pytest.mark.parametrize("widths", [(2, 2), (2, 1, 2), (1, 2, 2, 1), (2, 2, 2)])
def test_the_hessian_of_the_mean_loss_is_that_of_sympy(widths):
    family = sv.FiniteFamily(examples=3, widths=widths)
    sgd = process_of(family, member(family))
    shapes = [layer.shape for layer in sgd.layers]
    symbols = [sp.Matrix(*shape, sp.symbols(f"w{j}_:{shape[0] * shape[1]}")) for j, shape in enumerate(shapes)]
    fit = sp.eye(widths[0])
    for layer in symbols:
        fit = layer * fit
    X, y = (sp.Matrix(np.asarray(part).reshape(3, -1).tolist()) for part in sgd.problem.data.numbers())
    residual = fit * X.T - y.T
    loss = sum(entry**2 for entry in residual) / 6
    flat = [w for layer in symbols for w in layer]
    values = dict(zip(flat, [v for layer in sgd.layers for v in layer.ravel().tolist()], strict=True))
    expected = sp.hessian(loss, flat).subs(values)
    layers = [np.vectorize(Fraction, otypes=[object])(layer) for layer in sgd.layers]
    assert (mean_hessian(layers, *mean_statistics(sgd)) == np.array(expected.tolist())).all()


def test_a_step_size_at_the_bound_is_not_stable_and_one_below_is():
    """At the start: w = (2, 1), x = 1, y = 2 is a minimum, with the Hessian (1, 2)^T (1, 2) and its eigenvalue 5."""
    for alpha, stable in ((Fraction(2, 5), False), (Fraction(2, 5) - Fraction(1, 10**9), True), (Fraction(-1), False)):
        data = sv.Dataset([[1]], [2])
        assert is_stable(sv.SGD(sv.DeepLinearNetwork(data), [2, 1], alpha)) is stable
    # at the balanced minimum of w2 w1 = 3 the eigenvalue is 2 * 3; at the start (0, 0) it is 3
    for alpha, stable in ((Fraction(1, 3), False), (Fraction(1, 3) - Fraction(1, 10**9), True)):
        assert is_stable(sv.SGD(sv.DeepLinearNetwork(sv.Dataset([[1]], [3])), [0, 0], alpha)) is stable
        population = sv.GaussianPopulation([[3, 0], [0, 1]])
        zeros = [[[0, 0], [0, 0]]] * 2
        assert is_stable(sv.SGD(sv.DeepLinearNetwork(population), zeros, alpha)) is stable
    # inputs that do not vary in every direction have no one least-squares fit
    assert not is_stable(sv.SGD(sv.LinearRegression(sv.Dataset([[1, 0]], [1])), [0, 0], Fraction(1, 100)))


def test_roundings_stay_within_the_largest_number_and_small_ones_stay_small():
    found = roundings(np.array([[0.3333, 1e-4, -250.0, 0.013]]), 100)
    assert all(abs(value.numerator) <= 100 and value.denominator <= 100 for row in found for value in row)
    assert all(0 < row[1] <= Fraction(1, 100) for row in found)
    assert any(row[0] == Fraction(1, 3) and row[2] == -100 for row in found)
    assert [cost(row) for row in found] == sorted(cost(row) for row in found)


def test_simplification_ends_at_the_simplest_numbers_that_are_accepted():
    def judge(numbers):
        return numbers[0] * numbers[1] == 12 and numbers[2] > Fraction(7, 2)

    def always(rows):
        return np.ones(len(rows), dtype=bool)

    start = (Fraction(24, 7), Fraction(7, 2), Fraction(91, 20))
    result = shrunk(start, 100, always, judge)
    assert judge(result)
    assert sorted(result[:2]) == [3, 4]
    assert result[2] == 4


def test_nothing_is_simplified_into_numbers_beyond_the_largest():
    start, simpler = (Fraction(-1, 2),), (Fraction(3),)

    def result(largest):
        return shrunk(start, largest, lambda rows: np.ones(len(rows), dtype=bool), {start, simpler}.__contains__)

    assert cost(simpler) < cost(start)
    assert (result(2), result(3)) == (start, simpler)


def test_a_smaller_problem_lacks_one_example_or_one_hidden_unit():
    family = sv.FiniteFamily(examples=2, widths=(1, 2, 1), sampling=sv.WithReplacement())
    less = list(smaller(family, member(family)))
    assert [(few.examples, few.widths) for few, _ in less] == [(1, (1, 2, 1))] * 2 + [(2, (1, 1, 1))] * 2
    for few, numbers in less:
        assert process_of(few, numbers).problem.data.size == few.examples
    kept = sv.FiniteFamily(examples=3, widths=(1, 1), sampling=sv.RandomReshuffling())
    assert list(smaller(kept, member(kept))) == []


def test_numbers_and_arrays_of_a_member_are_one_and_the_same():
    for family in FAMILIES:
        numbers = member(family)
        from sgdvar.search.families import arrays_from

        assert numbers_from(family, arrays_from(family, numbers)) == numbers


def test_a_ladder_leads_to_large_batches_where_any_size_is_valid():
    claim = SearchClaim(batch_sizes=[20, (4, 12)])
    design = sv.BatchDesign(sv.IID(), None)
    rungs = [[comparison.batch_sizes for comparison in claim.ladder(place, design)] for place in claim.places(design)]
    assert rungs == [[[2, 3], [5, 6], [10, 11], [20, 21]], [[2, 6], [4, 12]]]
    finite = sv.BatchDesign(sv.WithoutReplacement(), 30)
    assert [comparison.batch_sizes for comparison in claim.ladder((20, 21), finite)] == [[20, 21]]
