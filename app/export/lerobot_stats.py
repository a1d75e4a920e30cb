"""Statistics of dataset features, as LeRobot's policies normalise with."""

from __future__ import annotations

import numpy as np

from app.opencv import cv2

QUANTILES = (0.01, 0.10, 0.50, 0.90, 0.99)
LARGEST_SIDE_PX = 150
MOST_IMAGES = 100

Stats = dict[str, np.ndarray]


def column_stats(values: np.ndarray) -> Stats:
    """min, max, mean, std, count and quantiles of each of n numbers over N rows.

    Args:
        values: (N,n); rows in which a number is NaN do not count for it.

    Returns:
        (n,) each, and count (1,). Zeros for a number that is NaN in every row.
    """
    values = np.asarray(values, dtype=np.float64)
    known = np.where(np.isnan(values).all(axis=0), 0.0, values)
    return _with_names(
        np.nanmin(known, axis=0),
        np.nanmax(known, axis=0),
        np.nanmean(known, axis=0),
        np.nanstd(known, axis=0),
        np.nanquantile(known, QUANTILES, axis=0),
        len(values),
    )


class ImageSample:
    """Small copies of some of many images, spread evenly, for their statistics."""

    def __init__(self) -> None:
        self._every = 1
        self._seen = 0
        self._images: list[np.ndarray] = []

    def add(self, image: np.ndarray) -> None:
        """Look at an image (height, width, 3), uint8, BGR."""
        if self._seen % self._every == 0:
            shrink = max(1, max(image.shape[:2]) // LARGEST_SIDE_PX)
            small = np.ascontiguousarray(image[::shrink, ::shrink])
            self._images.append(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))
            if len(self._images) > MOST_IMAGES:
                self._images = self._images[::2]
                self._every *= 2
        self._seen += 1

    def stats(self) -> Stats:
        """Statistics of the channels red, green and blue, from 0 to 1: (3,1,1) each, and count (1,)."""
        pixels = np.concatenate([image.reshape(-1, 3) for image in self._images]) / 255.0
        stats = column_stats(pixels)
        stats = {name: value.reshape(3, 1, 1) for name, value in stats.items() if name != "count"}
        return {**stats, "count": np.array([len(self._images)])}


def _with_names(
    least: np.ndarray,
    most: np.ndarray,
    mean: np.ndarray,
    std: np.ndarray,
    quantiles: np.ndarray,
    count: int,
) -> Stats:
    named = {f"q{round(q * 100):02d}": values for q, values in zip(QUANTILES, quantiles, strict=True)}
    return {"min": least, "max": most, "mean": mean, "std": std, "count": np.array([count]), **named}
