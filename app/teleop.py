"""A teleoperation run: sets everything up, runs the loop, and leaves the results."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from app.booth.gate import BoothGate
from app.console.link import Console, ConsoleLink
from app.display import choose_headless
from app.errors import AppError
from app.files import require_writable
from app.hand_run import HandRun
from app.horizon import Horizon
from app.inputs import Inputs, open_live, open_replay
from app.interrupt import Interrupt
from app.lane import HandLane
from app.loop import FrameLoop
from app.machine import describe_machine, package_versions
from app.memory import leave_alone_what_stays
from app.operator_retargeting import OperatorRetargeter, load_retargeter
from app.overview import OverviewRecorder
from app.recorder import Recorder
from app.report import RunStatistics, build_report, plain_settings, save_report
from app.robot_port import RobotPort, open_robot
from app.run_camera import RunCamera
from app.run_dir import make_run_dir
from app.settings import TeleopSettings, check_settings
from app.sources.base import Source, SourceFacts
from app.trace import Trace
from app.window import ObservationWindow
from models.observation import Hand
from models.temporal import load_temporal
from robot.scene import ObjectKind

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunResult:
    """What a run left behind.

    Attributes:
        report: as written to report.json.
        files: what was written, with its kind.
    """

    report: dict[str, Any]
    files: list[tuple[str, Path]]


OpenRobot = Callable[[str, Hand, bool, bool, Path | None, ObjectKind | Literal["none"]], RobotPort]
OpenConsole = Callable[[str, list[str], Path | None, bool], Console]


def run_teleop(
    settings: TeleopSettings,
    source: Source | None = None,
    open_robot: OpenRobot = open_robot,
    recording: Path | None = None,
    open_console: OpenConsole | None = None,
) -> RunResult:
    """Drive the robot hand from the source until it ends, the window closes or Ctrl-C; then report.

    Args:
        settings: what is asked for.
        source: frames to use instead of those of `settings.source`; it is closed here.
        open_robot: gives the robot of each hand, closed here too; benchmarks listen in.
        recording: take what was seen from here instead of from `settings.source` and a detector.
        open_console: gives what shows the run, display or not; None opens the window unless headless.

    Raises:
        SettingsError: a flag has an illegal value.
        AppError, ModelError, RetargetError, RobotError: something is missing or broken; one sentence says
            what. Results up to then are written all the same.
    """
    if recording is not None:
        settings = replace(settings, source=str(recording))
    check_settings(settings)
    headless = open_console is None and choose_headless(settings.headless, settings.window)
    for path in (settings.trace, settings.report):
        if path is not None:
            require_writable(path)
    with contextlib.ExitStack() as stack:
        if recording is None:
            inputs = open_live(settings, source, headless, stack)
        else:
            inputs = open_replay(settings, recording, stack)
        hands = {
            hand: _set_up(hand, settings, inputs, headless, open_robot, stack) for hand in settings.hands
        }
        interrupt = Interrupt()
        loop = FrameLoop(settings, inputs.source, inputs.eyes, inputs.clock, hands, interrupt)

        run_dir = make_run_dir(settings.run_dir) if headless else None
        if run_dir is not None and settings.video:
            loop.overview = OverviewRecorder(
                run_dir, inputs.source.size_px, inputs.source.fps, not settings.realtime
            )
            stack.callback(loop.overview.stop)
        loop.recorder = Recorder(
            inputs.source, lambda: _run_facts(settings, inputs, hands), settings.realtime
        )
        stack.callback(loop.recorder.stop)
        if settings.record is not None:
            loop.recorder.start(settings.record)
        if settings.booth:
            loop.booth = BoothGate(paused=settings.robot.startswith("tcp://") and not settings.arm)
        if not headless:
            endpoints = [run.robot.endpoint for run in hands.values() if run.robot.endpoint]
            title = f"PoseHand  {inputs.source.name}"
            loop.console = (open_console or ConsoleLink)(title, endpoints, settings.keys, settings.booth)
            stack.callback(loop.console.close)
        return _run(loop, settings, inputs.source, hands, run_dir, interrupt)


def _set_up(
    hand: Hand,
    settings: TeleopSettings,
    inputs: Inputs,
    headless: bool,
    open_robot: OpenRobot,
    stack: contextlib.ExitStack,
) -> HandRun:
    """One hand's lane and robot, closed by `stack`."""
    # First: what is to run on a GPU may have to be compiled, which no robot should have to wait for.
    # What is chosen by its speed is not the same every time, as runs on a file's clock have to be.
    backend = "cpu" if settings.backend == "auto" and not settings.realtime else settings.backend
    temporal = load_temporal(settings.temporal, settings.network, backend)
    stack.callback(temporal.close)
    scene = settings.object if settings.scene == "table" else "none"
    robot = open_robot(settings.robot, hand, settings.realtime, settings.arm, settings.keys, scene)
    stack.callback(robot.close)
    camera = RunCamera(inputs.source.size_px, inputs.calibration.camera)
    operator = inputs.calibration.operators.get(hand)
    lane = HandLane(
        ObservationWindow(hand, camera.pinhole),
        temporal,
        load_retargeter(f"allegro_{hand}", operator, settings.temporal),
        *inputs.lane_times(hand),
        camera,
    )
    # What has no end would fill the memory with rows that nobody asked for.
    keep_trace = settings.trace is not None or (headless and inputs.source.frame_count is not None)
    trace = Trace(lane.temporal.horizon_s, lane.retargeter.joint_names) if keep_trace else None
    return HandRun(lane, robot, RunStatistics(), trace, inputs.truth_m if hand == "right" else None)


