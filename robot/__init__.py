"""The robot side: messages, server with its guards, simulation, and the client that talks to them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
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

_VIEWS = {"HandView": "robot.view", "SceneView": "robot.scene_view"}


def __getattr__(name: str) -> Any:
    """The views, loaded when asked for: their compiler takes as long as all else, and a server has none."""
    if name not in _VIEWS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_VIEWS[name]), name)
