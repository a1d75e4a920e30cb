"""What a run leaves behind when some of it cannot be written."""

from __future__ import annotations

from dataclasses import replace

import pytest
from body_run_examples import ALONE, Pictures, body_detector, trace_of
from test_recording import FullDisk

from app.errors import AppError
from app.recording import RecordingWriter
from app.teleop import run_teleop

__all__ = ["body_detector"]  # a fixture


@pytest.mark.usefixtures("body_detector")
def test_a_result_that_cannot_be_written_loses_no_other(tmp_path, caplog):
    (tmp_path / "run" / "report.json").mkdir(parents=True)  # in the way
    (tmp_path / "run" / "overview.part.mp4").mkdir()
    settings = replace(ALONE, run_dir=tmp_path / "run", video=True)
    with pytest.raises(AppError, match=r"report\.json"):
        run_teleop(settings, source=Pictures(5))
    assert len(trace_of(tmp_path)["t_capture_s"]) == 5
    assert "overview.part.mp4" in caplog.text, "the other trouble is not told"


@pytest.mark.usefixtures("body_detector")
def test_a_recording_that_ended_early_fails_the_run_after_all_else_is_saved(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "app.recorder.RecordingWriter", lambda *args: RecordingWriter(*args, open_file=lambda _: FullDisk())
    )
    settings = replace(ALONE, run_dir=tmp_path / "run", record=tmp_path / "kept.rec")
    sentence = r"kept\.rec stopped after 2 frames: No space left on device; record again"
    with pytest.raises(AppError, match=sentence):
        run_teleop(settings, source=Pictures(5))
    assert len(trace_of(tmp_path)["t_capture_s"]) == 5
    assert (tmp_path / "run" / "report.json").is_file()
