"""All benchmarks as one Markdown table: python -m benchmarks [exact|monte_carlo|process]."""

from __future__ import annotations

import sys

from benchmarks import exact, monte_carlo, process
from benchmarks.harness import HEADER

SUITES = {"exact": exact.rows, "monte_carlo": monte_carlo.rows, "process": process.rows}

if __name__ == "__main__":
    print(HEADER)
    for name in sys.argv[1:] or SUITES:
        for row in SUITES[name]():
            print(row.markdown(), flush=True)
