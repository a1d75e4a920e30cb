"""MediaPipe's hand landmarker behind frames and observations.

Conventions. MediaPipe's Tasks labels are the person's true hand in an unmirrored image. A source that shows a
mirror image (`mirrored=True`, as some camera drivers do) is flipped back before detection, so the networks
see the real hand and everything given out belongs to the operator's real hand: labels, 3D keypoints in camera
axes, and pixels of the *unmirrored* image, where u = x · width with x = 0 at the left edge. To draw on the
mirrored picture that the source showed, or on any mirror view, use `mirrored_px`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision

from app.errors import AppError
from app.frame import Frame
from app.hand_tracks import Detection, HandTracks, Track
from app.native_stderr import without_native_notices
from app.opencv import cv2
from models.keypoints import FINGERTIPS
from models.observation import NUM_KEYPOINTS, Hand, Observation
from retarget import to_hand_frame

logger = logging.getLogger(__name__)

# MediaPipe's own defaults.
DETECTION_CONFIDENCE = 0.5
PRESENCE_CONFIDENCE = 0.5
TRACKING_CONFIDENCE = 0.5
WRONG_HAND_PATIENCE_S = 0.2  # then a search for two hands begins
BACKWARD_BEND_M = 0.01  # fingertips on average this far behind the palm
DetectorDevice = Literal["cpu", "gpu"]
CROWD_HANDS = 4  # searched for where people stand around
ALONE_PATIENCE_S = 1.0  # with the wanted hand alone for so long, one hand is searched again


class HandDetector:
    """Finds the operator's hands in images.

    With one hand asked for, one hand is searched for: half the time of two. When that search holds on to the
    other hand, two are searched for until the wanted one is alone in view.

    Attributes:
        hands: the hands asked for.
        other_hand_in_view: True if the newest frame shows a hand that was not asked for and none that was.
        others: further hands of the sides asked for, in the newest frame.
        device: where the networks are computed.
        bad_frames: frames that were no (height, width, 3) uint8 image, or that MediaPipe refused.
    """

    def __init__(
        self,
        asset_path: Path,
        hands: Sequence[Hand] = ("right",),
        mirrored: bool = False,
        crowd: bool = False,
        device: DetectorDevice = "cpu",
    ) -> None:
        """Load the model; about 0.1 s.

        Args:
            asset_path: hand_landmarker.task, see app.assets.
            hands: ("right",), ("left",) or both.
            mirrored: the source's images are mirror images.
            crowd: search for more hands than are asked for, and tell of them in `others`: a bystander's hand
                must not hide the one that matters.
            device: where the networks are computed; where MediaPipe finds no GPU it can use, the CPU computes
                them all the same, see the attribute.

        Raises:
            AppError: the hands or the file are unusable.
        """
        if not hands or len(set(hands)) != len(hands) or not set(hands) <= {"right", "left"}:
            raise AppError(f"cannot detect hands {tuple(hands)!r}: ask for 'right', 'left' or both of them")
        try:
            # Read here: MediaPipe's own loader fails on non-ASCII paths on Windows.
            self._model = Path(asset_path).read_bytes()
        except OSError as error:
            reason = error.strerror or error
            raise AppError(
                f"cannot read the hand landmarker {asset_path}: {reason}; check the path"
            ) from error
        self.hands: tuple[Hand, ...] = tuple(hands)
        self.other_hand_in_view = False
        self.device: DetectorDevice = device
        self.bad_frames = 0
        self._mirrored = mirrored
        self._tracks = HandTracks()
        self.others: tuple[Observation, ...] = ()
        self._crowd = crowd
        self._searched = CROWD_HANDS if crowd else len(self.hands)
        self._landmarkers: dict[int, Any] = {}  # by the number of hands searched for
        self._t_last_ms: dict[int, int] = {}
        self._t_start_ns: int | None = None
        self._t_not_alone_ns = 0
        self._image_size_px = (0, 0)
        self._seen_any = False
        try:
            self._landmarker(self._searched)
        except (ValueError, RuntimeError, OSError) as error:
            raise AppError(
                f"{asset_path} is not a hand landmarker that MediaPipe {mp.__version__} can load "
                f"({' '.join(str(error).split())}); delete it to fetch a good copy, or give another path"
            ) from error

    def detect(self, frame: Frame) -> dict[Hand, Observation]:
        """The observation of each hand asked for; never raises for a bad image.

        Args:
            frame: its image BGR uint8 (height, width, 3), contiguous or not; its time may repeat or go
                backwards.
        """
        t_ns = frame.t_capture_ns
        observations = {hand: Observation.missing(t_ns, hand, self._image_size_px) for hand in self.hands}
        self.other_hand_in_view = False
        self.others = ()
        if not is_bgr_image(frame.image):
            self._count_bad_frame(frame, "not a (height, width, 3) uint8 image")
            return observations
        height, width = frame.image.shape[:2]
        self._image_size_px = (width, height)
        observations = {hand: Observation.missing(t_ns, hand, self._image_size_px) for hand in self.hands}
        try:
            detections = self._run(frame)
        except (ValueError, RuntimeError) as error:
            self._leave_gpu(error)
            self._count_bad_frame(frame, " ".join(str(error).split()))
            self._close_landmarkers()  # its graph may have stopped; a new one is made for the next frame
            return observations

        seen = self._tracks.update(t_ns, detections)
        chosen = []
        for hand in self.hands:
            # The oldest track of that hand: a bystander's hand cannot take over from the operator's.
            track = next((track for track in seen if track.hand == hand), None)
            if track is not None:
                observations[hand] = _observation(track, hand, self._image_size_px)
                chosen.append(track.number)
        if self._crowd:
            self.others = tuple(
                _observation(track, track.hand, self._image_size_px)
                for track in seen
                if track.hand in self.hands and track.number not in chosen
            )
        self.other_hand_in_view = bool(seen) and not any(track.hand in self.hands for track in seen)
        self._choose_search(t_ns, seen)
        return observations

    def close(self) -> None:
        """Free the networks; safe to call twice."""
        self._close_landmarkers()

    def __enter__(self) -> HandDetector:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, frame: Frame) -> list[Detection]:
        image = frame.image[:, ::-1] if self._mirrored else frame.image
        rgb = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2RGB)
        landmarker = self._landmarker(self._searched)
        t_ms = self._next_t_ms(frame.t_capture_ns)
        # The last start-up notice comes with the first hand.
        with nullcontext() if self._seen_any else without_native_notices():
            result = landmarker.detect_for_video(mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb), t_ms)
        self._seen_any = self._seen_any or bool(result.hand_landmarks)
        return _detections(result, self._image_size_px)

    def _next_t_ms(self, t_capture_ns: int) -> int:
        """MediaPipe wants times that strictly increase; frame times may not."""
        if self._t_start_ns is None:
            self._t_start_ns = t_capture_ns
        t_ms = (t_capture_ns - self._t_start_ns) // 1_000_000
        t_ms = max(t_ms, self._t_last_ms.get(self._searched, -1) + 1)
        self._t_last_ms[self._searched] = t_ms
        return t_ms

    def _choose_search(self, t_ns: int, seen: list[Track]) -> None:
        """Decide how many hands to search for in the next frame, when one is asked for."""
        if self._crowd or len(self.hands) == 2:
            return
        wanted = [track for track in seen if track.hand in self.hands]
        others = [track for track in seen if track.hand not in self.hands]
        if self._searched == 1:
            if others and others[0].age_s >= WRONG_HAND_PATIENCE_S:
                self._searched = 2
                self._t_not_alone_ns = t_ns
        elif others or not wanted:
            self._t_not_alone_ns = t_ns
        elif t_ns - self._t_not_alone_ns > ALONE_PATIENCE_S * 1e9:
            self._searched = 1

    def _landmarker(self, num_hands: int) -> Any:
        if num_hands not in self._landmarkers:
            if self.device == "gpu":
                try:
                    self._landmarkers[num_hands] = self._load(num_hands, BaseOptions.Delegate.GPU)
                except (ValueError, RuntimeError, NotImplementedError) as error:
                    self._leave_gpu(error)
            if self.device == "cpu":
                self._landmarkers[num_hands] = self._load(num_hands, BaseOptions.Delegate.CPU)
            self._t_last_ms.pop(num_hands, None)
        return self._landmarkers[num_hands]

    def _load(self, num_hands: int, delegate: BaseOptions.Delegate) -> Any:
        options = vision.HandLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=self._model, delegate=delegate),
            running_mode=vision.RunningMode.VIDEO,
            num_hands=num_hands,
            min_hand_detection_confidence=DETECTION_CONFIDENCE,
            min_hand_presence_confidence=PRESENCE_CONFIDENCE,
            min_tracking_confidence=TRACKING_CONFIDENCE,
        )
        with without_native_notices(errors_too=delegate == BaseOptions.Delegate.GPU):
            return vision.HandLandmarker.create_from_options(options)

    def _leave_gpu(self, error: Exception) -> None:
        """From now on on the CPU; what failed on the GPU may well work there."""
        if self.device == "gpu":
            self.device = "cpu"
            reason = " ".join(str(error).split()).rpartition("cannot be created: ")[2]
            logger.warning("the detector runs on the CPU, as MediaPipe cannot use the GPU: %s", reason)

    def _close_landmarkers(self) -> None:
        while self._landmarkers:
            _, landmarker = self._landmarkers.popitem()
            try:
                landmarker.close()
            except (ValueError, RuntimeError) as error:  # a graph that has failed reports it once more here
                logger.debug("closing the hand landmarker: %s", error)

    def _count_bad_frame(self, frame: Frame, why: str) -> None:
        if self.bad_frames == 0:
            logger.warning("frame %d is skipped: %s; further bad frames are only counted", frame.index, why)
        self.bad_frames += 1


def mirrored_px(keypoints_px: np.ndarray, width_px: int) -> np.ndarray:
    """Pixels (…,2) of an image `width_px` wide moved to its mirror image, and back."""
    return keypoints_px * (-1.0, 1.0) + (float(width_px), 0.0)


def is_bgr_image(image: object) -> bool:
    """Whether it is a (height, width, 3) uint8 image that is not empty."""
    return (
        isinstance(image, np.ndarray)
        and image.dtype == np.uint8
        and image.ndim == 3
        and image.shape[2] == 3
        and min(image.shape) > 0
    )


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


def turned_round(detection: Detection, hand: Hand) -> bool:
    """Whether a `hand` that MediaPipe took for the other one has its depth the wrong way round.

    A palm that closes and the back of the other hand that closes look the same, so with the label MediaPipe
    sometimes gets the depth wrong as well. Fingers that bend backwards, seen together with the wrong label,
    are that mistake: no hand bends like that.
    """
    if detection.label == hand:
        return False
    out_of_palm_m = to_hand_frame(detection.keypoints_m, hand)[list(FINGERTIPS[1:]), 0]
    return bool(out_of_palm_m.mean() < -BACKWARD_BEND_M)


def _observation(track: Track, hand: Hand, image_size_px: tuple[int, int]) -> Observation:
    detection = track.detection
    away = -1.0 if turned_round(detection, hand) else 1.0
    return Observation(
        t_capture_ns=track.t_last_ns,
        hand=hand,
        detected=True,
        keypoints_m=detection.keypoints_m * np.array([1.0, 1.0, away]),
        keypoints_px=detection.keypoints_px,
        image_size_px=image_size_px,
        score=track.score,
        depth_px=detection.depth_px * away,
    )
