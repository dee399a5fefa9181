"""The strategies draw what they say."""

from __future__ import annotations

import sys
from fractions import Fraction
from importlib import import_module

import numpy as np
import pytest
import sympy
from hypothesis import Phase, find, given, settings, strategies as st
from hypothesis.errors import InvalidArgument

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
        lambda sgd: isinstance(sgd.problem.data, sv.DiscretePopulation) and len(sgd.problem.data.X) == 3,
        lambda sgd: isinstance(sgd.sampling, sv.WithReplacement) and sgd.problem.data.outputs == 2,
        lambda sgd: isinstance(sgd.sampling, sv.WithoutReplacement) and sgd.problem.weight_decay > 0,
        lambda sgd: sgd.has_constant_step_size and sgd.step_size < 0,
        lambda sgd: not sgd.has_constant_step_size and len(set(sgd.step_size)) > 1,
    ],
)
def test_every_kind_of_process_is_drawn(is_wanted):
    fast = settings(phases=[Phase.generate], max_examples=500)
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


SHRINKING = settings(phases=[Phase.generate, Phase.shrink])


def test_a_network_shrinks_to_one_that_a_person_checks_by_hand():
    sgd = find(
        strategies.network_processes(depth=2),
        lambda sgd: sv.gradient_variance(sgd, 1).degree == sv.variance_degree_bound(2, 1),
        settings=SHRINKING,
    )
    assert [layer.shape for layer in sgd.layers] == [(1, 1), (1, 1)]
    assert sgd.problem.weight_decay == 0
    assert {abs(weight) for layer in sgd.layers for weight in layer.ravel()} <= {0, 1}


def test_a_process_shrinks_to_one_that_a_person_checks_by_hand():
    varying = lambda sgd: not sv.gradient_variance(sgd, 0).is_zero  # noqa: E731
    sgd = find(strategies.processes(strategies.datasets()), varying, settings=SHRINKING)
    assert sgd.problem.data.size == 2
    assert sgd.problem.data.inputs == 1
    assert set(sgd.problem.data.X.ravel()) | set(sgd.problem.data.y.ravel()) <= {-1, 0, 1}
    assert sgd.problem.weight_decay == 0


# More of what is drawn


def hessian(problem):
    """The mean of x x^T, plus the weight decay."""
    data = problem.data
    decay = problem.weight_decay * np.eye(data.inputs, dtype=int)
    if isinstance(data, sv.GaussianPopulation):
        C = np.eye(data.inputs, dtype=int) if data.input_factor is None else data.input_factor
        return C @ C.T + decay
    n = len(data.X)
    masses = data.probabilities if isinstance(data, sv.DiscretePopulation) else [Fraction(1, n)] * n
    return sum(mass * np.outer(x, x) for mass, x in zip(masses, data.X, strict=True)) + decay


@given(strategies.processes(step_size=strategies.stable_step_sizes))
def test_stable_step_sizes_make_gradient_descent_converge(sgd):
    """The eigenvalues of 2 - alpha H are positive, by its leading minors."""
    H = hessian(sgd.problem)
    for alpha in sgd.step_sizes(3):
        assert alpha > 0
        gap = sympy.Matrix((2 * np.eye(len(H), dtype=int) - alpha * H).tolist())
        assert all(gap[:k, :k].det() > 0 for k in range(1, len(H) + 1))


def test_one_feature_has_step_sizes_up_to_the_edge_of_stability():
    """H = 4: stable below 1/2."""
    problem = sv.LinearRegression(sv.Dataset([[2]], [0]))
    fast = settings(phases=[Phase.generate], max_examples=300)
    largest = find(strategies.stable_step_sizes(problem), lambda alpha: alpha == Fraction(7, 16), settings=fast)
    assert largest < Fraction(1, 2)


def test_atoms_can_be_very_rare():
    populations = strategies.discrete_populations(k=2, max_ratio=1000)
    fast = settings(phases=[Phase.generate], max_examples=500)
    assert find(populations, lambda data: min(data.probabilities) < Fraction(1, 200), settings=fast)


@given(strategies.processes(sampling=sv.RandomReshuffling()), st.data())
def test_reshuffling_is_drawn_on_request(sgd, data):
    assert sgd.sampling == sv.RandomReshuffling()
    assert sv.enumerate_gradient_variance(sgd, 1, 1) >= 0
    assert data.draw(strategies.samplings(sgd.problem.data)) in {sv.WithReplacement(), sv.WithoutReplacement()}


@pytest.mark.parametrize(
    "sampling", [sv.WithReplacement(), sv.RandomReshuffling(), sv.RandomReshuffling(False)], ids=str
)
def test_samplings_reshuffle_on_request(sampling):
    some = strategies.samplings(sv.Dataset([[1]], [0]), reshuffling=True)
    assert find(some, lambda drawn: drawn == sampling) == sampling


@given(strategies.processes(sampling=sv.IID(), weight_decay=0, step_size=Fraction(1, 3)))
def test_values_may_stand_in_place_of_strategies(sgd):
    assert sgd.sampling == sv.IID()
    assert sgd.problem.weight_decay == 0
    assert sgd.step_sizes(4) == [Fraction(1, 3)] * 4


