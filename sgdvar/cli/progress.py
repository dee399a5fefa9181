"""Whether progress is shown."""

from __future__ import annotations

import sys
from argparse import Namespace
from importlib.util import find_spec

__all__ = ["wants_bar"]


def wants_bar(arguments: Namespace) -> bool:
    """Whether simulations show a bar: on a terminal, where rich is installed, unless it is switched off."""
    return not arguments.no_progress and sys.stderr.isatty() and find_spec("rich") is not None
