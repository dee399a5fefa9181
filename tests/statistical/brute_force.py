"""Everything that SGD can do in a few steps on a few examples, one batch sequence after the other, in floats."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

import sgdvar as sv


@dataclass(frozen=True)
class Outcomes:
    """The batch sequences up to a step: their probabilities, the weights and the gradient each of them leads to."""

    sgd: sv.SGD
    chances: np.ndarray
    weights: np.ndarray
    gradients: np.ndarray

    def _full(self, which):
        """Loss and gradient of all examples at the weights of one sequence."""
        problem, data = self.sgd.problem, self.sgd.problem.data
        layers, chances = self.sgd.shaped(self.weights[which]), example_chances(data)
        loss = chances @ problem.example_losses(layers, data.X, data.y)
        penalty = problem.weight_decay / 2 * (self.weights[which] ** 2).sum()
        return loss + penalty, chances @ flat(problem.example_gradients(layers, data.X, data.y), len(data.X))

    def variance(self, rows):
        """Of rows, one for each sequence: the trace of their covariance."""
        return self.chances @ ((rows - self.chances @ rows) ** 2).sum(axis=1)

    def quantity(self, name, matrix=None):
        A = np.eye(self.sgd.weight_count) if matrix is None else matrix
        if name == "gradient_variance":
            return self.variance(self.gradients @ A.T)
        if name == "gradient_second_moment":
            return self.chances @ ((self.gradients @ A.T) ** 2).sum(axis=1)
        if name == "mean_gradient":
            return self.chances @ self.gradients
        if name == "mean_weights":
            return self.chances @ self.weights
        if name == "weight_covariance":
            deviations = self.weights - self.chances @ self.weights
            return (deviations * self.chances[:, None]).T @ deviations
        losses, gradients = zip(*map(self._full, range(len(self.weights))), strict=True)
        if name == "expected_loss":
            return self.chances @ np.array(losses)
        assert name == "full_gradient_variance"
        return self.variance(np.array(gradients) @ A.T)


def example_chances(data):
    return np.full(len(data.X), 1 / len(data.X)) if data.size else np.asarray(data.probabilities, dtype=float)


def flat(parts, count):
    """Gradients in each layer (or in the one array of linear regression) as rows, shape (count, d)."""
    parts = parts if isinstance(parts, tuple) else (parts,)
    return np.concatenate([np.asarray(part, dtype=float).reshape(count, -1) for part in parts], axis=1)


def batches(sgd, batch_size):
    """Every batch as indices, and its probability."""
    chances = example_chances(sgd.problem.data)
    indices = range(len(chances))
    if sgd.design.is_without_replacement:
        subsets = list(combinations(indices, batch_size))
        return [(list(subset), 1 / len(subsets)) for subset in subsets]
    return [(list(draws), chances[list(draws)].prod()) for draws in product(indices, repeat=batch_size)]


def outcomes(sgd, step, batch_size) -> Outcomes:
    """All batch sequences that a process can see up to a step."""
    data, drawn = sgd.problem.data, batches(sgd, batch_size)
    known = [(1.0, flat(sgd.start, 1)[0])]
    for alpha in (*sgd.step_sizes(step), 0):
        rows = []
        for chance, weights in known:
            examples = flat(sgd.problem.example_gradients(sgd.shaped(weights), data.X, data.y), len(data.X))
            rows += [(chance * own, weights, examples[batch].mean(axis=0)) for batch, own in drawn]
        known = [(chance, weights - float(alpha) * gradient) for chance, weights, gradient in rows]
    chances, weights, gradients = map(np.array, zip(*rows, strict=True))
    return Outcomes(sgd, chances, weights, gradients)


def linearised_outcomes(sgd, step, batch_size, derivatives):
    """Gradient descent, its Hessian, and the deviation that each sequence of batches leads to, with its chance.

    Args:
        sgd: The process.
        step: t.
        batch_size: b.
        derivatives: From the process and weights to every example's gradient and Hessian.
    """
    chances = example_chances(sgd.problem.data)
    path = np.concatenate([np.ravel(part) for part in sgd.parts]).astype(float)
    known = [(1.0, np.zeros_like(path))]
    for alpha in sgd.step_sizes(step):
        gradients, hessians = derivatives(sgd, path)
        drawn = [
            (chance, gradients[batch].mean(axis=0) - chances @ gradients, hessians[batch].mean(axis=0))
            for batch, chance in batches(sgd, batch_size)
        ]
        known = [
            (chance * own, deviation - alpha * (noise + hessian @ deviation))
            for (chance, deviation), (own, noise, hessian) in product(known, drawn)
        ]
        path = path - alpha * (chances @ gradients)
    return path, np.tensordot(chances, derivatives(sgd, path)[1], 1), *map(np.array, zip(*known, strict=True))
