"""Bodies in front of a camera, and a detector that sees them, for tests of runs."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from app import inputs
from app.detector import HandDetector
from app.errors import AppError
from app.frame import Frame
from app.settings import TeleopSettings
from app.sources.base import EndOfSource
from models.body_model import BodyModel
from models.body_observation import BodyObservation
from models.camera import Camera
from models.observation import Observation

SIZE_PX = (640, 480)
CAMERA = Camera.assumed(SIZE_PX)
HIP_M = np.array([0.1, -0.2, 3.0])
FRAME_NS = 33_333_333


@functools.cache
def _standing() -> np.ndarray:
    rotations = np.tile(np.eye(3), (24, 1, 1))
    keypoints_m = BodyModel.load().keypoints(rotations) @ np.diag([1.0, -1.0, -1.0])
    return keypoints_m - keypoints_m[0]


def standing() -> np.ndarray:
    """(17,3) a body with its arms out, hip-relative, camera axes."""
    return _standing().copy()


def waving(i: int) -> np.ndarray:
    """The same, its right wrist moving upwards by 1 cm a frame."""
    keypoints_m = standing()
    keypoints_m[16, 1] -= 0.01 * i
    return keypoints_m


def body_seen(t_ns: int, keypoints_m: np.ndarray | None = None) -> BodyObservation:
    keypoints_m = standing() if keypoints_m is None else keypoints_m
    keypoints_px = CAMERA.project(keypoints_m + HIP_M)
    return BodyObservation(t_ns, True, keypoints_m, keypoints_px, np.full(17, 0.9), SIZE_PX)


class Pictures:
    """A source of grey pictures on a file's clock, none like the one before."""

    name, fps, size_px, live, status = "pictures", 30.0, SIZE_PX, False, ""

    def __init__(self, count: int) -> None:
        self.frame_count: int | None = count
        self._next = 0
        self._rng = np.random.default_rng(0)

    def read(self, timeout_s: float) -> Frame:
        if self._next == self.frame_count:
            raise EndOfSource
        image = self._rng.integers(60, 200, (SIZE_PX[1], SIZE_PX[0], 3), np.uint8)
        self._next += 1
        return Frame(self._next - 1, (self._next - 1) * FRAME_NS, image)

    def close(self) -> None:
        pass


class FakeBodyDetector:
    """Sees a waving body in all frames but those of a gap; fails where it is told to."""

    def __init__(self, gap: range = range(0), fails_at: int | None = None) -> None:
        self.gap, self.fails_at = gap, fails_at
        self.bad_frames = 0

    def detect(self, frame: Frame) -> BodyObservation:
        if frame.index == self.fails_at:
            raise AppError("the pose landmarker broke; start the run again")
        if frame.index in self.gap:
            return BodyObservation.missing(frame.t_capture_ns, SIZE_PX)
        return body_seen(frame.t_capture_ns, waving(frame.index))

    def __enter__(self) -> FakeBodyDetector:
        return self

    def __exit__(self, *_: object) -> None:
        pass


ALONE = TeleopSettings(
    source="pictures", hand="none", body=True, temporal="one-euro", headless=True, realtime=False, video=False
)


class FakeHandDetector(HandDetector):
    """Sees no hand."""

    def __init__(self, *_: object, **__: object) -> None:
        self.hands, self.bad_frames = ("right",), 0
        self.other_hand_in_view, self.others = False, ()

    def detect(self, frame: Frame) -> dict:
        return {"right": Observation.missing(frame.t_capture_ns, "right", SIZE_PX)}

    def close(self) -> None:
        pass


@pytest.fixture
def body_detector(monkeypatch: pytest.MonkeyPatch) -> FakeBodyDetector:
    """Stands in for MediaPipe's in all runs of the test."""
    detector = FakeBodyDetector()
    monkeypatch.setattr(inputs, "resolve_pose_landmarker", lambda path: path)
    monkeypatch.setattr(inputs, "resolve_hand_landmarker", lambda path: path)
    monkeypatch.setattr("app.body_detector.BodyDetector", lambda *_: detector)
    monkeypatch.setattr(inputs, "HandDetector", FakeHandDetector)
    return detector


def trace_of(tmp_path: Path, name: str = "run") -> dict[str, np.ndarray]:
    with np.load(tmp_path / name / "trace.npz") as data:
        return dict(data)
