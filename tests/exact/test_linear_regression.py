"""The second-moment recursion against independent derivations, in exact arithmetic."""

from __future__ import annotations

from fractions import Fraction as F
from typing import Any

import numpy as np
import pytest
import sympy as sp

import sgdvar as sv
from sgdvar.arithmetic import RationalArithmetic
from sgdvar.moments import gradient_moments

X = [[1, 0], [1, 2], [0, 1], [F(1, 2), 3], [-2, 1]]
Y = [1, 0, 2, F(1, 3), -1]
Y2 = [[1, 2], [0, -1], [2, F(1, 2)], [F(1, 3), 0], [-1, 1]]


def make(
    y: Any = Y,
    start: Any = (F(1, 3), 0),
    step_size: Any = F(1, 5),
    sampling: Any = None,
    weight_decay: Any = 0,
    inputs: Any = X,
) -> sv.SGD:
    return sv.SGD(sv.LinearRegression(sv.Dataset(inputs, y), weight_decay), start, step_size, sampling)


def per_example_operator(inputs: Any, y: Any, start: Any, step_size: F, steps: int) -> list[np.ndarray[Any, Any]]:
    """Coefficient matrices of M_t by the definition: one rank-one operator per example, in plain Fractions."""
    rows = np.array([[*map(F, x), -F(target)] for x, target in zip(inputs, y, strict=True)], dtype=object)
    n, size = rows.shape
    p = size - 1
    G = np.array([np.vstack([np.outer(row[:p], row), np.zeros(size, dtype=int)]) for row in rows], dtype=object)
    mean = G.sum(axis=0) * F(1, n)
    z = np.array([*map(F, start), F(1)], dtype=object)
    stack = [np.outer(z, z)]
    T = np.eye(size, dtype=int) - step_size * mean
    for _ in range(steps):
        kept = [T @ M @ T.T for M in stack] + [np.zeros((size, size), dtype=object)]
        fresh = [sum((D @ M @ D.T for D in G - mean), np.zeros((size, size), dtype=object)) * F(1, n) for M in stack]
        stack = [
            a + step_size**2 * b for a, b in zip(kept, [np.zeros((size, size), dtype=object), *fresh], strict=True)
        ]
    return stack


def test_weight_covariance_matches_the_per_example_operator() -> None:
    sgd = make()
    covariance = sv.weight_covariance(sgd, step=3)
    stack = per_example_operator(X, Y, (F(1, 3), 0), F(1, 5), 3)
    for row, column in np.ndindex(2, 2):
        expected = sv.BatchPolynomial(sgd.design, (0, *(M[row, column] for M in stack[1:])))
        assert covariance[row, column] == expected
    assert [weight(1) for weight in sv.mean_weights(sgd, step=3)] == [stack[0][0, 2], stack[0][1, 2]]


def test_variance_at_step_zero_is_the_variance_factor_times_the_trace_of_the_gradient_covariance() -> None:
    gradients = [[(x[0] * F(1, 3) - y) * v for v in x] for x, y in zip(X, Y, strict=True)]
    means = [sum(column) / F(5) for column in zip(*gradients, strict=True)]
    trace = sum((g - m) ** 2 for gradient in gradients for g, m in zip(gradient, means, strict=True)) / F(5)
    assert sv.gradient_variance(make(), step=0).c_coefficients == (0, trace)


@pytest.mark.parametrize("y", [Y, Y2])
@pytest.mark.parametrize("step_size", [F(1, 5), sp.Symbol("a")])
def test_both_routes_through_the_data_give_the_same_covariance_map(y: Any, step_size: Any) -> None:
    from sgdvar.arithmetic import arithmetic_for

    data = sv.Dataset(X, y)
    arithmetic = arithmetic_for("symbolic" if isinstance(step_size, sp.Symbol) else "rational", [step_size])
    m = 2 + (data.outputs or 1)
    rng = np.random.default_rng(5)
    N = rng.integers(-9, 9, size=(2, m, m))
    if data.outputs is None:
        N = N + N.transpose(0, 2, 1)  # with one output every N is symmetric
    stack, _ = arithmetic.numerators(N)
    by_rows = gradient_moments(data, arithmetic, route="rows")
    by_moments = gradient_moments(data, arithmetic, route="fourth moments")
    values = [
        [arithmetic.quotient(value, moments.scale**2) for value in moments.covariance(stack).ravel().tolist()]
        for moments in (by_rows, by_moments)
    ]
    assert values[0] == values[1]
    rows = np.array([[*x, *np.negative(np.atleast_1d(target))] for x, target in zip(X, y, strict=True)], dtype=object)
    G = np.array([np.outer(row[:2], row) for row in rows], dtype=object)
    D = G - G.sum(axis=0) * F(1, 5)
    expected = [(sum(d @ n @ d.T for d in D) * F(1, 5)).ravel().tolist() for n in N]
    assert values[0] == [value for matrix in expected for value in matrix]


