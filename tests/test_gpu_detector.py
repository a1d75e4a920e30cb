"""The detector on a GPU: where MediaPipe cannot, the CPU finds the same hands and one line says so."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from mediapipe.tasks.python import BaseOptions, vision

from app.detector import HandDetector
from app.frame import Frame
from app.opencv import cv2
from app.synthetic.clip import clip_of_seed

GPU = BaseOptions.Delegate.GPU


@pytest.fixture(scope="module")
def hand_frame() -> Frame:
    """A rendered right hand."""
    capture = cv2.VideoCapture(str(clip_of_seed(0, 120).video), cv2.CAP_FFMPEG)
    capture.set(cv2.CAP_PROP_POS_FRAMES, 60)
    good, image = capture.read()
    capture.release()
    assert good
    return Frame(0, 0, image)


@pytest.fixture
def asked(monkeypatch) -> list[Any]:
    """Delegates that landmarkers were made with; there is no GPU."""
    delegates: list[Any] = []
    real = vision.HandLandmarker.create_from_options

    def create(options: Any) -> Any:
        delegates.append(options.base_options.delegate)
        if options.base_options.delegate == GPU:
            raise RuntimeError('Service "kGpuService" was not provided and cannot be created: no display')
        return real(options)

    monkeypatch.setattr(vision.HandLandmarker, "create_from_options", create)
    return delegates


def test_without_a_usable_gpu_the_cpu_detects_and_a_word_tells(
    asked, hand_landmarker_asset: Path, caplog, hand_frame: Frame
):
    with caplog.at_level(logging.WARNING), HandDetector(hand_landmarker_asset, device="gpu") as detector:
        assert detector.device == "cpu"
        assert detector.detect(hand_frame)["right"].detected
    assert asked == [GPU]
    (record,) = caplog.records
    assert record.getMessage().endswith("MediaPipe cannot use the GPU: no display")


def test_the_gpu_is_not_asked_unless_wanted(asked, hand_landmarker_asset: Path):
    with HandDetector(hand_landmarker_asset) as detector:
        assert detector.device == "cpu"
    assert asked == []


def test_a_gpu_that_gives_up_during_a_run_is_left(
    monkeypatch, hand_landmarker_asset: Path, caplog, hand_frame
):
    """One frame is lost; the next is seen by the CPU."""

    class GivesUp:
        def detect_for_video(self, image: Any, t_ms: int) -> Any:
            raise RuntimeError("the context was lost")

        def close(self) -> None:
            raise RuntimeError("the context was lost")

    monkeypatch.setattr(vision.HandLandmarker, "create_from_options", lambda options: GivesUp())
    with caplog.at_level(logging.WARNING), HandDetector(hand_landmarker_asset, device="gpu") as detector:
        assert detector.device == "gpu"
        assert not detector.detect(hand_frame)["right"].detected
        assert detector.device == "cpu"
        assert detector.detect(hand_frame)["right"].detected
    assert detector.bad_frames == 1
    assert "cannot use the GPU: the context was lost" in caplog.text


def test_what_mediapipe_says_becomes_detections(monkeypatch, hand_landmarker_asset: Path, hand_frame: Frame):
    """On a GPU that is there: MediaPipe's own landmarker, here computed by the CPU."""
    real = vision.HandLandmarker.create_from_options

    def create(options: Any) -> Any:
        options.base_options.delegate = BaseOptions.Delegate.CPU
        return real(options)

    monkeypatch.setattr(vision.HandLandmarker, "create_from_options", create)
    with HandDetector(hand_landmarker_asset, device="gpu") as detector:
        seen = detector.detect(hand_frame)["right"]
        assert detector.device == "gpu"
    with HandDetector(hand_landmarker_asset) as on_cpu:
        same = on_cpu.detect(hand_frame)["right"]
    assert seen.detected
    assert abs(seen.keypoints_px - same.keypoints_px).mean() < 0.3
    assert abs(seen.keypoints_m - same.keypoints_m).mean() < 0.001
