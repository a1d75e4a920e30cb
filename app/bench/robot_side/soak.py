"""Ten minutes of a moving hand over a faulty network, in virtual time, against the physics simulation."""

from __future__ import annotations

import gc
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from app.bench.robot_side.checker import MotorChecker
from app.bench.robot_side.faults import Faults, FaultyWire
from app.bench.robot_side.motion import FRAME_NS, HandMotion
from robot.messages import encode_trajectory
from robot.runtime import RobotRuntime
from robot.simulation import STEP_NS

_START_NS = 10_000_000_000
_SETTLE_NS = 3_000_000_000  # engaging is slow on purpose and is no tracking error
_FIRST_MEMORY_S = 30.0


def run_soak(motion: HandMotion, seconds: float, faults: Faults) -> dict[str, Any]:
    """Figures of the whole run; the same for the same arguments, but for the memory."""
    runtime = RobotRuntime("right")
    spec = runtime.spec
    checker = MotorChecker(
        spec.lower_rad,
        spec.upper_rad,
        spec.max_velocity_rad_s,
        spec.max_acceleration_rad_s2,
        errors_rad=np.full(int(seconds * 1e9) // STEP_NS + 1, np.nan),
    )
    wire = FaultyWire(faults)
    order = [motion.joint_names.index(name) for name in spec.joint_names]
    memory_mib: list[float] = []
    modes: dict[str, int] = {}
    runtime.start(_START_NS)
    runtime.supervisor.command("arm", _START_NS)
    end_ns = _START_NS + int(seconds * 1e9)
    next_send_ns, seq = _START_NS, 0
    progress = tqdm(total=int(seconds), unit="s", desc="faulty network", dynamic_ncols=True)
    for t_ns in range(_START_NS, end_ns, STEP_NS):
        if t_ns >= next_send_ns:
            seq += 1
            wire.send(encode_trajectory(motion.message(seq, _START_NS, t_ns, "bench")), t_ns)
            next_send_ns += FRAME_NS
        for frame in wire.arrived(t_ns):
            runtime.offer_frame(frame, t_ns)
        if runtime.supervisor.mode in ("DISARMED", "STOPPED"):
            runtime.supervisor.command("reset", t_ns)
            runtime.supervisor.command("arm", t_ns)
        runtime.advance_to(t_ns + STEP_NS)
        hand, mode = runtime.simulation, runtime.supervisor.mode
        driven = hand.target_rad if runtime.supervisor.effort == 1.0 else None
        checker.look(driven, hand.q_rad, hand.dq_rad_s, STEP_NS / 1e9)
        modes[mode] = modes.get(mode, 0) + 1
        if mode == "TRACKING" and t_ns - _START_NS > _SETTLE_NS:
            checker.follow(hand.q_rad, motion.at((t_ns - _START_NS) * 1e-9)[order])
        if (t_ns - _START_NS) % 1_000_000_000 < STEP_NS:
            progress.update()
            if (t_ns - _START_NS) / 1e9 >= _FIRST_MEMORY_S:
                gc.collect()
                memory_mib.append(resident_mib())
    progress.close()
    counters = asdict(runtime.supervisor.counters)
    runtime.close()
    errors = checker.errors_rad[np.isfinite(checker.errors_rad)]
    return {
        "seconds": seconds,
        "faults": asdict(faults),
        "wire": wire.counts,
        "counters": counters,
        "violations": checker.violations,
        "worst": checker.worst,
        "steps": checker.steps,
        "modes": {mode: count / checker.steps for mode, count in sorted(modes.items())},
        "error_p50_rad": float(np.median(errors)),
        "error_p95_rad": float(np.percentile(errors, 95)),
        "error_p99_rad": float(np.percentile(errors, 99)),
        "error_max_rad": float(errors.max()),
        "memory_mib_per_min": memory_slope(memory_mib),
    }


def resident_mib() -> float:
    """Memory this process has in RAM; NaN where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return float("nan")
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def memory_slope(samples_mib: list[float]) -> float | None:
    """MiB a minute, of samples taken every second; None where nothing was measured."""
    if len(samples_mib) < 2 or not np.isfinite(samples_mib).all():
        return None
    return float(60.0 * np.polyfit(np.arange(len(samples_mib)), samples_mib, 1)[0])
