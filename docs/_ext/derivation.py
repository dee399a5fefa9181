"""The directive ``derivation``: a derivation of proofs/, checked when the page is built, which a false step stops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from sgdvar.derivation import load_derivation
from sgdvar.derivation.export import evidence, formula, summary

PROOFS = Path(__file__).parents[2] / "proofs"


class DerivationDirective(SphinxDirective):
    """Assumptions, symbols and steps of the named derivation; step NAME is equation DERIVATION-NAME."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        path = PROOFS / f"{self.arguments[0]}.py"
        self.env.note_dependency(str(path))
        derivation = load_derivation(path)
        checked = derivation.check()
        label = derivation.name.replace("_", "-")
        rows = "\n".join(f"| ${notation.latex}$ | {notation.meaning} |" for notation in derivation.symbols)
        assumptions = "\n".join(f"- {text}" for text in derivation.assumptions)
        shown = self.parsed(f"**Assumptions**\n\n{assumptions}\n")
        shown.append(nodes.raw("", "<details><summary>Symbols</summary>", format="html"))
        shown += self.parsed(f"| symbol | meaning |\n|---|---|\n{rows}\n")
        shown.append(nodes.raw("", "</details>", format="html"))
        for number, step in enumerate(checked.steps, 1):
            name = step.step.name
            shown += self.parsed(
                f"**Step {number}: {name.replace('-', ' ')}.** {step.step.reason}\n\n"
                f"$$\n{formula(step, derivation)}\n$$ ({label}-{name})\n"
            )
            shown.append(nodes.container("", *self.parsed(evidence(step, derivation)), classes=["evidence"]))
        return shown + self.parsed(f"{summary(checked)}, in {checked.seconds:.1f} seconds.")

    def parsed(self, text: str) -> list[nodes.Node]:
        return list(self.parse_text_to_nodes(text))


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("derivation", DerivationDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
