"""Snapshots and stand-ins that the tests of the console share."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable

import numpy as np

from app.console.latency_history import ORDER
from app.snapshot import HandSnapshot, Snapshot
from robot import RobotError, hand_spec


def hand_snapshot(hand: str = "right", **changes: object) -> HandSnapshot:
    """A hand that is tracked and drives its robot."""
    spec = hand_spec(hand)
    # An upright palm: thumb on the right, fingers side by side.
    keypoints_m = np.zeros((21, 3))
    for finger in range(5):
        for joint in range(4):
            keypoints_m[1 + 4 * finger + joint] = (0.04 - 0.02 * finger, -0.06 - 0.025 * joint, 0.004 * joint)
    seen_px = keypoints_m[:, :2] * 3000 + (640, 500)
    made = HandSnapshot(
        hand=hand,
        keypoints_px=seen_px + 3.0,
        estimate_px=seen_px,
        ghost_px=seen_px + np.array([40.0, 0.0]),
        keypoints_m=keypoints_m,
        source_state="tracking",
        mode="TRACKING",
        fault="",
        joint_names=spec.joint_names,
        q_rad=spec.home_rad,
        target_rad=spec.home_rad + 0.1,
        lower_rad=spec.lower_rad,
        upper_rad=spec.upper_rad,
    )
    return dataclasses.replace(made, **changes)


def snapshot(*hands: HandSnapshot, **changes: object) -> Snapshot:
    """A frame of a run on which all goes well."""
    image = np.full((480, 854, 3), 90, np.uint8)
    made = Snapshot(
        image=image,
        scale=2 / 3,
        hands=hands or (hand_snapshot(),),
        stage_ms=dict(zip(ORDER, (4.0, 0.1, 15.0, 6.0, 2.0, 1.0), strict=True)),
        age_ms=28.0,
        horizon_ms=43.0,
        detection_rate=0.97,
        fps=29.9,
    )
    return dataclasses.replace(made, **changes)


class RobotThatRecords:
    """Stands where a RobotLink would."""

    def __init__(self, fails: bool = False) -> None:
        self.stops = 0
        self.fails = fails

    def stop(self) -> None:
        self.stops += 1
        if self.fails:
            raise RobotError("no answer")


class BusyScreen:
    """A drawing that is being made until it is let go, or for at most 20 seconds."""

    def __init__(self) -> None:
        self.busy = threading.Event()
        self.done = threading.Event()
        self.let_go = threading.Event()

    def paint(self) -> None:
        """Keep the processor and the interpreter busy, as drawing does."""
        self.busy.set()
        deadline_s = time.monotonic() + 20.0
        while not self.let_go.is_set() and time.monotonic() < deadline_s:
            sum(range(2000))
        self.done.set()


def wait_until(holds: Callable[[], bool], pump: Callable[[], None], most_s: float = 20.0) -> bool:
    """Keep calling `pump` until `holds`; False if it never did."""
    deadline_s = time.monotonic() + most_s
    while not holds():
        if time.monotonic() > deadline_s:
            return False
        pump()
    return True
