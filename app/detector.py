"""MediaPipe's hand networks behind frames and observations.

Conventions. Labels are the person's true hand in an unmirrored image. A source that shows a
mirror image (`mirrored=True`, as some camera drivers do) is flipped back before detection, so the networks
see the real hand and everything given out belongs to the operator's real hand: labels, 3D keypoints in camera
axes, and pixels of the *unmirrored* image, where u = x · width with x = 0 at the left edge. To draw on the
mirrored picture that the source showed, or on any mirror view, use `mirrored_px`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

import numpy as np

from app.errors import AppError
from app.frame import Frame, unmirrored
from app.hand_finder import HandFinder
from app.hand_tracks import Detection, HandTracks, Track
from app.opencv import cv2
from models.keypoints import FINGERTIPS
from models.observation import Hand, Observation
from retarget import to_hand_frame

if TYPE_CHECKING:
    from app.mediapipe_hands import MediaPipeHands

logger = logging.getLogger(__name__)

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
        bad_frames: frames that were no (height, width, 3) uint8 image, or that nothing could be made of.
    """

    def __init__(
        self,
        asset_path: Path,
        hands: Sequence[Hand] = ("right",),
        mirrored: bool = False,
        crowd: bool = False,
        device: DetectorDevice = "cpu",
        threads: int | None = None,
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
            threads: the CPU computes on so many; as many as there are processors, up to four, unless told.

        Raises:
            AppError: the hands or the file are unusable.
        """
        if not hands or len(set(hands)) != len(hands) or not set(hands) <= {"right", "left"}:
            raise AppError(f"cannot detect hands {tuple(hands)!r}: ask for 'right', 'left' or both of them")
        try:
            model = Path(asset_path).read_bytes()
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
        self._t_not_alone_ns = 0
        self._image_size_px = (0, 0)
        try:
            self._on_cpu = HandFinder(model, threads)
        except (ValueError, RuntimeError) as error:
            raise AppError(
                f"{asset_path} is no hand landmarker of MediaPipe's ({' '.join(str(error).split())}); "
                "delete it to fetch a good copy, or give another path"
            ) from error
        self._on_gpu: MediaPipeHands | None = None
        if device == "gpu":
            from app.mediapipe_hands import MediaPipeHands  # takes most of a second

            try:
                self._on_gpu = MediaPipeHands(model, self._searched)
            except (ValueError, RuntimeError) as error:
                self._leave_gpu(error)

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
        except (ValueError, RuntimeError, cv2.error) as error:
            self._count_bad_frame(frame, " ".join(str(error).split()))
            if self._on_gpu is not None:
                self._leave_gpu(error)
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
        if self._on_gpu is not None:
            self._on_gpu.close()

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
        image = unmirrored(frame.image, self._mirrored)
        return (self._on_gpu or self._on_cpu).find(image, self._searched, frame.t_capture_ns)

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

    def _leave_gpu(self, error: Exception) -> None:
        """From now on on the CPU; what failed on the GPU may well work there."""
        if self._on_gpu is not None:
            self._on_gpu.close()
            self._on_gpu = None
        self.device = "cpu"
        reason = " ".join(str(error).split()).rpartition("cannot be created: ")[2]
        logger.warning("the detector runs on the CPU, as MediaPipe cannot use the GPU: %s", reason)

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
