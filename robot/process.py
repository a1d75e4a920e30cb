"""Starts the simulated robot as a process of its own, which ends with this one, however this one ends."""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import IO, Literal

from robot.allegro_model import Hand
from robot.client import RobotLink, connect
from robot.errors import RobotError
from robot.scene import ObjectKind

log = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parent.parent
_START_TIMEOUT_S = 60.0  # a cold start on a busy small machine reads a hundred megabytes of libraries
_EXIT_TIMEOUT_S = 5.0


class SimulationProcess:
    """A running simulation; use `spawn_simulation`.

    Attributes:
        hand: the hand it simulates.
        endpoint: its address, tcp://HOST:PORT.
    """

    def __init__(self, hand: Hand, process: subprocess.Popen[str]) -> None:
        self.hand = hand
        self._process = process
        self._complaints: deque[str] = deque(maxlen=20)
        assert process.stdout is not None  # both were asked for as pipes
        assert process.stderr is not None
        self._errors = threading.Thread(
            target=_drain, args=(process.stderr, self._complaints), name="simulation-stderr", daemon=True
        )
        self._errors.start()
        try:
            self.endpoint = self._wait_until_ready(process.stdout)
        except RobotError:
            self.close()
            raise

    def _wait_until_ready(self, stdout: IO[str]) -> str:
        """The address from the first line that is JSON; libraries may print lines of their own before it."""
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(
            target=_read_lines, args=(stdout, lines), name="simulation-stdout", daemon=True
        ).start()
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                line = lines.get(timeout=max(0.0, deadline_s - time.monotonic()))
            except queue.Empty:
                raise RobotError(
                    f"The simulation was not ready within {_START_TIMEOUT_S:.0f} s; "
                    "try: python -m robot.server --hand right --port 0"
                ) from None
            if line is None:
                self._process.wait(_EXIT_TIMEOUT_S)
                self._errors.join(_EXIT_TIMEOUT_S)
                reason = (
                    self._complaints[-1] if self._complaints else f"exit status {self._process.returncode}"
                )
                raise RobotError(f"The simulation did not start: {reason}")
            with contextlib.suppress(ValueError, TypeError, KeyError):
                return str(json.loads(line)["endpoint"])

    def connect(self) -> RobotLink:
        """A new link to this simulation."""
        return connect(self.endpoint, self.hand)

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Process number."""
        return self._process.pid

    def close(self) -> None:
        """End the process: first by its life line, then less politely. Calling it twice does no harm."""
        process = self._process
        if process.stdin is not None:
            with contextlib.suppress(OSError):  # it may have died before
                process.stdin.close()
        for insist in (process.terminate, process.kill):
            try:
                process.wait(_EXIT_TIMEOUT_S)
                break
            except subprocess.TimeoutExpired:
                log.warning("the simulation (process %d) does not end by itself", process.pid)
                insist()
        process.wait()

    def __enter__(self) -> SimulationProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _drain(stream: IO[str], complaints: deque[str]) -> None:
    """Keep the process's error pipe from filling up; the last lines are kept for a message."""
    with stream:
        for line in stream:
            if line.strip():
                complaints.append(line.strip())
                log.debug("simulation: %s", line.strip())


def _read_lines(stream: IO[str], lines: queue.Queue[str | None]) -> None:
    with stream:
        for line in stream:
            lines.put(line)
    lines.put(None)


def spawn_simulation(
    hand: Hand, lockstep: bool = False, port: int = 0, scene: ObjectKind | Literal["none"] = "none"
) -> SimulationProcess:
    """Start a robot server with a simulated hand in a process of its own and wait until it answers.

    Args:
        hand: "right" or "left".
        lockstep: virtual time, moved by `RobotLink.step`.
        port: first of its three ports; 0 finds free ones.
        scene: what stands on a table under the hand; "none" is a hand in the air.

    Raises:
        RobotError: it did not start; the message carries its own reason.
    """
    command = [sys.executable, "-m", "robot.server", "--hand", hand, "--port", str(port), "--parent-pipe"]
    if lockstep:
        command.append("--lockstep")
    if scene != "none":
        command += ["--scene", "table", "--object", scene]
    process = subprocess.Popen(
        command,
        cwd=_ROOT,  # where the robot package is importable from
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    return SimulationProcess(hand, process)
