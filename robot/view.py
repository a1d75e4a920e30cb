"""Draws a robot hand in a given pose: a still camera looks at its palm, as a webcam looks at the operator's.

The picture is unmirrored: a right hand has its thumb on the right, like a right palm held up to a camera.
"""

from __future__ import annotations

from functools import lru_cache
from types import TracebackType

import numpy as np

from robot import allegro_shapes, raster
from robot.allegro_model import Hand
from robot.errors import RobotError
from robot.hands import hand_spec
from robot.link_poses import LinkPoses, rotation_from_rpy, transform
from robot.meshes import mesh_of

# Camera on the palm side, a little to the thumb's side and a little above, so that the curl of the fingers
# and the thumb in front of the palm both show. Palm frame, metres.
_TARGET_M = (0.010, 0.030, 0.010)
_DISTANCE_M = 0.62
_SIDE_DEG = 22.0
_ABOVE_DEG = 12.0
_FOV_DEG = 28.0  # over the shorter side of the picture

_TO_LIGHT = (0.72, 0.30, 0.63)
_SHADOW_SIZE = 640
_SHADOW_HALF_WIDTH_M = 0.22

_BACKGROUND_TOP_BGR = (250, 247, 243)
_BACKGROUND_BOTTOM_BGR = (216, 207, 198)

# Highlight strength and exponent.
_FINISH = {"metal": (0.45, 40.0), "rubber": (0.10, 12.0), "accent": (0.2, 30.0)}
_HOUSING_FINISH = (0.22, 28.0)


class _Geometry:
    """All triangles of one hand, in their links' frames; built once per process and hand."""

    def __init__(self, hand: Hand) -> None:
        self.poses = LinkPoses(hand)
        vertices, normals, links, triangles, materials = [], [], [], [], []
        count = 0
        for number, link in enumerate(self.poses.links):
            for shape in allegro_shapes.shapes(hand)[link]:
                mesh = mesh_of(shape)
                place = transform(rotation_from_rpy(shape.rpy), shape.xyz)
                vertices.append(mesh.vertices_m @ place[:3, :3].T + place[:3, 3])
                normals.append(mesh.normals @ place[:3, :3].T)
                links.append(np.full(len(mesh.vertices_m), number, dtype=np.int32))
                triangles.append(mesh.triangles + count)
                count += len(mesh.vertices_m)
                red, green, blue, _ = allegro_shapes.COLORS[shape.color]
                finish = _FINISH.get(shape.color, _HOUSING_FINISH)
                row = [255.0 * blue, 255.0 * green, 255.0 * red, *finish]
                materials.append(np.tile(row, (len(mesh.triangles), 1)))
        self.vertices = np.concatenate(vertices)
        self.normals = np.concatenate(normals)
        self.links = np.concatenate(links)
        self.triangles = np.concatenate(triangles).astype(np.int32)
        self.materials = np.concatenate(materials)


_geometry = lru_cache(maxsize=2)(_Geometry)


def _look(eye: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(3,4) view from `eye` to `target`: palm frame to right, down, forward."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    return np.concatenate([rotation, -rotation @ eye[:, None]], axis=1)


def _background(width: int, height: int) -> np.ndarray:
    """(height,width,3) uint8: a soft vertical gradient, a little darker in the corners."""
    y = np.linspace(0.0, 1.0, height)[:, None, None]
    x = np.linspace(-1.0, 1.0, width)[None, :, None]
    top, bottom = np.array(_BACKGROUND_TOP_BGR, float), np.array(_BACKGROUND_BOTTOM_BGR, float)
    corners = 1.0 - 0.05 * np.clip(x**2 + (2.0 * y - 1.0) ** 2 - 0.3, 0.0, 1.7)
    # Half a step of noise hides the bands that eight bits give a slow gradient.
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (height, width, 1))
    return np.clip((top + (bottom - top) * y) * corners + noise, 0, 255).astype(np.uint8)


