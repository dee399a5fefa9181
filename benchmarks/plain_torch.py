"""Plain trajectories in PyTorch, vectorised over replicates, on a GPU where there is one.

Batches without replacement are drawn as indices with replacement, those with two equal ones again, for b^2 up to a few
n; as the b largest of n random numbers otherwise. This file is frozen, as ``plain_jax``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

Array = npt.NDArray[Any]


def last_gradients(
    X: Array,
    y: Array,
    w0: Array,
    alpha: float,
    b: int,
    steps: int,
    replicates: int,
    seed: int,
    dtype: str = "float64",
) -> Array:
    """The least-squares gradients of the last of ``steps`` SGD steps without replacement, shape (replicates, p)."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    number = getattr(torch, dtype)
    inputs, targets, start = (torch.as_tensor(np.asarray(array), dtype=number, device=device) for array in (X, y, w0))
    generator = torch.Generator(device).manual_seed(seed)
    draw = by_rejection if b * (b - 1) < 2.5 * len(X) else by_top_k
    chunk = max(1, 2**26 // (len(X) if draw is by_top_k else 16 * b))
    parts = []
    for first in range(0, replicates, chunk):
        count = min(chunk, replicates - first)
        w = start.expand(count, -1)
        for _ in range(steps):
            batch = draw(generator, len(X), b, count)
            examples = inputs[batch]
            residuals = torch.einsum("rbp,rp->rb", examples, w) - targets[batch]
            gradients = torch.einsum("rbp,rb->rp", examples, residuals) / b
            w = w - alpha * gradients
        parts.append(gradients)
    result: Array = torch.cat(parts).cpu().numpy()
    return result


def by_rejection(generator: torch.Generator, n: int, b: int, count: int) -> torch.Tensor:
    batches = torch.randint(n, (count, b), generator=generator, device=generator.device)
    again = torch.arange(count, device=generator.device)
    while True:
        ordered = batches[again].sort(dim=1).values
        again = again[(ordered[:, 1:] == ordered[:, :-1]).any(dim=1)]
        if not len(again):
            return batches
        batches[again] = torch.randint(n, (len(again), b), generator=generator, device=generator.device)


def by_top_k(generator: torch.Generator, n: int, b: int, count: int) -> torch.Tensor:
    numbers = torch.rand((count, n), generator=generator, device=generator.device, dtype=torch.float64)
    return numbers.topk(b, dim=1, sorted=False).indices
