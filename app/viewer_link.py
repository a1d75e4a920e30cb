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
COMMANDS = ("arm", "disarm", "home", "stop", "reset", "quit")


class ViewerLink:
    """A running window."""

    def __init__(self, title: str, robot_endpoints: list[str]) -> None:
        """
        Args:
            title: of the window.
            robot_endpoints: robot servers the window stops directly, without the pipeline's help.

        Raises:
            AppError: the window did not open.
        """
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
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app.viewer", *arguments],
            cwd=Path(__file__).resolve().parent.parent,
            stdin=subprocess.PIPE,  # its end tells the window that the pipeline is gone
        )
        if not self._commands.poll(round(_START_TIMEOUT_S * 1e3)) or self._commands.recv() != b'"ready"':
            self.close()
            raise AppError(
                "the window did not open; run with --headless, or see the messages above for the cause"
            )

    def show(self, snapshot: Snapshot) -> None:
        """Show this snapshot instead of the one before; never waits."""
        self._snapshots.send(snapshot.encode())

    def poll_command(self) -> str | None:
        """The next thing the operator asked for, one of COMMANDS, or None; a closed window asks to quit."""
        if self._commands.poll(0):
            command = json.loads(self._commands.recv())
            return command if command in COMMANDS else None
        if self._process.poll() is not None:
            return "quit"
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
