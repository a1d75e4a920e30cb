"""Where the user's files of PoseHand are, told even where the package that knows is missing."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """As `app.assets.cache_dir`; in the home folder if platformdirs is missing."""
    try:
        from app.assets import cache_dir
    except ImportError:
        override = os.environ.get("POSEHAND_CACHE_DIR")
        return Path(override) if override else Path.home()
    return cache_dir()


def config_folder() -> Path | None:
    """Where calibrations are kept; None if platformdirs is missing."""
    try:
        from calibration.delays import delays_path
    except ImportError:
        return None
    return delays_path().parent
