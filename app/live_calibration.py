"""Calibrates an operator's hand in the middle of a run, at a key of the console."""

from __future__ import annotations

import logging
import threading

import numpy as np

from app.calibrate.hand import make_calibration, operator_flags
from app.calibrate.hand_session import Seen
from app.calibrate.hand_settings import CalibrateHandSettings
from app.hand_run import HandRun
from app.operator_retargeting import load_retargeter
from app.snapshot import CalibrationView
from calibration.errors import CalibrationError
from calibration.hand_fit import STRAIGHT_STEPS
from calibration.hand_guide import HOLD_S, STEPS, GuideState, HandGuide
from calibration.operator import save_operator
from retarget import Retargeter, RetargetError, to_hand_frame

logger = logging.getLogger(__name__)

_ARMED = ("ENGAGING", "TRACKING", "HOLD")
_REST_NS = 1_000_000_000  # within this time it has heard that it is disarmed

GUEST = "guest"
"""Name of the operator where none was given."""


class LiveCalibration:
    """Leads the operator of one lane through the poses, and hands the lane a retargeter for that hand.

    The robot rests meanwhile: a fist that is made for the calibration is not meant for it.

    Attributes:
        note: what came of it, one sentence; empty while it goes on.
    """

    def __init__(self, run: HandRun, settings: CalibrateHandSettings) -> None:
        """Begin; the robot is disarmed already.

        Args:
            run: of the hand.
            settings: whose hand it is, which one, what it is seen through and what it drives.
        """
        self.note = ""
        self._run = run
        self._settings = settings
        self._guide = HandGuide()
        self._state = GuideState("", 0, "", "", 0.0)
        self._detected_m: list[np.ndarray] = []
        self._finished: threading.Thread | None = None
        self._retargeter: Retargeter | None = None
        self._trouble = ""
        self._t_begun_ns: int | None = None

    @property
    def view(self) -> CalibrationView | None:
        """What the console shows; None once it is over."""
        if self.note:
            return None
        state = self._state
        pose = state.step.replace(" ", "_")
        return CalibrationView(
            title=f"Hand calibration: {self._settings.operator}",
            instruction=state.hint or state.instruction or "Thank you, that is all",
            picture=pose,
            progress=min((state.index + state.held) / len(STEPS), 1.0),
            steps=tuple(step.removeprefix("pinch ") for step in STEPS),
            steps_done=state.index,
            seconds_left=HOLD_S * (1.0 - state.held) if state.held else None,
        )

    def look(self) -> None:
        """Take in what has just become of the newest frame."""
        result = self._run.result
        if self.note or result is None:
            return
        if self._finished is not None:
            if not self._finished.is_alive():
                self._end()
            return
        trajectory, observation = result.trajectory, result.observation
        if self._t_begun_ns is None:
            self._t_begun_ns = trajectory.t_capture_ns
        state = self._run.state
        if state is not None and state.mode in _ARMED:
            if trajectory.t_capture_ns - self._t_begun_ns > _REST_NS:
                self.note = "not calibrated: the robot is armed and would make every pose; disarm it first"
            return
        keypoints_m = None
        if trajectory.source_state == "tracking":
            keypoints_m = to_hand_frame(trajectory.keypoints_m[0], trajectory.hand)
        step = self._guide.step
        self._state = self._guide.look(keypoints_m, trajectory.t_capture_ns)
        if step in STRAIGHT_STEPS and self._state.held > 0.0 and observation.detected:
            self._detected_m.append(observation.keypoints_m)
        if self._state.done:
            # Frames go on coming while a solver is built.
            self._finished = threading.Thread(target=self._finish, name="calibration", daemon=True)
            self._finished.start()

    def cancel(self) -> None:
        """Leave everything as it was."""
        self.note = self.note or "calibration cancelled; the hand counts as before"

    def _finish(self) -> None:
        settings = self._settings
        try:
            seen = Seen(self._guide.samples, np.array(self._detected_m))
            calibration = make_calibration(settings, seen)
            retargeter = load_retargeter(settings.robot_hand, calibration)
            if self.note:
                return  # cancelled: what was calibrated before stays
            save_operator(calibration, settings.output)
            self._retargeter = retargeter
        except (CalibrationError, RetargetError) as error:
            logger.warning("calibration: %s", error)
            self._trouble = str(error)

    def _end(self) -> None:
        if self._retargeter is None:
            self.note = f"not calibrated: {self._trouble}"
            return
        self._run.lane.retargeter = self._retargeter
        name, flags = self._settings.operator, operator_flags(self._settings)
        self.note = f"calibrated, and kept as {name}: A arms; next time start with {flags}"
