"""Capsules, shaded: a still picture of a robot hand from one side, and where its points are in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.drawing import Colour
from robot import raster

_SEGMENTS, _RINGS = 28, 8
_DISTANCE_M = 4.0  # so far that nothing looks nearer than anything else
_LIGHT = (0.6, 0.0, 0.8)
_SHADOW_SIZE = 720
_HIGHLIGHT = (0.20, 26.0)
_TOP_BGR, _BOTTOM_BGR = (253, 251, 249), (233, 227, 221)


@dataclass(frozen=True)
class Body:
    """A capsule to draw: all points within radius_m of the segment from start to end, (3,) metres each."""

    start: np.ndarray
    end: np.ndarray
    radius_m: float
    colour: Colour


class Camera:
    """Looks at `target` along a horizontal direction, z up in the picture.

    Args:
        toward: (3,) unit, horizontal, from the target to the camera.
        target: (3,) metres, middle of the picture.
        scale: pixels per metre.
        size_px: (width, height).
    """

    def __init__(
        self, toward: np.ndarray, target: np.ndarray, scale: float, size_px: tuple[int, int]
    ) -> None:
        self.size_px = size_px
        self.scale = scale
        self.eye = target + _DISTANCE_M * toward
        self.view = _look(self.eye, target)

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """(…,3) metres to (…,2) pixels."""
        seen = np.asarray(points) @ self.view[:, :3].T + self.view[:, 3]
        middle = np.array(self.size_px) / 2.0
        return np.asarray(middle + self.scale * _DISTANCE_M * seen[..., :2] / seen[..., 2:])


def render(bodies: Sequence[Body], camera: Camera) -> np.ndarray:
    """(h,w,3) uint8 BGR picture of the bodies, lit from above and in front of the palm."""
    width, height = camera.size_px
    vertices, normals, triangles, materials = _geometry(bodies)
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    center, half_width = (low + high) / 2.0, float(np.linalg.norm(high - low)) / 2.0
    # The light stands beside the camera, so that what is seen is lit from either side.
    light = np.array(_LIGHT) + 0.8 * (camera.eye - center) / _DISTANCE_M
    light /= np.linalg.norm(light)
    shadow_view = _look(center + light, center)
    shadow_scale = 0.5 * _SHADOW_SIZE / half_width
    count, samples = len(vertices), raster.SAMPLES
    seen = np.empty((count, 3))
    raster.project(vertices, shadow_view, -shadow_scale, _SHADOW_SIZE / 2.0, _SHADOW_SIZE / 2.0, seen)
    shadow = np.empty((_SHADOW_SIZE, _SHADOW_SIZE), np.float32)
    raster.rasterize(seen, triangles, shadow, np.empty(shadow.shape, np.int32))
    screen = np.empty((count, 3))
    focal = samples * camera.scale * _DISTANCE_M
    raster.project(vertices, camera.view, focal, samples * width / 2.0, samples * height / 2.0, screen)
    nearness = np.empty((samples * height, samples * width), np.float32)
    ids = np.empty(nearness.shape, np.int32)
    raster.rasterize(screen, triangles, nearness, ids)
    image = np.empty((height, width, 3), np.uint8)
    raster.resolve(
        ids, screen, triangles, vertices, normals, materials, camera.eye, light, shadow_view, shadow_scale,
        shadow, background(width, height), image,
    )  # fmt: skip
    return image


def background(width: int, height: int) -> np.ndarray:
    """(height,width,3) uint8: nearly white, a little darker below."""
    share = np.linspace(0.0, 1.0, height)[:, None, None]
    rows = np.array(_TOP_BGR) * (1.0 - share) + np.array(_BOTTOM_BGR) * share
    return np.broadcast_to(np.round(rows), (height, width, 3)).astype(np.uint8)


def _look(eye: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(3,4) view from `eye` to `target`: to right, down, forward."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    return np.concatenate([rotation, -rotation @ eye[:, None]], axis=1)


def _geometry(bodies: Sequence[Body]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, normals (v,3), triangles (t,3) and materials (t,5) of all bodies."""
    vertices, normals, triangles, materials = [], [], [], []
    count = 0
    for body in bodies:
        body_vertices, body_normals = _capsule(body)
        faces = _FACES + count
        vertices.append(body_vertices)
        normals.append(body_normals)
        triangles.append(faces)
        materials.append(np.tile([*(float(c) for c in body.colour), *_HIGHLIGHT], (len(faces), 1)))
        count += len(body_vertices)
    return (
        np.concatenate(vertices),
        np.concatenate(normals),
        np.ascontiguousarray(np.concatenate(triangles).astype(np.int32)),
        np.concatenate(materials),
    )


def _capsule(body: Body) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and normals (v,3): rings from the pole at the start to the pole at the end."""
    along = body.end - body.start
    length = float(np.linalg.norm(along))
    axis = along / length if length > 1e-9 else np.array([0.0, 0.0, 1.0])
    side = np.cross(axis, np.eye(3)[int(np.abs(axis).argmin())])
    side /= np.linalg.norm(side)
    across = np.cross(axis, side)
    polar = np.linspace(-np.pi / 2.0, np.pi / 2.0, 2 * _RINGS)
    polar[_RINGS - 1], polar[_RINGS] = 0.0, 0.0  # the two rims of the cylinder
    around = 2.0 * np.pi * np.arange(_SEGMENTS) / _SEGMENTS
    circle = np.cos(around)[:, None] * side + np.sin(around)[:, None] * across
    normals = np.cos(polar)[:, None, None] * circle + np.sin(polar)[:, None, None] * axis
    centers = np.where((np.arange(2 * _RINGS) < _RINGS)[:, None, None], body.start, body.end)
    return (centers + body.radius_m * normals).reshape(-1, 3), normals.reshape(-1, 3)


def _faces() -> np.ndarray:
    """(t,3) triangles between neighbouring rings, counter-clockwise seen from outside."""
    faces = []
    for ring in range(2 * _RINGS - 1):
        for k in range(_SEGMENTS):
            a, b = ring * _SEGMENTS + k, ring * _SEGMENTS + (k + 1) % _SEGMENTS
            c, d = a + _SEGMENTS, b + _SEGMENTS
            faces += [(a, b, d), (a, d, c)]
    return np.array(faces, np.int32)


_FACES = _faces()
