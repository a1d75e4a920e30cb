"""Ends a run early without losing it."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
from collections.abc import Iterator

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C and a polite kill end the body early and are no error: the run is over, its results count."""

    def interrupt(signum: int, stack_frame: object) -> None:
        raise KeyboardInterrupt

    in_main_thread = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, interrupt) if in_main_thread else None
    try:
        yield
    except KeyboardInterrupt:
        logger.info("interrupted: writing what there is")
    finally:
        if in_main_thread:
            signal.signal(signal.SIGTERM, before)
