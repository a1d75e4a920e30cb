"""LeRobot teleoperator "posehand": the operator's bare hand in front of a webcam."""

from lerobot_teleoperator_posehand.config_posehand_teleop import PoseHandTeleopConfig
from lerobot_teleoperator_posehand.posehand_teleop import PoseHandTeleop

__all__ = ["PoseHandTeleop", "PoseHandTeleopConfig"]