@given(strategies.datasets(entries=st.integers(0, 1)))
def test_entries_of_data_are_those_that_are_asked_for(data):
    assert set(data.X.ravel().tolist()) | set(data.y.ravel().tolist()) <= {0, 1}


@given(strategies.model_processes(lambda w, x: x.sum() * w[0, 0], (1, 2)))
def test_models_of_ones_own_are_drawn_with_data_and_start(sgd):
    assert isinstance(sgd.problem, sv.DifferentiableModel)
    assert sgd.start.shape == (1, 2)
    assert sgd.kind == "float"


# What Hypothesis shows, and what cannot generate


@pytest.mark.parametrize(
    "strategy", [strategies.processes(), strategies.network_processes()], ids=["one layer", "deep"]
)
def test_hypothesis_reports_a_process_as_code_that_rebuilds_it(strategy):
    failing = []

    # print_blob: where the variable CI is set, Hypothesis would add how to replay the failure to the report.
    @settings(database=None, phases=[Phase.generate, Phase.shrink], print_blob=False)
    @given(sgd=strategy)
    def test(sgd):
        failing.append(sgd)
        assert sv.gradient_variance(sgd, 0).is_zero

    with pytest.raises(AssertionError) as error:
        test()
    report = "\n".join(error.value.__notes__)
    code = report[report.index("SGD(") :].rpartition(")")[0].rstrip().removesuffix(",")
    names = {name: getattr(sv, name) for name in sv.__all__}
    assert eval(code, {**names, "Fraction": Fraction}).as_code() == failing[-1].as_code()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: strategies.datasets(n=0), "n must be at least 1, got 0"),
        (lambda: strategies.datasets(n=2.0), "n must be an integer, got 2.0"),
        (lambda: strategies.datasets(p=st.integers(3, 2)), r"datasets must be able to generate: Cannot have"),
        (
            lambda: strategies.datasets(n=st.nothing()),
            r"datasets must be able to generate, got nothing\(\), of which nothing could be drawn",
        ),
        (
            lambda: strategies.datasets(n=st.integers(0, 3)),
            "datasets must be able to generate: n must be at least 1, got 0",
        ),
        (lambda: strategies.datasets(entries=st.booleans()), "datasets must be able to generate: .*the bool False"),
        (lambda: strategies.datasets(outputs=0), "outputs must be at least 1, got 0"),
        (lambda: strategies.gaussian_populations(p=0), "p must be at least 1, got 0"),
        (lambda: strategies.discrete_populations(k=0), "k must be at least 1, got 0"),
        (lambda: strategies.discrete_populations(max_ratio=0), "max_ratio must be at least 1, got 0"),
        (lambda: strategies.network_processes(width=0), "width must be at least 1, got 0"),
        (lambda: strategies.network_processes(depth=0), "depth must be at least 1, got 0"),
        (lambda: strategies.network_processes(depth=st.integers(0, 2)), ".*: depth must be at least 1, got 0"),
        (lambda: strategies.processes(max_step=-1), "max_step must be at least 0, got -1"),
        (
            lambda: strategies.processes(strategies.datasets(), sampling=sv.IID()),
            r"processes must be able to generate: sampling must be .* got IID\(\)",
        ),
        (
            lambda: strategies.processes(strategies.gaussian_populations(), sampling=st.just(sv.WithReplacement())),
            r"processes must be able to generate: sampling must be IID\(\) for a population, got WithReplacement\(\)",
        ),
        (lambda: strategies.processes(st.integers()), "processes must be able to generate: data must be a Dataset"),
        (lambda: strategies.processes(weight_decay=-1), "weight_decay must be at least 0, got -1"),
        (lambda: strategies.processes(sv.GaussianPopulation([1]), sampling=sv.WithReplacement()), "IID"),
        (lambda: strategies.model_processes(len, ()), None),
        (lambda: strategies.model_processes(len, (0,)), "shape must be at least 1, got 0"),
        (lambda: strategies.model_processes("w x", (1,)), "predict must be a function"),
        (lambda: strategies.arrays((2, 0)), "shape must be at least 1, got 0"),
        (lambda: strategies.arrays(3), "shape must be a tuple of integers, got 3"),
        (lambda: strategies.matrices(0), "columns must be at least 1, got 0"),
        (lambda: strategies.rotations(0), "dimension must be at least 1, got 0"),
        (lambda: strategies.rationals(max_denominator=0), "max_denominator must be at least 1, got 0"),
        (lambda: strategies.step_sizes(0), "count must be at least 1, got 0"),
        (lambda: strategies.batch_sizes(3), "design must be a BatchDesign, got int"),
        (lambda: strategies.batch_sizes(sv.BatchDesign(sv.IID(), None), max_value=0), "max_value must be at least 1"),
    ],
)
def test_a_strategy_that_cannot_generate_fails_where_it_is_written(make, message):
    if message is None:
        assert make() is not None
        return
    with pytest.raises((TypeError, ValueError), match=f"(?s){message}") as error:
        make()
    assert not isinstance(error.value, InvalidArgument)


def test_a_deferred_strategy_need_not_be_there_yet():
    assert strategies.processes(st.deferred(lambda: not_there_yet)) is not None  # noqa: F821


def test_without_hypothesis_the_import_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "sgdvar.strategies")
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(ImportError, match=r"sgdvar\[test\]"):
        import_module("sgdvar.strategies")
