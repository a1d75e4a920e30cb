"""What arm controllers are told of each frame: the operator's wrists, and where they lead the arm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from app.wrist_estimate import WristEstimate, estimate_wrist
from models.body_trajectory import BodyTrajectory
from models.observation import Hand
from models.trajectory import HandTrajectory
from retarget.arm_workspace import ArmWorkspace
from retarget.clutch import Clutch
from retarget.pose_path import Pose
from robot.fields import MAX_INSTANTS
from robot.wrist_messages import WristPose, rotation_6d


class WristPublisher:
    """Takes wrists through their clutches; one arm for each hand.

    Args:
        hands: of the operator, each of which leads an arm of its own.
        workspace: axes, scale and limits of the arms.
        engaged: whether the wrists lead from the first frame.
    """

    def __init__(
        self,
        hands: Iterable[Hand],
        workspace: ArmWorkspace,
        engaged: bool = False,
    ) -> None:
        self._clutches = {hand: Clutch.at_start(workspace, engaged) for hand in hands}
        self._seq = 0

    @property
    def engaged(self) -> bool:
        """Whether any wrist leads its arm."""
        return any(clutch.engaged for clutch in self._clutches.values())

    def engage(self, arms: Mapping[Hand, Pose] | None = None) -> None:
        """Let the wrists lead.

        Args:
            arms: where arms are, from their start in base axes, where that is known; the other targets go on
                from where they rest.
        """
        arms = arms or {}
        for hand, clutch in self._clutches.items():
            self._clutches[hand] = clutch.engage(arms.get(hand))

    def disengage(self) -> None:
        """Let the arms rest; the wrists are free."""
        for hand, clutch in self._clutches.items():
            self._clutches[hand] = clutch.disengage()

    def toggle(self) -> None:
        """Disengage if any wrist leads, engage otherwise."""
        if self.engaged:
            self.disengage()
        else:
            self.engage()

    def update(
        self, hands: Mapping[Hand, HandTrajectory], body: BodyTrajectory | None, t_publish_ns: int
    ) -> list[WristPose]:
        """The messages of one frame, or of a gap without one; one for each hand.

        Args:
            hands: what is known of hands; those absent are as good as lost.
            body: of the operator, None where none is looked for.
            t_publish_ns: now, on the clock of the trajectories; it does not go backwards.
        """
        messages = []
        for hand, clutch in self._clutches.items():
            estimate = estimate_wrist(hand, hands.get(hand), body, t_publish_ns)
            clutch = clutch.follow(estimate.path, estimate.source or "", t_publish_ns)
            self._clutches[hand] = clutch
            self._seq += 1
            messages.append(self._message(hand, estimate, clutch, t_publish_ns))
        return messages

    def _message(self, hand: Hand, estimate: WristEstimate, clutch: Clutch, t_publish_ns: int) -> WristPose:
        wrist, target = estimate.path, clutch.path
        t_ns = (target if wrist is None else wrist).t_ns[:MAX_INSTANTS]
        target = target.sampled(t_ns)
        k = len(t_ns)
        return WristPose(
            seq=self._seq,
            hand=hand,
            valid=wrist is not None,
            source=estimate.source,
            source_state=estimate.source_state,
            engaged=clutch.engaged,
            engagement=clutch.engagement,
            t_capture_ns=estimate.t_capture_ns,
            t_publish_ns=t_publish_ns,
            t_ns=t_ns,
            position_m=np.full((k, 3), np.nan) if wrist is None else wrist.position_m[:k],
            rotation_6d=np.full((k, 6), np.nan) if wrist is None else rotation_6d(wrist.rotations[:k]),
            target_position_m=target.position_m,
            target_rotation_6d=rotation_6d(target.rotations),
        )
