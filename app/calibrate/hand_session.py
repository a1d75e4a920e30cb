"""A guided run through the poses of a hand calibration: frames in, samples of every step out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from app.detector import HandDetector
from app.errors import AppError
from app.frame import Frame, unmirrored
from app.interrupt import Interrupt
from app.run_camera import RunCamera
from app.sources.base import EndOfSource, Source
from app.sources.watch import SourceWatch
from app.window import ObservationWindow
from calibration.errors import CalibrationError
from calibration.hand_fit import STRAIGHT_STEPS
from calibration.hand_guide import STEPS, GuideState, HandGuide, Samples
from models.observation import Hand, Observation
from models.temporal import TemporalStage
from retarget import to_hand_frame

Say = Callable[[str], None]
_READ_TIMEOUT_S = 0.1
_SILENT_S = 10.0
_PATIENCE_S = 45.0  # for one step; without a window only: who sees one, sees what is wanted
_BETWEEN_HINTS_S = 2.0


class HandDisplay(Protocol):
    """Shows the operator what to do.

    Attributes:
        patient: somebody sees what is missing, so there is no need to give up.
    """

    patient: bool

    @property
    def cancelled(self) -> bool: ...

    def show(self, frame: Frame, observation: Observation, state: GuideState, notice: str) -> None:
        """Show one frame, what was seen in it, and what the guide makes of that."""
        ...

    def wait(self, notice: str) -> None:
        """No frame came; stay responsive."""
        ...

    def close(self) -> None: ...


class InstructionLines:
    """Instructions as lines of text, one where they change."""

    patient = False
    cancelled = False

    def __init__(self, say: Say) -> None:
        self._say = say
        self._index = -1
        self._hint = ""
        self._t_hint_ns = 0

    def show(self, frame: Frame, observation: Observation, state: GuideState, notice: str) -> None:
        if state.index != self._index:
            self._index = state.index
            number = min(state.index + 1, len(STEPS))
            self._say("all poses are seen" if state.done else f"{number}/{len(STEPS)}  {state.instruction}")
            self._hint, self._t_hint_ns = "", frame.t_capture_ns
        hint = notice or state.hint
        if hint and hint != self._hint and frame.t_capture_ns - self._t_hint_ns > _BETWEEN_HINTS_S * 1e9:
            self._say(f"     {hint}")
            self._hint, self._t_hint_ns = hint, frame.t_capture_ns

    def wait(self, notice: str) -> None:
        if notice and notice != self._hint:
            self._say(notice)
            self._hint = notice

    def close(self) -> None:
        """There is nothing to close."""


@dataclass(frozen=True)
class Seen:
    """What a run through all poses gave.

    Attributes:
        samples: by step, as the temporal stage saw them.
        detected_m: (N,21,3) metres, camera axes: the detector's keypoints while fingers were straight.
    """

    samples: dict[str, Samples]
    detected_m: np.ndarray


def see_poses(
    source: Source,
    detector: HandDetector,
    hand: Hand,
    temporal: TemporalStage,
    display: HandDisplay,
    camera: RunCamera,
    mirrored: bool = False,
) -> Seen | None:
    """Guide an operator through all poses; None if that was cancelled.

    Args:
        source: of the frames; the caller closes it.
        detector: of that hand.
        hand: which one.
        temporal: a stage that nothing was shown to before.
        display: of the instructions; the caller closes it.
        camera: what the hand is seen with.
        mirrored: the source shows a mirror image; what it mirrors is displayed, as keypoints are of that.

    Raises:
        AppError: the source gives no frames.
        CalibrationError: a pose was not shown, or only the other hand was; says what to do.
    """
    guide = HandGuide()
    window = ObservationWindow(hand, camera.pinhole)
    watch = SourceWatch(source.name, source.fps, source.live)
    detected: list[np.ndarray] = []
    other_hand = False
    silent_s = 0.0
    t_step_ns: int | None = None
    with Interrupt() as interrupt:
        while guide.step:
            if interrupt.asked or display.cancelled:
                return None
            try:
                frame = source.read(_READ_TIMEOUT_S)
            except EndOfSource:
                raise _missing(guide, other_hand, hand) from None
            if frame is None:
                silent_s += _READ_TIMEOUT_S
                if silent_s >= _SILENT_S:
                    raise AppError(
                        f"{source.name} gives no images; {source.status or 'unplug it and plug it in again'}"
                    )
                display.wait(source.status)
                continue
            silent_s = 0.0
            look = watch.look(frame, time.monotonic_ns() if source.live else None)
            frame, wrong_hand = look.frame, False
            if look.fresh:
                observation = detector.detect(frame)[hand]
                wrong_hand = detector.other_hand_in_view
            else:  # a pose is not held because its picture stands still
                observation = Observation.missing(frame.t_capture_ns, hand, source.size_px)
            other_hand = other_hand or wrong_hand
            window.add(camera.straightened(observation))
            trajectory = temporal.update(window.snapshot())
            keypoints_m = None
            if trajectory.source_state == "tracking":
                keypoints_m = to_hand_frame(trajectory.keypoints_m[0], hand)
            step, t_ns = guide.step, frame.t_capture_ns
            state = guide.look(keypoints_m, t_ns)
            if step in STRAIGHT_STEPS and state.held > 0.0 and observation.detected:
                detected.append(observation.keypoints_m)
            if t_step_ns is None or guide.step != step:
                t_step_ns = t_ns
            notice = source.status or look.notice
            if wrong_hand:
                notice = f"That is your {_other(hand)} hand; show the {hand} one"
            shown = replace(frame, image=unmirrored(frame.image, mirrored))
            display.show(shown, observation, state, notice)
            if guide.step and not display.patient and t_ns - t_step_ns > _PATIENCE_S * 1e9:
                raise _missing(guide, other_hand, hand)
    return Seen(guide.samples, np.array(detected))


def _missing(guide: HandGuide, other_hand: bool, hand: Hand) -> CalibrationError:
    if other_hand and not guide.hand_seen:
        other = _other(hand)
        return CalibrationError(
            f"only the {other} hand was shown; show the {hand} one, or calibrate that one with --hand {other}"
        )
    return CalibrationError(guide.what_is_missing())


def _other(hand: Hand) -> Hand:
    return "left" if hand == "right" else "right"
