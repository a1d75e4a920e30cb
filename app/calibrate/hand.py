"""`calibrate hand` from its flags to the calibration that `--operator` loads."""

from __future__ import annotations

import contextlib
import logging

import numpy as np

from app.assets import resolve_hand_landmarker
from app.calibrate.hand_report import compare, robot_poses
from app.calibrate.hand_session import HandDisplay, InstructionLines, Say, Seen, see_poses
from app.calibrate.hand_settings import CalibrateHandSettings, check_settings
from app.detector import HandDetector
from app.display import choose_headless
from app.errors import CancelledError, UsageError
from app.files import require_writable
from app.operator_retargeting import load_retargeter
from app.run_camera import RunCamera
from app.sources.base import Source
from app.sources.open import open_source
from calibration.camera import load_camera
from calibration.hand_fit import fit_operator
from calibration.operator import (
    OperatorCalibration,
    operator_file,
    operators_path,
    quoted,
    save_operator,
)
from models.hand_model import HandModel
from models.posebert_input import mean_bone_lengths
from models.temporal import load_temporal

logger = logging.getLogger(__name__)

# What MediaPipe sees of the rendered hand of mean proportions, flat and spread, metres. It puts its keypoints
# elsewhere along the fingers than the hand model does, by up to 10 mm.
MEAN_SEEN_M = np.array(
    (
        0.0419, 0.0335, 0.0381, 0.0303, 0.1046, 0.0307, 0.0218, 0.0306, 0.1029, 0.0389,
        0.0284, 0.0316, 0.1009, 0.0318, 0.0256, 0.0287, 0.0885, 0.0239, 0.0239, 0.0209,
    )
)  # fmt: skip


def run_hand(
    settings: CalibrateHandSettings,
    say: Say = logger.info,
    source: Source | None = None,
    display: HandDisplay | None = None,
) -> list[str]:
    """Guide an operator through the poses and keep what follows from them; the lines to print at the end.

    Args:
        settings: the flags.
        say: takes instructions, line by line, where there is no window.
        source: frames to use instead of those of `settings.source`; it is closed here.
        display: shows the instructions instead of a window or lines; it is closed here.

    Raises:
        UsageError: a flag has an illegal value.
        AppError: the source or a file is unusable.
        CancelledError: the operator gave up.
        RetargetError: the robot hand is none.
        CalibrationError: a pose was not shown; one sentence says which. What was kept before stays.
    """
    with contextlib.ExitStack() as stack:
        if source is not None:
            stack.callback(source.close)
        if display is not None:
            stack.callback(display.close)
        check_settings(settings)
        path = operator_file(settings.operator, settings.hand, settings.output)
        require_writable(path)
        usual = load_retargeter(_robot_hand(settings))  # what is no hand is refused before anybody poses
        if usual.config.type != "dexpilot":
            raise UsageError(
                f"--robot-hand {settings.robot_hand} is of type {usual.config.type}, which knows no pinches "
                "to compare; give one of type dexpilot"
            )
        if source is None:
            source = open_source(settings.source, realtime=settings.realtime, script="calibrate")
            stack.callback(source.close)
        model = resolve_hand_landmarker(settings.hand_model)
        detector = stack.enter_context(HandDetector(model, (settings.hand,), settings.mirror))
        temporal = load_temporal(settings.temporal, settings.network)
        camera = RunCamera(source.size_px, load_camera(settings.source))
        if display is None:
            display = _open_display(settings, source, say)
            stack.callback(display.close)
        seen = see_poses(source, detector, settings.hand, temporal, display, camera, settings.mirror)
    if seen is None:
        raise CancelledError("cancelled; what was calibrated before stays as it is")
    calibration = make_calibration(settings, seen)
    calibrated = load_retargeter(_robot_hand(settings), calibration)
    save_operator(calibration, settings.output)  # before anything else can go wrong: somebody posed for it
    table = compare(robot_poses(usual, seen.samples), robot_poses(calibrated, seen.samples))
    return [*table, *_facts(calibration), f"calibration: {path}", _how_to_use(settings)]


def make_calibration(settings: CalibrateHandSettings, seen: Seen) -> OperatorCalibration:
    """The calibration of what was seen.

    Raises:
        CalibrationError: a pose was not performed.
    """
    return fit_operator(
        settings.operator,
        settings.hand,
        settings.temporal,
        seen.samples,
        seen.detected_m,
        MEAN_SEEN_M,
        mean_bone_lengths(HandModel.load()),
        None if settings.palm_mm is None else settings.palm_mm * 1e-3,
    )


def _robot_hand(settings: CalibrateHandSettings) -> str:
    if settings.hand == "left" and settings.robot_hand == CalibrateHandSettings.robot_hand:
        return "allegro_left"
    return settings.robot_hand


def _facts(calibration: OperatorCalibration) -> list[str]:
    palm_mm = 1e3 * calibration.palm_m
    how = "as measured" if calibration.palm_measured else "as every hand is seen; --palm-mm tells its size"
    bent = np.degrees([finger.open_rad for finger in calibration.fingers.values()])
    closing = ", ".join(
        f"{finger} {1e3 * pinch.project_m:.0f}–{1e3 * pinch.escape_m:.0f} mm"
        for finger, pinch in calibration.pinches.items()
    )
    worst = max(calibration.quality, key=lambda step: calibration.quality[step].unsteady_m)
    return [
        f"scale {calibration.scale:.3f}; palm {palm_mm:.0f} mm ({how})",
        f"pinches close and open at: {closing}",
        f"flat hand: seen bent by {', '.join(f'{angle:.0f}°' for angle in bent)} at the knuckles, taken away",
        f"least steady: {worst}, ±{1e3 * calibration.quality[worst].unsteady_m:.1f} mm at the fingertips",
    ]


def _how_to_use(settings: CalibrateHandSettings) -> str:
    kept = operators_path()
    elsewhere = settings.output is not None and settings.output.resolve() != kept.resolve()
    place = f"move it to {kept}, then " if elsewhere else ""
    return f"{place}use it with: python launch.py teleop {operator_flags(settings)}"


def operator_flags(settings: CalibrateHandSettings) -> str:
    """The flags of teleop that take what was calibrated."""
    stage = "" if settings.temporal == "posebert" else f" --temporal {settings.temporal}"
    return f"--operator {quoted(settings.operator)} --hand {settings.hand}{stage}"


def _open_display(settings: CalibrateHandSettings, source: Source, say: Say) -> HandDisplay:
    if choose_headless(settings.headless, window=False):
        return InstructionLines(say)
    # Qt takes long to import.
    from app.calibrate.hand_page import HandPage

    title = f"PoseHand  {settings.hand} hand of {settings.operator}"
    return HandPage(title, settings.hand, mirrored=source.live)
