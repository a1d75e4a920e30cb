"""Where a robot server listens: one address, three ports in a row — targets, state, control."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
from dataclasses import dataclass

import zmq

from robot.doorkeeper import Doorkeeper
from robot.errors import RobotError
from robot.keys import ServerKeys
from robot.messages import MAX_REQUEST_BYTES

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 5570
_MAX_PORT = 65533  # two more must follow
_EPHEMERAL_TRIES = 100
_QUEUE = 16  # messages: half a second of targets; older ones would be refused anyway
_MAX_SUBSCRIPTION_BYTES = 1024  # topics have some twenty characters, greetings with keys some 300
_BACKLOG = 64  # connections the system keeps waiting
_GREETING_MS = 5000  # whoever has not finished greeting by then is sent away
_KEEPALIVE_S = 10  # a machine that vanished frees its connection after some of these


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
    match = re.fullmatch(r"tcp://([A-Za-z0-9][A-Za-z0-9._-]*):([0-9]{1,5})", address)
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
    address = _ipv4(host)
    if address is None or not address.is_loopback:
        first = port or DEFAULT_PORT
        tunnels = " ".join(f"-L {p}:127.0.0.1:{p}" for p in range(first, first + 3))
        raise RobotError(
            f'The robot server does not bind to "{host}" without keys, as anyone there could move the robot; '
            "make keys with: python launch.py keys, and give them with --keys DIR, or stay on 127.0.0.1 and "
            f"come from another machine through: ssh {tunnels} USER@ROBOT"
        )
    return host


def _ipv4(host: str) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(host)
    except ipaddress.AddressValueError:
        return None


def require_address(host: str) -> tuple[str, bool]:
    """`host` as a numeric address, and whether it is of this machine only.

    Raises:
        RobotError: it is none.
    """
    if host == "localhost":
        return DEFAULT_HOST, True
    address = _ipv4(host)
    if address is None:
        raise RobotError(
            f'Nothing can be bound to "{host}"; give an IPv4 address of this machine, '
            "or 0.0.0.0 for all of them."
        )
    return host, address.is_loopback


@dataclass(frozen=True)
class ServerSockets:
    """The three bound sockets of a server, and who guards them."""

    endpoint: Endpoint
    targets: zmq.Socket[bytes]
    state: zmq.Socket[bytes]
    control: zmq.Socket[bytes]
    doorkeeper: Doorkeeper

    def close(self) -> None:
        """Close all three; what was not sent yet is dropped."""
        self.doorkeeper.close()
        for bound in (self.targets, self.state, self.control):
            bound.close(linger=0)


def bind(
    context: zmq.Context[zmq.Socket[bytes]], host: str, port: int, keys: ServerKeys | None = None
) -> ServerSockets:
    """Bind the three sockets; port 0 finds three free ones in a row.

    Args:
        context: to open them in; one server a context.
        host: IPv4 address to bind to; only this machine's own without keys.
        port: the first of three.
        keys: the server's keys and whom they let in; None encrypts nothing and lets in everybody.

    Raises:
        RobotError: the host is not this machine, or a port is invalid or in use.
    """
    host = require_loopback(host, port) if keys is None else require_address(host)[0]
    if not 0 <= port <= _MAX_PORT:
        raise RobotError(
            f"Port {port} cannot be used; choose 1 to {_MAX_PORT}, or 0 for any three free ones."
        )
    # ROUTER answers REQ as REP would; REP itself never answers again once it was sent bytes that are no
    # message.
    targets, state, control = (context.socket(kind) for kind in (zmq.SUB, zmq.PUB, zmq.ROUTER))
    for opened in (targets, state, control):
        limit(opened)
    # All that comes in here are subscriptions, which ZeroMQ keeps.
    state.setsockopt(zmq.MAXMSGSIZE, _MAX_SUBSCRIPTION_BYTES)
    doorkeeper = Doorkeeper(context, (targets, state, control), keys)
    try:
        endpoint = _bind(targets, state, control, host, port)
    except BaseException:
        ServerSockets(Endpoint(host, port), targets, state, control, doorkeeper).close()
        raise
    return ServerSockets(endpoint, targets, state, control, doorkeeper)


def limit(opened: zmq.Socket[bytes]) -> None:
    """Bounds for everything the other end could otherwise make grow: sizes, queues, waiting times."""
    opened.setsockopt(zmq.MAXMSGSIZE, MAX_REQUEST_BYTES)
    opened.setsockopt(zmq.RCVHWM, _QUEUE)  # messages of each connection
    opened.setsockopt(zmq.SNDHWM, _QUEUE)
    opened.setsockopt(zmq.BACKLOG, _BACKLOG)
    opened.setsockopt(zmq.HANDSHAKE_IVL, _GREETING_MS)
    opened.setsockopt(zmq.TCP_KEEPALIVE, 1)
    opened.setsockopt(zmq.TCP_KEEPALIVE_IDLE, _KEEPALIVE_S)
    opened.setsockopt(zmq.TCP_KEEPALIVE_INTVL, _KEEPALIVE_S)
    opened.setsockopt(zmq.LINGER, 0)


def _bind(
    targets: zmq.Socket[bytes], state: zmq.Socket[bytes], control: zmq.Socket[bytes], host: str, port: int
) -> Endpoint:
    sockets = (targets, state, control)
    if port:
        return _bind_at(sockets, Endpoint(host, port))
    for _ in range(_EPHEMERAL_TRIES):
        with socket.socket() as probe:  # unlike ZeroMQ's, a plain socket is gone as soon as it is closed
            try:
                probe.bind((host, 0))
            except OSError as error:
                raise RobotError(
                    f"{host} cannot be bound ({error.strerror}); give an address of this machine with --host."
                ) from error
            free = probe.getsockname()[1]
        if free <= _MAX_PORT:
            with contextlib.suppress(RobotError):  # one of the neighbours is taken: look elsewhere
                return _bind_at(sockets, Endpoint(host, free))
    raise RobotError(
        f"No three free ports in a row were found on {host}; name the first of them with --port N."
    )


def _bind_at(sockets: tuple[zmq.Socket[bytes], ...], endpoint: Endpoint) -> Endpoint:
    """Bind all of them or none."""
    bound: list[tuple[zmq.Socket[bytes], str]] = []
    for opened, address in zip(sockets, (endpoint.targets, endpoint.state, endpoint.control), strict=True):
        try:
            opened.bind(address)
        except zmq.ZMQError as error:
            for other, where in bound:
                other.unbind(where)
            if error.errno == zmq.EADDRINUSE:
                raise RobotError(
                    f"Port {address.rpartition(':')[2]} on {endpoint.host} is in use; stop the other robot "
                    "server, or choose three free ports in a row with --port N (0 finds them)."
                ) from error
            raise RobotError(
                f"{address} cannot be bound ({error}); choose an address of this machine with --host and a "
                "free port with --port N."
            ) from error
        bound.append((opened, address))
    return endpoint
