"""``sgdvar search``: a counterexample to an order in the batch size, or what was searched."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable
from typing import Any

import sgdvar as sv
from sgdvar.cli.progress import wants_bar

__all__ = ["prepared_search"]


def prepared_search(arguments: Namespace) -> Callable[[], int]:
    """The search that the options ask for, checked.

    Raises:
        ValueError: Options that do not fit together.
    """
    claim = sv.SearchClaim(
        order=arguments.claim.replace("-", " "),
        quantity=arguments.quantity,
        step=arguments.step,
        batch_sizes=arguments.batch_sizes,
        target_ratio=arguments.target_ratio,
    )
    if arguments.largest.denominator != 1:
        raise ValueError(f"--largest must be an integer, got {arguments.largest}")
    family = _family(arguments)
    return lambda: _search(arguments, claim, family)


def _family(arguments: Namespace) -> Any:
    chosen, shared = arguments.family, {"widths": arguments.widths, "stable": arguments.stable}
    if arguments.sampling is not None and chosen != "finite":
        raise ValueError(f"--sampling must be left out for the {chosen} family, whose batches are independent draws")
    if arguments.label_noise and chosen != "gaussian":
        raise ValueError(f"--label-noise must be left out for the {chosen} family, whose targets vary anyway")
    if chosen == "gaussian":
        if arguments.examples is not None:
            raise ValueError("--examples must be left out for the gaussian family, which has no number of examples")
        return sv.GaussianFamily(label_noise=arguments.label_noise, **shared)
    if chosen == "population":
        return sv.PopulationFamily(arguments.examples or 2, **shared)
    samplings: dict[str, Any] = {
        "with-replacement": sv.WithReplacement(),
        "reshuffling": sv.RandomReshuffling(),
        "without-replacement": sv.WithoutReplacement(),
    }
    sampling = samplings[arguments.sampling or "without-replacement"]
    return sv.FiniteFamily(arguments.examples or 3, sampling=sampling, **shared)


def _search(arguments: Namespace, claim: sv.SearchClaim, family: Any) -> int:
    result = sv.search_counterexample(
        claim,
        family,
        seed=arguments.seed,
        seconds=float(arguments.seconds),
        evaluations=arguments.evaluations,
        largest=int(arguments.largest),
        maximise=arguments.maximise,
        checkpoint=arguments.checkpoint,
        progress=wants_bar(arguments),
    )
    if arguments.json:
        output = json.dumps({"version": sv.__version__, **result.to_dict()}, indent=2)
    else:
        output = str(result)
    sys.stdout.write(output + "\n")
    return 1 if result.verdict.status == "refuted" else 3
