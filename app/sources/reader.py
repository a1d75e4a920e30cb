"""Reads a camera or stream on its own thread, keeps the newest frame only, survives loss and return."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from app.frame import Frame
from app.opencv import cv2
from app.sources.times import LiveTimes

logger = logging.getLogger(__name__)

# A driver may hold a read for longer, and Ctrl-C is to be obeyed within a second: its thread is a daemon that
# gives the device back when the driver returns, or the system does when the program has ended.
_JOIN_TIMEOUT_S = 0.5


class Capture(Protocol):
    """What is used of cv2.VideoCapture."""

    def isOpened(self) -> bool: ...

    def grab(self) -> bool: ...

    def retrieve(self) -> tuple[bool, np.ndarray]: ...

    def get(self, property_id: int, /) -> float: ...

    def release(self) -> None: ...


@dataclass(frozen=True)
class RetryPolicy:
    """When a source counts as lost, and how soon it is opened again.

    Attributes:
        failures_to_lose: reads failing in a row before it is closed.
        first_wait_s, longest_wait_s: pause before the first attempt to reopen; it doubles up to the longest.
        stall_s: without a frame for so long the status says so, even while the driver still waits.
    """

    failures_to_lose: int = 5
    first_wait_s: float = 0.25
    longest_wait_s: float = 4.0
    stall_s: float = 1.0


class LatestFrameReader:
    """The newest frame of a capture that comes at its own pace.

    Frames that nobody reads in time are replaced, and leave a gap in `Frame.index`. When reads fail, the
    capture is closed and opened again with growing pauses until it is back. Index and capture time go on
    increasing whatever happens, and no capture time lies in the future.
    """

    def __init__(
        self,
        what: str,
        capture: Capture,
        reopen: Callable[[], Capture | None],
        t_capture_ns: Callable[[Capture], int],
        policy: RetryPolicy | None = None,
    ) -> None:
        """Start reading.

        Args:
            what: names the source in its status, for example "camera 0".
            capture: an open capture; the reader owns it from here on.
            reopen: opens it again; None, or a capture that is not open, while it cannot.
            t_capture_ns: monotonic time of the frame that was just grabbed, ns.
            policy: when to give up and try again.
        """
        self._what = what
        self._capture: Capture | None = capture
        self._reopen = reopen
        self._t_capture_ns = t_capture_ns
        self._policy = policy or RetryPolicy()
        self._times = LiveTimes()
        self._newest: Frame | None = None
        self._count = 0
        self._problem = ""
        self._t_alive_ns = time.monotonic_ns()
        self._condition = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"read {what}", daemon=True)
        self._thread.start()

    @property
    def status(self) -> str:
        """One sentence while no frames come, else empty."""
        with self._condition:
            silent_s = (time.monotonic_ns() - self._t_alive_ns) / 1e9
            if not self._problem and silent_s > self._policy.stall_s:
                return f"{self._what} has sent no image for {silent_s:.0f} s, waiting"
            return self._problem

    def read(self, timeout_s: float) -> Frame | None:
        """The newest frame not read before; None if none came within `timeout_s`."""
        with self._condition:
            self._condition.wait_for(lambda: self._newest is not None or self._stopping.is_set(), timeout_s)
            frame, self._newest = self._newest, None
            return frame

    def close(self) -> None:
        """Stop reading and give the device back; safe to call twice."""
        self._stopping.set()
        with self._condition:
            self._condition.notify_all()
        self._thread.join(_JOIN_TIMEOUT_S)
        if self._thread.is_alive():
            logger.info("%s is still busy in its driver and is closed when that returns", self._what)

    def _run(self) -> None:
        failures = 0
        wait_s = self._policy.first_wait_s
        try:
            while not self._stopping.is_set():
                if self._capture is None:
                    self._stopping.wait(wait_s)
                    wait_s = min(2.0 * wait_s, self._policy.longest_wait_s)
                    self._open_again()
                elif self._grab_one(self._capture):
                    failures = 0
                    wait_s = self._policy.first_wait_s
                else:
                    failures += 1
                    self._stopping.wait(0.01)  # some drivers fail at once: do not spin
                    if failures >= self._policy.failures_to_lose:
                        failures = 0
                        self._lose()
        finally:
            if self._capture is not None:
                self._capture.release()

    def _grab_one(self, capture: Capture) -> bool:
        try:
            if not capture.grab():
                return False
            t_capture_ns = self._t_capture_ns(capture)
            good, image = capture.retrieve()
        except cv2.error as error:
            logger.debug("%s: %s", self._what, error)
            return False
        if not good or image is None or image.size == 0:
            return False
        with self._condition:
            if self._problem:
                logger.info("%s is back", self._what)
            self._problem = ""
            self._t_alive_ns = time.monotonic_ns()
            t_capture_ns = self._times.mend(t_capture_ns, self._t_alive_ns).t_ns
            self._newest = Frame(self._count, t_capture_ns, image)
            self._count += 1
            self._condition.notify_all()
        return True

    def _lose(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None
        with self._condition:
            if not self._problem and not self._stopping.is_set():
                self._problem = f"{self._what} sends no images any more, retrying"
                logger.warning("%s", self._problem)

    def _open_again(self) -> None:
        if self._stopping.is_set():
            return
        try:
            capture = self._reopen()
        except cv2.error as error:
            logger.debug("%s: %s", self._what, error)
            return
        if capture is not None and capture.isOpened():
            self._capture = capture
