"""The body in a frame, which may still be being looked for while the hands go on to their robots."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from app.body_detector import BodyDetector
from app.frame import Frame
from models.body_observation import BodyObservation


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
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="see-body")
        self._newest: BodySight | None = None

    @property
    def bad_frames(self) -> int:
        """Frames that the detector could not look at."""
        return self._detector.bad_frames

    def look(self, frame: Frame) -> BodySight:
        """Begin to look for the body in a frame."""
        self._newest = self._pool.submit(self._detect, frame)
        return self._newest

    def close(self, timeout_s: float) -> None:
        """End the thread; what takes longer than `timeout_s` is left behind. Safe to call twice."""
        if self._newest is not None:
            wait([self._newest], timeout_s)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _detect(self, frame: Frame) -> SeenBody:
        started_ns = time.perf_counter_ns()
        observation = self._detector.detect(frame)
        return SeenBody(observation, (time.perf_counter_ns() - started_ns) * 1e-6)
