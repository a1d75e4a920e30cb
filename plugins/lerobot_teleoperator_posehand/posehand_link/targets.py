"""What PoseHand says about one hand: joint angles at a few instants from now on."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Targets:
    """Joint targets of one hand.

    Attributes:
        hand: the operator's, "right" or "left".
        valid: False when there is nothing to follow.
        source_state: "tracking", "predicting" (bridging a gap) or "lost".
        t_publish_ns: when they were made, monotonic clock of this machine.
        joint_names: n names.
        t_ns: (k,) int64 increasing instants, same clock.
        q_rad: (k,n) joint angles at these instants, rad.
    """

    hand: str
    valid: bool
    source_state: str
    t_publish_ns: int
    joint_names: tuple[str, ...]
    t_ns: np.ndarray
    q_rad: np.ndarray

    def at(self, t_ns: int) -> np.ndarray:
        """Joint angles (n,) at an instant, linear in between; the first or last ones outside."""
        since_s = (self.t_ns - self.t_ns[0]) * 1e-9
        asked_s = (t_ns - int(self.t_ns[0])) * 1e-9
        return np.array([np.interp(asked_s, since_s, joint) for joint in self.q_rad.T])


def parse_targets(line: bytes) -> Targets:
    """The targets in a line of PoseHand's `app.target_stream`.

    Raises:
        ValueError: it is something else.
    """
    try:
        content = json.loads(line)
        targets = Targets(
            hand=str(content["hand"]),
            valid=content["valid"] is True,
            source_state=str(content["source_state"]),
            t_publish_ns=int(content["t_publish_ns"]),
            joint_names=tuple(str(name) for name in content["joint_names"]),
            t_ns=np.array(content["t_ns"], dtype=np.int64),
            q_rad=np.array(content["q_rad"], dtype=np.float64),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"a line of PoseHand is no joint targets ({error}): {line[:80]!r}") from error
    shape = (len(targets.t_ns), len(targets.joint_names))
    if targets.t_ns.ndim != 1 or not shape[0] or targets.q_rad.shape != shape:
        raise ValueError(f"joint targets have shape {targets.q_rad.shape}; it must be {shape}")
    if (np.diff(targets.t_ns) <= 0).any() or not np.isfinite(targets.q_rad).all():
        raise ValueError("joint targets must have increasing times and finite angles")
    return targets
