"""Solvers under one interface: our own, and adapters around the peers' in `peers`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.bench.retargeting.clips import RATE_HZ
from retarget import Retargeter

PERIOD_NS = round(1e9 / RATE_HZ)
SHIPPED, SAME_OBJECTIVE = "ours", "ours, dex-retargeting's objective"
DEX_RETARGETING, DEXI = "dex-retargeting", "dexi-rs"
PEERS = (DEX_RETARGETING, DEXI)
HORIZON = "ours, 16 instants"


class Contestant(ABC):
    """One solver of the right Allegro hand, with the state it keeps from frame to frame.

    Attributes:
        name: its row in the tables.
        joint_names: the order of its poses.
    """

    name: str
    joint_names: tuple[str, ...]

    @abstractmethod
    def reset(self) -> None:
        """Forget all frames."""

    @abstractmethod
    def prepare(self, keypoints_m: np.ndarray, frame: int) -> Any:
        """Keypoints (21,3), hand frame, in the form the solver takes them; not timed."""

    @abstractmethod
    def solve(self, prepared: Any) -> Any:
        """The one call that is timed."""

    @abstractmethod
    def start_from(self, q_rad: np.ndarray, joint_names: Sequence[str], frame: int) -> None:
        """Make the pose (n,), in the order of `joint_names`, the one before that frame."""

    def ordered(self, answer: Any, joint_names: Sequence[str]) -> np.ndarray:
        """The answer of `solve` as a pose (n,), rad, in the order of `joint_names`."""
        q = dict(zip(self.joint_names, answer, strict=True))
        return np.array([q[name] for name in joint_names], np.float64)


class Ours(Contestant):
    """Our retargeter, one frame a call."""

    def __init__(self, name: str, retargeter: Retargeter) -> None:
        self.name = name
        self.retargeter = retargeter
        self.joint_names = tuple(retargeter.joint_names)

    def reset(self) -> None:
        self.retargeter.reset()

    def prepare(self, keypoints_m: np.ndarray, frame: int) -> tuple[np.ndarray, int]:
        return np.ascontiguousarray(keypoints_m, np.float64), frame * PERIOD_NS

    def solve(self, prepared: tuple[np.ndarray, int]) -> np.ndarray:
        return self.retargeter.solve(*prepared)

    def start_from(self, q_rad: np.ndarray, joint_names: Sequence[str], frame: int) -> None:
        q = dict(zip(joint_names, q_rad, strict=True))
        self.retargeter.resume(np.array([q[name] for name in self.joint_names]), (frame - 1) * PERIOD_NS)


class OursAhead(Ours):
    """Our retargeter, a predicted horizon a call; its keypoints are (k,21,3)."""

    def prepare(self, keypoints_m: np.ndarray, frame: int) -> Any:
        times = (frame + np.arange(len(keypoints_m), dtype=np.int64)) * PERIOD_NS
        return np.ascontiguousarray(keypoints_m, np.float64), times

    def solve(self, prepared: Any) -> np.ndarray:
        return self.retargeter.solve_trajectory(*prepared)
