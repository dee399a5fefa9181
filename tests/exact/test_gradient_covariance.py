"""The covariance matrix of the gradient: against enumeration, against variances of linear functions, and certified."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings, strategies as st

import sgdvar as sv
from sgdvar.loading import load_diabetes
from sgdvar.strategies import datasets, discrete_populations, matrices, network_processes, processes

SOURCES = datasets(n=st.integers(1, 3)) | discrete_populations(k=2)


def quadratic_form(C, row):
    return sum((C[i, j] * (row[i] * row[j]) for i in range(len(row)) for j in range(len(row))), start=C[0, 0] * 0)


@settings(max_examples=30)
@given(processes(SOURCES), st.integers(0, 2), st.integers(1, 3))
def test_the_polynomials_of_linear_regression_are_the_enumerated_covariances(sgd, step, batch_size):
    b = min(batch_size, sgd.design.max_batch_size or batch_size)
    found = [polynomial(b) for polynomial in sv.gradient_covariance(sgd, step).ravel()]
    assert found == sv.enumerate_gradient_covariance(sgd, step, b).ravel().tolist()


@settings(max_examples=20)
@given(network_processes(datasets(n=st.integers(1, 3), p=1, outputs=1)), st.integers(0, 1), st.integers(1, 3))
def test_the_polynomials_of_networks_are_the_enumerated_covariances(sgd, step, batch_size):
    b = min(batch_size, sgd.design.max_batch_size or batch_size)
    found = [polynomial(b) for polynomial in sv.gradient_covariance(sgd, step).ravel()]
    assert found == sv.enumerate_gradient_covariance(sgd, step, b).ravel().tolist()


@settings(max_examples=30)
@given(processes(), st.integers(0, 3), st.data())
def test_its_quadratic_forms_are_variances_of_linear_functions_of_the_gradient(sgd, step, data):
    (row,) = data.draw(matrices(sgd.weight_count, rows=1))
    C = sv.gradient_covariance(sgd, step)
    assert quadratic_form(C, row) == sv.gradient_variance(sgd, step, matrix=row)
    assert sum(C.diagonal()[1:], start=C[0, 0]) == sv.gradient_variance(sgd, step)


@settings(max_examples=30)
@given(processes(), st.integers(0, 3))
def test_for_linear_regression_it_decreases_in_the_order_of_positive_semidefinite_matrices(sgd, step):
    C = sv.gradient_covariance(sgd, step)
    verdict = sv.certify_covariance_decreasing(C)
    assert verdict.status == "proved"
    assert sv.check_certificate(verdict.certificate, C)


def test_on_the_diabetes_data_every_linear_function_is_certified_at_once():
    sgd = sv.SGD(sv.LinearRegression(load_diabetes()), [0] * 10, Fraction(1, 10))
    C = sv.gradient_covariance(sgd, 3)
    assert sum(C.diagonal()[1:], start=C[0, 0]) == sv.gradient_variance(sgd, 3)
    assert sv.certify_covariance_decreasing(C).status == "proved"
