"""The body in a frame, which may still be being looked for while the hands go on to their robots."""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.frame import Frame
from models.body_observation import BodyObservation

if TYPE_CHECKING:
    from app.body_detector import BodyDetector


@dataclass(frozen=True)
class SeenBody:
    """What a detector said of the body in a frame.

    Attributes:
        observation: its word.
        detect_ms: how long it took.
    """

    observation: BodyObservation
    detect_ms: float


BodySight = Future[SeenBody]
"""`result()` waits until the detector is done, and raises what made it fail."""


def already_seen(observation: BodyObservation, detect_ms: float = 0.0) -> BodySight:
    """A sight that nobody has to wait for."""
    sight: BodySight = Future()
    sight.set_result(SeenBody(observation, detect_ms))
    return sight


class BodyEyes:
    """A body detector on a thread of its own, frame after frame: hands are looked for at the same time."""

    def __init__(self, detector: BodyDetector) -> None:
        self._detector = detector
        self._frames: queue.SimpleQueue[tuple[Frame, BodySight] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._newest: BodySight | None = None

    @property
    def unfinished(self) -> BodySight | None:
        """What is still being looked for; None while there is nothing to do."""
        return None if self._newest is None or self._newest.done() else self._newest

    @property
    def bad_frames(self) -> int:
        """Frames that the detector could not look at."""
        return self._detector.bad_frames

    def look(self, frame: Frame) -> BodySight:
        """Begin to look for the body in a frame."""
        if self._thread is None:
            # A daemon: Python would wait for any other at its end, and so for a detector that hangs.
            self._thread = threading.Thread(target=self._run, name="see-body", daemon=True)
            self._thread.start()
        sight: BodySight = Future()
        self._newest = sight
        self._frames.put((frame, sight))
        return sight

    def close(self, timeout_s: float) -> None:
        """End the thread; what takes longer than `timeout_s` is left behind. Safe to call twice."""
        if self._newest is not None:
            wait([self._newest], timeout_s)
            self._newest.cancel()
        self._frames.put(None)

    def _run(self) -> None:
        while (task := self._frames.get()) is not None:
            frame, sight = task
            if not sight.set_running_or_notify_cancel():
                continue
            try:
                sight.set_result(self._detect(frame))
            except BaseException as error:  # noqa: BLE001 — raised again where the sight is waited for
                sight.set_exception(error)

    def _detect(self, frame: Frame) -> SeenBody:
        started_ns = time.perf_counter_ns()
        observation = self._detector.detect(frame)
        return SeenBody(observation, (time.perf_counter_ns() - started_ns) * 1e-6)
