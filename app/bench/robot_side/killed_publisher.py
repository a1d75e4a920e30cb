"""Kills the publisher of a moving robot without warning, again and again, and looks how the robot stops."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import numpy as np
from tqdm import tqdm

from app.bench.robot_states import new_state, until
from robot import RobotLink, spawn_simulation
from robot.messages import RobotState

FREEZE_MS, REST_MS, REST_RAD_S = 150.0, 300.0, 0.05
_WATCH_S = 0.6
_STILL_RAD = 1e-5  # between two states


def run_killed_publisher(trials: int, seed: int = 0) -> dict[str, Any]:
    """For each trial, ms from the kill until the last change of the targets, and until every joint rests."""
    rng = np.random.default_rng(seed)
    freeze_ms, rest_ms, speeds = [], [], []
    with spawn_simulation("right") as simulation, simulation.connect() as link:
        for _ in tqdm(range(trials), desc="publisher killed", unit="trial", dynamic_ncols=True):
            publisher = subprocess.Popen(
                [sys.executable, "-m", "app.bench.robot_side.publisher", simulation.endpoint]
            )
            try:
                until(link, lambda state: state.mode == "TRACKING", "follow its targets")
                time.sleep(float(rng.uniform(0.2, 0.4)))
                until(link, lambda state: float(np.abs(state.dq_rad_s).max()) > 1.0, "move")
            finally:
                publisher.kill()
            killed_ns = time.monotonic_ns()
            speeds.append(float(np.abs(new_state(link).dq_rad_s).max()))
            states = _watch(link, killed_ns)
            publisher.wait()
            freeze_ms.append(_last_change_ms(states, killed_ns))
            rest_ms.append(_rest_ms(states, killed_ns))
            link.disarm()
    return {
        "trials": trials,
        "freeze_ms": freeze_ms,
        "rest_ms": rest_ms,
        "speed_rad_s": speeds,
        "froze": int(np.sum(np.array(freeze_ms) <= FREEZE_MS)),
        "rested": int(np.sum(np.array(rest_ms) <= REST_MS)),
    }


def _watch(link: RobotLink, since_ns: int) -> list[RobotState]:
    states = []
    while time.monotonic_ns() - since_ns < _WATCH_S * 1e9:
        states.append(new_state(link))
    return states


def _last_change_ms(states: list[RobotState], since_ns: int) -> float:
    """When the targets changed for the last time, ms after `since_ns`; the state's own clock counts."""
    targets = np.array([state.target_rad for state in states])
    moved = np.flatnonzero(np.abs(np.diff(targets, axis=0)).max(axis=1) > _STILL_RAD)
    return 0.0 if len(moved) == 0 else max(0.0, (states[int(moved[-1]) + 1].t_ns - since_ns) / 1e6)


def _rest_ms(states: list[RobotState], since_ns: int) -> float:
    """From when on no joint is faster than REST_RAD_S any more, ms after `since_ns`."""
    fast = np.flatnonzero([np.abs(state.dq_rad_s).max() > REST_RAD_S for state in states])
    return 0.0 if len(fast) == 0 else max(0.0, (states[int(fast[-1])].t_ns - since_ns) / 1e6)
