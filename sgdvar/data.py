"""Where examples come from: a finite data set, a Gaussian population, or a population of finitely many atoms."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sgdvar.sampling import IID, Sampling, WithoutReplacement
from sgdvar.scalars import Array, Kind, join_kinds, parse_array

__all__ = ["Data", "Dataset", "DiscretePopulation", "GaussianPopulation", "check_data"]


@dataclass(frozen=True, eq=False)
class Dataset:
    r"""A finite data set of n examples (x_i, y_i).

    Numbers decide exactness: ints, Fractions and SymPy numbers are exact, SymPy symbols stay symbols, and floats take
    a float64 path whose results say ``is_exact = False``.

    Attributes:
        X: Inputs, shape (n, p), read-only.
        y: Targets, shape (n,) or (n, q), read-only.
        kind: "integer", "rational", "symbolic" or "float".

    Raises:
        TypeError: Entries that are not numbers.
        ValueError: Empty, ragged or non-finite data, or X and y of different length.
        NotExactError: Floats mixed with Fractions or symbols.

    Examples:
        >>> import sgdvar as sv
        >>> sv.Dataset([[1, 0], [1, 2], [0, 1]], [1, 0, 2])
        Dataset(n=3, p=2, integer)
    """

    X: Array
    y: Array
    kind: Kind = field(init=False)

    def __post_init__(self) -> None:
        X, y, kind = _parse_examples(self.X, self.y, "n")
        object.__setattr__(self, "X", X)
        object.__setattr__(self, "y", y)
        object.__setattr__(self, "kind", kind)

    @property
    def size(self) -> int:
        """The number of examples n."""
        return len(self.X)

    @property
    def inputs(self) -> int:
        """The number of features p."""
        return int(self.X.shape[1])

    @property
    def outputs(self) -> int | None:
        """The number of outputs q; None for y of shape (n,)."""
        return None if self.y.ndim == 1 else int(self.y.shape[1])

    @property
    def default_sampling(self) -> Sampling:
        """Without replacement."""
        return WithoutReplacement()

    def numbers(self) -> tuple[Array, ...]:
        """All arrays of numbers that the data is made of."""
        return self.X, self.y

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.X, self.y)  # copies and pickles are read-only, too

    def __repr__(self) -> str:
        return f"Dataset(n={self.size}, p={self.inputs}{_outputs_text(self.outputs)}, {self.kind})"


@dataclass(frozen=True, eq=False)
class GaussianPopulation:
    r"""A Gaussian population with a linear teacher.

    .. math:: x = C \xi, \qquad y = W^* x + D \zeta, \qquad \xi \sim N(0, I_r),\ \zeta \sim N(0, I_s)
        \text{ independent}

    so that x has covariance :math:`C C^\top` and the label noise :math:`D D^\top`. C and D are factors of covariances,
    for example Cholesky factors, and not covariances: a rational factor keeps everything exact.

    Attributes:
        teacher: :math:`W^*`, shape (q, p), or (p,) for a single output with weights of shape (p,).
        input_factor: C, shape (p, r); None for the identity.
        noise_factor: D, shape (q, s), or a number for a single output; None for no label noise.
        kind: "integer", "rational", "symbolic" or "float".

    Raises:
        TypeError: Entries that are not numbers.
        ValueError: Shapes that do not fit, empty, ragged or non-finite arrays.
        NotExactError: Floats mixed with Fractions or symbols.

    Examples:
        >>> import sgdvar as sv
        >>> sv.GaussianPopulation(teacher=[1, -2], noise_factor=1)
        GaussianPopulation(p=2, integer)
    """

    teacher: Array
    input_factor: Array | None = None
    noise_factor: Any = None
    kind: Kind = field(init=False)

    def __new__(cls, *_: Any, **options: Any) -> GaussianPopulation:
        """Says what to give instead of a covariance."""
        for name in options:
            if "covariance" in name:
                raise TypeError(
                    f"a factor must be given instead of {name}: input_factor=C for inputs of covariance C C^T, "
                    "noise_factor=D for label noise of covariance D D^T, for example Cholesky factors"
                )
        return super().__new__(cls)

    def __post_init__(self) -> None:
        teacher, teacher_kind = parse_array(self.teacher, "teacher")
        if teacher.ndim not in (1, 2):
            raise ValueError(f"teacher must have shape (p,) or (q, p), got shape {teacher.shape}")
        p, q = int(teacher.shape[-1]), 1 if teacher.ndim == 1 else int(teacher.shape[0])
        kinds = [teacher_kind]
        object.__setattr__(self, "teacher", teacher)
        if self.input_factor is not None:
            factor, factor_kind = parse_array(self.input_factor, "input_factor")
            if factor.ndim != 2 or len(factor) != p:
                raise ValueError(
                    f"input_factor must be a factor C of the covariance C C^T of x, of shape (p, r) with p = {p}, got "
                    f"shape {factor.shape}"
                )
            kinds.append(factor_kind)
            object.__setattr__(self, "input_factor", factor)
        if self.noise_factor is not None:
            noise, noise_kind = parse_array(self.noise_factor, "noise_factor")
            if noise.ndim == 0 and q == 1:
                noise = noise.reshape(1, 1)
            if noise.ndim != 2 or len(noise) != q:
                raise ValueError(
                    f"noise_factor must be a factor D of the covariance D D^T of the label noise, of shape (q, s) with "
                    f"q = {q}, got shape {noise.shape}"
                )
            kinds.append(noise_kind)
            object.__setattr__(self, "noise_factor", noise)
        object.__setattr__(self, "kind", join_kinds(kinds, "teacher, input_factor and noise_factor"))

    @property
    def size(self) -> None:
        """Always None; a population has no number of examples."""
        return None

    @property
    def inputs(self) -> int:
        """The number of features p."""
        return int(self.teacher.shape[-1])

    @property
    def outputs(self) -> int | None:
        """The number of outputs q; None for a teacher of shape (p,)."""
        return None if self.teacher.ndim == 1 else int(self.teacher.shape[0])

    @property
    def default_sampling(self) -> Sampling:
        """Independent draws."""
        return IID()

    def numbers(self) -> tuple[Array, Array, Array]:
        """All arrays that define the population: teacher (q, p), input factor (p, r) and noise factor (q, s)."""
        teacher = np.atleast_2d(self.teacher)
        q, p = teacher.shape
        factor = np.eye(p, dtype=np.int64) if self.input_factor is None else self.input_factor
        noise = np.zeros((q, 1), dtype=np.int64) if self.noise_factor is None else self.noise_factor
        return teacher, factor, noise

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.teacher, self.input_factor, self.noise_factor)  # read-only, as for Dataset

    def __repr__(self) -> str:
        return f"GaussianPopulation(p={self.inputs}{_outputs_text(self.outputs)}, {self.kind})"


@dataclass(frozen=True, eq=False)
class DiscretePopulation:
    r"""A population of k atoms: the example (x_i, y_i) is drawn with probability :math:`\pi_i`.

    Batches are independent draws. Rare examples have small probabilities; equal ones make independent draws from a
    ``Dataset`` with replacement.

    Attributes:
        X: Inputs of the atoms, shape (k, p), read-only.
        y: Targets, shape (k,) or (k, q), read-only.
        probabilities: :math:`\pi`, shape (k,), positive, with sum 1; floats may miss it by 1e-9, and are divided by it.
        kind: "integer", "rational", "symbolic" or "float".

    Raises:
        TypeError: Entries that are not numbers.
        ValueError: Empty, ragged or non-finite arrays, arrays of different length, probabilities that are not positive
            or do not sum to one.
        NotExactError: Floats mixed with Fractions or symbols.

    Examples:
        >>> from fractions import Fraction
        >>> import sgdvar as sv
        >>> sv.DiscretePopulation([[1], [9]], [0, 1], probabilities=[Fraction(99, 100), Fraction(1, 100)])
        DiscretePopulation(k=2, p=1, rational)
    """

    X: Array
    y: Array
    probabilities: Array
    kind: Kind = field(init=False)

    def __post_init__(self) -> None:
        X, y, kind = _parse_examples(self.X, self.y, "k")
        probabilities, own_kind = parse_array(self.probabilities, "probabilities")
        if probabilities.shape != (len(X),):
            raise ValueError(
                f"probabilities must have shape (k,) with k = {len(X)}, the number of atoms, got {probabilities.shape}"
            )
        for index, entry in enumerate(probabilities.tolist()):
            if entry.is_nonpositive if own_kind == "symbolic" else entry <= 0:
                raise ValueError(f"probabilities must be positive, got {entry} at index {index}; leave that atom out")
        total = sum(probabilities.tolist())
        if not (math.isclose(total, 1, rel_tol=1e-9) if own_kind == "float" else total == 1):
            raise ValueError(f"probabilities must sum to one, got {total}")
        if own_kind == "float":
            probabilities = parse_array(probabilities / total, "probabilities")[0]
        object.__setattr__(self, "X", X)
        object.__setattr__(self, "y", y)
        object.__setattr__(self, "probabilities", probabilities)
        object.__setattr__(self, "kind", join_kinds([kind, own_kind], "X, y and probabilities"))

    @property
    def size(self) -> None:
        """Always None; a population has no number of examples."""
        return None

    @property
    def inputs(self) -> int:
        """The number of features p."""
        return int(self.X.shape[1])

    @property
    def outputs(self) -> int | None:
        """The number of outputs q; None for y of shape (k,)."""
        return None if self.y.ndim == 1 else int(self.y.shape[1])

    @property
    def default_sampling(self) -> Sampling:
        """Independent draws."""
        return IID()

    def numbers(self) -> tuple[Array, ...]:
        """All arrays of numbers that the population is made of."""
        return self.X, self.y, self.probabilities

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.X, self.y, self.probabilities)  # read-only, as for Dataset

    def __repr__(self) -> str:
        return f"DiscretePopulation(k={len(self.X)}, p={self.inputs}{_outputs_text(self.outputs)}, {self.kind})"


Data = Dataset | GaussianPopulation | DiscretePopulation


def check_data(data: object) -> Data:
    """``data`` as a data source.

    Raises:
        TypeError: It is something else.
    """
    if not isinstance(data, Data):
        raise TypeError(
            f"data must be a Dataset, a GaussianPopulation or a DiscretePopulation, got {type(data).__name__}; write "
            "Dataset(X, y)"
        )
    return data


def _parse_examples(inputs: Any, targets: Any, letter: str) -> tuple[Array, Array, Kind]:
    """Inputs, targets and their kind; ``letter`` is the symbol for their number."""
    X, x_kind = parse_array(inputs, "X")
    y, y_kind = parse_array(targets, "y")
    if X.ndim != 2:
        raise ValueError(f"X must have shape ({letter}, p), got shape {X.shape}")
    if y.ndim not in (1, 2):
        raise ValueError(f"y must have shape ({letter},) or ({letter}, q), got shape {y.shape}")
    if len(X) != len(y):
        raise ValueError(f"X and y must have the same number of examples, got {len(X)} and {len(y)}")
    return X, y, join_kinds([x_kind, y_kind], "X and y")


def _outputs_text(outputs: int | None) -> str:
    return "" if outputs is None else f", q={outputs}"
