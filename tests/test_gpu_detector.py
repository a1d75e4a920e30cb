"""The detector on a GPU: where MediaPipe cannot, the CPU finds the same hands and one line says so."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from mediapipe.tasks.python import BaseOptions, vision

from app.detector import HandDetector

GPU = BaseOptions.Delegate.GPU


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


def test_without_a_usable_gpu_the_cpu_detects_and_a_word_tells(asked, hand_landmarker_asset: Path, caplog):
    with caplog.at_level(logging.WARNING), HandDetector(hand_landmarker_asset, device="gpu") as detector:
        assert detector.device == "cpu"
    assert asked == [GPU, BaseOptions.Delegate.CPU]
    (record,) = caplog.records
    assert record.getMessage().endswith("MediaPipe cannot use the GPU: no display")


def test_the_gpu_is_not_asked_unless_wanted(asked, hand_landmarker_asset: Path):
    with HandDetector(hand_landmarker_asset) as detector:
        assert detector.device == "cpu"
    assert asked == [BaseOptions.Delegate.CPU]
