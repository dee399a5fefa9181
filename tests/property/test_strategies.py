"""The strategies draw what they say."""

from __future__ import annotations

import sys
from fractions import Fraction
from importlib import import_module

import numpy as np
import pytest
import sympy
from hypothesis import Phase, find, given, settings, strategies as st

import sgdvar as sv
from sgdvar import strategies


@given(st.data())
def test_every_part_of_a_process_is_exact_and_small(data):
    sgd = data.draw(strategies.processes())
    assert sgd.kind == "rational"
    assert sgd.problem.data.inputs <= 2
    assert sgd.check_step(3) == 3
    b = data.draw(strategies.batch_sizes(sgd.design))
    assert sgd.design.check_batch_size(b) == b <= 12
    matrix = data.draw(strategies.matrices(sgd.start.size))
    assert sgd.check_matrix(matrix)[0].shape == matrix.shape
    assert all(isinstance(entry, Fraction) for entry in matrix.ravel())


@given(strategies.datasets(n=3, p=st.integers(2, 3), outputs=2))
def test_sizes_are_numbers_or_strategies(data):
    assert data.size == 3
    assert data.inputs in {2, 3}
    assert data.outputs == 2


@given(st.integers(1, 4).flatmap(strategies.rotations))
def test_rotations_are_rational_orthogonal_and_keep_orientation(rotation):
    identity = np.eye(len(rotation), dtype=int)
    assert (rotation @ rotation.T == identity).all()
    assert sympy.Matrix(rotation.tolist()).det() == 1


@pytest.mark.parametrize(
    "is_wanted",
    [
        lambda sgd: isinstance(sgd.problem.data, sv.GaussianPopulation) and sgd.problem.data.noise_factor is not None,
        lambda sgd: isinstance(sgd.sampling, sv.WithReplacement) and sgd.problem.data.outputs == 2,
        lambda sgd: isinstance(sgd.sampling, sv.WithoutReplacement) and sgd.problem.weight_decay > 0,
        lambda sgd: sgd.has_constant_step_size and sgd.step_size < 0,
        lambda sgd: not sgd.has_constant_step_size and len(set(sgd.step_size)) > 1,
    ],
)
def test_every_kind_of_process_is_drawn(is_wanted):
    fast = settings(phases=[Phase.generate])
    assert is_wanted(find(strategies.processes(), is_wanted, settings=fast))


@given(st.data())
def test_every_part_of_a_process_over_networks_is_exact_and_small(data):
    sgd = data.draw(strategies.network_processes())
    assert sgd.is_network
    assert sgd.kind == "rational"
    assert len(sgd.layers) <= 2
    assert {width for layer in sgd.layers for width in layer.shape} <= {1, 2}
    assert sgd.check_step(3) == 3
    assert sv.gradient_variance(sgd, 1, budget=5e6).is_exact  # a fraction of a second


@given(strategies.network_processes(strategies.datasets(2, 3, 2), depth=3, width=4, max_step=5))
def test_depth_and_widths_are_numbers_or_strategies(sgd):
    assert [layer.shape for layer in sgd.layers] == [(4, 3), (4, 4), (2, 4)]
    assert sgd.check_step(5) == 5


@given(st.data())
def test_layers_fit_the_data_of_their_problem(data):
    problem = sv.DeepLinearNetwork(data.draw(strategies.datasets(p=3)))
    layers = data.draw(strategies.layers(problem, depth=st.integers(1, 4), width=st.integers(1, 5)))
    assert sv.SGD(problem, layers, 1).layers[0].shape[1] == 3


@given(st.data(), strategies.discrete_populations(k=3, p=2, outputs=2))
def test_populations_of_atoms_have_probabilities(data, population):
    assert population.X.shape == population.y.shape == (3, 2)
    assert sum(population.probabilities) == 1
    assert all(isinstance(probability, Fraction) for probability in population.probabilities)
    assert data.draw(strategies.samplings(population)) == sv.IID()


@pytest.mark.parametrize(
    "is_wanted",
    [
        lambda sgd: isinstance(sgd.problem.data, sv.GaussianPopulation) and len(sgd.layers) == 2,
        lambda sgd: isinstance(sgd.problem.data, sv.DiscretePopulation) and len(sgd.problem.data.X) == 3,
        lambda sgd: isinstance(sgd.problem.data, sv.DiscretePopulation) and min(sgd.problem.data.probabilities) < 0.1,
        lambda sgd: isinstance(sgd.sampling, sv.WithReplacement) and sgd.problem.data.outputs == 2,
        lambda sgd: isinstance(sgd.sampling, sv.WithoutReplacement) and sgd.problem.weight_decay > 0,
        lambda sgd: len(sgd.layers) == 1,
        lambda sgd: len(sgd.layers) == 2 and len(sgd.layers[0]) == 2,
    ],
)
def test_every_kind_of_process_over_networks_is_drawn(is_wanted):
    fast = settings(phases=[Phase.generate], max_examples=500)
    assert is_wanted(find(strategies.network_processes(), is_wanted, settings=fast))


def test_a_network_shrinks_to_one_that_a_person_checks_by_hand():
    sgd = find(
        strategies.network_processes(depth=2),
        lambda sgd: sv.gradient_variance(sgd, 1).degree == sv.variance_degree_bound(2, 1),
    )
    assert [layer.shape for layer in sgd.layers] == [(1, 1), (1, 1)]
    assert sgd.problem.weight_decay == 0
    assert {abs(weight) for layer in sgd.layers for weight in layer.ravel()} <= {0, 1}


def test_a_process_shrinks_to_one_that_a_person_checks_by_hand():
    sgd = find(strategies.processes(strategies.datasets()), lambda sgd: not sv.gradient_variance(sgd, 0).is_zero)
    assert sgd.problem.data.size == 2
    assert sgd.problem.data.inputs == 1
    assert set(sgd.problem.data.X.ravel()) | set(sgd.problem.data.y.ravel()) <= {-1, 0, 1}
    assert sgd.problem.weight_decay == 0


def test_without_hypothesis_the_import_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "sgdvar.strategies")
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(ImportError, match=r"sgdvar\[test\]"):
        import_module("sgdvar.strategies")
