"""The loop over frames: source to robots, and what is shown and kept on the way."""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from concurrent.futures import Executor, ThreadPoolExecutor, wait

import numpy as np
from tqdm import tqdm

from app.body_patience import BodyPatience
from app.body_run import BodyRun
from app.body_snapshot import BodySnapshot
from app.body_trace import BODY_STAGES
from app.booth.gate import BoothGate
from app.booth.status import BoothStatus
from app.calibrate.hand_settings import CalibrateHandSettings
from app.clock import Clock
from app.console.command import ROBOT_COMMANDS, Command
from app.console.link import Console
from app.console.maker import SnapshotMaker
from app.frame import Frame
from app.hand_run import HandRun
from app.interrupt import Interrupt
from app.live_calibration import GUEST, LiveCalibration
from app.opencv import cv2
from app.overrun import Overruns
from app.overview import OverviewFrame, OverviewRecorder
from app.recorder import Recorder
from app.refusal import Refusal
from app.rhythm import Rhythm
from app.run_dir import RECORDINGS
from app.seeing import Gap, Sight, Sights
from app.settings import TeleopSettings
from app.sources.base import EndOfSource, SourceFacts
from app.timing import FrameRate, StageTimer
from app.trace import STAGES
from app.wrist_run import WRIST_STAGE, WristRun
from models.body_observation import BodyObservation
from models.observation import Hand, Observation
from models.window import SLOT_RATE_HZ
from robot.allegro_versions import version_spec

logger = logging.getLogger(__name__)

