"""Measures the delays that no clock of the pipeline sees, and keeps them for all runs to come."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from app.calibrate.latency_camera import CodeWatch
from app.calibrate.latency_robot import LiveRobot, LockstepRobot, move_robot
from app.calibrate.latency_settings import LatencyCalibrationSettings
from app.display import has_display
from app.errors import AppError
from app.files import require_writable
from app.interrupt import Interrupt
from app.sources.base import Source
from app.sources.open import open_source
from calibration.camera import canonical_source
from calibration.delays import Delays, delays_path, load_delays, save_delays
from calibration.joint_delay import estimate_actuator_delay
from calibration.loop_delay import LoopDelay, estimate_loop_delay
from robot import RobotError, RobotLink, connect, hand_spec, spawn_simulation

logger = logging.getLogger(__name__)

_MIDDLE = (0.33, 0.67)  # of the picture's height, where a rolling shutter's rows are about in time


def run_latency(settings: LatencyCalibrationSettings, path: Path | None = None) -> list[str]:
    """Measure the camera, the robot or both, and save; what was not measured stays as it was.

    Args:
        settings: what to measure.
        path: where to save, for all runs by default.

    Returns:
        Lines for the operator.

    Raises:
        AppError, CalibrationError, RobotError: nothing was saved; one sentence says why.
    """
    settings.check()
    before = load_delays(settings.source, settings.robot, path)
    require_writable(delays_path() if path is None else path)  # before anything moves for nothing
    if not settings.robot_only and not has_display():
        raise AppError(
            "no display to show the pattern on (neither DISPLAY nor WAYLAND_DISPLAY is set); run this on a "
            "desktop session, or measure the robot alone with --robot-only"
        )
    if not settings.camera_only and settings.robot != "sim" and not settings.arm:
        raise AppError(
            f"the {settings.hand} robot hand at {settings.robot} would go home and then swing all fingers by "
            f"up to 9 degrees for {settings.seconds:g} s: clear the space around it, then give --arm"
        )
    lines: list[str] = []
    delays = before
    with Interrupt() as interrupt:
        if not settings.robot_only:
            delays, said = _measure_camera(settings, delays, interrupt)
            lines += said
        if not settings.camera_only:
            delays, said = _measure_robot(settings, delays, interrupt)
            lines += said
    where = save_delays(delays, settings.source, settings.robot, path)
    return [*lines, _saved(settings, before, delays, where)]


def _saved(settings: LatencyCalibrationSettings, before: Delays, after: Delays, where: Path) -> str:
    told = ", ".join(
        f"{name} {_ms(old)} → {_ms(new)}"
        for name, old, new in (
            (f"camera {canonical_source(settings.source)}", before.camera_ms, after.camera_ms),
            ("actuator", before.actuator_ms, after.actuator_ms),
        )
    )
    return f"saved in {where}: {told}"


def _ms(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.1f} ms"


# -- the camera
# --------------------------------------------------------------------------------------------------------


def _measure_camera(
    settings: LatencyCalibrationSettings, delays: Delays, interrupt: Interrupt
) -> tuple[Delays, list[str]]:
    source = open_source(settings.source, realtime=True)
    try:
        if not source.live:
            raise AppError(
                f"{source.name} is no camera, so its frames have no delay; give --source webcam:N, or "
                "--robot-only"
            )
        found, lines = _watch_screen(settings, source, interrupt)
    finally:
        source.close()
    return replace(delays, camera_ms=round(found.camera_ms, 2)), lines


def _watch_screen(
    settings: LatencyCalibrationSettings, source: Source, interrupt: Interrupt
) -> tuple[LoopDelay, list[str]]:
    # Qt takes long to import, and a robot alone does not need it.
    from app.calibrate.latency_window import show_pattern

    with CodeWatch(source, settings.seconds) as watch:
        window = show_pattern(lambda: caption(watch), lambda: watch.done or interrupt.asked)
    if interrupt.asked:
        raise KeyboardInterrupt
    if watch.problem and not watch.sightings:
        raise AppError(f"the pattern was not measured: {watch.problem}")
    screen_ms = window.refresh_ms / 2.0 if settings.screen_ms is None else settings.screen_ms
    found = estimate_loop_delay(window.shown(), watch.sightings, watch.frames, screen_ms)
    lines = [
        f"camera delay: {found.camera_ms:.1f} ms ± {found.uncertain_ms + found.spread_ms:.1f} ms "
        f"({found.frames} of {watch.frames} frames, {found.outliers} left out)",
    ]
    if settings.screen_ms is None:
        lines.append(
            f"of the screen's own delay only half a refresh, {screen_ms:.1f} ms, is taken off; what it has "
            "beyond that counts as the camera's (give it with --screen-ms if you know it)"
        )
    if not window.tied:
        lines.append(
            "the pictures did not wait for the screen's refresh (vertical synchronisation is off), so the "
            f"delay may be wrong by another {window.refresh_ms:.0f} ms"
        )
    heights = sorted(float(one.reading.place[1]) for one in watch.sightings)
    if not _MIDDLE[0] <= heights[len(heights) // 2] <= _MIDDLE[1]:
        lines.append(
            "the pattern was near the upper or lower edge of the picture, whose rows are exposed earlier or "
            "later: measure again with it in the middle"
        )
    return found, lines


def caption(watch: CodeWatch) -> str:
    """What the operator is told on the screen, in a few words."""
    if watch.problem:
        return "No image from the camera"
    if not watch.in_sight:
        return "Point the camera at this screen"
    if watch.progress < 1.0:
        return f"Pattern found, hold still: {watch.progress:.0%}"
    return "Done"


# -- the robot
# ---------------------------------------------------------------------------------------------------------


def _measure_robot(
    settings: LatencyCalibrationSettings, delays: Delays, interrupt: Interrupt
) -> tuple[Delays, list[str]]:
    if settings.robot == "sim":
        with spawn_simulation(settings.hand, lockstep=True) as simulation, simulation.connect() as link:
            actuator_ms, lines = _excite(link, settings, interrupt)
    else:
        logger.warning("the robot %s moves for %g s; Ctrl-C ends it", settings.robot, settings.seconds)
        with connect(settings.robot, settings.hand, keys=settings.keys) as link:
            actuator_ms, lines = _excite(link, settings, interrupt)
    return replace(delays, actuator_ms=round(actuator_ms, 2)), lines


def _excite(
    link: RobotLink, settings: LatencyCalibrationSettings, interrupt: Interrupt
) -> tuple[float, list[str]]:
    spec = hand_spec(link.hand)
    if link.joint_names != spec.joint_names:
        raise RobotError(
            f"the robot at {link.endpoint} has other joints than an Allegro v4; its delay is followed "
            "while it moves, without a calibration"
        )
    robot = LockstepRobot(link) if link.lockstep else LiveRobot(link)
    motion = move_robot(robot, spec, settings.seconds, lambda: interrupt.asked)
    found = estimate_actuator_delay(motion.t_s, motion.q_rad, motion.excitation.at, spec.joint_names)
    lines = [
        f"actuator delay: {found.actuator_ms:.1f} ms, joints differ by ± {found.spread_ms:.1f} ms "
        f"({len(found.followed)} of {len(found.joints)} moved joints, coherence at least "
        f"{min(joint.coherence for joint in found.followed):.2f})"
    ]
    if link.clock.error_ns > 1_000_000:
        lines.append(f"the robot's clock is known to ± {link.clock.error_ns * 1e-6:.1f} ms only")
    return found.actuator_ms, lines
