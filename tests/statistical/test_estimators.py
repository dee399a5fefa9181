"""Estimates agree with the exact layer, are reproducible, and know their own error."""

from __future__ import annotations

import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy

import sgdvar as sv
from sgdvar.monte_carlo.dynamics.base import dynamics_of
from sgdvar.monte_carlo.running.runs import Run
from sgdvar.monte_carlo.running.trajectories import Trajectories
from sgdvar.monte_carlo.statistics.summaries import summarise_mean

RNG = np.random.default_rng(0)
X, Y, Z = RNG.normal(size=(12, 3)), RNG.normal(size=12), RNG.normal(size=(12, 2))
FACTOR = RNG.normal(size=(3, 3))


def finite(sampling=None, targets=Y, **arguments):
    problem = sv.LinearRegression(sv.Dataset(X, targets), weight_decay=0.2)
    start = RNG.normal(size=problem.weight_shape)
    return sv.SGD(problem, start=start, step_size=[0.1, 0.05, 0.2, 0.0], sampling=sampling, **arguments)


def gaussian(teacher):
    problem = sv.LinearRegression(sv.GaussianPopulation(teacher, input_factor=FACTOR, noise_factor=None))
    return sv.SGD(problem, start=np.zeros(problem.weight_shape), step_size=0.02)


PROCESSES = {
    "without replacement": finite(),
    "with replacement": finite(sv.WithReplacement()),
    "two outputs": finite(targets=Z),
    "Gaussian": gaussian(np.array([1.0, -2.0, 0.5])),
    "Gaussian, two outputs": gaussian(np.array([[1.0, -2.0, 0.5], [0.0, 1.0, 1.0]])),
}
SMALL = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2], [3]], [1, 0, 1])), start=[1], step_size=sympy.Rational(1, 10))


def exact_values(name, sgd, step, batch_sizes):
    result = getattr(sv, name)(sgd, step)
    if isinstance(result, sv.BatchPolynomial):
        return np.array([float(result(b)) for b in batch_sizes])
    return np.array([[float(entry(b)) for entry in result.ravel()] for b in batch_sizes]).reshape(-1, *result.shape)


@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.parametrize("step", [0, 1, 3])
@pytest.mark.parametrize("conditional", [True, False])
def test_the_gradient_variance_agrees_with_the_exact_polynomial(name, step, conditional, judge):
    sgd, batch_sizes = PROCESSES[name], [1, 2, 7, 12]
    estimate = sv.estimate_gradient_variance(
        sgd, step, batch_sizes, relative_error=0.02, seed=301, conditional=conditional
    )
    judge.agree(estimate.value, exact_values("gradient_variance", sgd, step, batch_sizes), estimate.standard_error)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_matrix_acts_on_the_flattened_gradient(name, judge):
    sgd = PROCESSES[name]
    matrix = np.arange(2.0 * sgd.start.size).reshape(2, -1) - 2
    exact = sv.gradient_variance(sgd, 2, matrix=matrix)
    full = sv.full_gradient_variance(sgd, 2, matrix=matrix)
    second = sv.gradient_second_moment(sgd, 2, matrix=matrix)
    for conditional in (True, False):
        estimate = sv.estimate_gradient_variance(
            sgd, 2, [3], relative_error=0.02, matrix=matrix, conditional=conditional, seed=302
        )
        judge.agree(estimate.value, exact([3]), estimate.standard_error)
        estimate = sv.estimate_gradient_second_moment(
            sgd, 2, [3], relative_error=0.02, matrix=matrix, conditional=conditional, seed=303
        )
        judge.agree(estimate.value, second([3]), estimate.standard_error)
    estimate = sv.estimate_full_gradient_variance(sgd, 2, [3], relative_error=0.02, matrix=matrix, seed=304)
    judge.agree(estimate.value, full([3]), estimate.standard_error)


@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.parametrize(
    "quantity",
    [
        "full_gradient_variance",
        "gradient_second_moment",
        "expected_loss",
        "mean_gradient",
        "mean_weights",
        "weight_covariance",
    ],
)
def test_every_quantity_agrees_with_the_exact_layer(name, quantity, judge):
    sgd, batch_sizes = PROCESSES[name], [2, 11]
    estimate = getattr(sv, f"estimate_{quantity}")(sgd, 2, batch_sizes, relative_error=0.02, seed=305)
    exact = exact_values(quantity, sgd, 2, batch_sizes)
    assert estimate.value.shape == exact.shape == estimate.standard_error.shape
    judge.agree(estimate.value, exact, estimate.standard_error)


