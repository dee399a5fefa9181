"""Files that are replaced as a whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["replace_file", "temporary_beside"]


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """A path in the same folder that nobody else uses; nothing is left there.

    Yields:
        The path.
    """
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def replace_file(path: Path, content: bytes) -> None:
    """Replaces a file at once: whatever happens, there is the old file or the new one.

    Raises:
        OSError: It cannot be written; the old file is then as it was.
    """
    with temporary_beside(path) as temporary:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
