"""The oracle is right (values by hand, gradients by SymPy), and the exact engine equals it."""

from __future__ import annotations

import math
import time
from fractions import Fraction

import numpy as np
import pytest
import sympy

import sgdvar as sv
from tests.exact.differentiation import differentiate

QUANTITIES = {
    "gradient variance": (sv.gradient_variance, sv.enumerate_gradient_variance),
    "full gradient variance": (sv.full_gradient_variance, sv.enumerate_full_gradient_variance),
    "gradient second moment": (sv.gradient_second_moment, sv.enumerate_gradient_second_moment),
    "expected loss": (sv.expected_loss, sv.enumerate_expected_loss),
    "mean gradient": (sv.mean_gradient, sv.enumerate_mean_gradient),
    "mean weights": (sv.mean_weights, sv.enumerate_mean_weights),
    "weight covariance": (sv.weight_covariance, sv.enumerate_weight_covariance),
}
WITH_A_MATRIX = ["gradient variance", "full gradient variance", "gradient second moment"]


def two_examples(sampling):
    """Gradients w - 1 and 4w, from w = 1 with step size 1/4."""
    problem = sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0]))
    return sv.SGD(problem, start=[1], step_size=Fraction(1, 4), sampling=sampling)


def small_process(n, p, q, sampling):
    """A problem without symmetries: fractions, weight decay, and step sizes that differ."""
    X = [[Fraction((3 * i + 5 * j + i * j) % 7 - 3, 1 + (i + j) % 2) for j in range(p)] for i in range(n)]
    targets = [[Fraction((2 * i + 3 * k + i * i) % 5 - 1, 1 + i % 3) for k in range(q or 1)] for i in range(n)]
    start = [[Fraction(k - 2 * j + 1, 2 + j) for j in range(p)] for k in range(q or 1)]
    y, w0 = (targets, start) if q else ([row[0] for row in targets], start[0])
    problem = sv.LinearRegression(sv.Dataset(X, y), weight_decay=Fraction(1, 5))
    return sv.SGD(problem, start=w0, step_size=[Fraction(1, 3), Fraction(-1, 2), Fraction(2, 5)], sampling=sampling)


def at(polynomials, batch_size):
    """The values at one batch size of a polynomial, or of an array of them."""
    if isinstance(polynomials, sv.BatchPolynomial):
        return polynomials(batch_size)
    return [polynomial(batch_size) for polynomial in polynomials.ravel()]


def flat(values):
    return list(values.ravel()) if isinstance(values, np.ndarray) else values


# The oracle itself


def test_the_first_step_of_two_examples_is_what_a_person_computes():
    sgd = two_examples(sv.WithoutReplacement())
    # The gradients at w = 1 are 0 and 4.
    assert sv.enumerate_gradient_variance(sgd, 0, 1) == 4
    assert sv.enumerate_gradient_second_moment(sgd, 0, 1) == 8
    assert sv.enumerate_mean_gradient(sgd, 0, 1).tolist() == [2]
    assert sv.enumerate_full_gradient_variance(sgd, 0, 1) == 0
    assert sv.enumerate_expected_loss(sgd, 0, 1) == 1  # residuals 0 and 2
    assert sv.enumerate_mean_weights(sgd, 0, 1).tolist() == [1]
    assert sv.enumerate_weight_covariance(sgd, 0, 1).tolist() == [[0]]


def test_the_second_step_of_two_examples_is_what_a_person_computes():
    sgd = two_examples(sv.WithoutReplacement())
    # w_1 is 1 or 0; the gradients there are {0, 4} and {-1, 0}, the full gradients 2 and -1/2, the losses 1 and 1/4.
    assert sv.enumerate_gradient_second_moment(sgd, 1, 1) == Fraction(0 + 16 + 1 + 0, 4)
    assert sv.enumerate_gradient_variance(sgd, 1, 1) == Fraction(17, 4) - Fraction(3, 4) ** 2
    assert sv.enumerate_full_gradient_variance(sgd, 1, 1) == Fraction(5, 4) ** 2
    assert sv.enumerate_mean_gradient(sgd, 1, 1).tolist() == [Fraction(3, 4)]
    assert sv.enumerate_expected_loss(sgd, 1, 1) == Fraction(5, 8)
    assert sv.enumerate_mean_weights(sgd, 1, 1).tolist() == [Fraction(1, 2)]
    assert sv.enumerate_weight_covariance(sgd, 1, 1).tolist() == [[Fraction(1, 4)]]