class HandView:
    """Takes pictures of one robot hand; needs no display and no physics.

    Args:
        hand: "right" or "left".
        size_px: (width, height) of the pictures.

    Raises:
        RobotError: there is no such hand, or the size is impossible.
    """

    def __init__(self, hand: Hand, size_px: tuple[int, int] = (640, 480)) -> None:
        width, height = size_px
        if not (16 <= width <= 4096 and 16 <= height <= 4096):
            raise RobotError(
                f"A hand cannot be drawn at {width}×{height} pixels; use 16 to 4096 on each side."
            )
        self.spec = hand_spec(hand)
        self.size_px = (width, height)
        self._geometry = _geometry(hand)
        side = 1.0 if hand == "right" else -1.0
        target = np.array(_TARGET_M) * (1.0, side, 1.0)
        azimuth, elevation = np.radians(side * _SIDE_DEG), np.radians(_ABOVE_DEG)
        level = np.cos(elevation)
        toward = np.array([level * np.cos(azimuth), level * np.sin(azimuth), np.sin(elevation)])
        self._eye = target + _DISTANCE_M * toward
        self._view = _look(self._eye, target)
        samples = raster.SAMPLES
        self._focal_px = samples * min(width, height) / 2.0 / np.tan(np.radians(_FOV_DEG) / 2.0)
        light = np.array(_TO_LIGHT) * (1.0, side, 1.0)
        self._light = light / np.linalg.norm(light)
        self._shadow_view = _look(target + self._light, target)
        self._shadow_scale = _SHADOW_SIZE / 2.0 / _SHADOW_HALF_WIDTH_M
        self._background = _background(width, height)
        self._q_rad = np.array(self.spec.home_rad)
        self._rows: dict[tuple[str, ...], list[int]] = {}

        count = len(self._geometry.vertices)
        self._vertices, self._normals = np.empty((count, 3)), np.empty((count, 3))
        self._screen, self._shadow_screen = np.empty((count, 3)), np.empty((count, 3))
        self._nearness = np.empty((samples * height, samples * width), dtype=np.float32)
        self._ids = np.empty(self._nearness.shape, dtype=np.int32)
        self._shadow = np.empty((_SHADOW_SIZE, _SHADOW_SIZE), dtype=np.float32)
        self._shadow_ids = np.empty(self._shadow.shape, dtype=np.int32)

    def render(self, q_rad: np.ndarray, joint_names: tuple[str, ...]) -> np.ndarray:
        """The hand in the pose `q_rad`.

        Args:
            q_rad: (n,) joint angles, rad; a joint that is not finite stays as it was drawn last.
            joint_names: n names; all joints of the hand must be among them, others are ignored.

        Returns:
            (height,width,3) uint8 BGR picture, fresh memory.

        Raises:
            RobotError: a joint is missing, or the two lengths differ.
        """
        self._pose(np.asarray(q_rad, dtype=np.float64), tuple(joint_names))
        shape = self._geometry
        raster.move_vertices(
            shape.vertices,
            shape.normals,
            shape.links,
            shape.poses.of(self._q_rad),
            self._vertices,
            self._normals,
        )
        half = _SHADOW_SIZE / 2.0
        raster.project(
            self._vertices, self._shadow_view, -self._shadow_scale, half, half, self._shadow_screen
        )
        raster.rasterize(self._shadow_screen, shape.triangles, self._shadow, self._shadow_ids)
        width, height = self.size_px
        samples = raster.SAMPLES
        raster.project(
            self._vertices,
            self._view,
            self._focal_px,
            samples * width / 2.0,
            samples * height / 2.0,
            self._screen,
        )
        raster.rasterize(self._screen, shape.triangles, self._nearness, self._ids)
        image = np.empty((height, width, 3), dtype=np.uint8)
        raster.resolve(
            self._ids,
            self._screen,
            shape.triangles,
            self._vertices,
            self._normals,
            shape.materials,
            self._eye,
            self._light,
            self._shadow_view,
            self._shadow_scale,
            self._shadow,
            self._background,
            image,
        )
        return image

    def _pose(self, q_rad: np.ndarray, joint_names: tuple[str, ...]) -> None:
        if q_rad.shape != (len(joint_names),):
            raise RobotError(
                f"{len(joint_names)} joint names came with angles of shape {q_rad.shape}; "
                "give one angle per name."
            )
        rows = self._rows.get(joint_names)
        if rows is None:
            missing = [name for name in self.spec.joint_names if name not in joint_names]
            if missing:
                raise RobotError(
                    f"The {self.spec.hand} hand cannot be drawn without {', '.join(missing)}; "
                    f"it has the joints {', '.join(self.spec.joint_names)}."
                )
            rows = [joint_names.index(name) for name in self.spec.joint_names]
            self._rows = {joint_names: rows}
        given = q_rad[rows]
        self._q_rad = np.where(np.isfinite(given), given, self._q_rad)

    def close(self) -> None:
        """Nothing to give back; pairs with opening it in a `with` statement."""

    def __enter__(self) -> HandView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
