"""``sgdvar verify``: exact polynomials, their certificates, and simulation, on one page."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import sgdvar as sv
from sgdvar.cli.display import Findings, show
from sgdvar.cli.inputs import Inputs
from sgdvar.cli.progress import wants_bar
from sgdvar.cli.results import certify, degree_bound, exit_status, polynomial_record, verdict_record

__all__ = ["verify"]


def verify(arguments: Namespace, settings: Sequence[Inputs], began: float) -> int:
    """Runs the verification of every setting, prints it, and returns the exit status of all verdicts.

    Args:
        arguments: The options.
        settings: The processes that they describe.
        began: When the command started, by ``time.perf_counter``.

    Returns:
        The exit status.

    Raises:
        ValueError: A variance is too large to be simulated.
    """
    polynomials = [_polynomials(inputs, arguments.steps) for inputs in settings]
    findings = [_find(arguments, inputs, exact) for inputs, exact in zip(settings, polynomials, strict=True)]
    figures = [_draw(arguments.plot, found, len(findings)) for found in findings] if arguments.plot is not None else []
    seconds = time.perf_counter() - began
    if arguments.json:
        records = [_record(found) for found in findings]
        body = {"runs": records} if arguments.problem == "deep-linear" else records[0]
        sys.stdout.write(json.dumps({"version": sv.__version__, **body, "seconds": seconds}, indent=2) + "\n")
    else:
        show(findings, figures, seconds)
    return exit_status(
        verdict for found in findings for verdict in (found.report.verdict, *found.certificates.values())
    )


def _polynomials(inputs: Inputs, steps: Sequence[int]) -> dict[int, sv.BatchPolynomial]:
    """The exact variance at each step, in the range of floats at each batch size."""
    polynomials = {step: sv.gradient_variance(inputs.sgd, step) for step in steps}
    for step, polynomial in polynomials.items():
        for b in inputs.batch_sizes:
            try:
                float(polynomial(b))
            except OverflowError as error:
                raise ValueError(
                    f"the variance must be below 1e308 to be simulated, got more at step {step}, b = {b}; "
                    f"{_smaller_steps(inputs.sgd, b)}"
                ) from error
    return polynomials


def _smaller_steps(sgd: sv.SGD, batch_size: int) -> str:
    if sgd.is_network:
        return "lower --step-size"
    return f"step sizes are mean-square stable there up to {sv.stable_step_size(sgd, batch_size):.3g}"


def _find(arguments: Namespace, inputs: Inputs, polynomials: dict[int, sv.BatchPolynomial]) -> Findings:
    """Certificates, and exact values against simulation."""
    certificates = {step: certify(polynomial) for step, polynomial in polynomials.items()}
    accuracy = (
        {"replicates": arguments.replicates}
        if arguments.replicates is not None
        else {"relative_error": float(arguments.relative_error)}
    )
    report = sv.verify(
        inputs.sgd,
        steps=arguments.steps,
        batch_sizes=inputs.batch_sizes,
        false_alarm_rate=float(arguments.false_alarm_rate),
        seed=arguments.seed,
        time_budget=float(arguments.time_budget),
        progress=wants_bar(arguments),
        **accuracy,
    )
    return Findings(inputs, polynomials, certificates, report)


def _draw(path: Path, findings: Findings, count: int) -> Path:
    """Saves the figure; of several, each under a name of its own."""
    if count > 1:
        path = path.with_stem(f"{path.stem}-{findings.inputs.model}")
    findings.report.plot(path=path)
    return path


def _record(findings: Findings) -> dict[str, object]:
    return {
        "setting": findings.inputs.facts,
        "polynomials": [
            {
                "step": step,
                **polynomial_record(V, degree_bound(findings.inputs.sgd, step)),
                "decreasing": verdict_record(findings.certificates[step]),
            }
            for step, V in findings.polynomials.items()
        ],
        "report": json.loads(findings.report.to_json()),
    }