def test_with_replacement_each_multiset_counts_as_often_as_it_is_drawn():
    sgd = two_examples(sv.WithReplacement())
    # b = 2: gradients 0, 2, 4 with probabilities 1/4, 1/2, 1/4; w_1 is 1, 1/2, 0.
    assert sv.enumerate_gradient_variance(sgd, 0, 2) == 2
    assert sv.enumerate_mean_weights(sgd, 1, 2).tolist() == [Fraction(1, 2)]
    assert sv.enumerate_weight_covariance(sgd, 1, 2).tolist() == [[Fraction(1, 8)]]
    assert sv.enumerate_expected_loss(sgd, 1, 2) == (1 + 2 * Fraction(5, 16) + Fraction(1, 4)) / 4


def test_the_whole_data_set_as_one_batch_has_no_variance():
    sgd = two_examples(sv.WithoutReplacement())
    assert [sv.enumerate_gradient_variance(sgd, t, 2) for t in range(4)] == [0, 0, 0, 0]


def test_one_example_has_no_variance():
    for sampling in (sv.WithReplacement(), sv.WithoutReplacement()):
        sgd = small_process(1, 2, None, sampling)
        assert sv.enumerate_gradient_variance(sgd, 3, 1) == 0


def test_weight_decay_is_part_of_the_loss_on_any_data():
    problem = sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0]), weight_decay=6)
    sgd = sv.SGD(problem, start=[1], step_size=1)
    assert sv.enumerate_expected_loss(sgd, 0, 1) == 1 + 3
    assert sv.enumerate_expected_loss(sgd, 0, 1, data=sv.Dataset([[3]], [1])) == 2 + 3
    assert sv.enumerate_mean_gradient(sgd, 0, 1).tolist() == [2 + 6]


@pytest.mark.parametrize("sampling", [sv.WithReplacement(), sv.WithoutReplacement()], ids=str)
@pytest.mark.parametrize("q", [None, 2])
def test_enumeration_equals_trajectories_of_a_loss_that_sympy_differentiates(q, sampling):
    sgd = small_process(3, 2, q, sampling)
    matrix = [[(i * j + i + 1) % 3 - 1 for j in range(sgd.start.size)] for i in range(2)]
    expected = differentiate(sgd, 1, 2, matrix=matrix)
    for name, (_, enumerate_quantity) in QUANTITIES.items():
        arguments = {"matrix": matrix} if name in WITH_A_MATRIX else {}
        assert flat(enumerate_quantity(sgd, 1, 2, **arguments)) == expected[name], name


def test_symbols_come_out_as_expanded_polynomials():
    a, w = sympy.symbols("a w")
    problem = sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0]))
    sgd = sv.SGD(problem, start=[w], step_size=a)
    assert sv.enumerate_gradient_variance(sgd, 0, 1) == sympy.expand((3 * w + 1) ** 2 / 4)
    assert sv.enumerate_mean_weights(sgd, 1, 1).tolist() == [sympy.expand(w - a * (5 * w - 1) / 2)]
    assert sv.enumerate_expected_loss(sgd, 0, 1) == sympy.expand(((w - 1) ** 2 + 4 * w**2) / 4)


def test_symbols_take_the_values_of_the_numbers_put_for_them():
    symbols = sympy.symbols("alpha e lambda_ x_0", real=True)
    values = [Fraction(1, 3), Fraction(2), Fraction(1, 7), Fraction(-3, 2)]

    def process(alpha, start, decay, x):
        problem = sv.LinearRegression(sv.Dataset([[x, 1], [2, 1], [0, 3]], [1, 0, 2]), weight_decay=decay)
        return sv.SGD(problem, start=[start, 1], step_size=alpha)

    for _, enumerate_quantity in QUANTITIES.values():
        general = enumerate_quantity(process(*symbols), 2, 2)
        special = flat(enumerate_quantity(process(*values), 2, 2))
        substituted = [entry.subs(dict(zip(symbols, values, strict=True))) for entry in np.ravel(general)]
        assert substituted == (special if isinstance(special, list) else [special])


def test_integers_larger_than_a_machine_word_do_not_overflow():
    large = 2**40
    problem = sv.LinearRegression(sv.Dataset(np.array([[large], [0]]), np.array([0, 0])))
    sgd = sv.SGD(problem, start=np.array([large]), step_size=1)
    assert sv.enumerate_gradient_variance(sgd, 0, 1) == Fraction(large) ** 6 / 4


# Sequences of batches by themselves


