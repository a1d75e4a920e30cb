"""The emulated hand as a process on a real or emulated CAN bus, and how a test starts one."""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from robot.allegro_model import Hand
from robot.can.bus import BusSettings, CanPort
from robot.emulator.hand import EmulatedHand
from robot.errors import RobotError

log = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parents[2]
_IDLE_S = 0.02
_WAIT_S = 30.0


def serve(
    hand: EmulatedHand,
    port: CanPort,
    stop: threading.Event,
    questions: queue.SimpleQueue[str],
    say: Callable[[dict[str, Any]], None],
) -> None:
    """Answer frames and send measurements until `stop` is set.

    Every change between driven and not driven is said at once with its time, a report for every question.
    Times are `time.monotonic_ns()`, which all processes of a machine share.
    """
    driven = False
    late_ns = 0  # the latest a frame ever was, which the robot must take for a silent hand
    while not stop.is_set():
        next_ns = hand.next_ns()
        now_ns = time.monotonic_ns()
        wait_s = _IDLE_S if next_ns is None else min(_IDLE_S, max(0.0, (next_ns - now_ns) / 1e9))
        first = port.wait(wait_s)
        frames = ([] if first is None else [first]) + port.receive()
        for frame in frames:
            t_ns = time.monotonic_ns()
            hand.take(frame, t_ns)
            if hand.driven != driven:
                driven = hand.driven
                say({"event": "driven" if driven else "idle", "t_ns": t_ns})
        now_ns = time.monotonic_ns()
        if next_ns is not None:
            late_ns = max(late_ns, now_ns - next_ns)
        for frame in hand.advance(now_ns):
            port.send(frame)
        while not questions.empty():
            questions.get()
            say({"event": "report", "max_late_ms": late_ns / 1e6, **asdict(hand.report())})


class EmulatorProcess:
    """A running emulated hand; it ends with this process.

    Args:
        bus: where it listens.
        hand: its side.
        arguments: further arguments of `python -m robot.emulator`.

    Raises:
        RobotError: it did not start.
    """

    def __init__(self, bus: BusSettings, hand: Hand = "right", arguments: tuple[str, ...] = ()) -> None:
        command = [sys.executable, "-m", "robot.emulator", "--parent-pipe", "--hand", hand]
        command += ["--interface", bus.interface, "--channel", bus.resolved_channel, *arguments]
        self._process = subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self._lines: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        assert self._process.stdout is not None  # asked for as a pipe
        threading.Thread(
            target=_read, args=(self._process.stdout, self._lines), name="emulator-stdout", daemon=True
        ).start()
        try:
            self.wait_for("ready")
        except RobotError:
            self.close()
            raise

    def wait_for(self, event: str, timeout_s: float = _WAIT_S) -> dict[str, Any]:
        """The next message of that kind; others before it are passed over.

        Raises:
            RobotError: none came in time, or the process ended.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline_s - time.monotonic()))
            except queue.Empty:
                raise RobotError(f'The emulated hand did not say "{event}" within {timeout_s} s.') from None
            if line["event"] in (event, "end"):
                break
        if line["event"] != event:
            raise RobotError("The emulated hand ended; its error output says why.")
        return line

    def report(self) -> dict[str, Any]:
        """The fields of `HandReport`, and `max_late_ms`, by which its latest frame ever was late."""
        assert self._process.stdin is not None  # asked for as a pipe
        self._process.stdin.write("report\n")
        self._process.stdin.flush()
        return self.wait_for("report")

    def close(self) -> None:
        """End it; calling it twice does no harm."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):  # it may have died before
                self._process.stdin.close()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> EmulatorProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _read(stream: IO[str], lines: queue.SimpleQueue[dict[str, Any]]) -> None:
    with stream:
        for line in stream:
            with contextlib.suppress(ValueError):  # libraries may print lines of their own
                message = json.loads(line)
                if isinstance(message, dict) and "event" in message:
                    lines.put(message)
    lines.put({"event": "end"})
