"""``python -m sgdvar`` is the command ``sgdvar``."""

from __future__ import annotations

import sys

from sgdvar.cli import main

if __name__ == "__main__":
    sys.exit(main())
