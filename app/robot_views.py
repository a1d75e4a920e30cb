"""Pictures of the robot hands of a run: in the air, or over a table where they have one."""

from __future__ import annotations

import numpy as np

from models.observation import Hand
from robot import HandView, SceneState, SceneView
from robot.scene import ObjectKind


class RobotViews:
    """Takes pictures of robot hands; each view is made when it is first needed.

    Args:
        size_px: (width, height) of the pictures.
    """

    def __init__(self, size_px: tuple[int, int]) -> None:
        self._size_px = size_px
        self._hands: dict[tuple[Hand, str], HandView] = {}
        self._scenes: dict[tuple[Hand, ObjectKind], SceneView] = {}

    def render(
        self,
        hand: Hand,
        q_rad: np.ndarray,
        joint_names: tuple[str, ...],
        scene: SceneState | None,
        version: str = "v4",
    ) -> np.ndarray:
        """The hand in the pose `q_rad`.

        Args:
            hand: "right" or "left".
            q_rad, joint_names: see `robot.HandView.render`.
            scene: where palm and object are; None shows the hand alone.
            version: of the hand alone, see `robot.HandView`.

        Returns:
            (height,width,3) uint8 BGR picture, fresh memory.
        """
        if scene is None:
            if (hand, version) not in self._hands:
                self._hands[hand, version] = HandView(hand, self._size_px, version)
            return self._hands[hand, version].render(q_rad, joint_names)
        key = (hand, scene.object)
        if key not in self._scenes:
            self._scenes[key] = SceneView(hand, scene.object, self._size_px)
        return self._scenes[key].render(q_rad, joint_names, scene)

    def close(self) -> None:
        """Close all views."""
        views: list[HandView | SceneView] = [*self._hands.values(), *self._scenes.values()]
        for view in views:
            view.close()
