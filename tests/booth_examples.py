"""Visitors of a booth, as the detector would report them."""

from __future__ import annotations

from functools import cache

import numpy as np

from app.booth.gate import BoothGate, Gated
from app.synthetic.poses import hand_poses
from app.synthetic.routine import FACING
from models.camera import Camera
from models.hand_model import HandModel
from models.observation import Hand, Observation
from models.rotations import matrix_from_axis_angle, mirror_points
from robot import RobotState, hand_spec

SIZE_PX = (640, 480)
CAMERA = Camera.assumed(SIZE_PX)
NS = 1_000_000_000


@cache
def _poses() -> dict[str, np.ndarray]:
    return hand_poses(HandModel.load())


@cache
def _keypoints(pose: str, turn_rad: float, hand: Hand) -> np.ndarray:
    """(21,3) relative to the wrist, camera axes: raised before the camera, turned about the forearm."""
    model = HandModel.load()
    wrist = FACING @ matrix_from_axis_angle(np.array([turn_rad, 0.0, 0.0]))
    points = model.keypoints(model.rotations_of_angles(_poses()[pose], wrist))
    return points if hand == "right" else mirror_points(points)


def seen(
    t_ns: int,
    pose: str = "open",
    at_m: tuple[float, float, float] = (0.0, 0.1, 0.7),
    turn_rad: float = 0.0,
    hand: Hand = "right",
) -> Observation:
    """A hand with its wrist at `at_m` (right, down, away from the camera)."""
    keypoints_m = _keypoints(pose, turn_rad, hand)
    pixels = CAMERA.project(keypoints_m + np.array(at_m))
    return Observation(t_ns, hand, True, keypoints_m, pixels, SIZE_PX, 0.97)


def nobody(t_ns: int, hand: Hand = "right") -> Observation:
    return Observation.missing(t_ns, hand, SIZE_PX)


def robot(mode: str, watchdog_disarms: int = 0, rest_commands: int = 0) -> RobotState:
    spec = hand_spec("right")
    zeros = np.zeros(16)
    counters = {"watchdog_disarms": watchdog_disarms, "rest_commands": rest_commands}
    return RobotState(0, 0, mode, spec.joint_names, zeros, zeros, zeros, 0, "", counters)  # type: ignore[arg-type]


class Booth:
    """A gate with a robot that does at once what it is told, at 30 Hz."""

    def __init__(self, gate: BoothGate | None = None) -> None:
        self.gate = gate or BoothGate()
        self.frame = 0
        self.mode = "DISARMED"
        self.rest_commands = 0
        self.told: list[str] = []
        self.frames: list[Gated] = []

    @property
    def t_ns(self) -> int:
        return round(self.frame * NS / 30)

    @property
    def now(self) -> Gated:
        return self.frames[-1]

    def show(self, seconds: float, *args: object, **kwargs: object) -> Gated:
        """The same hand, see `seen`, for a while."""
        for _ in range(round(seconds * 30)):
            self.look(seen(self.t_ns, *args, **kwargs))  # type: ignore[arg-type]
        return self.now

    def wait(self, seconds: float) -> Gated:
        """Nobody in view for a while."""
        for _ in range(round(seconds * 30)):
            self.look(nobody(self.t_ns))
        return self.now

    def look(self, observation: Observation, *others: Observation) -> Gated:
        state = robot(self.mode, rest_commands=self.rest_commands)
        gated = self.gate.filter(self.t_ns, {"right": observation}, {"right": state}, others)
        for command in gated.commands.get("right", ()):
            self.told.append(command)
            self.rest_commands += command == "disarm"
            if self.mode == "STOPPED":
                continue
            if command == "arm" and self.mode == "DISARMED":
                self.mode = "TRACKING"
            elif command == "disarm":
                self.mode = "DISARMED"
            elif command == "home" and self.mode != "DISARMED":
                self.mode = "HOLD"
        self.frames.append(gated)
        self.frame += 1
        return gated
