"""What `--source` may name."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest

from app.errors import AppError
from app.frame import Frame
from app.opencv import cv2
from app.recording import RecordingWriter
from app.sources.open import open_source
from app.sources.recording import RecordingSource
from app.sources.video import VideoSource


@pytest.mark.parametrize(
    "spec",
    ["", "webcm", "webcam:one", "webcam:-1", "webcam:", "synthetic:x", "ftp://host/video", "absent.mp4"],
)
def test_illegal_sources_are_refused_with_the_legal_forms(spec: str) -> None:
    with pytest.raises(AppError) as caught:
        open_source(spec, realtime=True)
    message = str(caught.value)
    assert "\n" not in message
    for form in ("webcam[:N]", "synthetic[:SEED]", "video file", "recording's folder", "rtsp"):
        assert form in message


def test_videos_and_recordings_are_told_apart(tmp_path: Path) -> None:
    video = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 30.0, (64, 48))
    writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    for name in ("run.rec", "any name"):
        with RecordingWriter(tmp_path / name, (64, 48), 30.0, blocking=True) as recorder:
            recorder.write(Frame(0, 0, np.zeros((48, 64, 3), np.uint8)))
        source = open_source(str(tmp_path / name), realtime=False)
        assert isinstance(source, RecordingSource)
        source.close()
    source = open_source(str(video), realtime=False)
    assert isinstance(source, VideoSource)
    source.close()


def test_directories_without_a_recording_are_refused(tmp_path: Path) -> None:
    (tmp_path / "run.rec").mkdir()
    with pytest.raises(AppError, match="is not a recording"):
        open_source(str(tmp_path / "run.rec"), realtime=True)
    with pytest.raises(AppError, match="is a directory"):
        open_source(str(tmp_path), realtime=True)


@pytest.mark.parametrize(("spec", "seed"), [("synthetic", 0), ("synthetic:7", 7)])
def test_the_synthetic_camera_gets_its_seed(monkeypatch: pytest.MonkeyPatch, spec: str, seed: int) -> None:
    made = {}
    module = types.ModuleType("app.sources.synthetic")
    module.SyntheticSource = lambda **options: made.update(options)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "app.sources.synthetic", module)
    open_source(spec, realtime=False, loop=True)
    assert made == {"seed": seed, "realtime": False, "loop": True, "script": "demo"}
