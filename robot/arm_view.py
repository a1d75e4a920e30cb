"""Pictures of the arm with the hand on its flange, without a display."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from robot import allegro_shapes
from robot.allegro_model import Hand
from robot.allegro_shapes import Shape
from robot.arm_kinematics import PALM_MOUNT_M, arm_kinematics, kuka_urdf
from robot.link_poses import LinkPoses, transform
from robot.renderer import Camera, Geometry, Renderer

_TARGET_M = (0.42, 0.0, 0.46)
_TOWARD = (0.62, -0.74, 0.26)
_DISTANCE_M = 3.2
_FOV_DEG = 25.0
_TO_LIGHT = (0.45, -0.35, 0.90)
_SHADOW_HALF_WIDTH_M = 0.95
_COLORS = {"floor": (0.60, 0.62, 0.64, 1.0), "goal": (0.93, 0.45, 0.12, 1.0)}
_ORANGE = (0.92, 0.42, 0.10)
_GREY = (0.56, 0.58, 0.60)
# As the arm is sold: grey, with orange caps on every other link.
_LINK_COLORS = (_GREY, _ORANGE, _GREY, _ORANGE, _GREY, _ORANGE, _GREY, (0.30, 0.31, 0.33))
_FINISH = (0.30, 36.0)  # strength and exponent of the highlight
_FLOOR = Shape("box", (1.5, 1.2, 0.03), (0.30, 0.0, -0.016), "floor")
_GOAL = Shape("sphere", (0.016,), (0.0, 0.0, 0.0), "goal")


def _read_obj(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices (v,3), normals (v,3) and triangles (t,3) of a Wavefront file, one vertex for each corner."""
    points, normals, corners = [], [], []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        kind, *values = line.split() or [""]
        if kind == "v":
            points.append([float(value) for value in values[:3]])
        elif kind == "vn":
            normals.append([float(value) for value in values[:3]])
        elif kind == "f":
            face = [corner.split("/") for corner in values]
            for second, third in pairwise(face[1:]):
                corners += [(int(corner[0]) - 1, int(corner[-1]) - 1) for corner in (face[0], second, third)]
    vertex, normal = np.array(corners).T
    triangles = np.arange(len(corners), dtype=np.int32).reshape(-1, 3)
    return np.array(points)[vertex], np.array(normals)[normal], triangles


def _add(geometry: Geometry, owner: int, path: Path, color: tuple[float, float, float]) -> None:
    """Add a mesh as one more solid."""
    vertices, normals, triangles = _read_obj(path)
    red, green, blue = color
    row = [255.0 * blue, 255.0 * green, 255.0 * red, *_FINISH]
    first = len(geometry.vertices)
    geometry.vertices = np.concatenate([geometry.vertices, vertices])
    geometry.normals = np.concatenate([geometry.normals, normals])
    geometry.owners = np.concatenate([geometry.owners, np.full(len(vertices), owner, dtype=np.int32)])
    geometry.triangles = np.concatenate([geometry.triangles, triangles + np.int32(first)])
    geometry.materials = np.concatenate([geometry.materials, np.tile(row, (len(triangles), 1))])


@lru_cache(maxsize=2)
def _geometry(hand: Hand) -> Geometry:
    """Links of the hand, floor, goal, then links of the arm; built once per process and hand."""
    shapes = allegro_shapes.shapes(hand)
    solids = [shapes[link] for link in LinkPoses(hand).links]
    geometry = Geometry([*solids, [_FLOOR], [_GOAL]], _COLORS)
    for i, color in enumerate(_LINK_COLORS):
        _add(geometry, len(solids) + 2 + i, kuka_urdf().parent / "meshes" / f"link_{i}.obj", color)
    return geometry


class ArmView:
    """Takes pictures of the arm; needs no physics.

    Args:
        hand: which Allegro hand it carries.
        size_px: (width, height) of the pictures.

    Raises:
        RobotError: the size is impossible, or the arm's description is missing.
    """

    def __init__(self, hand: Hand, size_px: tuple[int, int] = (640, 480)) -> None:
        toward = np.array(_TOWARD)
        camera = Camera(
            target_m=np.array(_TARGET_M),
            toward=toward / np.linalg.norm(toward),
            distance_m=_DISTANCE_M,
            fov_deg=_FOV_DEG,
            light=np.array(_TO_LIGHT),
            shadow_half_width_m=_SHADOW_HALF_WIDTH_M,
        )
        self._renderer = Renderer(_geometry(hand), camera, size_px)
        self._hand = LinkPoses(hand)
        self._arm = arm_kinematics()
        self._mount = transform(np.eye(3), PALM_MOUNT_M)

    def render(self, arm_rad: np.ndarray, hand_rad: np.ndarray, goal_m: np.ndarray) -> np.ndarray:
        """A picture at joint angles arm_rad (7,) and hand_rad (16,), an orange ball at goal_m (3,).

        Returns:
            (height,width,3) uint8 BGR, fresh memory.
        """
        arm = self._arm.link_poses(arm_rad)
        palm = arm[-1] @ self._mount
        still = np.stack([np.eye(4), transform(np.eye(3), tuple(np.asarray(goal_m).tolist()))])
        return self._renderer.render(np.concatenate([palm @ self._hand.of(hand_rad), still, arm]))
