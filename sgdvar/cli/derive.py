"""``sgdvar derive``: exact polynomials as text, LaTeX or JSON."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import sgdvar as sv
from sgdvar.cli.inputs import Inputs
from sgdvar.cli.results import (
    certify,
    decimal_text,
    degree_bound,
    exit_status,
    factor_text,
    facts_text,
    polynomial_record,
    power_text,
    verdict_line,
    verdict_record,
)

__all__ = ["derive"]

# quantity: function, name in text, name in LaTeX
_QUANTITIES: dict[str, tuple[Callable[..., sv.BatchPolynomial], str, str]] = {
    "gradient-variance": (
        sv.gradient_variance,
        "Var(g_{t} | w0)",
        r"\operatorname{{Var}}(g_{{{t}}} \mid w_0)",
    ),
    "full-gradient-variance": (
        sv.full_gradient_variance,
        "Var(grad L(w_{t}) | w0)",
        r"\operatorname{{Var}}(\nabla L(w_{{{t}}}) \mid w_0)",
    ),
    "gradient-second-moment": (
        sv.gradient_second_moment,
        "E[|g_{t}|^2 | w0]",
        r"E[\lVert g_{{{t}}} \rVert^2 \mid w_0]",
    ),
    "expected-loss": (sv.expected_loss, "E[L(w_{t}) | w0]", r"E[L(w_{{{t}}}) \mid w_0]"),
}


def derive(arguments: Namespace, inputs: Inputs) -> int:
    """Prints a quantity at each step, and returns the exit status of the certificates."""
    compute, text_name, latex_name = _QUANTITIES[arguments.quantity]
    polynomials = [compute(inputs.sgd, step) for step in arguments.steps]
    verdicts = [certify(polynomial) for polynomial in polynomials]
    bounds = [
        degree_bound(inputs.sgd, step) if arguments.quantity == "gradient-variance" else None
        for step in arguments.steps
    ]
    results = list(zip(arguments.steps, polynomials, bounds, verdicts, strict=True))
    if arguments.format == "json":
        records = [
            {
                "quantity": arguments.quantity,
                "step": t,
                **polynomial_record(V, bound),
                "decreasing": verdict_record(verdict),
            }
            for t, V, bound, verdict in results
        ]
        output = json.dumps({"version": sv.__version__, "setting": inputs.facts, "results": records}, indent=2)
    elif arguments.format == "latex":
        output = "\n\n".join(_latex(latex_name.format(t=t), V, verdict) for t, V, _, verdict in results)
    else:
        output = "\n\n".join([
            facts_text(inputs.facts),
            *(_text(text_name.format(t=t), V, bound, verdict) for t, V, bound, verdict in results),
        ])
    sys.stdout.write(output + "\n")
    return exit_status(verdicts)


def _text(name: str, polynomial: sv.BatchPolynomial, bound: int | None, verdict: sv.Verdict) -> str:
    n = polynomial.design.max_batch_size
    at_most = "" if bound is None else f" (at most {bound})"
    return "\n".join([
        f"{name}, degree {polynomial.degree}{at_most}, for b >= 1" + ("" if n is None else f" up to b = n = {n}"),
        f"  {'exact' if polynomial.is_exact else 'in floats, not exact'}; c = {factor_text(polynomial.design)}",
        "",
        *_coefficient_lines("c", polynomial.c_coefficients),
        "",
        *_coefficient_lines("1/b", polynomial.coefficients),
        "",
        f"  decreasing in b: {verdict_line(verdict)}",
    ])


def _coefficient_lines(variable: str, coefficients: Sequence[Any]) -> list[str]:
    """One line for each coefficient: its power, its decimal value, and the exact fraction."""
    lines = [f"  in powers of {variable}:"]
    for k, value in enumerate(coefficients):
        if value == 0 and len(coefficients) > 1:
            continue
        exact = f"  =  {value}" if isinstance(value, Fraction) else ""
        lines.append(f"    {power_text(variable, k) or '1':<7}{decimal_text(value, 16):>24}{exact}")
    return lines


def _latex(name: str, polynomial: sv.BatchPolynomial, verdict: sv.Verdict) -> str:
    n = polynomial.design.max_batch_size
    factor = r"\frac{1}{b}" if n is None else "0" if n == 1 else rf"\frac{{{n} - b}}{{{n - 1 if n > 2 else ''} b}}"
    valid = r"b \ge 1" if n is None else rf"1 \le b \le {n}"
    return "\n".join([
        f"% decreasing in b: {verdict_line(verdict)}",
        r"\begin{align*}",
        rf"{name} &= {_latex_sum('c', polynomial.c_coefficients)} \\",
        rf"&= {_latex_sum('b', polynomial.coefficients, sign=-1)}, \\",
        rf"c &= {factor}, \qquad {valid}.",
        r"\end{align*}",
    ])


def _latex_sum(variable: str, coefficients: Sequence[Any], sign: int = 1) -> str:
    terms = [
        _latex_number(value) + ("" if k == 0 else variable if sign * k == 1 else f" {variable}^{{{sign * k}}}")
        for k, value in enumerate(coefficients)
        if value != 0
    ]
    return " + ".join(terms).replace("+ -", "- ") or "0"


def _latex_number(value: Fraction | float) -> str:
    if isinstance(value, Fraction) and value.denominator != 1:
        return rf"{'-' if value < 0 else ''}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"
    mantissa, _, exponent = (str(value) if isinstance(value, Fraction) else repr(value)).partition("e")
    return rf"{mantissa} \times 10^{{{int(exponent)}}}" if exponent else mantissa
