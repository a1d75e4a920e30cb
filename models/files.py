"""Writing the files of a training run so that a crash or a full disk never leaves half of one."""

from __future__ import annotations

from pathlib import Path


def write_whole(file: Path, content: bytes | memoryview) -> None:
    """Write a file that is complete as soon as it is there; until then what was there before stays.

    Raises:
        OSError: it cannot be written; `filename` says which.
    """
    partial = file.with_name(f"{file.name}.part")
    try:
        try:
            partial.write_bytes(content)
            partial.replace(file)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from error
