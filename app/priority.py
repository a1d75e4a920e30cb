"""How urgent a thread is."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

_LATER = 10  # as `nice` counts: a tenth of a processor's time while another thread wants it


def give_way() -> None:
    """From now on let threads that somebody waits for have the processors before this one; on Linux only."""
    if sys.platform == "linux":  # elsewhere it would be all of the program that gives way
        with contextlib.suppress(OSError):
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, max(_LATER, os.getpriority(os.PRIO_PROCESS, thread)))