RARE = sv.DiscretePopulation([[1], [2]], [1, 0], [Fraction(9, 10), Fraction(1, 10)])
SEQUENCES = [
    (sv.BatchDesign(sv.WithoutReplacement(), 3), None, 9),
    (sv.BatchDesign(sv.WithReplacement(), 3), None, 36),
    (sv.BatchDesign(sv.RandomReshuffling(), 3), None, 9),
    (sv.BatchDesign(sv.RandomReshuffling(drop_last=False), 3), None, 3),
    (sv.BatchDesign(sv.IID(), None), RARE, 9),
]


@pytest.mark.parametrize(("design", "population", "count"), SEQUENCES, ids=str)
def test_sequences_of_batches_are_all_there_once_and_their_probabilities_sum_to_one(design, population, count):
    sequences = list(sv.enumerate_batches(design, draws=2, batch_size=2, population=population))
    assert len({tuple(tuple(batch.tolist()) for batch in batches) for _, batches in sequences}) == count
    assert sum(probability for probability, _ in sequences) == 1
    with pytest.raises(sv.BudgetExceededError, match=f"got {count} "):
        sv.enumerate_batches(design, draws=2, batch_size=2, population=population, budget=count - 1)


def test_reshuffled_sequences_cut_permutations():
    design = sv.BatchDesign(sv.RandomReshuffling(drop_last=False), 3)
    sequences = [[batch.tolist() for batch in batches] for _, batches in sv.enumerate_batches(design, 2, 2)]
    assert sequences == [[[0, 1], [2]], [[0, 2], [1]], [[1, 2], [0]]]


@pytest.mark.parametrize("design_name", ["without", "with", "atoms", "reshuffled"])
def test_a_gradient_of_ones_own_has_the_variance_that_the_library_enumerates(design_name):
    sampling = {"without": sv.WithoutReplacement(), "with": sv.WithReplacement(), "reshuffled": sv.RandomReshuffling()}
    data = RARE if design_name == "atoms" else sv.Dataset([[1], [2], [3]], [1, 0, 1])
    sgd = sv.SGD(sv.LinearRegression(data), [1], Fraction(1, 4), sampling.get(design_name))
    population = data if design_name == "atoms" else None

    def last_gradient(batches):
        w = Fraction(1)
        for batch in batches:
            gradient = sum((data.X[i, 0] * (data.X[i, 0] * w - data.y[i]) for i in batch), Fraction(0)) / len(batch)
            w -= gradient / 4
        return gradient

    for step in (0, 1, 2):
        for b in (1, 2):
            own = sv.enumerate_variance(last_gradient, sgd.design, step + 1, b, population=population)
            assert own == sv.enumerate_gradient_variance(sgd, step, b)


def test_the_variance_of_an_array_is_summed_over_its_entries():
    design = sv.BatchDesign(sv.WithReplacement(), 2)  # a coin: variance 1/4
    coin = lambda batches: np.array([[batches[0][0], 3 * batches[0][0]]])  # noqa: E731
    assert sv.enumerate_variance(coin, design, 1, 1) == Fraction(1 + 9, 4)
    assert sv.enumerate_variance(lambda _: 7, design, 0, 1) == 0


def test_floats_in_give_floats_out():
    population = sv.DiscretePopulation([[1.0], [2.0]], [1.0, 0.0], [0.9, 0.1])
    design = sv.BatchDesign(sv.IID(), None)
    chances = [chance for chance, _ in sv.enumerate_batches(design, 1, 1, population=population)]
    assert chances == [0.9, 0.1]
    assert isinstance(sv.enumerate_variance(lambda batches: batches[0][0], design, 1, 1, population=population), float)


def test_batches_cannot_be_changed_by_their_user():
    ((_, (batch,)),) = sv.enumerate_batches(sv.BatchDesign(sv.WithReplacement(), 1), 1, 1)
    with pytest.raises(ValueError, match="read-only"):
        batch[0] = 5


def test_bad_arguments_of_sequences_are_refused_with_advice():
    design, atoms = sv.BatchDesign(sv.WithReplacement(), 2), sv.BatchDesign(sv.IID(), None)
    with pytest.raises(TypeError, match=r"design must be a BatchDesign, got SGD; write sgd\.design"):
        sv.enumerate_batches(two_examples(sv.WithReplacement()), 1, 1)
    with pytest.raises(ValueError, match="draws must be at least 0, got -1"):
        sv.enumerate_batches(design, -1, 1)
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        sv.enumerate_batches(design, 1, 0)
    with pytest.raises(ValueError, match="population must be None for finite data"):
        sv.enumerate_batches(design, 1, 1, population=RARE)
    with pytest.raises(ValueError, match=r"population must be a DiscretePopulation for i\.i\.d\. draws, got None"):
        sv.enumerate_batches(atoms, 1, 1)
    p = sympy.Symbol("p", positive=True)
    symbolic = sv.DiscretePopulation([[1], [2]], [1, 0], [p, 1 - p])
    with pytest.raises(ValueError, match="population must have probabilities that are numbers"):
        sv.enumerate_batches(atoms, 1, 1, population=symbolic)
    with pytest.raises(TypeError, match="outcome must be a function of the batches, got 3"):
        sv.enumerate_variance(3, design, 1, 1)


