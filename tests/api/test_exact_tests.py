"""Exact tests compare with ==."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TOLERANT = {
    "allclose",
    "approx",
    "assert_allclose",
    "assert_almost_equal",
    "assert_approx_equal",
    "assert_array_almost_equal",
    "isclose",
}
FILES = sorted((Path(__file__).parents[1] / "exact").rglob("*.py"))


def test_there_are_exact_tests():
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_an_exact_test_has_no_tolerance(path):
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    used = {
        node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        for node in nodes
    }
    assert not used & TOLERANT
