"""A small data file, and a way to run the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgdvar.cli import main
from tests.cli.networks import NETWORK, RISES, RISING

ROOMS = """\
size,age,price
0.5,1,2
1,0,1.5
-0.5,2,1
1.5,-1,0
0,1,-1
2,0.5,3
"""


@pytest.fixture
def rooms(tmp_path) -> Path:
    """A CSV file of 6 examples with 2 features and the target "price"."""
    path = tmp_path / "rooms.csv"
    path.write_text(ROOMS)
    return path


@pytest.fixture
def rising(tmp_path) -> tuple[object, ...]:
    """Arguments for a network whose variance after one step rises from b = 2 to 3."""
    path = tmp_path / "rising.csv"
    path.write_text(RISING)
    return ("--data", path, "--target", "y", *NETWORK, *RISES)


@pytest.fixture
def sgdvar(capsys):
    """Runs the command in this process: a function from arguments to status, standard output and standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        status = main([str(argument) for argument in arguments])
        return (status, *capsys.readouterr())

    return run
