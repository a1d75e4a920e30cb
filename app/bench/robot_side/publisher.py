"""A process that drives a robot until it is killed: python -m app.bench.robot_side.publisher ADDRESS."""

from __future__ import annotations

import sys
import time

import numpy as np

from app.bench.robot_side.motion import FRAME_NS, HandMotion
from robot import connect
from robot.hands import hand_spec

_SPEED_RAD_S = 2.0
_SWING_RAD = 0.35


def swing() -> HandMotion:
    """All fingers to and fro about the home pose, at up to 2 rad/s, always in motion."""
    spec = hand_spec("right")
    frames = np.arange(0.0, 60.0, 1.0 / 30.0)
    phase = frames * _SPEED_RAD_S / _SWING_RAD
    swings = np.where(np.arange(len(spec.joint_names)) % 4 == 1, _SWING_RAD, 0.0)
    return HandMotion(spec.joint_names, spec.home_rad + np.sin(phase)[:, None] * swings)


def main(address: str) -> None:
    """Arm the robot and publish for ever, 30 times a second."""
    motion = swing()
    with connect(address, "right") as link:
        link.arm()
        began_ns = time.monotonic_ns()
        seq = 0
        while True:
            now_ns = time.monotonic_ns()
            seq += 1
            link.publish(motion.message(seq, began_ns, now_ns, "swing"))
            time.sleep(max(0.0, (began_ns + seq * FRAME_NS - time.monotonic_ns()) / 1e9))


if __name__ == "__main__":
    main(sys.argv[1])
