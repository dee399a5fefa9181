"""The public names: one list, loaded on first use, and known to type checkers."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import sgdvar


def stub_names() -> dict[str, list[str]]:
    """The names that sgdvar/__init__.pyi exports, by module."""
    tree = ast.parse(Path(sgdvar.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module != "typing"]
    assert all(alias.asname == alias.name for node in imports for alias in node.names), "export with 'name as name'"
    return {node.module.removeprefix("sgdvar."): sorted(alias.name for alias in node.names) for node in imports}


def test_type_checkers_see_the_same_names_as_users():
    assert stub_names() == {module: sorted(names) for module, names in sgdvar._HOME.items()}


@pytest.mark.parametrize("module", sgdvar._HOME)
def test_public_names_are_public_in_their_module(module):
    assert set(sgdvar._HOME[module]) <= set(import_module(f"sgdvar.{module}").__all__)


@pytest.mark.parametrize("name", sgdvar.__all__)
def test_every_public_name_loads(name):
    assert getattr(sgdvar, name) is not None
    assert name in dir(sgdvar)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'sgdvar' has no attribute 'gradient_varaince'"):
        sgdvar.gradient_varaince  # noqa: B018


def test_importing_the_library_loads_neither_jax_nor_sympy():
    code = "import sys, sgdvar; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "sgdvar" in loaded
    assert not {"jax", "jaxlib", "sympy", "scipy", "flint", "matplotlib"} & set(loaded)


def test_using_the_library_leaves_the_configuration_of_jax_alone():
    code = """
import jax
before = jax.config.values.copy()
import sgdvar as sv
sgd = sv.SGD(sv.LinearRegression(sv.Dataset([[1.0], [2.0]], [1.0, 0.0])), start=[0.0], step_size=0.1)
sv.estimate_gradient_variance(sgd, step=1, batch_sizes=[1], replicates=100, seed=0)
assert jax.config.values == before
assert jax.numpy.ones(1).dtype == "float32"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("status", ["proved", "refuted", "undecided"])
def test_a_verdict_has_no_truth_value(status):
    verdict = sgdvar.Verdict(status, "a reason")
    with pytest.raises(TypeError, match=r"no truth value.*verdict\.status"):
        bool(verdict)
