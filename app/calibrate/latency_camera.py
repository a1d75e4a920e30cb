"""Reads the pattern from a camera's frames on a thread of its own while a window shows it."""

from __future__ import annotations

import threading
import time

from app.sources.base import EndOfSource, Source
from calibration.loop_delay import Sighting
from calibration.screen_code import CodeReader

_READ_TIMEOUT_S = 0.1
_SETTLE_NS = 1_000_000_000  # after the pattern came in sight, for exposure and focus
PATIENCE_NS = 60_000_000_000
"""How long to wait for the pattern to come in sight."""


class CodeWatch:
    """Watches a camera until it has seen enough; use as a context manager.

    Attributes:
        sightings: frames that were read since the pattern came in sight and the camera settled.
        frames: frames that were looked at since then; before, all of them.
        problem: why no frames come, one sentence, empty while they do.
    """

    def __init__(self, source: Source, seconds: float) -> None:
        """
        Args:
            source: a camera; stays the caller's.
            seconds: how long to watch once the pattern is in sight.
        """
        self.sightings: list[Sighting] = []
        self.frames = 0
        self.problem = ""
        self._source = source
        self._watch_ns = round(seconds * 1e9)
        self._t_begin_ns = time.monotonic_ns()
        self._t_sight_ns: int | None = None  # when the pattern was read first
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="read pattern", daemon=True)

    @property
    def in_sight(self) -> bool:
        """Whether the pattern was read at all."""
        return self._t_sight_ns is not None

    @property
    def done(self) -> bool:
        """Whether it has watched for long enough, or will never see anything."""
        now_ns = time.monotonic_ns()
        if not self._thread.is_alive():
            return True
        if self._t_sight_ns is None:
            return now_ns - self._t_begin_ns > PATIENCE_NS
        return now_ns - self._t_sight_ns > _SETTLE_NS + self._watch_ns

    @property
    def progress(self) -> float:
        """Share of the watching that is done, 0–1."""
        if self._t_sight_ns is None:
            return 0.0
        passed_ns = time.monotonic_ns() - self._t_sight_ns - _SETTLE_NS
        return min(max(passed_ns / self._watch_ns, 0.0), 1.0)

    def _run(self) -> None:
        reader = CodeReader()
        settled = False
        while not self._stop.is_set():
            try:
                frame = self._source.read(_READ_TIMEOUT_S)
            except EndOfSource:
                return
            self.problem = self._source.status
            if frame is None:
                continue
            reading = reader.read(frame.image)
            if reading is not None and self._t_sight_ns is None:
                self._t_sight_ns = time.monotonic_ns()
            if (
                not settled
                and self._t_sight_ns is not None
                and frame.t_capture_ns > self._t_sight_ns + _SETTLE_NS
            ):
                settled, self.frames = True, 0
            self.frames += 1
            if settled and reading is not None:
                self.sightings.append(Sighting(frame.t_capture_ns, reading))

    def __enter__(self) -> CodeWatch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
