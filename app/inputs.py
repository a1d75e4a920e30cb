"""What a run looks at: a source and a detector, or a recording of what they said."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from app.assets import resolve_hand_landmarker, resolve_pose_landmarker
from app.body_sight import BodyEyes
from app.clock import Clock, FileClock, MonotonicClock
from app.detector import HandDetector
from app.horizon import Horizon
from app.recording_meta import read_meta
from app.replay import RecordedClock, RecordedHorizon, Replay
from app.run_calibration import DamagedCalibrationError, RunCalibration, load_operators
from app.seeing import Eyes, Sights
from app.settings import TeleopSettings, parse_horizon_ms
from app.sources.base import Source, SourceFacts
from app.sources.open import open_source, recording_of
from app.sources.recording import RecordingSource
from models.observation import Hand

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Inputs:
    """What a run looks at, and the clocks that belong to it.

    Attributes:
        source: facts of where frames come from.
        eyes: gives the frames with what was seen in them.
        clock: of the loop.
        calibration: of camera, operator and delays.
        lane_times: gives each hand's lane its clock and its horizon.
        body_clock: of the body's lane.
        truth_m: (N,21,3) true keypoints of the right hand, camera frame, where the source knows them.
    """

    source: SourceFacts
    eyes: Sights
    clock: Clock
    calibration: RunCalibration
    lane_times: Callable[[Hand], tuple[Clock, Horizon]]
    body_clock: Clock
    truth_m: np.ndarray | None = None


def open_live(
    settings: TeleopSettings, source: Source | None, headless: bool, stack: contextlib.ExitStack
) -> Inputs:
    """A source and its detectors, closed by `stack`.

    Args:
        settings: of the run.
        source: instead of the one that the settings name.
        headless: False lets a rendered hand go on until somebody closes the window.
        stack: closes what is opened.

    Raises:
        AppError, CalibrationError: something is missing or broken; one sentence says what.
    """
    if source is None:
        script = "visit" if settings.booth else "demo"
        source = open_source(settings.source, realtime=settings.realtime, loop=not headless, script=script)
    stack.callback(source.close)
    detector: HandDetector | None = None
    if settings.hands:
        model = resolve_hand_landmarker(settings.hand_model)
        detector = stack.enter_context(
            HandDetector(
                model, settings.hands, settings.mirror, crowd=settings.booth, device=settings.detector_device
            )
        )
    body: BodyEyes | None = None
    if settings.body:
        body_model = resolve_pose_landmarker(settings.body_model)
        from app.body_detector import BodyDetector  # MediaPipe takes most of a second

        body = BodyEyes(stack.enter_context(BodyDetector(body_model, settings.mirror)))
    clock: Clock = MonotonicClock() if settings.realtime else FileClock()
    recording = recording_of(settings.source)
    if recording is not None:
        try:
            calibration = _recorded_calibration(read_meta(recording).run, settings)
        except DamagedCalibrationError as error:
            logger.warning("%s", error)  # which says what is done here
            calibration = RunCalibration(operators=load_operators(settings.operator, settings.hands))
    else:
        calibration = RunCalibration.load(
            settings.source, source.live, settings.robot, settings.operator, settings.hands
        )
    # What a camera showed before it was looked at was skipped; what was not recorded was not.
    first_index = source.first_index if isinstance(source, RecordingSource) else 0
    # Only the rendered camera knows the truth; where it loops nobody asks for it.
    truth = getattr(source, "truth", None) if headless else None
    return Inputs(
        source,
        Eyes(source, detector, clock, settings.realtime, body, first_index),
        clock,
        calibration,
        lambda hand: (clock, Horizon(parse_horizon_ms(settings.horizon_ms), calibration.delays)),
        clock,
        None if truth is None else truth.keypoints_m,
    )


def open_replay(settings: TeleopSettings, recording: Path, stack: contextlib.ExitStack) -> Inputs:
    """A recording, closed by `stack`; not in real time it brings its own clocks and horizons.

    Raises:
        AppError, CalibrationError: it cannot be replayed; one sentence says why.
    """
    replay = Replay(recording, settings.realtime, settings.hands, body=settings.body)
    stack.callback(replay.close)
    recorded = replay.meta.run
    calibration = _recorded_calibration(recorded, settings)
    horizon_ms = parse_horizon_ms(settings.horizon_ms)
    if settings.realtime:
        monotonic = MonotonicClock()
        return Inputs(
            replay,
            replay,
            monotonic,
            calibration,
            lambda hand: (monotonic, Horizon(horizon_ms, calibration.delays)),
            monotonic,
        )
    repeats = recorded.get("settings", {}).get("horizon_ms") == settings.horizon_ms
    for hand in settings.hands:
        replay.clocks[hand] = RecordedClock()
        replay.horizons[hand] = RecordedHorizon(horizon_ms, calibration.delays, repeats)
    return Inputs(
        replay,
        replay,
        replay.clocks[settings.hands[0]] if settings.hands else replay.body_clock,
        calibration,
        lambda hand: (replay.clocks[hand], replay.horizons[hand]),
        replay.body_clock,
    )


def _recorded_calibration(recorded: dict[str, Any], settings: TeleopSettings) -> RunCalibration:
    """What was calibrated when a recording was made; the operator's hand is another if one is asked for."""
    if not recorded:  # of the first version
        return RunCalibration(operators=load_operators(settings.operator, settings.hands))
    calibration = RunCalibration.of_plain(recorded.get("calibration", {}))
    if settings.operator != recorded.get("settings", {}).get("operator"):
        calibration = replace(calibration, operators=load_operators(settings.operator, settings.hands))
    return calibration
