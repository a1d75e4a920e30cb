"""MediaPipe's pose landmarker behind frames and body observations.

Conventions as in `app.detector`: a mirrored source is flipped back before detection, so left is the person's
own left, and pixels are those of the unmirrored image. MediaPipe follows one person, the first it found,
until it loses them, and smooths its landmarks over time by itself.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any

import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision

from app.detector import is_bgr_image
from app.errors import AppError
from app.frame import Frame, unmirrored
from app.native_stderr import without_native_notices
from app.opencv import cv2
from models.body_keypoints import KEYPOINTS_FROM_LANDMARKS, NUM_LANDMARKS, visibility_of_keypoints
from models.body_observation import BodyObservation

logger = logging.getLogger(__name__)

# MediaPipe's own defaults.
DETECTION_CONFIDENCE = 0.5
PRESENCE_CONFIDENCE = 0.5
TRACKING_CONFIDENCE = 0.5


class BodyDetector:
    """Finds one person in images.

    Attributes:
        bad_frames: frames that were no (height, width, 3) uint8 image, or that MediaPipe refused.
    """

    def __init__(self, asset_path: Path, mirrored: bool = False) -> None:
        """Load the model; about 0.2 s.

        Args:
            asset_path: pose_landmarker_full.task, see app.assets.
            mirrored: the source's images are mirror images.

        Raises:
            AppError: the file is unusable.
        """
        try:
            # Read here: MediaPipe's own loader fails on non-ASCII paths on Windows.
            self._model = Path(asset_path).read_bytes()
        except OSError as error:
            reason = error.strerror or error
            raise AppError(
                f"cannot read the pose landmarker {asset_path}: {reason}; check the path"
            ) from error
        self.bad_frames = 0
        self._mirrored = mirrored
        self._landmarker: Any = None
        self._t_start_ns: int | None = None
        self._t_last_ms = -1
        self._image_size_px = (0, 0)
        self._seen_any = False
        try:
            self._open()
        except (ValueError, RuntimeError, OSError) as error:
            raise AppError(
                f"{asset_path} is not a pose landmarker that MediaPipe {mp.__version__} can load "
                f"({' '.join(str(error).split())}); delete it to fetch a good copy, or give another path"
            ) from error

    def detect(self, frame: Frame) -> BodyObservation:
        """The person in a frame; never raises for a bad image.

        Args:
            frame: its image BGR uint8 (height, width, 3), contiguous or not; its time may repeat or go
                backwards.
        """
        if not is_bgr_image(frame.image):
            self._count_bad_frame(frame, "not a (height, width, 3) uint8 image")
            return BodyObservation.missing(frame.t_capture_ns, self._image_size_px)
        height, width = frame.image.shape[:2]
        self._image_size_px = (width, height)
        try:
            result = self._run(frame)
        except (ValueError, RuntimeError) as error:
            self._count_bad_frame(frame, " ".join(str(error).split()))
            self.close()  # its graph may have stopped; a new one is made for the next frame
            return BodyObservation.missing(frame.t_capture_ns, self._image_size_px)
        return _observation(result, frame.t_capture_ns, self._image_size_px)

    def close(self) -> None:
        """Free the networks; safe to call twice."""
        landmarker, self._landmarker = self._landmarker, None
        if landmarker is not None:
            try:
                landmarker.close()
            except (ValueError, RuntimeError) as error:  # a graph that has failed reports it once more here
                logger.debug("closing the pose landmarker: %s", error)

    def __enter__(self) -> BodyDetector:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, frame: Frame) -> Any:
        rgb = cv2.cvtColor(unmirrored(frame.image, self._mirrored), cv2.COLOR_BGR2RGB)
        if self._landmarker is None:
            self._open()
        t_ms = self._next_t_ms(frame.t_capture_ns)
        # The last start-up notice comes with the first person.
        with nullcontext() if self._seen_any else without_native_notices():
            result = self._landmarker.detect_for_video(
                mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb), t_ms
            )
        self._seen_any = self._seen_any or bool(result.pose_landmarks)
        return result

    def _open(self) -> None:
        options = vision.PoseLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=self._model),
            running_mode=vision.RunningMode.VIDEO,
            num_poses=1,
            min_pose_detection_confidence=DETECTION_CONFIDENCE,
            min_pose_presence_confidence=PRESENCE_CONFIDENCE,
            min_tracking_confidence=TRACKING_CONFIDENCE,
        )
        with without_native_notices():
            self._landmarker = vision.PoseLandmarker.create_from_options(options)
        self._t_last_ms = -1

    def _next_t_ms(self, t_capture_ns: int) -> int:
        """MediaPipe wants times that strictly increase; frame times may not."""
        if self._t_start_ns is None:
            self._t_start_ns = t_capture_ns
        self._t_last_ms = max((t_capture_ns - self._t_start_ns) // 1_000_000, self._t_last_ms + 1)
        return self._t_last_ms

    def _count_bad_frame(self, frame: Frame, why: str) -> None:
        if self.bad_frames == 0:
            logger.warning("frame %d is skipped: %s; further bad frames are only counted", frame.index, why)
        self.bad_frames += 1


def _observation(result: Any, t_capture_ns: int, image_size_px: tuple[int, int]) -> BodyObservation:
    """MediaPipe's result as H36M keypoints; landmarks that are no numbers are nobody."""
    missing = BodyObservation.missing(t_capture_ns, image_size_px)
    if not result.pose_landmarks or not result.pose_world_landmarks:
        return missing
    world_m = np.array([(p.x, p.y, p.z) for p in result.pose_world_landmarks[0]], dtype=np.float64)
    image = np.array([(p.x, p.y) for p in result.pose_landmarks[0]], dtype=np.float64)
    visibility = np.array([p.visibility or 0.0 for p in result.pose_landmarks[0]], dtype=np.float64)
    complete = world_m.shape == (NUM_LANDMARKS, 3) and image.shape == (NUM_LANDMARKS, 2)
    if not complete or not np.isfinite(world_m).all() or not np.isfinite(image).all():
        return missing
    keypoints_m = KEYPOINTS_FROM_LANDMARKS @ world_m
    return BodyObservation(
        t_capture_ns=t_capture_ns,
        detected=True,
        keypoints_m=keypoints_m - keypoints_m[0],
        keypoints_px=KEYPOINTS_FROM_LANDMARKS @ (image * image_size_px),
        score=visibility_of_keypoints(np.clip(np.nan_to_num(visibility), 0.0, 1.0)),
        image_size_px=image_size_px,
    )
