"""Where the pipeline and its window meet: out of reach of other users of the machine.

Failure prevented: a port of 127.0.0.1 is open to all who are logged in: they could arm a robot through the
pipeline, and see what the camera sees.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import zmq

_LONGEST_PATH = 100  # bytes; sockets in folders have short names everywhere


class Addresses:
    """Addresses in a folder that only this user may enter; ports where there are no sockets in folders."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        if os.name == "posix" and zmq.has("ipc"):
            self._folder = Path(tempfile.mkdtemp(prefix="posehand-window-"))  # mode 0700
            if len(os.fsencode(self._folder)) > _LONGEST_PATH - len("/snapshots"):
                self.close()
                self._folder = Path(tempfile.mkdtemp(prefix="posehand-window-", dir="/tmp"))

    def bind(self, socket: zmq.Socket[bytes], name: str) -> str:
        """Bind a socket; where it is to be found."""
        if self._folder is None:
            return f"tcp://127.0.0.1:{socket.bind_to_random_port('tcp://127.0.0.1')}"
        address = f"ipc://{self._folder / name}"
        socket.bind(address)
        return address

    def close(self) -> None:
        """Remove the folder; safe to call twice."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
