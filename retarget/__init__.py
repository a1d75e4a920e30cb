"""Robot kinematics from URDF and DexPilot retargeting, human hand to robot hand."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from retarget.config import Capsule, HandConfig
from retarget.config_file import hand_names, read_config
from retarget.errors import RetargetError
from retarget.hand_frame import hand_frame, to_hand_frame

if TYPE_CHECKING:
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

_SOLVING = ("RetargetStatus", "Retargeter", "load")


def __getattr__(name: str) -> Any:
    """What solves, loaded when asked for: its compiler is slow to load, and most commands solve nothing."""
    if name not in _SOLVING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("retarget.retargeter"), name)
