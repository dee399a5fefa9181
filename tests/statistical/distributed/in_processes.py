"""One of several processes of ``jax.distributed``: says as JSON what it gets; run by test_distributed.py."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import numpy as np

import sgdvar as sv

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=12)
SGD = sv.SGD(sv.LinearRegression(sv.Dataset(X, Y)), start=np.zeros(3), step_size=0.1)
RARE = sv.SGD(  # one example in 2000 makes the weights overflow
    sv.LinearRegression(sv.Dataset([[0.0]] * 1999 + [[1e3]], [1.0] * 2000)), start=[1.0], step_size=1e60
)


def by_replicates(**options: Any) -> sv.Estimate:
    return sv.estimate_gradient_variance(SGD, 2, [5, 2], **{"replicates": 9000, "seed": 21, **options})


def by_relative_error(**options: Any) -> sv.Estimate:
    return sv.estimate_gradient_variance(SGD, 2, [2, 5], relative_error=0.02, seed=22, conditional=False, **options)


def by_covariance(**options: Any) -> sv.Estimate:
    return sv.estimate_weight_covariance(SGD, 2, [3], replicates=100, seed=23, **options)  # less than a block


def numbers(estimate: sv.Estimate) -> dict[str, Any]:
    return {
        name: getattr(estimate, name).tolist() for name in ("value", "standard_error", "replicates", "largest_share")
    }


def outcome(work: Any) -> Any:
    """The numbers of an estimate, or its error."""
    try:
        return numbers(work())
    except Exception as error:
        return [type(error).__name__, str(error)]


def main(index: int, port: str, mode: str, folder: str, seed: int) -> dict[str, Any]:
    import jax

    jax.distributed.initialize(
        f"127.0.0.1:{port}",
        2,
        index,
        initialization_timeout=60,
        heartbeat_timeout_seconds=5,
        shutdown_timeout_seconds=5,
    )
    assert jax.process_count() == 2
    path = os.path.join(folder, "run.checkpoint")

    def die(done: int, total: int) -> None:
        if done > 0 and index == 1:
            os._exit(3)

    def fail(done: int, total: int) -> None:
        if done > 0 and index == 1:
            raise ZeroDivisionError("in a progress function")

    damaged = os.path.join(folder, "damaged")
    if index == 1:
        with open(f"{damaged}.1-of-2", "wb") as file:
            file.write(b"not a checkpoint")

    if mode == "death":
        return {"death": outcome(lambda: by_replicates(progress=die))}
    return {
        "by_replicates": outcome(by_replicates),
        "by_relative_error": outcome(by_relative_error),
        "by_covariance": outcome(by_covariance),
        "interrupted": outcome(lambda: by_replicates(checkpoint=path, progress=fail)),
        "resumed": outcome(lambda: by_replicates(checkpoint=path)),
        "longer": outcome(lambda: by_replicates(checkpoint=path, replicates=15000)),
        "shorter": outcome(lambda: by_replicates(checkpoint=path, replicates=100)),
        "overflow": outcome(lambda: sv.estimate_mean_weights(RARE, 1, [1], replicates=4096, seed=seed)),
        "damaged": outcome(lambda: by_replicates(checkpoint=damaged)),
        "other seed": outcome(lambda: by_replicates(seed=index)),
        "over budget": outcome(lambda: by_replicates(time_budget=1e-9)),
        "after all": outcome(by_replicates),
    }


if __name__ == "__main__":
    arguments = sys.argv[1:]
    said = main(int(arguments[0]), arguments[1], arguments[2], arguments[3], int(arguments[4]))
    sys.stdout.write("\n" + json.dumps(said) + "\n")
    sys.stdout.flush()
