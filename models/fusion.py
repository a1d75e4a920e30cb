"""A detector's two opinions on the shape of a hand: the second as a hand of its own, and both made into one.

The functions take numpy arrays or torch tensors, with any leading dimensions, and give back the same kind.
"""

from __future__ import annotations

from models.canonical import Array, namespace

IMAGE_SHARE = 0.6  # best over rendered clips and two cameras; 0.5–0.7 hardly differ


def image_hand(keypoints_m: Array, keypoints_px: Array, depth_px: Array) -> Array:
    """The hand of a detector's image keypoints and their depth, as large as its metric one.

    Args:
        keypoints_m: (…,21,3) wrist-relative, camera axes, metres.
        keypoints_px: (…,21,2) pixels, or anything in proportion to them.
        depth_px: (…,21) relative to the wrist, away from the camera, on the same scale.

    Returns:
        (…,21,3) metres, wrist-relative, camera axes; keypoints_m as it is where there is no second opinion.
    """
    xp = namespace(keypoints_m)
    flat = keypoints_px - keypoints_px[..., :1, :]
    image = xp.concatenate([flat, depth_px[..., None]], -1)
    size = (image * image).sum(-1).sum(-1)[..., None, None]
    known = xp.isfinite(size) & (size > 0.0)
    scale = xp.sqrt((keypoints_m * keypoints_m).sum(-1).sum(-1)[..., None, None] / xp.where(known, size, 1.0))
    return xp.where(known, image * scale, keypoints_m)


def fuse_depth(keypoints_m: Array, keypoints_px: Array, depth_px: Array) -> Array:
    """A mean of a detector's metric keypoints and of its image keypoints with their depth.

    MediaPipe answers twice: in metres, and in the image with a relative depth. The metric answer bends
    fingers that are seen straight from the back of the hand; the image answer does not, but knows no
    perspective. Their mean is nearer the truth than either on most clips (docs/temporal.md).

    Args:
        as for `image_hand`.

    Returns:
        (…,21,3) metres, wrist-relative; keypoints_m as it is where there is no second opinion.
    """
    return fuse(keypoints_m, image_hand(keypoints_m, keypoints_px, depth_px))


def fuse(keypoints_m: Array, image_m: Array) -> Array:
    """The mean (…,21,3) of the two hands."""
    return (1.0 - IMAGE_SHARE) * keypoints_m + IMAGE_SHARE * image_m
