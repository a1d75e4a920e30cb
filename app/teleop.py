"""A teleoperation run: sets everything up, runs the loop, and leaves the results."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from app.body_lane import BodyLane
from app.body_run import BodyRun
from app.body_trace import BodyTrace
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
from app.recording_settings import check_replayed
from app.report import FrameCounts, RunStatistics, build_report, plain_settings
from app.robot_port import RobotPort, open_robot
from app.run_camera import RunCamera
from app.run_dir import make_run_dir
from app.run_files import save_run
from app.settings import BackendChoice, TeleopSettings, check_settings
from app.sources.base import Source, SourceFacts
from app.trace import Trace
from app.window import ObservationWindow
from app.wrist_run import WristRun, workspace_of
from models.body_model import BodyModel
from models.body_temporal import load_body_temporal
from models.observation import Hand
from models.temporal import load_temporal
from robot.allegro_versions import version_spec
from robot.keys import read_server_keys
from robot.publisher import Publisher
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
    if recording is not None:
        check_replayed(settings, recording)
    workspace_of(settings)
    headless = open_console is None and choose_headless(settings.headless, settings.window)
    for path in (settings.trace, settings.report):
        if path is not None:
            require_writable(path)
    # The window goes last: it may stay, for a stop that is not confirmed, and all else is done by then.
    with contextlib.ExitStack() as last, contextlib.ExitStack() as stack:
        if recording is None:
            inputs = open_live(settings, source, headless, stack)
        else:
            inputs = open_replay(settings, recording, stack)
        hands = {
            hand: _set_up(hand, settings, inputs, headless, open_robot, stack) for hand in settings.hands
        }
        publisher = _open_publisher(settings, stack)
        body = _set_up_body(settings, inputs, headless, publisher, stack) if settings.body else None
        interrupt = Interrupt()
        loop = FrameLoop(settings, inputs.source, inputs.eyes, inputs.clock, hands, interrupt, body)
        if publisher is not None:
            loop.wrists = WristRun.of(settings, publisher)
            stack.callback(loop.let_arm_rest)  # before the publisher closes

        run_dir = make_run_dir(settings.run_dir) if headless or settings.run_dir is not None else None
        if headless and run_dir is not None and settings.video:  # beside a window it would take time from it
            loop.overview = OverviewRecorder(
                run_dir, inputs.source.size_px, inputs.source.fps, not settings.realtime
            )
            stack.callback(loop.overview.stop)
        loop.recorder = Recorder(
            inputs.source, lambda: _run_facts(settings, inputs, hands, body), settings.realtime
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
            last.callback(loop.console.close)
        return _run(loop, settings, inputs.source, hands, body, run_dir, interrupt)


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
    temporal = load_temporal(settings.temporal, settings.network, _backend(settings))
    stack.callback(temporal.close)
    scene = settings.object if settings.scene == "table" else "none"
    robot = open_robot(settings.robot, hand, settings.realtime, settings.arm, settings.keys, scene)
    stack.callback(robot.close)
    camera = RunCamera(inputs.source.size_px, inputs.calibration.camera)
    operator = inputs.calibration.operators.get(hand)
    lane = HandLane(
        ObservationWindow(hand, camera.pinhole),
        temporal,
        load_retargeter(version_spec(robot.version, hand).name, operator, settings.temporal),
        *inputs.lane_times(hand),
        camera,
    )
    keep_trace = _keeps_trace(settings, inputs, headless)
    trace = Trace(lane.temporal.horizon_s, lane.retargeter.joint_names) if keep_trace else None
    return HandRun(lane, robot, RunStatistics(), trace, inputs.truth_m if hand == "right" else None)


def _open_publisher(settings: TeleopSettings, stack: contextlib.ExitStack) -> Publisher | None:
    """Where others are told of the operator, closed by `stack`."""
    if settings.publish is None:
        return None
    keys = None if settings.publish_keys is None else read_server_keys(settings.publish_keys)
    publisher = Publisher(settings.publish, keys)
    stack.callback(publisher.close)
    return publisher


def _set_up_body(
    settings: TeleopSettings,
    inputs: Inputs,
    headless: bool,
    publisher: Publisher | None,
    stack: contextlib.ExitStack,
) -> BodyRun:
    """The body's lane, closed by `stack`."""
    own = None if settings.smpl is None else BodyModel.from_smpl(settings.smpl)
    temporal = load_body_temporal(settings.temporal, settings.body_network, _backend(settings), own)
    stack.callback(temporal.close)
    camera = RunCamera(inputs.source.size_px, inputs.calibration.camera)
    lane = BodyLane(temporal, inputs.body_clock, camera)
    trace = BodyTrace(temporal.horizon_s) if _keeps_trace(settings, inputs, headless) else None
    return BodyRun(lane, FrameCounts(), trace, publisher)


