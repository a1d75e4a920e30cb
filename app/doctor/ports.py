"""The robot server's ports."""

from __future__ import annotations

import errno
import socket

from app.doctor.finding import Finding

PORTS = 3  # targets, state, control
HIGHEST_FIRST = 65535 - PORTS + 1


def look_at_ports(port: int) -> list[Finding]:
    """Whether the ports are free, and if not, whose they are as far as this user may know.

    Args:
        port: the first.
    """
    subject = "robot server ports"
    if not 1 <= port <= HIGHEST_FIRST:
        return [Finding(subject, "note", f"--port {port} is none; give 1 to {HIGHEST_FIRST}")]
    ports = range(port, port + PORTS)
    errors = {number: _bind_error(number) for number in ports}
    busy = [number for number, error in errors.items() if error]
    if not busy:
        return [Finding(subject, "ok", f"{ports[0]}–{ports[-1]} on 127.0.0.1 are free")]
    listed = ", ".join(map(str, busy))
    if all(errors[number] == errno.EACCES for number in busy):
        return [
            Finding(subject, "note", f"{listed} may not be used by this user", "give a --port above 1023")
        ]
    users = _users(busy)
    by = f" by {', '.join(users)}" if users else ""
    text = f"{listed} in use{by}; a robot server may be running already"
    return [Finding(subject, "note", text, f"python launch.py robot --port {_next(port)}")]


def _bind_error(port: int) -> int:
    """0 if the port can be bound, else the system's number for why not."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno or errno.EADDRINUSE
    return 0


def _users(ports: list[int]) -> list[str]:
    """The processes that hold the ports, of those this user may look at."""
    try:
        import psutil

        connections = psutil.net_connections(kind="tcp")
    except (ImportError, OSError, RuntimeError):
        return []
    except psutil.Error:  # macOS tells only root
        return []
    found = []
    for connection in connections:
        if connection.laddr and connection.laddr.port in ports and connection.pid:
            try:
                name = psutil.Process(connection.pid).name()
            except psutil.Error:
                continue
            found.append(f"{name} (process {connection.pid})")
    return sorted(set(found))


def _next(port: int) -> int:
    """A first port beyond those looked at."""
    return port + 10 if port + 10 <= HIGHEST_FIRST else port - 10
