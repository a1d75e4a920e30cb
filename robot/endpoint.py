"""Where a robot server listens: one address, three ports in a row — targets, state, control."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass

import zmq

from robot.errors import RobotError
from robot.messages import MAX_REQUEST_BYTES

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 5570
_MAX_PORT = 65533  # two more must follow
_EPHEMERAL_TRIES = 100


@dataclass(frozen=True)
class Endpoint:
    """Address of a robot server; `port` takes targets, the next publishes state, the third answers."""

    host: str
    port: int

    @property
    def targets(self) -> str:
        """Address of the target socket (SUB at the server)."""
        return f"tcp://{self.host}:{self.port}"

    @property
    def state(self) -> str:
        """Address of the state socket (PUB at the server)."""
        return f"tcp://{self.host}:{self.port + 1}"

    @property
    def control(self) -> str:
        """Address of the control socket (REP at the server)."""
        return f"tcp://{self.host}:{self.port + 2}"

    def __str__(self) -> str:
        return self.targets


def parse_endpoint(address: str) -> Endpoint:
    """The endpoint written as tcp://HOST:PORT.

    Raises:
        RobotError: it is written otherwise.
    """
    match = re.fullmatch(r"tcp://([A-Za-z0-9._-]+):([0-9]{1,5})", address)
    if match is None or not 1 <= int(match[2]) <= _MAX_PORT:
        raise RobotError(
            f'"{address}" is no robot address; write tcp://HOST:PORT with a port from 1 to {_MAX_PORT}, '
            f"for example tcp://{DEFAULT_HOST}:{DEFAULT_PORT}."
        )
    return Endpoint(match[1], int(match[2]))


def require_loopback(host: str, port: int) -> str:
    """`host` as an address of this machine only.

    Raises:
        RobotError: it is reachable from elsewhere, where anyone could move the robot.
    """
    if host == "localhost":
        return DEFAULT_HOST
    try:
        loopback = ipaddress.IPv4Address(host).is_loopback
    except ipaddress.AddressValueError:
        loopback = False
    if not loopback:
        first = port or DEFAULT_PORT
        tunnels = " ".join(f"-L {p}:127.0.0.1:{p}" for p in range(first, first + 3))
        raise RobotError(
            f'The robot server does not bind to "{host}" because the link carries no encryption yet and '
            "anyone there could move the robot; bind to 127.0.0.1 and come from another machine through: "
            f"ssh {tunnels} USER@ROBOT"
        )
    return host


@dataclass(frozen=True)
class ServerSockets:
    """The three bound sockets of a server."""

    endpoint: Endpoint
    targets: zmq.Socket[bytes]
    state: zmq.Socket[bytes]
    control: zmq.Socket[bytes]

    def close(self) -> None:
        """Close all three; what was not sent yet is dropped."""
        for bound in (self.targets, self.state, self.control):
            bound.close(linger=0)


def bind(context: zmq.Context[zmq.Socket[bytes]], host: str, port: int) -> ServerSockets:
    """Bind the three sockets on this machine; port 0 finds three free ones in a row.

    Raises:
        RobotError: the host is not this machine, or a port is invalid or in use.
    """
    host = require_loopback(host, port)
    if not 0 <= port <= _MAX_PORT:
        raise RobotError(
            f"Port {port} cannot be used; choose 1 to {_MAX_PORT}, or 0 for any three free ones."
        )
    if port:
        return _bind_at(context, host, port)
    for _ in range(_EPHEMERAL_TRIES):
        with socket.socket() as probe:  # unlike ZeroMQ's, a plain socket is gone as soon as it is closed
            probe.bind((host, 0))
            free = probe.getsockname()[1]
        try:
            return _bind_at(context, host, free)
        except RobotError:
            continue  # one of the three neighbours is taken: look elsewhere
    raise RobotError(
        f"No three free ports in a row were found on {host}; name the first of them with --port N."
    )


def _bind_at(context: zmq.Context[zmq.Socket[bytes]], host: str, port: int) -> ServerSockets:
    endpoint = Endpoint(host, port)
    # ROUTER answers REQ as REP would; REP itself never answers again once it was sent bytes that are no
    # message.
    sockets = [context.socket(kind) for kind in (zmq.SUB, zmq.PUB, zmq.ROUTER)]
    for opened in sockets:
        opened.setsockopt(zmq.MAXMSGSIZE, MAX_REQUEST_BYTES)
        opened.setsockopt(zmq.LINGER, 0)
    bound = ServerSockets(endpoint, *sockets)
    for opened, address in zip(sockets, (endpoint.targets, endpoint.state, endpoint.control), strict=True):
        try:
            opened.bind(address)
        except zmq.ZMQError as error:
            bound.close()
            if error.errno == zmq.EADDRINUSE:
                raise RobotError(
                    f"Port {address.rpartition(':')[2]} on {host} is in use; stop the other robot server, "
                    "or choose three free ports in a row with --port N (0 finds them)."
                ) from error
            raise RobotError(
                f"{address} cannot be bound ({error}); choose another port with --port N."
            ) from error
    return bound
