"""PoseHand in a process of its own, and the newest joint targets it wrote."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from posehand_link.targets import Targets, parse_targets

logger = logging.getLogger(__name__)

MODULE = "app.target_stream"
_CAMERAS = ("webcam", "synthetic")  # never paths, whatever lies in the current folder
_STOP_S = 3.0
_LAST_WORDS = 20


class PipelineError(RuntimeError):
    """PoseHand does not run; the message says why."""


class Pipeline:
    """Runs PoseHand and reads what it writes, on a thread."""

    def __init__(self, command: Sequence[str], directory: Path) -> None:
        """Start it.

        Args:
            command: what to run, see `posehand_command`.
            directory: where to run it.

        Raises:
            PipelineError: it cannot be started.
        """
        self._rest: dict[str, Targets] = {}
        self._newest: dict[str, Targets] = {}
        self._last_words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._news = threading.Condition()
        self._closed = False
        try:
            self._process = subprocess.Popen(
                list(command),
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise PipelineError(f"cannot run {command[0]}: {error.strerror or error}") from error
        self._threads = [
            threading.Thread(target=self._read, args=(self._process.stdout,), name="posehand", daemon=True),
            threading.Thread(
                target=self._hear, args=(self._process.stderr,), name="posehand-log", daemon=True
            ),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    @property
    def reason(self) -> str:
        """Why it does not run any more, in one sentence; empty while it does."""
        if self._closed:  # it says nothing more and is about to end
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1.0)
        if self.running:
            return ""
        self._threads[1].join(1.0)  # its last words may still be on their way
        said = [word for word in self._last_words if word.startswith("error: ")]
        if said:
            return said[-1].removeprefix("error: ")
        status = self._process.returncode
        if status == 0:
            return "its source has ended"
        words = [word.strip() for word in self._last_words if word.strip()]
        ended = f"it ended with status {status}" + (f" ({words[-1]})" if words else "")
        lacks_packages = bool(words) and words[-1].startswith("ModuleNotFoundError")
        return f"{ended}; give posehand_python, the Python of PoseHand's .venv" if lacks_packages else ended

    def rest(self, hand: str) -> Targets | None:
        """The pose in which the robot hand rests, not to be followed; None before PoseHand is ready."""
        return self._rest.get(hand)

    def newest(self, hand: str) -> Targets | None:
        """The newest targets of a hand; None before the first. Never waits."""
        return self._newest.get(hand)

    def wait_for(self, hands: Sequence[str], timeout_s: float) -> bool:
        """Whether it is ready to see all these hands, once it is or it ended, or after `timeout_s`."""
        with self._news:
            self._news.wait_for(lambda: self._closed or all(hand in self._rest for hand in hands), timeout_s)
            return all(hand in self._rest for hand in hands)

    def close(self) -> None:
        """End it; safe to call twice."""
        if self.running:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for thread in self._threads:
            thread.join(_STOP_S)

    def _read(self, lines: IO[bytes]) -> None:
        with lines:
            for line in lines:
                try:
                    targets = parse_targets(line)
                except ValueError as error:
                    logger.warning("%s", error)
                    continue
                with self._news:
                    self._rest.setdefault(targets.hand, targets)
                    self._newest[targets.hand] = targets
                    self._news.notify_all()
        with self._news:
            self._closed = True
            self._news.notify_all()

    def _hear(self, lines: IO[bytes]) -> None:
        with lines:
            for line in lines:
                word = line.decode(errors="replace").rstrip()
                self._last_words.append(word)
                logger.debug("%s", word)


def posehand_command(
    source: str, hand: str, python: str | None = None, flags: Sequence[str] = ()
) -> list[str]:
    """The command that streams targets, with paths that hold in PoseHand's folder, too.

    Args:
        source, hand: as for PoseHand's `teleop --source --hand`.
        python: the Python that has PoseHand's packages, its path or its name; None is the one running.
        flags: more flags of `teleop`, as they are.
    """
    python = python or sys.executable
    if os.path.dirname(python):  # a name alone is looked up where programs are
        python = _absolute(python)
    if source.partition(":")[0] not in _CAMERAS and os.path.exists(os.path.expanduser(source)):
        source = _absolute(source)
    return [python, "-m", MODULE, "--source", source, "--hand", hand, *flags]


def _absolute(path: str) -> str:
    """Links stay as they are: the Python of a virtual environment is one, and knows it by its own place."""
    return str(Path(os.path.expanduser(path)).absolute())
