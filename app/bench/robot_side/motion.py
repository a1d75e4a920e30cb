"""Joint trajectories as the pipeline sends them: generated hand motion, retargeted, half a second ahead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.hand_model import HandModel
from models.motion.generator import MotionGenerator
from retarget import load, to_hand_frame
from robot import JointTrajectory

FRAME_NS = 1_000_000_000 // 30
AHEAD = 15  # instants of a trajectory, half a second


@dataclass(frozen=True)
class HandMotion:
    """A hand in motion, and the robot hand that follows it.

    Attributes:
        joint_names: n names.
        q_rad: (N,n) 30 a second.
    """

    joint_names: tuple[str, ...]
    q_rad: np.ndarray

    def at(self, seconds: np.ndarray | float) -> np.ndarray:
        """(…,n) rad at times from the beginning, s; the motion goes to and fro for ever."""
        length = len(self.q_rad) - 1
        frame = np.asarray(seconds) * 30.0 % (2 * length)
        frame = np.where(frame > length, 2 * length - frame, frame)
        before = np.minimum(frame.astype(int), length - 1)
        share = (frame - before)[..., None]
        return (1.0 - share) * self.q_rad[before] + share * self.q_rad[before + 1]

    def message(self, seq: int, began_ns: int, t_ns: int, publisher: str) -> JointTrajectory:
        """What is published at `t_ns` of a motion that began at `began_ns`, both on one clock."""
        times_ns = t_ns + FRAME_NS * np.arange(AHEAD + 1)
        return JointTrajectory(
            seq=seq,
            hand="right",
            valid=True,
            source_state="tracking",
            t_capture_ns=t_ns - FRAME_NS,
            t_publish_ns=t_ns,
            joint_names=self.joint_names,
            t_ns=times_ns,
            q_rad=self.at((times_ns - began_ns) * 1e-9),
            meta={"publisher": publisher},
        )


def generate(seconds: float, seed: int = 0) -> HandMotion:
    """Everyday motion of a generated hand, retargeted to the right Allegro; the same for the same seed."""
    model = HandModel.load()
    batch = MotionGenerator(model).batch(np.random.default_rng(seed), 1, round(30 * seconds))
    retargeter = load("allegro_right")
    hand = to_hand_frame(batch.keypoints_m[0].astype(np.float64), "right")
    q_rad = np.array([retargeter.solve(one, i * FRAME_NS) for i, one in enumerate(hand)])
    return HandMotion(retargeter.joint_names, q_rad)
