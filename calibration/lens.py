"""What a lens does to the image of a pinhole, and how to take it back, for any pixel.

Brown's polynomial fits the part of the image in which a board was seen. Beyond it may turn round, so that two
directions share one pixel. Here its radial part goes on as a straight line a little beyond what was seen,
with the slope it has there: it always grows, so every direction has one pixel and every pixel one direction.
"""

from __future__ import annotations

import math

import numpy as np

_TABLE = 2048  # radii from the axis to the limit: in between, a line is good to 1e-4 pixels
_STEPS = 3  # of taking out the tangential part; each leaves a few hundredths of what the one before it left
_LEAST_SLOPE = 0.2  # of a lens; one that squeezes more is an accident of the fit
_FARTHEST = 1.2  # of what was seen, as long as the slope stays sound
_TINY = 1e-12


class Lens:
    """Brown's radial and tangential distortion, continued beyond where it is known.

    Points are normalised: (x, y) of a direction where it passes z = 1.
    """

    def __init__(self, distortion: np.ndarray, seen_radius: float) -> None:
        """
        Args:
            distortion: (5,) k1, k2, p1, p2, k3 in OpenCV's order.
            seen_radius: up to which undistorted radius the coefficients are known.

        Raises:
            ValueError: the lens folds the image over within that radius.
        """
        self._distortion = np.asarray(distortion, dtype=np.float64)
        radii = np.linspace(0.0, _FARTHEST * seen_radius, _TABLE)
        sound = _sound(self._distortion, radii)
        if radii[sound - 1] < seen_radius * (1.0 - 2.0 / _TABLE):
            raise ValueError(f"the lens folds the image over at {radii[sound - 1]:.3g} of {seen_radius:.3g}")
        self._undistorted = radii[:sound]
        self._distorted = _radial(self._distortion, self._undistorted)
        self._limit = float(self._undistorted[-1])
        self._slope = float(_slope(self._distortion, self._undistorted[-1:])[0])

    def distort(self, points: np.ndarray) -> np.ndarray:
        """Where the lens shows points (…,2); NaN in, NaN out."""
        points = np.asarray(points, dtype=np.float64)
        radius = np.maximum(np.sqrt(np.einsum("...i,...i->...", points, points)), _TINY)
        inner = np.minimum(radius, self._limit)
        seen = _radial(self._distortion, inner) + self._slope * (radius - inner)
        return points * (seen / radius)[..., None] + self._tangential(points, radius)

    def undistort(self, points: np.ndarray) -> np.ndarray:
        """The inverse of `distort`."""
        seen = np.asarray(points, dtype=np.float64)
        points = self._without_radial(seen)
        if self._distortion[2] == 0.0 and self._distortion[3] == 0.0:
            return points
        for _ in range(_STEPS):
            radius = np.maximum(np.sqrt(np.einsum("...i,...i->...", points, points)), _TINY)
            points = self._without_radial(seen - self._tangential(points, radius))
        return points

    def _without_radial(self, seen: np.ndarray) -> np.ndarray:
        seen_radius = np.maximum(np.sqrt(np.einsum("...i,...i->...", seen, seen)), _TINY)
        beyond = np.maximum(seen_radius - self._distorted[-1], 0.0)
        radius = np.interp(seen_radius, self._distorted, self._undistorted) + beyond / self._slope
        return seen * (radius / seen_radius)[..., None]

    def _tangential(self, points: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """(…,2) shift by a lens not parallel to the sensor; beyond the limit it stays as it is there."""
        p1, p2 = self._distortion[2], self._distortion[3]
        if p1 == 0.0 and p2 == 0.0:
            return np.zeros_like(points)
        inner = points * np.minimum(1.0, self._limit / radius)[..., None]
        x, y = inner[..., 0], inner[..., 1]
        across = 2.0 * (p1 * y + p2 * x)
        r2 = x * x + y * y
        return np.stack([across * x + p2 * r2, across * y + p1 * r2], axis=-1)


def radius_seen_at(distortion: np.ndarray, image_radius: float) -> float:
    """The undistorted radius that a lens shows at `image_radius`; NaN if it folds the image over before."""
    radii = np.linspace(0.0, 3.0 * image_radius, _TABLE)
    sound = _sound(distortion, radii)
    seen = _radial(distortion, radii[:sound])
    return float(np.interp(image_radius, seen, radii[:sound])) if seen[-1] >= image_radius else math.nan


def _radial(distortion: np.ndarray, radius: np.ndarray) -> np.ndarray:
    k1, k2, k3 = distortion[0], distortion[1], distortion[4]
    r2 = radius * radius
    return radius * (1.0 + r2 * (k1 + r2 * (k2 + r2 * k3)))


def _slope(distortion: np.ndarray, radius: np.ndarray) -> np.ndarray:
    k1, k2, k3 = distortion[0], distortion[1], distortion[4]
    r2 = radius * radius
    return 1.0 + r2 * (3.0 * k1 + r2 * (5.0 * k2 + r2 * 7.0 * k3))


def _sound(distortion: np.ndarray, radii: np.ndarray) -> int:
    """How many of the radii, increasing from 0, lie before the lens squeezes too much."""
    sound = _slope(distortion, radii) >= _LEAST_SLOPE
    return len(radii) if sound.all() else max(int(np.argmin(sound)), 1)
