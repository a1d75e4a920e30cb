"""Trials with real processes: what the guardian makes of a server that is killed, and of one that is not."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from robot.can.bus import BusSettings
from robot.emulator.process import EmulatorProcess
from robot.errors import RobotError

_ROOT = Path(__file__).resolve().parents[2]
_DRIVEN_S = 30.0
_AT_REST_S = 5.0


@dataclass(frozen=True)
class GuardianTrial:
    """One server process that was killed while it moved the emulated hand.

    Attributes:
        latency_ms: from just before the kill to the motors without torque, ms.
    """

    latency_ms: float


def multicast_bus() -> BusSettings:
    """A bus between the processes of this machine that, very likely, nobody else uses."""
    group = [str(random.SystemRandom().randrange(1, 255)) for _ in range(3)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("", 0))
        port = probe.getsockname()[1]
    return BusSettings("udp_multicast", f"{'.'.join(['239', *group])}:{port}")


def bring_up(bus: BusSettings, *arguments: str) -> subprocess.Popen[str]:
    """Start `python -m robot.bringup` on `bus`; its reports come on its standard output."""
    command = [sys.executable, "-m", "robot.bringup", "--interface", bus.interface]
    command += ["--channel", bus.resolved_channel, *arguments]
    return subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8")


def reports(stream: IO[str]) -> list[dict[str, Any]]:
    """The reports of a `bring_up` process, until it ends."""
    found = []
    for line in stream:
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return found


def kill_server(emulator: EmulatorProcess, bus: BusSettings, *arguments: str) -> GuardianTrial:
    """Let a server move the hand, kill -9 it, and see how soon the motors are without torque.

    Args:
        emulator: a running hand.
        bus: its bus.
        arguments: more arguments of `robot.bringup`.

    Raises:
        RobotError: the hand never had torque, or kept it, or lost it before the kill.
    """
    server = bring_up(bus, "--seconds", "60", "--move", "0.4", *arguments)
    try:
        emulator.wait_for("driven", _DRIVEN_S)
        time.sleep(random.uniform(0.1, 0.5))
        killed_ns = time.monotonic_ns()
        server.kill()
        idle_ns = int(emulator.wait_for("idle", _AT_REST_S)["t_ns"])
    finally:
        server.kill()
        server.wait()
        if server.stdout is not None:
            server.stdout.close()
    if idle_ns < killed_ns:
        raise RobotError(
            "The server stopped the hand by itself before it was killed; the computer is too busy."
        )
    report = emulator.report()
    if report["driven"] or report["on"]:
        raise RobotError("The emulated hand has torque again after its guardian stopped it.")
    return GuardianTrial((idle_ns - killed_ns) / 1e6)


def freeze_server(
    emulator: EmulatorProcess, bus: BusSettings, frozen_s: float, *arguments: str
) -> tuple[float, str]:
    """Let a server move the hand, freeze it, let it go on: time to no torque, ms, and what it then says.

    Raises:
        RobotError: the hand never had torque, kept it, or this system cannot freeze processes.
    """
    if not hasattr(signal, "SIGSTOP"):
        raise RobotError("This system cannot freeze a process; Linux and macOS can.")
    server = bring_up(bus, "--seconds", "4", "--move", "0.4", *arguments)
    try:
        emulator.wait_for("driven", _DRIVEN_S)
        time.sleep(0.3)
        frozen_ns = time.monotonic_ns()
        os.kill(server.pid, signal.SIGSTOP)
        idle_ns = int(emulator.wait_for("idle", _AT_REST_S)["t_ns"])
        time.sleep(frozen_s)
        os.kill(server.pid, signal.SIGCONT)
        assert server.stdout is not None  # asked for as a pipe
        said = reports(server.stdout)
    finally:
        server.kill()
        server.wait()
    return (idle_ns - frozen_ns) / 1e6, str(said[-1]["fault"])