# Budget and bad input


def test_a_sum_over_too_many_sequences_is_refused_before_it_starts():
    X = [[1]] * 442
    sgd = sv.SGD(sv.LinearRegression(sv.Dataset(X, [0] * 442)), start=[0], step_size=1)
    message = (
        r"at most budget = 1,000,000 .* got about 10\^527 \(about 10\^132 batches in each of 4 draws\); lower step"
    )
    with pytest.raises(sv.BudgetExceededError, match=message) as error:
        sv.enumerate_gradient_variance(sgd, 3, 221)
    assert error.value.unit == "batch sequences"
    assert error.value.limit == 1_000_000


def test_the_budget_counts_the_sequences_and_is_met_exactly():
    sgd = small_process(4, 1, None, sv.WithReplacement())
    needed = math.comb(4 + 2 - 1, 2) ** 3
    assert sv.enumerate_gradient_variance(sgd, 2, 2, budget=needed) > 0
    with pytest.raises(sv.BudgetExceededError, match="got 1,000 ") as error:
        sv.enumerate_gradient_variance(sgd, 2, 2, budget=needed - 1)
    assert (error.value.needed, error.value.limit) == (needed, needed - 1)
    # Weights after two steps need two draws only.
    assert sv.enumerate_expected_loss(sgd, 2, 2, budget=100) > 0


def test_a_count_beyond_floats_is_infinite_rather_than_slow():
    sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [0, 0])), start=[0], step_size=1)
    with pytest.raises(sv.BudgetExceededError, match=r"about 10\^30103000") as error:
        sv.enumerate_gradient_variance(sgd, 10**8 + 2, 1)
    assert error.value.needed == math.inf


def test_many_steps_of_a_single_sequence_are_no_recursion():
    sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [1]], [0, 2])), start=[3], step_size=Fraction(1, 2))
    assert sv.enumerate_mean_weights(sgd, 2000, 2).tolist() == [1 + Fraction(1, 2**1999)]


def test_a_population_cannot_be_enumerated():
    sgd = sv.SGD(sv.LinearRegression(sv.GaussianPopulation(teacher=[1])), start=[0], step_size=1)
    with pytest.raises(ValueError, match="a Gaussian population cannot be enumerated"):
        sv.enumerate_gradient_variance(sgd, 1, 1)
    finite = two_examples(sv.WithoutReplacement())
    with pytest.raises(ValueError, match="a Gaussian population cannot be enumerated"):
        sv.enumerate_expected_loss(finite, 1, 1, data=sv.GaussianPopulation(teacher=[1]))


def test_bad_arguments_are_refused_with_advice():
    sgd = two_examples(sv.WithoutReplacement())
    with pytest.raises(ValueError, match="1 <= b <= n without replacement, got 3 with n = 2"):
        sv.enumerate_gradient_variance(sgd, 0, 3)
    with pytest.raises(ValueError, match="step must be at least 0, got -1"):
        sv.enumerate_gradient_variance(sgd, -1, 1)
    with pytest.raises(TypeError, match="budget must be an integer"):
        sv.enumerate_gradient_variance(sgd, 0, 1, budget=1e6)
    with pytest.raises(ValueError, match=r"matrix must have shape \(m, d\) with d = 1"):
        sv.enumerate_gradient_variance(sgd, 0, 1, matrix=[[1, 2]])
    with pytest.raises(ValueError, match="layer must be None or 1"):
        sv.enumerate_gradient_variance(sgd, 0, 1, layer=2)
    with pytest.raises(ValueError, match="data must have the inputs and outputs"):
        sv.enumerate_expected_loss(sgd, 0, 1, data=sv.Dataset([[1, 2]], [1]))
    with pytest.raises(sv.NotExactError, match="floats mixed with Fractions"):
        sv.enumerate_gradient_variance(sgd, 0, 1, matrix=[0.5])


# The exact engine


