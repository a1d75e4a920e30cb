"""Whether a window can be shown here."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from app.errors import AppError

NO_SCREEN_PLATFORMS = ("offscreen", "minimal")  # Qt draws there, but nobody sees it


def has_display(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """True if there is a screen to open a window on; Windows and macOS sessions always have one."""
    if platform.startswith(("win", "darwin")):
        return True
    if environ.get("QT_QPA_PLATFORM", "").partition(":")[0] in NO_SCREEN_PLATFORMS:
        return False
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def choose_headless(headless: bool, window: bool) -> bool:
    """What `--headless`, `--window` or neither comes to on this machine.

    Raises:
        AppError: a window was asked for and there is no display.
    """
    if window and not has_display():
        raise AppError(
            "no display to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set); leave out --window "
            "to run without, or log in to a desktop session"
        )
    return headless or not has_display()
