"""Draws a robot hand over its table, with what stands on it: a still camera looks at the grip from beside."""

from __future__ import annotations

from functools import lru_cache
from types import TracebackType

import numpy as np

from robot import allegro_shapes
from robot.allegro_model import Hand
from robot.hands import hand_spec
from robot.link_poses import LinkPoses
from robot.renderer import Camera, Geometry, Renderer
from robot.scene import SCENE_COLORS, ObjectKind, SceneConfig, SceneState, side_of, table_parts
from robot.view import JointReader

# In the stage frame: the world turned about its vertical so that x faces the viewer.
_TARGET_M = (-0.02, 0.035, 0.105)
_DISTANCE_M = 0.75
_SIDE_DEG = 22.0
_ABOVE_DEG = 17.0
_FOV_DEG = 28.0

_TO_LIGHT = (0.50, -0.34, 0.80)
_SHADOW_HALF_WIDTH_M = 0.26


@lru_cache(maxsize=4)
def _geometry(hand: Hand, item: ObjectKind) -> Geometry:
    """The links of the hand, the table and the object; built once per process."""
    shapes = allegro_shapes.shapes(hand)
    solids = [shapes[link] for link in LinkPoses(hand).links]
    table = table_parts(side_of(hand))
    return Geometry([*solids, table, SceneConfig(item).item.parts], SCENE_COLORS)


def _matrix(pose: np.ndarray) -> np.ndarray:
    """(4,4) of a pose (7,): position in metres, quaternion x, y, z, w."""
    x, y, z, w = pose[3:] / np.linalg.norm(pose[3:])
    matrix = np.eye(4)
    matrix[:3, :3] = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    matrix[:3, 3] = pose[:3]
    return matrix


class SceneView:
    """Takes pictures of a simulated hand in a scene; needs no display and no physics.

    Args:
        hand: "right" or "left".
        item: what stands on the table.
        size_px: (width, height) of the pictures.

    Raises:
        RobotError: there is no such hand or object, or the size is impossible.
    """

    def __init__(self, hand: Hand, item: ObjectKind, size_px: tuple[int, int] = (640, 480)) -> None:
        self.spec = hand_spec(hand)
        side = side_of(hand)
        self._stage = np.array(
            [[0.0, side, 0.0, 0.0], [-side, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
        )
        azimuth, elevation = np.radians(-side * _SIDE_DEG), np.radians(_ABOVE_DEG)
        level = np.cos(elevation)
        camera = Camera(
            target_m=np.array(_TARGET_M) * (1.0, side, 1.0),
            toward=np.array([level * np.cos(azimuth), level * np.sin(azimuth), np.sin(elevation)]),
            distance_m=_DISTANCE_M,
            fov_deg=_FOV_DEG,
            light=np.array(_TO_LIGHT) * (1.0, side, 1.0),
            shadow_half_width_m=_SHADOW_HALF_WIDTH_M,
        )
        self._renderer = Renderer(_geometry(hand, item), camera, size_px)
        self.size_px = self._renderer.size_px
        self._links = LinkPoses(hand)
        self._joints = JointReader(self.spec)
        self._poses = np.empty((len(self._links.links) + 2, 4, 4))
        self._poses[-2] = self._stage

    def render(self, q_rad: np.ndarray, joint_names: tuple[str, ...], scene: SceneState) -> np.ndarray:
        """The hand in the pose `q_rad` and the things where `scene` says.

        Args:
            q_rad, joint_names: see `HandView.render`.
            scene: poses of palm and object.

        Returns:
            (height,width,3) uint8 BGR picture, fresh memory.

        Raises:
            RobotError: a joint is missing, or the two lengths differ.
        """
        links = self._links.of(self._joints.read(q_rad, joint_names))
        self._poses[:-2] = self._stage @ _matrix(scene.palm) @ links
        self._poses[-1] = self._stage @ _matrix(scene.thing)
        return self._renderer.render(self._poses)

    def close(self) -> None:
        """Nothing to give back; pairs with opening it in a `with` statement."""

    def __enter__(self) -> SceneView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
