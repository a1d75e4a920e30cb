"""The loop over frames: source to robots, and what is shown and kept on the way."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np
from tqdm import tqdm

from app.clock import Clock
from app.frame import Frame
from app.hand_run import HandRun
from app.interrupt import Interrupt
from app.opencv import cv2
from app.overrun import Overruns
from app.overview import OverviewFrame, OverviewRecorder
from app.recorder import Recorder
from app.seeing import Gap, Sight, Sights
from app.settings import TeleopSettings
from app.snapshot import Snapshot
from app.sources.base import EndOfSource, SourceFacts
from app.timing import StageTimer
from app.trace import STAGES
from app.viewer_link import ViewerLink
from models.observation import Hand, Observation
from models.window import SLOT_RATE_HZ

logger = logging.getLogger(__name__)

OTHER_HAND_FRAMES = 30  # in a row, before it is worth a word
# Up to this rate there is time to do all of a frame before the next one comes, and one thread after the other
# takes 1 ms less in the middle and 5 ms less at worst than two that get in each other's way on two cores.
FASTEST_IN_TURN_HZ = 45.0
WAIT_S = 0.1  # without a frame for this long, gaps are bridged and the window is heard


class FrameLoop:
    """Processes frames one by one until the source, the operator, Ctrl-C or `max_frames` ends it.

    With fast sources reading and detecting go on on a thread of their own (`Eyes`), and what follows takes
    the newest frame that was seen; otherwise all of a frame is done before the next one is read.

    Attributes:
        timer: stage times of all frames.
        eyes: where frames come from, with its counts.
        overruns: frames that took too long.
        frames: how many were processed.
    """

    def __init__(
        self,
        settings: TeleopSettings,
        source: SourceFacts,
        eyes: Sights,
        clock: Clock,
        hands: dict[Hand, HandRun],
        interrupt: Interrupt,
    ) -> None:
        self.timer = StageTimer()
        self.eyes = eyes
        self.overruns = Overruns(1e3 / min(source.fps, SLOT_RATE_HZ))
        self.frames = 0
        self.viewer: ViewerLink | None = None
        self.overview: OverviewRecorder | None = None
        self.recorder: Recorder | None = None
        self._settings = settings
        self._source = source
        self._clock = clock
        self._hands = hands
        self._interrupt = interrupt
        self._other_hand_frames = 0
        self._other_hand = False
        self._look_notice = ""
        self._t_last_capture_ns = 0
        self._t_last_arrival_ns = 0
        # Sending to a simulation in lock-step moves the simulation: that is not the pipeline's time.
        self._send_stage = "publish" if settings.realtime else "simulate"

    def run(self) -> None:
        """Process frames; a progress bar shows how far a source of known length is."""
        if self._settings.realtime and self._source.fps > FASTEST_IN_TURN_HZ:
            self.eyes.start()
        try:
            self._run()
        finally:
            self.eyes.close()

    def _run(self) -> None:
        limit, total = self._settings.max_frames, self._source.frame_count
        if limit is not None:
            total = min(total or limit, limit)
        with tqdm(total=total, desc=self._source.name, unit="frame", disable=None if total else True) as bar:
            while limit is None or self.frames < limit:
                try:
                    sight = self.eyes.next(WAIT_S)
                except EndOfSource:
                    return
                if sight is None:
                    self._bridge_gap()
                elif isinstance(sight, Gap):
                    self._bridge(sight.t_capture_ns)
                else:
                    self._process(sight)
                    bar.update()
                if self._interrupt.asked or self._operator_quits():
                    return

    def _process(self, sight: Sight) -> None:
        frame = sight.frame
        t_taken_ns = self._clock.now_ns()
        self._t_last_capture_ns = frame.t_capture_ns
        self._t_last_arrival_ns = t_taken_ns
        self._note(sight.notice)
        self._other_hand = sight.other_hand
        self.frames += 1
        timer, realtime = self.timer, self._settings.realtime
        for stage, took_ms in sight.stage_ms.items():
            timer.add(stage, took_ms)
        timer.add("wait", (t_taken_ns - sight.t_seen_ns) * 1e-6)
        published_ns = 0
        for hand, hand_run in self._hands.items():
            for earlier in sight.earlier:
                hand_run.lane.remember(earlier[hand])
            result = hand_run.drive(sight.observations[hand], timer, self._send_stage)
            published_ns = result.message.t_publish_ns
        stage_ms = timer.end_frame()
        if realtime:
            age_ms = (published_ns - frame.t_capture_ns) * 1e-6
            self.overruns.add(stage_ms, age_ms)
        else:
            age_ms = sum(stage_ms.get(stage, 0.0) for stage in STAGES)
        for hand_run in self._hands.values():
            hand_run.account(frame, stage_ms, age_ms)
        if self.recorder is not None:
            self.recorder.frame(sight, self._hands, stage_ms)
        self._warn_of_other_hand()
        self._keep_and_show(frame, age_ms)

    def _note(self, notice: str) -> None:
        """Say what is wrong with the images once, where no window shows it."""
        if notice and not self._look_notice and self.viewer is None:
            logger.warning("%s", notice)
        self._look_notice = notice

    def _warn_of_other_hand(self) -> None:
        """Where no window shows the notice, say once that the wrong hand is in view."""
        self._other_hand_frames = self._other_hand_frames + 1 if self._other_hand else 0
        if self._other_hand_frames == OTHER_HAND_FRAMES and self.viewer is None:
            logger.warning("%s", self._notice())

    def _keep_and_show(self, frame: Frame, age_ms: float) -> None:
        if self.overview is None and self.viewer is None:
            return
        if self._settings.mirror:
            # Keypoints belong to the unmirrored image, so that is what is shown.
            frame = dataclasses.replace(frame, image=cv2.flip(frame.image, 1))
        shown = [
            OverviewFrame.of(run.result, run.state) for run in self._hands.values() if run.result is not None
        ]
        if self.overview is not None:
            self.overview.add(frame, shown)
        if self.viewer is not None:
            self.viewer.show(Snapshot.of(frame.image, shown, age_ms, self._notice()))

    def _bridge_gap(self) -> None:
        """No frame came: time goes on, so that the robot hears that the hand is being predicted, or lost."""
        if self.frames == 0 or not self._settings.realtime:
            return
        # A frame that came now would have been captured as long ago as the last one had: the next frame must
        # not find itself in the past.
        self._bridge(self._t_last_capture_ns + self._clock.now_ns() - self._t_last_arrival_ns)

    def _bridge(self, t_missing_ns: int) -> None:
        """Time went on to `t_missing_ns`, and nothing was seen."""
        shown = []
        for hand, hand_run in self._hands.items():
            missing = Observation.missing(t_missing_ns, hand, self._source.size_px)
            shown.append(OverviewFrame.of(hand_run.drive(missing, self.timer, "publish"), hand_run.state))
        self.timer.drop_frame()
        if self.recorder is not None:
            self.recorder.gap(self._hands)
        if self.viewer is not None:
            width, height = self._source.size_px
            self.viewer.show(Snapshot.of(np.zeros((height, width, 3), np.uint8), shown, 0.0, self._notice()))

    def _operator_quits(self) -> bool:
        """Carry out what the operator asked for in the window; True if that is to end the run."""
        while self.viewer is not None and (command := self.viewer.poll_command()) is not None:
            if command == "quit":
                return True
            for hand_run in self._hands.values():
                hand_run.robot.command(command)
        return False

    def _notice(self) -> str:
        """The one sentence the operator most needs to read now."""
        if self._source.status or self._look_notice:
            return self._source.status or self._look_notice
        if self._other_hand:
            other = "left" if self._settings.hand == "right" else "right"
            return f"only a {other} hand is in view: show the other one, or start with --hand {other}"
        return ""