def _backend(settings: TeleopSettings) -> BackendChoice:
    """What is chosen by its speed is not the same every time, as runs on a file's clock have to be."""
    return "cpu" if settings.backend == "auto" and not settings.realtime else settings.backend


def _keeps_trace(settings: TeleopSettings, inputs: Inputs, headless: bool) -> bool:
    """What has no end would fill the memory with rows that nobody asked for.

    Files end, even those that do not tell their length; the rendered camera does in a run without a window,
    and beside one its rows are kept where a folder for them is named.
    """
    in_folder = headless or settings.run_dir is not None
    return settings.trace is not None or (in_folder and not inputs.source.live)


def _run_facts(
    settings: TeleopSettings, inputs: Inputs, hands: dict[Hand, HandRun], body: BodyRun | None
) -> dict[str, Any]:
    """What a recording that begins now tells of the run it is made in."""
    operators = {
        hand: run.lane.retargeter.operator
        for hand, run in hands.items()
        if isinstance(run.lane.retargeter, OperatorRetargeter)
    }
    names = {operator.name for operator in operators.values()}
    files = {name: getattr(settings, name) for name in ("network", "body_network", "smpl")}
    given = {name: path.absolute() for name, path in files.items() if path is not None}
    recorded = replace(settings, operator=next(iter(names), None), **given)
    stages = [run.lane.temporal for run in hands.values()]
    horizon_s = body.lane.temporal.horizon_s if body is not None and not stages else stages[0].horizon_s
    return {
        "settings": plain_settings(recorded),
        "calibration": replace(inputs.calibration, operators=operators).plain(),
        "horizon_s": horizon_s.tolist(),
        "backend": _backends(hands, body),
        "versions": package_versions(),
        "machine": describe_machine(),
    }


def _run(
    loop: FrameLoop,
    settings: TeleopSettings,
    source: SourceFacts,
    hands: dict[Hand, HandRun],
    body: BodyRun | None,
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
            loop.rate_hz,
            None if body is None else body.statistics,
        )
        report["backend"] = _backends(hands, body)
        if loop.wrists is not None:
            publisher = loop.wrists.publisher
            report["published"] = {"endpoint": publisher.endpoint, "messages": publisher.sent}
        return RunResult(report, save_run(report, settings, loop, hands, body, run_dir))

    try:
        with leave_alone_what_stays(), interrupt:
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


def _backends(hands: dict[Hand, HandRun], body: BodyRun | None) -> dict[str, dict[str, str | int]]:
    """On what each temporal stage is computed."""
    backends: dict[str, dict[str, str | int]] = {
        hand: run.lane.temporal.facts() for hand, run in hands.items()
    }
    return backends if body is None else {**backends, "body": body.lane.temporal.facts()}


def _delays_ms(horizon: Horizon) -> dict[str, float]:
    return {"camera": round(horizon.camera_ms, 2), "actuator": round(horizon.actuator_ms, 2)}


def _disarm(hands: dict[Hand, HandRun]) -> None:
    """Let go of the robots before the results are written, which can take a while."""
    for hand_run in hands.values():
        hand_run.robot.close()
