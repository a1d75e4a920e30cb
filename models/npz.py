"""Reading .npz files that may be damaged, or be something else with such a name."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.lib.npyio import NpzFile

from models.errors import ModelError

_UNREADABLE = (
    OSError, EOFError, LookupError, ValueError, TypeError, NotImplementedError, BadZipFile, zlib.error,
)  # fmt: skip


@contextmanager
def open_npz(path: Path, what: str, instead: str) -> Iterator[NpzFile]:
    """The arrays of a file, each read as it is asked for.

    Args:
        path: of the file.
        what: it is to be, for the error.
        instead: what to do where it is not, for the error.

    Raises:
        ModelError: it is damaged, is something else or has no such array.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays
    except _UNREADABLE as error:
        if isinstance(error, KeyError):
            lacking = str(error.args[0]).removesuffix(" is not a file in the archive")
            raise ModelError(f"{path} is no {what}: it has no {lacking}; {instead}") from error
        if isinstance(error, OSError) and error.strerror:
            raise ModelError(f"{path} cannot be read ({error.strerror}); {instead}") from error
        raise ModelError(f"{path} is damaged or no {what}; {instead}") from error


def require_rows(
    path: Path, arrays: Mapping[str, np.ndarray], rows: Mapping[str, tuple[int, ...]], instead: str
) -> None:
    """Checks that a file has as many rows of everything, and at least one.

    Args:
        path: of the file, for the error.
        arrays: by name.
        rows: what a row of each looks like, by name.
        instead: what to do where that is not so, for the error.

    Raises:
        ModelError: it names an array that differs.
    """
    count = 0
    for name, shape in rows.items():
        found = arrays[name].shape
        count = count or (found[0] if found else 0)
        if found != (count, *shape) or count == 0:
            wanted = ",".join(map(str, (count or "N", *shape)))
            told = ",".join(map(str, found))
            raise ModelError(
                f"{path} is damaged, its arrays do not belong together: {name} is ({told}) instead of "
                f"({wanted}); {instead}"
            )
