"""How long one solve takes, everybody in turn on the same frame."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from app.bench.retargeting.contestants import HORIZON, PEERS, Contestant, OursAhead

INSTANTS = 16
_WARM_UP = 30  # frames that each solves before the clock runs: code is loaded, caches are filled
BUSY_SHARE = 0.1
"""More of the time than this spent by other programs, and the times are not to be trusted."""
_SHARES = np.linspace(0.0, 100.0, 201)


def measure_speed(
    contestants: Sequence[Contestant], ahead: OursAhead, keypoints_m: np.ndarray, rounds: int
) -> dict[str, Any]:
    """Times per call, µs, and how many times longer each peer takes than each of ours.

    In every frame all of them solve one after the other, in an order drawn anew: whatever else the machine
    does, and whatever the one before leaves in the caches, hits all alike. Every round repeats the same work
    from the same state, so each frame's fastest round is what the work takes on a machine that does nothing
    else; the figures are over frames of those. Beside them stands what all calls took, as it came.

    Args:
        contestants: that solve one frame a call.
        ahead: that solves 16 frames a call.
        keypoints_m: (N,21,3) hand frame, N > 16.
        rounds: how often the clip is played.
    """
    frames = len(keypoints_m) - INSTANTS
    tasks: list[tuple[Contestant, list[Any]]] = [
        (one, [one.prepare(keypoints_m[i], i) for i in range(frames)]) for one in contestants
    ]
    tasks.append((ahead, [ahead.prepare(keypoints_m[i : i + INSTANTS], i) for i in range(frames)]))
    for one, prepared in tasks:
        for argument in prepared[:_WARM_UP]:
            one.solve(argument)
    times_us = np.empty((len(tasks), rounds, frames))
    dice = np.random.default_rng(0)
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    bar = tqdm(total=rounds * frames, desc="speed", unit="frame", disable=None, leave=False)
    for round_ in range(rounds):
        for one, _ in tasks:
            one.reset()
        for i in range(frames):
            for k in dice.permutation(len(tasks)):
                one, prepared = tasks[k]
                argument = prepared[i]
                began_ns = time.perf_counter_ns()
                one.solve(argument)
                times_us[k, round_, i] = 1e-3 * (time.perf_counter_ns() - began_ns)
            bar.update()
    bar.close()
    taken = 1.0 - (time.process_time() - began_cpu_s) / (time.perf_counter() - began_s)
    names = [one.name for one, _ in tasks]
    fastest = dict(zip(names, times_us.min(axis=1), strict=True))
    figures = {name: _figures(values) for name, values in fastest.items()}
    as_it_came = {name: _figures(values) for name, values in zip(names, times_us, strict=True)}
    return {
        "frames": frames,
        "rounds": rounds,
        "instants": INSTANTS,
        "taken_by_others": max(taken, 0.0),
        "us": figures,
        "times_faster": times_faster(figures),
        "as_it_came_us": as_it_came,
        "as_it_came_times_faster": times_faster(as_it_came),
        "curves": {name: _curve(values) for name, values in fastest.items()},
    }


def times_faster(figures: dict[str, dict[str, float]]) -> dict[str, dict[str, dict[str, float]]]:
    """Peer ÷ ours, of every figure, by name of ours and name of the peer."""
    ours = [name for name in figures if name not in (*PEERS, HORIZON)]
    return {
        name: {
            peer: {key: value / figures[name][key] for key, value in figures[peer].items()}
            for peer in PEERS
            if peer in figures
        }
        for name in ours
    }


def _figures(times_us: np.ndarray) -> dict[str, float]:
    p50, p95, p99 = np.percentile(times_us, (50.0, 95.0, 99.0))
    return {"p50": float(p50), "p95": float(p95), "p99": float(p99), "max": float(times_us.max())}


def _curve(times_us: np.ndarray) -> list[float]:
    """Percentiles 0, 0.5, … 100."""
    return [float(value) for value in np.percentile(times_us, _SHARES)]