def test_the_expected_loss_can_be_taken_on_other_data(judge):
    sgd, other = PROCESSES["without replacement"], sv.Dataset(X[:5] + 1, Y[:5] - 1)
    estimate = sv.estimate_expected_loss(sgd, 3, [2], data=other, relative_error=0.01, seed=306)
    judge.agree(estimate.value, sv.expected_loss(sgd, 3, data=other)([2]), estimate.standard_error)


def test_conditioning_on_the_last_weights_is_reported_as_a_gain():
    plain, better = (
        sv.estimate_gradient_variance(PROCESSES["with replacement"], 3, [2], replicates=2000, conditional=conditional)
        for conditional in (False, True)
    )
    assert plain.gain.tolist() == [1]
    np.testing.assert_allclose(better.gain, (plain.standard_error / better.standard_error) ** 2)
    assert better.gain[0] > 4


def test_at_the_first_step_conditioning_leaves_no_error():
    estimate = sv.estimate_gradient_variance(SMALL, 0, [1, 2, 3], replicates=100)
    assert estimate.relative_error.max() < 1e-12
    assert estimate.gain[:2].tolist() == [np.inf, np.inf]


@pytest.mark.parametrize("conditional", [True, False])
def test_the_variance_of_the_batch_of_everything_is_zero_up_to_rounding(conditional):
    estimate = sv.estimate_gradient_variance(SMALL, 3, [3], replicates=1000, conditional=conditional)
    assert 0 <= estimate.value[0] < 1e-30


def test_a_data_set_of_one_example_has_no_variance():
    sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[2.0]], [1.0])), start=[3.0], step_size=0.1)
    assert sv.estimate_gradient_variance(sgd, 2, [1]).value.tolist() == [0]


@pytest.mark.parametrize("conditional", [True, False])
def test_standard_errors_are_the_spread_of_estimates_over_seeds(conditional, judge):
    estimates = [
        sv.estimate_gradient_variance(
            PROCESSES["with replacement"], 2, [2], replicates=1024, seed=seed, conditional=conditional
        )
        for seed in range(400)
    ]
    judge.spread_is([e.value[0] for e in estimates], [e.standard_error[0] for e in estimates])


@pytest.mark.parametrize("quantity", ["expected_loss", "mean_weights", "weight_covariance"])
def test_standard_errors_of_means_and_covariances_are_the_spread_over_seeds(quantity, judge):
    estimates = [
        getattr(sv, f"estimate_{quantity}")(PROCESSES["without replacement"], 2, [2], replicates=1024, seed=seed)
        for seed in range(400)
    ]
    first = (0,) * estimates[0].value.ndim
    judge.spread_is([e.value[first] for e in estimates], [e.standard_error[first] for e in estimates])


def test_the_relative_error_asked_for_is_reached_in_nearly_all_cases(judge):
    asked = 0.05
    achieved = np.concatenate([
        sv.estimate_gradient_variance(
            PROCESSES["with replacement"], 1, [1, 4, 20], relative_error=asked, seed=seed, conditional=False
        ).relative_error
        for seed in range(40)
    ])
    judge.at_most(int((achieved > asked).sum()), achieved.size, 0.02)
    assert np.median(achieved) > 0.8 * asked  # and not by far more work than that


def test_intervals_cover_at_their_level(judge):
    exact = float(sv.expected_loss(PROCESSES["without replacement"], 2)(2))
    misses = 0
    for seed in range(400):
        estimate = sv.estimate_expected_loss(PROCESSES["without replacement"], 2, [2], replicates=1024, seed=seed)
        low, high = estimate.interval(0.9)
        misses += not low[0] <= exact <= high[0]
    judge.at_most(misses, 400, 0.1)
    judge.at_most(400 - misses, 400, 0.9)


