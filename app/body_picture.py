"""Plain pictures of a clothed body: enough for a body detector, quick to draw, no renderer needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.opencv import cv2
from models.body_model import BodyModel
from models.camera import Camera
from models.rotations import unit

_SHIRT, _TROUSERS = (3, 6, 9, 13, 14, 16, 17), (0, 1, 2, 4, 5)  # by the joint a vertex moves with most
_SHOES = (7, 8, 10, 11)
_HEAD = 15
_LIGHT = unit(np.array([-0.4, -0.8, -0.7]))  # where it comes from, camera axes
_SUBPIXEL_BITS = 4
_NEAR_M = 0.1


@dataclass(frozen=True)
class BodyLook:
    """Colours, BGR 0–255, and the room.

    Attributes:
        skin, shirt, trousers, shoes, hair: of the body.
        room: (height,width,3) uint8 picture behind it.
        noise: standard deviation of the sensor's noise, of 255.
    """

    skin: tuple[float, float, float]
    shirt: tuple[float, float, float]
    trousers: tuple[float, float, float]
    shoes: tuple[float, float, float]
    hair: tuple[float, float, float]
    room: np.ndarray
    noise: float = 3.0


def random_look(rng: np.random.Generator, size_px: tuple[int, int]) -> BodyLook:
    """Somebody somewhere.

    Args:
        rng: the dice.
        size_px: (width, height) of the pictures.
    """

    def cloth() -> tuple[float, float, float]:
        blue, green, red = rng.uniform(20, 220, 3)
        return float(blue), float(green), float(red)

    width, height = size_px
    tone = rng.uniform(0.35, 1.0)
    hair = rng.uniform(10, 90)
    # Furniture, posters and floor: rectangles over a wall that gets darker to one side.
    room = np.full((height, width, 3), rng.uniform(90, 230, 3))
    left, right = rng.uniform(0.7, 1.1, 2)
    room *= np.linspace(left, right, width)[None, :, None]
    floor = int(height * rng.uniform(0.55, 0.85))
    room[floor:] = rng.uniform(40, 160, 3)
    for _ in range(rng.integers(3, 14)):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        w, h = rng.integers(20, width // 3), rng.integers(20, height // 2)
        room[y : y + int(h), x : x + int(w)] = rng.uniform(20, 230, 3)
    room = cv2.GaussianBlur(room, (0, 0), rng.uniform(1.0, 4.0))
    return BodyLook(
        skin=(150 * tone, 180 * tone, 235 * tone),
        shirt=cloth(),
        trousers=cloth(),
        shoes=cloth(),
        hair=(0.7 * hair, 0.8 * hair, hair),
        room=np.clip(room, 0, 255).astype(np.uint8),
        noise=float(rng.uniform(1.0, 6.0)),
    )


class BodyPainter:
    """Draws one body in one look: its triangles from far to near, each evenly lit."""

    def __init__(self, body: BodyModel, look: BodyLook, camera: Camera) -> None:
        """
        Args:
            body: whom.
            look: in what.
            camera: seen by which.
        """
        self._body, self._look, self._camera = body, look, camera
        self._colours = self._face_colours()

    def paint(self, index: int, rotations: np.ndarray, pelvis_m: np.ndarray) -> np.ndarray:
        """One picture.

        Args:
            index: of the frame; seeds the sensor's noise.
            rotations: (24,3,3) SMPL order, pelvis_m: (3,), camera frame.

        Returns:
            (height,width,3) uint8 BGR.
        """
        vertices = self._body.vertices(rotations, pelvis_m)
        corners = vertices[self._body.faces]  # (F,3,3)
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        centres = corners.mean(axis=1)
        shown = (np.sum(normals * centres, axis=1) < 0.0) & (corners[..., 2].min(axis=1) > _NEAR_M)
        light = 0.45 + 0.55 * np.clip(unit(normals) @ _LIGHT, 0.0, 1.0)
        colours = np.clip(self._colours * light[:, None], 0, 255)
        pixels = self._camera.project(corners.reshape(-1, 3)).reshape(-1, 3, 2)
        fixed = np.rint(pixels * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        image = self._look.room.copy()
        (order,) = np.nonzero(shown)
        for face in order[np.argsort(-centres[order, 2])]:
            colour = tuple(float(c) for c in colours[face])
            cv2.fillConvexPoly(image, fixed[face], colour, cv2.LINE_AA, _SUBPIXEL_BITS)
        image = cv2.GaussianBlur(image, (3, 3), 0)
        noise = np.random.default_rng(index).normal(0.0, self._look.noise, image.shape)
        return np.clip(image + noise, 0, 255).astype(np.uint8)

    def _face_colours(self) -> np.ndarray:
        """(F,3) BGR."""
        body, look = self._body, self._look
        owner = body.skin_weights.argmax(axis=1)
        colours = np.tile(np.array(look.skin), (len(owner), 1))
        colours[np.isin(owner, _SHIRT)] = look.shirt
        colours[np.isin(owner, _TROUSERS)] = look.trousers
        colours[np.isin(owner, _SHOES)] = look.shoes
        head = owner == _HEAD
        up, ahead = body.vertices_m[:, 1], body.vertices_m[:, 2]
        ears, crown = (body.joints_m[_HEAD] + body.keypoint_offsets_m[k] for k in (9, 10))
        # Hair covers what is above the forehead and, behind the ears, what is above them.
        forehead = ears[1] + 0.55 * (crown[1] - ears[1])
        hair = head & ((up > forehead) | ((ahead < ears[2] - 0.01) & (up > ears[1] - 0.05)))
        colours[hair] = look.hair
        return colours[body.faces].mean(axis=1)
