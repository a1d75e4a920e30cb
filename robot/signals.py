"""The signals that ask a process to end."""

from __future__ import annotations

import signal
from collections.abc import Sequence

_NAMES = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGBREAK")


def end_signals(names: Sequence[str] = _NAMES) -> tuple[signal.Signals, ...]:
    """Those that this system has; not SIGHUP where it is ignored, which is how nohup asks to go on."""
    found = [signal.Signals[name] for name in names if hasattr(signal, name)]
    return tuple(n for n in found if n.name != "SIGHUP" or signal.getsignal(n) is not signal.SIG_IGN)


def is_hangup(number: int) -> bool:
    """Whether a signal says that the terminal is gone, of which both the shell and the system may tell."""
    return number == getattr(signal, "SIGHUP", None)