def test_sums_too_large_for_floats_stay_exact() -> None:
    big = 10**9 + 7
    scaled = make(inputs=[[v * big for v in row] for row in X], start=(0, 0), step_size=0)
    plain = make(start=(0, 0), step_size=0)
    assert sv.gradient_variance(scaled, step=0) == sv.gradient_variance(plain, step=0) * big**2
    wide = make(inputs=[[v * 10**25 for v in row] for row in X], start=(0, 0), step_size=0)
    assert sv.gradient_variance(wide, step=0) == sv.gradient_variance(plain, step=0) * 10**50


def test_sums_that_leave_the_exact_range_of_floats_are_split() -> None:
    rng = np.random.default_rng(2)
    inputs, y = rng.integers(10**7, 10**8, size=(200, 2)) | 1, rng.integers(10**7, 10**8, size=200) | 1
    gradients = [[int(y_i) * int(v) for v in x] for x, y_i in zip(inputs, y, strict=True)]
    means = [F(sum(column), 200) for column in zip(*gradients, strict=True)]
    trace = sum((g - m) ** 2 for gradient in gradients for g, m in zip(gradient, means, strict=True)) / 200
    for route in ("rows", "fourth moments"):
        moments = gradient_moments(sv.Dataset(inputs, y), RationalArithmetic(), route=route)  # type: ignore[arg-type]
        assert F(int(moments.second[0, 0]), int(moments.scale)) == F(sum(int(x) ** 2 for x in inputs[:, 0]), 200)
        last = RationalArithmetic().numerators(np.diag([0, 0, 1]))[0]  # start 0
        assert F(int(np.trace(moments.covariance(last[None])[0])), int(moments.scale) ** 2) == trace


def test_gaussian_map_follows_from_fourth_moments_by_isserlis() -> None:
    data = sv.GaussianPopulation(teacher=[1, -2], input_factor=[[1, 0, 2], [F(1, 2), 1, 0]], noise_factor=3)
    arithmetic = RationalArithmetic()
    moments = gradient_moments(data, arithmetic)
    S = np.array([[F(5), F(1, 2)], [F(1, 2), F(5, 4)]], dtype=object)
    cross = -(S @ np.array([1, -2], dtype=object))
    second = np.vstack([np.column_stack([S, cross]), [*cross, np.array([1, -2]) @ S @ np.array([1, -2]) + 9]])
    assert [[F(int(v), int(moments.scale)) for v in row] for row in moments.second] == second.tolist()
    N = np.array([[1, 2, -1], [2, 0, 3], [-1, 3, 4]], dtype=object)
    fourth = np.zeros((2, 2), dtype=object)
    for j, k, l, m in np.ndindex(2, 2, 3, 3):
        s = second
        fourth[j, k] += N[l, m] * (s[j, k] * s[l, m] + s[j, l] * s[k, m] + s[j, m] * s[k, l])
    expected = fourth - second[:2] @ N @ second[:2].T
    found = moments.covariance(arithmetic.numerators(N)[0][None])[0]
    assert [[F(int(v), int(moments.scale) ** 2) for v in row] for row in found] == expected.tolist()


def test_noise_free_scalar_gaussian_has_the_hand_derived_variance() -> None:
    # e_1 = e (1 - a s), s the batch mean of x^2: Var(s e_1) = Var(s - a s^2) e^2 from E s^k = prod (1 + 2 j / b).
    a, e, b = sp.Symbol("a"), sp.Symbol("e"), sp.Symbol("b", positive=True)
    sgd = sv.SGD(sv.LinearRegression(sv.GaussianPopulation(teacher=[0])), start=[e], step_size=a)
    kappa = 2 / b
    second = (1 - 2 * a + a**2 * (1 + kappa)) * (1 + kappa)  # the batches of steps 0 and 1 are independent
    assert sp.expand(sv.gradient_variance(sgd, step=1).as_expr(b) - e**2 * (second - (1 - a) ** 2)) == 0