@pytest.mark.parametrize("q", [None, 2])
@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("step", [0, 1, 2, 3])
@pytest.mark.parametrize("sampling", [sv.WithReplacement(), sv.WithoutReplacement()], ids=str)
def test_the_engine_equals_enumeration(sampling, step, n, p, q):
    sgd = small_process(n, p, q, sampling)
    largest = n if sgd.design.is_without_replacement else 3 if step < 3 else 2
    for name, (derive, enumerate_quantity) in QUANTITIES.items():
        result = derive(sgd, step)
        for b in range(1, largest + 1):
            assert at(result, b) == flat(enumerate_quantity(sgd, step, b)), (name, b)


@pytest.mark.parametrize("sampling", [sv.WithReplacement(), sv.WithoutReplacement()], ids=str)
@pytest.mark.parametrize("name", WITH_A_MATRIX)
def test_the_engine_equals_enumeration_for_any_matrix(name, sampling):
    derive, enumerate_quantity = QUANTITIES[name]
    for q, matrix in [(None, [1, -2]), (None, [[0, Fraction(1, 2)], [3, 1], [1, 1]]), (2, [[1, 0, 2, -1]])]:
        sgd = small_process(3, 2, q, sampling)
        for step in (0, 1, 2):
            result = derive(sgd, step, matrix=matrix, layer=1)
            for b in (1, 2, 3):
                assert result(b) == enumerate_quantity(sgd, step, b, matrix=matrix, layer=1)


@pytest.mark.parametrize("sampling", [sv.WithReplacement(), sv.WithoutReplacement()], ids=str)
def test_the_engine_equals_enumeration_for_the_loss_on_other_data(sampling):
    for q, other in [(None, sv.Dataset([[2, 1], [0, 5]], [1, Fraction(1, 2)])), (2, sv.Dataset([[1, 1]], [[0, 4]]))]:
        sgd = small_process(3, 2, q, sampling)
        for step in (0, 1, 2):
            result = sv.expected_loss(sgd, step, data=other)
            for b in (1, 2, 3):
                assert result(b) == sv.enumerate_expected_loss(sgd, step, b, data=other)


@pytest.mark.parametrize("sampling", [sv.WithReplacement(), sv.WithoutReplacement()], ids=str)
def test_the_engine_equals_enumeration_in_symbols(sampling):
    a, w, x, y = sympy.symbols("a w x y")
    problem = sv.LinearRegression(sv.Dataset([[x], [2], [-1]], [y, 0, 1]), weight_decay=Fraction(1, 2))
    sgd = sv.SGD(problem, start=[w], step_size=a, sampling=sampling)
    for name, (derive, enumerate_quantity) in QUANTITIES.items():
        result = derive(sgd, 1)
        for b in (1, 2, 3):
            assert at(result, b) == flat(enumerate_quantity(sgd, 1, b)), (name, b)


# Work that is not needed


@pytest.mark.parametrize("sampling", [sv.WithoutReplacement(), sv.WithReplacement(), sv.RandomReshuffling()], ids=str)
def test_batches_that_are_not_drawn_are_not_listed(sampling):
    sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1]] * 60, [1] * 60)), start=[2], step_size=1, sampling=sampling)
    start = time.perf_counter()  # comb(60, 30) is beyond 10^17
    assert sv.enumerate_mean_weights(sgd, step=0, batch_size=30, budget=1).tolist() == [2]
    assert sv.enumerate_full_gradient_variance(sgd, step=0, batch_size=30, budget=1) == 0
    assert list(sv.enumerate_batches(sgd.design, draws=0, batch_size=30, budget=1)) == [(1, ())]
    assert time.perf_counter() - start < 5


def test_without_a_draw_symbols_and_floats_keep_their_kind():
    a = sympy.Symbol("a")
    for start, kind in [(a, sympy.Expr), (0.5, float), (2, Fraction)]:
        sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[start], step_size=1)
        (value,) = sv.enumerate_mean_weights(sgd, step=0, batch_size=1).tolist()
        assert value == start
        assert isinstance(value, kind)


@pytest.mark.parametrize("wrong", [None, "text", [[1, 2], [3]], [np.array([1]), np.array([1, 2])], {1}, [1, None]])
def test_outcomes_that_are_no_numbers_are_refused(wrong):
    design = sv.BatchDesign(sv.WithoutReplacement(), 2)
    with pytest.raises(TypeError, match="outcome must give a number or a rectangular array of numbers, got"):
        sv.enumerate_variance(lambda _: wrong, design, draws=1, batch_size=1)


def test_outcomes_of_several_shapes_are_refused():
    design = sv.BatchDesign(sv.WithoutReplacement(), 2)
    with pytest.raises(ValueError, match=r"outcome must always give the same shape, got \(1,\) and then \(2,\)"):
        sv.enumerate_variance(lambda batches: [1] * (1 + batches[0][0]), design, draws=1, batch_size=1)
