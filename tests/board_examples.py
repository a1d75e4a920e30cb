"""A camera of known lens that looks at a calibration board, rendered."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from app.opencv import cv2
from calibration.board import Board

BOARD = Board()
MARGIN_M = 0.012  # of white paper around the board
_TEXTURE_PX_PER_SQUARE = 72
_SUPERSAMPLING = 2


@dataclass(frozen=True)
class Pose:
    """Where the board's middle stands in camera axes, metres, and how it is turned, degrees.

    Attributes:
        x, y, z: position.
        yaw: its right edge goes away from the camera.
        pitch: its lower edge goes away from the camera.
        roll: in the image plane.
    """

    x: float
    y: float
    z: float
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    @property
    def rotation(self) -> np.ndarray:
        yaw, pitch, roll = (math.radians(angle) for angle in (self.yaw, self.pitch, self.roll))
        Ry = np.array([[math.cos(yaw), 0, -math.sin(yaw)], [0, 1, 0], [math.sin(yaw), 0, math.cos(yaw)]])
        Rx = np.array(
            [[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]]
        )
        Rz = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
        return Ry @ Rx @ Rz


class BoardCamera:
    """Renders images of the board through a lens with Brown's distortion."""

    def __init__(
        self,
        size_px: tuple[int, int] = (640, 480),
        focal_px: tuple[float, float] = (560.0, 563.0),
        centre_px: tuple[float, float] = (326.0, 233.0),
        distortion: tuple[float, ...] = (-0.12, 0.05, 0.001, -0.0015, 0.0),
    ) -> None:
        self.size_px = size_px
        self.K = np.array([[focal_px[0], 0, centre_px[0]], [0, focal_px[1], centre_px[1]], [0, 0, 1.0]])
        self.distortion = np.array(distortion)
        width, height = size_px
        s = _SUPERSAMPLING
        u, v = np.meshgrid((np.arange(s * width) + 0.5) / s - 0.5, (np.arange(s * height) + 0.5) / s - 0.5)
        seen = (np.stack([u, v], axis=-1) - centre_px) / focal_px
        k1, k2, p1, p2, k3 = distortion
        rays = seen.copy()
        for _ in range(25):  # Brown's equations, solved for the ray by substitution
            x, y = rays[..., 0], rays[..., 1]
            r2 = x * x + y * y
            shift = np.stack(
                [2 * p1 * x * y + p2 * (r2 + 2 * x * x), p1 * (r2 + 2 * y * y) + 2 * p2 * x * y], -1
            )
            rays = (seen - shift) / (1 + r2 * (k1 + r2 * (k2 + r2 * k3)))[..., None]
        self.rays = rays.astype(np.float32)
        side = _TEXTURE_PX_PER_SQUARE
        margin_px = round(MARGIN_M / BOARD.square_m * side)
        board_px = (BOARD.columns * side, BOARD.rows * side)
        image = BOARD.charuco().generateImage(board_px, marginSize=0)
        self._texture = cv2.copyMakeBorder(image, *(margin_px,) * 4, cv2.BORDER_CONSTANT, value=255)
        self._margin_px = margin_px
        rng = np.random.default_rng(7)
        coarse = rng.uniform(40, 180, (height // 20, width // 20)).astype(np.float32)
        self._background = cv2.resize(coarse, (s * width, s * height), interpolation=cv2.INTER_CUBIC)

    def render(
        self, pose: Pose | None, noise: float = 2.0, blur_px: float = 0.6, seed: int = 0, smear_px: int = 0
    ) -> np.ndarray:
        """(height, width, 3) BGR uint8 of the board at `pose`, or without it.

        Args:
            pose: of the board.
            noise: standard deviation, of 255.
            blur_px: of the lens, standard deviation.
            seed: of the noise.
            smear_px: how far the board moves to the right during the exposure.
        """
        image = self._background.copy()
        if pose is not None:
            # A point (u, v) of the board lies on the ray (first axis, second axis, centre) · (u, v, 1).
            to_ray = np.column_stack([pose.rotation[:, :2], [pose.x, pose.y, pose.z]])
            to_board = np.linalg.inv(to_ray).astype(np.float32)
            x, y = self.rays[..., 0], self.rays[..., 1]
            u, v, w = (row[0] * x + row[1] * y + row[2] for row in to_board)
            px_per_m = _TEXTURE_PX_PER_SQUARE / BOARD.square_m
            u = (u / w + 0.5 * BOARD.size_m[0]) * px_per_m + self._margin_px - 0.5
            v = (v / w + 0.5 * BOARD.size_m[1]) * px_per_m + self._margin_px - 0.5
            paper = cv2.remap(self._texture, u, v, cv2.INTER_LINEAR)
            height, width = self._texture.shape
            inside = (u > -0.5) & (v > -0.5) & (u < width - 0.5) & (v < height - 0.5) & (w > 0.0)
            image[inside] = 25.0 + 0.78 * paper[inside]
        image = cv2.resize(image, self.size_px, interpolation=cv2.INTER_AREA)
        if smear_px > 1:
            image = cv2.blur(image, (smear_px, 1))
        if blur_px > 0:
            image = cv2.GaussianBlur(image, (0, 0), blur_px)
        image += np.random.default_rng(seed).normal(0.0, noise, image.shape)
        grey = np.clip(image, 0, 255).astype(np.uint8)
        return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)


def good_poses() -> list[Pose]:
    """Twenty that cover a 60° camera's picture, all tilts, and distances from 0.32 to 0.65 m."""
    return [
        Pose(0.0, 0.0, 0.34),
        Pose(-0.10, -0.05, 0.36, yaw=28),
        Pose(0.10, -0.05, 0.36, yaw=-28),
        Pose(-0.10, 0.05, 0.36, pitch=30),
        Pose(0.10, 0.05, 0.36, pitch=-30),
        Pose(-0.22, -0.14, 0.50, yaw=20, pitch=12),
        Pose(0.22, -0.14, 0.50, yaw=-20, pitch=12),
        Pose(-0.22, 0.14, 0.50, yaw=20, pitch=-12, roll=20),
        Pose(0.22, 0.14, 0.50, yaw=-20, pitch=-12),
        Pose(0.0, 0.0, 0.62, yaw=35),
        Pose(-0.14, 0.02, 0.62, pitch=-35),
        Pose(0.14, 0.0, 0.62, pitch=35, roll=45),
        Pose(-0.20, 0.0, 0.45, yaw=-40, roll=90),
        Pose(0.20, 0.0, 0.45, yaw=40, roll=90),
        Pose(0.0, -0.13, 0.45, pitch=-28, roll=90),
        Pose(0.0, 0.13, 0.45, pitch=28, roll=90),
        Pose(-0.16, -0.11, 0.36, yaw=-18, pitch=-18),
        Pose(0.16, -0.11, 0.36, yaw=18, pitch=-18),
        Pose(-0.16, 0.11, 0.36, yaw=-18, pitch=18),
        Pose(0.16, 0.11, 0.36, yaw=18, pitch=18),
    ]
