"""The robot side: messages, server with its guards, simulation, and the client that talks to them."""

from robot.allegro_model import HANDS, Hand
from robot.client import RobotLink, RobotStatus, connect
from robot.errors import RobotError
from robot.hands import JOINT_NAMES, HandSpec, hand_spec, mirror_q, urdf_path
from robot.messages import (
    JointTrajectory,
    MessageError,
    RobotState,
    WristTrajectory,
    decode_state,
    decode_trajectory,
    encode_state,
    encode_trajectory,
)
from robot.process import SimulationProcess, spawn_simulation
from robot.scene import SceneState
from robot.scene_view import SceneView
from robot.view import HandView

__all__ = [
    "HANDS",
    "JOINT_NAMES",
    "Hand",
    "HandSpec",
    "HandView",
    "JointTrajectory",
    "MessageError",
    "RobotError",
    "RobotLink",
    "RobotState",
    "RobotStatus",
    "SceneState",
    "SceneView",
    "SimulationProcess",
    "WristTrajectory",
    "connect",
    "decode_state",
    "decode_trajectory",
    "encode_state",
    "encode_trajectory",
    "hand_spec",
    "mirror_q",
    "spawn_simulation",
    "urdf_path",
]
