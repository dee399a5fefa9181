"""Families of exact problems: what varies in them, and the process that a choice of numbers makes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any, TypeAlias

from sgdvar.arithmetic import object_array
from sgdvar.data import Data, Dataset, DiscretePopulation, GaussianPopulation
from sgdvar.problems import DeepLinearNetwork, LinearRegression
from sgdvar.process import SGD
from sgdvar.sampling import IID, BatchDesign, Sampling, WithoutReplacement
from sgdvar.scalars import Array, check_count, check_flag, check_sequence

__all__ = [
    "Family",
    "FiniteFamily",
    "GaussianFamily",
    "PopulationFamily",
    "arrays_from",
    "check_family",
    "numbers_from",
    "process_of",
    "shapes_of",
]


@dataclass(frozen=True)
class FiniteFamily:
    r"""Finite data sets of n examples, with the start weights and the step size: every number varies.

    Attributes:
        examples: n.
        widths: Inputs, hidden widths and outputs of the network, (p, ..., q): (1, 1, 1) is two layers of one weight
            each, and (p, q) is linear regression.
        sampling: How batches are drawn from the examples.
        stable: Whether the step size is bounded: :math:`\alpha < 2 / \lambda_{\max}` of the Hessian of the mean loss,
            at the start and at the balanced minimum.

    Raises:
        TypeError: Sizes that are not integers, or ``sampling`` is none.
        ValueError: Sizes below 1, fewer than two widths, or ``IID()``, which needs a population.

    Examples:
        >>> import sgdvar as sv
        >>> print(sv.FiniteFamily(examples=2))
        without replacement from n = 2, linear network 1-1-1
    """

    examples: int
    widths: Sequence[int] = (1, 1, 1)
    sampling: Sampling = field(default_factory=WithoutReplacement)
    stable: bool = False

    def __post_init__(self) -> None:
        check_count(self.examples, "examples", least=1)
        _ = self.design  # raises where the sampling does not fit finite data
        _check_shared(self)

    @property
    def design(self) -> BatchDesign:
        """The sampling design of every member."""
        return BatchDesign(self.sampling, self.examples)

    @property
    def atoms(self) -> int:
        """The number of different examples."""
        return self.examples

    def __str__(self) -> str:
        return f"{self.design}, {_shared_text(self)}"


@dataclass(frozen=True)
class PopulationFamily:
    r"""Populations of k atoms, with the start weights and the step size: probabilities and all other numbers vary.

    Attributes:
        atoms: k.
        widths: As for ``FiniteFamily``.
        stable: As for ``FiniteFamily``.

    Raises:
        TypeError: Sizes that are not integers.
        ValueError: Sizes below 1, or fewer than two widths.

    Examples:
        >>> import sgdvar as sv
        >>> print(sv.PopulationFamily(atoms=2, widths=(1, 2, 1), stable=True))
        i.i.d. draws from 2 atoms, linear network 1-2-1, step size < 2 / largest eigenvalue of the mean loss's Hessian
    """

    atoms: int
    widths: Sequence[int] = (1, 1, 1)
    stable: bool = False

    def __post_init__(self) -> None:
        check_count(self.atoms, "atoms", least=1)
        _check_shared(self)

    @property
    def design(self) -> BatchDesign:
        """The sampling design of every member."""
        return BatchDesign(IID(), None)

    def __str__(self) -> str:
        return f"i.i.d. draws from {self.atoms} atoms, {_shared_text(self)}"


@dataclass(frozen=True)
class GaussianFamily:
    r"""N(0, I) inputs with a linear teacher: the teacher, the start weights and the step size vary.

    Attributes:
        widths: As for ``FiniteFamily``.
        label_noise: Whether targets have noise :math:`D \zeta` with one standard normal :math:`\zeta`; D varies, too.
        stable: As for ``FiniteFamily``.

    Raises:
        TypeError: Sizes that are not integers.
        ValueError: Sizes below 1, or fewer than two widths.

    Examples:
        >>> import sgdvar as sv
        >>> print(sv.GaussianFamily(widths=(2, 2, 2)))
        N(0, I) inputs, linear network 2-2-2
    """

    widths: Sequence[int] = (1, 1, 1)
    label_noise: bool = False
    stable: bool = False

    def __post_init__(self) -> None:
        check_flag(self.label_noise, "label_noise")
        _check_shared(self)

    @property
    def design(self) -> BatchDesign:
        """The sampling design of every member."""
        return BatchDesign(IID(), None)

    def __str__(self) -> str:
        noise = " with label noise" if self.label_noise else ""
        return f"N(0, I) inputs{noise}, {_shared_text(self)}"


Family: TypeAlias = FiniteFamily | PopulationFamily | GaussianFamily


def check_family(family: object) -> Family:
    """``family`` as a family.

    Raises:
        TypeError: It is something else.
    """
    if not isinstance(family, Family):
        raise TypeError(
            "family must be a FiniteFamily, a PopulationFamily or a GaussianFamily, got "
            f"{type(family).__name__}; write FiniteFamily(examples=2)"
        )
    return family


def shapes_of(family: Family) -> dict[str, tuple[int, ...]]:
    """The arrays that vary in a family: their names and shapes, in a fixed order."""
    p, q = family.widths[0], family.widths[-1]
    if isinstance(family, GaussianFamily):
        shapes: dict[str, tuple[int, ...]] = {"teacher": (q, p)}
        if family.label_noise:
            shapes["noise_factor"] = (q, 1)
    else:
        shapes = {"X": (family.atoms, p), "y": (family.atoms, q)}
    if isinstance(family, PopulationFamily) and family.atoms > 1:
        shapes["probabilities"] = (family.atoms - 1,)  # the last one is what is missing to 1
    shapes |= {f"W{j}": (b, a) for j, (a, b) in enumerate(pairwise(family.widths), 1)}
    return shapes | {"step_size": ()}


def arrays_from(family: Family, numbers: Sequence[Fraction]) -> dict[str, Array]:
    """The arrays with these numbers, flat in the order of ``shapes_of``."""
    arrays, begin = {}, 0
    for name, shape in shapes_of(family).items():
        end = begin + math.prod(shape)
        arrays[name] = object_array(numbers[begin:end], shape)
        begin = end
    return arrays


def numbers_from(family: Family, arrays: Mapping[str, Array]) -> tuple[Fraction, ...]:
    """The flat numbers of these arrays."""
    return tuple(value for name in shapes_of(family) for value in arrays[name].ravel().tolist())


def process_of(family: Family, numbers: Sequence[Fraction]) -> SGD:
    """The member of a family with these numbers.

    Raises:
        ValueError: Probabilities that are not positive.
    """
    arrays = arrays_from(family, numbers)
    layers = [arrays[f"W{j}"] for j in range(1, len(family.widths))]
    data, alpha = _data(family, arrays), numbers[-1]
    if len(layers) > 1:
        return SGD(DeepLinearNetwork(data), layers, alpha, family.design.sampling)
    start = layers[0] if data.outputs else layers[0][0]
    return SGD(LinearRegression(data), start, alpha, family.design.sampling)


def _data(family: Family, arrays: Mapping[str, Array]) -> Data:
    is_single = family.widths[-1] == 1  # targets of shape (n,), a teacher of shape (p,)
    if isinstance(family, GaussianFamily):
        teacher = arrays["teacher"][0] if is_single else arrays["teacher"]
        return GaussianPopulation(teacher, noise_factor=arrays.get("noise_factor"))
    y = arrays["y"][:, 0] if is_single else arrays["y"]
    if isinstance(family, FiniteFamily):
        return Dataset(arrays["X"], y)
    free = arrays["probabilities"].tolist() if family.atoms > 1 else []
    masses = object_array([*free, 1 - sum(free, Fraction(0))], (family.atoms,))
    return DiscretePopulation(arrays["X"], y, masses)


def _check_shared(family: Any) -> None:
    widths = tuple(check_count(width, "widths", least=1) for width in check_sequence(family.widths, "widths"))
    if len(widths) < 2:
        raise ValueError(f"widths must hold at least the inputs and the outputs, (p, ..., q), got {widths}")
    object.__setattr__(family, "widths", widths)
    check_flag(family.stable, "stable")


def _shared_text(family: Family) -> str:
    widths = "-".join(map(str, family.widths))
    problem = f"linear regression {widths}" if len(family.widths) == 2 else f"linear network {widths}"
    return problem + (", step size < 2 / largest eigenvalue of the mean loss's Hessian" if family.stable else "")
