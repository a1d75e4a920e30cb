"""Robot kinematics from URDF and DexPilot retargeting, human hand to robot hand."""

from retarget.config import Capsule, HandConfig
from retarget.config_file import hand_names, read_config
from retarget.errors import RetargetError
from retarget.hand_frame import hand_frame, to_hand_frame
from retarget.retargeter import Retargeter, RetargetStatus, load

__all__ = [
    "Capsule",
    "HandConfig",
    "RetargetError",
    "RetargetStatus",
    "Retargeter",
    "hand_frame",
    "hand_names",
    "load",
    "read_config",
    "to_hand_frame",
]
