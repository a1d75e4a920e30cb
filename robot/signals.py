"""The signals that ask a process to end."""

from __future__ import annotations

import signal

_NAMES = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGBREAK")


def end_signals() -> tuple[signal.Signals, ...]:
    """Those that this system has; not SIGHUP where it is ignored, which is how nohup asks to go on."""
    found = [signal.Signals[name] for name in _NAMES if hasattr(signal, name)]
    return tuple(n for n in found if n.name != "SIGHUP" or signal.getsignal(n) is not signal.SIG_IGN)
