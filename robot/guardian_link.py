"""The server's end of the guardian: starts it, beats, and notices when it is gone."""

from __future__ import annotations

import contextlib
import hmac
import logging
import secrets
import select
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from robot.can.bus import BusSettings
from robot.errors import RobotError
from robot.guardian import (
    BEAT_POWERED,
    BEAT_UNPOWERED,
    FAILED,
    FIRED,
    GOODBYE,
    READY,
    TOKEN_CHARACTERS,
)

log = logging.getLogger(__name__)

DEFAULT_TIMEOUT_MS = 30.0
_ROOT = Path(__file__).resolve().parent.parent
_START_S = 30.0
_BEAT_NS = 1_000_000  # beats come at most this often
_UNANSWERED_NS = 250_000_000  # the guardian echoes within a millisecond; it may be late on a busy machine
_EXIT_S = 2.0


@dataclass(frozen=True)
class GuardianSettings:
    """What a guardian guards.

    Attributes:
        bus: the bus it opens itself.
        version, device, serial, zeros: of the hand, as `robot.allegro_versions.make_protocol` takes them.
        timeout_ms: longest silence of the server while the hand has power, ms.

    Raises:
        RobotError: the timeout is out of range, or the interface admits one process only.
    """

    bus: BusSettings
    version: str = "v4"
    device: int = 0
    serial: str = ""
    zeros: Path | None = None
    timeout_ms: float = DEFAULT_TIMEOUT_MS

    def __post_init__(self) -> None:
        if not 5.0 <= self.timeout_ms <= 1000.0:
            raise RobotError(f"The guardian's timeout is {self.timeout_ms} ms; it must be 5 to 1000 ms.")
        if self.bus.exclusive:
            raise RobotError(
                f"Only one process can open {self.bus}, so no guardian can watch the hand there; use the "
                "adapter through socketcan, or give --no-guardian and keep a hand on the power switch."
            )


class GuardianLink:
    """A running guardian; it ends, and stops the hand, when this object or its process is gone.

    Args:
        settings: what it guards.

    Raises:
        RobotError: it did not start; the message carries its reason.
    """

    def __init__(self, settings: GuardianSettings) -> None:
        self._settings = settings
        self._beaten_ns = 0
        self._unanswered_ns: int | None = None  # first beat that was not echoed yet
        self._trouble = ""
        self._said_powered: bool | None = None
        self._left_to_it = False  # closed without a goodbye: only it can still stop the hand
        token = secrets.token_hex(TOKEN_CHARACTERS // 2)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._process = self._spawn(listener.getsockname()[1], token)
            try:
                self._link = self._accept(listener, token)
            except RobotError:
                self._process.kill()
                self._process.wait()
                raise

    def _spawn(self, port: int, token: str) -> subprocess.Popen[str]:
        settings, bus = self._settings, self._settings.bus
        command = [sys.executable, "-m", "robot.guardian", "--port", str(port)]
        command += ["--interface", bus.interface, "--channel", bus.resolved_channel]
        command += ["--bitrate", str(bus.bitrate), "--version", settings.version]
        command += ["--device", str(settings.device), "--serial", settings.serial]
        command += ["--timeout-ms", str(settings.timeout_ms)]
        if settings.zeros is not None:
            command += ["--zeros", str(settings.zeros.resolve())]
        # A session (POSIX) or group (Windows) of its own: signals meant for the server do not reach it.
        flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        process = subprocess.Popen(
            command,
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            creationflags=flags,
        )
        assert process.stdin is not None  # asked for as a pipe
        with contextlib.suppress(OSError), process.stdin as stdin:
            stdin.write(token + "\n")
        return process

    def _accept(self, listener: socket.socket, token: str) -> socket.socket:
        """The guardian's connection; others, which do not know the token, are turned away."""
        deadline_s = time.monotonic() + _START_S
        while time.monotonic() < deadline_s:
            if self._process.poll() is not None:
                raise RobotError("The guardian process did not start; its error output says why.")
            listener.settimeout(0.1)
            try:
                link, _ = listener.accept()
            except TimeoutError:
                continue
            link.settimeout(_START_S)
            try:
                offered = _exactly(link, TOKEN_CHARACTERS)
                if hmac.compare_digest(offered, token.encode()):
                    return self._ready(link)
            except OSError:
                log.debug("a connection that was not the guardian's ended")
            link.close()
        raise RobotError(f"The guardian process was not ready within {_START_S:.0f} s.")

    def _ready(self, link: socket.socket) -> socket.socket:
        answer = link.recv(1)
        if answer != READY:
            reason = link.makefile("rb").read(2000).decode("utf-8", "replace") if answer == FAILED else ""
            link.close()
            raise RobotError(f"The guardian did not start: {reason or 'it ended without a reason.'}")
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.setblocking(False)
        return link

    @property
    def pid(self) -> int:
        """Process number of the guardian."""
        return self._process.pid

    def beat(self, t_ns: int, powered: bool) -> None:
        """Tell the guardian that this process is alive; never waits. To be called in every turn of the loop.

        Args:
            t_ns: now.
            powered: whether the hand may have its servos on.
        """
        if self._trouble or (powered == self._said_powered and t_ns - self._beaten_ns < _BEAT_NS):
            return
        self._beaten_ns = t_ns
        try:
            self._link.send(BEAT_POWERED if powered else BEAT_UNPOWERED)
        except BlockingIOError:
            return  # it reads nothing; `check` says so
        except OSError:
            self._trouble = _GONE
            return
        self._said_powered = powered
        if self._unanswered_ns is None:
            self._unanswered_ns = t_ns

    def check(self, t_ns: int) -> str:
        """Empty while the guardian watches, otherwise one sentence why the hand must stop.

        That the guardian stopped the hand is said once; that it is gone, for ever.
        """
        if self._trouble:
            return self._trouble
        try:
            while select.select([self._link], [], [], 0)[0]:
                echoes = self._link.recv(4096)
                if not echoes:
                    self._trouble = _GONE
                    return self._trouble
                self._unanswered_ns = None
                if FIRED in echoes:
                    return (
                        f"The guardian stopped the hand because this server was silent for over "
                        f"{self._settings.timeout_ms:.0f} ms; relieve the computer, then reset."
                    )
        except OSError:
            self._trouble = _GONE
            return self._trouble
        if self._unanswered_ns is not None and t_ns - self._unanswered_ns > _UNANSWERED_NS:
            self._trouble = (
                "The guardian process does not answer, so the hand was stopped; restart the server."
            )
        return self._trouble

    def close(self, stopped: bool = True) -> None:
        """Let the guardian go. Calling it twice does no harm.

        Args:
            stopped: whether the hand surely was stopped; if not, there is no goodbye, and the guardian tries
                until the bus takes the stop, after this process if need be.
        """
        self._left_to_it |= not stopped
        if stopped:
            with contextlib.suppress(OSError):
                self._link.settimeout(_EXIT_S)
                self._link.sendall(GOODBYE)
        self._link.close()
        try:
            self._process.wait(_EXIT_S)
        except subprocess.TimeoutExpired:
            if self._left_to_it:
                log.error(
                    "The stop did not reach the hand, which may still have torque: cut the power; "
                    "the guardian (process %d) tries on.",
                    self.pid,
                )
                return
            self._process.kill()
            self._process.wait()


_GONE = "The guardian process has ended, so the hand was stopped; restart the server."


def _exactly(link: socket.socket, count: int) -> bytes:
    """`count` bytes, fewer when the connection ends before."""
    received = b""
    while len(received) < count and (part := link.recv(count - len(received))):
        received += part
    return received
