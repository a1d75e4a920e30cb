"""Pictures of solid parts that move: their triangles, a still camera, a light with shadows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from robot import raster
from robot.allegro_shapes import COLORS, Shape
from robot.errors import RobotError
from robot.link_poses import rotation_from_rpy, transform
from robot.meshes import mesh_of

_SHADOW_SIZE = 640

_BACKGROUND_TOP_BGR = (250, 247, 243)
_BACKGROUND_BOTTOM_BGR = (216, 207, 198)

# Highlight strength and exponent.
_FINISH = {
    "metal": (0.45, 40.0),
    "rubber": (0.10, 12.0),
    "accent": (0.2, 30.0),
    "wood": (0.04, 10.0),
    "clay": (0.25, 30.0),
    "paper": (0.15, 20.0),
}
_PLAIN_FINISH = (0.22, 28.0)


class Geometry:
    """All triangles of a list of solids, in the solids' own frames.

    Args:
        solids: shapes of each solid, in its frame; the order of the poses that `Renderer.render` is given.
        colors: RGBA of the colour names the shapes use, beside the hand's own.
    """

    def __init__(
        self,
        solids: Sequence[Sequence[Shape]],
        colors: Mapping[str, tuple[float, float, float, float]] | None = None,
    ) -> None:
        palette = {**COLORS, **(colors or {})}
        vertices, normals, owners, triangles, materials = [], [], [], [], []
        count = 0
        for number, parts in enumerate(solids):
            for shape in parts:
                mesh = mesh_of(shape)
                place = transform(rotation_from_rpy(shape.rpy), shape.xyz)
                vertices.append(mesh.vertices_m @ place[:3, :3].T + place[:3, 3])
                normals.append(mesh.normals @ place[:3, :3].T)
                owners.append(np.full(len(mesh.vertices_m), number, dtype=np.int32))
                triangles.append(mesh.triangles + count)
                count += len(mesh.vertices_m)
                red, green, blue, _ = palette[shape.color]
                finish = _FINISH.get(shape.color, _PLAIN_FINISH)
                row = [255.0 * blue, 255.0 * green, 255.0 * red, *finish]
                materials.append(np.tile(row, (len(mesh.triangles), 1)))
        self.vertices = np.concatenate(vertices)
        self.normals = np.concatenate(normals)
        self.owners = np.concatenate(owners)
        self.triangles = np.concatenate(triangles).astype(np.int32)
        self.materials = np.concatenate(materials)


@dataclass(frozen=True)
class Camera:
    """Where a picture is taken from, and its light.

    Attributes:
        target_m: (3,) what the camera looks at.
        toward: (3,) unit vector from there to the camera; x faces the viewer, z is up.
        distance_m: how far away it is.
        fov_deg: over the shorter side of the picture.
        light: (3,) vector to the light.
        shadow_half_width_m: how far from the target shadows are cast.
    """

    target_m: np.ndarray
    toward: np.ndarray
    distance_m: float
    fov_deg: float
    light: np.ndarray
    shadow_half_width_m: float


def _look(eye: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(3,4) view from `eye` to `target`: to right, down, forward."""
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


class Renderer:
    """Draws one geometry from one camera, into memory it keeps.

    Args:
        geometry: what is drawn.
        camera: from where.
        size_px: (width, height) of the pictures.

    Attributes:
        size_px: as given.
        view: (3,4) from the world to the camera.
        focal_px: of the samples that pixels are made of, `raster.SAMPLES` to a side.
        to_light: (3,) unit.
        background: (height,width,3) uint8 BGR, behind everything.

    Raises:
        RobotError: the size is impossible.
    """

    def __init__(self, geometry: Geometry, camera: Camera, size_px: tuple[int, int]) -> None:
        width, height = size_px
        if not (16 <= width <= 4096 and 16 <= height <= 4096):
            raise RobotError(
                f"A hand cannot be drawn at {width}×{height} pixels; use 16 to 4096 on each side."
            )
        self.size_px = (width, height)
        self._geometry = geometry
        self._eye = camera.target_m + camera.distance_m * camera.toward
        self.view = _look(self._eye, camera.target_m)
        samples = raster.SAMPLES
        self.focal_px = samples * min(width, height) / 2.0 / np.tan(np.radians(camera.fov_deg) / 2.0)
        self.to_light = camera.light / np.linalg.norm(camera.light)
        self._shadow_view = _look(camera.target_m + self.to_light, camera.target_m)
        self._shadow_scale = _SHADOW_SIZE / 2.0 / camera.shadow_half_width_m
        self.background = _background(width, height)

        count = len(geometry.vertices)
        self._vertices, self._normals = np.empty((count, 3)), np.empty((count, 3))
        self._screen, self._shadow_screen = np.empty((count, 3)), np.empty((count, 3))
        self._nearness = np.empty((samples * height, samples * width), dtype=np.float32)
        self._ids = np.empty(self._nearness.shape, dtype=np.int32)
        self._shadow = np.empty((_SHADOW_SIZE, _SHADOW_SIZE), dtype=np.float32)
        self._shadow_ids = np.empty(self._shadow.shape, dtype=np.int32)

    def render(self, poses: np.ndarray, background: np.ndarray | None = None) -> np.ndarray:
        """A picture, (height,width,3) uint8 BGR, fresh memory.

        Args:
            poses: (solids,4,4) where the solids are.
            background: `background` or one of its own size and kind; None is that.
        """
        shape = self._geometry
        raster.move_vertices(
            shape.vertices, shape.normals, shape.owners, poses, self._vertices, self._normals
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
            self.view,
            self.focal_px,
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
            self.to_light,
            self._shadow_view,
            self._shadow_scale,
            self._shadow,
            self.background if background is None else background,
            image,
        )
        return image