# --- the same seed, the same answer ---------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_answer_whatever_other_batch_sizes_are_asked_for():
    sgd = PROCESSES["without replacement"]
    many = sv.estimate_gradient_variance(sgd, 2, [7, 1, 12, 2], relative_error=0.05, seed=5, conditional=False)
    for index, b in enumerate(many.batch_sizes.tolist()):
        one = sv.estimate_gradient_variance(sgd, 2, [b], relative_error=0.05, seed=5, conditional=False)
        assert one.value[0] == many.value[index]
        assert one.standard_error[0] == many.standard_error[index]
        assert one.replicates[0] == many.replicates[index]
    other = sv.estimate_gradient_variance(sgd, 2, [7], relative_error=0.05, seed=6, conditional=False)
    assert other.value[0] != many.value[0]


def trajectories_of(sgd, steps, seed):
    return Trajectories(sgd, dynamics_of(sgd), steps, seed)


def simulated(trajectories, block):
    """The records of one block."""
    return trajectories.simulate([block])[0]


def test_the_replicates_of_a_short_run_are_the_first_of_a_longer_one():
    trajectories = trajectories_of(PROCESSES["without replacement"], (1, 3), 5)

    def gradients(replicates):
        blocks = trajectories.blocks(2, replicates)
        return np.concatenate([simulated(trajectories, block)[1].gradients for block in blocks])

    short, long = gradients(1500), gradients(3000)
    assert (len(short), len(long)) == (1500, 3000)
    assert (short == long[:1500]).all()
    assert len(np.unique(long[:, 0])) > 2000  # and blocks differ


def test_steps_recorded_in_one_run_do_not_depend_on_which_others_are():
    sgd = PROCESSES["with replacement"]
    alone, among = trajectories_of(sgd, (2,), 5), trajectories_of(sgd, (0, 2, 3), 5)
    block = alone.blocks(4, 64)[0]
    assert (simulated(alone, block)[0].weights == simulated(among, block)[1].weights).all()
    assert (simulated(alone, block)[0].gradients == simulated(among, block)[1].gradients).all()


def test_the_pilot_shares_no_replicate_with_the_run():
    trajectories = trajectories_of(PROCESSES["with replacement"], (0,), 5)
    pilot, main = (
        simulated(trajectories, trajectories.blocks(3, 512, is_pilot=p)[0])[0].gradients for p in (True, False)
    )
    assert (pilot != main).any(axis=1).mean() > 0.9


def test_ints_fractions_and_floats_are_simulated_alike():
    values = []
    for convert in (lambda a: a, sv.rationalize, lambda a: np.asarray(a, dtype=float)):
        data = sv.Dataset(convert([[1, 2], [0, 1], [3, 1]]), convert([1, 0, 2]))
        sgd = sv.SGD(sv.LinearRegression(data), start=convert([0, 1]), step_size=1)
        values.append(sv.estimate_gradient_variance(sgd, 1, [1, 2], replicates=300).value)
    assert (values[0] == values[1]).all()
    assert (values[0] == values[2]).all()


def test_the_global_configuration_of_jax_stays_as_it_was():
    sv.estimate_gradient_variance(SMALL, 1, [1], replicates=100)
    assert not jax.config.jax_enable_x64
    assert jnp.ones(2).dtype == jnp.float32
    with jax.enable_x64(True):
        inside = sv.estimate_gradient_variance(SMALL, 1, [1], replicates=100).value
        assert jnp.ones(2).dtype == jnp.float64
    assert (inside == sv.estimate_gradient_variance(SMALL, 1, [1], replicates=100).value).all()


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"batch_sizes": []}, ValueError, "batch_sizes must hold at least one batch size, got none"),
        ({"batch_sizes": [4]}, ValueError, "batch_size must satisfy 1 <= b <= n without replacement, got 4 with n = 3"),
        ({"batch_sizes": [True]}, TypeError, "batch_size must be an integer, got True of type bool"),
        ({"step": -1}, ValueError, "step must be at least 0, got -1"),
        ({"replicates": 1}, ValueError, "replicates must be at least 2, got 1"),
        (
            {"replicates": 100, "relative_error": 0.1},
            ValueError,
            "one of relative_error and replicates must be given, got both, 0.1 and 100",
        ),
        ({"relative_error": 0.0}, ValueError, "relative_error must be positive and finite, got 0.0"),
        ({"relative_error": np.nan}, ValueError, "relative_error must be positive and finite, got nan"),
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"seed": 2**63}, ValueError, r"seed must be below 2\*\*63, got 9223372036854775808"),
        ({"time_budget": 0}, ValueError, "time_budget must be positive, got 0"),
        ({"matrix": [[1, 2]]}, ValueError, r"matrix must have shape \(m, d\) with d = 1"),
        ({"layer": 2}, ValueError, "layer must be None or 1, the only layer, got 2"),
    ],
)
def test_bad_arguments_are_refused_before_any_work(arguments, error, message):
    with pytest.raises(error, match=message):
        sv.estimate_gradient_variance(**{"sgd": SMALL, "step": 1, "batch_sizes": [1], **arguments})


