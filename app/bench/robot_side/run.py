"""bench robot: the promises of the robot side, tried again and again with real processes."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any

from app.bench.results import without_nan
from app.bench.robot_side.faults import Faults
from app.bench.robot_side.hardware import (
    run_killed_robot_server,
    run_killed_server,
    run_pace,
    run_stop,
)
from app.bench.robot_side.killed_publisher import run_killed_publisher
from app.bench.robot_side.motion import generate
from app.bench.robot_side.report import in_short, judge, markdown
from app.bench.robot_side.soak import run_soak
from app.bench.settings import BenchSettings, refuse_others
from app.files import require_writable, write_atomically
from app.machine import describe_machine, package_versions

_MOTION_S = 60.0
_TRIALS, _TRIALS_QUICK = 50, 5
_SOAK_S, _SOAK_QUICK_S = 600.0, 45.0
_PACE_S, _PACE_QUICK_S = 60.0, 10.0
_STOPS, _STOPS_QUICK = 20, 3
_SERVERS, _SERVERS_QUICK = 10, 2


def run_robot(settings: BenchSettings) -> list[str]:
    """Measure everything, write robot.json and robot.md; returns what to say of it.

    Raises:
        UsageError: a flag of another benchmark is given.
        AppError, RobotError: a process does not start, or a file cannot be written.
    """
    refuse_others("robot", settings)
    output = settings.output or Path("runs") / time.strftime("bench-robot-%Y%m%d-%H%M%S")
    for path in (output / "robot.json", settings.json):
        if path is not None:
            require_writable(path)
    logging.getLogger("robot").setLevel(logging.CRITICAL)  # thousands of messages are refused on purpose
    results = measure(settings.quick)
    text = json.dumps(without_nan(results), indent=1, allow_nan=False)
    files = {output / "robot.json": text, output / "robot.md": markdown(results)}
    if settings.json is not None:
        files[settings.json] = text
    for path, content in files.items():
        with write_atomically(path) as file:
            file.write(content.encode())
    return [*in_short(results), f"results: {output}"]


def measure(quick: bool) -> dict[str, Any]:
    """All figures; `quick` takes few trials."""
    trials = _TRIALS_QUICK if quick else _TRIALS
    results: dict[str, Any] = {
        "machine": describe_machine(),
        "versions": package_versions(),
        "quick": quick,
        "publisher": run_killed_publisher(trials),
        "server": run_killed_server(trials),
        "robot_server": run_killed_robot_server(_SERVERS_QUICK if quick else _SERVERS),
        "stop": run_stop(_STOPS_QUICK if quick else _STOPS),
        "pace": run_pace(_PACE_QUICK_S if quick else _PACE_S),
        "soak": run_soak(generate(_MOTION_S), _SOAK_QUICK_S if quick else _SOAK_S, Faults()),
    }
    results["targets"] = judge(results)
    return results
