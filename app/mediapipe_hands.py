"""MediaPipe's own hand landmarker, for its GPU delegate."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from typing import Any

import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision

from app.hand_finder import DETECTION_CONFIDENCE, PRESENCE_CONFIDENCE, TRACKING_CONFIDENCE
from app.hand_tracks import Detection
from app.native_stderr import without_native_notices
from app.opencv import cv2
from models.observation import NUM_KEYPOINTS, Hand

logger = logging.getLogger(__name__)


class MediaPipeHands:
    """The hands of a sequence of images, as `HandFinder`, computed on a GPU."""

    def __init__(self, model: bytes, num_hands: int) -> None:
        """Load the networks.

        Args:
            model: the content of hand_landmarker.task.
            num_hands: will be asked for first.

        Raises:
            ValueError, RuntimeError: the content is no such file, or there is no GPU that MediaPipe can use.
        """
        self._model = model
        self._landmarkers: dict[int, Any] = {}  # by the number of hands searched for
        self._t_last_ms: dict[int, int] = {}
        self._t_start_ns: int | None = None
        self._seen_any = False
        self._landmarker(num_hands)

    def find(self, image: np.ndarray, num_hands: int, t_capture_ns: int) -> list[Detection]:
        """The hands in an image.

        Args:
            image: BGR uint8 (height,width,3).
            num_hands: look for so many at most.
            t_capture_ns: when it was captured; may repeat or go backwards.

        Raises:
            ValueError, RuntimeError: MediaPipe refuses the image, or the GPU.
        """
        rgb = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2RGB)
        landmarker = self._landmarker(num_hands)
        t_ms = self._next_t_ms(num_hands, t_capture_ns)
        # The last start-up notice comes with the first hand.
        with nullcontext() if self._seen_any else without_native_notices():
            result = landmarker.detect_for_video(mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb), t_ms)
        self._seen_any = self._seen_any or bool(result.hand_landmarks)
        height, width = image.shape[:2]
        return _detections(result, (width, height))

    def close(self) -> None:
        """Free the networks; safe to call twice."""
        while self._landmarkers:
            _, landmarker = self._landmarkers.popitem()
            try:
                landmarker.close()
            except (ValueError, RuntimeError) as error:  # a graph that has failed reports it once more here
                logger.debug("closing the hand landmarker: %s", error)

    def _next_t_ms(self, num_hands: int, t_capture_ns: int) -> int:
        """MediaPipe wants times that strictly increase; frame times may not."""
        if self._t_start_ns is None:
            self._t_start_ns = t_capture_ns
        t_ms = (t_capture_ns - self._t_start_ns) // 1_000_000
        t_ms = max(t_ms, self._t_last_ms.get(num_hands, -1) + 1)
        self._t_last_ms[num_hands] = t_ms
        return t_ms

    def _landmarker(self, num_hands: int) -> Any:
        if num_hands not in self._landmarkers:
            options = vision.HandLandmarkerOptions(
                base_options=BaseOptions(model_asset_buffer=self._model, delegate=BaseOptions.Delegate.GPU),
                running_mode=vision.RunningMode.VIDEO,
                num_hands=num_hands,
                min_hand_detection_confidence=DETECTION_CONFIDENCE,
                min_hand_presence_confidence=PRESENCE_CONFIDENCE,
                min_tracking_confidence=TRACKING_CONFIDENCE,
            )
            with without_native_notices(errors_too=True):
                self._landmarkers[num_hands] = vision.HandLandmarker.create_from_options(options)
            self._t_last_ms.pop(num_hands, None)
        return self._landmarkers[num_hands]


def _detections(result: Any, image_size_px: tuple[int, int]) -> list[Detection]:
    """MediaPipe's result in our units; hands with keypoints that are no numbers are left out."""
    detections = []
    for labels, image_landmarks, world_landmarks in zip(
        result.handedness, result.hand_landmarks, result.hand_world_landmarks, strict=True
    ):
        world_m = np.array([(p.x, p.y, p.z) for p in world_landmarks], dtype=np.float64)
        image = np.array([(p.x, p.y, p.z) for p in image_landmarks], dtype=np.float64)
        complete = world_m.shape == image.shape == (NUM_KEYPOINTS, 3)
        if labels and complete and np.isfinite(world_m).all() and np.isfinite(image).all():
            label: Hand = "right" if labels[0].category_name == "Right" else "left"
            keypoints_m = world_m - world_m[0]
            # MediaPipe's image depth has the scale of x.
            depth_px = (image[:, 2] - image[0, 2]) * image_size_px[0]
            keypoints_px = image[:, :2] * image_size_px
            detections.append(Detection(label, float(labels[0].score), keypoints_m, keypoints_px, depth_px))
    return detections
