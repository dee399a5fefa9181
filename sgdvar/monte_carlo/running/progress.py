"""Progress: replicates done, their rate and the time left, as a bar or for a function of the caller's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

__all__ = ["Progress", "reporter"]

Progress: TypeAlias = bool | Callable[[int, int], None]
"""False; True for a progress bar; or a function of the replicates done and their total."""


@contextmanager
def reporter(progress: Progress) -> Iterator[Callable[[int, int], None]]:
    """Progress that is shown as long as a run lasts.

    Yields:
        A function of the replicates done and their total.

    Raises:
        ImportError: A progress bar is asked for and rich is not installed.
    """
    if callable(progress):
        yield progress
    elif not progress:
        yield lambda done, total: None
    else:
        with _bar() as report:
            yield report


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    except ImportError as error:
        raise ImportError(
            'progress=True needs rich, which is not installed; run pip install "sgdvar[examples]", or pass a '
            "function of the replicates done and their total"
        ) from error
    texts = (TextColumn("{task.percentage:>3.0f} %"), TextColumn("{task.fields[rate]}"))
    columns = (TextColumn("{task.description}"), BarColumn(), *texts, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("simulating", total=None, rate="")
        first: list[
            tuple[float, int]
        ] = []  # time and replicates of the first report: a resumed run does not start at 0

        def report(done: int, total: int) -> None:
            now = time.monotonic()
            first.append((now, done))
            del first[1:]
            seconds, count = now - first[0][0], done - first[0][1]
            bar.update(task, completed=done, total=total, rate=f"{count / seconds:,.0f}/s" if count else "")

        yield report
