r"""The closed form in the step as well as in the batch size, for one feature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from sgdvar.arithmetic import arithmetic_for
from sgdvar.errors import NotExactError
from sgdvar.exact.linear_regression import check_linear_regression
from sgdvar.moments import gradient_moments
from sgdvar.process import SGD

__all__ = ["gradient_variance_in_time"]


def gradient_variance_in_time(
    sgd: SGD, step: Any, batch_size: Any, *, form: Literal["sum", "piecewise"] = "sum"
) -> Any:
    r"""The exact total gradient variance of one-feature regression as an expression in t and b.

    With :math:`h = E x^2 + \lambda`, :math:`\mu = 1 - \alpha h`, :math:`m_t = E w_t`,
    :math:`q(m) = \operatorname{Var}(x (x m - y))`, :math:`\kappa = \operatorname{Var}(x^2)` and
    :math:`\rho = \mu^2 + \alpha^2 c(b) \kappa`,

    .. math:: \operatorname{Var}(g_t \mid w_0) = (h^2 + c\kappa)\, v_t + c\, q(m_t), \qquad
        v_t = \operatorname{Var}(w_t \mid w_0) = \alpha^2 c \sum_{j<t} \rho^{t-1-j} q(m_j).

    Args:
        sgd: Linear regression with one feature, one output and a constant step size; numbers or symbols.
        step: t, a SymPy symbol (a non-negative integer) or an int.
        batch_size: b, a SymPy symbol (a positive integer) or an int.
        form: "sum": geometric sums, valid for every parameter since nothing divides by one. "piecewise": the sums in
            closed form, with the cases where a denominator vanishes.

    Returns:
        A SymPy expression; ``.subs(...).doit()`` evaluates it.

    Raises:
        TypeError: ``sgd`` is no linear regression, or ``step`` or ``batch_size`` neither an integer nor a SymPy
            expression with symbols.
        ValueError: More than one feature or output, a step-size sequence, an unknown form, or an integer that is no
            step or no batch size of the design.
        NotExactError: Floats in the problem.

    References:
        Derived in proofs/one_feature.py.

    Examples:
        >>> import sympy as sp, sgdvar as sv
        >>> t, b = sp.symbols("t b", integer=True, positive=True)
        >>> a = sp.Symbol("a")
        >>> sgd = sv.SGD(sv.LinearRegression(sv.GaussianPopulation(teacher=[0])), start=[1], step_size=a)
        >>> V = sv.gradient_variance_in_time(sgd, t, b)
        >>> sp.expand(V.subs(t, 1).doit() - sv.gradient_variance(sgd, step=1).as_expr(b))
        0
    """
    import sympy as sp

    if form not in ("sum", "piecewise"):
        raise ValueError(f'form must be "sum" or "piecewise", got {form!r}')
    if check_linear_regression(sgd).start.size != 1:
        raise ValueError(
            f"the closed form in t needs one feature and one output, got weights of shape {sgd.start.shape}"
        )
    if not sgd.has_constant_step_size:
        raise ValueError(f"the closed form in t needs a constant step size, got {len(sgd.step_size)} step sizes")
    if sgd.kind == "float":
        raise NotExactError("the closed form in t needs exact numbers, got floats; write 0.1 as Fraction(1, 10)")
    t = _number_or_expression(step, sgd.check_step, "step")
    b = _number_or_expression(batch_size, sgd.design.check_batch_size, "batch_size")
    arithmetic = arithmetic_for(sgd.kind, sgd.numbers())
    moments = gradient_moments(sgd.problem.data, arithmetic)
    basis, _ = arithmetic.numerators(np.array([[[1, 0], [0, 0]], [[0, 1], [1, 0]], [[0, 0], [0, 1]]]))
    scale = moments.scale
    kappa, linear, constant = (
        sp.sympify(arithmetic.quotient(value, scale**2)) for value in moments.covariance(basis)[:, 0, 0]
    )
    second, cross = (sp.sympify(arithmetic.quotient(value, scale)) for value in moments.second[0])
    decay, alpha = sp.sympify(sgd.problem.weight_decay), sp.sympify(sgd.step_size)
    w0 = sp.sympify(sgd.start.ravel()[0])
    intercept, slope = (sp.Rational(value.numerator, value.denominator) for value in sgd.design.factor_line)
    c = intercept + slope / b
    h = second + decay
    mu = sp.expand(1 - alpha * h)
    rho = mu**2 + alpha**2 * c * kappa

    def noise(mean: Any) -> Any:
        return kappa * mean**2 + linear * mean + constant

    if form == "sum":
        i, j = sp.Dummy("i", integer=True, nonnegative=True), sp.Dummy("j", integer=True, nonnegative=True)

        def mean(steps: Any) -> Any:
            return mu**steps * w0 - alpha * cross * sp.Sum(mu**i, (i, 0, steps - 1))

        spread = sp.Sum(rho ** (t - 1 - j) * noise(mean(j)), (j, 0, t - 1))
        variance = alpha**2 * c * sp.Piecewise((0, sp.Eq(t, 0)), (spread, True))
        return (h**2 + c * kappa) * variance + c * noise(mean(t))

    limit = -cross / h
    start = w0 - limit
    terms = [(1, noise(limit)), (mu, (2 * kappa * limit + linear) * start), (mu**2, kappa * start**2)]

    def geometric(ratio: Any) -> Any:
        """The sum of rho^(t-1-j) ratio^j over j < t."""
        equal = sp.Piecewise((0, sp.Eq(t, 0)), (t * rho ** (t - 1), True))
        return sp.Piecewise(((rho**t - ratio**t) / (rho - ratio), sp.Ne(rho, ratio)), (equal, True))

    variance = alpha**2 * c * sum(weight * geometric(ratio) for ratio, weight in terms)
    total = (h**2 + c * kappa) * variance + c * sum(weight * ratio**t for ratio, weight in terms)
    return sp.Integer(0) if h == 0 else sp.Piecewise((0, sp.Eq(h, 0)), (total, True))


def _number_or_expression(value: Any, check: Callable[[object], int], name: str) -> Any:
    """A checked integer, or a SymPy expression with symbols."""
    import sympy as sp

    if isinstance(value, sp.Expr) and not value.is_Integer:
        if value.is_number:
            raise TypeError(f"{name} must be an integer or contain a symbol, got {value}")
        return value
    return sp.Integer(check(int(value) if isinstance(value, sp.Integer) else value))
