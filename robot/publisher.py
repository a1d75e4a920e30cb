"""A bound PUB socket for what others may want to know of the operator; what is sent there moves nothing."""

from __future__ import annotations

import re

import zmq

from robot.doorkeeper import Doorkeeper
from robot.endpoint import DEFAULT_HOST, limit, require_address
from robot.errors import RobotError
from robot.keys import ServerKeys

_LINGER_MS = 100  # so long the last messages may take to leave


def parse_publish_address(address: str, listens: bool = False) -> tuple[str, int]:
    """Host and port of tcp://HOST:PORT; port 0 is any free one.

    Args:
        address: as above.
        listens: whoever asks wants to listen there; port 0 is refused, as nothing can come from it.

    Raises:
        RobotError: it is written otherwise.
    """
    match = re.fullmatch(r"tcp://([A-Za-z0-9][A-Za-z0-9._-]*):([0-9]{1,5})", address)
    least, purpose = (1, "listen to") if listens else (0, "publish on")
    if match is None or not least <= int(match[2]) <= 65535:
        raise RobotError(
            f'"{address}" is no address to {purpose}; write tcp://HOST:PORT with a port from {least} to '
            f"65535, for example tcp://{DEFAULT_HOST}:5580."
        )
    return match[1], int(match[2])


class Publisher:
    """Publishes frames to whoever subscribes. Who is too slow loses messages; nobody holds the pipeline up.

    Attributes:
        endpoint: where subscribers connect to, tcp://HOST:PORT.
        sent: how many frames so far.
    """

    def __init__(self, address: str, keys: ServerKeys | None = None) -> None:
        """Bind.

        Args:
            address: tcp://HOST:PORT of this machine; only its own 127.0.0.1 without keys.
            keys: the publisher's keys and who may subscribe; None encrypts nothing and lets in everybody.

        Raises:
            RobotError: the address is reachable from elsewhere and there are no keys, or cannot be bound.
        """
        host, port = parse_publish_address(address)
        numeric, loopback = require_address(host)
        if keys is None and not loopback:
            raise RobotError(
                f'nothing is published on "{host}" without keys, as anyone there could watch the operator; '
                "make keys with: python launch.py keys, and give them with --publish-keys DIR, or stay on "
                f"{DEFAULT_HOST}"
            )
        self.sent = 0
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.PUB)
        limit(self._socket)
        self._doorkeeper = Doorkeeper(self._context, (self._socket,), keys)
        self._closed = False
        try:
            self._socket.bind(f"tcp://{numeric}:{port or '*'}")
        except zmq.ZMQError as error:
            self.close()
            raise RobotError(
                f"cannot publish on {address} ({error}); choose an address of this machine and a free port"
            ) from error
        bound = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self.endpoint = bound

    def send(self, frame: bytes) -> None:
        """Publish one frame, topic included; never waits."""
        self._socket.send(frame, zmq.NOBLOCK)
        self.sent += 1

    def close(self) -> None:
        """Give the address back; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._doorkeeper.close()
        self._socket.close(linger=_LINGER_MS)
        self._context.term()
