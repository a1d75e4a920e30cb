"""The first half of the pipeline: frames from the source, and what the detector says of them."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from app.clock import Clock
from app.detector import HandDetector
from app.frame import Frame
from app.slot import Slot
from app.sources.base import Source
from app.sources.watch import SourceWatch
from models.observation import Hand, Observation

READ_TIMEOUT_S = 0.1
_JOIN_S = 0.9  # a detector or a driver that takes longer is left behind: Ctrl-C ends a run within a second
MOST_EARLIER = 8  # observations handed on with a newer frame's


@dataclass(frozen=True)
class Sight:
    """A frame with what was seen in it.

    Attributes:
        frame: the frame, its capture time on the run's clock.
        observations: of each hand asked for.
        earlier: observations of frames before it that nobody has taken, oldest first.
        t_seen_ns: when the detector was done, on the run's clock.
        stage_ms: how long "capture" and "detect" took.
        notice: one sentence about the source or what it shows; empty while all is well.
        others: further hands in view, see `HandDetector.others`.
        other_hand: whether hands are in view, but none that was asked for.
    """

    frame: Frame
    observations: dict[Hand, Observation]
    earlier: tuple[dict[Hand, Observation], ...]
    t_seen_ns: int
    stage_ms: dict[str, float]
    notice: str
    other_hand: bool = False
    others: tuple[Observation, ...] = ()


@dataclass(frozen=True)
class Gap:
    """Time went on to `t_capture_ns` without a frame."""

    t_capture_ns: int


class Sights(Protocol):
    """Where frames come from, with what was seen in them: a source and a detector, or a recording of both.

    Attributes:
        skipped: frames the source gave up because newer ones were there.
    """

    skipped: int

    @property
    def replaced(self) -> int: ...

    @property
    def counters(self) -> dict[str, int]: ...

    def start(self) -> None: ...

    def next(self, timeout_s: float) -> Sight | Gap | None:
        """The newest frame not given before, or a gap that was recorded; None if nothing came in time.

        Raises EndOfSource after the last.
        """
        ...

    def close(self) -> None: ...


class Eyes:
    """Source, watch over the source, and detector; read frame by frame, or on a thread of their own.

    Reading and detecting share one thread: the next frame of a file is decoded while the one before it is on
    its way to the robot, a camera fills its own slot meanwhile, and a thread more would only wait.

    Attributes:
        skipped: frames the source gave up because newer ones were there.
    """

    def __init__(self, source: Source, detector: HandDetector, clock: Clock, realtime: bool) -> None:
        self.skipped = 0
        self._source = source
        self._detector = detector
        self._clock = clock
        self._realtime = realtime
        self._watch = SourceWatch(source.name, source.fps, source.live)
        self._next_index = 0
        self._slot: Slot[Sight] = Slot(_with_earlier)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def replaced(self) -> int:
        """Frames seen whose poses nobody asked for, as a newer one was seen; their observations count."""
        return self._slot.replaced

    @property
    def counters(self) -> dict[str, int]:
        """What was wrong with frames, by name."""
        return {**asdict(self._watch.counters), "unusable": self._detector.bad_frames}

    def start(self) -> None:
        """Look from now on, on a thread; `next` then gives the newest."""
        self._thread = threading.Thread(target=self._run, name="see", daemon=True)
        self._thread.start()

    def next(self, timeout_s: float) -> Sight | Gap | None:
        """The newest frame not given before; None if none came within `timeout_s`.

        Raises:
            EndOfSource: there will be no more.
        """
        return self._slot.take(timeout_s) if self._thread is not None else self._see(timeout_s)

    def close(self) -> None:
        """End the thread; safe to call twice."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_JOIN_S)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                sight = self._see(READ_TIMEOUT_S)
                if sight is not None:
                    self._slot.put(sight)
        except BaseException as error:  # noqa: BLE001 — raised again where the frames are taken
            self._slot.end(error)

    def _see(self, timeout_s: float) -> Sight | None:
        started_ns = time.perf_counter_ns()
        frame = self._source.read(timeout_s)
        if frame is None:
            return None
        self._clock.capture(frame.t_capture_ns)
        look = self._watch.look(frame, self._clock.now_ns() if self._realtime else None)
        frame = look.frame
        self.skipped += frame.index - self._next_index
        self._next_index = frame.index + 1
        read_ns = time.perf_counter_ns()
        if self._realtime:
            capture_ms = (self._clock.now_ns() - frame.t_capture_ns) * 1e-6
        else:
            capture_ms = (read_ns - started_ns) * 1e-6
        if look.fresh:
            observations = self._detector.detect(frame)
        else:  # the picture of a moment ago must not pass for one of now
            size_px = self._source.size_px
            observations = {
                hand: Observation.missing(frame.t_capture_ns, hand, size_px) for hand in self._detector.hands
            }
        detect_ms = (time.perf_counter_ns() - read_ns) * 1e-6
        stage_ms = {"capture": capture_ms, "detect": detect_ms}
        return Sight(
            frame,
            observations,
            (),
            self._clock.now_ns(),
            stage_ms,
            look.notice,
            other_hand=look.fresh and self._detector.other_hand_in_view,
            others=self._detector.others if look.fresh else (),
        )


def _with_earlier(older: Sight, newer: Sight) -> Sight:
    earlier = (*older.earlier, older.observations, *newer.earlier)
    return replace(newer, earlier=earlier[-MOST_EARLIER:])
