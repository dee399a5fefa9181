"""From the options of a command to everything that they describe."""

from __future__ import annotations

from argparse import Namespace

from sgdvar.cli.files import check_file
from sgdvar.cli.inputs import Inputs
from sgdvar.cli.networks import network_inputs
from sgdvar.cli.regression import regression_inputs
from sgdvar.plotting import check_figure

__all__ = ["read_inputs"]


def read_inputs(arguments: Namespace) -> tuple[Inputs, ...]:
    """The processes that the options of a command describe: one, or for a network up to two.

    Raises:
        ImportError: The bundled data need scikit-learn, or a figure Matplotlib, which is not installed.
        ValueError: Bad data, options that do not fit them, or a file that cannot be written.
        TypeError: Data that are not numbers.
    """
    if arguments.command == "verify" and arguments.plot is not None:
        check_figure(arguments.plot)
    if arguments.command == "estimate":
        for name in ("output", "checkpoint"):
            if getattr(arguments, name) is not None:
                check_file(f"--{name}", getattr(arguments, name))
    if arguments.problem == "deep-linear":
        return network_inputs(arguments)
    return (regression_inputs(arguments),)
