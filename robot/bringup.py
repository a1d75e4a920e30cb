"""`python -m robot.bringup`: the first minutes with a hand. Who it is, how it is, and one small motion.

Without `--move` the hand gets no torque. With it, every finger's flexion goes to a little more than it is and
back, through the same supervisor, limits and guardian as everything else.
"""

from __future__ import annotations

import argparse
import json
import logging
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from robot.allegro_model import HANDS
from robot.allegro_runtime import AllegroRuntime, AllegroSettings, open_allegro
from robot.allegro_versions import VERSION_HELP
from robot.can.bus import BusSettings
from robot.can.messages import status_text
from robot.errors import RobotError
from robot.guardian_link import DEFAULT_TIMEOUT_MS
from robot.messages import JointTrajectory
from robot.realtime import request_realtime
from robot.signals import end_signals
from robot.writer import LineWriter, logging_aside

log = logging.getLogger(__name__)

_TURN_S = 0.001
_REPORT_NS = 1_000_000_000
_TARGETS_NS = 33_000_000
_CYCLE_S = 4.0
_FLEXION = np.array([k % 4 != 0 for k in range(16)])
_FLEXION[12:] = False  # the thumb stays where it is


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that say which hand; the robot server takes the same."""
    parser.add_argument("--hand", choices=HANDS, default="right")
    parser.add_argument("--interface", default="socketcan", help="a python-can interface")
    parser.add_argument("--channel", default="", help="the bus of that interface")
    parser.add_argument("--bitrate", type=int, default=BusSettings.bitrate, help="bit/s")
    parser.add_argument("--version", default="v4", help=VERSION_HELP)
    parser.add_argument("--device", type=int, default=0, help="device number, v4 and v5")
    parser.add_argument("--zeros", type=Path, help="v2, v3: YAML file with the zeros of each hand")
    parser.add_argument("--serial", default="", help="v2, v3: which hand of that file")
    parser.add_argument("--hand-config", type=Path, help="YAML file with gains and caps")
    parser.add_argument("--gain-share", type=float, default=1.0, help="of gains and caps, 0 to 1")
    parser.add_argument("--guardian-timeout-ms", type=float, default=DEFAULT_TIMEOUT_MS)
    parser.add_argument("--no-guardian", action="store_true", help="nobody stops the hand if this dies")
    parser.add_argument("--dry-run", action="store_true", help="log instead of sending; needs no hand")


def settings_of(given: argparse.Namespace) -> AllegroSettings:
    """What `add_arguments` read."""
    return AllegroSettings(
        hand=given.hand,
        bus=BusSettings(given.interface, given.channel, given.bitrate),
        version=given.version,
        device=given.device,
        serial=given.serial,
        zeros=given.zeros,
        config=given.hand_config,
        gain_share=given.gain_share,
        guardian_timeout_ms=None if given.no_guardian else given.guardian_timeout_ms,
        dry_run=given.dry_run,
    )


def run(
    runtime: AllegroRuntime,
    seconds: float,
    move_rad: float,
    stop: threading.Event,
    say: Callable[[dict[str, Any]], None],
) -> None:
    """Run the loop for `seconds` or until a fault, with a report every second and at the end.

    The finger flexions move by `move_rad` ≥ 0.
    """
    descriptor = runtime.fileno()
    start_ns = time.monotonic_ns()
    report_ns = target_ns = start_ns
    rest_rad: np.ndarray | None = None
    seq = 0
    while not stop.is_set():
        if descriptor is None:
            time.sleep(_TURN_S)
        else:
            select.select([descriptor], [], [], _TURN_S)
        now_ns = time.monotonic_ns()
        runtime.advance_to(now_ns)
        if now_ns >= report_ns:
            say(_report(runtime))
            report_ns = now_ns + _REPORT_NS
        if now_ns - start_ns > seconds * 1e9 or runtime.supervisor.mode == "STOPPED":
            break
        if not move_rad or runtime.driver.phase != "running" or now_ns < target_ns:
            continue
        if rest_rad is None:
            rest_rad = np.clip(runtime.driver.q_rad, runtime.spec.lower_rad, runtime.spec.upper_rad)
            runtime.supervisor.command("arm", now_ns)
        target_ns = now_ns + _TARGETS_NS
        share = 0.5 - 0.5 * np.cos(2.0 * np.pi * (now_ns - start_ns) / 1e9 / _CYCLE_S)
        runtime.offer(_target(runtime, rest_rad + move_rad * share * _FLEXION, seq, now_ns), now_ns)
        seq += 1
    say(_report(runtime))


def _target(runtime: AllegroRuntime, q_rad: np.ndarray, seq: int, now_ns: int) -> JointTrajectory:
    return JointTrajectory(
        seq=seq,
        hand=runtime.spec.hand,
        valid=True,
        source_state="tracking",
        t_capture_ns=now_ns,
        t_publish_ns=now_ns,
        joint_names=runtime.spec.joint_names,
        t_ns=np.array([now_ns]),
        q_rad=q_rad[None],
    )


def _report(runtime: AllegroRuntime) -> dict[str, Any]:
    driver, state = runtime.driver, runtime.state()
    info = driver.info
    intervals_ms = np.abs(np.array(runtime.intervals_ns, dtype=np.float64) - driver.period_ns) / 1e6
    errors = np.percentile(intervals_ms, [50, 99, 100]) if len(intervals_ms) else np.full(3, np.nan)
    return {
        "phase": driver.phase,
        "mode": state.mode,
        "fault": state.fault or driver.fault,
        "serial": driver.serial,
        "side": None if info is None else info.hand,
        "firmware": None if info is None else f"{info.firmware:#06x}",
        "palm_c": None if info is None else info.temperature_c,
        "status": None if info is None or info.status is None else status_text(info.status),
        "joints_c": [None if np.isnan(c) else int(c) for c in driver.health.celsius],
        "q_rad": [round(float(q), 3) for q in state.q_rad],
        "target_rad": [round(float(q), 3) for q in state.target_rad],
        "torque_u": [round(float(u), 3) for u in driver.drive_u],
        "guardian_pid": None if runtime.guardian is None else runtime.guardian.pid,
        "steps": len(intervals_ms),
        "period_error_ms_p50_p99_max": [round(float(e), 3) if np.isfinite(e) else None for e in errors],
        "counters": {name: count for name, count in state.counters.items() if count},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m robot.bringup", description=__doc__.split("\n")[0])
    add_arguments(parser)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long")
    parser.add_argument("--move", type=float, default=0.0, metavar="RAD", help="flex by that much, 0 to 0.5")
    given = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO if given.dry_run else logging.WARNING, format="%(name)s: %(message)s"
    )
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in end_signals():
        signal.signal(number, on_signal)
    try:
        if not 0.0 <= given.move <= 0.5:
            raise RobotError(f"--move is {given.move} rad; it must be 0 to 0.5.")
        if not given.seconds > 0.0:
            raise RobotError(f"--seconds is {given.seconds}; it must be above 0.")
        reports = LineWriter(sys.stdout.fileno())
        with logging_aside():
            runtime = open_allegro(settings_of(given), time.monotonic_ns())
            try:
                request_realtime()
                run(
                    runtime, given.seconds, given.move, stop, lambda report: reports.write(json.dumps(report))
                )
            finally:
                runtime.close()
        reports.close()
        if runtime.supervisor.fault:
            raise RobotError(runtime.supervisor.fault)
    except RobotError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
