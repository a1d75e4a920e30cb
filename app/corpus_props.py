"""Things for a hand to hold and to hide behind in rendered training pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.synthetic.renderer import Prop
from models.camera import Camera
from models.hand_model import HandModel
from models.motion.vocabulary import GESTURES, gesture_angles
from models.rotations import matrix_from_axis_angle, mirror_points

_HELD_SHARE, _BAR_SHARE, _OTHER_HAND_SHARE = 0.15, 0.06, 0.04
_SIDES = 20


@dataclass(frozen=True)
class _Held:
    """A mesh that moves with the palm: vertices in the wrist's frame."""

    vertices_m: np.ndarray
    faces: np.ndarray
    rgb: tuple[float, float, float]


class Props:
    """The props of one clip.

    Args:
        rng: the dice.
        model: the hand, in its size.
        camera: what sees it.
    """

    def __init__(self, rng: np.random.Generator, model: HandModel, camera: Camera) -> None:
        self._held: _Held | None = None
        self._fixed: list[Prop] = []
        self._other: Prop | None = None
        self._other_path = (rng.uniform(-0.16, 0.16, 3), rng.uniform(0.0, 0.05, 3), rng.uniform(0.2, 1.0, 3))
        if rng.random() < _HELD_SHARE:
            self._held = _held(rng, model)
        if rng.random() < _BAR_SHARE:
            self._fixed.append(_bar(rng, camera))
        if rng.random() < _OTHER_HAND_SHARE:
            self._other = _other_hand(rng, model)

    def at(self, t_s: float, wrist: np.ndarray, wrist_m: np.ndarray) -> list[Prop]:
        """What to draw at a time with the wrist turned and placed so, camera axes."""
        props = list(self._fixed)
        if self._held is not None:
            props.append(Prop(wrist_m + self._held.vertices_m @ wrist.T, self._held.faces, self._held.rgb))
        if self._other is not None:
            home_m, swing_m, rate_hz = self._other_path
            moved = wrist_m + home_m + swing_m * np.sin(2.0 * np.pi * rate_hz * t_s)
            props.append(Prop(self._other.vertices_m + moved, self._other.faces, self._other.rgb))
        return props


def _held(rng: np.random.Generator, model: HandModel) -> _Held:
    """A ball, a box or a stick before the palm, where closed fingers would have it."""
    kind = rng.integers(3)
    size_m = rng.uniform(0.012, 0.04)
    if kind == 0:
        vertices, faces = sphere(size_m)
    elif kind == 1:
        vertices, faces = box(size_m * rng.uniform(0.6, 1.6, 3))
    else:
        vertices, faces = cylinder(0.6 * size_m, rng.uniform(0.06, 0.22))
        across = matrix_from_axis_angle(np.array([np.pi / 2, 0.0, 0.0]) + rng.normal(0.0, 0.3, 3))
        vertices = vertices @ across.T  # from the z axis to somewhere across the palm
    palm_m = 0.85 * model.joints_m[4] + np.array([0.0, -(size_m + 0.022), 0.0])
    spot = palm_m + rng.normal(0.0, 0.012, 3) + np.array([-0.03, 0.0, 0.0]) * rng.random()
    return _Held(vertices + spot, faces, _colour(rng))


def _bar(rng: np.random.Generator, camera: Camera) -> Prop:
    """Something thin that stands between camera and hand."""
    z_m = rng.uniform(0.15, 0.3)
    half = np.array(camera.size_px) / camera.focal_px / 2.0 * z_m
    vertices, faces = box(np.array([rng.uniform(0.002, 0.007), 1.5 * half[1], 0.004]))
    turn = matrix_from_axis_angle(np.array([0.0, 0.0, rng.uniform(-1.6, 1.6)]))
    spot = np.array([*rng.uniform(-0.6, 0.6, 2) * half, z_m])
    return Prop(vertices @ turn.T + spot, faces, _colour(rng))


def _other_hand(rng: np.random.Generator, model: HandModel) -> Prop:
    """The left hand of the same person, still but for a slow swing."""
    gesture = GESTURES[int(rng.integers(len(GESTURES)))]
    wrist = matrix_from_axis_angle(rng.uniform(-1.8, 1.8, 3))
    vertices = mirror_points(model.vertices(model.rotations_of_angles(gesture_angles(gesture), wrist)))
    skin = np.array([0.80, 0.62, 0.50]) * rng.uniform(0.5, 1.1)
    return Prop(vertices, model.faces[:, ::-1], (float(skin[0]), float(skin[1]), float(skin[2])))


def sphere(radius_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V,3) and faces (F,3) about the origin."""
    heights = np.linspace(-1.0, 1.0, 12)
    return _turned(np.sqrt(np.maximum(1.0 - heights**2, 1e-4)) * radius_m, heights * radius_m)


def cylinder(radius_m: float, length_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V,3) and faces (F,3) along z, about the origin."""
    half = 0.5 * length_m
    return _turned(np.array([1e-4, radius_m, radius_m, 1e-4]), np.array([-half, -half, half, half]))


def box(half_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (24,3), four to a side so that edges stay sharp, and faces (12,3)."""
    vertices: list[np.ndarray] = []
    faces: list[tuple[int, int, int]] = []
    for axis in range(3):
        for side in (-1.0, 1.0):
            u, v = np.eye(3)[(axis + 1) % 3], np.eye(3)[(axis + 2) % 3] * side
            centre = np.eye(3)[axis] * side
            first = len(vertices)
            vertices += [centre - u - v, centre + u - v, centre + u + v, centre - u + v]
            faces += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
    return np.array(vertices) * half_m, np.array(faces)


def _turned(radii_m: np.ndarray, heights_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A profile turned about z."""
    around = 2.0 * np.pi * np.arange(_SIDES) / _SIDES
    ring = np.stack([np.cos(around), np.sin(around)], axis=1)
    points = [
        np.column_stack([r * ring, np.full(_SIDES, z)]) for r, z in zip(radii_m, heights_m, strict=True)
    ]
    i = np.arange(_SIDES)
    faces = []
    for k in range(len(radii_m) - 1):
        a, b = k * _SIDES + i, k * _SIDES + (i + 1) % _SIDES
        faces += [np.column_stack([a, b, b + _SIDES]), np.column_stack([a, b + _SIDES, a + _SIDES])]
    return np.concatenate(points), np.concatenate(faces)


def _colour(rng: np.random.Generator) -> tuple[float, float, float]:
    r, g, b = rng.uniform(0.05, 0.95, 3)
    return float(r), float(g), float(b)
