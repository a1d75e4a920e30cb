"""Pictures of PyBullet's humanoid doing what a person before the camera does.

It faces the viewer as the person faces the camera, and the sides are those of the camera's image beside it:
whoever lifts the right hand lifts it on the left of the camera's image, and there the humanoid lifts its own
right hand. With `mirror=False` it is seen from behind, as if the person stood there: right is right.
"""

from __future__ import annotations

from types import TracebackType

import numpy as np

from app.errors import AppError
from app.humanoid.balls import Balls
from app.humanoid.figure import HumanoidFigure
from app.humanoid.floor import Floor
from app.humanoid.look import DRAWN_SCALE, dressed
from app.humanoid.place import Place
from app.humanoid.pose import HumanoidPose, HumanoidPoser
from app.opencv import cv2
from robot import RobotError, raster
from robot.renderer import Camera, Geometry, Renderer

# In the picture's frame: x to the viewer, z up, metres.
_TARGET_M = (0.0, 0.0, 0.80)
_DISTANCE_M = 5.6
_ABOVE_DEG = 12.0
_FOV_DEG = 24.0
_TO_LIGHT = (0.62, 0.42, 0.90)
_SHADOW_HALF_WIDTH_M = 1.9
_AHEAD_M = 0.9
_ARM_M = 0.42  # what of an outstretched arm may be cut off at the edge is less than this

_PICTURE_FROM_HUMANOID = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
_GREY = 0.85
_PALE = 0.35


class _Stage:
    """A renderer and the floor behind what it draws."""

    def __init__(self, geometry: Geometry, camera: Camera, size_px: tuple[int, int]) -> None:
        self._renderer = Renderer(geometry, camera, size_px)
        view = self._renderer.view.copy()
        view[:, 3] /= DRAWN_SCALE
        focal_px = self._renderer.focal_px / raster.SAMPLES
        self._floor = Floor(view, focal_px, self._renderer.background, self._renderer.to_light)

    def render(self, links: np.ndarray, balls: Balls) -> np.ndarray:
        """Links (n,4,4) in the picture's frame, metres, with the shadow that the balls on them throw."""
        drawn = links.copy()
        drawn[:, :3, 3] *= DRAWN_SCALE
        return self._renderer.render(drawn, self._floor.picture(balls, balls.centres_m(links)))


class HumanoidScene:
    """The humanoid on its floor, before a still camera.

    Args:
        size_px: (width, height) of the pictures.
        mirror: whether it faces the viewer, see above.

    Raises:
        AppError: PyBullet or its humanoid is not installed, or the size is impossible.
    """

    def __init__(self, size_px: tuple[int, int], mirror: bool = True) -> None:
        width, height = size_px
        # The humanoid stays where the person is; the eye goes around it.
        side = 1.0 if mirror else -1.0
        elevation = np.radians(_ABOVE_DEG)
        camera = Camera(
            target_m=DRAWN_SCALE * np.array(_TARGET_M),
            toward=np.array([side * np.cos(elevation), 0.0, np.sin(elevation)]),
            distance_m=DRAWN_SCALE * _DISTANCE_M,
            fov_deg=_FOV_DEG,
            light=np.array(_TO_LIGHT) * (side, side, 1.0),
            shadow_half_width_m=DRAWN_SCALE * _SHADOW_HALF_WIDTH_M,
        )
        self._poser = HumanoidPoser()
        self._figure = HumanoidFigure()
        try:
            drawn = dressed(self._figure.links, self._figure.shapes)
            self._stage = _Stage(drawn.geometry, camera, size_px)
        except RobotError as error:
            self._figure.close()
            raise AppError(str(error)) from error
        half_width_m = _DISTANCE_M * np.tan(np.radians(_FOV_DEG) / 2.0) * width / min(width, height)
        self._place = Place(max(0.3, half_width_m - _ARM_M), _AHEAD_M)
        self._balls = Balls(drawn.shapes)
        self._hip_m = np.zeros(3)
        self._picture: np.ndarray | None = None

    def show(self, rotations: np.ndarray, hip_m: np.ndarray, t_s: float) -> np.ndarray:
        """The humanoid as the person is.

        Args:
            rotations: (24,3,3) SMPL order, the pelvis' from the rest pose to camera axes; not finite while
                the person is lost: the humanoid then stays as it was, and turns grey.
            hip_m: (3,) the hip keypoint in the camera frame, metres; not finite where nobody knows: the
                humanoid then stays in its place.
            t_s: when, seconds.

        Returns:
            (height,width,3) uint8 BGR, fresh memory.
        """
        if not np.isfinite(rotations).all():
            return self.show_lost()
        if np.isfinite(hip_m).all():
            self._hip_m = np.asarray(hip_m, dtype=np.float64)
        self._picture = self._draw(self._poser.pose(rotations, self._hip_m, t_s), t_s)
        return self._picture.copy()

    def show_lost(self) -> np.ndarray:
        """The humanoid as it was last, in grey: (height,width,3) uint8 BGR, fresh memory."""
        if self._picture is None:
            self._picture = self._draw(_AT_REST, 0.0)
            self._place.forget()
        grey = cv2.cvtColor(self._picture, cv2.COLOR_BGR2GRAY)[..., None].astype(np.float32)
        plain = (1.0 - _GREY) * self._picture + _GREY * grey
        return np.asarray((1.0 - _PALE) * plain + _PALE * 225.0).astype(np.uint8)

    def close(self) -> None:
        """Free PyBullet's world; safe to call twice."""
        self._figure.close()

    def __enter__(self) -> HumanoidScene:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _draw(self, pose: HumanoidPose, t_s: float) -> np.ndarray:
        self._figure.take(pose)
        links = self._figure.link_poses()
        links[:, :3, 3] += self._place.of(pose.position_m, self._figure.lowest_m(links), t_s)
        links[:, :3] = _PICTURE_FROM_HUMANOID @ links[:, :3]
        return self._stage.render(links, self._balls)


_AT_REST = HumanoidPose(
    position_m=np.zeros(3),
    rotation=np.eye(3),
    spherical=np.tile([0.0, 0.0, 0.0, 1.0], (8, 1)),
    hinges_rad=np.zeros(4),
)
