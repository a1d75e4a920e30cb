"""Names of files, as other libraries can take them."""

from __future__ import annotations

from pathlib import Path

from app.errors import AppError


def as_text(path: Path) -> str:
    """The whole path, for libraries that take text alone; OpenCV crashes on bytes that are none.

    Raises:
        AppError: the name, or that of a folder it is in, is no text.
    """
    name = str(path.absolute())
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise AppError(
            f"cannot use {path}: its name, or that of a folder it is in, is no UTF-8; rename it"
        ) from error
    return name