def test_a_batch_size_beyond_32_bits_is_refused():
    with pytest.raises(ValueError, match=r"batch_sizes must be below 2\*\*31 to be simulated, got 2147483648"):
        sv.estimate_gradient_variance(PROCESSES["Gaussian"], 1, [2**31])
    assert np.isfinite(sv.estimate_gradient_variance(PROCESSES["Gaussian"], 1, [2**31 - 1], replicates=100).value).all()


def test_blocks_are_smaller_where_weights_are_more():
    def block_size(p):
        sgd = sv.SGD(sv.LinearRegression(sv.Dataset(np.ones((1, p)), [1.0])), start=np.zeros(p), step_size=0.1)
        return trajectories_of(sgd, (0,), 0).block_size

    assert [block_size(p) for p in (1, 1024, 1025, 2049)] == [2048, 2048, 1024, 512]


def test_a_replicate_beyond_those_asked_for_does_not_overflow_the_run():
    """Blocks are simulated whole; what happens to replicates that nobody asked for is nobody's concern."""
    data = sv.Dataset([[0.0]] * 19 + [[1e3]], [1.0] * 20)  # only batches with the last example move
    sgd = sv.SGD(sv.LinearRegression(data), start=[1.0], step_size=1e30)
    trajectories = trajectories_of(sgd, (3,), 8)
    failed = trajectories._run(trajectories.blocks(1, 2048), 4)[2]
    first = int((failed <= 3).argmax())
    assert first > 2
    assert len(simulated(trajectories, trajectories.blocks(1, first)[0])[0].weights) == first
    with pytest.raises(sv.NonFiniteError, match=f"in replicate {first} "):
        simulated(trajectories, trajectories.blocks(1, first + 1)[0])


def test_symbols_are_refused():
    sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [1, 0])), start=[sympy.Symbol("w")], step_size=1)
    with pytest.raises(TypeError, match="Monte Carlo needs numbers, got symbols; substitute values for them"):
        sv.estimate_gradient_variance(sgd, 1, [1])
    with pytest.raises(TypeError, match="Monte Carlo needs numbers, got symbols in matrix"):
        sv.estimate_gradient_variance(SMALL, 1, [1], matrix=[sympy.Symbol("a")])


def test_other_data_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="data must have the inputs and outputs of Dataset"):
        sv.estimate_expected_loss(SMALL, 1, [1], data=sv.Dataset(X, Y))
    with pytest.raises(
        TypeError, match="data must be a Dataset, a GaussianPopulation or a DiscretePopulation, got list"
    ):
        sv.estimate_expected_loss(SMALL, 1, [1], data=[1])


def test_an_overflow_names_replicate_step_batch_size_and_the_stable_step_sizes():
    sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1.0], [2.0], [3.0]], [1.0, 0.0, 1.0])), start=[1.0], step_size=100.0)
    with pytest.raises(
        sv.NonFiniteError, match=r"at step \d+ in replicate \d+ at batch size 2; there, constant"
    ) as caught:
        sv.estimate_gradient_variance(sgd, 200, [2], replicates=64)
    error = caught.value
    assert error.batch_size == 2
    assert 0 <= error.replicate < 64
    assert 14 < error.step < 30  # each step multiplies by 100 x^2 - 1, with x^2 between 2.5 and 6.5
    assert error.stable_step_size == sv.stable_step_size(sgd, 2)
    stable = sv.SGD(sgd.problem, start=[1.0], step_size=0.99 * error.stable_step_size)
    assert np.isfinite(sv.estimate_gradient_variance(stable, 200, [2], replicates=64).value).all()


def test_an_accuracy_that_takes_longer_than_the_budget_is_refused_with_a_forecast():
    with pytest.raises(
        sv.BudgetExceededError, match=r"raise time_budget= to \d+ or more, or raise relative_error="
    ) as caught:
        sv.estimate_gradient_variance(SMALL, 3, [1], relative_error=1e-7, time_budget=10, conditional=False)
    assert caught.value.unit == "seconds"
    assert caught.value.needed > caught.value.limit == 10
    with pytest.raises(sv.BudgetExceededError, match=r"or lower replicates="):
        sv.estimate_gradient_variance(SMALL, 3, [1], replicates=10**12, time_budget=10)


