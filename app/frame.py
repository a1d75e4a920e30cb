"""One camera image and the moment it was taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Frame:
    """One image of a source.

    Attributes:
        index: position in the source, from 0; gaps mean frames the source dropped.
        t_capture_ns: monotonic time of capture, ns (a file's own clock when it is not played in real time).
        image: (height, width, 3) uint8, BGR, as the camera gave it (never mirrored by the source).
    """

    index: int
    t_capture_ns: int
    image: np.ndarray


def unmirrored(image: np.ndarray, mirrored: bool) -> np.ndarray:
    """An image (height, width, 3) as a camera sees it, of one that is `mirrored` or is not; contiguous."""
    return np.ascontiguousarray(image[:, ::-1] if mirrored else image)
