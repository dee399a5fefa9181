"""The library's own exceptions: each carries its data and says what to do next.

Plain bad arguments raise ``ValueError`` or ``TypeError`` instead.
"""

from __future__ import annotations

__all__ = ["BudgetExceededError", "CertificateError", "CheckpointError", "NonFiniteError", "NotExactError"]


class NotExactError(TypeError):
    """A float met exact numbers, or reached a place that needs exact numbers.

    Examples:
        >>> import sgdvar as sv
        >>> network = sv.DeepLinearNetwork(sv.Dataset([[1], [2]], [0, 1]))
        >>> try:
        ...     sv.gradient_variance(sv.SGD(network, start=[0.5, 1.0], step_size=0.25), step=1)
        ... except sv.NotExactError as error:
        ...     print(type(error).__name__)
        NotExactError
    """


class BudgetExceededError(RuntimeError):
    """Work that was estimated before it started and found larger than its limit; nothing was computed.

    Attributes:
        needed: The estimated amount of work, in ``unit``.
        limit: The largest amount allowed, in ``unit``.
        unit: What is counted, for example ``"batch sequences"`` or ``"seconds"``.

    Examples:
        >>> import sgdvar as sv
        >>> data = sv.Dataset([[k] for k in range(40)], list(range(40)))
        >>> sgd = sv.SGD(sv.LinearRegression(data), start=[0], step_size=1)
        >>> try:
        ...     sv.enumerate_gradient_variance(sgd, step=3, batch_size=20)
        ... except sv.BudgetExceededError as error:
        ...     print(error.unit, error.needed > error.limit)
        batch sequences True
    """

    def __init__(self, message: str, *, needed: float, limit: float, unit: str) -> None:
        super().__init__(message)
        self.needed = needed
        self.limit = limit
        self.unit = unit


class NonFiniteError(ArithmeticError):
    """A simulated trajectory left the range of floating-point numbers.

    Attributes:
        replicate: Index of the first replicate that overflowed.
        step: The step at which its weights or gradient stopped being finite.
        batch_size: The batch size of that run.
        stable_step_size: Constant step sizes in (0, stable_step_size) are mean-square stable at that batch size;
            None where the problem has no such bound.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1.0], [2.0]], [0.0, 1.0])), start=[1.0], step_size=1e200)
        >>> try:
        ...     sv.estimate_gradient_variance(sgd, step=3, batch_sizes=[1], replicates=100, seed=0)
        ... except sv.NonFiniteError as error:
        ...     print(error.batch_size, error.step)
        1 1
    """

    def __init__(
        self, message: str, *, replicate: int, step: int, batch_size: int, stable_step_size: float | None
    ) -> None:
        super().__init__(message)
        self.replicate = replicate
        self.step = step
        self.batch_size = batch_size
        self.stable_step_size = stable_step_size


class CertificateError(ValueError):
    """A certificate does not prove what it claims; the message says where it fails.

    Examples:
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1], [2]], [0, 1])), start=[1], step_size=1)
        >>> certificate = sv.certify_decreasing(sv.gradient_variance(sgd, step=1)).certificate
        >>> try:
        ...     sv.check_certificate(certificate, sv.gradient_variance(sgd, step=2))
        ... except sv.CertificateError as error:
        ...     print(type(error).__name__)
        CertificateError
    """


class CheckpointError(ValueError):
    """A checkpoint file that is damaged, or of another run or version, or that cannot be written; it is left intact.

    Examples:
        >>> import pathlib, tempfile
        >>> import sgdvar as sv
        >>> sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1.0], [2.0]], [0.0, 1.0])), start=[1.0], step_size=0.1)
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "run.ckpt"
        >>> _ = path.write_text("something else")
        >>> try:
        ...     sv.estimate_gradient_variance(sgd, step=1, batch_sizes=[1], replicates=100, seed=0, checkpoint=path)
        ... except sv.CheckpointError as error:
        ...     print(type(error).__name__, path.read_text())
        CheckpointError something else
    """
