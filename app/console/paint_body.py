"""The body in the console: its skeleton over the camera's image, and the humanoid that mirrors it."""

from __future__ import annotations

import numpy as np

from app.body_snapshot import BodySnapshot
from app.console.brush import Brush, faded
from app.console.layout import Box
from app.drawing import Colour
from app.humanoid.scene import HumanoidScene
from app.humanoid.skeleton import keypoint_colour
from models.body_keypoints import BODY_SKELETON

HUMANOID_HEIGHTS_PX = (360, 480)  # of its picture, in a small window and in a large one
_ASPECT_STEP = 0.25  # of the picture: while a window is dragged larger not every size needs a new scene


class HumanoidPanel:
    """Keeps the humanoid's picture. Used by one thread at a time."""

    def __init__(self) -> None:
        self._scene: HumanoidScene | None = None
        self._size_px = (0, 0)
        self._drawn: tuple[float, bool] | None = None
        self._pixels: np.ndarray | None = None

    def paint(self, brush: Brush, box: Box, body: BodySnapshot) -> None:
        """Draw the panel: the humanoid as the body is, grey while the body is lost."""
        u = brush.u
        brush.box(box, brush.theme.panel, edge=brush.theme.edge)
        brush.picture(box, _cut(self._picture(brush, box, body), box.width / box.height))
        brush.round_corners(box)
        strip = Box(box.x + 8 * u, box.y + 8 * u, min(118 * u, box.width - 16 * u), 24 * u)
        brush.box(strip, "#b3000000", radius=5)
        brush.text(strip.inset(3 * u), "Humanoid", 14, "#ffffff", "centre")

    def close(self) -> None:
        """Let go of the scene; safe to call twice."""
        if self._scene is not None:
            self._scene.close()
            self._scene = None

    def _picture(self, brush: Brush, box: Box, body: BodySnapshot) -> np.ndarray:
        height = HUMANOID_HEIGHTS_PX[brush.device_px(box.height) > HUMANOID_HEIGHTS_PX[0]]
        aspect = max(0.5, np.ceil(box.width / box.height / _ASPECT_STEP) * _ASPECT_STEP)
        size_px = round(height * aspect), height
        if self._scene is None or size_px != self._size_px:
            self.close()
            self._scene, self._size_px = HumanoidScene(size_px), size_px
            self._pixels = None
        shown = body.t_s, bool(np.isfinite(body.rotations).all())
        if self._pixels is None or self._drawn != shown:
            self._pixels = self._scene.show(body.rotations, body.hip_m, body.t_s)
            self._drawn = shown
        return self._pixels


def draw_body(brush: Brush, points: np.ndarray, width: float) -> None:
    """Draw a body (17,2), window pixels, with lines `width` pixels wide; nothing if any is not finite."""
    if not np.isfinite(points).all():
        return
    for a, b in BODY_SKELETON:
        brush.line(points[a], points[b], faded("#000000", 0.55), 2.0 * width)
    for a, b in BODY_SKELETON:
        brush.line(points[a], points[b], _hex(keypoint_colour(b)), width)
    for keypoint, centre in enumerate(points):
        brush.disc(centre, 1.35 * width, "#ffffff")
        brush.disc(centre, 0.9 * width, _hex(keypoint_colour(keypoint)))


def _hex(colour: Colour) -> str:
    blue, green, red = colour
    return f"#{red:02x}{green:02x}{blue:02x}"


def _cut(pixels: np.ndarray, aspect: float) -> np.ndarray:
    """The middle of a picture (h,w,3), cut to a width of `aspect` times its height."""
    height, width = pixels.shape[:2]
    kept = min(width, round(height * aspect))
    left = (width - kept) // 2
    return pixels[:, left : left + kept]
