"""The teleoperator itself."""

from __future__ import annotations

import logging
import time
from typing import Any

import numpy as np
from lerobot.teleoperators.teleoperator import Teleoperator
from lerobot.utils.errors import DeviceAlreadyConnectedError, DeviceNotConnectedError
from posehand_link import HandFollower, Pipeline, PipelineError, find_posehand, posehand_command

from lerobot_teleoperator_posehand.config_posehand_teleop import (
    ALLEGRO_JOINTS,
    HANDS,
    PoseHandTeleopConfig,
)

logger = logging.getLogger(__name__)


class PoseHandTeleop(Teleoperator):
    """Joint targets of a robot hand from the operator's bare hand, seen by a webcam.

    An action holds one angle per joint, rad, under "JOINT.pos"; with both hands under "right_JOINT.pos" and
    "left_JOINT.pos". It is what the operator's hand does now, predicted from the newest image. While the hand
    is not seen the last action is given again, and once it is back the joints approach it slowly.
    """

    config_class = PoseHandTeleopConfig
    name = "posehand"

    def __init__(self, config: PoseHandTeleopConfig) -> None:
        super().__init__(config)
        self.config = config
        self._hands = HANDS[config.hand]
        self._pipeline: Pipeline | None = None
        self._followers: dict[str, HandFollower] = {}
        self._reported: dict[str, bool] = {}

    @property
    def action_features(self) -> dict[str, type]:
        return {key: float for hand in self._hands for key in self._keys(hand)}

    @property
    def feedback_features(self) -> dict[str, type]:
        return {}

    @property
    def is_connected(self) -> bool:
        return self._pipeline is not None

    @property
    def is_calibrated(self) -> bool:
        return True

    def calibrate(self) -> None:
        """PoseHand is calibrated with its own `calibrate`."""

    def configure(self) -> None:
        """PoseHand is configured when it starts."""

    def connect(self, calibrate: bool = True) -> None:
        """Start PoseHand and wait until it is ready; the hand need not be seen yet.

        Raises:
            DeviceAlreadyConnectedError: it runs.
            DeviceNotConnectedError: it does not start; the message says why.
        """
        if self._pipeline is not None:
            raise DeviceAlreadyConnectedError(f"{self} is already connected.")
        config = self.config
        flags = [*(["--mirror"] if config.mirror else []), "--horizon-ms", config.horizon_ms, *config.flags]
        command = posehand_command(config.source, config.hand, config.posehand_python, flags)
        pipeline = None
        try:
            pipeline = Pipeline(command, find_posehand(config.posehand_dir))
            if not pipeline.wait_for(self._hands, config.connect_timeout_s):
                late = f"it was not ready within {config.connect_timeout_s:g} s; look at its source"
                raise PipelineError(pipeline.reason or late)
            self._followers = {hand: self._follower(pipeline, hand) for hand in self._hands}
        except RuntimeError as error:
            if pipeline is not None:
                pipeline.close()
            raise DeviceNotConnectedError(f"PoseHand does not start: {error}") from error
        except BaseException:
            if pipeline is not None:
                pipeline.close()
            raise
        self._reported = dict.fromkeys(self._hands, False)
        self._pipeline = pipeline

    def get_action(self) -> dict[str, float]:
        """What the robot's joints are to do now; never waits.

        Raises:
            DeviceNotConnectedError: it is not connected, or PoseHand has ended.
        """
        if self._pipeline is None:
            raise DeviceNotConnectedError(f"{self} is not connected. Run `.connect()` first.")
        t_now_ns = time.monotonic_ns()
        action: dict[str, float] = {}
        for hand, follower in self._followers.items():
            q_rad = follower.step(self._pipeline.newest(hand), t_now_ns)
            action.update(zip(self._keys(hand), q_rad.tolist(), strict=True))
            self._report(hand, follower.held_s(t_now_ns))
        if not self._pipeline.running and all(
            follower.held_s(t_now_ns) > self.config.lost_after_s for follower in self._followers.values()
        ):
            raise DeviceNotConnectedError(f"PoseHand has ended: {self._pipeline.reason}.")
        return action

    def send_feedback(self, feedback: dict[str, Any]) -> None:
        """There is nothing an operator's bare hand could feel."""

    def disconnect(self) -> None:
        """End PoseHand.

        Raises:
            DeviceNotConnectedError: it is not connected.
        """
        if self._pipeline is None:
            raise DeviceNotConnectedError(f"{self} is not connected.")
        pipeline, self._pipeline = self._pipeline, None
        pipeline.close()

    def _keys(self, hand: str) -> list[str]:
        names = self.config.joint_names or ALLEGRO_JOINTS
        return [f"{hand}_{name}.pos" if len(self._hands) > 1 else f"{name}.pos" for name in names]

    def _follower(self, pipeline: Pipeline, hand: str) -> HandFollower:
        """A follower that starts in the configured pose, or where PoseHand lets the robot hand rest.

        Raises:
            PipelineError: PoseHand drives another robot hand.
        """
        rest = pipeline.rest(hand)
        if rest is None or rest.joint_names != ALLEGRO_JOINTS:
            raise PipelineError("it drives another robot hand than this plugin knows: update both")
        start_rad = np.array(self.config.start_rad) if self.config.start_rad else rest.q_rad[0]
        return HandFollower(start_rad, self.config.limits())

    def _report(self, hand: str, held_s: float) -> None:
        lost = held_s > self.config.lost_after_s
        if lost and not self._reported[hand]:
            logger.warning("the %s hand is not seen: the robot hand holds; show it to the camera", hand)
        elif not lost and self._reported[hand]:
            logger.info("the %s hand is seen", hand)
        self._reported[hand] = lost
