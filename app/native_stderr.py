"""Keeps MediaPipe's and LiteRT's native log lines off the user's terminal, and nothing else.

MediaPipe writes a few start-up notices straight to file descriptor 2 before its logging can be configured, so
no environment variable stops them. A filter that simply closed the descriptor would also lose what other
threads write.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_STDERR_FD = 2
_NATIVE_LINE = re.compile(
    rb"^([IW]\d{4} [\d:. ]+\d+ \S+\.(cc|cpp|mm):\d+\]"
    rb"|INFO: Created TensorFlow Lite"
    rb"|WARNING: (Logging before InitGoogle|All log messages before absl))"
)
_NATIVE_ERROR = re.compile(rb"^([EF]\d{4} [\d:. ]+\d+ \S+\.(cc|cpp|mm):\d+\]|Stack trace:|    @ +0x)")
_lock = threading.Lock()


@contextmanager
def without_native_notices(errors_too: bool = False) -> Iterator[None]:
    """Hold back what is written to stderr meanwhile, then pass on all but native information and warnings.

    Errors pass, and so does everything where stderr cannot be redirected. A process started meanwhile would
    keep the redirected stderr, so start none inside.

    Args:
        errors_too: hold back native errors with their stack traces as well, where what is tried may fail and
            what is raised then says why.
    """
    with _lock, ExitStack() as stack:
        try:
            held = stack.enter_context(tempfile.TemporaryFile())
            saved_fd = os.dup(_STDERR_FD)
        except OSError:  # no room for the file, or no stderr at all, as under pythonw
            yield
            return
        os.dup2(held.fileno(), _STDERR_FD)
        try:
            yield
        finally:
            os.dup2(saved_fd, _STDERR_FD)
            os.close(saved_fd)
            held.seek(0)
            lines = [line for line in held if not _NATIVE_LINE.match(line)]
            kept = b"".join(line for line in lines if not (errors_too and _NATIVE_ERROR.match(line)))
            if kept:
                os.write(_STDERR_FD, kept)
