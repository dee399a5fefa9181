"""The parser of the command line: errors in one line, help as it is written."""

from __future__ import annotations

import argparse
from typing import NoReturn

__all__ = ["Formatter", "Parser"]


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Ends the process with status 2 after one line on stderr.

        Raises:
            SystemExit: Always.
        """
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Help whose descriptions keep their lines."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30)
