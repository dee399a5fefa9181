"""All benchmarks as one Markdown table: python -m benchmarks [exact|deep_linear|monte_carlo|process]."""

from __future__ import annotations

import sys

from benchmarks import deep_linear, exact, monte_carlo, process
from benchmarks.harness import HEADER

SUITES = {
    "exact": exact.rows,
    "deep_linear": deep_linear.rows,
    "monte_carlo": monte_carlo.rows,
    "process": process.rows,
}

if __name__ == "__main__":
    print(HEADER)
    for name in sys.argv[1:] or SUITES:
        for row in SUITES[name]():
            print(row.markdown(), flush=True)
