"""The pipeline's end of the console: starts it, shows it snapshots, hears its commands.

The window is a process of its own: drawing never delays the pipeline, and a crash of the window ends neither
the pipeline nor the robot's stop. It stays after the pipeline's end while a robot has not confirmed a stop.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

import zmq

from app.console.addresses import Addresses
from app.console.command import Command
from app.errors import AppError
from app.snapshot import Snapshot

logger = logging.getLogger(__name__)

READY = b"ready"
HOLDS_STOP = b"holds a stop"
_START_TIMEOUT_S = 30.0
_POLL_S = 0.1
END_TIMEOUT_S = 5.0
_SHOW_PERIOD_NS = 55_000_000  # the window draws no faster: every other frame of a 30 Hz camera is shown


class Console(Protocol):
    """What shows a run and hears its operator, as the pipeline sees it."""

    def due(self, t_now_ns: int) -> bool:
        """Whether a new snapshot is worth making at `t_now_ns`, on any clock that is always the same."""
        ...

    def show(self, snapshot: Snapshot) -> None:
        """Show this snapshot instead of the one before; never waits."""
        ...

    def poll_command(self) -> Command | None:
        """The next thing the operator asked for, or None."""
        ...

    def close(self) -> None:
        """Close the window; safe to call twice."""
        ...


class ConsoleLink:
    """A running console."""

    def __init__(
        self, title: str, robot_endpoints: list[str], keys: Path | None = None, booth: bool = False
    ) -> None:
        """
        Args:
            title: of the window.
            robot_endpoints: robot servers the window stops directly, without the pipeline's help.
            keys: folder with this client's keys, for robot servers that have keys.
            booth: full screen, with the booth's page.

        Raises:
            AppError: the window did not open.
        """
        self._crashed = False
        self._t_last_shown_ns: int | None = None
        self._context = zmq.Context()
        self._snapshots = self._context.socket(zmq.PUB)
        self._snapshots.setsockopt(zmq.CONFLATE, 1)  # the window only ever wants the newest
        self._snapshots.setsockopt(zmq.LINGER, 0)
        self._commands = self._context.socket(zmq.PULL)
        self._commands.setsockopt(zmq.LINGER, 0)
        self._addresses = Addresses()
        arguments = [
            *("--snapshots", self._addresses.bind(self._snapshots, "snapshots")),
            *("--commands", self._addresses.bind(self._commands, "commands")),
            *("--title", title),
            *(argument for endpoint in robot_endpoints for argument in ("--robot", endpoint)),
            *(() if keys is None else ("--keys", str(keys.absolute()))),  # it runs in another folder
            *(("--booth",) if booth else ()),
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app.console", *arguments],
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.PIPE,  # its end tells the window that the pipeline is gone
        )
        if not self._ready():
            self.close()
            raise AppError(
                "the window did not open; run with --headless, or see the messages above for the cause"
            )

    def _ready(self) -> bool:
        """Wait until the window says it is there; False once its process has ended or time is up."""
        for _ in range(round(_START_TIMEOUT_S / _POLL_S)):
            if self._commands.poll(round(_POLL_S * 1e3)):
                return bool(self._commands.recv() == READY)
            if self._process.poll() is not None:
                return False
        return False

    @property
    def pid(self) -> int:
        """Process id of the window."""
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """Of the window's process; None while it runs."""
        return self._process.poll()

    def due(self, t_now_ns: int) -> bool:
        """Whether a new snapshot is worth making at `t_now_ns`, on any clock that is always the same."""
        last_ns = self._t_last_shown_ns
        if not self._crashed and (last_ns is None or not 0 <= t_now_ns - last_ns < _SHOW_PERIOD_NS):
            self._t_last_shown_ns = t_now_ns
            return True
        return False

    def show(self, snapshot: Snapshot) -> None:
        """Show this snapshot instead of the one before; never waits."""
        self._snapshots.send(snapshot.encode())

    def poll_command(self) -> Command | None:
        """The next thing the operator asked for, or None.

        A closed window asks to quit. One that crashed does not: the robot may be holding something.
        """
        if self._commands.poll(0):
            message = self._commands.recv()
            try:
                return Command.decode(message)
            except ValueError as error:
                logger.warning("the window's command %r is ignored: %s", message[:80], error)
                return None
        status = self._process.poll()
        if status == 0:
            return Command("quit")
        if status is not None and not self._crashed:
            self._crashed = True
            logger.error("the window crashed (status %d); the run goes on, Ctrl-C ends it", status)
        return None

    def close(self) -> None:
        """Close the window; safe to call twice."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        if not self._ended():
            self._process.kill()
            self._process.wait()
        self._snapshots.close()
        self._commands.close()
        self._context.term()
        self._addresses.close()

    def _ended(self) -> bool:
        """Wait for the window's end, which was asked for; False if it must be ended.

        While it says that it holds a stop it may stay. Ctrl-C does not let it, and harms nothing else.
        """
        holds = False
        t_heard_s = time.monotonic()
        try:
            while self._process.poll() is None:
                if self._commands.poll(round(_POLL_S * 1e3)) and self._commands.recv() == HOLDS_STOP:
                    t_heard_s = time.monotonic()
                    if not holds:
                        logger.error(
                            "a stop is not confirmed: the window stays and goes on asking for it; "
                            "Q twice in the window, or Ctrl-C here, gives it up"
                        )
                    holds = True
                if time.monotonic() - t_heard_s > END_TIMEOUT_S:
                    logger.warning("the window did not close by itself and was ended")
                    return False
        except KeyboardInterrupt:
            if holds:
                logger.error("the window was ended; its stop was not confirmed")
            return False
        return True
