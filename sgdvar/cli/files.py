"""Files that commands write: checked before any work, and replaced as a whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

__all__ = ["check_file", "write_output"]


def check_file(option: str, path: Path) -> None:
    """Checks that the file that an option names can probably be written.

    Raises:
        ValueError: It is a folder, lies in none, or may not be written.
    """
    if not path.parent.is_dir():
        raise ValueError(f"{option} must lie in a folder that exists, got {path}")
    target = _target(path)
    needed = [target] if _is_special(target) else [target, target.parent]
    if target.is_dir() or not all(os.access(place, os.W_OK) for place in needed if place.exists()):
        raise ValueError(f"{option} must be a file that can be written, got {path}")


def write_output(path: Path, text: str) -> None:
    """Writes a file so that under its name there is at any time the old content or the new, whole.

    Links are followed; what is no regular file, such as a pipe, is written to directly.

    Raises:
        BrokenPipeError: The reader of a pipe has gone.
        ValueError: It cannot be written; an old file is then as it was.
    """
    try:
        target = _target(path)
        if _is_special(target):
            target.write_text(text, encoding="utf-8", newline="")
        else:
            _replace(target, text)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ValueError(f"--output must be a file that can be written, got {path}: {error.strerror}") from error


def _target(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _is_special(target: Path) -> bool:
    return target.exists() and not target.is_file()


def _replace(target: Path, text: str) -> None:
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with draft.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())  # the content before the name, should the power fail
        if target.exists():
            shutil.copymode(target, draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
