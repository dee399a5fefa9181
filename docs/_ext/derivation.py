"""The directive ``derivation``: the checked steps of a file in proofs/, so that a false step stops the build."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

PROOFS = Path(__file__).parents[2] / "proofs"


class Derivation(SphinxDirective):
    """Runs ``steps()`` of the file named by the argument, and shows statement, reason and check of each step."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        path = PROOFS / f"{name}.py"
        self.env.note_dependency(str(path))
        label = name.replace("_", "-")
        shown: list[nodes.Node] = []
        for number, (statement, reason, how) in enumerate(runpy.run_path(str(path))["steps"](), 1):
            text = f"{reason}\n\n$$\n{statement}\n$$ ({label}-{number})\n\n*Checked:* {how}.\n"
            shown += [nodes.rubric(text=f"Step {number}"), *self.parse_text_to_nodes(text)]
        return shown


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("derivation", Derivation)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
