"""Settings of the teleoperator; every field is a flag --teleop.NAME of LeRobot's commands."""

from __future__ import annotations

from dataclasses import dataclass, field

from lerobot.teleoperators.config import TeleoperatorConfig
from posehand_link import FollowLimits

ALLEGRO_JOINTS = tuple(f"joint_{i}.0" for i in range(16))
"""Index, middle, ring and thumb of an Allegro hand, four each, as its URDF calls them."""

HANDS = {"right": ("right",), "left": ("left",), "both": ("right", "left")}


@TeleoperatorConfig.register_subclass("posehand")
@dataclass
class PoseHandTeleopConfig(TeleoperatorConfig):
    """
    Attributes:
        source: webcam[:N], a video file, a stream's URL, synthetic[:SEED], or a recording of PoseHand.
        hand: the operator's hand, right, left or both; it drives the robot hand of the same side.
        mirror: the source shows a mirror image, as selfie cameras do.
        horizon_ms: how far past capture to aim: auto makes up for the time passed, or a number.
        flags: more flags of PoseHand's `teleop`, such as ["--temporal", "one-euro"].
        joint_names: what the robot calls its joints, in PoseHand's order; empty: as PoseHand calls them.
        start_rad: where each joint is at first, rad, in PoseHand's order; empty: a hand at rest.
        speed_rad_s: fastest a joint target moves while following.
        engage_speed_rad_s: fastest it moves at first, and after the hand was lost.
        lost_after_s: the hand is reported lost after this long.
        connect_timeout_s: how long PoseHand may take to start; the first time it fetches its detector.
        posehand_dir: folder of PoseHand; None: POSEHAND_DIR, or the checkout the plugin is installed from.
        posehand_python: the Python that has PoseHand's packages; None: the one running LeRobot.
    """

    source: str = "webcam"
    hand: str = "right"
    mirror: bool = False
    horizon_ms: str = "auto"
    flags: list[str] = field(default_factory=list)
    joint_names: list[str] = field(default_factory=list)
    start_rad: list[float] = field(default_factory=list)
    speed_rad_s: float = FollowLimits.speed_rad_s
    engage_speed_rad_s: float = FollowLimits.engage_speed_rad_s
    lost_after_s: float = 0.5
    connect_timeout_s: float = 120.0
    posehand_dir: str | None = None
    posehand_python: str | None = None

    def __post_init__(self) -> None:
        if self.hand not in HANDS:
            raise ValueError(f"hand is right, left or both, not {self.hand!r}")
        if self.joint_names and len(set(self.joint_names)) != len(ALLEGRO_JOINTS):
            raise ValueError(
                f"joint_names has {len(set(self.joint_names))} different names; it must have "
                f"{len(ALLEGRO_JOINTS)} or none"
            )
        if self.start_rad and len(self.start_rad) != len(ALLEGRO_JOINTS):
            raise ValueError(
                f"start_rad has {len(self.start_rad)} angles; it must have {len(ALLEGRO_JOINTS)} or none"
            )
        self.limits()

    def limits(self) -> FollowLimits:
        """How fast targets may move.

        Raises:
            ValueError: a speed is not greater than 0.
        """
        return FollowLimits(speed_rad_s=self.speed_rad_s, engage_speed_rad_s=self.engage_speed_rad_s)
