"""A few seconds of one finger, to look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from app.bench.latency.contestants import ONE_EURO_AUTO, PEER, POSEBERT_AUTO
from app.bench.latency.figures import Seen
from app.bench.latency.judge import BEGIN_S

_SHOWN = (POSEBERT_AUTO.name, ONE_EURO_AUTO.name, PEER.name)
_BENDING = ("joint_1.0", "joint_2.0", "joint_3.0")  # the index finger's
_LENGTH_S, _PERIOD_S = 5.5, 0.01


def example(views: Mapping[str, Seen], joint_names: tuple[str, ...], clip: str) -> dict[str, Any] | None:
    """How far the index finger is bent, in percent of the range that each one's own retargeting asks for.

    Args:
        views: one clip as the pipelines played it, by name.
        joint_names: of the joint angles.
        clip: its name.

    Returns:
        t_s, the hand, and the robots by name; None where none of those shown played.
    """
    shown = {name: views[name] for name in _SHOWN if name in views}
    if not shown:
        return None
    columns = [joint_names.index(name) for name in _BENDING]
    first = next(iter(shown.values()))
    bent = first.wanted.values[:, columns].sum(axis=1)
    moving = np.abs(np.gradient(bent)) > 0.02 * np.ptp(bent)
    starts_s = first.wanted.t_s[moving & (first.wanted.t_s >= BEGIN_S)]
    begin_s = max(BEGIN_S, float(starts_s[0]) - 0.5) if len(starts_s) else BEGIN_S
    t_s = np.arange(begin_s, min(begin_s + _LENGTH_S, first.pair.t_s[-1]), _PERIOD_S)
    robots = {}
    for name, seen in shown.items():
        asked = seen.wanted.values[:, columns].sum(axis=1)
        low, high = np.percentile(asked, (1.0, 99.0))
        done = seen.robot.at(t_s)[:, columns].sum(axis=1)
        robots[name] = (100.0 * (done - low) / max(high - low, 1e-6)).tolist()
    low, high = np.percentile(bent, (1.0, 99.0))
    hand = first.wanted.at(t_s)[:, columns].sum(axis=1)
    return {
        "clip": clip,
        "t_s": t_s.tolist(),
        "hand": (100.0 * (hand - low) / max(high - low, 1e-6)).tolist(),
        "robots": robots,
    }
