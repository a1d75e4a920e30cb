"""Two opinions of one detector on the shape of a hand, made into one."""

from __future__ import annotations

import numpy as np

IMAGE_SHARE = 0.6  # best over the clips of docs/accuracy.md; 0.5–0.7 hardly differ


def fuse_depth(keypoints_m: np.ndarray, keypoints_px: np.ndarray, depth_px: np.ndarray) -> np.ndarray:
    """A mean of a detector's metric keypoints and of its image keypoints with their depth.

    MediaPipe answers twice: in metres, and in the image with a relative depth. The metric answer bends
    fingers that are seen straight from the back of the hand; the image answer does not, but knows no
    perspective. Their mean is nearer the truth than either on most clips (docs/accuracy.md).

    Args:
        keypoints_m: (21,3) wrist-relative, camera axes, metres.
        keypoints_px: (21,2) pixels.
        depth_px: (21,) relative to the wrist, away from the camera, pixels.

    Returns:
        (21,3) metres, wrist-relative; keypoints_m as it is where there is no second opinion.
    """
    image = np.column_stack([keypoints_px - keypoints_px[0], depth_px])
    size = float((image**2).sum())
    if not np.isfinite(size) or size <= 0.0:
        return keypoints_m
    image_m = image * np.sqrt(float((keypoints_m**2).sum()) / size)
    return (1.0 - IMAGE_SHARE) * keypoints_m + IMAGE_SHARE * image_m
