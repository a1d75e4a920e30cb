"""Finds hands in images and follows them from one to the next, with MediaPipe's networks and by its rules.

A palm is searched for only while fewer hands than wanted are followed. A hand is followed by where its
keypoints were in the image before.
"""

from __future__ import annotations

import numpy as np

from app.hand_networks import HandNetworks, Palm
from app.hand_region import HandRegion
from app.hand_tracks import MAX_GAP_S, NS_PER_S, Detection

# MediaPipe's own defaults.
DETECTION_CONFIDENCE = 0.5
PRESENCE_CONFIDENCE = 0.5
TRACKING_CONFIDENCE = 0.5


class HandFinder:
    """The hands of a sequence of images."""

    def __init__(self, model: bytes) -> None:
        """Load the networks; about 0.1 s.

        Args:
            model: the content of hand_landmarker.task.

        Raises:
            ValueError, RuntimeError: the content is no such file.
        """
        self._networks = HandNetworks(model)
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
        if t_capture_ns - self._t_last_ns > MAX_GAP_S * NS_PER_S:
            self._followed = []
        size_px = (image.shape[1], image.shape[0])
        if self._followed and size_px != self._image_size_px:
            # A camera that changes its resolution goes on showing the same.
            self._followed = [region.resized(self._image_size_px, size_px) for region in self._followed]
        self._t_last_ns, self._image_size_px = t_capture_ns, size_px
        regions, self._followed = self._followed[:num_hands], []
        if len(regions) < num_hands:
            regions += self._new_regions(image, regions)[: num_hands - len(regions)]
        detections = []
        for region in regions:
            detection = self._look(image, region)
            following = HandRegion.of_keypoints(detection.keypoints_px) if detection else None
            if detection is not None and following is not None:
                detections.append(detection)
                self._followed.append(following)
        return detections

    def close(self) -> None:
        """Nothing to be freed by hand; for `HandDetector`, as `MediaPipeHands`."""

    def _look(self, image: np.ndarray, region: HandRegion) -> Detection | None:
        """The hand in a region, if there is one."""
        seen = self._networks.keypoints(region.crop(image, self._networks.hand_input_px))
        if not seen.presence >= PRESENCE_CONFIDENCE:
            return None
        world_m = seen.world_m - seen.world_m[0]
        world_m[:, :2] = world_m[:, :2] @ region.axes.T
        keypoints_px = region.to_image(seen.shares)
        depth_px = (seen.depths - seen.depths[0]) * region.side_px
        if not all(np.isfinite(values).all() for values in (world_m, keypoints_px, depth_px)):
            return None
        right = seen.right >= 0.5
        score = seen.right if right else 1.0 - seen.right
        return Detection("right" if right else "left", score, world_m, keypoints_px, depth_px)

    def _new_regions(self, image: np.ndarray, followed: list[HandRegion]) -> list[HandRegion]:
        """Regions of palms that are not those of hands already followed."""
        whole = HandRegion.of_image(*image.shape[:2])
        palms = self._networks.palms(whole.crop(image, self._networks.palm_input_px), DETECTION_CONFIDENCE)
        regions: list[HandRegion] = []
        for palm in palms:
            region = _region_of(palm, whole)
            if region is not None and all(
                region.overlap(other) < TRACKING_CONFIDENCE for other in [*followed, *regions]
            ):
                regions.append(region)
        return regions


def _region_of(palm: Palm, whole: HandRegion) -> HandRegion | None:
    points_px = whole.to_image(palm.points)
    return HandRegion.of_palm(
        whole.to_image(palm.centre), palm.size * whole.side_px, points_px[0], points_px[2]
    )
