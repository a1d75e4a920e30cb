"""The folder a run leaves its results in."""

from __future__ import annotations

import time
from pathlib import Path

from app.errors import AppError
from app.files import why_not

RUNS = Path("runs")
RECORDINGS = Path("recordings")


def make_run_dir(asked: Path | None, parent: Path = RUNS) -> Path:
    """The folder `asked` for, or a new one in `parent` named after the time.

    Raises:
        AppError: it cannot be made.
    """
    if asked is None:
        asked = parent / time.strftime("%Y%m%d-%H%M%S")
        number = 1
        while asked.exists():
            number += 1
            asked = asked.with_name(f"{time.strftime('%Y%m%d-%H%M%S')}-{number}")
    try:
        asked.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AppError(
            f"cannot make the folder {asked}: {why_not(error)}; choose another place to run in"
        ) from error
    return asked