OTHER_HAND_FRAMES = 30  # in a row, before it is worth a word
BOOTH_OTHER_HAND_FRAMES = 10  # of a visitor, who is waiting for an answer
# Up to this rate there is time to do all of a frame before the next one comes, and one thread after the other
# takes 1 ms less in the middle and 5 ms less at worst than two that get in each other's way on two cores.
FASTEST_IN_TURN_HZ = 45.0
HELD_UP_S = 1.0  # a robot is not moved by what was asked for that long ago
MOVING_COMMANDS = ("arm", "home", "reset")
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
        body: BodyRun | None = None,
    ) -> None:
        self.timer = StageTimer()
        self.eyes = eyes
        self.overruns = Overruns(1e3 / min(source.fps, SLOT_RATE_HZ))
        self.frames = 0
        self.console: Console | None = None
        self.overview: OverviewRecorder | None = None
        self.recorder: Recorder | None = None
        self.booth: BoothGate | None = None
        self.booth_status: BoothStatus | None = None
        self.calibration: LiveCalibration | None = None
        self.wrists: WristRun | None = None
        self._settings = settings
        self._source = source
        self._clock = clock
        self._hands = hands
        self._body = body
        self._rate = FrameRate()
        self._rhythm = Rhythm()
        self._maker = SnapshotMaker(hands, body)
        self._interrupt = interrupt
        self._other_hand_frames = 0
        self._other_hand = False
        self._look_notice = ""
        self._refusal = Refusal()
        self._beside: Executor | None = None  # computes while this thread waits, or looks
        self._t_polled_s = time.monotonic()
        self._t_last_capture_ns = 0
        self._t_last_arrival_ns = 0
        self._patience = BodyPatience(clock, source)
        # Sending to a simulation in lock-step moves the simulation: that is not the pipeline's time.
        self._send_stage = "publish" if settings.realtime else "simulate"

    @property
    def rate_hz(self) -> float | None:
        """Frames a second that went through the pipeline; None before the second."""
        return self._rate.rate_hz

    def run(self) -> None:
        """Process frames; a progress bar shows how far a source of known length is."""
        in_turn = self._source.fps <= FASTEST_IN_TURN_HZ
        with ThreadPoolExecutor(1, "prepare") as beside:
            if in_turn:
                self._beside = beside
                self.eyes.on_frame = self._expect
            elif self._settings.realtime:
                self.eyes.start()
            try:
                self._run()
            finally:
                self.eyes.close()
                # Or loop and eyes would keep each other, and the detector, until garbage is searched for.
                self.eyes.on_frame = lambda _: None

    def _expect(self, t_capture_ns: int | None) -> None:
        """Have lanes prepare for the frame captured then; None where nobody can tell when."""
        if self._beside is not None and t_capture_ns is not None:
            for hand_run in self._hands.values():
                hand_run.lane.expect(t_capture_ns, self._beside)

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
                    if not self._body_is_seen(sight):
                        return
                    self._process(sight)
                    self._expect(self._rhythm.next_ns)
                    bar.update()
                if self._interrupt.asked or self._operator_quits():
                    return

    def _body_is_seen(self, sight: Sight) -> bool:
        """Wait for the body where a frame does not go on without it; False if an end was asked for."""
        if sight.body is not None and not (self._hands and self._settings.realtime):
            while not wait([sight.body], WAIT_S).done:
                if self._interrupt.asked:
                    return False
        return True

    def let_arm_rest(self) -> None:
        """Open the clutch and say so: who plays on what was said last must not go on with it."""
        if self.wrists is not None:
            self.wrists.wrists.disengage()
            self.wrists.tell(self._hands, self._body, self._clock.now_ns(), self.timer)

    def _process(self, sight: Sight) -> None:
        frame = sight.frame
        t_taken_ns = self._clock.now_ns()
        self._t_last_capture_ns = frame.t_capture_ns
        self._t_last_arrival_ns = t_taken_ns
        self._rate.count(time.monotonic_ns())
        self._rhythm.add(frame.t_capture_ns)
        self._note(sight.notice)
        self._other_hand = sight.other_hand
        self.frames += 1
        timer, realtime = self.timer, self._settings.realtime
        for stage, took_ms in sight.stage_ms.items():
            timer.add(stage, took_ms)
        timer.add("wait", (t_taken_ns - sight.t_seen_ns) * 1e-6)
        if self.booth is not None:
            overtaken = tuple(self._admitted(_t_ns(seen), seen) for seen in sight.earlier)
            observations = self._admitted(frame.t_capture_ns, sight.observations, sight.others)
            sight = dataclasses.replace(sight, observations=observations, earlier=overtaken)
        published_ns = 0
        for hand, hand_run in self._hands.items():
            for earlier in sight.earlier:
                hand_run.lane.remember(earlier[hand])
            result = hand_run.drive(sight.observations[hand], timer, self._send_stage)
            published_ns = result.message.t_publish_ns
        if self._hands and realtime:
            sight = self._patience.wait(sight)
        if self._body is not None and sight.body is not None:
            for overtaken_body in sight.earlier_bodies:
                self._body.lane.remember(overtaken_body)
            seen = sight.body.result()
            if seen.detect_ms:
                timer.add("body_detect", seen.detect_ms)
            body_ns = self._body.follow(seen.observation, timer).message.t_publish_ns
            published_ns = published_ns or body_ns
        if self.wrists is not None:
            self.wrists.tell(self._hands, self._body, self._clock.now_ns(), timer)
        stage_ms = timer.end_frame()
        if realtime:
            age_ms = (published_ns - frame.t_capture_ns) * 1e-6
            # What comes after that was sent is not to blame for its age.
            late = (WRIST_STAGE, *(BODY_STAGES[1:] if self._hands else ()))
            self.overruns.add({name: ms for name, ms in stage_ms.items() if name not in late}, age_ms)
        else:
            stages = STAGES if self._hands else BODY_STAGES
            age_ms = sum(stage_ms.get(stage, 0.0) for stage in stages)
        for hand_run in self._hands.values():
            hand_run.account(frame, stage_ms, age_ms)
        if self._body is not None:
            self._body.account(frame, stage_ms, realtime)
        if self.calibration is not None:
            self.calibration.look()
        if self.recorder is not None:
            self.recorder.frame(sight, self._hands, stage_ms, self._body)
        self._warn_of_other_hand()
        self._keep_and_show(frame, stage_ms, age_ms)

    def _note(self, notice: str) -> None:
        """Say what is wrong with the images once, where no window shows it."""
        if notice and not self._look_notice and self.console is None:
            logger.warning("%s", notice)
        self._look_notice = notice

    def _warn_of_other_hand(self) -> None:
        """Where no window shows the notice, say once that the wrong hand is in view."""
        self._other_hand_frames = self._other_hand_frames + 1 if self._other_hand else 0
        if self._other_hand_frames == OTHER_HAND_FRAMES and self.console is None:
            logger.warning("%s", self._notice())

    def _keep_and_show(self, frame: Frame, stage_ms: dict[str, float], age_ms: float) -> None:
        t_now_ns = self._clock.now_ns()
        self._maker.count(t_now_ns)
        due = self.console is not None and self.console.due(t_now_ns)
        if self.overview is None and not due:
            return
        if self._settings.mirror:
            # Keypoints belong to the unmirrored image, so that is what is shown.
            frame = dataclasses.replace(frame, image=cv2.flip(frame.image, 1))
        if self.overview is not None:
            hands = [
                OverviewFrame.of(run.result, run.state, run.robot.version)
                for run in self._hands.values()
                if run.result is not None
            ]
            followed = None if self._body is None else self._body.result
            body = None if followed is None else BodySnapshot.of(followed, followed.trajectory.source_state)
            self.overview.add(frame, hands, body)
        if due:
            self._show(frame.image, stage_ms, age_ms)

    def _show(
        self, image: np.ndarray | None, stage_ms: dict[str, float] | None = None, age_ms: float = math.nan
    ) -> None:
        """Show the newest state of things, without an image if no frame came."""
        if self.console is None:
            return
        recorder = self.recorder
        snapshot = self._maker.make(
            image,
            self._clock.now_ns(),
            stage_ms,
            age_ms,
            notice=self._notice(),
            recording=recorder is not None and recorder.running,
            recording_note="" if recorder is None else recorder.status,
            booth=self.booth_status,
            calibration=None if self.calibration is None else self.calibration.view,
            arm_led=None if self.wrists is None else self.wrists.wrists.engaged,
        )
        self.console.show(snapshot)

    def _admitted(
        self, t_ns: int, observations: dict[Hand, Observation], others: tuple[Observation, ...] = ()
    ) -> dict[Hand, Observation]:
        """What the booth lets the lanes see; the robots are told what follows from it."""
        if self.booth is None:
            return observations
        states = {hand: run.state for hand, run in self._hands.items()}
        gated = self.booth.filter(t_ns, observations, states, others)
        other_hand = self._other_hand_frames >= BOOTH_OTHER_HAND_FRAMES
        self.booth_status = dataclasses.replace(gated.status, other_hand=other_hand)
        for hand, commands in gated.commands.items():
            for command in commands:
                self._hands[hand].robot.command(command)
        return gated.observations

    def _bridge_gap(self) -> None:
        """No frame came: time goes on, so that the robot hears that the hand is being predicted, or lost."""
        if self.frames == 0 or not self._settings.realtime:
            return
        # A frame that came now would have been captured as long ago as the last one had: the next frame must
        # not find itself in the past.
        self._bridge(self._t_last_capture_ns + self._clock.now_ns() - self._t_last_arrival_ns)

    def _bridge(self, t_missing_ns: int) -> None:
        """Time went on to `t_missing_ns`, and nothing was seen."""
        missing = {
            hand: Observation.missing(t_missing_ns, hand, self._source.size_px) for hand in self._hands
        }
        if self.booth is not None:
            missing = self._admitted(t_missing_ns, missing)
        for hand, hand_run in self._hands.items():
            hand_run.drive(missing[hand], self.timer, "publish")
        if self._body is not None:
            self._body.follow(BodyObservation.missing(t_missing_ns, self._source.size_px), self.timer)
        if self.wrists is not None:
            self.wrists.tell(self._hands, self._body, self._clock.now_ns(), self.timer)
        self.timer.drop_frame()
        if self.recorder is not None:
            self.recorder.gap(self._hands, self._body)
        self._show(None)

    def _operator_quits(self) -> bool:
        """Carry out what the operator asked for in the window; True if that is to end the run."""
        commands: list[Command] = []
        while self.console is not None and (command := self.console.poll_command()) is not None:
            commands.append(command)
        names = [command.name for command in commands]
        if "quit" in names:
            return True
        if "stop" in names:  # what was asked for before it is not to undo it
            del commands[: len(names) - 1 - names[::-1].index("stop")]
        t_now_s = time.monotonic()
        held_up, self._t_polled_s = t_now_s - self._t_polled_s > HELD_UP_S, t_now_s
        for command in commands:
            if held_up and self._moves(command):
                sentence = f"{command.name} was asked for while nothing went on; ask again"
                logger.warning("%s", sentence)
                self._refusal.say(sentence)
            else:
                self._obey(command)
        return False

    def _moves(self, command: Command) -> bool:
        """Whether a robot or an arm may move for it."""
        engages = self.wrists is not None and not self.wrists.wrists.engaged
        return command.name in MOVING_COMMANDS or (command.name == "clutch" and engages)

    def _obey(self, command: Command) -> None:
        self._refusal.say("")
        if self.calibration is not None and command.name in MOVING_COMMANDS:
            self.calibration.cancel()
            self.calibration = None
        if self.wrists is not None:
            self.wrists.heed(command.name)
        elif command.name == "clutch":
            self._refusal.say("the clutch is for an arm: start with --publish tcp://127.0.0.1:5580")
        if self.booth is not None:
            self.booth.heed(command.name)
            if command.name == "arm":
                return  # it lets visitors in; their palm arms the robot
        if command.name == "calibrate" and self.booth is None:
            self._calibrate()
        if command.name == "record" and self.recorder is not None:
            if self.calibration is not None and not self.calibration.note:
                self._refusal.say(
                    "finish the calibration first, or give it up (C): a recording holds for one"
                )
            else:
                self.recorder.toggle(RECORDINGS)
        for hand_run in self._hands.values():
            horizon = hand_run.lane.horizon
            if command.name in ROBOT_COMMANDS:
                if refusal := hand_run.robot.command(command.name):
                    self._refusal.say(refusal)
            elif command.name == "horizon":
                horizon.shift(command.value)
            elif command.name == "horizon_auto":
                horizon.give_back_to_auto()

    def _calibrate(self) -> None:
        """Begin to calibrate the first hand, or give that up."""
        if self.calibration is not None and not self.calibration.note:
            self.calibration.cancel()
            return
        if not self._hands:
            self._refusal.say("no hand is followed: start with --hand right or left to calibrate one")
            return
        if self.recorder is not None and self.recorder.running:
            self._refusal.say("end the recording first (R): it holds for one calibration")
            return
        for hand_run in self._hands.values():
            hand_run.robot.command("disarm")
        hand, hand_run = next(iter(self._hands.items()))
        settings = CalibrateHandSettings(
            operator=self._settings.operator or GUEST,
            hand=hand,
            temporal=self._settings.temporal,
            robot_hand=version_spec(hand_run.robot.version, hand).name,
        )
        self.calibration = LiveCalibration(hand_run, settings)

    def _notice(self) -> str:
        """The one sentence the operator most needs to read now."""
        if self._source.status or self._look_notice:
            return self._source.status or self._look_notice
        if refusal := self._refusal.told:
            return refusal
        if self.calibration is not None and self.calibration.note:
            return self.calibration.note
        stages = [run.lane.temporal.facts() for run in self._hands.values()]
        if self._body is not None:
            stages.append(self._body.lane.temporal.facts())
        if any(facts.get("failed") for facts in stages):
            return "the GPU failed: poses are computed on the CPU now"
        if self._other_hand and self.booth is None:  # whose page tells visitors in words of their own
            other = "left" if self._settings.hand == "right" else "right"
            return f"only a {other} hand is in view: show the other one, or start with --hand {other}"
        return ""


def _t_ns(observations: dict[Hand, Observation]) -> int:
    return max(observation.t_capture_ns for observation in observations.values())
