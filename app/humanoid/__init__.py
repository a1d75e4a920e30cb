"""PyBullet's humanoid, doing what a person before the camera does."""

from app.humanoid.pose import HumanoidPose, HumanoidPoser
from app.humanoid.scene import HumanoidScene

__all__ = ["HumanoidPose", "HumanoidPoser", "HumanoidScene"]
