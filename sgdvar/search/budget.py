"""How long a search goes on, and how it tells what it has done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from sgdvar.scalars import check_count, is_real
from sgdvar.search.record import SearchRecord

__all__ = ["Budget", "Progress", "reporter"]

Progress: TypeAlias = bool | Callable[[SearchRecord], None]
"""False; True for a line on standard error; or a function of what has been searched."""


@dataclass(frozen=True)
class Budget:
    """When a search stops: no round begins beyond either limit.

    Attributes:
        seconds: Seconds, those before a resumption included.
        evaluations: Float values with derivatives; None for any number.
    """

    seconds: float
    evaluations: int | None

    @classmethod
    def of(cls, seconds: Any, evaluations: Any) -> Budget:
        """The budget, checked.

        Raises:
            TypeError: No numbers.
            ValueError: A budget of 0.
        """
        if not is_real(seconds):
            raise TypeError(f"seconds must be a number, got {seconds!r}")
        if not float(seconds) > 0:
            raise ValueError(f"seconds must be above 0, got {seconds}; without a budget nothing is searched")
        return cls(float(seconds), None if evaluations is None else check_count(evaluations, "evaluations", least=1))

    def allows(self, record: SearchRecord) -> bool:
        """Whether one more round may begin."""
        return record.seconds < self.seconds and (self.evaluations is None or record.evaluations < self.evaluations)


@contextmanager
def reporter(progress: Progress) -> Iterator[Callable[[SearchRecord], None]]:
    """Progress that is shown as long as a search lasts.

    Yields:
        A function of what has been searched.

    Raises:
        ImportError: A line is asked for and rich is not installed.
    """
    if callable(progress):
        yield progress
        return
    if not progress:
        yield lambda record: None
        return
    try:
        from rich.console import Console
    except ImportError as error:
        raise ImportError(
            'progress=True needs rich, which is not installed; run pip install "sgdvar[examples]", or pass a function '
            "of the SearchRecord"
        ) from error
    with Console(stderr=True).status("searching") as status:
        yield lambda record: status.update(str(record))