@pytest.mark.parametrize("kind", ["int", "Fraction", "sympy", "numpy"])
def test_every_way_to_write_the_same_numbers_gives_the_same_polynomial(kind: str) -> None:
    inputs, y = [[1, 0], [1, 2], [0, 1]], [1, 0, 2]
    wrap = {"int": int, "Fraction": F, "sympy": sp.Integer, "numpy": np.int32}[kind]
    rows = [[wrap(v) for v in row] for row in inputs]
    sgd = make(y=[wrap(v) for v in y], inputs=rows, start=[wrap(0), wrap(0)], step_size=sp.Rational(1, 2))
    assert sv.gradient_variance(sgd, step=1).c_coefficients == (0, F(157, 54), F(19, 27))


def test_symbolic_coefficients_specialise_to_the_rational_ones() -> None:
    a, w, y0, lam = sp.symbols("e I y0 lambda")  # names that a parser would misread
    symbolic = make(y=[y0, 0, 2, F(1, 3), -1], start=[w, 0], step_size=a, weight_decay=lam)
    values = {a: sp.Rational(1, 5), w: sp.Rational(1, 3), y0: 1, lam: sp.Rational(1, 7)}
    rational = make(weight_decay=F(1, 7))
    for quantity in (sv.gradient_variance, sv.full_gradient_variance, sv.gradient_second_moment, sv.expected_loss):
        found = quantity(symbolic, step=2)
        assert found.is_symbolic
        assert all(len(sp.factor_list(f)[1]) <= 1 for v in found.c_coefficients for f in sp.Mul.make_args(v))
        assert [F(str(sp.sympify(v).subs(values))) for v in found.c_coefficients] == list(
            quantity(rational, step=2).c_coefficients
        )


def test_symbols_of_the_same_name_with_other_assumptions_stay_apart() -> None:
    plain, positive = sp.Symbol("x"), sp.Symbol("x", positive=True)
    V = sv.gradient_variance(make(start=[plain, 0], step_size=positive), step=1)
    assert set().union(*(v.free_symbols for v in V.c_coefficients[1:])) == {plain, positive}


def test_two_outputs_that_share_nothing_add_up() -> None:
    both = make(y=Y2, start=[[F(1, 3), 0], [1, -1]])
    first = make(y=[row[0] for row in Y2])
    second = make(y=[row[1] for row in Y2], start=[1, -1])
    for quantity in (sv.gradient_variance, sv.full_gradient_variance, sv.gradient_second_moment, sv.expected_loss):
        assert quantity(both, step=2) == quantity(first, step=2) + quantity(second, step=2)
    assert sv.gradient_variance(both, step=2, matrix=[1, 0, 0, 0]) == sv.gradient_variance(first, 2, matrix=[1, 0])


def test_one_output_column_equals_a_plain_vector() -> None:
    column = make(y=[[v] for v in Y], start=[[F(1, 3), 0]])
    assert sv.gradient_variance(column, step=2) == sv.gradient_variance(make(), step=2)
    assert sv.mean_weights(column, step=2).shape == (1, 2)


def test_later_steps_go_on_from_earlier_ones_and_back() -> None:
    sgd = make()
    ascending = [sv.gradient_variance(sgd, step=t) for t in (0, 1, 3)]
    assert [sv.gradient_variance(make(), step=t) for t in (0, 1, 3)] == ascending
    assert sv.gradient_variance(sgd, step=1) == ascending[1]


def test_expected_loss_on_other_data_is_the_loss_of_the_mean_plus_half_the_trace() -> None:
    other = sv.Dataset([[2, 1], [0, 1], [1, F(1, 3)]], [1, 1, 0])
    sgd = make(weight_decay=F(1, 7))
    found = sv.expected_loss(sgd, step=2, data=other)
    mean = [w.c_coefficients[0] for w in sv.mean_weights(sgd, step=2)]
    covariance = sv.weight_covariance(sgd, step=2)
    loss = sum((x[0] * mean[0] + x[1] * mean[1] - y) ** 2 for x, y in zip(other.X, other.y, strict=True)) / F(6)
    loss += F(1, 14) * sum(m**2 for m in mean)
    H = [[sum(x[j] * x[k] for x in other.X) / F(3) + (F(1, 7) if j == k else 0) for k in range(2)] for j in range(2)]
    expected = loss + sum(
        (covariance[j, k] * H[j][k] for j in range(2) for k in range(2)), sv.BatchPolynomial(sgd.design, (0,))
    ) * F(1, 2)
    assert found == expected


