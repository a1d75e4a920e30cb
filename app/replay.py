"""A recording through the pipeline again, from what the detector said when it was made.

Not in real time all that a lane can tell apart is as it was: what it was given and when, when its messages
were sent, and how late the robot's joints were believed to be. With the same settings the same comes out, to
the last bit. (Images alone would not do: they are kept as JPEG, in which the detector sees other digits.)
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from app.body_sight import BodySight, already_seen
from app.errors import AppError
from app.frame import Frame
from app.horizon import Horizon
from app.moments import Moment, Moments
from app.pacing import NS_PER_S, Playback
from app.recording import RecordingReader
from app.recording_hands import HandRecord
from app.seeing import MOST_EARLIER, Gap, Sight
from app.sources.base import EndOfSource
from app.sources.recording import rate_of
from calibration.delays import Delays
from models.body_observation import BodyObservation
from models.observation import Hand, Observation
from robot import RobotState

logger = logging.getLogger(__name__)

_LONGEST_PAUSE_NS = 10 * NS_PER_S  # nobody waits out the hour for which a camera was unplugged
_PAUSE_NS = NS_PER_S // 30

Seen = TypeVar("Seen", Observation, BodyObservation)


class RecordedClock:
    """A lane's clock: it stands at the time at which the lane's message of the frame in hand was sent."""

    def __init__(self) -> None:
        self.t_ns = 0

    def now_ns(self) -> int:
        return self.t_ns

    def capture(self, t_capture_ns: int) -> None:
        """Publish times are recorded; nothing follows from those of capture."""


class RecordedHorizon(Horizon):
    """A lane's horizon: the robot's delay is what it was believed to be, whatever a robot says now."""

    def __init__(self, fixed_ms: float | None, delays: Delays, repeats: bool) -> None:
        """
        Args:
            fixed_ms, delays: see Horizon.
            repeats: aim as far as it was aimed, with all changes on the way, instead of by `fixed_ms`.
        """
        super().__init__(fixed_ms, delays)
        self._repeats = repeats
        self._recorded_actuator_ms = super().actuator_ms
        self._recorded_ahead_ms = 0.0

    @property
    def actuator_ms(self) -> float:
        return self._recorded_actuator_ms

    @property
    def predicts(self) -> bool:
        return self._recorded_ahead_ms != 0.0 if self._repeats else super().predicts

    def ahead_ms(self, age_ms: float) -> float:
        return self._recorded_ahead_ms if self._repeats else super().ahead_ms(age_ms)

    def follow(self, state: RobotState) -> None:
        """Nothing is learnt."""

    def repeat(self, record: HandRecord) -> None:
        """Go on to this moment."""
        self._recorded_actuator_ms = record.actuator_ms
        self._recorded_ahead_ms = record.ahead_ms


_WITHOUT_BODY = "replay its hands with --no-body"


class Replay:
    """What was seen, from a recording; see app.seeing.Sights and app.sources.base.SourceFacts.

    Attributes:
        meta: facts of the recording.
        clocks, horizons: of the lanes that shall repeat what was recorded, by hand; kept up frame by frame.
        body_clock: of the body's lane.
    """

    live = False
    skipped = 0

    def __init__(
        self,
        directory: Path,
        realtime: bool,
        hands: Sequence[Hand],
        playback: Playback | None = None,
        body: bool = False,
    ) -> None:
        """Open the recording.

        Args:
            directory: what --record made.
            realtime: play on the monotonic clock, at the recorded pace.
            hands: the hands wanted.
            playback: keeps the pace; a Playback on the system's clock if None.
            body: whether the body is wanted.

        Raises:
            AppError: it is no recording, has no hands in it or not the ones wanted, or not the body.
        """
        self._reader = RecordingReader(directory)
        if not (self._reader.has_hands or self._reader.has_bodies):
            raise AppError(f"the recording {directory} holds images only; replay them with --detect")
        if body and not self._reader.has_bodies:
            raise AppError(
                f"the recording {directory} has no body in it; leave out --body, or run the detectors again "
                "with --detect"
            )
        if hands and not self._reader.has_hands:
            raise AppError(
                f"the recording {directory} is of the body alone; give --hand none, or run the "
                "detectors again with --detect"
            )
        self._hands = tuple(hands)
        self._moments = Moments(self._reader, bool(hands), body)
        self._records = iter(self._moments)
        self._frames = RecordingReader(directory).frames()
        self._realtime = realtime
        self._playback = playback or Playback(realtime)
        self._pending = next(self._records, None)
        if self._pending is None and self._moments.hands_go_on:
            raise AppError(
                f"the body's part of the recording {directory} is cut off or damaged before its first frame; "
                f"{_WITHOUT_BODY}"
            )
        if self._pending is None:
            raise AppError(f"the recording {directory} was cut off before its first frame; record again")
        recorded = {record.hand for record in self._pending.hands}
        if missing := [hand for hand in self._hands if hand not in recorded]:
            raise AppError(
                f"the recording {directory} is of the {' and '.join(sorted(recorded))} hand, not of the "
                f"{missing[0]} one; leave out --hand, or run the detector again with --detect"
            )
        self._t_last_ns = self._pending.t_capture_ns
        self._t_media_ns = 0
        self._image: Frame | None = None
        self.clocks: dict[Hand, RecordedClock] = {}
        self.horizons: dict[Hand, RecordedHorizon] = {}
        self.body_clock = RecordedClock()
        self.name = self._reader.directory.name
        self.meta = self._reader.meta
        self.fps = rate_of(self._reader.meta)
        self.size_px = self._reader.meta.size_px
        self.frame_count: int | None = self._reader.meta.frame_count or self._reader.count_frames()
        self.replaced = 0
        self.counters: dict[str, int] = {}
        self.on_frame: Callable[[int], None] = lambda _: None

    @property
    def status(self) -> str:
        """Empty, or a sentence once the recording has turned out to be cut off."""
        if not (self._reader.truncated or self._moments.cut):
            return ""
        advice = f"; {_WITHOUT_BODY}" if self._moments.hands_go_on else ""
        return f"the recording {self.name} is cut off; all before that was played{advice}"

    def start(self) -> None:
        """Nothing is to be done ahead."""

    def next(self, timeout_s: float) -> Sight | Gap | None:
        if self._pending is None:
            if self.status:
                logger.warning("%s", self.status)
            raise EndOfSource
        if not self._playback.wait(self._t_media_ns, timeout_s):
            return None
        moment = self._pending
        if not self._realtime:
            self._repeat(moment)
            self._advance()
            if moment.is_gap:
                return Gap(moment.t_capture_ns)
            self.on_frame(moment.t_capture_ns)  # nothing looks at it; but all shall be computed as it was
            return self._sight(moment)
        earlier: list[dict[Hand, Observation]] = []
        earlier_bodies: list[BodyObservation] = []
        shift_ns = self._shift_ns(moment)
        # In real time gaps come by themselves, and of the frames that are due the newest counts.
        while True:
            self._advance()
            if self._pending is None or not self._playback.is_due(self._t_media_ns):
                break
            if not moment.is_gap:
                earlier.append(self._observations(moment, shift_ns))
                if moment.body is not None:
                    earlier_bodies.append(_moved(moment.body.observation, shift_ns))
                self.replaced += 1
            moment, shift_ns = self._pending, self._shift_ns(self._pending)
        if moment.is_gap:
            return None
        return self._sight(
            moment, tuple(earlier[-MOST_EARLIER:]), tuple(earlier_bodies[-MOST_EARLIER:]), shift_ns
        )

    def close(self) -> None:
        self._pending = None

    def _repeat(self, moment: Moment) -> None:
        """Take the lanes' clocks and horizons to this moment."""
        for record in moment.hands:
            if record.hand in self.clocks:
                self.clocks[record.hand].t_ns = record.message.t_publish_ns
            if record.hand in self.horizons:
                self.horizons[record.hand].repeat(record)
        if moment.body is not None:
            self.body_clock.t_ns = moment.body.message.t_publish_ns

    def _advance(self) -> None:
        self._pending = next(self._records, None)
        if self._pending is not None:
            t_ns = self._pending.t_capture_ns
            pause_ns = t_ns - self._t_last_ns
            self._t_media_ns += max(0, _PAUSE_NS if pause_ns > _LONGEST_PAUSE_NS else pause_ns)
            self._t_last_ns = t_ns

    def _shift_ns(self, moment: Moment) -> int:
        return self._playback.t_capture_ns(self._t_media_ns) - moment.t_capture_ns

    def _sight(
        self,
        moment: Moment,
        earlier: tuple[dict[Hand, Observation], ...] = (),
        earlier_bodies: tuple[BodyObservation, ...] = (),
        shift_ns: int = 0,
    ) -> Sight:
        by_hand = {record.hand: record for record in moment.hands}
        # Those that were overtaken when it was recorded, then those that are now.
        overtaken = zip(*(by_hand[hand].earlier for hand in self._hands), strict=False)
        recorded = tuple(
            {hand: _moved(one, shift_ns) for hand, one in zip(self._hands, seen, strict=True)}
            for seen in overtaken
        )
        body: BodySight | None = None
        if moment.body is not None:
            observation = _moved(moment.body.observation, shift_ns)
            body = already_seen(observation, moment.body.stage_ms.get("body_detect", 0.0))
            overtaken_bodies = tuple(_moved(one, shift_ns) for one in moment.body.earlier)
            earlier_bodies = (*overtaken_bodies, *earlier_bodies)
        frame = Frame(moment.index, moment.t_capture_ns + shift_ns, self._image_of(moment.index))
        return Sight(
            frame,
            self._observations(moment, shift_ns),
            (*recorded, *earlier),
            t_seen_ns=frame.t_capture_ns if self._realtime else moment.t_publish_ns,
            stage_ms={name: ms for name, ms in moment.stage_ms.items() if name in ("capture", "detect")},
            notice="",
            body=body,
            earlier_bodies=earlier_bodies,
        )

    def _observations(self, moment: Moment, shift_ns: int) -> dict[Hand, Observation]:
        by_hand = {record.hand: record.observation for record in moment.hands}
        return {hand: _moved(by_hand[hand], shift_ns) for hand in self._hands}

    def _image_of(self, index: int) -> np.ndarray:
        """The image of a frame; black where the disk was too slow for it."""
        while self._image is None or self._image.index < index:
            self._image = next(self._frames, None)
            if self._image is None:
                break
        if self._image is not None and self._image.index == index:
            return self._image.image
        width, height = self.size_px
        return np.zeros((height, width, 3), np.uint8)


def _moved(observation: Seen, shift_ns: int) -> Seen:
    if not shift_ns:
        return observation
    return dataclasses.replace(observation, t_capture_ns=observation.t_capture_ns + shift_ns)
