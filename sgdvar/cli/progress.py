"""Whether and how progress is shown."""

from __future__ import annotations

import sys
from argparse import Namespace
from importlib.util import find_spec

__all__ = ["show_status", "wants_bar"]


def wants_bar(arguments: Namespace) -> bool:
    """Whether simulations show a bar: on a terminal, where rich is installed, unless it is switched off."""
    return _wants_any(arguments) and find_spec("rich") is not None


def show_status(arguments: Namespace, text: str) -> None:
    """Shows in one line of a terminal what is being done, unless it is switched off; an empty text ends it."""
    if _wants_any(arguments):
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def _wants_any(arguments: Namespace) -> bool:
    return not arguments.no_progress and sys.stderr.isatty()
