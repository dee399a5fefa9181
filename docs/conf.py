"""Sphinx configuration: everything is built offline, and nothing in the pages asks another host for anything."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ConfigError

import sgdvar

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "sgdvar"
author = "sgdvar contributors"
project_copyright = f"2026 {author}"
version = release = sgdvar.__version__

extensions = [
    "derivation",
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build", "_ext", "_vendor", "jupyter_execute"]

html_theme = "furo"
html_title = f"sgdvar {version}"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False

# Notebook pages: every number is computed by the build, and an error in a cell stops it.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
nb_render_markdown_format = "myst"
myst_enable_extensions = ["deflist", "dollarmath"]
myst_update_mathjax = False

# MathJax 3.2.2 from a local copy. An unknown macro must fail, neither be shown in red nor be fetched from elsewhere.
MATHJAX = HERE / "_vendor" / "tex-svg.js"
MATHJAX_SHA256 = "d4295dc33744836935c1399feece5159577b34c5c8ffb9f1c6324cd82e03a882"
html_static_path.append("_vendor")
mathjax_path = MATHJAX.name
mathjax3_config = {
    "tex": {"packages": {"[-]": ["noundefined", "autoload", "require"]}},
    "options": {"enableMenu": False},
}

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings say shapes, which types do not
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Assumes", "Guarantees", ("Attributes", "params_style")]
napoleon_attr_annotations = False

nitpicky = True


def resolve_home(app: Sphinx, env: BuildEnvironment, node: pending_xref, contents: nodes.Element) -> nodes.Node | None:
    """Points references to ``sgdvar.process.SGD`` at the documented public name ``sgdvar.SGD``."""
    name = str(node.get("reftarget", "")).rpartition(".")[2]
    if node.get("refdomain") != "py" or name not in sgdvar.__all__:
        return None
    domain = env.domains["py"]
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", f"sgdvar.{name}", node, contents)


def keep_colons(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Keeps Napoleon from reading "The design: what it fixes" as a property of type "The design"."""
    if what == "property":
        lines[:0] = ["..", ""]


def setup(app: Sphinx) -> dict[str, Any]:
    if not MATHJAX.is_file() or hashlib.sha256(MATHJAX.read_bytes()).hexdigest() != MATHJAX_SHA256:
        raise ConfigError(f"{MATHJAX} must be es5/tex-svg.js of npm's mathjax 3.2.2; `make docs` fetches it")
    app.connect("autodoc-process-docstring", keep_colons, priority=400)  # before Napoleon
    app.connect("missing-reference", resolve_home)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
