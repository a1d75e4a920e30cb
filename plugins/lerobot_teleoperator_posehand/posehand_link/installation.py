"""Where PoseHand is on this machine."""

from __future__ import annotations

import os
from pathlib import Path

ENVIRONMENT_VARIABLE = "POSEHAND_DIR"
_MODULE = Path("app") / "target_stream.py"


class PoseHandNotFoundError(RuntimeError):
    """PoseHand is not where it was looked for; the message says what to do."""


def find_posehand(directory: str | Path | None = None) -> Path:
    """The folder of PoseHand: the one given, POSEHAND_DIR, or the one this file came with.

    Raises:
        PoseHandNotFoundError: it is in none of them, or not in the one given.
    """
    given = directory or os.environ.get(ENVIRONMENT_VARIABLE)
    candidates = [Path(os.path.expanduser(given))] if given else list(Path(__file__).resolve().parents)
    for candidate in candidates:
        if (candidate / _MODULE).is_file():
            return candidate.resolve()
    where = f"{given} is not PoseHand" if given else "PoseHand is not found"
    raise PoseHandNotFoundError(
        f"{where}: it must be a folder with launch.py and {_MODULE.as_posix()}; give it as posehand_dir or "
        f"in the environment variable {ENVIRONMENT_VARIABLE}"
    )
