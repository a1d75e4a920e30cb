"""What `--source` may name."""

from __future__ import annotations

import errno
import os
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


def test_a_tilde_that_is_no_home_is_part_of_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("~clip.mp4").write_bytes(b"")
    with pytest.raises(AppError, match=r"the video ~clip\.mp4 is empty"):
        open_source("~clip.mp4", realtime=False)


def test_a_source_that_cannot_be_looked_at_is_told_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AppError, match=r"cannot read the source '.*': \S.*; use webcam"):
        open_source(str(tmp_path / ("long" * 100)), realtime=False)

    def refuse(path: Path, *args: object, **options: object) -> os.stat_result:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", refuse)
    monkeypatch.setattr(Path, "is_dir", refuse)
    with pytest.raises(AppError, match=r"cannot read the source 'shut/clip\.mp4': Permission denied"):
        open_source("shut/clip.mp4", realtime=False)
    with pytest.raises(AppError, match=r"cannot read the video shut/clip\.mp4: Permission denied"):
        VideoSource(Path("shut/clip.mp4"), realtime=False)


@pytest.mark.parametrize(("spec", "seed"), [("synthetic", 0), ("synthetic:7", 7)])
def test_the_synthetic_camera_gets_its_seed(monkeypatch: pytest.MonkeyPatch, spec: str, seed: int) -> None:
    made = {}
    module = types.ModuleType("app.sources.synthetic")
    module.SyntheticSource = lambda **options: made.update(options)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "app.sources.synthetic", module)
    open_source(spec, realtime=False, loop=True)
    assert made == {"seed": seed, "realtime": False, "loop": True, "script": "demo"}
