"""Differentiable models: the loss of one example, and batch gradients by automatic differentiation.

Whatever the model, the engine needs the loss of one example as a function of the weights. Batches are drawn one example
after the other, as a fold, so that memory does not grow with the batch size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sgdvar.data import Data
from sgdvar.monte_carlo.dynamics.base import GRADIENT_LIMIT
from sgdvar.monte_carlo.dynamics.example_draws import ExampleDraws, draws_of
from sgdvar.monte_carlo.running.devices import settings
from sgdvar.monte_carlo.samplers.protocol import Leaf
from sgdvar.problems import DifferentiableModel
from sgdvar.process import SGD
from sgdvar.scalars import Array

__all__ = ["ExampleLoss", "ModelDynamics", "float_parts"]


@dataclass(frozen=True, eq=False)
class ExampleLoss:
    """The loss of one example without weight decay, as a function of a list of arrays of weights.

    Two are equal if they are made of the same functions: compiled code is shared.

    Attributes:
        predict: From weights and inputs to outputs.
        loss: From outputs and targets to the loss; None for the squared loss.
        is_tuple: Whether ``predict`` takes a tuple of arrays, and not one.
    """

    predict: Callable[[Any, Any], Any]
    loss: Callable[[Any, Any], Any] | None
    is_tuple: bool

    @classmethod
    def of(cls, sgd: SGD) -> ExampleLoss:
        """The loss of a process on a differentiable model.

        Raises:
            ValueError: ``predict`` or ``loss`` does not take or return what it must, or is not differentiable.
        """
        problem = sgd.problem
        assert isinstance(problem, DifferentiableModel)
        result = cls(problem.predict, problem.loss, isinstance(sgd.start, tuple))
        result.check(float_parts(sgd), problem.data)
        return result

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExampleLoss) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[int, int, bool]:
        return id(self.predict), id(self.loss), self.is_tuple

    def __call__(self, parts: Sequence[jax.Array], inputs: jax.Array, target: jax.Array) -> jax.Array:
        """The loss, a number."""
        outputs = self._outputs(parts, inputs)
        if self.loss is None:
            return jnp.sum((jnp.ravel(outputs) - jnp.ravel(target)) ** 2) / 2
        return jnp.asarray(self.loss(outputs, target))

    def _outputs(self, parts: Sequence[jax.Array], inputs: jax.Array) -> Any:
        return self.predict(tuple(parts) if self.is_tuple else parts[0], inputs)

    def check(self, parts: Sequence[Array], data: Data, *, is_twice: bool = False) -> None:
        """Traces the functions on shapes alone.

        Args:
            parts: The weights.
            data: Where examples come from.
            is_twice: Whether gradients must be differentiable, too.

        Raises:
            ValueError: ``predict`` or ``loss`` does not take or return what it must, or is not differentiable.
        """
        q = data.outputs
        with settings():
            inputs, target = jnp.zeros(data.inputs), jnp.zeros(() if q is None else q)
            shapes = ", ".join(str(part.shape) for part in parts)
            takes = f"weights of shape {shapes} and inputs of shape {inputs.shape}"
            outputs = _traced("predict", takes, self._outputs, list(parts), inputs)
            if not hasattr(outputs, "shape") or len(outputs.shape) > 1:
                raise ValueError(f"predict must return a number or an array of shape (q,), got {_text(outputs)}")
            if self.loss is None and outputs.shape != target.shape and {outputs.shape, target.shape} != {(), (1,)}:
                raise ValueError(
                    f"predict must return outputs of the shape of a target, {target.shape}, for the squared loss, got "
                    f"{_text(outputs)}; give loss= for another"
                )
            takes = f"outputs of shape {outputs.shape} and a target of shape {target.shape}"
            value = _traced("loss", takes, self, list(parts), inputs, target)
            if value.shape != () or not jnp.issubdtype(value.dtype, jnp.floating):
                name = "predict must return real numbers" if self.loss is None else "loss must return one real number"
                raise ValueError(f"{name}, got {_text(value)}")
            _traced("the gradient of the loss", takes, jax.grad(self), list(parts), inputs, target)
            if is_twice:
                name = "with control_variate=True the second derivative of the loss"
                _traced(name, takes, jax.jacfwd(jax.grad(self)), list(parts), inputs, target)

    def digest(self, parts: Sequence[Array], data: Data) -> str:
        """A short text that tells the computations of losses apart, whatever functions they are written in."""
        q = data.outputs
        with settings():
            traced = jax.make_jaxpr(jax.value_and_grad(self))(
                list(parts), jnp.zeros(data.inputs), jnp.zeros(() if q is None else q)
            )
            known = hashlib.sha256(str(traced).encode())
            for constant in traced.consts:
                known.update(np.asarray(constant).tobytes())
        return known.hexdigest()[:16]


def float_parts(sgd: SGD) -> tuple[Array, ...]:
    """The start weights in float64."""
    return tuple(np.asarray(part, dtype=np.float64) for part in sgd.parts)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class ModelDynamics:
    """A differentiable model: the mean over the batch of the gradient of each example, plus weight decay.

    Attributes:
        examples: Draws the batches.
        parts: The start, one array or several.
        decay: The weight decay.
        loss: The loss of one example.
    """

    examples: ExampleDraws
    parts: tuple[Leaf, ...]
    decay: Leaf
    loss: ExampleLoss = field(metadata={"static": True})

    @classmethod
    def of(cls, sgd: SGD) -> ModelDynamics:
        """The dynamics of a process on a differentiable model.

        Raises:
            ValueError: ``predict`` or ``loss`` does not take or return what it must, or is not differentiable.
        """
        return cls(
            draws_of(sgd), float_parts(sgd), np.asarray(sgd.problem.weight_decay, dtype=np.float64), ExampleLoss.of(sgd)
        )

    @property
    def weight_limit(self) -> float:
        """As ``Dynamics.weight_limit``; how gradients grow with the weights is not known."""
        return GRADIENT_LIMIT

    def for_batch_size(self, batch_size: int) -> ModelDynamics:
        """As ``Dynamics.for_batch_size``."""
        return replace(self, examples=self.examples.for_batch_size(batch_size))

    def at(self, step: jax.Array) -> ModelDynamics:
        """As ``Dynamics.at``."""
        return self

    def start(self) -> list[Leaf]:
        """As ``Dynamics.start``."""
        return list(self.parts)

    def gradients(self, key: jax.Array, state: list[jax.Array], batch_size: jax.Array) -> list[jax.Array]:
        """As ``Dynamics.gradients``."""
        gradients = jax.vmap(jax.grad(self.loss))

        def add(total: list[jax.Array], inputs: jax.Array, targets: jax.Array) -> list[jax.Array]:
            return [a + b for a, b in zip(total, gradients(state, inputs, targets), strict=True)]

        zero = [jnp.zeros_like(part) for part in state]
        total = self.examples.fold(add, zero, key, batch_size, len(state[0]))
        return [own / batch_size + self.decay * part for own, part in zip(total, state, strict=True)]

    def draws(self, batch_size: int) -> int:
        """As ``Dynamics.draws``."""
        return batch_size


def _traced(name: str, takes: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """The shapes that a function returns.

    Raises:
        ValueError: It cannot be traced.
    """
    try:
        return jax.eval_shape(function, *arguments)
    except Exception as error:  # whatever a user's function raises
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"{name} must be written with jax.numpy for {takes}, got {type(error).__name__}: {reason}"
        ) from error


def _text(value: Any) -> str:
    """What a function returned, in words."""
    return f"{value.dtype} of shape {value.shape}" if hasattr(value, "shape") else type(value).__name__
