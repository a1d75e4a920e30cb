"""The real hand's software against an emulated hand: killed servers, the stop, the pace of the loop."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from app.bench.robot_states import until
from robot import connect
from robot.can.bus import BusSettings
from robot.emulator.process import EmulatorProcess
from robot.emulator.trials import bring_up, kill_server, multicast_bus, reports
from robot.errors import RobotError

TORQUE_FREE_MS, PERIOD_ERROR_MS, STOP_MS = 50.0, 1.0, 3.0
_ROOT = Path(__file__).resolve().parents[3]
_PORT_WAIT_S = 60.0


def run_killed_server(trials: int) -> dict[str, Any]:
    """ms from kill -9 of a control loop that moves the hand until its motors have no torque, by trial."""
    latency_ms: list[float] = []
    stopped_before = 0  # the server stopped the hand by itself, as it must when the machine holds it up
    bus = multicast_bus()
    with EmulatorProcess(bus) as emulator:
        for _ in tqdm(range(trials), desc="server killed", unit="trial", dynamic_ncols=True):
            try:
                latency_ms.append(kill_server(emulator, bus).latency_ms)
            except RobotError as error:
                if "before it was killed" not in str(error):
                    raise
                stopped_before += 1
    return {
        "trials": len(latency_ms),
        "latency_ms": latency_ms,
        "in_time": int(np.sum(np.array(latency_ms) <= TORQUE_FREE_MS)),
        "stopped_before": stopped_before,
    }


def run_killed_robot_server(trials: int) -> dict[str, Any]:
    """The same of the whole robot server, driven by a publisher over its sockets."""
    latency_ms = []
    bus = multicast_bus()
    with EmulatorProcess(bus) as emulator:
        for _ in tqdm(range(trials), desc="robot server killed", unit="trial", dynamic_ncols=True):
            server, address = _serve(bus)
            publisher = subprocess.Popen([sys.executable, "-m", "app.bench.robot_side.publisher", address])
            try:
                with connect(address, "right") as link:
                    until(link, lambda state: state.mode == "TRACKING", "follow its targets")
                    emulator.wait_for("driven", _PORT_WAIT_S)
                    time.sleep(0.3)
                    killed_ns = time.monotonic_ns()
                    server.kill()
                    idle_ns = int(emulator.wait_for("idle", _PORT_WAIT_S)["t_ns"])
                latency_ms.append((idle_ns - killed_ns) / 1e6)
            finally:
                for process in (publisher, server):
                    process.kill()
                    process.wait()
    return {
        "trials": trials,
        "latency_ms": latency_ms,
        "in_time": int(np.sum((np.array(latency_ms) <= TORQUE_FREE_MS) & (np.array(latency_ms) > 0.0))),
    }


def run_pace(seconds: float) -> dict[str, Any]:
    """The control loop's own account of its periods while it moves the hand."""
    bus = multicast_bus()
    with EmulatorProcess(bus):
        server = bring_up(bus, "--seconds", str(seconds), "--move", "0.3")
        assert server.stdout is not None  # asked for as a pipe
        said = reports(server.stdout)
        server.wait()
    if not said:
        raise RobotError("The control loop gave no report; try: python -m robot.bringup --dry-run")
    return said[-1]


def run_stop(trials: int) -> dict[str, Any]:
    """ms from a client's stop request until the hand's motors have no torque, by trial."""
    latency_ms = []
    bus = multicast_bus()
    with EmulatorProcess(bus) as emulator:
        server, address = _serve(bus)
        publisher = subprocess.Popen([sys.executable, "-m", "app.bench.robot_side.publisher", address])
        try:
            with connect(address, "right") as link:
                for _ in tqdm(range(trials), desc="stop", unit="trial", dynamic_ncols=True):
                    until(link, lambda state: state.mode == "TRACKING", "follow its targets")
                    emulator.wait_for("driven", _PORT_WAIT_S)
                    time.sleep(0.2)
                    asked_ns = time.monotonic_ns()
                    link.stop()
                    idle_ns = int(emulator.wait_for("idle", _PORT_WAIT_S)["t_ns"])
                    latency_ms.append((idle_ns - asked_ns) / 1e6)
                    link.reset()
                    link.arm()
        finally:
            publisher.kill()
            publisher.wait()
            server.terminate()
            server.wait()
    return {"trials": trials, "latency_ms": latency_ms}


def _serve(bus: BusSettings) -> tuple[subprocess.Popen[str], str]:
    """A robot server that drives the hand on `bus`, and its address."""
    command = [sys.executable, "launch.py", "robot", "--robot", "allegro", "--port", "0"]
    command += ["--interface", bus.interface, "--channel", bus.resolved_channel]
    server = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    assert server.stdout is not None  # asked for as a pipe
    for line in server.stdout:
        if '"endpoint"' in line:
            return server, line.split('"endpoint": "')[1].split('"')[0]
    raise RobotError("The robot server did not start; try: python launch.py robot --robot allegro --dry-run")
