"""Robot kinematics from URDF and DexPilot retargeting, human hand to robot hand."""

from retarget.config import HandConfig
from retarget.errors import RetargetError
from retarget.hand_frame import hand_frame, to_hand_frame
from retarget.retargeter import Retargeter, RetargetStatus, load

__all__ = [
    "HandConfig",
    "RetargetError",
    "RetargetStatus",
    "Retargeter",
    "hand_frame",
    "load",
    "to_hand_frame",
]
