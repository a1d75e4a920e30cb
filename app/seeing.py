"""The first half of the pipeline: frames from the source, and what the detector says of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from app.body_sight import BodyEyes, BodySight, already_seen
from app.clock import Clock
from app.detector import HandDetector
from app.frame import Frame
from app.slot import Slot
from app.sources.base import Source
from app.sources.watch import SourceWatch
from models.body_observation import BodyObservation
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
        body: the body in the frame, maybe still being looked for; where hands do not wait for it, maybe that
            in a frame before it; None where nobody asks for it.
        earlier_bodies: in frames before it that nobody has taken, oldest first.
    """

    frame: Frame
    observations: dict[Hand, Observation]
    earlier: tuple[dict[Hand, Observation], ...]
    t_seen_ns: int
    stage_ms: dict[str, float]
    notice: str
    other_hand: bool = False
    others: tuple[Observation, ...] = ()
    body: BodySight | None = None
    earlier_bodies: tuple[BodyObservation, ...] = ()


@dataclass(frozen=True)
class Gap:
    """Time went on to `t_capture_ns` without a frame."""

    t_capture_ns: int


class Sights(Protocol):
    """Where frames come from, with what was seen in them: a source and a detector, or a recording of both.

    Attributes:
        skipped: frames the source gave up because newer ones were there.
        on_frame: told the capture time, ns, of each frame that a detector is about to look at.
    """

    skipped: int
    on_frame: Callable[[int], None]

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
    """Source, watch over the source, and detectors; read frame by frame, or on a thread of their own.

    Reading and detecting hands share one thread: the next frame of a file is decoded while the one before it
    is on its way to the robot, a camera fills its own slot meanwhile, and a thread more would only wait. The
    body is looked for in the same frame at the same time, on another processor; hands do not wait for it: in
    real time nobody looks for it in frames that come before it was found, or not, in one before them.

    Attributes:
        skipped: frames the source gave up because newer ones were there.
        on_frame: told the capture time, ns, of each frame that the detector is about to look at.
    """

    def __init__(
        self,
        source: Source,
        detector: HandDetector | None,
        clock: Clock,
        realtime: bool,
        body: BodyEyes | None = None,
        first_index: int = 0,
    ) -> None:
        """
        Args:
            source: of frames.
            detector: of hands; None where nobody asks for any.
            clock: of the run.
            realtime: whether it is the machine's.
            body: looks for the body; None where nobody asks for it. It is closed here.
            first_index: of the source's first frame; those between it and the first one read were skipped.
        """
        self.skipped = 0
        self.on_frame: Callable[[int], None] = lambda _: None
        self._source = source
        self._detector = detector
        self._body = body
        self._clock = clock
        self._realtime = realtime
        self._hands_first = realtime and detector is not None
        self._without_body = 0
        self._watch = SourceWatch(source.name, source.fps, source.live)
        self._next_index = first_index
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
        looking = [eyes for eyes in (self._detector, self._body) if eyes is not None]
        counters = {**asdict(self._watch.counters), "unusable": max(eyes.bad_frames for eyes in looking)}
        return counters if self._body is None else {**counters, "body_not_looked_for": self._without_body}

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
        if self._body is not None:
            self._body.close(_JOIN_S)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                sight = self._see(READ_TIMEOUT_S)
                if sight is not None:
                    self._slot.put(sight)
                    if sight.body is not None and not self._hands_first:
                        sight.body.result()  # or frames would queue up before the slower of the detectors
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
        stage_ms = {"capture": capture_ms}
        body = self._look_for_body(frame, look.fresh)
        observations: dict[Hand, Observation] = {}
        if self._detector is not None:
            if look.fresh:
                self.on_frame(frame.t_capture_ns)
                observations = self._detector.detect(frame)
            else:  # the picture of a moment ago must not pass for one of now
                observations = {
                    hand: Observation.missing(frame.t_capture_ns, hand, self._source.size_px)
                    for hand in self._detector.hands
                }
            stage_ms["detect"] = (time.perf_counter_ns() - read_ns) * 1e-6
        return Sight(
            frame,
            observations,
            (),
            self._clock.now_ns(),
            stage_ms,
            look.notice,
            other_hand=look.fresh and self._detector is not None and self._detector.other_hand_in_view,
            others=self._detector.others if look.fresh and self._detector is not None else (),
            body=body,
        )

    def _look_for_body(self, frame: Frame, fresh: bool) -> BodySight | None:
        if self._body is None:
            return None
        unfinished = self._body.unfinished
        if self._hands_first and unfinished is not None:
            self._without_body += 1
            return unfinished
        if fresh:
            return self._body.look(frame)
        return already_seen(BodyObservation.missing(frame.t_capture_ns, self._source.size_px))


def _with_earlier(older: Sight, newer: Sight) -> Sight:
    earlier = (*older.earlier, older.observations, *newer.earlier)
    bodies = (*older.earlier_bodies, *_bodies(older, newer), *newer.earlier_bodies)
    return replace(newer, earlier=earlier[-MOST_EARLIER:], earlier_bodies=bodies[-MOST_EARLIER:])


def _bodies(older: Sight, newer: Sight) -> tuple[BodyObservation, ...]:
    if older.body is None or older.body is newer.body:
        return ()
    return (older.body.result().observation,)
