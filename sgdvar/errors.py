"""The library's own exceptions: each carries its data and says what to do next.

Plain bad arguments raise ``ValueError`` or ``TypeError`` instead.
"""

from __future__ import annotations

__all__ = ["BudgetExceededError", "CertificateError", "CheckpointError", "NonFiniteError", "NotExactError"]


class NotExactError(TypeError):
    """A float met exact numbers, or reached a place that needs exact numbers."""


class BudgetExceededError(RuntimeError):
    """Work that was estimated before it started and found larger than its limit; nothing was computed.

    Attributes:
        needed: The estimated amount of work, in ``unit``.
        limit: The largest amount allowed, in ``unit``.
        unit: What is counted, for example ``"batch sequences"`` or ``"seconds"``.
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
    """A certificate does not prove what it claims; the message says where it fails."""


class CheckpointError(ValueError):
    """A checkpoint file that is damaged, or of another run or version, or that cannot be written; it is left intact."""
