"""Writing result files so that a crash never leaves half of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from app.errors import AppError


def why_not(error: OSError) -> str:
    """What keeps a result from being written where it is to go."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "a file is there where a folder is to be"
    return error.strerror or str(error)


def require_writable(path: Path) -> None:
    """Check before a long run that `path` can be written at its end.

    Raises:
        AppError: its folder does not exist and cannot be made, or is not writable.
    """
    try:
        if not path.name or path.is_dir():
            raise AppError(f"cannot write {path}: it is a folder; give the name of a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = path.with_name(f".{path.name}.{os.getpid()}.probe")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise AppError(f"cannot write {path}: {why_not(error)}; choose another place") from error


@contextmanager
def write_atomically(path: Path) -> Iterator[BinaryIO]:
    """A binary file that appears under `path` only once the body has ended well.

    Raises:
        AppError: the place cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("wb") as file:
                yield file
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise AppError(f"cannot write {path}: {why_not(error)}; choose another place") from error
