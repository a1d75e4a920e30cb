"""A wire between a client and a robot server that can be cut and mended."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType

from robot.endpoint import parse_endpoint

PORTS = 3  # of a robot server, one after the other
ATTEMPTS = 50  # at three neighbouring ports that nobody has


class Wire:
    """Passes on what goes to and fro between 127.0.0.1 and a robot server.

    Attributes:
        address: of its near end, tcp://HOST:PORT.
        whole: whether anything gets through.
    """

    def __init__(self, address: str) -> None:
        server = parse_endpoint(address)
        self.whole = True
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []
        self._doors = _neighbours()
        self.address = f"tcp://127.0.0.1:{self._doors[0].getsockname()[1]}"
        for number, door in enumerate(self._doors):
            to = (server.host, server.port + number)
            threading.Thread(target=self._let_in, args=(door, to), daemon=True).start()

    def cut(self) -> None:
        """End all connections, and every new one at once."""
        with self._lock:
            self.whole = False
            ends, self._ends = self._ends, []
        for end in ends:
            _close(end)

    def mend(self) -> None:
        """Let new connections through again."""
        self.whole = True

    def _let_in(self, door: socket.socket, to: tuple[str, int]) -> None:
        while True:
            try:
                near = door.accept()[0]
            except OSError:
                return  # the test is over
            with self._lock:
                far = None
                if self.whole:
                    with contextlib.suppress(OSError):
                        far = socket.create_connection(to)
                if far is None:
                    near.close()
                    continue
                self._ends += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        for door in self._doors:
            _close(door)


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    _close(one)
    _close(other)


def _close(end: socket.socket) -> None:
    """Close a socket that another thread may be waiting at."""
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


def _neighbours() -> list[socket.socket]:
    """Listening sockets at neighbouring ports."""
    for _ in range(ATTEMPTS):
        doors = [socket.create_server(("127.0.0.1", 0))]
        first = doors[0].getsockname()[1]
        try:
            for number in range(1, PORTS):
                doors.append(socket.create_server(("127.0.0.1", first + number)))
        except (OSError, OverflowError):
            for door in doors:
                door.close()
        else:
            return doors
    raise RuntimeError("no three neighbouring ports are free")
