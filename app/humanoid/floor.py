"""The floor under the humanoid: painted once, with a shadow laid over it picture by picture.

Rendering the floor with the humanoid would take longer than the humanoid; its pixels never change, but for
the shadow. That is drawn as the light sees it, where every ball is a disc, and from there brought into the
picture by one homography.
"""

from __future__ import annotations

import numpy as np

from app.humanoid.balls import Balls
from app.opencv import cv2

TILE_M = 0.5
_LINE_M = 0.012
_SAMPLES = 3  # a pixel and axis, of the lines
_TILES_BGR = ((226.0, 220.0, 213.0), (215.0, 207.0, 199.0))
_LINE_BGR = (182.0, 172.0, 163.0)
_FAR_M = (2.0, 6.0)  # from the middle; there the floor begins and ends to fade into the backdrop

_SHADOW_HALF_M = 2.2
_SHADOW_PX_M = 70.0
_SHADOW_BLUR_PX = 1.7
_SHADE = 0.36
_SUBPIXEL_BITS = 4


class Floor:
    """The ground z = 0 of a picture's frame (x to the viewer, z up, metres), seen by one camera.

    Args:
        view: (3,4) from that frame to camera axes, x right, y down, z forward.
        focal_px: focal length; the principal point is the picture's middle.
        backdrop: (height,width,3) uint8 what is behind the floor.
        light: (3,) unit vector to the light.
    """

    def __init__(self, view: np.ndarray, focal_px: float, backdrop: np.ndarray, light: np.ndarray) -> None:
        height, width = backdrop.shape[:2]
        K = np.array([[focal_px, 0.0, 0.5 * width], [0.0, focal_px, 0.5 * height], [0.0, 0.0, 1.0]])
        ground_to_px = K @ view[:, [0, 1, 3]]
        across = np.cross((0.0, 0.0, 1.0), light)
        across /= np.linalg.norm(across)
        self._axes = np.stack([across, np.cross(light, across)])  # (2,3) of the picture the light sees
        size = round(2.0 * _SHADOW_HALF_M * _SHADOW_PX_M)
        self._shadow = np.zeros((size, size), np.uint8)
        ground_to_shadow = np.eye(3)
        ground_to_shadow[:2, :2] = _SHADOW_PX_M * self._axes[:, :2]
        ground_to_shadow[:2, 2] = 0.5 * size
        self._shadow_to_px = ground_to_px @ np.linalg.inv(ground_to_shadow)
        self._picture = _painted(np.linalg.inv(ground_to_px), backdrop)
        self._is_floor = _horizon_mask(np.linalg.inv(ground_to_px), width, height)

    def picture(self, balls: Balls, centres_m: np.ndarray) -> np.ndarray:
        """The floor with the shadow of solids.

        Args:
            balls: what throws the shadow.
            centres_m: (n,3) where they are, in the floor's frame.

        Returns:
            (height,width,3) uint8 BGR, fresh memory.
        """
        self._shadow[:] = 0
        fixed = 1 << _SUBPIXEL_BITS
        middles = (centres_m @ self._axes.T * _SHADOW_PX_M + 0.5 * len(self._shadow)) * fixed
        middles = np.rint(np.clip(middles, -1e6, 1e6)).astype(np.int32)
        radii = np.rint(balls.radii_m * _SHADOW_PX_M * fixed).astype(int)
        for solid in balls.solids:
            points, radius = middles[solid], int(radii[solid.start])
            if len(points) == 1:
                self._disc(points[0], radius)
            elif len(points) == 2:
                self._band(points[0], points[1], radius)
            else:
                cv2.fillConvexPoly(self._shadow, cv2.convexHull(points), 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        soft = cv2.GaussianBlur(self._shadow, (0, 0), _SHADOW_BLUR_PX)
        height, width = self._picture.shape[:2]
        shade = cv2.warpPerspective(soft, self._shadow_to_px, (width, height), flags=cv2.INTER_LINEAR)
        shade = cv2.bitwise_and(shade, self._is_floor)
        picture = self._picture.copy()
        x, y, w, h = cv2.boundingRect(shade)
        part = picture[y : y + h, x : x + w]
        keep = 1.0 - (_SHADE / 255.0) * shade[y : y + h, x : x + w, None].astype(np.float32)
        part[:] = (part * keep).astype(np.uint8)
        return picture

    def _disc(self, middle: np.ndarray, radius: int) -> None:
        cv2.circle(self._shadow, middle.tolist(), radius, 255, -1, cv2.LINE_AA, _SUBPIXEL_BITS)

    def _band(self, a: np.ndarray, b: np.ndarray, radius: int) -> None:
        """The hull of two discs."""
        self._disc(a, radius)
        self._disc(b, radius)
        along = (b - a).astype(np.float64)
        length = float(np.hypot(*along))
        if length < 1.0:
            return
        beside = np.array([-along[1], along[0]]) * (radius / length)
        corners = np.rint([a + beside, b + beside, b - beside, a - beside]).astype(np.int32)
        cv2.fillConvexPoly(self._shadow, corners, 255, cv2.LINE_AA, _SUBPIXEL_BITS)


def _painted(px_to_ground: np.ndarray, backdrop: np.ndarray) -> np.ndarray:
    """(height,width,3) uint8: tiles with lines between them, fading into the backdrop far away."""
    height, width = backdrop.shape[:2]
    steps = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    total = np.zeros((height, width, 3))
    for dv in steps:
        for du in steps:
            x, y, ahead = _ground(px_to_ground, width, height, du, dv)
            odd = (np.floor(x / TILE_M) + np.floor(y / TILE_M)).astype(int) % 2
            colour = np.array(_TILES_BGR)[odd]
            from_line = np.minimum(*(np.abs(c - TILE_M * np.round(c / TILE_M)) for c in (x, y)))
            colour = np.where((from_line < 0.5 * _LINE_M)[..., None], np.array(_LINE_BGR), colour)
            near, far = _FAR_M
            seen = np.clip((far - np.hypot(x, y)) / (far - near), 0.0, 1.0) * ahead
            total += backdrop + (colour - backdrop) * seen[..., None]
    return np.clip(total / _SAMPLES**2, 0.0, 255.0).astype(np.uint8)


def _horizon_mask(px_to_ground: np.ndarray, width: int, height: int) -> np.ndarray:
    """(height,width) uint8, 255 where a pixel sees the ground."""
    return np.where(_ground(px_to_ground, width, height, 0.5, 0.5)[2], 255, 0).astype(np.uint8)


def _ground(
    px_to_ground: np.ndarray, width: int, height: int, du: float, dv: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ground points x, y (height,width) that pixels see, and whether they do and not the sky."""
    u, v = np.meshgrid(np.arange(width) + du, np.arange(height) + dv)
    points = np.stack([u, v, np.ones_like(u)], axis=-1) @ px_to_ground.T
    # The middle of the lowest row is on the ground: its sign tells before from behind the eye.
    sign = np.sign(px_to_ground[2] @ (0.5 * width, float(height), 1.0))
    depth = points[..., 2] * sign
    ahead = depth > 1e-9
    safe = np.where(ahead, depth, 1.0)
    return points[..., 0] * sign / safe, points[..., 1] * sign / safe, ahead
