"""What a run leaves behind, also when some of it cannot be written."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
from body_run_examples import ALONE, Pictures, body_detector, trace_of
from test_recording import FullDisk

from app.detector import HandDetector
from app.errors import AppError
from app.frame import Frame
from app.opencv import cv2
from app.recording import RecordingWriter
from app.sources.video import VideoSource
from app.teleop import run_teleop

__all__ = ["body_detector"]  # a fixture


@pytest.mark.usefixtures("body_detector")
@pytest.mark.parametrize("hand", ["none", "right"])
def test_a_file_that_does_not_tell_its_length_has_a_trace(tmp_path, hand):
    image = np.full((120, 160, 3), 90, np.uint8)
    path = tmp_path / "length_untold.mjpeg"
    path.write_bytes(b"".join(cv2.imencode(".jpg", image + i)[1].tobytes() for i in range(5)))
    assert VideoSource(path, realtime=False).frame_count is None
    run_teleop(replace(ALONE, hand=hand, robot="none", source=str(path), run_dir=tmp_path / "run"))
    assert len(trace_of(tmp_path)["t_capture_s"]) == 5


class NoWindow:
    """A console without anything to see."""

    def due(self, t_now_ns: int) -> bool:
        return False

    def poll_command(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.mark.usefixtures("body_detector")
@pytest.mark.parametrize("named", [True, False])
def test_a_run_with_a_window_leaves_its_results_where_a_folder_is_named(tmp_path, monkeypatch, named):
    monkeypatch.chdir(tmp_path)
    settings = replace(ALONE, headless=False, video=True, run_dir=tmp_path / "run" if named else None)
    run_teleop(settings, source=Pictures(5), open_console=lambda *_: NoWindow())
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == ({"run/report.json", "run/trace.npz"} if named else set())


@pytest.mark.usefixtures("body_detector")
def test_a_camera_has_no_trace_unless_asked_for(tmp_path):
    for name, trace in (("without", None), ("asked", tmp_path / "asked" / "trace.npz")):
        camera = Pictures(5)
        camera.live = True
        run_teleop(replace(ALONE, run_dir=tmp_path / name, trace=trace), source=camera)
        assert (tmp_path / name / "trace.npz").exists() == (trace is not None)


@pytest.mark.usefixtures("body_detector")
def test_what_came_before_a_recording_began_was_not_skipped(tmp_path):
    image = np.full((48, 64, 3), 90, np.uint8)
    with RecordingWriter(tmp_path / "begun_late", (64, 48), 30.0, blocking=True) as writer:
        for index in (100, 101, 104, 105):
            writer.write(Frame(index, index * 33_333_333, image + np.uint8(index)))
    settings = replace(ALONE, source=str(tmp_path / "begun_late"), run_dir=tmp_path / "run")
    report = run_teleop(settings).report
    assert report["frames"] == 4
    assert report["dropped_frames"]["skipped_by_source"] == 2, "those between its frames"


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


@pytest.mark.usefixtures("hand_landmarker_asset")
def test_a_run_leaves_nothing_behind_in_memory(tmp_path, monkeypatch):
    detectors: list[weakref.ref] = []

    def load(*arguments, **options):
        detector = HandDetector(*arguments, **options)
        detectors.append(weakref.ref(detector))
        return detector

    monkeypatch.setattr("app.inputs.HandDetector", load)
    settings = replace(ALONE, hand="right", body=False, robot="none", run_dir=tmp_path / "run")
    run_teleop(settings, source=Pictures(5))
    assert gc.get_freeze_count() == 0
    assert [detector() for detector in detectors] == [None], "nobody has to search for garbage"
