"""Lines for a terminal or a pipe, written by a thread of their own.

Failure prevented: a terminal that was paused (Ctrl-S, a selection in a Windows console) and a pipe that
nobody reads let the next line wait, and with it the robot's loop and every stop. Here the line waits alone,
and is lost when too many wait before it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator

_MOST_LINES = 1000  # that wait
_FAREWELL_S = 0.5  # for what still waits when a log ends
_LOOK_S = 0.005


class LineWriter:
    """Writes lines to a file descriptor, in order.

    Args:
        descriptor: of an open file; it is not closed.
        encoding: of what is written; what it cannot express is escaped.

    Attributes:
        lost: lines that were not taken, as too many waited.
    """

    def __init__(self, descriptor: int, encoding: str = "utf-8") -> None:
        self.lost = 0
        self._descriptor = descriptor
        self._encoding = encoding
        self._lines: queue.Queue[bytes | None] = queue.Queue(_MOST_LINES)
        # A daemon: a write that never returns must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="line-writer", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Take one line, without its end; never waits."""
        try:
            self._lines.put_nowait(f"{line}\n".encode(self._encoding, "backslashreplace"))
        except queue.Full:
            self.lost += 1

    def close(self, wait_s: float | None = None) -> None:
        """Wait until all is written.

        Args:
            wait_s: so long at most; None until it is.
        """
        until_s = None if wait_s is None else time.monotonic() + wait_s
        while self._lines.full() and self._thread.is_alive() and not _past(until_s):
            time.sleep(_LOOK_S)
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(None)
        self._thread.join(None if until_s is None else max(0.0, until_s - time.monotonic()))

    def _run(self) -> None:
        lost = 0
        while (line := self._lines.get()) is not None:
            if self.lost != lost:
                line += f"({self.lost - lost} lines before this one were lost)\n".encode()
                lost = self.lost
            try:
                while line:
                    line = line[os.write(self._descriptor, line) :]
            except OSError:
                return  # whoever read it is gone


@contextlib.contextmanager
def logging_aside() -> Iterator[None]:
    """While it is open, what is logged to standard error is written by a thread of its own."""
    root = logging.getLogger()
    replaced = [handler for handler in root.handlers if type(handler) is logging.StreamHandler]
    try:
        descriptor = sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):  # no stderr, or one that is no file: nothing to wait for
        yield
        return
    writer = LineWriter(descriptor, sys.stderr.encoding or "utf-8")
    handler = _Aside(writer)
    if replaced:
        handler.setFormatter(replaced[0].formatter)
        handler.setLevel(replaced[0].level)
    else:
        handler.setLevel(logging.WARNING)  # as logging's last resort, which this one replaces
    for other in replaced:
        root.removeHandler(other)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        for other in replaced:
            root.addHandler(other)
        writer.close(_FAREWELL_S)


class _Aside(logging.Handler):
    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._writer.write(self.format(record))
        except (
            TypeError,
            ValueError,
            KeyError,
        ):  # arguments that do not fit; logging would write of it, and wait
            self._writer.lost += 1


def _past(until_s: float | None) -> bool:
    return until_s is not None and time.monotonic() > until_s
