"""Whether a source's images still say something: frozen ones, black ones, and ones of another size."""

from __future__ import annotations

import numpy as np

from app.opencv import cv2

_SAMPLES_ALONG_SHORT_SIDE = 32
# Of 255. Either alone would do for a covered lens; a scene lit by no more than a screen has one of them at
# least. The darkest recording at hand has a mean of 27 and a standard deviation of 46.
_DARK_MEAN = 16.0
_DARK_SPREAD = 8.0
_EQUAL_ASPECT = 0.01


class PictureCheck:
    """Watches a sequence of images for ones that repeat and ones that are dark.

    Attributes:
        repeated: the newest image is the one before it, bit by bit.
        dark: the newest image is next to black all over.
        still_s: for how long the image has been the same, s.
        dark_s: for how long it has been dark, s.
    """

    def __init__(self) -> None:
        self.repeated = False
        self.dark = False
        self.still_s = 0.0
        self.dark_s = 0.0
        self._image: np.ndarray | None = None
        self._sample = np.empty(0, np.uint8)
        self._t_new_ns = 0
        self._t_dark_ns: int | None = None

    def look(self, image: np.ndarray, t_ns: int) -> None:
        """Take in one image.

        Args:
            image: (height, width, 3) uint8; it must not change afterwards.
            t_ns: its time, ns.
        """
        stride = max(1, min(image.shape[:2]) // _SAMPLES_ALONG_SHORT_SIDE)
        sample = np.ascontiguousarray(image[::stride, ::stride])
        # Nearly always the few samples differ already, and the whole images need no look.
        self.repeated = (
            self._image is not None
            and np.array_equal(sample, self._sample)
            and np.array_equal(image, self._image)
        )
        if not self.repeated:
            self._t_new_ns = t_ns
        self._image, self._sample = image, sample
        self.still_s = (t_ns - self._t_new_ns) / 1e9

        self.dark = bool(sample.mean() < _DARK_MEAN) and bool(sample.std() < _DARK_SPREAD)
        if not self.dark:
            self._t_dark_ns = None
        elif self._t_dark_ns is None:
            self._t_dark_ns = t_ns
        self.dark_s = 0.0 if self._t_dark_ns is None else (t_ns - self._t_dark_ns) / 1e9


def is_bgr_image(image: object) -> bool:
    """Whether it is a (height, width, 3) uint8 image with a pixel in it."""
    return (
        isinstance(image, np.ndarray)
        and image.dtype == np.uint8
        and image.ndim == 3
        and image.shape[2] == 3
        and image.size > 0
    )


def same_aspect(size_px: tuple[int, int], other_px: tuple[int, int]) -> bool:
    """Whether two (width, height) are of one shape, to a hundredth."""
    ratio = (size_px[0] * other_px[1]) / (size_px[1] * other_px[0])
    return abs(ratio - 1.0) <= _EQUAL_ASPECT


def fitted(image: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """`image` scaled to (width, height) `size_px`; with black bars where its shape is another."""
    width, height = image.shape[1], image.shape[0]
    if same_aspect((width, height), size_px):
        inner_px = size_px
    else:
        scale = min(size_px[0] / width, size_px[1] / height)
        inner_px = (max(1, round(width * scale)), max(1, round(height * scale)))
    shrinks = inner_px[0] < width
    inner = cv2.resize(image, inner_px, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    if inner_px == size_px:
        return inner
    whole = np.zeros((size_px[1], size_px[0], 3), np.uint8)
    left, top = (size_px[0] - inner_px[0]) // 2, (size_px[1] - inner_px[1]) // 2
    whole[top : top + inner_px[1], left : left + inner_px[0]] = inner
    return whole
