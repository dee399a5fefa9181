"""Data flows one way: a module imports only from rooms above its own, lazy imports included."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import sgdvar

ROOMS = [
    "errors",
    "files",
    "memory",
    "scalars",
    "code",
    "expressions",
    "sampling",
    "polynomial",
    "data",
    "problems",
    "process",
    "arithmetic",
    "moments",
    "exact",
    "enumeration",
    "certificates",
    "certify",
    "check",
    "derivation",
    "orders",
    "thresholds",
    "monte_carlo",
    "plotting",
    "planted",
    "report",
    "agreement",
    "search",
    "loading",
    "assertions",
    "strategies",
    "claims",
    "__init__",  # the public names; only the command line is a user of its own library
    "cli",
    "__main__",
]

PACKAGE = Path(sgdvar.__file__).parent
FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if "_proofs" not in path.parts]  # which a wheel carries as data
MODULES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in FILES}


def room_of(name: str) -> str:
    """The room of a module (``exact.linear_regression``), or of a public name (``gradient_variance``)."""
    first = name.split(".")[0]
    if first in ROOMS:
        return first
    return next((home for home, names in sgdvar._HOME.items() if first in names), f"sgdvar.{name}, which is no room")


def imported_rooms(path: Path) -> Iterator[tuple[str, int]]:
    """Each room that a file imports from, at any depth of the code, with the line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno}: imports must be absolute"
            source = node.module or ""
            names = [f"sgdvar.{alias.name}" for alias in node.names] if source == "sgdvar" else [source]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            raise AssertionError(f"{path.name}:{node.lineno}: imports must be statements, so that this test sees them")
        else:
            continue
        for name in names:
            if name.split(".")[0] == "sgdvar" and name != "sgdvar.__version__":
                yield room_of(name.removeprefix("sgdvar").removeprefix(".") or "__init__"), node.lineno


def test_every_module_is_in_a_room_and_every_room_exists():
    assert {room_of(module) for module in MODULES} == set(ROOMS)


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"__init__"}))
def test_a_module_imports_only_from_rooms_above_its_own(module):
    own = room_of(module)
    allowed = ROOMS[: ROOMS.index(own) + ("." in module)]  # modules of one room may import each other
    wrong = [f"line {line} imports {room}" for room, line in imported_rooms(MODULES[module]) if room not in allowed]
    assert not wrong, f"sgdvar/{module.replace('.', '/')}.py: {'; '.join(wrong)}"


def test_the_checker_of_certificates_knows_nothing_of_how_they_are_made():
    checker = [path for module, path in MODULES.items() if room_of(module) in ("certificates", "check")]
    rooms = {room for path in checker for room, _ in imported_rooms(path)} - {"check"}
    assert rooms <= {"certificates", "polynomial", "errors", "scalars", "sampling"}


def test_the_oracle_shares_no_algebra_with_the_engines():
    oracle = [path for module, path in MODULES.items() if room_of(module) == "enumeration"]
    assert not {room for path in oracle for room, _ in imported_rooms(path)} & {"exact", "moments"}
