"""What is installed: the package, its type information, one command."""

from __future__ import annotations

from importlib.metadata import distribution, entry_points
from pathlib import Path

import pytest

import sgdvar

DISTRIBUTION = distribution("sgdvar")
FILES = [Path(file) for file in DISTRIBUTION.files or []]


def test_the_package_and_its_metadata_state_one_version():
    assert DISTRIBUTION.version == sgdvar.__version__


def test_the_command_is_installed():
    (command,) = entry_points(group="console_scripts", name="sgdvar")
    assert command.value == "sgdvar.cli:main"


def test_type_information_comes_with_the_package():
    package = Path(sgdvar.__file__).parent
    assert (package / "py.typed").is_file()
    assert (package / "__init__.pyi").is_file()


@pytest.mark.skipif(Path("sgdvar/__init__.py") not in FILES, reason="an editable install; `make test-wheel` runs this")
def test_the_wheel_carries_the_package_and_nothing_else():
    folders = {file.parts[0] for file in FILES if file.parts[0] != ".."}
    assert folders == {"sgdvar", f"sgdvar-{sgdvar.__version__}.dist-info"}
    assert {file.name for file in FILES if file.parts[0] == ".."} == {"sgdvar"}  # bin/sgdvar
    package = {file for file in FILES if file.parts[0] == "sgdvar"}
    formal = {file for file in package if file.parts[1:3] == ("_proofs", "formal")}
    assert {file.suffix for file in package - formal} <= {".py", ".pyi", ".pyc", ".typed"}
    assert Path("sgdvar/_proofs/linear_regression.py") in package
