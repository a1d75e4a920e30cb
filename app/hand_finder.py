"""Finds hands in images and follows them from one to the next, with MediaPipe's networks and by its rules.

A palm is searched for only while fewer hands than wanted are followed. A hand is followed by where its
keypoints were in the image before.
"""

from __future__ import annotations

import numpy as np

from app.hand_networks import HandNetworks, Palm
from app.hand_region import HandRegion
from app.hand_tracks import MAX_GAP_S, NS_PER_S, Detection, is_among
from app.opencv import cv2

# MediaPipe's own defaults.
DETECTION_CONFIDENCE = 0.5
PRESENCE_CONFIDENCE = 0.5
TRACKING_CONFIDENCE = 0.5


class HandFinder:
    """The hands of a sequence of images."""

    def __init__(self, model: bytes, threads: int | None = None) -> None:
        """Load the networks; about 0.1 s.

        Args:
            model: the content of hand_landmarker.task.
            threads: computed on so many; as many as there are processors, up to four, unless told.

        Raises:
            ValueError, RuntimeError: the content is no such file.
        """
        self._networks = HandNetworks(model, threads)
        self._followed: list[HandRegion] = []
        self._image_size_px = (0, 0)
        self._t_last_ns = 0

    def find(self, image: np.ndarray, num_hands: int, t_capture_ns: int) -> list[Detection]:
        """The hands in an image, those followed longest first.

        Args:
            image: BGR uint8 (height,width,3).
            num_hands: look for so many at most.
            t_capture_ns: after a pause, hands are no longer where they were.
        """
        old_px, size_px = self._image_size_px, (image.shape[1], image.shape[0])
        if t_capture_ns - self._t_last_ns > MAX_GAP_S * NS_PER_S or not _same_shape(old_px, size_px):
            self._followed = []
        if old_px != size_px:  # a camera that changes its resolution goes on showing the same
            self._followed = [region.resized(old_px, size_px) for region in self._followed]
        self._t_last_ns, self._image_size_px = t_capture_ns, size_px
        regions, self._followed = self._followed[:num_hands], []
        if len(regions) < num_hands:
            regions += self._new_regions(image, regions)[: num_hands - len(regions)]
        detections: list[Detection] = []
        for region in regions:
            detection = self._look(image, region)
            if detection is None or is_among(detection, detections):
                continue  # of two that have come upon one hand only the older goes on, the other one searches
            following = HandRegion.of_keypoints(detection.keypoints_px)
            if following is not None:
                detections.append(detection)
                self._followed.append(following)
        return detections

    def _look(self, image: np.ndarray, region: HandRegion) -> Detection | None:
        """The hand in a region, if there is one."""
        seen = self._networks.keypoints(region.crop(image, self._networks.hand_input_px))
        if not seen.presence >= PRESENCE_CONFIDENCE:
            return None
        world_m = seen.world_m - seen.world_m[0]
        world_m[:, :2] = world_m[:, :2] @ region.axes.T
        keypoints_px = region.to_image(seen.shares)
        depth_px = (seen.depths - seen.depths[0]) * region.side_px
        if not all(np.isfinite(values).all() for values in (world_m, keypoints_px, depth_px, seen.right)):
            return None
        right = seen.right >= 0.5
        score = seen.right if right else 1.0 - seen.right
        return Detection("right" if right else "left", score, world_m, keypoints_px, depth_px)

    def _new_regions(self, image: np.ndarray, followed: list[HandRegion]) -> list[HandRegion]:
        """Regions of palms that are not those of hands already followed."""
        whole = HandRegion.of_image(*image.shape[:2])
        square = whole.crop(image, self._networks.palm_input_px, cv2.BORDER_CONSTANT)
        palms = self._networks.palms(square, DETECTION_CONFIDENCE)
        regions: list[HandRegion] = []
        for palm in palms:
            region = _region_of(palm, whole)
            if region is not None and all(
                region.overlap(other) < TRACKING_CONFIDENCE for other in [*followed, *regions]
            ):
                regions.append(region)
        return regions


def _same_shape(old_px: tuple[int, int], new_px: tuple[int, int]) -> bool:
    """Whether images of these sizes (width, height) have sides in the same proportion, to a pixel."""
    return old_px[0] > 0 and abs(new_px[1] - old_px[1] * new_px[0] / old_px[0]) <= 1.0


def _region_of(palm: Palm, whole: HandRegion) -> HandRegion | None:
    points_px = whole.to_image(palm.points)
    return HandRegion.of_palm(
        whole.to_image(palm.centre), palm.size * whole.side_px, points_px[0], points_px[2]
    )
