"""The messages of a socket, each of a few frames.

Failure prevented: a message may have any number of frames, and to read 100,000 of them takes a second, in
which the robot's loop stands still and a stop waits. What is too long is passed over in the time there is.
"""

from __future__ import annotations

import time

import zmq

_AT_ONCE = 100  # frames passed over between two looks at the clock: a tenth of a millisecond


class Inbox:
    """What waits at a socket.

    Args:
        socket: to read from, never waiting.
        most_frames: of a message that is worth reading.
    """

    def __init__(self, socket: zmq.Socket[bytes], most_frames: int) -> None:
        self.socket = socket
        self._most_frames = most_frames
        self._in_between = False  # the rest of a message that is too long comes next

    def take(self, end_ns: int) -> list[bytes] | None:
        """The next message; None when none waits or time is up.

        Args:
            end_ns: monotonic time until which a message that is too long may be passed over, ns; the rest of
                it is left for the next call.

        Returns:
            Its frames; of one that is too long the first `most_frames` and one more.
        """
        frames: list[bytes] = []
        try:
            while self._in_between:
                if time.monotonic_ns() >= end_ns:
                    return None
                self._pass_over()
            while len(frames) <= self._most_frames:
                frames.append(self._next())
                if not self._in_between:
                    break
        except zmq.Again:  # bytes that are no message wake a poller, too
            return None
        return frames

    def _pass_over(self) -> None:
        recv, look = self.socket.recv, self.socket.getsockopt  # there may be a million to come
        for _ in range(_AT_ONCE):
            recv(zmq.DONTWAIT)
            if not look(zmq.RCVMORE):
                self._in_between = False
                return

    def _next(self) -> bytes:
        frame = self.socket.recv(zmq.DONTWAIT)
        self._in_between = bool(self.socket.getsockopt(zmq.RCVMORE))
        return frame
