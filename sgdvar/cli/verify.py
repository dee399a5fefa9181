"""``sgdvar verify``: exact polynomials, their certificates, and simulation, on one page."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sgdvar as sv
from sgdvar.cli.display import Findings, show
from sgdvar.cli.inputs import Inputs
from sgdvar.cli.results import certify, exit_status, polynomial_record, verdict_record

__all__ = ["verify"]


def verify(arguments: Namespace, inputs: Inputs, began: float) -> int:
    """Runs the verification, prints it, and returns the exit status of its verdicts.

    Args:
        arguments: The options.
        inputs: The process that they describe.
        began: When the command started, by ``time.perf_counter``.

    Returns:
        The exit status.

    Raises:
        ValueError: A variance is too large to be simulated.
    """
    polynomials = {step: sv.gradient_variance(inputs.sgd, step) for step in arguments.steps}
    _check_range(inputs, polynomials)
    certificates = {step: certify(polynomial) for step, polynomial in polynomials.items()}
    accuracy = (
        {"replicates": arguments.replicates}
        if arguments.replicates is not None
        else {"relative_error": float(arguments.relative_error)}
    )
    with _progress(not arguments.no_progress and sys.stderr.isatty()) as progress:
        report = sv.verify(
            inputs.sgd,
            steps=arguments.steps,
            batch_sizes=inputs.batch_sizes,
            false_alarm_rate=float(arguments.false_alarm_rate),
            seed=arguments.seed,
            time_budget=float(arguments.time_budget),
            progress=progress,
            **accuracy,
        )
    if arguments.plot is not None:
        report.plot(path=arguments.plot)
    findings = Findings(inputs.facts, polynomials, certificates, report, time.perf_counter() - began, arguments.plot)
    if arguments.json:
        sys.stdout.write(json.dumps(_record(findings), indent=2) + "\n")
    else:
        show(findings)
    return exit_status([report.verdict, *certificates.values()])


def _check_range(inputs: Inputs, polynomials: dict[int, sv.BatchPolynomial]) -> None:
    for step, polynomial in polynomials.items():
        for b in inputs.batch_sizes:
            try:
                float(polynomial(b))
            except OverflowError as error:
                stable = sv.stable_step_size(inputs.sgd, b)
                raise ValueError(
                    f"the variance must be below 1e308 to be simulated, got more at step {step}, b = {b}; step sizes "
                    f"are mean-square stable there up to {stable:.3g}"
                ) from error


def _record(findings: Findings) -> dict[str, object]:
    return {
        "version": sv.__version__,
        "setting": findings.facts,
        "polynomials": [
            {"step": step, **polynomial_record(V), "decreasing": verdict_record(findings.certificates[step])}
            for step, V in findings.polynomials.items()
        ],
        "report": json.loads(findings.report.to_json()),
        "seconds": findings.seconds,
    }


@contextmanager
def _progress(wanted: bool) -> Iterator[bool | Callable[[int, int], None]]:
    """What the simulation calls with the replicates done and their total: a bar on stderr, or False for nothing."""
    if not wanted:
        yield False
        return
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        yield False
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("simulating", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
