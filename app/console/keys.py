"""Which key does what, whatever has the focus and whatever the keyboard's language."""

from __future__ import annotations

import sys
from typing import Literal

from PySide6 import QtCore, QtGui

Action = Literal[
    "stop",
    "arm",
    "disarm",
    "home",
    "reset",
    "record",
    "calibrate",
    "clutch",
    "horizon_later",
    "horizon_earlier",
    "horizon_auto",
    "help",
    "theme",
    "full_screen",
    "quit",
]
Key = QtCore.Qt.Key

ACTIONS: dict[int, Action] = {
    Key.Key_Space: "stop",
    Key.Key_A: "arm",
    Key.Key_D: "disarm",
    Key.Key_H: "home",
    Key.Key_U: "reset",
    Key.Key_R: "record",
    Key.Key_C: "calibrate",
    Key.Key_W: "clutch",
    # + is = without shift on many keyboards, ? is /, and _ is - with it.
    Key.Key_Plus: "horizon_later",
    Key.Key_Equal: "horizon_later",
    Key.Key_Minus: "horizon_earlier",
    Key.Key_Underscore: "horizon_earlier",
    Key.Key_0: "horizon_auto",
    Key.Key_Question: "help",
    Key.Key_Slash: "help",
    Key.Key_F1: "help",
    Key.Key_T: "theme",
    Key.Key_F: "full_screen",
    Key.Key_F11: "full_screen",
    Key.Key_Q: "quit",
    Key.Key_Escape: "quit",
}
# Held with another key, or changing what others mean: by themselves they are no answer to anything.
HELD_KEYS = frozenset(
    (
        *(Key.Key_Shift, Key.Key_Control, Key.Key_Alt, Key.Key_AltGr, Key.Key_Meta, Key.Key_Mode_switch),
        *(Key.Key_Super_L, Key.Key_Super_R, Key.Key_Hyper_L, Key.Key_Hyper_R),
        *(Key.Key_CapsLock, Key.Key_NumLock, Key.Key_ScrollLock),
    )
)
HELP: tuple[tuple[str, str], ...] = (
    ("Space", "stop the robot at once"),
    ("U", "unlock after a stop"),
    ("A", "arm: the robot follows your hand"),
    ("D", "disarm: the robot rests"),
    ("H", "home pose"),
    ("R", "recording on and off"),
    ("C", "calibrate the hand"),
    ("W", "wrist leads the arm, or rests"),
    ("+  −", "horizon later, earlier by 10 ms"),
    ("0", "horizon back to auto"),
    ("T", "dark and light"),
    ("F", "full screen"),
    ("?", "this help"),
    ("Q", "quit"),
)

# Where letters are not Latin, the key's place counts: its code in the PC's first set, where US letters are.
_PLACES: dict[int, Action] = {
    16: "quit",
    17: "clutch",
    19: "record",
    20: "theme",
    22: "reset",
    30: "arm",
    32: "disarm",
    33: "full_screen",
    35: "home",
    46: "calibrate",
}
_X11_OFFSET = 8  # X and Wayland count keys from 8
_LAST_LATIN_KEY = 0x7E
_SHORTCUTS = (
    QtCore.Qt.KeyboardModifier.ControlModifier
    | QtCore.Qt.KeyboardModifier.AltModifier
    | QtCore.Qt.KeyboardModifier.MetaModifier
)


def action_of(event: QtGui.QKeyEvent, platform: str = sys.platform) -> Action | None:
    """What the key asks for; None for nothing. Only the stop is heard with Ctrl, Alt or Meta held."""
    key = event.key()
    if event.modifiers() & _SHORTCUTS and key != Key.Key_Space:
        return None
    if key in ACTIONS:
        return ACTIONS[key]
    letter = event.text()
    if letter.isalpha() and ord(letter[0]) > _LAST_LATIN_KEY and platform != "darwin":
        place = event.nativeScanCode() - (0 if platform.startswith("win") else _X11_OFFSET)
        return _PLACES.get(place)
    return None
