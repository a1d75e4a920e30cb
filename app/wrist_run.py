"""The arm's part of a run: the operator's wrists and the hands' targets, published for arm controllers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.body_run import BodyRun
from app.errors import UsageError
from app.hand_run import HandRun
from app.settings import TeleopSettings
from app.timing import StageTimer
from app.wrist_publisher import WristPublisher
from models.observation import Hand
from retarget import RetargetError
from retarget.arm_workspace import ArmWorkspace
from robot.messages import encode_trajectory
from robot.publisher import Publisher
from robot.wrist_messages import encode_wrist

WRIST_STAGE = "wrist_publish"
BOTH: tuple[Hand, ...] = ("right", "left")
RELEASING = ("stop", "disarm")  # commands that let the arm rest, too


@dataclass
class WristRun:
    """What arm controllers are told during a run.

    Attributes:
        wrists: the operator's, with their clutches.
        publisher: where they are told.
        booth: whether a gate says whose hand leads. It knows hands only: the body in view may be anybody's,
            so there no body's wrist is told, nor mixed with the hand's.
    """

    wrists: WristPublisher
    publisher: Publisher
    booth: bool = False

    @staticmethod
    def of(settings: TeleopSettings, publisher: Publisher) -> WristRun:
        """As the settings ask for; without hands, both wrists are the body's.

        Raises:
            UsageError: a flag has an illegal value.
        """
        wrists = WristPublisher(settings.hands or BOTH, workspace_of(settings), settings.clutch == "closed")
        return WristRun(wrists, publisher, settings.booth)

    def tell(self, hands: dict[Hand, HandRun], body: BodyRun | None, t_ns: int, timer: StageTimer) -> None:
        """Publish what the newest frame, or the gap, made of wrists and of hands; `t_ns` is now."""
        seen = {hand: run.result for hand, run in hands.items() if run.result is not None}
        with timer.section(WRIST_STAGE):
            newest = None if body is None or self.booth else body.result
            followed = None if newest is None else newest.trajectory
            trajectories = {hand: result.trajectory for hand, result in seen.items()}
            for wrist in self.wrists.update(trajectories, followed, t_ns):
                self.publisher.send(encode_wrist(wrist))
            for result in seen.values():  # for hands on the flange
                self.publisher.send(encode_trajectory(result.message))

    def heed(self, command: str) -> None:
        """What the operator asked for in the window, as far as it is of the arm."""
        if command == "clutch":
            self.wrists.toggle()
        elif command in RELEASING:
            self.wrists.disengage()


def workspace_of(settings: TeleopSettings) -> ArmWorkspace:
    """The arm's workspace.

    Raises:
        UsageError: a flag has an illegal value.
    """
    try:
        return ArmWorkspace.of(
            scale=settings.arm_scale,
            rotation_factor=settings.arm_rotation,
            view=settings.arm_view,
            yaw_rad=math.radians(settings.arm_yaw_deg),
            box_m=(settings.arm_box_m,) * 3,
        )
    except RetargetError as error:
        raise UsageError(f"--arm-scale, --arm-rotation, --arm-yaw-deg or --arm-box-m: {error}") from error