def test_a_forecast_beyond_the_budget_stops_before_the_run(monkeypatch):
    def fail(*_):
        raise AssertionError("simulated in spite of the budget")

    monkeypatch.setattr(Trajectories, "simulate", fail)
    with pytest.raises(sv.BudgetExceededError):
        sv.estimate_gradient_variance(SMALL, 3, [1], relative_error=0.01, time_budget=1e-9)


def test_the_forecast_counts_the_time_that_measuring_takes():
    def slow(record, b):
        time.sleep(0.05)
        return [summarise_mean(record.weights[:, 0])]

    with pytest.raises(sv.BudgetExceededError, match="or lower replicates="):
        Run(SMALL, [0, 1], [1], replicates=100_000, time_budget=2).summaries(slow, "a test")


def test_a_relative_error_of_a_mean_of_zero_is_out_of_reach():
    sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1.0]] * 3, [0.3, 0.5, -0.8])), start=[0.0], step_size=0.0)
    with pytest.raises(ValueError, match="which cannot be told from 0"):
        sv.estimate_mean_gradient(sgd, 1, [1], conditional=False)


def test_a_relative_error_of_an_estimate_of_exactly_zero_is_refused():
    def signs(record, b):
        return [summarise_mean(np.resize([1.0, -1.0], len(record.weights)))]

    with pytest.raises(ValueError, match="at batch size 1, which cannot be told from 0; give replicates= instead"):
        Run(SMALL, [0], [1]).summaries(signs, "a test")


# --- progress -------------------------------------------------------------------------------------------------------


def test_progress_is_reported_to_a_function_up_to_the_total():
    calls = []
    sv.estimate_gradient_variance(
        SMALL, 1, [1, 2], replicates=2500, progress=lambda done, total: calls.append((done, total))
    )
    assert calls[0] == (0, 5000)
    assert calls[-1] == (5000, 5000)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_a_progress_bar_is_drawn_with_rich_and_nothing_without(capsys):
    pytest.importorskip("rich")
    sv.estimate_gradient_variance(SMALL, 1, [1], replicates=100)
    assert capsys.readouterr() == ("", "")
    sv.estimate_gradient_variance(SMALL, 1, [1], replicates=100, progress=True)
    assert capsys.readouterr().out == ""  # standard output is for results


def test_a_progress_bar_without_rich_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    with pytest.raises(ImportError, match=r'pip install "sgdvar\[examples\]"'):
        sv.estimate_gradient_variance(SMALL, 1, [1], replicates=100, progress=True)


def test_an_estimate_prints_as_a_short_table():
    text = str(sv.estimate_gradient_variance(SMALL, 0, [1, 3], replicates=100))
    assert text.splitlines()[0] == "Var(g_t) at step 0, averaged over the last batch"
    assert "b = 1: " in text
    assert "(100 replicates)" in text
    assert "shape (1,)" in str(sv.estimate_mean_weights(SMALL, 1, [1, 3], replicates=100))


def test_runs_of_several_steps_need_at_least_one():
    with pytest.raises(ValueError, match="steps must hold at least one step, got none"):
        Run(SMALL, [], [1])


def test_the_callers_jax_settings_change_nothing():
    sgd = PROCESSES["with replacement"]
    expected = sv.estimate_gradient_variance(sgd, 1, [1, 2], replicates=200).value
    with (
        jax.numpy_rank_promotion("raise"),
        jax.numpy_dtype_promotion("strict"),
        jax.threefry_partitionable(False),
        jax.transfer_guard("disallow"),
    ):
        found = sv.estimate_gradient_variance(sgd, 1, [1, 2], replicates=200).value
    np.testing.assert_array_equal(found, expected)


def test_a_refusal_for_a_huge_batch_is_quick():
    sgd = finite(sv.WithReplacement())
    began = time.perf_counter()
    with pytest.raises(sv.BudgetExceededError, match="the pilot alone must take no longer"):
        sv.estimate_gradient_variance(sgd, 1, [10**7], time_budget=1)
    assert time.perf_counter() - began < 20  # one step of such a batch takes minutes
