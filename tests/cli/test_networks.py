"""``--problem deep-linear``: the processes that the options describe, what is printed of them, and the exit status."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest

import sgdvar as sv
from sgdvar.cli.data import DIABETES
from sgdvar.loading import load_csv, load_diabetes
from tests.cli.networks import FACTS, NETWORK, coefficients, settings

START = [[[Fraction(1, 2), -1], [0, 2]], [[1, Fraction(1, 3)]]]
FLAT = "--start=1/2,-1,0,2,1,1/3"


@pytest.fixture
def process(rooms):
    """A network on six examples, step size 1/10."""
    return sv.SGD(sv.DeepLinearNetwork(load_csv(rooms, "price")), START, Fraction(1, 10))


# --- what the options describe --------------------------------------------------------------------------------------


def test_a_given_network_is_that_of_the_library(sgdvar, rooms, process):
    status, output, errors = sgdvar(
        "derive", "--data", rooms, "--target", "price", *NETWORK, FLAT, "--step-size", "1/10", "--step", "0,2",
        "--format", "json",
    )  # fmt: skip
    document = json.loads(output)
    assert (status, errors) == (0, "")
    assert document["setting"].keys() == FACTS
    for result, step, bound in zip(document["results"], (0, 2), (1, 23), strict=True):
        assert coefficients(result) == sv.gradient_variance(process, step).coefficients
        assert result["degree"] <= result["degree_bound"] == bound


def test_every_option_counts(sgdvar, rooms):
    _, output, _ = sgdvar(
        "derive", "--data", rooms, "--target", "price", "--decimals", "0", *NETWORK, "--features", "1", "--widths",
        "1,2", "--start=1,2,-1/2,3,1", "--step-size", "0.1,1/5", "--weight-decay", "0.5", "--sampling",
        "with-replacement", "--step", "1", "--format", "json",
    )  # fmt: skip
    data = load_csv(rooms, "price", decimals=0)
    sgd = sv.SGD(
        sv.DeepLinearNetwork(sv.Dataset(data.X[:, :1], data.y), weight_decay=Fraction(1, 2)),
        start=[[[1]], [[2], [Fraction(-1, 2)]], [[3, 1]]],
        step_size=[Fraction(1, 10), Fraction(1, 5)],
        sampling=sv.WithReplacement(),
    )
    (result,) = json.loads(output)["results"]
    assert coefficients(result) == sv.gradient_variance(sgd, 1).coefficients
    assert result["degree_bound"] == 10


def test_the_default_network_has_one_hidden_layer_of_two_on_two_features(rooms):
    (sgd,) = settings("verify", "--data", rooms, "--target", "price")
    assert [layer.shape for layer in sgd.layers] == [(2, 2), (1, 2)]
    (sgd,) = settings("verify", "--data", rooms, "--target", "price", "--features", "1", "--widths", "3,1")
    assert [layer.shape for layer in sgd.layers] == [(3, 1), (1, 3), (1, 1)]


def test_features_are_those_most_correlated_with_the_target(tmp_path):
    rng = np.random.default_rng(0)
    y = rng.integers(-9, 10, size=40)
    X = np.stack([rng.integers(-9, 10, size=40), np.full(40, 7), -3 * y + 1, rng.integers(-9, 10, size=40) + y], axis=1)
    np.savez(tmp_path / "data.npz", X=X, y=y)
    (sgd,) = settings("verify", "--data", tmp_path / "data.npz", "--features", "2")
    assert sgd.problem.data.X.tolist() == X[:, [2, 3]].tolist()


def test_features_can_be_chosen_for_linear_regression(sgdvar, rooms):
    _, output, _ = sgdvar("derive", "--data", rooms, "--target", "price", "--features", "1", "--format", "json")
    data = json.loads(output)["setting"]["data"]
    assert "p = 1 features (of 2, those most correlated with the target: 0 counted from 0)" in data


def test_the_features_of_the_diabetes_data_have_their_names():
    datasets = pytest.importorskip("sklearn.datasets")
    assert list(DIABETES) == datasets.load_diabetes().feature_names


@pytest.mark.parametrize("widths", ["2", "5", "3,2", "2,2,2"])
def test_the_default_start_treats_no_two_hidden_units_alike(rooms, widths):
    (sgd,) = settings("derive", "--data", rooms, "--target", "price", "--widths", widths)
    for lower, upper in zip(sgd.layers, sgd.layers[1:], strict=False):
        units = [(*row, *column) for row, column in zip(lower.tolist(), upper.T.tolist(), strict=True)]
        assert len(set(units)) == len(units)


@pytest.mark.parametrize("model", ["data", "gaussian"])
@pytest.mark.parametrize("widths", ["2", "3,2"])
def test_the_default_step_size_follows_from_the_trace_of_the_gauss_newton_matrix(rooms, model, widths):
    (sgd,) = settings("derive", "--data", rooms, "--target", "price", "--widths", widths, "--model", model)
    data, layers = sgd.problem.data, [layer.astype(float) for layer in sgd.layers]
    X = data.X if model == "data" else data.input_factor.T  # the second moment of which is that of the population
    X = X.astype(float)
    f = sgd.problem.residuals(layers, X, np.zeros(len(X)))
    derivatives = sgd.problem.example_gradients(layers, X, f - 1)  # of f, since residuals are 1
    trace = sum((part**2).sum() for part in derivatives) / (len(X) if model == "data" else 1)
    most = 2 / trace / (5 * (len(layers) - 1))
    assert 0.5 * most < sgd.step_size <= most
    assert sgd.step_size / Fraction(10) ** math.floor(math.log10(most)) in range(1, 10)


def test_the_gaussian_model_has_the_second_moments_and_the_fit_of_the_data():
    pytest.importorskip("sklearn")
    (sgd,) = settings("derive", "--model", "gaussian", "--features", "3")
    data = load_diabetes()
    X, y = data.X[:, [2, 3, 8]].astype(float), data.y.astype(float)  # bmi, bp and s5
    teacher, factor, noise = (array.astype(float) for array in sgd.problem.data.numbers())
    assert sgd.design == sv.BatchDesign(sv.IID(), None)
    np.testing.assert_allclose(factor @ factor.T, X.T @ X / len(X), atol=0.02)
    np.testing.assert_allclose(X.T @ (y - X @ teacher[0]) / len(X), 0, atol=0.02)
    np.testing.assert_allclose(noise[0, 0], np.sqrt(((y - X @ teacher[0]) ** 2).mean()), atol=0.01)
    assert all(Fraction(100) * entry == round(100 * entry) for entry in sgd.problem.data.teacher.tolist())


def test_the_gaussian_model_of_several_outputs_and_fewer_examples_than_features(tmp_path):
    X, y = np.array([[1, 2, 0], [0, -1, 3]]), np.array([[1, 0], [2, 1]])
    np.savez(tmp_path / "data.npz", X=X, y=y)
    (sgd,) = settings("derive", "--data", tmp_path / "data.npz", "--model", "gaussian", "--features", "3")
    teacher, factor, noise = (array.astype(float) for array in sgd.problem.data.numbers())
    np.testing.assert_allclose(factor @ factor.T, X.T @ X / 2, atol=0.03)
    np.testing.assert_allclose(X @ teacher.T, y, atol=0.02)
    np.testing.assert_allclose(noise, 0, atol=0)


@pytest.mark.parametrize("scale", ["1000", "1/1000"])
def test_the_gaussian_model_keeps_digits_whatever_the_units(rooms, scale):
    data = load_csv(rooms, "price")
    rows = [[*(Fraction(scale) * x for x in row), y] for row, y in zip(data.X.tolist(), data.y.tolist(), strict=True)]
    rooms.write_text("size,age,price\n" + "\n".join(",".join(map(str, row)) for row in rows) + "\n")
    (sgd,) = settings("derive", "--data", rooms, "--target", "price", "--model", "gaussian")
    X, y = np.array(rows, dtype=float)[:, :2], np.array(rows, dtype=float)[:, 2]
    teacher, factor, noise = (array.astype(float) for array in sgd.problem.data.numbers())
    np.testing.assert_allclose(factor @ factor.T, X.T @ X / 6, atol=0.1 * X.max() ** 2)
    np.testing.assert_allclose(X @ teacher[0], X @ np.linalg.lstsq(X, y)[0], atol=0.1)
    np.testing.assert_allclose(noise[0, 0] ** 2, ((y - X @ teacher[0]) ** 2).mean(), atol=0.1)


def test_the_gaussian_model_of_data_that_fit_exactly_has_no_noise(rooms):
    rooms.write_text("size,age,price\n1,0,0.1\n2,1,0.5\n0,3,0.9\n1,1,0.4\n")
    (sgd,) = settings("derive", "--data", rooms, "--target", "price", "--model", "gaussian")
    teacher, _, noise = sgd.problem.data.numbers()
    assert (teacher.tolist(), noise.tolist()) == ([[Fraction(1, 10), Fraction(3, 10)]], [[0]])


# --- what is printed ------------------------------------------------------------------------------------------------


def test_the_bundled_data_are_the_default_of_derive(sgdvar):
    pytest.importorskip("sklearn")
    status, output, _ = sgdvar("derive", *NETWORK)
    text = " ".join(output.split())
    assert status == 0
    for words in (
        "n = 442 examples, p = 2 features (of 10, those most correlated with the target: bmi, s5), exact rationals",
        "deep linear network 2-2-1, f(x) = W2 W1 x; loss 1/2 |f(x) - y|^2, mean over the batch",
        "W1 = [[0.5, 0.1], [0.7, 0.3]], W2 = [[-0.1, 0.6]] (the k-th weight is 0.618034 k modulo 1, less 0.15, to 1",
        "the trace of the Gauss-Newton matrix at the start, rounded down to one digit)",
        "without replacement from n = 442",
        "Var(g_1 | w0), degree 6 (at most 6), for b >= 1 up to b = n = 442",
        "decreasing in b: PROVED: ",
    ):
        assert words in text


def test_derive_says_what_the_gaussian_model_is(sgdvar):
    pytest.importorskip("sklearn")
    status, output, _ = sgdvar("derive", *NETWORK, "--model", "gaussian", "--step", "0")
    text = " ".join(output.split())
    assert status == 0
    for words in (
        "Gaussian model x = C xi, y = W x + D zeta with xi, zeta standard normal and independent; "
        "W = [[0.42, 0.38]], C = [[1, 0], [0.45, 0.9]], D = [[0.74]]",
        "fitted to scikit-learn's diabetes data, standardised, rounded to 2 decimals; n = 442 examples, p = 2",
        "i.i.d. draws from a population",
        "Var(g_0 | w0), degree 1 (at most 1), for b >= 1",
        "exact; c = 1/b",
    ):
        assert words in text


def test_a_bound_on_the_degree_is_given_for_the_gradient_variance_only(sgdvar, rooms):
    command = ("derive", "--data", rooms, "--target", "price", *NETWORK, "--format", "json", "--quantity")
    for quantity in ("full-gradient-variance", "gradient-second-moment", "expected-loss"):
        _, output, _ = sgdvar(*command, quantity)
        (result,) = json.loads(output)["results"]
        assert "degree_bound" not in result


def test_a_variance_that_rises_is_refuted_with_its_witness(sgdvar, rising):
    status, output, errors = sgdvar("derive", *rising)
    assert (status, errors) == (1, "")
    assert "REFUTED: V rises from b = 2 to 3; from b = 3 on it never rises; V(2) = 18.4" in output
    status, output, _ = sgdvar("derive", *rising, "--format", "json")
    (result,) = json.loads(output)["results"]
    low, high, *values = result["decreasing"]["witness"]
    V = sv.gradient_variance(settings("derive", *rising)[0], 1)
    assert status == 1
    assert (low, high, V(low), V(high)) == (2, 3, *map(Fraction, values))
    assert V(low) < V(high)
    assert result["decreasing"]["from_batch_size"] == 3


def test_linear_regression_is_the_default_problem_and_reads_as_before(sgdvar, rooms):
    command = ("derive", "--data", rooms, "--target", "price", "--format", "json")
    default, named = sgdvar(*command), sgdvar(*command, "--problem", "linear-regression")
    document = json.loads(default[1])
    assert default == named
    assert document.keys() == {"version", "setting", "results"}
    assert document["setting"].keys() == FACTS
    assert document["results"][0].keys() == {
        "quantity", "step", "is_exact", "degree", "smallest_batch_size", "largest_batch_size", "c", "c_coefficients",
        "coefficients", "decreasing",
    }  # fmt: skip
    assert document["results"][0]["decreasing"].keys() == {"status", "reason", "from_batch_size", "certificate"}