@pytest.mark.parametrize("form", ["sum", "piecewise"])
@pytest.mark.parametrize(
    "sgd",
    [
        make(inputs=[[1], [2], [F(1, 2)], [-1], [0]], start=[F(1, 3)]),
        make(
            inputs=[[1], [2], [F(1, 2)], [-1], [0]],
            start=[F(1, 3)],
            weight_decay=F(1, 2),
            sampling=sv.WithReplacement(),
        ),
        make(inputs=[[1], [1], [1], [1], [1]], start=[2], step_size=1),  # one step reaches the minimiser: mu = 0
        make(inputs=[[1], [-1], [1], [1], [1]], start=[2], step_size=0),  # rho = mu = 1
        make(inputs=[[0], [0], [0], [0], [0]], start=[2]),  # no curvature at all
        make(inputs=[[1], [1], [1], [1], [1]], y=[0] * 5, start=[1], step_size=1),  # rho = 0: 0^0 at step 0
        sv.SGD(
            sv.LinearRegression(sv.GaussianPopulation(teacher=[2], input_factor=[[3]], noise_factor=F(1, 2))),
            start=[-1],
            step_size=F(1, 4),
        ),
    ],
)
def test_closed_form_in_t_equals_the_recursion(sgd: sv.SGD, form: Any) -> None:
    t, b = sp.Symbol("t", integer=True, nonnegative=True), sp.Symbol("b", integer=True, positive=True)
    closed = sv.gradient_variance_in_time(sgd, t, b, form=form)
    for step in range(4):
        V = sv.gradient_variance(sgd, step=step)
        for batch_size in (1, 2, 5):
            assert F(str(sp.nsimplify(closed.subs({t: step, b: batch_size}).doit()))) == V(batch_size)


def test_closed_form_in_t_holds_for_symbols() -> None:
    a, w, y0, t, b = sp.symbols("a w y0 t b")
    sgd = make(inputs=[[1], [2], [3]], y=[y0, 0, 2], start=[w], step_size=a)
    sums = sv.gradient_variance_in_time(sgd, t, b, form="sum")
    piecewise = sv.gradient_variance_in_time(sgd, t, b, form="piecewise")
    point = {a: sp.Rational(1, 3), w: 2, y0: 5, b: 2}
    for step in (0, 1, 2):
        exact = sv.gradient_variance(sgd, step=step).as_expr(b)
        assert sp.expand(sums.subs(t, step).doit() - exact) == 0  # an identity in a, w, y0 and b
        assert piecewise.subs({**point, t: step}) == exact.subs(point)


def test_closed_form_in_t_keeps_apart_from_symbols_that_are_called_i_and_j() -> None:
    j = sp.Symbol("j", integer=True, nonnegative=True)
    sgd = make(inputs=[[1], [2], [4]], y=[1, 0, 3], start=[1], step_size=F(1, 7))
    expected = sv.gradient_variance(sgd, step=2)(2)
    found = sv.gradient_variance_in_time(sgd, j, 2).subs(j, 2).doit()
    assert F(int(found.p), int(found.q)) == expected


def test_limits_give_zero_or_plain_gradient_descent() -> None:
    assert sv.gradient_variance(make(), step=2)(5) == 0  # b = n
    single = make(inputs=[[1, 2]], y=[3])
    assert sv.gradient_variance(single, step=2).is_zero  # n = 1
    assert sv.gradient_variance(make(inputs=[[1, 2]], y=[3], sampling=sv.WithReplacement()), step=2).is_zero
    still = make(step_size=0)
    assert sv.gradient_variance(still, step=3) == sv.gradient_variance(still, step=0)
    solution = (F(2, 3), -1)
    fitted = make(y=[x[0] * solution[0] + x[1] * solution[1] for x in X], start=solution)
    assert sv.gradient_variance(fitted, step=3).is_zero  # start at an interpolating minimiser
