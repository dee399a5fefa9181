"""Docstrings carry what a caller needs, and their examples are true."""

from __future__ import annotations

import doctest
import inspect
import pkgutil
import re
from dataclasses import fields, is_dataclass
from importlib import import_module

import pytest

import sgdvar

MODULES = ["sgdvar", *(module.name for module in pkgutil.walk_packages(sgdvar.__path__, "sgdvar."))]
PUBLIC = {name: getattr(sgdvar, name) for name in sgdvar.__all__ if name != "__version__"}
FUNCTIONS = [name for name, value in PUBLIC.items() if inspect.isfunction(value)]
RECORDS = [name for name, value in PUBLIC.items() if is_dataclass(value)]


PACKAGES = ["sgdvar", "sgdvar.derivation", "sgdvar.claims", "sgdvar.assertions", "sgdvar.strategies"]
EXAMPLED = [
    (package, name)
    for package in PACKAGES
    for name in import_module(package).__all__
    if inspect.isfunction(value := getattr(import_module(package), name)) or inspect.isclass(value)
]


def section(text: str, title: str) -> str:
    """The indented body of a Google section; "" where there is none."""
    found = re.search(rf"^{title}:\n((?:    .*\n|\n)+)", inspect.cleandoc(text) + "\n", re.MULTILINE)
    return found.group(1) if found else ""


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name):
    results = doctest.testmod(import_module(name), raise_on_error=False)
    assert results.failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is_for(name):
    assert (import_module(name).__doc__ or "").strip()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_documents_its_arguments_in_order(name):
    documented = re.findall(r"^    \*{0,2}(\w+)(?: \(.*?\))?:", section(PUBLIC[name].__doc__, "Args"), re.MULTILINE)
    assert documented == list(inspect.signature(PUBLIC[name]).parameters)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("title", ["Returns", "Raises", "Examples"])
def test_a_public_function_says_what_it_returns_and_raises_with_an_example(name, title):
    assert section(PUBLIC[name].__doc__, title)


@pytest.mark.parametrize(("package", "name"), EXAMPLED)
def test_every_public_name_has_an_example_that_is_run(package, name):
    assert ">>>" in section(getattr(import_module(package), name).__doc__, "Examples")


@pytest.mark.parametrize("name", RECORDS)
def test_a_public_record_documents_its_fields(name):
    documented = re.findall(r"^    (\w+):", section(PUBLIC[name].__doc__, "Attributes"), re.MULTILINE)
    assert [field.name for field in fields(PUBLIC[name]) if not field.name.startswith("_")] == documented
