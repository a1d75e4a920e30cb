"""Joint targets from PoseHand in any Python program: PoseHand runs in a process of its own.

Nothing of PoseHand is imported and numpy is all that is needed, so that PoseHand's packages and those of the
program never have to agree.
"""

from posehand_link.follower import FollowLimits, HandFollower
from posehand_link.installation import PoseHandNotFoundError, find_posehand
from posehand_link.pipeline import Pipeline, PipelineError, posehand_command
from posehand_link.targets import Targets, parse_targets

__all__ = [
    "FollowLimits",
    "HandFollower",
    "Pipeline",
    "PipelineError",
    "PoseHandNotFoundError",
    "Targets",
    "find_posehand",
    "parse_targets",
    "posehand_command",
]
