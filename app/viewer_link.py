"""The pipeline's end of the window: starts it, shows it snapshots, hears its commands.

The window is a process of its own: drawing never delays the pipeline, and a crash of the window ends neither
the pipeline nor the robot's stop.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import zmq

from app.errors import AppError
from app.snapshot import Snapshot

logger = logging.getLogger(__name__)

_START_TIMEOUT_S = 30.0
_START_POLL_S = 0.1
COMMANDS = ("arm", "disarm", "home", "stop", "reset", "quit")


class ViewerLink:
    """A running window."""

    def __init__(self, title: str, robot_endpoints: list[str], keys: Path | None = None) -> None:
        """
        Args:
            title: of the window.
            robot_endpoints: robot servers the window stops directly, without the pipeline's help.
            keys: folder with this client's keys, for robot servers that have keys.

        Raises:
            AppError: the window did not open.
        """
        self._crashed = False
        self._context = zmq.Context()
        self._snapshots = self._context.socket(zmq.PUB)
        self._snapshots.setsockopt(zmq.CONFLATE, 1)  # the window only ever wants the newest
        self._snapshots.setsockopt(zmq.LINGER, 0)
        self._commands = self._context.socket(zmq.PULL)
        self._commands.setsockopt(zmq.LINGER, 0)
        snapshot_port = self._snapshots.bind_to_random_port("tcp://127.0.0.1")
        command_port = self._commands.bind_to_random_port("tcp://127.0.0.1")
        arguments = [
            *("--snapshots", f"tcp://127.0.0.1:{snapshot_port}"),
            *("--commands", f"tcp://127.0.0.1:{command_port}"),
            *("--title", title),
            *(argument for endpoint in robot_endpoints for argument in ("--robot", endpoint)),
            *(() if keys is None else ("--keys", str(keys.absolute()))),  # it runs in another folder
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app.viewer", *arguments],
            cwd=Path(__file__).resolve().parent.parent,
            stdin=subprocess.PIPE,  # its end tells the window that the pipeline is gone
        )
        if not self._ready():
            self.close()
            raise AppError(
                "the window did not open; run with --headless, or see the messages above for the cause"
            )

    def _ready(self) -> bool:
        """Wait until the window says it is there; False once its process has ended or time is up."""
        for _ in range(round(_START_TIMEOUT_S / _START_POLL_S)):
            if self._commands.poll(round(_START_POLL_S * 1e3)):
                return bool(self._commands.recv() == b'"ready"')
            if self._process.poll() is not None:
                return False
        return False

    def show(self, snapshot: Snapshot) -> None:
        """Show this snapshot instead of the one before; never waits."""
        self._snapshots.send(snapshot.encode())

    def poll_command(self) -> str | None:
        """The next thing the operator asked for, one of COMMANDS, or None.

        A closed window asks to quit. One that crashed does not: the robot may be holding something.
        """
        if self._commands.poll(0):
            command = json.loads(self._commands.recv())
            return command if command in COMMANDS else None
        status = self._process.poll()
        if status == 0:
            return "quit"
        if status is not None and not self._crashed:
            self._crashed = True
            logger.error("the window crashed (status %d); the run goes on, Ctrl-C ends it", status)
        return None

    def close(self) -> None:
        """Close the window; safe to call twice."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            logger.warning("the window did not close by itself and was ended")
            self._process.kill()
            self._process.wait()
        self._snapshots.close()
        self._commands.close()
        self._context.term()