def _run_facts(settings: TeleopSettings, inputs: Inputs, hands: dict[Hand, HandRun]) -> dict[str, Any]:
    """What a recording that begins now tells of the run it is made in."""
    operators = {
        hand: run.lane.retargeter.operator
        for hand, run in hands.items()
        if isinstance(run.lane.retargeter, OperatorRetargeter)
    }
    names = {operator.name for operator in operators.values()}
    network = None if settings.network is None else settings.network.absolute()
    return {
        "settings": plain_settings(replace(settings, operator=next(iter(names), None), network=network)),
        "calibration": replace(inputs.calibration, operators=operators).plain(),
        "horizon_s": next(iter(hands.values())).lane.temporal.horizon_s.tolist(),
        "backend": {hand: run.lane.temporal.facts() for hand, run in hands.items()},
        "versions": package_versions(),
        "machine": describe_machine(),
    }


def _run(
    loop: FrameLoop,
    settings: TeleopSettings,
    source: SourceFacts,
    hands: dict[Hand, HandRun],
    run_dir: Path | None,
    interrupt: Interrupt,
) -> RunResult:
    """Run the loop and write the results, which a failure of the loop does not lose."""
    started_s = time.monotonic()

    def results(counters: dict[Hand, dict[str, int]]) -> RunResult:
        report = build_report(
            settings,
            source.name,
            {hand: run.statistics for hand, run in hands.items()},
            loop.timer,
            {"skipped_by_source": loop.eyes.skipped, "overtaken": loop.eyes.replaced, **loop.eyes.counters},
            loop.overruns.by_stage,
            {hand: _delays_ms(run.lane.horizon) for hand, run in hands.items()},
            counters,
            time.monotonic() - started_s,
        )
        report["backend"] = {hand: run.lane.temporal.facts() for hand, run in hands.items()}
        return RunResult(report, _save(report, settings, loop, hands, run_dir))

    try:
        leave_alone_what_stays()
        with interrupt:
            loop.run()
        if sentence := loop.overruns.sentence(loop.frames):
            logger.warning("%s", sentence)
    except Exception:
        _disarm(hands)
        if loop.frames:
            try:
                results({})
            except AppError as error:
                logger.error("%s", error)  # what ended the run matters more, and is raised
        raise
    except BaseException:  # a second Ctrl-C: the robots are let go of before anything else ends
        _disarm(hands)
        raise
    counters = {hand: run.robot.counters() for hand, run in hands.items()}
    _disarm(hands)
    if not loop.frames:
        if interrupt.asked:
            raise KeyboardInterrupt
        raise AppError(f"{source.name} gave no frame; {source.status or 'try another source'}")
    return results(counters)


def _delays_ms(horizon: Horizon) -> dict[str, float]:
    return {"camera": round(horizon.camera_ms, 2), "actuator": round(horizon.actuator_ms, 2)}


def _disarm(hands: dict[Hand, HandRun]) -> None:
    """Let go of the robots before the results are written, which can take a while."""
    for hand_run in hands.values():
        hand_run.robot.close()


def _save(
    report: dict[str, Any],
    settings: TeleopSettings,
    loop: FrameLoop,
    hands: dict[Hand, HandRun],
    run_dir: Path | None,
) -> list[tuple[str, Path]]:
    """Write report, traces and video where they were asked for."""
    files: list[tuple[str, Path]] = []
    for path in (settings.report, run_dir and run_dir / "report.json"):
        if path is not None:
            save_report(report, path)
            files.append(("report", path))
    for path in (settings.trace, run_dir and run_dir / "trace.npz"):
        for number, (hand, hand_run) in enumerate(hands.items()):
            if path is not None and hand_run.trace is not None:
                trace_path = path if number == 0 else path.with_stem(f"{path.stem}_{hand}")
                hand_run.trace.save(trace_path)
                files.append(("trace", trace_path))
    if loop.overview is not None:
        with Interrupt() as interrupt:  # Ctrl-C now only cuts the video short
            files.append(("video", loop.overview.compose(interrupt)))
    if loop.recorder is not None:
        files.extend(("recording", directory) for directory in loop.recorder.directories)
    return files
