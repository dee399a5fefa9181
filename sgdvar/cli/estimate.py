"""``sgdvar estimate``: simulation alone, with its errors, as text, JSON or CSV."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sgdvar as sv
from sgdvar.cli.cells import Estimates, cells_of
from sgdvar.cli.files import write_output
from sgdvar.cli.inputs import VARIANCE_TEXT, Inputs
from sgdvar.cli.progress import wants_bar
from sgdvar.cli.writers import csv_text, json_text, page_text

__all__ = ["estimate"]

_DONE, _UNDECIDED = 0, 3


@dataclass(frozen=True)
class _Quantity:
    """What can be estimated.

    Attributes:
        compute: The library's function.
        meaning: In words.
        has_batch: Whether there is a last batch that can be averaged over exactly.
        has_control: Whether there is a control variate.
        has_bound: Whether no replicate contributes less than 0, so that there may be a bound on what one contributes.
    """

    compute: Callable[..., sv.Estimate]
    meaning: str
    has_batch: bool = False
    has_control: bool = True
    has_bound: bool = True


_QUANTITIES = {
    "gradient-variance": _Quantity(sv.estimate_gradient_variance, f"Var(g_t): {VARIANCE_TEXT}", has_batch=True),
    "full-gradient-variance": _Quantity(
        sv.estimate_full_gradient_variance,
        "Var(grad L(w_t)): trace of the covariance of the gradient of the whole loss at w_t, given w0",
    ),
    "gradient-second-moment": _Quantity(
        sv.estimate_gradient_second_moment, "E |g_t|^2 of the batch gradient, given w0", has_batch=True
    ),
    "expected-loss": _Quantity(sv.estimate_expected_loss, "E L(w_t), given w0"),
    "mean-gradient": _Quantity(
        sv.estimate_mean_gradient,
        "E g_t of the batch gradient, entry by entry, given w0",
        has_batch=True,
        has_bound=False,
    ),
    "mean-weights": _Quantity(sv.estimate_mean_weights, "E w_t, entry by entry, given w0", has_bound=False),
    "weight-covariance": _Quantity(
        sv.estimate_weight_covariance, "Cov(w_t), entry by entry, given w0", has_control=False, has_bound=False
    ),
}


def estimate(arguments: Namespace, settings: Sequence[Inputs], began: float) -> int:
    """Simulates every step, writes the estimates, and returns the exit status: 3 if a standard error is in doubt.

    Args:
        arguments: The options.
        settings: The one process that they describe.
        began: When the command started, by ``time.perf_counter``.

    Returns:
        The exit status.
    """
    (inputs,) = settings
    found = _find(arguments, inputs)
    seconds = time.perf_counter() - began
    form = _format(arguments)
    text = csv_text(found) if form == "csv" else (json_text if form == "json" else page_text)(found, seconds)
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        write_output(arguments.output, text)
    if found.doubt and (form == "csv" or arguments.output is not None):
        sys.stderr.write(f"sgdvar estimate: undecided: {found.doubt}\n")
    return _UNDECIDED if found.doubt else _DONE


def _find(arguments: Namespace, inputs: Inputs) -> Estimates:
    """The estimates at every step and batch size."""
    quantity, level = _QUANTITIES[arguments.quantity], float(arguments.level)
    _check(arguments, inputs, quantity)
    options = _options(arguments, quantity)
    steps = sorted(arguments.steps, reverse=True)  # what takes longest, or overflows, fails first
    estimates: list[sv.Estimate] = []
    for t in steps:
        path = _checkpoint(arguments, t)
        try:
            estimates.insert(0, quantity.compute(inputs.sgd, t, inputs.batch_sizes, checkpoint=path, **options))
        except KeyboardInterrupt:
            kept = f"what is done is in {path}, and the same command goes on from there"
            raise KeyboardInterrupt(f"; {kept if path else 'nothing is kept, see --checkpoint'}") from None
    return Estimates(
        quantity=arguments.quantity,
        facts={name: text for name, text in inputs.facts.items() if name != "variance"}
        | {"quantity": quantity.meaning},
        process=repr(inputs.sgd),
        conditional=estimates[0].conditional,
        controlled=estimates[0].controlled,
        interval=arguments.interval,
        accuracy=_accuracy(arguments),
        seed=arguments.seed,
        precision=arguments.precision,
        level=level,
        cells=tuple(
            cell for each in estimates for cell in cells_of(each, inputs.sgd.design, level, arguments.interval)
        ),
    )


def _check(arguments: Namespace, inputs: Inputs, quantity: _Quantity) -> None:
    """Refuses what cannot be had together before anything is simulated.

    Raises:
        ValueError: A control variate or a guaranteed interval that there is not.
    """
    if arguments.interval == "guaranteed" and not quantity.has_bound:
        bounded = ", ".join(name for name, other in _QUANTITIES.items() if other.has_bound)
        raise ValueError(
            f"--interval guaranteed must come with a --quantity to which no replicate contributes less than 0, one of "
            f"{bounded}; got {arguments.quantity}"
        )
    if arguments.control_variate and not quantity.has_control:
        raise ValueError(f"--control-variate must not be given with --quantity {arguments.quantity}: there is none")
    is_plain = arguments.plain and quantity.has_batch
    if arguments.control_variate and is_plain and isinstance(inputs.sgd.problem, sv.LinearRegression):
        raise ValueError(
            "--control-variate must not be given with --plain for linear regression: it is made of the weights before "
            "the last batch, and says nothing of that batch"
        )


def _options(arguments: Namespace, quantity: _Quantity) -> dict[str, Any]:
    """The library's arguments, other than the process, the step and the batch sizes."""
    options: dict[str, Any] = {
        "seed": arguments.seed,
        "time_budget": float(arguments.time_budget),
        "precision": arguments.precision,
        "chunk_size": arguments.chunk_size,
        "progress": wants_bar(arguments),
    }
    if quantity.has_batch:
        options["conditional"] = not arguments.plain
    if arguments.control_variate:
        options["control_variate"] = True
    return options | _accuracy(arguments)


def _checkpoint(arguments: Namespace, step: int) -> Path | None:
    """The file that keeps what is done of one step."""
    path: Path | None = arguments.checkpoint
    if path is None or len(arguments.steps) == 1:
        return path
    return path.with_stem(f"{path.stem}.step{step}")


def _accuracy(arguments: Namespace) -> dict[str, float]:
    if arguments.replicates is not None:
        return {"replicates": arguments.replicates}
    return {"relative_error": float(arguments.relative_error)}


def _format(arguments: Namespace) -> str:
    """The format that was asked for, or that the name of the file says."""
    if arguments.format is not None:
        return str(arguments.format)
    ending = "" if arguments.output is None else arguments.output.suffix.lower()
    return {".csv": "csv", ".json": "json"}.get(ending, "text")
