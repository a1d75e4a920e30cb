"""A pipe that nobody reads: what is written to it waits."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


def fill(descriptor: int) -> None:
    """Write to a pipe until it takes no more."""
    os.set_blocking(descriptor, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(descriptor, bytes(4096))
    os.set_blocking(descriptor, True)


@contextlib.contextmanager
def unread_pipe() -> Iterator[int]:
    """Where to write to a pipe that is full."""
    reading, writing = os.pipe()
    try:
        fill(writing)
        yield writing
    finally:
        os.close(reading)
        os.close(writing)
